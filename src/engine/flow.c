/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: the steps of an attempt, its requests, and how it is
 * asked whether it lives.
 *
 * Token and subscriptions go with the upgrade, so that every attempt is a fresh
 * session, and a change of either is another connection.  What the five
 * descriptions of the service differ in is the shape's; here are the steps it
 * may ask for: end a stale subscription, pre-flight, a ticket, a POST, the
 * upgrade, a first message.  The 101 alone proves nothing, because the service
 * refuses subscriptions behind it (PROTOCOL §6.1): what confirms the stream is
 * the answer to a ping, or a batch.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"

#include <stdio.h>

enum {
  SESSION_SIZE = 32,
  MESSAGE_SIZE_MAX = 1024 * 1024,
  STALE_TRIES_MAX = 2, /* to end a subscription, before an attempt */
  PING_SIZE = 8,       /* its number in hex, to tell answers apart */
};

/* The service ends clients that ask more often (PROTOCOL §6.1). */
#define PING_STEP_MS UINT64_C(30000)

static void drop_ticket(struct gcn__conn* conn) {
  gcn__secret_free(&conn->engine->mem, conn->flow.ticket);
  conn->flow.ticket = NULL;
}

void gcn__flow_deinit(struct gcn__conn* conn) {
  drop_ticket(conn);
  gcn__buf_deinit(&conn->flow.text);
  gcn__str_free(&conn->engine->mem, conn->flow.stale_id);
  conn->flow.stale_id = NULL;
}

void gcn__flow_drop(struct gcn__conn* conn) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  if (conn->flow.reading) {
    /* The rest of the batch came then, and is not told on this stream. */
    uint64_t lag_ms = shard->lag_ms == 0 ? GCN__NEVER : shard->lag_ms;
    shard->lag_ms = gcn__time_min(lag_ms, conn->flow.heard_ms);
  }
  conn->flow.reading = false;
  conn->flow.waits = false;
  conn->flow.ping_open = false;
  gcn__cursor_leave(conn);
}

void gcn__flow_reject(struct gcn__conn* conn) {
  drop_ticket(conn);
  bool open = gcn__engine_flows(conn->engine) && !gcn__conn_streams(conn);
  if (!open) return;
  /* What is open was opened with it. */
  gcn__line_drop(&conn->stream, false);
  gcn__flow_drop(conn);
}

/* Says so once per attempt; a new subscription ends the wait.  A shard that has
 * lost all of its own rests, while others stream. */
static void starve(struct gcn__conn* conn) {
  conn->flow.starved = true;
  bool others = gcn__planner_live_count(&conn->engine->planner) > 1;
  if (others && gcn__preflight_wanted(conn) == 0) {
    conn->commands |= GCN__COMMAND_STOP;
    return;
  }
  gcn__failure_set(&conn->failure, GCN_ESUBSCRIPTION, GCN__LAYER_CLIENT,
                   GCN__OP_UPGRADE,
                   "there is no subscription to stream: none is wanted, or the "
                   "service refuses all of them");
  gcn__conn_post(conn, GCN__INPUT_STUBBORN);
}

static bool asks(const struct gcn__conn* conn) {
  return conn->engine->shape.preflight_path[0] != '\0';
}

static bool needs_api(const struct gcn__conn* conn) {
  const struct gcn__shape* shape = &conn->engine->shape;
  const struct gcn__flow* flow = &conn->flow;
  bool ticket = shape->ticket_path[0] != '\0' && flow->ticket == NULL;
  return ticket || flow->doubts || flow->stale_id != NULL ||
         shape->subs_in == GCN__SUBS_IN_POST;
}

/* Subscriptions of the last attempt stay active for a while where they are
 * POSTed, and make the service refuse the next ones. */
static void retire_subscription(struct gcn__conn* conn) {
  struct gcn__channel* channel = &conn->channel;
  struct gcn__flow* flow = &conn->flow;
  if (channel->id[0] == '\0') return;
  gcn__str_free(&conn->engine->mem, flow->stale_id);
  flow->stale_id = gcn__str_copy(&conn->engine->mem, channel->id);
  channel->id[0] = '\0';
}

