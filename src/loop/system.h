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
/* Two clocks for gcn__suspend_note, alike but for this: the first stands still
 * while the machine sleeps, the second does not.  Where the system has no such
 * pair they never differ.  Neither is the loop's: on some systems libuv counts
 * sleep and on some it does not. */
uint64_t gcn__loop_awake_ms(void);
uint64_t gcn__loop_boot_ms(void);
/* The wall clock, for what users are told; nothing is decided by it. */
int64_t gcn__wall_now_ms(void);
/* "what: libuv's words for the error", cut to `size`. */
void gcn__system_explain(const char* what, int error, char* text, size_t size);
/* The system's generator. */
struct gcn__entropy gcn__system_entropy(void);

#endif
