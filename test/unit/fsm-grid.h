/* SPDX-License-Identifier: MIT */
/*
 * The state table as Markdown, for src/DESIGN.md.
 */
#ifndef GCN_TEST_FSM_GRID_H
#define GCN_TEST_FSM_GRID_H

#include <stddef.h>

/* The whole text from the table in the program; free with free(). */
char* fsm_grid_print(void);

/* What stands between the markers of the document at `path`; NULL if it can't
 * be read or has no markers.  Free with free(). */
char* fsm_grid_read(const char* path);
/* Replaces it.  0 or -1. */
int fsm_grid_write(const char* path, const char* grid);

/* Which timers a set of verbs may arm, as a set of timers. */
unsigned fsm_grid_armed_by(unsigned verbs);

#endif
