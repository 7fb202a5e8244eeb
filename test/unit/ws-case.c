/* SPDX-License-Identifier: MIT */
/*
 * Transcripts of WebSocket streams; see ws-case.h.
 *
 * The masking walker below parses headers on its own, so that a fault in the
 * reader cannot hide here.
 */
#include "ws-case.h"

#include "base/err.h"
#include "base/rng.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static void put(struct gcn__buf* to, const void* data, size_t size) {
  assert_int_equal(gcn__buf_append(to, data, size), 0);
}

static void put_payload(struct gcn__buf* to, struct gcn__span payload,
                        const char* key) {
  for (size_t i = 0; i < payload.size; i++) {
    char c = payload.data[i];
    if (key != NULL) c = (char)(c ^ key[i % 4]);
    put(to, &c, 1);
  }
}

void ws_put_frame(struct gcn__buf* to, unsigned char first,
                  struct gcn__span payload, const char* key) {
  unsigned char header[10] = {first};
  unsigned char mask_bit = key != NULL ? 0x80 : 0;
  size_t length_size = payload.size > 0xffff ? 8 : payload.size > 125 ? 2 : 0;
  unsigned char form = length_size == 8   ? 127
                       : length_size == 2 ? 126
                                          : (unsigned char)payload.size;
  header[1] = (unsigned char)(mask_bit | form);
  for (size_t i = 0; i < length_size; i++) {
    size_t shift = 8 * (length_size - 1 - i);
    header[2 + i] = (unsigned char)(payload.size >> shift);
  }
  put(to, header, 2 + length_size);
  if (key != NULL) put(to, key, 4);
  put_payload(to, payload, key);
}

void ws_put_masked(struct gcn__buf* to, struct gcn__span in) {
  char key[4] = {0x11, (char)0xa2, 0x7f, (char)0xc4};
  while (in.size >= 2) {
    unsigned char second = (unsigned char)in.data[1];
    size_t length_size = second == 127 ? 8 : second == 126 ? 2 : 0;
    if (in.size < 2 + length_size) break;
    uint64_t size = length_size == 0 ? second : 0;
    for (size_t i = 0; i < length_size; i++) {
      size = size << 8 | (unsigned char)in.data[2 + i];
    }
    char head[2] = {in.data[0], (char)(second | 0x80)};
    put(to, head, 2);
    put(to, in.data + 2, length_size);
    put(to, key, 4);
    in = gcn__span_skip(in, 2 + length_size);
    size_t here = size < in.size ? (size_t)size : in.size;
    put_payload(to, gcn__span(in.data, here), key);
    in = gcn__span_skip(in, here);
    key[0]++;
  }
  if (in.size > 0) {
    /* Half a header; its mask bit is in the second byte, if that is there. */
    char second = in.size > 1 ? (char)(in.data[1] | (char)0x80) : 0;
    put(to, in.data, 1);
    if (in.size > 1) put(to, &second, 1);
    if (in.size > 2) put(to, in.data + 2, in.size - 2);
  }
}

static const char* opcode_name(enum gcn__ws_opcode opcode) {
  switch (opcode) {
  case GCN__WS_TEXT: return "TEXT";
  case GCN__WS_BINARY: return "BINARY";
  case GCN__WS_CLOSE: return "CLOSE";
  case GCN__WS_PING: return "PING";
  case GCN__WS_PONG: return "PONG";
  case GCN__WS_CONTINUATION: break;
  }
  return "?";
}

static bool is_short(const char* data, size_t size) {
  if (size > 40) return false;
  for (size_t i = 0; i < size; i++) {
    if ((unsigned char)data[i] < 0x20) return false;
  }
  return true;
}

static void say_payload(struct gcn__buf* out, const char* data, size_t size) {
  if (is_short(data, size)) {
    put(out, data, size);
    return;
  }
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < size; i++) {
    hash = (hash ^ (unsigned char)data[i]) * 16777619u;
  }
  assert_int_equal(gcn__buf_printf(out, "#%08x", (unsigned)hash), 0);
}

