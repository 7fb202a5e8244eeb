/* SPDX-License-Identifier: MIT */
/*
 * One more connection to the streaming host, kept warm while the client
 * streams: after the loss of a stream only the upgrade is left to be done.
 *
 * There is one per client, and the connection that loses its stream first takes
 * it.  TCP, a proxy's tunnel and TLS are all that goes over it before, so it
 * gives nothing away.  It is nobody's matter: what becomes of it is no failure,
 * changes no state and delays no attempt.
 *
 * It shares the way with the stream, and so what may be wrong with the way.  It
 * is taken only if the peer itself has ended the stream (a reset, the end of
 * the data, a Close): what is lost by silence, a time-out or an unreachable
 * network takes the spare along, because an upgrade into a hole would cost more
 * than the round trips saved.  If it is dead all the same, the upgrade is sent
 * once more over a new connection, in the same attempt.
 *
 * A successor does not take it: it is in no hurry, and the stream that it is to
 * replace may break meanwhile.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

enum {
  LINK_MS = 60000,  /* it may wait in line, behind all others */
  RISE_MS = 3000,   /* it holds a permit that others may need */
  ANSWER_MS = 3000, /* to the upgrade; else it is dead */
  /* A balancer ends what is idle after a minute or more, which is well: then
   * one is made a minute.  One that has not lasted is missed after 2 s, 4 s ...
   * 32 s, and then every quarter of an hour only. */
  LASTING_MS = 30000,
  AGAIN_MS = 1000,
  MISSES_MAX = 6,
  REST_MS = 900000,
  /* What was verified then is verified anew. */
  LIFE_MS = 600000,
};

int gcn__spare_new(struct gcn__engine* engine) {
  struct gcn__spare* spare = gcn__alloc_zero(&engine->mem, sizeof *spare);
  if (spare == NULL) return GCN__ENOMEM;
  gcn__line_init(&spare->line, engine, NULL, GCN__WIRE_SPARE);
  gcn__proxy_init(&spare->proxy, &engine->mem);
  engine->spare = spare;
  return 0;
}

void gcn__spare_free(struct gcn__engine* engine) {
  struct gcn__spare* spare = engine->spare;
  if (spare == NULL) return;
  gcn__wire_deinit(&spare->line.wire);
  gcn__proxy_deinit(&spare->proxy);
  gcn__free(&engine->mem, spare, sizeof *spare);
  engine->spare = NULL;
}

static void note(const struct gcn__engine* engine, const char* host,
                 const char* what) {
  GCN__LOG_EVENT(&engine->log, GCN__LOG_DEBUG, "spare",
                 gcn__log_text("host", host), gcn__log_text("what", what));
}

/* Where the connection's streams are; NULL if that is not known. */
static const struct gcn__url* host_of(const struct gcn__conn* conn) {
  if (gcn__engine_flows(conn->engine)) return &conn->engine->api;
  return conn->channel.known ? &conn->channel.uri : NULL;
}

static bool suits(const struct gcn__conn* conn) {
  const struct gcn__wire* wire = &conn->engine->spare->line.wire;
  const struct gcn__url* url = host_of(conn);
  return url != NULL && gcn__shard_leads(conn) && url->port == wire->port &&
         gcn__url_secure(url) == wire->secure &&
         strcmp(url->host, wire->host) == 0;
}

/* Somebody streams there, or is about to. */
static bool is_wanted(const struct gcn__engine* engine) {
  unsigned slot = 0;
  const struct gcn__conn* conn;
  if (engine->desire != GCN__DESIRE_STREAMING) return false;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    enum gcn__state state = conn->session.state;
    bool lives = state >= GCN__STATE_CONNECTING &&
                 state <= GCN__STATE_BACKING_OFF && !conn->leaving;
    if (lives && suits(conn)) return true;
  }
  return false;
}

static bool is_on_its_way(const struct gcn__conn* conn) {
  enum gcn__state state = conn->session.state;
  return state == GCN__STATE_CONNECTING || state == GCN__STATE_AUTHENTICATING ||
         state == GCN__STATE_SUBSCRIBING || state == GCN__STATE_BACKING_OFF;
}

static bool is_sound(const struct gcn__conn* conn) {
  const struct gcn__session* session = &conn->session;
  return gcn__conn_streams(conn) && gcn__shard_leads(conn) &&
         !session->doubtful && host_of(conn) != NULL;
}

/* The oldest stream, if all is well: an attempt under way comes first, and of a
 * paused stream it is not known whether it lives. */
