/* SPDX-License-Identifier: MIT */
/*
 * Which events of an overlap have been delivered already.
 *
 * While a channel is replaced both streams carry the same events.  An event is
 * known by a keyed digest of its topic, correlation id and body; the service
 * gives it no id (PROTOCOL §4.2).  Equal events that follow each other on one
 * stream are different events: what counts is how often each side has shown
 * the digest, and an event is delivered by the side that is ahead.
 *
 * Memory is bounded: two generations of entries; when one is full, the older
 * one is forgotten.
 */
#ifndef GCN_CORE_DEDUP_H
#define GCN_CORE_DEDUP_H

#include "base/key.h"
#include "base/mem.h"

enum { GCN__DEDUP_SIDE_COUNT = 2 };

struct gcn__dedup_generation;

struct gcn__dedup {
  const struct gcn__mem* mem;
  struct gcn__dedup_generation* young; /* NULL: inactive */
  struct gcn__dedup_generation* old;
};

void gcn__dedup_init(struct gcn__dedup* dedup, const struct gcn__mem* mem);
void gcn__dedup_deinit(struct gcn__dedup* dedup);
/* Becomes active, with nothing seen.  0 or GCN__ENOMEM, which changes
 * nothing. */
int gcn__dedup_begin(struct gcn__dedup* dedup);
/* Becomes inactive and gives its memory back. */
void gcn__dedup_end(struct gcn__dedup* dedup);
bool gcn__dedup_active(const struct gcn__dedup* dedup);
/* Counts an event of `side`, 0 or 1, which has a key.  True if it has not been
 * delivered.  Only while active. */
bool gcn__dedup_first(struct gcn__dedup* dedup, struct gcn__key key,
                      unsigned side);

#endif
