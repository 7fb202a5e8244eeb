/* SPDX-License-Identifier: MIT */
/*
 * One life in the virtual world: the order of what happens, the engine's turn,
 * the user's whims and the service's troubles.
 */
#include "world.h"

#include "base/err.h"
#include "base/time.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
  HOUR_MS = 3600 * 1000,
  MINUTE_MS = 60 * 1000,
  YIELD_SLACK_MS = 50, /* a yielding driver takes 1 ms per step */
};

#define RIGHT_SECRET "right-s3cr3t-canary"
#define WRONG_SECRET "wrong-s3cr3t-canary"

uint32_t world_cells[GCN__STATE_COUNT][GCN__INPUT_COUNT];

void world_break(struct world* world, const char* format, ...) {
  if (world->fault[0] != '\0') return;
  int at = snprintf(world->fault, sizeof world->fault,
                    "seed %llu at %.3f s: ", (unsigned long long)world->seed,
                    (double)world->now_ms / 1000);
  va_list args;
  va_start(args, format);
  vsnprintf(world->fault + at, sizeof world->fault - (size_t)at, format, args);
  va_end(args);
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

static uint64_t below(struct world* world, uint64_t bound) {
  return gcn__rng_below(&world->rng, bound);
}

static void mix(struct world* world, uint64_t value) {
  for (int i = 0; i < 8; i++) {
    world->hash ^= (value >> (8 * i)) & 0xff;
    world->hash *= UINT64_C(0x100000001b3);
  }
}

/* --- the engine's turn ---------------------------------------------------- */

static void command(struct world* world, unsigned bits) {
  gcn__engine_command(world->engine, bits, world->now_ms);
}

static void flush(struct world* world, enum gcn__wire_index wire) {
  struct gcn__span out = gcn__engine_output(world->engine, wire);
  if (out.size == 0) return;
  struct link* link = network_link(world, wire);
  if (link == NULL || !link->connected) return;
  network_upload(world, wire, out);
  gcn__engine_sent(world->engine, wire, out.size);
}

static void whim_in_callback(struct world* world);

static void perform(struct world* world, const struct gcn__effect* effect) {
  mix(world, world->now_ms);
  mix(world, effect->kind);
  switch (effect->kind) {
  case GCN__EFFECT_OPEN:
    world_say(world, "open wire %d", (int)effect->wire);
    check_open(world, effect->wire);
    network_open(world, effect->wire);
    return;
  case GCN__EFFECT_DROP:
    world_say(world, "drop wire %d", (int)effect->wire);
    if (!effect->abort) flush(world, effect->wire);
    network_drop(world, effect->wire, effect->abort);
    return;
  case GCN__EFFECT_STATE: check_state(world, &effect->transition); break;
  case GCN__EFFECT_EVENT:
    mix(world, effect->event.message.size);
    check_event(world, &effect->event);
    break;
  case GCN__EFFECT_GAP: check_gap(world, &effect->gap); break;
  case GCN__EFFECT_NOTICE:
  case GCN__EFFECT_HEARTBEAT:
  case GCN__EFFECT_TOPIC: break;
  }
  whim_in_callback(world);
}

void world_turn(struct world* world) {
  struct gcn__effect effect;
  uint64_t left = world->trouble & WORLD_YIELDS ? 1 + below(world, 3) : 0;
  while (gcn__engine_next(world->engine, &effect)) {
    perform(world, &effect);
    if (left > 0 && --left == 0) break;
    if (world->fault[0] != '\0') return;
    if (++world->turns > 20 * 1000 * 1000) {
      world_break(world, "the engine does not come to rest");
      return;
    }
  }
  gcn__engine_settle(world->engine);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    flush(world, (enum gcn__wire_index)i);
  }
  check_turn(world);
}

/* --- the user ------------------------------------------------------------- */

static bool has(const struct world* world, unsigned trouble) {
  return !world->healed && (world->trouble & trouble);
}

static void user_start(struct world* world) {
  world->desire = GCN__DESIRE_STREAMING;
  world->refused = false;
  world->leave_by_ms = GCN__NEVER;
  if (world->state == GCN__STATE_REFUSED) world->hurried = true;
  command(world, GCN__COMMAND_START);
}

static void user_stop(struct world* world) {
  world->desire = GCN__DESIRE_STOPPED;
  world->leave_by_ms =
      world->now_ms + world->engine->settings.close_ms + YIELD_SLACK_MS;
  command(world, GCN__COMMAND_STOP);
}

