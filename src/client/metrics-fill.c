/* SPDX-License-Identifier: MIT */
/*
 * From a client to a view, and the two public calls.
 *
 * But for the states of single connections it knows the public statistics only,
 * so both forms say what those say.
 */
#include "client/client.h"

#include <uv.h>

static void fill_counts(struct gcn__metrics_view* view,
                        const gcn_stats_t* stats) {
  view->events = stats->events;
  view->event_bytes = stats->event_bytes;
  view->heartbeats = stats->heartbeats;
  view->notices = stats->notices;
  view->garbage = stats->garbage;
  view->received_bytes = stats->received_bytes;
  view->sent_bytes = stats->sent_bytes;
  view->attempts = stats->attempts;
  view->streams = stats->streams;
  view->failures = stats->failures;
  view->gaps = stats->gaps;
  view->gap_ms = stats->gap_ms;
  view->token_requests = stats->token_requests;
  view->channel_requests = stats->channel_requests;
  view->topic_requests = stats->topic_requests;
  view->upgrades = stats->upgrades;
  view->limited = stats->limited;
  view->nevers = stats->nevers;
}

static void fill_present(struct gcn__metrics_view* view,
                         const gcn_stats_t* stats) {
  view->topics = stats->topics;
  view->topics_rejected = stats->topics_rejected;
  view->last_event_age_ms = stats->last_event_age;
  view->last_frame_age_ms = stats->last_frame_age;
  view->last_outage_ms = stats->last_outage;
  view->state = stats->state;
  view->state_age_ms = stats->state_age;
  view->reused = stats->reused;
  view->token_life_ms = stats->token_life;
}

static void fill_background(struct gcn__metrics_view* view,
                            const gcn_stats_t* stats) {
  view->rotations = stats->rotations;
  view->rotations_unproven = stats->rotations_unproven;
  view->duplicates = stats->duplicates;
  view->audits = stats->audits;
  view->drifts = stats->drifts;
  view->renewals = stats->renewals;
  view->tls_full = stats->tls_full;
  view->tls_resumed = stats->tls_resumed;
  view->sleeps = stats->sleeps;
  view->spares = stats->spares;
  view->spares_used = stats->spares_used;
  view->spares_lost = stats->spares_lost;
}

static void fill_delivery(struct gcn__metrics_view* view,
                          const gcn_client_t* client,
                          const gcn_stats_t* stats) {
  view->batches = stats->batches;
  view->resumed = stats->resumed;
  view->resumes_lost = stats->resumes_lost;
  view->preflights = stats->preflights;
  view->repeated = stats->repeated;
  view->acked = stats->acked;
  view->dropped = stats->dropped;
  view->in_flight = stats->in_flight;
  view->in_flight_size = stats->in_flight_size;
  view->full_age_ms = stats->full_age;
  view->read_paused = client->paused;
  view->saves = stats->saves;
  view->saves_failed = stats->saves_failed;
  view->save_age_ms = stats->save_age;
}

/* Those that serve topics, or would. */
static void fill_connections(struct gcn__metrics_view* view,
                             const gcn_client_t* client) {
  uint64_t now_ms = uv_now(client->loop);
  size_t count = 0;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    if (gcn__engine_session(client->engine, i) == NULL) continue;
    uint64_t since_ms = client->shard_since_ms[i];
    view->connections[count++] = (struct gcn__metrics_connection){
        .slot = i,
        .state = client->shard_states[i],
        .state_age_ms = now_ms > since_ms ? now_ms - since_ms : 0,
    };
  }
  view->connection_count = count;
}

int gcn__metrics_fill(const gcn_client_t* client,
                      struct gcn__metrics_view* view) {
  gcn_stats_t stats = {.size = sizeof stats};
  int error = gcn_client_stats(client, &stats);
  if (error != 0) return error;
  *view = (struct gcn__metrics_view){
      .version = gcn_version_string(),
      .libuv_version = uv_version_string(),
  };
  view->failures_by = &client->failures_by;
  fill_counts(view, &stats);
  fill_present(view, &stats);
  fill_background(view, &stats);
  fill_delivery(view, client, &stats);
  fill_connections(view, client);
  return 0;
}

int gcn_client_stats_json(const gcn_client_t* client, char* text, size_t size) {
  struct gcn__metrics_view view;
  if (client == NULL || (text == NULL && size > 0)) return UV_EINVAL;
  int error = gcn__metrics_fill(client, &view);
  return error != 0 ? error : gcn__metrics_json(&view, text, size);
}

int gcn_client_metrics(const gcn_client_t* client, char* text, size_t size) {
  struct gcn__metrics_view view;
  if (client == NULL || (text == NULL && size > 0)) return UV_EINVAL;
  int error = gcn__metrics_fill(client, &view);
  return error != 0 ? error : gcn__metrics_text(&view, text, size);
}
