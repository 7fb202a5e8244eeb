/* SPDX-License-Identifier: MIT */
/*
 * The desired topics and the service's last word on each.
 *
 * The set outlives every connection.  It is sorted without regard to ASCII
 * case, because the service compares topics that way; `revision` changes with
 * every change of the set, so that an answer can be matched with what was sent.
 */
#ifndef GCN_CORE_TOPICS_H
#define GCN_CORE_TOPICS_H

#include "base/mem.h"
#include "base/span.h"

enum { GCN__TOPIC_SIZE_MAX = 199 }; /* "below 200", PROTOCOL §3.2 */

/* In the order of gcn_verdict_t. */
enum gcn__verdict {
  GCN__VERDICT_PENDING, /* not answered yet */
  GCN__VERDICT_PERMITTED,
  GCN__VERDICT_REJECTED,
  GCN__VERDICT_UNKNOWN, /* missing from the service's answer */
};

struct gcn__topic {
  char* name;
  enum gcn__verdict verdict;
  uint64_t answered; /* the answer that mentioned it last */
};

struct gcn__topics {
  const struct gcn__mem* mem;
  struct gcn__topic* items;
  size_t count;
  size_t capacity;
  size_t count_max;
  uint64_t revision;
};

void gcn__topics_init(struct gcn__topics* topics, const struct gcn__mem* mem,
                      size_t count_max);
void gcn__topics_deinit(struct gcn__topics* topics);

/* NULL, or what is wrong with a topic's name: 1 to GCN__TOPIC_SIZE_MAX bytes of
 * printable ASCII without spaces, quotes and backslashes. */
const char* gcn__topic_check(struct gcn__span name);

/* 0, GCN__EEXIST, GCN_ELIMIT, GCN__ENOMEM; an error has changed nothing. */
int gcn__topics_add(struct gcn__topics* topics, struct gcn__span name);
/* 0 or GCN__ENOENT. */
int gcn__topics_remove(struct gcn__topics* topics, struct gcn__span name);
struct gcn__topic* gcn__topics_find(const struct gcn__topics* topics,
                                    struct gcn__span name);

#endif
