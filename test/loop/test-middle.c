/* SPDX-License-Identifier: MIT */
/*
 * What happens on the way, on real sockets: the rows of the fault catalogue
 * that a fault proxy can show.  Each case is named by its row.
 */
#include "behind.h"

#include "unit/mem-probe.h"

#include <stdio.h>
#include <string.h>

enum { PHASE_MS = 300, SLACK_MS = 100 };

static uint64_t clock_ms(const struct behind* behind) {
  uv_update_time(behind->loop);
  return uv_now(behind->loop);
}

/* A failure that is weather: told, and the next attempt works. */
static void expect_retry(struct behind* behind) {
  assert_true(behind->user.failure_text[0] != '\0');
  behind_await_stream(behind);
  unsigned events = behind->user.counts[USER_EVENT];
  behind_emit(behind, 3);
  service_await_events(&behind->user, events + 3);
}

static void test_t04(void** state) {
  for (int tls = 0; tls < 2; tls++) {
    struct behind behind;
    behind_open(&behind, *state, tls != 0);
    fault_rule(&behind.fault, "both reset conn=1");
    behind_begin(&behind);
    int error = behind_await_failure(&behind);
    assert_true(error == UV_ECONNRESET || error == UV_EPIPE);
    assert_true(fault_fired(&behind.fault, 0) > 0);
    expect_retry(&behind);
    assert_false(behind.user.any_gap); /* there was no stream to miss any of */
    behind_close(&behind);
  }
}

static void test_t05(void** state) {
  for (int tls = 0; tls < 2; tls++) {
    struct behind behind;
    behind_open(&behind, *state, tls != 0);
    behind_stream(&behind);
    behind_emit(&behind, 2);
    service_await_events(&behind.user, 2);
    behind_rule_now(&behind, "down reset at=40");
    behind_emit(&behind, 1); /* 40 bytes of it come */
    int error = behind_await_failure(&behind);
    /* libuv calls a reset an end if the last read was a short one. */
    assert_true(error == UV_ECONNRESET || error == UV_EOF);
    assert_int_equal(behind.user.counts[USER_EVENT], 2);
    expect_retry(&behind);
    assert_true(behind.user.any_gap);
    behind_close(&behind);
  }
}

struct deaf {
  struct behind behind;
  struct mem_probe probe;
  size_t live_size; /* when the stream began */
  size_t live_size_max;
};

/* A stream whose peer, from now on, takes nothing of what is sent to it. */
static void open_deaf(struct deaf* deaf, uv_loop_t* loop,
                      uint64_t patience_ms) {
  struct behind* behind = &deaf->behind;
  memset(&deaf->probe, 0, sizeof deaf->probe);
  behind_open(behind, loop, false);
  behind->options.user_timeout_ms = patience_ms;
  behind->options.alloc_cb = mem_probe_resize;
  behind->options.alloc_data = &deaf->probe;
}

static void go_deaf(struct deaf* deaf) {
  behind_stream(&deaf->behind);
  behind_rule_now(&deaf->behind, "up limit");
  deaf->live_size = deaf->live_size_max = deaf->probe.live_size;
}

/* Pongs are what the client has to say. */
static void ping(struct deaf* deaf) {
  service_do(&deaf->behind.service, "ws.ping 1");
  behind_live(&deaf->behind, 1);
  size_t live_size = deaf->probe.live_size;
  if (live_size > deaf->live_size_max) deaf->live_size_max = live_size;
}

static void close_deaf(struct deaf* deaf) {
  assert_true(deaf->live_size_max - deaf->live_size < 8192);
  behind_await_stream(&deaf->behind);
  behind_close(&deaf->behind);
  assert_int_equal(deaf->probe.live_size, 0);
}

/* The kernel gives up on bytes that nobody takes. */
static void test_t15(void** state) {
  struct deaf deaf;
  open_deaf(&deaf, *state, 400);
  go_deaf(&deaf);
  for (int i = 0; i < 400; i++)
    ping(&deaf);
  assert_int_equal(behind_await_failure(&deaf.behind), UV_ETIMEDOUT);
  close_deaf(&deaf);
}

static bool is_broken(const struct deaf* deaf) {
  return (deaf->behind.user.seen & 1u << GCN_BACKING_OFF) != 0;
}

/* Whether the stream lived while the peer spoke.  The peer is on our loop:
 * where that stood still, so did the peer. */
static bool speak(struct deaf* deaf, uint64_t patience_ms) {
  struct behind* behind = &deaf->behind;
  struct beat beat;
  beat_begin(&beat, behind->loop);
  for (unsigned i = 1; i <= 800 && !is_broken(deaf); i++) {
    ping(deaf);
    if (i % 8 == 0) behind_emit(behind, 1);
  }
  while (behind->user.counts[USER_EVENT] < 100 && !is_broken(deaf))
    uv_run(behind->loop, UV_RUN_ONCE);
  beat_end(&beat);
  if (!is_broken(deaf)) return true;
  assert_true(beat.longest_ms > patience_ms / 4);
  return false;
}

/* It does not while the peer goes on to speak, because each segment counts as
 * news; then events come as before, and what we have to say does not pile
 * up. */
