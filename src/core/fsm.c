/* SPDX-License-Identifier: MIT */
/*
 * THE TABLE.
 *
 *  1. Every change of state is a cell here.  Only one function (enter, in
 *     core/session.c) assigns the state.
 *  2. Cells are data: {next state, set of verbs}.  There are no guards: a cell
 *     that needs an `if` means a missing state or a missing input.
 *  3. An unwritten cell is NEVER: our bug.  It asserts in debug builds; release
 *     builds count it and stay where they are.  What may happen without effect
 *     is written SKIP.  What a peer may say is total: a state that can have a
 *     link has no NEVER for an input of origin PEER.
 *  4. A timer belongs to states.  Entering a state disarms every timer its row
 *     does not list; nobody cancels one by hand.
 *  5. DROP detaches links for good; a dropped link is mute.
 *  6. Verbs run in the order of GCN__VERB_MAP, whatever order a cell names
 *     them in; the change of state is told last.
 *  7. Failures are forgiven only by STABLE_DUE, never by a mere connect.
 *  8. Backing off and refusal hold no link; CLOSING holds at most the stream.
 */
#include "core/fsm.h"

#include "base/assert.h"

#define NEXT(state) GCN__STATE_##state
#define DO(verb)    GCN__VERB_##verb
#define ON(input)   [GCN__INPUT_##input]

#define SKIP                                                                   \
  { .kind = GCN__CELL_SKIP }
#define STAY(set)                                                              \
  { .kind = GCN__CELL_STAY, .verbs = (uint32_t)(set) }
#define ENTER(state, set)                                                      \
  { .kind = GCN__CELL_ENTER, .next = NEXT(state), .verbs = (uint32_t)(set) }

/* An attempt that failed, by what the failure says about the next one. */
#define RETRY      ENTER(BACKING_OFF, DO(DROP) | DO(FAIL) | DO(PLAN))
#define RETRY_SLOW ENTER(BACKING_OFF, DO(DROP) | DO(FAIL) | DO(PLAN_SLOW))
#define RETRY_NEW_TOKEN                                                        \
  ENTER(BACKING_OFF, DO(DROP) | DO(REJECT) | DO(FAIL) | DO(PLAN))
#define RETRY_NEW_CHANNEL                                                      \
  ENTER(BACKING_OFF, DO(DROP) | DO(FORGET) | DO(FAIL) | DO(PLAN))

/* A stream that broke: the same, and a gap begins. */
#define BREAK ENTER(BACKING_OFF, DO(DROP) | DO(LOSE) | DO(FAIL) | DO(PLAN))
#define BREAK_SLOW                                                             \
  ENTER(BACKING_OFF, DO(DROP) | DO(LOSE) | DO(FAIL) | DO(PLAN_SLOW))
#define BREAK_NEW_TOKEN                                                        \
  ENTER(BACKING_OFF, DO(DROP) | DO(REJECT) | DO(LOSE) | DO(FAIL) | DO(PLAN))
#define BREAK_NEW_CHANNEL                                                      \
  ENTER(BACKING_OFF, DO(DROP) | DO(FORGET) | DO(LOSE) | DO(FAIL) | DO(PLAN))
#define BEGIN        ENTER(CONNECTING, DO(DIAL))
#define LEAVE        ENTER(CLOSING, DO(GOODBYE))
#define LEAVE_STREAM ENTER(CLOSING, DO(LOSE) | DO(GOODBYE))
#define GONE         ENTER(IDLE, DO(DROP))

