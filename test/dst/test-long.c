/* SPDX-License-Identifier: MIT */
/*
 * Lives of 30 days each, from the seed on that the argument names: two tests of
 * this program have a core each.  How to choose others: lives.h.
 */
#include "lives.h"

#include <stdlib.h>

enum { LONG_DAYS = 30 };

/* A sanitizer makes a life several times as long to live. */
#if defined(__SANITIZE_ADDRESS__)
enum { LONG_SEEDS = 100 };
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
enum { LONG_SEEDS = 100 };
#  else
enum { LONG_SEEDS = 1000 };
#  endif
#else
enum { LONG_SEEDS = 1000 };
#endif

static void long_lives(void** state) {
  const uint64_t* first = *state;
  const struct world_plan plan = {.days = LONG_DAYS};
  lives_live_chosen();
  if (lives_chosen()) return;
  lives_live(&plan, "GCN_DST_DAYS=30 ", *first, LONG_SEEDS);
}

int main(int argc, char** argv) {
  uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  struct CMUnitTest tests[5] = {cmocka_unit_test_prestate(long_lives, &first)};
  lives_begin(&tests[1], 1, "an event is delivered or lies inside a gap");
  lives_begin(&tests[2], 2, "no event is delivered twice");
  lives_begin(&tests[3], 24, "every phase has exactly one deadline");
  lives_begin(&tests[4], 38, "a stream is there again after the healing");
  return _cmocka_run_group_tests("long", tests, 5, NULL, NULL);
}
