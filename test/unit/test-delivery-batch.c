/* SPDX-License-Identifier: MIT */
/*
 * client/collect and client/retain: events told together, and copies that stay.
 */
#include "delivery-case.h"

#include <string.h>

/* --- batches -------------------------------------------------------------- */

static void feed_many(struct fixture* f, int from, int to) {
  for (int i = from; i <= to; i++)
    assert_true(delivery_feed(f, "v2.a", i));
}

static void told_at_the_end_of_the_turn(void** state) {
  struct fixture* f = *state;
  delivery_begin_batches(f);
  feed_many(f, 1, 5);
  assert_int_equal(f->told_count, 0);
  gcn__delivery_flush(&f->client);
  assert_told(f, "1 2 3 4 5");
  assert_int_equal(f->batches, 1);
  gcn__delivery_flush(&f->client);
  assert_int_equal(f->batches, 1);
  assert_int_equal(delivery_counters(f).acked, 5);
}

static void look_at_texts(struct fixture* f, const gcn_event_t* event) {
  if (event == NULL) return;
  const struct gcn__collect* collect = &f->client.delivery->collect;
  uintptr_t begin = (uintptr_t)collect->bytes;
  assert_in_range(event->topic.data, begin, begin + collect->byte_capacity);
  f->result +=
      event->topic.size == 4 && memcmp(event->topic.data, "v2.a", 4) == 0 &&
      event->topic.data == event->message.data && event->body.data == NULL;
}

/* The memory moves while a batch grows; what points into it moves along. */
static void views_move_along(void** state) {
  struct fixture* f = *state;
  f->config.batch_count_max = 2000;
  f->config.batch_size_max = 1000000;
  delivery_begin_batches(f);
  f->act = look_at_texts;
  feed_many(f, 1, 1999);
  assert_int_equal(f->batches, 0);
  feed_many(f, 2000, 2000); /* is full: goes at once */
  assert_int_equal(f->batches, 1);
  assert_int_equal(f->result, 2000);
  for (int i = 0; i < 2000; i++)
    assert_int_equal(f->told[i].id, i + 1);
}

static void split_by_count(void** state) {
  struct fixture* f = *state;
  f->config.batch_count_max = 3;
  delivery_begin_batches(f);
  feed_many(f, 1, 8);
  gcn__delivery_flush(&f->client);
  assert_told(f, "1 2 3 4 5 6 7 8");
  assert_int_equal(f->batches, 3);
  assert_int_equal(f->told[2].batch, 0);
  assert_int_equal(f->told[3].batch, 1);
  assert_int_equal(f->told[6].batch, 2);
}

static void split_by_size(void** state) {
  struct fixture* f = *state;
  f->config.batch_size_max = 100;
  delivery_begin_batches(f);
  delivery_feed_sized(f, "v2.a", 1, 50);
  delivery_feed_sized(f, "v2.a", 2, 50);
  assert_int_equal(f->batches, 0);
  delivery_feed_sized(f, "v2.a", 3, 99);
  assert_int_equal(f->batches, 1);
  delivery_feed_sized(f, "v2.a", 4, 101); /* larger than a batch */
  assert_int_equal(f->batches, 3);
  assert_told(f, "1 2 3 4");
  assert_int_equal(f->told[2].batch, 1);
  assert_int_equal(f->told[3].batch, 2);
}

static void no_memory_in_the_long_run(void** state) {
  struct fixture* f = *state;
  f->config.windowed = true;
  f->config.checkpoints = true;
  delivery_begin_batches(f);
  size_t before = 0;
  for (int i = 0; i < 1000; i++) {
    feed_many(f, 1, 5);
    gcn__delivery_flush(&f->client);
    gcn__delivery_taken(&f->client, 5);
    f->told_count = 0;
    if (i == 20) before = f->probe.count;
  }
  assert_int_equal(f->probe.count, before);
}

static void a_batch_is_acked_by_its_return(void** state) {
  struct fixture* f = *state;
  f->config.windowed = true;
  delivery_begin_batches(f);
  feed_many(f, 1, 6); /* the window is full by what nobody has seen yet */
  assert_false(delivery_feed(f, "v2.a", 7));
  gcn__delivery_flush(&f->client);
  assert_int_equal(delivery_counters(f).in_flight, 0);
  assert_true(delivery_feed(f, "v2.a", 7));
}

