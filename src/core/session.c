/* SPDX-License-Identifier: MIT */
/*
 * The session: table look-up, timers, and the verbs that are about numbers.
 *
 * enter() is the only function that assigns the state.
 */
#include "core/session.h"

#include "base/assert.h"
#include "base/time.h"
#include "core/backoff.h"

/* Verbs done here; the caller gets the rest. */
#define OWN_VERBS                                                              \
  (GCN__VERB_FAIL | GCN__VERB_FORGIVE | GCN__VERB_PLAN | GCN__VERB_PLAN_SLOW | \
   GCN__VERB_DEBOUNCE | GCN__VERB_SYNC_LATER | GCN__VERB_ALIVE)

void gcn__session_init(struct gcn__session* session,
                       const struct gcn__settings* settings,
                       struct gcn__rng* rng) {
  *session = (struct gcn__session){
      .settings = settings,
      .rng = rng,
      .heard_ms = GCN__NEVER,
      .rotate_ms = GCN__NEVER,
  };
  for (int t = 0; t < GCN__TIMER_COUNT; t++) {
    session->deadlines_ms[t] = GCN__NEVER;
  }
}

/* A delay of GCN__NEVER leaves the timer disarmed. */
static void arm(struct gcn__session* session, enum gcn__timer timer,
                uint64_t now_ms, uint64_t delay_ms) {
  session->deadlines_ms[timer] = gcn__time_add(now_ms, delay_ms);
}

/* +-20 %, so that audits of many clients spread out.  A channel that was taken
 * over with its topics, or had them before its socket could tell of their loss,
 * is asked soon whether it still has them. */
static uint64_t audit_delay(const struct gcn__session* session, bool soon) {
  uint64_t soon_ms = session->settings->audit_soon_ms;
  if (soon) return gcn__rng_between(session->rng, soon_ms / 5, soon_ms);
  uint64_t base = session->settings->audit_ms;
  return gcn__rng_between(session->rng, base - base / 5, base + base / 5);
}

static uint64_t ping_delay(const struct gcn__settings* settings) {
  return settings->ping_ms == 0 ? GCN__NEVER : settings->ping_ms;
}

static uint64_t timer_delay(const struct gcn__session* session,
                            enum gcn__timer timer, enum gcn__state state,
                            uint64_t now_ms) {
  const struct gcn__settings* settings = session->settings;
  switch (timer) {
  case GCN__TIMER_ATTEMPT: return settings->attempt_ms;
  case GCN__TIMER_PHASE:
    return state == GCN__STATE_CLOSING ? settings->close_ms
                                       : settings->phase_ms;
  case GCN__TIMER_PROBE: return settings->probe_ms;
  case GCN__TIMER_SILENCE: return settings->silence_ms;
  case GCN__TIMER_AUDIT:
    return audit_delay(session, session->reused || session->overtaken);
  case GCN__TIMER_ROTATE:
    if (session->rotate_ms == GCN__NEVER) return GCN__NEVER;
    return gcn__time_until(session->rotate_ms, now_ms);
  case GCN__TIMER_PROOF: return settings->proof_ms;
  case GCN__TIMER_PING: return ping_delay(settings);
  case GCN__TIMER_STABLE:
  case GCN__TIMER_SYNC:
  case GCN__TIMER_RETRY:
  case GCN__TIMER_COUNT: break;
  }
  GCN__ASSERT(false); /* those are armed by verbs, never by a row */
  return 0;
}

static void enter(struct gcn__session* session, enum gcn__state next,
                  uint64_t now_ms) {
  struct gcn__timer_row row = gcn__fsm_timers(next);
  for (int t = 0; t < GCN__TIMER_COUNT; t++) {
    enum gcn__timer timer = (enum gcn__timer)t;
    if (row.fresh & (1 << t)) {
      arm(session, timer, now_ms, timer_delay(session, timer, next, now_ms));
    } else if (!(row.kept & (1 << t))) {
      session->deadlines_ms[t] = GCN__NEVER;
    }
  }
  if (next == GCN__STATE_CLOSING) session->leaving_ms = now_ms;
  session->state = next;
}

static void note_desire(struct gcn__session* session, enum gcn__input input) {
  if (session->desire == GCN__DESIRE_CLOSED) return;
  /* The start was called, and came to nothing. */
  bool starts = input == GCN__INPUT_START || input == GCN__INPUT_UNREADABLE;
  if (starts) session->desire = GCN__DESIRE_STREAMING;
  if (input == GCN__INPUT_STOP) session->desire = GCN__DESIRE_STOPPED;
  if (input == GCN__INPUT_CLOSE) session->desire = GCN__DESIRE_CLOSED;
}

