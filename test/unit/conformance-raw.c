/* SPDX-License-Identifier: MIT */
/*
 * The dialect that writes down what it is handed.
 */
#include "conformance-raw.h"

#include "base/err.h"
#include "codec/utf8.h"

/* No identifiers are chosen here, so that place of the engine's is free. */
static struct conf_raw* raw_of(const struct gcn__conn* conn) {
  return conn->engine->id_choice.ctx;
}

static void raw_dial(struct gcn__conn* conn) {
  conn->channel.uri = conn->engine->api;
  conn->channel.known = true;
  conn->confirmed = true;
  conn->sent_revision = gcn__shard_of(conn)->revision;
  gcn__steps_await(&conn->stream);
}

static void raw_subscribe(struct gcn__conn* conn) {
  if (conn->stream.wire.phase != GCN__WIRE_OPEN) {
    gcn__call_begin(&conn->stream, GCN__OP_UPGRADE);
  } else {
    gcn__conn_post(conn, GCN__INPUT_CONFIRMED);
  }
}

static void raw_nothing(struct gcn__conn* conn) {
  (void)conn;
}

static void raw_probe(struct gcn__conn* conn, bool urgent) {
  (void)conn;
  (void)urgent;
}

static int raw_write(struct gcn__line* line, const char* authority,
                     const char* key, struct gcn__buf* body) {
  (void)body;
  const struct gcn__ask ask = {
      .authority = authority,
      .ws_key = key,
      .user_agent = line->engine->user_agent,
      .target = GCN__SPAN("/conformance"),
  };
  return gcn__channels_write(line->call.op, &ask, &line->engine->scratch);
}

static struct gcn__judgement raw_judge(const struct gcn__line* line,
                                       enum gcn__op op, unsigned status,
                                       const struct gcn__json* body) {
  return gcn__dialect_channels.judge(line, op, status, body);
}

static struct gcn__judgement
raw_judge_close(struct gcn__conn* conn, const struct gcn__ws_message* message,
                uint64_t* wait_ms) {
  *wait_ms = 0;
  conf_record(&raw_of(conn)->handed, GCN__WS_CLOSE, message->code,
              message->code_legal, gcn__span(message->data, message->size));
  return (struct gcn__judgement){.meaning = GCN__MEANING_WEATHER,
                                 .error = GCN_EPEERCLOSE,
                                 .text = "the server closed"};
}

static void raw_answered(struct gcn__conn* conn, enum gcn__op op,
                         struct gcn__json* body) {
  (void)conn;
  (void)op;
  gcn__json_free(body, false);
}

static void raw_text(struct gcn__conn* conn,
                     const struct gcn__ws_message* message) {
  struct gcn__span text = gcn__span(message->data, message->size);
  if (message->in_place && !gcn__utf8_valid(text)) {
    struct gcn__ws* ws = conn->stream.wire.ws;
    gcn__inbound_broken(conn, gcn__ws_reject_text(ws, message));
    return;
  }
  conf_record(&raw_of(conn)->handed, GCN__WS_TEXT, 0, false, text);
  gcn__conn_post(conn, GCN__INPUT_HEARTBEAT);
}

static bool raw_more(struct gcn__conn* conn) {
  (void)conn;
  return false;
}

static void raw_pong(struct gcn__conn* conn,
                     const struct gcn__ws_message* message) {
  conf_record(&raw_of(conn)->handed, GCN__WS_PONG, 0, false,
              gcn__span(message->data, message->size));
}

static bool raw_verdict(struct gcn__conn* conn, struct gcn__effect* effect) {
  (void)conn;
  (void)effect;
  return false;
}

static struct gcn__event raw_event(const struct gcn__conn* conn) {
  return gcn__dialect_channels.event(conn);
}

static bool raw_first(struct gcn__conn* conn, const struct gcn__event* event) {
  (void)conn;
  (void)event;
  return true;
}

static const struct gcn__dialect raw_dialect = {
    .dial = raw_dial,
    .subscribe = raw_subscribe,
    .forget = raw_nothing,
    .sync = raw_nothing,
    .audit = raw_nothing,
    .background = raw_nothing,
    .probe = raw_probe,
    .write = raw_write,
    .judge = raw_judge,
    .judge_close = raw_judge_close,
    .answered = raw_answered,
    .text = raw_text,
    .more = raw_more,
    .pong = raw_pong,
    .ping = raw_nothing,
    .verdict = raw_verdict,
    .event = raw_event,
    .first = raw_first,
    .upgrade_needs_token = false,
};

void conf_raw_init(struct conf_raw* raw) {
  gcn__buf_init(&raw->handed, &gcn__mem_libc, CONF_SIZE_MAX);
}

void conf_raw_deinit(struct conf_raw* raw) {
  gcn__buf_deinit(&raw->handed);
}

void conf_raw_adopt(struct conf_raw* raw, struct gcn__engine* engine) {
  engine->dialect = &raw_dialect;
  engine->id_choice.choose = NULL;
  engine->id_choice.ctx = raw;
}
