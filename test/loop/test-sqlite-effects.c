/* SPDX-License-Identifier: MIT */
/*
 * One transaction with the caller's effects, and what becomes of both when the
 * effect fails or the process is killed.
 *
 * The program is also the process that is killed: "PROGRAM writer PATH".
 */
#include "database.h"

#include "loop/sqlitestore.h"
#include "base/rng.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL_COUNT = 100 };

static void open_store(struct place* place,
                       const struct gcn__sqlite_effect* effect) {
  int error = gcn__sqlitestore_new(place->loop, &place->mem, place->path,
                                   effect, &place->store);
  assert_int_equal(error, 0);
}

static void begin_with(struct place* place, uv_loop_t* loop,
                       int (*apply)(void* ctx, sqlite3* db,
                                    const uint64_t* sequences, size_t count),
                       void* ctx) {
  const struct gcn__sqlite_effect effect = {apply, ctx};
  place_begin(place, loop);
  open_store(place, &effect);
}

static const char* const all_endings[] = {"", "-wal", "-shm", NULL};

/* Nothing but the database may be left behind. */
static void end(struct place* place) {
  static const char* const endings[] = {"", NULL};
  place_close(place);
  place_remove(place, endings);
}

/* Saves the acknowledgement of one event. */
static int save_event(struct place* place, const char* text,
                      uint64_t sequence) {
  const struct gcn__store_acks acks = {&sequence, 1};
  return place_save_acks(place, gcn__span_str(text), &acks);
}

static void test_effects_go_along(void** state) {
  static const uint64_t sequences[] = {7, 8, 10};
  const struct gcn__store_acks acks = {sequences, 3};
  const struct gcn__store_acks none = {sequences, 0};
  struct place place;
  unsigned call_count = 0;
  begin_with(&place, *state, database_note, &call_count);
  assert_int_equal(place_save_acks(&place, GCN__SPAN("one"), &acks), 0);
  assert_int_equal(
      database_ask_once(&place, "SELECT sum(sequence) FROM effects"), 25);
  assert_int_equal(
      database_ask_once(&place, "SELECT max(synchronous) FROM effects"), 2);
  assert_int_equal(call_count, 1);
  assert_int_equal(place_save_acks(&place, GCN__SPAN("two"), &none), 0);
  assert_int_equal(place_save(&place, "three"), 0);
  assert_int_equal(call_count, 1);
  place_assert_load(&place, 0, "three");
  end(&place);
}

/* Does its work, and says no. */
static int refuse(void* ctx, struct sqlite3* db, const uint64_t* sequences,
                  size_t count) {
  int result = database_note(ctx, db, sequences, count);
  return sequences[0] == 13 ? 1 : result;
}

static void test_an_effect_that_fails(void** state) {
  struct place place;
  begin_with(&place, *state, refuse, NULL);
  assert_int_equal(save_event(&place, "one", 1), 0);
  assert_int_equal(save_event(&place, "two", 13), UV_ECANCELED);
  assert_int_equal(save_event(&place, "two", 1), UV_ECANCELED); /* known */
  assert_int_equal(
      database_ask_once(&place, "SELECT sum(sequence) FROM effects"), 1);
  place_assert_load(&place, 0, "one");
  assert_int_equal(place_load(&place, 1), UV_ENOENT);
  assert_int_equal(save_event(&place, "two", 2), 0);
  assert_int_equal(
      database_ask_once(&place, "SELECT sum(sequence) FROM effects"), 3);
  place_assert_load(&place, 0, "two");
  end(&place);
}

static int commit(void* ctx, struct sqlite3* db, const uint64_t* sequences,
                  size_t count) {
  (void)ctx;
  (void)count;
  return database_run(db, sequences[0] == 1 ? "COMMIT" : "ROLLBACK");
}

