/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions of the simulated service: add and replace, refusals whole and
 * in part, combined ids, limits, and the in-socket form.
 */
#include "sim-peer.h"

#include "sim/topics.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim_world world;
static struct sim_link rest;
static struct sim_link stream;
static char token[SIM_TEXT_SIZE];
static char id[SIM_TEXT_SIZE];

static const struct gcn__sim_forbidden forbidden[] = {
    {"v2.users.*.tokens", "oauth:token:view"},
};

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  world.options.forbidden = forbidden;
  world.options.forbidden_count = 1;
  world.options.rest_per_min_max = GCN__NEVER;
  sim_world_open(&world, "on topic v2.users.bad.* reject 400 \"no\"");
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

static unsigned subscriptions(const char* method, const char* query,
                              const char* body) {
  char target[2 * SIM_TEXT_SIZE];
  snprintf(target, sizeof target,
           "/api/v2/notifications/channels/%s/subscriptions%s", id, query);
  return sim_call(&rest, method, target, token, body);
}

/* Anybody listening to the topic, and how often each event is sent. */
static uint64_t sent_by(const char* topic) {
  uint64_t before = sim_world_counters(&world).events_sent;
  gcn__sim_emit(world.sim, topic, GCN__SPAN("{}"), world.now_ms);
  sim_world_pump(&world);
  return sim_world_counters(&world).events_sent - before;
}

static void put_replaces_and_post_adds(void** state) {
  (void)state;
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_int_equal(subscriptions("PUT", "",
                                 "[{\"id\":\"v2.users.a.presence\","
                                 "\"state\":\"Permitted\"}]"),
                   200);
  assert_true(sim_answer_has(&rest, "{\"id\":\"v2.users.a.presence\","
                                    "\"state\":\"Permitted\",\"selfUri\""));
  assert_int_equal(subscriptions("POST", "",
                                 "[{\"id\":\"v2.users.b.presence\"},"
                                 "{\"id\":\"V2.users.A.presence\"}]"),
                   200);
  assert_int_equal(subscriptions("GET", "", NULL), 200);
  assert_true(sim_answer_has(&rest, "v2.users.a.presence"));
  assert_true(sim_answer_has(&rest, "v2.users.b.presence"));
  assert_int_equal(sent_by("v2.users.a.presence"), 1);
  assert_int_equal(
      subscriptions("PUT", "", "[{\"id\":\"v2.users.b.presence\"}]"), 200);
  assert_int_equal(sent_by("v2.users.a.presence"), 0);
  assert_int_equal(sent_by("v2.users.b.presence"), 1);
  assert_int_equal(subscriptions("PUT", "", "[]"), 200);
  assert_int_equal(sent_by("v2.users.b.presence"), 0);
}

static void delete_clears(void** state) {
  (void)state;
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_int_equal(sim_subscribe(&rest, token, id, "v2.users.a.presence"), 200);
  assert_int_equal(subscriptions("DELETE", "", NULL), 200);
  assert_int_equal(sent_by("v2.users.a.presence"), 0);
  assert_int_equal(subscriptions("GET", "", NULL), 200);
  assert_true(sim_answer_has(&rest, "{\"entities\":[]}"));
}

static void refusal_changes_nothing(void** state) {
  (void)state;
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_int_equal(sim_subscribe(&rest, token, id, "v2.users.a.presence"), 200);
  assert_int_equal(subscriptions("PUT", "?ignoreErrors=false",
                                 "[{\"id\":\"v2.users.b.presence\"},"
                                 "{\"id\":\"v2.users.b.tokens\"}]"),
                   403);
  assert_true(sim_answer_has(&rest, "\"code\":\"missing.permissions\""));
  assert_true(sim_answer_has(&rest, "oauth:token:view"));
  assert_int_equal(subscriptions("PUT", "", "[{\"id\":\"v2.nothing\"}]"), 400);
  assert_int_equal(sent_by("v2.users.a.presence"), 1);
  assert_int_equal(sent_by("v2.users.b.presence"), 0);
}

static void lenient_request_names_the_rejected(void** state) {
  (void)state;
  assert_int_equal(subscriptions("PUT", "?ignoreErrors=true",
                                 "[{\"id\":\"v2.users.b.presence\"},"
                                 "{\"id\":\"v2.users.b.tokens\"},"
                                 "{\"id\":\"v2.users.bad.presence\"},"
                                 "{\"id\":\"v2.nothing\"}]"),
                   200);
  assert_true(sim_answer_has(
      &rest, "{\"id\":\"v2.users.b.tokens\",\"state\":\"Rejected\","
             "\"rejectionReason\":\"Missing permission(s)\","
             "\"missingPermissions\":[\"oauth:token:view\"]}"));
  assert_true(sim_answer_has(&rest, "{\"id\":\"v2.nothing\",\"state\":"
                                    "\"Rejected\""));
  assert_true(sim_answer_has(&rest, "{\"id\":\"v2.users.bad.presence\","
                                    "\"state\":\"Rejected\""));
  assert_int_equal(subscriptions("GET", "", NULL), 200);
  assert_false(sim_answer_has(&rest, "tokens"));
}

