/* SPDX-License-Identifier: MIT */
/*
 * The in-flight window: its contract, call by call.
 */
#include "core/window.h"

#include "base/err.h"
#include "window-rig.h"

#include <stdio.h>

static const struct gcn__key no_key = {{0, 0}};

/* --- events --------------------------------------------------------------- */

static void a_window_begins_with_nothing(void** state) {
  (void)state;
  struct gcn__window zeroed = {.mem = NULL};
  gcn__window_deinit(&zeroed);
  struct rig rig;
  rig_init(&rig);
  assert_true(rig.window.next == FIRST);
  assert_true(gcn__window_done(&rig.window) == FIRST - 1);
  assert_true(gcn__window_revision(&rig.window) == 0);
  assert_false(gcn__window_holds(&rig.window, FIRST));
  assert_int_equal(gcn__window_ack(&rig.window, FIRST), GCN__ENOENT);
  for (unsigned lane = 0; lane < GCN__LANE_COUNT_MAX; lane++) {
    assert_at(&rig, lane, NULL);
    assert_handled(&rig, lane, NULL, 0);
  }
  rig_deinit(&rig);
}

static void what_is_not_in_flight_is_not_found(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  for (int i = 0; i < 5; i++)
    give(&rig, 0);
  static const uint64_t strangers[] = {0, 1, FIRST - 1, FIRST + 5, UINT64_MAX};
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(gcn__window_ack(&rig.window, strangers[i]), GCN__ENOENT);
    assert_false(gcn__window_holds(&rig.window, strangers[i]));
  }
  assert_true(gcn__window_holds(&rig.window, FIRST + 2));
  ack(&rig, FIRST + 2);
  assert_false(gcn__window_holds(&rig.window, FIRST + 2));
  uint64_t revision = gcn__window_revision(&rig.window);
  assert_int_equal(gcn__window_ack(&rig.window, FIRST + 2), GCN__ENOENT);
  assert_true(gcn__window_revision(&rig.window) == revision);
  assert_int_equal(rig.window.count, 4);
  rig_deinit(&rig);
}

static void done_is_the_prefix_without_a_hole(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  for (unsigned i = 0; i < 5; i++)
    give(&rig, i); /* whatever the lane */
  static const struct {
    uint64_t acked;
    uint64_t done;
  } steps[] = {{FIRST + 1, FIRST - 1},
               {FIRST + 3, FIRST - 1},
               {FIRST, FIRST + 1},
               {FIRST + 4, FIRST + 1},
               {FIRST + 2, FIRST + 4}};
  for (size_t i = 0; i < 5; i++) {
    ack(&rig, steps[i].acked);
    assert_true(gcn__window_done(&rig.window) == steps[i].done);
  }
  give(&rig, 0);
  assert_true(gcn__window_done(&rig.window) == FIRST + 4);
  rig_deinit(&rig);
}

static void high_and_low_water_are_exact(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig); /* 24 of 32 events is high water, 8 is low water */
  for (int i = 0; i < 24; i++) {
    assert_false(gcn__window_full(&rig.window));
    assert_int_equal(gcn__window_slack(&rig.window), i <= 8);
    give(&rig, 0);
  }
  assert_true(gcn__window_full(&rig.window));
  ack(&rig, FIRST + 7);
  assert_false(gcn__window_full(&rig.window));
  rig_deinit(&rig);

  rig_init(&rig); /* 750 of 1000 bytes, and 250 */
  assert_int_equal(gcn__window_give(&rig.window, 0, 250, no_key), 0);
  assert_true(gcn__window_slack(&rig.window));
  assert_int_equal(gcn__window_give(&rig.window, 0, 1, no_key), 0);
  assert_false(gcn__window_slack(&rig.window));
  assert_int_equal(gcn__window_give(&rig.window, 0, 498, no_key), 0);
  assert_false(gcn__window_full(&rig.window));
  assert_int_equal(gcn__window_give(&rig.window, 0, 1, no_key), 0);
  assert_true(gcn__window_full(&rig.window));
  assert_int_equal(rig.window.size, 750);
  ack(&rig, FIRST);
  assert_int_equal(rig.window.size, 500);
  rig_deinit(&rig);
}

