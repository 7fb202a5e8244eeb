/* SPDX-License-Identifier: MIT */
/*
 * One direction under the fault proxy's rules, on invented time: the bytes that
 * come out are the same however they came in, and what is held is bounded.
 */
#include "check.h"

#include "sim/toxic-flow.h"

#include "unit/mem-probe.h"

#include "base/err.h"
#include "base/time.h"

#include <string.h>

enum { SIZE = 600, OUT_SIZE = 4096, LONG_AGO_MS = 1000 };

struct rig {
  struct gcn__toxics toxics;
  struct gcn__toxic_flow flow;
  struct mem_probe probe;
  struct gcn__mem mem;
  uint64_t now_ms;
  char out[OUT_SIZE];
  size_t out_size;
};

static void add(struct rig* rig, const char* rule) {
  struct gcn__toxic_mistake mistake;
  bool good = gcn__toxics_add(&rig->toxics, gcn__span_str(rule), &mistake);
  if (!good) fail_msg("%s", mistake.text);
}

static void begin(struct rig* rig, const char* const* rules, uint64_t seed) {
  size_t fail_at = rig->probe.fail_at;
  memset(rig, 0, sizeof *rig);
  rig->probe.fail_at = fail_at;
  rig->now_ms = LONG_AGO_MS;
  for (; rules != NULL && *rules != NULL; rules++)
    add(rig, *rules);
  rig->mem = mem_probe_mem(&rig->probe);
  gcn__toxic_flow_init(&rig->flow, &rig->mem, &rig->toxics, true, 1);
  gcn__toxic_flow_seed(&rig->flow, seed);
  gcn__toxic_flow_begin(&rig->flow, rig->now_ms);
}

/* Takes what may go now. */
static void drain(struct rig* rig) {
  gcn__toxic_flow_tick(&rig->flow, rig->now_ms);
  for (;;) {
    struct gcn__span bytes = gcn__toxic_flow_output(&rig->flow, rig->now_ms);
    if (bytes.size == 0) return;
    assert_true(rig->out_size + bytes.size <= OUT_SIZE);
    memcpy(rig->out + rig->out_size, bytes.data, bytes.size);
    rig->out_size += bytes.size;
    gcn__toxic_flow_sent(&rig->flow, bytes.size, rig->now_ms);
  }
}

/* Lets time pass until nothing is to come by itself. */
static void settle(struct rig* rig) {
  drain(rig);
  for (int i = 0; i < 100000; i++) {
    uint64_t due_ms = gcn__toxic_flow_deadline(&rig->flow, rig->now_ms);
    if (due_ms == GCN__NEVER) return;
    assert_true(due_ms > rig->now_ms); /* else it would spin */
    rig->now_ms = due_ms;
    drain(rig);
  }
  fail_msg("it never settles");
}

static void fill(char bytes[SIZE]) {
  for (size_t i = 0; i < SIZE; i++)
    bytes[i] = (char)(i * 7 + i / 256);
}

/* The whole life, with the bytes in pieces of a size; 0: in random ones. */
static void live(struct rig* rig, const char* const* rules, size_t piece) {
  char bytes[SIZE];
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 3);
  fill(bytes);
  begin(rig, rules, 5);
  for (size_t at = 0; at < SIZE;) {
    size_t size = piece != 0 ? piece : 1 + (size_t)gcn__rng_below(&rng, 50);
    if (size > SIZE - at) size = SIZE - at;
    if (gcn__toxic_flow_room(&rig->flow) == 0) break;
    gcn__toxic_flow_take(&rig->flow, gcn__span(bytes + at, size), rig->now_ms);
    at += size;
    if (piece == 0) drain(rig);
  }
  gcn__toxic_flow_eof(&rig->flow, false, rig->now_ms);
  settle(rig);
}

