/* SPDX-License-Identifier: MIT */
/*
 * What the in-flight window takes of memory, and that it needs none to
 * acknowledge.
 */
#include "core/window.h"

#include "base/err.h"
#include "window-rig.h"

#include <stdio.h>

/* --- bounds --------------------------------------------------------------- */

/* One event that is never acknowledged, and all others are: what is kept stays
 * small, even if the caller does not care that the window is full. */
static void an_event_that_is_forgotten_costs_no_memory(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  uint64_t stuck = give(&rig, 0);
  char text[32];
  size_t peak_size = 0;
  for (int i = 0; i < 100000; i++) {
    unsigned lane = (unsigned)i % 2;
    uint64_t sequence = give(&rig, lane);
    snprintf(text, sizeof text, "%08d", i);
    if (i % 3 == 0) mark(&rig, lane, text);
    ack(&rig, sequence);
    if (i == 1000) peak_size = rig.probe.peak_size;
  }
  assert_int_equal(rig.probe.peak_size, peak_size);
  assert_true(gcn__window_done(&rig.window) == stuck - 1);
  assert_at(&rig, 0, NULL);
  assert_true(gcn__window_full(&rig.window));
  ack(&rig, stuck);
  assert_false(gcn__window_full(&rig.window));
  assert_true(gcn__window_done(&rig.window) == rig.window.next - 1);
  rig_deinit(&rig);
}

/* However large the window may become. */
static void memory_follows_what_is_in_flight(void** state) {
  (void)state;
  struct rig rig;
  rig_init_sized(&rig, 1 << 20);
  char text[32];
  size_t peak_size = 0;
  for (int i = 0; i < 100000; i++) {
    uint64_t sequence = give(&rig, 0);
    snprintf(text, sizeof text, "%08d", i);
    if (i % 3 == 0) mark(&rig, 0, text);
    ack(&rig, sequence);
    if (i == 100) peak_size = rig.probe.peak_size;
  }
  assert_int_equal(rig.probe.peak_size, peak_size);
  rig_deinit(&rig);
}

static void what_was_given_beyond_the_limit_is_given_back(void** state) {
  (void)state;
  struct rig rig;
  rig_init_sized(&rig, 256);
  for (uint64_t i = 0; i < 256; i++)
    give(&rig, 0);
  for (uint64_t i = 0; i < 256; i++)
    ack(&rig, FIRST + i);
  size_t usual_size = rig.probe.live_size;
  for (uint64_t i = 0; i < 100000; i++)
    give(&rig, 0);
  assert_true(rig.probe.live_size > 10 * usual_size);
  size_t count = rig.probe.count;
  for (uint64_t i = 0; i < 100000; i++)
    ack(&rig, FIRST + 256 + i);
  assert_int_equal(rig.probe.count, count); /* without memory */
  assert_true(rig.probe.live_size <= 2 * usual_size);
  assert_int_equal(gcn__window_ack(&rig.window, FIRST), GCN__ENOENT);
  ack(&rig, give(&rig, 0));
  rig_deinit(&rig);
}

/* --- with an allocator that fails ----------------------------------------- */

static int start(struct rig* rig) {
  const struct gcn__window_limits limits = {COUNT_MAX, SIZE_MAX_BYTES, 0};
  const struct gcn__position position = {GCN__SPAN("p"), false};
  const struct gcn__key keys[] = {key(1), key(2), key(3)};
  int error = gcn__window_init(&rig->window, &rig->mem, &limits, FIRST);
  if (error != 0) return error;
  error = gcn__window_restore(&rig->window, 1, &position, keys, 3);
  if (error == 0) return 0;
  assert_at(rig, 1, NULL);
  assert_handled(rig, 1, NULL, 0);
  return error;
}

/* 200 events on two lanes, a mark now and then, all acknowledged at last; what
 * fails is done again.  Returns the number of errors. */
static unsigned run(struct rig* rig) {
  unsigned error_count = 0;
  for (uint64_t i = 0; i < 200; i++) {
    uint64_t sequence = FIRST + i;
    int error = gcn__window_give(&rig->window, i % 2, 1, key(sequence));
    if (error != 0) {
      error_count++;
      assert_int_equal(error, GCN__ENOMEM);
      assert_true(rig->window.next == sequence);
      assert_int_equal(rig->window.count, i);
      assert_false(gcn__window_holds(&rig->window, sequence));
      assert_true(give(rig, i % 2) == sequence);
    }
    if (i % 10 < 8) continue;
    error = try_mark(rig, i % 2, "m");
    if (error == 0) continue;
    error_count++;
    assert_int_equal(error, GCN__ENOMEM);
    mark(rig, i % 2, "m");
  }
  for (uint64_t i = 200; i > 0; i--)
    ack(rig, FIRST + i - 1);
  assert_at(rig, 0, "m");
  assert_at(rig, 1, "m");
  assert_handled(rig, 0, NULL, 0);
  assert_handled(rig, 1, NULL, 0);
  return error_count;
}

static void every_failed_allocation_changes_nothing(void** state) {
  (void)state;
  unsigned error_count = 1;
  size_t fail_at = 1;
  for (; error_count > 0; fail_at++) {
    struct rig rig = {.probe = {.fail_at = fail_at}};
    rig.mem = mem_probe_mem(&rig.probe);
    int error = start(&rig);
    assert_true(error == 0 || error == GCN__ENOMEM);
    error_count = error == 0 ? run(&rig) : 1;
    assert_int_equal(error_count, rig.probe.count >= fail_at);
    rig_deinit(&rig);
  }
  assert_true(fail_at > 80); /* 40 segments and their marks */
}

/* What is said to need no memory gets none. */
static void what_is_ready_needs_no_memory(void** state) {
  (void)state;
  struct rig rig;
  rig_init_sized(&rig, 200);
  bool keyed = false;
  unsigned ready_count = 0;
  for (uint64_t i = 0; i < 1000; i++) {
    unsigned lane = (unsigned)(i * i) % 5;
    bool ready = gcn__window_ready(&rig.window, keyed) >> lane & 1;
    size_t count = rig.probe.count;
    uint64_t sequence = rig.window.next;
    const struct gcn__key none = {{0, 0}};
    assert_int_equal(
        gcn__window_give(&rig.window, lane, 1, keyed ? key(i + 1) : none), 0);
    if (ready) assert_int_equal(rig.probe.count, count);
    ready_count += ready;
    if (i % 3 > 0) ack(&rig, sequence);
    keyed = i >= 500;
  }
  assert_in_range(ready_count, 950, 990);
  assert_int_equal(gcn__window_ready(&rig.window, false) >> 5, 0);
  mark(&rig, 0, "m");
  assert_int_equal(gcn__window_ready(&rig.window, false) & 1, 0);
  rig_deinit(&rig);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_event_that_is_forgotten_costs_no_memory),
      cmocka_unit_test(memory_follows_what_is_in_flight),
      cmocka_unit_test(what_was_given_beyond_the_limit_is_given_back),
      cmocka_unit_test(every_failed_allocation_changes_nothing),
      cmocka_unit_test(what_is_ready_needs_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
