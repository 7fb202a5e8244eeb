/* SPDX-License-Identifier: MIT */
/*
 * The order and the budget of those who share a loop.  The clock is the test's:
 * work takes as long as it says.
 */
#include "harness.h"

#include "base/mem.h"
#include "loop/turns.h"

enum { MEMBERS = 100, MS = 1000000 };

static uint64_t clock_ns; /* moves when somebody works */

static uint64_t read_clock(void) {
  return clock_ns;
}

struct stage;

struct member {
  struct stage* stage;
  struct gcn__turn turn;
  uint64_t cost_ns;
  unsigned served;
  unsigned again; /* waits so many times more */
  bool posted;
  bool wakes; /* ... in the way of who is not inside of uv_run */
};

struct stage {
  uv_loop_t* loop;
  struct gcn__turns* turns;
  struct member members[MEMBERS];
  unsigned served;
  bool gone;
};

static void on_serve(void* ctx) {
  struct member* member = ctx;
  struct stage* stage = member->stage;
  gcn__turns_begin(stage->turns);
  clock_ns += member->cost_ns;
  member->served++;
  member->posted = member->turn.posted;
  stage->served++;
  if (member->again == 0) return;
  member->again--;
  if (member->wakes) {
    gcn__turns_wake(stage->turns, &member->turn);
  } else {
    gcn__turns_wait(stage->turns, &member->turn);
  }
}

static void open_stage(struct stage* stage, uv_loop_t* loop, uint64_t cost_ns) {
  *stage = (struct stage){.loop = loop};
  clock_ns = 1000 * (uint64_t)MS;
  assert_int_equal(
      gcn__turns_new(&stage->turns, loop, &gcn__mem_libc, read_clock), 0);
  for (unsigned i = 0; i < MEMBERS; i++) {
    struct member* member = &stage->members[i];
    member->stage = stage;
    member->cost_ns = cost_ns;
    member->turn = (struct gcn__turn){.serve = on_serve, .ctx = member};
    gcn__turns_join(stage->turns, &member->turn);
  }
}

static void on_gone(void* ctx) {
  struct stage* stage = ctx;
  stage->gone = true;
}

static void close_stage(struct stage* stage) {
  for (unsigned i = 0; i < MEMBERS; i++) {
    bool last = gcn__turns_leave(stage->turns, &stage->members[i].turn);
    assert_int_equal(last, i == MEMBERS - 1);
  }
  gcn__turns_close(stage->turns, on_gone, stage);
  assert_false(stage->gone);
  harness_drain(stage->loop);
  assert_true(stage->gone);
  assert_int_equal(harness_handles(stage->loop), 0);
}

static void wake_all(struct stage* stage) {
  for (unsigned i = 0; i < MEMBERS; i++)
    gcn__turns_wake(stage->turns, &stage->members[i].turn);
}

/* How many one turn of the loop serves. */
static unsigned run_turn(struct stage* stage) {
  unsigned before = stage->served;
  uv_run(stage->loop, UV_RUN_NOWAIT);
  return stage->served - before;
}

/* --- one for all ---------------------------------------------------------- */

static void test_one_wake_for_all(void** state) {
  struct stage stage;
  open_stage(&stage, *state, 0);
  assert_int_equal(harness_handles(stage.loop), 3);
  wake_all(&stage);
  assert_int_equal(run_turn(&stage), MEMBERS);
  assert_int_equal(run_turn(&stage), 0);
  close_stage(&stage);
}

static void test_waking_twice_is_once(void** state) {
  struct stage stage;
  open_stage(&stage, *state, 0);
  wake_all(&stage);
  wake_all(&stage);
  gcn__turns_call(stage.turns, &stage.members[7].turn);
  gcn__turns_call(stage.turns, &stage.members[7].turn);
  while (stage.served < MEMBERS)
    run_turn(&stage);
  assert_int_equal(run_turn(&stage), 0);
  assert_int_equal(stage.members[7].served, 1);
  close_stage(&stage);
}

/* --- the budget ----------------------------------------------------------- */

static void test_turns_are_bounded(void** state) {
  struct stage stage;
  open_stage(&stage, *state, MS / 2);
  wake_all(&stage);
  unsigned turns = 0;
  while (stage.served < MEMBERS) {
    unsigned before = stage.served;
    assert_true(run_turn(&stage) <= GCN__TURNS_BUDGET_NS / (MS / 2));
    for (unsigned i = 0; i < MEMBERS; i++)
      assert_int_equal(stage.members[i].served, i < stage.served);
    /* The line is not served twice between two polls. */
    assert_true(stage.served > before || turns == 1);
    turns++;
  }
  assert_true(turns <= MEMBERS / 4 + 2);
  close_stage(&stage);
}

