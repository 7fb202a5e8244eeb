/* SPDX-License-Identifier: MIT */
/*
 * The session: desire apart from state, deadlines of an attempt, failures that
 * only proof forgives, and waits that follow the server's wish.
 */
#include "core/session.h"

#include "check.h"
#include "session-case.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void begins_idle_with_nothing_armed(void** state) {
  struct fixture* f = *state;
  enum gcn__input input;
  assert_state(f, GCN__STATE_IDLE);
  assert_true(gcn__session_deadline(&f->session) == GCN__NEVER);
  assert_false(gcn__session_expire(&f->session, UINT64_MAX - 1, &input));
  assert_false(gcn__session_wish(&f->session, &input));
}

static void idle_acts_on_what_was_wanted_meanwhile(void** state) {
  struct fixture* f = *state;
  enum gcn__input input;
  reach_streaming(f);
  feed(f, GCN__INPUT_STOP);
  assert_state(f, GCN__STATE_CLOSING);
  feed(f, GCN__INPUT_START);
  assert_state(f, GCN__STATE_CLOSING);
  assert_false(gcn__session_wish(&f->session, &input)); /* not IDLE yet */
  feed(f, GCN__INPUT_DRAINED);
  assert_state(f, GCN__STATE_IDLE);
  assert_true(gcn__session_wish(&f->session, &input));
  assert_int_equal(input, GCN__INPUT_START);
  feed(f, input);
  assert_state(f, GCN__STATE_CONNECTING);
}

static void close_wins_for_good(void** state) {
  struct fixture* f = *state;
  enum gcn__input input;
  reach_streaming(f);
  feed(f, GCN__INPUT_CLOSE);
  feed(f, GCN__INPUT_START);
  feed(f, GCN__INPUT_STOP);
  feed(f, GCN__INPUT_DRAINED);
  assert_true(gcn__session_wish(&f->session, &input));
  assert_int_equal(input, GCN__INPUT_CLOSE);
  feed(f, input);
  assert_state(f, GCN__STATE_CLOSED);
  assert_false(gcn__session_wish(&f->session, &input));
  assert_true(gcn__session_deadline(&f->session) == GCN__NEVER);
}

/* From when it began, whatever was said before. */
static void a_goodbye_may_be_given_another_time(void** state) {
  static const uint64_t limits_ms[] = {500, 0, 5000, 2000, UINT64_MAX, 300};
  struct fixture* f = *state;
  reach_streaming(f);
  feed(f, GCN__INPUT_STOP);
  assert_int_equal(left(f, GCN__TIMER_PHASE), 2000);
  uint64_t begun_ms = f->now_ms;
  f->now_ms += 300;
  for (size_t i = 0; i < sizeof limits_ms / sizeof limits_ms[0]; i++) {
    f->settings.close_ms = limits_ms[i];
    gcn__session_limit_close(&f->session);
    uint64_t over_ms = gcn__time_add(begun_ms, limits_ms[i]);
    assert_true(gcn__session_deadline(&f->session) == over_ms);
  }
  enum gcn__input input;
  assert_true(gcn__session_expire(&f->session, f->now_ms, &input));
  assert_int_equal(input, GCN__INPUT_PHASE_DUE);
}

/* Only a goodbye: the deadlines of everything else stay as they are. */
static void only_a_goodbye_is_given_another_time(void** state) {
  static const enum gcn__input inputs[] = {
      GCN__INPUT_START, GCN__INPUT_LINKED,    GCN__INPUT_TOKEN,
      GCN__INPUT_STEP,  GCN__INPUT_CONFIRMED, GCN__INPUT_WEATHER};
  struct fixture* f = *state;
  f->settings.close_ms = 0;
  gcn__session_limit_close(&f->session);
  assert_true(gcn__session_deadline(&f->session) == GCN__NEVER);
  for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
    feed(f, inputs[i]);
    uint64_t before_ms[GCN__TIMER_COUNT];
    memcpy(before_ms, f->session.deadlines_ms, sizeof before_ms);
    gcn__session_limit_close(&f->session);
    assert_memory_equal(f->session.deadlines_ms, before_ms, sizeof before_ms);
  }
}

