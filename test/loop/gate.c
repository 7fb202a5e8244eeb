/* SPDX-License-Identifier: MIT */
/*
 * Sockets block where that cannot last: everybody is on this machine.
 */
#include "gate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLOOD_STEP = 1024 };

struct leaf {
  uv_poll_t poll;
  struct gate* gate;
  struct leaf* peer; /* the other end of a tunnel; NULL: none */
  int fd;
  bool client;
  bool floods;
  bool gone;
  char head[4096];
  size_t size;
};

static void on_closed(uv_handle_t* handle) {
  struct leaf* leaf = handle->data;
  leaf->gate->handles--;
  free(leaf);
}

static void end(struct leaf* leaf, bool reset) {
  const struct linger now = {.l_onoff = 1, .l_linger = 0};
  struct leaf* peer = leaf->peer;
  if (leaf->gone) return;
  leaf->gone = true;
  leaf->peer = NULL;
  if (reset) setsockopt(leaf->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  uv_close((uv_handle_t*)&leaf->poll, on_closed);
  close(leaf->fd);
  if (peer != NULL) peer->peer = NULL;
  if (peer != NULL) end(peer, reset);
}

static void send_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return; /* the reader will find out */
    bytes += sent;
    size -= (size_t)sent;
  }
}

static void keep(struct gate* gate, const char* bytes, size_t size) {
  assert_true(gate->seen_size + size < GATE_SEEN_SIZE);
  for (size_t i = 0; i < size; i++)
    gate->seen[gate->seen_size++] = bytes[i] == '\0' ? '.' : bytes[i];
}

static struct leaf* add_leaf(struct gate* gate, int fd, bool client);

static void open_tunnel(struct leaf* leaf) {
  struct sockaddr_in name;
  unsigned port = 0;
  const char* colon = strchr(leaf->head, ':');
  assert_non_null(colon);
  sscanf(colon, ":%u", &port);
  if (leaf->gate->divert != 0) port = leaf->gate->divert;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  uv_ip4_addr("127.0.0.1", (int)port, &name);
  if (connect(fd, (const struct sockaddr*)&name, sizeof name) != 0) {
    close(fd);
    end(leaf, false);
    return;
  }
  leaf->peer = add_leaf(leaf->gate, fd, false);
  leaf->peer->peer = leaf;
  leaf->gate->tunnels++;
}

static void on_ready(uv_poll_t* poll, int status, int events);

static void answer(struct leaf* leaf) {
  struct gate* gate = leaf->gate;
  gate->asked++;
  send_all(leaf->fd, gate->reply, strlen(gate->reply));
  switch (gate->then) {
  case GATE_TUNNELS: open_tunnel(leaf); break;
  case GATE_CLOSES: end(leaf, false); break;
  case GATE_RESETS: end(leaf, true); break;
  case GATE_FLOODS:
    leaf->floods = true;
    uv_poll_start(&leaf->poll, UV_READABLE | UV_WRITABLE, on_ready);
    break;
  case GATE_WAITS:
  default: break;
  }
}

static void flood(struct leaf* leaf) {
  char bytes[FLOOD_STEP];
  const char* reply = leaf->gate->reply;
  memset(bytes, reply[strlen(reply) - 1], sizeof bytes);
  ssize_t sent = send(leaf->fd, bytes, sizeof bytes, MSG_NOSIGNAL);
  if (sent > 0) leaf->gate->flooded += (uint64_t)sent;
  if (sent < 0) end(leaf, false);
}

static void read_leaf(struct leaf* leaf) {
  char bytes[65536];
  ssize_t size = recv(leaf->fd, bytes, sizeof bytes, 0);
  if (size <= 0) {
    end(leaf, false);
    return;
  }
  if (leaf->client) keep(leaf->gate, bytes, (size_t)size);
  if (leaf->peer != NULL) {
    send_all(leaf->peer->fd, bytes, (size_t)size);
    return;
  }
  assert_true(leaf->size + (size_t)size < sizeof leaf->head);
  memcpy(leaf->head + leaf->size, bytes, (size_t)size);
  leaf->size += (size_t)size;
  leaf->head[leaf->size] = '\0';
  if (strstr(leaf->head, "\r\n\r\n") != NULL) answer(leaf);
}

static void on_ready(uv_poll_t* poll, int status, int events) {
  struct leaf* leaf = poll->data;
  if (status < 0 || (events & UV_READABLE) != 0) {
    read_leaf(leaf);
  } else if (leaf->floods) {
    flood(leaf);
  }
}

static struct leaf* add_leaf(struct gate* gate, int fd, bool client) {
  struct leaf* leaf = calloc(1, sizeof *leaf);
  assert_non_null(leaf);
  leaf->gate = gate;
  leaf->fd = fd;
  leaf->client = client;
  assert_int_equal(uv_poll_init(gate->loop, &leaf->poll, fd), 0);
  leaf->poll.data = leaf;
  gate->handles++;
  uv_poll_start(&leaf->poll, UV_READABLE, on_ready);
  return leaf;
}

static void on_accepted_closed(uv_handle_t* handle) {
  free(handle);
}

static void on_connection(uv_stream_t* listener, int status) {
  struct gate* gate = listener->data;
  uv_tcp_t* tcp = malloc(sizeof *tcp);
  uv_os_fd_t fd;
  assert_non_null(tcp);
  assert_int_equal(status, 0);
  uv_tcp_init(gate->loop, tcp);
  assert_int_equal(uv_accept(listener, (uv_stream_t*)tcp), 0);
  assert_int_equal(uv_fileno((uv_handle_t*)tcp, &fd), 0);
  (void)add_leaf(gate, dup(fd), true); /* only the descriptor is needed */
  uv_close((uv_handle_t*)tcp, on_accepted_closed);
}

void gate_open(struct gate* gate, uv_loop_t* loop, const char* login) {
  struct sockaddr_in name;
  int size = sizeof name;
  memset(gate, 0, sizeof *gate);
  gate->loop = loop;
  gate->reply = "HTTP/1.1 200 Connection established\r\n\r\n";
  uv_ip4_addr("127.0.0.1", 0, &name);
  uv_tcp_init(loop, &gate->listener);
  gate->listener.data = gate;
  uv_tcp_bind(&gate->listener, (const struct sockaddr*)&name, 0);
  assert_int_equal(uv_listen((uv_stream_t*)&gate->listener, 64, on_connection),
                   0);
  uv_tcp_getsockname(&gate->listener, (struct sockaddr*)&name, &size);
  gate->port = ntohs(name.sin_port);
  snprintf(gate->url, sizeof gate->url, "http://%s127.0.0.1:%u", login,
           (unsigned)gate->port);
}

void gate_close(struct gate* gate) {
  harness_close((uv_handle_t*)&gate->listener);
  while (gate->handles > 0)
    uv_run(gate->loop, UV_RUN_ONCE);
}

unsigned gate_count(const struct gate* gate, const char* text) {
  unsigned count = 0;
  const char* at = gate->seen; /* ends with a NUL: it is never full */
  while ((at = strstr(at, text)) != NULL) {
    count++;
    at += strlen(text);
  }
  return count;
}
