/* SPDX-License-Identifier: MIT */
/*
 * What the tests over generated JSON share: the pieces that documents are made
 * of, and ways to spoil them.
 */
#ifndef GCN_TEST_JSON_RANDOM_H
#define GCN_TEST_JSON_RANDOM_H

#include "base/buf.h"
#include "base/rng.h"

struct writer {
  struct gcn__rng rng;
  struct gcn__buf out;
};

size_t writer_below(struct writer* writer, size_t bound);
void writer_put(struct writer* writer, const char* text);
void writer_put_one_of(struct writer* writer, const char* const* texts,
                       size_t count);
/* None, most of the time. */
void writer_put_space(struct writer* writer);
void writer_put_string(struct writer* writer);
void writer_put_scalar(struct writer* writer);
/* One fault: a byte replaced, a range removed, the rest cut off, or a token
 * put in. */
void writer_spoil(struct writer* writer);

#endif
