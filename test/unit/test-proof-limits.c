/* SPDX-License-Identifier: MIT */
/*
 * FAULTS §9.5: each limit of HTTP, JSON and tokens at its value and one above,
 * with the numbers that the library uses.
 *
 * The deadlines are transcripts (test/golden/s5-*), bodies are tried on real
 * sockets (test/loop/test-answers.c), and the WebSocket's limits have a test of
 * their own.
 */
#include "base/err.h"
#include "codec/json.h"
#include "core/token.h"
#include "core/topics.h"
#include "http-case.h"
#include "proof-case.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_SIZE = 2 * 1024 * 1024 };

#define STATUS  "HTTP/1.1 200 OK\r\n"
#define NO_BODY "Content-Length: 0\r\n"

/* A text in the making; its memory is the test's own. */
struct text {
  char* data;
  size_t size;
};

static int make_text(void** state) {
  static struct text text;
  text.size = 0;
  text.data = malloc(TEXT_SIZE);
  *state = &text;
  return text.data == NULL ? -1 : 0;
}

static int free_text(void** state) {
  struct text* text = *state;
  free(text->data);
  return 0;
}

static void add(struct text* text, const char* bytes) {
  size_t size = strlen(bytes);
  assert_true(text->size + size <= TEXT_SIZE);
  memcpy(text->data + text->size, bytes, size);
  text->size += size;
}

static void add_many(struct text* text, char byte, size_t count) {
  assert_true(text->size + count <= TEXT_SIZE);
  memset(text->data + text->size, byte, count);
  text->size += count;
}

/* However it is cut, and with the limits that the library uses. */
static void check(const struct text* text, bool eof, const char* want) {
  const struct http_case row = {
      .name = want,
      .input = gcn__span(text->data, text->size),
      .want = want,
      .eof = eof,
  };
  http_case_check(&row);
}

/* --- HTTP ----------------------------------------------------------------- */

static void header_section(void** state) {
  struct text* text = *state;
  for (size_t size = 32768; size <= 32769; size++) {
    text->size = 0;
    add(text, STATUS NO_BODY);
    for (int i = 0; i < 4; i++) {
      add(text, "Name: ");
      add_many(text, 'v', 8000);
      add(text, "\r\n");
    }
    add(text, "Last: ");
    add_many(text, 'v', size - text->size - 4);
    add(text, "\r\n\r\n");
    assert_int_equal(text->size, size);
    check(text, false, size == 32768 ? "200 keep " : "limit");
  }
}

static void header_count(void** state) {
  struct text* text = *state;
  for (int count = 100; count <= 101; count++) {
    text->size = 0;
    add(text, STATUS NO_BODY);
    for (int i = 1; i < count; i++)
      add(text, "A: b\r\n");
    add(text, "\r\n");
    check(text, false, count == 100 ? "200 keep " : "limit");
  }
}

static void header_line(void** state) {
  struct text* text = *state;
  for (size_t size = 8192; size <= 8193; size++) {
    text->size = 0;
    add(text, STATUS NO_BODY "A: ");
    add_many(text, 'v', size - 3);
    add(text, "\r\n\r\n");
    check(text, false, size == 8192 ? "200 keep " : "limit");
  }
}

static void check_body(struct text* text, const char* head, const char* tail,
                       size_t size, bool fits) {
  struct gcn__http* http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                                         &gcn__http_limits_default);
  assert_non_null(http);
  gcn__http_next(http, false, false);
  text->size = 0;
  add(text, STATUS);
  add(text, head);
  add_many(text, 'x', size);
  add(text, tail);
  int result = GCN__HTTP_MORE;
  for (size_t at = 0; at < text->size && result == GCN__HTTP_MORE;) {
    size_t piece_size = text->size - at < 1009 ? text->size - at : 1009;
    struct gcn__span piece = gcn__span(text->data + at, piece_size);
    result = gcn__http_read(http, &piece);
    at += piece_size;
  }
  if (result == GCN__HTTP_MORE) result = gcn__http_eof(http);
  assert_int_equal(result, fits ? GCN__HTTP_DONE : GCN_EMSGSIZE);
  if (fits) assert_int_equal(gcn__http_body(http).size, size);
  gcn__http_free(http);
}

