/* SPDX-License-Identifier: MIT */
/*
 * One life in the virtual world: the order of what happens, the engine's turn,
 * the healing and the end.
 */
#include "stream-world.h"

#include "base/time.h"

#include <stdarg.h>
#include <string.h>

enum {
  MINUTE_MS = 60 * 1000,
  YIELD_SLACK_MS = 100, /* a yielding driver takes 1 ms per step */
  MOMENTS_MAX = 10000,  /* without a step of the clock */
  TURNS_MAX = 50 * 1000 * 1000,
};

uint32_t world_cells[GCN__STATE_COUNT][GCN__INPUT_COUNT];
uint64_t world_spares_used;
const struct world_plan world_plan_default = {0};

void world_break(struct world* world, const char* format, ...) {
  if (world->fault[0] != '\0') return;
  int at = snprintf(world->fault, sizeof world->fault,
                    "seed %llu at %.3f s: ", (unsigned long long)world->seed,
                    (double)world->now_ms / 1000);
  va_list args;
  va_start(args, format);
  vsnprintf(world->fault + at, sizeof world->fault - (size_t)at, format, args);
  va_end(args);
  unsigned rule = rule_of(world->fault);
  if (rule != 0) rules_broken[rule]++;
  world_say(world, "BROKEN %s", world->fault);
}

void world_say(struct world* world, const char* format, ...) {
  if (world->trace == NULL) return;
  fprintf(world->trace, "%12.3f ", (double)world->now_ms / 1000);
  va_list args;
  va_start(args, format);
  vfprintf(world->trace, format, args);
  va_end(args);
  fputc('\n', world->trace);
}

bool world_has(const struct world* world, unsigned trouble) {
  return !world->healed && (world->trouble & trouble);
}

uint64_t world_below(struct world* world, uint64_t bound) {
  return gcn__rng_below(&world->rng, bound);
}

uint64_t world_between(struct world* world, uint64_t low, uint64_t high) {
  return gcn__rng_between(&world->rng, low, high);
}

uint64_t world_hash(struct gcn__span bytes) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < bytes.size; i++) {
    hash = (hash ^ (unsigned char)bytes.data[i]) * UINT64_C(0x100000001b3);
  }
  return hash;
}

struct gcn__conn* world_conn(const struct world* world,
                             enum gcn__wire_index wire) {
  if (wire == GCN__WIRE_LOGIN || wire == GCN__WIRE_SPARE) return NULL;
  return world->engine->conns[((unsigned)wire - 1) / 2];
}

static void mix(struct world* world, uint64_t value) {
  for (int i = 0; i < 8; i++) {
    world->hash ^= (value >> (8 * i)) & 0xff;
    world->hash *= UINT64_C(0x100000001b3);
  }
}

/* The engine's turn. */

static void flush(struct world* world, enum gcn__wire_index wire) {
  struct gcn__span out = gcn__engine_output(world->engine, wire);
  if (out.size == 0) return;
  struct link* link = network_link(world, wire);
  if (link == NULL || !link->connected) return;
  network_upload(world, wire, out);
  gcn__engine_sent(world->engine, wire, out.size);
}

static void open_wire(struct world* world, const struct gcn__effect* effect) {
  world_say(world, "open wire %d", (int)effect->wire);
  check_open(world, effect->wire);
  network_open(world, effect->wire);
}

static void drop_wire(struct world* world, const struct gcn__effect* effect) {
  world_say(world, "drop wire %d%s", (int)effect->wire,
            effect->abort ? " at once" : "");
  if (!effect->abort) flush(world, effect->wire);
  network_drop(world, effect->wire, effect->abort);
}

static void move_wire(struct world* world, const struct gcn__effect* effect) {
  world_say(world, "the spare is wire %d", (int)effect->wire);
  mix(world, effect->wire);
  network_move(world, GCN__WIRE_SPARE, effect->wire);
}

