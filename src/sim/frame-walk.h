/* SPDX-License-Identifier: MIT */
/*
 * From frame to frame by their headers, for readers that measure what reading
 * costs at least.
 *
 * Unmasked frames of a peer that is known to be right: nothing is checked.
 * Inline, because what it costs is in the figures.
 */
#ifndef GCN_SIM_FRAME_WALK_H
#define GCN_SIM_FRAME_WALK_H

#include "base/span.h"

/* All-zero: before the first frame. */
struct gcn__frame_walk {
  uint64_t rest; /* of the payload */
  unsigned char header[10];
  size_t header_size; /* of it, so far; 0: none has begun */
};

static inline size_t gcn__frame_walk_due(const struct gcn__frame_walk* walk) {
  if (walk->header_size < 2) return 2;
  if (walk->header[1] == 126) return 4;
  return walk->header[1] == 127 ? 10 : 2;
}

static inline uint64_t gcn__frame_walk_declared(const unsigned char* header) {
  if (header[1] < 126) return header[1];
  if (header[1] == 126) return (uint64_t)header[2] << 8 | header[3];
  uint64_t size = 0;
  for (size_t i = 2; i < 10; i++)
    size = size << 8 | header[i];
  return size;
}

/* Takes what there is of a header, which may come in pieces.  True when it is
 * whole: `header` and `rest` are the frame's then. */
static inline bool gcn__frame_walk_header(struct gcn__frame_walk* walk,
                                          struct gcn__span* bytes) {
  while (bytes->size > 0 && walk->header_size < gcn__frame_walk_due(walk)) {
    size_t size = gcn__frame_walk_due(walk) - walk->header_size;
    if (size > bytes->size) size = bytes->size;
    memcpy(walk->header + walk->header_size, bytes->data, size);
    walk->header_size += size;
    *bytes = gcn__span_skip(*bytes, size);
  }
  if (walk->header_size < gcn__frame_walk_due(walk)) return false;
  walk->rest = gcn__frame_walk_declared(walk->header);
  walk->header_size = 0;
  return true;
}

/* Takes what there is of the payload. */
static inline struct gcn__span
gcn__frame_walk_payload(struct gcn__frame_walk* walk, struct gcn__span* bytes) {
  struct gcn__span part = *bytes;
  if (part.size > walk->rest) part.size = (size_t)walk->rest;
  walk->rest -= part.size;
  *bytes = gcn__span_skip(*bytes, part.size);
  return part;
}

#endif
