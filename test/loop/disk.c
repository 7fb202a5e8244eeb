/* SPDX-License-Identifier: MIT */
/*
 * Calls take effect at once and end in the next turn of the loop.
 */
#include "disk.h"

#include "harness.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORY_FILE = 100, WRITE_FATE_COUNT = 4 };

/* The one drive, and the one call under way. */
static struct {
  struct disk_drive* drive;
  uv_idle_t idle;
  bool idle_there;
  uv_fs_t* request;
  uv_fs_cb done;
} bench;

void disk_init(struct disk* disk) {
  memset(disk, 0, sizeof *disk);
  for (int i = 0; i < DISK_NAME_COUNT; i++)
    disk->names[i] = disk->synced[i] = DISK_NO_FILE;
}

void disk_mount(uv_loop_t* loop, struct disk_drive* drive) {
  assert_null(bench.request);
  if (drive != NULL && !bench.idle_there) uv_idle_init(loop, &bench.idle);
  if (drive == NULL && bench.idle_there) {
    harness_close((uv_handle_t*)&bench.idle);
  }
  bench.idle_there = drive != NULL;
  bench.drive = drive;
}

static void on_idle(uv_idle_t* idle) {
  uv_fs_t* request = bench.request;
  uv_idle_stop(idle);
  bench.request = NULL;
  bench.done(request);
}

/* What an operation does; its result is that of the call. */
typedef int (*effect_fn)(struct disk* disk, const void* arg);

static int call(uv_fs_t* request, uv_fs_cb done, effect_fn effect,
                const void* arg) {
  struct disk_drive* drive = bench.drive;
  void* data = request->data;
  assert_non_null(drive);
  assert_null(bench.request);
  bool strikes = ++drive->call_count == drive->fault_at;
  enum disk_fault fault = strikes ? drive->fault : DISK_FINE;
  if (fault == DISK_REFUSES) return UV_ENOMEM;
  memset(request, 0, sizeof *request);
  request->data = data;
  request->cb = done;
  int result = fault == DISK_FAILS ? 0 : effect(&drive->disk, arg);
  request->result = fault == DISK_FINE ? result : UV_EIO;
  bench.request = request;
  bench.done = done;
  uv_idle_start(&bench.idle, on_idle);
  if (drive->watch != NULL) drive->watch(drive->watch_ctx, &drive->disk);
  return 0;
}

static int name_of(const char* path) {
  static const char* const paths[DISK_NAME_COUNT] = {DISK_PATH, DISK_PATH ".1",
                                                     DISK_PATH ".tmp"};
  for (int i = 0; i < DISK_NAME_COUNT; i++) {
    if (strcmp(path, paths[i]) == 0) return i;
  }
  fail_msg("a path that is no business of the store's: %s", path);
  return 0;
}

static void change(struct disk* disk, struct disk_change change) {
  assert_true(disk->change_count < DISK_CHANGE_COUNT_MAX);
  disk->changes[disk->change_count++] = change;
  if (change.clear != DISK_NO_FILE) disk->names[change.clear] = DISK_NO_FILE;
  if (change.set != DISK_NO_FILE) disk->names[change.set] = change.file;
}

static int do_create(struct disk* disk, const void* path) {
  int name = name_of(path);
  if (disk->names[name] != DISK_NO_FILE) return UV_EEXIST;
  assert_true(disk->file_count < DISK_FILE_COUNT_MAX);
  int file = disk->file_count++;
  change(disk, (struct disk_change){name, file, DISK_NO_FILE});
  return file;
}

static int do_open(struct disk* disk, const void* path) {
  if (strcmp(path, "/dir") == 0) return DIRECTORY_FILE;
  int file = disk->names[name_of(path)];
  return file == DISK_NO_FILE ? UV_ENOENT : file;
}

