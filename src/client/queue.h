/* SPDX-License-Identifier: MIT */
/*
 * Events that wait for room in the window, in the order in which they came.
 *
 * A position that the service named belongs behind the last event of its lane
 * that came before it; so it waits with that event, and when an event is
 * dropped its position passes to the lane's event before.  If there is none,
 * nothing is in the way of the position any more.
 */
#ifndef GCN_CLIENT_QUEUE_H
#define GCN_CLIENT_QUEUE_H

#include "client/retain.h"
#include "core/window.h"
#include "engine/effect.h"

enum { GCN__QUEUE_BUCKET_COUNT = 256 };

struct gcn__queued {
  struct gcn__list order;  /* all of them */
  struct gcn__list lane;   /* those of one lane, in the same order */
  struct gcn__list bucket; /* those of one topic and resource, and others */
  struct gcn__copy* copy;
  struct gcn__key key;
  uint64_t hash;
  uint64_t made_ms; /* since when the service may have had it */
  size_t size;      /* as the window counts it */
  char* position;   /* NULL: none */
  size_t position_size;
  bool is_time;
};

struct gcn__queue {
  size_t count;
  size_t size;
  struct gcn__list order;
  const struct gcn__mem* mem;
  struct gcn__list* buckets; /* so many; NULL: nothing has waited yet */
  struct gcn__list lanes[GCN__LANE_COUNT_MAX];
};

void gcn__queue_init(struct gcn__queue* queue, const struct gcn__mem* mem);
/* Empties it and frees its memory. */
void gcn__queue_clear(struct gcn__queue* queue);

/* 0, or UV_ENOMEM, which changed nothing. */
int gcn__queue_add(struct gcn__queue* queue, struct gcn__list* copies,
                   const gcn_event_t* event, struct gcn__key key,
                   uint64_t made_ms);
/* The oldest; NULL if there is none. */
struct gcn__queued* gcn__queue_first(const struct gcn__queue* queue);
/* The one of the same topic and resource; NULL. */
struct gcn__queued* gcn__queue_find(const struct gcn__queue* queue,
                                    const gcn_event_t* event);
/* True if an event of the lane waits; then the position waits with it, unless
 * memory is short: the next one covers what this one would have. */
bool gcn__queue_mark(struct gcn__queue* queue, const struct gcn__mark* mark);
/* Passes the position on to the event before.  False, and nothing has changed,
 * if there is a position and no such event. */
bool gcn__queue_hand_back(struct gcn__queue* queue, struct gcn__queued* item);
struct gcn__position gcn__queued_position(const struct gcn__queued* item);
/* Takes it out and frees it, but for its copy, which is the caller's then. */
struct gcn__copy* gcn__queue_take(struct gcn__queue* queue,
                                  struct gcn__queued* item);

#endif
