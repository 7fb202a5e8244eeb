/* SPDX-License-Identifier: MIT */
/*
 * This program once more, as another process: arguments in, lines out.
 */
#ifndef GCN_CLI_BENCH_CHILD_H
#define GCN_CLI_BENCH_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"

enum { GCN__CHILD_ARGS_MAX = 32, GCN__CHILD_ARG_SIZE = 320 };

struct gcn__child_args {
  char text[GCN__CHILD_ARGS_MAX][GCN__CHILD_ARG_SIZE];
  char* argv[GCN__CHILD_ARGS_MAX + 1];
  int count;
  const char* preload; /* a library; NULL: none */
};

struct gcn__child {
  uv_process_t process;
  uv_pipe_t in;
  uv_pipe_t out;
  struct gcn__buf lines;
  char bytes[4096];
  bool open; /* its handles are on the loop */
  bool running;
  int code; /* as a shell tells it: 128 and more for a signal */
  void (*line)(struct gcn__child* child, struct gcn__span line);
  void (*ended)(struct gcn__child* child);
  void* ctx;
};

void gcn__child_arg(struct gcn__child_args* args, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
/* Standard error is ours.  0, or an error of libuv; then nothing runs, but
 * `open` may be set. */
int gcn__child_start(struct gcn__child* child, uv_loop_t* loop,
                     struct gcn__child_args* args);
void gcn__child_say(struct gcn__child* child, const char* text);
/* Ends its standard input. */
void gcn__child_dismiss(struct gcn__child* child);
void gcn__child_kill(struct gcn__child* child, int signal);
/* Once it has ended. */
void gcn__child_close(struct gcn__child* child);
void gcn__child_deinit(struct gcn__child* child);

#endif
