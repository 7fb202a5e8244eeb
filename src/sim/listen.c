/* SPDX-License-Identifier: MIT */
/*
 * The simulator's driver: sockets to the service and back.
 *
 * Sockets are ours and only polled by libuv, so that each piece goes out by one
 * send without SIGPIPE, and a reset is a reset.  Each connection ends in one
 * place, finish(); its memory goes when its poll has left the loop.
 */
#include "sim/listen.h"

#include "base/err.h"
#include "base/list.h"
#include "codec/url.h"
#include "sim/listen-port.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  READ_SIZE = 64 * 1024,
  PLAIN_SIZE = 16 * 1024,
  OUT_SIZE_MAX = 32 * 1024 * 1024,
  AUTHORITY_SIZE = GCN__AUTHORITY_SIZE_MAX,
  ACCEPTS_MAX = 64, /* per turn of the loop */
};

struct peer {
  struct gcn__list entry;
  struct gcn__sim_listen* listen;
  struct gcn__sim_conn* conn; /* NULL: the socket is closing */
  struct gcn__tls* tls;       /* NULL: plain */
  struct gcn__buf out;        /* bytes for the socket */
  bool ended;                 /* the peer sends no more */
  uint64_t next_ms;           /* a fault: nothing may be sent before */
  int fd;
  uv_poll_t poll;
};

struct gcn__sim_listen {
  uv_loop_t* loop;
  struct gcn__sim* sim;
  struct gcn__tls_config* tls;
  struct gcn__list peers;
  size_t peer_count;
  int fd;
  uint16_t port;
  char authority[AUTHORITY_SIZE];
  uv_poll_t poll;
  uv_timer_t timer;
  unsigned handle_count;
  bool closing;
  bool pumping;
  bool trickling; /* there may be a peer with a next_ms */
  void (*closed)(void* ctx);
  void* closed_ctx;
  char bytes[READ_SIZE];
};

static void pump(struct gcn__sim_listen* listen);

static void release(struct gcn__sim_listen* listen) {
  if (--listen->handle_count > 0) return;
  void (*closed)(void* ctx) = listen->closed;
  void* ctx = listen->closed_ctx;
  gcn__sim_free(listen->sim);
  gcn__tls_config_release(listen->tls);
  free(listen);
  if (closed != NULL) closed(ctx);
}

static void on_handle_closed(uv_handle_t* handle) {
  release(handle->data);
}

static void on_peer_closed(uv_handle_t* handle) {
  struct peer* peer = handle->data;
  struct gcn__sim_listen* listen = peer->listen;
  gcn__list_remove(&peer->entry);
  free(peer);
  release(listen);
}

static void on_connection(uv_poll_t* poll, int status, int events);

static void finish(struct peer* peer, bool reset) {
  struct gcn__sim_listen* listen = peer->listen;
  if (peer->conn == NULL) return;
  struct gcn__sim_conn* conn = peer->conn;
  peer->conn = NULL;
  gcn__sim_drop(conn, gcn__sim_listen_now(listen));
  gcn__tls_free(peer->tls);
  gcn__buf_deinit(&peer->out);
  uv_close((uv_handle_t*)&peer->poll, on_peer_closed);
  gcn__listen_port_hang_up(peer->fd, reset);
  listen->peer_count--;
  if (!listen->closing && !uv_is_active((uv_handle_t*)&listen->poll))
    uv_poll_start(&listen->poll, UV_READABLE, on_connection);
}

/* Without descriptors the poll would spin: it rests until a peer goes. */
static void rest(struct gcn__sim_listen* listen) {
  if (listen->peer_count > 0) uv_poll_stop(&listen->poll);
}

static void on_ready(uv_poll_t* poll, int status, int events);

static bool shaking(const struct peer* peer) {
  return peer->tls != NULL && gcn__tls_state(peer->tls) != GCN__TLS_OPEN;
}

/* A fault wants the handshake sent byte by byte. */
static bool trickles(const struct peer* peer) {
  return shaking(peer) && gcn__sim_tls_gap_ms(peer->conn) > 0;
}

static void watch(struct peer* peer) {
  int events = 0;
  if (!peer->ended && gcn__sim_reading(peer->conn)) events |= UV_READABLE;
  bool waiting = gcn__buf_size(&peer->out) > 0;
  if (waiting && !trickles(peer)) events |= UV_WRITABLE;
  if (events == 0) {
    uv_poll_stop(&peer->poll);
  } else {
    uv_poll_start(&peer->poll, events, on_ready);
  }
}

