/* SPDX-License-Identifier: MIT */
/*
 * The bench's source: its sockets and its pace.
 *
 * Each connection ends in one place, finish(); its memory goes when its poll
 * has left the loop.
 */
#include "sim/listen-source.h"

#include "base/err.h"
#include "base/list.h"
#include "codec/ws.h"
#include "sim/listen-port.h"
#include "sim/listen-ticker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  READ_SIZE = 64 * 1024,
  PLAIN_SIZE = 16 * 1024,
  OUT_SIZE_MAX = 1 << 30,
  PREPARED_SIZE_MAX = 256 << 20, /* of one connection's records */
  CHUNK_SIZE = 1 << 20,
  ROUND_SIZE = 1 << 20, /* of prepared frames, at least */
  ACCEPTS_MAX = 64,     /* per turn of the loop */
  HANDSHAKE_BYTE = 0x16,
  KICK_BYTE = 'k',
};

#define PONG                                                                   \
  "{\"topicName\":\"channel.metadata\",\"eventBody\":{\"message\":\"pong\"}}"

enum phase { FRESH, REQUESTS, STREAM, KICKS };

struct peer {
  struct gcn__list entry;
  struct gcn__source* source;
  enum phase phase;
  struct gcn__simtls* tls; /* NULL: plain */
  struct gcn__buf out;
  struct gcn__http* http;
  struct gcn__ws* ws;
  uint64_t channel; /* 0: whoever asks gets events at once */
  uint64_t sent;    /* events */
  size_t piece_at;  /* bytes sent of prepared frames */
  bool held;        /* what is in `out` waits for them to begin */
  bool running;     /* its events have begun */
  bool done;        /* ... and ended */
  bool ending;      /* goes once everything is out */
  int fd;           /* -1: it is closing */
  uv_poll_t poll;
};

struct channel {
  struct peer* peer; /* that streams it */
  bool subscribed;
};

struct gcn__source {
  uv_loop_t* loop;
  struct gcn__source_options options;
  struct gcn__source_frames frames;
  struct gcn__list peers;
  struct gcn__list* turn; /* whose event is next, of a rate */
  struct channel* channels;
  struct gcn__source_reply reply;
  struct peer* newest;
  uint64_t running_count;
  int fd;
  uint16_t port;
  uv_poll_t poll;
  struct gcn__ticker ticker;
  bool timed;   /* there is a ticker */
  bool started; /* enough connections are there */
  unsigned handle_count;
  void (*closed)(void* ctx);
  void* closed_ctx;
  char bytes[READ_SIZE];
};

static void release(struct gcn__source* source) {
  if (--source->handle_count > 0) return;
  void (*closed)(void* ctx) = source->closed;
  void* ctx = source->closed_ctx;
  gcn__source_frames_free(&source->frames);
  free(source->channels);
  free(source);
  if (closed != NULL) closed(ctx);
}

static void on_handle_closed(uv_handle_t* handle) {
  release(handle->data);
}

static void on_peer_closed(uv_handle_t* handle) {
  struct peer* peer = handle->data;
  struct gcn__source* source = peer->source;
  free(peer);
  release(source);
}

static void forget(struct peer* peer) {
  struct gcn__source* source = peer->source;
  if (source->turn == &peer->entry) source->turn = peer->entry.next;
  if (source->newest == peer) source->newest = NULL;
  if (peer->running && !peer->done) source->running_count--;
  struct channel* channel = &source->channels[peer->channel];
  if (channel->peer == peer) channel->peer = NULL;
  gcn__list_remove(&peer->entry);
}

static void on_connection(uv_poll_t* poll, int status, int events);

static void finish(struct peer* peer, bool reset) {
  if (peer->fd < 0) return;
  forget(peer);
  gcn__simtls_free(peer->tls);
  gcn__http_free(peer->http);
  gcn__ws_free(peer->ws);
  gcn__buf_deinit(&peer->out);
  uv_close((uv_handle_t*)&peer->poll, on_peer_closed);
  gcn__listen_port_hang_up(peer->fd, reset);
  peer->fd = -1;
  struct gcn__source* source = peer->source;
  if (!uv_is_active((uv_handle_t*)&source->poll))
    uv_poll_start(&source->poll, UV_READABLE, on_connection);
}

