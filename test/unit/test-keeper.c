/* SPDX-License-Identifier: MIT */
/*
 * When a token is renewed, over many seeds: FAULTS O07.
 *
 * A fleet whose tokens were issued in one moment must not ask for the next ones
 * in one moment.
 */
#include "check.h"

#include "base/time.h"
#include "engine/internal.h"

enum { SEED_COUNT = 2000, LIFE_S = 1000, LIFE_MS = 1000 * LIFE_S, AT_MS = 77 };

static int fill(void* ctx, void* data, size_t size) {
  (void)ctx;
  memset(data, 1, size);
  return 0;
}

static struct gcn__engine* make_engine(uint64_t seed) {
  const struct gcn__engine_options options = {
      .mem = gcn__mem_libc,
      .settings = GCN__SETTINGS_DEFAULT,
      .entropy = {fill, NULL},
      .seed = seed,
      .login_url = "http://127.0.0.1:1",
      .api_url = "http://127.0.0.1:1",
      .user_agent = "test",
      .plaintext = true,
      .asks_token = true,
  };
  struct gcn__engine* engine = NULL;
  assert_int_equal(gcn__engine_new(&options, &engine), 0);
  return engine;
}

/* The ticket of the question for a token. */
static uint64_t drain(struct gcn__engine* engine) {
  struct gcn__effect effect;
  uint64_t ticket = 0;
  while (gcn__engine_next(engine, &effect)) {
    if (effect.kind == GCN__EFFECT_ASK) ticket = effect.ask.ticket;
  }
  gcn__engine_settle(engine);
  return ticket;
}

/* Milliseconds after its receipt. */
static uint64_t renewal_of(uint64_t seed) {
  struct gcn__engine* engine = make_engine(seed);
  gcn__engine_command(engine, GCN__COMMAND_START, 1);
  uint64_t ticket = drain(engine);
  assert_int_not_equal(ticket, 0);
  assert_true(
      gcn__engine_grant(engine, ticket, 0, GCN__SPAN("t"), LIFE_S, AT_MS));
  assert_false(
      gcn__engine_grant(engine, ticket, 0, GCN__SPAN("t"), LIFE_S, AT_MS));
  uint64_t after_ms = engine->keeper.renew_ms - AT_MS;
  gcn__engine_free(engine);
  return after_ms;
}

static void renewals_are_spread(void** state) {
  (void)state;
  uint64_t least_ms = GCN__NEVER;
  uint64_t most_ms = 0;
  for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
    uint64_t after_ms = renewal_of(seed);
    assert_in_range(after_ms, LIFE_MS / 100 * 75, LIFE_MS / 100 * 80);
    least_ms = gcn__time_min(least_ms, after_ms);
    most_ms = gcn__time_max(most_ms, after_ms);
  }
  assert_true(least_ms < LIFE_MS / 1000 * 755);
  assert_true(most_ms > LIFE_MS / 1000 * 795);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(renewals_are_spread),
  };
  return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
