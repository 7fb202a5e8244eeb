/* SPDX-License-Identifier: MIT */
/*
 * Who serves which topics: one connection, or two while one takes over from the
 * other.
 *
 * A rotation is a second instance of the same machine.  The predecessor goes
 * when the handover is proven: it has shown everything that was produced until
 * after the successor's topics were confirmed, and the successor is alive.
 * That is the same arithmetic as the gap ledger's: a proven handover is one
 * whose ledger stays empty.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

enum {
  ASK_STEP_MS = 1000,        /* between questions to the predecessor */
  REFUSED_AGAIN_MS = 300000, /* until a rotation that was refused */
  DEDUP_AFTER_MS = 10000, /* the slower stream's events are known this long */
  NO_MEMORY_MS = 10000,   /* until a rotation without memory is tried again */
};

struct gcn__shard* gcn__shard_of(const struct gcn__conn* conn) {
  return conn->engine->shards[conn->shard];
}

struct gcn__shard* gcn__shard_next(const struct gcn__engine* engine,
                                   unsigned* index) {
  while (*index < engine->shard_end) {
    struct gcn__shard* shard = engine->shards[(*index)++];
    if (shard != NULL && shard->primary != NULL) return shard;
  }
  return NULL;
}

bool gcn__shard_leads(const struct gcn__conn* conn) {
  return gcn__shard_of(conn)->primary == conn;
}

void gcn__shard_tell_gap(struct gcn__conn* conn, const struct gcn__gap* gap) {
  struct gcn__engine* engine = conn->engine;
  engine->counters.gaps++;
  engine->counters.gap_ms += gap->to_ms - gap->from_ms;
  GCN__LOG_EVENT(
      &engine->log, GCN__LOG_WARN, "gap",
      gcn__log_number("connection", conn->shard),
      gcn__log_number("ms", (int64_t)(gap->to_ms - gap->from_ms)),
      gcn__log_text("cause", gcn__input_name(gap->cause)),
      gcn__log_number("certain", gap->certainty == GCN__CERTAINTY_BLIND));
  struct gcn__gap* told = &gcn__engine_emit(engine, GCN__EFFECT_GAP)->gap;
  *told = *gap;
  told->shard = conn->shard;
}

void gcn__shard_rotate(struct gcn__conn* conn, enum gcn__input cause) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__shard* shard = gcn__shard_of(conn);
  bool early = cause == GCN__INPUT_MOVING && !gcn__conn_streams(conn);
  if (!gcn__shard_leads(conn) || early) {
    conn->moves = true; /* once it has taken over, or streams */
    conn->move_cause = cause;
    return;
  }
  if (shard->successor != NULL) return;
  bool same = conn->channel.epoch == engine->keeper.epoch;
  if (cause == GCN__INPUT_CREDENTIALS && same) return;
  uint64_t spread_ms = 0;
  if (cause == GCN__INPUT_MOVING) {
    uint64_t most_ms = engine->settings.rotate_spread_ms;
    spread_ms = gcn__rng_between(&engine->rng, 0, most_ms);
  }
  uint64_t at_ms = gcn__time_add(engine->now_ms, spread_ms);
  if (shard->rotate && shard->rotate_ms <= at_ms) return;
  shard->rotate = true;
  shard->rotate_cause = cause;
  shard->rotate_ms = at_ms;
}

/* A stream that ended where an announcement said it would still has its
 * channel; for any other cause the channel was to be replaced. */
bool gcn__shard_renews(struct gcn__conn* conn) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (!gcn__shard_leads(conn) || !shard->rotate) return false;
  shard->rotate = false;
  return shard->rotate_cause != GCN__INPUT_MOVING;
}

static void dismiss(struct gcn__conn* conn) {
  conn->leaving = true;
  conn->commands = GCN__COMMAND_CLOSE;
}

void gcn__shard_stop(struct gcn__engine* engine) {
  unsigned index = 0;
  struct gcn__shard* shard;
  while ((shard = gcn__shard_next(engine, &index)) != NULL) {
    if (shard->successor != NULL) dismiss(shard->successor);
    shard->successor = NULL;
  }
}

