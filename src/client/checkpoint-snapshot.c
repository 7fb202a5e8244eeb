/* SPDX-License-Identifier: MIT */
/*
 * What goes into a checkpoint.
 *
 * A service without positions repeats nothing.  So a lane is stored as good
 * only until a moment before which everything that came is handled, too: what
 * was in hand when the program died lies inside the next run's gap.
 */
#include "client/checkpoint-parts.h"

#include "base/err.h"
#include "client/delivery.h"
#include "loop/system.h"

enum { CHANNELS_SIZE_MAX = 1024 * 1024 };

void gcn__save_init(struct gcn__checkpointer* checkpointer) {
  struct gcn__save* save = &checkpointer->save;
  const struct gcn__mem* mem = &checkpointer->mem;
  gcn__buf_init(&save->text, mem, GCN__CHECKPOINT_SIZE_MAX);
  gcn__buf_init(&save->channels, mem, CHANNELS_SIZE_MAX);
  save->text.secret = save->channels.secret = true;
}

void gcn__save_deinit(struct gcn__checkpointer* checkpointer) {
  struct gcn__save* save = &checkpointer->save;
  const struct gcn__mem* mem = &checkpointer->mem;
  gcn__buf_deinit(&save->text);
  gcn__buf_deinit(&save->channels);
  gcn__free(mem, save->keys, save->key_capacity * sizeof *save->keys);
  gcn__free(mem, save->sequences,
            save->sequence_capacity * sizeof *save->sequences);
}

bool gcn__save_streams(const struct gcn__engine* engine, unsigned shard) {
  const struct gcn__session* session = gcn__engine_session(engine, shard);
  return session != NULL && session->state == GCN__STATE_STREAMING;
}

static uint64_t mix(uint64_t print, unsigned char byte) {
  return (print ^ byte) * UINT64_C(0x100000001b3); /* FNV-1a */
}

uint64_t gcn__save_print(const struct gcn__engine* engine) {
  uint64_t print = UINT64_C(0xcbf29ce484222325);
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    struct gcn__standing standing = gcn__engine_standing(engine, i);
    struct gcn__span id = standing.channel_id;
    print = mix(print, standing.used);
    print = mix(print, gcn__save_streams(engine, i));
    for (size_t at = 0; at < id.size; at++) {
      print = mix(print, (unsigned char)id.data[at]);
    }
  }
  return print;
}

static int64_t unix_of(uint64_t at_ms, uint64_t now_ms, int64_t unix_ms) {
  return at_ms < now_ms ? unix_ms - (int64_t)(now_ms - at_ms) : unix_ms;
}

/* Until when each lane was good, as said at the top. */
static void weigh_past(struct gcn_client_s* client, uint64_t now_ms,
                       int64_t unix_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  const struct gcn__window* window = gcn__delivery_window(client);
  uint64_t in_hand = gcn__delivery_counters(client).in_flight;
  bool idle = in_hand == 0;
  bool waits = in_hand > window->count; /* some have no number yet */
  bool reached = checkpointer->hoped_next != 0 &&
                 gcn__window_done(window) + 1 >= checkpointer->hoped_next;
  bool hopes = reached || checkpointer->hoped_next == 0 || idle;
  hopes = hopes && !waits;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    struct gcn__past* past = &checkpointer->past[i];
    uint64_t good_ms = gcn__engine_standing(client->engine, i).good_ms;
    if (reached && past->hoped_unix_ms != 0) {
      past->good_unix_ms = past->hoped_unix_ms;
    }
    /* Before the first stream of this run what was known stays. */
    if (good_ms == 0 || !past->streamed) continue;
    int64_t good_unix_ms = unix_of(good_ms, now_ms, unix_ms);
    if (idle) past->good_unix_ms = good_unix_ms;
    if (hopes) past->hoped_unix_ms = good_unix_ms;
  }
  if (hopes) checkpointer->hoped_next = window->next;
}

static size_t count_keys(const struct gcn__window* window) {
  size_t count = 0;
  for (unsigned i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    count += gcn__window_handled_count(window, i);
  }
  return count;
}

