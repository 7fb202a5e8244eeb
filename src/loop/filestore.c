/* SPDX-License-Identifier: MIT */
/*
 * The file store: a load or a save is a row of steps, one uv_fs_* each.
 *
 * It does not know what the bytes mean.  A step is begun when the one before
 * has ended; where one fails the row turns into what has to be put away, and
 * the first error is what the asker is told.
 */
#include "loop/filestore.h"

#include "base/assert.h"
#include "codec/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  PATH_SIZE_MAX = 4096 - (int)sizeof ".tmp",
  MODE = 0600,
  FILE_MODES_OF_OTHERS = 077,
};

enum step {
  IDLE,
  LOAD_LOOK, /* is there a PATH, and so a generation before it? */
  LOAD_OPEN,
  LOAD_STAT,
  LOAD_READ,
  LOAD_CLOSE,
  LOAD_OPEN_DIRECTORY, /* nothing was found, but is it there? */
  /* The directory is opened before anything is changed in it: whether it can be
   * synced must not turn out when the old generation has moved. */
  SAVE_OPEN_DIRECTORY,
  SAVE_CLEAR, /* of what a crash left */
  SAVE_CREATE,
  SAVE_WRITE,
  SAVE_SYNC,
  SAVE_CLOSE,
  SAVE_SHIFT,
  SAVE_REPLACE,
  SAVE_SYNC_DIRECTORY,
  /* What has to be put away, and is there. */
  END_CLOSE,
  END_REMOVE,
  END_CLOSE_DIRECTORY,
};

struct gcn__filestore {
  uv_loop_t* loop;
  const struct gcn__mem* mem;
  const struct gcn__filestore_api* api;
  uv_fs_t fs;
  uv_idle_t leaving; /* only so that the end comes later */
  enum step step;
  struct gcn__store_request* request; /* NULL: none is under way */
  int error;                          /* the first */
  unsigned generation;                /* of a load */
  const char* source;                 /* ... and the file in turn */
  uv_file file;
  uv_file directory_file;
  bool file_open;
  bool directory_open;
  bool unfinished;          /* PATH.tmp is there, or may be */
  bool goes_on_from_before; /* PATH.1 is the good one, PATH is not */
  /* Of a load: a block of the store's; of a save: the asker's. */
  char* loaded;
  size_t loaded_size;
  const char* bytes;
  size_t size;
  size_t offset;
  void (*gone)(void* ctx);
  void* gone_ctx;
  char* path;
  char* before; /* PATH.1 */
  char* draft;  /* PATH.tmp */
  char* directory;
};

const struct gcn__filestore_api gcn__filestore_system = {
    uv_fs_open,  uv_fs_close, uv_fs_read,   uv_fs_write, uv_fs_fsync,
    uv_fs_fstat, uv_fs_lstat, uv_fs_rename, uv_fs_unlink};

static void on_step(uv_fs_t* fs);

static int begin_io(struct gcn__filestore* store, bool writes) {
  const struct gcn__filestore_api* api = store->api;
  size_t size = store->size - store->offset;
  int64_t offset = (int64_t)store->offset;
  GCN__ASSERT(size <= GCN__CHECKPOINT_SIZE_MAX);
  /* libuv's buffers are mutable; a write does not change them. */
  char* base = writes ? (char*)(uintptr_t)store->bytes : store->loaded;
  uv_buf_t buf = uv_buf_init(base + store->offset, (unsigned)size);
  return (writes ? api->write : api->read)(store->loop, &store->fs, store->file,
                                           &buf, 1, offset, on_step);
}

static int begin_directory(struct gcn__filestore* store) {
  return store->api->open(store->loop, &store->fs, store->directory,
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, on_step);
}

static int begin_load_step(struct gcn__filestore* store) {
  const struct gcn__filestore_api* api = store->api;
  uv_loop_t* loop = store->loop;
  uv_fs_t* fs = &store->fs;
  switch (store->step) {
  case LOAD_LOOK: return api->lstat(loop, fs, store->path, on_step);
  case LOAD_OPEN:
    /* A pipe must not hold up a thread of the pool. */
    return api->open(loop, fs, store->source,
                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                     0, on_step);
  case LOAD_STAT: return api->fstat(loop, fs, store->file, on_step);
  case LOAD_READ: return begin_io(store, false);
  case LOAD_OPEN_DIRECTORY: return begin_directory(store);
  default: return api->close(loop, fs, store->file, on_step);
  }
}