static int open_file(uv_loop_t* loop, uv_fs_t* request, const char* path,
                     int flags, int mode, uv_fs_cb done) {
  (void)loop;
  bool creates = (flags & O_CREAT) != 0;
  assert_int_equal(mode, creates ? 0600 : 0);
  assert_true(!creates || (flags & O_EXCL) != 0);
  int error = call(request, done, creates ? do_create : do_open, path);
  if (error == 0 && request->result >= 0) bench.drive->open_count++;
  return error;
}

static int do_nothing(struct disk* disk, const void* arg) {
  (void)disk;
  (void)arg;
  return 0;
}

/* Also where it ends in an error: the descriptor is gone. */
static int close_file(uv_loop_t* loop, uv_fs_t* request, uv_file file,
                      uv_fs_cb done) {
  (void)loop;
  (void)file;
  int error = call(request, done, do_nothing, NULL);
  if (error == 0) bench.drive->open_count--;
  return error;
}

struct transfer {
  int file;
  const uv_buf_t* buf;
  int64_t offset;
};

static int do_read(struct disk* disk, const void* arg) {
  const struct transfer* transfer = arg;
  const struct disk_file* file = &disk->files[transfer->file];
  size_t offset = (size_t)transfer->offset;
  if (offset >= file->size) return 0;
  size_t size = file->size - offset;
  if (size > transfer->buf->len) size = transfer->buf->len;
  memcpy(transfer->buf->base, file->bytes + offset, size);
  return (int)size;
}

static int read_file(uv_loop_t* loop, uv_fs_t* request, uv_file file,
                     const uv_buf_t* bufs, unsigned count, int64_t offset,
                     uv_fs_cb done) {
  (void)loop;
  assert_int_equal(count, 1);
  const struct transfer transfer = {file, bufs, offset};
  return call(request, done, do_read, &transfer);
}

static int do_write(struct disk* disk, const void* arg) {
  const struct transfer* transfer = arg;
  struct disk_file* file = &disk->files[transfer->file];
  size_t size = transfer->buf->len;
  if (size > DISK_WRITE_SIZE_MAX) size = DISK_WRITE_SIZE_MAX;
  assert_int_equal(transfer->offset, file->size);
  assert_true(file->size + size <= DISK_FILE_SIZE_MAX);
  assert_true(file->write_count < DISK_WRITE_COUNT_MAX);
  memcpy(file->bytes + file->size, transfer->buf->base, size);
  file->writes[file->write_count++] = (struct disk_write){file->size, size};
  file->size += size;
  return (int)size;
}

static int write_file(uv_loop_t* loop, uv_fs_t* request, uv_file file,
                      const uv_buf_t* bufs, unsigned count, int64_t offset,
                      uv_fs_cb done) {
  (void)loop;
  assert_int_equal(count, 1);
  const struct transfer transfer = {file, bufs, offset};
  return call(request, done, do_write, &transfer);
}

static int do_sync(struct disk* disk, const void* arg) {
  int file = *(const int*)arg;
  if (file != DIRECTORY_FILE) {
    if (!bench.drive->lies_of_files) disk->files[file].write_count = 0;
    return 0;
  }
  if (bench.drive->lies_of_names) return 0;
  memcpy(disk->synced, disk->names, sizeof disk->synced);
  disk->change_count = 0;
  return 0;
}

static int sync_file(uv_loop_t* loop, uv_fs_t* request, uv_file file,
                     uv_fs_cb done) {
  (void)loop;
  return call(request, done, do_sync, &file);
}

static int stat_file(uv_loop_t* loop, uv_fs_t* request, uv_file file,
                     uv_fs_cb done) {
  (void)loop;
  int error = call(request, done, do_nothing, NULL);
  request->statbuf.st_mode = S_IFREG | 0600;
  request->statbuf.st_uid = geteuid();
  request->statbuf.st_size = bench.drive->disk.files[file].size;
  return error;
}

