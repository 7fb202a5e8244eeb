/* SPDX-License-Identifier: MIT */
/*
 * A client comes and goes, in every state that needs no service; what does is
 * in test-closing.c.
 */
#include "user.h"

#include "client/client.h"
#include "unit/mem-probe.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* --- coming and going ----------------------------------------------------- */

static void test_new_and_close(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  assert_int_equal(harness_handles(loop), 4);
  assert_int_equal(gcn_client_state(user.client), GCN_IDLE);
  assert_ptr_equal(gcn_client_loop(user.client), loop);
  assert_ptr_equal(gcn_client_data(user.client), &user);
  assert_int_equal(user_close(&user), 0);
  assert_false(user.closed);
  assert_int_equal(user_close(&user), GCN_ECLOSING);
  user_finish(&user);
  assert_int_equal(user.told, 0);
  assert_int_equal(harness_handles(loop), 0);
}

static void test_close_without_a_callback(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  assert_int_equal(gcn_client_close(user.client, NULL), 0);
  harness_drain(loop);
  assert_int_equal(harness_handles(loop), 0);
}

static void test_ten_thousand(void** state) {
  uv_loop_t* loop = *state;
  for (int i = 0; i < 10000; i++) {
    struct user user = {.client = NULL};
    user_new_at(&user, loop, 1);
    if (i % 3 == 0) assert_int_equal(gcn_client_start(user.client), 0);
    user_finish(&user);
  }
  assert_int_equal(harness_handles(loop), 0);
}

static void test_bad_arguments(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  gcn_client_t* client = NULL;
  gcn_options_t options = user_options(&user, "http://127.0.0.1:1");
  assert_int_equal(gcn_client_new(NULL, loop, &options), UV_EINVAL);
  assert_int_equal(gcn_client_new(&client, NULL, &options), UV_EINVAL);
  assert_int_equal(gcn_client_new(&client, loop, NULL), UV_EINVAL);
  options.size = 3;
  assert_int_equal(gcn_client_new(&client, loop, &options), UV_EINVAL);
  assert_int_equal(user.log_lines, 0);
  options.size = sizeof options;
  options.client_id = NULL;
  assert_int_equal(gcn_client_new(&client, loop, &options), GCN_ECONFIG);
  assert_int_equal(user.log_lines, 1);
  assert_non_null(strstr(user.log_line, "client_id"));
  options.client_id = "id";
  options.ca_path = "/nonexistent";
  assert_int_equal(gcn_client_new(&client, loop, &options), GCN_ECONFIG);
  assert_non_null(strstr(user.log_line, "/nonexistent"));
  assert_null(client);
  assert_int_equal(harness_handles(loop), 0);
  assert_int_equal(gcn_client_start(NULL), UV_EINVAL);
  assert_int_equal(gcn_client_abandon(NULL), UV_EINVAL);
}

static void test_calls_after_close(void** state) {
  uv_loop_t* loop = *state;
  static const char* const topics[] = {"v2.users.1.presence"};
  struct user user = {.client = NULL};
  user_new_at(&user, loop, 1);
  gcn_client_t* client = user.client;
  assert_int_equal(user_close(&user), 0);
  assert_int_equal(gcn_client_start(client), GCN_ECLOSING);
  assert_int_equal(gcn_client_stop(client), GCN_ECLOSING);
  assert_int_equal(gcn_client_pause(client), GCN_ECLOSING);
  assert_int_equal(gcn_client_resume(client), GCN_ECLOSING);
  assert_int_equal(gcn_client_reconnect_now(client), GCN_ECLOSING);
  assert_int_equal(gcn_client_subscribe(client, topics, 1), GCN_ECLOSING);
  assert_int_equal(gcn_client_unsubscribe(client, topics, 1), GCN_ECLOSING);
  assert_int_equal(gcn_client_set_credentials(client, "a", "b"), GCN_ECLOSING);
  const gcn_credentials_t offer = {.client_id = "a", .client_secret = "b"};
  assert_int_equal(gcn_client_set_grant(client, &offer), GCN_ECLOSING);
  assert_int_equal(gcn_client_rotate(client), GCN_ECLOSING);
  assert_int_equal(gcn_credentials_done(client, 1, 0, &offer, 1), GCN_ECLOSING);
  assert_int_equal(gcn_token_done(client, 1, 0, "t", 1), GCN_ECLOSING);
  /* What only looks still works. */
  assert_true(gcn_client_stats_json(client, NULL, 0) > 0);
  assert_true(gcn_client_metrics(client, NULL, 0) > 0);
  assert_true(gcn_client_record(client, NULL, 0) > 0);
  user_post(&user);
  gcn_client_unref(client); /* has no effect any more */
  user_finish(&user);
  assert_int_equal(user.counts[USER_POST], 0);
}

