/* SPDX-License-Identifier: MIT */
/*
 * The cases.
 */
#include "cli/bench-rows.h"

#define FAST (GCN__ARM(LIBRARY) | GCN__ARM(UV) | GCN__ARM(RAW))
#define DEEP                                                                   \
  (GCN__ARM(LIBRARY) | GCN__ARM(SHALLOW) | GCN__ARM(UV) | GCN__ARM(RAW))
#define PAIR  (GCN__ARM(LIBRARY) | GCN__ARM(RAW))
#define HELD  (GCN__ARM(LIBRARY) | GCN__ARM(LEAN) | GCN__ARM(RAW))
#define MANY  (GCN__ARM(LIBRARY) | GCN__ARM(UV) | GCN__ARM(UV_PLAIN))
#define ALONE GCN__ARM(LIBRARY)

#define COLUMNS_EVENT                                                          \
  {                                                                            \
    GCN__QUANTITY_CPU_EVENT, GCN__QUANTITY_EVENTS_S, GCN__QUANTITY_SYSCALLS,   \
        GCN__QUANTITY_MALLOCS, GCN__QUANTITIES                                 \
  }
#define COLUMNS_LATENCY                                                        \
  { GCN__QUANTITY_P50, GCN__QUANTITY_P99, GCN__QUANTITY_P999, GCN__QUANTITIES }
#define COLUMNS_MEMORY                                                         \
  { GCN__QUANTITY_HEAP, GCN__QUANTITY_RSS, GCN__QUANTITIES }
#define COLUMNS_FANOUT                                                         \
  {                                                                            \
    GCN__QUANTITY_CPU_EVENT, GCN__QUANTITY_SYSCALLS, GCN__QUANTITY_MALLOCS,    \
        GCN__QUANTITY_RSS, GCN__QUANTITIES                                     \
  }
#define COLUMNS_CONNECT                                                        \
  {                                                                            \
    GCN__QUANTITY_CPU_CONNECT, GCN__QUANTITY_CPU_S, GCN__QUANTITY_WALL_S,      \
        GCN__QUANTITY_STALL_MS, GCN__QUANTITY_RESUMED, GCN__QUANTITIES         \
  }
#define COLUMNS_RTT                                                            \
  { GCN__QUANTITY_EVENT_RTT, GCN__QUANTITY_STREAM_RTT, GCN__QUANTITIES }

#define COLUMNS_TAKEOVER                                                       \
  {                                                                            \
    GCN__QUANTITY_OUTAGE_MS, GCN__QUANTITY_MISSED, GCN__QUANTITY_DOUBLED,      \
        GCN__QUANTITY_GAPS, GCN__QUANTITY_TAKEOVERS, GCN__QUANTITIES           \
  }

#define THROUGHPUT(variant, bytes, secure, events, slow)                       \
  {                                                                            \
    .group = "throughput", .name = variant, .size = bytes, .tls = secure,      \
    .mode = "count", .count = events, .quick_count = (events) / 20,            \
    .connections = 1, .quick_connections = 1, .repetitions = 7,                \
    .thorough = slow, .arms = DEEP, .view = COLUMNS_EVENT,                     \
  }
#define LATENCY(variant, secure, slow)                                         \
  {                                                                            \
    .group = "latency", .name = variant, .size = "1024", .tls = secure,        \
    .mode = "pingpong", .count = 20000, .quick_count = 1000, .connections = 1, \
    .quick_connections = 1, .repetitions = 5, .thorough = slow, .arms = PAIR,  \
    .view = COLUMNS_LATENCY,                                                   \
  }
#define WAKEUP(variant, secure, slow)                                          \
  {                                                                            \
    .group = "wakeup", .name = variant, .size = "1024", .tls = secure,         \
    .mode = "count", .rate = 2000, .count = 4000, .quick_count = 400,          \
    .connections = 1, .quick_connections = 1, .repetitions = 5,                \
    .thorough = slow, .arms = FAST, .view = COLUMNS_EVENT,                     \
  }
#define IDLE(variant, conns, times, readers, slow)                             \
  {                                                                            \
    .group = "idle", .name = variant, .size = "1024", .tls = true,             \
    .plain_api = true, .mode = "idle", .connections = conns,                   \
    .quick_connections = 50, .repetitions = times, .thorough = slow,           \
    .arms = readers, .view = COLUMNS_MEMORY,                                   \
  }
