/* SPDX-License-Identifier: MIT */
/*
 * What has been seen: at the size of a generation and beyond, against a naive
 * list, and with an allocator that fails.
 */
#include "core/seen.h"

#include "base/err.h"
#include "base/rng.h"
#include "check.h"
#include "mem-probe.h"

#include <string.h>

enum { COUNT_MAX = 128, ADD_COUNT = 30000 };

static struct gcn__key key(uint64_t number) {
  return (struct gcn__key){{number, ~number}};
}

static void a_key_is_new_once(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__seen seen;
  gcn__seen_init(&seen, &mem, 100);
  assert_int_equal(probe.count, 0);
  assert_int_equal(seen.count_max, COUNT_MAX);
  assert_false(gcn__seen_has(&seen, key(1)));
  assert_int_equal(gcn__seen_add(&seen, key(1)), 1);
  assert_int_equal(gcn__seen_add(&seen, key(1)), 0);
  assert_true(gcn__seen_has(&seen, key(1)));
  assert_false(gcn__seen_has(&seen, key(2)));
  gcn__seen_deinit(&seen);
  assert_false(gcn__seen_has(&seen, key(1)));
  gcn__seen_deinit(&seen);
  assert_int_equal(probe.live_size, 0);
}

static void both_words_and_all_their_bits_count(void** state) {
  (void)state;
  const struct gcn__key keys[] = {
      {{1, 0}}, {{0, 1}},
      {{1, 1}}, {{1, UINT64_C(1) << 63}},
      {{0, 2}}, {{UINT64_C(1) << 63, 1}},
  };
  struct gcn__seen seen;
  gcn__seen_init(&seen, &gcn__mem_libc, COUNT_MAX);
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    assert_int_equal(gcn__seen_add(&seen, keys[i]), 1);
  }
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    assert_int_equal(gcn__seen_add(&seen, keys[i]), 0);
  }
  gcn__seen_deinit(&seen);
}

/* Keys that all want one slot, so that every search is as long as can be. */
static void collisions_are_kept_apart(void** state) {
  (void)state;
  struct gcn__seen seen;
  gcn__seen_init(&seen, &gcn__mem_libc, COUNT_MAX);
  for (uint64_t i = 1; i <= COUNT_MAX; i++) {
    struct gcn__key same = {{i << 32, 7}};
    assert_int_equal(gcn__seen_add(&seen, same), 1);
    assert_int_equal(gcn__seen_add(&seen, same), 0);
  }
  assert_false(gcn__seen_has(&seen, key(0)));
  gcn__seen_deinit(&seen);
}

/* The last count_max are always known, and never more than twice as many. */
static void one_generation_is_known_and_never_more_than_two(void** state) {
  (void)state;
  static const size_t counts[] = {1, 2, 3, 31, 32, 33, COUNT_MAX};
  for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
    struct gcn__seen seen;
    gcn__seen_init(&seen, &gcn__mem_libc, counts[c]);
    size_t most = seen.count_max;
    assert_true(most >= counts[c] && most < 2 * counts[c]);
    for (uint64_t i = 0; i < 10 * COUNT_MAX; i++) {
      assert_int_equal(gcn__seen_add(&seen, key(i)), 1);
      if (i + 1 >= most) assert_true(gcn__seen_has(&seen, key(i + 1 - most)));
      if (i < 2 * most) continue;
      assert_false(gcn__seen_has(&seen, key(i - 2 * most)));
    }
    gcn__seen_deinit(&seen);
  }
}

static void the_older_generation_goes_as_a_whole(void** state) {
  (void)state;
  struct gcn__seen seen;
  gcn__seen_init(&seen, &gcn__mem_libc, COUNT_MAX);
  for (uint64_t i = 0; i < 2 * COUNT_MAX; i++)
    gcn__seen_add(&seen, key(i));
  assert_true(gcn__seen_has(&seen, key(0)));
  assert_int_equal(gcn__seen_add(&seen, key(0)), 0); /* that changes nothing */
  assert_int_equal(gcn__seen_add(&seen, key(2 * COUNT_MAX)), 1);
  assert_false(gcn__seen_has(&seen, key(COUNT_MAX - 1)));
  assert_true(gcn__seen_has(&seen, key(COUNT_MAX)));
  gcn__seen_deinit(&seen);
}

