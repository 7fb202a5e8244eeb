/* SPDX-License-Identifier: MIT */
/*
 * The traces of some lives, as digests that are kept in the tree: other
 * compilers, other levels of optimisation and sanitizers have to come to the
 * same.  After a change of the engine that is meant they are written anew:
 *
 *   GCN_DST_WRITE=test/dst/traces.txt test-dst-trace
 */
#include "lives.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 24, LINE_SIZE = 80 };

static const struct {
  const char* name;
  struct world_plan plan;
} plans[] = {
    {"channels", {0}},
    {"calm", {.calm = true}},
    {"stream", {.stream = true}},
    {"expiry", {.stream = true, .expiry = true}},
};

enum { PLANS = sizeof plans / sizeof plans[0] };

static struct world world;

static uint64_t live(size_t plan, uint64_t seed) {
  if (world_run(&world, &plans[plan].plan, seed, NULL) != 0) {
    fail_msg("%s", world.fault);
  }
  return world.hash;
}

static void write_traces(FILE* out) {
  for (size_t i = 0; i < PLANS; i++) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
      fprintf(out, "%s %" PRIu64 " %016" PRIx64 "\n", plans[i].name, seed,
              live(i, seed));
    }
  }
}

static void check_line(const char* line, size_t plan, uint64_t seed) {
  char name[16];
  uint64_t said = 0;
  uint64_t hash = 0;
  int count = sscanf(line, "%15s %" SCNu64 " %" SCNx64, name, &said, &hash);
  assert_int_equal(count, 3);
  assert_string_equal(name, plans[plan].name);
  assert_true(said == seed);
  if (live(plan, seed) == hash) return;
  fail_msg("%s, seed %" PRIu64 ": the life is not the one that is on record; "
           "if that is meant: GCN_DST_WRITE=test/dst/traces.txt",
           name, seed);
}

static void every_build_lives_the_same_lives(void** state) {
  (void)state;
  char path[4096];
  char line[LINE_SIZE];
  snprintf(path, sizeof path, "%s/test/dst/traces.txt",
           getenv("GCN_SOURCE_ROOT"));
  FILE* in = fopen(path, "r");
  assert_non_null(in);
  for (size_t i = 0; i < PLANS; i++) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
      assert_non_null(fgets(line, sizeof line, in));
      check_line(line, i, seed);
    }
  }
  assert_null(fgets(line, sizeof line, in));
  fclose(in);
}

int main(void) {
  const char* path = getenv("GCN_DST_WRITE");
  if (path != NULL) {
    FILE* out = fopen(path, "w");
    if (out == NULL) return 1;
    write_traces(out);
    return fclose(out) == 0 ? 0 : 1;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_build_lives_the_same_lives),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
