/* SPDX-License-Identifier: MIT */
/*
 * The channels dialect: what a message on the stream is.
 *
 * One message is one event, one announcement or one sign of life.
 */
#include "engine/internal.h"

#include "base/err.h"

static void tell_notice(struct gcn__conn* conn) {
  conn->engine->counters.notices++;
  struct gcn__effect* effect =
      gcn__engine_emit(conn->engine, GCN__EFFECT_NOTICE);
  effect->wire = conn->stream.index;
  effect->event = (struct gcn__event){
      .topic = conn->message.topic,
      .body = conn->message.body,
      .correlation_id = conn->message.correlation_id,
      .version = conn->message.version,
      .message = conn->message_text,
      .sequence = conn->engine->counters.events,
      .generation = conn->channel.generation,
      .connection = conn->connection,
  };
}

/* Answers come in the order of the pings: the last one is the one that proves
 * something about now. */
static void take_heartbeat(struct gcn__conn* conn) {
  conn->engine->counters.heartbeats++;
  if (!gcn__span_is(gcn__envelope_message(conn->message.body), "pong")) return;
  if (conn->pings > 0 && --conn->pings == 0) {
    conn->answered_ms = conn->ping_ms;
    gcn__session_trust(&conn->session, conn->ping_ms);
  }
}

static enum gcn__input name_text(struct gcn__conn* conn,
                                 enum gcn__message_kind kind) {
  switch (kind) {
  case GCN__MESSAGE_EVENT: return GCN__INPUT_EVENT;
  case GCN__MESSAGE_MOVING: return GCN__INPUT_MOVING;
  case GCN__MESSAGE_REVOKED: return GCN__INPUT_REVOKED;
  case GCN__MESSAGE_UNSUBSCRIBED:
    conn->stolen = true;
    return GCN__INPUT_UNSUBSCRIBED;
  case GCN__MESSAGE_HEARTBEAT: take_heartbeat(conn); break;
  case GCN__MESSAGE_NOTICE:
  case GCN__MESSAGE_GARBAGE: break;
  }
  return GCN__INPUT_HEARTBEAT;
}

static void describe_announcement(struct gcn__conn* conn,
                                  enum gcn__message_kind kind) {
  if (kind == GCN__MESSAGE_MOVING) {
    gcn__failure_set(&conn->failure, GCN_EPEERCLOSE, GCN__LAYER_SERVICE,
                     GCN__OP_STREAM,
                     "the service announced that it will close the socket");
  }
  if (kind == GCN__MESSAGE_REVOKED) {
    gcn__failure_set(&conn->failure, GCN_EAUTH, GCN__LAYER_SERVICE,
                     GCN__OP_STREAM,
                     "the service announced that the access token is revoked");
  }
}

/* All that comes of a message is in the driver's hands before the next thing
 * happens, which may be the end of the bytes it lies in; and the driver is done
 * with it by then. */
static bool acts_at_once(const struct gcn__conn* conn) {
  if ((conn->engine->kept_shards >> conn->shard & 1) != 0) return false;
  return gcn__conn_streams(conn) && conn->inbox_count == 0 &&
         conn->engine->ring_count == 0;
}

int gcn__naming_scan(struct gcn__conn* conn, const struct gcn__ws_message* text,
                     struct gcn__envelope* message) {
  bool utf8 = true;
  int error = gcn__envelope_scan_bytes(text->data, text->size,
                                       conn->engine->scrutiny, message, &utf8);
  return utf8 ? error : gcn__ws_reject_text(conn->stream.wire.ws, text);
}

void gcn__naming_text(struct gcn__conn* conn,
                      const struct gcn__ws_message* message) {
  struct gcn__ws_message text = *message;
  int error = 0;
  if (message->in_place && !acts_at_once(conn)) {
    error = gcn__ws_keep(conn->stream.wire.ws, &text);
  }
  conn->message_text = gcn__span(text.data, text.size);
  if (error == 0) error = gcn__naming_scan(conn, &text, &conn->message);
  gcn__naming_take(conn, error);
}

void gcn__naming_event(const struct gcn__conn* conn,
                       const struct gcn__envelope* message,
                       struct gcn__span text, struct gcn__event* event) {
  *event = (struct gcn__event){
      .topic = message->topic,
      .body = message->body,
      .correlation_id = message->correlation_id,
      .version = message->version,
      .message = text,
      .generation = conn->channel.generation,
      .connection = conn->connection,
      .shard = conn->shard,
  };
}

void gcn__naming_take(struct gcn__conn* conn, int error) {
  if (error != 0 && error != GCN_EPROTO) {
    gcn__inbound_broken(conn, error);
    return;
  }
  enum gcn__message_kind kind =
      error == 0 ? gcn__channels_name(&conn->message) : GCN__MESSAGE_GARBAGE;
  if (kind == GCN__MESSAGE_GARBAGE) {
    gcn__inbound_garbage(conn);
    return;
  }
  conn->garbage_run = 0;
  bool notice = kind == GCN__MESSAGE_NOTICE || kind == GCN__MESSAGE_MOVING ||
                kind == GCN__MESSAGE_REVOKED ||
                kind == GCN__MESSAGE_UNSUBSCRIBED;
  if (notice) tell_notice(conn);
  describe_announcement(conn, kind);
  gcn__conn_post(conn, name_text(conn, kind));
}
