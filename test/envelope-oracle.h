/* SPDX-License-Identifier: MIT */
/*
 * The envelope scanner against jansson.
 *
 * The scanner must accept a text if and only if jansson does, and find what
 * jansson finds, but for the differences that codec/envelope.h documents: it
 * is stricter about the depth and the root, and does not look at duplicate
 * keys, surrogates, NUL and number ranges in what is not its own.  With shallow
 * scrutiny it may accept more, but must find the same in what jansson accepts.
 */
#ifndef GCN_TEST_ENVELOPE_ORACLE_H
#define GCN_TEST_ENVELOPE_ORACLE_H

#include <stddef.h>

/* NULL if the two agree, else a constant text that says in what they do not.
 * The scanner gets a copy in a block of exactly `size` bytes. */
const char* envelope_disagreement(const char* text, size_t size);

#endif
