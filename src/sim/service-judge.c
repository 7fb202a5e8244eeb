/* SPDX-License-Identifier: MIT */
/*
 * Expectations: what a script demands of the client.
 *
 * A failed one is remembered (the first in words, the others as a count) and
 * never stops the service.
 */
#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"

#include <stdio.h>

enum { EXPECTS_MIN = 4 };

struct expectation {
  const struct gcn__script_rule* rule;
  uint64_t by_ms;  /* when it fails; GCN__NEVER: nothing is owed */
  uint64_t owed;   /* RECONNECT: WebSockets that have not come back */
  uint64_t* times; /* NO_MORE: the last `count` moments, a ring */
  uint64_t seen;
};

struct gcn__sim_judge {
  const struct gcn__mem* mem;
  struct expectation* all;
  size_t count;
  size_t capacity;
  char failure[GCN__SIM_LINE_SIZE + 64]; /* a reason, and where it was */
};

struct gcn__sim_judge* gcn__sim_judge_new(const struct gcn__mem* mem) {
  struct gcn__sim_judge* judge = gcn__alloc_zero(mem, sizeof(*judge));
  if (judge != NULL) judge->mem = mem;
  return judge;
}

void gcn__sim_judge_free(struct gcn__sim_judge* judge) {
  if (judge == NULL) return;
  for (size_t i = 0; i < judge->count; i++) {
    gcn__free(judge->mem, judge->all[i].times,
              (size_t)judge->all[i].rule->count * sizeof(uint64_t));
  }
  gcn__free(judge->mem, judge->all, judge->capacity * sizeof(*judge->all));
  gcn__free(judge->mem, judge, sizeof(*judge));
}

const char* gcn__sim_judge_failure(const struct gcn__sim_judge* judge) {
  return judge->failure[0] == '\0' ? NULL : judge->failure;
}

static bool make_room(struct gcn__sim_judge* judge) {
  if (judge->count < judge->capacity) return true;
  size_t capacity = judge->capacity == 0 ? EXPECTS_MIN : judge->capacity * 2;
  void* all =
      gcn__resize(judge->mem, judge->all, judge->capacity * sizeof(*judge->all),
                  capacity * sizeof(*judge->all));
  if (all == NULL) return false;
  judge->all = all;
  judge->capacity = capacity;
  return true;
}

int gcn__sim_judge_add(struct gcn__sim* sim,
                       const struct gcn__script_rule* rule, uint64_t now_ms) {
  struct gcn__sim_judge* judge = gcn__sim_fault_judge(sim);
  if (!make_room(judge)) return GCN__ENOMEM;
  struct expectation made = {.rule = rule, .by_ms = GCN__NEVER};
  if (rule->expect == GCN__EXPECT_CONNECT) {
    made.by_ms = gcn__time_add(now_ms, rule->within_ms);
  }
  if (rule->expect == GCN__EXPECT_NO_MORE && rule->count > 0) {
    made.times = gcn__alloc(judge->mem, (size_t)rule->count * sizeof(uint64_t));
    if (made.times == NULL) return GCN__ENOMEM;
  }
  judge->all[judge->count++] = made;
  return 0;
}

static void fail(struct gcn__sim* sim, const struct gcn__script_rule* rule,
                 const char* what, uint64_t now_ms) {
  struct gcn__sim_judge* judge = gcn__sim_fault_judge(sim);
  sim->counters.expects_failed++;
  gcn__sim_log(sim, now_ms, "expectation of line %u failed: %s", rule->line,
               what);
  if (judge->failure[0] != '\0') return;
  snprintf(judge->failure, sizeof(judge->failure), "line %u, %llu ms: %s",
           rule->line, (unsigned long long)(now_ms - sim->options.start_ms),
           what);
}

static void count_call(struct gcn__sim* sim, struct expectation* expectation,
                       uint64_t now_ms) {
  const struct gcn__script_rule* rule = expectation->rule;
  bool full = expectation->seen >= rule->count;
  size_t slot =
      rule->count == 0 ? 0 : (size_t)(expectation->seen % rule->count);
  bool early = rule->count == 0 ||
               (full && now_ms - expectation->times[slot] < rule->within_ms);
  expectation->seen++;
  if (rule->count > 0) expectation->times[slot] = now_ms;
  if (!early) return;
  char text[GCN__SIM_LINE_SIZE];
  snprintf(text, sizeof(text), "more than %llu %s calls in %llu ms",
           (unsigned long long)rule->count,
           gcn__script_counter_word(rule->counter),
           (unsigned long long)rule->within_ms);
  fail(sim, rule, text, now_ms);
}

static void count_connect(struct expectation* expectation) {
  if (expectation->rule->expect == GCN__EXPECT_CONNECT) {
    expectation->by_ms = GCN__NEVER;
  }
  if (expectation->rule->expect != GCN__EXPECT_RECONNECT) return;
  if (expectation->owed > 0) expectation->owed--;
  if (expectation->owed == 0) expectation->by_ms = GCN__NEVER;
}

void gcn__sim_judge_count(struct gcn__sim* sim,
                          enum gcn__script_counter counter, uint64_t now_ms) {
  struct gcn__sim_judge* judge = gcn__sim_fault_judge(sim);
  for (size_t i = 0; i < judge->count; i++) {
    struct expectation* expectation = &judge->all[i];
    const struct gcn__script_rule* rule = expectation->rule;
    if (counter == GCN__COUNT_CONNECT) count_connect(expectation);
    if (rule->expect != GCN__EXPECT_NO_MORE) continue;
    if (rule->counter == counter) count_call(sim, expectation, now_ms);
  }
}