static void refusal_waits_for_the_user(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  feed(f, GCN__INPUT_LINKED);
  feed(f, GCN__INPUT_REFUSED);
  assert_state(f, GCN__STATE_REFUSED);
  assert_true(gcn__session_deadline(&f->session) == GCN__NEVER); /* P4 */
  assert_int_equal(f->session.attempt_count, 1);
  feed(f, GCN__INPUT_CREDENTIALS);
  assert_state(f, GCN__STATE_CONNECTING);
  assert_int_equal(f->session.attempt_count, 2);
}

static void attempt_has_one_deadline_and_each_phase_its_own(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  assert_true(left(f, GCN__TIMER_ATTEMPT) == 60000);
  assert_true(left(f, GCN__TIMER_PHASE) == 10000);
  f->now_ms += 9000;
  feed(f, GCN__INPUT_LINKED);
  assert_true(left(f, GCN__TIMER_ATTEMPT) == 51000);
  assert_true(left(f, GCN__TIMER_PHASE) == 10000);
  f->now_ms += 9000;
  feed(f, GCN__INPUT_TOKEN);
  f->now_ms += 9000;
  feed(f, GCN__INPUT_STEP);
  assert_true(left(f, GCN__TIMER_ATTEMPT) == 33000);
  assert_true(left(f, GCN__TIMER_PHASE) == 10000);
  feed(f, GCN__INPUT_CONFIRMED);
  assert_true(left(f, GCN__TIMER_ATTEMPT) == GCN__NEVER);
  assert_true(left(f, GCN__TIMER_PHASE) == GCN__NEVER);
}

static void endless_steps_end_with_the_attempt(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  uint64_t begun_ms = f->now_ms;
  feed(f, GCN__INPUT_LINKED);
  feed(f, GCN__INPUT_TOKEN);
  enum gcn__input input;
  while (!gcn__session_expire(&f->session, f->now_ms, &input)) {
    f->now_ms += 100;
    feed(f, GCN__INPUT_STEP);
  }
  assert_int_equal(input, GCN__INPUT_ATTEMPT_DUE);
  assert_true(f->now_ms == begun_ms + 60000);
}

static void closing_has_the_close_deadline(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  feed(f, GCN__INPUT_STOP);
  assert_true(left(f, GCN__TIMER_PHASE) == 2000); /* P5 */
  f->now_ms += 1500;
  feed(f, GCN__INPUT_EVENT);
  feed(f, GCN__INPUT_STOP);
  assert_true(left(f, GCN__TIMER_PHASE) == 500);
  assert_int_equal(fire(f), GCN__INPUT_PHASE_DUE);
  assert_state(f, GCN__STATE_IDLE);
}

static void a_late_question_has_its_time(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  const struct gcn__settings* settings = f->session.settings;
  uint64_t answer_ms = settings->silence_ms - settings->probe_ms;
  enum gcn__input input;
  f->now_ms += settings->silence_ms + 1000; /* both are over */
  while (gcn__session_expire(&f->session, f->now_ms, &input)) {
    assert_int_not_equal(input, GCN__INPUT_SILENCE_DUE);
    feed(f, input);
  }
  assert_true(left(f, GCN__TIMER_SILENCE) == answer_ms);
  f->now_ms += answer_ms;
  while (gcn__session_expire(&f->session, f->now_ms, &input) &&
         input != GCN__INPUT_SILENCE_DUE) {
  }
  assert_int_equal(input, GCN__INPUT_SILENCE_DUE);
}

static void due_timers_come_in_order(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  f->session.deadlines_ms[GCN__TIMER_SYNC] = f->now_ms + 5;
  f->session.deadlines_ms[GCN__TIMER_PHASE] = f->now_ms + 5;
  f->session.deadlines_ms[GCN__TIMER_ATTEMPT] = f->now_ms + 6;
  enum gcn__input input;
  assert_false(gcn__session_expire(&f->session, f->now_ms + 4, &input));
  f->now_ms += 100;
  assert_true(gcn__session_expire(&f->session, f->now_ms, &input));
  assert_int_equal(input, GCN__INPUT_PHASE_DUE);
  assert_true(gcn__session_expire(&f->session, f->now_ms, &input));
  assert_int_equal(input, GCN__INPUT_SYNC_DUE);
  assert_true(gcn__session_expire(&f->session, f->now_ms, &input));
  assert_int_equal(input, GCN__INPUT_ATTEMPT_DUE);
  assert_false(gcn__session_expire(&f->session, f->now_ms, &input));
}

