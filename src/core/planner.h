/* SPDX-License-Identifier: MIT */
/*
 * Which topic goes to which connection ("shard").
 *
 * What the service limits is the number of names in a channel's subscription,
 * and a combined name counts once (PROTOCOL §3.2); so that is what is counted
 * here.  For topics that share a prefix the count is an upper bound: it is
 * exact while they fit into one name, and it stays above the truth whichever of
 * them are left out of a request.
 *
 * A topic keeps its shard while it is wanted.  A new one joins its siblings if
 * they have room, else the fullest shard below the target, so that shards fill
 * one after another; else it opens a shard.  With all shards open and at the
 * target, what is left up to the limit is used.  A removal moves nothing; the
 * last one gives the shard up, but for shard 0.  Only a compaction moves.
 *
 * Where subscriptions travel in a URL its size is limited, too: then each topic
 * has a cost, and what is said of names holds for the costs of a shard as well.
 * A topic alone on its shard may cost more than the target.
 *
 * Every change takes O(log n) steps, for looking the topic up, besides what the
 * set itself needs.
 */
#ifndef GCN_CORE_PLANNER_H
#define GCN_CORE_PLANNER_H

#include "core/topics.h"

enum {
  GCN__SHARD_COUNT_MAX = 18, /* of 20: one to rotate, one for somebody else */
  GCN__SHARD_NAMES_TARGET = 950,
  GCN__SHARD_NAMES_MAX = 1000,
};

struct gcn__planner_limits {
  size_t names_target; /* 1 to names_max */
  size_t names_max;
  unsigned shard_count_max; /* 1 to GCN__SHARD_COUNT_MAX */
  bool combine;
  /* What a topic costs, asked once; NULL: there is no such budget.  With one,
   * names are not combined. */
  size_t (*cost)(void* ctx, struct gcn__span name);
  void* ctx;
  size_t cost_target; /* 1 to cost_max */
  size_t cost_max;
};

#define GCN__PLANNER_LIMITS_DEFAULT                                            \
  ((struct gcn__planner_limits){.names_target = GCN__SHARD_NAMES_TARGET,       \
                                .names_max = GCN__SHARD_NAMES_MAX,             \
                                .shard_count_max = GCN__SHARD_COUNT_MAX,       \
                                .combine = true})

struct gcn__planner_shard {
  size_t topic_count;
  size_t name_count; /* at most that many */
  size_t cost_size;  /* of all its topics */
};

/* The topics of one prefix on one shard.  Prefixes of one size and one hash are
 * taken for one: then a name may go uncounted, for which there is room between
 * target and limit. */
struct gcn__planner_group {
  uint64_t hash;
  size_t size;    /* of all last segments, with their separators */
  uint32_t count; /* 0: the slot is free */
  uint16_t prefix_size;
  uint8_t shard;
};

struct gcn__planner {
  const struct gcn__mem* mem;
  struct gcn__planner_limits limits;
  struct gcn__planner_shard shards[GCN__SHARD_COUNT_MAX];
  struct gcn__planner_group* groups; /* a hash table, searched linearly */
  size_t group_count;
  size_t capacity; /* 0 or a power of two */
};

void gcn__planner_init(struct gcn__planner* planner, const struct gcn__mem* mem,
                       const struct gcn__planner_limits* limits);
void gcn__planner_deinit(struct gcn__planner* planner);

/* Adds those of `names` that are not in the set yet, in their order, and gives
 * each a shard.  0; GCN_ELIMIT (as gcn__topics_add; no shard has room; a topic
 * costs more than cost_max; names are combined, and one is longer than
 * GCN__TOPIC_SIZE_MAX); GCN__ENOMEM; an error has changed nothing. */
int gcn__planner_add(struct gcn__planner* planner, struct gcn__topics* topics,
                     const char* const* names, size_t count);
/* Removes those of `names` that are in the set; returns how many. */
size_t gcn__planner_remove(struct gcn__planner* planner,
                           struct gcn__topics* topics, const char* const* names,
                           size_t count);
/* Gives a shard to one topic that has none.  0; GCN_ELIMIT (as above),
 * GCN__ENOMEM: it still has none. */
int gcn__planner_place(struct gcn__planner* planner, struct gcn__topic* topic);
/* Takes a topic off its shard; one that has none is left alone. */
void gcn__planner_unplace(struct gcn__planner* planner,
                          struct gcn__topic* topic);
/* A combined name was rejected as a whole: from now on this topic, which it
 * covered, goes by its own name, so that the service says which one it means.
 * That needs room for a name, on this shard or another; the topic is rejected,
 * so nothing is lost by a move.  0 or GCN_ELIMIT, which has changed nothing. */
int gcn__planner_single_out(struct gcn__planner* planner,
                            struct gcn__topic* topic);

/* Shard 0 always lives; others while they have topics. */
bool gcn__planner_is_live(const struct gcn__planner* planner, unsigned shard);
unsigned gcn__planner_live_count(const struct gcn__planner* planner);

struct gcn__planner_move {
  size_t index; /* into the set's items */
  unsigned from;
  unsigned to;
};
/* Empties the shard that is least full, if all its topics fit below the
 * target of others; never shard 0.  Returns the number of moves, which are made
 * in the set; 0 if there is no such shard, `moves` are too few for it, or
 * memory is short: then nothing has changed. */
size_t gcn__planner_compact(struct gcn__planner* planner,
                            struct gcn__topics* topics,
                            struct gcn__planner_move* moves, size_t move_max);

#endif
