/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder: a ring of what happened last to each connection.
 *
 * It allocates nothing and reads no clock.  When the ring is full, whole
 * records go, oldest first, so the first one left is always readable.  Events
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
  GCN__RECORDER_SIZE = 64 * 1024, /* the usual size of the ring */
  GCN__RECORDER_SLOT_COUNT = 64,  /* later connections' repetitions are
                                     written one by one */
};

struct gcn__recorder {
  unsigned char* ring;
  size_t capacity; /* 0: off */
  size_t begin;    /* of the oldest record */
  size_t size;
  bool begun;
  uint64_t base_ms;  /* from which the oldest record counts */
  uint64_t clock_ms; /* the latest moment written */
  uint64_t overwritten;
  struct gcn__settings settings;
  struct gcn__record repeated[GCN__RECORDER_SLOT_COUNT]; /* count 0: none */
};

/* `memory` stays the caller's and lives as long as the recorder.  A `size`
 * without room for one record switches the recorder off. */
void gcn__recorder_init(struct gcn__recorder* recorder, void* memory,
                        size_t size, const struct gcn__settings* settings);
/* `count` and `since_ms` of the record are not looked at. */
void gcn__recorder_note(struct gcn__recorder* recorder,
                        const struct gcn__record* record);
/* Appends a dump; what is recorded stays.  `unix_ms` is the wall clock at
 * `now_ms`, 0 if it is not known.  0, GCN_ELIMIT or GCN__ENOMEM; an error has
 * appended nothing. */
int gcn__recorder_dump(const struct gcn__recorder* recorder, uint64_t now_ms,
                       int64_t unix_ms, struct gcn__buf* out);

#endif
