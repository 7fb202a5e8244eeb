/* SPDX-License-Identifier: MIT */
/*
 * Which events have been handed on: a set of keys that forgets its oldest.
 *
 * Unlike core/dedup, which counts the events of two streams against each other,
 * this is for services that give each event an id: what is in the set is a
 * repetition, whichever stream it came on.
 *
 * Memory is bounded: two generations of keys; when the younger is full, the
 * older is forgotten, so that between `count_max` and twice as many are known.
 */
#ifndef GCN_CORE_SEEN_H
#define GCN_CORE_SEEN_H

#include "base/key.h"
#include "base/mem.h"

enum { GCN__SEEN_COUNT_MAX = 1 << 24 };

struct gcn__seen_generation;

struct gcn__seen {
  const struct gcn__mem* mem;
  size_t count_max;                   /* keys per generation; a power of two */
  struct gcn__seen_generation* young; /* NULL: nothing seen yet */
  struct gcn__seen_generation* old;
};

/* `count_max`, 1 to GCN__SEEN_COUNT_MAX, is rounded up to a power of two; takes
 * no memory yet. */
void gcn__seen_init(struct gcn__seen* seen, const struct gcn__mem* mem,
                    size_t count_max);
void gcn__seen_deinit(struct gcn__seen* seen);
/* Adds the key, which is one.  1: it is new; 0: it was there already;
 * GCN__ENOMEM: it is not known and could not be added. */
int gcn__seen_add(struct gcn__seen* seen, struct gcn__key key);
bool gcn__seen_has(const struct gcn__seen* seen, struct gcn__key key);

#endif
