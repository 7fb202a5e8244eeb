/* SPDX-License-Identifier: MIT */
/*
 * The running fault script: when its rules fire and how far their chains are.
 *
 * Three kinds of actions: those that happen at once (service-act.c), those that
 * wait for a request (http.*, ws.handshake), and those that wait for an event
 * (reject, event.drop with a topic).  A rule whose chain is still going is not
 * started again.
 */
#include "sim/service-fault.h"

#include "base/err.h"
#include "sim/service-state.h"
#include "sim/service-stream.h"

#include <stdio.h>

enum { RULES_MIN = 8, PPM = 1000000 };

struct running {
  const struct gcn__script_rule* rule;
  struct gcn__script* owned;  /* an injected rule's script */
  uint64_t start_ms;          /* the rule's times count from it */
  uint64_t base;              /* the counter's value then */
  uint64_t next_ms;           /* AT, PERIOD: when it fires; GCN__NEVER: done */
  uint64_t undo_ms;           /* `for`: when it ends; GCN__NEVER */
  uint64_t wait_ms;           /* the chain goes on then; GCN__NEVER */
  size_t at;                  /* the chain's next action */
  bool going;                 /* the chain is not at its end */
  bool over;                  /* ON_TOPIC: `for` has passed */
  struct gcn__sim_conn* conn; /* the chain's; NULL: all WebSockets */
  struct gcn__sim_conn* held; /* the chain waits for its messages */
  uint64_t left[GCN__SCRIPT_ACTIONS_MAX]; /* requests still to be spoiled */
};

struct gcn__sim_fault {
  struct running* rules;
  size_t count;
  size_t capacity;
  uint64_t counts[GCN__COUNTERS];
  uint64_t copies;
  uint64_t drops;
  uint64_t events;
  struct gcn__sim_judge* judge;
};

static bool waits_for_request(enum gcn__script_verb verb) {
  switch (verb) {
  case GCN__DO_HTTP_STATUS:
  case GCN__DO_HTTP_HANG:
  case GCN__DO_HTTP_SLOW:
  case GCN__DO_HTTP_TRICKLE:
  case GCN__DO_HTTP_HUGE_HEADER:
  case GCN__DO_HTTP_HUGE_BODY:
  case GCN__DO_HTTP_GARBAGE:
  case GCN__DO_HTTP_TRUNCATE:
  case GCN__DO_HTTP_LOST:
  case GCN__DO_HTTP_CLOSE:
  case GCN__DO_HTTP_RESET:
  case GCN__DO_WS_HANDSHAKE: return true;
  default: return false;
  }
}

static bool waits_for_connection(enum gcn__script_verb verb) {
  switch (verb) {
  case GCN__DO_ACCEPT_CLOSE:
  case GCN__DO_ACCEPT_RESET:
  case GCN__DO_ACCEPT_HANG:
  case GCN__DO_TLS_HANG:
  case GCN__DO_TLS_TRICKLE: return true;
  default: return false;
  }
}

int gcn__sim_fault_new(struct gcn__sim* sim) {
  sim->fault = gcn__alloc_zero(sim->mem, sizeof(*sim->fault));
  if (sim->fault == NULL) return GCN__ENOMEM;
  sim->fault->judge = gcn__sim_judge_new(sim->mem);
  return sim->fault->judge == NULL ? GCN__ENOMEM : 0;
}

void gcn__sim_fault_free(struct gcn__sim* sim) {
  struct gcn__sim_fault* fault = sim->fault;
  if (fault == NULL) return;
  gcn__sim_judge_free(fault->judge);
  for (size_t i = 0; i < fault->count; i++) {
    gcn__script_free(fault->rules[i].owned);
  }
  gcn__free(sim->mem, fault->rules, fault->capacity * sizeof(*fault->rules));
  gcn__free(sim->mem, fault, sizeof(*fault));
  sim->fault = NULL;
}

struct gcn__sim_judge* gcn__sim_fault_judge(const struct gcn__sim* sim) {
  return sim->fault->judge;
}

void gcn__sim_fault_owe_copies(struct gcn__sim* sim, uint64_t count) {
  sim->fault->copies += count;
}

void gcn__sim_fault_owe_drops(struct gcn__sim* sim, uint64_t count) {
  sim->fault->drops += count;
}

void gcn__sim_fault_owe_events(struct gcn__sim* sim, uint64_t count) {
  sim->fault->events += count;
}

