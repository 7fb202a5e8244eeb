/* SPDX-License-Identifier: MIT */
/*
 * base/log: lines that are made, cut and swallowed; events as logfmt.  And
 * client/logger, through which an event passes like any other line.
 */
#include "base/log.h"

#include "check.h"
#include "client/logger.h"

#include <stdio.h>
#include <string.h>

struct listener {
  char line[GCN__LOG_LINE_SIZE_MAX + 1];
  enum gcn__log_level level;
  unsigned count;
};

static void hear(void* ctx, enum gcn__log_level level, const char* line) {
  struct listener* listener = ctx;
  assert_true(strlen(line) < GCN__LOG_LINE_SIZE_MAX);
  snprintf(listener->line, sizeof listener->line, "%s", line);
  listener->level = level;
  listener->count++;
}

static struct gcn__log log_to(struct listener* listener) {
  *listener = (struct listener){.count = 0};
  return (struct gcn__log){hear, listener, GCN__LOG_INFO};
}

static void a_level_above_is_not_written(void** state) {
  (void)state;
  struct listener listener;
  struct gcn__log log = log_to(&listener);
  gcn__log(&log, GCN__LOG_DEBUG, "no");
  GCN__LOG_EVENT(&log, GCN__LOG_DEBUG, "no", gcn__log_number("n", 1));
  assert_int_equal(listener.count, 0);
  gcn__log(&log, GCN__LOG_INFO, "%s %d", "yes", 1);
  assert_string_equal(listener.line, "yes 1");
  GCN__LOG_EVENT(&log, GCN__LOG_ERROR, "yes", gcn__log_number("n", 2));
  assert_string_equal(listener.line, "event=yes n=2");
  assert_int_equal(listener.level, GCN__LOG_ERROR);
  assert_int_equal(listener.count, 2);
}

static void a_log_without_a_writer_swallows(void** state) {
  (void)state;
  struct gcn__log log = {.level = GCN__LOG_DEBUG};
  gcn__log(&log, GCN__LOG_ERROR, "x");
  gcn__log(NULL, GCN__LOG_ERROR, "x");
  gcn__log_event(&log, GCN__LOG_ERROR, "x", NULL, 0);
  gcn__log_event(NULL, GCN__LOG_ERROR, "x", NULL, 0);
  struct listener listener;
  log = log_to(&listener);
  gcn__log_event(&log, GCN__LOG_ERROR, "alone", NULL, 0);
  assert_string_equal(listener.line, "event=alone");
}

static void expect_text(const char* text, const char* want) {
  struct listener listener;
  struct gcn__log log = log_to(&listener);
  char line[128];
  GCN__LOG_EVENT(&log, GCN__LOG_INFO, "e", gcn__log_text("k", text),
                 gcn__log_number("after", -1));
  snprintf(line, sizeof line, "event=e k=%s after=-1", want);
  assert_string_equal(listener.line, line);
}

static void values_are_quoted_where_needed(void** state) {
  (void)state;
  expect_text("api.mypurecloud.de", "api.mypurecloud.de");
  expect_text("BACKING_OFF", "BACKING_OFF");
  expect_text("", "\"\"");
  expect_text(NULL, "\"\"");
  expect_text("two words", "\"two words\"");
  expect_text("a=b", "\"a=b\"");
  expect_text("say \"hi\"", "\"say \\\"hi\\\"\"");
  expect_text("back\\slash", "\"back\\\\slash\"");
}

static void no_byte_can_act_on_a_terminal_or_begin_a_line(void** state) {
  (void)state;
  expect_text("a\nevent=forged", "\"a?event=forged\"");
  expect_text("\x1b[2J", "\"?[2J\"");
  expect_text("gr\xc3\xbc\xc3\x9f", "\"gr????\"");
  expect_text("\x7f", "\"?\"");
}

static void numbers_are_whole(void** state) {
  (void)state;
  struct listener listener;
  struct gcn__log log = log_to(&listener);
  GCN__LOG_EVENT(&log, GCN__LOG_INFO, "e", gcn__log_number("a", INT64_MIN),
                 gcn__log_number("b", INT64_MAX), gcn__log_number("c", 0));
  assert_string_equal(
      listener.line,
      "event=e a=-9223372036854775808 b=9223372036854775807 c=0");
}

