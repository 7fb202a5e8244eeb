/* SPDX-License-Identifier: MIT */
/*
 * The simulated service's stream dialect: going on at a position, by id or by
 * moment, and what becomes of positions that are not there.
 */
#include "stream-peer.h"

#include "sim/stream-history.h"
#include "sim/text.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

static struct sim_world world;
static struct sim_link rest;
static struct sim_link link1;
static struct stream_batch batch;
static char token[SIM_TEXT_SIZE];
static char position[64];

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  return 0;
}

static void begin(const char* script) {
  sim_world_open(&world, script);
  sim_link_open(&rest, &world);
  sim_link_open(&link1, &world);
  sim_token(&rest, token);
}

static int tear_down(void** state) {
  (void)state;
  sim_link_close(&rest);
  sim_link_close(&link1);
  sim_world_close(&world);
  return 0;
}

/* A stream on a connection of its own; `value` NULL: without a position. */
static unsigned reopen(const char* name, const char* value, const char* more) {
  char params[STREAM_TARGET_SIZE] = "?";
  sim_link_close(&link1);
  sim_link_open(&link1, &world);
  if (value != NULL) stream_add_param(params, name, value);
  size_t size = strlen(params);
  snprintf(params + size, sizeof params - size, "%s", more);
  return stream_open(&link1, token, STREAM_QUEUE, params + 1);
}

/* A stream that has seen five events; its position. */
static void see_five(void) {
  assert_int_equal(reopen("", NULL, "&maxBatchSize=5"), 101);
  stream_emit(&world, 5);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 5);
  memcpy(position, batch.last, sizeof position);
}

static void nothing_is_lost_nor_repeated(void** state) {
  (void)state;
  begin(NULL);
  see_five();
  uint64_t seen = batch.sequences[4];
  sim_link_close(&link1);
  sim_link_open(&link1, &world);
  stream_emit(&world, 7);
  assert_int_equal(reopen("lastEventId", position, "&maxBatchSize=4"), 101);
  sim_world_pump(&world);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 4);
  assert_int_equal(batch.sequences[0], seen + 1);
  assert_string_equal(batch.resumed, "");
  sim_world_advance(&world, 1000);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 3);
  assert_int_equal(batch.sequences[2], seen + 7);
  struct gcn__sim_counters counters = sim_world_counters(&world);
  assert_int_equal(counters.streams_resumed, 1);
  assert_int_equal(counters.resumes_lost, 0);
  assert_int_equal(counters.events_repeated, 0);
}

/* The ids have a '+', which a query that is not encoded turns into a space. */
static void an_id_that_was_not_encoded_is_not_known(void** state) {
  (void)state;
  char more[128];
  begin(NULL);
  see_five();
  snprintf(more, sizeof more, "&lastEventId=%s", position);
  assert_int_equal(reopen("", NULL, more), 101);
  assert_int_equal(sim_next_close(&link1), 4410);
}

static void idle_batches_move_the_position(void** state) {
  (void)state;
  begin(NULL);
  assert_int_equal(reopen("", NULL, "&maxLatency=1000"), 101);
  gcn__sim_stream_emit(world.sim, "routing.queueEvents", "q", NULL,
                       GCN__SPAN(""), world.now_ms);
  /* What the stream does not want is covered, too. */
  assert_int_equal(gcn__sim_emit(world.sim, "v2.users.u.presence",
                                 GCN__SPAN("{}"), world.now_ms),
                   0);
  sim_world_advance(&world, 1000);
  assert_int_equal(stream_count(&link1, &batch), 1);
  sim_world_advance(&world, 1000);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.count, 0);
  char moment[GCN__SIM_ISO_SIZE];
  gcn__sim_iso(world.options.wall_base_ms + world.now_ms, moment);
  assert_string_equal(batch.timestamp, moment);
  memcpy(position, batch.last, sizeof position);
  stream_emit(&world, 1);
  assert_int_equal(reopen("lastEventId", position, "&maxBatchSize=1"), 101);
  sim_world_pump(&world);
  assert_int_equal(stream_count(&link1, &batch), 1);
}

