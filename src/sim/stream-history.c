/* SPDX-License-Identifier: MIT */
/*
 * The log of stream events: a ring, whose capacity doubles up to the most that
 * it may keep.  Searches rely on growing sequence numbers and moments.
 */
#include "sim/stream-history.h"

#include "base/assert.h"
#include "base/rng.h"
#include "sim/service.h"

#include <stdio.h>

enum { RING_MIN = 64, DIGITS = 14, CHECK_DIGITS = 8 };

#define CHECK_SEED UINT64_C(0x73747265616d6964)
#define ID_PREFIX  "e+"

void gcn__sim_history_init(struct gcn__sim_history* history,
                           const struct gcn__mem* mem, size_t count_max,
                           uint64_t retention_ms) {
  *history = (struct gcn__sim_history){
      .mem = mem, .count_max = count_max, .retention_ms = retention_ms};
}

static struct gcn__sim_record* slot_of(const struct gcn__sim_history* history,
                                       uint64_t position) {
  return &history->ring[position % history->capacity];
}

static void forget_oldest(struct gcn__sim_history* history) {
  struct gcn__sim_record* record = slot_of(history, history->first++);
  history->lost_sequence = record->sequence;
  history->lost_ms = record->at_ms;
  gcn__free(history->mem, record->text, record->text_size);
  record->text = NULL;
}

void gcn__sim_history_deinit(struct gcn__sim_history* history) {
  while (history->first < history->next)
    forget_oldest(history);
  gcn__free(history->mem, history->ring,
            history->capacity * sizeof(*history->ring));
  history->ring = NULL;
  history->capacity = 0;
}

/* Each record goes to the slot that its position has in the larger ring. */
static bool grow(struct gcn__sim_history* history) {
  size_t capacity = history->capacity == 0 ? RING_MIN : history->capacity * 2;
  if (capacity > history->count_max) capacity = history->count_max;
  struct gcn__sim_record* ring =
      gcn__alloc(history->mem, capacity * sizeof(*ring));
  if (ring == NULL) return false;
  for (uint64_t i = history->first; i < history->next; i++) {
    ring[i % capacity] = *slot_of(history, i);
  }
  gcn__free(history->mem, history->ring,
            history->capacity * sizeof(*history->ring));
  history->ring = ring;
  history->capacity = capacity;
  return true;
}

bool gcn__sim_history_add(struct gcn__sim_history* history,
                          const struct gcn__sim_record* record) {
  gcn__sim_history_trim(history, record->at_ms);
  bool full = history->next - history->first == history->capacity;
  bool whole = history->capacity == history->count_max;
  if (full && !whole && !grow(history)) return false;
  if (full && whole) forget_oldest(history);
  *slot_of(history, history->next++) = *record;
  return true;
}

void gcn__sim_history_trim(struct gcn__sim_history* history, uint64_t now_ms) {
  while (history->first < history->next) {
    uint64_t at_ms = slot_of(history, history->first)->at_ms;
    if (gcn__time_add(at_ms, history->retention_ms) > now_ms) return;
    forget_oldest(history);
  }
}

const struct gcn__sim_record*
gcn__sim_history_at(const struct gcn__sim_history* history, uint64_t position) {
  GCN__ASSERT(position >= history->first && position < history->next);
  return slot_of(history, position);
}

/* The first position whose record has at least that number, or is at least
 * that young; the other of the two is 0. */
static uint64_t search(const struct gcn__sim_history* history,
                       uint64_t sequence, uint64_t at_ms) {
  uint64_t low = history->first;
  uint64_t high = history->next;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    const struct gcn__sim_record* record = slot_of(history, middle);
    if (record->sequence >= sequence && record->at_ms >= at_ms) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

bool gcn__sim_history_after(const struct gcn__sim_history* history,
                            uint64_t sequence, uint64_t* position) {
  *position = search(history, sequence + 1, 0);
  return sequence >= history->lost_sequence;
}

bool gcn__sim_history_since(const struct gcn__sim_history* history,
                            uint64_t at_ms, uint64_t* position) {
  *position = search(history, 0, at_ms);
  return history->lost_sequence == 0 || at_ms > history->lost_ms;
}

/* The check keeps ids that are not ours from being taken for positions. */
void gcn__sim_event_id(uint64_t sequence, char out[GCN__SIM_EVENT_ID_SIZE]) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, CHECK_SEED ^ sequence);
  snprintf(out, GCN__SIM_EVENT_ID_SIZE, ID_PREFIX "%014llx/%08x=",
           (unsigned long long)(sequence & UINT64_C(0xffffffffffffff)),
           (unsigned)(gcn__rng_next(&rng) >> 32));
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool gcn__sim_stream_sequence(struct gcn__span id, uint64_t* sequence) {
  static const char prefix[] = ID_PREFIX;
  size_t skipped = sizeof(prefix) - 1;
  if (id.size != skipped + DIGITS + CHECK_DIGITS + 2) return false;
  uint64_t number = 0;
  for (size_t i = skipped; i < skipped + DIGITS; i++) {
    int digit = hex_digit(id.data[i]);
    if (digit < 0) return false;
    number = number << 4 | (uint64_t)digit;
  }
  char wanted[GCN__SIM_EVENT_ID_SIZE];
  gcn__sim_event_id(number, wanted);
  if (!gcn__span_is(id, wanted)) return false;
  *sequence = number;
  return true;
}