#define CONNECTS(kind, variant, conns, quick, times, ...)                      \
  {                                                                            \
    .group = kind, .name = variant, .size = "1024", .tls = true,               \
    .plain_api = true, .mode = "cut", .count = 1, .quick_count = 1,            \
    .connections = conns, .quick_connections = quick, .repetitions = times,    \
    .view = COLUMNS_CONNECT, __VA_ARGS__                                       \
  }
#define RECONNECT(variant, how, ...)                                           \
  {                                                                            \
    .group = "reconnect", .name = variant, .size = "1024", .tls = true,        \
    .mode = how, .count = 1, .quick_count = 1, .connections = 1,               \
    .quick_connections = 1, .repetitions = 3, .delay_ms = 50, .hasty = true,   \
    .arms = ALONE, .view = COLUMNS_RTT, __VA_ARGS__                            \
  }

static const struct gcn__bench_row rows[] = {
    THROUGHPUT("plain-256", "256", false, 800000, true),
    THROUGHPUT("plain-1k", "1024", false, 400000, false),
    THROUGHPUT("plain-4k", "4096", false, 100000, true),
    THROUGHPUT("plain-64k", "65536", false, 8000, true),
    THROUGHPUT("plain-mix", "mix", false, 150000, true),
    THROUGHPUT("tls-256", "256", true, 160000, true),
    THROUGHPUT("tls-1k", "1024", true, 60000, false),
    THROUGHPUT("tls-4k", "4096", true, 16000, true),
    THROUGHPUT("tls-64k", "65536", true, 1000, true),
    THROUGHPUT("tls-mix", "mix", true, 20000, false),
    LATENCY("plain", false, true),
    LATENCY("tls", true, false),
    WAKEUP("plain", false, true),
    WAKEUP("tls", true, false),
    IDLE("tls-1k", 1000, 3, HELD, false),
    IDLE("tls-10k", 10000, 1, PAIR, true),
    {
        .group = "fanout",
        .name = "tls-10k",
        .size = "1024",
        .tls = true,
        .plain_api = true,
        .mode = "count",
        .rate = 20000,
        .count = 6,
        .quick_count = 10,
        .connections = 10000,
        .quick_connections = 50,
        .repetitions = 1,
        .arms = MANY,
        .view = COLUMNS_FANOUT,
    },
    CONNECTS("handshake", "tls13-full", 200, 20, 5, .arms = PAIR, .full = true,
             .thorough = true),
    CONNECTS("handshake", "tls13-resumed", 200, 20, 5, .arms = PAIR,
             .full = false),
    CONNECTS("handshake", "tls12-full", 200, 20, 5, .arms = PAIR, .tls12 = true,
             .full = true, .thorough = true),
    CONNECTS("handshake", "tls12-resumed", 200, 20, 5, .arms = PAIR,
             .tls12 = true, .thorough = true),
    CONNECTS("handshake", "tls13-full-ecdsa", 100, 10, 5, .arms = PAIR,
             .full = true, .ecdsa = true, .thorough = true),
    CONNECTS("storm", "tls12-resumed", 10000, 50, 1, .tls12 = true,
             .hasty = true, .arms = ALONE),
    CONNECTS("storm", "tls13-resumed", 10000, 50, 1, .hasty = true,
             .thorough = true, .arms = ALONE),
    CONNECTS("storm", "tls13-full", 10000, 50, 1, .full = true, .hasty = true,
             .thorough = true, .arms = ALONE),
    CONNECTS("storm", "tls12-patient", 10000, 50, 1, .tls12 = true,
             .thorough = true, .arms = ALONE),
    RECONNECT("cold", "cold", .full = false),
    RECONNECT("cut-tls13", "cut", .full = false),
    RECONNECT("spare", "cut", .spare = true),
    RECONNECT("cut-tls12", "cut", .tls12 = true, .thorough = true),
    {
        .group = "reconnect",
        .name = "announced",
        .size = "1024",
        .tls = true,
        .mode = "move",
        .rate = 250,
        .count = 2000,
        .quick_count = 1200,
        .connections = 1,
        .quick_connections = 1,
        .repetitions = 3,
        .delay_ms = 50,
        .hasty = true,
        .arms = ALONE,
        .view = COLUMNS_TAKEOVER,
    },
};

const struct gcn__bench_row* gcn__bench_row_at(size_t index) {
  return index < sizeof rows / sizeof rows[0] ? &rows[index] : NULL;
}

