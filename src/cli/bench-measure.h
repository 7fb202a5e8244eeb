/* SPDX-License-Identifier: MIT */
/*
 * What a process can learn about itself.
 *
 * Numbers that this system does not tell are NAN.
 */
#ifndef GCN_CLI_BENCH_MEASURE_H
#define GCN_CLI_BENCH_MEASURE_H

#include "cli/bench.h"

/* User and system time of the process. */
double gcn__bench_cpu_us(void);
/* User and system time of this thread. */
uint64_t gcn__bench_thread_ns(void);
uint64_t gcn__bench_now_ns(void);
/* Room for `connections` and some files more.  False: a sentence has been said.
 */
bool gcn__bench_files(uint64_t connections, struct gcn__console* console);

/* Sums at one moment. */
struct gcn__bench_mark {
  double cpu_us;
  double reads;
  double allocations;
  uint64_t turns;
  uint64_t now_ns;
};

struct gcn__bench_meter {
  struct gcn__bench_mark open;
  double connect_cpu_us; /* before the first connect */
  uint64_t turns;        /* counted up by whoever runs a loop */
  uint64_t events;
  uint64_t bytes;
  uint64_t events_open;
  uint64_t opened;
  uint64_t* times_ns; /* of round trips */
  uint64_t time_count;
  uint64_t sent_ns;
};

/* False if memory is short. */
bool gcn__bench_meter_init(struct gcn__bench_meter* meter,
                           const struct gcn__bench_plan* plan);
void gcn__bench_meter_deinit(struct gcn__bench_meter* meter);
/* Just before the first connect. */
void gcn__bench_meter_start(struct gcn__bench_meter* meter,
                            struct gcn__bench_result* result);
/* The last connection is open. */
void gcn__bench_meter_open(struct gcn__bench_meter* meter,
                           struct gcn__bench_result* result);
void gcn__bench_meter_sent(struct gcn__bench_meter* meter);
void gcn__bench_meter_back(struct gcn__bench_meter* meter,
                           const struct gcn__bench_plan* plan);
/* Everything is over. */
void gcn__bench_meter_end(struct gcn__bench_meter* meter,
                          struct gcn__bench_result* result);
/* Memory with everything open. */
void gcn__bench_meter_memory(struct gcn__bench_result* result);

#endif
