/* SPDX-License-Identifier: MIT */
/*
 * The simulator on its loop: begins, records, ends.
 *
 * It ends in one way: finish() reads what the service has to say, closes the
 * port, and the loop runs out once the record is written.  The service's hooks
 * only append and arm the timer, because the service is on the stack.
 */
#include "cli/sim-run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/sim-file.h"
#include "cli/sim-say.h"
#include "cli/sink.h"
#include "cli/text.h"
#include "gcnotify.h"
#include "sim/ledger.h"
#include "sim/listen.h"

enum {
  SIGNALS = 3,
  START_SIZE_MAX = 64 << 10,
  TOPICS_SIZE_MAX = 64 << 20,
  REPORT_SIZE_MAX = 16 << 20,
  SOON_MS = 1,
};

struct run {
  const struct gcn__cli_sim_options* options;
  const struct gcn__cli_sim_tls* tls;
  struct gcn__console* console;
  uv_loop_t loop;
  uv_signal_t signals[SIGNALS];
  uv_timer_t timer; /* --for, or an end that a hook asked for */
  struct gcn__sink record;
  int record_fd;                  /* -1: nothing is recorded */
  struct gcn__sim_listen* listen; /* NULL: closed, or not yet open */
  bool listening;                 /* its handles are on the loop */
  bool begun;
  bool finishing;
  bool ended; /* the last handles are closing */
  bool record_failed;
  int signal;
  int exit_code;
};

static void end(struct run* run) {
  bool done =
      run->finishing && !run->listening && gcn__sink_waiting(&run->record) == 0;
  if (!done || run->ended) return;
  run->ended = true;
  for (int i = 0; i < SIGNALS; i++) {
    uv_close((uv_handle_t*)&run->signals[i], NULL);
  }
  uv_close((uv_handle_t*)&run->timer, NULL);
  gcn__sink_close(&run->record);
}

static void on_listen_closed(void* ctx) {
  struct run* run = ctx;
  run->listening = false;
  end(run);
}

static void fail_report(struct run* run, int error) {
  const char* path = run->options->report_path;
  gcn__console_say(run->console, GCN__CONSOLE_ERROR, "--report %s: %s",
                   path == NULL ? "-" : path, gcn_strerror(error));
  if (run->exit_code == GCN__EXIT_OK) run->exit_code = GCN__EXIT_FAILURE;
}

/* One line of JSON, to the file or to standard error. */
static void report(struct run* run) {
  const char* path = run->options->report_path;
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, REPORT_SIZE_MAX);
  uint64_t now_ms = gcn__sim_listen_now(run->listen);
  int error =
      gcn__sim_report(gcn__sim_listen_service(run->listen), now_ms, &text);
  if (error == 0) error = gcn__buf_append(&text, path == NULL ? "\0" : "\n", 1);
  struct gcn__span line = gcn__buf_span(&text);
  if (error == 0 && path == NULL) gcn__console_print(run->console, line.data);
  if (error == 0 && path != NULL) error = gcn__cli_sim_file_replace(path, line);
  if (error != 0) fail_report(run, error);
  gcn__buf_deinit(&text);
}

/* What came true or not in the last moment counts too. */
static void judge(struct run* run) {
  struct gcn__sim* sim = gcn__sim_listen_service(run->listen);
  gcn__sim_tick(sim, gcn__sim_listen_now(run->listen));
  struct gcn__sim_counters counters;
  char summary[GCN__CLI_SIM_SUMMARY_SIZE];
  gcn__sim_counters(sim, &counters);
  gcn__cli_sim_summary(&counters, summary);
  gcn__console_say(run->console, GCN__CONSOLE_NOTE, "%s", summary);
  if (run->options->report_path != NULL) report(run);
  const char* failure = gcn__sim_failure(sim);
  if (failure == NULL) return;
  gcn__console_say(run->console, GCN__CONSOLE_ERROR,
                   "an expectation was not met: %s", failure);
  if (run->exit_code == GCN__EXIT_OK) run->exit_code = GCN__EXIT_EXPECT;
}

static void finish(struct run* run) {
  if (run->finishing) return;
  run->finishing = true;
  uv_timer_stop(&run->timer);
  if (run->listen != NULL) {
    if (run->begun) judge(run);
    gcn__sim_listen_close(run->listen, on_listen_closed, run);
    run->listen = NULL;
  }
  gcn__sink_push(&run->record);
  end(run);
}

