/* SPDX-License-Identifier: MIT */
/*
 * One connection: where its inputs wait, and how one is acted on.
 *
 * It knows nothing of its shard: a successor and the connection it replaces run
 * the same code.
 */
#include "engine/internal.h"

#include "base/assert.h"
#include "base/time.h"

struct gcn__conn* gcn__conn_new(struct gcn__engine* engine, unsigned shard) {
  unsigned slot = 0;
  while (slot < GCN__CONN_COUNT_MAX && engine->conns[slot] != NULL)
    slot++;
  if (slot == GCN__CONN_COUNT_MAX) return NULL;
  struct gcn__conn* conn = gcn__alloc_zero(&engine->mem, sizeof *conn);
  if (conn == NULL) return NULL;
  conn->engine = engine;
  conn->slot = slot;
  conn->shard = shard;
  conn->api_idle_ms = GCN__NEVER;
  conn->drift_ms = GCN__NEVER;
  conn->channel.rotate_ms = GCN__NEVER;
  gcn__session_init(&conn->session, &engine->settings, &engine->rng);
  conn->session.watch = engine->watch;
  conn->session.override = engine->override;
  conn->session.pace = engine->pace;
  conn->session.pace_key = engine->pace_key;
  unsigned first = 1 + 2 * slot;
  gcn__line_init(&conn->api, engine, conn, (enum gcn__wire_index)first);
  gcn__line_init(&conn->stream, engine, conn,
                 (enum gcn__wire_index)(first + 1));
  gcn__buf_init(&conn->flow.text, &engine->mem,
                (size_t)engine->settings.message_size_max);
  gcn__failure_clear(&conn->failure);
  gcn__patience_begin(conn);
  engine->conns[slot] = conn;
  if (slot >= engine->conn_end) engine->conn_end = slot + 1;
  return conn;
}

void gcn__conn_free(struct gcn__conn* conn) {
  if (conn == NULL) return;
  struct gcn__engine* engine = conn->engine;
  engine->conns[conn->slot] = NULL;
  while (engine->conn_end > 0 && engine->conns[engine->conn_end - 1] == NULL)
    engine->conn_end--;
  gcn__cursor_leave(conn);
  if (gcn__shard_of(conn)->doubter == conn) gcn__shard_of(conn)->doubter = NULL;
  gcn__flow_deinit(conn);
  gcn__wire_deinit(&conn->api.wire);
  gcn__wire_deinit(&conn->stream.wire);
  gcn__secret_free(&engine->mem, conn->channel.uri_text);
  gcn__proxy_deinit(&conn->channel.proxy);
  gcn__json_free(conn->report.body, false);
  gcn__verdict_end(conn);
  gcn__wipe(conn, sizeof *conn);
  gcn__free(&engine->mem, conn, sizeof *conn);
}

bool gcn__conn_streams(const struct gcn__conn* conn) {
  return conn != NULL && conn->session.state == GCN__STATE_STREAMING;
}

void gcn__conn_post(struct gcn__conn* conn, enum gcn__input input) {
  GCN__ASSERT(conn->inbox_count < GCN__INBOX_SIZE);
  if (conn->inbox_count == GCN__INBOX_SIZE) return;
  conn->inbox[conn->inbox_count++] = input;
}

static enum gcn__input take_input(struct gcn__conn* conn) {
  enum gcn__input input = conn->inbox[0];
  conn->inbox_count--;
  memmove(&conn->inbox[0], &conn->inbox[1],
          conn->inbox_count * sizeof conn->inbox[0]);
  return input;
}

