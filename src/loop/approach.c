/* SPDX-License-Identifier: MIT */
/*
 * After `connected` and `failed` nothing is touched: the owner may have freed
 * it.
 */
#include "loop/approach.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"
#include "loop/system.h"

#include <stdio.h>
#include <unistd.h>

enum { TEXT_SIZE = 160 };

static void fail(struct gcn__approach* approach, int error,
                 enum gcn__layer layer, const char* what) {
  char text[TEXT_SIZE];
  gcn__system_explain(what, error, text, sizeof text);
  approach->failed(approach->ctx, error, layer, text);
}

/* `what` ends with "within". */
static void fail_late(struct gcn__approach* approach, uint64_t limit_ms,
                      enum gcn__layer layer, const char* what) {
  char text[TEXT_SIZE];
  bool whole = limit_ms % 1000 == 0;
  snprintf(text, sizeof text, "%s %llu %s", what,
           (unsigned long long)(whole ? limit_ms / 1000 : limit_ms),
           whole ? "s" : "ms");
  approach->failed(approach->ctx, UV_ETIMEDOUT, layer, text);
}

static void enter(struct gcn__approach* approach,
                  enum gcn__approach_phase phase, uint64_t limit_ms,
                  uint64_t now_ms) {
  approach->phase = phase;
  approach->due_ms =
      limit_ms == 0 ? GCN__NEVER : gcn__time_add(now_ms, limit_ms);
}

/* With a permit, or without need of one. */
static void reach(struct gcn__approach* approach, uint64_t now_ms) {
  if (approach->connector == NULL) {
    enter(approach, GCN__APPROACH_RACE, approach->connect_ms, now_ms);
    approach->race_ms = now_ms;
    gcn__dial_start(&approach->dial, &approach->found, now_ms);
    return;
  }
  enter(approach, GCN__APPROACH_CONNECTOR, approach->connect_ms, now_ms);
  gcn__connector_ask(approach->connector, &approach->request, approach->host,
                     approach->port);
}

static void get_permit(struct gcn__approach* approach, uint64_t now_ms) {
  if (approach->permits == NULL ||
      gcn__permit_take(approach->permits, &approach->permit)) {
    reach(approach, now_ms);
    return;
  }
  enter(approach, GCN__APPROACH_PERMIT, 0, now_ms);
}

static void use_answer(struct gcn__approach* approach, uint64_t now_ms) {
  approach->found = approach->waiter.found;
  gcn__addresses_set_port(&approach->found, approach->port);
  get_permit(approach, now_ms);
}

static void look_up(struct gcn__approach* approach, const char* host,
                    uint64_t now_ms) {
  enter(approach, GCN__APPROACH_LOOK_UP, approach->dns_ms, now_ms);
  struct gcn__hosts_waiter* waiter = &approach->waiter;
  if (approach->hosts != NULL) {
    gcn__hosts_ask(approach->hosts, waiter, host, now_ms);
    if (waiter->done && waiter->error == 0) use_answer(approach, now_ms);
    return;
  }
  approach->error =
      gcn__resolver_start(&approach->resolver, approach->loop, host);
  if (approach->error == 0) approach->acquired(approach->ctx);
}

/* What the answer of the look-up was worth. */
static void judge_addresses(struct gcn__approach* approach,
                            const struct gcn__attempt* winner) {
  struct gcn__hosts_waiter* waiter = &approach->waiter;
  const struct gcn__dial* dial = &approach->dial;
  if (waiter->hosts == NULL) return;
  for (size_t i = 0; i < dial->next; i++) {
    const union gcn__address* address = &dial->addresses.items[i];
    if (winner != NULL && dial->attempts[i] == winner) {
      gcn__hosts_worked(waiter, address);
      break; /* those after it were never given their time */
    }
    gcn__hosts_failed(waiter, address);
  }
  if (winner == NULL) gcn__hosts_doubt(waiter);
  gcn__hosts_leave(waiter);
}

