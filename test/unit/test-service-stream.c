/* SPDX-License-Identifier: MIT */
/*
 * The simulated service's stream dialect as the guide has it: batches by size
 * and by latency, filters, order, the client's and the service's pings, and a
 * consumer that does not read.
 */
#include "stream-peer.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define ALL_QUEUES "{\"event\":\"routing.queueEvents\"}"

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
  assert_int_equal(sim_world_counters(&world).sockets_open, 0);
  sim_world_close(&world);
  return 0;
}

static void a_full_batch_goes_at_once(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxBatchSize=3"),
                   101);
  stream_emit(&world, 2);
  assert_false(stream_next(&link1, &batch));
  uint64_t last = stream_emit(&world, 1);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 3);
  assert_int_equal(batch.sequences[0], last - 2);
  assert_int_equal(batch.sequences[2], last);
  uint64_t covered = 0;
  assert_true(gcn__sim_stream_sequence(gcn__span_str(batch.last), &covered));
  assert_int_equal(covered, last);
  assert_non_null(strstr(batch.text, "\"resourceId\":\"q\""));
  assert_non_null(strstr(batch.text, "\"event\":\"routing.queueEvents\""));
  assert_string_equal(batch.resumed, "");
  assert_false(stream_next(&link1, &batch));
}

static void a_part_of_a_batch_goes_after_the_latency(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxLatency=500"),
                   101);
  sim_world_advance(&world, 100);
  uint64_t last = stream_emit(&world, 2);
  sim_world_advance(&world, 399);
  assert_false(stream_next(&link1, &batch));
  /* The latency counts from the last batch too: 500 ms from the upgrade. */
  sim_world_advance(&world, 1);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 2);
  assert_int_equal(batch.sequences[1], last);
  sim_world_advance(&world, 499);
  assert_false(stream_next(&link1, &batch));
  sim_world_advance(&world, 1);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 0);
  uint64_t covered = 0;
  assert_true(gcn__sim_stream_sequence(gcn__span_str(batch.last), &covered));
  assert_int_equal(covered, last);
  assert_int_equal(sim_world_counters(&world).batches, 2);
  assert_int_equal(sim_world_counters(&world).batches_empty, 1);
}

static void nobody_who_did_not_ask_gets_idle_batches(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
  sim_world_advance(&world, 20000);
  assert_false(stream_next(&link1, &batch));
  stream_emit(&world, 1);
  sim_world_advance(&world, 999);
  assert_false(stream_next(&link1, &batch));
  sim_world_advance(&world, 1);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 1);
}

static void filters_are_evaluated_by_the_service(void** state) {
  (void)state;
  static const char wanted[] =
      "[{\"event\":\"routing.queueEvents\",\"resourceId\":\"q\","
      "\"filters\":{\"eventType\":[\"QUEUE_ADD\",\"QUEUE_GONE\"],"
      "\"color\":\"red\"}}]";
  static const struct {
    const char* resource;
    const char* type;
    const char* data;
    bool wanted;
  } cases[] = {
      {"q", "QUEUE_ADD", "{\"color\":\"red\"}", true},
      {"q", "QUEUE_ADD", "{\"color\":\"blue\"}", false},
      {"q", "QUEUE_ADD", "{}", false},
      {"q", "QUEUE_REMOVE", "{\"color\":\"red\"}", false},
      {"other", "QUEUE_ADD", "{\"color\":\"red\"}", false},
      {"q", "QUEUE_GONE", "{\"color\":\"red\",\"n\":1}", true},
  };
  begin(NULL);
  assert_int_equal(stream_open(&link2, token, ALL_QUEUES, ""), 101);
  assert_int_equal(stream_open(&link1, token, wanted, "&maxBatchSize=1"), 101);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t sequence = gcn__sim_stream_emit(
        world.sim, "routing.queueEvents", cases[i].resource, cases[i].type,
        gcn__span_str(cases[i].data), world.now_ms);
    assert_true(sequence > 0);
    sim_world_pump(&world);
    assert_int_equal(stream_next(&link1, &batch), cases[i].wanted);
    if (!cases[i].wanted) continue;
    assert_int_equal(batch.sequences[0], sequence);
    assert_non_null(strstr(batch.text, cases[i].data));
  }
  sim_world_advance(&world, 1000);
  assert_int_equal(stream_count(&link2, &batch), 6);
}

