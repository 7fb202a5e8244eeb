/* SPDX-License-Identifier: MIT */
/*
 * Which stored lane goes to which shard: the rules at the top of
 * client/checkpoint-restore.c, one by one.
 */
#include "checkpoint-case.h"

#include "base/err.h"
#include "codec/digest.h"

enum { GOOD_AGO_MS = 5000, LATENCY_MS = 2000, HOUR_MS = 3600 * 1000 };

static const struct gcn__key handled_keys[] = {{{11, 1}}, {{12, 1}}};
static const struct gcn__key other_keys[] = {{{21, 1}}};

/* Lane `number` with topics of that name: 'a' for the first set, and so on. */
static struct gcn__checkpoint_lane lane_of(unsigned number, char topics,
                                           const char* position) {
  struct gcn__checkpoint_lane lane = {
      .lane = number,
      .position = gcn__span_str(position),
      .good_unix_ms = CASE_WALL_MS - GOOD_AGO_MS,
      .handled = handled_keys,
      .handled_count = 2,
      .channel_id = GCN__SPAN("channel-1"),
      .connect_uri = GCN__SPAN("wss://streaming.example.test/channels/1"),
      .channel_until_unix_ms = CASE_WALL_MS + HOUR_MS,
  };
  unsigned char digest[GCN__SHA256_SIZE];
  assert_true(gcn__sha256(GCN__SPAN("id"), digest));
  memcpy(lane.identity, digest, sizeof lane.identity);
  memset(lane.topics, topics, sizeof lane.topics);
  return lane;
}

/* Shards 0, 1, ... serve the sets of these names; ' ': there is no such one. */
static void serve(struct stage* stage, const char* sets) {
  for (unsigned i = 0; sets[i] != '\0'; i++) {
    stage->engine.standings[i].used = sets[i] != ' ';
    memset(stage->engine.topics[i], sets[i], GCN__ENGINE_SALT_SIZE);
  }
}

static void begin(struct stage* stage, bool stream, const char* sets) {
  case_begin(stage);
  stage->config.stream = stream;
  serve(stage, sets);
  case_open_well(stage);
}

static void restore(struct stage* stage,
                    const struct gcn__checkpoint_lane* lanes, size_t count) {
  struct gcn__checkpoint checkpoint = case_checkpoint(stage, lanes, count);
  shelf_write(&stage->shelf, 0, &checkpoint);
  case_start(stage);
}

static void end(struct stage* stage) {
  case_quit(stage);
  case_end(stage);
}

/* What shard `shard` was restored with; position NULL: none. */
static void assert_shard(const struct stage* stage, unsigned shard,
                         const char* position, bool channel,
                         uint64_t good_ago_ms) {
  const struct gcn__restored* to = &stage->engine.restored[shard];
  assert_true(stage->engine.given[shard]);
  struct gcn__position at =
      gcn__window_position(&stage->delivery.window, shard);
  if (position == NULL) {
    assert_null(to->position.data);
    assert_null(at.text.data);
  } else {
    assert_true(gcn__span_is(to->position, position));
    assert_true(gcn__span_is(at.text, position));
  }
  assert_int_equal(to->channel_id.data != NULL, channel);
  assert_int_equal(to->connect_uri.data != NULL, channel);
  /* What is told in any case; with a position the rest is only in doubt. */
  uint64_t told_ago_ms = to->must_tell ? to->good_ago_ms : UINT64_MAX;
  assert_true(told_ago_ms == good_ago_ms);
  assert_int_equal(to->handled_count,
                   gcn__window_handled_count(&stage->delivery.window, shard));
}

static const uint64_t told_ms = GOOD_AGO_MS + LATENCY_MS;

/* --- the rules ------------------------------------------------------------ */

