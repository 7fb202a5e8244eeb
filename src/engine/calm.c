/* SPDX-License-Identifier: MIT */
/*
 * The short way of the ordinary wake-up: bytes of a stream come, an event is in
 * them, and nothing else is the matter.
 *
 * Thousands of clients do not fit into a cache, so a wake-up costs what it
 * looks at.  An engine that came to rest knows until when nothing is due; until
 * then only a fact can change that, and each one but bytes of its stream makes
 * it forget.  Invariant: what is not asked on this way would have had nothing
 * to do, and what is done is what the long way would have done.
 */
#include "engine/internal.h"

#include "base/time.h"

/* Nothing of it is left to be read, told or waited for. */
static bool is_still(const struct gcn__conn* conn) {
  const struct gcn__session* session = &conn->session;
  const struct gcn__wire* wire = &conn->stream.wire;
  bool open = wire->phase == GCN__WIRE_OPEN && !wire->cut && !wire->ended;
  bool well = gcn__conn_streams(conn) && session->alive && !session->doubtful;
  return open && well && conn->inbox_count == 0 && conn->commands == 0 &&
         conn->patience.message_due_ms == GCN__NEVER &&
         gcn__buf_size(&wire->kept) == 0;
}

/* An event of it is told as it is, without a look at the other shards, at the
 * other stream of an overlap, or at what the last run has handled. */
static bool is_plain(const struct gcn__engine* engine) {
  const struct gcn__shard* shard = gcn__shard_of(engine->calm);
  return !gcn__engine_flows(engine) && engine->shard_end == 1 &&
         !gcn__dedup_active(&shard->dedup) &&
         engine->seen_until_ms <= engine->now_ms;
}

/* Its events are counted by the recorder as one.  False: they are not. */
static bool take_tally(struct gcn__engine* engine) {
  const struct gcn__conn* conn = engine->calm;
  const struct gcn__step step = {.from = GCN__STATE_STREAMING,
                                 .to = GCN__STATE_STREAMING,
                                 .verbs = GCN__VERB_DELIVER};
  engine->tally = NULL;
  if (engine->recorder == NULL) return true;
  struct gcn__record record = gcn__record_of_step(
      &conn->session, GCN__INPUT_EVENT, &step, engine->now_ms);
  gcn__conn_describe(conn, &record);
  return gcn__recorder_repeats(engine->recorder, &record, &engine->tally);
}

void gcn__calm_begin(struct gcn__engine* engine) {
  engine->rested = false;
  engine->plain = is_plain(engine) && take_tally(engine);
}

void gcn__calm_rest(struct gcn__engine* engine) {
  const struct gcn__conn* conn = engine->calm;
  bool idle = engine->drained && !engine->paused && engine->ring_count == 0 &&
              engine->desire == GCN__DESIRE_STREAMING;
  engine->rested = false;
  if (conn == NULL || !engine->plain || !idle || !is_still(conn)) return;
  engine->calm_due_ms = gcn__engine_deadline_beside(engine, conn);
  engine->rested = true;
}

static void tell(struct gcn__conn* conn, const struct gcn__envelope* message,
                 struct gcn__span text, struct gcn__effect* effect) {
  struct gcn__engine* engine = conn->engine;
  engine->counters.events++;
  engine->counters.event_bytes += text.size;
  engine->counters.last_event_ms = engine->now_ms;
  effect->kind = GCN__EFFECT_EVENT;
  effect->wire = conn->stream.index;
  gcn__naming_event(conn, message, text, &effect->event);
  /* The caller's idea of what it is known by knows no number yet. */
  if (engine->keys) effect->event.key = gcn__event_key(conn, &effect->event);
  effect->event.sequence = engine->counters.events;
}

/* False: it was no ordinary event, and has been named the long way. */
static bool take_event(struct gcn__conn* conn,
                       const struct gcn__ws_message* message,
                       struct gcn__effect* effect) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__envelope envelope;
  int error = gcn__naming_scan(conn, message, &envelope);
  bool event =
      error == 0 && gcn__channels_name(&envelope) == GCN__MESSAGE_EVENT;
  if (conn->patience.message_due_ms != GCN__NEVER) {
    gcn__patience_read(conn, true);
  }
  if (event) {
    conn->session.heard_ms = conn->stream.wire.read_ms;
    event = gcn__session_event(&conn->session, engine->now_ms);
  }
  if (!event) {
    conn->message = envelope;
    conn->message_text = gcn__span(message->data, message->size);
    gcn__naming_take(conn, error);
    return false;
  }
  conn->garbage_run = 0;
  if (engine->tally != NULL) {
    gcn__recorder_count(engine->tally, engine->now_ms);
  }
  tell(conn, &envelope, gcn__span(message->data, message->size), effect);
  return true;
}

/* Whether it can be taken as it lies there, and nothing waits for its end. */
static bool is_ordinary(const struct gcn__conn* conn,
                        const struct gcn__ws_message* message) {
  bool kept = (conn->engine->kept_shards >> conn->shard & 1) != 0;
  return message->opcode == GCN__WS_TEXT && message->in_place && !kept;
}

/* From here on the stream goes the long way; it may still be calm. */
static void end_calm(struct gcn__engine* engine) {
  engine->plain = false;
  engine->rested = false;
}

enum gcn__calm gcn__calm_read(struct gcn__engine* engine,
                              struct gcn__effect* effect) {
  struct gcn__conn* conn = engine->calm;
  struct gcn__wire* wire = &conn->stream.wire;
  struct gcn__ws_message message;
  int end;
  int result = gcn__wire_read(wire, &message, &end);
  if (result == GCN__WS_MESSAGE && is_ordinary(conn, &message)) {
    if (take_event(conn, &message, effect)) return GCN__CALM_EVENT;
    end_calm(engine);
    return GCN__CALM_OTHER;
  }
  bool none = result == GCN__WS_MORE && end == 0;
  if (none && !gcn__ws_partial(wire->ws)) return GCN__CALM_NONE;
  if (!none) end_calm(engine);
  engine->rested = false;
  bool read = gcn__inbound_take(conn, result, &message, end);
  return read ? GCN__CALM_OTHER : GCN__CALM_NONE;
}
