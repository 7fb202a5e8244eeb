/* SPDX-License-Identifier: MIT */
/*
 * How an engine is made and freed.
 *
 * What can fail leaves nothing behind; freeing is legal in every state, also of
 * an engine that is half made.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

enum { SCRATCH_SIZE_MAX = 2 * 1024 * 1024, MISSING_SIZE_MAX = 4096 };

static bool copy_text(struct gcn__engine* engine, char** to, const char* from) {
  *to = gcn__str_copy(&engine->mem, from);
  return from == NULL || *to != NULL;
}

static bool copy_texts(struct gcn__engine* engine,
                       const struct gcn__engine_options* options) {
  return copy_text(engine, &engine->login_text, options->login_url) &&
         copy_text(engine, &engine->api_text, options->api_url) &&
         copy_text(engine, &engine->domain, options->domain) &&
         copy_text(engine, &engine->user_agent, options->user_agent);
}

static bool acceptable(const struct gcn__engine* engine,
                       const struct gcn__url* url) {
  if (url->scheme == GCN__SCHEME_HTTPS) return engine->tls != NULL;
  return url->scheme == GCN__SCHEME_HTTP && engine->plaintext;
}

/* A gateway may serve both hosts below paths of its own. */
static char* copy_path(const struct gcn__engine* engine,
                       const struct gcn__url* url) {
  size_t size = url->target.size;
  while (size > 0 && url->target.data[size - 1] == '/')
    size--;
  return gcn__str_copy_n(&engine->mem, url->target.data, size);
}

int gcn__engine_choose_proxy(struct gcn__engine* engine,
                             const struct gcn__url* url,
                             struct gcn__proxy* proxy) {
  const char* problem = "";
  gcn__proxy_init(proxy, &engine->mem);
  if (engine->proxies == NULL) return 0;
  const char* text = gcn__proxy_choose(engine->proxies, url);
  if (text == NULL) return 0;
  return gcn__proxy_parse(proxy, gcn__span_str(text), &problem);
}

static int parse_urls(struct gcn__engine* engine) {
  const char* wrong =
      gcn__url_parse(&engine->login, gcn__span_str(engine->login_text));
  if (wrong != NULL || !acceptable(engine, &engine->login)) return GCN_ECONFIG;
  wrong = gcn__url_parse(&engine->api, gcn__span_str(engine->api_text));
  if (wrong != NULL || !acceptable(engine, &engine->api)) return GCN_ECONFIG;
  engine->login_path = copy_path(engine, &engine->login);
  engine->api_path = copy_path(engine, &engine->api);
  bool copied = engine->login_path != NULL && engine->api_path != NULL;
  if (!copied) return GCN__ENOMEM;
  int error =
      gcn__engine_choose_proxy(engine, &engine->login, &engine->login_proxy);
  if (error != 0) return error;
  return gcn__engine_choose_proxy(engine, &engine->api, &engine->api_proxy);
}

static char** text_of(struct gcn__shape* shape, size_t index) {
  const char** const texts[] = {
      &shape->path,          &shape->token_param, &shape->subs_param,
      &shape->subs_path,     &shape->ticket_path, &shape->preflight_path,
      &shape->resume_param,  &shape->since_param, &shape->batch_param,
      &shape->latency_param,
  };
  if (index >= sizeof texts / sizeof texts[0]) return NULL;
  return (char**)(void*)texts[index];
}

static void free_shape(struct gcn__engine* engine) {
  char** text;
  for (size_t i = 0; (text = text_of(&engine->shape, i)) != NULL; i++) {
    gcn__str_free(&engine->mem, *text);
    *text = NULL;
  }
}

static int copy_shape(struct gcn__engine* engine,
                      const struct gcn__shape* from) {
  char** text;
  engine->shape = *from;
  for (size_t i = 0; (text = text_of(&engine->shape, i)) != NULL; i++) {
    *text = NULL;
  }
  struct gcn__shape source = *from;
  for (size_t i = 0; (text = text_of(&engine->shape, i)) != NULL; i++) {
    *text = gcn__str_copy(&engine->mem, *text_of(&source, i));
    if (*text == NULL) return GCN__ENOMEM;
  }
  return 0;
}

static size_t cost_of(void* ctx, struct gcn__span name) {
  const struct gcn__engine* engine = ctx;
  return gcn__stream_cost(&engine->shape, name);
}

