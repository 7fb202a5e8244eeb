/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a stream, prepared: events in frames, maybe in TLS records, and
 * handed out as a socket would.
 */
#ifndef GCN_BENCH_SOURCE_H
#define GCN_BENCH_SOURCE_H

#include "bench.h"
#include "codec/utf8.h"
#include "endpoint.h"
#include "sim/frame-walk.h"

struct gcn__bench_source {
  const struct gcn__bench_row* row;
  struct gcn__bench_endpoint* endpoint; /* encrypts; NULL: plain */
  struct gcn__buf wire; /* plain bytes, if there is no endpoint */
  struct gcn__buf ends; /* of size_t: where each event ends */
  size_t at;            /* handed out */
  size_t piece;         /* the next of `ends` */
  int file;             /* GCN__BENCH_READ; else -1 */
  char* buffer;         /* what read(2) reads into */
};

/* `endpoint` is borrowed, and shared with whoever shakes hands through it. */
void gcn__bench_source_init(struct gcn__bench_source* source,
                            const struct gcn__bench_row* row,
                            struct gcn__bench_endpoint* endpoint);
void gcn__bench_source_deinit(struct gcn__bench_source* source);
/* Forgets what there was and prepares `count` events. */
void gcn__bench_source_fill(struct gcn__bench_source* source, size_t count);
/* What the next read brings; false at the end. */
bool gcn__bench_source_next(struct gcn__bench_source* source,
                            struct gcn__span* bytes);

/* The reference: counts unmasked frames, whatever the pieces. */
struct gcn__bench_counter {
  uint64_t frames;
  struct gcn__frame_walk walk;
  struct gcn__utf8 utf8;
};
void gcn__bench_count(struct gcn__bench_counter* counter,
                      struct gcn__span bytes);
/* The same, and validates the payload as text. */
void gcn__bench_count_text(struct gcn__bench_counter* counter,
                           struct gcn__span bytes);

#endif
