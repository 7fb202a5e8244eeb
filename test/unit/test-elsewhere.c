/* SPDX-License-Identifier: MIT */
/*
 * Events of topics that another connection serves: what is dropped is counted.
 */
#include "engine-stage.h"

#include "check.h"
#include "engine/objects.h"

/* "v2.a" has the first connection; "v2.b", the second one, which is not there
 * yet. */
static void begin(struct player* player) {
  const char* other = "v2.b";
  player_init(player, CUT_WHOLE);
  player_set(player, "shard_names_target", 1);
  player_set(player, "shard_names_max", 1);
  stage_stream(player);
  assert_int_equal(gcn__engine_topics_add(player->engine, &other, 1), 0);
  player_command(player, GCN__COMMAND_TOPICS);
  player_wait(player, 500);
  assert_int_equal(gcn__engine_shard_count(player->engine), 2);
  stage_forget(player);
}

static void what_is_dropped_counts_as_known(void** state) {
  (void)state;
  struct player player;
  begin(&player);
  const struct gcn__engine_counters* counters = &player.engine->counters;
  stage_say(&player, "stream", "{\"topicName\":\"v2.b\",\"eventBody\":{}}");
  stage_expect(&player, "");
  assert_int_equal(counters->duplicates, 1);
  assert_int_equal(counters->events, 0);
  stage_say(&player, "stream", "{\"topicName\":\"v2.a\",\"eventBody\":{}}");
  stage_expect_part(&player, "> event 1 v2.a {}");
  assert_int_equal(counters->duplicates, 1);
  assert_int_equal(counters->events, 1);
  player_deinit(&player);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_dropped_counts_as_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
