/* SPDX-License-Identifier: MIT */
/*
 * What browsers are told: Server-Sent Events, numbered, and a ring of the last
 * ones for those who come back.
 *
 * It knows neither sockets nor HTTP.  A message is made once, whoever it goes
 * to, and lives as long as somebody uses it.
 */
#ifndef EXAMPLE_SSE_FEED_H
#define EXAMPLE_SSE_FEED_H

#include <gcnotify.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of one event, or of a whole answer. */
struct message {
  unsigned users;
  size_t size;
  char bytes[];
};

/* The ring holds the messages `newest - count + 1` to `newest`.  A number that
 * was lost for want of memory empties it, so that nobody overlooks the hole. */
struct feed {
  struct message** ring;
  struct message* state; /* the latest; newcomers begin with it */
  size_t count_max;
  size_t size_max;
  size_t count;
  size_t size;
  uint64_t newest;
  uint64_t run; /* tells the numbers of this process from another's */
};

/* Returns NULL if memory is short, as all that make messages do. */
struct message* message_new(size_t size);
struct message* message_retain(struct message* message);
void message_release(struct message* message); /* may be NULL */

/* Returns false if memory is short. */
bool feed_init(struct feed* feed, uint64_t run, size_t count_max,
               size_t size_max);
void feed_deinit(struct feed* feed);

/* The next message, also put into the ring; the caller's to release. */
struct message* feed_notify(struct feed* feed, const gcn_event_t* event);
struct message* feed_gap(struct feed* feed, const gcn_gap_t* gap);
/* Has no number: who was away needs the latest only. */
struct message* feed_state(struct feed* feed, gcn_state_t state,
                           const gcn_transition_t* change);
/* How a stream begins.  `came_back`: with an id, which the ring goes on from;
 * else this names the newest one, to come back with. */
struct message* feed_hello(const struct feed* feed, uint64_t retry_ms,
                           bool came_back);
/* What came after the reader's last id is not here any more. */
struct message* feed_reset(const struct feed* feed);

/* The number behind `id`, or 0: unknown, or not all since is in the ring. */
uint64_t feed_after(const struct feed* feed, const char* id);
/* `number` is in the ring. */
struct message* feed_at(const struct feed* feed, uint64_t number);

#endif
