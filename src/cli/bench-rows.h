/* SPDX-License-Identifier: MIT */
/*
 * The cases of "gcn bench", as data: what the source does, who reads, and which
 * numbers tell something then.
 */
#ifndef GCN_CLI_BENCH_ROWS_H
#define GCN_CLI_BENCH_ROWS_H

#include "cli/bench.h"

/* Who reads in a row: a reader and how it differs from the row. */
enum gcn__bench_arm {
  GCN__ARM_LIBRARY,
  GCN__ARM_LEAN,    /* the library without its flight recorder */
  GCN__ARM_SHALLOW, /* ... that does not check bodies */
  GCN__ARM_UV,
  GCN__ARM_RAW,
  GCN__ARM_UV_PLAIN, /* without TLS, whatever the row says */
  GCN__ARMS,
};

#define GCN__ARM(name) (1u << GCN__ARM_##name)

/* X(constant, name in JSON, title, unit, digits behind the point) */
#define GCN__QUANTITY_MAP(X)                                                   \
  X(CPU_EVENT, "cpu_us_per_event", "CPU/event", "us", 3)                       \
  X(EVENTS_S, "events_per_s", "events/s", "", 0)                               \
  X(SYSCALLS, "syscalls_per_event", "calls/event", "", 3)                      \
  X(MALLOCS, "allocations_per_event", "mallocs/event", "", 4)                  \
  X(P50, "p50_us", "p50", "us", 1)                                             \
  X(P99, "p99_us", "p99", "us", 1)                                             \
  X(P999, "p999_us", "p99.9", "us", 1)                                         \
  X(HEAP, "heap_kib", "heap each", "KiB", 1)                                   \
  X(RSS, "rss_kib", "RSS each", "KiB", 1)                                      \
  X(CPU_CONNECT, "cpu_ms_per_connect", "CPU/connect", "ms", 3)                 \
  X(CPU_S, "cpu_s", "CPU", "s", 2)                                             \
  X(WALL_S, "wall_s", "time", "s", 2)                                          \
  X(STALL_MS, "longest_turn_ms", "longest turn", "ms", 2)                      \
  X(RESUMED, "resumed", "resumed", "", 0)                                      \
  X(STREAM_RTT, "round_trips_to_stream", "RTTs to stream", "", 2)              \
  X(EVENT_RTT, "round_trips_to_event", "RTTs to event", "", 2)                 \
  X(OUTAGE_MS, "outage_ms", "without stream", "ms", 1)                         \
  X(MISSED, "missed", "missed", "", 0)                                         \
  X(DOUBLED, "doubled", "doubled", "", 0)                                      \
  X(GAPS, "gaps", "gaps told", "", 0)                                          \
  X(TAKEOVERS, "takeovers", "take-overs", "", 0)

enum gcn__quantity {
#define GCN__QUANTITY_ENUM(constant, name, title, unit, digits)                \
  GCN__QUANTITY_##constant,
  GCN__QUANTITY_MAP(GCN__QUANTITY_ENUM)
#undef GCN__QUANTITY_ENUM
      GCN__QUANTITIES
};

struct gcn__quantity_info {
  const char* name;
  const char* title;
  const char* unit;
  int digits;
};

/* Columns of a group, ended by GCN__QUANTITIES.  Ratios are of the first. */
enum { GCN__VIEW_MAX = 6 };

struct gcn__bench_row {
  const char* group;
  const char* name;
  const char* size; /* of events */
  bool tls;
  bool tls12;
  bool ecdsa; /* else RSA */
  bool full;  /* no handshake is resumed */
  bool hasty;
  bool spare;
  bool plain_api; /* only the stream is encrypted */
  const char* mode;
  uint64_t rate;
  uint64_t count;
  uint64_t connections;
  uint64_t quick_count;
  uint64_t quick_connections;
  unsigned repetitions;
  bool thorough;     /* not when it has to be quick */
  unsigned delay_ms; /* one way, through a delay line; 0: none */
  unsigned arms;     /* set of GCN__ARM; the reference is the last one */
  enum gcn__quantity view[GCN__VIEW_MAX];
};

/* NULL at the end. */
const struct gcn__bench_row* gcn__bench_row_at(size_t index);
const struct gcn__quantity_info* gcn__quantity_info(enum gcn__quantity which);
/* NAN where it does not apply. */
double gcn__quantity_of(enum gcn__quantity which,
                        const struct gcn__bench_row* row,
                        const struct gcn__bench_result* result);

const char* gcn__bench_arm_name(enum gcn__bench_arm arm);
enum gcn__bench_reader gcn__bench_arm_reader(enum gcn__bench_arm arm);

#endif
