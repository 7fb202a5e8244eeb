/* SPDX-License-Identifier: MIT */
/*
 * The simulator as a source of a bench: one topic, numbered events, and sockets
 * that announce their end.
 *
 * The source that is fast knows no life of a channel; where a take-over is
 * measured, the service has to be as the real one.
 */
#ifndef GCN_CLI_BENCH_SERVICE_H
#define GCN_CLI_BENCH_SERVICE_H

#include <stdint.h>
#include <uv.h>

#include "codec/tls.h"

struct gcn__bench_service;

struct gcn__bench_service_options {
  struct gcn__tls_config* tls; /* a server's, held; NULL: plain */
  uint64_t count;              /* of events */
  uint64_t rate;               /* a second */
};

/* Listens at once.  0, or an error; then nothing is left on the loop. */
int gcn__bench_service_new(uv_loop_t* loop,
                           const struct gcn__bench_service_options* options,
                           struct gcn__bench_service** out);
uint16_t gcn__bench_service_port(const struct gcn__bench_service* service);
/* What answers call the streaming host from now on: "HOST:PORT", copied. */
void gcn__bench_service_behind(struct gcn__bench_service* service,
                               const char* authority);
/* The events begin; after an eighth of them the sockets that are open then
 * announce that they will close, which they do half of the time later. */
void gcn__bench_service_go(struct gcn__bench_service* service);
/* Frees it, once its handles have left the loop. */
void gcn__bench_service_close(struct gcn__bench_service* service);

#endif
