/* SPDX-License-Identifier: MIT */
/*
 * The invariants of FAULTS.md, section 5, that are no promise of gcnotify.h:
 * those are looked at in check.c, check-wire.c and stream-check.c.
 */
#include "stream-world.h"

#include "base/time.h"

#include <string.h>

enum {
  MINUTE_MS = 60 * 1000,
  LOOPS_MAX = 8, /* back to AUTHENTICATING, in one attempt, by others too */
  SILENT_MAX_MS = 50000,       /* a dead peer is noticed by then ... */
  SILENT_FLOW_MAX_MS = 100000, /* ... or by unanswered pings */
  HEARD_MIN_MS = 10000,        /* a peer that was heard since is not dead */
  WAKES_PER_MINUTE_MAX = 4,    /* of each connection */
  HANDSHAKES_MS = 30000,
  FRAME_PING = 9,
  FRAME_PONG = 10,
  FRAME_CLOSE = 8,
  LENGTH_16 = 126,
};

uint64_t rules_checked[RULE_COUNT];
uint64_t rules_broken[RULE_COUNT];

/* I14, I25, I40: what is told of a change. */

static bool is_edge(enum gcn__state from, enum gcn__state to) {
  for (int i = 0; i < GCN__INPUT_COUNT; i++) {
    struct gcn__cell cell = gcn__fsm_cell(from, (enum gcn__input)i);
    if (cell.kind == GCN__CELL_ENTER && cell.next == to) return true;
  }
  return false;
}

/* What the user did may be told in place of the input that came of it. */
static void check_edge(struct world* world,
                       const struct gcn__transition* change) {
  struct gcn__cell cell = gcn__fsm_cell(change->from, change->input);
  bool edge = cell.kind == GCN__CELL_ENTER && cell.next == change->to;
  bool told = gcn__input_origin(change->input) == GCN__ORIGIN_USER ||
              change->input == GCN__INPUT_RETIRE;
  rule_count(25);
  if (edge || (told && is_edge(change->from, change->to))) return;
  world_break(world, "I25: %s -> %s on %s is no edge of the table",
              gcn__state_name(change->from), gcn__state_name(change->to),
              gcn__input_name(change->input));
}

static void check_class(struct world* world,
                        const struct gcn__transition* change) {
  const struct gcn__failure* failure = change->failure;
  if (failure == NULL) return;
  rule_count(40);
  bool classed = failure->error < 0 && failure->layer > GCN__LAYER_NONE &&
                 failure->layer <= GCN__LAYER_PROXY;
  bool acted = change->to != GCN__STATE_STREAMING;
  if (classed && acted && failure->text[0] != '\0') return;
  world_break(world, "I40: error %d of layer %d leads to %s: '%s'",
              failure->error, (int)failure->layer, gcn__state_name(change->to),
              failure->text);
}

/* An attempt ends or gets on; it does not turn in circles. */
static void check_circle(struct world* world,
                         const struct gcn__transition* change) {
  struct shard_view* view = &world->shards[change->shard];
  bool back = change->from == GCN__STATE_SUBSCRIBING &&
              change->to == GCN__STATE_AUTHENTICATING;
  if (world->trouble & WORLD_INJECTS) return;
  rule_count(14);
  view->loops = back ? view->loops + 1 : view->loops;
  if (change->to == GCN__STATE_CONNECTING) view->loops = 0;
  if (change->to == GCN__STATE_STREAMING) view->loops = 0;
  if (view->loops <= LOOPS_MAX) return;
  world_break(world, "I14: shard %u begins anew for the %uth time, unwaited",
              change->shard, view->loops);
}

