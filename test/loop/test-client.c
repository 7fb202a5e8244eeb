/* SPDX-License-Identifier: MIT */
/*
 * The whole client against the simulator, both on one real loop.
 */
#include "service.h"

#include "client/client.h"
#include "client/pump.h"

/* --- streaming ------------------------------------------------------------ */

static void test_stream(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  assert_int_equal(user.seen, 1u << GCN_CONNECTING | 1u << GCN_AUTHENTICATING |
                                  1u << GCN_SUBSCRIBING | 1u << GCN_STREAMING);
  assert_int_equal(user.last_verdict, GCN_TOPIC_PERMITTED);
  service_emit_many(&service, 10);
  service_await_events(&user, 10);
  gcn_stats_t stats = {.size = sizeof stats};
  assert_int_equal(gcn_client_stats(user.client, &stats), 0);
  assert_int_equal(stats.events, 10);
  assert_int_equal(stats.streams, 1);
  assert_int_equal(stats.topics, 1);
  assert_int_equal(stats.state, GCN_STREAMING);
  assert_int_equal(stats.nevers, 0);
  assert_true(stats.received_bytes > stats.event_bytes);
  assert_true(stats.sent_bytes > 0);
  assert_true(stats.last_event_age < 10000);
  gcn_client_stop(user.client);
  harness_until(loop, &user.idle);
  /* Stopped means gone: only the two handles are left, and the service saw a
   * goodbye. */
  while (gcn__sim_listen_connections(service.listen) > 0) {
    uv_run(loop, UV_RUN_ONCE);
  }
  user_finish(&user);
  service_close(&service);
}

static void test_handle_budget(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  unsigned before = harness_handles(loop);
  service_stream(&user, &service);
  size_t connections = gcn__sim_listen_connections(service.listen);
  /* The timer, the three of the hub, one handle per connection, and as many of
   * the peer's. */
  assert_true(connections <= 3);
  assert_true(harness_handles(loop) - before <= 4 + 2 * connections);
  user_finish(&user);
  service_close(&service);
}

static void test_reset_stream_comes_back(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  user.streaming = false;
  service_do(&service, "tcp.reset");
  harness_until(loop, &user.streaming);
  assert_true(user.any_gap);
  assert_true(user.last_gap.to_ms >= user.last_gap.from_ms);
  service_emit_many(&service, 1);
  service_await_events(&user, 1);
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(user.client, &stats);
  assert_int_equal(stats.gaps, 1);
  assert_int_equal(stats.streams, 2);
  assert_int_equal(service_counters(&service).channels, 1);
  user_finish(&user);
  service_close(&service);
}

static void test_refused_until_told(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&user, service.url);
  options.client_secret = "wrong";
  user_new(&user, loop, &options);
  service_subscribe(&user, topic_text);
  gcn_client_start(user.client);
  while (user.state != GCN_REFUSED)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(user.failure, GCN_EAUTH);
  assert_int_equal(gcn_client_set_credentials(user.client, "id", "s3cr3t"), 0);
  harness_until(loop, &user.streaming);
  user_finish(&user);
  service_close(&service);
}

static void test_rejected_topic(void** state) {
  uv_loop_t* loop = *state;
  const struct gcn__sim_forbidden forbidden = {"v2.secret.*", "a:b:view"};
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  struct user user = {.client = NULL};
  options.sim.forbidden = &forbidden;
  options.sim.forbidden_count = 1;
  service_open(&service, loop, &options);
  gcn_options_t user_opts = user_options(&user, service.url);
  user_new(&user, loop, &user_opts);
  service_subscribe(&user, "v2.secret.1");
  gcn_client_start(user.client);
  harness_until(loop, &user.any_topic);
  assert_int_equal(user.last_verdict, GCN_TOPIC_REJECTED);
  user_finish(&user);
  service_close(&service);
}

