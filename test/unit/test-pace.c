/* SPDX-License-Identifier: MIT */
/*
 * The shared pace: budgets by key in a table that stays bounded, REST calls
 * spread before the service's limit is met, streams lost together counted.
 */
#include "core/pace.h"

#include "base/rng.h"
#include "check.h"

enum { NOW_MS = 1000, ROUND_COUNT = 20000 };

static struct gcn__pace pace;

static int begin(void** state) {
  (void)state;
  struct gcn__settings settings = GCN__SETTINGS_DEFAULT;
  gcn__pace_init(&pace, &settings);
  return 0;
}

static uint64_t key(const char* host, const char* client_id) {
  return gcn__pace_key(gcn__span_str(host), gcn__span_str(client_id));
}

/* A REST call that must be given its moment. */
static uint64_t rest(uint64_t of, uint64_t now_ms) {
  uint64_t wait_ms;
  assert_true(gcn__pace_rest(&pace, of, now_ms, &wait_ms));
  return wait_ms;
}

static void keys_tell_hosts_and_clients_apart(void** state) {
  (void)state;
  uint64_t one = key("api.mypurecloud.de", "client");
  assert_true(one == key("api.mypurecloud.de", "client"));
  assert_true(one != key("api.mypurecloud.ie", "client"));
  assert_true(one != key("api.mypurecloud.de", "client2"));
  assert_true(one != key("api.mypurecloud.declient", ""));
  assert_true(one != key("", "api.mypurecloud.declient"));
  assert_true(key("ab", "c") != key("a", "bc"));
  assert_true(gcn__pace_key(gcn__span(NULL, 0), gcn__span(NULL, 0)) ==
              key("", ""));
}

static void defaults_are_those_of_the_settings(void** state) {
  (void)state;
  for (int i = 0; i < 10; i++) {
    assert_true(gcn__pace_retry(&pace, 1, NOW_MS) == 0);
  }
  assert_true(gcn__pace_retry(&pace, 1, NOW_MS) == 1000);
  for (int i = 0; i < 3; i++) {
    assert_true(gcn__pace_channel(&pace, 1, NOW_MS) == 0);
  }
  assert_true(gcn__pace_channel(&pace, 1, NOW_MS) == 60000);
  for (int i = 0; i < 20; i++)
    assert_true(rest(1, NOW_MS) == 0);
  assert_true(rest(1, NOW_MS) == 250);
  assert_true(rest(1, NOW_MS) == 500);
}

static void keys_do_not_pay_for_each_other(void** state) {
  (void)state;
  while (gcn__pace_channel(&pace, 1, NOW_MS) == 0)
    continue;
  while (gcn__pace_retry(&pace, 1, NOW_MS) == 0)
    continue;
  gcn__pace_hold(&pace, 1, NOW_MS + 7000);
  assert_true(gcn__pace_channel(&pace, 2, NOW_MS) == 0);
  assert_true(gcn__pace_retry(&pace, 2, NOW_MS) == 0);
  assert_true(rest(2, NOW_MS) == 0);
  assert_true(gcn__pace_channel(&pace, 0, NOW_MS) == 0); /* a key like any */
  assert_true(gcn__pace_channel(&pace, 1, NOW_MS) > 0);
}

static void a_channel_given_back_is_that_of_its_key(void** state) {
  (void)state;
  for (uint64_t k = 1; k <= 2; k++) {
    while (gcn__pace_channel(&pace, k, NOW_MS) == 0)
      continue;
  }
  gcn__pace_channel_back(&pace, 2, NOW_MS);
  assert_true(gcn__pace_channel(&pace, 1, NOW_MS) == 60000);
  assert_true(gcn__pace_channel(&pace, 2, NOW_MS) == 0);
  assert_true(gcn__pace_channel(&pace, 2, NOW_MS) == 60000);
}

/* One that nobody has taken is none to give back. */
static void an_unknown_key_gets_no_more_than_its_burst(void** state) {
  (void)state;
  gcn__pace_channel_back(&pace, 7, NOW_MS);
  for (int i = 0; i < 3; i++)
    assert_true(gcn__pace_channel(&pace, 7, NOW_MS) == 0);
  assert_true(gcn__pace_channel(&pace, 7, NOW_MS) == 60000);
}

