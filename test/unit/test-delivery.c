/* SPDX-License-Identifier: MIT */
/*
 * client/delivery: numbers and acknowledgements, a window that is full, what is
 * dropped then, and memory that is short.
 */
#include "delivery-case.h"

#include <string.h>

/* --- without a window ----------------------------------------------------- */

static void look_at_place(struct fixture* f, const gcn_event_t* event) {
  f->result = event->topic.data == f->text && event->message.data == f->text;
}

static void told_in_place(void** state) {
  struct fixture* f = *state;
  delivery_begin(f);
  f->act = look_at_place;
  size_t before = f->probe.count;
  for (int i = 7; i < 107; i++) {
    assert_true(delivery_feed(f, "v2.a", i));
    assert_int_equal(f->result, 1);
  }
  assert_int_equal(f->probe.count, before);
  assert_int_equal(f->told_count, 100);
  assert_int_equal(f->told[0].sequence, 7); /* the engine's */
  assert_int_equal(f->told[99].sequence, 106);
  assert_int_equal(delivery_counters(f).acked, 100);
  assert_int_equal(delivery_counters(f).in_flight, 0);
  assert_int_equal(delivery_ack(f, 7), UV_ENOENT);
  assert_null(gcn__delivery_window(&f->client));
}

static void all_of_it_is_told(void** state) {
  struct fixture* f = *state;
  delivery_begin(f);
  const struct gcn__event event = {
      .topic = GCN__SPAN("topic"),
      .body = GCN__SPAN("body"),
      .correlation_id = GCN__SPAN("correlation"),
      .version = GCN__SPAN("2"),
      .message = GCN__SPAN("message"),
      .sequence = 3,
      .generation = 4,
      .connection = 5,
      .shard = 6,
      .id = GCN__SPAN("id"),
      .resource_id = GCN__SPAN("resource"),
      .type = GCN__SPAN("type"),
      .timestamp = GCN__SPAN("then"),
  };
  const struct gcn__moment read = {70, 80};
  gcn_event_t view = gcn__delivery_view(&f->client, &event, &read);
  assert_string_equal(view.topic.data, "topic");
  assert_string_equal(view.body.data, "body");
  assert_string_equal(view.correlation_id.data, "correlation");
  assert_string_equal(view.version.data, "2");
  assert_string_equal(view.message.data, "message");
  assert_string_equal(view.id.data, "id");
  assert_string_equal(view.resource_id.data, "resource");
  assert_string_equal(view.type.data, "type");
  assert_string_equal(view.timestamp.data, "then");
  assert_int_equal(view.sequence, 3);
  assert_int_equal(view.generation, 4);
  assert_int_equal(view.connection, 5);
  assert_int_equal(view.connection_index, 6);
  assert_int_equal(view.received_ms, 70);
  assert_int_equal(view.received_unix_ms, 80);
  assert_ptr_equal(view.client, &f->client);
}

static void a_pause_without_a_window_waits(void** state) {
  struct fixture* f = *state;
  f->config.full = GCN_FULL_DROP_OLDEST;
  delivery_begin(f);
  f->client.pause_wanted = true;
  f->now_ms += 100000;
  assert_false(delivery_feed(f, "v2.a", 1));
  assert_int_equal(gcn__delivery_deadline(&f->client), GCN__NEVER);
  f->client.pause_wanted = false;
  assert_true(delivery_feed(f, "v2.a", 1));
}

/* --- acknowledgements ----------------------------------------------------- */

static void ack_within(struct fixture* f, const gcn_event_t* event) {
  assert_int_equal(delivery_counters(f).in_flight, 1);
  f->result = gcn_event_ack(event);
}

static void acked_by_its_return(void** state) {
  struct fixture* f = *state;
  f->config.windowed = true;
  delivery_begin(f);
  f->act = ack_within;
  for (int i = 11; i < 61; i++) {
    assert_true(delivery_feed(f, "v2.a", i));
    assert_int_equal(f->result, UV_ENOENT);
    assert_int_equal(delivery_counters(f).in_flight, 0);
  }
  assert_int_equal(f->told[0].sequence, 1);
  assert_int_equal(f->told[49].sequence, 50);
  assert_int_equal(delivery_counters(f).acked, 50);
}