/* Whoever is told of a topic may end interest in it at once. */
static void unsubscribe_at_once(struct user* user, enum user_moment moment) {
  const char* const topics[] = {topic_text, other_text};
  if (moment != USER_TOPIC) return;
  assert_int_equal(gcn_client_unsubscribe(user->client, topics, 2), 0);
}

static void test_unsubscribe_in_the_topic_callback(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = unsubscribe_at_once};
  service_open_plain(&service, loop);
  service_begin(&user, &service);
  service_subscribe(&user, other_text);
  harness_until(loop, &user.any_topic);
  harness_settle(loop);
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(user.client, &stats);
  assert_int_equal(stats.topics, 0);
  user_finish(&user);
  service_close(&service);
}

/* --- TLS ------------------------------------------------------------------ */

static void test_tls(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  struct secure secure;
  struct user user = {.client = NULL};
  secure_open(&secure);
  options.tls = secure.tls;
  service_open(&service, loop, &options);
  service_stream_over_tls(&user, &service, &secure);
  service_emit_many(&service, 100);
  service_await_events(&user, 100);
  user_finish(&user);
  service_close(&service);
  secure_close(&secure);
}

static void test_tls_of_a_stranger(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  struct secure secure;
  struct secure stranger;
  struct user user = {.client = NULL};
  secure_open(&secure);
  secure_open(&stranger);
  options.tls = stranger.tls;
  service_open(&service, loop, &options);
  gcn_options_t user_opts = user_options(&user, service.url);
  user_opts.ca_pem = gcn__pki_ca(secure.pki);
  user_new(&user, loop, &user_opts);
  gcn_client_start(user.client);
  harness_until(loop, &user.backing_off);
  assert_int_equal(user.failure, GCN_ETLSVERIFY);
  assert_int_equal(user.failure_layer, GCN_LAYER_TLS);
  user_finish(&user);
  service_close(&service);
  secure_close(&stranger);
  secure_close(&secure);
}

/* --- pause, and being a good guest ---------------------------------------- */

static void pause_at_seven(struct user* user, enum user_moment moment) {
  bool now = moment == USER_EVENT && user->counts[USER_EVENT] == 7;
  if (now) assert_int_equal(gcn_client_pause(user->client), 0);
}

static void test_pause(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = pause_at_seven};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  service_emit_many(&service, 1000);
  service_await_events(&user, 7);
  harness_settle(loop);
  assert_int_equal(user.counts[USER_EVENT], 7);
  gcn_client_pause(user.client);
  gcn_client_resume(user.client);
  service_await_events(&user, 1000);
  gcn_client_pause(user.client);
  harness_settle(loop);
  service_emit_many(&service, 5);
  harness_settle(loop);
  assert_int_equal(user.counts[USER_EVENT], 1000);
  user_finish(&user); /* closing needs no resume */
  service_close(&service);
}

static void test_pause_pushes_back(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  gcn_client_pause(user.client);
  harness_settle(loop);
  for (int i = 0; i < 20; i++) {
    service_emit_many(&service, 100);
    harness_settle(loop);
  }
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(user.client, &stats);
  assert_int_equal(user.counts[USER_EVENT], 0);
  /* At most one read beyond what the stream began with. */
  assert_true(stats.received_bytes < 3 * GCN__READ_BUFFER_SIZE);
  gcn_client_resume(user.client);
  service_await_events(&user, 2000);
  user_finish(&user);
  service_close(&service);
}

/* No turn of the loop delivers more than two budgets. */
static void test_burst_is_cut_into_turns(void** state) {
  enum { EVENTS = 20000, BUDGET = 2048 };
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  service_emit_many(&service, EVENTS);
  while (user.counts[USER_EVENT] < EVENTS) {
    unsigned before = user.counts[USER_EVENT];
    uv_run(loop, UV_RUN_ONCE);
    assert_true(user.counts[USER_EVENT] - before <= 2 * BUDGET);
  }
  user_finish(&user);
  service_close(&service);
}

