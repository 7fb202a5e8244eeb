/* SPDX-License-Identifier: MIT */
/*
 * See consumer.h.
 */
#include "consumer.h"

#include "base/list.h"

#include <stdlib.h>
#include <string.h>

static struct consumer* consumer_of(gcn_client_t* client) {
  return GCN__CONTAINER_OF(gcn_client_data(client), struct consumer, user);
}

static void take(struct consumer* consumer, const gcn_event_t* event) {
  assert_true(consumer->told < TOLD_MAX);
  assert_false(consumer->user.closing);
  uint64_t id = 0;
  struct gcn__span correlation_id =
      gcn__span(event->correlation_id.data, event->correlation_id.size);
  assert_true(gcn__sim_sequence(correlation_id, &id));
  consumer->ids[consumer->told] = id;
  consumer->numbers[consumer->told] = event->sequence;
  consumer->told++;
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct consumer* consumer = consumer_of(client);
  assert_false(consumer->inside);
  consumer->inside = true;
  assert_ptr_equal(event->client, client);
  take(consumer, event);
  if (consumer->act != NULL) consumer->act(consumer, event);
  consumer->inside = false;
}

static void on_batch(gcn_client_t* client, const gcn_event_t* events,
                     size_t count) {
  struct consumer* consumer = consumer_of(client);
  assert_false(consumer->inside);
  consumer->inside = true;
  for (size_t i = 0; i < count; i++)
    take(consumer, &events[i]);
  consumer->batches++;
  if (count > consumer->batch_most) consumer->batch_most = count;
  for (size_t i = 0; i < count && consumer->act != NULL; i++)
    consumer->act(consumer, &events[i]);
  consumer->inside = false;
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  struct consumer* consumer = consumer_of(client);
  consumer->gaps++;
  consumer->gap = *gap;
  consumer->told_at_gap = consumer->told;
  assert_true(gap->from_ms <= gap->to_ms);
  if (gap->topic_count == 0) return;
  assert_true(gap->topics[0].size < sizeof consumer->gap_topic);
  memset(consumer->gap_topic, 0, sizeof consumer->gap_topic);
  memcpy(consumer->gap_topic, gap->topics[0].data, gap->topics[0].size);
}

static void note_state(struct user* user, enum user_moment moment) {
  struct consumer* consumer = GCN__CONTAINER_OF(user, struct consumer, user);
  if (moment == USER_STATE) consumer->told_at_state = consumer->told;
}

gcn_options_t consumer_options(struct consumer* consumer,
                               const struct service* service) {
  gcn_options_t options = user_options(&consumer->user, service->url);
  consumer->user.act = note_state;
  options.event_cb = on_event;
  options.gap_cb = on_gap;
  options.ack = GCN_ACK_MANUAL;
  options.window_count = 8;
  return options;
}

struct consumer* consumer_new(void) {
  struct consumer* consumer = calloc(1, sizeof *consumer);
  assert_non_null(consumer);
  return consumer;
}

void consumer_free(struct consumer* consumer) {
  user_finish(&consumer->user);
  free(consumer);
}

void consumer_await(struct consumer* consumer, size_t count) {
  while (consumer->told < count)
    uv_run(consumer->user.loop, UV_RUN_ONCE);
}

void consumer_settle(struct consumer* consumer) {
  for (int i = 0; i < 20; i++)
    harness_settle(consumer->user.loop);
}

void consumer_ack(struct consumer* consumer, uint64_t from, uint64_t to) {
  for (uint64_t i = from; i <= to; i++)
    assert_int_equal(gcn_client_ack(consumer->user.client, i), 0);
}

void consumer_ack_it(struct consumer* consumer, const gcn_event_t* event) {
  (void)consumer;
  assert_int_equal(gcn_event_ack(event), 0);
}

void consumer_assert_in_order(const struct consumer* consumer) {
  for (size_t i = 0; i < consumer->told; i++) {
    assert_int_equal(consumer->ids[i], i + 1);
    assert_int_equal(consumer->numbers[i], i + 1);
  }
}

gcn_options_t consumer_batch_options(struct consumer* consumer,
                                     const struct service* service) {
  gcn_options_t options = consumer_options(consumer, service);
  options.event_cb = NULL;
  options.batch_cb = on_batch;
  options.ack = GCN_ACK_AUTO;
  return options;
}
