/* SPDX-License-Identifier: MIT */
/*
 * A channel's WebSocket: opening, heartbeats, the client's messages, closing
 * (PROTOCOL §4), and the ways of sending that a fault script may ask for.
 *
 * One WebSocket per channel: a second one ends the first.
 */
#include "base/err.h"
#include "codec/json.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"
#include "sim/service-stream.h"

#include <stdio.h>

enum {
  CLOSE_GOING_AWAY = 1001,
  COMMAND_TOPICS_MAX = 1000,
  FRAGMENTS_MAX = 100000,
};

#define HEARTBEAT                                                              \
  "{\"topicName\":\"channel.metadata\","                                       \
  "\"eventBody\":{\"message\":\"WebSocket Heartbeat\"}}"
#define PONG                                                                   \
  "{\"topicName\":\"channel.metadata\",\"eventBody\":{\"message\":\"pong\"}}"

const char* gcn__sim_ws_check(const struct gcn__sim_call* call) {
  const struct gcn__http* http = call->conn->http;
  size_t count = 0;
  if (!gcn__span_is(gcn__http_method(http), "GET")) return "not a GET";
  if (!gcn__http_has_token(http, "Upgrade", "websocket") ||
      !gcn__http_has_token(http, "Connection", "upgrade")) {
    return "not an upgrade to WebSocket";
  }
  struct gcn__span version =
      gcn__http_header(http, "Sec-WebSocket-Version", &count);
  if (count != 1 || !gcn__span_is(version, "13")) return "version is not 13";
  struct gcn__span key = gcn__http_header(http, "Sec-WebSocket-Key", &count);
  if (count != 1 || key.size != GCN__WS_KEY_SIZE) return "no usable key";
  return NULL;
}

static int put(struct gcn__buf* out, const char* name, const char* value) {
  return gcn__http_write_header(out, name, gcn__span_str(value));
}

static bool flawed(const char* flaw, const char* name) {
  return flaw != NULL && strcmp(flaw, name) == 0;
}

/* The 101, with the flaw that a script may want in it. */
static int put_accept(struct gcn__sim_call* call, const char* flaw) {
  struct gcn__buf* out = &call->conn->out.bytes;
  char accept[GCN__WS_ACCEPT_SIZE + 1];
  gcn__ws_make_accept(
      gcn__http_header(call->conn->http, "Sec-WebSocket-Key", NULL), accept);
  if (flawed(flaw, "bad-accept")) accept[0] = accept[0] == 'A' ? 'B' : 'A';
  int error = gcn__http_write_status(out, 101);
  if (error == 0 && !flawed(flaw, "no-upgrade")) {
    error = put(out, "Upgrade", "websocket");
  }
  if (error == 0 && !flawed(flaw, "no-connection")) {
    error = put(out, "Connection", "Upgrade");
  }
  if (error == 0 && !flawed(flaw, "no-accept")) {
    error = put(out, "Sec-WebSocket-Accept", accept);
  }
  if (error == 0 && flawed(flaw, "two-accepts")) {
    error = put(out, "Sec-WebSocket-Accept", accept);
  }
  if (error == 0 && flawed(flaw, "extension")) {
    error = put(out, "Sec-WebSocket-Extensions", "permessage-deflate");
  }
  if (error == 0 && flawed(flaw, "subprotocol")) {
    error = put(out, "Sec-WebSocket-Protocol", "surprise");
  }
  if (error == 0) error = gcn__http_write_end(out, GCN__SPAN(""), true);
  return error;
}

static void attach(struct gcn__sim_conn* conn, struct gcn__sim_channel* channel,
                   uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  if (channel->conn != NULL) {
    struct gcn__sim_conn* old = channel->conn;
    gcn__sim_log(sim, now_ms, "#%llu was replaced on its channel by #%llu",
                 (unsigned long long)old->serial,
                 (unsigned long long)conn->serial);
    sim->counters.sockets_replaced++;
    gcn__sim_ws_close(old, CLOSE_GOING_AWAY, "another connection", now_ms);
    gcn__sim_ws_gone(old, now_ms);
  }
  channel->conn = conn;
  conn->channel = channel;
  conn->heartbeat_ms = gcn__time_add(now_ms, sim->options.heartbeat_ms);
  gcn__sim_channel_use(sim, channel);
  sim->counters.sockets++;
  sim->counters.sockets_open++;
}

