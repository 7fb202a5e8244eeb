/* SPDX-License-Identifier: MIT */
/*
 * Calls: one request on a line, from its beginning to the bytes of its request,
 * and what happens when the line fails it.
 *
 * A call begins before its wire is up and is sent when it is, or when the pace
 * permits.  What an answer means is the dialect's table; what the meaning does
 * is the state table's.
 */
#include "engine/internal.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"

/* A call in the background of a stream only fails itself, unless it learned
 * that the channel is gone. */
static void settle_background(struct gcn__conn* conn, enum gcn__op op,
                              enum gcn__input input) {
  struct gcn__keeper* keeper = &conn->engine->keeper;
  if (input == GCN__INPUT_STALE_CHANNEL) {
    gcn__conn_post(conn, input);
    return;
  }
  bool stale = input == GCN__INPUT_STALE_TOKEN || input == GCN__INPUT_DENIED;
  if (stale && conn->used_token == keeper->token.generation) {
    gcn__token_reject(&keeper->token);
  }
  bool again = input != GCN__INPUT_STUBBORN || !gcn__engine_flows(conn->engine);
  if (op == GCN__OP_AUDIT) conn->wants_audit = again;
  gcn__failure_log(&conn->engine->log, "background-failed", &conn->failure);
  gcn__conn_post(conn, GCN__INPUT_UNSYNCED);
}

void gcn__call_settle(struct gcn__line* line, struct gcn__call call,
                      enum gcn__input input) {
  if (line->conn == NULL) {
    gcn__keeper_failed(line->engine, input);
    return;
  }
  line->conn->used_token = call.generation;
  if (call.background) {
    settle_background(line->conn, call.op, input);
  } else {
    gcn__conn_post(line->conn, input);
  }
}

static int make_key(struct gcn__conn* conn, char key[GCN__WS_KEY_SIZE + 1]) {
  int error = gcn__ws_make_key(&conn->engine->entropy, key);
  if (error != 0) return error;
  gcn__ws_make_accept(gcn__span(key, GCN__WS_KEY_SIZE), conn->ws_accept);
  /* Empty if the digest failed; an empty header must not match it. */
  return conn->ws_accept[0] == '\0' ? GCN__ENOMEM : 0;
}

static bool carries_topics(enum gcn__op op) {
  return op == GCN__OP_TOPICS || op == GCN__OP_ADD;
}

/* Both dialects ask the login service alike. */
static int write_login(struct gcn__engine* engine, const char* authority) {
  const struct gcn__keeper* keeper = &engine->keeper;
  const struct gcn__credentials* offer = &keeper->offers[keeper->offer];
  const struct gcn__ask ask = {
      .authority = authority,
      .base_path = engine->login_path,
      .user_agent = engine->user_agent,
      .client_id = offer->id,
      .client_secret = offer->secret,
      .grant = keeper->grant,
      .refresh_token = offer->refresh_token,
      .assertion = offer->assertion,
      .org_name = keeper->org_name,
  };
  return gcn__channels_write(GCN__OP_TOKEN, &ask, &engine->scratch);
}

static int write_request(struct gcn__line* line, struct gcn__buf* body) {
  struct gcn__engine* engine = line->engine;
  char authority[GCN__AUTHORITY_SIZE_MAX];
  char key[GCN__WS_KEY_SIZE + 1];
  int error = 0;
  gcn__url_authority(gcn__line_url(line), authority);
  if (line->call.op == GCN__OP_UPGRADE) error = make_key(line->conn, key);
  if (error != 0) return error;
  gcn__buf_clear(&engine->scratch);
  error = line->conn == NULL
              ? write_login(engine, authority)
              : engine->dialect->write(line, authority, key, body);
  if (error == 0) {
    error = gcn__wire_write(&line->wire, gcn__buf_span(&engine->scratch));
  }
  gcn__buf_shrink(&engine->scratch, GCN__WIRE_PLAIN_SIZE);
  return error;
}

