/* SPDX-License-Identifier: MIT */
/*
 * The engine's order of work.
 *
 * gcn__engine_next does one thing at a time, in this order: effects that wait,
 * verdicts, inputs of our own, the user's commands, what IDLE still wishes,
 * rotations, bytes, timers.  Bytes come before timers, so that a deadline is
 * never judged while the proof of life lies unread.
 */
#include "engine/internal.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"

struct gcn__effect* gcn__engine_emit(struct gcn__engine* engine,
                                     enum gcn__effect_kind kind) {
  if (engine->ring_count == engine->ring_size) {
    (void)gcn__engine_widen(engine, GCN__EFFECT_RING_SIZE_MAX);
  }
  GCN__ASSERT(engine->ring_count < engine->ring_size);
  unsigned at = (engine->ring_begin + engine->ring_count) % engine->ring_size;
  engine->ring_count++;
  engine->ring[at] = (struct gcn__effect){.kind = kind};
  return &engine->ring[at];
}

struct gcn__effect* gcn__engine_emit_event(struct gcn__engine* engine) {
  struct gcn__effect* effect = engine->given;
  if (effect == NULL) return gcn__engine_emit(engine, GCN__EFFECT_EVENT);
  engine->given = NULL;
  effect->kind = GCN__EFFECT_EVENT;
  return effect;
}

struct gcn__line* gcn__engine_line(const struct gcn__engine* engine,
                                   enum gcn__wire_index index) {
  if (index == GCN__WIRE_LOGIN) return engine->login_line;
  struct gcn__spare* spare = engine->spare;
  if (index == GCN__WIRE_SPARE) return spare == NULL ? NULL : &spare->line;
  struct gcn__conn* conn = engine->conns[((unsigned)index - 1) / 2];
  if (conn == NULL) return NULL;
  return gcn__wire_role(index) == GCN__WIRE_API ? &conn->api : &conn->stream;
}

struct gcn__conn* gcn__engine_conn(const struct gcn__engine* engine,
                                   unsigned* slot) {
  while (*slot < engine->conn_end) {
    struct gcn__conn* conn = engine->conns[(*slot)++];
    if (conn != NULL) return conn;
  }
  return NULL;
}

unsigned gcn__engine_wire_count(const struct gcn__engine* engine) {
  if (engine->spare != NULL) return GCN__WIRE_COUNT;
  return 1 + 2 * engine->conn_end;
}

/* What was to be opened before the user thought better of it stays closed: its
 * line is dropped in its turn, and nobody has heard of it. */
static bool is_moot(const struct gcn__engine* engine) {
  return engine->ring[engine->ring_begin].kind == GCN__EFFECT_OPEN &&
         engine->desire != GCN__DESIRE_STREAMING;
}

static void take_effect(struct gcn__engine* engine, struct gcn__effect* effect,
                        bool moot) {
  *effect = engine->ring[engine->ring_begin];
  engine->ring_begin = (engine->ring_begin + 1) % engine->ring_size;
  engine->ring_count--;
  struct gcn__line* line = gcn__engine_line(engine, effect->wire);
  if (line == NULL || moot) return;
  if (effect->kind == GCN__EFFECT_OPEN) line->wire.attached = true;
  if (effect->kind == GCN__EFFECT_DROP && !effect->abort) line->flushing = true;
}

/* The host's clock may stand still within a turn, never run backwards. */
static void note_time(struct gcn__engine* engine, uint64_t now_ms) {
  if (now_ms > engine->now_ms) engine->now_ms = now_ms;
  engine->drained = false;
}

static void note(struct gcn__engine* engine, uint64_t now_ms) {
  note_time(engine, now_ms);
  engine->calm = NULL;
}

/* Bytes of the stream of a rested engine change nothing else. */
static struct gcn__line* note_bytes(struct gcn__engine* engine,
                                    enum gcn__wire_index index,
                                    uint64_t now_ms) {
  struct gcn__conn* calm = engine->calm;
  bool brief = gcn__engine_calm(engine) && engine->drained &&
               calm->stream.index == index && gcn__calm_lasts(engine, now_ms);
  if (!brief) {
    note(engine, now_ms);
    return gcn__engine_line(engine, index);
  }
  note_time(engine, now_ms);
  return &calm->stream;
}

