/* SPDX-License-Identifier: MIT */
/*
 * WebSocket messages: what wslay's frame layer leaves to its user.
 *
 * wslay parses and writes headers, checks lengths and control frames, and
 * masks.  This file knows messages, roles and limits; it does not know who
 * sends what or when.  Invariants: wslay is handed the bytes of one frame at
 * most, so nothing is ever left inside it when a message is returned; and
 * its payload bytes only after this file has admitted the header, so a frame
 * that breaks a rule or a limit is refused before it costs anything.
 */
#include "codec/ws-inside.h"

#include "base/assert.h"
#include "base/err.h"

#include <wslay/wslay.h>

/* read_piece's third answer: something was done, nothing is complete. */
enum { AGAIN = 2 };

const struct gcn__ws_limits gcn__ws_limits_default = {
    .message_size_max = 1024 * 1024,
    .fragment_count_max = 1024,
};

static int fail(struct gcn__ws* ws, int error, unsigned code,
                const char* text) {
  ws->error = error;
  ws->error_code = code;
  ws->error_text = text;
  return error;
}

static int fail_protocol(struct gcn__ws* ws, const char* text) {
  return fail(ws, GCN_EWS, GCN__WS_CLOSE_PROTOCOL, text);
}

static int fail_memory(struct gcn__ws* ws) {
  return fail(ws, GCN__ENOMEM, GCN__WS_CLOSE_INTERNAL, "out of memory");
}

static int fail_utf8(struct gcn__ws* ws) {
  return fail(ws, GCN_EWS, GCN__WS_CLOSE_INVALID, "text is not UTF-8");
}

static int fail_half_utf8(struct gcn__ws* ws) {
  return fail(ws, GCN_EWS, GCN__WS_CLOSE_INVALID,
              "text ends inside a character");
}

static bool is_control(unsigned opcode) {
  return (opcode & 0x8) != 0;
}

/* The header's full size as far as its bytes tell, RFC 6455 §5.2. */
static size_t header_size_due(const struct gcn__ws* ws) {
  if (ws->header_size < 2) return 2;
  unsigned length = ws->header[1] & 0x7f;
  size_t size = 2;
  if (length == 126) size += 2;
  if (length == 127) size += 8;
  if ((ws->header[1] & 0x80) != 0) size += 4;
  return size;
}

static uint64_t declared_size(const struct gcn__ws* ws) {
  unsigned length = ws->header[1] & 0x7f;
  if (length < 126) return length;
  size_t end = length == 126 ? 4 : 10;
  uint64_t size = 0;
  for (size_t i = 2; i < end; i++)
    size = size << 8 | ws->header[i];
  return size;
}

/* How many bytes wslay may have now.  Never more than this frame's, and none
 * of its payload before it was admitted. */
static uint64_t allowance(const struct gcn__ws* ws) {
  size_t due = header_size_due(ws);
  if (ws->header_size < due) return due - ws->header_size;
  return ws->admitted ? ws->unfed_size : 0;
}

static ssize_t feed_frames(uint8_t* to, size_t room, int flags, void* user) {
  (void)flags;
  struct gcn__ws* ws = user;
  uint64_t allowed = allowance(ws);
  size_t size = ws->in->size < room ? ws->in->size : room;
  if (size > allowed) size = (size_t)allowed;
  if (size == 0) return -1;
  memcpy(to, ws->in->data, size);
  *ws->in = gcn__span_skip(*ws->in, size);
  if (ws->admitted) {
    ws->unfed_size -= size;
  } else {
    GCN__ASSERT(size <= GCN__WS_HEADER_SIZE_MAX - ws->header_size);
    memcpy(ws->header + ws->header_size, to, size);
    ws->header_size += size;
  }
  return (ssize_t)size;
}

static ssize_t append_out(const uint8_t* data, size_t size, int flags,
                          void* user) {
  (void)flags;
  struct gcn__ws* ws = user;
  return gcn__buf_append(ws->out, data, size) == 0 ? (ssize_t)size : -1;
}

static int fill_mask(uint8_t* key, size_t size, void* user) {
  struct gcn__ws* ws = user;
  if (ws->entropy.fill == NULL) return -1;
  return ws->entropy.fill(ws->entropy.ctx, key, size) == 0 ? 0 : -1;
}

struct gcn__ws* gcn__ws_new(const struct gcn__mem* mem, enum gcn__ws_role role,
                            const struct gcn__ws_limits* limits,
                            const struct gcn__entropy* entropy) {
  struct gcn__ws* ws = gcn__alloc_zero(mem, sizeof *ws);
  if (ws == NULL) return NULL;
  ws->mem = mem;
  ws->role = role;
  ws->limits = limits == NULL ? gcn__ws_limits_default : *limits;
  if (entropy != NULL) ws->entropy = *entropy;
  gcn__buf_init(&ws->message, mem, ws->limits.message_size_max);
  ws->error_text = "";
  return ws;
}

