/* SPDX-License-Identifier: MIT */
/*
 * Failure records as sentences for people, with what to do about them.
 */
#ifndef GCN_CLI_FAILURE_H
#define GCN_CLI_FAILURE_H

#include "gcnotify.h"

enum { GCN__FAILURE_LINE_SIZE = 768 };

/* What to do, beginning with "; "; "" if there is nothing better to say than
 * what the record's own text says. */
const char* gcn__failure_remedy(const gcn_failure_t* failure);
/* Text, remedy and the numbers that support asks for. */
void gcn__failure_line(char out[GCN__FAILURE_LINE_SIZE],
                       const gcn_failure_t* failure);
/* The failure's line, or the reason if nothing failed. */
void gcn__failure_describe(char out[GCN__FAILURE_LINE_SIZE],
                           const gcn_transition_t* transition);

#endif
