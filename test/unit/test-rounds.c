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

enum {
  ROUND_MS = 100,
  ROUNDS_MAX = 40,
  OUT_SIZE_MAX = 1 << 20,
  CALM_ROUNDS_MAX = 1000,
};

/* The service's side of one connection. */
struct peer {
  bool asked;        /* by the engine, ... */
  uint64_t asked_ms; /* ... then; it is there a round later */
  bool linked;
  struct gcn__tls* tls;
  struct gcn__buf out;
  struct gcn__sim_conn* conn;
};

struct place {
  const char* login_url;
  const char* api_url;
  const char* domain;
  const char* authority; /* of connectUri */
};

static const struct place region = {
    .login_url = "https://login.gc.test",
    .api_url = "https://api.gc.test",
    .domain = "gc.test",
    .authority = "streaming.gc.test",
};

struct stage {
  struct gcn__pki* pki;
  struct gcn__tls_config* server;
  struct gcn__tls_config* client;
  struct gcn__sim* sim;
  struct gcn__engine* engine;
  struct peer peers[GCN__WIRE_COUNT];
  uint64_t now_ms;
  unsigned dials;                          /* connections to a streaming host */
  char spare_host[GCN__HOST_SIZE_MAX + 1]; /* of the last spare */
  unsigned spare_drops;
  unsigned rotations;
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

static void open_stage(struct stage* stage, const struct place* place,
                       bool warm) {
  static const struct gcn__sim_client client = {"id", "s3cr3t"};
  static const char* const topics[] = {"v2.users.a.presence"};
  *stage = (struct stage){.now_ms = 1000};
  make_tls(stage);
  const struct gcn__sim_options service = {.start_ms = stage->now_ms,
                                           .clients = &client,
                                           .client_count = 1,
                                           .authority = place->authority,
                                           .any_topic = true};
  stage->sim = gcn__sim_new(&service);
  assert_non_null(stage->sim);
  struct gcn__engine_options options = {
      .mem = gcn__mem_libc,
      .settings = GCN__SETTINGS_DEFAULT,
      .tls = stage->client,
      .entropy = gcn__tls_config_entropy(stage->client),
      .login_url = place->login_url,
      .api_url = place->api_url,
      .domain = place->domain,
      .client_id = "id",
      .client_secret = "s3cr3t",
      .user_agent = "rounds",
  };
  if (warm) options.settings.spare_ms = 5000;
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

static void move_peer(struct stage* stage, enum gcn__wire_index to) {
  struct peer* spare = &stage->peers[GCN__WIRE_SPARE];
  assert_null(stage->peers[to].conn);
  stage->peers[to] = *spare;
  gcn__tls_redirect(spare->tls, &stage->peers[to].out);
  *spare = (struct peer){.asked = false};
}

static void note_spare(struct stage* stage, const struct gcn__effect* effect) {
  if (effect->wire != GCN__WIRE_SPARE) return;
  if (effect->kind == GCN__EFFECT_DROP) stage->spare_drops++;
  if (effect->kind != GCN__EFFECT_OPEN) return;
  snprintf(stage->spare_host, sizeof stage->spare_host, "%s",
           effect->open.host);
}

static void turn(struct stage* stage) {
  struct gcn__effect effect;
  while (gcn__engine_next(stage->engine, &effect)) {
    note_spare(stage, &effect);
    if (effect.kind == GCN__EFFECT_OPEN) begin_peer(stage, effect.wire);
    if (effect.kind == GCN__EFFECT_DROP) end_peer(stage, effect.wire);
    if (effect.kind == GCN__EFFECT_MOVE) move_peer(stage, effect.wire);
    if (effect.kind == GCN__EFFECT_STATE) stage->state = effect.transition.to;
    if (effect.kind == GCN__EFFECT_ROTATION) stage->rotations++;
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
  open_stage(&stage, &region, false);
  assert_int_equal(start(&stage), 5);
  assert_int_equal(stage.dials, 1);
  close_stage(&stage);
}

static void so_it_does_where_there_is_one_host(void** state) {
  (void)state;
  struct stage stage;
  const struct place one = {.login_url = "https://127.0.0.1:8443",
                            .api_url = "https://127.0.0.1:8443",
                            .authority = "127.0.0.1:8443"};
  open_stage(&stage, &one, false);
  assert_int_equal(start(&stage), 5);
  assert_int_equal(stage.dials, 1);
  close_stage(&stage);
}

/* TCP and TLS of the right host come on top. */
static void a_wrong_guess_costs_what_it_would_have_saved(void** state) {
  (void)state;
  struct stage stage;
  struct place other = region;
  other.authority = "other.gc.test";
  open_stage(&stage, &other, false);
  assert_int_equal(start(&stage), 7);
  assert_int_equal(stage.dials, 2);
  close_stage(&stage);
}

/* Behind a gateway nothing is known of the streaming host. */
static void no_guess_is_made_of_a_gateway(void** state) {
  (void)state;
  struct stage stage;
  struct place gateway = region;
  gateway.api_url = "https://gate.gc.test";
  open_stage(&stage, &gateway, false);
  assert_int_equal(start(&stage), 7);
  assert_int_equal(stage.dials, 1);
  close_stage(&stage);
}

static void lose_stream(struct stage* stage) {
  end_peer(stage, GCN__WIRE_STREAM);
  gcn__engine_ended(stage->engine, GCN__WIRE_STREAM, GCN__ECONNRESET,
                    GCN__LAYER_TCP, "cut", stage->now_ms);
  turn(stage);
  assert_int_equal(stage->state, GCN__STATE_BACKING_OFF);
}

/* The stream is cut; the wait is over at once. */
static unsigned cut_and_count(struct stage* stage) {
  lose_stream(stage);
  const struct gcn__session* session = gcn__engine_session(stage->engine, 0);
  stage->now_ms = session->deadlines_ms[GCN__TIMER_RETRY];
  gcn__engine_woken(stage->engine, stage->now_ms);
  turn(stage);
  assert_int_not_equal(stage->state, GCN__STATE_BACKING_OFF);
  return count_rounds(stage);
}

/* TCP, TLS, upgrade. */
static void a_reconnect_takes_three(void** state) {
  (void)state;
  struct stage stage;
  open_stage(&stage, &region, false);
  (void)start(&stage);
  assert_int_equal(cut_and_count(&stage), 3);
  close_stage(&stage);
}

/* A round in which the service and the engine do what is due, too. */
static void play_calm_round(struct stage* stage) {
  const struct gcn__span nothing = {"", 0};
  gcn__sim_tick(stage->sim, stage->now_ms);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    struct peer* peer = &stage->peers[i];
    if (peer->linked) answer(stage, peer, nothing);
  }
  play_round(stage);
  gcn__engine_woken(stage->engine, stage->now_ms);
  turn(stage);
}

static bool has_spare(const struct stage* stage) {
  return gcn__engine_settled(stage->engine, GCN__WIRE_SPARE);
}

static void await_spare(struct stage* stage) {
  unsigned count = 0;
  while (!has_spare(stage)) {
    assert_true(++count < CALM_ROUNDS_MAX);
    play_calm_round(stage);
  }
}

static const struct gcn__engine_counters* counters(const struct stage* stage) {
  return gcn__engine_counters(stage->engine);
}

/* The upgrade; and from the next spare again. */
static void from_a_spare_it_takes_one(void** state) {
  (void)state;
  struct stage stage;
  open_stage(&stage, &region, true);
  assert_int_equal(start(&stage), 5);
  for (unsigned i = 1; i <= 3; i++) {
    await_spare(&stage);
    assert_string_equal(stage.spare_host, "streaming.gc.test");
    assert_int_equal(counters(&stage)->spares, i);
    assert_int_equal(cut_and_count(&stage), 1);
    assert_int_equal(counters(&stage)->spares_used, i);
  }
  /* Each was made once, and none for nothing. */
  assert_int_equal(stage.dials, 1 + 3);
  assert_int_equal(counters(&stage)->spares_lost, 0);
  assert_int_equal(stage.spare_drops, 0);
  close_stage(&stage);
}

/* A bare end over TLS; the spare may have gone by the same cut.  The attempt
 * takes as long as without one. */
static void both_cut_it_takes_three(void** state) {
  (void)state;
  struct stage stage;
  open_stage(&stage, &region, true);
  (void)start(&stage);
  await_spare(&stage);
  end_peer(&stage, GCN__WIRE_SPARE);
  gcn__engine_ended(stage.engine, GCN__WIRE_SPARE, GCN__ECONNRESET,
                    GCN__LAYER_TCP, "cut", stage.now_ms);
  turn(&stage);
  assert_int_equal(stage.state, GCN__STATE_STREAMING);
  assert_int_equal(cut_and_count(&stage), 3);
  assert_int_equal(counters(&stage)->spares_lost, 1);
  assert_int_equal(counters(&stage)->spares_used, 0);
  close_stage(&stage);
}

/* It speaks in the turn in which the user wants the retry now: those bytes are
 * no answer to the upgrade, which goes over a new connection. */
static void what_it_says_is_no_answer(void** state) {
  static const char words[] = "HTTP/1.1 408 Request Timeout\r\n"
                              "Content-Length: 0\r\n\r\n";
  (void)state;
  struct stage stage;
  open_stage(&stage, &region, true);
  (void)start(&stage);
  await_spare(&stage);
  play_calm_round(&stage); /* the service has its Finished, too */
  lose_stream(&stage);
  struct peer* spare = &stage.peers[GCN__WIRE_SPARE];
  assert_int_equal(gcn__tls_write(spare->tls, gcn__span_str(words)), 0);
  gcn__engine_received(stage.engine, GCN__WIRE_SPARE,
                       gcn__buf_span(&spare->out), stage.now_ms);
  gcn__engine_command(stage.engine, GCN__COMMAND_HURRY, stage.now_ms);
  turn(&stage);
  assert_int_equal(count_rounds(&stage), 3);
  assert_int_equal(counters(&stage)->spares_lost, 1);
  assert_int_equal(counters(&stage)->spares_used, 0);
  assert_int_equal(counters(&stage)->attempts, 2);
  close_stage(&stage);
}

/* The successor's channel is at another host.  It does not take the spare,
 * which goes when nobody is at the old host any more; the next one is at the
 * new one. */
static void a_spare_follows_the_channel(void** state) {
  (void)state;
  struct stage stage;
  open_stage(&stage, &region, true);
  (void)start(&stage);
  await_spare(&stage);
  gcn__sim_set_authority(stage.sim, "other.gc.test");
  gcn__engine_command(stage.engine, GCN__COMMAND_ROTATE, stage.now_ms);
  turn(&stage);
  for (unsigned i = 0; stage.rotations == 0; i++) {
    assert_true(i < CALM_ROUNDS_MAX);
    assert_int_equal(stage.spare_drops, 0);
    play_calm_round(&stage);
  }
  assert_int_equal(counters(&stage)->spares_used, 0);
  assert_int_equal(stage.spare_drops, 1);
  assert_false(has_spare(&stage));
  await_spare(&stage);
  assert_string_equal(stage.spare_host, "other.gc.test");
  close_stage(&stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cold_start_takes_five),
      cmocka_unit_test(so_it_does_where_there_is_one_host),
      cmocka_unit_test(a_wrong_guess_costs_what_it_would_have_saved),
      cmocka_unit_test(no_guess_is_made_of_a_gateway),
      cmocka_unit_test(a_reconnect_takes_three),
      cmocka_unit_test(from_a_spare_it_takes_one),
      cmocka_unit_test(both_cut_it_takes_three),
      cmocka_unit_test(what_it_says_is_no_answer),
      cmocka_unit_test(a_spare_follows_the_channel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
