/* SPDX-License-Identifier: MIT */
/*
 * The promises of gcnotify.h, asserted where they can be seen.
 */
#include "stream-world.h"

#include "base/time.h"

#include <string.h>

enum {
  HEAP_MAX = 8 * 1024 * 1024,
  IN_FLIGHT_MS = 10000,
  HEARTBEAT_MS = 30000,
  FINAL_MS = 20000,   /* a last event needs less than that */
  MOMENT_MS = 120000, /* in which a stream comes back */
};

/* P16 */
void check_text(struct world* world, const char* text) {
  rule_count(17);
  static const char* const secrets[] = {"s3cr3t", "Bearer", "streaming-",
                                        "Basic"};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    if (strstr(text, secrets[i]) != NULL) {
      world_break(world, "I17, P16: a secret in '%s'", text);
    }
  }
  const char* token =
      world->engine == NULL ? NULL : world->engine->keeper.token.text;
  if (token != NULL && strstr(text, token) != NULL) {
    world_break(world, "I17, P16: a token in '%s'", text);
  }
}

static const struct gcn__settings* settings_of(const struct world* world) {
  return &world->engine->settings;
}

/* P8: only a stream that lasted clears failures. */
static void check_failures(struct world* world, struct shard_view* view,
                           const struct gcn__transition* change) {
  rule_count(9);
  bool cleared = change->failures < view->failures;
  bool lasted =
      change->from == GCN__STATE_STREAMING &&
      world->now_ms - view->stream_since_ms >= settings_of(world)->stable_ms;
  if (cleared && !lasted) {
    world_break(world, "I9, P8: failures went from %llu to %llu without proof",
                (unsigned long long)view->failures,
                (unsigned long long)change->failures);
  }
  view->failures = change->failures;
}

/* P7 */
static void check_wait(struct world* world, struct shard_view* view,
                       const struct gcn__transition* change) {
  const struct gcn__settings* settings = settings_of(world);
  uint64_t asked_ms = 0;
  if (change->failure != NULL && change->failure->retry_after_ms > 0) {
    asked_ms = gcn__time_min((uint64_t)change->failure->retry_after_ms,
                             settings->retry_after_max_ms);
  }
  rule_count(11);
  /* 0: a successor is on its way already. */
  if (change->retry_in_ms > 0 && change->retry_in_ms < asked_ms) {
    world_break(world, "I11, P7: waits %llu ms where the server asked for %llu",
                (unsigned long long)change->retry_in_ms,
                (unsigned long long)asked_ms);
  }
  uint64_t most_ms = settings->retry_cap_ms;
  uint64_t rest_ms = gcn__time_until(world->asked_until_ms, world->now_ms);
  asked_ms = gcn__time_max(asked_ms, rest_ms);
  asked_ms = gcn__time_max(asked_ms, settings->channel_refill_ms);
  most_ms = gcn__time_max(most_ms, asked_ms + asked_ms / 5);
  rule_count(8);
  if (change->retry_in_ms > most_ms) {
    world_break(world, "I8, P7: waits %llu ms, longer than the cap",
                (unsigned long long)change->retry_in_ms);
  }
  /* A driver that yields tells it a little late. */
  bool late = (world->trouble & WORLD_YIELDS) != 0;
  view->retry_at_ms = world->now_ms + change->retry_in_ms - (late ? 20 : 0);
  view->hurried = false;
}

static void note_streaming(struct world* world, struct shard_view* view,
                           unsigned shard) {
  if (world->flow != NULL) {
    flow_streaming(world, shard);
  } else {
    check_streaming(world, shard);
  }
  rules_healed(world, shard);
  view->streamed = true;
  view->stream_since_ms = world->now_ms;
  if (view->first_stream_ms == 0) view->first_stream_ms = world->now_ms;
}

static void note_leaving(struct world* world, struct shard_view* view,
                         const struct gcn__transition* change) {
  const struct gcn__conn* conn = world->engine->shards[change->shard]->primary;
  /* Lost while it was not clear how old the last bytes were. */
  view->unsure = conn != NULL && conn->session.doubtful;
  bool asked = gcn__input_origin(change->input) == GCN__ORIGIN_USER;
  if (world->plan.calm && !asked) {
    world_break(world, "I4: a stream broke in calm weather on %s",
                gcn__input_name(change->input));
  }
}

/* Short states would hardly ever be met by a user who acts now and then. */
static void look_in(struct world* world, enum gcn__state state) {
  bool brief = state == GCN__STATE_CLOSING ||
               state == GCN__STATE_AUTHENTICATING ||
               state == GCN__STATE_REFUSED;
  if (!brief || world->plan.days > 0 || world->plan.calm) return;
  if (world->plan.expiry) return;
  if (world->healed || fate_below(world, 3) > 0) return;
  world->user_ms = world->now_ms + fate_below(world, 300);
}

