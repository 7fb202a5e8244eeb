/* SPDX-License-Identifier: MIT */
/*
 * The tokens and values of JSON (RFC 8259), in place.
 *
 * It knows no member by name and allocates nothing.  Every function either
 * moves past what it is asked for or stops at the byte that does not fit; none
 * looks at or beyond `end`.  Bytes above 0x7f are taken as they are: UTF-8 is
 * the caller's.  Strings and containers are looked up in the scan, if there is
 * one; what does not fit there is read again byte by byte, to say where.
 */
#ifndef GCN_CODEC_LEX_H
#define GCN_CODEC_LEX_H

#include "base/span.h"
#include "codec/scan.h"
#include "codec/scrutiny.h"

enum { GCN__LEX_DEPTH_MAX = 32 };

struct gcn__lex {
  const char* at;
  const char* end;
  /* Of a text that ends at `end`; NULL: all is read byte by byte.  It changes
   * what reading costs, and nothing else. */
  struct gcn__scan* scan;
};

/* A string's bytes between the quotes, escapes and all. */
struct gcn__lex_string {
  struct gcn__span raw;
  bool escaped; /* there is at least one backslash */
};

/* Over space that is there. */
void gcn__lex_skip_spaces(struct gcn__lex* lex);

/* Over space, of which there seldom is any. */
static inline void gcn__lex_skip_space(struct gcn__lex* lex) {
  bool none = lex->at < lex->end && (unsigned char)*lex->at > ' ';
  if (!none) gcn__lex_skip_spaces(lex);
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
/* gcn__lex_take_string, where that is not as quick as it can be. */
bool gcn__lex_take_any_string(struct gcn__lex* lex,
                              struct gcn__lex_string* string);

/* The closing quote of the string that begins at `at`, where that is nearly
 * always found: in the same block or the next one, of a text without escapes.
 * NULL is no verdict. */
static inline const char* gcn__lex_closing_quote(const struct gcn__scan* scan,
                                                 const char* at) {
  size_t offset = (size_t)(at - scan->begin);
  size_t index = offset / GCN__SCAN_BLOCK_SIZE;
  if (offset >= scan->size || *at != '"' || scan->slashed) return NULL;
  uint64_t quotes = scan->blocks[index].quotes;
  quotes &= ~UINT64_C(1) << offset % GCN__SCAN_BLOCK_SIZE;
  if (quotes == 0) {
    index++;
    if (index * GCN__SCAN_BLOCK_SIZE >= scan->size) return NULL;
    quotes = scan->blocks[index].quotes;
    if (quotes == 0) return NULL;
  }
  return scan->begin + index * GCN__SCAN_BLOCK_SIZE + __builtin_ctzll(quotes);
}

/* From the opening quote to behind the closing one. */
static inline bool gcn__lex_take_string(struct gcn__lex* lex,
                                        struct gcn__lex_string* string) {
  if (lex->scan == NULL) return gcn__lex_take_any_string(lex, string);
  const char* quote = gcn__lex_closing_quote(lex->scan, lex->at);
  if (quote == NULL) return gcn__lex_take_any_string(lex, string);
  string->raw = gcn__span(lex->at + 1, (size_t)(quote - lex->at - 1));
  string->escaped = false;
  lex->at = quote + 1;
  return true;
}

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
static inline bool gcn__lex_open(struct gcn__lex* lex, char open, char close,
                                 bool* more) {
  if (!gcn__lex_take(lex, open)) return false;
  gcn__lex_skip_space(lex);
  *more = !gcn__lex_take(lex, close);
  return true;
}

/* Behind a value: the comma, or the closing bracket. */
static inline bool gcn__lex_go_on(struct gcn__lex* lex, char close,
                                  bool* more) {
  gcn__lex_skip_space(lex);
  *more = gcn__lex_take(lex, ',');
  if (!*more) return gcn__lex_take(lex, close);
  gcn__lex_skip_space(lex);
  return true;
}

/* A key, its colon, and the space around that. */
static inline bool gcn__lex_take_key(struct gcn__lex* lex,
                                     struct gcn__lex_string* key) {
  if (!gcn__lex_take_string(lex, key)) return false;
  gcn__lex_skip_space(lex);
  if (!gcn__lex_take(lex, ':')) return false;
  gcn__lex_skip_space(lex);
  return true;
}

/* Any one value, of no more than `depth_max` nested containers (at most
 * GCN__LEX_DEPTH_MAX).  Shallow: of what is inside a container only the strings
 * are looked at, and how many brackets open and close; what closes it must be
 * of its kind. */
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

/* The same at once for a key without escapes; `size` is that of `text`. */
static inline bool gcn__lex_key_is(const struct gcn__lex_string* key,
                                   const char* text, size_t size) {
  if (key->escaped) return gcn__lex_string_is(key, text);
  return key->raw.size == size && memcmp(key->raw.data, text, size) == 0;
}

#endif