/* I22 */
static void check_alive(struct world* world, const struct gcn__effect* effect) {
  const struct gcn__transition* change = &effect->transition;
  bool excused = (world->trouble & (WORLD_INJECTS | WORLD_PAUSES)) != 0;
  excused = excused || world->stuck;
  if (change->from != GCN__STATE_STREAMING || excused) return;
  rule_count(22);
  if (change->input != GCN__INPUT_SILENCE_DUE) return;
  /* Its shard may have another stream by now; the effect names the old one. */
  if (gcn__wire_role(effect->wire) != GCN__WIRE_STREAM) {
    world_break(world, "I22: given up, and it is not told which stream");
    return;
  }
  uint64_t silent_ms = world->now_ms - world->wires[effect->wire].heard_ms;
  if (silent_ms >= HEARD_MIN_MS) return;
  world_break(world, "I22: wire %d was silent for %llu ms, and given up",
              (int)effect->wire, (unsigned long long)silent_ms);
}

void rules_change(struct world* world, const struct gcn__effect* effect) {
  const struct gcn__transition* change = &effect->transition;
  rule_count(26);
  if (world->gone) world_break(world, "I26: a change after CLOSED");
  check_edge(world, change);
  check_class(world, change);
  check_circle(world, change);
  check_alive(world, effect);
  if (gcn__engine_state(world->engine) == GCN__STATE_CLOSED) world->gone = true;
}

/* I21, I24, I32: after every turn. */

static bool armed(const struct gcn__session* session, enum gcn__timer timer) {
  return session->deadlines_ms[timer] != GCN__NEVER;
}

/* What ends a phase if nothing else does. */
static void check_phase(struct world* world, const struct gcn__conn* conn) {
  const struct gcn__session* session = &conn->session;
  enum gcn__state state = session->state;
  bool rests = state == GCN__STATE_IDLE || state == GCN__STATE_REFUSED ||
               state == GCN__STATE_CLOSED;
  int count = armed(session, GCN__TIMER_PHASE) +
              armed(session, GCN__TIMER_SILENCE) +
              armed(session, GCN__TIMER_RETRY);
  rule_count(24);
  if (count == (rests ? 0 : 1)) return;
  world_break(world, "I24: %d deadlines in %s", count, gcn__state_name(state));
}

static void check_sockets(struct world* world) {
  size_t count = 0;
  for (int i = 0; i < world->link_end; i++) {
    const struct link* link = &world->links[i];
    if (link->used && !link->gone) count++;
  }
  size_t conns = 0;
  unsigned slot = 0;
  while (gcn__engine_conn(world->engine, &slot) != NULL)
    conns++;
  rule_count(32);
  size_t most = 2 * conns + (world->engine->spare == NULL ? 1 : 2);
  if (count <= most) return;
  world_break(world, "I32: %zu sockets for %zu connections", count, conns);
}

/* While delivery rests nothing is concluded. */
static bool rested(const struct world* world, uint64_t since_ms) {
  bool paused = world->resume_ms != GCN__NEVER || world->resumed_ms >= since_ms;
  return paused || (world->flow != NULL && world->flow->full);
}

static void check_silence(struct world* world, struct link* link) {
  const struct wire_view* view = &world->wires[link->wire];
  const struct gcn__conn* conn = world_conn(world, link->wire);
  bool stream = gcn__wire_role(link->wire) == GCN__WIRE_STREAM;
  if (!stream || conn == NULL || view->channel == 0) return;
  if (conn->session.state != GCN__STATE_STREAMING) return;
  const struct gcn__settings* settings = &world->engine->settings;
  uint64_t pings_ms =
      settings->pings_missed_max * settings->ping_ms + settings->ping_answer_ms;
  uint64_t most_ms = world->flow == NULL
                         ? SILENT_MAX_MS * world->tempo
                         : gcn__time_max(SILENT_FLOW_MAX_MS, pings_ms);
  uint64_t silent_ms = world->now_ms - view->heard_ms;
  /* A sign of life out of nowhere excuses silence. */
  bool lied = (world->trouble & WORLD_INJECTS) != 0;
  if (lied || rested(world, view->heard_ms)) return;
  rule_count(21);
  if (silent_ms <= most_ms) return;
  world_break(world, "I21: nothing was heard for %llu ms on wire %d",
              (unsigned long long)silent_ms, (int)link->wire);
}