static void count_request(struct gcn__engine* engine, enum gcn__op op) {
  struct gcn__engine_counters* counters = &engine->counters;
  if (op == GCN__OP_TOKEN) counters->token_requests++;
  if (op == GCN__OP_CHANNEL) counters->channel_requests++;
  if (carries_topics(op)) counters->topic_requests++;
  if (op == GCN__OP_UPGRADE) counters->upgrades++;
  if (op != GCN__OP_AUDIT) return;
  if (gcn__engine_flows(engine)) {
    counters->preflights++;
  } else {
    counters->audits++;
  }
}

static int prepare_reader(struct gcn__line* line) {
  struct gcn__wire* wire = &line->wire;
  if (wire->http == NULL) {
    struct gcn__http_limits limits = gcn__http_limits_default;
    limits.body_size_max =
        line->conn == NULL ? GCN__TOKEN_ANSWER_SIZE_MAX : GCN__ANSWER_SIZE_MAX;
    wire->http =
        gcn__http_new(&line->engine->mem, GCN__HTTP_RESPONSES, &limits);
    if (wire->http == NULL) return GCN__ENOMEM;
  }
  gcn__http_next(wire->http, false, line->call.op == GCN__OP_UPGRADE);
  return 0;
}

/* While the call waited its token ended, or was found to be no good. */
static bool has_token(const struct gcn__line* line) {
  enum gcn__wire_index role = gcn__wire_role(line->index);
  bool needed = role == GCN__WIRE_API ||
                (role == GCN__WIRE_STREAM && line->conn->flow.ticket == NULL &&
                 line->engine->dialect->upgrade_needs_token);
  return !needed || gcn__keeper_usable(line->engine);
}

static void fail_stale(struct gcn__line* line) {
  struct gcn__call failed = line->call;
  failed.generation = 0; /* it was sent with none */
  line->call = (struct gcn__call){.op = GCN__OP_NONE};
  gcn__failure_set(gcn__line_failure(line), GCN_EAUTH, GCN__LAYER_CLIENT,
                   failed.op,
                   "the access token ended before the %s could be sent",
                   gcn__op_spoken(failed.op));
  gcn__call_settle(line, failed, GCN__INPUT_STALE_TOKEN);
}

static const char* unwritten(int error) {
  if (error == GCN__ENOMEM) return "out of memory";
  if (error == GCN_ELIMIT) return "it would be longer than its limit";
  return "a value does not fit a header";
}

static void send_call(struct gcn__line* line) {
  struct gcn__call* call = &line->call;
  GCN__ASSERT(!call->sent);
  GCN__ASSERT(line->wire.phase == GCN__WIRE_READY);
  if (!has_token(line)) {
    fail_stale(line);
    return;
  }
  struct gcn__buf body;
  gcn__buf_init(&body, &line->engine->mem, GCN__BODY_SIZE_MAX);
  int error = prepare_reader(line);
  if (error == 0) error = write_request(line, &body);
  gcn__buf_deinit(&body);
  call->sent = true;
  call->generation = line->engine->keeper.token.generation;
  bool backed =
      call->op == GCN__OP_CHANNEL ||
      (call->op == GCN__OP_UPGRADE && gcn__engine_flows(line->engine));
  if (backed) gcn__channel_asked(line->conn);
  if (error == 0) {
    count_request(line->engine, call->op);
    const struct gcn__dialect* dialect = line->engine->dialect;
    bool upgrade = call->op == GCN__OP_UPGRADE;
    if (upgrade && dialect->along != NULL) dialect->along(line->conn);
    return;
  }
  struct gcn__call failed = *call;
  gcn__failure_set(gcn__line_failure(line), error, GCN__LAYER_CLIENT, failed.op,
                   "the %s could not be written: %s", gcn__op_spoken(failed.op),
                   unwritten(error));
  gcn__line_drop(line, true);
  gcn__call_settle(line, failed,
                   error == GCN_ELIMIT ? GCN__INPUT_STUBBORN
                                       : GCN__INPUT_WEATHER);
}

/* How long the call has to wait: until the service permits it, and by the pace
 * of all who share its limit.  False: longer than the attempt should hold its
 * links; it had better come again. */
