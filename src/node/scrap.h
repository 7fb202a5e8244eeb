/* SPDX-License-Identifier: MIT */
/*
 * Memory for what one call from JavaScript hands over: texts, lists.
 *
 * All of it goes at once, and is wiped first: a secret may be anywhere in it.
 */
#ifndef GCN_NODE_SCRAP_H
#define GCN_NODE_SCRAP_H

#include <stddef.h>

struct gcn__piece;

/* All zero is an empty one. */
struct gcn__scrap {
  struct gcn__piece* pieces;
};

/* Zero-filled; NULL if memory is short. */
void* gcn__scrap_take(struct gcn__scrap* scrap, size_t size);
void gcn__scrap_free(struct gcn__scrap* scrap);

#endif