static void an_unknown_position_ends_the_stream(void** state) {
  (void)state;
  begin("expect no more-than 0 resume-lost per 1d");
  see_five();
  assert_null(gcn__sim_failure(world.sim));
  assert_int_equal(reopen("lastEventId", "nonsense", ""), 101);
  assert_int_equal(sim_next_close(&link1), 4410);
  assert_non_null(gcn__sim_failure(world.sim));
  assert_int_equal(reopen("since", "yesterday", ""), 101);
  assert_int_equal(sim_next_close(&link1), 4410);
  /* One of ours, but nothing has happened there yet. */
  gcn__sim_event_id(1000000, position);
  assert_int_equal(reopen("lastEventId", position, ""), 101);
  assert_int_equal(sim_next_close(&link1), 4410);
  assert_int_equal(sim_world_counters(&world).resumes_lost, 3);
  assert_int_equal(sim_world_counters(&world).sockets_open, 0);
}

static void an_old_position_ends_the_stream(void** state) {
  (void)state;
  world.options.stream_retention_ms = 60000;
  begin(NULL);
  see_five();
  stream_emit(&world, 1);
  sim_world_advance(&world, 59999);
  assert_int_equal(reopen("lastEventId", position, "&maxBatchSize=1"), 101);
  assert_int_equal(stream_count(&link1, &batch), 1);
  sim_world_advance(&world, 1);
  assert_int_equal(reopen("lastEventId", position, ""), 101);
  assert_int_equal(sim_next_close(&link1), 4410);
  /* At the end of what was forgotten nothing is missing. */
  assert_int_equal(reopen("lastEventId", batch.last, ""), 101);
  assert_int_equal(sim_next_close(&link1), 0);
  assert_int_equal(sim_world_counters(&world).sockets_open, 1);
}

static void the_number_of_events_is_bounded_too(void** state) {
  (void)state;
  world.options.stream_history_max = 100;
  begin(NULL);
  see_five();
  stream_emit(&world, 100);
  assert_int_equal(reopen("lastEventId", position, ""), 101);
  assert_int_equal(stream_count(&link1, &batch), 100);
  stream_emit(&world, 1);
  assert_int_equal(reopen("lastEventId", position, ""), 101);
  assert_int_equal(sim_next_close(&link1), 4410);
}

static void a_lost_position_may_go_on_from_now(void** state) {
  (void)state;
  world.options.stream_lost_goes_on = true;
  begin(NULL);
  see_five();
  assert_int_equal(
      reopen("lastEventId", "nonsense", "&maxLatency=1000&maxBatchSize=1"),
      101);
  assert_false(stream_next(&link1, &batch));
  uint64_t last = stream_emit(&world, 2);
  assert_true(stream_next(&link1, &batch));
  assert_string_equal(batch.resumed, "false");
  assert_int_equal(batch.sequences[0], last - 1);
  assert_true(stream_next(&link1, &batch));
  assert_string_equal(batch.resumed, "");
}

static void a_resume_may_be_told_and_repeat(void** state) {
  (void)state;
  world.options.stream_tells_resumed = true;
  world.options.stream_repeat = 3;
  begin(NULL);
  see_five();
  uint64_t seen = batch.sequences[4];
  stream_emit(&world, 2);
  assert_int_equal(reopen("lastEventId", position, "&maxBatchSize=5"), 101);
  sim_world_pump(&world);
  assert_true(stream_next(&link1, &batch));
  assert_string_equal(batch.resumed, "true");
  assert_int_equal(batch.count, 5);
  assert_int_equal(batch.sequences[0], seen - 2);
  assert_int_equal(batch.sequences[4], seen + 2);
  assert_int_equal(sim_world_counters(&world).events_repeated, 3);
}

static void a_moment_is_a_position_too(void** state) {
  (void)state;
  char moment[GCN__SIM_ISO_SIZE];
  begin("on connect batch.no-id times=100");
  assert_int_equal(reopen("", NULL, "&maxBatchSize=1&maxLatency=1000"), 101);
  stream_emit(&world, 1);
  assert_true(stream_next(&link1, &batch));
  assert_string_equal(batch.last, "");
  gcn__sim_iso(world.options.wall_base_ms + world.now_ms, moment);
  assert_string_equal(batch.timestamp, moment);
  uint64_t seen = batch.sequences[0];
  sim_world_advance(&world, 1);
  stream_emit(&world, 1);
  assert_int_equal(reopen("since", moment, "&maxBatchSize=1"), 101);
  sim_world_pump(&world);
  assert_true(stream_next(&link1, &batch));
  /* Of the same millisecond: rather twice than never. */
  assert_int_equal(batch.sequences[0], seen);
  assert_true(stream_next(&link1, &batch));
  assert_int_equal(batch.sequences[0], seen + 1);
}

