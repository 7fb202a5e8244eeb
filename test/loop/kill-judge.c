/* SPDX-License-Identifier: MIT */
/*
 * The first fault is kept, the others mostly follow from it.
 */
#include "kill-judge.h"

#include "sim/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct judge* judge_new(bool replays) {
  struct judge* judge = calloc(1, sizeof *judge);
  if (judge == NULL) abort();
  judge->replays = replays;
  judge->handled = calloc(JUDGE_NUMBER_MAX, sizeof *judge->handled);
  judge->durable_in = calloc(JUDGE_NUMBER_MAX, sizeof *judge->durable_in);
  judge->made_unix_ms = calloc(JUDGE_NUMBER_MAX, sizeof *judge->made_unix_ms);
  judge->life.numbers = calloc(JUDGE_TOLD_MAX, sizeof *judge->life.numbers);
  judge->life.handled = calloc(JUDGE_TOLD_MAX, sizeof *judge->life.handled);
  bool all = judge->handled != NULL && judge->durable_in != NULL &&
             judge->made_unix_ms != NULL && judge->life.numbers != NULL &&
             judge->life.handled != NULL;
  if (!all) abort();
  return judge;
}

void judge_free(struct judge* judge) {
  free(judge->handled);
  free(judge->durable_in);
  free(judge->made_unix_ms);
  free(judge->life.numbers);
  free(judge->life.handled);
  free(judge);
}

void judge_blame(struct judge* judge, const char* format, ...) {
  va_list values;
  if (judge->fault[0] != '\0') return;
  int used =
      snprintf(judge->fault, sizeof judge->fault, "life %u: ", judge->lives);
  va_start(values, format);
  vsnprintf(judge->fault + used, sizeof judge->fault - (size_t)used, format,
            values);
  va_end(values);
}

void judge_begin_life(struct judge* judge) {
  struct judge_life* life = &judge->life;
  memset(life->handled, 0, (life->told + 1) * sizeof *life->handled);
  *life =
      (struct judge_life){.numbers = life->numbers, .handled = life->handled};
  judge->lives++;
}

bool judge_is_durable(const struct judge* judge, uint64_t number) {
  return number < JUDGE_NUMBER_MAX && judge->durable_in[number] != 0;
}

/* The service's number of an event; 0: it is not one of the service's. */
static uint64_t number_of(const struct kill_report* report) {
  uint64_t number = 0;
  struct gcn__span id = gcn__span_str(report->id);
  bool known =
      gcn__sim_stream_sequence(id, &number) || gcn__sim_sequence(id, &number);
  return known && number < JUDGE_NUMBER_MAX ? number : 0;
}

static void take_told(struct judge* judge, const struct kill_report* report) {
  struct judge_life* life = &judge->life;
  uint64_t number = number_of(report);
  if (number == 0) judge_blame(judge, "an event with the id %s", report->id);
  if (report->number != life->told + 1) {
    judge_blame(judge, "event %llu is numbered %llu after %llu",
                (unsigned long long)number, (unsigned long long)report->number,
                (unsigned long long)life->told);
  }
  if (number <= life->last) {
    judge_blame(judge, "event %llu was told after event %llu",
                (unsigned long long)number, (unsigned long long)life->last);
  }
  if (judge_is_durable(judge, number)) {
    judge_blame(judge, "event %llu was told, and durable since life %u",
                (unsigned long long)number, judge->durable_in[number]);
  }
  if (life->told + 2 >= JUDGE_TOLD_MAX) {
    judge_blame(judge, "it was told too much");
    return;
  }
  life->told++;
  life->numbers[life->told] = number;
  life->last = number;
  judge->told++;
}

static void take_handled(struct judge* judge, uint64_t sequence) {
  struct judge_life* life = &judge->life;
  if (sequence == 0 || sequence > life->told || life->handled[sequence]) {
    judge_blame(judge, "it handles what is numbered %llu",
                (unsigned long long)sequence);
    return;
  }
  uint64_t number = life->numbers[sequence];
  life->handled[sequence] = true;
  if (judge->handled[number] > 0) judge->again++;
  judge->handled[number]++;
}

static void take_durable(struct judge* judge, uint64_t sequence) {
  struct judge_life* life = &judge->life;
  if (sequence <= life->durable || sequence > life->told) {
    judge_blame(judge, "durable up to %llu after %llu, of %llu",
                (unsigned long long)sequence, (unsigned long long)life->durable,
                (unsigned long long)life->told);
    return;
  }
  for (uint64_t i = life->durable + 1; i <= sequence; i++) {
    if (!life->handled[i]) {
      judge_blame(judge, "event %llu is durable and was not handled",
                  (unsigned long long)life->numbers[i]);
    }
    judge->durable_in[life->numbers[i]] = judge->lives;
    judge->durable++;
  }
  life->durable = sequence;
}

static void take_gap(struct judge* judge, const struct kill_report* report) {
  if (judge->replays && judge->begin != 0) {
    judge_blame(judge, "a gap (%s) where all is repeated", report->id);
    return;
  }
  if (judge->gap_count == JUDGE_GAPS_MAX) {
    judge_blame(judge, "too many gaps");
    return;
  }
  judge->gaps[judge->gap_count++] =
      (struct judge_gap){report->from_unix_ms, report->to_unix_ms};
}

void judge_take(struct judge* judge, const struct kill_report* report) {
  switch ((enum kill_word)report->word) {
  case KILL_STREAMS: judge->life.streamed = true; return;
  case KILL_TOLD: take_told(judge, report); return;
  case KILL_HANDLES: take_handled(judge, report->number); return;
  case KILL_DURABLE: take_durable(judge, report->number); return;
  case KILL_GAP: take_gap(judge, report); return;
  case KILL_LEAVES: judge->life.leaves = true; return;
  case KILL_LEFT: judge->life.left = true; return;
  case KILL_FAILED: break;
  }
  judge_blame(judge, "%s, error %lld", report->id, -(long long)report->number);
}

void judge_end_life(struct judge* judge, bool positioned) {
  const struct judge_life* life = &judge->life;
  if (life->streamed) judge->streamed++;
  bool stored = positioned || life->durable > 0;
  if (judge->begin == 0 && stored && life->told > 0) {
    judge->begin = life->numbers[1];
  }
}

static bool is_in_gap(const struct judge* judge, int64_t unix_ms) {
  for (size_t i = 0; i < judge->gap_count; i++) {
    const struct judge_gap* gap = &judge->gaps[i];
    if (gap->from_unix_ms <= unix_ms && unix_ms <= gap->to_unix_ms) return true;
  }
  return false;
}

void judge_end(struct judge* judge, uint64_t last) {
  if (judge->begin == 0) judge_blame(judge, "nothing was ever stored");
  for (uint64_t i = judge->begin; i <= last; i++) {
    if (judge->handled[i] > 0) continue;
    bool excused = !judge->replays && is_in_gap(judge, judge->made_unix_ms[i]);
    if (!excused) {
      judge_blame(judge, "event %llu is lost, of %llu to %llu",
                  (unsigned long long)i, (unsigned long long)judge->begin,
                  (unsigned long long)last);
      return;
    }
    judge->missed++;
  }
}
