/* SPDX-License-Identifier: MIT */
/*
 * A strict reader of OpenMetrics 1.0 text, for tests: of the format it takes
 * the part that a client may write, and nothing that is not in the standard.
 */
#ifndef GCN_TEST_OPENMETRICS_H
#define GCN_TEST_OPENMETRICS_H

#include <stddef.h>

/* NULL, or what is wrong; `line` is then the number of the line. */
const char* openmetrics_check(const char* text, size_t* line);

/* The value of the series as written, e.g. for "gcn_events_received_total" or
 * "x{a=\"b\"}"; NULL if there is none.  Copied to `value`. */
const char* openmetrics_value(const char* text, const char* series, char* value,
                              size_t size);

#endif
