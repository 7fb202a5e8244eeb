/* SPDX-License-Identifier: MIT */
/*
 * Plays facts to an engine and writes down what it does, one line per effect.
 *
 * It is the engine's driver without a loop: it keeps the rules of
 * engine/engine.h, asserts that the engine keeps its own (no second link on a
 * wire, nothing for a dropped one), and knows nothing about what should happen.
 * Entropy is all zeros, so that masked frames and handshake keys are constant.
 */
#ifndef GCN_TEST_PLAYER_H
#define GCN_TEST_PLAYER_H

#include "engine/engine.h"

#include <stdio.h>

/* How the bytes of one `received` are cut; but for WHOLE, what is sent goes out
 * byte by byte. */
enum cut { CUT_WHOLE, CUT_BYTES, CUT_RANDOM, CUT_COUNT };

enum link_phase { LINK_NONE, LINK_OPENING, LINK_UP };

/* What the user does inside a callback. */
struct player_reaction {
  enum gcn__effect_kind kind; /* that he is told, ... */
  enum gcn__state state;      /* ... if it is a change of state: to this */
  unsigned commands;
};

enum { PLAYER_REACTIONS_MAX = 4, PLAYER_SHAPE_TEXTS_MAX = 4 };

struct player {
  struct gcn__engine* engine; /* NULL until the first fact */
  struct gcn__engine_options options;
  struct gcn__proxy_env proxies;
  struct gcn__shape shape; /* of the stream dialect */
  char shape_texts[PLAYER_SHAPE_TEXTS_MAX][100];
  size_t shape_text_count;
  char proxy_text[200];
  char api_text[200];
  uint64_t tickets[2]; /* of the last question, and of the one before */
  unsigned alike;      /* verdicts of one kind in a row */
  enum gcn__verdict last_verdict;
  enum cut cut;
  struct gcn__rng rng; /* of the cuts */
  bool holding;        /* the loop does not run, ... */
  unsigned held;       /* ... so these commands wait */
  struct player_reaction reactions[PLAYER_REACTIONS_MAX]; /* in their order */
  unsigned reaction_count;
  uint64_t now_ms;
  enum link_phase links[GCN__WIRE_COUNT];
  /* Of the present step: effects in their order, then what was sent on each
   * wire.  Effects and bytes sent do not interleave in the notes, because how
   * they do depends on the cuts. */
  FILE* effects;
  char* effects_text;
  size_t effects_size;
  FILE* sends[GCN__WIRE_COUNT];
  char* sends_text[GCN__WIRE_COUNT];
  size_t sends_size[GCN__WIRE_COUNT];
  FILE* log; /* everything logged or said in a failure, for the secrets */
  char* log_text;
  size_t log_size;
};

/* Called with one of "login", "api", "stream", "api2", "stream2", ...  Aborts
 * on any other. */
enum gcn__wire_index player_wire(const char* name);

void player_init(struct player* player, enum cut cut);
void player_deinit(struct player* player);

/* What the engine is made with; before the first fact only. */
void player_set(struct player* player, const char* name, uint64_t value);
void player_proxy(struct player* player, const char* text);
/* The API is there, and its service's domain is not known. */
void player_place(struct player* player, const char* api_url);
void player_preset(struct player* player, const char* name);
/* A member of the preset's shape, after the preset. */
void player_shape(struct player* player, const char* name, const char* value);
void player_asks(struct player* player, enum gcn__ask_kind kind);
/* Makes the engine, if there is none yet. */
void player_begin(struct player* player);
/* What the last run left; a position of "-" is none.  Before the first
 * start. */
void player_restore(struct player* player, const char* position,
                    uint64_t ago_ms);
void player_unreadable(struct player* player, const char* text);
/* When that is told next, and what was to be reacted to before has been, the
 * user does this from inside the callback. */
void player_react(struct player* player, struct player_reaction reaction);
/* The user does several things before the loop runs. */
void player_hold(struct player* player);
void player_release(struct player* player);

/* Facts.  Each runs the engine until it has nothing more to do. */
void player_command(struct player* player, unsigned commands);
/* `age` 0: to the last question; 1: to the one before. */
void player_offer(struct player* player, unsigned age, int status,
                  const struct gcn__offer* offers, size_t count);
void player_grant(struct player* player, unsigned age, int status,
                  const char* token, double life_s);
void player_linked(struct player* player, enum gcn__wire_index wire);
void player_received(struct player* player, enum gcn__wire_index wire,
                     struct gcn__span bytes);
void player_ended(struct player* player, enum gcn__wire_index wire, int error,
                  const char* text);
/* Lets time pass, waking the engine at every deadline on the way. */
void player_wait(struct player* player, uint64_t delay_ms);
/* Passes to the next deadline; false if there is none. */
bool player_wait_deadline(struct player* player);
void player_pause(struct player* player, bool paused);
/* How long goodbyes may take from now on. */
void player_limit_close(struct player* player, uint64_t close_ms);
void player_excuse(struct player* player);
void player_slept(struct player* player, uint64_t slept_ms);

/* What was noted since the last call, each line begun by "> "; free(). */
char* player_notes(struct player* player);
/* Everything that could be read by a person who reads logs. */
const char* player_log(struct player* player);

#endif