static void check_change(struct world* world, struct shard_view* view,
                         const struct gcn__transition* change) {
  if (view->stale && change->from != GCN__STATE_IDLE) return;
  view->stale = false;
  if (change->from != view->state) {
    world_break(world, "shard %u changes from %s, but was in %s", change->shard,
                gcn__state_name(change->from), gcn__state_name(view->state));
  }
  check_failures(world, view, change);
  if (change->from == GCN__STATE_STREAMING) note_leaving(world, view, change);
  if (change->from == GCN__STATE_STREAMING) view->left_ms = world->now_ms;
  if (change->to == GCN__STATE_STREAMING) {
    note_streaming(world, view, change->shard);
  }
  if (change->to == GCN__STATE_BACKING_OFF) check_wait(world, view, change);
  const struct gcn__conn* conn = world->engine->shards[change->shard]->primary;
  /* A wish that was under way counts as told. */
  if (change->to == GCN__STATE_REFUSED) {
    view->refused = conn != NULL && conn->commands == 0;
  }
  if (change->to == GCN__STATE_CONNECTING) rule_count(7);
  bool early = change->to == GCN__STATE_CONNECTING && !view->hurried &&
               change->input == GCN__INPUT_RETRY_DUE &&
               world->now_ms < view->retry_at_ms;
  if (early) world_break(world, "I7, P7: an attempt before its time");
  view->state = change->to;
}

void check_state(struct world* world, const struct gcn__effect* effect) {
  const struct gcn__transition* change = &effect->transition;
  world_say(world, "[%u] %s -> %s on %s%s%s", change->shard,
            gcn__state_name(change->from), gcn__state_name(change->to),
            gcn__input_name(change->input), change->failure != NULL ? ": " : "",
            change->failure != NULL ? change->failure->text : "");
  if (change->failure != NULL) check_text(world, change->failure->text);
  if (change->to == GCN__STATE_CLOSED && world->desire != GCN__DESIRE_CLOSED) {
    world_break(world, "P2: CLOSED without being asked");
  }
  rules_change(world, effect);
  check_change(world, &world->shards[change->shard], change);
  look_in(world, change->to);
}

void check_shards(struct world* world) {
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    if (gcn__engine_session(world->engine, i) != NULL) continue;
    world->shards[i] = (struct shard_view){.stale = true};
  }
}

/* P10 */

static void check_order(struct world* world, const struct gcn__event* event,
                        uint64_t sequence) {
  struct stream_view* stream =
      &world->streams[event->connection % WORLD_STREAMS_MAX];
  if (stream->connection != event->connection) {
    *stream = (struct stream_view){.connection = event->connection};
  }
  rule_count(3);
  if (sequence <= stream->sequence) {
    world_break(world, "I3, P10: event %llu after %llu",
                (unsigned long long)sequence,
                (unsigned long long)stream->sequence);
  }
  stream->sequence = sequence;
}

struct sent_event* check_find(const struct world* world, uint64_t sequence) {
  size_t low = 0;
  size_t high = world->sent_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (world->sent[middle].sequence == sequence) return &world->sent[middle];
    if (world->sent[middle].sequence < sequence) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return NULL;
}

/* A stream that was merely reset is there again without a single call. */
static void check_reset(struct world* world, const struct gcn__event* event) {
  if (world->reset_connection == 0) return;
  if (event->connection <= world->reset_connection) return;
  uint64_t calls = service_calls(world) - world->calls;
  world->reset_connection = 0;
  world->resets++;
  if (calls == 0) return;
  world_break(world, "%llu calls before the first event after a reset",
              (unsigned long long)calls);
}

/* What the test of shrinking has to find. */
static bool lose_one(struct world* world, const struct sent_event* sent) {
  bool both = world->plan.planted && world->planted == 3;
  if (!both || !sent->kept || world->healed) return false;
  world->planted = 0;
  return true;
}

