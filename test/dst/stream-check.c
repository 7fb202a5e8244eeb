/* SPDX-License-Identifier: MIT */
/*
 * The promises of gcnotify.h for the stream dialect, with the consumer's
 * restarts in between.
 */
#include "stream-world.h"

#include "base/time.h"
#include "sim/service-stream.h"

#include <string.h>

enum {
  IN_FLIGHT_MS = 20000, /* with the latency of batches */
  MOMENT_MS = 120000,
  CLOSE_EXPIRED = 4001,
  LIE_MS = 300000,
  TOKENS_MIN = 20, /* of 30 s, in more than 10 minutes */
};

static bool passes(const struct flow_topic* topic, struct gcn__span message) {
  static const char mark[] = "\"eventType\":\"";
  if (topic->type == NULL) return true;
  const char* at = memmem(message.data, message.size, mark, sizeof mark - 1);
  if (at == NULL) return false;
  at += sizeof mark - 1;
  size_t left = message.size - (size_t)(at - message.data);
  return gcn__span_starts(gcn__span(at, left), topic->type);
}

/* WORLD_TOPICS: nobody's. */
static unsigned topic_of(const struct flow* flow,
                         const struct gcn__sim_event* event) {
  char name[GCN__SIM_INTEREST_SIZE];
  for (unsigned i = 0; i < WORLD_TOPICS; i++) {
    const struct flow_topic* topic = &flow->topics[i];
    gcn__sim_interest_name(topic->event, topic->resource, name);
    if (!gcn__span_is(event->topic, name)) continue;
    return passes(topic, event->message) ? i : WORLD_TOPICS;
  }
  return WORLD_TOPICS;
}

static bool is_due(const struct world* world, unsigned i) {
  if (i >= WORLD_TOPICS_KEPT) return false;
  const struct flow_topic* topic = &world->flow->topics[i];
  return topic->served_ms != 0 && !topic->rejected;
}

void flow_happens(struct world* world, const struct gcn__sim_event* event) {
  struct flow* flow = world->flow;
  if (event->sent) {
    struct sent_event* sent = check_find(world, event->sequence);
    if (sent != NULL && event->duplicate) {
      flow->events[sent - world->sent].repeated = true;
    }
    return;
  }
  if (world->sent_count == WORLD_EVENTS_MAX) return;
  unsigned topic = topic_of(flow, event);
  size_t index = world->sent_count++;
  world->sent[index] = (struct sent_event){
      .sequence = event->sequence,
      .at_ms = event->at_ms,
      .kept = topic < WORLD_TOPICS_KEPT,
  };
  flow->events[index] = (struct flow_event){
      .topic = topic,
      .due = is_due(world, topic),
  };
  world_say(world, "  made event %llu of topic %u%s",
            (unsigned long long)event->sequence, topic,
            flow->events[index].due ? "" : ", not due");
}

/* One of its lanes stood elsewhere, or its shard's did when it came there. */
static bool is_loose(const struct world* world, unsigned topic) {
  const struct flow* flow = world->flow;
  if (topic >= WORLD_TOPICS) return false;
  if (flow->loose >> topic & 1) return true;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    bool there = (flow_topics_of(world, i) >> topic & 1) != 0;
    if (there && (flow->loose_shards >> i & 1) != 0) return true;
  }
  return false;
}

/* P13: what is on the consumer's disk is not handed out again, unless the
 * service repeats what lies before the position, or the topics have been dealt
 * out otherwise since. */
static void check_again(struct world* world, struct sent_event* sent,
                        unsigned shard) {
  const struct flow_event* event = &world->flow->events[sent - world->sent];
  rule_count(2);
  rule_count(5);
  if (!sent->delivered) return;
  /* Positions of lanes can't be compared: a topic that goes to a lane that is
   * further behind is told again. */
  bool loose = is_loose(world, event->topic) || event->shard != shard;
  if (!event->acked) {
    world_break(world, "I2, P10: event %llu was delivered twice",
                (unsigned long long)sent->sequence);
  } else if (!event->repeated && !loose) {
    world_break(world,
                "I5, P13: event %llu was delivered after it was acknowledged",
                (unsigned long long)sent->sequence);
  }
}

