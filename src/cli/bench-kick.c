/* SPDX-License-Identifier: MIT */
/*
 * See bench-kick.h.
 */
#include "cli/bench-kick.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

int gcn__bench_dial(uint16_t port) {
  const struct sockaddr_in to = {
      .sin_family = AF_INET,
      .sin_port = htons(port),
      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
  };
  const int one = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, (const struct sockaddr*)&to, sizeof to) == 0) return fd;
  int error = -errno;
  close(fd);
  return error;
}

bool gcn__bench_kick(int fd) {
  return send(fd, "k", 1, MSG_NOSIGNAL) == 1;
}
