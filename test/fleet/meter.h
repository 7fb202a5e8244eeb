/* SPDX-License-Identifier: MIT */
/*
 * The worst second: the most that was counted within any 1000 ms in a row,
 * wherever they begin.  Moments must not go back.
 */
#ifndef GCN_TEST_FLEET_METER_H
#define GCN_TEST_FLEET_METER_H

#include <stdint.h>

enum { METER_WINDOW_MS = 1000 };

struct meter {
  uint64_t now_ms;
  uint64_t counts[METER_WINDOW_MS]; /* of the last second, by millisecond */
  uint64_t in_window;
  uint64_t peak;
  uint64_t total;
};

void meter_count(struct meter* meter, uint64_t now_ms);

#endif