static void say_message(struct gcn__buf* out,
                        const struct gcn__ws_message* message) {
  assert_non_null(message->data);
  gcn__buf_printf(out, "%s ", opcode_name(message->opcode));
  if (message->opcode == GCN__WS_CLOSE) {
    gcn__buf_printf(out, "%u %s ", message->code,
                    message->code_legal ? "legal" : "illegal");
  } else {
    gcn__buf_printf(out, "%zu ", message->size);
  }
  say_payload(out, message->data, message->size);
  put(out, "\n", 1);
  /* The view is the caller's to write to. */
  if (message->size > 0) message->data[message->size - 1] = 'x';
}

static void say_error(struct gcn__buf* out, const struct gcn__ws* ws,
                      int error) {
  const char* name = error == GCN_EWS        ? "EWS"
                     : error == GCN_EMSGSIZE ? "EMSGSIZE"
                                             : "ENOMEM";
  gcn__buf_printf(out, "%s %u", name, gcn__ws_error_code(ws));
  assert_true(gcn__ws_error(ws)[0] != '\0');
}

/* False after an error. */
static bool feed(struct gcn__ws* ws, struct gcn__span piece,
                 struct gcn__buf* out) {
  char* copy = malloc(piece.size > 0 ? piece.size : 1);
  assert_non_null(copy);
  if (piece.size > 0) memcpy(copy, piece.data, piece.size);
  struct gcn__span rest = gcn__span(copy, piece.size);
  struct gcn__ws_message message;
  int progress = gcn__ws_read(ws, &rest, &message);
  while (progress == GCN__WS_MESSAGE) {
    say_message(out, &message);
    progress = gcn__ws_read(ws, &rest, &message);
  }
  if (progress == GCN__WS_MORE) assert_int_equal(rest.size, 0);
  if (progress < 0) {
    say_error(out, ws, progress);
    /* The first cause stays, and nothing more is taken. */
    struct gcn__span more = GCN__SPAN("\x81\x00");
    assert_int_equal(gcn__ws_read(ws, &more, &message), progress);
    assert_int_equal(more.size, 2);
    assert_false(gcn__ws_partial(ws));
  }
  free(copy);
  return progress >= 0;
}

static size_t piece_size(struct gcn__rng* rng, unsigned seed, size_t rest) {
  if (seed == 0) return rest;
  if (seed == 1) return 1;
  /* Mostly small pieces: headers are short. */
  uint64_t most = gcn__rng_below(rng, 4) == 0 ? 5000 : 6;
  uint64_t size = gcn__rng_between(rng, 1, most);
  return size < rest ? (size_t)size : rest;
}

void ws_transcribe(enum gcn__ws_role role, const struct gcn__ws_limits* limits,
                   struct gcn__span in, unsigned seed, struct gcn__buf* out) {
  struct gcn__ws* ws = gcn__ws_new(&gcn__mem_libc, role, limits, NULL);
  assert_non_null(ws);
  struct gcn__rng rng;
  gcn__rng_seed(&rng, seed);
  bool going = true;
  while (going && in.size > 0) {
    size_t size = piece_size(&rng, seed, in.size);
    going = feed(ws, gcn__span(in.data, size), out);
    in = gcn__span_skip(in, size);
  }
  if (going)
    gcn__buf_printf(out, "%s", gcn__ws_partial(ws) ? "PARTIAL" : "END");
  put(out, "", 1);
  gcn__ws_free(ws);
}

void ws_check(enum gcn__ws_role role, const struct gcn__ws_limits* limits,
              const struct ws_case* row) {
  enum { CUTS = 12 };
  for (unsigned seed = 0; seed < CUTS; seed++) {
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
    ws_transcribe(role, limits, row->in, seed, &out);
    const char* text = gcn__buf_span(&out).data;
    if (strcmp(text, row->out) != 0) {
      print_error("%s, as a %s, cut %u:\n%s\ninstead of:\n%s\n", row->name,
                  role == GCN__WS_CLIENT ? "client" : "server", seed, text,
                  row->out);
      fail();
    }
    gcn__buf_deinit(&out);
  }
}

void ws_check_both(const struct ws_case* row) {
  ws_check(GCN__WS_CLIENT, NULL, row);
  struct gcn__buf masked;
  gcn__buf_init(&masked, &gcn__mem_libc, 1 << 24);
  ws_put_masked(&masked, row->in);
  struct ws_case server = *row;
  server.in = gcn__buf_span(&masked);
  ws_check(GCN__WS_SERVER, NULL, &server);
  gcn__buf_deinit(&masked);
}