static void on_connected(void* ctx, struct gcn__attempt* winner) {
  struct gcn__approach* approach = ctx;
  judge_addresses(approach, winner);
  approach->phase = GCN__APPROACH_OVER;
  approach->connected(approach->ctx, winner);
}

static void on_dial_failed(void* ctx, int error) {
  struct gcn__approach* approach = ctx;
  judge_addresses(approach, NULL);
  fail(approach, error, GCN__LAYER_TCP, "connect");
}

static void hurry(void* ctx) {
  struct gcn__approach* approach = ctx;
  approach->hurried(approach->ctx);
}

static void on_acquired(void* ctx) {
  struct gcn__approach* approach = ctx;
  approach->acquired(approach->ctx);
}

static void on_released(void* ctx) {
  struct gcn__approach* approach = ctx;
  approach->released(approach->ctx);
}

/* Of a look-up of its own. */
static void on_resolved(void* ctx, int error,
                        const struct gcn__addresses* found) {
  struct gcn__approach* approach = ctx;
  if (error != 0) {
    fail(approach, error, GCN__LAYER_DNS, "host name look-up");
    return;
  }
  approach->found = *found;
  get_permit(approach, gcn__loop_now_ms(approach->loop));
  approach->hurried(approach->ctx);
}

static void set_up(struct gcn__approach* approach) {
  approach->resolver.api = approach->api;
  approach->resolver.port = approach->port;
  approach->resolver.resolved = on_resolved;
  approach->resolver.released = on_released;
  approach->resolver.ctx = approach;
  approach->waiter.ready = hurry;
  approach->waiter.ctx = approach;
  approach->permit.ready = hurry;
  approach->permit.ctx = approach;
  approach->request.ready = hurry;
  approach->request.ctx = approach;
  approach->request.fd = -1;
  approach->dial.mem = approach->mem;
  approach->dial.loop = approach->loop;
  approach->dial.connected = on_connected;
  approach->dial.failed = on_dial_failed;
  approach->dial.acquired = on_acquired;
  approach->dial.released = on_released;
  approach->dial.ctx = approach;
}

int gcn__approach_begin(struct gcn__approach* approach, const char* host,
                        uint64_t now_ms) {
  set_up(approach);
  if (approach->connector != NULL) {
    approach->host = gcn__str_copy(approach->mem, host);
    if (approach->host == NULL) return GCN__ENOMEM;
    get_permit(approach, now_ms);
    return 0;
  }
  if (gcn__resolver_literal(host, approach->port, &approach->found)) {
    get_permit(approach, now_ms);
    return 0;
  }
  look_up(approach, host, now_ms);
  return 0;
}

uint64_t gcn__approach_deadline(const struct gcn__approach* approach) {
  switch (approach->phase) {
  case GCN__APPROACH_LOOK_UP:
    if (approach->error != 0 || approach->waiter.done) return 0;
    return approach->due_ms;
  case GCN__APPROACH_PERMIT:
    return approach->permit.state == GCN__PERMIT_HELD ? 0 : GCN__NEVER;
  case GCN__APPROACH_CONNECTOR:
    return approach->request.done ? 0 : approach->due_ms;
  case GCN__APPROACH_RACE:
    return gcn__time_min(approach->due_ms, gcn__dial_deadline(&approach->dial));
  case GCN__APPROACH_OVER: break;
  }
  return GCN__NEVER;
}

static void end_look_up(struct gcn__approach* approach, uint64_t now_ms) {
  struct gcn__hosts_waiter* waiter = &approach->waiter;
  bool shared = waiter->hosts != NULL;
  bool late = approach->error == 0 && !(shared && waiter->done);
  if (shared && late) gcn__hosts_give_up(waiter, now_ms);
  if (shared && waiter->error == 0) {
    use_answer(approach, now_ms);
    return;
  }
  if (late) {
    fail_late(approach, approach->dns_ms, GCN__LAYER_DNS,
              "the host name was not resolved within");
    return;
  }
  fail(approach, shared ? waiter->error : approach->error, GCN__LAYER_DNS,
       "host name look-up");
}

