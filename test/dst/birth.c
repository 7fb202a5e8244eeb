/* SPDX-License-Identifier: MIT */
/*
 * The beginning and the end of a life: what the seed makes of service, engine,
 * settings and topics.
 */
#include "stream-world.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

enum {
  SECOND_MS = 1000,
  MINUTE_MS = 60 * 1000,
  HOUR_MS = 3600 * 1000,
  /* Of a long life: heartbeats come every 30 minutes instead of 30 s, and what
   * hangs on them is as much slower. */
  LONG_TEMPO = 60,
};

#define DAY_MS (UINT64_C(24) * HOUR_MS)

static const char* const client_ids[WORLD_CLIENTS] = {"client-1", "client-2"};

/* What a planned life of rotations consists of. */
enum {
  CALM_TROUBLE = WORLD_MOVES | WORLD_SECRETS | WORLD_TOKENS | WORLD_CROWDS |
                 WORLD_PINGS | WORLD_YIELDS | WORLD_FICKLE,
  /* Nothing that ends a channel or puts its topics again. */
  DRIFT_TROUBLE =
      WORLD_STALLS | WORLD_YIELDS | WORLD_CROWDS | WORLD_PINGS | WORLD_REFUSALS,
};

static void* counted_resize(void* ctx, void* ptr, size_t old_size,
                            size_t new_size) {
  struct world* world = ctx;
  if (ptr != NULL && new_size < old_size) {
    const char* bytes = ptr;
    rules_freed(world, bytes + new_size, old_size - new_size);
  }
  void* block = gcn__mem_libc.resize(NULL, ptr, old_size, new_size);
  if (block == NULL && new_size > 0) return NULL;
  /* What the service has left in this memory is not the engine's. */
  if (world->searches && new_size > old_size) {
    memset((char*)block + old_size, 0x5a, new_size - old_size);
  }
  world->heap_now += new_size;
  world->heap_now -= old_size;
  if (world->heap_now > world->heap_peak) world->heap_peak = world->heap_now;
  return block;
}

static int fill_entropy(void* ctx, void* data, size_t size) {
  unsigned char* bytes = data;
  for (size_t i = 0; i < size; i++) {
    bytes[i] = (unsigned char)world_below(ctx, 256);
  }
  return 0;
}

static void log_line(void* ctx, enum gcn__log_level level, const char* line) {
  (void)level;
  check_text(ctx, line);
  world_say(ctx, "log: %s", line);
}

static void note_cell(void* ctx, enum gcn__state state, enum gcn__input input) {
  world_cells[state][input]++;
  world_say(ctx, "    %s x %s", gcn__state_name(state), gcn__input_name(input));
}

static bool knows(const struct world* world, unsigned trouble) {
  return (world->trouble & trouble) != 0;
}

/* Siblings among them, so that names are combined. */
static void name_topics(struct world* world) {
  static const char* const kinds[] = {"presence", "routingStatus", "activity",
                                      "station"};
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    if (i % 4 == 3) {
      gcn__sim_topic(world->seed, i, world->topics[i]);
      continue;
    }
    snprintf(world->topics[i], sizeof world->topics[i],
             "v2.users.%08llx-0000-4000-8000-%012llx.%s",
             (unsigned long long)(world->seed & 0xffffffff),
             (unsigned long long)(i / 3), kinds[i % 4]);
  }
}

static uint64_t events_per_ks(struct world* world) {
  if (world->plan.days > 0) return 1;
  if (world->plan.resets) return 20000; /* the next one comes at once */
  return world_between(world, 5, 500);
}

static void make_service(struct world* world) {
  static char forbidden[GCN__SIM_TOPIC_SIZE_MAX];
  static struct gcn__sim_forbidden rules[] = {{forbidden, "a:b:view"}};
  static struct gcn__sim_client clients[WORLD_CLIENTS];
  for (int i = 0; i < WORLD_CLIENTS; i++) {
    clients[i] = (struct gcn__sim_client){client_ids[i], world->initial[i]};
  }
  bool slow = world->plan.days > 0;
  struct gcn__sim_options options = {
      .seed = world->seed,
      .start_ms = world->now_ms,
      .wall_base_ms = UINT64_C(1900000000000),
      .clients = clients,
      .client_count = WORLD_CLIENTS,
      .authority = "127.0.0.1:8080",
      .insecure = true,
      .any_topic = true,
      .heartbeat_ms = world->tempo * 30 * SECOND_MS,
      .events_per_ks = events_per_ks(world),
      .hooks = {.ctx = world,
                .event = service_event,
                .request = service_request},
  };
  if (knows(world, WORLD_TOKENS)) {
    /* Each connection needs a channel per token, and those have a budget. */
    uint64_t least_s = knows(world, WORLD_CROWDS) ? 600 : 300;
    options.token_life_s = slow ? world_between(world, 20 * 3600, 48 * 3600)
                                : world_between(world, least_s, 1200);
  }
  if (knows(world, WORLD_CHANNELS) && !slow) {
    options.channel_ttl_ms = world_between(world, 5 * MINUTE_MS, 2 * HOUR_MS);
  }
  if (knows(world, WORLD_QUOTAS)) {
    options.channels_max = WORLD_SHARDS + 2;
    options.rest_per_min_max = world_between(world, 10, 60);
    options.body_size_max = 640;
  }
  if (world->seed % 3 == 0) {
    snprintf(forbidden, sizeof forbidden, "%s",
             world->topics[WORLD_TOPICS_KEPT]);
    options.forbidden = rules;
    options.forbidden_count = 1;
  }
  options.channel_outlives_token = world->seed % 5 == 0;
  if (world->flow != NULL) flow_service(world, &options);
  world->sim = gcn__sim_new(&options);
}

