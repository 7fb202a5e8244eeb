/* SPDX-License-Identifier: MIT */
/*
 * The gap ledger: from when to when the client may have missed events.
 *
 * A gap opens at the last sign of life before a stream was lost, less the
 * one-way delay it allows for, and ends when the topics are confirmed again.
 * Attempts in between belong to the same gap.
 */
#ifndef GCN_CORE_GAPS_H
#define GCN_CORE_GAPS_H

#include "core/fsm.h"

struct gcn__gap {
  uint64_t from_ms;
  uint64_t to_ms;
  enum gcn__input cause; /* what ended the stream */
};

struct gcn__gaps {
  bool open;
  struct gcn__gap current;
};

/* Does nothing while a gap is open: the first cause counts. */
void gcn__gaps_open(struct gcn__gaps* gaps, uint64_t proof_ms,
                    uint64_t latency_ms, enum gcn__input cause);
/* True, and `gap` is set, if one was open. */
bool gcn__gaps_end(struct gcn__gaps* gaps, uint64_t now_ms,
                   struct gcn__gap* gap);

#endif
