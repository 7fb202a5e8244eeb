/* SPDX-License-Identifier: MIT */
/*
 * Calls: one request on a wire, and its answer.
 *
 * A call begins before its wire is up and is sent when it is.  What an answer
 * means is the dialect's table; what the meaning does is the state table's.
 */
#include "engine/internal.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"

#include <inttypes.h>

static enum gcn__wire_index wire_of(enum gcn__op op) {
  if (op == GCN__OP_TOKEN) return GCN__WIRE_LOGIN;
  return op == GCN__OP_UPGRADE ? GCN__WIRE_STREAM : GCN__WIRE_API;
}

static const struct gcn__url* url_of(const struct gcn__engine* engine,
                                     enum gcn__wire_index index) {
  if (index == GCN__WIRE_LOGIN) return &engine->login;
  return index == GCN__WIRE_API ? &engine->api : &engine->channel.uri;
}

/* What the meaning of an answer is to the state machine. */
static enum gcn__input input_of(const struct gcn__engine* engine,
                                enum gcn__meaning meaning) {
  switch (meaning) {
  case GCN__MEANING_WEATHER: return GCN__INPUT_WEATHER;
  case GCN__MEANING_STUBBORN: return GCN__INPUT_STUBBORN;
  case GCN__MEANING_LIMITED: return GCN__INPUT_LIMITED;
  case GCN__MEANING_STALE_CHANNEL: return GCN__INPUT_STALE_CHANNEL;
  case GCN__MEANING_REFUSED: return GCN__INPUT_REFUSED;
  case GCN__MEANING_STALE_TOKEN:
    /* The second rejection in a row is no matter of freshness. */
    return engine->token.strikes > 0 ? GCN__INPUT_DENIED
                                     : GCN__INPUT_STALE_TOKEN;
  case GCN__MEANING_BROKEN:
  case GCN__MEANING_OK: break;
  }
  return GCN__INPUT_BROKEN;
}

/* A call in the background of a stream only fails itself, unless it learned
 * that the channel is gone. */
static void settle_background(struct gcn__engine* engine,
                              enum gcn__input input) {
  if (input == GCN__INPUT_REFUSED) engine->login_refused = true;
  if (input == GCN__INPUT_STALE_CHANNEL) {
    gcn__engine_post(engine, input);
    return;
  }
  if (input == GCN__INPUT_STALE_TOKEN || input == GCN__INPUT_DENIED) {
    gcn__token_reject(&engine->token);
  }
  gcn__log(&engine->log, GCN__LOG_WARN, "in the background: %s",
           engine->failure.text);
  gcn__engine_post(engine, GCN__INPUT_UNSYNCED);
}

static void fail(struct gcn__engine* engine, struct gcn__call call,
                 enum gcn__input input) {
  if (call.background) {
    settle_background(engine, input);
  } else {
    gcn__engine_post(engine, input);
  }
}

static int append_topics(struct gcn__engine* engine, struct gcn__buf* body) {
  int error = gcn__buf_append_str(body, "[");
  for (size_t i = 0; error == 0 && i < engine->topics.count; i++) {
    struct gcn__span name = gcn__span_str(engine->topics.items[i].name);
    error = gcn__channels_topic(body, name, i == 0);
  }
  if (error == 0) error = gcn__buf_append_str(body, "]");
  if (error == 0) engine->sent_revision = engine->topics.revision;
  return error;
}

static int make_key(struct gcn__engine* engine,
                    char key[GCN__WS_KEY_SIZE + 1]) {
  int error = gcn__ws_make_key(&engine->entropy, key);
  if (error != 0) return error;
  gcn__ws_make_accept(gcn__span(key, GCN__WS_KEY_SIZE), engine->ws_accept);
  /* Empty if the digest failed; an empty header must not match it. */
  return engine->ws_accept[0] == '\0' ? GCN__ENOMEM : 0;
}

static int write_request(struct gcn__engine* engine, enum gcn__op op,
                         struct gcn__buf* body) {
  char authority[GCN__AUTHORITY_SIZE_MAX];
  char key[GCN__WS_KEY_SIZE + 1];
  int error = 0;
  gcn__url_authority(url_of(engine, wire_of(op)), authority);
  if (op == GCN__OP_UPGRADE) error = make_key(engine, key);
  if (op == GCN__OP_TOPICS) error = append_topics(engine, body);
  if (error != 0) return error;
  struct gcn__ask ask = {
      .authority = authority,
      .target = engine->channel.uri.target,
      .base_path = op == GCN__OP_TOKEN ? engine->login_path : engine->api_path,
      .user_agent = engine->user_agent,
      .client_id = engine->client_id,
      .client_secret = engine->client_secret,
      .token = engine->token.text,
      .ws_key = key,
      .body = gcn__buf_span(body),
  };
  if (op == GCN__OP_TOPICS) ask.channel_id = gcn__span_str(engine->channel.id);
  gcn__buf_clear(&engine->scratch);
  error = gcn__channels_write(op, &ask, &engine->scratch);
  if (error == 0) {
    error = gcn__wire_write(&engine->wires[wire_of(op)],
                            gcn__buf_span(&engine->scratch));
  }
  gcn__buf_shrink(&engine->scratch, GCN__WIRE_PLAIN_SIZE);
  return error;
}

