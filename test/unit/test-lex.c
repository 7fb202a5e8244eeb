/* SPDX-License-Identifier: MIT */
/*
 * Whole values: where they end, strictly and shallowly.  Tokens are tested
 * with the scanners that are made of them.
 */
#include "codec/lex.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { REFUSED = -1 };

/* How far a value goes, or REFUSED; `stop` is where it stopped at any rate. */
static int take(struct gcn__span text, unsigned depth_max,
                enum gcn__scrutiny scrutiny, size_t* stop) {
  char* copy = malloc(text.size > 0 ? text.size : 1);
  assert_non_null(copy);
  if (text.size > 0) memcpy(copy, text.data, text.size);
  struct gcn__lex lex = {copy, copy + text.size, NULL};
  bool ok = gcn__lex_take_value(&lex, depth_max, scrutiny);
  *stop = (size_t)(lex.at - copy);
  assert_in_range(*stop, 0, text.size);
  free(copy);
  return ok ? (int)*stop : REFUSED;
}

static void test_ends(void** state) {
  (void)state;
  static const struct {
    const char* text;
    int strict;
    int shallow;
  } rows[] = {
      {"1,", 1, 1},
      {"-1.5e3 ", 6, 6},
      {"true]", 4, 4},
      {"\"a\\\"]\"}", 6, 6},
      {"{}}", 2, 2},
      {"[] ]", 2, 2},
      {"[ 1 , [ { } ] , \"]\" ],", 21, 21},
      {"{ \"a\" : { \"}\" : [ ] } }x", 23, 23},
      {"[[],[],{}]", 10, 10},
      {"[1,]", REFUSED, 4},
      {"[1 2]", REFUSED, 5},
      {"{\"a\"}", REFUSED, 5},
      {"{1:2}", REFUSED, 5},
      {"[\x01]", REFUSED, 3},
      {"[01]", REFUSED, 4},
      {"{,}", REFUSED, 3},
      {"[}", REFUSED, REFUSED},
      {"{\"a\":[}]", REFUSED, REFUSED},
      {"{\"a\":[}}", REFUSED, 8},
      {"[{]]", REFUSED, 4},
      {"[\"\x01\"]", REFUSED, REFUSED},
      {"[\"\\x\"]", REFUSED, REFUSED},
      {"[\"]", REFUSED, REFUSED},
      {"tru", REFUSED, REFUSED},
      {"]", REFUSED, REFUSED},
      {",", REFUSED, REFUSED},
      {"", REFUSED, REFUSED},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct gcn__span text = gcn__span_str(rows[i].text);
    size_t stop;
    int strict = take(text, 32, GCN__SCRUTINY_STRICT, &stop);
    int shallow = take(text, 32, GCN__SCRUTINY_SHALLOW, &stop);
    if (strict != rows[i].strict || shallow != rows[i].shallow)
      fail_msg("%s: %d and %d", rows[i].text, strict, shallow);
  }
}

static void test_cut_at_every_byte(void** state) {
  (void)state;
  static const char text[] = "{\"a\":[1,{\"b\\u0041\":[true,null]},\"]\"]}";
  size_t size = sizeof text - 1;
  for (int scrutiny = 0; scrutiny < 2; scrutiny++) {
    size_t stop;
    for (size_t cut = 0; cut < size; cut++) {
      struct gcn__span part = gcn__span(text, cut);
      int end = take(part, 32, (enum gcn__scrutiny)scrutiny, &stop);
      assert_int_equal(end, REFUSED);
      assert_int_equal(stop, cut);
    }
    int end =
        take(gcn__span(text, size), 32, (enum gcn__scrutiny)scrutiny, &stop);
    assert_int_equal(end, size);
  }
}

static void test_depth(void** state) {
  (void)state;
  char text[128];
  for (unsigned depth = 0; depth <= 32; depth++) {
    for (unsigned over = 0; over < 2; over++) {
      unsigned nested = depth + over;
      memset(text, '[', nested);
      memset(text + nested, ']', nested);
      struct gcn__span span = gcn__span(text, 2 * nested);
      if (nested == 0) span = GCN__SPAN("0");
      for (int scrutiny = 0; scrutiny < 2; scrutiny++) {
        size_t stop;
        int end = take(span, depth, (enum gcn__scrutiny)scrutiny, &stop);
        assert_int_equal(end, over == 0 ? (int)span.size : REFUSED);
        if (over == 1) assert_int_equal(stop, depth);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ends),
      cmocka_unit_test(test_cut_at_every_byte),
      cmocka_unit_test(test_depth),
  };
  return cmocka_run_group_tests_name("lex", tests, NULL, NULL);
}
