/* SPDX-License-Identifier: MIT */
/*
 * How long to wait before the next attempt.
 *
 * An exponential window, base * 2^(failures-1) up to the cap, of which
 * retry_jitter says how it is used:
 *
 *   full          min(cap, floor + U(0, window))
 *   none          window
 *   equal         window/2 + U(0, window/2)
 *   decorrelated  min(cap, U(base, 3 * the wait before))
 *
 * A proven stream that broke gets one try within its own, first window; the
 * more streams of the process broke with it, the wider.  After degraded_ms
 * without a stream every window is the upper half below the cap.
 *
 * It knows no clock and keeps nothing.  No delay of our own is below the floor
 * (but for the first window) or above the cap.  What the server asked for is a
 * floor under any, plus up to 20 % jitter, so that a fleet told "7 s" does not
 * return as one.
 */
#ifndef GCN_CORE_BACKOFF_H
#define GCN_CORE_BACKOFF_H

#include "base/rng.h"
#include "core/settings.h"

#include <stdint.h>

/* Values of settings->retry_jitter; any other counts as full. */
enum gcn__jitter {
  GCN__JITTER_FULL,
  GCN__JITTER_NONE,
  GCN__JITTER_EQUAL,
  GCN__JITTER_DECORRELATED,
};

enum gcn__backoff_kind {
  GCN__BACKOFF_FIRST,    /* a stream that had proven stable broke */
  GCN__BACKOFF_ORDINARY, /* an attempt failed, or an unproven stream */
  GCN__BACKOFF_SLOW,     /* trouble that will not heal by itself */
};

struct gcn__backoff_case {
  enum gcn__backoff_kind kind;
  uint64_t failures;   /* ORDINARY: since the last proven stream, 1 or more */
  uint64_t last_ms;    /* the wait before this one, 0 if there was none */
  uint64_t asked_ms;   /* the server's Retry-After, 0 if it gave none */
  uint64_t outage_ms;  /* since something last streamed */
  uint64_t peers_lost; /* FIRST: streams of the process that broke within a
                          second, this one included; 0 counts as 1 */
};

/* `asked_ms` is clamped to retry_after_max_ms. */
uint64_t gcn__backoff_next(const struct gcn__settings* settings,
                           const struct gcn__backoff_case* event,
                           struct gcn__rng* rng);
/* What becomes of a wait that the user chose instead: not below the floor or
 * what the server asked for, not above the longest wait there is otherwise, so
 * that neither 0 nor -1 makes a hot loop or the last attempt. */
uint64_t gcn__backoff_clamp(const struct gcn__settings* settings,
                            uint64_t chosen_ms, uint64_t asked_ms);

/* The three kinds of gcn__backoff_next where nothing else is known. */
uint64_t gcn__backoff_delay(const struct gcn__settings* settings,
                            uint64_t failures, uint64_t asked_ms,
                            struct gcn__rng* rng);
uint64_t gcn__backoff_first(const struct gcn__settings* settings,
                            uint64_t asked_ms, struct gcn__rng* rng);
uint64_t gcn__backoff_slow(const struct gcn__settings* settings,
                           uint64_t asked_ms, struct gcn__rng* rng);

#endif