/* The model knows when each key was added last, in numbers of additions. */
static void agrees_with_a_list(void** state) {
  (void)state;
  enum { KIND_COUNT = 1000 };
  static uint64_t added[KIND_COUNT]; /* 0: never */
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 91);
  struct gcn__seen seen;
  gcn__seen_init(&seen, &gcn__mem_libc, COUNT_MAX);
  uint64_t count = 0;
  memset(added, 0, sizeof added);
  for (int i = 0; i < ADD_COUNT; i++) {
    uint64_t kind = gcn__rng_below(&rng, KIND_COUNT);
    uint64_t first = count / COUNT_MAX * COUNT_MAX; /* of the young */
    if (count > 0 && count == first) first -= COUNT_MAX;
    uint64_t oldest = first < COUNT_MAX ? 0 : first - COUNT_MAX;
    bool known = added[kind] > oldest;
    assert_int_equal(gcn__seen_has(&seen, key(kind)), known);
    assert_int_equal(gcn__seen_add(&seen, key(kind)), !known);
    if (!known) added[kind] = ++count;
  }
  assert_true(count > 10 * COUNT_MAX && count < ADD_COUNT);
  gcn__seen_deinit(&seen);
}

static void memory_is_bounded(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__seen seen;
  gcn__seen_init(&seen, &mem, COUNT_MAX);
  gcn__seen_add(&seen, key(1));
  size_t generation_size = 2 * COUNT_MAX * sizeof(struct gcn__key);
  assert_true(probe.live_size < generation_size / 2); /* it begins small */
  for (uint64_t i = 0; i < 100 * COUNT_MAX; i++)
    gcn__seen_add(&seen, key(i));
  assert_true(probe.live_size < 2 * generation_size + 100);
  assert_true(probe.peak_size < 2 * generation_size + 100);
  size_t count = probe.count;
  for (uint64_t i = 0; i < 10 * COUNT_MAX; i++)
    gcn__seen_add(&seen, key(i));
  assert_int_equal(probe.count, count);
  gcn__seen_deinit(&seen);
  assert_int_equal(probe.live_size, 0);
}

static void every_failed_allocation_changes_nothing(void** state) {
  (void)state;
  unsigned error_count = 1;
  size_t fail_at = 1;
  for (; error_count > 0; fail_at++) {
    struct mem_probe probe = {.fail_at = fail_at};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__seen seen;
    gcn__seen_init(&seen, &mem, COUNT_MAX);
    error_count = 0;
    for (uint64_t i = 0; i < 3 * COUNT_MAX; i++) {
      int error = gcn__seen_add(&seen, key(i));
      if (error == 1) continue;
      error_count++;
      assert_int_equal(error, GCN__ENOMEM);
      assert_false(gcn__seen_has(&seen, key(i)));
      if (i > 0) assert_true(gcn__seen_has(&seen, key(i - 1)));
      assert_true(i < COUNT_MAX || gcn__seen_has(&seen, key(i - COUNT_MAX)));
      assert_int_equal(gcn__seen_add(&seen, key(i)), 1);
    }
    assert_true(error_count <= 1);
    gcn__seen_deinit(&seen);
    assert_int_equal(probe.live_size, 0);
  }
  assert_true(fail_at > 4); /* a small one, one of full size, another one */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_key_is_new_once),
      cmocka_unit_test(both_words_and_all_their_bits_count),
      cmocka_unit_test(collisions_are_kept_apart),
      cmocka_unit_test(one_generation_is_known_and_never_more_than_two),
      cmocka_unit_test(the_older_generation_goes_as_a_whole),
      cmocka_unit_test(agrees_with_a_list),
      cmocka_unit_test(memory_is_bounded),
      cmocka_unit_test(every_failed_allocation_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