static void begin_session(struct gcn__conn* conn) {
  struct gcn__flow* flow = &conn->flow;
  flow->checked = false;
  flow->posted = false;
  flow->resumed = false;
  flow->starved = false;
  flow->refusals = 0;
  flow->roomy = false;
  conn->confirmed = false;
  conn->session.reused = false;
  conn->session.overtaken = false;
  conn->session.rotate_ms = GCN__NEVER;
  conn->channel.known = true;
  conn->channel.complete = false;
  retire_subscription(conn);
  if (flow->ticket_ends_ms <= conn->engine->now_ms) drop_ticket(conn);
}

static void dial(struct gcn__conn* conn) {
  (void)gcn__shard_renews(conn); /* every attempt is new */
  begin_session(conn);
  if (gcn__preflight_askable(conn) == 0) {
    /* The pre-flight may find that one is valid again. */
    bool hope = gcn__preflight_wanted(conn) > 0;
    conn->flow.doubts = hope && asks(conn);
    if (!conn->flow.doubts) {
      starve(conn);
      return;
    }
  }
  if (!gcn__keeper_usable(conn->engine)) gcn__keeper_want(conn);
  /* A token that can't be had needs no links. */
  if (conn->failure.error != 0) return;
  bool asks_first = needs_api(conn) || !gcn__keeper_usable(conn->engine);
  if (needs_api(conn)) gcn__steps_await(&conn->api);
  if (asks_first || !gcn__spare_take(conn)) gcn__steps_await(&conn->stream);
}

static int send_subscriptions(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__buf array;
  struct gcn__buf text;
  gcn__buf_init(&array, &engine->mem, MESSAGE_SIZE_MAX);
  gcn__buf_init(&text, &engine->mem, MESSAGE_SIZE_MAX);
  int error = gcn__preflight_write(conn, false, &array);
  const struct gcn__stream_ask ask = {.shape = &engine->shape,
                                      .subscriptions = gcn__buf_span(&array)};
  if (error == 0) error = gcn__stream_message(&ask, &text);
  if (error == 0) {
    error = gcn__wire_write_frame(&conn->stream.wire, &engine->scratch,
                                  GCN__WS_TEXT, gcn__buf_span(&text));
  }
  gcn__buf_deinit(&array);
  gcn__buf_deinit(&text);
  return error;
}

static void probe(struct gcn__conn* conn, bool urgent) {
  struct gcn__engine* engine = conn->engine;
  bool early = conn->ping_ms != 0 &&
               engine->now_ms - conn->ping_ms < PING_STEP_MS && !urgent;
  if (early) return;
  char number[PING_SIZE + 1];
  snprintf(number, sizeof number, "%08lx",
           (unsigned long)(++conn->ping_number & UINT32_C(0xffffffff)));
  int error = gcn__wire_write_frame(&conn->stream.wire, &engine->scratch,
                                    GCN__WS_PING, gcn__span(number, PING_SIZE));
  /* If even this fails, the silence deadline judges. */
  if (error != 0) return;
  conn->ping_ms = engine->now_ms;
  conn->pings++;
}

static void await_confirmation(struct gcn__conn* conn) {
  bool message = conn->engine->shape.subs_in == GCN__SUBS_IN_MESSAGE;
  int error = message ? send_subscriptions(conn) : 0;
  if (error != 0) {
    gcn__failure_set(&conn->failure, error, GCN__LAYER_CLIENT, GCN__OP_UPGRADE,
                     "the subscriptions could not be written: %s",
                     error == GCN__ENOMEM ? "out of memory"
                                          : "they are too long");
    gcn__conn_post(conn, GCN__INPUT_WEATHER);
    return;
  }
  conn->flow.waits = true;
  probe(conn, true);
}

static void forget_stale(struct gcn__conn* conn) {
  gcn__str_free(&conn->engine->mem, conn->flow.stale_id);
  conn->flow.stale_id = NULL;
  conn->flow.stale_tries = 0;
}

