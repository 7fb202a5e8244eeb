/* SPDX-License-Identifier: MIT */
/*
 * A record as bytes.
 *
 *   size, flags, slot, input, from, to    one byte each
 *   time since the clock, verbs, failures, attempt
 *   DELAY:   the wait
 *   FAILED:  error, HTTP status, close code, signed
 *   LATE:    how long before the clock it happened
 *   SEVERAL: how many, and from the first to the last
 *
 * Numbers are LEB128, lowest bits first, in their shortest form: there is one
 * way to write a record, and decode takes no other.
 */
#include "core/record.h"

#include "base/assert.h"

enum {
  FLAG_ENTERED = 1 << 0,
  FLAG_DELAY = 1 << 1,
  FLAG_FAILED = 1 << 2,
  FLAG_LATE = 1 << 3,
  FLAG_SEVERAL = 1 << 4,
  FLAGS_ALL = (1 << 5) - 1,
  FIXED_SIZE = 6,
};

_Static_assert(GCN__STATE_COUNT < 255 && GCN__INPUT_COUNT < 255,
               "states and inputs fit a byte, and leave one value free");

struct gcn__record gcn__record_of_step(const struct gcn__session* session,
                                       enum gcn__input input,
                                       const struct gcn__step* step,
                                       uint64_t now_ms) {
  bool waits = step->entered && step->to == GCN__STATE_BACKING_OFF;
  return (struct gcn__record){
      .at_ms = now_ms,
      .count = 1,
      .since_ms = now_ms,
      .entered = step->entered,
      .input = input,
      .from = step->from,
      .to = step->to,
      .verbs = step->verbs,
      .delay_ms = waits ? session->delay_ms : 0,
      .failures = session->failures,
      .attempt = session->attempt_count,
  };
}

static size_t put(unsigned char* out, uint64_t number) {
  size_t size = 0;
  while (number > 0x7f) {
    out[size++] = (unsigned char)(number & 0x7f) | 0x80;
    number >>= 7;
  }
  out[size++] = (unsigned char)number;
  return size;
}

/* Small numbers of either sign stay short: 0, -1, 1, -2, ... */
static size_t put_signed(unsigned char* out, int64_t number) {
  uint64_t folded = (uint64_t)number << 1;
  return put(out, number < 0 ? ~folded : folded);
}

static unsigned flags_of(const struct gcn__record* record, uint64_t clock_ms) {
  bool failed =
      record->error != 0 || record->http_status != 0 || record->close_code != 0;
  return (record->entered ? FLAG_ENTERED : 0u) |
         (record->delay_ms > 0 ? FLAG_DELAY : 0u) |
         (failed ? FLAG_FAILED : 0u) |
         (record->at_ms < clock_ms ? FLAG_LATE : 0u) |
         (record->count > 1 ? FLAG_SEVERAL : 0u);
}

static uint64_t span_of(const struct gcn__record* record) {
  bool sane = record->since_ms <= record->at_ms;
  return sane ? record->at_ms - record->since_ms : 0;
}

size_t gcn__record_encode(const struct gcn__record* record, uint64_t* clock_ms,
                          unsigned char out[GCN__RECORD_SIZE_MAX]) {
  uint64_t at_ms = record->at_ms;
  unsigned flags = flags_of(record, *clock_ms);
  uint64_t delta_ms = at_ms > *clock_ms ? at_ms - *clock_ms : 0;
  *clock_ms += delta_ms;
  out[1] = (unsigned char)flags;
  out[2] = record->slot;
  out[3] = (unsigned char)record->input;
  out[4] = (unsigned char)record->from;
  out[5] = (unsigned char)record->to;
  size_t size = FIXED_SIZE;
  size += put(out + size, delta_ms);
  size += put(out + size, record->verbs);
  size += put(out + size, record->failures);
  size += put(out + size, record->attempt);
  if (flags & FLAG_DELAY) size += put(out + size, record->delay_ms);
  if (flags & FLAG_FAILED) {
    size += put_signed(out + size, record->error);
    size += put_signed(out + size, record->http_status);
    size += put_signed(out + size, record->close_code);
  }
  if (flags & FLAG_LATE) size += put(out + size, *clock_ms - at_ms);
  if (flags & FLAG_SEVERAL) {
    size += put(out + size, record->count);
    size += put(out + size, span_of(record));
  }
  GCN__ASSERT(size <= GCN__RECORD_SIZE_MAX);
  out[0] = (unsigned char)size;
  return size;
}

