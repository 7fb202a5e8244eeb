/* SPDX-License-Identifier: MIT */
/*
 * A proxy on a port of this loop: HTTP CONNECT and SOCKS 5, told apart by their
 * first byte.  It forwards to 127.0.0.1 whatever host is asked for.
 */
#ifndef GCN_TEST_LOOP_RELAY_H
#define GCN_TEST_LOOP_RELAY_H

#include "harness.h"

enum { RELAY_LINES_MAX = 32, RELAY_LINE_SIZE = 512 };

struct relay {
  uv_tcp_t listener;
  uv_loop_t* loop;
  uint16_t port;
  const char* login; /* "Basic ..." or "user:password"; NULL: open to all */
  unsigned handles;
  unsigned accepted;
  unsigned tunnels;             /* opened */
  unsigned refused;             /* for their login */
  char target[RELAY_LINE_SIZE]; /* HOST:PORT of the last request */
};

void relay_open(struct relay* relay, uv_loop_t* loop);
void relay_close(struct relay* relay);

#endif
