/* SPDX-License-Identifier: MIT */
/*
 * Topics between client and service: in parts, combined, rejected for a while,
 * and lost without a word.
 */
#include "service.h"

#include <stdio.h>
#include <string.h>

enum { TOPICS = 12 };

struct names {
  char texts[TOPICS][64];
  const char* list[TOPICS];
};

static void name_topics(struct names* names) {
  for (unsigned i = 0; i < TOPICS; i++) {
    snprintf(names->texts[i], sizeof names->texts[i],
             "v2.users.%08u-1111-4111-8111-111111111111.presence", i);
    names->list[i] = names->texts[i];
  }
}

static void emit(struct service* service, const char* topic) {
  struct gcn__sim* sim = gcn__sim_listen_service(service->listen);
  uint64_t now_ms = gcn__sim_listen_now(service->listen);
  gcn__sim_emit(sim, topic, (struct gcn__span){NULL, 0}, now_ms);
  gcn__sim_listen_flush(service->listen);
}

static void begin(struct user* user, struct service* service,
                  const gcn_options_t* options, const struct names* names) {
  user_new(user, service->loop, options);
  assert_int_equal(gcn_client_subscribe(user->client, names->list, TOPICS), 0);
  assert_int_equal(gcn_client_start(user->client), 0);
  harness_until(service->loop, &user->streaming);
}

/* The service refuses bodies of more than 300 bytes; so do we. */
static void test_small_bodies(void** state) {
  struct gcn__sim_listen_options sim = service_options();
  struct service service;
  struct names names;
  struct user user = {.client = NULL};
  sim.sim.body_size_max = 300;
  service_open(&service, *state, &sim);
  name_topics(&names);
  gcn_options_t options = user_options(&user, service.url);
  options.body_size_max = 300;
  begin(&user, &service, &options, &names);
  while (user.counts[USER_TOPIC] < TOPICS)
    service_live(&service, 2);
  assert_int_equal(user.last_verdict, GCN_TOPIC_PERMITTED);
  assert_true(service_stats(&user).topic_requests >= 3);
  assert_int_equal(service_stats(&user).failures, 0);
  for (unsigned i = 0; i < TOPICS; i++)
    emit(&service, names.list[i]);
  service_await_events(&user, TOPICS);
  user_finish(&user);
  service_close(&service);
}

/* Topics of one user share a name; each has its own verdict and events. */
static void test_combined(void** state) {
  static const char* const topics[] = {
      "v2.users.11111111-1111-4111-8111-111111111111.presence",
      "v2.users.11111111-1111-4111-8111-111111111111.routingStatus"};
  for (int alone = 0; alone < 2; alone++) {
    struct service service;
    struct user user = {.client = NULL};
    service_open_plain(&service, *state);
    gcn_options_t options = user_options(&user, service.url);
    options.no_combining = alone;
    user_new(&user, *state, &options);
    gcn_client_subscribe(user.client, topics, 2);
    gcn_client_start(user.client);
    harness_until(*state, &user.streaming);
    while (user.counts[USER_TOPIC] < 2)
      service_live(&service, 2);
    emit(&service, topics[0]);
    emit(&service, topics[1]);
    service_await_events(&user, 2);
    user_finish(&user);
    service_close(&service);
  }
}

/* Refused for half a second: told, asked for again, told again. */
static void test_rejected_for_a_while(void** state) {
  struct service service;
  struct user user = {.client = NULL};
  char rule[160];
  service_open_plain(&service, *state);
  snprintf(rule, sizeof rule, "on topic %s for 500ms reject 403 \"not now\"",
           other_text);
  service_do(&service, rule);
  gcn_options_t options = user_options(&user, service.url);
  options.topic_retry_ms = 50;
  options.topic_retry_ms_max = 200;
  service_begin_with(&user, &service, &options);
  service_subscribe(&user, other_text);
  harness_until(*state, &user.streaming);
  while (user.last_verdict != GCN_TOPIC_REJECTED)
    service_live(&service, 2);
  assert_int_equal(service_stats(&user).topics_rejected, 1);
  unsigned told = user.counts[USER_TOPIC];
  while (user.last_verdict != GCN_TOPIC_PERMITTED)
    service_live(&service, 2);
  assert_int_equal(user.counts[USER_TOPIC], told + 1); /* changes only */
  assert_int_equal(service_stats(&user).topics_rejected, 0);
  emit(&service, other_text);
  service_await_events(&user, 1);
  user_finish(&user);
  service_close(&service);
}

/* Two of twelve are gone and nobody said so: the next audit finds them, puts
 * them again, and tells the gap of exactly these. */
static void test_drift_is_repaired(void** state) {
  struct service service;
  struct names names;
  struct user user = {.client = NULL};
  service_open_plain(&service, *state);
  name_topics(&names);
  gcn_options_t options = user_options(&user, service.url);
  options.audit_ms = 400;
  begin(&user, &service, &options, &names);
  uint64_t begun_ms = gcn__loop_now_ms(*state);
  service_do(&service, "topic.drift 2");
  harness_until(*state, &user.any_gap);
  assert_int_equal(user.last_gap.certainty, GCN_CERTAINTY_POSSIBLE);
  assert_int_equal(user.gap_topics, 2);
  assert_true(user.last_gap.from_ms <= begun_ms);
  assert_true(user.last_gap.to_ms >= begun_ms);
  assert_true(user.streaming);
  gcn_stats_t stats = service_stats(&user);
  assert_int_equal(stats.drifts, 1);
  assert_true(stats.audits >= 1);
  assert_int_equal(stats.gaps, 1);
  for (unsigned i = 0; i < TOPICS; i++)
    emit(&service, names.list[i]);
  service_await_events(&user, TOPICS);
  user_finish(&user);
  service_close(&service);
}

/* Pause while a channel is replaced: nothing is lost or told twice. */
static void test_pause_while_rotating(void** state) {
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, *state);
  gcn_options_t options = user_options(&user, service.url);
  options.latency_ms_max = 50;
  options.overlap_ms = 2000;
  service_stream_with(&user, &service, &options);
  gcn_client_rotate(user.client);
  while (service_counters(&service).sockets < 2)
    service_live(&service, 1);
  gcn_client_pause(user.client);
  service_live(&service, 100);
  service_emit_many(&service, 20);
  service_live(&service, 100);
  assert_int_equal(user.counts[USER_EVENT], 0);
  gcn_client_resume(user.client);
  service_await_events(&user, 20);
  harness_until(*state, &user.rotated);
  service_live(&service, 100);
  assert_int_equal(user.counts[USER_EVENT], 20);
  assert_int_equal(user.counts[USER_GAP], user.unproven);
  user_finish(&user);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_small_bodies),         LOOP_TEST(test_combined),
      LOOP_TEST(test_rejected_for_a_while), LOOP_TEST(test_drift_is_repaired),
      LOOP_TEST(test_pause_while_rotating),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
