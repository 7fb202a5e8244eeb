/* SPDX-License-Identifier: MIT */
/*
 * See probe.h.  `step` is one wait: it ends when `over` is set, by its own
 * callback or by its deadline.
 */
#include "cli/probe.h"

#include "base/err.h"
#include "cli/text.h"
#include "codec/tunnel.h"
#include "gcnotify.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  CONNECT_MS = 5000,
  HANDSHAKE_MS = 10000,
  TUNNEL_MS = 10000,
  /* TLS 1.3 sends tickets when it likes after the handshake. */
  TICKET_MS = 500,
  PIECE_SIZE = 16 * 1024,
  OUT_SIZE_MAX = 256 * 1024,
};

struct step {
  struct gcn__probe* probe;
  uv_timer_t deadline;
  bool over;
  bool late;
  int error;
  void (*take)(struct step* step, struct gcn__span in);
  struct gcn__tunnel* tunnel;
  struct gcn__tls* tls;
  bool lingers; /* wait for tickets */
  bool open;
  struct gcn__buf out;
  uv_write_t write;
  bool writing;
  char piece[PIECE_SIZE];
};

void gcn__probe_init(struct gcn__probe* probe, uv_loop_t* loop,
                     const struct gcn__url* url,
                     const struct gcn__proxy* proxy) {
  *probe = (struct gcn__probe){
      .loop = loop, .url = *url, .proxy = proxy, .dns_ms = GCN__PROBE_DNS_MS};
}

const char* gcn__probe_host(const struct gcn__probe* probe) {
  return probe->proxy == NULL ? probe->url.host : probe->proxy->host;
}

static uint16_t port_of(const struct gcn__probe* probe) {
  return probe->proxy == NULL ? probe->url.port : probe->proxy->port;
}

static bool fail(struct gcn__probe* probe, int error, const char* text) {
  probe->error = error;
  snprintf(probe->text, sizeof probe->text, "%s", text);
  return false;
}

static void on_deadline(uv_timer_t* timer) {
  struct step* step = timer->data;
  step->late = !step->open; /* else only tickets were waited for */
  step->over = true;
  /* libuv before 1.45 polls after the timers that were due as a run began, even
   * if it is to run once: it would wait for what does not come. */
  uv_stop(timer->loop);
}