static void ack_the_second(struct fixture* f, const gcn_event_t* event) {
  (void)f;
  if (event == NULL || event->sequence % 2 == 1) return;
  assert_int_equal(gcn_event_ack(event), 0);
}

static void acked_one_by_one(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin_batches(f);
  f->act = ack_the_second;
  feed_many(f, 1, 4);
  gcn__delivery_flush(&f->client);
  assert_int_equal(delivery_counters(f).in_flight, 2);
  assert_int_equal(delivery_ack(f, 1), 0);
  assert_int_equal(gcn__window_done(gcn__delivery_window(&f->client)), 2);
}

static void close_at_once(struct fixture* f, const gcn_event_t* event) {
  (void)event;
  f->client.closing = true;
}

static void a_batch_after_close_is_not_told(void** state) {
  struct fixture* f = *state;
  f->config.batch_size_max = 100;
  delivery_begin_batches(f);
  f->act = close_at_once;
  delivery_feed_sized(f, "v2.a", 1, 50);
  delivery_feed_sized(f, "v2.a", 2, 60); /* the first goes */
  delivery_feed_sized(f, "v2.a", 3, 50);
  gcn__delivery_flush(&f->client);
  assert_told(f, "1");
}

static void pause_at_once(struct fixture* f, const gcn_event_t* event) {
  (void)event;
  f->client.pause_wanted = true;
}

/* The event in hand is not told in spite of the pause, and not lost. */
static void a_pause_within_a_split(void** state) {
  struct fixture* f = *state;
  f->config.batch_size_max = 100;
  f->config.windowed = true;
  delivery_begin_batches(f);
  f->act = pause_at_once;
  delivery_feed_sized(f, "v2.a", 1, 50);
  delivery_feed_sized(f, "v2.a", 2, 60);
  gcn__delivery_flush(&f->client);
  assert_told(f, "1");
  f->client.pause_wanted = false;
  delivery_turn(f);
  gcn__delivery_flush(&f->client);
  assert_told(f, "1 2");
  assert_int_equal(f->told[1].sequence, 2);
}

/* The same with events that have waited. */
static void a_pause_within_a_split_of_the_queue(void** state) {
  struct fixture* f = *state;
  f->config.batch_size_max = 100;
  f->config.windowed = true;
  delivery_begin_batches(f);
  f->client.pause_wanted = true;
  gcn__delivery_event(&f->client, delivery_effect(f, "v2.a", 1, 50));
  gcn__delivery_event(&f->client, delivery_effect(f, "v2.a", 2, 60));
  f->client.pause_wanted = false;
  f->act = pause_at_once;
  delivery_turn(f);
  gcn__delivery_flush(&f->client);
  assert_told(f, "1");
  f->client.pause_wanted = false;
  delivery_turn(f);
  gcn__delivery_flush(&f->client);
  assert_told(f, "1 2");
}

/* --- copies --------------------------------------------------------------- */

static void retain(struct fixture* f, const gcn_event_t* event) {
  if (event == NULL || f->kept != NULL) return;
  f->kept = gcn_event_retain(event);
  assert_non_null(f->kept);
}

static void assert_kept(const struct fixture* f, const char* topic) {
  assert_int_equal(f->kept->topic.size, strlen(topic));
  assert_memory_equal(f->kept->topic.data, topic, strlen(topic));
  assert_ptr_equal(f->kept->topic.data, f->kept->message.data);
  assert_null(f->kept->body.data);
  assert_int_equal(f->kept->received_ms, 10);
}

static void kept_beyond_the_callback(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  f->act = retain;
  delivery_feed(f, "v2.first", 1);
  delivery_feed(f, "v2.other", 2);
  assert_kept(f, "v2.first");
  assert_int_equal(gcn_event_ack(f->kept), 0);
  assert_int_equal(gcn_event_ack(f->kept), UV_ENOENT);
  const gcn_event_t* again = gcn_event_retain(f->kept);
  assert_ptr_equal(again, f->kept);
  gcn_event_release(again);
  assert_kept(f, "v2.first");
  gcn_event_release(f->kept);
}

