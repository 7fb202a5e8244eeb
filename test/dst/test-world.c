/* SPDX-License-Identifier: MIT */
/*
 * Lives of the channels dialect: minutes to hours, with all kinds of trouble or
 * with one.  How to choose others: lives.h.
 */
#include "lives.h"

#include <stdlib.h>

enum {
  SEEDS = 2000,
  CALM_SEEDS = 300,
  CALM_ANNOUNCED_SEED = 700059,
  DRIFT_SEEDS = 100,
  RESET_SEEDS = 20,
  MANNERS_SEEDS = 40,
  IMPATIENT_SEEDS = 300,
  SPARE_SEEDS = 200,
  REPLAYS = 40,
};

/* X(number, invariant), those that these lives can break. */
#define RULES(X)                                                               \
  X(1, "an event is delivered or lies inside a gap that was told")             \
  X(2, "no event is delivered twice, and none that was never made")            \
  X(3, "each socket's events keep their order")                                \
  X(4, "no gap is told where nothing could be lost")                           \
  X(6, "what is subscribed at the service becomes what is wanted")             \
  X(7, "no attempt before its due time")                                       \
  X(8, "no wait of our own is longer than the policy says")                    \
  X(9, "only a stream that lasted clears the failures")                        \
  X(10, "attempts in a long outage are few")                                   \
  X(11, "a Retry-After is never undercut")                                     \
  X(12, "300 requests a minute at most")                                       \
  X(14, "no attempt turns in circles")                                         \
  X(15, "one token request at a time")                                         \
  X(16, "no dead token is used")                                               \
  X(17, "no secret in a log line or an error text")                            \
  X(18, "no secret in a freed block")                                          \
  X(19, "no two handshakes for one connection")                                \
  X(20, "no two open sockets on one channel")                                  \
  X(21, "a dead peer is noticed in time")                                      \
  X(22, "no stream is given up while bytes arrive")                            \
  X(23, "one ping, pong and Close wait to be sent at most")                    \
  X(24, "every phase has exactly one deadline")                                \
  X(25, "states change along the edges of the table only")                     \
  X(26, "nothing is told after CLOSED")                                        \
  X(30, "an idle client hardly wakes up")                                      \
  X(31, "the heap stays within its bound")                                     \
  X(32, "two sockets for a connection at most")                                \
  X(34, "all memory is given back")                                            \
  X(36, "the same seed is the same life")                                      \
  X(37, "how bytes are cut changes nothing")                                   \
  X(38, "a stream is there again soon after the world has healed")             \
  X(39, "what is counted is what was delivered")                               \
  X(40, "every failure has a class and an action")

static void lives(void** state) {
  (void)state;
  lives_live_chosen();
  if (!lives_chosen()) lives_live(&world_plan_default, "", 1, SEEDS);
}

/* Before any other lives: their troubles are chosen. */
static void all_faults_and_most_pairs_of_them_were_met(void** state) {
  (void)state;
  if (!lives_chosen()) lives_check_faults(false);
}

/* FAULTS I4: where nothing can be lost nothing is lost, and nothing is told.
 * In the last life an end is announced to a successor on its way. */
static void planned_rotations_lose_nothing(void** state) {
  (void)state;
  const struct world_plan plan = {.calm = true};
  if (lives_chosen()) return;
  lives_live(&plan, "GCN_DST_CALM=1 ", 1, CALM_SEEDS);
  lives_live(&plan, "GCN_DST_CALM=1 ", CALM_ANNOUNCED_SEED, 1);
}

/* What an audit finds missing lies inside a gap of those topics. */
static void drifts_are_found(void** state) {
  (void)state;
  const struct world_plan plan = {.drift = true};
  if (!lives_chosen()) lives_live(&plan, "GCN_DST_DRIFT=1 ", 1, DRIFT_SEEDS);
}

static void a_plain_reset_costs_no_call(void** state) {
  (void)state;
  const struct world_plan plan = {.resets = true};
  if (!lives_chosen()) lives_live(&plan, "GCN_DST_RESETS=1 ", 1, RESET_SEEDS);
}

