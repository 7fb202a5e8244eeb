/* SPDX-License-Identifier: MIT */
/*
 * Every call of a driver's at every moment at which it runs user code.
 *
 * A life with all kinds of trouble is lived once to count its moments: the
 * effects that are told to the user.  Then it is lived again for each moment
 * and each call, with that call made there, before the engine is asked for
 * more, which is when the client's pump makes it.  Whatever comes of it: the
 * driver's own assertions hold (no second link on a wire), transitions follow
 * each other, no unwritten cell is met, and in the end it streams and closes,
 * once, and all memory is back.
 *
 * Which state can be met in which callback is derived from the table, and
 * compared with what was met.
 */
#include "engine-peer.h"

#include "base/err.h"
#include "check.h"
#include "mem-probe.h"

#include <stdio.h>
#include <string.h>

enum {
  RECOVER_MS = 900000,
  CLOSE_MS = 5000,
  REACH_MS = 300000,
  MOMENTS_MAX = 500
};

/* X(kind): effects that are callbacks. */
#define TOLD(X)                                                                \
  X(STATE) X(EVENT) X(NOTICE) X(HEARTBEAT) X(TOPIC) X(GAP) X(ROTATION) X(ASK)

enum told {
#define KIND(name) TOLD_##name,
  TOLD(KIND)
#undef KIND
      TOLD_COUNT
};

static const char* const told_names[] = {
#define KIND(name) #name,
    TOLD(KIND)
#undef KIND
};

static enum told told_of(enum gcn__effect_kind kind) {
  switch (kind) {
#define KIND(name)                                                             \
  case GCN__EFFECT_##name: return TOLD_##name;
    TOLD(KIND)
#undef KIND
  default: return TOLD_COUNT;
  }
}

/* --- the calls ------------------------------------------------------------ */

static void add_topic(struct peer* peer, const char* name) {
  assert_int_equal(gcn__engine_topics_add(peer->engine, &name, 1), 0);
  gcn__engine_command(peer->engine, GCN__COMMAND_TOPICS, peer->now_ms);
}

static void call_start(struct peer* peer) {
  gcn__engine_command(peer->engine, GCN__COMMAND_START, peer->now_ms);
}

static void call_stop(struct peer* peer) {
  gcn__engine_command(peer->engine, GCN__COMMAND_STOP, peer->now_ms);
}

static void call_close(struct peer* peer) {
  gcn__engine_command(peer->engine, GCN__COMMAND_CLOSE, peer->now_ms);
}

static void call_subscribe(struct peer* peer) {
  add_topic(peer, "v2.c");
}

static void call_unsubscribe(struct peer* peer) {
  const char* name = "v2.a";
  gcn__engine_topics_remove(peer->engine, &name, 1);
  gcn__engine_command(peer->engine, GCN__COMMAND_TOPICS, peer->now_ms);
}

static void call_credentials(struct peer* peer) {
  const struct gcn__offer offer = {.client_id = "id",
                                   .client_secret = PEER_OTHER_SECRET};
  assert_int_equal(gcn__engine_credentials(peer->engine, &offer), 0);
  gcn__engine_command(peer->engine, GCN__COMMAND_CREDENTIALS, peer->now_ms);
}

static void call_hurry(struct peer* peer) {
  gcn__engine_command(peer->engine, GCN__COMMAND_HURRY, peer->now_ms);
}

static void call_rotate(struct peer* peer) {
  gcn__engine_command(peer->engine, GCN__COMMAND_ROTATE, peer->now_ms);
}

static void call_everything(struct peer* peer) {
  call_unsubscribe(peer);
  call_subscribe(peer);
  call_credentials(peer);
  gcn__engine_command(peer->engine,
                      GCN__COMMAND_START | GCN__COMMAND_HURRY |
                          GCN__COMMAND_ROTATE,
                      peer->now_ms);
}

static void call_pause(struct peer* peer) {
  gcn__engine_pause(peer->engine, true, peer->now_ms);
}

static void call_pause_resume(struct peer* peer) {
  gcn__engine_pause(peer->engine, true, peer->now_ms);
  gcn__engine_pause(peer->engine, false, peer->now_ms);
}

static void call_offer(struct peer* peer) {
  assert_false(gcn__engine_offer(peer->engine, 4711, 0, NULL, 0, peer->now_ms));
  assert_false(gcn__engine_grant(peer->engine, 4711, 0, gcn__span_str("token"),
                                 1, peer->now_ms));
}

static void call_excuse(struct peer* peer) {
  gcn__engine_excuse(peer->engine, peer->now_ms);
}