/* What a channel holds is counted in names, what a URL holds in bytes. */
static void init_planner(struct gcn__engine* engine,
                         const struct gcn__engine_options* options) {
  struct gcn__planner_limits limits = {
      .names_target = (size_t)options->settings.shard_names_target,
      .names_max = (size_t)options->settings.shard_names_max,
      .shard_count_max = (unsigned)options->settings.shard_count_max,
      .combine = options->settings.combine != 0 && options->shape == NULL,
  };
  if (options->shape != NULL) {
    limits.cost = cost_of;
    limits.ctx = engine;
    limits.cost_max = gcn__stream_room(options->shape);
    limits.cost_target = limits.cost_max;
  }
  gcn__planner_init(&engine->planner, &engine->mem, &limits);
}

static void init_parts(struct gcn__engine* engine,
                       const struct gcn__engine_options* options) {
  engine->log = options->log;
  engine->settings = options->settings;
  /* An event may wait in a batch before it is sent. */
  if (options->shape != NULL) {
    engine->settings.latency_max_ms += options->shape->latency_ms;
  }
  engine->entropy = options->entropy;
  engine->plaintext = options->plaintext;
  engine->asks_credentials = options->asks_credentials;
  engine->asks_token = options->asks_token;
  engine->recorder = options->recorder;
  engine->override = options->override;
  engine->proxies = options->proxies;
  engine->keys = options->keys;
  engine->scrutiny = options->scrutiny;
  engine->id_choice = options->id_choice;
  engine->spares = options->spares;
  if (engine->spares == NULL) {
    gcn__spares_init(&engine->own_spares, &engine->mem);
    engine->spares = &engine->own_spares;
  }
  engine->dialect =
      options->shape == NULL ? &gcn__dialect_channels : &gcn__dialect_stream;
  gcn__seen_init(&engine->seen, &engine->mem, GCN__SEEN_COUNT);
  if (options->tls != NULL) engine->tls = gcn__tls_config_hold(options->tls);
  const struct gcn__mem* mem = &engine->mem;
  gcn__rng_seed(&engine->rng, options->seed);
  gcn__keeper_init(engine);
  gcn__topics_init(&engine->topics, mem,
                   (size_t)options->settings.topic_count_max);
  init_planner(engine, options);
  engine->replan_ms = GCN__NEVER;
  gcn__buf_init(&engine->missing, mem, MISSING_SIZE_MAX);
  gcn__buf_init(&engine->scratch, mem, SCRATCH_SIZE_MAX);
  engine->scratch.secret = true;
  engine->drained = true;
}

static bool make_pace(struct gcn__engine* engine,
                      const struct gcn__engine_options* options) {
  engine->pace = options->pace;
  if (engine->pace != NULL) return true;
  engine->own_pace = gcn__alloc(&engine->mem, sizeof *engine->own_pace);
  engine->pace = engine->own_pace;
  if (engine->own_pace == NULL) return false;
  gcn__pace_init(engine->own_pace, &options->settings);
  return true;
}

static struct gcn__effect* make_ring(const struct gcn__engine* engine,
                                     unsigned size) {
  return gcn__alloc(&engine->mem, size * sizeof *engine->ring);
}

static void free_ring(struct gcn__engine* engine) {
  if (engine->ring == NULL) return;
  size_t size = engine->ring_size * sizeof *engine->ring;
  gcn__wipe(engine->ring, size);
  gcn__free(&engine->mem, engine->ring, size);
}

bool gcn__engine_widen(struct gcn__engine* engine, unsigned size) {
  if (engine->ring_size >= size) return true;
  struct gcn__effect* ring = make_ring(engine, size);
  if (ring == NULL) return false;
  for (unsigned i = 0; i < engine->ring_count; i++) {
    ring[i] = engine->ring[(engine->ring_begin + i) % engine->ring_size];
  }
  free_ring(engine);
  engine->ring = ring;
  engine->ring_size = size;
  engine->ring_begin = 0;
  return true;
}

struct gcn__shard* gcn__shard_make(struct gcn__engine* engine, unsigned index) {
  if (engine->shards[index] != NULL) return engine->shards[index];
  if (!gcn__engine_widen(engine, GCN__EFFECT_RING_SIZE_MAX)) return NULL;
  struct gcn__shard* shard = gcn__alloc_zero(&engine->mem, sizeof *shard);
  if (shard == NULL) return NULL;
  shard->revision = 1; /* its topics have never been asked for */
  engine->shards[index] = shard;
  return shard;
}

void gcn__shard_init(struct gcn__engine* engine, unsigned index) {
  struct gcn__shard* shard = engine->shards[index];
  *shard = (struct gcn__shard){.revision = shard->revision,
                               .began = shard->began,
                               .position = shard->position,
                               .position_is_time = shard->position_is_time,
                               .gaps = shard->gaps,
                               .start_ms = GCN__NEVER,
                               .topics_due_ms = GCN__NEVER,
                               .dedup_end_ms = GCN__NEVER};
  gcn__dedup_init(&shard->dedup, &engine->mem);
  gcn__seen_init(&shard->unnamed, &engine->mem, GCN__SEEN_COUNT);
  if (index >= engine->shard_end) engine->shard_end = index + 1;
}

