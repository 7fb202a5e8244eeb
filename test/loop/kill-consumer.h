/* SPDX-License-Identifier: MIT */
/*
 * The consumer that is to be killed: a program of its own, which is the test's
 * program called with other arguments.
 *
 * It acknowledges by hand: most events at once, some later and out of order.
 */
#ifndef GCN_TEST_LOOP_KILL_CONSUMER_H
#define GCN_TEST_LOOP_KILL_CONSUMER_H

#include "gcnotify.h"

#include <stdbool.h>

enum kill_mode { KILL_FILE, KILL_CHANNELS, KILL_SQLITE };

enum { KILL_REPORTS_FD = 3 };

/* In the order of the arguments, behind the word that asks for it. */
enum kill_argument {
  KILL_ARG_PROGRAM,
  KILL_ARG_WORD,
  KILL_ARG_URL,
  KILL_ARG_MODE, /* enum kill_mode */
  KILL_ARG_PATH, /* of the checkpoint */
  KILL_ARG_SEED,
  KILL_ARG_LEAVE, /* it closes after so many events; 0: when told SIGTERM */
  KILL_ARG_COUNT
};

/* What it subscribes to; the second ends with NULL. */
extern const char* const kill_channels_topics[];
extern const char* const kill_stream_topics[];

bool kill_is_consumer(int argc, char** argv);
/* The exit status. */
int kill_consume(char** argv, gcn_effect_cb effect);
/* For the effect: what identifies the event that the client gave this number,
 * as long as it is in flight. */
const char* kill_id_of(void* data, uint64_t sequence);

#endif
