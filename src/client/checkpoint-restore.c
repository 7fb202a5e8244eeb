/* SPDX-License-Identifier: MIT */
/*
 * Which stored lane goes to which shard.
 *
 * A shard is known by the digest of its topics, because they may have been
 * dealt out otherwise than in the last run.
 *
 *   1. A shard whose topics are exactly those of a stored lane takes that lane
 *      whole: position, handled keys and channel; the lane of its own number
 *      before others.
 *   2. The topics of any other shard can only have come from lanes that nobody
 *      took whole, or be new.  It takes the position and the keys of such a
 *      lane, that of its own number before others, but not the channel, which
 *      has other topics.  A position says where the service goes on in all that
 *      happened in the org, so it fits any set of topics.
 *   3. If there are several such lanes, one that was further behind may have
 *      had some of its topics.  Nobody can tell: positions have no order.  So
 *      the time since the earliest of these lanes was good is told as a gap.
 *   4. If there is none left, its topics are new.  With the stream dialect it
 *      begins where lane 0 stood, and else now.
 *
 * Where a position is known, no gap is told but by 3, or if the service can't
 * go on there.  Elsewhere the gap begins when the lane was known to be good,
 * less what may have been on its way then.
 *
 * A channel is offered if it has time left by the wall clock and was made with
 * the present client id.  The service has the last word on it.
 */
#include "client/checkpoint-parts.h"

#include "base/assert.h"
#include "base/err.h"
#include "client/delivery.h"

_Static_assert((int)GCN__CHECKPOINT_LANE_COUNT_MAX == (int)GCN__LANE_COUNT_MAX,
               "every lane can be stored");
_Static_assert((int)GCN__SHARD_COUNT_MAX <= (int)GCN__LANE_COUNT_MAX,
               "every shard has a lane");
_Static_assert((int)GCN__CHECKPOINT_DIGEST_SIZE == (int)GCN__ENGINE_SALT_SIZE,
               "digests and salts are of one size");

/* The service ends every channel within a day. */
static const int64_t channel_life_ms = INT64_C(24) * 3600 * 1000;

struct match {
  const struct gcn__checkpoint* stored;
  const struct gcn__checkpoint_lane* by_number[GCN__LANE_COUNT_MAX];
  bool taken[GCN__LANE_COUNT_MAX]; /* by number: whole, by rule 1 */
  unsigned left;                   /* lanes that nobody took whole */
  int64_t left_good_ms;            /* the earliest of them; 0: not known */
};

static const struct gcn__checkpoint_lane*
same_topics(const struct match* match, unsigned shard,
            const unsigned char digest[GCN__CHECKPOINT_DIGEST_SIZE]) {
  for (unsigned i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    unsigned number = (shard + i) % GCN__LANE_COUNT_MAX;
    const struct gcn__checkpoint_lane* lane = match->by_number[number];
    if (lane == NULL || match->taken[number]) continue;
    if (memcmp(lane->topics, digest, GCN__CHECKPOINT_DIGEST_SIZE) == 0) {
      return lane;
    }
  }
  return NULL;
}

static int begin_match(struct match* match,
                       const struct gcn__checkpoint* stored) {
  *match = (struct match){.stored = stored};
  for (size_t i = 0; i < stored->lane_count; i++) {
    const struct gcn__checkpoint_lane* lane = &stored->lanes[i];
    if (lane->lane >= GCN__LANE_COUNT_MAX) return GCN_ELIMIT;
    match->by_number[lane->lane] = lane;
  }
  return 0;
}

static void count_left(struct match* match) {
  for (unsigned i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    const struct gcn__checkpoint_lane* lane = match->by_number[i];
    if (lane == NULL || match->taken[i]) continue;
    match->left++;
    int64_t good_ms = lane->good_unix_ms;
    if (good_ms == 0) continue;
    bool earlier = match->left_good_ms == 0 || good_ms < match->left_good_ms;
    if (earlier) match->left_good_ms = good_ms;
  }
}

/* Rule 2: of those that are left. */
static const struct gcn__checkpoint_lane* any_left(const struct match* match,
                                                   unsigned shard) {
  for (unsigned i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    unsigned number = (shard + i) % GCN__LANE_COUNT_MAX;
    if (match->by_number[number] == NULL || match->taken[number]) continue;
    return match->by_number[number];
  }
  return NULL;
}

/* UINT64_MAX: no gap.  A clock that was set back makes none of it: at least
 * what was on its way then is missing. */
static uint64_t age_of(const struct gcn__checkpointer* checkpointer,
                       int64_t good_unix_ms, int64_t unix_ms) {
  if (good_unix_ms == 0) return UINT64_MAX;
  uint64_t age_ms = 0;
  if (good_unix_ms < unix_ms) age_ms = (uint64_t)(unix_ms - good_unix_ms);
  return gcn__time_add(age_ms, checkpointer->latency_ms);
}

static void take_position(struct gcn__restored* to,
                          const struct gcn__checkpoint_lane* lane) {
  to->position = lane->position;
  to->is_time = lane->is_time;
  to->handled = lane->handled;
  to->handled_count = lane->handled_count;
}