/* One command per call, START and STOP first, CLOSE last. */
static bool take_command(struct gcn__conn* conn, enum gcn__input* input) {
  static const struct {
    enum gcn__command command;
    enum gcn__input input;
  } order[] = {
      {GCN__COMMAND_START, GCN__INPUT_START},
      {GCN__COMMAND_STOP, GCN__INPUT_STOP},
      {GCN__COMMAND_TOPICS, GCN__INPUT_TOPICS},
      {GCN__COMMAND_CREDENTIALS, GCN__INPUT_CREDENTIALS},
      {GCN__COMMAND_HURRY, GCN__INPUT_HURRY},
      {GCN__COMMAND_ROTATE, GCN__INPUT_ROTATE},
      {GCN__COMMAND_CLOSE, GCN__INPUT_CLOSE},
  };
  if (conn->session.state == GCN__STATE_CLOSED) conn->commands = 0;
  if (conn->commands == 0) return false;
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
    unsigned bit = (unsigned)order[i].command;
    if (!(conn->commands & bit)) continue;
    conn->commands &= ~bit;
    *input = order[i].input;
    return true;
  }
  return false;
}

void gcn__conn_describe(const struct gcn__conn* conn,
                        struct gcn__record* record) {
  enum gcn__origin origin = gcn__input_origin(record->input);
  record->slot = (uint8_t)conn->slot;
  if (origin != GCN__ORIGIN_PEER && origin != GCN__ORIGIN_TIMER) return;
  record->error = conn->failure.error;
  record->http_status = conn->failure.http_status;
  record->close_code = conn->failure.close_code;
}

static void record(const struct gcn__conn* conn, enum gcn__input input,
                   const struct gcn__step* step) {
  const struct gcn__engine* engine = conn->engine;
  struct gcn__record entry =
      gcn__record_of_step(&conn->session, input, step, engine->now_ms);
  gcn__conn_describe(conn, &entry);
  gcn__recorder_note(engine->recorder, &entry);
}

static struct gcn__step feed(struct gcn__conn* conn, enum gcn__input input) {
  struct gcn__session* session = &conn->session;
  struct gcn__engine* engine = conn->engine;
  session->heard_ms = conn->stream.wire.read_ms;
  uint64_t nevers = session->never_count;
  struct gcn__step step = gcn__session_input(session, input, engine->now_ms);
  engine->counters.nevers += session->never_count - nevers;
  if (engine->recorder != NULL) record(conn, input, &step);
  return step;
}

void gcn__conn_act(struct gcn__conn* conn, enum gcn__input input) {
  if (gcn__input_origin(input) == GCN__ORIGIN_TIMER) {
    gcn__failure_of_timer(conn, input);
  }
  struct gcn__step step = feed(conn, input);
  gcn__conn_perform(conn, input, &step);
}

bool gcn__conn_event(struct gcn__conn* conn) {
  bool alone = conn->inbox_count == 1 && conn->engine->ring_count == 0;
  bool event = alone && conn->inbox[0] == GCN__INPUT_EVENT;
  if (!event || !gcn__conn_streams(conn)) return false;
  conn->inbox_count = 0;
  struct gcn__step step = feed(conn, GCN__INPUT_EVENT);
  bool plain = step.verbs == GCN__VERB_DELIVER && step.from == step.to;
  if (plain) {
    gcn__conn_deliver(conn); /* by far the most common */
  } else {
    gcn__conn_perform(conn, GCN__INPUT_EVENT, &step);
  }
  return conn->inbox_count == 0;
}

static void advance(uint64_t* at_ms, uint64_t by_ms) {
  if (*at_ms != GCN__NEVER) *at_ms -= gcn__time_min(*at_ms, by_ms);
}

/* What is open may be dead, and what it says next may be old: it is asked, and
 * has to answer soon. */
void gcn__conn_slept(struct gcn__conn* conn, uint64_t slept_ms) {
  const struct gcn__settings* settings = &conn->engine->settings;
  struct gcn__session* session = &conn->session;
  advance(&session->deadlines_ms[GCN__TIMER_RETRY], slept_ms);
  advance(&session->deadlines_ms[GCN__TIMER_ROTATE], slept_ms);
  advance(&session->deadlines_ms[GCN__TIMER_AUDIT], slept_ms);
  advance(&conn->channel.rotate_ms, slept_ms);
  advance(&session->rotate_ms, slept_ms);
  advance(&session->not_before_ms, slept_ms);
  gcn__patience_excuse(conn);
  if (!gcn__conn_streams(conn)) return;
  gcn__doubt_begin(conn, true);
  uint64_t answer_ms = settings->silence_ms - settings->probe_ms;
  session->deadlines_ms[GCN__TIMER_SILENCE] =
      gcn__time_add(conn->engine->now_ms, answer_ms);
}