/* A Retry-After is kept to, a long outage is knocked at gently. */
static void the_service_sees_good_manners(void** state) {
  (void)state;
  const struct world_plan plan = {.manners = true};
  if (lives_chosen()) return;
  lives_live(&plan, "GCN_DST_MANNERS=1 ", 1, MANNERS_SEEDS);
}

/* P5 with another deadline than the first: gcn_client_set_close_ms. */
static void a_close_that_is_cut_short_is_over_in_time(void** state) {
  (void)state;
  const struct world_plan plan = {.impatient = true};
  if (lives_chosen()) return;
  lives_live(&plan, "GCN_DST_IMPATIENT=1 ", 1, IMPATIENT_SEEDS);
}

/* All promises hold with a spare connection, too, and it is of use. */
static void spares_break_nothing(void** state) {
  (void)state;
  const struct world_plan plan = {.spare = true};
  const struct world_plan calm = {.spare = true, .calm = true};
  const struct world_plan resets = {.spare = true, .resets = true};
  if (lives_chosen()) return;
  world_spares_used = 0;
  lives_live(&plan, "GCN_DST_SPARE=1 ", 1, SPARE_SEEDS);
  lives_live(&calm, "GCN_DST_SPARE=1 GCN_DST_CALM=1 ", 1, REPLAYS);
  lives_live(&resets, "GCN_DST_SPARE=1 GCN_DST_RESETS=1 ", 1, RESET_SEEDS);
  lives_live_twice(&plan, REPLAYS);
  assert_true(world_spares_used > SPARE_SEEDS);
}

static void same_seed_same_life(void** state) {
  (void)state;
  if (!lives_chosen()) lives_live_twice(&world_plan_default, REPLAYS);
}

static void how_bytes_are_cut_changes_nothing(void** state) {
  (void)state;
  const struct world_plan plan = {.calm = true};
  if (!lives_chosen()) lives_live_cut(&plan, 4 * REPLAYS);
}

/* The keeper's own deadline begins sooner and ends the wait first. */
static bool is_defence(enum gcn__state state, enum gcn__input input) {
  return state == GCN__STATE_AUTHENTICATING && input == GCN__INPUT_PHASE_DUE;
}

/* Every written cell must have been lived through; those of checkpoints are for
 * test-stream.c. */
static void every_cell_is_reached(void** state) {
  (void)state;
  if (lives_chosen()) return;
  unsigned missed = 0;
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    for (int i = 0; i < GCN__INPUT_COUNT; i++) {
      enum gcn__state st = (enum gcn__state)s;
      enum gcn__input in = (enum gcn__input)i;
      if (gcn__fsm_cell(st, in).kind == GCN__CELL_NEVER) continue;
      if (in == GCN__INPUT_UNREADABLE) continue;
      if (world_cells[s][i] > 0 || is_defence(st, in)) continue;
      fprintf(stderr, "never reached: %s x %s\n", gcn__state_name(st),
              gcn__input_name(in));
      missed++;
    }
  }
  assert_int_equal(missed, 0);
}

int main(void) {
  struct CMUnitTest tests[16 + RULE_COUNT] = {
      cmocka_unit_test(lives),
      cmocka_unit_test(all_faults_and_most_pairs_of_them_were_met),
      cmocka_unit_test(planned_rotations_lose_nothing),
      cmocka_unit_test(drifts_are_found),
      cmocka_unit_test(a_plain_reset_costs_no_call),
      cmocka_unit_test(the_service_sees_good_manners),
      cmocka_unit_test(a_close_that_is_cut_short_is_over_in_time),
      cmocka_unit_test(spares_break_nothing),
      cmocka_unit_test(same_seed_same_life),
      cmocka_unit_test(how_bytes_are_cut_changes_nothing),
      cmocka_unit_test(every_cell_is_reached),
  };
  size_t count = 11;
#define RULE_CASE(number, text) lives_begin(&tests[count++], number, text);
  RULES(RULE_CASE)
#undef RULE_CASE
  return _cmocka_run_group_tests("world", tests, count, NULL, NULL);
}