static void user_topic(struct world* world) {
  size_t i = (size_t)below(world, WORLD_TOPICS_FICKLE);
  struct gcn__span name = gcn__span_str(world->topics[WORLD_TOPICS_KEPT + i]);
  int error = world->fickle_wanted[i]
                  ? gcn__engine_topic_remove(world->engine, name)
                  : gcn__engine_topic_add(world->engine, name);
  if (error != 0) world_break(world, "a topic call failed: %d", error);
  world->fickle_wanted[i] = !world->fickle_wanted[i];
  command(world, GCN__COMMAND_TOPICS);
}

static void user_secret(struct world* world, bool right) {
  world->right_secret = right;
  world->hurried = true; /* REFUSED goes on at once */
  world->refused = false;
  gcn__engine_credentials(world->engine, "client-1",
                          right ? RIGHT_SECRET : WRONG_SECRET);
  command(world, GCN__COMMAND_CREDENTIALS);
}

static void user_hurry(struct world* world) {
  world->hurried = true;
  world->refused = false;
  command(world, GCN__COMMAND_HURRY);
}

static void whim(struct world* world) {
  if (world->desire == GCN__DESIRE_CLOSED) return; /* nothing more to say */
  uint64_t choice = below(world, 16);
  bool fickle = has(world, WORLD_FICKLE);
  world_say(world, "whim %llu", (unsigned long long)choice);
  if (fickle && choice < 3) user_stop(world);
  if (fickle && choice >= 3 && choice < 7) user_start(world);
  if (fickle && choice >= 7 && choice < 11) user_topic(world);
  if (fickle && choice == 11) user_hurry(world);
  if (has(world, WORLD_SECRETS) && choice >= 12 && choice < 14) {
    user_secret(world, below(world, 3) > 0);
  }
  if (has(world, WORLD_PAUSES) && choice >= 14) {
    gcn__engine_pause(world->engine, true, world->now_ms);
    world->resume_ms = world->now_ms + below(world, 90 * 1000);
  }
}

static void whim_in_callback(struct world* world) {
  if (below(world, 1000) < 5) whim(world);
}

/* A peer input that no byte produced: the table must be total. */
static void inject_input(struct world* world) {
  bool linked = world->state >= GCN__STATE_CONNECTING &&
                world->state <= GCN__STATE_STREAMING;
  linked = linked || world->state == GCN__STATE_CLOSING;
  enum gcn__input input = (enum gcn__input)gcn__rng_between(
      &world->rng, GCN__INPUT_WEATHER, GCN__INPUT_REVOKED);
  /* A sign of life that no byte carried would be a lie about the gap. */
  bool lie = world->state == GCN__STATE_STREAMING &&
             (input == GCN__INPUT_HEARTBEAT || input == GCN__INPUT_GARBAGE);
  /* Only the engine's reader can say which event. */
  bool empty = input == GCN__INPUT_EVENT &&
               world->state != GCN__STATE_CONNECTING &&
               world->state != GCN__STATE_CLOSING;
  bool pending =
      world->engine->commands != 0 || gcn__engine_busy(world->engine);
  if (!linked || lie || empty || pending) return;
  world_say(world, "out of nowhere: %s", gcn__input_name(input));
  gcn__failure_clear(world->engine);
  gcn__engine_woken(world->engine, world->now_ms);
  gcn__engine_post(world->engine, input);
  if (input == GCN__INPUT_REFUSED) world->right_secret = false;
}

/* --- the service ---------------------------------------------------------- */

static const char* const troubles[] = {
    "http.status POST /oauth/token 500 times=1",
    "http.status POST /oauth/token 429 retry-after=7 times=1",
    "http.status POST /oauth/token 401 times=1",
    "http.status POST /api/v2/notifications/channels 503 times=2",
    "http.status POST /api/v2/notifications/channels 429 retry-after=5 times=1",
    "http.status POST /api/v2/notifications/channels 401 times=1",
    "http.status POST /api/v2/notifications/channels 403 times=1",
    "http.status PUT /api/v2/notifications/channels/* 401 times=2",
    "http.status PUT /api/v2/notifications/channels/* 429 retry-after=9 "
    "times=1",
    "http.status PUT /api/v2/notifications/channels/* 404 times=1",
    "http.status PUT /api/v2/notifications/channels/* 500 times=2",
    "http.status GET /channels/* 404 times=1",
    "http.status GET /channels/* 401 times=1",
    "http.status GET /channels/* 429 retry-after=3 times=1",
    "http.status GET /channels/* 302 times=1",
    "http.hang * * times=1",
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
    "ws.coalesce 4",
    "ws.send \"not json\"",
    "ws.binary 10",
    "ws.masked",
    "ws.invalid-utf8",
    "ws.oversize 2000000",
    "ws.ping 20",
    "ws.closing 60s",
    "tcp.reset",
    "tcp.close",
    "tcp.freeze",
    "heartbeat.stop then wait 80s then heartbeat.start",
    "pong.stop then wait 60s then pong.start",
    "heartbeat.stop then pong.stop then wait 70s then heartbeat.start then "
    "pong.start",
    "event.burst 30",
    "token.expire",
    "token.revoke",
    "channel.expire",
    "channel.evict",
};

