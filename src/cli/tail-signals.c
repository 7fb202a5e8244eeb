/* SPDX-License-Identifier: MIT */
/*
 * Signals: two that end, one that reads the credentials again, one that prints
 * statistics.
 */
#include "cli/tail.h"

#include <unistd.h>

enum {
  STATS_SIZE_MAX = 4096,
  /* For the goodbye and for whoever reads standard output. */
  DRAIN_MS = 3000,
};

static void handle_end(struct gcn__tail* tail, int signal) {
  if (tail->signal != 0) _exit(128 + signal);
  tail->signal = signal;
  tail->exit_code = 128 + signal;
  gcn__tail_drain(tail, DRAIN_MS);
  gcn__tail_finish(tail, 128 + signal);
}

static void read_again(struct gcn__tail* tail) {
  struct gcn__target target;
  const char* problem = NULL;
  int error = 0;
  if (!gcn__target_load(&target, &tail->options->target, gcn__tail_env)) {
    problem = target.problem;
  } else {
    error = gcn_client_set_credentials(tail->client, target.client_id,
                                       target.client_secret);
    if (error != 0) problem = gcn_strerror(error);
  }
  if (problem != NULL) {
    gcn__console_say(&tail->console, GCN__CONSOLE_WARN,
                     "the credentials stay as they are: %s", problem);
  } else {
    gcn__console_say(&tail->console, GCN__CONSOLE_NOTE,
                     "the credentials have been read again");
  }
  gcn__target_deinit(&target);
}

static void print_stats(struct gcn__tail* tail) {
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(tail->client, &stats);
  struct gcn__buf line;
  gcn__buf_init(&line, &gcn__mem_libc, STATS_SIZE_MAX);
  if (gcn__output_stats(&line, gcn__tail_unix_ms(), &stats) == 0) {
    line.data[line.end - 1] = '\0'; /* in place of the line's end */
    gcn__console_print(&tail->console, line.data + line.begin);
  }
  gcn__buf_deinit(&line);
}

static void on_signal(uv_signal_t* handle, int signal) {
  struct gcn__tail* tail = handle->data;
  if (signal == SIGINT || signal == SIGTERM) {
    handle_end(tail, signal);
  } else if (tail->finishing) {
    return;
  } else if (signal == SIGHUP) {
    read_again(tail);
  } else if (signal == SIGUSR1) {
    print_stats(tail);
  }
}

int gcn__tail_signals_start(struct gcn__tail* tail) {
  static const int numbers[] = {
#define NUMBER(name) name,
      GCN__TAIL_SIGNAL_MAP(NUMBER)
#undef NUMBER
  };
  for (int i = 0; i < GCN__TAIL_SIGNALS; i++) {
    int error = uv_signal_start(&tail->signals[i], on_signal, numbers[i]);
    if (error != 0) return error;
  }
  return 0;
}
