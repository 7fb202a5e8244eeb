/* SPDX-License-Identifier: MIT */
/*
 * The session: desire apart from state, timers of each state, failures that
 * only proof forgives, gaps, and waits that follow the server's wish.
 */
#include "core/session.h"

#include "base/time.h"
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEED = 42 };

struct fixture {
  struct gcn__settings settings;
  struct gcn__rng rng;
  struct gcn__session session;
  uint64_t now_ms;
};

static int set_up(void** state) {
  static struct fixture fixture;
  fixture.settings = GCN__SETTINGS_DEFAULT;
  fixture.now_ms = 1000000;
  gcn__rng_seed(&fixture.rng, SEED);
  gcn__session_init(&fixture.session, &fixture.settings, &fixture.rng);
  *state = &fixture;
  return 0;
}

static struct gcn__step feed(struct fixture* f, enum gcn__input input) {
  return gcn__session_input(&f->session, input, f->now_ms);
}

static uint64_t left(const struct fixture* f, enum gcn__timer timer) {
  uint64_t at_ms = f->session.deadlines_ms[timer];
  return at_ms == GCN__NEVER ? GCN__NEVER : at_ms - f->now_ms;
}

static void assert_state(const struct fixture* f, enum gcn__state want) {
  assert_string_equal(gcn__state_name(f->session.state), gcn__state_name(want));
}

/* Goes to the next deadline and feeds what is due there. */
static enum gcn__input fire(struct fixture* f) {
  enum gcn__input input = GCN__INPUT_START;
  f->now_ms = gcn__session_deadline(&f->session);
  assert_true(gcn__session_expire(&f->session, f->now_ms, &input));
  feed(f, input);
  return input;
}

static void fire_until(struct fixture* f, enum gcn__input want) {
  int count = 0;
  while (fire(f) != want)
    assert_true(++count < 100);
}

static void reach_streaming(struct fixture* f) {
  if (f->session.state == GCN__STATE_IDLE) feed(f, GCN__INPUT_START);
  assert_state(f, GCN__STATE_CONNECTING);
  feed(f, GCN__INPUT_LINKED);
  feed(f, GCN__INPUT_TOKEN);
  feed(f, GCN__INPUT_STEP);
  feed(f, GCN__INPUT_CONFIRMED);
  assert_state(f, GCN__STATE_STREAMING);
}

static void reach_proof(struct fixture* f) {
  reach_streaming(f);
  while (!f->session.stable) {
    f->now_ms += 10000;
    feed(f, GCN__INPUT_HEARTBEAT);
    enum gcn__input input;
    while (gcn__session_expire(&f->session, f->now_ms, &input))
      feed(f, input);
  }
}

/* --- desire --------------------------------------------------------------- */

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

/* --- timers of each state ------------------------------------------------- */

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

/* --- silence -------------------------------------------------------------- */

static void silence_is_probed_then_condemned(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  uint64_t confirmed_ms = f->now_ms;
  assert_int_equal(fire(f), GCN__INPUT_PROBE_DUE);
  assert_true(f->now_ms == confirmed_ms + 31000);
  assert_state(f, GCN__STATE_STREAMING);
  assert_int_equal(fire(f), GCN__INPUT_SILENCE_DUE);
  assert_true(f->now_ms == confirmed_ms + 35000);
  assert_state(f, GCN__STATE_BACKING_OFF);
}

static void any_sign_of_life_restarts_silence(void** state) {
  static const enum gcn__input signs[] = {
      GCN__INPUT_EVENT, GCN__INPUT_HEARTBEAT, GCN__INPUT_GARBAGE};
  struct fixture* f = *state;
  reach_streaming(f);
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
    f->now_ms += 34000;
    feed(f, signs[i]);
    assert_true(left(f, GCN__TIMER_PROBE) == 31000);
    assert_true(left(f, GCN__TIMER_SILENCE) == 35000);
  }
}