bool gcn__conn_work(struct gcn__conn* conn) {
  enum gcn__input input;
  const unsigned ends = GCN__COMMAND_STOP | GCN__COMMAND_CLOSE;
  /* What the user wants no more is not begun. */
  bool ending = (conn->commands & ends) != 0;
  if (conn->session.state == GCN__STATE_CLOSED) conn->inbox_count = 0;
  if (conn->inbox_count > 0 && !ending) {
    input = take_input(conn);
  } else if (!take_command(conn, &input) &&
             !gcn__session_wish(&conn->session, &input)) {
    return false;
  }
  gcn__conn_act(conn, input);
  return true;
}

/* A call in the background of a stream has no timer in the table: without an
 * end of its own, an answer that never comes would block all that follow. */
static void end_idle_api(struct gcn__conn* conn) {
  struct gcn__line* api = &conn->api;
  conn->api_idle_ms = GCN__NEVER;
  if (api->call.op == GCN__OP_NONE) {
    gcn__line_drop(api, false);
    return;
  }
  api->call.retried = true; /* it has had its time */
  gcn__failure_of_timeout(&conn->failure, api, conn->engine->settings.phase_ms);
  gcn__call_failed(api, GCN__INPUT_WEATHER);
}

/* A paused stream is not judged by its silence. */
static bool take_timer(struct gcn__conn* conn, enum gcn__input* input) {
  const struct gcn__engine* engine = conn->engine;
  while (gcn__session_expire(&conn->session, engine->now_ms, input)) {
    bool silence =
        *input == GCN__INPUT_PROBE_DUE || *input == GCN__INPUT_SILENCE_DUE;
    if (!engine->paused || !silence) return true;
    gcn__session_excuse(&conn->session, engine->now_ms);
  }
  return false;
}

bool gcn__conn_expire(struct gcn__conn* conn) {
  uint64_t now_ms = conn->engine->now_ms;
  enum gcn__input input;
  if (take_timer(conn, &input)) {
    gcn__conn_act(conn, input);
    return true;
  }
  if (gcn__patience_expire(conn) || gcn__early_expire(conn)) return true;
  if (gcn__spare_expire(conn)) return true;
  struct gcn__line* api = &conn->api;
  bool waiting = api->call.op != GCN__OP_NONE && !api->call.sent &&
                 api->wire.phase == GCN__WIRE_READY;
  if (waiting && api->call.due_ms <= now_ms) {
    gcn__call_ready(api);
    return true;
  }
  if (conn->api_idle_ms > now_ms) return false;
  end_idle_api(conn);
  return true;
}

uint64_t gcn__conn_deadline(const struct gcn__conn* conn) {
  return gcn__time_min(gcn__session_quiet_deadline(&conn->session),
                       gcn__conn_deadline_beside(conn));
}

uint64_t gcn__conn_deadline_beside(const struct gcn__conn* conn) {
  uint64_t deadline_ms =
      gcn__time_min(gcn__session_deadline_beside(&conn->session),
                    gcn__patience_deadline(conn));
  deadline_ms = gcn__time_min(deadline_ms, gcn__early_deadline(conn));
  deadline_ms = gcn__time_min(deadline_ms, gcn__spare_answer_deadline(conn));
  const struct gcn__line* api = &conn->api;
  bool waiting = api->call.op != GCN__OP_NONE && !api->call.sent &&
                 api->wire.phase == GCN__WIRE_READY;
  if (waiting) deadline_ms = gcn__time_min(deadline_ms, api->call.due_ms);
  return gcn__time_min(deadline_ms, conn->api_idle_ms);
}