static bool make_room(struct gcn__sim* sim) {
  struct gcn__sim_fault* fault = sim->fault;
  if (fault->count < fault->capacity) return true;
  size_t capacity = fault->capacity == 0 ? RULES_MIN : fault->capacity * 2;
  void* rules = gcn__resize(sim->mem, fault->rules,
                            fault->capacity * sizeof(*fault->rules),
                            capacity * sizeof(*fault->rules));
  if (rules == NULL) return false;
  fault->rules = rules;
  fault->capacity = capacity;
  return true;
}

static uint64_t first_moment(const struct gcn__script_rule* rule,
                             uint64_t now_ms) {
  bool timed = rule->when == GCN__WHEN_AT || rule->when == GCN__WHEN_PERIOD;
  return timed ? gcn__time_add(now_ms, rule->at_ms) : GCN__NEVER;
}

static int add_rule(struct gcn__sim* sim, const struct gcn__script_rule* rule,
                    struct gcn__script* owned, uint64_t now_ms) {
  if (!make_room(sim)) return GCN__ENOMEM;
  struct gcn__sim_fault* fault = sim->fault;
  bool on_topic = rule->when == GCN__WHEN_ON_TOPIC;
  struct running running = {
      .rule = rule,
      .owned = owned,
      .start_ms = now_ms,
      .base = fault->counts[rule->counter],
      .next_ms = first_moment(rule, now_ms),
      .undo_ms = on_topic && rule->for_ms > 0
                     ? gcn__time_add(now_ms, rule->for_ms)
                     : GCN__NEVER,
      .wait_ms = GCN__NEVER,
  };
  if (rule->when == GCN__WHEN_EXPECT) {
    int error = gcn__sim_judge_add(sim, rule, now_ms);
    if (error != 0) return error;
  }
  fault->rules[fault->count++] = running;
  return 0;
}

int gcn__sim_fault_add(struct gcn__sim* sim, const struct gcn__script* script,
                       uint64_t now_ms) {
  for (size_t i = 0; i < gcn__script_count(script); i++) {
    int error = add_rule(sim, gcn__script_rule(script, i), NULL, now_ms);
    if (error != 0) return error;
  }
  return 0;
}

/* How often an action holds: `times`, or without end while `for` lasts, or
 * once. */
static uint64_t times_of(const struct gcn__script_rule* rule,
                         const struct gcn__script_action* action) {
  if (action->times > 0) return action->times;
  return rule->for_ms > 0 ? UINT64_MAX : 1;
}

static struct gcn__sim_conn* first_socket(const struct gcn__sim* sim) {
  struct gcn__list* at = sim->conns.next;
  for (; at != &sim->conns; at = at->next) {
    struct gcn__sim_conn* conn =
        GCN__CONTAINER_OF(at, struct gcn__sim_conn, link);
    if (gcn__sim_ws_is_open(conn)) return conn;
  }
  return NULL;
}

static void log_action(struct gcn__sim* sim, const struct running* running,
                       const struct gcn__script_action* action,
                       uint64_t now_ms) {
  sim->counters.faults++;
  gcn__sim_log(sim, now_ms, "fault, line %u: %s", running->rule->line,
               gcn__script_verb_word(action->verb));
}

/* Takes the chain's next action; false if the chain has to wait. */
static bool take_action(struct gcn__sim* sim, struct running* running,
                        uint64_t now_ms) {
  const struct gcn__script_rule* rule = running->rule;
  const struct gcn__script_action* action = &rule->actions[running->at];
  uint64_t times = times_of(rule, action);
  size_t index = running->at++;
  if (action->verb == GCN__DO_WAIT) {
    running->wait_ms = gcn__time_add(now_ms, action->delay_ms);
    return false;
  }
  if (waits_for_request(action->verb) || waits_for_connection(action->verb)) {
    running->left[index] = times;
    return true;
  }
  log_action(sim, running, action, now_ms);
  gcn__sim_act(sim, action, running->conn, times, now_ms);
  bool last = running->at == rule->action_count;
  struct gcn__sim_conn* conn =
      running->conn != NULL ? running->conn : first_socket(sim);
  if (last || conn == NULL) return true;
  if (gcn__sim_act_left(conn, action->verb) == 0) return true;
  running->held = conn;
  return false;
}

