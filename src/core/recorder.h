/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder: a ring of what happened last to each connection.
 *
 * It reads no clock.  Its ring grows with what there is to keep, up to a limit;
 * when that is reached, or memory is short, whole records go, oldest first, so
 * the first one left is always readable.  Events
 * and heartbeats would push everything else out within minutes; inputs that
 * repeat and change nothing are therefore counted per connection and written
 * as one record when something else happens there.
 *
 * A dump is little-endian:
 *
 *    0  magic
 *    8  u16 version; u16 settings, u16 states, u16 inputs, u16 verbs: how many
 *   18  u16 size of the names
 *   20  u32 size of the whole dump
 *   24  u64 clock base, u64 now, i64 now on the wall clock, ms (0: unknown)
 *   48  u64 inputs whose records were overwritten
 *   56  u64 per setting, in the order of GCN__SETTINGS_MAP
 *       names of settings, states, inputs and verbs, each with its NUL
 *       records
 *       u32 CRC of all before it
 *
 * The names are there because the lists change between versions, in the middle
 * too: a dump is a test case for versions to come.
 */
#ifndef GCN_CORE_RECORDER_H
#define GCN_CORE_RECORDER_H

#include "base/buf.h"
#include "core/record.h"

enum {
  GCN__RECORDER_SIZE = 64 * 1024,  /* the usual limit of the ring */
  GCN__RECORDER_FIRST_SIZE = 1024, /* a connection that is well needs less */
  GCN__RECORDER_SLOT_COUNT = 64,   /* later connections' repetitions are
                                      written one by one */
  GCN__RECORDER_SLOT_STEP = 4,     /* enough for a client without shards */
};

struct gcn__recorder {
  const struct gcn__mem* mem;
  unsigned char* ring;
  size_t capacity;
  size_t size_max; /* 0: off */
  size_t begin;    /* of the oldest record */
  size_t size;
  bool begun;
  uint64_t base_ms;  /* from which the oldest record counts */
  uint64_t clock_ms; /* the latest moment written */
  uint64_t overwritten;
  struct gcn__settings settings;
  struct gcn__record* repeated; /* count 0: none */
  size_t slot_count;            /* there is room for */
};

/* Allocates nothing.  A `size_max` of the ring without room for one record
 * switches the recorder off. */
void gcn__recorder_init(struct gcn__recorder* recorder,
                        const struct gcn__mem* mem, size_t size_max,
                        const struct gcn__settings* settings);
/* All-zero is fine. */
void gcn__recorder_deinit(struct gcn__recorder* recorder);
/* `count` and `since_ms` of the record are not looked at. */
void gcn__recorder_note(struct gcn__recorder* recorder,
                        const struct gcn__record* record);
/* One more of what is counted there. */
static inline void gcn__recorder_count(struct gcn__record* repeated,
                                       uint64_t at_ms) {
  repeated->count++;
  if (at_ms > repeated->at_ms) repeated->at_ms = at_ms;
}
/* False: an input like this one, of which `count`, `since_ms` and the time are
 * not looked at, is not counted as a repetition of the one before.  Else
 * `repeated` is where it is counted, with the time of the last one; NULL: the
 * recorder is off.  It lives until the next note. */
bool gcn__recorder_repeats(const struct gcn__recorder* recorder,
                           const struct gcn__record* record,
                           struct gcn__record** repeated);
/* Appends a dump; what is recorded stays.  `unix_ms` is the wall clock at
 * `now_ms`, 0 if it is not known.  0, GCN_ELIMIT or GCN__ENOMEM; an error has
 * appended nothing. */
int gcn__recorder_dump(const struct gcn__recorder* recorder, uint64_t now_ms,
                       int64_t unix_ms, struct gcn__buf* out);

#endif
