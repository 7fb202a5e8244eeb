/* SPDX-License-Identifier: MIT */
/*
 * Two consumers that do nothing for a minute while 5,000 events of 600 bytes
 * come a second: one holds what he was given and acknowledges nothing, one has
 * paused.  Both memories stay bounded, the service sees back-pressure and
 * nothing else, and afterwards every event comes, in order, on the connection
 * that was there before.
 */
#include "service.h"

#include "sim/service-stream.h"

#include <stdlib.h>
#include <string.h>

enum {
  BLOCKED_MS = 60000,
  SETTLED_MS = 10000, /* by then the buffers of the kernel are full */
  SAMPLE_MS = 500,
  PATIENCE_MS = 110000,
  RATE = 5000,
  EVENT_SIZE = 600,
  DATA_SIZE = 443, /* what is around it in an event takes the rest */
  HISTORY_MAX = 1000000,
  KERNEL_SIZE = 2 << 20,
  WINDOW_COUNT = 8192,
  WINDOW_SIZE = 4 << 20,
  /* What a client takes besides what it has given out, whatever the service
   * sends: the numbers of what was seen, one batch, what was read and not
   * looked at yet, the flight recorder; and for each event in the window its
   * number and, if it is retained, its record. */
  ALLOWANCE = 1 << 20,
  ALLOWANCE_PER_EVENT = sizeof(gcn_event_t) + 128,
};

static const char topic[] = "routing.queueEvents@q-1";

struct consumer {
  struct user user;
  bool manual;
  bool blocked;
  uint64_t last; /* number of the last event */
  const gcn_event_t* held[WINDOW_COUNT];
  size_t held_count;
  size_t heap_size;
  size_t heap_most;
  uint64_t size; /* of all events */
};

struct stage {
  struct service service;
  struct consumer* manual;
  struct consumer* paused;
};

/* --- a consumer ----------------------------------------------------------- */

static void* count_memory(void* data, void* block, size_t old_size,
                          size_t new_size) {
  struct consumer* consumer = data;
  void* moved = NULL;
  if (new_size == 0) {
    free(block);
  } else {
    moved = realloc(block, new_size);
    if (moved == NULL) return NULL;
  }
  consumer->heap_size = consumer->heap_size - old_size + new_size;
  if (consumer->heap_size > consumer->heap_most) {
    consumer->heap_most = consumer->heap_size;
  }
  return moved;
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct consumer* consumer =
      GCN__CONTAINER_OF(gcn_client_data(client), struct consumer, user);
  uint64_t number = 0;
  struct gcn__span id = gcn__span(event->id.data, event->id.size);
  assert_true(gcn__sim_stream_sequence(id, &number));
  assert_int_equal(number, consumer->last + 1);
  consumer->last = number;
  if (!consumer->manual) return;
  if (!consumer->blocked) {
    assert_int_equal(gcn_event_ack(event), 0);
    return;
  }
  assert_true(consumer->held_count < WINDOW_COUNT);
  const gcn_event_t* held = gcn_event_retain(event);
  assert_non_null(held);
  consumer->held[consumer->held_count++] = held;
}

static struct consumer* consumer_begin(struct service* service, bool manual) {
  struct consumer* consumer = calloc(1, sizeof *consumer);
  const char* const topics[] = {topic};
  assert_non_null(consumer);
  consumer->manual = manual;
  gcn_options_t options = user_options(&consumer->user, service->url);
  options.log_level = GCN_LOG_WARN;
  options.dialect = GCN_DIALECT_STREAM;
  options.event_cb = on_event;
  options.alloc_cb = count_memory;
  options.alloc_data = consumer;
  options.ack = manual ? GCN_ACK_MANUAL : GCN_ACK_AUTO;
  options.window_count = WINDOW_COUNT;
  options.window_size = WINDOW_SIZE;
  user_new(&consumer->user, service->loop, &options);
  assert_int_equal(gcn_client_subscribe(consumer->user.client, topics, 1), 0);
  assert_int_equal(gcn_client_start(consumer->user.client), 0);
  harness_until(service->loop, &consumer->user.streaming);
  return consumer;
}

static void consumer_free(struct consumer* consumer) {
  user_finish(&consumer->user);
  assert_int_equal(consumer->heap_size, 0);
  free(consumer);
}

static void block(struct consumer* consumer) {
  consumer->blocked = true;
  if (consumer->manual) return;
  assert_int_equal(gcn_client_pause(consumer->user.client), 0);
}

static void unblock(struct consumer* consumer) {
  consumer->blocked = false;
  for (size_t i = 0; i < consumer->held_count; i++) {
    assert_int_equal(gcn_event_ack(consumer->held[i]), 0);
    gcn_event_release(consumer->held[i]);
  }
  if (consumer->manual) return;
  assert_int_equal(gcn_client_resume(consumer->user.client), 0);
}

/* --- what the service sees ------------------------------------------------ */

struct view {
  uint64_t sent;   /* bytes that have left for both */
  size_t unsent;   /* bytes that wait, of the one with fewer */
  uint64_t behind; /* events, of the one with fewer */
  unsigned streams;
};

static struct view look(struct service* service) {
  struct gcn__sim* sim = gcn__sim_listen_service(service->listen);
  struct view view = {.unsent = SIZE_MAX, .behind = UINT64_MAX};
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn =
        GCN__CONTAINER_OF(at, struct gcn__sim_conn, link);
    if (conn->stream == NULL) continue;
    size_t unsent = gcn__buf_size(&conn->out.bytes);
    uint64_t behind = sim->streams->history.next - conn->stream->cursor;
    view.streams++;
    view.sent += conn->stream->sent;
    if (unsent < view.unsent) view.unsent = unsent;
    if (behind < view.behind) view.behind = behind;
  }
  return view;
}

