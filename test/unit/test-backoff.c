/* SPDX-License-Identifier: MIT */
/*
 * P7 in numbers: every wait lies between its bounds, for every kind of jitter,
 * every count of failures and any settings, and never below what the server
 * asked for; and jitter is spread evenly.
 */
#include "core/backoff.h"

#include "base/time.h"
#include "check.h"

#include <stdbool.h>

enum {
  DRAW_COUNT = 2000,
  BIN_COUNT = 10,
  BIN_DRAW_COUNT = 5000, /* one standard deviation: 1.4 % */
  ROUND_COUNT = 50000,
};

static const uint64_t jitters[] = {GCN__JITTER_FULL, GCN__JITTER_NONE,
                                   GCN__JITTER_EQUAL, GCN__JITTER_DECORRELATED};

enum { JITTER_COUNT = sizeof jitters / sizeof jitters[0] };

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

/* The extremes of gcn__backoff_next. */
static struct range cases(const struct gcn__settings* settings,
                          struct gcn__backoff_case event) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, event.failures * 31 + event.peers_lost);
  struct range range = {UINT64_MAX, 0};
  for (int i = 0; i < DRAW_COUNT; i++) {
    uint64_t delay = gcn__backoff_next(settings, &event, &rng);
    if (delay < range.low) range.low = delay;
    if (delay > range.high) range.high = delay;
  }
  return range;
}

/* Each tenth of [low, high) gets a tenth of the draws. */
static void assert_even(const struct gcn__settings* settings,
                        struct gcn__backoff_case event, uint64_t low,
                        uint64_t high) {
  uint64_t bins[BIN_COUNT] = {0};
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 11);
  for (int i = 0; i < BIN_COUNT * BIN_DRAW_COUNT; i++) {
    uint64_t delay = gcn__backoff_next(settings, &event, &rng);
    assert_in_range(delay, low, high);
    uint64_t bin = (delay - low) * BIN_COUNT / (high - low + 1);
    bins[bin]++;
  }
  for (int i = 0; i < BIN_COUNT; i++) {
    assert_in_range(bins[i], BIN_DRAW_COUNT * 93 / 100,
                    BIN_DRAW_COUNT * 107 / 100);
  }
}

static const struct gcn__backoff_case third = {.kind = GCN__BACKOFF_ORDINARY,
                                               .failures = 3};

static void no_jitter_is_the_window_itself(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  settings.retry_jitter = GCN__JITTER_NONE;
  static const uint64_t expected[] = {1000,  2000,  4000,  8000, 16000,
                                      32000, 64000, 90000, 90000};
  struct gcn__backoff_case event = {.kind = GCN__BACKOFF_ORDINARY};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    event.failures = i + 1;
    struct range range = cases(&settings, event);
    assert_true(range.low == expected[i] && range.high == expected[i]);
  }
  for (event.failures = 9; event.failures < 200; event.failures++) {
    assert_true(cases(&settings, event).low == 90000);
  }
  event.kind = GCN__BACKOFF_SLOW;
  assert_true(cases(&settings, event).low == 90000);
  event.kind = GCN__BACKOFF_FIRST;
  assert_true(cases(&settings, event).low == 1000);
  settings.retry_floor_ms = 1500; /* lifts what is shorter, adds nothing */
  event = (struct gcn__backoff_case){GCN__BACKOFF_ORDINARY, .failures = 1};
  assert_true(cases(&settings, event).low == 1500);
  event.failures = 2;
  assert_true(cases(&settings, event).low == 2000);
}

static void every_jitter_is_even(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  assert_even(&settings, third, 250, 4250);
  struct gcn__backoff_case late = third;
  late.failures = 20;
  assert_even(&settings, late, 250, 90000);
  settings.retry_jitter = GCN__JITTER_EQUAL;
  assert_even(&settings, third, 2000, 4000);
  assert_even(&settings, late, 45000, 90000);
  settings.retry_jitter = GCN__JITTER_DECORRELATED;
  struct gcn__backoff_case after = third;
  after.last_ms = 7000;
  assert_even(&settings, after, 1000, 21000);
  after.kind = GCN__BACKOFF_SLOW;
  assert_even(&settings, after, 45000, 90000);
  after.kind = GCN__BACKOFF_FIRST;
  assert_even(&settings, after, 0, 1000);
}

