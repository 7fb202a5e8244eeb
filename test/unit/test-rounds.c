/* SPDX-License-Identifier: MIT */
/*
 * How many round trips a stream takes, counted, not timed: in each round all
 * that was sent reaches the other side, and its answers come back at once.  TCP
 * and TLS are rounds like any other; look-ups are not counted.
 */
#include "check.h"

#include "base/err.h"
#include "engine/engine.h"
#include "sim/pki.h"
#include "sim/service.h"

#include <stdio.h>

enum { ROUND_MS = 100, ROUNDS_MAX = 40, OUT_SIZE_MAX = 1 << 20 };

/* The service's side of one connection. */
struct peer {
  bool asked;        /* by the engine, ... */
  uint64_t asked_ms; /* ... then; it is there a round later */
  bool linked;
  struct gcn__tls* tls;
  struct gcn__buf out;
  struct gcn__sim_conn* conn;
};

struct stage {
  struct gcn__pki* pki;
  struct gcn__tls_config* server;
  struct gcn__tls_config* client;
  struct gcn__sim* sim;
  struct gcn__engine* engine;
  struct peer peers[GCN__WIRE_COUNT];
  uint64_t now_ms;
  unsigned dials; /* connections to a streaming host */
  enum gcn__state state;
};

static const char* const host_names[] = {"*.gc.test"};
static const char* const host_addresses[] = {"127.0.0.1"};

static void make_tls(struct stage* stage) {
  const struct gcn__pki_names leaf = {
      .dns = host_names, .dns_count = 1, .ip = host_addresses, .ip_count = 1};
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  char text[GCN__TLS_TEXT_SIZE];
  stage->pki = gcn__pki_new();
  assert_non_null(stage->pki);
  assert_int_equal(
      gcn__pki_issue(stage->pki, &leaf, GCN__PKI_SOUND, certificate, key), 0);
  assert_int_equal(
      gcn__tls_config_server(&gcn__mem_libc, gcn__span_str(certificate),
                             gcn__span_str(key), &stage->server, text),
      0);
  const struct gcn__tls_client_options options = {
      .ca_pem = gcn__span_str(gcn__pki_ca(stage->pki))};
  assert_int_equal(
      gcn__tls_config_client(&gcn__mem_libc, &options, &stage->client, text),
      0);
}

static void open_stage(struct stage* stage, const char* login_url,
                       const char* api_url, const char* domain,
                       const char* authority) {
  static const struct gcn__sim_client client = {"id", "s3cr3t"};
  static const char* const topics[] = {"v2.users.a.presence"};
  *stage = (struct stage){.now_ms = 1000};
  make_tls(stage);
  const struct gcn__sim_options service = {.start_ms = stage->now_ms,
                                           .clients = &client,
                                           .client_count = 1,
                                           .authority = authority,
                                           .any_topic = true};
  stage->sim = gcn__sim_new(&service);
  assert_non_null(stage->sim);
  const struct gcn__engine_options options = {
      .mem = gcn__mem_libc,
      .settings = GCN__SETTINGS_DEFAULT,
      .tls = stage->client,
      .entropy = gcn__tls_config_entropy(stage->client),
      .login_url = login_url,
      .api_url = api_url,
      .domain = domain,
      .client_id = "id",
      .client_secret = "s3cr3t",
      .user_agent = "rounds",
  };
  assert_int_equal(gcn__engine_new(&options, &stage->engine), 0);
  assert_int_equal(gcn__engine_topics_add(stage->engine, topics, 1), 0);
}

static void end_peer(struct stage* stage, enum gcn__wire_index wire) {
  struct peer* peer = &stage->peers[wire];
  if (peer->conn != NULL) gcn__sim_drop(peer->conn, stage->now_ms);
  gcn__tls_free(peer->tls);
  gcn__buf_deinit(&peer->out);
  *peer = (struct peer){.asked = false};
}

static void close_stage(struct stage* stage) {
  gcn__engine_free(stage->engine);
  for (int i = 0; i < GCN__WIRE_COUNT; i++)
    end_peer(stage, (enum gcn__wire_index)i);
  gcn__sim_free(stage->sim);
  gcn__tls_config_release(stage->client);
  gcn__tls_config_release(stage->server);
  gcn__pki_free(stage->pki);
}

static void begin_peer(struct stage* stage, enum gcn__wire_index wire) {
  struct peer* peer = &stage->peers[wire];
  assert_null(peer->conn);
  peer->asked = true;
  peer->asked_ms = stage->now_ms;
  gcn__buf_init(&peer->out, &gcn__mem_libc, OUT_SIZE_MAX);
  peer->conn = gcn__sim_accept(stage->sim, NULL, stage->now_ms);
  assert_non_null(peer->conn);
  assert_int_equal(
      gcn__tls_new(stage->server, &gcn__mem_libc, NULL, &peer->out, &peer->tls),
      0);
  if (gcn__wire_role(wire) == GCN__WIRE_STREAM) stage->dials++;
}

static void turn(struct stage* stage) {
  struct gcn__effect effect;
  while (gcn__engine_next(stage->engine, &effect)) {
    if (effect.kind == GCN__EFFECT_OPEN) begin_peer(stage, effect.wire);
    if (effect.kind == GCN__EFFECT_DROP) end_peer(stage, effect.wire);
    if (effect.kind == GCN__EFFECT_STATE) stage->state = effect.transition.to;
  }
  gcn__engine_settle(stage->engine);
}