/* --- close in every state that needs no service --------------------------- */

/* Look-ups that run in libuv's pool until they are let go: a thread can't be
 * cancelled.  libuv calls this one instead of the C library's. */
static struct {
  uv_sem_t gate;
  uv_mutex_t mutex;
  unsigned count;
} held;

int getaddrinfo(const char* node, const char* service,
                const struct addrinfo* hints, struct addrinfo** list) {
  (void)service;
  (void)hints;
  *list = NULL;
  if (strcmp(node, "held.test") != 0) return EAI_NONAME;
  uv_mutex_lock(&held.mutex);
  held.count++;
  uv_mutex_unlock(&held.mutex);
  uv_sem_wait(&held.gate);
  return EAI_AGAIN;
}

static unsigned count_held(void) {
  uv_mutex_lock(&held.mutex);
  unsigned count = held.count;
  uv_mutex_unlock(&held.mutex);
  return count;
}

static gcn_options_t held_options(struct user* user) {
  gcn_options_t options = user_options(user, "https://held.test:1");
  options.ca_path = NULL;
  return options;
}

static void hold(struct user* user, uv_loop_t* loop,
                 const gcn_options_t* options) {
  held.count = 0;
  uv_sem_init(&held.gate, 0);
  uv_mutex_init(&held.mutex);
  user_new(user, loop, options);
  gcn_client_start(user->client);
  while (count_held() == 0)
    uv_run(loop, UV_RUN_NOWAIT);
  /* One look-up, though login and API both need it. */
  harness_settle(loop);
  assert_int_equal(count_held(), 1);
  assert_int_equal(user->state, GCN_CONNECTING);
}

static void let_go(void) {
  uv_sem_post(&held.gate);
}

static void end_hold(uv_loop_t* loop) {
  harness_drain(loop); /* the pool's thread is through */
  uv_sem_destroy(&held.gate);
  uv_mutex_destroy(&held.mutex);
}

static void test_close_while_resolving(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.client = NULL};
  gcn_options_t options = held_options(&user);
  hold(&user, loop, &options);
  user_close(&user);
  /* A look-up is no goodbye: it is not cut short with them. */
  assert_int_equal(gcn_client_set_close_ms(user.client, 0), 0);
  harness_settle(loop);
  /* The look-up still runs, so the close callback waits. */
  assert_false(user.closed);
  let_go();
  user_finish(&user);
  end_hold(loop);
}

/* A look-up of a hub outlives its clients, which need not wait for it. */
static void test_close_while_a_hub_resolves(void** state) {
  uv_loop_t* loop = *state;
  for (int first = 0; first < 2; first++) {
    struct user user = {.client = NULL};
    gcn_options_t options = held_options(&user);
    assert_int_equal(gcn_hub_new(&options.hub, loop, NULL), 0);
    hold(&user, loop, &options);
    if (first == 0) {
      user_finish(&user);
      gcn_hub_release(options.hub);
      let_go();
    } else {
      gcn_hub_release(options.hub);
      user_close(&user);
      harness_settle(loop);
      assert_false(user.closed);
      let_go();
      user_finish(&user);
    }
    end_hold(loop);
  }
}

