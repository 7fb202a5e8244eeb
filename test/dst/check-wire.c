/* SPDX-License-Identifier: MIT */
/*
 * The promises that can be seen on the wires: when they are opened, what is
 * sent over them and what the service answered.
 */
#include "stream-world.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

#define TOPICS_PATH "/api/v2/notifications/channels/"

enum { EXPIRY_MARGIN_MS = 10000, SHORT_LIFE_SHARE = 5 };

static unsigned stream_count(const struct world* world) {
  unsigned count = 0;
  for (int i = 0; i < world->link_end; i++) {
    const struct link* link = &world->links[i];
    bool stream = gcn__wire_role(link->wire) == GCN__WIRE_STREAM;
    if (link->used && !link->gone && stream) count++;
  }
  return count;
}

/* P6: per connection one attempt; a successor is a connection of its own, and
 * one of them at most is on its way. */
static void check_count(struct world* world) {
  unsigned slot = 0;
  unsigned leaving = 0;
  const struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(world->engine, &slot)) != NULL) {
    if (conn->leaving) leaving++;
  }
  size_t most = gcn__engine_shard_count(world->engine) + 1 + leaving;
  if (world->engine->spare != NULL) most++;
  unsigned count = stream_count(world) + 1;
  rule_count(19);
  if (count > most) {
    world_break(world, "I19, P6: %u streams for %zu connections", count, most);
  }
}

void check_open(struct world* world, enum gcn__wire_index wire) {
  struct gcn__conn* conn = world_conn(world, wire);
  bool wanted = world->desire == GCN__DESIRE_STREAMING;
  bool still =
      conn == NULL ? false : conn->session.desire == GCN__DESIRE_STREAMING;
  if (!wanted && !still) {
    world_break(world, "P4: dials wire %d although nothing is wanted",
                (int)wire);
  }
  if (conn != NULL && world->shards[conn->shard].refused) {
    world_break(world, "P4: shard %u dials after a final refusal", conn->shard);
  }
  if (network_link(world, wire) != NULL) {
    world_break(world, "I19, P6: two links for wire %d", (int)wire);
  }
  if (world->flow != NULL) flow_open(world, wire);
  if (gcn__wire_role(wire) != GCN__WIRE_STREAM) return;
  world->wires[wire] = (struct wire_view){0};
  check_count(world);
}

static struct gcn__span find_bearer(struct gcn__span bytes) {
  static const char mark[] = "Authorization: Bearer ";
  const char* at = memmem(bytes.data, bytes.size, mark, sizeof mark - 1);
  if (at == NULL) return (struct gcn__span){NULL, 0};
  at += sizeof mark - 1;
  const char* end = bytes.data + bytes.size;
  const char* stop = memchr(at, '\r', (size_t)(end - at));
  return gcn__span(at, (size_t)((stop == NULL ? end : stop) - at));
}

/* P9 */
void check_bearer_hash(struct world* world, struct link* link, uint64_t hash) {
  link->bearer = hash;
  rule_count(16);
  unsigned count = world->rejected_count < 64 ? world->rejected_count : 64;
  for (unsigned i = 0; i < count; i++) {
    if (world->rejected[i] == link->bearer) {
      world_break(world, "I16, P9: a rejected token was used again");
    }
  }
  const struct gcn__token* held = &world->engine->keeper.token;
  bool known = held->text != NULL &&
               world_hash(gcn__span_str(held->text)) == link->bearer;
  if (!known) return;
  /* Less only if this life was told so, or if its tokens are so short. */
  uint64_t margin_ms =
      gcn__time_min(EXPIRY_MARGIN_MS, held->life_ms / SHORT_LIFE_SHARE);
  margin_ms = gcn__time_min(margin_ms, world->engine->settings.token_margin_ms);
  if (held->expires_ms <= gcn__time_add(world->now_ms, margin_ms)) {
    world_break(world, "I16, P9: an expired token was used");
  }
}

static void check_bearer(struct world* world, struct link* link,
                         struct gcn__span bytes) {
  struct gcn__span token = find_bearer(bytes);
  link->bearer = 0;
  if (token.data != NULL) check_bearer_hash(world, link, world_hash(token));
}

/* The channel's id out of a request's target. */
static uint64_t channel_of(struct gcn__span bytes, const char* before) {
  size_t size = strlen(before);
  const char* line = memchr(bytes.data, '\r', bytes.size);
  size_t most = line == NULL ? bytes.size : (size_t)(line - bytes.data);
  const char* at = memmem(bytes.data, most, before, size);
  if (at == NULL) return 0;
  at += size;
  size_t length = 0;
  size_t left = most - (size_t)(at - bytes.data);
  while (length < left && at[length] != '/' && at[length] != ' ')
    length++;
  return world_hash(gcn__span(at, length));
}

/* P7: what the host asked for is a floor under the next request to it. */
static void check_floor(struct world* world, const struct link* link) {
  enum gcn__wire_index role = gcn__wire_role(link->wire);
  if (role == GCN__WIRE_STREAM) return;
  uint64_t floor_ms = world->floors_ms[role];
  rule_count(11);
  if (world->now_ms >= floor_ms) return;
  world_break(world, "I11, P7: a request to host %d comes %llu ms too early",
              (int)role, (unsigned long long)(floor_ms - world->now_ms));
}

static bool is_request(struct gcn__span bytes) {
  return gcn__span_starts(bytes, "GET ") || gcn__span_starts(bytes, "PUT ") ||
         gcn__span_starts(bytes, "POST ") || gcn__span_starts(bytes, "DELETE ");
}

