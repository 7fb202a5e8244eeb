/* SPDX-License-Identifier: MIT */
/*
 * Text into memory of a fixed size: what has no room is counted, not written.
 *
 * Numbers come out the same in every locale.
 */
#ifndef GCN_CLIENT_METRICS_OUT_H
#define GCN_CLIENT_METRICS_OUT_H

#include <stddef.h>
#include <stdint.h>

struct gcn__metrics_out {
  char* text;
  size_t size; /* of the memory; 0: there is none */
  size_t used; /* of the whole text, the NUL not counted */
};

void gcn__metrics_put(struct gcn__metrics_out* out, const char* text);
void gcn__metrics_put_number(struct gcn__metrics_out* out, uint64_t number);
/* "12.345" for 12345 ms */
void gcn__metrics_put_seconds(struct gcn__metrics_out* out, uint64_t ms);
/* In quotes.  Backslash, quote and line feed get their backslash, as both
 * OpenMetrics and JSON have it; other control bytes become '?'. */
void gcn__metrics_put_quoted(struct gcn__metrics_out* out, const char* text);
/* Ends the text; returns its size. */
int gcn__metrics_end(struct gcn__metrics_out* out);

#endif
