/* SPDX-License-Identifier: MIT */
/*
 * Verdicts, and when a rejected topic is asked for again.
 *
 * A rejection may be a permission that somebody is about to grant, so it is
 * tried again, but slowly: a request costs quota.  Jitter keeps clients apart;
 * topics of one client that were rejected together go together, because each
 * joins any request from its shortest possible wait on.
 */
#include "core/topics.h"

#include "base/time.h"

enum { JITTER_DIVISOR = 5 /* 20 % */ };

void gcn__topic_permitted(struct gcn__topic* topic) {
  topic->verdict = GCN__VERDICT_PERMITTED;
  topic->rejections = 0;
  topic->retry_from_ms = 0;
  topic->retry_at_ms = 0;
}

static uint64_t wait_after(const struct gcn__topic_pace* pace,
                           unsigned rejections) {
  uint64_t wait_ms = gcn__time_min(pace->base_ms, pace->cap_ms);
  for (unsigned i = 1; i < rejections && wait_ms < pace->cap_ms; i++) {
    wait_ms = gcn__time_min(gcn__time_add(wait_ms, wait_ms), pace->cap_ms);
  }
  return wait_ms;
}

void gcn__topic_rejected(struct gcn__topic* topic,
                         const struct gcn__topic_pace* pace,
                         struct gcn__rng* rng, uint64_t now_ms) {
  topic->verdict = GCN__VERDICT_REJECTED;
  if (topic->rejections < UINT8_MAX) topic->rejections++;
  uint64_t wait_ms = wait_after(pace, topic->rejections);
  uint64_t jitter_ms = wait_ms / JITTER_DIVISOR;
  topic->retry_from_ms = gcn__time_add(now_ms, wait_ms - jitter_ms);
  topic->retry_at_ms = gcn__time_add(topic->retry_from_ms,
                                     gcn__rng_between(rng, 0, 2 * jitter_ms));
}

size_t gcn__topics_ask(struct gcn__topics* topics, unsigned shard,
                       uint64_t now_ms) {
  size_t count = 0;
  for (size_t i = 0; i < topics->count; i++) {
    struct gcn__topic* topic = &topics->items[i];
    if (topic->shard != shard) continue;
    topic->asked = topic->verdict != GCN__VERDICT_REJECTED ||
                   topic->retry_from_ms <= now_ms;
    if (topic->asked) count++;
  }
  return count;
}

static bool waits(const struct gcn__topic* topic, unsigned shard) {
  return topic->shard == shard && topic->verdict == GCN__VERDICT_REJECTED;
}

size_t gcn__topics_due(const struct gcn__topics* topics, unsigned shard,
                       uint64_t now_ms) {
  size_t count = 0;
  for (size_t i = 0; i < topics->count; i++) {
    const struct gcn__topic* topic = &topics->items[i];
    if (waits(topic, shard) && topic->retry_at_ms <= now_ms) count++;
  }
  return count;
}

uint64_t gcn__topics_next_due(const struct gcn__topics* topics,
                              unsigned shard) {
  uint64_t next_ms = GCN__NEVER;
  for (size_t i = 0; i < topics->count; i++) {
    const struct gcn__topic* topic = &topics->items[i];
    if (!waits(topic, shard)) continue;
    next_ms = gcn__time_min(next_ms, topic->retry_at_ms);
  }
  return next_ms;
}

void gcn__topics_retry_now(struct gcn__topics* topics) {
  for (size_t i = 0; i < topics->count; i++) {
    struct gcn__topic* topic = &topics->items[i];
    topic->rejections = 0;
    topic->retry_from_ms = 0;
    topic->retry_at_ms = 0;
  }
}