static void kept_beyond_the_client(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  f->act = retain;
  delivery_feed(f, "v2.first", 1);
  gcn__delivery_free(&f->client);
  assert_true(f->probe.live_size > 0);
  assert_null(f->kept->client);
  assert_kept(f, "v2.first");
  assert_int_equal(gcn_event_ack(f->kept), UV_EINVAL);
  assert_ptr_equal(gcn_event_retain(f->kept), f->kept);
  gcn_event_release(f->kept);
  gcn_event_release(f->kept);
  assert_int_equal(f->probe.live_size, 0);
}

static void kept_out_of_a_batch(void** state) {
  struct fixture* f = *state;
  delivery_begin_batches(f);
  f->act = retain;
  feed_many(f, 1, 1);
  delivery_feed(f, "v2.other", 2);
  gcn__delivery_flush(&f->client);
  feed_many(f, 3, 9);
  gcn__delivery_flush(&f->client);
  assert_kept(f, "v2.a");
  assert_int_equal(f->kept->sequence, 1);
  gcn_event_release(f->kept);
}

/* What has waited is a copy already. */
static void kept_out_of_the_queue(void** state) {
  struct fixture* f = *state;
  delivery_manual(f);
  delivery_begin(f);
  f->client.pause_wanted = true;
  gcn__delivery_event(&f->client, delivery_effect(f, "v2.queued", 1, 0));
  assert_int_equal(f->told_count, 0);
  f->client.pause_wanted = false;
  f->act = retain;
  delivery_turn(f);
  assert_told(f, "1");
  assert_int_equal(f->kept->sequence, 1);
  assert_memory_equal(f->kept->topic.data, "v2.queued", 9);
  struct gcn__copy* copy = gcn__copy_of(f->kept);
  assert_non_null(copy);
  assert_int_equal(copy->references, 1);
  gcn_event_release(f->kept);
}

static void spans_outside_are_copied_too(void** state) {
  struct fixture* f = *state;
  delivery_begin(f);
  char text[] = "0123456789";
  char other[] = "abcdef";
  const gcn_event_t event = {
      .topic = {text + 2, 3},
      .body = {text + 10, 0},
      .message = {text, 10},
      .id = {other, 6},
      .type = {other + 6, 0},
      .client = &f->client,
  };
  f->kept = gcn_event_retain(&event);
  memset(text, 'x', sizeof text);
  memset(other, 'x', sizeof other);
  assert_memory_equal(f->kept->message.data, "0123456789", 10);
  assert_ptr_equal(f->kept->topic.data, f->kept->message.data + 2);
  assert_ptr_equal(f->kept->body.data, f->kept->message.data + 10);
  assert_memory_equal(f->kept->id.data, "abcdef", 6);
  assert_non_null(f->kept->type.data);
  assert_int_equal(f->kept->type.size, 0);
  assert_null(f->kept->timestamp.data);
  gcn_event_release(f->kept);
}

static void nothing_to_keep(void** state) {
  struct fixture* f = *state;
  delivery_begin(f);
  assert_null(gcn_event_retain(NULL));
  gcn_event_release(NULL);
  assert_int_equal(gcn_event_ack(NULL), UV_EINVAL);
  assert_int_equal(gcn_client_ack(NULL, 1), UV_EINVAL);
  const gcn_event_t event = {.message = {f->text, 4}, .client = &f->client};
  f->probe.fail_at = f->probe.count + 1;
  assert_null(gcn_event_retain(&event));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DELIVERY_TEST(told_at_the_end_of_the_turn),
      DELIVERY_TEST(views_move_along),
      DELIVERY_TEST(split_by_count),
      DELIVERY_TEST(split_by_size),
      DELIVERY_TEST(no_memory_in_the_long_run),
      DELIVERY_TEST(a_batch_is_acked_by_its_return),
      DELIVERY_TEST(acked_one_by_one),
      DELIVERY_TEST(a_batch_after_close_is_not_told),
      DELIVERY_TEST(a_pause_within_a_split),
      DELIVERY_TEST(a_pause_within_a_split_of_the_queue),
      DELIVERY_TEST(kept_beyond_the_callback),
      DELIVERY_TEST(kept_beyond_the_client),
      DELIVERY_TEST(kept_out_of_a_batch),
      DELIVERY_TEST(kept_out_of_the_queue),
      DELIVERY_TEST(spans_outside_are_copied_too),
      DELIVERY_TEST(nothing_to_keep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
