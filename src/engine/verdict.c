/* SPDX-License-Identifier: MIT */
/*
 * The topics of a shard, asked for in one request or in several parts, and the
 * service's verdict on each.
 *
 * The document of the last answer is kept until every verdict in it has been
 * told, one per call, so that verdicts need no memory of their own.  Entries of
 * single names come first: they win over those of combined ones.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

void gcn__verdict_begin(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__sync* sync = &conn->sync;
  gcn__topics_ask(&engine->topics, conn->shard, engine->now_ms);
  if (sync->parts == NULL) {
    sync->parts = gcn__alloc(&engine->mem, sizeof *sync->parts);
  }
  if (sync->parts != NULL) {
    gcn__combine_init(&sync->parts->walk, &engine->topics, conn->shard,
                      engine->planner.limits.combine);
  }
  sync->serial = ++engine->answer_serial;
  conn->channel.put = true;
  conn->sent_revision = gcn__shard_of(conn)->revision;
  conn->sent_ms = engine->now_ms;
}

void gcn__verdict_end(struct gcn__conn* conn) {
  struct gcn__parts* parts = conn->sync.parts;
  gcn__free(&conn->engine->mem, parts, sizeof *parts);
  conn->sync.parts = NULL;
}

/* One name at least, however small the limit. */
static bool is_full(const struct gcn__engine* engine,
                    const struct gcn__buf* body, bool first) {
  const size_t frame_size = 16; /* of one entry, and of the list */
  uint64_t most = engine->settings.body_size_max;
  if (most == 0 || first) return false;
  return gcn__buf_size(body) + GCN__TOPIC_SIZE_MAX + frame_size > most;
}

/* Until the last part is there some topics are off a channel that served them
 * before. */
static void note_partial(struct gcn__conn* conn) {
  conn->channel.complete = false;
  if (!gcn__conn_streams(conn)) return;
  conn->drift_ms = gcn__time_min(conn->drift_ms, conn->sent_ms);
  conn->drift_all = true;
}

int gcn__verdict_write(struct gcn__conn* conn, struct gcn__buf* body) {
  struct gcn__sync* sync = &conn->sync;
  if (sync->parts == NULL) return GCN__ENOMEM;
  struct gcn__combine walk = sync->parts->walk;
  int error = gcn__buf_append_str(body, "[");
  bool first = true;
  sync->more = false;
  while (error == 0) {
    sync->parts->rest = walk;
    if (!gcn__combine_next(&walk)) break;
    if (is_full(conn->engine, body, first)) {
      sync->more = true;
      break;
    }
    error = gcn__channels_topic(body, gcn__combine_name(&walk), first);
    first = false;
  }
  if (sync->more) note_partial(conn);
  return error == 0 ? gcn__buf_append_str(body, "]") : error;
}

/* What the service says of the topics meanwhile is not heard: it is asked for
 * soon. */
static void confirm_attempt(struct gcn__conn* conn) {
  bool open = conn->stream.wire.phase == GCN__WIRE_OPEN;
  conn->session.overtaken = !open;
  if (open) gcn__conn_post(conn, GCN__INPUT_CONFIRMED);
}

static void confirm(struct gcn__conn* conn) {
  struct gcn__channel* channel = &conn->channel;
  struct gcn__shard* shard = gcn__shard_of(conn);
  channel->complete = true;
  channel->revision = conn->sent_revision;
  channel->streams = 0;
  conn->confirmed = true;
  conn->known_ms = conn->sent_ms;
  conn->whole_ms = conn->engine->now_ms;
  gcn__audit_repaired(conn);
  if (!gcn__conn_streams(conn)) {
    confirm_attempt(conn);
    return;
  }
  gcn__conn_post(conn, GCN__INPUT_SYNCED);
  bool changed = shard->revision != conn->sent_revision;
  bool more = conn->resync || conn->wants_audit || changed;
  if (more) gcn__conn_post(conn, GCN__INPUT_TOPICS);
}

static void take_part(struct gcn__conn* conn, struct gcn__json* body) {
  gcn__json_free(conn->report.body, false);
  conn->report = (struct gcn__report){.body = body, .last = !conn->sync.more};
  if (!conn->sync.more) {
    gcn__verdict_end(conn);
    confirm(conn);
    return;
  }
  conn->sync.parts->walk = conn->sync.parts->rest;
  gcn__call_begin(&conn->api, GCN__OP_ADD);
}

