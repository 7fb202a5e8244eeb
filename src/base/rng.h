/* SPDX-License-Identifier: MIT */
/*
 * A small seeded generator (splitmix64) for jitter and for simulations.
 *
 * It is not for secrets: mask keys, WebSocket keys and TLS take their bytes
 * from the entropy function that the engine is given.
 */
#ifndef GCN_BASE_RNG_H
#define GCN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct gcn__rng {
  uint64_t state;
};

/* Where bytes that a peer must not guess come from.  0 or GCN_EENTROPY. */
struct gcn__entropy {
  int (*fill)(void* ctx, void* data, size_t size);
  void* ctx;
};

void gcn__rng_seed(struct gcn__rng* rng, uint64_t seed);
uint64_t gcn__rng_next(struct gcn__rng* rng);
/* Uniform in [0, bound); 0 if bound is 0. */
uint64_t gcn__rng_below(struct gcn__rng* rng, uint64_t bound);
/* Uniform in [low, high], both included. */
uint64_t gcn__rng_between(struct gcn__rng* rng, uint64_t low, uint64_t high);

#endif
