/* SPDX-License-Identifier: MIT */
/*
 * The ways to scan, compared; see scan-oracle.h.
 *
 * Spans are compared by where they are in the text, so what one way has found
 * is written down as numbers.
 */
#include "scan-oracle.h"

#include "codec/batch.h"
#include "codec/envelope.h"
#include "codec/utf8.h"
#include "scan-ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { GUARD_SIZE = 1 << 16, GUARDED_SIZE = 1 << 18 }; /* whole pages */
enum { EVENTS_MAX = 12, NOTES_MAX = 16 + 18 * EVENTS_MAX };

/* What one way made of the bytes. */
struct reading {
  char* text; /* as it was left */
  bool guarded;
  size_t size;
  size_t offset; /* of the fault */
  size_t notes[NOTES_MAX];
  size_t count;
  bool utf8;
};

static void note(struct reading* reading, size_t number) {
  if (reading->count < NOTES_MAX) reading->notes[reading->count++] = number;
}

static void note_span(struct reading* reading, struct gcn__span span) {
  bool absent = span.data == NULL;
  note(reading, absent ? SIZE_MAX : (size_t)(span.data - reading->text));
  note(reading, absent ? SIZE_MAX : span.size);
}

/* Pages with one behind them, or before them, that nobody may touch: vectors
 * that reach out of the text are found without a sanitizer, too. */
static char* guarded_pages(void) {
  static char* pages;
  if (pages != NULL) return pages;
  size_t all = GUARDED_SIZE + 2 * GUARD_SIZE;
  char* begin = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) abort();
  begin += GUARD_SIZE;
  if (mprotect(begin, GUARDED_SIZE, PROT_READ | PROT_WRITE) != 0) abort();
  pages = begin;
  return pages;
}

static void begin(struct reading* reading, struct gcn__span bytes) {
  *reading = (struct reading){.size = bytes.size, .offset = SIZE_MAX};
  reading->text = malloc(bytes.size > 0 ? bytes.size : 1);
  if (reading->text == NULL) abort();
  if (bytes.size > 0) memcpy(reading->text, bytes.data, bytes.size);
}

/* The same at one end of the pages; larger texts in a block of their own. */
static void begin_guarded(struct reading* reading, struct gcn__span bytes,
                          bool high) {
  reading->guarded = bytes.size > 0 && bytes.size <= GUARDED_SIZE;
  if (!reading->guarded) {
    begin(reading, bytes);
    return;
  }
  *reading =
      (struct reading){.size = bytes.size, .offset = SIZE_MAX, .guarded = true};
  reading->text = guarded_pages() + (high ? GUARDED_SIZE - bytes.size : 0);
  memcpy(reading->text, bytes.data, bytes.size);
}

static void end(struct reading* reading) {
  if (!reading->guarded) free(reading->text);
}

static void note_envelope(struct reading* reading,
                          const struct gcn__envelope* envelope) {
  note_span(reading, envelope->topic);
  note_span(reading, envelope->version);
  note_span(reading, envelope->body);
  note_span(reading, gcn__envelope_message(envelope->body));
  note_span(reading, envelope->correlation_id);
  note_span(reading, envelope->result);
}

static void note_event(struct reading* reading,
                       const struct gcn__batch_event* event) {
  note_span(reading, event->id);
  note_span(reading, event->name);
  note_span(reading, event->resource_id);
  note_span(reading, event->type);
  note_span(reading, event->timestamp);
  note_span(reading, event->correlation_id);
  note_span(reading, event->version);
  note_span(reading, event->body);
  note_span(reading, event->text);
}

static void note_batch(struct reading* reading, struct gcn__batch* batch) {
  struct gcn__batch_event event;
  note(reading, (size_t)batch->kind);
  note_span(reading, batch->last_event_id);
  note_span(reading, batch->timestamp);
  note_span(reading, batch->errors);
  note_span(reading, batch->error_message);
  note_span(reading, batch->error_code);
  note(reading, (size_t)(batch->resumed + 1));
  note(reading, batch->count);
  while (gcn__batch_next(batch, &event))
    note_event(reading, &event);
}

