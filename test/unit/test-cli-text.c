/* SPDX-License-Identifier: MIT */
/*
 * cli/text: times, durations, numbers, foreign text.
 */
#include "cli/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "gcnotify/errno.h"

static void expect_utc(int64_t unix_ms, const char* text) {
  char out[GCN__TEXT_TIME_SIZE];
  gcn__text_time_utc(out, unix_ms);
  assert_string_equal(out, text);
}

static void test_utc(void** state) {
  (void)state;
  expect_utc(0, "1970-01-01T00:00:00.000Z");
  expect_utc(1933056920114, "2031-04-04T08:15:20.114Z");
  expect_utc(951782399999, "2000-02-28T23:59:59.999Z");
  expect_utc(951782400000, "2000-02-29T00:00:00.000Z");
  expect_utc(-1, "1969-12-31T23:59:59.999Z");
  expect_utc(253402300799999, "9999-12-31T23:59:59.999Z");
  expect_utc(INT64_MAX, "1970-01-01T00:00:00.000Z"); /* of no use: harmless */
  expect_utc(INT64_MIN, "1970-01-01T00:00:00.000Z");
}

static void test_local(void** state) {
  (void)state;
  setenv("TZ", "UTC-2", 1); /* POSIX: two hours east */
  tzset();
  char out[GCN__TEXT_TIME_SIZE];
  gcn__text_time_local(out, 3600007);
  assert_string_equal(out, "03:00:00.007");
}

static void expect_age(uint64_t age_ms, const char* text) {
  char out[GCN__TEXT_AGE_SIZE];
  gcn__text_age(out, age_ms);
  assert_string_equal(out, text);
}

static void test_age(void** state) {
  (void)state;
  expect_age(0, "0 ms");
  expect_age(999, "999 ms");
  expect_age(1000, "1.0 s");
  expect_age(59999, "59.9 s");
  expect_age(60000, "1 min 00 s");
  expect_age(3599999, "59 min 59 s");
  expect_age(3600000, "1 h 00 min");
  expect_age(UINT64_MAX, "for ever");
}

static void expect_duration(const char* text, uint64_t expected_ms) {
  uint64_t duration_ms = 42;
  assert_true(gcn__text_duration(text, &duration_ms));
  assert_int_equal(duration_ms, expected_ms);
}

static void test_duration(void** state) {
  (void)state;
  expect_duration("250ms", 250);
  expect_duration("30s", 30000);
  expect_duration("30", 30000);
  expect_duration("10m", 600000);
  expect_duration("10min", 600000);
  expect_duration("2h", 7200000);
  expect_duration("1d", 86400000);
  expect_duration("0s", 0);
  static const char* const wrong[] = {"",        "s",
                                      "-1s",     "1.5s",
                                      "1 s",     "1S",
                                      "1w",      "ms",
                                      "1s ",     "18446744073709551616s",
                                      "366001d", "99999999999999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    uint64_t duration_ms;
    assert_false(gcn__text_duration(wrong[i], &duration_ms));
  }
}

static void test_number(void** state) {
  (void)state;
  uint64_t number = 0;
  assert_true(gcn__text_number("0", &number));
  assert_int_equal(number, 0);
  assert_true(gcn__text_number("18446744073709551615", &number));
  assert_true(number == UINT64_MAX);
  static const char* const wrong[] = {
      "", "-1", "+1", "1x", " 1", "1 ", "0x1", "18446744073709551616"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_false(gcn__text_number(wrong[i], &number));
  }
}

static void expect_clean(struct gcn__span text, const char* expected) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1000);
  assert_int_equal(gcn__text_clean(&out, text), 0);
  struct gcn__span span = gcn__buf_span(&out);
  assert_int_equal(span.size, strlen(expected));
  assert_memory_equal(span.data, expected, span.size);
  gcn__buf_deinit(&out);
}

static void test_clean(void** state) {
  (void)state;
  expect_clean(GCN__SPAN(""), "");
  expect_clean(GCN__SPAN("plain"), "plain");
  expect_clean(GCN__SPAN("\033[2Jx\r\n"), "\\u001b[2Jx\\u000d\\u000a");
  expect_clean(GCN__SPAN("a\177b"), "a\\u007fb");
  expect_clean(GCN__SPAN("a\0b"), "a\\u0000b");
  /* C1: CSI as one character; its neighbours in UTF-8 are left alone. */
  expect_clean(GCN__SPAN("\xc2\x9b"
                         "31m"),
               "\\u009b31m");
  expect_clean(GCN__SPAN("\xc2\xa0\xc3\x9b"), "\xc2\xa0\xc3\x9b");
  expect_clean(GCN__SPAN("\xc2"), "\xc2");
}

static void test_clean_limit(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 5);
  assert_int_equal(gcn__text_clean(&out, GCN__SPAN("\033")), GCN_ELIMIT);
  gcn__buf_deinit(&out);
}

static void test_one_line(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 100);
  assert_int_equal(gcn__buf_append_str(&out, "\n"), 0);
  assert_int_equal(gcn__text_one_line(&out, GCN__SPAN("{\r\n\"a\\n\":\t1\n}")),
                   0);
  struct gcn__span span = gcn__buf_span(&out);
  /* Only what was added is changed. */
  assert_true(gcn__span_is(span, "\n{  \"a\\n\":\t1 }"));
  gcn__buf_deinit(&out);
}

static void masks_channels(void** state) {
  (void)state;
  static const struct {
    const char* text;
    const char* want;
  } rows[] = {
      {"", ""},
      {"v2.users.A.presence", "v2.users.A.presence"},
      {"v2.system.token_revoked.streaming-8-2sjh6u3klqdz",
       "v2.system.token_revoked.streaming-8-***"},
      {"{\"a\":\"streaming-12-abc\",\"b\":\"streaming-0-x_Y-z\"}",
       "{\"a\":\"streaming-12-***\",\"b\":\"streaming-0-***\"}"},
      {"streaming-", "streaming-"},
      {"streaming-x-secret", "streaming-x-secret"},
      {"streaming-3-", "streaming-3-***"},
      {"no streaming here", "no streaming here"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 1024);
    int error = gcn__text_mask_channels(&out, gcn__span_str(rows[i].text));
    assert_int_equal(error, 0);
    assert_true(gcn__span_is(gcn__buf_span(&out), rows[i].want));
    gcn__buf_deinit(&out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(masks_channels), cmocka_unit_test(test_utc),
      cmocka_unit_test(test_local),     cmocka_unit_test(test_age),
      cmocka_unit_test(test_duration),  cmocka_unit_test(test_number),
      cmocka_unit_test(test_clean),     cmocka_unit_test(test_clean_limit),
      cmocka_unit_test(test_one_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