static const struct {
  const char* rules[6];
  enum gcn__toxic_end end;
  size_t size; /* of what comes out */
} lives[] = {
    {{NULL}, GCN__TOXIC_ENDS_FIN, SIZE},
    {{"up latency delay=1s jitter=1s"}, GCN__TOXIC_ENDS_FIN, SIZE},
    {{"up bandwidth rate=3"}, GCN__TOXIC_ENDS_FIN, SIZE},
    {{"up slice size=7 vary=6 delay=10ms"}, GCN__TOXIC_ENDS_FIN, SIZE},
    {{"up trickle delay=1m"}, GCN__TOXIC_ENDS_FIN, SIZE},
    {{"up slow-close delay=1s"}, GCN__TOXIC_ENDS_FIN, SIZE},
    {{"up corrupt at=77", "up corrupt at=77 mask=0f", "up corrupt"},
     GCN__TOXIC_ENDS_FIN,
     SIZE},
    {{"up duplicate at=1 size=99", "up duplicate at=50 size=100"},
     GCN__TOXIC_ENDS_FIN,
     SIZE + 199},
    {{"up inject hex=01", "up inject hex=02 at=300", "up inject hex=03 at=600"},
     GCN__TOXIC_ENDS_FIN,
     SIZE + 3},
    {{"up limit at=123"}, GCN__TOXIC_ENDS_LIMIT, 123},
    {{"up blackhole at=123"}, GCN__TOXIC_ENDS_HOLE, 123},
    {{"up half-close at=123"}, GCN__TOXIC_ENDS_FIN, 123},
    {{"up cut at=123"}, GCN__TOXIC_ENDS_CUT, 123},
    {{"up reset at=123"}, GCN__TOXIC_ENDS_RESET, 123},
    {{"up reset at=600"}, GCN__TOXIC_ENDS_RESET, SIZE},
    {{"up reset at=601"}, GCN__TOXIC_ENDS_FIN, SIZE},
    {{"up reset"}, GCN__TOXIC_ENDS_RESET, 0},
    {{"down reset", "up reset conn=2"}, GCN__TOXIC_ENDS_FIN, SIZE},
    {{"up cut at=200", "up inject at=200 hex=55", "up inject at=201 hex=66",
      "up trickle delay=1ms", "up duplicate at=198 size=2"},
     GCN__TOXIC_ENDS_CUT,
     203},
};
enum { LIVES = sizeof lives / sizeof lives[0] };

static void test_cuts_do_not_matter(void** state) {
  (void)state;
  static const size_t pieces[] = {SIZE, 1, 0, 0};
  for (size_t i = 0; i < LIVES; i++) {
    char whole[OUT_SIZE];
    for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
      static struct rig rig;
      live(&rig, lives[i].rules, pieces[k]);
      assert_int_equal(rig.out_size, lives[i].size);
      if (k == 0) memcpy(whole, rig.out, rig.out_size);
      assert_memory_equal(rig.out, whole, rig.out_size);
      assert_int_equal(gcn__toxic_flow_verdict(&rig.flow, rig.now_ms),
                       lives[i].end);
      gcn__toxic_flow_deinit(&rig.flow);
    }
  }
}

/* Each of several rules for one byte acts on it. */
static void test_masks(void** state) {
  (void)state;
  static const char* const rules[] = {"up corrupt at=7 mask=81",
                                      "up corrupt at=7 mask=03",
                                      "up corrupt at=599", NULL};
  static struct rig rig;
  char want[SIZE];
  fill(want);
  want[7] = (char)((unsigned char)want[7] ^ 0x82);
  want[599] = (char)((unsigned char)want[599] ^ 0xff);
  live(&rig, rules, 0);
  assert_int_equal(rig.out_size, SIZE);
  assert_memory_equal(rig.out, want, SIZE);
  gcn__toxic_flow_deinit(&rig.flow);
}