static enum gcn__backoff_kind kind_of(const struct gcn__session* session,
                                      uint32_t verbs) {
  if (verbs & GCN__VERB_PLAN_SLOW) return GCN__BACKOFF_SLOW;
  /* A stream that had proven itself forgave everything before it; its own end
   * is the first failure and gets the first window. */
  bool first = session->stable && session->failures <= 1;
  return first ? GCN__BACKOFF_FIRST : GCN__BACKOFF_ORDINARY;
}

static uint64_t planned_delay(struct gcn__session* session, uint32_t verbs,
                              uint64_t now_ms) {
  struct gcn__pace* pace = session->pace;
  bool lost = (verbs & GCN__VERB_LOSE) != 0;
  const struct gcn__backoff_case event = {
      .kind = kind_of(session, verbs),
      .failures = session->failures,
      .last_ms = session->failures > 1 ? session->delay_ms : 0,
      .asked_ms = session->asked_ms,
      .outage_ms = now_ms - session->streamed_ms,
      .peers_lost = lost && pace != NULL ? gcn__pace_lost(pace, now_ms) : 1,
  };
  uint64_t delay_ms =
      gcn__backoff_next(session->settings, &event, session->rng);
  const struct gcn__override* override = &session->override;
  if (override->choose == NULL) return delay_ms;
  uint64_t chosen_ms =
      override->choose(override->ctx, session->failures, delay_ms);
  if (chosen_ms == delay_ms) return delay_ms;
  return gcn__backoff_clamp(session->settings, chosen_ms, session->asked_ms);
}

/* What the server asked for also binds an attempt that another trouble
 * began. */
static void plan(struct gcn__session* session, uint32_t verbs,
                 uint64_t now_ms) {
  session->delay_ms = planned_delay(session, verbs, now_ms);
  uint64_t floor_ms = gcn__time_until(session->not_before_ms, now_ms);
  if (session->delay_ms < floor_ms) session->delay_ms = floor_ms;
  session->asked_ms = 0;
  session->stable = false;
  arm(session, GCN__TIMER_RETRY, now_ms, session->delay_ms);
}

static uint64_t stable_delay(const struct gcn__session* session) {
  uint64_t stable_ms = session->settings->stable_ms;
  return session->delay_ms > stable_ms ? session->delay_ms : stable_ms;
}

/* A sign of life proves what was when its bytes were read.  Bytes that waited
 * in the kernel while the host did not read prove less: doubt lasts until a
 * ping sent since is answered, or the reader has caught up. */
static void prove(struct gcn__session* session, uint64_t now_ms) {
  uint64_t heard_ms = gcn__time_min(session->heard_ms, now_ms);
  if (session->doubtful || heard_ms < session->proof_ms) return;
  session->proof_ms = heard_ms;
}

static void prove_alive(struct gcn__session* session, uint64_t now_ms) {
  prove(session, now_ms);
  arm(session, GCN__TIMER_PROBE, now_ms, session->settings->probe_ms);
  arm(session, GCN__TIMER_SILENCE, now_ms, session->settings->silence_ms);
  if (session->alive) return;
  session->alive = true;
  session->deadlines_ms[GCN__TIMER_STABLE] =
      gcn__time_add(session->confirmed_ms, stable_delay(session));
}

static void run_before(struct gcn__session* session, uint32_t verbs,
                       uint64_t now_ms) {
  if (verbs & GCN__VERB_FAIL) session->failures++;
  if (verbs & GCN__VERB_FORGIVE) {
    session->failures = 0;
    session->stable = true;
  }
  if (verbs & (GCN__VERB_PLAN | GCN__VERB_PLAN_SLOW)) {
    plan(session, verbs, now_ms);
  }
  if (verbs & GCN__VERB_DIAL) {
    session->attempt_count++;
    session->stable = false;
  }
  if (verbs & GCN__VERB_CONFIRM) {
    session->alive = false;
    session->doubtful = false;
    session->sync_failures = 0;
    session->confirmed_ms = now_ms;
    session->proof_ms = now_ms;
  }
  if (verbs & GCN__VERB_ALIVE) prove_alive(session, now_ms);
}

/* Background calls back off too, but are never given up: 10 s, 20 s, 40 s, ...
 * up to the audit's interval, from which on the audit tries as often. */
