/* SPDX-License-Identifier: MIT */
/*
 * The simulated service when memory is short: a whole life with the n-th
 * allocation failing, for all n, once and from then on.  Whoever is concerned
 * is reset; nothing leaks and nothing is corrupt.
 */
#include "mem-probe.h"
#include "sim-peer.h"

#include "base/err.h"
#include "sim/ledger.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

enum { ALLOCATIONS_MAX = 5000 };

#define FORM   "Content-Type: application/x-www-form-urlencoded\r\n"
#define RIGHT  "Authorization: Basic Y2xpZW50LTE6bm90IGEgc2VjcmV0\r\n"
#define TOPICS "v2.users.u?presence&conversations"

static const char script[] =
    "every 3 events dup 1\n"
    "after event 2 ws.fragment 2 then ws.split 5\n"
    "http.slow GET /api/v2/notifications/availabletopics 1s\n"
    "expect no more-than 100 token calls per 1s\n";

#define SAML                                                                   \
  "grant_type=urn:ietf:params:oauth:grant-type:saml2-bearer&orgName=o&"        \
  "assertion=YWJj"

static void ask_by_other_grants(struct sim_link* rest) {
  static const char* const bodies[] = {
      "grant_type=refresh_token&refresh_token=first",
      SAML,
      "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c",
  };
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    sim_request(rest, "POST", "/oauth/token", FORM RIGHT, bodies[i]);
  }
}

static void report(struct sim_world* world) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  int error = gcn__sim_report(world->sim, world->now_ms, &out);
  assert_true(error == 0 || error == GCN__ENOMEM);
  gcn__buf_deinit(&out);
}

/* What a client can still do in a service that may have lost any part of it;
 * every step is allowed to fail. */
static void live(struct sim_world* world, struct sim_link* rest,
                 struct sim_link* stream) {
  char token[SIM_TEXT_SIZE] = "x";
  char id[SIM_TEXT_SIZE] = "x";
  if (sim_request(rest, "POST", "/oauth/token", FORM RIGHT,
                  "grant_type=client_credentials") == 200) {
    sim_answer_member(rest, "access_token", token);
  }
  if (sim_call(rest, "POST", "/api/v2/notifications/channels", token, NULL) ==
      200) {
    sim_answer_member(rest, "id", id);
  }
  sim_subscribe(rest, token, id, TOPICS);
  sim_call(rest, "GET", "/api/v2/notifications/availabletopics", token, NULL);
  if (sim_upgrade(stream, id) == 101) {
    sim_say(stream, GCN__WS_TEXT,
            "{\"message\":\"subscribe\",\"topics\":[\"v2.users.v.activity\"]}");
    sim_say(stream, GCN__WS_TEXT, "{\"message\":\"ping\"}");
  }
  ask_by_other_grants(rest);
  gcn__sim_inject(world->sim,
                  "secret.rotate next 1s then topic.drift 1 then "
                  "channel.closing 2s",
                  world->now_ms, NULL);
  gcn__sim_inject(world->sim, "ws.closing 1s then topic.lose *", world->now_ms,
                  NULL);
  report(world);
  sim_world_advance(world, 5000);
}

/* True if the service lived its life without an allocation failing. */
static bool live_with(struct mem_probe* probe) {
  struct gcn__mem mem = mem_probe_mem(probe);
  struct sim_world world;
  sim_world_init(&world);
  world.options.mem = &mem;
  world.options.events_per_ks = 5000;
  world.options.refresh_token = "first";
  world.options.corpus = GCN__SPAN("{\"topic\":\"v2.users.u.presence\","
                                   "\"body\":{\"a\":1}}");
  char error[GCN__SCRIPT_TEXT_SIZE];
  assert_int_equal(gcn__script_parse(&gcn__mem_libc, gcn__span_str(script), "s",
                                     &world.script, error),
                   0);
  world.options.script = world.script;
  world.sim = gcn__sim_new(&world.options);
  bool failed = world.sim == NULL;
  struct gcn__sim_conn* probe_conn =
      failed ? NULL : gcn__sim_accept(world.sim, NULL, world.now_ms);
  if (probe_conn != NULL) {
    gcn__sim_drop(probe_conn, world.now_ms);
    size_t fail_at = probe->fail_at;
    struct sim_link rest;
    struct sim_link stream;
    probe->fail_at = 0; /* accepting has just been tried */
    sim_link_open(&rest, &world);
    sim_link_open(&stream, &world);
    probe->fail_at = fail_at;
    live(&world, &rest, &stream);
    sim_link_close(&rest);
    sim_link_close(&stream);
  }
  sim_world_close(&world);
  assert_int_equal(probe->live_size, 0);
  return probe->fail_at == 0 || probe->count < probe->fail_at;
}

static void every_allocation_fails_once(void** state) {
  (void)state;
  size_t n = 1;
  for (; n < ALLOCATIONS_MAX; n++) {
    struct mem_probe probe = {.fail_at = n};
    if (live_with(&probe)) break;
  }
  assert_in_range(n, 50, ALLOCATIONS_MAX - 1);
}

static void memory_ends_for_good(void** state) {
  (void)state;
  size_t n = 1;
  for (; n < ALLOCATIONS_MAX; n++) {
    struct mem_probe probe = {.fail_at = n, .fail_on = 1};
    if (live_with(&probe)) break;
  }
  assert_in_range(n, 50, ALLOCATIONS_MAX - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_fails_once),
      cmocka_unit_test(memory_ends_for_good),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
