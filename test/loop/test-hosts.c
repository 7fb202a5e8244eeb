/* SPDX-License-Identifier: MIT */
/*
 * The shared look-ups: who waits for what, and how it ends.
 */
#include "world.h"

#include "loop/system.h"

#include <string.h>

/* --- one flight, many waiters --------------------------------------------- */

static void test_one_look_up_for_all_who_ask(void** state) {
  struct world world;
  struct asker askers[3];
  struct asker other;
  world_begin(&world, *state);
  for (int i = 0; i < 3; i++)
    ask(&world, &askers[i], "a.test", 0);
  ask(&world, &other, "b.test", 0);
  assert_int_equal(fake.count, 2);
  assert_string_equal(fake.lookups[0].name, "a.test");
  assert_string_equal(fake.lookups[1].name, "b.test");
  fake_answer(0, "12");
  for (int i = 0; i < 3; i++) {
    assert_int_equal(askers[i].ready_count, 1);
    assert_found(&askers[i], "12");
    leave(&askers[i]);
  }
  assert_false(other.waiter.done);
  fake_fail(1, UV_EAI_NONAME);
  assert_int_equal(other.ready_count, 1);
  assert_int_equal(other.waiter.error, UV_EAI_NONAME);
  leave(&other);
  leave(&other); /* legal for who does not ask */
  world_end(&world);
}

static void test_who_leaves_is_not_told(void** state) {
  struct world world;
  struct asker stays;
  struct asker goes;
  world_begin(&world, *state);
  ask(&world, &goes, "a.test", 0);
  ask(&world, &stays, "a.test", 0);
  leave(&goes);
  fake_answer(0, "1");
  assert_int_equal(goes.ready_count, 0);
  assert_found(&stays, "1");
  leave(&stays);
  world_end(&world);
}

/* --- giving up ------------------------------------------------------------ */

static void test_giving_up_does_not_end_the_look_up(void** state) {
  struct world world;
  struct asker first;
  struct asker second;
  world_begin(&world, *state);
  ask(&world, &first, "a.test", 0);
  gcn__hosts_give_up(&first.waiter, world.now_ms + 5000);
  assert_true(first.waiter.done);
  assert_int_equal(first.waiter.error, UV_ETIMEDOUT);
  assert_int_equal(first.ready_count, 0);
  leave(&first);
  /* The next one joins it: a name server that hangs costs one thread. */
  ask(&world, &second, "a.test", 6000);
  assert_int_equal(fake.count, 1);
  fake_answer(0, "1");
  assert_found(&second, "1");
  assert_int_equal(first.ready_count, 0);
  leave(&second);
  world_end(&world);
}

static void test_a_late_answer_is_remembered(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  ask(&world, &asker, "a.test", 0);
  gcn__hosts_give_up(&asker.waiter, world.now_ms + 5000);
  leave(&asker);
  fake_answer(0, "1");
  ask(&world, &asker, "a.test", 100);
  assert_int_equal(fake.count, 1);
  assert_found(&asker, "1");
  leave(&asker);
  world_end(&world);
}

static void test_an_old_look_up_is_replaced(void** state) {
  struct world world;
  struct asker first;
  struct asker second;
  world_begin(&world, *state);
  ask(&world, &first, "a.test", 0);
  ask(&world, &second, "a.test", GCN__HOSTS_OLD_MS);
  assert_int_equal(fake.count, 2);
  /* The answer of the orphan is nobody's. */
  fake_answer(0, "9");
  assert_false(first.waiter.done);
  assert_false(second.waiter.done);
  fake_answer(1, "1");
  assert_found(&first, "1");
  assert_found(&second, "1");
  leave(&first);
  leave(&second);
  world_end(&world);
}

struct blocker {
  uv_work_t work[8];
  uv_sem_t sem;
};

static void block(uv_work_t* work) {
  struct blocker* blocker = work->data;
  uv_sem_wait(&blocker->sem);
}

static void unblocked(uv_work_t* work, int status) {
  (void)work;
  (void)status;
}

/* The host keeps all of libuv's threads busy, and the last one who waits goes:
 * the look-up never runs. */