bool gcn__sim_ws_accept(struct gcn__sim_call* call) {
  struct gcn__sim_conn* conn = call->conn;
  if (call->action != NULL && call->action->verb == GCN__DO_HTTP_LOST) {
    gcn__sim_end(conn);
    return false;
  }
  struct gcn__sim_piece form = gcn__sim_form(call);
  conn->ws = gcn__ws_new(call->sim->mem, GCN__WS_SERVER, NULL, NULL);
  int error = conn->ws == NULL ? GCN__ENOMEM : 0;
  if (error == 0) {
    error = put_accept(call, gcn__sim_fault_handshake(call->sim));
  }
  if (error == 0) error = gcn__sim_out_plan(&conn->out, &form);
  if (error != 0) {
    conn->failed = true;
    return false;
  }
  call->status = 101;
  conn->ending = false; /* "Connection: Upgrade" is not keep-alive */
  gcn__sim_ready(conn);
  return true;
}

void gcn__sim_ws_upgrade(struct gcn__sim_call* call, struct gcn__span id) {
  struct gcn__sim_channel* channel = gcn__sim_channel_find(call->sim, id);
  const char* wrong = gcn__sim_ws_check(call);
  if (wrong != NULL) {
    gcn__sim_reply_error(call, 400, "bad.request", wrong);
    return;
  }
  if (channel == NULL) {
    gcn__sim_reply_error(call, 404, "not.found",
                         "The requested channel was not found.");
    return;
  }
  call->client_id = gcn__sim_client_id(call->sim, channel->client);
  if (!gcn__sim_ws_accept(call)) return;
  attach(call->conn, channel, call->now_ms);
  gcn__sim_fault_count(call->sim, GCN__COUNT_CONNECT, call->conn, call->now_ms);
}

bool gcn__sim_ws_is_open(const struct gcn__sim_conn* conn) {
  return conn->channel != NULL || conn->stream != NULL;
}

bool gcn__sim_ws_can_send(const struct gcn__sim_conn* conn) {
  return conn->ws != NULL && !conn->close_sent && !conn->failed &&
         conn->verdict == GCN__SIM_OPEN;
}

static int write_fragments(struct gcn__sim_conn* conn,
                           enum gcn__ws_opcode opcode,
                           struct gcn__span payload) {
  uint64_t count = conn->fragment.n;
  if (count > FRAGMENTS_MAX) count = FRAGMENTS_MAX;
  for (uint64_t i = 0; i < count; i++) {
    size_t begin = (size_t)(payload.size * i / count);
    size_t end = (size_t)(payload.size * (i + 1) / count);
    int error = gcn__ws_write_fragment(
        conn->ws, &conn->out.bytes, i == 0 ? opcode : GCN__WS_CONTINUATION,
        i + 1 == count, gcn__span(payload.data + begin, end - begin));
    if (error != 0) return error;
  }
  return 0;
}

static bool take(struct gcn__sim_mode* mode) {
  if (mode->left == 0) return false;
  mode->left--;
  return true;
}

/* A message whose last part comes late, cut at any byte. */
static int plan_dawdling(struct gcn__sim_conn* conn, uint64_t now_ms) {
  size_t size = gcn__buf_size(&conn->out.bytes) - conn->out.planned;
  size_t cut = 1 + (size_t)gcn__rng_below(&conn->sim->chance, size - 1);
  struct gcn__sim_piece early = {.due_ms = now_ms};
  struct gcn__sim_piece late = {.due_ms =
                                    gcn__time_add(now_ms, conn->dawdle.n)};
  int error = gcn__sim_out_plan_part(&conn->out, cut, &early);
  return error != 0 ? error : gcn__sim_out_plan(&conn->out, &late);
}

static int plan_message(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim_piece form = {.due_ms = now_ms};
  if (take(&conn->coalesce)) {
    form.due_ms = GCN__NEVER;
    int error = gcn__sim_out_plan(&conn->out, &form);
    if (conn->coalesce.left == 0) gcn__sim_out_release(&conn->out, now_ms);
    return error;
  }
  if (take(&conn->split)) {
    form.step = (size_t)conn->split.n;
    return gcn__sim_out_plan(&conn->out, &form);
  }
  if (take(&conn->trickle)) {
    form.step = 1;
    form.gap_ms = conn->trickle.n;
    return gcn__sim_out_plan(&conn->out, &form);
  }
  if (take(&conn->dawdle)) return plan_dawdling(conn, now_ms);
  return gcn__sim_out_plan(&conn->out, &form);
}