static void subscribe(struct gcn__conn* conn) {
  const struct gcn__shape* shape = &conn->engine->shape;
  struct gcn__flow* flow = &conn->flow;
  gcn__steps_cancel(conn);
  if (flow->stale_id != NULL && ++flow->stale_tries > STALE_TRIES_MAX) {
    forget_stale(conn); /* it ends by itself, some time */
  }
  if (flow->stale_id != NULL) {
    gcn__call_begin(&conn->api, GCN__OP_UNSUBSCRIBE);
  } else if (flow->doubts) {
    flow->checked = true;
    gcn__call_begin(&conn->api, GCN__OP_AUDIT);
  } else if (gcn__preflight_askable(conn) == 0) {
    starve(conn);
  } else if (shape->ticket_path[0] != '\0' && flow->ticket == NULL) {
    gcn__call_begin(&conn->api, GCN__OP_CHANNEL);
  } else if (shape->subs_in == GCN__SUBS_IN_POST && !flow->posted) {
    gcn__call_begin(&conn->api, GCN__OP_TOPICS);
  } else if (conn->stream.wire.phase != GCN__WIRE_OPEN) {
    gcn__call_begin(&conn->stream, GCN__OP_UPGRADE);
  } else {
    await_confirmation(conn);
  }
}

void gcn__flow_alive(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__channel* channel = &conn->channel;
  if (!conn->flow.waits || conn->session.state != GCN__STATE_SUBSCRIBING) {
    return;
  }
  conn->flow.waits = false;
  conn->confirmed = true;
  gcn__cursor_serve(conn);
  channel->complete = true;
  channel->revision = conn->sent_revision;
  conn->known_ms = conn->sent_ms;
  conn->whole_ms = engine->now_ms;
  bool present = conn->backing.token == engine->keeper.token.generation;
  if (present) gcn__token_accept(&engine->keeper.token);
  conn->flow.refusals = 0;
  gcn__channel_date(conn); /* with the token of the upgrade */
  if (conn->flow.ticket != NULL) {
    channel->rotate_ms =
        gcn__time_min(channel->rotate_ms, conn->flow.ticket_ends_ms);
    conn->session.rotate_ms = channel->rotate_ms;
  }
  if (conn->flow.resumed) engine->counters.resumed++;
  gcn__preflight_grant(conn);
  gcn__conn_post(conn, GCN__INPUT_CONFIRMED);
}

/* A subscription is not valid, or a ticket is not. */
static void forget(struct gcn__conn* conn) {
  conn->flow.doubts = asks(conn);
  drop_ticket(conn);
  gcn__line_drop(&conn->stream, false);
  gcn__flow_drop(conn);
}

/* The stream that was taken over from leaves its subscription behind. */
void gcn__flow_inherit(const struct gcn__conn* old, struct gcn__conn* next) {
  const struct gcn__mem* mem = &next->engine->mem;
  if (!gcn__engine_flows(next->engine) || old->channel.id[0] == '\0') return;
  gcn__str_free(mem, next->flow.stale_id);
  /* Without memory it ends by itself, later. */
  next->flow.stale_id = gcn__str_copy(mem, old->channel.id);
  next->commands |= GCN__COMMAND_TOPICS; /* looks at what is to be done */
}

static void background(struct gcn__conn* conn) {
  if (conn->flow.stale_id != NULL) {
    gcn__call_begin(&conn->api, GCN__OP_UNSUBSCRIBE);
  } else if (conn->wants_audit) {
    conn->wants_audit = false;
    gcn__call_begin(&conn->api, GCN__OP_AUDIT);
  }
}

/* One call at a time; what is wanted meanwhile waits for its end. */
static void begin(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  bool busy = conn->api.call.op != GCN__OP_NONE || conn->waits_token;
  bool wanted = conn->wants_audit || conn->flow.stale_id != NULL;
  if (busy || !wanted) return;
  if (gcn__keeper_usable(engine)) {
    background(conn);
  } else if (!engine->keeper.refused) { /* else new credentials try again */
    gcn__keeper_want(conn);
  }
}

static void audit(struct gcn__conn* conn) {
  conn->wants_audit = asks(conn);
  begin(conn);
}

/* Never in-band: a successor brings the new set (PROTOCOL §6.1). */
static void sync(struct gcn__conn* conn) {
  const struct gcn__engine* engine = conn->engine;
  struct gcn__shard* shard = gcn__shard_of(conn);
  bool due = gcn__topics_due(&engine->topics, conn->shard, engine->now_ms) > 0;
  if (due) conn->wants_audit = asks(conn);
  begin(conn);
  if (shard->revision == conn->sent_revision) return;
  if (gcn__preflight_askable(conn) > 0) {
    gcn__shard_rotate(conn, GCN__INPUT_TOPICS);
  } else {
    starve(conn);
  }
}

/* One per ping_ms, whether the last was answered or not; an answer has
 * ping_answer_ms. */
