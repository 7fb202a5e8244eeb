/* SPDX-License-Identifier: MIT */
/*
 * Sockets that listen.
 */
#include "sim/listen-port.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 128 };

int gcn__listen_port_parse(const char* text, uint16_t port,
                           struct sockaddr_storage* out, socklen_t* size) {
  struct sockaddr_in* v4 = (struct sockaddr_in*)(void*)out;
  struct sockaddr_in6* v6 = (struct sockaddr_in6*)(void*)out;
  memset(out, 0, sizeof *out);
  if (text == NULL) text = "127.0.0.1";
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    *size = sizeof *v4;
    return 0;
  }
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    *size = sizeof *v6;
    return 0;
  }
  return GCN__EINVAL;
}

static int listen_at(int fd, struct sockaddr_storage* name, socklen_t size) {
  const int one = 1;
  struct sockaddr* at = (struct sockaddr*)(void*)name;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  bool good = bind(fd, at, size) == 0 && listen(fd, BACKLOG) == 0 &&
              getsockname(fd, at, &size) == 0;
  return good ? 0 : -errno;
}

static uint16_t port_of(const struct sockaddr_storage* name) {
  const struct sockaddr_in* v4 = (const struct sockaddr_in*)(const void*)name;
  const struct sockaddr_in6* v6 = (const struct sockaddr_in6*)(const void*)name;
  bool six = name->ss_family == AF_INET6;
  return ntohs(six ? v6->sin6_port : v4->sin_port);
}

int gcn__listen_port_open(const char* address, uint16_t port, int* fd,
                          uint16_t* bound) {
  struct sockaddr_storage name;
  socklen_t size;
  *fd = -1;
  int error = gcn__listen_port_parse(address, port, &name, &size);
  if (error != 0) return error;
  int made =
      socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (made < 0) return -errno;
  error = listen_at(made, &name, size);
  if (error != 0) {
    close(made);
    return error;
  }
  *fd = made;
  *bound = port_of(&name);
  return 0;
}

bool gcn__listen_port_exhausted(int error) {
  return error != EAGAIN && error != EINTR && error != ECONNABORTED;
}

/* Without time to linger a close is a reset. */
void gcn__listen_port_hang_up(int fd, bool reset) {
  const struct linger now = {.l_onoff = 1, .l_linger = 0};
  if (reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}
