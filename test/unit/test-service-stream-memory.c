/* SPDX-License-Identifier: MIT */
/*
 * The simulated service's stream dialect when memory is short: a whole life of
 * every variant with the n-th allocation failing, for all n, once and from then
 * on.  Whoever is concerned is reset; nothing leaks and nothing is corrupt.
 */
#include "mem-probe.h"
#include "stream-peer.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

enum { ALLOCATIONS_MAX = 5000 };

#define FORM  "Content-Type: application/x-www-form-urlencoded\r\n"
#define RIGHT "Authorization: Basic Y2xpZW50LTE6bm90IGEgc2VjcmV0\r\n"
#define SUBSCRIPTIONS                                                          \
  "[{\"event\":\"routing.queueEvents\",\"resourceId\":\"q\","                  \
  "\"filters\":{\"priority\":[\"1\",\"2\",\"3\",\"4\"]}},"                     \
  "{\"event\":\"telephony.callEvents\"},"                                      \
  "{\"topic\":\"/api/v2/analytics/events\",\"filter\":{\"query\":"             \
  "\"event.type=='queueEvent'\"}}]"

static const char script[] = "every 3 events dup 1\n"
                             "after batch 2 batch.form single then batch.no-id "
                             "then batch.repeat 2\n"
                             "subscription.delete \"*@gone\" as=http\n"
                             "scope.missing user:read as=400\n";

static struct mem_probe probe;

/* That accepting may fail is seen elsewhere. */
static void open_link(struct sim_link* link, struct sim_world* world) {
  size_t fail_at = probe.fail_at;
  probe.fail_at = 0;
  sim_link_open(link, world);
  probe.fail_at = fail_at;
}

/* One variant on a connection of its own; each step may fail. */
static void upgrade(struct sim_world* world, const char* target,
                    const char* token, const char* message) {
  struct sim_link link;
  open_link(&link, world);
  if (sim_upgrade_at(&link, target, token) == 101) {
    if (message != NULL) sim_say(&link, GCN__WS_TEXT, message);
    sim_world_advance(world, 3000);
    gcn__sim_stream_emit(world->sim, "routing.queueEvents", "q", "QUEUE_ADD",
                         GCN__SPAN("{\"priority\":3}"), world->now_ms);
    gcn__sim_inject(world->sim, "error.message x then token.expire",
                    world->now_ms, NULL);
  }
  sim_link_close(&link);
}

static void log_in(struct sim_link* rest, char token[SIM_TEXT_SIZE]) {
  snprintf(token, SIM_TEXT_SIZE, "x");
  if (sim_request(rest, "POST", "/oauth/token", FORM RIGHT,
                  "grant_type=client_credentials") == 200) {
    sim_answer_member(rest, "access_token", token);
  }
}

static void live(struct sim_world* world, struct sim_link* rest) {
  char token[SIM_TEXT_SIZE];
  char ticket[SIM_TEXT_SIZE] = "x";
  char guide[STREAM_TARGET_SIZE] = STREAM_PATH;
  char by_ticket[STREAM_TARGET_SIZE] = "/api/v2/notifications";
  log_in(rest, token);
  stream_add_param(guide, "subscriptions", SUBSCRIPTIONS);
  stream_add_param(guide, "maxLatency", "500");
  stream_add_param(guide, "lastEventId", "e+00000000000000/0=");
  upgrade(world, guide, token, NULL);
  log_in(rest, token);
  sim_call(rest, "GET", STREAM_PATH "/subscriptions", token, NULL);
  sim_call(rest, "POST", "/api/v2/notifications/subscriptions", token,
           "{\"name\":\"n\",\"topics\":[\"routing.users.u.events\"],"
           "\"subscriptions\":" SUBSCRIPTIONS "}");
  sim_call(rest, "POST", "/api/v2/notifications/subscriptions", token,
           "{\"name\":\"m\",\"subscriptions\":" SUBSCRIPTIONS "}");
  upgrade(world, "/api/v2/notifications", token, NULL);
  log_in(rest, token);
  upgrade(world, "/api/v2/notification/events", token,
          "{\"subscriptions\":" SUBSCRIPTIONS "}");
  log_in(rest, token);
  if (sim_call(rest, "POST", "/api/v2/notifications/subscription", token,
               NULL) == 200) {
    sim_answer_member(rest, "accessToken", ticket);
  }
  stream_add_param(by_ticket, "token", ticket);
  stream_add_param(by_ticket, "subscriptions", SUBSCRIPTIONS);
  upgrade(world, by_ticket, NULL, NULL);
}

static void on_event(void* ctx, const struct gcn__sim_event* event) {
  size_t* count = ctx;
  *count += event->sent;
}

/* How many events were sent; 0 if there was no memory for a service. */
static size_t live_once(void) {
  size_t sent = 0;
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct sim_world world;
  sim_world_init(&world);
  world.options.mem = &mem;
  world.options.events_per_ks = 5000;
  world.options.stream_lost_goes_on = true;
  world.options.hooks.ctx = &sent;
  world.options.hooks.event = on_event;
  char error[GCN__SCRIPT_TEXT_SIZE];
  assert_int_equal(gcn__script_parse(&gcn__mem_libc, gcn__span_str(script), "s",
                                     &world.script, error),
                   0);
  world.options.script = world.script;
  world.sim = gcn__sim_new(&world.options);
  if (world.sim != NULL) {
    struct sim_link rest;
    open_link(&rest, &world);
    live(&world, &rest);
    sim_link_close(&rest);
  }
  sim_world_close(&world);
  assert_int_equal(probe.live_size, 0);
  return sent;
}

static void fail_each(int fail_on) {
  size_t sent = 0;
  size_t n = 1;
  for (; n < ALLOCATIONS_MAX; n++) {
    probe = (struct mem_probe){.fail_at = n, .fail_on = fail_on};
    sent = live_once();
    if (probe.count < n) break;
  }
  assert_in_range(n, 100, ALLOCATIONS_MAX - 1);
  assert_true(sent >= 4);
}

static void every_allocation_fails_once(void** state) {
  (void)state;
  fail_each(0);
}

static void memory_ends_for_good(void** state) {
  (void)state;
  fail_each(1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_fails_once),
      cmocka_unit_test(memory_ends_for_good),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
