/* SPDX-License-Identifier: MIT */
/*
 * What the clients of one loop thread share: the pace of attempts, REST calls
 * and channel creations, and how many streams broke of late.
 *
 * Budgets belong to a key, a host with a client id, because there the service
 * counts; a table of fixed size holds those in use.  Beyond it the key that was
 * used longest ago is forgotten, and with it what it owed: a pace is manners,
 * not a proof, and the service has the last word by its 429.  It knows no
 * client, no clock and no memory but its own.
 */
#ifndef GCN_CORE_PACE_H
#define GCN_CORE_PACE_H

#include "base/span.h"
#include "core/budget.h"
#include "core/limits.h"
#include "core/settings.h"

#include <stdbool.h>
#include <stdint.h>

enum { GCN__PACE_KEYS_MAX = 64 };

struct gcn__pace_entry {
  uint64_t key;
  uint64_t used; /* the table's count when it was last used; 0: free */
  struct gcn__budget retries;
  struct gcn__budget channels;
  struct gcn__budget rest;
  struct gcn__limits limits;
};

struct gcn__pace {
  struct gcn__pace_entry entries[GCN__PACE_KEYS_MAX];
  struct gcn__pace_entry fresh; /* what a new key begins with */
  uint64_t use_count;
  uint64_t lost_since_ms; /* begin of the second that is counted now */
  uint64_t lost_count;    /* streams lost in it */
  uint64_t lost_before;   /* ... in the second before */
};

/* `settings` is read now and not kept. */
void gcn__pace_init(struct gcn__pace* pace,
                    const struct gcn__settings* settings);
/* Two keys that meet by chance (1 : 2^64) share a budget, no more. */
uint64_t gcn__pace_key(struct gcn__span host, struct gcn__span client_id);

/* One more attempt; one more channel.  0: go, it is counted.  Otherwise nothing
 * was taken: ask again after so many milliseconds. */
uint64_t gcn__pace_retry(struct gcn__pace* pace, uint64_t key, uint64_t now_ms);
uint64_t gcn__pace_channel(struct gcn__pace* pace, uint64_t key,
                           uint64_t now_ms);
/* A channel that was counted has not been made. */
void gcn__pace_channel_back(struct gcn__pace* pace, uint64_t key,
                            uint64_t now_ms);
/* One more REST call.  True: it may go out in `wait_ms` and is counted, do not
 * ask again.  False: too many wait already; ask again after `wait_ms`. */
bool gcn__pace_rest(struct gcn__pace* pace, uint64_t key, uint64_t now_ms,
                    uint64_t* wait_ms);
/* The same for a caller that would not wait longer than `patience_ms`: false,
 * and nothing is taken, if it had to.  A moment that is taken and not used is
 * lost to all others. */
bool gcn__pace_rest_within(struct gcn__pace* pace, uint64_t key,
                           uint64_t now_ms, uint64_t patience_ms,
                           uint64_t* wait_ms);
/* The service asked for silence: no REST call before `until_ms`, and no burst
 * then.  Calls that were given their moment before are not called back. */
void gcn__pace_hold(struct gcn__pace* pace, uint64_t key, uint64_t until_ms);
/* An answer's inin-ratelimit-* headers. */
void gcn__pace_ratelimit(struct gcn__pace* pace, uint64_t key,
                         const struct gcn__quota* quota, uint64_t now_ms);

/* A stream broke.  How many did within the last second, this one included:
 * `peers_lost` of a gcn__backoff_case. */
uint64_t gcn__pace_lost(struct gcn__pace* pace, uint64_t now_ms);

#endif
