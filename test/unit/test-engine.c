/* SPDX-License-Identifier: MIT */
/*
 * What transcripts can't say: several calls between two turns of the driver.
 */
#include "check.h"

#include "engine/engine.h"

static int fill(void* ctx, void* data, size_t size) {
  (void)ctx;
  memset(data, 1, size);
  return 0;
}

static struct gcn__engine* make_engine(void) {
  const struct gcn__engine_options options = {
      .mem = gcn__mem_libc,
      .settings = GCN__SETTINGS_DEFAULT,
      .entropy = {fill, NULL},
      .login_url = "http://127.0.0.1:1",
      .api_url = "http://127.0.0.1:1",
      .client_id = "id",
      .client_secret = "secret",
      .user_agent = "test",
      .plaintext = true,
  };
  struct gcn__engine* engine = NULL;
  assert_int_equal(gcn__engine_new(&options, &engine), 0);
  return engine;
}

static void drain(struct gcn__engine* engine) {
  struct gcn__effect effect;
  while (gcn__engine_next(engine, &effect)) {
  }
  gcn__engine_settle(engine);
}

static void the_last_of_start_and_stop_wins(void** state) {
  (void)state;
  struct gcn__engine* engine = make_engine();
  gcn__engine_command(engine, GCN__COMMAND_STOP, 1);
  gcn__engine_command(engine, GCN__COMMAND_START, 1);
  drain(engine);
  assert_int_equal(gcn__engine_state(engine), GCN__STATE_CONNECTING);
  gcn__engine_command(engine, GCN__COMMAND_START, 2);
  gcn__engine_command(engine, GCN__COMMAND_STOP, 2);
  drain(engine);
  assert_int_equal(gcn__engine_state(engine), GCN__STATE_IDLE);
  gcn__engine_free(engine);
}

static void close_wins_over_both(void** state) {
  (void)state;
  struct gcn__engine* engine = make_engine();
  gcn__engine_command(engine, GCN__COMMAND_CLOSE, 1);
  gcn__engine_command(engine, GCN__COMMAND_START, 1);
  drain(engine);
  assert_int_equal(gcn__engine_state(engine), GCN__STATE_CLOSED);
  gcn__engine_command(engine, GCN__COMMAND_START, 2);
  drain(engine);
  assert_int_equal(gcn__engine_state(engine), GCN__STATE_CLOSED);
  gcn__engine_free(engine);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_last_of_start_and_stop_wins),
      cmocka_unit_test(close_wins_over_both),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
