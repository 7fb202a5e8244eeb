/* SPDX-License-Identifier: MIT */
/*
 * Everything here asserts; there is nothing to check for callers.
 */
#include "service.h"

#include <stdio.h>
#include <string.h>

const char topic_text[] =
    "v2.users.11111111-1111-4111-8111-111111111111.presence";
const char other_text[] =
    "v2.users.22222222-2222-4222-8222-222222222222.presence";

static const struct gcn__sim_client known_clients[] = {{"id", "s3cr3t"}};

struct gcn__sim_listen_options service_options(void) {
  return (struct gcn__sim_listen_options){
      .sim = {.seed = 1,
              .clients = known_clients,
              .client_count = 1,
              .any_topic = true},
  };
}

void service_open(struct service* service, uv_loop_t* loop,
                  const struct gcn__sim_listen_options* options) {
  memset(service, 0, sizeof *service);
  service->loop = loop;
  assert_int_equal(gcn__sim_listen_new(loop, options, &service->listen), 0);
  snprintf(service->url, sizeof service->url, "%s://127.0.0.1:%u",
           options->tls == NULL ? "http" : "https",
           (unsigned)gcn__sim_listen_port(service->listen));
}

static void on_service_closed(void* ctx) {
  *(bool*)ctx = true;
}

void service_close(struct service* service) {
  gcn__sim_listen_close(service->listen, on_service_closed, &service->closed);
  harness_until(service->loop, &service->closed);
}

static void service_emit(struct service* service, const char* topic) {
  struct gcn__sim* sim = gcn__sim_listen_service(service->listen);
  uint64_t now_ms = gcn__sim_listen_now(service->listen);
  gcn__sim_emit(sim, topic, (struct gcn__span){NULL, 0}, now_ms);
}

void service_emit_many(struct service* service, unsigned count) {
  for (unsigned i = 0; i < count; i++)
    service_emit(service, topic_text);
  gcn__sim_listen_flush(service->listen);
}

void service_do(struct service* service, const char* rule) {
  struct gcn__sim* sim = gcn__sim_listen_service(service->listen);
  uint64_t now_ms = gcn__sim_listen_now(service->listen);
  assert_int_equal(gcn__sim_inject(sim, rule, now_ms, NULL), 0);
  gcn__sim_listen_flush(service->listen);
}

struct gcn__sim_counters service_counters(struct service* service) {
  struct gcn__sim_counters counters;
  gcn__sim_counters(gcn__sim_listen_service(service->listen), &counters);
  return counters;
}

struct gcn__sim_visits service_visits(struct service* service,
                                      enum gcn__sim_endpoint endpoint) {
  struct gcn__sim_visits visits;
  gcn__sim_visits(gcn__sim_listen_service(service->listen), endpoint, &visits);
  return visits;
}

uint64_t service_calls(struct service* service) {
  struct gcn__sim_counters counters = service_counters(service);
  return counters.rest_calls + counters.token_calls;
}

static void on_time(uv_timer_t* timer) {
  *(bool*)timer->data = true;
}

void service_live(struct service* service, uint64_t duration_ms) {
  uv_timer_t timer;
  bool over = false;
  uv_update_time(service->loop);
  uv_timer_init(service->loop, &timer);
  timer.data = &over;
  uv_timer_start(&timer, on_time, duration_ms, 0);
  harness_until(service->loop, &over);
  harness_close((uv_handle_t*)&timer);
}

gcn_stats_t service_stats(const struct user* user) {
  gcn_stats_t stats = {.size = sizeof stats};
  assert_int_equal(gcn_client_stats(user->client, &stats), 0);
  assert_int_equal(stats.nevers, 0);
  return stats;
}

void service_subscribe(struct user* user, const char* topic) {
  const char* const topics[] = {topic};
  assert_int_equal(gcn_client_subscribe(user->client, topics, 1), 0);
}

void service_begin_with(struct user* user, struct service* service,
                        const gcn_options_t* options) {
  user_new(user, service->loop, options);
  service_subscribe(user, topic_text);
  assert_int_equal(gcn_client_start(user->client), 0);
}

void service_begin(struct user* user, struct service* service) {
  gcn_options_t options = user_options(user, service->url);
  service_begin_with(user, service, &options);
}

void service_open_plain(struct service* service, uv_loop_t* loop) {
  struct gcn__sim_listen_options options = service_options();
  service_open(service, loop, &options);
}

void service_stream(struct user* user, struct service* service) {
  service_begin(user, service);
  harness_until(service->loop, &user->streaming);
}

void service_stream_with(struct user* user, struct service* service,
                         const gcn_options_t* options) {
  service_begin_with(user, service, options);
  harness_until(service->loop, &user->streaming);
}

void service_await_events(struct user* user, unsigned count) {
  while (user->counts[USER_EVENT] < count)
    uv_run(user->loop, UV_RUN_ONCE);
}

void secure_open(struct secure* secure) {
  static const char* const names[] = {"127.0.0.1"};
  const struct gcn__pki_names leaf = {.ip = names, .ip_count = 1};
  char certificate[GCN__PKI_PEM_SIZE_MAX];
  char key[GCN__PKI_PEM_SIZE_MAX];
  char text[GCN__TLS_TEXT_SIZE];
  secure->pki = gcn__pki_new();
  assert_non_null(secure->pki);
  assert_int_equal(
      gcn__pki_issue(secure->pki, &leaf, GCN__PKI_SOUND, certificate, key), 0);
  assert_int_equal(
      gcn__tls_config_server(&gcn__mem_libc, gcn__span_str(certificate),
                             gcn__span_str(key), &secure->tls, text),
      0);
}

void secure_close(struct secure* secure) {
  gcn__tls_config_release(secure->tls);
  gcn__pki_free(secure->pki);
}

void service_stream_over_tls(struct user* user, struct service* service,
                             const struct secure* secure) {
  gcn_options_t options = user_options(user, service->url);
  options.allow_plaintext = 0;
  options.ca_pem = gcn__pki_ca(secure->pki);
  user_new(user, service->loop, &options);
  service_subscribe(user, topic_text);
  gcn_client_start(user->client);
  harness_until(service->loop, &user->streaming);
}
