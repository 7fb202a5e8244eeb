/* SPDX-License-Identifier: MIT */
/*
 * What the seed makes of a world of the stream dialect.
 */
#include "stream-world.h"

#include <stdlib.h>
#include <string.h>

enum {
  SECOND_MS = 1000,
  MINUTE_MS = 60 * 1000,
  EXPIRY_LIFE_S = 30,
  URL_SIZE = 2400, /* some six subscriptions */
  PING_GAP_MS = 20 * SECOND_MS,
};

static const char* const client_ids[WORLD_CLIENTS] = {"client-1", "client-2"};

/* Only tokens end and streams are reset. */
enum { EXPIRY_TROUBLE = WORLD_YIELDS | WORLD_CROWDS | WORLD_STALLS };

bool flow_knows(const struct world* world, unsigned trouble) {
  return (world->trouble & trouble) != 0;
}

static void choose_settings(struct world* world) {
  struct gcn__settings* settings = &world->flow->settings;
  *settings = GCN__SETTINGS_DEFAULT;
  settings->shard_count_max = WORLD_SHARDS;
  if (world->plan.spare) settings->spare_ms = WORLD_SPARE_MS;
  if (flow_knows(world, WORLD_CROWDS) && world->seed % 2 == 0) {
    settings->shard_names_target = 4;
    settings->shard_names_max = 5;
  }
  if (flow_knows(world, WORLD_PINGS)) {
    settings->ping_ms = world_between(world, 30000, 60000);
  }
  if (world->plan.expiry) return;
  if (world_below(world, 2) == 0) {
    settings->rotate_ms = world_between(world, 8, 60) * MINUTE_MS;
    settings->rotate_jitter_ms = settings->rotate_ms / 10;
  }
  if (world_below(world, 2) == 0) return;
  settings->attempt_ms = world_between(world, 15000, 60000);
  settings->phase_ms = world_between(world, 5000, 25000);
  settings->retry_cap_ms = world_between(world, 20000, 90000);
  settings->token_margin_ms = world_between(world, 1000, 60000);
  settings->audit_ms = world_between(world, 1, 60) * MINUTE_MS;
}

static int make_window(struct world* world) {
  struct flow* flow = world->flow;
  struct gcn__window_limits limits = {
      .count_max = world->seed % 4 == 1 ? 16 : 4096,
      .key_count_max = FLOW_HANDLED_MAX,
      .size_max = 8 * 1024 * 1024,
  };
  gcn__window_deinit(&flow->window);
  return gcn__window_init(&flow->window, &gcn__mem_libc, &limits, 1);
}

int flow_birth(struct world* world) {
  struct flow* flow = calloc(1, sizeof *flow);
  if (flow == NULL) return -1;
  world->flow = flow;
  world->tempo = 1;
  flow->events = malloc(WORLD_EVENTS_MAX * sizeof *flow->events);
  flow->gaps = malloc(WORLD_GAPS_MAX * sizeof *flow->gaps);
  flow->ack_ms = GCN__NEVER;
  world->trouble &= ~(unsigned)WORLD_DRIFTS;
  if (world->plan.expiry) world->trouble &= EXPIRY_TROUBLE;
  flow->preset = (enum gcn__preset)(world->seed % GCN__PRESET_COUNT);
  flow->shape = gcn__shape_of(flow->preset);
  if (flow_knows(world, WORLD_CROWDS) && world->seed % 2 == 1) {
    flow->shape.url_size_max = URL_SIZE;
  }
  uint64_t source = world->plan.expiry ? 9 : world_below(world, 10);
  flow->asks_token = source == 0;
  flow->asks_secret = source == 1 || source == 2;
  world->asked_for = flow->asks_token || flow->asks_secret;
  choose_settings(world);
  return make_window(world);
}

