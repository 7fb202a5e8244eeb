/* SPDX-License-Identifier: MIT */
/*
 * Blocks of one size that take turns: whoever has bytes in hand holds one, and
 * gives it back when they are gone.
 *
 * What is idle holds none, so the memory follows what happens at once rather
 * than how many there are.  A few blocks stay for the next ones to come, so
 * that the same few in turn allocate nothing.  For one thread.
 */
#ifndef GCN_BASE_SPARES_H
#define GCN_BASE_SPARES_H

#include "base/mem.h"

enum {
  /* A TLS record with all that may be around it, or its plaintext. */
  GCN__SPARE_SIZE = 17 * 1024,
  GCN__SPARE_COUNT_MAX = 8,
};

struct gcn__spares {
  struct gcn__mem mem;
  void* blocks[GCN__SPARE_COUNT_MAX];
  unsigned count;
};

void gcn__spares_init(struct gcn__spares* spares, const struct gcn__mem* mem);
/* All blocks have been given back.  All-zero is fine. */
void gcn__spares_deinit(struct gcn__spares* spares);
/* GCN__SPARE_SIZE bytes with anything in them; NULL: out of memory. */
void* gcn__spares_take(struct gcn__spares* spares);
/* NULL is fine. */
void gcn__spares_give(struct gcn__spares* spares, void* block);

#endif
