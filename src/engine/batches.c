/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: what a message on the stream is.
 *
 * A message is a batch of events with the position behind it.  It is copied
 * once, so that its events can be told over several turns; nothing else of it
 * is.  Between two events the table, the user and the pause have their say, as
 * between two messages of the other dialect.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

enum { SAID_SIZE = 160 };

static void out_of_memory(struct gcn__conn* conn) {
  gcn__failure_set(&conn->failure, GCN__ENOMEM, GCN__LAYER_CLIENT,
                   GCN__OP_STREAM, "out of memory for a batch");
  gcn__call_failed(&conn->stream, GCN__INPUT_WEATHER);
}

/* With the connection's data, so that a proxy that cuts messages is found. */
static void log_fragments(const struct gcn__conn* conn,
                          const struct gcn__ws_message* message) {
  const struct gcn__engine* engine = conn->engine;
  if (message->fragment_count < 2) return;
  GCN__LOG_EVENT(&engine->log, GCN__LOG_DEBUG, "fragmented",
                 gcn__log_number("connection", conn->shard),
                 gcn__log_number("stream", (int64_t)conn->connection),
                 gcn__log_number("fragments", (int64_t)message->fragment_count),
                 gcn__log_number("size", (int64_t)message->size));
}

static void tell_notice(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  const struct gcn__batch* batch = &conn->flow.batch;
  engine->counters.notices++;
  struct gcn__effect* effect = gcn__engine_emit(engine, GCN__EFFECT_NOTICE);
  effect->wire = conn->stream.index;
  effect->event = (struct gcn__event){
      .topic = GCN__SPAN("v2.system.stream"),
      .body = batch->errors,
      .message = gcn__buf_span(&conn->flow.text),
      .sequence = engine->counters.events,
      .connection = conn->connection,
      .shard = conn->shard,
  };
}

static enum gcn__input input_of(struct gcn__conn* conn,
                                struct gcn__judgement judgement) {
  switch (gcn__flow_sober(conn, judgement)) {
  case GCN__MEANING_LIMITED: return GCN__INPUT_LIMITED;
  case GCN__MEANING_STUBBORN: return GCN__INPUT_STUBBORN;
  case GCN__MEANING_STALE_CHANNEL: return GCN__INPUT_STALE_CHANNEL;
  case GCN__MEANING_STALE_TOKEN: return gcn__flow_stale(conn);
  case GCN__MEANING_OK:
  case GCN__MEANING_WEATHER:
  case GCN__MEANING_REFUSED:
  case GCN__MEANING_BROKEN: break;
  }
  return GCN__INPUT_WEATHER;
}

static void note_limit(struct gcn__conn* conn, const char* said) {
  uint64_t wait_ms = gcn__stream_wait_ms(gcn__span_str(said));
  conn->engine->counters.limited++;
  if (said[0] != '\0') conn->failure.retry_after_ms = (int64_t)wait_ms;
  gcn__answer_ask(&conn->stream, wait_ms);
}

/* An error that we know ends the stream as a close with it would; another one
 * is told, and what follows shows what it meant. */
static void take_error(struct gcn__conn* conn) {
  struct gcn__judgement judgement =
      gcn__stream_judge_message(&conn->flow.batch);
  char said[SAID_SIZE];
  gcn__stream_message_errors(&conn->flow.batch, said, sizeof said);
  gcn__flow_hide(conn, said);
  GCN__LOG_EVENT(&conn->engine->log, GCN__LOG_WARN, "stream-errors",
                 gcn__log_number("connection", conn->shard),
                 gcn__log_text("text", said));
  tell_notice(conn);
  if (judgement.error == GCN_EPOSITION) gcn__cursor_lost(conn);
  if (judgement.meaning == GCN__MEANING_WEATHER) {
    gcn__conn_post(conn, GCN__INPUT_HEARTBEAT);
    return;
  }
  gcn__failure_set(&conn->failure, judgement.error, GCN__LAYER_SERVICE,
                   GCN__OP_STREAM, "%s%s%s", judgement.text,
                   said[0] == '\0' ? "" : "; the service says: ", said);
  if (judgement.meaning == GCN__MEANING_LIMITED) note_limit(conn, said);
  gcn__call_failed(&conn->stream, input_of(conn, judgement));
}

