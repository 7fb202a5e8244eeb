/* SPDX-License-Identifier: MIT */
/*
 * A connection, its successor and the keeper of the token together: the real
 * engine, explored state by state.
 *
 * The world may do anything to it that worlds do: link, lose, answer (well, or
 * by 401, 404 or 503), announce, close, let time pass; and the user may call.
 * A node is what the engine is, as far as it decides what comes next: desire,
 * states, armed timers, what is known, what is under way on each wire.  Each
 * node that was not met before is gone on from by every action, by playing its
 * way from the beginning once more.
 *
 * After each step: one token request at most (I15), no second handshake of a
 * connection, and of a shard two connections at most (I19), nothing is told
 * behind CLOSED and nothing dialled behind close (I26, P4).  From each node it
 * closes by time alone, and a willing world makes it stream: no deadlock.
 *
 * GCN_MODEL=full goes on until no new node is left, or for NODES_FULL of them.
 * The figures go to $GCN_PROOF_DIR/model.txt.
 */
#include "engine/internal.h"

#include "base/err.h"
#include "base/time.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  WIRES = 7, /* to the login host, and of three connections */
  BEGIN_MS = 1000000,
  NODES = 400,
  NODES_FULL = 10000,
  TABLE_SIZE = 1 << 16,
  DEPTH_MAX = 120,
  TURNS_MAX = 10000,
  CLOSE_STEPS = 12,
  WILLING_STEPS = 400,
};

/* --- the world ------------------------------------------------------------ */

enum asked { NOTHING, TOKEN, CHANNEL, TOPICS, UPGRADE, PING, GOODBYE };

struct way {
  bool open;
  bool up;
  bool upgraded;
  enum asked asked;
};

struct play {
  struct gcn__engine* engine;
  uint64_t now_ms;
  struct way ways[WIRES];
  unsigned closes;
  bool closing; /* close was called */
};

enum user_action {
  U_START,
  U_STOP,
  U_CLOSE,
  U_HURRY,
  U_ROTATE,
  U_OFFER,
  U_END
};
enum way_action {
  W_LINK,
  W_LOSE,
  W_ANSWER,
  W_401,
  W_404,
  W_503,
  W_EVENT,
  W_MOVING,
  W_REVOKED,
  W_CLOSE,
  W_END
};

enum { A_TIME = U_END, A_WAYS, ACTIONS = A_WAYS + WIRES * W_END };

static int fill_zeros(void* ctx, void* data, size_t size) {
  (void)ctx;
  memset(data, 0, size);
  return 0;
}

static void begin(struct play* play) {
  static const char* const name = "v2.a";
  *play = (struct play){.now_ms = BEGIN_MS};
  const struct gcn__engine_options options = {
      .mem = gcn__mem_libc,
      .settings = GCN__SETTINGS_DEFAULT,
      .entropy = {fill_zeros, NULL},
      .seed = 1,
      .login_url = "http://gc.test:81",
      .api_url = "http://gc.test:82",
      .domain = "gc.test",
      .client_id = "id",
      .client_secret = "SECRET-1",
      .user_agent = "test",
      .plaintext = true,
  };
  assert_int_equal(gcn__engine_new(&options, &play->engine), 0);
  assert_int_equal(gcn__engine_topics_add(play->engine, &name, 1), 0);
}

static void end(struct play* play) {
  gcn__engine_free(play->engine);
}

static void perform(struct play* play, const struct gcn__effect* effect) {
  /* I26: nothing is told behind it; links may still go. */
  bool drops = effect->kind == GCN__EFFECT_DROP;
  if (play->closes > 0 && !drops) {
    fail_msg("effect %d, %d to %d behind CLOSED", (int)effect->kind,
             (int)effect->transition.from, (int)effect->transition.to);
  }
  if (effect->kind == GCN__EFFECT_OPEN) {
    assert_in_range(effect->wire, 0, WIRES - 1);
    assert_false(play->ways[effect->wire].open); /* I19: one at a time */
    assert_false(play->closing);                 /* P4 */
    play->ways[effect->wire] = (struct way){.open = true};
  }
  if (effect->kind == GCN__EFFECT_DROP) {
    assert_true(play->ways[effect->wire].open);
    play->ways[effect->wire] = (struct way){.open = false};
  }
  if (effect->kind != GCN__EFFECT_STATE) return;
  if (effect->transition.to == GCN__STATE_CLOSED) play->closes++;
}

static enum asked kind_of(const struct way* way, struct gcn__span asked) {
  if (way->upgraded) {
    const unsigned char* at = (const unsigned char*)asked.data;
    while (asked.size > 0 && (at[0] & 0x0fu) != 0x8) {
      asked = gcn__span_skip(asked, 6 + (at[1] & 0x7fu));
      at = (const unsigned char*)asked.data;
    }
    return asked.size > 0 ? GOODBYE : PING;
  }
  if (gcn__span_starts(asked, "POST /oauth")) return TOKEN;
  if (gcn__span_starts(asked, "POST /api")) return CHANNEL;
  if (gcn__span_starts(asked, "GET /channels")) return UPGRADE;
  return TOPICS;
}

