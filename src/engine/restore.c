/* SPDX-License-Identifier: MIT */
/*
 * Across restarts: what the last run left, and what the next one is left.
 *
 * A position is where the service goes on; a channel is taken up again if it
 * still holds the topics that are wanted; events that were handled beyond the
 * position are known and passed over.  Where nothing can be gone on with, the
 * time since the stream was last known to be good is a gap.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"
#include "codec/digest.h"

enum {
  /* What another process has handled may come once more for so long. */
  SEEN_AFTER_MS = 60000,
};

static void open_gap(struct gcn__engine* engine, struct gcn__shard* shard,
                     const struct gcn__restored* from) {
  uint64_t ago_ms = from->good_ago_ms;
  if (ago_ms == UINT64_MAX || shard->gaps.open) return;
  uint64_t within_ms = gcn__time_min(ago_ms, engine->now_ms);
  const struct gcn__gap gap = {
      .from_ms = engine->now_ms - within_ms,
      .before_ms = ago_ms - within_ms,
      .cause = GCN__INPUT_START,
      .certainty = GCN__CERTAINTY_BLIND,
      .firm = from->must_tell,
  };
  if (shard->primary != NULL) shard->primary->lost_ms = engine->now_ms;
  if (shard->position != NULL && !from->must_tell) {
    shard->doubt = gap;
    shard->doubter = shard->primary;
    return;
  }
  shard->gaps.open = true;
  shard->gaps.current = gap;
}

static int restore_seen(struct gcn__engine* engine,
                        const struct gcn__restored* from) {
  for (size_t i = 0; i < from->handled_count; i++) {
    int added = gcn__seen_add(&engine->seen, from->handled[i]);
    if (added < 0) return added;
  }
  return 0;
}

static int restore_shard(struct gcn__engine* engine,
                         const struct gcn__restored* from) {
  struct gcn__shard* shard = gcn__shard_make(engine, from->shard);
  if (shard == NULL) return GCN__ENOMEM;
  int error = restore_seen(engine, from);
  if (error != 0) return error;
  if (gcn__engine_flows(engine)) {
    bool fits = from->position.size > 0 &&
                from->position.size <= GCN__POSITION_TEXT_MAX;
    if (fits) {
      error =
          gcn__cursor_set(shard, &engine->mem, from->position, from->is_time);
    }
    if (error != 0) return error;
  } else if (shard->primary != NULL && from->channel_id.size > 0) {
    error = gcn__channel_restore(shard->primary, from);
    if (error != 0) return error;
  }
  open_gap(engine, shard, from);
  shard->position_ms = engine->now_ms;
  return 0;
}

/* Back to where nothing was restored. */
static void forget_all(struct gcn__engine* engine) {
  gcn__seen_deinit(&engine->seen);
  gcn__seen_init(&engine->seen, &engine->mem, GCN__SEEN_COUNT);
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    struct gcn__shard* shard = engine->shards[i];
    if (shard == NULL) continue;
    gcn__cursor_clear(shard, &engine->mem);
    shard->gaps.open = false;
    shard->doubter = NULL;
    if (shard->primary != NULL) gcn__channel_forget(shard->primary);
  }
}

int gcn__engine_restore(struct gcn__engine* engine, const unsigned char* salt,
                        const struct gcn__restored* shards, size_t count,
                        uint64_t now_ms) {
  engine->now_ms = gcn__time_max(engine->now_ms, now_ms);
  for (size_t i = 0; i < count; i++) {
    if (shards[i].shard >= GCN__SHARD_COUNT_MAX) continue;
    int error = restore_shard(engine, &shards[i]);
    if (error == 0) continue;
    forget_all(engine);
    return error;
  }
  memcpy(engine->salt, salt, sizeof engine->salt);
  engine->seen_until_ms = gcn__time_add(engine->now_ms, SEEN_AFTER_MS);
  return 0;
}

const unsigned char* gcn__engine_salt(const struct gcn__engine* engine) {
  return engine->salt;
}

/* What may still turn out to be missing; NULL: nothing. */
static const struct gcn__gap* open_question(const struct gcn__shard* shard) {
  if (shard->doubter != NULL) return &shard->doubt;
  return shard->gaps.open ? &shard->gaps.current : NULL;
}

/* 0 if that is what is stored already, of another run. */
static uint64_t good_until(const struct gcn__gap* open, uint64_t good_ms) {
  if (open == NULL) return good_ms;
  return open->before_ms > 0 ? 0 : gcn__time_min(good_ms, open->from_ms);
}

struct gcn__standing gcn__engine_standing(const struct gcn__engine* engine,
                                          unsigned shard_index) {
  const struct gcn__standing none = {.used = false};
  if (shard_index >= GCN__SHARD_COUNT_MAX) return none;
  const struct gcn__shard* shard = engine->shards[shard_index];
  const struct gcn__conn* conn = shard == NULL ? NULL : shard->primary;
  if (conn == NULL) return none;
  struct gcn__standing standing = {.used = true};
  standing.good_ms =
      gcn__conn_streams(conn) ? conn->session.proof_ms : conn->lost_ms;
  if (shard->lag_ms != 0) {
    standing.good_ms = gcn__time_min(standing.good_ms, shard->lag_ms);
  }
  if (gcn__engine_flows(engine)) {
    const struct gcn__gap* open = open_question(shard);
    standing.good_ms = good_until(open, standing.good_ms);
  }
  const struct gcn__channel* channel = &conn->channel;
  bool keeps = channel->known && channel->complete &&
               channel->revision == shard->revision &&
               channel->rotate_ms > engine->now_ms &&
               !gcn__engine_flows(engine);
  if (!keeps) return standing;
  standing.channel_id = gcn__span_str(channel->id);
  standing.connect_uri = gcn__span_str(channel->uri_text);
  standing.channel_left_ms = channel->rotate_ms - engine->now_ms;
  return standing;
}

/* Names in the order of the set, which does not depend on that of the calls. */
void gcn__engine_topics_digest(const struct gcn__engine* engine, unsigned shard,
                               unsigned char digest[GCN__ENGINE_SALT_SIZE]) {
  unsigned char sum[2 * GCN__SHA256_SIZE] = {0};
  unsigned char whole[GCN__SHA256_SIZE] = {0};
  memset(digest, 0, GCN__ENGINE_SALT_SIZE);
  for (size_t i = 0; i < engine->topics.count; i++) {
    const struct gcn__topic* topic = &engine->topics.items[i];
    if (topic->shard != shard) continue;
    struct gcn__span name = gcn__span(topic->name, topic->name_size);
    if (!gcn__sha256(name, sum + GCN__SHA256_SIZE)) return;
    if (!gcn__sha256(gcn__span((const char*)sum, sizeof sum), whole)) return;
    memcpy(sum, whole, sizeof whole);
  }
  memcpy(digest, sum, GCN__ENGINE_SALT_SIZE);
}

void gcn__engine_unreadable(struct gcn__engine* engine, int error,
                            const char* text, uint64_t now_ms) {
  engine->now_ms = gcn__time_max(engine->now_ms, now_ms);
  engine->drained = false;
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (conn->session.state != GCN__STATE_IDLE) continue;
    gcn__failure_set(&conn->failure, error, GCN__LAYER_CLIENT,
                     GCN__OP_CHECKPOINT, "%s", text);
    gcn__conn_post(conn, GCN__INPUT_UNREADABLE);
  }
}
