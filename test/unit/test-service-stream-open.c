/* SPDX-License-Identifier: MIT */
/*
 * The simulated service's stream dialect: every variant's way to a stream, what
 * an upgrade may be refused for, and the pre-flight.
 */
#include "stream-peer.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define POSTS     "/api/v2/notifications/subscriptions"
#define PREFLIGHT STREAM_PATH "/subscriptions"
#define NAMED(name)                                                            \
  "{\"name\":\"" name "\",\"subscriptions\":[" STREAM_QUEUE "],"               \
  "\"endpoint\":\"/x\",\"scope\":\"notification:write\"}"
#define BAD_PAYLOAD                                                            \
  "{\"code\":400,\"message\":\"Bad Request\",\"status\":\"Bad Request\","      \
  "\"errors\":[\"Invalid subscription payload.\"]}"

static struct sim_world world;
static struct sim_link rest;
static struct sim_link link1;
static struct sim_link link2;
static struct stream_batch batch;
static char token[SIM_TEXT_SIZE];

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  return 0;
}

static void begin(const char* script) {
  sim_world_open(&world, script);
  sim_link_open(&rest, &world);
  sim_link_open(&link1, &world);
  sim_link_open(&link2, &world);
  sim_token(&rest, token);
}

static int tear_down(void** state) {
  (void)state;
  sim_link_close(&rest);
  sim_link_close(&link1);
  sim_link_close(&link2);
  sim_world_close(&world);
  return 0;
}

static void expect_events(struct sim_link* link) {
  uint64_t last = stream_emit(&world, 1);
  sim_world_advance(&world, 1000);
  assert_true(stream_next(link, &batch));
  assert_int_equal(batch.count, 1);
  assert_int_equal(batch.sequences[0], last);
}

static void the_guide_takes_the_token_in_the_query_or_header(void** state) {
  (void)state;
  char target[STREAM_TARGET_SIZE] = STREAM_PATH;
  world.cut = 7;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
  stream_add_param(target, "subscriptions", "[" STREAM_QUEUE "]");
  assert_int_equal(sim_upgrade_at(&link2, target, token), 101);
  expect_events(&link1);
  assert_true(stream_next(&link2, &batch));
  assert_int_equal(sim_world_counters(&world).streams, 2);
  assert_int_equal(sim_world_counters(&world).upgrades, 2);
}

static void subscriptions_may_be_repeated(void** state) {
  (void)state;
  char more[STREAM_TARGET_SIZE] = "?";
  begin(NULL);
  stream_add_param(more, "subscriptions",
                   "[{\"event\":\"telephony.callEvents\"},"
                   "{\"event\":\"routing.interactionEvents\"}]");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, more + 1), 101);
  expect_events(&link1);
  assert_true(gcn__sim_stream_emit(world.sim, "telephony.callEvents", "t", NULL,
                                   GCN__SPAN(""), world.now_ms) > 0);
  sim_world_advance(&world, 1000);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(gcn__sim_stream_emit(world.sim, "routing.conversations", "x",
                                        NULL, GCN__SPAN(""), world.now_ms),
                   0);
}

static void thread_a_posts_and_then_upgrades(void** state) {
  (void)state;
  char id[SIM_TEXT_SIZE];
  char target[2 * SIM_TEXT_SIZE];
  begin(NULL);
  assert_int_equal(sim_call(&rest, "POST", POSTS, token, NAMED("n1")), 200);
  assert_true(sim_answer_has(&rest, "\"status\":\"active\""));
  sim_answer_member(&rest, "subscriptionId", id);
  snprintf(target, sizeof target, "/api/v2/notifications?subscriptionId=%s",
           id);
  assert_int_equal(sim_upgrade_at(&link1, target, token), 101);
  expect_events(&link1);
  /* It is good for one socket. */
  assert_int_equal(sim_upgrade_at(&link2, target, token), 400);
  assert_true(sim_answer_has(&link2, BAD_PAYLOAD));
  snprintf(target, sizeof target, POSTS "/%s", id);
  assert_int_equal(sim_call(&rest, "DELETE", target, token, NULL), 204);
  assert_int_equal(sim_next_close(&link1), 1000);
  assert_int_equal(sim_call(&rest, "DELETE", target, token, NULL), 404);
}

static void thread_a_takes_event_types_and_topics(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(
      sim_call(&rest, "POST", POSTS, token,
               "{\"name\":\"a\",\"eventTypes\":[\"routing.conversations\"]}"),
      200);
  assert_int_equal(
      sim_call(&rest, "POST", POSTS, token,
               "{\"topics\":[\"routing.users.u.events\"],\"endpoint\":\"e\"}"),
      200);
  /* The latest one without a socket. */
  assert_int_equal(sim_upgrade_at(&link1, "/api/v2/notifications", token), 101);
  assert_true(gcn__sim_stream_emit(world.sim, "routing.users.u.events", NULL,
                                   NULL, GCN__SPAN(""), world.now_ms) > 0);
  sim_world_advance(&world, 1000);
  assert_true(stream_next(&link1, &batch));
  assert_null(strstr(batch.text, "resourceId"));
}

