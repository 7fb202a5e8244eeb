/* SPDX-License-Identifier: MIT */
/*
 * How clients behave towards a service that asks for patience, by the service's
 * own ledger.
 */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Retry-After ---------------------------------------------------------- */

struct limit {
  const char* request;
  enum gcn__sim_endpoint endpoint;
  gcn_op_t op;
};

static const struct limit limits[] = {
    {"POST /oauth/token", GCN__SIM_AT_TOKEN, GCN_OP_TOKEN},
    {"POST /api/v2/notifications/channels", GCN__SIM_AT_CHANNEL,
     GCN_OP_CHANNEL},
    {"PUT *subscriptions", GCN__SIM_AT_TOPICS, GCN_OP_TOPICS},
    {"GET /channels/*", GCN__SIM_AT_UPGRADE, GCN_OP_UPGRADE},
};

/* Asked once to wait `wait_s`: told so, came back neither early nor late nor in
 * a crowd, and streams. */
static void try_limit(uv_loop_t* loop, const struct limit* limit,
                      const char* syntax, unsigned wait_s) {
  struct service service;
  struct user user = {.client = NULL};
  char rule[160];
  service_open_plain(&service, loop);
  snprintf(rule, sizeof rule, "http.status %s 429 %s=%u", limit->request,
           syntax, wait_s);
  service_do(&service, rule);
  service_begin(&user, &service);
  harness_until(loop, &user.backing_off);
  assert_int_equal(user.failure, GCN_ERATELIMITED);
  assert_int_equal(user.failure_op, limit->op);
  /* A moment in whole seconds may be up to one later. */
  assert_in_range(user.retry_after, wait_s * 1000, wait_s * 1000 + 1000);
  assert_true(user.retry_in >= wait_s * 1000);
  harness_until(loop, &user.streaming);
  struct gcn__sim_visits visits = service_visits(&service, limit->endpoint);
  assert_int_equal(visits.limited, 1);
  assert_int_equal(visits.early, 0);
  assert_int_equal(visits.crowded, 0);
  assert_int_equal(visits.resumed, 1);
  assert_true(visits.resume_max_ms < 2000); /* up to 20 % more, and some */
  assert_int_equal(visits.count, 2);
  assert_int_equal(service_stats(&user).limited, 1);
  user_finish(&user);
  service_close(&service);
}

static void test_retry_after_in_seconds(void** state) {
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
    try_limit(*state, &limits[i], "retry-after", i % 2 == 0 ? 2 : 1);
}

static void test_retry_after_as_a_date(void** state) {
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
    try_limit(*state, &limits[i], "retry-after-date", 2);
}

/* Several clients of one hub and one client id: the REST calls of all of them
 * wait, and do not come together afterwards. */
static void test_a_hub_waits_as_one(void** state) {
  uv_loop_t* loop = *state;
  enum { COUNT = 4 };
  struct service service;
  struct user users[COUNT] = {{.client = NULL}};
  gcn_hub_t* hub;
  service_open_plain(&service, loop);
  assert_int_equal(gcn_hub_new(&hub, loop, NULL), 0);
  service_do(&service, "http.status POST /api/v2/notifications/channels 429 "
                       "retry-after=1");
  for (unsigned i = 0; i < COUNT; i++) {
    gcn_options_t options = user_options(&users[i], service.url);
    options.hub = hub;
    service_begin_with(&users[i], &service, &options);
    /* The others come when it is known; what is under way can't be helped. */
    if (i == 0) harness_until(loop, &users[0].backing_off);
  }
  /* Three requests for a channel are free, one of them was answered 429: what
   * streams by then has kept the rules. */
  unsigned streaming = 0;
  while (streaming < 2) {
    service_live(&service, 20);
    streaming = 0;
    for (unsigned i = 0; i < COUNT; i++)
      streaming += users[i].streaming;
  }
  struct gcn__sim_visits visits = service_visits(&service, GCN__SIM_AT_CHANNEL);
  assert_int_equal(visits.limited, 1);
  assert_int_equal(visits.early, 0);
  for (unsigned i = 0; i < COUNT; i++)
    user_finish(&users[i]);
  gcn_hub_release(hub);
  service_close(&service);
}

/* --- a service that closes every connection ------------------------------- */

