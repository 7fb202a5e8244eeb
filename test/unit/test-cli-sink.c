/* SPDX-License-Identifier: MIT */
/*
 * cli/sink: order and completeness over a full pipe, readers that go away, and
 * descriptors that somebody made non-blocking.
 */
#include "cli/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { TOTAL = 700000, LINE = 700 };

struct bench {
  uv_loop_t loop;
  int pipe[2];
  struct gcn__sink sink;
  uv_poll_t reader;
  size_t got;
  bool wrong;
  unsigned progressed;
};

static char byte_at(size_t index) {
  return (char)('a' + index % 23);
}

static void on_progress(void* ctx) {
  struct bench* bench = ctx;
  bench->progressed++;
}

static int set_up(void** state) {
  struct bench* bench = calloc(1, sizeof *bench);
  if (bench == NULL || pipe(bench->pipe) != 0) return -1;
  signal(SIGPIPE, SIG_IGN);
  uv_loop_init(&bench->loop);
  gcn__sink_init(&bench->sink, &bench->loop, bench->pipe[1], false);
  bench->sink.ctx = bench;
  bench->sink.progress = on_progress;
  *state = bench;
  return 0;
}

static int tear_down(void** state) {
  struct bench* bench = *state;
  gcn__sink_close(&bench->sink);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  int error = uv_loop_close(&bench->loop);
  gcn__sink_deinit(&bench->sink);
  close(bench->pipe[0]);
  close(bench->pipe[1]);
  free(bench);
  return error;
}

/* Takes a little at a time, so that the writer has to wait often. */
static void on_readable(uv_poll_t* poll, int status, int events) {
  struct bench* bench = poll->data;
  char piece[5000];
  (void)events;
  ssize_t size = status == 0 ? read(bench->pipe[0], piece, sizeof piece) : -1;
  for (ssize_t i = 0; i < size; i++) {
    if (piece[i] != byte_at(bench->got++)) bench->wrong = true;
  }
  if (size <= 0 || bench->got == TOTAL) uv_close((uv_handle_t*)poll, NULL);
}

static void transfer(struct bench* bench) {
  uv_poll_init(&bench->loop, &bench->reader, bench->pipe[0]);
  bench->reader.data = bench;
  uv_poll_start(&bench->reader, UV_READABLE, on_readable);
  for (size_t sent = 0; sent < TOTAL; sent += LINE) {
    char line[LINE];
    for (size_t i = 0; i < LINE; i++)
      line[i] = byte_at(sent + i);
    assert_int_equal(gcn__buf_append(&bench->sink.waiting, line, LINE), 0);
    gcn__sink_flush(&bench->sink);
    if (sent % (LINE * 50) == 0) uv_run(&bench->loop, UV_RUN_NOWAIT);
  }
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(bench->got, TOTAL);
  assert_false(bench->wrong);
  assert_int_equal(gcn__sink_waiting(&bench->sink), 0);
  assert_int_equal(bench->sink.error, 0);
  assert_true(bench->progressed > 1);
}

static void test_full_pipe(void** state) {
  transfer(*state);
}

static void test_non_blocking(void** state) {
  struct bench* bench = *state;
  int flags = fcntl(bench->pipe[1], F_GETFL);
  assert_int_equal(fcntl(bench->pipe[1], F_SETFL, flags | O_NONBLOCK), 0);
  transfer(bench);
}

/* The mode of a descriptor that others share is left alone. */
static void test_mode_is_kept(void** state) {
  struct bench* bench = *state;
  transfer(bench);
  assert_int_equal(fcntl(bench->pipe[1], F_GETFL) & O_NONBLOCK, 0);
}

static void test_reader_gone(void** state) {
  struct bench* bench = *state;
  close(bench->pipe[0]);
  bench->pipe[0] = -1;
  assert_int_equal(gcn__buf_append_str(&bench->sink.waiting, "x\n"), 0);
  gcn__sink_flush(&bench->sink);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(bench->sink.error, UV_EPIPE);
  assert_int_equal(gcn__sink_waiting(&bench->sink), 0);
  assert_int_equal(bench->progressed, 1);
  assert_int_equal(gcn__buf_append_str(&bench->sink.waiting, "y\n"), 0);
  gcn__sink_flush(&bench->sink); /* harmless */
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(bench->progressed, 1);
}

static void test_check(void** state) {
  struct bench* bench = *state;
  gcn__sink_check(&bench->sink);
  assert_int_equal(bench->sink.error, 0);
  close(bench->pipe[0]);
  bench->pipe[0] = -1;
  gcn__sink_check(&bench->sink);
  assert_int_equal(bench->sink.error, UV_EPIPE);
}

/* The check finds out while a write is in progress. */
static void test_check_during_write(void** state) {
  struct bench* bench = *state;
  for (size_t i = 0; i < 300; i++) {
    char line[LINE] = {0};
    assert_int_equal(gcn__buf_append(&bench->sink.waiting, line, LINE), 0);
  }
  gcn__sink_flush(&bench->sink); /* more than a pipe holds */
  close(bench->pipe[0]);
  bench->pipe[0] = -1;
  gcn__sink_check(&bench->sink);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(bench->sink.error, UV_EPIPE);
  assert_int_equal(gcn__sink_waiting(&bench->sink), 0);
}

static void test_lazy(void** state) {
  struct bench* bench = *state;
  char piece[8];
  bench->sink.eager = false;
  int flags = fcntl(bench->pipe[0], F_GETFL);
  assert_int_equal(fcntl(bench->pipe[0], F_SETFL, flags | O_NONBLOCK), 0);
  assert_int_equal(gcn__buf_append_str(&bench->sink.waiting, "small"), 0);
  gcn__sink_flush(&bench->sink);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(read(bench->pipe[0], piece, sizeof piece), -1);
  gcn__sink_push(&bench->sink);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(read(bench->pipe[0], piece, sizeof piece), 5);
  assert_memory_equal(piece, "small", 5);
}

static void test_bad_descriptor(void** state) {
  struct bench* bench = *state;
  bench->sink.fd = bench->pipe[0]; /* not open for writing */
  assert_int_equal(gcn__buf_append_str(&bench->sink.waiting, "x"), 0);
  gcn__sink_flush(&bench->sink);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(bench->sink.error, UV_EBADF);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_full_pipe),    CASE(test_non_blocking),
      CASE(test_mode_is_kept), CASE(test_reader_gone),
      CASE(test_check),        CASE(test_check_during_write),
      CASE(test_lazy),         CASE(test_bad_descriptor),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
