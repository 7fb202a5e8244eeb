/* SPDX-License-Identifier: MIT */
/*
 * Time as a value: milliseconds on some monotonic clock, always an argument.
 *
 * Nothing at or below the engine reads a clock.  GCN__NEVER is later than any
 * moment; additions saturate there.
 */
#ifndef GCN_BASE_TIME_H
#define GCN_BASE_TIME_H

#include <stdint.h>

#define GCN__NEVER UINT64_MAX

static inline uint64_t gcn__time_add(uint64_t at_ms, uint64_t delay_ms) {
  return delay_ms > GCN__NEVER - at_ms ? GCN__NEVER : at_ms + delay_ms;
}

/* How long until `at_ms`; 0 if it has passed. */
static inline uint64_t gcn__time_until(uint64_t at_ms, uint64_t now_ms) {
  return at_ms > now_ms ? at_ms - now_ms : 0;
}

static inline uint64_t gcn__time_max(uint64_t a_ms, uint64_t b_ms) {
  return a_ms > b_ms ? a_ms : b_ms;
}

static inline uint64_t gcn__time_min(uint64_t a_ms, uint64_t b_ms) {
  return a_ms < b_ms ? a_ms : b_ms;
}

#endif
