/* SPDX-License-Identifier: MIT */
/*
 * How a client's delivery comes and goes, and what others ask of it.
 */
#include "client/delivery.h"

#include "base/err.h"
#include "client/check.h"
#include "client/delivery-parts.h"
#include "client/options.h"

static void take_options(struct gcn_client_s* client,
                         const struct gcn__config* config) {
  struct gcn__delivery* delivery = client->delivery;
  const gcn_options_t* options = &config->options;
  bool told = options->event_cb != NULL || options->batch_cb != NULL;
  client->stream = config->stream;
  client->call.batch = options->batch_cb;
  client->call.durable = options->durable_cb;
  delivery->windowed = config->windowed;
  delivery->stored = config->checkpoints;
  /* What nobody is told of, nobody can acknowledge. */
  delivery->automatic = options->ack == GCN_ACK_AUTO || !told;
  delivery->policy = config->full;
  delivery->full_after_ms = config->full_ms;
  delivery->latency_ms = config->settings.latency_max_ms;
  delivery->rested_since_ms = GCN__NEVER;
  delivery->read_on_ms = GCN__NEVER;
  delivery->blocked_since_ms = GCN__NEVER;
  delivery->now_ms = uv_now(client->loop);
}

int gcn__delivery_new(struct gcn_client_s* client,
                      const struct gcn__config* config) {
  struct gcn__delivery* delivery =
      gcn__alloc_zero(&client->mem, sizeof *delivery);
  if (delivery == NULL) return GCN__ENOMEM;
  client->delivery = delivery;
  take_options(client, config);
  gcn__list_init(&delivery->copies);
  gcn__queue_init(&delivery->queue, &client->mem);
  gcn__collect_init(&delivery->collect, &client->mem, config->batch_count_max,
                    config->batch_size_max);
  if (!delivery->windowed) return 0;
  int error = gcn__drops_init(&delivery->drops, &client->mem);
  if (error != 0) return error;
  return gcn__window_init(&delivery->window, &client->mem, &config->window, 1);
}

static void free_acks(struct gcn_client_s* client) {
  struct gcn__acks* acks = &client->delivery->acks;
  gcn__free(&client->mem, acks->sequences,
            acks->capacity * sizeof *acks->sequences);
  *acks = (struct gcn__acks){.sequences = NULL};
}

void gcn__delivery_free(struct gcn_client_s* client) {
  struct gcn__delivery* delivery = client->delivery;
  if (delivery == NULL) return;
  free_acks(client);
  gcn__queue_clear(&delivery->queue);
  gcn__copies_orphan(&delivery->copies);
  gcn__drops_deinit(&delivery->drops);
  gcn__collect_deinit(&delivery->collect);
  gcn__window_deinit(&delivery->window);
  gcn__free(&client->mem, delivery, sizeof *delivery);
  client->delivery = NULL;
}

void gcn__delivery_trim(struct gcn_client_s* client) {
  struct gcn__delivery* delivery = client->delivery;
  bool empty = delivery->window.count == 0 && delivery->queue.count == 0 &&
               delivery->acks.count == 0 && delivery->collect.count == 0 &&
               !delivery->holding;
  bool idle = empty && !delivery->stirred;
  delivery->stirred = false;
  delivery->trim_ms = delivery->now_ms + GCN__DELIVERY_TRIM_MS;
  if (!idle) return;
  free_acks(client);
  gcn__queue_clear(&delivery->queue);
  gcn__collect_trim(&delivery->collect);
  if (delivery->windowed) gcn__window_trim(&delivery->window);
}

static gcn_span_t span_of(struct gcn__span span) {
  return (gcn_span_t){.data = span.data, .size = span.size};
}

gcn_event_t gcn__delivery_view(struct gcn_client_s* client,
                               const struct gcn__event* event,
                               const struct gcn__moment* read) {
  return (gcn_event_t){
      .topic = span_of(event->topic),
      .body = span_of(event->body),
      .correlation_id = span_of(event->correlation_id),
      .version = span_of(event->version),
      .message = span_of(event->message),
      .sequence = event->sequence,
      .generation = event->generation,
      .connection = event->connection,
      .received_unix_ms = read->unix_ms,
      .received_ms = read->ms,
      .id = span_of(event->id),
      .resource_id = span_of(event->resource_id),
      .type = span_of(event->type),
      .timestamp = span_of(event->timestamp),
      .connection_index = event->shard,
      .client = client,
  };
}

/* Something waits that came before all that is still in the engine. */
static bool waits(const struct gcn_client_s* client) {
  const struct gcn__delivery* delivery = client->delivery;
  if (!delivery->windowed) return false;
  if (delivery->holding) return true;
  return delivery->queue.count > 0 && !gcn__flight_blocked(client);
}

bool gcn__delivery_busy(const struct gcn_client_s* client) {
  if (client->closing) return false;
  if (gcn__delivery_unreported(client)) return true;
  if (client->delivery->retry_ms != 0) return false;
  return waits(client);
}

bool gcn__delivery_holds(const struct gcn_client_s* client) {
  return waits(client);
}

uint32_t gcn__delivery_ready(const struct gcn_client_s* client) {
  const struct gcn__delivery* delivery = client->delivery;
  if (!delivery->windowed) return ~UINT32_C(0);
  bool waits_too = delivery->queue.count > 0 || gcn__flight_blocked(client);
  return waits_too ? 0 : gcn__flight_ready(client);
}

bool gcn__delivery_rests(const struct gcn_client_s* client) {
  if (client->closing) return false;
  if (gcn__flight_starved(client)) return true;
  return gcn__flight_blocked(client) && !client->delivery->reading_on;
}

struct gcn__window* gcn__delivery_window(const struct gcn_client_s* client) {
  struct gcn__delivery* delivery = client->delivery;
  return delivery->windowed ? &delivery->window : NULL;
}

struct gcn__delivery_counters
gcn__delivery_counters(const struct gcn_client_s* client) {
  const struct gcn__delivery* delivery = client->delivery;
  const struct gcn__drops* drops = &delivery->drops;
  uint64_t waiting = delivery->queue.count + delivery->holding +
                     (drops->count - drops->numbered);
  return (struct gcn__delivery_counters){
      .in_flight = delivery->window.count + waiting + delivery->left_count,
      .in_flight_size = delivery->window.size + delivery->queue.size,
      .acked = delivery->acked_count,
      .dropped = delivery->dropped_count,
      .gaps = delivery->gap_count,
      .gap_ms = delivery->gap_ms,
      .full = delivery->full,
      .full_since_ms = delivery->full_since_ms,
  };
}

int gcn_client_ack(gcn_client_t* client, uint64_t sequence) {
  int error = gcn__client_check(client);
  if (error == 0) error = gcn__delivery_ack(client, sequence);
  return error != 0 ? error : gcn__client_note(client, 0);
}

int gcn_event_ack(const gcn_event_t* event) {
  if (event == NULL || event->client == NULL) return UV_EINVAL;
  return gcn_client_ack(event->client, event->sequence);
}