static void dawdle(struct user* user, enum user_moment moment) {
  (void)user;
  if (moment != USER_EVENT) return;
  uint64_t until_ns = uv_hrtime() + 1000000;
  while (uv_hrtime() < until_ns) {
  }
}

static void test_slow_callbacks_yield_sooner(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = dawdle};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  service_emit_many(&service, 60);
  unsigned most = 0;
  while (user.counts[USER_EVENT] < 60) {
    unsigned before = user.counts[USER_EVENT];
    uv_run(loop, UV_RUN_ONCE);
    unsigned count = user.counts[USER_EVENT] - before;
    if (count > most) most = count;
  }
  assert_true(most <= 6);
  user_finish(&user);
  service_close(&service);
}

/* --- liveness ------------------------------------------------------------- */

static void test_silence_ends_a_stream(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&user, service.url);
  options.probe_ms = 50;
  options.silence_ms = 100;
  user_new(&user, loop, &options);
  service_subscribe(&user, topic_text);
  gcn_client_start(user.client);
  harness_until(loop, &user.streaming);
  /* Probes are answered, so it lasts. */
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  while (gcn__loop_now_ms(loop) - begun_ms < 300)
    uv_run(loop, UV_RUN_ONCE);
  assert_true(user.streaming);
  service_do(&service, "pong.stop");
  while (user.streaming)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(user.failure, GCN_ESILENT);
  user_finish(&user);
  service_close(&service);
}

/* The loop stood still: nothing is judged before it has polled once. */
static void test_stalled_loop(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&user, service.url);
  options.probe_ms = 30;
  options.silence_ms = 60;
  user_new(&user, loop, &options);
  service_subscribe(&user, topic_text);
  gcn_client_start(user.client);
  harness_until(loop, &user.streaming);
  uint64_t until_ns = uv_hrtime() + 100 * 1000000ull;
  while (uv_hrtime() < until_ns) {
  }
  unsigned told = user.told;
  gcn__pump_alarm(user.client, 5000);
  assert_int_equal(user.told, told);
  assert_true(user.client->looks > 0);
  harness_settle(loop);
  assert_true(user.streaming);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  while (gcn__loop_now_ms(loop) - begun_ms < 200)
    uv_run(loop, UV_RUN_ONCE);
  assert_true(user.streaming);
  while (user.client->looks > 0) /* it looks before every alarm after a rest */
    uv_run(loop, UV_RUN_ONCE);
  user_finish(&user);
  service_close(&service);
}

/* A deadline has moved away since the alarm was armed: it is armed anew, and
 * that is all. */
static void test_early_alarm(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  service_live(&service, 100); /* all that follows from streaming */
  struct gcn_client_s* client = user.client;
  uint64_t number = client->turn_number;
  uint64_t due_ms = client->alarm.due_ms;
  unsigned told = user.told;
  client->awake_ms = 0; /* who was away for so long would look first */
  client->alarm.due_ms = GCN__NEVER;
  gcn__pump_alarm(client, 0);
  assert_int_equal(client->looks, 0);
  assert_int_equal(client->turn_number, number);
  assert_int_equal(user.told, told);
  assert_true(client->alarm.due_ms >= due_ms);
  assert_true(client->alarm.due_ms != GCN__NEVER);
  assert_true(uv_is_active((uv_handle_t*)&client->alarm.handle));
  user_finish(&user);
  service_close(&service);
}