/* Without descriptors the poll would spin: it rests until a peer goes. */
static void rest(struct gcn__source* source) {
  if (!gcn__list_empty(&source->peers)) uv_poll_stop(&source->poll);
}

static void put(struct peer* peer, struct gcn__span bytes) {
  if (peer->fd < 0) return;
  int error = peer->tls != NULL
                  ? gcn__simtls_write(peer->tls, bytes)
                  : gcn__buf_append(&peer->out, bytes.data, bytes.size);
  if (error != 0) finish(peer, true);
}

/* As many bytes as the socket takes; false if it takes no more, or is gone. */
static bool send_span(struct peer* peer, struct gcn__span bytes, size_t* sent) {
  ssize_t size =
      send(peer->fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);
  *sent = size > 0 ? (size_t)size : 0;
  if (size > 0 || (size < 0 && errno == EINTR)) return true;
  if (size < 0 && errno != EAGAIN) finish(peer, false);
  return false;
}

static bool send_out(struct peer* peer) {
  while (peer->fd >= 0 && gcn__buf_size(&peer->out) > 0) {
    size_t sent = 0;
    if (!send_span(peer, gcn__buf_span(&peer->out), &sent)) return false;
    gcn__buf_consume(&peer->out, sent);
  }
  return peer->fd >= 0;
}

/* Events that the connection is still to get. */
static uint64_t rest_of(const struct peer* peer) {
  uint64_t count = peer->source->options.count;
  return count == 0 ? UINT64_MAX : count - peer->sent;
}

static void end_events(struct peer* peer) {
  if (peer->done || rest_of(peer) > 0) return;
  peer->done = true;
  peer->source->running_count--;
  if (peer->source->options.stay) return;
  struct gcn__buf close;
  gcn__buf_init(&close, &gcn__mem_libc, PLAIN_SIZE);
  int error = gcn__ws_write_close(peer->ws, &close, GCN__WS_CLOSE_NORMAL,
                                  GCN__SPAN(""));
  if (error == 0) put(peer, gcn__buf_span(&close));
  gcn__buf_deinit(&close);
}

/* Events into the out buffer, up to `size` bytes of it. */
static void encrypt(struct peer* peer, size_t size) {
  const struct gcn__source* source = peer->source;
  unsigned batch = source->options.batch > 0 ? source->options.batch : 1;
  while (peer->fd >= 0 && rest_of(peer) > 0 &&
         gcn__buf_size(&peer->out) < size) {
    uint64_t count = rest_of(peer) < batch ? rest_of(peer) : batch;
    struct gcn__span piece =
        gcn__source_frames_at(&source->frames, peer->sent, &count);
    peer->sent += count;
    put(peer, piece);
  }
}

/* Straight from the prepared frames; true: there is room for more. */
static bool send_frames(struct peer* peer) {
  const struct gcn__source* source = peer->source;
  uint64_t batch = source->options.batch;
  while (peer->fd >= 0 && rest_of(peer) > 0) {
    uint64_t count = rest_of(peer);
    if (batch > 0 && count > batch) count = batch;
    struct gcn__span piece =
        gcn__source_frames_at(&source->frames, peer->sent, &count);
    size_t size = 0;
    if (!send_span(peer, gcn__span_skip(piece, peer->piece_at), &size)) {
      return false;
    }
    peer->piece_at += size;
    if (peer->piece_at < piece.size) continue;
    peer->piece_at = 0;
    peer->sent += count;
  }
  return peer->fd >= 0;
}

static bool blasts(const struct peer* peer) {
  const struct gcn__source_options* options = &peer->source->options;
  return peer->running && peer->source->started && !peer->done &&
         options->rate == 0 && !options->pingpong;
}

static void watch(struct peer* peer);

static void write_peer(struct peer* peer) {
  bool room = !peer->held && send_out(peer);
  while (room && blasts(peer)) {
    if (peer->tls != NULL) encrypt(peer, CHUNK_SIZE);
    room = peer->tls != NULL ? send_out(peer) : send_frames(peer);
    if (peer->fd >= 0 && peer->piece_at == 0) end_events(peer);
    if (peer->fd >= 0 && peer->done) room = send_out(peer);
  }
  if (peer->fd >= 0 && peer->ending && gcn__buf_size(&peer->out) == 0) {
    finish(peer, false);
  }
  if (peer->fd >= 0) watch(peer);
}

