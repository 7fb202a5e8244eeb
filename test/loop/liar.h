/* SPDX-License-Identifier: MIT */
/*
 * A service on a port of this loop that answers as a friendly one does, except
 * for one kind of request, which it answers with given bytes.
 *
 * It knows requests by method and path and judges nothing; what the simulator
 * would not say, byte by byte, is said here.
 */
#ifndef GCN_TEST_LOOP_LIAR_H
#define GCN_TEST_LOOP_LIAR_H

#include "harness.h"

#include "base/list.h"
#include "base/span.h"

enum liar_ask {
  LIAR_TOKEN,
  LIAR_CHANNEL,
  LIAR_UPGRADE,
  LIAR_TOPICS, /* PUT */
  LIAR_AUDIT,  /* GET */
  LIAR_ASKS
};

struct liar_lie {
  enum liar_ask ask;
  const char* body; /* a 200 with this, or ... */
  const char* head; /* ... these bytes; NULL: no answer at all, ... */
  const char* more; /* ... then these, so many times, ... */
  size_t more_count;
  const char* tail; /* ... then these, if any */
  bool hangs_up;    /* afterwards */
  unsigned times;   /* how many are lied to; 0: all */
  /* The second request of this kind ends its connection instead; TOKEN: of no
   * kind, because each of those has a connection of its own. */
  enum liar_ask dies;
};

struct liar {
  uv_tcp_t listener;
  uv_loop_t* loop;
  uint16_t port;
  char url[64];
  struct liar_lie lie;
  struct gcn__list callers; /* connections that neither side has ended */
  unsigned handles;
  unsigned accepted;
  unsigned open;
  unsigned counts[LIAR_ASKS];
  bool upgraded;
};

void liar_open(struct liar* liar, uv_loop_t* loop, const struct liar_lie* lie);
/* Returns when all of it is gone. */
void liar_close(struct liar* liar);

#endif