/* Failures are not forgiven by changing the connection. */
static void take_over(struct gcn__shard* shard) {
  struct gcn__conn* old = shard->primary;
  struct gcn__conn* next = shard->successor;
  if (next->session.failures < old->session.failures) {
    next->session.failures = old->session.failures;
  }
  /* Nor is what the other one has shown. */
  next->session.proof_ms =
      gcn__time_max(next->session.proof_ms, old->session.proof_ms);
  shard->primary = next;
  shard->successor = NULL;
  gcn__cursor_pass_doubt(shard, old);
  gcn__flow_inherit(old, next);
  dismiss(old);
}

/* What was learned of the successor while it was on its way, and credentials
 * that changed meanwhile. */
static void check_next(struct gcn__shard* shard) {
  struct gcn__conn* conn = shard->primary;
  if (conn->moves) gcn__shard_rotate(conn, conn->move_cause);
  conn->moves = false;
  if (conn->channel.epoch == conn->engine->keeper.epoch) return;
  gcn__shard_rotate(conn, GCN__INPUT_CREDENTIALS);
}

static void tell_rotation(struct gcn__conn* old, struct gcn__conn* next,
                          bool proven) {
  struct gcn__engine* engine = next->engine;
  struct gcn__shard* shard = gcn__shard_of(next);
  uint64_t overlap_ms = engine->now_ms - next->session.confirmed_ms;
  if (proven) {
    engine->counters.rotations++;
  } else {
    engine->counters.unproven++;
  }
  GCN__LOG_EVENT(&engine->log, GCN__LOG_INFO, "rotation",
                 gcn__log_number("connection", next->shard),
                 gcn__log_number("from", (int64_t)old->connection),
                 gcn__log_number("to", (int64_t)next->connection),
                 gcn__log_number("proven", proven),
                 gcn__log_number("overlap_ms", (int64_t)overlap_ms),
                 gcn__log_number("duplicates", (int64_t)shard->duplicates));
  gcn__engine_emit(engine, GCN__EFFECT_ROTATION)->rotation =
      (struct gcn__rotation){
          .shard = next->shard,
          .cause = shard->rotate_cause,
          .proven = proven,
          .overlap_ms = overlap_ms,
          .duplicates = shard->duplicates,
      };
  shard->duplicates = 0;
}

/* It was asked for the topics as they are now. */
static bool is_whole(const struct gcn__conn* conn) {
  /* What changed meanwhile is another rotation's. */
  if (gcn__engine_flows(conn->engine)) return true;
  return conn->channel.revision == gcn__shard_of(conn)->revision;
}

void gcn__shard_lost(struct gcn__conn* conn, enum gcn__input cause) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__shard* shard = gcn__shard_of(conn);
  struct gcn__conn* other =
      gcn__shard_leads(conn) ? shard->successor : shard->primary;
  bool led = gcn__shard_leads(conn);
  bool covered = gcn__conn_streams(other);
  uint64_t covered_ms = covered ? other->session.confirmed_ms : GCN__NEVER;
  bool over = other == shard->successor && covered;
  /* It went because nobody wants its topics any more, or they are in the hands
   * of another connection already. */
  if (conn->leaving && cause != GCN__INPUT_RETIRE) return;
  if (gcn__engine_flows(engine)) gcn__flow_drop(conn);
  if (over) take_over(shard);
  /* A sign of life says nothing of what the service could not send. */
  uint64_t proof_ms = conn->session.proof_ms;
  if (shard->lag_ms != 0) proof_ms = gcn__time_min(proof_ms, shard->lag_ms);
  struct gcn__gap gap;
  bool missed =
      gcn__gaps_lose(&shard->gaps, proof_ms, engine->settings.latency_max_ms,
                     covered_ms, cause, &gap);
  /* A successor that goes has served nothing alone. */
  bool alone = led || cause == GCN__INPUT_RETIRE;
  if (alone && gcn__engine_flows(engine)) {
    /* A stream that goes on from here has to make up for the time since. */
    bool live = covered && !other->flow.resumed;
    shard->lag_ms = live ? 0 : proof_ms;
  }
  /* A gap that has an end already is one that the other stream covers. */
  if (missed) missed = alone && !gcn__cursor_went_on(shard, other, &gap);
  if (missed) gcn__shard_tell_gap(conn, &gap);
  gcn__cursor_pass_doubt(shard, conn);
  bool retired = over || cause == GCN__INPUT_RETIRE;
  if (!retired) return;
  gcn__audit_repaired(conn); /* the successor's channel is whole */
  struct gcn__conn* next = shard->primary;
  bool whole = is_whole(next);
  /* Topics that changed during the overlap may be missing on it. */
  if (!whole) {
    next->drift_ms = gcn__time_min(next->drift_ms, conn->session.proof_ms);
    next->drift_all = true;
  }
  tell_rotation(conn, next, !missed && whole);
  check_next(shard);
}

