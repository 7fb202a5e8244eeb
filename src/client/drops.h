/* SPDX-License-Identifier: MIT */
/*
 * What was dropped because the consumer was too slow, until it is told as gaps:
 * one per connection, with the topics it concerns.
 *
 * Memory is bounded: of more topics than a gap can name only their number is
 * kept, and the gap is about all of the client's.
 */
#ifndef GCN_CLIENT_DROPS_H
#define GCN_CLIENT_DROPS_H

#include "core/window.h"
#include "gcnotify.h"

enum { GCN__DROPS_TOPIC_COUNT_MAX = 256 };

struct gcn__drop {
  uint64_t since_ms; /* of the oldest that is not told yet; 0: there is none */
  gcn_span_t* topics;
  size_t topic_count;
  size_t topic_capacity;
  bool unnamed; /* there were more, memory was short, or a name too long */
  /* Stands for them in the window until the gap was told; 0: memory was
   * short. */
  uint64_t sequence;
  int64_t from_unix_ms;
  int64_t to_unix_ms;
  uint64_t from_ms;
  uint64_t to_ms;
};

struct gcn__drops {
  const struct gcn__mem* mem;
  unsigned count;    /* of lanes that have something to tell */
  unsigned numbered; /* those of them that have a number */
  /* GCN__LANE_COUNT_MAX of them, made beforehand: when something is dropped
   * there may be no memory. */
  struct gcn__drop* lanes;
};

/* 0 or GCN__ENOMEM. */
int gcn__drops_init(struct gcn__drops* drops, const struct gcn__mem* mem);
/* All-zero is fine, and nothing can be noted there. */
void gcn__drops_deinit(struct gcn__drops* drops);
/* `made_ms`: since when the service may have had it, on the loop's clock. */
void gcn__drops_note(struct gcn__drops* drops, const gcn_event_t* event,
                     uint64_t made_ms, uint64_t now_ms);
/* The lane's drops have this number, which is not 0. */
void gcn__drops_number(struct gcn__drops* drops, unsigned lane,
                       uint64_t sequence);
/* True if it is the number of something dropped. */
bool gcn__drops_hold(const struct gcn__drops* drops, uint64_t sequence);
/* When the oldest was noted; GCN__NEVER if there is none. */
uint64_t gcn__drops_since(const struct gcn__drops* drops);
/* One gap to be told, which views what gcn__drops_clear frees; its index, or -1
 * if there is none. */
int gcn__drops_next(const struct gcn__drops* drops, gcn_gap_t* gap);
void gcn__drops_clear(struct gcn__drops* drops, int index);

#endif
