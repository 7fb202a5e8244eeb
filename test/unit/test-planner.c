/* SPDX-License-Identifier: MIT */
/*
 * Topics on shards: where they go, that they stay, and that no shard gets more
 * names than the service takes.
 */
#include "core/planner.h"

#include "base/err.h"
#include "planner-rig.h"

#include <stdio.h>

/* --- placing -------------------------------------------------------------- */

static void shards_fill_one_after_another(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig, &LIMITS(3, 4, 3, true));
  char name[NAME_SIZE];
  for (unsigned i = 0; i < 12; i++) {
    snprintf(name, sizeof name, "v2.t.%02u", i);
    assert_int_equal(add(&rig, name), 0);
    /* All to the target; then what is left, in the same order. */
    assert_int_equal(shard_of(&rig, name), i < 9 ? i / 3 : i - 9);
    assert_sound(&rig);
  }
  assert_int_equal(add(&rig, "v2.t.99"), GCN_ELIMIT);
  assert_int_equal(rig.topics.count, 12);
  assert_int_equal(add(&rig, "V2.T.01"), 0); /* there already */
  assert_int_equal(rig.topics.count, 12);
  assert_sound(&rig);
  rig_deinit(&rig);
}

static void the_fullest_with_room_is_taken(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig, &LIMITS(3, 4, 3, true));
  static const char* const names[] = {"a.1", "a.2", "a.3", "b.1",
                                      "b.2", "b.3", "c.1", "c.2"};
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 8), 0);
  assert_int_equal(take(&rig, "a.1"), 1);
  assert_int_equal(take(&rig, "a.3"), 1);
  assert_int_equal(take(&rig, "b.2"), 1);
  assert_int_equal(shard_of(&rig, "c.1"), 2); /* a removal moves nothing */
  assert_int_equal(add(&rig, "d.1"), 0);
  assert_int_equal(shard_of(&rig, "d.1"), 1);
  assert_int_equal(add(&rig, "d.2"), 0);
  assert_int_equal(shard_of(&rig, "d.2"), 2);
  assert_int_equal(add(&rig, "d.3"), 0);
  assert_int_equal(shard_of(&rig, "d.3"), 0);
  assert_sound(&rig);
  rig_deinit(&rig);
}

static void siblings_join_and_cost_nothing(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig, &LIMITS(2, 2, 3, true));
  static const char* const names[] = {"v2.u.A.presence", "v2.u.B.presence",
                                      "v2.u.C.presence"};
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 3), 0);
  assert_int_equal(shard_of(&rig, "v2.u.C.presence"), 1);
  assert_int_equal(add(&rig, "V2.U.a.Station"), 0); /* though shard 0 is full */
  assert_int_equal(shard_of(&rig, "v2.u.A.station"), 0);
  assert_int_equal(rig.planner.shards[0].name_count, 2);
  assert_int_equal(rig.planner.shards[0].topic_count, 3);
  assert_int_equal(take(&rig, "v2.u.A.presence"), 1);
  assert_int_equal(rig.planner.shards[0].name_count, 2);
  assert_int_equal(take(&rig, "v2.u.A.station"), 1);
  assert_int_equal(rig.planner.shards[0].name_count, 1);
  assert_sound(&rig);
  rig_deinit(&rig);
}

static void without_combining_siblings_do_not_matter(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig, &LIMITS(2, 2, 2, false));
  static const char* const names[] = {"v2.u.A.a", "v2.u.B.a", "v2.u.A.b",
                                      "v2.u.B.b"};
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 4), 0);
  assert_int_equal(shard_of(&rig, "v2.u.A.b"), 1);
  assert_int_equal(add(&rig, "v2.u.A.c"), GCN_ELIMIT);
  assert_sound(&rig);
  rig_deinit(&rig);
}

static unsigned fill_with_family(struct rig* rig, int word_size) {
  char name[GCN__TOPIC_SIZE_MAX + 1];
  int size = snprintf(name, sizeof name, "v2.u.%040d.", 0);
  name[size + word_size] = '\0';
  for (unsigned count = 0;; count++) {
    unsigned word = count;
    for (int i = 0; i < word_size; i++, word /= 2)
      name[size + i] = word % 2 == 0 ? 'a' : 'b';
    int error = add(rig, name);
    assert_sound(rig);
    if (error == 0) continue;
    assert_int_equal(error, GCN_ELIMIT);
    return count;
  }
}

