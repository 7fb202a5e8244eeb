/* SPDX-License-Identifier: MIT */
/*
 * Copies of events that outlive their callback.
 *
 * A copy is one block: the record with all bytes behind it.  It is counted by
 * references; the user's and that of what waits to be told are the same, so an
 * event that waited is retained without another copy.  A copy has an allocator
 * of its own, because it may outlive its client.
 */
#ifndef GCN_CLIENT_RETAIN_H
#define GCN_CLIENT_RETAIN_H

#include "base/list.h"
#include "base/mem.h"
#include "base/span.h"
#include "gcnotify.h"

/* How many bytes the spans of an event take when each is copied once; what
 * lies inside of the message goes with it. */
size_t gcn__event_size(const gcn_event_t* event);
/* Makes `to` a copy of `from` with its bytes at `bytes`, which has room for
 * gcn__event_size. */
void gcn__event_copy(gcn_event_t* to, const gcn_event_t* from, char* bytes);
/* The bytes at `old_bytes` have moved to `bytes`. */
void gcn__event_move(gcn_event_t* event, const char* old_bytes, char* bytes);

struct gcn__copy {
  struct gcn__mem mem;
  size_t size; /* of the block */
  unsigned references;
  struct gcn__list link; /* of all copies of a client */
  gcn_event_t event;     /* its bytes follow */
};

/* One reference; NULL if memory is short. */
struct gcn__copy* gcn__copy_new(const struct gcn__mem* mem,
                                struct gcn__list* copies,
                                const gcn_event_t* event);
/* NULL if the event is none of a copy's. */
struct gcn__copy* gcn__copy_of(const gcn_event_t* event);
void gcn__copy_release(struct gcn__copy* copy);
/* The client goes: copies in use stay. */
void gcn__copies_orphan(struct gcn__list* copies);

#endif
