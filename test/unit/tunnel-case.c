/* SPDX-License-Identifier: MIT */
/*
 * The table runner of the tunnel tests.
 */
#include "tunnel-case.h"

#include "base/err.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  OUTCOME_SIZE = 512,
  SENT_SIZE_MAX = 64 * 1024,
  RANDOM_CUT_COUNT = 16,
  PIECE_SIZE_MAX = 24,
};

static const char* host_of(const struct tunnel_case* row) {
  return row->host == NULL ? "api.example.com" : row->host;
}

int tunnel_run_init(struct tunnel_run* run, const struct tunnel_case* row,
                    const struct gcn__mem* mem) {
  const char* problem = "";
  *run = (struct tunnel_run){.result = GCN__TUNNEL_MORE};
  gcn__proxy_init(&run->proxy, mem);
  gcn__buf_init(&run->sent, mem, SENT_SIZE_MAX);
  run->sent.secret = true;
  int error =
      gcn__proxy_parse(&run->proxy, gcn__span_str(row->proxy), &problem);
  if (error == GCN__ENOMEM) return error;
  if (error != 0) fail_msg("\"%s\" %s", row->proxy, problem);
  run->tunnel = gcn__tunnel_new(mem, &run->proxy, host_of(row),
                                row->port == 0 ? 443 : row->port);
  return run->tunnel == NULL ? GCN__ENOMEM : 0;
}

void tunnel_run_deinit(struct tunnel_run* run) {
  gcn__tunnel_free(run->tunnel);
  gcn__buf_deinit(&run->sent);
  gcn__proxy_deinit(&run->proxy);
}

/* Reads and writes until the piece is used up or there is a verdict. */
static void feed_piece(struct tunnel_run* run, struct gcn__span* piece) {
  for (;;) {
    size_t size = piece->size;
    size_t sent_size = gcn__buf_size(&run->sent);
    run->result = gcn__tunnel_read(run->tunnel, piece);
    if (run->result != GCN__TUNNEL_MORE) return;
    run->result = gcn__tunnel_write(run->tunnel, &run->sent);
    if (run->result != 0 || piece->size == 0) return;
    bool progress = piece->size < size || gcn__buf_size(&run->sent) > sent_size;
    assert_true(progress);
  }
}

/* From a block of the piece's own size, so that a sanitizer sees a read beyond
 * it.  How many bytes were used. */
size_t tunnel_run_feed(struct tunnel_run* run, struct gcn__span in,
                       size_t piece_size, struct gcn__rng* rng) {
  size_t used = 0;
  while (used < in.size && run->result == GCN__TUNNEL_MORE) {
    size_t left = in.size - used;
    size_t size = piece_size;
    if (size == 0) size = (size_t)gcn__rng_between(rng, 1, PIECE_SIZE_MAX);
    if (size > left) size = left;
    char* block = malloc(size);
    assert_non_null(block);
    memcpy(block, in.data + used, size);
    struct gcn__span piece = gcn__span(block, size);
    feed_piece(run, &piece);
    used += size - piece.size;
    free(block);
  }
  return used;
}

static void describe(const struct tunnel_run* run, size_t left,
                     char out[OUTCOME_SIZE]) {
  const char* text = gcn__tunnel_error(run->tunnel);
  unsigned status = gcn__tunnel_status(run->tunnel);
  switch (run->result) {
  case GCN__TUNNEL_MORE: snprintf(out, OUTCOME_SIZE, "more"); return;
  case GCN__TUNNEL_OPEN:
    snprintf(out, OUTCOME_SIZE, "open +%zu", left);
    assert_string_equal(text, "");
    return;
  case GCN_EPROXY:
    snprintf(out, OUTCOME_SIZE, "proxy %u: %s", status, text);
    return;
  case GCN_EPROXYAUTH:
    snprintf(out, OUTCOME_SIZE, "login %u: %s", status, text);
    return;
  default: snprintf(out, OUTCOME_SIZE, "%d %s", run->result, text);
  }
}

/* A verdict stays, whatever else comes. */
static void check_sticky(struct tunnel_run* run) {
  if (run->result == GCN__TUNNEL_MORE) return;
  char text[GCN__TUNNEL_TEXT_SIZE];
  size_t sent_size = gcn__buf_size(&run->sent);
  struct gcn__span more = GCN__SPAN("HTTP/1.1 200 OK\r\n\r\n");
  snprintf(text, sizeof text, "%s", gcn__tunnel_error(run->tunnel));
  assert_int_equal(gcn__tunnel_read(run->tunnel, &more), run->result);
  assert_int_equal(more.size, sizeof "HTTP/1.1 200 OK\r\n\r\n" - 1);
  assert_int_equal(gcn__tunnel_write(run->tunnel, &run->sent), 0);
  assert_int_equal(gcn__buf_size(&run->sent), sent_size);
  if (run->result > 0) return;
  assert_int_equal(gcn__tunnel_end(run->tunnel), run->result);
  assert_int_equal(gcn__tunnel_refuse_rest(run->tunnel), run->result);
  assert_string_equal(gcn__tunnel_error(run->tunnel), text);
}

static void check_cut(const struct tunnel_case* row, size_t piece_size,
                      struct gcn__rng* rng) {
  struct tunnel_run run;
  char got[OUTCOME_SIZE];
  assert_int_equal(tunnel_run_init(&run, row, &gcn__mem_libc), 0);
  assert_int_equal(gcn__tunnel_write(run.tunnel, &run.sent), 0);
  size_t used = tunnel_run_feed(&run, row->answer, piece_size, rng);
  if (row->eof && run.result == GCN__TUNNEL_MORE) {
    run.result = gcn__tunnel_end(run.tunnel);
  }
  describe(&run, row->answer.size - used, got);
  if (strcmp(got, row->want) != 0) {
    fail_msg("%s, \"%.*s\" (cut %zu): \"%s\", not \"%s\"", row->proxy,
             (int)row->answer.size, row->answer.data, piece_size, got,
             row->want);
  }
  check_sticky(&run);
  struct gcn__span sent = gcn__buf_span(&run.sent);
  if (row->sent.data != NULL && !gcn__span_equal(sent, row->sent)) {
    fail_msg("%s (cut %zu) sent %zu bytes: \"%.*s\"", row->proxy, piece_size,
             sent.size, (int)sent.size, sent.data);
  }
  tunnel_run_deinit(&run);
}

void tunnel_case_check(const struct tunnel_case* row) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 7);
  check_cut(row, SIZE_MAX, &rng);
  check_cut(row, 1, &rng);
  for (int i = 0; i < RANDOM_CUT_COUNT; i++)
    check_cut(row, 0, &rng);
}
