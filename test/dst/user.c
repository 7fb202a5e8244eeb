/* SPDX-License-Identifier: MIT */
/*
 * The user, his whims, and the vault that holds his secrets.
 */
#include "stream-world.h"

#include "base/err.h"
#include "base/time.h"

#include <string.h>

enum {
  MINUTE_MS = 60 * 1000,
  HOUR_MS = 3600 * 1000,
  YIELD_SLACK_MS = 100,
};

static const char* const client_ids[WORLD_CLIENTS] = {"client-1", "client-2"};

void user_command(struct world* world, unsigned bits) {
  gcn__engine_command(world->engine, bits, world->now_ms);
}

/* The user knows more: waits and refusals are over. */
static void override(struct world* world) {
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    world->shards[i].refused = false;
    world->shards[i].hurried = true;
  }
  world->floors_ms[GCN__WIRE_LOGIN] = 0;
  world->floors_ms[GCN__WIRE_API] = 0;
}

void user_start(struct world* world) {
  world_say(world, "start");
  world->desire = GCN__DESIRE_STREAMING;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    world->shards[i].refused = false;
  }
  world->leave_by_ms = GCN__NEVER;
  user_command(world, GCN__COMMAND_START);
}

static void user_stop(struct world* world) {
  world_say(world, "stop");
  world->desire = GCN__DESIRE_STOPPED;
  world->leave_by_ms =
      world->now_ms + world->engine->settings.close_ms + YIELD_SLACK_MS;
  user_command(world, GCN__COMMAND_STOP);
}

/* One topic or several at once. */
static void user_topics(struct world* world) {
  const char* names[WORLD_TOPICS_FICKLE];
  size_t count = 0;
  bool add = world_below(world, 2) == 0;
  uint64_t share = 1 + world_below(world, 4);
  for (size_t i = WORLD_TOPICS_KEPT; i < WORLD_TOPICS; i++) {
    if (world->wanted[i] == add || world_below(world, 4) >= share) continue;
    world->wanted[i] = add;
    if (world->flow != NULL) world->flow->topics[i].changed_ms = world->now_ms;
    names[count++] = world->topics[i];
  }
  if (count == 0) return;
  world_say(world, "%zu topics %s", count, add ? "more" : "less");
  if (add) {
    int error = gcn__engine_topics_add(world->engine, names, count);
    if (error != 0) world_break(world, "a topic call failed: %d", error);
  } else if (gcn__engine_topics_remove(world->engine, names, count) != count) {
    world_break(world, "a topic was not in the set");
  }
  check_shards(world);
  user_command(world, GCN__COMMAND_TOPICS);
}

void user_credentials(struct world* world, bool right) {
  world_say(world, "%s credentials of %s", right ? "right" : "wrong",
            client_ids[world->client]);
  world->right_secret = right || world->asked_for;
  override(world);
  if (!world->asked_for) {
    const struct gcn__offer offer = {
        .client_id = client_ids[world->client],
        .client_secret = right ? world->secrets[world->client] : "wrong-s3cr3t",
    };
    int error = gcn__engine_credentials(world->engine, &offer);
    if (error != 0) world_break(world, "a credentials call failed: %d", error);
  }
  user_command(world, GCN__COMMAND_CREDENTIALS);
}

/* The former secret is good for a while yet. */
static void change_credentials(struct world* world) {
  uint64_t choice = world_below(world, 5);
  if (choice == 0 && !world->plan.calm) {
    user_credentials(world, false);
  } else if (choice == 1 && world->right_secret) {
    service_rotate_secret(world);
    world->secret_ms = world->now_ms + world_below(world, 2 * MINUTE_MS);
  } else if (choice == 2 && !world->plan.calm) {
    world->client = 1 - world->client;
    user_credentials(world, true);
  } else {
    user_credentials(world, true);
  }
}

static void user_hurry(struct world* world) {
  override(world);
  user_command(world, GCN__COMMAND_HURRY);
}

static void user_pause(struct world* world) {
  gcn__engine_pause(world->engine, true, world->now_ms);
  if (world->resume_ms == GCN__NEVER) world->paused_ms = world->now_ms;
  world->resume_ms = world->now_ms + world_below(world, 90 * 1000);
}

static void fickle(struct world* world, uint64_t choice) {
  if (choice < 2 && !world->plan.calm) user_stop(world);
  if (choice >= 2 && choice < 5) user_start(world);
  if (choice >= 5 && choice < 9) user_topics(world);
  if (choice == 9) user_hurry(world);
  if (choice >= 10 && choice < 12) user_command(world, GCN__COMMAND_ROTATE);
}

