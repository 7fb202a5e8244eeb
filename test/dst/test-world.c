/* SPDX-License-Identifier: MIT */
/*
 * Deterministic simulation: thousands of lives, each from one seed.
 *
 *   test-dst-world            the seeds of a CI run
 *   GCN_DST_SEEDS=100000      more of them
 *   GCN_DST_FIRST=2001        ... from this one on
 *   GCN_DST_DAYS=30           each that long, at a slower tempo
 *   GCN_DST_CALM=1            planned rotations only
 *   GCN_DST_RESETS=1          streams that are reset only
 *   GCN_DST_MANNERS=1         one 429 or one long outage, judged by the service
 *   GCN_DST_DRIFT=1           topics that vanish from channels only
 *   GCN_DST_STREAM=1          the stream dialect
 *   GCN_DST_EXPIRY=1          ... with tokens of 30 s and resets, nothing else
 *   GCN_DST_SEED=4711         one life, told line by line on stderr
 *
 * A failing life prints its seed; the same seed lives the same life again.
 */
#include "check.h"
#include "world.h"

#include <stdlib.h>

enum {
  SEEDS = 2000,
  CALM_SEEDS = 300,
  DRIFT_SEEDS = 100,
  RESET_SEEDS = 20,
  MANNERS_SEEDS = 40,
  STREAM_SEEDS = 1000,
  EXPIRY_SEEDS = 200,
  EXPIRY_DAYS = 1,
  EXPIRY_LONG_SEEDS = 2,
  LONG_DAYS = 30,
  REPLAYS = 40,
  FAILURES_MAX = 10,
};

/* A sanitizer makes a life several times as long to live. */
#if defined(__SANITIZE_ADDRESS__)
enum { LONG_SEEDS = 200 };
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
enum { LONG_SEEDS = 200 };
#  else
enum { LONG_SEEDS = 2000 };
#  endif
#else
enum { LONG_SEEDS = 2000 };
#endif

static struct world world;

static uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void live(const struct world_plan* plan, const char* how,
                 uint64_t seeds) {
  uint64_t failed = 0;
  uint64_t first = from_environment("GCN_DST_FIRST", 1);
  for (uint64_t seed = first; seed < first + seeds; seed++) {
    if (world_run(&world, plan, seed, NULL) == 0) continue;
    fprintf(stderr, "%s%s\n", how, world.fault);
    if (++failed == FAILURES_MAX) break;
  }
  if (failed > 0) {
    fail_msg("promises were broken; replay one with GCN_DST_SEED=n %s", how);
  }
}

/* Certain lives were asked for, and no others. */
static bool is_chosen(void) {
  static const char* const names[] = {
      "GCN_DST_SEED",    "GCN_DST_FIRST",  "GCN_DST_DAYS",
      "GCN_DST_CALM",    "GCN_DST_DRIFT",  "GCN_DST_RESETS",
      "GCN_DST_MANNERS", "GCN_DST_STREAM", "GCN_DST_EXPIRY"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (getenv(names[i]) != NULL) return true;
  }
  return false;
}

static void lives(void** state) {
  (void)state;
  bool expiry = from_environment("GCN_DST_EXPIRY", 0) != 0;
  const struct world_plan plan = {
      .days = from_environment("GCN_DST_DAYS", 0),
      .calm = from_environment("GCN_DST_CALM", 0) != 0,
      .drift = from_environment("GCN_DST_DRIFT", 0) != 0,
      .resets = from_environment("GCN_DST_RESETS", 0) != 0,
      .manners = from_environment("GCN_DST_MANNERS", 0) != 0,
      .stream = from_environment("GCN_DST_STREAM", 0) != 0 || expiry,
      .expiry = expiry,
  };
  uint64_t one = from_environment("GCN_DST_SEED", 0);
  if (one == 0) {
    live(&plan, "", from_environment("GCN_DST_SEEDS", SEEDS));
  } else if (world_run(&world, &plan, one, stderr) != 0) {
    fail_msg("%s", world.fault);
  }
}

/* FAULTS I4: where nothing can be lost nothing is lost, and nothing is told. */
static void planned_rotations_lose_nothing(void** state) {
  (void)state;
  const struct world_plan plan = {.calm = true};
  if (!is_chosen()) live(&plan, "GCN_DST_CALM=1 ", CALM_SEEDS);
}

