/* SPDX-License-Identifier: MIT */
/*
 * Events: when they happen, on which topic, and who is told.
 *
 * Every event has a sequence number, which its CorrelationId holds; numbers
 * grow by one with each event produced, whoever hears of it.
 */
#include "sim/service-fault.h"
#include "sim/service-state.h"
#include "sim/service-stream.h"

#include <stdio.h>

enum {
  FLOW_UNIT_MS = 1000000, /* 1,000 s, the unit of the rate */
  CATCH_UP_MAX = 10000,   /* events in one tick after a stall */
  COPIES_MAX = 1000,
  SEQUENCE_BITS = 48,
};

#define SEQUENCE_MASK ((UINT64_C(1) << SEQUENCE_BITS) - 1)
#define CHECK_SEED    UINT64_C(0x67636e2d73696d00)

/* The first half of an id depends on the second, so that ids which are not
 * ours are told apart. */
void gcn__sim_correlation_id(uint64_t sequence,
                             char out[GCN__SIM_UUID_SIZE + 1]) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, CHECK_SEED ^ (sequence & SEQUENCE_MASK));
  uint64_t check = gcn__rng_next(&rng);
  snprintf(out, GCN__SIM_UUID_SIZE + 1, "%08x-%04x-4%03x-8%03x-%012llx",
           (unsigned)(check >> 32), (unsigned)(check >> 16 & 0xffff),
           (unsigned)(check & 0xfff), (unsigned)(check >> 40 & 0xfff),
           (unsigned long long)(sequence & SEQUENCE_MASK));
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = gcn__ascii_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool gcn__sim_sequence(struct gcn__span correlation_id, uint64_t* sequence) {
  if (correlation_id.size != GCN__SIM_UUID_SIZE) return false;
  uint64_t number = 0;
  for (size_t i = GCN__SIM_UUID_SIZE - 12; i < GCN__SIM_UUID_SIZE; i++) {
    int digit = hex_digit(correlation_id.data[i]);
    if (digit < 0) return false;
    number = number << 4 | (uint64_t)digit;
  }
  char wanted[GCN__SIM_UUID_SIZE + 1];
  gcn__sim_correlation_id(number, wanted);
  if (!gcn__span_iis(correlation_id, wanted)) return false;
  *sequence = number;
  return true;
}

void gcn__sim_events_start(struct gcn__sim* sim, uint64_t now_ms) {
  sim->flow_start_ms = now_ms;
  sim->flow_count = 0;
}

/* What has events now: topics, and sources of the stream dialect. */
static size_t count_live(const struct gcn__sim* sim) {
  return sim->live_count + sim->streams->live_count;
}

static bool flows(const struct gcn__sim* sim) {
  return sim->options.events_per_ks > 0 && count_live(sim) > 0 &&
         !sim->events_stopped;
}

uint64_t gcn__sim_events_deadline(const struct gcn__sim* sim) {
  if (!flows(sim)) return GCN__NEVER;
  uint64_t rate = sim->options.events_per_ks;
  uint64_t delay_ms = ((sim->flow_count + 1) * FLOW_UNIT_MS + rate - 1) / rate;
  return gcn__time_add(sim->flow_start_ms, delay_ms);
}

/* Pads an object to the size that the options want: benchmarks compare sizes,
 * not content. */
static void pad_body(struct gcn__sim* sim) {
  static const char member[] = ",\"simulatorPadding\":\"\"}";
  struct gcn__sim_text* body = &sim->scratch2;
  size_t size = gcn__buf_size(&body->buf);
  size_t wanted = sim->options.payload_size;
  bool object = size > 2 && body->buf.data[body->buf.end - 1] == '}';
  if (!object || body->error != 0 || size + sizeof(member) > wanted) return;
  body->buf.end--;
  gcn__sim_text_put(body, ",\"simulatorPadding\":\"");
  gcn__sim_text_fill(body, 'x', wanted - size - sizeof(member) + 2);
  gcn__sim_text_put(body, "\"}");
}

/* Leaves the envelope in sim->scratch and its body in sim->scratch2. */
static bool write_event(struct gcn__sim* sim,
                        const struct gcn__sim_topic* topic,
                        struct gcn__span body, uint64_t now_ms) {
  struct gcn__sim_text* text = &sim->scratch2;
  struct gcn__span name = gcn__span_str(topic->name);
  char id[GCN__SIM_UUID_SIZE + 1];
  gcn__sim_text_clear(text);
  if (body.data == NULL) {
    gcn__sim_generate(text, topic->template, name, &sim->events,
                      gcn__sim_wall(sim, now_ms));
    pad_body(sim);
  } else {
    gcn__sim_text_span(text, body);
  }
  gcn__sim_correlation_id(sim->sequence, id);
  gcn__sim_text_clear(&sim->scratch);
  gcn__sim_text_put(&sim->scratch, "{\"topicName\":");
  gcn__sim_text_json(&sim->scratch, name);
  gcn__sim_text_put(&sim->scratch, ",\"version\":\"2\",\"eventBody\":");
  gcn__sim_text_span(&sim->scratch, gcn__buf_span(&text->buf));
  gcn__sim_text_put(&sim->scratch, ",\"metadata\":{\"CorrelationId\":\"%s\"}}",
                    id);
  return text->error == 0 && sim->scratch.error == 0;
}

static void tell(struct gcn__sim* sim, const struct gcn__sim_event* event) {
  if (sim->options.hooks.event == NULL) return;
  sim->options.hooks.event(sim->options.hooks.ctx, event);
}