static void the_key_used_longest_ago_makes_room(void** state) {
  (void)state;
  for (uint64_t k = 0; k < GCN__PACE_KEYS_MAX; k++) {
    while (gcn__pace_channel(&pace, k, NOW_MS) == 0)
      continue;
  }
  assert_true(gcn__pace_channel(&pace, 0, NOW_MS) > 0); /* now the newest */
  assert_true(gcn__pace_channel(&pace, 1000, NOW_MS) == 0);
  for (uint64_t k = 2; k < GCN__PACE_KEYS_MAX; k++) {
    assert_true(gcn__pace_channel(&pace, k, NOW_MS) > 0);
  }
  assert_true(gcn__pace_channel(&pace, 0, NOW_MS) > 0);
  assert_true(gcn__pace_channel(&pace, 1, NOW_MS) == 0); /* was forgotten */
}

static void any_number_of_keys_fits(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 21);
  for (int i = 0; i < ROUND_COUNT; i++) {
    uint64_t k = gcn__rng_next(&rng);
    assert_true(gcn__pace_retry(&pace, k, (uint64_t)i) == 0);
    for (int t = 0; t < 9; t++) {
      assert_true(gcn__pace_retry(&pace, k, (uint64_t)i) == 0);
    }
    assert_true(gcn__pace_retry(&pace, k, (uint64_t)i) > 0);
  }
}

static void a_hold_silences_rest_calls(void** state) {
  (void)state;
  gcn__pace_hold(&pace, 1, NOW_MS + 7000);
  assert_true(rest(1, NOW_MS) == 7000);
  assert_true(rest(1, NOW_MS) == 7250); /* and no burst */
  assert_true(gcn__pace_retry(&pace, 1, NOW_MS) == 0);
}

static void rest_calls_beyond_reach_ask_again(void** state) {
  (void)state;
  uint64_t wait_ms;
  int count = 0;
  while (gcn__pace_rest(&pace, 1, NOW_MS, &wait_ms))
    count++;
  assert_int_equal(count, 20 + GCN__BUDGET_AHEAD_MAX);
  assert_true(wait_ms == (GCN__BUDGET_AHEAD_MAX + 1) * UINT64_C(250));
  assert_true(rest(1, NOW_MS + wait_ms) == 0);
}

/* Those who would not wait do not stand in the way of those who would. */
static void the_impatient_take_nothing(void** state) {
  (void)state;
  const uint64_t patience_ms = 5000;
  uint64_t wait_ms = 0;
  int count = 0;
  while (gcn__pace_rest_within(&pace, 1, NOW_MS, patience_ms, &wait_ms)) {
    assert_true(wait_ms <= patience_ms);
    count++;
  }
  assert_int_equal(count, 20 + 5000 / 250);
  for (int i = 0; i < 100; i++) {
    assert_true(wait_ms == 5250);
    assert_false(
        gcn__pace_rest_within(&pace, 1, NOW_MS, patience_ms, &wait_ms));
  }
  assert_true(rest(1, NOW_MS) == 5250);
  struct gcn__quota quota = {300, 298, 20}; /* 2 left in 21 s: one every 7 s */
  gcn__pace_ratelimit(&pace, 2, &quota, NOW_MS);
  assert_false(gcn__pace_rest_within(&pace, 2, NOW_MS, patience_ms, &wait_ms));
  assert_true(wait_ms == 7000);
  assert_true(rest(2, NOW_MS) == 7000);
  assert_true(rest(2, NOW_MS) == 14000);
}

/* 20 left in 42 s: one every 2 s instead of four a second. */
static void calls_are_spread_before_the_limit(void** state) {
  (void)state;
  struct gcn__quota quota = {300, 280, 41};
  assert_true(rest(1, NOW_MS) == 0);
  gcn__pace_ratelimit(&pace, 1, &quota, NOW_MS);
  for (uint64_t i = 1; i <= 8; i++) {
    assert_true(rest(1, NOW_MS) == i * 2000);
  }
  assert_true(rest(2, NOW_MS) == 0); /* another token's window */
}