void user_whim(struct world* world) {
  if (world->desire == GCN__DESIRE_CLOSED) return; /* nothing more to say */
  uint64_t choice = world_below(world, 16);
  world_say(world, "whim %llu", (unsigned long long)choice);
  if (world_has(world, WORLD_FICKLE)) fickle(world, choice);
  if (world_has(world, WORLD_SECRETS) && choice >= 12 && choice < 14) {
    change_credentials(world);
  }
  if (world_has(world, WORLD_PAUSES) && choice >= 14) user_pause(world);
}

void user_whim_in_callback(struct world* world) {
  if (world->plan.calm || world->plan.resets || world->plan.expiry) return;
  if (world->flow != NULL && world->flow->mute) return;
  if (world_below(world, 1000) < (world->plan.days > 0 ? 1 : 5)) {
    user_whim(world);
  }
}

/* A peer input that no byte produced: the table must be total. */
static void inject_input(struct world* world, struct gcn__conn* conn) {
  enum gcn__state state = conn->session.state;
  bool linked = state >= GCN__STATE_CONNECTING && state <= GCN__STATE_STREAMING;
  linked = linked || state == GCN__STATE_CLOSING;
  enum gcn__input input = (enum gcn__input)world_between(
      world, GCN__INPUT_WEATHER, GCN__INPUT_UNSUBSCRIBED);
  /* A sign of life that no byte carried would be a lie about the gap. */
  bool lie = state == GCN__STATE_STREAMING &&
             (input == GCN__INPUT_HEARTBEAT || input == GCN__INPUT_GARBAGE);
  /* Only the engine's reader can say which event. */
  bool empty = input == GCN__INPUT_EVENT && state != GCN__STATE_CONNECTING &&
               state != GCN__STATE_CLOSING;
  /* The start came to nothing: so there was one. */
  bool unread = world->flow != NULL && world->desire == GCN__DESIRE_STREAMING &&
                world_below(world, 8) == 0;
  if (unread) input = GCN__INPUT_UNREADABLE;
  /* As if a successor took over that very moment. */
  if (state == GCN__STATE_CLOSING && world_below(world, 8) == 0) {
    input = GCN__INPUT_RETIRE;
  }
  bool pending = conn->commands != 0 || conn->inbox_count != 0 ||
                 gcn__engine_busy(world->engine);
  if (!linked || lie || empty || pending) return;
  world_say(world, "out of nowhere: %s", gcn__input_name(input));
  gcn__failure_clear(&conn->failure);
  gcn__engine_woken(world->engine, world->now_ms);
  gcn__conn_post(conn, input);
  if (world->flow != NULL) flow_interrupts(world);
  if (input == GCN__INPUT_REFUSED) world->right_secret = false;
}

void user_injects(struct world* world) {
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(world->engine, &slot)) != NULL) {
    if (world_below(world, 3) > 0) inject_input(world, conn);
  }
}

static bool brief(const struct world* world) {
  enum gcn__state state = gcn__engine_state(world->engine);
  return state == GCN__STATE_CLOSING || state == GCN__STATE_CONNECTING;
}

static uint64_t next_whim(struct world* world) {
  if (world->plan.days > 0) return world_between(world, 50, 12 * HOUR_MS);
  /* A rotation is over before the next one is wanted. */
  if (world->plan.resets) {
    return world_between(world, 2 * MINUTE_MS, 3 * MINUTE_MS);
  }
  bool rare = world->plan.calm;
  if (rare) return world_between(world, 4 * MINUTE_MS, 12 * MINUTE_MS);
  return world_between(world, 50, 5 * MINUTE_MS);
}

/* While all is well: the streams have to come back by themselves. */
static void reset_streams(struct world* world) {
  const struct gcn__shard* shard = &world->engine->shards[0];
  bool rests = gcn__conn_streams(shard->primary) &&
               shard->primary->api.wire.phase == GCN__WIRE_ABSENT;
  if (!rests) return;
  world_say(world, "all streams are reset");
  world->calls = service_calls(world);
  world->reset_connection = world->engine->connection_count;
  network_reset(world);
}

void user_acts(struct world* world) {
  world->user_ms = world->now_ms + next_whim(world);
  if (world->flow != NULL) {
    flow_acts(world);
    return;
  }
  if (world->plan.resets) {
    reset_streams(world);
    return;
  }
  if (brief(world) && world_has(world, WORLD_INJECTS) &&
      world_below(world, 4) > 0) {
    user_injects(world);
  } else if (world->desire == GCN__DESIRE_STOPPED &&
             !world_has(world, WORLD_FICKLE)) {
    user_start(world);
  } else if (world_has(world, WORLD_FAULTS | WORLD_DRIFTS) &&
             world_below(world, 2) == 0) {
    service_trouble(world);
  } else if (world_has(world, WORLD_MOVES) && world_below(world, 3) == 0) {
    service_move(world, world->plan.calm);
  } else if (world_has(world, WORLD_INJECTS) && world_below(world, 2) == 0) {
    user_injects(world);
  } else {
    user_whim(world);
  }
  world_turn(world);
}

