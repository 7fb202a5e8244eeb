/* SPDX-License-Identifier: MIT */
/*
 * The ring and its dump.  Invariant: the ring holds whole records, and base_ms
 * plus all their times is clock_ms.
 */
#include "core/recorder.h"

#include "base/assert.h"

#define NAME(name, ...) #name "\0"

static const char names[] = GCN__SETTINGS_MAP(NAME) GCN__STATE_MAP(NAME)
    GCN__INPUT_MAP(NAME) GCN__VERB_MAP(NAME);

#define COUNT_ONE(...) +1

enum {
  NAMES_SIZE = sizeof names - 1,
  SETTING_COUNT = 0 GCN__SETTINGS_MAP(COUNT_ONE),
};

_Static_assert(NAMES_SIZE <= UINT16_MAX, "the header counts them so");

void gcn__recorder_init(struct gcn__recorder* recorder,
                        const struct gcn__mem* mem, size_t size_max,
                        const struct gcn__settings* settings) {
  bool on = size_max >= GCN__RECORD_SIZE_MAX;
  memset(recorder, 0, sizeof *recorder);
  recorder->mem = mem;
  recorder->size_max = on ? size_max : 0;
  recorder->settings = *settings;
}

void gcn__recorder_deinit(struct gcn__recorder* recorder) {
  if (recorder->mem == NULL) return;
  gcn__free(recorder->mem, recorder->ring, recorder->capacity);
  gcn__free(recorder->mem, recorder->repeated,
            recorder->slot_count * sizeof *recorder->repeated);
  memset(recorder, 0, sizeof *recorder);
}

/* What the ring holds, from its oldest byte on. */
static void unroll(const struct gcn__recorder* recorder, unsigned char* to) {
  size_t first = recorder->capacity - recorder->begin;
  if (first > recorder->size) first = recorder->size;
  if (recorder->size == 0) return;
  memcpy(to, recorder->ring + recorder->begin, first);
  memcpy(to + first, recorder->ring, recorder->size - first);
}

static size_t next_capacity(const struct gcn__recorder* recorder) {
  size_t capacity = 2 * recorder->capacity;
  if (capacity < GCN__RECORDER_FIRST_SIZE) capacity = GCN__RECORDER_FIRST_SIZE;
  return capacity < recorder->size_max ? capacity : recorder->size_max;
}

/* False: it is as large as it may be, or memory is short. */
static bool grow(struct gcn__recorder* recorder) {
  size_t capacity = next_capacity(recorder);
  if (capacity <= recorder->capacity) return false;
  unsigned char* ring = gcn__alloc(recorder->mem, capacity);
  if (ring == NULL) return false;
  unroll(recorder, ring);
  gcn__free(recorder->mem, recorder->ring, recorder->capacity);
  recorder->ring = ring;
  recorder->capacity = capacity;
  recorder->begin = 0;
  return true;
}

static void drop_oldest(struct gcn__recorder* recorder) {
  char bytes[UINT8_MAX];
  size_t size = recorder->ring[recorder->begin];
  for (size_t i = 0; i < size; i++) {
    size_t from = (recorder->begin + i) % recorder->capacity;
    bytes[i] = (char)recorder->ring[from];
  }
  struct gcn__record record;
  bool good = gcn__record_decode(gcn__span(bytes, size), &recorder->base_ms,
                                 &record, &size);
  GCN__ASSERT(good);
  (void)good;
  recorder->begin = (recorder->begin + size) % recorder->capacity;
  recorder->size -= size;
  recorder->overwritten += record.count;
}

static void make_room(struct gcn__recorder* recorder, size_t size) {
  while (recorder->capacity - recorder->size < size) {
    if (!grow(recorder)) drop_oldest(recorder);
  }
}

static void write(struct gcn__recorder* recorder,
                  const struct gcn__record* record) {
  unsigned char bytes[GCN__RECORD_SIZE_MAX];
  if (recorder->capacity == 0 && !grow(recorder)) {
    recorder->overwritten += record->count;
    return;
  }
  if (!recorder->begun) {
    recorder->begun = true;
    recorder->base_ms = record->at_ms;
    recorder->clock_ms = record->at_ms;
  }
  size_t size = gcn__record_encode(record, &recorder->clock_ms, bytes);
  make_room(recorder, size);
  size_t end = recorder->begin + recorder->size;
  for (size_t i = 0; i < size; i++) {
    recorder->ring[(end + i) % recorder->capacity] = bytes[i];
  }
  recorder->size += size;
}

/* Nothing about it would be missed if only its number were known. */
static bool is_quiet(const struct gcn__record* record) {
  return !record->entered && record->from == record->to && record->error == 0 &&
         record->http_status == 0 && record->close_code == 0;
}

/* Both are quiet. */
static bool is_repetition(const struct gcn__record* last,
                          const struct gcn__record* record) {
  return last->count > 0 && last->input == record->input &&
         last->from == record->from && last->verbs == record->verbs &&
         last->delay_ms == record->delay_ms &&
         last->failures == record->failures && last->attempt == record->attempt;
}

static struct gcn__record once(const struct gcn__record* record) {
  struct gcn__record alone = *record;
  alone.count = 1;
  alone.since_ms = record->at_ms;
  return alone;
}