static void thread_a_refuses_a_name_that_was_used(void** state) {
  (void)state;
  static const char* const bad[] = {
      "{\"name\":\"z\",\"topics\":[]}",
      "{\"name\":\"z\"}",
      "[]",
      "x",
      "{\"name\":\"z\",\"topics\":[7]}",
      "{\"name\":\"\",\"topics\":[\"routing.conversations\"]}"};
  char id[SIM_TEXT_SIZE];
  char target[2 * SIM_TEXT_SIZE];
  begin(NULL);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(sim_call(&rest, "POST", POSTS, token, bad[i]), 400);
    assert_true(sim_answer_has(&rest, BAD_PAYLOAD));
  }
  assert_int_equal(sim_call(&rest, "POST", POSTS, token, NAMED("n")), 200);
  sim_answer_member(&rest, "subscriptionId", id);
  assert_int_equal(sim_upgrade_at(&link1, "/api/v2/notifications", token), 101);
  sim_say_close(&link1, 1000);
  /* It stays active for some seconds; its name is used for good. */
  sim_world_advance(&world, 4999);
  assert_int_equal(sim_call(&rest, "POST", POSTS, token, NAMED("n")), 400);
  assert_true(sim_answer_has(&rest, BAD_PAYLOAD));
  snprintf(target, sizeof target, POSTS "/%s", id);
  assert_int_equal(sim_call(&rest, "DELETE", target, token, NULL), 204);
  assert_int_equal(sim_call(&rest, "POST", POSTS, token, NAMED("n")), 200);
  sim_answer_member(&rest, "subscriptionId", id);
  assert_int_equal(sim_upgrade_at(&link2, "/api/v2/notifications", token), 101);
  sim_say_close(&link2, 1000);
  sim_world_advance(&world, 5000);
  snprintf(target, sizeof target, POSTS "/%s", id);
  assert_int_equal(sim_call(&rest, "DELETE", target, token, NULL), 404);
  assert_int_equal(sim_call(&rest, "POST", POSTS, token, NAMED("n")), 400);
  assert_int_equal(sim_call(&rest, "POST", POSTS, token, NAMED("m")), 200);
}

static void thread_c_subscribes_by_its_first_message(void** state) {
  (void)state;
  world.options.stream_scopes = "notification:subscribe,routing:queue:read";
  begin(NULL);
  assert_int_equal(sim_upgrade_at(&link1, "/api/v2/notification/events", token),
                   101);
  assert_int_equal(sim_upgrade_at(&link2, "/api/v2/notification/events", token),
                   101);
  assert_int_equal(stream_emit(&world, 1), 0);
  sim_say(&link1, GCN__WS_TEXT, "{\"subscriptions\":[" STREAM_QUEUE "]}");
  expect_events(&link1);
  sim_world_advance(&world, 9000);
  assert_int_equal(sim_next_close(&link2), 1008);
  assert_int_equal(sim_next_close(&link1), 0);
}

static void thread_c_is_told_what_is_wrong(void** state) {
  (void)state;
  static const char* const bad[] = {
      "{\"subscriptions\":[]}",
      "{\"subscriptions\":[{\"event\":7}]}",
      "{\"subscriptions\":[{\"event\":\"telephony.callEvents\"}]}",
  };
  static const unsigned codes[] = {4400, 4400, 1008};
  world.options.stream_licences = "CX 1";
  begin(NULL);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(
        sim_upgrade_at(&link1, "/api/v2/notification/events", token), 101);
    sim_say(&link1, GCN__WS_TEXT, bad[i]);
    assert_true(sim_next_has(&link1, "{\"errors\":[\""));
    assert_int_equal(sim_next_close(&link1), codes[i]);
    sim_link_close(&link1);
    sim_link_open(&link1, &world);
  }
}

