/* SPDX-License-Identifier: MIT */
/*
 * Servers that dribble: a byte now and then holds up no phase beyond its
 * deadline, and what dribbles but comes in time is as good as any.
 *
 * That a deadline was met is judged by a timer of the same loop, which a busy
 * machine makes late as well.
 */
#include "behind.h"
#include "gate.h"

#include <stdio.h>
#include <string.h>

enum {
  DEADLINE_MS = 400,
  LENIENT_MS = 100,
  STALL_MS = 25,
  FAST_MS = 15,
  SLOW_MS = DEADLINE_MS - 10,
  CONNECT_REPLY_SIZE = 39, /* the relay's */
};

enum phase {
  PHASE_CONNECT,
  PHASE_TLS,
  PHASE_TOKEN,
  PHASE_CHUNKS,
  PHASE_CHANNEL,
  PHASE_TOPICS,
  PHASE_UPGRADE,
  PHASE_FRAME,
  PHASE_MESSAGE,
  PHASE_CONTROL,
  PHASE_CLOSE,
};

/* A token that comes in chunks of a byte; more of them than a deadline has time
 * for. */
static const char chunks[] =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "1\r\n{\r\n1\r\n\"\r\n1\r\na\r\n1\r\nc\r\n1\r\nc\r\n1\r\ne\r\n1\r\ns\r\n";

struct stage {
  struct behind behind; /* first: callbacks cast */
  enum phase phase;
  struct relay relay;  /* a proxy ... */
  struct gate gate;    /* ... or a login host ... */
  struct fault before; /* ... with a fault proxy before it */
  uv_timer_t judge;
  uint64_t judge_due_ms;
  bool late;
};

static bool has_before(const struct stage* stage) {
  return stage->phase == PHASE_CONNECT || stage->phase == PHASE_CHUNKS;
}

static bool is_tunnelled(const struct stage* stage) {
  return stage->phase == PHASE_CONNECT;
}

static void open_stage(struct stage* stage, uv_loop_t* loop, enum phase phase) {
  struct behind* behind = &stage->behind;
  behind_open(behind, loop, phase == PHASE_TLS);
  stage->phase = phase;
  stage->late = false;
  uv_timer_init(loop, &stage->judge);
  if (phase == PHASE_CHUNKS) {
    gate_open(&stage->gate, loop, "");
    stage->gate.reply = chunks;
    stage->gate.then = GATE_WAITS;
    fault_open(&stage->before, loop, stage->gate.port);
    behind->options.login_url = stage->before.url;
  }
  if (!is_tunnelled(stage)) return;
  relay_open(&stage->relay, loop);
  fault_open(&stage->before, loop, stage->relay.port);
  behind->options.proxy = stage->before.url;
  behind->options.no_proxy = "";
}

static void close_stage(struct stage* stage) {
  if (!stage->behind.user.closed) user_finish(&stage->behind.user);
  harness_close((uv_handle_t*)&stage->judge);
  if (has_before(stage)) fault_close(&stage->before);
  if (stage->phase == PHASE_CHUNKS) gate_close(&stage->gate);
  if (is_tunnelled(stage)) relay_close(&stage->relay);
  fault_close(&stage->behind.fault);
  service_close(&stage->behind.service);
  if (stage->behind.tls) secure_close(&stage->behind.secure);
}

static void begin_judge(struct stage* stage, uint64_t delay_ms);

/* If the loop stood still, the client looks at what lies unread before it
 * judges, and gets the time for it. */
static void on_late(uv_timer_t* timer) {
  struct stage* stage = timer->data;
  uv_update_time(timer->loop);
  uint64_t late_ms = uv_now(timer->loop) - stage->judge_due_ms;
  stage->late = late_ms < STALL_MS;
  if (!stage->late) begin_judge(stage, LENIENT_MS);
}

static void begin_judge(struct stage* stage, uint64_t delay_ms) {
  uv_update_time(stage->behind.loop);
  stage->judge.data = stage;
  stage->judge_due_ms = uv_now(stage->behind.loop) + delay_ms;
  uv_timer_start(&stage->judge, on_late, delay_ms, 0);
}

/* The phase begins now. */
static void start_judge(struct stage* stage) {
  begin_judge(stage, DEADLINE_MS + LENIENT_MS);
}

static void await_state(struct stage* stage, gcn_state_t wanted) {
  while (stage->behind.user.state != wanted)
    uv_run(stage->behind.loop, UV_RUN_ONCE);
}

/* A rule for the bytes of the phase; the first two connections are those to
 * the login host and the API, the third is the stream's. */
static void add_rule(struct stage* stage, const char* pace) {
  static const char* const connections[] = {
      [PHASE_CONNECT] = " conn=1", [PHASE_TLS] = " conn=1",
      [PHASE_TOKEN] = " conn=1",   [PHASE_CHUNKS] = " conn=1",
      [PHASE_CHANNEL] = " conn=2", [PHASE_TOPICS] = " conn=2",
      [PHASE_UPGRADE] = " conn=3", [PHASE_FRAME] = " conn=3",
      [PHASE_MESSAGE] = " conn=3", [PHASE_CONTROL] = " conn=3",
      [PHASE_CLOSE] = " conn=3"};
  char rule[128];
  snprintf(rule, sizeof rule, "down %s%s", pace, connections[stage->phase]);
  fault_rule(has_before(stage) ? &stage->before : &stage->behind.fault, rule);
}

