/* SPDX-License-Identifier: MIT */
/*
 * Individual topics and who listens to them.
 *
 * A topic is known from its first subscription on.  It produces events ("live")
 * until somebody who subscribed to it takes it off a list again; the death of a
 * channel does not stop the world.
 */
#include "sim/service-state.h"
#include "sim/service-stream.h"

enum { BUCKETS_MIN = 64 };

static uint32_t hash_of(struct gcn__span name) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < name.size; i++) {
    hash = (hash ^ (unsigned char)gcn__ascii_lower(name.data[i])) * 16777619u;
  }
  return hash;
}

struct gcn__sim_topic* gcn__sim_topic_lookup(const struct gcn__sim* sim,
                                             struct gcn__span name) {
  if (sim->bucket_count == 0) return NULL;
  uint32_t hash = hash_of(name);
  struct gcn__sim_topic* topic = sim->buckets[hash & (sim->bucket_count - 1)];
  for (; topic != NULL; topic = topic->next) {
    if (topic->hash != hash) continue;
    if (gcn__span_iequal(gcn__span_str(topic->name), name)) return topic;
  }
  return NULL;
}

static void put_in_bucket(struct gcn__sim_topic** buckets, size_t count,
                          struct gcn__sim_topic* topic) {
  struct gcn__sim_topic** bucket = &buckets[topic->hash & (count - 1)];
  topic->next = *bucket;
  *bucket = topic;
}

static bool grow_buckets(struct gcn__sim* sim) {
  if (sim->topic_count < sim->bucket_count) return true;
  size_t count = sim->bucket_count == 0 ? BUCKETS_MIN : sim->bucket_count * 2;
  struct gcn__sim_topic** buckets =
      gcn__alloc_zero(sim->mem, count * sizeof(struct gcn__sim_topic*));
  if (buckets == NULL) return false;
  for (size_t i = 0; i < sim->bucket_count; i++) {
    struct gcn__sim_topic* topic = sim->buckets[i];
    while (topic != NULL) {
      struct gcn__sim_topic* next = topic->next;
      put_in_bucket(buckets, count, topic);
      topic = next;
    }
  }
  gcn__free(sim->mem, sim->buckets,
            sim->bucket_count * sizeof(struct gcn__sim_topic*));
  sim->buckets = buckets;
  sim->bucket_count = count;
  return true;
}

struct gcn__sim_topic* gcn__sim_topic_intern(struct gcn__sim* sim,
                                             struct gcn__span name) {
  struct gcn__sim_topic* topic = gcn__sim_topic_lookup(sim, name);
  if (topic != NULL) return topic;
  if (sim->topic_count >= GCN__SIM_TOPICS_MAX) return NULL;
  if (!grow_buckets(sim)) return NULL;
  topic = gcn__alloc_zero(sim->mem, sizeof(*topic) + name.size + 1);
  if (topic == NULL) return NULL;
  memcpy(topic->name, name.data, name.size);
  topic->hash = hash_of(name);
  topic->template = gcn__sim_template_of(name);
  topic->live_index = SIZE_MAX;
  gcn__list_init(&topic->subscriptions);
  put_in_bucket(sim->buckets, sim->bucket_count, topic);
  sim->topic_count++;
  return topic;
}

static bool make_live(struct gcn__sim* sim, struct gcn__sim_topic* topic,
                      uint64_t now_ms) {
  if (topic->live_index != SIZE_MAX) return true;
  if (sim->live_count == sim->live_capacity) {
    size_t capacity =
        sim->live_capacity == 0 ? BUCKETS_MIN : sim->live_capacity * 2;
    void* live =
        gcn__resize(sim->mem, sim->live,
                    sim->live_capacity * sizeof(struct gcn__sim_topic*),
                    capacity * sizeof(struct gcn__sim_topic*));
    if (live == NULL) return false;
    sim->live = live;
    sim->live_capacity = capacity;
  }
  if (sim->live_count + sim->streams->live_count == 0) {
    gcn__sim_events_start(sim, now_ms);
  }
  topic->live_index = sim->live_count;
  sim->live[sim->live_count++] = topic;
  return true;
}

static void make_quiet(struct gcn__sim* sim, struct gcn__sim_topic* topic) {
  size_t index = topic->live_index;
  if (index == SIZE_MAX) return;
  sim->live_count--;
  sim->live[index] = sim->live[sim->live_count];
  sim->live[index]->live_index = index;
  topic->live_index = SIZE_MAX;
}

static struct gcn__sim_subscription* in_channel(struct gcn__list* link) {
  return GCN__CONTAINER_OF(link, struct gcn__sim_subscription, in_channel);
}

static void free_subscription(struct gcn__sim_subscription* subscription,
                              const struct gcn__mem* mem) {
  gcn__list_remove(&subscription->in_channel);
  gcn__list_remove(&subscription->in_topic);
  gcn__free(mem, subscription, sizeof(*subscription));
}

