/* SPDX-License-Identifier: MIT */
/*
 * Which proxy, if any, by curl's rules.
 *
 * It reads no environment: the caller hands over the values.  It decides by
 * the host's text alone; nothing is resolved, so a name never matches an
 * address.
 */
#ifndef GCN_CODEC_NOPROXY_H
#define GCN_CODEC_NOPROXY_H

#include "base/span.h"
#include "codec/url.h"

/* NULL: not set.  An environment variable that is empty counts as not set.
 *
 * There is no HTTP_PROXY: a CGI server makes that variable out of a client's
 * "Proxy:" header. */
struct gcn__proxy_env {
  /* The application's own choice, before the environment's; "" is no proxy. */
  const char* own_proxy;
  /* In place of no_proxy, also for own_proxy; "" exempts nothing. */
  const char* own_no_proxy;
  const char* https_proxy;
  const char* https_proxy_upper; /* HTTPS_PROXY */
  const char* http_proxy;
  const char* all_proxy;
  const char* all_proxy_upper; /* ALL_PROXY */
  const char* no_proxy;
  const char* no_proxy_upper; /* NO_PROXY */
};

/* The text of the proxy for `url`, one of the values in `env`; NULL: connect
 * directly.  Lower case wins, then the scheme's variable over all_proxy.  The
 * exemptions of no_proxy hold for own_proxy, too, unless own_no_proxy is
 * set. */
const char* gcn__proxy_choose(const struct gcn__proxy_env* env,
                              const struct gcn__url* url);

/* True if `list` exempts `host` (lower case, no brackets).
 *
 * "*" alone exempts all.  Otherwise entries stand between commas, blanks or
 * both.  A name exempts itself and what ends in "." and the name; its case, one
 * leading dot and one trailing dot do not matter.  An address exempts itself
 * in all its spellings, and with "/" and a number of bits the network;
 * brackets around IPv6 are ignored.  An entry with a port, or malformed in
 * another way, exempts nothing, as in curl, which knows no ports here.
 *
 * Unlike curl 8: blanks alone separate (as they once did), brackets are
 * allowed, "/0" is the whole family rather than the very address, and bits that
 * are no number are malformed. */
bool gcn__no_proxy_has(struct gcn__span list, const char* host);

#endif