static int begin_save_step(struct gcn__filestore* store) {
  const struct gcn__filestore_api* api = store->api;
  uv_loop_t* loop = store->loop;
  uv_fs_t* fs = &store->fs;
  switch (store->step) {
  case SAVE_OPEN_DIRECTORY: return begin_directory(store);
  case SAVE_CLEAR: return api->unlink(loop, fs, store->draft, on_step);
  case SAVE_CREATE:
    return api->open(loop, fs, store->draft,
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE,
                     on_step);
  case SAVE_WRITE: return begin_io(store, true);
  case SAVE_SYNC: return api->fsync(loop, fs, store->file, on_step);
  case SAVE_SHIFT:
    return api->rename(loop, fs, store->path, store->before, on_step);
  case SAVE_REPLACE:
    return api->rename(loop, fs, store->draft, store->path, on_step);
  case SAVE_SYNC_DIRECTORY:
    return api->fsync(loop, fs, store->directory_file, on_step);
  case END_REMOVE: return api->unlink(loop, fs, store->draft, on_step);
  case END_CLOSE_DIRECTORY:
    return api->close(loop, fs, store->directory_file, on_step);
  default: return api->close(loop, fs, store->file, on_step);
  }
}

static int begin_step(struct gcn__filestore* store) {
  bool loads = store->step < SAVE_OPEN_DIRECTORY;
  store->fs.data = store;
  int error = loads ? begin_load_step(store) : begin_save_step(store);
  if (error != 0) uv_fs_req_cleanup(&store->fs);
  return error;
}

/* The asker may ask again from inside of `done`. */
static void finish(struct gcn__filestore* store) {
  struct gcn__store_request* request = store->request;
  struct gcn__span bytes = gcn__span(NULL, 0);
  char* loaded = store->loaded;
  size_t loaded_size = store->loaded_size;
  if (store->error == 0 && loaded != NULL) {
    bytes = gcn__span(loaded, store->offset);
  }
  store->loaded = NULL;
  store->request = NULL;
  store->step = IDLE;
  const struct gcn__mem* mem = store->mem;
  request->done(request, store->error, bytes);
  if (loaded == NULL) return;
  gcn__wipe(loaded, loaded_size);
  gcn__free(mem, loaded, loaded_size);
}

/* The next thing to be put away. */
static enum step step_to_end(const struct gcn__filestore* store) {
  if (store->file_open) return END_CLOSE;
  if (store->unfinished) return END_REMOVE;
  if (store->directory_open) return END_CLOSE_DIRECTORY;
  return IDLE;
}

static enum step fail(struct gcn__filestore* store, int error) {
  if (store->error == 0) store->error = error;
  return step_to_end(store);
}

static int judge_file(const uv_stat_t* stat) {
  uint64_t kind = stat->st_mode & S_IFMT;
  if (kind == S_IFDIR) return UV_EISDIR;
  if (kind != S_IFREG) return UV_EINVAL;
  if (stat->st_uid != geteuid() && stat->st_uid != 0) return UV_EPERM;
  if ((stat->st_mode & FILE_MODES_OF_OTHERS) != 0) return UV_EPERM;
  return stat->st_size > GCN__CHECKPOINT_SIZE_MAX ? UV_EFBIG : 0;
}

static enum step after_stat(struct gcn__filestore* store) {
  const uv_stat_t* stat = uv_fs_get_statbuf(&store->fs);
  int error = judge_file(stat);
  if (error != 0) return fail(store, error);
  store->size = (size_t)stat->st_size;
  store->loaded_size = store->size + 1; /* an empty file has bytes, too */
  store->loaded = gcn__alloc(store->mem, store->loaded_size);
  if (store->loaded == NULL) return fail(store, UV_ENOMEM);
  return store->size > 0 ? LOAD_READ : LOAD_CLOSE;
}

/* A file that ended before its size is what could be read of it. */
static enum step after_read(struct gcn__filestore* store, size_t size) {
  store->offset += size;
  return size > 0 && store->offset < store->size ? LOAD_READ : LOAD_CLOSE;
}

