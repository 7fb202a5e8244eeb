/* SPDX-License-Identifier: MIT */
/*
 * Reading the wires: handshake bytes, answers, messages.
 *
 * Each call does one thing and posts at most one input, so that whatever the
 * user does in the callback that follows is seen before the next byte is read.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

static bool is_shortage(const struct gcn__wire* wire, int error) {
  if (wire->phase != GCN__WIRE_DIALLING) return false;
  return error == GCN__EADDRNOTAVAIL || error == GCN__EMFILE ||
         error == GCN__ENFILE || error == GCN__ENOBUFS;
}

/* Ports, descriptors or buffers are used up here, which passes when somebody on
 * this machine gives some back, and not by asking at once again.  The wait is
 * our own wish, so it stays under the cap, with the fifth that is added. */
static void hold_back(struct gcn__line* line) {
  const struct gcn__settings* settings = &line->engine->settings;
  uint64_t most_ms = settings->retry_cap_ms - settings->retry_cap_ms / 5;
  gcn__answer_ask(line, gcn__time_min(settings->limited_min_ms, most_ms));
}

static void wire_failed(struct gcn__line* line, int error) {
  if (gcn__early_failed(line)) return;
  const struct gcn__tls* tls = line->wire.tls;
  bool shortage = is_shortage(&line->wire, error);
  gcn__failure_of_wire(line, error);
  if (shortage) hold_back(line);
  bool stubborn = tls != NULL && gcn__tls_stubborn(tls);
  gcn__call_failed(line, stubborn ? GCN__INPUT_STUBBORN : GCN__INPUT_WEATHER);
}

static void tunnel_failed(struct gcn__line* line, int error) {
  const struct gcn__wire* wire = &line->wire;
  struct gcn__failure* failure = gcn__line_failure(line);
  if (gcn__early_failed(line)) return;
  if (wire->tunnel == NULL || error == GCN__ENOMEM) {
    wire_failed(line, error);
    return;
  }
  gcn__failure_set(failure, error, GCN__LAYER_PROXY, line->call.op,
                   "the proxy %s, port %u, does not connect to the %s %s: %s",
                   gcn__wire_link_host(wire),
                   (unsigned)gcn__wire_link_port(wire), gcn__line_spoken(line),
                   wire->host, gcn__tunnel_error(wire->tunnel));
  failure->http_status = (int)gcn__tunnel_status(wire->tunnel);
  int64_t asked_ms = gcn__tunnel_retry_after_ms(wire->tunnel);
  failure->retry_after_ms = asked_ms;
  if (asked_ms > 0) gcn__answer_ask(line, (uint64_t)asked_ms);
  bool final = error == GCN_EPROXYAUTH;
  gcn__call_failed(line, final ? GCN__INPUT_REFUSED : GCN__INPUT_WEATHER);
}

static bool read_tunnel(struct gcn__line* line) {
  struct gcn__wire* wire = &line->wire;
  const struct gcn__engine* engine = line->engine;
  int result = gcn__wire_tunnel(wire, &engine->mem, engine->tls);
  if (result < 0) {
    tunnel_failed(line, result);
  } else if (result == 0) {
    if (!wire->ended) return false;
    wire_failed(line, wire->end_error);
  } else if (wire->phase == GCN__WIRE_READY) {
    gcn__call_ready(line);
  }
  return true;
}

static bool read_handshake(struct gcn__line* line) {
  struct gcn__wire* wire = &line->wire;
  int result = gcn__wire_shake(wire);
  if (result < 0) {
    wire_failed(line, result);
  } else if (result > 0) {
    gcn__call_ready(line);
  } else if (wire->ended) {
    wire_failed(line, wire->end_error);
  } else {
    return false;
  }
  return true;
}

static void http_broken(struct gcn__line* line, int error) {
  const struct gcn__wire* wire = &line->wire;
  enum gcn__op op = line->call.op;
  gcn__failure_set(gcn__line_failure(line), error, GCN__LAYER_HTTP, op,
                   "the answer of %s to the %s is not acceptable: %s",
                   wire->host, gcn__op_spoken(op),
                   error == GCN__ENOMEM ? "out of memory"
                                        : gcn__http_error(wire->http));
  gcn__call_failed(line, GCN__INPUT_BROKEN);
}

