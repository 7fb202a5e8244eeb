/* SPDX-License-Identifier: MIT */
/*
 * Streaming clients in trouble: memory that fails at every allocation, and a
 * storm of users and faults.
 */
#include "service.h"

#include "unit/mem-probe.h"

#include <stdlib.h>

/* --- memory --------------------------------------------------------------- */

/* One life with the n-th allocation failing: an error at once, or a stream in
 * the end. */
static void live_once(struct service* service, struct mem_probe* probe) {
  struct user user = {.loop = service->loop};
  gcn_options_t options = user_options(&user, service->url);
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = probe;
  const char* const topics[] = {topic_text};
  int error = gcn_client_new(&user.client, service->loop, &options);
  if (error == UV_ENOMEM) return;
  assert_int_equal(error, 0);
  error = gcn_client_subscribe(user.client, topics, 1);
  assert_true(error == 0 || error == UV_ENOMEM);
  if (error != 0) service_subscribe(&user, topic_text);
  gcn_client_start(user.client);
  harness_until(service->loop, &user.streaming);
  /* Memory may fail on an event, which ends the stream: then the next one. */
  while (!user.any_event) {
    if (user.streaming) service_emit_many(service, 1);
    uv_run(service->loop, UV_RUN_ONCE);
  }
  user_finish(&user);
}

static void test_failing_memory(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  options.sim.rest_per_min_max = GCN__NEVER;
  service_open(&service, loop, &options);
  size_t count = 1;
  for (size_t n = 1; n <= count; n++) {
    struct mem_probe probe = {.fail_at = n};
    live_once(&service, &probe);
    assert_int_equal(probe.live_size, 0);
    if (probe.count >= n) count = n + 1;
  }
  assert_true(count > 30);
  service_close(&service);
}

/* From the n-th allocation on none works: close still does. */
static void test_close_without_memory(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct mem_probe probe = {.fail_at = 0};
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&user, service.url);
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &probe;
  user_new(&user, loop, &options);
  service_subscribe(&user, topic_text);
  gcn_client_start(user.client);
  harness_until(loop, &user.streaming);
  probe.fail_at = probe.count + 1;
  probe.fail_on = 1;
  service_emit_many(&service, 10);
  harness_settle(loop);
  user_finish(&user);
  assert_int_equal(probe.live_size, 0);
  service_close(&service);
}

/* --- the storm ------------------------------------------------------------ */

enum { STORM_USERS = 100, STORM_CALLS = 150, STORM_ROUNDS = 400 };

static unsigned next_random(struct user* user) {
  user->act_seed = user->act_seed * 1103515245u + 12345u;
  return user->act_seed >> 16;
}

/* At once, later (see on_storm), wrong, or not at all. */
static void answer_at_random(struct user* user) {
  static const gcn_credentials_t offers[] = {
      {.client_id = "id", .client_secret = "s3cr3t-wrong"},
      {.client_id = "id", .client_secret = "s3cr3t"}};
  unsigned dice = next_random(user) % 8;
  if (dice < 2) return;
  user->asked = false;
  gcn_credentials_done(user->client, user->ticket, dice == 2 ? UV_EIO : 0,
                       &offers[dice == 3 ? 0 : 1], 1);
}

static void act_at_random(struct user* user, enum user_moment moment) {
  gcn_client_t* client = user->client;
  const char* const topics[] = {topic_text, other_text};
  if (moment == USER_ASK) answer_at_random(user);
  if (user->told > STORM_CALLS) {
    user_close(user);
    return;
  }
  switch (next_random(user) % 64) {
  case 0: user_close(user); break;
  case 1:
  case 2: gcn_client_start(client); break;
  case 3: gcn_client_stop(client); break;
  case 4: gcn_client_pause(client); break;
  case 5:
  case 6: gcn_client_resume(client); break;
  case 7: gcn_client_subscribe(client, topics, 2); break;
  case 8: gcn_client_unsubscribe(client, topics, 1); break;
  case 9: gcn_client_set_credentials(client, "id", "s3cr3t"); break;
  case 10: gcn_client_reconnect_now(client); break;
  case 11: user_post(user); break;
  case 12:
  case 13: gcn_client_rotate(client); break;
  case 14: gcn_client_set_credentials(client, "id", "s3cr3t-wrong"); break;
  case 15: gcn_client_unsubscribe(client, topics, 2); break;
  case 16: gcn_client_unref(client); break;
  case 17: gcn_client_ref(client); break;
  default: break;
  }
}