void gcn__shard_confirmed(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (!gcn__shard_leads(conn)) {
    gcn__conn_probe(conn, false);
    shard->ask_ms =
        gcn__time_add(engine->now_ms, engine->settings.latency_max_ms);
    shard->overlap_end_ms =
        gcn__time_add(engine->now_ms, engine->settings.overlap_ms);
    return;
  }
  if (conn->moves) gcn__shard_rotate(conn, conn->move_cause);
  conn->moves = false;
  struct gcn__gap gap;
  if (shard->doubter == conn) shard->doubt.to_ms = engine->now_ms;
  if (!conn->flow.resumed) shard->lag_ms = 0; /* it is told */
  if (!gcn__gaps_end(&shard->gaps, engine->now_ms, &gap)) return;
  engine->counters.last_outage_ms = engine->now_ms - conn->lost_ms;
  if (!gcn__cursor_went_on(shard, conn, &gap)) gcn__shard_tell_gap(conn, &gap);
}

int gcn__shard_opens(struct gcn__conn* conn) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (gcn__shard_leads(conn)) return 0;
  shard->dedup_end_ms = GCN__NEVER;
  if (gcn__dedup_active(&shard->dedup)) return 0;
  return gcn__dedup_begin(&shard->dedup);
}

bool gcn__shard_first(struct gcn__conn* conn, const struct gcn__event* event) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (gcn__event_elsewhere(conn, event)) {
    conn->engine->counters.duplicates++;
    return false;
  }
  if (!gcn__dedup_active(&shard->dedup)) return true;
  struct gcn__key key = event->key;
  if (!gcn__key_is(&key)) key = gcn__event_key(conn, event);
  /* Without memory for the digest twice is better than never. */
  if (!gcn__key_is(&key)) return true;
  if (gcn__dedup_first(&shard->dedup, key, conn->side)) return true;
  shard->duplicates++;
  conn->engine->counters.duplicates++;
  return false;
}

static bool end_dedup(struct gcn__engine* engine, struct gcn__shard* shard) {
  if (!gcn__dedup_active(&shard->dedup)) return false;
  const struct gcn__conn* next = shard->successor;
  bool open = next != NULL && next->stream.wire.phase != GCN__WIRE_ABSENT;
  if (open) {
    shard->dedup_end_ms = GCN__NEVER;
    return false;
  }
  if (shard->dedup_end_ms == GCN__NEVER) {
    shard->dedup_end_ms = gcn__time_add(engine->now_ms, DEDUP_AFTER_MS);
  }
  if (shard->dedup_end_ms > engine->now_ms) return false;
  gcn__dedup_end(&shard->dedup);
  shard->dedup_end_ms = GCN__NEVER;
  return true;
}

static bool overlaps(const struct gcn__shard* shard) {
  return gcn__conn_streams(shard->primary) &&
         gcn__conn_streams(shard->successor);
}

/* Frames may have been on their way for long; the answer to a question that was
 * asked late enough has overtaken nothing. */
static bool proven(const struct gcn__engine* engine,
                   const struct gcn__shard* shard) {
  const struct gcn__conn* next = shard->successor;
  uint64_t since_ms =
      gcn__time_add(next->whole_ms, engine->settings.latency_max_ms);
  if (next->flow.resumed) {
    /* It repeats what the other one has not shown yet. */
    return next->session.alive && is_whole(next) && since_ms <= engine->now_ms;
  }
  return next->session.alive && is_whole(next) &&
         shard->primary->answered_ms >= since_ms;
}