/* An event at that moment is found by it, and not by the next one. */
static void find_moment(uint64_t wall_ms) {
  char moment[GCN__SIM_ISO_SIZE];
  world.options.wall_base_ms = wall_ms - world.now_ms;
  begin(NULL);
  see_five();
  gcn__sim_iso(wall_ms, moment);
  assert_int_equal(reopen("since", moment, "&maxBatchSize=5"), 101);
  sim_world_pump(&world);
  assert_int_equal(stream_count(&link1, &batch), 5);
  gcn__sim_iso(wall_ms + 1, moment);
  assert_int_equal(reopen("since", moment, "&maxBatchSize=5"), 101);
  sim_world_pump(&world);
  assert_int_equal(stream_count(&link1, &batch), 0);
}

static void moments_are_read_as_the_calendar_says(void** state) {
  /* Leap days and the ends of years and centuries. */
  static const uint64_t walls[] = {
      UINT64_C(1709164799999), UINT64_C(1709164800000), UINT64_C(1709251200000),
      UINT64_C(951782400000),  UINT64_C(978307199999),  UINT64_C(4107542400000),
      UINT64_C(4108000000123),
  };
  for (size_t i = 0; i < sizeof walls / sizeof walls[0]; i++) {
    find_moment(walls[i]);
    tear_down(state);
    set_up(state);
  }
  begin(NULL);
}

static void what_is_no_moment_is_lost(void** state) {
  (void)state;
  static const char* const bad[] = {
      "2031-04-02T08:15:30Z",     "2031-13-02T08:15:30.123Z",
      "2031-04-02 08:15:30.123Z", "2031-04-02T08:15:30.123",
      "2031-04-02T24:15:30.123Z", "2031-04-02T08:15:3x.123Z"};
  begin(NULL);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(reopen("since", bad[i], ""), 101);
    assert_int_equal(sim_next_close(&link1), 4410);
  }
}

static void the_org_goes_on_while_nobody_listens(void** state) {
  (void)state;
  world.options.events_per_ks = 10000;
  begin(NULL);
  assert_int_equal(reopen("", NULL, "&maxBatchSize=1"), 101);
  sim_world_advance(&world, 1000);
  size_t seen = stream_count(&link1, &batch);
  assert_int_equal(seen, 10);
  memcpy(position, batch.last, sizeof position);
  sim_say_close(&link1, 1000);
  sim_world_advance(&world, 30000);
  assert_int_equal(reopen("lastEventId", position, ""), 101);
  sim_world_pump(&world);
  assert_int_equal(stream_count(&link1, &batch), 300);
}

static void thread_c_resumes_by_query_or_message(void** state) {
  (void)state;
  char target[STREAM_TARGET_SIZE] = "/api/v2/notification/events";
  char message[256];
  begin(NULL);
  see_five();
  stream_emit(&world, 2);
  stream_add_param(target, "lastEventId", position);
  sim_link_close(&link1);
  sim_link_open(&link1, &world);
  assert_int_equal(sim_upgrade_at(&link1, target, token), 101);
  sim_say(&link1, GCN__WS_TEXT, "{\"subscriptions\":[" STREAM_QUEUE "]}");
  sim_world_advance(&world, 1000);
  assert_int_equal(stream_count(&link1, &batch), 2);
  sim_link_close(&link1);
  sim_link_open(&link1, &world);
  assert_int_equal(sim_upgrade_at(&link1, "/api/v2/notification/events", token),
                   101);
  snprintf(message, sizeof message,
           "{\"subscriptions\":[" STREAM_QUEUE "],\"lastEventId\":\"%s\"}",
           position);
  sim_say(&link1, GCN__WS_TEXT, message);
  sim_world_advance(&world, 1000);
  assert_int_equal(stream_count(&link1, &batch), 2);
  assert_int_equal(sim_world_counters(&world).streams_resumed, 2);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(nothing_is_lost_nor_repeated),
      TEST(an_id_that_was_not_encoded_is_not_known),
      TEST(idle_batches_move_the_position),
      TEST(an_unknown_position_ends_the_stream),
      TEST(an_old_position_ends_the_stream),
      TEST(the_number_of_events_is_bounded_too),
      TEST(a_lost_position_may_go_on_from_now),
      TEST(a_resume_may_be_told_and_repeat),
      TEST(a_moment_is_a_position_too),
      TEST(moments_are_read_as_the_calendar_says),
      TEST(what_is_no_moment_is_lost),
      TEST(the_org_goes_on_while_nobody_listens),
      TEST(thread_c_resumes_by_query_or_message),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
