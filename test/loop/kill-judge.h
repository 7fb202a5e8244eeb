/* SPDX-License-Identifier: MIT */
/*
 * Judges the lives of a consumer by what it has reported: was an event lost,
 * and did one come again that had been acknowledged?
 *
 * Judged is what came behind the first position that was stored.  Before an
 * event came there is none, and a restart begins from now; with the first event
 * there is one as soon as it is acknowledged.  So judging begins with the first
 * event of the life that left a position behind.
 *
 * It knows nothing of processes and of how a client remembers.
 */
#ifndef GCN_TEST_LOOP_KILL_JUDGE_H
#define GCN_TEST_LOOP_KILL_JUDGE_H

#include "kill-report.h"

#include <stdbool.h>
#include <stddef.h>

enum {
  JUDGE_NUMBER_MAX = 1 << 20,
  JUDGE_TOLD_MAX = 1 << 19, /* of one life */
  JUDGE_GAPS_MAX = 512,
  JUDGE_TEXT_SIZE = 256,
};

struct judge_gap {
  int64_t from_unix_ms;
  int64_t to_unix_ms;
};

/* Of the life that is under way; by its own numbers, from 1. */
struct judge_life {
  uint64_t* numbers; /* the service's */
  bool* handled;
  uint64_t told;
  uint64_t durable;
  uint64_t last; /* the service's number of the last one told */
  bool streamed;
  bool leaves;
  bool left;
};

struct judge {
  bool replays;   /* the service repeats what was missed: gaps are faults */
  uint64_t begin; /* the service's number; 0: nothing was stored so far */
  /* By the service's numbers. */
  unsigned short* handled;
  unsigned* durable_in;  /* the life that was told so; 0: none */
  int64_t* made_unix_ms; /* for the test to fill, if nothing is replayed */
  struct judge_gap gaps[JUDGE_GAPS_MAX];
  size_t gap_count;
  struct judge_life life;
  unsigned lives;
  unsigned streamed; /* lives */
  uint64_t told;
  uint64_t again; /* handled once more, because it was not durable */
  uint64_t durable;
  uint64_t missed;             /* inside a gap */
  char fault[JUDGE_TEXT_SIZE]; /* the first; "" */
};

struct judge* judge_new(bool replays);
void judge_free(struct judge* judge);
void judge_begin_life(struct judge* judge);
void judge_take(struct judge* judge, const struct kill_report* report);
/* `positioned`: a position is stored now, by what the test has found. */
void judge_end_life(struct judge* judge, bool positioned);
/* Everything was produced up to `last`, and all lives are over. */
void judge_end(struct judge* judge, uint64_t last);
/* True if the event is durable. */
bool judge_is_durable(const struct judge* judge, uint64_t number);
void judge_blame(struct judge* judge, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
