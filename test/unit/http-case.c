/* SPDX-License-Identifier: MIT */
/*
 * The table runner of the HTTP tests.  Every piece is copied to a block of its
 * own size, so that a sanitizer sees a read beyond it.
 */
#include "http-case.h"

#include "base/err.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

static size_t next_size(size_t left, size_t piece_size, struct gcn__rng* rng) {
  if (piece_size == 0)
    return (size_t)gcn__rng_between(rng, 1, left < 24 ? left : 24);
  return piece_size < left ? piece_size : left;
}

/* Feeds one piece and takes from `in` what was used. */
static int read_piece(struct gcn__http* http, struct gcn__span* in,
                      size_t size) {
  char* block = malloc(size);
  assert_non_null(block);
  memcpy(block, in->data, size);
  struct gcn__span piece = gcn__span(block, size);
  int result = gcn__http_read(http, &piece);
  *in = gcn__span_skip(*in, size - piece.size);
  if (result == GCN__HTTP_MORE) assert_int_equal(piece.size, 0);
  free(block);
  return result;
}

static int feed(struct gcn__http* http, const struct http_case* row,
                struct gcn__span* in, size_t piece_size, struct gcn__rng* rng) {
  int result = GCN__HTTP_MORE;
  while (in->size > 0 && result == GCN__HTTP_MORE)
    result = read_piece(http, in, next_size(in->size, piece_size, rng));
  if (result == GCN__HTTP_MORE && row->eof) result = gcn__http_eof(http);
  return result;
}

static void describe_message(const struct gcn__http* http,
                             enum gcn__http_role role, size_t left,
                             char out[HTTP_OUTCOME_SIZE]) {
  struct gcn__span body = gcn__http_body(http);
  struct gcn__span method = gcn__http_method(http);
  struct gcn__span target = gcn__http_target(http);
  char start[1024];
  if (role == GCN__HTTP_RESPONSES) {
    snprintf(start, sizeof start, "%u", gcn__http_status(http));
  } else {
    snprintf(start, sizeof start, "%.*s %.*s", (int)method.size, method.data,
             (int)target.size, target.data);
  }
  char rest[32] = "";
  if (left > 0) snprintf(rest, sizeof rest, " +%zu", left);
  snprintf(out, HTTP_OUTCOME_SIZE, "%s %s %.*s%s", start,
           gcn__http_keep_alive(http) ? "keep" : "close", (int)body.size,
           body.data, rest);
}

static void describe(const struct gcn__http* http, const struct http_case* row,
                     int result, size_t left, char out[HTTP_OUTCOME_SIZE]) {
  if (result == GCN__HTTP_DONE) {
    describe_message(http, row->role, left, out);
    return;
  }
  const char* text = result == GCN_EHTTP      ? "refused"
                     : result == GCN_EMSGSIZE ? "limit"
                     : result == 0            ? "more"
                                              : "unexpected code";
  snprintf(out, HTTP_OUTCOME_SIZE, "%s", text);
  assert_int_equal(result == GCN__HTTP_MORE, gcn__http_error(http)[0] == '\0');
}

/* An error stays: same code, same cause, nothing read. */
static void check_sticky(struct gcn__http* http, int result) {
  const char* problem = gcn__http_error(http);
  struct gcn__span none = GCN__SPAN("");
  assert_int_equal(gcn__http_read(http, &none), result);
  gcn__http_next(http, false, false);
  struct gcn__span more = GCN__SPAN("HTTP/1.1 204 OK\r\n\r\n");
  assert_int_equal(gcn__http_read(http, &more), result);
  assert_int_equal(more.size, sizeof "HTTP/1.1 204 OK\r\n\r\n" - 1);
  assert_int_equal(gcn__http_eof(http), result);
  assert_string_equal(gcn__http_error(http), problem);
}

void http_case_run(const struct http_case* row, size_t piece_size,
                   struct gcn__rng* rng, char out[HTTP_OUTCOME_SIZE]) {
  const struct gcn__http_limits* limits =
      row->limits == NULL ? &gcn__http_limits_default : row->limits;
  struct gcn__http* http = gcn__http_new(&gcn__mem_libc, row->role, limits);
  assert_non_null(http);
  gcn__http_next(http, row->head, row->upgrade);
  assert_false(gcn__http_begun(http));
  struct gcn__span in = row->input;
  int result = feed(http, row, &in, piece_size, rng);
  assert_int_equal(gcn__http_begun(http), row->input.size > 0);
  describe(http, row, result, in.size, out);
  if (result < 0) check_sticky(http, result);
  gcn__http_free(http);
}

static void check_cut(const struct http_case* row, size_t piece_size,
                      struct gcn__rng* rng) {
  char outcome[HTTP_OUTCOME_SIZE];
  http_case_run(row, piece_size, rng, outcome);
  if (strcmp(outcome, row->want) != 0) {
    fail_msg("%s (cut %zu): \"%s\", not \"%s\"", row->name, piece_size, outcome,
             row->want);
  }
}

void http_case_check(const struct http_case* row) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1);
  check_cut(row, SIZE_MAX, &rng);
  check_cut(row, 1, &rng);
  for (int i = 0; i < 16; i++)
    check_cut(row, 0, &rng);
}
