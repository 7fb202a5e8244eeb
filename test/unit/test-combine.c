/* SPDX-License-Identifier: MIT */
/*
 * Combined names: every topic that is asked for is covered by exactly one name,
 * no name is too long, and every name leads back to the topics it covers.
 */
#include "core/combine.h"

#include "base/err.h"
#include "check.h"

#include <stdio.h>

enum { SHARDS = 3, NAME_SIZE = GCN__TOPIC_SIZE_MAX + 1 };

static void add(struct gcn__topics* topics, const char* name) {
  struct gcn__span span = gcn__span_str(name);
  int error = gcn__topics_add(topics, span);
  assert_true(error == 0 || error == GCN__EEXIST);
  gcn__topics_find(topics, span)->shard = 0;
}

static void fill(struct gcn__topics* topics, const char* const* names,
                 size_t count) {
  gcn__topics_init(topics, &gcn__mem_libc, 1000);
  for (size_t i = 0; i < count; i++)
    add(topics, names[i]);
  gcn__topics_ask(topics, 0, 0);
}

static void assert_names(const struct gcn__topics* topics, bool combine,
                         const char* const* want, size_t count) {
  struct gcn__combine walk;
  gcn__combine_init(&walk, topics, 0, combine);
  for (size_t i = 0; i < count; i++) {
    assert_true(gcn__combine_next(&walk));
    struct gcn__span name = gcn__combine_name(&walk);
    if (gcn__span_is(name, want[i])) continue;
    fail_msg("%.*s, not %s", (int)name.size, name.data, want[i]);
  }
  assert_false(gcn__combine_next(&walk));
  assert_false(gcn__combine_next(&walk));
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* --- there ---------------------------------------------------------------- */

static const char* const sample[] = {
    "v2.users.U.routingStatus",
    "v2.users.u.Presence",
    "v2.users.U.conversations.calls",
    "v2.users.U.conversations",
    "v2.users.U?station&tokens",
    "v2.users.W.presence",
    "v2.outbound.campaigns.1",
    "v2.outbound.campaigns.2",
    "alone",
};

static void siblings_share_a_name(void** state) {
  (void)state;
  struct gcn__topics topics;
  fill(&topics, sample, COUNT(sample));
  static const char* const want[] = {
      "alone",
      "v2.outbound.campaigns.1",
      "v2.outbound.campaigns.2",
      "v2.users.U?conversations&Presence&routingStatus",
      "v2.users.U.conversations.calls",
      "v2.users.U?station&tokens",
      "v2.users.W.presence",
  };
  assert_names(&topics, true, want, COUNT(want));
  gcn__topics_deinit(&topics);
}

static void combining_can_be_switched_off(void** state) {
  (void)state;
  struct gcn__topics topics;
  fill(&topics, sample, COUNT(sample));
  struct gcn__combine walk;
  gcn__combine_init(&walk, &topics, 0, false);
  for (size_t i = 0; i < COUNT(sample); i++) {
    assert_true(gcn__combine_next(&walk));
    assert_true(gcn__span_is(gcn__combine_name(&walk), topics.items[i].name));
    assert_int_equal(walk.begin, i);
    assert_int_equal(walk.end, i + 1);
  }
  assert_false(gcn__combine_next(&walk));
  gcn__topics_deinit(&topics);
}

static void nothing_has_no_names(void** state) {
  (void)state;
  struct gcn__topics topics;
  fill(&topics, NULL, 0);
  assert_names(&topics, true, NULL, 0);
  add(&topics, "v2.a.b"); /* not asked for */
  assert_names(&topics, true, NULL, 0);
  gcn__topics_deinit(&topics);
}

static void who_is_alone_comes_last_and_by_itself(void** state) {
  (void)state;
  static const char* const names[] = {"v2.u.U.a", "v2.u.U.b", "v2.u.U.c",
                                      "v2.u.U.d", "v2.w.U.a"};
  static const char* const want[] = {"v2.u.U?b&d", "v2.w.U.a", "v2.u.U.a",
                                     "v2.u.U.c"};
  struct gcn__topics topics;
  fill(&topics, names, COUNT(names));
  topics.items[0].alone = true;
  topics.items[2].alone = true;
  assert_names(&topics, true, want, COUNT(want));
  gcn__topics_deinit(&topics);
}

/* 199 bytes is the most a name may have; one more needs another name. */
static void names_are_cut_at_n(void** state) {
  (void)state;
  enum { WORD_SIZE = 192 };
  for (int size = WORD_SIZE - 4; size <= WORD_SIZE; size++) {
    char names[2][NAME_SIZE];
    char want[2 * NAME_SIZE];
    char word[WORD_SIZE + 1];
    memset(word, 'w', sizeof word);
    word[size] = '\0';
    snprintf(names[0], NAME_SIZE, "v2.u.U.a");
    snprintf(names[1], NAME_SIZE, "v2.u.U.%s", word);
    int whole = snprintf(want, sizeof want, "v2.u.U?a&%s", word);
    const char* both[] = {names[0], names[1]};
    const char* one[] = {want};
    struct gcn__topics topics;
    fill(&topics, both, 2);
    bool fits = whole <= GCN__TOPIC_SIZE_MAX;
    assert_int_equal(fits, size <= 190 && whole == 9 + size);
    assert_names(&topics, true, fits ? one : both, fits ? 1 : 2);
    gcn__topics_deinit(&topics);
  }
}

/* A walk goes on where it was, whatever came and went. */
static void topics_may_change_during_a_walk(void** state) {
  (void)state;
  static const char* const names[] = {"v2.t.a.x", "v2.t.a.y", "v2.t.c.x",
                                      "v2.t.c.y", "v2.t.e.x"};
  struct gcn__topics topics;
  fill(&topics, names, COUNT(names));
  struct gcn__combine walk;
  gcn__combine_init(&walk, &topics, 0, true);
  assert_true(gcn__combine_next(&walk));
  assert_true(gcn__span_is(gcn__combine_name(&walk), "v2.t.a?x&y"));
  add(&topics, "v2.t.a.a"); /* none of these has been asked for */
  add(&topics, "v2.t.a.z");
  add(&topics, "v2.t.b.x");
  assert_int_equal(gcn__topics_remove(&topics, GCN__SPAN("v2.t.a.y")), 0);
  assert_int_equal(gcn__topics_remove(&topics, GCN__SPAN("v2.t.c.x")), 0);
  assert_true(gcn__combine_next(&walk));
  assert_true(gcn__span_is(gcn__combine_name(&walk), "v2.t.c.y"));
  assert_int_equal(gcn__topics_remove(&topics, GCN__SPAN("v2.t.a.x")), 0);
  assert_true(gcn__combine_next(&walk));
  assert_true(gcn__span_is(gcn__combine_name(&walk), "v2.t.e.x"));
  assert_false(gcn__combine_next(&walk));
  gcn__topics_deinit(&topics);
}

/* --- and back ------------------------------------------------------------- */

static void assert_covered(const struct gcn__topics* topics, unsigned shard,
                           const char* name, const char* const* want) {
  struct gcn__cover walk;
  gcn__cover_init(&walk, topics, shard, gcn__span_str(name));
  for (; *want != NULL; want++) {
    struct gcn__topic* topic = gcn__cover_next(&walk);
    if (topic == NULL) fail_msg("%s stands for no %s", name, *want);
    assert_string_equal(topic->name, *want);
  }
  assert_null(gcn__cover_next(&walk));
  assert_null(gcn__cover_next(&walk));
}

static void answers_find_their_topics(void** state) {
  (void)state;
  static const struct {
    const char* name;
    const char* want[4];
  } cases[] = {
      {"v2.users.W.presence", {"v2.users.W.presence"}},
      {"V2.USERS.w.PRESENCE", {"v2.users.W.presence"}},
      {"v2.users.U?routingStatus&presence",
       {"v2.users.U.routingStatus", "v2.users.u.Presence"}},
      {"V2.users.u?ROUTINGSTATUS&Presence",
       {"v2.users.U.routingStatus", "v2.users.u.Presence"}},
      {"v2.users.U?conversations.calls", {"v2.users.U.conversations.calls"}},
      {"v2.users.U.conversations?calls", {"v2.users.U.conversations.calls"}},
      {"v2.users.U?station&tokens", {"v2.users.U?station&tokens"}},
      {"v2.users.U?presence&never&heard", {"v2.users.u.Presence"}},
      {"v2.users.U?&&presence&", {"v2.users.u.Presence"}},
      {"v2.outbound.campaigns?1&2",
       {"v2.outbound.campaigns.1", "v2.outbound.campaigns.2"}},
      /* Part of a topic that the user combined; no topic itself. */
      {"v2.users.U.station", {NULL}},
      {"v2.users.U", {NULL}},
      {"v2.users.U?", {NULL}},
      {"?presence", {NULL}},
      {"?", {NULL}},
      {"", {NULL}},
  };
  struct gcn__topics topics;
  fill(&topics, sample, COUNT(sample));
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_covered(&topics, 0, cases[i].name, cases[i].want);
    assert_covered(&topics, 1, cases[i].name, &(const char* const){NULL});
  }
  gcn__topics_deinit(&topics);
}