static void failures_widen_the_wait(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  for (uint64_t n = 1; n < 40; n++) {
    feed(f, GCN__INPUT_WEATHER);
    assert_state(f, GCN__STATE_BACKING_OFF);
    assert_true(f->session.failures == n);
    uint64_t window = n > 7 ? 90000 : UINT64_C(1000) << (n - 1);
    uint64_t ceiling = window + 250 > 90000 ? 90000 : window + 250;
    assert_in_range(f->session.delay_ms, 250, ceiling); /* P7 */
    assert_true(left(f, GCN__TIMER_RETRY) == f->session.delay_ms);
    assert_int_equal(fire(f), GCN__INPUT_RETRY_DUE);
    assert_state(f, GCN__STATE_CONNECTING);
  }
}

static void a_mere_connect_forgives_nothing(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  for (uint64_t n = 1; n < 10; n++) {
    reach_streaming(f);
    f->now_ms += 29999;
    feed(f, GCN__INPUT_EVENT);
    feed(f, GCN__INPUT_WEATHER);
    assert_true(f->session.failures == n); /* P8 */
    fire(f);
  }
}

static void proof_takes_as_long_as_the_last_wait(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  f->session.asked_ms = 100000;
  feed(f, GCN__INPUT_LIMITED);
  uint64_t delay_ms = f->session.delay_ms;
  assert_in_range(delay_ms, 100000, 120000);
  fire(f);
  reach_streaming(f);
  uint64_t confirmed_ms = f->now_ms;
  f->now_ms += 500;
  feed(f, GCN__INPUT_EVENT);
  assert_true(f->session.deadlines_ms[GCN__TIMER_STABLE] ==
              confirmed_ms + delay_ms);
  f->now_ms += 500;
  feed(f, GCN__INPUT_EVENT); /* a second one does not move it */
  assert_true(f->session.deadlines_ms[GCN__TIMER_STABLE] ==
              confirmed_ms + delay_ms);
}

static void proof_forgives_and_gives_the_first_window(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  for (int i = 0; i < 8; i++) {
    feed(f, GCN__INPUT_WEATHER);
    fire(f);
  }
  reach_proof(f);
  assert_true(f->session.failures == 0);
  feed(f, GCN__INPUT_WEATHER);
  assert_true(f->session.failures == 1);
  assert_in_range(f->session.delay_ms, 0, 1000);
  fire(f);
  feed(f, GCN__INPUT_WEATHER); /* the next is an ordinary second failure */
  assert_true(f->session.failures == 2);
  assert_in_range(f->session.delay_ms, 250, 2250);
}

static void stubborn_trouble_waits_long(void** state) {
  struct fixture* f = *state;
  reach_proof(f);
  feed(f, GCN__INPUT_STUBBORN);
  assert_in_range(f->session.delay_ms, 45000, 90000);
}

static void the_servers_wish_is_a_floor_once(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  f->session.asked_ms = 60000;
  feed(f, GCN__INPUT_LIMITED);
  assert_in_range(f->session.delay_ms, 60000, 72000);
  assert_true(f->session.asked_ms == 0);
  fire(f);
  feed(f, GCN__INPUT_WEATHER);
  assert_in_range(f->session.delay_ms, 250, 2250);
}

/* What came with an answer that led to no wait is moot. */
static void a_wish_does_not_outlive_its_answer(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  feed(f, GCN__INPUT_LINKED);
  feed(f, GCN__INPUT_TOKEN);
  f->session.asked_ms = 3600000;
  feed(f, GCN__INPUT_STALE_CHANNEL);
  feed(f, GCN__INPUT_TOKEN);
  feed(f, GCN__INPUT_STEP);
  feed(f, GCN__INPUT_CONFIRMED);
  feed(f, GCN__INPUT_WEATHER);
  assert_in_range(f->session.delay_ms, 0, 1250);
}