void gcn__sim_judge_lost(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__sim_judge* judge = gcn__sim_fault_judge(sim);
  for (size_t i = 0; i < judge->count; i++) {
    struct expectation* expectation = &judge->all[i];
    const struct gcn__script_rule* rule = expectation->rule;
    if (rule->expect != GCN__EXPECT_RECONNECT) continue;
    uint64_t by_ms = gcn__time_add(now_ms, rule->within_ms);
    expectation->by_ms = gcn__time_min(expectation->by_ms, by_ms);
    expectation->owed++;
  }
}

/* The first expectation of the kind; NULL if the script has none. */
static const struct gcn__script_rule* find(struct gcn__sim* sim,
                                           enum gcn__script_expect expect) {
  const struct gcn__sim_judge* judge = gcn__sim_fault_judge(sim);
  for (size_t i = 0; i < judge->count; i++) {
    if (judge->all[i].rule->expect == expect) return judge->all[i].rule;
  }
  return NULL;
}

void gcn__sim_judge_channel(struct gcn__sim* sim,
                            struct gcn__sim_channel* channel, uint64_t now_ms) {
  const struct gcn__script_rule* rule = find(sim, GCN__EXPECT_SUBSCRIBE);
  if (rule == NULL) return;
  channel->subscribe_by_ms = gcn__time_add(now_ms, rule->within_ms);
}

void gcn__sim_judge_ping(struct gcn__sim* sim, struct gcn__sim_conn* conn,
                         uint64_t now_ms) {
  const struct gcn__script_rule* rule = find(sim, GCN__EXPECT_PONG);
  if (rule == NULL || !gcn__sim_ws_is_open(conn)) return;
  uint64_t by_ms = gcn__time_add(now_ms, rule->within_ms);
  conn->pong_by_ms = gcn__time_min(conn->pong_by_ms, by_ms);
}

void gcn__sim_judge_pong(struct gcn__sim_conn* conn) {
  conn->pong_by_ms = GCN__NEVER;
}

void gcn__sim_judge_early(const struct gcn__sim_call* call, uint64_t early_ms) {
  const struct gcn__script_rule* rule =
      find(call->sim, GCN__EXPECT_RETRY_AFTER);
  if (rule == NULL) return;
  char text[GCN__SIM_LINE_SIZE];
  snprintf(text, sizeof(text), "%s was called %llu ms before Retry-After",
           call->route, (unsigned long long)early_ms);
  fail(call->sim, rule, text, call->now_ms);
}

void gcn__sim_judge_crowded(const struct gcn__sim_call* call) {
  const struct gcn__script_rule* rule = find(call->sim, GCN__EXPECT_SINGLE);
  if (rule == NULL) return;
  char text[GCN__SIM_LINE_SIZE];
  snprintf(text, sizeof(text), "%s was called more than once after Retry-After",
           call->route);
  fail(call->sim, rule, text, call->now_ms);
}

static void check_channels(struct gcn__sim* sim, uint64_t now_ms) {
  const struct gcn__script_rule* rule = find(sim, GCN__EXPECT_SUBSCRIBE);
  if (rule == NULL) return;
  struct gcn__list* at = sim->channels.next;
  for (; at != &sim->channels; at = at->next) {
    struct gcn__sim_channel* channel =
        GCN__CONTAINER_OF(at, struct gcn__sim_channel, link);
    if (channel->subscribe_by_ms > now_ms) continue;
    channel->subscribe_by_ms = GCN__NEVER;
    fail(sim, rule, "a new channel got no subscriptions", now_ms);
  }
}

static void check_pongs(struct gcn__sim* sim, uint64_t now_ms) {
  const struct gcn__script_rule* rule = find(sim, GCN__EXPECT_PONG);
  if (rule == NULL) return;
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn =
        GCN__CONTAINER_OF(at, struct gcn__sim_conn, link);
    if (conn->pong_by_ms > now_ms) continue;
    conn->pong_by_ms = GCN__NEVER;
    fail(sim, rule, "a ping was not answered", now_ms);
  }
}

void gcn__sim_judge_tick(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__sim_judge* judge = gcn__sim_fault_judge(sim);
  for (size_t i = 0; i < judge->count; i++) {
    struct expectation* expectation = &judge->all[i];
    if (expectation->by_ms > now_ms) continue;
    expectation->by_ms = GCN__NEVER;
    expectation->owed = 0;
    bool again = expectation->rule->expect == GCN__EXPECT_RECONNECT;
    fail(sim, expectation->rule,
         again ? "no WebSocket came back" : "no WebSocket came", now_ms);
  }
  check_channels(sim, now_ms);
  check_pongs(sim, now_ms);
}

uint64_t gcn__sim_judge_deadline(const struct gcn__sim* sim) {
  const struct gcn__sim_judge* judge = gcn__sim_fault_judge(sim);
  uint64_t at_ms = GCN__NEVER;
  if (judge->count == 0) return at_ms;
  for (size_t i = 0; i < judge->count; i++) {
    at_ms = gcn__time_min(at_ms, judge->all[i].by_ms);
  }
  struct gcn__list* at = sim->channels.next;
  for (; at != &sim->channels; at = at->next) {
    at_ms = gcn__time_min(
        at_ms,
        GCN__CONTAINER_OF(at, struct gcn__sim_channel, link)->subscribe_by_ms);
  }
  for (at = sim->conns.next; at != &sim->conns; at = at->next) {
    at_ms = gcn__time_min(
        at_ms, GCN__CONTAINER_OF(at, struct gcn__sim_conn, link)->pong_by_ms);
  }
  return at_ms;
}
