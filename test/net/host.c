/* SPDX-License-Identifier: MIT */
/*
 * Everything here asserts; there is nothing to check for callers.
 */
#include "host.h"

#include "base/mem.h"
#include "base/time.h"

#include <stdio.h>
#include <string.h>

const char host_topic[] =
    "v2.users.11111111-1111-4111-8111-111111111111.presence";

static void make_certificate(struct host* host) {
  static const char* const names[] = {FAR_NAME};
  static const char* const ips[] = {FAR_IP, FAR_IP_2, FAR_IP6};
  const struct gcn__pki_names leaf = {names, 1, ips, 3};
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  char text[GCN__TLS_TEXT_SIZE];
  host->pki = gcn__pki_new();
  assert_non_null(host->pki);
  assert_int_equal(
      gcn__pki_issue(host->pki, &leaf, GCN__PKI_SOUND, certificate, key), 0);
  assert_int_equal(gcn__tls_config_server(&gcn__mem_libc,
                                          gcn__span_str(certificate),
                                          gcn__span_str(key), &host->tls, text),
                   0);
}

void host_open(struct host* host, const struct place* place, uv_loop_t* loop,
               const char* name, uint64_t heartbeat_ms) {
  static const struct gcn__sim_client clients[] = {{"id", "s3cr3t"}};
  memset(host, 0, sizeof *host);
  host->loop = loop;
  make_certificate(host);
  snprintf(host->authority, sizeof host->authority, "%s:%d", name, FAR_PORT);
  snprintf(host->url, sizeof host->url, "https://%s", host->authority);
  const struct gcn__sim_listen_options options = {
      .address = strcmp(name, FAR_NAME) == 0 ? "::" : "0.0.0.0",
      .port = FAR_PORT,
      .tls = host->tls,
      .sim = {.seed = 1,
              .clients = clients,
              .client_count = 1,
              .any_topic = true,
              .heartbeat_ms = heartbeat_ms,
              .rest_per_min_max = GCN__NEVER,
              .authority = host->authority},
  };
  place_go_far(place);
  int error = gcn__sim_listen_new(loop, &options, &host->listen);
  place_come_back(place);
  if (error != 0) fail_msg("the service does not listen: %d", error);
}

static void on_closed(void* ctx) {
  *(bool*)ctx = true;
}

void host_close(struct host* host) {
  gcn__sim_listen_close(host->listen, on_closed, &host->closed);
  while (!host->closed)
    uv_run(host->loop, UV_RUN_ONCE);
  gcn__tls_config_release(host->tls);
  gcn__pki_free(host->pki);
}

void host_emit(struct host* host, unsigned count) {
  struct gcn__sim* sim = gcn__sim_listen_service(host->listen);
  uint64_t now_ms = gcn__sim_listen_now(host->listen);
  char body[32];
  for (unsigned i = 0; i < count; i++) {
    snprintf(body, sizeof body, "{\"n\":%u}", ++host->emitted);
    gcn__sim_emit(sim, host_topic, gcn__span_str(body), now_ms);
  }
  gcn__sim_listen_flush(host->listen);
}

void host_do(struct host* host, const char* rule) {
  struct gcn__sim* sim = gcn__sim_listen_service(host->listen);
  uint64_t now_ms = gcn__sim_listen_now(host->listen);
  assert_int_equal(gcn__sim_inject(sim, rule, now_ms, NULL), 0);
  gcn__sim_listen_flush(host->listen);
}

struct gcn__sim_counters host_counters(struct host* host) {
  struct gcn__sim_counters counters;
  gcn__sim_counters(gcn__sim_listen_service(host->listen), &counters);
  return counters;
}
