/* SPDX-License-Identifier: MIT */
/*
 * Each way to scan against a look at every byte, and what is found by its bits:
 * wherever in a block it begins, ends, or goes on in the next.
 */
#include "base/rng.h"
#include "codec/lex-find.h"
#include "codec/utf8.h"
#include "scan-ways.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t bit(size_t index, bool set) {
  return (uint64_t)set << index;
}

static void check_block(const struct gcn__scan_way* way, const char* bytes,
                        const struct gcn__scan_block* block) {
  struct gcn__scan_block kinds = {0};
  struct gcn__scan_rare rare = {0};
  for (size_t i = 0; i < GCN__SCAN_BLOCK_SIZE; i++) {
    unsigned char c = (unsigned char)bytes[i];
    kinds.quotes |= bit(i, c == '"');
    kinds.brackets |= bit(i, c == '[' || c == ']' || c == '{' || c == '}');
    rare.slashes |= bit(i, c == '\\');
    rare.controls |= bit(i, c < 0x20);
    rare.high |= bit(i, c > 0x7f);
  }
  struct gcn__scan_rare found = way->find_rare(bytes);
  assert_int_equal(block->quotes, kinds.quotes);
  assert_int_equal(block->brackets, kinds.brackets);
  assert_int_equal(found.slashes, rare.slashes);
  assert_int_equal(found.controls, rare.controls);
  assert_int_equal(found.high, rare.high);
  assert_int_equal(block->rare != 0,
                   (rare.slashes | rare.controls | rare.high) != 0);
}

static void check_blocks(const char* bytes, size_t count) {
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  struct gcn__scan_block blocks[4];
  size_t way_count = scan_ways(ways);
  for (size_t i = 0; i < way_count; i++) {
    ways[i]->find(bytes, count, blocks);
    for (size_t k = 0; k < count; k++)
      check_block(ways[i], bytes + k * GCN__SCAN_BLOCK_SIZE, &blocks[k]);
  }
}

/* Every byte at every place, alone: no neighbour can hide it. */
static void test_every_byte(void** state) {
  (void)state;
  for (unsigned c = 0; c < 256; c++) {
    for (size_t at = 0; at < GCN__SCAN_BLOCK_SIZE; at++) {
      char bytes[GCN__SCAN_BLOCK_SIZE];
      memset(bytes, 'a', sizeof bytes);
      bytes[at] = (char)c;
      check_blocks(bytes, 1);
    }
  }
}

static void test_random_blocks(void** state) {
  (void)state;
  static const char special[] = "\"\\[]{}:, \n\x1f\x20\x7f\x80\xff\x5a\x5c\x7a";
  enum { SIZE = 4 * GCN__SCAN_BLOCK_SIZE };
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1);
  for (int round = 0; round < 3000; round++) {
    uint64_t share = gcn__rng_below(&rng, 5);
    char bytes[SIZE];
    for (size_t i = 0; i < SIZE; i++) {
      bool any = gcn__rng_below(&rng, 4) < share;
      bytes[i] = any ? (char)gcn__rng_below(&rng, 256)
                     : special[gcn__rng_below(&rng, sizeof special - 1)];
    }
    check_blocks(bytes, 1 + (size_t)gcn__rng_below(&rng, 4));
  }
}

/* A text in a block of its own size, so that a sanitizer sees what is read
 * beyond its ends. */
struct text {
  char* data;
  struct gcn__scan scan;
  struct gcn__lex lex;
};

static void open_text(struct text* text, size_t lead, struct gcn__span middle,
                      size_t tail) {
  size_t size = lead + middle.size + tail;
  text->data = malloc(size);
  assert_non_null(text->data);
  memset(text->data, ' ', size);
  memcpy(text->data + lead, middle.data, middle.size);
  gcn__scan_begin(&text->scan, gcn__span(text->data, size));
  text->lex =
      (struct gcn__lex){text->data + lead, text->data + size, &text->scan};
}

static void close_text(struct text* text) {
  free(text->data);
}

