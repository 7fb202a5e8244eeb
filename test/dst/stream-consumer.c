/* SPDX-License-Identifier: MIT */
/*
 * A durable consumer: it acknowledges in any order, and what it has
 * acknowledged survives it.
 *
 * What is stored and how it is dealt out to the next engine's shards are the
 * rules of client/checkpoint-restore.c, told once more.
 */
#include "stream-world.h"

#include "base/time.h"

#include <string.h>

enum { ACK_ROUND_MAX = 64, ACK_STEP_MS = 2000, LAZY_MS = 120 * 1000 };

static void hold(struct world* world) {
  struct flow* flow = world->flow;
  bool full = flow->full ? !gcn__window_slack(&flow->window)
                         : gcn__window_full(&flow->window);
  if (full == flow->full) return;
  flow->full = full;
  if (!full) world->resumed_ms = world->now_ms;
  world_say(world, "the window is %s", full ? "full" : "open");
  bool paused = full || world->resume_ms != GCN__NEVER;
  gcn__engine_pause(world->engine, paused, world->now_ms);
}

void flow_give(struct world* world, const struct gcn__event* event,
               size_t index) {
  struct flow* flow = world->flow;
  uint64_t sequence = flow->window.next;
  if (flow->pending_count == FLOW_PENDING_MAX) {
    world_break(world, "P14: the window does not stop the stream");
    return;
  }
  if (gcn__window_give(&flow->window, event->shard, event->message.size,
                       event->key) != 0) {
    world_break(world, "no memory for an event");
    return;
  }
  if (!gcn__key_is(&event->key)) world_break(world, "an event without a key");
  flow->pending[flow->pending_count++] = (struct flow_pending){sequence, index};
  hold(world);
  if (flow->ack_ms != GCN__NEVER) return;
  flow->ack_ms = world->now_ms + world_below(world, ACK_STEP_MS);
  bool lazy = !world->healed && world_below(world, 50) == 0;
  if (lazy) flow->ack_ms += world_below(world, LAZY_MS);
}

void flow_mark(struct world* world, const struct gcn__mark* mark) {
  const struct gcn__position position = {mark->position, mark->is_time};
  world_say(world, "mark of shard %u: %.*s", mark->shard,
            (int)mark->position.size, mark->position.data);
  if (gcn__window_mark(&world->flow->window, mark->shard, &position) == 0) {
    return;
  }
  world_break(world, "a position that can't be kept");
}

static void ack_one(struct world* world) {
  struct flow* flow = world->flow;
  size_t at = (size_t)world_below(world, flow->pending_count);
  struct flow_pending done = flow->pending[at];
  flow->pending[at] = flow->pending[--flow->pending_count];
  if (gcn__window_ack(&flow->window, done.sequence) != 0) {
    world_break(world, "P13: an event can't be acknowledged");
  }
  flow->events[done.event].acked = true;
  flow->acks++;
}

uint64_t flow_deadline(const struct world* world) {
  return world->flow->ack_ms;
}

void flow_tick(struct world* world) {
  struct flow* flow = world->flow;
  if (flow->ack_ms > world->now_ms) return;
  size_t count = (size_t)world_between(world, 1, ACK_ROUND_MAX);
  while (count-- > 0 && flow->pending_count > 0)
    ack_one(world);
  flow_weigh(world);
  flow->ack_ms = flow->pending_count == 0
                     ? GCN__NEVER
                     : world->now_ms + world_between(world, 1, ACK_STEP_MS);
  bool full = flow->full;
  hold(world);
  if (full && !flow->full) world_turn(world);
}

/* What was in hand when the consumer died lies inside a gap, if the service
 * does not go on at the position. */
void flow_weigh(struct world* world) {
  struct flow* flow = world->flow;
  if (flow->pending_count > 0) return;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    const struct shard_view* view = &world->shards[i];
    uint64_t good_ms = gcn__engine_standing(world->engine, i).good_ms;
    bool streamed = view->stream_since_ms != 0;
    if (streamed && good_ms != 0) flow->good_ms[i] = good_ms;
  }
}

static void store_lane(struct world* world, unsigned shard) {
  struct flow* flow = world->flow;
  struct flow_lane* lane = &flow->lanes[shard];
  struct gcn__standing standing = gcn__engine_standing(world->engine, shard);
  struct gcn__position position = gcn__window_position(&flow->window, shard);
  if (standing.used) {
    gcn__engine_topics_digest(world->engine, shard, lane->topics);
  }
  if (flow->good_ms[shard] > 0) lane->good_ms = flow->good_ms[shard];
  size_t count = gcn__window_handled_count(&flow->window, shard);
  bool known = position.text.size > 0 || count > 0;
  lane->used = lane->used || standing.used || known;
  lane->stale = !standing.used;
  lane->is_time = position.is_time;
  lane->position_size = position.text.size;
  if (position.text.size > 0) {
    memcpy(lane->position, position.text.data, position.text.size);
  }
  if (count > FLOW_HANDLED_MAX) {
    world_break(world, "P14: the window keeps %zu keys", count);
    return;
  }
  lane->handled_count = count;
  for (size_t i = 0; i < count; i++) {
    lane->handled[i] = gcn__window_handled(&flow->window, shard, i);
  }
}

