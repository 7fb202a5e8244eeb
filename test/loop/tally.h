/* SPDX-License-Identifier: MIT */
/*
 * Compares what the service produced with what a user was told, by the
 * service's own sequence numbers.
 *
 * It knows nothing of how the client tells duplicates.
 */
#ifndef GCN_TEST_LOOP_TALLY_H
#define GCN_TEST_LOOP_TALLY_H

#include "service.h"

enum { TALLY_EVENTS_MAX = 8192 };

struct tally {
  bool made[TALLY_EVENTS_MAX];          /* by sequence number */
  unsigned char told[TALLY_EVENTS_MAX]; /* how often */
  uint64_t made_count;
  uint64_t last_made;
  uint64_t told_count; /* different ones */
  uint64_t lost;
  uint64_t duplicated;
  uint64_t invented;
};

/* Hooks the service that is about to be opened; at 50 events a second. */
void tally_watch(struct tally* tally, struct gcn__sim_listen_options* options);
/* To be called by `act` of the user: takes the event in hand. */
void tally_note(struct tally* tally, const struct user* user,
                enum user_moment moment);
/* Ends the events, waits until all that were made have come or `patience_ms`
 * have passed, and fills in the last three members. */
void tally_end(struct tally* tally, struct service* service,
               uint64_t patience_ms);

#endif