void rules_turn(struct world* world) {
  unsigned slot = 0;
  const struct gcn__conn* conn;
  if (gcn__engine_busy(world->engine)) return;
  while ((conn = gcn__engine_conn(world->engine, &slot)) != NULL) {
    check_phase(world, conn);
  }
  check_sockets(world);
  for (int i = 0; i < world->link_end; i++) {
    struct link* link = &world->links[i];
    if (link->used && !link->gone) check_silence(world, link);
  }
}

/* I12, I15: requests. */

void rules_request(struct world* world, struct link* link) {
  bool login = link->wire == GCN__WIRE_LOGIN;
  rule_count(login ? 15 : 19);
  if (link->asked) {
    world_break(world, "I%d: a second request before the first is answered",
                login ? 15 : 19);
  }
  link->asked = true;
}

void rules_call(struct world* world) {
  uint64_t* oldest_ms = &world->rest_ms[world->rest_count++ % WORLD_REST_MAX];
  bool crowd = *oldest_ms != 0 && world->now_ms - *oldest_ms < MINUTE_MS;
  rule_count(12);
  *oldest_ms = world->now_ms;
  if (!crowd) return;
  world_break(world, "I12: more than %d requests within a minute",
              WORLD_REST_MAX);
}

/* I20 */
void rules_upgraded(struct world* world, const struct link* link) {
  rule_count(20);
  if (world->flow != NULL) return;
  for (int i = 0; i < world->link_end; i++) {
    const struct link* other = &world->links[i];
    bool open = other->used && !other->gone && other != link;
    if (!open || world->wires[other->wire].channel != link->channel) continue;
    world_break(world, "I20: wires %d and %d are open on one channel",
                (int)other->wire, (int)link->wire);
  }
}

/* I23: what a turn has left to say. */

static size_t frame_size(struct gcn__span bytes) {
  const unsigned char* at = (const unsigned char*)bytes.data;
  if (bytes.size < 2) return bytes.size;
  size_t size = at[1] & 0x7f;
  size_t head = 6;
  if (size == LENGTH_16 && bytes.size >= 4) {
    size = (size_t)at[2] << 8 | at[3];
    head = 8;
  } else if (size > LENGTH_16) {
    return bytes.size; /* no text of ours is that long */
  }
  return head + size < bytes.size ? head + size : bytes.size;
}

void rules_frames(struct world* world, struct link* link,
                  struct gcn__span bytes) {
  unsigned counts[16] = {0};
  while (bytes.size > 0) {
    unsigned op = (unsigned char)bytes.data[0] & 0x0f;
    if (link->said_goodbye && op != FRAME_PING && op != FRAME_PONG) {
      world_break(world, "I23: frame %u after the Close", op);
    }
    if (op == FRAME_CLOSE) link->said_goodbye = true;
    counts[op]++;
    bytes = gcn__span_skip(bytes, frame_size(bytes));
  }
  rule_count(23);
  bool many = counts[FRAME_PING] > 1 || counts[FRAME_PONG] > 1;
  if (many) {
    world_break(world, "I23: %u pings and %u pongs waited to be sent",
                counts[FRAME_PING], counts[FRAME_PONG]);
  }
}

/* I30: with nothing to do there is little to wake up for. */

void rules_wakes(struct world* world) {
  if (gcn__engine_busy(world->engine)) return;
  if (!world->healed || world->idle_ms != 0) {
    if (world->healed) world_say(world, "wakes up");
    world->wakes++;
    return;
  }
  if (world->now_ms < world->healed_ms + 3 * MINUTE_MS) return;
  world->idle_ms = world->now_ms;
  world->wakes = 0;
}

