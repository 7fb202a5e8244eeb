/* SPDX-License-Identifier: MIT */
/*
 * Digests and base64, by Mbed TLS.
 */
#ifndef GCN_CODEC_DIGEST_H
#define GCN_CODEC_DIGEST_H

#include "base/buf.h"
#include "base/span.h"

enum {
  GCN__SHA1_SIZE = 20,
  GCN__SHA256_SIZE = 32,
  /* Hex digits of a name's hash in logs and events; enough to tell names
   * apart, far too few to find them. */
  GCN__SHORT_HASH_SIZE = 8,
};

/* False if the library refuses (out of memory). */
bool gcn__sha1(struct gcn__span data, unsigned char digest[GCN__SHA1_SIZE]);
bool gcn__sha256(struct gcn__span data, unsigned char digest[GCN__SHA256_SIZE]);
/* Of the parts one after the other, each behind its size, eight bytes with the
 * lowest first: so none of it can pass for a part of another list. */
bool gcn__sha256_parts(const struct gcn__span* parts, size_t count,
                       unsigned char digest[GCN__SHA256_SIZE]);
/* NUL-terminated hex; how channel ids and other capabilities are named. */
void gcn__short_hash(struct gcn__span data, char out[GCN__SHORT_HASH_SIZE + 1]);
/* Appends the standard alphabet with padding.  0, GCN_ELIMIT, GCN__ENOMEM. */
int gcn__base64_encode(struct gcn__buf* out, struct gcn__span data);
/* 0, GCN__EINVAL, GCN_ELIMIT, GCN__ENOMEM. */
int gcn__base64_decode(struct gcn__buf* out, struct gcn__span text);

#endif
