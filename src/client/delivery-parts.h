/* SPDX-License-Identifier: MIT */
/*
 * The inside of delivery, for its own files.
 *
 *   delivery.c  how a client's delivery comes and goes; what others ask of it
 *   flight.c    the window: numbers, acknowledgements, full or not
 *   give.c      events to the user, or to where they wait
 *   queue.c     what waits
 *   collect.c   what is told together
 *   drops.c     what was dropped
 *   retain.c    copies
 */
#ifndef GCN_CLIENT_DELIVERY_PARTS_H
#define GCN_CLIENT_DELIVERY_PARTS_H

#include "client/client.h"
#include "client/collect.h"
#include "client/delivery.h"
#include "client/drops.h"
#include "client/queue.h"

enum {
  GCN__DELIVERY_RETRY_MS = 10,   /* when memory was short */
  GCN__DELIVERY_TELL_MS = 1000,  /* what is dropped is told this often */
  GCN__DELIVERY_TRIM_MS = 10000, /* without events: memory is given back */
};

/* Numbers of acknowledged events that are not durable yet.  There is always
 * room for those in flight, so an acknowledgement needs no memory. */
struct gcn__acks {
  uint64_t* sequences;
  size_t count;
  size_t capacity;
};

/* What every event and every turn looks at comes first: an idle client's memory
 * is cold. */
struct gcn__delivery {
  bool windowed;   /* else nothing but copies, a batch, and counters is used */
  bool automatic;  /* acknowledged when its callback has returned */
  bool stored;     /* a checkpoint makes acknowledgements durable */
  bool full;       /* since the high-water mark, until the low one */
  bool reading_on; /* it was so for too long: what comes is queued */
  /* Memory was short: an event that stays where the engine has it (`held`), or
   * the queue's first.  Not before `retry_ms`. */
  bool holding;
  bool stirred; /* an event came since memory was looked at last, ... */
  gcn_full_t policy;
  uint64_t trim_ms; /* ... which is done again then */
  uint64_t now_ms;  /* of this turn */
  uint64_t acked_count;
  uint64_t retry_ms;
  struct gcn__collect collect;

  /* Since when it is full or the user has paused; GCN__NEVER: neither. */
  uint64_t blocked_since_ms;
  uint64_t revision; /* of the window when the checkpoint was told last */
  uint64_t reported; /* everything up to here was told to be acknowledged */
  struct gcn__window window;
  struct gcn__acks acks;
  struct gcn__drops drops;
  struct gcn__queue queue;
  struct gcn__list copies;

  uint64_t full_after_ms;
  uint64_t full_since_ms;   /* if `full` */
  uint64_t rested_since_ms; /* before reading went on */
  uint64_t read_on_ms;      /* when it did; GCN__NEVER: it never rested */
  uint64_t latency_ms;      /* that events take at most */
  uint64_t dropped_count;
  uint64_t left_count; /* given up at close */
  uint64_t gap_count;
  uint64_t gap_ms;
  struct gcn__effect held;
  struct gcn__moment held_read; /* when its bytes were read */
};

/* delivery.c */

/* Gives back what nothing is kept in, unless it was used of late. */
void gcn__delivery_trim(struct gcn_client_s* client);

/* flight.c */

/* The next event in flight; its number.  0: memory is short, nothing has
 * changed. */
uint64_t gcn__flight_give(struct gcn_client_s* client, unsigned lane,
                          size_t size, struct gcn__key key);
/* The lanes (a bit for each) of which the next event in flight needs no memory,
 * whatever the user does in a batch that goes first. */
uint32_t gcn__flight_ready(const struct gcn_client_s* client);
/* It was told and is done with.  0, UV_ENOENT. */
int gcn__flight_ack(struct gcn_client_s* client, uint64_t sequence);
/* Since when the service may have had it.  What was read late, because reading
 * rested, had been sent when it began to rest, and took its time on the way;
 * one latency after reading went on, what comes is what is sent then. */
uint64_t gcn__flight_made_ms(const struct gcn__delivery* delivery,
                             const gcn_event_t* event);
/* It never was told, and does not wait any more.  Until the gap was told, a
 * number that is not acknowledged stands for all that the lane drops: nothing
 * behind it is done with. */
void gcn__flight_drop(struct gcn_client_s* client, const gcn_event_t* event,
                      uint64_t made_ms);
/* The lane's gap was told. */
void gcn__flight_told(struct gcn_client_s* client, int lane);
void gcn__flight_mark(struct gcn_client_s* client, unsigned lane,
                      const struct gcn__position* position);
/* More is acknowledged than the user was told, and no checkpoint will say. */
bool gcn__delivery_unreported(const struct gcn_client_s* client);
/* No event may be told now: the user has paused, or the window is full. */
bool gcn__flight_blocked(const struct gcn_client_s* client);
/* What is to be told waits for memory. */
bool gcn__flight_starved(const struct gcn_client_s* client);

#endif