static void an_excuse_grants_a_new_term(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  f->now_ms += 600000; /* the host slept */
  gcn__session_excuse(&f->session, f->now_ms);
  assert_true(left(f, GCN__TIMER_PROBE) == 31000);
  assert_true(left(f, GCN__TIMER_SILENCE) == 35000);
  /* It proves nothing: the gap would still begin where life was seen. */
  assert_true(f->session.proof_ms == f->now_ms - 600000);
  feed(f, GCN__INPUT_WEATHER);
  uint64_t retry_ms = left(f, GCN__TIMER_RETRY);
  gcn__session_excuse(&f->session, f->now_ms + 5);
  assert_true(left(f, GCN__TIMER_SILENCE) == GCN__NEVER);
  assert_true(left(f, GCN__TIMER_RETRY) == retry_ms);
}

/* --- failures and proof --------------------------------------------------- */

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

/* A service that announces its end again and again is no faster to come back
 * to than one that just ends. */
static void announced_moves_count_too(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  uint64_t longest_ms = 0;
  for (uint64_t n = 1; n < 12; n++) {
    reach_streaming(f);
    feed(f, GCN__INPUT_MOVING);
    assert_true(f->session.failures == n);
    if (f->session.delay_ms > longest_ms) longest_ms = f->session.delay_ms;
    fire(f);
  }
  assert_true(longest_ms > 10000);
}