/* clang-format off */
#ifdef GCN_FSM_MUTABLE
static struct gcn__cell rules[GCN__STATE_COUNT][GCN__INPUT_COUNT] = {
#else
static const struct gcn__cell rules[GCN__STATE_COUNT][GCN__INPUT_COUNT] = {
#endif
    /* Made or stopped.  No link, no deadline: nothing is wanted. */
    [NEXT(IDLE)] =
        {
            ON(START) = BEGIN,
            ON(STOP) = SKIP,
            ON(CLOSE) = ENTER(CLOSED, 0),
            ON(TOPICS) = SKIP,
            ON(CREDENTIALS) = SKIP,
            ON(HURRY) = SKIP,
            ON(ROTATE) = SKIP,
            /* A stream that began at nothing would look whole. */
            ON(UNREADABLE) = ENTER(REFUSED, 0),
        },
    /* Links are being opened; nothing has been asked yet. */
    [NEXT(CONNECTING)] =
        {
            ON(START) = SKIP,
            ON(STOP) = LEAVE,
            ON(CLOSE) = LEAVE,
            ON(TOPICS) = SKIP, /* SUBSCRIBING sends the whole set */
            ON(CREDENTIALS) = SKIP, /* AUTHENTICATING reads them */
            ON(HURRY) = SKIP,
            ON(ROTATE) = SKIP,
            ON(LINKED) = ENTER(AUTHENTICATING, DO(AUTH)),
            ON(WEATHER) = RETRY,
            ON(BROKEN) = RETRY,
            ON(STUBBORN) = RETRY_SLOW,
            ON(LIMITED) = RETRY,
            ON(STALE_TOKEN) = RETRY_NEW_TOKEN,
            ON(DENIED) = RETRY_NEW_TOKEN,
            ON(STALE_CHANNEL) = RETRY_NEW_CHANNEL,
            ON(REFUSED) = ENTER(REFUSED, DO(DROP) | DO(FAIL)),
            ON(EVENT) = RETRY, /* before the upgrade: it can't be one */
            ON(HEARTBEAT) = RETRY,
            ON(GARBAGE) = RETRY,
            ON(MOVING) = RETRY,
            ON(REVOKED) = RETRY_NEW_TOKEN,
            ON(UNSUBSCRIBED) = RETRY,
            ON(UNREADABLE) = SKIP,
            ON(ATTEMPT_DUE) = RETRY,
            ON(PHASE_DUE) = RETRY,
        },
    /* A token is being fetched, or is at hand. */
    [NEXT(AUTHENTICATING)] =
        {
            ON(START) = SKIP,
            ON(STOP) = LEAVE,
            ON(CLOSE) = LEAVE,
            ON(TOPICS) = SKIP,
            ON(CREDENTIALS) = ENTER(AUTHENTICATING, DO(AUTH)),
            ON(HURRY) = SKIP,
            ON(ROTATE) = SKIP,
            ON(TOKEN) = ENTER(SUBSCRIBING, DO(SUBSCRIBE)),
            ON(WEATHER) = RETRY,
            ON(BROKEN) = RETRY,
            ON(STUBBORN) = RETRY_SLOW,
            ON(LIMITED) = RETRY,
            ON(STALE_TOKEN) = RETRY_NEW_TOKEN,
            ON(DENIED) = RETRY_NEW_TOKEN,
            ON(STALE_CHANNEL) = RETRY_NEW_CHANNEL,
            ON(REFUSED) = ENTER(REFUSED, DO(DROP) | DO(FAIL)),
            ON(EVENT) = STAY(DO(DELIVER)), /* from SUBSCRIBING, after a 401 */
            ON(HEARTBEAT) = SKIP,
            ON(GARBAGE) = SKIP,
            ON(MOVING) = STAY(DO(ROTATE)), /* once it streams */
            ON(REVOKED) = RETRY_NEW_TOKEN,
            ON(UNSUBSCRIBED) = SKIP,
            ON(UNREADABLE) = SKIP,
            ON(ATTEMPT_DUE) = RETRY,
            ON(PHASE_DUE) = RETRY,
        },
    /* Channel, socket, topics: one step after another, each with its own
     * deadline.  Events that come before the confirmation count. */
    [NEXT(SUBSCRIBING)] =
        {
            ON(START) = SKIP,
            ON(STOP) = LEAVE,
            ON(CLOSE) = LEAVE,
            ON(TOPICS) = SKIP, /* a change since the PUT is sent on CONFIRM */
            ON(CREDENTIALS) = SKIP,
            ON(HURRY) = SKIP,
            ON(ROTATE) = SKIP,
            ON(STEP) = ENTER(SUBSCRIBING, DO(SUBSCRIBE)),
            ON(CONFIRMED) = ENTER(STREAMING, DO(CONFIRM)),
            ON(WEATHER) = RETRY,
            ON(BROKEN) = RETRY,
            ON(STUBBORN) = RETRY_SLOW,
            ON(LIMITED) = RETRY,
            ON(STALE_TOKEN) = ENTER(AUTHENTICATING, DO(REJECT) | DO(AUTH)),
            ON(DENIED) = RETRY_NEW_TOKEN,
            /* A new channel needs a token, the old one did not. */
            ON(STALE_CHANNEL) =
                ENTER(AUTHENTICATING, DO(FORGET) | DO(AUTH)),
            ON(REFUSED) = ENTER(REFUSED, DO(DROP) | DO(FAIL)),
            ON(EVENT) = STAY(DO(DELIVER)),
            ON(HEARTBEAT) = SKIP,
            ON(GARBAGE) = SKIP,
            ON(MOVING) = STAY(DO(ROTATE)), /* once it streams */
            ON(REVOKED) =
                ENTER(BACKING_OFF, DO(DROP) | DO(REJECT) | DO(FORGET) |
                                       DO(FAIL) | DO(PLAN)),
            ON(UNSUBSCRIBED) = SKIP,
            ON(UNREADABLE) = SKIP,
            ON(ATTEMPT_DUE) = RETRY,
            ON(PHASE_DUE) = RETRY,
        },
    /* Confirmed on this very connection.  Calls in the background never end a
     * healthy stream, unless they learn that its channel is gone. */
    [NEXT(STREAMING)] =
        {
            ON(START) = SKIP,
            ON(STOP) = LEAVE_STREAM,
            ON(CLOSE) = LEAVE_STREAM,
            ON(TOPICS) = STAY(DO(DEBOUNCE)),
            ON(CREDENTIALS) = STAY(DO(ROTATE)),
            ON(HURRY) = SKIP,
            ON(ROTATE) = STAY(DO(ROTATE)),
            ON(SYNCED) = SKIP,
            ON(UNSYNCED) = STAY(DO(SYNC_LATER)),
            ON(DRIFTED) = STAY(DO(SYNC)),
            ON(RETIRE) = LEAVE_STREAM,
            ON(WEATHER) = BREAK,
            ON(BROKEN) = BREAK,
            ON(STUBBORN) = BREAK_SLOW,
            ON(LIMITED) = BREAK,
            ON(STALE_TOKEN) = BREAK_NEW_TOKEN,
            ON(DENIED) = BREAK_NEW_TOKEN,
            ON(STALE_CHANNEL) = BREAK_NEW_CHANNEL,
            ON(REFUSED) =
                ENTER(REFUSED, DO(DROP) | DO(LOSE) | DO(FAIL)),
            ON(EVENT) = STAY(DO(DELIVER) | DO(ALIVE)),
            ON(HEARTBEAT) = STAY(DO(ALIVE)),
            ON(GARBAGE) = STAY(DO(ALIVE)),
            /* What is announced has not happened yet: the stream serves on
             * until its successor is proven, or it breaks. */
            ON(MOVING) = STAY(DO(ALIVE) | DO(ROTATE)),
            ON(REVOKED) = STAY(DO(ALIVE) | DO(REJECT) | DO(ROTATE)),
            ON(UNSUBSCRIBED) = STAY(DO(ALIVE) | DO(AUDIT)),
            ON(UNREADABLE) = SKIP, /* it was read at the first start */
            ON(PROBE_DUE) = STAY(DO(PROBE)),
            ON(SILENCE_DUE) = BREAK,
            ON(STABLE_DUE) = STAY(DO(FORGIVE)),
            ON(AUDIT_DUE) = STAY(DO(AUDIT)),
            ON(SYNC_DUE) = STAY(DO(SYNC)),
            ON(ROTATE_DUE) = STAY(DO(ROTATE)),
            ON(PROOF_DUE) = STAY(DO(PROBE)),
            ON(PING_DUE) = STAY(DO(PING)),
        },
    /* Waiting, by our own policy or because the server asked for it. */
    [NEXT(BACKING_OFF)] =
        {
            ON(START) = SKIP,
            ON(STOP) = ENTER(IDLE, 0),
            ON(CLOSE) = ENTER(CLOSED, 0),
            ON(TOPICS) = SKIP,
            ON(CREDENTIALS) = SKIP,
            ON(HURRY) = BEGIN,
            ON(ROTATE) = SKIP,
            ON(UNREADABLE) = SKIP,
            ON(RETRY_DUE) = BEGIN,
        },
    /* A final no.  Only the user can change that. */
    [NEXT(REFUSED)] =
        {
            ON(START) = BEGIN,
            ON(STOP) = ENTER(IDLE, 0),
            ON(CLOSE) = ENTER(CLOSED, 0),
            ON(TOPICS) = SKIP,
            ON(CREDENTIALS) = BEGIN,
            ON(HURRY) = BEGIN,
            ON(ROTATE) = SKIP,
            ON(UNREADABLE) = SKIP,
        },
    /* The close frame is out; whatever the peer still says ends nothing
     * but the wait. */
    [NEXT(CLOSING)] =
        {
            ON(START) = SKIP, /* desire is kept; IDLE acts on it */
            ON(STOP) = SKIP,
            ON(CLOSE) = SKIP,
            ON(TOPICS) = SKIP,
            ON(CREDENTIALS) = SKIP,
            ON(HURRY) = SKIP,
            ON(ROTATE) = SKIP,
            ON(RETIRE) = SKIP,
            ON(DRAINED) = GONE,
            ON(WEATHER) = GONE,
            ON(BROKEN) = GONE,
            ON(STUBBORN) = GONE,
            ON(LIMITED) = GONE,
            ON(STALE_TOKEN) = GONE,
            ON(DENIED) = GONE,
            ON(STALE_CHANNEL) = GONE,
            ON(REFUSED) = GONE,
            ON(EVENT) = SKIP,
            ON(HEARTBEAT) = SKIP,
            ON(GARBAGE) = SKIP,
            ON(MOVING) = SKIP,
            ON(REVOKED) = SKIP,
            ON(UNSUBSCRIBED) = SKIP,
            ON(UNREADABLE) = SKIP,
            ON(PHASE_DUE) = GONE,
        },
    /* Terminal: the client never feeds another input. */
    [NEXT(CLOSED)] = {{0}},
};

/* clang-format on */
#define ARM(timer) (1 << GCN__TIMER_##timer)

#ifdef GCN_FSM_MUTABLE
static struct gcn__timer_row timers[GCN__STATE_COUNT] = {
#else
static const struct gcn__timer_row timers[GCN__STATE_COUNT] = {
#endif
    [NEXT(IDLE)] = {0},
    [NEXT(CONNECTING)] = {.fresh = ARM(ATTEMPT) | ARM(PHASE)},
    [NEXT(AUTHENTICATING)] = {.fresh = ARM(PHASE), .kept = ARM(ATTEMPT)},
    [NEXT(SUBSCRIBING)] = {.fresh = ARM(PHASE), .kept = ARM(ATTEMPT)},
    /* STABLE is armed by the first sign of life, SYNC by a change. */
    [NEXT(STREAMING)] = {.fresh = ARM(PROBE) | ARM(SILENCE) | ARM(AUDIT) |
                                  ARM(ROTATE) | ARM(PROOF) | ARM(PING)},
    /* RETRY is armed by the PLAN verbs, before the state is entered. */
    [NEXT(BACKING_OFF)] = {.kept = ARM(RETRY)},
    [NEXT(REFUSED)] = {0},
    [NEXT(CLOSING)] = {.fresh = ARM(PHASE)},
    [NEXT(CLOSED)] = {0},
};

struct gcn__cell gcn__fsm_cell(enum gcn__state state, enum gcn__input input) {
  GCN__ASSERT(state < GCN__STATE_COUNT);
  GCN__ASSERT(input < GCN__INPUT_COUNT);
  return rules[state][input];
}

struct gcn__timer_row gcn__fsm_timers(enum gcn__state state) {
  GCN__ASSERT(state < GCN__STATE_COUNT);
  return timers[state];
}

enum gcn__input gcn__fsm_timer_input(enum gcn__timer timer) {
  static const enum gcn__input inputs[] = {
#define TIMER_INPUT(name, input) GCN__INPUT_##input,
      GCN__TIMER_MAP(TIMER_INPUT)
#undef TIMER_INPUT
  };
  GCN__ASSERT(timer < GCN__TIMER_COUNT);
  return inputs[timer];
}

#ifdef GCN_FSM_MUTABLE
void gcn__fsm_mutate(enum gcn__state state, enum gcn__input input,
                     struct gcn__cell cell) {
  rules[state][input] = cell;
}

void gcn__fsm_mutate_timers(enum gcn__state state, struct gcn__timer_row row) {
  timers[state] = row;
}
#endif
