/* SPDX-License-Identifier: MIT */
/*
 * A fault proxy before a port of this loop; everything asserts.
 */
#ifndef GCN_TEST_LOOP_FAULT_H
#define GCN_TEST_LOOP_FAULT_H

#include "harness.h"

#include "sim/listen-proxy.h"

struct fault {
  uv_loop_t* loop;
  struct gcn__faultproxy* proxy;
  uint16_t port;
  char url[64];    /* "http://127.0.0.1:PORT" */
  char secure[64]; /* the same with https */
  bool closed;
};

void fault_open(struct fault* fault, uv_loop_t* loop, uint16_t upstream);
/* "down reset at=100" */
void fault_rule(struct fault* fault, const char* rule);
/* How often the n-th rule, from 0, had an effect. */
uint64_t fault_fired(const struct fault* fault, size_t n);
struct gcn__faultproxy_counters fault_counters(const struct fault* fault);
/* Returns when all of it is gone. */
void fault_close(struct fault* fault);

#endif
