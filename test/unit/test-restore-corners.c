/* SPDX-License-Identifier: MIT */
/*
 * What the last run left, taken up by the engine: what of it is used, what is
 * passed over, and what is told.
 */
#include "engine-stage.h"

#include "base/err.h"
#include "check.h"
#include "codec/digest.h"
#include "engine/objects.h"
#include "mem-probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN_AFTER_MS = 60000, LONG_SIZE = 4000 };

static const unsigned char salt[GCN__ENGINE_SALT_SIZE];

static const char channel_uri[] = "ws://gc.test:82/channels/CHANNEL-9";

static struct gcn__restored channel_of(const char* id, const char* uri) {
  return (struct gcn__restored){
      .good_ago_ms = UINT64_MAX,
      .channel_id = gcn__span_str(id),
      .connect_uri = gcn__span_str(uri),
      .channel_left_ms = 3600000,
  };
}

static void add_topic(struct player* player, const char* name) {
  player_begin(player);
  assert_int_equal(gcn__engine_topics_add(player->engine, &name, 1), 0);
}

static int restore(struct player* player, const struct gcn__restored* from,
                   size_t count) {
  player_begin(player);
  return gcn__engine_restore(player->engine, salt, from, count, player->now_ms);
}

static void a_channel_is_taken_up_without_a_request(void** state) {
  (void)state;
  struct player player;
  player_init(&player, CUT_WHOLE);
  add_topic(&player, "v2.a");
  const struct gcn__restored from = channel_of("CHANNEL-9", channel_uri);
  assert_int_equal(restore(&player, &from, 1), 0);
  struct gcn__standing standing = gcn__engine_standing(player.engine, 0);
  assert_true(gcn__span_is(standing.channel_id, "CHANNEL-9"));
  assert_true(gcn__span_is(standing.connect_uri, channel_uri));
  assert_int_equal(standing.channel_left_ms, 3600000);
  player_command(&player, GCN__COMMAND_START);
  stage_expect(&player, "> open stream gc.test:82\n"
                        "> state IDLE -> CONNECTING by START, attempt 1\n");
  player_linked(&player, GCN__WIRE_STREAM);
  stage_expect_part(&player, "> send stream GET /channels/CHANNEL-9");
  stage_upgrade(&player, "stream");
  stage_expect_part(&player, "SUBSCRIBING -> STREAMING by CONFIRMED");
  player_deinit(&player);
}

/* What must not be used is not there: the start is one without a channel. */
static void channels_that_must_not_be_used_are_passed_over(void** state) {
  char long_id[LONG_SIZE];
  memset(long_id, 'x', sizeof long_id - 1);
  long_id[sizeof long_id - 1] = '\0';
  const struct gcn__restored cases[] = {
      channel_of("CHANNEL-9", "ws://evil.test:82/channels/CHANNEL-9"),
      channel_of("CHANNEL-9", "no URL"),
      channel_of("CHANNEL-9", "wss://streaming.gc.test/channels/CHANNEL-9"),
      channel_of(long_id, channel_uri),
      channel_of("", channel_uri),
      {.shard = GCN__SHARD_COUNT_MAX,
       .good_ago_ms = 5000,
       .channel_id = gcn__span_str("CHANNEL-9"),
       .connect_uri = gcn__span_str(channel_uri)},
      /* Nobody serves this shard. */
      {.shard = 3,
       .good_ago_ms = 5000,
       .channel_id = gcn__span_str("CHANNEL-9"),
       .connect_uri = gcn__span_str(channel_uri)},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct player player;
    player_init(&player, CUT_WHOLE);
    add_topic(&player, "v2.a");
    assert_int_equal(restore(&player, &cases[i], 1), 0);
    assert_null(gcn__engine_standing(player.engine, 0).channel_id.data);
    player_command(&player, GCN__COMMAND_START);
    stage_expect(&player, "> open login gc.test:81\n"
                          "> open api gc.test:82\n"
                          "> state IDLE -> CONNECTING by START, attempt 1\n");
    player_deinit(&player);
  }
}

static void of_two_records_the_first_counts(void** state) {
  (void)state;
  struct player player;
  player_init(&player, CUT_WHOLE);
  add_topic(&player, "v2.a");
  struct gcn__restored from[] = {
      channel_of("CHANNEL-9", channel_uri),
      channel_of("CHANNEL-8", "ws://gc.test:82/channels/CHANNEL-8"),
  };
  from[0].good_ago_ms = 5000;
  from[1].good_ago_ms = 9000;
  assert_int_equal(restore(&player, from, 2), 0);
  struct gcn__standing standing = gcn__engine_standing(player.engine, 0);
  assert_true(gcn__span_is(standing.channel_id, "CHANNEL-9"));
  player_command(&player, GCN__COMMAND_START);
  player_linked(&player, GCN__WIRE_STREAM);
  stage_forget(&player);
  stage_upgrade(&player, "stream");
  /* The gap since the first one's good moment. */
  stage_expect_part(&player, "> gap from 995000 to 1000000 by START\n");
  player_deinit(&player);
}

