/* SPDX-License-Identifier: MIT */
/*
 * The dry run: what it says of each topic, and that it comes true.
 */
#include "core/plan.h"

#include "base/err.h"
#include "check.h"
#include "mem-probe.h"

#include <stdio.h>

enum { NAME_SIZE = 64, WORLD = 300 };

static const char* world_name(unsigned index, char name[NAME_SIZE]) {
  static const char* const words[] = {"presence", "station", "tokens",
                                      "conversationsummary", "7"};
  snprintf(name, NAME_SIZE, "v2.users.%0*u.%s", (int)(index / 5 % 3) * 20 + 1,
           index / 5, words[index % 5]);
  return name;
}

static void a_plan_says_what_becomes_of_each(void** state) {
  (void)state;
  static const char* const names[] = {
      "v2.u.A.b", "v2.u.A.a",   "v2.u.B.b", "bad topic", "V2.U.A.B", NULL,
      "v2.u.C.a", "v2.u.C?x&y", "v2.u.D.a", "",          "v2.u.E.a",
  };
  static const struct {
    int error;
    unsigned shard;
    const char* name;
  } want[] = {
      {0, 0, "v2.u.A?a&b"}, {0, 0, "v2.u.A?a&b"}, {0, 0, "v2.u.B.b"},
      {GCN__EINVAL, 0, ""}, {GCN__EEXIST, 0, ""}, {GCN__EINVAL, 0, ""},
      {0, 1, "v2.u.C.a"},   {0, 1, "v2.u.C?x&y"}, {GCN_ELIMIT, 0, ""},
      {GCN__EINVAL, 0, ""}, {GCN_ELIMIT, 0, ""},
  };
  enum { COUNT = sizeof names / sizeof names[0] };
  static const struct gcn__planner_limits limits = {
      .names_target = 2, .names_max = 2, .shard_count_max = 2, .combine = true};
  int error = GCN__ENOMEM;
  size_t fail_at = 1;
  for (; error != 0; fail_at++) {
    struct mem_probe probe = {.fail_at = fail_at};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__plan_entry entries[COUNT];
    struct gcn__plan plan;
    memset(entries, 'x', sizeof entries);
    error = gcn__plan_make(&mem, &limits, names, COUNT, entries, &plan);
    assert_int_equal(probe.live_size, 0);
    assert_true(error == 0 || error == GCN__ENOMEM);
    if (error != 0) continue;
    assert_int_equal(plan.shard_count, 2);
    assert_int_equal(plan.topic_count, 5);
    assert_int_equal(plan.name_count, 4);
    for (size_t i = 0; i < COUNT; i++) {
      assert_int_equal(entries[i].error, want[i].error);
      assert_int_equal(entries[i].shard, want[i].shard);
      assert_string_equal(entries[i].name, want[i].name);
    }
  }
  assert_true(fail_at > 10);
}

static void an_empty_plan_needs_nothing(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 1, .fail_on = 1};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__plan plan = {.shard_count = 7};
  assert_int_equal(
      gcn__plan_make(&mem, &GCN__PLANNER_LIMITS_DEFAULT, NULL, 0, NULL, &plan),
      0);
  assert_int_equal(plan.shard_count, 0);
}

/* What is planned is what happens. */
static void a_client_does_what_was_planned(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 55);
  static const struct gcn__planner_limits limits = {.names_target = 9,
                                                    .names_max = 12,
                                                    .shard_count_max = 6,
                                                    .combine = true};
  for (int round = 0; round < 30; round++) {
    static char text[WORLD][NAME_SIZE];
    static struct gcn__plan_entry entries[WORLD];
    const char* names[WORLD];
    struct gcn__plan plan;
    struct gcn__topics topics;
    struct gcn__planner planner;
    gcn__topics_init(&topics, &gcn__mem_libc, WORLD);
    gcn__planner_init(&planner, &gcn__mem_libc, &limits);
    for (unsigned i = 0; i < WORLD; i++)
      names[i] = world_name((unsigned)gcn__rng_below(&rng, WORLD), text[i]);
    assert_int_equal(
        gcn__plan_make(&gcn__mem_libc, &limits, names, WORLD, entries, &plan),
        0);
    for (unsigned i = 0; i < WORLD; i++) {
      size_t before = topics.count;
      int error = gcn__planner_add(&planner, &topics, &names[i], 1);
      bool repeated = error == 0 && topics.count == before;
      bool known = entries[i].error == GCN__EEXIST; /* or refused before */
      if (known) assert_true(repeated || error == GCN_ELIMIT);
      if (!known) assert_int_equal(entries[i].error, error);
      if (entries[i].error != 0) continue;
      struct gcn__topic* topic =
          gcn__topics_find(&topics, gcn__span_str(names[i]));
      assert_int_equal(entries[i].shard, topic->shard);
    }
    assert_int_equal(plan.topic_count, topics.count);
    unsigned live_count = gcn__planner_live_count(&planner);
    assert_int_equal(plan.shard_count, live_count);
    gcn__planner_deinit(&planner);
    gcn__topics_deinit(&topics);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plan_says_what_becomes_of_each),
      cmocka_unit_test(an_empty_plan_needs_nothing),
      cmocka_unit_test(a_client_does_what_was_planned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