/* It grows for who fills it, and only for as long. */
static void test_read_buffer(void** state) {
  uv_loop_t* loop = *state;
  gcn_hub_t* hub;
  assert_int_equal(gcn_hub_new(&hub, loop, NULL), 0);
  uv_update_time(loop);
  assert_int_equal(gcn__hub_lend(hub).len, GCN__READ_BUFFER_SIZE);
  gcn__hub_note_read(hub, GCN__READ_BUFFER_SIZE - 1);
  assert_int_equal(gcn__hub_lend(hub).len, GCN__READ_BUFFER_SIZE);
  gcn__hub_note_read(hub, GCN__READ_BUFFER_SIZE);
  assert_int_equal(gcn__hub_lend(hub).len, GCN__READ_BUFFER_SIZE_MAX);
  gcn__hub_note_read(hub, GCN__READ_BUFFER_SIZE);
  assert_int_equal(gcn__hub_lend(hub).len, GCN__READ_BUFFER_SIZE_MAX);
  hub->read_filled_ms = uv_now(loop) - GCN__READ_CALM_MS;
  assert_int_equal(gcn__hub_lend(hub).len, GCN__READ_BUFFER_SIZE);
  gcn_hub_release(hub);
}

static void stop_at_seven(struct user* user, enum user_moment moment) {
  bool now = moment == USER_EVENT && user->counts[USER_EVENT] == 7;
  if (now) assert_int_equal(gcn_client_stop(user->client), 0);
}

static void close_at_seven(struct user* user, enum user_moment moment) {
  bool now = moment == USER_EVENT && user->counts[USER_EVENT] == 7;
  if (now) user_close(user);
}

/* As many events in the kernel as fill the larger buffer, which is there. */
static void fill(struct service* service, struct user* user) {
  service_stream(user, service);
  user->client->hub->read_filled = true;
  service_emit_many(service, 2000);
}

/* A read that is given to the engine in pieces, while the user pauses in the
 * middle of the first one: nothing of the rest is lost. */
static void test_pause_within_a_large_read(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.act = pause_at_seven};
  service_open_plain(&service, loop);
  fill(&service, &user);
  uint64_t before = service_stats(&user).received_bytes;
  service_await_events(&user, 7);
  harness_settle(loop);
  assert_int_equal(user.counts[USER_EVENT], 7);
  uint64_t size = service_stats(&user).received_bytes - before;
  assert_true(size > GCN__READ_BUFFER_SIZE);
  assert_true(size <= GCN__READ_BUFFER_SIZE_MAX);
  gcn_client_resume(user.client);
  service_await_events(&user, 2000);
  assert_int_equal(service_stats(&user).streams, 1);
  user_finish(&user);
  service_close(&service);
}

/* ... or says goodbye. */
static void test_stop_within_a_large_read(void** state) {
  struct service service;
  struct user user = {.act = stop_at_seven};
  service_open_plain(&service, *state);
  fill(&service, &user);
  harness_until(*state, &user.idle);
  assert_int_equal(user.counts[USER_EVENT], 7);
  user_finish(&user);
  service_close(&service);
}

static void test_close_within_a_large_read(void** state) {
  struct service service;
  struct user user = {.act = close_at_seven};
  service_open_plain(&service, *state);
  fill(&service, &user);
  harness_until(*state, &user.closed);
  assert_int_equal(user.counts[USER_EVENT], 7);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_stream),
      LOOP_TEST(test_handle_budget),
      LOOP_TEST(test_reset_stream_comes_back),
      LOOP_TEST(test_refused_until_told),
      LOOP_TEST(test_rejected_topic),
      LOOP_TEST(test_unsubscribe_in_the_topic_callback),
      LOOP_TEST(test_tls),
      LOOP_TEST(test_tls_of_a_stranger),
      LOOP_TEST(test_pause),
      LOOP_TEST(test_pause_pushes_back),
      LOOP_TEST(test_burst_is_cut_into_turns),
      LOOP_TEST(test_slow_callbacks_yield_sooner),
      LOOP_TEST(test_silence_ends_a_stream),
      LOOP_TEST(test_stalled_loop),
      LOOP_TEST(test_early_alarm),
      LOOP_TEST(test_read_buffer),
      LOOP_TEST(test_pause_within_a_large_read),
      LOOP_TEST(test_stop_within_a_large_read),
      LOOP_TEST(test_close_within_a_large_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