static void check_order(struct world* world, struct flow_topic* topic,
                        uint64_t sequence) {
  bool excused = topic->disorder_ms > world->now_ms || topic->rejected;
  rule_count(3);
  if (sequence < topic->sequence && !excused) {
    world_break(world, "I3, P10: event %llu after %llu",
                (unsigned long long)sequence,
                (unsigned long long)topic->sequence);
  }
  if (sequence > topic->sequence) topic->sequence = sequence;
}

void flow_event(struct world* world, const struct gcn__event* event) {
  struct flow* flow = world->flow;
  uint64_t sequence = 0;
  if (!gcn__sim_stream_sequence(event->id, &sequence)) {
    world_break(world, "I2, P10: an event that the service never made");
    return;
  }
  world_say(world, "event %llu over connection %llu",
            (unsigned long long)sequence,
            (unsigned long long)event->connection);
  if (event->sequence != ++world->client_sequence) {
    world_break(world, "P10: the client's own count is broken");
  }
  struct sent_event* sent = check_find(world, sequence);
  if (sent == NULL) {
    if (world->sent_count == WORLD_EVENTS_MAX) return;
    world_break(world, "I2, P10: event %llu was never made",
                (unsigned long long)sequence);
    return;
  }
  size_t index = (size_t)(sent - world->sent);
  unsigned topic = flow->events[index].topic;
  if (topic == WORLD_TOPICS) {
    world_break(world, "I6, P10: event %llu, for which nobody asked",
                (unsigned long long)sequence);
    return;
  }
  check_again(world, sent, event->shard);
  flow->events[index].shard = event->shard;
  /* The others may change to a shard that is further behind. */
  bool stays = topic < WORLD_TOPICS_KEPT && !flow->events[index].repeated;
  if (stays) check_order(world, &flow->topics[topic], sequence);
  sent->delivered = true;
  flow_give(world, event, index);
}

/* P11: where the service went on at the position, nothing was missed. */
static void check_needed(struct world* world, const struct gcn__gap* gap) {
  const struct gcn__conn* conn = world->engine->shards[gap->shard]->primary;
  rule_count(4);
  if (world->plan.expiry) {
    world_break(world, "I4, P11: a gap although nothing could be lost");
  }
  if (conn == NULL) return;
  const struct flow_wire* view = &world->flow->wires[conn->stream.index];
  bool streams = conn->session.state == GCN__STATE_STREAMING;
  if (!streams || !view->accepted || !view->resumed) return;
  if (gap->cause == GCN__INPUT_START) return; /* one of the last run */
  bool lied = world->flow->lied_ms != 0 &&
              world->now_ms - world->flow->lied_ms < LIE_MS;
  if (lied) return;
  world_break(world,
              "I4, P11: a gap although the stream went on at its position");
}

void flow_gap(struct world* world, const struct gcn__gap* gap) {
  struct flow* flow = world->flow;
  /* What could not be read may have been events. */
  bool unread = gap->cause == GCN__INPUT_GARBAGE;
  bool blind = gap->certainty == GCN__CERTAINTY_BLIND;
  if (gap->partial || blind == unread) {
    world_break(world, "P11: a gap that is neither blind nor of garbage");
  }
  if (!unread) check_needed(world, gap);
  uint32_t topics = flow_topics_of(world, gap->shard);
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    if ((topics >> i & 1) == 0) continue;
    flow->topics[i].disorder_ms = world->now_ms + FLOW_DISORDER_MS;
  }
  if (flow->gap_count == WORLD_GAPS_MAX) return;
  flow->gaps[flow->gap_count++] = (struct flow_gap){
      gcn__time_until(gap->from_ms, gap->before_ms), gap->to_ms, topics};
}

/* What was not delivered of a topic that is refused will not come. */
static void excuse(struct world* world, unsigned topic) {
  for (size_t i = 0; i < world->sent_count; i++) {
    struct flow_event* event = &world->flow->events[i];
    if (event->topic == topic && !world->sent[i].delivered) event->due = false;
  }
}

void flow_topic(struct world* world, const struct gcn__topic_result* result) {
  for (unsigned i = 0; i < WORLD_TOPICS; i++) {
    if (!gcn__span_is(result->topic, world->topics[i])) continue;
    struct flow_topic* topic = &world->flow->topics[i];
    topic->rejected = result->verdict == GCN__VERDICT_REJECTED;
    topic->disorder_ms = world->now_ms + MOMENT_MS;
    if (topic->rejected) excuse(world, i);
    return;
  }
}

