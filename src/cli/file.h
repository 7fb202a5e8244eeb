/* SPDX-License-Identifier: MIT */
/*
 * Small files of the user, read and written whole.
 *
 * A file that is written is there whole, or as it was before.  It blocks, for
 * as long as a disk takes.
 */
#ifndef GCN_CLI_FILE_H
#define GCN_CLI_FILE_H

#include "base/buf.h"

/* Appends what is in the file.  `exposed` (may be NULL) tells whether others
 * than its owner may read or change it.
 *
 * 0; a negated errno; GCN_ELIMIT if it is larger than the buffer may grow. */
int gcn__file_read(const char* path, struct gcn__buf* out, bool* exposed);
/* True for what has the same text when it is read again: a regular file, also
 * behind a symbolic link; no pipe. */
bool gcn__file_lasts(const char* path);

enum gcn__file_kind {
  GCN__FILE_PUBLIC, /* 0644 */
  GCN__FILE_SECRET, /* 0600, and on the disk before it takes the name */
};

/* Writes a temporary file beside `path` and gives it that name; a symbolic link
 * stays one.  What is no regular file (a pipe, a terminal) is written to
 * instead.  0 or a negated errno; then `path` is as it was. */
int gcn__file_replace(const char* path, struct gcn__span text,
                      enum gcn__file_kind kind);
/* Closes `fd` too, which may be when a full disk is told.  0 or a negated
 * errno. */
int gcn__file_fill(int fd, struct gcn__span text);

#endif
