/* SPDX-License-Identifier: MIT */
/*
 * The simulator on a real port: libuv around sim/service.h.
 *
 * It decides nothing: it moves bytes, keeps the one timer, and sends exactly
 * the pieces that the service wants sent.  Handles: one poll for the port, one
 * timer, one poll per connection.  It never raises SIGPIPE.
 */
#ifndef GCN_SIM_LISTEN_H
#define GCN_SIM_LISTEN_H

#include "codec/tls.h"
#include "sim/service.h"

#include <uv.h>

struct gcn__sim_listen;

struct gcn__sim_listen_options {
  const char* address;         /* an IPv4 or IPv6 literal; NULL: 127.0.0.1 */
  uint16_t port;               /* 0: the system chooses */
  struct gcn__tls_config* tls; /* a server's; NULL: plain TCP; held */
  /* start_ms, wall_base_ms (if 0), insecure and, if NULL, authority are filled
   * in here.  A "ws://" or "wss://" before the authority decides `insecure`,
   * else it is as `tls` says. */
  struct gcn__sim_options sim;
};

/* Listens at once.  0, GCN__EINVAL (the address), GCN__ENOMEM, or the system's
 * error; then nothing is left on the loop. */
int gcn__sim_listen_new(uv_loop_t* loop,
                        const struct gcn__sim_listen_options* options,
                        struct gcn__sim_listen** listen);
uint16_t gcn__sim_listen_port(const struct gcn__sim_listen* listen);
/* "127.0.0.1:40123", "[::1]:40123" or what the options said. */
const char* gcn__sim_listen_authority(const struct gcn__sim_listen* listen);
/* For emit, inject and counters; follow emit and inject with
 * gcn__sim_listen_flush. */
struct gcn__sim* gcn__sim_listen_service(struct gcn__sim_listen* listen);
uint64_t gcn__sim_listen_now(const struct gcn__sim_listen* listen);
void gcn__sim_listen_flush(struct gcn__sim_listen* listen);
/* TCP connections open now. */
size_t gcn__sim_listen_connections(const struct gcn__sim_listen* listen);
/* Drops every connection and frees all once the handles have left the loop;
 * `closed` (may be NULL) is the last thing called. */
void gcn__sim_listen_close(struct gcn__sim_listen* listen,
                           void (*closed)(void* ctx), void* ctx);

#endif
