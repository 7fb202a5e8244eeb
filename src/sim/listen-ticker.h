/* SPDX-License-Identifier: MIT */
/*
 * So many calls a second, on the caller's loop.
 *
 * Up to GCN__TICKER_EACH a second each call has a moment of its own, and one
 * that comes late is not made up for by two at once: whoever is called wants to
 * know what a single wake-up costs.  Above it, the rate is what counts.
 */
#ifndef GCN_SIM_LISTEN_TICKER_H
#define GCN_SIM_LISTEN_TICKER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { GCN__TICKER_EACH = 10000 };

struct gcn__ticker {
  int fd;
  uint64_t rate;
  uint64_t owed; /* thousandths of a call */
  bool ticking;
  bool (*tick)(void* ctx); /* false: there is nothing to do now */
  void* ctx;
  uv_poll_t poll; /* data is the caller's */
};

/* 0, or the system's error; then there is nothing to close. */
int gcn__ticker_init(struct gcn__ticker* ticker, uv_loop_t* loop, uint64_t rate,
                     bool (*tick)(void* ctx), void* ctx);
/* More than once is harmless. */
void gcn__ticker_start(struct gcn__ticker* ticker);
void gcn__ticker_close(struct gcn__ticker* ticker, uv_close_cb closed);

#endif
