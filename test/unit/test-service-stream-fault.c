/* SPDX-License-Identifier: MIT */
/*
 * The simulated service's stream dialect misbehaving by a script: every verb
 * that is about streams, and those of all WebSockets on a stream.
 */
#include "stream-peer.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define PREFLIGHT STREAM_PATH "/subscriptions"
#define TWO_QUEUES                                                             \
  "[" STREAM_QUEUE ",{\"event\":\"routing.queueEvents\","                      \
  "\"resourceId\":\"r\"}]"

static struct sim_world world;
static struct sim_link rest;
static struct sim_link link1;
static struct sim_link link2;
static struct stream_batch batch;
static char token[SIM_TEXT_SIZE];
static char reason[128];

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
  assert_int_equal(sim_world_counters(&world).sockets_open, 0);
  sim_world_close(&world);
  return 0;
}

static void inject(const char* rule) {
  char text[GCN__SCRIPT_TEXT_SIZE] = "";
  int error = gcn__sim_inject(world.sim, rule, world.now_ms, text);
  if (error != 0) fail_msg("%s: %s", rule, text);
  sim_world_pump(&world);
}

static void redial(struct sim_link* link) {
  sim_link_close(link);
  sim_link_open(link, &world);
  sim_world_pump(&world);
}

/* Opens a stream that sends each event at once. */
static void open_one(struct sim_link* link) {
  assert_int_equal(stream_open(link, token, STREAM_QUEUE, "&maxBatchSize=1"),
                   101);
}

/* The code of the Close, whose reason is kept; 0 if there is none. */
static unsigned next_close(struct sim_link* link) {
  struct gcn__ws_message message;
  while (sim_next(link, &message)) {
    if (message.opcode != GCN__WS_CLOSE) continue;
    snprintf(reason, sizeof reason, "%.*s", (int)message.size, message.data);
    return message.code;
  }
  return 0;
}

static void a_stream_is_closed_with_any_number(void** state) {
  (void)state;
  static const struct {
    const char* rule;
    unsigned code;
    const char* reason;
  } cases[] = {
      {"stream.close 400 \"bad\"", 400, "bad"},
      {"stream.close 429 \"30\"", 429, "30"},
      {"stream.close 4429 \"30\"", 4429, "30"},
      {"stream.close 4400", 4400, ""},
      {"stream.close 1001", 1001, ""},
      {"stream.close 1013 \"backpressure\"", 1013, "backpressure"},
      {"stream.close 4410", 4410, ""},
      {"rate.limit 17", 429, "17"},
      {"rate.limit 5 as=4429", 4429, "5"},
  };
  begin(NULL);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    redial(&link1);
    open_one(&link1);
    inject(cases[i].rule);
    assert_int_equal(next_close(&link1), cases[i].code);
    assert_string_equal(reason, cases[i].reason);
  }
}

static void only_streams_are_closed(void** state) {
  (void)state;
  char id[SIM_TEXT_SIZE];
  begin(NULL);
  sim_channel(&rest, token, id);
  assert_int_equal(sim_upgrade(&link2, id), 101);
  open_one(&link1);
  inject("stream.close 4001");
  assert_int_equal(next_close(&link1), 4001);
  assert_int_equal(next_close(&link2), 0);
}

static void tokens_end_their_streams(void** state) {
  (void)state;
  static const struct {
    const char* rule;
    unsigned code;
    const char* reason;
  } cases[] = {{"token.expire", 4001, "token_expired"},
               {"token.expire as=1008", 1008, "token_expired"},
               {"token.revoke", 4001, "token_revoked"}};
  begin(NULL);
  for (size_t i = 0; i < 3; i++) {
    redial(&link1);
    sim_token(&rest, token);
    open_one(&link1);
    inject(cases[i].rule);
    assert_int_equal(next_close(&link1), cases[i].code);
    assert_string_equal(reason, cases[i].reason);
    redial(&link1);
    assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 401);
  }
  assert_int_equal(sim_world_counters(&world).streams_expired, 3);
}

static void a_token_that_lives_out_ends_its_stream(void** state) {
  (void)state;
  world.options.token_life_s = 30;
  begin(NULL);
  open_one(&link1);
  sim_world_advance(&world, 29999);
  assert_int_equal(next_close(&link1), 0);
  sim_world_advance(&world, 1);
  assert_int_equal(next_close(&link1), 4001);
}

