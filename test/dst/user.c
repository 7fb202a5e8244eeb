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
void user_overrides(struct world* world) {
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

void user_credentials(struct world* world, bool right) {
  world_say(world, "%s credentials of %s", right ? "right" : "wrong",
            client_ids[world->client]);
  world->right_secret = right || world->asked_for;
  user_overrides(world);
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

static void draw_credentials(struct world* world) {
  uint64_t choice = fate_below(world, 5);
  bool calm = world->plan.calm;
  enum fate_kind kind = FATE_RIGHT;
  if (choice == 0 && !calm) kind = FATE_WRONG;
  if (choice == 1) kind = FATE_SECRET;
  if (choice == 2 && !calm) kind = FATE_OTHER;
  if (!calm && !fate_knows(world, kind)) return;
  uint64_t late_ms = kind == FATE_SECRET ? fate_below(world, 2 * MINUTE_MS) : 0;
  (void)fate_do(world, kind, 0, late_ms);
}

static void draw_topics(struct world* world) {
  bool more = fate_below(world, 2) == 0;
  uint64_t share = 1 + fate_below(world, 4);
  uint64_t chosen = 0;
  for (size_t i = WORLD_TOPICS_KEPT; i < WORLD_TOPICS; i++) {
    if (fate_below(world, 4) < share) chosen |= UINT64_C(1) << i;
  }
  (void)fate_do(world, more ? FATE_MORE : FATE_LESS, chosen, 0);
}

static void draw_plain(struct world* world, enum fate_kind kind) {
  if (world->plan.calm || fate_knows(world, kind)) {
    (void)fate_do(world, kind, 0, 0);
  }
}

static void fickle(struct world* world, uint64_t choice) {
  if (choice < 2 && !world->plan.calm) draw_plain(world, FATE_STOP);
  if (choice >= 2 && choice < 5) draw_plain(world, FATE_START);
  if (choice >= 5 && choice < 9) draw_topics(world);
  if (choice == 9) draw_plain(world, FATE_HURRY);
  if (choice >= 10 && choice < 12) draw_plain(world, FATE_ROTATE);
}

void user_whim(struct world* world) {
  if (world->desire == GCN__DESIRE_CLOSED) return; /* nothing more to say */
  uint64_t choice = fate_below(world, 16);
  if (world_has(world, WORLD_FICKLE)) fickle(world, choice);
  if (world_has(world, WORLD_SECRETS) && choice >= 12 && choice < 14) {
    draw_credentials(world);
  }
  bool pauses = world_has(world, WORLD_PAUSES) && fate_knows(world, FATE_PAUSE);
  if (pauses && choice >= 14) {
    (void)fate_do(world, FATE_PAUSE, 0, fate_below(world, 90 * 1000));
  }
}

void user_whim_in_callback(struct world* world) {
  world->fate.effects++;
  if (world->flow != NULL && world->flow->mute) return;
  world->fate.in_callback = true;
  if (fate_is_led(world)) {
    fate_leads_callback(world);
  } else if (!world->plan.calm && !world->plan.resets && !world->plan.expiry &&
             fate_below(world, 1000) < (world->plan.days > 0 ? 1 : 5)) {
    user_whim(world);
  }
  world->fate.in_callback = false;
}

static void draw_input(struct world* world, unsigned slot) {
  const struct gcn__conn* conn = world->engine->conns[slot];
  uint64_t input =
      fate_between(world, GCN__INPUT_WEATHER, GCN__INPUT_UNSUBSCRIBED);
  /* The start came to nothing: so there was one. */
  bool unread = world->flow != NULL && world->desire == GCN__DESIRE_STREAMING &&
                fate_below(world, 8) == 0;
  if (unread) input = GCN__INPUT_UNREADABLE;
  /* As if a successor took over that very moment. */
  bool closing = conn->session.state == GCN__STATE_CLOSING;
  if (closing && fate_below(world, 8) == 0) input = GCN__INPUT_RETIRE;
  (void)fate_do(world, FATE_INPUT, slot, input);
}

void user_injects(struct world* world) {
  unsigned slot = 0;
  while (gcn__engine_conn(world->engine, &slot) != NULL) {
    if (fate_below(world, 3) > 0) draw_input(world, slot - 1);
  }
}

static bool brief(const struct world* world) {
  enum gcn__state state = gcn__engine_state(world->engine);
  return state == GCN__STATE_CLOSING || state == GCN__STATE_CONNECTING;
}

static uint64_t next_whim(struct world* world) {
  if (world->plan.days > 0) return fate_between(world, 50, 12 * HOUR_MS);
  /* A rotation is over before the next one is wanted. */
  if (world->plan.resets) {
    return fate_between(world, 2 * MINUTE_MS, 3 * MINUTE_MS);
  }
  bool rare = world->plan.calm;
  if (rare) return fate_between(world, 4 * MINUTE_MS, 12 * MINUTE_MS);
  return fate_pause(world, fate_between(world, 50, 5 * MINUTE_MS));
}

/* While all is well: the streams have to come back by themselves. */
bool user_resets(struct world* world) {
  const struct gcn__shard* shard = world->engine->shards[0];
  bool rests = gcn__conn_streams(shard->primary) &&
               shard->primary->api.wire.phase == GCN__WIRE_ABSENT;
  if (!rests) return false;
  world_say(world, "all streams are reset");
  world->calls = service_calls(world);
  world->reset_connection = world->engine->connection_count;
  network_reset(world);
  return true;
}

static void draw(struct world* world) {
  if (world->flow != NULL) {
    flow_acts(world);
  } else if (world->plan.resets) {
    (void)fate_do(world, FATE_RESET_ALL, 0, 0);
  } else if (brief(world) && world_has(world, WORLD_INJECTS) &&
             fate_below(world, 4) > 0) {
    user_injects(world);
  } else if (world->desire == GCN__DESIRE_STOPPED &&
             !world_has(world, WORLD_FICKLE)) {
    (void)fate_do(world, FATE_START, 0, 0);
  } else if (world_has(world, WORLD_FAULTS | WORLD_DRIFTS) &&
             fate_below(world, 2) == 0) {
    service_trouble(world);
  } else if (world_has(world, WORLD_MOVES) && fate_below(world, 3) == 0) {
    service_move(world, world->plan.calm);
  } else if (world_has(world, WORLD_INJECTS) && fate_below(world, 2) == 0) {
    user_injects(world);
  } else {
    user_whim(world);
  }
}

void user_acts(struct world* world) {
  world->user_ms = world->now_ms + next_whim(world);
  size_t before = fate_begin(world);
  draw(world);
  if (fate_acted(world, before)) world_turn(world);
}

/* The vault. */

static void put_ask(struct world* world, struct world_ask ask) {
  for (size_t i = 0; i < WORLD_ASKS_MAX; i++) {
    if (world->asks[i].at_ms != GCN__NEVER) continue;
    world->asks[i] = ask;
    return;
  }
}

/* False: it never answers. */
static bool change_mood(struct world_ask* ask, enum fate_kind kind,
                        uint64_t late_ms) {
  ask->at_ms += late_ms;
  ask->fails = kind == FATE_FAILS;
  ask->again = kind == FATE_AGAIN;
  ask->old = kind == FATE_OLD;
  return kind != FATE_MUTE;
}

void user_asked(struct world* world, const struct gcn__effect* effect) {
  struct world_ask ask = {
      .at_ms = world->now_ms + world_between(world, 1, 300),
      .ticket = effect->ask.ticket,
      .kind = effect->ask.kind,
  };
  world_say(world, "the vault is asked, %llu", (unsigned long long)ask.ticket);
  if (fate_is_led(world)) {
    const struct fate_fault* fault = fate_vault(world);
    if (fault != NULL && !change_mood(&ask, fault->kind, fault->b)) return;
  } else if (world_has(world, WORLD_VAULT)) {
    uint64_t mood = fate_below(world, 10);
    uint64_t late_ms = mood == 1 ? fate_between(world, 5000, 30000) : 0;
    enum fate_kind kind = (enum fate_kind)(FATE_MUTE + mood);
    bool moody = kind <= FATE_OLD && fate_knows(world, kind);
    if (moody) fate_note(world, kind, 0, late_ms);
    if (moody && !change_mood(&ask, kind, late_ms)) return;
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
  bool led = fate_is_led(world);
  uint64_t act_ms = led ? fate_deadline(world) : world->user_ms;
  if (world->healed) act_ms = GCN__NEVER;
  uint64_t next_ms = gcn__time_min(act_ms, world->resume_ms);
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
  bool led = fate_is_led(world);
  if (!world->healed && led && fate_leads(world)) world_turn(world);
  if (!world->healed && !led && world->user_ms <= world->now_ms) {
    user_acts(world);
  }
  if (world->desire == GCN__DESIRE_CLOSED) world->user_ms = GCN__NEVER;
  if (!is_refused(world)) return;
  user_start(world);
  world_turn(world);
}
