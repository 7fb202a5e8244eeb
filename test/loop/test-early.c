/* SPDX-License-Identifier: MIT */
/*
 * The streaming host is dialled while the token is asked for: what becomes of
 * that connection, by the service's own count of connections and requests, and
 * that nobody hears of it when it comes to nothing.
 */
#include "relay.h"
#include "service.h"

struct stage {
  struct service service;
  struct secure secure;
  struct user user;
  bool tls;
};

static void open_stage(struct stage* stage, uv_loop_t* loop, bool tls) {
  struct gcn__sim_listen_options options = service_options();
  *stage = (struct stage){.tls = tls};
  if (tls) {
    secure_open(&stage->secure);
    options.tls = stage->secure.tls;
  }
  service_open(&stage->service, loop, &options);
}

static void close_stage(struct stage* stage) {
  user_finish(&stage->user);
  service_close(&stage->service);
  if (stage->tls) secure_close(&stage->secure);
}

static gcn_options_t options_of(struct stage* stage) {
  gcn_options_t options = user_options(&stage->user, stage->service.url);
  if (!stage->tls) return options;
  options.allow_plaintext = 0;
  options.ca_pem = gcn__pki_ca(stage->secure.pki);
  return options;
}

static uint64_t arrivals(struct stage* stage, enum gcn__sim_endpoint endpoint) {
  return service_visits(&stage->service, endpoint).count;
}

/* It streams without any failure, after so many connections. */
static void assert_smooth(struct stage* stage, unsigned connections) {
  gcn_stats_t stats = service_stats(&stage->user);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(stats.attempts, 1);
  assert_int_equal(stage->user.counts[USER_STATE], 4);
  assert_int_equal(arrivals(stage, GCN__SIM_AT_ACCEPT), connections);
  assert_int_equal(arrivals(stage, GCN__SIM_AT_CHANNEL), 1);
  assert_int_equal(arrivals(stage, GCN__SIM_AT_TOPICS), 1);
  service_emit_many(&stage->service, 3);
  service_await_events(&stage->user, 3);
}

static void is_used(uv_loop_t* loop, bool tls) {
  struct stage stage;
  open_stage(&stage, loop, tls);
  gcn_options_t options = options_of(&stage);
  stage.user.log_wanted = "event=early slot=0 host=127.0.0.1 end=used";
  service_stream_with(&stage.user, &stage.service, &options);
  assert_true(stage.user.log_seen);
  assert_smooth(&stage, 3); /* login, API, stream */
  assert_int_equal(arrivals(&stage, GCN__SIM_AT_UPGRADE), 1);
  close_stage(&stage);
}

static void test_used(void** state) {
  is_used(*state, false);
}

static void test_used_over_tls(void** state) {
  is_used(*state, true);
}

static void test_with_one_permit(void** state) {
  struct stage stage;
  open_stage(&stage, *state, true);
  gcn_options_t options = options_of(&stage);
  options.handshakes_max = 1;
  service_stream_with(&stage.user, &stage.service, &options);
  gcn_stats_t stats = service_stats(&stage.user);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(stats.attempts, 1);
  close_stage(&stage);
}

/* The service calls itself by its address. */
static void test_another_host(void** state) {
  struct stage stage;
  char url[80];
  open_stage(&stage, *state, false);
  gcn_options_t options = options_of(&stage);
  snprintf(url, sizeof url, "http://localhost%s",
           strrchr(stage.service.url, ':'));
  options.api_url = url;
  stage.user.log_wanted = "event=early slot=0 host=localhost end=";
  service_stream_with(&stage.user, &stage.service, &options);
  assert_true(stage.user.log_seen);
  gcn_stats_t stats = service_stats(&stage.user);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(arrivals(&stage, GCN__SIM_AT_UPGRADE), 1);
  close_stage(&stage);
}

/* `rule` ends the third connection before it was of use. */
static void goes_without(uv_loop_t* loop, bool tls, const char* rule) {
  struct stage stage;
  open_stage(&stage, loop, tls);
  gcn_options_t options = options_of(&stage);
  service_do(&stage.service, rule);
  stage.user.log_wanted = "end=lost";
  service_stream_with(&stage.user, &stage.service, &options);
  assert_true(stage.user.log_seen);
  assert_smooth(&stage, 4);
  close_stage(&stage);
}

static void test_refused(void** state) {
  goes_without(*state, false, "after accept 3 accept.reset");
}

static void test_closed_while_idle(void** state) {
  goes_without(*state, true, "after accept 3 accept.close");
}

/* TCP is there, and TLS never: the usual dial does not wait for it. */
static void test_black_hole(void** state) {
  struct stage stage;
  open_stage(&stage, *state, true);
  gcn_options_t options = options_of(&stage);
  service_do(&stage.service, "after accept 3 tls.hang");
  stage.user.log_wanted = "end=dropped";
  service_stream_with(&stage.user, &stage.service, &options);
  assert_true(stage.user.log_seen);
  assert_smooth(&stage, 4);
  close_stage(&stage);
}

/* Both refused logins together see one connection to the streaming host. */
static void test_no_token(void** state) {
  struct stage stage;
  open_stage(&stage, *state, false);
  gcn_options_t options = options_of(&stage);
  options.client_secret = "wrong";
  service_begin_with(&stage.user, &stage.service, &options);
  while (stage.user.state != GCN_REFUSED)
    uv_run(*state, UV_RUN_ONCE);
  uint64_t before = arrivals(&stage, GCN__SIM_AT_ACCEPT);
  assert_int_equal(before, 3);
  stage.user.state = GCN_IDLE;
  assert_int_equal(gcn_client_start(stage.user.client), 0);
  while (stage.user.state != GCN_REFUSED)
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(arrivals(&stage, GCN__SIM_AT_ACCEPT), before + 2);
  close_stage(&stage);
}

static void test_channel_limited(void** state) {
  struct stage stage;
  open_stage(&stage, *state, false);
  gcn_options_t options = options_of(&stage);
  service_do(&stage.service, "http.status POST /api/v2/notifications/channels "
                             "429 retry-after=1 times=1");
  service_stream_with(&stage.user, &stage.service, &options);
  /* Login, API, early; API, stream. */
  assert_int_equal(arrivals(&stage, GCN__SIM_AT_ACCEPT), 5);
  assert_int_equal(service_visits(&stage.service, GCN__SIM_AT_CHANNEL).early,
                   0);
  close_stage(&stage);
}

static void test_through_a_proxy(void** state) {
  struct stage stage;
  struct relay relay = {.login = NULL};
  char url[80];
  open_stage(&stage, *state, false);
  relay_open(&relay, *state);
  gcn_options_t options = options_of(&stage);
  snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)relay.port);
  options.proxy = url;
  stage.user.log_wanted = "event=early";
  service_stream_with(&stage.user, &stage.service, &options);
  assert_false(stage.user.log_seen);
  assert_int_equal(relay.tunnels, 3);
  assert_smooth(&stage, 3);
  user_finish(&stage.user);
  relay_close(&relay);
  close_stage(&stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_used),
      LOOP_TEST(test_used_over_tls),
      LOOP_TEST(test_with_one_permit),
      LOOP_TEST(test_another_host),
      LOOP_TEST(test_refused),
      LOOP_TEST(test_closed_while_idle),
      LOOP_TEST(test_black_hole),
      LOOP_TEST(test_no_token),
      LOOP_TEST(test_channel_limited),
      LOOP_TEST(test_through_a_proxy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