static void acked_in_any_order(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  for (int i = 1; i <= 5; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  const struct gcn__window* window = gcn__delivery_window(&f->client);
  assert_int_equal(delivery_counters(f).in_flight, 5);
  assert_int_equal(delivery_counters(f).in_flight_size, 5 * strlen("v2.a 1"));
  assert_int_equal(delivery_ack(f, 3), 0);
  assert_int_equal(delivery_ack(f, 1), 0);
  assert_int_equal(gcn__window_done(window), 1);
  assert_int_equal(delivery_ack(f, 1), UV_ENOENT);
  assert_int_equal(delivery_ack(f, 6), UV_ENOENT);
  assert_int_equal(delivery_ack(f, 0), UV_ENOENT);
  assert_int_equal(delivery_ack(f, 2), 0);
  assert_int_equal(gcn__window_done(window), 3);
  assert_int_equal(delivery_counters(f).in_flight, 2);
  assert_int_equal(delivery_counters(f).acked, 3);
}

static void acked_from_inside(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  f->act = ack_within;
  for (int i = 1; i <= 100; i++) {
    assert_true(delivery_feed(f, "v2.a", i));
    assert_int_equal(f->result, 0);
  }
  assert_int_equal(delivery_counters(f).acked, 100);
  assert_int_equal(delivery_counters(f).in_flight, 0);
}

static void nobody_listens(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  f->config.options.event_cb = NULL;
  delivery_begin(f);
  for (int i = 1; i <= 100; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  assert_int_equal(f->told_count, 0);
  assert_int_equal(delivery_counters(f).acked, 100);
}

static void what_is_done_is_reported(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  gcn__delivery_report(&f->client);
  assert_int_equal(f->durable_count, 0);
  for (int i = 1; i <= 3; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  delivery_ack(f, 2);
  gcn__delivery_report(&f->client);
  assert_int_equal(f->durable_count, 0);
  delivery_ack(f, 1);
  gcn__delivery_report(&f->client);
  gcn__delivery_report(&f->client);
  assert_int_equal(f->durable_count, 1);
  assert_int_equal(f->durable, 2);
}

/* With a checkpoint an event is acknowledged when that is on disk. */
static void numbers_wait_for_the_disk(void** state) {
  struct fixture* f = *state;
  const uint64_t* sequences;
  size_t count;
  delivery_manual(f);
  f->config.checkpoints = true;
  delivery_begin(f);
  for (int i = 1; i <= 4; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  size_t before = f->probe.count;
  delivery_ack(f, 4);
  delivery_ack(f, 2);
  delivery_ack(f, 1);
  assert_int_equal(f->probe.count, before);
  gcn__delivery_report(&f->client);
  assert_int_equal(f->durable_count, 0);
  gcn__delivery_acks(&f->client, &sequences, &count);
  assert_int_equal(count, 3);
  assert_int_equal(sequences[0], 4);
  assert_int_equal(sequences[2], 1);
  assert_int_equal(delivery_counters(f).acked, 0);
  gcn__delivery_taken(&f->client, 2);
  gcn__delivery_acks(&f->client, &sequences, &count);
  assert_int_equal(count, 1);
  assert_int_equal(sequences[0], 1);
  assert_int_equal(delivery_counters(f).acked, 2);
}

/* The numbers must not grow for ever while the disk does not answer. */
static void a_slow_disk_pushes_back(void** state) {
  struct fixture* f = *state;
  f->config.windowed = true;
  f->config.checkpoints = true;
  delivery_begin(f);
  int told = 0;
  while (told < 100 && delivery_feed(f, "v2.a", told + 1))
    told++;
  assert_int_equal(told, 6); /* 75 % of 8 */
  gcn__delivery_taken(&f->client, 3);
  assert_false(delivery_feed(f, "v2.a", 7));
  gcn__delivery_taken(&f->client, 1);
  assert_true(delivery_feed(f, "v2.a", 7));
}

static void marks_wait_for_acks(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  delivery_feed(f, "v2.a", 1);
  delivery_feed(f, "v2.a", 2);
  delivery_mark(f, "p2");
  delivery_feed(f, "v2.a", 3);
  delivery_ack(f, 2);
  assert_position(f, NULL);
  delivery_ack(f, 1);
  assert_position(f, "p2");
  delivery_mark(f, "p3");
  assert_position(f, "p2");
  delivery_ack(f, 3);
  assert_position(f, "p3");
}

/* --- full ----------------------------------------------------------------- */

static void full_by_count(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  for (int i = 1; i <= 6; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  assert_false(delivery_feed(f, "v2.a", 7));
  assert_true(delivery_counters(f).full);
  for (uint64_t i = 1; i <= 3; i++)
    delivery_ack(f, i);
  assert_false(delivery_feed(f, "v2.a", 7)); /* 3 are more than 25 % */
  delivery_ack(f, 4);
  assert_false(delivery_counters(f).full);
  assert_true(delivery_feed(f, "v2.a", 7));
  f->now_ms += 1000000;
  for (int i = 8; i <= 10; i++)
    assert_true(delivery_feed(f, "v2.a", i));
  f->now_ms += 1000000; /* for ever, with WAIT */
  assert_false(delivery_feed(f, "v2.a", 11));
  assert_int_equal(gcn__delivery_deadline(&f->client), GCN__NEVER);
  assert_told(f, "1 2 3 4 5 6 7 8 9 10");
}

static void full_by_size(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  f->config.window = (struct gcn__window_limits){1000, 800, 0};
  delivery_begin(f);
  for (int i = 1; i <= 3; i++)
    assert_true(delivery_feed_sized(f, "v2.a", i, 200));
  assert_false(delivery_feed(f, "v2.a", 4));
  assert_int_equal(delivery_counters(f).in_flight_size, 600);
  delivery_ack(f, 1);
  assert_false(delivery_feed(f, "v2.a", 4));
  delivery_ack(f, 2);
  assert_true(delivery_feed(f, "v2.a", 4));
}

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
  /* 6 in flight leave room for 2. */
  assert_int_equal(delivery_counters(f).in_flight, 8);
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
  /* What was dropped has numbers, which are done with. */
  assert_int_equal(f->told[7].sequence, 10);
  assert_int_equal(f->told[9].sequence, 12);
  for (uint64_t i = 5; i <= 12; i++) {
    assert_int_equal(delivery_ack(f, i), i > 6 && i < 10 ? UV_ENOENT : 0);
  }
  assert_int_equal(gcn__window_done(gcn__delivery_window(&f->client)), 12);
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
  assert_int_equal(delivery_counters(f).in_flight, 15);
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
  assert_position(f, "p8");
  delivery_turn(f);
  assert_told(f, "1 2 3 4 5 6 | 9 10");
  delivery_ack(f, 9);
  assert_position(f, "p8");
  delivery_ack(f, 10);
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
  assert_int_equal(delivery_counters(f).in_flight, 8);
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

/* What comes after close is not given out, so nothing may cover it. */
static void a_mark_after_close_is_void(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  delivery_feed(f, "v2.a", 1);
  delivery_ack(f, 1);
  delivery_mark(f, "p1");
  f->client.closing = true;
  delivery_feed(f, "v2.a", 2);
  delivery_mark(f, "p2");
  assert_position(f, "p1");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DELIVERY_TEST(told_in_place),
      DELIVERY_TEST(all_of_it_is_told),
      DELIVERY_TEST(a_pause_without_a_window_waits),
      DELIVERY_TEST(acked_by_its_return),
      DELIVERY_TEST(acked_in_any_order),
      DELIVERY_TEST(acked_from_inside),
      DELIVERY_TEST(nobody_listens),
      DELIVERY_TEST(what_is_done_is_reported),
      DELIVERY_TEST(numbers_wait_for_the_disk),
      DELIVERY_TEST(a_slow_disk_pushes_back),
      DELIVERY_TEST(marks_wait_for_acks),
      DELIVERY_TEST(full_by_count),
      DELIVERY_TEST(full_by_size),
      DELIVERY_TEST(the_oldest_is_dropped),
      DELIVERY_TEST(dropping_is_told_once_a_second),
      DELIVERY_TEST(the_first_that_finds_no_room),
      DELIVERY_TEST(the_latest_of_each_is_kept),
      DELIVERY_TEST(a_resource_is_a_thing_of_its_own),
      DELIVERY_TEST(marks_of_what_is_dropped),
      DELIVERY_TEST(marks_within_what_is_kept),
      DELIVERY_TEST(a_long_pause_reads_on),
      DELIVERY_TEST(full_anew),
      DELIVERY_TEST(a_pause_holds_in_the_queue),
      DELIVERY_TEST(after_close_nothing_is_told),
      DELIVERY_TEST(a_mark_after_close_is_void),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
