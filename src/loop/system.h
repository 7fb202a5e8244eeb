/* SPDX-License-Identifier: MIT */
/*
 * What the layers below may not ask the machine for: the time and entropy.
 */
#ifndef GCN_LOOP_SYSTEM_H
#define GCN_LOOP_SYSTEM_H

#include "base/rng.h"

#include <uv.h>

/* The loop's clock, brought up to date first: a host that blocked its loop
 * leaves it stale. */
uint64_t gcn__loop_now_ms(uv_loop_t* loop);
/* The wall clock, for what users are told; nothing is decided by it. */
int64_t gcn__wall_now_ms(void);
/* The system's generator. */
struct gcn__entropy gcn__system_entropy(void);

#endif
