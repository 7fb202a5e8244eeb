/* SPDX-License-Identifier: MIT */
/*
 * Close in every state and from every callback, and what hosts do to a client
 * that streams.
 */
#include "service.h"

#include "client/client.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- closing everywhere --------------------------------------------------- */

static void close_at_state(struct user* user, enum user_moment moment) {
  bool here =
      moment == USER_STATE && user->state == (gcn_state_t)user->act_seed;
  if (here) user_close(user);
}

static void test_close_from_every_state_callback(void** state) {
  uv_loop_t* loop = *state;
  const gcn_state_t states[] = {GCN_CONNECTING,  GCN_AUTHENTICATING,
                                GCN_SUBSCRIBING, GCN_STREAMING,
                                GCN_BACKING_OFF, GCN_CLOSING};
  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
    struct service service;
    struct user user = {.act = close_at_state, .act_seed = states[i]};
    service_open_plain(&service, loop);
    service_begin(&user, &service);
    bool later = states[i] == GCN_BACKING_OFF || states[i] == GCN_CLOSING;
    if (later) harness_until(loop, &user.streaming);
    if (states[i] == GCN_BACKING_OFF) service_do(&service, "tcp.reset");
    if (states[i] == GCN_CLOSING) gcn_client_stop(user.client);
    while (!user.closing)
      uv_run(loop, UV_RUN_ONCE);
    user_finish(&user);
    service_close(&service);
    assert_int_equal(harness_handles(loop), 0);
  }
}

static void test_close_outside_in_every_state(void** state) {
  uv_loop_t* loop = *state;
  for (gcn_state_t at = GCN_IDLE; at <= GCN_STREAMING; at++) {
    struct service service;
    struct user user = {.client = NULL};
    service_open_plain(&service, loop);
    service_begin(&user, &service);
    while (user.state != at)
      uv_run(loop, UV_RUN_ONCE);
    user_close(&user);
    assert_int_equal(user_close(&user), GCN_ECLOSING);
    uint64_t begun_ms = gcn__loop_now_ms(loop);
    user_finish(&user);
    /* A service that answers makes it quick. */
    assert_true(gcn__loop_now_ms(loop) - begun_ms < 200);
    service_close(&service);
  }
}

static void close_at_moment(struct user* user, enum user_moment moment) {
  if (moment == (enum user_moment)user->act_seed) user_close(user);
}

static void test_close_from_every_callback(void** state) {
  uv_loop_t* loop = *state;
  for (unsigned moment = USER_EVENT; moment < USER_MOMENTS; moment++) {
    struct gcn__sim_listen_options options = service_options();
    struct service service;
    struct user user = {.act = close_at_moment, .act_seed = moment};
    options.sim.heartbeat_ms = 50;
    options.sim.refresh_token = "s3cr3t-refresh";
    service_open(&service, loop, &options);
    gcn_options_t user_opts = user_options(&user, service.url);
    user_opts.latency_ms_max = 50;
    user_opts.overlap_ms = 1000;
    if (moment == USER_ASK) user_opts.credentials_cb = user_on_ask;
    if (moment == USER_REFRESH) user_opts.grant = GCN_GRANT_REFRESH_TOKEN;
    user_opts.refresh_token = "s3cr3t-refresh";
    service_begin_with(&user, &service, &user_opts);
    bool early =
        moment == USER_TOPIC || moment == USER_ASK || moment == USER_REFRESH;
    if (!early) harness_until(loop, &user.streaming);
    if (moment == USER_ROTATION) gcn_client_rotate(user.client);
    if (moment == USER_EVENT) service_emit_many(&service, 20);
    if (moment == USER_GAP) service_do(&service, "tcp.reset");
    if (moment == USER_NOTICE) service_do(&service, "ws.closing 1s");
    if (moment == USER_POST) user_post(&user);
    while (!user.closing)
      uv_run(loop, UV_RUN_ONCE);
    assert_int_equal(user.counts[moment], 1);
    user_finish(&user);
    assert_int_equal(user.counts[moment], 1);
    service_close(&service);
    assert_int_equal(harness_handles(loop), 0);
  }
}

/* How far the successor is. */
static bool successor_is_at(struct service* service, int stage) {
  struct gcn__sim_counters counters = service_counters(service);
  switch (stage) {
  case 0: return counters.channels == 2;
  case 1: return counters.upgrades == 2;
  case 2: return counters.sockets_open == 2;
  case 3: return counters.subscribes == 2;
  default: return counters.sockets == 2 && counters.sockets_open == 1;
  }
}