/* A paused stream is not read, so nothing about it can be concluded. */
static bool hand_over(struct gcn__engine* engine, struct gcn__shard* shard) {
  if (!overlaps(shard) || engine->paused) return false;
  struct gcn__conn* old = shard->primary;
  if (old->flow.reading) return false; /* it has more to tell */
  bool late = shard->overlap_end_ms <= engine->now_ms;
  if (late || proven(engine, shard)) {
    take_over(shard);
    gcn__conn_act(old, GCN__INPUT_RETIRE);
    return true;
  }
  if (shard->ask_ms > engine->now_ms) return false;
  shard->ask_ms = gcn__time_add(engine->now_ms, ASK_STEP_MS);
  gcn__conn_probe(old, false);
  return true;
}

void gcn__shard_resumed(struct gcn__engine* engine) {
  unsigned index = 0;
  struct gcn__shard* shard;
  while ((shard = gcn__shard_next(engine, &index)) != NULL) {
    if (!overlaps(shard)) continue;
    shard->ask_ms = engine->now_ms;
    shard->overlap_end_ms =
        gcn__time_add(engine->now_ms, engine->settings.overlap_ms);
  }
}

/* One shard at a time: each rotation needs a channel beyond those in use. */
static bool rotating(const struct gcn__engine* engine) {
  unsigned index = 0;
  const struct gcn__shard* shard;
  while ((shard = gcn__shard_next(engine, &index)) != NULL) {
    if (shard->successor != NULL) return true;
  }
  return false;
}

static bool wants_rotation(const struct gcn__engine* engine,
                           const struct gcn__shard* shard) {
  return shard->rotate && gcn__conn_streams(shard->primary) &&
         engine->desire == GCN__DESIRE_STREAMING && !engine->keeper.refused &&
         !rotating(engine);
}

/* What the old channel may have lost shows only as long as it is there. */
static void look_again(struct gcn__conn* conn) {
  if (!gcn__conn_sure(conn)) gcn__conn_act(conn, GCN__INPUT_AUDIT_DUE);
}

static bool begin_rotation(struct gcn__engine* engine,
                           struct gcn__shard* shard) {
  if (!wants_rotation(engine, shard)) return false;
  if (shard->rotate_ms > engine->now_ms) return false;
  struct gcn__conn* old = shard->primary;
  struct gcn__conn* next = gcn__conn_new(engine, old->shard);
  if (next == NULL) {
    shard->rotate_ms = gcn__time_add(engine->now_ms, NO_MEMORY_MS);
    return true;
  }
  next->side = 1 - old->side;
  next->commands = GCN__COMMAND_START;
  shard->successor = next;
  shard->rotate = false;
  shard->duplicates = 0;
  look_again(old);
  return true;
}

static bool begin_shard(struct gcn__engine* engine, struct gcn__shard* shard) {
  if (shard->start_ms > engine->now_ms) return false;
  shard->start_ms = GCN__NEVER;
  if (engine->desire != GCN__DESIRE_STREAMING) return false;
  shard->primary->commands |= GCN__COMMAND_START;
  return true;
}

/* Rejected topics are asked for again from time to time. */
static bool ask_again(struct gcn__engine* engine, struct gcn__shard* shard) {
  if (!gcn__conn_streams(shard->primary)) return false;
  if (shard->topics_due_ms > engine->now_ms) return false;
  shard->topics_due_ms = GCN__NEVER; /* until the answer says when */
  gcn__conn_act(shard->primary, GCN__INPUT_TOPICS);
  return true;
}

bool gcn__shard_work(struct gcn__engine* engine) {
  if (engine->replan_ms <= engine->now_ms) {
    gcn__shard_replan(engine);
    return true;
  }
  unsigned index = 0;
  struct gcn__shard* shard;
  while ((shard = gcn__shard_next(engine, &index)) != NULL) {
    if (begin_shard(engine, shard)) return true;
    if (hand_over(engine, shard)) return true;
    if (begin_rotation(engine, shard)) return true;
    if (ask_again(engine, shard)) return true;
    if (end_dedup(engine, shard)) return true;
  }
  return false;
}