static void note_desire(struct gcn__engine* engine, unsigned commands) {
  if (engine->desire == GCN__DESIRE_CLOSED) return;
  if (commands & GCN__COMMAND_START) engine->desire = GCN__DESIRE_STREAMING;
  if (commands & GCN__COMMAND_STOP) engine->desire = GCN__DESIRE_STOPPED;
  if (commands & GCN__COMMAND_CLOSE) engine->desire = GCN__DESIRE_CLOSED;
}

/* A connection that was to take over, or has been taken over from, goes when
 * the stream is not wanted any more. */
static unsigned commands_for(const struct gcn__conn* conn, unsigned commands) {
  const unsigned ends = GCN__COMMAND_STOP | GCN__COMMAND_CLOSE;
  bool changed = gcn__shard_of(conn)->revision != conn->sent_revision;
  if (!changed) commands &= ~(unsigned)GCN__COMMAND_TOPICS;
  /* It waits for nothing but a subscription. */
  bool fed = conn->flow.starved && (commands & GCN__COMMAND_TOPICS) != 0 &&
             conn->engine->desire == GCN__DESIRE_STREAMING;
  if (fed) commands |= GCN__COMMAND_HURRY | GCN__COMMAND_START;
  if (gcn__shard_leads(conn)) return commands;
  if (commands & ends) return GCN__COMMAND_CLOSE;
  return commands & (GCN__COMMAND_CREDENTIALS | GCN__COMMAND_TOPICS);
}

/* All but the first connection wait for their turn. */
static void stagger(struct gcn__conn* conn) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (!gcn__shard_leads(conn)) return;
  bool starts = (conn->commands & GCN__COMMAND_START) != 0;
  if (!starts) shard->start_ms = GCN__NEVER;
  bool waits = conn->commands & GCN__COMMAND_START && conn->shard > 0 &&
               conn->session.state == GCN__STATE_IDLE;
  if (!waits) return;
  conn->commands &= ~(unsigned)GCN__COMMAND_START;
  if (shard->start_ms != GCN__NEVER) return; /* its turn will come */
  gcn__shard_start(conn->engine, shard);
}

/* The user knows more than the service did when it asked to wait. */
static void forget_floors(struct gcn__engine* engine) {
  engine->api_floor_ms = 0;
  engine->stream_floor_ms = 0;
  engine->keeper.floor_ms = 0;
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    conn->session.not_before_ms = 0;
  }
}

/* A stop that was taken back before it was acted on. */
static void reopen(struct gcn__engine* engine) {
  gcn__line_reopen(&engine->keeper.line);
  if (engine->spare != NULL) gcn__line_reopen(&engine->spare->line);
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    gcn__line_reopen(&conn->api);
    gcn__line_reopen(&conn->stream);
  }
}

void gcn__engine_command(struct gcn__engine* engine, unsigned commands,
                         uint64_t now_ms) {
  note(engine, now_ms);
  /* The last of the two wins, also over one that has not been acted on yet. */
  const unsigned either = GCN__COMMAND_START | GCN__COMMAND_STOP;
  const unsigned again = either | GCN__COMMAND_CREDENTIALS | GCN__COMMAND_HURRY;
  const unsigned knows = GCN__COMMAND_CREDENTIALS | GCN__COMMAND_HURRY;
  bool begins = engine->desire != GCN__DESIRE_STREAMING;
  note_desire(engine, commands);
  if (commands & knows) forget_floors(engine);
  if (commands & again) engine->keeper.refused = false;
  if (commands & GCN__COMMAND_CREDENTIALS) gcn__keeper_renew(engine);
  const unsigned ends = GCN__COMMAND_STOP | GCN__COMMAND_CLOSE;
  if (commands & ends) gcn__shard_stop(engine);
  /* The first connection starts now, and the others after it. */
  if (commands & GCN__COMMAND_START && begins) {
    engine->last_start_ms = engine->now_ms;
  }
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (commands & either) conn->commands &= ~either;
    conn->commands |= commands_for(conn, commands);
    if (commands & either) stagger(conn);
  }
  if (commands & GCN__COMMAND_START && begins) reopen(engine);
}

void gcn__engine_linked(struct gcn__engine* engine, enum gcn__wire_index index,
                        uint64_t now_ms) {
  struct gcn__line* line = gcn__engine_line(engine, index);
  note(engine, now_ms);
  if (line == NULL) return;
  struct gcn__wire* wire = &line->wire;
  if (!wire->attached || wire->phase != GCN__WIRE_DIALLING) return;
  int error = gcn__wire_linked(wire, &engine->mem, engine->tls);
  if (error < 0 && gcn__early_failed(line)) return;
  if (error < 0) {
    wire->ended = false;
    gcn__failure_of_wire(line, error);
    gcn__call_failed(line, GCN__INPUT_WEATHER);
  } else if (wire->phase == GCN__WIRE_READY) {
    gcn__call_ready(line);
  }
}

