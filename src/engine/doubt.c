/* SPDX-License-Identifier: MIT */
/*
 * When a sign of life proves something about now.
 *
 * Gaps begin at the last proof of life.  While the host does not read (a pause,
 * a stalled loop, a slow consumer) bytes wait in the kernel and are old when
 * they come; and so are those behind a message that hung on its way, or came in
 * drops.  This file notices such rests and asks the service: the answer to a
 * ping proves all that was produced before the ping.
 */
#include "engine/internal.h"

#include "base/time.h"

enum { FULL_READ_SIZE = 64 * 1024 /* what drivers read at most at once */ };

void gcn__doubt_begin(struct gcn__conn* conn, bool urgent) {
  struct gcn__session* session = &conn->session;
  if (session->state != GCN__STATE_STREAMING) return;
  bool asked = conn->pings > 0 && session->doubtful &&
               conn->ping_ms >= session->doubt_ms;
  gcn__session_doubt(session, conn->engine->now_ms);
  /* One question at a time: the one under way will be answered first. */
  if (!asked) gcn__conn_probe(conn, urgent);
}

static bool is_partial(const struct gcn__wire* wire) {
  if (wire->phase != GCN__WIRE_OPEN) return false;
  if (gcn__ws_partial(wire->ws)) return true;
  return wire->tls != NULL && gcn__tls_partial(wire->tls);
}

/* What comes now was sent when the message in hand was, or waited behind it. */
static bool has_hung(const struct gcn__conn* conn) {
  const struct gcn__wire* wire = &conn->stream.wire;
  uint64_t now_ms = conn->engine->now_ms;
  uint64_t most_ms = conn->engine->settings.latency_max_ms;
  if (gcn__time_until(now_ms, conn->patience.message_ms) > most_ms) return true;
  return now_ms - wire->read_ms > most_ms && is_partial(wire);
}

void gcn__doubt_read(struct gcn__conn* conn, size_t size, uint64_t rest_ms) {
  const struct gcn__engine* engine = conn->engine;
  conn->short_read = size < FULL_READ_SIZE;
  uint64_t most_ms = engine->settings.latency_max_ms;
  bool rested = rest_ms != 0 && engine->now_ms - rest_ms > most_ms;
  bool hung = has_hung(conn);
  if (hung && conn->session.doubtful) {
    gcn__session_doubt(&conn->session, engine->now_ms); /* it was asked */
  } else if (rested || hung) {
    gcn__doubt_begin(conn, false);
  }
}

/* The service holds nothing back when its last batch had room, everything that
 * has come is told, and what it could not send before has had time to come. */
static void catch_up(struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  uint64_t since_ms =
      gcn__time_max(engine->resumed_ms, conn->session.confirmed_ms);
  uint64_t over_ms = gcn__time_add(since_ms, engine->settings.latency_max_ms);
  if (!conn->flow.roomy || conn->flow.reading || !gcn__conn_streams(conn)) {
    return;
  }
  if (engine->now_ms >= over_ms) gcn__shard_of(conn)->lag_ms = 0;
}

void gcn__doubt_drained(struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  const struct gcn__wire* wire = &conn->stream.wire;
  bool empty = gcn__buf_size(&wire->kept) == 0 && wire->borrowed.size == 0;
  if (engine->paused || !conn->short_read || !empty) return;
  gcn__session_caught_up(&conn->session, engine->now_ms);
  if (gcn__engine_flows(engine)) catch_up(conn);
}

void gcn__shard_slept(struct gcn__engine* engine, uint64_t slept_ms) {
  unsigned index = 0;
  struct gcn__shard* shard;
  while ((shard = gcn__shard_next(engine, &index)) != NULL) {
    if (shard->topics_due_ms == GCN__NEVER) continue;
    shard->topics_due_ms -= gcn__time_min(shard->topics_due_ms, slept_ms);
  }
}
