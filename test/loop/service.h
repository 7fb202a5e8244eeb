/* SPDX-License-Identifier: MIT */
/*
 * The simulator as a service on a port of this loop, and users who stream from
 * it.
 */
#ifndef GCN_TEST_LOOP_SERVICE_H
#define GCN_TEST_LOOP_SERVICE_H

#include "user.h"

#include "loop/system.h"
#include "sim/ledger.h"
#include "sim/listen.h"
#include "sim/pki.h"

/* Two topics; the first is what users begin with. */
extern const char topic_text[];
extern const char other_text[];

struct service {
  uv_loop_t* loop;
  struct gcn__sim_listen* listen;
  bool closed;
  char url[80];
};

/* Plaintext, one client ("id", "s3cr3t"), any topic. */
struct gcn__sim_listen_options service_options(void);
void service_open(struct service* service, uv_loop_t* loop,
                  const struct gcn__sim_listen_options* options);
void service_open_plain(struct service* service, uv_loop_t* loop);
/* Returns when all of it is gone. */
void service_close(struct service* service);

/* Events on topic_text. */
void service_emit_many(struct service* service, unsigned count);
/* Takes a rule of sim/script.h. */
void service_do(struct service* service, const char* rule);
struct gcn__sim_counters service_counters(struct service* service);
/* What the service's ledger says of one endpoint. */
struct gcn__sim_visits service_visits(struct service* service,
                                      enum gcn__sim_endpoint endpoint);
/* Requests that cost the REST limit or a token. */
uint64_t service_calls(struct service* service);
/* Lets so much time pass. */
void service_live(struct service* service, uint64_t duration_ms);

void service_subscribe(struct user* user, const char* topic);
/* A started user who wants topic_text. */
void service_begin(struct user* user, struct service* service);
/* The same with options of his own. */
void service_begin_with(struct user* user, struct service* service,
                        const gcn_options_t* options);
/* The same, up to STREAMING. */
void service_stream(struct user* user, struct service* service);
void service_stream_with(struct user* user, struct service* service,
                         const gcn_options_t* options);
void service_await_events(struct user* user, unsigned count);
gcn_stats_t service_stats(const struct user* user);

/* What a service with TLS needs; its certificate is for 127.0.0.1. */
struct secure {
  struct gcn__pki* pki;
  struct gcn__tls_config* tls;
};

void secure_open(struct secure* secure);
void secure_close(struct secure* secure);
void service_stream_over_tls(struct user* user, struct service* service,
                             const struct secure* secure);

#endif
