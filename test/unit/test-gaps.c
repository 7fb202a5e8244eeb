/* SPDX-License-Identifier: MIT */
/*
 * The gap ledger: one gap at a time, its first cause, its bounds.
 */
#include "core/gaps.h"

#include "check.h"

static void reaches_back_by_the_latency(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  gcn__gaps_open(&gaps, 10000, 2000, GCN__INPUT_SILENCE_DUE);
  assert_true(gcn__gaps_end(&gaps, 50000, &gap));
  assert_true(gap.from_ms == 8000);
  assert_true(gap.to_ms == 50000);
  assert_int_equal(gap.cause, GCN__INPUT_SILENCE_DUE);
}

static void never_begins_before_time(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  gcn__gaps_open(&gaps, 1999, 2000, GCN__INPUT_STOP);
  assert_true(gcn__gaps_end(&gaps, 1999, &gap));
  assert_true(gap.from_ms == 0);
  gcn__gaps_open(&gaps, 2000, 2000, GCN__INPUT_STOP);
  assert_true(gcn__gaps_end(&gaps, 2000, &gap));
  assert_true(gap.from_ms == 0);
  gcn__gaps_open(&gaps, 2001, 2000, GCN__INPUT_STOP);
  assert_true(gcn__gaps_end(&gaps, 2001, &gap));
  assert_true(gap.from_ms == 1);
}

static void first_cause_counts(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  gcn__gaps_open(&gaps, 10000, 0, GCN__INPUT_WEATHER);
  gcn__gaps_open(&gaps, 20000, 0, GCN__INPUT_REVOKED);
  assert_true(gcn__gaps_end(&gaps, 30000, &gap));
  assert_true(gap.from_ms == 10000);
  assert_int_equal(gap.cause, GCN__INPUT_WEATHER);
}

static void is_told_once(void** state) {
  (void)state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  assert_false(gcn__gaps_end(&gaps, 1, &gap));
  gcn__gaps_open(&gaps, 1, 0, GCN__INPUT_WEATHER);
  assert_true(gcn__gaps_end(&gaps, 2, &gap));
  assert_false(gcn__gaps_end(&gaps, 3, &gap));
  gcn__gaps_open(&gaps, 5, 0, GCN__INPUT_BROKEN);
  assert_true(gcn__gaps_end(&gaps, 7, &gap));
  assert_true(gap.from_ms == 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reaches_back_by_the_latency),
      cmocka_unit_test(never_begins_before_time),
      cmocka_unit_test(first_cause_counts),
      cmocka_unit_test(is_told_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
