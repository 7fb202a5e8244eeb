/* SPDX-License-Identifier: MIT */
/*
 * The driver without a loop.
 */
#include "player.h"

#include "base/err.h"
#include "check.h"
#include "codec/ws.h"
#include "print.h"

#include <stdlib.h>

enum {
  BEGIN_MS = 1000000,
  TURN_COUNT_MAX = 10000,
  CUT_SIZE_MAX = 40,
  NAME_SIZE = 16,
  ALIKE_MAX = 5, /* verdicts that are alike, told one by one */
};

/* The first connection's wires have no number. */
static const char* name_wire(enum gcn__wire_index wire, char name[NAME_SIZE]) {
  static const char* const roles[] = {"login", "api", "stream"};
  if (wire == GCN__WIRE_SPARE) return "spare";
  unsigned slot = wire == GCN__WIRE_LOGIN ? 0 : ((unsigned)wire - 1) / 2;
  const char* role = roles[gcn__wire_role(wire)];
  if (slot == 0) return role;
  snprintf(name, NAME_SIZE, "%s%u", role, slot + 1);
  return name;
}

enum gcn__wire_index player_wire(const char* name) {
  char own[NAME_SIZE];
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    enum gcn__wire_index wire = (enum gcn__wire_index)i;
    if (strcmp(name, name_wire(wire, own)) == 0) return wire;
  }
  fail_msg("no wire is called %s", name);
  return GCN__WIRE_COUNT;
}

static int fill_zeros(void* ctx, void* data, size_t size) {
  (void)ctx;
  memset(data, 0, size);
  return 0;
}

static void keep_log(void* ctx, enum gcn__log_level level, const char* line) {
  struct player* player = ctx;
  (void)level;
  fprintf(player->log, "%s\n", line);
}

static void open_notes(struct player* player) {
  player->effects =
      open_memstream(&player->effects_text, &player->effects_size);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    player->sends[i] =
        open_memstream(&player->sends_text[i], &player->sends_size[i]);
  }
}

static void close_notes(struct player* player) {
  fclose(player->effects);
  for (int i = 0; i < GCN__WIRE_COUNT; i++)
    fclose(player->sends[i]);
}

static void free_notes(struct player* player) {
  free(player->effects_text);
  for (int i = 0; i < GCN__WIRE_COUNT; i++)
    free(player->sends_text[i]);
}