static void check_container(struct gcn__span container, size_t lead,
                            enum gcn__scrutiny scrutiny) {
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  size_t count = scan_ways(ways);
  for (size_t i = 0; i < count; i++) {
    struct text text;
    scan_choose(ways[i]);
    open_text(&text, lead, container, i);
    assert_true(gcn__lex_find_container(&text.lex, 32, scrutiny));
    assert_int_equal(text.lex.at - text.data, lead + container.size);
    assert_true(gcn__scan_utf8(&text.scan));
    close_text(&text);
  }
}

static const char long_string[] =
    "[\"a string that is longer than a whole block of sixty-four bytes, and "
    "has a \\\" in it, and another \\\\\\\", and an \xc3\xa9\",{\"a\":1}]";

/* What is sound need not be read byte by byte, wherever it stands. */
static void test_containers_are_found(void** state) {
  (void)state;
  static const char* const containers[] = {
      "{}",
      "[[[]],{}]",
      "[\"\",\"a\",\"]}\",\"\\\"\\\\\"]",
      "{\"a\":1,\"b\":[true,false,null,-1.5e3,0],\"c\":{\"d\":{}}}",
      "{ \"a\" :\t1 ,\n\"b\":\r\n[ true , { } ] }",
      "{\"J\xc3\xbcrgen\":\"\xe2\x82\xac\xf0\x9f\x98\x80\\u00e9\\ud83d\"}",
      long_string,
  };
  for (size_t i = 0; i < COUNT(containers); i++) {
    struct gcn__span container = gcn__span_str(containers[i]);
    for (size_t lead = 0; lead < 1100; lead += lead < 140 ? 1 : 61) {
      check_container(container, lead, GCN__SCRUTINY_STRICT);
      check_container(container, lead, GCN__SCRUTINY_SHALLOW);
    }
  }
}

/* What the bits say and what the bytes say of a string with `piece` in it. */
static void check_string(struct gcn__span piece, size_t fill, bool sound) {
  char string[256] = "\"";
  memset(string + 1, 'a', fill);
  memcpy(string + 1 + fill, piece.data, piece.size);
  size_t size = 1 + fill + piece.size;
  string[size++] = '"';
  struct gcn__span span = gcn__span(string, size);
  struct gcn__lex bytes = {string, string + size, NULL};
  struct gcn__lex_string expected;
  bool good =
      gcn__lex_take_string(&bytes, &expected) && bytes.at == string + size;
  assert_int_equal(good, sound);
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  size_t count = scan_ways(ways);
  for (size_t i = 0; i < count; i++) {
    struct text text;
    struct gcn__lex_string found;
    scan_choose(ways[i]);
    open_text(&text, 0, span, 0);
    bool taken = gcn__lex_find_string(&text.lex, &found);
    assert_int_equal(taken, sound);
    if (taken) {
      assert_int_equal(found.raw.data - text.data, 1);
      assert_int_equal(found.raw.size, expected.raw.size);
      assert_int_equal(found.escaped, expected.escaped);
    }
    assert_int_equal(gcn__scan_utf8(&text.scan), gcn__utf8_valid(span));
    close_text(&text);
  }
}

/* Escapes and characters that begin in one block and end in the next. */
static void test_strings_at_edges(void** state) {
  (void)state;
  static const struct {
    struct gcn__span piece;
    bool sound; /* but for its UTF-8 */
  } rows[] = {
#define ROW(piece, sound) {{piece, sizeof(piece) - 1}, sound}
      ROW("", true),
      ROW("\\n", true),
      ROW("\\\\", true),
      ROW("\\\"", true),
      ROW("\\\\\\\"", true),
      ROW("\\u12aF", true),
      ROW("\\\\u12", true),
      ROW("\\/\\b\\f\\r\\t", true),
      ROW("\xc3\xa9", true),
      ROW("\xe2\x82\xac", true),
      ROW("\x7f{[]}:,", true),
      ROW("\xf0\x9f\x98\x80", true),
      ROW("\xc3", true),
      ROW("\xa9", true),
      ROW("\xe2\x82", true),
      ROW("\xed\xa0\x80", true),
      ROW("\xf4\x90\x80\x80", true),
      ROW("\xc0\x80", true),
      ROW("\\", false),
      ROW("\\x", false),
      ROW("\\u12", false),
      ROW("\\u12g4", false),
      ROW("\\\\\\", false),
      ROW("\n", false),
      ROW("\0", false),
      ROW("\x1f", false),
      ROW("\\ud83d\\u", false),
#undef ROW
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    for (size_t fill = 0; fill < 140; fill++)
      check_string(rows[i].piece, fill, rows[i].sound);
  }
}

