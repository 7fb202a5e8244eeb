/* SPDX-License-Identifier: MIT */
/*
 * A dry run: how a list of topics would be spread over connections.
 *
 * It asks the planner itself, so a fresh client that is given the same list
 * comes to the same result.
 */
#ifndef GCN_CORE_PLAN_H
#define GCN_CORE_PLAN_H

#include "core/planner.h"

/* What becomes of one topic of the list. */
struct gcn__plan_entry {
  /* 0; GCN__EINVAL: no topic's name, see gcn__topic_check; GCN__EEXIST: earlier
   * in the list already; GCN_ELIMIT: no room is left. */
  int error;
  unsigned shard; /* if there is no error */
  /* The name that it is subscribed by, NUL-terminated; "" if there is an
   * error, or if it is longer than this, which only the topic itself can be. */
  char name[GCN__TOPIC_SIZE_MAX + 1];
};

struct gcn__plan {
  unsigned shard_count;
  size_t topic_count; /* that have a shard */
  size_t name_count;  /* combined names, over all shards */
};

/* Fills an entry for each of `names`; one that is NULL is no name.  With
 * limits->cost the others have been checked, as they are not those of a channel
 * then.  `mem` is for scratch memory only.  0 or GCN__ENOMEM. */
int gcn__plan_make(const struct gcn__mem* mem,
                   const struct gcn__planner_limits* limits,
                   const char* const* names, size_t count,
                   struct gcn__plan_entry* entries, struct gcn__plan* plan);

#endif
