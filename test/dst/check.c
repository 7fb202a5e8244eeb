/* SPDX-License-Identifier: MIT */
/*
 * The promises of gcnotify.h, asserted where they can be seen.
 */
#include "world.h"

#include "base/time.h"

#include <string.h>

enum {
  HEAP_MAX = 6 * 1024 * 1024,
  IN_FLIGHT_MS = 10000,
  HEARTBEAT_MS = 30000,
};

static uint64_t hash_of(struct gcn__span bytes) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < bytes.size; i++) {
    hash = (hash ^ (unsigned char)bytes.data[i]) * UINT64_C(0x100000001b3);
  }
  return hash;
}

/* P16 */
void check_text(struct world* world, const char* text) {
  static const char* const secrets[] = {"s3cr3t", "Bearer", "streaming-",
                                        "Basic"};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    if (strstr(text, secrets[i]) != NULL) {
      world_break(world, "P16: a secret in '%s'", text);
    }
  }
}

static void check_streaming(struct world* world) {
  if (world->upgrade_ms == 0 || world->put_ms < world->upgrade_ms) {
    world_break(world, "P1: STREAMING without confirmed topics");
  }
  world->streamed = true;
  world->stream_since_ms = world->now_ms;
  if (world->first_stream_ms == 0) world->first_stream_ms = world->now_ms;
}

/* P8: only a stream that lasted clears failures. */
static void check_failures(struct world* world,
                           const struct gcn__transition* change) {
  bool cleared = change->failures < world->failures;
  bool lasted = change->from == GCN__STATE_STREAMING &&
                world->now_ms - world->stream_since_ms >=
                    world->engine->settings.stable_ms;
  if (cleared && !lasted) {
    world_break(world, "P8: failures went from %llu to %llu without proof",
                (unsigned long long)world->failures,
                (unsigned long long)change->failures);
  }
  world->failures = change->failures;
}

/* P7 */
static void check_wait(struct world* world,
                       const struct gcn__transition* change) {
  const struct gcn__settings* settings = &world->engine->settings;
  uint64_t asked_ms = 0;
  if (change->failure != NULL && change->failure->retry_after_ms > 0) {
    asked_ms = gcn__time_min((uint64_t)change->failure->retry_after_ms,
                             settings->retry_after_max_ms);
  }
  if (change->retry_in_ms < asked_ms) {
    world_break(world, "P7: waits %llu ms where the server asked for %llu",
                (unsigned long long)change->retry_in_ms,
                (unsigned long long)asked_ms);
  }
  uint64_t most_ms = settings->retry_cap_ms;
  uint64_t budget_ms = settings->channel_refill_ms;
  if (asked_ms < budget_ms) asked_ms = budget_ms;
  if (most_ms < asked_ms + asked_ms / 5) most_ms = asked_ms + asked_ms / 5;
  if (change->retry_in_ms > most_ms) {
    world_break(world, "P7: waits %llu ms, longer than the cap",
                (unsigned long long)change->retry_in_ms);
  }
  /* A driver that yields tells it a little late: the timer counts. */
  uint64_t due_ms =
      gcn__engine_session(world->engine)->deadlines_ms[GCN__TIMER_RETRY];
  world->retry_at_ms =
      gcn__time_min(world->now_ms + change->retry_in_ms, due_ms);
  world->hurried = false;
}