/* Clients that obey meet neither the limit nor the next window in a crowd. */
static void the_window_is_never_overdrawn(void** state) {
  (void)state;
  enum { ALLOWED = 300, WINDOW_MS = 60000, CALL_COUNT = 1500 };
  uint64_t window_start_ms = 0;
  uint64_t made_count = 0;
  uint64_t now_ms = 0;
  for (int i = 0; i < CALL_COUNT; i++) {
    uint64_t wait_ms;
    if (!gcn__pace_rest(&pace, 1, now_ms, &wait_ms)) {
      now_ms += wait_ms;
      continue;
    }
    now_ms += wait_ms;
    if (now_ms - window_start_ms >= WINDOW_MS) {
      window_start_ms = now_ms - now_ms % WINDOW_MS;
      made_count = 60; /* somebody else shares the token */
    }
    made_count++;
    assert_true(made_count <= ALLOWED);
    uint64_t left_ms = window_start_ms + WINDOW_MS - now_ms;
    struct gcn__quota quota = {ALLOWED, made_count, left_ms / 1000};
    gcn__pace_ratelimit(&pace, 1, &quota, now_ms);
  }
  assert_true(now_ms > 4 * WINDOW_MS);
}

static void the_limits_window_may_end_far_away(void** state) {
  (void)state;
  struct gcn__quota quota = {300, 300, 60};
  uint64_t wait_ms;
  gcn__pace_ratelimit(&pace, 1, &quota, NOW_MS);
  assert_false(gcn__pace_rest(&pace, 1, NOW_MS, &wait_ms));
  assert_true(wait_ms == 61000);
  assert_true(rest(1, NOW_MS + 61000) == 0);
  assert_true(rest(1, NOW_MS + 61000) == 250);
}

static void losses_of_one_second_are_counted(void** state) {
  (void)state;
  for (uint64_t i = 1; i <= 50; i++) {
    assert_true(gcn__pace_lost(&pace, 5000 + i) == i);
  }
}

static void lonely_losses_stay_lonely(void** state) {
  (void)state;
  for (uint64_t i = 1; i <= 50; i++) {
    assert_in_range(gcn__pace_lost(&pace, i * 2000), 1, 1);
  }
}

/* One loss every 10 ms for an hour: about 100 within any second, never more
 * and more. */
static void steady_losses_do_not_add_up(void** state) {
  (void)state;
  for (uint64_t at_ms = 10000; at_ms < 3610000; at_ms += 10) {
    uint64_t count = gcn__pace_lost(&pace, at_ms);
    if (at_ms > 11000) assert_in_range(count, 98, 102);
  }
}

static void losses_fade_over_a_second(void** state) {
  (void)state;
  for (int i = 0; i < 100; i++)
    gcn__pace_lost(&pace, 5000);
  assert_in_range(gcn__pace_lost(&pace, 6250), 70, 80);
  assert_in_range(gcn__pace_lost(&pace, 6750), 25, 30);
  assert_in_range(gcn__pace_lost(&pace, 7000), 3, 4);
  assert_in_range(gcn__pace_lost(&pace, 9000), 1, 1);
}

#define PACE_TEST(name) cmocka_unit_test_setup(name, begin)

int main(void) {
  const struct CMUnitTest tests[] = {
      PACE_TEST(keys_tell_hosts_and_clients_apart),
      PACE_TEST(defaults_are_those_of_the_settings),
      PACE_TEST(keys_do_not_pay_for_each_other),
      PACE_TEST(a_channel_given_back_is_that_of_its_key),
      PACE_TEST(an_unknown_key_gets_no_more_than_its_burst),
      PACE_TEST(the_key_used_longest_ago_makes_room),
      PACE_TEST(any_number_of_keys_fits),
      PACE_TEST(a_hold_silences_rest_calls),
      PACE_TEST(rest_calls_beyond_reach_ask_again),
      PACE_TEST(the_impatient_take_nothing),
      PACE_TEST(calls_are_spread_before_the_limit),
      PACE_TEST(the_window_is_never_overdrawn),
      PACE_TEST(the_limits_window_may_end_far_away),
      PACE_TEST(losses_of_one_second_are_counted),
      PACE_TEST(lonely_losses_stay_lonely),
      PACE_TEST(steady_losses_do_not_add_up),
      PACE_TEST(losses_fade_over_a_second),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