/* Up to where the phase begins. */
static void reach(struct stage* stage) {
  struct behind* behind = &stage->behind;
  switch (stage->phase) {
  case PHASE_CONNECT:
  case PHASE_TLS: behind_begin(behind); break;
  case PHASE_TOKEN:
  case PHASE_CHUNKS:
    behind_begin(behind);
    await_state(stage, GCN_AUTHENTICATING);
    break;
  case PHASE_CHANNEL:
  case PHASE_UPGRADE:
    behind_begin(behind);
    await_state(stage, GCN_SUBSCRIBING);
    break;
  case PHASE_TOPICS:
    behind_begin(behind);
    while (service_counters(&behind->service).sockets == 0)
      uv_run(behind->loop, UV_RUN_ONCE);
    break;
  case PHASE_FRAME:
  case PHASE_MESSAGE:
  case PHASE_CONTROL:
  case PHASE_CLOSE:
  default: behind_stream(behind); break;
  }
}

/* What makes the server say something in the phase. */
static void provoke(struct stage* stage) {
  struct behind* behind = &stage->behind;
  if (stage->phase == PHASE_MESSAGE) {
    service_do(&behind->service, "ws.fragment 40");
  }
  if (stage->phase == PHASE_FRAME || stage->phase == PHASE_MESSAGE) {
    behind_emit(behind, 1);
  }
  if (stage->phase == PHASE_CONTROL) {
    service_do(&behind->service, "ws.ping 1");
  }
  if (stage->phase == PHASE_CLOSE) user_close(&behind->user);
}

static bool is_before_stream(enum phase phase) {
  return phase < PHASE_FRAME;
}

static gcn_op_t op_of(enum phase phase) {
  switch (phase) {
  case PHASE_CONNECT:
  case PHASE_TLS:
  case PHASE_TOKEN:
  case PHASE_CHUNKS: return GCN_OP_TOKEN;
  case PHASE_CHANNEL: return GCN_OP_CHANNEL;
  case PHASE_TOPICS: return GCN_OP_TOPICS;
  case PHASE_UPGRADE: return GCN_OP_UPGRADE;
  case PHASE_FRAME:
  case PHASE_MESSAGE:
  case PHASE_CONTROL:
  case PHASE_CLOSE:
  default: return GCN_OP_STREAM;
  }
}

static void expect_end(struct stage* stage) {
  struct user* user = &stage->behind.user;
  if (stage->phase == PHASE_CLOSE) {
    harness_until(stage->behind.loop, &user->closed);
    assert_false(stage->late);
    return;
  }
  int error = behind_await_failure(&stage->behind);
  assert_false(stage->late);
  assert_int_equal(error,
                   is_before_stream(stage->phase) ? GCN_EPHASE : GCN_ESILENT);
  assert_int_equal(user->failure_op, op_of(stage->phase));
  assert_int_equal(user->counts[USER_EVENT], 0);
}

struct row {
  enum phase phase;
  unsigned delay_ms; /* 0: it comes in time */
  unsigned at;       /* the first byte that dribbles */
};

static void dribble(uv_loop_t* loop, const struct row* row) {
  static struct stage stage;
  enum phase phase = row->phase;
  char pace[64];
  open_stage(&stage, loop, phase);
  gcn_options_t* options = &stage.behind.options;
  snprintf(pace, sizeof pace, "trickle delay=%ums at=%u", row->delay_ms,
           row->at);
  if (is_before_stream(phase)) options->phase_ms = DEADLINE_MS;
  options->silence_ms = DEADLINE_MS;
  options->probe_ms = DEADLINE_MS / 2;
  options->close_ms = DEADLINE_MS;
  bool later = phase == PHASE_TOPICS || !is_before_stream(phase);
  if (!later) add_rule(&stage, pace);
  reach(&stage);
  if (later) add_rule(&stage, pace);
  start_judge(&stage);
  provoke(&stage);
  expect_end(&stage);
  uv_timer_stop(&stage.judge);
  /* The next connections are good ones. */
  bool recovers = phase != PHASE_CLOSE && phase != PHASE_CHUNKS;
  if (recovers) behind_await_stream(&stage.behind);
  close_stage(&stage);
}

/* A stream with all that there is, up to IDLE. */
static void live(struct stage* stage, const char* pace,
                 char out[BEHIND_TRACE_SIZE]) {
  struct behind* behind = &stage->behind;
  bool later = !is_before_stream(stage->phase);
  if (pace != NULL && !later) add_rule(stage, pace);
  behind_stream(behind);
  if (pace != NULL && later) add_rule(stage, pace);
  behind_emit(behind, 2);
  service_await_events(&behind->user, 2);
  service_do(&behind->service, "ws.fragment 3");
  behind_emit(behind, 1);
  service_do(&behind->service, "ws.ping 2");
  service_await_events(&behind->user, 3);
  service_do(&behind->service, "ws.close 1001 \"going away\"");
  harness_until(behind->loop, &behind->user.backing_off);
  harness_until(behind->loop, &behind->user.streaming);
  gcn_client_stop(behind->user.client);
  harness_until(behind->loop, &behind->user.idle);
  memcpy(out, behind->trace, BEHIND_TRACE_SIZE);
}

