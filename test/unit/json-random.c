/* SPDX-License-Identifier: MIT */
/*
 * Random JSON; see json-random.h.
 */
#include "json-random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

size_t writer_below(struct writer* writer, size_t bound) {
  return (size_t)gcn__rng_below(&writer->rng, bound);
}

void writer_put(struct writer* writer, const char* text) {
  assert_int_equal(gcn__buf_append_str(&writer->out, text), 0);
}

void writer_put_one_of(struct writer* writer, const char* const* texts,
                       size_t count) {
  writer_put(writer, texts[writer_below(writer, count)]);
}

void writer_put_space(struct writer* writer) {
  static const char* const spaces[] = {"", "", "", "", "", " ", "\n", "\t\r "};
  writer_put_one_of(writer, spaces, COUNT(spaces));
}

void writer_put_string(struct writer* writer) {
  static const char* const pieces[] = {"a",
                                       "Z9",
                                       "longer than eight",
                                       "\\n",
                                       "\\\"",
                                       "\\\\",
                                       "\\u0041",
                                       "\\ud83d\\ude00",
                                       "\\/",
                                       "\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "{[,:]}",
                                       "\\u00e9",
                                       "\x7f"};
  writer_put(writer, "\"");
  for (size_t i = writer_below(writer, 5); i > 0; i--)
    writer_put_one_of(writer, pieces, COUNT(pieces));
  writer_put(writer, "\"");
}

void writer_put_scalar(struct writer* writer) {
  static const char* const scalars[] = {
      "0",    "-0",   "1",     "12345678901", "0.25", "1e3", "-2.5E-3",
      "true", "null", "false", "\"\"",        "[]",   "{}"};
  if (writer_below(writer, 2) == 0)
    writer_put_string(writer);
  else
    writer_put_one_of(writer, scalars, COUNT(scalars));
}

void writer_spoil(struct writer* writer) {
  static const char* const tokens[] = {
      "\"",  ",",       ":",   "{",        "}",  "[",     "]",
      "\\",  "\\u0000", "\n",  "\t",       "01", "1e999", "\\ud800",
      "tru", " ",       "\\u", "\"a\":1,", "-"};
  struct gcn__buf* out = &writer->out;
  size_t size = gcn__buf_size(out);
  size_t at = writer_below(writer, size);
  char tail[65536];
  size_t skipped = 0;
  size_t kind = writer_below(writer, 4);
  if (kind == 0) skipped = 1 + writer_below(writer, 3);
  if (kind == 1) skipped = size;
  if (skipped > size - at) skipped = size - at;
  size_t tail_size = size - at - skipped;
  if (tail_size > sizeof tail) return;
  memcpy(tail, out->data + out->begin + at + skipped, tail_size);
  out->end = out->begin + at;
  if (kind == 2) writer_put_one_of(writer, tokens, COUNT(tokens));
  if (kind == 3) {
    char byte = (char)gcn__rng_next(&writer->rng);
    assert_int_equal(gcn__buf_append(out, &byte, 1), 0);
  }
  assert_int_equal(gcn__buf_append(out, tail, tail_size), 0);
}