static const struct gcn__conn* find_stream(const struct gcn__engine* engine) {
  const struct gcn__conn* found = NULL;
  unsigned slot = 0;
  const struct gcn__conn* conn;
  if (engine->desire != GCN__DESIRE_STREAMING || engine->paused) return NULL;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    if (is_on_its_way(conn)) return NULL;
    if (!is_sound(conn)) continue;
    bool older = found == NULL ||
                 conn->session.confirmed_ms < found->session.confirmed_ms;
    if (older) found = conn;
  }
  return found;
}

static uint64_t dial_ms(const struct gcn__engine* engine,
                        const struct gcn__conn* conn) {
  uint64_t old_ms =
      gcn__time_add(conn->session.confirmed_ms, engine->settings.spare_ms);
  return gcn__time_max(old_ms, engine->spare->next_ms);
}

static void forget(struct gcn__engine* engine, bool abort) {
  struct gcn__spare* spare = engine->spare;
  gcn__line_drop(&spare->line, abort);
  spare->rises = false;
  spare->up = false;
}

static void wait(struct gcn__engine* engine, uint64_t least_ms,
                 uint64_t more_ms) {
  uint64_t wait_ms = least_ms + gcn__rng_between(&engine->rng, 0, more_ms);
  engine->spare->next_ms = gcn__time_add(engine->now_ms, wait_ms);
}

/* A fleet that lost all of them at once makes none together. */
static uint64_t spread_ms(const struct gcn__engine* engine) {
  return 2 * engine->settings.spare_ms;
}

static void drop(struct gcn__engine* engine, bool abort, const char* why) {
  note(engine, engine->spare->line.wire.host, why);
  forget(engine, abort);
  wait(engine, 0, spread_ms(engine));
}

static void miss(struct gcn__engine* engine, bool lasted) {
  struct gcn__spare* spare = engine->spare;
  engine->counters.spares_lost++;
  spare->misses = lasted ? 0 : spare->misses + 1;
  bool rests = spare->misses >= MISSES_MAX;
  if (rests) spare->misses = MISSES_MAX;
  uint64_t wait_ms = rests ? REST_MS : (uint64_t)AGAIN_MS << spare->misses;
  uint64_t more_ms = wait_ms / 2;
  if (lasted) more_ms = gcn__time_max(more_ms, spread_ms(engine));
  wait(engine, wait_ms, more_ms);
}

static void lose(struct gcn__engine* engine, const char* how) {
  const struct gcn__spare* spare = engine->spare;
  bool lasted = spare->up && engine->now_ms - spare->up_ms >= LASTING_MS;
  note(engine, spare->line.wire.host, how);
  forget(engine, true);
  miss(engine, lasted);
}

static bool begin(struct gcn__engine* engine) {
  struct gcn__spare* spare = engine->spare;
  const struct gcn__conn* conn = find_stream(engine);
  const struct gcn__url* host = conn == NULL ? NULL : host_of(conn);
  if (host == NULL || dial_ms(engine, conn) > engine->now_ms) return false;
  spare->url = *host;
  spare->url.target = (struct gcn__span){NULL, 0}; /* it names the channel */
  gcn__proxy_deinit(&spare->proxy);
  int error = gcn__engine_choose_proxy(engine, &spare->url, &spare->proxy);
  if (error != 0) {
    miss(engine, false);
    return true;
  }
  spare->due_ms = gcn__time_add(engine->now_ms, LINK_MS);
  spare->line.early = true; /* nobody relies on it */
  gcn__line_open(&spare->line);
  return true;
}

/* How far it has come. */
static void observe(struct gcn__engine* engine) {
  struct gcn__spare* spare = engine->spare;
  enum gcn__wire_phase phase = spare->line.wire.phase;
  if (!spare->rises && phase > GCN__WIRE_DIALLING) {
    spare->rises = true;
    spare->due_ms = gcn__time_add(engine->now_ms, RISE_MS);
  }
  if (spare->up || phase != GCN__WIRE_READY) return;
  uint64_t less_ms = gcn__rng_between(&engine->rng, 0, LIFE_MS / 4);
  spare->up = true;
  spare->up_ms = engine->now_ms;
  spare->due_ms = gcn__time_add(engine->now_ms, LIFE_MS - less_ms);
  engine->counters.spares++;
  note(engine, spare->line.wire.host, "up");
}

bool gcn__spare_work(struct gcn__engine* engine) {
  struct gcn__spare* spare = engine->spare;
  if (spare == NULL) return false;
  if (spare->line.wire.phase == GCN__WIRE_ABSENT) return begin(engine);
  observe(engine);
  if (!is_wanted(engine)) {
    drop(engine, false, "not wanted");
    return true;
  }
  if (spare->due_ms > engine->now_ms) return false;
  if (spare->up) {
    drop(engine, false, "old");
  } else {
    lose(engine, "late");
  }
  return true;
}

