/* SPDX-License-Identifier: MIT */
/*
 * The SQLite store: every request is one piece of work for the thread pool.
 *
 * It does not know what the bytes mean.  The connection belongs to whichever
 * thread has the work, and there is never more than one; what passes between
 * that thread and the loop is in the store, and is touched by one of them at a
 * time.  SQLite allocates for itself: the client's allocator is the loop's.
 */
#include "loop/sqlitestore.h"

#include "base/assert.h"
#include "codec/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  PATH_SIZE_MAX = 4000,
  BUSY_MS = 250, /* of a thread that others want, too */
  MODE = 0600,
  MODES_OF_OTHERS = 077,
};

enum job { JOB_LOAD, JOB_SAVE, JOB_CLOSE };

struct gcn__sqlitestore {
  uv_loop_t* loop;
  const struct gcn__mem* mem;
  char* path;
  struct gcn__sqlite_effect effect;
  sqlite3* db; /* NULL: not open */
  uv_work_t work;
  enum job job;
  struct gcn__store_request* request; /* NULL: none is under way */
  unsigned generation;
  struct gcn__span bytes; /* to save */
  const struct gcn__store_acks* acks;
  int status;
  char* loaded; /* of sqlite3_malloc */
  size_t loaded_size;
  void (*gone)(void* ctx);
  void* gone_ctx;
};

/* Never UV_ENOENT, which of a load means that all is well. */
static int status_of_system(sqlite3* db) {
  int error = db == NULL ? 0 : sqlite3_system_errno(db);
  return error > 0 && error != ENOENT ? uv_translate_sys_error(error) : UV_EIO;
}

static int status_of(sqlite3* db, int result) {
  switch (result & 0xff) {
  case SQLITE_OK:
  case SQLITE_ROW:
  case SQLITE_DONE: return 0;
  case SQLITE_BUSY:
  case SQLITE_LOCKED: return UV_EBUSY;
  case SQLITE_FULL: return UV_ENOSPC;
  case SQLITE_READONLY: return UV_EROFS;
  case SQLITE_NOMEM: return UV_ENOMEM;
  case SQLITE_PERM:
  case SQLITE_AUTH: return UV_EPERM;
  case SQLITE_TOOBIG: return UV_EFBIG;
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN: return status_of_system(db);
  default: return UV_EIO;
  }
}