/* Each once, none invented, in order per connection. */
void check_event(struct world* world, const struct gcn__event* event) {
  world->told_count++;
  if (world->flow != NULL) {
    flow_event(world, event);
    return;
  }
  uint64_t sequence = 0;
  if (!gcn__sim_sequence(event->correlation_id, &sequence)) {
    world_break(world, "I2, P10: an event that the service never made");
    return;
  }
  world_say(world, "event %llu over connection %llu",
            (unsigned long long)sequence,
            (unsigned long long)event->connection);
  if (event->sequence != world->client_sequence + 1) {
    world_break(world, "P10: the client's own count is broken");
  }
  world->client_sequence = event->sequence;
  check_reset(world, event);
  check_order(world, event, sequence);
  struct sent_event* sent = check_find(world, sequence);
  if (sent == NULL) {
    if (world->sent_count == WORLD_EVENTS_MAX) return;
    world_break(world, "I2, P10: event %llu was never sent",
                (unsigned long long)sequence);
    return;
  }
  rule_count(2);
  if (sent->delivered) {
    world_break(world, "I2, P10: event %llu was delivered twice",
                (unsigned long long)sequence);
  }
  if (lose_one(world, sent)) return;
  sent->delivered = true;
  if (sent->shard == GCN__SHARD_NONE) return;
  struct shard_view* view = &world->shards[sent->shard];
  const struct gcn__conn* conn = world->engine->shards[sent->shard]->primary;
  bool leads = conn != NULL && conn->connection == event->connection;
  if (!leads || view->state != GCN__STATE_STREAMING) return;
  view->last_event_ms = sent->at_ms;
}

/* A connection that was replaced may have been in doubt, too. */
static bool is_doubtful(const struct world* world, unsigned shard) {
  unsigned slot = 0;
  const struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(world->engine, &slot)) != NULL) {
    if (conn->shard == shard && conn->session.doubtful) return true;
  }
  return false;
}

/* P11, the part about being no longer than needed. */
static void check_length(struct world* world, const struct gcn__gap* gap) {
  uint64_t proof_ms = gap->from_ms + settings_of(world)->latency_max_ms;
  bool paused = proof_ms + HEARTBEAT_MS >= world->paused_ms &&
                gap->from_ms <= world->resumed_ms;
  if (paused || is_doubtful(world, gap->shard)) return;
  const struct shard_view* view = &world->shards[gap->shard];
  uint64_t slack_ms =
      settings_of(world)->latency_max_ms + world->tempo * HEARTBEAT_MS;
  if (view->unsure || view->last_event_ms <= gap->from_ms + slack_ms) return;
  world_break(world, "P11: a gap begins %llu ms before the last event",
              (unsigned long long)(view->last_event_ms - gap->from_ms));
}

void check_gap(struct world* world, const struct gcn__gap* gap) {
  world_say(world, "gap of shard %u%s: %.3f to %.3f after %s", gap->shard,
            gap->partial ? ", partial" : "", (double)gap->from_ms / 1000,
            (double)gap->to_ms / 1000, gcn__input_name(gap->cause));
  if (gap->to_ms < gap->from_ms || gap->to_ms > world->now_ms) {
    world_break(world, "P11: a gap that is no interval");
  }
  if (world->flow != NULL) {
    flow_gap(world, gap);
    return;
  }
  bool possible = gap->certainty == GCN__CERTAINTY_POSSIBLE;
  bool drifted = gap->cause == GCN__INPUT_DRIFTED;
  if (possible != drifted || (gap->partial && !possible)) {
    world_break(world, "P11: a gap that is neither blind nor drifted");
  }
  if (possible) world->drift_gaps++;
  if (!possible) check_length(world, gap);
  if (world->plan.calm) rule_count(4);
  if (world->plan.calm && gap->cause != GCN__INPUT_STOP) {
    world_break(world, "I4: a gap although nothing could be lost");
  }
  if (world->gap_count < WORLD_GAPS_MAX) {
    world->gaps[world->gap_count++] = *gap;
  }
}

void check_rotation(struct world* world, const struct gcn__rotation* rotation) {
  world_say(world, "rotation of shard %u on %s: %s, %llu ms, %llu twice",
            rotation->shard, gcn__input_name(rotation->cause),
            rotation->proven ? "proven" : "with a gap",
            (unsigned long long)rotation->overlap_ms,
            (unsigned long long)rotation->duplicates);
  world->rotations_told++;
  if (world->plan.calm) rule_count(4);
  if (world->plan.calm && !rotation->proven) {
    world_break(world, "I4: a rotation in calm weather was not proven");
  }
}

/* After every turn. */

static void check_armed(struct world* world) {
  bool wanted = world->desire == GCN__DESIRE_STREAMING;
  if (!wanted || gcn__engine_busy(world->engine)) return;
  if (gcn__engine_deadline(world->engine) != GCN__NEVER) return;
  unsigned index = 0;
  const struct gcn__shard* shard;
  while ((shard = gcn__shard_next(world->engine, &index)) != NULL) {
    enum gcn__state state = shard->primary->session.state;
    if (state == GCN__STATE_REFUSED) continue;
    world_break(world, "I24, P3: wanted, but nothing is armed in %s",
                gcn__state_name(state));
  }
}

static void check_told(struct world* world) {
  if (gcn__engine_busy(world->engine)) return;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    const struct gcn__session* session = gcn__engine_session(world->engine, i);
    if (session == NULL || world->shards[i].stale) continue;
    if (session->state == world->shards[i].state) continue;
    world_break(world, "shard %u is in %s, which was not told", i,
                gcn__state_name(session->state));
  }
}