/* What is left of a record, and whether all of it made sense so far. */
struct cursor {
  const unsigned char* next;
  const unsigned char* end;
  bool good;
};

static uint64_t take(struct cursor* cursor) {
  uint64_t number = 0;
  for (unsigned shift = 0; shift < 64 && cursor->next < cursor->end;
       shift += 7) {
    unsigned char byte = *cursor->next++;
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte & 0x80) continue;
    bool shortest = byte != 0 || shift == 0;
    bool fits = shift < 63 || byte <= 1;
    if (!shortest || !fits) cursor->good = false;
    return number;
  }
  cursor->good = false;
  return 0;
}

static uint64_t take_up_to(struct cursor* cursor, uint64_t max) {
  uint64_t number = take(cursor);
  if (number <= max) return number;
  cursor->good = false;
  return 0;
}

static int take_int(struct cursor* cursor) {
  uint64_t folded = take_up_to(cursor, UINT32_MAX);
  int64_t number = (int64_t)(folded >> 1);
  return (int)(folded & 1 ? -number - 1 : number);
}

static void take_failure(struct cursor* cursor, struct gcn__record* record) {
  record->error = take_int(cursor);
  record->http_status = take_int(cursor);
  record->close_code = take_int(cursor);
  bool failed =
      record->error != 0 || record->http_status != 0 || record->close_code != 0;
  if (!failed) cursor->good = false;
}

/* A flag says that its number is not the default. */
static uint64_t take_above(struct cursor* cursor, uint64_t least) {
  uint64_t number = take(cursor);
  if (number < least) cursor->good = false;
  return number;
}

static void take_times(struct cursor* cursor, unsigned flags, uint64_t clock_ms,
                       struct gcn__record* record) {
  uint64_t late_ms = flags & FLAG_LATE ? take_above(cursor, 1) : 0;
  record->count = flags & FLAG_SEVERAL ? take_above(cursor, 2) : 1;
  uint64_t span_ms = flags & FLAG_SEVERAL ? take(cursor) : 0;
  bool sane = late_ms <= clock_ms && span_ms <= clock_ms - late_ms;
  if (!sane) cursor->good = false;
  record->at_ms = sane ? clock_ms - late_ms : 0;
  record->since_ms = sane ? record->at_ms - span_ms : 0;
}

bool gcn__record_decode(struct gcn__span bytes, uint64_t* clock_ms,
                        struct gcn__record* record, size_t* size) {
  const unsigned char* in = (const unsigned char*)bytes.data;
  if (bytes.size < FIXED_SIZE || in[0] < FIXED_SIZE) return false;
  if (in[0] > bytes.size || (in[1] & ~FLAGS_ALL) != 0) return false;
  unsigned flags = in[1];
  struct cursor cursor = {in + FIXED_SIZE, in + in[0], true};
  *size = in[0];
  *record = (struct gcn__record){
      .entered = (flags & FLAG_ENTERED) != 0,
      .slot = in[2],
      .input = (enum gcn__input)in[3],
      .from = (enum gcn__state)in[4],
      .to = (enum gcn__state)in[5],
  };
  uint64_t delta_ms = take_up_to(&cursor, UINT64_MAX - *clock_ms);
  *clock_ms += delta_ms;
  record->verbs = (uint32_t)take_up_to(&cursor, UINT32_MAX);
  record->failures = take_up_to(&cursor, UINT32_MAX);
  record->attempt = take_up_to(&cursor, UINT32_MAX);
  if (flags & FLAG_DELAY) record->delay_ms = take_above(&cursor, 1);
  if (flags & FLAG_FAILED) take_failure(&cursor, record);
  take_times(&cursor, flags, *clock_ms, record);
  bool late = (flags & FLAG_LATE) != 0;
  if (late && delta_ms > 0) cursor.good = false;
  return cursor.good && cursor.next == cursor.end;
}

uint32_t gcn__record_crc(uint32_t crc, struct gcn__span bytes) {
  crc = ~crc;
  for (size_t i = 0; i < bytes.size; i++) {
    crc ^= (unsigned char)bytes.data[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
  }
  return ~crc;
}
