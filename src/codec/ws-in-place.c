/* SPDX-License-Identifier: MIT */
/*
 * Frames that lie whole in the caller's bytes, read without a copy.
 *
 * This file knows the one form that nearly every frame of a server has: not
 * fragmented, not masked, of a known opcode, within the limits.  Whatever is
 * not plainly that goes to gcn__ws_read, which alone says what is wrong with
 * it.  Invariant: a frame is taken as a whole or not at all, so both find the
 * same bytes where they left off.
 */
#include "codec/ws-inside.h"

#include "base/assert.h"
#include "base/err.h"

struct frame {
  enum gcn__ws_opcode opcode;
  size_t header_size; /* 0: the header is not complete */
  size_t size;        /* of all of it; of the header while that is incomplete */
};

/* FIN, no reserved bit, and an opcode that may come now. */
static bool is_common(const struct gcn__ws* ws, unsigned char first) {
  switch (first) {
  case 0x80 | GCN__WS_TEXT:
  case 0x80 | GCN__WS_BINARY:
    return !ws->assembling && ws->limits.fragment_count_max > 0;
  case 0x80 | GCN__WS_PING:
  case 0x80 | GCN__WS_PONG: return true;
  default: return false;
  }
}

/* Of a length of 64 bits, or of 16. */
static uint64_t read_length(const unsigned char* at) {
  if (at[1] == 126) return (uint64_t)at[2] << 8 | at[3];
  uint64_t length = 0;
  for (size_t i = 2; i < 10; i++)
    length = length << 8 | at[i];
  return length;
}

/* A long length only data may have, and it has to be needed. */
static bool look_at_long(const struct gcn__ws* ws, const unsigned char* at,
                         size_t size, struct frame* frame) {
  size_t header_size = at[1] == 126 ? 4 : 10;
  if (frame->opcode > GCN__WS_BINARY) return false;
  frame->size = header_size;
  if (size < header_size) return true;
  uint64_t length = read_length(at);
  if (length < (at[1] == 126 ? 126u : 65536u)) return false;
  if (length > ws->limits.message_size_max) return false;
  frame->header_size = header_size;
  frame->size += (size_t)length;
  return true;
}

/* What `size` > 0 bytes begin with; false: nothing for this file. */
static bool look(const struct gcn__ws* ws, const unsigned char* at, size_t size,
                 struct frame* frame) {
  if (!is_common(ws, at[0])) return false;
  frame->opcode = (enum gcn__ws_opcode)(at[0] & 0x0f);
  frame->header_size = 0;
  frame->size = 2;
  if (size < 2) return true;
  if (at[1] > 127) return false;
  if (at[1] > GCN__WS_CONTROL_SIZE_MAX)
    return look_at_long(ws, at, size, frame);
  bool data = frame->opcode <= GCN__WS_BINARY;
  if (data && at[1] > ws->limits.message_size_max) return false;
  frame->header_size = 2;
  frame->size += at[1];
  return true;
}

/* Text is judged as it comes, like that of gcn__ws_read.  False: it is no
 * UTF-8. */
static bool check(struct gcn__ws* ws, const struct frame* frame,
                  struct gcn__span bytes) {
  bool text = frame->opcode == GCN__WS_TEXT && frame->header_size > 0;
  if (!text) return true;
  struct gcn__span payload = gcn__span_skip(bytes, frame->header_size);
  if (ws->checked == 0) ws->utf8 = (struct gcn__utf8){0};
  if (!gcn__utf8_feed(&ws->utf8, gcn__span_skip(payload, ws->checked)))
    return false;
  ws->checked = payload.size;
  return true;
}

static int read_by_copy(struct gcn__ws* ws, struct gcn__ws_lent* in,
                        struct gcn__ws_message* message) {
  struct gcn__span rest = gcn__span(in->data, in->size);
  int result = gcn__ws_read(ws, &rest, message);
  in->data += in->size - rest.size;
  in->size = rest.size;
  return result;
}

/* Its rest has not come yet. */
static int wait(struct gcn__ws* ws, const struct frame* frame,
                struct gcn__ws_lent* in, struct gcn__ws_message* message) {
  bool waits = frame->size <= in->room &&
               check(ws, frame, gcn__span(in->data, in->size));
  if (!waits) return read_by_copy(ws, in, message);
  ws->wanted = frame->size;
  return GCN__WS_MORE;
}

int gcn__ws_read_in_place(struct gcn__ws* ws, struct gcn__ws_lent* in,
                          struct gcn__ws_message* message) {
  struct frame frame;
  bool fresh = ws->header_size == 0 && ws->error == 0 && !ws->closed &&
               ws->role == GCN__WS_CLIENT && in->size > 0;
  if (!fresh || !look(ws, (const unsigned char*)in->data, in->size, &frame))
    return read_by_copy(ws, in, message);
  if (frame.size > in->size) return wait(ws, &frame, in, message);
  ws->wanted = 0;
  ws->checked = 0;
  *message = (struct gcn__ws_message){
      .opcode = frame.opcode,
      .data = in->data + frame.header_size,
      .size = frame.size - frame.header_size,
      .fragment_count = frame.opcode <= GCN__WS_BINARY ? 1 : 0,
      .in_place = true,
  };
  in->data += frame.size;
  in->size -= frame.size;
  return GCN__WS_MESSAGE;
}

size_t gcn__ws_wanted(const struct gcn__ws* ws) {
  return ws->wanted;
}
