/* SPDX-License-Identifier: MIT */
/*
 * Entries of a pool, found by a hash of their sequence and linked in its order.
 *
 * A plain ring would be simpler, but a single event that nobody acknowledges
 * would make it grow with all that come after.
 */
#include "core/window.h"

#include "base/assert.h"
#include "base/err.h"
#include "core/lane.h"

enum { CAPACITY_MIN = 64, CAPACITY_MAX = 1 << 26 };

_Static_assert(GCN__LANE_COUNT_MAX <= 32, "a bit for each lane");

/* In place of an entry's index. */
#define NONE UINT32_MAX

struct gcn__window_entry {
  uint64_t sequence;
  size_t size;
  struct gcn__key key;
  struct gcn__segment* segment;
  uint32_t chain; /* the next one in its bucket, or that is free */
  uint32_t older;
  uint32_t newer;
  uint32_t lane;
};

int gcn__window_init(struct gcn__window* window, const struct gcn__mem* mem,
                     const struct gcn__window_limits* limits, uint64_t first) {
  GCN__ASSERT(first > 0 && limits->size_max > 0);
  GCN__ASSERT(limits->count_max > 0);
  GCN__ASSERT(limits->count_max <= GCN__WINDOW_COUNT_MAX);
  *window = (struct gcn__window){
      .mem = mem,
      .limits = *limits,
      .spare = NONE,
      .oldest = NONE,
      .newest = NONE,
      .next = first,
      .done = first - 1,
  };
  size_t size = GCN__LANE_COUNT_MAX * sizeof *window->lanes;
  window->lanes = gcn__alloc(mem, size);
  if (window->lanes == NULL) return GCN__ENOMEM;
  size_t keys =
      limits->key_count_max > 0 ? limits->key_count_max : limits->count_max;
  for (unsigned i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    gcn__lane_init(&window->lanes[i], mem, keys);
  }
  return 0;
}

static void free_pool(struct gcn__window* window) {
  gcn__free(window->mem, window->entries,
            window->capacity * sizeof *window->entries);
  gcn__free(window->mem, window->buckets,
            window->capacity * sizeof *window->buckets);
  window->entries = NULL;
  window->buckets = NULL;
  window->capacity = 0;
  window->spare = NONE;
}

void gcn__window_deinit(struct gcn__window* window) {
  free_pool(window);
  window->count = window->size = 0;
  window->oldest = window->newest = NONE;
  if (window->lanes == NULL) return;
  for (unsigned i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    gcn__lane_deinit(&window->lanes[i]);
  }
  gcn__free(window->mem, window->lanes,
            GCN__LANE_COUNT_MAX * sizeof *window->lanes);
  window->lanes = NULL;
}

/* The link that leads to the first entry of the bucket.  Fibonacci hashing:
 * neighbours hardly ever meet, and what is left over of a regular pattern is
 * spread. */
static uint32_t* bucket_of(const struct gcn__window* window,
                           uint64_t sequence) {
  uint64_t hash = sequence * UINT64_C(0x9e3779b97f4a7c15);
  return &window->buckets[((hash >> 32) * window->capacity) >> 32];
}

/* The link that leads to the event's entry, or that ends the search. */
static uint32_t* find_link(const struct gcn__window* window,
                           uint64_t sequence) {
  uint32_t* link = bucket_of(window, sequence);
  while (*link != NONE && window->entries[*link].sequence != sequence) {
    link = &window->entries[*link].chain;
  }
  return link;
}

static void chain(struct gcn__window* window, uint32_t index) {
  struct gcn__window_entry* entry = &window->entries[index];
  uint32_t* bucket = bucket_of(window, entry->sequence);
  entry->chain = *bucket;
  *bucket = index;
}

static void spare_entry(struct gcn__window* window, uint32_t index) {
  window->entries[index].chain = window->spare;
  window->spare = index;
}

/* Makes sure that there is a spare entry. */
static int make_room(struct gcn__window* window) {
  if (window->spare != NONE) return 0;
  if (window->capacity >= CAPACITY_MAX) return GCN__ENOMEM;
  size_t old = window->capacity;
  size_t capacity = old == 0 ? CAPACITY_MIN : old * 2;
  uint32_t* buckets = gcn__alloc(window->mem, capacity * sizeof *buckets);
  if (buckets == NULL) return GCN__ENOMEM;
  size_t size = sizeof *window->entries;
  void* entries =
      gcn__resize(window->mem, window->entries, old * size, capacity * size);
  if (entries == NULL) {
    gcn__free(window->mem, buckets, capacity * sizeof *buckets);
    return GCN__ENOMEM;
  }
  gcn__free(window->mem, window->buckets, old * sizeof *buckets);
  window->entries = entries;
  window->buckets = buckets;
  window->capacity = capacity;
  memset(buckets, 0xff, capacity * sizeof *buckets); /* NONE */
  for (size_t i = capacity; i > old; i--) {
    spare_entry(window, (uint32_t)(i - 1));
  }
  for (size_t i = 0; i < old; i++) {
    chain(window, (uint32_t)i);
  }
  return 0;
}

static void append(struct gcn__window* window, uint32_t index) {
  struct gcn__window_entry* entry = &window->entries[index];
  entry->older = window->newest;
  entry->newer = NONE;
  if (entry->older == NONE) {
    window->oldest = index;
  } else {
    window->entries[entry->older].newer = index;
  }
  window->newest = index;
}

