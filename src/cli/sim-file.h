/* SPDX-License-Identifier: MIT */
/*
 * Small files for scripts that wait for them: there whole, or not at all.
 *
 * It blocks; for start-up.
 */
#ifndef GCN_CLI_SIM_FILE_H
#define GCN_CLI_SIM_FILE_H

#include "base/span.h"

/* Writes a temporary file beside `path` and gives it that name.  What is no
 * regular file (a pipe, a terminal) is written to instead.  0 or a negated
 * errno; then `path` is as it was. */
int gcn__cli_sim_file_replace(const char* path, struct gcn__span text);
/* A new file in the directory for temporary ones; `path` is filled in.  0 or a
 * negated errno. */
int gcn__cli_sim_file_temporary(struct gcn__span text, char* path, size_t size);
/* Removes an old regular file, so that nobody takes it for the new one. */
void gcn__cli_sim_file_retire(const char* path);

#endif