static uint64_t deadline_of(const struct gcn__engine* engine,
                            const struct gcn__shard* shard) {
  uint64_t at_ms = gcn__time_min(shard->start_ms, shard->dedup_end_ms);
  if (gcn__conn_streams(shard->primary)) {
    at_ms = gcn__time_min(at_ms, shard->topics_due_ms);
  }
  if (wants_rotation(engine, shard)) {
    at_ms = gcn__time_min(at_ms, shard->rotate_ms);
  }
  if (!overlaps(shard) || engine->paused) return at_ms;
  at_ms = gcn__time_min(at_ms, shard->ask_ms);
  return gcn__time_min(at_ms, shard->overlap_end_ms);
}

uint64_t gcn__shard_deadline(const struct gcn__engine* engine) {
  if (engine->desire == GCN__DESIRE_CLOSED) return GCN__NEVER;
  uint64_t deadline_ms = engine->replan_ms;
  unsigned index = 0;
  const struct gcn__shard* shard;
  while ((shard = gcn__shard_next(engine, &index)) != NULL) {
    deadline_ms = gcn__time_min(deadline_ms, deadline_of(engine, shard));
  }
  return deadline_ms;
}

/* Connections start one after another, so that a client with many of them does
 * not come like a crowd. */
void gcn__shard_start(struct gcn__engine* engine, struct gcn__shard* shard) {
  uint64_t after_ms =
      gcn__time_add(engine->last_start_ms, engine->settings.stagger_ms);
  bool first = engine->last_start_ms == 0 || shard == engine->shards[0];
  shard->start_ms =
      first ? engine->now_ms : gcn__time_max(engine->now_ms, after_ms);
  engine->last_start_ms = shard->start_ms;
}

static void tell_step(struct gcn__conn* conn, enum gcn__input input,
                      enum gcn__state from, enum gcn__state to) {
  gcn__engine_emit(conn->engine, GCN__EFFECT_STATE)->transition =
      (struct gcn__transition){
          .shard = conn->shard,
          .from = from,
          .to = to,
          .input = input,
          .attempt = conn->engine->counters.attempts,
          .failures = conn->session.failures,
      };
}

/* The goodbye is nobody's story: the next connection of this shard, which may
 * come while it lasts, begins with IDLE. */
static void tell_end(struct gcn__conn* conn) {
  enum gcn__state last = conn->session.state;
  if (last == GCN__STATE_IDLE || last == GCN__STATE_CLOSED) return;
  bool waits = last == GCN__STATE_BACKING_OFF || last == GCN__STATE_REFUSED;
  if (!waits && last != GCN__STATE_CLOSING) {
    tell_step(conn, GCN__INPUT_TOPICS, last, GCN__STATE_CLOSING);
    last = GCN__STATE_CLOSING;
  }
  tell_step(conn, GCN__INPUT_TOPICS, last, GCN__STATE_IDLE);
}

static void give_up_shard(struct gcn__engine* engine,
                          struct gcn__shard* shard) {
  tell_end(shard->primary);
  if (shard->successor != NULL) dismiss(shard->successor);
  dismiss(shard->primary);
  shard->primary = NULL;
  shard->successor = NULL;
  shard->front = NULL;
  shard->doubter = NULL;
  shard->gaps = (struct gcn__gaps){.open = false};
  gcn__shard_deinit(shard, &engine->mem);
}

static void open_shard(struct gcn__engine* engine, unsigned index) {
  struct gcn__shard* shard = gcn__shard_make(engine, index);
  struct gcn__conn* conn = shard == NULL ? NULL : gcn__conn_new(engine, index);
  if (conn == NULL) {
    engine->replan_ms = gcn__time_add(engine->now_ms, NO_MEMORY_MS);
    return;
  }
  gcn__shard_init(engine, index);
  shard->primary = conn;
  if (engine->desire != GCN__DESIRE_STREAMING) return;
  gcn__shard_start(engine, shard);
}

void gcn__shard_replan(struct gcn__engine* engine) {
  engine->replan_ms = GCN__NEVER;
  if (engine->desire == GCN__DESIRE_CLOSED) return;
  for (unsigned i = 1; i < GCN__SHARD_COUNT_MAX; i++) {
    struct gcn__shard* shard = engine->shards[i];
    bool served = shard != NULL && shard->primary != NULL;
    bool live = gcn__planner_is_live(&engine->planner, i);
    if (!live && served) give_up_shard(engine, shard);
    if (live && !served) open_shard(engine, i);
  }
}

