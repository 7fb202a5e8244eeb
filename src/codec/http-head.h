/* SPDX-License-Identifier: MIT */
/*
 * The start line and headers of one HTTP message, kept as they came.
 *
 * It knows no framing and no limits but its own sizes.  The raw bytes have
 * passed the guard, so every line ends in CR LF and every header has a name
 * and a colon.  The table holds positions, not pointers, because the raw
 * buffer moves as it grows.
 */
#ifndef GCN_CODEC_HTTP_HEAD_H
#define GCN_CODEC_HTTP_HEAD_H

#include "base/buf.h"
#include "base/span.h"

struct gcn__http_head {
  struct gcn__buf raw;
  struct gcn__buf table; /* of struct entry */
};

void gcn__http_head_init(struct gcn__http_head* head,
                         const struct gcn__mem* mem, size_t size_max,
                         size_t count_max);
void gcn__http_head_deinit(struct gcn__http_head* head);
/* Empties it and keeps the memory. */
void gcn__http_head_clear(struct gcn__http_head* head);

/* Makes the table, once `raw` ends with the empty line.  0, GCN_ELIMIT (more
 * than count_max headers) or GCN__ENOMEM. */
int gcn__http_head_index(struct gcn__http_head* head);

/* Without CR LF. */
struct gcn__span gcn__http_head_start_line(const struct gcn__http_head* head);

size_t gcn__http_head_count(const struct gcn__http_head* head);
struct gcn__span gcn__http_head_name(const struct gcn__http_head* head,
                                     size_t index);
/* Without the white space around it. */
struct gcn__span gcn__http_head_value(const struct gcn__http_head* head,
                                      size_t index);
/* The first header of that name; see gcn__http_header. */
struct gcn__span gcn__http_head_find(const struct gcn__http_head* head,
                                     const char* name, size_t* count);
/* See gcn__http_has_token. */
bool gcn__http_head_has_token(const struct gcn__http_head* head,
                              const char* name, const char* token);

#endif
