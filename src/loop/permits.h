/* SPDX-License-Identifier: MIT */
/*
 * How many connections may be in the making at the same time.
 *
 * A counted pool that the clients of one loop share: who finds none left waits
 * in line and is served in the order of coming, who is patient behind all who
 * are not.  It knows nothing of what the permits are for, and nothing is free
 * while somebody waits.
 */
#ifndef GCN_LOOP_PERMITS_H
#define GCN_LOOP_PERMITS_H

#include "base/list.h"
#include "base/mem.h"

enum { GCN__PERMIT_COUNT_DEFAULT = 4 };

struct gcn__permits;

enum gcn__permit_state {
  GCN__PERMIT_NONE,
  GCN__PERMIT_AWAITED,
  GCN__PERMIT_HELD
};

/* All-zero but for the first three members to begin with. */
struct gcn__permit {
  /* It is HELD now.  Comes from inside of somebody else's gcn__permit_return,
   * so it may note this and no more. */
  void (*ready)(void* ctx);
  void* ctx;
  bool patient;

  enum gcn__permit_state state;
  struct gcn__permits* permits;
  struct gcn__list entry; /* in the line while AWAITED */
};

/* `mem` is copied; its context outlives the pool.  NULL: out of memory. */
struct gcn__permits* gcn__permits_new(const struct gcn__mem* mem, size_t count);
/* One more user of the pool; returns it. */
struct gcn__permits* gcn__permits_acquire(struct gcn__permits* permits);
/* The last one frees it; by then nobody holds or awaits a permit. */
void gcn__permits_release(struct gcn__permits* permits);

/* True: HELD at once.  Else AWAITED, and `ready` comes later, never from in
 * here. */
bool gcn__permit_take(struct gcn__permits* permits, struct gcn__permit* permit);
/* Gives it to the next in line, or leaves the line; legal in any state. */
void gcn__permit_return(struct gcn__permit* permit);
/* For a child after fork: like return, but nobody is told. */
void gcn__permit_abandon(struct gcn__permit* permit);

#endif