static void silence_never_proves_a_stream(void** state) {
  struct fixture* f = *state;
  f->settings.silence_ms = 600000;
  f->settings.probe_ms = 500000;
  reach_streaming(f);
  assert_true(left(f, GCN__TIMER_STABLE) == GCN__NEVER);
  f->now_ms += 400000;
  feed(f, GCN__INPUT_HEARTBEAT);
  /* Proven from the confirmation on, so it is due at once. */
  assert_int_equal(fire(f), GCN__INPUT_STABLE_DUE);
  assert_true(f->session.stable);
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

/* --- what the server asked for -------------------------------------------- */

static void the_servers_wish_is_a_floor_once(void** state) {
  struct fixture* f = *state;
  feed(f, GCN__INPUT_START);
  f->session.asked_ms = 300000;
  feed(f, GCN__INPUT_LIMITED);
  assert_in_range(f->session.delay_ms, 300000, 360000);
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
  feed(f, GCN__INPUT_STEP);
  feed(f, GCN__INPUT_CONFIRMED);
  feed(f, GCN__INPUT_WEATHER);
  assert_in_range(f->session.delay_ms, 0, 1250);
}

/* --- topics --------------------------------------------------------------- */

static void changes_are_debounced_from_the_first(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  feed(f, GCN__INPUT_TOPICS);
  assert_true(left(f, GCN__TIMER_SYNC) == 100);
  f->now_ms += 60;
  feed(f, GCN__INPUT_TOPICS);
  assert_true(left(f, GCN__TIMER_SYNC) == 40);
  f->now_ms += 40;
  enum gcn__input input;
  assert_true(gcn__session_expire(&f->session, f->now_ms, &input));
  struct gcn__step step = feed(f, input);
  assert_int_equal(step.verbs, GCN__VERB_SYNC);
  assert_true(left(f, GCN__TIMER_SYNC) == GCN__NEVER);
}

static void a_failed_sync_is_tried_again(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  feed(f, GCN__INPUT_UNSYNCED);
  assert_in_range(left(f, GCN__TIMER_SYNC), 10000, 12000);
  feed(f, GCN__INPUT_UNSYNCED); /* backs off */
  assert_in_range(left(f, GCN__TIMER_SYNC), 20000, 24000);
  feed(f, GCN__INPUT_SYNCED);
  feed(f, GCN__INPUT_UNSYNCED); /* forgiven by success */
  assert_in_range(left(f, GCN__TIMER_SYNC), 10000, 12000);
  f->session.asked_ms = 42000;
  feed(f, GCN__INPUT_UNSYNCED);
  assert_true(left(f, GCN__TIMER_SYNC) == 42000); /* P7 */
  assert_true(f->session.asked_ms == 0);
  feed(f, GCN__INPUT_TOPICS); /* a change does not jump the queue */
  assert_true(left(f, GCN__TIMER_SYNC) == 42000);
  f->session.asked_ms = UINT64_MAX - 1;
  feed(f, GCN__INPUT_UNSYNCED);
  assert_true(left(f, GCN__TIMER_SYNC) == 86400000); /* clamped */
  assert_state(f, GCN__STATE_STREAMING);
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

static void doubt_keeps_the_proof_where_it_was(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  feed(f, GCN__INPUT_EVENT);
  uint64_t proof_ms = f->session.proof_ms;
  f->now_ms += 60000;
  gcn__session_doubt(&f->session, f->now_ms);
  feed(f, GCN__INPUT_EVENT);
  assert_true(f->session.proof_ms == proof_ms);
  gcn__session_trust(&f->session, f->now_ms - 1); /* asked before the doubt */
  feed(f, GCN__INPUT_EVENT);
  assert_true(f->session.proof_ms == proof_ms);
  gcn__session_trust(&f->session, f->now_ms);
  assert_true(f->session.proof_ms == f->now_ms);
  feed(f, GCN__INPUT_EVENT);
  assert_true(f->session.proof_ms == f->now_ms);
}

static void audits_come_back(void** state) {
  struct fixture* f = *state;
  f->settings.silence_ms = UINT64_C(1) << 40;
  f->settings.probe_ms = UINT64_C(1) << 40;
  reach_streaming(f);
  for (int i = 0; i < 20; i++) {
    assert_in_range(left(f, GCN__TIMER_AUDIT), 1440000, 2160000);
    fire_until(f, GCN__INPUT_AUDIT_DUE);
  }
}

/* --- gaps ----------------------------------------------------------------- */

static void a_gap_spans_all_attempts_between_two_streams(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  f->now_ms += 20000;
  feed(f, GCN__INPUT_EVENT);
  uint64_t proof_ms = f->now_ms;
  f->now_ms += 20000;
  feed(f, GCN__INPUT_BROKEN);
  fire(f);
  feed(f, GCN__INPUT_WEATHER);
  fire(f);
  reach_streaming(f);
  struct gcn__gap gap;
  assert_true(gcn__gaps_end(&f->session.gaps, f->now_ms, &gap));
  assert_true(gap.from_ms == proof_ms - 2000);
  assert_true(gap.to_ms == f->now_ms);
  assert_int_equal(gap.cause, GCN__INPUT_BROKEN);
}

/* --- the edges ------------------------------------------------------------ */

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
  assert_int_equal(step.verbs,
                   GCN__VERB_DROP | GCN__VERB_REJECT | GCN__VERB_FORGET);
  assert_true(step.entered);
  assert_int_equal(step.from, GCN__STATE_STREAMING);
  assert_int_equal(step.to, GCN__STATE_BACKING_OFF);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(begins_idle_with_nothing_armed),
      TEST(idle_acts_on_what_was_wanted_meanwhile),
      TEST(close_wins_for_good),
      TEST(refusal_waits_for_the_user),
      TEST(attempt_has_one_deadline_and_each_phase_its_own),
      TEST(endless_steps_end_with_the_attempt),
      TEST(closing_has_the_close_deadline),
      TEST(due_timers_come_in_order),
      TEST(silence_is_probed_then_condemned),
      TEST(any_sign_of_life_restarts_silence),
      TEST(an_excuse_grants_a_new_term),
      TEST(failures_widen_the_wait),
      TEST(a_mere_connect_forgives_nothing),
      TEST(announced_moves_count_too),
      TEST(silence_never_proves_a_stream),
      TEST(proof_takes_as_long_as_the_last_wait),
      TEST(proof_forgives_and_gives_the_first_window),
      TEST(stubborn_trouble_waits_long),
      TEST(the_servers_wish_is_a_floor_once),
      TEST(a_wish_does_not_outlive_its_answer),
      TEST(changes_are_debounced_from_the_first),
      TEST(a_failed_sync_is_tried_again),
      TEST(a_wish_binds_other_waits_too),
      TEST(doubt_keeps_the_proof_where_it_was),
      TEST(audits_come_back),
      TEST(a_gap_spans_all_attempts_between_two_streams),
      TEST(never_cells_are_our_bug),
      TEST(the_watch_sees_every_input),
      TEST(callers_get_the_verbs_that_are_theirs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
