/* SPDX-License-Identifier: MIT */
/*
 * The floor: OpenSSL (or the bare socket) and a loop that reads and counts
 * frames.  No UTF-8, no JSON, no answer to a ping; one connection, blocking
 * reads.  In mode pingpong it waits in epoll, as a program with a loop does,
 * and asks by a connection of its own, as the library's reader has to.  In mode
 * cut it connects again and again, each time for one event.
 */
#include "common/wire.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 * 1024, READ_AHEAD_SIZE = 64 * 1024 };

struct stream {
  const struct tally_plan* plan;
  int fd;
  SSL* ssl; /* NULL: plain */
  int epoll;
  int kick; /* each byte of it is answered by an event */
  struct wire_frames frames;
  unsigned char buffer[BUFFER_SIZE];
};

static int dial(const struct tally_plan* plan) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  if (getaddrinfo(plan->host, plan->port, &hints, &found) != 0) {
    tally_die(1, "no such host");
  }
  int fd = socket(found->ai_family, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
    tally_die(1, "no connection");
  }
  freeaddrinfo(found);
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static SSL_CTX* trust(const struct tally_plan* plan) {
  SSL_CTX* ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD_SIZE);
  if (SSL_CTX_load_verify_locations(ctx, plan->ca, NULL) != 1) {
    tally_die(1, "no CA");
  }
  return ctx;
}

static SSL* shake_hands(const struct tally_plan* plan, SSL_CTX* ctx, int fd) {
  SSL* ssl = SSL_new(ctx);
  SSL_set1_host(ssl, plan->host);
  SSL_set_fd(ssl, fd);
  if (SSL_connect(ssl) != 1) {
    ERR_print_errors_fp(stderr);
    tally_die(1, "no TLS");
  }
  return ssl;
}

static void send_all(struct stream* stream, const void* data, size_t size) {
  int sent = stream->ssl != NULL ? SSL_write(stream->ssl, data, (int)size)
                                 : (int)write(stream->fd, data, size);
  if (sent != (int)size) tally_die(1, "a short write");
}

static size_t receive(struct stream* stream, size_t offset) {
  bool pending = stream->ssl != NULL && SSL_has_pending(stream->ssl);
  struct epoll_event event;
  if (stream->epoll >= 0 && !pending) {
    epoll_wait(stream->epoll, &event, 1, -1);
  }
  unsigned char* to = stream->buffer + offset;
  int room = (int)(BUFFER_SIZE - offset);
  int size = stream->ssl != NULL ? SSL_read(stream->ssl, to, room)
                                 : (int)read(stream->fd, to, (size_t)room);
  if (size <= 0) tally_die(1, "the stream ended early");
  return (size_t)size;
}

static void wait_with_epoll(struct stream* stream) {
  struct epoll_event event = {.events = EPOLLIN};
  stream->kick = dial(stream->plan);
  stream->epoll = epoll_create1(0);
  epoll_ctl(stream->epoll, EPOLL_CTL_ADD, stream->fd, &event);
}

static void upgrade(struct stream* stream) {
  char request[WIRE_REQUEST_MAX];
  size_t size = wire_request(request, stream->plan);
  send_all(stream, request, size);
  size_t head = 0;
  for (size = 0; head == 0; head = wire_answer((char*)stream->buffer, size)) {
    size += receive(stream, size);
  }
  if (stream->plan->mode != TALLY_CUT) tally_open();
  wire_count(&stream->frames, stream->buffer + head, size - head);
}

static void read_events(struct stream* stream) {
  const struct wire_frames* frames = &stream->frames;
  while (!tally_done()) {
    bool between = !frames->inside && frames->header_size == 0;
    if (between && stream->plan->mode == TALLY_PINGPONG) {
      tally_sent();
      if (write(stream->kick, "k", 1) != 1) tally_die(1, "a short write");
    }
    wire_count(&stream->frames, stream->buffer, receive(stream, 0));
  }
}

static void open_stream(struct stream* stream, SSL_CTX* ctx) {
  stream->fd = dial(stream->plan);
  if (ctx != NULL) stream->ssl = shake_hands(stream->plan, ctx, stream->fd);
  if (stream->plan->mode == TALLY_PINGPONG) wait_with_epoll(stream);
  upgrade(stream);
}

/* No session is kept, so that each handshake is a full one. */
static void connect_often(struct stream* stream, SSL_CTX* ctx) {
  while (!tally_done()) {
    stream->frames = (struct wire_frames){.header_size = 0};
    uint64_t before = tally_events();
    open_stream(stream, ctx);
    while (tally_events() == before)
      wire_count(&stream->frames, stream->buffer, receive(stream, 0));
    if (!tally_done()) tally_open();
    SSL_free(stream->ssl);
    close(stream->fd);
  }
}

int main(int argc, char** argv) {
  static struct stream stream = {.epoll = -1};
  stream.plan = tally_begin(argc, argv);
  enum tally_mode mode = stream.plan->mode;
  bool one = stream.plan->connections == 1 || mode == TALLY_CUT;
  if (!one || mode == TALLY_IDLE || mode == TALLY_JSON) {
    tally_die(TALLY_CANNOT_RUN, "it only counts, on one connection");
  }
  tally_start();
  SSL_CTX* ctx = stream.plan->tls ? trust(stream.plan) : NULL;
  if (mode == TALLY_CUT) {
    connect_often(&stream, ctx);
  } else {
    open_stream(&stream, ctx);
    read_events(&stream);
  }
  SSL_CTX_free(ctx);
  return tally_leave("floor", OpenSSL_version(OPENSSL_VERSION_STRING));
}
