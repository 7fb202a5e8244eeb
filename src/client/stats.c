/* SPDX-License-Identifier: MIT */
/*
 * A snapshot of the counters, cut to the size that the caller knows.
 */
#include "base/err.h"
#include "client/client.h"

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
}

int gcn_client_stats(const gcn_client_t* client, gcn_stats_t* out) {
  if (client == NULL || out == NULL) return UV_EINVAL;
  if (out->size < sizeof out->size) return UV_EINVAL;
  if (client->pid != getpid()) return GCN_EFORKED;
  const struct gcn__session* session = gcn__engine_session(client->engine);
  const struct gcn__engine_counters* counters =
      gcn__engine_counters(client->engine);
  uint64_t now_ms = uv_now(client->loop);
  gcn_stats_t stats = {.size = out->size};
  count_traffic(&stats, counters);
  stats.attempts = session->attempt_count;
  stats.failures = client->failure_count;
  stats.nevers = session->never_count;
  stats.topics = gcn__engine_topic_count(client->engine);
  stats.state = client->state;
  stats.state_age = age(client->state_since_ms, now_ms);
  stats.last_event_age = age(counters->last_event_ms, now_ms);
  stats.last_frame_age = age(session->proof_ms, now_ms);
  size_t size = out->size < sizeof stats ? out->size : sizeof stats;
  memcpy(out, &stats, size);
  return 0;
}
