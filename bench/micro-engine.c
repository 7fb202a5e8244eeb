/* SPDX-License-Identifier: MIT */
/*
 * Rows of the engine: what one event costs from the bytes of the network to the
 * effect in the driver's hands.
 */
#include "bench.h"

#include "rig.h"
#include "source.h"

#include <stdlib.h>

struct stream {
  struct gcn__bench_source source;
  struct gcn__bench_rig* rig;
  uint64_t before;
};

static void* make(const struct gcn__bench_row* row) {
  struct stream* stream = gcn__bench_alloc(sizeof *stream);
  stream->rig = gcn__bench_rig_new(row);
  gcn__bench_source_init(&stream->source, row,
                         gcn__bench_rig_endpoint(stream->rig));
  return stream;
}

static void refill(void* state, size_t count) {
  struct stream* stream = state;
  gcn__bench_source_fill(&stream->source, count);
  stream->before = gcn__bench_rig_events(stream->rig);
}

static void run(void* state, size_t count) {
  struct stream* stream = state;
  struct gcn__span bytes;
  while (gcn__bench_source_next(&stream->source, &bytes))
    gcn__bench_rig_read(stream->rig, bytes);
  if (gcn__bench_rig_events(stream->rig) - stream->before != count) {
    gcn__bench_die("events are missing");
  }
}

static void end(void* state) {
  struct stream* stream = state;
  gcn__bench_source_deinit(&stream->source);
  gcn__bench_rig_free(stream->rig);
  free(stream);
}

struct gcn__bench_rows gcn__bench_engine_rows(void) {
  static const struct gcn__bench_kind kind = {make, refill, run, end};
  static const struct gcn__bench_row rows[] = {
      {"plain/256", &kind, 256, 0},
      {"plain/1k", &kind, 1024, 0},
      {"plain/4k", &kind, 4096, 0},
      {"plain/64k", &kind, 65536, 0},
      {"plain/mix", &kind, GCN__BENCH_MIX, 0},
      {"plain/1k-wake", &kind, 1024, GCN__BENCH_WAKE},
      {"plain/1k-shallow", &kind, 1024, GCN__BENCH_SHALLOW},
      {"plain/1k-keys", &kind, 1024, GCN__BENCH_KEYS},
      {"plain+read/1k", &kind, 1024, GCN__BENCH_READ},
      {"plain+read/4k", &kind, 4096, GCN__BENCH_READ},
      {"plain+read/4k-shallow", &kind, 4096,
       GCN__BENCH_READ | GCN__BENCH_SHALLOW},
      {"events/aes128/256", &kind, 256, GCN__BENCH_AES128},
      {"events/aes128/1k", &kind, 1024, GCN__BENCH_AES128},
      {"events/aes128/4k", &kind, 4096, GCN__BENCH_AES128},
      {"events/aes128/64k", &kind, 65536, GCN__BENCH_AES128},
      {"events/aes128/mix", &kind, GCN__BENCH_MIX, GCN__BENCH_AES128},
      {"events/aes128/1k-packed", &kind, 1024,
       GCN__BENCH_AES128 | GCN__BENCH_PACKED},
      {"events/aes128/1k-wake", &kind, 1024,
       GCN__BENCH_AES128 | GCN__BENCH_WAKE},
      {"events/aes128/1k-shallow", &kind, 1024,
       GCN__BENCH_AES128 | GCN__BENCH_SHALLOW},
      {"events/chacha/256", &kind, 256, GCN__BENCH_CHACHA},
      {"events/chacha/1k", &kind, 1024, GCN__BENCH_CHACHA},
  };
  return (struct gcn__bench_rows){rows, sizeof rows / sizeof rows[0]};
}
