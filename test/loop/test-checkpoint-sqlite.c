/* SPDX-License-Identifier: MIT */
/*
 * A client whose checkpoint is in a database, with the program's own effects in
 * the same transactions.
 */
#include "run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Told on a thread of the pool; read when the client is closed. */
static struct {
  uint64_t last;
  size_t count;
  bool wrong;
} effects;

static int on_effect(void* data, struct sqlite3* db, const uint64_t* sequences,
                     size_t count) {
  (void)data;
  if (db == NULL) effects.wrong = true;
  for (size_t i = 0; i < count; i++) {
    if (sequences[i] != effects.last + 1) effects.wrong = true;
    effects.last = sequences[i];
  }
  effects.count += count;
  return 0;
}

static void test_a_database(void** state) {
  uv_loop_t* loop = *state;
  struct service service;
  struct run run;
  service_open_plain(&service, loop);
  for (unsigned i = 0; i < 2; i++) {
    memset(&effects, 0, sizeof effects);
    run_prepare(&run, &service);
    run.options.checkpoint_sqlite = run_path;
    run.options.checkpoint_path = NULL;
    run.options.effect_cb = on_effect;
    run_stream(&run, &service);
    service_emit_many(&service, 3);
    run_await_durable(&run, 3);
    user_finish(&run.user);
    assert_int_equal(effects.count, 3);
    assert_false(effects.wrong);
    assert_int_equal(run.told, 0);
    assert_int_equal(run.user.counts[USER_GAP], i);
  }
  assert_int_equal(service_visits(&service, GCN__SIM_AT_CHANNEL).count, 1);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      RUN_TEST(test_a_database),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
