/* SPDX-License-Identifier: MIT */
/*
 * Delivery from the simulator to a user, all on one real loop: batches, events
 * that are kept, and memory that is short.
 */
#include "consumer.h"

#include <stdlib.h>
#include <string.h>

/* --- batches -------------------------------------------------------------- */

static void batches(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_batch_options(consumer, &service);
  options.batch_count_max = 10;
  service_stream_with(&consumer->user, &service, &options);
  for (int i = 0; i < 10; i++) {
    service_emit_many(&service, 100);
    consumer_await(consumer, (size_t)(i + 1) * 100);
  }
  consumer_assert_in_order(consumer);
  assert_int_equal(consumer->batch_most, 10);
  assert_true(consumer->batches >= 100);
  assert_true(consumer->batches < 200);
  assert_int_equal(service_stats(&consumer->user).acked, 1000);
  consumer_free(consumer);
  service_close(&service);
}

static void no_callback_overtakes_a_batch(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_batch_options(consumer, &service);
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 30);
  service_do(&service, "ws.close 1001");
  harness_until(*state, &consumer->user.backing_off);
  assert_int_equal(consumer->told, 30);
  assert_int_equal(consumer->told_at_state, 30);
  consumer_free(consumer);
  service_close(&service);
}

/* A window smaller than a batch: what is full by what nobody saw yet. */
static void batches_by_hand(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_batch_options(consumer, &service);
  options.ack = GCN_ACK_MANUAL;
  consumer->act = consumer_ack_it;
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 600);
  consumer_await(consumer, 600);
  consumer_assert_in_order(consumer);
  assert_int_equal(consumer->batch_most, 6);
  assert_true(consumer->batches >= 100);
  consumer_free(consumer);
  service_close(&service);
}

static void close_it(struct consumer* consumer, const gcn_event_t* event) {
  (void)event;
  if (!consumer->user.closing) user_close(&consumer->user);
}

static void closed_inside_a_batch(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_batch_options(consumer, &service);
  options.batch_count_max = 5;
  service_stream_with(&consumer->user, &service, &options);
  consumer->act = close_it;
  gcn_client_pause(consumer->user.client);
  consumer_settle(consumer);
  service_emit_many(&service, 100); /* all there to be read at once */
  consumer_settle(consumer);
  gcn_client_resume(consumer->user.client);
  harness_until(*state, &consumer->user.closing);
  user_finish(&consumer->user);
  assert_int_equal(consumer->batches, 1);
  assert_int_equal(consumer->told, consumer->batch_most);
  assert_in_range(consumer->told, 1, 5);
  free(consumer);
  service_close(&service);
}

/* --- events that are kept ------------------------------------------------- */

static void keep_it(struct consumer* consumer, const gcn_event_t* event) {
  if (consumer->kept == NULL) consumer->kept = gcn_event_retain(event);
}

static void keep_first(struct consumer* consumer, struct service* service,
                       const gcn_options_t* options) {
  service_stream_with(&consumer->user, service, options);
  consumer->act = keep_it;
  service_emit_many(service, 6);
  consumer_await(consumer, 6);
  assert_non_null(consumer->kept);
  assert_int_equal(consumer->kept->sequence, 1);
}

static void assert_first(const gcn_event_t* event) {
  assert_int_equal(event->topic.size, strlen(topic_text));
  assert_memory_equal(event->topic.data, topic_text, event->topic.size);
  assert_int_equal(event->body.data[0], '{');
  assert_int_equal(event->body.data[event->body.size - 1], '}');
  uint64_t id = 0;
  assert_true(gcn__sim_sequence(
      gcn__span(event->correlation_id.data, event->correlation_id.size), &id));
  assert_int_equal(id, 1);
}

static void kept_beyond_close(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  keep_first(consumer, &service, &options);
  const gcn_event_t* kept = consumer->kept;
  assert_ptr_equal(kept->client, consumer->user.client);
  assert_int_equal(gcn_event_ack(kept), 0);
  consumer_free(consumer);
  assert_null(kept->client);
  assert_first(kept);
  assert_int_equal(gcn_event_ack(kept), UV_EINVAL);
  gcn_event_release(kept);
  service_close(&service);
}

static void kept_out_of_a_batch(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_batch_options(consumer, &service);
  keep_first(consumer, &service, &options);
  service_emit_many(&service, 200);
  consumer_await(consumer, 206);
  assert_first(consumer->kept);
  gcn_event_release(consumer->kept);
  consumer_free(consumer);
  service_close(&service);
}

/* --- memory --------------------------------------------------------------- */

struct memory {
  size_t count;
  size_t live_size;
  size_t fail_from; /* of the count */
  size_t fail_to;
  bool no_growth; /* no block grows */
  size_t refused; /* how often one was to */
};

static void* on_alloc(void* data, void* ptr, size_t old_size, size_t new_size) {
  struct memory* memory = data;
  if (new_size == 0) {
    memory->live_size -= old_size;
    free(ptr);
    return NULL;
  }
  memory->count++;
  if (memory->no_growth && ptr != NULL && new_size > old_size) {
    memory->refused++;
    return NULL;
  }
  if (memory->count >= memory->fail_from && memory->count < memory->fail_to) {
    return NULL;
  }
  void* block = realloc(ptr, new_size);
  if (block != NULL) memory->live_size += new_size - old_size;
  return block;
}

