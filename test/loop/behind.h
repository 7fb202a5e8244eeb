/* SPDX-License-Identifier: MIT */
/*
 * A user whose service is behind a fault proxy, and the trace of what he is
 * told: two runs with the same trace were the same to him.
 */
#ifndef GCN_TEST_LOOP_BEHIND_H
#define GCN_TEST_LOOP_BEHIND_H

#include "fault.h"
#include "relay.h"
#include "service.h"

enum { BEHIND_TRACE_SIZE = 8192 };

struct behind {
  struct user user; /* first: callbacks cast */
  uv_loop_t* loop;
  struct secure secure;
  struct service service;
  struct fault fault;
  gcn_options_t options; /* may be changed before behind_begin */
  bool tls;
  char trace[BEHIND_TRACE_SIZE];
  size_t trace_size;
};

void behind_open(struct behind* behind, uv_loop_t* loop, bool tls);
/* A started user who wants topic_text. */
void behind_begin(struct behind* behind);
/* The same, up to STREAMING. */
void behind_stream(struct behind* behind);
void behind_close(struct behind* behind);

/* Waits for BACKING_OFF, and returns what failed. */
int behind_await_failure(struct behind* behind);
/* Waits until STREAMING is told again. */
void behind_await_stream(struct behind* behind);
/* The rule, for every connection that is open now and for no later one. */
void behind_rule_now(struct behind* behind, const char* rule);
/* Events with a body; they are not awaited. */
void behind_emit(struct behind* behind, unsigned count);
void behind_live(struct behind* behind, uint64_t duration_ms);

#endif
