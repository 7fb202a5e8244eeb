/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong here fails the test, but for what an effect meets.
 */
#include "database.h"

#include <stdio.h>

sqlite3* database_open(const struct place* place) {
  sqlite3* db;
  assert_int_equal(
      sqlite3_open_v2(place->path, &db, SQLITE_OPEN_READWRITE, NULL),
      SQLITE_OK);
  return db;
}

int database_run(sqlite3* db, const char* sql) {
  return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int64_t database_ask(sqlite3* db, const char* sql) {
  sqlite3_stmt* row;
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(row), SQLITE_ROW);
  int64_t number = sqlite3_column_int64(row, 0);
  sqlite3_finalize(row);
  return number;
}

int64_t database_ask_once(const struct place* place, const char* sql) {
  sqlite3* db = database_open(place);
  int64_t number = database_ask(db, sql);
  sqlite3_close(db);
  return number;
}

int database_note(void* ctx, sqlite3* db, const uint64_t* sequences,
                  size_t count) {
  unsigned* calls = ctx;
  char sql[100];
  if (calls != NULL) (*calls)++;
  int result =
      database_run(db, "CREATE TABLE IF NOT EXISTS effects("
                       "sequence INTEGER PRIMARY KEY, synchronous INTEGER)");
  int64_t synchronous = database_ask(db, "PRAGMA synchronous");
  for (size_t i = 0; result == SQLITE_OK && i < count; i++) {
    snprintf(sql, sizeof sql, "INSERT INTO effects VALUES(%llu, %lld)",
             (unsigned long long)sequences[i], (long long)synchronous);
    result = database_run(db, sql);
  }
  return result;
}