static void ping(struct gcn__conn* conn) {
  struct gcn__engine* engine = conn->engine;
  const struct gcn__settings* settings = &engine->settings;
  struct gcn__flow* flow = &conn->flow;
  uint64_t* due_ms = &conn->session.deadlines_ms[GCN__TIMER_PING];
  if (flow->ping_open) {
    flow->ping_open = false;
    if (!engine->paused) conn->pongs_missed++;
    if (conn->pongs_missed >= settings->pings_missed_max) {
      gcn__conn_unanswered(conn);
      return;
    }
    uint64_t answer_ms = settings->ping_answer_ms;
    uint64_t rest_ms =
        settings->ping_ms > answer_ms ? settings->ping_ms - answer_ms : 0;
    *due_ms = gcn__time_add(engine->now_ms, rest_ms);
    if (rest_ms > 0) return;
  }
  probe(conn, false);
  flow->ping_open = conn->ping_ms == engine->now_ms;
  *due_ms = flow->ping_open
                ? gcn__time_add(engine->now_ms, settings->ping_answer_ms)
                : gcn__time_add(conn->ping_ms, PING_STEP_MS);
}

static bool is_last(const struct gcn__conn* conn,
                    const struct gcn__ws_message* message) {
  char number[PING_SIZE + 1];
  snprintf(number, sizeof number, "%08lx", (unsigned long)conn->ping_number);
  return message->size == PING_SIZE &&
         memcmp(message->data, number, PING_SIZE) == 0;
}

/* The answer to the last ping proves everything produced before it. */
static void pong(struct gcn__conn* conn,
                 const struct gcn__ws_message* message) {
  const struct gcn__engine* engine = conn->engine;
  struct gcn__flow* flow = &conn->flow;
  if (!is_last(conn, message)) return;
  conn->pings = 0;
  conn->answered_ms = conn->ping_ms;
  conn->pongs_missed = 0;
  gcn__session_trust(&conn->session, conn->ping_ms);
  gcn__flow_alive(conn);
  if (!flow->ping_open) return;
  flow->ping_open = false;
  uint64_t next_ms = gcn__time_add(conn->ping_ms, engine->settings.ping_ms);
  conn->session.deadlines_ms[GCN__TIMER_PING] =
      gcn__time_max(next_ms, engine->now_ms);
}

static void note_asked(struct gcn__conn* conn) {
  conn->sent_revision = gcn__shard_of(conn)->revision;
  gcn__preflight_ask(conn);
}

static void fill_upgrade(struct gcn__conn* conn, struct gcn__stream_ask* ask) {
  const struct gcn__shard* shard = gcn__shard_of(conn);
  const struct gcn__shape* shape = &conn->engine->shape;
  const char* param =
      shard->position_is_time ? shape->since_param : shape->resume_param;
  if (shape->subs_in != GCN__SUBS_IN_POST) note_asked(conn);
  conn->sent_ms = conn->engine->now_ms;
  conn->flow.base_serial = shard->position_serial;
  conn->flow.resumed = shard->position != NULL && param[0] != '\0';
  if (!conn->flow.resumed) return;
  ask->resume = gcn__span_str(shard->position);
  ask->resume_is_time = shard->position_is_time;
}

static int write(struct gcn__line* line, const char* authority, const char* key,
                 struct gcn__buf* body) {
  struct gcn__conn* conn = line->conn;
  struct gcn__engine* engine = line->engine;
  enum gcn__op op = line->call.op;
  char session[SESSION_SIZE];
  snprintf(session, sizeof session, "gcn-%016llx",
           (unsigned long long)gcn__rng_next(&engine->rng));
  struct gcn__stream_ask ask = {
      .shape = &engine->shape,
      .authority = authority,
      .base_path = engine->api_path,
      .user_agent = engine->user_agent,
      .token = engine->keeper.token.text,
      .ticket = conn->flow.ticket,
      .ws_key = key,
      .session = session,
  };
  const char* id =
      op == GCN__OP_UNSUBSCRIBE ? conn->flow.stale_id : conn->channel.id;
  if (id != NULL && id[0] != '\0') ask.subscription_id = gcn__span_str(id);
  int error = gcn__preflight_write(conn, op == GCN__OP_AUDIT, body);
  if (error != 0) return error;
  ask.subscriptions = gcn__buf_span(body);
  if (op == GCN__OP_UPGRADE) fill_upgrade(conn, &ask);
  if (op == GCN__OP_TOPICS) note_asked(conn);
  if (op == GCN__OP_AUDIT) {
    conn->flow.asked_revision = gcn__shard_of(conn)->revision;
  }
  return gcn__stream_write(op, &ask, &engine->scratch);
}

