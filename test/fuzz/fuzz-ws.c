/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket reader on any bytes, against a slow model.
 *
 * Input: a byte of role and limits, a byte that seeds the cuts, and the
 * stream.  Oracles: the transcript is the same whole, byte by byte and in
 * random cuts, by copies and in place; it is the one of the model below, which
 * shares no code with the reader; the heap stays below twice the message limit.
 */
#include "base/err.h"
#include "base/rng.h"
#include "codec/utf8.h"
#include "codec/ws.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum {
  TRANSCRIPT_SIZE_MAX = 1 << 24,
  FIXED_SIZE = 1024,    /* the reader itself */
  BLOCK_SIZE_MIN = 256, /* gcn__buf's smallest block */
};

static void check(int good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-ws: %s\n", what);
  abort();
}

/* ---- transcripts: one record per message, one for the end ---- */

static void put(struct gcn__buf* out, const void* data, size_t size) {
  check(gcn__buf_append(out, data, size) == 0, "the transcript is full");
}

static void put_message(struct gcn__buf* out, unsigned opcode, unsigned code,
                        bool legal, struct gcn__span payload) {
  char head[64];
  int size = snprintf(head, sizeof head, "\n%x %u %d %zu ", opcode, code,
                      (int)legal, payload.size);
  put(out, head, (size_t)size);
  put(out, payload.data, payload.size);
}

static void put_end(struct gcn__buf* out, int error, unsigned code,
                    bool partial) {
  char line[64];
  int size =
      snprintf(line, sizeof line, "\nend %d %u %d", error, code, (int)partial);
  put(out, line, (size_t)size);
}

/* ---- the model ---- */

struct model {
  const uint8_t* data;
  size_t size;
  size_t at;
  bool server;
  struct gcn__ws_limits limits;
  uint8_t* message; /* as large as the stream: nothing can overflow it */
  size_t message_size;
  size_t fragment_count; /* 0: no message begun */
  unsigned opcode;
  struct gcn__buf* out;
  int error;
  unsigned code;
};

struct frame {
  bool fin;
  unsigned reserved;
  unsigned opcode;
  bool masked;
  uint64_t size;
  const uint8_t* key;
};

static bool model_fail(struct model* model, int error, unsigned code) {
  model->error = error;
  model->code = code;
  return false;
}

/* 1: whole characters; 0: good so far; -1: bad. */
static int model_utf8(const uint8_t* at, size_t size) {
  while (size > 0) {
    size_t count = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] >= 0x80 && (at[0] < 0xc2 || at[0] > 0xf4)) return -1;
    for (size_t i = 1; i < count && i < size; i++) {
      unsigned least = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
      unsigned most = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
      bool second = i == 1;
      if (at[i] < (second ? least : 0x80) || at[i] > (second ? most : 0xbf))
        return -1;
    }
    if (count > size) return 0;
    at += count;
    size -= count;
  }
  return 1;
}

/* False at the end of the stream, or of everything. */
static bool model_header(struct model* model, struct frame* frame) {
  const uint8_t* at = model->data + model->at;
  size_t rest = model->size - model->at;
  if (rest < 2) return false;
  unsigned form = at[1] & 0x7f;
  *frame = (struct frame){.fin = at[0] >> 7,
                          .reserved = at[0] >> 4 & 7,
                          .opcode = at[0] & 0xf,
                          .masked = at[1] >> 7,
                          .size = form};
  if (frame->opcode >= 8 && (form > 125 || !frame->fin))
    return model_fail(model, GCN_EWS, 1002);
  size_t header = 2;
  if (form > 125) {
    header += form == 126 ? 2 : 8;
    if (rest < header) return false;
    frame->size = 0;
    for (size_t i = 2; i < header; i++)
      frame->size = frame->size * 256 + at[i];
    if (frame->size < (form == 126 ? 126 : 65536) || frame->size >> 63 != 0)
      return model_fail(model, GCN_EWS, 1002);
  }
  frame->key = at + header;
  header += frame->masked ? 4 : 0;
  if (rest < header) return false;
  model->at += header;
  return true;
}

static bool model_rules(struct model* model, const struct frame* frame) {
  bool known =
      frame->opcode <= 2 || (frame->opcode >= 8 && frame->opcode <= 10);
  if (frame->reserved != 0 || !known || frame->masked != model->server)
    return model_fail(model, GCN_EWS, 1002);
  if (frame->opcode >= 8) return true;
  if ((frame->opcode == 0) != (model->fragment_count > 0))
    return model_fail(model, GCN_EWS, 1002);
  if (frame->opcode != 0) {
    model->opcode = frame->opcode;
    model->message_size = 0;
  }
  if (model->fragment_count >= model->limits.fragment_count_max)
    return model_fail(model, GCN_EMSGSIZE, 1008);
  model->fragment_count++;
  if (frame->size > model->limits.message_size_max - model->message_size)
    return model_fail(model, GCN_EMSGSIZE, 1009);
  return true;
}