static uint64_t sync_delay(struct gcn__session* session, uint64_t now_ms) {
  const struct gcn__settings* settings = session->settings;
  uint64_t shift = session->sync_failures < 16 ? session->sync_failures : 16;
  uint64_t delay_ms = settings->sync_retry_ms << shift;
  session->sync_failures++;
  delay_ms = gcn__time_min(delay_ms, settings->audit_ms);
  delay_ms += gcn__rng_below(session->rng, delay_ms / 5 + 1);
  uint64_t asked_ms =
      gcn__time_min(session->asked_ms, settings->retry_after_max_ms);
  if (delay_ms < asked_ms) delay_ms = asked_ms;
  uint64_t floor_ms = gcn__time_until(session->not_before_ms, now_ms);
  return delay_ms < floor_ms ? floor_ms : delay_ms;
}

static void run_after(struct gcn__session* session, enum gcn__input input,
                      uint32_t verbs, uint64_t now_ms) {
  uint64_t* sync_ms = &session->deadlines_ms[GCN__TIMER_SYNC];
  if ((verbs & GCN__VERB_DEBOUNCE) && *sync_ms == GCN__NEVER) {
    arm(session, GCN__TIMER_SYNC, now_ms, session->settings->sync_ms);
  }
  if (verbs & GCN__VERB_SYNC_LATER) {
    arm(session, GCN__TIMER_SYNC, now_ms, sync_delay(session, now_ms));
    session->asked_ms = 0;
  }
  if (input == GCN__INPUT_AUDIT_DUE) {
    arm(session, GCN__TIMER_AUDIT, now_ms, audit_delay(session, false));
  }
  if (input == GCN__INPUT_PROOF_DUE) {
    arm(session, GCN__TIMER_PROOF, now_ms, session->settings->proof_ms);
  }
}

static struct gcn__step never(struct gcn__session* session) {
  GCN__ASSERT(false && "an input met an unwritten cell of the table");
  session->never_count++;
  return (struct gcn__step){.from = session->state, .to = session->state};
}

struct gcn__step gcn__session_input(struct gcn__session* session,
                                    enum gcn__input input, uint64_t now_ms) {
  struct gcn__cell cell = gcn__fsm_cell(session->state, input);
  const struct gcn__watch* watch = &session->watch;
  if (watch->seen != NULL) watch->seen(watch->ctx, session->state, input);
  if (cell.kind == GCN__CELL_NEVER) return never(session);
  note_desire(session, input);
  if (input == GCN__INPUT_SYNCED) session->sync_failures = 0;
  struct gcn__step step = {
      .from = session->state,
      .to = session->state,
      .verbs = cell.verbs & ~(uint32_t)OWN_VERBS,
  };
  if (cell.kind == GCN__CELL_SKIP) return step;
  bool fresh = input == GCN__INPUT_START || input == GCN__INPUT_CREDENTIALS;
  if (fresh || session->state == GCN__STATE_STREAMING) {
    session->streamed_ms = now_ms;
  }
  run_before(session, cell.verbs, now_ms);
  if (cell.kind == GCN__CELL_ENTER) {
    enter(session, (enum gcn__state)cell.next, now_ms);
    session->asked_ms = 0; /* a plan has used it, or there is nothing to wait */
    step.to = session->state;
    step.entered = true;
  }
  run_after(session, input, cell.verbs, now_ms);
  return step;
}

bool gcn__session_event(struct gcn__session* session, uint64_t now_ms) {
  const uint32_t verbs = GCN__VERB_DELIVER | GCN__VERB_ALIVE;
  const struct gcn__watch* watch = &session->watch;
  if (session->state != GCN__STATE_STREAMING || !session->alive) return false;
  struct gcn__cell cell = gcn__fsm_cell(session->state, GCN__INPUT_EVENT);
  if (cell.kind != GCN__CELL_STAY || cell.verbs != verbs) return false;
  if (watch->seen != NULL) {
    watch->seen(watch->ctx, session->state, GCN__INPUT_EVENT);
  }
  session->streamed_ms = now_ms;
  prove_alive(session, now_ms);
  return true;
}

/* Inlined with a constant, so that the loop has no question left in it. */
static inline uint64_t earliest(const struct gcn__session* session,
                                unsigned without) {
  uint64_t earliest_ms = GCN__NEVER;
  for (unsigned t = 0; t < GCN__TIMER_COUNT; t++) {
    if ((without & 1U << t) != 0) continue;
    earliest_ms = gcn__time_min(earliest_ms, session->deadlines_ms[t]);
  }
  return earliest_ms;
}

