/* SPDX-License-Identifier: MIT */
/*
 * splitmix64.  The sequence for a seed never changes: recorded simulation
 * seeds depend on it.
 */
#include "base/rng.h"

#include "base/assert.h"

void gcn__rng_seed(struct gcn__rng* rng, uint64_t seed) {
  rng->state = seed;
}

uint64_t gcn__rng_next(struct gcn__rng* rng) {
  rng->state += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = rng->state;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

uint64_t gcn__rng_below(struct gcn__rng* rng, uint64_t bound) {
  if (bound == 0) return 0;
  /* Reject the uneven tail, so that every value is equally likely. */
  uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t value = gcn__rng_next(rng);
  while (value >= limit)
    value = gcn__rng_next(rng);
  return value % bound;
}

uint64_t gcn__rng_between(struct gcn__rng* rng, uint64_t low, uint64_t high) {
  GCN__ASSERT(low <= high);
  if (low == 0 && high == UINT64_MAX) return gcn__rng_next(rng);
  return low + gcn__rng_below(rng, high - low + 1);
}