void check_turn(struct world* world) {
  struct gcn__engine* engine = world->engine;
  check_token(world);
  check_armed(world);
  check_told(world);
  rules_turn(world);
  enum gcn__state state = gcn__engine_state(engine);
  bool rests = state == GCN__STATE_IDLE || state == GCN__STATE_CLOSED;
  if (!rests && world->now_ms > world->leave_by_ms) {
    world_break(world, "P5: stop takes longer than its deadline");
  }
  if (rests) world->leave_by_ms = GCN__NEVER;
  rule_count(31);
  if (world->heap_now > HEAP_MAX) {
    world_break(world, "I31, P14: %zu bytes on the heap", world->heap_now);
  }
  if (gcn__engine_busy(engine) && !(world->trouble & WORLD_YIELDS)) {
    world_break(world, "the engine is busy after it was drained");
  }
}

/* P11 and P15, at the end. */

static bool inside_gap(const struct world* world,
                       const struct sent_event* event) {
  for (size_t i = 0; i < world->gap_count; i++) {
    const struct gcn__gap* gap = &world->gaps[i];
    if (gap->shard != event->shard) continue;
    if (event->at_ms >= gap->from_ms && event->at_ms <= gap->to_ms) return true;
  }
  const struct gcn__gaps* gaps = &world->engine->shards[event->shard]->gaps;
  return gaps->open && event->at_ms >= gaps->current.from_ms;
}

static bool is_missed(const struct world* world,
                      const struct sent_event* event) {
  if (!event->kept || event->delivered) return false;
  if (event->sequence >= world->final_sequence) {
    return event->at_ms + FINAL_MS < world->now_ms && !inside_gap(world, event);
  }
  uint64_t settled_ms = world->now_ms - IN_FLIGHT_MS;
  uint64_t first_ms = world->shards[event->shard].first_stream_ms;
  if (event->at_ms <= first_ms || event->at_ms >= settled_ms) return false;
  /* What a channel had lost unseen when it was given up, or when its topics
   * were put for another reason, nobody can know. */
  bool drifts = (world->trouble & WORLD_DRIFTS) != 0;
  if (event->orphan && drifts && !world->plan.drift) return false;
  return !inside_gap(world, event);
}

static void check_losses(struct world* world) {
  for (size_t i = 0; i < world->sent_count; i++) {
    const struct sent_event* event = &world->sent[i];
    rule_count(1);
    if (!is_missed(world, event)) continue;
    bool last = event->sequence >= world->final_sequence;
    world_break(world, "%s: event %llu of shard %u at %.3f s is lost%s",
                last ? "I6, P15" : "I1, P11",
                (unsigned long long)event->sequence, (unsigned)event->shard,
                (double)event->at_ms / 1000, last ? "" : " outside every gap");
    return;
  }
}

/* P6: the channels were usable all the time. */
static void check_resets(struct world* world,
                         const struct gcn__sim_counters* counters) {
  if (!world->plan.resets) return;
  if (world->resets == 0) world_break(world, "no stream was ever reset");
  if (counters->channels == gcn__engine_shard_count(world->engine)) return;
  world_break(world, "P6: %llu channels were made, although all were usable",
              (unsigned long long)counters->channels);
}

void check_end(struct world* world) {
  if (world->flow != NULL) {
    flow_end(world);
    return;
  }
  unsigned index = 0;
  const struct gcn__shard* shard;
  while ((shard = gcn__shard_next(world->engine, &index)) != NULL) {
    enum gcn__state state = shard->primary->session.state;
    const struct shard_view* view = &world->shards[index - 1];
    /* A short-lived channel may just have ended. */
    bool moment = view->left_ms + MOMENT_MS > world->now_ms;
    bool there = state == GCN__STATE_STREAMING || moment;
    rule_count(6);
    if (view->streamed && there) continue;
    world_break(world, "I38, P15: after minutes of good weather in %s",
                gcn__state_name(state));
  }
  if (world->engine->counters.nevers != 0) {
    world_break(world, "a NEVER cell was met");
  }
  check_losses(world);
  rules_end(world);
  struct gcn__sim_counters counters;
  gcn__sim_counters(world->sim, &counters);
  check_resets(world, &counters);
  bool drifted = world->plan.drift && counters.subscriptions_drifted > 0;
  if (drifted && world->drift_gaps == 0) {
    world_break(world, "P11: topics drifted, and no gap told of it");
  }
  if (world->plan.calm && counters.channels_evicted_open > 0) {
    world_break(world, "I4: an open channel was evicted");
  }
}
