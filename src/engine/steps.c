/* SPDX-License-Identifier: MIT */
/*
 * The channels dialect: the steps of an attempt, what is done in the background
 * of a stream, and the requests of both.
 *
 * A channel is made by REST, the WebSocket is opened at the address that comes
 * with it, and the topics are put; a stream that broke takes the channel up
 * again without a request.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

#include <stdio.h>

enum {
  SURE_MS = 30000, /* topics known to be there stay there so long */
  LOOKS_MAX = 4,   /* that fail in a row, until a change is put without one */
  PING_SIZE = 8,   /* its number in hex */
};

void gcn__steps_await(struct gcn__line* line) {
  line->awaited = true;
  gcn__line_open(line);
}

/* The service keeps the topics with the channel: a stream that breaks is made
 * again without a single request, as long as the channel is believed to be as
 * it was left.  Now and then, and when its host can't be reached, the API is
 * asked, too. */
static bool takes_over_channel(const struct gcn__conn* conn) {
  const struct gcn__channel* channel = &conn->channel;
  const struct gcn__shard* shard = gcn__shard_of(conn);
  return channel->known && channel->complete &&
         channel->revision == shard->revision &&
         channel->misses < GCN__CHANNEL_FAILURES_MAX &&
         channel->streams < conn->engine->settings.reuse_max;
}

static bool channel_expired(const struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  const struct gcn__channel* channel = &conn->channel;
  return channel->failures >= GCN__CHANNEL_FAILURES_MAX ||
         channel->rotate_ms <= engine->now_ms ||
         channel->identity != engine->keeper.identity;
}

/* Opens links to every host that this attempt will need, side by side. */
static void dial(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  bool renews = gcn__shard_renews(conn);
  bool expired = conn->channel.known && channel_expired(conn);
  if (renews || expired) gcn__channel_forget(conn);
  conn->confirmed = takes_over_channel(conn);
  conn->fresh = false;
  conn->session.reused = conn->confirmed;
  conn->session.overtaken = false;
  if (conn->confirmed) {
    conn->sent_revision = conn->channel.revision;
  } else {
    if (!gcn__keeper_usable(engine)) gcn__keeper_want(conn);
    /* A token that can't be had needs no links. */
    if (conn->failure.error != 0) return;
    gcn__steps_await(&conn->api);
  }
  if (!conn->channel.known) {
    gcn__early_dial(conn);
  } else if (!conn->confirmed || !gcn__spare_take(conn)) {
    gcn__steps_await(&conn->stream);
  }
}

/* What was asked before is moot: the credentials, the token or the channel that
 * it was asked with are not the present ones.  Its answer must not be taken for
 * the next one's. */
void gcn__steps_cancel(struct gcn__conn* conn) {
  if (conn->api.call.op != GCN__OP_NONE) gcn__line_drop(&conn->api, true);
  if (conn->stream.call.op != GCN__OP_NONE) gcn__line_drop(&conn->stream, true);
}

/* From the request on after which the channel may speak, duplicates are
 * possible; not sooner, or an event that only the other stream has shown would
 * be held against a later one that is equal to it. */
static void begin_speaking(struct gcn__conn* conn, enum gcn__op op) {
  bool upgrade = op == GCN__OP_UPGRADE;
  bool there = conn->confirmed || conn->channel.put;
  bool speaks = !upgrade || there;
  if (!speaks || gcn__shard_opens(conn) == 0) {
    gcn__call_begin(upgrade ? &conn->stream : &conn->api, op);
    return;
  }
  gcn__failure_set(&conn->failure, GCN__ENOMEM, GCN__LAYER_CLIENT, op,
                   "out of memory");
  gcn__conn_post(conn, GCN__INPUT_WEATHER);
}

/* The steps in their order: channel, socket, topics.  The topics may be under
 * way beside the upgrade. */
static void subscribe(struct gcn__conn* conn) {
  bool puts = conn->api.call.op != GCN__OP_NONE;
  bool opens = conn->stream.call.op != GCN__OP_NONE;
  if (!conn->channel.known) {
    gcn__call_begin(&conn->api, GCN__OP_CHANNEL);
  } else if (conn->stream.wire.phase != GCN__WIRE_OPEN) {
    if (!opens) begin_speaking(conn, GCN__OP_UPGRADE);
  } else if (!conn->confirmed) {
    if (!puts) begin_speaking(conn, GCN__OP_TOPICS);
  } else {
    gcn__conn_post(conn, GCN__INPUT_CONFIRMED);
  }
}