static void take_output(struct play* play, enum gcn__wire_index wire) {
  struct gcn__span bytes = gcn__engine_output(play->engine, wire);
  struct way* way = &play->ways[wire];
  if (bytes.size == 0) return;
  if (way->asked != GOODBYE) way->asked = kind_of(way, bytes);
  gcn__engine_sent(play->engine, wire, bytes.size);
}

/* --- what must hold at any time ------------------------------------------- */

static void check(const struct play* play) {
  const struct gcn__engine* engine = play->engine;
  unsigned tokens = 0;
  unsigned slot = 0;
  unsigned active = 0;
  const struct gcn__conn* conn;
  for (int i = 0; i < WIRES; i++)
    tokens += play->ways[i].asked == TOKEN;
  assert_in_range(tokens, 0, 1); /* I15 */
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    active += conn->session.state >= GCN__STATE_CONNECTING &&
              conn->session.state <= GCN__STATE_STREAMING;
  }
  assert_in_range(active, 0, 2); /* I19 */
  enum gcn__state state = gcn__engine_state(engine);
  bool rests = state == GCN__STATE_IDLE || state == GCN__STATE_REFUSED ||
               state == GCN__STATE_CLOSED;
  if (!rests) assert_true(gcn__engine_deadline(engine) != GCN__NEVER); /* P3 */
  assert_int_equal(gcn__engine_counters(engine)->nevers, 0);
}

static void run(struct play* play) {
  int turns = 0;
  do {
    struct gcn__effect effect;
    while (gcn__engine_next(play->engine, &effect))
      perform(play, &effect);
    gcn__engine_settle(play->engine);
    for (int i = 0; i < WIRES; i++)
      take_output(play, (enum gcn__wire_index)i);
    assert_true(++turns < TURNS_MAX); /* no busy loop */
  } while (gcn__engine_busy(play->engine));
  check(play);
}

/* --- actions -------------------------------------------------------------- */

/* Runs at once: the bytes are only borrowed. */
static void receive(struct play* play, enum gcn__wire_index wire,
                    const char* bytes, size_t size) {
  gcn__engine_received(play->engine, wire, gcn__span(bytes, size),
                       play->now_ms);
  run(play);
}

static void answer(struct play* play, enum gcn__wire_index wire,
                   unsigned status) {
  static const char* const bodies[] = {
      [TOKEN] = "{\"access_token\":\"TOKEN-1\",\"token_type\":\"bearer\","
                "\"expires_in\":86399}",
      [CHANNEL] = "{\"connectUri\":\"ws://gc.test:82/channels/C-1\","
                  "\"id\":\"C-1\"}",
      [TOPICS] = "{\"entities\":[{\"id\":\"v2.a\",\"state\":\"Permitted\"}]}",
  };
  char text[512];
  struct way* way = &play->ways[wire];
  const char* body = status == 200 ? bodies[way->asked] : "";
  int size = snprintf(text, sizeof text,
                      "HTTP/1.1 %u X\r\nContent-Length: %zu\r\n\r\n%s", status,
                      strlen(body), body);
  way->asked = NOTHING;
  receive(play, wire, text, (size_t)size);
}

/* The answer to the key that zeros make. */
static void upgrade(struct play* play, enum gcn__wire_index wire) {
  static const char text[] =
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n";
  play->ways[wire].upgraded = true;
  play->ways[wire].asked = NOTHING;
  receive(play, wire, text, sizeof text - 1);
}

static void say(struct play* play, enum gcn__wire_index wire,
                const char* text) {
  char frame[2 + 125] = {(char)0x81, (char)strlen(text)};
  memcpy(frame + 2, text, strlen(text));
  receive(play, wire, frame, 2 + strlen(text));
}

static void answer_well(struct play* play, enum gcn__wire_index wire) {
  struct way* way = &play->ways[wire];
  switch (way->asked) {
  case UPGRADE: upgrade(play, wire); return;
  case PING:
    way->asked = NOTHING;
    say(play, wire,
        "{\"topicName\":\"channel.metadata\",\"eventBody\":"
        "{\"message\":\"pong\"}}");
    return;
  case GOODBYE:
    way->asked = NOTHING;
    receive(play, wire, "\x88\x02\x03\xe8", 4);
    return;
  default: answer(play, wire, 200); return;
  }
}

