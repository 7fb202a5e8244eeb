/* SPDX-License-Identifier: MIT */
/*
 * The engine's order of work.
 *
 * gcn__engine_next does one thing at a time, in this order: effects that wait,
 * verdicts, inputs of our own, the user's commands, what IDLE still wishes,
 * bytes, timers.  Bytes come before timers, so that a deadline is never judged
 * while the proof of life lies unread.
 */
#include "engine/internal.h"

#include "base/assert.h"
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
         copy_text(engine, &engine->client_id, options->client_id) &&
         copy_text(engine, &engine->client_secret, options->client_secret) &&
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

static int parse_urls(struct gcn__engine* engine) {
  const char* wrong =
      gcn__url_parse(&engine->login, gcn__span_str(engine->login_text));
  if (wrong != NULL || !acceptable(engine, &engine->login)) return GCN_ECONFIG;
  wrong = gcn__url_parse(&engine->api, gcn__span_str(engine->api_text));
  if (wrong != NULL || !acceptable(engine, &engine->api)) return GCN_ECONFIG;
  engine->login_path = copy_path(engine, &engine->login);
  engine->api_path = copy_path(engine, &engine->api);
  bool copied = engine->login_path != NULL && engine->api_path != NULL;
  return copied ? 0 : GCN__ENOMEM;
}

static void init_parts(struct gcn__engine* engine,
                       const struct gcn__engine_options* options) {
  engine->log = options->log;
  engine->settings = options->settings;
  engine->entropy = options->entropy;
  engine->plaintext = options->plaintext;
  if (options->tls != NULL) engine->tls = gcn__tls_config_hold(options->tls);
  const struct gcn__mem* mem = &engine->mem;
  gcn__rng_seed(&engine->rng, options->seed);
  gcn__session_init(&engine->session, &engine->settings, &engine->rng);
  gcn__token_init(&engine->token, mem);
  gcn__topics_init(&engine->topics, mem,
                   (size_t)options->settings.topic_count_max);
  gcn__budget_init(&engine->channel_budget, options->settings.channel_burst,
                   options->settings.channel_refill_ms);
  gcn__buf_init(&engine->missing, mem, MISSING_SIZE_MAX);
  gcn__buf_init(&engine->scratch, mem, SCRATCH_SIZE_MAX);
  engine->scratch.secret = true;
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    gcn__wire_init(&engine->wires[i], mem);
  }
  engine->api_idle_ms = GCN__NEVER;
  engine->drained = true;
  gcn__failure_clear(engine);
}

int gcn__engine_new(const struct gcn__engine_options* options,
                    struct gcn__engine** out) {
  struct gcn__engine* engine = gcn__alloc_zero(&options->mem, sizeof *engine);
  if (engine == NULL) return GCN__ENOMEM;
  engine->mem = options->mem;
  init_parts(engine, options);
  int error = copy_texts(engine, options) ? parse_urls(engine) : GCN__ENOMEM;
  if (error != 0) {
    gcn__engine_free(engine);
    return error;
  }
  *out = engine;
  return 0;
}

void gcn__engine_free(struct gcn__engine* engine) {
  if (engine == NULL) return;
  struct gcn__mem mem = engine->mem;
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    gcn__wire_deinit(&engine->wires[i]);
  }
  gcn__channel_forget(engine);
  gcn__json_free(engine->answer, false);
  gcn__token_deinit(&engine->token);
  gcn__topics_deinit(&engine->topics);
  gcn__buf_deinit(&engine->missing);
  gcn__buf_deinit(&engine->scratch);
  gcn__str_free(&mem, engine->login_text);
  gcn__str_free(&mem, engine->api_text);
  gcn__str_free(&mem, engine->login_path);
  gcn__str_free(&mem, engine->api_path);
  gcn__str_free(&mem, engine->domain);
  gcn__str_free(&mem, engine->user_agent);
  gcn__str_free(&mem, engine->client_id);
  gcn__secret_free(&mem, engine->client_secret);
  gcn__tls_config_release(engine->tls);
  gcn__wipe(engine, sizeof *engine);
  gcn__free(&mem, engine, sizeof *engine);
}

void gcn__engine_post(struct gcn__engine* engine, enum gcn__input input) {
  GCN__ASSERT(engine->inbox_count < GCN__INBOX_SIZE);
  if (engine->inbox_count == GCN__INBOX_SIZE) return;
  engine->inbox[engine->inbox_count++] = input;
}