static size_t roomier(size_t capacity, size_t needed) {
  return needed > 2 * capacity ? needed : 2 * capacity;
}

static int reserve_keys(struct gcn__checkpointer* checkpointer, size_t count) {
  struct gcn__save* save = &checkpointer->save;
  if (count <= save->key_capacity) return 0;
  size_t capacity = roomier(save->key_capacity, count);
  size_t size = sizeof *save->keys;
  void* keys = gcn__resize(&checkpointer->mem, save->keys,
                           save->key_capacity * size, capacity * size);
  if (keys == NULL) return GCN__ENOMEM;
  save->keys = keys;
  save->key_capacity = capacity;
  return 0;
}

static int reserve_sequences(struct gcn__checkpointer* checkpointer,
                             size_t count) {
  struct gcn__save* save = &checkpointer->save;
  if (count <= save->sequence_capacity) return 0;
  size_t capacity = roomier(save->sequence_capacity, count);
  size_t size = sizeof *save->sequences;
  void* sequences =
      gcn__resize(&checkpointer->mem, save->sequences,
                  save->sequence_capacity * size, capacity * size);
  if (sequences == NULL) return GCN__ENOMEM;
  save->sequences = sequences;
  save->sequence_capacity = capacity;
  return 0;
}

/* The acknowledged events grow while the store writes these. */
static int copy_acks(struct gcn_client_s* client) {
  const uint64_t* sequences;
  size_t count;
  struct gcn__save* save = &client->checkpointer->save;
  gcn__delivery_acks(client, &sequences, &count);
  int error = reserve_sequences(client->checkpointer, count);
  if (error != 0) return error;
  if (count > 0) memcpy(save->sequences, sequences, count * sizeof *sequences);
  save->sequence_count = count;
  return 0;
}

static size_t copy_keys(const struct gcn__window* window, unsigned lane,
                        struct gcn__key* to) {
  size_t count = gcn__window_handled_count(window, lane);
  /* The youngest are the ones that a service may still repeat. */
  size_t skipped = 0;
  if (count > GCN__CHECKPOINT_HANDLED_COUNT_MAX) {
    skipped = count - GCN__CHECKPOINT_HANDLED_COUNT_MAX;
  }
  for (size_t i = skipped; i < count; i++) {
    to[i - skipped] = gcn__window_handled(window, lane, i);
  }
  return count - skipped;
}

/* The engine's own views do not live long enough. */
static int copy_channel(struct gcn_client_s* client,
                        struct gcn__checkpoint_lane* lane, int64_t unix_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__buf* channels = &checkpointer->save.channels;
  struct gcn__standing standing =
      gcn__engine_standing(client->engine, lane->lane);
  if (standing.channel_id.data == NULL || standing.channel_left_ms == 0) {
    return 0;
  }
  size_t id_size = standing.channel_id.size;
  size_t uri_size = standing.connect_uri.size;
  /* The buffer has room for all and does not move. */
  char* room = gcn__buf_reserve(channels, id_size + uri_size);
  if (room == NULL) return GCN__ENOMEM;
  memcpy(room, standing.channel_id.data, id_size);
  memcpy(room + id_size, standing.connect_uri.data, uri_size);
  gcn__buf_commit(channels, id_size + uri_size);
  lane->channel_id = gcn__span(room, id_size);
  lane->connect_uri = gcn__span(room + id_size, uri_size);
  int64_t left_ms =
      (int64_t)gcn__time_min(standing.channel_left_ms, (uint64_t)INT32_MAX);
  lane->channel_until_unix_ms = unix_ms + left_ms;
  memcpy(lane->identity, checkpointer->identity, sizeof lane->identity);
  return 0;
}

static int reserve_channels(struct gcn_client_s* client) {
  struct gcn__buf* channels = &client->checkpointer->save.channels;
  size_t size = 1;
  for (unsigned i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    struct gcn__standing standing = gcn__engine_standing(client->engine, i);
    size += standing.channel_id.size + standing.connect_uri.size;
  }
  gcn__buf_clear(channels);
  return gcn__buf_reserve(channels, size) == NULL ? GCN__ENOMEM : 0;
}

