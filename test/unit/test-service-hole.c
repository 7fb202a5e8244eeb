/* SPDX-License-Identifier: MIT */
/*
 * The simulated service that does not answer: from the first packet on, during
 * TLS, after the 101, within a message, or only drop by drop.
 */
#include "sim-peer.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define ME       "/api/v2/tokens/me"
#define TOPIC    "v2.users.u.presence"
#define GREETING "{\"a\":1}"

static struct sim_world world;
static struct sim_link rest;
static struct sim_link stream;
static char token[SIM_TEXT_SIZE];
static char id[SIM_TEXT_SIZE];

static void inject(const char* rule) {
  char text[GCN__SCRIPT_TEXT_SIZE] = "";
  int error = gcn__sim_inject(world.sim, rule, world.now_ms, text);
  if (error != 0) fail_msg("%s: %s", rule, text);
  sim_world_pump(&world);
}

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  sim_world_open(&world, NULL);
  sim_link_open(&rest, &world);
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  assert_int_equal(sim_subscribe(&rest, token, id, TOPIC), 200);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  sim_link_close(&rest);
  sim_link_close(&stream);
  sim_world_close(&world);
  return 0;
}

static void dial(void) {
  sim_link_open(&stream, &world);
  stream.verdict = GCN__SIM_OPEN;
  sim_world_pump(&world);
}

static unsigned try_call(void) {
  return sim_call(&stream, "GET", ME, token, NULL);
}

static void a_connection_is_closed_at_once(void** state) {
  (void)state;
  inject("accept.close");
  dial();
  assert_int_equal(stream.verdict, GCN__SIM_CLOSE);
  assert_int_equal(try_call(), 0);
  sim_link_close(&stream);
  dial();
  assert_int_equal(stream.verdict, GCN__SIM_OPEN);
  assert_int_equal(try_call(), 200);
}

static void every_connection_is_reset_for_a_while(void** state) {
  (void)state;
  inject("at 0s for 540s accept.reset");
  for (int i = 0; i < 3; i++) {
    dial();
    assert_int_equal(stream.verdict, GCN__SIM_RESET);
    sim_link_close(&stream);
    sim_world_advance(&world, 179999);
  }
  assert_int_equal(sim_call(&rest, "GET", ME, token, NULL), 200);
  dial();
  assert_int_equal(stream.verdict, GCN__SIM_RESET);
  sim_link_close(&stream);
  sim_world_advance(&world, 3);
  dial();
  assert_int_equal(try_call(), 200);
}

static void a_connection_is_never_read(void** state) {
  (void)state;
  inject("accept.hang times=2");
  dial();
  assert_false(gcn__sim_reading(stream.conn));
  assert_int_equal(try_call(), 0);
  sim_link_close(&stream);
  dial();
  assert_false(gcn__sim_reading(stream.conn));
  sim_link_close(&stream);
  dial();
  assert_true(gcn__sim_reading(stream.conn));
  assert_int_equal(try_call(), 200);
}

/* To behave again does not bring the dead back. */
static void what_hangs_stays_so(void** state) {
  (void)state;
  inject("accept.hang");
  dial();
  gcn__sim_calm(world.sim);
  assert_true(gcn__sim_reading(stream.conn));
  assert_int_equal(try_call(), 0);
}

static void no_connection_lives_for_nine_minutes(void** state) {
  (void)state;
  dial();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  inject("at 10s for 540s tcp.reset then accept.close");
  sim_world_advance(&world, 10000);
  assert_int_equal(stream.verdict, GCN__SIM_RESET);
  sim_link_close(&stream);
  sim_world_advance(&world, 539999);
  dial();
  assert_int_equal(stream.verdict, GCN__SIM_CLOSE);
  sim_link_close(&stream);
  sim_world_advance(&world, 1);
  dial();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_int_equal(sim_world_counters(&world).faults, 2);
}

static void tls_is_never_answered(void** state) {
  (void)state;
  inject("tls.hang");
  dial();
  assert_true(gcn__sim_reading(stream.conn));
  assert_true(gcn__sim_tls_hung(stream.conn));
  assert_int_equal(try_call(), 0);
  sim_world_advance(&world, 100000);
  assert_int_equal(gcn__buf_size(&stream.in), 0);
  assert_int_equal(stream.verdict, GCN__SIM_OPEN);
  assert_false(gcn__sim_tls_hung(rest.conn));
}

static void tls_trickles_by_the_driver(void** state) {
  (void)state;
  inject("tls.trickle 20ms");
  dial();
  assert_int_equal(gcn__sim_tls_gap_ms(stream.conn), 20);
  assert_int_equal(gcn__sim_tls_gap_ms(rest.conn), 0);
  assert_int_equal(try_call(), 200);
}

