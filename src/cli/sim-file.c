/* SPDX-License-Identifier: MIT */
/*
 * See sim-file.h.
 */
#include "cli/sim-file.h"

#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int gcn__cli_sim_file_replace(const char* path, struct gcn__span text) {
  /* Nothing here is secret, and the reader may be somebody else. */
  return gcn__file_replace(path, text, GCN__FILE_PUBLIC);
}

int gcn__cli_sim_file_temporary(struct gcn__span text, char* path,
                                size_t size) {
  const char* folder = getenv("TMPDIR");
  if (folder == NULL || folder[0] == '\0') folder = "/tmp";
  int used = snprintf(path, size, "%s/gcn-sim-XXXXXX", folder);
  if (used < 0 || (size_t)used >= size) return -ENAMETOOLONG;
  int fd = mkostemp(path, O_CLOEXEC);
  if (fd < 0) return -errno;
  int error = gcn__file_fill(fd, text);
  if (error != 0) unlink(path);
  return error;
}

void gcn__cli_sim_file_retire(const char* path) {
  struct stat status;
  if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode)) return;
  unlink(path);
}
