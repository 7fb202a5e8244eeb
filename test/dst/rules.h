/* SPDX-License-Identifier: MIT */
/*
 * The invariants of FAULTS.md, section 5, by their numbers: how often each was
 * looked at, and in how many lives it was broken.
 *
 * A check says rule_count where it looks, whatever it finds, and what it finds
 * is told by world_break with a text that begins with "I" and the number.  So
 * a check that is never reached is seen as well as one that fails.
 */
#ifndef GCN_TEST_DST_RULES_H
#define GCN_TEST_DST_RULES_H

#include <stdint.h>

enum { RULE_COUNT = 41, RULE_NAME_SIZE = 160 }; /* from I1; 0 is none */

struct rule {
  unsigned number;
  const char* text;
};

extern uint64_t rules_checked[RULE_COUNT];
extern uint64_t rules_broken[RULE_COUNT];

static inline void rule_count(unsigned number) {
  rules_checked[number]++;
}

/* The number that a fault's text begins with, behind its seed; 0: none. */
unsigned rule_of(const char* fault);

#endif