/* A prefix with more siblings than one name holds takes room like others, and
 * is spread when there is none. */
static void large_families_are_counted(void** state) {
  (void)state;
  for (int word_size = 30; word_size < 150; word_size += 10) {
    struct rig rig;
    rig_init(&rig, &LIMITS(8, 10, 3, true));
    unsigned count = fill_with_family(&rig, word_size);
    assert_true(count >= 30); /* at least one for each name */
    rig_deinit(&rig);
  }
}

static void an_emptied_shard_is_given_up_and_taken_again(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig, &LIMITS(1, 1, 3, true));
  static const char* const names[] = {"a.1", "b.1", "c.1"};
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 3), 0);
  assert_int_equal(gcn__planner_live_count(&rig.planner), 3);
  assert_int_equal(take(&rig, "b.1"), 1);
  assert_int_equal(take(&rig, "b.1"), 0);
  assert_false(gcn__planner_is_live(&rig.planner, 1));
  assert_true(gcn__planner_is_live(&rig.planner, 2));
  assert_int_equal(take(&rig, "a.1"), 1);
  assert_true(gcn__planner_is_live(&rig.planner, 0)); /* always */
  assert_int_equal(add(&rig, "d.1"), 0);
  assert_int_equal(shard_of(&rig, "d.1"), 0);
  assert_int_equal(add(&rig, "e.1"), 0);
  assert_int_equal(shard_of(&rig, "e.1"), 1);
  assert_sound(&rig);
  rig_deinit(&rig);
}

static void all_or_none_are_added(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig, &LIMITS(2, 2, 2, true));
  static const char* const many[] = {"a.1", "b.1", "c.1", "d.1", "e.1"};
  static const char* const some[] = {"A.1", "b.1", "a.1"};
  assert_int_equal(add(&rig, "x.1"), 0);
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, many, 5),
                   GCN_ELIMIT);
  assert_int_equal(rig.topics.count, 1);
  assert_sound(&rig);
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, some, 3), 0);
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, some, 0), 0);
  assert_int_equal(rig.topics.count, 3);
  assert_string_equal(find(&rig, "a.1")->name, "A.1");
  assert_sound(&rig);
  assert_int_equal(gcn__planner_remove(&rig.planner, &rig.topics, many, 5), 2);
  assert_int_equal(gcn__planner_remove(&rig.planner, &rig.topics, many, 0), 0);
  assert_sound(&rig);
  rig_deinit(&rig);
}

/* --- at full size --------------------------------------------------------- */

static char (*big_names(unsigned count))[NAME_SIZE] {
  char(*text)[NAME_SIZE] = malloc(count * sizeof *text);
  assert_non_null(text);
  for (unsigned i = 0; i < count; i++) {
    /* In no order, and each a family of its own. */
    snprintf(text[i], NAME_SIZE, "v2.users.0b2c-%05u.presence",
             (unsigned)(i * UINT64_C(7919) % count));
  }
  return text;
}

static void seventeen_thousand_topics_fit(void** state) {
  (void)state;
  enum { COUNT = GCN__SHARD_COUNT_MAX * GCN__SHARD_NAMES_TARGET };
  assert_true(COUNT == 17100);
  char(*text)[NAME_SIZE] = big_names(COUNT);
  const char** names = malloc(COUNT * sizeof *names);
  assert_non_null(names);
  for (unsigned i = 0; i < COUNT; i++)
    names[i] = text[i];
  struct rig rig;
  rig_init(&rig, &GCN__PLANNER_LIMITS_DEFAULT);
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, COUNT),
                   0);
  assert_sound(&rig);
  for (unsigned s = 0; s < GCN__SHARD_COUNT_MAX; s++) {
    assert_int_equal(rig.planner.shards[s].name_count, GCN__SHARD_NAMES_TARGET);
  }
  /* Siblings of theirs take no room. */
  for (unsigned i = 0; i < COUNT; i++)
    memcpy(strstr(text[i], "presence"), "geoplace", 8);
  assert_int_equal(
      gcn__planner_add(&rig.planner, &rig.topics, names, COUNT / 100), 0);
  assert_int_equal(rig.planner.shards[0].name_count, GCN__SHARD_NAMES_TARGET);
  assert_int_equal(rig.topics.count, COUNT + COUNT / 100);
  assert_sound(&rig);
  assert_int_equal(gcn__planner_remove(&rig.planner, &rig.topics, names, COUNT),
                   COUNT / 100);
  for (unsigned i = 0; i < COUNT; i++)
    memcpy(strstr(text[i], "geoplace"), "presence", 8);
  assert_int_equal(gcn__planner_remove(&rig.planner, &rig.topics, names, COUNT),
                   COUNT);
  assert_int_equal(rig.planner.group_count, 0);
  assert_int_equal(gcn__planner_live_count(&rig.planner), 1);
  rig_deinit(&rig);
  free(names);
  free(text);
}

