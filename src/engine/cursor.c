/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: where the service is asked to go on.
 *
 * A shard's position says: everything up to here was handed on.  It comes from
 * the service with each batch, opaque, so that two of them can't be compared.
 * It must never go back, and two streams of one shard may show the same events
 * for a while.  So positions count on one of them only, the front: the stream
 * that brought the last event that was new, or, after a break, the first that
 * has caught up, which an empty batch says as well.
 */
#include "engine/internal.h"

#include "base/err.h"

int gcn__cursor_set(struct gcn__shard* shard, const struct gcn__mem* mem,
                    struct gcn__span text, bool is_time) {
  char* copy = gcn__str_copy_n(mem, text.data, text.size);
  if (copy == NULL) return GCN__ENOMEM;
  gcn__str_free(mem, shard->position);
  shard->position = copy;
  shard->position_serial++;
  shard->position_is_time = is_time;
  return 0;
}

void gcn__cursor_clear(struct gcn__shard* shard, const struct gcn__mem* mem) {
  gcn__str_free(mem, shard->position);
  shard->position = NULL;
}

/* It has gone on where it was asked to. */
static void end_doubt(struct gcn__conn* conn) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (shard->doubter == conn) shard->doubter = NULL;
}

void gcn__cursor_lead(struct gcn__conn* conn) {
  gcn__shard_of(conn)->front = conn;
}

void gcn__cursor_leave(struct gcn__conn* conn) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (shard->front == conn) shard->front = NULL;
}

static void complain(const struct gcn__conn* conn, size_t size) {
  GCN__LOG_EVENT(&conn->engine->log, GCN__LOG_WARN, "position-too-long",
                 gcn__log_number("connection", conn->shard),
                 gcn__log_number("size", (int64_t)size));
}

/* The batch's own word first; a service without one is asked to go on behind
 * the last event.  A moment does not replace an id without an event. */
static struct gcn__span position_of(const struct gcn__flow* flow, bool has_id,
                                    bool* is_time) {
  const struct gcn__batch* batch = &flow->batch;
  bool any = batch->count > 0;
  *is_time = false;
  if (batch->last_event_id.size > 0) return batch->last_event_id;
  if (any && flow->event.id.size > 0) return flow->event.id;
  if (!any && has_id) return (struct gcn__span){NULL, 0};
  *is_time = true;
  if (batch->timestamp.size > 0) return batch->timestamp;
  if (any) return flow->event.timestamp;
  return (struct gcn__span){NULL, 0};
}

/* Percent-encoded it has an eighth of the URL (gcn__stream_room). */
static bool fits(const struct gcn__engine* engine, struct gcn__span text) {
  uint64_t size = 0;
  if (text.size == 0 || text.size > GCN__POSITION_TEXT_MAX) return false;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                 (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
                 c == '~';
    size += plain ? 1 : 3;
  }
  return size <= engine->shape.url_size_max / 8;
}

/* One that began at now knows nothing of what the other has not shown yet: it
 * counts when it has taken over, and the gap between them is told. */
static bool may_count(const struct gcn__conn* conn) {
  return conn->flow.resumed || gcn__shard_leads(conn);
}

/* A stream with newer topics has been confirmed, and what there is to show of
 * those may lie before a position of this one's.  That stream may have broken,
 * and its shard may have given it up: whoever brings the topics next has to
 * begin where it began. */
static bool outgrown(const struct gcn__conn* conn) {
  return conn->sent_revision < gcn__shard_of(conn)->served_revision;
}

void gcn__cursor_serve(struct gcn__conn* conn) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (shard->served_revision >= conn->sent_revision) return;
  shard->served_revision = conn->sent_revision;
}

/* Two positions can't be compared, so that of an empty batch counts only if it
 * can't be an old one: the shard's own has not moved since the stream was asked
 * for, or rests for longer than a batch may be on its way. */
static bool abreast(const struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  const struct gcn__shard* shard = gcn__shard_of(conn);
  uint64_t rests_ms = engine->now_ms - shard->position_ms;
  return shard->position_serial == conn->flow.base_serial ||
         rests_ms > engine->settings.latency_max_ms;
}

static void mark(struct gcn__conn* conn, struct gcn__span text, bool is_time) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__shard* shard = gcn__shard_of(conn);
  /* Without memory the older one holds: some events come again. */
  if (gcn__cursor_set(shard, &engine->mem, text, is_time) != 0) return;
  shard->position_ms = engine->now_ms;
  /* What has no name is known until a position covers it. */
  gcn__seen_deinit(&shard->unnamed);
  gcn__engine_emit(engine, GCN__EFFECT_MARK)->mark = (struct gcn__mark){
      .shard = conn->shard,
      .position = gcn__span_str(shard->position),
      .is_time = is_time,
  };
}

