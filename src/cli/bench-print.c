/* SPDX-License-Identifier: MIT */
/*
 * Medians, ratios, columns.
 */
#include "cli/bench-print.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

enum { LINE_SIZE_MAX = 4096, CELL_SIZE = 32 };

static int compare(const void* a, const void* b) {
  double left = *(const double*)a;
  double right = *(const double*)b;
  return (left > right) - (left < right);
}

static double median_of(double* numbers, size_t count) {
  if (count == 0) return NAN;
  qsort(numbers, count, sizeof *numbers, compare);
  double upper = numbers[count / 2];
  return count % 2 == 1 ? upper : (numbers[count / 2 - 1] + upper) / 2;
}

double gcn__bench_median(const struct gcn__bench_tally* tally,
                         enum gcn__bench_arm arm, enum gcn__quantity which) {
  double numbers[GCN__BENCH_REPETITIONS_MAX];
  size_t count = 0;
  for (unsigned i = 0; i < tally->repetitions; i++) {
    double value = tally->values[i][arm][which];
    if (!isnan(value)) numbers[count++] = value;
  }
  return median_of(numbers, count);
}

static enum gcn__bench_arm reference_of(const struct gcn__bench_row* row) {
  int arm = GCN__ARMS - 1;
  while (arm > 0 && (row->arms & (1u << arm)) == 0)
    arm--;
  return (enum gcn__bench_arm)arm;
}

/* The first one that this system tells. */
static enum gcn__quantity compared(const struct gcn__bench_tally* tally,
                                   enum gcn__bench_arm reference) {
  const enum gcn__quantity* view = tally->row->view;
  if (!isnan(gcn__bench_median(tally, reference, view[0]))) return view[0];
  return view[1];
}

double gcn__bench_ratio(const struct gcn__bench_tally* tally,
                        enum gcn__bench_arm arm) {
  double numbers[GCN__BENCH_REPETITIONS_MAX];
  size_t count = 0;
  enum gcn__bench_arm reference = reference_of(tally->row);
  enum gcn__quantity which = compared(tally, reference);
  for (unsigned i = 0; i < tally->repetitions; i++) {
    double ratio =
        tally->values[i][arm][which] / tally->values[i][reference][which];
    if (isfinite(ratio)) numbers[count++] = ratio;
  }
  return median_of(numbers, count);
}

static void format(char cell[CELL_SIZE], double value, int digits,
                   const char* unit) {
  if (isnan(value)) {
    snprintf(cell, CELL_SIZE, "-");
    return;
  }
  snprintf(cell, CELL_SIZE, "%.*f%s%s", digits, value,
           unit[0] == '\0' ? "" : " ", unit);
}

static bool finish(struct gcn__buf* line, int error) {
  if (error == 0) error = gcn__buf_append(line, "\n", 2);
  bool good = error == 0 && gcn__bench_print(gcn__buf_span(line).data);
  gcn__buf_deinit(line);
  return good;
}

bool gcn__bench_print_title(const struct gcn__bench_row* row) {
  struct gcn__buf line;
  gcn__buf_init(&line, &gcn__mem_libc, LINE_SIZE_MAX);
  int error = gcn__buf_printf(&line, "\n%-17s %-21s", row->group, "reader");
  for (int i = 0; i < GCN__VIEW_MAX && error == 0; i++) {
    if (row->view[i] == GCN__QUANTITIES) break;
    const struct gcn__quantity_info* info = gcn__quantity_info(row->view[i]);
    error = gcn__buf_printf(&line, " %15s", info->title);
    if (error == 0 && i == 0) error = gcn__buf_printf(&line, " %7s", "ratio");
  }
  return finish(&line, error);
}

static int add_cells(struct gcn__buf* line,
                     const struct gcn__bench_tally* tally,
                     enum gcn__bench_arm arm) {
  const struct gcn__bench_row* row = tally->row;
  char cell[CELL_SIZE];
  int error = 0;
  for (int i = 0; i < GCN__VIEW_MAX && error == 0; i++) {
    if (row->view[i] == GCN__QUANTITIES) break;
    const struct gcn__quantity_info* info = gcn__quantity_info(row->view[i]);
    format(cell, gcn__bench_median(tally, arm, row->view[i]), info->digits,
           info->unit);
    error = gcn__buf_printf(line, " %15s", cell);
    if (error != 0 || i > 0) continue;
    format(cell, gcn__bench_ratio(tally, arm), 2, "");
    error = gcn__buf_printf(line, " %7s", cell);
  }
  return error;
}

bool gcn__bench_print_row(const struct gcn__bench_tally* tally) {
  for (int i = 0; i < GCN__ARMS; i++) {
    enum gcn__bench_arm arm = (enum gcn__bench_arm)i;
    if ((tally->row->arms & (1u << i)) == 0) continue;
    struct gcn__buf line;
    gcn__buf_init(&line, &gcn__mem_libc, LINE_SIZE_MAX);
    int error = gcn__buf_printf(&line, "%-17s %-21s", tally->row->name,
                                gcn__bench_arm_name(arm));
    if (error == 0) error = add_cells(&line, tally, arm);
    if (!finish(&line, error)) return false;
  }
  return true;
}

static int add_number(struct gcn__buf* line, const char* name, double value) {
  if (isnan(value)) return gcn__buf_printf(line, ",\"%s\":null", name);
  return gcn__buf_printf(line, ",\"%s\":%.6g", name, value);
}

bool gcn__bench_print_json(const struct gcn__bench_tally* tally) {
  const struct gcn__bench_row* row = tally->row;
  for (int i = 0; i < GCN__ARMS; i++) {
    enum gcn__bench_arm arm = (enum gcn__bench_arm)i;
    if ((row->arms & (1u << i)) == 0) continue;
    struct gcn__buf line;
    gcn__buf_init(&line, &gcn__mem_libc, LINE_SIZE_MAX);
    int error = gcn__buf_printf(
        &line,
        "{\"group\":\"%s\",\"case\":\"%s\",\"reader\":\"%s\","
        "\"reference\":\"%s\",\"repetitions\":%u",
        row->group, row->name, gcn__bench_arm_name(arm),
        gcn__bench_arm_name(reference_of(row)), tally->repetitions);
    if (error == 0) {
      error = add_number(&line, "ratio", gcn__bench_ratio(tally, arm));
    }
    for (int j = 0; j < GCN__VIEW_MAX && error == 0; j++) {
      if (row->view[j] == GCN__QUANTITIES) break;
      error = add_number(&line, gcn__quantity_info(row->view[j])->name,
                         gcn__bench_median(tally, arm, row->view[j]));
    }
    if (error == 0) error = gcn__buf_append(&line, "}", 1);
    if (!finish(&line, error)) return false;
  }
  return true;
}
