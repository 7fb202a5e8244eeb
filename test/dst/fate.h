/* SPDX-License-Identifier: MIT */
/*
 * What befalls a life: each fault is drawn from the seed, written down and only
 * then performed, so that the list of them can be lived again, or a part of it.
 *
 * Faults have dice of their own.  What is no fault (latencies, how bytes are
 * cut, what a settings holds) is drawn elsewhere, so a life that is led by its
 * own list is the same life.  Swarm testing: each seed knows some kinds of
 * faults only, and some of them more often than others.
 */
#ifndef GCN_TEST_DST_FATE_H
#define GCN_TEST_DST_FATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rng.h"

struct world;

/* X(name, word of the script) */
#define FATE_MAP(X)                                                            \
  X(STOP, "stop")                                                              \
  X(START, "start")                                                            \
  X(MORE, "topics-more") /* a: a set of them */                                \
  X(LESS, "topics-less") /* likewise */                                        \
  X(HURRY, "reconnect-now")                                                    \
  X(ROTATE, "rotate")                                                          \
  X(PAUSE, "pause") /* b: for so many ms */                                    \
  X(WRONG, "credentials-wrong")                                                \
  X(RIGHT, "credentials-again")                                                \
  X(OTHER, "credentials-other")                                                \
  X(SECRET, "secret-rotated")   /* b: known to the user after ms */            \
  X(INPUT, "input")             /* a: slot, b: enum gcn__input */              \
  X(SERVICE, "service")         /* a rule of the service's language */         \
  X(REFUSED, "connect-refused") /* a: the wire that is opened next */          \
  X(HANG, "connect-hangs")                                                     \
  X(RESET, "link-reset") /* b: after so many ms */                             \
  X(HOLE, "link-hole-down")                                                    \
  X(HOLES, "link-hole-both")                                                   \
  X(MUTE, "vault-mute") /* the next question to the vault */                   \
  X(LATE, "vault-late") /* b: so many ms */                                    \
  X(FAILS, "vault-fails")                                                      \
  X(AGAIN, "vault-twice")                                                      \
  X(OLD, "vault-old")                                                          \
  X(UNREADABLE, "checkpoint-unreadable")                                       \
  X(DEATH, "consumer-dies") /* a: unreadable then, b: away for ms */           \
  X(RESET_ALL, "streams-reset")                                                \
  X(RESET_ONE, "stream-reset") /* a: slot */

enum fate_kind {
#define FATE_ENUM(name, word) FATE_##name,
  FATE_MAP(FATE_ENUM)
#undef FATE_ENUM
      FATE_KINDS
};

enum {
  FATE_RULE_SIZE = 192,
  FATE_MAX = 4096,    /* faults of one life; what is beyond is not drawn */
  FATE_IDS_MAX = 192, /* kinds, and rules of the service */
  FATE_WORDS = FATE_IDS_MAX / 64,
};

struct fate_fault {
  uint64_t at_ms;
  uint32_t nth; /* effect since the clock moved; 0: in none's callback */
  bool joined;  /* to the one before: the engine has its turn after both */
  bool spent;
  enum fate_kind kind;
  uint64_t a;
  uint64_t b;
  char rule[FATE_RULE_SIZE];
};

/* A list to be lived by. */
struct fate_script {
  unsigned trouble; /* traits of the world, enum world_trouble */
  struct fate_fault* faults;
  size_t count;
};

/* A world's part of this. */
struct fate {
  struct gcn__rng rng;
  uint64_t pace; /* percents: how often there is trouble, ... */
  uint64_t rate; /* ... and how often links are bad */
  uint64_t known[FATE_WORDS];
  uint64_t met[FATE_WORDS];
  struct fate_fault* faults;
  size_t count;
  uint32_t effects; /* since the clock moved */
  bool in_callback;
  bool open;                  /* the next fault is joined to the one before */
  struct fate_script* script; /* NULL: not led */
  size_t next;                /* the script's faults before it are over */
};

/* Which faults, and which pairs of them in one life, were met by all lives of
 * the process; by dialect. */
struct fate_tally {
  uint64_t known[FATE_WORDS];
  uint64_t met[FATE_WORDS];
  uint64_t pairs[FATE_IDS_MAX][FATE_WORDS];
};

extern struct fate_tally fate_tallies[2];

void fate_birth(struct world* world);
void fate_death(struct world* world);
uint64_t fate_below(struct world* world, uint64_t bound);
uint64_t fate_between(struct world* world, uint64_t low, uint64_t high);
bool fate_chance(struct world* world, unsigned per_mille);
/* This seed knows this kind. */
bool fate_knows(const struct world* world, enum fate_kind kind);
/* One of `count` rules that this seed knows; the first of them has the number
 * `first` in the tally.  `count` if it knows none. */
size_t fate_rule(struct world* world, size_t first, size_t count);
/* How fast things happen in this life: a time between two of them. */
uint64_t fate_pause(const struct world* world, uint64_t ms);
/* Writes the fault down and performs it.  False: it was impossible. */
bool fate_do(struct world* world, enum fate_kind kind, uint64_t a, uint64_t b);
bool fate_service(struct world* world, size_t id, const char* rule);
/* Writes down what the caller performs: on a link, or in the vault. */
void fate_note(struct world* world, enum fate_kind kind, uint64_t a,
               uint64_t b);
/* Faults that are performed together have one turn of the engine: from `begin`
 * on, whose result `acted` wants to say whether there were any. */
size_t fate_begin(struct world* world);
bool fate_acted(const struct world* world, size_t before);

/* Led by a list. */
bool fate_is_led(const struct world* world);
uint64_t fate_deadline(const struct world* world);
/* What is due outside of any callback; true if anything was performed. */
bool fate_leads(struct world* world);
void fate_leads_callback(struct world* world);
/* The next fault that is due for the wire, or for the vault; NULL: none.
 * `at_ms` not 0: that of this moment only. */
struct fate_fault* fate_link(struct world* world, uint64_t wire,
                             uint64_t at_ms);
struct fate_fault* fate_vault(struct world* world);

/* A fault as a line, without its end. */
void fate_write(const struct fate_fault* fault, char* line, size_t size);
bool fate_read(const char* line, struct fate_fault* fault);
const char* fate_word(enum fate_kind kind);

/* faults.c: performs. */
bool fault_perform(struct world* world, const struct fate_fault* fault);

#endif
