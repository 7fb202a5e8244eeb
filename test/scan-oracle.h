/* SPDX-License-Identifier: MIT */
/*
 * The ways to scan against reading byte by byte.
 *
 * Whatever the bytes are, the verdict, where the fault is, what is taken out,
 * what is left of the text and whether it is UTF-8 must not depend on the way.
 */
#ifndef GCN_TEST_SCAN_ORACLE_H
#define GCN_TEST_SCAN_ORACLE_H

#include <stddef.h>

/* Kinds of reading, a bit for each: of envelopes or of batches, strictly or
 * shallowly, of text or of bytes. */
enum { SCAN_ORACLE_KINDS = 8, SCAN_ORACLE_ALL = (1 << SCAN_ORACLE_KINDS) - 1 };

/* NULL if all ways agree, else a constant text that says in what they do not.
 * Scanners get copies in blocks of exactly `size` bytes. */
const char* scan_disagreement(const char* bytes, size_t size, unsigned kinds);

#endif