static void trouble_service(struct world* world) {
  size_t count = sizeof troubles / sizeof troubles[0];
  const char* rule = troubles[below(world, count)];
  char text[GCN__SCRIPT_TEXT_SIZE] = "";
  world_say(world, "fault: %s", rule);
  if (gcn__sim_inject(world->sim, rule, world->now_ms, text) != 0) {
    world_break(world, "the service does not know '%s': %s", rule, text);
  }
  network_collect(world);
}

static void on_event(void* ctx, const struct gcn__sim_event* event) {
  struct world* world = ctx;
  if (world->sent_count == WORLD_EVENTS_MAX) return;
  bool kept = false;
  for (int i = 0; i < WORLD_TOPICS_KEPT; i++) {
    if (gcn__span_iis(event->topic, world->topics[i])) kept = true;
  }
  struct sent_event* last =
      world->sent_count > 0 ? &world->sent[world->sent_count - 1] : NULL;
  if (last != NULL && last->sequence == event->sequence) return;
  world->sent[world->sent_count++] = (struct sent_event){
      .sequence = event->sequence, .at_ms = event->at_ms, .kept = kept};
}

static void on_request(void* ctx, const struct gcn__sim_request* request) {
  struct world* world = ctx;
  world_say(world, "request %.*s %s: %u", (int)request->method.size,
            request->method.data, request->route, request->status);
  if (request->status == 101) {
    struct link* link = network_link(world, GCN__WIRE_STREAM);
    bool ours = link != NULL && link->conn != NULL &&
                gcn__sim_serial(link->conn) == request->connection;
    if (ours) world->upgrade_ms = request->at_ms;
  }
  bool put = gcn__span_is(request->method, "PUT");
  if (put && request->status == 200) world->put_ms = request->at_ms;
}

/* --- birth and death ------------------------------------------------------ */

static void* counted_resize(void* ctx, void* ptr, size_t old_size,
                            size_t new_size) {
  struct world* world = ctx;
  void* block = gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
  if (block == NULL && new_size > 0) return NULL;
  world->heap_now += new_size;
  world->heap_now -= old_size;
  if (world->heap_now > world->heap_peak) world->heap_peak = world->heap_now;
  return block;
}

static int fill_entropy(void* ctx, void* data, size_t size) {
  struct world* world = ctx;
  unsigned char* bytes = data;
  for (size_t i = 0; i < size; i++) {
    bytes[i] = (unsigned char)gcn__rng_next(&world->rng);
  }
  return 0;
}

static void log_line(void* ctx, enum gcn__log_level level, const char* line) {
  (void)level;
  check_text(ctx, line);
  world_say(ctx, "log: %s", line);
}

static const struct gcn__sim_client clients[] = {{"client-1", RIGHT_SECRET}};

static void make_service(struct world* world) {
  struct gcn__sim_options options = {
      .seed = world->seed,
      .start_ms = world->now_ms,
      .wall_base_ms = UINT64_C(1900000000000),
      .clients = clients,
      .client_count = 1,
      .authority = "127.0.0.1:8080",
      .insecure = true,
      .any_topic = true,
      .events_per_ks = gcn__rng_between(&world->rng, 5, 500),
      .hooks = {.ctx = world, .event = on_event, .request = on_request},
  };
  if (world->trouble & WORLD_TOKENS) {
    options.token_life_s = gcn__rng_between(&world->rng, 40, 900);
  }
  if (world->trouble & WORLD_CHANNELS) {
    options.channel_ttl_ms =
        gcn__rng_between(&world->rng, 5 * MINUTE_MS, 2 * HOUR_MS);
  }
  world->sim = gcn__sim_new(&options);
}

