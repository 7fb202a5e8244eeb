/* SPDX-License-Identifier: MIT */
/*
 * The desired topics, and the service's last word on each.
 *
 * The set outlives every connection.  It is sorted without regard to ASCII
 * case, because the service compares topics that way, and first by prefix, so
 * that topics that can share a combined name stand side by side.  `revision`
 * changes with every change of the set, so that an answer can be matched with
 * what was sent.
 *
 * A rejected topic is left out of the requests that follow, and asked for again
 * from time to time.
 */
#ifndef GCN_CORE_TOPICS_H
#define GCN_CORE_TOPICS_H

#include "base/mem.h"
#include "base/rng.h"
#include "base/span.h"

enum {
  GCN__TOPIC_SIZE_MAX = 199, /* of a channel's: "below 200", PROTOCOL §3.2 */
  GCN__TOPIC_TEXT_SIZE_MAX = 1000, /* of any: the stream dialect's are longer */
  GCN__SHARD_NONE = 255,           /* on no connection yet */
};

/* In the order of gcn_verdict_t. */
enum gcn__verdict {
  GCN__VERDICT_PENDING, /* not answered yet */
  GCN__VERDICT_PERMITTED,
  GCN__VERDICT_REJECTED,
  GCN__VERDICT_UNKNOWN, /* missing from the service's answer */
};

struct gcn__topic {
  char* name;
  uint64_t answered;      /* the answer that mentioned it last */
  uint64_t permitted_ms;  /* when it became so last; 0: never */
  uint64_t rejected_ms;   /* likewise */
  uint64_t retry_from_ms; /* rejected: it may join a request from then on */
  uint64_t retry_at_ms;   /* rejected: it calls for one of its own */
  size_t cost;            /* of the planner's second budget; 0: not known yet */
  enum gcn__verdict verdict;
  uint16_t name_size;
  uint16_t prefix_size; /* all of the name if it can't be combined */
  uint8_t shard;
  uint8_t rejections; /* in a row; stops at its maximum */
  bool asked;         /* it is part of the last request for its shard */
  bool alone;         /* it shares no combined name, for good */
  bool marked;        /* within one change of the set: what it is about */
  bool missed;        /* the last audit did not find it */
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

/* NULL, or what is wrong with the name of a channel's topic: 1 to
 * GCN__TOPIC_SIZE_MAX bytes of printable ASCII without spaces, quotes and
 * backslashes.  Whoever adds a name has checked it, by this or by what the
 * dialect has for it; the set itself minds sizes only. */
const char* gcn__topic_check(struct gcn__span name);
/* What a name shares with its siblings: the part before its last dot, as in
 * "v2.users.ID".  All of it if it can't be combined: it holds a "?" (it is
 * combined already), its prefix has fewer than three segments (and so names no
 * entity), or its last segment is not made of letters only.  The service's
 * documents combine kinds of events, which are words; ids hold digits. */
size_t gcn__topic_prefix_size(struct gcn__span name);

/* 0; GCN__EEXIST; GCN_ELIMIT (the set is full, or the name is empty or longer
 * than GCN__TOPIC_TEXT_SIZE_MAX); GCN__ENOMEM; an error has changed nothing. */
int gcn__topics_add(struct gcn__topics* topics, struct gcn__span name);
/* Adds those of `names` that are not in the set yet, and marks them; of names
 * that differ in case only, the first.  Takes O(log n) per name and O(n) once.
 * 0, GCN_ELIMIT (as above, of any of them), GCN__ENOMEM; an error has changed
 * nothing. */
int gcn__topics_add_many(struct gcn__topics* topics, const char* const* names,
                         size_t count);
/* 0 or GCN__ENOENT. */
int gcn__topics_remove(struct gcn__topics* topics, struct gcn__span name);
/* Removes what is marked; returns how many that were. */
size_t gcn__topics_sweep(struct gcn__topics* topics);
struct gcn__topic* gcn__topics_find(const struct gcn__topics* topics,
                                    struct gcn__span name);
/* Index of the first item behind `name`, which may be in the set or not. */
size_t gcn__topics_behind(const struct gcn__topics* topics,
                          struct gcn__span name);

/* How long a rejected topic waits: base, doubled by each rejection up to cap,
 * +-20 %. */
struct gcn__topic_pace {
  uint64_t base_ms;
  uint64_t cap_ms;
};

void gcn__topic_permitted(struct gcn__topic* topic);
void gcn__topic_rejected(struct gcn__topic* topic,
                         const struct gcn__topic_pace* pace,
                         struct gcn__rng* rng, uint64_t now_ms);

/* Decides which topics of the shard the next request holds: all but those that
 * were rejected and still have to wait.  Returns how many those are. */
size_t gcn__topics_ask(struct gcn__topics* topics, unsigned shard,
                       uint64_t now_ms);
/* How many rejected topics of the shard call for a request now.  One is enough
 * to send it: those rejected together are then asked for together, whatever
 * their jitter, and not one by one.  Looks at every topic. */
size_t gcn__topics_due(const struct gcn__topics* topics, unsigned shard,
                       uint64_t now_ms);
/* When the first of them will; GCN__NEVER if none.  Looks at every topic. */
uint64_t gcn__topics_next_due(const struct gcn__topics* topics, unsigned shard);
/* The credentials changed, and with them what is permitted: ends all waits. */
void gcn__topics_retry_now(struct gcn__topics* topics);

#endif