/* Stuck at its limit, and no more than the limit. */
static void assert_pushed_back(struct stage* stage, uint64_t waited_ms) {
  struct view view = look(&stage->service);
  struct gcn__sim_counters counters = service_counters(&stage->service);
  assert_int_equal(view.streams, 2);
  assert_true(view.unsent >= GCN__SIM_UNSENT_MAX);
  assert_in_range(counters.unsent_max, GCN__SIM_UNSENT_MAX,
                  GCN__SIM_UNSENT_MAX + GCN__SIM_BATCH_SIZE);
  /* What is neither sent nor waiting in bytes waits as events. */
  assert_true(view.behind > (waited_ms - SETTLED_MS) * RATE / 1000);
  assert_int_equal(counters.streams_slow, 0);
}

static void assert_bounded(const struct consumer* consumer) {
  size_t window_size = WINDOW_SIZE + WINDOW_COUNT * ALLOWANCE_PER_EVENT;
  size_t most = ALLOWANCE + (consumer->manual ? window_size : 0);
  assert_in_range(consumer->heap_most, 1, most);
}

/* The window of him who acknowledges nothing is full, and holds what it may:
 * three quarters. */
static void assert_window_full(const struct consumer* consumer) {
  gcn_stats_t stats = service_stats(&consumer->user);
  assert_int_equal(stats.in_flight, consumer->held_count);
  assert_in_range(stats.in_flight_size, WINDOW_SIZE / 4 * 3,
                  WINDOW_SIZE / 4 * 3 + 2 * EVENT_SIZE);
  assert_true(stats.full_age > BLOCKED_MS - SETTLED_MS);
  assert_int_equal(stats.acked, consumer->last - consumer->held_count);
}

/* --- the minute ----------------------------------------------------------- */

static uint64_t read_by_both(const struct stage* stage) {
  return service_stats(&stage->manual->user).received_bytes +
         service_stats(&stage->paused->user).received_bytes;
}

static void stay_blocked(struct stage* stage) {
  uint64_t begun_ms = gcn__loop_now_ms(stage->service.loop);
  uint64_t waited_ms = 0;
  uint64_t read = 0;
  uint64_t sent = 0;
  while (waited_ms < BLOCKED_MS) {
    service_live(&stage->service, SAMPLE_MS);
    waited_ms = gcn__loop_now_ms(stage->service.loop) - begun_ms;
    assert_bounded(stage->manual);
    assert_bounded(stage->paused);
    if (waited_ms < SETTLED_MS) continue;
    assert_pushed_back(stage, waited_ms);
    if (read == 0) {
      read = read_by_both(stage);
      sent = look(&stage->service).sent;
    }
    assert_int_equal(read_by_both(stage), read);
    /* With a ping of the client's the kernel takes some more. */
    assert_in_range(look(&stage->service).sent, sent, sent + KERNEL_SIZE);
  }
}

static void await_all(struct stage* stage, const struct consumer* consumer,
                      uint64_t count) {
  while (consumer->last < count)
    uv_run(stage->service.loop, UV_RUN_ONCE);
  assert_int_equal(consumer->last, count);
  gcn_stats_t stats = service_stats(&consumer->user);
  assert_int_equal(stats.events, count);
  assert_int_equal(stats.acked, count);
  assert_int_equal(stats.in_flight, 0);
  assert_int_equal(stats.dropped, 0);
  assert_int_equal(stats.gaps, 0);
  assert_int_equal(stats.failures, 0);
  assert_in_range(stats.event_bytes / stats.events, EVENT_SIZE - 20,
                  EVENT_SIZE + 20);
  assert_bounded(consumer);
}

/* The harness allows for less than a minute. */
static void be_patient(uv_handle_t* handle, void* arg) {
  (void)arg;
  assert_int_equal(handle->type, UV_TIMER); /* there is only its own */
  uv_timer_set_repeat((uv_timer_t*)handle, PATIENCE_MS);
  uv_timer_again((uv_timer_t*)handle);
}

static void blocked_for_a_minute(void** state) {
  uv_loop_t* loop = *state;
  struct stage stage = {.manual = NULL};
  uv_walk(loop, be_patient, NULL);
  struct gcn__sim_listen_options options = service_options();
  options.sim.events_per_ks = RATE * 1000;
  options.sim.payload_size = DATA_SIZE;
  options.sim.stream_history_max = HISTORY_MAX;
  service_open(&stage.service, loop, &options);
  service_do(&stage.service, "event.stop");
  stage.manual = consumer_begin(&stage.service, true);
  stage.paused = consumer_begin(&stage.service, false);
  service_do(&stage.service, "event.start");
  while (stage.manual->last < RATE || stage.paused->last < RATE)
    uv_run(loop, UV_RUN_ONCE);
  block(stage.manual);
  block(stage.paused);
  stay_blocked(&stage);
  assert_window_full(stage.manual);
  assert_true(stage.paused->last < 2 * RATE);
  service_do(&stage.service, "event.stop");
  uint64_t count = service_counters(&stage.service).events;
  assert_in_range(count, (BLOCKED_MS / 1000 - 2) * RATE,
                  (BLOCKED_MS / 1000 + 10) * RATE);
  unblock(stage.manual);
  unblock(stage.paused);
  await_all(&stage, stage.manual, count);
  await_all(&stage, stage.paused, count);
  assert_int_equal(service_counters(&stage.service).upgrades, 2);
  consumer_free(stage.manual);
  consumer_free(stage.paused);
  service_close(&stage.service);
}

int main(void) {
  const struct CMUnitTest tests[] = {LOOP_TEST(blocked_for_a_minute)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
