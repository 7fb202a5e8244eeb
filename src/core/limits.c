/* SPDX-License-Identifier: MIT */
/*
 * n calls left in a window of t: one every t / (n + 1), rounded up, so that the
 * last goes out before the window ends and with none left it is waited for.
 */
#include "core/limits.h"

#include "base/time.h"

enum {
  NEAR_DIVISOR = 10,  /* near the limit: less than a tenth is left */
  RESET_MAX_S = 300,  /* windows last a minute; more is a wrong number */
  ROUNDING_MS = 1000, /* the service counts in whole seconds */
};

static uint64_t left(const struct gcn__quota* quota) {
  return quota->allowed > quota->count ? quota->allowed - quota->count : 0;
}

void gcn__limits_told(struct gcn__limits* limits,
                      const struct gcn__quota* quota, uint64_t now_ms) {
  if (quota->allowed == 0) return;
  uint64_t left_count = left(quota);
  if (left_count > (quota->allowed - 1) / NEAR_DIVISOR) {
    *limits = (struct gcn__limits){0};
    return;
  }
  uint64_t rest_ms =
      gcn__time_min(quota->reset_s, RESET_MAX_S) * 1000 + ROUNDING_MS;
  uint64_t given_ms = limits->next_ms;
  limits->until_ms = gcn__time_add(now_ms, rest_ms);
  limits->step_ms = (rest_ms + left_count) / (left_count + 1);
  limits->next_ms = gcn__time_add(now_ms, limits->step_ms);
  if (limits->next_ms < given_ms) limits->next_ms = given_ms;
  limits->next_ms = gcn__time_min(limits->next_ms, limits->until_ms);
}

uint64_t gcn__limits_next(const struct gcn__limits* limits) {
  return limits->next_ms;
}

void gcn__limits_spend(struct gcn__limits* limits, uint64_t at_ms) {
  uint64_t next_ms = gcn__time_add(at_ms, limits->step_ms);
  limits->next_ms = gcn__time_min(next_ms, limits->until_ms);
}
