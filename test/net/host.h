/* SPDX-License-Identifier: MIT */
/*
 * The simulator with TLS on the far side of a place.
 *
 * It runs in the same loop as the client; only their sockets are in different
 * namespaces, so everything between them goes over the road.
 */
#ifndef GCN_TEST_NET_HOST_H
#define GCN_TEST_NET_HOST_H

#include "place.h"

#include "sim/listen.h"
#include "sim/pki.h"

extern const char host_topic[];

struct host {
  uv_loop_t* loop;
  struct gcn__pki* pki;
  struct gcn__tls_config* tls;
  struct gcn__sim_listen* listen;
  char authority[80];
  char url[96];
  unsigned emitted; /* events; their bodies are {"n":1}, {"n":2}, ... */
  bool closed;
};

/* Listens at FAR_PORT of all addresses; `name` is what clients call it.  A
 * heartbeat every so often; GCN__NEVER: none. */
void host_open(struct host* host, const struct place* place, uv_loop_t* loop,
               const char* name, uint64_t heartbeat_ms);
void host_close(struct host* host);
void host_emit(struct host* host, unsigned count);
/* Takes a rule of sim/script.h. */
void host_do(struct host* host, const char* rule);
struct gcn__sim_counters host_counters(struct host* host);

#endif