/* --- at random ------------------------------------------------------------ */

enum { WORLD = 300 };

static const char* world_name(unsigned index, char name[NAME_SIZE]) {
  static const char* const words[] = {"presence", "station", "tokens",
                                      "conversationsummary", "7"};
  snprintf(name, NAME_SIZE, "v2.users.%0*u.%s", (int)(index / 5 % 3) * 20 + 1,
           index / 5, words[index % 5]);
  return name;
}

static void remember(const struct rig* rig, uint8_t shards[WORLD]) {
  char name[NAME_SIZE];
  for (unsigned i = 0; i < WORLD; i++) {
    struct gcn__topic* topic =
        gcn__topics_find(&rig->topics, gcn__span_str(world_name(i, name)));
    shards[i] = topic == NULL ? GCN__SHARD_NONE : topic->shard;
  }
}

/* Who was there before and is there now is where it was. */
static void assert_unmoved(const uint8_t before[WORLD],
                           const uint8_t after[WORLD]) {
  for (unsigned i = 0; i < WORLD; i++) {
    if (before[i] == GCN__SHARD_NONE || after[i] == GCN__SHARD_NONE) continue;
    assert_int_equal(before[i], after[i]);
  }
}

static void change(struct rig* rig, struct gcn__rng* rng) {
  char text[20][NAME_SIZE];
  const char* names[20];
  size_t count = 1 + (size_t)gcn__rng_below(rng, 20);
  for (size_t i = 0; i < count; i++) {
    unsigned index = (unsigned)gcn__rng_below(rng, WORLD);
    names[i] = world_name(index, text[i]);
  }
  size_t before = rig->topics.count;
  if (gcn__rng_below(rng, 5) < 3) {
    int error = gcn__planner_add(&rig->planner, &rig->topics, names, count);
    assert_true(error == 0 || error == GCN_ELIMIT);
    if (error != 0) assert_int_equal(rig->topics.count, before);
  } else {
    size_t removed =
        gcn__planner_remove(&rig->planner, &rig->topics, names, count);
    assert_int_equal(rig->topics.count, before - removed);
  }
}

static void no_change_moves_anybody_else(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 51);
  for (unsigned round = 0; round < 12; round++) {
    struct rig rig;
    rig_init(&rig, &LIMITS(10 + round, 12 + round, 2 + round, round % 4 > 0));
    for (int i = 0; i < 120; i++) {
      uint8_t before[WORLD];
      uint8_t after[WORLD];
      remember(&rig, before);
      change(&rig, &rng);
      remember(&rig, after);
      assert_unmoved(before, after);
      assert_sound(&rig);
    }
    rig_deinit(&rig);
  }
}

static void many_at_once_go_where_one_by_one_would(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 52);
  for (int round = 0; round < 50; round++) {
    const struct gcn__planner_limits limits = LIMITS(10, 12, 18, true);
    struct rig one;
    struct rig all;
    rig_init(&one, &limits);
    rig_init(&all, &limits);
    static char text[WORLD][NAME_SIZE];
    const char* names[WORLD];
    for (unsigned i = 0; i < WORLD; i++) {
      unsigned index = (unsigned)gcn__rng_below(&rng, WORLD);
      names[i] = world_name(index, text[i]);
      assert_int_equal(add(&one, names[i]), 0);
    }
    assert_int_equal(gcn__planner_add(&all.planner, &all.topics, names, WORLD),
                     0);
    for (size_t i = 0; i < WORLD; i++)
      assert_int_equal(shard_of(&one, names[i]), shard_of(&all, names[i]));
    rig_deinit(&one);
    rig_deinit(&all);
  }
}

/* --- singling out --------------------------------------------------------- */