static void test_the_same_topics_take_all(void** state) {
  (void)state;
  for (int stream = 0; stream < 2; stream++) {
    struct stage stage;
    begin(&stage, stream, "ab");
    /* In the other order. */
    const struct gcn__checkpoint_lane lanes[] = {
        lane_of(0, 'b', stream ? "pb" : NULL),
        lane_of(1, 'a', stream ? "pa" : NULL)};
    restore(&stage, lanes, 2);
    uint64_t ago_ms = stream ? UINT64_MAX : told_ms;
    assert_shard(&stage, 0, stream ? "pa" : NULL, true, ago_ms);
    assert_shard(&stage, 1, stream ? "pb" : NULL, true, ago_ms);
    assert_int_equal(stage.engine.restored[0].handled_count, 2);
    end(&stage);
  }
}

/* All that the only lane had is on the only shard, whatever came or went. */
static void test_other_topics_take_the_position(void** state) {
  (void)state;
  for (int stream = 0; stream < 2; stream++) {
    struct stage stage;
    begin(&stage, stream, "x");
    const struct gcn__checkpoint_lane lane =
        lane_of(0, 'a', stream ? "pa" : NULL);
    restore(&stage, &lane, 1);
    assert_shard(&stage, 0, stream ? "pa" : NULL, false,
                 stream ? UINT64_MAX : told_ms);
    assert_int_equal(stage.engine.restored[0].handled_count, 2);
    end(&stage);
  }
}

/* Lane 1 is the only one of which the topics can have come. */
static void test_only_lanes_that_are_left_count(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, true, "xa");
  const struct gcn__checkpoint_lane lanes[] = {lane_of(0, 'a', "pa"),
                                               lane_of(1, 'b', "pb")};
  restore(&stage, lanes, 2);
  assert_shard(&stage, 0, "pb", false, UINT64_MAX);
  assert_shard(&stage, 1, "pa", true, UINT64_MAX);
  end(&stage);
}

/* Several lanes may have had its topics: what may be missing is told. */
static void test_of_several_lanes_a_gap_is_told(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, true, "xyc");
  struct gcn__checkpoint_lane lanes[] = {
      lane_of(0, 'a', "pa"), lane_of(1, 'b', "pb"), lane_of(2, 'c', "pc")};
  lanes[1].good_unix_ms -= 100; /* the earliest of those that are left */
  lanes[2].good_unix_ms -= 500;
  restore(&stage, lanes, 3);
  assert_shard(&stage, 0, "pa", false, told_ms + 100);
  assert_shard(&stage, 1, "pb", false, told_ms + 100);
  assert_shard(&stage, 2, "pc", true, UINT64_MAX);
  end(&stage);
  /* Fewer shards than before. */
  begin(&stage, true, "x");
  restore(&stage, lanes, 2);
  assert_shard(&stage, 0, "pa", false, told_ms + 100);
  end(&stage);
}

static void test_new_topics(void** state) {
  (void)state;
  for (int stream = 0; stream < 2; stream++) {
    struct stage stage;
    begin(&stage, stream, "ax");
    const struct gcn__checkpoint_lane lane =
        lane_of(0, 'a', stream ? "pa" : NULL);
    restore(&stage, &lane, 1);
    assert_shard(&stage, 1, stream ? "pa" : NULL, false, UINT64_MAX);
    end(&stage);
  }
}

/* Topics that are subscribed after the start: nothing is forgotten until then,
 * and the next save holds it, too. */
