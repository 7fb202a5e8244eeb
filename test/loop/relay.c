/* SPDX-License-Identifier: MIT */
/*
 * Sockets are blocking where that cannot last: everybody is on this machine.
 */
#include "relay.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One end of a tunnel; the other one is its peer. */
struct end {
  uv_poll_t poll;
  struct relay* relay;
  struct end* peer; /* NULL: no tunnel yet, or gone */
  int fd;
  bool socks;   /* the greeting was seen */
  bool granted; /* SOCKS 5: the login was accepted */
  char head[2048];
  size_t size;
};

static void on_closed(uv_handle_t* handle) {
  struct end* end = handle->data;
  end->relay->handles--;
  close(end->fd);
  free(end);
}

static void end_both(struct end* end) {
  struct end* peer = end->peer;
  end->peer = NULL;
  if (peer != NULL) {
    peer->peer = NULL;
    end_both(peer);
  }
  if (!uv_is_closing((uv_handle_t*)&end->poll)) {
    uv_close((uv_handle_t*)&end->poll, on_closed);
  }
}

static void send_all(int fd, const void* bytes, size_t size) {
  const char* at = bytes;
  while (size > 0) {
    ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
    if (sent <= 0) return; /* the reader will find out */
    at += sent;
    size -= (size_t)sent;
  }
}

static struct end* add_end(struct relay* relay, int fd);

static bool open_tunnel(struct end* end, uint16_t port) {
  struct sockaddr_in name;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  uv_ip4_addr("127.0.0.1", port, &name);
  if (connect(fd, (const struct sockaddr*)&name, sizeof name) != 0) {
    close(fd);
    return false;
  }
  end->peer = add_end(end->relay, fd);
  end->peer->peer = end;
  end->relay->tunnels++;
  return true;
}

static void forget(struct end* end, size_t size) {
  memmove(end->head, end->head + size, end->size - size);
  end->size -= size;
}

/* "CONNECT host:port HTTP/1.1", lines, an empty line. */
static void take_connect(struct end* end) {
  struct relay* relay = end->relay;
  end->head[end->size] = '\0';
  char* stop = strstr(end->head, "\r\n\r\n");
  if (stop == NULL) return;
  size_t size = (size_t)(stop - end->head) + 4;
  const char* login = strstr(end->head, "Proxy-Authorization: ");
  bool known = relay->login == NULL ||
               (login != NULL &&
                strncmp(login + 21, relay->login, strlen(relay->login)) == 0);
  if (!known) {
    static const char answer[] =
        "HTTP/1.1 407 Proxy Authentication Required\r\n"
        "Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
    relay->refused++;
    send_all(end->fd, answer, sizeof answer - 1);
    end_both(end);
    return;
  }
  sscanf(end->head, "CONNECT %511s", relay->target);
  const char* colon = strrchr(relay->target, ':');
  forget(end, size);
  if (!open_tunnel(end, (uint16_t)atoi(colon + 1))) {
    end_both(end);
    return;
  }
  static const char yes[] = "HTTP/1.1 200 Connection established\r\n\r\n";
  send_all(end->fd, yes, sizeof yes - 1);
}

static void greet(struct end* end) {
  size_t size = 2 + (size_t)(unsigned char)end->head[1];
  if (end->size < size) return;
  char answer[2] = {5, end->relay->login == NULL ? 0 : 2};
  end->socks = true;
  end->granted = end->relay->login == NULL;
  forget(end, size);
  send_all(end->fd, answer, sizeof answer);
}

/* RFC 1929 */
static void check_login(struct end* end) {
  char login[600];
  size_t user = (unsigned char)end->head[1];
  if (end->size < 3 + user) return;
  size_t password = (unsigned char)end->head[2 + user];
  if (end->size < 3 + user + password) return;
  snprintf(login, sizeof login, "%.*s:%.*s", (int)user, end->head + 2,
           (int)password, end->head + 3 + user);
  bool good = strcmp(login, end->relay->login) == 0;
  char answer[2] = {1, good ? 0 : 1};
  send_all(end->fd, answer, sizeof answer);
  end->granted = good;
  forget(end, 3 + user + password);
  if (good) return;
  end->relay->refused++;
  end_both(end);
}

