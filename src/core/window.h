/* SPDX-License-Identifier: MIT */
/*
 * The in-flight window: which events were given out and are not acknowledged
 * yet, and how far each lane's position may move.
 *
 * A lane is one stream of events that has a position of its own: the events of
 * one shard.  Events are given out in order and acknowledged in any.  The
 * service names positions now and then ("everything up to here"): a mark.  A
 * mark becomes the lane's position when every event of the lane that was given
 * out before it is acknowledged, never sooner (promise P13).
 *
 * It knows no bytes and no clock: an event is a sequence number, a size and a
 * key.  Memory follows the number of events in flight, however far the oldest
 * of them lies back: an entry per event, at most a mark per event and one per
 * lane, and per lane twice count_max keys.  Every operation takes constant time
 * but for growth, and an acknowledgement needs no memory: what it may need was
 * set aside when the event was given out.
 */
#ifndef GCN_CORE_WINDOW_H
#define GCN_CORE_WINDOW_H

#include "base/key.h"
#include "base/mem.h"
#include "base/span.h"

enum {
  GCN__LANE_COUNT_MAX = 18,
  GCN__POSITION_SIZE_MAX = 1024, /* of the text that names a position */
  GCN__WINDOW_COUNT_MAX = 1 << 24,
  GCN__WINDOW_UNMARKED_KEY_COUNT = 256,
};

/* Both above 0; count_max is at most GCN__WINDOW_COUNT_MAX. */
struct gcn__window_limits {
  size_t count_max;     /* events in flight */
  size_t size_max;      /* bytes of them */
  size_t key_count_max; /* of handled events, per lane; 0: as count_max */
};

struct gcn__position {
  struct gcn__span text; /* absent: none yet */
  bool is_time;          /* a moment, not an event's id */
};

struct gcn__window_entry;
struct gcn__lane;

struct gcn__window {
  const struct gcn__mem* mem;
  struct gcn__window_limits limits;
  struct gcn__window_entry* entries; /* a pool, in no order */
  uint32_t* buckets; /* by sequence: the first entry, the others are chained */
  size_t capacity;   /* of both; 0 or a power of two */
  uint32_t spare;    /* the first entry that is free */
  uint32_t oldest;   /* in flight, from where they are linked in order */
  uint32_t newest;
  uint64_t next;           /* sequence of the next event */
  uint64_t done;           /* everything up to here is acknowledged */
  size_t count;            /* not acknowledged */
  size_t size;             /* their bytes */
  uint64_t revision;       /* of what may be stored */
  struct gcn__lane* lanes; /* GCN__LANE_COUNT_MAX of them */
  unsigned lane_end;       /* no event of those from here on was given out */
};

/* 0 or GCN__ENOMEM.  Sequence numbers begin at `first`, which is above 0. */
int gcn__window_init(struct gcn__window* window, const struct gcn__mem* mem,
                     const struct gcn__window_limits* limits, uint64_t first);
/* Legal on a zeroed window, and twice. */
void gcn__window_deinit(struct gcn__window* window);

/* One more event of `lane` is given out, numbered window->next, which then
 * grows by one.  `key` may be none.  0, or GCN__ENOMEM, which changed nothing.
 * The limits are the caller's to keep: gcn__window_full. */
int gcn__window_give(struct gcn__window* window, unsigned lane, size_t size,
                     struct gcn__key key);
/* The lanes (a bit for each) of which one more event, with a key if `keyed`, is
 * given out without a need for memory. */
uint32_t gcn__window_ready(const struct gcn__window* window, bool keyed);
/* An event is done with.  0; GCN__ENOENT: it was never given out, or is
 * acknowledged already. */
int gcn__window_ack(struct gcn__window* window, uint64_t sequence);
/* Everything of the lane given out so far lies before the position.  A later
 * mark without an event in between replaces the one before.  0; GCN_ELIMIT (a
 * text that is empty or longer than GCN__POSITION_SIZE_MAX); GCN__ENOMEM: an
 * error changed nothing, and the next mark covers what this one would have. */
int gcn__window_mark(struct gcn__window* window, unsigned lane,
                     const struct gcn__position* position);
/* Starts the lane at a position that was stored, with the keys handled beyond
 * it, oldest first; before anything else happened to it.  A position without a
 * text: none is known.  0, GCN_ELIMIT, GCN__ENOMEM: an error changed nothing.
 *
 * What was handled is not given out again, so the window can't see when the
 * stream has passed it.  These keys are kept until the position covers more
 * than count_max events that were given out since; the stream began with what
 * was in flight, which was no more than that, and with what was handled. */
int gcn__window_restore(struct gcn__window* window, unsigned lane,
                        const struct gcn__position* position,
                        const struct gcn__key* handled, size_t count);

/* Gives back the memory for events in flight, if there are none. */
void gcn__window_trim(struct gcn__window* window);

/* The lane's position: what may be stored.  Views live until the next call of
 * another function than the getters. */
struct gcn__position gcn__window_position(const struct gcn__window* window,
                                          unsigned lane);
/* Keys of acknowledged events of the lane that its position does not cover
 * yet, in the order in which they were acknowledged.  Of more than
 * limits.key_count_max the oldest are forgotten.  A lane that was neither
 * marked nor restored with a position keeps the newest
 * GCN__WINDOW_UNMARKED_KEY_COUNT: a service without positions repeats next to
 * nothing, and each of them is stored with every save.
 *
 * The first call after a change takes time in proportion to the number of keys;
 * an index is below the count. */
size_t gcn__window_handled_count(const struct gcn__window* window,
                                 unsigned lane);
struct gcn__key gcn__window_handled(const struct gcn__window* window,
                                    unsigned lane, size_t index);
/* Grows whenever what may be stored has changed. */
uint64_t gcn__window_revision(const struct gcn__window* window);

/* Number of the last event of the contiguous acknowledged prefix. */
static inline uint64_t gcn__window_done(const struct gcn__window* window) {
  return window->done;
}
/* True if the event is in flight. */
bool gcn__window_holds(const struct gcn__window* window, uint64_t sequence);
/* At the high-water mark (75 % of a limit): no more should be given out.  Also
 * when a lane's position has waited so long for an event that the keys of those
 * behind it fill 75 % of their room: forgotten, they would be told again. */
bool gcn__window_full(const struct gcn__window* window);
/* ... until the low-water mark (25 % of both) is reached, and no position waits
 * like that. */
bool gcn__window_slack(const struct gcn__window* window);

#endif
