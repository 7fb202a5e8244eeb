/* SPDX-License-Identifier: MIT */
/*
 * See file.h.
 */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gcnotify/errno.h"

enum { PIECE_SIZE = 4096, PATH_SIZE = 4096 };

/* Pipes are exempt: what `<(pass show x)` makes has no other reader. */
static bool is_exposed(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return false;
  return S_ISREG(status.st_mode) && (status.st_mode & 077) != 0;
}

static int read_all(int fd, struct gcn__buf* out) {
  for (;;) {
    char piece[PIECE_SIZE];
    ssize_t size = read(fd, piece, sizeof piece);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return -errno;
    if (size == 0) return 0;
    int error = gcn__buf_append(out, piece, (size_t)size);
    if (out->secret) gcn__wipe(piece, sizeof piece);
    if (error != 0) return error;
  }
}

int gcn__file_read(const char* path, struct gcn__buf* out, bool* exposed) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  if (exposed != NULL) *exposed = is_exposed(fd);
  int error = read_all(fd, out);
  close(fd);
  return error;
}

bool gcn__file_lasts(const char* path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int write_all(int fd, struct gcn__span text) {
  while (text.size > 0) {
    ssize_t size = write(fd, text.data, text.size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return -errno;
    text = gcn__span_skip(text, (size_t)size);
  }
  return 0;
}

int gcn__file_fill(int fd, struct gcn__span text) {
  int error = write_all(fd, text);
  if (close(fd) != 0 && error == 0) error = -errno;
  return error;
}

static int fill_secret(int fd, struct gcn__span text) {
  int error = write_all(fd, text);
  if (error == 0 && fsync(fd) != 0) error = -errno;
  if (close(fd) != 0 && error == 0) error = -errno;
  return error;
}

static int overwrite(const char* path, struct gcn__span text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  return fd < 0 ? -errno : gcn__file_fill(fd, text);
}

/* mkostemp's files are 0600; a public one's reader may be somebody else. */
static int swap(const char* path, struct gcn__span text,
                enum gcn__file_kind kind) {
  char other[PATH_SIZE];
  int size = snprintf(other, sizeof other, "%s.XXXXXX", path);
  if (size < 0 || (size_t)size >= sizeof other) return -ENAMETOOLONG;
  int fd = mkostemp(other, O_CLOEXEC);
  if (fd < 0) return -errno;
  bool secret = kind == GCN__FILE_SECRET;
  int error = !secret && fchmod(fd, 0644) != 0 ? -errno : 0;
  int filled = secret ? fill_secret(fd, text) : gcn__file_fill(fd, text);
  if (error == 0) error = filled;
  if (error == 0 && rename(other, path) != 0) error = -errno;
  if (error != 0) unlink(other);
  return error;
}

static bool is_special(const char* path) {
  struct stat status;
  return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

int gcn__file_replace(const char* path, struct gcn__span text,
                      enum gcn__file_kind kind) {
  if (is_special(path)) return overwrite(path, text);
  char* real = realpath(path, NULL); /* NULL: there is no such file yet */
  int error = swap(real == NULL ? path : real, text, kind);
  free(real);
  return error;
}