static void a_wish_binds_other_waits_too(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  gcn__session_ask(&f->session, 300000, f->now_ms);
  feed(f, GCN__INPUT_UNSYNCED);
  assert_true(left(f, GCN__TIMER_SYNC) >= 300000);
  f->now_ms += 1000;
  feed(f, GCN__INPUT_WEATHER); /* P7: the stream breaks meanwhile */
  assert_true(f->session.delay_ms >= 299000);
}

static void never_cells_are_our_bug(void** state) {
  struct fixture* f = *state;
#ifdef NDEBUG
  struct gcn__step step = feed(f, GCN__INPUT_CONFIRMED);
  assert_int_equal(step.to, GCN__STATE_IDLE);
  assert_int_equal(step.verbs, 0);
  assert_int_equal(f->session.never_count, 1);
#else
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    freopen("/dev/null", "w", stderr);
    feed(f, GCN__INPUT_CONFIRMED);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#endif
}

struct sight {
  unsigned count;
  enum gcn__state state;
  enum gcn__input input;
};

static void note_sight(void* ctx, enum gcn__state state,
                       enum gcn__input input) {
  struct sight* sight = ctx;
  sight->count++;
  sight->state = state;
  sight->input = input;
}

static void the_watch_sees_every_input(void** state) {
  struct fixture* f = *state;
  struct sight sight = {0};
  f->session.watch = (struct gcn__watch){note_sight, &sight};
  feed(f, GCN__INPUT_TOPICS); /* even a skipped one */
  feed(f, GCN__INPUT_START);
  assert_int_equal(sight.count, 2);
  assert_int_equal(sight.state, GCN__STATE_IDLE);
  assert_int_equal(sight.input, GCN__INPUT_START);
}

static void callers_get_the_verbs_that_are_theirs(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  struct gcn__step step = feed(f, GCN__INPUT_EVENT);
  assert_int_equal(step.verbs, GCN__VERB_DELIVER);
  assert_false(step.entered);
  step = feed(f, GCN__INPUT_REVOKED);
  assert_int_equal(step.verbs, GCN__VERB_REJECT | GCN__VERB_ROTATE);
  assert_false(step.entered);
  step = feed(f, GCN__INPUT_STALE_CHANNEL);
  assert_int_equal(step.verbs,
                   GCN__VERB_DROP | GCN__VERB_FORGET | GCN__VERB_LOSE);
  assert_true(step.entered);
  assert_int_equal(step.from, GCN__STATE_STREAMING);
  assert_int_equal(step.to, GCN__STATE_BACKING_OFF);
}

#define TEST(name) cmocka_unit_test_setup(name, session_set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(begins_idle_with_nothing_armed),
      TEST(idle_acts_on_what_was_wanted_meanwhile),
      TEST(close_wins_for_good),
      TEST(a_goodbye_may_be_given_another_time),
      TEST(only_a_goodbye_is_given_another_time),
      TEST(refusal_waits_for_the_user),
      TEST(attempt_has_one_deadline_and_each_phase_its_own),
      TEST(endless_steps_end_with_the_attempt),
      TEST(closing_has_the_close_deadline),
      TEST(a_late_question_has_its_time),
      TEST(due_timers_come_in_order),
      TEST(failures_widen_the_wait),
      TEST(a_mere_connect_forgives_nothing),
      TEST(proof_takes_as_long_as_the_last_wait),
      TEST(proof_forgives_and_gives_the_first_window),
      TEST(stubborn_trouble_waits_long),
      TEST(the_servers_wish_is_a_floor_once),
      TEST(a_wish_does_not_outlive_its_answer),
      TEST(a_wish_binds_other_waits_too),
      TEST(never_cells_are_our_bug),
      TEST(the_watch_sees_every_input),
      TEST(callers_get_the_verbs_that_are_theirs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