void check_state(struct world* world, const struct gcn__transition* change) {
  world_say(world, "%s -> %s on %s%s%s", gcn__state_name(change->from),
            gcn__state_name(change->to), gcn__input_name(change->input),
            change->failure != NULL ? ": " : "",
            change->failure != NULL ? change->failure->text : "");
  if (change->failure != NULL) check_text(world, change->failure->text);
  if (change->from != world->state) {
    world_break(world, "a change of state from where it was not");
  }
  if (change->to == GCN__STATE_CLOSED && world->desire != GCN__DESIRE_CLOSED) {
    world_break(world, "P2: CLOSED without being asked");
  }
  check_failures(world, change);
  if (change->from == GCN__STATE_STREAMING) {
    /* Lost while it was not clear how old the last bytes were. */
    world->unsure = gcn__engine_session(world->engine)->doubtful;
  }
  if (change->to == GCN__STATE_STREAMING) check_streaming(world);
  if (change->to == GCN__STATE_BACKING_OFF) check_wait(world, change);
  /* A wish that was under way counts as told. */
  if (change->to == GCN__STATE_REFUSED) {
    world->refused = world->engine->commands == 0;
  }
  if (change->to == GCN__STATE_CONNECTING && !world->hurried &&
      change->from == GCN__STATE_BACKING_OFF &&
      world->now_ms < world->retry_at_ms) {
    world_break(world, "P7: an attempt before its time");
  }
  world->state = change->to;
  /* Short states would hardly ever be met by a user who acts now and then. */
  bool brief = change->to == GCN__STATE_CLOSING ||
               change->to == GCN__STATE_AUTHENTICATING ||
               change->to == GCN__STATE_REFUSED;
  if (brief && gcn__rng_below(&world->rng, 3) == 0) {
    world->user_ms = world->now_ms + gcn__rng_below(&world->rng, 300);
  }
  bool rests = change->to == GCN__STATE_IDLE || change->to == GCN__STATE_CLOSED;
  if (rests) world->leave_by_ms = GCN__NEVER;
}

void check_open(struct world* world, enum gcn__wire_index wire) {
  if (world->desire != GCN__DESIRE_STREAMING &&
      gcn__engine_session(world->engine)->desire != GCN__DESIRE_STREAMING) {
    world_break(world, "P4: dials although nothing is wanted");
  }
  if (world->refused) {
    world_break(world, "P4: dials after a final refusal");
  }
  if (network_link(world, wire) != NULL) {
    world_break(world, "P6: two links for one wire");
  }
}

/* P10: in the service's order, each once, none invented. */
void check_event(struct world* world, const struct gcn__event* event) {
  uint64_t sequence = 0;
  if (!gcn__sim_sequence(event->correlation_id, &sequence)) {
    world_break(world, "P10: an event that the service never made");
    return;
  }
  world_say(world, "event %llu", (unsigned long long)sequence);
  if (event->sequence != world->client_sequence + 1) {
    world_break(world, "P10: the client's own count is broken");
  }
  world->client_sequence = event->sequence;
  if (sequence <= world->last_sequence) {
    world_break(world, "P10: event %llu after %llu",
                (unsigned long long)sequence,
                (unsigned long long)world->last_sequence);
  }
  world->last_sequence = sequence;
  if (sequence == 0 || world->sent_count == WORLD_EVENTS_MAX) return;
  /* The log is in order of sequence numbers: search from the end. */
  for (size_t i = world->sent_count; i > 0; i--) {
    if (world->sent[i - 1].sequence != sequence) continue;
    world->sent[i - 1].delivered = true;
    bool counts = world->state == GCN__STATE_STREAMING;
    if (counts) world->last_event_ms = world->sent[i - 1].at_ms;
    return;
  }
  world_break(world, "P10: event %llu was never sent",
              (unsigned long long)sequence);
}

void check_gap(struct world* world, const struct gcn__gap* gap) {
  world_say(world, "gap %.3f to %.3f after %s", (double)gap->from_ms / 1000,
            (double)gap->to_ms / 1000, gcn__input_name(gap->cause));
  if (gap->to_ms < gap->from_ms || gap->to_ms > world->now_ms) {
    world_break(world, "P11: a gap that is no interval");
  }
  /* An event that came proves that nothing was blind when it was made. */
  const struct gcn__settings* settings = &world->engine->settings;
  bool sure = !world->unsure;
  if (sure && world->last_event_ms >
                  gap->from_ms + settings->latency_max_ms + HEARTBEAT_MS) {
    world_break(world, "P11: a gap begins %llu ms before the last event",
                (unsigned long long)(world->last_event_ms - gap->from_ms));
  }
  if (world->gap_count < WORLD_GAPS_MAX) {
    world->gaps[world->gap_count++] = *gap;
  }
}

/* --- P9 ------------------------------------------------------------------- */

