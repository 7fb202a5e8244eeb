/* SPDX-License-Identifier: MIT */
/*
 * Events by a timer: as many as are due, so that the pace is kept on a machine
 * that is late.
 */
#include "cli/bench-service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "cli/bench-measure.h"
#include "sim/listen.h"
#include "sim/source.h"

enum { TICK_MS = 4, RULE_SIZE = 40 };

struct gcn__bench_service {
  struct gcn__bench_service_options options;
  struct gcn__sim_listen* listen;
  uv_timer_t timer;
  uint64_t began_ns;
  uint64_t sent;
  bool announced;
  unsigned handle_count; /* the port and the timer */
};

static void announce(struct gcn__bench_service* service, uint64_t now_ms) {
  const struct gcn__bench_service_options* options = &service->options;
  char rule[RULE_SIZE];
  if (service->announced || service->sent < options->count / 8) return;
  service->announced = true;
  snprintf(rule, sizeof rule, "ws.closing %" PRIu64 "ms",
           options->count * 1000 / options->rate / 2);
  (void)gcn__sim_inject(gcn__sim_listen_service(service->listen), rule, now_ms,
                        NULL);
}

static void emit(struct gcn__bench_service* service, uint64_t now_ms) {
  char body[48];
  int size =
      snprintf(body, sizeof body, "{\"number\":%" PRIu64 "}", ++service->sent);
  (void)gcn__sim_emit(gcn__sim_listen_service(service->listen),
                      gcn__source_topic, gcn__span(body, (size_t)size), now_ms);
}

static void on_tick(uv_timer_t* timer) {
  struct gcn__bench_service* service = timer->data;
  const struct gcn__bench_service_options* options = &service->options;
  uint64_t now_ms = gcn__sim_listen_now(service->listen);
  uint64_t age_ns = gcn__bench_now_ns() - service->began_ns;
  uint64_t due = age_ns / 1000 * options->rate / 1000000;
  if (due > options->count) due = options->count;
  while (service->sent < due)
    emit(service, now_ms);
  announce(service, now_ms);
  gcn__sim_listen_flush(service->listen);
  if (service->sent == options->count) uv_timer_stop(timer);
}

static void release(void* ctx) {
  struct gcn__bench_service* service = ctx;
  if (--service->handle_count > 0) return;
  gcn__tls_config_release(service->options.tls);
  free(service);
}

static void on_timer_closed(uv_handle_t* handle) {
  release(handle->data);
}

int gcn__bench_service_new(uv_loop_t* loop,
                           const struct gcn__bench_service_options* options,
                           struct gcn__bench_service** out) {
  struct gcn__bench_service* service = calloc(1, sizeof *service);
  if (service == NULL) return GCN__ENOMEM;
  service->options = *options;
  static const struct gcn__sim_client reader = {"bench-0", "bench"};
  const struct gcn__sim_listen_options listen = {
      .tls = options->tls,
      .sim = {.clients = &reader, .client_count = 1, .any_topic = true},
  };
  int error = gcn__sim_listen_new(loop, &listen, &service->listen);
  if (error != 0) {
    free(service);
    return error;
  }
  if (options->tls != NULL) gcn__tls_config_hold(options->tls);
  uv_timer_init(loop, &service->timer);
  service->timer.data = service;
  service->handle_count = 2;
  *out = service;
  return 0;
}

uint16_t gcn__bench_service_port(const struct gcn__bench_service* service) {
  return gcn__sim_listen_port(service->listen);
}

void gcn__bench_service_behind(struct gcn__bench_service* service,
                               const char* authority) {
  gcn__sim_set_authority(gcn__sim_listen_service(service->listen), authority);
}

void gcn__bench_service_go(struct gcn__bench_service* service) {
  if (service->began_ns > 0) return;
  service->began_ns = gcn__bench_now_ns();
  uv_timer_start(&service->timer, on_tick, TICK_MS, TICK_MS);
}

void gcn__bench_service_close(struct gcn__bench_service* service) {
  uv_close((uv_handle_t*)&service->timer, on_timer_closed);
  gcn__sim_listen_close(service->listen, release, service);
}
