/* SPDX-License-Identifier: MIT */
/*
 * Rows of the codec layer but for TLS: texts that are looked at again and
 * again, and streams of frames.
 */
#include "bench.h"

#include "codec/batch.h"
#include "codec/digest.h"
#include "codec/envelope.h"
#include "codec/http.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "codec/ws.h"
#include "events.h"
#include "source.h"

#include <stdlib.h>

/* A text that nothing changes: scanners decode in place, but these have
 * nothing to decode. */
struct text {
  struct gcn__buf buf;
  enum gcn__scrutiny scrutiny;
  struct gcn__http* http;
};

static struct text* new_text(const struct gcn__bench_row* row) {
  struct text* text = gcn__bench_alloc(sizeof *text);
  bool shallow = (row->flags & GCN__BENCH_SHALLOW) != 0;
  text->scrutiny = shallow ? GCN__SCRUTINY_SHALLOW : GCN__SCRUTINY_STRICT;
  gcn__buf_init(&text->buf, &gcn__mem_libc, 1 << 20);
  return text;
}

static void end_text(void* state) {
  struct text* text = state;
  gcn__http_free(text->http);
  gcn__buf_deinit(&text->buf);
  free(text);
}

static void fill(struct text* text, const char* piece, size_t size) {
  while (gcn__buf_size(&text->buf) + strlen(piece) <= size) {
    if (gcn__buf_append_str(&text->buf, piece) != 0) gcn__bench_die("memory");
  }
}

static void* make_event(const struct gcn__bench_row* row) {
  struct text* text = new_text(row);
  gcn__bench_event(&text->buf, row->size);
  return text;
}

static void* make_batch(const struct gcn__bench_row* row) {
  struct text* text = new_text(row);
  gcn__bench_batch(&text->buf, row->size);
  return text;
}

static void* make_ascii(const struct gcn__bench_row* row) {
  struct text* text = new_text(row);
  fill(text, "plain", row->size);
  return text;
}

static void* make_greek(const struct gcn__bench_row* row) {
  struct text* text = new_text(row);
  fill(text, "\xce\xb1\xce\xb2\xce\xb3\xce\xb4", row->size);
  return text;
}

static void run_utf8(void* state, size_t count) {
  const struct text* text = state;
  for (size_t i = 0; i < count; i++) {
    if (!gcn__utf8_valid(gcn__buf_span(&text->buf))) gcn__bench_die("UTF-8");
  }
}

static void run_envelope(void* state, size_t count) {
  struct text* text = state;
  struct gcn__envelope envelope;
  bool utf8;
  for (size_t i = 0; i < count; i++) {
    if (gcn__envelope_scan_bytes(text->buf.data, text->buf.end, text->scrutiny,
                                 &envelope, &utf8) != 0 ||
        envelope.correlation_id.size == 0) {
      gcn__bench_die("an envelope is not good");
    }
  }
}

static void run_batch(void* state, size_t count) {
  struct text* text = state;
  struct gcn__batch batch;
  struct gcn__batch_event event;
  bool utf8;
  for (size_t i = 0; i < count; i++) {
    size_t events = 0;
    if (gcn__batch_scan_bytes(text->buf.data, text->buf.end, text->scrutiny,
                              &batch, &utf8) != 0) {
      gcn__bench_die("a batch is not good");
    }
    while (gcn__batch_next(&batch, &event))
      events++;
    if (events != GCN__BENCH_BATCH_EVENTS) gcn__bench_die("a batch lacks some");
  }
}

static void run_digest(void* state, size_t count) {
  const struct text* text = state;
  unsigned char digest[GCN__SHA256_SIZE];
  for (size_t i = 0; i < count; i++) {
    if (!gcn__sha256(gcn__buf_span(&text->buf), digest)) gcn__bench_die("hash");
  }
}

static void run_json(void* state, size_t count) {
  const struct text* text = state;
  for (size_t i = 0; i < count; i++) {
    struct gcn__json* json = gcn__json_parse(gcn__buf_span(&text->buf), NULL);
    if (json == NULL) gcn__bench_die("JSON");
    gcn__json_free(json, false);
  }
}