static void tickets_end_their_streams(void** state) {
  (void)state;
  char ticket[SIM_TEXT_SIZE];
  char target[STREAM_TARGET_SIZE] = "/api/v2/notifications";
  begin(NULL);
  assert_int_equal(sim_call(&rest, "POST", "/api/v2/notifications/subscription",
                            token, NULL),
                   200);
  sim_answer_member(&rest, "accessToken", ticket);
  stream_add_param(target, "token", ticket);
  stream_add_param(target, "subscriptions", STREAM_QUEUE);
  assert_int_equal(sim_upgrade_at(&link1, target, NULL), 101);
  inject("token.expire");
  assert_int_equal(next_close(&link1), 4001);
  assert_int_equal(sim_upgrade_at(&link2, target, NULL), 401);
}

static void a_deleted_resource_ends_whole_upgrades(void** state) {
  (void)state;
  begin("expect no more-than 0 invalid-loops per 1d");
  open_one(&link1);
  inject("subscription.delete \"*@q\"");
  assert_int_equal(next_close(&link1), 0);
  for (int i = 0; i < 2; i++) {
    redial(&link2);
    assert_null(gcn__sim_failure(world.sim));
    assert_int_equal(stream_open(&link2, token, TWO_QUEUES, ""), 101);
    assert_int_equal(next_close(&link2), 400);
    assert_string_equal(reason, "Invalid subscription: resource not found or "
                                "insufficient permissions");
  }
  assert_non_null(gcn__sim_failure(world.sim));
  assert_int_equal(sim_world_counters(&world).invalid_loops, 1);
  redial(&link2);
  assert_int_equal(
      stream_open(&link2, token,
                  "{\"event\":\"routing.queueEvents\",\"resourceId\":\"r\"}",
                  ""),
      101);
  assert_int_equal(next_close(&link2), 0);
  inject("subscription.restore \"*@q\"");
  redial(&link2);
  open_one(&link2);
  assert_int_equal(next_close(&link2), 0);
  /* It was good in between, so this is no loop. */
  inject("subscription.delete \"*@q\"");
  redial(&link2);
  open_one(&link2);
  assert_int_equal(next_close(&link2), 400);
  assert_int_equal(sim_world_counters(&world).invalid_loops, 1);
}

static void a_deletion_has_variants(void** state) {
  (void)state;
  begin(NULL);
  open_one(&link1);
  inject("at 0s for 10s subscription.delete routing.queueEvents@q "
         "as=close,4400");
  assert_int_equal(next_close(&link1), 4400);
  redial(&link1);
  open_one(&link1);
  assert_int_equal(next_close(&link1), 4400);
  sim_world_advance(&world, 10000);
  redial(&link1);
  open_one(&link1);
  inject("subscription.delete q as=http");
  assert_int_equal(next_close(&link1), 0);
  assert_int_equal(stream_open(&link2, token, TWO_QUEUES, ""), 400);
  assert_true(sim_answer_has(&link2, "\"errors\":[\"Invalid subscription: "));
  gcn__sim_calm(world.sim);
  assert_int_equal(stream_open(&link2, token, TWO_QUEUES, ""), 101);
}

static void a_deleted_resource_has_no_events(void** state) {
  (void)state;
  world.options.events_per_ks = 10000;
  begin(NULL);
  open_one(&link1);
  sim_world_advance(&world, 1000);
  assert_int_equal(stream_count(&link1, &batch), 10);
  inject("subscription.delete q");
  sim_world_advance(&world, 10000);
  assert_int_equal(stream_count(&link1, &batch), 0);
  inject("subscription.restore q");
  sim_world_advance(&world, 1000);
  assert_int_equal(stream_count(&link1, &batch), 10);
}

static void an_address_is_blocked(void** state) {
  (void)state;
  begin("expect retry-after honoured");
  inject("ip.block 30s");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 429);
  size_t count = 0;
  assert_true(
      gcn__span_is(gcn__http_header(link1.http, "Retry-After", &count), "30"));
  sim_world_advance(&world, 29001);
  assert_null(gcn__sim_failure(world.sim));
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 429);
  assert_non_null(gcn__sim_failure(world.sim));
  assert_int_equal(sim_world_counters(&world).upgrades_blocked, 2);
  sim_world_advance(&world, 999);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
}

