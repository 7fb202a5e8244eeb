/* SPDX-License-Identifier: MIT */
/*
 * A source, a reader, and what they say to each other through us.
 *
 * Everything ends by way of the reader's end: then the source is dismissed, and
 * the loop runs out once both have gone.  Who hangs is killed by the limit.
 */
#include "cli/bench-sample.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench-child.h"
#include "cli/cli.h"
#include "codec/json.h"
#include "gcnotify.h"
#include "sim/listen-proxy.h"

enum { SIGNALS = 2, URL_SIZE = 128, GRACE_MS = 3000, HURRY_MS = 5000 };

enum { CHILD_WORD_SIZE = 48 };

struct sample {
  const struct gcn__bench_job* job;
  struct gcn__console* console;
  struct gcn__bench_result* result;
  uv_loop_t loop;
  uv_signal_t signals[SIGNALS];
  uv_timer_t limit;
  struct gcn__child source;
  struct gcn__child reader;
  struct gcn__faultproxy* line;
  bool dismissed;
  bool answered;
  bool closed;
  int code;
};

uint64_t gcn__bench_job_connections(const struct gcn__bench_job* job) {
  const struct gcn__bench_row* row = job->row;
  if (job->connections > 0 && row->connections > 1) return job->connections;
  return job->quick ? row->quick_connections : row->connections;
}

uint64_t gcn__bench_job_count(const struct gcn__bench_job* job) {
  return job->quick ? job->row->quick_count : job->row->count;
}

static bool is_mode(const struct sample* sample, const char* mode) {
  return strcmp(sample->job->row->mode, mode) == 0;
}

static bool is_secure(const struct gcn__bench_job* job) {
  return job->row->tls && job->arm != GCN__ARM_UV_PLAIN;
}

static void fail(struct sample* sample, int code, const char* what) {
  if (sample->code != 0) return;
  sample->code = code;
  gcn__console_say(sample->console, GCN__CONSOLE_ERROR, "%s %s, %s: %s",
                   sample->job->row->group, sample->job->row->name,
                   gcn__bench_arm_name(sample->job->arm), what);
}

static void close_all(struct sample* sample) {
  if (sample->source.running || sample->reader.running || sample->closed) {
    return;
  }
  sample->closed = true;
  gcn__bench_hold_signals(true);
  gcn__child_close(&sample->source);
  gcn__child_close(&sample->reader);
  for (int i = 0; i < SIGNALS; i++)
    uv_close((uv_handle_t*)&sample->signals[i], NULL);
  uv_close((uv_handle_t*)&sample->limit, NULL);
}

static void on_limit(uv_timer_t* timer) {
  struct sample* sample = timer->data;
  if (!sample->dismissed) fail(sample, GCN__EXIT_TIMEOUT, "out of time");
  gcn__child_kill(&sample->source, SIGKILL);
  gcn__child_kill(&sample->reader, SIGKILL);
}

/* The reader is done, in whatever way. */
static void dismiss(struct sample* sample) {
  if (sample->dismissed) return;
  sample->dismissed = true;
  gcn__child_dismiss(&sample->source);
  if (sample->line != NULL) gcn__faultproxy_close(sample->line, NULL, NULL);
  sample->line = NULL;
  uv_timer_start(&sample->limit, on_limit, GRACE_MS, 0);
}

static void on_signal(uv_signal_t* handle, int signal) {
  struct sample* sample = handle->data;
  if (sample->code == 0) sample->code = 128 + signal;
  gcn__child_kill(&sample->reader, SIGTERM);
  gcn__child_kill(&sample->source, SIGTERM);
  dismiss(sample);
}

static void take_numbers(struct sample* sample, const struct gcn__json* json) {
  for (int i = 0; i < GCN__BENCH_METRICS; i++) {
    const char* name = gcn__bench_metric_name((enum gcn__bench_metric)i);
    double number = 0;
    bool there = gcn__json_number(gcn__json_get(json, name), &number);
    sample->result->values[i] = there ? number : NAN;
  }
  sample->answered = true;
}

