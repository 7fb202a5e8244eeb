/* SPDX-License-Identifier: MIT */
/*
 * Sockets around sim/toxic-flow.h.
 *
 * A pair has two sides; what side s sends goes through flow s to the other one.
 * Sockets are ours and only polled by libuv, so that a write is one send, a
 * reset is a reset, and a byte count is exact.  Each pair ends in one place,
 * finish(); its memory goes when its handles have left the loop.
 */
#include "sim/listen-proxy.h"

#include "base/err.h"
#include "base/list.h"
#include "base/time.h"
#include "sim/listen-port.h"
#include "sim/toxic-flow.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  READ_SIZE = 64 * 1024,
  ACCEPTS_MAX = 64,     /* per turn of the loop */
  SENDS_MAX = 64,       /* per turn and direction */
  LEAVE_MS = 2000,      /* how long a cut connection may take to end */
  DELIVERY_MS = 1000,   /* how long bytes before a reset may take to arrive */
  DELIVERY_LOOK_MS = 1, /* between two looks whether they have */
  CLIENT = 0,
  UPSTREAM = 1,
  /* Turns of the loop between two pieces: a reader in the same loop is called
   * in one of them, whichever of us comes first. */
  PIECE_TURNS = 2,
};

struct pair;

struct side {
  uv_poll_t poll;
  struct pair* pair;
  int fd;
  bool ended; /* it sends no more */
  bool hung;  /* the same, seen while it is not read */
  bool shut;  /* it gets no more */
};

struct pair {
  struct gcn__list entry;
  struct gcn__faultproxy* proxy;
  uint64_t number;
  struct side sides[2];
  struct gcn__toxic_flow flows[2];
  uv_timer_t timer;
  unsigned handle_count;
  bool connecting;
  bool leaving;          /* cut: what still comes is dropped */
  uint64_t leave_due_ms; /* GCN__NEVER: it is not ending */
  uint64_t reset_due_ms; /* the same; not later than */
  bool finished;
  uint32_t told[2];  /* effects of rules that have been */
  unsigned turns[2]; /* in which the reader could have taken the last piece */
};

struct gcn__faultproxy {
  uv_loop_t* loop;
  struct gcn__toxics toxics;
  struct gcn__list pairs;
  struct gcn__faultproxy_counters counters;
  struct sockaddr_storage upstream;
  socklen_t upstream_size;
  uint64_t seed;
  void (*log)(void* ctx, const char* line);
  void* ctx;
  int fd;
  uint16_t port;
  uv_poll_t poll;
  unsigned handle_count;
  bool closing;
  void (*closed)(void* ctx);
  void* closed_ctx;
  char bytes[READ_SIZE];
};

static uint64_t now_of(const struct gcn__faultproxy* proxy) {
  return uv_now(proxy->loop);
}

static void say(struct gcn__faultproxy* proxy, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct gcn__faultproxy* proxy, const char* format, ...) {
  char line[GCN__FAULTPROXY_LINE_SIZE];
  va_list arguments;
  if (proxy->log == NULL) return;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  proxy->log(proxy->ctx, line);
}

/* Of rules that have had their first effect. */
static void tell(struct pair* pair, int s) {
  struct gcn__faultproxy* proxy = pair->proxy;
  uint32_t fresh = pair->flows[s].fired & ~pair->told[s];
  pair->told[s] |= fresh;
  for (size_t i = 0; i < proxy->toxics.count; i++) {
    if ((fresh & UINT32_C(1) << i) == 0) continue;
    proxy->counters.fired[i]++;
    say(proxy, "#%" PRIu64 " %s: %s", pair->number, s == CLIENT ? "up" : "down",
        proxy->toxics.items[i].rule);
  }
}

static void release(struct gcn__faultproxy* proxy) {
  if (--proxy->handle_count > 0) return;
  void (*closed)(void* ctx) = proxy->closed;
  void* ctx = proxy->closed_ctx;
  free(proxy);
  if (closed != NULL) closed(ctx);
}

static void on_port_closed(uv_handle_t* handle) {
  release(handle->data);
}

static void leave(struct pair* pair) {
  struct gcn__faultproxy* proxy = pair->proxy;
  if (--pair->handle_count > 0) return;
  free(pair);
  release(proxy);
}

static void on_side_closed(uv_handle_t* handle) {
  leave(((struct side*)handle->data)->pair);
}

static void on_timer_closed(uv_handle_t* handle) {
  leave(handle->data);
}