static void unknown_jitter_is_full(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  settings.retry_jitter = 4711;
  assert_even(&settings, third, 250, 4250);
}

/* Without a wait before it, the first is drawn around the base. */
static void decorrelated_walks_between_base_and_cap(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  settings.retry_jitter = GCN__JITTER_DECORRELATED;
  struct range range = cases(&settings, third);
  assert_in_range(range.low, 1000, 1020);
  assert_in_range(range.high, 2980, 3000);
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 12);
  struct gcn__backoff_case event = third;
  bool capped = false;
  for (int i = 0; i < DRAW_COUNT; i++) {
    uint64_t delay = gcn__backoff_next(&settings, &event, &rng);
    uint64_t last = event.last_ms > 1000 ? event.last_ms : 1000;
    assert_in_range(delay, 1000, last * 3 < 90000 ? last * 3 : 90000);
    if (delay == 90000) capped = true;
    event.last_ms = delay;
  }
  assert_true(capped);
}

/* Two thirds of [1000, 3 * cap] lie above the cap; a day waited for the server
 * must not leave next to nothing below it. */
static void decorrelated_forgets_the_servers_hours(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  settings.retry_jitter = GCN__JITTER_DECORRELATED;
  struct gcn__backoff_case event = third;
  event.last_ms = 86400000;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 13);
  int below = 0;
  for (int i = 0; i < DRAW_COUNT; i++) {
    if (gcn__backoff_next(&settings, &event, &rng) < 90000) below++;
  }
  assert_in_range(below, DRAW_COUNT * 30 / 100, DRAW_COUNT * 36 / 100);
}

static void a_long_outage_slows_the_tempo(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  struct gcn__backoff_case event = third;
  event.outage_ms = 119999;
  assert_even(&settings, event, 250, 4250);
  event.outage_ms = 120000;
  for (int i = 0; i < JITTER_COUNT; i++) {
    settings.retry_jitter = jitters[i];
    if (jitters[i] == GCN__JITTER_NONE) {
      assert_true(cases(&settings, event).low == 90000);
    } else {
      assert_even(&settings, event, 45000, 90000);
    }
  }
  /* A stream that just broke had ended the outage. */
  event.kind = GCN__BACKOFF_FIRST;
  assert_true(cases(&settings, event).high <= 1000);
}

static void the_first_window_widens_with_the_peers(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  struct gcn__backoff_case event = {.kind = GCN__BACKOFF_FIRST};
  assert_even(&settings, event, 0, 1000);
  event.peers_lost = 1;
  assert_even(&settings, event, 0, 1000);
  event.peers_lost = 7;
  assert_even(&settings, event, 0, 7000);
  event.peers_lost = 90;
  assert_even(&settings, event, 0, 90000);
  event.peers_lost = 10000;
  assert_even(&settings, event, 0, 90000);
  event.peers_lost = UINT64_MAX;
  assert_even(&settings, event, 0, 90000);
}

static void the_users_choice_is_clamped(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  assert_true(gcn__backoff_clamp(&settings, 5000, 0) == 5000);
  assert_true(gcn__backoff_clamp(&settings, 0, 0) == 250);
  assert_true(gcn__backoff_clamp(&settings, 250, 0) == 250);
  assert_true(gcn__backoff_clamp(&settings, 200000, 0) == 200000);
  assert_true(gcn__backoff_clamp(&settings, UINT64_MAX, 0) == 86400000);
  assert_true(gcn__backoff_clamp(&settings, 0, 7000) == 7000);
  assert_true(gcn__backoff_clamp(&settings, 8000, 7000) == 8000);
  assert_true(gcn__backoff_clamp(&settings, 0, UINT64_MAX) == 86400000);
  settings.retry_after_max_ms = 10;
  assert_true(gcn__backoff_clamp(&settings, 0, 7000) == 250);
  assert_true(gcn__backoff_clamp(&settings, UINT64_MAX, 0) == 90000);
  settings.retry_cap_ms = 100;
  assert_true(gcn__backoff_clamp(&settings, 0, 0) == 100);
}

