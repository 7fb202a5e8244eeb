/* SPDX-License-Identifier: MIT */
/*
 * The HTTP reader against arbitrary peers, and Retry-After against any text.
 *
 * The first byte picks the role, what was asked for, the limits and whether the
 * peer closes at the end; the second one seeds the cuts.  Any cut of the same
 * input gives the same messages, the same rest and the same error; nothing
 * goes beyond a limit, and no header holds a byte that could end its line.
 */
#include "codec/http.h"

#include "base/err.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum flag {
  FLAG_REQUESTS = 1,
  FLAG_HEAD = 2,
  FLAG_UPGRADE = 4,
  FLAG_EOF = 8,
  FLAG_SMALL = 16,
  FLAG_RETRY_AFTER = 32,
};

enum { MESSAGE_COUNT_MAX = 8 };

static const struct gcn__http_limits small = {
    .header_size_max = 120,
    .header_count_max = 3,
    .line_size_max = 40,
    .body_size_max = 16,
    .interim_max = 1,
};

static void require(bool holds) {
  if (!holds) abort();
}

static const struct gcn__http_limits* limits_of(unsigned flags) {
  return (flags & FLAG_SMALL) != 0 ? &small : &gcn__http_limits_default;
}

static bool is_line_safe(struct gcn__span text) {
  for (size_t i = 0; i < text.size; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
  }
  return true;
}

static void write(struct gcn__buf* log, struct gcn__span text) {
  require(gcn__buf_printf(log, "%zu:", text.size) == 0);
  require(gcn__buf_append(log, text.data, text.size) == 0);
}

static void write_message(struct gcn__buf* log, const struct gcn__http* http,
                          const struct gcn__http_limits* limits) {
  struct gcn__span body = gcn__http_body(http);
  size_t count = gcn__http_header_count(http);
  require(count <= limits->header_count_max);
  require(body.size <= limits->body_size_max);
  require(gcn__buf_printf(log, "[%u %d %zu ", gcn__http_status(http),
                          gcn__http_keep_alive(http), count) == 0);
  write(log, gcn__http_method(http));
  write(log, gcn__http_target(http));
  for (size_t i = 0; i < count; i++) {
    struct gcn__span name = gcn__http_header_name(http, i);
    struct gcn__span value = gcn__http_header_value(http, i);
    require(name.size > 0 && name.size + value.size <= limits->line_size_max);
    require(is_line_safe(name) && is_line_safe(value));
    write(log, name);
    write(log, value);
  }
  write(log, body);
}

static size_t piece_size(size_t left, int cut, struct gcn__rng* rng) {
  if (cut == 0) return left;
  return cut == 1 ? 1 : (size_t)gcn__rng_between(rng, 1, left < 9 ? left : 9);
}

/* Until a message is held, an error, or the end of `in`. */
static int read_one(struct gcn__http* http, struct gcn__span* in, int cut,
                    struct gcn__rng* rng) {
  int result = GCN__HTTP_MORE;
  while (in->size > 0 && result == GCN__HTTP_MORE) {
    size_t size = piece_size(in->size, cut, rng);
    struct gcn__span piece = gcn__span(in->data, size);
    result = gcn__http_read(http, &piece);
    require(piece.size <= size);
    require(result != GCN__HTTP_MORE || piece.size == 0);
    *in = gcn__span_skip(*in, size - piece.size);
  }
  return result;
}

/* All messages of the input, one after the other on one reader. */
static void run(struct gcn__buf* log, struct gcn__span in, unsigned flags,
                int cut, struct gcn__rng* rng) {
  bool requests = (flags & FLAG_REQUESTS) != 0;
  const struct gcn__http_limits* limits = limits_of(flags);
  struct gcn__http* http = gcn__http_new(
      &gcn__mem_libc, requests ? GCN__HTTP_REQUESTS : GCN__HTTP_RESPONSES,
      limits);
  require(http != NULL);
  int result = GCN__HTTP_DONE;
  for (int i = 0; i < MESSAGE_COUNT_MAX && result == GCN__HTTP_DONE; i++) {
    gcn__http_next(http, (flags & FLAG_HEAD) != 0, (flags & FLAG_UPGRADE) != 0);
    result = read_one(http, &in, cut, rng);
    if (result == GCN__HTTP_MORE && (flags & FLAG_EOF) != 0)
      result = gcn__http_eof(http);
    if (result == GCN__HTTP_DONE) write_message(log, http, limits);
  }
  require(result == GCN__HTTP_MORE || result == GCN__HTTP_DONE ||
          result == GCN_EHTTP || result == GCN_EMSGSIZE);
  require((result < 0) == (gcn__http_error(http)[0] != '\0'));
  require(gcn__buf_printf(log, "%d %zu %s", result, result < 0 ? 0 : in.size,
                          gcn__http_error(http)) == 0);
  gcn__http_free(http);
}

static void check_retry_after(struct gcn__span text, uint8_t seed) {
  int64_t wait_ms = gcn__http_retry_after(text, (int64_t)seed << 24);
  int64_t date_s = gcn__http_date(text);
  require(wait_ms >= -1 && wait_ms <= INT64_C(2147483648000));
  require(date_s >= -1 && date_s <= INT64_C(253402300800));
  require(date_s < 0 || wait_ms >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  struct gcn__span in = gcn__span(data + 2, size - 2);
  if ((data[0] & FLAG_RETRY_AFTER) != 0) {
    check_retry_after(in, data[1]);
    return 0;
  }
  struct gcn__rng rng;
  gcn__rng_seed(&rng, data[1]);
  struct gcn__buf whole;
  gcn__buf_init(&whole, &gcn__mem_libc, SIZE_MAX / 4);
  run(&whole, in, data[0], 0, &rng);
  for (int cut = 1; cut <= 3; cut++) {
    struct gcn__buf log;
    gcn__buf_init(&log, &gcn__mem_libc, SIZE_MAX / 4);
    run(&log, in, data[0], cut, &rng);
    require(gcn__span_equal(gcn__buf_span(&whole), gcn__buf_span(&log)));
    gcn__buf_deinit(&log);
  }
  gcn__buf_deinit(&whole);
  return 0;
}