static void there_is_nothing_to_say_of_no_shard(void** state) {
  (void)state;
  struct player player;
  player_init(&player, CUT_WHOLE);
  player_begin(&player);
  assert_true(gcn__engine_standing(player.engine, 0).used);
  assert_false(gcn__engine_standing(player.engine, 1).used);
  assert_false(gcn__engine_standing(player.engine, GCN__SHARD_COUNT_MAX).used);
  player_deinit(&player);
}

/* --- the stream dialect --------------------------------------------------- */

static void begin_stream(struct player* player) {
  player_init(player, CUT_WHOLE);
  player_preset(player, "guide");
  add_topic(player, "a.one");
}

/* Streams; what is seen last is what the confirmation led to. */
static void open_stream(struct player* player) {
  player_command(player, GCN__COMMAND_START | GCN__COMMAND_TOPICS);
  player_linked(player, GCN__WIRE_LOGIN);
  stage_answer(player, "login",
               "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
               "\"expires_in\":86399}");
  player_linked(player, GCN__WIRE_STREAM);
  stage_upgrade(player, "stream");
  stage_forget(player);
  stage_say(player, "stream",
            "{\"lastEventId\":\"e-2\",\"events\":[{\"id\":\"e-1\",\"event\":"
            "\"a\"},{\"id\":\"e-2\",\"event\":\"a\"}]}");
}

static struct gcn__restored position_of(const char* text, uint64_t ago_ms) {
  return (struct gcn__restored){.position = gcn__span_str(text),
                                .good_ago_ms = ago_ms};
}

static void a_gap_that_must_be_told_is(void** state) {
  (void)state;
  struct player player;
  begin_stream(&player);
  struct gcn__restored from = position_of("e-0", 5000);
  from.must_tell = true;
  assert_int_equal(restore(&player, &from, 1), 0);
  open_stream(&player);
  stage_expect_part(&player, "> gap from 995000 to 1000000 by START\n");
  assert_int_equal(gcn__engine_counters(player.engine)->resumed, 1);
  player_deinit(&player);
}

/* Nor does it lose that when the doubt of another record joins it. */
static void a_gap_stays_one_that_must_be_told(void** state) {
  (void)state;
  struct player player;
  begin_stream(&player);
  struct gcn__restored from[] = {position_of("e-0", 9000),
                                 position_of("e-0", 5000)};
  from[1].must_tell = true;
  assert_int_equal(restore(&player, from, 2), 0);
  player_command(&player, GCN__COMMAND_START | GCN__COMMAND_TOPICS);
  player_linked(&player, GCN__WIRE_LOGIN);
  stage_answer(&player, "login",
               "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
               "\"expires_in\":86399}");
  player_linked(&player, GCN__WIRE_STREAM);
  stage_hear(&player, "stream",
             "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n");
  stage_expect_part(&player, "BACKING_OFF");
  assert_int_equal(gcn__engine_counters(player.engine)->resumes_lost, 1);
  assert_true(player_wait_deadline(&player));
  player_linked(&player, GCN__WIRE_STREAM);
  stage_upgrade(&player, "stream");
  stage_forget(&player);
  stage_say(&player, "stream", "{\"events\":[]}");
  stage_expect_part(&player, "> gap from 991000 to ");
  player_deinit(&player);
}

static void with_a_position_it_is_in_doubt_only(void** state) {
  (void)state;
  struct player player;
  begin_stream(&player);
  const struct gcn__restored from = position_of("e-0", 5000);
  assert_int_equal(restore(&player, &from, 1), 0);
  /* What is stored is no better than what was restored. */
  assert_int_equal(gcn__engine_standing(player.engine, 0).good_ms, 995000);
  open_stream(&player);
  char* notes = player_notes(&player);
  assert_null(strstr(notes, "gap"));
  free(notes);
  player_deinit(&player);
}

/* Of another run, which our clock does not reach. */
static void a_gap_may_begin_before_our_clock(void** state) {
  (void)state;
  struct player player;
  begin_stream(&player);
  const struct gcn__restored from = {.good_ago_ms = 1500000};
  assert_int_equal(restore(&player, &from, 1), 0);
  assert_int_equal(gcn__engine_standing(player.engine, 0).good_ms, 0);
  open_stream(&player);
  stage_expect_part(&player,
                    "> gap from 0 to 1000000 by START, 500000 before\n");
  player_deinit(&player);
}

static void a_position_that_is_too_long_is_none(void** state) {
  (void)state;
  char text[LONG_SIZE];
  struct player player;
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  begin_stream(&player);
  const struct gcn__restored from = position_of(text, UINT64_MAX);
  assert_int_equal(restore(&player, &from, 1), 0);
  open_stream(&player);
  assert_int_equal(gcn__engine_counters(player.engine)->resumed, 0);
  player_deinit(&player);
}

