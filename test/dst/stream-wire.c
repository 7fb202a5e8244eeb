/* SPDX-License-Identifier: MIT */
/*
 * What can be seen on the wires of the stream dialect: what is asked for, what
 * the service takes, and the client's pings.
 *
 * What the service serves is read off the service itself, so that no word of
 * the engine is needed to know it.
 */
#include "stream-world.h"

#include "codec/url.h"
#include "sim/service-stream.h"

#include <string.h>

enum { PING_STEP_MS = 30000, TOKEN_SIZE_MAX = 512, LENGTH_16 = 126 };

void flow_open(struct world* world, enum gcn__wire_index wire) {
  struct flow_wire* view = &world->flow->wires[wire];
  if (gcn__wire_role(wire) != GCN__WIRE_STREAM) return;
  view->accepted = false;
  view->resumed = false;
  view->topics = 0;
  view->ping_ms = 0;
}

/* Size of the client's frame at the front, which is masked; 0: not whole. */
static size_t frame_size(struct gcn__span bytes) {
  const unsigned char* at = (const unsigned char*)bytes.data;
  if (bytes.size < 2) return 0;
  size_t size = at[1] & 0x7f;
  size_t head = 2 + 4;
  if (size == LENGTH_16) {
    if (bytes.size < 4) return 0;
    size = (size_t)at[2] << 8 | at[3];
    head += 2;
  } else if (size > LENGTH_16) {
    if (bytes.size < 10) return 0;
    size = 0;
    for (int i = 2; i < 10; i++) {
      size = size << 8 | at[i];
    }
    head += 8;
  }
  return head + size <= bytes.size ? head + size : 0;
}

/* The service ends clients that ping more often, unless they have reason to
 * think that it is not there any more. */
static void note_ping(struct world* world, const struct link* link) {
  struct flow_wire* view = &world->flow->wires[link->wire];
  const struct gcn__conn* conn = world_conn(world, link->wire);
  uint64_t since_ms = world->now_ms - view->ping_ms;
  bool early = view->ping_ms != 0 && since_ms < PING_STEP_MS;
  bool doubtful = conn != NULL && conn->session.doubtful;
  view->ping_ms = world->now_ms;
  if (!early || doubtful) return;
  world_break(world, "a ping %llu ms after the one before",
              (unsigned long long)since_ms);
}

void flow_frames(struct world* world, const struct link* link,
                 struct gcn__span bytes) {
  while (bytes.size > 0) {
    size_t size = frame_size(bytes);
    if (size == 0) {
      world_break(world, "a frame was sent in part");
      return;
    }
    unsigned op = (unsigned char)bytes.data[0] & 0x0f;
    if (op == GCN__WS_PING) note_ping(world, link);
    if (op == GCN__WS_TEXT && world->flow->preset != GCN__PRESET_MESSAGE) {
      world_break(world, "something was asked for on an open stream");
    }
    bytes = gcn__span_skip(bytes, size);
  }
}

/* The token out of the query, as the service reads it. */
static uint64_t token_of(struct gcn__span bytes) {
  static const char mark[] = "access_token=";
  const char* line = memchr(bytes.data, '\r', bytes.size);
  size_t most = line == NULL ? bytes.size : (size_t)(line - bytes.data);
  const char* at = memmem(bytes.data, most, mark, sizeof mark - 1);
  if (at == NULL) return 0;
  at += sizeof mark - 1;
  size_t left = most - (size_t)(at - bytes.data);
  size_t size = 0;
  while (size < left && at[size] != '&' && at[size] != ' ')
    size++;
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, TOKEN_SIZE_MAX);
  (void)gcn__percent_decode(&text, gcn__span(at, size), true);
  uint64_t hash = world_hash(gcn__buf_span(&text));
  gcn__buf_deinit(&text);
  return hash;
}

/* An upgrade that is refused for a subscription would be refused again. */
static void check_loop(struct world* world, const struct link* link) {
  struct flow_wire* view = &world->flow->wires[link->wire];
  bool same = view->refused_of == world_conn(world, link->wire) &&
              view->refused_at == world->engine->counters.attempts;
  if (view->refused && same) {
    world_break(world, "an upgrade that was refused for a subscription is "
                       "asked for again at once");
  }
  view->refused = false;
}

static void note_upgrade(struct world* world, struct link* link,
                         struct gcn__span bytes) {
  struct flow_wire* view = &world->flow->wires[link->wire];
  link->channel = 1; /* what comes after the 101 are frames */
  uint64_t token = token_of(bytes);
  if (token != 0) check_bearer_hash(world, link, token);
  check_loop(world, link);
  bool posted = world->flow->shape.subs_in == GCN__SUBS_IN_POST;
  if (!posted) view->sent_ms = world->now_ms;
}

