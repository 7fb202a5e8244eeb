/* SPDX-License-Identifier: MIT */
/*
 * A user who is told of events in his own way: one by one or in batches, to be
 * acknowledged by hand.
 */
#ifndef GCN_TEST_LOOP_CONSUMER_H
#define GCN_TEST_LOOP_CONSUMER_H

#include "service.h"

enum { TOLD_MAX = 8192 };

struct consumer {
  struct user user;
  uint64_t ids[TOLD_MAX]; /* the service's numbers, in the order of telling */
  uint64_t numbers[TOLD_MAX]; /* ours */
  size_t told;
  unsigned batches;
  size_t batch_most;
  bool inside; /* a callback of events runs */
  unsigned gaps;
  gcn_gap_t gap;
  char gap_topic[256];
  size_t told_at_gap;
  size_t told_at_state; /* when the last change of state was told */
  const gcn_event_t* kept;
  void (*act)(struct consumer* consumer, const gcn_event_t* event);
};

struct consumer* consumer_new(void);
/* Closes the client if that was not done. */
void consumer_free(struct consumer* consumer);

/* By hand, with a window of 8: full at 6, on at 2. */
gcn_options_t consumer_options(struct consumer* consumer,
                               const struct service* service);
/* The same in batches, acknowledged by their return. */
gcn_options_t consumer_batch_options(struct consumer* consumer,
                                     const struct service* service);
/* Returns when so many events have been told, in all. */
void consumer_await(struct consumer* consumer, size_t count);
/* Lets the client read all it wants. */
void consumer_settle(struct consumer* consumer);
void consumer_ack(struct consumer* consumer, uint64_t from, uint64_t to);
/* For `act`. */
void consumer_ack_it(struct consumer* consumer, const gcn_event_t* event);
/* All of the service's events, from its first one on. */
void consumer_assert_in_order(const struct consumer* consumer);

#endif
