/* SPDX-License-Identifier: MIT */
/*
 * The peers write with MSG_NOSIGNAL themselves, because SIGPIPE is left at its
 * default disposition on purpose.
 */
#include "harness.h"

#include "base/list.h"

#if defined(__GLIBC__)
#  include <execinfo.h>
#endif
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000, BEAT_MS = 5, PULSE_MS = 50 };

/* --- the loop ------------------------------------------------------------- */

struct harness {
  uv_loop_t loop;
  uv_timer_t watchdog;
  uv_timer_t pulse;
};

/* For addr2line, inside out. */
static void tell_where(void) {
#if defined(__GLIBC__)
  void* frames[32];
  backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
#endif
}

static void on_watchdog(uv_timer_t* timer) {
  (void)timer;
  /* A test that hangs would hang again in its teardown. */
  fprintf(stderr, "the test hangs\n");
  tell_where();
  abort();
}

unsigned harness_slowness(void) {
  const char* text = getenv("GCN_TEST_SLOWNESS");
  long times = text == NULL ? 1 : strtol(text, NULL, 10);
  return times < 1 || times > 100 ? 1 : (unsigned)times;
}

/* What a test waits for may come from a timer that is due as a run of the loop
 * begins.  libuv before 1.45 polls after it, even if it is to run once, and
 * nothing else may come for long. */
static void on_pulse(uv_timer_t* timer) {
  (void)timer;
}

int harness_setup(void** state) {
  struct harness* harness = calloc(1, sizeof *harness);
  if (harness == NULL || uv_loop_init(&harness->loop) != 0) return -1;
  uv_timer_init(&harness->loop, &harness->watchdog);
  uv_timer_start(&harness->watchdog, on_watchdog,
                 (uint64_t)PATIENCE_MS * harness_slowness(), 0);
  uv_unref((uv_handle_t*)&harness->watchdog);
  uv_timer_init(&harness->loop, &harness->pulse);
  uv_timer_start(&harness->pulse, on_pulse, PULSE_MS, PULSE_MS);
  uv_unref((uv_handle_t*)&harness->pulse);
  harness->loop.data = harness;
  *state = &harness->loop;
  return 0;
}

/* valgrind keeps no soft limit: what can be had in spite of it is taken. */
void harness_take_descriptors(struct no_descriptors* none) {
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &none->before), 0);
  int lowest_free = dup(0);
  assert_true(lowest_free >= 0);
  close(lowest_free);
  struct rlimit tight = none->before;
  tight.rlim_cur = (rlim_t)lowest_free;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
  for (none->filler_count = 0; none->filler_count < 512; none->filler_count++) {
    int filler = dup(0);
    if (filler < 0) return;
    none->fillers[none->filler_count] = filler;
  }
  fail_msg("descriptors have no limit below 512: valgrind wants ulimit -n 512");
}

void harness_return_descriptors(struct no_descriptors* none) {
  while (none->filler_count > 0)
    close(none->fillers[--none->filler_count]);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none->before), 0);
}

void harness_until(uv_loop_t* loop, const bool* flag) {
  while (!*flag) {
    if (uv_run(loop, UV_RUN_ONCE) == 0 && !*flag) {
      fail_msg("the loop is empty, but what was awaited did not happen");
    }
  }
}

void harness_drain(uv_loop_t* loop) {
  uv_run(loop, UV_RUN_DEFAULT);
}

void harness_settle(uv_loop_t* loop) {
  for (int i = 0; i < 20; i++)
    uv_run(loop, UV_RUN_NOWAIT);
}

static void on_closed(uv_handle_t* handle) {
  *(bool*)handle->data = true;
}

void harness_close(uv_handle_t* handle) {
  bool closed = false;
  handle->data = &closed;
  uv_close(handle, on_closed);
  harness_until(handle->loop, &closed);
}

static void on_beat(uv_timer_t* timer) {
  struct beat* beat = GCN__CONTAINER_OF(timer, struct beat, timer);
  uint64_t now_ms = uv_hrtime() / 1000000;
  uint64_t gap_ms = now_ms - beat->last_ms;
  beat->stood_ms += gap_ms > 2 * BEAT_MS ? gap_ms - 2 * BEAT_MS : 0;
  if (gap_ms > beat->longest_ms) beat->longest_ms = gap_ms;
  beat->last_ms = now_ms;
}

void beat_begin(struct beat* beat, uv_loop_t* loop) {
  *beat = (struct beat){.last_ms = uv_hrtime() / 1000000};
  uv_timer_init(loop, &beat->timer);
  uv_timer_start(&beat->timer, on_beat, BEAT_MS, BEAT_MS);
}

uint64_t beat_end(struct beat* beat) {
  on_beat(&beat->timer);
  harness_close((uv_handle_t*)&beat->timer);
  return beat->stood_ms;
}

static void count_handle(uv_handle_t* handle, void* arg) {
  const struct harness* harness = handle->loop->data;
  bool ours = handle == (const uv_handle_t*)&harness->watchdog ||
              handle == (const uv_handle_t*)&harness->pulse;
  if (!ours) (*(unsigned*)arg)++;
}

unsigned harness_handles(uv_loop_t* loop) {
  unsigned count = 0;
  uv_walk(loop, count_handle, &count);
  return count;
}