/* The payload as far as it is there, unmasked, behind `to`. */
static size_t model_payload(struct model* model, const struct frame* frame,
                            uint8_t* to) {
  size_t rest = model->size - model->at;
  size_t size = frame->size < rest ? (size_t)frame->size : rest;
  for (size_t i = 0; i < size; i++) {
    uint8_t key = frame->masked ? frame->key[i % 4] : 0;
    to[i] = model->data[model->at + i] ^ key;
  }
  model->at += size;
  return size;
}

static bool model_data(struct model* model, const struct frame* frame) {
  uint8_t* to = model->message + model->message_size;
  size_t size = model_payload(model, frame, to);
  model->message_size += size;
  bool text = model->opcode == 1;
  int utf8 = text ? model_utf8(model->message, model->message_size) : 1;
  if (utf8 < 0) return model_fail(model, GCN_EWS, 1007);
  if (size < frame->size) return false;
  if (!frame->fin) return true;
  if (utf8 == 0) return model_fail(model, GCN_EWS, 1007);
  put_message(model->out, model->opcode, 0, false,
              gcn__span(model->message, model->message_size));
  model->fragment_count = 0;
  return true;
}

/* Returns whether to go on; nothing counts behind a close. */
static bool model_control(struct model* model, const struct frame* frame,
                          bool* closed) {
  uint8_t payload[125];
  size_t size = model_payload(model, frame, payload);
  if (size < frame->size) return false;
  if (frame->opcode != 8) {
    put_message(model->out, frame->opcode, 0, false, gcn__span(payload, size));
    return true;
  }
  if (size == 1) return model_fail(model, GCN_EWS, 1002);
  size_t skip = size > 0 ? 2 : 0;
  if (model_utf8(payload + skip, size - skip) != 1)
    return model_fail(model, GCN_EWS, 1007);
  unsigned code = size == 0 ? 1005 : payload[0] * 256u + payload[1];
  bool legal = size == 0 || (code >= 3000 && code < 5000) ||
               (code >= 1000 && code < 1015 && code != 1004 && code != 1005 &&
                code != 1006);
  put_message(model->out, 8, code, legal,
              gcn__span(payload + skip, size - skip));
  *closed = true;
  return false;
}

static void run_model(struct model* model) {
  struct frame frame;
  bool closed = false;
  bool going = true;
  size_t begin = 0;
  while (going) {
    begin = model->at;
    going = model_header(model, &frame) && model_rules(model, &frame);
    if (going && frame.opcode < 8)
      going = model_data(model, &frame);
    else if (going)
      going = model_control(model, &frame, &closed);
  }
  bool partial = begin < model->size || model->fragment_count > 0;
  bool quiet = closed || model->error != 0;
  put_end(model->out, model->error, model->code, partial && !quiet);
}

/* ---- the reader ---- */

static size_t live_size;
static size_t peak_size;

static void* counting_resize(void* ctx, void* ptr, size_t old_size,
                             size_t new_size) {
  live_size += new_size - old_size;
  if (live_size > peak_size) peak_size = live_size;
  return gcn__mem_libc.resize(ctx, ptr, old_size, new_size);
}

static void put_read(struct gcn__buf* out,
                     const struct gcn__ws_message* message) {
  put_message(out, message->opcode, message->code, message->code_legal,
              gcn__span(message->data, message->size));
}

static int feed(struct gcn__ws* ws, struct gcn__span piece,
                struct gcn__buf* out) {
  char* copy = malloc(piece.size + 1);
  check(copy != NULL, "out of memory");
  memcpy(copy + 1, piece.data, piece.size);
  struct gcn__span in = gcn__span(copy + 1, piece.size);
  struct gcn__ws_message message;
  int progress = gcn__ws_read(ws, &in, &message);
  for (; progress == GCN__WS_MESSAGE;) {
    put_read(out, &message);
    progress = gcn__ws_read(ws, &in, &message);
  }
  check(progress < 0 || in.size == 0, "input left behind");
  free(copy);
  return progress;
}

static int read_in_place(struct gcn__ws* ws, struct gcn__ws_lent* in,
                         struct gcn__buf* out) {
  struct gcn__ws_message message;
  int progress = gcn__ws_read_in_place(ws, in, &message);
  if (progress != GCN__WS_MESSAGE) return progress;
  bool text = message.opcode == GCN__WS_TEXT && message.in_place;
  if (text && !gcn__utf8_valid(gcn__span(message.data, message.size)))
    return gcn__ws_reject_text(ws, &message);
  put_read(out, &message);
  return progress;
}

