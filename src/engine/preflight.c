/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: which subscriptions are valid.
 *
 * The service refuses an upgrade as a whole for one invalid subscription and
 * does not say which.  The pre-flight does: what it does not confirm is left
 * out of the requests that follow, told to the user with the reason, and asked
 * about again as seldom as other rejected topics.  It is not asked for by
 * guessing: without a word of the pre-flight nothing is left out.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

static bool is_asked(const struct gcn__topic* topic) {
  return topic->verdict != GCN__VERDICT_REJECTED;
}

void gcn__preflight_ask(struct gcn__conn* conn) {
  struct gcn__topics* topics = &conn->engine->topics;
  for (size_t i = 0; i < topics->count; i++) {
    struct gcn__topic* topic = &topics->items[i];
    if (topic->shard == conn->shard) topic->asked = is_asked(topic);
  }
}

size_t gcn__preflight_askable(const struct gcn__conn* conn) {
  const struct gcn__topics* topics = &conn->engine->topics;
  size_t count = 0;
  for (size_t i = 0; i < topics->count; i++) {
    const struct gcn__topic* topic = &topics->items[i];
    if (topic->shard == conn->shard && is_asked(topic)) count++;
  }
  return count;
}

size_t gcn__preflight_wanted(const struct gcn__conn* conn) {
  const struct gcn__topics* topics = &conn->engine->topics;
  size_t count = 0;
  for (size_t i = 0; i < topics->count; i++) {
    if (topics->items[i].shard == conn->shard) count++;
  }
  return count;
}

int gcn__preflight_write(struct gcn__conn* conn, bool all,
                         struct gcn__buf* body) {
  const struct gcn__engine* engine = conn->engine;
  const struct gcn__topics* topics = &engine->topics;
  bool first = true;
  int error = 0;
  for (size_t i = 0; i < topics->count && error == 0; i++) {
    const struct gcn__topic* topic = &topics->items[i];
    bool wanted = topic->shard == conn->shard && (all || is_asked(topic));
    if (!wanted) continue;
    error = gcn__stream_append(&engine->shape, gcn__span_str(topic->name),
                               first, body);
    first = false;
  }
  if (error == 0 && first) error = gcn__buf_append_str(body, "[");
  return error == 0 ? gcn__buf_append_str(body, "]") : error;
}

static void unconfirmed(struct gcn__conn* conn, const char* why) {
  gcn__answer_malformed(conn, GCN_EPROTO, GCN__OP_AUDIT, why,
                        GCN__INPUT_STUBBORN);
}

void gcn__preflight_take(struct gcn__conn* conn, struct gcn__json* body) {
  int count = gcn__preflight_count(body);
  if (count <= 0) {
    gcn__json_free(body, false);
    unconfirmed(conn, count < 0 ? "the answer to the pre-flight holds no list"
                                : "the service refuses a subscription, and its "
                                  "pre-flight does not say which; check them");
    return;
  }
  gcn__json_free(conn->report.body, false);
  conn->report = (struct gcn__report){.body = body};
  gcn__conn_post(conn,
                 gcn__conn_streams(conn) ? GCN__INPUT_SYNCED : GCN__INPUT_STEP);
}

void gcn__preflight_grant(struct gcn__conn* conn) {
  gcn__json_free(conn->report.body, false);
  conn->report = (struct gcn__report){.granted = true};
}

static void reject(struct gcn__conn* conn, struct gcn__topic* topic) {
  struct gcn__engine* engine = conn->engine;
  const struct gcn__topic_pace pace = {
      .base_ms = engine->settings.topic_retry_ms,
      .cap_ms = engine->settings.topic_retry_max_ms,
  };
  if (topic->verdict != GCN__VERDICT_REJECTED) {
    topic->rejected_ms = engine->now_ms;
  }
  gcn__topic_rejected(topic, &pace, &engine->rng, engine->now_ms);
}

/* Subscriptions of one resource may differ in their filters only, which the
 * answer does not show.  An answer with one entry for each that was asked about
 * has them in our order. */
static bool entry_in_order(const struct gcn__conn* conn,
                           const struct gcn__topic* topic,
                           struct gcn__preflight_entry* entry) {
  const struct gcn__json* body = conn->report.body;
  size_t count = (size_t)gcn__preflight_count(body);
  bool same = count == gcn__preflight_wanted(conn) &&
              gcn__shard_of(conn)->revision == conn->flow.asked_revision;
  size_t at = conn->report.index - 1;
  if (!same || at >= count) return false;
  return gcn__preflight_read(body, at, entry) &&
         gcn__preflight_covers(entry, gcn__span_str(topic->name));
}