static void test_a_queued_look_up_is_cancelled(void** state) {
  uv_loop_t* loop = *state;
  struct world world;
  struct asker asker;
  struct blocker blocker;
  world = (struct world){.loop = loop};
  struct gcn__hosts_options options = world_options(&world);
  options.api = &gcn__resolver_system;
  world_begin_with(&world, loop, &options);
  uv_sem_init(&blocker.sem, 0);
  for (int i = 0; i < 8; i++) {
    blocker.work[i].data = &blocker;
    uv_queue_work(loop, &blocker.work[i], block, unblocked);
  }
  size_t size = world.probe.live_size;
  ask(&world, &asker, "localhost", 0);
  harness_settle(loop);
  assert_false(asker.waiter.done);
  leave(&asker);
  while (world.probe.live_size > size)
    uv_run(loop, UV_RUN_ONCE);
  world_end(&world);
  for (int i = 0; i < 8; i++)
    uv_sem_post(&blocker.sem);
  harness_drain(loop);
  uv_sem_destroy(&blocker.sem);
  assert_int_equal(asker.ready_count, 0);
}

/* --- the end -------------------------------------------------------------- */

static void test_the_end_waits_for_what_runs(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  ask(&world, &asker, "a.test", 0);
  leave(&asker);
  ask(&world, &asker, "b.test", 0);
  leave(&asker);
  assert_false(gcn__hosts_release(world.hosts, world_on_gone, &world));
  fake_answer(0, "1");
  assert_false(world.gone);
  fake_fail(1, UV_EAI_AGAIN);
  assert_true(world.gone);
  assert_int_equal(asker.ready_count, 0);
}

static void test_the_last_user_ends_it(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  assert_ptr_equal(gcn__hosts_acquire(world.hosts), world.hosts);
  ask(&world, &asker, "a.test", 0);
  leave(&asker);
  assert_true(gcn__hosts_release(world.hosts, world_on_gone, &world));
  fake_answer(0, "1");
  assert_false(world.gone);
  assert_order(&world, "1");
  world_end(&world);
}

static void test_abandon(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "1");
  ask(&world, &asker, "b.test", 0);
  gcn__hosts_acquire(world.hosts);
  gcn__hosts_abandon(world.hosts);
  gcn__hosts_leave_abandoned(&asker.waiter);
  gcn__hosts_abandon(world.hosts);
  assert_int_equal(world.probe.live_size, 0);
}

/* --- out of memory -------------------------------------------------------- */

static void test_look_up_does_not_start(void** state) {
  struct world world;
  struct asker asker;
  world_begin(&world, *state);
  learn(&world, "a.test", "1");
  fake.start_error = UV_ENOMEM;
  ask(&world, &asker, "b.test", 0);
  assert_true(asker.waiter.done);
  assert_int_equal(asker.waiter.error, UV_ENOMEM);
  leave(&asker);
  ask(&world, &asker, "a.test", GCN__HOSTS_FRESH_MS + 1000);
  assert_found(&asker, "1");
  leave(&asker);
  world_end(&world);
}

static void test_every_allocation_may_fail(void** state) {
  struct world world;
  size_t needed = 0;
  for (size_t fail_at = 1; needed == 0; fail_at++) {
    struct asker asker;
    memset(&fake, 0, sizeof fake);
    world = (struct world){.loop = *state, .now_ms = gcn__loop_now_ms(*state)};
    world.probe.fail_at = fail_at;
    struct gcn__hosts_options options = world_options(&world);
    world.hosts = gcn__hosts_new(&options);
    if (world.hosts == NULL) {
      assert_int_equal(fail_at, 1);
      continue;
    }
    ask(&world, &asker, "a.test", 0);
    if (asker.waiter.done) {
      assert_int_equal(asker.waiter.error, UV_ENOMEM);
      assert_int_equal(fake.count, 0);
    } else {
      fake_answer(0, "1");
      assert_found(&asker, "1");
      needed = fail_at;
    }
    leave(&asker);
    world_end(&world);
  }
  assert_int_equal(needed, 5); /* service, entry, its name, look-up, and one */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_one_look_up_for_all_who_ask),
      LOOP_TEST(test_who_leaves_is_not_told),
      LOOP_TEST(test_giving_up_does_not_end_the_look_up),
      LOOP_TEST(test_a_late_answer_is_remembered),
      LOOP_TEST(test_an_old_look_up_is_replaced),
      LOOP_TEST(test_a_queued_look_up_is_cancelled),
      LOOP_TEST(test_the_end_waits_for_what_runs),
      LOOP_TEST(test_the_last_user_ends_it),
      LOOP_TEST(test_abandon),
      LOOP_TEST(test_look_up_does_not_start),
      LOOP_TEST(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