static void on_timer(uv_timer_t* timer) {
  finish(timer->data);
}

static void on_signal(uv_signal_t* handle, int signal) {
  struct run* run = handle->data;
  if (signal == SIGUSR1) {
    if (run->listen != NULL) report(run);
    return;
  }
  if (run->signal != 0) {
    if (run->tls->temporary[0] != '\0') unlink(run->tls->temporary);
    _exit(128 + signal);
  }
  run->signal = signal;
  finish(run);
}

/* Ends the run from outside the service. */
static void fail_record(struct run* run, int error) {
  if (run->record_failed) return;
  run->record_failed = true;
  run->exit_code = GCN__EXIT_FAILURE;
  gcn__console_say(run->console, GCN__CONSOLE_ERROR, "--record %s: %s",
                   run->options->record_path,
                   error == GCN_ELIMIT ? "it cannot be written fast enough"
                                       : gcn_strerror(error));
  if (run->finishing) return;
  uv_timer_start(&run->timer, on_timer, SOON_MS, 0);
}

static void on_event(void* ctx, const struct gcn__sim_event* event) {
  struct run* run = ctx;
  if (!event->sent || run->record_failed) return;
  struct gcn__buf* waiting = &run->record.waiting;
  int error = gcn__text_one_line(waiting, event->message);
  if (error == 0) error = gcn__buf_append(waiting, "\n", 1);
  if (error == 0) gcn__sink_flush(&run->record);
  if (error == 0) error = run->record.error;
  if (error != 0) fail_record(run, error);
}

static void on_progress(void* ctx) {
  struct run* run = ctx;
  if (run->record.error != 0) fail_record(run, run->record.error);
  end(run);
}

static void on_log(void* ctx, uint64_t now_ms, const char* line) {
  struct run* run = ctx;
  (void)now_ms;
  if (run->finishing) return; /* the summary is the last word */
  bool request = gcn__cli_sim_is_request(line);
  enum gcn__console_level level =
      request ? GCN__CONSOLE_INFO : GCN__CONSOLE_NOTE;
  if (!gcn__console_wants(run->console, level)) return;
  uv_timeval64_t now = {0};
  uv_gettimeofday(&now);
  char time[GCN__TEXT_TIME_SIZE];
  gcn__text_time_local(time, now.tv_sec * 1000 + now.tv_usec / 1000);
  gcn__console_say(run->console, level, "%s %s", time, line);
}

static bool complain(struct run* run, const char* option, const char* value,
                     int error) {
  gcn__console_say(run->console, GCN__CONSOLE_ERROR, "%s %s: %s", option, value,
                   gcn_strerror(error));
  return false;
}

static bool open_record(struct run* run) {
  const char* path = run->options->record_path;
  if (path == NULL) return true;
  run->record_fd =
      open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  if (run->record_fd < 0) return complain(run, "--record", path, -errno);
  run->record.fd = run->record_fd;
  return true;
}

static void write_authority(const struct gcn__url* url, char* out,
                            size_t size) {
  char authority[GCN__AUTHORITY_SIZE_MAX];
  gcn__url_authority(url, authority);
  snprintf(out, size, "%s://%s", gcn__url_secure(url) ? "wss" : "ws",
           authority);
}

static bool open_port(struct run* run) {
  const struct gcn__cli_sim_options* options = run->options;
  struct gcn__sim_listen_options listen = {
      .address = options->address,
      .port = options->port,
      .tls = run->tls->config,
      .sim = options->service,
  };
  listen.sim.hooks.ctx = run;
  listen.sim.hooks.log = on_log;
  if (options->record_path != NULL) listen.sim.hooks.event = on_event;
  char authority[GCN__AUTHORITY_SIZE_MAX + 8];
  if (options->authority.schemed) {
    write_authority(&options->authority.url, authority, sizeof authority);
    listen.sim.authority = authority;
  }
  int error = gcn__sim_listen_new(&run->loop, &listen, &run->listen);
  if (error == 0) {
    run->listening = true;
    return true;
  }
  const char* remedy = error == -EADDRINUSE
                           ? "; choose another port, or none for a free one"
                           : "";
  gcn__console_say(run->console, GCN__CONSOLE_ERROR,
                   "cannot listen on %s port %u: %s%s", options->address,
                   (unsigned)options->port, gcn_strerror(error), remedy);
  return false;
}