void gcn__sim_topics_unlink(struct gcn__sim_channel* channel,
                            const struct gcn__mem* mem) {
  while (!gcn__list_empty(&channel->subscriptions)) {
    free_subscription(in_channel(channel->subscriptions.next), mem);
  }
}

static bool names(const char* entry, const struct gcn__sim_topic* topic) {
  char name[GCN__SIM_TOPIC_SIZE_MAX];
  struct gcn__span id = gcn__span_str(entry);
  for (size_t i = 0; gcn__sim_topic_part(id, i, name); i++) {
    if (gcn__span_iequal(gcn__span_str(name), gcn__span_str(topic->name))) {
      return true;
    }
  }
  return false;
}

static bool is_named(const struct gcn__sim_channel* channel,
                     const struct gcn__sim_topic* topic) {
  for (size_t i = 0; i < channel->entry_count; i++) {
    if (names(channel->entries[i], topic)) return true;
  }
  return false;
}

void gcn__sim_topics_prune(struct gcn__sim_channel* channel,
                           const struct gcn__mem* mem) {
  struct gcn__list* at = channel->subscriptions.next;
  while (at != &channel->subscriptions) {
    struct gcn__sim_subscription* subscription = in_channel(at);
    at = at->next;
    if (is_named(channel, subscription->topic)) continue;
    free_subscription(subscription, mem);
  }
}

/* Two entries may name one topic; its events come once. */
static bool listens(const struct gcn__sim_topic* topic,
                    const struct gcn__sim_channel* channel) {
  struct gcn__list* at = topic->subscriptions.next;
  for (; at != &topic->subscriptions; at = at->next) {
    struct gcn__sim_subscription* subscription =
        GCN__CONTAINER_OF(at, struct gcn__sim_subscription, in_topic);
    if (subscription->channel == channel) return true;
  }
  return false;
}

static bool link_topic(struct gcn__sim* sim, struct gcn__sim_channel* channel,
                       const char* name, uint64_t now_ms) {
  struct gcn__sim_topic* topic =
      gcn__sim_topic_intern(sim, gcn__span_str(name));
  if (topic == NULL || !make_live(sim, topic, now_ms)) return false;
  if (listens(topic, channel)) return true;
  struct gcn__sim_subscription* subscription =
      gcn__alloc_zero(sim->mem, sizeof(*subscription));
  if (subscription == NULL) return false;
  subscription->topic = topic;
  subscription->channel = channel;
  gcn__list_append(&topic->subscriptions, &subscription->in_topic);
  gcn__list_append(&channel->subscriptions, &subscription->in_channel);
  return true;
}

static bool link_entry(struct gcn__sim* sim, struct gcn__sim_channel* channel,
                       const char* entry, uint64_t now_ms) {
  struct gcn__span id = gcn__span_str(entry);
  char name[GCN__SIM_TOPIC_SIZE_MAX];
  for (size_t i = 0; gcn__sim_topic_part(id, i, name); i++) {
    const char* permission;
    if (gcn__sim_topic_refusal(sim, name, &permission) != 0) continue;
    if (!link_topic(sim, channel, name, now_ms)) return false;
  }
  return true;
}

bool gcn__sim_topics_relink(struct gcn__sim* sim,
                            struct gcn__sim_channel* channel, uint64_t now_ms) {
  struct gcn__list old;
  gcn__list_init(&old);
  while (!gcn__list_empty(&channel->subscriptions)) {
    struct gcn__list* link = channel->subscriptions.next;
    gcn__list_remove(link);
    gcn__list_append(&old, link);
    gcn__list_remove(&in_channel(link)->in_topic);
  }
  bool linked = true;
  for (size_t i = 0; i < channel->entry_count && linked; i++) {
    linked = link_entry(sim, channel, channel->entries[i], now_ms);
  }
  while (!gcn__list_empty(&old)) {
    struct gcn__sim_subscription* subscription = in_channel(old.next);
    struct gcn__sim_topic* topic = subscription->topic;
    free_subscription(subscription, sim->mem);
    if (gcn__list_empty(&topic->subscriptions)) make_quiet(sim, topic);
  }
  return linked;
}

void gcn__sim_topics_free(struct gcn__sim* sim) {
  for (size_t i = 0; i < sim->bucket_count; i++) {
    struct gcn__sim_topic* topic = sim->buckets[i];
    while (topic != NULL) {
      struct gcn__sim_topic* next = topic->next;
      gcn__free(sim->mem, topic, sizeof(*topic) + strlen(topic->name) + 1);
      topic = next;
    }
  }
  gcn__free(sim->mem, sim->buckets,
            sim->bucket_count * sizeof(struct gcn__sim_topic*));
  gcn__free(sim->mem, sim->live,
            sim->live_capacity * sizeof(struct gcn__sim_topic*));
  sim->buckets = NULL;
  sim->bucket_count = 0;
  sim->live = NULL;
}
