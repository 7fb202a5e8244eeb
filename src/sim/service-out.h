/* SPDX-License-Identifier: MIT */
/*
 * What a connection has to send, and in which pieces at which moments.
 *
 * Bytes leave in the order in which they were added, whatever their moments:
 * a delayed piece holds back all that follows it.
 */
#ifndef GCN_SIM_SERVICE_OUT_H
#define GCN_SIM_SERVICE_OUT_H

#include "base/buf.h"
#include "base/time.h"

enum { GCN__SIM_PIECE_SIZE_MAX = 65536 };

/* `size` bytes in writes of at most `step` bytes, the first one not before
 * `due_ms`, the others `gap_ms` apart. */
struct gcn__sim_piece {
  size_t size;
  size_t step;
  uint64_t due_ms;
  uint64_t gap_ms;
};

struct gcn__sim_out {
  const struct gcn__mem* mem;
  struct gcn__buf bytes;
  struct gcn__sim_piece* pieces;
  size_t begin;
  size_t count;
  size_t capacity;
  size_t planned; /* bytes that pieces cover */
  size_t gate;    /* bytes that may still leave; SIZE_MAX: all */
};

void gcn__sim_out_init(struct gcn__sim_out* out, const struct gcn__mem* mem,
                       size_t size_max);
void gcn__sim_out_deinit(struct gcn__sim_out* out);
/* Covers all bytes appended to `out->bytes` since the last call; `form->size`
 * is ignored.  A plain form (step 0, due now or before, no gap) joins the piece
 * before it if that is plain too.  0 or GCN__ENOMEM. */
int gcn__sim_out_plan(struct gcn__sim_out* out,
                      const struct gcn__sim_piece* form);
/* Covers only the first `size` of those bytes. */
int gcn__sim_out_plan_part(struct gcn__sim_out* out, size_t size,
                           const struct gcn__sim_piece* form);
/* What waits for GCN__NEVER may go now. */
void gcn__sim_out_release(struct gcn__sim_out* out, uint64_t now_ms);
/* Nothing leaves beyond the first `size` bytes of what is held. */
void gcn__sim_out_shut(struct gcn__sim_out* out, size_t size);
/* Forgets the plan: everything may go now, at once. */
void gcn__sim_out_hurry(struct gcn__sim_out* out);
struct gcn__span gcn__sim_out_next(const struct gcn__sim_out* out,
                                   uint64_t now_ms);
void gcn__sim_out_sent(struct gcn__sim_out* out, size_t size, uint64_t now_ms);
/* When the next piece is due; GCN__NEVER if there is none. */
uint64_t gcn__sim_out_due(const struct gcn__sim_out* out);
bool gcn__sim_out_empty(const struct gcn__sim_out* out);

#endif
