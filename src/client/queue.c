/* SPDX-License-Identifier: MIT */
/*
 * See queue.h.
 */
#include "client/queue.h"

#include "base/assert.h"
#include "base/err.h"

void gcn__queue_init(struct gcn__queue* queue, const struct gcn__mem* mem) {
  queue->mem = mem;
  queue->count = 0;
  queue->size = 0;
  gcn__list_init(&queue->order);
  for (int i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    gcn__list_init(&queue->lanes[i]);
  }
  queue->buckets = NULL;
}

enum { BUCKETS_SIZE = GCN__QUEUE_BUCKET_COUNT * sizeof(struct gcn__list) };

/* They stay: what has waited once may have to wait again. */
static bool make_buckets(struct gcn__queue* queue) {
  if (queue->buckets != NULL) return true;
  queue->buckets = gcn__alloc(queue->mem, BUCKETS_SIZE);
  if (queue->buckets == NULL) return false;
  for (int i = 0; i < GCN__QUEUE_BUCKET_COUNT; i++) {
    gcn__list_init(&queue->buckets[i]);
  }
  return true;
}

void gcn__queue_clear(struct gcn__queue* queue) {
  struct gcn__queued* item;
  while ((item = gcn__queue_first(queue)) != NULL) {
    gcn__copy_release(gcn__queue_take(queue, item));
  }
  gcn__free(queue->mem, queue->buckets, BUCKETS_SIZE);
  queue->buckets = NULL;
}

/* FNV-1a; who makes many collide makes a search in what the window bounds. */
static uint64_t mix(uint64_t hash, gcn_span_t span) {
  for (size_t i = 0; i < span.size; i++) {
    hash = (hash ^ (unsigned char)span.data[i]) * 0x100000001b3;
  }
  return (hash ^ 0x100) * 0x100000001b3;
}

static uint64_t hash_of(const gcn_event_t* event) {
  return mix(mix(0xcbf29ce484222325, event->topic), event->resource_id);
}

static bool same_span(gcn_span_t a, gcn_span_t b) {
  return a.size == b.size &&
         (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_thing(const gcn_event_t* a, const gcn_event_t* b) {
  return same_span(a->topic, b->topic) &&
         same_span(a->resource_id, b->resource_id);
}

int gcn__queue_add(struct gcn__queue* queue, struct gcn__list* copies,
                   const gcn_event_t* event, struct gcn__key key,
                   uint64_t made_ms) {
  if (!make_buckets(queue)) return GCN__ENOMEM;
  struct gcn__queued* item = gcn__alloc_zero(queue->mem, sizeof *item);
  if (item == NULL) return GCN__ENOMEM;
  item->copy = gcn__copy_new(queue->mem, copies, event);
  if (item->copy == NULL) {
    gcn__free(queue->mem, item, sizeof *item);
    return GCN__ENOMEM;
  }
  GCN__ASSERT(event->connection_index < GCN__LANE_COUNT_MAX);
  item->key = key;
  item->made_ms = made_ms;
  item->hash = hash_of(event);
  item->size = event->message.size;
  size_t bucket = item->hash % GCN__QUEUE_BUCKET_COUNT;
  gcn__list_append(&queue->order, &item->order);
  gcn__list_append(&queue->lanes[event->connection_index], &item->lane);
  gcn__list_append(&queue->buckets[bucket], &item->bucket);
  queue->count++;
  queue->size += item->size;
  return 0;
}

struct gcn__queued* gcn__queue_first(const struct gcn__queue* queue) {
  if (gcn__list_empty(&queue->order)) return NULL;
  return GCN__CONTAINER_OF(queue->order.next, struct gcn__queued, order);
}

struct gcn__queued* gcn__queue_find(const struct gcn__queue* queue,
                                    const gcn_event_t* event) {
  if (queue->buckets == NULL) return NULL;
  uint64_t hash = hash_of(event);
  const struct gcn__list* bucket =
      &queue->buckets[hash % GCN__QUEUE_BUCKET_COUNT];
  struct gcn__list* at = bucket->next;
  for (; at != bucket; at = at->next) {
    struct gcn__queued* item =
        GCN__CONTAINER_OF(at, struct gcn__queued, bucket);
    bool same = item->hash == hash && same_thing(&item->copy->event, event);
    if (same) return item;
  }
  return NULL;
}

static void drop_position(struct gcn__queue* queue, struct gcn__queued* item) {
  gcn__free(queue->mem, item->position, item->position_size);
  item->position = NULL;
  item->position_size = 0;
}

bool gcn__queue_mark(struct gcn__queue* queue, const struct gcn__mark* mark) {
  const struct gcn__list* lane = &queue->lanes[mark->shard];
  if (gcn__list_empty(lane)) return false;
  struct gcn__queued* item =
      GCN__CONTAINER_OF(lane->prev, struct gcn__queued, lane);
  size_t size = mark->position.size;
  if (size == 0 || size > GCN__POSITION_SIZE_MAX) return true;
  char* position = gcn__alloc(queue->mem, size);
  if (position == NULL) return true;
  memcpy(position, mark->position.data, size);
  drop_position(queue, item);
  item->position = position;
  item->position_size = size;
  item->is_time = mark->is_time;
  return true;
}

bool gcn__queue_hand_back(struct gcn__queue* queue, struct gcn__queued* item) {
  if (item->position == NULL) return true;
  const struct gcn__list* lane =
      &queue->lanes[item->copy->event.connection_index];
  if (item->lane.prev == lane) return false;
  struct gcn__queued* before =
      GCN__CONTAINER_OF(item->lane.prev, struct gcn__queued, lane);
  drop_position(queue, before);
  before->position = item->position;
  before->position_size = item->position_size;
  before->is_time = item->is_time;
  item->position = NULL;
  item->position_size = 0;
  return true;
}

struct gcn__position gcn__queued_position(const struct gcn__queued* item) {
  return (struct gcn__position){
      .text = gcn__span(item->position, item->position_size),
      .is_time = item->is_time,
  };
}

struct gcn__copy* gcn__queue_take(struct gcn__queue* queue,
                                  struct gcn__queued* item) {
  struct gcn__copy* copy = item->copy;
  gcn__list_remove(&item->order);
  gcn__list_remove(&item->lane);
  gcn__list_remove(&item->bucket);
  queue->count--;
  queue->size -= item->size;
  drop_position(queue, item);
  gcn__free(queue->mem, item, sizeof *item);
  return copy;
}
