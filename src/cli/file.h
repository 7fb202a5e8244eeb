/* SPDX-License-Identifier: MIT */
/*
 * Small files of the user, read whole.
 *
 * For start-up and for signals that ask for it; it blocks.
 */
#ifndef GCN_CLI_FILE_H
#define GCN_CLI_FILE_H

#include "base/buf.h"

/* Appends what is in the file.  `exposed` (may be NULL) tells whether others
 * than its owner may read or change it.
 *
 * 0; a negated errno; GCN_ELIMIT if it is larger than the buffer may grow. */
int gcn__file_read(const char* path, struct gcn__buf* out, bool* exposed);

#endif