/* The same seed, the same moments. */
static void test_seed(void** state) {
  (void)state;
  static const char* const rules[] = {"up latency delay=1s jitter=900ms", NULL};
  uint64_t moments[3];
  for (size_t i = 0; i < 3; i++) {
    static struct rig rig;
    begin(&rig, rules, i < 2 ? 1 : 2);
    gcn__toxic_flow_take(&rig.flow, GCN__SPAN("x"), rig.now_ms);
    settle(&rig);
    moments[i] = rig.now_ms;
    assert_in_range(rig.now_ms, LONG_AGO_MS + 100, LONG_AGO_MS + 1900);
    gcn__toxic_flow_deinit(&rig.flow);
  }
  assert_int_equal(moments[0], moments[1]);
  assert_true(moments[0] != moments[2]);
}

static void test_pace(void** state) {
  (void)state;
  static const struct {
    const char* rules[3];
    uint64_t low_ms;
    uint64_t high_ms;
  } cases[] = {
      {{"up bandwidth rate=100"}, 5970, 6010}, /* 600 bytes */
      {{"up bandwidth rate=100", "up bandwidth rate=50"}, 11950, 12010},
      {{"up trickle delay=10ms"}, 5990, 5990},
      {{"up trickle delay=10ms at=500"}, 990, 990},
      {{"up trickle delay=10ms", "up slice size=1000 at=100"}, 990, 990},
      {{"up latency delay=300ms"}, 300, 300},
      {{"up latency delay=300ms", "up latency delay=200ms"}, 500, 500},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    static struct rig rig;
    char bytes[SIZE];
    fill(bytes);
    begin(&rig, cases[i].rules, 1);
    gcn__toxic_flow_take(&rig.flow, gcn__span(bytes, SIZE), rig.now_ms);
    settle(&rig);
    assert_int_equal(rig.out_size, SIZE);
    assert_in_range(rig.now_ms - LONG_AGO_MS, cases[i].low_ms,
                    cases[i].high_ms);
    gcn__toxic_flow_deinit(&rig.flow);
  }
}

/* An end that the time brings takes along what has not left. */
static void test_after(void** state) {
  (void)state;
  static const char* const rules[] = {"up trickle delay=10ms",
                                      "up reset after=95ms at=3", NULL};
  static struct rig rig;
  char bytes[SIZE];
  fill(bytes);
  begin(&rig, rules, 1);
  gcn__toxic_flow_take(&rig.flow, gcn__span(bytes, SIZE), rig.now_ms);
  settle(&rig);
  assert_int_equal(rig.now_ms, LONG_AGO_MS + 95);
  assert_int_equal(rig.out_size, 10);
  assert_int_equal(gcn__toxic_flow_verdict(&rig.flow, rig.now_ms),
                   GCN__TOXIC_ENDS_RESET);
  assert_int_equal(rig.flow.fired, 3);
  gcn__toxic_flow_deinit(&rig.flow);
}

/* Whoever feeds no more than there is room for never makes it hold much. */
static void test_bounded(void** state) {
  (void)state;
  static const char* const rules[] = {"up latency delay=1m", NULL};
  static struct rig rig;
  static char bytes[GCN__TOXIC_WINDOW];
  begin(&rig, rules, 1);
  size_t room = gcn__toxic_flow_room(&rig.flow);
  assert_int_equal(room, GCN__TOXIC_WINDOW);
  gcn__toxic_flow_take(&rig.flow, gcn__span(bytes, room - 1), rig.now_ms);
  assert_int_equal(gcn__toxic_flow_room(&rig.flow), 1);
  gcn__toxic_flow_take(&rig.flow, gcn__span(bytes, 1), rig.now_ms);
  assert_int_equal(gcn__toxic_flow_room(&rig.flow), 0);
  assert_int_equal(gcn__buf_size(&rig.flow.queue), GCN__TOXIC_WINDOW);
  gcn__toxic_flow_deinit(&rig.flow);
  /* Many small ones, each at its own time, are bounded too. */
  begin(&rig, rules, 1);
  unsigned taken = 0;
  while (gcn__toxic_flow_room(&rig.flow) > 0) {
    gcn__toxic_flow_take(&rig.flow, gcn__span(bytes, 1), rig.now_ms++);
    taken++;
  }
  assert_int_equal(taken, GCN__TOXIC_PACKETS_MAX - 1);
  settle(&rig);
  assert_int_equal(rig.out_size, taken);
  gcn__toxic_flow_deinit(&rig.flow);
}