static int run(sqlite3* db, const char* sql) {
  return status_of(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* The name of a file made is durable once its directory is. */
static int sync_directory(const struct gcn__sqlitestore* store) {
  char path[PATH_SIZE_MAX + 3];
  const char* slash = strrchr(store->path, '/'); /* there always is one */
  size_t size = slash == store->path ? 1 : (size_t)(slash - store->path);
  memcpy(path, store->path, size);
  path[size] = '\0';
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return uv_translate_sys_error(errno);
  int error = fsync(fd) != 0 ? uv_translate_sys_error(errno) : 0;
  close(fd);
  return error;
}

static int judge_file(const char* path) {
  struct stat info;
  if (lstat(path, &info) != 0) return UV_EIO; /* it was there just now */
  if (S_ISLNK(info.st_mode)) return UV_ELOOP;
  if (S_ISDIR(info.st_mode)) return UV_EISDIR;
  if (!S_ISREG(info.st_mode)) return UV_EINVAL;
  if (info.st_uid != geteuid() && info.st_uid != 0) return UV_EPERM;
  return (info.st_mode & MODES_OF_OTHERS) != 0 ? UV_EPERM : 0;
}

/* A file that is there is only looked at, never opened: closing a descriptor of
 * it would take away the locks of every other connection in this process.  The
 * log and the index beside it get its mode from SQLite. */
static int make_file(const struct gcn__sqlitestore* store) {
  int fd = open(store->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                MODE);
  if (fd < 0 && errno == EEXIST) return judge_file(store->path);
  if (fd < 0 && errno == ENOENT) return UV_ENOTDIR;
  if (fd < 0) return uv_translate_sys_error(errno);
  close(fd);
  return sync_directory(store);
}

static void close_db(struct gcn__sqlitestore* store) {
  /* _v2: a statement that an effect forgot must not keep it from closing. */
  sqlite3_close_v2(store->db);
  store->db = NULL;
}

/* A database that cannot have a log beside it is as durable without. */
static int prepare_db(sqlite3* db) {
  sqlite3_busy_timeout(db, BUSY_MS);
  int error = run(db, "PRAGMA synchronous=FULL;"
                      "PRAGMA fullfsync=ON;"
                      "PRAGMA journal_mode=WAL;");
  if (error != 0) return error;
  return run(db, "CREATE TABLE IF NOT EXISTS gcnotify_checkpoint("
                 "serial INTEGER PRIMARY KEY,"
                 "bytes BLOB NOT NULL,"
                 "saved TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)");
}

/* Whoever moved the database away did not move us. */
static bool was_moved(sqlite3* db) {
  int moved = 0;
  int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return result == SQLITE_OK && moved != 0;
}

static int open_db(struct gcn__sqlitestore* store) {
  if (store->db != NULL && was_moved(store->db)) close_db(store);
  if (store->db != NULL) return 0;
  int error = make_file(store);
  if (error != 0) return error;
  int result = sqlite3_open_v2(store->path, &store->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX |
                                   SQLITE_OPEN_PRIVATECACHE,
                               NULL);
  error = status_of(store->db, result);
  if (error == 0) error = prepare_db(store->db);
  if (error != 0) close_db(store);
  return error;
}

static int copy_blob(struct gcn__sqlitestore* store, sqlite3_stmt* row) {
  const void* blob = sqlite3_column_blob(row, 0); /* before its size */
  int size = sqlite3_column_bytes(row, 0);
  if (sqlite3_column_type(row, 0) != SQLITE_BLOB) return UV_EIO;
  if (size > GCN__CHECKPOINT_SIZE_MAX) return UV_EFBIG;
  if (size > 0 && blob == NULL) return UV_ENOMEM;
  store->loaded_size = (size_t)size;
  store->loaded = sqlite3_malloc(size + 1); /* an empty one has bytes, too */
  if (store->loaded == NULL) return UV_ENOMEM;
  if (size > 0) memcpy(store->loaded, blob, store->loaded_size);
  return 0;
}

static int load_row(struct gcn__sqlitestore* store) {
  sqlite3_stmt* row = NULL;
  int result = sqlite3_prepare_v2(store->db,
                                  "SELECT bytes FROM gcnotify_checkpoint "
                                  "ORDER BY serial DESC LIMIT 1 OFFSET ?1",
                                  -1, &row, NULL);
  if (result == SQLITE_OK) {
    result = sqlite3_bind_int(row, 1, (int)store->generation);
  }
  if (result == SQLITE_OK) result = sqlite3_step(row);
  int error = status_of(store->db, result);
  if (result == SQLITE_DONE) error = UV_ENOENT;
  if (result == SQLITE_ROW) error = copy_blob(store, row);
  sqlite3_finalize(row);
  return error;
}

static int insert_row(struct gcn__sqlitestore* store) {
  sqlite3_stmt* row = NULL;
  int result = sqlite3_prepare_v2(
      store->db, "INSERT INTO gcnotify_checkpoint(bytes) VALUES(?1)", -1, &row,
      NULL);
  if (result == SQLITE_OK) {
    const char* bytes = store->bytes.size == 0 ? "" : store->bytes.data;
    result =
        sqlite3_bind_blob64(row, 1, bytes, store->bytes.size, SQLITE_STATIC);
  }
  if (result == SQLITE_OK) result = sqlite3_step(row);
  int error = status_of(store->db, result);
  sqlite3_finalize(row);
  return error;
}

static int apply_effect(struct gcn__sqlitestore* store) {
  const struct gcn__store_acks* acks = store->acks;
  const struct gcn__sqlite_effect* effect = &store->effect;
  if (effect->apply == NULL || acks == NULL || acks->count == 0) return 0;
  int refusal =
      effect->apply(effect->ctx, store->db, acks->sequences, acks->count);
  if (refusal != 0) return UV_ECANCELED;
  /* Some errors end the transaction by themselves. */
  return sqlite3_get_autocommit(store->db) ? UV_ECANCELED : 0;
}

static int save_inside(struct gcn__sqlitestore* store) {
  int error = apply_effect(store);
  if (error == 0) error = insert_row(store);
  if (error == 0) {
    error = run(store->db, "DELETE FROM gcnotify_checkpoint WHERE serial <= "
                           "(SELECT max(serial) FROM gcnotify_checkpoint) - 2");
  }
  return error != 0 ? error : run(store->db, "COMMIT");
}

static int save_row(struct gcn__sqlitestore* store) {
  int error = run(store->db, "BEGIN IMMEDIATE");
  if (error != 0) return error;
  error = save_inside(store);
  if (error != 0 && !sqlite3_get_autocommit(store->db)) {
    run(store->db, "ROLLBACK");
  }
  return error;
}

/* What the connection has to do with it begins anew with the next request. */
static bool is_of_connection(int status) {
  return status != 0 && status != UV_ENOENT && status != UV_EBUSY &&
         status != UV_ECANCELED;
}

static void on_work(uv_work_t* work) {
  struct gcn__sqlitestore* store = work->data;
  if (store->job == JOB_CLOSE) {
    close_db(store);
    return;
  }
  store->status = open_db(store);
  if (store->status != 0) return;
  bool loads = store->job == JOB_LOAD;
  store->status = loads ? load_row(store) : save_row(store);
  if (is_of_connection(store->status)) close_db(store);
}

static void forget(char* loaded, size_t size) {
  if (loaded == NULL) return;
  gcn__wipe(loaded, size);
  sqlite3_free(loaded);
}

/* The asker may ask again from inside of `done`. */
static void finish(struct gcn__sqlitestore* store) {
  struct gcn__store_request* request = store->request;
  struct gcn__span bytes = gcn__span(store->loaded, store->loaded_size);
  char* loaded = store->loaded;
  store->request = NULL;
  store->loaded = NULL;
  store->loaded_size = 0;
  request->done(request, store->status, bytes);
  forget(loaded, bytes.size);
}

static void leave(struct gcn__sqlitestore* store) {
  const struct gcn__mem* mem = store->mem;
  void (*gone)(void*) = store->gone;
  void* ctx = store->gone_ctx;
  gcn__str_free(mem, store->path);
  gcn__free(mem, store, sizeof *store);
  gone(ctx);
}

static void on_worked(uv_work_t* work, int status) {
  struct gcn__sqlitestore* store = work->data;
  GCN__ASSERT(status == 0); /* nobody cancels it */
  (void)status;
  if (store->job == JOB_CLOSE) {
    leave(store);
  } else {
    finish(store);
  }
}

static int start(struct gcn__sqlitestore* store, enum job job,
                 struct gcn__store_request* request) {
  GCN__ASSERT(store->request == NULL);
  store->job = job;
  store->work.data = store;
  int error = uv_queue_work(store->loop, &store->work, on_work, on_worked);
  if (error == 0) store->request = request;
  return error;
}

static int load(void* self, unsigned generation,
                struct gcn__store_request* request) {
  struct gcn__sqlitestore* store = self;
  if (generation >= GCN__STORE_GENERATIONS) return UV_EINVAL;
  store->generation = generation;
  return start(store, JOB_LOAD, request);
}

static int save(void* self, struct gcn__span bytes,
                const struct gcn__store_acks* acks,
                struct gcn__store_request* request) {
  struct gcn__sqlitestore* store = self;
  if (bytes.size > GCN__CHECKPOINT_SIZE_MAX) return UV_EFBIG;
  store->bytes = bytes;
  store->acks = acks;
  return start(store, JOB_SAVE, request);
}

/* Closing writes the log back into the database: work, too. */
static void close_store(void* self, void (*gone)(void* ctx), void* ctx) {
  struct gcn__sqlitestore* store = self;
  store->gone = gone;
  store->gone_ctx = ctx;
  int error = start(store, JOB_CLOSE, NULL);
  GCN__ASSERT(error == 0); /* it fails without a callback only */
  (void)error;
}

/* With a directory before it the name is never one that means something to
 * SQLite, such as ":memory:". */
static char* copy_path(const struct gcn__mem* mem, const char* path) {
  if (path[0] == '/') return gcn__str_copy(mem, path);
  size_t size = strlen(path) + 1;
  char* copy = gcn__alloc(mem, size + 2);
  if (copy == NULL) return NULL;
  memcpy(copy, "./", 2);
  memcpy(copy + 2, path, size);
  return copy;
}

int gcn__sqlitestore_new(uv_loop_t* loop, const struct gcn__mem* mem,
                         const char* path,
                         const struct gcn__sqlite_effect* effect,
                         struct gcn__store* store) {
  size_t size = strlen(path);
  if (sqlite3_threadsafe() == 0) return UV_ENOSYS;
  if (size == 0 || size > PATH_SIZE_MAX) return UV_EINVAL;
  struct gcn__sqlitestore* self = gcn__alloc_zero(mem, sizeof *self);
  if (self == NULL) return UV_ENOMEM;
  self->path = copy_path(mem, path);
  if (self->path == NULL) {
    gcn__free(mem, self, sizeof *self);
    return UV_ENOMEM;
  }
  self->loop = loop;
  self->mem = mem;
  if (effect != NULL) self->effect = *effect;
  *store = (struct gcn__store){
      .self = self, .load = load, .save = save, .close = close_store};
  return 0;
}
