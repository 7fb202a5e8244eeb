/* SPDX-License-Identifier: MIT */
/*
 * Clocks and entropy by way of libuv; keeps no state.
 */
#include "loop/system.h"

#include "base/err.h"

#include <stdio.h>
#include <time.h>
#ifdef __APPLE__
#  include <mach/mach_time.h>
#endif

uint64_t gcn__loop_now_ms(uv_loop_t* loop) {
  uv_update_time(loop);
  return uv_now(loop);
}

#if defined(__APPLE__)
static uint64_t from_ticks_ms(uint64_t ticks) {
  mach_timebase_info_data_t base;
  if (mach_timebase_info(&base) != KERN_SUCCESS) return 0;
  return ticks / 1000000 * base.numer / base.denom;
}

uint64_t gcn__loop_awake_ms(void) {
  return from_ticks_ms(mach_absolute_time());
}

uint64_t gcn__loop_boot_ms(void) {
  return from_ticks_ms(mach_continuous_time());
}
#elif defined(CLOCK_BOOTTIME)
static uint64_t read_clock_ms(clockid_t id) {
  struct timespec now;
  if (clock_gettime(id, &now) != 0) return 0;
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t gcn__loop_awake_ms(void) {
  return read_clock_ms(CLOCK_MONOTONIC);
}

uint64_t gcn__loop_boot_ms(void) {
  return read_clock_ms(CLOCK_BOOTTIME);
}
#else
uint64_t gcn__loop_awake_ms(void) {
  return uv_hrtime() / 1000000;
}

uint64_t gcn__loop_boot_ms(void) {
  return gcn__loop_awake_ms();
}
#endif

int64_t gcn__wall_now_ms(void) {
  uv_timeval64_t now;
  if (uv_gettimeofday(&now) != 0) return 0;
  return now.tv_sec * 1000 + now.tv_usec / 1000;
}

void gcn__system_explain(const char* what, int error, char* text, size_t size) {
  char reason[80];
  uv_strerror_r(error, reason, sizeof reason);
  snprintf(text, size, "%s: %s", what, reason);
}

static int fill(void* ctx, void* data, size_t size) {
  (void)ctx;
  return uv_random(NULL, NULL, data, size, 0, NULL) == 0 ? 0 : GCN_EENTROPY;
}

struct gcn__entropy gcn__system_entropy(void) {
  return (struct gcn__entropy){.fill = fill, .ctx = NULL};
}
