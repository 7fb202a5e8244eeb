/* SPDX-License-Identifier: MIT */
/*
 * Something in between that forwards to a port of 127.0.0.1 until a connection
 * has been idle for too long.
 */
#ifndef GCN_TEST_LOOP_MIDDLEBOX_H
#define GCN_TEST_LOOP_MIDDLEBOX_H

#include "harness.h"

#include "base/list.h"

struct middlebox {
  uv_tcp_t listener;
  uv_loop_t* loop;
  uint16_t port;
  uint16_t target;
  uint64_t idle_ms;
  struct gcn__list ways; /* the connections */
  unsigned handles;
  unsigned accepted;
  unsigned idled; /* connections that were reset for it, at both ends */
  char url[64];
};

void middlebox_open(struct middlebox* box, uv_loop_t* loop, uint16_t target,
                    uint64_t idle_ms);
/* From now on nothing comes through what is open, as if it were all well. */
void middlebox_swallow(struct middlebox* box);
/* Returns when all of it is gone. */
void middlebox_close(struct middlebox* box);

#endif
