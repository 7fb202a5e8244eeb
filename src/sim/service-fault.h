/* SPDX-License-Identifier: MIT */
/*
 * Where the service asks its fault script what to do wrong.
 *
 * The service calls these at fixed points; each may act on any connection, so
 * the caller looks again afterwards.  Expectations are judged here too.
 */
#ifndef GCN_SIM_SERVICE_FAULT_H
#define GCN_SIM_SERVICE_FAULT_H

#include "sim/service-state.h"

int gcn__sim_fault_new(struct gcn__sim* sim);
void gcn__sim_fault_free(struct gcn__sim* sim);
/* Adds the rules of a script; times in it count from `now_ms`.  The script
 * must live as long as the service.  0 or GCN__ENOMEM. */
int gcn__sim_fault_add(struct gcn__sim* sim, const struct gcn__script* script,
                       uint64_t now_ms);
void gcn__sim_fault_tick(struct gcn__sim* sim, uint64_t now_ms);
uint64_t gcn__sim_fault_deadline(const struct gcn__sim* sim);

/* Something countable happened; `conn` and `channel` may be NULL. */
void gcn__sim_fault_count(struct gcn__sim* sim,
                          enum gcn__script_counter counter,
                          struct gcn__sim_conn* conn, uint64_t now_ms);
/* The action, if any, that this request runs into; counts it as taken. */
const struct gcn__script_action*
gcn__sim_fault_request(struct gcn__sim_call* call);
/* The action, if any, that a new connection runs into. */
const struct gcn__script_action* gcn__sim_fault_accept(struct gcn__sim* sim,
                                                       uint64_t now_ms);
/* True if a rule rejects the topic; `permission` is then its text. */
bool gcn__sim_fault_rejects(struct gcn__sim* sim, struct gcn__span topic,
                            unsigned* status, const char** permission);
/* Asked before an event is sent to a channel: true if it is to be dropped. */
bool gcn__sim_fault_drops(struct gcn__sim* sim, struct gcn__span topic);
/* An event has been sent; how many copies are to follow. */
uint64_t gcn__sim_fault_sent(struct gcn__sim* sim, struct gcn__sim_conn* conn,
                             struct gcn__span topic, uint64_t now_ms);
/* What is wrong with the next upgrade's answer; NULL: nothing. */
const char* gcn__sim_fault_handshake(struct gcn__sim* sim);
/* What actions leave for later. */
void gcn__sim_fault_owe_copies(struct gcn__sim* sim, uint64_t count);
void gcn__sim_fault_owe_drops(struct gcn__sim* sim, uint64_t count);
void gcn__sim_fault_owe_events(struct gcn__sim* sim, uint64_t count);
/* A message has been sent on `conn`, so that a mode may have ended. */
void gcn__sim_fault_resume(struct gcn__sim* sim, struct gcn__sim_conn* conn,
                           uint64_t now_ms);
/* `conn` goes away; no rule may remember it. */
void gcn__sim_fault_forget(struct gcn__sim* sim, struct gcn__sim_conn* conn);

/* service-act.c: takes one action for `conn`; NULL: for every WebSocket.  A way
 * of sending holds for `times` messages. */
void gcn__sim_act(struct gcn__sim* sim, const struct gcn__script_action* action,
                  struct gcn__sim_conn* conn, uint64_t times, uint64_t now_ms);
/* How many messages a way of sending still holds for; 0 for other verbs. */
uint64_t gcn__sim_act_left(const struct gcn__sim_conn* conn,
                           enum gcn__script_verb verb);
/* Ends what `for` limited. */
void gcn__sim_act_undo(struct gcn__sim* sim,
                       const struct gcn__script_action* action,
                       uint64_t now_ms);

/* Ends everything that lasts until something else ends it. */
void gcn__sim_act_calm(struct gcn__sim* sim);

/* service-judge.c: the expectations. */
struct gcn__sim_judge;
struct gcn__sim_judge* gcn__sim_judge_new(const struct gcn__mem* mem);
void gcn__sim_judge_free(struct gcn__sim_judge* judge);
int gcn__sim_judge_add(struct gcn__sim* sim,
                       const struct gcn__script_rule* rule, uint64_t now_ms);
void gcn__sim_judge_tick(struct gcn__sim* sim, uint64_t now_ms);
uint64_t gcn__sim_judge_deadline(const struct gcn__sim* sim);
void gcn__sim_judge_count(struct gcn__sim* sim,
                          enum gcn__script_counter counter, uint64_t now_ms);
/* A WebSocket ended that needs another one in its place. */
void gcn__sim_judge_lost(struct gcn__sim* sim, uint64_t now_ms);
/* The request came before a wait that an answer asked for was over. */
void gcn__sim_judge_early(const struct gcn__sim_call* call, uint64_t early_ms);
/* It came right behind another one that ended such a wait. */
void gcn__sim_judge_crowded(const struct gcn__sim_call* call);
/* A channel was made and should get topics soon. */
void gcn__sim_judge_channel(struct gcn__sim* sim,
                            struct gcn__sim_channel* channel, uint64_t now_ms);
void gcn__sim_judge_ping(struct gcn__sim* sim, struct gcn__sim_conn* conn,
                         uint64_t now_ms);
void gcn__sim_judge_pong(struct gcn__sim_conn* conn);
const char* gcn__sim_judge_failure(const struct gcn__sim_judge* judge);

struct gcn__sim_judge* gcn__sim_fault_judge(const struct gcn__sim* sim);

#endif