static void go_on(struct gcn__sim* sim, struct running* running,
                  uint64_t now_ms) {
  running->wait_ms = GCN__NEVER;
  running->held = NULL;
  while (running->at < running->rule->action_count) {
    if (!take_action(sim, running, now_ms)) return;
  }
  running->going = false;
  running->conn = NULL;
}

static void fire(struct gcn__sim* sim, struct running* running,
                 struct gcn__sim_conn* conn, uint64_t now_ms) {
  if (running->going) return;
  running->going = true;
  running->at = 0;
  running->conn = conn;
  uint64_t for_ms = running->rule->for_ms;
  if (for_ms > 0) running->undo_ms = gcn__time_add(now_ms, for_ms);
  go_on(sim, running, now_ms);
}

static void undo(struct gcn__sim* sim, struct running* running,
                 uint64_t now_ms) {
  const struct gcn__script_rule* rule = running->rule;
  running->undo_ms = GCN__NEVER;
  running->going = false;
  running->wait_ms = GCN__NEVER;
  running->held = NULL;
  running->conn = NULL;
  running->over = rule->when == GCN__WHEN_ON_TOPIC;
  for (size_t i = 0; i < rule->action_count; i++) {
    running->left[i] = 0;
    if (rule->when == GCN__WHEN_ON_TOPIC) continue;
    gcn__sim_act_undo(sim, &rule->actions[i], now_ms);
  }
}

static void fire_timed(struct gcn__sim* sim, struct running* running,
                       uint64_t now_ms) {
  if (running->rule->when == GCN__WHEN_AT) {
    running->next_ms = GCN__NEVER;
  } else {
    uint64_t period_ms = running->rule->at_ms;
    uint64_t late_ms = (now_ms - running->next_ms) % period_ms;
    running->next_ms = gcn__time_add(now_ms - late_ms, period_ms);
  }
  fire(sim, running, NULL, now_ms);
}

static bool only_waits(const struct gcn__script_rule* rule) {
  for (size_t i = 0; i < rule->action_count; i++) {
    enum gcn__script_verb verb = rule->actions[i].verb;
    if (!waits_for_request(verb) && !waits_for_connection(verb)) return false;
  }
  return true;
}

/* A rule whose moment has come holds for what comes now, even if the clock has
 * not been looked at since. */
static void catch_up(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__sim_fault* fault = sim->fault;
  for (size_t i = 0; i < fault->count; i++) {
    struct running* running = &fault->rules[i];
    if (running->next_ms > now_ms || !only_waits(running->rule)) continue;
    fire_timed(sim, running, now_ms);
  }
}

void gcn__sim_fault_tick(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__sim_fault* fault = sim->fault;
  for (size_t i = 0; i < fault->count; i++) {
    struct running* running = &fault->rules[i];
    if (running->undo_ms <= now_ms) undo(sim, running, now_ms);
    if (running->wait_ms <= now_ms) go_on(sim, running, now_ms);
    if (running->next_ms <= now_ms) fire_timed(sim, running, now_ms);
  }
  uint64_t events = fault->events;
  fault->events = 0;
  gcn__sim_events_burst(sim, events, now_ms);
  gcn__sim_judge_tick(sim, now_ms);
}

uint64_t gcn__sim_fault_deadline(const struct gcn__sim* sim) {
  const struct gcn__sim_fault* fault = sim->fault;
  if (fault->events > 0) return 0;
  uint64_t at = gcn__sim_judge_deadline(sim);
  for (size_t i = 0; i < fault->count; i++) {
    const struct running* running = &fault->rules[i];
    at = gcn__time_min(at, running->next_ms);
    at = gcn__time_min(at, running->undo_ms);
    at = gcn__time_min(at, running->wait_ms);
  }
  return at;
}

static bool is_hit(const struct running* running, uint64_t count) {
  const struct gcn__script_rule* rule = running->rule;
  uint64_t since = count - running->base;
  if (rule->when == GCN__WHEN_AFTER) return since == rule->count;
  return rule->when == GCN__WHEN_EVERY && since % rule->count == 0;
}

void gcn__sim_fault_count(struct gcn__sim* sim,
                          enum gcn__script_counter counter,
                          struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim_fault* fault = sim->fault;
  uint64_t count = ++fault->counts[counter];
  gcn__sim_judge_count(sim, counter, now_ms);
  for (size_t i = 0; i < fault->count; i++) {
    struct running* running = &fault->rules[i];
    if (running->rule->counter != counter || !is_hit(running, count)) continue;
    fire(sim, running, conn, now_ms);
  }
}

