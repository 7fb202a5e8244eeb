/* SPDX-License-Identifier: MIT */
/*
 * See acks.h.
 */
#include "cli/acks.h"

#include "base/err.h"
#include "base/mem.h"

enum { CAPACITY_MIN = 256 };

static const struct gcn__mem* const mem = &gcn__mem_libc;

void gcn__acks_deinit(struct gcn__acks* acks) {
  gcn__free(mem, acks->ring, acks->capacity * sizeof acks->ring[0]);
  *acks = (struct gcn__acks){0};
}

static bool grow(struct gcn__acks* acks) {
  size_t capacity = acks->capacity == 0 ? CAPACITY_MIN : acks->capacity * 2;
  struct gcn__ack* ring = gcn__alloc(mem, capacity * sizeof *ring);
  if (ring == NULL) return false;
  for (size_t i = 0; i < acks->count; i++) {
    ring[i] = acks->ring[(acks->first + i) & (acks->capacity - 1)];
  }
  gcn__free(mem, acks->ring, acks->capacity * sizeof *ring);
  acks->ring = ring;
  acks->capacity = capacity;
  acks->first = 0;
  return true;
}

int gcn__acks_push(struct gcn__acks* acks, uint64_t end, uint64_t sequence) {
  if (acks->count == acks->capacity && !grow(acks)) return GCN__ENOMEM;
  size_t at = (acks->first + acks->count++) & (acks->capacity - 1);
  acks->ring[at] = (struct gcn__ack){.end = end, .sequence = sequence};
  return 0;
}

bool gcn__acks_pop(struct gcn__acks* acks, uint64_t taken, uint64_t* sequence) {
  if (acks->count == 0 || acks->ring[acks->first].end > taken) return false;
  *sequence = acks->ring[acks->first].sequence;
  acks->first = (acks->first + 1) & (acks->capacity - 1);
  acks->count--;
  return true;
}
