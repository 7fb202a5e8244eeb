/* SPDX-License-Identifier: MIT */
/*
 * What the comparisons of our scanners with jansson share.
 *
 * Spans have no counterpart in jansson.  They are read again, in brackets, and
 * the values compared.
 */
#ifndef GCN_TEST_JSON_ORACLE_H
#define GCN_TEST_JSON_ORACLE_H

#include "base/span.h"

#include <jansson.h>

/* Nested containers, the value itself included. */
size_t oracle_depth(json_t* value);
/* True for what jansson refuses and a scanner may accept: duplicate keys,
 * surrogates, NUL and number ranges in what is not its own. */
bool oracle_is_lenient(const json_error_t* error);
/* True if `span`, between `before` and `after`, reads as `value`. */
bool oracle_reads_as(struct gcn__span span, const char* before,
                     const char* after, const json_t* value);
/* True if `span` is the string, or absent where `value` is none. */
bool oracle_is_string(struct gcn__span span, const json_t* value);
/* The same, but a number stands as its text. */
bool oracle_is_string_or_number(struct gcn__span span, const json_t* value);

#endif