static void test_resolving_has_a_deadline(void** state) {
  uv_loop_t* loop = *state;
  for (int own = 0; own < 2; own++) {
    struct user user = {.client = NULL};
    gcn_options_t options = held_options(&user);
    /* Long enough for `hold` to look, also where other work is done. */
    if (own) options.dns_ms = 500;
    if (!own) options.phase_ms = 500;
    options.retry_base_ms = 100000;
    options.retry_floor_ms = options.retry_cap_ms = 100000;
    hold(&user, loop, &options);
    harness_until(loop, &user.backing_off);
    assert_int_equal(user.failure, own ? UV_ETIMEDOUT : GCN_EPHASE);
    assert_int_equal(user.failure_layer, own ? GCN_LAYER_DNS : GCN_LAYER_TCP);
    let_go(); /* late answers mean nothing */
    harness_settle(loop);
    assert_int_equal(user.state, GCN_BACKING_OFF);
    user_finish(&user);
    end_hold(loop);
  }
}

static void test_close_in_a_black_hole(void** state) {
  uv_loop_t* loop = *state;
  struct black_hole hole;
  struct peer peer;
  struct user user = {.client = NULL};
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  black_hole_open(&hole, "127.0.0.2", peer.port);
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.2:%u", (unsigned)peer.port);
  gcn_options_t options = user_options(&user, url);
  user_new(&user, loop, &options);
  gcn_client_start(user.client);
  while (user.state != GCN_CONNECTING)
    uv_run(loop, UV_RUN_ONCE);
  harness_settle(loop);
  uint64_t begun_ms = uv_hrtime() / 1000000;
  user_finish(&user);
  assert_true(uv_hrtime() / 1000000 - begun_ms < 1000);
  peer_close(&peer);
  black_hole_close(&hole);
}

static void test_close_while_authenticating(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct user user = {.client = NULL};
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  user_new_at(&user, loop, peer.port);
  gcn_client_start(user.client);
  while (user.state != GCN_AUTHENTICATING)
    uv_run(loop, UV_RUN_ONCE);
  while (peer.received == 0)
    uv_run(loop, UV_RUN_ONCE);
  user_finish(&user);
  assert_int_equal(user.seen, 1u << GCN_CONNECTING | 1u << GCN_AUTHENTICATING);
  peer_close(&peer);
}

static void test_refused_and_backing_off(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct user user = {.client = NULL};
  char url[64];
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  uint16_t port = peer.port;
  peer_close(&peer);
  snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)port);
  gcn_options_t options = user_options(&user, url);
  options.retry_floor_ms = 300; /* it is still waiting when it is looked at */
  options.retry_base_ms = options.retry_first_ms = 300;
  options.retry_cap_ms = 300;
  user_new(&user, loop, &options);
  gcn_client_start(user.client);
  harness_until(loop, &user.backing_off);
  assert_int_equal(user.failure, UV_ECONNREFUSED);
  assert_int_equal(user.failure_layer, GCN_LAYER_TCP);
  gcn_stats_t stats = {.size = sizeof stats};
  assert_int_equal(gcn_client_stats(user.client, &stats), 0);
  assert_int_equal(stats.state, GCN_BACKING_OFF);
  assert_int_equal(stats.attempts, 1);
  assert_int_equal(stats.failures, 1);
  assert_true(stats.last_event_age == UINT64_MAX);
  user.backing_off = false;
  harness_until(loop, &user.backing_off); /* it tries again by itself */
  gcn_client_stop(user.client);
  harness_until(loop, &user.idle);
  user_finish(&user);
}

static void test_start_and_stop_before_the_loop_runs(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  struct user user = {.client = NULL};
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  user_new_at(&user, loop, peer.port);
  gcn_client_start(user.client);
  gcn_client_stop(user.client);
  harness_settle(loop);
  assert_false(peer.connected);
  assert_int_equal(user.counts[USER_STATE], 0);
  gcn_client_stop(user.client);
  gcn_client_start(user.client);
  while (!peer.connected)
    uv_run(loop, UV_RUN_ONCE);
  user_finish(&user);
  peer_close(&peer);
}

/* --- acting from inside callbacks ----------------------------------------- */

static void close_in_callback(struct user* user, enum user_moment moment) {
  (void)moment;
  if (user->state == (gcn_state_t)user->act_seed) user_close(user);
}