static void read_envelope(struct reading* reading, enum gcn__scrutiny scrutiny,
                          bool bytes) {
  struct gcn__envelope envelope;
  int error =
      bytes ? gcn__envelope_scan_bytes(reading->text, reading->size, scrutiny,
                                       &envelope, &reading->utf8)
            : gcn__envelope_scan(reading->text, reading->size, scrutiny,
                                 &envelope, &reading->offset);
  note(reading, (size_t)-error);
  if (error == 0) note_envelope(reading, &envelope);
}

static void read_batch(struct reading* reading, enum gcn__scrutiny scrutiny,
                       bool bytes) {
  struct gcn__batch batch;
  int error = bytes ? gcn__batch_scan_bytes(reading->text, reading->size,
                                            scrutiny, &batch, &reading->utf8)
                    : gcn__batch_scan(reading->text, reading->size, scrutiny,
                                      &batch, &reading->offset);
  note(reading, (size_t)-error);
  if (error == 0) note_batch(reading, &batch);
}

static const char* compare(const struct reading* a, const struct reading* b) {
  if (a->count != b->count) return "another verdict";
  if (memcmp(a->notes, b->notes, a->count * sizeof a->notes[0]) != 0)
    return "something else is taken out";
  if (a->offset != b->offset) return "the fault is elsewhere";
  if (a->utf8 != b->utf8) return "UTF-8 or not";
  if (memcmp(a->text, b->text, a->size) != 0) return "another text is left";
  return NULL;
}

/* One kind of reading. */
struct kind {
  void (*read)(struct reading* reading, enum gcn__scrutiny scrutiny,
               bool bytes);
  enum gcn__scrutiny scrutiny;
  bool bytes;
};

static const char* compare_ways(const struct kind* kind,
                                struct gcn__span bytes) {
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  size_t count = scan_ways(ways);
  struct reading slow;
  const char* found = NULL;
  begin(&slow, bytes);
  scan_choose(NULL);
  kind->read(&slow, kind->scrutiny, kind->bytes);
  for (size_t i = 0; i < count && found == NULL; i++) {
    struct reading quick;
    bool high = (bytes.size + i) % 4 != 0;
    begin_guarded(&quick, bytes, high);
    scan_choose(ways[i]);
    kind->read(&quick, kind->scrutiny, kind->bytes);
    found = compare(&slow, &quick);
    end(&quick);
  }
  scan_choose(ways[count - 1]);
  end(&slow);
  return found;
}

/* A byte at a time there is nothing to be quick about. */
static bool is_utf8(struct gcn__span bytes) {
  struct gcn__utf8 utf8 = {0};
  for (size_t i = 0; i < bytes.size; i++) {
    if (!gcn__utf8_feed(&utf8, gcn__span(bytes.data + i, 1))) return false;
  }
  return gcn__utf8_complete(&utf8);
}

const char* scan_disagreement(const char* bytes, size_t size, unsigned kinds) {
  struct gcn__span span = gcn__span(bytes, size);
  if (gcn__utf8_valid(span) != is_utf8(span)) return "UTF-8 as a whole or not";
  for (unsigned i = 0; i < SCAN_ORACLE_KINDS; i++) {
    if ((kinds >> i & 1) == 0) continue;
    bool strict = (i & 2) != 0;
    struct kind kind = {
        .read = (i & 1) != 0 ? read_envelope : read_batch,
        .scrutiny = strict ? GCN__SCRUTINY_STRICT : GCN__SCRUTINY_SHALLOW,
        .bytes = (i & 4) != 0,
    };
    const char* found = compare_ways(&kind, span);
    if (found != NULL) return found;
  }
  return NULL;
}
