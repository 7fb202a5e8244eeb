/* SPDX-License-Identifier: MIT */
/*
 * client/delivery: what is dropped when the window was full for too long, and
 * how that is told.
 */
#include "delivery-case.h"

#include <string.h>

/* Fills the window and lets full_ms pass. */
static void read_on(struct fixture* f, gcn_full_t full) {
  delivery_manual(f);
  f->config.full = full;
  delivery_begin(f);
  for (int i = 1; i <= 6; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  delivery_turn(f);
  assert_int_equal(gcn__delivery_deadline(&f->client), f->now_ms + 5000);
  f->now_ms += 4999;
  assert_false(delivery_feed(f, "v2.a", 7));
  f->now_ms += 1;
}

static void release(struct fixture* f) {
  for (uint64_t i = 1; i <= 4; i++)
    assert_int_equal(delivery_ack(f, i), 0);
}

static void the_oldest_is_dropped(void** state) {
  struct fixture* f = *state;
  read_on(f, GCN_FULL_DROP_OLDEST);
  for (int i = 7; i <= 11; i++) {
    assert_true(delivery_feed(f, i % 2 == 1 ? "v2.a" : "v2.b", i));
  }
  /* 6 in flight leave room for 2; the gap is in hand as well. */
  assert_int_equal(delivery_counters(f).in_flight, 9);
  assert_int_equal(delivery_counters(f).dropped, 3);
  assert_told(f, "1 2 3 4 5 6");
  release(f);
  assert_true(gcn__delivery_busy(&f->client));
  assert_true(delivery_feed(f, "v2.a", 12));
  assert_told(f, "1 2 3 4 5 6 | 10 11 12");
  assert_int_equal(f->gaps, 1);
  assert_int_equal(f->gap.certainty, GCN_CERTAINTY_DROPPED);
  assert_string_equal(f->gap.cause, "the consumer was too slow");
  assert_int_equal(f->gap.from_ms, 70);
  assert_int_equal(f->gap.to_ms, 90);
  assert_int_equal(f->gap.from_unix_ms, 7000);
  assert_int_equal(f->gap.to_unix_ms, 9000);
  assert_int_equal(f->gap.topic_count, 2);
  assert_string_equal(f->gap_topics, "v2.a v2.b");
  assert_int_equal(delivery_counters(f).gaps, 1);
  assert_int_equal(delivery_counters(f).gap_ms, 20);
  /* The gap has a number, which is done with. */
  assert_int_equal(f->told[7].sequence, 8);
  assert_int_equal(f->told[9].sequence, 10);
  for (uint64_t i = 5; i <= 10; i++) {
    assert_int_equal(delivery_ack(f, i), i == 7 ? UV_ENOENT : 0);
  }
  assert_int_equal(gcn__window_done(gcn__delivery_window(&f->client)), 10);
  assert_int_equal(delivery_counters(f).acked, 9);
}

static void dropping_is_told_once_a_second(void** state) {
  struct fixture* f = *state;
  read_on(f, GCN_FULL_DROP_OLDEST);
  for (int i = 7; i <= 8; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  assert_int_equal(gcn__delivery_deadline(&f->client), GCN__NEVER);
  for (int i = 9; i <= 20; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  assert_int_equal(f->gaps, 0);
  assert_int_equal(gcn__delivery_deadline(&f->client), f->now_ms + 1000);
  f->now_ms += 999;
  delivery_turn(f);
  assert_int_equal(f->gaps, 0);
  f->now_ms += 1;
  delivery_turn(f);
  assert_int_equal(f->gaps, 1);
  assert_int_equal(f->gap.from_ms, 70);
  assert_int_equal(f->gap.to_ms, 180);
  delivery_turn(f);
  assert_int_equal(f->gaps, 1);
}

/* One that finds no room at all is dropped itself. */
static void the_first_that_finds_no_room(void** state) {
  struct fixture* f = *state;
  f->config.window.size_max = 240;
  delivery_manual(f);
  f->config.full = GCN_FULL_DROP_OLDEST;
  delivery_begin(f);
  assert_true(delivery_feed_sized(f, "v2.a", 1, 190));
  delivery_turn(f);
  f->now_ms += 5000;
  assert_true(delivery_feed_sized(f, "v2.a", 2, 51));
  assert_int_equal(delivery_counters(f).dropped, 1);
  assert_true(delivery_feed_sized(f, "v2.a", 3, 50));
  assert_int_equal(delivery_counters(f).dropped, 1);
  assert_int_equal(delivery_counters(f).in_flight_size, 240);
  delivery_ack(f, 1);
  delivery_turn(f);
  assert_told(f, "1 | 3");
}

static void the_latest_of_each_is_kept(void** state) {
  struct fixture* f = *state;
  f->config.window.count_max = 16;
  delivery_manual(f);
  f->config.full = GCN_FULL_KEEP_LATEST;
  delivery_begin(f);
  for (int i = 1; i <= 12; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  delivery_turn(f);
  f->now_ms += 5000;
  const char* const topics[] = {"v2.a", "v2.b", "v2.a", "v2.c", "v2.b"};
  for (int i = 0; i < 5; i++)
    assert_true(delivery_feed(f, topics[i], 13 + i));
  assert_int_equal(delivery_counters(f).dropped, 2);
  assert_int_equal(delivery_counters(f).in_flight, 16); /* with the gap */
  /* Two others: then there is no room, and the oldest goes. */
  assert_true(delivery_feed(f, "v2.d", 18));
  assert_true(delivery_feed(f, "v2.e", 19));
  assert_int_equal(delivery_counters(f).dropped, 3);
  for (uint64_t i = 1; i <= 8; i++)
    delivery_ack(f, i);
  delivery_turn(f);
  assert_told(f, "1 2 3 4 5 6 7 8 9 10 11 12 | 16 17 18 19");
  assert_string_equal(f->gap_topics, "v2.a v2.b");
}

static void a_resource_is_a_thing_of_its_own(void** state) {
  struct fixture* f = *state;
  read_on(f, GCN_FULL_KEEP_LATEST);
  delivery_turn(f);
  for (int i = 7; i <= 9; i++) {
    delivery_effect(f, "v2.a", i, 0);
    f->effect.event.resource_id = gcn__span_str(i == 8 ? "r8" : "r7");
    gcn__delivery_event(&f->client, &f->effect);
  }
  assert_int_equal(delivery_counters(f).dropped, 1);
  release(f);
  delivery_turn(f);
  assert_told(f, "1 2 3 4 5 6 | 8 9");
}

/* A position waits with the event before it, and passes on when that goes. */
static void marks_of_what_is_dropped(void** state) {
  struct fixture* f = *state;
  read_on(f, GCN_FULL_DROP_OLDEST);
  delivery_mark(f, "p6");
  for (int i = 7; i <= 8; i++)
    delivery_feed(f, "v2.a", i);
  delivery_mark(f, "p8");
  delivery_feed(f, "v2.a", 9);  /* 7 goes */
  delivery_feed(f, "v2.a", 10); /* 8 goes: p8 is behind 6 now */
  delivery_mark(f, "p10");
  for (uint64_t i = 1; i <= 6; i++) {
    assert_position(f, NULL);
    delivery_ack(f, i);
  }
  assert_position(f, "p6"); /* the gap is not told yet */
  delivery_turn(f);
  assert_told(f, "1 2 3 4 5 6 | 9 10");
  assert_position(f, "p8");
  delivery_ack(f, 8);
  assert_position(f, "p8");
  delivery_ack(f, 9);
  assert_position(f, "p10");
}

static void marks_within_what_is_kept(void** state) {
  struct fixture* f = *state;
  read_on(f, GCN_FULL_KEEP_LATEST);
  delivery_feed(f, "v2.b", 7);
  delivery_mark(f, "p7");
  for (int i = 8; i < 1000; i++) { /* takes the place of the one before */
    delivery_feed(f, "v2.c", i);
    delivery_mark(f, "p");
  }
  size_t live_size = f->probe.live_size;
  for (int i = 1000; i < 2000; i++) {
    delivery_feed(f, "v2.c", i);
    delivery_mark(f, "q");
  }
  assert_true(f->probe.live_size < live_size + 4096); /* of the window */
  for (uint64_t i = 1; i <= 6; i++)
    delivery_ack(f, i);
  assert_position(f, NULL);
  delivery_turn(f);
  assert_told(f, "1 2 3 4 5 6 | 7 1999");
  delivery_ack(f, f->told[7].sequence);
  assert_position(f, "q"); /* that of 1998: all before are done with */
}

static void a_long_pause_reads_on(void** state) {
  struct fixture* f = *state;
  f->config.windowed = true;
  f->config.full = GCN_FULL_DROP_OLDEST;
  delivery_begin(f);
  assert_true(delivery_feed(f, "v2.a", 1));
  f->client.pause_wanted = true;
  assert_false(delivery_feed(f, "v2.a", 2));
  f->now_ms += 5000;
  for (int i = 2; i <= 11; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  assert_told(f, "1");
  assert_int_equal(delivery_counters(f).in_flight, 9); /* with the gap */
  assert_int_equal(delivery_counters(f).dropped, 2);
  f->client.pause_wanted = false;
  assert_true(delivery_feed(f, "v2.a", 12));
  assert_told(f, "1 | 4 5 6 7 8 9 10 11 12");
  assert_int_equal(delivery_counters(f).in_flight, 0);
}

/* Resumed within a turn, full again in the same one: that wait is a new one. */
static void full_anew(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  f->config.full = GCN_FULL_DROP_OLDEST;
  delivery_begin(f);
  f->client.pause_wanted = true;
  delivery_turn(f);
  f->now_ms += 5000;
  for (int i = 1; i <= 8; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  f->client.pause_wanted = false;
  while (gcn__delivery_drain(&f->client, f->now_ms)) {
  }
  assert_told(f, "1 2 3 4 5 6");
  assert_true(gcn__delivery_rests(&f->client));
  f->now_ms += 4999;
  assert_false(delivery_feed(f, "v2.a", 9));
  f->now_ms += 1;
  assert_true(delivery_feed(f, "v2.a", 9));
  assert_int_equal(delivery_counters(f).dropped, 1);
}

/* What was dropped is not done with before it is told: whoever dies between
 * begins again before it. */
static void a_gap_is_told_before_it_is_done(void** state) {
  struct fixture* f = *state;
  read_on(f, GCN_FULL_DROP_OLDEST);
  delivery_mark(f, "p6");
  for (int i = 7; i <= 12; i++) {
    delivery_feed(f, "v2.a", i);
    delivery_mark(f, "later");
  }
  assert_int_equal(delivery_counters(f).dropped, 4);
  const struct gcn__window* window = gcn__delivery_window(&f->client);
  for (uint64_t i = 1; i <= 6; i++)
    delivery_ack(f, i);
  assert_int_equal(delivery_ack(f, 7), UV_ENOENT); /* that is no event's */
  assert_position(f, "p6");
  assert_int_equal(gcn__window_done(window), 6);
  assert_int_equal(delivery_counters(f).in_flight, 3);
  delivery_turn(f);
  assert_told(f, "1 2 3 4 5 6 | 11 12");
  assert_int_equal(gcn__window_done(window), 7);
  assert_position(f, "later");
}

static void pause_at_eight(struct fixture* f, const gcn_event_t* event) {
  if (event != NULL && event->sequence == 8) f->client.pause_wanted = true;
}

static void a_pause_holds_in_the_queue(void** state) {
  struct fixture* f = *state;
  read_on(f, GCN_FULL_DROP_OLDEST);
  f->act = pause_at_eight;
  for (int i = 7; i <= 9; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  release(f);
  delivery_turn(f);
  assert_told(f, "1 2 3 4 5 6 | 8");
  assert_false(delivery_feed(f, "v2.a", 10)); /* a new wait begins */
  f->client.pause_wanted = false;
  assert_true(delivery_feed(f, "v2.a", 10));
  assert_told(f, "1 2 3 4 5 6 | 8 9 10");
}

static void after_close_nothing_is_told(void** state) {
  struct fixture* f = *state;
  read_on(f, GCN_FULL_DROP_OLDEST);
  for (int i = 7; i <= 9; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  f->client.closing = true;
  assert_false(gcn__delivery_rests(&f->client));
  delivery_turn(f);
  assert_false(gcn__delivery_holds(&f->client));
  assert_true(delivery_feed(f, "v2.a", 10));
  delivery_mark(f, "p10");
  assert_told(f, "1 2 3 4 5 6");
  assert_int_equal(f->gaps, 0);
  assert_position(f, NULL);
  assert_int_equal(gcn__delivery_deadline(&f->client), GCN__NEVER);
  assert_int_equal(delivery_ack(f, 1), GCN_ECLOSING);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DELIVERY_TEST(the_oldest_is_dropped),
      DELIVERY_TEST(dropping_is_told_once_a_second),
      DELIVERY_TEST(the_first_that_finds_no_room),
      DELIVERY_TEST(the_latest_of_each_is_kept),
      DELIVERY_TEST(a_resource_is_a_thing_of_its_own),
      DELIVERY_TEST(marks_of_what_is_dropped),
      DELIVERY_TEST(marks_within_what_is_kept),
      DELIVERY_TEST(a_long_pause_reads_on),
      DELIVERY_TEST(full_anew),
      DELIVERY_TEST(a_gap_is_told_before_it_is_done),
      DELIVERY_TEST(a_pause_holds_in_the_queue),
      DELIVERY_TEST(after_close_nothing_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