void gcn__ws_free(struct gcn__ws* ws) {
  if (ws == NULL) return;
  if (ws->frames != NULL) wslay_frame_context_free(ws->frames);
  gcn__buf_deinit(&ws->message);
  gcn__free(ws->mem, ws, sizeof *ws);
}

/* Few frames of a client need wslay, and idle connections are many. */
static bool make_frames(struct gcn__ws* ws) {
  static const struct wslay_frame_callbacks callbacks = {
      .send_callback = append_out,
      .recv_callback = feed_frames,
      .genmask_callback = fill_mask,
  };
  if (ws->frames != NULL) return true;
  return wslay_frame_context_init(&ws->frames, &callbacks, ws) == 0;
}

void gcn__ws_rest(struct gcn__ws* ws) {
  if (ws->frames == NULL || ws->header_size > 0 || ws->busy) return;
  wslay_frame_context_free(ws->frames);
  ws->frames = NULL;
}

static bool is_known(unsigned opcode) {
  switch (opcode) {
  case GCN__WS_CONTINUATION:
  case GCN__WS_TEXT:
  case GCN__WS_BINARY:
  case GCN__WS_CLOSE:
  case GCN__WS_PING:
  case GCN__WS_PONG: return true;
  default: return false;
  }
}

static int admit_data(struct gcn__ws* ws, unsigned opcode, uint64_t size) {
  bool continued = opcode == GCN__WS_CONTINUATION;
  if (continued && !ws->assembling) {
    return fail_protocol(ws, "a continuation without a message");
  }
  if (!continued && ws->assembling) {
    return fail_protocol(ws, "a new message inside a fragmented one");
  }
  if (!continued) {
    ws->assembling = true;
    ws->opcode = (enum gcn__ws_opcode)opcode;
    ws->fragment_count = 0;
    ws->utf8 = (struct gcn__utf8){0};
  }
  if (ws->fragment_count == ws->limits.fragment_count_max) {
    return fail(ws, GCN_EMSGSIZE, GCN__WS_CLOSE_POLICY,
                "a message of too many fragments");
  }
  ws->fragment_count++;
  if (size > ws->limits.message_size_max - gcn__buf_size(&ws->message)) {
    return fail(ws, GCN_EMSGSIZE, GCN__WS_CLOSE_TOO_BIG,
                "a message over the size limit");
  }
  return 0;
}

/* Judges a complete header.  wslay has already refused a control frame that is
 * fragmented or too long and a length that is not minimal. */
static int admit_frame(struct gcn__ws* ws) {
  unsigned opcode = ws->header[0] & 0x0f;
  bool masked = (ws->header[1] & 0x80) != 0;
  if ((ws->header[0] & 0x70) != 0) {
    return fail_protocol(ws, "a reserved bit is set");
  }
  if (!is_known(opcode)) return fail_protocol(ws, "a reserved opcode");
  if (masked && ws->role == GCN__WS_CLIENT) {
    return fail_protocol(ws, "a masked frame from the server");
  }
  if (!masked && ws->role == GCN__WS_SERVER) {
    return fail_protocol(ws, "an unmasked frame from the client");
  }
  uint64_t size = declared_size(ws);
  if (!is_control(opcode)) {
    int error = admit_data(ws, opcode, size);
    if (error != 0) return error;
  }
  ws->admitted = true;
  ws->unfed_size = size;
  ws->unread_size = size;
  ws->control_size = 0;
  return 0;
}

static void take_control(struct gcn__ws* ws, struct gcn__span piece) {
  GCN__ASSERT(piece.size <= sizeof ws->control - ws->control_size);
  if (piece.size == 0) return;
  memcpy(ws->control + ws->control_size, piece.data, piece.size);
  ws->control_size += piece.size;
}

static int take_data(struct gcn__ws* ws, struct gcn__span piece) {
  bool text = ws->opcode == GCN__WS_TEXT;
  if (text && !gcn__utf8_feed(&ws->utf8, piece)) return fail_utf8(ws);
  if (gcn__buf_append(&ws->message, piece.data, piece.size) != 0) {
    return fail_memory(ws);
  }
  return 0;
}

/* RFC 6455 §7.4.2 and the IANA registry as of 1014, Bad Gateway. */
static bool is_legal_code(unsigned code) {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
}

