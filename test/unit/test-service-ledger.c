/* SPDX-License-Identifier: MIT */
/*
 * The ledger of the simulated service: who came when, who did not wait, whose
 * channels were taken; and the report and expectations made of it.
 */
#include "sim-peer.h"

#include "base/err.h"
#include "codec/json.h"
#include "sim/ledger.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define CHANNELS "/api/v2/notifications/channels"
#define ME       "/api/v2/tokens/me"
#define TOPIC    "v2.users.u.presence"

static struct sim_world world;
static struct sim_link rest;
static char token[SIM_TEXT_SIZE];
static char id[SIM_TEXT_SIZE];

static void begin(const char* script) {
  sim_world_init(&world);
  sim_world_open(&world, script);
  sim_link_open(&rest, &world);
  sim_token(&rest, token);
  gcn__sim_tick(world.sim, world.now_ms);
}

static void finish(void) {
  sim_link_close(&rest);
  sim_world_close(&world);
}

static void inject(const char* rule) {
  char text[GCN__SCRIPT_TEXT_SIZE] = "";
  int error = gcn__sim_inject(world.sim, rule, world.now_ms, text);
  if (error != 0) fail_msg("%s: %s", rule, text);
  sim_world_pump(&world);
}

static struct gcn__sim_visits visits(enum gcn__sim_endpoint endpoint) {
  struct gcn__sim_visits visits;
  gcn__sim_visits(world.sim, endpoint, &visits);
  return visits;
}

/* A call of an operation; what it answers does not matter. */
static void call(enum gcn__sim_endpoint endpoint) {
  char target[2 * SIM_TEXT_SIZE];
  struct sim_link stream;
  snprintf(target, sizeof target, CHANNELS "/%s/subscriptions", id);
  switch (endpoint) {
  case GCN__SIM_AT_TOKEN:
    sim_request(&rest, "POST", "/oauth/token", "", "");
    return;
  case GCN__SIM_AT_CHANNEL:
    sim_call(&rest, "POST", CHANNELS, token, NULL);
    return;
  case GCN__SIM_AT_TOPICS: sim_call(&rest, "PUT", target, token, "[]"); return;
  case GCN__SIM_AT_UPGRADE:
    sim_link_open(&stream, &world);
    sim_upgrade(&stream, id);
    sim_link_close(&stream);
    return;
  case GCN__SIM_AT_AUDIT: sim_call(&rest, "GET", target, token, NULL); return;
  default: sim_call(&rest, "GET", ME, token, NULL); return;
  }
}

static void each_endpoint_has_its_column(void** state) {
  (void)state;
  begin(NULL);
  sim_channel(&rest, token, id);
  for (unsigned i = 0; i <= GCN__SIM_AT_OTHER; i++) {
    uint64_t before[GCN__SIM_ENDPOINTS];
    for (unsigned j = 0; j <= GCN__SIM_AT_OTHER; j++) {
      before[j] = visits((enum gcn__sim_endpoint)j).count;
    }
    call((enum gcn__sim_endpoint)i);
    for (unsigned j = 0; j <= GCN__SIM_AT_OTHER; j++) {
      uint64_t more = visits((enum gcn__sim_endpoint)j).count - before[j];
      if (more != (i == j)) fail_msg("call %u counted on %u", i, j);
    }
  }
  assert_int_equal(sim_world_counters(&world).upgrades, 1);
  char target[2 * SIM_TEXT_SIZE];
  snprintf(target, sizeof target, CHANNELS "/%s", id);
  sim_call(&rest, "HEAD", target, token, NULL);
  sim_call(&rest, "GET", CHANNELS, token, NULL);
  assert_int_equal(visits(GCN__SIM_AT_AUDIT).count, 3);
  finish();
}

/* The rule that makes the endpoint answer 429. */
static const char* const limits[] = {
    [GCN__SIM_AT_TOKEN] = "http.status POST /oauth/token 429 retry-after=7",
    [GCN__SIM_AT_CHANNEL] = "http.status POST " CHANNELS " 429 retry-after=7",
    [GCN__SIM_AT_TOPICS] =
        "http.status PUT " CHANNELS "/*/subscriptions 429 retry-after=7",
    [GCN__SIM_AT_UPGRADE] = "http.status GET /channels/* 429 retry-after=7",
    [GCN__SIM_AT_AUDIT] =
        "http.status GET " CHANNELS "/*/subscriptions 429 retry-after=7",
};

