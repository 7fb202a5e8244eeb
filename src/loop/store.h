/* SPDX-License-Identifier: MIT */
/*
 * Where checkpoints are kept: an interface of three calls.
 *
 * A store keeps bytes and does not know what they mean.  It keeps two
 * generations, so that damage to the one does not lose the other.
 */
#ifndef GCN_LOOP_STORE_H
#define GCN_LOOP_STORE_H

#include "base/span.h"

enum { GCN__STORE_GENERATIONS = 2 };

/* The asker's, and must stay where it is until `done` is called. */
struct gcn__store_request {
  /* Once, from the loop, never from inside load or save.  `status`: 0 or
   * negative; UV_ENOENT of a load: there is no such generation.  `bytes` are
   * those loaded, valid until `done` returns; absent for a save. */
  void (*done)(struct gcn__store_request* request, int status,
               struct gcn__span bytes);
  void* ctx;
};

/* Sequence numbers of the events that a save makes durable. */
struct gcn__store_acks {
  const uint64_t* sequences;
  size_t count;
};

struct gcn__store {
  void* self;
  /* `generation` 0: what was saved last, 1: what was saved before it.  Who
   * loads 1 after 0 found 0 to be no good: a store that takes more than one
   * step to replace what it keeps must not lose 1 in the next save.  One
   * request at a time.  0: `done` will be called; else it never is. */
  int (*load)(void* self, unsigned generation,
              struct gcn__store_request* request);
  /* When `done` says 0, `bytes` survive a power cut.  `bytes` and `acks` stay
   * valid until then. */
  int (*save)(void* self, struct gcn__span bytes,
              const struct gcn__store_acks* acks,
              struct gcn__store_request* request);
  /* Ends the store when no request is under way; `gone` is called once, later,
   * when nothing of it is on the loop.  NULL: nothing to end. */
  void (*close)(void* self, void (*gone)(void* ctx), void* ctx);
};

#endif
