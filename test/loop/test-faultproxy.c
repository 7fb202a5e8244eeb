/* SPDX-License-Identifier: MIT */
/*
 * Every rule of the fault proxy on real sockets: what comes through is compared
 * byte by byte, and so is how it ends.
 */
#include "ends.h"

#include <stdio.h>
#include <string.h>

enum { SOME = 5000, MUCH = 700000 };

static uint64_t clock_ms(const struct ends* ends) {
  uv_update_time(ends->loop);
  return uv_now(ends->loop);
}

static void open_with(struct ends* ends, uv_loop_t* loop, const char* rule) {
  ends_open(ends, loop);
  if (rule != NULL) fault_rule(&ends->fault, rule);
  ends_dial(ends);
  ends_meet(ends);
}

static void on_live(uv_timer_t* timer) {
  *(bool*)timer->data = true;
}

static void live(struct ends* ends, uint64_t duration_ms) {
  uv_timer_t timer;
  bool over = false;
  uv_update_time(ends->loop);
  uv_timer_init(ends->loop, &timer);
  timer.data = &over;
  uv_timer_start(&timer, on_live, duration_ms, 0);
  harness_until(ends->loop, &over);
  harness_close((uv_handle_t*)&timer);
}

static void await_none(struct ends* ends) {
  while (fault_counters(&ends->fault).open > 0)
    uv_run(ends->loop, UV_RUN_ONCE);
}

/* Without rules all comes through, both ways, and so do the ends. */
static void test_faithful(void** state) {
  struct ends ends;
  open_with(&ends, *state, NULL);
  end_send(ends.client, 0, MUCH);
  end_send(ends.server, 0, MUCH);
  end_shut(ends.client);
  end_await_end(&ends, ends.server);
  assert_int_equal(ends.server->error, UV_EOF);
  end_expect(ends.server, MUCH);
  end_await(&ends, ends.client, MUCH);
  assert_false(ends.client->ended); /* half closed */
  end_shut(ends.server);
  end_await_end(&ends, ends.client);
  assert_int_equal(ends.client->error, UV_EOF);
  end_expect(ends.client, MUCH);
  await_none(&ends);
  struct gcn__faultproxy_counters counters = fault_counters(&ends.fault);
  assert_int_equal(counters.connections, 1);
  assert_int_equal(counters.up_in, MUCH);
  assert_int_equal(counters.up_out, MUCH);
  assert_int_equal(counters.down_in, MUCH);
  assert_int_equal(counters.down_out, MUCH);
  ends_close(&ends);
}

static void test_resets_go_through(void** state) {
  struct ends ends;
  for (int up = 0; up < 2; up++) {
    open_with(&ends, *state, NULL);
    struct end* from = up ? ends.client : ends.server;
    struct end* to = up ? ends.server : ends.client;
    end_send(from, 0, 100);
    end_await(&ends, to, 100);
    end_reset(from);
    end_await_end(&ends, to);
    assert_int_equal(to->error, UV_ECONNRESET);
    await_none(&ends);
    ends_close(&ends);
  }
}

static void test_no_upstream(void** state) {
  struct ends ends;
  ends_open(&ends, *state);
  struct fault fault;
  struct ends other;
  ends_open(&other, *state);
  uint16_t port = other.port;
  ends_close(&other); /* nobody listens there now */
  fault_close(&ends.fault);
  fault_open(&fault, *state, port);
  ends.fault = fault;
  ends_dial(&ends);
  end_await_end(&ends, ends.client);
  assert_int_equal(fault_counters(&ends.fault).unreached, 1);
  assert_int_equal(fault_counters(&ends.fault).open, 0);
  ends_close(&ends);
}

static void test_latency(void** state) {
  struct ends ends;
  open_with(&ends, *state, "up latency delay=300ms jitter=20ms");
  uint64_t begun_ms = clock_ms(&ends);
  end_send(ends.client, 0, SOME);
  end_send(ends.server, 0, SOME);
  end_await(&ends, ends.client, SOME);
  assert_int_equal(ends.server->size, 0); /* down is not concerned */
  end_await(&ends, ends.server, SOME);
  assert_in_range(clock_ms(&ends) - begun_ms, 279, 10000);
  end_shut(ends.client);
  end_await_end(&ends, ends.server);
  end_expect(ends.server, SOME);
  ends_close(&ends);
}

