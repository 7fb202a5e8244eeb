/* SPDX-License-Identifier: MIT */
/*
 * The bucket: a burst, then one per refill, never more over any time.
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(burst_then_one_per_refill),
      cmocka_unit_test(asking_in_vain_costs_nothing),
      cmocka_unit_test(idle_time_fills_no_more_than_the_burst),
      cmocka_unit_test(waiting_as_told_is_enough),
      cmocka_unit_test(no_refill_means_no_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
