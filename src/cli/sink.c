/* SPDX-License-Identifier: MIT */
/*
 * See sink.h.  `going` is not touched while a write is in progress.
 */
#include "cli/sink.h"

#include <poll.h>

enum {
  WAITING_SIZE_MAX = 64 << 20, /* never reached if the source is paused */
  LAZY_SIZE = 64 << 10,
  RETRY_MS = 10,
};

int gcn__sink_init(struct gcn__sink* sink, uv_loop_t* loop, int fd, bool lazy) {
  *sink = (struct gcn__sink){.loop = loop, .fd = fd, .eager = !lazy};
  gcn__buf_init(&sink->waiting, &gcn__mem_libc, WAITING_SIZE_MAX);
  gcn__buf_init(&sink->going, &gcn__mem_libc, WAITING_SIZE_MAX);
  sink->retry.data = sink;
  return uv_timer_init(loop, &sink->retry);
}

static void write_more(struct gcn__sink* sink);

static void fail(struct gcn__sink* sink, int error) {
  if (sink->error == 0) sink->error = error;
  if (!sink->writing) gcn__buf_clear(&sink->going);
  gcn__buf_clear(&sink->waiting);
}

static void on_retry(uv_timer_t* timer) {
  struct gcn__sink* sink = timer->data;
  if (!sink->closing) write_more(sink);
}

static void on_written(uv_fs_t* request) {
  struct gcn__sink* sink = request->data;
  ssize_t result = request->result;
  uv_fs_req_cleanup(request);
  sink->writing = false;
  if (result == UV_EAGAIN || result == UV_EINTR) {
    if (!sink->closing) uv_timer_start(&sink->retry, on_retry, RETRY_MS, 0);
    return;
  }
  if (result < 0 || sink->error != 0) {
    fail(sink, (int)result);
  } else {
    gcn__buf_consume(&sink->going, (size_t)result);
    if (!sink->closing) write_more(sink);
  }
  sink->progress(sink->ctx);
}

/* Carries on with the last piece, or takes the next one. */
static void write_more(struct gcn__sink* sink) {
  if (sink->writing || sink->error != 0) return;
  if (gcn__buf_size(&sink->going) == 0) {
    struct gcn__buf empty = sink->going;
    gcn__buf_clear(&empty);
    sink->going = sink->waiting;
    sink->waiting = empty;
  }
  struct gcn__span piece = gcn__buf_span(&sink->going);
  if (piece.size == 0) return;
  char* data = sink->going.data + sink->going.begin;
  uv_buf_t buf = uv_buf_init(data, (unsigned)piece.size);
  sink->request.data = sink;
  int error = uv_fs_write(sink->loop, &sink->request, sink->fd, &buf, 1, -1,
                          on_written);
  if (error != 0) {
    fail(sink, error);
    return;
  }
  sink->writing = true;
}

void gcn__sink_push(struct gcn__sink* sink) {
  if (!uv_is_active((uv_handle_t*)&sink->retry)) write_more(sink);
}

void gcn__sink_flush(struct gcn__sink* sink) {
  bool due = sink->eager || gcn__buf_size(&sink->waiting) >= LAZY_SIZE;
  if (due) gcn__sink_push(sink);
}

size_t gcn__sink_waiting(const struct gcn__sink* sink) {
  return gcn__buf_size(&sink->waiting) + gcn__buf_size(&sink->going);
}

void gcn__sink_check(struct gcn__sink* sink) {
  struct pollfd watch = {.fd = sink->fd};
  if (sink->error != 0 || poll(&watch, 1, 0) <= 0) return;
  if ((watch.revents & POLLERR) != 0) fail(sink, UV_EPIPE);
}

void gcn__sink_close(struct gcn__sink* sink) {
  if (sink->closing) return;
  sink->closing = true;
  uv_close((uv_handle_t*)&sink->retry, NULL);
}

void gcn__sink_deinit(struct gcn__sink* sink) {
  gcn__buf_deinit(&sink->waiting);
  gcn__buf_deinit(&sink->going);
}