static void thread_b_filters_by_a_query(void** state) {
  (void)state;
  static const char wanted[] =
      "[{\"topic\":\"/api/v2/analytics/events\",\"filter\":{\"query\":"
      "\"event.type==\\\"queueEvent\\\" && event.n!='2'\"}}]";
  static const char unknown[] =
      "[{\"topic\":\"/api/v2/analytics/events\",\"filter\":{\"query\":"
      "\"event.type like 'x'\"}}]";
  begin(NULL);
  assert_int_equal(stream_open(&link2, token, unknown, ""), 400);
  assert_int_equal(stream_open(&link1, token, wanted, "&maxBatchSize=2"), 101);
  static const char* const types[] = {"queueEvent", "userEvent", "queueEvent",
                                      "queueEvent"};
  static const char* const data[] = {"{\"n\":1}", "{\"n\":1}", "{\"n\":2}",
                                     "{\"n\":3}"};
  uint64_t sequences[4];
  for (size_t i = 0; i < 4; i++) {
    sequences[i] =
        gcn__sim_stream_emit(world.sim, "/api/v2/analytics/events", "r",
                             types[i], gcn__span_str(data[i]), world.now_ms);
  }
  sim_world_pump(&world);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 2);
  assert_int_equal(batch.sequences[0], sequences[0]);
  assert_int_equal(batch.sequences[1], sequences[3]);
}

static void events_are_generated_and_padded(void** state) {
  (void)state;
  world.options.events_per_ks = 100000;
  world.options.payload_size = 700;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, ALL_QUEUES, "&maxBatchSize=10"),
                   101);
  sim_world_advance(&world, 1000);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 10);
  assert_true(batch.size > 7000 && batch.size < 10000);
  uint64_t expected = batch.sequences[9] + 1;
  while (stream_next(&link1, &batch)) {
    for (size_t i = 0; i < batch.count; i++) {
      assert_int_equal(batch.sequences[i], expected++);
    }
  }
  assert_int_equal(expected, 101);
  assert_int_equal(sim_world_counters(&world).events, 100);
  assert_int_equal(sim_world_counters(&world).events_sent, 100);
}

struct told {
  size_t happened;
  size_t sent;
  size_t repeated;
  bool good;
};

static void on_event(void* ctx, const struct gcn__sim_event* event) {
  struct told* told = ctx;
  uint64_t sequence = 0;
  if (!event->sent) told->happened++;
  if (event->sent) told->sent++;
  if (event->duplicate) told->repeated++;
  told->good = event->stream && event->channel.data == NULL &&
               gcn__sim_stream_sequence(event->id, &sequence) &&
               sequence == event->sequence &&
               gcn__span_is(event->topic, "routing.queueEvents@q") &&
               gcn__span_is(event->body, "{\"a\":1}") &&
               (event->connection != 0) == event->sent;
}

static void the_hook_hears_of_both(void** state) {
  (void)state;
  struct told told = {0};
  world.options.hooks.ctx = &told;
  world.options.hooks.event = on_event;
  begin("every 2 events dup 1");
  static const char more[] = "&maxBatchSize=2";
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, more), 101);
  assert_int_equal(stream_open(&link2, token, STREAM_QUEUE, more), 101);
  for (int i = 0; i < 2; i++) {
    gcn__sim_stream_emit(world.sim, "routing.queueEvents", "q", "X",
                         GCN__SPAN("{\"a\":1}"), world.now_ms);
    assert_true(told.good);
  }
  sim_world_pump(&world);
  assert_int_equal(told.happened, 2);
  assert_int_equal(told.repeated, sim_world_counters(&world).events_repeated);
  assert_int_equal(told.sent, sim_world_counters(&world).events_sent);
  assert_true(told.repeated >= 2);
  assert_true(told.good);
}

