/* SPDX-License-Identifier: MIT */
/*
 * Reading the wires: handshake bytes, answers, messages.
 *
 * Each call does one thing and posts at most one input, so that whatever the
 * user does in the callback that follows is seen before the next byte is read.
 */
#include "engine/internal.h"

#include "base/err.h"

static void wire_failed(struct gcn__engine* engine, enum gcn__wire_index index,
                        int error) {
  gcn__failure_of_wire(engine, index, error);
  bool verdict = engine->failure.error == GCN_ETLSVERIFY;
  gcn__call_failed(engine, index,
                   verdict ? GCN__INPUT_STUBBORN : GCN__INPUT_WEATHER);
}

static bool read_handshake(struct gcn__engine* engine,
                           enum gcn__wire_index index) {
  struct gcn__wire* wire = &engine->wires[index];
  int result = gcn__wire_shake(wire);
  if (result < 0) {
    wire_failed(engine, index, result);
  } else if (result > 0) {
    gcn__call_ready(engine, index);
  } else if (wire->ended) {
    wire_failed(engine, index, wire->end_error);
  } else {
    return false;
  }
  return true;
}

static void http_broken(struct gcn__engine* engine, enum gcn__wire_index index,
                        int error) {
  const struct gcn__wire* wire = &engine->wires[index];
  enum gcn__op op = engine->calls[index].op;
  gcn__failure_set(engine, error, GCN__LAYER_HTTP, op,
                   "the answer of %s to the %s is not acceptable: %s",
                   wire->host, gcn__op_spoken(op),
                   error == GCN__ENOMEM ? "out of memory"
                                        : gcn__http_error(wire->http));
  gcn__call_failed(engine, index, GCN__INPUT_BROKEN);
}

static bool read_answer(struct gcn__engine* engine, enum gcn__wire_index index,
                        struct gcn__span bytes) {
  struct gcn__wire* wire = &engine->wires[index];
  size_t size = bytes.size;
  int result = gcn__http_read(wire->http, &bytes);
  gcn__wire_advance(wire, size - bytes.size);
  if (result < 0) {
    http_broken(engine, index, result);
  } else if (result == GCN__HTTP_DONE) {
    gcn__call_answered(engine, index);
  }
  return true;
}

static bool end_answer(struct gcn__engine* engine, enum gcn__wire_index index,
                       int error) {
  struct gcn__wire* wire = &engine->wires[index];
  bool begun = gcn__http_begun(wire->http);
  if (error == GCN__EOF && begun &&
      gcn__http_eof(wire->http) == GCN__HTTP_DONE) {
    gcn__call_answered(engine, index);
  } else {
    wire_failed(engine, index, error);
  }
  return true;
}

static bool read_http(struct gcn__engine* engine, enum gcn__wire_index index) {
  struct gcn__wire* wire = &engine->wires[index];
  struct gcn__span bytes;
  int result = gcn__wire_peek(wire, &bytes);
  if (result == 0) return false;
  if (engine->calls[index].op == GCN__OP_NONE) {
    /* Nobody asked: the connection is of no use any more. */
    wire_failed(engine, index, result < 0 ? result : GCN__ECONNRESET);
    return true;
  }
  if (result < 0) return end_answer(engine, index, result);
  return read_answer(engine, index, bytes);
}

static void take_garbage(struct gcn__engine* engine) {
  engine->counters.garbage++;
  if (++engine->garbage_run < engine->settings.garbage_max) {
    gcn__engine_post(engine, GCN__INPUT_GARBAGE);
    return;
  }
  gcn__failure_set(engine, GCN_EPROTO, GCN__LAYER_SERVICE, GCN__OP_STREAM,
                   "%llu messages in a row were of no known form",
                   (unsigned long long)engine->garbage_run);
  gcn__call_failed(engine, GCN__WIRE_STREAM, GCN__INPUT_BROKEN);
}