static void count_request(struct gcn__engine* engine, enum gcn__op op) {
  struct gcn__engine_counters* counters = &engine->counters;
  if (op == GCN__OP_TOKEN) counters->token_requests++;
  if (op == GCN__OP_CHANNEL) counters->channel_requests++;
  if (op == GCN__OP_TOPICS) counters->topic_requests++;
  if (op == GCN__OP_UPGRADE) counters->upgrades++;
}

static int prepare_reader(struct gcn__engine* engine, struct gcn__wire* wire,
                          bool upgrade) {
  if (wire->http == NULL) {
    bool login = wire == &engine->wires[GCN__WIRE_LOGIN];
    struct gcn__http_limits limits = gcn__http_limits_default;
    limits.body_size_max =
        login ? GCN__TOKEN_ANSWER_SIZE_MAX : GCN__ANSWER_SIZE_MAX;
    wire->http = gcn__http_new(&engine->mem, GCN__HTTP_RESPONSES, &limits);
    if (wire->http == NULL) return GCN__ENOMEM;
  }
  gcn__http_next(wire->http, false, upgrade);
  return 0;
}

static void send_call(struct gcn__engine* engine, enum gcn__wire_index index) {
  struct gcn__call* call = &engine->calls[index];
  struct gcn__wire* wire = &engine->wires[index];
  GCN__ASSERT(!call->sent);
  GCN__ASSERT(wire->phase == GCN__WIRE_READY);
  struct gcn__buf body;
  gcn__buf_init(&body, &engine->mem, GCN__BODY_SIZE_MAX);
  int error = prepare_reader(engine, wire, call->op == GCN__OP_UPGRADE);
  if (error == 0) error = write_request(engine, call->op, &body);
  gcn__buf_deinit(&body);
  call->sent = true;
  if (error == 0) {
    count_request(engine, call->op);
    return;
  }
  struct gcn__call failed = *call;
  gcn__failure_set(engine, error, GCN__LAYER_CLIENT, failed.op,
                   "the %s could not be written: %s", gcn__op_spoken(failed.op),
                   error == GCN__ENOMEM ? "out of memory"
                                        : "a value does not fit a header");
  gcn__engine_drop(engine, index, true);
  fail(engine, failed, GCN__INPUT_WEATHER);
}

void gcn__call_begin(struct gcn__engine* engine, enum gcn__op op) {
  enum gcn__wire_index index = wire_of(op);
  GCN__ASSERT(engine->calls[index].op == GCN__OP_NONE);
  const struct gcn__call call = {
      .op = op,
      .background = engine->session.state == GCN__STATE_STREAMING,
  };
  if (call.background) {
    engine->api_idle_ms =
        gcn__time_add(engine->now_ms, engine->settings.phase_ms);
  }
  struct gcn__wire* wire = &engine->wires[index];
  if (wire->ended) gcn__engine_drop(engine, index, true);
  engine->calls[index] = call; /* a drop forgets it */
  if (wire->phase == GCN__WIRE_READY) {
    send_call(engine, index);
    return;
  }
  if (wire->phase == GCN__WIRE_ABSENT) {
    gcn__engine_open(engine, index, url_of(engine, index));
  }
}

void gcn__call_ready(struct gcn__engine* engine, enum gcn__wire_index index) {
  const struct gcn__call* call = &engine->calls[index];
  gcn__engine_ready(engine, index);
  if (call->op != GCN__OP_NONE && !call->sent) send_call(engine, index);
}

static void note_asked(struct gcn__engine* engine, enum gcn__meaning meaning,
                       int64_t asked_ms) {
  engine->failure.retry_after_ms = asked_ms;
  uint64_t floor_ms = asked_ms > 0 ? (uint64_t)asked_ms : 0;
  if (meaning == GCN__MEANING_LIMITED) {
    engine->counters.limited++;
    if (floor_ms < engine->settings.limited_min_ms && asked_ms < 0) {
      floor_ms = engine->settings.limited_min_ms;
    }
    /* "0" must not make a hot loop. */
    if (floor_ms < 1000) floor_ms = 1000;
  }
  if (floor_ms > 0) {
    gcn__session_ask(&engine->session, floor_ms, engine->now_ms);
  }
}

/* An HTTP-date is relative to the server's own Date: no clock of ours, no
 * skew. */
