/* SPDX-License-Identifier: MIT */
/*
 * Bodies: where they end, however long they are, and their message.
 */
#include "codec/envelope.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* NULL stands for an absent span. */
static void assert_span(struct gcn__span span, const char* wanted) {
  if (wanted == NULL) {
    assert_null(span.data);
    return;
  }
  assert_non_null(span.data);
  assert_true(gcn__span_is(span, wanted));
}

/* The message of a body, which may be any text. */
static void test_message(void** state) {
  (void)state;
  static const struct {
    const char* body;
    const char* message; /* NULL: there is none */
  } rows[] = {
      {"", NULL},
      {"[]", NULL},
      {"{}", NULL},
      {"\"message\"", NULL},
      {"{\"message\":\"pong\"}", "pong"},
      {"{ \"a\" : [1,{\"message\":\"x\"}] , \"message\" : \"b\" }", "b"},
      {"{\"message\":\"a\",\"message\":\"b\"}", "b"},
      {"{\"message\":\"a\",\"message\":1}", NULL},
      {"{\"message\":{}}", NULL},
      {"{\"messages\":\"a\"}", NULL},
      {"{\"message\":\"a\" 1}", NULL},
      {"{\"message\":\"a\",}", NULL},
      {"{\"message\" \"a\"}", NULL},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    size_t size = strlen(rows[i].body);
    char* body = malloc(size > 0 ? size : 1);
    assert_non_null(body);
    memcpy(body, rows[i].body, size);
    assert_span(gcn__envelope_message(gcn__span(body, size)), rows[i].message);
    free(body);
  }
  assert_span(gcn__envelope_message(gcn__span(NULL, 0)), NULL);
}

/* In a block of its own size: found is where the body ends, and what is behind
 * it. */
static void check_body(const char* bytes, size_t size, size_t body_size,
                       enum gcn__scrutiny scrutiny) {
  struct gcn__envelope envelope;
  bool utf8;
  char* text = malloc(size);
  assert_non_null(text);
  memcpy(text, bytes, size);
  int error = gcn__envelope_scan_bytes(text, size, scrutiny, &envelope, &utf8);
  assert_int_equal(error, 0);
  assert_true(utf8);
  assert_span(envelope.topic, "t");
  assert_span(envelope.correlation_id, "c");
  assert_int_equal(envelope.body.size, body_size);
  free(text);
}

/* Longer than what is looked ahead, wherever a block ends in it. */
static void test_long_bodies(void** state) {
  (void)state;
  static const char begin[] = "{\"version\":\"2\",\"eventBody\":";
  static const char open[] = "{\"a\":[[{\"b\":\"";
  static const char close[] = "\"}],[]]}";
  static const char end[] =
      ",\"topicName\":\"t\",\"metadata\":{\"CorrelationId\":\"c\"}}";
  static const char odd[] = "\\\"\xc3\xa9\\\\]}";
  enum { SIZE = 2048 };
  for (size_t fill = 100; fill < 900; fill++) {
    char text[SIZE];
    char inside[SIZE];
    memset(inside, fill % 3 == 0 ? ']' : 'x', fill);
    if (fill % 5 == 0) memcpy(inside + fill - 8, odd, 8);
    size_t size = (size_t)snprintf(text, SIZE, "%s%s%.*s%s%s", begin, open,
                                   (int)fill, inside, close, end);
    size_t body_size = sizeof open - 1 + fill + sizeof close - 1;
    check_body(text, size, body_size, GCN__SCRUTINY_STRICT);
    check_body(text, size, body_size, GCN__SCRUTINY_SHALLOW);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_message),
      cmocka_unit_test(test_long_bodies),
  };
  return cmocka_run_group_tests_name("envelope-body", tests, NULL, NULL);
}