static bool read_answer(struct gcn__line* line, struct gcn__span bytes) {
  struct gcn__wire* wire = &line->wire;
  size_t size = bytes.size;
  int result = gcn__http_read(wire->http, &bytes);
  gcn__wire_advance(wire, size - bytes.size);
  if (result < 0) {
    http_broken(line, result);
  } else if (result == GCN__HTTP_DONE) {
    gcn__call_answered(line);
  }
  return true;
}

static bool end_answer(struct gcn__line* line, int error) {
  struct gcn__wire* wire = &line->wire;
  bool begun = gcn__http_begun(wire->http);
  if (error == GCN__EOF && begun &&
      gcn__http_eof(wire->http) == GCN__HTTP_DONE) {
    gcn__call_answered(line);
  } else {
    wire_failed(line, error);
  }
  return true;
}

static bool read_http(struct gcn__line* line) {
  struct gcn__wire* wire = &line->wire;
  struct gcn__span bytes;
  int result = gcn__wire_peek(wire, &bytes);
  if (result == 0) return false;
  if (line->call.op == GCN__OP_NONE || !line->call.sent) {
    /* Nobody asked yet: the connection is of no use any more. */
    wire_failed(line, result < 0 ? result : GCN__ECONNRESET);
    return true;
  }
  if (result < 0) return end_answer(line, result);
  return read_answer(line, bytes);
}

void gcn__inbound_garbage(struct gcn__conn* conn) {
  conn->engine->counters.garbage++;
  if (++conn->garbage_run < conn->engine->settings.garbage_max) {
    gcn__conn_post(conn, GCN__INPUT_GARBAGE);
    return;
  }
  gcn__failure_set(&conn->failure, GCN_EPROTO, GCN__LAYER_SERVICE,
                   GCN__OP_STREAM,
                   "%llu messages in a row were of no known form",
                   (unsigned long long)conn->garbage_run);
  gcn__call_failed(&conn->stream, GCN__INPUT_BROKEN);
}

static enum gcn__input close_input(struct gcn__conn* conn,
                                   enum gcn__meaning meaning) {
  if (meaning == GCN__MEANING_LIMITED) return GCN__INPUT_LIMITED;
  if (meaning == GCN__MEANING_BROKEN) return GCN__INPUT_BROKEN;
  if (meaning == GCN__MEANING_STUBBORN) return GCN__INPUT_STUBBORN;
  if (meaning == GCN__MEANING_STALE_CHANNEL) return GCN__INPUT_STALE_CHANNEL;
  if (meaning != GCN__MEANING_STALE_TOKEN) return GCN__INPUT_WEATHER;
  if (gcn__engine_flows(conn->engine)) return gcn__flow_stale(conn);
  conn->used_token = conn->channel.token;
  return conn->engine->keeper.token.strikes > 0 ? GCN__INPUT_DENIED
                                                : GCN__INPUT_STALE_TOKEN;
}

/* RFC 6455 §5.5.1: the code is echoed; one that must not be on the wire is a
 * breach, whatever the dialect makes of it. */
static unsigned answer_code(const struct gcn__ws_message* message) {
  if (!message->code_legal) return GCN__WS_CLOSE_PROTOCOL;
  bool none = message->code == GCN__WS_CLOSE_NO_STATUS;
  return none ? GCN__WS_CLOSE_NORMAL : message->code;
}

static void take_close(struct gcn__conn* conn,
                       const struct gcn__ws_message* message) {
  struct gcn__wire* wire = &conn->stream.wire;
  uint64_t wait_ms = 0;
  struct gcn__judgement judgement =
      conn->engine->dialect->judge_close(conn, message, &wait_ms);
  (void)gcn__wire_write_close(wire, &conn->engine->scratch,
                              answer_code(message));
  gcn__failure_set(&conn->failure, judgement.error, GCN__LAYER_WS,
                   GCN__OP_STREAM, "%s (close code %u)", judgement.text,
                   message->code);
  conn->failure.close_code = (int)message->code;
  if (judgement.meaning == GCN__MEANING_LIMITED) {
    conn->engine->counters.limited++;
    if (message->size > 0) conn->failure.retry_after_ms = (int64_t)wait_ms;
    gcn__answer_ask(&conn->stream, wait_ms);
  }
  gcn__call_failed(&conn->stream, close_input(conn, judgement.meaning));
}