static void take_socks_request(struct end* end) {
  char host[256];
  size_t size = 0;
  if (end->size < 5) return;
  if (end->head[3] == 1) {
    inet_ntop(AF_INET, end->head + 4, host, sizeof host);
    size = 8;
  } else {
    size = 5 + (size_t)(unsigned char)end->head[4];
    snprintf(host, sizeof host, "%.*s", (int)size - 5, end->head + 5);
  }
  if (end->size < size + 2) return;
  unsigned port = (unsigned)(unsigned char)end->head[size] << 8 |
                  (unsigned char)end->head[size + 1];
  snprintf(end->relay->target, sizeof end->relay->target, "%s:%u", host, port);
  forget(end, size + 2);
  bool good = open_tunnel(end, (uint16_t)port);
  char answer[10] = {5, good ? 0 : 5, 0, 1};
  send_all(end->fd, answer, sizeof answer);
  if (!good) end_both(end);
}

static void take_head(struct end* end) {
  if (end->head[0] == 5 && !end->socks) {
    greet(end);
  } else if (end->socks && !end->granted) {
    check_login(end);
  } else if (end->socks) {
    take_socks_request(end);
  } else {
    take_connect(end);
  }
}

static void on_readable(uv_poll_t* poll, int status, int events) {
  struct end* end = poll->data;
  char bytes[65536];
  (void)events;
  ssize_t size = status < 0 ? -1 : recv(end->fd, bytes, sizeof bytes, 0);
  if (size <= 0) {
    end_both(end);
    return;
  }
  if (end->peer != NULL) {
    send_all(end->peer->fd, bytes, (size_t)size);
    return;
  }
  assert_true(end->size + (size_t)size < sizeof end->head);
  memcpy(end->head + end->size, bytes, (size_t)size);
  end->size += (size_t)size;
  take_head(end);
}

static struct end* add_end(struct relay* relay, int fd) {
  struct end* end = calloc(1, sizeof *end);
  assert_non_null(end);
  end->relay = relay;
  end->fd = fd;
  assert_int_equal(uv_poll_init(relay->loop, &end->poll, fd), 0);
  end->poll.data = end;
  relay->handles++;
  uv_poll_start(&end->poll, UV_READABLE, on_readable);
  return end;
}

static void on_accepted_closed(uv_handle_t* handle) {
  free(handle);
}

static void on_connection(uv_stream_t* listener, int status) {
  struct relay* relay = listener->data;
  uv_tcp_t* tcp = malloc(sizeof *tcp);
  uv_os_fd_t fd;
  assert_non_null(tcp);
  assert_int_equal(status, 0);
  uv_tcp_init(relay->loop, tcp);
  assert_int_equal(uv_accept(listener, (uv_stream_t*)tcp), 0);
  assert_int_equal(uv_fileno((uv_handle_t*)tcp, &fd), 0);
  relay->accepted++;
  /* Only the descriptor is needed. */
  (void)add_end(relay, dup(fd));
  uv_close((uv_handle_t*)tcp, on_accepted_closed);
}

void relay_open(struct relay* relay, uv_loop_t* loop) {
  struct sockaddr_in name;
  int size = sizeof name;
  memset(relay, 0, sizeof *relay);
  relay->loop = loop;
  uv_ip4_addr("127.0.0.1", 0, &name);
  uv_tcp_init(loop, &relay->listener);
  relay->listener.data = relay;
  uv_tcp_bind(&relay->listener, (const struct sockaddr*)&name, 0);
  assert_int_equal(uv_listen((uv_stream_t*)&relay->listener, 64, on_connection),
                   0);
  uv_tcp_getsockname(&relay->listener, (struct sockaddr*)&name, &size);
  relay->port = ntohs(name.sin_port);
}

void relay_close(struct relay* relay) {
  harness_close((uv_handle_t*)&relay->listener);
  while (relay->handles > 0)
    uv_run(relay->loop, UV_RUN_ONCE);
}
