/* SPDX-License-Identifier: MIT */
/*
 * The texts of the benches: events as Genesys Cloud sends them, of any size.
 *
 * Mostly structure (participants with ids, times, numbers), mostly ASCII, some
 * two-byte UTF-8.  The same call gives the same bytes on every machine.
 */
#ifndef GCN_BENCH_EVENTS_H
#define GCN_BENCH_EVENTS_H

#include "base/buf.h"

enum { GCN__BENCH_SIZE_MIN = 256, GCN__BENCH_BATCH_EVENTS = 8 };

/* Appends one event of the channels dialect, exactly `size` bytes. */
void gcn__bench_event(struct gcn__buf* out, size_t size);
/* Appends one batch of the stream dialect with GCN__BENCH_BATCH_EVENTS events,
 * exactly `size` bytes. */
void gcn__bench_batch(struct gcn__buf* out, size_t size);
/* Appends `payload` as one text frame, unmasked. */
void gcn__bench_frame(struct gcn__buf* out, struct gcn__span payload);

#endif
