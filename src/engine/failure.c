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

void gcn__failure_clear(struct gcn__failure* failure) {
  *failure = (struct gcn__failure){.retry_after_ms = -1};
}

void gcn__failure_set(struct gcn__failure* failure, int error,
                      enum gcn__layer layer, enum gcn__op op,
                      const char* format, ...) {
  gcn__failure_clear(failure);
  failure->error = error;
  failure->layer = layer;
  failure->op = op;
  va_list args;
  va_start(args, format);
  vsnprintf(failure->text, sizeof failure->text, format, args);
  va_end(args);
}

const char* gcn__op_spoken(enum gcn__op op) {
  switch (op) {
  case GCN__OP_TOKEN: return "token request";
  case GCN__OP_CHANNEL: return "channel request";
  case GCN__OP_TOPICS: return "topics request";
  case GCN__OP_UPGRADE: return "WebSocket upgrade";
  case GCN__OP_STREAM: return "stream";
  case GCN__OP_AUDIT: return "topics audit";
  case GCN__OP_ADD: return "topics request";
  case GCN__OP_UNSUBSCRIBE: return "unsubscribe request";
  case GCN__OP_CHECKPOINT: return "checkpoint";
  case GCN__OP_NONE: break;
  }
  return "attempt";
}

void gcn__failure_log(const struct gcn__log* log, const char* event,
                      const struct gcn__failure* failure) {
  GCN__LOG_EVENT(log, GCN__LOG_WARN, event,
                 gcn__log_number("error", failure->error),
                 gcn__log_text("op", gcn__op_spoken(failure->op)),
                 gcn__log_number("http", failure->http_status),
                 gcn__log_number("close", failure->close_code),
                 gcn__log_text("correlation_id", failure->correlation_id),
                 gcn__log_text("text", failure->text));
}

void gcn__failure_of_timeout(struct gcn__failure* failure,
                             const struct gcn__line* line, uint64_t limit_ms) {
  const struct gcn__wire* wire = &line->wire;
  enum gcn__op op = line->call.op;
  double limit_s = (double)limit_ms / 1000;
  switch (wire->phase) {
  case GCN__WIRE_DIALLING:
    gcn__failure_set(failure, GCN_EPHASE, GCN__LAYER_TCP, op,
                     "no connection to the %s %s within %.3g s; check name, "
                     "route and firewall",
                     gcn__line_spoken(line), wire->host, limit_s);
    return;
  case GCN__WIRE_TUNNELLING:
    gcn__failure_set(failure, GCN_EPHASE, GCN__LAYER_PROXY, op,
                     "the proxy %s did not open a way to the %s %s within "
                     "%.3g s",
                     gcn__wire_link_host(wire), gcn__line_spoken(line),
                     wire->host, limit_s);
    return;
  case GCN__WIRE_SHAKING:
    gcn__failure_set(failure, GCN_EPHASE, GCN__LAYER_TLS, op,
                     "the TLS handshake with the %s %s took longer than %.3g s",
                     gcn__line_spoken(line), wire->host, limit_s);
    return;
  case GCN__WIRE_ABSENT:
  case GCN__WIRE_READY:
  case GCN__WIRE_OPEN: break;
  }
  gcn__failure_set(failure, GCN_EPHASE, GCN__LAYER_HTTP, op,
                   "the %s to %s was not answered within %.3g s",
                   gcn__op_spoken(op), wire->host, limit_s);
}

static bool is_busy(const struct gcn__line* line) {
  enum gcn__wire_phase phase = line->wire.phase;
  bool rising = phase == GCN__WIRE_DIALLING || phase == GCN__WIRE_TUNNELLING ||
                phase == GCN__WIRE_SHAKING;
  return (rising && !line->early) || line->call.op != GCN__OP_NONE;
}