static void stream_on(struct service* service, struct consumer* consumer,
                      gcn_options_t* options, struct memory* memory) {
  options->alloc_cb = on_alloc;
  options->alloc_data = memory;
  options->log_cb = NULL;
  consumer->act = options->ack == GCN_ACK_MANUAL ? consumer_ack_it : NULL;
  service_stream_with(&consumer->user, service, options);
}

static void assert_no_memory_in_the_long_run(struct service* service,
                                             struct consumer* consumer,
                                             gcn_options_t* options) {
  struct memory memory = {0};
  stream_on(service, consumer, options, &memory);
  size_t before = 0;
  for (size_t i = 1; i <= 40; i++) {
    service_emit_many(service, 50);
    consumer_await(consumer, i * 50);
    consumer_settle(consumer);
    if (i == 20) before = memory.count;
  }
  /* None per event; a copy of what a turn left unread may be. */
  assert_true(memory.count - before < 10);
  consumer_free(consumer);
  assert_int_equal(memory.live_size, 0);
}

static void no_memory_by_hand(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  assert_no_memory_in_the_long_run(&service, consumer, &options);
  service_close(&service);
}

static void no_memory_by_batches(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_batch_options(consumer, &service);
  options.batch_count_max = 16; /* reached in the first turns */
  assert_no_memory_in_the_long_run(&service, consumer, &options);
  service_close(&service);
}

/* Returns when all have been told, or a gap has. */
static void emit_or_gap(struct service* service, struct consumer* consumer,
                        uint64_t* id) {
  unsigned gaps = consumer->gaps;
  *id += 50;
  service_emit_many(service, 50);
  while (consumer->ids[consumer->told - 1] < *id && consumer->gaps == gaps)
    uv_run(consumer->user.loop, UV_RUN_ONCE);
  harness_until(consumer->user.loop, &consumer->user.streaming);
}

static void assert_none_lost_silently(const struct consumer* consumer,
                                      uint64_t first, uint64_t last) {
  size_t count = consumer->told;
  assert_int_equal(consumer->ids[0], first);
  assert_int_equal(consumer->ids[count - 1], last);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(consumer->numbers[i], i + 1);
    if (i > 0) assert_true(consumer->ids[i] > consumer->ids[i - 1]);
  }
  bool whole = count == last - first + 1;
  assert_int_equal(whole, consumer->gaps == 0);
  assert_int_equal(whole, service_stats(&consumer->user).streams == 1);
}

/* Memory is short in the middle of a stream, for the n-th allocation and the
 * two behind it.  No event is lost for want of a number; the engine's own copy
 * of what is left unread may fail, which ends the stream and is told. */
static void short_of_memory(void** state) {
  struct service service;
  service_open_plain(&service, *state);
  bool failed = true;
  uint64_t id = 0;
  size_t n = 0;
  while (failed) {
    struct consumer* consumer = consumer_new();
    struct memory memory = {0};
    uint64_t first = id + 1;
    gcn_options_t options = consumer_options(consumer, &service);
    options.window_count = 1000;
    stream_on(&service, consumer, &options, &memory);
    service_emit_many(&service, 50);
    consumer_await(consumer, 50);
    id += 50;
    consumer->act = NULL; /* so that the window grows */
    memory.fail_from = memory.count + ++n;
    memory.fail_to = memory.fail_from + 3;
    for (int i = 0; i < 4; i++)
      emit_or_gap(&service, consumer, &id);
    failed = memory.count >= memory.fail_from;
    memory.fail_to = 0;
    emit_or_gap(&service, consumer, &id);
    assert_none_lost_silently(consumer, first, id);
    consumer_free(consumer);
    assert_int_equal(memory.live_size, 0);
    assert_true(n < 100);
  }
  assert_true(n > 3);
  service_close(&service);
}

/* An event that waits for memory lies where it was read, and what is read
 * meanwhile must not change it. */
static void held_while_more_comes(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  struct memory memory = {0};
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.window_count = 1000;
  stream_on(&service, consumer, &options, &memory);
  consumer->act = NULL;
  service_emit_many(&service, 64); /* the window is as large at first */
  consumer_await(consumer, 64);
  memory.no_growth = true;
  service_emit_many(&service, 1);
  while (memory.refused == 0)
    uv_run(consumer->user.loop, UV_RUN_ONCE);
  service_emit_many(&service, 5);
  while (memory.refused < 4)
    uv_run(consumer->user.loop, UV_RUN_ONCE);
  memory.no_growth = false;
  consumer_await(consumer, 70);
  consumer_assert_in_order(consumer);
  assert_int_equal(consumer->gaps, 0);
  consumer_free(consumer);
  assert_int_equal(memory.live_size, 0);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(batches),           LOOP_TEST(no_callback_overtakes_a_batch),
      LOOP_TEST(batches_by_hand),   LOOP_TEST(closed_inside_a_batch),
      LOOP_TEST(kept_beyond_close), LOOP_TEST(kept_out_of_a_batch),
      LOOP_TEST(no_memory_by_hand), LOOP_TEST(no_memory_by_batches),
      LOOP_TEST(short_of_memory),   LOOP_TEST(held_while_more_comes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