/* In pieces, with the bytes of the phase a millisecond apart. */
static void in_time(uv_loop_t* loop, enum phase phase) {
  static struct stage stage;
  static char good[BEHIND_TRACE_SIZE];
  static char slow[BEHIND_TRACE_SIZE];
  const char* pace =
      phase == PHASE_TLS ? "slice size=16 delay=1ms" : "slice size=4 delay=1ms";
  if (phase == PHASE_CONNECT) pace = "slice size=2 delay=1ms";
  open_stage(&stage, loop, phase);
  live(&stage, NULL, good);
  close_stage(&stage);
  open_stage(&stage, loop, phase);
  live(&stage, pace, slow);
  assert_true(
      fault_fired(is_tunnelled(&stage) ? &stage.before : &stage.behind.fault,
                  0) > 0);
  close_stage(&stage);
  assert_non_null(strstr(good, "event 3"));
  assert_string_equal(slow, good);
}

static void test_row(void** state) {
  const struct row* row = *state;
  void* loop;
  assert_int_equal(harness_setup(&loop), 0);
  if (row->delay_ms > 0) {
    dribble(loop, row);
  } else {
    in_time(loop, row->phase);
  }
  assert_int_equal(harness_teardown(&loop), 0);
}

#define FAST(phase)                                                            \
  { phase, FAST_MS, 0 }
#define SLOW(phase)                                                            \
  { phase, SLOW_MS, 0 }
#define FROM(phase, at)                                                        \
  { phase, FAST_MS, at }
#define GOOD(phase)                                                            \
  { phase, 0, 0 }

static struct {
  const char* name;
  struct row row;
} rows[] = {
    {"S6-01 a CONNECT reply, byte by byte", FAST(PHASE_CONNECT)},
    {"S6-02 a CONNECT reply, a byte per deadline", SLOW(PHASE_CONNECT)},
    {"S6-03 a TLS handshake, byte by byte", FAST(PHASE_TLS)},
    {"S6-04 a TLS handshake, a byte per deadline", SLOW(PHASE_TLS)},
    {"S6-05 a token, byte by byte", FAST(PHASE_TOKEN)},
    {"S6-06 a token, a byte per deadline", SLOW(PHASE_TOKEN)},
    {"S6-07 a channel, byte by byte", FAST(PHASE_CHANNEL)},
    {"S6-08 a channel, a byte per deadline", SLOW(PHASE_CHANNEL)},
    {"S6-09 topics, byte by byte", FAST(PHASE_TOPICS)},
    {"S6-10 topics, a byte per deadline", SLOW(PHASE_TOPICS)},
    {"S6-11 an upgrade, byte by byte", FAST(PHASE_UPGRADE)},
    {"S6-12 an upgrade, a byte per deadline", SLOW(PHASE_UPGRADE)},
    {"S6-13 a frame, byte by byte", FAST(PHASE_FRAME)},
    {"S6-14 a frame, a byte per deadline", SLOW(PHASE_FRAME)},
    {"S6-15 fragments, byte by byte", FAST(PHASE_MESSAGE)},
    {"S6-16 fragments, a byte per deadline", SLOW(PHASE_MESSAGE)},
    {"S6-17 a close frame, byte by byte", FAST(PHASE_CLOSE)},
    {"S6-18 a close frame, a byte per deadline", SLOW(PHASE_CLOSE)},
    /* The status line has 17 bytes, the token's head about 180. */
    {"S6-05 a token's headers", FROM(PHASE_TOKEN, 17)},
    {"S6-05 a token's body", FROM(PHASE_TOKEN, 180)},
    {"S6-05 a token in chunks", FROM(PHASE_CHUNKS, 47)},
    {"S6-13 a frame's payload", FROM(PHASE_FRAME, 10)},
    {"S6-15 a ping", {PHASE_CONTROL, 40, 0}}, /* of 15 bytes */
    {"in time: a CONNECT reply", GOOD(PHASE_CONNECT)},
    {"in time: a TLS handshake", GOOD(PHASE_TLS)},
    {"in time: a token", GOOD(PHASE_TOKEN)},
    {"in time: a channel and topics", GOOD(PHASE_CHANNEL)},
    {"in time: an upgrade and all that follows", GOOD(PHASE_UPGRADE)},
    {"in time: frames, fragments, pings and a close", GOOD(PHASE_FRAME)},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

int main(void) {
  struct CMUnitTest tests[ROWS];
  for (size_t i = 0; i < ROWS; i++) {
    tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                   .test_func = test_row,
                                   .initial_state = &rows[i].row};
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