static void perform(struct world* world, const struct gcn__effect* effect) {
  mix(world, world->now_ms);
  mix(world, effect->kind);
  switch (effect->kind) {
  case GCN__EFFECT_OPEN: open_wire(world, effect); return;
  case GCN__EFFECT_DROP: drop_wire(world, effect); return;
  case GCN__EFFECT_MOVE: move_wire(world, effect); return;
  case GCN__EFFECT_STATE:
    mix(world, effect->transition.to);
    mix(world, effect->transition.input);
    mix(world, effect->transition.retry_in_ms);
    check_state(world, effect);
    if (world->flow != NULL) flow_state(world, effect);
    break;
  case GCN__EFFECT_EVENT:
    mix(world, effect->event.message.size);
    check_event(world, &effect->event);
    break;
  case GCN__EFFECT_GAP:
    mix(world, effect->gap.from_ms);
    check_gap(world, &effect->gap);
    break;
  case GCN__EFFECT_ROTATION: check_rotation(world, &effect->rotation); break;
  case GCN__EFFECT_ASK: user_asked(world, effect); break;
  case GCN__EFFECT_TOPIC:
    world_say(world, "topic %.*s: %d", (int)effect->topic.topic.size,
              effect->topic.topic.data, (int)effect->topic.verdict);
    if (world->flow != NULL) flow_topic(world, &effect->topic);
    break;
  case GCN__EFFECT_MARK: flow_mark(world, &effect->mark); break;
  case GCN__EFFECT_REFRESHED:
  case GCN__EFFECT_NOTICE:
  case GCN__EFFECT_HEARTBEAT: break;
  }
  user_whim_in_callback(world);
}

void world_turn(struct world* world) {
  struct gcn__effect effect;
  uint64_t left = world->trouble & WORLD_YIELDS ? 1 + world_below(world, 3) : 0;
  while (gcn__engine_next(world->engine, &effect)) {
    perform(world, &effect);
    if (left > 0 && --left == 0) break;
    if (world->fault[0] != '\0') return;
    if (++world->turns > TURNS_MAX) {
      world_break(world, "the engine does not come to rest");
      return;
    }
  }
  gcn__engine_settle(world->engine);
  unsigned count = gcn__engine_wire_count(world->engine);
  for (unsigned i = 0; i < count; i++) {
    flush(world, (enum gcn__wire_index)i);
  }
  check_turn(world);
}

/* Life. */

/* Good weather: the wanted stream has to come back by itself (P15). */
static void heal(struct world* world) {
  world_say(world, "the world heals");
  world->healed = true;
  world->healed_ms = world->now_ms;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    struct shard_view* view = &world->shards[i];
    view->streamed = view->state == GCN__STATE_STREAMING;
  }
  world->heal_ms = GCN__NEVER;
  world->user_ms = GCN__NEVER;
  network_heal(world);
  /* What hung in the middle of a message is not sent after all: signs of life
   * among it would be older than any ledger allows for. */
  if (world->stuck) network_reset(world);
  gcn__sim_calm(world->sim);
  network_collect(world);
  gcn__engine_pause(world->engine, false, world->now_ms);
  if (world->resume_ms != GCN__NEVER) world->resumed_ms = world->now_ms;
  world->resume_ms = GCN__NEVER;
  if (!world->right_secret) user_credentials(world, true);
  user_start(world);
  /* What drifted last is found by the next audit. */
  uint64_t audit_ms = world->engine->settings.audit_ms * 3 / 2;
  bool drifts = (world->trouble & WORLD_DRIFTS) != 0;
  uint64_t silence_ms = world->engine->settings.silence_ms;
  uint64_t rest_ms = 8 * MINUTE_MS + silence_ms + (drifts ? audit_ms : 0);
  world->final_ms = world->now_ms + rest_ms;
  world->end_ms = world->final_ms + MINUTE_MS;
  world_turn(world);
}

static uint64_t next_moment(const struct world* world) {
  uint64_t next_ms = gcn__engine_deadline(world->engine);
  next_ms = gcn__time_min(next_ms, gcn__sim_deadline(world->sim));
  next_ms = gcn__time_min(next_ms, network_deadline(world));
  next_ms = gcn__time_min(next_ms, user_deadline(world));
  next_ms = gcn__time_min(next_ms, world->heal_ms);
  next_ms = gcn__time_min(next_ms, world->final_ms);
  if (gcn__engine_busy(world->engine)) next_ms = world->now_ms + 1;
  return gcn__time_min(next_ms, world->end_ms);
}

static void live_one_moment(struct world* world) {
  if (gcn__sim_deadline(world->sim) <= world->now_ms) {
    gcn__sim_tick(world->sim, world->now_ms);
    network_collect(world);
  }
  while (world->fault[0] == '\0' && network_step(world))
    network_collect(world);
  if (gcn__engine_deadline(world->engine) <= world->now_ms ||
      gcn__engine_busy(world->engine)) {
    rules_wakes(world);
    gcn__engine_woken(world->engine, world->now_ms);
    world_turn(world);
  }
  user_tick(world);
  if (world->heal_ms <= world->now_ms) heal(world);
  if (world->final_ms <= world->now_ms) {
    world->final_ms = GCN__NEVER;
    service_final(world);
  }
}