static void close_side(struct side* side, bool reset) {
  uv_close((uv_handle_t*)&side->poll, on_side_closed);
  gcn__listen_port_hang_up(side->fd, reset);
}

static void on_connection(uv_poll_t* poll, int status, int events);

static void finish(struct pair* pair, bool reset) {
  struct gcn__faultproxy* proxy = pair->proxy;
  if (pair->finished) return;
  pair->finished = true;
  for (int s = 0; s < 2; s++) {
    tell(pair, s);
    close_side(&pair->sides[s], reset);
    gcn__toxic_flow_deinit(&pair->flows[s]);
  }
  uv_close((uv_handle_t*)&pair->timer, on_timer_closed);
  gcn__list_remove(&pair->entry);
  /* It may have rested for want of descriptors. */
  if (!proxy->closing) uv_poll_start(&proxy->poll, UV_READABLE, on_connection);
  proxy->counters.open--;
  say(proxy, "#%" PRIu64 " %s", pair->number, reset ? "reset" : "closed");
}

static void count_in(struct pair* pair, int s, size_t size) {
  struct gcn__faultproxy_counters* counters = &pair->proxy->counters;
  *(s == CLIENT ? &counters->up_in : &counters->down_in) += size;
}

static void count_out(struct pair* pair, int s, size_t size) {
  struct gcn__faultproxy_counters* counters = &pair->proxy->counters;
  *(s == CLIENT ? &counters->up_out : &counters->down_out) += size;
}

/* The side is gone: nobody reads what is meant for it, and the other one is to
 * learn of it behind the bytes that came before. */
static void lose(struct pair* pair, int s) {
  struct side* side = &pair->sides[s];
  side->ended = true;
  side->shut = true;
  gcn__toxic_flow_break(&pair->flows[1 - s]);
  gcn__toxic_flow_eof(&pair->flows[s], true, now_of(pair->proxy));
}

