/* SPDX-License-Identifier: MIT */
/*
 * wslay's event API over OpenSSL or Mbed TLS on a libuv loop: what one composes
 * who has these three.  wslay validates UTF-8 and hands out whole messages; TLS
 * reads the socket that uv_poll watches.
 */
#include "common/wire.h"
#include "wslay/secure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include <uv.h>
#include <wslay/wslay.h>

struct stream {
  int fd;
  uv_poll_t poll;
  struct secure* secure;          /* NULL: plain */
  wslay_event_context_ptr events; /* NULL: not upgraded */
  bool asked;                     /* for the upgrade */
  size_t head_size;               /* of the answer, so far */
  char head[WIRE_REQUEST_MAX];
};

static struct {
  const struct tally_plan* plan;
  struct sockaddr_in address;
  uv_timer_t settle;
  unsigned dialled;
} run;

static void dial(void);

static void check(int error) {
  if (error != 0) tally_die(1, uv_strerror(error));
}

/* Bytes; 0: none at present; -1: the connection is of no use any more. */
static ssize_t get(struct stream* stream, void* data, size_t size) {
  if (stream->secure != NULL) return secure_read(stream->secure, data, size);
  ssize_t got = read(stream->fd, data, size);
  return got > 0 ? got : got < 0 && errno == EAGAIN ? 0 : -1;
}

static void put(struct stream* stream, const void* data, size_t size) {
  ssize_t sent = stream->secure == NULL
                     ? write(stream->fd, data, size)
                     : secure_write(stream->secure, data, size);
  if (sent != (ssize_t)size) tally_die(1, "a short write");
}

static ssize_t on_recv(wslay_event_context_ptr events, uint8_t* data,
                       size_t size, int flags, void* user) {
  (void)flags;
  ssize_t got = get(user, data, size);
  if (got > 0) return got;
  wslay_event_set_error(events, got == 0 ? WSLAY_ERR_WOULDBLOCK
                                         : WSLAY_ERR_CALLBACK_FAILURE);
  return -1;
}

static ssize_t on_send(wslay_event_context_ptr events, const uint8_t* data,
                       size_t size, int flags, void* user) {
  (void)events;
  (void)flags;
  put(user, data, size);
  return (ssize_t)size;
}

static int on_mask(wslay_event_context_ptr events, uint8_t* data, size_t size,
                   void* user) {
  (void)events;
  (void)user;
  return getrandom(data, size, 0) == (ssize_t)size ? 0 : -1;
}

static void ping(struct stream* stream) {
  struct wslay_event_msg message = {
      WSLAY_TEXT_FRAME, (const uint8_t*)TALLY_PING, sizeof TALLY_PING - 1};
  tally_sent();
  wslay_event_queue_msg(stream->events, &message);
}

static void on_message(wslay_event_context_ptr events,
                       const struct wslay_event_on_msg_recv_arg* message,
                       void* user) {
  (void)events;
  if (message->opcode != WSLAY_TEXT_FRAME) return;
  tally_event(message->msg, message->msg_length);
  if (tally_done()) {
    uv_stop(uv_default_loop());
  } else if (run.plan->mode == TALLY_PINGPONG) {
    ping(user);
  }
}

static void on_settled(uv_timer_t* timer) {
  uv_stop(timer->loop);
}

static void opened(struct stream* stream) {
  static const struct wslay_event_callbacks callbacks = {
      .recv_callback = on_recv,
      .send_callback = on_send,
      .genmask_callback = on_mask,
      .on_msg_recv_callback = on_message,
  };
  wslay_event_context_client_init(&stream->events, &callbacks, stream);
  wslay_event_config_set_max_recv_msg_length(stream->events, TALLY_MESSAGE_MAX);
  bool last = tally_open();
  if (run.plan->mode == TALLY_PINGPONG) ping(stream);
  if (last && run.plan->mode == TALLY_IDLE) {
    uv_timer_start(&run.settle, on_settled, TALLY_SETTLE_MS, 0);
  }
  dial();
}

/* One byte at a time: what follows the head is wslay's. */
static bool answered(struct stream* stream) {
  while (stream->head_size < sizeof stream->head) {
    char* at = stream->head + stream->head_size;
    if (get(stream, at, 1) <= 0) return false;
    stream->head_size++;
    if (*at == '\n' && wire_answer(stream->head, stream->head_size) > 0) {
      return true;
    }
  }
  return false;
}

static bool upgraded(struct stream* stream) {
  if (stream->events != NULL) return true;
  if (stream->secure != NULL && !secure_open(stream->secure)) return false;
  if (!stream->asked) {
    char request[WIRE_REQUEST_MAX];
    put(stream, request, wire_request(request, run.plan));
    stream->asked = true;
  }
  if (!answered(stream)) return false;
  opened(stream);
  return true;
}

static void on_ready(uv_poll_t* poll, int status, int ready) {
  struct stream* stream = poll->data;
  check(status);
  if (ready & UV_WRITABLE) uv_poll_start(poll, UV_READABLE, on_ready);
  if (!upgraded(stream)) return;
  if (wslay_event_recv(stream->events) != 0 ||
      wslay_event_send(stream->events) != 0) {
    tally_die(1, "wslay gave up");
  }
}

static void dial(void) {
  if (run.dialled == run.plan->connections) return;
  run.dialled++;
  struct stream* stream = calloc(1, sizeof *stream);
  stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int on = 1;
  setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int done =
      connect(stream->fd, (struct sockaddr*)&run.address, sizeof run.address);
  if (done != 0 && errno != EINPROGRESS) tally_die(1, "no connection");
  if (run.plan->tls) stream->secure = secure_new(stream->fd, run.plan->host);
  check(uv_poll_init(uv_default_loop(), &stream->poll, stream->fd));
  stream->poll.data = stream;
  check(uv_poll_start(&stream->poll, UV_WRITABLE, on_ready));
}

int main(int argc, char** argv) {
  run.plan = tally_begin(argc, argv);
  check(uv_ip4_addr(run.plan->host, atoi(run.plan->port), &run.address));
  check(uv_timer_init(uv_default_loop(), &run.settle));
  if (run.plan->tls) secure_trust(run.plan->ca);
  tally_start();
  for (int i = 0; i < TALLY_WINDOW; i++)
    dial();
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return tally_leave(secure_peer, PACKAGE_VERSION);
}