static void call_slept(struct peer* peer) {
  gcn__engine_slept(peer->engine, 60000, peer->now_ms);
}

static void call_getters(struct peer* peer) {
  unsigned char digest[GCN__ENGINE_SALT_SIZE];
  uint64_t expires_ms = 0;
  const struct gcn__engine* engine = peer->engine;
  assert_in_range(gcn__engine_state(engine), 0, GCN__STATE_COUNT - 1);
  assert_int_equal(gcn__engine_counters(engine)->nevers, 0);
  assert_in_range(gcn__engine_topic_count(engine), 0, 3);
  assert_in_range(gcn__engine_shard_count(engine), 0, 3);
  (void)gcn__engine_token(engine, &expires_ms);
  (void)gcn__engine_deadline(engine);
  for (unsigned shard = 0; shard < 2; shard++) {
    (void)gcn__engine_standing(engine, shard);
    gcn__engine_topics_digest(engine, shard, digest);
  }
}

static const struct {
  const char* name;
  void (*call)(struct peer* peer);
} calls[] = {
    {"start", call_start},
    {"stop", call_stop},
    {"close", call_close},
    {"subscribe", call_subscribe},
    {"unsubscribe", call_unsubscribe},
    {"set_credentials", call_credentials},
    {"reconnect_now", call_hurry},
    {"rotate", call_rotate},
    {"several at once", call_everything},
    {"pause", call_pause},
    {"pause and resume", call_pause_resume},
    {"answers nobody waits for", call_offer},
    {"an excuse", call_excuse},
    {"a sleep", call_slept},
    {"getters", call_getters},
};

enum { CALL_COUNT = sizeof calls / sizeof calls[0] };

/* --- what the table says -------------------------------------------------- */

static bool is_entered(enum gcn__state state, unsigned verbs) {
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    for (int i = 0; i < GCN__INPUT_COUNT; i++) {
      struct gcn__cell cell =
          gcn__fsm_cell((enum gcn__state)s, (enum gcn__input)i);
      if (cell.kind != GCN__CELL_ENTER || cell.next != state) continue;
      if (verbs == 0 && s != (int)state) return true;
      if (cell.verbs & verbs) return true;
    }
  }
  return false;
}

static bool does_in(enum gcn__state state, unsigned verbs) {
  for (int i = 0; i < GCN__INPUT_COUNT; i++) {
    struct gcn__cell cell = gcn__fsm_cell(state, (enum gcn__input)i);
    if (cell.kind == GCN__CELL_STAY && (cell.verbs & verbs)) return true;
  }
  return false;
}

/* What is announced before there is a stream is but remembered; the user's own
 * wish is heard where a rotation can begin. */
static bool rotates(enum gcn__state state) {
  struct gcn__cell wish = gcn__fsm_cell(state, GCN__INPUT_ROTATE);
  return (wish.verbs & GCN__VERB_ROTATE) != 0;
}

/* Messages are read where the table has a use for an event. */
static bool can_meet(enum gcn__state state, enum told kind) {
  struct gcn__cell heartbeat = gcn__fsm_cell(state, GCN__INPUT_HEARTBEAT);
  switch (kind) {
  case TOLD_STATE: return is_entered(state, 0);
  case TOLD_EVENT:
  case TOLD_NOTICE: return does_in(state, GCN__VERB_DELIVER);
  case TOLD_HEARTBEAT: return (heartbeat.verbs & GCN__VERB_ALIVE) != 0;
  case TOLD_TOPIC:
    return is_entered(state, GCN__VERB_SUBSCRIBE) ||
           does_in(state, GCN__VERB_SYNC);
  case TOLD_GAP: return is_entered(state, GCN__VERB_CONFIRM);
  case TOLD_ROTATION: return rotates(state);
  case TOLD_ASK:
    return is_entered(state, GCN__VERB_DIAL | GCN__VERB_AUTH) || rotates(state);
  case TOLD_COUNT: break;
  }
  return false;
}

/* --- one life ------------------------------------------------------------- */

struct life {
  struct peer peer;
  struct mem_probe memory;
  struct gcn__mem mem;
  size_t moment; /* at which the call is made; from 1 */
  size_t call;
  size_t told; /* moments so far */
  enum gcn__state states[GCN__SHARD_COUNT_MAX];
  bool meddled;
  unsigned closes;
};

/* What was met, of all lives. */
static struct {
  bool met[GCN__STATE_COUNT][TOLD_COUNT];
  size_t pairs[GCN__STATE_COUNT][TOLD_COUNT][CALL_COUNT];
  enum told kinds[MOMENTS_MAX]; /* of the last life's moments */
  size_t lives;
} seen;