static void read_side(struct pair* pair, int s, bool failed) {
  struct side* side = &pair->sides[s];
  struct gcn__toxic_flow* flow = &pair->flows[s];
  size_t room = pair->leaving ? READ_SIZE : gcn__toxic_flow_room(flow);
  if (room > READ_SIZE) room = READ_SIZE;
  if (room == 0) {
    side->hung = true; /* not read, so it was its end that was seen */
    if (failed) lose(pair, s);
    return;
  }
  char* bytes = pair->proxy->bytes;
  ssize_t size = recv(side->fd, bytes, room, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  uint64_t now_ms = now_of(pair->proxy);
  if (size < 0) {
    lose(pair, s);
  } else if (size == 0) {
    side->ended = true;
    gcn__toxic_flow_eof(flow, false, now_ms);
  } else {
    count_in(pair, s, (size_t)size);
    if (!pair->leaving) {
      gcn__toxic_flow_take(flow, gcn__span(bytes, (size_t)size), now_ms);
    }
  }
}

/* What side s sent goes to the other one. */
static void write_flow(struct pair* pair, int s) {
  struct side* to = &pair->sides[1 - s];
  struct gcn__toxic_flow* flow = &pair->flows[s];
  uint64_t now_ms = now_of(pair->proxy);
  if (pair->connecting || pair->leaving || to->shut) return;
  for (int i = 0; i < SENDS_MAX; i++) {
    struct gcn__span bytes = gcn__toxic_flow_output(flow, now_ms);
    bool slices = gcn__toxic_flow_slices(flow);
    if (bytes.size == 0 || (slices && pair->turns[s] < PIECE_TURNS)) return;
    ssize_t size =
        send(to->fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno != EAGAIN) lose(pair, 1 - s);
    if (size < 0) return;
    gcn__toxic_flow_sent(flow, (size_t)size, now_ms);
    count_out(pair, s, (size_t)size);
    if (slices) pair->turns[s] = 0;
  }
}

static void shut(struct side* side) {
  if (side->shut) return;
  side->shut = true;
  shutdown(side->fd, SHUT_WR);
}

/* A reset overtakes what the kernel still holds; it has to be gone first. */
static bool delivered(const struct pair* pair) {
  for (int s = 0; s < 2; s++) {
    int waiting = 0;
    if (ioctl(pair->sides[s].fd, SIOCOUTQ, &waiting) != 0) continue;
    if (waiting > 0 && !pair->connecting) return false;
  }
  return true;
}

static void reset(struct pair* pair, uint64_t now_ms) {
  if (pair->reset_due_ms == GCN__NEVER) {
    pair->reset_due_ms = now_ms + DELIVERY_MS;
  }
  if (delivered(pair) || now_ms >= pair->reset_due_ms) finish(pair, true);
}

static void cut(struct pair* pair, uint64_t now_ms) {
  if (pair->leaving) return;
  pair->leaving = true;
  pair->leave_due_ms = now_ms + LEAVE_MS;
  if (!pair->connecting) shut(&pair->sides[UPSTREAM]);
  shut(&pair->sides[CLIENT]);
}

/* True if nothing can come through from side s any more. */
static bool is_over(const struct pair* pair, int s) {
  const struct side* from = &pair->sides[s];
  if (pair->flows[s].end == GCN__TOXIC_ENDS_LIMIT) return from->hung;
  if (pair->flows[s].end == GCN__TOXIC_ENDS_HOLE) return from->ended;
  return from->ended && pair->sides[1 - s].shut;
}

static void judge(struct pair* pair, int s, uint64_t now_ms) {
  switch (gcn__toxic_flow_verdict(&pair->flows[s], now_ms)) {
  case GCN__TOXIC_ENDS_RESET: reset(pair, now_ms); break;
  case GCN__TOXIC_ENDS_CUT: cut(pair, now_ms); break;
  case GCN__TOXIC_ENDS_FIN:
    if (!pair->connecting) shut(&pair->sides[1 - s]);
    break;
  case GCN__TOXIC_GOES_ON:
  case GCN__TOXIC_ENDS_HOLE:
  case GCN__TOXIC_ENDS_LIMIT:
  default: break;
  }
}

static void settle(struct pair* pair, uint64_t now_ms) {
  for (int s = 0; s < 2 && !pair->finished; s++)
    judge(pair, s, now_ms);
  if (pair->finished) return;
  bool left =
      pair->leaving && ((pair->sides[CLIENT].ended &&
                         (pair->sides[UPSTREAM].ended || pair->connecting)) ||
                        now_ms >= pair->leave_due_ms);
  bool over = is_over(pair, CLIENT) && is_over(pair, UPSTREAM);
  if (left || over) finish(pair, false);
}

static void on_ready(uv_poll_t* poll, int status, int events);
static void on_timer(uv_timer_t* timer);

static bool can_write(struct pair* pair, int s, uint64_t now_ms) {
  struct gcn__toxic_flow* flow = &pair->flows[1 - s];
  if (pair->leaving || pair->sides[s].shut) return false;
  return gcn__toxic_flow_output(flow, now_ms).size > 0;
}

static void watch(struct pair* pair, int s, uint64_t now_ms) {
  struct side* side = &pair->sides[s];
  int events = 0;
  bool reads = pair->leaving || gcn__toxic_flow_room(&pair->flows[s]) > 0;
  if (!side->ended && reads) events |= UV_READABLE;
  if (!side->ended && !reads && !side->hung) events |= UV_DISCONNECT;
  if (can_write(pair, s, now_ms)) events |= UV_WRITABLE;
  if (pair->connecting) events = s == UPSTREAM ? UV_WRITABLE : 0;
  if (events == 0) {
    uv_poll_stop(&side->poll);
  } else {
    uv_poll_start(&side->poll, events, on_ready);
  }
}

static uint64_t deadline(const struct pair* pair, uint64_t now_ms) {
  uint64_t due_ms = gcn__time_min(pair->leave_due_ms, pair->reset_due_ms);
  for (int s = 0; s < 2; s++) {
    uint64_t own_ms = gcn__toxic_flow_deadline(&pair->flows[s], now_ms);
    due_ms = gcn__time_min(due_ms, own_ms);
  }
  if (pair->reset_due_ms == GCN__NEVER) return due_ms;
  return gcn__time_min(due_ms, now_ms + DELIVERY_LOOK_MS);
}

static void arm(struct pair* pair, uint64_t now_ms) {
  uint64_t due_ms = deadline(pair, now_ms);
  if (due_ms == GCN__NEVER) {
    uv_timer_stop(&pair->timer);
    return;
  }
  /* Never 0: libuv before 1.48 would run it again in the same turn. */
  uint64_t delay_ms = due_ms > now_ms ? due_ms - now_ms : 1;
  uv_timer_start(&pair->timer, on_timer, delay_ms, 0);
}

/* Everything that may follow from bytes, time or a new rule. */
static void pump(struct pair* pair) {
  uint64_t now_ms = now_of(pair->proxy);
  for (int s = 0; s < 2; s++) {
    gcn__toxic_flow_tick(&pair->flows[s], now_ms);
    if (!pair->finished) write_flow(pair, s);
  }
  for (int s = 0; s < 2; s++)
    tell(pair, s);
  settle(pair, now_ms);
  if (pair->finished) return;
  for (int s = 0; s < 2; s++)
    watch(pair, s, now_ms);
  arm(pair, now_ms);
}

static void on_timer(uv_timer_t* timer) {
  struct pair* pair = timer->data;
  uv_update_time(pair->proxy->loop);
  pump(pair);
}

/* True if the upstream is there. */
static bool connected(struct pair* pair) {
  int error = 0;
  socklen_t size = sizeof error;
  int fd = pair->sides[UPSTREAM].fd;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) {
    pair->connecting = false;
    return true;
  }
  pair->proxy->counters.unreached++;
  say(pair->proxy, "#%" PRIu64 " the upstream can't be reached: %s",
      pair->number, strerror(error));
  finish(pair, true);
  return false;
}