static void end_request(struct gcn__approach* approach) {
  struct gcn__connector_waiter* request = &approach->request;
  if (!request->done) {
    fail_late(approach, approach->connect_ms, GCN__LAYER_TCP,
              "the connector did not answer within");
    return;
  }
  struct gcn__attempt* attempt;
  int error = request->error;
  if (error == 0) {
    error = gcn__dial_adopt(&approach->dial, request->fd, &attempt);
    request->fd = -1;
  }
  if (error != 0) {
    fail(approach, error, GCN__LAYER_TCP, "connector");
    return;
  }
  approach->phase = GCN__APPROACH_OVER;
  approach->connected(approach->ctx, attempt);
}

static void go_on_racing(struct gcn__approach* approach, uint64_t now_ms) {
  if (now_ms >= approach->due_ms) {
    judge_addresses(approach, NULL);
    fail_late(approach, approach->connect_ms, GCN__LAYER_TCP,
              "not connected within");
    return;
  }
  gcn__dial_woken(&approach->dial, now_ms);
}

void gcn__approach_woken(struct gcn__approach* approach, uint64_t now_ms) {
  if (now_ms < gcn__approach_deadline(approach)) return;
  switch (approach->phase) {
  case GCN__APPROACH_LOOK_UP: end_look_up(approach, now_ms); break;
  case GCN__APPROACH_PERMIT: reach(approach, now_ms); break;
  case GCN__APPROACH_CONNECTOR: end_request(approach); break;
  case GCN__APPROACH_RACE: go_on_racing(approach, now_ms); break;
  case GCN__APPROACH_OVER: break;
  }
}

void gcn__approach_settle(struct gcn__approach* approach) {
  gcn__permit_return(&approach->permit);
}

static void free_host(struct gcn__approach* approach) {
  gcn__str_free(approach->mem, approach->host);
  approach->host = NULL;
}

bool gcn__approach_is_done(const struct gcn__approach* approach,
                           const struct gcn__attempt* winner) {
  return approach->phase == GCN__APPROACH_OVER &&
         approach->permit.state == GCN__PERMIT_NONE &&
         gcn__dial_is_left_to(&approach->dial, winner);
}

void gcn__approach_part(struct gcn__approach* approach,
                        struct gcn__attempt* winner,
                        void (*released)(void* ctx)) {
  gcn__attempt_detach(winner, released, approach->ctx);
  free_host(approach);
}

/* Given up in mid-race: the answer was of no use so far.  That says nothing as
 * long as the next address would not be tried yet. */
static bool raced_in_vain(const struct gcn__approach* approach) {
  if (approach->phase != GCN__APPROACH_RACE) return false;
  uint64_t now_ms = gcn__loop_now_ms(approach->loop);
  return now_ms >= gcn__time_add(approach->race_ms, GCN__DIAL_STEP_MS);
}

void gcn__approach_drop(struct gcn__approach* approach) {
  struct gcn__hosts_waiter* waiter = &approach->waiter;
  if (waiter->hosts != NULL && raced_in_vain(approach))
    gcn__hosts_doubt(waiter);
  approach->phase = GCN__APPROACH_OVER;
  gcn__hosts_leave(waiter);
  gcn__resolver_drop(&approach->resolver);
  gcn__connector_leave(&approach->request);
  gcn__permit_return(&approach->permit);
  gcn__dial_drop(&approach->dial);
  free_host(approach);
}

void gcn__approach_abandon(struct gcn__approach* approach) {
  gcn__hosts_leave_abandoned(&approach->waiter);
  gcn__connector_leave(&approach->request);
  gcn__permit_abandon(&approach->permit);
  gcn__dial_abandon(&approach->dial);
  free_host(approach);
}
