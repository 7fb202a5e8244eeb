/* SPDX-License-Identifier: MIT */
/*
 * The bucket keeps one number, the moment at which it will be full: what is
 * missing now is the time until then, in refills.  A reservation moves it
 * further than the bucket is deep, a hold moves it at once.
 */
#include "core/budget.h"

#include "base/assert.h"
#include "base/time.h"

/* Saturates, for settings are the user's. */
static uint64_t refills(const struct gcn__budget* budget, uint64_t count) {
  if (count != 0 && budget->refill_ms > GCN__NEVER / count) return GCN__NEVER;
  return budget->refill_ms * count;
}

/* While no more than this is missing, one is left. */
static uint64_t room(const struct gcn__budget* budget) {
  return refills(budget, budget->burst - 1);
}

static void spend(struct gcn__budget* budget, uint64_t now_ms) {
  if (budget->full_at_ms < now_ms) budget->full_at_ms = now_ms;
  budget->full_at_ms = gcn__time_add(budget->full_at_ms, budget->refill_ms);
}

void gcn__budget_init(struct gcn__budget* budget, uint64_t burst,
                      uint64_t refill_ms) {
  GCN__ASSERT(burst > 0);
  *budget = (struct gcn__budget){.burst = burst, .refill_ms = refill_ms};
}

uint64_t gcn__budget_wait(const struct gcn__budget* budget, uint64_t now_ms) {
  uint64_t missing_ms = gcn__time_until(budget->full_at_ms, now_ms);
  return gcn__time_until(missing_ms, room(budget));
}

uint64_t gcn__budget_take(struct gcn__budget* budget, uint64_t now_ms) {
  uint64_t wait_ms = gcn__budget_wait(budget, now_ms);
  if (wait_ms == 0) spend(budget, now_ms);
  return wait_ms;
}

bool gcn__budget_reserve(struct gcn__budget* budget, uint64_t now_ms,
                         uint64_t* wait_ms) {
  *wait_ms = gcn__budget_wait(budget, now_ms);
  if (*wait_ms > refills(budget, GCN__BUDGET_AHEAD_MAX)) return false;
  spend(budget, now_ms);
  return true;
}

void gcn__budget_hold(struct gcn__budget* budget, uint64_t until_ms) {
  uint64_t full_at_ms = gcn__time_add(until_ms, room(budget));
  if (budget->full_at_ms < full_at_ms) budget->full_at_ms = full_at_ms;
}

void gcn__budget_give_back(struct gcn__budget* budget, uint64_t now_ms) {
  uint64_t missing_ms = gcn__time_until(budget->full_at_ms, now_ms);
  budget->full_at_ms -= gcn__time_min(missing_ms, budget->refill_ms);
}
