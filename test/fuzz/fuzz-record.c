/* SPDX-License-Identifier: MIT */
/*
 * Flight records against arbitrary bytes, once as they are and once with a size
 * and a checksum that fit, so that the parts behind those are reached.
 *
 * What is accepted can be read to its end and replayed, and each record is
 * written again as the very bytes it was read from.
 */
#include "core/record-reader.h"
#include "core/replay.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { SIZE_OFFSET = 20 };

static void require(bool holds) {
  if (!holds) abort();
}

static void check_record(const struct gcn__record* record) {
  require(record->input < GCN__INPUT_COUNT);
  require(record->from < GCN__STATE_COUNT && record->to < GCN__STATE_COUNT);
  require(record->verbs >> GCN__VERB_COUNT == 0);
  require(record->count > 0 && record->since_ms <= record->at_ms);
}

/* There is one way to write a record. */
static void check_bytes(const struct gcn__record_reader* reader) {
  struct gcn__span rest = reader->rest;
  uint64_t clock_ms = reader->base_ms;
  while (rest.size > 0) {
    struct gcn__record record;
    unsigned char bytes[GCN__RECORD_SIZE_MAX];
    size_t size;
    uint64_t again_ms = clock_ms;
    require(gcn__record_decode(rest, &clock_ms, &record, &size));
    require(gcn__record_encode(&record, &again_ms, bytes) == size);
    require(again_ms == clock_ms);
    require(memcmp(bytes, rest.data, size) == 0);
    rest = gcn__span_skip(rest, size);
  }
}

static void check_dump(struct gcn__span dump) {
  static struct gcn__replay replay;
  struct gcn__record_reader reader;
  struct gcn__record record;
  struct gcn__record now;
  if (gcn__record_reader_init(&reader, dump) != NULL) return;
  check_bytes(&reader);
  gcn__replay_init(&replay, &reader.settings);
  while (gcn__record_reader_next(&reader, &record)) {
    check_record(&record);
    unsigned differences = gcn__replay_step(&replay, &record, &now);
    require(differences >> GCN__REPLAY_COUNT == 0);
    check_record(&now);
  }
}

static void put(uint8_t* out, size_t number) {
  for (size_t i = 0; i < 4; i++) {
    out[i] = (uint8_t)(number >> 8 * i & 0xff);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_dump(gcn__span(data, size));
  if (size < GCN__RECORD_HEADER_SIZE + GCN__RECORD_CRC_SIZE) return 0;
  uint8_t* copy = malloc(size);
  if (copy == NULL) return 0;
  size_t end = size - GCN__RECORD_CRC_SIZE;
  memcpy(copy, data, size);
  put(copy + SIZE_OFFSET, size);
  put(copy + end, gcn__record_crc(0, gcn__span(copy, end)));
  check_dump(gcn__span(copy, size));
  free(copy);
  return 0;
}