static void test_bandwidth(void** state) {
  struct ends ends;
  open_with(&ends, *state, "down bandwidth rate=50000");
  uint64_t begun_ms = clock_ms(&ends);
  end_send(ends.server, 0, 10000);
  end_await(&ends, ends.client, 10000);
  assert_in_range(clock_ms(&ends) - begun_ms, 150, 10000);
  end_expect(ends.client, 10000);
  ends_close(&ends);
}

static void test_slices(void** state) {
  struct ends ends;
  open_with(&ends, *state, "both slice size=1");
  end_send(ends.server, 0, 1000);
  end_send(ends.client, 0, 1000);
  end_await(&ends, ends.client, 1000);
  end_await(&ends, ends.server, 1000);
  assert_int_equal(ends.client->reads_count, 1000); /* every read is one byte */
  assert_int_equal(ends.server->reads_count, 1000);
  end_expect(ends.client, 1000);
  end_expect(ends.server, 1000);
  ends_close(&ends);
  open_with(&ends, *state, "down slice size=100 vary=99 delay=2ms at=50");
  end_send(ends.server, 0, SOME);
  end_await(&ends, ends.client, SOME);
  assert_int_equal(ends.client->sizes[0], 50); /* whole up to there */
  for (size_t i = 1; i < ends.client->reads_count; i++)
    assert_in_range(ends.client->sizes[i], 1, 199);
  end_expect(ends.client, SOME);
  ends_close(&ends);
}

static void test_trickle(void** state) {
  struct ends ends;
  open_with(&ends, *state, "down trickle delay=10ms");
  fault_rule(&ends.fault,
             "down slice size=100000 at=12"); /* and then it ends */
  uint64_t begun_ms = clock_ms(&ends);
  end_send(ends.server, 0, 1000);
  end_await(&ends, ends.client, 1000);
  for (size_t i = 0; i < 12; i++)
    assert_int_equal(ends.client->sizes[i], 1);
  assert_in_range(ends.client->times[11] - begun_ms, 110, 10000);
  assert_int_equal(ends.client->sizes[12], 988);
  end_expect(ends.client, 1000);
  ends_close(&ends);
}

static void test_slow_close(void** state) {
  struct ends ends;
  open_with(&ends, *state, "up slow-close delay=100ms");
  end_send(ends.client, 0, SOME);
  uint64_t begun_ms = clock_ms(&ends);
  end_shut(ends.client);
  end_await(&ends, ends.server, SOME);
  end_await_end(&ends, ends.server);
  assert_in_range(clock_ms(&ends) - begun_ms, 100, 10000);
  assert_int_equal(ends.server->error, UV_EOF);
  ends_close(&ends);
}

/* Sends SOME bytes in three pieces and ends, then compares what came. */
static void expect_changed(uv_loop_t* loop, const char* rule, const char* want,
                           size_t size) {
  struct ends ends;
  open_with(&ends, loop, rule);
  end_send(ends.client, 0, 7);
  end_await(&ends, ends.server, 7);
  end_send(ends.client, 7, 1000);
  end_send(ends.client, 1007, SOME - 1007);
  end_shut(ends.client);
  end_await_end(&ends, ends.server);
  assert_int_equal(ends.server->error, UV_EOF);
  assert_int_equal(ends.server->size, size);
  assert_memory_equal(ends.server->bytes, want, size);
  /* The other direction is as it was. */
  end_send(ends.server, 0, SOME);
  end_await(&ends, ends.client, SOME);
  end_expect(ends.client, SOME);
  ends_close(&ends);
}

static void test_corrupt(void** state) {
  static const struct {
    const char* rule;
    size_t at;
    unsigned char mask;
  } cases[] = {
      {"up corrupt", 0, 0xff},
      {"up corrupt at=6 mask=01", 6, 0x01},
      {"up corrupt at=7", 7, 0xff},
      {"up corrupt at=4999 mask=80", SOME - 1, 0x80},
      {"up corrupt at=5000", SOME, 0xff}, /* beyond the end */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char want[SOME + 1];
    end_fill(want, 0, sizeof want);
    want[cases[i].at] =
        (char)((unsigned char)want[cases[i].at] ^ cases[i].mask);
    expect_changed(*state, cases[i].rule, want, SOME);
  }
}

