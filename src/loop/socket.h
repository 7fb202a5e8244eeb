/* SPDX-License-Identifier: MIT */
/*
 * What a TCP socket is told so that the kernel, too, notices a dead path.
 *
 * All of it is best effort: a system that refuses an option still has our own
 * silence deadlines, so refusals are counted and otherwise ignored.
 */
#ifndef GCN_LOOP_SOCKET_H
#define GCN_LOOP_SOCKET_H

#include <uv.h>

struct gcn__socket_options {
  unsigned keepalive_idle_s; /* quiet for so long: probe; 0: no keepalive */
  unsigned keepalive_step_s; /* between probes; 0: the system's own */
  unsigned keepalive_count;  /* probes that may be lost; 0: the system's own */
  /* How long sent bytes may stay unacknowledged; 0: the system's own, some 15
   * minutes.  Linux only. */
  unsigned user_timeout_ms;
};

/* 30 s, 10 s, 3 probes; 30,000 ms. */
extern const struct gcn__socket_options gcn__socket_defaults;

/* Sets these and TCP_NODELAY on a handle that has a socket.  How many of them
 * the system refused. */
unsigned gcn__socket_tune(uv_tcp_t* tcp,
                          const struct gcn__socket_options* options);

/* What a descriptor of a caller is made ready with: 0, and `family` is AF_INET,
 * AF_INET6 or AF_UNIX; or UV_ENOTCONN, UV_EPROTOTYPE (no stream socket),
 * UV_EAFNOSUPPORT, UV_ENOTSOCK, UV_EBADF. */
int gcn__socket_check(uv_os_sock_t fd, int* family);

#endif