uint64_t gcn__session_deadline(const struct gcn__session* session) {
  return earliest(session, 0);
}

uint64_t gcn__session_deadline_beside(const struct gcn__session* session) {
  return earliest(session, 1U << GCN__TIMER_PROBE | 1U << GCN__TIMER_SILENCE);
}

/* An attempt is due when its wait is over and the budget that it shares with
 * others permits it. */
static bool must_wait(struct gcn__session* session, enum gcn__timer timer,
                      uint64_t now_ms) {
  if (timer != GCN__TIMER_RETRY || session->pace == NULL) return false;
  uint64_t wait_ms = gcn__pace_retry(session->pace, session->pace_key, now_ms);
  if (wait_ms == 0) return false;
  arm(session, timer, now_ms, wait_ms);
  return true;
}

/* A question that goes out late has its time to be answered all the same: the
 * host may have blocked the loop until both deadlines were over. */
static void await_answer(struct gcn__session* session, uint64_t now_ms) {
  const struct gcn__settings* settings = session->settings;
  uint64_t* silence_ms = &session->deadlines_ms[GCN__TIMER_SILENCE];
  uint64_t until_ms =
      gcn__time_add(now_ms, settings->silence_ms - settings->probe_ms);
  if (*silence_ms < until_ms) *silence_ms = until_ms; /* not if it is off */
}

bool gcn__session_expire(struct gcn__session* session, uint64_t now_ms,
                         enum gcn__input* input) {
  uint64_t earliest_ms = gcn__session_deadline(session);
  if (earliest_ms == GCN__NEVER || earliest_ms > now_ms) return false;
  for (int t = 0; t < GCN__TIMER_COUNT; t++) {
    enum gcn__timer timer = (enum gcn__timer)t;
    if (session->deadlines_ms[t] != earliest_ms) continue;
    if (must_wait(session, timer, now_ms)) return false;
    session->deadlines_ms[t] = GCN__NEVER;
    if (timer == GCN__TIMER_PROBE) await_answer(session, now_ms);
    *input = gcn__fsm_timer_input(timer);
    return true;
  }
  GCN__ASSERT(false);
  return false;
}

bool gcn__session_wish(const struct gcn__session* session,
                       enum gcn__input* input) {
  if (session->state != GCN__STATE_IDLE) return false;
  if (session->desire == GCN__DESIRE_STOPPED) return false;
  *input = session->desire == GCN__DESIRE_CLOSED ? GCN__INPUT_CLOSE
                                                 : GCN__INPUT_START;
  return true;
}

void gcn__session_excuse(struct gcn__session* session, uint64_t now_ms) {
  if (session->state != GCN__STATE_STREAMING) return;
  arm(session, GCN__TIMER_PROBE, now_ms, session->settings->probe_ms);
  arm(session, GCN__TIMER_SILENCE, now_ms, session->settings->silence_ms);
}

void gcn__session_doubt(struct gcn__session* session, uint64_t now_ms) {
  if (session->state != GCN__STATE_STREAMING) return;
  session->doubtful = true;
  session->doubt_ms = now_ms;
}

void gcn__session_caught_up(struct gcn__session* session, uint64_t now_ms) {
  uint64_t over_ms =
      gcn__time_add(session->doubt_ms, session->settings->latency_max_ms);
  if (session->doubtful && now_ms >= over_ms) session->doubtful = false;
}

void gcn__session_ask(struct gcn__session* session, uint64_t asked_ms,
                      uint64_t now_ms) {
  uint64_t most_ms = session->settings->retry_after_max_ms;
  uint64_t until_ms = gcn__time_add(now_ms, gcn__time_min(asked_ms, most_ms));
  session->asked_ms = asked_ms;
  if (until_ms > session->not_before_ms) session->not_before_ms = until_ms;
}

void gcn__session_limit_close(struct gcn__session* session) {
  if (session->state != GCN__STATE_CLOSING) return;
  arm(session, GCN__TIMER_PHASE, session->leaving_ms,
      session->settings->close_ms);
}

void gcn__session_trust(struct gcn__session* session, uint64_t asked_ms) {
  if (!session->doubtful || asked_ms < session->doubt_ms) return;
  session->doubtful = false;
  if (asked_ms > session->proof_ms) session->proof_ms = asked_ms;
}
