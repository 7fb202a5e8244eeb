/* SPDX-License-Identifier: MIT */
/*
 * A token bucket: `burst` at once, then one per `refill_ms`.
 *
 * Channel creations go through one, because the 21st channel of a client id
 * silently evicts somebody else's (PROTOCOL §2.2).  It knows no clock and no
 * queue: those who wait are told when to come, and the bucket remembers how
 * many it has told.
 */
#ifndef GCN_CORE_BUDGET_H
#define GCN_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* How many reservations may wait at once. */
enum { GCN__BUDGET_AHEAD_MAX = 64 };

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
/* How many milliseconds until there is one; takes nothing. */
uint64_t gcn__budget_wait(const struct gcn__budget* budget, uint64_t now_ms);
/* Takes the next one, be it in the future.  True: it is ours in `wait_ms`, no
 * second call is needed.  False: GCN__BUDGET_AHEAD_MAX others wait already and
 * nothing was taken; ask again after `wait_ms`, which is when they are through.
 * So what is promised to those who gave up meanwhile stays bounded. */
bool gcn__budget_reserve(struct gcn__budget* budget, uint64_t now_ms,
                         uint64_t* wait_ms);
/* Gives nothing before `until_ms`, and no burst then: who had to be told to
 * wait has used it up.  Never shortens a wait. */
void gcn__budget_hold(struct gcn__budget* budget, uint64_t until_ms);

/* One that was taken was not used. */
void gcn__budget_give_back(struct gcn__budget* budget, uint64_t now_ms);

#endif