/* For every length: each pair stands whole or not at all, and a line without
 * one of them says so. */
static void a_long_line_loses_whole_values(void** state) {
  (void)state;
  unsigned cut_count = 0;
  for (size_t size = 0; size < GCN__LOG_LINE_SIZE_MAX + 8; size++) {
    char text[GCN__LOG_LINE_SIZE_MAX + 9];
    char want[2 * GCN__LOG_LINE_SIZE_MAX];
    memset(text, '"', size);
    text[size] = '\0';
    struct listener listener;
    struct gcn__log log = log_to(&listener);
    GCN__LOG_EVENT(&log, GCN__LOG_INFO, "e", gcn__log_number("a", 1),
                   gcn__log_text("k", text), gcn__log_number("b", 2));
    size_t line_size = strlen(listener.line);
    bool is_cut = strcmp(listener.line + line_size - 6, " cut=1") == 0;
    cut_count += is_cut;
    bool has_text = strstr(listener.line, " k=\"") != NULL;
    if (!has_text) {
      assert_string_equal(listener.line, "event=e a=1 cut=1");
      continue;
    }
    int at = snprintf(want, sizeof want, "event=e a=1 k=\"");
    for (size_t i = 0; i < size; i++) {
      at += snprintf(want + at, sizeof want - (size_t)at, "\\\"");
    }
    snprintf(want + at, sizeof want - (size_t)at,
             is_cut ? "\" cut=1" : "\" b=2");
    assert_string_equal(listener.line, want);
  }
  assert_true(cut_count > 8 && cut_count < GCN__LOG_LINE_SIZE_MAX);
}

struct user {
  char lines[GCN__LOGGER_LINES_MAX + 2][64];
  unsigned count;
};

static void told(void* data, gcn_log_level_t level, const char* line) {
  struct user* user = data;
  (void)level;
  assert_true(user->count < GCN__LOGGER_LINES_MAX + 2);
  snprintf(user->lines[user->count++], sizeof user->lines[0], "%s", line);
}

struct relay {
  struct gcn__logger logger;
  struct user user;
  uint64_t now_ms;
};

static void pass_on(void* ctx, enum gcn__log_level level, const char* line) {
  struct relay* relay = ctx;
  gcn__logger_write(&relay->logger, &relay->user, (gcn_log_level_t)level, line,
                    relay->now_ms);
}

static void events_are_limited_like_lines(void** state) {
  (void)state;
  struct relay relay = {
      .logger = {.call = told, .level = GCN_LOG_INFO},
      .now_ms = 5000,
  };
  struct gcn__log log = {pass_on, &relay, GCN__LOG_INFO};
  for (int i = 0; i < 25; i++) {
    GCN__LOG_EVENT(&log, GCN__LOG_INFO, "tick", gcn__log_number("n", i));
  }
  assert_int_equal(relay.user.count, GCN__LOGGER_LINES_MAX);
  assert_string_equal(relay.user.lines[9], "event=tick n=9");
  relay.now_ms += GCN__LOGGER_WINDOW_MS;
  GCN__LOG_EVENT(&log, GCN__LOG_INFO, "tick", gcn__log_number("n", 25));
  assert_int_equal(relay.user.count, GCN__LOGGER_LINES_MAX + 2);
  assert_non_null(strstr(relay.user.lines[10], "15"));
  assert_string_equal(relay.user.lines[11], "event=tick n=25");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_level_above_is_not_written),
      cmocka_unit_test(a_log_without_a_writer_swallows),
      cmocka_unit_test(values_are_quoted_where_needed),
      cmocka_unit_test(no_byte_can_act_on_a_terminal_or_begin_a_line),
      cmocka_unit_test(numbers_are_whole),
      cmocka_unit_test(a_long_line_loses_whole_values),
      cmocka_unit_test(events_are_limited_like_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