static bool find_turn(const struct gcn__line* line, uint64_t* wait_ms) {
  const struct gcn__engine* engine = line->engine;
  uint64_t most_ms = engine->settings.phase_ms / 2;
  *wait_ms = 0;
  if (gcn__wire_role(line->index) == GCN__WIRE_STREAM) {
    *wait_ms = gcn__time_until(engine->stream_floor_ms, engine->now_ms);
    return *wait_ms == 0;
  }
  if (gcn__wire_role(line->index) != GCN__WIRE_API) return true;
  *wait_ms = gcn__time_until(engine->api_floor_ms, engine->now_ms);
  if (*wait_ms > most_ms) return false;
  uint64_t pace_ms = 0;
  bool soon = gcn__pace_rest_within(engine->pace, engine->pace_key,
                                    engine->now_ms, most_ms, &pace_ms);
  *wait_ms = gcn__time_max(*wait_ms, pace_ms);
  return soon;
}

static void put_off(struct gcn__line* line, struct gcn__call call,
                    uint64_t wait_ms) {
  gcn__failure_set(gcn__line_failure(line), GCN_ERATELIMITED, GCN__LAYER_CLIENT,
                   call.op,
                   "the %s has to wait %.3g s, by the service's limits",
                   gcn__op_spoken(call.op), (double)wait_ms / 1000);
  gcn__session_ask(&line->conn->session, wait_ms, line->engine->now_ms);
  gcn__call_settle(line, call, GCN__INPUT_LIMITED);
}

/* A new channel may evict somebody else's, so it has a budget. */
static bool spend_channel(struct gcn__line* line, bool* paid) {
  struct gcn__engine* engine = line->engine;
  struct gcn__conn* conn = line->conn;
  struct gcn__shard* shard = gcn__shard_of(conn);
  *paid = shard->began;
  if (!shard->began) {
    shard->began = true; /* the first one of each shard is needed in any case */
    return true;
  }
  uint64_t wait_ms =
      gcn__pace_channel(engine->pace, engine->pace_key, engine->now_ms);
  if (wait_ms == 0) return true;
  gcn__failure_set(&conn->failure, GCN_ELIMIT, GCN__LAYER_CLIENT,
                   GCN__OP_CHANNEL,
                   "too many new channels in a short time; waiting before the "
                   "next");
  conn->session.asked_ms = wait_ms;
  gcn__conn_post(conn, GCN__INPUT_LIMITED);
  return false;
}

void gcn__call_begin(struct gcn__line* line, enum gcn__op op) {
  GCN__ASSERT(line->call.op == GCN__OP_NONE);
  struct gcn__conn* conn = line->conn;
  const struct gcn__engine* engine = line->engine;
  struct gcn__call call = {.op = op, .background = gcn__conn_streams(conn)};
  uint64_t wait_ms;
  if (!find_turn(line, &wait_ms)) {
    put_off(line, call, wait_ms);
    return;
  }
  bool makes = op == GCN__OP_CHANNEL && !gcn__engine_flows(engine);
  if (makes && !spend_channel(line, &call.paid)) return;
  call.due_ms = gcn__time_add(engine->now_ms, wait_ms);
  if (call.background) {
    conn->api_idle_ms = gcn__time_add(
        gcn__time_max(engine->now_ms, call.due_ms), engine->settings.phase_ms);
  }
  struct gcn__wire* wire = &line->wire;
  if (wire->ended) gcn__line_drop(line, true);
  line->call = call; /* a drop forgets it */
  bool puts = op == GCN__OP_TOPICS && !gcn__engine_flows(engine);
  if (puts) gcn__verdict_begin(conn);
  if (op == GCN__OP_AUDIT) conn->sent_ms = engine->now_ms;
  if (wire->phase == GCN__WIRE_READY) {
    gcn__call_ready(line);
  } else if (wire->phase == GCN__WIRE_ABSENT) {
    gcn__line_open(line);
  }
}