/* A channel that was made just now holds nothing, so that no event can be lost
 * by the topics' overtaking the upgrade that would have come otherwise: what
 * counts begins when both are confirmed (PROTOCOL §3.1).  An older channel may
 * be gone, which the upgrade tells at no price; and a successor is in no hurry,
 * but has to know from when on it may show what the other one shows. */
static void along(struct gcn__conn* conn) {
  bool hurries = conn->fresh && gcn__shard_leads(conn);
  bool idle = conn->api.call.op == GCN__OP_NONE;
  if (!hurries || conn->confirmed || !idle) return;
  gcn__call_begin(&conn->api, GCN__OP_TOPICS);
}

/* The audit first: a request that puts the topics would hide what it finds. */
static void background(struct gcn__conn* conn) {
  bool audit = conn->wants_audit;
  if (audit) conn->wants_audit = false;
  if (!audit) conn->resync = false;
  gcn__call_begin(&conn->api, audit ? GCN__OP_AUDIT : GCN__OP_TOPICS);
}

/* Not with the token of another client: the service would say that it knows no
 * such channel. */
static bool foreign(const struct gcn__conn* conn) {
  return conn->channel.identity != conn->engine->keeper.identity;
}

/* One call at a time; what is wanted meanwhile waits for its end. */
static void begin(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  bool busy = conn->api.call.op != GCN__OP_NONE || conn->waits_token;
  if (busy || foreign(conn)) return;
  if (gcn__keeper_usable(engine)) {
    background(conn);
  } else if (!engine->keeper.refused) { /* else new credentials try again */
    gcn__keeper_want(conn);
  }
}

bool gcn__conn_sure(const struct gcn__conn* conn) {
  if (gcn__engine_flows(conn->engine)) return true;
  if (conn->drift_ms != GCN__NEVER) return true; /* of the contrary */
  uint64_t sure_ms = gcn__time_add(conn->known_ms, SURE_MS);
  return sure_ms >= conn->engine->now_ms;
}

static void audit(struct gcn__conn* conn) {
  conn->wants_audit = true;
  begin(conn);
}

/* A change does not wait for ever for a look that can't be had: what the
 * request may hide is a possible gap. */
static void look_no_more(struct gcn__conn* conn) {
  if (!conn->wants_audit || !conn->resync) return;
  conn->wants_audit = false;
  conn->drift_ms = gcn__time_min(conn->drift_ms, conn->known_ms);
  conn->drift_all = true;
}

/* An audit that failed is tried again as such.  What the service has lost since
 * the last look would be hidden by the request that puts it again, so it is
 * looked at first. */
static void sync(struct gcn__conn* conn) {
  bool changed = gcn__shard_of(conn)->revision != conn->sent_revision;
  if (changed || !conn->wants_audit) conn->resync = true;
  if (!gcn__conn_sure(conn)) conn->wants_audit = true;
  if (conn->session.sync_failures >= LOOKS_MAX) look_no_more(conn);
  begin(conn);
}

/* The text ping of PROTOCOL §4.3. */
static void probe(struct gcn__conn* conn, bool urgent) {
  (void)urgent; /* the service does not mind */
  int error = gcn__wire_write_frame(&conn->stream.wire, &conn->engine->scratch,
                                    GCN__WS_TEXT, gcn__channels_ping());
  /* If even this fails, the silence deadline judges. */
  if (error != 0) return;
  conn->ping_ms = conn->engine->now_ms;
  conn->pings++;
}

static void write_number(uint32_t number, char text[PING_SIZE + 1]) {
  snprintf(text, PING_SIZE + 1, "%08lx", (unsigned long)number);
}

/* Pings of RFC 6455: one per ping_ms; while one is unanswered the next comes
 * after ping_answer_ms; the last of pings_missed_max is the verdict. */