static void check_wakes(struct world* world) {
  bool busy = (world->trouble & (WORLD_PINGS | WORLD_TOKENS | WORLD_CHANNELS |
                                 WORLD_DRIFTS | WORLD_QUOTAS)) != 0;
  const struct gcn__settings* settings = &world->engine->settings;
  bool ages = settings->audit_ms < 30 * MINUTE_MS ||
              settings->rotate_ms < 12 * 60 * MINUTE_MS;
  if (world->idle_ms == 0 || busy || ages || world->plan.expiry) return;
  uint64_t minutes = (world->now_ms - world->idle_ms) / MINUTE_MS + 1;
  uint64_t conns = gcn__engine_shard_count(world->engine) + 1;
  rule_count(30);
  if (world->wakes <= minutes * conns * WAKES_PER_MINUTE_MAX) return;
  world_break(world, "I30: %llu wake-ups in %llu minutes without an event",
              (unsigned long long)world->wakes, (unsigned long long)minutes);
}

/* I38: from the moment on at which nothing is in the way any more. */
void rules_healed(struct world* world, unsigned shard) {
  struct shard_view* view = &world->shards[shard];
  if (!world->healed || view->streamed) return;
  const struct gcn__settings* settings = &world->engine->settings;
  uint64_t asked_ms = gcn__time_until(world->asked_until_ms, world->healed_ms);
  uint64_t wait_ms = gcn__time_max(settings->retry_cap_ms, asked_ms);
  wait_ms += wait_ms / 5 + settings->attempt_ms + HANDSHAKES_MS +
             WORLD_SHARDS * settings->channel_refill_ms;
  rule_count(38);
  if (world->now_ms - world->healed_ms <= wait_ms) return;
  world_break(world, "I38: shard %u streams %llu ms after all was well", shard,
              (unsigned long long)(world->now_ms - world->healed_ms));
}

/* I18 */
void rules_freed(struct world* world, const void* block, size_t size) {
  static const char secret[] = "s3cr3t-"; /* what all of them begin with */
  if (!world->searches) return;
  rule_count(18);
  if (memmem(block, size, secret, sizeof secret - 1) != NULL) {
    world_break(world, "I18: a freed block of %zu bytes holds a secret", size);
  }
  const char* token =
      world->engine == NULL ? NULL : world->engine->keeper.token.text;
  if (token == NULL || token[0] == '\0') return;
  if (memmem(block, size, token, strlen(token)) == NULL) return;
  world_break(world, "I18: a freed block of %zu bytes holds a token", size);
}

/* I39, by the world's own numbers: what the service put on open streams was
 * delivered or dropped as known, or went under; and of what is on the service's
 * list as delivered not one was told twice or is missing in the count. What
 * went under lies inside a gap: that is I1. */
static void check_counters(struct world* world) {
  const struct gcn__engine_counters* counters = &world->engine->counters;
  uint64_t known = counters->duplicates + counters->repeated;
  rule_count(39);
  if (counters->events != world->told_count) {
    world_break(world, "I39: %llu events are counted, %llu were delivered",
                (unsigned long long)counters->events,
                (unsigned long long)world->told_count);
  }
  if (counters->events + known > world->copy_count) {
    world_break(world, "I39: %llu delivered and %llu dropped of %llu sent",
                (unsigned long long)counters->events, (unsigned long long)known,
                (unsigned long long)world->copy_count);
  }
  bool listed = world->flow == NULL && !world->plan.planted &&
                world->sent_count < WORLD_EVENTS_MAX;
  uint64_t delivered = 0;
  for (size_t i = 0; listed && i < world->sent_count; i++) {
    delivered += world->sent[i].delivered;
  }
  if (!listed || delivered == counters->events) return;
  world_break(world, "I39: %llu events are counted, %llu of the service's list",
              (unsigned long long)counters->events,
              (unsigned long long)delivered);
}

void rules_end(struct world* world) {
  check_wakes(world);
  check_counters(world);
}

unsigned rule_of(const char* fault) {
  const char* at = strstr(fault, " s: I");
  unsigned number = 0;
  if (at == NULL || sscanf(at, " s: I%u", &number) != 1) return 0;
  return number < RULE_COUNT ? number : 0;
}