static int64_t asked_by(const struct gcn__http* http) {
  struct gcn__span value = gcn__http_header(http, "Retry-After", NULL);
  struct gcn__span date = gcn__http_header(http, "Date", NULL);
  if (value.data == NULL) return -1;
  int64_t wall_s = date.data == NULL ? -1 : gcn__http_date(date);
  bool is_number =
      value.size > 0 && value.data[0] >= '0' && value.data[0] <= '9';
  if (wall_s < 0 && !is_number) return -1;
  return gcn__http_retry_after(value, wall_s < 0 ? 0 : wall_s);
}

static void copy_correlation(struct gcn__engine* engine,
                             const struct gcn__http* http) {
  struct gcn__span id = gcn__http_header(http, "ININ-Correlation-Id", NULL);
  char* to = engine->failure.correlation_id;
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
                           struct gcn__judgement judgement) {
  bool again = judgement.meaning == GCN__MEANING_STALE_TOKEN &&
               engine->token.strikes > 0;
  if (!again) return judgement.text;
  return "the API rejects a fresh access token, too; check that login and API "
         "are of one region, and that the OAuth client is active";
}

static void describe(struct gcn__engine* engine, enum gcn__wire_index index,
                     struct gcn__call call, struct gcn__judgement judgement) {
  const struct gcn__wire* wire = &engine->wires[index];
  unsigned status = gcn__http_status(wire->http);
  gcn__failure_set(engine, judgement.error, GCN__LAYER_SERVICE, call.op,
                   "%s to %s: HTTP %u: %s", gcn__op_spoken(call.op), wire->host,
                   status, text_of(engine, judgement));
  engine->failure.http_status = (int)status;
  copy_correlation(engine, wire->http);
  note_asked(engine, judgement.meaning, asked_by(wire->http));
}

static const char* upgrade_fault(const struct gcn__engine* engine,
                                 const struct gcn__http* http) {
  size_t count = 0;
  struct gcn__span accept =
      gcn__http_header(http, "Sec-WebSocket-Accept", &count);
  if (count != 1 || !gcn__span_is(accept, engine->ws_accept)) {
    return "its Sec-WebSocket-Accept is wrong";
  }
  if (!gcn__http_has_token(http, "Upgrade", "websocket")) {
    return "its Upgrade header is wrong";
  }
  if (!gcn__http_has_token(http, "Connection", "upgrade")) {
    return "its Connection header is wrong";
  }
  gcn__http_header(http, "Sec-WebSocket-Extensions", &count);
  if (count > 0) return "it names an extension that was not offered";
  gcn__http_header(http, "Sec-WebSocket-Protocol", &count);
  if (count > 0) return "it names a sub-protocol that was not offered";
  return NULL;
}

static void open_stream(struct gcn__engine* engine) {
  struct gcn__wire* wire = &engine->wires[GCN__WIRE_STREAM];
  const char* fault = upgrade_fault(engine, wire->http);
  struct gcn__ws_limits limits = gcn__ws_limits_default;
  limits.message_size_max = (size_t)engine->settings.message_size_max;
  size_t scaled = limits.message_size_max / 1024;
  if (limits.fragment_count_max < scaled) limits.fragment_count_max = scaled;
  if (fault == NULL) {
    wire->ws =
        gcn__ws_new(&engine->mem, GCN__WS_CLIENT, &limits, &engine->entropy);
    if (wire->ws == NULL) fault = "out of memory";
  }
  if (fault != NULL) {
    gcn__failure_set(engine, GCN_EWS, GCN__LAYER_WS, GCN__OP_UPGRADE,
                     "the WebSocket upgrade at %s was not answered properly: "
                     "%s",
                     wire->host, fault);
    gcn__engine_drop(engine, GCN__WIRE_STREAM, true);
    gcn__engine_post(engine, GCN__INPUT_BROKEN);
    return;
  }
  gcn__http_free(wire->http);
  wire->http = NULL;
  wire->phase = GCN__WIRE_OPEN;
  wire->plain.secret = false; /* events: wiping them would cost */
  engine->connection++;
  engine->confirmed = false;
  engine->garbage_run = 0;
  engine->pings = 0;
  gcn__engine_post(engine, GCN__INPUT_STEP);
}

static void accept_answer(struct gcn__engine* engine, enum gcn__op op,
                          struct gcn__json* body) {
  if (op == GCN__OP_TOKEN) gcn__answer_token(engine, body);
  if (op == GCN__OP_CHANNEL || op == GCN__OP_TOPICS) {
    gcn__token_accept(&engine->token);
  }
  if (op == GCN__OP_CHANNEL) gcn__answer_channel(engine, body);
  if (op == GCN__OP_TOPICS) {
    gcn__answer_topics(engine, body);
    return; /* it took the document */
  }
  gcn__json_free(body, true);
}