static void a_wait_is_judged_on_each_endpoint(void** state) {
  (void)state;
  begin(NULL);
  sim_channel(&rest, token, id);
  for (unsigned i = 0; i <= GCN__SIM_AT_AUDIT; i++) {
    enum gcn__sim_endpoint endpoint = (enum gcn__sim_endpoint)i;
    inject(limits[i]);
    call(endpoint);
    assert_int_equal(visits(endpoint).limited, 1);
    sim_world_advance(&world, 6999);
    assert_int_equal(visits(endpoint).early, 0);
    call(endpoint);
    assert_int_equal(visits(endpoint).early, 1);
    assert_int_equal(visits(endpoint).early_max_ms, 1);
    sim_world_advance(&world, 1);
    call(endpoint);
    assert_int_equal(visits(endpoint).early, 1);
    assert_int_equal(visits(endpoint).resumed, 1);
    assert_int_equal(visits(endpoint).resume_max_ms, 0);
    assert_int_equal(visits(endpoint).crowded, 0);
    sim_world_advance(&world, 49);
    call(endpoint);
    assert_int_equal(visits(endpoint).crowded, 1);
    sim_world_advance(&world, 1);
    call(endpoint);
    assert_int_equal(visits(endpoint).crowded, 1);
  }
  finish();
}

static void the_limit_of_the_service_is_a_wait_too(void** state) {
  (void)state;
  begin(NULL);
  inject("limit.rest 2");
  for (int i = 0; i < 3; i++)
    call(GCN__SIM_AT_OTHER);
  assert_int_equal(gcn__http_status(rest.http), 429);
  assert_int_equal(visits(GCN__SIM_AT_OTHER).limited, 1);
  sim_world_advance(&world, 59000);
  call(GCN__SIM_AT_OTHER);
  assert_int_equal(visits(GCN__SIM_AT_OTHER).early_max_ms, 1000);
  finish();
}

static void a_date_is_a_wait_too(void** state) {
  (void)state;
  char value[SIM_TEXT_SIZE];
  begin(NULL);
  /* The wall clock reads 2031-04-03T08:15:25.000Z. */
  sim_world_advance(&world, 250);
  inject("http.status GET " ME " 429 retry-after-date=7");
  call(GCN__SIM_AT_OTHER);
  struct gcn__span text = gcn__http_header(rest.http, "Retry-After", NULL);
  snprintf(value, sizeof value, "%.*s", (int)text.size, text.data);
  assert_string_equal(value, "Thu, 03 Apr 2031 08:15:33 GMT");
  text = gcn__http_header(rest.http, "Date", NULL);
  snprintf(value, sizeof value, "%.*s", (int)text.size, text.data);
  assert_string_equal(value, "Thu, 03 Apr 2031 08:15:25 GMT");
  sim_world_advance(&world, 7749);
  call(GCN__SIM_AT_OTHER);
  assert_int_equal(visits(GCN__SIM_AT_OTHER).early_max_ms, 1);
  finish();
}

static void spacing_is_measured(void** state) {
  (void)state;
  static const uint64_t delays_ms[] = {0, 100, 5000, 20};
  begin(NULL);
  for (size_t i = 0; i < 4; i++) {
    sim_world_advance(&world, delays_ms[i]);
    call(GCN__SIM_AT_OTHER);
  }
  struct gcn__sim_visits seen = visits(GCN__SIM_AT_OTHER);
  assert_int_equal(seen.count, 4);
  assert_int_equal(seen.first_ms, 1000);
  assert_int_equal(seen.last_ms, 6120);
  assert_int_equal(seen.gap_min_ms, 20);
  assert_int_equal(seen.gap_max_ms, 5000);
  assert_int_equal(seen.per_s_max, 2);
  struct gcn__sim_arrival last[3];
  assert_int_equal(gcn__sim_arrivals(world.sim, GCN__SIM_AT_OTHER, last, 3), 3);
  assert_int_equal(last[0].at_ms, 1100);
  assert_int_equal(last[1].at_ms, 6100);
  assert_int_equal(last[2].at_ms, 6120);
  assert_int_equal(last[2].connection, 1);
  finish();
}

