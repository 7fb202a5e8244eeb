/* SPDX-License-Identifier: MIT */
/*
 * What stands in for the SQLite store where there is no SQLite.
 */
#include "loop/sqlitestore.h"

int gcn__sqlitestore_new(uv_loop_t* loop, const struct gcn__mem* mem,
                         const char* path,
                         const struct gcn__sqlite_effect* effect,
                         struct gcn__store* store) {
  (void)loop;
  (void)mem;
  (void)path;
  (void)effect;
  (void)store;
  return UV_ENOSYS;
}