static void combined_id_is_many_topics(void** state) {
  (void)state;
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_int_equal(
      sim_subscribe(&rest, token, id, "v2.users.a?presence&routingStatus"),
      200);
  assert_int_equal(sent_by("v2.users.a.presence"), 1);
  assert_true(sim_next_has(&stream, "\"topicName\":\"v2.users.a.presence\""));
  assert_int_equal(sent_by("v2.users.a.routingStatus"), 1);
  assert_int_equal(sent_by("v2.users.a.activity"), 0);
  /* The same topic twice is one event. */
  assert_int_equal(
      subscriptions("POST", "", "[{\"id\":\"v2.users.a.presence\"}]"), 200);
  assert_int_equal(sent_by("v2.users.a.presence"), 1);
}

static void combined_id_is_refused_in_part(void** state) {
  (void)state;
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_int_equal(
      sim_subscribe(&rest, token, id, "v2.users.a?presence&tokens"), 403);
  assert_int_equal(subscriptions("PUT", "?ignoreErrors=true",
                                 "[{\"id\":\"v2.users.a?presence&tokens\"}]"),
                   200);
  assert_true(sim_answer_has(
      &rest, "{\"id\":\"v2.users.a?presence&tokens\",\"state\":\"Permitted\""));
  assert_true(sim_answer_has(
      &rest, "{\"id\":\"v2.users.a.tokens\",\"state\":\"Rejected\""));
  assert_int_equal(sent_by("v2.users.a.presence"), 1);
  assert_int_equal(sent_by("v2.users.a.tokens"), 0);
}

/* `count` topics in one body. */
static char* many_topics(size_t from, size_t count) {
  size_t size = 2 + count * 64;
  char* body = malloc(size);
  assert_non_null(body);
  size_t used = (size_t)snprintf(body, size, "[");
  for (size_t i = 0; i < count; i++) {
    used += (size_t)snprintf(body + used, size - used,
                             "%s{\"id\":\"v2.users.u%zu.presence\"}",
                             i == 0 ? "" : ",", from + i);
  }
  snprintf(body + used, size - used, "]");
  return body;
}

static void has_room_for_a_thousand(void** state) {
  (void)state;
  char* most = many_topics(0, 1000);
  char* more = many_topics(0, 1001);
  char* again = many_topics(500, 500);
  char* other = many_topics(1000, 1);
  assert_int_equal(subscriptions("PUT", "", more), 400);
  assert_int_equal(subscriptions("PUT", "", most), 200);
  assert_int_equal(subscriptions("POST", "", again), 200);
  assert_int_equal(subscriptions("POST", "", other), 400);
  assert_int_equal(subscriptions("PUT", "", other), 200);
  free(most);
  free(more);
  free(again);
  free(other);
}

static void refuses_bodies(void** state) {
  (void)state;
  char name[260];
  char body[300];
  assert_int_equal(subscriptions("PUT", "", "{}"), 400);
  assert_int_equal(subscriptions("PUT", "", "[1]"), 400);
  assert_int_equal(subscriptions("PUT", "", "[{\"id\":1}]"), 400);
  assert_int_equal(subscriptions("PUT", "", "[{\"id\":\"\"}]"), 400);
  assert_int_equal(subscriptions("PUT", "", "["), 400);
  assert_int_equal(subscriptions("PUT", "", NULL), 415);
  snprintf(name, sizeof name, "v2.users.%0*d.presence", 182, 0);
  assert_int_equal(strlen(name), 200);
  snprintf(body, sizeof body, "[{\"id\":\"%s\"}]", name);
  assert_int_equal(subscriptions("PUT", "", body), 400);
  assert_int_equal(sim_subscribe(&rest, token, id, name + 1), 400);
  snprintf(name, sizeof name, "v2.users.%0*d.presence", 181, 0);
  assert_int_equal(sim_subscribe(&rest, token, id, name), 200);
}