void check_upload(struct world* world, struct link* link,
                  struct gcn__span bytes) {
  bool frames = world->wires[link->wire].channel != 0;
  if (frames) rules_frames(world, link, bytes);
  if (frames && world->flow != NULL) flow_frames(world, link, bytes);
  if (frames) return;
  if (!is_request(bytes)) return;
  rules_request(world, link);
  check_bearer(world, link, bytes);
  check_floor(world, link);
  link->answer_size = 0;
  link->status = 0;
  link->body_left = 0;
  link->retry_after_s = 0;
  link->subscribes = false;
  if (world->flow != NULL) {
    flow_request(world, link, bytes);
    return;
  }
  const struct gcn__conn* conn = world_conn(world, link->wire);
  if (conn == NULL) return;
  if (gcn__wire_role(link->wire) == GCN__WIRE_STREAM) {
    link->channel = channel_of(bytes, " /channels/");
    return;
  }
  link->channel = channel_of(bytes, TOPICS_PATH);
  link->subscribes = link->channel != 0 && !gcn__span_starts(bytes, "GET ");
  link->revision = conn->sent_revision;
}

static void note_confirmed(struct world* world, struct channel_view view) {
  for (int i = 0; i < WORLD_STREAMS_MAX; i++) {
    if (world->channels[i].hash != view.hash) continue;
    world->channels[i] = view;
    return;
  }
  world->channels[world->channel_count++ % WORLD_STREAMS_MAX] = view;
}

void check_request(struct world* world, struct link* link, unsigned status) {
  bool stream = gcn__wire_role(link->wire) == GCN__WIRE_STREAM;
  if (stream && status == 101 && !link->gone) {
    world->wires[link->wire].channel = link->channel;
    world->wires[link->wire].bearer = link->bearer;
    rules_upgraded(world, link);
  }
  if (!link->subscribes || status != 200) return;
  note_confirmed(world, (struct channel_view){link->channel, link->revision});
}

/* P1 */
void check_streaming(struct world* world, unsigned shard) {
  const struct gcn__conn* conn = world->engine->shards[shard]->primary;
  if (conn == NULL) return;
  uint64_t hash = world->wires[conn->stream.index].channel;
  if (hash == 0) {
    world_break(world, "P1: shard %u is STREAMING without a WebSocket", shard);
    return;
  }
  for (int i = 0; i < WORLD_STREAMS_MAX; i++) {
    const struct channel_view* view = &world->channels[i];
    if (view->hash == hash && view->revision == conn->sent_revision) return;
  }
  world_break(world, "P1: shard %u is STREAMING without confirmed topics",
              shard);
}

static uint64_t number_behind(const char* head, const char* name) {
  const char* at = strstr(head, name);
  return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

/* The engine has the whole answer after this turn. */
static void answered(struct world* world, struct link* link) {
  link->asked = false;
  enum gcn__wire_index role = gcn__wire_role(link->wire);
  uint64_t until_ms = world->now_ms + link->retry_after_s * 1000;
  if (link->retry_after_s > 0) {
    /* ... and up to 20 % of jitter */
    world->asked_until_ms = gcn__time_max(world->asked_until_ms,
                                          until_ms + link->retry_after_s * 200);
    if (role != GCN__WIRE_STREAM && link->status >= 400) {
      world->floors_ms[role] = gcn__time_max(world->floors_ms[role], until_ms);
    }
  }
  bool upgrade = world->flow != NULL && role == GCN__WIRE_STREAM;
  bool denied = (role == GCN__WIRE_API || upgrade) && link->status == 401;
  if (denied && link->bearer != 0) world->accused = link->bearer;
}

static void read_head(struct link* link) {
  const char* end = strstr(link->answer, "\r\n\r\n");
  bool whole = end != NULL;
  if (!whole || strncmp(link->answer, "HTTP/1.1 ", 9) != 0) return;
  link->status = (unsigned)strtoul(link->answer + 9, NULL, 10);
  link->retry_after_s = number_behind(link->answer, "Retry-After: ");
  uint64_t size = number_behind(link->answer, "Content-Length: ");
  uint64_t had = link->answer_size - (uint64_t)(end + 4 - link->answer);
  link->body_left = size > had ? size - had : 0;
}

void check_download(struct world* world, struct link* link,
                    struct gcn__span bytes) {
  world->wires[link->wire].heard_ms = world->now_ms;
  bool open = world->wires[link->wire].channel != 0 && link->status == 101;
  if (open) return;
  if (link->status != 0) {
    if (link->body_left == 0) return;
    link->body_left -= gcn__time_min(link->body_left, bytes.size);
    if (link->body_left == 0) answered(world, link);
    return;
  }
  size_t size = bytes.size;
  size_t room = WORLD_ANSWER_SIZE - 1 - link->answer_size;
  size_t used = size < room ? size : room;
  memcpy(link->answer + link->answer_size, bytes.data, used);
  link->answer_size += used;
  link->answer[link->answer_size] = '\0';
  read_head(link);
  if (link->status == 0) return;
  if (used < size) {
    uint64_t more = size - used;
    link->body_left -= gcn__time_min(link->body_left, more);
  }
  if (link->body_left == 0) answered(world, link);
}

/* An answer counts only when it is whole, and the engine is the one to know:
 * it must then have let go of the token. */
void check_token(struct world* world) {
  const char* text = world->engine->keeper.token.text;
  if (world->accused == 0) return;
  if (text != NULL && world_hash(gcn__span_str(text)) == world->accused) return;
  world->rejected[world->rejected_count++ % 64] = world->accused;
  world->accused = 0;
}
