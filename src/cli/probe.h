/* SPDX-License-Identifier: MIT */
/*
 * The way to one host, step by step: name, connection, proxy, TLS.
 *
 * For `gcn doctor`, which wants to know which step fails and how long each
 * takes.  It runs the loop until a step is over, so the loop has to be its own.
 * Each step has a deadline; a name that is still being looked up then is left
 * to itself, and `stuck` says that the loop cannot run out any more.
 */
#ifndef GCN_CLI_PROBE_H
#define GCN_CLI_PROBE_H

#include "codec/proxy.h"
#include "codec/tls.h"
#include "codec/url.h"

#include <uv.h>

enum {
  GCN__PROBE_TEXT_SIZE = 320,
  GCN__PROBE_ADDRESSES_MAX = 8,
  GCN__PROBE_DNS_MS = 5000,
};

struct gcn__probe {
  uv_loop_t* loop;
  struct gcn__url url;
  const struct gcn__proxy* proxy; /* NULL: directly */
  uint64_t dns_ms;
  struct sockaddr_storage addresses[GCN__PROBE_ADDRESSES_MAX];
  size_t address_count;
  uv_tcp_t tcp;
  bool connected;
  bool stuck;
  int error;                       /* of the step that failed */
  char text[GCN__PROBE_TEXT_SIZE]; /* what was found, or what is wrong */
};

/* `proxy` (NULL: none) outlives the probe. */
void gcn__probe_init(struct gcn__probe* probe, uv_loop_t* loop,
                     const struct gcn__url* url,
                     const struct gcn__proxy* proxy);
/* The host that is dialled: the proxy's, or the URL's. */
const char* gcn__probe_host(const struct gcn__probe* probe);
/* In this order; each needs the success of those before.  False: see `error`
 * and `text`. */
bool gcn__probe_dns(struct gcn__probe* probe);
bool gcn__probe_tcp(struct gcn__probe* probe);
/* Nothing to do without a proxy. */
bool gcn__probe_tunnel(struct gcn__probe* probe);
/* Closes the connection, after a moment in which the server may send what makes
 * its session resumable. */
bool gcn__probe_tls(struct gcn__probe* probe, struct gcn__tls_config* config);
/* After success: connects anew.  True if the session was resumed; false also if
 * something failed. */
bool gcn__probe_resume(struct gcn__probe* probe,
                       struct gcn__tls_config* config);
/* Closes what is open. */
void gcn__probe_deinit(struct gcn__probe* probe);

#endif
