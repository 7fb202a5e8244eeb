/* SPDX-License-Identifier: MIT */
/*
 * Each connection is a way: two descriptors and the timer of its idleness.
 * Sending blocks, which cannot last: everybody is on this machine and reads.
 */
#include "middlebox.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct side {
  uv_poll_t poll;
  struct way* way;
  int fd;
};

struct way {
  struct gcn__list link;
  struct middlebox* box;
  struct side sides[2];
  uv_timer_t idle;
  unsigned handles;
  bool dead; /* it is on its way out */
};

static void on_gone(struct way* way) {
  if (--way->handles > 0) return;
  close(way->sides[0].fd);
  close(way->sides[1].fd);
  way->box->handles--;
  free(way);
}

static void on_side_closed(uv_handle_t* handle) {
  on_gone(((struct side*)handle->data)->way);
}

static void on_timer_closed(uv_handle_t* handle) {
  on_gone(handle->data);
}

static void end(struct way* way) {
  if (way->dead) return;
  way->dead = true;
  gcn__list_remove(&way->link);
  uv_close((uv_handle_t*)&way->idle, on_timer_closed);
  for (size_t i = 0; i < 2; i++)
    uv_close((uv_handle_t*)&way->sides[i].poll, on_side_closed);
}

static void give_up(uv_timer_t* timer) {
  struct way* way = timer->data;
  const struct linger abrupt = {.l_onoff = 1, .l_linger = 0};
  way->box->idled++;
  /* Without time to linger a close is a reset. */
  for (size_t i = 0; i < 2; i++)
    setsockopt(way->sides[i].fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
  end(way);
}

static bool send_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= (size_t)sent;
  }
  return true;
}

static void on_readable(uv_poll_t* poll, int status, int events) {
  struct side* side = poll->data;
  struct way* way = side->way;
  struct side* other = &way->sides[side == way->sides];
  char bytes[65536];
  (void)events;
  ssize_t size = status < 0 ? -1 : recv(side->fd, bytes, sizeof bytes, 0);
  if (size <= 0 || !send_all(other->fd, bytes, (size_t)size)) {
    end(way);
    return;
  }
  uv_timer_start(&way->idle, give_up, way->box->idle_ms, 0);
}

static void watch(struct way* way, size_t index, int fd) {
  struct side* side = &way->sides[index];
  side->way = way;
  side->fd = fd;
  assert_int_equal(uv_poll_init(way->box->loop, &side->poll, fd), 0);
  side->poll.data = side;
  way->handles++;
  uv_poll_start(&side->poll, UV_READABLE, on_readable);
}

static int connect_to(uint16_t port) {
  struct sockaddr_in name;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  uv_ip4_addr("127.0.0.1", port, &name);
  assert_int_equal(connect(fd, (const struct sockaddr*)&name, sizeof name), 0);
  return fd;
}

static void on_accepted_closed(uv_handle_t* handle) {
  free(handle);
}

static void on_connection(uv_stream_t* listener, int status) {
  struct middlebox* box = listener->data;
  uv_tcp_t* tcp = malloc(sizeof *tcp);
  struct way* way = calloc(1, sizeof *way);
  uv_os_fd_t fd;
  assert_true(tcp != NULL && way != NULL);
  assert_int_equal(status, 0);
  uv_tcp_init(box->loop, tcp);
  assert_int_equal(uv_accept(listener, (uv_stream_t*)tcp), 0);
  assert_int_equal(uv_fileno((uv_handle_t*)tcp, &fd), 0);
  box->accepted++;
  box->handles++;
  way->box = box;
  gcn__list_append(&box->ways, &way->link);
  watch(way, 0, dup(fd)); /* only the descriptor is needed */
  watch(way, 1, connect_to(box->target));
  uv_timer_init(box->loop, &way->idle);
  way->idle.data = way;
  way->handles++;
  uv_timer_start(&way->idle, give_up, box->idle_ms, 0);
  uv_close((uv_handle_t*)tcp, on_accepted_closed);
}

void middlebox_open(struct middlebox* box, uv_loop_t* loop, uint16_t target,
                    uint64_t idle_ms) {
  struct sockaddr_in name;
  int size = sizeof name;
  memset(box, 0, sizeof *box);
  box->loop = loop;
  box->target = target;
  box->idle_ms = idle_ms;
  gcn__list_init(&box->ways);
  uv_ip4_addr("127.0.0.1", 0, &name);
  uv_tcp_init(loop, &box->listener);
  box->listener.data = box;
  uv_tcp_bind(&box->listener, (const struct sockaddr*)&name, 0);
  assert_int_equal(uv_listen((uv_stream_t*)&box->listener, 64, on_connection),
                   0);
  uv_tcp_getsockname(&box->listener, (struct sockaddr*)&name, &size);
  box->port = ntohs(name.sin_port);
  snprintf(box->url, sizeof box->url, "http://127.0.0.1:%u",
           (unsigned)box->port);
}

void middlebox_swallow(struct middlebox* box) {
  struct gcn__list* at = box->ways.next;
  for (; at != &box->ways; at = at->next) {
    struct way* way = GCN__CONTAINER_OF(at, struct way, link);
    uv_timer_stop(&way->idle);
    for (size_t i = 0; i < 2; i++)
      uv_poll_stop(&way->sides[i].poll);
  }
}

void middlebox_close(struct middlebox* box) {
  harness_close((uv_handle_t*)&box->listener);
  while (!gcn__list_empty(&box->ways))
    end(GCN__CONTAINER_OF(box->ways.next, struct way, link));
  while (box->handles > 0)
    uv_run(box->loop, UV_RUN_ONCE);
}
