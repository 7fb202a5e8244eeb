/* SPDX-License-Identifier: MIT */
/*
 * The reader of system calls alone: blocking, one connection at a time; and,
 * where the answer to an event is wanted at once, epoll and one read.
 *
 * It is what no reader with Mbed TLS can be much faster than.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/bench-kick.h"
#include "cli/bench-wire.h"
#include "cli/cli.h"
#include "gcnotify.h"

struct conn {
  int fd;
  struct gcn__bench_wire wire;
};

struct raw {
  const struct gcn__bench_plan* plan;
  struct gcn__bench_meter meter;
  struct gcn__simtls_config* config;
  struct conn* conns;
  uint64_t conn_count;
  struct gcn__console* console;
  uint64_t end_ns;
  char bytes[GCN__BENCH_READ_SIZE];
};

static int complain(struct raw* raw, const char* what, int error) {
  gcn__console_say(raw->console, GCN__CONSOLE_ERROR, "%s: %s", what,
                   gcn_strerror(error));
  return error == GCN__ETIMEDOUT ? GCN__EXIT_TIMEOUT : GCN__EXIT_FAILURE;
}

static bool send_out(struct conn* conn) {
  struct gcn__buf* out = &conn->wire.out;
  while (gcn__buf_size(out) > 0) {
    struct gcn__span bytes = gcn__buf_span(out);
    ssize_t size = send(conn->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) gcn__buf_consume(out, (size_t)size);
  }
  return true;
}

/* One read and what follows from it; 0 or an error. */
static int step(struct raw* raw, struct conn* conn) {
  ssize_t size = read(conn->fd, raw->bytes, sizeof raw->bytes);
  if (size < 0 && errno == EAGAIN) return GCN__ETIMEDOUT;
  if (size < 0) return errno == EINTR ? 0 : -errno;
  if (size == 0) return GCN__EOF;
  gcn__bench_wire_take(&conn->wire, gcn__span(raw->bytes, (size_t)size));
  if (conn->wire.failed) return GCN_EPROTO;
  return send_out(conn) ? 0 : -errno;
}

static int dial(struct raw* raw, struct conn* conn) {
  const int one = 1;
  conn->fd = gcn__bench_dial(raw->plan->port);
  if (conn->fd < 0) return conn->fd;
  setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  /* Nobody waits for ever. */
  const struct timeval most = {.tv_sec = (time_t)(raw->plan->for_ms / 1000)};
  setsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
  bool good =
      gcn__bench_wire_init(&conn->wire, raw->plan, &raw->meter, raw->config);
  if (!good) return GCN__ENOMEM;
  if (!send_out(conn)) return -errno;
  int error = 0;
  while (error == 0 && !conn->wire.open)
    error = step(raw, conn);
  gcn__buf_shrink(&conn->wire.out, 0);
  return error;
}

static void hang_up(struct conn* conn) {
  if (conn->fd >= 0) close(conn->fd);
  gcn__bench_wire_deinit(&conn->wire);
}

static int open_all(struct raw* raw) {
  int error = 0;
  while (error == 0 && raw->conn_count < raw->plan->connections) {
    struct conn* conn = &raw->conns[raw->conn_count++];
    error = dial(raw, conn);
  }
  return error;
}

static bool over(const struct raw* raw) {
  return gcn__bench_now_ns() > raw->end_ns;
}

static int count(struct raw* raw) {
  uint64_t wanted = raw->plan->count * raw->plan->connections;
  uint64_t steps = 0;
  int error = 0;
  while (error == 0 && raw->meter.events < wanted) {
    error = step(raw, &raw->conns[0]);
    if (error == 0 && (++steps & 1023) == 0 && over(raw)) {
      error = GCN__ETIMEDOUT;
    }
  }
  return raw->meter.events == wanted ? 0 : error;
}

