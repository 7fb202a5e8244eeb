/* SPDX-License-Identifier: MIT */
/*
 * The service's troubles, and what it tells of events and requests.
 */
#include "stream-world.h"

#include "base/time.h"
#include "codec/digest.h"

#include <stdlib.h>
#include <string.h>

enum { RULE_SIZE = 320, PAIR_SIZE = 128 };

static const char* const troubles[] = {
    "http.status POST /oauth/token 500 times=1",
    "http.status POST /oauth/token 429 retry-after=7 times=1",
    "http.status POST /oauth/token 401 times=1",
    "http.status POST /api/v2/notifications/channels 503 times=2",
    "http.status POST /api/v2/notifications/channels 429 retry-after=5 times=1",
    "http.status POST /api/v2/notifications/channels 429 retry-after=90 "
    "times=1",
    "http.status POST /api/v2/notifications/channels 401 times=1",
    "http.status POST /api/v2/notifications/channels 403 times=1",
    "http.status PUT /api/v2/notifications/channels/* 401 times=2",
    "http.status PUT /api/v2/notifications/channels/* 429 retry-after=9 "
    "times=1",
    "http.status PUT /api/v2/notifications/channels/* 404 times=1",
    "http.status PUT /api/v2/notifications/channels/* 500 times=2",
    "http.status GET /api/v2/notifications/channels/* 401 times=1",
    "http.status GET /api/v2/notifications/channels/* 404 times=1",
    "http.status GET /api/v2/notifications/channels/* 429 retry-after=20 "
    "times=1",
    "http.status GET /api/v2/notifications/channels/* 503 times=2",
    "http.status GET /channels/* 404 times=1",
    "http.status GET /channels/* 401 times=1",
    "http.status GET /channels/* 429 retry-after=3 times=1",
    "http.status GET /channels/* 302 times=1",
    "http.status GET /channels/* 503 times=4",
    "http.hang * * times=1",
    "http.hang POST /oauth/token times=1",
    "http.hang POST /api/v2/notifications/channels times=1",
    "http.hang PUT /api/v2/notifications/channels/* times=1",
    "http.hang GET /api/v2/notifications/channels/* times=1",
    "http.hang GET /channels/* times=1",
    "http.slow * * 4s times=3",
    "http.trickle * * 100ms times=2",
    "http.garbage * * times=1",
    "http.truncate * * times=1",
    "http.lost * * times=1",
    "http.close * * times=1",
    "http.reset * * times=1",
    "http.huge-header * * times=1",
    "ws.close 1000 \"bye\"",
    "ws.close 1001 \"going away\"",
    "ws.close 1008 \"policy\"",
    "ws.close 1013 \"later\"",
    "ws.close 4001 \"token_expired\"",
    "ws.close 4429 \"12\"",
    "ws.close 1011",
    "ws.split 1",
    "ws.fragment 5",
    "ws.send \"not json\"",
    "ws.binary 10",
    "ws.masked",
    "ws.invalid-utf8",
    "ws.oversize 2000000",
    "ws.ping 20",
    "ws.stuck",
    "ws.trickle 1ms times=3",
    "byte.delay 300ms times=3",
    "tcp.reset",
    "tcp.close",
    "tcp.freeze",
    "tcp.stall",
    "tcp.mute",
    "after connect tcp.mute",
    "accept.reset times=2",
    "accept.hang",
    "heartbeat.stop then wait 80s then heartbeat.start",
    "pong.stop then wait 60s then pong.start",
    "heartbeat.stop then pong.stop then wait 70s then heartbeat.start then "
    "pong.start",
    "event.burst 30",
    "token.expire",
    "token.revoke",
    "token.revoke-old",
    "channel.expire",
    "channel.evict",
};

static const char* const drifts[] = {
    "topic.drift 1 \"*\"",
    "topic.drift 3 \"v2.*\"",
    "topic.drift 9 \"*\"",
    "channel.keep",
};

void service_inject(struct world* world, const char* rule) {
  char text[GCN__SCRIPT_TEXT_SIZE] = "";
  world_say(world, "fault: %s", rule);
  if (gcn__sim_inject(world->sim, rule, world->now_ms, text) != 0) {
    world_break(world, "the service does not know '%s': %s", rule, text);
  }
  network_collect(world);
}