static enum gcn__input take_input(struct gcn__engine* engine) {
  enum gcn__input input = engine->inbox[0];
  engine->inbox_count--;
  memmove(&engine->inbox[0], &engine->inbox[1],
          engine->inbox_count * sizeof engine->inbox[0]);
  return input;
}

struct gcn__effect* gcn__engine_emit(struct gcn__engine* engine,
                                     enum gcn__effect_kind kind) {
  GCN__ASSERT(engine->ring_count < GCN__EFFECT_RING_SIZE);
  unsigned at =
      (engine->ring_begin + engine->ring_count) % GCN__EFFECT_RING_SIZE;
  engine->ring_count++;
  engine->ring[at] = (struct gcn__effect){.kind = kind};
  return &engine->ring[at];
}

static void take_effect(struct gcn__engine* engine,
                        struct gcn__effect* effect) {
  *effect = engine->ring[engine->ring_begin];
  engine->ring_begin = (engine->ring_begin + 1) % GCN__EFFECT_RING_SIZE;
  engine->ring_count--;
  struct gcn__wire* wire = &engine->wires[effect->wire];
  if (effect->kind == GCN__EFFECT_OPEN) wire->attached = true;
  if (effect->kind == GCN__EFFECT_DROP && !effect->abort) {
    engine->flushing[effect->wire] = true;
  }
}

/* An OPEN that the driver has not seen needs no DROP: it goes away. */
static void withdraw_open(struct gcn__engine* engine,
                          enum gcn__wire_index index) {
  unsigned kept = 0;
  for (unsigned i = 0; i < engine->ring_count; i++) {
    unsigned from = (engine->ring_begin + i) % GCN__EFFECT_RING_SIZE;
    unsigned to = (engine->ring_begin + kept) % GCN__EFFECT_RING_SIZE;
    const struct gcn__effect* effect = &engine->ring[from];
    if (effect->kind == GCN__EFFECT_OPEN && effect->wire == index) continue;
    engine->ring[to] = engine->ring[from];
    kept++;
  }
  engine->ring_count = kept;
}

void gcn__engine_open(struct gcn__engine* engine, enum gcn__wire_index index,
                      const struct gcn__url* url) {
  struct gcn__wire* wire = &engine->wires[index];
  gcn__wire_aim(wire, url);
  wire->phase = GCN__WIRE_DIALLING;
  struct gcn__effect* effect = gcn__engine_emit(engine, GCN__EFFECT_OPEN);
  effect->wire = index;
  effect->open.host = wire->host;
  effect->open.port = wire->port;
}

void gcn__engine_drop(struct gcn__engine* engine, enum gcn__wire_index index,
                      bool abort) {
  struct gcn__wire* wire = &engine->wires[index];
  engine->calls[index] = (struct gcn__call){.op = GCN__OP_NONE};
  engine->awaited &= ~(1u << index);
  if (wire->phase == GCN__WIRE_ABSENT) return;
  if (wire->attached && !wire->ended) {
    struct gcn__effect* effect = gcn__engine_emit(engine, GCN__EFFECT_DROP);
    effect->wire = index;
    effect->abort = abort;
  } else if (!wire->attached) {
    withdraw_open(engine, index);
  }
  if (!abort && wire->tls != NULL && !wire->ended) gcn__tls_close(wire->tls);
  gcn__wire_reset(wire);
  if (abort) gcn__buf_deinit(&wire->out);
}

static void note(struct gcn__engine* engine, uint64_t now_ms) {
  /* The host's clock may stand still within a turn, never run backwards. */
  if (now_ms > engine->now_ms) engine->now_ms = now_ms;
  engine->drained = false;
}

void gcn__engine_command(struct gcn__engine* engine, unsigned commands,
                         uint64_t now_ms) {
  note(engine, now_ms);
  /* The last of the two wins, also over one that has not been acted on yet. */
  const unsigned either = GCN__COMMAND_START | GCN__COMMAND_STOP;
  if (commands & either) engine->commands &= ~either;
  engine->commands |= commands;
}

void gcn__engine_linked(struct gcn__engine* engine, enum gcn__wire_index index,
                        uint64_t now_ms) {
  struct gcn__wire* wire = &engine->wires[index];
  note(engine, now_ms);
  if (!wire->attached || wire->phase != GCN__WIRE_DIALLING) return;
  int error = gcn__wire_linked(wire, &engine->mem, engine->tls);
  if (error < 0) {
    wire->ended = false;
    gcn__failure_of_wire(engine, index, error);
    gcn__call_failed(engine, index, GCN__INPUT_WEATHER);
  } else if (wire->phase == GCN__WIRE_READY) {
    gcn__call_ready(engine, index);
  }
}