void gcn__verdict_take(struct gcn__conn* conn, enum gcn__op op,
                       struct gcn__json* body) {
  if (gcn__channels_topic_count(body) < 0) {
    gcn__json_free(body, false);
    gcn__answer_malformed(conn, GCN_EPROTO, op,
                          "the answer to the topics request holds no list",
                          GCN__INPUT_BROKEN);
  } else if (op == GCN__OP_AUDIT) {
    gcn__audit_take(conn, body);
    gcn__json_free(body, false);
  } else {
    take_part(conn, body);
  }
}

static struct gcn__span join_missing(struct gcn__engine* engine,
                                     const struct gcn__json* list) {
  struct gcn__buf* out = &engine->missing;
  gcn__buf_clear(out);
  for (size_t i = 0; i < gcn__json_count(list); i++) {
    struct gcn__span item = gcn__json_string(gcn__json_at(list, i));
    if (item.data == NULL) continue;
    /* A list that does not fit is cut: it is only told. */
    if (gcn__buf_size(out) > 0 && gcn__buf_append_str(out, ",") != 0) break;
    if (gcn__buf_append(out, item.data, item.size) != 0) break;
  }
  if (gcn__buf_size(out) == 0) return (struct gcn__span){NULL, 0};
  return gcn__buf_span(out);
}

static void fill_result(struct gcn__engine* engine,
                        const struct gcn__topic_answer* answer,
                        const struct gcn__topic* topic,
                        struct gcn__topic_result* result) {
  *result = (struct gcn__topic_result){
      .topic = topic != NULL ? gcn__span_str(topic->name) : answer->id,
      .verdict =
          answer->permitted ? GCN__VERDICT_PERMITTED : GCN__VERDICT_REJECTED,
      .reason = answer->reason,
      .missing = join_missing(engine, answer->missing),
  };
}

/* Its topics have changed, one by one and maybe many. */
static void ask_soon(struct gcn__shard* shard) {
  if (shard == NULL) return; /* it will be opened */
  shard->revision++;
  if (shard->primary == NULL) return; /* likewise */
  shard->primary->commands |= GCN__COMMAND_TOPICS;
  if (shard->successor == NULL) return;
  shard->successor->commands |= GCN__COMMAND_TOPICS;
}

/* It may be off the one channel before it is on the other. */
static void note_moved(struct gcn__engine* engine, struct gcn__topic* topic) {
  const struct gcn__shard* shard = engine->shards[topic->shard];
  struct gcn__conn* to = shard == NULL ? NULL : shard->primary;
  if (topic->verdict != GCN__VERDICT_PERMITTED || to == NULL) return;
  topic->missed = true;
  to->drift_ms = gcn__time_min(to->drift_ms, engine->now_ms);
}

/* A combined name that is rejected as a whole does not say which of its parts
 * is meant: they are asked for one by one. */
static bool single_out(struct gcn__conn* conn, struct gcn__topic* topic,
                       const struct gcn__topic_answer* answer) {
  bool own = gcn__span_iis(answer->id, topic->name);
  bool single = topic->alone || topic->prefix_size == topic->name_size ||
                !conn->engine->planner.limits.combine;
  if (answer->permitted || own || single) return false;
  if (topic->verdict == GCN__VERDICT_REJECTED) return false;
  struct gcn__engine* engine = conn->engine;
  if (gcn__planner_single_out(&engine->planner, topic) != 0) return false;
  ask_soon(engine->shards[conn->shard]);
  if (topic->shard == conn->shard) return true;
  ask_soon(engine->shards[topic->shard]);
  gcn__shard_replan(engine);
  note_moved(engine, topic);
  return true;
}

