/* SPDX-License-Identifier: MIT */
/*
 * Permits: never more than there are, and first come, first served.
 */
#include "mem-probe.h"

#include "check.h"

#include "loop/permits.h"

enum { PERSON_COUNT = 8 };

struct person {
  struct gcn__permit permit;
  unsigned told_count;
};

struct queue {
  struct mem_probe probe;
  struct gcn__permits* permits;
  struct person people[PERSON_COUNT];
};

static void on_ready(void* ctx) {
  struct person* person = ctx;
  assert_int_equal(person->permit.state, GCN__PERMIT_HELD);
  person->told_count++;
}

static void set_up(struct queue* queue, size_t count) {
  *queue = (struct queue){.permits = NULL};
  struct gcn__mem mem = mem_probe_mem(&queue->probe);
  queue->permits = gcn__permits_new(&mem, count);
  assert_non_null(queue->permits);
  for (int i = 0; i < PERSON_COUNT; i++) {
    queue->people[i].permit.ready = on_ready;
    queue->people[i].permit.ctx = &queue->people[i];
  }
}

static bool take(struct queue* queue, int who) {
  return gcn__permit_take(queue->permits, &queue->people[who].permit);
}

static void give_back(struct queue* queue, int who) {
  gcn__permit_return(&queue->people[who].permit);
}

static unsigned held(const struct queue* queue) {
  unsigned count = 0;
  for (int i = 0; i < PERSON_COUNT; i++)
    count += queue->people[i].permit.state == GCN__PERMIT_HELD;
  return count;
}

static void tear_down(struct queue* queue) {
  for (int i = 0; i < PERSON_COUNT; i++)
    give_back(queue, i);
  gcn__permits_release(queue->permits);
  assert_int_equal(queue->probe.live_size, 0);
}

static void test_first_come_first_served(void** state) {
  (void)state;
  struct queue queue;
  set_up(&queue, 2);
  assert_true(take(&queue, 0));
  assert_true(take(&queue, 1));
  assert_false(take(&queue, 2));
  assert_false(take(&queue, 3));
  assert_int_equal(held(&queue), 2);
  give_back(&queue, 1);
  assert_int_equal(queue.people[2].told_count, 1);
  assert_int_equal(queue.people[3].told_count, 0);
  /* Who comes back is behind those who wait. */
  assert_false(take(&queue, 1));
  give_back(&queue, 0);
  assert_int_equal(queue.people[3].told_count, 1);
  assert_int_equal(queue.people[1].told_count, 0);
  assert_int_equal(held(&queue), 2);
  tear_down(&queue);
}

static void test_who_is_served_at_once_is_not_told(void** state) {
  (void)state;
  struct queue queue;
  set_up(&queue, 1);
  assert_true(take(&queue, 0));
  assert_int_equal(queue.people[0].told_count, 0);
  assert_false(take(&queue, 1));
  assert_int_equal(queue.people[1].told_count, 0);
  tear_down(&queue);
}

static void test_who_is_patient_comes_last(void** state) {
  (void)state;
  struct queue queue;
  set_up(&queue, 1);
  queue.people[1].permit.patient = true;
  queue.people[2].permit.patient = true;
  assert_true(take(&queue, 1)); /* there is no line */
  assert_false(take(&queue, 2));
  assert_false(take(&queue, 3));
  give_back(&queue, 1);
  assert_int_equal(queue.people[3].told_count, 1);
  assert_false(take(&queue, 1));
  assert_false(take(&queue, 4));
  give_back(&queue, 3);
  assert_int_equal(queue.people[4].told_count, 1);
  assert_int_equal(queue.people[2].told_count, 0);
  give_back(&queue, 4);
  assert_int_equal(queue.people[2].told_count, 1);
  give_back(&queue, 2);
  assert_int_equal(queue.people[1].told_count, 1);
  assert_int_equal(held(&queue), 1);
  tear_down(&queue);
}

