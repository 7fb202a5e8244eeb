/* SPDX-License-Identifier: MIT */
/*
 * The bucket: a burst, then one per refill, never more over any time; the same
 * for reservations, which wait without a queue.
 */
#include "core/budget.h"

#include "base/rng.h"
#include "check.h"

enum { BURST = 3, REFILL_MS = 60000, ROUND_COUNT = 5000 };

static void burst_then_one_per_refill(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, BURST, REFILL_MS);
  for (int i = 0; i < BURST; i++) {
    assert_true(gcn__budget_take(&budget, 1000) == 0);
  }
  assert_true(gcn__budget_take(&budget, 1000) == REFILL_MS);
  assert_true(gcn__budget_take(&budget, 1000 + REFILL_MS - 1) == 1);
  assert_true(gcn__budget_take(&budget, 1000 + REFILL_MS) == 0);
  assert_true(gcn__budget_take(&budget, 1000 + REFILL_MS) == REFILL_MS);
}

static void asking_in_vain_costs_nothing(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, 1, REFILL_MS);
  assert_true(gcn__budget_take(&budget, 0) == 0);
  for (uint64_t now_ms = 0; now_ms < REFILL_MS; now_ms += 100) {
    assert_true(gcn__budget_take(&budget, now_ms) == REFILL_MS - now_ms);
  }
  assert_true(gcn__budget_take(&budget, REFILL_MS) == 0);
}

static void idle_time_fills_no_more_than_the_burst(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, BURST, REFILL_MS);
  const uint64_t year_ms = UINT64_C(365) * 24 * 3600 * 1000;
  for (int i = 0; i < BURST; i++) {
    assert_true(gcn__budget_take(&budget, year_ms) == 0);
  }
  assert_true(gcn__budget_take(&budget, year_ms) > 0);
}

static void waiting_as_told_is_enough(void** state) {
  (void)state;
  struct gcn__budget budget;
  struct gcn__rng rng;
  gcn__budget_init(&budget, BURST, REFILL_MS);
  gcn__rng_seed(&rng, 1);
  uint64_t now_ms = 0;
  uint64_t taken_count = 0;
  for (int i = 0; i < ROUND_COUNT; i++) {
    uint64_t wait_ms = gcn__budget_take(&budget, now_ms);
    if (wait_ms > 0) {
      now_ms += wait_ms;
      assert_true(gcn__budget_take(&budget, now_ms) == 0);
    }
    taken_count++;
    assert_true(taken_count <= BURST + now_ms / REFILL_MS);
    now_ms += gcn__rng_below(&rng, 2 * REFILL_MS);
  }
}

static void no_refill_means_no_limit(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, 1, 0);
  for (int i = 0; i < 100; i++) {
    assert_true(gcn__budget_take(&budget, 5) == 0);
  }
}

static void looking_takes_nothing(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, 1, REFILL_MS);
  for (int i = 0; i < 3; i++) {
    assert_true(gcn__budget_wait(&budget, 500) == 0);
  }
  assert_true(gcn__budget_take(&budget, 500) == 0);
  assert_true(gcn__budget_wait(&budget, 600) == REFILL_MS - 100);
}

static void reservations_stand_in_line(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, BURST, REFILL_MS);
  for (uint64_t i = 0; i < BURST + GCN__BUDGET_AHEAD_MAX; i++) {
    uint64_t wait_ms = 1;
    assert_true(gcn__budget_reserve(&budget, 1000, &wait_ms));
    assert_true(wait_ms == (i < BURST ? 0 : (i - BURST + 1) * REFILL_MS));
  }
}