/* `size` bytes from `at` on, put in at `to`. */
static void expect_insert(uv_loop_t* loop, const char* rule, size_t to,
                          const char* extra, size_t size) {
  char want[SOME * 3];
  end_fill(want, 0, to);
  memcpy(want + to, extra, size);
  end_fill(want + to + size, to, SOME - to);
  expect_changed(loop, rule, want, SOME + size);
}

static void test_duplicate(void** state) {
  char all[SOME];
  end_fill(all, 0, sizeof all);
  expect_insert(*state, "up duplicate size=1", 1, all, 1);
  expect_insert(*state, "up duplicate at=5 size=10", 15, all + 5, 10);
  expect_insert(*state, "up duplicate at=7 size=4993", SOME, all + 7, 4993);
  expect_insert(*state, "up duplicate at=4999 size=1", SOME, all + 4999, 1);
  /* Beyond the end, and so never whole. */
  expect_insert(*state, "up duplicate at=4999 size=2", SOME, all, 0);
  expect_insert(*state, "up duplicate at=9000 size=2", SOME, all, 0);
}

static void test_inject(void** state) {
  expect_insert(*state, "up inject text=\"HTTP/1.1 200\\r\\n\"", 0,
                "HTTP/1.1 200\r\n", 14);
  expect_insert(*state, "up inject at=7 hex=00ff10", 7, "\0\xff\x10", 3);
  expect_insert(*state, "up inject at=1500 hex=41", 1500, "A", 1);
  expect_insert(*state, "up inject at=5000 hex=41", SOME, "A", 1);
  expect_insert(*state, "up inject at=5001 hex=41", SOME, "A", 0);
}

/* Bytes before the first one do not wait for it. */
static void test_inject_at_once(void** state) {
  struct ends ends;
  open_with(&ends, *state, "down inject text=\"hello\"");
  end_await(&ends, ends.client, 5);
  assert_memory_equal(ends.client->bytes, "hello", 5);
  ends_close(&ends);
}

static const struct {
  size_t at;
  const char* text;
} ends_at[] = {{0, "0"}, {1, "1"}, {7, "7"}, {3000, "3000"}, {5000, "5000"}};

static void format_rule(char out[64], const char* before, size_t i) {
  snprintf(out, 64, "%s at=%s", before, ends_at[i].text);
}

/* Both get a reset, and the receiver each byte before it. */
static void test_reset(void** state) {
  for (size_t i = 0; i < sizeof ends_at / sizeof ends_at[0]; i++) {
    struct ends ends;
    char rule[64];
    format_rule(rule, "down reset", i);
    ends_open(&ends, *state);
    fault_rule(&ends.fault, rule);
    ends_dial(&ends);
    if (ends_at[i].at > 0) ends_meet(&ends);
    if (ends_at[i].at > 0) end_send(ends.server, 0, SOME);
    end_await_end(&ends, ends.client);
    assert_int_equal(ends.client->error, UV_ECONNRESET);
    end_expect(ends.client, ends_at[i].at);
    if (ends_at[i].at > 0) end_await_end(&ends, ends.server);
    if (ends_at[i].at > 0) {
      assert_int_equal(ends.server->error, UV_ECONNRESET);
    }
    assert_int_equal(fault_fired(&ends.fault, 0), 1);
    ends_close(&ends);
  }
}

/* Both get a FIN. */
static void test_cut(void** state) {
  for (size_t i = 0; i < sizeof ends_at / sizeof ends_at[0]; i++) {
    struct ends ends;
    char rule[64];
    format_rule(rule, "up cut", i);
    open_with(&ends, *state, rule);
    end_send(ends.client, 0, SOME);
    end_await_end(&ends, ends.server);
    end_await_end(&ends, ends.client);
    assert_int_equal(ends.server->error, UV_EOF);
    assert_int_equal(ends.client->error, UV_EOF);
    end_expect(ends.server, ends_at[i].at);
    end_shut(ends.client);
    end_shut(ends.server);
    await_none(&ends);
    ends_close(&ends);
  }
}

