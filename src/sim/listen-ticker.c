/* SPDX-License-Identifier: MIT */
/*
 * A timerfd: libuv's timers know whole milliseconds only.
 */
#include "sim/listen-ticker.h"

#include "base/list.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { SECOND_NS = 1000000000, COARSE_RATE = 1000, CALL = 1000 };

static void on_ticks(uv_poll_t* poll, int status, int events) {
  struct gcn__ticker* self = GCN__CONTAINER_OF(poll, struct gcn__ticker, poll);
  uint64_t ticks = 0;
  (void)status;
  (void)events;
  if (read(self->fd, &ticks, sizeof ticks) != sizeof ticks) return;
  bool each = self->rate <= GCN__TICKER_EACH;
  self->owed = each ? CALL : self->owed + ticks * self->rate;
  while (self->owed >= CALL) {
    if (!self->tick(self->ctx))
      self->owed = 0;
    else
      self->owed -= CALL;
  }
}

int gcn__ticker_init(struct gcn__ticker* ticker, uv_loop_t* loop, uint64_t rate,
                     bool (*tick)(void* ctx), void* ctx) {
  *ticker = (struct gcn__ticker){.rate = rate, .tick = tick, .ctx = ctx};
  ticker->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (ticker->fd < 0) return -errno;
  int error = uv_poll_init(loop, &ticker->poll, ticker->fd);
  if (error != 0) close(ticker->fd);
  return error;
}

void gcn__ticker_start(struct gcn__ticker* ticker) {
  if (ticker->ticking) return;
  ticker->ticking = true;
  uint64_t ticks =
      ticker->rate <= GCN__TICKER_EACH ? ticker->rate : COARSE_RATE;
  long period_ns = (long)(SECOND_NS / ticks);
  const struct timespec period = {period_ns / SECOND_NS, period_ns % SECOND_NS};
  const struct itimerspec spec = {.it_value = period, .it_interval = period};
  timerfd_settime(ticker->fd, 0, &spec, NULL);
  uv_poll_start(&ticker->poll, UV_READABLE, on_ticks);
}

void gcn__ticker_close(struct gcn__ticker* ticker, uv_close_cb closed) {
  uv_close((uv_handle_t*)&ticker->poll, closed);
  close(ticker->fd);
}
