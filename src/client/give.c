/* SPDX-License-Identifier: MIT */
/*
 * Events to the user, or to where they wait.
 *
 * The order is that of their arrival, whatever happens: what waits in the queue
 * was there before the one that the engine holds, and that one before all that
 * is still to be read.  An acknowledgement that is automatic follows its
 * callback, also if that has closed the client: it was told.
 */
#include "base/assert.h"
#include "client/delivery-parts.h"

static void count_call(struct gcn_client_s* client) {
  if (client->calls_left > 0) client->calls_left--;
}

static void finish(struct gcn_client_s* client, uint64_t sequence) {
  struct gcn__delivery* delivery = client->delivery;
  if (!delivery->automatic) return;
  if (delivery->windowed) {
    (void)gcn__flight_ack(client, sequence);
  } else {
    delivery->acked_count++;
  }
}

void gcn__delivery_flush(struct gcn_client_s* client) {
  struct gcn__collect* collect = &client->delivery->collect;
  size_t count = collect->count;
  if (count == 0) return;
  if (!client->closing) {
    count_call(client);
    client->call.batch(client, collect->events, count);
    for (size_t i = 0; i < count; i++) {
      finish(client, collect->events[i].sequence);
    }
  }
  gcn__collect_clear(collect);
}

/* What is too large for a batch, or finds no memory for its copy, is a batch of
 * its own, from its place. */
static void add_to_batch(struct gcn_client_s* client,
                         const gcn_event_t* event) {
  struct gcn__collect* collect = &client->delivery->collect;
  size_t size = gcn__event_size(event);
  if (!gcn__collect_fits(collect, size)) gcn__delivery_flush(client);
  bool fits = gcn__collect_fits(collect, size);
  if (fits && gcn__collect_add(collect, event) == 0) {
    if (collect->count == collect->count_max) gcn__delivery_flush(client);
    return;
  }
  gcn__delivery_flush(client);
  if (client->closing) return; /* the flush's doing */
  uint64_t sequence = event->sequence;
  count_call(client);
  client->call.batch(client, event, 1);
  finish(client, sequence);
}

static void tell(struct gcn_client_s* client, const gcn_event_t* event) {
  if (client->call.batch != NULL) {
    add_to_batch(client, event);
    return;
  }
  count_call(client);
  uint64_t sequence = event->sequence;
  if (client->call.event != NULL) client->call.event(client, event);
  finish(client, sequence);
}

static bool room_for(const struct gcn__delivery* delivery, size_t size) {
  const struct gcn__window* window = &delivery->window;
  const struct gcn__queue* queue = &delivery->queue;
  size_t used = window->size + queue->size;
  size_t count = window->count - delivery->drops.numbered + queue->count;
  return count < window->limits.count_max && used <= window->limits.size_max &&
         size <= window->limits.size_max - used;
}

static void drop_queued(struct gcn_client_s* client, struct gcn__queued* item) {
  struct gcn__queue* queue = &client->delivery->queue;
  const gcn_event_t* event = &item->copy->event;
  gcn__flight_drop(client, event, item->made_ms);
  if (!gcn__queue_hand_back(queue, item)) {
    struct gcn__position position = gcn__queued_position(item);
    gcn__flight_mark(client, event->connection_index, &position);
  }
  gcn__copy_release(gcn__queue_take(queue, item));
}

/* False: even with nothing else in the queue there is no room. */
static bool make_room(struct gcn_client_s* client, const gcn_event_t* event) {
  struct gcn__delivery* delivery = client->delivery;
  struct gcn__queue* queue = &delivery->queue;
  size_t size = event->message.size;
  struct gcn__queued* item = NULL;
  if (delivery->policy == GCN_FULL_KEEP_LATEST) {
    item = gcn__queue_find(queue, event);
  }
  if (item != NULL) drop_queued(client, item);
  while (!room_for(delivery, size)) {
    item = gcn__queue_first(queue);
    if (item == NULL) return false;
    drop_queued(client, item);
  }
  return true;
}

/* True if the event needs to be thought of no more. */
static bool enqueue(struct gcn_client_s* client, const gcn_event_t* event,
                    struct gcn__key key) {
  struct gcn__delivery* delivery = client->delivery;
  uint64_t made_ms = gcn__flight_made_ms(delivery, event);
  if (delivery->reading_on && !make_room(client, event)) {
    gcn__flight_drop(client, event, made_ms);
    return true;
  }
  return gcn__queue_add(&delivery->queue, &delivery->copies, event, key,
                        made_ms) == 0;
}

/* A batch that has to go first goes before the event has a number: in its
 * callback the user may pause. */
static bool make_place(struct gcn_client_s* client, const gcn_event_t* event) {
  struct gcn__collect* collect = &client->delivery->collect;
  if (collect->count == 0) return false;
  if (gcn__collect_fits(collect, gcn__event_size(event))) return false;
  gcn__delivery_flush(client);
  return true;
}

static bool pass_on(struct gcn_client_s* client, const gcn_event_t* view,
                    struct gcn__key key) {
  struct gcn__delivery* delivery = client->delivery;
  bool called = make_place(client, view);
  if (called && client->closing) {
    delivery->left_count++;
    return true;
  }
  if (delivery->queue.count > 0 || gcn__flight_blocked(client)) {
    return enqueue(client, view, key);
  }
  gcn_event_t event = *view;
  event.sequence =
      gcn__flight_give(client, event.connection_index, event.message.size, key);
  if (event.sequence == 0) return false;
  tell(client, &event);
  return true;
}

