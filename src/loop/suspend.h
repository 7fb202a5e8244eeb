/* SPDX-License-Identifier: MIT */
/*
 * Notices that the machine slept, from two clocks: one that stands still
 * meanwhile and one that does not.
 *
 * It reads no clock.  Only a single sleep counts: many short ones never add up
 * to one, and neither does the drift of the clocks.
 */
#ifndef GCN_LOOP_SUSPEND_H
#define GCN_LOOP_SUSPEND_H

#include <stdbool.h>
#include <stdint.h>

/* Below this a sleep is a stall like any other. */
enum { GCN__SUSPEND_MIN_MS = 5000 };

/* All-zero to begin with. */
struct gcn__suspend {
  bool known;
  int64_t ahead_ms; /* of the boot clock, at the last note */
};

/* `awake_ms` and `boot_ms` are read one after the other: gcn__loop_awake_ms and
 * gcn__loop_boot_ms.  How long the machine slept since the last note; 0 if it
 * was less than GCN__SUSPEND_MIN_MS, and at the first note. */
uint64_t gcn__suspend_note(struct gcn__suspend* suspend, uint64_t awake_ms,
                           uint64_t boot_ms);

#endif