void flow_store(struct world* world) {
  struct flow* flow = world->flow;
  flow_weigh(world);
  memcpy(flow->salt, gcn__engine_salt(world->engine), sizeof flow->salt);
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    store_lane(world, i);
  }
  for (size_t i = 0; i < flow->pending_count; i++) {
    size_t event = flow->pending[i].event;
    /* The service may have sent again what an earlier life has done. */
    if (flow->events[event].acked) continue;
    world->sent[event].delivered = false;
  }
  flow->pending_count = 0;
  flow->ack_ms = GCN__NEVER;
  flow->full = false;
  memset(flow->good_ms, 0, sizeof flow->good_ms);
}

/* Which lane each shard takes. */
struct deal {
  const struct flow_lane* of[GCN__SHARD_COUNT_MAX];
  bool whole[GCN__SHARD_COUNT_MAX];
  bool taken[GCN__SHARD_COUNT_MAX];
  unsigned left;
  uint64_t left_good_ms; /* 0: not known */
};

static void deal_whole(const struct world* world, struct deal* deal,
                       unsigned shard) {
  unsigned char digest[GCN__ENGINE_SALT_SIZE];
  if (!gcn__engine_standing(world->engine, shard).used) return;
  gcn__engine_topics_digest(world->engine, shard, digest);
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    unsigned number = (shard + i) % GCN__SHARD_COUNT_MAX;
    const struct flow_lane* lane = &world->flow->lanes[number];
    if (!lane->used || deal->taken[number]) continue;
    if (memcmp(digest, lane->topics, sizeof digest) != 0) continue;
    deal->of[shard] = lane;
    deal->whole[shard] = deal->taken[number] = true;
    return;
  }
}

static void count_left(const struct world* world, struct deal* deal) {
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    const struct flow_lane* lane = &world->flow->lanes[i];
    if (!lane->used || deal->taken[i]) continue;
    deal->left++;
    uint64_t good_ms = lane->good_ms;
    if (good_ms == 0) continue;
    bool earlier = deal->left_good_ms == 0 || good_ms < deal->left_good_ms;
    if (earlier) deal->left_good_ms = good_ms;
  }
}

static void deal_left(const struct world* world, struct deal* deal,
                      unsigned shard) {
  const struct flow_lane* lanes = world->flow->lanes;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    unsigned number = (shard + i) % GCN__SHARD_COUNT_MAX;
    if (!lanes[number].used || deal->taken[number]) continue;
    deal->of[shard] = &lanes[number];
    return;
  }
  if (lanes[0].used) deal->of[shard] = &lanes[0];
}

static uint64_t age_of(const struct world* world, uint64_t good_ms) {
  if (good_ms == 0) return UINT64_MAX;
  return world->now_ms - good_ms + world->engine->settings.latency_max_ms;
}

static struct gcn__restored restored(const struct world* world,
                                     const struct deal* deal, unsigned shard) {
  const struct flow_lane* lane = deal->of[shard];
  struct gcn__restored to = {
      .shard = shard,
      .position = gcn__span(lane->position, lane->position_size),
      .is_time = lane->is_time,
      .handled = lane->handled,
      .handled_count = lane->handled_count,
      .good_ago_ms = UINT64_MAX,
  };
  bool known = lane->position_size > 0;
  bool ours = !deal->taken[lane - world->flow->lanes];
  if (deal->whole[shard]) {
    to.good_ago_ms = age_of(world, lane->good_ms);
    to.must_tell = !known;
  } else if (ours) {
    to.good_ago_ms = age_of(world, deal->left_good_ms);
    to.must_tell = !known || deal->left > 1;
  }
  return to;
}

static int take(struct world* world, const struct gcn__restored* from) {
  struct gcn__window* window = &world->flow->window;
  if (from->position.size == 0 && from->handled_count == 0) return 0;
  const struct gcn__position position = {from->position, from->is_time};
  return gcn__window_restore(window, from->shard, &position, from->handled,
                             from->handled_count);
}

static void keep_good(struct world* world, const struct deal* deal) {
  uint64_t good_ms[GCN__SHARD_COUNT_MAX] = {0};
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    if (deal->of[i] == NULL) continue;
    good_ms[i] = deal->whole[i] ? deal->of[i]->good_ms : deal->left_good_ms;
  }
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    world->flow->lanes[i].good_ms = good_ms[i];
    world->flow->lanes[i].used = deal->of[i] != NULL;
  }
}

int flow_restore(struct world* world) {
  struct flow* flow = world->flow;
  struct deal deal = {.left = 0};
  struct gcn__restored all[GCN__SHARD_COUNT_MAX];
  size_t count = 0;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    deal_whole(world, &deal, i);
  }
  count_left(world, &deal);
  flow->loose = 0;
  flow->loose_shards = 0;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    bool used = gcn__engine_standing(world->engine, i).used;
    bool stored = flow->lanes[i].used && !deal.taken[i];
    if (!deal.whole[i] && (used || stored)) deal_left(world, &deal, i);
    if (deal.of[i] == NULL) continue;
    bool loose = !deal.whole[i] || deal.of[i]->stale;
    if (loose) flow->loose |= flow_topics_of(world, i);
    if (loose) flow->loose_shards |= UINT32_C(1) << i;
    all[count++] = restored(world, &deal, i);
  }
  int error = 0;
  for (size_t i = 0; i < count && error == 0; i++) {
    error = take(world, &all[i]);
  }
  if (error == 0) {
    error = gcn__engine_restore(world->engine, flow->salt, all, count,
                                world->now_ms);
  }
  keep_good(world, &deal);
  return error;
}
