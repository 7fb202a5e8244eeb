/* SPDX-License-Identifier: MIT */
/*
 * A snapshot of the counters, cut to the size that the caller knows.
 */
#include "base/err.h"
#include "client/checkpoint.h"
#include "client/client.h"
#include "client/delivery.h"

static uint64_t age(uint64_t since_ms, uint64_t now_ms) {
  if (since_ms == 0) return UINT64_MAX;
  return now_ms > since_ms ? now_ms - since_ms : 0;
}

static void count_traffic(gcn_stats_t* stats,
                          const struct gcn__engine_counters* counters) {
  stats->events = counters->events;
  stats->event_bytes = counters->event_bytes;
  stats->heartbeats = counters->heartbeats;
  stats->notices = counters->notices;
  stats->garbage = counters->garbage;
  stats->received_bytes = counters->received_bytes;
  stats->sent_bytes = counters->sent_bytes;
  stats->attempts = counters->attempts;
  stats->nevers = counters->nevers;
  stats->streams = counters->streams;
  stats->gaps = counters->gaps;
  stats->gap_ms = counters->gap_ms;
  stats->token_requests = counters->token_requests;
  stats->channel_requests = counters->channel_requests;
  stats->topic_requests = counters->topic_requests;
  stats->upgrades = counters->upgrades;
  stats->limited = counters->limited;
  stats->topics_rejected = counters->topics_rejected;
  stats->last_outage = counters->last_outage_ms;
  stats->reused = counters->reused;
  stats->rotations = counters->rotations;
  stats->rotations_unproven = counters->unproven;
  stats->duplicates = counters->duplicates;
  stats->audits = counters->audits;
  stats->drifts = counters->drifts;
  stats->renewals = counters->renewals;
  stats->batches = counters->batches;
  stats->resumed = counters->resumed;
  stats->resumes_lost = counters->resumes_lost;
  stats->preflights = counters->preflights;
  stats->repeated = counters->repeated;
  stats->spares = counters->spares;
  stats->spares_used = counters->spares_used;
  stats->spares_lost = counters->spares_lost;
}

static void count_security(const gcn_client_t* client, gcn_stats_t* stats,
                           uint64_t now_ms) {
  uint64_t expires_ms;
  uint64_t generation = gcn__engine_token(client->engine, &expires_ms);
  bool alive = generation != 0 && expires_ms > now_ms;
  stats->token_life = alive ? expires_ms - now_ms : 0;
  if (client->tls == NULL) return;
  struct gcn__tls_counts counts = gcn__tls_config_counts(client->tls);
  stats->tls_full = counts.full;
  stats->tls_resumed = counts.resumed;
}

static void count_delivery(const gcn_client_t* client, gcn_stats_t* stats,
                           uint64_t now_ms) {
  struct gcn__delivery_counters counters = gcn__delivery_counters(client);
  stats->in_flight = counters.in_flight;
  stats->in_flight_size = counters.in_flight_size;
  stats->acked = counters.acked;
  stats->dropped = counters.dropped;
  stats->gaps += counters.gaps;
  stats->gap_ms += counters.gap_ms;
  if (counters.full) {
    /* 0 would say that it is not. */
    uint64_t since_ms = gcn__time_until(now_ms, counters.full_since_ms);
    stats->full_age = gcn__time_max(1, since_ms);
  }
}

static void count_checkpoint(const gcn_client_t* client, gcn_stats_t* stats,
                             uint64_t now_ms) {
  struct gcn__checkpoint_counters counters = gcn__checkpointer_counters(client);
  stats->saves = counters.saves;
  stats->saves_failed = counters.saves_failed;
  stats->save_age = age(counters.saved_ms, now_ms);
}

/* Of the stream that is quiet for the longest time. */
static uint64_t last_frame_age(const gcn_client_t* client, uint64_t now_ms) {
  uint64_t oldest_ms = UINT64_MAX;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    const struct gcn__session* session = gcn__engine_session(client->engine, i);
    if (session == NULL || session->proof_ms == 0) continue;
    oldest_ms = gcn__time_min(oldest_ms, session->proof_ms);
  }
  return oldest_ms == UINT64_MAX ? UINT64_MAX : age(oldest_ms, now_ms);
}

int gcn_client_stats(const gcn_client_t* client, gcn_stats_t* out) {
  if (client == NULL || out == NULL) return UV_EINVAL;
  if (out->size < sizeof out->size) return UV_EINVAL;
  if (client->pid != getpid()) return GCN_EFORKED;
  const struct gcn__engine_counters* counters =
      gcn__engine_counters(client->engine);
  uint64_t now_ms = uv_now(client->loop);
  gcn_stats_t stats = {.size = out->size};
  count_traffic(&stats, counters);
  stats.failures = client->failure_count;
  stats.topics = gcn__engine_topic_count(client->engine);
  stats.state = client->state;
  stats.state_age = age(client->state_since_ms, now_ms);
  stats.last_event_age = age(counters->last_event_ms, now_ms);
  stats.last_frame_age = last_frame_age(client, now_ms);
  stats.connections = gcn__engine_shard_count(client->engine);
  stats.sleeps = client->sleep_count;
  count_security(client, &stats, now_ms);
  count_delivery(client, &stats, now_ms);
  count_checkpoint(client, &stats, now_ms);
  size_t size = out->size < sizeof stats ? out->size : sizeof stats;
  memcpy(out, &stats, size);
  return 0;
}