static struct gcn__span find_bearer(struct gcn__span bytes) {
  static const char mark[] = "Authorization: Bearer ";
  const char* at = memmem(bytes.data, bytes.size, mark, sizeof mark - 1);
  if (at == NULL) return (struct gcn__span){NULL, 0};
  at += sizeof mark - 1;
  const char* end = bytes.data + bytes.size;
  const char* stop = memchr(at, '\r', (size_t)(end - at));
  return gcn__span(at, (size_t)((stop == NULL ? end : stop) - at));
}

void check_upload(struct world* world, struct link* link,
                  struct gcn__span bytes) {
  struct gcn__span token = find_bearer(bytes);
  if (token.data == NULL) return;
  link->bearer = hash_of(token);
  unsigned count = world->rejected_count < 64 ? world->rejected_count : 64;
  for (unsigned i = 0; i < count; i++) {
    if (world->rejected[i] == link->bearer) {
      world_break(world, "P9: a rejected token was used again");
    }
  }
}

void check_download(struct world* world, struct link* link,
                    struct gcn__span bytes) {
  if (link->wire != GCN__WIRE_API || link->bearer == 0) return;
  if (!gcn__span_starts(bytes, "HTTP/1.1 401")) return;
  world->accused = link->bearer;
}

/* An answer counts only when it is whole, and the engine is the one to know:
 * it must then have let go of the token. */
static void check_token(struct world* world) {
  const char* text = world->engine->token.text;
  if (world->accused == 0) return;
  if (text != NULL && hash_of(gcn__span_str(text)) == world->accused) return;
  world->rejected[world->rejected_count++ % 64] = world->accused;
  world->accused = 0;
}

void check_turn(struct world* world) {
  struct gcn__engine* engine = world->engine;
  check_token(world);
  bool busy = gcn__engine_busy(engine);
  if (!busy && gcn__engine_state(engine) != world->state) {
    world_break(world, "a change of state that was not told");
  }
  bool wanted = world->desire == GCN__DESIRE_STREAMING;
  if (wanted && !busy && world->state != GCN__STATE_REFUSED &&
      gcn__engine_deadline(engine) == GCN__NEVER) {
    world_break(world, "P3: wanted, but nothing is armed in %s",
                gcn__state_name(world->state));
  }
  bool rests =
      world->state == GCN__STATE_IDLE || world->state == GCN__STATE_CLOSED;
  if (!rests && world->now_ms > world->leave_by_ms) {
    world_break(world, "P5: stop takes longer than its deadline");
  }
  if (world->heap_now > HEAP_MAX) {
    world_break(world, "P14: %zu bytes on the heap", world->heap_now);
  }
  if (busy && !(world->trouble & WORLD_YIELDS)) {
    world_break(world, "the engine is busy after it was drained");
  }
}

/* --- P11 and P15 ---------------------------------------------------------- */

static bool inside_gap(const struct world* world, uint64_t at_ms) {
  for (size_t i = 0; i < world->gap_count; i++) {
    const struct gcn__gap* gap = &world->gaps[i];
    if (at_ms >= gap->from_ms && at_ms <= gap->to_ms) return true;
  }
  const struct gcn__gaps* gaps = &gcn__engine_session(world->engine)->gaps;
  return gaps->open && at_ms >= gaps->current.from_ms;
}

void check_end(struct world* world) {
  if (!world->streamed) {
    world_break(world, "P15: no stream in 6 minutes of good weather; now %s",
                gcn__state_name(world->state));
    return;
  }
  if (gcn__engine_session(world->engine)->never_count != 0) {
    world_break(world, "a NEVER cell was met");
  }
  uint64_t settled_ms = world->now_ms - IN_FLIGHT_MS;
  for (size_t i = 0; i < world->sent_count; i++) {
    const struct sent_event* event = &world->sent[i];
    if (!event->kept || event->delivered) continue;
    if (event->at_ms <= world->first_stream_ms) continue;
    if (event->at_ms >= settled_ms) continue;
    if (inside_gap(world, event->at_ms)) continue;
    world_break(world, "P11: event %llu of %.3f s is lost outside every gap",
                (unsigned long long)event->sequence,
                (double)event->at_ms / 1000);
    return;
  }
}
