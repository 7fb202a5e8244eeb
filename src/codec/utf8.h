/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 validation (RFC 3629), resumable at any byte.
 */
#ifndef GCN_CODEC_UTF8_H
#define GCN_CODEC_UTF8_H

#include "base/span.h"

/* Zero-initialise before the first piece. */
struct gcn__utf8 {
  uint32_t state;
};

/* False as soon as the bytes so far cannot be the start of valid UTF-8. */
bool gcn__utf8_feed(struct gcn__utf8* utf8, struct gcn__span bytes);
/* True if no character is left incomplete. */
bool gcn__utf8_complete(const struct gcn__utf8* utf8);
/* The whole text at once. */
bool gcn__utf8_valid(struct gcn__span text);
/* Size of the character at `at`, which is before `end`; 0 if it is spoilt or
 * not all there. */
size_t gcn__utf8_character(const char* at, const char* end);

#endif