static void vary_settings(struct world* world, struct gcn__settings* settings) {
  if (below(world, 2) == 0) return;
  settings->attempt_ms = gcn__rng_between(&world->rng, 15000, 60000);
  settings->phase_ms = gcn__rng_between(&world->rng, 5000, 25000);
  settings->audit_ms = gcn__rng_between(&world->rng, MINUTE_MS, HOUR_MS);
  settings->retry_cap_ms = gcn__rng_between(&world->rng, 20000, 90000);
  settings->token_margin_ms = gcn__rng_between(&world->rng, 1000, 60000);
}

static void note_cell(void* ctx, enum gcn__state state, enum gcn__input input) {
  struct world* world = ctx;
  world_cells[state][input]++;
  world_say(world, "    %s x %s", gcn__state_name(state),
            gcn__input_name(input));
}

static int make_engine(struct world* world) {
  struct gcn__engine_options options = {
      .mem = {counted_resize, world},
      .log = {log_line, world, GCN__LOG_DEBUG},
      .settings = GCN__SETTINGS_DEFAULT,
      .entropy = {fill_entropy, world},
      .seed = gcn__rng_next(&world->rng),
      .login_url = "http://127.0.0.1:8080",
      .api_url = "http://127.0.0.1:8080",
      .client_id = "client-1",
      .client_secret = RIGHT_SECRET,
      .user_agent = "gcnotify-dst",
      .plaintext = true,
  };
  vary_settings(world, &options.settings);
  int error = gcn__engine_new(&options, &world->engine);
  if (error != 0) return error;
  world->engine->session.watch = (struct gcn__watch){note_cell, world};
  for (size_t i = 0; i < WORLD_TOPICS_KEPT + WORLD_TOPICS_FICKLE; i++) {
    gcn__sim_topic(world->seed, i, world->topics[i]);
    if (i >= WORLD_TOPICS_KEPT) continue;
    struct gcn__span name = gcn__span_str(world->topics[i]);
    error = gcn__engine_topic_add(world->engine, name);
    if (error != 0) return error;
  }
  return 0;
}

static int birth(struct world* world, uint64_t seed, FILE* trace) {
  memset(world, 0, sizeof *world);
  world->seed = seed;
  world->trace = trace;
  world->hash = UINT64_C(0xcbf29ce484222325);
  world->now_ms = 1000;
  world->right_secret = true;
  world->last_state = GCN__STATE_COUNT;
  world->leave_by_ms = GCN__NEVER;
  world->resume_ms = GCN__NEVER;
  world->frame_since_ms = GCN__NEVER;
  gcn__rng_seed(&world->rng, seed * UINT64_C(0x9e3779b97f4a7c15) + 1);
  world->trouble =
      (unsigned)gcn__rng_next(&world->rng) & ((1u << WORLD_TROUBLE_COUNT) - 1);
  uint64_t life_ms = gcn__rng_between(&world->rng, 5 * MINUTE_MS, 2 * HOUR_MS);
  world->heal_ms = world->now_ms + life_ms;
  world->end_ms = GCN__NEVER;
  world->user_ms = world->now_ms + below(world, 10000);
  world->sent = malloc(WORLD_EVENTS_MAX * sizeof *world->sent);
  world->gaps = malloc(WORLD_GAPS_MAX * sizeof *world->gaps);
  make_service(world);
  return make_engine(world);
}

static void death(struct world* world) {
  network_free(world);
  gcn__engine_free(world->engine);
  gcn__sim_free(world->sim);
  free(world->sent);
  free(world->gaps);
  world->sent = NULL;
  world->gaps = NULL;
  if (world->heap_now != 0) {
    world_break(world, "%zu bytes were not given back", world->heap_now);
  }
}

/* --- life ----------------------------------------------------------------- */

/* Good weather: the wanted stream has to come back by itself (P15). */
static void heal(struct world* world) {
  world_say(world, "the world heals");
  world->healed = true;
  world->streamed = world->state == GCN__STATE_STREAMING;
  world->heal_ms = GCN__NEVER;
  network_heal(world);
  gcn__sim_calm(world->sim);
  network_collect(world);
  gcn__engine_pause(world->engine, false, world->now_ms);
  world->resume_ms = GCN__NEVER;
  if (!world->right_secret) user_secret(world, true);
  user_start(world);
  world->end_ms = world->now_ms + 6 * MINUTE_MS;
  world_turn(world);
}

