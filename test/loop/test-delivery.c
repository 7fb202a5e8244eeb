/* SPDX-License-Identifier: MIT */
/*
 * Delivery from the simulator to a user, all on one real loop: acknowledgements
 * by hand, a window that is full, and what is dropped then.
 */
#include "consumer.h"

#include "client/client.h"

#include <stdlib.h>

/* --- acknowledgements ----------------------------------------------------- */

static void acked_out_of_order(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.window_count = 100;
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 10);
  consumer_await(consumer, 10);
  gcn_client_t* client = consumer->user.client;
  gcn_stats_t stats = service_stats(&consumer->user);
  assert_int_equal(stats.in_flight, 10);
  assert_int_equal(stats.in_flight_size, stats.event_bytes);
  assert_int_equal(stats.acked, 0);
  for (uint64_t i = 10; i > 0; i -= 2)
    assert_int_equal(gcn_client_ack(client, i), 0);
  assert_int_equal(gcn_client_ack(client, 10), UV_ENOENT);
  assert_int_equal(gcn_client_ack(client, 11), UV_ENOENT);
  stats = service_stats(&consumer->user);
  assert_int_equal(stats.in_flight, 5);
  assert_int_equal(stats.acked, 5);
  for (uint64_t i = 1; i < 10; i += 2)
    assert_int_equal(gcn_client_ack(client, i), 0);
  stats = service_stats(&consumer->user);
  assert_int_equal(stats.in_flight, 0);
  assert_int_equal(stats.in_flight_size, 0);
  assert_int_equal(stats.acked, 10);
  consumer_assert_in_order(consumer);
  consumer_free(consumer);
  service_close(&service);
}

static void acked_from_inside(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  consumer->act = consumer_ack_it;
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 5000);
  consumer_await(consumer, 5000);
  gcn_stats_t stats = service_stats(&consumer->user);
  assert_int_equal(stats.acked, 5000);
  assert_int_equal(stats.full_age, 0);
  consumer_assert_in_order(consumer);
  consumer_free(consumer);
  service_close(&service);
}

/* Automatic, and no checkpoint: nothing is ever in flight. */
static void acked_by_itself(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.ack = GCN_ACK_AUTO;
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 100);
  consumer_await(consumer, 100);
  assert_int_equal(gcn_client_ack(consumer->user.client, 100), UV_ENOENT);
  gcn_stats_t stats = service_stats(&consumer->user);
  assert_int_equal(stats.acked, 100);
  assert_int_equal(stats.in_flight, 0);
  consumer_free(consumer);
  service_close(&service);
}

/* --- full ----------------------------------------------------------------- */

enum { LARGE = 4096 };

static void open_with_large_events(struct service* service, uv_loop_t* loop) {
  struct gcn__sim_listen_options options = service_options();
  options.sim.payload_size = LARGE;
  service_open(service, loop, &options);
}

