/* SPDX-License-Identifier: MIT */
/*
 * One dialogue with a proxy fed to a tunnel in several cuts, and what came out,
 * as text.
 */
#ifndef GCN_TEST_TUNNEL_CASE_H
#define GCN_TEST_TUNNEL_CASE_H

#include "base/rng.h"
#include "codec/tunnel.h"

struct tunnel_case {
  const char* proxy;
  struct gcn__span answer; /* all that the proxy sends */
  /* "open +<bytes of the target>", "more", or "proxy|login <status>: <text>";
   * with `eof` the proxy closes behind its bytes. */
  const char* want;
  bool eof;
  const char* host;      /* NULL: "api.example.com" */
  uint16_t port;         /* 0: 443 */
  struct gcn__span sent; /* absent: not compared */
};

struct tunnel_run {
  struct gcn__proxy proxy;
  struct gcn__tunnel* tunnel;
  struct gcn__buf sent;
  int result;
};

/* 0 or GCN__ENOMEM; to be deinited either way. */
int tunnel_run_init(struct tunnel_run* run, const struct tunnel_case* row,
                    const struct gcn__mem* mem);
void tunnel_run_deinit(struct tunnel_run* run);

/* Feeds `in` in pieces of `piece_size`, 0: of random sizes, and writes when
 * there is something to write, until there is a verdict in `result`.  How many
 * bytes were used. */
size_t tunnel_run_feed(struct tunnel_run* run, struct gcn__span in,
                       size_t piece_size, struct gcn__rng* rng);

/* Whole, byte by byte and in 16 random cuts: all as wanted, and for good. */
void tunnel_case_check(const struct tunnel_case* row);

#endif