enum {
  TROUBLES = sizeof troubles / sizeof troubles[0],
  DRIFTS = sizeof drifts / sizeof drifts[0],
  RULE_DRIFTS = SERVICE_RULES + TROUBLES,
  RULE_LOSE = RULE_DRIFTS + DRIFTS,
  RULE_MOVES,
  RULE_END = RULE_MOVES + 2,
};
_Static_assert((int)RULE_END <= (int)FATE_IDS_MAX, "a tally has room for all");

static void lose_topic(struct world* world) {
  char rule[RULE_SIZE];
  size_t i = (size_t)fate_between(world, WORLD_TOPICS_KEPT, WORLD_TOPICS - 1);
  snprintf(rule, sizeof rule, "topic.lose \"%s\"", world->topics[i]);
  (void)fate_service(world, RULE_LOSE, rule);
}

static void draw_drift(struct world* world) {
  size_t i = fate_rule(world, RULE_DRIFTS, DRIFTS + 1);
  if (world->plan.drift) i = (size_t)fate_below(world, DRIFTS + 1);
  if (i < DRIFTS) (void)fate_service(world, RULE_DRIFTS + i, drifts[i]);
  if (i == DRIFTS && !world->plan.drift) lose_topic(world);
}

void service_trouble(struct world* world) {
  bool drift = world_has(world, WORLD_DRIFTS);
  bool fault = world_has(world, WORLD_FAULTS);
  if (drift && (!fault || fate_below(world, 3) == 0)) {
    draw_drift(world);
    return;
  }
  size_t i = fate_rule(world, SERVICE_RULES, TROUBLES);
  if (i < TROUBLES) (void)fate_service(world, SERVICE_RULES + i, troubles[i]);
}

void service_move(struct world* world, bool calm) {
  char rule[RULE_SIZE];
  uint64_t least_s = calm ? 20 : 1;
  size_t i = fate_below(world, 3) > 0 ? 0 : 1;
  snprintf(rule, sizeof rule, "%s %llus",
           i == 0 ? "ws.closing" : "channel.closing",
           (unsigned long long)fate_between(world, least_s, 90));
  (void)fate_service(world, RULE_MOVES + i, rule);
}

void service_rotate_secret(struct world* world) {
  static const char* const ids[WORLD_CLIENTS] = {"client-1", "client-2"};
  char* secret = world->secrets[world->client];
  memcpy(world->former[world->client], secret, WORLD_SECRET_SIZE);
  snprintf(secret, WORLD_SECRET_SIZE, "s3cr3t-%u-next-%u", world->client,
           ++world->rotations);
  world_say(world, "the secret is rotated");
  (void)gcn__sim_rotate_secret(world->sim, ids[world->client], secret,
                               UINT64_C(3600) * 1000, world->now_ms);
}

uint64_t service_calls(const struct world* world) {
  struct gcn__sim_counters counters;
  gcn__sim_counters(world->sim, &counters);
  return counters.rest_calls + counters.token_calls;
}

static bool is_kept(const struct world* world, struct gcn__span topic) {
  for (int i = 0; i < WORLD_TOPICS_KEPT; i++) {
    if (gcn__span_iis(topic, world->topics[i])) return true;
  }
  return false;
}

/* This copy goes to the connection that serves the event's shard. */
static bool is_served(const struct world* world, const struct sent_event* sent,
                      const struct gcn__sim_event* event) {
  const struct gcn__conn* conn =
      sent->shard == GCN__SHARD_NONE
          ? NULL
          : world->engine->shards[sent->shard]->primary;
  if (conn == NULL || !event->sent) return false;
  return world->wires[conn->stream.index].channel == world_hash(event->channel);
}

void service_event(void* ctx, const struct gcn__sim_event* event) {
  struct world* world = ctx;
  if (event->sent) world->copy_count++;
  if (world->flow != NULL) {
    flow_happens(world, event);
    return;
  }
  if (world->sent_count == WORLD_EVENTS_MAX) return;
  struct sent_event* last =
      world->sent_count > 0 ? &world->sent[world->sent_count - 1] : NULL;
  if (last != NULL && last->sequence == event->sequence) {
    if (is_served(world, last, event)) last->orphan = false;
    return;
  }
  const struct gcn__topic* topic =
      gcn__topics_find(gcn__engine_topics(world->engine), event->topic);
  world->sent[world->sent_count++] = (struct sent_event){
      .sequence = event->sequence,
      .at_ms = event->at_ms,
      .shard = topic == NULL ? GCN__SHARD_NONE : topic->shard,
      .kept = topic != NULL && is_kept(world, event->topic),
  };
  last = &world->sent[world->sent_count - 1];
  if (last->shard == GCN__SHARD_NONE) return;
  enum gcn__state told = world->shards[last->shard].state;
  last->orphan = told == GCN__STATE_STREAMING && !is_served(world, last, event);
  world_say(world, "  made event %llu of %.*s",
            (unsigned long long)event->sequence, (int)event->topic.size,
            event->topic.data);
}