/* The service has asked for silence since the call began.  True if that is too
 * long to be waited for. */
static bool is_held(struct gcn__line* line) {
  struct gcn__engine* engine = line->engine;
  struct gcn__call call = line->call;
  if (gcn__wire_role(line->index) != GCN__WIRE_API) return false;
  if (engine->api_floor_ms <= call.due_ms) return false;
  line->call.due_ms = engine->api_floor_ms;
  uint64_t wait_ms = gcn__time_until(engine->api_floor_ms, engine->now_ms);
  if (wait_ms <= engine->settings.phase_ms / 2) return false;
  if (call.op == GCN__OP_CHANNEL && !gcn__engine_flows(engine)) {
    gcn__pace_channel_back(engine->pace, engine->pace_key, engine->now_ms);
  }
  line->call = (struct gcn__call){.op = GCN__OP_NONE};
  put_off(line, call, wait_ms);
  return true;
}

void gcn__call_ready(struct gcn__line* line) {
  struct gcn__conn* conn = line->conn;
  if (line->awaited) {
    line->awaited = false;
    gcn__conn_ready(conn);
  }
  struct gcn__call* call = &line->call;
  if (call->op == GCN__OP_NONE || call->sent) return;
  if (is_held(line)) return;
  if (call->due_ms <= line->engine->now_ms) send_call(line);
}

/* Whether it changes nothing when it is repeated.  With the stream dialect the
 * subscriptions are POSTed under a name, which the service takes only once. */
static bool is_repeatable(const struct gcn__engine* engine, enum gcn__op op) {
  bool asks = op == GCN__OP_AUDIT || op == GCN__OP_UNSUBSCRIBE;
  /* What opens a channel that is open already takes the other one's place. */
  bool sets = carries_topics(op) || op == GCN__OP_UPGRADE;
  return asks || (sets && !gcn__engine_flows(engine));
}

/* Over a new connection. */
static void repeat(struct gcn__line* line, struct gcn__call call) {
  gcn__spare_dead(line);
  gcn__line_drop(line, true);
  call.sent = false;
  call.retried = true;
  line->call = call;
  gcn__line_open(line);
}

/* A kept-alive connection may die just as a request is written; one that
 * changes nothing when repeated is sent once more over a new one. */
static bool try_again(struct gcn__line* line) {
  struct gcn__wire* wire = &line->wire;
  struct gcn__call call = line->call;
  bool warm = line->spare && call.op == GCN__OP_UPGRADE;
  bool repeatable = warm || is_repeatable(line->engine, call.op);
  bool waits = call.op != GCN__OP_NONE && !call.sent;
  if (!repeatable && !waits) return false;
  if (call.retried || !wire->reused) return false;
  if (wire->http != NULL && gcn__http_begun(wire->http)) return false;
  repeat(line, call);
  return true;
}

bool gcn__call_repeat_upgrade(struct gcn__line* line, struct gcn__call call) {
  if (call.retried || !line->wire.reused) return false;
  repeat(line, call);
  return true;
}

static void note_stream_trouble(struct gcn__conn* conn) {
  bool attempting = conn->session.state == GCN__STATE_CONNECTING ||
                    conn->session.state == GCN__STATE_SUBSCRIBING;
  if (attempting) gcn__channel_missed(conn);
}

void gcn__call_failed(struct gcn__line* line, enum gcn__input input) {
  struct gcn__call call = line->call;
  struct gcn__conn* conn = line->conn;
  bool stream = conn != NULL && line == &conn->stream;
  bool awaited = line->awaited;
  if (input == GCN__INPUT_WEATHER && try_again(line)) return;
  if (stream) note_stream_trouble(conn);
  gcn__line_drop(line, false);
  if (conn != NULL && conn->session.state == GCN__STATE_CLOSING) {
    if (stream) gcn__conn_post(conn, GCN__INPUT_DRAINED);
    return;
  }
  if (call.op != GCN__OP_NONE) {
    gcn__call_settle(line, call, input);
  } else if (stream || awaited) {
    gcn__conn_post(conn, input);
  }
}