/* Attempts come one by one and ever slower, within the configured bounds. */
static void test_nobody_gets_through(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  gcn_options_t options = user_options(&user, service.url);
  options.retry_jitter = GCN_JITTER_NONE;
  options.retry_base_ms = 100;
  options.retry_floor_ms = 50;
  options.retry_cap_ms = 800;
  options.retry_first_ms = 100;
  service_stream_with(&user, &service, &options);
  struct gcn__sim_visits before = service_visits(&service, GCN__SIM_AT_ATTEMPT);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  service_do(&service, "at 0s for 6s tcp.reset then accept.close");
  service_live(&service, 6200);
  user.streaming = false;
  harness_until(loop, &user.streaming);
  struct gcn__sim_visits after = service_visits(&service, GCN__SIM_AT_ATTEMPT);
  /* 150, 250, 450, 800, 800, ... */
  assert_in_range(after.count - before.count, 6, 12);
  assert_true(after.gap_max_ms < 2000);
  /* P15: after the last refusal it is there within one wait. */
  assert_true(gcn__loop_now_ms(loop) - begun_ms < 6200 + 800 + 1000);
  assert_true(service_stats(&user).failures >= 5);
  user_finish(&user);
  service_close(&service);
}

/* The same by the service's wish, on every connection that is closed. */
static void test_every_upgrade_is_limited(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, loop);
  service_do(&service, "http.status GET /channels/* 503 retry-after=1 times=2");
  service_begin(&user, &service);
  harness_until(loop, &user.streaming);
  struct gcn__sim_visits visits = service_visits(&service, GCN__SIM_AT_UPGRADE);
  assert_int_equal(visits.count, 3);
  assert_int_equal(visits.limited, 2);
  assert_int_equal(visits.early, 0);
  assert_int_equal(visits.crowded, 0);
  assert_true(visits.gap_min_ms >= 1000);
  /* Waiting costs nothing else. */
  assert_int_equal(service_counters(&service).token_calls, 1);
  assert_int_equal(service_counters(&service).channels, 1);
  user_finish(&user);
  service_close(&service);
}

/* --- one client id, many clients ------------------------------------------ */

enum { FLEET = 25, SPARE = 4, FLAPS_MAX = 256 };

struct fleet {
  struct service service;
  struct user users[FLEET]; /* the first one flaps */
  char agents[FLEET][16];
  gcn_hub_t* hub;
  int fds[FLAPS_MAX]; /* copies of the flapper's sockets */
  unsigned fd_count;
};

static struct fleet* present; /* of the test that runs */

/* The flapper's connections are made here, so that they can be broken. */
static int connect_flapper(void* data, const char* host, uint16_t port,
                           gcn_connect_t* request) {
  struct sockaddr_in name;
  (void)data;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  uv_ip4_addr(host, port, &name);
  assert_int_equal(connect(fd, (const struct sockaddr*)&name, sizeof name), 0);
  assert_true(present->fd_count < FLAPS_MAX);
  present->fds[present->fd_count++] = dup(fd);
  gcn_connect_done(request, 0, fd);
  return 0;
}

static void break_flapper(struct fleet* fleet) {
  for (unsigned i = 0; i < fleet->fd_count; i++) {
    shutdown(fleet->fds[i], SHUT_RDWR);
    close(fleet->fds[i]);
  }
  fleet->fd_count = 0;
}

static void begin_fleet(struct fleet* fleet, uv_loop_t* loop) {
  for (unsigned i = 0; i < FLEET; i++) {
    gcn_options_t options = user_options(&fleet->users[i], fleet->service.url);
    snprintf(fleet->agents[i], sizeof fleet->agents[i], "fleet/%u", i);
    options.user_agent = fleet->agents[i];
    options.hub = fleet->hub;
    options.seed = i + 1;
    options.retry_cap_ms = 200;
    if (i == 0) options.connect_cb = connect_flapper;
    service_begin_with(&fleet->users[i], &fleet->service, &options);
    if (i == 0) harness_until(loop, &fleet->users[0].streaming);
  }
}

static void await_fleet(struct fleet* fleet, unsigned count) {
  for (;;) {
    unsigned streaming = 0;
    for (unsigned i = 0; i < FLEET; i++)
      streaming += fleet->users[i].streaming;
    if (streaming >= count) return;
    service_live(&fleet->service, 10);
  }
}