void gcn__engine_received(struct gcn__engine* engine,
                          enum gcn__wire_index index, struct gcn__span bytes,
                          uint64_t now_ms) {
  struct gcn__wire* wire = &engine->wires[index];
  note(engine, now_ms);
  if (!wire->attached || wire->phase < GCN__WIRE_SHAKING) return;
  GCN__ASSERT(wire->borrowed.size == 0);
  engine->counters.received_bytes += bytes.size;
  bool empty = gcn__buf_size(&wire->kept) == 0;
  if (index == GCN__WIRE_STREAM) {
    gcn__doubt_read(engine, bytes.size, empty ? 0 : wire->read_ms);
  }
  if (empty) wire->read_ms = now_ms;
  wire->borrowed = bytes;
}

void gcn__engine_ended(struct gcn__engine* engine, enum gcn__wire_index index,
                       int error, enum gcn__layer layer, const char* text,
                       uint64_t now_ms) {
  struct gcn__wire* wire = &engine->wires[index];
  note(engine, now_ms);
  if (!wire->attached || wire->phase == GCN__WIRE_ABSENT) return;
  GCN__ASSERT(error < 0);
  wire->ended = true;
  wire->end_error = error;
  wire->end_layer = layer;
  size_t size = strlen(text);
  if (size >= sizeof wire->end_text) size = sizeof wire->end_text - 1;
  memcpy(wire->end_text, text, size);
  wire->end_text[size] = '\0';
}

void gcn__engine_woken(struct gcn__engine* engine, uint64_t now_ms) {
  note(engine, now_ms);
}

void gcn__engine_excuse(struct gcn__engine* engine, uint64_t now_ms) {
  note(engine, now_ms);
  gcn__session_excuse(&engine->session, engine->now_ms);
  gcn__doubt_begin(engine);
}

void gcn__engine_pause(struct gcn__engine* engine, bool paused,
                       uint64_t now_ms) {
  if (engine->paused == paused) return;
  note(engine, now_ms);
  engine->paused = paused;
  if (paused) {
    engine->paused_ms = engine->now_ms;
    return;
  }
  gcn__session_excuse(&engine->session, engine->now_ms);
  uint64_t rest_ms = engine->now_ms - engine->paused_ms;
  if (rest_ms > engine->settings.latency_max_ms) gcn__doubt_begin(engine);
}

static void act(struct gcn__engine* engine, enum gcn__input input) {
  if (gcn__input_origin(input) == GCN__ORIGIN_TIMER) {
    gcn__failure_of_timer(engine, input);
  }
  bool told = gcn__input_origin(input) == GCN__ORIGIN_USER;
  if (told && input != GCN__INPUT_TOPICS) engine->login_refused = false;
  engine->session.heard_ms = engine->wires[GCN__WIRE_STREAM].read_ms;
  struct gcn__step step =
      gcn__session_input(&engine->session, input, engine->now_ms);
  gcn__engine_perform(engine, input, &step);
}

/* One command per call, START and STOP first, CLOSE last. */
static bool take_command(struct gcn__engine* engine, enum gcn__input* input) {
  static const struct {
    enum gcn__command command;
    enum gcn__input input;
  } order[] = {
      {GCN__COMMAND_START, GCN__INPUT_START},
      {GCN__COMMAND_STOP, GCN__INPUT_STOP},
      {GCN__COMMAND_TOPICS, GCN__INPUT_TOPICS},
      {GCN__COMMAND_CREDENTIALS, GCN__INPUT_CREDENTIALS},
      {GCN__COMMAND_HURRY, GCN__INPUT_HURRY},
      {GCN__COMMAND_CLOSE, GCN__INPUT_CLOSE},
  };
  if (engine->session.state == GCN__STATE_CLOSED) engine->commands = 0;
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
    unsigned bit = (unsigned)order[i].command;
    if (!(engine->commands & bit)) continue;
    engine->commands &= ~bit;
    *input = order[i].input;
    return true;
  }
  return false;
}

static bool read_wires(struct gcn__engine* engine) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_index index = (enum gcn__wire_index)i;
    bool held = engine->paused && index == GCN__WIRE_STREAM &&
                engine->wires[i].phase == GCN__WIRE_OPEN &&
                engine->session.state != GCN__STATE_CLOSING;
    if (!held && gcn__inbound_read(engine, index)) return true;
  }
  return false;
}

