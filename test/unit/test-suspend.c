/* SPDX-License-Identifier: MIT */
/*
 * Sleep is told by two clocks; these ones are invented.
 */
#include "check.h"

#include "loop/suspend.h"

static void test_first_note_tells_nothing(void** state) {
  (void)state;
  struct gcn__suspend suspend = {.known = false};
  /* A machine that slept for a day before we came. */
  assert_int_equal(gcn__suspend_note(&suspend, 1000, 86401000), 0);
  assert_int_equal(gcn__suspend_note(&suspend, 2000, 86402000), 0);
}

static void test_a_night_is_told_once(void** state) {
  (void)state;
  struct gcn__suspend suspend = {.known = false};
  const uint64_t night_ms = 8 * 3600 * 1000;
  gcn__suspend_note(&suspend, 1000, 1000);
  assert_int_equal(gcn__suspend_note(&suspend, 1500, 1500 + night_ms),
                   night_ms);
  assert_int_equal(gcn__suspend_note(&suspend, 2000, 2000 + night_ms), 0);
  assert_int_equal(gcn__suspend_note(&suspend, 2500, 2500 + 2 * night_ms),
                   night_ms);
}

static void test_threshold(void** state) {
  (void)state;
  struct gcn__suspend suspend = {.known = false};
  gcn__suspend_note(&suspend, 0, 0);
  assert_int_equal(gcn__suspend_note(&suspend, 10, 10 + 4999), 0);
  assert_int_equal(gcn__suspend_note(&suspend, 20, 20 + 4999 + 5000), 5000);
}

static void test_naps_and_drift_do_not_add_up(void** state) {
  (void)state;
  struct gcn__suspend suspend = {.known = false};
  uint64_t ahead_ms = 0;
  for (uint64_t at_ms = 0; at_ms < 1000; at_ms++) {
    assert_int_equal(gcn__suspend_note(&suspend, at_ms, at_ms + ahead_ms), 0);
    ahead_ms += 4999;
  }
}

/* A host that blocks its loop lets both clocks go on. */
static void test_a_stall_is_no_sleep(void** state) {
  (void)state;
  struct gcn__suspend suspend = {.known = false};
  gcn__suspend_note(&suspend, 1000, 5000);
  assert_int_equal(gcn__suspend_note(&suspend, 601000, 605000), 0);
}

static void test_a_clock_set_back_tells_nothing(void** state) {
  (void)state;
  struct gcn__suspend suspend = {.known = false};
  gcn__suspend_note(&suspend, 1000, 100000);
  assert_int_equal(gcn__suspend_note(&suspend, 2000, 1000), 0);
  assert_int_equal(gcn__suspend_note(&suspend, 3000, 2000), 0);
  assert_int_equal(gcn__suspend_note(&suspend, 4000, 9000), 6000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_first_note_tells_nothing),
      cmocka_unit_test(test_a_night_is_told_once),
      cmocka_unit_test(test_threshold),
      cmocka_unit_test(test_naps_and_drift_do_not_add_up),
      cmocka_unit_test(test_a_stall_is_no_sleep),
      cmocka_unit_test(test_a_clock_set_back_tells_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
