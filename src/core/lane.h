/* SPDX-License-Identifier: MIT */
/*
 * One lane of the window: its position, the marks that are to become it, and
 * the keys of what is handled beyond it.
 *
 * Events are counted in segments.  A mark closes the segment that is open; the
 * next event opens another one.  A closed segment without events in flight
 * becomes the position if it is the oldest; else its mark replaces the one
 * before it, which it would overtake at once.  So every closed segment holds an
 * event in flight, and the oldest of them is what the position waits for.
 *
 * Segments are numbered, and a key that was handled remembers the number of its
 * segment, so that a position covers any number of keys in one step: they are
 * swept out when the room is needed or somebody looks.
 */
#ifndef GCN_CORE_LANE_H
#define GCN_CORE_LANE_H

#include "core/window.h"

/* A position whose text is ours. */
struct gcn__place {
  char* text; /* NULL: none */
  size_t size;
  bool is_time;
};

struct gcn__segment {
  struct gcn__segment* older;
  struct gcn__segment* newer;
  uint64_t number;        /* of the last one, if others were merged into it */
  size_t pending;         /* events in flight */
  struct gcn__place mark; /* none: it is open */
};

struct gcn__handled {
  struct gcn__key key;
  uint64_t number; /* of its segment */
};

struct gcn__lane {
  const struct gcn__mem* mem;
  size_t count_max; /* of keys to be remembered, once it is marked */
  bool marked;      /* ... or was restored with a position */
  struct gcn__segment* oldest;
  struct gcn__segment* newest; /* the only one that may be open */
  struct gcn__place position;
  uint64_t number;    /* of the last segment that was opened; 0: none was */
  uint64_t covered;   /* the position covers segments up to this number */
  size_t given_count; /* events; stops above count_max */
  uint64_t passed;    /* with this segment, restored keys are covered as well */
  struct gcn__handled* handled; /* oldest first */
  size_t handled_count;         /* those that are covered included */
  size_t capacity;
  size_t capacity_max; /* twice count_max, rounded up to a power of two */
  bool swept;          /* none of them is covered, nor one too many */
  size_t keyed_count;  /* events in flight that have a key */
};

void gcn__lane_init(struct gcn__lane* lane, const struct gcn__mem* mem,
                    size_t count_max);
void gcn__lane_deinit(struct gcn__lane* lane);

/* Counts one more event.  Its segment, which stays until the event is
 * acknowledged; NULL: out of memory, and nothing has changed. */
struct gcn__segment* gcn__lane_give(struct gcn__lane* lane,
                                    struct gcn__key key);
/* Whether one more, with a key if `keyed`, needs no memory. */
bool gcn__lane_ready(const struct gcn__lane* lane, bool keyed);
/* An event of the segment is done with.  True if the position or the keys have
 * changed.  Needs no memory. */
bool gcn__lane_ack(struct gcn__lane* lane, struct gcn__segment* segment,
                   struct gcn__key key);
/* As gcn__window_mark; `*moved` is set if the position has changed. */
int gcn__lane_mark(struct gcn__lane* lane, const struct gcn__position* position,
                   bool* moved);
/* As gcn__window_restore. */
int gcn__lane_restore(struct gcn__lane* lane,
                      const struct gcn__position* position,
                      const struct gcn__key* handled, size_t count);
/* An event keeps the position from a mark, and the keys behind it fill 75 % of
 * their room. */
bool gcn__lane_overdue(struct gcn__lane* lane);
/* Forgets the keys that are covered and those that are too many; from then on
 * handled[0..handled_count) are what is to be stored. */
void gcn__lane_sweep(struct gcn__lane* lane);

#endif
