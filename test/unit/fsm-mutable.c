/* SPDX-License-Identifier: MIT */
/*
 * The state table once more, as a table that a test may change.  Linked before
 * the library, it is the one that everything in the program looks at.
 */
#define GCN_FSM_MUTABLE

#include "core/fsm.c" /* NOLINT: the very same table */
