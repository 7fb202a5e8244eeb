/* SPDX-License-Identifier: MIT */
/*
 * See probe.h.  `step` is one wait: it ends when `over` is set, by its own
 * callback or by its deadline.
 */
#include "cli/probe.h"

#include <stdio.h>

#include "gcnotify.h"

enum {
  CONNECT_MS = 5000,
  HANDSHAKE_MS = 10000,
  PIECE_SIZE = 16 * 1024,
  OUT_SIZE_MAX = 256 * 1024,
};

struct step {
  struct gcn__probe* probe;
  uv_timer_t deadline;
  bool over;
  bool late;
  int error;
  /* TLS only. */
  struct gcn__tls* tls;
  struct gcn__buf out;
  uv_write_t write;
  bool writing;
  char piece[PIECE_SIZE];
};

void gcn__probe_init(struct gcn__probe* probe, uv_loop_t* loop,
                     const struct gcn__url* url) {
  *probe = (struct gcn__probe){.loop = loop, .url = *url};
}

static bool fail(struct gcn__probe* probe, int error, const char* text) {
  probe->error = error;
  snprintf(probe->text, sizeof probe->text, "%s", text);
  return false;
}

static void on_deadline(uv_timer_t* timer) {
  struct step* step = timer->data;
  step->late = true;
  step->over = true;
}

static void begin(struct step* step, struct gcn__probe* probe,
                  uint64_t limit_ms) {
  step->probe = probe;
  probe->tcp.data = step;
  uv_timer_init(probe->loop, &step->deadline);
  step->deadline.data = step;
  uv_timer_start(&step->deadline, on_deadline, limit_ms, 0);
}

static void wait_for(struct step* step) {
  while (!step->over)
    uv_run(step->probe->loop, UV_RUN_ONCE);
}

static void on_gone(uv_handle_t* handle) {
  *(bool*)handle->data = true;
}

/* The handle is gone when it returns. */
static void close_now(uv_loop_t* loop, uv_handle_t* handle) {
  bool gone = false;
  handle->data = &gone;
  uv_close(handle, on_gone);
  while (!gone)
    uv_run(loop, UV_RUN_ONCE);
}

static void take_addresses(struct gcn__probe* probe,
                           const struct addrinfo* info) {
  for (; info != NULL; info = info->ai_next) {
    if (probe->address_count == GCN__PROBE_ADDRESSES_MAX) return;
    if (info->ai_addrlen > sizeof probe->addresses[0]) continue;
    memcpy(&probe->addresses[probe->address_count++], info->ai_addr,
           info->ai_addrlen);
  }
}

static const char* address_name(const struct sockaddr_storage* address,
                                char* out, size_t size) {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  if (address->ss_family == AF_INET6) {
    memcpy(&v6, address, sizeof v6);
    uv_ip6_name(&v6, out, size);
  } else {
    memcpy(&v4, address, sizeof v4);
    uv_ip4_name(&v4, out, size);
  }
  return out;
}

bool gcn__probe_dns(struct gcn__probe* probe) {
  char port[8];
  snprintf(port, sizeof port, "%u", (unsigned)probe->url.port);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  uv_getaddrinfo_t request;
  /* Without a callback it blocks, which is all that is wanted here. */
  int error = uv_getaddrinfo(probe->loop, &request, NULL, probe->url.host, port,
                             &hints);
  if (error != 0) return fail(probe, error, uv_strerror(error));
  take_addresses(probe, request.addrinfo);
  uv_freeaddrinfo(request.addrinfo);
  if (probe->address_count == 0) {
    return fail(probe, UV_EAI_NODATA, "the name has no address");
  }
  char name[64];
  snprintf(probe->text, sizeof probe->text, "%zu address%s, first %s",
           probe->address_count, probe->address_count == 1 ? "" : "es",
           address_name(&probe->addresses[0], name, sizeof name));
  return true;
}

static void on_connect(uv_connect_t* request, int status) {
  struct step* step = request->data;
  if (status == UV_ECANCELED) return; /* the deadline was first */
  step->error = status;
  step->over = true;
}

static bool connect_to(struct gcn__probe* probe,
                       const struct sockaddr_storage* address) {
  struct step step = {.over = false};
  uv_connect_t request = {.data = &step};
  int error = uv_tcp_init(probe->loop, &probe->tcp);
  if (error != 0) return fail(probe, error, uv_strerror(error));
  begin(&step, probe, CONNECT_MS);
  error = uv_tcp_connect(&request, &probe->tcp, (const struct sockaddr*)address,
                         on_connect);
  if (error == 0) {
    wait_for(&step);
    error = step.late ? UV_ETIMEDOUT : step.error;
  }
  close_now(probe->loop, (uv_handle_t*)&step.deadline);
  probe->connected = error == 0;
  if (!probe->connected) close_now(probe->loop, (uv_handle_t*)&probe->tcp);
  char name[64];
  snprintf(probe->text, sizeof probe->text, "%s port %u%s%s",
           address_name(address, name, sizeof name), (unsigned)probe->url.port,
           error == 0 ? "" : ": ", error == 0 ? "" : uv_strerror(error));
  probe->error = error;
  return probe->connected;
}

