/* SPDX-License-Identifier: MIT */
/*
 * The fault proxy on its loop.
 *
 * Everything it says goes to standard error but the line at the start.  It ends
 * in one way: finish() tells the counts and closes, and the loop runs out.
 */
#include "cli/sim-proxy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/err.h"
#include "cli/cli.h"
#include "cli/sim-file.h"
#include "gcnotify.h"
#include "sim/listen-proxy.h"

enum { SIGNALS = 3, PORT_TEXT_SIZE = 16 };

struct run {
  const struct gcn__cli_sim_options* options;
  struct gcn__console* console;
  uv_loop_t loop;
  uv_signal_t signals[SIGNALS];
  uv_timer_t timer;              /* --for */
  struct gcn__faultproxy* proxy; /* NULL: closed, or not yet open */
  bool finishing;
  int exit_code;
};

void gcn__cli_sim_counts(const struct gcn__faultproxy_counters* counters,
                         char out[GCN__CLI_SIM_COUNTS_SIZE]) {
  snprintf(out, GCN__CLI_SIM_COUNTS_SIZE,
           "connections: %" PRIu64 " (not forwarded: %" PRIu64
           "), bytes up: %" PRIu64 " (sent: %" PRIu64 "), down: %" PRIu64
           " (sent: %" PRIu64 ")",
           counters->connections, counters->unreached, counters->up_in,
           counters->up_out, counters->down_in, counters->down_out);
}

static void tell_counts(struct run* run) {
  struct gcn__faultproxy_counters counters;
  char text[GCN__CLI_SIM_COUNTS_SIZE];
  gcn__faultproxy_counters(run->proxy, &counters);
  gcn__cli_sim_counts(&counters, text);
  gcn__console_say(run->console, GCN__CONSOLE_NOTE, "%s", text);
  const struct gcn__toxics* toxics = gcn__faultproxy_toxics(run->proxy);
  for (size_t i = 0; i < toxics->count; i++) {
    gcn__console_say(run->console, GCN__CONSOLE_NOTE, "%s: %" PRIu64,
                     toxics->items[i].rule, counters.fired[i]);
  }
}

static void end(struct run* run) {
  for (int i = 0; i < SIGNALS; i++)
    uv_close((uv_handle_t*)&run->signals[i], NULL);
  uv_close((uv_handle_t*)&run->timer, NULL);
}

static void on_closed(void* ctx) {
  end(ctx);
}

static void finish(struct run* run) {
  if (run->finishing) return;
  run->finishing = true;
  if (run->proxy == NULL) {
    end(run);
    return;
  }
  tell_counts(run);
  gcn__faultproxy_close(run->proxy, on_closed, run);
  run->proxy = NULL;
}

static void on_timer(uv_timer_t* timer) {
  finish(timer->data);
}

static void on_signal(uv_signal_t* handle, int signal) {
  struct run* run = handle->data;
  if (signal != SIGUSR1) {
    finish(run);
  } else if (run->proxy != NULL) {
    tell_counts(run);
  }
}

static void on_log(void* ctx, const char* line) {
  struct run* run = ctx;
  if (run->finishing) return; /* the end of the proxy is not news */
  gcn__console_say(run->console, GCN__CONSOLE_NOTE, "%s", line);
}

static bool complain(struct run* run, const char* what, const char* about,
                     int error) {
  gcn__console_say(run->console, GCN__CONSOLE_ERROR, "%s %s: %s", what, about,
                   gcn_strerror(error));
  run->exit_code = GCN__EXIT_FAILURE;
  return false;
}

static bool start_signals(struct run* run) {
  static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGUSR1};
  for (int i = 0; i < SIGNALS; i++) {
    int error = uv_signal_start(&run->signals[i], on_signal, numbers[i]);
    if (error != 0) return complain(run, "signals", "cannot be heard", error);
  }
  return true;
}

static bool open_port(struct run* run) {
  const struct gcn__cli_sim_options* options = run->options;
  const struct gcn__faultproxy_options proxy = {
      .address = options->address,
      .port = options->port,
      .upstream_address = options->upstream,
      .upstream_port = options->upstream_port,
      .toxics = &options->toxics,
      .seed = options->service.seed,
      .log = on_log,
      .ctx = run,
  };
  int error = gcn__faultproxy_new(&run->loop, &proxy, &run->proxy);
  if (error == 0) return true;
  char about[GCN__CLI_SIM_ADDRESS_SIZE + PORT_TEXT_SIZE];
  snprintf(about, sizeof about, "on %s port %u", options->address,
           (unsigned)options->port);
  return complain(run, "cannot listen", about, error);
}

static void format_name(const char* address, uint16_t port,
                        char out[GCN__CLI_SIM_ADDRESS_SIZE + PORT_TEXT_SIZE]) {
  bool six = strchr(address, ':') != NULL;
  snprintf(out, GCN__CLI_SIM_ADDRESS_SIZE + PORT_TEXT_SIZE, "%s%s%s:%u",
           six ? "[" : "", address, six ? "]" : "", (unsigned)port);
}

/* To standard output; the port's file last of all, as scripts wait for it. */
static bool announce(struct run* run) {
  const struct gcn__cli_sim_options* options = run->options;
  char here[GCN__CLI_SIM_ADDRESS_SIZE + PORT_TEXT_SIZE];
  char there[GCN__CLI_SIM_ADDRESS_SIZE + PORT_TEXT_SIZE];
  uint16_t port = gcn__faultproxy_port(run->proxy);
  format_name(options->address, port, here);
  format_name(options->upstream, options->upstream_port, there);
  if (printf("listening on %s, forwarding to %s\n", here, there) < 0 ||
      fflush(stdout) != 0) {
    return complain(run, "standard output", "cannot be written", -errno);
  }
  if (options->port_path == NULL) return true;
  char text[PORT_TEXT_SIZE];
  snprintf(text, sizeof text, "%u\n", (unsigned)port);
  int error =
      gcn__cli_sim_file_replace(options->port_path, gcn__span_str(text));
  return error == 0 || complain(run, "--port-file", options->port_path, error);
}

static bool begin(struct run* run) {
  if (!start_signals(run) || !open_port(run) || !announce(run)) return false;
  uint64_t for_ms = run->options->for_ms;
  if (for_ms > 0) uv_timer_start(&run->timer, on_timer, for_ms, 0);
  return true;
}

/* The first signal handle can fail; then nothing has been opened. */
static int open_handles(struct run* run) {
  int error = uv_loop_init(&run->loop);
  if (error != 0) return error;
  for (int i = 0; i < SIGNALS && error == 0; i++) {
    error = uv_signal_init(&run->loop, &run->signals[i]);
    run->signals[i].data = run;
  }
  if (error != 0) {
    uv_loop_close(&run->loop);
    return error;
  }
  uv_timer_init(&run->loop, &run->timer);
  run->timer.data = run;
  return 0;
}

int gcn__cli_sim_proxy_run(const struct gcn__cli_sim_options* options,
                           struct gcn__console* console) {
  struct run run = {.options = options, .console = console};
  if (options->port_path != NULL) gcn__cli_sim_file_retire(options->port_path);
  int error = open_handles(&run);
  if (error != 0) {
    complain(&run, "the loop", "cannot be made", error);
    return run.exit_code;
  }
  if (!begin(&run)) finish(&run);
  uv_run(&run.loop, UV_RUN_DEFAULT);
  uv_loop_close(&run.loop);
  return run.exit_code;
}
