/* SPDX-License-Identifier: MIT */
/*
 * setsockopt where libuv has no call of its own.
 */
#include "loop/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>

const struct gcn__socket_options gcn__socket_defaults = {
    .keepalive_idle_s = 30,
    .keepalive_step_s = 10,
    .keepalive_count = 3,
    .user_timeout_ms = 30000,
};

/* 1 if it was refused. */
static unsigned set(int fd, int name, unsigned value) {
  return setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value) != 0;
}

/* After uv_tcp_keepalive, which in newer versions sets both to values of its
 * own. */
static unsigned set_probes(int fd, const struct gcn__socket_options* options) {
  unsigned refused = 0;
  (void)fd;
  (void)options;
#ifdef TCP_KEEPINTVL
  if (options->keepalive_step_s > 0) {
    refused += set(fd, TCP_KEEPINTVL, options->keepalive_step_s);
  }
#endif
#ifdef TCP_KEEPCNT
  if (options->keepalive_count > 0) {
    refused += set(fd, TCP_KEEPCNT, options->keepalive_count);
  }
#endif
  return refused;
}

unsigned gcn__socket_tune(uv_tcp_t* tcp,
                          const struct gcn__socket_options* options) {
  unsigned refused = 0;
  uv_os_fd_t fd;
  if (uv_tcp_nodelay(tcp, 1) != 0) refused++;
  if (uv_fileno((const uv_handle_t*)tcp, &fd) != 0) return refused + 1;
  if (options->keepalive_idle_s > 0) {
    if (uv_tcp_keepalive(tcp, 1, options->keepalive_idle_s) != 0) refused++;
    refused += set_probes(fd, options);
  }
#ifdef TCP_USER_TIMEOUT
  if (options->user_timeout_ms > 0) {
    refused += set(fd, TCP_USER_TIMEOUT, options->user_timeout_ms);
  }
#endif
  return refused;
}

int gcn__socket_check(uv_os_sock_t fd, int* family) {
  struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof peer;
  int type = 0;
  socklen_t type_size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0) {
    return uv_translate_sys_error(errno);
  }
  if (type != SOCK_STREAM) return UV_EPROTOTYPE;
  if (getpeername(fd, (struct sockaddr*)&peer, &size) != 0) {
    return uv_translate_sys_error(errno);
  }
  *family = peer.ss_family;
  bool known = *family == AF_INET || *family == AF_INET6 || *family == AF_UNIX;
  if (!known) return UV_EAFNOSUPPORT;
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
  /* libuv does this to sockets that it makes itself. */
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  return 0;
}
