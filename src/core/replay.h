/* SPDX-License-Identifier: MIT */
/*
 * A flight record, taken through this version's table.
 *
 * Every connection gets a session of its own that is fed what was recorded.
 * Waits are chosen by chance and times by the world, so those are taken from
 * the record; what the table decides is compared.  After a difference the
 * session goes on where the recorded one was: each is told once, where it is.
 */
#ifndef GCN_CORE_REPLAY_H
#define GCN_CORE_REPLAY_H

#include "core/record.h"

/* X(name, meaning) */
#define GCN__REPLAY_MAP(X)                                                     \
  X(FROM, "the last record of this connection ended in another state")         \
  X(NEVER, "this input has no cell in this state")                             \
  X(TO, "another state")                                                       \
  X(ENTERED, "the state is entered by one and kept by the other")              \
  X(VERBS, "other verbs")                                                      \
  X(FAILURES, "another count of failures")                                     \
  X(ATTEMPT, "another count of attempts")

enum gcn__replay_index {
#define GCN__REPLAY_INDEX(name, meaning) GCN__REPLAY_INDEX_##name,
  GCN__REPLAY_MAP(GCN__REPLAY_INDEX)
#undef GCN__REPLAY_INDEX
      GCN__REPLAY_COUNT
};

/* A set of differences is the sum of these. */
enum gcn__replay_bit {
#define GCN__REPLAY_BIT(name, meaning)                                         \
  GCN__REPLAY_##name = 1 << GCN__REPLAY_INDEX_##name,
  GCN__REPLAY_MAP(GCN__REPLAY_BIT)
#undef GCN__REPLAY_BIT
};

enum { GCN__REPLAY_SLOT_COUNT = UINT8_MAX + 1 };

struct gcn__replay {
  struct gcn__settings settings;
  struct gcn__rng rng;
  bool known[GCN__REPLAY_SLOT_COUNT];
  struct gcn__session sessions[GCN__REPLAY_SLOT_COUNT];
};

/* Stays where it is: the sessions point into it. */
void gcn__replay_init(struct gcn__replay* replay,
                      const struct gcn__settings* settings);
/* Takes the next record.  Sets `now` to what this version makes of it, and
 * returns in what it differs. */
unsigned gcn__replay_step(struct gcn__replay* replay,
                          const struct gcn__record* record,
                          struct gcn__record* now);
const char* gcn__replay_meaning(enum gcn__replay_index index);

#endif
