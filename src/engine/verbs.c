/* SPDX-License-Identifier: MIT */
/*
 * What the table's verbs do with bytes.
 *
 * Each verb is one function; gcn__conn_perform runs them in the order of
 * GCN__VERB_MAP and tells the change of state last.
 */
#include "engine/internal.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"

enum {
  REVOKED_AGAIN_MS = 30000, /* all connections are told within this */
};

/* What was about to be said by this attempt is stale with it. */
static void do_drop(struct gcn__conn* conn, enum gcn__input input) {
  bool abort = gcn__input_origin(input) == GCN__ORIGIN_TIMER;
  gcn__line_drop(&conn->api, abort);
  gcn__line_drop(&conn->stream, abort);
  gcn__flow_drop(conn);
  conn->inbox_count = 0;
  conn->waits_token = false;
  conn->api_idle_ms = GCN__NEVER;
}

/* A token that is not the present one any more has been replaced already.  The
 * channel may have ended with it: the next attempt asks the API. */
static void do_reject(struct gcn__conn* conn, enum gcn__input input) {
  struct gcn__keeper* keeper = &conn->engine->keeper;
  conn->channel.complete = false;
  gcn__flow_reject(conn);
  gcn__early_drop(&conn->stream);
  if (input == GCN__INPUT_REVOKED) {
    /* Each connection is told; the token may have been replaced meanwhile. */
    uint64_t now_ms = conn->engine->now_ms;
    bool again = keeper->revoked_ms != 0 &&
                 now_ms - keeper->revoked_ms < REVOKED_AGAIN_MS;
    if (again && conn->channel.epoch != keeper->epoch) return;
    keeper->revoked_ms = now_ms;
    keeper->epoch++;
  } else if (conn->used_token != keeper->token.generation) {
    return;
  }
  gcn__token_reject(&keeper->token);
}

static void do_dial(struct gcn__conn* conn) {
  gcn__failure_clear(&conn->failure);
  conn->engine->counters.attempts++;
  conn->engine->dialect->dial(conn);
}

void gcn__conn_ready(struct gcn__conn* conn) {
  if (conn->session.state != GCN__STATE_CONNECTING) return;
  if (conn->api.awaited || conn->stream.awaited) return;
  gcn__conn_post(conn, GCN__INPUT_LINKED);
}

static void do_auth(struct gcn__conn* conn) {
  gcn__steps_cancel(conn);
  conn->waits_token = false;
  bool needless = conn->confirmed && conn->channel.known;
  if (needless || gcn__keeper_usable(conn->engine)) {
    gcn__conn_post(conn, GCN__INPUT_TOKEN);
  } else {
    gcn__keeper_want(conn);
  }
}

void gcn__conn_token(struct gcn__conn* conn) {
  conn->waits_token = false;
  if (conn->session.state == GCN__STATE_AUTHENTICATING) {
    gcn__conn_post(conn, GCN__INPUT_TOKEN);
  } else if (conn->session.state == GCN__STATE_STREAMING) {
    conn->engine->dialect->background(conn);
  }
}

void gcn__conn_no_token(struct gcn__conn* conn, enum gcn__input input) {
  conn->waits_token = false;
  enum gcn__state state = conn->session.state;
  if (state == GCN__STATE_STREAMING) {
    gcn__conn_post(conn, GCN__INPUT_UNSYNCED);
  } else if (state == GCN__STATE_CONNECTING ||
             state == GCN__STATE_AUTHENTICATING) {
    gcn__conn_post(conn, input);
  }
}

static void do_confirm(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  engine->counters.streams++;
  if (conn->session.reused) engine->counters.reused++;
  conn->channel.failures = 0;
  conn->channel.misses = 0;
  conn->channel.streams++;
  conn->guessed = false;
  gcn__shard_confirmed(conn);
  gcn__failure_clear(&conn->failure);
  conn->api_idle_ms = gcn__time_add(engine->now_ms, GCN__API_IDLE_MS);
  bool changed = gcn__shard_of(conn)->revision != conn->sent_revision;
  bool more = conn->channel.untold || conn->flow.stale_id != NULL;
  if (changed || more) gcn__conn_post(conn, GCN__INPUT_TOPICS);
  conn->channel.untold = false;
}

void gcn__conn_deliver(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__event event = engine->dialect->event(conn);
  bool wanted = engine->keys || gcn__engine_flows(engine) ||
                engine->seen_until_ms > engine->now_ms;
  if (wanted) event.key = gcn__event_key(conn, &event);
  if (!engine->dialect->first(conn, &event)) return;
  engine->counters.events++;
  engine->counters.event_bytes += event.message.size;
  engine->counters.last_event_ms = engine->now_ms;
  event.sequence = engine->counters.events;
  struct gcn__effect* effect = gcn__engine_emit_event(engine);
  effect->wire = conn->stream.index;
  effect->event = event;
}

void gcn__conn_unanswered(struct gcn__conn* conn) {
  gcn__failure_set(&conn->failure, GCN_ESILENT, GCN__LAYER_CLIENT,
                   GCN__OP_STREAM, "%u pings in a row were not answered",
                   conn->pongs_missed);
  gcn__conn_post(conn, GCN__INPUT_WEATHER);
}

void gcn__conn_probe(struct gcn__conn* conn, bool urgent) {
  if (conn->stream.wire.phase != GCN__WIRE_OPEN) return;
  conn->engine->dialect->probe(conn, urgent);
}

