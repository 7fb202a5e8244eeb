/* SPDX-License-Identifier: MIT */
/*
 * Retry-After and HTTP-date from any bytes (FAULTS F8).
 *
 * The first eight bytes are the wall clock, the rest is the value.  A wait is
 * absent or between 0 and 2^31 seconds, and what backoff makes of it is never
 * above the cap for such wishes and its jitter; a date that is accepted is one
 * that the C library writes in the same letters; and a clock that is later by a
 * second makes the wait no longer and at most a second shorter.
 */
#include "base/rng.h"
#include "codec/http.h"
#include "core/backoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { DATE_SIZE_MAX = 64, MS_PER_S = 1000 };

static const int64_t wait_max_ms = (INT64_C(1) << 31) * MS_PER_S;

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-retry: %s\n", what);
  abort();
}

static size_t weekday_size(struct gcn__span text) {
  size_t size = 0;
  while (size < text.size && text.data[size] >= 'A' && text.data[size] <= 'z')
    size++;
  return size;
}

/* Whether the C library writes the moment like this in one of the three forms,
 * the day of the week left out. */
static bool is_written_as(const struct tm* fields, struct gcn__span rest) {
  char text[3][DATE_SIZE_MAX];
  size_t size[3];
  size[0] = strftime(text[0], DATE_SIZE_MAX, ", %d %b %Y %H:%M:%S GMT", fields);
  size[1] = strftime(text[1], DATE_SIZE_MAX, ", %d-%b-", fields);
  size[1] += (size_t)snprintf(text[1] + size[1], 8, "%02d",
                              (fields->tm_year + 1900) % 100);
  size[1] +=
      strftime(text[1] + size[1], DATE_SIZE_MAX / 2, " %H:%M:%S GMT", fields);
  size[2] = strftime(text[2], DATE_SIZE_MAX, " %b %e %H:%M:%S %Y", fields);
  for (int i = 0; i < 3; i++) {
    if (gcn__span_equal(rest, gcn__span(text[i], size[i]))) return true;
  }
  return false;
}

/* The day of the week is not looked at, because servers get it wrong; and the
 * C library has no leap seconds. */
static bool is_written(int64_t date_s, struct gcn__span value) {
  struct gcn__span rest = gcn__span_skip(value, weekday_size(value));
  for (int leap = 0; leap < 2; leap++) {
    struct tm fields;
    time_t at = (time_t)date_s - leap;
    check(gmtime_r(&at, &fields) != NULL, "a date beyond any calendar");
    fields.tm_sec += leap;
    if (is_written_as(&fields, rest)) return true;
  }
  return false;
}

/* asctime's day may have a zero in front. */
static bool is_padded(struct gcn__span value) {
  size_t at = weekday_size(value) + 5;
  return value.size > at && value.data[at] == '0';
}

static void check_date(struct gcn__span value) {
  int64_t date_s = gcn__http_date(value);
  check(date_s >= -1, "a date before there were any");
  if (date_s < 0) return;
  check(is_written(date_s, value) || is_padded(value),
        "takes what is no date for one");
}

static void check_backoff(int64_t wait_ms) {
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, (uint64_t)wait_ms);
  uint64_t asked_ms = wait_ms < 0 ? 0 : (uint64_t)wait_ms;
  uint64_t least_ms = asked_ms < settings.retry_after_max_ms
                          ? asked_ms
                          : settings.retry_after_max_ms;
  uint64_t delay_ms = gcn__backoff_delay(&settings, 1, asked_ms, &rng);
  uint64_t most_ms = settings.retry_after_max_ms + settings.retry_cap_ms;
  check(delay_ms >= least_ms, "earlier than was asked for");
  check(delay_ms <= most_ms + most_ms / 5, "later than any cap");
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  int64_t wall_s = 0;
  if (size < sizeof wall_s) return 0;
  memcpy(&wall_s, data, sizeof wall_s);
  struct gcn__span value =
      gcn__span(data + sizeof wall_s, size - sizeof wall_s);
  int64_t wait_ms = gcn__http_retry_after(value, wall_s);
  check(wait_ms >= -1 && wait_ms <= wait_max_ms, "an impossible wait");
  check(wait_ms < 0 || wait_ms % MS_PER_S == 0, "no whole seconds");
  check_date(value);
  check_backoff(wait_ms);
  if (wall_s == INT64_MAX) return 0;
  int64_t later_ms = gcn__http_retry_after(value, wall_s + 1);
  check((wait_ms < 0) == (later_ms < 0), "readable only at times");
  check(wall_s < 0 || (later_ms <= wait_ms && wait_ms - later_ms <= MS_PER_S),
        "waits are not seconds");
  return 0;
}
