/* SPDX-License-Identifier: MIT */
/*
 * Clocks and entropy by way of libuv; keeps no state.
 */
#include "loop/system.h"

#include "base/err.h"

uint64_t gcn__loop_now_ms(uv_loop_t* loop) {
  uv_update_time(loop);
  return uv_now(loop);
}

int64_t gcn__wall_now_ms(void) {
  uv_timeval64_t now;
  if (uv_gettimeofday(&now) != 0) return 0;
  return now.tv_sec * 1000 + now.tv_usec / 1000;
}

static int fill(void* ctx, void* data, size_t size) {
  (void)ctx;
  return uv_random(NULL, NULL, data, size, 0, NULL) == 0 ? 0 : GCN_EENTROPY;
}

struct gcn__entropy gcn__system_entropy(void) {
  return (struct gcn__entropy){.fill = fill, .ctx = NULL};
}