/* 8 MiB that nobody reads stay with the kernel and the service. */
static void a_full_window_pushes_back(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  open_with_large_events(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  service_stream_with(&consumer->user, &service, &options);
  uint64_t before = service_stats(&consumer->user).received_bytes;
  for (int i = 0; i < 20; i++) {
    service_emit_many(&service, 100);
    consumer_settle(consumer);
  }
  assert_int_equal(consumer->told, 6);
  gcn_stats_t stats = service_stats(&consumer->user);
  assert_int_equal(stats.in_flight, 6);
  assert_int_equal(stats.events, 6);
  assert_true(stats.full_age > 0);
  assert_true(stats.received_bytes - before <= 2 * GCN__READ_BUFFER_SIZE);
  service_live(&service, 50);
  assert_true(service_stats(&consumer->user).full_age >= 50);
  /* Three are too many still; two are not. */
  consumer_ack(consumer, 1, 3);
  consumer_settle(consumer);
  assert_int_equal(consumer->told, 6);
  consumer_ack(consumer, 4, 4);
  consumer_await(consumer, 10);
  consumer_settle(consumer);
  assert_int_equal(consumer->told, 10);
  consumer_ack(consumer, 5, 10);
  consumer->act = consumer_ack_it;
  consumer_await(consumer, 2000);
  consumer_assert_in_order(consumer);
  stats = service_stats(&consumer->user);
  assert_int_equal(stats.acked, 2000);
  assert_int_equal(stats.gaps, 0);
  assert_int_equal(stats.dropped, 0);
  consumer_free(consumer);
  service_close(&service);
}

static void full_by_bytes(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  open_with_large_events(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.window_count = 8192;
  options.window_size = 64 * 1024;
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 100);
  consumer_settle(consumer);
  gcn_stats_t stats = service_stats(&consumer->user);
  uint64_t size = stats.event_bytes / stats.events;
  assert_true(stats.in_flight_size >= 48 * 1024);
  assert_true(stats.in_flight_size < 48 * 1024 + size);
  consumer_free(consumer);
  service_close(&service);
}

static void the_oldest_is_dropped(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.full = GCN_FULL_DROP_OLDEST;
  options.full_ms = 30;
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 20);
  while (service_stats(&consumer->user).dropped < 12)
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(consumer->told, 6);
  /* The gap that is to be told is in hand as well. */
  assert_int_equal(service_stats(&consumer->user).in_flight, 9);
  while (consumer->gaps == 0) /* once a second */
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(consumer->told, 6);
  assert_int_equal(consumer->gap.certainty, GCN_CERTAINTY_DROPPED);
  assert_int_equal(consumer->gap.topic_count, 1);
  assert_string_equal(consumer->gap_topic, topic_text);
  consumer_ack(consumer, 1, 6);
  consumer_await(consumer, 8);
  service_emit_many(&service, 1);
  consumer_await(consumer, 9);
  assert_int_equal(consumer->ids[5], 6);
  for (size_t i = 6; i < 9; i++) {
    assert_int_equal(consumer->ids[i], 13 + i);    /* 19, 20, 21 */
    assert_int_equal(consumer->numbers[i], 2 + i); /* 7 is the gap's */
  }
  gcn_stats_t stats = service_stats(&consumer->user);
  assert_int_equal(stats.dropped, 12);
  assert_int_equal(stats.gaps, 1);
  assert_int_equal(stats.in_flight, 3);
  assert_int_equal(stats.acked, 6);
  assert_int_equal(stats.events, 21);
  consumer_free(consumer);
  service_close(&service);
}

static void the_gap_comes_before_what_follows(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.full = GCN_FULL_DROP_OLDEST;
  options.full_ms = 30;
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 20);
  while (service_stats(&consumer->user).dropped < 12)
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(consumer->gaps, 0);
  consumer->act = consumer_ack_it;
  consumer_ack(consumer, 1, 6);
  consumer_await(consumer, 8);
  assert_int_equal(consumer->gaps, 1);
  assert_int_equal(consumer->told_at_gap, 6);
  consumer_free(consumer);
  service_close(&service);
}

static void emit_other(struct service* service, unsigned count) {
  struct gcn__sim* sim = gcn__sim_listen_service(service->listen);
  const struct gcn__span generated = {NULL, 0};
  for (unsigned i = 0; i < count; i++) {
    gcn__sim_emit(sim, other_text, generated,
                  gcn__sim_listen_now(service->listen));
  }
  gcn__sim_listen_flush(service->listen);
}

static void the_latest_is_kept(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.full = GCN_FULL_KEEP_LATEST;
  options.full_ms = 30;
  user_new(&consumer->user, *state, &options);
  service_subscribe(&consumer->user, topic_text);
  service_subscribe(&consumer->user, other_text);
  assert_int_equal(gcn_client_start(consumer->user.client), 0);
  harness_until(*state, &consumer->user.streaming);
  service_emit_many(&service, 6);
  consumer_await(consumer, 6);
  emit_other(&service, 3);         /* 7 8 9 */
  service_emit_many(&service, 50); /* 10 to 59 */
  while (service_stats(&consumer->user).dropped < 51)
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(service_stats(&consumer->user).in_flight, 9);
  consumer_ack(consumer, 1, 6);
  consumer_await(consumer, 8);
  assert_int_equal(consumer->ids[6], 9);
  assert_int_equal(consumer->ids[7], 59);
  assert_int_equal(consumer->gaps, 1);
  assert_int_equal(consumer->gap.topic_count, 2);
  consumer_free(consumer);
  service_close(&service);
}