static bool user_acts(struct play* play, enum user_action action) {
  static const unsigned commands[] = {
      [U_START] = GCN__COMMAND_START,   [U_STOP] = GCN__COMMAND_STOP,
      [U_CLOSE] = GCN__COMMAND_CLOSE,   [U_HURRY] = GCN__COMMAND_HURRY,
      [U_ROTATE] = GCN__COMMAND_ROTATE, [U_OFFER] = GCN__COMMAND_CREDENTIALS,
  };
  if (play->closing) return false;
  if (action == U_OFFER) {
    const struct gcn__offer offer = {.client_id = "id",
                                     .client_secret = "SECRET-2"};
    assert_int_equal(gcn__engine_credentials(play->engine, &offer), 0);
  }
  play->closing = action == U_CLOSE;
  gcn__engine_command(play->engine, commands[action], play->now_ms);
  return true;
}

static bool way_acts(struct play* play, enum gcn__wire_index wire,
                     enum way_action action) {
  struct way* way = &play->ways[wire];
  bool asked = way->asked != NOTHING;
  bool request = asked && !way->upgraded;
  if (!way->open || (action == W_LINK && way->up)) return false;
  bool early = action != W_LINK && action != W_LOSE;
  if (early && !way->up) return false;
  switch (action) {
  case W_LINK:
    way->up = true;
    gcn__engine_linked(play->engine, wire, play->now_ms);
    return true;
  case W_LOSE:
    *way = (struct way){.open = false};
    gcn__engine_ended(play->engine, wire, GCN__ECONNRESET, GCN__LAYER_TCP,
                      "reset", play->now_ms);
    return true;
  case W_ANSWER:
    if (asked) answer_well(play, wire);
    return asked;
  case W_401:
  case W_404:
  case W_503:
    if (request) {
      answer(play, wire, action == W_401 ? 401 : action == W_404 ? 404 : 503);
    }
    return request;
  case W_EVENT:
    if (way->upgraded)
      say(play, wire, "{\"topicName\":\"v2.a\",\"eventBody\":1}");
    return way->upgraded;
  case W_MOVING:
    if (way->upgraded) {
      say(play, wire,
          "{\"topicName\":\"v2.system.socket_closing\",\"eventBody\":{}}");
    }
    return way->upgraded;
  case W_REVOKED:
    if (way->upgraded) {
      say(play, wire,
          "{\"topicName\":\"v2.system.token_revoked\",\"eventBody\":{}}");
    }
    return way->upgraded;
  case W_CLOSE:
    if (way->upgraded) receive(play, wire, "\x88\x02\x03\xe9", 4);
    return way->upgraded;
  case W_END: break;
  }
  return false;
}

static bool pass_time(struct play* play) {
  uint64_t due_ms = gcn__engine_deadline(play->engine);
  if (due_ms == GCN__NEVER) return false;
  play->now_ms = gcn__time_max(due_ms, play->now_ms);
  gcn__engine_woken(play->engine, play->now_ms);
  return true;
}

/* False if the action means nothing here. */
static bool act(struct play* play, unsigned action) {
  bool done;
  if (play->closes > 0) return false;
  if (action < U_END) {
    done = user_acts(play, (enum user_action)action);
  } else if (action == A_TIME) {
    done = pass_time(play);
  } else {
    unsigned number = action - A_WAYS;
    done = way_acts(play, (enum gcn__wire_index)(number / W_END),
                    (enum way_action)(number % W_END));
  }
  if (done) run(play);
  return done;
}

/* --- nodes ---------------------------------------------------------------- */

struct node {
  unsigned from;
  unsigned char action;
  unsigned char depth;
};

static struct {
  struct node nodes[NODES_FULL];
  unsigned count;
  uint64_t keys[TABLE_SIZE]; /* 0: free */
  uint64_t steps;
  bool exhausted;
} model;

static uint64_t mix(uint64_t key, uint64_t value) {
  key = (key ^ value) * 0x9e3779b97f4a7c15u;
  return key ^ (key >> 29);
}

static uint64_t key_of_conn(uint64_t key, const struct gcn__conn* conn) {
  const struct gcn__session* session = &conn->session;
  key = mix(key, conn->slot);
  key = mix(key, (uint64_t)session->state);
  key = mix(key, (uint64_t)session->desire);
  for (int t = 0; t < GCN__TIMER_COUNT; t++) {
    key = mix(key, session->deadlines_ms[t] != GCN__NEVER);
  }
  key = mix(key, gcn__time_min(session->failures, 2));
  key = mix(key, conn->waits_token * 8u + conn->confirmed * 4u +
                     conn->leaving * 2u + conn->channel.known);
  return mix(key, (uint64_t)conn->api.call.op * 64u +
                      (uint64_t)conn->stream.call.op);
}

