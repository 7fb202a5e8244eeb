/* SPDX-License-Identifier: MIT */
/*
 * The connection's state machine: names and the table's shape.
 *
 * States, inputs, verbs and timers come from the lists below and nowhere else,
 * so logs, the printed grid, the tests and the code cannot drift apart.
 */
#ifndef GCN_CORE_FSM_H
#define GCN_CORE_FSM_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
/* X(name, spoken) in the order of gcn_state_t. */
#define GCN__STATE_MAP(X)             \
  X(IDLE, "idle")                     \
  X(CONNECTING, "connecting")         \
  X(AUTHENTICATING, "authenticating") \
  X(SUBSCRIBING, "subscribing")       \
  X(STREAMING, "streaming")           \
  X(BACKING_OFF, "backing off")       \
  X(REFUSED, "refused")               \
  X(CLOSING, "closing")               \
  X(CLOSED, "closed")

/* X(name, origin, meaning).  Origins: USER calls and what the user's store
 * says, PROGRESS of our own work, PEER and network, TIMER. */
#define GCN__INPUT_MAP(X)                                                     \
  X(START, USER, "start was called")                                          \
  X(STOP, USER, "stop was called")                                            \
  X(CLOSE, USER, "close was called")                                          \
  X(TOPICS, USER, "the desired topics changed")                               \
  X(CREDENTIALS, USER, "new credentials were given")                          \
  X(HURRY, USER, "reconnect_now was called")                                  \
  X(ROTATE, USER, "a new channel was asked for")                              \
  X(UNREADABLE, USER, "the checkpoint can't be used")                         \
  X(LINKED, PROGRESS, "every link the attempt needs first is up")             \
  X(TOKEN, PROGRESS, "a usable token is held")                                \
  X(STEP, PROGRESS, "one subscribing step is done, more follow")              \
  X(CONFIRMED, PROGRESS, "the topics are confirmed on this connection")       \
  X(SYNCED, PROGRESS, "a background topic change was answered")               \
  X(UNSYNCED, PROGRESS, "a background topic change failed")                   \
  X(DRIFTED, PROGRESS, "the audit found other topics than were asked for")    \
  X(DRAINED, PROGRESS, "the goodbye is over")                                 \
  X(RETIRE, PROGRESS, "the successor has taken over")                         \
  X(WEATHER, PEER, "network or service trouble that may pass")                \
  X(BROKEN, PEER, "the peer broke a protocol")                                \
  X(STUBBORN, PEER, "trouble that will not heal by itself")                   \
  X(LIMITED, PEER, "the service asked to slow down")                          \
  X(STALE_TOKEN, PEER, "the token in use was rejected")                       \
  X(DENIED, PEER, "a fresh token was rejected too")                           \
  X(STALE_CHANNEL, PEER, "the channel is gone")                               \
  X(REFUSED, PEER, "the login service or a proxy refused for good")           \
  X(EVENT, PEER, "an event arrived")                                          \
  X(HEARTBEAT, PEER, "a heartbeat, pong or other sign of life arrived")       \
  X(GARBAGE, PEER, "a message that is no known form arrived")                 \
  X(MOVING, PEER, "the service announced that it will close the socket")      \
  X(REVOKED, PEER, "the service announced that the token is revoked")         \
  X(UNSUBSCRIBED, PEER, "the service took topics away")                       \
  X(ATTEMPT_DUE, TIMER, "the attempt took too long")                          \
  X(PHASE_DUE, TIMER, "the phase took too long")                              \
  X(PROBE_DUE, TIMER, "the stream has been quiet")                            \
  X(SILENCE_DUE, TIMER, "the stream is silent")                               \
  X(STABLE_DUE, TIMER, "the stream has proven stable")                        \
  X(AUDIT_DUE, TIMER, "the topics are due for an audit")                      \
  X(SYNC_DUE, TIMER, "the topic changes are due to be sent")                  \
  X(ROTATE_DUE, TIMER, "the channel is due to be replaced")                   \
  X(PROOF_DUE, TIMER, "the way out is due to be proven")                      \
  X(PING_DUE, TIMER, "a ping is due")                                         \
  X(RETRY_DUE, TIMER, "the wait is over")

/* X(name, meaning), in the order in which verbs run. */
#define GCN__VERB_MAP(X)                                                      \
  X(DROP, "drop every link and call of the attempt")                          \
  X(REJECT, "never use this token generation again")                          \
  X(FORGET, "forget the channel, or doubt the subscriptions")                 \
  X(LOSE, "a gap begins at the last sign of life")                            \
  X(FAIL, "count a failed attempt")                                           \
  X(FORGIVE, "forget earlier failures")                                       \
  X(PLAN, "arm RETRY by the backoff policy")                                  \
  X(PLAN_SLOW, "arm RETRY near the cap")                                      \
  X(DIAL, "begin an attempt: open the links it needs first")                  \
  X(AUTH, "obtain a usable token")                                            \
  X(SUBSCRIBE, "begin the next subscribing step")                             \
  X(CONFIRM, "the stream counts; a gap ends")                                 \
  X(DEBOUNCE, "arm SYNC shortly, unless it is armed")                         \
  X(SYNC_LATER, "arm SYNC for another try")                                   \
  X(SYNC, "send the desired topics")                                          \
  X(AUDIT, "ask which topics the service holds")                              \
  X(ROTATE, "ask for a successor with a new channel")                         \
  X(DELIVER, "hand the event to the user")                                    \
  X(ALIVE, "restart the silence deadlines")                                   \
  X(PROBE, "ask for a sign of life")                                          \
  X(PING, "send a WebSocket ping, or judge those unanswered")                 \
  X(GOODBYE, "close politely")