/* True if the verdict is new. */
static bool take_verdict(struct gcn__conn* conn, struct gcn__topic* topic,
                         bool permitted) {
  struct gcn__engine* engine = conn->engine;
  enum gcn__verdict before = topic->verdict;
  bool news = permitted != (before == GCN__VERDICT_PERMITTED);
  if (news && permitted) topic->permitted_ms = engine->now_ms;
  if (news && !permitted) topic->rejected_ms = engine->now_ms;
  if (permitted) {
    gcn__topic_permitted(topic);
  } else {
    const struct gcn__topic_pace pace = {
        .base_ms = engine->settings.topic_retry_ms,
        .cap_ms = engine->settings.topic_retry_max_ms,
    };
    gcn__topic_rejected(topic, &pace, &engine->rng, engine->now_ms);
  }
  /* The other one of a rotation may have been asked without it. */
  struct gcn__shard* shard = gcn__shard_of(conn);
  bool back = permitted && before == GCN__VERDICT_REJECTED;
  if (back && shard->successor != NULL) ask_soon(shard);
  return topic->verdict != before;
}

/* The next topic that the entry speaks for, if that is news. */
static bool next_of_entry(struct gcn__conn* conn,
                          const struct gcn__topic_answer* answer,
                          struct gcn__topic_result* result) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__cover walk;
  struct gcn__topic* topic;
  bool known = false;
  gcn__cover_init(&walk, &engine->topics, conn->shard, answer->id);
  while ((topic = gcn__cover_next(&walk)) != NULL) {
    known = true;
    if (topic->answered == conn->sync.serial) continue;
    topic->answered = conn->sync.serial;
    if (single_out(conn, topic, answer)) continue;
    if (!take_verdict(conn, topic, answer->permitted)) continue;
    fill_result(engine, answer, topic, result);
    return true;
  }
  conn->report.index++;
  /* One name out of a topic that the user combined: only a no is news. */
  if (known || answer->permitted) return false;
  if (conn->sent_revision == conn->told) return false;
  fill_result(engine, answer, NULL, result);
  return true;
}

static bool next_entry(struct gcn__conn* conn,
                       struct gcn__topic_result* result) {
  struct gcn__report* report = &conn->report;
  size_t count = (size_t)gcn__channels_topic_count(report->body);
  for (;;) {
    if (report->index == count) {
      if (report->combined) return false;
      report->combined = true;
      report->index = 0;
      if (count == 0) return false;
    }
    struct gcn__topic_answer answer;
    bool good = gcn__channels_read_topic(report->body, report->index, &answer);
    if (!good || gcn__cover_is_combined(answer.id) != report->combined) {
      report->index++;
      continue;
    }
    if (next_of_entry(conn, &answer, result)) return true;
  }
}

/* Topics that the answer passed over.  Those added since the request are still
 * pending, and can't be told from the others when the set has changed. */
static bool next_missing(struct gcn__conn* conn,
                         struct gcn__topic_result* result) {
  const struct gcn__topics* topics = &conn->engine->topics;
  if (!conn->report.last) return false;
  if (gcn__shard_of(conn)->revision != conn->sent_revision) return false;
  while (conn->report.topic < topics->count) {
    struct gcn__topic* topic = &topics->items[conn->report.topic++];
    if (topic->shard != conn->shard || !topic->asked) continue;
    if (topic->answered == conn->sync.serial) continue;
    if (topic->verdict == GCN__VERDICT_UNKNOWN) continue;
    topic->verdict = GCN__VERDICT_UNKNOWN;
    *result = (struct gcn__topic_result){
        .topic = gcn__span_str(topic->name),
        .verdict = GCN__VERDICT_UNKNOWN,
    };
    return true;
  }
  return false;
}

static void count_rejected(struct gcn__engine* engine) {
  uint64_t count = 0;
  for (size_t i = 0; i < engine->topics.count; i++) {
    if (engine->topics.items[i].verdict == GCN__VERDICT_REJECTED) count++;
  }
  engine->counters.topics_rejected = count;
}

bool gcn__verdict_next(struct gcn__conn* conn, struct gcn__effect* effect) {
  struct gcn__engine* engine = conn->engine;
  *effect = (struct gcn__effect){.kind = GCN__EFFECT_TOPIC};
  if (gcn__audit_next(conn, effect)) return true;
  if (conn->report.body == NULL) return false;
  if (next_entry(conn, &effect->topic)) return true;
  if (next_missing(conn, &effect->topic)) return true;
  gcn__json_free(conn->report.body, false);
  conn->report.body = NULL;
  if (conn->report.last) conn->told = conn->sent_revision;
  count_rejected(engine);
  gcn__shard_of(conn)->topics_due_ms =
      gcn__topics_next_due(&engine->topics, conn->shard);
  return false;
}
