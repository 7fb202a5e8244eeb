/* SPDX-License-Identifier: MIT */
/*
 * Reads what gcn__recorder_dump wrote, by this version or an earlier one.
 *
 * Strict: the whole dump is checked before the first record is handed out.  The
 * writer's numbers are translated by their names into this version's.
 */
#ifndef GCN_CORE_RECORD_READER_H
#define GCN_CORE_RECORD_READER_H

#include "core/record.h"

struct gcn__record_reader {
  struct gcn__settings settings; /* those the dump lacks have their defaults */
  uint64_t base_ms;
  uint64_t now_ms; /* when it was dumped */
  int64_t unix_ms; /* the same on the wall clock; 0: not known */
  uint64_t overwritten;

  struct gcn__span rest;
  uint64_t clock_ms;
  uint8_t states[UINT8_MAX + 1]; /* from the writer's numbers to ours */
  uint8_t inputs[UINT8_MAX + 1];
  uint8_t verbs[32];
};

/* `dump` is borrowed.  NULL, or a phrase that goes on after "it": "is cut
 * off". */
const char* gcn__record_reader_init(struct gcn__record_reader* reader,
                                    struct gcn__span dump);
/* False at the end. */
bool gcn__record_reader_next(struct gcn__record_reader* reader,
                             struct gcn__record* record);

#endif
