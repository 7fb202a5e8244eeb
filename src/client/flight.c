/* SPDX-License-Identifier: MIT */
/*
 * Events in flight: their numbers, their acknowledgements, and what follows
 * from there being too many.
 *
 * With a checkpoint the numbers that are acknowledged and not on disk yet count
 * as well: a disk that does not answer must not let them grow for ever.
 */
#include "base/err.h"
#include "client/checkpoint.h"
#include "client/delivery-parts.h"

enum { FIRST_COUNT = 64 };

static bool grow_acks(struct gcn_client_s* client) {
  struct gcn__delivery* delivery = client->delivery;
  struct gcn__acks* acks = &delivery->acks;
  if (!delivery->stored) return true;
  size_t needed = acks->count + delivery->window.count + 1;
  if (needed <= acks->capacity) return true;
  size_t capacity = acks->capacity == 0 ? FIRST_COUNT : 2 * acks->capacity;
  size_t unit = sizeof *acks->sequences;
  void* sequences = gcn__resize(&client->mem, acks->sequences,
                                acks->capacity * unit, capacity * unit);
  if (sequences == NULL) return false;
  acks->sequences = sequences;
  acks->capacity = capacity;
  return true;
}

/* A number of which a quarter or three may be reached. */
static bool acks_high(const struct gcn__delivery* delivery) {
  size_t most = delivery->window.limits.count_max;
  return delivery->acks.count >= most - most / 4;
}

static bool acks_low(const struct gcn__delivery* delivery) {
  return delivery->acks.count <= delivery->window.limits.count_max / 4;
}

/* What stands for a gap takes nobody's place. */
static struct gcn__window without_drops(const struct gcn__delivery* delivery) {
  struct gcn__window window = delivery->window;
  window.count -= delivery->drops.numbered;
  return window;
}

static void weigh(struct gcn_client_s* client) {
  struct gcn__delivery* delivery = client->delivery;
  const struct gcn__window window = without_drops(delivery);
  bool stored = delivery->stored;
  if (delivery->full) {
    bool slack = gcn__window_slack(&window) && (!stored || acks_low(delivery));
    if (!slack) return;
    delivery->full = false;
    return;
  }
  delivery->full = gcn__window_full(&window) || (stored && acks_high(delivery));
  if (delivery->full) delivery->full_since_ms = delivery->now_ms;
}

/* The batch that goes first, if all of it were acknowledged in its callback,
 * would neither fill the window nor have it give its memory back. */
static bool stays_ready(const struct gcn__delivery* delivery) {
  const struct gcn__window* window = &delivery->window;
  size_t most = window->limits.count_max;
  if (delivery->collect.count == 0) return true;
  if (window->capacity / 2 >= most) return false;
  return !delivery->stored ||
         delivery->acks.count + window->count < most - most / 4;
}

uint32_t gcn__flight_ready(const struct gcn_client_s* client) {
  const struct gcn__delivery* delivery = client->delivery;
  const struct gcn__acks* acks = &delivery->acks;
  bool stored = delivery->stored;
  bool full = acks->count + delivery->window.count >= acks->capacity;
  if ((stored && full) || !stays_ready(delivery)) return 0;
  return gcn__window_ready(&delivery->window, stored);
}

static void note_change(struct gcn_client_s* client, bool changed) {
  struct gcn__delivery* delivery = client->delivery;
  uint64_t revision = gcn__window_revision(&delivery->window);
  if (!changed && revision == delivery->revision) return;
  delivery->revision = revision;
  gcn__checkpointer_note(client);
}

uint64_t gcn__flight_give(struct gcn_client_s* client, unsigned lane,
                          size_t size, struct gcn__key key) {
  struct gcn__window* window = &client->delivery->window;
  uint64_t sequence = window->next;
  if (!grow_acks(client)) return 0;
  if (gcn__window_give(window, lane, size, key) != 0) return 0;
  weigh(client);
  return sequence;
}

int gcn__flight_ack(struct gcn_client_s* client, uint64_t sequence) {
  struct gcn__delivery* delivery = client->delivery;
  int error = gcn__window_ack(&delivery->window, sequence);
  if (error != 0) return error;
  if (delivery->stored) {
    delivery->acks.sequences[delivery->acks.count++] = sequence;
  } else {
    delivery->acked_count++;
  }
  weigh(client);
  note_change(client, true);
  return 0;
}

uint64_t gcn__flight_made_ms(const struct gcn__delivery* delivery,
                             const gcn_event_t* event) {
  uint64_t at_ms = event->received_ms;
  uint64_t late_ms = gcn__time_add(delivery->read_on_ms, delivery->latency_ms);
  bool late = delivery->read_on_ms != GCN__NEVER && at_ms <= late_ms;
  if (late) at_ms = gcn__time_min(at_ms, delivery->rested_since_ms);
  return at_ms - gcn__time_min(at_ms, delivery->latency_ms);
}