static void those_beyond_reach_get_nothing_and_cost_nothing(void** state) {
  (void)state;
  struct gcn__budget budget;
  uint64_t wait_ms;
  gcn__budget_init(&budget, 1, REFILL_MS);
  while (gcn__budget_reserve(&budget, 0, &wait_ms))
    continue;
  struct gcn__budget before = budget;
  const uint64_t through_ms = (GCN__BUDGET_AHEAD_MAX + 1) * REFILL_MS;
  for (int i = 0; i < 1000; i++) {
    assert_false(gcn__budget_reserve(&budget, 0, &wait_ms));
    assert_true(wait_ms == through_ms);
  }
  assert_true(budget.full_at_ms == before.full_at_ms);
  assert_true(gcn__budget_reserve(&budget, through_ms, &wait_ms));
  assert_true(wait_ms == 0);
}

/* Neither a burst nor a slot is given out twice: any window of k refills holds
 * at most burst + k moments. */
static void reserved_moments_keep_the_rate(void** state) {
  (void)state;
  enum { MOMENT_COUNT = 3000 };
  static uint64_t moments_ms[MOMENT_COUNT];
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 2);
  struct gcn__budget budget;
  gcn__budget_init(&budget, BURST, REFILL_MS);
  uint64_t now_ms = 0;
  int count = 0;
  while (count < MOMENT_COUNT) {
    uint64_t wait_ms;
    bool ours = gcn__budget_reserve(&budget, now_ms, &wait_ms);
    if (ours) moments_ms[count++] = now_ms + wait_ms;
    if (!ours) now_ms += gcn__rng_below(&rng, 2 * wait_ms);
    now_ms += gcn__rng_below(&rng, REFILL_MS);
  }
  for (int i = BURST; i < MOMENT_COUNT; i++) {
    assert_true(moments_ms[i] >= moments_ms[i - 1]);
    assert_true(moments_ms[i] - moments_ms[i - BURST] >= REFILL_MS);
  }
}

static void a_hold_ends_without_a_burst(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, BURST, REFILL_MS);
  gcn__budget_hold(&budget, 7000);
  assert_true(gcn__budget_take(&budget, 0) == 7000);
  assert_true(gcn__budget_take(&budget, 6999) == 1);
  assert_true(gcn__budget_take(&budget, 7000) == 0);
  assert_true(gcn__budget_take(&budget, 7000) == REFILL_MS);
  gcn__budget_hold(&budget, 5000); /* has passed; shortens nothing */
  assert_true(gcn__budget_take(&budget, 7000) == REFILL_MS);
}

static void a_hold_postpones_reservations(void** state) {
  (void)state;
  struct gcn__budget budget;
  uint64_t wait_ms;
  gcn__budget_init(&budget, BURST, REFILL_MS);
  gcn__budget_hold(&budget, 7000);
  for (uint64_t i = 0; i < 5; i++) {
    assert_true(gcn__budget_reserve(&budget, 1000, &wait_ms));
    assert_true(wait_ms == 6000 + i * REFILL_MS);
  }
  /* Further than reservations reach: ask again when it is over. */
  const uint64_t day_ms = UINT64_C(24) * 3600 * 1000;
  gcn__budget_hold(&budget, day_ms);
  assert_false(gcn__budget_reserve(&budget, 1000, &wait_ms));
  assert_true(wait_ms == day_ms - 1000);
  assert_true(gcn__budget_reserve(&budget, day_ms, &wait_ms));
  assert_true(wait_ms == 0);
}

static void a_hold_binds_even_without_a_limit(void** state) {
  (void)state;
  struct gcn__budget budget;
  uint64_t wait_ms;
  gcn__budget_init(&budget, 1, 0);
  gcn__budget_hold(&budget, 7000);
  assert_true(gcn__budget_take(&budget, 1) == 6999);
  assert_false(gcn__budget_reserve(&budget, 1, &wait_ms));
  assert_true(wait_ms == 6999);
  assert_true(gcn__budget_take(&budget, 7000) == 0);
  assert_true(gcn__budget_take(&budget, 7000) == 0);
}

static uint64_t any(struct gcn__rng* rng) {
  return gcn__rng_next(rng) >> gcn__rng_below(rng, 64);
}