static void begin(struct step* step, struct gcn__probe* probe,
                  uint64_t limit_ms) {
  step->probe = probe;
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

/* Outlives the probe if it takes too long. */
struct look_up {
  uv_getaddrinfo_t request;
  struct step* step; /* NULL: nobody waits any more */
};

static void on_resolved(uv_getaddrinfo_t* request, int status,
                        struct addrinfo* info) {
  struct look_up* look_up = request->data;
  struct step* step = look_up->step;
  if (step != NULL) {
    if (status == 0) take_addresses(step->probe, info);
    step->error = status;
    step->over = true;
  }
  uv_freeaddrinfo(info);
  free(look_up);
}

static int start_look_up(struct gcn__probe* probe, struct step* step,
                         struct look_up** out) {
  char port[8];
  snprintf(port, sizeof port, "%u", (unsigned)port_of(probe));
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct look_up* look_up = calloc(1, sizeof *look_up);
  if (look_up == NULL) return UV_ENOMEM;
  look_up->step = step;
  look_up->request.data = look_up;
  int error = uv_getaddrinfo(probe->loop, &look_up->request, on_resolved,
                             gcn__probe_host(probe), port, &hints);
  if (error != 0) {
    free(look_up);
    return error;
  }
  *out = look_up;
  return 0;
}

static bool give_up_look_up(struct gcn__probe* probe, struct look_up* look_up) {
  char age[GCN__TEXT_AGE_SIZE];
  look_up->step = NULL;
  probe->stuck = true;
  gcn__text_age(age, probe->dns_ms);
  probe->error = UV_EAI_AGAIN;
  snprintf(probe->text, sizeof probe->text,
           "the DNS gave no answer within %s, given up", age);
  return false;
}

bool gcn__probe_dns(struct gcn__probe* probe) {
  struct step step = {.over = false};
  struct look_up* look_up = NULL;
  int error = start_look_up(probe, &step, &look_up);
  if (error != 0) return fail(probe, error, uv_strerror(error));
  begin(&step, probe, probe->dns_ms);
  wait_for(&step);
  if (step.late) give_up_look_up(probe, look_up);
  close_now(probe->loop, (uv_handle_t*)&step.deadline);
  if (step.late) return false;
  if (step.error != 0) {
    return fail(probe, step.error, uv_strerror(step.error));
  }
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
           address_name(address, name, sizeof name), (unsigned)port_of(probe),
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
  bool was_open = step->open;
  do {
    size_t used = 0;
    error = gcn__tls_read(step->tls, &in, plain, sizeof plain, &used);
  } while (error == 0 && in.size > 0);
  send_out(step);
  step->open = gcn__tls_state(step->tls) == GCN__TLS_OPEN;
  if (error != 0) {
    settle(step, was_open && error == GCN__EOF ? 0 : error);
  } else if (step->open && (was_open || !step->lingers)) {
    settle(step, 0);
  } else if (step->open) {
    uv_timer_start(&step->deadline, on_deadline, TICKET_MS, 0);
  }
}

static void dig(struct step* step, struct gcn__span in) {
  int progress = GCN__TUNNEL_MORE;
  do {
    progress = gcn__tunnel_read(step->tunnel, &in);
    if (progress == GCN__TUNNEL_OPEN && in.size > 0) {
      progress = gcn__tunnel_refuse_rest(step->tunnel);
    }
    if (progress != GCN__TUNNEL_MORE) break;
    int error = gcn__tunnel_write(step->tunnel, &step->out);
    if (error != 0) progress = error;
  } while (progress == GCN__TUNNEL_MORE && in.size > 0);
  send_out(step);
  if (progress < 0) settle(step, progress);
  if (progress == GCN__TUNNEL_OPEN) settle(step, 0);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct step* step = handle->data;
  (void)size;
  *buf = uv_buf_init(step->piece, sizeof step->piece);
}

static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct step* step = stream->data;
  if (step->over) return;
  if (size < 0) {
    settle(step, step->open ? 0 : (int)size);
  } else if (size > 0) {
    step->take(step, gcn__span(buf->base, (size_t)size));
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

/* Reads until the step is over.  What it says first is in `out` already, or is
 * said by `take` when it is given nothing. */
static int run(struct step* step) {
  uv_stream_t* stream = (uv_stream_t*)&step->probe->tcp;
  step->probe->tcp.data = step;
  int error = uv_read_start(stream, on_alloc, on_read);
  if (error != 0) return error;
  step->take(step, gcn__span("", 0));
  wait_for(step);
  uv_read_stop(stream);
  return step->late ? UV_ETIMEDOUT : step->error;
}

static void describe_tunnel(struct gcn__probe* probe, const struct step* step,
                            int error) {
  const char* said = gcn__tunnel_error(step->tunnel);
  if (error == 0) {
    snprintf(probe->text, sizeof probe->text, "a tunnel to %s port %u is open",
             probe->url.host, (unsigned)probe->url.port);
  } else if (said[0] != '\0') {
    snprintf(probe->text, sizeof probe->text, "%s", said);
  } else {
    snprintf(probe->text, sizeof probe->text, "%s", uv_strerror(error));
  }
}

bool gcn__probe_tunnel(struct gcn__probe* probe) {
  if (probe->proxy == NULL) return true;
  struct step step = {.take = dig};
  gcn__buf_init(&step.out, &gcn__mem_libc, OUT_SIZE_MAX);
  step.out.secret = true;
  step.tunnel = gcn__tunnel_new(&gcn__mem_libc, probe->proxy, probe->url.host,
                                probe->url.port);
  if (step.tunnel == NULL) {
    return fail(probe, UV_ENOMEM, gcn_strerror(UV_ENOMEM));
  }
  begin(&step, probe, TUNNEL_MS);
  int error = run(&step);
  if (error == UV_EOF) error = gcn__tunnel_end(step.tunnel);
  describe_tunnel(probe, &step, error);
  probe->error = error;
  close_now(probe->loop, (uv_handle_t*)&step.deadline);
  if (error != 0) gcn__probe_deinit(probe); /* ends a write under way, too */
  gcn__tunnel_free(step.tunnel);
  gcn__buf_deinit(&step.out);
  return error == 0;
}

static bool shake_hands(struct gcn__probe* probe,
                        struct gcn__tls_config* config, bool lingers,
                        bool* resumed) {
  struct step step = {.take = shake, .lingers = lingers};
  gcn__buf_init(&step.out, &gcn__mem_libc, OUT_SIZE_MAX);
  int error = gcn__tls_new(config, &gcn__mem_libc, probe->url.host, &step.out,
                           &step.tls);
  if (error != 0) return fail(probe, error, gcn_strerror(error));
  begin(&step, probe, HANDSHAKE_MS);
  error = run(&step);
  describe(probe, &step, error);
  *resumed = gcn__tls_resumed(step.tls);
  probe->error = error;
  close_now(probe->loop, (uv_handle_t*)&step.deadline);
  gcn__probe_deinit(probe);
  gcn__tls_free(step.tls);
  gcn__buf_deinit(&step.out);
  return error == 0;
}

bool gcn__probe_tls(struct gcn__probe* probe, struct gcn__tls_config* config) {
  bool resumed = false;
  return shake_hands(probe, config, true, &resumed);
}

bool gcn__probe_resume(struct gcn__probe* probe,
                       struct gcn__tls_config* config) {
  bool resumed = false;
  bool good = gcn__probe_tcp(probe) && gcn__probe_tunnel(probe) &&
              shake_hands(probe, config, false, &resumed);
  return good && resumed;
}

void gcn__probe_deinit(struct gcn__probe* probe) {
  if (!probe->connected) return;
  probe->connected = false;
  close_now(probe->loop, (uv_handle_t*)&probe->tcp);
}
