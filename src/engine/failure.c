/* SPDX-License-Identifier: MIT */
/*
 * Failure records: which error, which layer, and a sentence.
 *
 * Sentences name hosts, operations and numbers; never a token, a channel id, a
 * connectUri or anything else that opens a door.
 */
#include "engine/internal.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

void gcn__failure_clear(struct gcn__engine* engine) {
  engine->failure = (struct gcn__failure){.retry_after_ms = -1};
}

void gcn__failure_set(struct gcn__engine* engine, int error,
                      enum gcn__layer layer, enum gcn__op op,
                      const char* format, ...) {
  struct gcn__failure* failure = &engine->failure;
  gcn__failure_clear(engine);
  failure->error = error;
  failure->layer = layer;
  failure->op = op;
  va_list args;
  va_start(args, format);
  vsnprintf(failure->text, sizeof failure->text, format, args);
  va_end(args);
}

const char* gcn__wire_spoken(enum gcn__wire_index index) {
  switch (index) {
  case GCN__WIRE_LOGIN: return "login host";
  case GCN__WIRE_API: return "API host";
  case GCN__WIRE_STREAM: return "streaming host";
  case GCN__WIRE_COUNT: break;
  }
  return "host";
}

const char* gcn__op_spoken(enum gcn__op op) {
  switch (op) {
  case GCN__OP_TOKEN: return "token request";
  case GCN__OP_CHANNEL: return "channel request";
  case GCN__OP_TOPICS: return "topics request";
  case GCN__OP_UPGRADE: return "WebSocket upgrade";
  case GCN__OP_STREAM: return "stream";
  case GCN__OP_NONE: break;
  }
  return "attempt";
}

/* What the attempt waits for: the first wire that is not where it has to be. */
static enum gcn__wire_index waiting_wire(const struct gcn__engine* engine) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_phase phase = engine->wires[i].phase;
    bool busy = phase == GCN__WIRE_DIALLING || phase == GCN__WIRE_SHAKING;
    if (busy || engine->calls[i].op != GCN__OP_NONE) {
      return (enum gcn__wire_index)i;
    }
  }
  return GCN__WIRE_COUNT;
}

void gcn__failure_of_timeout(struct gcn__engine* engine, uint64_t limit_ms) {
  enum gcn__wire_index index = waiting_wire(engine);
  double limit_s = (double)limit_ms / 1000;
  if (index == GCN__WIRE_COUNT) {
    gcn__failure_set(engine, GCN_EPHASE, GCN__LAYER_CLIENT, GCN__OP_NONE,
                     "the attempt took longer than %.3g s", limit_s);
    return;
  }
  const struct gcn__wire* wire = &engine->wires[index];
  enum gcn__op op = engine->calls[index].op;
  if (wire->phase == GCN__WIRE_DIALLING) {
    gcn__failure_set(engine, GCN_EPHASE, GCN__LAYER_TCP, op,
                     "no connection to the %s %s within %.3g s; check name, "
                     "route and firewall",
                     gcn__wire_spoken(index), wire->host, limit_s);
  } else if (wire->phase == GCN__WIRE_SHAKING) {
    gcn__failure_set(engine, GCN_EPHASE, GCN__LAYER_TLS, op,
                     "the TLS handshake with the %s %s took longer than %.3g s",
                     gcn__wire_spoken(index), wire->host, limit_s);
  } else {
    gcn__failure_set(engine, GCN_EPHASE, GCN__LAYER_HTTP, op,
                     "the %s to %s was not answered within %.3g s",
                     gcn__op_spoken(op), wire->host, limit_s);
  }
}

void gcn__failure_of_timer(struct gcn__engine* engine, enum gcn__input input) {
  const struct gcn__settings* settings = &engine->settings;
  if (engine->session.state == GCN__STATE_CLOSING) {
    gcn__failure_set(engine, GCN_EPHASE, GCN__LAYER_WS, GCN__OP_STREAM,
                     "the close frame was not answered within %.3g s",
                     (double)settings->close_ms / 1000);
    return;
  }
  if (input == GCN__INPUT_PHASE_DUE) {
    gcn__failure_of_timeout(engine, settings->phase_ms);
  }
  if (input == GCN__INPUT_ATTEMPT_DUE) {
    gcn__failure_of_timeout(engine, settings->attempt_ms);
  }
  if (input == GCN__INPUT_SILENCE_DUE) {
    gcn__failure_set(engine, GCN_ESILENT, GCN__LAYER_CLIENT, GCN__OP_STREAM,
                     "nothing came over the stream for %.3g s, not even a "
                     "heartbeat or an answer to a ping",
                     (double)settings->silence_ms / 1000);
  }
}

static void set_tls(struct gcn__engine* engine, enum gcn__wire_index index,
                    int error) {
  const struct gcn__wire* wire = &engine->wires[index];
  gcn__failure_set(engine, error, GCN__LAYER_TLS, engine->calls[index].op,
                   "TLS with the %s %s: %s", gcn__wire_spoken(index),
                   wire->host, gcn__tls_error(wire->tls));
  engine->failure.detail = gcn__tls_detail(wire->tls);
}

void gcn__failure_of_wire(struct gcn__engine* engine,
                          enum gcn__wire_index index, int error) {
  const struct gcn__wire* wire = &engine->wires[index];
  enum gcn__op op = engine->calls[index].op;
  if (wire->phase == GCN__WIRE_OPEN) op = GCN__OP_STREAM;
  const char* spoken = gcn__wire_spoken(index);
  if (wire->tls != NULL && gcn__tls_state(wire->tls) == GCN__TLS_FAILED) {
    set_tls(engine, index, error);
  } else if (error == GCN__ENOMEM) {
    gcn__failure_set(engine, error, GCN__LAYER_CLIENT, op, "out of memory");
  } else if (wire->phase == GCN__WIRE_DIALLING) {
    gcn__failure_set(engine, error, wire->end_layer, op,
                     "no connection to the %s %s, port %u: %s", spoken,
                     wire->host, (unsigned)wire->port, wire->end_text);
  } else {
    gcn__failure_set(
        engine, error, GCN__LAYER_TCP, op,
        "the connection to the %s %s ended: %s", spoken, wire->host,
        wire->ended && wire->end_error != GCN__EOF ? wire->end_text
                                                   : "closed by the peer");
  }
}
