/* SPDX-License-Identifier: MIT */
/*
 * P7 in numbers: every wait lies between its bounds, for every count of
 * failures, and never below what the server asked for.
 */
#include "core/backoff.h"

#include "check.h"

enum { DRAW_COUNT = 2000 };

struct range {
  uint64_t low;
  uint64_t high;
};

typedef uint64_t (*draw_fn)(const struct gcn__settings* settings,
                            uint64_t failures, uint64_t asked_ms,
                            struct gcn__rng* rng);

static uint64_t draw_first(const struct gcn__settings* settings,
                           uint64_t failures, uint64_t asked_ms,
                           struct gcn__rng* rng) {
  (void)failures;
  return gcn__backoff_first(settings, asked_ms, rng);
}

static uint64_t draw_slow(const struct gcn__settings* settings,
                          uint64_t failures, uint64_t asked_ms,
                          struct gcn__rng* rng) {
  (void)failures;
  return gcn__backoff_slow(settings, asked_ms, rng);
}

/* The extremes of many draws. */
static struct range draws(draw_fn draw, const struct gcn__settings* settings,
                          uint64_t failures, uint64_t asked_ms) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, failures * 31 + asked_ms);
  struct range range = {UINT64_MAX, 0};
  for (int i = 0; i < DRAW_COUNT; i++) {
    uint64_t delay = draw(settings, failures, asked_ms, &rng);
    if (delay < range.low) range.low = delay;
    if (delay > range.high) range.high = delay;
  }
  return range;
}

static void grows_by_doubling_up_to_the_cap(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  static const uint64_t ceilings[] = {1250,  2250,  4250,  8250,
                                      16250, 32250, 64250, 90000};
  for (uint64_t n = 1; n <= 8; n++) {
    struct range range = draws(gcn__backoff_delay, &settings, n, 0);
    uint64_t ceiling = ceilings[n - 1];
    assert_in_range(range.low, 250, 250 + ceiling / 20);
    assert_in_range(range.high, ceiling - ceiling / 20, ceiling);
  }
}

static void saturates_for_every_count(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 5);
  for (uint64_t n = 1; n < 300; n++) {
    uint64_t delay = gcn__backoff_delay(&settings, n, 0, &rng);
    assert_in_range(delay, 250, 90000);
  }
  for (int bit = 8; bit < 64; bit++) {
    uint64_t n = UINT64_C(1) << bit;
    assert_in_range(gcn__backoff_delay(&settings, n, 0, &rng), 250, 90000);
  }
  assert_in_range(gcn__backoff_delay(&settings, UINT64_MAX, 0, &rng), 250,
                  90000);
}

static void odd_settings_do_not_overflow(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 6);
  settings.retry_base_ms = UINT64_MAX;
  settings.retry_floor_ms = UINT64_MAX;
  settings.retry_cap_ms = UINT64_MAX;
  for (uint64_t n = 1; n < 100; n++) {
    assert_true(gcn__backoff_delay(&settings, n, 0, &rng) == UINT64_MAX);
  }
  settings.retry_base_ms = 0;
  settings.retry_floor_ms = 0;
  settings.retry_cap_ms = 0;
  settings.retry_first_ms = 0;
  assert_true(gcn__backoff_delay(&settings, 9, 0, &rng) == 0);
  assert_true(gcn__backoff_first(&settings, 0, &rng) == 0);
  assert_true(gcn__backoff_slow(&settings, 0, &rng) == 0);
}

static void floor_never_lifts_above_the_cap(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  settings.retry_floor_ms = 500;
  settings.retry_cap_ms = 400;
  struct range range = draws(gcn__backoff_delay, &settings, 3, 0);
  assert_in_range(range.low, 400, 400);
  assert_in_range(range.high, 400, 400);
}

static void first_window_is_used_whole(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  struct range range = draws(draw_first, &settings, 1, 0);
  assert_in_range(range.low, 0, 20);
  assert_in_range(range.high, 980, 1000);
}

static void slow_is_the_upper_half(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  struct range range = draws(draw_slow, &settings, 1, 0);
  assert_in_range(range.low, 45000, 46000);
  assert_in_range(range.high, 89000, 90000);
}

static void what_was_asked_is_a_floor_under_all(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  static const draw_fn all[] = {gcn__backoff_delay, draw_first, draw_slow};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    struct range range = draws(all[i], &settings, 1, 200000);
    assert_in_range(range.low, 200000, 202000);
    assert_in_range(range.high, 238000, 240000); /* + 20 % */
  }
  /* Asking for little does not shorten our own wait. */
  struct range range = draws(draw_slow, &settings, 1, 1);
  assert_in_range(range.low, 45000, 46000);
}

static void what_was_asked_is_clamped(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  static const uint64_t asked[] = {86400000, 86400001, UINT64_MAX};
  for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
    struct range range = draws(gcn__backoff_delay, &settings, 1, asked[i]);
    assert_in_range(range.low, 86400000, 87300000);
    assert_in_range(range.high, 102000000, 103680000);
  }
  struct range range = draws(gcn__backoff_delay, &settings, 1, 86399999);
  assert_in_range(range.low, 86399999, 87300000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grows_by_doubling_up_to_the_cap),
      cmocka_unit_test(saturates_for_every_count),
      cmocka_unit_test(odd_settings_do_not_overflow),
      cmocka_unit_test(floor_never_lifts_above_the_cap),
      cmocka_unit_test(first_window_is_used_whole),
      cmocka_unit_test(slow_is_the_upper_half),
      cmocka_unit_test(what_was_asked_is_a_floor_under_all),
      cmocka_unit_test(what_was_asked_is_clamped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