static void the_latest_arrivals_are_remembered(void** state) {
  (void)state;
  static struct gcn__sim_arrival all[GCN__SIM_ARRIVALS_MAX + 1];
  begin(NULL);
  inject("limit.rest 0");
  for (unsigned i = 0; i < GCN__SIM_ARRIVALS_MAX + 5; i++) {
    world.now_ms++;
    call(GCN__SIM_AT_OTHER);
  }
  struct gcn__sim_visits seen = visits(GCN__SIM_AT_OTHER);
  assert_int_equal(seen.count, GCN__SIM_ARRIVALS_MAX + 5);
  assert_int_equal(seen.forgotten, 5);
  assert_int_equal(seen.per_s_max, 1000);
  size_t count = gcn__sim_arrivals(world.sim, GCN__SIM_AT_OTHER, all,
                                   GCN__SIM_ARRIVALS_MAX + 1);
  assert_int_equal(count, GCN__SIM_ARRIVALS_MAX);
  assert_int_equal(all[0].at_ms, 1006);
  assert_int_equal(all[count - 1].at_ms, world.now_ms);
  for (unsigned i = 0; i < GCN__SIM_ARRIVALS_MAX + 5; i++)
    call(GCN__SIM_AT_OTHER);
  assert_int_equal(visits(GCN__SIM_AT_OTHER).per_s_max, GCN__SIM_ARRIVALS_MAX);
  finish();
}

static void dial(unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    struct sim_link link;
    sim_link_open(&link, &world);
    sim_world_pump(&world);
    sim_link_close(&link);
  }
}

static void dials_together_are_one_attempt(void** state) {
  (void)state;
  begin(NULL);
  sim_world_advance(&world, 1000);
  dial(2);
  sim_world_advance(&world, 249);
  dial(1);
  sim_world_advance(&world, 1);
  dial(3);
  assert_int_equal(visits(GCN__SIM_AT_ACCEPT).count, 7);
  assert_int_equal(visits(GCN__SIM_AT_ATTEMPT).count, 3);
  assert_int_equal(visits(GCN__SIM_AT_ATTEMPT).gap_min_ms, 250);
  assert_int_equal(sim_world_counters(&world).accepts, 7);
  assert_int_equal(sim_world_counters(&world).attempts, 3);
  finish();
}

static void attempts_can_be_limited_by_a_script(void** state) {
  (void)state;
  begin("expect no more-than 1 attempt per 1s\n"
        "at 10s for 540s accept.close");
  sim_world_advance(&world, 10000);
  dial(1);
  sim_world_advance(&world, 1000);
  dial(1);
  assert_null(gcn__sim_failure(world.sim));
  sim_world_advance(&world, 999);
  dial(1);
  assert_string_equal(gcn__sim_failure(world.sim),
                      "line 1, 11999 ms: more than 1 attempt calls in 1000 ms");
  finish();
}

static void make_channel_as(const char* agent) {
  char headers[2 * SIM_TEXT_SIZE];
  snprintf(headers, sizeof headers,
           "Authorization: Bearer %s\r\nUser-Agent: %s\r\n", token, agent);
  assert_int_equal(sim_request(&rest, "POST", CHANNELS, headers, NULL), 200);
}

static struct gcn__sim_instance instance(size_t index) {
  struct gcn__sim_instance instance;
  gcn__sim_instance(world.sim, index, &instance);
  return instance;
}