static void send_one(struct peer* peer) {
  uint64_t count = 1;
  if (!peer->running || peer->done) return;
  struct gcn__span piece =
      gcn__source_frames_at(&peer->source->frames, peer->sent, &count);
  peer->sent++;
  put(peer, piece);
  if (peer->fd >= 0) end_events(peer);
  if (peer->fd >= 0) write_peer(peer);
}

static void begin(struct peer* peer) {
  peer->held = false;
  write_peer(peer);
}

/* Everybody who is there begins together. */
static void start_all(struct gcn__source* source) {
  struct gcn__list* at = source->peers.next;
  source->started = true;
  if (source->timed) gcn__ticker_start(&source->ticker);
  while (at != &source->peers) {
    struct peer* peer = GCN__CONTAINER_OF(at, struct peer, entry);
    at = at->next;
    if (peer->running) begin(peer);
  }
}

static void run(struct peer* peer) {
  struct gcn__source* source = peer->source;
  const struct channel* channel = &source->channels[peer->channel];
  bool ready = peer->channel == 0 || channel->subscribed;
  if (peer->running || peer->phase != STREAM || !ready) return;
  peer->running = true;
  source->running_count++;
  bool enough = source->running_count >= source->options.wanted;
  if (source->started)
    begin(peer);
  else if (!source->options.hold && enough)
    start_all(source);
}

/* What can be done before its events begin. */
static void prepare(struct peer* peer) {
  const struct gcn__source_options* options = &peer->source->options;
  bool fast = options->rate == 0 && !options->pingpong && options->count > 0;
  if (peer->tls == NULL || !fast) return;
  encrypt(peer, PREPARED_SIZE_MAX);
  peer->held = true;
}

static void welcome(struct peer* peer, const struct gcn__source_reply* reply) {
  struct gcn__source* source = peer->source;
  gcn__http_free(peer->http);
  peer->http = NULL;
  peer->phase = STREAM;
  peer->channel = reply->channel;
  peer->ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_SERVER, NULL, NULL);
  if (peer->ws == NULL) {
    finish(peer, true);
    return;
  }
  source->newest = peer;
  if (peer->channel != 0) source->channels[peer->channel].peer = peer;
  if (!send_out(peer)) return; /* the 101 fits, or nobody is there */
  prepare(peer);
  if (peer->fd >= 0) run(peer);
}

static void answer(struct peer* peer) {
  struct gcn__source* source = peer->source;
  struct gcn__source_reply* reply = &source->reply;
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, PLAIN_SIZE);
  if (reply->channel_id > GCN__SOURCE_CHANNELS_MAX) reply->channel_id = 1;
  int error = gcn__source_answer(peer->http, reply, &text);
  if (error == 0) put(peer, gcn__buf_span(&text));
  gcn__buf_deinit(&text);
  if (peer->fd < 0 || error != 0) {
    finish(peer, true);
    return;
  }
  if (reply->did == GCN__SOURCE_UPGRADED) {
    welcome(peer, reply);
    return;
  }
  gcn__http_next(peer->http, false, false);
  if (reply->did != GCN__SOURCE_SUBSCRIBED) return;
  struct channel* channel = &source->channels[reply->channel];
  channel->subscribed = true;
  struct peer* stream = channel->peer;
  if (stream != NULL) run(stream);
}

static void take_message(struct peer* peer,
                         const struct gcn__ws_message* message) {
  bool text = message->opcode == GCN__WS_TEXT;
  if (text && peer->source->options.pingpong) {
    send_one(peer);
    return;
  }
  struct gcn__buf frame;
  struct gcn__span payload = gcn__span(message->data, message->size);
  gcn__buf_init(&frame, &gcn__mem_libc, PLAIN_SIZE);
  int error = 0;
  if (text) {
    error = gcn__ws_write(peer->ws, &frame, GCN__WS_TEXT, GCN__SPAN(PONG));
  } else if (message->opcode == GCN__WS_PING) {
    error = gcn__ws_write(peer->ws, &frame, GCN__WS_PONG, payload);
  } else if (message->opcode == GCN__WS_CLOSE) {
    if (!peer->done) {
      error =
          gcn__ws_write_close(peer->ws, &frame, message->code, GCN__SPAN(""));
    }
    peer->ending = true;
    peer->held = false;
  }
  if (error == 0) put(peer, gcn__buf_span(&frame));
  gcn__buf_deinit(&frame);
}

