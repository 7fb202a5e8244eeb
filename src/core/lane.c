/* SPDX-License-Identifier: MIT */
/*
 * Segments in a list, keys in an array that is swept when it is full.
 *
 * That acknowledging needs no memory rests on one inequality: the array has
 * room for the keys in it and those of all events in flight, or it is twice as
 * large as what is remembered at most, so that a sweep frees half of it.
 */
#include "core/lane.h"

#include "base/assert.h"
#include "base/err.h"

enum { CAPACITY_MIN = 16 };

/* The number of keys that were handled before we began. */
#define RESTORED UINT64_MAX

void gcn__lane_init(struct gcn__lane* lane, const struct gcn__mem* mem,
                    size_t count_max) {
  size_t capacity = 2;
  while (capacity / 2 < count_max)
    capacity *= 2;
  *lane = (struct gcn__lane){
      .mem = mem,
      .count_max = count_max,
      .passed = UINT64_MAX,
      .capacity_max = capacity,
  };
}

static void free_place(const struct gcn__mem* mem, struct gcn__place* place) {
  gcn__free(mem, place->text, place->size);
  *place = (struct gcn__place){.text = NULL};
}

/* What it held is freed. */
static void put_place(const struct gcn__mem* mem, struct gcn__place* to,
                      struct gcn__place* from) {
  free_place(mem, to);
  *to = *from;
  *from = (struct gcn__place){.text = NULL};
}

static int make_place(const struct gcn__mem* mem,
                      const struct gcn__position* position,
                      struct gcn__place* place) {
  struct gcn__span text = position->text;
  if (text.size == 0 || text.size > GCN__POSITION_SIZE_MAX) return GCN_ELIMIT;
  char* copy = gcn__alloc(mem, text.size);
  if (copy == NULL) return GCN__ENOMEM;
  memcpy(copy, text.data, text.size);
  *place = (struct gcn__place){copy, text.size, position->is_time};
  return 0;
}

static bool is_place(const struct gcn__place* place,
                     const struct gcn__position* position) {
  return place->text != NULL && place->is_time == position->is_time &&
         gcn__span_equal(gcn__span(place->text, place->size), position->text);
}

/* The one that takes the events to come, or NULL. */
static struct gcn__segment* open_segment(const struct gcn__lane* lane) {
  struct gcn__segment* newest = lane->newest;
  return newest != NULL && newest->mark.text == NULL ? newest : NULL;
}

static struct gcn__segment* add_segment(struct gcn__lane* lane) {
  struct gcn__segment* segment = gcn__alloc_zero(lane->mem, sizeof *segment);
  if (segment == NULL) return NULL;
  segment->number = ++lane->number;
  segment->older = lane->newest;
  if (lane->newest != NULL) lane->newest->newer = segment;
  if (lane->oldest == NULL) lane->oldest = segment;
  lane->newest = segment;
  return segment;
}

static void drop_segment(struct gcn__lane* lane, struct gcn__segment* segment) {
  if (segment->older != NULL) segment->older->newer = segment->newer;
  if (segment->newer != NULL) segment->newer->older = segment->older;
  if (lane->oldest == segment) lane->oldest = segment->newer;
  if (lane->newest == segment) lane->newest = segment->older;
  free_place(lane->mem, &segment->mark);
  gcn__free(lane->mem, segment, sizeof *segment);
}

/* A closed segment without events in flight goes.  True if the position has
 * moved. */
static bool settle(struct gcn__lane* lane, struct gcn__segment* segment) {
  if (segment->pending > 0 || segment->mark.text == NULL) return false;
  struct gcn__segment* older = segment->older;
  if (older != NULL) {
    put_place(lane->mem, &older->mark, &segment->mark);
    older->number = segment->number;
  } else {
    put_place(lane->mem, &lane->position, &segment->mark);
    lane->covered = segment->number;
    lane->swept = false;
  }
  drop_segment(lane, segment);
  return older == NULL;
}

void gcn__lane_deinit(struct gcn__lane* lane) {
  while (lane->oldest != NULL)
    drop_segment(lane, lane->oldest);
  free_place(lane->mem, &lane->position);
  gcn__free(lane->mem, lane->handled, lane->capacity * sizeof *lane->handled);
  lane->handled = NULL;
  lane->handled_count = lane->capacity = 0;
}

static bool is_covered(const struct gcn__lane* lane, uint64_t number) {
  return (number == RESTORED ? lane->passed : number) <= lane->covered;
}

static size_t most_keys(const struct gcn__lane* lane) {
  bool few = !lane->marked && lane->count_max > GCN__WINDOW_UNMARKED_KEY_COUNT;
  return few ? GCN__WINDOW_UNMARKED_KEY_COUNT : lane->count_max;
}

void gcn__lane_sweep(struct gcn__lane* lane) {
  if (lane->swept) return;
  size_t kept = 0;
  for (size_t i = 0; i < lane->handled_count; i++) {
    if (is_covered(lane, lane->handled[i].number)) continue;
    lane->handled[kept++] = lane->handled[i];
  }
  size_t most = most_keys(lane);
  size_t count = kept < most ? kept : most;
  if (count < kept) {
    memmove(lane->handled, &lane->handled[kept - count],
            count * sizeof *lane->handled);
  }
  lane->handled_count = count;
  lane->swept = true;
}