struct storm {
  uv_timer_t timer;
  struct service* service;
  struct user users[STORM_USERS];
  unsigned round;
};

static void on_storm(uv_timer_t* timer) {
  static const char* const faults[] = {"tcp.reset", "tcp.close",
                                       "ws.close 1012 \"restart\"",
                                       "ws.fragment 3", "ws.ping 1"};
  struct storm* storm = timer->data;
  unsigned round = ++storm->round;
  service_emit_many(storm->service, 3);
  if (round % 25 == 0) service_do(storm->service, faults[round / 25 % 5]);
  for (unsigned i = 0; i < STORM_USERS; i++) {
    struct user* user = &storm->users[i];
    if (user->closing || (i + round) % 10 != 0) continue;
    gcn_client_resume(user->client);
    gcn_client_start(user->client);
    if (user->asked) answer_at_random(user);
    if (round > STORM_ROUNDS) user_close(user);
  }
}

static bool all_closed(const struct storm* storm) {
  for (unsigned i = 0; i < STORM_USERS; i++) {
    if (!storm->users[i].closed) return false;
  }
  return true;
}

/* Some have two connections, some are asked for credentials, some wait for
 * nothing. */
static gcn_options_t storm_options(struct user* user,
                                   const struct service* service, unsigned i) {
  gcn_options_t options = user_options(user, service->url);
  options.latency_ms_max = 20;
  options.overlap_ms = 200;
  options.stagger_ms = 1;
  options.phase_ms = 300;
  user->several = true; /* any of them may have two for a while */
  if (i % 3 == 0) options.connection_names_max = 1;
  if (i % 4 == 1) options.credentials_cb = user_on_ask;
  if (i % 4 == 1) options.client_id = options.client_secret = NULL;
  if (i % 2 == 0) options.rotate_ms = 300;
  if (i % 2 == 0) options.rotate_jitter_ms = 100;
  return options;
}

static void test_storm(void** state) {
  uv_loop_t* loop = *state;
  gcn_hub_t* hub;
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  struct storm* storm = calloc(1, sizeof *storm);
  assert_non_null(storm);
  options.sim.rest_per_min_max = GCN__NEVER;
  options.sim.channels_max = 1000;
  service_open(&service, loop, &options);
  storm->service = &service;
  assert_int_equal(gcn_hub_new(&hub, loop, NULL), 0);
  for (unsigned i = 0; i < STORM_USERS; i++) {
    struct user* user = &storm->users[i];
    user->act = act_at_random;
    user->act_seed = i + 1;
    gcn_options_t user_opts = storm_options(user, &service, i);
    if (i % 5 == 4) user_opts.hub = hub;
    service_begin_with(user, &service, &user_opts);
  }
  gcn_hub_release(hub);
  uv_timer_init(loop, &storm->timer);
  storm->timer.data = storm;
  uv_timer_start(&storm->timer, on_storm, 1, 5);
  while (!all_closed(storm))
    uv_run(loop, UV_RUN_ONCE);
  unsigned events = 0;
  unsigned rotations = 0;
  unsigned questions = 0;
  for (unsigned i = 0; i < STORM_USERS; i++) {
    assert_int_equal(storm->users[i].late, 0);
    events += storm->users[i].counts[USER_EVENT];
    rotations += storm->users[i].counts[USER_ROTATION];
    questions += storm->users[i].counts[USER_ASK];
  }
  assert_true(events > 0);
  assert_true(rotations > 0);
  assert_true(questions > 0);
  assert_int_equal(gcn__sim_listen_connections(service.listen) > 300, 0);
  harness_close((uv_handle_t*)&storm->timer);
  service_close(&service);
  assert_int_equal(harness_handles(loop), 0);
  free(storm);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_failing_memory),
      LOOP_TEST(test_close_without_memory),
      LOOP_TEST(test_storm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
