/* SPDX-License-Identifier: MIT */
/*
 * Expectations: each is met by a good client and failed by a bad one, and the
 * failure is told in words.
 */
#include "sim-peer.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define TOPIC    "v2.users.u.presence"
#define CHANNELS "/api/v2/notifications/channels"

static struct sim_world world;
static struct sim_link rest;
static struct sim_link stream;
static char token[SIM_TEXT_SIZE];
static char id[SIM_TEXT_SIZE];

static void begin(const char* script) {
  sim_world_init(&world);
  sim_world_open(&world, script);
  sim_link_open(&rest, &world);
  sim_link_open(&stream, &world);
}

static void stream_on(void) {
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  assert_int_equal(sim_subscribe(&rest, token, id, TOPIC), 200);
  assert_int_equal(sim_upgrade(&stream, id), 101);
}

static void come_back(void) {
  sim_link_close(&stream);
  sim_link_open(&stream, &world);
  assert_int_equal(sim_upgrade(&stream, id), 101);
}

static void finish(const char* failure, unsigned count) {
  const char* told = gcn__sim_failure(world.sim);
  assert_int_equal(sim_world_counters(&world).expects_failed, count);
  if (failure == NULL) assert_null(told);
  if (failure != NULL) assert_string_equal(told, failure);
  sim_link_close(&rest);
  sim_link_close(&stream);
  sim_world_close(&world);
}

static void reconnect_in_time(void** state) {
  (void)state;
  begin("at 10s tcp.reset\nexpect reconnect within 5s");
  stream_on();
  sim_world_advance(&world, 14999);
  come_back();
  sim_world_advance(&world, 100000);
  finish(NULL, 0);
}

static void reconnect_too_late(void** state) {
  (void)state;
  begin("at 10s tcp.reset\nexpect reconnect within 5s");
  stream_on();
  sim_world_advance(&world, 20000);
  come_back();
  sim_world_advance(&world, 100000);
  finish("line 2, 15000 ms: no WebSocket came back", 1);
}

static void leaving_is_no_loss(void** state) {
  (void)state;
  begin("expect reconnect within 5s");
  stream_on();
  sim_say_close(&stream, 1000);
  sim_world_advance(&world, 100000);
  finish(NULL, 0);
}

static void replaced_in_advance_is_no_loss(void** state) {
  (void)state;
  struct sim_link successor;
  char other[SIM_TEXT_SIZE];
  begin("at 10s ws.closing 20s\nexpect reconnect within 5s");
  stream_on();
  sim_world_advance(&world, 15000);
  sim_link_open(&successor, &world);
  sim_channel(&rest, token, other);
  assert_int_equal(sim_upgrade(&successor, other), 101);
  sim_world_advance(&world, 100000);
  assert_int_equal(sim_world_counters(&world).sockets_open, 1);
  assert_null(gcn__sim_failure(world.sim));
  sim_link_close(&successor);
  finish(NULL, 0);
}

static void connect_in_time(void** state) {
  (void)state;
  begin("expect connect within 2s");
  stream_on();
  sim_world_advance(&world, 10000);
  finish(NULL, 0);
  begin("expect connect within 2s");
  sim_world_advance(&world, 10000);
  finish("line 1, 2000 ms: no WebSocket came", 1);
}

static void subscribe_in_time(void** state) {
  (void)state;
  begin("expect subscribe within 2s");
  stream_on();
  sim_world_advance(&world, 10000);
  finish(NULL, 0);
  begin("expect subscribe within 2s");
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  sim_world_advance(&world, 10000);
  finish("line 1, 2000 ms: a new channel got no subscriptions", 1);
}

static void pong_in_time(void** state) {
  (void)state;
  begin("at 10s ws.ping\nexpect pong within 1s");
  stream_on();
  sim_world_advance(&world, 10000);
  sim_say(&stream, GCN__WS_PONG, "are you there");
  sim_world_advance(&world, 10000);
  finish(NULL, 0);
  begin("at 10s ws.ping\nexpect pong within 1s");
  stream_on();
  sim_world_advance(&world, 20000);
  finish("line 2, 11000 ms: a ping was not answered", 1);
}

static void not_too_many_calls(void** state) {
  (void)state;
  begin("expect no more-than 2 token calls per 10s\n"
        "expect no more-than 0 channel per 1s");
  sim_token(&rest, token);
  sim_world_advance(&world, 4000);
  sim_token(&rest, token);
  sim_world_advance(&world, 6000);
  sim_token(&rest, token);
  assert_null(gcn__sim_failure(world.sim));
  sim_world_advance(&world, 3999);
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  finish("line 1, 13999 ms: more than 2 token calls in 10000 ms", 2);
}

static void retry_after_honoured(void** state) {
  (void)state;
  begin("expect retry-after honoured\n"
        "http.status GET " CHANNELS " 503 retry-after=5");
  sim_token(&rest, token);
  gcn__sim_tick(world.sim, world.now_ms);
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 503);
  /* Other resources may be called. */
  assert_int_equal(sim_call(&rest, "GET", "/api/v2/tokens/me", token, NULL),
                   200);
  assert_null(gcn__sim_failure(world.sim));
  sim_world_advance(&world, 4000);
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 200);
  sim_world_advance(&world, 1000);
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 200);
  finish("line 1, 4000 ms: " CHANNELS " was called 1000 ms before Retry-After",
         1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reconnect_in_time),
      cmocka_unit_test(reconnect_too_late),
      cmocka_unit_test(leaving_is_no_loss),
      cmocka_unit_test(replaced_in_advance_is_no_loss),
      cmocka_unit_test(connect_in_time),
      cmocka_unit_test(subscribe_in_time),
      cmocka_unit_test(pong_in_time),
      cmocka_unit_test(not_too_many_calls),
      cmocka_unit_test(retry_after_honoured),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
