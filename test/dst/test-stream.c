/* SPDX-License-Identifier: MIT */
/*
 * Lives of the stream dialect, with a durable consumer that dies now and then.
 * How to choose others: lives.h.
 */
#include "lives.h"

#include <stdlib.h>

enum {
  STREAM_SEEDS = 1000,
  EXPIRY_SEEDS = 200,
  SPARE_SEEDS = 100,
  EXPIRY_DAYS = 1,
  EXPIRY_LONG_SEEDS = 2,
  REPLAYS = 40,
};

#define RULES(X)                                                               \
  X(1, "an event is delivered or lies inside a gap that was told")             \
  X(2, "no event is delivered twice, and none that was never made")            \
  X(3, "each topic's events keep their order")                                 \
  X(4, "no gap is told where the stream went on")                              \
  X(5, "what is acknowledged lies behind the position, for ever")              \
  X(6, "what is subscribed at the service becomes what is wanted")             \
  X(7, "no attempt before its due time")                                       \
  X(16, "no dead token is used")                                               \
  X(17, "no secret in a log line or an error text")                            \
  X(18, "no secret in a freed block")                                          \
  X(21, "a dead peer is noticed in time")                                      \
  X(23, "one ping, pong and Close wait to be sent at most")                    \
  X(24, "every phase has exactly one deadline")                                \
  X(25, "states change along the edges of the table only")                     \
  X(34, "all memory is given back")                                            \
  X(36, "the same seed is the same life")                                      \
  X(38, "a stream is there again soon after the world has healed")             \
  X(39, "what is counted is what was delivered")                               \
  X(40, "every failure has a class and an action")

static void stream_lives(void** state) {
  (void)state;
  const struct world_plan plan = {.stream = true};
  lives_live_chosen();
  if (!lives_chosen()) lives_live(&plan, "GCN_DST_STREAM=1 ", 1, STREAM_SEEDS);
}

/* Before any other lives: their troubles are chosen. */
static void all_faults_and_most_pairs_of_them_were_met(void** state) {
  (void)state;
  if (!lives_chosen()) lives_check_faults(true);
}

/* None is lost, none comes twice, and no gap is told. */
static void tokens_of_30_s_and_resets_for_10_minutes(void** state) {
  (void)state;
  const struct world_plan plan = {.stream = true, .expiry = true};
  if (!lives_chosen()) lives_live(&plan, "GCN_DST_EXPIRY=1 ", 1, EXPIRY_SEEDS);
}

static void tokens_of_30_s_and_resets_for_days(void** state) {
  (void)state;
  const struct world_plan plan = {
      .stream = true, .expiry = true, .days = EXPIRY_DAYS};
  if (lives_chosen()) return;
  lives_live(&plan, "GCN_DST_EXPIRY=1 GCN_DST_DAYS=1 ", 1, EXPIRY_LONG_SEEDS);
}

static void spares_break_nothing(void** state) {
  (void)state;
  const struct world_plan plan = {.stream = true, .spare = true};
  if (lives_chosen()) return;
  world_spares_used = 0;
  lives_live(&plan, "GCN_DST_STREAM=1 GCN_DST_SPARE=1 ", 1, SPARE_SEEDS);
  assert_true(world_spares_used > SPARE_SEEDS);
}

static void same_seed_same_life(void** state) {
  (void)state;
  const struct world_plan plan = {.stream = true};
  if (!lives_chosen()) lives_live_twice(&plan, REPLAYS);
}

static void a_checkpoint_is_unreadable_in_every_state(void** state) {
  (void)state;
  if (lives_chosen()) return;
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    enum gcn__state st = (enum gcn__state)s;
    enum gcn__input input = GCN__INPUT_UNREADABLE;
    if (gcn__fsm_cell(st, input).kind == GCN__CELL_NEVER) continue;
    if (world_cells[s][input] == 0) fail_msg("%s", gcn__state_name(st));
  }
}

int main(void) {
  struct CMUnitTest tests[16 + RULE_COUNT] = {
      cmocka_unit_test(stream_lives),
      cmocka_unit_test(all_faults_and_most_pairs_of_them_were_met),
      cmocka_unit_test(tokens_of_30_s_and_resets_for_10_minutes),
      cmocka_unit_test(tokens_of_30_s_and_resets_for_days),
      cmocka_unit_test(spares_break_nothing),
      cmocka_unit_test(same_seed_same_life),
      cmocka_unit_test(a_checkpoint_is_unreadable_in_every_state),
  };
  size_t count = 7;
#define RULE_CASE(number, text) lives_begin(&tests[count++], number, text);
  RULES(RULE_CASE)
#undef RULE_CASE
  return _cmocka_run_group_tests("stream", tests, count, NULL, NULL);
}
