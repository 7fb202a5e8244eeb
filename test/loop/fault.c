/* SPDX-License-Identifier: MIT */
/*
 * Rules are asserted to be good: a test with a mistake in one would prove
 * nothing.
 */
#include "fault.h"

#include <stdio.h>
#include <string.h>

void fault_open(struct fault* fault, uv_loop_t* loop, uint16_t upstream) {
  const struct gcn__faultproxy_options options = {.upstream_port = upstream,
                                                  /* So that it is soon full. */
                                                  .receive_size = 4096,
                                                  .seed = 1};
  memset(fault, 0, sizeof *fault);
  fault->loop = loop;
  assert_int_equal(gcn__faultproxy_new(loop, &options, &fault->proxy), 0);
  fault->port = gcn__faultproxy_port(fault->proxy);
  snprintf(fault->url, sizeof fault->url, "http://127.0.0.1:%u",
           (unsigned)fault->port);
  snprintf(fault->secure, sizeof fault->secure, "https://127.0.0.1:%u",
           (unsigned)fault->port);
}

void fault_rule(struct fault* fault, const char* rule) {
  struct gcn__toxic_mistake mistake;
  bool good = gcn__faultproxy_add(fault->proxy, gcn__span_str(rule), &mistake);
  if (!good) fail_msg("%s: %s", rule, mistake.text);
}

struct gcn__faultproxy_counters fault_counters(const struct fault* fault) {
  struct gcn__faultproxy_counters counters;
  gcn__faultproxy_counters(fault->proxy, &counters);
  return counters;
}

uint64_t fault_fired(const struct fault* fault, size_t n) {
  return fault_counters(fault).fired[n];
}

static void on_fault_closed(void* ctx) {
  *(bool*)ctx = true;
}

void fault_close(struct fault* fault) {
  gcn__faultproxy_close(fault->proxy, on_fault_closed, &fault->closed);
  harness_until(fault->loop, &fault->closed);
}
