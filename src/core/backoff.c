/* SPDX-License-Identifier: MIT */
/*
 * Backoff arithmetic; saturating, so that no count of failures and no setting
 * overflows.
 */
#include "core/backoff.h"

#include "base/assert.h"
#include "base/time.h"

#include <stdbool.h>

enum { EXPONENT_MAX = 16, JITTER_DIVISOR = 5 /* 20 % */, CORRELATION = 3 };

static uint64_t larger(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static uint64_t product(uint64_t a, uint64_t b) {
  return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t at_least_asked(const struct gcn__settings* settings,
                               uint64_t delay_ms, uint64_t asked_ms,
                               struct gcn__rng* rng) {
  if (asked_ms == 0) return delay_ms;
  uint64_t asked = gcn__time_min(asked_ms, settings->retry_after_max_ms);
  uint64_t spread = gcn__rng_below(rng, asked / JITTER_DIVISOR + 1);
  return larger(delay_ms, gcn__time_add(asked, spread));
}

static uint64_t exponential(const struct gcn__settings* settings,
                            uint64_t failures) {
  GCN__ASSERT(failures > 0);
  uint64_t exponent = gcn__time_min(failures - 1, EXPONENT_MAX);
  uint64_t window = product(settings->retry_base_ms, UINT64_C(1) << exponent);
  return gcn__time_min(window, settings->retry_cap_ms);
}

static uint64_t upper_half(uint64_t window, struct gcn__rng* rng) {
  return gcn__rng_between(rng, window - window / 2, window);
}

/* The wait before is clamped too: one of the server's hours would make ours
 * jump to the cap. */
static uint64_t decorrelated(const struct gcn__settings* settings,
                             uint64_t last_ms, struct gcn__rng* rng) {
  uint64_t base =
      gcn__time_min(settings->retry_base_ms, settings->retry_cap_ms);
  uint64_t last = gcn__time_min(last_ms, settings->retry_cap_ms);
  uint64_t high = product(larger(last, base), CORRELATION);
  return gcn__rng_between(rng, base, high);
}

static uint64_t ordinary(const struct gcn__settings* settings,
                         const struct gcn__backoff_case* event,
                         struct gcn__rng* rng) {
  uint64_t window = exponential(settings, event->failures);
  switch (settings->retry_jitter) {
  case GCN__JITTER_NONE: return window;
  case GCN__JITTER_EQUAL: return upper_half(window, rng);
  case GCN__JITTER_DECORRELATED:
    return decorrelated(settings, event->last_ms, rng);
  default: break;
  }
  /* Not max(floor, U): a heap of equal delays is what jitter is against. */
  uint64_t spread = gcn__rng_between(rng, 0, window);
  return gcn__time_add(settings->retry_floor_ms, spread);
}

static uint64_t slow(const struct gcn__settings* settings,
                     struct gcn__rng* rng) {
  if (settings->retry_jitter == GCN__JITTER_NONE) return settings->retry_cap_ms;
  return upper_half(settings->retry_cap_ms, rng);
}

/* One stream that broke alone comes back at once, a thousand that broke
 * together must not: each is let into a window as wide as they are many. */
static uint64_t first(const struct gcn__settings* settings, uint64_t peers_lost,
                      struct gcn__rng* rng) {
  uint64_t window = product(settings->retry_first_ms, larger(peers_lost, 1));
  window = gcn__time_min(window, settings->retry_cap_ms);
  if (settings->retry_jitter == GCN__JITTER_NONE) return window;
  return gcn__rng_between(rng, 0, window);
}

uint64_t gcn__backoff_next(const struct gcn__settings* settings,
                           const struct gcn__backoff_case* event,
                           struct gcn__rng* rng) {
  uint64_t delay;
  if (event->kind == GCN__BACKOFF_FIRST) {
    delay = first(settings, event->peers_lost, rng);
  } else {
    bool degraded = event->outage_ms >= settings->degraded_ms;
    delay = degraded || event->kind == GCN__BACKOFF_SLOW
                ? slow(settings, rng)
                : ordinary(settings, event, rng);
    delay = larger(delay, settings->retry_floor_ms);
    delay = gcn__time_min(delay, settings->retry_cap_ms);
  }
  return at_least_asked(settings, delay, event->asked_ms, rng);
}

uint64_t gcn__backoff_clamp(const struct gcn__settings* settings,
                            uint64_t chosen_ms, uint64_t asked_ms) {
  uint64_t cap = settings->retry_cap_ms;
  uint64_t after_max = settings->retry_after_max_ms;
  uint64_t least = larger(gcn__time_min(settings->retry_floor_ms, cap),
                          gcn__time_min(asked_ms, after_max));
  return gcn__time_min(larger(chosen_ms, least), larger(cap, after_max));
}

uint64_t gcn__backoff_delay(const struct gcn__settings* settings,
                            uint64_t failures, uint64_t asked_ms,
                            struct gcn__rng* rng) {
  struct gcn__backoff_case event = {.kind = GCN__BACKOFF_ORDINARY,
                                    .failures = failures,
                                    .asked_ms = asked_ms};
  return gcn__backoff_next(settings, &event, rng);
}

uint64_t gcn__backoff_first(const struct gcn__settings* settings,
                            uint64_t asked_ms, struct gcn__rng* rng) {
  struct gcn__backoff_case event = {.kind = GCN__BACKOFF_FIRST,
                                    .asked_ms = asked_ms};
  return gcn__backoff_next(settings, &event, rng);
}

uint64_t gcn__backoff_slow(const struct gcn__settings* settings,
                           uint64_t asked_ms, struct gcn__rng* rng) {
  struct gcn__backoff_case event = {.kind = GCN__BACKOFF_SLOW,
                                    .asked_ms = asked_ms};
  return gcn__backoff_next(settings, &event, rng);
}
