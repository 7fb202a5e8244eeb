/* SPDX-License-Identifier: MIT */
/*
 * See file.h.
 */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gcnotify/errno.h"

enum { PIECE_SIZE = 4096 };

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