static void test_t15_speaks(void** state) {
  struct deaf deaf;
  bool lived = false;
  for (uint64_t ms = 400; ms <= 3200 && !lived; ms *= 2) {
    open_deaf(&deaf, *state, ms);
    go_deaf(&deaf);
    lived = speak(&deaf, ms);
    if (!lived) close_deaf(&deaf);
  }
  assert_true(lived);
  /* The longer that took, the later the kernel probes again: on a slow machine
   * our own limit of silence may come first. */
  int error = behind_await_failure(&deaf.behind);
  bool slow = harness_slowness() > 1 && error == GCN_ESILENT;
  assert_true(error == UV_ETIMEDOUT || slow);
  close_deaf(&deaf);
}

/* The trace of a stream with events, made with this rule. */
static void run_trace(uv_loop_t* loop, const char* rule, bool tls,
                      char out[BEHIND_TRACE_SIZE]) {
  struct behind behind;
  behind_open(&behind, loop, tls);
  if (rule != NULL) fault_rule(&behind.fault, rule);
  behind_stream(&behind);
  behind_emit(&behind, 5);
  service_await_events(&behind.user, 5);
  service_do(&behind.service, "ws.fragment 3");
  behind_emit(&behind, 1);
  service_do(&behind.service, "ws.ping 2");
  service_await_events(&behind.user, 6);
  service_do(&behind.service, "ws.close 1001 \"going away\"");
  harness_until(loop, &behind.user.backing_off);
  harness_until(loop, &behind.user.streaming);
  gcn_client_stop(behind.user.client);
  harness_until(loop, &behind.user.idle);
  memcpy(out, behind.trace, BEHIND_TRACE_SIZE);
  behind_close(&behind);
}

static void test_t16(void** state) {
  char whole[BEHIND_TRACE_SIZE];
  char sliced[BEHIND_TRACE_SIZE];
  for (int tls = 0; tls < 2; tls++) {
    run_trace(*state, NULL, tls != 0, whole);
    assert_non_null(strstr(whole, "event 6"));
    run_trace(*state, "both slice size=1", tls != 0, sliced);
    assert_string_equal(sliced, whole);
  }
}

/* Begins with the rule, and expects the phase's deadline to end it. */
static void expect_phase(struct behind* behind, const char* rule,
                         gcn_layer_t layer) {
  struct beat beat;
  uint64_t phase_ms = PHASE_MS * harness_slowness();
  behind->options.phase_ms = phase_ms;
  fault_rule(&behind->fault, rule);
  uint64_t begun_ms = clock_ms(behind);
  beat_begin(&beat, behind->loop);
  behind_begin(behind);
  assert_int_equal(behind_await_failure(behind), GCN_EPHASE);
  /* Two phases at the most: one to get there, and one that drags on. What else
   * passed was a loop that stood still, and that is measured, not guessed. */
  uint64_t took_ms = clock_ms(behind) - begun_ms;
  assert_in_range(took_ms, phase_ms, 2 * phase_ms + SLACK_MS + beat_end(&beat));
  assert_int_equal(behind->user.failure_layer, layer);
  expect_retry(behind);
}

static void test_h14(void** state) {
  /* The first connection is the login's. */
  static const char* const rules[] = {"down trickle delay=50ms conn=1",
                                      "down trickle delay=50ms conn=2",
                                      "down trickle delay=250ms conn=1"};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    struct behind behind;
    behind_open(&behind, *state, false);
    expect_phase(&behind, rules[i], GCN_LAYER_HTTP);
    behind_close(&behind);
  }
}

static void test_l02(void** state) {
  static const char* const rules[] = {"down trickle delay=5ms conn=1",
                                      "down trickle delay=250ms conn=1"};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    struct behind behind;
    behind_open(&behind, *state, true);
    expect_phase(&behind, rules[i], GCN_LAYER_TLS);
    behind_close(&behind);
  }
}

/* A byte of a record changes on the way; then an alert comes from nowhere. */
static void test_l13(void** state) {
  static const char* const rules[] = {"down corrupt at=30",
                                      "down inject hex=15030300020228"};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    struct behind behind;
    behind_open(&behind, *state, true);
    behind_stream(&behind);
    behind_emit(&behind, 2);
    service_await_events(&behind.user, 2);
    behind_rule_now(&behind, rules[i]);
    behind_emit(&behind, 1);
    assert_int_equal(behind_await_failure(&behind), GCN_ETLS);
    assert_int_equal(behind.user.failure_layer, GCN_LAYER_TLS);
    assert_int_equal(behind.user.counts[USER_EVENT], 2);
    expect_retry(&behind);
    assert_true(behind.user.any_gap);
    behind_close(&behind);
  }
}

#define ROW(text, function)                                                    \
  { text, function, harness_setup, harness_teardown, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      ROW("T04 a reset right after accept", test_t04),
      ROW("T05 a reset in mid-message", test_t05),
      ROW("T15 a peer that never reads", test_t15),
      ROW("T15 a peer that never reads, but speaks", test_t15_speaks),
      ROW("T16 every read and write is one byte", test_t16),
      ROW("H14 an answer of one byte at a time", test_h14),
      ROW("L02 a trickled handshake", test_l02),
      ROW("L13 a bad record or a fatal alert mid-stream", test_l13),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
