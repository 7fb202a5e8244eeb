/* SPDX-License-Identifier: MIT */
/*
 * The batch scanner against jansson.
 *
 * The scanner must accept a text if and only if jansson does and it has the
 * shape of a batch, and find in it what codec/batch.h promises; but for the
 * leniences of json-oracle.h.  With shallow scrutiny it may accept more, but
 * must find the same in what jansson accepts.
 */
#ifndef GCN_TEST_BATCH_ORACLE_H
#define GCN_TEST_BATCH_ORACLE_H

#include <stddef.h>

/* NULL if the two agree, else a constant text that says in what they do not.
 * The scanner gets a copy in a block of exactly `size` bytes. */
const char* batch_disagreement(const char* text, size_t size);

#endif