/* How much may go now. */
static size_t portion(struct peer* peer) {
  size_t size = gcn__buf_size(&peer->out);
  if (size == 0 || !trickles(peer)) return size;
  uint64_t now_ms = gcn__sim_listen_now(peer->listen);
  peer->listen->trickling = true;
  if (now_ms < peer->next_ms) return 0;
  peer->next_ms = gcn__time_add(now_ms, gcn__sim_tls_gap_ms(peer->conn));
  return 1;
}

/* True if all of `out` went; false if it has to wait or the peer is gone. */
static bool send_out(struct peer* peer) {
  while (gcn__buf_size(&peer->out) > 0) {
    struct gcn__span bytes = gcn__buf_span(&peer->out);
    size_t portion_size = portion(peer);
    if (portion_size == 0) return false;
    ssize_t size =
        send(peer->fd, bytes.data, portion_size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno != EAGAIN) finish(peer, false);
    if (size < 0) return false;
    gcn__buf_consume(&peer->out, (size_t)size);
  }
  return true;
}

/* One piece of the service becomes one send, so that what it wants cut stays
 * cut. */
static bool send_piece(struct peer* peer, struct gcn__span piece) {
  int error = peer->tls != NULL
                  ? gcn__tls_write(peer->tls, piece)
                  : gcn__buf_append(&peer->out, piece.data, piece.size);
  if (error != 0) {
    finish(peer, true);
    return false;
  }
  return send_out(peer);
}

static void write_peer(struct peer* peer, uint64_t now_ms) {
  while (peer->conn != NULL && send_out(peer) && !shaking(peer)) {
    struct gcn__span piece = gcn__sim_output(peer->conn, now_ms);
    if (piece.size == 0) break;
    struct gcn__sim_conn* conn = peer->conn;
    size_t size = piece.size;
    bool sent = send_piece(peer, piece);
    if (peer->conn == NULL) return;
    gcn__sim_sent(conn, size, now_ms);
    if (!sent) break;
  }
}

static void settle_peer(struct peer* peer) {
  if (peer->conn == NULL) return;
  enum gcn__sim_verdict verdict = gcn__sim_verdict(peer->conn);
  if (verdict == GCN__SIM_RESET) {
    finish(peer, true);
  } else if (verdict == GCN__SIM_CLOSE && gcn__buf_size(&peer->out) == 0) {
    if (peer->tls != NULL) gcn__tls_close(peer->tls);
    if (send_out(peer)) finish(peer, false);
  } else {
    watch(peer);
  }
}

static void take_plain(struct peer* peer, struct gcn__span bytes,
                       uint64_t now_ms) {
  char plain[PLAIN_SIZE];
  while (peer->conn != NULL) {
    size_t used = 0;
    int error = gcn__tls_read(peer->tls, &bytes, plain, sizeof plain, &used);
    if (used > 0) gcn__sim_receive(peer->conn, gcn__span(plain, used), now_ms);
    if (used > 0) continue;
    if (error == GCN__EOF) peer->ended = true;
    if (error == GCN__EOF) gcn__sim_eof(peer->conn, now_ms);
    if (error < 0 && error != GCN__EOF) {
      (void)send_out(peer); /* the alert, if it fits */
      finish(peer, false);
    }
    return;
  }
}

static void take(struct peer* peer, struct gcn__span bytes, uint64_t now_ms) {
  if (gcn__sim_tls_hung(peer->conn)) return;
  if (peer->tls != NULL) {
    take_plain(peer, bytes, now_ms);
  } else {
    gcn__sim_receive(peer->conn, bytes, now_ms);
  }
}

static void read_peer(struct peer* peer, uint64_t now_ms) {
  char* bytes = peer->listen->bytes;
  ssize_t size = recv(peer->fd, bytes, READ_SIZE, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size < 0) {
    finish(peer, false);
  } else if (size == 0) {
    peer->ended = true;
    gcn__sim_eof(peer->conn, now_ms);
  } else {
    take(peer, gcn__span(bytes, (size_t)size), now_ms);
  }
}

static void on_ready(uv_poll_t* poll, int status, int events) {
  struct peer* peer = poll->data;
  uint64_t now_ms = gcn__sim_listen_now(peer->listen);
  bool readable = status < 0 || (events & UV_READABLE);
  if (peer->conn != NULL && readable) read_peer(peer, now_ms);
  if (peer->conn != NULL) write_peer(peer, now_ms);
  settle_peer(peer);
  pump(peer->listen);
}

