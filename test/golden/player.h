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

/* How the bytes of one `received` are cut. */
enum cut { CUT_WHOLE, CUT_BYTES, CUT_RANDOM, CUT_COUNT };

enum link_phase { LINK_NONE, LINK_OPENING, LINK_UP };

struct player {
  struct gcn__engine* engine;
  enum cut cut;
  struct gcn__rng rng; /* of the cuts */
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

/* Called with one of "login", "api", "stream".  Aborts on any other. */
enum gcn__wire_index player_wire(const char* name);

void player_init(struct player* player, enum cut cut);
void player_deinit(struct player* player);

/* Facts.  Each runs the engine until it has nothing more to do. */
void player_command(struct player* player, unsigned commands);
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
void player_excuse(struct player* player);

/* What was noted since the last call, each line begun by "> "; free(). */
char* player_notes(struct player* player);
/* Everything that could be read by a person who reads logs. */
const char* player_log(struct player* player);

#endif
