/* SPDX-License-Identifier: MIT */
/*
 * The bucket keeps one number, the moment at which it will be full: what is
 * missing now is the time until then, in refills.
 */
#include "core/budget.h"

#include "base/assert.h"
#include "base/time.h"

void gcn__budget_init(struct gcn__budget* budget, uint64_t burst,
                      uint64_t refill_ms) {
  GCN__ASSERT(burst > 0);
  *budget = (struct gcn__budget){.burst = burst, .refill_ms = refill_ms};
}

uint64_t gcn__budget_take(struct gcn__budget* budget, uint64_t now_ms) {
  if (budget->full_at_ms < now_ms) budget->full_at_ms = now_ms;
  uint64_t missing_ms = budget->full_at_ms - now_ms;
  uint64_t room_ms = (budget->burst - 1) * budget->refill_ms;
  if (missing_ms > room_ms) return missing_ms - room_ms;
  budget->full_at_ms = gcn__time_add(budget->full_at_ms, budget->refill_ms);
  return 0;
}
