/* SPDX-License-Identifier: MIT */
/*
 * The seeded generator: its sequence for ever, its bounds, its evenness.
 */
#include "base/rng.h"

#include "check.h"

#include <stdbool.h>

enum { DRAW_COUNT = 100000 };

/* The reference outputs of splitmix64 for the seed 1234567. */
static void sequence_never_changes(void** state) {
  (void)state;
  static const uint64_t want[] = {
      UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
      UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
      UINT64_C(16408922859458223821),
  };
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1234567);
  for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
    assert_true(gcn__rng_next(&rng) == want[i]);
  }
}

static void below_stays_below(void** state) {
  (void)state;
  static const uint64_t bounds[] = {
      1, 2, 3, 7, 1000, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1, UINT64_MAX};
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1);
  for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
    for (int i = 0; i < 1000; i++) {
      assert_true(gcn__rng_below(&rng, bounds[b]) < bounds[b]);
    }
  }
  assert_true(gcn__rng_below(&rng, 0) == 0);
}

static void between_includes_both_ends(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 2);
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1000; i++) {
    uint64_t value = gcn__rng_between(&rng, 10, 13);
    assert_in_range(value, 10, 13);
    low = low || value == 10;
    high = high || value == 13;
  }
  assert_true(low && high);
  assert_true(gcn__rng_between(&rng, 5, 5) == 5);
  uint64_t a = gcn__rng_between(&rng, 0, UINT64_MAX);
  uint64_t b = gcn__rng_between(&rng, 0, UINT64_MAX);
  assert_true(a != b);
}

static void draws_are_even(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 3);
  unsigned counts[10] = {0};
  for (int i = 0; i < DRAW_COUNT; i++)
    counts[gcn__rng_below(&rng, 10)]++;
  for (int i = 0; i < 10; i++) {
    assert_in_range(counts[i], DRAW_COUNT / 10 - 500, DRAW_COUNT / 10 + 500);
  }
}

static void seeds_differ(void** state) {
  (void)state;
  struct gcn__rng a;
  struct gcn__rng b;
  gcn__rng_seed(&a, 0);
  gcn__rng_seed(&b, 1);
  assert_true(gcn__rng_next(&a) != gcn__rng_next(&b));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sequence_never_changes),
      cmocka_unit_test(below_stays_below),
      cmocka_unit_test(between_includes_both_ends),
      cmocka_unit_test(draws_are_even),
      cmocka_unit_test(seeds_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