/* P9: the service has said that this token is over. */
void flow_state(struct world* world, const struct gcn__effect* effect) {
  const struct gcn__transition* change = &effect->transition;
  if (change->to == GCN__STATE_STREAMING) flow_weigh(world);
  if (change->failure == NULL) return;
  if (change->failure->close_code != CLOSE_EXPIRED) return;
  if (change->input != GCN__INPUT_STALE_TOKEN) return;
  const char* text = world->engine->keeper.token.text;
  if (text == NULL) return;
  uint64_t bearer = world->wires[effect->wire].bearer;
  if (bearer != 0 && world_hash(gcn__span_str(text)) == bearer) {
    world_break(world, "P9: a token is held on to that has ended");
  }
}

static bool inside_gap(const struct world* world, size_t index) {
  const struct flow* flow = world->flow;
  const struct sent_event* sent = &world->sent[index];
  unsigned topic = flow->events[index].topic;
  for (size_t i = 0; i < flow->gap_count; i++) {
    const struct flow_gap* gap = &flow->gaps[i];
    if ((gap->topics >> topic & 1) == 0) continue;
    if (sent->at_ms >= gap->from_ms && sent->at_ms <= gap->to_ms) return true;
  }
  const struct gcn__topic* held = gcn__topics_find(
      gcn__engine_topics(world->engine), gcn__span_str(world->topics[topic]));
  if (held == NULL || held->shard == GCN__SHARD_NONE) return true;
  const struct gcn__shard* shard = world->engine->shards[held->shard];
  return shard->gaps.open && sent->at_ms >= shard->gaps.current.from_ms;
}

static void check_losses(struct world* world) {
  for (size_t i = 0; i < world->sent_count; i++) {
    const struct sent_event* sent = &world->sent[i];
    if (!world->flow->events[i].due || sent->delivered) continue;
    bool last = sent->sequence >= world->final_sequence;
    rule_count(1);
    if (sent->at_ms + IN_FLIGHT_MS >= world->now_ms) continue;
    if (inside_gap(world, i)) continue;
    world_break(world, "%s: event %llu of topic %u at %.3f s is lost%s",
                last ? "I6, P15" : "I1, P11",
                (unsigned long long)sent->sequence,
                world->flow->events[i].topic, (double)sent->at_ms / 1000,
                last ? "" : " outside every gap");
    return;
  }
}

static uint32_t asked_of(const struct world* world, unsigned shard) {
  uint32_t asked = flow_topics_of(world, shard);
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    bool out = !world->wanted[i] || world->flow->topics[i].rejected;
    if (out) asked &= ~(UINT32_C(1) << i);
  }
  return asked;
}

/* P15, and every change of the subscriptions has reached the service. */
static void check_shard(struct world* world, unsigned index) {
  const struct gcn__conn* conn = world->engine->shards[index]->primary;
  const struct shard_view* view = &world->shards[index];
  enum gcn__state state = conn->session.state;
  uint32_t asked = asked_of(world, index);
  bool moment = view->left_ms + MOMENT_MS > world->now_ms;
  bool streams = state == GCN__STATE_STREAMING;
  if (asked == 0) return; /* all are refused */
  if (!view->streamed || (!streams && !moment)) {
    world_break(world, "I38, P15: after minutes of good weather in %s",
                gcn__state_name(state));
    return;
  }
  const struct link* link = network_link(world, conn->stream.index);
  bool open = link != NULL && link->conn != NULL && link->conn->stream != NULL;
  if (!streams || !open) return;
  uint32_t served = flow_served(world, link->conn);
  rule_count(6);
  if (served == asked) return;
  world_break(world, "I6: shard %u is to serve %x, but the service serves %x",
              index, asked, served);
}

static void check_expiry(struct world* world) {
  if (!world->plan.expiry) return;
  if (world->flow->resets == 0) world_break(world, "no stream was ever reset");
  if (world->sim->counters.tokens < TOKENS_MIN) {
    world_break(world, "no token ever ended");
  }
}

void flow_end(struct world* world) {
  unsigned index = 0;
  while (gcn__shard_next(world->engine, &index) != NULL) {
    check_shard(world, index - 1);
  }
  if (world->engine->counters.nevers != 0) {
    world_break(world, "a NEVER cell was met");
  }
  check_losses(world);
  rules_end(world);
  check_expiry(world);
}
