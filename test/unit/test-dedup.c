/* SPDX-License-Identifier: MIT */
/*
 * Duplicates of an overlap: counts per side, generations, two streams that
 * carry the same events at different times, and an allocator that fails.
 */
#include "core/dedup.h"

#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "mem-probe.h"

#include <string.h>

enum {
  GENERATION_SIZE = 8192, /* events that one generation holds */
  EVENT_COUNT = 600,
  KIND_COUNT = 40, /* few, so that equal events are many */
  ROUND_COUNT = 400,
};

static struct gcn__dedup dedup;

static int begin(void** state) {
  (void)state;
  gcn__dedup_init(&dedup, &gcn__mem_libc);
  return gcn__dedup_begin(&dedup);
}

static int end(void** state) {
  (void)state;
  gcn__dedup_deinit(&dedup);
  return 0;
}

static struct gcn__key key(uint64_t number) {
  return (struct gcn__key){{number, 1}};
}

static bool first(uint64_t number, unsigned side) {
  return gcn__dedup_first(&dedup, key(number), side);
}

static void an_event_is_delivered_by_the_side_that_is_ahead(void** state) {
  (void)state;
  assert_true(first(1, 0));
  assert_false(first(1, 1));
  assert_true(first(2, 1));
  assert_false(first(2, 0));
}

/* The same thing may well happen twice. */
static void equal_events_of_one_side_are_different(void** state) {
  (void)state;
  assert_true(first(1, 0));
  assert_true(first(1, 0));
  assert_false(first(1, 1));
  assert_false(first(1, 1));
  assert_true(first(1, 1)); /* it is ahead now */
  assert_false(first(1, 0));
}

static void both_words_and_all_their_bits_count(void** state) {
  (void)state;
  const struct gcn__key keys[] = {
      {{1, 0}},
      {{0, 1}},
      {{1, 1}},
      {{1, UINT64_C(1) << 63}},
      {{UINT64_C(1) << 63, 1}},
      {{1 + 16384, 1}} /* the same slot */,
  };
  const size_t count = sizeof keys / sizeof keys[0];
  for (size_t i = 0; i < count; i++) {
    assert_true(gcn__dedup_first(&dedup, keys[i], 0));
  }
  for (size_t i = 0; i < count; i++) {
    assert_false(gcn__dedup_first(&dedup, keys[i], 1));
  }
}

/* What is known lasts for one generation at least and two at most. */
static void the_oldest_are_forgotten(void** state) {
  (void)state;
  for (uint64_t i = 0; i < 2 * GENERATION_SIZE; i++)
    assert_true(first(i, 0));
  assert_true(first(2 * GENERATION_SIZE, 0)); /* ages */
  assert_true(first(GENERATION_SIZE - 1, 1)); /* not known any more */
  assert_false(first(GENERATION_SIZE, 1));
  assert_false(first(2 * GENERATION_SIZE, 1));
}

static void what_is_known_lasts_a_generation(void** state) {
  (void)state;
  for (uint64_t i = 0; i < 20 * GENERATION_SIZE; i++) {
    assert_true(first(i, 0));
    if (i >= GENERATION_SIZE) assert_false(first(i - GENERATION_SIZE + 1, 1));
  }
}

/* Keys that all want one slot. */
static void collisions_are_kept_apart(void** state) {
  (void)state;
  for (uint64_t i = 1; i <= GENERATION_SIZE; i++)
    assert_true(first(i << 32, 0));
  for (uint64_t i = 1; i <= GENERATION_SIZE; i++)
    assert_false(first(i << 32, 1));
}

static void ends_and_begins_with_nothing_seen(void** state) {
  (void)state;
  assert_true(first(1, 0));
  gcn__dedup_end(&dedup);
  assert_false(gcn__dedup_active(&dedup));
  assert_int_equal(gcn__dedup_begin(&dedup), 0);
  assert_true(gcn__dedup_active(&dedup));
  assert_true(first(1, 1));
  assert_int_equal(gcn__dedup_begin(&dedup), 0); /* and again, from active */
  assert_true(first(1, 1));
}

/* Both streams carry the same events, each in its own order of arrival; one
 * begins late, the other is cut at some time. */
struct overlap {
  uint64_t kinds[EVENT_COUNT];
  uint64_t at[2][EVENT_COUNT]; /* when it arrives on each side; 0: never */
};

