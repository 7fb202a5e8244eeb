/* SPDX-License-Identifier: MIT */
/*
 * The distance between the clocks is measured anew at every note.
 */
#include "loop/suspend.h"

uint64_t gcn__suspend_note(struct gcn__suspend* suspend, uint64_t awake_ms,
                           uint64_t boot_ms) {
  int64_t ahead_ms = (int64_t)(boot_ms - awake_ms);
  int64_t slept_ms = suspend->known ? ahead_ms - suspend->ahead_ms : 0;
  suspend->known = true;
  suspend->ahead_ms = ahead_ms;
  return slept_ms < GCN__SUSPEND_MIN_MS ? 0 : (uint64_t)slept_ms;
}
