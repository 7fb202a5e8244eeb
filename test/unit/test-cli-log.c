/* SPDX-License-Identifier: MIT */
/*
 * cli/log-format: lines of standard error for programs, to the byte.
 */
#include "cli/log-format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"
#include "gcnotify/errno.h"
#include "mem-probe.h"

#define TIME "2031-04-04T08:15:20.114Z"

enum { SIZE_MAX_HERE = 8192 };

static int write_line(struct gcn__buf* out, enum gcn__log_format format,
                      const char* text) {
  return gcn__log_format_line(out, format, 1933056920114, "warn", text);
}

static void expect(enum gcn__log_format format, const char* text,
                   const char* expected) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, SIZE_MAX_HERE);
  assert_int_equal(write_line(&out, format, text), 0);
  assert_int_equal(gcn__buf_append(&out, "", 1), 0);
  assert_string_equal(gcn__buf_span(&out).data, expected);
  gcn__buf_deinit(&out);
}

static void test_sentences(void** state) {
  (void)state;
  expect(GCN__LOG_FORMAT_LOGFMT, "a \"word\" and \\ and \033[2J",
         "time=" TIME " level=warn msg=\"a \\\"word\\\" and \\\\ and ?[2J\"\n");
  expect(GCN__LOG_FORMAT_JSON, "a \"word\"\n\033",
         "{\"time\":\"" TIME "\",\"level\":\"warn\","
         "\"msg\":\"a \\\"word\\\"\\n\\u001b\"}\n");
  expect(GCN__LOG_FORMAT_JSON, "",
         "{\"time\":\"" TIME "\",\"level\":\"warn\",\"msg\":\"\"}\n");
}

static void test_events(void** state) {
  (void)state;
  static const char event[] =
      "event=backoff delay_ms=250 why=\"two \\\"words\\\"\" id=007 n=-5 z=0";
  expect(GCN__LOG_FORMAT_LOGFMT, event,
         "time=" TIME " level=warn event=backoff delay_ms=250 "
         "why=\"two \\\"words\\\"\" id=007 n=-5 z=0\n");
  expect(GCN__LOG_FORMAT_JSON, event,
         "{\"time\":\"" TIME "\",\"level\":\"warn\",\"event\":\"backoff\","
         "\"delay_ms\":250,\"why\":\"two \\\"words\\\"\",\"id\":\"007\","
         "\"n\":-5,\"z\":0}\n");
  expect(GCN__LOG_FORMAT_JSON, "event=x n=\"5\" e=\"\" m=-",
         "{\"time\":\"" TIME "\",\"level\":\"warn\",\"event\":\"x\","
         "\"n\":\"5\",\"e\":\"\",\"m\":\"-\"}\n");
}

/* Whatever a line holds, what comes out is one JSON object on one line. */
static void test_garbage(void** state) {
  (void)state;
  static const char* const texts[] = {
      "event=",         "event= ",     "event=a b",      "event=a =",
      "event=\"",       "event=\"a\\", "event=a  b=c d", "event=a \"=\"",
      "event=\xff\xfe", "event=a b==", "event=1 2=3",    "event=a\nb=c",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, SIZE_MAX_HERE);
    assert_int_equal(write_line(&out, GCN__LOG_FORMAT_JSON, texts[i]), 0);
    struct gcn__span line = gcn__buf_span(&out);
    struct gcn__json* root = gcn__json_parse(line, NULL);
    if (root == NULL) fail_msg("no JSON for: %s", texts[i]);
    gcn__json_free(root, false);
    const char* end = memchr(line.data, '\n', line.size);
    assert_ptr_equal(end, line.data + line.size - 1);
    gcn__buf_deinit(&out);
  }
}

static void test_failing_memory(void** state) {
  (void)state;
  static const char* const texts[] = {"a sentence", "event=a b=1 c=\"d e\""};
  for (size_t i = 0; i < 4; i++) {
    enum gcn__log_format format =
        i < 2 ? GCN__LOG_FORMAT_LOGFMT : GCN__LOG_FORMAT_JSON;
    for (size_t limit = 1;; limit++) {
      struct mem_probe probe = {.fail_at = limit == 1 ? 1 : 0};
      struct gcn__mem mem = mem_probe_mem(&probe);
      struct gcn__buf out;
      gcn__buf_init(&out, &mem, limit);
      int error = write_line(&out, format, texts[i % 2]);
      gcn__buf_deinit(&out);
      assert_int_equal(probe.live_size, 0);
      if (error == 0) break;
      assert_true(limit < 200);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sentences),
      cmocka_unit_test(test_events),
      cmocka_unit_test(test_garbage),
      cmocka_unit_test(test_failing_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