/* The payload is judged as a whole, so that no cut can change the verdict. */
static int end_close(struct gcn__ws* ws, struct gcn__ws_message* message) {
  if (ws->control_size == 0) {
    message->code = GCN__WS_CLOSE_NO_STATUS;
    message->code_legal = true;
  } else if (ws->control_size == 1) {
    return fail_protocol(ws, "a close frame with half a code");
  } else {
    message->data += 2;
    message->size -= 2;
    message->code = (unsigned)(unsigned char)ws->control[0] << 8 |
                    (unsigned char)ws->control[1];
    message->code_legal = is_legal_code(message->code);
  }
  if (!gcn__utf8_valid(gcn__span(message->data, message->size))) {
    return fail(ws, GCN_EWS, GCN__WS_CLOSE_INVALID,
                "a close reason is not UTF-8");
  }
  ws->closed = true;
  return GCN__WS_MESSAGE;
}

static int end_control(struct gcn__ws* ws, enum gcn__ws_opcode opcode,
                       struct gcn__ws_message* message) {
  *message = (struct gcn__ws_message){
      .opcode = opcode,
      .data = ws->control,
      .size = ws->control_size,
  };
  if (opcode == GCN__WS_CLOSE) return end_close(ws, message);
  return GCN__WS_MESSAGE;
}

/* Of an empty message there may be no memory. */
static char* view(struct gcn__ws* ws) {
  bool empty = gcn__buf_size(&ws->message) == 0;
  return empty ? ws->control : ws->message.data + ws->message.begin;
}

static int end_data(struct gcn__ws* ws, bool fin,
                    struct gcn__ws_message* message) {
  if (!fin) return AGAIN;
  bool text = ws->opcode == GCN__WS_TEXT;
  if (text && !gcn__utf8_complete(&ws->utf8)) return fail_half_utf8(ws);
  ws->assembling = false;
  ws->delivered = true;
  *message = (struct gcn__ws_message){
      .opcode = ws->opcode,
      .data = view(ws),
      .size = gcn__buf_size(&ws->message),
      .fragment_count = ws->fragment_count,
  };
  return GCN__WS_MESSAGE;
}

static int end_frame(struct gcn__ws* ws, struct gcn__ws_message* message) {
  unsigned opcode = ws->header[0] & 0x0f;
  bool fin = (ws->header[0] & 0x80) != 0;
  ws->header_size = 0;
  ws->admitted = false;
  if (!is_control(opcode)) return end_data(ws, fin, message);
  return end_control(ws, (enum gcn__ws_opcode)opcode, message);
}

static int take_piece(struct gcn__ws* ws, struct gcn__span piece) {
  GCN__ASSERT(piece.size <= ws->unread_size);
  ws->unread_size -= piece.size;
  if (!is_control(ws->header[0] & 0x0f)) return take_data(ws, piece);
  take_control(ws, piece);
  return 0;
}

/* One step of wslay: at most one header and one piece of its payload. */
static int read_piece(struct gcn__ws* ws, struct gcn__ws_message* message) {
  struct wslay_frame_iocb piece = {0};
  ssize_t size = wslay_frame_recv(ws->frames, &piece);
  if (size < 0 && size != WSLAY_ERR_WANT_READ) {
    return fail_protocol(ws, "a bad length or a fragmented control frame");
  }
  if (!ws->admitted && ws->header_size == header_size_due(ws)) {
    int error = admit_frame(ws);
    if (error != 0) return error;
  }
  if (size < 0) return ws->in->size == 0 ? GCN__WS_MORE : AGAIN;
  int error = take_piece(ws, gcn__span(piece.data, (size_t)size));
  if (error != 0) return error;
  return ws->unread_size == 0 ? end_frame(ws, message) : AGAIN;
}

int gcn__ws_read(struct gcn__ws* ws, struct gcn__span* in,
                 struct gcn__ws_message* message) {
  if (ws->error != 0) return ws->error;
  if (ws->delivered) {
    gcn__buf_clear(&ws->message);
    ws->delivered = false;
  }
  ws->wanted = 0;
  ws->checked = 0;
  if (ws->closed) {
    *in = gcn__span_skip(*in, in->size);
    return GCN__WS_MORE;
  }
  if (in->size == 0) return GCN__WS_MORE;
  if (!make_frames(ws)) return fail_memory(ws);
  ws->busy = true;
  ws->in = in;
  int progress = AGAIN;
  while (progress == AGAIN)
    progress = read_piece(ws, message);
  ws->in = NULL;
  return progress;
}