static struct gcn__key key_of(const char* id) {
  char text[GCN__ENGINE_SALT_SIZE + 16] = {0};
  unsigned char digest[GCN__SHA256_SIZE];
  struct gcn__key key;
  size_t size = strlen(id);
  assert_in_range(size, 1, 16);
  memcpy(text + GCN__ENGINE_SALT_SIZE, id, size);
  struct gcn__span whole = gcn__span(text, GCN__ENGINE_SALT_SIZE + size);
  assert_true(gcn__sha256(whole, digest));
  memcpy(key.words, digest, sizeof key.words);
  return key;
}

static void what_was_handled_is_passed_over(void** state) {
  (void)state;
  struct player player;
  begin_stream(&player);
  const struct gcn__key handled = key_of("e-1");
  struct gcn__restored from = position_of("e-0", UINT64_MAX);
  from.handled = &handled;
  from.handled_count = 1;
  assert_int_equal(restore(&player, &from, 1), 0);
  open_stream(&player);
  stage_expect_part(&player, "> event 1 a {\"id\":\"e-2\"");
  assert_int_equal(gcn__engine_counters(player.engine)->repeated, 1);
  player_deinit(&player);
}

static size_t name_it(void* ctx, const struct gcn__event* event, char* id,
                      size_t size) {
  (void)ctx;
  (void)event;
  assert_true(size >= 3);
  memcpy(id, "e-1", 3);
  return 3;
}

/* The channels dialect repeats nothing, so that only what another process has
 * handled just now is passed over. */
static void for_a_minute_only_with_channels(void** state) {
  static const char text[] = "{\"topicName\":\"v2.a\",\"eventBody\":1}";
  (void)state;
  const struct gcn__key handled = key_of("e-1");
  const struct gcn__restored from = {
      .good_ago_ms = UINT64_MAX, .handled = &handled, .handled_count = 1};
  struct player player;
  player_init(&player, CUT_WHOLE);
  player.options.id_choice.choose = name_it;
  assert_int_equal(restore(&player, &from, 1), 0);
  stage_stream(&player);
  stage_say(&player, "stream", text);
  stage_expect(&player, "");
  assert_int_equal(gcn__engine_counters(player.engine)->repeated, 1);
  player_pause(&player, true); /* silence is no crime */
  player_wait(&player, SEEN_AFTER_MS);
  player_pause(&player, false);
  stage_forget(&player);
  stage_say(&player, "stream", text);
  stage_expect_part(&player, "> event 1 v2.a 1");
  player_deinit(&player);
}

/* --- memory --------------------------------------------------------------- */

/* The n-th allocation of the restore fails: the engine is as it was. */
static bool survives(const char* preset, const struct gcn__restored* from,
                     size_t at) {
  struct mem_probe probe = {.fail_at = 0};
  struct player player;
  player_init(&player, CUT_WHOLE);
  player.options.mem = mem_probe_mem(&probe);
  if (preset != NULL) player_preset(&player, preset);
  add_topic(&player, "v2.a");
  probe.fail_at = probe.count + at;
  int error = restore(&player, from, 1);
  bool failed = probe.count >= probe.fail_at;
  probe.fail_at = 0;
  assert_int_equal(error, failed ? GCN__ENOMEM : 0);
  struct gcn__standing standing = gcn__engine_standing(player.engine, 0);
  if (failed) assert_null(standing.channel_id.data);
  if (failed) assert_null(player.engine->shards[0]->position);
  if (failed) assert_false(gcn__seen_has(&player.engine->seen, *from->handled));
  /* And can be told again. */
  assert_int_equal(restore(&player, from, 1), 0);
  assert_true(gcn__seen_has(&player.engine->seen, *from->handled));
  player_deinit(&player);
  assert_int_equal(probe.live_size, 0);
  return failed;
}

static void without_memory_nothing_is_restored(void** state) {
  (void)state;
  const struct gcn__key handled = key_of("e-1");
  struct gcn__restored channel = channel_of("CHANNEL-9", channel_uri);
  channel.handled = &handled;
  channel.handled_count = 1;
  struct gcn__restored position = position_of("e-0", UINT64_MAX);
  position.handled = &handled;
  position.handled_count = 1;
  size_t channel_count = 1;
  while (survives(NULL, &channel, channel_count))
    channel_count++;
  size_t position_count = 1;
  while (survives("guide", &position, position_count))
    position_count++;
  assert_in_range(channel_count, 2, 20);
  assert_in_range(position_count, 2, 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_channel_is_taken_up_without_a_request),
      cmocka_unit_test(channels_that_must_not_be_used_are_passed_over),
      cmocka_unit_test(of_two_records_the_first_counts),
      cmocka_unit_test(there_is_nothing_to_say_of_no_shard),
      cmocka_unit_test(a_gap_that_must_be_told_is),
      cmocka_unit_test(a_gap_stays_one_that_must_be_told),
      cmocka_unit_test(with_a_position_it_is_in_doubt_only),
      cmocka_unit_test(a_gap_may_begin_before_our_clock),
      cmocka_unit_test(a_position_that_is_too_long_is_none),
      cmocka_unit_test(what_was_handled_is_passed_over),
      cmocka_unit_test(for_a_minute_only_with_channels),
      cmocka_unit_test(without_memory_nothing_is_restored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