static void user_acts(struct world* world) {
  world->user_ms =
      world->now_ms + gcn__rng_between(&world->rng, 50, 5 * MINUTE_MS);
  bool brief = world->state == GCN__STATE_CLOSING ||
               world->state == GCN__STATE_CONNECTING;
  if (brief && has(world, WORLD_INJECTS) && below(world, 4) > 0) {
    inject_input(world);
  } else if (world->desire == GCN__DESIRE_STOPPED &&
             !has(world, WORLD_FICKLE)) {
    user_start(world);
  } else if (has(world, WORLD_FAULTS) && below(world, 2) == 0) {
    trouble_service(world);
  } else if (has(world, WORLD_INJECTS) && below(world, 2) == 0) {
    inject_input(world);
  } else {
    whim(world);
  }
  world_turn(world);
}

static uint64_t next_moment(const struct world* world) {
  uint64_t next_ms = gcn__engine_deadline(world->engine);
  next_ms = gcn__time_min(next_ms, gcn__sim_deadline(world->sim));
  next_ms = gcn__time_min(next_ms, network_deadline(world));
  next_ms = gcn__time_min(next_ms, world->user_ms);
  next_ms = gcn__time_min(next_ms, world->heal_ms);
  next_ms = gcn__time_min(next_ms, world->resume_ms);
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
    gcn__engine_woken(world->engine, world->now_ms);
    world_turn(world);
  }
  if (world->resume_ms <= world->now_ms) {
    world->resume_ms = GCN__NEVER;
    gcn__engine_pause(world->engine, false, world->now_ms);
    world_turn(world);
  }
  if (world->heal_ms <= world->now_ms) heal(world);
  if (!world->healed && world->user_ms <= world->now_ms) user_acts(world);
  if (world->healed) world->user_ms = GCN__NEVER;
  /* A leftover fault may still refuse; a sensible user tries again. */
  bool again = world->healed && world->state == GCN__STATE_REFUSED &&
               world->desire == GCN__DESIRE_STREAMING;
  if (again) {
    user_start(world);
    world_turn(world);
  }
}

static void live_until(struct world* world, uint64_t until_ms) {
  while (world->fault[0] == '\0') {
    uint64_t next_ms = next_moment(world);
    if (next_ms >= until_ms || world->state == world->last_state) break;
    if (next_ms > world->now_ms) world->now_ms = next_ms;
    live_one_moment(world);
  }
  bool early = world->state == world->last_state;
  if (world->fault[0] == '\0' && !early && until_ms > world->now_ms) {
    world->now_ms = until_ms;
  }
}

static void leave(struct world* world) {
  uint64_t by_ms =
      world->now_ms + world->engine->settings.close_ms + YIELD_SLACK_MS;
  world->desire = GCN__DESIRE_CLOSED;
  world->end_ms = GCN__NEVER;
  world->heal_ms = GCN__NEVER;
  if (below(world, 2) == 0) {
    command(world, GCN__COMMAND_STOP);
    world_turn(world);
  }
  command(world, GCN__COMMAND_CLOSE);
  world_turn(world);
  while (world->fault[0] == '\0' && world->state != GCN__STATE_CLOSED) {
    uint64_t next_ms = next_moment(world);
    if (next_ms > by_ms) {
      world_break(world, "P5: close takes longer than its deadline");
      return;
    }
    if (next_ms > world->now_ms) world->now_ms = next_ms;
    live_one_moment(world);
  }
}

int world_run(struct world* world, uint64_t seed, FILE* trace) {
  if (birth(world, seed, trace) != 0) {
    world_break(world, "birth failed");
  } else {
    user_start(world);
    world_turn(world);
    if (seed % 8 == 0) {
      /* This one ends in the middle of it all. */
      live_until(world, gcn__rng_between(&world->rng, 0, world->heal_ms));
      world->last_state = (enum gcn__state)(seed / 8 % GCN__STATE_CLOSED);
      live_until(world, world->heal_ms);
    } else {
      live_until(world, world->heal_ms + 1);
      live_until(world, world->end_ms);
      if (world->fault[0] == '\0') check_end(world);
    }
    if (world->fault[0] == '\0') leave(world);
  }
  mix(world, world->sent_count);
  mix(world, world->last_sequence);
  death(world);
  return world->fault[0] == '\0' ? 0 : -1;
}