static void test_leaving_the_line(void** state) {
  (void)state;
  struct queue queue;
  set_up(&queue, 1);
  assert_true(take(&queue, 0));
  for (int i = 1; i < 4; i++)
    assert_false(take(&queue, i));
  give_back(&queue, 2); /* from the middle */
  give_back(&queue, 1); /* from the front */
  assert_int_equal(held(&queue), 1);
  give_back(&queue, 0);
  assert_int_equal(queue.people[1].told_count, 0);
  assert_int_equal(queue.people[2].told_count, 0);
  assert_int_equal(queue.people[3].told_count, 1);
  tear_down(&queue);
}

static void test_returning_twice_is_harmless(void** state) {
  (void)state;
  struct queue queue;
  set_up(&queue, 1);
  give_back(&queue, 0);
  assert_true(take(&queue, 0));
  give_back(&queue, 0);
  give_back(&queue, 0);
  assert_true(take(&queue, 1));
  assert_false(take(&queue, 2));
  tear_down(&queue);
}

/* After fork nobody is told, but the pool's count stays true. */
static void test_abandon_is_mute(void** state) {
  (void)state;
  struct queue queue;
  set_up(&queue, 1);
  assert_true(take(&queue, 0));
  assert_false(take(&queue, 1));
  gcn__permit_abandon(&queue.people[0].permit);
  assert_int_equal(queue.people[1].told_count, 0);
  assert_int_equal(queue.people[1].permit.state, GCN__PERMIT_AWAITED);
  gcn__permit_abandon(&queue.people[1].permit);
  gcn__permit_abandon(&queue.people[1].permit);
  tear_down(&queue);
}

static void test_pool_lives_as_long_as_its_last_user(void** state) {
  (void)state;
  struct queue queue;
  set_up(&queue, 1);
  assert_ptr_equal(gcn__permits_acquire(queue.permits), queue.permits);
  gcn__permits_release(queue.permits);
  assert_true(queue.probe.live_size > 0);
  assert_true(take(&queue, 0));
  tear_down(&queue);
}

/* Random takes and returns against a model: a queue of numbers. */
static void test_random_walk(void** state) {
  (void)state;
  struct queue queue;
  int line[PERSON_COUNT];
  int waiting = 0;
  unsigned seed = 1;
  set_up(&queue, GCN__PERMIT_COUNT_DEFAULT);
  for (int step = 0; step < 20000; step++) {
    seed = seed * 1103515245u + 12345u;
    int who = (int)(seed >> 16) % PERSON_COUNT;
    enum gcn__permit_state before = queue.people[who].permit.state;
    if (before == GCN__PERMIT_NONE) {
      if (!take(&queue, who)) line[waiting++] = who;
    } else {
      int served = before == GCN__PERMIT_HELD && waiting > 0 ? line[0] : -1;
      give_back(&queue, who);
      int gone = before == GCN__PERMIT_AWAITED ? who : served;
      int kept = 0;
      for (int i = 0; i < waiting; i++)
        if (line[i] != gone) line[kept++] = line[i];
      waiting = kept;
      if (served >= 0) {
        assert_int_equal(queue.people[served].permit.state, GCN__PERMIT_HELD);
      }
    }
    assert_true(held(&queue) <= GCN__PERMIT_COUNT_DEFAULT);
    if (waiting > 0) assert_int_equal(held(&queue), GCN__PERMIT_COUNT_DEFAULT);
    for (int i = 0; i < waiting; i++) {
      assert_int_equal(queue.people[line[i]].permit.state, GCN__PERMIT_AWAITED);
    }
  }
  tear_down(&queue);
}

static void test_no_memory(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 1};
  struct gcn__mem mem = mem_probe_mem(&probe);
  assert_null(gcn__permits_new(&mem, 4));
  assert_int_equal(probe.live_size, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_first_come_first_served),
      cmocka_unit_test(test_who_is_served_at_once_is_not_told),
      cmocka_unit_test(test_who_is_patient_comes_last),
      cmocka_unit_test(test_leaving_the_line),
      cmocka_unit_test(test_returning_twice_is_harmless),
      cmocka_unit_test(test_abandon_is_mute),
      cmocka_unit_test(test_pool_lives_as_long_as_its_last_user),
      cmocka_unit_test(test_random_walk),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