static void on_ready(uv_poll_t* poll, int status, int events) {
  struct side* side = poll->data;
  struct pair* pair = side->pair;
  int s = side == &pair->sides[CLIENT] ? CLIENT : UPSTREAM;
  if (pair->finished) return;
  if ((events & UV_WRITABLE) != 0) pair->turns[1 - s]++;
  bool readable = status < 0 || (events & (UV_READABLE | UV_DISCONNECT)) != 0;
  if (pair->connecting) {
    if (!connected(pair)) return;
  } else if (readable && !side->ended) {
    read_side(pair, s, status < 0);
  }
  pump(pair);
}

/* The descriptor of a connection that has begun; -1: it can't. */
static int dial(const struct gcn__faultproxy* proxy) {
  const struct sockaddr* to = (const struct sockaddr*)&proxy->upstream;
  int fd = socket(proxy->upstream.ss_family,
                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, to, proxy->upstream_size) == 0 || errno == EINPROGRESS) {
    return fd;
  }
  close(fd);
  return -1;
}

static int open_polls(struct pair* pair, int client, int upstream) {
  uv_loop_t* loop = pair->proxy->loop;
  const int fds[2] = {client, upstream};
  const int one = 1;
  for (int s = 0; s < 2; s++) {
    struct side* side = &pair->sides[s];
    side->pair = pair;
    side->fd = fds[s];
    side->poll.data = side;
    setsockopt(fds[s], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int error = uv_poll_init(loop, &side->poll, fds[s]);
    if (error != 0) return error;
    side->poll.data = side;
    pair->handle_count++;
  }
  uv_timer_init(loop, &pair->timer);
  pair->timer.data = pair;
  pair->handle_count++;
  return 0;
}

/* What open_polls did before it failed. */
static void undo(struct pair* pair) {
  for (unsigned s = 0; s < pair->handle_count; s++)
    uv_close((uv_handle_t*)&pair->sides[s].poll, on_side_closed);
  bool any = pair->handle_count > 0;
  pair->proxy->handle_count += any ? 1 : 0;
  if (!any) free(pair);
}

static struct pair* make_pair(struct gcn__faultproxy* proxy, int client,
                              int upstream) {
  struct pair* pair = calloc(1, sizeof *pair);
  if (pair == NULL) return NULL;
  gcn__list_init(&pair->entry);
  pair->proxy = proxy;
  pair->connecting = true;
  pair->leave_due_ms = pair->reset_due_ms = GCN__NEVER;
  if (open_polls(pair, client, upstream) != 0) {
    undo(pair);
    return NULL;
  }
  pair->number = ++proxy->counters.connections;
  for (int i = 0; i < 2; i++) {
    gcn__toxic_flow_init(&pair->flows[i], &gcn__mem_libc, &proxy->toxics,
                         i == CLIENT, pair->number);
    gcn__toxic_flow_seed(&pair->flows[i], proxy->seed);
  }
  gcn__list_append(&proxy->pairs, &pair->entry);
  proxy->handle_count++;
  proxy->counters.open++;
  return pair;
}

static void begin(struct pair* pair) {
  say(pair->proxy, "#%" PRIu64 " accepted", pair->number);
  for (int s = 0; s < 2; s++)
    gcn__toxic_flow_begin(&pair->flows[s], now_of(pair->proxy));
  pump(pair);
}

static void add_pair(struct gcn__faultproxy* proxy, int client) {
  int upstream = dial(proxy);
  struct pair* pair = upstream < 0 ? NULL : make_pair(proxy, client, upstream);
  if (pair != NULL) {
    begin(pair);
    return;
  }
  proxy->counters.unreached++;
  if (upstream >= 0) close(upstream);
  close(client);
}

/* Without descriptors the poll would spin: it rests until a pair goes. */
static void rest(struct gcn__faultproxy* proxy) {
  if (!gcn__listen_port_exhausted(errno)) return;
  if (gcn__list_empty(&proxy->pairs)) return;
  say(proxy, "no connection can be accepted: %s", strerror(errno));
  uv_poll_stop(&proxy->poll);
}

static void on_connection(uv_poll_t* poll, int status, int events) {
  struct gcn__faultproxy* proxy = poll->data;
  (void)status;
  (void)events;
  for (int i = 0; i < ACCEPTS_MAX && !proxy->closing; i++) {
    int fd = accept4(proxy->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      rest(proxy);
      break;
    }
    add_pair(proxy, fd);
  }
}

static int start(struct gcn__faultproxy* self,
                 const struct gcn__faultproxy_options* options) {
  int error =
      gcn__listen_port_parse(options->upstream_address, options->upstream_port,
                             &self->upstream, &self->upstream_size);
  if (error == 0) {
    error = gcn__listen_port_open(options->address, options->port, &self->fd,
                                  &self->port);
  }
  if (error == 0 && options->receive_size > 0) {
    setsockopt(self->fd, SOL_SOCKET, SO_RCVBUF, &options->receive_size,
               sizeof options->receive_size); /* accepted ones inherit it */
  }
  if (error == 0) error = uv_poll_init(self->loop, &self->poll, self->fd);
  if (error != 0) return error;
  self->poll.data = self;
  self->handle_count = 1;
  return uv_poll_start(&self->poll, UV_READABLE, on_connection);
}

int gcn__faultproxy_new(uv_loop_t* loop,
                        const struct gcn__faultproxy_options* options,
                        struct gcn__faultproxy** proxy) {
  struct gcn__faultproxy* self = calloc(1, sizeof *self);
  *proxy = NULL;
  if (self == NULL) return GCN__ENOMEM;
  self->loop = loop;
  self->fd = -1;
  self->seed = options->seed;
  self->log = options->log;
  self->ctx = options->ctx;
  if (options->toxics != NULL) self->toxics = *options->toxics;
  gcn__list_init(&self->pairs);
  int error = start(self, options);
  if (error == 0) {
    *proxy = self;
    return 0;
  }
  if (self->fd >= 0) close(self->fd);
  free(self);
  return error;
}

uint16_t gcn__faultproxy_port(const struct gcn__faultproxy* proxy) {
  return proxy->port;
}

bool gcn__faultproxy_add(struct gcn__faultproxy* proxy, struct gcn__span rule,
                         struct gcn__toxic_mistake* mistake) {
  if (!gcn__toxics_add(&proxy->toxics, rule, mistake)) return false;
  uv_update_time(proxy->loop);
  struct gcn__list* next;
  for (struct gcn__list* at = proxy->pairs.next; at != &proxy->pairs;
       at = next) {
    struct pair* pair = GCN__CONTAINER_OF(at, struct pair, entry);
    next = at->next;
    for (int s = 0; s < 2; s++)
      gcn__toxic_flow_begin(&pair->flows[s], now_of(proxy));
    pump(pair);
  }
  return true;
}

const struct gcn__toxics*
gcn__faultproxy_toxics(const struct gcn__faultproxy* proxy) {
  return &proxy->toxics;
}

void gcn__faultproxy_counters(const struct gcn__faultproxy* proxy,
                              struct gcn__faultproxy_counters* out) {
  *out = proxy->counters;
}

void gcn__faultproxy_close(struct gcn__faultproxy* proxy,
                           void (*closed)(void* ctx), void* ctx) {
  proxy->closing = true;
  proxy->closed = closed;
  proxy->closed_ctx = ctx;
  while (!gcn__list_empty(&proxy->pairs)) {
    finish(GCN__CONTAINER_OF(proxy->pairs.next, struct pair, entry), true);
  }
  uv_close((uv_handle_t*)&proxy->poll, on_port_closed);
  close(proxy->fd);
}