void player_init(struct player* player, enum cut cut) {
  *player = (struct player){.cut = cut, .now_ms = BEGIN_MS};
  gcn__rng_seed(&player->rng, 99);
  player->log = open_memstream(&player->log_text, &player->log_size);
  open_notes(player);
  player->options = (struct gcn__engine_options){
      .mem = gcn__mem_libc,
      .log = {keep_log, player, GCN__LOG_DEBUG},
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
}

void player_set(struct player* player, const char* name, uint64_t value) {
  struct gcn__settings* settings = &player->options.settings;
  assert_null(player->engine);
#define SET_FIELD(field, standard)                                             \
  if (strcmp(name, #field) == 0) {                                             \
    settings->field = value;                                                   \
    return;                                                                    \
  }
  GCN__SETTINGS_MAP(SET_FIELD)
#undef SET_FIELD
  fail_msg("no setting is called %s", name);
}

void player_preset(struct player* player, const char* name) {
  enum gcn__preset preset = gcn__preset_find(gcn__span_str(name));
  assert_null(player->engine);
  assert_int_not_equal(preset, GCN__PRESET_COUNT);
  player->shape = gcn__shape_of(preset);
  player->options.shape = &player->shape;
  player->options.settings.ping_ms = 30000; /* as the client has it */
}

static const char* keep_text(struct player* player, const char* value) {
  assert_true(player->shape_text_count < PLAYER_SHAPE_TEXTS_MAX);
  char* text = player->shape_texts[player->shape_text_count++];
  snprintf(text, sizeof player->shape_texts[0], "%s", value);
  return text;
}

void player_shape(struct player* player, const char* name, const char* value) {
  struct gcn__shape* shape = &player->shape;
  assert_null(player->engine);
  assert_non_null(player->options.shape);
  uint64_t number = strtoul(value, NULL, 10);
  const char* text = strcmp(value, "-") == 0 ? "" : keep_text(player, value);
  if (strcmp(name, "resume_param") == 0) {
    shape->resume_param = text;
  } else if (strcmp(name, "preflight_path") == 0) {
    shape->preflight_path = text;
  } else if (strcmp(name, "batch_count_max") == 0) {
    shape->batch_count_max = number;
  } else {
    assert_string_equal(name, "url_size_max");
    shape->url_size_max = number;
  }
}

void player_proxy(struct player* player, const char* text) {
  assert_null(player->engine);
  snprintf(player->proxy_text, sizeof player->proxy_text, "%s", text);
  player->proxies.own_proxy = player->proxy_text;
  player->options.proxies = &player->proxies;
}

void player_place(struct player* player, const char* api_url) {
  assert_null(player->engine);
  snprintf(player->api_text, sizeof player->api_text, "%s", api_url);
  player->options.api_url = player->api_text;
  player->options.domain = NULL;
}

void player_asks(struct player* player, enum gcn__ask_kind kind) {
  assert_null(player->engine);
  player->options.client_id = NULL;
  player->options.client_secret = NULL;
  player->options.asks_credentials = kind == GCN__ASK_CREDENTIALS;
  player->options.asks_token = kind == GCN__ASK_TOKEN;
}

void player_begin(struct player* player) {
  if (player->engine != NULL) return;
  assert_int_equal(gcn__engine_new(&player->options, &player->engine), 0);
}

void player_deinit(struct player* player) {
  gcn__engine_free(player->engine);
  close_notes(player);
  free_notes(player);
  fclose(player->log);
  free(player->log_text);
}

/* A link that takes a byte at a time sees the same bytes. */
static void send_by_bytes(struct player* player, enum gcn__wire_index wire,
                          char* copy, size_t size) {
  for (size_t i = 0; i < size; i++) {
    struct gcn__span bytes = gcn__engine_output(player->engine, wire);
    assert_true(bytes.size >= size - i);
    copy[i] = bytes.data[0];
    gcn__engine_sent(player->engine, wire, 1);
  }
}

static void take_output(struct player* player, enum gcn__wire_index wire) {
  struct gcn__span bytes = gcn__engine_output(player->engine, wire);
  if (bytes.size == 0) return;
  assert_int_equal(player->links[wire], LINK_UP);
  char name[NAME_SIZE];
  if (player->cut == CUT_WHOLE) {
    print_sent(player->sends[wire], name_wire(wire, name), bytes);
    gcn__engine_sent(player->engine, wire, bytes.size);
    return;
  }
  char* copy = malloc(bytes.size);
  assert_non_null(copy);
  send_by_bytes(player, wire, copy, bytes.size);
  print_sent(player->sends[wire], name_wire(wire, name),
             gcn__span(copy, bytes.size));
  free(copy);
}

/* Of many verdicts that are alike only the first are told one by one. */
static bool is_one_of_many(struct player* player,
                           const struct gcn__effect* effect) {
  bool topic = effect->kind == GCN__EFFECT_TOPIC;
  bool same = topic && player->alike > 0 &&
              player->last_verdict == effect->topic.verdict;
  if (!same && player->alike > ALIKE_MAX) {
    print_more(player->effects, player->last_verdict,
               player->alike - ALIKE_MAX);
  }
  player->alike = same ? player->alike + 1 : topic;
  if (topic) player->last_verdict = effect->topic.verdict;
  return player->alike > ALIKE_MAX;
}

static void end_of_many(struct player* player) {
  if (player->alike > ALIKE_MAX) {
    print_more(player->effects, player->last_verdict,
               player->alike - ALIKE_MAX);
  }
  player->alike = 0;
}

static void note_effect(struct player* player,
                        const struct gcn__effect* effect) {
  char name[NAME_SIZE];
  if (is_one_of_many(player, effect)) return;
  print_effect(player->effects, name_wire(effect->wire, name), effect);
  if (effect->kind == GCN__EFFECT_ASK) {
    player->tickets[1] = player->tickets[0];
    player->tickets[0] = effect->ask.ticket;
  }
  if (effect->kind != GCN__EFFECT_STATE) return;
  if (effect->transition.failure == NULL) return;
  fprintf(player->log, "%s\n", effect->transition.failure->text);
}

void player_react(struct player* player, struct player_reaction reaction) {
  assert_true(player->reaction_count < PLAYER_REACTIONS_MAX);
  player->reactions[player->reaction_count++] = reaction;
}

static void react(struct player* player, const struct gcn__effect* effect) {
  const struct player_reaction next = player->reactions[0];
  if (player->reaction_count == 0 || next.kind != effect->kind) return;
  bool state = effect->kind == GCN__EFFECT_STATE;
  if (state && next.state != effect->transition.to) return;
  player->reaction_count--;
  memmove(&player->reactions[0], &player->reactions[1],
          player->reaction_count * sizeof next);
  fprintf(player->effects, ">   in which the user acts\n");
  gcn__engine_command(player->engine, next.commands, player->now_ms);
}

static void perform(struct player* player, const struct gcn__effect* effect) {
  enum link_phase* link = &player->links[effect->wire];
  note_effect(player, effect);
  react(player, effect);
  if (effect->kind == GCN__EFFECT_OPEN) {
    assert_int_equal(*link, LINK_NONE); /* P6 */
    *link = LINK_OPENING;
  }
  if (effect->kind == GCN__EFFECT_MOVE) {
    enum link_phase* spare = &player->links[GCN__WIRE_SPARE];
    assert_int_equal(*link, LINK_NONE);
    assert_int_equal(*spare, LINK_UP);
    *link = *spare;
    *spare = LINK_NONE;
  }
  if (effect->kind == GCN__EFFECT_DROP) {
    assert_int_not_equal(*link, LINK_NONE);
    if (!effect->abort && *link == LINK_UP) take_output(player, effect->wire);
    *link = LINK_NONE;
  }
}

static void turn(struct player* player) {
  struct gcn__effect effect;
  while (gcn__engine_next(player->engine, &effect))
    perform(player, &effect);
  gcn__engine_settle(player->engine);
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    take_output(player, (enum gcn__wire_index)i);
  }
}

static void run(struct player* player) {
  int count = 0;
  if (player->holding) return;
  do {
    turn(player);
    assert_true(++count < TURN_COUNT_MAX);
  } while (gcn__engine_busy(player->engine));
}

void player_hold(struct player* player) {
  player->holding = true;
}

/* As the client's mailbox has it: bits, and the last of the two wins. */
static void keep_commands(struct player* player, unsigned commands) {
  const unsigned either = GCN__COMMAND_START | GCN__COMMAND_STOP;
  if (commands & either) player->held &= ~either;
  player->held |= commands;
}

void player_release(struct player* player) {
  unsigned commands = player->held;
  player->holding = false;
  player->held = 0;
  gcn__engine_command(player->engine, commands, player->now_ms);
  run(player);
}

void player_restore(struct player* player, const char* position,
                    uint64_t ago_ms) {
  static const unsigned char salt[GCN__ENGINE_SALT_SIZE] = {0};
  struct gcn__restored restored = {.good_ago_ms = ago_ms};
  if (position[0] != '-') restored.position = gcn__span_str(position);
  player_begin(player);
  assert_int_equal(
      gcn__engine_restore(player->engine, salt, &restored, 1, player->now_ms),
      0);
}

void player_unreadable(struct player* player, const char* text) {
  player_begin(player);
  gcn__engine_unreadable(player->engine, GCN_ECHECKPOINT, text, player->now_ms);
  run(player);
}

void player_command(struct player* player, unsigned commands) {
  if (player->holding) {
    keep_commands(player, commands);
    return;
  }
  gcn__engine_command(player->engine, commands, player->now_ms);
  run(player);
}

void player_offer(struct player* player, unsigned age, int status,
                  const struct gcn__offer* offers, size_t count) {
  bool taken = gcn__engine_offer(player->engine, player->tickets[age], status,
                                 offers, count, player->now_ms);
  if (!taken) fprintf(player->effects, "> too late\n");
  run(player);
}

void player_grant(struct player* player, unsigned age, int status,
                  const char* token, double life_s) {
  bool taken = gcn__engine_grant(player->engine, player->tickets[age], status,
                                 gcn__span_str(token), life_s, player->now_ms);
  if (!taken) fprintf(player->effects, "> too late\n");
  run(player);
}

void player_linked(struct player* player, enum gcn__wire_index wire) {
  assert_int_equal(player->links[wire], LINK_OPENING);
  player->links[wire] = LINK_UP;
  gcn__engine_linked(player->engine, wire, player->now_ms);
  run(player);
}

static size_t next_cut(struct player* player, size_t size) {
  size_t cut = size;
  if (player->cut == CUT_BYTES) cut = 1;
  if (player->cut == CUT_RANDOM) {
    cut = 1 + (size_t)gcn__rng_below(&player->rng, CUT_SIZE_MAX);
  }
  return cut < size ? cut : size;
}

/* What a peer still sent to a dropped link is lost, as on a real one. */
void player_received(struct player* player, enum gcn__wire_index wire,
                     struct gcn__span bytes) {
  assert_int_equal(player->links[wire], LINK_UP);
  assert_false(player->holding); /* bytes are borrowed for a turn */
  while (bytes.size > 0 && player->links[wire] == LINK_UP) {
    size_t size = next_cut(player, bytes.size);
    /* A copy of its own, so that a read beyond it is seen. */
    char* piece = malloc(size);
    memcpy(piece, bytes.data, size);
    gcn__engine_received(player->engine, wire, gcn__span(piece, size),
                         player->now_ms);
    run(player);
    free(piece);
    bytes = gcn__span_skip(bytes, size);
  }
}

void player_ended(struct player* player, enum gcn__wire_index wire, int error,
                  const char* text) {
  assert_int_not_equal(player->links[wire], LINK_NONE);
  player->links[wire] = LINK_NONE;
  gcn__engine_ended(player->engine, wire, error, GCN__LAYER_TCP, text,
                    player->now_ms);
  run(player);
}

static void wake(struct player* player, uint64_t at_ms) {
  player->now_ms = at_ms;
  gcn__engine_woken(player->engine, at_ms);
  run(player);
}

void player_wait(struct player* player, uint64_t delay_ms) {
  uint64_t until_ms = player->now_ms + delay_ms;
  uint64_t due_ms = gcn__engine_deadline(player->engine);
  while (due_ms <= until_ms) {
    wake(player, due_ms);
    uint64_t next_ms = gcn__engine_deadline(player->engine);
    assert_true(next_ms > due_ms); /* or the host would spin */
    due_ms = next_ms;
  }
  wake(player, until_ms);
}

bool player_wait_deadline(struct player* player) {
  uint64_t due_ms = gcn__engine_deadline(player->engine);
  if (due_ms == UINT64_MAX) return false;
  wake(player, due_ms);
  return true;
}

void player_pause(struct player* player, bool paused) {
  gcn__engine_pause(player->engine, paused, player->now_ms);
  run(player);
}

void player_limit_close(struct player* player, uint64_t close_ms) {
  gcn__engine_limit_close(player->engine, close_ms, player->now_ms);
  run(player);
}

void player_excuse(struct player* player) {
  gcn__engine_excuse(player->engine, player->now_ms);
  run(player);
}

void player_slept(struct player* player, uint64_t slept_ms) {
  gcn__engine_slept(player->engine, slept_ms, player->now_ms);
  run(player);
}

char* player_notes(struct player* player) {
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  end_of_many(player);
  close_notes(player);
  fputs(player->effects_text, out);
  for (int i = 0; i < GCN__WIRE_COUNT; i++)
    fputs(player->sends_text[i], out);
  fclose(out);
  free_notes(player);
  open_notes(player);
  return text;
}

const char* player_log(struct player* player) {
  fflush(player->log);
  return player->log_text;
}
