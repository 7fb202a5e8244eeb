/* SPDX-License-Identifier: MIT */
/*
 * Signals: two that end, one that reads the credentials again, one that
 * replaces the channels, one that tells how things are.
 */
#include "cli/tail.h"

#include <unistd.h>

enum {
  /* For the goodbye and for whoever reads standard output. */
  DRAIN_MS = 3000,
};

static void handle_end(struct gcn__tail* tail, int signal) {
  if (tail->signal != 0) {
    gcn__tail_write_record(tail);
    _exit(128 + signal);
  }
  tail->signal = signal;
  tail->exit_code = 128 + signal;
  gcn__tail_drain(tail, DRAIN_MS);
  gcn__tail_finish(tail, 128 + signal);
}

static void rotate(struct gcn__tail* tail) {
  gcn__console_say(&tail->console, GCN__CONSOLE_NOTE,
                   "the channels are to be replaced");
  gcn_client_rotate(tail->client);
}

static void tell_all(struct gcn__tail* tail) {
  gcn__tail_print_stats(tail);
  gcn__tail_write_record(tail);
  gcn__tail_write_metrics(tail);
}

static void on_signal(uv_signal_t* handle, int signal) {
  struct gcn__tail* tail = handle->data;
  if (signal == SIGINT || signal == SIGTERM) {
    handle_end(tail, signal);
  } else if (tail->finishing) {
    return;
  } else if (signal == SIGHUP) {
    gcn__tail_read_again(tail);
  } else if (signal == SIGUSR1) {
    rotate(tail);
  } else if (signal == SIGUSR2) {
    tell_all(tail);
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