/* Bytes that a URL must not hold as they are among them. */
static void name_topic(struct world* world, size_t i) {
  static const char* const events[] = {
      "routing.queueEvents", "routing.queueEvents", "routing.interactionEvents",
      "routing:queue:stats:updated"};
  struct flow_topic* topic = &world->flow->topics[i];
  snprintf(topic->event, sizeof topic->event, "%s", events[i % 4]);
  snprintf(topic->resource, sizeof topic->resource, "r%zu&%llx", i,
           (unsigned long long)world->seed);
  if (i % 4 == 1) topic->type = "QUEUE_ADD";
  snprintf(world->topics[i], sizeof world->topics[i], "%s@r%u%%26%llx%s%s",
           topic->event, (unsigned)i, (unsigned long long)world->seed,
           topic->type == NULL ? "" : "?eventType=",
           topic->type == NULL ? "" : topic->type);
}

void flow_name_topics(struct world* world) {
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    name_topic(world, i);
  }
}

static bool has_preflight(const struct world* world) {
  return world->flow->shape.preflight_path[0] != '\0';
}

void flow_service(struct world* world, struct gcn__sim_options* options) {
  static char forbidden[FLOW_NAME_SIZE + 1];
  static struct gcn__sim_forbidden rules[] = {{forbidden, "a:b:view"}};
  bool expiry = world->plan.expiry;
  options->channel_ttl_ms = 0;
  options->channels_max = 0;
  options->rest_per_min_max = 0;
  options->body_size_max = 0;
  options->channel_outlives_token = false;
  options->forbidden_count = 0;
  options->events_per_ks =
      expiry ? world_between(world, 200, 4000) : world_between(world, 20, 1000);
  if (world->plan.days > 0) options->events_per_ks = 200;
  options->stream_tells_resumed = world_below(world, 2) == 0;
  world->flow->goes_on = world_below(world, 2) == 0;
  options->stream_lost_goes_on = world->flow->goes_on;
  options->stream_ping_gap_ms = world_below(world, 2) == 0 ? PING_GAP_MS : 0;
  options->token_life_s = 0;
  if (expiry) {
    options->token_life_s = EXPIRY_LIFE_S;
    options->stream_ticket_life_s = EXPIRY_LIFE_S;
    return;
  }
  if (flow_knows(world, WORLD_TOKENS)) {
    options->token_life_s = world_between(world, EXPIRY_LIFE_S, 300);
    options->stream_ticket_life_s = world_between(world, EXPIRY_LIFE_S, 300);
  }
  options->stream_retention_ms = world_between(world, 1, 10) * MINUTE_MS;
  if (world->seed % 7 == 0) options->stream_history_max = 100;
  if (world->seed % 3 == 0) options->stream_repeat = world_below(world, 6);
  if (world->seed % 4 == 0) {
    options->stream_slow_ms = world_between(world, 20, 60) * SECOND_MS;
  }
  if (world->seed % 6 != 0 || !has_preflight(world)) return;
  snprintf(forbidden, sizeof forbidden, "*%s",
           world->flow->topics[WORLD_TOPICS_KEPT].resource);
  options->forbidden = rules;
  options->forbidden_count = 1;
}

static int want_topics(struct world* world) {
  const char* names[WORLD_TOPICS];
  size_t count = 0;
  for (size_t i = 0; i < WORLD_TOPICS; i++) {
    if (i < WORLD_TOPICS_KEPT) world->wanted[i] = true;
    if (world->wanted[i]) names[count++] = world->topics[i];
  }
  return gcn__engine_topics_add(world->engine, names, count);
}

/* `options` has what both dialects need. */
int flow_engine(struct world* world) {
  const struct flow* flow = world->flow;
  struct gcn__engine_options options;
  world_engine_options(world, &options);
  options.settings = flow->settings;
  options.shape = &flow->shape;
  options.keys = true;
  options.asks_credentials = flow->asks_secret;
  options.asks_token = flow->asks_token;
  options.scrutiny =
      world->seed % 2 == 0 ? GCN__SCRUTINY_STRICT : GCN__SCRUTINY_SHALLOW;
  if (!world->asked_for) {
    options.client_id = client_ids[world->client];
    options.client_secret = world->secrets[world->client];
  }
  int error = gcn__engine_new(&options, &world->engine);
  if (error != 0) return error;
  world_watch(world);
  return want_topics(world);
}

void flow_death(struct world* world) {
  struct flow* flow = world->flow;
  if (flow == NULL) return;
  gcn__window_deinit(&flow->window);
  free(flow->events);
  free(flow->gaps);
  free(flow);
  world->flow = NULL;
}
