/* SPDX-License-Identifier: MIT */
/*
 * Spans, times and log lines: absent against empty, ASCII case without a
 * locale, saturation, cut lines.
 */
#include "base/span.h"

#include "base/log.h"
#include "base/time.h"
#include "check.h"

#include <locale.h>

static const struct gcn__span absent = {NULL, 0};

static void absent_differs_from_empty_only_in_data(void** state) {
  (void)state;
  struct gcn__span empty = GCN__SPAN("");
  assert_null(gcn__span_str(NULL).data);
  assert_non_null(empty.data);
  assert_true(gcn__span_equal(absent, empty));
  assert_true(gcn__span_iequal(absent, empty));
  assert_true(gcn__span_is(absent, ""));
  assert_true(gcn__span_starts(absent, ""));
  assert_false(gcn__span_starts(absent, "x"));
}

static void comparison_is_by_bytes(void** state) {
  (void)state;
  struct gcn__span span = gcn__span("ab\0cd", 5);
  assert_false(gcn__span_is(span, "ab"));
  assert_true(gcn__span_equal(span, gcn__span("ab\0cd", 5)));
  assert_true(gcn__span_starts(span, "ab"));
  assert_false(gcn__span_starts(GCN__SPAN("ab"), "abc"));
  assert_false(gcn__span_is(GCN__SPAN("Abc"), "abc"));
  assert_true(gcn__span_iis(GCN__SPAN("Abc"), "aBC"));
  assert_false(gcn__span_iis(GCN__SPAN("Abc"), "abcd"));
}

static void only_ascii_letters_have_case(void** state) {
  (void)state;
  /* Where it exists, the Turkish locale lower-cases I to a dotless i. */
  setlocale(LC_ALL, "tr_TR.UTF-8");
  for (int c = 0; c < 256; c++) {
    char lower = gcn__ascii_lower((char)c);
    bool letter = c >= 'A' && c <= 'Z';
    assert_int_equal(lower, letter ? (char)(c + 32) : (char)c);
  }
  assert_true(gcn__span_iis(GCN__SPAN("TITLE"), "title"));
  assert_false(gcn__span_iis(GCN__SPAN("[{"), "{["));
  setlocale(LC_ALL, "C");
}

static void skip_moves_the_front(void** state) {
  (void)state;
  struct gcn__span rest = gcn__span_skip(GCN__SPAN("abc"), 1);
  assert_true(gcn__span_is(rest, "bc"));
  assert_int_equal(gcn__span_skip(rest, 2).size, 0);
}

static void times_saturate(void** state) {
  (void)state;
  assert_true(gcn__time_add(1, 2) == 3);
  assert_true(gcn__time_add(GCN__NEVER, 0) == GCN__NEVER);
  assert_true(gcn__time_add(GCN__NEVER, 1) == GCN__NEVER);
  assert_true(gcn__time_add(GCN__NEVER - 5, 5) == GCN__NEVER);
  assert_true(gcn__time_add(1, GCN__NEVER) == GCN__NEVER);
  assert_true(gcn__time_until(10, 4) == 6);
  assert_true(gcn__time_until(4, 10) == 0);
  assert_true(gcn__time_until(4, 4) == 0);
  assert_true(gcn__time_min(3, 4) == 3);
  assert_true(gcn__time_min(GCN__NEVER, 4) == 4);
}

/* --- log ------------------------------------------------------------------ */

struct lines {
  unsigned count;
  enum gcn__log_level level;
  char last[2 * GCN__LOG_LINE_SIZE_MAX];
};

static void keep_line(void* ctx, enum gcn__log_level level, const char* line) {
  struct lines* lines = ctx;
  lines->count++;
  lines->level = level;
  strncpy(lines->last, line, sizeof lines->last - 1);
}

static void log_keeps_to_its_level(void** state) {
  (void)state;
  struct lines lines = {0};
  struct gcn__log log = {keep_line, &lines, GCN__LOG_INFO};
  gcn__log(&log, GCN__LOG_DEBUG, "no %d", 1);
  assert_int_equal(lines.count, 0);
  gcn__log(&log, GCN__LOG_INFO, "yes %d", 2);
  gcn__log(&log, GCN__LOG_ERROR, "yes %d", 3);
  assert_int_equal(lines.count, 2);
  assert_int_equal(lines.level, GCN__LOG_ERROR);
  assert_string_equal(lines.last, "yes 3");
}

static void log_cuts_long_lines(void** state) {
  (void)state;
  struct lines lines = {0};
  struct gcn__log log = {keep_line, &lines, GCN__LOG_DEBUG};
  gcn__log(&log, GCN__LOG_INFO, "%0600d", 7);
  assert_int_equal(strlen(lines.last), GCN__LOG_LINE_SIZE_MAX - 1);
  gcn__log(&log, GCN__LOG_INFO, "%0511d", 7);
  assert_int_equal(strlen(lines.last), GCN__LOG_LINE_SIZE_MAX - 1);
  assert_int_equal(lines.last[GCN__LOG_LINE_SIZE_MAX - 2], '7');
}

static void log_without_a_writer_swallows(void** state) {
  (void)state;
  struct gcn__log log = {.level = GCN__LOG_DEBUG};
  gcn__log(&log, GCN__LOG_ERROR, "lost");
  gcn__log(NULL, GCN__LOG_ERROR, "lost");
  assert_null(log.write);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(absent_differs_from_empty_only_in_data),
      cmocka_unit_test(comparison_is_by_bytes),
      cmocka_unit_test(only_ascii_letters_have_case),
      cmocka_unit_test(skip_moves_the_front),
      cmocka_unit_test(times_saturate),
      cmocka_unit_test(log_keeps_to_its_level),
      cmocka_unit_test(log_cuts_long_lines),
      cmocka_unit_test(log_without_a_writer_swallows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