static void test_an_effect_that_ends_the_transaction(void** state) {
  struct place place;
  begin_with(&place, *state, commit, NULL);
  assert_int_equal(save_event(&place, "one", 1), UV_ECANCELED);
  assert_int_equal(save_event(&place, "one", 2), UV_ECANCELED);
  assert_int_equal(place_load(&place, 0), UV_ENOENT);
  assert_int_equal(place_save(&place, "one"), 0);
  end(&place);
}

/* Leaves a statement behind, which must not keep the store from closing. */
static int forget_statement(void* ctx, struct sqlite3* db,
                            const uint64_t* sequences, size_t count) {
  sqlite3_stmt** row = ctx;
  (void)sequences;
  (void)count;
  int result = sqlite3_prepare_v2(
      db, "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3", -1, row, NULL);
  return result == SQLITE_OK && sqlite3_step(*row) == SQLITE_ROW ? 0 : 1;
}

static void test_an_effect_that_leaves_a_statement(void** state) {
  struct place place;
  sqlite3_stmt* row = NULL;
  begin_with(&place, *state, forget_statement, &row);
  assert_int_equal(save_event(&place, "one", 1), 0);
  place_assert_load(&place, 0, "one");
  place_close(&place);
  assert_int_equal(sqlite3_finalize(row), SQLITE_OK);
  place_remove(&place, all_endings);
}

static int shut(void* ctx, struct sqlite3* db, const uint64_t* sequences,
                size_t count) {
  (void)ctx;
  (void)count;
  /* As full as it is: no page more.  Or as a disk that is not. */
  return database_run(db, sequences[0] == 1 ? "PRAGMA max_page_count=1"
                                            : "PRAGMA max_page_count=1000000");
}

static void test_no_room(void** state) {
  static char bytes[100000];
  const struct gcn__span big = gcn__span(bytes, sizeof bytes);
  const uint64_t full = 1;
  const uint64_t roomy = 2;
  const struct gcn__store_acks none = {&full, 1};
  const struct gcn__store_acks some = {&roomy, 1};
  struct place place;
  begin_with(&place, *state, shut, NULL);
  assert_int_equal(place_save(&place, "one"), 0);
  assert_int_equal(place_save_acks(&place, big, &none), UV_ENOSPC);
  place_assert_load(&place, 0, "one");
  assert_int_equal(place_save_acks(&place, big, &some), 0);
  place_assert_load(&place, 1, "one");
  end(&place);
}

static void test_another_connection_writes(void** state) {
  struct place place;
  unsigned call_count = 0;
  begin_with(&place, *state, database_note, &call_count);
  assert_int_equal(place_save(&place, "one"), 0);
  sqlite3* other = database_open(&place);
  assert_int_equal(database_run(other, "BEGIN IMMEDIATE"), SQLITE_OK);
  assert_int_equal(save_event(&place, "two", 1), UV_EBUSY);
  assert_int_equal(call_count, 0);
  place_assert_load(&place, 0, "one");
  assert_int_equal(database_run(other, "COMMIT"), SQLITE_OK);
  assert_int_equal(save_event(&place, "two", 1), 0);
  place_assert_load(&place, 0, "two");
  sqlite3_close(other);
  end(&place);
}

/* A text whose number is the last sequence that it covers. */
static void write_text(uint64_t sequence, char text[32]) {
  snprintf(text, 32, "%llu", (unsigned long long)sequence);
}

/* Acknowledges events for ever, from where the last one stopped, and says after
 * each save how far that went. */
static int write_until_killed(const char* path) {
  const struct gcn__sqlite_effect effect = {database_note, NULL};
  struct place place = {.loop = uv_default_loop()};
  struct answer answer;
  struct gcn__rng rng;
  snprintf(place.path, sizeof place.path, "%s", path);
  place.mem = mem_spy_mem(&place.spy);
  open_store(&place, &effect);
  int error = place_load_answer(&place, 0, &answer);
  uint64_t last = error == 0 ? strtoull(answer.text, NULL, 10) : 0;
  if (error != 0 && error != UV_ENOENT) return 1;
  gcn__rng_seed(&rng, last);
  for (;;) {
    uint64_t sequences[5];
    char text[32];
    size_t count = 1 + (size_t)(gcn__rng_next(&rng) % 5);
    for (size_t i = 0; i < count; i++)
      sequences[i] = ++last;
    const struct gcn__store_acks acks = {sequences, count};
    write_text(last, text);
    if (place_save_acks(&place, gcn__span_str(text), &acks) != 0) return 2;
    if (write(STDOUT_FILENO, &last, sizeof last) != sizeof last) return 3;
  }
}

