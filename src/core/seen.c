/* SPDX-License-Identifier: MIT */
/*
 * Open addressing in tables that are never more than half full and from which
 * nothing is removed.  A generation begins small and doubles up to its size.
 */
#include "core/seen.h"

#include "base/assert.h"
#include "base/err.h"

#include <string.h>

enum { SLOT_COUNT_MIN = 64 };

struct gcn__seen_generation {
  size_t count;
  size_t slot_count; /* a power of two */
  struct gcn__key slots[];
};

void gcn__seen_init(struct gcn__seen* seen, const struct gcn__mem* mem,
                    size_t count_max) {
  GCN__ASSERT(count_max > 0 && count_max <= GCN__SEEN_COUNT_MAX);
  size_t count = 1;
  while (count < count_max)
    count *= 2;
  *seen = (struct gcn__seen){.mem = mem, .count_max = count};
}

static size_t size_of(size_t slot_count) {
  return sizeof(struct gcn__seen_generation) +
         slot_count * sizeof(struct gcn__key);
}

static struct gcn__seen_generation* new_generation(const struct gcn__mem* mem,
                                                   size_t slot_count) {
  struct gcn__seen_generation* generation =
      gcn__alloc_zero(mem, size_of(slot_count));
  if (generation != NULL) generation->slot_count = slot_count;
  return generation;
}

static void free_generation(const struct gcn__mem* mem,
                            struct gcn__seen_generation* generation) {
  if (generation == NULL) return;
  gcn__free(mem, generation, size_of(generation->slot_count));
}

void gcn__seen_deinit(struct gcn__seen* seen) {
  free_generation(seen->mem, seen->young);
  free_generation(seen->mem, seen->old);
  seen->young = NULL;
  seen->old = NULL;
}

/* The key's slot, or the free one that it would take. */
static struct gcn__key* locate(struct gcn__seen_generation* generation,
                               const struct gcn__key* key) {
  size_t mask = generation->slot_count - 1;
  size_t at = (size_t)key->words[0] & mask;
  while (gcn__key_is(&generation->slots[at]) &&
         !gcn__key_same(&generation->slots[at], key)) {
    at = (at + 1) & mask;
  }
  return &generation->slots[at];
}

static bool holds(struct gcn__seen_generation* generation,
                  const struct gcn__key* key) {
  return generation != NULL && gcn__key_is(locate(generation, key));
}

bool gcn__seen_has(const struct gcn__seen* seen, struct gcn__key key) {
  return holds(seen->young, &key) || holds(seen->old, &key);
}

/* The young generation with twice the slots. */
static int grow(struct gcn__seen* seen) {
  struct gcn__seen_generation* small = seen->young;
  struct gcn__seen_generation* large =
      new_generation(seen->mem, small->slot_count * 2);
  if (large == NULL) return GCN__ENOMEM;
  for (size_t i = 0; i < small->slot_count; i++) {
    const struct gcn__key* key = &small->slots[i];
    if (gcn__key_is(key)) *locate(large, key) = *key;
  }
  large->count = small->count;
  seen->young = large;
  free_generation(seen->mem, small);
  return 0;
}

/* The old generation, which is as large as one gets, becomes the young one,
 * with nothing in it. */
static int age(struct gcn__seen* seen) {
  struct gcn__seen_generation* next = seen->old;
  if (next == NULL) next = new_generation(seen->mem, seen->count_max * 2);
  if (next == NULL) return GCN__ENOMEM;
  memset(next->slots, 0, next->slot_count * sizeof *next->slots);
  next->count = 0;
  seen->old = seen->young;
  seen->young = next;
  return 0;
}

/* Room for one more key in the young generation. */
static int make_room(struct gcn__seen* seen) {
  size_t most = seen->count_max * 2;
  if (seen->young == NULL) {
    size_t slot_count = most < SLOT_COUNT_MIN ? most : SLOT_COUNT_MIN;
    seen->young = new_generation(seen->mem, slot_count);
    return seen->young == NULL ? GCN__ENOMEM : 0;
  }
  if (seen->young->count < seen->young->slot_count / 2) return 0;
  return seen->young->slot_count < most ? grow(seen) : age(seen);
}

int gcn__seen_add(struct gcn__seen* seen, struct gcn__key key) {
  GCN__ASSERT(gcn__key_is(&key));
  if (gcn__seen_has(seen, key)) return 0;
  int error = make_room(seen);
  if (error != 0) return error;
  *locate(seen->young, &key) = key;
  seen->young->count++;
  return 1;
}