static void make_overlap(struct overlap* overlap, struct gcn__rng* rng) {
  uint64_t joined = gcn__rng_below(rng, EVENT_COUNT / 2);
  uint64_t cut = gcn__rng_between(rng, joined, EVENT_COUNT);
  uint64_t delay[2] = {1 + gcn__rng_below(rng, 100),
                       1 + gcn__rng_below(rng, 100)};
  uint64_t jitter = 1 + gcn__rng_below(rng, 30);
  for (uint64_t i = 0; i < EVENT_COUNT; i++) {
    overlap->kinds[i] = gcn__rng_below(rng, KIND_COUNT);
    for (unsigned side = 0; side < 2; side++) {
      overlap->at[side][i] = i + delay[side] + gcn__rng_below(rng, jitter);
    }
    if (i >= cut) overlap->at[0][i] = 0;
    if (i < joined) overlap->at[1][i] = 0;
  }
}

static void play_overlap(const struct overlap* overlap,
                         unsigned delivered[KIND_COUNT]) {
  memset(delivered, 0, KIND_COUNT * sizeof *delivered);
  for (uint64_t now = 1; now < EVENT_COUNT + 200; now++) {
    for (unsigned side = 0; side < 2; side++) {
      for (size_t i = 0; i < EVENT_COUNT; i++) {
        if (overlap->at[side][i] != now) continue;
        if (first(overlap->kinds[i], side)) delivered[overlap->kinds[i]]++;
      }
    }
  }
}

/* Before the second stream begins nothing is counted, so that what it has not
 * carried can't be taken for what it has still to bring. */
static void each_event_of_an_overlap_comes_once(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 3);
  for (int round = 0; round < ROUND_COUNT; round++) {
    struct overlap overlap;
    unsigned delivered[KIND_COUNT];
    unsigned produced[KIND_COUNT] = {0};
    make_overlap(&overlap, &rng);
    for (size_t i = 0; i < EVENT_COUNT; i++) {
      bool both = overlap.at[0][i] != 0 && overlap.at[1][i] != 0;
      if (both) produced[overlap.kinds[i]]++;
      if (!both) overlap.at[0][i] = overlap.at[1][i] = 0;
    }
    assert_int_equal(gcn__dedup_begin(&dedup), 0);
    play_overlap(&overlap, delivered);
    assert_memory_equal(delivered, produced, sizeof produced);
  }
}

/* With what only one of them has carried: none is invented, and with kinds of
 * their own none is lost. */
static void a_late_beginning_and_a_cut_lose_nothing(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 4);
  for (int round = 0; round < ROUND_COUNT; round++) {
    struct overlap overlap;
    unsigned count[EVENT_COUNT] = {0};
    make_overlap(&overlap, &rng);
    assert_int_equal(gcn__dedup_begin(&dedup), 0);
    for (uint64_t now = 1; now < EVENT_COUNT + 200; now++) {
      for (size_t i = 0; i < 2 * EVENT_COUNT; i++) {
        unsigned side = (unsigned)i % 2;
        if (overlap.at[side][i / 2] != now) continue;
        if (first(i / 2, side)) count[i / 2]++;
      }
    }
    for (size_t i = 0; i < EVENT_COUNT; i++) {
      bool carried = overlap.at[0][i] != 0 || overlap.at[1][i] != 0;
      assert_int_equal(count[i], carried);
    }
  }
}

static void without_memory_nothing_changes(void** state) {
  (void)state;
  for (size_t n = 1; n <= 2; n++) {
    struct mem_probe probe = {0};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__dedup own;
    gcn__dedup_init(&own, &mem);
    probe.fail_at = n;
    assert_int_equal(gcn__dedup_begin(&own), GCN__ENOMEM);
    assert_false(gcn__dedup_active(&own));
    assert_int_equal(probe.live_size, 0);
    probe.fail_at = 0;
    assert_int_equal(gcn__dedup_begin(&own), 0);
    assert_true(gcn__dedup_first(&own, key(1), 0));
    probe.fail_at = probe.count + n;
    assert_int_equal(gcn__dedup_begin(&own), GCN__ENOMEM);
    assert_true(gcn__dedup_active(&own));
    assert_false(gcn__dedup_first(&own, key(1), 1)); /* still known */
    gcn__dedup_deinit(&own);
    assert_int_equal(probe.live_size, 0);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_event_is_delivered_by_the_side_that_is_ahead),
      TEST(equal_events_of_one_side_are_different),
      TEST(both_words_and_all_their_bits_count),
      TEST(the_oldest_are_forgotten),
      TEST(what_is_known_lasts_a_generation),
      TEST(collisions_are_kept_apart),
      TEST(ends_and_begins_with_nothing_seen),
      TEST(each_event_of_an_overlap_comes_once),
      TEST(a_late_beginning_and_a_cut_lose_nothing),
      TEST(without_memory_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