/* One direction ends, the other goes on. */
static void test_half_close(void** state) {
  for (size_t i = 0; i < sizeof ends_at / sizeof ends_at[0]; i++) {
    struct ends ends;
    char rule[64];
    format_rule(rule, "down half-close", i);
    open_with(&ends, *state, rule);
    end_send(ends.server, 0, SOME);
    end_await_end(&ends, ends.client);
    assert_int_equal(ends.client->error, UV_EOF);
    end_expect(ends.client, ends_at[i].at);
    end_send(ends.client, 0, MUCH);
    end_await(&ends, ends.server, MUCH);
    end_expect(ends.server, MUCH);
    end_shut(ends.client);
    end_await_end(&ends, ends.server);
    end_shut(ends.server);
    await_none(&ends);
    ends_close(&ends);
  }
}

/* Nothing comes any more, not even the end; the sender does not notice. */
static void test_blackhole(void** state) {
  for (size_t i = 0; i < sizeof ends_at / sizeof ends_at[0]; i++) {
    struct ends ends;
    char rule[64];
    format_rule(rule, "down blackhole", i);
    open_with(&ends, *state, rule);
    end_send(ends.server, 0, SOME);
    while (fault_counters(&ends.fault).down_in < SOME)
      uv_run(ends.loop, UV_RUN_ONCE);
    end_send(ends.server, SOME, MUCH);
    while (fault_counters(&ends.fault).down_in < SOME + MUCH)
      uv_run(ends.loop, UV_RUN_ONCE);
    end_shut(ends.server);
    end_send(ends.client, 0, SOME);
    end_await(&ends, ends.server, SOME);
    end_expect(ends.server, SOME);
    live(&ends, 30);
    end_expect(ends.client, ends_at[i].at);
    assert_false(ends.client->ended);
    end_shut(ends.client);
    await_none(&ends);
    ends_close(&ends);
  }
}

/* From a moment on, without a position. */
static void test_after(void** state) {
  struct ends ends;
  open_with(&ends, *state, "both blackhole after=500ms");
  end_send(ends.server, 0, 100);
  end_await(&ends, ends.client, 100);
  live(&ends, 600);
  end_send(ends.server, 100, 100);
  end_send(ends.client, 0, 100);
  live(&ends, 50);
  end_expect(ends.client, 100);
  end_expect(ends.server, 0);
  assert_int_equal(fault_fired(&ends.fault, 0), 2);
  ends_close(&ends);
  open_with(&ends, *state, "up reset after=40ms at=50");
  end_send(ends.client, 0, 49);
  live(&ends, 80);
  assert_false(ends.client->ended); /* not before that byte */
  end_send(ends.client, 49, 1000);
  end_await_end(&ends, ends.server);
  end_expect(ends.server, 50);
  ends_close(&ends);
}

/* The sender is held up, because nobody reads any more. */
static void test_limit(void** state) {
  struct ends ends;
  enum { WAY_TOO_MUCH = 32 << 20 };
  open_with(&ends, *state, "up limit at=3000");
  end_send(ends.client, 0, WAY_TOO_MUCH);
  end_await(&ends, ends.server, 3000);
  live(&ends, 50);
  end_expect(ends.server, 3000);
  assert_true(uv_stream_get_write_queue_size(
                  (const uv_stream_t*)&ends.client->tcp) > 0);
  assert_true(fault_counters(&ends.fault).up_in < 1 << 20);
  end_send(ends.server, 0, SOME); /* the other direction goes on */
  end_await(&ends, ends.client, SOME);
  end_expect(ends.client, SOME);
  end_shut(ends.server);
  end_await_end(&ends, ends.client);
  ends_close(&ends);
  open_with(&ends, *state, "up limit");
  end_send(ends.client, 0, SOME);
  live(&ends, 30);
  end_expect(ends.server, 0);
  assert_int_equal(fault_counters(&ends.fault).up_in, 0);
  ends_close(&ends);
}

