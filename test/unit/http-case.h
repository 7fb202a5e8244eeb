/* SPDX-License-Identifier: MIT */
/*
 * One HTTP message fed to a reader in several cuts, and what came out, as text.
 *
 * The text has all that a caller can see, so that two outcomes can be compared
 * with one strcmp and a failing row explains itself.
 */
#ifndef GCN_TEST_HTTP_CASE_H
#define GCN_TEST_HTTP_CASE_H

#include "base/rng.h"
#include "base/span.h"
#include "codec/http.h"

struct http_case {
  const char* name;
  struct gcn__span input;
  const char* want; /* see http_case_run */
  enum gcn__http_role role;
  bool head;
  bool upgrade;
  bool eof;                              /* the peer closes after the input */
  const struct gcn__http_limits* limits; /* NULL: the default ones */
};

enum { HTTP_OUTCOME_SIZE = 4096 };

/* How the input is cut: SIZE_MAX whole, else pieces of that size; 0: of random
 * sizes.
 *
 * Outcomes: "more", "refused", "limit", or "<status> keep|close <body>" for
 * responses and "<method> <target> keep|close <body>" for requests; then
 * " +<n>" if n bytes of the input were not used. */
void http_case_run(const struct http_case* row, size_t piece_size,
                   struct gcn__rng* rng, char out[HTTP_OUTCOME_SIZE]);

/* Whole, byte by byte and in 16 random cuts: all as wanted. */
void http_case_check(const struct http_case* row);

#endif
