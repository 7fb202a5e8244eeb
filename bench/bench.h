/* SPDX-License-Identifier: MIT */
/*
 * What the micro benches are made of: rows, and what measures them.
 *
 * A row names one operation of one layer.  Its kind makes a state, prepares the
 * input of `count` operations (not measured), and runs them (measured).  A row
 * knows nothing of clocks, of callgrind or of the other rows; it ends the
 * program if an operation did not do what it was to do, so that no figure
 * stands for work that was not done.
 */
#ifndef GCN_BENCH_BENCH_H
#define GCN_BENCH_BENCH_H

#include "base/span.h"

/* How the bytes of a stream row come; see source.h. */
enum gcn__bench_flag {
  GCN__BENCH_CHACHA = 1 << 0, /* TLS 1.3, by the suite; none: plain */
  GCN__BENCH_AES128 = 1 << 1,
  GCN__BENCH_AES256 = 1 << 2,
  GCN__BENCH_TLS = GCN__BENCH_CHACHA | GCN__BENCH_AES128 | GCN__BENCH_AES256,
  GCN__BENCH_PACKED = 1 << 3,  /* full TLS records, not one for each event */
  GCN__BENCH_WAKE = 1 << 4,    /* one event for each read, not 64 KiB */
  GCN__BENCH_READ = 1 << 5,    /* by read(2), from memory */
  GCN__BENCH_SHALLOW = 1 << 6, /* bodies: strings and brackets only */
  GCN__BENCH_KEYS = 1 << 7,    /* every event is digested */
  /* Texts are scanned this way, not as the processor allows. */
  GCN__BENCH_SCAN_PORTABLE = 1 << 8,
  GCN__BENCH_SCAN_AVX2 = 1 << 9,
};

enum {
  GCN__BENCH_MIX = 1, /* as a size: 0.5 to 8 KiB, see gcn__source_size */
  GCN__BENCH_SLICE = 64 * 1024,
};

struct gcn__bench_row;

struct gcn__bench_kind {
  void* (*make)(const struct gcn__bench_row* row);
  /* Input for `count` operations; NULL: it is used again and again. */
  void (*refill)(void* state, size_t count);
  void (*run)(void* state, size_t count);
  void (*free)(void* state);
};

struct gcn__bench_row {
  const char* name;
  const struct gcn__bench_kind* kind;
  size_t size;    /* bytes of an event or a text, or GCN__BENCH_MIX */
  unsigned flags; /* of gcn__bench_flag */
};

struct gcn__bench_rows {
  const struct gcn__bench_row* rows;
  size_t count;
};

struct gcn__bench_rows gcn__bench_base_rows(void);
struct gcn__bench_rows gcn__bench_codec_rows(void);
struct gcn__bench_rows gcn__bench_tls_rows(void);
struct gcn__bench_rows gcn__bench_core_rows(void);
struct gcn__bench_rows gcn__bench_engine_rows(void);

/* Keeps a result from being optimised away. */
static inline void gcn__bench_use(uint64_t value) {
  __asm__ __volatile__("" : : "r"(value));
}

__attribute__((noreturn)) void gcn__bench_die(const char* what);
/* Zero-filled; ends the program if there is none. */
void* gcn__bench_alloc(size_t size);

#endif
