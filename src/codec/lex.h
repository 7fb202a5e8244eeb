/* SPDX-License-Identifier: MIT */
/*
 * The tokens and values of JSON (RFC 8259), in place.
 *
 * It knows no member by name and allocates nothing.  Every function either
 * moves past what it is asked for or stops at the byte that does not fit; none
 * looks at or beyond `end`.  Bytes above 0x7f are taken as they are: UTF-8 is
 * the caller's.
 */
#ifndef GCN_CODEC_LEX_H
#define GCN_CODEC_LEX_H

#include "base/span.h"
#include "codec/scrutiny.h"

enum { GCN__LEX_DEPTH_MAX = 32 };

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

/* A loop over a container: it is opened, and while there is more come a value
 * (in an object behind its key) and the way on.  Each but one that closes the
 * container skips the space behind what it took, so that the next begins.
 *
 *   bool more;
 *   if (!gcn__lex_open(lex, '[', ']', &more)) return false;
 *   while (more) {
 *     if (!take_element(lex)) return false;
 *     if (!gcn__lex_go_on(lex, ']', &more)) return false;
 *   }
 */
bool gcn__lex_open(struct gcn__lex* lex, char open, char close, bool* more);
/* Behind a value: the comma, or the closing bracket. */
bool gcn__lex_go_on(struct gcn__lex* lex, char close, bool* more);
/* A key, its colon, and the space around that. */
bool gcn__lex_take_key(struct gcn__lex* lex, struct gcn__lex_string* key);

/* Any one value, of no more than `depth_max` nested containers (at most
 * GCN__LEX_DEPTH_MAX).  Shallow: of what is inside a container only the strings
 * and the balance of the brackets are looked at. */
bool gcn__lex_take_value(struct gcn__lex* lex, unsigned depth_max,
                         enum gcn__scrutiny scrutiny);

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
