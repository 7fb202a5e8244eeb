/* SPDX-License-Identifier: MIT */
/*
 * The conformance peer: a server on a port of this loop that does to a client
 * what a row of the conformance table says, bare or over TLS.
 *
 * It stands below every layer of the library but TLS's own codec, which it
 * shares; the client is a whole one, with the dialect of conformance-raw.h.
 */
#ifndef GCN_TEST_LOOP_CONFORMANCE_PEER_H
#define GCN_TEST_LOOP_CONFORMANCE_PEER_H

#include "service.h"

#include "unit/conformance-raw.h"

struct conf_peer {
  uv_tcp_t listener;
  uv_tcp_t tcp;
  uv_idle_t pacer; /* sends the next piece in each turn of the loop */
  const struct conf_row* row;
  uint16_t port;
  struct gcn__tls_config* config; /* NULL: bare */
  struct gcn__tls* tls;
  struct gcn__rng rng;
  bool whole;             /* one piece */
  struct gcn__buf out;    /* TLS's own, to be sent */
  struct gcn__buf heard;  /* plaintext */
  size_t request_size;    /* of the upgrade, in front of it; 0: not whole yet */
  struct gcn__buf stream; /* what is still to be sent */
  unsigned open_count;    /* handles */
  bool connected;
  bool playing; /* false: it only listens */
  bool marked;  /* the row has been sent, and the mark behind it */
  bool ended;   /* the client has gone */
  bool done;    /* the row is over */
};

void conf_peer_open(struct conf_peer* peer, uv_loop_t* loop,
                    const struct conf_row* row, struct gcn__tls_config* config);
/* What the client said behind its request. */
struct gcn__span conf_peer_frames(const struct conf_peer* peer);
/* Sends more, over TLS if that is on. */
void conf_peer_say(struct conf_peer* peer, struct gcn__span plain);
/* Half-closes, without TLS's goodbye: the stream is cut off in the middle. */
void conf_peer_shut(struct conf_peer* peer);
/* Returns when all of it is gone. */
void conf_peer_close(struct conf_peer* peer);

/* All rows over sockets, as cases; `secure`: over TLS. */
int conf_peer_main(const char* group, bool secure);

#endif
