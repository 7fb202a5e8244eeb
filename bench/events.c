/* SPDX-License-Identifier: MIT */
/*
 * Events for the benches.
 *
 * A body is filled with participants as long as one fits, and a note of plain
 * text makes up the rest, so that every size is met to the byte.
 */
#include "events.h"

#include "bench.h"

#include <stdio.h>

enum { PARTICIPANT_SIZE_MAX = 400, TAIL_SIZE = 160 };

const char gcn__bench_topic[] =
    "v2.users.5b1e9c1e-0000-4000-8000-000000000001.conversations";

static void must(int error) {
  if (error != 0) gcn__bench_die("no memory for an event");
}

/* Log-uniform between 512 and 8192 in seven steps, in a fixed disorder. */
size_t gcn__bench_size(size_t size, size_t index) {
  static const size_t mix[] = {813, 5161, 512, 2048, 1290, 8192, 3251};
  if (size != GCN__BENCH_MIX) return size;
  return mix[index % (sizeof mix / sizeof mix[0])];
}

static void add_participant(struct gcn__buf* out, unsigned number) {
  must(gcn__buf_printf(
      out,
      "{\"id\":\"%08x-3c1d-4f1e-9b7e-6a5d2f0c8e41\",\"connectedTime\":"
      "\"2024-05-17T09:%02u:12.345Z\",\"name\":\"J\xc3\xbcrgen M\xc3\xb8ller "
      "%u\",\"purpose\":\"agent\",\"wrapupRequired\":false,\"calls\":[{"
      "\"state\":\"connected\",\"direction\":\"inbound\",\"muted\":false,"
      "\"held\":false,\"segments\":[{\"start\":%u,\"mos\":4.%02u}]}]},",
      number * 2654435761u, number % 60, number, number * 1000, number % 100));
}

/* `size` bytes of a string's inside. */
static void add_note(struct gcn__buf* out, size_t size) {
  static const char words[] = "available again after a short break, ";
  while (size > 0) {
    size_t part = size < sizeof words - 1 ? size : sizeof words - 1;
    must(gcn__buf_append(out, words, part));
    size -= part;
  }
}

/* The members of a body, so that `end` brings it to `size` from `begin` on. */
static void add_members(struct gcn__buf* out, size_t begin, size_t size,
                        const char* end) {
  must(gcn__buf_append_str(out, "\"participants\":["));
  unsigned number = 1;
  while (gcn__buf_size(out) - begin + PARTICIPANT_SIZE_MAX + TAIL_SIZE < size)
    add_participant(out, number++);
  must(gcn__buf_append_str(out, "null],\"note\":\""));
  size_t used = gcn__buf_size(out) - begin + strlen(end);
  if (used > size) gcn__bench_die("an event of that size cannot be made");
  add_note(out, size - used);
  must(gcn__buf_append_str(out, end));
}

void gcn__bench_event(struct gcn__buf* out, size_t size) {
  size_t begin = gcn__buf_size(out);
  must(gcn__buf_printf(out,
                       "{\"topicName\":\"%s\",\"version\":\"2\",\"eventBody\":"
                       "{",
                       gcn__bench_topic));
  add_members(out, begin, size,
              "\"},\"metadata\":{\"CorrelationId\":"
              "\"00000000-0000-4000-8000-000000000000\"}}");
}

static void add_batch_event(struct gcn__buf* out, size_t size, unsigned number,
                            const char* end) {
  size_t begin = gcn__buf_size(out);
  must(gcn__buf_printf(out,
                       "{\"id\":\"e%07u\",\"event\":\"routing.queueEvents\","
                       "\"eventType\":\"QUEUE_ADD\",\"data\":{",
                       number));
  add_members(out, begin, size, end);
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