int harness_teardown(void** state) {
  uv_loop_t* loop = *state;
  struct harness* harness = loop->data;
  /* A test that failed leaves things behind; they must not hang this. */
  harness_settle(loop);
  if (harness_handles(loop) > 0) return -1;
  harness_drain(loop);
  uv_close((uv_handle_t*)&harness->watchdog, NULL);
  uv_close((uv_handle_t*)&harness->pulse, NULL);
  uv_run(loop, UV_RUN_DEFAULT);
  int error = uv_loop_close(loop);
  if (error == 0) free(harness);
  return error;
}

/* --- peers ---------------------------------------------------------------- */

static struct peer_connection* first_open(struct peer* peer) {
  for (unsigned i = 0; i < peer->accepted; i++) {
    if (peer->connections[i].open) return &peer->connections[i];
  }
  return NULL;
}

static void on_connection_closed(uv_handle_t* handle) {
  const struct peer_connection* connection = handle->data;
  connection->peer->handle_count--;
}

static void close_connection(struct peer_connection* connection) {
  if (!connection->open) return;
  connection->open = false;
  uv_close((uv_handle_t*)&connection->tcp, on_connection_closed);
}

static void send_all(const uv_tcp_t* tcp, const char* bytes, size_t size) {
  uv_os_fd_t fd;
  assert_int_equal(uv_fileno((const uv_handle_t*)tcp, &fd), 0);
  ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
  assert_int_equal(sent, size);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct peer_connection* connection = handle->data;
  (void)size;
  *buf = uv_buf_init(connection->peer->buffer, sizeof connection->peer->buffer);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct peer_connection* connection = stream->data;
  struct peer* peer = connection->peer;
  if (size == 0) return;
  if (size < 0) {
    peer->ended = true;
    peer->end_error = (int)size;
    close_connection(connection);
    return;
  }
  peer->received += (uint64_t)size;
  for (ssize_t i = 0; i < size; i++)
    peer->sum += (unsigned char)buf->base[i];
  if (peer->mood == PEER_ECHOES) {
    send_all(&connection->tcp, buf->base, (size_t)size);
  }
}

static void on_connection(uv_stream_t* listener, int status) {
  struct peer* peer = listener->data;
  assert_int_equal(status, 0);
  assert_true(peer->accepted < PEER_CONNECTIONS_MAX);
  struct peer_connection* connection = &peer->connections[peer->accepted++];
  connection->peer = peer;
  connection->open = true;
  uv_tcp_init(listener->loop, &connection->tcp);
  peer->handle_count++;
  connection->tcp.data = connection;
  assert_int_equal(uv_accept(listener, (uv_stream_t*)&connection->tcp), 0);
  peer->connected = true;
  if (peer->mood == PEER_DEAF) return;
  uv_read_start((uv_stream_t*)&connection->tcp, on_alloc, on_read);
}

void peer_listen(struct peer* peer, uv_loop_t* loop, const char* address,
                 uint16_t port, enum peer_mood mood) {
  struct sockaddr_in name;
  int size = sizeof name;
  memset(peer, 0, sizeof *peer);
  peer->mood = mood;
  uv_ip4_addr(address, port, &name);
  uv_tcp_init(loop, &peer->listener);
  peer->listener.data = peer;
  assert_int_equal(
      uv_tcp_bind(&peer->listener, (const struct sockaddr*)&name, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t*)&peer->listener, 64, on_connection),
                   0);
  uv_tcp_getsockname(&peer->listener, (struct sockaddr*)&name, &size);
  peer->port = ntohs(name.sin_port);
}

void peer_send(struct peer* peer, const char* bytes, size_t size) {
  struct peer_connection* connection = first_open(peer);
  assert_non_null(connection);
  send_all(&connection->tcp, bytes, size);
}

void peer_hear(struct peer* peer) {
  struct peer_connection* connection = first_open(peer);
  assert_non_null(connection);
  uv_read_start((uv_stream_t*)&connection->tcp, on_alloc, on_read);
}

void peer_hang_up(struct peer* peer) {
  for (unsigned i = 0; i < peer->accepted; i++) {
    close_connection(&peer->connections[i]);
  }
}

void peer_reset(struct peer* peer) {
  for (unsigned i = 0; i < peer->accepted; i++) {
    struct peer_connection* connection = &peer->connections[i];
    if (!connection->open) continue;
    connection->open = false;
    assert_int_equal(uv_tcp_close_reset(&connection->tcp, on_connection_closed),
                     0);
  }
}

void peer_close(struct peer* peer) {
  peer_hang_up(peer);
  harness_close((uv_handle_t*)&peer->listener);
  while (peer->handle_count > 0)
    uv_run(peer->listener.loop, UV_RUN_ONCE);
}

/* --- a black hole --------------------------------------------------------- */

void black_hole_open(struct black_hole* hole, const char* address,
                     uint16_t port) {
  struct sockaddr_in name;
  socklen_t size = sizeof name;
  uv_ip4_addr(address, port, &name);
  for (int i = 0; i < 3; i++) {
    hole->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(hole->fds[i] >= 0);
  }
  int on = 1;
  setsockopt(hole->fds[0], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  assert_int_equal(
      bind(hole->fds[0], (const struct sockaddr*)&name, sizeof name), 0);
  /* A queue of one, filled below and never emptied. */
  assert_int_equal(listen(hole->fds[0], 0), 0);
  getsockname(hole->fds[0], (struct sockaddr*)&name, &size);
  for (int i = 1; i < 3; i++) {
    (void)connect(hole->fds[i], (const struct sockaddr*)&name, sizeof name);
  }
}

void black_hole_close(struct black_hole* hole) {
  for (int i = 0; i < 3; i++)
    close(hole->fds[i]);
}
