/* SPDX-License-Identifier: MIT */
/*
 * URLs, host names and percent-encoding.
 *
 * The parser is stricter than the WHATWG one on purpose: what it accepts, every
 * other parser reads as the same host.  It knows nothing about which hosts are
 * allowed; that is the dialect's policy.
 */
#ifndef GCN_CODEC_URL_H
#define GCN_CODEC_URL_H

#include "base/buf.h"
#include "base/span.h"

enum {
  GCN__URL_SIZE_MAX = 8192,
  GCN__HOST_SIZE_MAX = 253, /* RFC 1035 §2.3.4 in text form */
  /* "[" host "]:" port NUL */
  GCN__AUTHORITY_SIZE_MAX = GCN__HOST_SIZE_MAX + 9,
};

enum gcn__scheme {
  GCN__SCHEME_HTTP,
  GCN__SCHEME_HTTPS,
  GCN__SCHEME_WS,
  GCN__SCHEME_WSS,
};

struct gcn__url {
  enum gcn__scheme scheme;
  /* Lower case, NUL-terminated; an IPv6 literal without its brackets. */
  char host[GCN__HOST_SIZE_MAX + 1];
  bool ip_literal;
  uint16_t port; /* the scheme's default if the text names none */
  /* Path and query as they stood in the text, a view into it; "/" if empty.
   * Begins with "?" if only the path is empty; the HTTP writer adds the "/". */
  struct gcn__span target;
};

/* Parses an absolute URL.  NULL, or a constant text that says what is wrong
 * ("has user info", "port is out of range", ...); then `url` is unspecified.
 * Refused: user info, fragments, white space and control bytes, backslashes,
 * non-ASCII bytes, percent-encoded hosts, empty hosts and labels, labels over
 * 63 and hosts over 253 bytes, labels with other bytes than letters, digits,
 * "-" and "_" or with a hyphen at an end, a trailing dot, IPv4 in any form but
 * the canonical dotted quad, IPv6 zones, ports 0 and above 65535 or with
 * leading zeros or signs, over GCN__URL_SIZE_MAX bytes. */
const char* gcn__url_parse(struct gcn__url* url, struct gcn__span text);

/* The same checks for a bare host name or address literal (no brackets, no
 * port).  NULL or what is wrong. */
const char* gcn__host_check(struct gcn__span host);

/* True for TLS schemes. */
bool gcn__url_secure(const struct gcn__url* url);

/* "host", or "host:port" if the port is not the scheme's default; IPv6 in
 * brackets.  What a Host header holds. */
void gcn__url_authority(const struct gcn__url* url,
                        char out[GCN__AUTHORITY_SIZE_MAX]);

/* True if `host` equals `domain` or ends in "." and `domain` (both in lower
 * case). */
bool gcn__host_within(const char* host, const char* domain);

/* Appends `text` with everything but RFC 3986 unreserved bytes percent-encoded.
 * 0, GCN_ELIMIT or GCN__ENOMEM. */
int gcn__percent_encode(struct gcn__buf* out, struct gcn__span text);

/* Appends the decoded form of a query or form component ('+' is a space if
 * `form`).  0, GCN__EINVAL on a broken escape, GCN_ELIMIT or GCN__ENOMEM. */
int gcn__percent_decode(struct gcn__buf* out, struct gcn__span text, bool form);

#endif