static enum step after_load_open(struct gcn__filestore* store, int result) {
  if (result >= 0) {
    store->file = result;
    store->file_open = true;
    return LOAD_STAT;
  }
  /* What a socket says to being opened. */
  if (result == UV_ENXIO) return fail(store, UV_EINVAL);
  if (result != UV_ENOENT) return fail(store, result);
  if (store->source != store->path) return LOAD_OPEN_DIRECTORY;
  store->source = store->before;
  return LOAD_OPEN;
}

static enum step after_load_directory(struct gcn__filestore* store,
                                      int result) {
  store->directory_open = result >= 0;
  store->directory_file = result;
  if (result == UV_ENOENT) return fail(store, UV_ENOTDIR);
  return fail(store, result < 0 ? result : UV_ENOENT);
}

static enum step after_load_step(struct gcn__filestore* store, int result) {
  if (store->step == LOAD_OPEN) return after_load_open(store, result);
  if (store->step == LOAD_OPEN_DIRECTORY) {
    return after_load_directory(store, result);
  }
  if (store->step == LOAD_CLOSE) store->file_open = false;
  if (result < 0) return fail(store, result);
  switch (store->step) {
  case LOAD_LOOK: return LOAD_OPEN;
  case LOAD_STAT: return after_stat(store);
  case LOAD_READ: return after_read(store, (size_t)result);
  default:
    store->goes_on_from_before = store->generation > 0;
    return step_to_end(store);
  }
}

static enum step after_write(struct gcn__filestore* store, int result) {
  if (result == 0) return fail(store, UV_EIO);
  store->offset += (size_t)result;
  return store->offset < store->size ? SAVE_WRITE : SAVE_SYNC;
}

static void note_save_step(struct gcn__filestore* store, int result) {
  switch (store->step) {
  case SAVE_OPEN_DIRECTORY:
    store->directory_open = result >= 0;
    store->directory_file = result;
    break;
  case SAVE_CREATE:
    store->file_open = result >= 0;
    /* It is ours alone to remove, unless somebody else was quicker. */
    store->unfinished = result != UV_EEXIST;
    store->file = result;
    break;
  case SAVE_CLOSE: store->file_open = false; break;
  case SAVE_REPLACE: store->unfinished = result < 0; break;
  default: break;
  }
}

/* Nothing to remove, nothing to shift: as good as done. */
static bool is_fine(enum step step, int result) {
  bool absent_is_fine = step == SAVE_CLEAR || step == SAVE_SHIFT;
  return result >= 0 || (absent_is_fine && result == UV_ENOENT);
}

static enum step after_save_step(struct gcn__filestore* store, int result) {
  note_save_step(store, result);
  if (!is_fine(store->step, result)) return fail(store, result);
  switch (store->step) {
  case SAVE_CREATE: return store->size > 0 ? SAVE_WRITE : SAVE_SYNC;
  case SAVE_WRITE: return after_write(store, result);
  case SAVE_CLOSE:
    return store->goes_on_from_before ? SAVE_REPLACE : SAVE_SHIFT;
  case SAVE_SYNC_DIRECTORY:
    store->goes_on_from_before = false;
    return step_to_end(store);
  default: return (enum step)(store->step + 1);
  }
}

/* Whatever became of it, it is not tried again. */
static enum step after_end_step(struct gcn__filestore* store) {
  if (store->step == END_CLOSE) store->file_open = false;
  if (store->step == END_REMOVE) store->unfinished = false;
  if (store->step == END_CLOSE_DIRECTORY) store->directory_open = false;
  return step_to_end(store);
}

static enum step after_step(struct gcn__filestore* store, int result) {
  if (store->step >= END_CLOSE) return after_end_step(store);
  if (store->step >= SAVE_OPEN_DIRECTORY) return after_save_step(store, result);
  return after_load_step(store, result);
}

static void on_step(uv_fs_t* fs) {
  struct gcn__filestore* store = fs->data;
  int result = (int)uv_fs_get_result(fs);
  store->step = after_step(store, result);
  uv_fs_req_cleanup(fs);
  /* One that cannot even be begun has ended. */
  while (store->step != IDLE) {
    result = begin_step(store);
    if (result == 0) return;
    store->step = after_step(store, result);
  }
  finish(store);
}