static void the_smallest_window_holds_one(void** state) {
  (void)state;
  struct rig rig;
  rig_init_sized(&rig, 1);
  assert_false(gcn__window_full(&rig.window));
  for (int i = 0; i < 100; i++) {
    uint64_t sequence = give(&rig, 0);
    assert_true(gcn__window_full(&rig.window));
    assert_false(gcn__window_slack(&rig.window));
    ack(&rig, sequence);
    assert_true(gcn__window_slack(&rig.window));
    assert_handled(&rig, 0, &sequence, 1);
  }
  rig_deinit(&rig);
}

/* --- marks ---------------------------------------------------------------- */

static void a_mark_waits_for_what_came_before_it(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  uint64_t a = give(&rig, 0);
  uint64_t b = give(&rig, 0);
  mark(&rig, 0, "ab");
  uint64_t c = give(&rig, 0);
  uint64_t other = give(&rig, 1);
  mark(&rig, 0, "c");
  ack(&rig, c);
  ack(&rig, a);
  assert_at(&rig, 0, NULL);
  assert_handled(&rig, 0, (uint64_t[]){c, a}, 2);
  uint64_t revision = gcn__window_revision(&rig.window);
  ack(&rig, b);
  assert_at(&rig, 0, "c"); /* at once beyond "ab" */
  assert_handled(&rig, 0, NULL, 0);
  assert_true(gcn__window_revision(&rig.window) > revision);
  assert_at(&rig, 1, NULL);
  mark(&rig, 1, "other");
  assert_at(&rig, 1, NULL);
  ack(&rig, other);
  assert_at(&rig, 1, "other");
  assert_at(&rig, 0, "c");
  rig_deinit(&rig);
}

static void positions_move_one_by_one(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  uint64_t a = give(&rig, 0);
  mark(&rig, 0, "a");
  uint64_t b = give(&rig, 0);
  mark(&rig, 0, "b");
  uint64_t c = give(&rig, 0);
  ack(&rig, c);
  ack(&rig, a);
  assert_at(&rig, 0, "a");
  assert_handled(&rig, 0, (uint64_t[]){c}, 1);
  ack(&rig, b);
  assert_at(&rig, 0, "b");
  assert_handled(&rig, 0, (uint64_t[]){c}, 1); /* no mark behind it yet */
  mark(&rig, 0, "c");
  assert_at(&rig, 0, "c");
  assert_handled(&rig, 0, NULL, 0);
  rig_deinit(&rig);
}

static void a_mark_without_an_event_replaces_the_one_before(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  mark(&rig, 0, "1");
  assert_at(&rig, 0, "1");
  mark(&rig, 0, "2");
  assert_at(&rig, 0, "2");
  uint64_t a = give(&rig, 0);
  mark(&rig, 0, "3");
  mark(&rig, 0, "4");
  uint64_t revision = gcn__window_revision(&rig.window);
  mark(&rig, 0, "5");
  assert_true(gcn__window_revision(&rig.window) == revision);
  assert_at(&rig, 0, "2");
  ack(&rig, a);
  assert_at(&rig, 0, "5");
  rig_deinit(&rig);
}

static void a_mark_behind_handled_events_takes_effect_at_once(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  ack(&rig, give(&rig, 0));
  ack(&rig, give(&rig, 0));
  assert_int_equal(gcn__window_handled_count(&rig.window, 0), 2);
  mark(&rig, 0, "x");
  assert_at(&rig, 0, "x");
  assert_handled(&rig, 0, NULL, 0);
  uint64_t stuck = give(&rig, 0);
  mark(&rig, 0, "y");
  uint64_t later = give(&rig, 0);
  ack(&rig, later);
  mark(&rig, 0, "z");
  assert_at(&rig, 0, "x");
  assert_handled(&rig, 0, &later, 1);
  ack(&rig, stuck);
  assert_at(&rig, 0, "z");
  assert_handled(&rig, 0, NULL, 0);
  rig_deinit(&rig);
}