static void go_to(struct world* world, uint64_t next_ms) {
  world->moments++;
  if (next_ms > world->now_ms) {
    world->now_ms = next_ms;
    world->moments = 0;
    world->fate.effects = 0;
  }
  if (world->moments < MOMENTS_MAX) return;
  world_break(world, "a deadline that is due leads to nothing");
}

static bool met(const struct world* world) {
  return gcn__engine_state(world->engine) == world->last_state;
}

static void live_until(struct world* world, uint64_t until_ms) {
  while (world->fault[0] == '\0') {
    uint64_t next_ms = next_moment(world);
    if (next_ms >= until_ms || met(world)) break;
    go_to(world, next_ms);
    live_one_moment(world);
  }
  bool early = met(world);
  if (world->fault[0] == '\0' && !early && until_ms > world->now_ms) {
    world->now_ms = until_ms;
  }
}

static void check_left(struct world* world) {
  for (int i = 0; i < world->link_end; i++) {
    if (world->links[i].used && !world->links[i].gone) {
      world_break(world, "P5: CLOSED, and wire %d is still on the loop",
                  (int)world->links[i].wire);
    }
  }
  if (gcn__engine_deadline(world->engine) != GCN__NEVER) {
    world_break(world, "P5: CLOSED, and a deadline is still armed");
  }
}

/* The user can't wait: no goodbye takes longer than he says meanwhile. */
static uint64_t cut_short(struct world* world) {
  uint64_t close_ms = world->engine->settings.close_ms;
  bool at_once = world_below(world, 2) == 0;
  uint64_t limit_ms = at_once ? 0 : world_below(world, close_ms);
  gcn__engine_limit_close(world->engine, limit_ms, world->now_ms);
  world_turn(world);
  return world->now_ms + limit_ms + YIELD_SLACK_MS;
}

static void leave(struct world* world) {
  uint64_t by_ms =
      world->now_ms + world->engine->settings.close_ms + YIELD_SLACK_MS;
  world->desire = GCN__DESIRE_CLOSED;
  world->end_ms = GCN__NEVER;
  world->heal_ms = GCN__NEVER;
  world->final_ms = GCN__NEVER;
  if (world_below(world, 2) == 0) {
    user_command(world, GCN__COMMAND_STOP);
    world_turn(world);
  }
  user_command(world, GCN__COMMAND_CLOSE);
  world_turn(world);
  if (world->plan.impatient) by_ms = cut_short(world);
  while (world->fault[0] == '\0' &&
         (gcn__engine_busy(world->engine) ||
          gcn__engine_state(world->engine) != GCN__STATE_CLOSED)) {
    uint64_t next_ms = next_moment(world);
    if (next_ms > by_ms) {
      world_break(world, "P5: close takes longer than its deadline");
      return;
    }
    go_to(world, next_ms);
    live_one_moment(world);
  }
  if (world->fault[0] == '\0') check_left(world);
}

static void live(struct world* world) {
  manners_begin(world);
  if (world->flow != NULL) flow_begin(world);
  user_start(world);
  world_turn(world);
  bool whole = world->plan.days > 0 || world->plan.calm || world->plan.manners;
  bool early = world->seed % 8 == 0 || world->plan.impatient;
  if (early && !whole) {
    /* This one ends in the middle of it all. */
    live_until(world, world_between(world, 0, world->heal_ms));
    world->last_state = (enum gcn__state)(world->seed / 8 % GCN__STATE_CLOSED);
    live_until(world, world->heal_ms);
  } else {
    live_until(world, world->heal_ms + 1);
    live_until(world, world->end_ms);
    if (world->fault[0] == '\0') check_end(world);
    if (world->fault[0] == '\0') manners_end(world);
  }
  if (world->fault[0] == '\0') leave(world);
}

int world_run(struct world* world, const struct world_plan* plan, uint64_t seed,
              FILE* trace) {
  if (world_birth(world, plan, seed, trace) != 0) {
    world_break(world, "birth failed");
  } else {
    live(world);
  }
  if (world->engine != NULL) {
    world_spares_used += gcn__engine_counters(world->engine)->spares_used;
  }
  mix(world, world->sent_count);
  mix(world, world->client_sequence);
  world_death(world);
  return world->fault[0] == '\0' ? 0 : -1;
}