/* Nobody takes it any more: it is dropped, and does not hold up the sender. */
static void test_broken(void** state) {
  (void)state;
  static struct rig rig;
  begin(&rig, NULL, 1);
  gcn__toxic_flow_take(&rig.flow, GCN__SPAN("abc"), rig.now_ms);
  gcn__toxic_flow_break(&rig.flow);
  gcn__toxic_flow_take(&rig.flow, GCN__SPAN("def"), rig.now_ms);
  assert_int_equal(gcn__toxic_flow_output(&rig.flow, rig.now_ms).size, 0);
  assert_int_equal(gcn__toxic_flow_room(&rig.flow), GCN__TOXIC_WINDOW);
  gcn__toxic_flow_eof(&rig.flow, true, rig.now_ms);
  assert_int_equal(gcn__toxic_flow_verdict(&rig.flow, rig.now_ms),
                   GCN__TOXIC_ENDS_RESET);
  gcn__toxic_flow_deinit(&rig.flow);
}

/* A rule that comes later counts from there. */
static void test_later(void** state) {
  (void)state;
  static struct rig rig;
  begin(&rig, NULL, 1);
  gcn__toxic_flow_take(&rig.flow, GCN__SPAN("abcdef"), rig.now_ms);
  drain(&rig);
  add(&rig, "up inject at=2 text=\"!\"");
  add(&rig, "up cut at=4");
  gcn__toxic_flow_begin(&rig.flow, rig.now_ms);
  gcn__toxic_flow_take(&rig.flow, GCN__SPAN("ghijklm"), rig.now_ms);
  settle(&rig);
  assert_int_equal(rig.out_size, 11);
  assert_memory_equal(rig.out, "abcdefgh!ij", 11);
  gcn__toxic_flow_deinit(&rig.flow);
}

/* Memory fails at one allocation: it ends as if the connection had been reset,
 * with the first bytes or none, and nothing is left. */
static void test_no_memory(void** state) {
  (void)state;
  static const char* const rules[] = {"up duplicate size=300",
                                      "up duplicate at=100 size=400",
                                      "up inject at=50 hex=00", NULL};
  char whole[OUT_SIZE];
  size_t count = 0;
  for (size_t n = 0; n <= count; n++) {
    static struct rig rig;
    rig.probe.fail_at = n;
    live(&rig, rules, 0);
    if (n == 0) count = rig.probe.count;
    if (n == 0) memcpy(whole, rig.out, rig.out_size);
    assert_memory_equal(rig.out, whole, rig.out_size);
    assert_int_equal(rig.flow.error, n == 0 ? 0 : GCN__ENOMEM);
    assert_int_equal(gcn__toxic_flow_verdict(&rig.flow, rig.now_ms),
                     n == 0 ? GCN__TOXIC_ENDS_FIN : GCN__TOXIC_ENDS_RESET);
    gcn__toxic_flow_deinit(&rig.flow);
    assert_int_equal(rig.probe.live_size, 0);
  }
  assert_true(count >= 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cuts_do_not_matter),
      cmocka_unit_test(test_masks),
      cmocka_unit_test(test_seed),
      cmocka_unit_test(test_pace),
      cmocka_unit_test(test_after),
      cmocka_unit_test(test_bounded),
      cmocka_unit_test(test_broken),
      cmocka_unit_test(test_later),
      cmocka_unit_test(test_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
