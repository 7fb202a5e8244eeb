/* SPDX-License-Identifier: MIT */
/*
 * Backoff arithmetic; saturating, so that no count of failures overflows.
 */
#include "core/backoff.h"

#include "base/assert.h"
#include "base/time.h"

enum { EXPONENT_MAX = 16, JITTER_DIVISOR = 5 /* 20 % */ };

static uint64_t at_least_asked(const struct gcn__settings* settings,
                               uint64_t delay_ms, uint64_t asked_ms,
                               struct gcn__rng* rng) {
  if (asked_ms == 0) return delay_ms;
  uint64_t asked = gcn__time_min(asked_ms, settings->retry_after_max_ms);
  asked += gcn__rng_below(rng, asked / JITTER_DIVISOR + 1);
  return delay_ms > asked ? delay_ms : asked;
}

static uint64_t window(const struct gcn__settings* settings,
                       uint64_t failures) {
  uint64_t exponent = failures - 1;
  if (exponent > EXPONENT_MAX) exponent = EXPONENT_MAX;
  uint64_t factor = UINT64_C(1) << exponent;
  if (settings->retry_base_ms > settings->retry_cap_ms / factor) {
    return settings->retry_cap_ms;
  }
  return settings->retry_base_ms * factor;
}

uint64_t gcn__backoff_delay(const struct gcn__settings* settings,
                            uint64_t failures, uint64_t asked_ms,
                            struct gcn__rng* rng) {
  GCN__ASSERT(failures > 0);
  uint64_t spread = gcn__rng_between(rng, 0, window(settings, failures));
  uint64_t delay = gcn__time_min(
      gcn__time_add(settings->retry_floor_ms, spread), settings->retry_cap_ms);
  return at_least_asked(settings, delay, asked_ms, rng);
}

uint64_t gcn__backoff_first(const struct gcn__settings* settings,
                            uint64_t asked_ms, struct gcn__rng* rng) {
  uint64_t delay = gcn__rng_between(rng, 0, settings->retry_first_ms);
  return at_least_asked(settings, delay, asked_ms, rng);
}

uint64_t gcn__backoff_slow(const struct gcn__settings* settings,
                           uint64_t asked_ms, struct gcn__rng* rng) {
  uint64_t cap = settings->retry_cap_ms;
  uint64_t delay = gcn__rng_between(rng, cap - cap / 2, cap);
  return at_least_asked(settings, delay, asked_ms, rng);
}