/* The message that begins there stops in its middle, and all after it. */
static void stick(struct gcn__sim_conn* conn, size_t begin) {
  size_t size = gcn__buf_size(&conn->out.bytes) - begin;
  conn->stuck = false;
  gcn__sim_out_shut(&conn->out, begin + (size + 1) / 2);
}

void gcn__sim_ws_send(struct gcn__sim_conn* conn, enum gcn__ws_opcode opcode,
                      struct gcn__span payload, uint64_t now_ms) {
  if (!gcn__sim_ws_can_send(conn)) return;
  bool data = opcode == GCN__WS_TEXT || opcode == GCN__WS_BINARY;
  struct gcn__sim_piece plain = {.due_ms = now_ms};
  size_t before = gcn__buf_size(&conn->out.bytes);
  int error = data && take(&conn->fragment)
                  ? write_fragments(conn, opcode, payload)
                  : gcn__ws_write(conn->ws, &conn->out.bytes, opcode, payload);
  if (error == 0) {
    error = data ? plan_message(conn, now_ms)
                 : gcn__sim_out_plan(&conn->out, &plain);
  }
  if (error != 0) conn->failed = true;
  if (data && conn->stuck) stick(conn, before);
  gcn__sim_ready(conn);
  if (data) gcn__sim_fault_resume(conn->sim, conn, now_ms);
}

void gcn__sim_ws_send_raw(struct gcn__sim_conn* conn, struct gcn__span bytes,
                          uint64_t now_ms) {
  if (!gcn__sim_ws_can_send(conn)) return;
  struct gcn__sim_piece plain = {.due_ms = now_ms};
  int error = gcn__buf_append(&conn->out.bytes, bytes.data, bytes.size);
  if (error == 0) error = gcn__sim_out_plan(&conn->out, &plain);
  if (error != 0) conn->failed = true;
  gcn__sim_ready(conn);
}

void gcn__sim_ws_close(struct gcn__sim_conn* conn, unsigned code,
                       const char* reason, uint64_t now_ms) {
  if (!gcn__sim_ws_can_send(conn)) return;
  struct gcn__sim_piece plain = {.due_ms = now_ms};
  gcn__sim_out_release(&conn->out, now_ms);
  int error = gcn__ws_write_close(conn->ws, &conn->out.bytes, code,
                                  gcn__span_str(reason));
  if (error == 0) error = gcn__sim_out_plan(&conn->out, &plain);
  if (error != 0) conn->failed = true;
  conn->close_sent = true;
  conn->close_by_ms = gcn__time_add(now_ms, GCN__SIM_CLOSE_WAIT_MS);
  gcn__sim_ready(conn);
}

static void write_system(struct gcn__sim_conn* conn, const char* type,
                         const char* reason) {
  struct gcn__sim* sim = conn->sim;
  struct gcn__sim_text* text = &sim->scratch;
  const struct gcn__sim_channel* channel = conn->channel;
  char trace[GCN__SIM_ID_SIZE];
  char org[GCN__SIM_ID_SIZE];
  gcn__sim_uuid(&sim->ids, trace);
  gcn__sim_uuid_of(sim->options.seed, org);
  gcn__sim_text_clear(text);
  if (reason == NULL) {
    gcn__sim_text_put(text,
                      "{\"topicName\":\"v2.system.%s\",\"version\":\"2\","
                      "\"eventBody\":{\"message\":\"Websocket closing soon\"},"
                      "\"metadata\":{\"CorrelationId\":\"%s\"}}",
                      type, trace);
    return;
  }
  gcn__sim_text_put(text,
                    "{\"topicName\":\"v2.system.%s.%s\",\"version\":\"2\","
                    "\"eventBody\":{\"channelId\":\"%s\","
                    "\"systemTopicType\":\"%s\",\"correlationId\":\"%s\","
                    "\"organizationId\":\"%s\",\"oauthClientId\":",
                    type, channel->id, channel->id, type, trace, org);
  gcn__sim_text_json(text,
                     gcn__span_str(gcn__sim_client_id(sim, channel->client)));
  gcn__sim_text_put(text,
                    ",\"reason\":\"%s\"},"
                    "\"metadata\":{\"CorrelationId\":\"%s\"}}",
                    reason, trace);
}