void gcn__engine_received(struct gcn__engine* engine,
                          enum gcn__wire_index index, struct gcn__span bytes,
                          uint64_t now_ms) {
  struct gcn__line* line = note_bytes(engine, index, now_ms);
  if (line == NULL) return;
  struct gcn__wire* wire = &line->wire;
  bool open = wire->attached && wire->phase >= GCN__WIRE_TUNNELLING;
  if (!open || wire->cut) return;
  GCN__ASSERT(wire->borrowed.size == 0);
  engine->counters.received_bytes += bytes.size;
  bool empty = gcn__buf_size(&wire->kept) == 0;
  if (gcn__wire_role(index) == GCN__WIRE_STREAM && line->conn != NULL) {
    gcn__doubt_read(line->conn, bytes.size, empty ? 0 : wire->read_ms);
  }
  if (empty) wire->read_ms = now_ms;
  wire->borrowed = bytes;
  /* They had hung on their way. */
  bool calm = gcn__engine_calm(engine);
  if (calm && line->conn->session.doubtful) note(engine, now_ms);
}

void gcn__engine_ended(struct gcn__engine* engine, enum gcn__wire_index index,
                       int error, enum gcn__layer layer, const char* text,
                       uint64_t now_ms) {
  struct gcn__line* line = gcn__engine_line(engine, index);
  note(engine, now_ms);
  if (line == NULL) return;
  struct gcn__wire* wire = &line->wire;
  if (!wire->attached || wire->phase == GCN__WIRE_ABSENT) return;
  GCN__ASSERT(error < 0);
  wire->ended = true;
  wire->end_error = error;
  wire->end_layer = layer;
  size_t size = strnlen(text, GCN__FAILURE_TEXT_SIZE - 1);
  gcn__str_free(&engine->mem, wire->end_text);
  wire->end_text = gcn__str_copy_n(&engine->mem, text, size);
}

void gcn__engine_slept(struct gcn__engine* engine, uint64_t slept_ms,
                       uint64_t now_ms) {
  note(engine, now_ms);
  gcn__keeper_slept(engine, slept_ms);
  gcn__shard_slept(engine, slept_ms);
  gcn__spare_slept(engine);
  engine->api_floor_ms -= gcn__time_min(engine->api_floor_ms, slept_ms);
  engine->stream_floor_ms -= gcn__time_min(engine->stream_floor_ms, slept_ms);
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    gcn__conn_slept(conn, slept_ms);
  }
}

void gcn__engine_woken(struct gcn__engine* engine, uint64_t now_ms) {
  note(engine, now_ms);
}

void gcn__engine_hold(struct gcn__engine* engine, bool held) {
  engine->held = held;
  engine->rested = false;
}

void gcn__engine_excuse(struct gcn__engine* engine, uint64_t now_ms) {
  note(engine, now_ms);
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    gcn__session_excuse(&conn->session, engine->now_ms);
    gcn__patience_excuse(conn);
    gcn__doubt_begin(conn, false);
  }
}

/* Only the stream dialect's batches tell when it is made up for. */
static void note_lag(struct gcn__engine* engine) {
  unsigned index = 0;
  struct gcn__shard* shard;
  if (!gcn__engine_flows(engine)) return;
  while ((shard = gcn__shard_next(engine, &index)) != NULL) {
    if (shard->lag_ms == 0) shard->lag_ms = engine->now_ms;
  }
}

void gcn__engine_pause(struct gcn__engine* engine, bool paused,
                       uint64_t now_ms) {
  if (engine->paused == paused) return;
  note(engine, now_ms);
  engine->paused = paused;
  if (paused) {
    engine->paused_ms = engine->now_ms;
    note_lag(engine);
    return;
  }
  engine->resumed_ms = engine->now_ms;
  uint64_t rest_ms = engine->now_ms - engine->paused_ms;
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    gcn__session_excuse(&conn->session, engine->now_ms);
    gcn__patience_excuse(conn);
    if (rest_ms > engine->settings.latency_max_ms)
      gcn__doubt_begin(conn, false);
  }
  gcn__shard_resumed(engine);
}

void gcn__engine_limit_close(struct gcn__engine* engine, uint64_t close_ms,
                             uint64_t now_ms) {
  note(engine, now_ms);
  engine->settings.close_ms = close_ms;
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    gcn__session_limit_close(&conn->session);
  }
}

