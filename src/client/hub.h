/* SPDX-License-Identifier: MIT */
/*
 * What clients of one loop share; a client without one has its own.
 *
 * It is counted: the user holds it until gcn_hub_release, each client until it
 * is gone.  Look-ups under way may outlive them all; the hub stays until then.
 */
#ifndef GCN_CLIENT_HUB_H
#define GCN_CLIENT_HUB_H

#include "base/spares.h"
#include "codec/tls.h"
#include "core/pace.h"
#include "gcnotify.h"
#include "loop/hosts.h"
#include "loop/permits.h"
#include "loop/suspend.h"
#include "loop/turns.h"

#include <unistd.h>

enum {
  /* At most so much is given to an engine at once. */
  GCN__READ_BUFFER_SIZE = 64 * 1024,
  /* Of the buffer, while somebody has more than that: half as many calls. */
  GCN__READ_BUFFER_SIZE_MAX = 2 * GCN__READ_BUFFER_SIZE,
  GCN__READ_CALM_MS = 10000, /* without that: it shrinks again */
};

/* How often the machine slept, and how long in all as far as the loop's clock
 * has not counted it. */
struct gcn__sleeps {
  uint64_t count;
  uint64_t uncounted_ms;
};

struct gcn_hub_s {
  struct gcn__mem mem;
  pid_t pid;
  uv_loop_t* loop;
  size_t ref_count;
  gcn_resolve_cb resolve_cb;
  void* data;
  struct gcn__hosts* hosts; /* NULL: given up already */
  struct gcn__permits* permits;
  struct gcn__turns* turns; /* NULL: nobody is on the loop */
  struct gcn__sleeps sleeps;
  struct gcn__suspend suspend;
  uint64_t suspend_awake_ms; /* the awake clock then */
  uint64_t suspend_seen_ms;  /* when it was looked at last; 0: never */
  struct gcn__pace pace;
  struct gcn__spares spares;
  struct gcn__tls_pool tls_pool;
  /* Where libuv reads to.  It is one client's from the read until the end of
   * that client's turn, during which nobody else reads. */
  char* read_buffer;
  size_t read_size;        /* of the buffer */
  bool read_filled;        /* a read has filled it since it was lent last */
  uint64_t read_filled_ms; /* ... and when one did last */
};

/* As gcn_hub_new, for checked options. */
int gcn__hub_new(gcn_hub_t** hub, uv_loop_t* loop, const struct gcn__mem* mem,
                 const gcn_options_t* options,
                 const struct gcn__settings* settings);
gcn_hub_t* gcn__hub_acquire(gcn_hub_t* hub);
/* One user less; NULL is fine. */
void gcn__hub_release(gcn_hub_t* hub);
/* The only user is about to leave, and waits for look-ups under way.  True: for
 * none; else `gone` comes. */
bool gcn__hub_quit(gcn_hub_t* hub, void (*gone)(void* keeper), void* keeper);
/* A client puts itself on the loop.  0 or an error. */
int gcn__hub_join(gcn_hub_t* hub, struct gcn__turn* turn);
/* ... and takes itself off.  False: it was the last one; then `gone` comes when
 * what all of them had on the loop has left it. */
bool gcn__hub_part(gcn_hub_t* hub, struct gcn__turn* turn,
                   void (*gone)(void* keeper), void* keeper);
/* Compares the clocks, unless that was done a moment ago, and counts a sleep of
 * the machine. */
void gcn__hub_look(gcn_hub_t* hub, uint64_t now_ms);
/* Where to read to: all of it is the caller's until it asks again.  What the
 * last read left there is gone. */
uv_buf_t gcn__hub_lend(gcn_hub_t* hub);
/* So much was read. */
void gcn__hub_note_read(gcn_hub_t* hub, size_t size);
/* For a child after fork. */
void gcn__hub_abandon(gcn_hub_t* hub);

#endif
