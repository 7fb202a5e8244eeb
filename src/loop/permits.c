/* SPDX-License-Identifier: MIT */
/*
 * A permit that is returned goes to the first in line without becoming free in
 * between, so nobody can overtake.
 */
#include "loop/permits.h"

#include "base/assert.h"

struct gcn__permits {
  struct gcn__mem mem;
  unsigned reference_count;
  size_t count;
  size_t free_count; /* 0 while somebody waits */
  struct gcn__list line;
  struct gcn__list patient; /* likewise, served after it */
};

struct gcn__permits* gcn__permits_new(const struct gcn__mem* mem,
                                      size_t count) {
  GCN__ASSERT(count > 0);
  struct gcn__permits* permits = gcn__alloc_zero(mem, sizeof *permits);
  if (permits == NULL) return NULL;
  permits->mem = *mem;
  permits->reference_count = 1;
  permits->count = count;
  permits->free_count = count;
  gcn__list_init(&permits->line);
  gcn__list_init(&permits->patient);
  return permits;
}

struct gcn__permits* gcn__permits_acquire(struct gcn__permits* permits) {
  permits->reference_count++;
  return permits;
}

void gcn__permits_release(struct gcn__permits* permits) {
  GCN__ASSERT(permits->reference_count > 0);
  if (--permits->reference_count > 0) return;
  GCN__ASSERT(permits->free_count == permits->count);
  struct gcn__mem mem = permits->mem;
  gcn__free(&mem, permits, sizeof *permits);
}

bool gcn__permit_take(struct gcn__permits* permits,
                      struct gcn__permit* permit) {
  GCN__ASSERT(permit->state == GCN__PERMIT_NONE);
  permit->permits = permits;
  if (permits->free_count > 0) {
    permits->free_count--;
    permit->state = GCN__PERMIT_HELD;
    return true;
  }
  permit->state = GCN__PERMIT_AWAITED;
  struct gcn__list* line = permit->patient ? &permits->patient : &permits->line;
  gcn__list_append(line, &permit->entry);
  return false;
}

/* Whether it was held. */
static bool clear(struct gcn__permit* permit) {
  enum gcn__permit_state state = permit->state;
  permit->state = GCN__PERMIT_NONE;
  if (state == GCN__PERMIT_AWAITED) gcn__list_remove(&permit->entry);
  return state == GCN__PERMIT_HELD;
}

void gcn__permit_return(struct gcn__permit* permit) {
  if (!clear(permit)) return;
  struct gcn__permits* permits = permit->permits;
  struct gcn__list* line = &permits->line;
  if (gcn__list_empty(line)) line = &permits->patient;
  if (gcn__list_empty(line)) {
    permits->free_count++;
    return;
  }
  struct gcn__permit* next =
      GCN__CONTAINER_OF(line->next, struct gcn__permit, entry);
  gcn__list_remove(&next->entry);
  next->state = GCN__PERMIT_HELD;
  next->ready(next->ctx);
}

void gcn__permit_abandon(struct gcn__permit* permit) {
  if (clear(permit)) permit->permits->free_count++;
}
