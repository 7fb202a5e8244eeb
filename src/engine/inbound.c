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

static void wire_failed(struct gcn__line* line, int error) {
  gcn__failure_of_wire(line, error);
  bool verdict = gcn__line_failure(line)->error == GCN_ETLSVERIFY;
  gcn__call_failed(line, verdict ? GCN__INPUT_STUBBORN : GCN__INPUT_WEATHER);
}

static void tunnel_failed(struct gcn__line* line, int error) {
  const struct gcn__wire* wire = &line->wire;
  struct gcn__failure* failure = gcn__line_failure(line);
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

static void take_garbage(struct gcn__conn* conn) {
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

static void tell_notice(struct gcn__conn* conn) {
  conn->engine->counters.notices++;
  struct gcn__effect* effect =
      gcn__engine_emit(conn->engine, GCN__EFFECT_NOTICE);
  effect->wire = conn->stream.index;
  effect->event = (struct gcn__event){
      .topic = conn->message.topic,
      .body = conn->message.body,
      .correlation_id = conn->message.correlation_id,
      .version = conn->message.version,
      .message = conn->message_text,
      .sequence = conn->engine->counters.events,
      .generation = conn->channel.generation,
      .connection = conn->connection,
  };
}

/* Answers come in the order of the pings: the last one is the one that proves
 * something about now. */
static void take_heartbeat(struct gcn__conn* conn) {
  conn->engine->counters.heartbeats++;
  if (!gcn__span_is(conn->message.body_message, "pong")) return;
  if (conn->pings > 0 && --conn->pings == 0) {
    conn->answered_ms = conn->ping_ms;
    gcn__session_trust(&conn->session, conn->ping_ms);
  }
}

static enum gcn__input name_text(struct gcn__conn* conn,
                                 enum gcn__message_kind kind) {
  switch (kind) {
  case GCN__MESSAGE_EVENT: return GCN__INPUT_EVENT;
  case GCN__MESSAGE_MOVING: return GCN__INPUT_MOVING;
  case GCN__MESSAGE_REVOKED: return GCN__INPUT_REVOKED;
  case GCN__MESSAGE_UNSUBSCRIBED:
    conn->stolen = true;
    return GCN__INPUT_UNSUBSCRIBED;
  case GCN__MESSAGE_HEARTBEAT: take_heartbeat(conn); break;
  case GCN__MESSAGE_NOTICE:
  case GCN__MESSAGE_GARBAGE: break;
  }
  return GCN__INPUT_HEARTBEAT;
}

static void describe_announcement(struct gcn__conn* conn,
                                  enum gcn__message_kind kind) {
  if (kind == GCN__MESSAGE_MOVING) {
    gcn__failure_set(&conn->failure, GCN_EPEERCLOSE, GCN__LAYER_SERVICE,
                     GCN__OP_STREAM,
                     "the service announced that it will close the socket");
  }
  if (kind == GCN__MESSAGE_REVOKED) {
    gcn__failure_set(&conn->failure, GCN_EAUTH, GCN__LAYER_SERVICE,
                     GCN__OP_STREAM,
                     "the service announced that the access token is revoked");
  }
}

static void take_text(struct gcn__conn* conn,
                      const struct gcn__ws_message* message) {
  int error =
      gcn__envelope_scan(message->data, message->size, &conn->message, NULL);
  enum gcn__message_kind kind =
      error == 0 ? gcn__channels_name(&conn->message) : GCN__MESSAGE_GARBAGE;
  if (kind == GCN__MESSAGE_GARBAGE) {
    take_garbage(conn);
    return;
  }
  conn->garbage_run = 0;
  conn->message_text = gcn__span(message->data, message->size);
  bool notice = kind == GCN__MESSAGE_NOTICE || kind == GCN__MESSAGE_MOVING ||
                kind == GCN__MESSAGE_REVOKED ||
                kind == GCN__MESSAGE_UNSUBSCRIBED;
  if (notice) tell_notice(conn);
  describe_announcement(conn, kind);
  gcn__conn_post(conn, name_text(conn, kind));
}

static enum gcn__input close_input(struct gcn__conn* conn,
                                   enum gcn__meaning meaning) {
  if (meaning == GCN__MEANING_LIMITED) return GCN__INPUT_LIMITED;
  if (meaning == GCN__MEANING_BROKEN) return GCN__INPUT_BROKEN;
  if (meaning != GCN__MEANING_STALE_TOKEN) return GCN__INPUT_WEATHER;
  conn->used_token = conn->channel.token;
  return conn->engine->keeper.token.strikes > 0 ? GCN__INPUT_DENIED
                                                : GCN__INPUT_STALE_TOKEN;
}

static void take_close(struct gcn__conn* conn,
                       const struct gcn__ws_message* message) {
  struct gcn__wire* wire = &conn->stream.wire;
  uint64_t wait_ms = 0;
  struct gcn__judgement judgement = gcn__channels_judge_close(
      message->code, gcn__span(message->data, message->size), &wait_ms);
  if (conn->session.state != GCN__STATE_CLOSING) {
    bool echo = message->code_legal && message->code != GCN__WS_CLOSE_NO_STATUS;
    unsigned code = echo ? message->code : GCN__WS_CLOSE_NORMAL;
    (void)gcn__wire_write_close(wire, &conn->engine->scratch, code);
  }
  gcn__failure_set(&conn->failure, judgement.error, GCN__LAYER_WS,
                   GCN__OP_STREAM, "%s (close code %u)", judgement.text,
                   message->code);
  conn->failure.close_code = (int)message->code;
  if (judgement.meaning == GCN__MEANING_LIMITED) {
    conn->engine->counters.limited++;
    if (message->size > 0) conn->failure.retry_after_ms = (int64_t)wait_ms;
    gcn__session_ask(&conn->session, wait_ms, conn->engine->now_ms);
  }
  gcn__call_failed(&conn->stream, close_input(conn, judgement.meaning));
}

static void take_pong(struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  if (conn->pongs_missed == 0 || !gcn__conn_streams(conn)) return;
  conn->pongs_missed = 0;
  conn->session.deadlines_ms[GCN__TIMER_PING] =
      gcn__time_add(engine->now_ms, engine->settings.ping_ms);
}

static void take_message(struct gcn__conn* conn,
                         const struct gcn__ws_message* message) {
  struct gcn__wire* wire = &conn->stream.wire;
  switch (message->opcode) {
  case GCN__WS_TEXT: take_text(conn, message); return;
  case GCN__WS_CLOSE: take_close(conn, message); return;
  case GCN__WS_PING:
    /* A pong that can't be sent is judged by the peer, not here. */
    (void)gcn__wire_write_frame(wire, &conn->engine->scratch, GCN__WS_PONG,
                                gcn__span(message->data, message->size));
    gcn__conn_post(conn, GCN__INPUT_HEARTBEAT);
    return;
  case GCN__WS_PONG:
    take_pong(conn);
    gcn__conn_post(conn, GCN__INPUT_HEARTBEAT);
    return;
  case GCN__WS_BINARY:
  case GCN__WS_CONTINUATION: take_garbage(conn); return;
  }
}

static void ws_broken(struct gcn__conn* conn, int error) {
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
  gcn__call_failed(&conn->stream, GCN__INPUT_BROKEN);
}

/* The reader may hold a whole message inside without new bytes, so it is asked
 * even when there are none. */
static bool read_stream(struct gcn__conn* conn) {
  struct gcn__wire* wire = &conn->stream.wire;
  struct gcn__span bytes = GCN__SPAN("");
  int peeked = gcn__wire_peek(wire, &bytes);
  if (peeked <= 0) bytes = GCN__SPAN("");
  size_t size = bytes.size;
  struct gcn__ws_message message;
  int result = gcn__ws_read(wire->ws, &bytes, &message);
  gcn__wire_advance(wire, size - bytes.size);
  if (result < 0) {
    ws_broken(conn, result);
  } else if (result == GCN__WS_MESSAGE) {
    take_message(conn, &message);
  } else if (peeked < 0) {
    wire_failed(&conn->stream, peeked);
  } else {
    return size - bytes.size > 0;
  }
  return true;
}

bool gcn__inbound_read(struct gcn__line* line) {
  const struct gcn__wire* wire = &line->wire;
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