/* The vault. */

static void put_ask(struct world* world, struct world_ask ask) {
  for (size_t i = 0; i < WORLD_ASKS_MAX; i++) {
    if (world->asks[i].at_ms != GCN__NEVER) continue;
    world->asks[i] = ask;
    return;
  }
}

void user_asked(struct world* world, const struct gcn__effect* effect) {
  struct world_ask ask = {
      .at_ms = world->now_ms + world_between(world, 1, 300),
      .ticket = effect->ask.ticket,
      .kind = effect->ask.kind,
  };
  world_say(world, "the vault is asked, %llu", (unsigned long long)ask.ticket);
  if (world_has(world, WORLD_VAULT)) {
    uint64_t mood = world_below(world, 10);
    if (mood == 0) return; /* it never answers */
    if (mood == 1) ask.at_ms += world_between(world, 5000, 30000);
    ask.fails = mood == 2;
    ask.again = mood == 3;
    ask.old = mood == 4;
  }
  put_ask(world, ask);
}

static void offer(struct world* world, const struct world_ask* ask) {
  const char* id = client_ids[world->client];
  const char* former = world->former[world->client];
  struct gcn__offer offers[GCN__OFFER_COUNT_MAX] = {
      {.client_id = id, .client_secret = world->secrets[world->client]},
      {.client_id = id, .client_secret = ask->old ? "wrong-s3cr3t" : former},
  };
  if (ask->old) offers[0].client_secret = former;
  size_t count = ask->old || world->rotations > 0 ? 2 : 1;
  (void)gcn__engine_offer(world->engine, ask->ticket,
                          ask->fails ? GCN__EINVAL : 0, offers, count,
                          world->now_ms);
}

static void grant(struct world* world, const struct world_ask* ask) {
  char token[256];
  double life_s = 0;
  bool good = !ask->fails && service_login(world, token, sizeof token, &life_s);
  (void)gcn__engine_grant(world->engine, ask->ticket, good ? 0 : GCN__EINVAL,
                          gcn__span_str(good ? token : ""), life_s,
                          world->now_ms);
}

bool user_answers(struct world* world) {
  for (size_t i = 0; i < WORLD_ASKS_MAX; i++) {
    if (world->asks[i].at_ms > world->now_ms) continue;
    struct world_ask ask = world->asks[i];
    world->asks[i].at_ms = GCN__NEVER;
    world_say(world, "the vault answers %llu", (unsigned long long)ask.ticket);
    if (ask.kind == GCN__ASK_TOKEN) {
      grant(world, &ask);
    } else {
      offer(world, &ask);
    }
    if (ask.again) {
      ask.again = false;
      ask.at_ms = world->now_ms + world_between(world, 1, 20000);
      put_ask(world, ask);
    }
    return true;
  }
  return false;
}

uint64_t user_deadline(const struct world* world) {
  uint64_t next_ms = gcn__time_min(world->user_ms, world->resume_ms);
  next_ms = gcn__time_min(next_ms, world->secret_ms);
  if (world->flow != NULL) {
    next_ms = gcn__time_min(next_ms, flow_deadline(world));
  }
  for (size_t i = 0; i < WORLD_ASKS_MAX; i++) {
    next_ms = gcn__time_min(next_ms, world->asks[i].at_ms);
  }
  return next_ms;
}

/* A leftover fault may still refuse; a sensible user tries again. */
static bool is_refused(const struct world* world) {
  if (!world->healed || world->desire != GCN__DESIRE_STREAMING) return false;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    if (world->shards[i].refused) return true;
  }
  return false;
}

void user_tick(struct world* world) {
  if (world->resume_ms <= world->now_ms) {
    world->resume_ms = GCN__NEVER;
    world->resumed_ms = world->now_ms;
    gcn__engine_pause(world->engine, false, world->now_ms);
    world_turn(world);
  }
  if (world->secret_ms <= world->now_ms) {
    world->secret_ms = GCN__NEVER;
    user_credentials(world, true);
    world_turn(world);
  }
  if (user_answers(world)) world_turn(world);
  if (world->flow != NULL) flow_tick(world);
  if (!world->healed && world->user_ms <= world->now_ms) user_acts(world);
  if (world->desire == GCN__DESIRE_CLOSED) world->user_ms = GCN__NEVER;
  if (!is_refused(world)) return;
  user_start(world);
  world_turn(world);
}
