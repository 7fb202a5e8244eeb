/* SPDX-License-Identifier: MIT */
/*
 * One measurement: a source and a reader, each a process of its own, and maybe
 * a delay line between them.
 */
#ifndef GCN_CLI_BENCH_SAMPLE_H
#define GCN_CLI_BENCH_SAMPLE_H

#include "cli/bench-rows.h"

struct gcn__bench_job {
  const struct gcn__bench_row* row;
  enum gcn__bench_arm arm;
  bool quick;
  uint64_t connections; /* in place of the row's; 0: as it says */
  const char* identity_dir;
  const char* malloc_path; /* a counting malloc to be loaded; NULL: none */
  uint64_t for_ms;
};

uint64_t gcn__bench_job_connections(const struct gcn__bench_job* job);
uint64_t gcn__bench_job_count(const struct gcn__bench_job* job);

/* Runs both and waits for them; nothing of them is left then.  Signals are held
 * when it returns, and are to be held before.  0, an exit code after a message,
 * or 128 and the signal's number if one came. */
int gcn__bench_sample(const struct gcn__bench_job* job,
                      struct gcn__console* console,
                      struct gcn__bench_result* result);

#endif
