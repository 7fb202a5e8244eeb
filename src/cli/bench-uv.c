/* SPDX-License-Identifier: MIT */
/*
 * The reader that has libuv, and nothing above it: reads into one buffer, and
 * counts frames.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <uv.h>

#include "base/err.h"
#include "cli/bench-wire.h"
#include "cli/cli.h"
#include "gcnotify.h"

enum { WINDOW = 16, SETTLE_MS = 200 };

struct fleet;

struct conn {
  struct fleet* fleet;
  uv_tcp_t tcp;
  uv_connect_t connect;
  bool counted; /* as open */
  struct gcn__bench_wire wire;
};

struct fleet {
  const struct gcn__bench_plan* plan;
  struct gcn__console* console;
  struct gcn__bench_result* result;
  struct gcn__bench_meter meter;
  struct gcn__simtls_config* config;
  struct conn* conns;
  uint64_t begun;
  uint64_t wanted; /* events */
  uv_loop_t loop;
  uv_timer_t limit;
  uv_timer_t timer;
  uv_prepare_t prepare;
  bool ended;
  int code;
  char bytes[GCN__BENCH_READ_SIZE];
};

static void end(struct fleet* fleet, int error) {
  if (fleet->ended) return;
  fleet->ended = true;
  if (error != 0) {
    fleet->code = error == UV_ETIMEDOUT ? GCN__EXIT_TIMEOUT : GCN__EXIT_FAILURE;
    gcn__console_say(fleet->console, GCN__CONSOLE_ERROR, "the uv reader: %s",
                     gcn_strerror(error));
  }
  for (uint64_t i = 0; i < fleet->begun; i++) {
    uv_close((uv_handle_t*)&fleet->conns[i].tcp, NULL);
  }
  uv_close((uv_handle_t*)&fleet->limit, NULL);
  uv_close((uv_handle_t*)&fleet->timer, NULL);
  uv_close((uv_handle_t*)&fleet->prepare, NULL);
}

static void complete(struct fleet* fleet) {
  if (fleet->ended) return;
  gcn__bench_meter_end(&fleet->meter, fleet->result);
  end(fleet, 0);
}

static void on_limit(uv_timer_t* timer) {
  end(timer->data, UV_ETIMEDOUT);
}

static void on_settled(uv_timer_t* timer) {
  struct fleet* fleet = timer->data;
  gcn__bench_meter_memory(fleet->result);
  complete(fleet);
}

static void on_prepare(uv_prepare_t* prepare) {
  struct fleet* fleet = prepare->data;
  fleet->meter.turns++;
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct conn* conn = handle->data;
  (void)size;
  *buf = uv_buf_init(conn->fleet->bytes, sizeof conn->fleet->bytes);
}

/* A handshake's few bytes always fit. */
static void flush(struct conn* conn) {
  struct gcn__buf* out = &conn->wire.out;
  size_t size = gcn__buf_size(out);
  if (size == 0) return;
  uv_buf_t buf = uv_buf_init(out->data + out->begin, (unsigned)size);
  int sent = uv_try_write((uv_stream_t*)&conn->tcp, &buf, 1);
  if (sent != (int)size)
    end(conn->fleet, sent < 0 ? sent : UV_ENOBUFS);
  else
    gcn__buf_consume(out, size);
}

static int begin_next(struct fleet* fleet);

static void count_open(struct conn* conn) {
  struct fleet* fleet = conn->fleet;
  const struct gcn__bench_plan* plan = fleet->plan;
  if (conn->counted || !conn->wire.open) return;
  conn->counted = true;
  int error = begin_next(fleet);
  if (error != 0) end(fleet, error);
  if (fleet->ended || fleet->meter.opened < plan->connections) return;
  bool told = !plan->tell || gcn__bench_print(GCN__BENCH_READY);
  gcn__bench_meter_memory(fleet->result);
  gcn__bench_meter_open(&fleet->meter, fleet->result);
  if (!told) {
    end(fleet, UV_EPIPE);
  } else if (plan->mode == GCN__BENCH_IDLE) {
    uv_timer_start(&fleet->timer, on_settled, SETTLE_MS, 0);
  }
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct conn* conn = stream->data;
  struct fleet* fleet = conn->fleet;
  if (fleet->ended || size == 0) return;
  if (size < 0) {
    end(fleet, (int)size);
    return;
  }
  gcn__bench_wire_take(&conn->wire, gcn__span(buf->base, (size_t)size));
  if (conn->wire.failed) {
    end(fleet, GCN_EPROTO);
    return;
  }
  if (!conn->counted) count_open(conn);
  if (fleet->ended) return;
  flush(conn);
  if (fleet->meter.events >= fleet->wanted) complete(fleet);
}