static int fill_lane(struct gcn_client_s* client,
                     struct gcn__checkpoint_lane* lane, struct gcn__key* keys,
                     int64_t unix_ms) {
  struct gcn__past* past = &client->checkpointer->past[lane->lane];
  const struct gcn__window* window = gcn__delivery_window(client);
  struct gcn__position position = gcn__window_position(window, lane->lane);
  bool used = gcn__engine_standing(client->engine, lane->lane).used;
  if (used && !past->digested) {
    gcn__engine_topics_digest(client->engine, lane->lane, past->topics);
    past->digested = true;
  }
  /* The topics of a lane that was given up are elsewhere: they must not find it
   * again by their digest (rule 1), and 0xff is none's. */
  bool gone = past->streamed && !used;
  if (gone) memset(past->topics, 0xff, sizeof past->topics);
  memcpy(lane->topics, past->topics, sizeof lane->topics);
  lane->position = position.text;
  lane->is_time = position.is_time;
  lane->good_unix_ms = past->good_unix_ms;
  lane->handled_count = copy_keys(window, lane->lane, keys);
  lane->handled = keys;
  return copy_channel(client, lane, unix_ms);
}

/* A shard without topics may still have to say where they were left. */
static bool is_worth(const struct gcn_client_s* client, unsigned lane) {
  const struct gcn__window* window = gcn__delivery_window(client);
  return gcn__engine_standing(client->engine, lane).used ||
         gcn__window_position(window, lane).text.data != NULL ||
         gcn__window_handled_count(window, lane) > 0 ||
         client->checkpointer->past[lane].good_unix_ms != 0;
}

static int fill_lanes(struct gcn_client_s* client, int64_t unix_ms,
                      size_t* lane_count) {
  struct gcn__save* save = &client->checkpointer->save;
  size_t key_count = count_keys(gcn__delivery_window(client));
  int error = reserve_keys(client->checkpointer, key_count);
  if (error == 0) error = reserve_channels(client);
  size_t count = 0;
  struct gcn__key* keys = save->keys;
  for (unsigned i = 0; error == 0 && i < GCN__SHARD_COUNT_MAX; i++) {
    if (!is_worth(client, i)) continue;
    struct gcn__checkpoint_lane* lane = &save->lanes[count++];
    *lane = (struct gcn__checkpoint_lane){.lane = i};
    error = fill_lane(client, lane, keys, unix_ms);
    if (lane->handled_count > 0) keys += lane->handled_count;
  }
  *lane_count = count;
  return error;
}

static int write_text(struct gcn_client_s* client, bool last, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  struct gcn__save* save = &checkpointer->save;
  int64_t unix_ms = gcn__wall_now_ms();
  weigh_past(client, now_ms, unix_ms);
  struct gcn__checkpoint checkpoint = {
      .serial = save->serial + 1,
      .clean = last,
      .saved_unix_ms = unix_ms,
      .lanes = save->lanes,
  };
  memcpy(checkpoint.owner, checkpointer->owner, sizeof checkpoint.owner);
  memcpy(checkpoint.salt, gcn__engine_salt(client->engine),
         sizeof checkpoint.salt);
  int error = fill_lanes(client, unix_ms, &checkpoint.lane_count);
  if (error != 0) return error;
  gcn__buf_clear(&save->text);
  return gcn__checkpoint_write(&checkpoint, &save->text);
}

int gcn__save_snapshot(struct gcn_client_s* client, bool last,
                       uint64_t now_ms) {
  struct gcn__save* save = &client->checkpointer->save;
  const struct gcn__window* window = gcn__delivery_window(client);
  save->done = gcn__window_done(window);
  save->revision = gcn__window_revision(window);
  save->print = gcn__save_print(client->engine);
  save->changed = false;
  int error = copy_acks(client);
  return error != 0 ? error : write_text(client, last, now_ms);
}
