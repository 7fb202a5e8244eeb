/* SPDX-License-Identifier: MIT */
/*
 * A client of the simulated service's stream dialect for its tests.  It reads
 * batches in every form, and knows nothing of how they come about.
 */
#ifndef GCN_TEST_STREAM_PEER_H
#define GCN_TEST_STREAM_PEER_H

#include "sim-peer.h"

#include "codec/json.h"

enum { STREAM_EVENTS_MAX = 2000, STREAM_TARGET_SIZE = 16384 };

#define STREAM_PATH  "/api/v2/notifications/stream"
/* {"event":"routing.queueEvents","resourceId":"q"} */
#define STREAM_QUEUE "{\"event\":\"routing.queueEvents\",\"resourceId\":\"q\"}"

struct stream_batch {
  char text[4096]; /* the message, cut */
  size_t size;     /* of the message */
  char last[64];   /* lastEventId; "" if it has none */
  char timestamp[64];
  const char* resumed; /* "", "true" or "false" */
  size_t count;
  uint64_t sequences[STREAM_EVENTS_MAX]; /* by the ids */
};

/* Upgrades by the guide: the token in the query.  `subscriptions` is JSON;
 * `more` ("" for none) follows, as in "&maxBatchSize=5".  The status. */
unsigned stream_open(struct sim_link* link, const char* token,
                     const char* subscriptions, const char* more);
/* "&NAME=VALUE", encoded, at the end of `out` (STREAM_TARGET_SIZE bytes). */
void stream_add_param(char* out, const char* name, const char* value);
/* The next batch; pings are passed over.  False if there is none. */
bool stream_next(struct sim_link* link, struct stream_batch* batch);
/* Reads all batches that are there; how many events they hold.  The last of
 * them stays in `batch`. */
size_t stream_count(struct sim_link* link, struct stream_batch* batch);
/* Emits `count` events of routing.queueEvents and "q"; the last's number. */
uint64_t stream_emit(struct sim_world* world, size_t count);

#endif