static void take_stream(struct peer* peer, struct gcn__span bytes) {
  while (peer->fd >= 0 && !peer->ending) {
    struct gcn__ws_message message;
    int got = gcn__ws_read(peer->ws, &bytes, &message);
    if (got == GCN__WS_MORE) return;
    if (got < 0)
      finish(peer, true);
    else
      take_message(peer, &message);
  }
}

static void take_requests(struct peer* peer, struct gcn__span bytes) {
  while (peer->fd >= 0 && peer->phase == REQUESTS && bytes.size > 0) {
    int got = gcn__http_read(peer->http, &bytes);
    if (got < 0)
      finish(peer, true);
    else if (got == GCN__HTTP_DONE)
      answer(peer);
  }
  if (peer->fd >= 0 && peer->phase == STREAM) take_stream(peer, bytes);
}

static void take(struct peer* peer, struct gcn__span bytes) {
  struct peer* newest = peer->source->newest;
  switch (peer->phase) {
  case FRESH:
  case REQUESTS: take_requests(peer, bytes); break;
  case STREAM: take_stream(peer, bytes); break;
  case KICKS:
    for (size_t i = 0; i < bytes.size && newest != NULL; i++)
      send_one(newest);
    break;
  }
}

static void take_cipher(struct peer* peer, struct gcn__span bytes) {
  char plain[PLAIN_SIZE];
  while (peer->fd >= 0) {
    int size = gcn__simtls_read(peer->tls, &bytes, plain, sizeof plain);
    if (size < 0) finish(peer, false);
    if (size <= 0) return;
    take(peer, gcn__span(plain, (size_t)size));
  }
}

/* By the first byte of all. */
static void recognise(struct peer* peer, unsigned char first) {
  struct gcn__source* source = peer->source;
  peer->phase = first == KICK_BYTE ? KICKS : REQUESTS;
  if (peer->phase == KICKS) return;
  peer->http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_REQUESTS,
                             &gcn__http_limits_default);
  if (first == HANDSHAKE_BYTE && source->options.tls != NULL) {
    peer->tls = gcn__simtls_new(source->options.tls, NULL, &peer->out);
    if (peer->tls == NULL) finish(peer, true);
  }
  if (peer->fd >= 0 && peer->http == NULL) finish(peer, true);
}

static void read_peer(struct peer* peer) {
  char* bytes = peer->source->bytes;
  ssize_t size = recv(peer->fd, bytes, READ_SIZE, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    finish(peer, false);
    return;
  }
  if (peer->phase == FRESH) recognise(peer, (unsigned char)bytes[0]);
  if (peer->fd < 0) return;
  struct gcn__span span = gcn__span(bytes, (size_t)size);
  if (peer->tls != NULL)
    take_cipher(peer, span);
  else
    take(peer, span);
}

static void on_ready(uv_poll_t* poll, int status, int events) {
  struct peer* peer = poll->data;
  if (peer->fd < 0) return;
  if (status < 0 || (events & UV_READABLE)) read_peer(peer);
  if (peer->fd >= 0) write_peer(peer);
}

static void watch(struct peer* peer) {
  bool more = (gcn__buf_size(&peer->out) > 0 && !peer->held) || blasts(peer);
  uv_poll_start(&peer->poll, more ? UV_READABLE | UV_WRITABLE : UV_READABLE,
                on_ready);
}

static void add_peer(struct gcn__source* source, int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct peer* peer = calloc(1, sizeof *peer);
  if (peer == NULL || uv_poll_init(source->loop, &peer->poll, fd) != 0) {
    free(peer);
    close(fd);
    return;
  }
  peer->source = source;
  peer->fd = fd;
  peer->poll.data = peer;
  gcn__buf_init(&peer->out, &gcn__mem_libc, OUT_SIZE_MAX);
  gcn__list_init(&peer->entry);
  gcn__list_append(&source->peers, &peer->entry);
  source->handle_count++;
  watch(peer);
}

