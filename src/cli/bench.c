/* SPDX-License-Identifier: MIT */
/*
 * `gcn bench`: which of its three forms is meant.
 */
#include "cli/bench.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

const char* gcn__bench_metric_name(enum gcn__bench_metric metric) {
  static const char* const names[] = {
#define GCN__BENCH_METRIC_NAME(constant, name) name,
      GCN__BENCH_METRIC_MAP(GCN__BENCH_METRIC_NAME)
#undef GCN__BENCH_METRIC_NAME
  };
  return names[metric];
}

const char* gcn__bench_reader_name(enum gcn__bench_reader reader) {
  static const char* const names[] = {"library", "raw", "uv", ""};
  return names[reader];
}

bool gcn__bench_print(const char* text) {
  return fputs(text, stdout) >= 0 && fflush(stdout) == 0;
}

void gcn__bench_hold_signals(bool hold) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int gcn__cli_bench(int argc, char** argv) {
  const char* form = argc > 1 ? argv[1] : "";
  if (strcmp(form, "source") == 0) return gcn__bench_source(argc - 1, argv + 1);
  if (strcmp(form, "drive") == 0) return gcn__bench_drive(argc - 1, argv + 1);
  return gcn__bench_run(argc, argv);
}