static void a_slow_consumer_costs_a_position_not_memory(void** state) {
  (void)state;
  world.options.stream_history_max = 50000;
  world.options.payload_size = 500;
  begin(NULL);
  assert_int_equal(
      stream_open(&link1, token, STREAM_QUEUE, "&maxBatchSize=100"), 101);
  for (int i = 0; i < 20000; i++) {
    gcn__sim_stream_emit(world.sim, "routing.queueEvents", "q", NULL,
                         GCN__SPAN(""), world.now_ms);
  }
  struct gcn__sim_counters counters = sim_world_counters(&world);
  assert_int_equal(counters.events, 20000);
  assert_true(counters.unsent_max >= 256 << 10);
  assert_true(counters.unsent_max < 400 << 10);
  assert_true(counters.events_sent < 1000);
  /* It reads again: everything is there, in order. */
  sim_world_pump(&world);
  uint64_t expected = 1;
  while (stream_next(&link1, &batch)) {
    for (size_t i = 0; i < batch.count; i++) {
      assert_int_equal(batch.sequences[i], expected++);
    }
  }
  assert_int_equal(expected, 20001);
  assert_true(sim_world_counters(&world).unsent_max < 400 << 10);
}

static void a_batch_is_bounded_in_bytes_too(void** state) {
  (void)state;
  world.options.payload_size = 100 << 10;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxBatchSize=8"),
                   101);
  uint64_t last = stream_emit(&world, 8);
  static const size_t counts[] = {3, 3, 2};
  sim_world_advance(&world, 1000);
  for (size_t i = 0; i < 3; i++) {
    assert_true(stream_next(&link1, &batch));
    assert_int_equal(batch.count, counts[i]);
  }
  assert_int_equal(batch.sequences[1], last);
}

static void who_is_overtaken_is_closed(void** state) {
  (void)state;
  world.options.stream_history_max = 5000;
  world.options.payload_size = 500;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
  for (int i = 0; i < 10000; i++) {
    gcn__sim_stream_emit(world.sim, "routing.queueEvents", "q", NULL,
                         GCN__SPAN(""), world.now_ms);
  }
  sim_world_pump(&world);
  assert_int_equal(sim_next_close(&link1), 1013);
  assert_int_equal(sim_world_counters(&world).streams_slow, 1);
}

static void who_is_slower_than_allowed_is_closed(void** state) {
  (void)state;
  world.options.stream_slow_ms = 10000;
  begin("at 1s for 60s tcp.freeze");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxBatchSize=1"),
                   101);
  sim_world_advance(&world, 1000);
  stream_emit(&world, 1);
  sim_world_advance(&world, 9999);
  assert_int_equal(sim_world_counters(&world).streams_slow, 0);
  sim_world_advance(&world, 1);
  assert_int_equal(sim_world_counters(&world).streams_slow, 1);
  gcn__sim_calm(world.sim);
  sim_world_pump(&world);
  assert_int_equal(sim_next_close(&link1), 1013);
}

static void who_reads_is_not_slow(void** state) {
  (void)state;
  world.options.stream_slow_ms = 1000;
  world.options.events_per_ks = 100000;
  world.options.stream_ping_ms = GCN__NEVER;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxLatency=9000"),
                   101);
  sim_world_advance(&world, 60000);
  assert_int_equal(sim_world_counters(&world).streams_slow, 0);
  assert_int_equal(stream_count(&link1, &batch), 6000);
}

/* Answers what waits; how many pings there were. */
static size_t answer_pings(struct sim_link* link, bool answer) {
  struct gcn__ws_message message;
  size_t count = 0;
  while (sim_next(link, &message)) {
    if (message.opcode != GCN__WS_PING) continue;
    count++;
    if (answer) sim_say(link, GCN__WS_PONG, "stream");
  }
  return count;
}

