/* SPDX-License-Identifier: MIT */
/*
 * What the user wants, and looking in: the engine's plain accessors.
 */
#include "engine/internal.h"

#include "base/err.h"

/* Only the shards whose topics change have to ask for them again. */
static void touch(struct gcn__engine* engine, const char* const* names,
                  size_t count) {
  for (size_t i = 0; i < count; i++) {
    const struct gcn__topic* topic =
        gcn__topics_find(&engine->topics, gcn__span_str(names[i]));
    if (topic == NULL || topic->shard == GCN__SHARD_NONE) continue;
    struct gcn__shard* shard = engine->shards[topic->shard];
    if (shard != NULL) shard->revision++;
  }
}

int gcn__engine_topics_add(struct gcn__engine* engine, const char* const* names,
                           size_t count) {
  uint64_t revision = engine->topics.revision;
  engine->calm = NULL;
  int error = gcn__planner_add(&engine->planner, &engine->topics, names, count);
  if (error != 0 || engine->topics.revision == revision) return error;
  gcn__shard_replan(engine);
  touch(engine, names, count);
  return 0;
}

size_t gcn__engine_topics_remove(struct gcn__engine* engine,
                                 const char* const* names, size_t count) {
  engine->calm = NULL;
  touch(engine, names, count);
  size_t removed =
      gcn__planner_remove(&engine->planner, &engine->topics, names, count);
  gcn__shard_replan(engine);
  return removed;
}

size_t gcn__engine_topic_count(const struct gcn__engine* engine) {
  return engine->topics.count;
}

const struct gcn__topics* gcn__engine_topics(const struct gcn__engine* engine) {
  return &engine->topics;
}

int gcn__engine_credentials(struct gcn__engine* engine,
                            const struct gcn__offer* offer) {
  engine->calm = NULL;
  return gcn__keeper_credentials(engine, offer);
}

/* The order in which states are told of several connections: what is furthest
 * from streaming first. */
static int distance(enum gcn__state state) {
  switch (state) {
  case GCN__STATE_CLOSING: return 8;
  case GCN__STATE_REFUSED: return 7;
  case GCN__STATE_BACKING_OFF: return 6;
  case GCN__STATE_CONNECTING: return 5;
  case GCN__STATE_AUTHENTICATING: return 4;
  case GCN__STATE_SUBSCRIBING: return 3;
  case GCN__STATE_STREAMING: return 2;
  case GCN__STATE_IDLE: return 1;
  case GCN__STATE_CLOSED:
  case GCN__STATE_COUNT: break;
  }
  return 0;
}

int gcn__engine_compare(enum gcn__state a, enum gcn__state b) {
  return distance(a) - distance(b);
}

/* While a connection is still being closed, so is the client. */
static bool lingering(const struct gcn__engine* engine) {
  unsigned slot = 0;
  const struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (conn->session.state != GCN__STATE_CLOSED) return true;
  }
  return false;
}

enum gcn__state gcn__engine_state(const struct gcn__engine* engine) {
  enum gcn__state state = GCN__STATE_CLOSED;
  unsigned index = 0;
  const struct gcn__shard* shard;
  while ((shard = gcn__shard_next(engine, &index)) != NULL) {
    enum gcn__state other = shard->primary->session.state;
    if (gcn__engine_compare(other, state) > 0) state = other;
  }
  bool early = state == GCN__STATE_CLOSED && lingering(engine);
  return early ? GCN__STATE_CLOSING : state;
}

bool gcn__engine_wanted(const struct gcn__engine* engine) {
  return engine->desire == GCN__DESIRE_STREAMING;
}

size_t gcn__engine_shard_count(const struct gcn__engine* engine) {
  size_t count = 0;
  unsigned index = 0;
  while (gcn__shard_next(engine, &index) != NULL)
    count++;
  return count;
}

const struct gcn__session* gcn__engine_session(const struct gcn__engine* engine,
                                               unsigned shard) {
  if (shard >= engine->shard_end || engine->shards[shard] == NULL) return NULL;
  const struct gcn__conn* conn = engine->shards[shard]->primary;
  return conn == NULL ? NULL : &conn->session;
}

const struct gcn__engine_counters*
gcn__engine_counters(const struct gcn__engine* engine) {
  return &engine->counters;
}

bool gcn__engine_settled(const struct gcn__engine* engine,
                         enum gcn__wire_index wire) {
  const struct gcn__line* line = gcn__engine_line(engine, wire);
  return line != NULL && line->wire.phase >= GCN__WIRE_READY;
}

uint64_t gcn__engine_token(const struct gcn__engine* engine,
                           uint64_t* expires_ms) {
  const struct gcn__token* token = &engine->keeper.token;
  *expires_ms = token->expires_ms;
  return token->text == NULL ? 0 : token->generation;
}

bool gcn__engine_wired(const struct gcn__engine* engine,
                       enum gcn__wire_index wire) {
  const struct gcn__line* line = gcn__engine_line(engine, wire);
  return line != NULL && line->wire.phase != GCN__WIRE_ABSENT;
}