int gcn__ws_reject_text(struct gcn__ws* ws,
                        const struct gcn__ws_message* message) {
  struct gcn__utf8 utf8 = {0};
  bool begun = gcn__utf8_feed(&utf8, gcn__span(message->data, message->size));
  return begun ? fail_half_utf8(ws) : fail_utf8(ws);
}

int gcn__ws_keep(struct gcn__ws* ws, struct gcn__ws_message* message) {
  GCN__ASSERT(message->in_place && !ws->assembling);
  gcn__buf_clear(&ws->message);
  if (gcn__buf_append(&ws->message, message->data, message->size) != 0)
    return fail_memory(ws);
  ws->delivered = true;
  message->data = view(ws);
  return 0;
}

unsigned gcn__ws_error_code(const struct gcn__ws* ws) {
  return ws->error_code;
}

const char* gcn__ws_error(const struct gcn__ws* ws) {
  return ws->error_text;
}

bool gcn__ws_partial(const struct gcn__ws* ws) {
  if (ws->closed || ws->error != 0) return false;
  return ws->assembling || ws->header_size > 0 || ws->wanted > 0;
}

void gcn__ws_shrink(struct gcn__ws* ws, size_t capacity) {
  gcn__ws_rest(ws);
  ws->busy = false;
  if (ws->assembling) return;
  gcn__buf_shrink(&ws->message, capacity);
  ws->delivered = false;
}

static size_t frame_size(const struct gcn__ws* ws, size_t payload_size) {
  size_t size = 2 + payload_size;
  if (payload_size > 125) size += payload_size > 0xffff ? 8 : 2;
  if (ws->role == GCN__WS_CLIENT) size += 4;
  return size;
}

/* Room for the whole frame first: then no append of wslay's can fail, and there
 * is never half a frame to take back. */
static int reserve_frame(const struct gcn__ws* ws, struct gcn__buf* out,
                         size_t payload_size) {
  size_t room = out->size_max - gcn__buf_size(out);
  if (payload_size > room) return GCN_ELIMIT;
  size_t size = frame_size(ws, payload_size);
  if (size > room) return GCN_ELIMIT;
  return gcn__buf_reserve(out, size) == NULL ? GCN__ENOMEM : 0;
}

int gcn__ws_write_fragment(struct gcn__ws* ws, struct gcn__buf* out,
                           enum gcn__ws_opcode opcode, bool fin,
                           struct gcn__span payload) {
  if (is_control(opcode) && !fin) return GCN__EINVAL;
  if (is_control(opcode) && payload.size > GCN__WS_CONTROL_SIZE_MAX) {
    return GCN_ELIMIT;
  }
  int error = reserve_frame(ws, out, payload.size);
  if (error != 0) return error;
  if (!make_frames(ws)) return GCN__ENOMEM;
  struct wslay_frame_iocb frame = {
      .fin = fin,
      .opcode = (uint8_t)opcode,
      .payload_length = payload.size,
      .mask = ws->role == GCN__WS_CLIENT,
      .data = (const uint8_t*)payload.data,
      .data_length = payload.size,
  };
  ws->out = out;
  ssize_t size = wslay_frame_send(ws->frames, &frame);
  ws->out = NULL;
  /* The mask is all that is left to fail, and it comes before any byte. */
  return size < 0 ? GCN_EENTROPY : 0;
}

int gcn__ws_write(struct gcn__ws* ws, struct gcn__buf* out,
                  enum gcn__ws_opcode opcode, struct gcn__span payload) {
  const bool fin = true;
  return gcn__ws_write_fragment(ws, out, opcode, fin, payload);
}

static struct gcn__span cut_reason(struct gcn__span reason) {
  if (reason.size <= GCN__WS_REASON_SIZE_MAX) return reason;
  size_t size = GCN__WS_REASON_SIZE_MAX;
  while (size > 0 && ((unsigned char)reason.data[size] & 0xc0) == 0x80)
    size--;
  return gcn__span(reason.data, size);
}

int gcn__ws_write_close(struct gcn__ws* ws, struct gcn__buf* out, unsigned code,
                        struct gcn__span reason) {
  if (code == 0 || code == GCN__WS_CLOSE_NO_STATUS) {
    return gcn__ws_write(ws, out, GCN__WS_CLOSE, GCN__SPAN(""));
  }
  GCN__ASSERT(code <= 0xffff);
  char payload[GCN__WS_CONTROL_SIZE_MAX] = {(char)(code >> 8), (char)code};
  struct gcn__span cut = cut_reason(reason);
  if (cut.size > 0) memcpy(payload + 2, cut.data, cut.size);
  return gcn__ws_write(ws, out, GCN__WS_CLOSE,
                       gcn__span(payload, 2 + cut.size));
}