static void a_blocked_address_may_be_reset(void** state) {
  (void)state;
  begin(NULL);
  inject("ip.block 30s as=reset");
  redial(&link1);
  assert_int_equal(link1.verdict, GCN__SIM_RESET);
  sim_world_advance(&world, 30000);
  redial(&link1);
  open_one(&link1);
}

static void scopes_go_missing(void** state) {
  (void)state;
  begin(NULL);
  inject("at 0s for 10s scope.missing notification:read");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 403);
  assert_true(sim_answer_has(&link1, "missing scope notification:read"));
  assert_int_equal(sim_call(&rest, "GET", PREFLIGHT, token, NULL), 403);
  sim_world_advance(&world, 10000);
  inject("scope.missing routing:* as=400");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 400);
  assert_true(sim_answer_has(&link1, "\"errors\":[\"403 Forbidden: missing "
                                     "scope routing:queue:read\"]"));
  gcn__sim_calm(world.sim);
  open_one(&link1);
}

static void licences_go_missing(void** state) {
  (void)state;
  begin(NULL);
  inject("licence.missing routing.queueEvents");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 403);
  assert_true(sim_answer_has(&link1, "missing licence for routing.queue"));
  assert_int_equal(
      stream_open(&link1, token, "{\"event\":\"telephony.callEvents\"}", ""),
      101);
}

static void topics_are_rejected_as_on_channels(void** state) {
  (void)state;
  begin("on topic routing.queueEvents@q reject 403 \"missing permission a:b\"\n"
        "on topic routing.queueEvents@r reject 400 \"\"");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 403);
  assert_true(sim_answer_has(&link1, "missing permission a:b"));
  assert_int_equal(
      stream_open(&link1, token,
                  "{\"event\":\"routing.queueEvents\",\"resourceId\":\"r\"}",
                  ""),
      400);
}

static void positions_are_lost(void** state) {
  (void)state;
  char more[STREAM_TARGET_SIZE] = "?";
  begin(NULL);
  open_one(&link1);
  stream_emit(&world, 1);
  assert_true(stream_next(&link1, &batch));
  stream_add_param(more, "lastEventId", batch.last);
  inject("resume.lost times=2");
  for (int i = 0; i < 2; i++) {
    redial(&link1);
    assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, more + 1), 101);
    assert_int_equal(next_close(&link1), 4410);
  }
  redial(&link1);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, more + 1), 101);
  assert_int_equal(next_close(&link1), 0);
}

static void batches_take_every_form(void** state) {
  (void)state;
  static const struct {
    const char* form;
    const char* begins;
  } cases[] = {{"events", "{\"lastEventId\":\""},
               {"batch", "{\"lastEventId\":\""},
               {"data", "{\"lastEventId\":\""},
               {"bare", "[{\"id\":\""},
               {"single", "{\"id\":\""}};
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxBatchSize=2"),
                   101);
  for (size_t i = 0; i < 5; i++) {
    char rule[64];
    snprintf(rule, sizeof rule, "batch.form %s times=1", cases[i].form);
    inject(rule);
    uint64_t last = stream_emit(&world, 2);
    assert_true(stream_next(&link1, &batch));
    assert_memory_equal(batch.text, cases[i].begins, strlen(cases[i].begins));
    assert_int_equal(batch.sequences[0], last - 1);
    bool single = strcmp(cases[i].form, "single") == 0;
    if (single) assert_true(stream_next(&link1, &batch));
    assert_int_equal(batch.sequences[batch.count - 1], last);
    char key[64];
    snprintf(key, sizeof key, "\"%s\":[", cases[i].form);
    if (i < 3) assert_non_null(strstr(batch.text, key));
    assert_false(stream_next(&link1, &batch));
  }
  stream_emit(&world, 2);
  assert_true(stream_next(&link1, &batch));
  assert_non_null(strstr(batch.text, "\"events\":["));
}

static void batches_lose_their_id(void** state) {
  (void)state;
  begin(NULL);
  open_one(&link1);
  inject("batch.no-id times=2");
  stream_emit(&world, 3);
  for (int i = 0; i < 3; i++) {
    assert_true(stream_next(&link1, &batch));
    assert_int_equal(batch.last[0] != '\0', i == 2);
    assert_int_equal(strlen(batch.timestamp), 24);
  }
}

