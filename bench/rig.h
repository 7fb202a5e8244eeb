/* SPDX-License-Identifier: MIT */
/*
 * An engine that streams: brought there against the simulator's service, in
 * memory, plain or over TLS.  There is no socket, no loop and no other process.
 */
#ifndef GCN_BENCH_RIG_H
#define GCN_BENCH_RIG_H

#include "bench.h"
#include "engine/engine.h"
#include "endpoint.h"

struct gcn__bench_rig;

/* By the flags of the row. */
struct gcn__bench_rig* gcn__bench_rig_new(const struct gcn__bench_row* row);
void gcn__bench_rig_free(struct gcn__bench_rig* rig);
/* The server's half of the stream's TLS; NULL: plain. */
struct gcn__bench_endpoint* gcn__bench_rig_endpoint(struct gcn__bench_rig* rig);
/* One read of the stream: everything a driver's turn does but I/O. */
void gcn__bench_rig_read(struct gcn__bench_rig* rig, struct gcn__span bytes);
/* Events told so far. */
uint64_t gcn__bench_rig_events(const struct gcn__bench_rig* rig);

#endif