static uint64_t key_of(const struct play* play) {
  const struct gcn__engine* engine = play->engine;
  const struct gcn__keeper* keeper = &engine->keeper;
  uint64_t key = mix(1, (uint64_t)engine->desire * 2u + play->closing);
  key = mix(key, (uint64_t)keeper->state);
  key = mix(key, keeper->superseded * 8u + keeper->refused * 4u +
                     keeper->background * 2u + gcn__keeper_usable(engine));
  key = mix(key, gcn__time_min(keeper->token.strikes, 2));
  unsigned slot = 0;
  const struct gcn__conn* conn;
  while ((conn = gcn__engine_conn(engine, &slot)) != NULL) {
    key = key_of_conn(key, conn);
  }
  for (int i = 0; i < WIRES; i++) {
    const struct way* way = &play->ways[i];
    key = mix(key, (uint64_t)way->asked * 8u + way->open * 4u + way->up * 2u +
                       way->upgraded);
  }
  return key == 0 ? 1 : key;
}

static bool is_new(uint64_t key) {
  unsigned at = (unsigned)(key % TABLE_SIZE);
  while (model.keys[at] != 0 && model.keys[at] != key)
    at = (at + 1) % TABLE_SIZE;
  bool fresh = model.keys[at] == 0;
  model.keys[at] = key;
  return fresh;
}

/* Plays the way to a node. */
static void go_to(struct play* play, unsigned number) {
  unsigned char way[DEPTH_MAX];
  unsigned depth = model.nodes[number].depth;
  for (unsigned i = depth; i > 0; i--) {
    way[i - 1] = model.nodes[number].action;
    number = model.nodes[number].from;
  }
  begin(play);
  for (unsigned i = 0; i < depth; i++)
    assert_true(act(play, way[i]));
}

/* --- from every node ------------------------------------------------------ */

static void check_closes(unsigned number) {
  struct play play;
  go_to(&play, number);
  if (!play.closing) assert_true(act(&play, U_CLOSE));
  for (int i = 0; i < CLOSE_STEPS && play.closes == 0; i++) {
    (void)act(&play, A_TIME);
  }
  assert_int_equal(play.closes, 1); /* I26, and no deadlock */
  end(&play);
}

static void help(struct play* play) {
  for (unsigned wire = 0; wire < WIRES; wire++) {
    unsigned first = A_WAYS + wire * W_END;
    if (act(play, first + W_LINK) || act(play, first + W_ANSWER)) return;
  }
  (void)act(play, A_TIME);
}

static void check_streams(unsigned number) {
  struct play play;
  go_to(&play, number);
  if (!play.closing) {
    (void)act(&play, U_START);
    (void)act(&play, U_HURRY);
    int steps = 0;
    while (gcn__engine_state(play.engine) != GCN__STATE_STREAMING) {
      assert_true(++steps < WILLING_STEPS); /* P15 */
      help(&play);
    }
  }
  end(&play);
}

static void go_on_from(unsigned number, unsigned nodes_max) {
  for (unsigned action = 0; action < ACTIONS; action++) {
    struct play play;
    go_to(&play, number);
    bool room =
        model.count < nodes_max && model.nodes[number].depth + 1 < DEPTH_MAX;
    if (act(&play, action)) {
      model.steps++;
      bool fresh = room && is_new(key_of(&play));
      if (!room) model.exhausted = false;
      if (fresh) {
        model.nodes[model.count++] =
            (struct node){number, (unsigned char)action,
                          (unsigned char)(model.nodes[number].depth + 1)};
      }
    }
    end(&play);
  }
}

static void write_figures(void) {
  char path[4096];
  const char* directory = getenv("GCN_PROOF_DIR");
  if (directory == NULL) return;
  snprintf(path, sizeof path, "%s/model-token.txt", directory);
  FILE* out = fopen(path, "w");
  if (out == NULL) return;
  fprintf(out, "engine_states %u\nengine_transitions %llu\nexhausted %d\n",
          model.count, (unsigned long long)model.steps, model.exhausted);
  fclose(out);
}

static void every_node_is_sound(void** state) {
  (void)state;
  const char* wish = getenv("GCN_MODEL");
  bool full = wish != NULL && strcmp(wish, "full") == 0;
  unsigned nodes_max = full ? NODES_FULL : NODES;
  struct play play;
  begin(&play);
  run(&play);
  assert_true(is_new(key_of(&play)));
  end(&play);
  model.count = 1;
  model.exhausted = true;
  for (unsigned i = 0; i < model.count; i++) {
    check_closes(i);
    check_streams(i);
    go_on_from(i, nodes_max);
  }
  print_message("# %u nodes, %llu steps%s\n", model.count,
                (unsigned long long)model.steps,
                model.exhausted ? ", all there are" : "");
  assert_true(model.count >= NODES);
  assert_true(model.steps > 4 * model.count);
  write_figures();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_node_is_sound),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