static void on_connected(uv_connect_t* connect, int status) {
  struct conn* conn = connect->data;
  if (conn->fleet->ended) return;
  if (status == 0) {
    status = uv_read_start((uv_stream_t*)&conn->tcp, on_alloc, on_read);
  }
  if (status != 0)
    end(conn->fleet, status);
  else
    flush(conn);
}

static int begin_next(struct fleet* fleet) {
  if (fleet->begun == fleet->plan->connections) return 0;
  struct conn* conn = &fleet->conns[fleet->begun];
  const struct sockaddr_in to = {
      .sin_family = AF_INET,
      .sin_port = htons(fleet->plan->port),
      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
  };
  int error = uv_tcp_init(&fleet->loop, &conn->tcp);
  if (error != 0) return error;
  fleet->begun++;
  conn->fleet = fleet;
  conn->tcp.data = conn;
  conn->connect.data = conn;
  if (!gcn__bench_wire_init(&conn->wire, fleet->plan, &fleet->meter,
                            fleet->config)) {
    return UV_ENOMEM;
  }
  uv_tcp_nodelay(&conn->tcp, 1);
  return uv_tcp_connect(&conn->connect, &conn->tcp, (const struct sockaddr*)&to,
                        on_connected);
}

static void start(struct fleet* fleet) {
  uv_timer_init(&fleet->loop, &fleet->limit);
  uv_timer_init(&fleet->loop, &fleet->timer);
  uv_prepare_init(&fleet->loop, &fleet->prepare);
  fleet->limit.data = fleet;
  fleet->timer.data = fleet;
  fleet->prepare.data = fleet;
  uv_timer_start(&fleet->limit, on_limit, fleet->plan->for_ms, 0);
  uv_prepare_start(&fleet->prepare, on_prepare);
  gcn__bench_meter_start(&fleet->meter, fleet->result);
  int error = 0;
  for (int i = 0; i < WINDOW && error == 0; i++)
    error = begin_next(fleet);
  if (error != 0) end(fleet, error);
}

static bool set_up(struct fleet* fleet, const struct gcn__bench_plan* plan) {
  bool good = false;
  fleet->plan = plan;
  fleet->wanted = plan->mode == GCN__BENCH_COUNT
                      ? plan->count * plan->connections
                      : UINT64_MAX;
  fleet->config = gcn__bench_wire_config(plan, &good);
  fleet->conns = calloc(plan->connections, sizeof *fleet->conns);
  return good && fleet->conns != NULL &&
         gcn__bench_meter_init(&fleet->meter, plan) &&
         uv_loop_init(&fleet->loop) == 0;
}

static void tear_down(struct fleet* fleet) {
  for (uint64_t i = 0; i < fleet->begun; i++)
    gcn__bench_wire_deinit(&fleet->conns[i].wire);
  gcn__simtls_config_free(fleet->config);
  gcn__bench_meter_deinit(&fleet->meter);
  free(fleet->conns);
  free(fleet);
}

int gcn__bench_uv(const struct gcn__bench_plan* plan,
                  struct gcn__console* console,
                  struct gcn__bench_result* result) {
  if (plan->mode != GCN__BENCH_COUNT && plan->mode != GCN__BENCH_IDLE) {
    gcn__console_say(console, GCN__CONSOLE_ERROR,
                     "the uv reader knows the modes count and idle only");
    return GCN__EXIT_USAGE;
  }
  struct fleet* fleet = calloc(1, sizeof *fleet);
  if (fleet == NULL) return GCN__EXIT_FAILURE;
  fleet->console = console;
  fleet->result = result;
  if (set_up(fleet, plan)) {
    start(fleet);
    uv_run(&fleet->loop, UV_RUN_DEFAULT);
    uv_loop_close(&fleet->loop);
  } else {
    gcn__console_say(console, GCN__CONSOLE_ERROR, "out of memory");
    fleet->code = GCN__EXIT_FAILURE;
  }
  int code = fleet->code;
  tear_down(fleet);
  return code;
}
