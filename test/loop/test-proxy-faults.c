/* SPDX-License-Identifier: MIT */
/*
 * Proxies that misbehave, and what stands where a service should: the rows P of
 * the fault catalogue on real sockets.
 */
#include "gate.h"
#include "middlebox.h"
#include "service.h"

#include <stdio.h>
#include <string.h>

#define YES "HTTP/1.1 200 Connection established\r\n\r\n"

enum { PHASE_MS = 3000 };

struct stage {
  struct user user; /* first: callbacks cast */
  struct service service;
  struct secure secure;
  struct gate gate;
  gcn_options_t options;
  bool tls;
  bool gated;
};

static void open_stage(struct stage* stage, uv_loop_t* loop, bool tls,
                       const char* login) {
  struct gcn__sim_listen_options sim = service_options();
  memset(stage, 0, sizeof *stage);
  stage->tls = tls;
  if (tls) secure_open(&stage->secure);
  if (tls) sim.tls = stage->secure.tls;
  service_open(&stage->service, loop, &sim);
  gate_open(&stage->gate, loop, login);
  stage->options = user_options(&stage->user, stage->service.url);
  stage->options.proxy = stage->gate.url;
  stage->options.no_proxy = "";
  stage->options.phase_ms = PHASE_MS * harness_slowness();
  if (tls) stage->options.ca_pem = gcn__pki_ca(stage->secure.pki);
}

static void begin(struct stage* stage) {
  service_begin_with(&stage->user, &stage->service, &stage->options);
}

static void await_failure(struct stage* stage) {
  harness_until(stage->service.loop, &stage->user.backing_off);
}

static void close_stage(struct stage* stage) {
  user_finish(&stage->user);
  service_close(&stage->service);
  gate_close(&stage->gate);
  if (stage->tls) secure_close(&stage->secure);
}

/* It was weather: when the proxy is well, there is a stream. */
static void expect_recovery(struct stage* stage) {
  stage->gate.reply = YES;
  stage->gate.then = GATE_TUNNELS;
  harness_until(stage->service.loop, &stage->user.streaming);
  service_emit_many(&stage->service, 3);
  service_await_events(&stage->user, 3);
}

static uint64_t clock_ms(const struct stage* stage) {
  uv_update_time(stage->service.loop);
  return uv_now(stage->service.loop);
}

/* A reply that is refused for what it is, at once. */
static void expect_refused(uv_loop_t* loop, const char* reply,
                           enum gate_then then, const char* says) {
  struct stage stage;
  open_stage(&stage, loop, true, "");
  stage.gate.reply = reply;
  stage.gate.then = then;
  begin(&stage);
  await_failure(&stage);
  /* Not GCN_EPHASE: no deadline had to come. */
  assert_int_equal(stage.user.failure, GCN_EPROXY);
  assert_int_equal(stage.user.failure_layer, GCN_LAYER_PROXY);
  if (strstr(stage.user.failure_text, says) == NULL) {
    fail_msg("'%s' is not in '%s'", says, stage.user.failure_text);
  }
  assert_int_equal(service_counters(&stage.service).requests, 0);
  expect_recovery(&stage);
  close_stage(&stage);
}

/* What only the user can mend is final, and said to be. */
static void test_p01(void** state) {
  struct stage stage;
  open_stage(&stage, *state, true, "user:s3cr3t@");
  stage.gate.reply = "HTTP/1.1 407 Proxy Authentication Required\r\n"
                     "Proxy-Authenticate: Basic realm=\"x\"\r\n"
                     "Content-Length: 0\r\n\r\n";
  stage.gate.then = GATE_WAITS;
  begin(&stage);
  while (stage.user.state != GCN_REFUSED)
    uv_run(*state, UV_RUN_ONCE);
  assert_int_equal(stage.user.failure, GCN_EPROXYAUTH);
  assert_int_equal(stage.user.failure_layer, GCN_LAYER_PROXY);
  unsigned asked = stage.gate.asked;
  service_live(&stage.service, 200);
  assert_int_equal(stage.gate.asked,
                   asked); /* an account is not locked by us */
  stage.gate.reply = YES;
  stage.gate.then = GATE_TUNNELS;
  assert_int_equal(gcn_client_start(stage.user.client), 0);
  harness_until(*state, &stage.user.streaming);
  close_stage(&stage);
}

