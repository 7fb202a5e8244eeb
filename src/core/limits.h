/* SPDX-License-Identifier: MIT */
/*
 * What the service says about its own limit, made into a pace.
 *
 * Answers carry how many requests a token may make in a window, how many it has
 * made and when the next window begins (inin-ratelimit-*, PROTOCOL §5).  While
 * less than a tenth is left, the calls that are left are spread over the rest
 * of the window, so that the limit is not met.  It knows no clock; a moment
 * that was given to a call is never given to another.
 */
#ifndef GCN_CORE_LIMITS_H
#define GCN_CORE_LIMITS_H

#include <stdint.h>

/* One answer's numbers. */
struct gcn__quota {
  uint64_t allowed; /* 0: the answer said nothing */
  uint64_t count;
  uint64_t reset_s;
};

/* All zero: no limit is near. */
struct gcn__limits {
  uint64_t until_ms; /* when the next window begins */
  uint64_t next_ms;  /* no call before */
  uint64_t step_ms;  /* between calls until then */
};

void gcn__limits_told(struct gcn__limits* limits,
                      const struct gcn__quota* quota, uint64_t now_ms);
/* The moment before which no call should go out; `now_ms` or earlier if one
 * may go now. */
uint64_t gcn__limits_next(const struct gcn__limits* limits);
/* A call goes out at `at_ms`. */
void gcn__limits_spend(struct gcn__limits* limits, uint64_t at_ms);

#endif
