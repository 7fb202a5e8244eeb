/* SPDX-License-Identifier: MIT */
/*
 * Topics on shards that have a second budget beside names: what their topics
 * cost together, as where subscriptions travel in a URL.
 */
#include "core/planner.h"

#include "base/err.h"
#include "base/rng.h"
#include "planner-rig.h"

#include <stdio.h>
#include <stdlib.h>

/* What stands behind the last "#". */
static size_t cost_of(void* ctx, struct gcn__span name) {
  unsigned* asked_count = ctx;
  if (asked_count != NULL) (*asked_count)++;
  size_t at = name.size;
  while (at > 0 && name.data[at - 1] != '#')
    at--;
  assert_true(at > 0);
  return strtoul(name.data + at, NULL, 10);
}

static struct gcn__planner_limits limits_of(size_t target, size_t most,
                                            unsigned shard_count) {
  struct gcn__planner_limits limits = GCN__PLANNER_LIMITS_DEFAULT;
  limits.shard_count_max = shard_count;
  limits.cost = cost_of;
  limits.cost_target = target;
  limits.cost_max = most;
  return limits;
}

static void assert_costs(struct rig* rig) {
  assert_sound(rig);
  size_t sums[GCN__SHARD_COUNT_MAX] = {0};
  for (size_t i = 0; i < rig->topics.count; i++) {
    const struct gcn__topic* topic = &rig->topics.items[i];
    size_t cost = cost_of(NULL, gcn__span(topic->name, topic->name_size));
    assert_int_equal(topic->cost, cost);
    sums[topic->shard] += cost;
  }
  for (unsigned s = 0; s < GCN__SHARD_COUNT_MAX; s++) {
    assert_int_equal(rig->planner.shards[s].cost_size, sums[s]);
    assert_true(sums[s] <= rig->planner.limits.cost_max);
  }
}

static void shards_fill_to_the_target_and_then_to_the_limit(void** state) {
  (void)state;
  struct rig rig;
  const struct gcn__planner_limits limits = limits_of(10, 12, 2);
  rig_init(&rig, &limits);
  static const struct {
    const char* name;
    unsigned shard;
  } steps[] = {
      {"a#6", 0}, {"b#4", 0}, /* the target is exact */
      {"c#1", 1}, {"d#9", 1}, /* all are at the target: what is left */
      {"e#1", 0}, {"f#1", 0}, {"g#2", 1},
  };
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    assert_int_equal(add(&rig, steps[i].name), 0);
    assert_int_equal(shard_of(&rig, steps[i].name), steps[i].shard);
    assert_costs(&rig);
  }
  assert_int_equal(add(&rig, "h#1"), GCN_ELIMIT);
  assert_int_equal(rig.topics.count, 7);
  assert_int_equal(take(&rig, "c#1"), 1);
  assert_int_equal(add(&rig, "i#2"), GCN_ELIMIT);
  assert_int_equal(add(&rig, "h#1"), 0);
  assert_int_equal(shard_of(&rig, "h#1"), 1);
  assert_costs(&rig);
  rig_deinit(&rig);
}

static void a_topic_above_the_target_has_a_shard_of_its_own(void** state) {
  (void)state;
  struct rig rig;
  const struct gcn__planner_limits limits = limits_of(10, 12, 3);
  rig_init(&rig, &limits);
  assert_int_equal(add(&rig, "a#12"), 0);
  assert_int_equal(shard_of(&rig, "a#12"), 0); /* the first is free for it */
  assert_int_equal(add(&rig, "b#3"), 0);
  assert_int_equal(shard_of(&rig, "b#3"), 1);
  assert_int_equal(add(&rig, "c#11"), 0);
  assert_int_equal(shard_of(&rig, "c#11"), 2);
  assert_int_equal(add(&rig, "d#7"), 0);
  assert_int_equal(shard_of(&rig, "d#7"), 1);
  assert_costs(&rig);
  rig_deinit(&rig);
}

static void a_topic_above_the_limit_is_refused(void** state) {
  (void)state;
  struct rig rig;
  const struct gcn__planner_limits limits = limits_of(10, 12, 3);
  rig_init(&rig, &limits);
  static const char* const names[] = {"a#1", "b#13", "c#1"};
  assert_int_equal(add(&rig, "x#13"), GCN_ELIMIT);
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 3),
                   GCN_ELIMIT);
  assert_int_equal(rig.topics.count, 0);
  assert_int_equal(add(&rig, "x#12"), 0);
  assert_costs(&rig);
  rig_deinit(&rig);
}