static const char answer[] =
    "HTTP/1.1 200 OK\r\nDate: Fri, 17 May 2024 09:00:00 GMT\r\n"
    "Content-Type: application/json\r\nContent-Length: 2\r\n"
    "Connection: keep-alive\r\nCache-Control: no-cache, no-store\r\n"
    "Strict-Transport-Security: max-age=600; includeSubDomains\r\n"
    "ININ-Correlation-Id: 00000000-0000-4000-8000-000000000000\r\n"
    "inin-ratelimit-count: 1\r\ninin-ratelimit-allowed: 300\r\n"
    "inin-ratelimit-reset: 61\r\nX-Amz-Cf-Pop: FRA56-P1\r\n\r\n{}";

static void* make_http(const struct gcn__bench_row* row) {
  struct text* text = new_text(row);
  fill(text, answer, row->size);
  text->http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                             &gcn__http_limits_default);
  if (text->http == NULL) gcn__bench_die("no reader");
  return text;
}

static void run_http(void* state, size_t count) {
  struct text* text = state;
  for (size_t i = 0; i < count; i++) {
    struct gcn__span in = gcn__buf_span(&text->buf);
    gcn__http_next(text->http, false, false);
    if (gcn__http_read(text->http, &in) != GCN__HTTP_DONE) {
      gcn__bench_die("HTTP");
    }
    gcn__bench_use(gcn__http_header_count(text->http));
  }
}

/* Frames of a stream: who reads them, and how many there were. */
struct stream {
  struct gcn__bench_source source;
  struct gcn__bench_counter counter;
  struct gcn__ws* ws;
  uint64_t messages;
};

static void* make_stream(const struct gcn__bench_row* row) {
  struct stream* stream = gcn__bench_alloc(sizeof *stream);
  gcn__bench_source_init(&stream->source, row, NULL);
  stream->ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, NULL);
  if (stream->ws == NULL) gcn__bench_die("no reader");
  return stream;
}

static void end_stream(void* state) {
  struct stream* stream = state;
  gcn__bench_source_deinit(&stream->source);
  gcn__ws_free(stream->ws);
  free(stream);
}

static void refill(void* state, size_t count) {
  struct stream* stream = state;
  gcn__bench_source_fill(&stream->source, count);
  stream->counter = (struct gcn__bench_counter){0};
  stream->messages = 0;
}

static void run_read(void* state, size_t count) {
  struct stream* stream = state;
  struct gcn__span bytes;
  (void)count;
  while (gcn__bench_source_next(&stream->source, &bytes))
    gcn__bench_use((uint64_t)bytes.size);
}

static void run_frames(void* state, size_t count) {
  struct stream* stream = state;
  struct gcn__span bytes;
  while (gcn__bench_source_next(&stream->source, &bytes))
    gcn__bench_count(&stream->counter, bytes);
  if (stream->counter.frames != count) gcn__bench_die("frames are missing");
}

static void run_texts(void* state, size_t count) {
  struct stream* stream = state;
  struct gcn__span bytes;
  while (gcn__bench_source_next(&stream->source, &bytes))
    gcn__bench_count_text(&stream->counter, bytes);
  if (stream->counter.frames != count) gcn__bench_die("texts are missing");
}

static void run_ws(void* state, size_t count) {
  struct stream* stream = state;
  struct gcn__span bytes;
  struct gcn__ws_message message;
  while (gcn__bench_source_next(&stream->source, &bytes)) {
    int result;
    while ((result = gcn__ws_read(stream->ws, &bytes, &message)) ==
           GCN__WS_MESSAGE) {
      stream->messages++;
    }
    if (result < 0) gcn__bench_die("a frame was refused");
  }
  if (stream->messages != count) gcn__bench_die("messages are missing");
}

static const struct gcn__bench_kind event_utf8 = {make_event, NULL, run_utf8,
                                                  end_text};
static const struct gcn__bench_kind ascii = {make_ascii, NULL, run_utf8,
                                             end_text};
static const struct gcn__bench_kind greek = {make_greek, NULL, run_utf8,
                                             end_text};
static const struct gcn__bench_kind envelope = {make_event, NULL, run_envelope,
                                                end_text};
static const struct gcn__bench_kind batch = {make_batch, NULL, run_batch,
                                             end_text};