void gcn__sim_ws_system(struct gcn__sim_conn* conn, const char* type,
                        const char* reason, uint64_t now_ms) {
  if (conn->channel == NULL) return;
  write_system(conn, type, reason);
  if (conn->sim->scratch.error != 0) {
    conn->failed = true;
    return;
  }
  gcn__sim_ws_send(conn, GCN__WS_TEXT, gcn__buf_span(&conn->sim->scratch.buf),
                   now_ms);
}

/* True if nobody has to come back: the client wanted to go, or it was warned
 * and is here with another WebSocket already. */
static bool is_settled(const struct gcn__sim_conn* conn) {
  if (conn->peer_closed && !conn->close_sent) return true;
  return conn->leave_ms != GCN__NEVER && conn->sim->counters.sockets_open > 1;
}

void gcn__sim_ws_gone(struct gcn__sim_conn* conn, uint64_t now_ms) {
  if (!gcn__sim_ws_is_open(conn)) return;
  bool settled = is_settled(conn);
  if (conn->channel != NULL) conn->channel->conn = NULL;
  conn->channel = NULL;
  gcn__sim_stream_end(conn, now_ms);
  conn->heartbeat_ms = GCN__NEVER;
  conn->leave_ms = GCN__NEVER;
  conn->pong_by_ms = GCN__NEVER;
  conn->sim->counters.sockets_open--;
  gcn__sim_log(conn->sim, now_ms, "#%llu WebSocket ended%s",
               (unsigned long long)conn->serial,
               conn->peer_closed ? " by the client" : "");
  if (!settled) gcn__sim_judge_lost(conn->sim, now_ms);
}

static void answer_command(struct gcn__sim_conn* conn, unsigned status,
                           const char* done, struct gcn__span correlation,
                           uint64_t now_ms) {
  struct gcn__sim_text* text = &conn->sim->scratch;
  gcn__sim_text_clear(text);
  gcn__sim_text_put(text, "{\"result\":\"%u\",\"status\":\"%s\"", status,
                    status == 200 ? done : "failure");
  if (status != 200) {
    gcn__sim_text_put(text, ",\"message\":\"%s\"",
                      status == 403 ? "missing permission" : "bad request");
  }
  if (correlation.data != NULL) {
    gcn__sim_text_put(text, ",\"correlationId\":");
    gcn__sim_text_json(text, correlation);
  }
  gcn__sim_text_put(text, "}");
  if (text->error != 0) {
    conn->failed = true;
    return;
  }
  gcn__sim_ws_send(conn, GCN__WS_TEXT, gcn__buf_span(&text->buf), now_ms);
}

/* {"message":"subscribe","topics":[...]}, PROTOCOL §3.5. */
static void obey(struct gcn__sim_conn* conn, const struct gcn__json* command,
                 bool add, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  const struct gcn__json* topics = gcn__json_get(command, "topics");
  size_t count = gcn__json_count(topics);
  struct gcn__span correlation = gcn__json_member(command, "correlationId");
  const char* done = add ? "subscribed" : "unsubscribed";
  size_t size = count * sizeof(struct gcn__span);
  bool usable = gcn__json_is_array(topics) && count <= COMMAND_TOPICS_MAX;
  if (!usable || count == 0) {
    answer_command(conn, 400, done, correlation, now_ms);
    return;
  }
  struct gcn__span* ids = gcn__alloc(sim->mem, size);
  if (ids == NULL) {
    conn->failed = true;
    return;
  }
  unsigned status = 200;
  for (size_t i = 0; i < count; i++) {
    ids[i] = gcn__json_string(gcn__json_at(topics, i));
    if (ids[i].data == NULL || !gcn__sim_topic_valid(ids[i])) status = 400;
  }
  if (status == 200) {
    status = add ? gcn__sim_subs_add(sim, conn->channel, ids, count, now_ms)
                 : gcn__sim_subs_remove(sim, conn->channel, ids, count, now_ms);
  }
  gcn__free(sim->mem, ids, size);
  answer_command(conn, status, done, correlation, now_ms);
}

