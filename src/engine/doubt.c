/* SPDX-License-Identifier: MIT */
/*
 * When a sign of life proves something about now.
 *
 * Gaps begin at the last proof of life.  While the host does not read (a pause,
 * a stalled loop, a slow consumer) bytes wait in the kernel and are old when
 * they come.  This file notices such rests and asks the service: the answer to
 * a ping proves all that was produced before the ping.
 */
#include "engine/internal.h"

#include "base/time.h"

enum { FULL_READ_SIZE = 64 * 1024 /* what drivers read at most at once */ };

void gcn__doubt_begin(struct gcn__engine* engine) {
  const struct gcn__session* session = &engine->session;
  if (session->state != GCN__STATE_STREAMING) return;
  bool asked = engine->pings > 0 && session->doubtful &&
               engine->ping_ms >= session->doubt_ms;
  gcn__session_doubt(&engine->session, engine->now_ms);
  /* One question at a time: the one under way will be answered first. */
  if (!asked) gcn__engine_probe(engine);
}

void gcn__doubt_read(struct gcn__engine* engine, size_t size,
                     uint64_t rest_ms) {
  engine->short_read = size < FULL_READ_SIZE;
  uint64_t most_ms = engine->settings.latency_max_ms;
  bool rested = rest_ms != 0 && engine->now_ms - rest_ms > most_ms;
  if (rested) gcn__doubt_begin(engine);
}

void gcn__doubt_drained(struct gcn__engine* engine) {
  const struct gcn__wire* wire = &engine->wires[GCN__WIRE_STREAM];
  bool empty = gcn__buf_size(&wire->kept) == 0 && wire->borrowed.size == 0;
  if (engine->paused || !engine->short_read || !empty) return;
  gcn__session_caught_up(&engine->session, engine->now_ms);
}