void service_request(void* ctx, const struct gcn__sim_request* request) {
  struct world* world = ctx;
  world_say(world, "request %.*s %s: %u", (int)request->method.size,
            request->method.data, request->route, request->status);
  if (gcn__span_starts(gcn__span_str(request->route), "/api/")) {
    rules_call(world);
  }
  struct link* link = network_serial(world, request->connection);
  if (link != NULL) check_request(world, link, request->status);
  bool bad = request->status >= 400 || request->status == 0;
  if (world->plan.calm && bad) {
    world_break(world, "I4: %s was answered by %u in calm weather",
                request->route, request->status);
  }
}

void service_final(struct world* world) {
  if (world->flow != NULL) {
    flow_final(world);
    return;
  }
  world_say(world, "one event on each topic");
  const struct gcn__topics* topics = gcn__engine_topics(world->engine);
  world->final_sequence = GCN__NEVER;
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    if (!world->wanted[i]) continue;
    const struct gcn__topic* topic =
        gcn__topics_find(topics, gcn__span_str(world->topics[i]));
    bool served = topic != NULL && topic->verdict == GCN__VERDICT_PERMITTED;
    if (!served && i >= WORLD_TOPICS_KEPT) continue;
    uint64_t sequence =
        gcn__sim_emit(world->sim, world->topics[i], (struct gcn__span){NULL, 0},
                      world->now_ms);
    if (sequence == 0) {
      world_break(world, "P15: nobody ever subscribed to topic %zu", i);
      return;
    }
    /* It must come whether its topic is always wanted or not. */
    if (world->sent_count < WORLD_EVENTS_MAX) {
      world->sent[world->sent_count - 1].kept = true;
    }
    world->final_sequence = gcn__time_min(world->final_sequence, sequence);
  }
  network_collect(world);
}

static bool write_login(struct world* world, struct gcn__buf* request) {
  static const char* const ids[WORLD_CLIENTS] = {"client-1", "client-2"};
  char pair[PAIR_SIZE];
  snprintf(pair, sizeof pair, "%s:%s", ids[world->client],
           world->secrets[world->client]);
  return gcn__buf_append_str(
             request, "POST /oauth/token HTTP/1.1\r\nHost: x\r\n"
                      "User-Agent: vault\r\nContent-Type: "
                      "application/x-www-form-urlencoded\r\n"
                      "Content-Length: 29\r\nAuthorization: Basic ") == 0 &&
         gcn__base64_encode(request, gcn__span_str(pair)) == 0 &&
         gcn__buf_append_str(request,
                             "\r\n\r\ngrant_type=client_credentials") == 0;
}

static bool read_login(const char* answer, char* token, size_t size,
                       double* life_s) {
  static const char mark[] = "\"access_token\":\"";
  const char* at = strstr(answer, mark);
  const char* life = strstr(answer, "\"expires_in\":");
  if (at == NULL || life == NULL) return false;
  at += sizeof mark - 1;
  size_t length = strcspn(at, "\"");
  if (length >= size) return false;
  memcpy(token, at, length);
  token[length] = '\0';
  *life_s = strtod(life + strlen("\"expires_in\":"), NULL);
  return true;
}

bool service_login(struct world* world, char* token, size_t size,
                   double* life_s) {
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, 1 << 20);
  bool good = write_login(world, &text);
  struct gcn__sim_conn* conn = gcn__sim_accept(world->sim, NULL, world->now_ms);
  if (good) gcn__sim_receive(conn, gcn__buf_span(&text), world->now_ms);
  gcn__buf_clear(&text);
  struct gcn__span piece = gcn__sim_output(conn, world->now_ms);
  while (piece.size > 0) {
    gcn__buf_append(&text, piece.data, piece.size);
    gcn__sim_sent(conn, piece.size, world->now_ms);
    piece = gcn__sim_output(conn, world->now_ms);
  }
  gcn__sim_drop(conn, world->now_ms);
  gcn__buf_append(&text, "", 1);
  good = read_login(gcn__buf_span(&text).data, token, size, life_s);
  gcn__buf_deinit(&text);
  network_collect(world);
  return good;
}
