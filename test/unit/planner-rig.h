/* SPDX-License-Identifier: MIT */
/*
 * A planner with its set of topics on a counting allocator, and what must hold
 * for both at any time.
 */
#ifndef GCN_TEST_PLANNER_RIG_H
#define GCN_TEST_PLANNER_RIG_H

#include "check.h"
#include "core/combine.h"
#include "core/planner.h"
#include "mem-probe.h"

enum { NAME_SIZE = 64, CAPACITY = GCN__SHARD_COUNT_MAX * GCN__SHARD_NAMES_MAX };

#define LIMITS(target, most, shards, combining)                                \
  (struct gcn__planner_limits) {                                               \
    .names_target = (target), .names_max = (most),                             \
    .shard_count_max = (shards), .combine = (combining)                        \
  }

struct rig {
  struct mem_probe probe;
  struct gcn__mem mem;
  struct gcn__topics topics;
  struct gcn__planner planner;
};

static inline void rig_init(struct rig* rig,
                            const struct gcn__planner_limits* limits) {
  *rig = (struct rig){.probe = {.live_size = 0}};
  rig->mem = mem_probe_mem(&rig->probe);
  gcn__topics_init(&rig->topics, &rig->mem, CAPACITY + 1);
  gcn__planner_init(&rig->planner, &rig->mem, limits);
}

static inline void rig_deinit(struct rig* rig) {
  gcn__planner_deinit(&rig->planner);
  gcn__planner_deinit(&rig->planner);
  gcn__topics_deinit(&rig->topics);
  assert_int_equal(rig->probe.live_size, 0);
}

static inline int add(struct rig* rig, const char* name) {
  return gcn__planner_add(&rig->planner, &rig->topics, &name, 1);
}

static inline size_t take(struct rig* rig, const char* name) {
  return gcn__planner_remove(&rig->planner, &rig->topics, &name, 1);
}

static inline struct gcn__topic* find(const struct rig* rig, const char* name) {
  struct gcn__topic* topic =
      gcn__topics_find(&rig->topics, gcn__span_str(name));
  if (topic == NULL) fail_msg("there is no %s", name);
  return topic;
}

static inline unsigned shard_of(const struct rig* rig, const char* name) {
  return find(rig, name)->shard;
}

/* What a request for the shard would hold if it held everything. */
static inline size_t count_names(struct rig* rig, unsigned shard) {
  for (size_t i = 0; i < rig->topics.count; i++)
    rig->topics.items[i].asked = true;
  struct gcn__combine walk;
  gcn__combine_init(&walk, &rig->topics, shard, rig->planner.limits.combine);
  size_t count = 0;
  while (gcn__combine_next(&walk))
    count++;
  return count;
}

static inline void assert_sound(struct rig* rig) {
  const struct gcn__planner* planner = &rig->planner;
  size_t topic_counts[GCN__SHARD_COUNT_MAX] = {0};
  for (size_t i = 0; i < rig->topics.count; i++) {
    assert_true(rig->topics.items[i].shard < planner->limits.shard_count_max);
    assert_false(rig->topics.items[i].marked);
    topic_counts[rig->topics.items[i].shard]++;
  }
  unsigned live_count = 0;
  for (unsigned s = 0; s < GCN__SHARD_COUNT_MAX; s++) {
    const struct gcn__planner_shard* shard = &planner->shards[s];
    assert_int_equal(shard->topic_count, topic_counts[s]);
    assert_true(shard->name_count <= planner->limits.names_max);
    size_t names = count_names(rig, s);
    assert_true(names <= shard->name_count);
    assert_int_equal(names == 0, shard->name_count == 0);
    bool live = gcn__planner_is_live(planner, s);
    assert_int_equal(live, s == 0 || topic_counts[s] > 0);
    live_count += live;
  }
  assert_int_equal(gcn__planner_live_count(planner), live_count);
}

#endif