static void test_p02_status(void** state) {
  static const unsigned statuses[] = {403, 502, 503, 504};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    char reply[128];
    char says[32];
    snprintf(reply, sizeof reply,
             "HTTP/1.1 %u No\r\nRetry-After: 0\r\nContent-Length: 2\r\n\r\nno",
             statuses[i]);
    snprintf(says, sizeof says, "%u", statuses[i]);
    struct stage stage;
    open_stage(&stage, *state, false, "");
    stage.gate.reply = reply;
    stage.gate.then = GATE_WAITS;
    begin(&stage);
    await_failure(&stage);
    assert_int_equal(stage.user.failure, GCN_EPROXY);
    assert_non_null(strstr(stage.user.failure_text, says));
    expect_recovery(&stage);
    close_stage(&stage);
  }
}

/* Not before the proxy wants it: our own wait would be 50 ms at the most. */
static void test_p02_retry_after(void** state) {
  struct stage stage;
  open_stage(&stage, *state, false, "");
  stage.gate.reply = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n"
                     "Content-Length: 0\r\n\r\n";
  stage.gate.then = GATE_WAITS;
  uint64_t begun_ms = clock_ms(&stage);
  begin(&stage);
  await_failure(&stage);
  unsigned asked = stage.gate.asked;
  assert_true(stage.user.retry_in >= 1000);
  stage.gate.reply = YES;
  stage.gate.then = GATE_TUNNELS;
  while (stage.gate.asked == asked)
    uv_run(*state, UV_RUN_ONCE);
  assert_in_range(clock_ms(&stage) - begun_ms, 1000, 10000);
  expect_recovery(&stage);
  close_stage(&stage);
}

static void test_p03(void** state) {
  expect_refused(*state, YES "HTTP/1.1 200 OK\r\n", GATE_WAITS, "bytes");
  expect_refused(*state, YES "\x16\x03\x03", GATE_TUNNELS, "bytes");
  expect_refused(*state, YES "x", GATE_TUNNELS, "bytes");
}

static void test_p04_endless(void** state) {
  struct stage stage;
  open_stage(&stage, *state, true, "");
  stage.gate.reply = "HTTP/1.1 200 OK\r\nX: y";
  stage.gate.then = GATE_FLOODS;
  begin(&stage);
  await_failure(&stage);
  assert_int_equal(stage.user.failure, GCN_EPROXY);
  /* The limit is 16 KiB; the rest is what was on its way by then. */
  assert_true(stage.gate.flooded < 4 << 20);
  expect_recovery(&stage);
  close_stage(&stage);
}

/* A header section of this size, all in all; no line is long. */
static void fill_reply(char* out, size_t size) {
  static const char head[] = "HTTP/1.1 200 OK\r\n";
  size_t used = sizeof head - 1;
  memcpy(out, head, used);
  while (used < size - 2) {
    size_t line = size - 2 - used;
    if (line > 2000) line = 1000;
    memset(out + used, 'y', line);
    memcpy(out + used, "X: ", 3);
    memcpy(out + used + line - 2, "\r\n", 2);
    used += line;
  }
  memcpy(out + used, "\r\n", 3);
}

static void test_p04_limit(void** state) {
  static char reply[20000];
  struct stage stage;
  fill_reply(reply, 16 * 1024);
  open_stage(&stage, *state, true, "");
  stage.gate.reply = reply;
  begin(&stage);
  harness_until(*state, &stage.user.streaming);
  close_stage(&stage);
  fill_reply(reply, 16 * 1024 + 1);
  expect_refused(*state, reply, GATE_TUNNELS, "");
}