void gcn__engine_watch(struct gcn__engine* engine, struct gcn__watch watch) {
  engine->watch = watch;
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    conn->session.watch = watch;
  }
}

static bool held(const struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  bool open = conn->stream.wire.phase == GCN__WIRE_OPEN;
  if (!engine->paused || !open) return false;
  /* What confirms a stream of this dialect comes over the stream. */
  if (gcn__engine_flows(engine)) return gcn__conn_streams(conn);
  return conn->session.state != GCN__STATE_CLOSING;
}

static bool is_only(const struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  for (unsigned slot = 0; slot < engine->conn_end; slot++) {
    bool other = engine->conns[slot] != NULL && engine->conns[slot] != conn;
    if (other) return false;
  }
  return true;
}

/* An event is acted on at once: everything that comes before its input was
 * asked just now, and has not changed by reading it. */
static bool read_stream(struct gcn__conn* conn) {
  if (held(conn) || !gcn__inbound_read(&conn->stream)) return false;
  if (!gcn__conn_event(conn) || !is_only(conn)) return true;
  conn->engine->calm = conn;
  gcn__calm_begin(conn->engine);
  return true;
}

static enum gcn__calm read_calm(struct gcn__engine* engine,
                                struct gcn__effect* effect) {
  if (engine->plain) return gcn__calm_read(engine, effect);
  bool read = gcn__inbound_read(&engine->calm->stream);
  return read ? GCN__CALM_OTHER : GCN__CALM_NONE;
}

/* Does what work() would do, which would find nothing before the next bytes of
 * a calm stream.  True if the caller has an event now; else if it is still calm
 * there are no more bytes. */
static bool give_event(struct gcn__engine* engine, struct gcn__effect* effect) {
  struct gcn__conn* conn = engine->calm;
  if (conn == NULL) return false;
  engine->given = effect;
  enum gcn__calm read = GCN__CALM_OTHER;
  while (engine->given != NULL && read == GCN__CALM_OTHER) {
    read = read_calm(engine, effect);
    if (read != GCN__CALM_OTHER || gcn__conn_event(conn)) continue;
    engine->calm = NULL;
    break;
  }
  bool done = engine->given == NULL || read == GCN__CALM_EVENT;
  engine->given = NULL;
  return done;
}

/* What time has brought; not before all that was read has been acted on. */
static bool judge(struct gcn__engine* engine) {
  unsigned slot = 0;
  struct gcn__conn* conn;
  if (engine->held) return engine->ring_count > 0;
  if (gcn__keeper_work(engine) || gcn__spare_work(engine)) return true;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (gcn__conn_expire(conn)) return true;
  }
  return engine->ring_count > 0;
}

/* One thing to do that may lead to effects; false if there is none. */
static bool work(struct gcn__engine* engine) {
  unsigned slot = 0;
  struct gcn__conn* conn;
  engine->calm = NULL;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (gcn__conn_work(conn)) return true;
  }
  if (gcn__shard_work(engine)) return true;
  if (gcn__inbound_read(&engine->keeper.line)) return true;
  if (engine->spare != NULL && gcn__inbound_read(&engine->spare->line))
    return true;
  slot = 0;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (gcn__inbound_read(&conn->api)) return true;
    if (read_stream(conn)) return true;
  }
  return judge(engine);
}

static void end_flush(struct gcn__line* line) {
  if (!line->flushing) return;
  line->flushing = false;
  struct gcn__wire* wire = &line->wire;
  if (wire->phase == GCN__WIRE_ABSENT) gcn__buf_deinit(&wire->out);
}

/* Only while no effect waits: one could name a wire of it. */
static void end_flushes(struct gcn__engine* engine) {
  end_flush(&engine->keeper.line);
  if (engine->spare != NULL) end_flush(&engine->spare->line);
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    end_flush(&conn->api);
    end_flush(&conn->stream);
    bool gone = conn->leaving && conn->session.state == GCN__STATE_CLOSED;
    if (gone && engine->ring_count == 0) gcn__conn_free(conn);
  }
}

static bool next_verdict(struct gcn__engine* engine,
                         struct gcn__effect* effect) {
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (engine->dialect->verdict(conn, effect)) return true;
  }
  return false;
}