/* NULL: repetitions of this connection are written one by one. */
static struct gcn__record* last_of(struct gcn__recorder* recorder,
                                   size_t slot) {
  if (slot < recorder->slot_count) return &recorder->repeated[slot];
  if (slot >= GCN__RECORDER_SLOT_COUNT) return NULL;
  size_t count = slot < GCN__RECORDER_SLOT_STEP ? GCN__RECORDER_SLOT_STEP
                                                : GCN__RECORDER_SLOT_COUNT;
  size_t item = sizeof *recorder->repeated;
  struct gcn__record* made = gcn__alloc_zero(recorder->mem, count * item);
  if (made == NULL) return NULL;
  size_t kept = recorder->slot_count * item;
  if (kept > 0) memcpy(made, recorder->repeated, kept);
  gcn__free(recorder->mem, recorder->repeated, kept);
  recorder->repeated = made;
  recorder->slot_count = count;
  return &made[slot];
}

void gcn__recorder_note(struct gcn__recorder* recorder,
                        const struct gcn__record* record) {
  if (recorder->size_max == 0) return;
  struct gcn__record noted = once(record);
  bool quiet = is_quiet(record);
  struct gcn__record* last = last_of(recorder, record->slot);
  if (last == NULL) {
    write(recorder, &noted);
    return;
  }
  if (quiet && is_repetition(last, record)) {
    gcn__recorder_count(last, record->at_ms);
    return;
  }
  if (last->count > 0) write(recorder, last);
  last->count = 0;
  if (quiet) {
    *last = noted;
  } else {
    write(recorder, &noted);
  }
}

bool gcn__recorder_repeats(const struct gcn__recorder* recorder,
                           const struct gcn__record* record,
                           struct gcn__record** repeated) {
  *repeated = NULL;
  if (recorder->size_max == 0) return true;
  if (record->slot >= recorder->slot_count || !is_quiet(record)) return false;
  struct gcn__record* last = &recorder->repeated[record->slot];
  if (!is_repetition(last, record)) return false;
  *repeated = last;
  return true;
}

/* A dump on its way out; the first error stays. */
struct dump {
  struct gcn__buf* out;
  size_t begin; /* what the buffer held before */
  int error;
};

static void put_bytes(struct dump* dump, const void* data, size_t size) {
  if (dump->error == 0) dump->error = gcn__buf_append(dump->out, data, size);
}

static void put(struct dump* dump, uint64_t number, size_t size) {
  unsigned char bytes[8];
  for (size_t i = 0; i < size; i++) {
    bytes[i] = (unsigned char)(number >> 8 * i & 0xff);
  }
  put_bytes(dump, bytes, size);
}

static uint64_t first_ms(const struct gcn__recorder* recorder) {
  if (recorder->begun) return recorder->base_ms;
  uint64_t first_ms = 0;
  for (size_t s = recorder->slot_count; s > 0; s--) {
    const struct gcn__record* last = &recorder->repeated[s - 1];
    if (last->count > 0) first_ms = last->at_ms;
  }
  return first_ms;
}

static void put_header(struct dump* dump, const struct gcn__recorder* recorder,
                       uint64_t now_ms, int64_t unix_ms) {
  put_bytes(dump, GCN__RECORD_MAGIC, GCN__RECORD_MAGIC_SIZE);
  put(dump, GCN__RECORD_VERSION, 2);
  put(dump, SETTING_COUNT, 2);
  put(dump, GCN__STATE_COUNT, 2);
  put(dump, GCN__INPUT_COUNT, 2);
  put(dump, GCN__VERB_COUNT, 2);
  put(dump, NAMES_SIZE, 2);
  put(dump, 0, 4); /* the size, known at the end */
  put(dump, first_ms(recorder), 8);
  put(dump, now_ms, 8);
  put(dump, (uint64_t)unix_ms, 8);
  put(dump, recorder->overwritten, 8);
#define PUT_SETTING(name, ...) put(dump, recorder->settings.name, 8);
  GCN__SETTINGS_MAP(PUT_SETTING)
#undef PUT_SETTING
  put_bytes(dump, names, NAMES_SIZE);
}

static void put_records(struct dump* dump,
                        const struct gcn__recorder* recorder) {
  size_t first = recorder->capacity - recorder->begin;
  if (first > recorder->size) first = recorder->size;
  if (recorder->size > 0) {
    put_bytes(dump, recorder->ring + recorder->begin, first);
    put_bytes(dump, recorder->ring, recorder->size - first);
  }
  uint64_t clock_ms = recorder->begun ? recorder->clock_ms : first_ms(recorder);
  for (size_t s = 0; s < recorder->slot_count; s++) {
    unsigned char bytes[GCN__RECORD_SIZE_MAX];
    const struct gcn__record* last = &recorder->repeated[s];
    if (last->count == 0) continue;
    put_bytes(dump, bytes, gcn__record_encode(last, &clock_ms, bytes));
  }
}

static void put_end(struct dump* dump) {
  enum { SIZE_OFFSET = 20 };
  if (dump->error != 0) return;
  size_t size = gcn__buf_size(dump->out) - dump->begin;
  char* text = dump->out->data + dump->out->begin + dump->begin;
  for (size_t i = 0; i < 4; i++) {
    text[SIZE_OFFSET + i] =
        (char)((size + GCN__RECORD_CRC_SIZE) >> 8 * i & 0xff);
  }
  put(dump, gcn__record_crc(0, gcn__span(text, size)), GCN__RECORD_CRC_SIZE);
}

int gcn__recorder_dump(const struct gcn__recorder* recorder, uint64_t now_ms,
                       int64_t unix_ms, struct gcn__buf* out) {
  struct dump dump = {.out = out, .begin = gcn__buf_size(out)};
  put_header(&dump, recorder, now_ms, unix_ms);
  put_records(&dump, recorder);
  put_end(&dump);
  if (dump.error != 0) out->end = out->begin + dump.begin;
  return dump.error;
}