static void take_channel(const struct gcn__checkpointer* checkpointer,
                         struct gcn__restored* to,
                         const struct gcn__checkpoint_lane* lane,
                         int64_t unix_ms) {
  bool ours = memcmp(lane->identity, checkpointer->identity,
                     sizeof lane->identity) == 0;
  bool known = lane->channel_id.data != NULL && lane->connect_uri.data != NULL;
  if (!known || !ours || lane->channel_until_unix_ms <= unix_ms) return;
  int64_t left_ms = lane->channel_until_unix_ms - unix_ms;
  if (left_ms > channel_life_ms) left_ms = channel_life_ms;
  to->channel_id = lane->channel_id;
  to->connect_uri = lane->connect_uri;
  to->channel_left_ms = (uint64_t)left_ms;
}

/* Rule 1. */
static void take_whole(struct gcn__checkpointer* checkpointer,
                       struct gcn__restored* to,
                       const struct gcn__checkpoint_lane* lane,
                       int64_t unix_ms) {
  take_position(to, lane);
  take_channel(checkpointer, to, lane, unix_ms);
  struct gcn__past* past = &checkpointer->past[to->shard];
  past->good_unix_ms = lane->good_unix_ms;
  to->good_ago_ms = age_of(checkpointer, lane->good_unix_ms, unix_ms);
  to->must_tell = lane->position.data == NULL;
}

/* Rules 2 to 4. */
static void take_part(struct gcn__checkpointer* checkpointer,
                      const struct match* match, struct gcn__restored* to,
                      int64_t unix_ms) {
  const struct gcn__checkpoint_lane* lane = any_left(match, to->shard);
  struct gcn__past* past = &checkpointer->past[to->shard];
  if (lane == NULL) {
    lane = checkpointer->stream ? match->by_number[0] : NULL;
    if (lane != NULL) take_position(to, lane);
    return;
  }
  take_position(to, lane);
  past->good_unix_ms = match->left_good_ms;
  bool sure = lane->position.data != NULL && match->left == 1;
  to->good_ago_ms = age_of(checkpointer, match->left_good_ms, unix_ms);
  to->must_tell = !sure;
}

/* Returns how many of `all` are filled: the shards there are, and those of
 * which something is stored, because their topics may come later. */
static size_t match_shards(struct gcn_client_s* client, struct match* match,
                           struct gcn__restored* all, int64_t unix_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  bool whole[GCN__SHARD_COUNT_MAX] = {false};
  size_t count = 0;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    struct gcn__past* past = &checkpointer->past[i];
    *past = (struct gcn__past){.good_unix_ms = 0};
    if (!gcn__engine_standing(client->engine, i).used) continue;
    gcn__engine_topics_digest(client->engine, i, past->topics);
    const struct gcn__checkpoint_lane* lane =
        same_topics(match, i, past->topics);
    if (lane == NULL) continue;
    whole[i] = true;
    match->taken[lane->lane] = true;
    all[count] = (struct gcn__restored){.shard = i, .good_ago_ms = UINT64_MAX};
    take_whole(checkpointer, &all[count++], lane, unix_ms);
  }
  count_left(match);
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    bool used = gcn__engine_standing(client->engine, i).used;
    bool stored = match->by_number[i] != NULL && !match->taken[i];
    if (whole[i] || (!used && !stored)) continue;
    if (!used) {
      memcpy(checkpointer->past[i].topics, match->by_number[i]->topics,
             GCN__CHECKPOINT_DIGEST_SIZE);
    }
    all[count] = (struct gcn__restored){.shard = i, .good_ago_ms = UINT64_MAX};
    take_part(checkpointer, match, &all[count++], unix_ms);
  }
  return count;
}

/* By an attempt that ran out of memory further on. */
static bool is_restored(const struct gcn__window* window, unsigned lane) {
  return gcn__window_position(window, lane).text.data != NULL ||
         gcn__window_handled_count(window, lane) > 0;
}

static int restore_window(struct gcn_client_s* client,
                          const struct gcn__restored* all, size_t count) {
  struct gcn__window* window = gcn__delivery_window(client);
  for (size_t i = 0; i < count; i++) {
    const struct gcn__restored* one = &all[i];
    if (one->position.data == NULL && one->handled_count == 0) continue;
    if (is_restored(window, one->shard)) continue;
    const struct gcn__position position = {one->position, one->is_time};
    int error = gcn__window_restore(window, one->shard, &position, one->handled,
                                    one->handled_count);
    if (error != 0) return error;
  }
  return 0;
}

int gcn__checkpoint_restore(struct gcn_client_s* client,
                            const struct gcn__checkpoint* stored,
                            uint64_t now_ms, int64_t unix_ms) {
  struct match match;
  struct gcn__restored all[GCN__SHARD_COUNT_MAX];
  int error = begin_match(&match, stored);
  if (error != 0) return error;
  size_t count = match_shards(client, &match, all, unix_ms);
  error = restore_window(client, all, count);
  if (error != 0) return error;
  return gcn__engine_restore(client->engine, stored->salt, all, count, now_ms);
}
