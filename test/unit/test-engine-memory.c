/* SPDX-License-Identifier: MIT */
/*
 * What an engine keeps when it is idle, and that what it takes late is there
 * when it is needed.
 */
#include "engine-stage.h"

#include "check.h"
#include "engine-peer.h"
#include "engine/internal.h"
#include "mem-probe.h"

#include <stdio.h>
#include <string.h>

enum {
  IDLE_SIZE_MAX = 24 * 1024, /* of one that streams, without TLS */
  BURST_SIZE = 60 * 1024,
  QUIET_MS = 10000, /* of src/engine/rest.c */
};

static void begin(struct player* player, struct mem_probe* probe) {
  player_init(player, CUT_WHOLE);
  player->options.mem = mem_probe_mem(probe);
  stage_stream(player);
  stage_forget(player);
}

static void end(struct player* player, const struct mem_probe* probe) {
  player_deinit(player);
  assert_int_equal(probe->live_size, 0);
}

/* Time passes, and there is a sign of life. */
static void beat(struct player* player, uint64_t delay_ms) {
  player_wait(player, delay_ms);
  stage_say(player, "stream",
            "{\"topicName\":\"channel.metadata\",\"eventBody\":"
            "{\"message\":\"WebSocket Heartbeat\"}}");
  stage_forget(player);
}

/* Events are not read for a while, and then told all at once. */
static void burst(struct player* player) {
  static const char event[] = "{\"topicName\":\"v2.a\",\"eventBody\":1}";
  player_pause(player, true);
  for (size_t size = 0; size < BURST_SIZE; size += sizeof event)
    stage_say(player, "stream", event);
  player_pause(player, false);
  stage_forget(player);
}

static void an_idle_engine_is_small(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 0};
  struct player player;
  begin(&player, &probe);
  beat(&player, QUIET_MS);
  beat(&player, QUIET_MS); /* the API's connection has gone meanwhile */
  print_message("# %zu bytes\n", probe.live_size);
  assert_in_range(probe.live_size, 4096, IDLE_SIZE_MAX);
  end(&player, &probe);
}

static void what_a_burst_took_is_given_back(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 0};
  struct player player;
  begin(&player, &probe);
  beat(&player, QUIET_MS);
  beat(&player, QUIET_MS);
  size_t before = probe.live_size;
  burst(&player);
  size_t count = probe.count;
  assert_true(probe.live_size > before + BURST_SIZE / 2);
  burst(&player); /* the next one takes nothing, ... */
  beat(&player, QUIET_MS / 2);
  burst(&player);
  assert_int_equal(probe.count, count);
  beat(&player, QUIET_MS); /* ... until it is quiet */
  assert_true(probe.live_size <= before);
  end(&player, &probe);
}

/* A part of a message is no spare memory. */
static void what_is_unread_stays(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 0};
  struct player player;
  begin(&player, &probe);
  beat(&player, QUIET_MS);
  player_pause(&player, true);
  stage_say(&player, "stream", "{\"topicName\":\"v2.a\",\"eventBody\":2}");
  player_wait(&player, 3 * QUIET_MS);
  player_pause(&player, false);
  stage_expect_part(&player, "v2.a 2");
  end(&player, &probe);
}

/* --- the ring of effects -------------------------------------------------- */

static unsigned told; /* changes of state, since it was set to 0 */

static void count_states(struct peer* peer, const struct gcn__effect* effect) {
  (void)peer;
  if (effect->kind == GCN__EFFECT_STATE) told++;
}

/* The first one's is given up last. */
static void all_shards_are_given_up_at_once(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct peer peer;
  char texts[GCN__SHARD_COUNT_MAX][8];
  const char* names[GCN__SHARD_COUNT_MAX];
  assert_int_equal(peer_init(&peer, &mem), 0);
  assert_int_equal(peer.engine->ring_size, GCN__EFFECT_RING_SIZE);
  struct gcn__planner_limits* limits = &peer.engine->planner.limits;
  limits->shard_count_max = GCN__SHARD_COUNT_MAX;
  for (int i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    snprintf(texts[i], sizeof texts[i], "v2.%c", 'a' + i);
    names[i] = texts[i];
  }
  assert_int_equal(
      gcn__engine_topics_add(peer.engine, names, GCN__SHARD_COUNT_MAX), 0);
  peer_command(&peer, GCN__COMMAND_TOPICS | GCN__COMMAND_START);
  peer_wait(&peer, 60000);
  assert_int_equal(gcn__engine_shard_count(peer.engine), GCN__SHARD_COUNT_MAX);
  peer.act = count_states;
  told = 0;
  gcn__engine_topics_remove(peer.engine, names + 1, GCN__SHARD_COUNT_MAX - 1);
  assert_int_equal(peer.engine->ring_count, 2 * (GCN__SHARD_COUNT_MAX - 1));
  peer_command(&peer, GCN__COMMAND_TOPICS);
  assert_int_equal(told, 2 * (GCN__SHARD_COUNT_MAX - 1));
  peer.act = NULL;
  peer_deinit(&peer);
  assert_int_equal(probe.live_size, 0);
}

/* Whatever it is that nobody has thought of. */
static void a_ring_that_is_full_grows(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct peer peer;
  struct gcn__effect effect;
  assert_int_equal(peer_init(&peer, &mem), 0);
  struct gcn__engine* engine = peer.engine;
  gcn__engine_emit(engine, GCN__EFFECT_HEARTBEAT);
  assert_true(gcn__engine_next(engine, &effect)); /* not at its beginning */
  for (uint64_t i = 0; i < 2 * GCN__EFFECT_RING_SIZE; i++)
    gcn__engine_emit(engine, GCN__EFFECT_ASK)->ask.ticket = i;
  for (uint64_t i = 0; i < 2 * GCN__EFFECT_RING_SIZE; i++) {
    assert_true(gcn__engine_next(engine, &effect));
    assert_int_equal(effect.kind, GCN__EFFECT_ASK);
    assert_int_equal(effect.ask.ticket, i);
  }
  peer_deinit(&peer);
  assert_int_equal(probe.live_size, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_idle_engine_is_small),
      cmocka_unit_test(what_a_burst_took_is_given_back),
      cmocka_unit_test(what_is_unread_stays),
      cmocka_unit_test(all_shards_are_given_up_at_once),
      cmocka_unit_test(a_ring_that_is_full_grows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
