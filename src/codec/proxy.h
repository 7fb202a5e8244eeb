/* SPDX-License-Identifier: MIT */
/*
 * A proxy as it is written: "http://user:password@host:port".
 *
 * It knows no bytes on the wire (codec/tunnel.h) and does not choose
 * (codec/noproxy.h).  User and password are wiped when it goes away, and no
 * text it gives holds them.
 */
#ifndef GCN_CODEC_PROXY_H
#define GCN_CODEC_PROXY_H

#include "base/buf.h"
#include "base/span.h"
#include "codec/url.h"

enum { GCN__PROXY_PORT = 1080 }; /* curl's default, for every kind */

enum gcn__proxy_kind {
  GCN__PROXY_NONE,
  GCN__PROXY_HTTP,   /* CONNECT, also for what is not TLS */
  GCN__PROXY_SOCKS5, /* the proxy resolves the name */
};

struct gcn__proxy {
  enum gcn__proxy_kind kind;
  char host[GCN__HOST_SIZE_MAX + 1]; /* as in struct gcn__url */
  uint16_t port;
  bool login;               /* there is a user and a password */
  struct gcn__buf user;     /* decoded */
  struct gcn__buf password; /* decoded; may be empty */
};

void gcn__proxy_init(struct gcn__proxy* proxy, const struct gcn__mem* mem);
/* Wipes it; an all-zero one is legal.  It is NONE again. */
void gcn__proxy_deinit(struct gcn__proxy* proxy);

/* Parses "[scheme://][user[:password]@]host[:port][/]".  Schemes: http (also
 * if there is none), socks5 and socks5h, which are the same to us.  User and
 * password are percent-encoded where a URL needs it; the host is under the
 * rules of codec/url.h.
 *
 * 0, GCN__ENOMEM, or GCN_ECONFIG and a constant text in `problem` that
 * continues "the proxy ..."; after an error the proxy is NONE.  Refused are,
 * besides malformed texts: a proxy behind TLS, SOCKS 4, a path, control
 * characters in user or password, a user with a colon (HTTP cannot carry it),
 * and for SOCKS 5 an empty user and either of them over 255 bytes. */
int gcn__proxy_parse(struct gcn__proxy* proxy, struct gcn__span text,
                     const char** problem);

#endif