static void nothing_follows_the_101(void** state) {
  (void)state;
  inject("after connect tcp.mute");
  dial();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  gcn__sim_emit(world.sim, TOPIC, GCN__SPAN(GREETING), world.now_ms);
  sim_say(&stream, GCN__WS_TEXT, "{\"message\":\"ping\"}");
  sim_world_advance(&world, 100000);
  assert_int_equal(gcn__buf_size(&stream.in), 0);
  assert_true(gcn__sim_reading(stream.conn));
  /* A peer that gives up must not be kept for ever. */
  gcn__sim_eof(stream.conn, world.now_ms);
  sim_world_pump(&world);
  assert_int_equal(stream.verdict, GCN__SIM_RESET);
}

static void silence_ends_with_its_rule(void** state) {
  (void)state;
  dial();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  inject("at 0s for 10s tcp.mute");
  gcn__sim_emit(world.sim, TOPIC, GCN__SPAN(GREETING), world.now_ms);
  sim_world_advance(&world, 9999);
  assert_int_equal(gcn__buf_size(&stream.in), 0);
  sim_world_advance(&world, 1);
  assert_true(sim_next_has(&stream, GREETING));
}

static void a_message_stops_in_its_middle(void** state) {
  (void)state;
  dial();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  gcn__sim_emit(world.sim, TOPIC, GCN__SPAN(GREETING), world.now_ms);
  sim_world_pump(&world);
  size_t whole = gcn__buf_size(&stream.in);
  inject("ws.stuck");
  gcn__sim_emit(world.sim, TOPIC, GCN__SPAN(GREETING), world.now_ms);
  gcn__sim_emit(world.sim, TOPIC, GCN__SPAN(GREETING), world.now_ms);
  sim_world_advance(&world, 100000);
  assert_int_equal(gcn__buf_size(&stream.in), whole + (whole + 1) / 2);
  gcn__sim_calm(world.sim);
  sim_world_pump(&world);
  assert_true(gcn__buf_size(&stream.in) > 3 * whole);
}

static void messages_come_drop_by_drop(void** state) {
  (void)state;
  dial();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  inject("ws.trickle 1s");
  gcn__sim_emit(world.sim, TOPIC, GCN__SPAN(GREETING), world.now_ms);
  sim_world_pump(&world);
  assert_int_equal(gcn__buf_size(&stream.in), 1);
  sim_world_advance(&world, 10000);
  assert_int_equal(gcn__buf_size(&stream.in), 11);
  for (size_t i = 1; i < stream.piece_count; i++) {
    if (i > 1) assert_int_equal(stream.pieces[i], 1);
  }
}

static void the_101_comes_drop_by_drop(void** state) {
  (void)state;
  inject("http.trickle GET /channels/* 1s");
  dial();
  assert_int_equal(sim_upgrade(&stream, id), 0);
  assert_int_equal(gcn__buf_size(&stream.in), 0); /* the reader has it */
  sim_world_advance(&world, 5000);
  assert_int_equal(gcn__buf_size(&stream.in), 5);
}

static void every_operation_can_hang(void** state) {
  (void)state;
  static const char* const rules[] = {
      "http.hang POST /oauth/token",
      "http.hang POST /api/v2/notifications/channels",
      "http.hang PUT /api/v2/notifications/channels/*/subscriptions",
      "http.hang GET /api/v2/notifications/channels/*/subscriptions",
      "http.hang GET /channels/*",
  };
  static const char* const methods[] = {"POST", "POST", "PUT", "GET", "GET"};
  char subscriptions[2 * SIM_TEXT_SIZE];
  char socket[2 * SIM_TEXT_SIZE];
  snprintf(subscriptions, sizeof subscriptions,
           "/api/v2/notifications/channels/%s/subscriptions", id);
  snprintf(socket, sizeof socket, "/channels/%s", id);
  const char* const targets[] = {"/oauth/token",
                                 "/api/v2/notifications/channels",
                                 subscriptions, subscriptions, socket};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    inject(rules[i]);
    dial();
    assert_int_equal(sim_call(&stream, methods[i], targets[i], token, "[]"), 0);
    sim_world_advance(&world, 1000);
    assert_int_equal(gcn__buf_size(&stream.in), 0);
    if (i + 1 < sizeof rules / sizeof rules[0]) sim_link_close(&stream);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_connection_is_closed_at_once),
      TEST(every_connection_is_reset_for_a_while),
      TEST(a_connection_is_never_read),
      TEST(what_hangs_stays_so),
      TEST(no_connection_lives_for_nine_minutes),
      TEST(tls_is_never_answered),
      TEST(tls_trickles_by_the_driver),
      TEST(nothing_follows_the_101),
      TEST(silence_ends_with_its_rule),
      TEST(a_message_stops_in_its_middle),
      TEST(messages_come_drop_by_drop),
      TEST(the_101_comes_drop_by_drop),
      TEST(every_operation_can_hang),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
