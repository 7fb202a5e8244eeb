/* SPDX-License-Identifier: MIT */
/*
 * All ways to scan, for programs that want each.
 *
 * Such a program makes the choice itself, in place of codec/scan-choice.c; it
 * begins with the one for this processor.
 */
#ifndef GCN_TEST_SCAN_WAYS_H
#define GCN_TEST_SCAN_WAYS_H

#include "codec/scan-way.h"

enum { SCAN_WAYS_MAX = 3 };

/* Those that this processor can go. */
size_t scan_ways(const struct gcn__scan_way* ways[SCAN_WAYS_MAX]);
/* What is scanned from now on, is scanned this way; NULL: byte by byte. */
void scan_choose(const struct gcn__scan_way* way);

#endif
