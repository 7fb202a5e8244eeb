/* SPDX-License-Identifier: MIT */
/*
 * What the table's verbs do with bytes.
 *
 * Each verb is one function; gcn__conn_perform runs them in the order of
 * GCN__VERB_MAP and tells the change of state last.
 */
#include "engine/internal.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"

enum {
  REVOKED_AGAIN_MS = 30000, /* all connections are told within this */
  SURE_MS = 30000,          /* topics known to be there stay there so long */
  LOOKS_MAX = 4, /* that fail in a row, until a change is put without one */
};

/* What was about to be said by this attempt is stale with it. */
static void do_drop(struct gcn__conn* conn, enum gcn__input input) {
  bool abort = gcn__input_origin(input) == GCN__ORIGIN_TIMER;
  gcn__line_drop(&conn->api, abort);
  gcn__line_drop(&conn->stream, abort);
  conn->inbox_count = 0;
  conn->waits_token = false;
  conn->api_idle_ms = GCN__NEVER;
}

/* A token that is not the present one any more has been replaced already.  The
 * channel may have ended with it: the next attempt asks the API. */
static void do_reject(struct gcn__conn* conn, enum gcn__input input) {
  struct gcn__keeper* keeper = &conn->engine->keeper;
  conn->channel.complete = false;
  if (input == GCN__INPUT_REVOKED) {
    /* Each connection is told; the token may have been replaced meanwhile. */
    uint64_t now_ms = conn->engine->now_ms;
    bool again = keeper->revoked_ms != 0 &&
                 now_ms - keeper->revoked_ms < REVOKED_AGAIN_MS;
    if (again && conn->channel.epoch != keeper->epoch) return;
    keeper->revoked_ms = now_ms;
    keeper->epoch++;
  } else if (conn->used_token != keeper->token.generation) {
    return;
  }
  gcn__token_reject(&keeper->token);
}

