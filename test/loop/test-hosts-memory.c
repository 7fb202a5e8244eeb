/* SPDX-License-Identifier: MIT */
/*
 * What the shared look-ups remember, and for how long.
 */
#include "world.h"

#include <stdio.h>

/* --- memory --------------------------------------------------------------- */

static void test_fresh_answers_are_used_again(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "12");
  ask(&world, &asker, "a.test", GCN__HOSTS_FRESH_MS - 1000);
  assert_found(&asker, "12");
  assert_int_equal(fake.count, 1);
  leave(&asker);
  ask(&world, &asker, "a.test", GCN__HOSTS_FRESH_MS + 1000);
  assert_false(asker.waiter.done);
  assert_int_equal(fake.count, 2);
  fake_answer(1, "3");
  assert_found(&asker, "3");
  leave(&asker);
  world_end(&world);
}

static void test_stale_answers_serve_when_the_look_up_fails(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "1");
  ask(&world, &asker, "a.test", GCN__HOSTS_FRESH_MS + 1000);
  assert_false(asker.waiter.done);
  fake_fail(1, UV_EAI_AGAIN);
  assert_found(&asker, "1");
  leave(&asker);
  world_end(&world);
}

static void test_stale_answers_serve_when_the_look_up_is_late(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "1");
  ask(&world, &asker, "a.test", GCN__HOSTS_FRESH_MS + 1000);
  gcn__hosts_give_up(&asker.waiter, world.now_ms + GCN__HOSTS_FRESH_MS + 6000);
  assert_found(&asker, "1");
  assert_int_equal(asker.ready_count, 0);
  leave(&asker);
  fake_answer(1, "2");
  world_end(&world);
}

static void test_answers_do_not_serve_for_ever(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "1");
  ask(&world, &asker, "a.test", GCN__HOSTS_STALE_MS + 1000);
  gcn__hosts_give_up(&asker.waiter, world.now_ms + GCN__HOSTS_STALE_MS + 6000);
  assert_int_equal(asker.waiter.error, UV_ETIMEDOUT);
  leave(&asker);
  fake_fail(1, UV_EAI_AGAIN);
  world_end(&world);
}

static void test_a_failure_is_remembered_for_a_second(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  ask(&world, &asker, "a.test", 0);
  fake_fail(0, UV_EAI_NONAME);
  leave(&asker);
  ask(&world, &asker, "a.test", 500);
  assert_true(asker.waiter.done);
  assert_int_equal(asker.waiter.error, UV_EAI_NONAME);
  assert_int_equal(fake.count, 1);
  leave(&asker);
  ask(&world, &asker, "a.test", 2000);
  assert_int_equal(fake.count, 2);
  fake_answer(1, "1");
  assert_found(&asker, "1");
  leave(&asker);
  world_end(&world);
}

static void test_without_a_cache(void** state) {
  struct world world;
  struct asker asker;
  world = (struct world){.loop = *state};
  struct gcn__hosts_options options = world_options(&world);
  options.fresh_ms = 0;
  options.stale_ms = 0;
  world_begin_with(&world, *state, &options);
  size_t size = world.probe.live_size;
  learn(&world, "a.test", "1");
  assert_int_equal(world.probe.live_size, size);
  ask(&world, &asker, "a.test", 0);
  assert_int_equal(fake.count, 2);
  gcn__hosts_give_up(&asker.waiter, world.now_ms + 5000);
  assert_int_equal(asker.waiter.error, UV_ETIMEDOUT);
  leave(&asker);
  fake_answer(1, "1");
  world_end(&world);
}

static void test_flush_forgets(void** state) {
  struct world world;
  struct asker before;
  struct asker after;
  world_begin(&world, *state);
  learn(&world, "a.test", "1");
  ask(&world, &before, "b.test", 0);
  gcn__hosts_flush(world.hosts);
  ask(&world, &after, "a.test", 0);
  assert_int_equal(fake.count, 3);
  gcn__hosts_give_up(&after.waiter, world.now_ms + 5000);
  assert_int_equal(after.waiter.error, UV_ETIMEDOUT);
  leave(&after);
  /* An answer to a question from before serves who waits and no other. */
  fake_answer(1, "2");
  assert_found(&before, "2");
  leave(&before);
  ask(&world, &after, "b.test", 0);
  assert_int_equal(fake.count, 4);
  leave(&after);
  fake_answer(2, "1");
  fake_answer(3, "1");
  world_end(&world);
}

/* Who asks after a flush does not join a question from before; who did ask
 * before gets the new answer, too. */
static void test_flush_asks_anew(void** state) {
  struct world world;
  struct asker before;
  struct asker after;
  world_begin(&world, *state);
  ask(&world, &before, "a.test", 0);
  gcn__hosts_flush(world.hosts);
  ask(&world, &after, "a.test", 0);
  assert_int_equal(fake.count, 2);
  fake_answer(0, "1");
  assert_false(before.waiter.done);
  fake_answer(1, "2");
  assert_found(&before, "2");
  assert_found(&after, "2");
  leave(&before);
  leave(&after);
  world_end(&world);
}

