/* SPDX-License-Identifier: MIT */
/*
 * Combined names, there and back (PROTOCOL §3.2).
 *
 *   v2.users.U.presence, v2.users.U.routingStatus
 *     <-> v2.users.U?presence&routingStatus
 *
 * A combined name stays below 200 characters; what does not fit goes into
 * another.  Topics that the user gave in combined form stay as they are.
 * Without combining, names may have any size that the set takes.  Nothing here
 * allocates or changes a topic.
 */
#ifndef GCN_CORE_COMBINE_H
#define GCN_CORE_COMBINE_H

#include "core/topics.h"

/* A walk over the names that a request for one shard holds: each of its topics
 * with `asked` set is covered by exactly one.  Topics may come and go during
 * the walk; a new gcn__topics_ask needs a new one. */
struct gcn__combine {
  const struct gcn__topics* topics;
  unsigned shard;
  bool combine;
  bool alone; /* topics that share no name come last */
  uint64_t revision;
  size_t next;
  /* What the name covers lies in items[begin..end). */
  size_t begin;
  size_t end;
  size_t size;
  char name[GCN__TOPIC_TEXT_SIZE_MAX];
  char last[GCN__TOPIC_TEXT_SIZE_MAX]; /* name of items[end - 1] */
  size_t last_size;
};

void gcn__combine_init(struct gcn__combine* walk,
                       const struct gcn__topics* topics, unsigned shard,
                       bool combine);
/* False at the end. */
bool gcn__combine_next(struct gcn__combine* walk);
static inline struct gcn__span
gcn__combine_name(const struct gcn__combine* walk) {
  return gcn__span(walk->name, walk->size);
}
/* True if the name covers the index-th item. */
bool gcn__combine_covers(const struct gcn__combine* walk, size_t index);

/* A walk over what a name in the service's answer stands for: the topic of that
 * very name and, if the name is combined, those of its parts; ASCII case is
 * ignored.  A name may stand for no topic of ours.  The set must not change
 * during the walk.
 *
 * Entries of single names win over entries of combined ones (PROTOCOL §3.1):
 * take the single ones first, and let a combined one speak for the topics that
 * have not been answered yet. */
struct gcn__cover {
  const struct gcn__topics* topics;
  unsigned shard;
  struct gcn__span prefix; /* without its "?"; absent if not combined */
  struct gcn__span rest;   /* the parts not looked at yet */
  struct gcn__topic* exact;
};

/* Only topics of the shard are found: no other channel can speak for them. */
void gcn__cover_init(struct gcn__cover* walk, const struct gcn__topics* topics,
                     unsigned shard, struct gcn__span name);
/* NULL at the end. */
struct gcn__topic* gcn__cover_next(struct gcn__cover* walk);
/* True for a name that stands for its parts. */
bool gcn__cover_is_combined(struct gcn__span name);

#endif