static void thread_d_upgrades_with_a_ticket(void** state) {
  (void)state;
  char ticket[SIM_TEXT_SIZE];
  char target[STREAM_TARGET_SIZE] = "/api/v2/notifications";
  world.options.stream_ping_ms = GCN__NEVER;
  begin(NULL);
  assert_int_equal(sim_call(&rest, "POST", "/api/v2/notifications/subscription",
                            token, NULL),
                   200);
  assert_true(sim_answer_has(&rest, "\"expiresIn\":86400}"));
  sim_answer_member(&rest, "accessToken", ticket);
  stream_add_param(target, "token", ticket);
  stream_add_param(target, "subscriptions", STREAM_QUEUE);
  assert_int_equal(sim_upgrade_at(&link1, target, NULL), 101);
  expect_events(&link1);
  assert_int_equal(sim_world_counters(&world).tickets, 1);
  char wrong[STREAM_TARGET_SIZE] = "/api/v2/notifications";
  stream_add_param(wrong, "token", token);
  stream_add_param(wrong, "subscriptions", STREAM_QUEUE);
  assert_int_equal(sim_upgrade_at(&link2, wrong, NULL), 401);
  /* The ticket and its sockets end after a day. */
  sim_world_advance(&world, UINT64_C(86400000));
  struct gcn__sim_counters counters = sim_world_counters(&world);
  assert_int_equal(counters.streams_expired, 1);
  assert_int_equal(sim_upgrade_at(&link2, target, NULL), 401);
}

static void the_token_is_looked_at_first(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(stream_open(&link1, "wrong", "[", ""), 401);
  assert_int_equal(sim_upgrade_at(&link1, STREAM_PATH "?subscriptions=x", NULL),
                   401);
  assert_int_equal(sim_upgrade_at(&link1, "/api/v2/notifications", "wrong"),
                   401);
  assert_true(sim_answer_has(&link1, "bad.credentials"));
  assert_int_equal(sim_upgrade_at(&link1, "/api/v2/notification/events", NULL),
                   401);
  sim_world_advance(&world, UINT64_C(86400000));
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 401);
  assert_true(sim_answer_has(&link1, "credentials.expired"));
}

static void malformed_parameters_are_refused(void** state) {
  (void)state;
  static const struct {
    const char* subscriptions;
    const char* more;
    const char* why;
  } cases[] = {
      {"[", "", "not JSON"},
      {"7", "", "not JSON"},
      {"[]", "", "no subscriptions"},
      {"[7]", "", "an object with an event or a topic"},
      {"[{}]", "", "an object with an event or a topic"},
      {"{\"event\":\"\"}", "", "1 to 199 printable"},
      {"{\"event\":\"a b\"}", "", "1 to 199 printable"},
      {"{\"event\":\"routing.queueEvents\",\"resourceId\":7}", "", "printable"},
      {"{\"event\":\"routing.queueEvents\",\"filters\":[]}", "", "a filter"},
      {"{\"event\":\"routing.queueEvents\",\"filters\":{\"a\":7}}", "",
       "a filter"},
      {"{\"event\":\"routing.queueEvents\",\"filters\":{\"a\":[]}}", "",
       "a filter"},
      {"{\"event\":\"routing.madeUp\"}", "", "unknown event routing.madeUp"},
      {STREAM_QUEUE, "&maxBatchSize=0", "maxBatchSize"},
      {STREAM_QUEUE, "&maxBatchSize=1001", "maxBatchSize"},
      {STREAM_QUEUE, "&maxLatency=x", "maxLatency"},
      {STREAM_QUEUE, "&lastEventId=%zz", "lastEventId"},
      {STREAM_QUEUE, "&subscriptions=%", "a broken escape"},
  };
  begin(NULL);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(
        stream_open(&link1, token, cases[i].subscriptions, cases[i].more), 400);
    assert_true(sim_answer_has(&link1, "\"errors\":[\""));
    if (!sim_answer_has(&link1, cases[i].why)) fail_msg("%s", cases[i].why);
  }
  assert_int_equal(sim_call(&link1, "GET", STREAM_PATH, token, NULL), 400);
  assert_int_equal(
      stream_open(&link1, token, STREAM_QUEUE, "&other=1&maxBatchSize=1000"),
      101);
}

static void any_event_may_be_accepted(void** state) {
  (void)state;
  world.options.any_topic = true;
  begin(NULL);
  assert_int_equal(
      stream_open(&link1, token, "{\"event\":\"routing.madeUp\"}", ""), 101);
}

static void a_long_target_is_refused(void** state) {
  (void)state;
  char target[STREAM_TARGET_SIZE] = STREAM_PATH "?subscriptions=x&filler=";
  begin(NULL);
  size_t size = strlen(target);
  memset(target + size, 'x', 8193 - size);
  target[8193] = '\0';
  assert_int_equal(sim_upgrade_at(&link1, target, token), 414);
  target[8192] = '\0';
  assert_int_equal(sim_upgrade_at(&link1, target, token), 400);
}