/* Sends what is due; peers stay in the list until their polls have closed. */
static void trickle(struct gcn__sim_listen* listen) {
  struct gcn__list* at = listen->peers.next;
  uint64_t now_ms = gcn__sim_listen_now(listen);
  listen->trickling = false;
  for (; at != &listen->peers; at = at->next) {
    struct peer* peer = GCN__CONTAINER_OF(at, struct peer, entry);
    if (peer->conn == NULL || !trickles(peer)) continue;
    write_peer(peer, now_ms);
    settle_peer(peer);
  }
}

static uint64_t trickle_deadline(const struct gcn__sim_listen* listen) {
  uint64_t due_ms = GCN__NEVER;
  if (!listen->trickling) return due_ms;
  struct gcn__list* at = listen->peers.next;
  for (; at != &listen->peers; at = at->next) {
    struct peer* peer = GCN__CONTAINER_OF(at, struct peer, entry);
    bool waits = peer->conn != NULL && gcn__buf_size(&peer->out) > 0;
    if (waits && trickles(peer)) due_ms = gcn__time_min(due_ms, peer->next_ms);
  }
  return due_ms;
}

static void on_timer(uv_timer_t* timer) {
  struct gcn__sim_listen* listen = timer->data;
  gcn__sim_tick(listen->sim, gcn__sim_listen_now(listen));
  if (listen->trickling) trickle(listen);
  pump(listen);
}

static void arm(struct gcn__sim_listen* listen) {
  uint64_t due_ms = gcn__sim_deadline(listen->sim);
  due_ms = gcn__time_min(due_ms, trickle_deadline(listen));
  uint64_t now_ms = gcn__sim_listen_now(listen);
  if (due_ms == GCN__NEVER) {
    uv_timer_stop(&listen->timer);
    return;
  }
  /* Never 0: libuv before 1.48 would run it again in the same turn. */
  uint64_t delay_ms = due_ms > now_ms ? due_ms - now_ms : 1;
  uv_timer_start(&listen->timer, on_timer, delay_ms, 0);
}

static void pump(struct gcn__sim_listen* listen) {
  if (listen->closing || listen->pumping) return;
  listen->pumping = true;
  struct gcn__sim_conn* conn;
  while ((conn = gcn__sim_next_ready(listen->sim)) != NULL) {
    struct peer* peer = gcn__sim_user(conn);
    write_peer(peer, gcn__sim_listen_now(listen));
    settle_peer(peer);
  }
  listen->pumping = false;
  arm(listen);
}

static struct peer* make_peer(struct gcn__sim_listen* listen, int fd) {
  struct peer* peer = calloc(1, sizeof *peer);
  if (peer == NULL) return NULL;
  gcn__list_init(&peer->entry);
  peer->listen = listen;
  peer->fd = fd;
  gcn__buf_init(&peer->out, &gcn__mem_libc, OUT_SIZE_MAX);
  if (listen->tls != NULL &&
      gcn__tls_new(listen->tls, &gcn__mem_libc, NULL, &peer->out, &peer->tls)) {
    free(peer);
    return NULL;
  }
  if (uv_poll_init(listen->loop, &peer->poll, fd) != 0) {
    gcn__tls_free(peer->tls);
    free(peer);
    return NULL;
  }
  peer->poll.data = peer;
  return peer;
}

static void add_peer(struct gcn__sim_listen* listen, int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct peer* peer = make_peer(listen, fd);
  if (peer == NULL) {
    close(fd);
    return;
  }
  gcn__list_append(&listen->peers, &peer->entry);
  listen->handle_count++;
  listen->peer_count++;
  uint64_t now_ms = gcn__sim_listen_now(listen);
  peer->conn = gcn__sim_accept(listen->sim, peer, now_ms);
  if (peer->conn == NULL) {
    listen->peer_count--;
    gcn__tls_free(peer->tls);
    gcn__buf_deinit(&peer->out);
    uv_close((uv_handle_t*)&peer->poll, on_peer_closed);
    close(fd);
    return;
  }
  watch(peer);
}

static void on_connection(uv_poll_t* poll, int status, int events) {
  struct gcn__sim_listen* listen = poll->data;
  (void)status;
  (void)events;
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    int fd = accept4(listen->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && gcn__listen_port_exhausted(errno)) rest(listen);
    if (fd < 0) break;
    add_peer(listen, fd);
  }
  pump(listen);
}