static const struct gcn__bench_kind digest = {make_event, NULL, run_digest,
                                              end_text};
static const struct gcn__bench_kind json = {make_event, NULL, run_json,
                                            end_text};

struct gcn__bench_rows gcn__bench_codec_rows(void) {
  static const struct gcn__bench_kind http = {make_http, NULL, run_http,
                                              end_text};
  static const struct gcn__bench_kind read = {make_stream, refill, run_read,
                                              end_stream};
  static const struct gcn__bench_kind frames = {make_stream, refill, run_frames,
                                                end_stream};
  static const struct gcn__bench_kind texts = {make_stream, refill, run_texts,
                                               end_stream};
  static const struct gcn__bench_kind ws = {make_stream, refill, run_ws,
                                            end_stream};
  static const struct gcn__bench_row rows[] = {
      {"utf8/ascii/1k", &ascii, 1024, 0},
      {"utf8/event/1k", &event_utf8, 1024, 0},
      {"utf8/greek/1k", &greek, 1024, 0},
      {"envelope/strict/256", &envelope, 256, 0},
      {"envelope/strict/1k", &envelope, 1024, 0},
      {"envelope/strict/4k", &envelope, 4096, 0},
      {"envelope/strict/256-avx2", &envelope, 256, GCN__BENCH_SCAN_AVX2},
      {"envelope/strict/1k-avx2", &envelope, 1024, GCN__BENCH_SCAN_AVX2},
      {"envelope/strict/4k-avx2", &envelope, 4096, GCN__BENCH_SCAN_AVX2},
      {"envelope/strict/1k-portable", &envelope, 1024,
       GCN__BENCH_SCAN_PORTABLE},
      {"envelope/shallow/256", &envelope, 256, GCN__BENCH_SHALLOW},
      {"envelope/shallow/1k", &envelope, 1024, GCN__BENCH_SHALLOW},
      {"envelope/shallow/256-avx2", &envelope, 256,
       GCN__BENCH_SHALLOW | GCN__BENCH_SCAN_AVX2},
      {"envelope/shallow/1k-avx2", &envelope, 1024,
       GCN__BENCH_SHALLOW | GCN__BENCH_SCAN_AVX2},
      {"envelope/shallow/4k-avx2", &envelope, 4096,
       GCN__BENCH_SHALLOW | GCN__BENCH_SCAN_AVX2},
      {"envelope/shallow/1k-portable", &envelope, 1024,
       GCN__BENCH_SHALLOW | GCN__BENCH_SCAN_PORTABLE},
      {"envelope/shallow/4k", &envelope, 4096, GCN__BENCH_SHALLOW},
      {"batch/strict/4k", &batch, 4096, 0},
      {"batch/shallow/4k", &batch, 4096, GCN__BENCH_SHALLOW},
      {"batch/strict/4k-avx2", &batch, 4096, GCN__BENCH_SCAN_AVX2},
      {"batch/shallow/4k-avx2", &batch, 4096,
       GCN__BENCH_SHALLOW | GCN__BENCH_SCAN_AVX2},
      {"digest/1k", &digest, 1024, 0},
      {"json/1k", &json, 1024, 0},
      {"http/answer", &http, sizeof answer - 1, 0},
      {"read/1k", &read, 1024, GCN__BENCH_READ},
      {"read+frames/1k", &frames, 1024, GCN__BENCH_READ},
      {"read+frames+utf8/1k", &texts, 1024, GCN__BENCH_READ},
      {"read+frames+utf8/4k", &texts, 4096, GCN__BENCH_READ},
      {"read/4k", &read, 4096, GCN__BENCH_READ},
      {"frames/256", &frames, 256, 0},
      {"frames/1k", &frames, 1024, 0},
      {"frames+utf8/256", &texts, 256, 0},
      {"frames+utf8/1k", &texts, 1024, 0},
      {"ws/256", &ws, 256, 0},
      {"ws/1k", &ws, 1024, 0},
      {"ws/4k", &ws, 4096, 0},
      {"ws/64k", &ws, 65536, 0},
  };
  return (struct gcn__bench_rows){rows, sizeof rows / sizeof rows[0]};
}