static void expect_one_a_turn(uv_loop_t* loop, uint64_t cost_ns) {
  struct stage stage;
  open_stage(&stage, loop, cost_ns);
  wake_all(&stage);
  assert_int_equal(run_turn(&stage), 1);
  run_turn(&stage);
  while (stage.served < MEMBERS)
    assert_int_equal(run_turn(&stage), 1);
  close_stage(&stage);
}

/* A step cannot be cut; one is done in each turn all the same. */
static void test_long_steps_go_on(void** state) {
  expect_one_a_turn(*state, 10 * MS);
}

/* ... and no second one that would not end in time: what they cost is learnt
 * from the first one. */
static void test_dear_steps_are_alone(void** state) {
  expect_one_a_turn(*state, 3 * MS / 2);
}

/* What is done outside of the line comes before it once, not for ever. */
static void test_the_line_is_put_off_once(void** state) {
  struct stage stage;
  open_stage(&stage, *state, 3 * MS / 2);
  wake_all(&stage);
  assert_int_equal(run_turn(&stage), 1);
  run_turn(&stage);
  while (stage.served < MEMBERS) {
    unsigned before = stage.served;
    for (unsigned i = 0; i < 2; i++) {
      gcn__turns_begin(stage.turns);
      clock_ns += MS;
      run_turn(&stage);
    }
    assert_int_equal(stage.served, before + 1);
  }
  close_stage(&stage);
}

/* Work outside of the line, after each turn's beginning. */
struct host {
  uv_prepare_t prepare;
  struct stage* stage;
  bool works;
};

static void on_prepare(uv_prepare_t* prepare) {
  const struct host* host = prepare->data;
  if (!host->works) return;
  gcn__turns_begin(host->stage->turns);
  clock_ns += MS;
}

/* Other threads may call, so that it comes to the line twice in a turn. */
static void test_the_line_is_put_off_for_a_turn(void** state) {
  struct stage stage;
  struct host host = {.stage = &stage};
  uv_prepare_init(*state, &host.prepare);
  host.prepare.data = &host;
  uv_prepare_start(&host.prepare, on_prepare); /* first: it comes last */
  open_stage(&stage, *state, 3 * MS / 2);
  wake_all(&stage);
  assert_int_equal(run_turn(&stage), 1);
  assert_int_equal(run_turn(&stage), 0);
  host.works = true;
  gcn__turns_call(stage.turns, &stage.members[0].turn);
  assert_int_equal(run_turn(&stage), 1);
  host.works = false;
  assert_int_equal(run_turn(&stage), 0);
  assert_int_equal(run_turn(&stage), 1);
  uv_close((uv_handle_t*)&host.prepare, NULL);
  close_stage(&stage);
}

/* Once is not always. */
static void test_dear_steps_are_forgotten(void** state) {
  struct stage stage;
  open_stage(&stage, *state, MS / 10);
  gcn__turns_begin(stage.turns);
  clock_ns += 2 * MS;
  assert_false(gcn__turns_free(stage.turns));
  run_turn(&stage);
  gcn__turns_begin(stage.turns);
  clock_ns += MS;
  assert_false(gcn__turns_free(stage.turns)); /* a dear one might come */
  for (unsigned i = 0; i < MEMBERS; i++)
    run_turn(&stage);
  gcn__turns_begin(stage.turns);
  clock_ns += MS;
  assert_true(gcn__turns_free(stage.turns));
  close_stage(&stage);
}

/* Whoever comes when the time is over, or after others, has to wait. */
static void test_free_until_it_is_over(void** state) {
  struct stage stage;
  open_stage(&stage, *state, MS);
  run_turn(&stage);
  assert_true(gcn__turns_free(stage.turns));
  gcn__turns_begin(stage.turns);
  clock_ns += MS;
  assert_true(gcn__turns_free(stage.turns));
  clock_ns += MS;
  assert_false(gcn__turns_over(stage.turns)); /* nobody has looked */
  assert_false(gcn__turns_free(stage.turns));
  assert_true(gcn__turns_over(stage.turns));
  uint64_t number = gcn__turns_number(stage.turns);
  run_turn(&stage);
  assert_true(gcn__turns_number(stage.turns) > number);
  assert_true(gcn__turns_free(stage.turns));
  gcn__turns_wait(stage.turns, &stage.members[0].turn);
  assert_false(gcn__turns_free(stage.turns));
  run_turn(&stage);
  assert_true(gcn__turns_free(stage.turns));
  close_stage(&stage);
}