/* Rejected in a row, or anew although it was replaced in this attempt. */
enum gcn__input gcn__flow_stale(struct gcn__conn* conn) {
  const struct gcn__token* token = &conn->engine->keeper.token;
  conn->used_token = conn->backing.token;
  conn->flow.refusals++;
  bool present = conn->used_token == token->generation && token->text != NULL;
  bool denied = conn->flow.refusals > 1 || (present && token->strikes > 0);
  return denied ? GCN__INPUT_DENIED : GCN__INPUT_STALE_TOKEN;
}

void gcn__flow_hide(const struct gcn__conn* conn, char* text) {
  const char* const secrets[] = {conn->engine->keeper.token.text,
                                 conn->flow.ticket};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    if (secrets[i] == NULL || strstr(text, secrets[i]) == NULL) continue;
    text[0] = '\0';
  }
}

/* A no to what the pre-flight has confirmed will not heal by itself; without a
 * pre-flight it may, when the last subscription has ended (PROTOCOL §6.2). */
enum gcn__meaning gcn__flow_sober(const struct gcn__conn* conn,
                                  struct gcn__judgement judgement) {
  enum gcn__meaning meaning = judgement.meaning;
  bool forbidden = judgement.error == GCN_EFORBIDDEN;
  /* One that is forbidden makes the service refuse all. */
  if (forbidden && meaning == GCN__MEANING_STUBBORN && asks(conn)) {
    meaning = GCN__MEANING_STALE_CHANNEL;
  }
  if (meaning != GCN__MEANING_STALE_CHANNEL) return meaning;
  bool checked = conn->flow.checked && !conn->session.stable;
  if (checked) return GCN__MEANING_STUBBORN;
  return asks(conn) ? meaning : GCN__MEANING_WEATHER;
}

/* What a ticket is refused with says nothing of the token. */
static struct gcn__judgement judge(const struct gcn__line* line,
                                   enum gcn__op op, unsigned status,
                                   const struct gcn__json* body) {
  struct gcn__judgement judgement = gcn__stream_judge(op, status, body);
  struct gcn__flow* flow = &line->conn->flow;
  if (judgement.error == GCN_EPOSITION) gcn__cursor_lost(line->conn);
  bool stale = judgement.meaning == GCN__MEANING_STALE_TOKEN;
  if (op == GCN__OP_UPGRADE && stale) flow->refusals++;
  if (op == GCN__OP_UPGRADE && stale && flow->ticket != NULL) {
    /* The second of one attempt is no matter of the ticket. */
    if (flow->refusals == 1) judgement.meaning = GCN__MEANING_STALE_CHANNEL;
    return judgement;
  }
  bool gone = op == GCN__OP_UNSUBSCRIBE && status >= 400 && status < 500 &&
              status != 401 && status != 408 && status != 429;
  if (gone) judgement.meaning = GCN__MEANING_OK; /* it is not there */
  /* The question is still open. */
  bool unasked = judgement.meaning == GCN__MEANING_WEATHER ||
                 judgement.meaning == GCN__MEANING_LIMITED || stale;
  bool attempt = line->conn->session.state == GCN__STATE_SUBSCRIBING;
  /* ... or answered, once for each doubt. */
  if (op == GCN__OP_AUDIT) flow->doubts = unasked && attempt;
  bool streams = op == GCN__OP_UPGRADE || op == GCN__OP_TOPICS;
  if (streams) judgement.meaning = gcn__flow_sober(line->conn, judgement);
  return judgement;
}

static struct gcn__judgement judge_close(struct gcn__conn* conn,
                                         const struct gcn__ws_message* message,
                                         uint64_t* wait_ms) {
  const struct gcn__engine* engine = conn->engine;
  bool lost = false;
  struct gcn__judgement judgement = gcn__stream_judge_close(
      &engine->shape, message->code, gcn__span(message->data, message->size),
      wait_ms, &lost);
  if (lost) gcn__cursor_lost(conn);
  judgement.meaning = gcn__flow_sober(conn, judgement);
  return judgement;
}

