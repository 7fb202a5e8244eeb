/* SPDX-License-Identifier: MIT */
/*
 * The write plan: a queue of pieces over one byte queue.  The sum of the
 * pieces' sizes is `planned`, never more than the bytes held.
 */
#include "sim/service-out.h"

#include "base/assert.h"
#include "base/err.h"

enum { PIECES_MIN = 8 };

void gcn__sim_out_init(struct gcn__sim_out* out, const struct gcn__mem* mem,
                       size_t size_max) {
  *out = (struct gcn__sim_out){.mem = mem, .gate = SIZE_MAX};
  gcn__buf_init(&out->bytes, mem, size_max);
}

void gcn__sim_out_deinit(struct gcn__sim_out* out) {
  gcn__buf_deinit(&out->bytes);
  gcn__free(out->mem, out->pieces, out->capacity * sizeof(*out->pieces));
  out->pieces = NULL;
  out->capacity = 0;
  out->count = 0;
}

static bool make_room(struct gcn__sim_out* out) {
  if (out->begin + out->count < out->capacity) return true;
  if (out->begin > out->count) {
    memmove(out->pieces, out->pieces + out->begin,
            out->count * sizeof(*out->pieces));
    out->begin = 0;
    return true;
  }
  size_t capacity = out->capacity == 0 ? PIECES_MIN : out->capacity * 2;
  void* pieces =
      gcn__resize(out->mem, out->pieces, out->capacity * sizeof(*out->pieces),
                  capacity * sizeof(*out->pieces));
  if (pieces == NULL) return false;
  out->pieces = pieces;
  out->capacity = capacity;
  return true;
}

static bool joins(const struct gcn__sim_piece* last,
                  const struct gcn__sim_piece* form) {
  if (last->step != form->step || last->gap_ms != form->gap_ms) return false;
  if (form->step != GCN__SIM_PIECE_SIZE_MAX) return false;
  return last->due_ms == GCN__NEVER ? form->due_ms == GCN__NEVER
                                    : last->due_ms >= form->due_ms;
}

int gcn__sim_out_plan_part(struct gcn__sim_out* out, size_t size,
                           const struct gcn__sim_piece* form) {
  GCN__ASSERT(size <= gcn__buf_size(&out->bytes) - out->planned);
  if (size == 0) return 0;
  struct gcn__sim_piece piece = *form;
  piece.size = size;
  if (piece.step == 0) piece.step = GCN__SIM_PIECE_SIZE_MAX;
  struct gcn__sim_piece* last =
      out->count == 0 ? NULL : &out->pieces[out->begin + out->count - 1];
  if (last != NULL && joins(last, &piece)) {
    last->size += size;
    out->planned += size;
    return 0;
  }
  if (!make_room(out)) return GCN__ENOMEM;
  out->pieces[out->begin + out->count] = piece;
  out->count++;
  out->planned += size;
  return 0;
}

int gcn__sim_out_plan(struct gcn__sim_out* out,
                      const struct gcn__sim_piece* form) {
  size_t size = gcn__buf_size(&out->bytes) - out->planned;
  return gcn__sim_out_plan_part(out, size, form);
}

void gcn__sim_out_release(struct gcn__sim_out* out, uint64_t now_ms) {
  for (size_t i = 0; i < out->count; i++) {
    struct gcn__sim_piece* piece = &out->pieces[out->begin + i];
    if (piece->due_ms == GCN__NEVER) piece->due_ms = now_ms;
  }
}

void gcn__sim_out_shut(struct gcn__sim_out* out, size_t size) {
  if (size < out->gate) out->gate = size;
}

void gcn__sim_out_hurry(struct gcn__sim_out* out) {
  out->gate = SIZE_MAX;
  for (size_t i = 0; i < out->count; i++) {
    struct gcn__sim_piece* piece = &out->pieces[out->begin + i];
    piece->due_ms = 0;
    piece->gap_ms = 0;
  }
}

struct gcn__span gcn__sim_out_next(const struct gcn__sim_out* out,
                                   uint64_t now_ms) {
  if (out->count == 0) return GCN__SPAN("");
  const struct gcn__sim_piece* piece = &out->pieces[out->begin];
  if (piece->due_ms > now_ms) return GCN__SPAN("");
  size_t size = piece->size < piece->step ? piece->size : piece->step;
  if (size > out->gate) size = out->gate;
  return gcn__span(gcn__buf_span(&out->bytes).data, size);
}

void gcn__sim_out_sent(struct gcn__sim_out* out, size_t size, uint64_t now_ms) {
  if (size == 0) return;
  GCN__ASSERT(out->count > 0);
  struct gcn__sim_piece* piece = &out->pieces[out->begin];
  GCN__ASSERT(size <= piece->size);
  gcn__buf_consume(&out->bytes, size);
  out->planned -= size;
  piece->size -= size;
  if (out->gate != SIZE_MAX) out->gate -= size;
  if (piece->gap_ms > 0) piece->due_ms = gcn__time_add(now_ms, piece->gap_ms);
  if (piece->size > 0) return;
  out->begin++;
  out->count--;
  if (out->count == 0) out->begin = 0;
}

uint64_t gcn__sim_out_due(const struct gcn__sim_out* out) {
  if (out->count == 0 || out->gate == 0) return GCN__NEVER;
  return out->pieces[out->begin].due_ms;
}

bool gcn__sim_out_empty(const struct gcn__sim_out* out) {
  return out->count == 0;
}