static void test_shards_that_are_not_there_yet(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, true, "a");
  struct gcn__checkpoint_lane lanes[] = {
      lane_of(0, 'a', "pa"), lane_of(1, 'b', "pb"), lane_of(2, 'c', "pc")};
  lanes[1].handled = other_keys;
  lanes[1].handled_count = 1;
  lanes[2].handled_count = 0;
  lanes[1].good_unix_ms = lanes[2].good_unix_ms = 0;
  restore(&stage, lanes, 3);
  assert_shard(&stage, 0, "pa", true, UINT64_MAX);
  assert_shard(&stage, 1, "pb", false, UINT64_MAX);
  assert_shard(&stage, 2, "pc", false, UINT64_MAX);
  assert_false(stage.engine.given[3]);
  case_quit(&stage);
  struct gcn__checkpoint_read* read = shelf_read(&stage.shelf, 0);
  assert_int_equal(read->checkpoint.lane_count, 3);
  assert_int_equal(read->checkpoint.lanes[0].handled_count, 2);
  assert_true(
      gcn__key_same(&read->checkpoint.lanes[0].handled[0], &handled_keys[0]));
  assert_true(gcn__span_is(read->checkpoint.lanes[2].position, "pc"));
  const struct gcn__checkpoint_lane* lane = &read->checkpoint.lanes[1];
  assert_int_equal(lane->lane, 1);
  assert_true(gcn__span_is(lane->position, "pb"));
  assert_memory_equal(lane->topics, lanes[1].topics, sizeof lane->topics);
  assert_true(lane->good_unix_ms == 0);
  assert_int_equal(lane->handled_count, 1);
  assert_true(gcn__key_same(&lane->handled[0], &other_keys[0]));
  gcn__checkpoint_free(read);
  case_end(&stage);
}

/* Two shards without topics: nothing is taken twice. */
static void test_a_lane_is_taken_once(void** state) {
  (void)state;
  struct stage stage;
  begin(&stage, true, "aa");
  const struct gcn__checkpoint_lane lane = lane_of(0, 'a', "pa");
  restore(&stage, &lane, 1);
  assert_shard(&stage, 0, "pa", true, UINT64_MAX);
  assert_shard(&stage, 1, "pa", false, UINT64_MAX);
  end(&stage);
}

/* --- clocks and channels -------------------------------------------------- */

static void expect_channel(const struct gcn__checkpoint_lane* lane,
                           bool offered, uint64_t left_ms) {
  struct stage stage;
  begin(&stage, false, "a");
  restore(&stage, lane, 1);
  const struct gcn__restored* to = &stage.engine.restored[0];
  assert_shard(&stage, 0, NULL, offered, told_ms);
  if (offered) {
    assert_true(gcn__span_is(to->channel_id, "channel-1"));
    assert_true(to->channel_left_ms == left_ms);
  }
  end(&stage);
}

static void test_channels(void** state) {
  (void)state;
  struct gcn__checkpoint_lane lane = lane_of(0, 'a', NULL);
  expect_channel(&lane, true, HOUR_MS);
  lane.channel_until_unix_ms = CASE_WALL_MS + 1;
  expect_channel(&lane, true, 1);
  lane.channel_until_unix_ms = CASE_WALL_MS;
  expect_channel(&lane, false, 0);
  lane.channel_until_unix_ms = CASE_WALL_MS - HOUR_MS;
  expect_channel(&lane, false, 0);
  /* The wall clock was set back: no channel lives for a year. */
  lane.channel_until_unix_ms = CASE_WALL_MS + INT64_C(366) * 24 * HOUR_MS;
  expect_channel(&lane, true, (uint64_t)24 * HOUR_MS);
  lane = lane_of(0, 'a', NULL);
  lane.identity[0] ^= 1;
  expect_channel(&lane, false, 0);
  lane = lane_of(0, 'a', NULL);
  lane.channel_id = lane.connect_uri = (struct gcn__span){NULL, 0};
  expect_channel(&lane, false, 0);
}

/* The client id was changed before the start. */
static void test_another_client_id(void** state) {
  (void)state;
  struct stage stage;
  const struct gcn__checkpoint_lane lane = lane_of(0, 'a', NULL);
  begin(&stage, false, "a");
  gcn__checkpointer_identify(&stage.client, "other");
  restore(&stage, &lane, 1);
  assert_shard(&stage, 0, NULL, false, told_ms);
  end(&stage);
  begin(&stage, false, "a");
  gcn__checkpointer_identify(&stage.client, "other");
  gcn__checkpointer_identify(&stage.client, "id");
  restore(&stage, &lane, 1);
  assert_shard(&stage, 0, NULL, true, told_ms);
  end(&stage);
}

