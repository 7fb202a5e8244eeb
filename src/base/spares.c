/* SPDX-License-Identifier: MIT */
/*
 * A stack, so that the block that was used last, and is warm, goes first.
 */
#include "base/spares.h"

void gcn__spares_init(struct gcn__spares* spares, const struct gcn__mem* mem) {
  *spares = (struct gcn__spares){.mem = *mem};
}

/* Tokens may have been in it. */
static void discard(struct gcn__spares* spares, void* block) {
  gcn__wipe(block, GCN__SPARE_SIZE);
  gcn__free(&spares->mem, block, GCN__SPARE_SIZE);
}

void gcn__spares_deinit(struct gcn__spares* spares) {
  while (spares->count > 0)
    discard(spares, spares->blocks[--spares->count]);
}

void* gcn__spares_take(struct gcn__spares* spares) {
  if (spares->count > 0) return spares->blocks[--spares->count];
  return gcn__alloc(&spares->mem, GCN__SPARE_SIZE);
}

void gcn__spares_give(struct gcn__spares* spares, void* block) {
  if (block == NULL) return;
  if (spares->count == GCN__SPARE_COUNT_MAX) {
    discard(spares, block);
    return;
  }
  spares->blocks[spares->count++] = block;
}