static void foreign_evictions_are_told_apart(void** state) {
  (void)state;
  begin("expect no more-than 0 foreign-evictions per 1d");
  inject("limit.channels 2");
  make_channel_as("a");
  make_channel_as("b");
  make_channel_as("a"); /* costs a's own */
  assert_int_equal(sim_world_counters(&world).channels_evicted, 1);
  assert_int_equal(sim_world_counters(&world).channels_evicted_foreign, 0);
  assert_null(gcn__sim_failure(world.sim));
  make_channel_as("a"); /* costs b's */
  assert_int_equal(sim_world_counters(&world).channels_evicted, 2);
  assert_int_equal(sim_world_counters(&world).channels_evicted_foreign, 1);
  assert_string_equal(
      gcn__sim_failure(world.sim),
      "line 1, 0 ms: more than 0 foreign-eviction calls in 86400000 ms");
  assert_int_equal(gcn__sim_instances(world.sim), 3);
  assert_string_equal(instance(1).name, "a");
  assert_int_equal(instance(1).channels, 3);
  assert_int_equal(instance(1).evictions, 1);
  assert_int_equal(instance(1).evicted, 0);
  assert_string_equal(instance(2).name, "b");
  assert_int_equal(instance(2).evicted, 1);
  finish();
}

static void an_eviction_by_command_is_nobodys(void** state) {
  (void)state;
  struct sim_link stream;
  begin(NULL);
  sim_link_open(&stream, &world);
  make_channel_as("a");
  sim_answer_member(&rest, "id", id);
  assert_int_equal(sim_upgrade(&stream, id), 101);
  inject("channel.evict");
  assert_int_equal(sim_world_counters(&world).channels_evicted, 1);
  assert_int_equal(sim_world_counters(&world).channels_evicted_open, 1);
  assert_int_equal(sim_world_counters(&world).channels_evicted_foreign, 0);
  sim_link_close(&stream);
  finish();
}

static void a_label_comes_before_the_user_agent(void** state) {
  (void)state;
  begin(NULL);
  gcn__sim_label(rest.conn, "client \x01 7");
  make_channel_as("agent");
  assert_int_equal(gcn__sim_instances(world.sim), 2);
  assert_string_equal(instance(1).name, "client ? 7");
  assert_int_equal(instance(1).requests, 1);
  assert_int_equal(instance(0).requests, 1); /* its token */
  finish();
}

static void waits_are_each_instances_own(void** state) {
  (void)state;
  struct sim_link other;
  begin(NULL);
  sim_link_open(&other, &world);
  gcn__sim_label(rest.conn, "a");
  gcn__sim_label(other.conn, "b");
  inject("http.status GET " ME " 429 retry-after=7");
  sim_call(&rest, "GET", ME, token, NULL);
  sim_call(&other, "GET", ME, token, NULL);
  assert_int_equal(visits(GCN__SIM_AT_OTHER).early, 0);
  sim_call(&rest, "GET", ME, token, NULL);
  assert_int_equal(visits(GCN__SIM_AT_OTHER).early, 1);
  sim_link_close(&other);
  finish();
}

static void waits_are_each_resources_own(void** state) {
  (void)state;
  begin(NULL);
  sim_channel(&rest, token, id);
  inject("http.status GET " CHANNELS " 503 retry-after=7");
  assert_int_equal(sim_call(&rest, "GET", CHANNELS, token, NULL), 503);
  call(GCN__SIM_AT_AUDIT);
  assert_int_equal(visits(GCN__SIM_AT_AUDIT).early, 0);
  sim_world_advance(&world, 7000 + 250);
  sim_call(&rest, "GET", CHANNELS, token, NULL);
  assert_int_equal(visits(GCN__SIM_AT_AUDIT).resumed, 1);
  assert_int_equal(visits(GCN__SIM_AT_AUDIT).resume_max_ms, 250);
  finish();
}

static void a_crowd_after_a_wait_fails(void** state) {
  (void)state;
  begin("expect retry-after single\n"
        "http.status GET " ME " 429 retry-after=7");
  call(GCN__SIM_AT_OTHER);
  sim_world_advance(&world, 8000);
  call(GCN__SIM_AT_OTHER);
  assert_null(gcn__sim_failure(world.sim));
  call(GCN__SIM_AT_OTHER);
  assert_string_equal(gcn__sim_failure(world.sim),
                      "line 1, 8000 ms: " ME
                      " was called more than once after Retry-After");
  finish();
}

