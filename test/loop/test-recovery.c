/* SPDX-License-Identifier: MIT */
/*
 * What a broken or silent path costs: how long until it is noticed, how long
 * until the next event, and how many requests.
 */
#include "service.h"

#include <stdio.h>
#include <string.h>

/* --- a reset -------------------------------------------------------------- */

enum { FIRST_MS = 50, FLOOR_MS = 20, SLACK_MS = 400 };

/* No REST call, one upgrade, and the event that comes next is there within the
 * first window. */
static void reset_once(struct service* service, struct user* user) {
  uint64_t calls = service_calls(service);
  uint64_t upgrades = service_counters(service).upgrades;
  unsigned events = user->counts[USER_EVENT];
  service_do(service, "tcp.reset");
  uint64_t begun_ms = gcn__loop_now_ms(service->loop);
  while (user->streaming)
    uv_run(service->loop, UV_RUN_ONCE);
  harness_until(service->loop, &user->streaming);
  service_emit_many(service, 1);
  service_await_events(user, events + 1);
  uint64_t took_ms = gcn__loop_now_ms(service->loop) - begun_ms;
  assert_in_range(took_ms, 0,
                  FLOOR_MS + FIRST_MS + SLACK_MS * harness_slowness());
  assert_int_equal(service_calls(service), calls);
  assert_int_equal(service_counters(service).upgrades, upgrades + 1);
}

static gcn_options_t reset_options(struct user* user,
                                   const struct service* service) {
  gcn_options_t options = user_options(user, service->url);
  options.retry_base_ms = 20000; /* so that only the first window fits */
  options.retry_cap_ms = 20000;
  options.retry_floor_ms = FLOOR_MS;
  options.retry_first_ms = FIRST_MS;
  options.stable_ms = 100;
  return options;
}

static void prove_stable(struct service* service, struct user* user) {
  unsigned events = user->counts[USER_EVENT];
  service_emit_many(service, 1); /* a frame arms the proof */
  service_await_events(user, events + 1);
  service_live(service, 150);
}

static void test_reset_costs_no_rest_call(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = reset_options(&user, &service);
  service_stream_with(&user, &service, &options);
  for (unsigned i = 1; i <= 3; i++) {
    prove_stable(&service, &user);
    reset_once(&service, &user);
    assert_int_equal(user.counts[USER_GAP], i);
    assert_int_equal(user.gap_topics, 1);
    assert_int_equal(user.last_gap.certainty, GCN_CERTAINTY_BLIND);
  }
  gcn_stats_t stats = service_stats(&user);
  assert_int_equal(stats.reused, 3);
  assert_int_equal(stats.token_requests, 1);
  assert_int_equal(stats.channel_requests, 1);
  user_finish(&user);
  service_close(&service);
}

static void test_reset_over_tls(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options sim = service_options();
  struct service service;
  struct secure secure;
  struct user user = {.client = NULL};
  secure_open(&secure);
  sim.tls = secure.tls;
  service_open(&service, loop, &sim);
  gcn_options_t options = reset_options(&user, &service);
  options.allow_plaintext = 0;
  options.ca_pem = gcn__pki_ca(secure.pki);
  service_stream_with(&user, &service, &options);
  prove_stable(&service, &user);
  uint64_t resumed = service_stats(&user).tls_resumed;
  reset_once(&service, &user);
  gcn_stats_t stats = service_stats(&user);
  assert_true(stats.tls_full > 0);
  assert_int_equal(stats.tls_resumed, resumed + 1);
  user_finish(&user);
  service_close(&service);
  secure_close(&secure);
}

static void test_no_resumption_if_told(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options sim = service_options();
  struct service service;
  struct secure secure;
  struct user user = {.client = NULL};
  secure_open(&secure);
  sim.tls = secure.tls;
  service_open(&service, loop, &sim);
  gcn_options_t options = reset_options(&user, &service);
  options.allow_plaintext = 0;
  options.ca_pem = gcn__pki_ca(secure.pki);
  options.no_tls_resume = 1;
  service_stream_with(&user, &service, &options);
  prove_stable(&service, &user);
  uint64_t full = service_stats(&user).tls_full;
  reset_once(&service, &user);
  assert_int_equal(service_stats(&user).tls_resumed, 0);
  assert_int_equal(service_stats(&user).tls_full, full + 1);
  user_finish(&user);
  service_close(&service);
  secure_close(&secure);
}

/* --- black holes ---------------------------------------------------------- */

enum { PHASE_MS = 400, SILENCE_MS = 300, LATE_MS = 600 };

struct hole {
  const char* rule;
  bool tls;
  gcn_op_t op;   /* GCN_OP_NONE: before any request */
  bool streamed; /* it begins with the stream */
};

static gcn_options_t hole_options(struct user* user,
                                  const struct service* service) {
  gcn_options_t options = user_options(user, service->url);
  options.phase_ms = PHASE_MS * harness_slowness();
  options.probe_ms = SILENCE_MS / 2;
  options.silence_ms = SILENCE_MS;
  options.retry_base_ms = 100000;
  options.retry_floor_ms = options.retry_cap_ms = 100000;
  options.retry_first_ms = 100000;
  return options;
}