/* A receiver that does not read holds up the sender; memory is bounded. */
static void test_backpressure(void** state) {
  struct ends ends;
  enum { WAY_TOO_MUCH = 32 << 20 };
  ends_open(&ends, *state);
  ends.deaf = true;
  ends_dial(&ends);
  ends_meet(&ends);
  end_send(ends.client, 0, WAY_TOO_MUCH);
  live(&ends, 100);
  struct gcn__faultproxy_counters counters = fault_counters(&ends.fault);
  assert_true(counters.up_in > 0);
  assert_true(counters.up_in - counters.up_out <= 256 * 1024);
  assert_true(uv_stream_get_write_queue_size(
                  (const uv_stream_t*)&ends.client->tcp) > 0);
  ends_close(&ends);
}

/* Only the connection that is meant. */
static void test_connections(void** state) {
  struct ends ends;
  ends_open(&ends, *state);
  fault_rule(&ends.fault, "down corrupt conn=2");
  for (unsigned i = 1; i <= 3; i++) {
    char want[10];
    ends_dial(&ends);
    ends_meet(&ends);
    end_send(ends.server, 0, sizeof want);
    end_await(&ends, ends.client, sizeof want);
    end_fill(want, 0, sizeof want);
    if (i == 2) want[0] = (char)~want[0];
    assert_memory_equal(ends.client->bytes, want, sizeof want);
    end_reset(ends.client);
    end_reset(ends.server);
    ends.client = ends.server = NULL;
    ends.served = false;
    await_none(&ends);
  }
  assert_int_equal(fault_fired(&ends.fault, 0), 1);
  ends_close(&ends);
}

/* A rule that is added counts from then on where a connection is open. */
static void test_added_later(void** state) {
  struct ends ends;
  open_with(&ends, *state, NULL);
  end_send(ends.server, 0, 100);
  end_await(&ends, ends.client, 100);
  fault_rule(&ends.fault, "down cut at=10");
  end_send(ends.server, 100, 100);
  end_await_end(&ends, ends.client);
  end_expect(ends.client, 110);
  ends_close(&ends);
}

/* Several at once: changed first, then ended, then paced. */
static void test_together(void** state) {
  struct ends ends;
  open_with(&ends, *state, "down latency delay=30ms");
  fault_rule(&ends.fault, "down slice size=7");
  fault_rule(&ends.fault, "down cut at=20");
  fault_rule(&ends.fault, "down inject at=10 text=\"ab\"");
  fault_rule(&ends.fault, "down corrupt at=1 mask=20");
  fault_rule(&ends.fault, "down duplicate at=2 size=2");
  end_send(ends.server, 0, 100);
  end_await_end(&ends, ends.client);
  char all[20];
  char want[24];
  end_fill(all, 0, sizeof all);
  all[1] = (char)(all[1] ^ 0x20);
  memcpy(want, all, 4);
  memcpy(want + 4, all + 2, 2);
  memcpy(want + 6, all + 4, 6);
  memcpy(want + 12, "ab", 2);
  memcpy(want + 14, all + 10, 10);
  assert_int_equal(ends.client->size, sizeof want);
  assert_memory_equal(ends.client->bytes, want, sizeof want);
  ends_close(&ends);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_faithful),     LOOP_TEST(test_resets_go_through),
      LOOP_TEST(test_no_upstream),  LOOP_TEST(test_latency),
      LOOP_TEST(test_bandwidth),    LOOP_TEST(test_slices),
      LOOP_TEST(test_trickle),      LOOP_TEST(test_slow_close),
      LOOP_TEST(test_corrupt),      LOOP_TEST(test_duplicate),
      LOOP_TEST(test_inject),       LOOP_TEST(test_inject_at_once),
      LOOP_TEST(test_reset),        LOOP_TEST(test_cut),
      LOOP_TEST(test_half_close),   LOOP_TEST(test_blackhole),
      LOOP_TEST(test_after),        LOOP_TEST(test_limit),
      LOOP_TEST(test_backpressure), LOOP_TEST(test_connections),
      LOOP_TEST(test_added_later),  LOOP_TEST(test_together),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