/* What the reader leaves goes to the front of the next block. */
static int feed_in_place(struct gcn__ws* ws, struct gcn__span piece,
                         struct gcn__buf* left, struct gcn__buf* out) {
  size_t left_size = gcn__buf_size(left);
  size_t size = left_size + piece.size;
  char* block = malloc(size + 1);
  check(block != NULL, "out of memory");
  if (left_size > 0) memcpy(block + 1, gcn__buf_span(left).data, left_size);
  memcpy(block + 1 + left_size, piece.data, piece.size);
  gcn__buf_clear(left);
  struct gcn__ws_lent in = {block + 1, size, left->size_max};
  int progress;
  do
    progress = read_in_place(ws, &in, out);
  while (progress == GCN__WS_MESSAGE);
  size_t wanted = gcn__ws_wanted(ws);
  bool waits = in.size > 0 && wanted > in.size && wanted <= in.room;
  check(progress < 0 || waits == (in.size > 0), "input left without a reason");
  if (progress == GCN__WS_MORE) put(left, in.data, in.size);
  free(block);
  return progress;
}

/* `room` 0: by copies. */
static void read_in_cuts(const struct model* model, unsigned cut, size_t room,
                         struct gcn__buf* out) {
  const struct gcn__mem mem = {counting_resize, NULL};
  live_size = 0;
  peak_size = 0;
  struct gcn__ws* ws =
      gcn__ws_new(&mem, model->server ? GCN__WS_SERVER : GCN__WS_CLIENT,
                  &model->limits, NULL);
  check(ws != NULL, "out of memory");
  struct gcn__rng rng;
  struct gcn__buf left;
  gcn__rng_seed(&rng, cut);
  gcn__buf_init(&left, &gcn__mem_libc, room);
  struct gcn__span rest = gcn__span(model->data, model->size);
  int progress = 0;
  while (progress == 0 && rest.size > 0) {
    size_t most = cut < 2 ? cut : gcn__rng_below(&rng, 3) == 0 ? 300 : 5;
    size_t size = (size_t)gcn__rng_between(&rng, 1, most + (most == 0));
    if (cut == 0 || size > rest.size) size = rest.size;
    struct gcn__span piece = gcn__span(rest.data, size);
    progress =
        room == 0 ? feed(ws, piece, out) : feed_in_place(ws, piece, &left, out);
    rest = gcn__span_skip(rest, size);
  }
  put_end(out, progress, gcn__ws_error_code(ws), gcn__ws_partial(ws));
  /* A block of up to twice the limit, and half of it while it moves. */
  size_t message_size = model->limits.message_size_max + BLOCK_SIZE_MIN;
  check(peak_size <= FIXED_SIZE + 3 * message_size, "too much memory");
  gcn__ws_free(ws);
  gcn__buf_deinit(&left);
  check(live_size == 0, "memory left behind");
}

static void compare(const struct model* model, unsigned cut, size_t room) {
  struct gcn__span wanted = gcn__buf_span(model->out);
  struct gcn__buf got;
  gcn__buf_init(&got, &gcn__mem_libc, TRANSCRIPT_SIZE_MAX);
  read_in_cuts(model, cut, room, &got);
  bool same = gcn__span_equal(gcn__buf_span(&got), wanted);
  if (!same)
    fprintf(stderr, "cut %u, room %zu:%.*s\nwanted:%.*s\n", cut, room,
            (int)gcn__buf_size(&got), gcn__buf_span(&got).data,
            (int)wanted.size, wanted.data);
  check(same, "not what the model says");
  gcn__buf_deinit(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const struct gcn__ws_limits limits[] = {
      {16, 3}, {300, 8}, {5000, 1024}, {1 << 20, 1024}};
  if (size < 2) return 0;
  struct gcn__buf wanted;
  gcn__buf_init(&wanted, &gcn__mem_libc, TRANSCRIPT_SIZE_MAX);
  struct model model = {.data = data + 2,
                        .size = size - 2,
                        .server = data[0] & 1,
                        .limits = limits[data[0] >> 1 & 3],
                        .out = &wanted};
  model.message = malloc(size);
  check(model.message != NULL, "out of memory");
  run_model(&model);
  static const size_t rooms[] = {0, 14, 200, 16384};
  const unsigned cuts[] = {0, 1, 2u + data[1]};
  for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
    for (size_t j = 0; j < sizeof rooms / sizeof rooms[0]; j++)
      compare(&model, cuts[i], rooms[j]);
  }
  free(model.message);
  gcn__buf_deinit(&wanted);
  return 0;
}