/* A heartbeat may name the same position again and again. */
static void the_same_mark_again_changes_nothing(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  mark(&rig, 0, "same");
  uint64_t revision = gcn__window_revision(&rig.window);
  size_t count = rig.probe.count;
  mark(&rig, 0, "same");
  assert_true(gcn__window_revision(&rig.window) == revision);
  assert_int_equal(rig.probe.count, count);
  const struct gcn__position moment = {GCN__SPAN("same"), true};
  assert_int_equal(gcn__window_mark(&rig.window, 0, &moment), 0);
  assert_true(gcn__window_revision(&rig.window) > revision);
  assert_true(gcn__window_position(&rig.window, 0).is_time);
  rig_deinit(&rig);
}

static void texts_are_checked_at_n_and_beyond_and_copied(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  char text[GCN__POSITION_SIZE_MAX + 1];
  memset(text, 'x', sizeof text);
  struct gcn__position position = {gcn__span(text, sizeof text), false};
  assert_int_equal(gcn__window_mark(&rig.window, 0, &position), GCN_ELIMIT);
  assert_int_equal(gcn__window_restore(&rig.window, 0, &position, NULL, 0),
                   GCN_ELIMIT);
  position.text.size = 0;
  assert_int_equal(gcn__window_mark(&rig.window, 0, &position), GCN_ELIMIT);
  assert_int_equal(gcn__window_restore(&rig.window, 0, &position, NULL, 0),
                   GCN_ELIMIT);
  position.text = gcn__span(NULL, 0);
  assert_int_equal(gcn__window_mark(&rig.window, 0, &position), GCN_ELIMIT);
  assert_at(&rig, 0, NULL);
  assert_true(gcn__window_revision(&rig.window) == 0);
  position.text = gcn__span(text, GCN__POSITION_SIZE_MAX);
  assert_int_equal(gcn__window_mark(&rig.window, 0, &position), 0);
  memset(text, 'y', sizeof text);
  struct gcn__span got = gcn__window_position(&rig.window, 0).text;
  assert_int_equal(got.size, GCN__POSITION_SIZE_MAX);
  assert_int_equal(got.data[got.size - 1], 'x');
  rig_deinit(&rig);
}

/* What a failed mark would have covered, the next one covers. */
static void a_failed_mark_leaves_its_events_to_the_next(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  uint64_t a = give(&rig, 0);
  rig.probe.fail_at = rig.probe.count + 1;
  assert_int_equal(try_mark(&rig, 0, "a"), GCN__ENOMEM);
  uint64_t b = give(&rig, 0);
  assert_int_equal(try_mark(&rig, 0, ""), GCN_ELIMIT);
  mark(&rig, 0, "b");
  ack(&rig, a);
  assert_at(&rig, 0, NULL);
  ack(&rig, b);
  assert_at(&rig, 0, "b");
  rig_deinit(&rig);
}

/* --- keys ----------------------------------------------------------------- */

static void events_without_a_key_are_not_remembered(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  assert_int_equal(gcn__window_give(&rig.window, 0, 1, no_key), 0);
  ack(&rig, FIRST);
  assert_handled(&rig, 0, NULL, 0);
  assert_true(gcn__window_revision(&rig.window) == 0);
  rig_deinit(&rig);
}

static void a_lane_without_marks_remembers_the_latest(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  uint64_t want[COUNT_MAX];
  for (uint64_t i = 0; i < 1000; i++) {
    uint64_t sequence = give(&rig, 3);
    uint64_t revision = gcn__window_revision(&rig.window);
    ack(&rig, sequence);
    assert_true(gcn__window_revision(&rig.window) > revision);
    if (i % 7 != 0 || i < COUNT_MAX) continue; /* whoever looks, or does not */
    for (size_t k = 0; k < COUNT_MAX; k++)
      want[k] = sequence + 1 - COUNT_MAX + k;
    assert_handled(&rig, 3, want, COUNT_MAX);
  }
  rig_deinit(&rig);
}