/* The port may be known only now. */
static void set_authority(struct run* run) {
  if (run->options->authority.schemed) return;
  char authority[GCN__AUTHORITY_SIZE_MAX];
  struct gcn__url public;
  gcn__cli_sim_public(run->options, gcn__sim_listen_port(run->listen), &public);
  gcn__url_authority(&public, authority);
  gcn__sim_set_authority(gcn__sim_listen_service(run->listen), authority);
}

/* To standard output, which a pipe that nobody reads must not hold up later:
 * nothing is written there after the start. */
static bool print(struct run* run, const struct gcn__buf* text) {
  struct gcn__span span = gcn__buf_span(text);
  bool good = fwrite(span.data, 1, span.size, stdout) == span.size &&
              fflush(stdout) == 0;
  return good || complain(run, "standard output", "cannot be written", -errno);
}

static bool announce_start(struct run* run, const char* ca_path) {
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, START_SIZE_MAX);
  int error = gcn__cli_sim_say_start(
      run->options, gcn__sim_listen_port(run->listen), ca_path, &text);
  bool good = error == 0 ? print(run, &text)
                         : complain(run, "the start", "cannot be told", error);
  gcn__buf_deinit(&text);
  return good;
}

static bool announce_topics(struct run* run) {
  const char* path = run->options->topics_path;
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, TOPICS_SIZE_MAX);
  int error = gcn__cli_sim_say_topics(run->options, &text);
  bool good = error == 0;
  if (good && path == NULL) good = print(run, &text);
  if (good && path != NULL) {
    error = gcn__cli_sim_file_replace(path, gcn__buf_span(&text));
  }
  if (error != 0) {
    good = complain(run, "--topics-out", path == NULL ? "-" : path, error);
  }
  gcn__buf_deinit(&text);
  return good;
}

/* Last of all: scripts take it for the sign that everything else is there. */
static bool announce_port(struct run* run) {
  const char* path = run->options->port_path;
  if (path == NULL) return true;
  char text[16];
  snprintf(text, sizeof text, "%u\n",
           (unsigned)gcn__sim_listen_port(run->listen));
  int error = gcn__cli_sim_file_replace(path, gcn__span_str(text));
  return error == 0 || complain(run, "--port-file", path, error);
}

static bool start_signals(struct run* run) {
  static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGUSR1};
  for (int i = 0; i < SIGNALS; i++) {
    int error = uv_signal_start(&run->signals[i], on_signal, numbers[i]);
    if (error != 0) return complain(run, "signals", "cannot be heard", error);
  }
  return true;
}

static bool begin(struct run* run) {
  uint64_t for_ms = run->options->for_ms;
  bool good = start_signals(run) && open_record(run) && open_port(run);
  if (!good) return false;
  set_authority(run);
  if (!announce_start(run, run->tls->ca_path)) return false;
  if (!announce_topics(run) || !announce_port(run)) return false;
  if (for_ms > 0) uv_timer_start(&run->timer, on_timer, for_ms, 0);
  run->begun = true;
  return true;
}

/* The first signal handle can fail; then nothing has been opened. */
static int open_handles(struct run* run) {
  int error = 0;
  for (int i = 0; i < SIGNALS && error == 0; i++) {
    error = uv_signal_init(&run->loop, &run->signals[i]);
    run->signals[i].data = run;
  }
  if (error != 0) return error;
  uv_timer_init(&run->loop, &run->timer);
  run->timer.data = run;
  gcn__sink_init(&run->record, &run->loop, -1, false);
  run->record.ctx = run;
  run->record.progress = on_progress;
  return 0;
}

int gcn__cli_sim_run(const struct gcn__cli_sim_options* options,
                     const struct gcn__cli_sim_tls* tls,
                     struct gcn__console* console) {
  struct run run = {
      .options = options, .tls = tls, .console = console, .record_fd = -1};
  if (options->port_path != NULL) gcn__cli_sim_file_retire(options->port_path);
  int error = uv_loop_init(&run.loop);
  if (error == 0) {
    error = open_handles(&run);
    if (error != 0) uv_loop_close(&run.loop);
  }
  if (error != 0) {
    complain(&run, "the loop", "cannot be made", error);
    return GCN__EXIT_FAILURE;
  }
  if (!begin(&run)) {
    run.exit_code = GCN__EXIT_FAILURE;
    finish(&run);
  }
  uv_run(&run.loop, UV_RUN_DEFAULT);
  uv_loop_close(&run.loop);
  gcn__sink_deinit(&run.record);
  if (run.record_fd >= 0) close(run.record_fd);
  return run.exit_code;
}