static void test_p05(void** state) {
  expect_refused(*state, "", GATE_CLOSES, "");
  expect_refused(*state, "HTTP/1.1 200 Conn", GATE_CLOSES, "");
  expect_refused(*state, "HTTP/1.1 200 OK\r\nX: y\r\n", GATE_CLOSES, "");
  struct stage stage;
  open_stage(&stage, *state, true, "");
  stage.gate.reply = "";
  stage.gate.then = GATE_RESETS;
  begin(&stage);
  await_failure(&stage);
  assert_true(stage.user.failure == UV_ECONNRESET ||
              stage.user.failure == GCN_EPROXY);
  expect_recovery(&stage);
  close_stage(&stage);
}

#define TINYPROXY                                                              \
  "HTTP/1.0 200 Connection established\r\n"                                    \
  "Proxy-agent: tinyproxy/1.11.1\r\n\r\n"

static void test_p06(void** state) {
  static const char* const replies[] = {TINYPROXY, "HTTP/1.0 200\r\n\r\n"};
  for (size_t i = 0; i < 2; i++) {
    struct stage stage;
    open_stage(&stage, *state, true, "");
    stage.gate.reply = replies[i];
    begin(&stage);
    harness_until(*state, &stage.user.streaming);
    assert_int_equal(stage.user.seen & 1u << GCN_BACKING_OFF, 0);
    close_stage(&stage);
  }
}

/* Something in between ends what is idle for 90 s (here 800 ms); a heartbeat
 * every 30 s (here 100 ms) is often enough, and nothing else has to be done. */
static void test_p07(void** state) {
  for (int beats = 0; beats < 2; beats++) {
    struct gcn__sim_listen_options sim = service_options();
    struct middlebox box;
    struct service service;
    struct user user = {.loop = *state};
    char authority[64];
    sim.sim.heartbeat_ms = beats ? 100 : GCN__NEVER;
    service_open(&service, *state, &sim);
    middlebox_open(&box, *state, gcn__sim_listen_port(service.listen), 800);
    snprintf(authority, sizeof authority, "127.0.0.1:%u", (unsigned)box.port);
    gcn__sim_set_authority(gcn__sim_listen_service(service.listen), authority);
    gcn_options_t options = user_options(&user, box.url);
    service_stream_with(&user, &service, &options);
    service_live(&service, 1700);
    /* Without them it is noticed, and the stream comes back. */
    assert_int_equal((user.seen & 1u << GCN_BACKING_OFF) != 0, !beats);
    harness_until(*state, &user.streaming);
    user_finish(&user);
    service_close(&service);
    middlebox_close(&box);
  }
}

/* It speaks for the host with a certificate of its own authority. */
static void test_p08(void** state) {
  struct stage stage;
  struct service other;
  struct secure secure;
  struct gcn__sim_listen_options sim = service_options();
  open_stage(&stage, *state, true, "");
  stage.options.retry_cap_ms = 700;
  secure_open(&secure);
  sim.tls = secure.tls;
  service_open(&other, *state, &sim);
  stage.gate.divert = gcn__sim_listen_port(other.listen);
  begin(&stage);
  await_failure(&stage);
  assert_int_equal(stage.user.failure, GCN_ETLSVERIFY);
  assert_int_equal(stage.user.failure_layer, GCN_LAYER_TLS);
  assert_non_null(strstr(stage.user.failure_text,
                         "issued by 'O=gcnotify, CN=gcnotify simulator CA'"));
  assert_in_range(stage.user.retry_in, 350, 700); /* slow: half a cap or more */
  assert_int_equal(service_counters(&other).requests, 0);
  assert_int_equal(gate_count(&stage.gate, "POST /oauth"), 0);
  stage.gate.divert = 0;
  close_stage(&stage);
  service_close(&other);
  secure_close(&secure);
}

static const char portal[] =
    " 200 header=\"Content-Type: text/html\" "
    "body=\"<html><h1>Welcome to the airport</h1></html>\"";

/* A page where an answer should be: told as such, without its text. */
static void expect_portal(uv_loop_t* loop, const char* request, int error) {
  char rule[256];
  struct stage stage;
  open_stage(&stage, loop, true, "");
  snprintf(rule, sizeof rule, "http.status %s%s", request, portal);
  service_do(&stage.service, rule);
  stage.user.log_wanted = "airport";
  begin(&stage);
  await_failure(&stage);
  assert_int_equal(stage.user.failure, error);
  assert_null(strstr(stage.user.failure_text, "airport"));
  assert_false(stage.user.log_seen); /* not even at the level of debugging */
  expect_recovery(&stage);
  close_stage(&stage);
}