void gcn__flight_drop(struct gcn_client_s* client, const gcn_event_t* event,
                      uint64_t made_ms) {
  struct gcn__delivery* delivery = client->delivery;
  struct gcn__window* window = &delivery->window;
  const struct gcn__key none = {{0, 0}};
  unsigned lane = event->connection_index;
  uint64_t sequence = window->next;
  delivery->dropped_count++;
  gcn__drops_note(&delivery->drops, event, made_ms, delivery->now_ms);
  if (delivery->drops.lanes[lane].sequence != 0) return;
  /* Without a number marks do not count until the gap was told. */
  if (gcn__window_give(window, lane, 0, none) != 0) return;
  gcn__drops_number(&delivery->drops, lane, sequence);
}

void gcn__flight_told(struct gcn_client_s* client, int lane) {
  struct gcn__delivery* delivery = client->delivery;
  uint64_t sequence = delivery->drops.lanes[lane].sequence;
  gcn__drops_clear(&delivery->drops, lane);
  if (sequence != 0) (void)gcn__window_ack(&delivery->window, sequence);
  weigh(client);
  note_change(client, true);
}

void gcn__flight_mark(struct gcn_client_s* client, unsigned lane,
                      const struct gcn__position* position) {
  const struct gcn__drop* drop = &client->delivery->drops.lanes[lane];
  if (drop->since_ms != 0 && drop->sequence == 0) return;
  /* What has no place is covered by the next one. */
  if (gcn__window_mark(&client->delivery->window, lane, position) != 0) return;
  note_change(client, false);
}

bool gcn__flight_blocked(const struct gcn_client_s* client) {
  return client->pause_wanted || client->delivery->full;
}

int gcn__delivery_ack(struct gcn_client_s* client, uint64_t sequence) {
  const struct gcn__delivery* delivery = client->delivery;
  if (!delivery->windowed || delivery->automatic) return UV_ENOENT;
  if (gcn__drops_hold(&delivery->drops, sequence)) return UV_ENOENT;
  return gcn__flight_ack(client, sequence);
}

void gcn__delivery_acks(const struct gcn_client_s* client,
                        const uint64_t** sequences, size_t* count) {
  *sequences = client->delivery->acks.sequences;
  *count = client->delivery->acks.count;
}

void gcn__delivery_taken(struct gcn_client_s* client, size_t count) {
  struct gcn__delivery* delivery = client->delivery;
  struct gcn__acks* acks = &delivery->acks;
  if (count == 0) return;
  acks->count -= count;
  memmove(acks->sequences, acks->sequences + count,
          acks->count * sizeof *acks->sequences);
  delivery->acked_count += count;
  weigh(client);
}

void gcn__delivery_woken(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__delivery* delivery = client->delivery;
  delivery->now_ms = now_ms;
  if (delivery->trim_ms <= now_ms) gcn__delivery_trim(client);
  if (!delivery->windowed) return;
  if (!gcn__flight_blocked(client)) {
    delivery->blocked_since_ms = GCN__NEVER;
    delivery->reading_on = false;
    return;
  }
  if (delivery->blocked_since_ms == GCN__NEVER) {
    delivery->blocked_since_ms = now_ms;
  }
  uint64_t passed_ms = now_ms - delivery->blocked_since_ms;
  if (delivery->policy == GCN_FULL_WAIT) return;
  if (delivery->reading_on || passed_ms < delivery->full_after_ms) return;
  delivery->reading_on = true;
  delivery->rested_since_ms = delivery->blocked_since_ms;
  delivery->read_on_ms = now_ms;
}

bool gcn__delivery_calm(const struct gcn_client_s* client, uint64_t now_ms) {
  const struct gcn__delivery* delivery = client->delivery;
  return !delivery->windowed && now_ms < delivery->trim_ms;
}

static uint64_t policy_deadline(const struct gcn__delivery* delivery) {
  if (delivery->policy == GCN_FULL_WAIT || delivery->reading_on) {
    return GCN__NEVER;
  }
  return gcn__time_add(delivery->blocked_since_ms, delivery->full_after_ms);
}

bool gcn__flight_starved(const struct gcn_client_s* client) {
  const struct gcn__delivery* delivery = client->delivery;
  if (delivery->retry_ms == 0) return false;
  if (delivery->holding) return true;
  return delivery->queue.count > 0 && !gcn__flight_blocked(client);
}

uint64_t gcn__delivery_deadline(const struct gcn_client_s* client) {
  const struct gcn__delivery* delivery = client->delivery;
  if (!delivery->windowed || client->closing) return GCN__NEVER;
  uint64_t due_ms = policy_deadline(delivery);
  if (gcn__flight_starved(client)) {
    due_ms = gcn__time_min(due_ms, delivery->retry_ms);
  }
  uint64_t since_ms = gcn__drops_since(&delivery->drops);
  return gcn__time_min(due_ms, gcn__time_add(since_ms, GCN__DELIVERY_TELL_MS));
}