static void on_reader_line(struct gcn__child* child, struct gcn__span line) {
  struct sample* sample = child->ctx;
  struct gcn__json* json = gcn__json_parse(line, NULL);
  if (json == NULL) return;
  if (!gcn__json_true(gcn__json_get(json, "ready"))) {
    take_numbers(sample, json);
  } else {
    gcn__child_say(&sample->source, is_mode(sample, "cut") ? "cut\n" : "go\n");
  }
  gcn__json_free(json, false);
}

static void on_reader_ended(struct gcn__child* child) {
  struct sample* sample = child->ctx;
  if (sample->code == 0 && child->code != 0) {
    fail(sample, GCN__EXIT_FAILURE, "the reader failed");
  }
  dismiss(sample);
  close_all(sample);
}

static void on_source_ended(struct gcn__child* child) {
  struct sample* sample = child->ctx;
  if (!sample->dismissed) {
    fail(sample, GCN__EXIT_FAILURE, "the source ended");
    gcn__child_kill(&sample->reader, SIGTERM);
    dismiss(sample);
  }
  close_all(sample);
}

static void add_plan(struct gcn__child_args* args,
                     const struct gcn__bench_job* job) {
  const struct gcn__bench_row* row = job->row;
  enum gcn__bench_reader reader = gcn__bench_arm_reader(job->arm);
  gcn__child_arg(args, "--reader=%s", gcn__bench_reader_name(reader));
  gcn__child_arg(args, "--for=%" PRIu64 "ms", job->for_ms);
  if (row->full) gcn__child_arg(args, "--full");
  if (row->tls12) gcn__child_arg(args, "--tls12");
  if (row->plain_api) gcn__child_arg(args, "--plain-api");
  if (row->hasty) gcn__child_arg(args, "--hasty");
  if (row->spare) gcn__child_arg(args, "--spare");
  if (job->arm == GCN__ARM_LEAN) gcn__child_arg(args, "--no-recorder");
  if (job->arm == GCN__ARM_SHALLOW) gcn__child_arg(args, "--shallow");
}

static int start_reader(struct sample* sample, const char* url,
                        const char* ca) {
  const struct gcn__bench_job* job = sample->job;
  struct gcn__child_args args = {.preload = job->malloc_path};
  gcn__child_arg(&args, "gcn");
  gcn__child_arg(&args, "bench");
  gcn__child_arg(&args, "drive");
  add_plan(&args, job);
  bool tells = is_mode(sample, "count") || is_mode(sample, "move") ||
               (is_mode(sample, "cut") &&
                gcn__bench_arm_reader(job->arm) == GCN__BENCH_LIBRARY);
  if (tells) gcn__child_arg(&args, "--tell");
  gcn__child_arg(&args, "%s", url);
  gcn__child_arg(&args, "%s", ca);
  gcn__child_arg(&args, "%" PRIu64, gcn__bench_job_count(job));
  gcn__child_arg(&args, "%" PRIu64, gcn__bench_job_connections(job));
  gcn__child_arg(&args, "%s", job->row->mode);
  sample->reader.line = on_reader_line;
  sample->reader.ended = on_reader_ended;
  sample->reader.ctx = sample;
  return gcn__child_start(&sample->reader, &sample->loop, &args);
}

/* The port to be dialled: that of the source, or of a line before it. */
static int lay_line(struct sample* sample, uint16_t* port) {
  unsigned delay_ms = sample->job->row->delay_ms;
  struct gcn__toxics toxics = {.count = 0};
  struct gcn__toxic_mistake mistake;
  char rule[64];
  if (delay_ms == 0) return 0;
  snprintf(rule, sizeof rule, "both latency delay=%ums", delay_ms);
  if (!gcn__toxics_add(&toxics, gcn__span_str(rule), &mistake)) {
    return UV_EINVAL;
  }
  const struct gcn__faultproxy_options options = {.upstream_port = *port,
                                                  .toxics = &toxics};
  int error = gcn__faultproxy_new(&sample->loop, &options, &sample->line);
  if (error == 0) *port = gcn__faultproxy_port(sample->line);
  return error;
}

