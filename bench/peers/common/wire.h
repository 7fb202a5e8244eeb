/* SPDX-License-Identifier: MIT */
/*
 * The little of RFC 6455 that the peers without a WebSocket library of their
 * own need: the upgrade, and counting text frames in whatever pieces they come.
 *
 * It knows no socket.  It trusts the source: no fragments, nothing masked, no
 * UTF-8 check.  That is what makes it the floor.
 */
#ifndef GCN_BENCH_PEERS_WIRE_H
#define GCN_BENCH_PEERS_WIRE_H

#include "common/tally.h"

enum { WIRE_REQUEST_MAX = 1024 };

/* The request; its length. */
size_t wire_request(char out[WIRE_REQUEST_MAX], const struct tally_plan* plan);
/* Length of the answer's head in `data`, 0: it is not all there.  Ends the
 * program if the answer is not the wanted one. */
size_t wire_answer(const char* data, size_t size);

struct wire_frames {
  unsigned char header[10];
  size_t header_size;
  uint64_t payload; /* of the present frame */
  uint64_t rest;    /* what of it is to come */
  bool inside;
};

/* Tells tally of each text frame that ends in `data`. */
void wire_count(struct wire_frames* frames, const unsigned char* data,
                size_t size);

/* A masked text frame with TALLY_PING. */
size_t wire_ping(unsigned char out[64]);

#endif