static void counters_trigger_rules(void** state) {
  (void)state;
  begin("after upgrade 2 heartbeat.stop\n"
        "after audit heartbeat.stop\n"
        "after topics 2 heartbeat.stop\n"
        "every 3 accepts heartbeat.stop\n"
        "after attempt heartbeat.stop\n"
        "after eviction heartbeat.stop");
  sim_channel(&rest, token, id);
  assert_int_equal(sim_world_counters(&world).faults, 1); /* the attempt */
  call(GCN__SIM_AT_UPGRADE);
  call(GCN__SIM_AT_AUDIT);
  call(GCN__SIM_AT_TOPICS);
  assert_int_equal(sim_world_counters(&world).faults, 2);
  call(GCN__SIM_AT_UPGRADE); /* the third connection too */
  assert_int_equal(sim_world_counters(&world).faults, 4);
  call(GCN__SIM_AT_TOPICS);
  inject("channel.evict");
  assert_int_equal(sim_world_counters(&world).faults, 7);
  finish();
}

static uint64_t figure(const struct gcn__json* root, const char* group,
                       const char* column, const char* name) {
  const struct gcn__json* object = gcn__json_get(root, group);
  if (column != NULL) object = gcn__json_get(object, column);
  double value = -1;
  assert_true(gcn__json_number(gcn__json_get(object, name), &value));
  return (uint64_t)value;
}

static void the_report_is_json(void** state) {
  (void)state;
  struct gcn__buf out;
  begin("expect no more-than 0 channels per 1s");
  make_channel_as("an \"agent\"");
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  assert_int_equal(gcn__sim_report(world.sim, world.now_ms + 5, &out), 0);
  struct gcn__span text = gcn__buf_span(&out);
  assert_null(memchr(text.data, '\n', text.size));
  sim_answer_member(&rest, "id", id);
  assert_null(memmem(text.data, text.size, id, strlen(id)));
  assert_null(memmem(text.data, text.size, token, strlen(token)));
  struct gcn__json* root = gcn__json_parse(text, NULL);
  assert_non_null(root);
  assert_int_equal(figure(root, "counters", NULL, "channels"), 1);
  assert_int_equal(figure(root, "counters", NULL, "expects_failed"), 1);
  assert_int_equal(figure(root, "endpoints", "token", "count"), 1);
  assert_int_equal(figure(root, "endpoints", "channel", "count"), 1);
  assert_int_equal(figure(root, "endpoints", "attempt", "per_s_max"), 1);
  const struct gcn__json* instances = gcn__json_get(root, "instances");
  assert_int_equal(gcn__json_count(instances), 2);
  assert_true(gcn__span_is(gcn__json_member(gcn__json_at(instances, 1), "name"),
                           "an \"agent\""));
  assert_true(gcn__span_starts(gcn__json_member(root, "failure"), "line 1, "));
  gcn__json_free(root, false);
  gcn__buf_deinit(&out);
  finish();
}

static void a_report_that_does_not_fit_is_an_error(void** state) {
  (void)state;
  struct gcn__buf out;
  begin(NULL);
  gcn__buf_init(&out, &gcn__mem_libc, 64);
  assert_int_equal(gcn__sim_report(world.sim, world.now_ms, &out), GCN_ELIMIT);
  gcn__buf_deinit(&out);
  finish();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_endpoint_has_its_column),
      cmocka_unit_test(a_wait_is_judged_on_each_endpoint),
      cmocka_unit_test(the_limit_of_the_service_is_a_wait_too),
      cmocka_unit_test(a_date_is_a_wait_too),
      cmocka_unit_test(spacing_is_measured),
      cmocka_unit_test(the_latest_arrivals_are_remembered),
      cmocka_unit_test(dials_together_are_one_attempt),
      cmocka_unit_test(attempts_can_be_limited_by_a_script),
      cmocka_unit_test(foreign_evictions_are_told_apart),
      cmocka_unit_test(an_eviction_by_command_is_nobodys),
      cmocka_unit_test(a_label_comes_before_the_user_agent),
      cmocka_unit_test(waits_are_each_instances_own),
      cmocka_unit_test(waits_are_each_resources_own),
      cmocka_unit_test(a_crowd_after_a_wait_fails),
      cmocka_unit_test(counters_trigger_rules),
      cmocka_unit_test(the_report_is_json),
      cmocka_unit_test(a_report_that_does_not_fit_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
