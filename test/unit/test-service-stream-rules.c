/* SPDX-License-Identifier: MIT */
/*
 * The simulated service's stream dialect and fault scripts: when rules fire on
 * a stream, what those of all WebSockets do to it, and what the report says.
 */
#include "stream-peer.h"

#include "sim/ledger.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define PREFLIGHT STREAM_PATH "/subscriptions"
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

static void rules_fire_on_what_streams_do(void** state) {
  (void)state;
  begin("after event 4 stream.close 4001 \"token_expired\"\n"
        "after batch 1 error.message hello\n"
        "on connect ws.fragment 2");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxBatchSize=2"),
                   101);
  stream_emit(&world, 4);
  assert_true(stream_next(&link1, &batch));
  assert_true(sim_next_has(&link1, "{\"errors\":[\"hello\"]}"));
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(next_close(&link1), 4001);
  assert_string_equal(reason, "token_expired");
  assert_int_equal(sim_world_counters(&world).batches, 2);
}

/* Each of these happens in the middle of something else. */
static void a_rule_may_end_the_stream_at_any_point(void** state) {
  (void)state;
  static const char* const rules[] = {
      "after connect stream.close 4001",
      "after subscribe stream.close 4001",
      "after resume stream.close 4001",
      "after resume-lost stream.close 4001",
      "after batch stream.close 4001",
      "after event stream.close 4001",
      "after fast-ping stream.close 4001",
  };
  world.options.stream_ping_gap_ms = 1000;
  world.options.stream_lost_goes_on = true;
  begin(NULL);
  open_one(&link2);
  stream_emit(&world, 1);
  assert_true(stream_next(&link2, &batch));
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    char more[STREAM_TARGET_SIZE] = "?";
    stream_add_param(more, "maxBatchSize", "1");
    redial(&link1);
    inject(rules[i]);
    stream_add_param(more, "lastEventId", i == 3 ? "nonsense" : batch.last);
    assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, more + 1), 101);
    stream_emit(&world, 2);
    if (i == 6) sim_say(&link1, GCN__WS_PING, "");
    if (i == 6) sim_say(&link1, GCN__WS_PING, "");
    sim_world_advance(&world, 0);
    assert_int_equal(next_close(&link1), 4001);
  }
}

static void thread_c_meets_the_same_rules(void** state) {
  (void)state;
  static const char* const rules[] = {"after connect stream.close 4001",
                                      "after subscribe stream.close 4001",
                                      "after resume-lost stream.close 4001"};
  static const char message[] = "{\"subscriptions\":[" STREAM_QUEUE "],"
                                "\"lastEventId\":\"x\"}";
  world.options.stream_lost_goes_on = true;
  begin(NULL);
  for (size_t i = 0; i < 3; i++) {
    redial(&link1);
    inject(rules[i]);
    assert_int_equal(
        sim_upgrade_at(&link1, "/api/v2/notification/events", token), 101);
    sim_say(&link1, GCN__WS_TEXT, message);
    assert_int_equal(next_close(&link1), 4001);
  }
}

static void repetitions_are_not_repeated(void** state) {
  (void)state;
  begin("random 100% dup 3");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxBatchSize=2"),
                   101);
  stream_emit(&world, 2);
  assert_int_equal(stream_count(&link1, &batch), 4);
  assert_int_equal(batch.count, 2);
  assert_int_equal(sim_world_counters(&world).events_repeated, 2);
}

/* The same bytes, whatever the transport does to them. */
static void transport_faults_hold_for_streams(void** state) {
  (void)state;
  static const char* const rules[] = {
      "at 0s for 5s ws.fragment 4", "at 0s for 5s ws.split 3", "ws.coalesce 4",
      "at 0s for 5s byte.delay 200ms", "at 0s for 5s ws.trickle 1ms"};
  begin(NULL);
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    redial(&link1);
    open_one(&link1);
    inject(rules[i]);
    uint64_t last = stream_emit(&world, 4);
    sim_world_advance(&world, 6000);
    for (uint64_t n = 0; n < 4; n++) {
      assert_true(stream_next(&link1, &batch));
      assert_int_equal(batch.sequences[0], last - 3 + n);
    }
    gcn__sim_calm(world.sim);
  }
}

static void holes_hold_for_streams(void** state) {
  (void)state;
  begin("after connect 2 tcp.mute");
  open_one(&link1);
  inject("tcp.reset");
  assert_int_equal(link1.verdict, GCN__SIM_RESET);
  open_one(&link2);
  stream_emit(&world, 1);
  assert_int_equal(gcn__buf_size(&link2.in), 0);
  inject("tcp.close");
  assert_int_equal(sim_world_counters(&world).sockets_open, 0);
  redial(&link1);
  inject("http.status GET " STREAM_PATH "* 503 retry-after=3");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 503);
  inject("http.status GET " PREFLIGHT " 500");
  assert_int_equal(sim_call(&link1, "GET", PREFLIGHT, token, NULL), 500);
}

static void the_report_tells_of_streams(void** state) {
  (void)state;
  struct gcn__buf out;
  begin(NULL);
  open_one(&link1);
  stream_emit(&world, 3);
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  assert_int_equal(gcn__sim_report(world.sim, world.now_ms, &out), 0);
  assert_int_equal(gcn__buf_append(&out, "\0", 1), 0);
  const char* text = gcn__buf_span(&out).data;
  assert_non_null(strstr(text, "\"streams\":1,"));
  assert_non_null(strstr(text, "\"batches\":3,"));
  assert_non_null(strstr(text, "\"unsent_max\":"));
  assert_null(strstr(text, token));
  gcn__buf_deinit(&out);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(rules_fire_on_what_streams_do),
      TEST(a_rule_may_end_the_stream_at_any_point),
      TEST(thread_c_meets_the_same_rules),
      TEST(repetitions_are_not_repeated),
      TEST(transport_faults_hold_for_streams),
      TEST(holes_hold_for_streams),
      TEST(the_report_tells_of_streams),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
