/* SPDX-License-Identifier: MIT */
/*
 * The floor of a loop with many connections: libuv, plain TCP, frames counted.
 * No TLS, no UTF-8, no JSON, no answer to a ping.
 */
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BUFFER_SIZE = 64 * 1024, ANSWER_MAX = 4096 };

struct stream {
  uv_tcp_t tcp;
  uv_connect_t connect;
  uv_write_t write;
  char* head; /* the answer so far; NULL: upgraded */
  size_t head_size;
  struct wire_frames frames;
};

struct run {
  const struct tally_plan* plan;
  struct sockaddr_storage address;
  struct stream* streams;
  unsigned dialled;
  char request[WIRE_REQUEST_MAX];
  size_t request_size;
  uv_timer_t settle;
};

static struct run run;
static char buffer[BUFFER_SIZE]; /* one read at a time */

static void dial(void);

static void check(int error) {
  if (error != 0) tally_die(1, uv_strerror(error));
}

static void on_sent(uv_write_t* request, int error) {
  (void)request;
  check(error);
}

static void ping(struct stream* stream) {
  unsigned char frame[64];
  uv_buf_t bytes = uv_buf_init((char*)frame, (unsigned)wire_ping(frame));
  tally_sent();
  int sent = uv_try_write((uv_stream_t*)&stream->tcp, &bytes, 1);
  if (sent != (int)bytes.len) tally_die(1, "a short write");
}

static void on_settled(uv_timer_t* timer) {
  uv_stop(timer->loop);
}

static void opened(struct stream* stream) {
  free(stream->head);
  stream->head = NULL;
  bool last = tally_open();
  if (run.plan->mode == TALLY_PINGPONG) ping(stream);
  if (last && run.plan->mode == TALLY_IDLE) {
    uv_timer_start(&run.settle, on_settled, TALLY_SETTLE_MS, 0);
  }
  dial();
}

static void count(struct stream* stream, const char* data, size_t size) {
  wire_count(&stream->frames, (const unsigned char*)data, size);
  bool between = !stream->frames.inside && stream->frames.header_size == 0;
  if (tally_done()) {
    uv_stop(stream->tcp.loop);
  } else if (run.plan->mode == TALLY_PINGPONG && between) {
    ping(stream);
  }
}

static void upgrade(struct stream* stream, const char* data, size_t size) {
  size_t before = stream->head_size;
  size_t room = ANSWER_MAX - before;
  size_t step = size < room ? size : room;
  memcpy(stream->head + before, data, step);
  stream->head_size += step;
  size_t head = wire_answer(stream->head, stream->head_size);
  if (head == 0 && stream->head_size == ANSWER_MAX) {
    tally_die(1, "a long answer");
  }
  if (head == 0) return;
  opened(stream);
  size_t used = head - before;
  if (size > used) count(stream, data + used, size - used);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* to) {
  (void)handle;
  (void)size;
  *to = uv_buf_init(buffer, sizeof buffer);
}

static void on_read(uv_stream_t* tcp, ssize_t size, const uv_buf_t* from) {
  struct stream* stream = tcp->data;
  if (size < 0) check((int)size);
  if (stream->head != NULL) {
    upgrade(stream, from->base, (size_t)size);
  } else {
    count(stream, from->base, (size_t)size);
  }
}

static void on_connect(uv_connect_t* request, int error) {
  struct stream* stream = request->handle->data;
  check(error);
  uv_buf_t bytes = uv_buf_init(run.request, (unsigned)run.request_size);
  check(uv_write(&stream->write, request->handle, &bytes, 1, on_sent));
  check(uv_read_start(request->handle, on_alloc, on_read));
}

static void dial(void) {
  if (run.dialled == run.plan->connections) return;
  struct stream* stream = &run.streams[run.dialled++];
  stream->head = malloc(ANSWER_MAX);
  check(uv_tcp_init(uv_default_loop(), &stream->tcp));
  check(uv_tcp_nodelay(&stream->tcp, 1));
  stream->tcp.data = stream;
  check(uv_tcp_connect(&stream->connect, &stream->tcp,
                       (struct sockaddr*)&run.address, on_connect));
}

int main(int argc, char** argv) {
  run.plan = tally_begin(argc, argv);
  if (run.plan->tls || run.plan->mode == TALLY_JSON) {
    tally_die(TALLY_CANNOT_RUN, "it only counts frames of plain TCP");
  }
  check(uv_ip4_addr(run.plan->host, atoi(run.plan->port),
                    (struct sockaddr_in*)&run.address));
  run.request_size = wire_request(run.request, run.plan);
  run.streams = calloc(run.plan->connections, sizeof *run.streams);
  check(uv_timer_init(uv_default_loop(), &run.settle));
  tally_start();
  for (int i = 0; i < TALLY_WINDOW; i++)
    dial();
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return tally_leave("libuv", uv_version_string());
}
