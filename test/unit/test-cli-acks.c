/* SPDX-License-Identifier: MIT */
/*
 * cli/acks: events are handled when the output has taken their lines.
 */
#include "check.h"

#include "cli/acks.h"

static void test_nothing_owed(void** state) {
  (void)state;
  struct gcn__acks acks = {0};
  uint64_t sequence = 7;
  assert_false(gcn__acks_pop(&acks, UINT64_MAX, &sequence));
  assert_int_equal(sequence, 7);
  gcn__acks_deinit(&acks);
}

static void test_by_the_last_byte(void** state) {
  (void)state;
  struct gcn__acks acks = {0};
  uint64_t sequence = 0;
  assert_int_equal(gcn__acks_push(&acks, 10, 1), 0);
  assert_int_equal(gcn__acks_push(&acks, 10, 2), 0); /* has no line */
  assert_int_equal(gcn__acks_push(&acks, 25, 3), 0);
  assert_false(gcn__acks_pop(&acks, 9, &sequence));
  assert_true(gcn__acks_pop(&acks, 10, &sequence));
  assert_int_equal(sequence, 1);
  assert_true(gcn__acks_pop(&acks, 10, &sequence));
  assert_int_equal(sequence, 2);
  assert_false(gcn__acks_pop(&acks, 24, &sequence));
  assert_true(gcn__acks_pop(&acks, 25, &sequence));
  assert_int_equal(sequence, 3);
  assert_false(gcn__acks_pop(&acks, UINT64_MAX, &sequence));
  gcn__acks_deinit(&acks);
}

/* The ring grows while it is anywhere, and keeps its order. */
static void test_grows(void** state) {
  (void)state;
  enum { COUNT = 5000 };
  struct gcn__acks acks = {0};
  uint64_t sequence = 0;
  uint64_t popped = 0;
  for (uint64_t i = 1; i <= COUNT; i++) {
    assert_int_equal(gcn__acks_push(&acks, i * 3, i), 0);
    if (i % 3 != 0) continue;
    assert_true(gcn__acks_pop(&acks, i * 3, &sequence));
    assert_int_equal(sequence, ++popped);
  }
  while (gcn__acks_pop(&acks, COUNT * 3, &sequence)) {
    assert_int_equal(sequence, ++popped);
  }
  assert_int_equal(popped, COUNT);
  gcn__acks_deinit(&acks);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nothing_owed),
      cmocka_unit_test(test_by_the_last_byte),
      cmocka_unit_test(test_grows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