/* A successor that waits, for the channel budget or the API, is no better than
 * the old channel, which can be taken up again at once. */
static bool stays(const struct gcn__conn* conn, const struct gcn__conn* next) {
  const struct gcn__channel* channel = &conn->channel;
  return next->session.state == GCN__STATE_BACKING_OFF && channel->known &&
         channel->complete && channel->epoch == conn->engine->keeper.epoch &&
         channel->rotate_ms > conn->engine->now_ms;
}

/* The wish binds the whole client, and its successor is on its way. */
static bool is_told_to_wait(const struct gcn__conn* conn) {
  return gcn__engine_flows(conn->engine) &&
         conn->session.not_before_ms > conn->engine->now_ms;
}

uint64_t gcn__shard_retry_in(const struct gcn__conn* conn) {
  const struct gcn__conn* next = gcn__shard_of(conn)->successor;
  bool waits = next == NULL || stays(conn, next) || is_told_to_wait(conn);
  if (waits) return conn->session.delay_ms;
  if (next->session.state != GCN__STATE_BACKING_OFF) return 0;
  uint64_t at_ms = gcn__time_max(next->session.deadlines_ms[GCN__TIMER_RETRY],
                                 conn->session.not_before_ms);
  return gcn__time_until(at_ms, next->engine->now_ms);
}

/* The user has seen the old connection back off; from here on the story is that
 * of the successor, which may have come far already. */
static void tell_story(struct gcn__conn* next) {
  enum gcn__state last = next->session.state;
  if (last < GCN__STATE_CONNECTING || last > GCN__STATE_SUBSCRIBING) return;
  enum gcn__state from = GCN__STATE_BACKING_OFF;
  for (int s = GCN__STATE_CONNECTING; s <= (int)last; s++) {
    tell_step(next, GCN__INPUT_RETIRE, from, (enum gcn__state)s);
    from = (enum gcn__state)s;
  }
}

/* What the service asked of the one binds the other. */
static void inherit_wait(const struct gcn__conn* conn, struct gcn__conn* next) {
  struct gcn__session* session = &next->session;
  uint64_t at_ms = conn->session.not_before_ms;
  session->not_before_ms = gcn__time_max(session->not_before_ms, at_ms);
  if (session->state != GCN__STATE_BACKING_OFF) return;
  uint64_t* retry_ms = &session->deadlines_ms[GCN__TIMER_RETRY];
  *retry_ms = gcn__time_max(*retry_ms, at_ms);
}

/* The keeper itself holds back what the login service refused. */
static uint64_t again_after_refusal(const struct gcn__engine* engine) {
  uint64_t wait_ms = engine->keeper.refused ? 0 : REFUSED_AGAIN_MS;
  return gcn__time_add(engine->now_ms, wait_ms);
}

void gcn__shard_stepped(struct gcn__conn* conn) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  struct gcn__conn* next = shard->successor;
  if (next == NULL) return;
  enum gcn__state state = conn->session.state;
  if (conn == next && state == GCN__STATE_REFUSED) {
    /* The wish stays: after a final no of the login service until the user has
     * acted, after another one for a while. */
    shard->rotate = true;
    shard->rotate_ms = again_after_refusal(conn->engine);
    gcn__flow_inherit(next, shard->primary);
    shard->successor = NULL;
    dismiss(next);
  } else if (conn == shard->primary && state == GCN__STATE_REFUSED) {
    shard->successor = NULL;
    dismiss(next);
  } else if (conn == shard->primary && state == GCN__STATE_BACKING_OFF &&
             (stays(conn, next) || is_told_to_wait(conn))) {
    /* What was announced has happened; another wish waits for the stream. */
    conn->moves = shard->rotate_cause != GCN__INPUT_MOVING;
    conn->move_cause = shard->rotate_cause;
    gcn__flow_inherit(next, conn);
    shard->successor = NULL;
    dismiss(next);
  } else if (conn == shard->primary && state == GCN__STATE_BACKING_OFF) {
    next->lost_ms = conn->lost_ms;
    next->drift_ms = gcn__time_min(next->drift_ms, conn->drift_ms);
    next->drift_all = next->drift_all || conn->drift_all;
    inherit_wait(conn, next);
    take_over(shard);
    tell_story(next);
  }
}
