/* SPDX-License-Identifier: MIT */
/*
 * Writes go by libuv, which queues them; SIGPIPE is ignored for them, because
 * resets are what is tested.
 */
#include "ends.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct request {
  uv_write_t write;
  char bytes[];
};

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct end* end = ((struct end*)(void*)handle);
  (void)size;
  *buf =
      uv_buf_init(end->bytes + end->size, (unsigned)(END_SIZE_MAX - end->size));
}

/* After a read that filled less than its buffer, libuv calls a reset an end. */
static int true_end(const uv_tcp_t* tcp, int end) {
  int error = 0;
  socklen_t size = sizeof error;
  uv_os_fd_t fd;
  assert_int_equal(uv_fileno((const uv_handle_t*)tcp, &fd), 0);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error != 0 ? -error : end;
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct end* end = (struct end*)(void*)stream;
  (void)buf;
  if (size == 0) return;
  if (size < 0) {
    end->ended = true;
    end->error = true_end(&end->tcp, (int)size);
    uv_read_stop(stream);
    return;
  }
  end->size += (size_t)size;
  size_t at = end->reads_count++ % END_READS_MAX;
  end->sizes[at] = (size_t)size;
  end->times[at] = uv_now(stream->loop);
}

static struct end* make_end(struct ends* ends) {
  struct end* end = calloc(1, sizeof *end);
  assert_non_null(end);
  assert_int_equal(uv_tcp_init(ends->loop, &end->tcp), 0);
  end->tcp.data = ends;
  end->open = true;
  ends->handles++;
  return end;
}

static void on_connection(uv_stream_t* listener, int status) {
  struct ends* ends = listener->data;
  assert_int_equal(status, 0);
  assert_null(ends->server);
  ends->server = make_end(ends);
  assert_int_equal(uv_accept(listener, (uv_stream_t*)&ends->server->tcp), 0);
  if (!ends->deaf) {
    uv_read_start((uv_stream_t*)&ends->server->tcp, on_alloc, on_read);
  }
  ends->served = true;
}

void ends_open(struct ends* ends, uv_loop_t* loop) {
  struct sockaddr_in name;
  int size = sizeof name;
  memset(ends, 0, sizeof *ends);
  signal(SIGPIPE, SIG_IGN);
  ends->loop = loop;
  uv_ip4_addr("127.0.0.1", 0, &name);
  uv_tcp_init(loop, &ends->listener);
  ends->listener.data = ends;
  uv_tcp_bind(&ends->listener, (const struct sockaddr*)&name, 0);
  assert_int_equal(uv_listen((uv_stream_t*)&ends->listener, 8, on_connection),
                   0);
  uv_tcp_getsockname(&ends->listener, (struct sockaddr*)&name, &size);
  ends->port = ntohs(name.sin_port);
  fault_open(&ends->fault, loop, ends->port);
}

static void on_connect(uv_connect_t* request, int status) {
  struct ends* ends = request->data;
  free(request);
  ends->client->connected = true;
  if (status != 0) { /* reset before we looked */
    ends->client->ended = true;
    ends->client->error = status;
    return;
  }
  uv_read_start((uv_stream_t*)&ends->client->tcp, on_alloc, on_read);
}

void ends_dial(struct ends* ends) {
  struct sockaddr_in name;
  uv_connect_t* request = malloc(sizeof *request);
  assert_non_null(request);
  uv_ip4_addr("127.0.0.1", ends->fault.port, &name);
  ends->client = make_end(ends);
  request->data = ends;
  assert_int_equal(uv_tcp_connect(request, &ends->client->tcp,
                                  (const struct sockaddr*)&name, on_connect),
                   0);
  harness_until(ends->loop, &ends->client->connected);
}

void ends_meet(struct ends* ends) {
  harness_until(ends->loop, &ends->served);
}

static void on_end_closed(uv_handle_t* handle) {
  struct ends* ends = handle->data;
  if (ends->client == (const void*)handle) ends->client = NULL;
  if (ends->server == (const void*)handle) ends->server = NULL;
  ends->handles--;
  free(handle);
}

static void close_end(struct end* end) {
  if (end == NULL || !end->open) return;
  end->open = false;
  uv_close((uv_handle_t*)&end->tcp, on_end_closed);
}

void ends_close(struct ends* ends) {
  fault_close(&ends->fault);
  harness_close((uv_handle_t*)&ends->listener);
  close_end(ends->client);
  close_end(ends->server);
  while (ends->handles > 0)
    uv_run(ends->loop, UV_RUN_ONCE);
}

void end_fill(char* out, size_t from, size_t size) {
  for (size_t i = 0; i < size; i++)
    out[i] = (char)((from + i) * 131 + ((from + i) >> 8) * 7);
}

static void on_written(uv_write_t* write, int status) {
  (void)status; /* resets are expected */
  free(write->data);
}

static struct request* make_request(size_t size) {
  struct request* request = malloc(sizeof *request + size);
  assert_non_null(request);
  request->write.data = request;
  return request;
}

static void submit(struct end* end, struct request* request, size_t size) {
  uv_buf_t buf = uv_buf_init(request->bytes, (unsigned)size);
  assert_int_equal(
      uv_write(&request->write, (uv_stream_t*)&end->tcp, &buf, 1, on_written),
      0);
}

void end_send(struct end* end, size_t from, size_t size) {
  struct request* request = make_request(size);
  end_fill(request->bytes, from, size);
  submit(end, request, size);
}

void end_send_text(struct end* end, const char* text) {
  struct request* request = make_request(strlen(text));
  memcpy(request->bytes, text, strlen(text));
  submit(end, request, strlen(text));
}

static void on_shut(uv_shutdown_t* request, int status) {
  (void)status;
  free(request);
}

void end_shut(struct end* end) {
  uv_shutdown_t* request = malloc(sizeof *request);
  assert_non_null(request);
  assert_int_equal(uv_shutdown(request, (uv_stream_t*)&end->tcp, on_shut), 0);
}

void end_reset(struct end* end) {
  end->open = false;
  assert_int_equal(uv_tcp_close_reset(&end->tcp, on_end_closed), 0);
}

void end_await(struct ends* ends, const struct end* end, size_t size) {
  while (end->size < size && !end->ended)
    uv_run(ends->loop, UV_RUN_ONCE);
  assert_true(end->size >= size);
}

void end_await_end(struct ends* ends, const struct end* end) {
  harness_until(ends->loop, &end->ended);
}

void end_expect(const struct end* end, size_t size) {
  char* want = malloc(size + 1);
  assert_non_null(want);
  end_fill(want, 0, size);
  assert_int_equal(end->size, size);
  assert_memory_equal(end->bytes, want, size);
  free(want);
}
