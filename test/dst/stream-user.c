/* SPDX-License-Identifier: MIT */
/*
 * What befalls a world of the stream dialect: the service's faults, deleted
 * subscriptions, and the consumer's death.
 */
#include "stream-world.h"

#include "base/err.h"
#include "base/time.h"
#include "gcnotify/errno.h"

#include <string.h>

enum {
  SECOND_MS = 1000,
  MINUTE_MS = 60 * 1000,
  RULE_SIZE = 320,
  CALM_START_MS = 40 * 1000, /* by then there is a position */
};

#define UPGRADE "GET /api/v2/notification*"

static const char* const troubles[] = {
    "http.status POST /oauth/token 500 times=1",
    "http.status POST /oauth/token 429 retry-after=7 times=1",
    "http.status POST /oauth/token 401 times=1",
    "http.status " UPGRADE " 400 times=1",
    "http.status " UPGRADE " 401 times=1",
    "http.status " UPGRADE " 401 times=3",
    "http.status " UPGRADE " 403 times=1",
    "http.status " UPGRADE " 404 times=1",
    "http.status " UPGRADE " 414 times=1",
    "http.status " UPGRADE " 429 retry-after=9 times=1",
    "http.status " UPGRADE " 429 retry-after=90 times=1",
    "http.status " UPGRADE " 503 times=2",
    "http.status " UPGRADE " 302 times=1",
    "http.status GET /api/v2/notifications/stream/subscriptions 500 times=2",
    "http.status GET /api/v2/notifications/stream/subscriptions 200 times=1 "
    "body=\"{\\\"subscriptions\\\":[]}\"",
    "http.status POST /api/v2/notifications/subscription* 500 times=1",
    "http.status POST /api/v2/notifications/subscription* 400 times=1",
    "http.status POST /api/v2/notifications/subscription* 401 times=1",
    "http.status POST /api/v2/notifications/subscription* 429 retry-after=5 "
    "times=1",
    "http.status DELETE /api/v2/notifications/subscriptions/* 500 times=2",
    "http.status DELETE /api/v2/notifications/subscriptions/* 404 times=2",
    "http.hang * * times=1",
    "http.hang " UPGRADE " times=1",
    "http.slow * * 4s times=3",
    "http.trickle * * 100ms times=2",
    "http.garbage * * times=1",
    "http.truncate * * times=1",
    "http.lost * * times=1",
    "http.close * * times=1",
    "http.reset * * times=1",
    "http.huge-header * * times=1",
    "stream.close 4001 \"token_expired\"",
    "stream.close 400 \"Invalid subscription: resource not found\"",
    "stream.close 4400 \"Invalid subscription: resource not found\"",
    "stream.close 1001 \"going away\"",
    "stream.close 1013 \"slow consumer\"",
    "stream.close 1008 \"policy\"",
    "stream.close 4410 \"resume position not available\"",
    "stream.close 0 \"\"",
    "stream.close 999 \"\"",
    "stream.close 1005 \"\"",
    "stream.close 5000 \"\"",
    "stream.close 1000 \"bye\"",
    "resume.lost times=2",
    "resume.lost times=1 then tcp.reset",
    "ws.close 1011",
    "ws.split 1",
    "ws.fragment 5",
    "ws.send \"not json\"",
    "ws.send \"{\\\"hello\\\":1}\"",
    "ws.binary 10",
    "ws.masked",
    "ws.invalid-utf8",
    "ws.oversize 2000000",
    "ws.ping 20",
    "ws.stuck",
    "ws.trickle 1ms times=3",
    "error.message \"too many messages\"",
    "error.message \"token_expired\"",
    "error.message \"{\\\"code\\\":401,\\\"message\\\":\\\"Unauthorized\\\"}\"",
    "error.message \"{\\\"code\\\":429,\\\"message\\\":\\\"Rate limit\\\"}\"",
    "batch.form batch times=20",
    "batch.form data times=20",
    "batch.no-id times=30",
    "batch.repeat 5 times=10",
    "ping.stop then wait 60s then ping.start",
    "ping.too-fast 25s",
    "byte.delay 300ms times=3",
    "tcp.reset",
    "tcp.close",
    "tcp.freeze",
    "tcp.stall",
    "tcp.mute",
    "after connect tcp.mute",
    "accept.reset times=2",
    "accept.hang",
    "ip.block 20s",
    "ip.block 15s as=reset",
    "heartbeat.stop then wait 80s then heartbeat.start",
    "pong.stop then wait 60s then pong.start",
    "heartbeat.stop then pong.stop then wait 70s then heartbeat.start then "
    "pong.start",
    "event.burst 30",
    "event.burst 300",
    "event.stop then wait 90s then event.start",
    "token.expire",
    "token.expire as=4401",
    "token.revoke",
    "drain 2s",
    "scope.missing \"notification:read\" then tcp.reset then wait 40s",
    "accept.reset times=1 then tcp.reset",
};

