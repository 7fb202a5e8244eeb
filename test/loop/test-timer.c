/* SPDX-License-Identifier: MIT */
/*
 * The client's one timer.
 */
#include "harness.h"

#include "loop/system.h"
#include "loop/timer.h"

struct ticker {
  struct gcn__alarm alarm;
  unsigned count;
  uint64_t late_ms;
};

/* Arms itself for a moment that has passed, in its own callback.  A pass
 * without waiting looks at the timers once; UV_RUN_ONCE may look twice, and a
 * busy machine lets the next millisecond begin in between. */
static void on_tick(void* ctx, uint64_t late_ms) {
  struct ticker* ticker = ctx;
  ticker->late_ms = late_ms;
  if (++ticker->count < 1000) gcn__alarm_arm(&ticker->alarm, 0);
}

static void test_alarm_does_not_spin(void** state) {
  uv_loop_t* loop = *state;
  struct ticker ticker = {.count = 0};
  gcn__alarm_init(&ticker.alarm, loop, on_tick, &ticker);
  gcn__alarm_arm(&ticker.alarm, 0);
  while (ticker.count == 0)
    uv_run(loop, UV_RUN_NOWAIT);
  assert_int_equal(ticker.count, 1);
  gcn__alarm_arm(&ticker.alarm, GCN__NEVER);
  assert_false(uv_is_active((uv_handle_t*)&ticker.alarm.handle));
  harness_close((uv_handle_t*)&ticker.alarm.handle);
}

static void test_alarm_keeps_the_earlier(void** state) {
  uv_loop_t* loop = *state;
  struct ticker ticker = {.count = 1000};
  gcn__alarm_init(&ticker.alarm, loop, on_tick, &ticker);
  uint64_t now_ms = gcn__loop_now_ms(loop);
  gcn__alarm_arm(&ticker.alarm, now_ms + 20000);
  gcn__alarm_arm(&ticker.alarm, now_ms + 50000);
  assert_int_equal(ticker.alarm.due_ms, now_ms + 20000);
  gcn__alarm_arm(&ticker.alarm, now_ms + 5);
  while (ticker.count == 1000)
    uv_run(loop, UV_RUN_ONCE);
  assert_true(gcn__loop_now_ms(loop) >= now_ms + 5);
  assert_true(ticker.late_ms < 20000);
  assert_true(ticker.alarm.due_ms == GCN__NEVER);
  harness_close((uv_handle_t*)&ticker.alarm.handle);
}

/* A stale loop clock must not make a deadline come early. */
static void test_alarm_after_a_blocked_loop(void** state) {
  uv_loop_t* loop = *state;
  struct ticker ticker = {.count = 1000};
  gcn__alarm_init(&ticker.alarm, loop, on_tick, &ticker);
  uv_update_time(loop);
  uint64_t until_ns = uv_hrtime() + 30 * 1000000ull;
  while (uv_hrtime() < until_ns) {
  }
  uint64_t due_ms = until_ns / 1000000 + 20;
  gcn__alarm_arm(&ticker.alarm, due_ms);
  while (ticker.count == 1000)
    uv_run(loop, UV_RUN_ONCE);
  assert_true(uv_hrtime() / 1000000 + 1 >= due_ms);
  harness_close((uv_handle_t*)&ticker.alarm.handle);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_alarm_does_not_spin),
      LOOP_TEST(test_alarm_keeps_the_earlier),
      LOOP_TEST(test_alarm_after_a_blocked_loop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