/* Everything that follows from the service's heartbeat. */
static void slow_down(struct world* world, struct gcn__settings* settings) {
  uint64_t tempo = world->tempo;
  settings->probe_ms *= tempo;
  settings->silence_ms *= tempo;
  settings->proof_ms *= tempo;
  settings->topic_retry_max_ms *= tempo;
  settings->audit_ms *= tempo / 4 + 1;
}

static void choose_settings(struct world* world,
                            struct gcn__settings* settings) {
  slow_down(world, settings);
  if (world->plan.spare) settings->spare_ms = WORLD_SPARE_MS;
  settings->channel_keeps = world->seed % 5 == 0;
  if (knows(world, WORLD_CROWDS)) {
    settings->shard_names_target = 4;
    settings->shard_names_max = 5;
    settings->combine = world_below(world, 2);
  }
  settings->shard_count_max = WORLD_SHARDS;
  if (knows(world, WORLD_QUOTAS)) settings->body_size_max = 420;
  if (knows(world, WORLD_PINGS)) {
    uint64_t tempo = world->tempo * world->tempo;
    settings->ping_ms = tempo * world_between(world, 5000, 40000);
  }
  bool quiet = world->plan.drift || world->plan.resets || world->plan.manners;
  bool ages = world->plan.days == 0 && !quiet && world_below(world, 2) == 0;
  if (ages) {
    uint64_t least_ms = 8 * MINUTE_MS;
    settings->rotate_ms = world_between(world, least_ms, 2 * HOUR_MS);
    settings->rotate_jitter_ms = settings->rotate_ms / 10;
  }
  if (knows(world, WORLD_DRIFTS) && world->plan.days == 0) {
    settings->audit_ms = 4 * MINUTE_MS;
  }
  /* Each connection may be asked to move at the same time. */
  if (world->plan.calm) settings->channel_burst = 4 * WORLD_SHARDS;
  if (world->plan.calm || world_below(world, 2) == 0) return;
  settings->attempt_ms = world_between(world, 15000, 60000);
  settings->phase_ms = world_between(world, 5000, 25000);
  settings->retry_cap_ms = world_between(world, 20000, 90000);
  settings->token_margin_ms = world_between(world, 1000, 60000);
  if (world->plan.days > 0 || knows(world, WORLD_DRIFTS)) return;
  settings->audit_ms = world_between(world, MINUTE_MS, HOUR_MS);
}

static int want_topics(struct world* world) {
  const char* names[WORLD_TOPICS_KEPT];
  for (size_t i = 0; i < WORLD_TOPICS_KEPT; i++) {
    names[i] = world->topics[i];
    world->wanted[i] = true;
  }
  return gcn__engine_topics_add(world->engine, names, WORLD_TOPICS_KEPT);
}

void world_engine_options(struct world* world,
                          struct gcn__engine_options* options) {
  *options = (struct gcn__engine_options){
      .mem = {counted_resize, world},
      .log = {log_line, world, GCN__LOG_DEBUG},
      .settings = GCN__SETTINGS_DEFAULT,
      .entropy = {fill_entropy, world},
      .seed = gcn__rng_next(&world->rng),
      .login_url = "http://127.0.0.1:8080",
      /* The service calls itself by its address: a guess may be wrong. */
      .api_url = world->seed % 4 == 1 ? "http://localhost:8080"
                                      : "http://127.0.0.1:8080",
      .user_agent = "gcnotify-dst",
      .plaintext = true,
  };
}

void world_watch(struct world* world) {
  gcn__engine_watch(world->engine, (struct gcn__watch){note_cell, world});
}