/* The user's own combined topic may read like the one we make. */
static void a_name_may_be_ours_and_the_users(void** state) {
  (void)state;
  static const char* const names[] = {"v2.u.U?a&b", "v2.u.U.a", "v2.u.U.b"};
  static const char* const want[] = {"v2.u.U?a&b", "v2.u.U.a", "v2.u.U.b",
                                     NULL};
  struct gcn__topics topics;
  fill(&topics, names, 3);
  assert_covered(&topics, 0, "v2.u.U?a&b", want);
  assert_true(gcn__cover_is_combined(GCN__SPAN("v2.u.U?a&b")));
  assert_false(gcn__cover_is_combined(GCN__SPAN("v2.u.U.a")));
  gcn__topics_deinit(&topics);
}

static void an_empty_part_is_no_part(void** state) {
  (void)state;
  static const char* const names[] = {"v2.t.U.", "v2.t.U.a"};
  static const char* const want[] = {"v2.t.U.a", NULL};
  struct gcn__topics topics;
  fill(&topics, names, 2);
  assert_covered(&topics, 0, "v2.t.U?&a&", want);
  gcn__topics_deinit(&topics);
}

static void hostile_answers_find_nothing(void** state) {
  (void)state;
  enum { SIZE = 100000 };
  static char name[SIZE];
  struct gcn__topics topics;
  fill(&topics, sample, COUNT(sample));
  static const char bytes[] = {'?', '&', '.', 'x', '\0', '\xff'};
  for (size_t i = 0; i < sizeof bytes; i++) {
    memset(name, bytes[i], sizeof name);
    struct gcn__cover walk;
    gcn__cover_init(&walk, &topics, 0, gcn__span(name, SIZE));
    assert_null(gcn__cover_next(&walk));
    memcpy(name, "v2.users.U?", 11);
    gcn__cover_init(&walk, &topics, 0, gcn__span(name, SIZE));
    assert_null(gcn__cover_next(&walk));
  }
  gcn__topics_deinit(&topics);
}

