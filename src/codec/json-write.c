/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON: strings from any bytes, values in compact form.
 *
 * What it appends is valid JSON in valid UTF-8, or nothing: an append that
 * fails takes back what came before it.
 */
#include "codec/json.h"

#include "base/assert.h"
#include "base/err.h"
#include "codec/utf8.h"

#include <jansson.h>

static void take_back(struct gcn__buf* out, size_t size) {
  GCN__ASSERT(size <= gcn__buf_size(out));
  out->end = out->begin + size;
}

/* The size of the well-formed character that `text` begins with, or 0. */
static size_t character_size(struct gcn__span text) {
  for (size_t size = 1; size <= 4 && size <= text.size; size++) {
    if (gcn__utf8_valid(gcn__span(text.data, size))) return size;
  }
  return 0;
}

static bool is_plain(char c) {
  unsigned char byte = (unsigned char)c;
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

static int append_escape(struct gcn__buf* out, char c) {
  switch (c) {
  case '"': return gcn__buf_append(out, "\\\"", 2);
  case '\\': return gcn__buf_append(out, "\\\\", 2);
  case '\n': return gcn__buf_append(out, "\\n", 2);
  case '\r': return gcn__buf_append(out, "\\r", 2);
  case '\t': return gcn__buf_append(out, "\\t", 2);
  default: break;
  }
  static const char digits[] = "0123456789abcdef";
  const char escape[6] = {'\\',           'u', '0', '0', digits[c >> 4 & 0xf],
                          digits[c & 0xf]};
  return gcn__buf_append(out, escape, sizeof escape);
}

/* Appends what `text` begins with and moves it on: a run of plain bytes, a
 * character, or one byte that needs an escape or a replacement. */
static int append_piece(struct gcn__buf* out, struct gcn__span* text) {
  size_t size = 0;
  while (size < text->size && is_plain(text->data[size]))
    size++;
  if (size == 0 && (unsigned char)text->data[0] >= 0x80) {
    size = character_size(*text);
  }
  struct gcn__span piece = gcn__span(text->data, size);
  *text = gcn__span_skip(*text, size == 0 ? 1 : size);
  if (size > 0) return gcn__buf_append(out, piece.data, piece.size);
  if ((unsigned char)piece.data[0] < 0x80) {
    return append_escape(out, piece.data[0]);
  }
  return gcn__buf_append(out, "\xef\xbf\xbd", 3); /* U+FFFD */
}

int gcn__json_write_string(struct gcn__buf* out, struct gcn__span text) {
  size_t size_before = gcn__buf_size(out);
  int error = gcn__buf_append(out, "\"", 1);
  while (error == 0 && text.size > 0)
    error = append_piece(out, &text);
  if (error == 0) error = gcn__buf_append(out, "\"", 1);
  if (error != 0) take_back(out, size_before);
  return error;
}

struct sink {
  struct gcn__buf* out;
  int error;
};

static int append_dump(const char* data, size_t size, void* user) {
  struct sink* sink = user;
  sink->error = gcn__buf_append(sink->out, data, size);
  return sink->error == 0 ? 0 : -1;
}

int gcn__json_write(struct gcn__buf* out, const struct gcn__json* value) {
  size_t size_before = gcn__buf_size(out);
  struct sink sink = {.out = out};
  int result =
      json_dump_callback((const json_t*)(const void*)value, append_dump, &sink,
                         JSON_COMPACT | JSON_ENCODE_ANY);
  if (result == 0) return 0;
  take_back(out, size_before);
  if (value == NULL) return GCN__EINVAL;
  /* Where no append failed, jansson itself ran out of memory. */
  return sink.error != 0 ? sink.error : GCN__ENOMEM;
}
