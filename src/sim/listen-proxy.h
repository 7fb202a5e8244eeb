/* SPDX-License-Identifier: MIT */
/*
 * A fault proxy: a TCP relay on the caller's loop that does to connections what
 * the rules of sim/toxic.h say.
 *
 * It knows nothing of what it carries.  What it holds of a connection is
 * bounded both ways; whoever does not read holds up whoever sends.  The ends of
 * connections go through as they are: a FIN as a FIN, a reset as a reset.
 * Handles: one poll for the port; two polls and a timer per connection.  It
 * never raises SIGPIPE.
 */
#ifndef GCN_SIM_LISTEN_PROXY_H
#define GCN_SIM_LISTEN_PROXY_H

#include "sim/toxic.h"

#include <uv.h>

enum { GCN__FAULTPROXY_LINE_SIZE = 192 };

struct gcn__faultproxy;

struct gcn__faultproxy_options {
  const char* address;          /* an IPv4 or IPv6 literal; NULL: 127.0.0.1 */
  uint16_t port;                /* 0: the system chooses */
  const char* upstream_address; /* the same */
  uint16_t upstream_port;
  const struct gcn__toxics* toxics; /* copied; NULL: none yet */
  uint64_t seed;                    /* of jitter and of sizes that vary */
  int receive_size; /* of the sockets of clients; 0: as the system has it */
  /* A line for each connection and each effect of a rule; may be NULL. */
  void (*log)(void* ctx, const char* line);
  void* ctx;
};

struct gcn__faultproxy_counters {
  uint64_t connections; /* accepted */
  uint64_t open;        /* now */
  uint64_t unreached;   /* the upstream could not be connected to */
  uint64_t up_in;       /* bytes read from clients ... */
  uint64_t up_out;      /* ... and written to the upstream */
  uint64_t down_in;
  uint64_t down_out;
  uint64_t fired[GCN__TOXICS_MAX]; /* directions that a rule had an effect on */
};

/* Listens at once.  0, GCN__EINVAL (an address), GCN__ENOMEM, or the system's
 * error; then nothing is left on the loop. */
int gcn__faultproxy_new(uv_loop_t* loop,
                        const struct gcn__faultproxy_options* options,
                        struct gcn__faultproxy** proxy);
uint16_t gcn__faultproxy_port(const struct gcn__faultproxy* proxy);
/* One more rule, for open connections too: there its positions and times count
 * from now. */
bool gcn__faultproxy_add(struct gcn__faultproxy* proxy, struct gcn__span rule,
                         struct gcn__toxic_mistake* mistake);
const struct gcn__toxics*
gcn__faultproxy_toxics(const struct gcn__faultproxy* proxy);
void gcn__faultproxy_counters(const struct gcn__faultproxy* proxy,
                              struct gcn__faultproxy_counters* out);
/* Resets every connection and frees all once the handles have left the loop;
 * `closed` (may be NULL) is the last thing called. */
void gcn__faultproxy_close(struct gcn__faultproxy* proxy,
                           void (*closed)(void* ctx), void* ctx);

#endif
