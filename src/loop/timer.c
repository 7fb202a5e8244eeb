/* SPDX-License-Identifier: MIT */
/*
 * One uv_timer_t.  It is closed by its owner.
 */
#include "loop/timer.h"

#include "loop/system.h"

static void on_fire(uv_timer_t* handle) {
  struct gcn__alarm* alarm = handle->data;
  uint64_t now_ms = uv_now(handle->loop);
  uint64_t late_ms = now_ms > alarm->due_ms ? now_ms - alarm->due_ms : 0;
  alarm->due_ms = GCN__NEVER;
  alarm->fired(alarm->ctx, late_ms);
}

void gcn__alarm_init(struct gcn__alarm* alarm, uv_loop_t* loop,
                     void (*fired)(void* ctx, uint64_t late_ms), void* ctx) {
  alarm->due_ms = GCN__NEVER;
  alarm->fired = fired;
  alarm->ctx = ctx;
  uv_timer_init(loop, &alarm->handle); /* cannot fail */
  alarm->handle.data = alarm;
}

void gcn__alarm_arm(struct gcn__alarm* alarm, uint64_t due_ms) {
  if (due_ms == GCN__NEVER) {
    if (alarm->due_ms != GCN__NEVER) uv_timer_stop(&alarm->handle);
    alarm->due_ms = GCN__NEVER;
    return;
  }
  if (alarm->due_ms <= due_ms) return;
  uint64_t now_ms = gcn__loop_now_ms(alarm->handle.loop);
  uint64_t delay_ms = gcn__time_until(due_ms, now_ms);
  /* Before libuv 1.48 a timer of 0 that is started from its own callback runs
   * again in the same pass, for ever. */
  if (delay_ms == 0) delay_ms = 1;
  alarm->due_ms = gcn__time_add(now_ms, delay_ms);
  uv_timer_start(&alarm->handle, on_fire, delay_ms, 0);
}