/* --- pause, stop and close ------------------------------------------------ */

static void pause_and_full(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 20);
  consumer_await(consumer, 6);
  gcn_client_t* client = consumer->user.client;
  gcn_client_pause(client);
  consumer_ack(consumer, 1, 6); /* there is room, but the user has paused */
  consumer_settle(consumer);
  assert_int_equal(consumer->told, 6);
  gcn_client_resume(client);
  consumer_await(consumer, 12);
  consumer_settle(consumer);
  gcn_client_pause(client);
  consumer_settle(consumer);
  gcn_client_resume(client); /* the window is full still */
  consumer_settle(consumer);
  assert_int_equal(consumer->told, 12);
  consumer_ack(consumer, 7, 12);
  consumer_await(consumer, 18);
  consumer_ack(consumer, 13, 18);
  consumer_await(consumer, 20);
  consumer_assert_in_order(consumer);
  consumer_free(consumer);
  service_close(&service);
}

static void a_long_pause_reads_on(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.full = GCN_FULL_DROP_OLDEST;
  options.full_ms = 30;
  service_stream_with(&consumer->user, &service, &options);
  gcn_client_pause(consumer->user.client);
  service_emit_many(&service, 20);
  while (service_stats(&consumer->user).dropped < 12)
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(consumer->told, 0);
  consumer->act = consumer_ack_it;
  gcn_client_resume(consumer->user.client);
  consumer_await(consumer, 8);
  assert_int_equal(consumer->ids[0], 13);
  assert_int_equal(consumer->ids[7], 20);
  assert_int_equal(consumer->told_at_gap, 0);
  assert_int_equal(consumer->gaps, 1);
  consumer_free(consumer);
  service_close(&service);
}

static void stopped_while_full(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 20);
  consumer_await(consumer, 6);
  consumer_settle(consumer);
  gcn_client_stop(consumer->user.client);
  harness_until(*state, &consumer->user.idle);
  assert_int_equal(consumer->told, 6);
  assert_int_equal(service_stats(&consumer->user).in_flight, 6);
  gcn_client_start(consumer->user.client);
  harness_until(*state, &consumer->user.streaming);
  service_emit_many(&service, 5);
  consumer_settle(consumer);
  assert_int_equal(consumer->told, 6);
  consumer_ack(consumer, 1, 6);
  consumer_await(consumer, 11);
  assert_int_equal(consumer->ids[6], 21);
  assert_int_equal(consumer->numbers[10], 11);
  assert_int_equal(consumer->gaps, 1);
  consumer_free(consumer);
  service_close(&service);
}

static void closed_while_full(void** state) {
  struct service service;
  struct consumer* consumer = consumer_new();
  service_open_plain(&service, *state);
  gcn_options_t options = consumer_options(consumer, &service);
  options.full = GCN_FULL_DROP_OLDEST;
  options.full_ms = 10;
  service_stream_with(&consumer->user, &service, &options);
  service_emit_many(&service, 20);
  while (service_stats(&consumer->user).dropped < 12)
    uv_run(*state, UV_RUN_ONCE);
  user_close(&consumer->user);
  assert_int_equal(gcn_client_ack(consumer->user.client, 1), GCN_ECLOSING);
  user_finish(&consumer->user);
  assert_int_equal(consumer->told, 6);
  assert_int_equal(consumer->gaps, 0);
  free(consumer);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(acked_out_of_order),
      LOOP_TEST(acked_from_inside),
      LOOP_TEST(acked_by_itself),
      LOOP_TEST(a_full_window_pushes_back),
      LOOP_TEST(full_by_bytes),
      LOOP_TEST(the_oldest_is_dropped),
      LOOP_TEST(the_gap_comes_before_what_follows),
      LOOP_TEST(the_latest_is_kept),
      LOOP_TEST(pause_and_full),
      LOOP_TEST(a_long_pause_reads_on),
      LOOP_TEST(stopped_while_full),
      LOOP_TEST(closed_while_full),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
