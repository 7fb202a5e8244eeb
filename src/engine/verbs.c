/* SPDX-License-Identifier: MIT */
/*
 * What the table's verbs do with bytes.
 *
 * Each verb is one function; gcn__engine_perform runs them in the order of
 * GCN__VERB_MAP and tells the change of state last.
 */
#include "engine/internal.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/time.h"

static bool usable_token(const struct gcn__engine* engine) {
  return gcn__token_usable(&engine->token, engine->settings.token_margin_ms,
                           engine->now_ms);
}

/* What was about to be said by this attempt is stale with it. */
static void do_drop(struct gcn__engine* engine, enum gcn__input input) {
  bool abort = gcn__input_origin(input) == GCN__ORIGIN_TIMER;
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    gcn__engine_drop(engine, (enum gcn__wire_index)i, abort);
  }
  engine->inbox_count = 0;
  engine->confirmed = false;
  engine->api_idle_ms = GCN__NEVER;
}

static void await_wire(struct gcn__engine* engine, enum gcn__wire_index index,
                       const struct gcn__url* url) {
  engine->awaited |= 1u << index;
  gcn__engine_open(engine, index, url);
}

/* Opens links to every host that this attempt will need, side by side. */
static void do_dial(struct gcn__engine* engine) {
  gcn__failure_clear(engine);
  engine->awaited = 0;
  if (engine->channel.failures >= GCN__CHANNEL_FAILURES_MAX) {
    gcn__channel_forget(engine);
  }
  if (!usable_token(engine) && !engine->login_refused) {
    await_wire(engine, GCN__WIRE_LOGIN, &engine->login);
  }
  await_wire(engine, GCN__WIRE_API, &engine->api);
  if (engine->channel.known) {
    await_wire(engine, GCN__WIRE_STREAM, &engine->channel.uri);
  }
}

void gcn__engine_ready(struct gcn__engine* engine, enum gcn__wire_index index) {
  unsigned bit = 1u << index;
  if (!(engine->awaited & bit)) return;
  engine->awaited &= ~bit;
  if (engine->awaited == 0) gcn__engine_post(engine, GCN__INPUT_LINKED);
}

/* What was asked before is moot: the credentials, the token or the channel that
 * it was asked with are not the present ones.  Its answer must not be taken for
 * the next one's. */
static void cancel_calls(struct gcn__engine* engine) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    if (engine->calls[i].op == GCN__OP_NONE) continue;
    gcn__engine_drop(engine, (enum gcn__wire_index)i, true);
  }
}

/* The final no came while a stream was up and needed no token. */
static void tell_refusal(struct gcn__engine* engine) {
  gcn__failure_set(engine, GCN_EAUTH, GCN__LAYER_SERVICE, GCN__OP_TOKEN,
                   "the login service has refused the credentials; give new "
                   "ones or start again");
  gcn__engine_post(engine, GCN__INPUT_REFUSED);
}

static void do_auth(struct gcn__engine* engine) {
  cancel_calls(engine);
  if (usable_token(engine)) {
    gcn__engine_post(engine, GCN__INPUT_TOKEN);
  } else if (engine->login_refused) {
    tell_refusal(engine);
  } else {
    gcn__call_begin(engine, GCN__OP_TOKEN);
  }
}

/* A new channel may evict somebody else's, so it has a budget. */
static void begin_channel(struct gcn__engine* engine) {
  uint64_t wait_ms = gcn__budget_take(&engine->channel_budget, engine->now_ms);
  if (wait_ms == 0) {
    gcn__call_begin(engine, GCN__OP_CHANNEL);
    return;
  }
  gcn__failure_set(engine, GCN_ELIMIT, GCN__LAYER_CLIENT, GCN__OP_CHANNEL,
                   "too many new channels in a short time; waiting before the "
                   "next");
  engine->session.asked_ms = wait_ms;
  gcn__engine_post(engine, GCN__INPUT_LIMITED);
}

/* The steps in their order: channel, socket, topics.  Connecting first loses
 * nothing that fires between subscription and socket (PROTOCOL §3.1). */
static void do_subscribe(struct gcn__engine* engine) {
  cancel_calls(engine);
  if (!engine->channel.known) {
    begin_channel(engine);
  } else if (engine->wires[GCN__WIRE_STREAM].phase != GCN__WIRE_OPEN) {
    gcn__call_begin(engine, GCN__OP_UPGRADE);
  } else if (!engine->confirmed) {
    gcn__call_begin(engine, GCN__OP_TOPICS);
  } else {
    gcn__engine_post(engine, GCN__INPUT_CONFIRMED);
  }
}

static void end_gap(struct gcn__engine* engine) {
  struct gcn__gap gap;
  if (!gcn__gaps_end(&engine->session.gaps, engine->now_ms, &gap)) return;
  engine->counters.gaps++;
  engine->counters.gap_ms += gap.to_ms - gap.from_ms;
  engine->counters.last_outage_ms = engine->now_ms - engine->lost_ms;
  gcn__engine_emit(engine, GCN__EFFECT_GAP)->gap = gap;
}

static void do_confirm(struct gcn__engine* engine) {
  engine->counters.streams++;
  engine->channel.failures = 0;
  end_gap(engine);
  gcn__failure_clear(engine);
  gcn__engine_drop(engine, GCN__WIRE_LOGIN, false);
  engine->api_idle_ms = gcn__time_add(engine->now_ms, GCN__API_IDLE_MS);
  if (engine->topics.revision != engine->sent_revision) {
    gcn__engine_post(engine, GCN__INPUT_TOPICS);
  }
}

