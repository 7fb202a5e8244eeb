/* SPDX-License-Identifier: MIT */
/*
 * A binary heap in an array.
 */
#include "agenda.h"

#include <stdlib.h>

void agenda_init(struct agenda* agenda, size_t size) {
  *agenda =
      (struct agenda){.heap = calloc(size, sizeof *agenda->heap), .size = size};
  if (agenda->heap == NULL) abort();
}

void agenda_deinit(struct agenda* agenda) {
  free(agenda->heap);
  *agenda = (struct agenda){0};
}

static bool before(const struct entry* a, const struct entry* b) {
  if (a->at_ms != b->at_ms) return a->at_ms < b->at_ms;
  return a->order < b->order;
}

void agenda_put(struct agenda* agenda, struct entry entry) {
  if (agenda->count == agenda->size) abort();
  struct entry* heap = agenda->heap;
  entry.order = agenda->order++;
  size_t at = agenda->count++;
  while (at > 0 && before(&entry, &heap[(at - 1) / 2])) {
    heap[at] = heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  heap[at] = entry;
}

/* Puts the last entry where the first was and lets it sink. */
static void close_the_top(struct agenda* agenda) {
  struct entry* heap = agenda->heap;
  struct entry last = heap[--agenda->count];
  size_t at = 0;
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= agenda->count) break;
    bool right = child + 1 < agenda->count;
    if (right && before(&heap[child + 1], &heap[child])) child++;
    if (!before(&heap[child], &last)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = last;
}

bool agenda_next(struct agenda* agenda, struct entry* entry) {
  if (agenda->count == 0) return false;
  *entry = agenda->heap[0];
  close_the_top(agenda);
  return true;
}