/* Close, stop, and stop with a start behind it, while a channel is replaced. */
static void test_end_with_a_successor(void** state) {
  uv_loop_t* loop = *state;
  for (int i = 0; i < 15; i++) {
    struct service service;
    struct user user = {.client = NULL};
    service_open_plain(&service, loop);
    gcn_options_t options = user_options(&user, service.url);
    options.latency_ms_max = 50;
    options.overlap_ms = 1000;
    service_stream_with(&user, &service, &options);
    assert_int_equal(gcn_client_rotate(user.client), 0);
    while (!successor_is_at(&service, i % 5))
      uv_run(loop, UV_RUN_ONCE);
    if (i >= 5) gcn_client_stop(user.client);
    if (i >= 5) harness_until(loop, &user.idle);
    if (i >= 5) assert_int_equal(gcn_client_state(user.client), GCN_IDLE);
    if (i >= 10) user.streaming = false;
    if (i >= 10) gcn_client_start(user.client);
    if (i >= 10) harness_until(loop, &user.streaming);
    user_finish(&user);
    assert_int_equal(user.unproven, 0);
    service_close(&service);
    assert_int_equal(harness_handles(loop), 0);
  }
}

static void test_close_when_the_peer_is_frozen(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  service_do(&service, "tcp.freeze");
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  user_finish(&user);
  uint64_t took_ms = gcn__loop_now_ms(loop) - begun_ms;
  assert_true(took_ms >= 190 && took_ms < 1000); /* close_ms is 200 */
  service_close(&service);
}

/* --- hosts ---------------------------------------------------------------- */

static void test_two_clients(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user one = {.client = NULL};
  struct user two = {.client = NULL};
  service_open_plain(&service, loop);
  service_begin(&one, &service);
  service_begin(&two, &service);
  harness_until(loop, &one.streaming);
  harness_until(loop, &two.streaming);
  user_finish(&one);
  service_emit_many(&service, 3);
  service_await_events(&two, 3);
  user_finish(&two);
  service_close(&service);
}

static void test_sigpipe_is_left_alone(void** state) {
  uv_loop_t* loop = *state;
  struct sigaction action;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_stream(&user, &service);
  service_do(&service, "tcp.reset");
  /* Something to say while the peer is gone. */
  service_subscribe(&user, other_text);
  user.streaming = false;
  harness_until(loop, &user.streaming);
  assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
  assert_true(action.sa_handler == SIG_DFL);
  user_finish(&user);
  service_close(&service);
}

static void test_fork_does_not_cut_the_stream(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  struct secure secure;
  struct user user = {.client = NULL};
  secure_open(&secure);
  options.tls = secure.tls;
  service_open(&service, loop, &options);
  service_stream_over_tls(&user, &service, &secure);
  pid_t child = fork();
  if (child == 0) _exit(gcn_client_abandon(user.client) == 0 ? 0 : 1);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  service_emit_many(&service, 50);
  service_await_events(&user, 50);
  assert_int_equal(user.state, GCN_STREAMING);
  user_finish(&user);
  service_close(&service);
  secure_close(&secure);
}

static void test_unreferenced_stream(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer; /* keeps the loop alive without the service's help */
  struct service service;
  struct user user = {.client = NULL};
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  service_open_plain(&service, loop);
  service_begin(&user, &service);
  gcn_client_unref(user.client);
  harness_until(loop, &user.streaming);
  /* Handles made after the call are covered, also those of a reconnect. */
  user.streaming = false;
  service_do(&service, "tcp.reset");
  harness_until(loop, &user.streaming);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    struct gcn__link* link = user.client->wires[i];
    if (link != NULL) assert_true(gcn__link_connected(link));
  }
  assert_false(user.client->turn.referenced);
  assert_false(uv_has_ref((uv_handle_t*)&user.client->alarm.handle));
  user_finish(&user);
  service_close(&service);
  peer_close(&peer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_close_from_every_state_callback),
      LOOP_TEST(test_close_outside_in_every_state),
      LOOP_TEST(test_close_from_every_callback),
      LOOP_TEST(test_end_with_a_successor),
      LOOP_TEST(test_close_when_the_peer_is_frozen),
      LOOP_TEST(test_two_clients),
      LOOP_TEST(test_sigpipe_is_left_alone),
      LOOP_TEST(test_fork_does_not_cut_the_stream),
      LOOP_TEST(test_unreferenced_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