/* X(name, input it becomes) */
#define GCN__TIMER_MAP(X)  \
  X(ATTEMPT, ATTEMPT_DUE)  \
  X(PHASE, PHASE_DUE)      \
  X(PROBE, PROBE_DUE)      \
  X(SILENCE, SILENCE_DUE)  \
  X(STABLE, STABLE_DUE)    \
  X(AUDIT, AUDIT_DUE)      \
  X(SYNC, SYNC_DUE)        \
  X(ROTATE, ROTATE_DUE)    \
  X(PROOF, PROOF_DUE)      \
  X(PING, PING_DUE)        \
  X(RETRY, RETRY_DUE)

/* clang-format on */
enum gcn__state {
#define GCN__STATE_ENUM(name, spoken) GCN__STATE_##name,
  GCN__STATE_MAP(GCN__STATE_ENUM)
#undef GCN__STATE_ENUM
      GCN__STATE_COUNT
};

enum gcn__input {
#define GCN__INPUT_ENUM(name, origin, meaning) GCN__INPUT_##name,
  GCN__INPUT_MAP(GCN__INPUT_ENUM)
#undef GCN__INPUT_ENUM
      GCN__INPUT_COUNT
};

enum gcn__origin {
  GCN__ORIGIN_USER,
  GCN__ORIGIN_PROGRESS,
  GCN__ORIGIN_PEER,
  GCN__ORIGIN_TIMER,
};

enum gcn__verb_index {
#define GCN__VERB_INDEX(name, meaning) GCN__VERB_INDEX_##name,
  GCN__VERB_MAP(GCN__VERB_INDEX)
#undef GCN__VERB_INDEX
      GCN__VERB_COUNT
};

/* A set of verbs is the sum of these. */
enum gcn__verb {
#define GCN__VERB_BIT(name, meaning)                                           \
  GCN__VERB_##name = 1 << GCN__VERB_INDEX_##name,
  GCN__VERB_MAP(GCN__VERB_BIT)
#undef GCN__VERB_BIT
};

_Static_assert(GCN__VERB_COUNT < 31, "a set of verbs fits an int");

enum gcn__timer {
#define GCN__TIMER_ENUM(name, input) GCN__TIMER_##name,
  GCN__TIMER_MAP(GCN__TIMER_ENUM)
#undef GCN__TIMER_ENUM
      GCN__TIMER_COUNT
};

enum gcn__cell_kind {
  GCN__CELL_NEVER, /* an unwritten cell: our bug */
  GCN__CELL_SKIP,  /* may happen, means nothing here */
  GCN__CELL_STAY,  /* verbs only; timers go on */
  GCN__CELL_ENTER, /* enter `next` (again, if it is this state) */
};

struct gcn__cell {
  uint8_t kind;
  uint8_t next;
  uint32_t verbs;
};

/* What entering a state does to the timers: those in neither set are
 * disarmed, those in `fresh` start anew, those in `kept` go on if armed. */
struct gcn__timer_row {
  uint16_t fresh;
  uint16_t kept;
};

_Static_assert(GCN__TIMER_COUNT <= 16, "a set of timers fits 16 bits");

/* The only way to look at the table. */
struct gcn__cell gcn__fsm_cell(enum gcn__state state, enum gcn__input input);
struct gcn__timer_row gcn__fsm_timers(enum gcn__state state);
enum gcn__input gcn__fsm_timer_input(enum gcn__timer timer);

const char* gcn__state_name(enum gcn__state state);   /* "BACKING_OFF" */
const char* gcn__state_spoken(enum gcn__state state); /* "backing off" */
const char* gcn__input_name(enum gcn__input input);
const char* gcn__input_meaning(enum gcn__input input);
enum gcn__origin gcn__input_origin(enum gcn__input input);
const char* gcn__verb_name(enum gcn__verb_index index);
const char* gcn__timer_name(enum gcn__timer timer);

#ifdef GCN_FSM_MUTABLE
/* Mutation tests replace one cell, or one state's timers, of their own copy of
 * the table. */
void gcn__fsm_mutate(enum gcn__state state, enum gcn__input input,
                     struct gcn__cell cell);
void gcn__fsm_mutate_timers(enum gcn__state state, struct gcn__timer_row row);
#endif

#endif