static void take_batch(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  const struct gcn__batch* batch = &conn->flow.batch;
  conn->flow.reading = true;
  conn->flow.heard_ms = conn->stream.wire.read_ms;
  conn->flow.event = (struct gcn__batch_event){.id = {NULL, 0}};
  gcn__flow_alive(conn);
  if (batch->resumed == 0) gcn__cursor_lost(conn);
  if (batch->count > 0) {
    engine->counters.batches++;
    return;
  }
  engine->counters.heartbeats++;
  gcn__conn_post(conn, GCN__INPUT_HEARTBEAT);
}

/* The position of the next batch passes over what was in this one. */
static void tell_unread(struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  if (!gcn__conn_streams(conn)) return;
  uint64_t ago_ms = engine->settings.latency_max_ms;
  uint64_t proof_ms = conn->session.proof_ms;
  const struct gcn__gap gap = {
      .from_ms = proof_ms > ago_ms ? proof_ms - ago_ms : 0,
      .to_ms = engine->now_ms,
      .cause = GCN__INPUT_GARBAGE,
      .certainty = GCN__CERTAINTY_POSSIBLE,
  };
  gcn__shard_tell_gap(conn, &gap);
}

void gcn__batches_text(struct gcn__conn* conn,
                       const struct gcn__ws_message* message) {
  struct gcn__flow* flow = &conn->flow;
  log_fragments(conn, message);
  gcn__buf_clear(&flow->text);
  if (gcn__buf_append(&flow->text, message->data, message->size) != 0) {
    out_of_memory(conn);
    return;
  }
  /* An empty message, which is garbage, may find a buffer without memory. */
  char none = '\0';
  size_t size = gcn__buf_size(&flow->text);
  char* text = size == 0 ? &none : flow->text.data + flow->text.begin;
  bool utf8 = true;
  int error = gcn__batch_scan_bytes(text, size, conn->engine->scrutiny,
                                    &flow->batch, &utf8);
  if (!utf8) {
    error = gcn__ws_reject_text(conn->stream.wire.ws, message);
    gcn__inbound_broken(conn, error);
    return;
  }
  if (error != 0) {
    tell_unread(conn);
    gcn__inbound_garbage(conn);
    return;
  }
  conn->garbage_run = 0;
  switch (flow->batch.kind) {
  case GCN__BATCH_EVENTS: take_batch(conn); return;
  case GCN__BATCH_ERROR: take_error(conn); return;
  case GCN__BATCH_OTHER:
    tell_notice(conn);
    gcn__conn_post(conn, GCN__INPUT_HEARTBEAT);
    return;
  }
}

bool gcn__batches_more(struct gcn__conn* conn) {
  struct gcn__flow* flow = &conn->flow;
  if (!flow->reading) return false;
  if (gcn__cursor_begin(conn)) return true;
  if (gcn__batch_next(&flow->batch, &flow->event)) {
    gcn__conn_post(conn, GCN__INPUT_EVENT);
    return true;
  }
  flow->reading = false;
  gcn__cursor_advance(conn);
  return true;
}

struct gcn__event gcn__batches_event(const struct gcn__conn* conn) {
  const struct gcn__batch_event* from = &conn->flow.event;
  return (struct gcn__event){
      .topic = from->name,
      .body = from->body,
      .correlation_id = from->correlation_id,
      .version = from->version,
      .message = from->text,
      .generation = conn->channel.generation,
      .connection = conn->connection,
      .shard = conn->shard,
      .id = from->id,
      .resource_id = from->resource_id,
      .type = from->type,
      .timestamp = from->timestamp,
  };
}