void gcn__delivery_event(struct gcn_client_s* client,
                         const struct gcn__effect* effect) {
  struct gcn__delivery* delivery = client->delivery;
  const struct gcn__moment* read = &client->reads[effect->wire];
  if (client->closing) {
    delivery->left_count++;
    return;
  }
  const gcn_event_t event = gcn__delivery_view(client, &effect->event, read);
  delivery->stirred = true;
  if (!delivery->windowed) {
    tell(client, &event);
    return;
  }
  GCN__ASSERT(!delivery->holding);
  if (pass_on(client, &event, effect->event.key)) return;
  delivery->holding = true;
  delivery->held = *effect;
  delivery->held_read = *read;
  delivery->retry_ms = delivery->now_ms + GCN__DELIVERY_RETRY_MS;
}

void gcn__delivery_mark(struct gcn_client_s* client,
                        const struct gcn__mark* mark) {
  struct gcn__delivery* delivery = client->delivery;
  /* After close events are not given out any more, so nothing covers them. */
  if (client->closing || !delivery->windowed) return;
  if (gcn__queue_mark(&delivery->queue, mark)) return;
  const struct gcn__position position = {.text = mark->position,
                                         .is_time = mark->is_time};
  gcn__flight_mark(client, mark->shard, &position);
}

static bool tell_held(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__delivery* delivery = client->delivery;
  if (!delivery->holding || now_ms < delivery->retry_ms) return false;
  const gcn_event_t event =
      gcn__delivery_view(client, &delivery->held.event, &delivery->held_read);
  /* Before the call: in it the user may ask for anything. */
  delivery->holding = false;
  if (pass_on(client, &event, delivery->held.event.key)) {
    delivery->retry_ms = 0;
    return true;
  }
  delivery->holding = true;
  delivery->retry_ms = now_ms + GCN__DELIVERY_RETRY_MS;
  return false;
}

static bool tell_queued(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__delivery* delivery = client->delivery;
  struct gcn__queued* item = gcn__queue_first(&delivery->queue);
  if (item == NULL || gcn__flight_blocked(client)) return false;
  if (now_ms < delivery->retry_ms) return false;
  if (make_place(client, &item->copy->event)) return true;
  unsigned lane = item->copy->event.connection_index;
  uint64_t sequence = gcn__flight_give(client, lane, item->size, item->key);
  if (sequence == 0) {
    delivery->retry_ms = now_ms + GCN__DELIVERY_RETRY_MS;
    return false;
  }
  if (item->position != NULL) {
    struct gcn__position position = gcn__queued_position(item);
    gcn__flight_mark(client, lane, &position);
  }
  delivery->retry_ms = 0;
  struct gcn__copy* copy = gcn__queue_take(&delivery->queue, item);
  copy->event.sequence = sequence;
  tell(client, &copy->event);
  gcn__copy_release(copy);
  return true;
}

/* Before the next event, and once a second while there is none. */
static bool tell_drops(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__delivery* delivery = client->delivery;
  uint64_t since_ms = gcn__drops_since(&delivery->drops);
  if (since_ms == GCN__NEVER) return false;
  bool late = now_ms >= gcn__time_add(since_ms, GCN__DELIVERY_TELL_MS);
  if (gcn__flight_blocked(client) && !late) return false;
  gcn_gap_t gap;
  gcn__delivery_flush(client);
  if (client->closing) return true; /* the flush's doing: it stays untold */
  int index = gcn__drops_next(&delivery->drops, &gap);
  delivery->gap_count++;
  delivery->gap_ms += gap.to_ms - gap.from_ms;
  count_call(client);
  if (client->call.gap != NULL) client->call.gap(client, &gap);
  gcn__flight_told(client, index);
  return true;
}

/* What was not told stays unacknowledged. */
static void forget(struct gcn__delivery* delivery) {
  delivery->left_count += delivery->queue.count + delivery->holding;
  delivery->holding = false;
  delivery->retry_ms = 0;
  gcn__queue_clear(&delivery->queue);
  gcn__collect_clear(&delivery->collect);
}

bool gcn__delivery_drain(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__delivery* delivery = client->delivery;
  if (!delivery->windowed) return false;
  if (client->closing) {
    forget(delivery);
    return false;
  }
  /* Whatever was asked for in the last call: what is full from now on is full
   * anew. */
  gcn__delivery_woken(client, now_ms);
  bool retries = delivery->holding || delivery->queue.count > 0;
  if (!retries) delivery->retry_ms = 0;
  return tell_drops(client, now_ms) || tell_queued(client, now_ms) ||
         tell_held(client, now_ms);
}

bool gcn__delivery_unreported(const struct gcn_client_s* client) {
  const struct gcn__delivery* delivery = client->delivery;
  if (!delivery->windowed || delivery->stored) return false;
  return client->call.durable != NULL &&
         gcn__window_done(&delivery->window) != delivery->reported;
}

void gcn__delivery_report(struct gcn_client_s* client) {
  struct gcn__delivery* delivery = client->delivery;
  if (client->closing || !gcn__delivery_unreported(client)) return;
  uint64_t done = gcn__window_done(&delivery->window);
  delivery->reported = done;
  gcn__delivery_flush(client);
  if (!client->closing) client->call.durable(client, done);
}