/* A paused stream is not judged by its silence. */
static bool take_timer(struct gcn__engine* engine, enum gcn__input* input) {
  while (gcn__session_expire(&engine->session, engine->now_ms, input)) {
    bool silence =
        *input == GCN__INPUT_PROBE_DUE || *input == GCN__INPUT_SILENCE_DUE;
    if (!engine->paused || !silence) return true;
    gcn__session_excuse(&engine->session, engine->now_ms);
  }
  return false;
}

/* A call in the background of a stream has no timer in the table: without an
 * end of its own, an answer that never comes would block all that follow. */
static bool give_up_call(struct gcn__engine* engine,
                         enum gcn__wire_index index) {
  struct gcn__call* call = &engine->calls[index];
  if (call->op == GCN__OP_NONE) return false;
  call->retried = true; /* it has had its time */
  gcn__failure_of_timeout(engine, engine->settings.phase_ms);
  gcn__call_failed(engine, index, GCN__INPUT_WEATHER);
  return true;
}

static void drop_idle_api(struct gcn__engine* engine) {
  if (engine->api_idle_ms > engine->now_ms) return;
  engine->api_idle_ms = GCN__NEVER;
  if (give_up_call(engine, GCN__WIRE_LOGIN)) return;
  if (give_up_call(engine, GCN__WIRE_API)) return;
  gcn__engine_drop(engine, GCN__WIRE_API, false);
}

static void end_flushes(struct gcn__engine* engine) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    if (!engine->flushing[i]) continue;
    engine->flushing[i] = false;
    struct gcn__wire* wire = &engine->wires[i];
    if (wire->phase == GCN__WIRE_ABSENT) gcn__buf_deinit(&wire->out);
  }
}

/* One thing to do that may lead to effects; false if there is none. */
static bool work(struct gcn__engine* engine) {
  enum gcn__input input;
  if (engine->inbox_count > 0) {
    input = take_input(engine);
  } else if (!take_command(engine, &input) &&
             !gcn__session_wish(&engine->session, &input)) {
    if (read_wires(engine)) return true;
    if (!take_timer(engine, &input)) return false;
  }
  act(engine, input);
  return true;
}

/* One large message must not hold its memory for the life of the stream. */
static void shrink(struct gcn__engine* engine) {
  struct gcn__ws* ws = engine->wires[GCN__WIRE_STREAM].ws;
  if (ws == NULL || gcn__ws_partial(ws)) return;
  gcn__ws_shrink(ws, GCN__MESSAGE_KEPT_SIZE);
}

bool gcn__engine_next(struct gcn__engine* engine, struct gcn__effect* effect) {
  end_flushes(engine);
  for (;;) {
    if (engine->ring_count > 0) {
      take_effect(engine, effect);
      return true;
    }
    if (gcn__answer_next(engine, effect)) return true;
    if (work(engine)) continue;
    drop_idle_api(engine);
    if (engine->ring_count == 0 && engine->inbox_count == 0) break;
  }
  gcn__doubt_drained(engine);
  shrink(engine);
  engine->drained = true;
  return false;
}

void gcn__engine_settle(struct gcn__engine* engine) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_index index = (enum gcn__wire_index)i;
    int error = gcn__wire_settle(&engine->wires[i]);
    if (error == 0) continue;
    /* Bytes are lost, so the connection is. */
    gcn__failure_of_wire(engine, index, GCN__ENOMEM);
    gcn__call_failed(engine, index, GCN__INPUT_WEATHER);
    engine->drained = false;
  }
}

bool gcn__engine_busy(const struct gcn__engine* engine) {
  return !engine->drained;
}

bool gcn__engine_full(const struct gcn__engine* engine,
                      enum gcn__wire_index index) {
  return gcn__buf_size(&engine->wires[index].kept) > 0;
}

struct gcn__span gcn__engine_output(const struct gcn__engine* engine,
                                    enum gcn__wire_index index) {
  const struct gcn__wire* wire = &engine->wires[index];
  bool gone = wire->phase == GCN__WIRE_ABSENT && !engine->flushing[index];
  if (gone || wire->phase == GCN__WIRE_DIALLING) return GCN__SPAN("");
  return gcn__buf_span(&wire->out);
}

void gcn__engine_sent(struct gcn__engine* engine, enum gcn__wire_index index,
                      size_t size) {
  struct gcn__wire* wire = &engine->wires[index];
  gcn__buf_consume(&wire->out, size);
  engine->counters.sent_bytes += size;
  if (gcn__buf_size(&wire->out) == 0) wire->pong_pending = false;
}

uint64_t gcn__engine_deadline(const struct gcn__engine* engine) {
  uint64_t deadline_ms = gcn__session_deadline(&engine->session);
  return gcn__time_min(deadline_ms, engine->api_idle_ms);
}
