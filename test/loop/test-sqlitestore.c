/* SPDX-License-Identifier: MIT */
/*
 * The SQLite store as a store: generations, and what it refuses to touch.
 */
#include "database.h"

#include "loop/sqlitestore.h"
#include "codec/checkpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BIG_SIZE = 8 * 1024 * 1024 };

static void open_store(struct place* place,
                       const struct gcn__sqlite_effect* effect) {
  int error = gcn__sqlitestore_new(place->loop, &place->mem, place->path,
                                   effect, &place->store);
  assert_int_equal(error, 0);
}

static void begin(struct place* place, uv_loop_t* loop) {
  place_begin(place, loop);
  open_store(place, NULL);
}

static const char* const all_endings[] = {"", "-wal", "-shm", NULL};

/* Nothing but the database may be left behind. */
static void end(struct place* place) {
  static const char* const endings[] = {"", NULL};
  place_close(place);
  place_remove(place, endings);
}

static void test_nothing_stored(void** state) {
  struct place place;
  begin(&place, *state);
  assert_int_equal(place_load(&place, 0), UV_ENOENT);
  assert_int_equal(place_load(&place, 1), UV_ENOENT);
  assert_int_equal(place_load(&place, 2), UV_EINVAL);
  end(&place);
}

static void test_two_generations(void** state) {
  struct place place;
  begin(&place, *state);
  assert_int_equal(place_save(&place, "one"), 0);
  place_assert_load(&place, 0, "one");
  assert_int_equal(place_load(&place, 1), UV_ENOENT);
  assert_int_equal(place_save(&place, "two"), 0);
  place_assert_load(&place, 0, "two");
  place_assert_load(&place, 1, "one");
  assert_int_equal(place_save(&place, "three"), 0);
  place_assert_load(&place, 1, "two");
  place_close(&place);
  open_store(&place, NULL);
  place_assert_load(&place, 0, "three");
  place_assert_load(&place, 1, "two");
  assert_int_equal(place_save(&place, ""), 0);
  place_assert_load(&place, 0, "");
  assert_int_equal(
      database_ask_once(&place, "SELECT count(*) FROM gcnotify_checkpoint"), 2);
  end(&place);
}

static void test_files_are_the_owners_alone(void** state) {
  struct place place;
  char path[120];
  begin(&place, *state);
  mode_t mask = umask(0);
  int error = place_save(&place, "one");
  umask(mask);
  assert_int_equal(error, 0);
  snprintf(path, sizeof path, "%s-wal", place.path);
  assert_int_equal(place_mode(path), 0600);
  snprintf(path, sizeof path, "%s-shm", place.path);
  assert_int_equal(place_mode(path), 0600);
  assert_int_equal(place_mode(place.path), 0600);
  end(&place);
}

static void test_it_is_durable(void** state) {
  struct place place;
  begin(&place, *state);
  assert_int_equal(place_save(&place, "one"), 0);
  /* 1 in the file's header: WAL, for all connections. */
  sqlite3* db = database_open(&place);
  sqlite3_stmt* row;
  sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &row, NULL);
  assert_int_equal(sqlite3_step(row), SQLITE_ROW);
  assert_string_equal((const char*)sqlite3_column_text(row, 0), "wal");
  sqlite3_finalize(row);
  sqlite3_close(db);
  end(&place);
}

/* Opening and closing a store must not take away what another connection of
 * this process has locked: POSIX locks go with the first descriptor. */
