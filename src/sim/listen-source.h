/* SPDX-License-Identifier: MIT */
/*
 * The source of "gcn bench" on a port of loopback: an API that says yes, and
 * events as fast or as slow as they are wanted.
 *
 * Events are made before they are wanted and, where a connection is to get a
 * known number of them as fast as possible, encrypted before, too, so that the
 * source costs less than its readers.  With TLS it also answers whoever speaks
 * without it on the same port, so that only the stream needs to be encrypted.
 * A connection whose first byte is a small k is no HTTP: each of its bytes
 * kicks off one event on the stream that came last.
 */
#ifndef GCN_SIM_LISTEN_SOURCE_H
#define GCN_SIM_LISTEN_SOURCE_H

#include "sim/source.h"
#include "sim/tls.h"

#include <uv.h>

struct gcn__source;

struct gcn__source_options {
  struct gcn__simtls_config* tls; /* borrowed; NULL: plain */
  size_t size;                    /* of events; GCN__SOURCE_MIX */
  uint64_t count;                 /* of each connection; 0: without end */
  uint64_t rate;   /* events a second over all; 0: as fast as possible */
  uint64_t wanted; /* begin when so many are open */
  unsigned batch;  /* frames of one write and TLS record; 0: with TLS one,
                      else as many as the socket takes */
  bool pingpong;   /* an event for each text message */
  bool hold;       /* nothing before gcn__source_go */
  bool stay;       /* no Close after the last event */
};

/* Listens at once.  0, GCN__ENOMEM, GCN__EINVAL (a size), or the system's
 * error; then nothing is left on the loop. */
int gcn__source_new(uv_loop_t* loop, const struct gcn__source_options* options,
                    struct gcn__source** out);
uint16_t gcn__source_port(const struct gcn__source* source);
void gcn__source_go(struct gcn__source* source);
/* Resets every stream. */
void gcn__source_cut(struct gcn__source* source);
/* `closed` is the last thing called; by then the source is freed. */
void gcn__source_close(struct gcn__source* source, void (*closed)(void* ctx),
                       void* ctx);

#endif