/* The connection that it is about, if the effect says so; else one of those in
 * which the table lets it be. */
static enum gcn__state state_at(const struct gcn__engine* engine,
                                const struct gcn__effect* effect,
                                enum told kind) {
  if (kind == TOLD_STATE) return effect->transition.to;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    const struct gcn__session* session = gcn__engine_session(engine, i);
    bool other = kind == TOLD_EVENT && effect->event.shard != i;
    other = other || (kind == TOLD_GAP && effect->gap.shard != i);
    if (session == NULL || other) continue;
    if (can_meet(session->state, kind)) return session->state;
  }
  return gcn__engine_state(engine);
}

static void note(struct life* life, const struct gcn__effect* effect,
                 enum told kind) {
  enum gcn__state state = state_at(life->peer.engine, effect, kind);
  seen.met[state][kind] = true;
  if (life->told <= MOMENTS_MAX) seen.kinds[life->told - 1] = kind;
  if (life->told == life->moment) seen.pairs[state][kind][life->call]++;
}

static void follow(struct life* life, const struct gcn__effect* effect) {
  const struct gcn__transition* step = &effect->transition;
  assert_int_equal(step->from, life->states[step->shard]);
  life->states[step->shard] = step->to;
  life->closes += step->to == GCN__STATE_CLOSED && step->shard == 0;
}

static void answer(struct life* life, const struct gcn__effect* effect) {
  const struct gcn__offer offer = {.client_id = "id",
                                   .client_secret = PEER_SECRET};
  (void)gcn__engine_offer(life->peer.engine, effect->ask.ticket, 0, &offer, 1,
                          life->peer.now_ms);
}

static void act(struct peer* peer, const struct gcn__effect* effect) {
  struct life* life = (struct life*)peer;
  enum told kind = told_of(effect->kind);
  if (kind == TOLD_COUNT) return;
  struct gcn__effect copy = *effect; /* a call ends what it views */
  life->told++;
  note(life, &copy, kind);
  if (kind == TOLD_STATE) follow(life, &copy);
  if (life->told == life->moment) {
    life->meddled = true;
    calls[life->call].call(peer);
  }
  if (kind == TOLD_ASK) answer(life, &copy);
}

static void tell_all(struct peer* peer) {
  peer_send_events(peer, 1);
  peer_say(peer, "{\"topicName\":\"v2.system.news\",\"eventBody\":{}}");
  peer_say(peer, "{\"topicName\":\"channel.metadata\",\"eventBody\":"
                 "{\"message\":\"WebSocket Heartbeat\"}}");
}

/* Messages while the topics are put, and while a token is fetched once more
 * because the PUT was denied. */
static void live_through_a_denial(struct peer* peer) {
  peer->held = "PUT /api";
  peer_command(peer, GCN__COMMAND_START);
  peer_wait(peer, 100);
  tell_all(peer);
  peer_lose(peer, GCN__WIRE_STREAM);
  peer->held = "POST /oauth";
  peer->denied = "PUT /api";
  peer->status = 401;
  peer_wait(peer, 4000);
  peer->held = NULL;
  peer_wait(peer, 3000);
  peer->held = "POST /oauth";
  peer_wait(peer, 100);
  tell_all(peer);
  peer->held = NULL;
  peer->denied = NULL;
  peer_reach(peer, GCN__STATE_STREAMING, REACH_MS);
}

static void live_on(struct peer* peer) {
  add_topic(peer, "v2.a");
  live_through_a_denial(peer);
  tell_all(peer);
  add_topic(peer, "v2.b"); /* a second connection */
  peer_wait(peer, 3000);
  peer_lose(peer, GCN__WIRE_STREAM); /* a gap */
  peer_reach(peer, GCN__STATE_STREAMING, REACH_MS);
  peer_command(peer, GCN__COMMAND_ROTATE);
  peer_wait(peer, 20000);
  peer_wait(peer, 40000); /* quiet */
  call_credentials(peer); /* a token in the background */
  peer_wait(peer, 20000);
  peer_command(peer, GCN__COMMAND_STOP);
  peer_reach(peer, GCN__STATE_IDLE, CLOSE_MS);
  peer->denied = "POST /api";
  peer->status = 401;
  peer_command(peer, GCN__COMMAND_START);
  peer_wait(peer, 3000);
  peer->denied = NULL;
  peer_reach(peer, GCN__STATE_STREAMING, REACH_MS);
  peer_command(peer, GCN__COMMAND_STOP);
  peer_reach(peer, GCN__STATE_IDLE, CLOSE_MS);
  call_credentials(peer);
  peer->denied = ""; /* all of them: the channel, and the new secret */
  peer_command(peer, GCN__COMMAND_START);
  peer_reach(peer, GCN__STATE_REFUSED, REACH_MS);
  peer->denied = NULL;
}