uint64_t gcn__spare_deadline(const struct gcn__engine* engine) {
  const struct gcn__spare* spare = engine->spare;
  if (spare == NULL) return GCN__NEVER;
  if (spare->line.wire.phase != GCN__WIRE_ABSENT) return spare->due_ms;
  const struct gcn__conn* conn = find_stream(engine);
  return conn == NULL ? GCN__NEVER : dial_ms(engine, conn);
}

bool gcn__spare_failed(struct gcn__line* line) {
  struct gcn__engine* engine = line->engine;
  bool unused = engine->spare != NULL && line == &engine->spare->line;
  if (unused) {
    lose(engine, "lost");
    return true;
  }
  /* It was taken, and nothing sent yet: the upgrade opens another one. */
  bool silent = line->spare && line->call.op == GCN__OP_NONE &&
                line->wire.phase == GCN__WIRE_READY;
  if (!silent) return false;
  gcn__spare_dead(line);
  gcn__line_drop(line, true);
  return true;
}

void gcn__spare_dead(const struct gcn__line* line) {
  if (!line->spare) return;
  note(line->engine, line->wire.host, "dead");
  miss(line->engine, false);
}

/* The peer has spoken, or the kernel in its name. */
static bool peer_ended(const struct gcn__failure* failure) {
  if (failure->layer == GCN__LAYER_WS) return true;
  return failure->layer == GCN__LAYER_TCP &&
         (failure->error == GCN__EOF || failure->error == GCN__ECONNRESET ||
          failure->error == GCN__EPIPE);
}

void gcn__spare_judge(const struct gcn__conn* conn, enum gcn__input input) {
  struct gcn__engine* engine = conn->engine;
  const struct gcn__spare* spare = engine->spare;
  if (spare == NULL || spare->line.wire.phase == GCN__WIRE_ABSENT) return;
  bool passes =
      !gcn__shard_leads(conn) || gcn__input_origin(input) == GCN__ORIGIN_USER;
  if (passes) return;
  bool peers = gcn__input_origin(input) == GCN__ORIGIN_PEER;
  if (peers && peer_ended(&conn->failure)) return;
  drop(engine, true, "in doubt");
}

void gcn__spare_slept(struct gcn__engine* engine) {
  const struct gcn__spare* spare = engine->spare;
  if (spare == NULL || spare->line.wire.phase == GCN__WIRE_ABSENT) return;
  drop(engine, true, "slept");
}

bool gcn__spare_take(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__spare* spare = engine->spare;
  struct gcn__line* line = &conn->stream;
  if (spare == NULL) return false;
  const struct gcn__wire* wire = &spare->line.wire;
  /* What came with this very wake-up is no answer to the upgrade. */
  if (wire->phase == GCN__WIRE_READY) (void)gcn__inbound_read(&spare->line);
  bool good = wire->phase == GCN__WIRE_READY && !wire->ended && !wire->cut;
  /* The driver has to be told of the move before it is told anything else. */
  bool free = line->wire.phase == GCN__WIRE_ABSENT && !line->flushing &&
              engine->ring_count == 0;
  if (!good || !free || !suits(conn)) return false;
  observe(engine);
  note(engine, wire->host, "used");
  gcn__line_move(&spare->line, line);
  line->wire.reused = true; /* it may have died while it was idle */
  line->spare = true;
  conn->early_due_ms = gcn__time_add(engine->now_ms, ANSWER_MS);
  engine->counters.spares_used++;
  forget(engine, false);
  wait(engine, 0, spread_ms(engine));
  gcn__conn_ready(conn);
  return true;
}

static bool is_awaited(const struct gcn__line* line) {
  const struct gcn__http* http = line->wire.http;
  bool asked = line->call.op == GCN__OP_UPGRADE && line->call.sent;
  return line->spare && asked && http != NULL && !gcn__http_begun(http);
}

uint64_t gcn__spare_answer_deadline(const struct gcn__conn* conn) {
  return is_awaited(&conn->stream) ? conn->early_due_ms : GCN__NEVER;
}

bool gcn__spare_expire(struct gcn__conn* conn) {
  struct gcn__line* line = &conn->stream;
  if (gcn__spare_answer_deadline(conn) > conn->engine->now_ms) return false;
  return gcn__call_repeat_upgrade(line, line->call);
}