static void do_sync(struct gcn__engine* engine) {
  bool busy = engine->calls[GCN__WIRE_API].op != GCN__OP_NONE ||
              engine->calls[GCN__WIRE_LOGIN].op != GCN__OP_NONE;
  if (busy) {
    engine->resync = true;
    return;
  }
  engine->resync = false;
  bool held = usable_token(engine);
  if (!held && engine->login_refused) return; /* new credentials try again */
  engine->api_idle_ms = gcn__time_add(engine->now_ms, GCN__API_IDLE_MS);
  gcn__call_begin(engine, held ? GCN__OP_TOPICS : GCN__OP_TOKEN);
}

static void do_deliver(struct gcn__engine* engine) {
  const struct gcn__envelope* message = &engine->message;
  engine->counters.events++;
  engine->counters.event_bytes += engine->message_text.size;
  engine->counters.last_event_ms = engine->now_ms;
  gcn__engine_emit(engine, GCN__EFFECT_EVENT)->event = (struct gcn__event){
      .topic = message->topic,
      .body = message->body,
      .correlation_id = message->correlation_id,
      .version = message->version,
      .message = engine->message_text,
      .sequence = engine->counters.events,
      .generation = engine->channel.generation,
      .connection = engine->connection,
  };
}

void gcn__engine_probe(struct gcn__engine* engine) {
  struct gcn__wire* wire = &engine->wires[GCN__WIRE_STREAM];
  if (wire->phase != GCN__WIRE_OPEN) return;
  int error = gcn__wire_write_frame(wire, &engine->scratch, GCN__WS_TEXT,
                                    gcn__channels_ping());
  /* If even this fails, the silence deadline judges. */
  if (error != 0) return;
  engine->ping_ms = engine->now_ms;
  engine->pings++;
}

static void do_goodbye(struct gcn__engine* engine) {
  engine->inbox_count = 0;
  engine->confirmed = false;
  engine->api_idle_ms = GCN__NEVER;
  gcn__engine_drop(engine, GCN__WIRE_LOGIN, true);
  gcn__engine_drop(engine, GCN__WIRE_API, true);
  struct gcn__wire* wire = &engine->wires[GCN__WIRE_STREAM];
  if (wire->phase == GCN__WIRE_OPEN && !wire->ended) {
    int error =
        gcn__wire_write_close(wire, &engine->scratch, GCN__WS_CLOSE_NORMAL);
    if (error == 0) return;
  }
  gcn__engine_drop(engine, GCN__WIRE_STREAM, true);
  gcn__engine_post(engine, GCN__INPUT_DRAINED);
}

static void tell_state(struct gcn__engine* engine, enum gcn__input input,
                       const struct gcn__step* step) {
  const struct gcn__session* session = &engine->session;
  enum gcn__origin origin = gcn__input_origin(input);
  bool failed = engine->failure.error != 0 &&
                (origin == GCN__ORIGIN_PEER || origin == GCN__ORIGIN_TIMER);
  bool waits = step->to == GCN__STATE_BACKING_OFF;
  gcn__engine_emit(engine, GCN__EFFECT_STATE)->transition =
      (struct gcn__transition){
          .from = step->from,
          .to = step->to,
          .input = input,
          .failure = failed ? &engine->failure : NULL,
          .attempt = session->attempt_count,
          .failures = session->failures,
          .retry_in_ms = waits ? session->delay_ms : 0,
      };
}

static void note_loss(struct gcn__engine* engine,
                      const struct gcn__step* step) {
  bool was = step->from == GCN__STATE_STREAMING;
  if (was && step->to != GCN__STATE_STREAMING) {
    engine->lost_ms = engine->session.proof_ms;
  }
}

/* A deadline passed while only the streaming host was waited for. */
static void note_slow_host(struct gcn__engine* engine) {
  const struct gcn__wire* stream = &engine->wires[GCN__WIRE_STREAM];
  bool api_well = engine->wires[GCN__WIRE_API].phase == GCN__WIRE_READY;
  bool waiting = stream->phase == GCN__WIRE_DIALLING ||
                 stream->phase == GCN__WIRE_SHAKING ||
                 engine->calls[GCN__WIRE_STREAM].op == GCN__OP_UPGRADE;
  if (api_well && waiting) engine->channel.failures++;
}

void gcn__engine_perform(struct gcn__engine* engine, enum gcn__input input,
                         const struct gcn__step* step) {
  uint32_t verbs = step->verbs;
  note_loss(engine, step);
  if (gcn__input_origin(input) == GCN__ORIGIN_TIMER) note_slow_host(engine);
  if (verbs & GCN__VERB_DROP) do_drop(engine, input);
  if (verbs & GCN__VERB_REJECT) gcn__token_reject(&engine->token);
  if (verbs & GCN__VERB_FORGET) gcn__channel_forget(engine);
  if (verbs & GCN__VERB_DIAL) do_dial(engine);
  if (verbs & GCN__VERB_AUTH) do_auth(engine);
  if (verbs & GCN__VERB_SUBSCRIBE) do_subscribe(engine);
  if (verbs & GCN__VERB_CONFIRM) do_confirm(engine);
  if (verbs & GCN__VERB_SYNC) do_sync(engine);
  if (verbs & GCN__VERB_DELIVER) do_deliver(engine);
  if (verbs & GCN__VERB_PROBE) gcn__engine_probe(engine);
  if (verbs & GCN__VERB_GOODBYE) do_goodbye(engine);
  if (input == GCN__INPUT_HEARTBEAT && step->to == GCN__STATE_STREAMING) {
    gcn__engine_emit(engine, GCN__EFFECT_HEARTBEAT);
  }
  if (step->from != step->to) tell_state(engine, input, step);
}