static struct gcn__sim_instance instance_of(struct fleet* fleet, unsigned i) {
  struct gcn__sim* sim = gcn__sim_listen_service(fleet->service.listen);
  struct gcn__sim_instance instance;
  for (size_t at = 0; at < gcn__sim_instances(sim); at++) {
    gcn__sim_instance(sim, at, &instance);
    if (strcmp(instance.name, fleet->agents[i]) == 0) return instance;
  }
  fail_msg("no instance %s", fleet->agents[i]);
  return instance;
}

/* The service gives a client id so many channels; the flapping client may make
 * new ones as fast as its budget permits, which is three and one a minute: the
 * spare ones are never used up, so nobody steady loses his. */
static void flap(uv_loop_t* loop, bool shared) {
  struct gcn__sim_listen_options options = service_options();
  struct fleet* fleet = calloc(1, sizeof *fleet);
  assert_non_null(fleet);
  present = fleet;
  options.sim.channels_max = FLEET + SPARE;
  options.sim.rest_per_min_max = GCN__NEVER;
  service_open(&fleet->service, loop, &options);
  if (shared) assert_int_equal(gcn_hub_new(&fleet->hub, loop, NULL), 0);
  begin_fleet(fleet, loop);
  unsigned steady = shared ? 3 : FLEET;
  await_fleet(fleet, steady);
  struct user* flapper = &fleet->users[0];
  for (int round = 0; round < 30; round++) {
    if (round % 2 == 0) {
      break_flapper(fleet);
    } else {
      gcn_client_stop(flapper->client);
      harness_until(loop, &flapper->idle);
      flapper->streaming = flapper->idle = false;
      gcn_client_start(flapper->client);
    }
    service_live(&fleet->service, 20);
    if (round % 5 == 4) gcn_client_rotate(flapper->client);
    if (round % 5 == 4) service_live(&fleet->service, 20);
  }
  assert_true(flapper->counts[USER_STATE] > 60);
  assert_int_equal(service_counters(&fleet->service).channels_evicted_foreign,
                   0);
  for (unsigned i = 0; i < FLEET; i++) {
    struct user* user = &fleet->users[i];
    if (!shared || user->streaming) {
      assert_int_equal(instance_of(fleet, i).evicted, 0);
    }
    if (user != flapper && !shared) assert_true(user->streaming);
    if (user != flapper) assert_int_equal(user->counts[USER_GAP], 0);
  }
  assert_in_range(instance_of(fleet, 0).channels, 1, 1 + SPARE);
  for (unsigned i = 0; i < FLEET; i++)
    user_finish(&fleet->users[i]);
  break_flapper(fleet);
  gcn_hub_release(fleet->hub);
  service_close(&fleet->service);
  free(fleet);
}

static void test_one_flaps(void** state) {
  flap(*state, false);
}

/* With a hub the budget of channels is that of all: 25 clients that start at
 * once get three, and one more a minute.  Whoever streams is left alone. */
static void test_one_flaps_in_a_hub(void** state) {
  flap(*state, true);
}

/* Its sockets are reset again and again: it keeps its channel. */
static void test_resets_need_no_channel(void** state) {
  uv_loop_t* loop = *state;
  struct gcn__sim_listen_options options = service_options();
  struct service service;
  struct user user = {.client = NULL};
  options.sim.channels_max = 1;
  service_open(&service, loop, &options);
  service_stream(&user, &service);
  for (int i = 0; i < 8; i++) {
    user.streaming = false;
    service_do(&service, "tcp.reset");
    harness_until(loop, &user.streaming);
  }
  assert_int_equal(service_counters(&service).channels, 1);
  assert_int_equal(service_stats(&user).reused, 8);
  user_finish(&user);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_retry_after_in_seconds),
      LOOP_TEST(test_retry_after_as_a_date),
      LOOP_TEST(test_a_hub_waits_as_one),
      LOOP_TEST(test_nobody_gets_through),
      LOOP_TEST(test_every_upgrade_is_limited),
      LOOP_TEST(test_one_flaps),
      LOOP_TEST(test_one_flaps_in_a_hub),
      LOOP_TEST(test_resets_need_no_channel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