struct writer {
  pid_t pid;
  int fd;
};

static void start_writer(struct writer* writer, const char* path) {
  int fds[2];
  assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
  writer->pid = fork();
  if (writer->pid == 0) {
    char word[] = "writer";
    char copy[120];
    snprintf(copy, sizeof copy, "%s", path);
    char* const arguments[] = {word, word, copy, NULL};
    dup2(fds[1], STDOUT_FILENO);
    execv("/proc/self/exe", arguments);
    _exit(4);
  }
  assert_true(writer->pid > 0);
  close(fds[1]);
  writer->fd = fds[0];
}

/* Kills it some time after some saves, and returns the last that it told of. */
static uint64_t kill_writer(struct writer* writer, struct gcn__rng* rng) {
  uint64_t last = 0;
  uint64_t told;
  int status;
  unsigned save_count = (unsigned)(gcn__rng_next(rng) % 6);
  for (unsigned i = 0; i < save_count; i++) {
    assert_int_equal(read(writer->fd, &last, sizeof last), sizeof last);
  }
  uint64_t until_ns = uv_hrtime() + gcn__rng_next(rng) % 4000000;
  while (uv_hrtime() < until_ns) {
  }
  assert_int_equal(kill(writer->pid, SIGKILL), 0);
  assert_int_equal(waitpid(writer->pid, &status, 0), writer->pid);
  /* Else it had ended by itself. */
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  while (read(writer->fd, &told, sizeof told) == sizeof told)
    last = told;
  close(writer->fd);
  return last;
}

/* Every event up to the checkpoint has its effect, and none beyond it. */
static uint64_t assert_agreement(struct place* place) {
  struct answer answer;
  open_store(place, NULL);
  int error = place_load_answer(place, 0, &answer);
  place_close(place);
  assert_true(error == 0 || error == UV_ENOENT);
  if (error == UV_ENOENT) return 0;
  uint64_t last = strtoull(answer.text, NULL, 10);
  assert_int_equal(database_ask_once(place, "SELECT count(*) FROM effects"),
                   last);
  assert_int_equal(
      database_ask_once(place, "SELECT max(sequence) FROM effects"), last);
  assert_int_equal(
      database_ask_once(place, "SELECT min(sequence) FROM effects"), 1);
  return last;
}

static void test_kill_at_random_points(void** state) {
  struct place place;
  struct gcn__rng rng;
  uint64_t last = 0;
  gcn__rng_seed(&rng, 9);
  place_begin(&place, *state);
  for (int i = 0; i < KILL_COUNT; i++) {
    struct writer writer;
    start_writer(&writer, place.path);
    uint64_t told = kill_writer(&writer, &rng);
    uint64_t kept = assert_agreement(&place);
    assert_true(kept >= told && kept >= last);
    last = kept;
  }
  assert_true(last > KILL_COUNT);
  place_remove(&place, all_endings);
}

int main(int argc, char** argv) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_effects_go_along),
      LOOP_TEST(test_an_effect_that_fails),
      LOOP_TEST(test_an_effect_that_ends_the_transaction),
      LOOP_TEST(test_an_effect_that_leaves_a_statement),
      LOOP_TEST(test_no_room),
      LOOP_TEST(test_another_connection_writes),
      LOOP_TEST(test_kill_at_random_points),
  };
  if (argc == 3) return write_until_killed(argv[2]);
  return cmocka_run_group_tests_name("sqlite-effects", tests, NULL, NULL);
}