static void test_locks_of_this_process_hold(void** state) {
  struct place place;
  begin(&place, *state);
  assert_int_equal(place_save(&place, "one"), 0);
  sqlite3* other = database_open(&place);
  assert_int_equal(database_run(other, "PRAGMA journal_mode=DELETE"),
                   SQLITE_BUSY);
  place_close(&place);
  assert_int_equal(database_run(other, "PRAGMA journal_mode=DELETE"),
                   SQLITE_OK);
  assert_int_equal(database_run(other, "BEGIN EXCLUSIVE"), SQLITE_OK);
  open_store(&place, NULL);
  assert_int_equal(place_load(&place, 0), UV_EBUSY);
  place_close(&place);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  pid_t child = fork();
  if (child == 0) { /* locks are seen by other processes only */
    int fd = open(place.path, O_RDWR | O_CLOEXEC);
    _exit(fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_int_equal(database_run(other, "COMMIT"), SQLITE_OK);
  sqlite3_close(other);
  open_store(&place, NULL);
  place_assert_load(&place, 0, "one");
  end(&place);
}

static void test_what_is_no_database(void** state) {
  struct place place;
  char text[40] = "";
  begin(&place, *state);
  place_put(place.path, "a letter, and nothing like a database", 0600);
  assert_int_equal(place_load(&place, 0), UV_EIO);
  assert_int_equal(place_save(&place, "one"), UV_EIO);
  int fd = open(place.path, O_RDONLY | O_CLOEXEC);
  assert_int_equal(read(fd, text, sizeof text - 1), 37);
  close(fd);
  assert_string_equal(text, "a letter, and nothing like a database");
  end(&place);
}

static void test_a_damaged_database(void** state) {
  struct place place;
  char zeros[4096] = {0};
  begin(&place, *state);
  for (int i = 0; i < 3; i++)
    assert_int_equal(place_save(&place, "one"), 0);
  place_close(&place);
  int fd = open(place.path, O_WRONLY | O_CLOEXEC);
  assert_int_equal(pwrite(fd, zeros, sizeof zeros, 4096), 4096);
  close(fd);
  open_store(&place, NULL);
  assert_int_equal(place_load(&place, 0), UV_EIO);
  assert_int_equal(place_save(&place, "two"), UV_EIO);
  end(&place);
}

static void test_modes_and_kinds_are_refused(void** state) {
  static const mode_t modes[] = {0640, 0620, 0604, 0602, 0644, 0666};
  struct place place;
  begin(&place, *state);
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    place_put(place.path, "", modes[i]);
    assert_int_equal(place_load(&place, 0), UV_EPERM);
    assert_int_equal(place_save(&place, "one"), UV_EPERM);
  }
  assert_int_equal(unlink(place.path), 0);
  assert_int_equal(symlink("elsewhere", place.path), 0);
  assert_int_equal(place_load(&place, 0), UV_ELOOP);
  assert_int_equal(unlink(place.path), 0);
  assert_int_equal(mkdir(place.path, 0700), 0);
  assert_int_equal(place_load(&place, 0), UV_EISDIR);
  assert_int_equal(rmdir(place.path), 0);
  assert_int_equal(mkfifo(place.path, 0600), 0);
  assert_int_equal(place_load(&place, 0), UV_EINVAL);
  assert_int_equal(unlink(place.path), 0);
  place_put(place.path, "", 0600);
  assert_int_equal(place_save(&place, "one"), 0);
  end(&place);
}

static void test_no_directory(void** state) {
  struct place place;
  place_begin(&place, *state);
  snprintf(place.path, sizeof place.path, "%s/none/state", place.directory);
  open_store(&place, NULL);
  assert_int_equal(place_load(&place, 0), UV_ENOTDIR);
  assert_int_equal(place_save(&place, "one"), UV_ENOTDIR);
  end(&place);
}

static void test_a_database_that_is_read_only(void** state) {
  struct place place;
  struct answer answer;
  begin(&place, *state);
  place_leave_root(&place);
  int first = place_save(&place, "one");
  place_close(&place);
  int mode = chmod(place.path, 0400);
  open_store(&place, NULL);
  int second = place_save(&place, "two");
  int third = place_load_answer(&place, 0, &answer);
  place_close(&place);
  place_be_root_again();
  assert_int_equal(mode, 0);
  assert_int_equal(first, 0);
  assert_int_equal(second, UV_EROFS);
  assert_int_equal(third, 0);
  assert_string_equal(answer.text, "one");
  /* Whoever may not write cannot remove the log either. */
  place_remove(&place, all_endings);
}

static void test_a_database_that_was_moved(void** state) {
  struct place place;
  char moved[120];
  char beside[120];
  begin(&place, *state);
  assert_int_equal(place_save(&place, "one"), 0);
  snprintf(moved, sizeof moved, "%s-moved", place.path);
  assert_int_equal(rename(place.path, moved), 0);
  snprintf(beside, sizeof beside, "%s-wal", place.path);
  assert_int_equal(unlink(beside), 0);
  snprintf(beside, sizeof beside, "%s-shm", place.path);
  assert_int_equal(unlink(beside), 0);
  assert_int_equal(place_save(&place, "two"), 0);
  place_assert_load(&place, 0, "two");
  assert_int_equal(place_load(&place, 1), UV_ENOENT);
  assert_int_equal(
      database_ask_once(&place, "SELECT count(*) FROM gcnotify_checkpoint"), 1);
  unlink(moved);
  end(&place);
}

static void test_names_mean_nothing_to_sqlite(void** state) {
  static const char* const names[] = {":memory:", "file:x?mode=memory"};
  struct place place;
  char back[4096];
  assert_non_null(getcwd(back, sizeof back));
  for (size_t i = 0; i < 2; i++) {
    struct stat info;
    place_begin(&place, *state);
    assert_int_equal(chdir(place.directory), 0);
    snprintf(place.path, sizeof place.path, "%s", names[i]);
    open_store(&place, NULL);
    int error = place_save(&place, "one");
    int missing = lstat(names[i], &info);
    place_close(&place);
    unlink(names[i]);
    assert_int_equal(chdir(back), 0);
    assert_int_equal(error, 0);
    assert_int_equal(missing, 0);
    assert_int_equal(rmdir(place.directory), 0);
  }
}

static void test_sizes(void** state) {
  struct place place;
  begin(&place, *state);
  place_pass_through(&place, BIG_SIZE);
  size_t size_max = GCN__CHECKPOINT_SIZE_MAX;
  assert_int_equal(place_save_acks(&place, gcn__span("", size_max + 1), NULL),
                   UV_EFBIG);
  sqlite3* other = database_open(&place);
  assert_int_equal(
      database_run(other, "UPDATE gcnotify_checkpoint SET bytes='text'"),
      SQLITE_OK);
  sqlite3_close(other);
  assert_int_equal(place_load(&place, 0), UV_EIO);
  end(&place);
}

static void test_making_and_closing(void** state) {
  static char path[5000];
  struct place place;
  memset(path, 'x', sizeof path - 1);
  begin(&place, *state);
  end(&place); /* without a request */
  assert_int_equal(
      gcn__sqlitestore_new(place.loop, &gcn__mem_libc, "", NULL, &place.store),
      UV_EINVAL);
  assert_int_equal(gcn__sqlitestore_new(place.loop, &gcn__mem_libc, path, NULL,
                                        &place.store),
                   UV_EINVAL);
  int error = UV_ENOMEM;
  for (size_t n = 1; error != 0; n++) {
    place.spy.probe = (struct mem_probe){.fail_at = n};
    error =
        gcn__sqlitestore_new(place.loop, &place.mem, "a", NULL, &place.store);
    assert_true(error == UV_ENOMEM || n > 2);
    assert_true(error == 0 || place.spy.probe.live_size == 0);
  }
  assert_int_equal(error, 0);
  place_close(&place);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_nothing_stored),
      LOOP_TEST(test_two_generations),
      LOOP_TEST(test_files_are_the_owners_alone),
      LOOP_TEST(test_it_is_durable),
      LOOP_TEST(test_locks_of_this_process_hold),
      LOOP_TEST(test_what_is_no_database),
      LOOP_TEST(test_a_damaged_database),
      LOOP_TEST(test_modes_and_kinds_are_refused),
      LOOP_TEST(test_no_directory),
      LOOP_TEST(test_a_database_that_is_read_only),
      LOOP_TEST(test_a_database_that_was_moved),
      LOOP_TEST(test_names_mean_nothing_to_sqlite),
      LOOP_TEST(test_sizes),
      LOOP_TEST(test_making_and_closing),
  };
  return cmocka_run_group_tests_name("sqlitestore", tests, NULL, NULL);
}