/* --- both ways ------------------------------------------------------------ */

/* Few prefixes of all sizes, many last segments of all sizes. */
static void add_random(struct gcn__topics* topics, struct gcn__rng* rng) {
  char name[NAME_SIZE];
  unsigned prefix = (unsigned)gcn__rng_below(rng, 8);
  int fill_size = (int)(prefix * prefix * 3);
  int size =
      snprintf(name, NAME_SIZE, "%c2.t.%0*u.",
               gcn__rng_below(rng, 2) ? 'v' : 'V', fill_size + 1, prefix);
  int rest = GCN__TOPIC_SIZE_MAX - size;
  if (gcn__rng_below(rng, 10) > 0 && rest > 12) rest = 12;
  int word = 1 + (int)gcn__rng_below(rng, (uint64_t)rest);
  for (int i = 0; i < word; i++) {
    const char* letters = gcn__rng_below(rng, 40) == 0 ? ".?1&" : "abCD";
    name[size + i] = letters[gcn__rng_below(rng, 4)];
  }
  struct gcn__span span = gcn__span(name, (size_t)(size + word));
  int error = gcn__topics_add(topics, span);
  assert_true(error == 0 || error == GCN__EEXIST);
  struct gcn__topic* topic = gcn__topics_find(topics, span);
  topic->shard = (uint8_t)gcn__rng_below(rng, SHARDS);
  topic->alone = gcn__rng_below(rng, 20) == 0;
}

