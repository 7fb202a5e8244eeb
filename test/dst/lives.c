/* SPDX-License-Identifier: MIT */
/*
 * Runs lives, reduces one that fails, and says what was met.
 */
#include "lives.h"

#include "shrink.h"

#include <stdlib.h>
#include <string.h>

enum { FAILURES_MAX = 10, PAIRS_PER_CENT_MIN = 99 };

static struct world world;
static char names[RULE_COUNT][RULE_NAME_SIZE];
static struct rule rules[RULE_COUNT];

uint64_t lives_from_environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

bool lives_chosen(void) {
  static const char* const all[] = {
      "GCN_DST_SEED",   "GCN_DST_FIRST",  "GCN_DST_DAYS",      "GCN_DST_CALM",
      "GCN_DST_DRIFT",  "GCN_DST_RESETS", "GCN_DST_MANNERS",   "GCN_DST_STREAM",
      "GCN_DST_EXPIRY", "GCN_DST_SCRIPT", "GCN_DST_IMPATIENT", "GCN_DST_SPARE"};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (getenv(all[i]) != NULL) return true;
  }
  return false;
}

/* The world has just lived a life that failed. */
static void tell_least(const char* how) {
  struct shrink_case found;
  shrink_take(&found, &world);
  size_t before = found.script.count;
  unsigned lives = shrink_reduce(&found, &world);
  fprintf(stderr,
          "%zu of its %zu faults are enough, found by %u lives: %s\n"
          "save what follows as FILE, then: GCN_DST_SCRIPT=FILE %s\n"
          "--------\n",
          found.script.count, before, lives, world.fault, how);
  shrink_print(&found, stderr);
  fprintf(stderr, "--------\n");
  shrink_free(&found);
}

void lives_live(const struct world_plan* plan, const char* how, uint64_t first,
                uint64_t seeds) {
  uint64_t failed = 0;
  for (uint64_t seed = first; seed < first + seeds; seed++) {
    if (world_run(&world, plan, seed, NULL) == 0) continue;
    fprintf(stderr, "%s%s\n", how, world.fault);
    if (++failed == 1) tell_least("test-dst-world");
    if (failed == FAILURES_MAX) break;
  }
  if (failed > 0) {
    fail_msg("promises were broken; replay one with GCN_DST_SEED=n %s", how);
  }
}

void lives_live_twice(const struct world_plan* plan, uint64_t seeds) {
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    (void)world_run(&world, plan, seed, NULL);
    uint64_t hash = world.hash;
    (void)world_run(&world, plan, seed, NULL);
    rule_count(36);
    if (hash != world.hash) rules_broken[36]++;
    assert_true(hash == world.hash);
  }
}

void lives_live_cut(const struct world_plan* plan, uint64_t seeds) {
  struct world_plan whole = *plan;
  whole.whole = true;
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    (void)world_run(&world, plan, seed, NULL);
    uint64_t hash = world.hash;
    if (world.trouble & (WORLD_STALLS | WORLD_YIELDS | WORLD_PAUSES)) continue;
    (void)world_run(&world, &whole, seed, NULL);
    rule_count(37);
    if (hash != world.hash) rules_broken[37]++;
    if (hash != world.hash) {
      fprintf(stderr, "seed %d differs, %x\n", (int)seed, world.trouble);
    }
  }
  assert_int_equal(rules_broken[37], 0);
}

static void live_script(const char* path) {
  struct shrink_case script;
  FILE* in = fopen(path, "r");
  if (in == NULL) fail_msg("%s can't be read", path);
  bool good = shrink_read(&script, in);
  fclose(in);
  if (!good) fail_msg("%s is no script", path);
  int result = shrink_live(&script, &world, stderr);
  shrink_free(&script);
  if (result != 0) fail_msg("%s", world.fault);
}

void lives_live_chosen(void) {
  if (!lives_chosen()) return;
  const char* script = getenv("GCN_DST_SCRIPT");
  if (script != NULL) {
    live_script(script);
    return;
  }
  bool expiry = lives_from_environment("GCN_DST_EXPIRY", 0) != 0;
  const struct world_plan plan = {
      .days = lives_from_environment("GCN_DST_DAYS", 0),
      .calm = lives_from_environment("GCN_DST_CALM", 0) != 0,
      .drift = lives_from_environment("GCN_DST_DRIFT", 0) != 0,
      .resets = lives_from_environment("GCN_DST_RESETS", 0) != 0,
      .manners = lives_from_environment("GCN_DST_MANNERS", 0) != 0,
      .impatient = lives_from_environment("GCN_DST_IMPATIENT", 0) != 0,
      .spare = lives_from_environment("GCN_DST_SPARE", 0) != 0,
      .stream = lives_from_environment("GCN_DST_STREAM", 0) != 0 || expiry,
      .expiry = expiry,
  };
  uint64_t one = lives_from_environment("GCN_DST_SEED", 0);
  if (one == 0) {
    lives_live(&plan, "", lives_from_environment("GCN_DST_FIRST", 1),
               lives_from_environment("GCN_DST_SEEDS", 2000));
  } else if (world_run(&world, &plan, one, stderr) != 0) {
    fail_msg("%s", world.fault);
  }
}

/* Invariants. */

void lives_begin(struct CMUnitTest* test, unsigned number, const char* text) {
  rules[number] = (struct rule){number, text};
  snprintf(names[number], RULE_NAME_SIZE, "I%u %s", number, text);
  *test = (struct CMUnitTest){.name = names[number],
                              .test_func = lives_hold,
                              .initial_state = &rules[number]};
}

/* The name is printed when the case is over, so it can say how often. */
void lives_hold(void** state) {
  const struct rule* rule = *state;
  uint64_t checked = rules_checked[rule->number];
  uint64_t broken = rules_broken[rule->number];
  snprintf(names[rule->number], RULE_NAME_SIZE,
           "I%u %s: checked %llu times, %llu violations", rule->number,
           rule->text, (unsigned long long)checked, (unsigned long long)broken);
  assert_int_equal(broken, 0);
  if (!lives_chosen()) assert_true(checked > 0);
}

/* Faults. */

static bool has(const uint64_t bits[FATE_WORDS], size_t index) {
  return (bits[index / 64] >> index % 64 & 1) != 0;
}

void lives_check_faults(bool stream) {
  const struct fate_tally* tally = &fate_tallies[stream];
  unsigned kinds = 0;
  unsigned met = 0;
  unsigned pairs = 0;
  unsigned pairs_met = 0;
  for (size_t i = 0; i < FATE_IDS_MAX; i++) {
    if (!has(tally->known, i)) continue;
    kinds++;
    met += has(tally->met, i);
    if (!has(tally->met, i)) fprintf(stderr, "never met: fault %zu\n", i);
    for (size_t k = 0; k < i; k++) {
      if (!has(tally->known, k)) continue;
      pairs++;
      if (has(tally->pairs[i], k)) {
        pairs_met++;
      } else {
        fprintf(stderr, "never in one life: faults %zu and %zu\n", k, i);
      }
    }
  }
  fprintf(stderr, "%u of %u kinds of faults, %u of %u pairs\n", met, kinds,
          pairs_met, pairs);
  assert_true(kinds > FATE_KINDS);
  assert_int_equal(met, kinds);
  assert_true(pairs_met * 100 >= pairs * PAIRS_PER_CENT_MIN);
}