/* What the service says to what it was sent. */
static void answer(struct stage* stage, struct peer* peer,
                   struct gcn__span bytes) {
  char plain[16384];
  size_t used = 0;
  do {
    assert_int_equal(
        gcn__tls_read(peer->tls, &bytes, plain, sizeof plain, &used), 0);
    gcn__sim_receive(peer->conn, gcn__span(plain, used), stage->now_ms);
  } while (used > 0);
  struct gcn__span said = gcn__sim_output(peer->conn, stage->now_ms);
  while (said.size > 0) {
    assert_int_equal(gcn__tls_write(peer->tls, said), 0);
    gcn__sim_sent(peer->conn, said.size, stage->now_ms);
    said = gcn__sim_output(peer->conn, stage->now_ms);
  }
}

/* Half a round: what the engine has sent is there. */
static void go_there(struct stage* stage, enum gcn__wire_index wire) {
  struct peer* peer = &stage->peers[wire];
  struct gcn__span bytes = gcn__engine_output(stage->engine, wire);
  if (!peer->linked || bytes.size == 0) return;
  answer(stage, peer, bytes);
  gcn__engine_sent(stage->engine, wire, bytes.size);
}

/* The other half: what was said to it is here. */
static void come_back(struct stage* stage, enum gcn__wire_index wire) {
  struct peer* peer = &stage->peers[wire];
  if (!peer->asked || peer->asked_ms == stage->now_ms) return;
  if (!peer->linked) {
    peer->linked = true;
    gcn__engine_linked(stage->engine, wire, stage->now_ms);
  } else if (gcn__buf_size(&peer->out) > 0) {
    struct gcn__buf bytes = peer->out;
    gcn__buf_init(&peer->out, &gcn__mem_libc, OUT_SIZE_MAX);
    gcn__engine_received(stage->engine, wire, gcn__buf_span(&bytes),
                         stage->now_ms);
    turn(stage);
    gcn__buf_deinit(&bytes);
  }
  turn(stage);
}

static void play_round(struct stage* stage) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++)
    go_there(stage, (enum gcn__wire_index)i);
  stage->now_ms += ROUND_MS;
  for (int i = 0; i < GCN__WIRE_COUNT; i++)
    come_back(stage, (enum gcn__wire_index)i);
}

static unsigned count_rounds(struct stage* stage) {
  unsigned count = 0;
  while (stage->state != GCN__STATE_STREAMING) {
    assert_true(++count < ROUNDS_MAX);
    play_round(stage);
  }
  return count;
}

static unsigned start(struct stage* stage) {
  gcn__engine_command(stage->engine, GCN__COMMAND_START, stage->now_ms);
  turn(stage);
  return count_rounds(stage);
}

/* TCP; TLS; token; channel; upgrade and topics. */
static void a_cold_start_takes_five(void** state) {
  (void)state;
  struct stage stage;
  open_stage(&stage, "https://login.gc.test", "https://api.gc.test", "gc.test",
             "streaming.gc.test");
  assert_int_equal(start(&stage), 5);
  assert_int_equal(stage.dials, 1);
  close_stage(&stage);
}

static void so_it_does_where_there_is_one_host(void** state) {
  (void)state;
  struct stage stage;
  open_stage(&stage, "https://127.0.0.1:8443", "https://127.0.0.1:8443", NULL,
             "127.0.0.1:8443");
  assert_int_equal(start(&stage), 5);
  assert_int_equal(stage.dials, 1);
  close_stage(&stage);
}

/* TCP and TLS of the right host come on top. */
static void a_wrong_guess_costs_what_it_would_have_saved(void** state) {
  (void)state;
  struct stage stage;
  open_stage(&stage, "https://login.gc.test", "https://api.gc.test", "gc.test",
             "other.gc.test");
  assert_int_equal(start(&stage), 7);
  assert_int_equal(stage.dials, 2);
  close_stage(&stage);
}

/* Behind a gateway nothing is known of the streaming host. */
static void no_guess_is_made_of_a_gateway(void** state) {
  (void)state;
  struct stage stage;
  open_stage(&stage, "https://login.gc.test", "https://gate.gc.test", "gc.test",
             "streaming.gc.test");
  assert_int_equal(start(&stage), 7);
  assert_int_equal(stage.dials, 1);
  close_stage(&stage);
}

/* TCP, TLS, upgrade. */
static void a_reconnect_takes_three(void** state) {
  (void)state;
  struct stage stage;
  open_stage(&stage, "https://login.gc.test", "https://api.gc.test", "gc.test",
             "streaming.gc.test");
  (void)start(&stage);
  end_peer(&stage, GCN__WIRE_STREAM);
  gcn__engine_ended(stage.engine, GCN__WIRE_STREAM, GCN__ECONNRESET,
                    GCN__LAYER_TCP, "cut", stage.now_ms);
  turn(&stage);
  assert_int_equal(stage.state, GCN__STATE_BACKING_OFF);
  stage.now_ms = gcn__engine_deadline(stage.engine);
  gcn__engine_woken(stage.engine, stage.now_ms);
  turn(&stage);
  assert_int_equal(stage.state, GCN__STATE_CONNECTING);
  assert_int_equal(count_rounds(&stage), 3);
  close_stage(&stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cold_start_takes_five),
      cmocka_unit_test(so_it_does_where_there_is_one_host),
      cmocka_unit_test(a_wrong_guess_costs_what_it_would_have_saved),
      cmocka_unit_test(no_guess_is_made_of_a_gateway),
      cmocka_unit_test(a_reconnect_takes_three),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
