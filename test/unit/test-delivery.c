/* SPDX-License-Identifier: MIT */
/*
 * client/delivery: numbers and acknowledgements, and a window that is full.
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

/* The last checkpoint must not say that nothing was in hand. */
static void what_is_given_up_stays_in_hand(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  f->client.pause_wanted = true;
  gcn__delivery_event(&f->client, delivery_effect(f, "v2.a", 1, 0));
  f->probe.fail_at = f->probe.count + 1;
  gcn__delivery_event(&f->client, delivery_effect(f, "v2.a", 2, 0));
  assert_true(gcn__delivery_holds(&f->client));
  assert_int_equal(delivery_counters(f).in_flight, 2);
  f->client.closing = true;
  for (int i = 0; i < 2; i++) {
    delivery_turn(f);
    assert_false(gcn__delivery_holds(&f->client));
    assert_int_equal(delivery_counters(f).in_flight, 2);
  }
  gcn__delivery_event(&f->client, delivery_effect(f, "v2.a", 3, 0));
  assert_int_equal(delivery_counters(f).in_flight, 3);
}

/* An acknowledgement from inside the durable callback needs no new fact. */
static void what_is_unreported_is_busy(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  delivery_feed(f, "v2.a", 1);
  assert_false(gcn__delivery_busy(&f->client));
  delivery_ack(f, 1);
  assert_true(gcn__delivery_busy(&f->client));
  gcn__delivery_report(&f->client);
  assert_false(gcn__delivery_busy(&f->client));
  assert_int_equal(f->durable, 1);
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
      DELIVERY_TEST(what_is_given_up_stays_in_hand),
      DELIVERY_TEST(what_is_unreported_is_busy),
      DELIVERY_TEST(a_mark_after_close_is_void),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
