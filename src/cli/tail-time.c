/* SPDX-License-Identifier: MIT */
/*
 * Conditions of time, and the tick.
 */
#include "cli/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/cli.h"
#include "cli/text.h"

enum {
  TICK_MS = 500,
  /* Without a terminal to rewrite it on, the status line is news only now and
   * then. */
  STATUS_TICKS = 20,
};

int64_t gcn__tail_unix_ms(void) {
  uv_timeval64_t now;
  if (uv_gettimeofday(&now) != 0) return 0;
  return now.tv_sec * 1000 + now.tv_usec / 1000;
}

static void on_for(uv_timer_t* timer) {
  gcn__tail_finish(timer->data, GCN__EXIT_OK);
}

static void on_first(uv_timer_t* timer) {
  struct gcn__tail* tail = timer->data;
  char age[GCN__TEXT_AGE_SIZE];
  gcn__text_age(age, tail->options->timeout_first_ms);
  gcn__console_say(&tail->console, GCN__CONSOLE_ERROR,
                   "no event within %s (state: %s); check that the topics have "
                   "activity, or allow more with --timeout-first",
                   age, gcn_state_name(gcn_client_state(tail->client)));
  gcn__tail_finish(tail, GCN__EXIT_TIMEOUT);
}

/* A stream that is not open, or that we do not read, is not idle. */
static void on_idle(uv_timer_t* timer) {
  struct gcn__tail* tail = timer->data;
  uint64_t now_ms = uv_now(&tail->loop);
  bool open = gcn_client_state(tail->client) == GCN_STREAMING && !tail->paused;
  if (!open) tail->active_ms = now_ms;
  uint64_t due_ms =
      gcn__time_add(tail->active_ms, tail->options->until_idle_ms);
  if (due_ms <= now_ms) {
    gcn__tail_finish(tail, GCN__EXIT_OK);
    return;
  }
  /* Look again soon while there is no stream whose silence could count. */
  uint64_t wait_ms = gcn__time_until(due_ms, now_ms);
  if (!open && wait_ms > TICK_MS) wait_ms = TICK_MS;
  uv_timer_start(timer, on_idle, wait_ms, 0);
}

void gcn__tail_touch(struct gcn__tail* tail) {
  tail->active_ms = uv_now(&tail->loop);
  if (tail->printed > 0) uv_timer_stop(&tail->timers[GCN__TAIL_FIRST]);
}

enum { RESUMED_SIZE = 48 };

/* "" or " (3 resumed)": reconnects that went on where the last stream was. */
static const char* resumed_text(const struct gcn__tail* tail,
                                const gcn_stats_t* stats,
                                char out[RESUMED_SIZE]) {
  if (!tail->output.stream) return "";
  snprintf(out, RESUMED_SIZE, " (%" PRIu64 " resumed)", stats->resumed);
  return out;
}

static void tell_status(struct gcn__tail* tail) {
  gcn_stats_t stats = {.size = sizeof stats};
  gcn_client_stats(tail->client, &stats);
  char age[GCN__TEXT_AGE_SIZE] = "none yet";
  if (stats.last_event_age != UINT64_MAX) {
    /* Whole seconds, so that the line does not flicker. */
    gcn__text_age(age, stats.last_event_age / 1000 * 1000);
  }
  uint64_t now_ms = uv_now(&tail->loop);
  uint64_t passed_ms = now_ms > tail->told_ms ? now_ms - tail->told_ms : 1;
  uint64_t rate = (stats.events - tail->told_events) * 1000 / passed_ms;
  tail->told_events = stats.events;
  tail->told_ms = now_ms;
  uint64_t reconnects = stats.streams > 0 ? stats.streams - 1 : 0;
  char resumed[RESUMED_SIZE];
  char line[256];
  snprintf(line, sizeof line,
           "%s | %" PRIu64 "/%" PRIu64 " topics | %" PRIu64 " events, %" PRIu64
           "/s, last %s | %" PRIu64 " reconnects%s, %" PRIu64 " gaps",
           gcn_state_name(stats.state), stats.topics - stats.topics_rejected,
           stats.topics, stats.events, rate, age, reconnects,
           resumed_text(tail, &stats, resumed), stats.gaps);
  gcn__console_status(&tail->console, line);
}

static bool wants_status(const struct gcn__tail* tail) {
  if (tail->console.rewrites) return true;
  if (tail->options->status != GCN__CHOICE_ON) return false;
  return tail->ticks % STATUS_TICKS == 1;
}

static void on_tick(uv_timer_t* timer) {
  struct gcn__tail* tail = timer->data;
  tail->ticks++;
  gcn__tail_tell_renewals(tail);
  gcn__sink_check(&tail->sink);
  gcn__sink_push(&tail->sink);
  if (tail->sink.error != 0) {
    gcn__tail_progress(tail);
    return;
  }
  if (!wants_status(tail)) return;
  bool busy = tail->shares && gcn__sink_waiting(&tail->sink) > 0;
  if (!busy) tell_status(tail);
}

static void on_stats(uv_timer_t* timer) {
  gcn__tail_tell_stats(timer->data);
}

static void on_metrics(uv_timer_t* timer) {
  gcn__tail_write_metrics(timer->data);
}

/* A pool thread may be stuck in write(2), and an ordinary exit would wait for
 * it. */
static void on_drain(uv_timer_t* timer) {
  struct gcn__tail* tail = timer->data;
  if (!tail->closing) { /* what was written so far is to be remembered */
    gcn__tail_close(tail);
    return;
  }
  gcn__tail_write_record(tail);
  gcn__console_say(&tail->console, GCN__CONSOLE_WARN,
                   "%zu bytes of output were not taken and are lost",
                   gcn__sink_waiting(&tail->sink));
  _exit(tail->exit_code);
}

void gcn__tail_drain(struct gcn__tail* tail, uint64_t limit_ms) {
  uv_timer_start(&tail->timers[GCN__TAIL_DRAIN], on_drain, limit_ms, 0);
}

static int repeat(struct gcn__tail* tail, enum gcn__tail_timer index,
                  uv_timer_cb callback, uint64_t every_ms) {
  if (every_ms == 0) return 0;
  return uv_timer_start(&tail->timers[index], callback, every_ms, every_ms);
}

static int start(struct gcn__tail* tail, enum gcn__tail_timer index,
                 uv_timer_cb callback, uint64_t delay_ms) {
  if (delay_ms == 0) return 0;
  return uv_timer_start(&tail->timers[index], callback, delay_ms, 0);
}

int gcn__tail_timers_start(struct gcn__tail* tail) {
  const struct gcn__tail_options* options = tail->options;
  int error = start(tail, GCN__TAIL_FOR, on_for, options->for_ms);
  if (error == 0) {
    error = start(tail, GCN__TAIL_FIRST, on_first, options->timeout_first_ms);
  }
  if (error == 0) {
    error = start(tail, GCN__TAIL_IDLE, on_idle, options->until_idle_ms);
  }
  if (error == 0) {
    error = repeat(tail, GCN__TAIL_STATS, on_stats, options->stats_ms);
  }
  if (error == 0 && options->metrics_path != NULL) {
    error = repeat(tail, GCN__TAIL_METRICS, on_metrics, options->metrics_ms);
  }
  if (error != 0) return error;
  return repeat(tail, GCN__TAIL_TICK, on_tick, TICK_MS);
}
