/* SPDX-License-Identifier: MIT */
/*
 * Standard output without blocking the loop and without losing or reordering a
 * byte.
 *
 * One write at a time runs in libuv's pool, so that the descriptor, which other
 * processes may share, keeps its mode; what comes meanwhile waits in a buffer,
 * and goes out as one write.  The owner looks at gcn__sink_waiting to know when
 * to pause its source.
 */
#ifndef GCN_CLI_SINK_H
#define GCN_CLI_SINK_H

#include <uv.h>

#include "base/buf.h"

struct gcn__sink {
  uv_loop_t* loop;
  int fd;
  bool eager; /* every flush reaches the descriptor; else in large pieces */
  bool writing;
  bool closing;
  int error; /* the first one; from then on everything is thrown away */
  struct gcn__buf waiting; /* append here, then flush */
  struct gcn__buf going;   /* what the write in progress carries */
  uv_fs_t request;
  uv_timer_t retry; /* a descriptor that somebody made non-blocking was full */
  void* ctx;
  void (*progress)(void* ctx); /* something has gone, or failed */
};

/* `lazy`: gather small pieces, for regular files.  0 or libuv's error. */
int gcn__sink_init(struct gcn__sink* sink, uv_loop_t* loop, int fd, bool lazy);
/* Starts to write, if a write is due. */
void gcn__sink_flush(struct gcn__sink* sink);
/* Starts to write whatever there is. */
void gcn__sink_push(struct gcn__sink* sink);
/* Bytes that the descriptor has not taken yet. */
size_t gcn__sink_waiting(const struct gcn__sink* sink);
/* Looks whether the reader of a pipe has gone; then `error` is UV_EPIPE. */
void gcn__sink_check(struct gcn__sink* sink);
/* Takes its handle off the loop.  The memory is the caller's until the loop has
 * run out. */
void gcn__sink_close(struct gcn__sink* sink);
/* After that. */
void gcn__sink_deinit(struct gcn__sink* sink);

#endif
