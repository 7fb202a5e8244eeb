/* SPDX-License-Identifier: MIT */
/*
 * A table of budgets, searched from end to end: it is looked at once per
 * attempt or call, never per event.
 */
#include "core/pace.h"

#include "base/time.h"

enum { LOST_WINDOW_MS = 1000 };

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME  UINT64_C(0x100000001b3)

void gcn__pace_init(struct gcn__pace* pace,
                    const struct gcn__settings* settings) {
  *pace = (struct gcn__pace){0};
  struct gcn__pace_entry* fresh = &pace->fresh;
  gcn__budget_init(&fresh->retries, settings->retry_burst,
                   settings->retry_refill_ms);
  gcn__budget_init(&fresh->channels, settings->channel_burst,
                   settings->channel_refill_ms);
  gcn__budget_init(&fresh->rest, settings->rest_burst,
                   settings->rest_refill_ms);
}

static uint64_t mix(uint64_t hash, struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    hash = (hash ^ (unsigned char)text.data[i]) * FNV_PRIME;
  }
  return hash;
}

/* The byte between them is in no host name. */
uint64_t gcn__pace_key(struct gcn__span host, struct gcn__span client_id) {
  uint64_t hash = mix(FNV_OFFSET, host);
  return mix(hash * FNV_PRIME, client_id);
}

/* Finds the key, or makes room for it. */
static struct gcn__pace_entry* find(struct gcn__pace* pace, uint64_t key) {
  struct gcn__pace_entry* oldest = &pace->entries[0];
  pace->use_count++;
  for (int i = 0; i < GCN__PACE_KEYS_MAX; i++) {
    struct gcn__pace_entry* entry = &pace->entries[i];
    if (entry->used != 0 && entry->key == key) {
      entry->used = pace->use_count;
      return entry;
    }
    if (entry->used < oldest->used) oldest = entry;
  }
  *oldest = pace->fresh;
  oldest->key = key;
  oldest->used = pace->use_count;
  return oldest;
}

uint64_t gcn__pace_retry(struct gcn__pace* pace, uint64_t key,
                         uint64_t now_ms) {
  return gcn__budget_take(&find(pace, key)->retries, now_ms);
}

uint64_t gcn__pace_channel(struct gcn__pace* pace, uint64_t key,
                           uint64_t now_ms) {
  return gcn__budget_take(&find(pace, key)->channels, now_ms);
}

void gcn__pace_channel_back(struct gcn__pace* pace, uint64_t key,
                            uint64_t now_ms) {
  gcn__budget_give_back(&find(pace, key)->channels, now_ms);
}

/* Near the service's limit the bucket is held from call to call, so a slot in
 * it is one in the service's window, too. */
bool gcn__pace_rest_within(struct gcn__pace* pace, uint64_t key,
                           uint64_t now_ms, uint64_t patience_ms,
                           uint64_t* wait_ms) {
  struct gcn__pace_entry* entry = find(pace, key);
  uint64_t next_ms = gcn__limits_next(&entry->limits);
  if (next_ms > now_ms) gcn__budget_hold(&entry->rest, next_ms);
  *wait_ms = gcn__budget_wait(&entry->rest, now_ms);
  if (*wait_ms > patience_ms) return false;
  if (!gcn__budget_reserve(&entry->rest, now_ms, wait_ms)) return false;
  gcn__limits_spend(&entry->limits, gcn__time_add(now_ms, *wait_ms));
  return true;
}

bool gcn__pace_rest(struct gcn__pace* pace, uint64_t key, uint64_t now_ms,
                    uint64_t* wait_ms) {
  return gcn__pace_rest_within(pace, key, now_ms, GCN__NEVER, wait_ms);
}

void gcn__pace_hold(struct gcn__pace* pace, uint64_t key, uint64_t until_ms) {
  gcn__budget_hold(&find(pace, key)->rest, until_ms);
}

void gcn__pace_ratelimit(struct gcn__pace* pace, uint64_t key,
                         const struct gcn__quota* quota, uint64_t now_ms) {
  gcn__limits_told(&find(pace, key)->limits, quota, now_ms);
}

/* Two counts make a window that slides: of the second before, the part that is
 * still within the last 1000 ms. */
uint64_t gcn__pace_lost(struct gcn__pace* pace, uint64_t now_ms) {
  uint64_t age_ms = gcn__time_until(now_ms, pace->lost_since_ms);
  if (age_ms >= LOST_WINDOW_MS) {
    bool adjacent = age_ms < 2 * LOST_WINDOW_MS;
    pace->lost_before = adjacent ? pace->lost_count : 0;
    pace->lost_count = 0;
    pace->lost_since_ms =
        adjacent ? pace->lost_since_ms + LOST_WINDOW_MS : now_ms;
    age_ms = now_ms - pace->lost_since_ms;
  }
  pace->lost_count++;
  uint64_t share = pace->lost_before * (LOST_WINDOW_MS - age_ms);
  return pace->lost_count + share / LOST_WINDOW_MS;
}