static void scopes_and_licences_are_needed(void** state) {
  (void)state;
  static const char calls[] = "{\"event\":\"telephony.callEvents\"}";
  static const char users[] = "{\"event\":\"routing.users.u.events\"}";
  static const struct gcn__sim_forbidden forbidden[] = {
      {"routing.queueEvents@secret", "routing:queue:view"}};
  world.options.stream_scopes =
      "notification:read,routing:queue:read,telephony:read";
  world.options.stream_licences = "CX 1";
  world.options.forbidden = forbidden;
  world.options.forbidden_count = 1;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, users, ""), 403);
  assert_true(
      sim_answer_has(&link1, "\"errors\":[\"missing scope user:read\""));
  assert_true(sim_answer_has(&link1, "\"contextId\":\""));
  assert_int_equal(stream_open(&link1, token, calls, ""), 403);
  assert_true(sim_answer_has(&link1, "missing licence CX 2"));
  assert_int_equal(stream_open(&link1, token,
                               "{\"event\":\"routing.queueEvents\","
                               "\"resourceId\":\"secret\"}",
                               ""),
                   403);
  assert_true(sim_answer_has(&link1, "missing permission routing:queue:view"));
  assert_int_equal(sim_upgrade_at(&link1, "/api/v2/notification/events", token),
                   403);
  assert_true(sim_answer_has(&link1, "notification:subscribe"));
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
}

static void the_pre_flight_tells_which(void** state) {
  (void)state;
  char target[STREAM_TARGET_SIZE] = PREFLIGHT;
  world.options.stream_licences = "CX 1";
  begin("subscription.delete routing.queueEvents@gone");
  sim_world_advance(&world, 0);
  stream_add_param(target, "subscriptions",
                   "[" STREAM_QUEUE ",{\"event\":\"routing.queueEvents\","
                   "\"resourceId\":\"gone\"},"
                   "{\"event\":\"telephony.callEvents\"}]");
  assert_int_equal(sim_call(&rest, "GET", target, token, NULL), 200);
  assert_true(sim_answer_has(
      &rest, "{\"subscriptions\":[{\"event\":\"routing.queueEvents\","
             "\"resourceId\":\"q\",\"status\":\"active\"},"
             "{\"event\":\"routing.queueEvents\",\"resourceId\":\"gone\","
             "\"status\":\"invalid\",\"reason\":\"resource not found or "
             "insufficient permissions\"},"
             "{\"event\":\"telephony.callEvents\",\"status\":\"invalid\","
             "\"reason\":\"missing licence CX 2\"}]}"));
  assert_int_equal(sim_world_counters(&world).preflights, 1);
  assert_int_equal(
      sim_call(&rest, "GET", PREFLIGHT "?subscriptions=[", token, NULL), 400);
  assert_int_equal(sim_call(&rest, "GET", PREFLIGHT, NULL, NULL), 401);
  assert_int_equal(sim_call(&rest, "POST", PREFLIGHT, token, "{}"), 405);
}

static void the_pre_flight_knows_the_last_stream(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(sim_call(&rest, "GET", PREFLIGHT, token, NULL), 200);
  assert_true(sim_answer_has(&rest, "{\"subscriptions\":[]}"));
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
  sim_say_close(&link1, 1000);
  gcn__sim_inject(world.sim, "subscription.delete *@q", world.now_ms, NULL);
  assert_int_equal(sim_call(&rest, "GET", PREFLIGHT, token, NULL), 200);
  assert_true(sim_answer_has(&rest, "\"status\":\"invalid\""));
}

static void upgrades_do_not_count_against_the_rest_limit(void** state) {
  (void)state;
  world.options.rest_per_min_max = 2;
  begin(NULL);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(stream_open(&link1, token, "[", ""), 400);
    assert_null(
        gcn__http_header(link1.http, "inin-ratelimit-count", NULL).data);
  }
  assert_int_equal(sim_call(&rest, "GET", PREFLIGHT, token, NULL), 200);
  assert_int_equal(sim_call(&rest, "GET", PREFLIGHT, token, NULL), 200);
  assert_int_equal(sim_call(&rest, "GET", PREFLIGHT, token, NULL), 429);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(the_guide_takes_the_token_in_the_query_or_header),
      TEST(subscriptions_may_be_repeated),
      TEST(thread_a_posts_and_then_upgrades),
      TEST(thread_a_takes_event_types_and_topics),
      TEST(thread_a_refuses_a_name_that_was_used),
      TEST(thread_c_subscribes_by_its_first_message),
      TEST(thread_c_is_told_what_is_wrong),
      TEST(thread_d_upgrades_with_a_ticket),
      TEST(the_token_is_looked_at_first),
      TEST(malformed_parameters_are_refused),
      TEST(any_event_may_be_accepted),
      TEST(a_long_target_is_refused),
      TEST(scopes_and_licences_are_needed),
      TEST(the_pre_flight_tells_which),
      TEST(the_pre_flight_knows_the_last_stream),
      TEST(upgrades_do_not_count_against_the_rest_limit),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
