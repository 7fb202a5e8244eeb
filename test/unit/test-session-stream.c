/* SPDX-License-Identifier: MIT */
/*
 * The session while it streams: silence, proofs, audits, topic changes, and
 * what replaces or ends the stream.
 */
#include "core/session.h"

#include "check.h"
#include "core/gaps.h"
#include "session-case.h"

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
      GCN__INPUT_EVENT,  GCN__INPUT_HEARTBEAT, GCN__INPUT_GARBAGE,
      GCN__INPUT_MOVING, GCN__INPUT_REVOKED,   GCN__INPUT_UNSUBSCRIBED};
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

/* What is announced has not happened yet.  An end that follows counts like any
 * other, so that a service that keeps announcing makes no quick loop. */
static void announcements_end_nothing(void** state) {
  struct fixture* f = *state;
  static const enum gcn__input said[] = {GCN__INPUT_MOVING, GCN__INPUT_REVOKED,
                                         GCN__INPUT_UNSUBSCRIBED};
  feed(f, GCN__INPUT_START);
  uint64_t longest_ms = 0;
  for (uint64_t n = 1; n < 12; n++) {
    reach_streaming(f);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
      assert_false(feed(f, said[i]).entered);
    }
    feed(f, GCN__INPUT_WEATHER);
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

/* A channel that was taken over is asked soon whether it has its topics. */
static void a_taken_over_channel_is_audited_soon(void** state) {
  struct fixture* f = *state;
  f->session.reused = true;
  reach_streaming(f);
  assert_in_range(left(f, GCN__TIMER_AUDIT), 1000, 5000);
  fire_until(f, GCN__INPUT_AUDIT_DUE);
  assert_in_range(left(f, GCN__TIMER_AUDIT), 1440000, 2160000);
}

/* Heartbeats prove that the service reaches us, not that we reach it. */
static void the_way_out_is_proven_however_busy_the_way_in(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  uint64_t proven_ms = f->now_ms;
  for (int i = 0; i < 3; i++) {
    enum gcn__input input = GCN__INPUT_START;
    while (input != GCN__INPUT_PROOF_DUE) {
      f->now_ms += 10000;
      feed(f, GCN__INPUT_HEARTBEAT);
      if (!gcn__session_expire(&f->session, f->now_ms, &input)) continue;
      struct gcn__step step = feed(f, input);
      bool probes = (step.verbs & GCN__VERB_PROBE) != 0;
      assert_int_equal(probes, input == GCN__INPUT_PROOF_DUE);
    }
    proven_ms += 300000;
    assert_true(f->now_ms == proven_ms);
    assert_true(left(f, GCN__TIMER_PROOF) == 300000);
  }
}

static void pings_are_sent_only_if_wanted(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  assert_true(left(f, GCN__TIMER_PING) == GCN__NEVER);
  feed(f, GCN__INPUT_WEATHER);
  fire(f);
  f->settings.ping_ms = 15000;
  reach_streaming(f);
  assert_true(left(f, GCN__TIMER_PING) == 15000);
  assert_int_equal(fire(f), GCN__INPUT_PING_DUE);
  assert_state(f, GCN__STATE_STREAMING);
}

static void a_channel_is_replaced_at_its_time(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  assert_true(left(f, GCN__TIMER_ROTATE) == GCN__NEVER); /* not known */
  feed(f, GCN__INPUT_WEATHER);
  fire(f);
  f->session.rotate_ms = f->now_ms + 20000;
  f->now_ms += 5000;
  reach_streaming(f);
  assert_true(left(f, GCN__TIMER_ROTATE) == 15000);
  f->now_ms += 15000;
  enum gcn__input input;
  assert_true(gcn__session_expire(&f->session, f->now_ms, &input));
  struct gcn__step step = feed(f, input);
  assert_int_equal(input, GCN__INPUT_ROTATE_DUE);
  assert_int_equal(step.verbs, GCN__VERB_ROTATE);
  assert_state(f, GCN__STATE_STREAMING);
  feed(f, GCN__INPUT_WEATHER); /* and one that is over its time, at once */
  fire(f);
  f->now_ms += 100000;
  reach_streaming(f);
  assert_true(left(f, GCN__TIMER_ROTATE) == 0);
}

static void retirement_is_no_failure(void** state) {
  struct fixture* f = *state;
  reach_streaming(f);
  struct gcn__step step = feed(f, GCN__INPUT_RETIRE);
  assert_int_equal(step.verbs, GCN__VERB_LOSE | GCN__VERB_GOODBYE);
  assert_state(f, GCN__STATE_CLOSING);
  assert_true(f->session.failures == 0);
  assert_true(left(f, GCN__TIMER_PHASE) == 2000);
}

/* The ledger is the shard's; what it is told comes from here. */
static void a_gap_spans_all_attempts_between_two_streams(void** state) {
  struct fixture* f = *state;
  struct gcn__gaps gaps = {0};
  struct gcn__gap gap;
  reach_streaming(f);
  f->now_ms += 20000;
  feed(f, GCN__INPUT_EVENT);
  uint64_t proof_ms = f->now_ms;
  f->now_ms += 20000;
  assert_true(feed(f, GCN__INPUT_BROKEN).verbs & GCN__VERB_LOSE);
  gcn__gaps_lose(&gaps, f->session.proof_ms, 2000, GCN__NEVER,
                 GCN__INPUT_BROKEN, &gap);
  fire(f);
  assert_false(feed(f, GCN__INPUT_WEATHER).verbs & GCN__VERB_LOSE);
  fire(f);
  reach_streaming(f);
  assert_true(gcn__gaps_end(&gaps, f->now_ms, &gap));
  assert_true(gap.from_ms == proof_ms - 2000);
  assert_true(gap.to_ms == f->now_ms);
  assert_int_equal(gap.cause, GCN__INPUT_BROKEN);
}

#define TEST(name) cmocka_unit_test_setup(name, session_set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(silence_is_probed_then_condemned),
      TEST(any_sign_of_life_restarts_silence),
      TEST(an_excuse_grants_a_new_term),
      TEST(announcements_end_nothing),
      TEST(silence_never_proves_a_stream),
      TEST(changes_are_debounced_from_the_first),
      TEST(a_failed_sync_is_tried_again),
      TEST(doubt_keeps_the_proof_where_it_was),
      TEST(audits_come_back),
      TEST(a_taken_over_channel_is_audited_soon),
      TEST(the_way_out_is_proven_however_busy_the_way_in),
      TEST(pings_are_sent_only_if_wanted),
      TEST(a_channel_is_replaced_at_its_time),
      TEST(retirement_is_no_failure),
      TEST(a_gap_spans_all_attempts_between_two_streams),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
