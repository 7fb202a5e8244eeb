/* SPDX-License-Identifier: MIT */
/*
 * An HTTP proxy that answers CONNECT as it is told, and keeps all that its
 * clients send it, in the clear or not.
 */
#ifndef GCN_TEST_LOOP_GATE_H
#define GCN_TEST_LOOP_GATE_H

#include "harness.h"

enum { GATE_SEEN_SIZE = 1 << 18 };

enum gate_then {
  GATE_TUNNELS, /* to the port of 127.0.0.1 that was asked for */
  GATE_WAITS,   /* says no more */
  GATE_CLOSES,
  GATE_RESETS,
  GATE_FLOODS, /* the last byte of the reply over and over */
};

struct gate {
  uv_tcp_t listener;
  uv_loop_t* loop;
  uint16_t port;
  char url[96];
  const char* reply; /* to a CONNECT; may be "" */
  enum gate_then then;
  unsigned divert;  /* not 0: tunnels go to this port instead */
  unsigned asked;   /* CONNECTs that came */
  unsigned tunnels; /* opened */
  unsigned handles;
  char seen[GATE_SEEN_SIZE]; /* all bytes of all clients; NULs are dots */
  size_t seen_size;
  uint64_t flooded; /* bytes */
};

/* `login` as in "user:password@", or "". */
void gate_open(struct gate* gate, uv_loop_t* loop, const char* login);
void gate_close(struct gate* gate);
/* How often a text is among what was seen. */
unsigned gate_count(const struct gate* gate, const char* text);

#endif