static int make_engine(struct world* world) {
  uint64_t source = world_below(world, 10);
  /* A vault would log in by itself. */
  bool asks = !world->plan.manners;
  bool asks_token = asks && source == 0;
  bool asks_secret = asks && (source == 1 || source == 2);
  world->asked_for = asks_token || asks_secret;
  struct gcn__engine_options options;
  world_engine_options(world, &options);
  options.asks_credentials = asks_secret;
  options.asks_token = asks_token;
  if (!world->asked_for) {
    options.client_id = client_ids[0];
    options.client_secret = world->secrets[0];
  }
  choose_settings(world, &options.settings);
  manners_settings(world, &options.settings);
  int error = gcn__engine_new(&options, &world->engine);
  if (error != 0) return error;
  world_watch(world);
  return want_topics(world);
}

static void choose_times(struct world* world) {
  uint64_t days = world->plan.days;
  bool brief = world->plan.resets || world->plan.manners;
  uint64_t most_ms = brief ? 20 * MINUTE_MS : 2 * HOUR_MS;
  /* An outage has to end well before the world heals. */
  uint64_t least_ms = (world->plan.manners ? 14 : 10) * MINUTE_MS;
  uint64_t life_ms =
      days > 0 ? days * DAY_MS : world_between(world, least_ms, most_ms);
  world->now_ms = 1000;
  world->heal_ms = world->now_ms + life_ms;
  world->end_ms = GCN__NEVER;
  world->final_ms = GCN__NEVER;
  world->leave_by_ms = GCN__NEVER;
  world->resume_ms = GCN__NEVER;
  world->secret_ms = GCN__NEVER;
  world->user_ms = world->now_ms + fate_below(world, 10 * SECOND_MS);
  if (world->plan.expiry && days == 0) {
    world->heal_ms = world->now_ms + 10 * MINUTE_MS;
  }
  /* First all has to be well. */
  if (world->plan.calm) world->user_ms = world->now_ms + 2 * MINUTE_MS;
}

int world_birth(struct world* world, const struct world_plan* plan,
                uint64_t seed, FILE* trace) {
  memset(world, 0, sizeof *world);
  world->seed = seed;
  world->plan = *plan;
  world->trace = trace;
  world->hash = UINT64_C(0xcbf29ce484222325);
  world->right_secret = true;
  world->last_state = GCN__STATE_COUNT;
  world->searches = seed % 16 == 0;
  world->tempo = plan->days > 0 ? LONG_TEMPO : 1;
  gcn__rng_seed(&world->rng, seed * UINT64_C(0x9e3779b97f4a7c15) + 1);
  gcn__rng_seed(&world->shears, seed + 77);
  world->trouble =
      (unsigned)gcn__rng_next(&world->rng) & ((1u << WORLD_TROUBLE_COUNT) - 1);
  if (plan->calm) world->trouble &= CALM_TROUBLE;
  if (plan->drift) world->trouble &= DRIFT_TROUBLE;
  if (plan->resets) world->trouble &= WORLD_YIELDS | WORLD_CROWDS;
  if (plan->manners) world->trouble &= WORLD_YIELDS;
  if (plan->drift) world->trouble |= WORLD_DRIFTS;
  world->fate.script = plan->script;
  fate_birth(world);
  if (plan->script != NULL) world->trouble = plan->script->trouble;
  choose_times(world);
  for (size_t i = 0; i < WORLD_ASKS_MAX; i++) {
    world->asks[i].at_ms = GCN__NEVER;
  }
  for (unsigned i = 0; i < WORLD_CLIENTS; i++) {
    snprintf(world->secrets[i], WORLD_SECRET_SIZE, "s3cr3t-%u-canary", i);
    memcpy(world->former[i], world->secrets[i], WORLD_SECRET_SIZE);
    memcpy(world->initial[i], world->secrets[i], WORLD_SECRET_SIZE);
  }
  world->sent = malloc(WORLD_EVENTS_MAX * sizeof *world->sent);
  world->gaps = malloc(WORLD_GAPS_MAX * sizeof *world->gaps);
  if (!plan->stream) {
    name_topics(world);
    make_service(world);
    return make_engine(world);
  }
  if (flow_birth(world) != 0) return -1;
  flow_name_topics(world);
  make_service(world);
  return flow_engine(world);
}

void world_death(struct world* world) {
  fate_death(world);
  network_free(world);
  gcn__engine_free(world->engine);
  gcn__sim_free(world->sim);
  free(world->sent);
  free(world->gaps);
  world->sent = NULL;
  world->gaps = NULL;
  flow_death(world);
  rule_count(34);
  if (world->heap_now != 0) {
    world_break(world, "I34: %zu bytes were not given back", world->heap_now);
  }
}