bool gcn__probe_tcp(struct gcn__probe* probe) {
  for (size_t i = 0; i < probe->address_count; i++) {
    if (connect_to(probe, &probe->addresses[i])) return true;
  }
  return false;
}

static void settle(struct step* step, int error) {
  if (step->over) return;
  step->error = error;
  step->over = true;
}

static void on_write(uv_write_t* request, int status) {
  struct step* step = request->data;
  step->writing = false;
  if (status != 0) settle(step, status);
}

/* Only one flight is ever on its way: a client speaks again when it has been
 * answered. */
static void send_out(struct step* step) {
  struct gcn__span span = gcn__buf_span(&step->out);
  if (span.size == 0 || step->writing) return;
  uv_buf_t buf =
      uv_buf_init(step->out.data + step->out.begin, (unsigned)span.size);
  int sent = uv_try_write((uv_stream_t*)&step->probe->tcp, &buf, 1);
  if (sent > 0) gcn__buf_consume(&step->out, (size_t)sent);
  if (gcn__buf_size(&step->out) == 0) return;
  if (sent < 0 && sent != UV_EAGAIN) {
    settle(step, sent);
    return;
  }
  span = gcn__buf_span(&step->out);
  buf = uv_buf_init(step->out.data + step->out.begin, (unsigned)span.size);
  step->write.data = step;
  step->writing = true;
  int error = uv_write(&step->write, (uv_stream_t*)&step->probe->tcp, &buf, 1,
                       on_write);
  if (error != 0) settle(step, error);
}

static void shake(struct step* step, struct gcn__span in) {
  char plain[1024];
  int error = 0;
  do {
    size_t used = 0;
    error = gcn__tls_read(step->tls, &in, plain, sizeof plain, &used);
  } while (error == 0 && in.size > 0);
  send_out(step);
  enum gcn__tls_state state = gcn__tls_state(step->tls);
  if (error != 0) {
    settle(step, error);
  } else if (state == GCN__TLS_OPEN) {
    settle(step, 0);
  }
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct step* step = handle->data;
  (void)size;
  *buf = uv_buf_init(step->piece, sizeof step->piece);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct step* step = stream->data;
  if (size < 0) {
    settle(step, (int)size);
  } else if (size > 0) {
    shake(step, gcn__span(buf->base, (size_t)size));
  }
}

static void describe(struct gcn__probe* probe, const struct step* step,
                     int error) {
  if (error == 0) {
    snprintf(probe->text, sizeof probe->text, "%s, %s",
             gcn__tls_version(step->tls), gcn__tls_suite(step->tls));
  } else if (gcn__tls_state(step->tls) == GCN__TLS_FAILED) {
    snprintf(probe->text, sizeof probe->text, "%s", gcn__tls_error(step->tls));
  } else if (error == UV_EOF) {
    snprintf(probe->text, sizeof probe->text,
             "the peer closed the connection during the handshake");
  } else {
    snprintf(probe->text, sizeof probe->text, "%s", uv_strerror(error));
  }
}

static int run_handshake(struct step* step) {
  uv_stream_t* stream = (uv_stream_t*)&step->probe->tcp;
  int error = uv_read_start(stream, on_alloc, on_read);
  if (error != 0) return error;
  shake(step, gcn__span("", 0));
  wait_for(step);
  uv_read_stop(stream);
  return step->late ? UV_ETIMEDOUT : step->error;
}

bool gcn__probe_tls(struct gcn__probe* probe, struct gcn__tls_config* config) {
  struct step step = {.over = false};
  gcn__buf_init(&step.out, &gcn__mem_libc, OUT_SIZE_MAX);
  int error = gcn__tls_new(config, &gcn__mem_libc, probe->url.host, &step.out,
                           &step.tls);
  if (error != 0) return fail(probe, error, gcn_strerror(error));
  begin(&step, probe, HANDSHAKE_MS);
  error = run_handshake(&step);
  describe(probe, &step, error);
  probe->error = error;
  close_now(probe->loop, (uv_handle_t*)&step.deadline);
  gcn__probe_deinit(probe);
  gcn__tls_free(step.tls);
  gcn__buf_deinit(&step.out);
  return error == 0;
}

void gcn__probe_deinit(struct gcn__probe* probe) {
  if (!probe->connected) return;
  probe->connected = false;
  close_now(probe->loop, (uv_handle_t*)&probe->tcp);
}
