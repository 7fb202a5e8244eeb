/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a row, for people and for programs.
 */
#ifndef GCN_CLI_BENCH_PRINT_H
#define GCN_CLI_BENCH_PRINT_H

#include "cli/bench-rows.h"

enum { GCN__BENCH_REPETITIONS_MAX = 25 };

/* Of every repetition and arm of a row; NAN where there is nothing. */
struct gcn__bench_tally {
  const struct gcn__bench_row* row;
  unsigned repetitions;
  double values[GCN__BENCH_REPETITIONS_MAX][GCN__ARMS][GCN__QUANTITIES];
};

/* The median; NAN if there is none. */
double gcn__bench_median(const struct gcn__bench_tally* tally,
                         enum gcn__bench_arm arm, enum gcn__quantity which);
/* The median of the ratios of a view's first quantity (the second, where this
 * system does not tell the first) to the same of the reference in the same
 * repetition. */
double gcn__bench_ratio(const struct gcn__bench_tally* tally,
                        enum gcn__bench_arm arm);

/* Whether standard output took it. */
bool gcn__bench_print_title(const struct gcn__bench_row* row);
bool gcn__bench_print_row(const struct gcn__bench_tally* tally);
bool gcn__bench_print_json(const struct gcn__bench_tally* tally);

#endif