/* One that was taken in vain is there again at once, and no more than it. */
static void what_is_given_back_can_be_taken(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, BURST, REFILL_MS);
  for (int i = 0; i < BURST; i++)
    assert_true(gcn__budget_take(&budget, 1000) == 0);
  gcn__budget_give_back(&budget, 1000);
  assert_true(gcn__budget_take(&budget, 1000) == 0);
  assert_true(gcn__budget_take(&budget, 1000) == REFILL_MS);
  gcn__budget_give_back(&budget, 1000 + REFILL_MS / 2);
  assert_true(gcn__budget_take(&budget, 1000 + REFILL_MS / 2) == 0);
  assert_true(gcn__budget_take(&budget, 1000 + REFILL_MS / 2) == REFILL_MS / 2);
}

/* What comes back late, or twice, does not make the bucket deeper. */
static void a_full_bucket_takes_nothing_back(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, BURST, REFILL_MS);
  const uint64_t later_ms = UINT64_C(100) * REFILL_MS;
  assert_true(gcn__budget_take(&budget, 0) == 0);
  for (int i = 0; i < 10; i++)
    gcn__budget_give_back(&budget, later_ms);
  for (int i = 0; i < BURST; i++)
    assert_true(gcn__budget_take(&budget, later_ms) == 0);
  assert_true(gcn__budget_take(&budget, later_ms) == REFILL_MS);
  for (int i = 0; i < 10; i++)
    gcn__budget_give_back(&budget, later_ms);
  for (int i = 0; i < BURST; i++)
    assert_true(gcn__budget_take(&budget, later_ms) == 0);
  assert_true(gcn__budget_take(&budget, later_ms) == REFILL_MS);
}

/* Five refills are longer than time lasts; the burst is five nevertheless. */
static void a_deep_bucket_is_deep(void** state) {
  (void)state;
  struct gcn__budget budget;
  gcn__budget_init(&budget, 5, UINT64_C(1) << 62);
  for (int i = 0; i < 5; i++) {
    assert_true(gcn__budget_take(&budget, 0) == 0);
  }
}

/* Whatever the numbers: what is told is kept, time only goes on, nothing
 * overflows into an earlier moment. */
static void any_numbers_saturate(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 3);
  for (int i = 0; i < ROUND_COUNT; i++) {
    struct gcn__budget budget;
    gcn__budget_init(&budget, any(&rng) | 1, any(&rng));
    uint64_t now_ms = any(&rng);
    for (int k = 0; k < 8; k++) {
      uint64_t wait_ms = gcn__budget_wait(&budget, now_ms);
      uint64_t full_at_ms = budget.full_at_ms;
      uint64_t reserved_ms;
      bool ours = gcn__budget_reserve(&budget, now_ms, &reserved_ms);
      assert_true(reserved_ms == wait_ms);
      assert_true(budget.full_at_ms >= full_at_ms);
      if (!ours) assert_true(budget.full_at_ms == full_at_ms && wait_ms > 0);
      if (gcn__rng_below(&rng, 4) == 0) gcn__budget_hold(&budget, any(&rng));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(burst_then_one_per_refill),
      cmocka_unit_test(asking_in_vain_costs_nothing),
      cmocka_unit_test(idle_time_fills_no_more_than_the_burst),
      cmocka_unit_test(waiting_as_told_is_enough),
      cmocka_unit_test(no_refill_means_no_limit),
      cmocka_unit_test(looking_takes_nothing),
      cmocka_unit_test(reservations_stand_in_line),
      cmocka_unit_test(those_beyond_reach_get_nothing_and_cost_nothing),
      cmocka_unit_test(reserved_moments_keep_the_rate),
      cmocka_unit_test(a_hold_ends_without_a_burst),
      cmocka_unit_test(a_hold_postpones_reservations),
      cmocka_unit_test(a_hold_binds_even_without_a_limit),
      cmocka_unit_test(what_is_given_back_can_be_taken),
      cmocka_unit_test(a_full_bucket_takes_nothing_back),
      cmocka_unit_test(a_deep_bucket_is_deep),
      cmocka_unit_test(any_numbers_saturate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