static void recover(struct life* life) {
  struct peer* peer = &life->peer;
  peer->held = NULL;
  peer->denied = NULL;
  gcn__engine_pause(peer->engine, false, peer->now_ms);
  add_topic(peer, "v2.a");
  peer_command(peer, GCN__COMMAND_START | GCN__COMMAND_HURRY);
  peer_wait(peer, 60000); /* a rotation ends; equal events count again */
  assert_true(peer_reach(peer, GCN__STATE_STREAMING, RECOVER_MS));
  uint64_t before = peer->event_count;
  peer_send_everywhere(peer);
  assert_true(peer->event_count > before);
}

/* How many moments it had. */
static size_t live(bool asks, size_t moment, size_t call) {
  static struct life life;
  memset(&life, 0, sizeof life);
  life.mem = mem_probe_mem(&life.memory);
  struct peer* peer = &life.peer;
  int error =
      asks ? peer_init_asking(peer, &life.mem) : peer_init(peer, &life.mem);
  assert_int_equal(error, 0);
  life.moment = moment;
  life.call = call;
  peer->act = act;
  live_on(peer);
  size_t told = life.told;
  bool closed = call < CALL_COUNT && calls[call].call == call_close;
  if (!closed || !life.meddled) recover(&life);
  peer_command(peer, GCN__COMMAND_CLOSE);
  assert_true(peer_reach(peer, GCN__STATE_CLOSED, CLOSE_MS));
  peer_wait(peer, 1000);
  assert_int_equal(life.closes, 1);
  assert_int_equal(gcn__engine_counters(peer->engine)->nevers, 0);
  peer_deinit(peer);
  assert_int_equal(life.memory.live_size, 0);
  seen.lives++;
  return told;
}

/* --- all of them ---------------------------------------------------------- */

/* Of the life in which the engine asks only the asking. */
static size_t live_all(bool asks) {
  static enum told kinds[MOMENTS_MAX];
  size_t count = live(asks, 0, CALL_COUNT);
  assert_in_range(count, 40, MOMENTS_MAX);
  memcpy(kinds, seen.kinds, sizeof kinds);
  for (size_t moment = 1; moment <= count; moment++) {
    if (asks && kinds[moment - 1] != TOLD_ASK) continue;
    for (size_t call = 0; call < CALL_COUNT; call++)
      live(asks, moment, call);
  }
  return count;
}

static void every_call_at_every_moment(void** state) {
  (void)state;
  size_t count = live_all(false);
  size_t asking_count = live_all(true);
  print_message("# %zu and %zu moments, %zu lives\n", count, asking_count,
                seen.lives);
}

static void callbacks_come_where_the_table_lets_them(void** state) {
  (void)state;
  unsigned wrong = 0;
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    for (int k = 0; k < TOLD_COUNT; k++) {
      bool can = can_meet((enum gcn__state)s, (enum told)k);
      if (can == seen.met[s][k]) continue;
      fprintf(stderr, "%s in %s: %s\n", told_names[k],
              gcn__state_name((enum gcn__state)s),
              can ? "never met" : "met against the table");
      wrong++;
    }
  }
  assert_int_equal(wrong, 0);
}

/* The number of combinations of state, callback and call.  It must not
 * shrink. */
static void no_combination_is_left_out(void** state) {
  (void)state;
  size_t count = 0;
  for (int s = 0; s < GCN__STATE_COUNT; s++) {
    for (int k = 0; k < TOLD_COUNT; k++) {
      if (!can_meet((enum gcn__state)s, (enum told)k)) continue;
      for (int c = 0; c < CALL_COUNT; c++) {
        bool done = seen.pairs[s][k][c] > 0;
        bool over = s == GCN__STATE_CLOSED; /* behind the life */
        if (!done && !over) {
          fail_msg("%s in %s: %s", calls[c].name, told_names[k],
                   gcn__state_name((enum gcn__state)s));
        }
        count += done;
      }
    }
  }
  print_message("# %zu combinations\n", count);
  assert_true(count >= 330);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_call_at_every_moment),
      cmocka_unit_test(callbacks_come_where_the_table_lets_them),
      cmocka_unit_test(no_combination_is_left_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