static void test_p09(void** state) {
  expect_portal(*state, "POST /oauth/token", GCN_EPROTO);
  expect_portal(*state, "POST /api/v2/notifications/channels", GCN_EPROTO);
  expect_portal(*state, "GET /channels/*", GCN_ESTATUS);
}

/* The upgrade is answered like a page: the longest wait, because that does not
 * heal by itself. */
static void test_p10(void** state) {
  static const char* const statuses[] = {"426", "400", "200"};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    char rule[64];
    struct stage stage;
    open_stage(&stage, *state, true, "");
    stage.options.retry_cap_ms = 700;
    snprintf(rule, sizeof rule, "http.status GET /channels/* %s", statuses[i]);
    service_do(&stage.service, rule);
    begin(&stage);
    await_failure(&stage);
    assert_int_equal(stage.user.failure_op, GCN_OP_UPGRADE);
    assert_in_range(stage.user.retry_in, 350, 700);
    expect_recovery(&stage);
    close_stage(&stage);
  }
}

/* In the clear through the tunnel, so that all of it can be read. */
static void test_p11_plain(void** state) {
  struct stage stage;
  open_stage(&stage, *state, false, "user:pr0xy%40@");
  begin(&stage);
  harness_until(*state, &stage.user.streaming);
  /* "user:pr0xy@"; each CONNECT has it, and nothing else. */
  unsigned connects = gate_count(&stage.gate, "CONNECT 127.0.0.1:");
  assert_true(connects >= 2);
  assert_int_equal(gate_count(&stage.gate, "Proxy-Authorization:"), connects);
  assert_int_equal(
      gate_count(&stage.gate,
                 "Proxy-Authorization: Basic dXNlcjpwcjB4eUA=\r\n"),
      connects);
  assert_true(gate_count(&stage.gate, "Authorization: Bearer ") > 0);
  assert_int_equal(gate_count(&stage.gate, "pr0xy"), 0);
  close_stage(&stage);
}

/* The proxy sees its own login and no other one. */
static void test_p11_secure(void** state) {
  struct stage stage;
  open_stage(&stage, *state, true, "user:pr0xy%40@");
  begin(&stage);
  harness_until(*state, &stage.user.streaming);
  assert_true(gate_count(&stage.gate, "Proxy-Authorization: Basic ") >= 2);
  assert_int_equal(gate_count(&stage.gate, "Bearer"), 0);
  assert_int_equal(gate_count(&stage.gate, "\r\nAuthorization"), 0);
  assert_int_equal(gate_count(&stage.gate, "aWQ6czNjcjN0"), 0); /* id:s3cr3t */
  assert_int_equal(gate_count(&stage.gate, "s3cr3t"), 0);
  assert_int_equal(gate_count(&stage.gate, "/api/v2"), 0);
  close_stage(&stage);
}

#define ROW(text, function)                                                    \
  { text, function, harness_setup, harness_teardown, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ROW("P01 a 407 is final", test_p01),
      ROW("P02 403, 502, 503 and 504 are tried again", test_p02_status),
      ROW("P02 Retry-After is honoured", test_p02_retry_after),
      ROW("P03 bytes behind the reply are refused", test_p03),
      ROW("P04 an endless header", test_p04_endless),
      ROW("P04 a header of 16 KiB, and one byte more", test_p04_limit),
      ROW("P05 it closes in the CONNECT", test_p05),
      ROW("P06 HTTP/1.0 200", test_p06),
      ROW("P07 an idle cut between heartbeats", test_p07),
      ROW("P08 a proxy with an authority of its own", test_p08),
      ROW("P09 a captive portal", test_p09),
      ROW("P10 the upgrade is stripped", test_p10),
      ROW("P11 the proxy's login goes to the proxy only", test_p11_plain),
      ROW("P11 the proxy sees no other login", test_p11_secure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