static void tell_notice(struct gcn__engine* engine) {
  engine->counters.notices++;
  gcn__engine_emit(engine, GCN__EFFECT_NOTICE)->event = (struct gcn__event){
      .topic = engine->message.topic,
      .body = engine->message.body,
      .correlation_id = engine->message.correlation_id,
      .version = engine->message.version,
      .message = engine->message_text,
      .sequence = engine->counters.events,
      .generation = engine->channel.generation,
      .connection = engine->connection,
  };
}

/* Answers come in the order of the pings: the last one is the one that proves
 * something about now. */
static void take_heartbeat(struct gcn__engine* engine) {
  engine->counters.heartbeats++;
  if (!gcn__span_is(engine->message.body_message, "pong")) return;
  if (engine->pings > 0 && --engine->pings == 0) {
    gcn__session_trust(&engine->session, engine->ping_ms);
  }
}

static enum gcn__input name_text(struct gcn__engine* engine,
                                 enum gcn__message_kind kind) {
  switch (kind) {
  case GCN__MESSAGE_EVENT: return GCN__INPUT_EVENT;
  case GCN__MESSAGE_MOVING: return GCN__INPUT_MOVING;
  case GCN__MESSAGE_REVOKED: return GCN__INPUT_REVOKED;
  case GCN__MESSAGE_HEARTBEAT: take_heartbeat(engine); break;
  case GCN__MESSAGE_NOTICE:
  case GCN__MESSAGE_GARBAGE: break;
  }
  return GCN__INPUT_HEARTBEAT;
}

static void describe_announcement(struct gcn__engine* engine,
                                  enum gcn__message_kind kind) {
  if (kind == GCN__MESSAGE_MOVING) {
    gcn__failure_set(engine, GCN_EPEERCLOSE, GCN__LAYER_SERVICE, GCN__OP_STREAM,
                     "the service announced that it will close the socket");
  }
  if (kind == GCN__MESSAGE_REVOKED) {
    gcn__failure_set(engine, GCN_EAUTH, GCN__LAYER_SERVICE, GCN__OP_STREAM,
                     "the service announced that the access token is revoked");
  }
}

static void take_text(struct gcn__engine* engine,
                      const struct gcn__ws_message* message) {
  int error =
      gcn__envelope_scan(message->data, message->size, &engine->message, NULL);
  enum gcn__message_kind kind =
      error == 0 ? gcn__channels_name(&engine->message) : GCN__MESSAGE_GARBAGE;
  if (kind == GCN__MESSAGE_GARBAGE) {
    take_garbage(engine);
    return;
  }
  engine->garbage_run = 0;
  engine->message_text = gcn__span(message->data, message->size);
  bool notice = kind == GCN__MESSAGE_NOTICE || kind == GCN__MESSAGE_MOVING ||
                kind == GCN__MESSAGE_REVOKED;
  if (notice) tell_notice(engine);
  describe_announcement(engine, kind);
  gcn__engine_post(engine, name_text(engine, kind));
}

static enum gcn__input close_input(const struct gcn__engine* engine,
                                   enum gcn__meaning meaning) {
  if (meaning == GCN__MEANING_LIMITED) return GCN__INPUT_LIMITED;
  if (meaning == GCN__MEANING_BROKEN) return GCN__INPUT_BROKEN;
  if (meaning != GCN__MEANING_STALE_TOKEN) return GCN__INPUT_WEATHER;
  return engine->token.strikes > 0 ? GCN__INPUT_DENIED : GCN__INPUT_STALE_TOKEN;
}

static void take_close(struct gcn__engine* engine,
                       const struct gcn__ws_message* message) {
  struct gcn__wire* wire = &engine->wires[GCN__WIRE_STREAM];
  uint64_t wait_ms = 0;
  struct gcn__judgement judgement = gcn__channels_judge_close(
      message->code, gcn__span(message->data, message->size), &wait_ms);
  if (engine->session.state != GCN__STATE_CLOSING) {
    bool echo = message->code_legal && message->code != GCN__WS_CLOSE_NO_STATUS;
    unsigned code = echo ? message->code : GCN__WS_CLOSE_NORMAL;
    (void)gcn__wire_write_close(wire, &engine->scratch, code);
  }
  gcn__failure_set(engine, judgement.error, GCN__LAYER_WS, GCN__OP_STREAM,
                   "%s (close code %u)", judgement.text, message->code);
  engine->failure.close_code = (int)message->code;
  if (judgement.meaning == GCN__MEANING_LIMITED) {
    engine->counters.limited++;
    if (message->size > 0) engine->failure.retry_after_ms = (int64_t)wait_ms;
    gcn__session_ask(&engine->session, wait_ms, engine->now_ms);
  }
  gcn__call_failed(engine, GCN__WIRE_STREAM,
                   close_input(engine, judgement.meaning));
}