void flow_request(struct world* world, struct link* link,
                  struct gcn__span bytes) {
  if (gcn__wire_role(link->wire) == GCN__WIRE_STREAM) {
    note_upgrade(world, link, bytes);
    return;
  }
  if (gcn__wire_role(link->wire) != GCN__WIRE_API) return;
  struct flow_wire* view = &world->flow->wires[link->wire + 1];
  if (gcn__span_starts(bytes, "GET ")) view->refused = false;
  if (gcn__span_starts(bytes, "POST ")) view->sent_ms = world->now_ms;
}

static bool is_of(const struct flow_topic* topic,
                  const struct gcn__sim_interest* interest) {
  return interest->resource != NULL &&
         strcmp(interest->event, topic->event) == 0 &&
         strcmp(interest->resource, topic->resource) == 0 &&
         (interest->clause_count > 0) == (topic->type != NULL);
}

uint32_t flow_served(const struct world* world,
                     const struct gcn__sim_conn* conn) {
  const struct gcn__sim_interests* interests = &conn->stream->interests;
  uint32_t all = 0;
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    for (size_t j = 0; j < interests->count; j++) {
      if (!is_of(&world->flow->topics[i], &interests->all[j])) continue;
      all |= UINT32_C(1) << i;
    }
  }
  return all;
}

uint32_t flow_topics_of(const struct world* world, unsigned shard) {
  const struct gcn__topics* topics = gcn__engine_topics(world->engine);
  uint32_t all = 0;
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    const struct gcn__topic* topic =
        gcn__topics_find(topics, gcn__span_str(world->topics[i]));
    if (topic != NULL && topic->shard == shard) all |= UINT32_C(1) << i;
  }
  return all;
}

/* How often the service has refused an upgrade for a subscription. */
static uint64_t refusals(const struct world* world) {
  return world->sim->counters.invalid_loops + world->sim->streams->refusal_next;
}

static void note_accepted(struct world* world, struct link* link) {
  struct flow* flow = world->flow;
  struct flow_wire* view = &flow->wires[link->wire];
  view->accepted = true;
  view->topics = flow_served(world, link->conn);
  world_say(world, "wire %d is accepted with %x%s", (int)link->wire,
            view->topics, view->resumed ? ", resumed" : "");
  if (view->resumed) return;
  /* What the other stream has not shown yet may come later. */
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    if ((view->topics >> i & 1) == 0) continue;
    flow->topics[i].disorder_ms = world->now_ms + FLOW_DISORDER_MS;
  }
}

void flow_receive(struct world* world, struct link* link,
                  struct gcn__span bytes) {
  struct flow_wire* view = &world->flow->wires[link->wire];
  uint64_t resumed = world->sim->counters.streams_resumed;
  uint64_t refused = refusals(world);
  gcn__sim_receive(link->conn, bytes, world->now_ms);
  bool stream = gcn__wire_role(link->wire) == GCN__WIRE_STREAM;
  if (!stream || link->gone) return;
  if (refusals(world) > refused) {
    view->refused = true;
    view->refused_of = world_conn(world, link->wire);
    view->refused_at = world->engine->counters.attempts;
  }
  const struct gcn__sim_stream* open = link->conn->stream;
  if (view->accepted || open == NULL || !open->ready) return;
  view->resumed = world->sim->counters.streams_resumed > resumed;
  note_accepted(world, link);
}

void flow_interrupts(struct world* world) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    world->flow->wires[i].refused = false;
  }
}

/* P1 */
void flow_streaming(struct world* world, unsigned shard) {
  struct flow* flow = world->flow;
  const struct gcn__conn* conn = world->engine->shards[shard]->primary;
  if (conn == NULL) return;
  const struct flow_wire* view = &flow->wires[conn->stream.index];
  if (!view->accepted) {
    world_break(world, "P1: shard %u streams without subscriptions", shard);
    return;
  }
  uint32_t ours = flow_topics_of(world, shard);
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    struct flow_topic* topic = &flow->topics[i];
    bool served = view->topics >> i & 1;
    if (served && topic->served_ms == 0) topic->served_ms = world->now_ms;
    bool asked = (ours >> i & 1) && !topic->rejected;
    if (!asked || served || topic->changed_ms >= view->sent_ms) continue;
    world_break(world, "P1: shard %u streams without topic %zu", shard, i);
  }
}
