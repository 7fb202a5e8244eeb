/* SPDX-License-Identifier: MIT */
/*
 * A wire in its place: asked for, opened, dropped.
 *
 * An OPEN that the driver has not seen yet is withdrawn by a drop, so that the
 * driver never opens what nobody wants any more.
 */
#include "engine/internal.h"

void gcn__line_init(struct gcn__line* line, struct gcn__engine* engine,
                    struct gcn__conn* conn, enum gcn__wire_index index) {
  *line = (struct gcn__line){.engine = engine, .conn = conn, .index = index};
  gcn__wire_init(&line->wire, &engine->mem, engine->spares);
}

struct gcn__failure* gcn__line_failure(const struct gcn__line* line) {
  return line->conn != NULL ? &line->conn->failure
                            : &line->engine->keeper.failure;
}

const char* gcn__line_spoken(const struct gcn__line* line) {
  switch (gcn__wire_role(line->index)) {
  case GCN__WIRE_LOGIN: return "login host";
  case GCN__WIRE_API: return "API host";
  case GCN__WIRE_STREAM: return "streaming host";
  case GCN__WIRE_COUNT: break;
  }
  return "host";
}

static void withdraw_open(struct gcn__engine* engine,
                          enum gcn__wire_index index) {
  unsigned kept = 0;
  for (unsigned i = 0; i < engine->ring_count; i++) {
    unsigned from = (engine->ring_begin + i) % engine->ring_size;
    unsigned to = (engine->ring_begin + kept) % engine->ring_size;
    const struct gcn__effect* effect = &engine->ring[from];
    if (effect->kind == GCN__EFFECT_OPEN && effect->wire == index) continue;
    engine->ring[to] = engine->ring[from];
    kept++;
  }
  engine->ring_count = kept;
}

const struct gcn__url* gcn__line_url(const struct gcn__line* line) {
  switch (gcn__wire_role(line->index)) {
  case GCN__WIRE_LOGIN: return &line->engine->login;
  case GCN__WIRE_STREAM:
    if (line->conn == NULL) return &line->engine->spare->url;
    if (line->early) return &line->engine->guess;
    if (gcn__engine_flows(line->engine)) break; /* the API's own host */
    return &line->conn->channel.uri;
  case GCN__WIRE_API:
  case GCN__WIRE_COUNT: break;
  }
  return &line->engine->api;
}

static const struct gcn__proxy* proxy_of(const struct gcn__line* line) {
  switch (gcn__wire_role(line->index)) {
  case GCN__WIRE_LOGIN: return &line->engine->login_proxy;
  case GCN__WIRE_STREAM:
    if (line->conn == NULL) return &line->engine->spare->proxy;
    if (line->early) return NULL;
    if (gcn__engine_flows(line->engine)) break;
    return &line->conn->channel.proxy;
  case GCN__WIRE_API:
  case GCN__WIRE_COUNT: break;
  }
  return &line->engine->api_proxy;
}

static bool is_queued(const struct gcn__line* line) {
  const struct gcn__engine* engine = line->engine;
  for (unsigned i = 0; i < engine->ring_count; i++) {
    unsigned at = (engine->ring_begin + i) % engine->ring_size;
    const struct gcn__effect* effect = &engine->ring[at];
    bool own = effect->wire == line->index;
    if (own && effect->kind == GCN__EFFECT_OPEN) return true;
  }
  return false;
}

static void ask_to_open(struct gcn__line* line) {
  struct gcn__wire* wire = &line->wire;
  struct gcn__effect* effect = gcn__engine_emit(line->engine, GCN__EFFECT_OPEN);
  effect->wire = line->index;
  effect->open.host = gcn__wire_link_host(wire);
  effect->open.port = gcn__wire_link_port(wire);
}

void gcn__line_open(struct gcn__line* line) {
  struct gcn__wire* wire = &line->wire;
  gcn__wire_aim_via(wire, gcn__line_url(line), proxy_of(line));
  wire->phase = GCN__WIRE_DIALLING;
  ask_to_open(line);
}

void gcn__line_reopen(struct gcn__line* line) {
  bool withheld =
      line->wire.phase == GCN__WIRE_DIALLING && !line->wire.attached;
  if (withheld && !is_queued(line)) ask_to_open(line);
}

void gcn__line_drop(struct gcn__line* line, bool abort) {
  struct gcn__wire* wire = &line->wire;
  line->call = (struct gcn__call){.op = GCN__OP_NONE};
  line->awaited = false;
  line->early = false;
  line->spare = false;
  if (wire->phase == GCN__WIRE_ABSENT) return;
  if (wire->attached && !wire->ended) {
    struct gcn__effect* effect =
        gcn__engine_emit(line->engine, GCN__EFFECT_DROP);
    effect->wire = line->index;
    effect->abort = abort;
  } else if (!wire->attached) {
    withdraw_open(line->engine, line->index);
  }
  if (!abort && wire->tls != NULL && !wire->ended) gcn__tls_close(wire->tls);
  gcn__wire_reset(wire);
  if (abort) gcn__buf_deinit(&wire->out);
}

void gcn__line_move(struct gcn__line* from, struct gcn__line* to) {
  bool direct = from->wire.proxy == NULL;
  gcn__wire_move(&from->wire, &to->wire);
  if (!direct) to->wire.proxy = proxy_of(to);
  gcn__engine_emit(to->engine, GCN__EFFECT_MOVE)->wire = to->index;
}
