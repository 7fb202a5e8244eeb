/* SPDX-License-Identifier: MIT */
/*
 * A second connection to the database of a store, and an effect.
 */
#ifndef GCN_TEST_LOOP_DATABASE_H
#define GCN_TEST_LOOP_DATABASE_H

#include "place.h"

#include <sqlite3.h>

sqlite3* database_open(const struct place* place);
/* SQLite's result. */
int database_run(sqlite3* db, const char* sql);
/* The one number that a query has for an answer. */
int64_t database_ask(sqlite3* db, const char* sql);
int64_t database_ask_once(const struct place* place, const char* sql);

/* An effect: notes each event, and how durable its connection makes that, in
 * the table effects(sequence, synchronous).  `ctx` is an unsigned that counts
 * calls, or NULL. */
int database_note(void* ctx, sqlite3* db, const uint64_t* sequences,
                  size_t count);

#endif