/* Whatever it does not understand, the service tolerates. */
static void take_text(struct gcn__sim_conn* conn, struct gcn__span text,
                      uint64_t now_ms) {
  if (conn->stream != NULL) gcn__sim_stream_said(conn, text, now_ms);
  if (conn->channel == NULL) return;
  struct gcn__json* command = gcn__json_parse(text, NULL);
  struct gcn__span word = gcn__json_member(command, "message");
  if (gcn__span_is(word, "ping") && !conn->sim->pong_stopped) {
    gcn__sim_ws_send(conn, GCN__WS_TEXT, GCN__SPAN(PONG), now_ms);
  } else if (gcn__span_is(word, "subscribe")) {
    obey(conn, command, true, now_ms);
  } else if (gcn__span_is(word, "unsubscribe")) {
    obey(conn, command, false, now_ms);
  }
  gcn__json_free(command, false);
}

static void take_close(struct gcn__sim_conn* conn,
                       const struct gcn__ws_message* message, uint64_t now_ms) {
  conn->peer_closed = true;
  gcn__sim_ws_gone(conn, now_ms);
  unsigned code = message->code == GCN__WS_CLOSE_NO_STATUS ? 0 : message->code;
  gcn__sim_ws_close(conn, code, "", now_ms);
  gcn__sim_end(conn);
}

static void take_message(struct gcn__sim_conn* conn,
                         const struct gcn__ws_message* message,
                         uint64_t now_ms) {
  struct gcn__span payload = gcn__span(message->data, message->size);
  switch (message->opcode) {
  case GCN__WS_TEXT: take_text(conn, payload, now_ms); return;
  case GCN__WS_PING:
    if (!gcn__sim_stream_pinged(conn, now_ms)) return;
    if (conn->sim->pong_stopped) return;
    gcn__sim_ws_send(conn, GCN__WS_PONG, payload, now_ms);
    return;
  case GCN__WS_PONG:
    gcn__sim_stream_ponged(conn);
    gcn__sim_judge_pong(conn);
    return;
  case GCN__WS_CLOSE: take_close(conn, message, now_ms); return;
  case GCN__WS_BINARY:
  case GCN__WS_CONTINUATION: return;
  }
}

static void refuse(struct gcn__sim_conn* conn, int error, uint64_t now_ms) {
  if (error == GCN__ENOMEM) {
    conn->failed = true;
    return;
  }
  gcn__sim_log(conn->sim, now_ms, "#%llu broke the WebSocket protocol: %s",
               (unsigned long long)conn->serial, gcn__ws_error(conn->ws));
  gcn__sim_ws_close(conn, gcn__ws_error_code(conn->ws), "", now_ms);
  gcn__sim_ws_gone(conn, now_ms);
  gcn__sim_end(conn);
}

void gcn__sim_ws_receive(struct gcn__sim_conn* conn, struct gcn__span* in,
                         uint64_t now_ms) {
  struct gcn__ws_message message;
  int progress = gcn__ws_read(conn->ws, in, &message);
  if (progress < 0) {
    refuse(conn, progress, now_ms);
    return;
  }
  if (progress == GCN__WS_MESSAGE) take_message(conn, &message, now_ms);
}

static void beat(struct gcn__sim_conn* conn, uint64_t now_ms) {
  if (conn->heartbeat_ms > now_ms) return;
  uint64_t period_ms = conn->sim->options.heartbeat_ms;
  uint64_t late_ms = (now_ms - conn->heartbeat_ms) % period_ms;
  conn->heartbeat_ms = gcn__time_add(now_ms - late_ms, period_ms);
  if (conn->sim->heartbeat_stopped) return;
  gcn__sim_ws_send(conn, GCN__WS_TEXT, GCN__SPAN(HEARTBEAT), now_ms);
}

void gcn__sim_ws_tick(struct gcn__sim_conn* conn, uint64_t now_ms) {
  beat(conn, now_ms);
  gcn__sim_stream_tick(conn, now_ms);
  if (conn->leave_ms <= now_ms) {
    gcn__sim_ws_close(conn, CLOSE_GOING_AWAY, "going away", now_ms);
    gcn__sim_ws_gone(conn, now_ms);
  }
  if (conn->close_by_ms > now_ms) return;
  conn->close_by_ms = GCN__NEVER;
  gcn__sim_end(conn);
}

uint64_t gcn__sim_ws_deadline(const struct gcn__sim_conn* conn) {
  uint64_t at = gcn__time_min(conn->heartbeat_ms, conn->leave_ms);
  at = gcn__time_min(at, gcn__sim_stream_deadline(conn));
  return gcn__time_min(at, conn->close_by_ms);
}
