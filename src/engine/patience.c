/* SPDX-License-Identifier: MIT */
/*
 * What a peer may do for a while, but not for ever.
 *
 * A message has to end within half a minute of its first byte, and signs of
 * life that cost us work may not come as a flood.  Each frame of such a stream
 * is legal, so only time tells; the frame reader knows none.  Invariant: a
 * deadline is judged only by bytes that could be read: a pause of ours or a
 * loop that stood still begins it anew.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

enum {
  MESSAGE_MS = 30000,
  SECOND_MS = 1000,
  CONTROLS_PER_SECOND_MAX = 1000,
  LOUD_SECONDS_MAX = 5,
  OVERSIZE_RUN_MAX = 3,
};

void gcn__patience_begin(struct gcn__conn* conn) {
  unsigned oversize_run = conn->patience.oversize_run;
  conn->patience = (struct gcn__patience){.message_due_ms = GCN__NEVER,
                                          .message_ms = GCN__NEVER,
                                          .oversize_run = oversize_run};
}

static bool is_open(const struct gcn__conn* conn) {
  return conn->stream.wire.phase == GCN__WIRE_OPEN &&
         conn->session.state != GCN__STATE_CLOSING;
}

static void give_up(struct gcn__conn* conn) {
  struct gcn__wire* wire = &conn->stream.wire;
  (void)gcn__wire_write_close(wire, &conn->engine->scratch,
                              GCN__WS_CLOSE_POLICY);
  gcn__call_failed(&conn->stream, GCN__INPUT_BROKEN);
}

void gcn__patience_read(struct gcn__conn* conn, bool message_ended) {
  struct gcn__patience* patience = &conn->patience;
  bool partial = gcn__ws_partial(conn->stream.wire.ws);
  if (message_ended || !partial) {
    patience->message_due_ms = GCN__NEVER;
    patience->message_ms = GCN__NEVER;
  }
  if (!partial || patience->message_due_ms != GCN__NEVER) return;
  patience->message_due_ms = gcn__time_add(conn->engine->now_ms, MESSAGE_MS);
  patience->message_ms = conn->engine->now_ms;
}

/* Counted by the second: loud are those with more frames than are allowed, and
 * only a run of them is a flood. */
bool gcn__patience_control(struct gcn__conn* conn) {
  if (!is_open(conn)) return true;
  struct gcn__patience* patience = &conn->patience;
  uint64_t passed_ms = conn->engine->now_ms - patience->second_ms;
  bool loud = patience->control_count > CONTROLS_PER_SECOND_MAX;
  if (passed_ms >= SECOND_MS) {
    bool run = loud && passed_ms < UINT64_C(2) * SECOND_MS;
    patience->loud_seconds = run ? patience->loud_seconds + 1 : 0;
    patience->second_ms = conn->engine->now_ms;
    patience->control_count = 0;
  }
  patience->control_count++;
  if (patience->loud_seconds < LOUD_SECONDS_MAX) return true;
  gcn__failure_set(&conn->failure, GCN_EWS, GCN__LAYER_WS, GCN__OP_STREAM,
                   "the server sent more than %d pings and pongs a second for "
                   "%d seconds",
                   CONTROLS_PER_SECOND_MAX, LOUD_SECONDS_MAX);
  give_up(conn);
  return false;
}

enum gcn__input gcn__patience_oversize(struct gcn__conn* conn) {
  if (!is_open(conn)) return GCN__INPUT_BROKEN;
  struct gcn__patience* patience = &conn->patience;
  if (conn->session.stable) patience->oversize_run = 0;
  if (patience->oversize_run < OVERSIZE_RUN_MAX) patience->oversize_run++;
  bool stubborn = patience->oversize_run == OVERSIZE_RUN_MAX;
  return stubborn ? GCN__INPUT_STUBBORN : GCN__INPUT_BROKEN;
}

void gcn__patience_excuse(struct gcn__conn* conn) {
  struct gcn__patience* patience = &conn->patience;
  if (patience->message_due_ms == GCN__NEVER) return;
  patience->message_due_ms = gcn__time_add(conn->engine->now_ms, MESSAGE_MS);
}

uint64_t gcn__patience_deadline(const struct gcn__conn* conn) {
  bool judged = is_open(conn) && !conn->engine->paused;
  return judged ? conn->patience.message_due_ms : GCN__NEVER;
}

bool gcn__patience_expire(struct gcn__conn* conn) {
  if (gcn__patience_deadline(conn) > conn->engine->now_ms) return false;
  conn->patience.message_due_ms = GCN__NEVER;
  gcn__failure_set(&conn->failure, GCN_EPHASE, GCN__LAYER_WS, GCN__OP_STREAM,
                   "a message of the server did not end within %d s",
                   MESSAGE_MS / 1000);
  give_up(conn);
  return true;
}