bool gcn__lane_overdue(struct gcn__lane* lane) {
  const struct gcn__segment* oldest = lane->oldest;
  size_t most = lane->count_max - lane->count_max / 4;
  bool waits = oldest != NULL && oldest->mark.text != NULL &&
               oldest->pending > 0 && lane->handled_count >= most;
  if (!waits) return false;
  gcn__lane_sweep(lane);
  return lane->handled_count >= most;
}

static int grow(struct gcn__lane* lane, size_t count) {
  size_t most = lane->capacity_max;
  size_t capacity = lane->capacity == 0 ? CAPACITY_MIN : lane->capacity;
  while (capacity < count && capacity < most)
    capacity *= 2;
  if (capacity > most) capacity = most;
  size_t size = sizeof *lane->handled;
  void* handled = gcn__resize(lane->mem, lane->handled, lane->capacity * size,
                              capacity * size);
  if (handled == NULL) return GCN__ENOMEM;
  lane->handled = handled;
  lane->capacity = capacity;
  return 0;
}

/* Room for the key of one more event in flight.  A sweep is worth its time if
 * it frees half of the room; else there will soon be need for more. */
static int set_room_aside(struct gcn__lane* lane) {
  size_t flying = lane->keyed_count + 1;
  if (lane->handled_count + flying <= lane->capacity) return 0;
  if (lane->capacity == lane->capacity_max) return 0;
  gcn__lane_sweep(lane);
  size_t count = lane->handled_count + flying;
  if (count <= lane->capacity / 2) return 0;
  return grow(lane, count > lane->capacity ? count : lane->capacity + 1);
}

static void remember(struct gcn__lane* lane, struct gcn__key key,
                     uint64_t number) {
  if (lane->handled_count == lane->capacity) gcn__lane_sweep(lane);
  GCN__ASSERT(lane->handled_count < lane->capacity);
  lane->handled[lane->handled_count++] = (struct gcn__handled){key, number};
  lane->swept = false;
}

struct gcn__segment* gcn__lane_give(struct gcn__lane* lane,
                                    struct gcn__key key) {
  bool keyed = gcn__key_is(&key);
  if (keyed && set_room_aside(lane) != 0) return NULL;
  struct gcn__segment* segment = open_segment(lane);
  if (segment == NULL) segment = add_segment(lane);
  if (segment == NULL) return NULL;
  segment->pending++;
  if (keyed) lane->keyed_count++;
  if (lane->given_count <= lane->count_max) {
    lane->given_count++;
    if (lane->given_count > lane->count_max) lane->passed = segment->number;
  }
  return segment;
}

bool gcn__lane_ready(const struct gcn__lane* lane, bool keyed) {
  if (open_segment(lane) == NULL) return false;
  if (!keyed || lane->capacity == lane->capacity_max) return true;
  return lane->handled_count + lane->keyed_count < lane->capacity;
}

bool gcn__lane_ack(struct gcn__lane* lane, struct gcn__segment* segment,
                   struct gcn__key key) {
  GCN__ASSERT(segment->pending > 0);
  uint64_t number = segment->number;
  segment->pending--;
  bool moved = settle(lane, segment);
  if (!gcn__key_is(&key)) return moved;
  lane->keyed_count--;
  if (!is_covered(lane, number)) remember(lane, key, number);
  return true;
}

int gcn__lane_mark(struct gcn__lane* lane, const struct gcn__position* position,
                   bool* moved) {
  *moved = false;
  bool idle = lane->newest == NULL; /* a service that says it again */
  if (idle && is_place(&lane->position, position)) return 0;
  struct gcn__place place;
  int error = make_place(lane->mem, position, &place);
  if (error != 0) return error;
  lane->marked = true;
  if (idle) {
    put_place(lane->mem, &lane->position, &place);
    *moved = true;
    return 0;
  }
  put_place(lane->mem, &lane->newest->mark, &place);
  *moved = settle(lane, lane->newest);
  return 0;
}

int gcn__lane_restore(struct gcn__lane* lane,
                      const struct gcn__position* position,
                      const struct gcn__key* handled, size_t count) {
  GCN__ASSERT(lane->number == 0 && lane->handled_count == 0);
  GCN__ASSERT(lane->position.text == NULL);
  struct gcn__place place = {.text = NULL};
  if (position->text.data != NULL) {
    int error = make_place(lane->mem, position, &place);
    if (error != 0) return error;
  }
  if (count > lane->capacity && grow(lane, count) != 0) {
    free_place(lane->mem, &place);
    return GCN__ENOMEM;
  }
  lane->position = place;
  lane->marked = place.text != NULL;
  for (size_t i = 0; i < count; i++) {
    remember(lane, handled[i], RESTORED);
  }
  return 0;
}
