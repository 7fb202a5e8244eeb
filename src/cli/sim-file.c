/* SPDX-License-Identifier: MIT */
/*
 * See sim-file.h.
 */
#include "cli/sim-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static int write_all(int fd, struct gcn__span text) {
  while (text.size > 0) {
    ssize_t size = write(fd, text.data, text.size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return -errno;
    text = gcn__span_skip(text, (size_t)size);
  }
  return 0;
}

/* Closes `fd` too; a full disk may be told only then. */
static int fill(int fd, struct gcn__span text) {
  int error = write_all(fd, text);
  if (close(fd) != 0 && error == 0) error = -errno;
  return error;
}

static int overwrite(const char* path, struct gcn__span text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  return fd < 0 ? -errno : fill(fd, text);
}

static int swap(const char* path, struct gcn__span text) {
  char other[PATH_SIZE];
  int size = snprintf(other, sizeof other, "%s.XXXXXX", path);
  if (size < 0 || (size_t)size >= sizeof other) return -ENAMETOOLONG;
  int fd = mkostemp(other, O_CLOEXEC);
  if (fd < 0) return -errno;
  /* Nothing here is secret, and the reader may be somebody else. */
  int error = fchmod(fd, 0644) != 0 ? -errno : 0;
  int filled = fill(fd, text);
  if (error == 0) error = filled;
  if (error == 0 && rename(other, path) != 0) error = -errno;
  if (error != 0) unlink(other);
  return error;
}

static bool is_special(const char* path) {
  struct stat status;
  return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

int gcn__cli_sim_file_replace(const char* path, struct gcn__span text) {
  return is_special(path) ? overwrite(path, text) : swap(path, text);
}

int gcn__cli_sim_file_temporary(struct gcn__span text, char* path,
                                size_t size) {
  const char* folder = getenv("TMPDIR");
  if (folder == NULL || folder[0] == '\0') folder = "/tmp";
  int used = snprintf(path, size, "%s/gcn-sim-XXXXXX", folder);
  if (used < 0 || (size_t)used >= size) return -ENAMETOOLONG;
  int fd = mkostemp(path, O_CLOEXEC);
  if (fd < 0) return -errno;
  int error = fill(fd, text);
  if (error != 0) unlink(path);
  return error;
}

void gcn__cli_sim_file_retire(const char* path) {
  struct stat status;
  if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode)) return;
  unlink(path);
}
