/* SPDX-License-Identifier: MIT */
/*
 * A token bucket: `burst` at once, then one per `refill_ms`.
 *
 * Channel creations go through one, because the 21st channel of a client id
 * silently evicts somebody else's (PROTOCOL §2.2).
 */
#ifndef GCN_CORE_BUDGET_H
#define GCN_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct gcn__budget {
  uint64_t burst;
  uint64_t refill_ms;
  uint64_t full_at_ms; /* when the bucket is full again */
};

void gcn__budget_init(struct gcn__budget* budget, uint64_t burst,
                      uint64_t refill_ms);
/* Takes one if there is one: 0.  Otherwise how many milliseconds until there
 * is. */
uint64_t gcn__budget_take(struct gcn__budget* budget, uint64_t now_ms);

#endif