static void take_out(struct gcn__window* window,
                     const struct gcn__window_entry* entry) {
  if (entry->older == NONE) {
    window->oldest = entry->newer;
  } else {
    window->entries[entry->older].newer = entry->newer;
  }
  if (entry->newer == NONE) {
    window->newest = entry->older;
  } else {
    window->entries[entry->newer].older = entry->older;
  }
}

/* What the caller gave beyond the limit is given back when all of it is done:
 * a pool of the limit's size stays. */
static void shrink(struct gcn__window* window) {
  bool large = window->capacity > CAPACITY_MIN &&
               window->capacity / 2 >= window->limits.count_max;
  if (window->count == 0 && large) free_pool(window);
}

void gcn__window_trim(struct gcn__window* window) {
  if (window->count == 0) free_pool(window);
}

int gcn__window_give(struct gcn__window* window, unsigned lane, size_t size,
                     struct gcn__key key) {
  GCN__ASSERT(lane < GCN__LANE_COUNT_MAX);
  if (make_room(window) != 0) return GCN__ENOMEM;
  struct gcn__segment* segment = gcn__lane_give(&window->lanes[lane], key);
  if (segment == NULL) return GCN__ENOMEM;
  if (lane >= window->lane_end) window->lane_end = lane + 1;
  uint32_t index = window->spare;
  window->spare = window->entries[index].chain;
  window->entries[index] = (struct gcn__window_entry){
      .sequence = window->next++,
      .size = size,
      .key = key,
      .segment = segment,
      .lane = lane,
  };
  chain(window, index);
  append(window, index);
  window->count++;
  window->size += size;
  return 0;
}

uint32_t gcn__window_ready(const struct gcn__window* window, bool keyed) {
  uint32_t lanes = 0;
  if (window->spare == NONE) return 0;
  for (unsigned i = 0; i < window->lane_end; i++) {
    bool ready = gcn__lane_ready(&window->lanes[i], keyed);
    lanes |= (uint32_t)ready << i;
  }
  return lanes;
}

bool gcn__window_holds(const struct gcn__window* window, uint64_t sequence) {
  if (window->capacity == 0) return false;
  return *find_link(window, sequence) != NONE;
}

int gcn__window_ack(struct gcn__window* window, uint64_t sequence) {
  if (window->capacity == 0) return GCN__ENOENT;
  uint32_t* link = find_link(window, sequence);
  if (*link == NONE) return GCN__ENOENT;
  uint32_t index = *link;
  const struct gcn__window_entry entry = window->entries[index];
  *link = entry.chain;
  take_out(window, &entry);
  spare_entry(window, index);
  window->count--;
  window->size -= entry.size;
  bool empty = window->oldest == NONE;
  window->done =
      (empty ? window->next : window->entries[window->oldest].sequence) - 1;
  struct gcn__lane* lane = &window->lanes[entry.lane];
  if (gcn__lane_ack(lane, entry.segment, entry.key)) window->revision++;
  shrink(window);
  return 0;
}

int gcn__window_mark(struct gcn__window* window, unsigned lane,
                     const struct gcn__position* position) {
  GCN__ASSERT(lane < GCN__LANE_COUNT_MAX);
  bool moved = false;
  int error = gcn__lane_mark(&window->lanes[lane], position, &moved);
  if (moved) window->revision++;
  return error;
}

int gcn__window_restore(struct gcn__window* window, unsigned lane,
                        const struct gcn__position* position,
                        const struct gcn__key* handled, size_t count) {
  GCN__ASSERT(lane < GCN__LANE_COUNT_MAX);
  int error = gcn__lane_restore(&window->lanes[lane], position, handled, count);
  if (error == 0) window->revision++;
  return error;
}

struct gcn__position gcn__window_position(const struct gcn__window* window,
                                          unsigned lane) {
  GCN__ASSERT(lane < GCN__LANE_COUNT_MAX);
  const struct gcn__place* place = &window->lanes[lane].position;
  return (struct gcn__position){gcn__span(place->text, place->size),
                                place->is_time};
}

size_t gcn__window_handled_count(const struct gcn__window* window,
                                 unsigned lane) {
  GCN__ASSERT(lane < GCN__LANE_COUNT_MAX);
  gcn__lane_sweep(&window->lanes[lane]);
  return window->lanes[lane].handled_count;
}

struct gcn__key gcn__window_handled(const struct gcn__window* window,
                                    unsigned lane, size_t index) {
  GCN__ASSERT(lane < GCN__LANE_COUNT_MAX);
  gcn__lane_sweep(&window->lanes[lane]);
  GCN__ASSERT(index < window->lanes[lane].handled_count);
  return window->lanes[lane].handled[index].key;
}

uint64_t gcn__window_revision(const struct gcn__window* window) {
  return window->revision;
}

static bool is_overdue(const struct gcn__window* window) {
  for (unsigned i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    if (gcn__lane_overdue(&window->lanes[i])) return true;
  }
  return false;
}

bool gcn__window_full(const struct gcn__window* window) {
  const struct gcn__window_limits* limits = &window->limits;
  return is_overdue(window) ||
         window->count >= limits->count_max - limits->count_max / 4 ||
         window->size >= limits->size_max - limits->size_max / 4;
}

bool gcn__window_slack(const struct gcn__window* window) {
  const struct gcn__window_limits* limits = &window->limits;
  return window->count <= limits->count_max / 4 &&
         window->size <= limits->size_max / 4 && !is_overdue(window);
}