static void who_is_singled_out_takes_a_name(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig, &LIMITS(2, 2, 2, true));
  static const char* const names[] = {"v2.u.A.a", "v2.u.A.b", "v2.u.A.c",
                                      "v2.u.A.d"};
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 4), 0);
  assert_int_equal(rig.planner.shards[0].name_count, 1);
  assert_int_equal(
      gcn__planner_single_out(&rig.planner, find(&rig, "v2.u.A.a")), 0);
  assert_true(find(&rig, "v2.u.A.a")->alone);
  assert_int_equal(rig.planner.shards[0].name_count, 2);
  assert_sound(&rig);
  find(&rig, "v2.u.A.b")->asked = true;
  assert_int_equal(
      gcn__planner_single_out(&rig.planner, find(&rig, "v2.u.A.b")), 0);
  assert_int_equal(shard_of(&rig, "v2.u.A.b"), 1); /* where there is room */
  assert_false(find(&rig, "v2.u.A.b")->asked);
  assert_int_equal(
      gcn__planner_single_out(&rig.planner, find(&rig, "v2.u.A.b")), 0);
  assert_int_equal(
      gcn__planner_single_out(&rig.planner, find(&rig, "v2.u.A.c")), 0);
  assert_sound(&rig);
  assert_int_equal(add(&rig, "v2.u.A.e"), 0);
  assert_int_equal(
      gcn__planner_single_out(&rig.planner, find(&rig, "v2.u.A.e")),
      GCN_ELIMIT);
  assert_false(find(&rig, "v2.u.A.e")->alone);
  assert_int_equal(shard_of(&rig, "v2.u.A.e"), shard_of(&rig, "v2.u.A.d"));
  assert_sound(&rig);
  rig_deinit(&rig);
}

/* --- compaction ----------------------------------------------------------- */

static void a_compaction_empties_one_shard(void** state) {
  (void)state;
  struct rig rig;
  rig_init(&rig, &LIMITS(4, 5, 3, true));
  static const char* const names[] = {"a.1", "a.2",      "a.3",     "a.4",
                                      "b.1", "b.2",      "b.3",     "b.4",
                                      "c.1", "v2.c.d.x", "v2.c.d.y"};
  static const char* const gone[] = {"a.2", "b.3", "b.4"};
  struct gcn__planner_move moves[3];
  assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 11), 0);
  assert_int_equal(gcn__planner_compact(&rig.planner, &rig.topics, moves, 3),
                   0);
  assert_int_equal(gcn__planner_remove(&rig.planner, &rig.topics, gone, 3), 3);
  assert_sound(&rig);
  assert_int_equal(gcn__planner_compact(&rig.planner, &rig.topics, moves, 1),
                   0);
  assert_int_equal(gcn__planner_compact(&rig.planner, &rig.topics, moves, 3),
                   2);
  assert_false(gcn__planner_is_live(&rig.planner, 1));
  for (size_t i = 0; i < 2; i++) {
    const struct gcn__topic* topic = &rig.topics.items[moves[i].index];
    assert_int_equal(topic->name[0], 'b');
    assert_int_equal(topic->shard, moves[i].to);
    assert_int_equal(moves[i].from, 1);
    assert_false(topic->asked);
  }
  assert_int_equal(shard_of(&rig, "v2.c.d.x"), 2);
  assert_sound(&rig);
  /* Seven names do not fit into one shard of four. */
  assert_int_equal(gcn__planner_compact(&rig.planner, &rig.topics, moves, 3),
                   0);
  rig_deinit(&rig);
}

/* Leaves shards with gaps of all sizes. */
static void fill_and_thin(struct rig* rig, struct gcn__rng* rng) {
  uint64_t gone = gcn__rng_below(rng, 10);
  for (int i = 0; i < 15; i++)
    change(rig, rng);
  for (unsigned i = 0; i < WORLD; i++) {
    char name[NAME_SIZE];
    if (gcn__rng_below(rng, 10) < gone) take(rig, world_name(i, name));
  }
}

static void a_compaction_is_all_or_nothing(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 53);
  unsigned done_count = 0;
  for (int round = 0; round < 400; round++) {
    const struct gcn__planner_limits limits = LIMITS(8, 9, 6, true);
    static struct gcn__planner_move moves[WORLD];
    struct rig rig;
    rig_init(&rig, &limits);
    fill_and_thin(&rig, &rng);
    uint8_t before[WORLD];
    uint8_t after[WORLD];
    remember(&rig, before);
    unsigned live_count = gcn__planner_live_count(&rig.planner);
    size_t count =
        gcn__planner_compact(&rig.planner, &rig.topics, moves, WORLD);
    remember(&rig, after);
    assert_sound(&rig);
    if (count == 0) {
      assert_memory_equal(before, after, sizeof before);
    } else {
      done_count++;
      unsigned now = gcn__planner_live_count(&rig.planner);
      assert_int_equal(now, live_count - 1);
      size_t moved = 0;
      for (size_t i = 0; i < WORLD; i++)
        moved += before[i] != after[i];
      assert_int_equal(moved, count);
      for (unsigned s = 0; s < limits.shard_count_max; s++)
        assert_true(rig.planner.shards[s].name_count <= limits.names_max);
    }
    rig_deinit(&rig);
  }
  assert_true(done_count > 40 && done_count < 360);
}