/* Forms without a place for "resumed": a service that goes on elsewhere would
 * do so silently. */
static const char* const bare_forms[] = {
    "batch.form bare times=20",
    "batch.form single times=20",
};

enum {
  TROUBLES = sizeof troubles / sizeof troubles[0],
  BARES = sizeof bare_forms / sizeof bare_forms[0],
  RULE_BARES = SERVICE_RULES + TROUBLES,
  RULE_LIMIT = RULE_BARES + BARES,
  RULE_DELETE,
  RULE_RESTORE,
  RULE_DRAIN,
  RULE_END,
};
_Static_assert((int)RULE_END <= (int)FATE_IDS_MAX, "a tally has room for all");

static void limit_rate(struct world* world) {
  static const char* const codes[] = {"429", "4429", "1008"};
  char rule[RULE_SIZE];
  uint64_t wait_s = fate_between(world, 1, 100);
  snprintf(rule, sizeof rule, "rate.limit %llu as=%s",
           (unsigned long long)wait_s, codes[fate_below(world, 3)]);
  (void)fate_service(world, RULE_LIMIT, rule);
}

/* One of them goes, as a rule during an outage; sometimes it comes back. */
static void delete_one(struct world* world) {
  static const char* const ways[] = {"", " as=http", " as=close", " as=4400",
                                     " as=close,1008"};
  char rule[RULE_SIZE];
  size_t i = (size_t)fate_below(world, WORLD_TOPICS);
  const char* resource = world->flow->topics[i].resource;
  bool back = fate_below(world, 3) == 0;
  const char* way = ways[fate_below(world, 5)];
  const char* then = fate_below(world, 2) == 0 ? " then tcp.reset" : "";
  if (back) {
    snprintf(rule, sizeof rule, "subscription.restore \"%s\"", resource);
  } else {
    snprintf(rule, sizeof rule, "subscription.delete \"%s\"%s%s", resource, way,
             then);
  }
  (void)fate_service(world, back ? RULE_RESTORE : RULE_DELETE, rule);
}

static void trouble(struct world* world) {
  bool deletes = world_has(world, FLOW_DELETIONS) && fate_below(world, 3) == 0;
  if (deletes) {
    delete_one(world);
  } else if (!world_has(world, WORLD_FAULTS)) {
    return;
  } else if (fate_below(world, 12) == 0) {
    limit_rate(world);
  } else if (!world->flow->goes_on && fate_below(world, 24) == 0) {
    size_t i = (size_t)fate_below(world, BARES);
    (void)fate_service(world, RULE_BARES + i, bare_forms[i]);
  } else {
    size_t i = fate_rule(world, SERVICE_RULES, TROUBLES);
    if (i < TROUBLES) (void)fate_service(world, SERVICE_RULES + i, troubles[i]);
  }
}

/* Time goes by without a consumer. */
static void be_away(struct world* world, uint64_t away_ms) {
  uint64_t until_ms =
      gcn__time_min(world->now_ms + away_ms, world->heal_ms - 1);
  while (world->fault[0] == '\0') {
    uint64_t next_ms =
        gcn__time_min(gcn__sim_deadline(world->sim), network_deadline(world));
    if (next_ms > until_ms) break;
    world->now_ms = gcn__time_max(world->now_ms, next_ms);
    gcn__sim_tick(world->sim, world->now_ms);
    network_collect(world);
    while (network_step(world))
      network_collect(world);
  }
  world->now_ms = gcn__time_max(world->now_ms, until_ms);
}

static void die(struct world* world) {
  flow_store(world);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_index wire = (enum gcn__wire_index)i;
    if (network_link(world, wire) != NULL) network_drop(world, wire, true);
  }
  gcn__engine_free(world->engine);
  world->engine = NULL;
  if (world->heap_now != 0) {
    world_break(world, "I34: %zu bytes were not given back", world->heap_now);
  }
}

/* Nothing is remembered but what is on the disk. */
static void forget(struct world* world) {
  struct flow* flow = world->flow;
  memset(world->shards, 0, sizeof world->shards);
  memset(world->streams, 0, sizeof world->streams);
  memset(world->wires, 0, sizeof world->wires);
  memset(world->floors_ms, 0, sizeof world->floors_ms);
  memset(flow->wires, 0, sizeof flow->wires);
  for (size_t i = 0; i < WORLD_ASKS_MAX; i++) {
    world->asks[i].at_ms = GCN__NEVER;
  }
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    flow->topics[i].rejected = false;
    flow->topics[i].sequence = 0;
    flow->topics[i].disorder_ms = 0;
  }
  world->client_sequence = 0;
  world->told_count = 0;
  world->copy_count = 0;
  world->accused = 0;
  world->rejected_count = 0;
  world->resume_ms = GCN__NEVER;
  world->right_secret = true;
}