/* Any number of any size: small ones most of the time. */
static uint64_t any(struct gcn__rng* rng) {
  return gcn__rng_next(rng) >> gcn__rng_below(rng, 64);
}

static struct gcn__settings any_settings(struct gcn__rng* rng) {
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  settings.retry_jitter = jitters[gcn__rng_below(rng, JITTER_COUNT)];
  settings.retry_base_ms = any(rng);
  settings.retry_floor_ms = any(rng);
  settings.retry_cap_ms = any(rng);
  settings.retry_first_ms = any(rng);
  settings.retry_after_max_ms = any(rng);
  settings.degraded_ms = any(rng);
  return settings;
}

static void any_case_of_any_settings_is_within_its_bounds(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 14);
  for (int i = 0; i < ROUND_COUNT; i++) {
    struct gcn__settings settings = any_settings(&rng);
    struct gcn__backoff_case event = {
        .kind = (enum gcn__backoff_kind)gcn__rng_below(&rng, 3),
        .failures = any(&rng) | 1,
        .last_ms = any(&rng),
        .asked_ms = gcn__rng_below(&rng, 2) == 0 ? 0 : any(&rng),
        .outage_ms = any(&rng),
        .peers_lost = any(&rng),
    };
    uint64_t cap = settings.retry_cap_ms;
    uint64_t asked = gcn__time_min(event.asked_ms, settings.retry_after_max_ms);
    uint64_t low = gcn__time_min(settings.retry_floor_ms, cap);
    if (event.kind == GCN__BACKOFF_FIRST) low = 0;
    uint64_t high = gcn__time_add(asked, asked / 5);
    uint64_t delay = gcn__backoff_next(&settings, &event, &rng);
    assert_true(delay >= low && delay >= asked);
    assert_true(delay <= (cap > high ? cap : high));
  }
}

/* Recorded lives depend on it: the same state of the generator, the same wait,
 * by either name. */
static void the_short_names_draw_the_same(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  for (uint64_t n = 1; n < 20; n++) {
    struct gcn__rng a = {n};
    struct gcn__rng b = {n};
    struct gcn__backoff_case event = {.failures = n, .asked_ms = n * 1000};
    event.kind = GCN__BACKOFF_ORDINARY;
    assert_true(gcn__backoff_delay(&settings, n, n * 1000, &a) ==
                gcn__backoff_next(&settings, &event, &b));
    event.kind = GCN__BACKOFF_FIRST;
    assert_true(gcn__backoff_first(&settings, n * 1000, &a) ==
                gcn__backoff_next(&settings, &event, &b));
    event.kind = GCN__BACKOFF_SLOW;
    assert_true(gcn__backoff_slow(&settings, n * 1000, &a) ==
                gcn__backoff_next(&settings, &event, &b));
    assert_true(a.state == b.state);
  }
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
      cmocka_unit_test(no_jitter_is_the_window_itself),
      cmocka_unit_test(every_jitter_is_even),
      cmocka_unit_test(unknown_jitter_is_full),
      cmocka_unit_test(decorrelated_walks_between_base_and_cap),
      cmocka_unit_test(decorrelated_forgets_the_servers_hours),
      cmocka_unit_test(a_long_outage_slows_the_tempo),
      cmocka_unit_test(the_first_window_widens_with_the_peers),
      cmocka_unit_test(the_users_choice_is_clamped),
      cmocka_unit_test(any_case_of_any_settings_is_within_its_bounds),
      cmocka_unit_test(the_short_names_draw_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
