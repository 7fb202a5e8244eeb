/* SPDX-License-Identifier: MIT */
/*
 * Prepared streams.
 */
#include "source.h"

#include "events.h"
#include "sim/source.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RECORD_SIZE = 16384 };

void gcn__bench_source_init(struct gcn__bench_source* source,
                            const struct gcn__bench_row* row,
                            struct gcn__bench_endpoint* endpoint) {
  *source =
      (struct gcn__bench_source){.row = row, .endpoint = endpoint, .file = -1};
  gcn__buf_init(&source->wire, &gcn__mem_libc, UINT32_C(1) << 30);
  gcn__buf_init(&source->ends, &gcn__mem_libc, UINT32_C(1) << 30);
  if ((row->flags & GCN__BENCH_READ) == 0) return;
  source->file = memfd_create("bench", MFD_CLOEXEC);
  source->buffer = gcn__bench_alloc(GCN__BENCH_SLICE);
  if (source->file < 0) gcn__bench_die("no file in memory");
}

void gcn__bench_source_deinit(struct gcn__bench_source* source) {
  if (source->file >= 0) close(source->file);
  free(source->buffer);
  gcn__buf_deinit(&source->wire);
  gcn__buf_deinit(&source->ends);
}

static struct gcn__buf* wire_of(struct gcn__bench_source* source) {
  return source->endpoint == NULL ? &source->wire
                                  : gcn__bench_endpoint_out(source->endpoint);
}

static void append(struct gcn__buf* buf, const void* data, size_t size) {
  if (gcn__buf_append(buf, data, size) != 0) gcn__bench_die("out of memory");
}

/* Each event goes into records of its own.  PACKED: full records only, the rest
 * waits until `flush`. */
static void emit(struct gcn__bench_source* source, struct gcn__buf* frames,
                 bool flush) {
  bool packed = (source->row->flags & GCN__BENCH_PACKED) != 0 && !flush;
  while (gcn__buf_size(frames) > (packed ? RECORD_SIZE - 1 : 0)) {
    struct gcn__span part = gcn__buf_span(frames);
    if (part.size > RECORD_SIZE) part.size = RECORD_SIZE;
    if (source->endpoint == NULL)
      append(&source->wire, part.data, part.size);
    else
      gcn__bench_endpoint_write(source->endpoint, part);
    gcn__buf_consume(frames, part.size);
  }
}

static void store(struct gcn__bench_source* source) {
  struct gcn__span all = gcn__buf_span(wire_of(source));
  bool stored =
      ftruncate(source->file, 0) == 0 &&
      pwrite(source->file, all.data, all.size, 0) == (ssize_t)all.size;
  if (!stored) gcn__bench_die("the file in memory took less");
}

void gcn__bench_source_fill(struct gcn__bench_source* source, size_t count) {
  struct gcn__buf event;
  struct gcn__buf frames;
  gcn__buf_init(&event, &gcn__mem_libc, 1 << 20);
  gcn__buf_init(&frames, &gcn__mem_libc, 1 << 22);
  gcn__buf_clear(wire_of(source));
  gcn__buf_clear(&source->ends);
  source->at = 0;
  source->piece = 0;
  for (size_t i = 0; i < count; i++) {
    gcn__buf_clear(&event);
    gcn__bench_event(&event, gcn__source_size(source->row->size, i));
    gcn__bench_frame(&frames, gcn__buf_span(&event));
    emit(source, &frames, i + 1 == count);
    size_t end = gcn__buf_size(wire_of(source));
    append(&source->ends, &end, sizeof end);
  }
  gcn__buf_deinit(&event);
  gcn__buf_deinit(&frames);
  if (source->file >= 0) store(source);
}

/* Where the next read stops. */
static size_t next_end(struct gcn__bench_source* source, size_t size) {
  size_t end = source->at + GCN__BENCH_SLICE;
  if (source->row->flags & GCN__BENCH_WAKE) {
    const char* ends = gcn__buf_span(&source->ends).data;
    memcpy(&end, ends + sizeof end * source->piece++, sizeof end);
  }
  return end < size ? end : size;
}

bool gcn__bench_source_next(struct gcn__bench_source* source,
                            struct gcn__span* bytes) {
  struct gcn__span all = gcn__buf_span(wire_of(source));
  if (source->at == all.size) return false;
  size_t begin = source->at;
  source->at = next_end(source, all.size);
  *bytes = gcn__span(all.data + begin, source->at - begin);
  if (source->file < 0) return true;
  if (pread(source->file, source->buffer, bytes->size, (off_t)begin) !=
      (ssize_t)bytes->size) {
    gcn__bench_die("a short read");
  }
  bytes->data = source->buffer;
  return true;
}

static void take_header(struct gcn__bench_counter* counter,
                        struct gcn__span* bytes) {
  if (gcn__frame_walk_header(&counter->walk, bytes)) counter->frames++;
}

void gcn__bench_count(struct gcn__bench_counter* counter,
                      struct gcn__span bytes) {
  while (bytes.size > 0) {
    if (counter->walk.rest == 0) take_header(counter, &bytes);
    (void)gcn__frame_walk_payload(&counter->walk, &bytes);
  }
}

void gcn__bench_count_text(struct gcn__bench_counter* counter,
                           struct gcn__span bytes) {
  while (bytes.size > 0) {
    if (counter->walk.rest == 0) take_header(counter, &bytes);
    struct gcn__span part = gcn__frame_walk_payload(&counter->walk, &bytes);
    bool valid = gcn__utf8_feed(&counter->utf8, part);
    bool cut = counter->walk.rest == 0 && !gcn__utf8_complete(&counter->utf8);
    if (!valid || cut) gcn__bench_die("a text is not UTF-8");
  }
}