/* `call` NULL: a connection that has not said anything. */
static bool matches(const struct gcn__script_action* action,
                    const struct gcn__sim_call* call) {
  if (call == NULL) return waits_for_connection(action->verb);
  if (waits_for_connection(action->verb)) return false;
  if (action->verb == GCN__DO_WS_HANDSHAKE) return false;
  return gcn__script_match(action->method, call->method) &&
         gcn__script_match(action->path, call->path);
}

/* The first action that waits for such a request or a connection. */
static const struct gcn__script_action*
take_waiting(struct gcn__sim* sim, const struct gcn__sim_call* call,
             uint64_t now_ms) {
  struct gcn__sim_fault* fault = sim->fault;
  for (size_t i = 0; i < fault->count; i++) {
    struct running* running = &fault->rules[i];
    for (size_t j = 0; j < running->rule->action_count; j++) {
      const struct gcn__script_action* action = &running->rule->actions[j];
      if (running->left[j] == 0 || !matches(action, call)) continue;
      if (running->left[j] != UINT64_MAX) running->left[j]--;
      log_action(sim, running, action, now_ms);
      return action;
    }
  }
  return NULL;
}

const struct gcn__script_action*
gcn__sim_fault_request(struct gcn__sim_call* call) {
  gcn__sim_ledger_request(call);
  catch_up(call->sim, call->now_ms);
  return take_waiting(call->sim, call, call->now_ms);
}

const struct gcn__script_action* gcn__sim_fault_accept(struct gcn__sim* sim,
                                                       uint64_t now_ms) {
  catch_up(sim, now_ms);
  return take_waiting(sim, NULL, now_ms);
}

const char* gcn__sim_fault_handshake(struct gcn__sim* sim) {
  struct gcn__sim_fault* fault = sim->fault;
  for (size_t i = 0; i < fault->count; i++) {
    struct running* running = &fault->rules[i];
    for (size_t j = 0; j < running->rule->action_count; j++) {
      const struct gcn__script_action* action = &running->rule->actions[j];
      bool wanted = action->verb == GCN__DO_WS_HANDSHAKE;
      if (!wanted || running->left[j] == 0) continue;
      if (running->left[j] != UINT64_MAX) running->left[j]--;
      sim->counters.faults++;
      return action->text;
    }
  }
  return NULL;
}

/* The first action of a rule for this topic that does `verb`. */
static const struct gcn__script_action*
find_on_topic(const struct gcn__sim_fault* fault, struct gcn__span topic,
              enum gcn__script_verb verb) {
  for (size_t i = 0; i < fault->count; i++) {
    const struct running* running = &fault->rules[i];
    const struct gcn__script_rule* rule = running->rule;
    if (rule->when != GCN__WHEN_ON_TOPIC || running->over) continue;
    if (rule->actions[0].verb != verb) continue;
    if (gcn__script_match(rule->pattern, topic)) return &rule->actions[0];
  }
  return NULL;
}

/* `missing permission X` names the permission X; other texts are shown as they
 * are. */
static const char* permission_of(const char* text) {
  static const char prefix[] = "missing permission ";
  size_t size = sizeof(prefix) - 1;
  return strncmp(text, prefix, size) == 0 ? text + size : text;
}

bool gcn__sim_fault_rejects(struct gcn__sim* sim, struct gcn__span topic,
                            unsigned* status, const char** permission) {
  const struct gcn__script_action* action =
      find_on_topic(sim->fault, topic, GCN__DO_TOPIC_REJECT);
  if (action == NULL) return false;
  *status = (unsigned)action->number;
  *permission = *status == 403 ? permission_of(action->text) : "";
  return true;
}

bool gcn__sim_fault_drops(struct gcn__sim* sim, struct gcn__span topic) {
  struct gcn__sim_fault* fault = sim->fault;
  if (find_on_topic(fault, topic, GCN__DO_EVENT_DROP) != NULL) {
    sim->counters.faults++;
    return true;
  }
  if (fault->drops == 0) return false;
  fault->drops--;
  return true;
}

static bool fires_on_event(struct gcn__sim* sim, const struct running* running,
                           struct gcn__span topic) {
  const struct gcn__script_rule* rule = running->rule;
  if (rule->when == GCN__WHEN_RANDOM) {
    return gcn__rng_below(&sim->chance, PPM) < rule->ppm;
  }
  if (rule->when != GCN__WHEN_ON_TOPIC || running->over) return false;
  enum gcn__script_verb verb = rule->actions[0].verb;
  if (verb == GCN__DO_TOPIC_REJECT || verb == GCN__DO_EVENT_DROP) return false;
  return gcn__script_match(rule->pattern, topic);
}

