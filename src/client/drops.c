/* SPDX-License-Identifier: MIT */
/*
 * See drops.h.
 */
#include "client/drops.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"
#include "core/gaps.h"

enum {
  FIRST_COUNT = 8,
  LANES_SIZE = GCN__LANE_COUNT_MAX * sizeof(struct gcn__drop),
};

_Static_assert((int)GCN_CERTAINTY_DROPPED == (int)GCN__CERTAINTY_POSSIBLE + 1,
               "the certainties that the engine knows, and this one");
_Static_assert((int)GCN__LANE_COUNT_MAX == (int)GCN_CONNECTION_COUNT_MAX,
               "each connection has a lane");

int gcn__drops_init(struct gcn__drops* drops, const struct gcn__mem* mem) {
  *drops = (struct gcn__drops){.mem = mem};
  drops->lanes = gcn__alloc_zero(mem, LANES_SIZE);
  return drops->lanes == NULL ? GCN__ENOMEM : 0;
}

static void clear(const struct gcn__mem* mem, struct gcn__drop* drop) {
  for (size_t i = 0; i < drop->topic_count; i++) {
    void* name = (void*)(uintptr_t)drop->topics[i].data;
    gcn__free(mem, name, drop->topics[i].size);
  }
  gcn__free(mem, drop->topics, drop->topic_capacity * sizeof *drop->topics);
  *drop = (struct gcn__drop){.since_ms = 0};
}

void gcn__drops_deinit(struct gcn__drops* drops) {
  if (drops->lanes == NULL) return;
  for (int i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    clear(drops->mem, &drops->lanes[i]);
  }
  gcn__free(drops->mem, drops->lanes, LANES_SIZE);
  drops->lanes = NULL;
}

static bool knows(const struct gcn__drop* drop, gcn_span_t topic) {
  for (size_t i = 0; i < drop->topic_count; i++) {
    const gcn_span_t* known = &drop->topics[i];
    bool same = known->size == topic.size &&
                memcmp(known->data, topic.data, topic.size) == 0;
    if (same) return true;
  }
  return false;
}

static bool make_room(const struct gcn__mem* mem, struct gcn__drop* drop) {
  if (drop->topic_count < drop->topic_capacity) return true;
  if (drop->topic_count == GCN__DROPS_TOPIC_COUNT_MAX) return false;
  size_t unit = sizeof *drop->topics;
  size_t capacity =
      drop->topic_capacity == 0 ? FIRST_COUNT : 2 * drop->topic_capacity;
  void* topics = gcn__resize(mem, drop->topics, drop->topic_capacity * unit,
                             capacity * unit);
  if (topics == NULL) return false;
  drop->topics = topics;
  drop->topic_capacity = capacity;
  return true;
}

static bool name(const struct gcn__mem* mem, struct gcn__drop* drop,
                 gcn_span_t topic) {
  if (topic.data == NULL || topic.size == 0) return false;
  if (topic.size > GCN_SUBSCRIPTION_SIZE_MAX) return false;
  if (knows(drop, topic)) return true;
  if (!make_room(mem, drop)) return false;
  char* copy = gcn__alloc(mem, topic.size);
  if (copy == NULL) return false;
  memcpy(copy, topic.data, topic.size);
  drop->topics[drop->topic_count++] =
      (gcn_span_t){.data = copy, .size = topic.size};
  return true;
}

static void extend(struct gcn__drop* drop, const gcn_event_t* event,
                   uint64_t made_ms) {
  uint64_t to_ms = event->received_ms;
  uint64_t from_ms = gcn__time_min(made_ms, to_ms);
  int64_t to_unix_ms = event->received_unix_ms;
  int64_t from_unix_ms = to_unix_ms - (int64_t)(to_ms - from_ms);
  drop->from_ms = gcn__time_min(drop->from_ms, from_ms);
  drop->to_ms = gcn__time_max(drop->to_ms, to_ms);
  if (from_unix_ms < drop->from_unix_ms) drop->from_unix_ms = from_unix_ms;
  if (to_unix_ms > drop->to_unix_ms) drop->to_unix_ms = to_unix_ms;
}

void gcn__drops_note(struct gcn__drops* drops, const gcn_event_t* event,
                     uint64_t made_ms, uint64_t now_ms) {
  GCN__ASSERT(event->connection_index < GCN__LANE_COUNT_MAX);
  struct gcn__drop* drop = &drops->lanes[event->connection_index];
  if (drop->since_ms == 0) {
    drops->count++;
    drop->since_ms = gcn__time_max(now_ms, 1);
    drop->from_ms = drop->to_ms = event->received_ms;
    drop->from_unix_ms = drop->to_unix_ms = event->received_unix_ms;
  }
  extend(drop, event, made_ms);
  if (drop->unnamed) return;
  drop->unnamed = !name(drops->mem, drop, event->topic);
}

void gcn__drops_number(struct gcn__drops* drops, unsigned lane,
                       uint64_t sequence) {
  GCN__ASSERT(drops->lanes[lane].sequence == 0 && sequence != 0);
  drops->lanes[lane].sequence = sequence;
  drops->numbered++;
}

bool gcn__drops_hold(const struct gcn__drops* drops, uint64_t sequence) {
  if (drops->numbered == 0 || sequence == 0) return false;
  for (int i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    if (drops->lanes[i].sequence == sequence) return true;
  }
  return false;
}

uint64_t gcn__drops_since(const struct gcn__drops* drops) {
  uint64_t since_ms = GCN__NEVER;
  if (drops->count == 0) return since_ms;
  for (int i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    const struct gcn__drop* drop = &drops->lanes[i];
    if (drop->since_ms == 0) continue;
    since_ms = gcn__time_min(since_ms, drop->since_ms);
  }
  return since_ms;
}

int gcn__drops_next(const struct gcn__drops* drops, gcn_gap_t* gap) {
  int index = 0;
  if (drops->count == 0) return -1;
  while (index < GCN__LANE_COUNT_MAX && drops->lanes[index].since_ms == 0)
    index++;
  if (index == GCN__LANE_COUNT_MAX) return -1;
  const struct gcn__drop* drop = &drops->lanes[index];
  *gap = (gcn_gap_t){
      .from_unix_ms = drop->from_unix_ms,
      .to_unix_ms = drop->to_unix_ms,
      .from_ms = drop->from_ms,
      .to_ms = drop->to_ms,
      .cause = "the consumer was too slow",
      .certainty = GCN_CERTAINTY_DROPPED,
      .connection_index = (unsigned)index,
      .topics = drop->unnamed ? NULL : drop->topics,
      .topic_count = drop->topic_count + (drop->unnamed ? 1 : 0),
  };
  return index;
}

void gcn__drops_clear(struct gcn__drops* drops, int index) {
  GCN__ASSERT(drops->count > 0);
  if (drops->lanes[index].sequence != 0) drops->numbered--;
  clear(drops->mem, &drops->lanes[index]);
  drops->count--;
}