bool gcn__cursor_begin(struct gcn__conn* conn) {
  const struct gcn__shard* shard = gcn__shard_of(conn);
  struct gcn__span id = conn->flow.event.id;
  bool first =
      shard->position == NULL && shard->front == conn && may_count(conn);
  if (!first || !fits(conn->engine, id)) return false;
  mark(conn, id, false);
  return shard->position != NULL;
}

/* Moments in one form can be compared. */
static bool goes_back(const struct gcn__shard* shard, struct gcn__span text,
                      bool is_time) {
  if (shard->position == NULL || !is_time || !shard->position_is_time) {
    return false;
  }
  bool alike = strlen(shard->position) == text.size;
  return alike && memcmp(text.data, shard->position, text.size) < 0;
}

/* With a batch that is not full the service had nothing more to send. */
static bool has_room(const struct gcn__conn* conn) {
  uint64_t most = conn->engine->shape.batch_count_max;
  return most == 0 || conn->flow.batch.count < most;
}

void gcn__cursor_advance(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (conn->session.state == GCN__STATE_CLOSING) return;
  bool empty = conn->flow.batch.count == 0;
  conn->flow.roomy = has_room(conn);
  if (empty) end_doubt(conn);
  if (empty && shard->front == NULL && abreast(conn)) shard->front = conn;
  if (shard->front != conn || !may_count(conn) || outgrown(conn)) return;
  bool is_time;
  bool has_id = shard->position != NULL && !shard->position_is_time;
  struct gcn__span text = position_of(&conn->flow, has_id, &is_time);
  if (!fits(engine, text)) {
    if (text.size > 0) complain(conn, text.size);
    return;
  }
  bool known = shard->position != NULL && shard->position_is_time == is_time &&
               gcn__span_is(text, shard->position);
  if (known || goes_back(shard, text, is_time)) return;
  mark(conn, text, is_time);
  end_doubt(conn);
}

/* A gap that was in doubt goes on, with the one that is open, if any. */
static void reopen(struct gcn__shard* shard, const struct gcn__gap* gap) {
  struct gcn__gaps* gaps = &shard->gaps;
  bool firm = gaps->open && gaps->current.firm;
  gaps->open = true;
  gaps->current = *gap; /* never firm: that would be no doubt */
  gaps->current.firm = firm;
}

/* What is in doubt stays so, whoever is asked next: only events that follow on
 * the position end it. */
void gcn__cursor_pass_doubt(struct gcn__shard* shard,
                            const struct gcn__conn* conn) {
  struct gcn__conn* next = shard->primary;
  if (shard->doubter != conn) return;
  shard->doubter = NULL;
  if (next != conn && next->flow.resumed) {
    shard->doubter = next;
  } else if (next != conn) {
    /* That one knows already that it could not go on. */
    shard->doubt.to_ms = next->session.confirmed_ms;
    gcn__shard_tell_gap(next, &shard->doubt);
  } else if (shard->gaps.open) {
    reopen(shard, &shard->doubt);
  }
}

/* A stream that went on at a position has missed nothing, unless the service
 * says otherwise later. */
bool gcn__cursor_went_on(struct gcn__shard* shard, const struct gcn__conn* conn,
                         const struct gcn__gap* gap) {
  if (!conn->flow.resumed || gap->firm) return false;
  if (shard->doubter == NULL) shard->doubt = *gap;
  shard->doubt.to_ms = gap->to_ms;
  shard->doubter = conn;
  return true;
}

void gcn__cursor_lost(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__shard* shard = gcn__shard_of(conn);
  bool over = conn->session.state == GCN__STATE_CLOSING;
  if (!conn->flow.resumed || over) return;
  conn->flow.resumed = false;
  engine->counters.resumes_lost++;
  gcn__cursor_clear(shard, &engine->mem);
  GCN__LOG_EVENT(&engine->log, GCN__LOG_WARN, "position-lost",
                 gcn__log_number("connection", conn->shard));
  if (shard->doubter != conn) return;
  shard->doubter = NULL;
  if (gcn__conn_streams(conn)) {
    gcn__shard_tell_gap(conn, &shard->doubt);
  } else {
    reopen(shard, &shard->doubt); /* it lasts until one streams */
  }
}