/* Bytes behind an answer could be taken for the next one. */
static bool trailing_bytes(struct gcn__wire* wire) {
  struct gcn__span rest;
  return gcn__wire_peek(wire, &rest) == 1;
}

static void rest_answered(struct gcn__engine* engine,
                          enum gcn__wire_index index, struct gcn__call call) {
  struct gcn__wire* wire = &engine->wires[index];
  const char* why = "";
  struct gcn__json* body = gcn__json_parse(gcn__http_body(wire->http), &why);
  struct gcn__judgement judgement =
      gcn__channels_judge(call.op, gcn__http_status(wire->http), body);
  bool good = judgement.meaning == GCN__MEANING_OK;
  if (good && trailing_bytes(wire)) {
    good = false;
    judgement = (struct gcn__judgement){GCN__MEANING_BROKEN, GCN_EHTTP,
                                        "there were bytes after the answer"};
  }
  if (good && body == NULL) {
    good = false;
    judgement = (struct gcn__judgement){
        GCN__MEANING_WEATHER, GCN_EPROTO,
        "the answer is not the JSON it should be; is a proxy or login page in "
        "between?"};
  }
  if (!good) describe(engine, index, call, judgement);
  wire->reused = true;
  engine->calls[index] = (struct gcn__call){.op = GCN__OP_NONE};
  bool keep = gcn__http_keep_alive(wire->http) && !wire->ended && good;
  gcn__http_next(wire->http, false, false);
  if (!keep || call.op == GCN__OP_TOKEN) {
    gcn__engine_drop(engine, index, false);
  }
  if (call.background) {
    engine->api_idle_ms = gcn__time_add(engine->now_ms, GCN__API_IDLE_MS);
  }
  if (good) {
    accept_answer(engine, call.op, body);
    return;
  }
  gcn__json_free(body, true);
  fail(engine, call, input_of(engine, judgement.meaning));
}

/* The streaming host fails while the API is well: the channel is the trouble,
 * and the API would name another host. */
static void note_stream_trouble(struct gcn__engine* engine) {
  bool attempting = engine->session.state == GCN__STATE_CONNECTING ||
                    engine->session.state == GCN__STATE_SUBSCRIBING;
  bool api_well = engine->wires[GCN__WIRE_API].phase == GCN__WIRE_READY;
  if (attempting && api_well) engine->channel.failures++;
}

void gcn__call_answered(struct gcn__engine* engine,
                        enum gcn__wire_index index) {
  struct gcn__call call = engine->calls[index];
  struct gcn__wire* wire = &engine->wires[index];
  if (call.op != GCN__OP_UPGRADE) {
    rest_answered(engine, index, call);
    return;
  }
  engine->calls[index] = (struct gcn__call){.op = GCN__OP_NONE};
  struct gcn__judgement judgement =
      gcn__channels_judge(call.op, gcn__http_status(wire->http), NULL);
  if (judgement.meaning == GCN__MEANING_OK) {
    open_stream(engine);
    return;
  }
  describe(engine, index, call, judgement);
  note_stream_trouble(engine);
  gcn__engine_drop(engine, index, false);
  gcn__engine_post(engine, input_of(engine, judgement.meaning));
}

/* A kept-alive connection may die just as a request is written; one that
 * changes nothing when repeated is sent once more over a new one. */
static bool try_again(struct gcn__engine* engine, enum gcn__wire_index index) {
  struct gcn__wire* wire = &engine->wires[index];
  struct gcn__call call = engine->calls[index];
  bool repeatable = call.op == GCN__OP_TOPICS;
  if (!repeatable || !call.sent || call.retried || !wire->reused) return false;
  if (wire->http != NULL && gcn__http_begun(wire->http)) return false;
  gcn__engine_drop(engine, index, true);
  call.sent = false;
  call.retried = true;
  engine->calls[index] = call;
  gcn__engine_open(engine, index, url_of(engine, index));
  return true;
}

void gcn__call_failed(struct gcn__engine* engine, enum gcn__wire_index index,
                      enum gcn__input input) {
  struct gcn__call call = engine->calls[index];
  bool stream = index == GCN__WIRE_STREAM;
  if (stream) note_stream_trouble(engine);
  bool awaited = (engine->awaited & (1u << index)) != 0;
  enum gcn__state state = engine->session.state;
  if (input == GCN__INPUT_WEATHER && try_again(engine, index)) return;
  gcn__engine_drop(engine, index, false);
  if (state == GCN__STATE_CLOSING) {
    if (stream) gcn__engine_post(engine, GCN__INPUT_DRAINED);
    return;
  }
  if (call.op != GCN__OP_NONE) {
    fail(engine, call, input);
  } else if (stream || awaited) {
    gcn__engine_post(engine, input);
  }
}
