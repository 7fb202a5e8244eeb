/* SPDX-License-Identifier: MIT */
/*
 * JSON documents: REST answers, profiles, scripts.  jansson underneath.
 *
 * Strict: duplicate keys, invalid UTF-8, lone surrogates, NUL in strings,
 * numbers out of range, trailing bytes, nesting deeper than 32, and roots that
 * are neither object nor array are refused.  Events do not come through here;
 * see codec/envelope.h.
 *
 * jansson allocates with the C library's malloc.  A secret's text also passes
 * through its parser's scratch memory, which it frees without wiping.  And
 * jansson 2.14 does not notice when that memory cannot grow for a token of 16
 * bytes or more: the token then loses a byte.
 */
#ifndef GCN_CODEC_JSON_H
#define GCN_CODEC_JSON_H

#include "base/buf.h"
#include "base/span.h"

enum { GCN__JSON_DEPTH_MAX = 32 };

/* A value inside a document, or NULL for "not there": every accessor takes
 * NULL and answers with an absent value. */
struct gcn__json;

/* NULL if the text is not acceptable or memory is short; `why` (may be NULL)
 * then points to a constant text, and to "" otherwise. */
struct gcn__json* gcn__json_parse(struct gcn__span text, const char** why);
/* Wipes string values first if `secret`.  Root only; NULL is fine. */
void gcn__json_free(struct gcn__json* root, bool secret);

bool gcn__json_is_object(const struct gcn__json* value);
bool gcn__json_is_array(const struct gcn__json* value);
const struct gcn__json* gcn__json_get(const struct gcn__json* object,
                                      const char* key);
size_t gcn__json_count(const struct gcn__json* array);
const struct gcn__json* gcn__json_at(const struct gcn__json* array,
                                     size_t index);
/* Absent (data == NULL) unless the value is a string.  NUL-terminated. */
struct gcn__span gcn__json_string(const struct gcn__json* value);
/* String member, shorthand for string(get()). */
struct gcn__span gcn__json_member(const struct gcn__json* object,
                                  const char* key);
/* Integers, reals and strings of at most 32 bytes that hold a JSON number and
 * nothing else; false otherwise. */
bool gcn__json_number(const struct gcn__json* value, double* number);
bool gcn__json_true(const struct gcn__json* value);
/* Object iteration: the index-th key in insertion order; NULL at the end.  It
 * walks there from the first: for small objects. */
const char* gcn__json_key(const struct gcn__json* object, size_t index);

/* Appends `text` as a JSON string with its quotes.  Invalid UTF-8 becomes
 * U+FFFD, byte by byte.  0, GCN_ELIMIT, GCN__ENOMEM; an error has appended
 * nothing. */
int gcn__json_write_string(struct gcn__buf* out, struct gcn__span text);
/* Appends the value in compact form.  0, GCN_ELIMIT, GCN__ENOMEM, or
 * GCN__EINVAL for no value; an error has appended nothing. */
int gcn__json_write(struct gcn__buf* out, const struct gcn__json* value);

#endif