static void takes_commands_in_the_socket(void** state) {
  (void)state;
  assert_int_equal(sim_upgrade(&stream, id), 101);
  sim_say(&stream, GCN__WS_TEXT,
          "{\"message\":\"subscribe\",\"topics\":[\"v2.users.a.presence\"],"
          "\"correlationId\":\"x\"}");
  assert_true(sim_next_has(&stream, "{\"result\":\"200\",\"status\":"
                                    "\"subscribed\",\"correlationId\":\"x\"}"));
  assert_int_equal(sent_by("v2.users.a.presence"), 1);
  assert_true(sim_next_has(&stream, "v2.users.a.presence"));
  sim_say(&stream, GCN__WS_TEXT,
          "{\"message\":\"subscribe\",\"topics\":[\"v2.users.a.tokens\"]}");
  assert_true(sim_next_has(&stream, "{\"result\":\"403\",\"status\":"
                                    "\"failure\""));
  sim_say(&stream, GCN__WS_TEXT, "{\"message\":\"subscribe\",\"topics\":[]}");
  assert_true(sim_next_has(&stream, "\"result\":\"400\""));
  sim_say(&stream, GCN__WS_TEXT, "{\"message\":\"subscribe\",\"topics\":[1]}");
  assert_true(sim_next_has(&stream, "\"result\":\"400\""));
  sim_say(&stream, GCN__WS_TEXT,
          "{\"message\":\"unsubscribe\",\"topics\":[\"v2.users.a.presence\"]}");
  assert_true(sim_next_has(&stream, "\"status\":\"unsubscribed\""));
  assert_int_equal(sent_by("v2.users.a.presence"), 0);
}

static void loses_topics(void** state) {
  (void)state;
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_int_equal(sim_subscribe(&rest, token, id, "v2.users.a.presence"), 200);
  assert_int_equal(
      gcn__sim_inject(world.sim, "topic.lose v2.users.*", world.now_ms, NULL),
      0);
  sim_world_pump(&world);
  assert_true(sim_next_has(&stream, "\"reason\":"
                                    "\"another_channel_subscribed\""));
  assert_int_equal(sent_by("v2.users.a.presence"), 0);
}

struct topic_case {
  const char* id;
  bool valid;
  const char* parts; /* separated by blanks */
};

static void knows_the_shape_of_names(void** state) {
  (void)state;
  static const struct topic_case cases[] = {
      {"a", true, "a"},
      {"a.b", true, "a.b"},
      {"a.b?c", true, "a.b.c"},
      {"a?b&c&d", true, "a.b a.c a.d"},
      {"a?b.c&d", true, "a.b.c a.d"},
      {"", false, ""},
      {".a", false, ""},
      {"a.", false, ""},
      {"a..b", false, ""},
      {"a?", false, ""},
      {"a?b&", false, ""},
      {"a?&b", false, ""},
      {"a&b", false, ""},
      {"a?b?c", false, ""},
      {"a b", false, ""},
      {"a\tb", false, ""},
      {"\xc3\xa9", false, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct gcn__span name = gcn__span_str(cases[i].id);
    char parts[256] = "";
    char part[GCN__SIM_TOPIC_SIZE_MAX];
    for (size_t j = 0; gcn__sim_topic_part(name, j, part); j++) {
      size_t used = strlen(parts);
      snprintf(parts + used, sizeof parts - used, "%s%s", j == 0 ? "" : " ",
               part);
    }
    assert_true(gcn__sim_topic_valid(name) == cases[i].valid);
    assert_string_equal(parts, cases[i].parts);
  }
}

static void made_up_topics_are_known(void** state) {
  (void)state;
  char first[GCN__SIM_TOPIC_SIZE_MAX];
  char again[GCN__SIM_TOPIC_SIZE_MAX];
  size_t count = gcn__sim_template_count();
  for (size_t i = 0; i < 2 * count; i++) {
    gcn__sim_topic(7, i, first);
    gcn__sim_topic(7, i, again);
    assert_string_equal(first, again);
    assert_ptr_equal(gcn__sim_template_of(gcn__span_str(first)),
                     gcn__sim_template_at(i % count));
    assert_int_equal(gcn__sim_topic_id(gcn__span_str(first)).size, 36);
  }
  gcn__sim_topic(8, 0, first);
  gcn__sim_topic(7, 0, again);
  assert_string_not_equal(first, again);
  assert_null(gcn__sim_template_at(count));
  assert_null(gcn__sim_template_of(GCN__SPAN("v2.users..presence")));
  assert_null(gcn__sim_template_of(GCN__SPAN("v2.users.a")));
  assert_int_equal(gcn__sim_topic_id(GCN__SPAN("v2.nothing")).size, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(put_replaces_and_post_adds),
      CASE(delete_clears),
      CASE(refusal_changes_nothing),
      CASE(lenient_request_names_the_rejected),
      CASE(combined_id_is_many_topics),
      CASE(combined_id_is_refused_in_part),
      CASE(has_room_for_a_thousand),
      CASE(refuses_bodies),
      CASE(takes_commands_in_the_socket),
      CASE(loses_topics),
      cmocka_unit_test(knows_the_shape_of_names),
      cmocka_unit_test(made_up_topics_are_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
