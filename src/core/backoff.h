/* SPDX-License-Identifier: MIT */
/*
 * How long to wait before the next attempt.
 *
 * Full jitter over an exponential, with a floor:
 *   min(cap, floor + U(0, base * 2^(failures-1)))
 * A proven stream that broke gets one try within its own, first window.  What
 * the server asked for is a floor under either, plus up to 20 % jitter, so that
 * a fleet told "7 s" does not return as one.
 */
#ifndef GCN_CORE_BACKOFF_H
#define GCN_CORE_BACKOFF_H

#include "base/rng.h"
#include "core/settings.h"

#include <stdbool.h>

/* `failures` counts since the last proven stream, 1 or more.  `asked_ms` is the
 * server's Retry-After, 0 if it gave none; it is clamped to
 * retry_after_max_ms. */
uint64_t gcn__backoff_delay(const struct gcn__settings* settings,
                            uint64_t failures, uint64_t asked_ms,
                            struct gcn__rng* rng);
/* For a stream that had proven stable. */
uint64_t gcn__backoff_first(const struct gcn__settings* settings,
                            uint64_t asked_ms, struct gcn__rng* rng);
/* For trouble that will not heal by itself: the upper half below the cap. */
uint64_t gcn__backoff_slow(const struct gcn__settings* settings,
                           uint64_t asked_ms, struct gcn__rng* rng);

#endif
