/* SPDX-License-Identifier: MIT */
/*
 * The service's numbers made into a pace: nothing while there is plenty, and
 * near the limit never more calls than were left.
 */
#include "core/limits.h"

#include "base/rng.h"
#include "base/time.h"
#include "check.h"

enum { NOW_MS = 50000, ROUND_COUNT = 50000 };

static struct gcn__limits told(uint64_t allowed, uint64_t count,
                               uint64_t reset_s) {
  struct gcn__limits limits = {0};
  struct gcn__quota quota = {allowed, count, reset_s};
  gcn__limits_told(&limits, &quota, NOW_MS);
  return limits;
}

static uint64_t wait_of(const struct gcn__limits* limits, uint64_t now_ms) {
  return gcn__time_until(gcn__limits_next(limits), now_ms);
}

static void a_tenth_left_is_plenty(void** state) {
  (void)state;
  struct gcn__limits limits = told(300, 270, 30);
  assert_true(wait_of(&limits, NOW_MS) == 0);
  limits = told(300, 271, 30); /* 29 left in 31 s */
  assert_true(wait_of(&limits, NOW_MS) == 1034);
  limits = told(300, 0, 30);
  assert_true(wait_of(&limits, NOW_MS) == 0);
}

static void the_rest_is_spread_over_the_window(void** state) {
  (void)state;
  struct gcn__limits limits = told(300, 280, 41); /* 20 left in 42 s */
  uint64_t at_ms = NOW_MS;
  for (uint64_t i = 1; i <= 20; i++) {
    assert_true(gcn__limits_next(&limits) == NOW_MS + i * 2000);
    at_ms = gcn__limits_next(&limits);
    gcn__limits_spend(&limits, at_ms);
  }
  assert_true(at_ms < NOW_MS + 41000);
  /* The window after it is not ours to judge. */
  assert_true(gcn__limits_next(&limits) == NOW_MS + 42000);
  gcn__limits_spend(&limits, NOW_MS + 42000);
  assert_true(gcn__limits_next(&limits) == NOW_MS + 42000);
  limits = told(300, 280, 40);
  gcn__limits_spend(&limits, NOW_MS + 40000);
  assert_true(gcn__limits_next(&limits) == NOW_MS + 41000);
}

static void none_left_waits_for_the_next_window(void** state) {
  (void)state;
  struct gcn__limits limits = told(300, 300, 61);
  assert_true(wait_of(&limits, NOW_MS) == 62000);
  limits = told(300, 4711, 0); /* more than allowed; rounded down */
  assert_true(wait_of(&limits, NOW_MS) == 1000);
  limits = told(1, 1, 5);
  assert_true(wait_of(&limits, NOW_MS) == 6000);
}

static void silence_changes_nothing(void** state) {
  (void)state;
  struct gcn__limits limits = told(300, 300, 61);
  struct gcn__quota nothing = {0, 4711, 4711};
  gcn__limits_told(&limits, &nothing, NOW_MS + 10);
  assert_true(wait_of(&limits, NOW_MS) == 62000);
}

static void plenty_ends_the_pace(void** state) {
  (void)state;
  struct gcn__limits limits = told(300, 299, 61);
  struct gcn__quota plenty = {300, 1, 60};
  gcn__limits_told(&limits, &plenty, NOW_MS + 10);
  assert_true(wait_of(&limits, NOW_MS + 10) == 0);
}

static void a_wrong_window_does_not_park_us(void** state) {
  (void)state;
  struct gcn__limits limits = told(300, 300, UINT64_MAX);
  assert_true(wait_of(&limits, NOW_MS) == 301000);
}

/* Three calls wait for their moments when an answer says how many are left:
 * the fourth comes after them. */
static void given_moments_are_not_given_again(void** state) {
  (void)state;
  struct gcn__limits limits = told(300, 290, 32); /* 10 left, every 3 s */
  for (int i = 0; i < 3; i++) {
    gcn__limits_spend(&limits, gcn__limits_next(&limits));
  }
  uint64_t fourth_ms = gcn__limits_next(&limits);
  assert_true(fourth_ms == NOW_MS + 12000);
  struct gcn__quota quota = {300, 291, 32};
  gcn__limits_told(&limits, &quota, NOW_MS + 100);
  assert_true(gcn__limits_next(&limits) == fourth_ms);
  quota.reset_s = 5; /* the window ends before */
  gcn__limits_told(&limits, &quota, NOW_MS + 200);
  assert_true(gcn__limits_next(&limits) == NOW_MS + 6200);
}

static uint64_t any(struct gcn__rng* rng) {
  return gcn__rng_next(rng) >> gcn__rng_below(rng, 64);
}

/* Near the limit no more calls go out before the window ends than were left,
 * whatever is said; and every call is let go within the longest window. */
static void never_more_calls_than_were_left(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 7);
  for (int i = 0; i < ROUND_COUNT; i++) {
    struct gcn__quota quota = {any(&rng), any(&rng), any(&rng)};
    struct gcn__limits limits = {0};
    uint64_t now_ms = any(&rng) >> 1;
    gcn__limits_told(&limits, &quota, now_ms);
    uint64_t end_ms = limits.until_ms;
    if (end_ms <= now_ms) continue;
    assert_true(end_ms - now_ms <= 301000);
    uint64_t left_count =
        quota.count < quota.allowed ? quota.allowed - quota.count : 0;
    uint64_t sent_count = 0;
    while (gcn__limits_next(&limits) < end_ms && sent_count < 1000) {
      gcn__limits_spend(&limits, gcn__limits_next(&limits));
      sent_count++;
    }
    assert_true(sent_count <= left_count);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tenth_left_is_plenty),
      cmocka_unit_test(the_rest_is_spread_over_the_window),
      cmocka_unit_test(none_left_waits_for_the_next_window),
      cmocka_unit_test(silence_changes_nothing),
      cmocka_unit_test(plenty_ends_the_pace),
      cmocka_unit_test(a_wrong_window_does_not_park_us),
      cmocka_unit_test(given_moments_are_not_given_again),
      cmocka_unit_test(never_more_calls_than_were_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
