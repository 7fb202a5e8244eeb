/* SPDX-License-Identifier: MIT */
/*
 * See collect.h.
 */
#include "client/collect.h"

#include "base/err.h"

enum {
  /* Of no event, so that none begins where the block does: see retain.c. */
  HEAD_SIZE = 16,
  FIRST_COUNT = 16,
  FIRST_SIZE = 8192,
};

void gcn__collect_init(struct gcn__collect* collect, const struct gcn__mem* mem,
                       size_t count_max, size_t size_max) {
  *collect = (struct gcn__collect){
      .mem = mem,
      .count_max = count_max,
      .size_max = size_max,
      .used = HEAD_SIZE,
  };
}

void gcn__collect_trim(struct gcn__collect* collect) {
  gcn__free(collect->mem, collect->events,
            collect->capacity * sizeof *collect->events);
  gcn__free(collect->mem, collect->bytes, collect->byte_capacity);
  gcn__collect_init(collect, collect->mem, collect->count_max,
                    collect->size_max);
}

void gcn__collect_deinit(struct gcn__collect* collect) {
  if (collect->mem == NULL) return;
  gcn__collect_trim(collect);
  *collect = (struct gcn__collect){.mem = NULL};
}

bool gcn__collect_fits(const struct gcn__collect* collect, size_t size) {
  return collect->count < collect->count_max &&
         size <= collect->size_max - (collect->used - HEAD_SIZE);
}

/* By doubling, up to a limit that `needed` keeps. */
static size_t grown(size_t capacity, size_t first, size_t needed, size_t max) {
  size_t size = capacity == 0 ? first : capacity;
  while (size < needed)
    size *= 2;
  return size < max ? size : max;
}

static int grow_events(struct gcn__collect* collect) {
  if (collect->count < collect->capacity) return 0;
  size_t capacity = grown(collect->capacity, FIRST_COUNT, collect->count + 1,
                          collect->count_max);
  size_t unit = sizeof *collect->events;
  void* events = gcn__resize(collect->mem, collect->events,
                             collect->capacity * unit, capacity * unit);
  if (events == NULL) return GCN__ENOMEM;
  collect->events = events;
  collect->capacity = capacity;
  return 0;
}

/* Not by resizing: what points into the old block is moved while both exist. */
static int grow_bytes(struct gcn__collect* collect, size_t size) {
  size_t needed = collect->used + size;
  if (needed <= collect->byte_capacity) return 0;
  size_t capacity = grown(collect->byte_capacity, FIRST_SIZE, needed,
                          HEAD_SIZE + collect->size_max);
  char* bytes = gcn__alloc(collect->mem, capacity);
  if (bytes == NULL) return GCN__ENOMEM;
  size_t filled = collect->used - HEAD_SIZE;
  if (filled > 0) memcpy(bytes + HEAD_SIZE, collect->bytes + HEAD_SIZE, filled);
  for (size_t i = 0; i < collect->count; i++) {
    gcn__event_move(&collect->events[i], collect->bytes, bytes);
  }
  gcn__free(collect->mem, collect->bytes, collect->byte_capacity);
  collect->bytes = bytes;
  collect->byte_capacity = capacity;
  return 0;
}

int gcn__collect_add(struct gcn__collect* collect, const gcn_event_t* event) {
  size_t size = gcn__event_size(event);
  int error = grow_events(collect);
  if (error == 0) error = grow_bytes(collect, size);
  if (error != 0) return error;
  gcn__event_copy(&collect->events[collect->count++], event,
                  collect->bytes + collect->used);
  collect->used += size;
  return 0;
}

void gcn__collect_clear(struct gcn__collect* collect) {
  collect->count = 0;
  collect->used = HEAD_SIZE;
}
