/* SPDX-License-Identifier: MIT */
/*
 * The guard by itself: its rules must not lean on what some version of llhttp
 * refuses as well.
 */
#include "check.h"
#include "codec/http-guard.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
  STATUS = GCN__HTTP_LINE_STATUS,
  REQUEST = GCN__HTTP_LINE_REQUEST,
  HEADER = GCN__HTTP_LINE_HEADER,
  CHUNK_SIZE = GCN__HTTP_LINE_CHUNK_SIZE,
  CHUNK_END = GCN__HTTP_LINE_CHUNK_END,
};

struct row {
  int line;
  const char* text;
  size_t size;
  /* What is wrong with its last byte, NULL if all are fine. */
  const char* problem;
};

#define ROW(line, text, problem)                                               \
  { line, text, sizeof(text) - 1, problem }

static const struct row rows[] = {
    ROW(STATUS, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", NULL),
    ROW(STATUS, "HTTP/1.0 599\r\n\r\n", NULL),
    ROW(STATUS, "HTTP/1.1 200 \x80\xff\r\n", NULL),
    ROW(STATUS, "h", "malformed status line"),
    ROW(STATUS, "HTTP/2", "malformed status line"),
    ROW(STATUS, "HTTP/1.x", "malformed status line"),
    ROW(STATUS, "HTTP/1.1  ", "malformed status line"),
    ROW(STATUS, "HTTP/1.1 99 ", "malformed status line"),
    ROW(STATUS, "HTTP/1.1 99\r", "malformed status line"),
    ROW(STATUS, "HTTP/1.1 2000", "malformed status line"),
    ROW(STATUS, "HTTP/1.1 200\t", "malformed status line"),
    ROW(STATUS, "HTTP/1.1 200 \t", "control byte in the status line"),
    ROW(STATUS, "HTTP/1.1 200 \x7f", "control byte in the status line"),
    ROW(STATUS, "HTTP/1.1 200 \0", "control byte in the status line"),
    ROW(STATUS, "HTTP/1.1 200 OK\n", "LF without CR"),
    ROW(STATUS, "HTTP/1.1 200 OK\r\r", "CR without LF"),
    ROW(STATUS, "\r", "malformed status line"),
    ROW(STATUS, "\n", "LF without CR"),
    ROW(REQUEST, "GET / HTTP/1.1\r\nA: b\r\n", NULL),
    ROW(REQUEST, "g", "malformed request line"),
    ROW(REQUEST, " ", "malformed request line"),
    ROW(REQUEST, "\r", "malformed request line"),
    ROW(REQUEST, "GET /\t", "control byte in the request line"),
    ROW(REQUEST, "GET /\0", "control byte in the request line"),
    ROW(REQUEST, "GET /\x7f", "control byte in the request line"),
    ROW(REQUEST, "GET /\x80", "non-ASCII byte in the request line"),
    ROW(HEADER, "A: b\r\nC-d_1:\t\x80\xff\r\n\r\n", NULL),
    ROW(HEADER, "A:b:c\r\n", NULL),
    ROW(HEADER, " ", "folded header"),
    ROW(HEADER, "A: b\r\n\t", "folded header"),
    ROW(HEADER, ":", "header without a name"),
    ROW(HEADER, "A ", "malformed header name"),
    ROW(HEADER, "A\t", "malformed header name"),
    ROW(HEADER, "A\0", "malformed header name"),
    ROW(HEADER, "A\x80", "malformed header name"),
    ROW(HEADER, "A(", "malformed header name"),
    ROW(HEADER, "A\r", "header without a colon"),
    ROW(HEADER, "A: \x01", "control byte in a header"),
    ROW(HEADER, "A: \0", "control byte in a header"),
    ROW(HEADER, "A: \x7f", "control byte in a header"),
    ROW(HEADER, "A: b\n", "LF without CR"),
    ROW(HEADER, "A: b\rC", "CR without LF"),
    ROW(HEADER, "A: b\r\n\n", "LF without CR"),
    ROW(HEADER, "A: b\r\n\rX", "CR without LF"),
    ROW(CHUNK_SIZE, "1f;a=\"b\"\r\n", NULL),
    ROW(CHUNK_SIZE, "\r", "malformed chunk size"),
    ROW(CHUNK_SIZE, "2\n", "LF without CR"),
    ROW(CHUNK_SIZE, "2;a\rb", "CR without LF"),
    ROW(CHUNK_SIZE, "2;\0", "control byte in a chunk header"),
    ROW(CHUNK_SIZE, "2;\x7f", "control byte in a chunk header"),
    ROW(CHUNK_END, "\r\n2\r\n", NULL),
    ROW(CHUNK_END, "x", "chunk longer than its size"),
    ROW(CHUNK_END, "\n", "LF without CR"),
    ROW(CHUNK_END, "\rx", "CR without LF"),
};

/* Every byte but the last is fine. */
static void check_row(const struct row* row) {
  struct gcn__http_guard guard;
  gcn__http_guard_begin(&guard, (enum gcn__http_line)row->line);
  for (size_t i = 0; i < row->size; i++) {
    const char* problem = gcn__http_guard_check(&guard, row->text[i]);
    const char* want = i + 1 == row->size ? row->problem : NULL;
    bool same = problem == want ||
                (problem != NULL && want != NULL && strcmp(problem, want) == 0);
    if (!same) {
      fail_msg("\"%s\" at %zu: %s", row->text, i,
               problem == NULL ? "accepted" : problem);
    }
  }
}

static void test_rows(void** state) {
  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++)
    check_row(&rows[i]);
}

static void test_line_size(void** state) {
  (void)state;
  struct gcn__http_guard guard;
  gcn__http_guard_begin(&guard, GCN__HTTP_LINE_HEADER);
  static const char text[] = "A: b\r\n";
  static const size_t want[] = {1, 2, 3, 4, 4, 0};
  for (size_t i = 0; i < sizeof text - 1; i++) {
    assert_null(gcn__http_guard_check(&guard, text[i]));
    assert_int_equal(guard.line_size, want[i]);
  }
  assert_int_equal(guard.line, GCN__HTTP_LINE_HEADER);
  assert_false(guard.named);
}

static void test_token_bytes(void** state) {
  (void)state;
  size_t count = 0;
  for (int byte = 0; byte < 256; byte++)
    count += gcn__http_is_token_byte((char)byte);
  assert_int_equal(count, 10 + 26 + 26 + 15);
  static const char separators[] = "\"(),/:;<=>?@[\\]{} \t\x7f\x80";
  for (size_t i = 0; i < sizeof separators; i++)
    assert_false(gcn__http_is_token_byte(separators[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows),
      cmocka_unit_test(test_line_size),
      cmocka_unit_test(test_token_bytes),
  };
  return cmocka_run_group_tests_name("http-guard", tests, NULL, NULL);
}
