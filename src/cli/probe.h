/* SPDX-License-Identifier: MIT */
/*
 * The way to one host, step by step: name, connection, TLS.
 *
 * For `gcn doctor`, which wants to know which step fails and how long each
 * takes.  It runs the loop until a step is over, so the loop has to be its own.
 */
#ifndef GCN_CLI_PROBE_H
#define GCN_CLI_PROBE_H

#include <uv.h>

#include "codec/tls.h"
#include "codec/url.h"

enum { GCN__PROBE_TEXT_SIZE = 320, GCN__PROBE_ADDRESSES_MAX = 8 };

struct gcn__probe {
  uv_loop_t* loop;
  struct gcn__url url;
  struct sockaddr_storage addresses[GCN__PROBE_ADDRESSES_MAX];
  size_t address_count;
  uv_tcp_t tcp;
  bool connected;
  int error;                       /* of the step that failed */
  char text[GCN__PROBE_TEXT_SIZE]; /* what was found, or what is wrong */
};

void gcn__probe_init(struct gcn__probe* probe, uv_loop_t* loop,
                     const struct gcn__url* url);
/* In this order; each needs the success of those before.  False: see `error`
 * and `text`. */
bool gcn__probe_dns(struct gcn__probe* probe);
bool gcn__probe_tcp(struct gcn__probe* probe);
bool gcn__probe_tls(struct gcn__probe* probe, struct gcn__tls_config* config);
/* Closes what is open. */
void gcn__probe_deinit(struct gcn__probe* probe);

#endif