/* By length, by chunks, and until the end. */
static void body(void** state) {
  struct text* text = *state;
  enum { MOST = 1024 * 1024 };
  check_body(text, "Content-Length: 1048576\r\n\r\n", "", MOST, true);
  check_body(text, "Content-Length: 1048577\r\n\r\n", "", MOST + 1, false);
  static const char coding[] = "Transfer-Encoding: chunked\r\n\r\n";
  char head[100];
  snprintf(head, sizeof head, "%s100000\r\n", coding);
  check_body(text, head, "\r\n0\r\n\r\n", MOST, true);
  snprintf(head, sizeof head, "%s100001\r\n", coding);
  check_body(text, head, "\r\n0\r\n\r\n", MOST + 1, false);
  check_body(text, "\r\n", "", MOST, true);
  check_body(text, "\r\n", "", MOST + 1, false);
}

static void interim_answers(void** state) {
  struct text* text = *state;
  for (int count = 8; count <= 9; count++) {
    text->size = 0;
    for (int i = 0; i < count; i++)
      add(text, "HTTP/1.1 103 .\r\n\r\n");
    add(text, STATUS NO_BODY "\r\n");
    check(text, false, count == 8 ? "200 keep " : "limit");
  }
}

static void content_codings(void** state) {
  struct text* text = *state;
  static const char* const codings[] = {"gzip", "deflate", "br", "zstd", "x"};
  for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
    text->size = 0;
    add(text, STATUS NO_BODY "Content-Encoding: ");
    add(text, codings[i]);
    add(text, "\r\n\r\n");
    check(text, false, "refused");
  }
}

/* --- tokens, JSON, topics ------------------------------------------------- */

static void token(void** state) {
  struct text* text = *state;
  struct gcn__token held;
  gcn__token_init(&held, &gcn__mem_libc);
  add_many(text, 't', 8193);
  assert_int_equal(gcn__token_set(&held, gcn__span(text->data, 8193), 60, 0),
                   GCN_EPROTO);
  assert_int_equal(gcn__token_set(&held, gcn__span(text->data, 8192), 60, 0),
                   0);
  assert_int_equal(strlen(held.text), 8192);
  gcn__token_deinit(&held);
}

static void json_depth(void** state) {
  struct text* text = *state;
  for (size_t depth = 32; depth <= 33; depth++) {
    text->size = 0;
    add_many(text, '[', depth);
    add_many(text, ']', depth);
    struct gcn__json* json =
        gcn__json_parse(gcn__span(text->data, text->size), NULL);
    assert_int_equal(json != NULL, depth == 32);
    gcn__json_free(json, false);
  }
}

static void topic_size(void** state) {
  struct text* text = *state;
  add_many(text, 't', 200);
  assert_null(gcn__topic_check(gcn__span(text->data, 199)));
  assert_non_null(gcn__topic_check(gcn__span(text->data, 200)));
}

#define LIMIT(name, test)                                                      \
  { name, test, make_text, free_text, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      LIMIT("S5-01 header section of 32 KiB", header_section),
      LIMIT("S5-02 100 header fields", header_count),
      LIMIT("S5-03 header line of 8 KiB", header_line),
      LIMIT("S5-04 body of 1 MiB", body),
      LIMIT("S5-06 token of 8 KiB", token),
      LIMIT("S5-07 JSON of depth 32", json_depth),
      LIMIT("S5-09 eight interim answers", interim_answers),
      LIMIT("S5-13 topic of 199 bytes", topic_size),
      LIMIT("S5-26 no content coding", content_codings),
  };
  return cmocka_run_group_tests_name("proof-limits", tests, NULL, NULL);
}