static void on_connection(uv_poll_t* poll, int status, int events) {
  struct gcn__source* source = poll->data;
  (void)status;
  (void)events;
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && gcn__listen_port_exhausted(errno)) rest(source);
    if (fd < 0) return;
    add_peer(source, fd);
  }
}

/* To the next connection in turn that wants one; false if none does. */
static bool send_next(void* ctx) {
  struct gcn__source* source = ctx;
  struct gcn__list* first = source->turn;
  do {
    struct gcn__list* at = source->turn;
    source->turn = at->next;
    if (at == &source->peers) continue;
    struct peer* peer = GCN__CONTAINER_OF(at, struct peer, entry);
    if (!peer->running || peer->done) continue;
    send_one(peer);
    return true;
  } while (source->turn != first);
  return false;
}

void gcn__source_go(struct gcn__source* source) {
  source->options.hold = false;
  if (!source->started) start_all(source);
}

void gcn__source_cut(struct gcn__source* source) {
  struct gcn__list* at = source->peers.next;
  while (at != &source->peers) {
    struct peer* peer = GCN__CONTAINER_OF(at, struct peer, entry);
    at = at->next;
    if (peer->phase == STREAM) finish(peer, true);
  }
}

static int make_frames(struct gcn__source* self) {
  size_t size = self->options.size;
  size_t each = size == GCN__SOURCE_MIX ? 2048 : size;
  if (each < GCN__SOURCE_SIZE_MIN || each > GCN__SOURCE_SIZE_MAX) {
    return GCN__EINVAL;
  }
  return gcn__source_frames_make(&self->frames, size, ROUND_SIZE / each + 1);
}

/* The handles come last, because they cannot be taken back at once. */
static int start(struct gcn__source* self) {
  int error = uv_poll_init(self->loop, &self->poll, self->fd);
  if (error != 0) return error;
  self->poll.data = self;
  self->handle_count = 1;
  uv_poll_start(&self->poll, UV_READABLE, on_connection);
  if (self->options.rate == 0) return 0;
  error = gcn__ticker_init(&self->ticker, self->loop, self->options.rate,
                           send_next, self);
  if (error != 0) return error;
  self->ticker.poll.data = self;
  self->timed = true;
  self->handle_count = 2;
  return 0;
}

static void drop(struct gcn__source* self) {
  if (self->fd >= 0) close(self->fd);
  gcn__source_frames_free(&self->frames);
  free(self->channels);
  free(self);
}

int gcn__source_new(uv_loop_t* loop, const struct gcn__source_options* options,
                    struct gcn__source** out) {
  struct gcn__source* self = calloc(1, sizeof *self);
  if (self == NULL) return GCN__ENOMEM;
  self->loop = loop;
  self->options = *options;
  self->fd = -1;
  self->reply = (struct gcn__source_reply){.channel_id = 1,
                                           .secure = options->tls != NULL};
  gcn__list_init(&self->peers);
  self->turn = &self->peers;
  self->channels = calloc(GCN__SOURCE_CHANNELS_MAX + 1, sizeof *self->channels);
  int error = self->channels == NULL ? GCN__ENOMEM : make_frames(self);
  if (error == 0) {
    error = gcn__listen_port_open(NULL, 0, &self->fd, &self->port);
  }
  if (error == 0) error = start(self);
  if (error == 0)
    *out = self;
  else if (self->handle_count > 0)
    gcn__source_close(self, NULL, NULL);
  else
    drop(self);
  return error;
}

uint16_t gcn__source_port(const struct gcn__source* source) {
  return source->port;
}

void gcn__source_close(struct gcn__source* source, void (*closed)(void* ctx),
                       void* ctx) {
  source->closed = closed;
  source->closed_ctx = ctx;
  struct gcn__list* at = source->peers.next;
  while (at != &source->peers) {
    struct peer* peer = GCN__CONTAINER_OF(at, struct peer, entry);
    at = at->next;
    finish(peer, false);
  }
  bool timed = source->timed;
  close(source->fd);
  uv_close((uv_handle_t*)&source->poll, on_handle_closed);
  if (timed) gcn__ticker_close(&source->ticker, on_handle_closed);
}
