/* SPDX-License-Identifier: MIT */
/*
 * What the service has seen of its clients' manners: when requests came, who
 * called too early, whose channels were taken by whom.
 *
 * The service writes it (sim/service-ledger.c); tests and `gcn sim` read it.
 * It judges by the service's clock alone, as the real service would.
 */
#ifndef GCN_SIM_LEDGER_H
#define GCN_SIM_LEDGER_H

#include "base/buf.h"
#include "sim/service.h"

/* Kinds of arrivals, and what reports call them. */
#define GCN__SIM_ENDPOINT_MAP(X)                                               \
  X(TOKEN, "token")     /* POST /oauth/token */                                \
  X(CHANNEL, "channel") /* POST of a channel */                                \
  X(TOPICS, "topics")   /* PUT, POST or DELETE of subscriptions */             \
  X(UPGRADE, "upgrade") /* GET of a WebSocket */                               \
  X(AUDIT, "audit")     /* GET or HEAD of channels or subscriptions */         \
  X(OTHER, "other")     /* all other requests */                               \
  X(ACCEPT, "accept")   /* TCP connections, whatever becomes of them */        \
  X(ATTEMPT, "attempt") /* TCP connections that came together count once */

enum gcn__sim_endpoint {
#define GCN__SIM_ENDPOINT_ENUM(name, word) GCN__SIM_AT_##name,
  GCN__SIM_ENDPOINT_MAP(GCN__SIM_ENDPOINT_ENUM)
#undef GCN__SIM_ENDPOINT_ENUM
      GCN__SIM_ENDPOINTS
};

enum {
  GCN__SIM_ARRIVALS_MAX = 16384, /* remembered per endpoint; the latest */
  GCN__SIM_INSTANCES_MAX = 16384,
  GCN__SIM_INSTANCE_SIZE = 64, /* of a name, with its NUL */
};

struct gcn__sim_arrival {
  uint64_t at_ms;
  uint64_t connection; /* serial number of the TCP connection */
  size_t instance;     /* index of the client instance */
};

/* All about one endpoint. */
struct gcn__sim_visits {
  uint64_t count;
  uint64_t first_ms; /* valid if count > 0 */
  uint64_t last_ms;
  uint64_t gap_min_ms; /* between one arrival and the next; 0 if count < 2 */
  uint64_t gap_max_ms;
  uint64_t per_s_max;     /* most within any 1,000 ms, of those remembered */
  uint64_t limited;       /* answers that told to wait (Retry-After) */
  uint64_t early;         /* came before such a wait was over */
  uint64_t early_max_ms;  /* by how much, at worst */
  uint64_t crowded;       /* came at the end of a wait, but not as the first */
  uint64_t resumed;       /* waits after which somebody came */
  uint64_t resume_max_ms; /* the longest time from a wait's end until then */
  uint64_t forgotten;     /* arrivals that are counted but not remembered */
};

/* One process of a client, told apart by its label, else by its User-Agent. */
struct gcn__sim_instance {
  char name[GCN__SIM_INSTANCE_SIZE];
  uint64_t requests;
  uint64_t channels;  /* made */
  uint64_t evictions; /* channels of other instances that its own cost */
  uint64_t evicted;   /* channels of its own that other instances cost */
};

const char* gcn__sim_endpoint_word(enum gcn__sim_endpoint endpoint);
void gcn__sim_visits(const struct gcn__sim* sim,
                     enum gcn__sim_endpoint endpoint,
                     struct gcn__sim_visits* visits);
/* Copies the latest arrivals, at most `count` of them, the oldest first; how
 * many there are. */
size_t gcn__sim_arrivals(const struct gcn__sim* sim,
                         enum gcn__sim_endpoint endpoint,
                         struct gcn__sim_arrival* arrivals, size_t count);
/* Instance 0 is everybody without a name. */
size_t gcn__sim_instances(const struct gcn__sim* sim);
void gcn__sim_instance(const struct gcn__sim* sim, size_t index,
                       struct gcn__sim_instance* instance);

/* Appends all of it as one JSON object without a line end; no token, secret or
 * channel id is in it.  0, GCN_ELIMIT or GCN__ENOMEM. */
int gcn__sim_report(const struct gcn__sim* sim, uint64_t now_ms,
                    struct gcn__buf* out);

#endif