static void test_close_in_the_state_callback(void** state) {
  uv_loop_t* loop = *state;
  const gcn_state_t states[] = {GCN_CONNECTING, GCN_AUTHENTICATING,
                                GCN_BACKING_OFF, GCN_IDLE};
  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
    struct peer peer;
    struct user user = {.act = close_in_callback, .act_seed = states[i]};
    peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
    user_new_at(&user, loop, peer.port);
    gcn_client_start(user.client);
    if (states[i] == GCN_BACKING_OFF) {
      while (peer.received == 0)
        uv_run(loop, UV_RUN_ONCE);
      peer_reset(&peer);
    }
    if (states[i] == GCN_IDLE) {
      while (peer.received == 0)
        uv_run(loop, UV_RUN_ONCE);
      gcn_client_stop(user.client);
    }
    while (!user.closing)
      uv_run(loop, UV_RUN_ONCE);
    assert_int_equal(user.state, states[i]);
    user_finish(&user);
    peer_close(&peer);
  }
}

/* Stop and start for ever, from callbacks: the loop must get its turns. */
static void ping_pong(struct user* user, enum user_moment moment) {
  (void)moment;
  if (user->state == GCN_IDLE) {
    gcn_client_start(user->client);
  } else {
    gcn_client_stop(user->client);
  }
}

static void test_restless_user(void** state) {
  uv_loop_t* loop = *state;
  struct user user = {.act = ping_pong};
  user_new_at(&user, loop, 1);
  gcn_client_start(user.client);
  for (int i = 0; i < 100; i++) {
    unsigned before = user.told;
    uv_run(loop, UV_RUN_NOWAIT);
    assert_true(user.told - before <= 200);
  }
  assert_true(user.told > 100);
  user.act = NULL;
  user_finish(&user);
}

/* The n-th allocation fails, or all from the n-th on: an error or a failed
 * attempt, then a clean end. */
static void live_once(uv_loop_t* loop, struct mem_probe* probe, uint16_t port) {
  struct user user = {.loop = loop};
  const char* const topics[] = {"v2.users.1.presence"};
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)port);
  gcn_options_t options = user_options(&user, url);
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = probe;
  int error = gcn_client_new(&user.client, loop, &options);
  if (error != 0) {
    assert_int_equal(error, UV_ENOMEM);
    return;
  }
  error = gcn_client_subscribe(user.client, topics, 1);
  assert_true(error == 0 || error == UV_ENOMEM);
  assert_int_equal(gcn_client_start(user.client), 0);
  harness_until(loop, &user.backing_off);
  user_finish(&user);
}

static void test_failing_memory(void** state) {
  uv_loop_t* loop = *state;
  struct peer peer;
  peer_listen(&peer, loop, "127.0.0.1", 0, PEER_LISTENS);
  uint16_t port = peer.port;
  peer_close(&peer);
  for (int fail_on = 0; fail_on < 2; fail_on++) {
    size_t count = 1;
    for (size_t n = 1; n <= count; n++) {
      struct mem_probe probe = {.fail_at = n, .fail_on = fail_on};
      live_once(loop, &probe, port);
      assert_int_equal(probe.live_size, 0);
      if (probe.count >= n) count = n + 1;
    }
    assert_true(count > 10);
  }
  assert_int_equal(harness_handles(loop), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_new_and_close),
      LOOP_TEST(test_close_without_a_callback),
      LOOP_TEST(test_ten_thousand),
      LOOP_TEST(test_bad_arguments),
      LOOP_TEST(test_calls_after_close),
      LOOP_TEST(test_close_while_resolving),
      LOOP_TEST(test_close_while_a_hub_resolves),
      LOOP_TEST(test_resolving_has_a_deadline),
      LOOP_TEST(test_close_in_a_black_hole),
      LOOP_TEST(test_close_while_authenticating),
      LOOP_TEST(test_refused_and_backing_off),
      LOOP_TEST(test_start_and_stop_before_the_loop_runs),
      LOOP_TEST(test_close_in_the_state_callback),
      LOOP_TEST(test_restless_user),
      LOOP_TEST(test_failing_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