static void three_missed_pongs_end_the_stream(void** state) {
  (void)state;
  begin("expect pong within 5s");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
  sim_world_advance(&world, 30000);
  assert_int_equal(answer_pings(&link1, true), 1);
  sim_world_advance(&world, 5000);
  assert_null(gcn__sim_failure(world.sim));
  sim_world_advance(&world, 25000 + 60000);
  assert_int_equal(answer_pings(&link1, false), 3);
  assert_non_null(gcn__sim_failure(world.sim));
  sim_world_advance(&world, 9999);
  assert_int_equal(sim_world_counters(&world).sockets_open, 1);
  sim_world_advance(&world, 1);
  assert_int_equal(sim_next_close(&link1), 1001);
}

static void a_pong_forgives_the_misses(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
  for (int i = 0; i < 5; i++) {
    sim_world_advance(&world, 60000);
    assert_int_equal(answer_pings(&link1, true), 2);
  }
  assert_int_equal(sim_world_counters(&world).sockets_open, 1);
}

static void pings_are_answered_and_their_pace_is_judged(void** state) {
  (void)state;
  struct gcn__ws_message message;
  world.options.stream_ping_gap_ms = 10000;
  begin("expect no more-than 0 fast-pings per 1d");
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
  sim_say(&link1, GCN__WS_PING, "a");
  assert_true(sim_next(&link1, &message));
  assert_int_equal(message.opcode, GCN__WS_PONG);
  sim_world_advance(&world, 10000);
  sim_say(&link1, GCN__WS_PING, "b");
  assert_true(sim_next(&link1, &message));
  assert_null(gcn__sim_failure(world.sim));
  sim_world_advance(&world, 9999);
  sim_say(&link1, GCN__WS_PING, "c");
  assert_int_equal(sim_next_close(&link1), 1002);
  assert_int_equal(sim_world_counters(&world).pings_too_fast, 1);
  assert_non_null(gcn__sim_failure(world.sim));
}

static void nothing_is_subscribed_to_on_an_open_stream(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, ""), 101);
  sim_say(&link1, GCN__WS_TEXT, "{\"message\":\"ping\"}");
  sim_say(&link1, GCN__WS_TEXT, "whatever");
  assert_int_equal(sim_next_close(&link1), 0);
  sim_say(&link1, GCN__WS_TEXT, "{\"subscriptions\":[" STREAM_QUEUE "]}");
  assert_int_equal(sim_next_close(&link1), 400);
}

static void both_dialects_share_the_rate(void** state) {
  (void)state;
  char id[SIM_TEXT_SIZE];
  world.options.events_per_ks = 100000;
  begin(NULL);
  sim_channel(&rest, token, id);
  assert_int_equal(sim_subscribe(&rest, token, id, "v2.users.u.presence"), 200);
  assert_int_equal(sim_upgrade(&link2, id), 101);
  assert_int_equal(stream_open(&link1, token, STREAM_QUEUE, "&maxBatchSize=1"),
                   101);
  sim_world_advance(&world, 10000);
  size_t by_stream = stream_count(&link1, &batch);
  size_t by_channel = 0;
  while (sim_next_has(&link2, "v2.users.u.presence"))
    by_channel++;
  assert_int_equal(by_stream + by_channel, 1000);
  assert_in_range(by_stream, 300, 700);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_full_batch_goes_at_once),
      TEST(a_part_of_a_batch_goes_after_the_latency),
      TEST(nobody_who_did_not_ask_gets_idle_batches),
      TEST(filters_are_evaluated_by_the_service),
      TEST(thread_b_filters_by_a_query),
      TEST(events_are_generated_and_padded),
      TEST(the_hook_hears_of_both),
      TEST(a_slow_consumer_costs_a_position_not_memory),
      TEST(a_batch_is_bounded_in_bytes_too),
      TEST(who_is_overtaken_is_closed),
      TEST(who_is_slower_than_allowed_is_closed),
      TEST(who_reads_is_not_slow),
      TEST(three_missed_pongs_end_the_stream),
      TEST(a_pong_forgives_the_misses),
      TEST(pings_are_answered_and_their_pace_is_judged),
      TEST(nothing_is_subscribed_to_on_an_open_stream),
      TEST(both_dialects_share_the_rate),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
