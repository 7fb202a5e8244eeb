/* SPDX-License-Identifier: MIT */
/*
 * The org's log of stream events, which connections read at their own pace.
 *
 * It keeps the latest events, so many at most and so long at most.  Positions
 * grow by one with each event and are never used again; sequence numbers grow,
 * but may leave some out, because the channels' events take theirs from the
 * same count.
 */
#ifndef GCN_SIM_STREAM_HISTORY_H
#define GCN_SIM_STREAM_HISTORY_H

#include "base/mem.h"
#include "base/span.h"
#include "base/time.h"

struct gcn__sim_source;

/* An event.  Its data is made from the sequence number whenever it is wanted,
 * unless somebody gave it. */
struct gcn__sim_record {
  uint64_t sequence;
  uint64_t at_ms;
  const struct gcn__sim_source* source;
  const char* type; /* a constant, or the start of `text` */
  char* text;       /* owned: type, NUL, data; NULL: both are made up */
  size_t text_size;
};

struct gcn__sim_history {
  const struct gcn__mem* mem;
  struct gcn__sim_record* ring;
  size_t capacity;
  size_t count_max;
  uint64_t retention_ms;
  uint64_t first; /* position of the oldest */
  uint64_t next;  /* position of the next one */
  /* Of the youngest that was forgotten; 0: none was. */
  uint64_t lost_sequence;
  uint64_t lost_ms;
};

void gcn__sim_history_init(struct gcn__sim_history* history,
                           const struct gcn__mem* mem, size_t count_max,
                           uint64_t retention_ms);
void gcn__sim_history_deinit(struct gcn__sim_history* history);
/* Takes the record with its text, and forgets what is too much; false if
 * memory is short: the record is then still the caller's. */
bool gcn__sim_history_add(struct gcn__sim_history* history,
                          const struct gcn__sim_record* record);
/* Forgets what is too old. */
void gcn__sim_history_trim(struct gcn__sim_history* history, uint64_t now_ms);
/* Valid until the next add or trim. */
const struct gcn__sim_record*
gcn__sim_history_at(const struct gcn__sim_history* history, uint64_t position);
/* The position of the first event behind that sequence number; false if one in
 * between has been forgotten. */
bool gcn__sim_history_after(const struct gcn__sim_history* history,
                            uint64_t sequence, uint64_t* position);
/* The position of the first event at that moment or behind it; the same. */
bool gcn__sim_history_since(const struct gcn__sim_history* history,
                            uint64_t at_ms, uint64_t* position);

/* An event's id holds its sequence number, and bytes that a URL must not hold
 * as they are.  Younger ids are greater in strcmp's order. */
enum { GCN__SIM_EVENT_ID_SIZE = 32 }; /* with its NUL */
void gcn__sim_event_id(uint64_t sequence, char out[GCN__SIM_EVENT_ID_SIZE]);

#endif