static void batches_repeat_events(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxBatchSize=3"),
                   101);
  stream_emit(&world, 3);
  assert_true(stream_next(&link1, &batch));
  inject("batch.repeat 2");
  uint64_t last = stream_emit(&world, 3);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 5);
  assert_int_equal(batch.sequences[0], last - 4);
  assert_int_equal(batch.sequences[4], last);
  assert_int_equal(sim_world_counters(&world).events_repeated, 2);
  inject("dup 1");
  stream_emit(&world, 3);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 3);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 1);
  assert_int_equal(batch.sequences[0], last + 3);
}

static void events_are_dropped(void** state) {
  (void)state;
  begin(NULL);
  open_one(&link1);
  inject("event.drop 2");
  uint64_t last = stream_emit(&world, 3);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.sequences[0], last);
  assert_false(stream_next(&link1, &batch));
}

static size_t count_pings(struct sim_link* link) {
  struct gcn__ws_message message;
  size_t count = 0;
  while (sim_next(link, &message)) {
    if (message.opcode == GCN__WS_PING) count++;
  }
  return count;
}

static void pings_stop_and_their_pace_is_set(void** state) {
  (void)state;
  begin(NULL);
  open_one(&link1);
  inject("ping.stop");
  sim_world_advance(&world, 300000);
  assert_int_equal(count_pings(&link1), 0);
  inject("ping.start");
  sim_world_advance(&world, 0);
  assert_int_equal(count_pings(&link1), 1);
  sim_say(&link1, GCN__WS_PING, "");
  sim_say(&link1, GCN__WS_PING, "");
  assert_int_equal(next_close(&link1), 0);
  inject("at 0s for 60s ping.too-fast 10s");
  sim_say(&link1, GCN__WS_PING, "");
  assert_int_equal(next_close(&link1), 1002);
  sim_world_advance(&world, 60000);
  open_one(&link2);
  sim_say(&link2, GCN__WS_PING, "");
  sim_say(&link2, GCN__WS_PING, "");
  assert_int_equal(next_close(&link2), 0);
}

static void sockets_are_drained_one_by_one(void** state) {
  (void)state;
  begin(NULL);
  open_one(&link1);
  open_one(&link2);
  inject("drain 5s");
  sim_world_advance(&world, 0);
  assert_int_equal(next_close(&link1), 1001);
  redial(&link1);
  open_one(&link1);
  sim_world_advance(&world, 4999);
  assert_int_equal(next_close(&link2), 0);
  sim_world_advance(&world, 1);
  assert_int_equal(next_close(&link2), 1001);
  /* Who came since then stays. */
  sim_world_advance(&world, 20000);
  assert_int_equal(next_close(&link1), 0);
}

static void errors_are_told_on_the_stream(void** state) {
  (void)state;
  begin(NULL);
  open_one(&link1);
  inject("error.message \"Invalid subscription payload.\"");
  assert_true(
      sim_next_has(&link1, "{\"errors\":[\"Invalid subscription payload.\"]}"));
  inject("error.message \"{\\\"errors\\\":[\\\"a\\\",\\\"b\\\"]}\"");
  assert_true(sim_next_has(&link1, "{\"errors\":[\"a\",\"b\"]}"));
  assert_int_equal(next_close(&link1), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_stream_is_closed_with_any_number),
      TEST(only_streams_are_closed),
      TEST(tokens_end_their_streams),
      TEST(a_token_that_lives_out_ends_its_stream),
      TEST(tickets_end_their_streams),
      TEST(a_deleted_resource_ends_whole_upgrades),
      TEST(a_deletion_has_variants),
      TEST(a_deleted_resource_has_no_events),
      TEST(an_address_is_blocked),
      TEST(a_blocked_address_may_be_reset),
      TEST(scopes_go_missing),
      TEST(licences_go_missing),
      TEST(topics_are_rejected_as_on_channels),
      TEST(positions_are_lost),
      TEST(batches_take_every_form),
      TEST(batches_lose_their_id),
      TEST(batches_repeat_events),
      TEST(events_are_dropped),
      TEST(pings_stop_and_their_pace_is_set),
      TEST(sockets_are_drained_one_by_one),
      TEST(errors_are_told_on_the_stream),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
