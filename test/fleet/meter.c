/* SPDX-License-Identifier: MIT */
/*
 * A ring of milliseconds; what falls out of it is taken off the sum.
 */
#include "meter.h"

#include <string.h>

static void advance(struct meter* meter, uint64_t now_ms) {
  if (now_ms - meter->now_ms >= METER_WINDOW_MS) {
    memset(meter->counts, 0, sizeof meter->counts);
    meter->in_window = 0;
    meter->now_ms = now_ms;
  }
  while (meter->now_ms < now_ms) {
    meter->now_ms++;
    uint64_t* oldest = &meter->counts[meter->now_ms % METER_WINDOW_MS];
    meter->in_window -= *oldest;
    *oldest = 0;
  }
}

void meter_count(struct meter* meter, uint64_t now_ms) {
  advance(meter, now_ms);
  meter->counts[now_ms % METER_WINDOW_MS]++;
  meter->total++;
  if (++meter->in_window > meter->peak) meter->peak = meter->in_window;
}