uint64_t gcn__sim_fault_sent(struct gcn__sim* sim, struct gcn__sim_conn* conn,
                             struct gcn__span topic, uint64_t now_ms) {
  struct gcn__sim_fault* fault = sim->fault;
  gcn__sim_fault_count(sim, GCN__COUNT_EVENT, conn, now_ms);
  for (size_t i = 0; i < fault->count; i++) {
    struct running* running = &fault->rules[i];
    if (fires_on_event(sim, running, topic)) fire(sim, running, conn, now_ms);
  }
  uint64_t copies = fault->copies;
  fault->copies = 0;
  return copies;
}

void gcn__sim_fault_resume(struct gcn__sim* sim, struct gcn__sim_conn* conn,
                           uint64_t now_ms) {
  struct gcn__sim_fault* fault = sim->fault;
  for (size_t i = 0; i < fault->count; i++) {
    struct running* running = &fault->rules[i];
    if (running->held != conn) continue;
    enum gcn__script_verb verb = running->rule->actions[running->at - 1].verb;
    if (gcn__sim_act_left(conn, verb) > 0) continue;
    go_on(sim, running, now_ms);
  }
}

void gcn__sim_fault_forget(struct gcn__sim* sim, struct gcn__sim_conn* conn) {
  struct gcn__sim_fault* fault = sim->fault;
  for (size_t i = 0; i < fault->count; i++) {
    struct running* running = &fault->rules[i];
    if (running->conn != conn && running->held != conn) continue;
    running->conn = NULL;
    running->held = NULL;
    running->wait_ms = GCN__NEVER;
    running->going = false;
  }
}

/* An injected rule that will do nothing any more. */
static bool is_done(const struct running* running) {
  const struct gcn__script_rule* rule = running->rule;
  if (running->owned == NULL || rule->when != GCN__WHEN_AT) return false;
  if (running->going || running->next_ms != GCN__NEVER) return false;
  for (size_t i = 0; i < rule->action_count; i++) {
    if (running->left[i] > 0) return false;
  }
  return running->undo_ms == GCN__NEVER;
}

/* A long simulation injects many rules; finished ones go. */
static void forget_done(struct gcn__sim_fault* fault) {
  size_t kept = 0;
  for (size_t i = 0; i < fault->count; i++) {
    if (is_done(&fault->rules[i])) {
      gcn__script_free(fault->rules[i].owned);
    } else {
      fault->rules[kept++] = fault->rules[i];
    }
  }
  fault->count = kept;
}

int gcn__sim_inject(struct gcn__sim* sim, const char* rule, uint64_t now_ms,
                    char* text) {
  char unused[GCN__SCRIPT_TEXT_SIZE];
  char* why = text == NULL ? unused : text;
  struct gcn__script* script;
  int error =
      gcn__script_parse(sim->mem, gcn__span_str(rule), "rule", &script, why);
  if (error != 0) return error;
  forget_done(sim->fault);
  error = GCN__EINVAL;
  if (gcn__script_count(script) == 1) {
    error = add_rule(sim, gcn__script_rule(script, 0), script, now_ms);
  } else {
    snprintf(why, GCN__SCRIPT_TEXT_SIZE, "rule: expected exactly one rule");
  }
  if (error != 0) {
    gcn__script_free(script);
    return error;
  }
  gcn__sim_fault_tick(sim, now_ms);
  gcn__sim_streams_pump(sim, now_ms);
  gcn__sim_settle(sim);
  return 0;
}

void gcn__sim_calm(struct gcn__sim* sim) {
  struct gcn__sim_fault* fault = sim->fault;
  for (size_t i = 0; i < fault->count; i++) {
    struct running* running = &fault->rules[i];
    running->going = false;
    running->held = NULL;
    running->wait_ms = GCN__NEVER;
    running->undo_ms = GCN__NEVER;
    memset(running->left, 0, sizeof(running->left));
  }
  fault->drops = 0;
  fault->events = 0;
  gcn__sim_act_calm(sim);
  gcn__sim_settle(sim);
}

const char* gcn__sim_failure(const struct gcn__sim* sim) {
  return gcn__sim_judge_failure(sim->fault->judge);
}
