/* SPDX-License-Identifier: MIT */
/*
 * What the parts of "gcn bench" share: the reader's plan, and the numbers that
 * a run of it comes to.
 *
 * "gcn bench" starts pairs of itself, a source and a reader (gcn bench drive),
 * so that each number is of a process of its own.
 */
#ifndef GCN_CLI_BENCH_H
#define GCN_CLI_BENCH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/console.h"

/* X(constant, name in JSON).  Sums are of the process, from the moment that the
 * last connection was open. */
#define GCN__BENCH_METRIC_MAP(X)                                               \
  X(EVENTS, "events")                                                          \
  X(EVENTS_OPEN, "events_open") /* came before that moment */                  \
  X(BYTES, "bytes")                                                            \
  X(CPU, "cpu_us")                                                             \
  X(WALL, "wall_us")                                                           \
  X(STARTUP, "startup_cpu_us")  /* up to that moment */                        \
  X(CONNECT, "connect_cpu_us")  /* ... from the first connect on */            \
  X(READS, "reads")             /* system calls that read */                   \
  X(TURNS, "turns")             /* of the loop: waits for the kernel */        \
  X(ALLOCATIONS, "allocations") /* calls of malloc and its kin */              \
  X(MAXRSS, "maxrss_kib")                                                      \
  X(RSS_BASE, "rss_base_kib") /* before the first connect */                   \
  X(RSS, "rss_kib")           /* all open */                                   \
  X(HEAP_BASE, "heap_base_bytes")                                              \
  X(HEAP, "heap_bytes")                                                        \
  X(P50, "p50_us")                                                             \
  X(P99, "p99_us")                                                             \
  X(P999, "p999_us")                                                           \
  X(STALL, "stall_us") /* CPU of the longest turn of the loop */               \
  X(TLS_FULL, "tls_full")                                                      \
  X(TLS_RESUMED, "tls_resumed")                                                \
  X(STREAM_MS, "stream_ms") /* from start or cut to the open stream */         \
  X(EVENT_MS, "event_ms")   /* ... to the first event */                       \
  X(MISSED, "missed")       /* events that were sent and never told */         \
  X(DOUBLED, "doubled")     /* ... told more than once */                      \
  X(GAPS, "gaps")           /* that were told */                               \
  X(OUTAGE_MS, "outage_ms") /* time without a stream */                        \
  X(TAKEOVERS, "takeovers") /* a successor served, then the old one went */

enum gcn__bench_metric {
#define GCN__BENCH_METRIC_ENUM(constant, name) GCN__BENCH_##constant,
  GCN__BENCH_METRIC_MAP(GCN__BENCH_METRIC_ENUM)
#undef GCN__BENCH_METRIC_ENUM
      GCN__BENCH_METRICS
};

/* NAN where it does not apply, or can't be had here. */
struct gcn__bench_result {
  double connections; /* that were asked for */
  double values[GCN__BENCH_METRICS];
};

enum gcn__bench_mode {
  GCN__BENCH_COUNT,    /* read so many events */
  GCN__BENCH_PINGPONG, /* one after the other */
  GCN__BENCH_IDLE,     /* be open */
  GCN__BENCH_COLD,     /* from nothing to the first event */
  GCN__BENCH_CUT,      /* be cut, and come back */
  GCN__BENCH_MOVE,     /* be told that the socket will close */
};

enum gcn__bench_reader {
  GCN__BENCH_LIBRARY,
  GCN__BENCH_RAW, /* system calls and Mbed TLS; only counts frames */
  GCN__BENCH_UV,  /* libuv and Mbed TLS; only counts frames */
  GCN__BENCH_READERS,
};

struct gcn__bench_plan {
  enum gcn__bench_mode mode;
  enum gcn__bench_reader reader;
  const char* url; /* wss://127.0.0.1:PORT/PATH */
  uint16_t port;
  bool secure;
  const char* path;
  char* ca_pem;   /* NULL if not secure */
  uint64_t count; /* events of each connection */
  uint64_t connections;
  bool full;         /* no handshake is resumed */
  bool tls12;        /* raw and uv: by TLS 1.2 */
  bool plain_api;    /* library: only the stream is encrypted */
  bool hasty;        /* library: no wait before it comes back */
  bool recorderless; /* library: without a flight recorder */
  bool shallow;      /* library: bodies are not checked */
  bool spare;        /* library: each with a spare connection, which is up */
  bool tell;         /* a line when all are open, and wait for events */
  uint64_t for_ms;
};

/* The readers: 0 and `result`, or an exit code and a message on the console. */
int gcn__bench_library(const struct gcn__bench_plan* plan,
                       struct gcn__console* console,
                       struct gcn__bench_result* result);
int gcn__bench_raw(const struct gcn__bench_plan* plan,
                   struct gcn__console* console,
                   struct gcn__bench_result* result);
int gcn__bench_uv(const struct gcn__bench_plan* plan,
                  struct gcn__console* console,
                  struct gcn__bench_result* result);

/* "gcn bench source", "gcn bench drive", "gcn bench [CASE]..." */
int gcn__bench_source(int argc, char** argv);
int gcn__bench_drive(int argc, char** argv);
int gcn__bench_run(int argc, char** argv);

/* What a reader says when it waits for the source to begin. */
#define GCN__BENCH_READY "{\"ready\":true}\n"

/* While there are files to be removed and nobody who hears SIGINT and SIGTERM,
 * they wait. */
void gcn__bench_hold_signals(bool hold);

/* Whether standard output took it. */
bool gcn__bench_print(const char* text);
const char* gcn__bench_metric_name(enum gcn__bench_metric metric);
const char* gcn__bench_reader_name(enum gcn__bench_reader reader);

#endif