static void shout(char* name, size_t size, struct gcn__rng* rng) {
  for (size_t i = 0; i < size; i++) {
    bool letter = name[i] >= 'a' && name[i] <= 'z';
    if (letter && gcn__rng_below(rng, 2) == 0) name[i] -= 'a' - 'A';
  }
}

/* The name's topics, by the way back, are those it says it covers; counts each
 * in `answered`. */
static void check_name(const struct gcn__combine* walk, struct gcn__rng* rng) {
  const struct gcn__topics* topics = walk->topics;
  size_t count = 0;
  assert_true(walk->size > 0 && walk->size <= GCN__TOPIC_SIZE_MAX);
  for (size_t i = walk->begin; i < walk->end; i++) {
    if (!gcn__combine_covers(walk, i)) continue;
    topics->items[i].answered++;
    count++;
  }
  assert_true(count > 0);
  assert_true(gcn__combine_covers(walk, walk->begin));
  assert_true(gcn__combine_covers(walk, walk->end - 1));
  char name[NAME_SIZE];
  memcpy(name, walk->name, walk->size);
  shout(name, walk->size, rng);
  struct gcn__cover back;
  gcn__cover_init(&back, topics, walk->shard, gcn__span(name, walk->size));
  struct gcn__topic* topic = gcn__cover_next(&back);
  for (; topic != NULL; topic = gcn__cover_next(&back)) {
    size_t index = (size_t)(topic - topics->items);
    /* The user's combined topic may have parts that are topics, too. */
    if (gcn__combine_covers(walk, index)) count--;
  }
  assert_int_equal(count, 0);
}

static size_t check_shard(const struct gcn__topics* topics, unsigned shard,
                          bool combine, struct gcn__rng* rng) {
  struct gcn__combine walk;
  size_t name_count = 0;
  gcn__combine_init(&walk, topics, shard, combine);
  while (gcn__combine_next(&walk)) {
    check_name(&walk, rng);
    name_count++;
  }
  return name_count;
}

static void every_topic_is_covered_once_and_found_again(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 41);
  size_t combined_count = 0;
  for (int round = 0; round < 200; round++) {
    struct gcn__topics topics;
    gcn__topics_init(&topics, &gcn__mem_libc, 1000);
    size_t count = (size_t)gcn__rng_below(&rng, 400);
    for (size_t i = 0; i < count; i++)
      add_random(&topics, &rng);
    for (size_t i = 0; i < topics.count; i++)
      topics.items[i].asked = gcn__rng_below(&rng, 10) > 0;
    bool combine = round % 4 > 0;
    size_t name_count = 0;
    for (unsigned shard = 0; shard < SHARDS; shard++)
      name_count += check_shard(&topics, shard, combine, &rng);
    size_t asked_count = 0;
    for (size_t i = 0; i < topics.count; i++) {
      assert_true(topics.items[i].answered == topics.items[i].asked);
      asked_count += topics.items[i].asked;
    }
    if (!combine) assert_int_equal(name_count, asked_count);
    combined_count += asked_count - name_count;
    gcn__topics_deinit(&topics);
  }
  assert_true(combined_count > 10000); /* else there was nothing to see */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(siblings_share_a_name),
      cmocka_unit_test(combining_can_be_switched_off),
      cmocka_unit_test(nothing_has_no_names),
      cmocka_unit_test(who_is_alone_comes_last_and_by_itself),
      cmocka_unit_test(names_are_cut_at_n),
      cmocka_unit_test(topics_may_change_during_a_walk),
      cmocka_unit_test(answers_find_their_topics),
      cmocka_unit_test(a_name_may_be_ours_and_the_users),
      cmocka_unit_test(an_empty_part_is_no_part),
      cmocka_unit_test(hostile_answers_find_nothing),
      cmocka_unit_test(every_topic_is_covered_once_and_found_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
