/* SPDX-License-Identifier: MIT */
/*
 * What befell a life can be lived again, and reduced to what it was that broke
 * a promise.
 *
 * The world of these lives has a bug of its own: after the service's burst of
 * events and a pause, whichever came first, it loses an event.  Thus the least
 * script is known.
 */
#include "check.h"
#include "shrink.h"

#include <stdlib.h>
#include <string.h>

enum { FAITHFUL = 25, SEEDS_MAX = 4000, LINES_MAX = 4, CASES = 3 };

static struct world world;

static void live_by_list(const struct world_plan* plan) {
  for (uint64_t seed = 1; seed <= FAITHFUL; seed++) {
    struct shrink_case whole;
    int result = world_run(&world, plan, seed, NULL);
    uint64_t hash = world.hash;
    shrink_take(&whole, &world);
    assert_int_equal(shrink_live(&whole, &world, NULL), result);
    if (world.hash != hash) fail_msg("seed %d differs", (int)seed);
    shrink_free(&whole);
  }
}

static void a_life_led_by_its_own_list_is_the_same(void** state) {
  (void)state;
  const struct world_plan stream = {.stream = true};
  const struct world_plan expiry = {.stream = true, .expiry = true};
  const struct world_plan calm = {.calm = true};
  live_by_list(&world_plan_default);
  live_by_list(&stream);
  live_by_list(&expiry);
  live_by_list(&calm);
}

static void every_fault_is_read_as_it_was_written(void** state) {
  (void)state;
  for (int i = 0; i < FATE_KINDS; i++) {
    struct fate_fault fault = {.at_ms = 12345678901,
                               .nth = (uint32_t)i,
                               .joined = i % 2 == 1,
                               .kind = (enum fate_kind)i};
    char line[320];
    if (i == FATE_SERVICE) {
      snprintf(fault.rule, sizeof fault.rule, "ws.send \"{\\\"a\\\":1}\"");
    } else {
      fault.a = (uint64_t)i + 1;
      fault.b = UINT64_MAX - (uint64_t)i;
    }
    fate_write(&fault, line, sizeof line);
    struct fate_fault again;
    assert_true(fate_read(line, &again));
    assert_true(again.at_ms == fault.at_ms && again.nth == fault.nth);
    assert_true(again.kind == fault.kind && again.joined == fault.joined);
    assert_true(again.a == fault.a && again.b == fault.b);
    assert_string_equal(again.rule, fault.rule);
  }
  struct fate_fault none;
  assert_false(fate_read("at 1.0 nonsense 1 2", &none));
  assert_false(fate_read("at 1.0 pause 1", &none));
  assert_false(fate_read("pause", &none));
}

static bool has_both(const struct shrink_case* from) {
  unsigned found = 0;
  for (size_t i = 0; i < from->script.count; i++) {
    const struct fate_fault* fault = &from->script.faults[i];
    if (fault->kind == FATE_PAUSE) found |= 1;
    if (strcmp(fault->rule, "event.burst 30") == 0) found |= 2;
  }
  return found == 3;
}

/* Written, read, and lived again. */
static void check_script(const struct shrink_case* from, const char* fault) {
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  assert_non_null(out);
  shrink_print(from, out);
  fclose(out);
  FILE* in = fmemopen(text, size, "r");
  struct shrink_case again;
  assert_true(shrink_read(&again, in));
  fclose(in);
  assert_int_equal(shrink_live(&again, &world, NULL), -1);
  assert_string_equal(world.fault, fault);
  shrink_free(&again);
  free(text);
}

static void reduce(uint64_t seed) {
  struct shrink_case found;
  char fault[sizeof world.fault];
  shrink_take(&found, &world);
  size_t before = found.script.count;
  unsigned lives = shrink_reduce(&found, &world);
  fprintf(stderr, "seed %d: %zu faults, %zu left after %u lives\n", (int)seed,
          before, found.script.count, lives);
  shrink_print(&found, stderr);
  assert_true(before > LINES_MAX);
  assert_in_range(found.script.count, 2, LINES_MAX);
  assert_true(has_both(&found));
  assert_true(strstr(world.fault, ": I1, ") != NULL);
  snprintf(fault, sizeof fault, "%s", world.fault);
  check_script(&found, fault);
  shrink_free(&found);
}

static void a_planted_bug_is_reduced_to_its_causes(void** state) {
  (void)state;
  const struct world_plan plan = {.planted = true};
  int left = CASES;
  for (uint64_t seed = 1; seed <= SEEDS_MAX && left > 0; seed++) {
    if (world_run(&world, &plan, seed, NULL) == 0) continue;
    if (strstr(world.fault, ": I1, ") == NULL) fail_msg("%s", world.fault);
    reduce(seed);
    left--;
  }
  assert_int_equal(left, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_fault_is_read_as_it_was_written),
      cmocka_unit_test(a_life_led_by_its_own_list_is_the_same),
      cmocka_unit_test(a_planted_bug_is_reduced_to_its_causes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