static void names_are_limited_all_the_same(void** state) {
  (void)state;
  struct rig rig;
  struct gcn__planner_limits limits = limits_of(100, 100, 2);
  limits.names_target = 2;
  limits.names_max = 3;
  rig_init(&rig, &limits);
  static const char* const names[] = {"a#1", "b#1", "c#1", "d#1", "e#1", "f#1"};
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 6), 0);
  assert_int_equal(rig.planner.shards[0].name_count, 3);
  assert_int_equal(rig.planner.shards[1].name_count, 3);
  assert_int_equal(add(&rig, "g#1"), GCN_ELIMIT);
  assert_costs(&rig);
  rig_deinit(&rig);
}

static void names_are_not_combined(void** state) {
  (void)state;
  struct rig rig;
  struct gcn__planner_limits limits = limits_of(100, 100, 1);
  limits.names_target = limits.names_max = 2;
  assert_true(limits.combine);
  rig_init(&rig, &limits);
  assert_false(rig.planner.limits.combine);
  assert_int_equal(add(&rig, "v2.u#1.U.a"), 0);
  assert_int_equal(add(&rig, "v2.u#1.U.b"), 0);
  assert_int_equal(rig.planner.shards[0].name_count, 2);
  assert_int_equal(rig.planner.group_count, 0);
  rig_deinit(&rig);
}

static void the_cost_is_asked_once(void** state) {
  (void)state;
  struct rig rig;
  unsigned asked_count = 0;
  struct gcn__planner_limits limits = limits_of(10, 10, 2);
  limits.ctx = &asked_count;
  rig_init(&rig, &limits);
  static const char* const names[] = {"a#4", "b#4", "c#4"};
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 3), 0);
  assert_int_equal(asked_count, 3);
  struct gcn__topic* topic = find(&rig, "c#4");
  gcn__planner_unplace(&rig.planner, topic);
  assert_int_equal(rig.planner.shards[1].cost_size, 0);
  assert_int_equal(gcn__planner_place(&rig.planner, topic), 0);
  assert_int_equal(add(&rig, "a#4"), 0); /* there already */
  assert_int_equal(take(&rig, "c#4"), 1);
  assert_int_equal(asked_count, 3);
  assert_costs(&rig);
  rig_deinit(&rig);
}

static void a_compaction_minds_the_target(void** state) {
  (void)state;
  struct rig rig;
  const struct gcn__planner_limits limits = limits_of(10, 12, 3);
  rig_init(&rig, &limits);
  struct gcn__planner_move moves[3];
  static const char* const names[] = {"a#6", "b#4", "c#5", "d#5", "e#2", "f#2"};
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 6), 0);
  assert_int_equal(shard_of(&rig, "f#2"), 2);
  assert_int_equal(take(&rig, "b#4"), 1); /* leaves 4, and 3 are needed */
  assert_int_equal(add(&rig, "g#1"), 0);
  assert_int_equal(shard_of(&rig, "g#1"), 0);
  assert_int_equal(gcn__planner_compact(&rig.planner, &rig.topics, moves, 3),
                   0);
  assert_costs(&rig);
  assert_int_equal(take(&rig, "g#1"), 1);
  assert_int_equal(gcn__planner_compact(&rig.planner, &rig.topics, moves, 3),
                   2);
  assert_int_equal(shard_of(&rig, "e#2"), 0);
  assert_int_equal(rig.planner.shards[0].cost_size, 10);
  assert_false(gcn__planner_is_live(&rig.planner, 2));
  assert_costs(&rig);
  rig_deinit(&rig);
}