static void take_ticket(struct gcn__conn* conn, const struct gcn__json* body) {
  struct gcn__engine* engine = conn->engine;
  struct gcn__span text;
  double life_s = 0;
  const char* why = "";
  int error = gcn__stream_read_ticket(body, &text, &life_s, &why);
  if (error != 0) {
    gcn__answer_malformed(conn, error, GCN__OP_CHANNEL, why,
                          GCN__INPUT_STUBBORN);
    return;
  }
  drop_ticket(conn);
  conn->flow.ticket = gcn__str_copy_n(&engine->mem, text.data, text.size);
  if (conn->flow.ticket == NULL) {
    gcn__answer_malformed(conn, GCN__ENOMEM, GCN__OP_CHANNEL, "out of memory",
                          GCN__INPUT_WEATHER);
    return;
  }
  bool sane = life_s > 0 && life_s < GCN__TOKEN_LIFE_MAX_S;
  uint64_t life_ms =
      (uint64_t)((sane ? life_s : GCN__TOKEN_LIFE_UNKNOWN_S) * 1000);
  /* Not to be used up to its very end. */
  conn->flow.ticket_ends_ms =
      gcn__time_add(engine->now_ms, life_ms - life_ms / 10);
  gcn__conn_post(conn, GCN__INPUT_STEP);
}

static void take_subscription(struct gcn__conn* conn,
                              const struct gcn__json* body) {
  struct gcn__span id = gcn__stream_read_subscription(body);
  struct gcn__channel* channel = &conn->channel;
  conn->flow.posted = true;
  channel->id[0] = '\0';
  if (id.size > 0 && id.size <= GCN__CHANNEL_ID_SIZE_MAX) {
    memcpy(channel->id, id.data, id.size);
    channel->id[id.size] = '\0';
  }
  gcn__conn_post(conn, GCN__INPUT_STEP);
}

static void unsubscribed(struct gcn__conn* conn) {
  forget_stale(conn);
  gcn__conn_post(conn,
                 gcn__conn_streams(conn) ? GCN__INPUT_SYNCED : GCN__INPUT_STEP);
}

static void answered(struct gcn__conn* conn, enum gcn__op op,
                     struct gcn__json* body) {
  if (op == GCN__OP_AUDIT) {
    gcn__preflight_take(conn, body); /* it takes the document */
    return;
  }
  if (op == GCN__OP_CHANNEL) take_ticket(conn, body);
  if (op == GCN__OP_TOPICS) take_subscription(conn, body);
  if (op == GCN__OP_UNSUBSCRIBE) unsubscribed(conn);
  gcn__json_free(body, true);
}

/* Without ids equal events are told apart by nothing but that they come while
 * the service goes back over what it has sent since the position. */
static bool is_repeated(struct gcn__conn* conn,
                        const struct gcn__event* event) {
  struct gcn__shard* shard = gcn__shard_of(conn);
  bool goes_back = conn->flow.resumed || shard->successor != NULL;
  bool known = gcn__seen_add(&shard->unnamed, event->key) == 0;
  return known && goes_back && shard->front != conn;
}

/* With ids a repetition is known for what it is, whichever stream brings it. */
static bool first(struct gcn__conn* conn, const struct gcn__event* event) {
  struct gcn__engine* engine = conn->engine;
  bool named = event->id.size > 0 || engine->id_choice.choose != NULL;
  bool fresh = true;
  /* Without memory twice is better than never. */
  if (gcn__key_is(&event->key)) {
    fresh = named ? gcn__seen_add(&engine->seen, event->key) != 0
                  : !is_repeated(conn, event);
  }
  if (fresh) {
    gcn__cursor_lead(conn);
    return true;
  }
  engine->counters.repeated++;
  gcn__shard_of(conn)->duplicates++;
  return false;
}

const struct gcn__dialect gcn__dialect_stream = {
    .dial = dial,
    .subscribe = subscribe,
    .forget = forget,
    .sync = sync,
    .audit = audit,
    .background = background,
    .probe = probe,
    .write = write,
    .judge = judge,
    .judge_close = judge_close,
    .answered = answered,
    .text = gcn__batches_text,
    .more = gcn__batches_more,
    .pong = pong,
    .ping = ping,
    .verdict = gcn__preflight_next,
    .event = gcn__batches_event,
    .first = first,
    .upgrade_needs_token = true,
};
