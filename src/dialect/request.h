/* SPDX-License-Identifier: MIT */
/*
 * The parts of a request that both dialects write alike.
 *
 * It knows no path.  Every function appends whole header lines: 0, GCN__EINVAL
 * (a byte that must not be in a header), GCN_ELIMIT, GCN__ENOMEM.
 */
#ifndef GCN_DIALECT_REQUEST_H
#define GCN_DIALECT_REQUEST_H

#include "base/buf.h"

/* Host and User-Agent. */
int gcn__request_common(struct gcn__buf* out, const char* authority,
                        const char* user_agent);
/* Authorization.  NULL or "" is refused. */
int gcn__request_bearer(struct gcn__buf* out, const char* token);
int gcn__request_accept_json(struct gcn__buf* out);
/* Content-Type, and the end with its body. */
int gcn__request_json_end(struct gcn__buf* out, struct gcn__span body);
/* What makes a GET an opening handshake (RFC 6455 §4.1), and the end. */
int gcn__request_upgrade_end(struct gcn__buf* out, const char* ws_key);

#endif