/* Not before its deadline, and soon after it. */
static void fall_in(struct service* service, const struct hole* hole,
                    struct user* user) {
  struct beat beat;
  beat_begin(&beat, service->loop);
  uint64_t begun_ms = gcn__loop_now_ms(service->loop);
  harness_until(service->loop, &user->backing_off);
  uint64_t took_ms = gcn__loop_now_ms(service->loop) - begun_ms;
  uint64_t late_ms = LATE_MS * harness_slowness() + beat_end(&beat);
  if (hole->streamed) {
    assert_int_equal(user->failure, GCN_ESILENT);
    assert_in_range(took_ms, SILENCE_MS - 50, SILENCE_MS + late_ms);
    return;
  }
  assert_int_equal(user->failure, GCN_EPHASE);
  bool shaking = hole->tls && strncmp(hole->rule, "http.", 5) != 0;
  assert_int_equal(user->failure_layer,
                   shaking ? GCN_LAYER_TLS : GCN_LAYER_HTTP);
  assert_int_equal(user->failure_op, hole->op);
  assert_in_range(took_ms, PHASE_MS * harness_slowness(),
                  PHASE_MS * harness_slowness() + late_ms);
}

static void try_hole(uv_loop_t* loop, const struct hole* hole) {
  struct gcn__sim_listen_options sim = service_options();
  struct service service;
  struct secure secure;
  struct user user = {.client = NULL};
  sim.sim.heartbeat_ms = GCN__NEVER;
  if (hole->tls) {
    secure_open(&secure);
    sim.tls = secure.tls;
  }
  service_open(&service, loop, &sim);
  gcn_options_t options = hole_options(&user, &service);
  if (hole->tls) options.ca_pem = gcn__pki_ca(secure.pki);
  if (!hole->streamed) service_do(&service, hole->rule);
  service_begin_with(&user, &service, &options);
  if (hole->streamed) harness_until(loop, &user.streaming);
  if (hole->streamed) service_do(&service, hole->rule);
  if (hole->streamed) service_emit_many(&service, 1);
  fall_in(&service, hole, &user);
  user_finish(&user);
  service_close(&service);
  if (hole->tls) secure_close(&secure);
}

static void test_black_holes(void** state) {
  static const struct hole holes[] = {
      {"tls.hang", true, GCN_OP_TOKEN, false},
      {"accept.hang times=9", true, GCN_OP_TOKEN, false},
      {"accept.hang times=9", false, GCN_OP_TOKEN, false},
      {"http.hang POST /oauth/token", false, GCN_OP_TOKEN, false},
      {"http.hang POST /api/v2/notifications/channels", false, GCN_OP_CHANNEL,
       false},
      {"http.hang GET /channels/*", false, GCN_OP_UPGRADE, false},
      {"http.hang PUT *subscriptions", false, GCN_OP_TOPICS, false},
      {"http.hang PUT *subscriptions", true, GCN_OP_TOPICS, false},
      {"tcp.mute", false, GCN_OP_STREAM, true},
      {"tcp.freeze", false, GCN_OP_STREAM, true},
      {"tcp.freeze", true, GCN_OP_STREAM, true},
      {"ws.stuck", false, GCN_OP_STREAM, true},
  };
  for (size_t i = 0; i < sizeof holes / sizeof holes[0]; i++) {
    try_hole(*state, &holes[i]);
  }
}

/* A server that sends a byte now and then stretches no deadline. */
static void test_trickle(void** state) {
  static const struct hole holes[] = {
      {"tls.trickle 20ms", true, GCN_OP_TOKEN, false},
      {"http.trickle POST /oauth/token 20ms", false, GCN_OP_TOKEN, false},
      {"http.trickle POST /api/v2/notifications/channels 20ms", false,
       GCN_OP_CHANNEL, false},
      {"http.trickle GET /channels/* 20ms", false, GCN_OP_UPGRADE, false},
      {"http.trickle PUT *subscriptions 20ms", false, GCN_OP_TOPICS, false},
  };
  for (size_t i = 0; i < sizeof holes / sizeof holes[0]; i++) {
    try_hole(*state, &holes[i]);
  }
}

/* Nobody accepts: TCP itself hangs. */
static void test_nobody_accepts(void** state) {
  uv_loop_t* loop = *state;
  struct black_hole hole;
  struct peer peer;
  struct user user = {.client = NULL};
  char url[64];
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  black_hole_open(&hole, "127.0.0.2", peer.port);
  snprintf(url, sizeof url, "http://127.0.0.2:%u", (unsigned)peer.port);
  gcn_options_t options = user_options(&user, url);
  options.phase_ms = PHASE_MS * harness_slowness();
  options.retry_base_ms = 100000;
  options.retry_floor_ms = options.retry_cap_ms = 100000;
  user_new(&user, loop, &options);
  gcn_client_start(user.client);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  harness_until(loop, &user.backing_off);
  uint64_t took_ms = gcn__loop_now_ms(loop) - begun_ms;
  assert_int_equal(user.failure, GCN_EPHASE);
  assert_in_range(took_ms, PHASE_MS * harness_slowness(),
                  (PHASE_MS + LATE_MS) * harness_slowness());
  user_finish(&user);
  peer_close(&peer);
  black_hole_close(&hole);
}

/* Pings of RFC 6455: three are missed, and that is that. */
static void test_missed_pings(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&user, service.url);
  options.ping_ms = 100;
  options.ping_answer_ms = 50;
  options.pings_missed_max = 2;
  service_stream_with(&user, &service, &options);
  service_live(&service, 400); /* answered ones are no reason to go */
  assert_true(user.streaming);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  service_do(&service, "tcp.mute");
  while (user.streaming)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(user.failure, GCN_ESILENT);
  assert_true(gcn__loop_now_ms(loop) - begun_ms <
              200 + LATE_MS * harness_slowness());
  user_finish(&user);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_reset_costs_no_rest_call),
      LOOP_TEST(test_reset_over_tls),
      LOOP_TEST(test_no_resumption_if_told),
      LOOP_TEST(test_black_holes),
      LOOP_TEST(test_trickle),
      LOOP_TEST(test_nobody_accepts),
      LOOP_TEST(test_missed_pings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