static int stat_path(uv_loop_t* loop, uv_fs_t* request, const char* path,
                     uv_fs_cb done) {
  (void)loop;
  return call(request, done, do_open, path);
}

static int do_rename(struct disk* disk, const void* arg) {
  const char* const* paths = arg;
  int from = name_of(paths[0]);
  int to = name_of(paths[1]);
  if (disk->names[from] == DISK_NO_FILE) return UV_ENOENT;
  change(disk, (struct disk_change){to, disk->names[from], from});
  return 0;
}

static int rename_file(uv_loop_t* loop, uv_fs_t* request, const char* from,
                       const char* to, uv_fs_cb done) {
  (void)loop;
  const char* const paths[] = {from, to};
  return call(request, done, do_rename, paths);
}

static int do_unlink(struct disk* disk, const void* path) {
  int name = name_of(path);
  if (disk->names[name] == DISK_NO_FILE) return UV_ENOENT;
  change(disk, (struct disk_change){DISK_NO_FILE, DISK_NO_FILE, name});
  return 0;
}

static int unlink_file(uv_loop_t* loop, uv_fs_t* request, const char* path,
                       uv_fs_cb done) {
  (void)loop;
  return call(request, done, do_unlink, path);
}

const struct gcn__filestore_api disk_api = {
    open_file, close_file, read_file,   write_file, sync_file,
    stat_file, stat_path,  rename_file, unlink_file};

uint64_t disk_cut_count(const struct disk* disk) {
  uint64_t count = (uint64_t)1 << disk->change_count;
  for (int i = 0; i < disk->file_count; i++) {
    for (unsigned k = 0; k < disk->files[i].write_count; k++)
      count *= WRITE_FATE_COUNT;
  }
  return count;
}

/* The size that is left of the file if the end of it has this fate. */
static void cut_write(struct disk_file* file, const struct disk_write* write,
                      unsigned fate) {
  size_t kept = fate == 1 ? write->size / 2 : write->size;
  size_t end = write->offset + kept;
  if (fate == 0) memset(file->bytes + write->offset, 0, write->size);
  if (fate == 0) return; /* a hole, if anything behind it was kept */
  memset(file->bytes + end, 0, write->size - kept);
  if (fate == 3) memset(file->bytes + write->offset, 0, write->size);
  if (file->size < end) file->size = end;
}

static void cut_file(struct disk_file* file, uint64_t* index) {
  if (file->write_count > 0) file->size = file->writes[0].offset;
  for (unsigned i = 0; i < file->write_count; i++) {
    cut_write(file, &file->writes[i], (unsigned)(*index % WRITE_FATE_COUNT));
    *index /= WRITE_FATE_COUNT;
  }
  file->write_count = 0;
}

static void cut_names(struct disk* disk, uint64_t* index) {
  for (unsigned i = 0; i < disk->change_count; i++) {
    const struct disk_change* change = &disk->changes[i];
    bool kept = *index % 2 == 1;
    *index /= 2;
    if (!kept) continue;
    if (change->clear != DISK_NO_FILE)
      disk->synced[change->clear] = DISK_NO_FILE;
    if (change->set != DISK_NO_FILE) disk->synced[change->set] = change->file;
  }
}

/* Files without a name are gone, and the others are numbered by name, so that
 * equal results are equal bytes. */
void disk_cut(const struct disk* disk, uint64_t index, struct disk* after) {
  struct disk left = *disk;
  for (int i = 0; i < left.file_count; i++)
    cut_file(&left.files[i], &index);
  cut_names(&left, &index);
  disk_init(after);
  for (int i = 0; i < DISK_NAME_COUNT; i++) {
    if (left.synced[i] == DISK_NO_FILE) continue;
    const struct disk_file* from = &left.files[left.synced[i]];
    struct disk_file* to = &after->files[after->file_count];
    memcpy(to->bytes, from->bytes, from->size);
    to->size = from->size;
    after->names[i] = after->synced[i] = after->file_count++;
  }
}