static void test_what_looking_tells(void** state) {
  struct stage stage;
  uint64_t passed_ns = 1;
  open_stage(&stage, *state, MS);
  assert_false(gcn__turns_look(stage.turns, &passed_ns));
  assert_int_equal(passed_ns, 0); /* no work has begun */
  gcn__turns_begin(stage.turns);
  clock_ns += 300;
  gcn__turns_begin(stage.turns); /* it has begun already */
  assert_false(gcn__turns_look(stage.turns, &passed_ns));
  assert_int_equal(passed_ns, 300);
  clock_ns += 50;
  assert_false(gcn__turns_look(stage.turns, &passed_ns));
  assert_int_equal(passed_ns, 50);
  clock_ns += 2 * MS;
  assert_true(gcn__turns_look(stage.turns, &passed_ns));
  close_stage(&stage);
}

static void test_a_crowd(void** state) {
  struct stage stage;
  static struct member more[GCN__TURNS_CROWD];
  open_stage(&stage, *state, MS);
  wake_all(&stage);
  assert_false(gcn__turns_crowded(stage.turns));
  for (unsigned i = 0; i < GCN__TURNS_CROWD; i++) {
    more[i] = (struct member){.stage = &stage};
    more[i].turn = (struct gcn__turn){.serve = on_serve, .ctx = &more[i]};
    gcn__turns_join(stage.turns, &more[i].turn);
    gcn__turns_wake(stage.turns, &more[i].turn);
  }
  assert_true(gcn__turns_crowded(stage.turns));
  for (unsigned i = 0; i < GCN__TURNS_CROWD; i++)
    gcn__turns_leave(stage.turns, &more[i].turn);
  assert_false(gcn__turns_crowded(stage.turns));
  close_stage(&stage);
}

/* --- fairness ------------------------------------------------------------- */

/* One uses up each turn that it gets, and would have the next one, too: all
 * others come before that. */
static void test_nobody_is_passed_over(void** state) {
  for (int wakes = 0; wakes < 2; wakes++) {
    struct stage stage;
    open_stage(&stage, *state, MS / 100);
    struct member* busy = &stage.members[0];
    busy->cost_ns = 5 * MS;
    busy->again = 50;
    busy->wakes = wakes;
    wake_all(&stage);
    while (stage.served - busy->served < MEMBERS - 1) {
      run_turn(&stage);
      assert_true(busy->served <= 2);
    }
    while (busy->again > 0)
      run_turn(&stage);
    close_stage(&stage);
  }
}

/* --- coming and going ----------------------------------------------------- */

static void call_all(void* arg) {
  struct stage* stage = arg;
  for (unsigned i = 0; i < MEMBERS; i++)
    gcn__turns_call(stage->turns, &stage->members[i].turn);
}

static void test_calls_of_another_thread(void** state) {
  struct stage stage;
  uv_thread_t thread;
  open_stage(&stage, *state, 0);
  assert_int_equal(uv_thread_create(&thread, call_all, &stage), 0);
  while (stage.served < MEMBERS)
    uv_run(stage.loop, UV_RUN_ONCE);
  uv_thread_join(&thread);
  for (unsigned i = 0; i < MEMBERS; i++)
    assert_true(stage.members[i].posted);
  close_stage(&stage);
}

/* Called, or in line, and gone before the loop has looked. */
static void test_leaving_ends_it(void** state) {
  struct stage stage;
  open_stage(&stage, *state, 0);
  wake_all(&stage);
  call_all(&stage);
  close_stage(&stage);
  assert_int_equal(stage.served, 0);
}

/* The loop goes on for those who are referenced, whatever waits. */
static void test_references(void** state) {
  struct stage stage;
  open_stage(&stage, *state, 0);
  for (unsigned i = 0; i < MEMBERS; i++) {
    assert_true(uv_loop_alive(stage.loop));
    gcn__turns_ref(stage.turns, &stage.members[i].turn, false);
    gcn__turns_ref(stage.turns, &stage.members[i].turn, false);
  }
  gcn__turns_wait(stage.turns, &stage.members[0].turn);
  assert_false(uv_loop_alive(stage.loop));
  gcn__turns_ref(stage.turns, &stage.members[3].turn, true);
  assert_true(uv_loop_alive(stage.loop));
  close_stage(&stage);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_one_wake_for_all),
      LOOP_TEST(test_waking_twice_is_once),
      LOOP_TEST(test_turns_are_bounded),
      LOOP_TEST(test_long_steps_go_on),
      LOOP_TEST(test_dear_steps_are_alone),
      LOOP_TEST(test_the_line_is_put_off_once),
      LOOP_TEST(test_the_line_is_put_off_for_a_turn),
      LOOP_TEST(test_dear_steps_are_forgotten),
      LOOP_TEST(test_free_until_it_is_over),
      LOOP_TEST(test_what_looking_tells),
      LOOP_TEST(test_a_crowd),
      LOOP_TEST(test_nobody_is_passed_over),
      LOOP_TEST(test_calls_of_another_thread),
      LOOP_TEST(test_leaving_ends_it),
      LOOP_TEST(test_references),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
