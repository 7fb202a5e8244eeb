/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket reader's inside, shared by ws.c and ws-in-place.c only.
 *
 * Invariant: between two frames (`header_size` 0) nothing of the stream is
 * inside wslay or here but the fragments of a message that goes on; so each
 * frame can be read by either of the two.
 */
#ifndef GCN_CODEC_WS_INSIDE_H
#define GCN_CODEC_WS_INSIDE_H

#include "codec/utf8.h"
#include "codec/ws.h"

enum { GCN__WS_HEADER_SIZE_MAX = 14 }; /* RFC 6455 §5.2: 2 + 8 + 4 */

struct gcn__ws {
  /* All that a frame looks at that lies whole in the caller's bytes. */
  enum gcn__ws_role role;
  int error;
  bool closed;     /* a close frame was returned */
  bool assembling; /* a data message; control frames may come in between */
  bool delivered;  /* `message` is with the caller until the next read */
  size_t header_size;
  struct gcn__ws_limits limits;
  /* The frame that waits in the caller's bytes for its rest. */
  size_t wanted;  /* its size, as far as that is known; 0: there is none */
  size_t checked; /* bytes of its payload that `utf8` was fed */

  const struct gcn__mem* mem;
  struct gcn__entropy entropy;
  struct wslay_frame_context* frames; /* NULL: not needed just now */
  bool busy; /* read by it since the last shrink: the next one may be, too */
  struct gcn__span* in; /* set while a read runs */
  struct gcn__buf* out; /* set while a write runs */

  /* The frame being read. */
  /* A copy of what wslay was given. */
  unsigned char header[GCN__WS_HEADER_SIZE_MAX];
  bool admitted;        /* the header is complete and allowed */
  uint64_t unfed_size;  /* payload bytes wslay has not been given */
  uint64_t unread_size; /* payload bytes wslay has not given back */
  char control[GCN__WS_CONTROL_SIZE_MAX];
  size_t control_size;

  /* The data message being assembled. */
  enum gcn__ws_opcode opcode;
  size_t fragment_count;
  struct gcn__utf8 utf8;
  struct gcn__buf message;

  unsigned error_code;
  const char* error_text;
};

#endif
