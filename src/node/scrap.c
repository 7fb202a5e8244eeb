/* SPDX-License-Identifier: MIT */
/*
 * A list of blocks.
 */
#include "node/scrap.h"

#include "base/mem.h"

struct gcn__piece {
  struct gcn__piece* next;
  size_t size;
  max_align_t bytes[];
};

void* gcn__scrap_take(struct gcn__scrap* scrap, size_t size) {
  struct gcn__piece* piece =
      gcn__alloc_zero(&gcn__mem_libc, sizeof *piece + size);
  if (piece == NULL) return NULL;
  piece->next = scrap->pieces;
  piece->size = size;
  scrap->pieces = piece;
  return piece->bytes;
}

void gcn__scrap_free(struct gcn__scrap* scrap) {
  while (scrap->pieces != NULL) {
    struct gcn__piece* piece = scrap->pieces;
    size_t size = sizeof *piece + piece->size;
    scrap->pieces = piece->next;
    gcn__wipe(piece, size);
    gcn__free(&gcn__mem_libc, piece, size);
  }
}