/* Else what is said of the resource holds for all that name it, and a no is
 * stronger. */
static bool find_entry(const struct gcn__conn* conn,
                       const struct gcn__topic* topic,
                       struct gcn__preflight_entry* entry) {
  const struct gcn__json* body = conn->report.body;
  size_t count = (size_t)gcn__preflight_count(body);
  struct gcn__preflight_entry next;
  bool found = false;
  if (entry_in_order(conn, topic, entry)) return true;
  for (size_t i = 0; i < count; i++) {
    if (!gcn__preflight_read(body, i, &next)) continue;
    if (!gcn__preflight_covers(&next, gcn__span_str(topic->name))) continue;
    if (!found || !next.active) *entry = next;
    found = true;
  }
  return found;
}

/* It was added after the question was sent: nothing was said of it. */
static bool is_newer(const struct gcn__conn* conn,
                     const struct gcn__topic* topic) {
  bool changed = gcn__shard_of(conn)->revision != conn->flow.asked_revision;
  return changed && !topic->asked && topic->verdict != GCN__VERDICT_REJECTED;
}

/* True if the verdict is news. */
static bool take_entry(struct gcn__conn* conn, struct gcn__topic* topic,
                       struct gcn__topic_result* result) {
  struct gcn__preflight_entry entry;
  enum gcn__verdict before = topic->verdict;
  bool found = find_entry(conn, topic, &entry);
  if (found && entry.active) {
    if (before != GCN__VERDICT_REJECTED) return false;
    /* It is told when it is on a stream. */
    topic->verdict = GCN__VERDICT_PENDING;
    conn->report.changed = true;
    return false;
  }
  if (!found && is_newer(conn, topic)) return false;
  reject(conn, topic);
  if (before == GCN__VERDICT_REJECTED) return false;
  *result = (struct gcn__topic_result){
      .topic = gcn__span_str(topic->name),
      .verdict = GCN__VERDICT_REJECTED,
      .reason =
          found ? entry.reason : GCN__SPAN("the pre-flight did not confirm it"),
  };
  return true;
}

static bool take_grant(struct gcn__conn* conn, struct gcn__topic* topic,
                       struct gcn__topic_result* result) {
  if (!topic->asked || topic->verdict == GCN__VERDICT_PERMITTED) return false;
  topic->permitted_ms = conn->engine->now_ms;
  gcn__topic_permitted(topic);
  *result = (struct gcn__topic_result){
      .topic = gcn__span_str(topic->name),
      .verdict = GCN__VERDICT_PERMITTED,
  };
  return true;
}

static void count_rejected(struct gcn__engine* engine) {
  uint64_t count = 0;
  for (size_t i = 0; i < engine->topics.count; i++) {
    if (engine->topics.items[i].verdict == GCN__VERDICT_REJECTED) count++;
  }
  engine->counters.topics_rejected = count;
}

/* What is valid again goes on a stream soon. */
static void end_report(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__shard* shard = gcn__shard_of(conn);
  bool changed = conn->report.changed;
  gcn__json_free(conn->report.body, false);
  conn->report = (struct gcn__report){.body = NULL};
  count_rejected(engine);
  shard->topics_due_ms = gcn__topics_next_due(&engine->topics, conn->shard);
  if (!changed) return;
  shard->revision++;
  if (shard->primary == NULL) return;
  shard->primary->commands |= GCN__COMMAND_TOPICS;
}

bool gcn__preflight_next(struct gcn__conn* conn, struct gcn__effect* effect) {
  struct gcn__report* report = &conn->report;
  struct gcn__topics* topics = &conn->engine->topics;
  *effect = (struct gcn__effect){.kind = GCN__EFFECT_TOPIC};
  if (report->body == NULL && !report->granted) return false;
  while (report->topic < topics->count) {
    struct gcn__topic* topic = &topics->items[report->topic++];
    if (topic->shard != conn->shard) continue;
    report->index++;
    bool news = report->granted ? take_grant(conn, topic, &effect->topic)
                                : take_entry(conn, topic, &effect->topic);
    if (news) return true;
  }
  end_report(conn);
  return false;
}