/* The store could not be read; the user mends that and starts again. */
static void be_unreadable(struct world* world) {
  gcn__engine_unreadable(world->engine, GCN_ECHECKPOINT,
                         "the checkpoint is damaged", world->now_ms);
  world->flow->mute = true;
  do {
    world_turn(world);
  } while (gcn__engine_busy(world->engine) && world->fault[0] == '\0');
  world->flow->mute = false;
}

static void live_again(struct world* world, bool unreadable) {
  struct gcn__window_limits limits = world->flow->window.limits;
  gcn__window_deinit(&world->flow->window);
  bool made =
      gcn__window_init(&world->flow->window, &gcn__mem_libc, &limits, 1) == 0;
  if (!made || flow_engine(world) != 0) {
    world_break(world, "no second birth");
    return;
  }
  if (unreadable) be_unreadable(world);
  if (flow_restore(world) != 0) world_break(world, "nothing is restored");
  user_start(world);
  world_turn(world);
}

void flow_restart(struct world* world, uint64_t away_ms, bool unreadable) {
  world_say(world, "the consumer dies");
  world->flow->restarts++;
  die(world);
  forget(world);
  be_away(world, away_ms);
  if (world->fault[0] != '\0') return;
  world_say(world, "... and lives again");
  live_again(world, unreadable);
}

void flow_begin(struct world* world) {
  bool unreadable = !world->plan.expiry && world_below(world, 8) == 0;
  if (unreadable) be_unreadable(world);
  if (world->plan.expiry) world->user_ms = world->now_ms + CALM_START_MS;
}

/* One stream, or all of them; or a rotation. */
static void disturb(struct world* world) {
  uint64_t choice = fate_below(world, 4);
  world->user_ms = world->now_ms + fate_between(world, 50, 40 * SECOND_MS);
  if (choice == 0) {
    (void)fate_do(world, FATE_ROTATE, 0, 0);
  } else if (choice == 1) {
    (void)fate_do(world, FATE_RESET_ALL, 0, 0);
  } else {
    (void)fate_do(world, FATE_RESET_ONE, fate_below(world, WORLD_SHARDS), 0);
  }
}

/* Of a checkpoint that was read long ago: the table must be total. */
bool flow_unreadable(struct world* world) {
  unsigned slot = 0;
  struct gcn__conn* conn;
  bool any = false;
  bool starting = world->desire == GCN__DESIRE_STREAMING;
  if (gcn__engine_busy(world->engine) || !starting) return false;
  gcn__engine_woken(world->engine, world->now_ms);
  while ((conn = gcn__engine_conn(world->engine, &slot)) != NULL) {
    enum gcn__state state = conn->session.state;
    bool skips = state != GCN__STATE_IDLE && state != GCN__STATE_CLOSED;
    if (!skips || conn->commands != 0 || conn->inbox_count != 0) continue;
    gcn__conn_post(conn, GCN__INPUT_UNREADABLE);
    any = true;
  }
  return any;
}

static bool may_die(const struct world* world) {
  return world_has(world, FLOW_RESTARTS) &&
         world->desire == GCN__DESIRE_STREAMING;
}

static void draw_death(struct world* world) {
  uint64_t away_ms = fate_below(world, 4) > 0
                         ? fate_below(world, 20 * SECOND_MS)
                         : fate_below(world, 8 * MINUTE_MS);
  bool unreadable = fate_below(world, 4) == 0;
  (void)fate_do(world, FATE_DEATH, unreadable, away_ms);
}

void flow_acts(struct world* world) {
  if (world->plan.expiry) {
    disturb(world);
  } else if (may_die(world) && fate_below(world, 6) == 0) {
    draw_death(world);
  } else if (world_has(world, WORLD_FAULTS | FLOW_DELETIONS) &&
             fate_below(world, 2) == 0) {
    trouble(world);
  } else if (world_has(world, WORLD_MOVES) && fate_below(world, 4) == 0) {
    (void)fate_service(world, RULE_DRAIN, "drain 1s");
  } else if (world_has(world, WORLD_INJECTS) && fate_below(world, 2) == 0) {
    (void)fate_do(world, FATE_UNREADABLE, 0, 0);
    user_injects(world);
  } else {
    user_whim(world);
  }
}

void flow_final(struct world* world) {
  struct flow* flow = world->flow;
  world_say(world, "one event on each subscription");
  world->final_sequence = GCN__NEVER;
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    struct flow_topic* topic = &flow->topics[i];
    if (!world->wanted[i] || topic->rejected) continue;
    uint64_t sequence = gcn__sim_stream_emit(
        world->sim, topic->event, topic->resource, topic->type,
        topic->type == NULL ? (struct gcn__span){NULL, 0} : GCN__SPAN("{}"),
        world->now_ms);
    if (sequence == 0) {
      world_break(world, "P15: nobody ever subscribed to topic %zu", i);
      return;
    }
    if (world->sent_count < WORLD_EVENTS_MAX) {
      flow->events[world->sent_count - 1].due = true;
    }
    world->final_sequence = gcn__time_min(world->final_sequence, sequence);
  }
  network_collect(world);
}