static void test_memory_is_bounded(void** state) {
  struct world world;
  struct asker asker;
  char name[32];
  size_t size = 0;
  world_begin(&world, *state);
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "n%03d.test", i);
    learn(&world, name, "1");
    if (i == GCN__HOSTS_KEPT_MAX) size = world.probe.live_size;
    if (i > GCN__HOSTS_KEPT_MAX) {
      assert_int_equal(world.probe.live_size, size);
    }
  }
  ask(&world, &asker, "n999.test", 0);
  assert_found(&asker, "1");
  leave(&asker);
  snprintf(name, sizeof name, "n%03d.test", 1000 - GCN__HOSTS_KEPT_MAX);
  ask(&world, &asker, name, 0);
  assert_found(&asker, "1");
  leave(&asker);
  int count = fake.count;
  ask(&world, &asker, "n000.test", 0);
  assert_int_equal(fake.count, count + 1);
  fake_fail(count, UV_EAI_NONAME);
  leave(&asker);
  world_end(&world);
}

/* --- addresses that do not work ------------------------------------------- */

static void fail_first(struct asker* asker) {
  union gcn__address address = asker->waiter.found.items[0];
  address.v4.sin_port = htons(443); /* ports do not count */
  gcn__hosts_failed(&asker->waiter, &address);
}

static void test_failed_addresses_go_behind(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "123");
  ask(&world, &asker, "a.test", 0);
  fail_first(&asker);
  assert_order(&world, "231");
  gcn__hosts_failed(&asker.waiter, &asker.waiter.found.items[2]);
  assert_order(&world, "213");
  /* All of them failed: the system's order is as good as any. */
  gcn__hosts_failed(&asker.waiter, &asker.waiter.found.items[1]);
  assert_order(&world, "123");
  gcn__hosts_worked(&asker.waiter, &asker.waiter.found.items[2]);
  assert_order(&world, "312");
  leave(&asker);
  world_end(&world);
}

static void test_failures_outlive_the_answer(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "123");
  ask(&world, &asker, "a.test", 0);
  fail_first(&asker);
  gcn__hosts_doubt(&asker.waiter);
  leave(&asker);
  /* A doubted answer is looked up again, though it is fresh. */
  ask(&world, &asker, "a.test", 0);
  assert_int_equal(fake.count, 2);
  fake_answer(1, "1234");
  assert_found(&asker, "2341");
  /* Forgotten by a flush, though the name is in use. */
  gcn__hosts_flush(world.hosts);
  learn(&world, "a.test", "12");
  assert_order(&world, "12");
  leave(&asker);
  world_end(&world);
}

static void test_a_doubted_answer_still_serves(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "1");
  ask(&world, &asker, "a.test", 0);
  gcn__hosts_doubt(&asker.waiter);
  leave(&asker);
  ask(&world, &asker, "a.test", 0);
  fake_fail(1, UV_EAI_AGAIN);
  assert_found(&asker, "1");
  leave(&asker);
  /* Also while the failure is remembered. */
  ask(&world, &asker, "a.test", 500);
  assert_int_equal(fake.count, 2);
  assert_found(&asker, "1");
  leave(&asker);
  world_end(&world);
}

static void test_an_address_that_fails_often_counts_once(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "123");
  ask(&world, &asker, "a.test", 0);
  fail_first(&asker);
  for (int i = 0; i < 2 * GCN__ADDRESS_COUNT_MAX; i++)
    gcn__hosts_failed(&asker.waiter, &asker.waiter.found.items[1]);
  assert_order(&world, "312");
  leave(&asker);
  world_end(&world);
}

static void test_more_failures_than_are_remembered(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "123");
  ask(&world, &asker, "a.test", 0);
  fail_first(&asker);
  for (int i = 0; i < 2 * GCN__ADDRESS_COUNT_MAX; i++) {
    union gcn__address address = asker.waiter.found.items[0];
    address.v4.sin_addr.s_addr += htonl(100u + (unsigned)i);
    gcn__hosts_failed(&asker.waiter, &address);
  }
  assert_order(&world, "123"); /* the first failure is forgotten */
  leave(&asker);
  world_end(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_fresh_answers_are_used_again),
      LOOP_TEST(test_stale_answers_serve_when_the_look_up_fails),
      LOOP_TEST(test_stale_answers_serve_when_the_look_up_is_late),
      LOOP_TEST(test_answers_do_not_serve_for_ever),
      LOOP_TEST(test_a_failure_is_remembered_for_a_second),
      LOOP_TEST(test_without_a_cache),
      LOOP_TEST(test_flush_forgets),
      LOOP_TEST(test_flush_asks_anew),
      LOOP_TEST(test_memory_is_bounded),
      LOOP_TEST(test_failed_addresses_go_behind),
      LOOP_TEST(test_failures_outlive_the_answer),
      LOOP_TEST(test_a_doubted_answer_still_serves),
      LOOP_TEST(test_an_address_that_fails_often_counts_once),
      LOOP_TEST(test_more_failures_than_are_remembered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