/* Long names, as large as they may be; one byte more, and nothing changes. */
static void names_may_be_as_long_as_a_subscription(void** state) {
  (void)state;
  struct rig rig;
  const struct gcn__planner_limits limits = limits_of(10, 10, 2);
  rig_init(&rig, &limits);
  char name[GCN__TOPIC_TEXT_SIZE_MAX + 2];
  memset(name, 'x', sizeof name);
  name[sizeof name - 1] = '\0';
  memcpy(name + sizeof name - 3, "#7", 2);
  assert_int_equal(add(&rig, name), GCN_ELIMIT);
  const char* const names[] = {"a#1", name};
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 2),
                   GCN_ELIMIT);
  assert_int_equal(rig.topics.count, 0);
  for (char c = 'p'; c <= 'q'; c++) { /* they differ at their beginning only */
    name[1] = c;
    assert_int_equal(add(&rig, name + 1), 0);
    assert_int_equal(find(&rig, name + 1)->name_size, GCN__TOPIC_TEXT_SIZE_MAX);
  }
  assert_int_equal(shard_of(&rig, name + 1), 1);
  assert_costs(&rig); /* walks over them */
  rig_deinit(&rig);
}

static void where_names_are_combined_they_are_short(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig, &GCN__PLANNER_LIMITS_DEFAULT);
  char name[GCN__TOPIC_SIZE_MAX + 2];
  memset(name, 'x', sizeof name);
  memcpy(name, "v2.u.", 5);
  name[30] = '.';
  name[sizeof name - 1] = '\0';
  assert_int_equal(add(&rig, name), GCN_ELIMIT);
  assert_int_equal(rig.topics.count, 0);
  name[sizeof name - 2] = '\0';
  assert_int_equal(add(&rig, name), 0);
  assert_int_equal(rig.planner.shards[0].name_count, 1);
  assert_sound(&rig);
  rig_deinit(&rig);
}

static void no_change_breaks_the_budget(void** state) {
  (void)state;
  enum { WORLD = 60 };
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 61);
  unsigned full_count = 0;
  for (unsigned round = 0; round < 40; round++) {
    struct rig rig;
    const struct gcn__planner_limits limits = limits_of(20, 24, 1 + round % 6);
    rig_init(&rig, &limits);
    static struct gcn__planner_move moves[WORLD];
    for (int i = 0; i < 200; i++) {
      char name[NAME_SIZE];
      unsigned number = (unsigned)gcn__rng_below(&rng, WORLD);
      snprintf(name, sizeof name, "t%u#%u", number, 1 + number % 26);
      uint64_t choice = gcn__rng_below(&rng, 10);
      if (choice < 6) full_count += add(&rig, name) == GCN_ELIMIT;
      if (choice >= 6) take(&rig, name);
      if (choice == 9) {
        gcn__planner_compact(&rig.planner, &rig.topics, moves, WORLD);
      }
      assert_costs(&rig);
    }
    rig_deinit(&rig);
  }
  assert_true(full_count > 500);
}

static void every_failed_allocation_changes_nothing(void** state) {
  (void)state;
  int error = GCN__ENOMEM;
  size_t fail_at = 1;
  for (; error != 0; fail_at++) {
    struct rig rig;
    const struct gcn__planner_limits limits = limits_of(10, 12, 3);
    rig_init(&rig, &limits);
    static const char* const names[] = {"a#6", "b#4", "c#5", "d#5", "e#2"};
    assert_int_equal(add(&rig, names[0]), 0);
    rig.probe.count = 0;
    rig.probe.fail_at = fail_at;
    error = gcn__planner_add(&rig.planner, &rig.topics, names, 5);
    assert_true(error == 0 || error == GCN__ENOMEM);
    assert_int_equal(rig.topics.count, error == 0 ? 5 : 1);
    assert_costs(&rig);
    rig_deinit(&rig);
  }
  assert_true(fail_at > 5); /* the batch, four names */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shards_fill_to_the_target_and_then_to_the_limit),
      cmocka_unit_test(a_topic_above_the_target_has_a_shard_of_its_own),
      cmocka_unit_test(a_topic_above_the_limit_is_refused),
      cmocka_unit_test(names_are_limited_all_the_same),
      cmocka_unit_test(names_are_not_combined),
      cmocka_unit_test(the_cost_is_asked_once),
      cmocka_unit_test(a_compaction_minds_the_target),
      cmocka_unit_test(names_may_be_as_long_as_a_subscription),
      cmocka_unit_test(where_names_are_combined_they_are_short),
      cmocka_unit_test(no_change_breaks_the_budget),
      cmocka_unit_test(every_failed_allocation_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
