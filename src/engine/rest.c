/* SPDX-License-Identifier: MIT */
/*
 * What memory stays when everything has been acted on.
 *
 * A buffer keeps its size for the next bytes as long as events come, so that
 * they allocate nothing, but no more than one message of a common size.  When
 * none has come for a while it gives back what it does not use: thousands of
 * clients are idle most of the time, and each was busy once.
 */
#include "engine/internal.h"

#include "base/time.h"

enum {
  QUIET_MS = 10000,
  SMALL_SIZE = 256, /* a ping or a pong, with TLS around it */
};

/* Empty ones only. */
static void trim(struct gcn__buf* buf, size_t size) {
  if (buf->capacity <= size || gcn__buf_size(buf) > 0) return;
  gcn__buf_shrink(buf, size);
}

/* One large message must not hold its memory for the life of the stream. */
static void trim_messages(struct gcn__conn* conn, size_t size) {
  struct gcn__buf* text = &conn->flow.text;
  struct gcn__ws* ws = conn->stream.wire.ws;
  bool large = text->capacity > size;
  if (large && !conn->flow.reading) gcn__buf_shrink(text, size);
  if (ws != NULL && !gcn__ws_partial(ws)) gcn__ws_shrink(ws, size);
}

static void trim_wire(struct gcn__wire* wire) {
  trim(&wire->kept, 0);
  trim(&wire->out, SMALL_SIZE);
}

static void trim_all(struct gcn__engine* engine) {
  trim(&engine->scratch, SMALL_SIZE);
  trim(&engine->missing, 0);
  trim_wire(&engine->keeper.line.wire);
  if (engine->spare != NULL) trim_wire(&engine->spare->line.wire);
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    trim_messages(conn, 0);
    trim_wire(&conn->api.wire);
    trim_wire(&conn->stream.wire);
  }
}

void gcn__engine_rest(struct gcn__engine* engine) {
  unsigned slot = 0;
  struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    gcn__doubt_drained(conn);
    trim_messages(conn, GCN__MESSAGE_KEPT_SIZE);
  }
  if (engine->now_ms < engine->trim_ms) return;
  uint64_t since_ms = engine->counters.last_event_ms;
  bool quiet = engine->now_ms - since_ms >= QUIET_MS;
  if (quiet) trim_all(engine);
  if (quiet) since_ms = engine->now_ms;
  engine->trim_ms = gcn__time_add(since_ms, QUIET_MS);
}
