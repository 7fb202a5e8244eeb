/* SPDX-License-Identifier: MIT */
/*
 * What came back: judged by the dialect's table, and taken if it is good.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

enum {
  FLOOR_MIN_MS = 1000, /* a "0" must not make a hot loop */
  SAID_SIZE = 160,     /* of the service's own words */
  SWITCHING = 101,
  TIMED_OUT = 408, /* RFC 9110 §15.5.9: what it answers may be repeated */
};

/* The second rejection in a row is no matter of freshness, unless it is of a
 * token that has been replaced or given up already. */
static bool is_denied(const struct gcn__engine* engine, struct gcn__call call) {
  const struct gcn__token* token = &engine->keeper.token;
  if (call.generation != token->generation || token->text == NULL) return false;
  return token->strikes > 0;
}

/* What the meaning of an answer is to the state machine. */
static enum gcn__input input_of(const struct gcn__line* line,
                                struct gcn__call call,
                                enum gcn__meaning meaning) {
  const struct gcn__conn* conn = line->conn;
  /* Token and ticket have been replaced in this attempt already. */
  bool again = conn != NULL && conn->flow.refusals > 1;
  switch (meaning) {
  case GCN__MEANING_WEATHER: return GCN__INPUT_WEATHER;
  case GCN__MEANING_STUBBORN: return GCN__INPUT_STUBBORN;
  case GCN__MEANING_LIMITED: return GCN__INPUT_LIMITED;
  case GCN__MEANING_STALE_CHANNEL: return GCN__INPUT_STALE_CHANNEL;
  case GCN__MEANING_REFUSED: return GCN__INPUT_REFUSED;
  case GCN__MEANING_STALE_TOKEN:
    return again || is_denied(line->engine, call) ? GCN__INPUT_DENIED
                                                  : GCN__INPUT_STALE_TOKEN;
  case GCN__MEANING_BROKEN:
  case GCN__MEANING_OK: break;
  }
  return GCN__INPUT_BROKEN;
}

/* What one connection was told binds all that ask the same host. */
void gcn__answer_ask(struct gcn__line* line, uint64_t floor_ms) {
  struct gcn__engine* engine = line->engine;
  uint64_t most_ms = engine->settings.retry_after_max_ms;
  uint64_t until_ms =
      gcn__time_add(engine->now_ms, gcn__time_min(floor_ms, most_ms));
  if (line->conn != NULL) {
    gcn__session_ask(&line->conn->session, floor_ms, engine->now_ms);
  }
  switch (gcn__wire_role(line->index)) {
  case GCN__WIRE_LOGIN:
    engine->keeper.floor_ms = gcn__time_max(engine->keeper.floor_ms, until_ms);
    break;
  case GCN__WIRE_API:
    engine->api_floor_ms = gcn__time_max(engine->api_floor_ms, until_ms);
    if (engine->own_pace == NULL) {
      gcn__pace_hold(engine->pace, engine->pace_key, until_ms);
    }
    break;
  case GCN__WIRE_STREAM:
    /* With this dialect one connection's refusal is the client's. */
    if (!gcn__engine_flows(engine)) break;
    engine->stream_floor_ms = gcn__time_max(engine->stream_floor_ms, until_ms);
    break;
  case GCN__WIRE_COUNT: break;
  }
}

static void note_asked(struct gcn__line* line, enum gcn__meaning meaning,
                       int64_t asked_ms) {
  struct gcn__engine* engine = line->engine;
  gcn__line_failure(line)->retry_after_ms = asked_ms;
  uint64_t floor_ms = asked_ms > 0 ? (uint64_t)asked_ms : 0;
  if (meaning == GCN__MEANING_LIMITED) {
    engine->counters.limited++;
    if (asked_ms < 0) floor_ms = engine->settings.limited_min_ms;
    floor_ms = gcn__time_max(floor_ms, FLOOR_MIN_MS);
  }
  if (floor_ms > 0) gcn__answer_ask(line, floor_ms);
}

