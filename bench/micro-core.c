/* SPDX-License-Identifier: MIT */
/*
 * Rows of the core: one input of the state machine, the next deadline, and the
 * memory of what was delivered.
 */
#include "bench.h"

#include "base/time.h"
#include "core/dedup.h"
#include "core/session.h"

#include <stdlib.h>

struct machine {
  struct gcn__settings settings;
  struct gcn__rng rng;
  struct gcn__session session;
  struct gcn__dedup dedup;
  uint64_t now_ms;
};

static void* make(const struct gcn__bench_row* row) {
  static const enum gcn__input way[] = {GCN__INPUT_START, GCN__INPUT_LINKED,
                                        GCN__INPUT_TOKEN, GCN__INPUT_CONFIRMED};
  struct machine* machine = gcn__bench_alloc(sizeof *machine);
  (void)row;
  machine->settings = GCN__SETTINGS_DEFAULT;
  machine->now_ms = 1000;
  gcn__rng_seed(&machine->rng, 1);
  gcn__session_init(&machine->session, &machine->settings, &machine->rng);
  for (size_t i = 0; i < sizeof way / sizeof way[0]; i++)
    (void)gcn__session_input(&machine->session, way[i], machine->now_ms);
  gcn__dedup_init(&machine->dedup, &gcn__mem_libc);
  if (machine->session.state != GCN__STATE_STREAMING ||
      gcn__dedup_begin(&machine->dedup) != 0) {
    gcn__bench_die("no machine");
  }
  return machine;
}

static void end(void* state) {
  struct machine* machine = state;
  gcn__dedup_deinit(&machine->dedup);
  free(machine);
}

static void run_event(void* state, size_t count) {
  struct machine* machine = state;
  for (size_t i = 0; i < count; i++) {
    struct gcn__step step = gcn__session_input(
        &machine->session, GCN__INPUT_EVENT, machine->now_ms);
    gcn__bench_use(step.verbs);
  }
}

static void run_deadline(void* state, size_t count) {
  struct machine* machine = state;
  for (size_t i = 0; i < count; i++)
    gcn__bench_use(gcn__session_deadline(&machine->session));
}

static void run_dedup(void* state, size_t count) {
  struct machine* machine = state;
  for (size_t i = 0; i < count; i++) {
    struct gcn__key key = {{gcn__rng_next(&machine->rng), i + 1}};
    gcn__bench_use(gcn__dedup_first(&machine->dedup, key, i & 1));
  }
}

struct gcn__bench_rows gcn__bench_core_rows(void) {
  static const struct gcn__bench_kind event = {make, NULL, run_event, end};
  static const struct gcn__bench_kind deadline = {make, NULL, run_deadline,
                                                  end};
  static const struct gcn__bench_kind dedup = {make, NULL, run_dedup, end};
  static const struct gcn__bench_row rows[] = {
      {"core/event", &event, 64, 0},
      {"core/deadline", &deadline, 64, 0},
      {"core/dedup", &dedup, 64, 0},
  };
  return (struct gcn__bench_rows){rows, sizeof rows / sizeof rows[0]};
}
