/* SPDX-License-Identifier: MIT */
/*
 * IPv4 and IPv6 addresses in binary.
 *
 * What is an address is codec/url.h's to say: a text is one here exactly if
 * that accepts it as one.  It knows no sockets and resolves nothing.
 */
#ifndef GCN_CODEC_ADDRESS_H
#define GCN_CODEC_ADDRESS_H

#include "base/span.h"

enum {
  GCN__IPV4_SIZE = 4,
  GCN__IPV6_SIZE = 16,
};

/* Reads an address literal without brackets; `out` is in network order.  Its
 * size, or 0 if `text` is a name or no host at all. */
size_t gcn__address_parse(struct gcn__span text,
                          unsigned char out[GCN__IPV6_SIZE]);

#endif
