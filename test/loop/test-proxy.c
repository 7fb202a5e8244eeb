/* SPDX-License-Identifier: MIT */
/*
 * Clients behind a proxy.
 */
#include "relay.h"
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage {
  struct service service;
  struct secure secure;
  struct relay relay;
  struct user user;
  char proxy[128];
};

static void forget_environment(void) {
  static const char* const names[] = {
      "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
      "ALL_PROXY",   "no_proxy",    "NO_PROXY"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    unsetenv(names[i]);
}

/* `scheme` as in "http://user:password@". */
static gcn_options_t open_stage(struct stage* stage, uv_loop_t* loop,
                                const char* scheme, bool tls) {
  struct gcn__sim_listen_options sim = service_options();
  memset(stage, 0, sizeof *stage);
  forget_environment();
  secure_open(&stage->secure);
  if (tls) sim.tls = stage->secure.tls;
  service_open(&stage->service, loop, &sim);
  relay_open(&stage->relay, loop);
  snprintf(stage->proxy, sizeof stage->proxy, "%s127.0.0.1:%u", scheme,
           (unsigned)stage->relay.port);
  gcn_options_t options = user_options(&stage->user, stage->service.url);
  options.proxy = stage->proxy;
  options.no_proxy = "";
  if (tls) options.ca_pem = gcn__pki_ca(stage->secure.pki);
  return options;
}

static void close_stage(struct stage* stage) {
  user_finish(&stage->user);
  service_close(&stage->service);
  relay_close(&stage->relay);
  secure_close(&stage->secure);
  forget_environment();
}

static void try_tunnel(uv_loop_t* loop, const char* scheme, const char* login,
                       bool tls) {
  struct stage stage;
  char target[64];
  gcn_options_t options = open_stage(&stage, loop, scheme, tls);
  stage.relay.login = login;
  service_stream_with(&stage.user, &stage.service, &options);
  service_emit_many(&stage.service, 50);
  service_await_events(&stage.user, 50);
  /* Nothing went past it. */
  assert_true(stage.relay.tunnels >= 2);
  assert_int_equal(service_counters(&stage.service).accepts,
                   stage.relay.tunnels);
  snprintf(target, sizeof target, "127.0.0.1:%u",
           (unsigned)gcn__sim_listen_port(stage.service.listen));
  assert_string_equal(stage.relay.target, target);
  unsigned tunnels = stage.relay.tunnels;
  stage.user.streaming = false;
  service_do(&stage.service, "tcp.reset");
  harness_until(loop, &stage.user.streaming);
  assert_int_equal(stage.relay.tunnels, tunnels + 1);
  assert_int_equal(stage.relay.refused, 0);
  close_stage(&stage);
}

static void test_http(void** state) {
  try_tunnel(*state, "http://", NULL, false);
  try_tunnel(*state, "http://", NULL, true);
  try_tunnel(*state, "", NULL, true);
}

static void test_http_with_a_login(void** state) {
  /* "user:s3cr3t@" */
  const char* login = "Basic dXNlcjpzM2NyM3RA\r\n";
  try_tunnel(*state, "http://user:s3cr3t%40@", login, true);
}

static void test_socks(void** state) {
  try_tunnel(*state, "socks5://", NULL, false);
  try_tunnel(*state, "socks5h://", NULL, true);
  try_tunnel(*state, "socks5://user:s3cr3t@", "user:s3cr3t", true);
}

/* A refused login is the user's to repair: final, and said so. */
static void expect_refusal(uv_loop_t* loop, const char* scheme,
                           const char* login) {
  struct stage stage;
  gcn_options_t options = open_stage(&stage, loop, scheme, true);
  stage.relay.login = login;
  service_begin_with(&stage.user, &stage.service, &options);
  while (stage.user.state != GCN_REFUSED)
    uv_run(loop, UV_RUN_ONCE);
  assert_int_equal(stage.user.failure, GCN_EPROXYAUTH);
  assert_int_equal(stage.user.failure_layer, GCN_LAYER_PROXY);
  assert_int_equal(stage.user.seen & 1u << GCN_BACKING_OFF, 0);
  assert_null(strstr(stage.user.failure_text, "s3cr3t"));
  unsigned refused = stage.relay.refused;
  assert_true(refused > 0);
  service_live(&stage.service, 200);
  assert_int_equal(stage.relay.refused, refused); /* not tried again */
  assert_int_equal(service_counters(&stage.service).accepts, 0);
  stage.relay.login = NULL;
  assert_int_equal(gcn_client_start(stage.user.client), 0);
  harness_until(loop, &stage.user.streaming);
  close_stage(&stage);
}

static void test_refused_login(void** state) {
  expect_refusal(*state, "http://", "Basic xyz");
  expect_refusal(*state, "http://user:s3cr3t@", "Basic xyz");
  expect_refusal(*state, "socks5://user:s3cr3t@", "user:other");
}

static void test_proxy_is_down(void** state) {
  struct stage stage;
  gcn_options_t options = open_stage(&stage, *state, "http://", false);
  options.proxy = "http://127.0.0.1:1";
  service_begin_with(&stage.user, &stage.service, &options);
  harness_until(*state, &stage.user.backing_off);
  assert_int_equal(stage.user.failure, UV_ECONNREFUSED);
  assert_non_null(strstr(stage.user.failure_text, "127.0.0.1"));
  assert_int_equal(service_counters(&stage.service).accepts, 0);
  close_stage(&stage);
}

/* Nobody there behind the proxy. */
static void test_proxy_can_not_connect(void** state) {
  static const char* const schemes[] = {"http://", "socks5://"};
  for (size_t i = 0; i < 2; i++) {
    struct stage stage;
    gcn_options_t options = open_stage(&stage, *state, schemes[i], false);
    options.login_url = options.api_url = "http://127.0.0.1:1";
    service_begin_with(&stage.user, &stage.service, &options);
    harness_until(*state, &stage.user.backing_off);
    assert_int_equal(stage.user.failure, GCN_EPROXY);
    assert_int_equal(stage.user.failure_layer, GCN_LAYER_PROXY);
    close_stage(&stage);
  }
}

/* --- the environment ------------------------------------------------------ */

static void try_environment(uv_loop_t* loop, const char* variable,
                            const char* exceptions, bool tunnelled) {
  struct stage stage;
  gcn_options_t options = open_stage(&stage, loop, "http://", true);
  options.proxy = NULL;
  options.no_proxy = NULL;
  setenv(variable, stage.proxy, 1);
  if (exceptions != NULL) setenv("no_proxy", exceptions, 1);
  service_begin_with(&stage.user, &stage.service, &options);
  forget_environment(); /* it is read once */
  harness_until(loop, &stage.user.streaming);
  assert_int_equal(stage.relay.tunnels > 0, tunnelled);
  close_stage(&stage);
}

static void test_environment(void** state) {
  try_environment(*state, "https_proxy", NULL, true);
  try_environment(*state, "HTTPS_PROXY", NULL, true);
  try_environment(*state, "all_proxy", NULL, true);
  try_environment(*state, "ALL_PROXY", NULL, true);
  try_environment(*state, "http_proxy", NULL, false); /* the URL is https */
  try_environment(*state, "https_proxy", "127.0.0.1", false);
  try_environment(*state, "https_proxy", "other.example, 127.0.0.0/8", false);
  try_environment(*state, "https_proxy", "*", false);
  try_environment(*state, "https_proxy", "other.example", true);
}

static void test_options_before_the_environment(void** state) {
  struct stage stage;
  gcn_options_t options = open_stage(&stage, *state, "http://", true);
  options.proxy = "";
  setenv("https_proxy", stage.proxy, 1);
  service_stream_with(&stage.user, &stage.service, &options);
  assert_int_equal(stage.relay.accepted, 0);
  close_stage(&stage);
  options = open_stage(&stage, *state, "http://", true);
  options.no_proxy = "127.0.0.1";
  service_stream_with(&stage.user, &stage.service, &options);
  assert_int_equal(stage.relay.accepted, 0);
  close_stage(&stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_http),
      LOOP_TEST(test_http_with_a_login),
      LOOP_TEST(test_socks),
      LOOP_TEST(test_refused_login),
      LOOP_TEST(test_proxy_is_down),
      LOOP_TEST(test_proxy_can_not_connect),
      LOOP_TEST(test_environment),
      LOOP_TEST(test_options_before_the_environment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