static void take_message(struct gcn__engine* engine,
                         const struct gcn__ws_message* message) {
  struct gcn__wire* wire = &engine->wires[GCN__WIRE_STREAM];
  switch (message->opcode) {
  case GCN__WS_TEXT: take_text(engine, message); return;
  case GCN__WS_CLOSE: take_close(engine, message); return;
  case GCN__WS_PING:
    /* A pong that can't be sent is judged by the peer, not here. */
    (void)gcn__wire_write_frame(wire, &engine->scratch, GCN__WS_PONG,
                                gcn__span(message->data, message->size));
    gcn__engine_post(engine, GCN__INPUT_HEARTBEAT);
    return;
  case GCN__WS_PONG: gcn__engine_post(engine, GCN__INPUT_HEARTBEAT); return;
  case GCN__WS_BINARY:
  case GCN__WS_CONTINUATION: take_garbage(engine); return;
  }
}

static void ws_broken(struct gcn__engine* engine, int error) {
  struct gcn__wire* wire = &engine->wires[GCN__WIRE_STREAM];
  if (error == GCN_EMSGSIZE) {
    gcn__failure_set(engine, error, GCN__LAYER_WS, GCN__OP_STREAM,
                     "a message is over a limit: %s; raise message_size_max "
                     "(now %llu bytes)",
                     gcn__ws_error(wire->ws),
                     (unsigned long long)engine->settings.message_size_max);
  } else {
    gcn__failure_set(engine, error, GCN__LAYER_WS, GCN__OP_STREAM,
                     "the server broke the WebSocket protocol: %s",
                     error == GCN__ENOMEM ? "out of memory"
                                          : gcn__ws_error(wire->ws));
  }
  unsigned code = gcn__ws_error_code(wire->ws);
  if (code != 0) (void)gcn__wire_write_close(wire, &engine->scratch, code);
  gcn__call_failed(engine, GCN__WIRE_STREAM, GCN__INPUT_BROKEN);
}

/* The reader may hold a whole message inside without new bytes, so it is asked
 * even when there are none. */
static bool read_stream(struct gcn__engine* engine) {
  struct gcn__wire* wire = &engine->wires[GCN__WIRE_STREAM];
  struct gcn__span bytes = GCN__SPAN("");
  int peeked = gcn__wire_peek(wire, &bytes);
  if (peeked <= 0) bytes = GCN__SPAN("");
  size_t size = bytes.size;
  struct gcn__ws_message message;
  int result = gcn__ws_read(wire->ws, &bytes, &message);
  gcn__wire_advance(wire, size - bytes.size);
  if (result < 0) {
    ws_broken(engine, result);
  } else if (result == GCN__WS_MESSAGE) {
    take_message(engine, &message);
  } else if (peeked < 0) {
    wire_failed(engine, GCN__WIRE_STREAM, peeked);
  } else {
    return size - bytes.size > 0;
  }
  return true;
}

bool gcn__inbound_read(struct gcn__engine* engine, enum gcn__wire_index index) {
  const struct gcn__wire* wire = &engine->wires[index];
  switch (wire->phase) {
  case GCN__WIRE_ABSENT: return false;
  case GCN__WIRE_DIALLING:
    if (!wire->ended) return false;
    wire_failed(engine, index, wire->end_error);
    return true;
  case GCN__WIRE_SHAKING: return read_handshake(engine, index);
  case GCN__WIRE_READY: return read_http(engine, index);
  case GCN__WIRE_OPEN: return read_stream(engine);
  }
  return false;
}
