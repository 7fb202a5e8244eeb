/* SPDX-License-Identifier: MIT */
/*
 * The tokens of JSON (RFC 8259), in place.
 *
 * It knows no structure and allocates nothing.  Every function either moves
 * past a token or stops at the byte that does not fit; none looks at or beyond
 * `end`.  Bytes above 0x7f are taken as they are: UTF-8 is the caller's.
 */
#ifndef GCN_CODEC_LEX_H
#define GCN_CODEC_LEX_H

#include "base/span.h"

struct gcn__lex {
  const char* at;
  const char* end;
};

/* A string's bytes between the quotes, escapes and all. */
struct gcn__lex_string {
  struct gcn__span raw;
  bool escaped; /* there is at least one backslash */
};

static inline void gcn__lex_skip_space(struct gcn__lex* lex) {
  for (; lex->at < lex->end; lex->at++) {
    char c = *lex->at;
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
  }
}

/* True if the next byte is `c`; does not move.  False at the end. */
static inline bool gcn__lex_is(const struct gcn__lex* lex, char c) {
  return lex->at < lex->end && *lex->at == c;
}

/* Moves past `c` if it is next. */
static inline bool gcn__lex_take(struct gcn__lex* lex, char c) {
  if (!gcn__lex_is(lex, c)) return false;
  lex->at++;
  return true;
}

bool gcn__lex_take_literal(struct gcn__lex* lex, const char* literal);
bool gcn__lex_take_number(struct gcn__lex* lex);
/* From the opening quote to behind the closing one. */
bool gcn__lex_take_string(struct gcn__lex* lex, struct gcn__lex_string* string);

/* The functions below want what gcn__lex_take_string has accepted. */

/* False if the string names something UTF-8 cannot carry, a lone surrogate, or
 * something a C string cannot, U+0000. */
bool gcn__lex_decodable(const struct gcn__lex_string* string);
/* Writes the decoded text, which never is longer than the raw one, and returns
 * its size.  `out` may be the raw bytes themselves.  The string must be
 * decodable. */
size_t gcn__lex_decode(const struct gcn__lex_string* string, char* out);
/* Compares the decoded text. */
bool gcn__lex_string_is(const struct gcn__lex_string* string, const char* text);

#endif
