/* SPDX-License-Identifier: MIT */
/*
 * The HTTP reader's limits, each at its value and one above, and its memory.
 */
#include "base/err.h"
#include "check.h"
#include "http-case.h"
#include "mem-probe.h"

#include <stdio.h>

enum { INPUT_SIZE_MAX = 2 * 1024 * 1024 };

#define STATUS "HTTP/1.1 200 OK\r\n"
#define CHUNKS STATUS "Transfer-Encoding: chunked\r\n\r\n"

static const struct gcn__http_limits small = {
    .header_size_max = 100,
    .header_count_max = 3,
    .line_size_max = 40,
    .body_size_max = 10,
    .interim_max = 1,
};

/* `text` gives `want` with the limits of `small`, however it is cut. */
static void check(const char* name, struct gcn__span input, bool eof,
                  const char* want) {
  struct http_case row = {
      .name = name,
      .input = input,
      .want = want,
      .eof = eof,
      .limits = &small,
  };
  http_case_check(&row);
}

/* A head of exactly `size` bytes: status, two headers, length 0. */
static struct gcn__span head_of(size_t size, char out[256]) {
  static const char first[] = STATUS "Content-Length: 0\r\nA: ";
  size_t fixed = sizeof first - 1 + sizeof "\r\nB: \r\n\r\n" - 1;
  int fill = (int)(size - fixed);
  int written =
      snprintf(out, 256, "%s%.*s\r\nB: %.*s\r\n\r\n", first, fill / 2,
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", fill - fill / 2,
               "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
  assert_int_equal(written, size);
  return gcn__span(out, size);
}

static void test_header_size(void** state) {
  (void)state;
  char text[256];
  check("99 bytes", head_of(99, text), false, "200 keep ");
  check("100 bytes", head_of(100, text), false, "200 keep ");
  check("101 bytes", head_of(101, text), false, "limit");
}

static void test_endless_start_line(void** state) {
  (void)state;
  char text[200];
  memset(text, 'a', sizeof text);
  memcpy(text, "HTTP/1.1 200 ", 13);
  check("endless reason", gcn__span(text, sizeof text), false, "limit");
  memset(text, 'A', sizeof text);
  struct http_case row = {
      .name = "endless method",
      .input = gcn__span(text, sizeof text),
      .want = "refused",
      .role = GCN__HTTP_REQUESTS,
      .limits = &small,
  };
  http_case_check(&row);
  memcpy(text, "GET /", 5);
  row.name = "endless target";
  row.want = "limit";
  http_case_check(&row);
}

static void test_header_count(void** state) {
  (void)state;
  check("3 headers", GCN__SPAN(STATUS "A:\r\nB:\r\nContent-Length: 0\r\n\r\n"),
        false, "200 keep ");
  check("4 headers",
        GCN__SPAN(STATUS "A:\r\nB:\r\nC:\r\nContent-Length: 0\r\n\r\n"), false,
        "limit");
}

static void test_line_size(void** state) {
  (void)state;
  char text[256];
  for (int size = 39; size <= 41; size++) {
    int written = snprintf(
        text, sizeof text, STATUS "Name: %.*s\r\nContent-Length: 0\r\n\r\n",
        size - 6, "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv");
    check("line", gcn__span(text, (size_t)written), false,
          size <= 40 ? "200 keep " : "limit");
    written = snprintf(text, sizeof text, STATUS "%.*s", size,
                       "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
    check("name without an end", gcn__span(text, (size_t)written), false,
          size <= 40 ? "more" : "limit");
  }
}

static void test_body_size(void** state) {
  (void)state;
  check("length 10", GCN__SPAN(STATUS "Content-Length: 10\r\n\r\n0123456789"),
        false, "200 keep 0123456789");
  check("length 11, announced", GCN__SPAN(STATUS "Content-Length: 11\r\n\r\n"),
        false, "limit");
  check("length 2^64 - 1",
        GCN__SPAN(STATUS "Content-Length: 18446744073709551615\r\n\r\n"), false,
        "limit");
  check("chunks of 10",
        GCN__SPAN(CHUNKS "4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n"), false,
        "200 keep 0123456789");
  check("chunks of 11, announced", GCN__SPAN(CHUNKS "4\r\n0123\r\n7\r\n"),
        false, "limit");
  check("chunk of 2^64 - 1", GCN__SPAN(CHUNKS "ffffffffffffffff\r\n"), false,
        "limit");
  check("until the end, 10", GCN__SPAN(STATUS "\r\n0123456789"), true,
        "200 close 0123456789");
  check("until the end, 11", GCN__SPAN(STATUS "\r\n0123456789a"), true,
        "limit");
  check("one-byte chunks",
        GCN__SPAN(CHUNKS "1\r\na\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n"
                         "1\r\na\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n1\r\na\r\n"
                         "1\r\na\r\n"),
        false, "limit");
}

static void test_head_may_announce_more(void** state) {
  (void)state;
  struct http_case row = {
      .name = "HEAD",
      .head = true,
      .limits = &small,
      .want = "200 keep ",
      .input = GCN__SPAN(STATUS "Content-Length: 99999999999\r\n\r\n"),
  };
  http_case_check(&row);
}

#define INTERIM "HTTP/1.1 103 Hints\r\nA: 12345678901234567890\r\n\r\n"

static void test_interim_count(void** state) {
  (void)state;
  check("one", GCN__SPAN(INTERIM STATUS "Content-Length: 0\r\n\r\n"), false,
        "200 keep ");
  check("two", GCN__SPAN(INTERIM INTERIM STATUS "Content-Length: 0\r\n\r\n"),
        false, "limit");
}

static void test_trailers_count(void** state) {
  (void)state;
  char text[256];
  size_t head_size = sizeof CHUNKS - 1;
  for (size_t total = 99; total <= 101; total++) {
    int written = snprintf(
        text, sizeof text, CHUNKS "0\r\nA: 1234567890\r\nB: %.*s\r\n\r\n",
        (int)(total - head_size - 22),
        "tttttttttttttttttttttttttttttttttttttttttttttttttt");
    check("trailers", gcn__span(text, (size_t)written), false,
          total <= 100 ? "200 keep " : "limit");
  }
}

static void test_chunk_line_size(void** state) {
  (void)state;
  char text[1024];
  memset(text, 'x', sizeof text);
  size_t begin = sizeof CHUNKS - 1;
  memcpy(text, CHUNKS "0;", begin + 2);
  memcpy(text + begin + 256, "\r\n\r\n", 4);
  check("256 bytes", gcn__span(text, begin + 260), false, "200 keep ");
  memset(text + begin + 256, 'x', 4);
  check("257 bytes", gcn__span(text, begin + 257), false, "limit");
}

/* A list of `count` chunks of one byte. */
static size_t put_chunks(char* out, size_t count) {
  size_t size = sizeof CHUNKS - 1;
  memcpy(out, CHUNKS, size);
  for (size_t i = 0; i < count; i++, size += 6)
    memcpy(out + size, "1\r\na\r\n", 6);
  memcpy(out + size, "0\r\n\r\n", 5);
  return size + 5;
}

static void test_default_limits(void** state) {
  (void)state;
  const struct gcn__http_limits* limits = &gcn__http_limits_default;
  assert_int_equal(limits->header_size_max, 32 * 1024);
  assert_int_equal(limits->header_count_max, 100);
  assert_int_equal(limits->line_size_max, 8 * 1024);
  assert_int_equal(limits->body_size_max, 1024 * 1024);
  assert_int_equal(limits->interim_max, 8);
}

/* However many pieces a body comes in, its memory is that of its bytes. */
static void test_memory_is_bounded(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__http_limits limits = gcn__http_limits_default;
  limits.body_size_max = 200 * 1000;
  char* input = malloc(INPUT_SIZE_MAX);
  assert_non_null(input);
  struct gcn__http* http = gcn__http_new(&mem, GCN__HTTP_RESPONSES, &limits);
  struct gcn__span in = gcn__span(input, put_chunks(input, 200 * 1000));
  assert_int_equal(gcn__http_read(http, &in), GCN__HTTP_DONE);
  assert_int_equal(gcn__http_body(http).size, 200 * 1000);
  gcn__http_next(http, false, false);
  in = gcn__span(input, put_chunks(input, 200 * 1000 + 1));
  assert_int_equal(gcn__http_read(http, &in), GCN_EMSGSIZE);
  /* A block, and while it grows the half of it that it replaces. */
  assert_in_range(probe.peak_size, 200 * 1000, 3 * (256 * 1024) / 2 + 4096);
  gcn__http_free(http);
  assert_int_equal(probe.live_size, 0);
  free(input);
}

/* What a kept reader does for each answer once it is warm. */
static void test_steady_state_allocates_nothing(void** state) {
  (void)state;
  struct mem_probe probe = {0};
  struct gcn__mem mem = mem_probe_mem(&probe);
  struct gcn__http* http =
      gcn__http_new(&mem, GCN__HTTP_RESPONSES, &gcn__http_limits_default);
  size_t count = 0;
  for (int i = 0; i < 3; i++) {
    gcn__http_next(http, false, false);
    struct gcn__span in = GCN__SPAN(STATUS "Content-Length: 2\r\n\r\nhi");
    assert_int_equal(gcn__http_read(http, &in), GCN__HTTP_DONE);
    if (i == 0) count = probe.count;
  }
  assert_int_equal(probe.count, count);
  gcn__http_free(http);
}

/* A message that makes every buffer grow more than once. */
static int read_big(const struct gcn__mem* mem, struct gcn__span input) {
  struct gcn__http* http =
      gcn__http_new(mem, GCN__HTTP_RESPONSES, &gcn__http_limits_default);
  if (http == NULL) return GCN__ENOMEM;
  gcn__http_next(http, false, false);
  int result = gcn__http_read(http, &input);
  if (result < 0) assert_string_equal(gcn__http_error(http), "out of memory");
  gcn__http_free(http);
  return result;
}

static void test_failing_allocations(void** state) {
  (void)state;
  char text[4096];
  size_t size = 0;
  size += (size_t)snprintf(text, sizeof text, STATUS);
  for (int i = 0; i < 40; i++)
    size += (size_t)snprintf(text + size, sizeof text - size, "Name: v\r\n");
  size += (size_t)snprintf(text + size, sizeof text - size,
                           "Content-Length: 1000\r\n\r\n%01000d", 7);
  bool done = false;
  for (size_t n = 1; !done; n++) {
    struct mem_probe probe = {.fail_at = n};
    struct gcn__mem mem = mem_probe_mem(&probe);
    int result = read_big(&mem, gcn__span(text, size));
    done = probe.count < n;
    assert_int_equal(result, done ? GCN__HTTP_DONE : GCN__ENOMEM);
    assert_int_equal(probe.live_size, 0);
    assert_true(!done || n > 5);
  }
  gcn__http_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_header_size),
      cmocka_unit_test(test_endless_start_line),
      cmocka_unit_test(test_header_count),
      cmocka_unit_test(test_line_size),
      cmocka_unit_test(test_body_size),
      cmocka_unit_test(test_head_may_announce_more),
      cmocka_unit_test(test_interim_count),
      cmocka_unit_test(test_trailers_count),
      cmocka_unit_test(test_chunk_line_size),
      cmocka_unit_test(test_default_limits),
      cmocka_unit_test(test_memory_is_bounded),
      cmocka_unit_test(test_steady_state_allocates_nothing),
      cmocka_unit_test(test_failing_allocations),
  };
  return cmocka_run_group_tests_name("http-limits", tests, NULL, NULL);
}
