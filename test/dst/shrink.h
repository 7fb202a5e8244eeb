/* SPDX-License-Identifier: MIT */
/*
 * A life that breaks a promise, as a script; and the least that still breaks
 * it.
 *
 *   seed 4711
 *   plan stream days=30
 *   traits 2c
 *   at 12345.0 pause 0 9000
 *   with 12345.0 service tcp.reset
 *
 * Lines are faults: when, and after which effect of that moment ("0": in no
 * callback).  "with" is performed before the engine has its turn after the line
 * above.  Faults of links and of the vault are for the next connection of that
 * wire, or the next question.
 */
#ifndef GCN_TEST_DST_SHRINK_H
#define GCN_TEST_DST_SHRINK_H

#include "world.h"

struct shrink_case {
  uint64_t seed;
  struct world_plan plan; /* its script is `script` */
  struct fate_script script;
};

/* Copies what the world has just lived; free with shrink_free. */
void shrink_take(struct shrink_case* from, const struct world* world);
void shrink_free(struct shrink_case* from);
/* Lives it.  0, or -1 with world->fault set. */
int shrink_live(struct shrink_case* from, struct world* world, FILE* trace);
/* Reduces it to a part that breaks the same promise; `world` has lived it.
 * How many lives that took. */
unsigned shrink_reduce(struct shrink_case* from, struct world* world);
/* What a fault's text says is broken: "I7" of "seed 1 at 2 s: I7, P7: ...". */
void shrink_class(const char* fault, char* word, size_t size);
void shrink_print(const struct shrink_case* from, FILE* out);
/* False: not a script; nothing is to be freed then. */
bool shrink_read(struct shrink_case* to, FILE* in);

#endif
