/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints in a file, by uv_fs_*: nothing here waits for a disk.
 *
 * PATH is the last generation, PATH.1 the one before, PATH.tmp what is being
 * written.  A save writes PATH.tmp (mode 0600, never through a link), fsyncs
 * it, renames PATH to PATH.1 and PATH.tmp to PATH, and fsyncs the directory.
 * Whatever moment the power goes, at least one whole generation that was saved
 * is there, and never one older than the last that `done` was told of.
 *
 * Between the two renames there is no PATH.  So where PATH is missing and
 * PATH.1 is not, PATH.1 is what was saved last: generation 0, and there is no
 * generation 1.
 *
 * If the last load was of generation 1 and went well, the caller goes on from
 * there because PATH is no good to him.  Then PATH is not renamed to PATH.1 but
 * replaced, until a save has succeeded: damage must not push out the only good
 * one, for that is what remains if the power goes in that save.
 */
#ifndef GCN_LOOP_FILESTORE_H
#define GCN_LOOP_FILESTORE_H

#include "base/mem.h"
#include "loop/store.h"

#include <uv.h>

/* libuv's calls of these names, or a test's. */
struct gcn__filestore_api {
  int (*open)(uv_loop_t* loop, uv_fs_t* request, const char* path, int flags,
              int mode, uv_fs_cb done);
  int (*close)(uv_loop_t* loop, uv_fs_t* request, uv_file file, uv_fs_cb done);
  int (*read)(uv_loop_t* loop, uv_fs_t* request, uv_file file,
              const uv_buf_t* bufs, unsigned count, int64_t offset,
              uv_fs_cb done);
  int (*write)(uv_loop_t* loop, uv_fs_t* request, uv_file file,
               const uv_buf_t* bufs, unsigned count, int64_t offset,
               uv_fs_cb done);
  int (*fsync)(uv_loop_t* loop, uv_fs_t* request, uv_file file, uv_fs_cb done);
  int (*fstat)(uv_loop_t* loop, uv_fs_t* request, uv_file file, uv_fs_cb done);
  int (*lstat)(uv_loop_t* loop, uv_fs_t* request, const char* path,
               uv_fs_cb done);
  int (*rename)(uv_loop_t* loop, uv_fs_t* request, const char* from,
                const char* to, uv_fs_cb done);
  int (*unlink)(uv_loop_t* loop, uv_fs_t* request, const char* path,
                uv_fs_cb done);
};

extern const struct gcn__filestore_api gcn__filestore_system;

/* Makes a store; nothing is read or written yet.  `path` is copied; its
 * directory must exist, and be readable, when something is saved.  0, UV_EINVAL
 * (empty, too long, or it ends in a slash), UV_ENOMEM.
 *
 * Loads refuse with UV_EPERM a file that others may read or write, or that is
 * neither the user's own nor root's; with UV_EISDIR, UV_ELOOP or UV_EINVAL what
 * is no plain file; with UV_EFBIG more than GCN__CHECKPOINT_SIZE_MAX bytes;
 * with UV_ENOTDIR a directory that is not there, because a disk that is missing
 * must not look like a first start.
 *
 * A save that fails leaves no PATH.tmp behind, where that can be helped, and
 * what was saved last in its place, as PATH or as PATH.1. */
int gcn__filestore_new(uv_loop_t* loop, const struct gcn__mem* mem,
                       const char* path, struct gcn__store* store);
int gcn__filestore_new_with(uv_loop_t* loop, const struct gcn__mem* mem,
                            const char* path,
                            const struct gcn__filestore_api* api,
                            struct gcn__store* store);

#endif