static void take_message(struct gcn__conn* conn,
                         const struct gcn__ws_message* message) {
  struct gcn__wire* wire = &conn->stream.wire;
  const struct gcn__dialect* dialect = conn->engine->dialect;
  switch (message->opcode) {
  case GCN__WS_TEXT: dialect->text(conn, message); return;
  case GCN__WS_CLOSE: take_close(conn, message); return;
  case GCN__WS_PING:
    if (!gcn__patience_control(conn)) return;
    gcn__wire_owe_pong(wire, gcn__span(message->data, message->size));
    gcn__conn_post(conn, GCN__INPUT_HEARTBEAT);
    return;
  case GCN__WS_PONG:
    if (!gcn__patience_control(conn)) return;
    dialect->pong(conn, message);
    gcn__conn_post(conn, GCN__INPUT_HEARTBEAT);
    return;
  case GCN__WS_BINARY:
  case GCN__WS_CONTINUATION: gcn__inbound_garbage(conn); return;
  }
}

void gcn__inbound_broken(struct gcn__conn* conn, int error) {
  struct gcn__wire* wire = &conn->stream.wire;
  if (error == GCN_EMSGSIZE) {
    gcn__failure_set(
        &conn->failure, error, GCN__LAYER_WS, GCN__OP_STREAM,
        "a message is over a limit: %s; raise message_size_max "
        "(now %llu bytes)",
        gcn__ws_error(wire->ws),
        (unsigned long long)conn->engine->settings.message_size_max);
  } else {
    gcn__failure_set(&conn->failure, error, GCN__LAYER_WS, GCN__OP_STREAM,
                     "the server broke the WebSocket protocol: %s",
                     error == GCN__ENOMEM ? "out of memory"
                                          : gcn__ws_error(wire->ws));
  }
  unsigned code = gcn__ws_error_code(wire->ws);
  if (code != 0)
    (void)gcn__wire_write_close(wire, &conn->engine->scratch, code);
  gcn__call_failed(&conn->stream, error == GCN_EMSGSIZE
                                      ? gcn__patience_oversize(conn)
                                      : GCN__INPUT_BROKEN);
}

bool gcn__inbound_take(struct gcn__conn* conn, int result,
                       const struct gcn__ws_message* message, int end) {
  bool data = result == GCN__WS_MESSAGE && message->opcode <= GCN__WS_BINARY;
  /* Where a message has ended, nothing waits for its rest any more. */
  bool timed = conn->patience.message_due_ms != GCN__NEVER;
  if (!data || timed) gcn__patience_read(conn, data);
  if (result < 0) {
    gcn__inbound_broken(conn, result);
  } else if (result == GCN__WS_MESSAGE) {
    take_message(conn, message);
  } else if (end < 0) {
    wire_failed(&conn->stream, end);
  } else {
    return false;
  }
  return true;
}

static bool read_stream(struct gcn__conn* conn) {
  struct gcn__ws_message message;
  int end;
  if (conn->engine->dialect->more(conn)) return true;
  int result = gcn__wire_read(&conn->stream.wire, &message, &end);
  return gcn__inbound_take(conn, result, &message, end);
}

bool gcn__inbound_read(struct gcn__line* line) {
  struct gcn__wire* wire = &line->wire;
  if (wire->cut) {
    wire->cut = false;
    wire_failed(line, GCN__ENOMEM);
    return true;
  }
  switch (wire->phase) {
  case GCN__WIRE_ABSENT: return false;
  case GCN__WIRE_DIALLING:
    if (!wire->ended) return false;
    wire_failed(line, wire->end_error);
    return true;
  case GCN__WIRE_TUNNELLING: return read_tunnel(line);
  case GCN__WIRE_SHAKING: return read_handshake(line);
  case GCN__WIRE_READY: return read_http(line);
  case GCN__WIRE_OPEN: return read_stream(line->conn);
  }
  return false;
}
