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

enum { BEGIN_MS = 1000000, TURN_COUNT_MAX = 10000, CUT_SIZE_MAX = 40 };

static const char* const wire_names[] = {"login", "api", "stream"};

enum gcn__wire_index player_wire(const char* name) {
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    if (strcmp(name, wire_names[i]) == 0) return (enum gcn__wire_index)i;
  }
  fail_msg("no wire is called %s", name);
  return GCN__WIRE_COUNT;
}

/* --- making --------------------------------------------------------------- */

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
  const struct gcn__engine_options options = {
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
  assert_int_equal(gcn__engine_new(&options, &player->engine), 0);
}

void player_deinit(struct player* player) {
  gcn__engine_free(player->engine);
  close_notes(player);
  free_notes(player);
  fclose(player->log);
  free(player->log_text);
}

/* --- turns ---------------------------------------------------------------- */

static void take_output(struct player* player, enum gcn__wire_index wire) {
  struct gcn__span bytes = gcn__engine_output(player->engine, wire);
  if (bytes.size == 0) return;
  assert_int_equal(player->links[wire], LINK_UP);
  print_sent(player->sends[wire], wire_names[wire], bytes);
  gcn__engine_sent(player->engine, wire, bytes.size);
}

static void note_effect(struct player* player,
                        const struct gcn__effect* effect) {
  print_effect(player->effects, wire_names[effect->wire], effect);
  if (effect->kind != GCN__EFFECT_STATE) return;
  if (effect->transition.failure == NULL) return;
  fprintf(player->log, "%s\n", effect->transition.failure->text);
}

static void perform(struct player* player, const struct gcn__effect* effect) {
  enum link_phase* link = &player->links[effect->wire];
  note_effect(player, effect);
  if (effect->kind == GCN__EFFECT_OPEN) {
    assert_int_equal(*link, LINK_NONE); /* P6 */
    *link = LINK_OPENING;
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
  do {
    turn(player);
    assert_true(++count < TURN_COUNT_MAX);
  } while (gcn__engine_busy(player->engine));
}

/* --- facts ---------------------------------------------------------------- */

void player_command(struct player* player, unsigned commands) {
  gcn__engine_command(player->engine, commands, player->now_ms);
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

void player_excuse(struct player* player) {
  gcn__engine_excuse(player->engine, player->now_ms);
  run(player);
}

/* --- notes ---------------------------------------------------------------- */

char* player_notes(struct player* player) {
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
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
