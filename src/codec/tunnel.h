/* SPDX-License-Identifier: MIT */
/*
 * Opening a tunnel through a proxy: HTTP CONNECT (RFC 9110 §9.3.6) or SOCKS 5
 * (RFC 1928, with user and password by RFC 1929).
 *
 * Bytes in, bytes out; it knows neither sockets nor what goes through the
 * tunnel.  The proxy's credentials go to the proxy only and into no text, and
 * the target's name goes to the proxy unresolved.  After an error it refuses
 * all input until it is freed, and keeps the first cause.
 */
#ifndef GCN_CODEC_TUNNEL_H
#define GCN_CODEC_TUNNEL_H

#include "base/buf.h"
#include "base/span.h"
#include "codec/proxy.h"

enum {
  GCN__TUNNEL_HEADER_SIZE_MAX = 16 * 1024, /* of the answer to a CONNECT */
  GCN__TUNNEL_TEXT_SIZE = 160,
};

enum gcn__tunnel_progress {
  GCN__TUNNEL_MORE = 0,
  GCN__TUNNEL_OPEN = 1,
};

struct gcn__tunnel;

/* `proxy` is of a kind and outlives the tunnel; `host` is as in struct
 * gcn__url.  NULL if out of memory. */
struct gcn__tunnel* gcn__tunnel_new(const struct gcn__mem* mem,
                                    const struct gcn__proxy* proxy,
                                    const char* host, uint16_t port);
void gcn__tunnel_free(struct gcn__tunnel* tunnel);

/* Appends what is to be sent now, if anything; for the first time before the
 * first read.  `out` should be secret.  0, or GCN_ELIMIT, GCN__ENOMEM and
 * nothing has been appended. */
int gcn__tunnel_write(struct gcn__tunnel* tunnel, struct gcn__buf* out);

/* Reads from the front of `in` and advances it past what was used.  OPEN: what
 * is left, and all that follows, comes from the target.  MORE: all was used,
 * or there is something to write first; write, and go on with what is left.
 *
 * GCN_EPROXYAUTH: the proxy wants a login it was not given or does not accept.
 * GCN_EPROXY: everything else the proxy did not do.  GCN__ENOMEM. */
int gcn__tunnel_read(struct gcn__tunnel* tunnel, struct gcn__span* in);

/* The proxy closed; GCN_EPROXY, or the error there was before. */
int gcn__tunnel_end(struct gcn__tunnel* tunnel);
/* There were bytes behind the answer although the target cannot have spoken
 * yet: somebody on the way put them there.  GCN_EPROXY. */
int gcn__tunnel_refuse_rest(struct gcn__tunnel* tunnel);

/* What went wrong, a sentence that continues "proxy ...: "; no credentials and
 * no text of the proxy's.  "" if nothing did. */
const char* gcn__tunnel_error(const struct gcn__tunnel* tunnel);
/* The HTTP status of the answer; 0 if there was none. */
unsigned gcn__tunnel_status(const struct gcn__tunnel* tunnel);
/* What a refusal's Retry-After asks for, or -1.  A date is read relative to the
 * answer's own. */
int64_t gcn__tunnel_retry_after_ms(const struct gcn__tunnel* tunnel);

#endif