/* What the attempt waits for: the first line that is not where it has to be. */
static void set_timeout(struct gcn__conn* conn, uint64_t limit_ms) {
  const struct gcn__keeper* keeper = &conn->engine->keeper;
  double limit_s = (double)limit_ms / 1000;
  if (conn->waits_token && keeper->state == GCN__KEEPER_ASKING) {
    gcn__failure_set(
        &conn->failure, GCN_EPHASE, GCN__LAYER_CLIENT, GCN__OP_TOKEN,
        "the source of credentials did not answer within %.3g s", limit_s);
  } else if (conn->waits_token && is_busy(&keeper->line)) {
    gcn__failure_of_timeout(&conn->failure, &keeper->line, limit_ms);
  } else if (is_busy(&conn->api)) {
    gcn__failure_of_timeout(&conn->failure, &conn->api, limit_ms);
  } else if (is_busy(&conn->stream)) {
    gcn__failure_of_timeout(&conn->failure, &conn->stream, limit_ms);
  } else {
    gcn__failure_set(&conn->failure, GCN_EPHASE, GCN__LAYER_CLIENT,
                     GCN__OP_NONE, "the attempt took longer than %.3g s",
                     limit_s);
  }
}

void gcn__failure_of_timer(struct gcn__conn* conn, enum gcn__input input) {
  const struct gcn__settings* settings = &conn->engine->settings;
  struct gcn__failure* failure = &conn->failure;
  if (conn->session.state == GCN__STATE_CLOSING) {
    gcn__failure_set(failure, GCN_EPHASE, GCN__LAYER_WS, GCN__OP_STREAM,
                     "the close frame was not answered within %.3g s",
                     (double)settings->close_ms / 1000);
    return;
  }
  if (input == GCN__INPUT_PHASE_DUE) set_timeout(conn, settings->phase_ms);
  if (input == GCN__INPUT_ATTEMPT_DUE) set_timeout(conn, settings->attempt_ms);
  if (input == GCN__INPUT_SILENCE_DUE) {
    gcn__failure_set(failure, GCN_ESILENT, GCN__LAYER_CLIENT, GCN__OP_STREAM,
                     "nothing came over the stream for %.3g s, not even a "
                     "heartbeat or an answer to a ping",
                     (double)settings->silence_ms / 1000);
  }
}

static void set_tls(struct gcn__line* line, int error) {
  const struct gcn__wire* wire = &line->wire;
  struct gcn__failure* failure = gcn__line_failure(line);
  gcn__failure_set(failure, error, GCN__LAYER_TLS, line->call.op,
                   "TLS with the %s %s: %s", gcn__line_spoken(line), wire->host,
                   gcn__tls_error(wire->tls));
  failure->detail = gcn__tls_detail(wire->tls);
}

/* The link, which goes to the proxy if there is one. */
static void set_unlinked(struct gcn__line* line, int error, enum gcn__op op) {
  const struct gcn__wire* wire = &line->wire;
  const char* to = wire->proxy != NULL ? "proxy" : gcn__line_spoken(line);
  gcn__failure_set(
      gcn__line_failure(line), error, wire->end_layer, op,
      "no connection to the %s %s, port %u: %s", to, gcn__wire_link_host(wire),
      (unsigned)gcn__wire_link_port(wire), gcn__wire_end_text(wire));
}

void gcn__failure_of_wire(struct gcn__line* line, int error) {
  const struct gcn__wire* wire = &line->wire;
  struct gcn__failure* failure = gcn__line_failure(line);
  enum gcn__op op = line->call.op;
  if (wire->phase == GCN__WIRE_OPEN) op = GCN__OP_STREAM;
  if (wire->tls != NULL && gcn__tls_state(wire->tls) == GCN__TLS_FAILED) {
    set_tls(line, error);
  } else if (error == GCN__ENOMEM) {
    gcn__failure_set(failure, error, GCN__LAYER_CLIENT, op, "out of memory");
  } else if (wire->phase == GCN__WIRE_DIALLING) {
    set_unlinked(line, error, op);
  } else if (wire->phase == GCN__WIRE_TUNNELLING) {
    gcn__failure_set(failure, error, GCN__LAYER_PROXY, op,
                     "the proxy %s ended the connection: %s",
                     gcn__wire_link_host(wire), gcn__wire_end_text(wire));
  } else {
    gcn__failure_set(failure, error, GCN__LAYER_TCP, op,
                     "the connection to the %s %s ended: %s",
                     gcn__line_spoken(line), wire->host,
                     wire->ended && wire->end_error != GCN__EOF
                         ? gcn__wire_end_text(wire)
                         : "closed by the peer");
  }
}