void gcn__shard_deinit(struct gcn__shard* shard, const struct gcn__mem* mem) {
  gcn__dedup_deinit(&shard->dedup);
  gcn__seen_deinit(&shard->unnamed);
  gcn__cursor_clear(shard, mem);
}

static void free_shards(struct gcn__engine* engine) {
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    struct gcn__shard* shard = engine->shards[i];
    if (shard == NULL) continue;
    gcn__shard_deinit(shard, &engine->mem);
    if (i > 0) gcn__free(&engine->mem, shard, sizeof *shard);
  }
}

/* The first connection is there from the beginning: a client without topics
 * streams, too. */
static int make_first(struct gcn__engine* engine,
                      const struct gcn__engine_options* options) {
  gcn__shard_init(engine, 0);
  struct gcn__conn* conn = gcn__conn_new(engine, 0);
  if (conn == NULL) return GCN__ENOMEM;
  engine->shards[0]->primary = conn;
  const struct gcn__entropy* entropy = &engine->entropy;
  if (entropy->fill(entropy->ctx, engine->salt, sizeof engine->salt) != 0) {
    return GCN_EENTROPY;
  }
  engine->keeper.grant = options->grant;
  if (!copy_text(engine, &engine->keeper.org_name, options->org_name)) {
    return GCN__ENOMEM;
  }
  gcn__engine_repace(engine);
  if (options->client_id == NULL) return 0;
  const struct gcn__offer offer = {
      .client_id = options->client_id,
      .client_secret = options->client_secret,
      .refresh_token = options->refresh_token,
      .assertion = options->assertion,
  };
  return gcn__keeper_credentials(engine, &offer);
}

int gcn__engine_new(const struct gcn__engine_options* options,
                    struct gcn__engine** out) {
  struct gcn__engine* engine = gcn__alloc_zero(&options->mem, sizeof *engine);
  if (engine == NULL) return GCN__ENOMEM;
  engine->mem = options->mem;
  engine->shards[0] = &engine->first_shard;
  init_parts(engine, options);
  bool made = gcn__engine_widen(engine, GCN__EFFECT_RING_SIZE);
  int error = made && make_pace(engine, options) ? 0 : GCN__ENOMEM;
  if (error == 0 && options->shape != NULL) {
    error = copy_shape(engine, options->shape);
  }
  if (error == 0 && !copy_texts(engine, options)) error = GCN__ENOMEM;
  if (error == 0) error = parse_urls(engine);
  if (error == 0) error = make_first(engine, options);
  bool warm = options->settings.spare_ms != 0;
  if (error == 0 && warm) error = gcn__spare_new(engine);
  if (error != 0) {
    gcn__engine_free(engine);
    return error;
  }
  *out = engine;
  return 0;
}

void gcn__engine_repace(struct gcn__engine* engine) {
  const struct gcn__keeper* keeper = &engine->keeper;
  const char* id = keeper->offer_count > 0 ? keeper->offers[0].id : "";
  engine->pace_key =
      gcn__pace_key(gcn__span_str(engine->api.host), gcn__span_str(id));
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    conn->session.pace_key = engine->pace_key;
  }
}

void gcn__engine_free(struct gcn__engine* engine) {
  if (engine == NULL) return;
  struct gcn__mem mem = engine->mem;
  for (unsigned i = 0; i < GCN__CONN_COUNT_MAX; i++) {
    gcn__conn_free(engine->conns[i]);
  }
  free_shards(engine);
  gcn__spare_free(engine);
  free_ring(engine);
  gcn__planner_deinit(&engine->planner);
  gcn__seen_deinit(&engine->seen);
  free_shape(engine);
  gcn__keeper_deinit(&engine->keeper);
  gcn__topics_deinit(&engine->topics);
  gcn__proxy_deinit(&engine->login_proxy);
  gcn__proxy_deinit(&engine->api_proxy);
  gcn__buf_deinit(&engine->missing);
  gcn__buf_deinit(&engine->scratch);
  gcn__str_free(&mem, engine->login_text);
  gcn__str_free(&mem, engine->api_text);
  gcn__str_free(&mem, engine->login_path);
  gcn__str_free(&mem, engine->api_path);
  gcn__str_free(&mem, engine->domain);
  gcn__str_free(&mem, engine->user_agent);
  gcn__tls_config_release(engine->tls);
  gcn__spares_deinit(&engine->own_spares);
  gcn__free(&mem, engine->own_pace, sizeof *engine->own_pace);
  gcn__wipe(engine, sizeof *engine);
  gcn__free(&mem, engine, sizeof *engine);
}