/* Nothing that is not sound is found; the bytes say where it is not. */
static void test_faults_are_not_found(void** state) {
  (void)state;
  static const char* const faults[] = {
      "[1,]",       "[1 2]",         "{\"a\"}",    "{1:2}",      "[01]",
      "{,}",        "[\"a\"\"b\"]",  "[true1]",    "[}",         "{\"a\":[}]}",
      "[nul]",      "[\"a\" b]",     "[1.]",       "[",          "{\"a\":1",
      "[\"a",       "[\\\"a\"]",     "[\x01]",     "[\"\x01\"]", "[\"\\x\"]",
      "{\"a\":1,}", "{\"a\" \"b\"}", "[\xc3\xa9]", "[tru",
  };
  for (size_t i = 0; i < COUNT(faults); i++) {
    for (size_t lead = 0; lead < 130; lead++) {
      struct text text;
      scan_choose(&gcn__scan_portable);
      open_text(&text, lead, gcn__span_str(faults[i]), 0);
      const char* begin = text.lex.at;
      assert_false(
          gcn__lex_find_container(&text.lex, 32, GCN__SCRUTINY_STRICT));
      assert_ptr_equal(text.lex.at, begin);
      close_text(&text);
    }
  }
}

/* Shallowly, anything may stand between strings: a backslash there is none that
 * could make a quote part of a string. */
static void test_stray_backslash(void** state) {
  (void)state;
  struct gcn__span stray = GCN__SPAN("[\\\"]\"]");
  for (size_t lead = 0; lead < 130; lead++) {
    struct text text;
    scan_choose(&gcn__scan_portable);
    open_text(&text, lead, stray, 3);
    assert_false(gcn__lex_find_container(&text.lex, 32, GCN__SCRUTINY_SHALLOW));
    assert_true(gcn__lex_take_value(&text.lex, 32, GCN__SCRUTINY_SHALLOW));
    assert_int_equal(text.lex.at - text.data, lead + stray.size);
    close_text(&text);
  }
}

/* The verdict on UTF-8 is one on all of the text, however far the lexer went,
 * and wherever in a character the window ends. */
static void test_utf8_of_the_rest(void** state) {
  (void)state;
  static const char* const pieces[] = {"\xc3\xa9", "\xf0\x9f\x98\x80", "\xc3",
                                       "\xf0\x9f\x98", "a"};
  enum { WINDOW = GCN__SCAN_BLOCKS_MAX * GCN__SCAN_BLOCK_SIZE };
  for (size_t i = 0; i < COUNT(pieces); i++) {
    for (size_t fill = WINDOW - 8; fill < WINDOW + 8; fill++) {
      char bytes[WINDOW + 16] = "\"\"";
      size_t size = strlen(pieces[i]);
      memset(bytes + 2, 'a', fill - 2);
      memcpy(bytes + fill, pieces[i], size);
      struct text text;
      struct gcn__lex_string found;
      scan_choose(&gcn__scan_portable);
      open_text(&text, 0, gcn__span(bytes, fill + size), i % 2);
      assert_true(gcn__lex_find_string(&text.lex, &found));
      assert_int_equal(gcn__scan_utf8(&text.scan), i != 2 && i != 3);
      close_text(&text);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_byte),
      cmocka_unit_test(test_random_blocks),
      cmocka_unit_test(test_containers_are_found),
      cmocka_unit_test(test_strings_at_edges),
      cmocka_unit_test(test_faults_are_not_found),
      cmocka_unit_test(test_stray_backslash),
      cmocka_unit_test(test_utf8_of_the_rest),
  };
  return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
