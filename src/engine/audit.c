/* SPDX-License-Identifier: MIT */
/*
 * Whether the channel still has its topics.
 *
 * A stream can be alive and silent about topics that its channel has lost.  The
 * audit asks for the list.  What is missing is put again, and the time in which
 * it may have been missing is reported as a gap of those topics.  What the
 * service says it gave to another channel is not fought for: it is told as
 * rejected, and asked for again as seldom as other rejected topics.
 */
#include "engine/internal.h"

#include "base/time.h"

static void note_listed(struct gcn__conn* conn, const struct gcn__json* body,
                        uint64_t serial) {
  size_t count = (size_t)gcn__channels_topic_count(body);
  for (size_t i = 0; i < count; i++) {
    struct gcn__topic_answer answer;
    if (!gcn__channels_read_topic(body, i, &answer)) continue;
    if (!answer.permitted) continue;
    struct gcn__cover walk;
    struct gcn__topic* topic;
    gcn__cover_init(&walk, &conn->engine->topics, conn->shard, answer.id);
    while ((topic = gcn__cover_next(&walk)) != NULL) {
      topic->answered = serial;
    }
  }
}

static bool note_missed(struct gcn__conn* conn, uint64_t serial) {
  struct gcn__topics* topics = &conn->engine->topics;
  bool missed = false;
  for (size_t i = 0; i < topics->count; i++) {
    struct gcn__topic* topic = &topics->items[i];
    if (topic->shard != conn->shard) continue;
    topic->missed =
        topic->verdict == GCN__VERDICT_PERMITTED && topic->answered != serial;
    missed = missed || topic->missed;
  }
  return missed;
}

/* What changed meanwhile is put now. */
static void end_audit(struct gcn__conn* conn) {
  bool changed = gcn__shard_of(conn)->revision != conn->sent_revision;
  gcn__conn_post(conn, GCN__INPUT_SYNCED);
  if (conn->resync || changed) gcn__conn_post(conn, GCN__INPUT_TOPICS);
}

/* The other connection of an overlap has confirmed topics that this channel was
 * never asked for: they are not missing from it. */
static bool is_behind(const struct gcn__conn* conn) {
  const struct gcn__shard* shard = gcn__shard_of(conn);
  const struct gcn__conn* other =
      gcn__shard_leads(conn) ? shard->successor : shard->primary;
  return other != NULL && other->channel.complete &&
         other->channel.revision > conn->channel.revision;
}

void gcn__audit_take(struct gcn__conn* conn, const struct gcn__json* body) {
  struct gcn__engine* engine = conn->engine;
  uint64_t serial = ++engine->answer_serial;
  note_listed(conn, body, serial);
  if (is_behind(conn)) {
    conn->stolen = false;
    end_audit(conn);
    return;
  }
  if (!note_missed(conn, serial)) {
    conn->stolen = false;
    conn->known_ms = conn->sent_ms;
    end_audit(conn);
    return;
  }
  if (conn->stolen) {
    conn->losing = true;
    end_audit(conn);
    return;
  }
  engine->counters.drifts++;
  GCN__LOG_EVENT(&engine->log, GCN__LOG_WARN, "topics-lost",
                 gcn__log_number("connection", conn->shard));
  conn->drift_ms = gcn__time_min(conn->drift_ms, conn->known_ms);
  conn->channel.complete = false;
  gcn__conn_post(conn, GCN__INPUT_DRIFTED);
}

static struct gcn__topic* find_lost(struct gcn__conn* conn) {
  struct gcn__topics* topics = &conn->engine->topics;
  for (size_t i = 0; i < topics->count; i++) {
    struct gcn__topic* topic = &topics->items[i];
    if (topic->shard == conn->shard && topic->missed) return topic;
  }
  return NULL;
}

bool gcn__audit_next(struct gcn__conn* conn, struct gcn__effect* effect) {
  struct gcn__engine* engine = conn->engine;
  if (!conn->losing) return false;
  struct gcn__topic* topic = find_lost(conn);
  if (topic == NULL) {
    conn->losing = false;
    conn->stolen = false;
    gcn__shard_of(conn)->topics_due_ms =
        gcn__topics_next_due(&engine->topics, conn->shard);
    return false;
  }
  const struct gcn__topic_pace pace = {
      .base_ms = engine->settings.topic_retry_max_ms,
      .cap_ms = engine->settings.topic_retry_max_ms,
  };
  topic->missed = false;
  gcn__topic_rejected(topic, &pace, &engine->rng, engine->now_ms);
  effect->topic = (struct gcn__topic_result){
      .topic = gcn__span_str(topic->name),
      .verdict = GCN__VERDICT_REJECTED,
      .reason = GCN__SPAN("another channel subscribed"),
  };
  return true;
}

void gcn__audit_repaired(struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  if (conn->drift_ms == GCN__NEVER) return;
  uint64_t latency_ms = engine->settings.latency_max_ms;
  uint64_t from_ms =
      conn->drift_ms > latency_ms ? conn->drift_ms - latency_ms : 0;
  const struct gcn__gap gap = {
      .from_ms = from_ms,
      .to_ms = engine->now_ms,
      .cause = GCN__INPUT_DRIFTED,
      .certainty = GCN__CERTAINTY_POSSIBLE,
      .partial = !conn->drift_all,
  };
  conn->drift_ms = GCN__NEVER;
  conn->drift_all = false;
  gcn__shard_tell_gap(conn, &gap);
}
