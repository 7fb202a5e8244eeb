/* SPDX-License-Identifier: MIT */
/*
 * `gcn tail` while it runs.  Private to the tail files.
 *
 * It ends in one way: gcn__tail_finish sets the exit code, the client is
 * closed, standard output is written to the end, the handles close, the loop
 * runs out.  A second signal is the only shortcut.  With a checkpoint the
 * output comes first, because an event is handled when its line is written.
 */
#ifndef GCN_CLI_TAIL_H
#define GCN_CLI_TAIL_H

#include <uv.h>

#include "cli/acks.h"
#include "cli/console.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/sink.h"
#include "cli/tail-options.h"
#include "cli/target.h"
#include "gcnotify.h"

#define GCN__TAIL_SIGNAL_MAP(X)                                                \
  X(SIGINT)                                                                    \
  X(SIGTERM)                                                                   \
  X(SIGHUP)                                                                    \
  X(SIGUSR1)                                                                   \
  X(SIGUSR2)

enum gcn__tail_signal {
#define GCN__TAIL_SIGNAL_ENUM(name) GCN__TAIL_##name,
  GCN__TAIL_SIGNAL_MAP(GCN__TAIL_SIGNAL_ENUM)
#undef GCN__TAIL_SIGNAL_ENUM
      GCN__TAIL_SIGNALS
};

/* One timer for each condition of time. */
enum gcn__tail_timer {
  GCN__TAIL_FOR,
  GCN__TAIL_FIRST,
  GCN__TAIL_IDLE,
  GCN__TAIL_STATS,
  GCN__TAIL_METRICS,
  GCN__TAIL_TICK,  /* status line, lazy output, readers that have gone */
  GCN__TAIL_DRAIN, /* what a signal leaves for the output to be taken */
  GCN__TAIL_TIMERS
};

struct gcn__tail {
  const struct gcn__tail_options* options;
  struct gcn__target target;
  struct gcn__console console;
  struct gcn__output output;
  struct gcn__sink sink;
  uv_loop_t loop;
  gcn_client_t* client; /* NULL once its close callback has come */
  uv_timer_t timers[GCN__TAIL_TIMERS];
  uv_signal_t signals[GCN__TAIL_SIGNALS];
  bool paused;       /* the output is slower than the stream */
  bool shares;       /* output and status line are on one terminal */
  bool told_lost;    /* so that the recovery is told too */
  bool told_metrics; /* that its file cannot be written */
  bool told_record;
  bool rereads;      /* credentials come from a file, at each token request */
  uint64_t renewals; /* told */
  bool finishing;
  bool ended; /* the handles are closing */
  int exit_code;
  int signal;   /* the first one that asked to end; 0: none */
  bool acks;    /* events are acknowledged when they are written */
  bool closing; /* gcn_client_close has been called */
  bool moved;   /* the client has been at work: the load went well */
  char load_trouble[GCN_FAILURE_TEXT_SIZE]; /* "": none; told when it moves */
  bool told_save;         /* that the checkpoint can't be written */
  struct gcn__acks debts; /* if `acks` */
  uint64_t appended;      /* bytes that the sink was ever given */
  uint64_t printed;       /* events that matched */
  uint64_t told_events;   /* when the status line was made last, and when */
  uint64_t told_ms;
  uint64_t ticks;
  uint64_t streams[GCN_CONNECTION_COUNT_MAX]; /* opened so far */
  uint64_t active_ms; /* uv_now of the last event, or of the open stream */
};

/* Makes `exit_code` the outcome, once, and begins to end. */
void gcn__tail_finish(struct gcn__tail* tail, int exit_code);
/* Ends if nothing is left to wait for. */
void gcn__tail_end(struct gcn__tail* tail);

/* Now that the output is written, or can't be: tail->finishing is set. */
void gcn__tail_close(struct gcn__tail* tail);

/* tail-stream.c: what the client tells. */
void gcn__tail_callbacks(gcn_options_t* options);
/* The sink has moved. */
void gcn__tail_progress(void* ctx);
/* A line has been appended where the sink held `size_before` bytes, or could
 * not be. */
void gcn__tail_sent(struct gcn__tail* tail, size_t size_before, int error);

/* tail-ack.c: what is handled, and the checkpoint. */
void gcn__tail_ack_callbacks(struct gcn__tail* tail, gcn_options_t* options);
/* The event's line, if it has one, was appended. */
void gcn__tail_owe(struct gcn__tail* tail, const gcn_event_t* event);
/* The checkpoint can't be loaded: a stream that began at nothing would look
 * whole, so there is none. */
void gcn__tail_unreadable(struct gcn__tail* tail, const gcn_failure_t* failure);
/* It is loaded, and the first attempt begins. */
void gcn__tail_moved(struct gcn__tail* tail);
/* Acknowledges what has been written. */
void gcn__tail_pay(struct gcn__tail* tail);
/* Statistics, to where the options say. */
void gcn__tail_tell_stats(struct gcn__tail* tail);
/* Renewals since the last look. */
void gcn__tail_tell_renewals(struct gcn__tail* tail);

/* tail-signals.c.  0 or libuv's error. */
int gcn__tail_signals_start(struct gcn__tail* tail);

/* tail-files.c: each writes its file, if one is wanted. */
void gcn__tail_write_metrics(struct gcn__tail* tail);
void gcn__tail_write_record(struct gcn__tail* tail);
/* One JSON line: appended, or to standard error. */
int gcn__tail_put_stats(const struct gcn__tail* tail, struct gcn__buf* out);
void gcn__tail_print_stats(struct gcn__tail* tail);

/* tail-token.c */
void gcn__tail_token_callbacks(struct gcn__tail* tail, gcn_options_t* options);
/* New credentials for the next token request, and say so. */
void gcn__tail_read_again(struct gcn__tail* tail);
/* Whether, after a refusal, there are others to try. */
bool gcn__tail_has_new_secret(struct gcn__tail* tail);

/* tail-time.c.  0 or libuv's error. */
int gcn__tail_timers_start(struct gcn__tail* tail);
/* An event has been printed, or a stream has opened. */
void gcn__tail_touch(struct gcn__tail* tail);
void gcn__tail_drain(struct gcn__tail* tail, uint64_t limit_ms);

/* Of the process's environment. */
const char* gcn__tail_env(const char* name);
/* Wall clock. */
int64_t gcn__tail_unix_ms(void);

#endif