/* The first step, and so nothing to put away if it cannot be begun. */
static int start(struct gcn__filestore* store, enum step step,
                 struct gcn__store_request* request) {
  GCN__ASSERT(store->request == NULL);
  store->step = step;
  store->error = 0;
  store->offset = 0;
  int error = begin_step(store);
  if (error == 0) store->request = request;
  return error;
}

static int load(void* self, unsigned generation,
                struct gcn__store_request* request) {
  struct gcn__filestore* store = self;
  if (generation >= GCN__STORE_GENERATIONS) return UV_EINVAL;
  store->generation = generation;
  store->goes_on_from_before = false;
  store->source = generation == 0 ? store->path : store->before;
  return start(store, generation == 0 ? LOAD_OPEN : LOAD_LOOK, request);
}

static int save(void* self, struct gcn__span bytes,
                const struct gcn__store_acks* acks,
                struct gcn__store_request* request) {
  struct gcn__filestore* store = self;
  (void)acks;
  if (bytes.size > GCN__CHECKPOINT_SIZE_MAX) return UV_EFBIG;
  store->bytes = bytes.data;
  store->size = bytes.size;
  return start(store, SAVE_OPEN_DIRECTORY, request);
}

static void release(struct gcn__filestore* store) {
  const struct gcn__mem* mem = store->mem;
  gcn__str_free(mem, store->path);
  gcn__str_free(mem, store->before);
  gcn__str_free(mem, store->draft);
  gcn__str_free(mem, store->directory);
  gcn__free(mem, store, sizeof *store);
}

static void on_left(uv_handle_t* handle) {
  struct gcn__filestore* store = handle->data;
  void (*gone)(void*) = store->gone;
  void* ctx = store->gone_ctx;
  release(store);
  gone(ctx);
}

static void close_store(void* self, void (*gone)(void* ctx), void* ctx) {
  struct gcn__filestore* store = self;
  GCN__ASSERT(store->request == NULL);
  store->gone = gone;
  store->gone_ctx = ctx;
  uv_idle_init(store->loop, &store->leaving);
  store->leaving.data = store;
  uv_close((uv_handle_t*)&store->leaving, on_left);
}

static char* join(const struct gcn__mem* mem, const char* path,
                  const char* ending) {
  size_t path_size = strlen(path);
  size_t size = path_size + strlen(ending) + 1;
  char* joined = gcn__alloc(mem, size);
  if (joined == NULL) return NULL;
  memcpy(joined, path, path_size);
  memcpy(joined + path_size, ending, size - path_size);
  return joined;
}

static char* directory_of(const struct gcn__mem* mem, const char* path) {
  const char* slash = strrchr(path, '/');
  if (slash == NULL) return gcn__str_copy(mem, ".");
  size_t size = slash == path ? 1 : (size_t)(slash - path);
  return gcn__str_copy_n(mem, path, size);
}

static bool is_path(const char* path) {
  size_t size = strlen(path);
  return size > 0 && size <= PATH_SIZE_MAX && path[size - 1] != '/';
}

int gcn__filestore_new_with(uv_loop_t* loop, const struct gcn__mem* mem,
                            const char* path,
                            const struct gcn__filestore_api* api,
                            struct gcn__store* store) {
  if (!is_path(path)) return UV_EINVAL;
  struct gcn__filestore* self = gcn__alloc_zero(mem, sizeof *self);
  if (self == NULL) return UV_ENOMEM;
  self->loop = loop;
  self->mem = mem;
  self->api = api;
  self->path = gcn__str_copy(mem, path);
  self->before = join(mem, path, ".1");
  self->draft = join(mem, path, ".tmp");
  self->directory = directory_of(mem, path);
  if (self->path == NULL || self->before == NULL || self->draft == NULL ||
      self->directory == NULL) {
    release(self);
    return UV_ENOMEM;
  }
  *store = (struct gcn__store){
      .self = self, .load = load, .save = save, .close = close_store};
  return 0;
}

int gcn__filestore_new(uv_loop_t* loop, const struct gcn__mem* mem,
                       const char* path, struct gcn__store* store) {
  return gcn__filestore_new_with(loop, mem, path, &gcn__filestore_system,
                                 store);
}
