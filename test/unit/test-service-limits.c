/* SPDX-License-Identifier: MIT */
/*
 * Limits that scripts change, channels that end, and subscriptions that the
 * simulated service loses.
 */
#include "sim-peer.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define CHANNELS "/api/v2/notifications/channels"
#define ME       "/api/v2/tokens/me"
#define A        "v2.users.a?presence&activity"
#define B        "v2.users.b.presence"
#define C        "v2.users.c.presence"

static struct sim_world world;
static struct sim_link rest;
static struct sim_link stream;
static char token[SIM_TEXT_SIZE];
static char id[SIM_TEXT_SIZE];

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  sim_world_open(&world, NULL);
  sim_link_open(&rest, &world);
  sim_link_open(&stream, &world);
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  sim_link_close(&rest);
  sim_link_close(&stream);
  sim_world_close(&world);
  return 0;
}

static void inject(const char* rule) {
  char text[GCN__SCRIPT_TEXT_SIZE] = "";
  int error = gcn__sim_inject(world.sim, rule, world.now_ms, text);
  if (error != 0) fail_msg("%s: %s", rule, text);
  sim_world_pump(&world);
}

static unsigned subscriptions(const char* method, const char* body) {
  char target[2 * SIM_TEXT_SIZE];
  snprintf(target, sizeof target, CHANNELS "/%s/subscriptions", id);
  return sim_call(&rest, method, target, token, body);
}

static unsigned probe(void) {
  char target[2 * SIM_TEXT_SIZE];
  snprintf(target, sizeof target, CHANNELS "/%s", id);
  return sim_call(&rest, "HEAD", target, token, NULL);
}

static void emit(const char* topic) {
  gcn__sim_emit(world.sim, topic, GCN__SPAN("{}"), world.now_ms);
  sim_world_pump(&world);
}

static void subscribe_to_all(void) {
  assert_int_equal(subscriptions("PUT",
                                 "[{\"id\":\"" A "\"},{\"id\":\"" B "\"},"
                                 "{\"id\":\"" C "\"}]"),
                   200);
  assert_int_equal(sim_upgrade(&stream, id), 101);
}

static void drift_is_silent(void** state) {
  (void)state;
  subscribe_to_all();
  inject("topic.drift 2");
  assert_int_equal(gcn__buf_size(&stream.in), 0);
  assert_int_equal(sim_world_counters(&world).subscriptions_drifted, 2);
  assert_int_equal(subscriptions("GET", NULL), 200);
  assert_false(sim_answer_has(&rest, "v2.users.a"));
  assert_false(sim_answer_has(&rest, B));
  assert_true(sim_answer_has(&rest, C));
  emit("v2.users.a.presence");
  emit("v2.users.a.activity");
  emit(B);
  assert_int_equal(gcn__buf_size(&stream.in), 0);
  emit(C);
  assert_true(sim_next_has(&stream, C));
  assert_int_equal(subscriptions("POST", "[{\"id\":\"" B "\"}]"), 200);
  emit(B);
  assert_true(sim_next_has(&stream, B));
}

static void drift_takes_what_it_is_told(void** state) {
  (void)state;
  subscribe_to_all();
  inject("topic.drift 5 \"*.b.*\"");
  assert_int_equal(sim_world_counters(&world).subscriptions_drifted, 1);
  emit(B);
  assert_int_equal(gcn__buf_size(&stream.in), 0);
  emit("v2.users.a.activity");
  assert_true(sim_next_has(&stream, "v2.users.a.activity"));
}

/* A rule that one connection's event fired concerns its channel only. */
static void drift_may_concern_one_channel(void** state) {
  (void)state;
  char first[SIM_TEXT_SIZE];
  subscribe_to_all();
  memcpy(first, id, sizeof first);
  sim_channel(&rest, token, id);
  assert_int_equal(subscriptions("PUT", "[{\"id\":\"" B "\"}]"), 200);
  inject("after event 1 topic.drift 9");
  emit(C);
  assert_int_equal(sim_world_counters(&world).subscriptions_drifted, 3);
  assert_int_equal(subscriptions("GET", NULL), 200);
  assert_true(sim_answer_has(&rest, B));
  memcpy(id, first, sizeof first);
  assert_int_equal(subscriptions("GET", NULL), 200);
  assert_false(sim_answer_has(&rest, "v2."));
}

/* Another entry may name the same topic. */
static void drift_spares_what_is_named_twice(void** state) {
  (void)state;
  assert_int_equal(subscriptions("PUT", "[{\"id\":\"v2.users.a.presence\"},"
                                        "{\"id\":\"" A "\"}]"),
                   200);
  assert_int_equal(sim_upgrade(&stream, id), 101);
  inject("topic.drift 1");
  emit("v2.users.a.presence");
  assert_true(sim_next_has(&stream, "v2.users.a.presence"));
}

static uint64_t lost_events;

static void on_event(void* ctx, const struct gcn__sim_event* event) {
  (void)ctx;
  if (!event->sent) lost_events++;
}

/* The topic goes on: the events that nobody gets are the ones to be missed. */
static void drift_does_not_stop_the_world(void** state) {
  (void)state;
  struct sim_world other;
  struct sim_link link;
  sim_world_init(&other);
  other.options.events_per_ks = 1000;
  other.options.hooks.event = on_event;
  sim_world_open(&other, "at 5s topic.drift 1");
  sim_link_open(&link, &other);
  char own[SIM_TEXT_SIZE];
  char channel[SIM_TEXT_SIZE];
  sim_token(&link, own);
  sim_channel(&link, own, channel);
  assert_int_equal(sim_subscribe(&link, own, channel, B), 200);
  sim_world_advance(&other, 4500);
  lost_events = 0;
  sim_world_advance(&other, 10000);
  assert_int_equal(lost_events, 10);
  sim_link_close(&link);
  sim_world_close(&other);
}