static void send_copy(struct gcn__sim* sim, struct gcn__sim_channel* channel,
                      struct gcn__sim_event* event) {
  struct gcn__sim_conn* conn = channel->conn;
  event->channel = gcn__span_str(channel->id);
  event->sent = conn != NULL && !conn->close_sent && !conn->failed &&
                conn->verdict == GCN__SIM_OPEN &&
                !gcn__sim_fault_drops(sim, event->topic);
  tell(sim, event);
  if (!event->sent) return;
  sim->counters.events_sent++;
  gcn__sim_ws_send(conn, GCN__WS_TEXT, event->message, event->at_ms);
}

static void send_to(struct gcn__sim* sim, struct gcn__sim_channel* channel,
                    struct gcn__sim_event* event) {
  struct gcn__sim_conn* conn = channel->conn;
  event->duplicate = false;
  send_copy(sim, channel, event);
  if (!event->sent) return;
  uint64_t copies = gcn__sim_fault_sent(sim, conn, event->topic, event->at_ms);
  if (copies > COPIES_MAX) copies = COPIES_MAX;
  event->duplicate = true;
  /* A fault may just have ended the channel. */
  for (uint64_t i = 0; i < copies && conn->channel == channel; i++) {
    send_copy(sim, channel, event);
  }
}

/* The list is searched from its start after each one: what a fault does to one
 * channel may end others. */
static struct gcn__sim_channel*
next_subscriber(const struct gcn__sim_topic* topic, uint64_t sequence) {
  struct gcn__list* at = topic->subscriptions.next;
  for (; at != &topic->subscriptions; at = at->next) {
    struct gcn__sim_subscription* subscription =
        GCN__CONTAINER_OF(at, struct gcn__sim_subscription, in_topic);
    if (subscription->told == sequence) continue;
    subscription->told = sequence;
    return subscription->channel;
  }
  return NULL;
}

static void send_to_all(struct gcn__sim* sim,
                        const struct gcn__sim_topic* topic,
                        struct gcn__sim_event* event) {
  struct gcn__sim_channel* channel = next_subscriber(topic, event->sequence);
  bool told = channel != NULL;
  while (channel != NULL) {
    send_to(sim, channel, event);
    channel = next_subscriber(topic, event->sequence);
  }
  if (told) return;
  event->sent = false;
  event->channel = (struct gcn__span){NULL, 0};
  tell(sim, event);
}

uint64_t gcn__sim_event_produce(struct gcn__sim* sim,
                                struct gcn__sim_topic* topic,
                                struct gcn__span body, uint64_t now_ms) {
  uint64_t sequence = ++sim->sequence;
  sim->counters.events++;
  if (!write_event(sim, topic, body, now_ms)) return sequence;
  /* Faults write their own messages into the scratch texts, so the event takes
   * its memory with it and gives it back afterwards. */
  struct gcn__sim_text message = sim->scratch;
  struct gcn__sim_text held_body = sim->scratch2;
  gcn__sim_text_init(&sim->scratch, sim->mem, GCN__SIM_SCRATCH_SIZE_MAX);
  gcn__sim_text_init(&sim->scratch2, sim->mem, GCN__SIM_SCRATCH_SIZE_MAX);
  struct gcn__sim_event event = {
      .sequence = sequence,
      .at_ms = now_ms,
      .topic = gcn__span_str(topic->name),
      .body = gcn__buf_span(&held_body.buf),
      .message = gcn__buf_span(&message.buf),
  };
  send_to_all(sim, topic, &event);
  gcn__sim_text_deinit(&sim->scratch);
  gcn__sim_text_deinit(&sim->scratch2);
  sim->scratch = message;
  sim->scratch2 = held_body;
  return sequence;
}

static bool produce_next(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__sim_topic* topic = NULL;
  struct gcn__span body = {NULL, 0};
  size_t index = 0;
  bool streams = sim->streams->live_count > 0;
  if (sim->corpus == NULL || streams) {
    index = (size_t)gcn__rng_below(&sim->events, count_live(sim));
  }
  if (streams && index >= sim->live_count) {
    gcn__sim_stream_happen(sim, index - sim->live_count, now_ms);
    return true;
  }
  if (sim->corpus != NULL) {
    if (!gcn__sim_corpus_next(sim, &topic, &body)) return false;
  } else {
    topic = sim->live[index];
  }
  gcn__sim_event_produce(sim, topic, body, now_ms);
  return true;
}

void gcn__sim_events_burst(struct gcn__sim* sim, uint64_t count,
                           uint64_t now_ms) {
  for (uint64_t i = 0; i < count && count_live(sim) > 0; i++) {
    if (!produce_next(sim, now_ms)) return;
  }
}

void gcn__sim_events_tick(struct gcn__sim* sim, uint64_t now_ms) {
  for (size_t i = 0; i < CATCH_UP_MAX; i++) {
    if (gcn__sim_events_deadline(sim) > now_ms) return;
    sim->flow_count++;
    if (produce_next(sim, now_ms)) continue;
    gcn__sim_events_start(sim, now_ms);
    return;
  }
  gcn__sim_events_start(sim, now_ms);
}

uint64_t gcn__sim_emit(struct gcn__sim* sim, const char* topic,
                       struct gcn__span body, uint64_t now_ms) {
  struct gcn__sim_topic* known =
      gcn__sim_topic_lookup(sim, gcn__span_str(topic));
  if (known == NULL) return 0;
  uint64_t sequence = gcn__sim_event_produce(sim, known, body, now_ms);
  gcn__sim_settle(sim);
  return sequence;
}