/* They would be stored with every save, and nothing repeats them. */
static void a_lane_without_marks_keeps_few_keys(void** state) {
  (void)state;
  enum { MANY = 1000, FEW = GCN__WINDOW_UNMARKED_KEY_COUNT };
  struct rig rig;
  rig_init_sized(&rig, MANY);
  struct gcn__key keys[MANY];
  for (uint64_t i = 0; i < MANY; i++)
    keys[i] = key(i + 1);
  const struct gcn__position none = {gcn__span(NULL, 0), false};
  const struct gcn__position some = {GCN__SPAN("p"), false};
  assert_int_equal(gcn__window_restore(&rig.window, 1, &none, keys, MANY), 0);
  assert_int_equal(gcn__window_restore(&rig.window, 2, &some, keys, MANY), 0);
  assert_int_equal(gcn__window_handled_count(&rig.window, 1), FEW);
  assert_int_equal(gcn__window_handled(&rig.window, 1, 0).words[0],
                   MANY - FEW + 1);
  assert_int_equal(gcn__window_handled_count(&rig.window, 2), MANY);
  for (int i = 0; i < 3 * MANY; i++)
    ack(&rig, give(&rig, 0));
  assert_int_equal(gcn__window_handled_count(&rig.window, 0), FEW);
  assert_true(gcn__window_handled(&rig.window, 0, FEW - 1).words[0] ==
              rig.window.next - 1);
  /* A mark tells that positions are named, also one that waits. */
  uint64_t held = give(&rig, 0);
  mark(&rig, 0, "a");
  for (int i = FEW; i < MANY; i++)
    ack(&rig, give(&rig, 0));
  assert_int_equal(gcn__window_handled_count(&rig.window, 0), MANY);
  ack(&rig, held);
  assert_int_equal(gcn__window_handled_count(&rig.window, 0), MANY - FEW);
  rig_deinit(&rig);
}

static void keys_come_in_the_order_of_their_acknowledgement(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  uint64_t want[COUNT_MAX];
  for (int i = 0; i <= COUNT_MAX; i++)
    give(&rig, 0);
  for (size_t i = 0; i < COUNT_MAX; i++) {
    want[i] = FIRST + COUNT_MAX - i; /* from the newest to the oldest */
    ack(&rig, want[i]);
    assert_handled(&rig, 0, want, i + 1);
  }
  rig_deinit(&rig);
}

/* --- restoring ------------------------------------------------------------ */

static void a_lane_goes_on_where_it_was(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  const struct gcn__position position = {GCN__SPAN("here"), true};
  const struct gcn__key keys[] = {key(1), key(2)};
  assert_int_equal(gcn__window_restore(&rig.window, 4, &position, keys, 2), 0);
  assert_at(&rig, 4, "here");
  assert_true(gcn__window_position(&rig.window, 4).is_time);
  assert_handled(&rig, 4, (uint64_t[]){1, 2}, 2);
  uint64_t a = give(&rig, 4);
  mark(&rig, 4, "there");
  uint64_t b = give(&rig, 4);
  ack(&rig, b);
  assert_at(&rig, 4, "here");
  assert_handled(&rig, 4, (uint64_t[]){1, 2, b}, 3);
  ack(&rig, a);
  assert_at(&rig, 4, "there");
  assert_handled(&rig, 4, (uint64_t[]){1, 2, b}, 3);
  rig_deinit(&rig);
}

/* Of what was in flight at the end of the last run up to COUNT_MAX events may
 * come before the last of what was handled. */
static void restored_keys_stay_until_the_stream_has_passed_them(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  const struct gcn__position none = {gcn__span(NULL, 0), false};
  const struct gcn__key keys[] = {key(1), key(2)};
  assert_int_equal(gcn__window_restore(&rig.window, 0, &none, keys, 2), 0);
  assert_at(&rig, 0, NULL);
  char text[32];
  for (int i = 1; i <= COUNT_MAX; i++) {
    uint64_t sequence = give(&rig, 0);
    snprintf(text, sizeof text, "%d", i);
    mark(&rig, 0, text);
    ack(&rig, sequence);
    assert_at(&rig, 0, text);
    assert_handled(&rig, 0, (uint64_t[]){1, 2}, 2);
  }
  uint64_t last = give(&rig, 0);
  mark(&rig, 0, "beyond");
  assert_handled(&rig, 0, (uint64_t[]){1, 2}, 2);
  ack(&rig, last);
  assert_handled(&rig, 0, NULL, 0);
  rig_deinit(&rig);
}

