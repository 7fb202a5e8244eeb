/* SPDX-License-Identifier: MIT */
/*
 * What the source of "gcn bench" has, and batches of it.
 */
#include "events.h"

#include "bench.h"
#include "sim/source.h"

static void must(int error) {
  if (error != 0) gcn__bench_die("no memory for an event");
}

_Static_assert((int)GCN__BENCH_MIX == (int)GCN__SOURCE_MIX, "one mix");

void gcn__bench_event(struct gcn__buf* out, size_t size) {
  must(gcn__source_event(out, size));
}

static void add_batch_event(struct gcn__buf* out, size_t size, unsigned number,
                            const char* end) {
  size_t begin = gcn__buf_size(out);
  must(gcn__buf_printf(out,
                       "{\"id\":\"e%07u\",\"event\":\"routing.queueEvents\","
                       "\"eventType\":\"QUEUE_ADD\",\"data\":{",
                       number));
  must(gcn__source_members(out, begin, size, end));
}

void gcn__bench_batch(struct gcn__buf* out, size_t size) {
  static const char tail[] = "]}";
  size_t begin = gcn__buf_size(out);
  must(gcn__buf_append_str(out, "{\"lastEventId\":\"e0000007\",\"events\":["));
  size_t head = gcn__buf_size(out) - begin;
  size_t rest = size - head - (sizeof tail - 1);
  for (unsigned i = 0; i < GCN__BENCH_BATCH_EVENTS; i++) {
    bool last = i + 1 == GCN__BENCH_BATCH_EVENTS;
    size_t part = rest / (GCN__BENCH_BATCH_EVENTS - i);
    add_batch_event(out, part, i, last ? "\"}}" : "\"}},");
    rest -= part;
  }
  must(gcn__buf_append_str(out, tail));
}

void gcn__bench_frame(struct gcn__buf* out, struct gcn__span payload) {
  unsigned char header[10] = {0x81};
  size_t size = 2;
  if (payload.size > 0xffff)
    size = 10;
  else if (payload.size > 125)
    size = 4;
  header[1] = (unsigned char)(size == 2 ? payload.size : size == 4 ? 126 : 127);
  for (size_t i = 2; i < size; i++)
    header[i] = (unsigned char)(payload.size >> 8 * (size - 1 - i));
  must(gcn__buf_append(out, header, size));
  must(gcn__buf_append(out, payload.data, payload.size));
}
