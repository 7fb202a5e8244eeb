/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints in an SQLite database, on libuv's thread pool.
 *
 * One row per generation in the table gcnotify_checkpoint, WAL, synchronous
 * FULL, one transaction per save.  The caller's own effects can be part of that
 * transaction: then they and the position become durable together or not at
 * all, which is exactly-once for everything kept in that database.
 *
 * The database may be the caller's, with tables of the caller's and other
 * connections to it.  It must be nobody else's to read, because it holds
 * capabilities from now on.
 */
#ifndef GCN_LOOP_SQLITESTORE_H
#define GCN_LOOP_SQLITESTORE_H

#include "base/mem.h"
#include "loop/store.h"

#include <uv.h>

struct sqlite3;

/* Called on a thread of the pool, inside the transaction of a save: write what
 * the events of `sequences` mean, through `db`, and do not begin, commit or
 * roll back.  0, or anything else to roll back and have the save fail; it is
 * tried again with the same events, and maybe more. */
struct gcn__sqlite_effect {
  /* Not called for a save that acknowledges nothing. */
  int (*apply)(void* ctx, struct sqlite3* db, const uint64_t* sequences,
               size_t count);
  void* ctx;
};

/* Makes a store; the file is opened, or made with mode 0600, by the first
 * request.  `path` is copied; `effect` may be NULL.  0, UV_EINVAL (empty, or
 * too long), UV_ENOMEM, UV_ENOSYS (this library was built without SQLite, or
 * SQLite without threads).
 *
 * Requests end in UV_ECANCELED (the effect said no, or ended the transaction),
 * UV_EBUSY (another connection writes), UV_ENOSPC, UV_EROFS, UV_ENOMEM,
 * UV_EPERM (others may read or write the file, or it is neither the user's own
 * nor root's), UV_ELOOP, UV_EISDIR or UV_EINVAL (no plain file), UV_ENOTDIR (no
 * directory to put it in), UV_EFBIG (more than GCN__CHECKPOINT_SIZE_MAX bytes),
 * UV_EIO (no database, or a damaged one), or what the system said.  An error
 * has changed nothing. */
int gcn__sqlitestore_new(uv_loop_t* loop, const struct gcn__mem* mem,
                         const char* path,
                         const struct gcn__sqlite_effect* effect,
                         struct gcn__store* store);

#endif