static void await_line(struct gcn__line* line) {
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
static void do_dial(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  gcn__failure_clear(&conn->failure);
  engine->counters.attempts++;
  bool renews = gcn__shard_renews(conn);
  bool expired = conn->channel.known && channel_expired(conn);
  if (renews || expired) gcn__channel_forget(conn);
  conn->confirmed = takes_over_channel(conn);
  conn->session.reused = conn->confirmed;
  if (conn->confirmed) {
    conn->sent_revision = conn->channel.revision;
  } else {
    if (!gcn__keeper_usable(engine)) gcn__keeper_want(conn);
    /* A token that can't be had needs no links. */
    if (conn->failure.error != 0) return;
    await_line(&conn->api);
  }
  if (conn->channel.known) await_line(&conn->stream);
}

void gcn__conn_ready(struct gcn__conn* conn) {
  if (conn->session.state != GCN__STATE_CONNECTING) return;
  if (conn->api.awaited || conn->stream.awaited) return;
  gcn__conn_post(conn, GCN__INPUT_LINKED);
}

/* What was asked before is moot: the credentials, the token or the channel that
 * it was asked with are not the present ones.  Its answer must not be taken for
 * the next one's. */
static void cancel_calls(struct gcn__conn* conn) {
  if (conn->api.call.op != GCN__OP_NONE) gcn__line_drop(&conn->api, true);
  if (conn->stream.call.op != GCN__OP_NONE) gcn__line_drop(&conn->stream, true);
}

static void do_auth(struct gcn__conn* conn) {
  cancel_calls(conn);
  conn->waits_token = false;
  bool needless = conn->confirmed && conn->channel.known;
  if (needless || gcn__keeper_usable(conn->engine)) {
    gcn__conn_post(conn, GCN__INPUT_TOKEN);
  } else {
    gcn__keeper_want(conn);
  }
}

/* The audit first: a request that puts the topics would hide what it finds. */
static void begin_background(struct gcn__conn* conn) {
  bool audit = conn->wants_audit;
  if (audit) conn->wants_audit = false;
  if (!audit) conn->resync = false;
  gcn__call_begin(&conn->api, audit ? GCN__OP_AUDIT : GCN__OP_TOPICS);
}

void gcn__conn_token(struct gcn__conn* conn) {
  conn->waits_token = false;
  if (conn->session.state == GCN__STATE_AUTHENTICATING) {
    gcn__conn_post(conn, GCN__INPUT_TOKEN);
  } else if (conn->session.state == GCN__STATE_STREAMING) {
    begin_background(conn);
  }
}

void gcn__conn_no_token(struct gcn__conn* conn, enum gcn__input input) {
  conn->waits_token = false;
  enum gcn__state state = conn->session.state;
  if (state == GCN__STATE_STREAMING) {
    gcn__conn_post(conn, GCN__INPUT_UNSYNCED);
  } else if (state == GCN__STATE_CONNECTING ||
             state == GCN__STATE_AUTHENTICATING) {
    gcn__conn_post(conn, input);
  }
}

/* From the request on after which the channel may speak, duplicates are
 * possible; not sooner, or an event that only the other stream has shown would
 * be held against a later one that is equal to it. */
static void begin_speaking(struct gcn__conn* conn, enum gcn__op op) {
  bool upgrade = op == GCN__OP_UPGRADE;
  bool speaks = upgrade == conn->confirmed;
  if (!speaks || gcn__shard_opens(conn) == 0) {
    gcn__call_begin(upgrade ? &conn->stream : &conn->api, op);
    return;
  }
  gcn__failure_set(&conn->failure, GCN__ENOMEM, GCN__LAYER_CLIENT, op,
                   "out of memory");
  gcn__conn_post(conn, GCN__INPUT_WEATHER);
}

/* The steps in their order: channel, socket, topics.  Connecting first loses
 * nothing that fires between subscription and socket (PROTOCOL §3.1). */
static void do_subscribe(struct gcn__conn* conn) {
  cancel_calls(conn);
  if (!conn->channel.known) {
    gcn__call_begin(&conn->api, GCN__OP_CHANNEL);
  } else if (conn->stream.wire.phase != GCN__WIRE_OPEN) {
    begin_speaking(conn, GCN__OP_UPGRADE);
  } else if (!conn->confirmed) {
    begin_speaking(conn, GCN__OP_TOPICS);
  } else {
    gcn__conn_post(conn, GCN__INPUT_CONFIRMED);
  }
}

static void do_confirm(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  engine->counters.streams++;
  if (conn->session.reused) engine->counters.reused++;
  conn->channel.failures = 0;
  conn->channel.misses = 0;
  conn->channel.streams++;
  gcn__shard_confirmed(conn);
  gcn__failure_clear(&conn->failure);
  conn->api_idle_ms = gcn__time_add(engine->now_ms, GCN__API_IDLE_MS);
  if (gcn__shard_of(conn)->revision != conn->sent_revision) {
    gcn__conn_post(conn, GCN__INPUT_TOPICS);
  }
}

/* Not with the token of another client: the service would say that it knows no
 * such channel. */
static bool foreign(const struct gcn__conn* conn) {
  return conn->channel.identity != conn->engine->keeper.identity;
}

/* One call at a time; what is wanted meanwhile waits for its end. */
static void do_background(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  bool busy = conn->api.call.op != GCN__OP_NONE || conn->waits_token;
  if (busy || foreign(conn)) return;
  if (gcn__keeper_usable(engine)) {
    begin_background(conn);
  } else if (!engine->keeper.refused) { /* else new credentials try again */
    gcn__keeper_want(conn);
  }
}

bool gcn__conn_sure(const struct gcn__conn* conn) {
  if (conn->drift_ms != GCN__NEVER) return true; /* of the contrary */
  uint64_t sure_ms = gcn__time_add(conn->known_ms, SURE_MS);
  return sure_ms >= conn->engine->now_ms;
}

static void do_audit(struct gcn__conn* conn) {
  conn->wants_audit = true;
  do_background(conn);
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
static void do_sync(struct gcn__conn* conn) {
  bool changed = gcn__shard_of(conn)->revision != conn->sent_revision;
  if (changed || !conn->wants_audit) conn->resync = true;
  if (!gcn__conn_sure(conn)) conn->wants_audit = true;
  if (conn->session.sync_failures >= LOOKS_MAX) look_no_more(conn);
  do_background(conn);
}

static void do_deliver(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  const struct gcn__envelope* message = &conn->message;
  if (!gcn__shard_first(conn)) return;
  engine->counters.events++;
  engine->counters.event_bytes += conn->message_text.size;
  engine->counters.last_event_ms = engine->now_ms;
  struct gcn__effect* effect = gcn__engine_emit(engine, GCN__EFFECT_EVENT);
  effect->wire = conn->stream.index;
  effect->event = (struct gcn__event){
      .topic = message->topic,
      .body = message->body,
      .correlation_id = message->correlation_id,
      .version = message->version,
      .message = conn->message_text,
      .sequence = engine->counters.events,
      .generation = conn->channel.generation,
      .connection = conn->connection,
  };
}

void gcn__conn_probe(struct gcn__conn* conn) {
  struct gcn__wire* wire = &conn->stream.wire;
  if (wire->phase != GCN__WIRE_OPEN) return;
  int error = gcn__wire_write_frame(wire, &conn->engine->scratch, GCN__WS_TEXT,
                                    gcn__channels_ping());
  /* If even this fails, the silence deadline judges. */
  if (error != 0) return;
  conn->ping_ms = conn->engine->now_ms;
  conn->pings++;
}

/* Pings of RFC 6455: one per ping_ms; while one is unanswered the next comes
 * after ping_answer_ms; the last of pings_missed_max is the verdict. */
static void do_ping(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  const struct gcn__settings* settings = &engine->settings;
  struct gcn__wire* wire = &conn->stream.wire;
  if (conn->pongs_missed >= settings->pings_missed_max && !engine->paused) {
    gcn__failure_set(&conn->failure, GCN_ESILENT, GCN__LAYER_CLIENT,
                     GCN__OP_STREAM, "%u pings in a row were not answered",
                     conn->pongs_missed);
    gcn__conn_post(conn, GCN__INPUT_WEATHER);
    return;
  }
  (void)gcn__wire_write_frame(wire, &engine->scratch, GCN__WS_PING,
                              GCN__SPAN(""));
  if (!engine->paused) conn->pongs_missed++;
  conn->session.deadlines_ms[GCN__TIMER_PING] =
      gcn__time_add(engine->now_ms, settings->ping_answer_ms);
}

static void do_goodbye(struct gcn__conn* conn) {
  conn->inbox_count = 0;
  conn->waits_token = false;
  conn->api_idle_ms = GCN__NEVER;
  gcn__line_drop(&conn->api, true);
  struct gcn__wire* wire = &conn->stream.wire;
  if (wire->phase == GCN__WIRE_OPEN && !wire->ended) {
    int error = gcn__wire_write_close(wire, &conn->engine->scratch,
                                      GCN__WS_CLOSE_NORMAL);
    if (error == 0) return;
  }
  gcn__line_drop(&conn->stream, true);
  gcn__conn_post(conn, GCN__INPUT_DRAINED);
}

static void tell_state(struct gcn__conn* conn, enum gcn__input input,
                       const struct gcn__step* step) {
  const struct gcn__session* session = &conn->session;
  struct gcn__engine* engine = conn->engine;
  enum gcn__origin origin = gcn__input_origin(input);
  /* A retry's failure is that of the next input. */
  bool failed = conn->failure.error != 0 && input != GCN__INPUT_RETRY_DUE &&
                (origin == GCN__ORIGIN_PEER || origin == GCN__ORIGIN_TIMER);
  bool waits = step->to == GCN__STATE_BACKING_OFF;
  struct gcn__effect* effect = gcn__engine_emit(engine, GCN__EFFECT_STATE);
  effect->wire = conn->stream.index;
  effect->transition = (struct gcn__transition){
      .shard = conn->shard,
      .from = step->from,
      .to = step->to,
      .input = input,
      .failure = failed ? &conn->failure : NULL,
      .attempt = engine->counters.attempts,
      .failures = session->failures,
      .retry_in_ms = waits ? gcn__shard_retry_in(conn) : 0,
  };
}

/* Also of a successor on its way, which the user is told nothing about. */
static void log_state(const struct gcn__conn* conn, enum gcn__input input,
                      const struct gcn__step* step) {
  const struct gcn__engine* engine = conn->engine;
  bool broke =
      step->to == GCN__STATE_BACKING_OFF || step->to == GCN__STATE_REFUSED;
  GCN__LOG_EVENT(
      &engine->log, GCN__LOG_INFO, "state",
      gcn__log_number("connection", conn->shard),
      gcn__log_number("slot", conn->slot),
      gcn__log_text("from", gcn__state_spoken(step->from)),
      gcn__log_text("to", gcn__state_spoken(step->to)),
      gcn__log_text("input", gcn__input_name(input)),
      gcn__log_number("failures", (int64_t)conn->session.failures),
      gcn__log_number("retry_ms", (int64_t)(step->to == GCN__STATE_BACKING_OFF
                                                ? conn->session.delay_ms
                                                : 0)));
  if (!broke || conn->failure.error == 0) return;
  gcn__failure_log(&engine->log, "failure", &conn->failure);
}

static void note_loss(struct gcn__conn* conn, const struct gcn__step* step) {
  bool was = step->from == GCN__STATE_STREAMING;
  if (was && step->to != GCN__STATE_STREAMING) {
    conn->lost_ms = conn->session.proof_ms;
  }
}

/* A deadline passed while only the streaming host was waited for. */
static void note_slow_host(struct gcn__conn* conn) {
  const struct gcn__wire* stream = &conn->stream.wire;
  bool waiting = stream->phase == GCN__WIRE_DIALLING ||
                 stream->phase == GCN__WIRE_TUNNELLING ||
                 stream->phase == GCN__WIRE_SHAKING ||
                 conn->stream.call.op == GCN__OP_UPGRADE;
  if (waiting) gcn__channel_missed(conn);
}

void gcn__conn_perform(struct gcn__conn* conn, enum gcn__input input,
                       const struct gcn__step* step) {
  uint32_t verbs = step->verbs;
  note_loss(conn, step);
  if (gcn__input_origin(input) == GCN__ORIGIN_TIMER) note_slow_host(conn);
  if (verbs & GCN__VERB_DROP) do_drop(conn, input);
  if (verbs & GCN__VERB_REJECT) do_reject(conn, input);
  if (verbs & GCN__VERB_FORGET) gcn__channel_forget(conn);
  if (verbs & GCN__VERB_LOSE) gcn__shard_lost(conn, input);
  if (verbs & GCN__VERB_DIAL) do_dial(conn);
  if (verbs & GCN__VERB_AUTH) do_auth(conn);
  if (verbs & GCN__VERB_SUBSCRIBE) do_subscribe(conn);
  if (verbs & GCN__VERB_CONFIRM) do_confirm(conn);
  if (verbs & GCN__VERB_SYNC) do_sync(conn);
  if (verbs & GCN__VERB_AUDIT) do_audit(conn);
  if (verbs & GCN__VERB_ROTATE) gcn__shard_rotate(conn, input);
  if (verbs & GCN__VERB_DELIVER) do_deliver(conn);
  if (verbs & GCN__VERB_PROBE) gcn__conn_probe(conn);
  if (verbs & GCN__VERB_PING) do_ping(conn);
  if (verbs & GCN__VERB_GOODBYE) do_goodbye(conn);
  bool leads = gcn__shard_leads(conn);
  if (input == GCN__INPUT_HEARTBEAT && step->to == GCN__STATE_STREAMING) {
    if (leads) gcn__engine_emit(conn->engine, GCN__EFFECT_HEARTBEAT);
  }
  if (step->from == step->to) return;
  log_state(conn, input, step);
  if (leads) tell_state(conn, input, step);
  gcn__shard_stepped(conn);
}
