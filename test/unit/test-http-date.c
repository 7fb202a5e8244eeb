/* SPDX-License-Identifier: MIT */
/*
 * HTTP-date against the C library's calendar, and Retry-After with all the
 * garbage that servers were seen to send.
 */
#include "base/rng.h"
#include "check.h"
#include "codec/http.h"

#include <stdio.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
  const char* text;
  int64_t want;
};

/* 784111777 is the moment that RFC 9110 §5.6.7 writes in three ways. */
static const struct row dates[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
    {"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
    {"Wed, 29 Feb 2023 00:00:00 GMT", -1},
    {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
    {"Mon, 29 Feb 2100 00:00:00 GMT", -1},
    {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
    {"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799)},
    {"Wednesday, 31-Dec-69 23:59:59 GMT", INT64_C(3155759999)},
    {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
    {"Wed Nov 16 08:49:37 1994", 784975777},
    {"", -1},
    {"Sun", -1},
    {"Sun, ", -1},
    {"Sun, 6 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 nov 1994 08:49:37 GMT", -1},
    {"sun, 06 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:37", -1},
    {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
    {"Sun, 06 Nov 1994 08:49:37 +0000", -1},
    {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
    {" Sun, 06 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 24:00:00 GMT", -1},
    {"Sun, 06 Nov 1994 08:60:00 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:61 GMT", -1},
    {"Sun, 06 Nov 1994 8:49:37 GMT", -1},
    {"Sun, 00 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 31 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Foo 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 94 08:49:37 GMT", -1},
    {"Sun, -6 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov -994 08:49:37 GMT", -1},
    {"Foo, 06 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06-Nov-94 08:49:37 GMT", -1},
    {"Sunday, 06 Nov 1994 08:49:37 GMT", -1},
    {"Sunday, 06-Nov-1994 08:49:37 GMT", -1},
    {"Sun Nov 6 08:49:37 1994", -1},
    {"Sun Nov  6 08:49:37 1994 GMT", -1},
    {"Sun Nov  6 08:49:37 94", -1},
    {"1994-11-06T08:49:37Z", -1},
};

static void test_dates(void** state) {
  (void)state;
  for (size_t i = 0; i < COUNT(dates); i++) {
    int64_t got = gcn__http_date(gcn__span_str(dates[i].text));
    if (got != dates[i].want)
      fail_msg("\"%s\": %lld", dates[i].text, (long long)got);
  }
}

static void check_moment(time_t moment) {
  struct tm parts;
  char text[64];
  assert_non_null(gmtime_r(&moment, &parts));
  size_t size =
      strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  assert_int_equal(gcn__http_date(gcn__span(text, size)), moment);
  size = strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &parts);
  assert_int_equal(gcn__http_date(gcn__span(text, size)), moment);
  if (parts.tm_year >= 170) return; /* two digits do not reach that far */
  size = strftime(text, sizeof text, "%A, %d-%b-%Y %H:%M:%S GMT", &parts);
  char* year = strrchr(text, '-') + 1;
  memmove(year, year + 2, strlen(year + 2) + 1); /* the century */
  assert_int_equal(gcn__http_date(gcn__span(text, size - 2)), moment);
}

static void test_dates_against_libc(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 7);
  for (time_t day = 0; day < 150 * 366; day++)
    check_moment(day * 86400 + day % 86400);
  for (int i = 0; i < 20000; i++)
    check_moment((time_t)gcn__rng_below(&rng, UINT64_C(253402300800)));
}

/* Every prefix and every changed byte gives a date or -1, never a crash. */
static void test_dates_cut_and_changed(void** state) {
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    char text[64];
    size_t size = strlen(dates[i].text);
    for (size_t cut = 0; cut < size; cut++)
      assert_int_equal(gcn__http_date(gcn__span(dates[i].text, cut)), -1);
    for (size_t at = 0; at < size; at++) {
      memcpy(text, dates[i].text, size);
      text[at] = '\xff';
      assert_int_equal(gcn__http_date(gcn__span(text, size)), -1);
    }
  }
}

enum { WALL = 784111777 };

static const struct row waits[] = {
    {"0", 0},
    {"1", 1000},
    {"007", 7000},
    {"3600", 3600000},
    {"36000", 36000000},
    {"2147483648", INT64_C(2147483648000)},
    {"2147483649", INT64_C(2147483648000)},
    {"1000000000", INT64_C(1000000000000)},
    {"99999999999999999999999999", INT64_C(2147483648000)},
    {"-1", -1},
    {"+1", -1},
    {"", -1},
    {" ", -1},
    {"1 ", -1},
    {"1.5", -1},
    {"1e9", -1},
    {"0x10", -1},
    {"abc", -1},
    {"10s", -1},
    {"1, 2", -1},
    {"NaN", -1},
    {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
    {"Sun, 06 Nov 1994 08:49:36 GMT", 0},
    {"Sun, 06 Nov 1994 08:49:38 GMT", 1000},
    {"Sunday, 06-Nov-94 09:49:37 GMT", 3600000},
    {"Sun Nov  6 18:49:37 1994", 36000000},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(2147483648000)},
    {"Sun, 06 Nov 1994 08:49:38", -1},
};

static void test_retry_after(void** state) {
  (void)state;
  for (size_t i = 0; i < COUNT(waits); i++) {
    int64_t got = gcn__http_retry_after(gcn__span_str(waits[i].text), WALL);
    if (got != waits[i].want)
      fail_msg("\"%s\": %lld", waits[i].text, (long long)got);
  }
  assert_int_equal(gcn__http_retry_after(gcn__span(NULL, 0), WALL), -1);
}

/* A host may run with any clock. */
static void test_retry_after_with_odd_clocks(void** state) {
  (void)state;
  struct gcn__span date = GCN__SPAN("Sun, 06 Nov 1994 08:49:37 GMT");
  static const int64_t clocks[] = {INT64_MIN, -1, 0, WALL, INT64_MAX};
  for (size_t i = 0; i < COUNT(clocks); i++) {
    int64_t wait_ms = gcn__http_retry_after(date, clocks[i]);
    assert_true(wait_ms >= 0);
    assert_true(wait_ms <= INT64_C(2147483648000));
    assert_int_equal(gcn__http_retry_after(GCN__SPAN("5"), clocks[i]), 5000);
  }
  assert_int_equal(gcn__http_retry_after(date, 0), INT64_C(784111777000));
  assert_int_equal(gcn__http_retry_after(date, INT64_MAX), 0);
}

static int64_t asked_by(const char* headers) {
  char text[512];
  snprintf(text, sizeof text, "HTTP/1.1 429 .\r\n%sContent-Length: 0\r\n\r\n",
           headers);
  struct gcn__http* http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                                         &gcn__http_limits_default);
  assert_non_null(http);
  struct gcn__span in = gcn__span_str(text);
  assert_int_equal(gcn__http_read(http, &in), GCN__HTTP_DONE);
  int64_t asked_ms = gcn__http_asked_ms(http);
  gcn__http_free(http);
  return asked_ms;
}

#define AT(second) "Sun, 06 Nov 1994 08:49:" second " GMT\r\n"

/* FAULTS H06: of several the longest counts, and a date needs the answer's own
 * one, of which there has to be one only. */
static void test_asked(void** state) {
  (void)state;
  assert_int_equal(asked_by(""), -1);
  assert_int_equal(asked_by("Retry-After: 7\r\n"), 7000);
  assert_int_equal(asked_by("RETRY-AFTER:  7 \r\n"), 7000);
  assert_int_equal(asked_by("Retry-After:\r\n"), -1);
  assert_int_equal(asked_by("Retry-After: 1e9\r\n"), -1);
  assert_int_equal(asked_by("Retry-After: 1\r\nRetry-After: 7\r\n"), 7000);
  assert_int_equal(asked_by("Retry-After: 7\r\nRetry-After: 1\r\n"), 7000);
  assert_int_equal(asked_by("Retry-After: x\r\nRetry-After: 1\r\n"), 1000);
  assert_int_equal(asked_by("Retry-After: 1\r\nRetry-After: -5\r\n"), 1000);
  assert_int_equal(asked_by("Retry-After: " AT("40")), -1);
  assert_int_equal(asked_by("Date: " AT("37") "Retry-After: " AT("40")), 3000);
  assert_int_equal(asked_by("Retry-After: " AT("40") "Date: " AT("37")), 3000);
  assert_int_equal(asked_by("Date: " AT("37") "Retry-After: " AT("30")), 0);
  assert_int_equal(asked_by("Date: soon\r\nRetry-After: " AT("40")), -1);
  assert_int_equal(
      asked_by("Date: " AT("37") "Date: " AT("39") "Retry-After: " AT("40")),
      -1);
  assert_int_equal(
      asked_by("Date: " AT("37") "Date: " AT("39") "Retry-After: 5\r\n"), 5000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dates),
      cmocka_unit_test(test_dates_against_libc),
      cmocka_unit_test(test_dates_cut_and_changed),
      cmocka_unit_test(test_retry_after),
      cmocka_unit_test(test_retry_after_with_odd_clocks),
      cmocka_unit_test(test_asked),
  };
  return cmocka_run_group_tests_name("http-date", tests, NULL, NULL);
}
