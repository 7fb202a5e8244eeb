/* SPDX-License-Identifier: MIT */
/*
 * The same with the checkpoint in a database: what the consumer writes in the
 * transactions of its acknowledgements is there exactly once.
 */
#include "kill-stage.h"

#include <sqlite3.h>
#include <stdlib.h>

enum { RATE = 2000, KILLS = 100 };

/* Nothing in the table keeps an event from being in it twice. */
static int on_effect(void* data, struct sqlite3* db, const uint64_t* sequences,
                     size_t count) {
  sqlite3_stmt* row = NULL;
  int result = sqlite3_exec(db, "CREATE TABLE IF NOT EXISTS effects(id TEXT)",
                            NULL, NULL, NULL);
  if (result != SQLITE_OK) return result;
  result =
      sqlite3_prepare_v2(db, "INSERT INTO effects VALUES(?)", -1, &row, NULL);
  for (size_t i = 0; result == SQLITE_OK && i < count; i++) {
    sqlite3_reset(row);
    sqlite3_bind_text(row, 1, kill_id_of(data, sequences[i]), -1,
                      SQLITE_TRANSIENT);
    int step = sqlite3_step(row);
    if (step != SQLITE_DONE) result = step;
  }
  sqlite3_finalize(row);
  return result;
}

/* How often each event is in the table, by the service's numbers. */
static unsigned char* read_effects(const struct kill_stage* stage) {
  sqlite3* db;
  sqlite3_stmt* row;
  unsigned char* counts = calloc(JUDGE_NUMBER_MAX, 1);
  assert_non_null(counts);
  assert_int_equal(
      sqlite3_open_v2(stage->path, &db, SQLITE_OPEN_READWRITE, NULL),
      SQLITE_OK);
  assert_int_equal(
      sqlite3_prepare_v2(db, "SELECT id FROM effects", -1, &row, NULL),
      SQLITE_OK);
  while (sqlite3_step(row) == SQLITE_ROW) {
    uint64_t number = 0;
    const char* id = (const char*)sqlite3_column_text(row, 0);
    assert_true(gcn__sim_stream_sequence(gcn__span_str(id), &number));
    assert_in_range(number, 1, JUDGE_NUMBER_MAX - 1);
    counts[number]++;
  }
  sqlite3_finalize(row);
  sqlite3_close(db);
  return counts;
}

static void assert_effects(struct kill_stage* stage) {
  unsigned char* counts = read_effects(stage);
  uint64_t last = service_counters(&stage->service).events;
  for (uint64_t i = 1; i <= last; i++) {
    bool judged = i >= stage->judge->begin;
    if (counts[i] == 1 || (counts[i] == 0 && !judged)) continue;
    fail_msg("GCN_KILL_SEED=%llu: event %llu has %u effects",
             (unsigned long long)stage->seed, (unsigned long long)i, counts[i]);
  }
  free(counts);
}

static void test_kills_and_effects(void** state) {
  (void)state;
  struct kill_stage* stage = kill_stage_open(KILL_SQLITE, RATE);
  kill_stage_kill(stage, KILLS);
  kill_stage_end(stage);
  assert_effects(stage);
  assert_true(stage->judge->streamed > KILLS / 3);
  kill_stage_close(stage);
}

int main(int argc, char** argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kills_and_effects),
  };
  if (kill_is_consumer(argc, argv)) return kill_consume(argv, on_effect);
  return cmocka_run_group_tests_name("kill-sqlite", tests, NULL, NULL);
}
