/* SPDX-License-Identifier: MIT */
/*
 * The client's one timer.
 *
 * Deadlines are moments, not delays.  The timer never fires late because of a
 * stale loop clock, and may fire early: its owner looks at the deadlines again
 * and arms it anew.  That way a deadline that moves away with every message
 * costs nothing.
 */
#ifndef GCN_LOOP_TIMER_H
#define GCN_LOOP_TIMER_H

#include "base/time.h"

#include <uv.h>

struct gcn__alarm {
  uint64_t due_ms; /* GCN__NEVER: not armed */
  /* `late_ms`: how long after its time the loop came to it. */
  void (*fired)(void* ctx, uint64_t late_ms);
  void* ctx;
  uv_timer_t handle;
};

void gcn__alarm_init(struct gcn__alarm* alarm, uv_loop_t* loop,
                     void (*fired)(void* ctx, uint64_t late_ms), void* ctx);
/* Fires at `due_ms` or earlier, at least 1 ms from now; GCN__NEVER stops it. */
void gcn__alarm_arm(struct gcn__alarm* alarm, uint64_t due_ms);

#endif