bool gcn__engine_next(struct gcn__engine* engine, struct gcn__effect* effect) {
  if (engine->calm == NULL) end_flushes(engine);
  if (give_event(engine, effect)) return true;
  bool rested = gcn__engine_calm(engine);
  bool more = engine->calm == NULL || (!rested && judge(engine));
  if (more) engine->calm = NULL; /* what was due has changed something */
  while (more) {
    if (engine->ring_count > 0) {
      bool moot = is_moot(engine);
      take_effect(engine, effect, moot);
      if (moot) continue;
      return true;
    }
    if (next_verdict(engine, effect)) return true;
    more = work(engine);
  }
  if (!rested) gcn__engine_rest(engine);
  engine->drained = true;
  return false;
}

void gcn__engine_keep(struct gcn__engine* engine, uint32_t shards) {
  engine->kept_shards = shards;
}

static void settle(struct gcn__line* line) {
  int error = gcn__wire_settle(&line->wire);
  if (error == 0) return;
  /* Bytes are lost, so the connection is; but the effect in the driver's hands
   * may still view its readers. */
  line->wire.cut = true;
  line->engine->drained = false;
  line->engine->calm = NULL;
}

/* True if nothing else was lent. */
static bool settle_calm(struct gcn__engine* engine) {
  if (!gcn__engine_calm(engine)) return false;
  struct gcn__conn* conn = engine->calm;
  settle(&conn->stream);
  bool whole = engine->drained && gcn__buf_size(&conn->stream.wire.kept) == 0;
  if (!whole) engine->rested = false;
  return true;
}

void gcn__engine_settle(struct gcn__engine* engine) {
  if (settle_calm(engine)) return;
  settle(&engine->keeper.line);
  if (engine->spare != NULL) settle(&engine->spare->line);
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    settle(&conn->api);
    settle(&conn->stream);
    gcn__wire_pay_pong(&conn->stream.wire, &engine->scratch);
  }
  gcn__calm_rest(engine);
}

bool gcn__engine_busy(const struct gcn__engine* engine) {
  return !engine->drained;
}

bool gcn__engine_full(const struct gcn__engine* engine,
                      enum gcn__wire_index index) {
  const struct gcn__line* line = gcn__engine_line(engine, index);
  return line != NULL && gcn__buf_size(&line->wire.kept) > 0;
}

struct gcn__span gcn__engine_output(const struct gcn__engine* engine,
                                    enum gcn__wire_index index) {
  const struct gcn__line* line = gcn__engine_line(engine, index);
  if (line == NULL) return GCN__SPAN("");
  const struct gcn__wire* wire = &line->wire;
  bool gone = wire->phase == GCN__WIRE_ABSENT && !line->flushing;
  if (gone || wire->phase == GCN__WIRE_DIALLING) return GCN__SPAN("");
  return gcn__buf_span(&wire->out);
}

void gcn__engine_sent(struct gcn__engine* engine, enum gcn__wire_index index,
                      size_t size) {
  struct gcn__line* line = gcn__engine_line(engine, index);
  GCN__ASSERT(line != NULL);
  if (line == NULL) return;
  struct gcn__wire* wire = &line->wire;
  gcn__buf_consume(&wire->out, size);
  engine->counters.sent_bytes += size;
  if (gcn__buf_size(&wire->out) > 0) return;
  wire->pong_pending = false;
  gcn__wire_pay_pong(wire, &engine->scratch);
}

uint64_t gcn__engine_deadline_beside(const struct gcn__engine* engine,
                                     const struct gcn__conn* but) {
  uint64_t deadline_ms = gcn__keeper_deadline(engine);
  deadline_ms = gcn__time_min(deadline_ms, gcn__shard_deadline(engine));
  deadline_ms = gcn__time_min(deadline_ms, gcn__spare_deadline(engine));
  unsigned slot = 0;
  const struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    uint64_t at_ms = conn == but ? gcn__conn_deadline_beside(conn)
                                 : gcn__conn_deadline(conn);
    deadline_ms = gcn__time_min(deadline_ms, at_ms);
  }
  return deadline_ms;
}

uint64_t gcn__engine_deadline(const struct gcn__engine* engine) {
  const struct gcn__conn* calm = engine->calm;
  if (!gcn__engine_calm(engine))
    return gcn__engine_deadline_beside(engine, NULL);
  uint64_t quiet_ms = gcn__session_quiet_deadline(&calm->session);
  uint64_t deadline_ms = gcn__time_min(engine->calm_due_ms, quiet_ms);
  GCN__ASSERT(deadline_ms == gcn__engine_deadline_beside(engine, NULL));
  return deadline_ms;
}