static void ping(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  const struct gcn__settings* settings = &engine->settings;
  if (conn->pongs_missed >= settings->pings_missed_max && !engine->paused) {
    gcn__conn_unanswered(conn);
    return;
  }
  char number[PING_SIZE + 1];
  write_number(++conn->ping_number, number);
  (void)gcn__wire_write_frame(&conn->stream.wire, &engine->scratch,
                              GCN__WS_PING, gcn__span(number, PING_SIZE));
  if (!engine->paused) conn->pongs_missed++;
  conn->session.deadlines_ms[GCN__TIMER_PING] =
      gcn__time_add(engine->now_ms, settings->ping_answer_ms);
}

/* Of any ping that was not answered yet; a pong that nobody asked for is but a
 * sign of life. */
static bool is_answer(const struct gcn__conn* conn,
                      const struct gcn__ws_message* message) {
  char number[PING_SIZE + 1];
  if (message->size != PING_SIZE) return false;
  for (unsigned i = 0; i < conn->pongs_missed; i++) {
    write_number(conn->ping_number - i, number);
    if (memcmp(message->data, number, PING_SIZE) == 0) return true;
  }
  return false;
}

static void pong(struct gcn__conn* conn,
                 const struct gcn__ws_message* message) {
  const struct gcn__engine* engine = conn->engine;
  if (!is_answer(conn, message) || !gcn__conn_streams(conn)) return;
  conn->pongs_missed = 0;
  conn->session.deadlines_ms[GCN__TIMER_PING] =
      gcn__time_add(engine->now_ms, engine->settings.ping_ms);
}

static int write(struct gcn__line* line, const char* authority, const char* key,
                 struct gcn__buf* body) {
  struct gcn__engine* engine = line->engine;
  const struct gcn__conn* conn = line->conn;
  enum gcn__op op = line->call.op;
  bool topics = op == GCN__OP_TOPICS || op == GCN__OP_ADD;
  int error = topics ? gcn__verdict_write(line->conn, body) : 0;
  if (error != 0) return error;
  const struct gcn__ask ask = {
      .authority = authority,
      .ws_key = key,
      .body = gcn__buf_span(body),
      .base_path = engine->api_path,
      .user_agent = engine->user_agent,
      .token = engine->keeper.token.text,
      .target = conn->channel.uri.target,
      .channel_id = gcn__span_str(conn->channel.id),
  };
  return gcn__channels_write(op, &ask, &engine->scratch);
}

static struct gcn__judgement judge(const struct gcn__line* line,
                                   enum gcn__op op, unsigned status,
                                   const struct gcn__json* body) {
  (void)line;
  return gcn__channels_judge(op, status, body);
}

static struct gcn__judgement judge_close(struct gcn__conn* conn,
                                         const struct gcn__ws_message* message,
                                         uint64_t* wait_ms) {
  (void)conn;
  return gcn__channels_judge_close(
      message->code, gcn__span(message->data, message->size), wait_ms);
}

static void answered(struct gcn__conn* conn, enum gcn__op op,
                     struct gcn__json* body) {
  if (op == GCN__OP_CHANNEL) {
    gcn__channel_take(conn, body);
    gcn__json_free(body, true);
  } else {
    gcn__verdict_take(conn, op, body); /* it takes the document */
  }
}

/* One message, one event. */
static bool more(struct gcn__conn* conn) {
  (void)conn;
  return false;
}

static struct gcn__event event(const struct gcn__conn* conn) {
  struct gcn__event event;
  gcn__naming_event(conn, &conn->message, conn->message_text, &event);
  return event;
}

/* The service repeats nothing; but right after a restart what another process
 * has handled may come again. */
static bool first(struct gcn__conn* conn, const struct gcn__event* event) {
  struct gcn__engine* engine = conn->engine;
  bool known = engine->seen_until_ms > engine->now_ms &&
               gcn__key_is(&event->key) &&
               gcn__seen_has(&engine->seen, event->key);
  if (known) engine->counters.repeated++;
  return !known && gcn__shard_first(conn, event);
}

const struct gcn__dialect gcn__dialect_channels = {
    .dial = dial,
    .subscribe = subscribe,
    .forget = gcn__channel_forget,
    .sync = sync,
    .audit = audit,
    .background = background,
    .probe = probe,
    .write = write,
    .judge = judge,
    .judge_close = judge_close,
    .answered = answered,
    .text = gcn__naming_text,
    .more = more,
    .pong = pong,
    .ping = ping,
    .verdict = gcn__verdict_next,
    .event = event,
    .first = first,
    .along = along,
    .upgrade_needs_token = false,
};