const struct gcn__quantity_info* gcn__quantity_info(enum gcn__quantity which) {
  static const struct gcn__quantity_info infos[] = {
#define INFO(constant, name, title, unit, digits) {name, title, unit, digits},
      GCN__QUANTITY_MAP(INFO)
#undef INFO
  };
  return &infos[which];
}

static double per_event(const double* values, double sum) {
  double events = values[GCN__BENCH_EVENTS] - values[GCN__BENCH_EVENTS_OPEN];
  return events > 0 ? sum / events : NAN;
}

/* The line delays bytes only: the round trip of TCP's own is added, unless the
 * connection is there already. */
static double round_trips(const struct gcn__bench_row* row, double ms) {
  double connect = row->spare ? 0 : 1;
  return row->delay_ms > 0 ? connect + ms / (2.0 * row->delay_ms) : NAN;
}

double gcn__quantity_of(enum gcn__quantity which,
                        const struct gcn__bench_row* row,
                        const struct gcn__bench_result* result) {
  const double* values = result->values;
  double conns = result->connections;
  switch (which) {
  case GCN__QUANTITY_CPU_EVENT:
    return per_event(values, values[GCN__BENCH_CPU]);
  case GCN__QUANTITY_EVENTS_S:
    return 1e6 / per_event(values, values[GCN__BENCH_WALL]);
  case GCN__QUANTITY_SYSCALLS:
    return per_event(values,
                     values[GCN__BENCH_READS] + values[GCN__BENCH_TURNS]);
  case GCN__QUANTITY_MALLOCS:
    return per_event(values, values[GCN__BENCH_ALLOCATIONS]);
  case GCN__QUANTITY_P50: return values[GCN__BENCH_P50];
  case GCN__QUANTITY_P99: return values[GCN__BENCH_P99];
  case GCN__QUANTITY_P999: return values[GCN__BENCH_P999];
  case GCN__QUANTITY_HEAP:
    return (values[GCN__BENCH_HEAP] - values[GCN__BENCH_HEAP_BASE]) / conns /
           1024;
  case GCN__QUANTITY_RSS:
    return (values[GCN__BENCH_RSS] - values[GCN__BENCH_RSS_BASE]) / conns;
  case GCN__QUANTITY_CPU_CONNECT: return values[GCN__BENCH_CPU] / conns / 1e3;
  case GCN__QUANTITY_CPU_S: return values[GCN__BENCH_CPU] / 1e6;
  case GCN__QUANTITY_WALL_S: return values[GCN__BENCH_WALL] / 1e6;
  case GCN__QUANTITY_STALL_MS: return values[GCN__BENCH_STALL] / 1e3;
  case GCN__QUANTITY_RESUMED: return values[GCN__BENCH_TLS_RESUMED];
  case GCN__QUANTITY_STREAM_RTT:
    return round_trips(row, values[GCN__BENCH_STREAM_MS]);
  case GCN__QUANTITY_EVENT_RTT:
    return round_trips(row, values[GCN__BENCH_EVENT_MS]);
  case GCN__QUANTITY_OUTAGE_MS: return values[GCN__BENCH_OUTAGE_MS];
  case GCN__QUANTITY_MISSED: return values[GCN__BENCH_MISSED];
  case GCN__QUANTITY_DOUBLED: return values[GCN__BENCH_DOUBLED];
  case GCN__QUANTITY_GAPS: return values[GCN__BENCH_GAPS];
  case GCN__QUANTITY_TAKEOVERS: return values[GCN__BENCH_TAKEOVERS];
  case GCN__QUANTITIES: break;
  }
  return NAN;
}

static const struct {
  const char* name;
  enum gcn__bench_reader reader;
} arms[GCN__ARMS] = {
    [GCN__ARM_LIBRARY] = {"library", GCN__BENCH_LIBRARY},
    [GCN__ARM_LEAN] = {"library, no recorder", GCN__BENCH_LIBRARY},
    [GCN__ARM_SHALLOW] = {"library, shallow", GCN__BENCH_LIBRARY},
    [GCN__ARM_RAW] = {"raw", GCN__BENCH_RAW},
    [GCN__ARM_UV] = {"libuv", GCN__BENCH_UV},
    [GCN__ARM_UV_PLAIN] = {"libuv, plain", GCN__BENCH_UV},
};

const char* gcn__bench_arm_name(enum gcn__bench_arm arm) {
  return arms[arm].name;
}

enum gcn__bench_reader gcn__bench_arm_reader(enum gcn__bench_arm arm) {
  return arms[arm].reader;
}