static void test_clocks(void** state) {
  (void)state;
  struct stage stage;
  struct gcn__checkpoint_lane lane = lane_of(0, 'a', NULL);
  lane.good_unix_ms = 0; /* it was never good, so nothing was promised */
  begin(&stage, false, "a");
  restore(&stage, &lane, 1);
  assert_shard(&stage, 0, NULL, true, UINT64_MAX);
  end(&stage);
  lane.good_unix_ms = CASE_WALL_MS + HOUR_MS; /* the clock was set back */
  begin(&stage, false, "a");
  restore(&stage, &lane, 1);
  assert_shard(&stage, 0, NULL, true, LATENCY_MS);
  end(&stage);
  /* The stream dialect without a position. */
  lane = lane_of(0, 'a', NULL);
  begin(&stage, true, "a");
  restore(&stage, &lane, 1);
  assert_shard(&stage, 0, NULL, true, told_ms);
  end(&stage);
}

static void test_a_position_that_is_a_time(void** state) {
  (void)state;
  struct stage stage;
  struct gcn__checkpoint_lane lane = lane_of(0, 'a', "2026-11-21T10:00:00Z");
  lane.is_time = true;
  begin(&stage, true, "a");
  restore(&stage, &lane, 1);
  assert_true(stage.engine.restored[0].is_time);
  assert_true(gcn__window_position(&stage.delivery.window, 0).is_time);
  end(&stage);
}

/* Nothing is half restored: what an attempt without memory left behind is as
 * the next one would have it. */
static void test_again_after_a_lack_of_memory(void** state) {
  (void)state;
  struct stage stage;
  const struct gcn__checkpoint_lane lanes[] = {lane_of(0, 'a', "pa"),
                                               lane_of(1, 'b', "pb")};
  begin(&stage, true, "ab");
  stage.engine.restore_error = GCN__ENOMEM;
  struct gcn__checkpoint checkpoint = case_checkpoint(&stage, lanes, 2);
  shelf_write(&stage.shelf, 0, &checkpoint);
  case_command(&stage, GCN__COMMAND_START);
  assert_false(stage.engine.given[0]);
  stage.engine.restore_error = 0;
  case_pass(&stage, 1000);
  assert_shard(&stage, 0, "pa", true, UINT64_MAX);
  assert_shard(&stage, 1, "pb", true, UINT64_MAX);
  assert_int_equal(gcn__window_handled_count(&stage.delivery.window, 1), 2);
  end(&stage);
}

static void test_a_position_that_is_none(void** state) {
  (void)state;
  struct stage stage;
  struct gcn__checkpoint_lane lane = lane_of(0, 'a', "");
  begin(&stage, true, "a");
  struct gcn__checkpoint checkpoint = case_checkpoint(&stage, &lane, 1);
  shelf_write(&stage.shelf, 0, &checkpoint);
  case_command(&stage, GCN__COMMAND_START);
  assert_int_equal(stage.engine.commands, 0);
  assert_int_equal(stage.engine.unreadable, 1);
  assert_non_null(strstr(stage.engine.text, "it is damaged"));
  end(&stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_same_topics_take_all),
      cmocka_unit_test(test_other_topics_take_the_position),
      cmocka_unit_test(test_only_lanes_that_are_left_count),
      cmocka_unit_test(test_of_several_lanes_a_gap_is_told),
      cmocka_unit_test(test_new_topics),
      cmocka_unit_test(test_shards_that_are_not_there_yet),
      cmocka_unit_test(test_a_lane_is_taken_once),
      cmocka_unit_test(test_channels),
      cmocka_unit_test(test_another_client_id),
      cmocka_unit_test(test_clocks),
      cmocka_unit_test(test_a_position_that_is_a_time),
      cmocka_unit_test(test_again_after_a_lack_of_memory),
      cmocka_unit_test(test_a_position_that_is_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