static void copy_correlation(struct gcn__failure* failure,
                             const struct gcn__http* http) {
  struct gcn__span id = gcn__http_header(http, "ININ-Correlation-Id", NULL);
  char* to = failure->correlation_id;
  size_t at = 0;
  for (size_t i = 0; i < id.size && at + 1 < GCN__CORRELATION_SIZE; i++) {
    char c = id.data[i];
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                 (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    if (plain) to[at++] = c;
  }
  to[at] = '\0';
}

static const char* text_of(const struct gcn__engine* engine,
                           struct gcn__call call,
                           struct gcn__judgement judgement) {
  bool again =
      judgement.meaning == GCN__MEANING_STALE_TOKEN && is_denied(engine, call);
  if (!again) return judgement.text;
  return "the API rejects a fresh access token, too; check that login and API "
         "are of one region, and that the OAuth client is active";
}

/* The stream dialect's errors are sentences for people. */
static void describe(struct gcn__line* line, struct gcn__call call,
                     struct gcn__judgement judgement,
                     const struct gcn__json* body) {
  const struct gcn__wire* wire = &line->wire;
  struct gcn__failure* failure = gcn__line_failure(line);
  unsigned status = gcn__http_status(wire->http);
  char said[SAID_SIZE] = "";
  if (line->conn != NULL && gcn__engine_flows(line->engine)) {
    gcn__stream_errors(body, said, sizeof said);
    gcn__flow_hide(line->conn, said);
  }
  gcn__failure_set(failure, judgement.error, GCN__LAYER_SERVICE, call.op,
                   "%s to %s: HTTP %u: %s%s%s", gcn__op_spoken(call.op),
                   wire->host, status, text_of(line->engine, call, judgement),
                   said[0] == '\0' ? "" : "; the service says: ", said);
  failure->http_status = (int)status;
  copy_correlation(failure, wire->http);
  note_asked(line, judgement.meaning, gcn__http_asked_ms(wire->http));
}

/* A field may come in several lines (RFC 9110 §5.3), but not one line twice. */
static bool has_twin(const struct gcn__http* http, const char* name) {
  size_t count = gcn__http_header_count(http);
  for (size_t i = 0; i < count; i++) {
    if (!gcn__span_iis(gcn__http_header_name(http, i), name)) continue;
    struct gcn__span value = gcn__http_header_value(http, i);
    for (size_t j = i + 1; j < count; j++) {
      bool same = gcn__span_iis(gcn__http_header_name(http, j), name);
      if (!same) continue;
      if (gcn__span_iequal(gcn__http_header_value(http, j), value)) return true;
    }
  }
  return false;
}

static const char* upgrade_fault(const struct gcn__conn* conn,
                                 const struct gcn__http* http) {
  size_t count = 0;
  struct gcn__span accept =
      gcn__http_header(http, "Sec-WebSocket-Accept", &count);
  if (count != 1 || !gcn__span_is(accept, conn->ws_accept)) {
    return "its Sec-WebSocket-Accept is wrong";
  }
  /* RFC 6455 §4.1: the whole value, where Connection is a list. */
  struct gcn__span upgrade = gcn__http_header(http, "Upgrade", &count);
  if (count != 1 || !gcn__span_iis(upgrade, "websocket")) {
    return "its Upgrade header is wrong";
  }
  if (!gcn__http_has_token(http, "Connection", "upgrade") ||
      has_twin(http, "Connection")) {
    return "its Connection header is wrong";
  }
  gcn__http_header(http, "Sec-WebSocket-Extensions", &count);
  if (count > 0) return "it names an extension that was not offered";
  gcn__http_header(http, "Sec-WebSocket-Protocol", &count);
  if (count > 0) return "it names a sub-protocol that was not offered";
  return NULL;
}

static const char* make_reader(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__wire* wire = &conn->stream.wire;
  struct gcn__ws_limits limits = gcn__ws_limits_default;
  limits.message_size_max = (size_t)engine->settings.message_size_max;
  size_t scaled = limits.message_size_max / 1024;
  if (limits.fragment_count_max < scaled) limits.fragment_count_max = scaled;
  wire->ws =
      gcn__ws_new(&engine->mem, GCN__WS_CLIENT, &limits, &engine->entropy);
  return wire->ws != NULL ? NULL : "out of memory";
}

static void open_stream(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__wire* wire = &conn->stream.wire;
  const char* fault = upgrade_fault(conn, wire->http);
  if (fault == NULL) fault = make_reader(conn);
  if (fault != NULL) {
    gcn__failure_set(&conn->failure, GCN_EWS, GCN__LAYER_WS, GCN__OP_UPGRADE,
                     "the WebSocket upgrade at %s was not answered properly: "
                     "%s",
                     wire->host, fault);
    gcn__line_drop(&conn->stream, true);
    gcn__conn_post(conn, GCN__INPUT_BROKEN);
    return;
  }
  gcn__http_free(wire->http);
  wire->http = NULL;
  wire->phase = GCN__WIRE_OPEN;
  wire->plain.secret = false; /* events: wiping them would cost */
  conn->connection = ++engine->connection_count;
  conn->garbage_run = 0;
  gcn__patience_begin(conn);
  conn->pings = 0;
  conn->answered_ms = 0;
  conn->pongs_missed = 0;
  gcn__conn_post(conn, GCN__INPUT_STEP);
}

void gcn__answer_malformed(struct gcn__conn* conn, int error, enum gcn__op op,
                           const char* why, enum gcn__input input) {
  gcn__failure_set(&conn->failure, error, GCN__LAYER_SERVICE, op, "%s", why);
  gcn__conn_post(conn, gcn__conn_streams(conn) ? GCN__INPUT_UNSYNCED : input);
}

static void upgrade_answered(struct gcn__conn* conn) {
  struct gcn__line* line = &conn->stream;
  struct gcn__call call = line->call;
  line->call = (struct gcn__call){.op = GCN__OP_NONE};
  const struct gcn__http* http = line->wire.http;
  unsigned status = gcn__http_status(http);
  struct gcn__json* body = NULL;
  if (status != SWITCHING) body = gcn__json_parse(gcn__http_body(http), NULL);
  struct gcn__judgement judgement =
      conn->engine->dialect->judge(line, GCN__OP_UPGRADE, status, body);
  if (judgement.meaning == GCN__MEANING_OK) {
    gcn__json_free(body, false);
    open_stream(conn);
    return;
  }
  bool gone = judgement.meaning == GCN__MEANING_STALE_CHANNEL;
  /* Of what was idle: it may have been written before the upgrade came. */
  bool crossed = status == TIMED_OUT;
  if ((gone || crossed) && gcn__call_repeat_upgrade(line, call)) {
    gcn__json_free(body, false);
    return;
  }
  describe(line, call, judgement, body);
  gcn__json_free(body, false);
  conn->used_token = call.generation;
  gcn__channel_missed(conn);
  gcn__line_drop(line, false);
  gcn__conn_post(conn, input_of(line, call, judgement.meaning));
}

static void accept_answer(struct gcn__line* line, enum gcn__op op,
                          struct gcn__json* body) {
  struct gcn__engine* engine = line->engine;
  if (line->conn == NULL) {
    gcn__keeper_answered(engine, body); /* it took the document */
    return;
  }
  gcn__token_accept(&engine->keeper.token);
  engine->dialect->answered(line->conn, op, body); /* likewise */
}

/* Bytes behind an answer could be taken for the next one. */
static bool trailing_bytes(struct gcn__wire* wire) {
  struct gcn__span rest;
  return gcn__wire_peek(wire, &rest) == 1;
}

static struct gcn__judgement judge(struct gcn__line* line, enum gcn__op op,
                                   const struct gcn__json* body) {
  struct gcn__wire* wire = &line->wire;
  unsigned status = gcn__http_status(wire->http);
  struct gcn__judgement judgement =
      line->conn == NULL ? gcn__channels_judge(op, status, body)
                         : line->engine->dialect->judge(line, op, status, body);
  if (judgement.meaning != GCN__MEANING_OK) return judgement;
  if (trailing_bytes(wire)) {
    return (struct gcn__judgement){GCN__MEANING_BROKEN, GCN_EHTTP,
                                   "there were bytes after the answer"};
  }
  if (body != NULL || op == GCN__OP_UNSUBSCRIBE) return judgement;
  return (struct gcn__judgement){
      GCN__MEANING_WEATHER, GCN_EPROTO,
      "the answer is not the JSON it should be; is a proxy or login page in "
      "between?"};
}

static void note_pace(const struct gcn__line* line) {
  const struct gcn__engine* engine = line->engine;
  struct gcn__ratelimit limit;
  if (!gcn__channels_read_ratelimit(line->wire.http, &limit)) return;
  const struct gcn__quota quota = {
      .allowed = limit.allowed, .count = limit.count, .reset_s = limit.reset_s};
  gcn__pace_ratelimit(engine->pace, engine->pace_key, &quota, engine->now_ms);
}

static void give_channel_back(struct gcn__conn* conn, struct gcn__call call) {
  struct gcn__engine* engine = conn->engine;
  if (call.paid) {
    gcn__pace_channel_back(engine->pace, engine->pace_key, engine->now_ms);
  } else {
    gcn__shard_of(conn)->began = false;
  }
}

static void rest_answered(struct gcn__line* line) {
  struct gcn__engine* engine = line->engine;
  struct gcn__wire* wire = &line->wire;
  struct gcn__call call = line->call;
  const char* why = "";
  struct gcn__json* body = gcn__json_parse(gcn__http_body(wire->http), &why);
  struct gcn__judgement judgement = judge(line, call.op, body);
  bool good = judgement.meaning == GCN__MEANING_OK;
  if (!good) describe(line, call, judgement, body);
  if (line->conn != NULL) note_pace(line);
  unsigned status = gcn__http_status(wire->http);
  bool makes = call.op == GCN__OP_CHANNEL && !gcn__engine_flows(engine);
  if (makes && status >= 400 && status < 500) {
    /* There is no new channel for certain. */
    give_channel_back(line->conn, call);
  }
  wire->reused = true;
  line->call = (struct gcn__call){.op = GCN__OP_NONE};
  bool keep = gcn__http_keep_alive(wire->http) && !wire->ended && good;
  gcn__http_next(wire->http, false, false);
  if (!keep || call.op == GCN__OP_TOKEN) gcn__line_drop(line, false);
  if (call.background) {
    line->conn->api_idle_ms = gcn__time_add(engine->now_ms, GCN__API_IDLE_MS);
  }
  if (good) {
    accept_answer(line, call.op, body);
    return;
  }
  gcn__json_free(body, true);
  gcn__call_settle(line, call, input_of(line, call, judgement.meaning));
}

void gcn__call_answered(struct gcn__line* line) {
  if (line->call.op == GCN__OP_UPGRADE) {
    upgrade_answered(line->conn);
  } else {
    rest_answered(line);
  }
}