static void do_goodbye(struct gcn__conn* conn) {
  conn->inbox_count = 0;
  conn->waits_token = false;
  conn->api_idle_ms = GCN__NEVER;
  gcn__line_drop(&conn->api, true);
  gcn__flow_drop(conn);
  struct gcn__wire* wire = &conn->stream.wire;
  if (wire->phase == GCN__WIRE_OPEN && !wire->ended) {
    int error = gcn__wire_write_close(wire, &conn->engine->scratch,
                                      GCN__WS_CLOSE_NORMAL);
    if (error == 0) return;
  }
  gcn__line_drop(&conn->stream, true);
  gcn__conn_post(conn, GCN__INPUT_DRAINED);
}

static void tell_state(struct gcn__conn* conn, enum gcn__input input,
                       const struct gcn__step* step) {
  const struct gcn__session* session = &conn->session;
  struct gcn__engine* engine = conn->engine;
  enum gcn__origin origin = gcn__input_origin(input);
  /* A retry's failure is that of the next input. */
  bool failed = conn->failure.error != 0 && input != GCN__INPUT_RETRY_DUE &&
                (origin == GCN__ORIGIN_PEER || origin == GCN__ORIGIN_TIMER ||
                 input == GCN__INPUT_UNREADABLE);
  bool waits = step->to == GCN__STATE_BACKING_OFF;
  struct gcn__effect* effect = gcn__engine_emit(engine, GCN__EFFECT_STATE);
  effect->wire = conn->stream.index;
  effect->transition = (struct gcn__transition){
      .shard = conn->shard,
      .from = step->from,
      .to = step->to,
      .input = input,
      .failure = failed ? &conn->failure : NULL,
      .attempt = engine->counters.attempts,
      .failures = session->failures,
      .retry_in_ms = waits ? gcn__shard_retry_in(conn) : 0,
  };
}

/* Also of a successor on its way, which the user is told nothing about. */
static void log_state(const struct gcn__conn* conn, enum gcn__input input,
                      const struct gcn__step* step) {
  const struct gcn__engine* engine = conn->engine;
  bool broke =
      step->to == GCN__STATE_BACKING_OFF || step->to == GCN__STATE_REFUSED;
  GCN__LOG_EVENT(
      &engine->log, GCN__LOG_INFO, "state",
      gcn__log_number("connection", conn->shard),
      gcn__log_number("slot", conn->slot),
      gcn__log_text("from", gcn__state_spoken(step->from)),
      gcn__log_text("to", gcn__state_spoken(step->to)),
      gcn__log_text("input", gcn__input_name(input)),
      gcn__log_number("failures", (int64_t)conn->session.failures),
      gcn__log_number("retry_ms", (int64_t)(step->to == GCN__STATE_BACKING_OFF
                                                ? conn->session.delay_ms
                                                : 0)));
  if (!broke || conn->failure.error == 0) return;
  gcn__failure_log(&engine->log, "failure", &conn->failure);
}

static void note_loss(struct gcn__conn* conn, enum gcn__input input,
                      const struct gcn__step* step) {
  bool was = step->from == GCN__STATE_STREAMING;
  if (was && step->to != GCN__STATE_STREAMING) {
    conn->lost_ms = conn->session.proof_ms;
    gcn__spare_judge(conn, input);
  }
}

/* A deadline passed while only the streaming host was waited for. */
static void note_slow_host(struct gcn__conn* conn) {
  const struct gcn__wire* stream = &conn->stream.wire;
  if (conn->stream.early || conn->api.call.op != GCN__OP_NONE) return;
  bool waiting = stream->phase == GCN__WIRE_DIALLING ||
                 stream->phase == GCN__WIRE_TUNNELLING ||
                 stream->phase == GCN__WIRE_SHAKING ||
                 conn->stream.call.op == GCN__OP_UPGRADE;
  if (waiting) gcn__channel_missed(conn);
}

void gcn__conn_perform(struct gcn__conn* conn, enum gcn__input input,
                       const struct gcn__step* step) {
  uint32_t verbs = step->verbs;
  const struct gcn__dialect* dialect = conn->engine->dialect;
  note_loss(conn, input, step);
  if (gcn__input_origin(input) == GCN__ORIGIN_TIMER) note_slow_host(conn);
  if (verbs & GCN__VERB_DROP) do_drop(conn, input);
  if (verbs & GCN__VERB_REJECT) do_reject(conn, input);
  if (verbs & GCN__VERB_FORGET) dialect->forget(conn);
  if (verbs & GCN__VERB_LOSE) gcn__shard_lost(conn, input);
  if (verbs & GCN__VERB_DIAL) do_dial(conn);
  if (verbs & GCN__VERB_AUTH) do_auth(conn);
  if (verbs & GCN__VERB_SUBSCRIBE) dialect->subscribe(conn);
  if (verbs & GCN__VERB_CONFIRM) do_confirm(conn);
  if (verbs & GCN__VERB_SYNC) dialect->sync(conn);
  if (verbs & GCN__VERB_AUDIT) dialect->audit(conn);
  if (verbs & GCN__VERB_ROTATE) gcn__shard_rotate(conn, input);
  if (verbs & GCN__VERB_DELIVER) gcn__conn_deliver(conn);
  if (verbs & GCN__VERB_PROBE) gcn__conn_probe(conn, false);
  if (verbs & GCN__VERB_PING) dialect->ping(conn);
  if (verbs & GCN__VERB_GOODBYE) do_goodbye(conn);
  bool leads = gcn__shard_leads(conn);
  if (input == GCN__INPUT_HEARTBEAT && step->to == GCN__STATE_STREAMING) {
    if (leads) gcn__engine_emit(conn->engine, GCN__EFFECT_HEARTBEAT);
  }
  if (step->from == step->to) return;
  log_state(conn, input, step);
  if (leads) tell_state(conn, input, step);
  gcn__shard_stepped(conn);
}
