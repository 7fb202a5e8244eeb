/* SPDX-License-Identifier: MIT */
/*
 * Rules on the raw bytes of an HTTP message's framing.
 *
 * Versions of llhttp differ in what they let pass, and some of it (CR LF CR X
 * as the end of the headers, CVE-2025-23167) cannot be seen from its
 * callbacks.  So every byte outside of a body passes here before it reaches
 * llhttp.  The guard only refuses; what a message means is llhttp's to say.
 */
#ifndef GCN_CODEC_HTTP_GUARD_H
#define GCN_CODEC_HTTP_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum gcn__http_line {
  GCN__HTTP_LINE_STATUS,     /* a response's first line */
  GCN__HTTP_LINE_REQUEST,    /* a request's first line */
  GCN__HTTP_LINE_HEADER,     /* headers and trailers, with the empty line */
  GCN__HTTP_LINE_CHUNK_SIZE, /* size and extensions of a chunk */
  GCN__HTTP_LINE_CHUNK_END,  /* the CR LF after a chunk's data */
};

struct gcn__http_guard {
  enum gcn__http_line line;
  size_t line_size; /* so far, without CR LF */
  bool cr;          /* the last byte was a CR */
  bool named;       /* HEADER: the colon has been seen */
};

/* The next byte is the first of such a line. */
void gcn__http_guard_begin(struct gcn__http_guard* guard,
                           enum gcn__http_line line);

/* NULL, or a constant text that says what is wrong with the byte. */
const char* gcn__http_guard_check(struct gcn__http_guard* guard, char byte);

/* RFC 9110 §5.6.2: the bytes of methods and header names. */
bool gcn__http_is_token_byte(char byte);

#endif