/* What an audit finds missing lies inside a gap of those topics. */
static void drifts_are_found(void** state) {
  (void)state;
  const struct world_plan plan = {.drift = true};
  if (!is_chosen()) live(&plan, "GCN_DST_DRIFT=1 ", DRIFT_SEEDS);
}

static void a_plain_reset_costs_no_call(void** state) {
  (void)state;
  const struct world_plan plan = {.resets = true};
  if (!is_chosen()) live(&plan, "GCN_DST_RESETS=1 ", RESET_SEEDS);
}

/* A Retry-After is kept to, a long outage is knocked at gently. */
static void the_service_sees_good_manners(void** state) {
  (void)state;
  const struct world_plan plan = {.manners = true};
  if (!is_chosen()) live(&plan, "GCN_DST_MANNERS=1 ", MANNERS_SEEDS);
}

static void long_lives(void** state) {
  (void)state;
  const struct world_plan plan = {.days = LONG_DAYS};
  if (!is_chosen()) live(&plan, "GCN_DST_DAYS=30 ", LONG_SEEDS);
}

static void stream_lives(void** state) {
  (void)state;
  const struct world_plan plan = {.stream = true};
  if (!is_chosen()) live(&plan, "GCN_DST_STREAM=1 ", STREAM_SEEDS);
}

/* None is lost, none comes twice, and no gap is told. */
static void tokens_of_30_s_and_resets_for_10_minutes(void** state) {
  (void)state;
  const struct world_plan plan = {.stream = true, .expiry = true};
  if (!is_chosen()) live(&plan, "GCN_DST_EXPIRY=1 ", EXPIRY_SEEDS);
}

static void tokens_of_30_s_and_resets_for_days(void** state) {
  (void)state;
  const struct world_plan plan = {
      .stream = true, .expiry = true, .days = EXPIRY_DAYS};
  if (is_chosen()) return;
  live(&plan, "GCN_DST_EXPIRY=1 GCN_DST_DAYS=2 ", EXPIRY_LONG_SEEDS);
}

static void live_twice(const struct world_plan* plan) {
  for (uint64_t seed = 1; seed <= REPLAYS && !is_chosen(); seed++) {
    (void)world_run(&world, plan, seed, NULL);
    uint64_t hash = world.hash;
    (void)world_run(&world, plan, seed, NULL);
    assert_true(hash == world.hash);
  }
}

static void same_seed_same_life(void** state) {
  (void)state;
  const struct world_plan stream = {.stream = true};
  live_twice(&world_plan_default);
  live_twice(&stream);
}

/* The keeper's own deadline begins sooner and ends the wait first. */
static bool is_defence(enum gcn__state state, enum gcn__input input) {
  return state == GCN__STATE_AUTHENTICATING && input == GCN__INPUT_PHASE_DUE;
}

/* Every written cell must have been lived through. */
static void every_cell_is_reached(void** state) {
  (void)state;
  if (is_chosen()) return;
  unsigned missed = 0;
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    for (int i = 0; i < GCN__INPUT_COUNT; i++) {
      enum gcn__state st = (enum gcn__state)s;
      enum gcn__input in = (enum gcn__input)i;
      if (gcn__fsm_cell(st, in).kind == GCN__CELL_NEVER) continue;
      if (world_cells[s][i] > 0 || is_defence(st, in)) continue;
      fprintf(stderr, "never reached: %s x %s\n", gcn__state_name(st),
              gcn__input_name(in));
      missed++;
    }
  }
  assert_int_equal(missed, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lives),
      cmocka_unit_test(planned_rotations_lose_nothing),
      cmocka_unit_test(drifts_are_found),
      cmocka_unit_test(a_plain_reset_costs_no_call),
      cmocka_unit_test(the_service_sees_good_manners),
      cmocka_unit_test(long_lives),
      cmocka_unit_test(stream_lives),
      cmocka_unit_test(tokens_of_30_s_and_resets_for_10_minutes),
      cmocka_unit_test(tokens_of_30_s_and_resets_for_days),
      cmocka_unit_test(same_seed_same_life),
      cmocka_unit_test(every_cell_is_reached),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