static int open_port(struct gcn__sim_listen* self,
                     const struct gcn__sim_listen_options* options) {
  int error = gcn__listen_port_open(options->address, options->port, &self->fd,
                                    &self->port);
  if (error != 0) return error;
  const char* text = options->address != NULL ? options->address : "127.0.0.1";
  bool six = strchr(text, ':') != NULL;
  snprintf(self->authority, sizeof self->authority, six ? "[%s]:%u" : "%s:%u",
           text, (unsigned)self->port);
  return 0;
}

static uint64_t wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A scheme before the authority tells what clients meet, which is not what we
 * speak if something in front of us adds or takes TLS. */
static void choose_authority(struct gcn__sim_listen* self,
                             struct gcn__sim_options* sim) {
  struct gcn__span text = gcn__span_str(sim->authority);
  if (gcn__span_starts(text, "ws://")) {
    sim->insecure = true;
    text = gcn__span_skip(text, 5);
  } else if (gcn__span_starts(text, "wss://")) {
    sim->insecure = false;
    text = gcn__span_skip(text, 6);
  }
  snprintf(self->authority, sizeof self->authority, "%.*s", (int)text.size,
           text.data);
}

static int make_service(struct gcn__sim_listen* self,
                        const struct gcn__sim_listen_options* options) {
  struct gcn__sim_options sim = options->sim;
  uint64_t now_ms = gcn__sim_listen_now(self);
  sim.start_ms = now_ms;
  if (sim.wall_base_ms == 0) sim.wall_base_ms = wall_ms() - now_ms;
  sim.insecure = self->tls == NULL;
  if (sim.authority != NULL) choose_authority(self, &sim);
  sim.authority = self->authority;
  self->sim = gcn__sim_new(&sim);
  return self->sim == NULL ? GCN__ENOMEM : 0;
}

static int start(struct gcn__sim_listen* self) {
  int error = uv_poll_init(self->loop, &self->poll, self->fd);
  if (error != 0) return error;
  uv_timer_init(self->loop, &self->timer);
  self->poll.data = self;
  self->timer.data = self;
  self->handle_count = 2;
  return uv_poll_start(&self->poll, UV_READABLE, on_connection);
}

int gcn__sim_listen_new(uv_loop_t* loop,
                        const struct gcn__sim_listen_options* options,
                        struct gcn__sim_listen** out) {
  struct gcn__sim_listen* self = calloc(1, sizeof *self);
  if (self == NULL) return GCN__ENOMEM;
  self->loop = loop;
  self->fd = -1;
  gcn__list_init(&self->peers);
  if (options->tls != NULL) self->tls = gcn__tls_config_hold(options->tls);
  int error = open_port(self, options);
  if (error == 0) error = make_service(self, options);
  if (error == 0) error = start(self);
  if (error == 0) {
    arm(self);
    *out = self;
    return 0;
  }
  if (self->fd >= 0) close(self->fd);
  gcn__sim_free(self->sim);
  gcn__tls_config_release(self->tls);
  free(self);
  return error;
}

uint16_t gcn__sim_listen_port(const struct gcn__sim_listen* self) {
  return self->port;
}

const char* gcn__sim_listen_authority(const struct gcn__sim_listen* self) {
  return self->authority;
}

struct gcn__sim* gcn__sim_listen_service(struct gcn__sim_listen* self) {
  return self->sim;
}

uint64_t gcn__sim_listen_now(const struct gcn__sim_listen* self) {
  uv_update_time(self->loop);
  return uv_now(self->loop);
}

void gcn__sim_listen_flush(struct gcn__sim_listen* self) {
  pump(self);
}

size_t gcn__sim_listen_connections(const struct gcn__sim_listen* self) {
  return self->peer_count;
}

void gcn__sim_listen_close(struct gcn__sim_listen* self,
                           void (*closed)(void* ctx), void* ctx) {
  self->closing = true;
  self->closed = closed;
  self->closed_ctx = ctx;
  struct gcn__list* at = self->peers.next;
  while (at != &self->peers) {
    struct peer* peer = GCN__CONTAINER_OF(at, struct peer, entry);
    at = at->next;
    finish(peer, false);
  }
  uv_close((uv_handle_t*)&self->poll, on_handle_closed);
  uv_close((uv_handle_t*)&self->timer, on_handle_closed);
  close(self->fd);
}