static int await_event(struct raw* raw, int epoll) {
  struct epoll_event event;
  uint64_t before = raw->meter.events;
  while (raw->meter.events == before) {
    raw->meter.turns++;
    int got = epoll_wait(epoll, &event, 1, (int)raw->plan->for_ms);
    if (got == 0 || over(raw)) return GCN__ETIMEDOUT;
    int error = got < 0 ? 0 : step(raw, &raw->conns[0]);
    if (error != 0) return error;
  }
  return 0;
}

static int pingpong(struct raw* raw) {
  int kick = gcn__bench_dial(raw->plan->port);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  int error = kick < 0 || epoll < 0 ? -errno : 0;
  if (error == 0 &&
      epoll_ctl(epoll, EPOLL_CTL_ADD, raw->conns[0].fd, &event) != 0) {
    error = -errno;
  }
  for (uint64_t i = 0; i < raw->plan->count && error == 0; i++) {
    gcn__bench_meter_sent(&raw->meter);
    error = gcn__bench_kick(kick) ? await_event(raw, epoll) : -errno;
    gcn__bench_meter_back(&raw->meter, raw->plan);
  }
  if (kick >= 0) close(kick);
  if (epoll >= 0) close(epoll);
  return error;
}

/* One connection after the other: a ticket serves the next one, and costs one
 * read more, since it comes behind the handshake. */
static int reconnect(struct raw* raw) {
  struct conn* conn = &raw->conns[0];
  int error = 0;
  for (uint64_t i = 0; i < raw->plan->connections && error == 0; i++) {
    hang_up(conn);
    *conn = (struct conn){.fd = -1};
    uint64_t before = raw->meter.events;
    error = dial(raw, conn);
    while (error == 0 && raw->meter.events == before)
      error = step(raw, conn);
  }
  return error;
}

static int perform(struct raw* raw, struct gcn__bench_result* result) {
  const struct gcn__bench_plan* plan = raw->plan;
  bool cut = plan->mode == GCN__BENCH_CUT;
  gcn__bench_meter_start(&raw->meter, result);
  int error = cut ? dial(raw, &raw->conns[raw->conn_count++]) : open_all(raw);
  while (error == 0 && cut && raw->meter.events == 0)
    error = step(raw, &raw->conns[0]);
  if (error != 0) return error;
  if (plan->tell && !gcn__bench_print(GCN__BENCH_READY)) return -EPIPE;
  gcn__bench_meter_open(&raw->meter, result);
  gcn__bench_meter_memory(result);
  if (cut) error = reconnect(raw);
  if (plan->mode == GCN__BENCH_COUNT) error = count(raw);
  if (plan->mode == GCN__BENCH_PINGPONG) error = pingpong(raw);
  if (error == 0) gcn__bench_meter_end(&raw->meter, result);
  return error;
}

int gcn__bench_raw(const struct gcn__bench_plan* plan,
                   struct gcn__console* console,
                   struct gcn__bench_result* result) {
  if (plan->mode == GCN__BENCH_COUNT && plan->connections != 1) {
    gcn__console_say(console, GCN__CONSOLE_ERROR,
                     "the raw reader reads from one connection only");
    return GCN__EXIT_USAGE;
  }
  struct raw* raw = calloc(1, sizeof *raw);
  struct conn* conns = calloc(plan->connections, sizeof *conns);
  bool good = raw != NULL && conns != NULL;
  int error = GCN__ENOMEM;
  if (good) {
    raw->plan = plan;
    raw->console = console;
    raw->conns = conns;
    raw->end_ns = gcn__bench_now_ns() + plan->for_ms * 1000000;
    raw->config = gcn__bench_wire_config(plan, &good);
    good = good && gcn__bench_meter_init(&raw->meter, plan);
  }
  if (good) error = perform(raw, result);
  int code = 0;
  if (error != 0 && raw != NULL)
    code = complain(raw, "the raw reader", error);
  else if (error != 0)
    code = GCN__EXIT_FAILURE;
  for (uint64_t i = 0; raw != NULL && i < raw->conn_count; i++)
    hang_up(&conns[i]);
  if (raw != NULL) {
    gcn__simtls_config_free(raw->config);
    gcn__bench_meter_deinit(&raw->meter);
  }
  free(conns);
  free(raw);
  return code;
}
