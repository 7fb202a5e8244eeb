/* SPDX-License-Identifier: MIT */
/*
 * What is told goes into arrays; cases read them from the outside.
 */
#include "guest.h"

#include "loop/system.h"

#include <stdio.h>
#include <string.h>

static struct guest* guest_of(gcn_client_t* client) {
  struct guest* guest = gcn_client_data(client);
  if (guest->closed) guest->late++;
  return guest;
}

static void note_failure(struct told* told, const gcn_failure_t* failure) {
  if (failure == NULL) return;
  told->error = failure->error;
  told->layer = failure->layer;
  told->op = failure->op;
  snprintf(told->text, sizeof told->text, "%s", failure->text);
}

static void on_state(gcn_client_t* client, const gcn_transition_t* transition) {
  struct guest* guest = guest_of(client);
  assert_int_equal(transition->from, guest->state);
  assert_true(guest->told_count < GUEST_TOLD_MAX);
  struct told* told = &guest->told[guest->told_count++];
  *told = (struct told){.at_ms = gcn__loop_now_ms(guest->loop),
                        .from = transition->from,
                        .to = transition->to,
                        .will_retry = transition->will_retry,
                        .retry_in_ms = transition->retry_in};
  note_failure(told, transition->failure);
  guest->state = transition->to;
  bool left = transition->from == GCN_STREAMING;
  if (left && transition->to != GCN_CLOSING) guest->breaks++;
}

static void on_event(gcn_client_t* client, const gcn_event_t* event) {
  struct guest* guest = guest_of(client);
  char body[32];
  unsigned number = 0;
  assert_in_range(event->body.size, 1, sizeof body - 1);
  memcpy(body, event->body.data, event->body.size);
  body[event->body.size] = '\0';
  assert_int_equal(sscanf(body, "{\"n\":%u}", &number), 1);
  /* Neither again nor out of order. */
  assert_true(number > guest->last_event);
  guest->skipped += number - guest->last_event - 1;
  guest->last_event = number;
  guest->events++;
}

static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
  struct guest* guest = guest_of(client);
  assert_true(gap->from_ms <= gap->to_ms);
  assert_int_equal(gap->topic_count, 1);
  guest->last_gap = *gap;
  guest->last_gap.topics = NULL;
  guest->gaps++;
}

static void on_heartbeat(gcn_client_t* client) {
  guest_of(client)->heartbeats++;
}

static void on_log(void* data, gcn_log_level_t level, const char* line) {
  const struct guest* guest = data;
  (void)level;
  assert_null(strstr(line, "s3cr3t"));
  /* Seen only if the case fails. */
  uint64_t now_ms = guest->loop == NULL ? 0 : uv_now(guest->loop);
  printf("%llu %s\n", (unsigned long long)now_ms, line);
}

static void on_close(gcn_client_t* client) {
  struct guest* guest = guest_of(client);
  guest->closed = true;
}

gcn_options_t guest_options(struct guest* guest, const struct host* host) {
  gcn_options_t options;
  memset(guest, 0, sizeof *guest);
  gcn_options_init(&options);
  options.login_url = host->url;
  options.api_url = host->url;
  options.ca_pem = gcn__pki_ca(host->pki);
  options.client_id = "id";
  options.client_secret = "s3cr3t";
  options.proxy = "";
  options.event_cb = on_event;
  options.state_cb = on_state;
  options.gap_cb = on_gap;
  options.heartbeat_cb = on_heartbeat;
  options.log_cb = on_log;
  options.log_level = GCN_LOG_DEBUG;
  options.data = guest;
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &guest->probe;
  options.phase_ms = 5000;
  options.close_ms = 500;
  options.probe_ms = 1000;
  options.silence_ms = 1500;
  options.retry_base_ms = 100;
  options.retry_floor_ms = 20;
  options.retry_cap_ms = 300;
  options.retry_first_ms = 100;
  options.sync_ms = 1;
  options.latency_ms_max = 50;
  options.seed = 1;
  return options;
}

void guest_begin(struct guest* guest, uv_loop_t* loop,
                 const gcn_options_t* options) {
  const char* const topics[] = {host_topic};
  guest->loop = loop;
  guest->state = GCN_IDLE;
  assert_int_equal(gcn_client_new(&guest->client, loop, options), 0);
  assert_int_equal(gcn_client_subscribe(guest->client, topics, 1), 0);
  assert_int_equal(gcn_client_start(guest->client), 0);
}

/* The cases' own time limit ends a wait for what never comes. */
const struct told* guest_await(struct guest* guest, gcn_state_t state) {
  for (;;) {
    while (guest->read_count < guest->told_count) {
      const struct told* told = &guest->told[guest->read_count++];
      if (told->to == state) return told;
    }
    assert_int_not_equal(uv_run(guest->loop, UV_RUN_ONCE), 0);
  }
}

static void on_time(uv_timer_t* timer) {
  uv_close((uv_handle_t*)timer, NULL);
}

void guest_live(struct guest* guest, uint64_t duration_ms) {
  uv_timer_t timer;
  uv_update_time(guest->loop);
  uv_timer_init(guest->loop, &timer);
  uv_timer_start(&timer, on_time, duration_ms, 0);
  while (!uv_is_closing((uv_handle_t*)&timer))
    uv_run(guest->loop, UV_RUN_ONCE);
  uv_run(guest->loop, UV_RUN_NOWAIT); /* the handle leaves */
}

void guest_await_events(struct guest* guest, const struct host* host) {
  while (guest->last_event < host->emitted)
    uv_run(guest->loop, UV_RUN_ONCE);
}

void guest_prove(struct guest* guest, struct host* host) {
  assert_int_equal(guest->state, GCN_STREAMING);
  host_emit(host, 1);
  guest_await_events(guest, host);
}

gcn_stats_t guest_stats(const struct guest* guest) {
  gcn_stats_t stats = {.size = sizeof stats};
  assert_int_equal(gcn_client_stats(guest->client, &stats), 0);
  assert_int_equal(stats.nevers, 0);
  return stats;
}

void guest_end(struct guest* guest) {
  assert_int_equal(gcn_client_close(guest->client, on_close), 0);
  while (!guest->closed)
    uv_run(guest->loop, UV_RUN_ONCE);
  uv_run(guest->loop, UV_RUN_NOWAIT);
  assert_int_equal(guest->late, 0);
  assert_int_equal(guest->probe.live_size, 0);
}

void assert_told(const struct told* told, int error, gcn_layer_t layer) {
  if (told->error == error && told->layer == layer) return;
  fail_msg("told error %d of layer %d and not %d of layer %d: %s", told->error,
           (int)told->layer, error, (int)layer, told->text);
}

void assert_soon(uint64_t took_ms, uint64_t least_ms, uint64_t most_ms) {
  if (took_ms >= least_ms && took_ms <= most_ms + GUEST_LATE_MS) return;
  fail_msg("took %llu ms and not %llu to %llu", (unsigned long long)took_ms,
           (unsigned long long)least_ms, (unsigned long long)most_ms);
}
