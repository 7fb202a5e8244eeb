/* SPDX-License-Identifier: MIT */
/*
 * Room for an append that is written in place.
 *
 * It knows nothing of what is written.  An error has changed nothing, so a
 * writer that asks for all it needs first never leaves half a text behind.
 */
#ifndef GCN_CODEC_RESERVE_H
#define GCN_CODEC_RESERVE_H

#include "base/buf.h"
#include "base/err.h"

/* `to` is where to write `size` bytes; follow with gcn__buf_commit.  0,
 * GCN_ELIMIT or GCN__ENOMEM. */
static inline int gcn__codec_reserve(struct gcn__buf* out, size_t size,
                                     char** to) {
  *to = gcn__buf_reserve(out, size);
  if (*to != NULL) return 0;
  size_t used = gcn__buf_size(out);
  bool over = used > out->size_max || size > out->size_max - used;
  return over ? GCN_ELIMIT : GCN__ENOMEM;
}

#endif