static void of_too_many_restored_keys_the_newest_stay(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  const struct gcn__position position = {GCN__SPAN("p"), false};
  struct gcn__key keys[COUNT_MAX + 5];
  uint64_t want[COUNT_MAX];
  for (uint64_t i = 0; i < COUNT_MAX + 5; i++) {
    keys[i] = key(i + 1);
    if (i >= 5) want[i - 5] = i + 1;
  }
  int error =
      gcn__window_restore(&rig.window, 0, &position, keys, COUNT_MAX + 5);
  assert_int_equal(error, 0);
  assert_handled(&rig, 0, want, COUNT_MAX);
  uint64_t sequence = give(&rig, 0);
  ack(&rig, sequence);
  memmove(want, want + 1, (COUNT_MAX - 1) * sizeof *want);
  want[COUNT_MAX - 1] = sequence;
  assert_handled(&rig, 0, want, COUNT_MAX);
  rig_deinit(&rig);
}

/* One event that is held keeps the position; the keys of those behind it are
 * not forgotten: sooner no more are given out. */
static void one_held_event_fills_the_window(void** state) {
  struct rig rig;
  (void)state;
  rig_init(&rig);
  uint64_t held = give(&rig, 0);
  mark(&rig, 0, "a");
  unsigned count = 0;
  while (!gcn__window_full(&rig.window)) {
    ack(&rig, give(&rig, 0));
    assert_true(++count <= COUNT_MAX);
  }
  assert_int_equal(count, COUNT_MAX - COUNT_MAX / 4);
  assert_int_equal(gcn__window_handled_count(&rig.window, 0), count);
  assert_false(gcn__window_slack(&rig.window));
  mark(&rig, 0, "b");
  assert_true(gcn__window_full(&rig.window));
  ack(&rig, held);
  assert_false(gcn__window_full(&rig.window));
  assert_true(gcn__window_slack(&rig.window));
  rig_deinit(&rig);
}

/* Within a batch the position can't move: nothing would ever end the wait. */
static void an_open_batch_does_not_fill_the_window(void** state) {
  struct rig rig;
  (void)state;
  rig_init(&rig);
  (void)give(&rig, 0);
  for (int i = 0; i < 3 * COUNT_MAX; i++)
    ack(&rig, give(&rig, 0));
  assert_false(gcn__window_full(&rig.window));
  rig_deinit(&rig);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_held_event_fills_the_window),
      cmocka_unit_test(an_open_batch_does_not_fill_the_window),
      cmocka_unit_test(a_window_begins_with_nothing),
      cmocka_unit_test(what_is_not_in_flight_is_not_found),
      cmocka_unit_test(done_is_the_prefix_without_a_hole),
      cmocka_unit_test(high_and_low_water_are_exact),
      cmocka_unit_test(the_smallest_window_holds_one),
      cmocka_unit_test(a_mark_waits_for_what_came_before_it),
      cmocka_unit_test(positions_move_one_by_one),
      cmocka_unit_test(a_mark_without_an_event_replaces_the_one_before),
      cmocka_unit_test(a_mark_behind_handled_events_takes_effect_at_once),
      cmocka_unit_test(the_same_mark_again_changes_nothing),
      cmocka_unit_test(texts_are_checked_at_n_and_beyond_and_copied),
      cmocka_unit_test(a_failed_mark_leaves_its_events_to_the_next),
      cmocka_unit_test(events_without_a_key_are_not_remembered),
      cmocka_unit_test(a_lane_without_marks_remembers_the_latest),
      cmocka_unit_test(a_lane_without_marks_keeps_few_keys),
      cmocka_unit_test(keys_come_in_the_order_of_their_acknowledgement),
      cmocka_unit_test(a_lane_goes_on_where_it_was),
      cmocka_unit_test(restored_keys_stay_until_the_stream_has_passed_them),
      cmocka_unit_test(of_too_many_restored_keys_the_newest_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