static void bodies_are_limited(void** state) {
  (void)state;
  inject("at 0s for 10s limit.body 40");
  assert_int_equal(subscriptions("PUT", "[{\"id\":\"" B "\"}]"), 200);
  assert_int_equal(
      subscriptions("POST", "[{\"id\":\"" A "\"},{\"id\":\"" C "\"}]"), 413);
  assert_true(sim_answer_has(&rest, "\"request.entity.too.large\""));
  assert_int_equal(subscriptions("GET", NULL), 200);
  assert_false(sim_answer_has(&rest, C));
  sim_world_advance(&world, 10000);
  assert_int_equal(
      subscriptions("POST", "[{\"id\":\"" A "\"},{\"id\":\"" C "\"}]"), 200);
}

static void rest_calls_are_limited(void** state) {
  (void)state;
  sim_world_advance(&world, 60000);
  inject("at 0s for 50s limit.rest 3");
  for (int i = 0; i < 3; i++) {
    assert_int_equal(sim_call(&rest, "GET", ME, token, NULL), 200);
  }
  struct gcn__span left =
      gcn__http_header(rest.http, "inin-ratelimit-allowed", NULL);
  assert_true(gcn__span_is(left, "3"));
  assert_int_equal(sim_call(&rest, "GET", ME, token, NULL), 429);
  sim_world_advance(&world, 50000);
  assert_int_equal(sim_call(&rest, "GET", ME, token, NULL), 200);
}

static void channels_and_topics_are_limited(void** state) {
  (void)state;
  char other[SIM_TEXT_SIZE];
  inject("limit.topics 1 then limit.channels 1");
  assert_int_equal(subscriptions("PUT", "[{\"id\":\"" B "\"}]"), 200);
  assert_int_equal(subscriptions("POST", "[{\"id\":\"" C "\"}]"), 400);
  sim_channel(&rest, token, other);
  assert_int_equal(sim_world_counters(&world).channels_evicted, 1);
  assert_int_equal(probe(), 404);
}

static void a_socket_closes_but_its_channel_stays(void** state) {
  (void)state;
  subscribe_to_all();
  inject("ws.closing");
  assert_true(sim_next_has(&stream, "v2.system.socket_closing"));
  sim_world_advance(&world, 59999);
  emit(B);
  sim_world_advance(&world, 1);
  assert_int_equal(sim_next_close(&stream), 1001);
  assert_int_equal(probe(), 200);
}

static void a_channel_closes_with_its_socket(void** state) {
  (void)state;
  subscribe_to_all();
  inject("channel.closing 20s");
  assert_true(sim_next_has(&stream, "v2.system.socket_closing"));
  assert_int_equal(probe(), 200);
  sim_world_advance(&world, 19999);
  emit(B);
  assert_true(sim_next_has(&stream, B));
  assert_int_equal(subscriptions("PUT", "[]"), 200); /* no extension */
  sim_world_advance(&world, 1);
  assert_int_equal(sim_next_close(&stream), 1001);
  assert_int_equal(probe(), 404);
  assert_int_equal(sim_world_counters(&world).channels_expired, 0);
}

/* Leaving early does not save the channel. */
static void a_doomed_channel_ends_without_its_socket(void** state) {
  (void)state;
  subscribe_to_all();
  inject("channel.closing 20s");
  sim_say_close(&stream, 1000);
  sim_world_advance(&world, 19999);
  assert_int_equal(probe(), 200);
  sim_world_advance(&world, 1);
  assert_int_equal(probe(), 404);
}

static void channel_life_counts_from_the_last_change(void** state) {
  (void)state;
  inject("channel.life 60s");
  assert_int_equal(subscriptions("PUT", "[{\"id\":\"" B "\"}]"), 200);
  sim_world_advance(&world, 50000);
  assert_int_equal(subscriptions("POST", "[]"), 200);
  sim_world_advance(&world, 59999);
  assert_int_equal(probe(), 200);
  sim_world_advance(&world, 1);
  assert_int_equal(probe(), 404);
  assert_int_equal(sim_world_counters(&world).channels_expired, 1);
}

static void the_first_socket_yields_to_the_second(void** state) {
  (void)state;
  struct sim_link second;
  subscribe_to_all();
  sim_link_open(&second, &world);
  assert_int_equal(sim_upgrade(&second, id), 101);
  assert_int_equal(sim_next_close(&stream), 1001);
  assert_int_equal(sim_world_counters(&world).sockets_replaced, 1);
  emit(B);
  assert_true(sim_next_has(&second, B));
  sim_link_close(&second);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(drift_is_silent),
      TEST(drift_takes_what_it_is_told),
      TEST(drift_may_concern_one_channel),
      TEST(drift_spares_what_is_named_twice),
      TEST(drift_does_not_stop_the_world),
      TEST(bodies_are_limited),
      TEST(rest_calls_are_limited),
      TEST(channels_and_topics_are_limited),
      TEST(a_socket_closes_but_its_channel_stays),
      TEST(a_channel_closes_with_its_socket),
      TEST(a_doomed_channel_ends_without_its_socket),
      TEST(channel_life_counts_from_the_last_change),
      TEST(the_first_socket_yields_to_the_second),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
