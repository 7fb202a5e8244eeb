/* SPDX-License-Identifier: MIT */
/*
 * What a consumer that is to be killed says of itself: records of one size, one
 * write each into a pipe, so that a kill leaves whole ones.
 */
#ifndef GCN_TEST_LOOP_KILL_REPORT_H
#define GCN_TEST_LOOP_KILL_REPORT_H

#include <stdint.h>

enum kill_word {
  KILL_STREAMS,
  KILL_TOLD,    /* `number` and `id`, in the event's callback */
  KILL_HANDLES, /* `number`: its work is done; the acknowledgement follows */
  KILL_DURABLE, /* everything up to `number` */
  KILL_GAP,     /* from_unix_ms, to_unix_ms */
  KILL_FAILED,  /* `number`: the error; `id`: what failed, in short */
  KILL_LEAVES,  /* it closes in order from here on */
  KILL_LEFT,    /* and has */
};

enum { KILL_ID_SIZE = 40 };

struct kill_report {
  uint64_t word; /* enum kill_word */
  union {
    uint64_t number;
    int64_t from_unix_ms;
  };
  int64_t to_unix_ms;
  char id[KILL_ID_SIZE]; /* NUL-terminated */
};

_Static_assert(sizeof(struct kill_report) == 64,
               "a divisor of a pipe's page, so that no record crosses one");

#endif