static void on_source_line(struct gcn__child* child, struct gcn__span line) {
  struct sample* sample = child->ctx;
  char url[URL_SIZE];
  double number = 0;
  struct gcn__json* json = gcn__json_parse(line, NULL);
  bool good = gcn__json_number(gcn__json_get(json, "port"), &number) &&
              !sample->reader.open && !sample->dismissed;
  uint16_t port = (uint16_t)number;
  int error = good ? lay_line(sample, &port) : UV_EPROTO;
  if (sample->line != NULL && is_mode(sample, "move")) {
    char behind[CHILD_WORD_SIZE];
    snprintf(behind, sizeof behind, "behind 127.0.0.1:%u\n", (unsigned)port);
    gcn__child_say(&sample->source, behind);
  }
  struct gcn__span ca = gcn__json_member(json, "ca");
  snprintf(url, sizeof url, "%s://127.0.0.1:%u/bench/stream",
           is_secure(sample->job) ? "wss" : "ws", (unsigned)port);
  if (error == 0) error = start_reader(sample, url, ca.data);
  gcn__json_free(json, false);
  if (error == 0) return;
  fail(sample, GCN__EXIT_FAILURE, gcn_strerror(error));
  dismiss(sample);
}

static int start_source(struct sample* sample) {
  const struct gcn__bench_job* job = sample->job;
  const struct gcn__bench_row* row = job->row;
  struct gcn__child_args args = {.count = 0};
  bool moves = is_mode(sample, "move");
  bool lasting =
      !is_mode(sample, "count") && !is_mode(sample, "pingpong") && !moves;
  gcn__child_arg(&args, "gcn");
  gcn__child_arg(&args, "bench");
  gcn__child_arg(&args, "source");
  gcn__child_arg(&args, "%s", is_secure(job) ? "--tls" : "--plain");
  gcn__child_arg(&args, "--size=%s", row->size);
  gcn__child_arg(&args, "--count=%" PRIu64, gcn__bench_job_count(job));
  gcn__child_arg(&args, "--rate=%" PRIu64, row->rate);
  /* Those who connect to be cut get their event at once. */
  gcn__child_arg(&args, "--connections-max=1");
  if (!row->ecdsa) gcn__child_arg(&args, "--identity=%s", job->identity_dir);
  if (row->tls12) gcn__child_arg(&args, "--tls12");
  if (is_mode(sample, "pingpong")) gcn__child_arg(&args, "--pingpong");
  if (is_mode(sample, "count") || is_mode(sample, "idle")) {
    gcn__child_arg(&args, "--hold");
  }
  if (lasting) gcn__child_arg(&args, "--stay");
  if (moves) gcn__child_arg(&args, "--service");
  sample->source.line = on_source_line;
  sample->source.ended = on_source_ended;
  sample->source.ctx = sample;
  return gcn__child_start(&sample->source, &sample->loop, &args);
}

static int open_handles(struct sample* sample) {
  static const int numbers[SIGNALS] = {SIGINT, SIGTERM};
  int error = uv_loop_init(&sample->loop);
  if (error != 0) return error;
  uv_timer_init(&sample->loop, &sample->limit);
  sample->limit.data = sample;
  for (int i = 0; i < SIGNALS; i++) {
    uv_signal_init(&sample->loop, &sample->signals[i]);
    sample->signals[i].data = sample;
    uv_signal_start(&sample->signals[i], on_signal, numbers[i]);
  }
  uv_timer_start(&sample->limit, on_limit, sample->job->for_ms + HURRY_MS, 0);
  gcn__bench_hold_signals(false);
  return 0;
}

int gcn__bench_sample(const struct gcn__bench_job* job,
                      struct gcn__console* console,
                      struct gcn__bench_result* result) {
  struct sample sample = {.job = job, .console = console, .result = result};
  result->connections = (double)gcn__bench_job_connections(job);
  int error = open_handles(&sample);
  if (error != 0) {
    fail(&sample, GCN__EXIT_FAILURE, gcn_strerror(error));
    return sample.code;
  }
  error = start_source(&sample);
  if (error != 0) {
    fail(&sample, GCN__EXIT_FAILURE, gcn_strerror(error));
    close_all(&sample);
  }
  uv_run(&sample.loop, UV_RUN_DEFAULT);
  uv_loop_close(&sample.loop);
  gcn__child_deinit(&sample.source);
  gcn__child_deinit(&sample.reader);
  if (sample.code == 0 && !sample.answered) {
    fail(&sample, GCN__EXIT_FAILURE, "the reader said nothing");
  }
  return sample.code;
}