/* --- with an allocator that fails ----------------------------------------- */

static void every_failed_allocation_changes_nothing(void** state) {
  (void)state;
  int error = GCN__ENOMEM;
  size_t fail_at = 1;
  for (; error != 0; fail_at++) {
    struct rig rig;
    rig_init(&rig, &GCN__PLANNER_LIMITS_DEFAULT);
    static char text[100][NAME_SIZE];
    const char* names[100];
    for (unsigned i = 0; i < 100; i++) {
      snprintf(text[i], NAME_SIZE, "v2.u.%u.a", i);
      names[i] = text[i];
    }
    assert_int_equal(gcn__planner_add(&rig.planner, &rig.topics, names, 30), 0);
    rig.probe.count = 0;
    rig.probe.fail_at = fail_at;
    error = gcn__planner_add(&rig.planner, &rig.topics, names, 100);
    assert_true(error == 0 || error == GCN__ENOMEM);
    assert_int_equal(rig.topics.count, error == 0 ? 100 : 30);
    assert_int_equal(rig.planner.group_count, rig.topics.count);
    assert_sound(&rig);
    rig_deinit(&rig);
  }
  assert_true(fail_at > 74); /* the batch, 70 names, both tables */
}

static void every_failed_allocation_of_one_changes_nothing(void** state) {
  (void)state;
  unsigned error_count = 1;
  for (size_t fail_at = 1; error_count > 0; fail_at++) {
    struct rig rig;
    rig_init(&rig, &GCN__PLANNER_LIMITS_DEFAULT);
    rig.probe.fail_at = fail_at;
    error_count = 0;
    for (unsigned i = 0; i < 40; i++) {
      char name[NAME_SIZE];
      snprintf(name, NAME_SIZE, "v2.u.%u.a", i);
      int error = add(&rig, name);
      assert_true(error == 0 || error == GCN__ENOMEM);
      if (error == 0) continue;
      assert_int_equal(rig.topics.count, i);
      assert_int_equal(add(&rig, name), 0);
      error_count++;
    }
    assert_sound(&rig);
    rig_deinit(&rig);
  }
}

/* A compaction needs memory only if a family is split. */
static void compaction_without_memory_still_is_all_or_nothing(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 54);
  for (int round = 0; round < 100; round++) {
    static struct gcn__planner_move moves[WORLD];
    struct rig rig;
    rig_init(&rig, &LIMITS(8, 9, 6, true));
    fill_and_thin(&rig, &rng);
    rig.probe.fail_at = rig.probe.count + 1;
    rig.probe.fail_on = 1;
    gcn__planner_compact(&rig.planner, &rig.topics, moves, WORLD);
    assert_sound(&rig);
    rig_deinit(&rig);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shards_fill_one_after_another),
      cmocka_unit_test(the_fullest_with_room_is_taken),
      cmocka_unit_test(siblings_join_and_cost_nothing),
      cmocka_unit_test(without_combining_siblings_do_not_matter),
      cmocka_unit_test(large_families_are_counted),
      cmocka_unit_test(an_emptied_shard_is_given_up_and_taken_again),
      cmocka_unit_test(all_or_none_are_added),
      cmocka_unit_test(seventeen_thousand_topics_fit),
      cmocka_unit_test(no_change_moves_anybody_else),
      cmocka_unit_test(many_at_once_go_where_one_by_one_would),
      cmocka_unit_test(who_is_singled_out_takes_a_name),
      cmocka_unit_test(a_compaction_empties_one_shard),
      cmocka_unit_test(a_compaction_is_all_or_nothing),
      cmocka_unit_test(every_failed_allocation_changes_nothing),
      cmocka_unit_test(every_failed_allocation_of_one_changes_nothing),
      cmocka_unit_test(compaction_without_memory_still_is_all_or_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
