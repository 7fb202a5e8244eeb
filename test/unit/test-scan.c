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
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t bit(size_t index, bool set) {
  return (uint64_t)set << index;
}

/* What a look at every byte knows of those before. */
struct state {
  bool in_string;
  bool in_escape;
  bool sound; /* but for what escapes must be */
};

static bool is_one_of(char c, const char* set) {
  return c != '\0' && strchr(set, c) != NULL;
}

static struct gcn__scan_block look(const char* bytes, size_t size,
                                   struct state* state) {
  struct gcn__scan_block kinds = {0};
  for (size_t i = 0; i < size; i++) {
    bool quote = bytes[i] == '"' && !state->in_escape;
    bool inside = state->in_string != quote;
    bool escape = bytes[i] == '\\' && !state->in_escape;
    bool bracket = is_one_of(bytes[i], "[]{}Yy_\x7f");
    if ((unsigned char)bytes[i] < 0x20 && inside) state->sound = false;
    if (bytes[i] == '\\' && !inside) state->sound = false;
    kinds.quotes |= bit(i, quote);
    kinds.inside |= bit(i, inside);
    kinds.brackets |= bit(i, bracket && !inside);
    state->in_string = inside;
    state->in_escape = escape;
  }
  return kinds;
}

/* Behind the end of the text, its last block goes on as if with spaces. */
static void check_block(const struct gcn__scan_block* block,
                        struct gcn__span bytes, struct state* state) {
  char padded[GCN__SCAN_BLOCK_SIZE];
  memset(padded, ' ', sizeof padded);
  memcpy(padded, bytes.data, bytes.size);
  struct gcn__scan_block kinds = look(padded, sizeof padded, state);
  if (!state->sound) return;
  assert_int_equal(block->quotes, kinds.quotes);
  assert_int_equal(block->inside, kinds.inside);
  assert_int_equal(block->brackets, kinds.brackets);
}

static void check_way(const struct gcn__scan_way* way, struct gcn__span text) {
  struct gcn__scan scan;
  struct state state = {.sound = true};
  scan_choose(way);
  gcn__scan_begin(&scan, text);
  while (gcn__scan_advance(&scan)) {
    for (size_t at = 0; at < scan.size; at += GCN__SCAN_BLOCK_SIZE) {
      size_t left = scan.size - at;
      size_t size = left < GCN__SCAN_BLOCK_SIZE ? left : GCN__SCAN_BLOCK_SIZE;
      check_block(&scan.blocks[at / GCN__SCAN_BLOCK_SIZE],
                  gcn__span(scan.begin + at, size), &state);
    }
    assert_true(state.sound);
  }
}

static void check_text(const char* bytes, size_t size) {
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  size_t count = scan_ways(ways);
  for (size_t i = 0; i < count; i++)
    check_way(ways[i], gcn__span(bytes, size));
}

/* Every byte at every place, alone: no neighbour can hide it; outside of a
 * string, and in one. */
static void test_every_byte(void** state) {
  (void)state;
  for (unsigned c = 0; c < 256; c++) {
    for (size_t at = 1; at < GCN__SCAN_BLOCK_SIZE; at++) {
      char bytes[GCN__SCAN_BLOCK_SIZE];
      memset(bytes, 'a', sizeof bytes);
      bytes[at] = (char)c;
      check_text(bytes, sizeof bytes);
      check_text(bytes + at, sizeof bytes - at);
      bytes[0] = '"';
      check_text(bytes, sizeof bytes);
    }
  }
}

static void test_random_blocks(void** state) {
  (void)state;
  static const char special[] = "\"\"\\\"\\\\[]{}:, \n\x1f\x7f\x80\xff\x5a\x7a";
  enum { SIZE = 4 * GCN__SCAN_BLOCK_SIZE };
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 1);
  for (int round = 0; round < 6000; round++) {
    uint64_t share = gcn__rng_below(&rng, 16);
    char bytes[SIZE];
    for (size_t i = 0; i < SIZE; i++) {
      bool any = gcn__rng_below(&rng, 20) < share;
      bytes[i] = any ? special[gcn__rng_below(&rng, sizeof special - 1)]
                     : (char)(' ' + gcn__rng_below(&rng, 90));
      if (bytes[i] == '\\' && !any) bytes[i] = '/';
    }
    check_text(bytes, 1 + (size_t)gcn__rng_below(&rng, SIZE));
  }
}

/* Each byte and each that may follow, with what might go on behind it, wherever
 * a block ends in it. */
static void test_every_lead(void** state) {
  (void)state;
  static const size_t places[] = {1, 60, 61, 62, 63, 64, 95, 125, 126, 127};
  static const char* const rests[] = {"", "\x80", "\x80\xbf", "\xbf\x80\x80"};
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  size_t count = scan_ways(ways);
  for (unsigned pair = 0x8000; pair < 0x10000; pair++) {
    for (size_t i = 0; i < COUNT(places) * COUNT(rests); i++) {
      const char* rest = rests[i % COUNT(rests)];
      char bytes[GCN__SCAN_BLOCK_SIZE * 3];
      memset(bytes, 'a', sizeof bytes);
      char* at = bytes + places[i / COUNT(rests)];
      *at++ = (char)(pair >> 8);
      *at++ = (char)(pair & 0xff);
      memcpy(at, rest, strlen(rest));
      struct gcn__span text = gcn__span(bytes, sizeof bytes);
      struct gcn__scan scan;
      scan_choose(ways[(pair + i) % count]);
      gcn__scan_begin(&scan, text);
      while (gcn__scan_advance(&scan))
        continue;
      assert_int_equal(gcn__scan_utf8(&scan), gcn__utf8_valid(text));
    }
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

/* Found is what can be read, and nothing else; with the same end. */
static void check_both(const struct gcn__scan_way* way, struct gcn__span text,
                       size_t lead) {
  static const enum gcn__scrutiny scrutinies[] = {GCN__SCRUTINY_STRICT,
                                                  GCN__SCRUTINY_SHALLOW};
  scan_choose(way);
  for (size_t i = 0; i < COUNT(scrutinies); i++) {
    const char* begin = text.data + lead;
    const char* end = text.data + text.size;
    struct gcn__scan scan;
    gcn__scan_begin(&scan, text);
    struct gcn__lex quick = {begin, end, &scan};
    struct gcn__lex slow = {begin, end, NULL};
    bool found = gcn__lex_find_container(&quick, 32, scrutinies[i]);
    bool good = gcn__lex_take_value(&slow, 32, scrutinies[i]);
    if (found != good || (good && quick.at != slow.at))
      fail_msg("%s %zu: %d, not %d: %.*s", way->name, i, found, good,
               (int)text.size, text.data);
  }
}

static const char* const tokens[] = {"{",     "}", "[",    "]", ":",    ",",
                                     "\"a\"", "1", "true", "x", "\"b\""};

/* The rules are of neighbours: so what any few of them may be in a row shows
 * that they are right; and wherever a block ends. */
static void check_tokens(const size_t* picks, size_t count, const char* gap,
                         size_t lead) {
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  size_t way_count = scan_ways(ways);
  char text[512];
  memset(text, ' ', lead);
  size_t size = lead;
  for (size_t i = 0; i < count; i++) {
    size += (size_t)snprintf(text + size, sizeof text - size, "%s%s",
                             tokens[picks[i]], gap);
  }
  text[size++] = '}'; /* may be what closes the first one, or not be seen */
  check_both(ways[(picks[1] + lead) % way_count], gcn__span(text, size), lead);
}

static void test_all_rows_of_tokens(void** state) {
  (void)state;
  static const char* const gaps[] = {"", " ", "\r\n\t "};
  enum { COUNT_MAX = 6 };
  size_t round = 0;
  for (size_t opens = 0; opens <= 2; opens += 2) {
    size_t picks[COUNT_MAX] = {opens};
    while (picks[0] == opens) {
      size_t gap = round % 7 < 5 ? 0 : round % 2 + 1;
      check_tokens(picks, COUNT_MAX, gaps[gap], 48 + round % 17);
      round++;
      size_t i = COUNT_MAX - 1;
      while (i > 0 && ++picks[i] == COUNT(tokens))
        picks[i--] = 0;
      if (i == 0) break;
    }
  }
}

/* Longer ones, which are good up to some place. */
static void test_rows_of_members(void** state) {
  (void)state;
  static const char* const pieces[] = {
      "\"a\":1,",
      "\"b\":\"a\",",
      "\"a\":[1,true],",
      "\"b\":{},",
      "\"a\":[{},[]],",
      "\"c\" : null ,",
      "\"d\":{\"b\":-1.5e+3},",
      "\"a\":[x],",
      "\"a\":01,",
      "\"a\":1. ,",
      "\"\\u0062\":2,",
      "\"e\":\"\\\"{[\",",
  };
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 3);
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  size_t way_count = scan_ways(ways);
  for (size_t round = 0; round < 20000; round++) {
    char text[1024];
    size_t lead = (size_t)gcn__rng_below(&rng, 64);
    size_t good = round % 3 == 0 ? COUNT(pieces) : 7;
    memset(text, ' ', lead);
    size_t size = lead;
    text[size++] = '{';
    for (uint64_t left = gcn__rng_below(&rng, 12); left > 0; left--) {
      const char* piece = pieces[gcn__rng_below(&rng, good)];
      memcpy(text + size, piece, strlen(piece));
      size += strlen(piece);
    }
    if (round % 50 != 0 && size > lead + 1) size--; /* the last comma */
    text[size++] = '}';
    scan_choose(ways[round % way_count]);
    struct gcn__scan scan;
    gcn__scan_begin(&scan, gcn__span(text, size));
    struct gcn__lex quick = {text + lead, text + size, &scan};
    struct gcn__lex slow = {text + lead, text + size, NULL};
    bool found = gcn__lex_find_container(&quick, 32, GCN__SCRUTINY_STRICT);
    assert_int_equal(found,
                     gcn__lex_take_value(&slow, 32, GCN__SCRUTINY_STRICT));
    if (found) assert_ptr_equal(quick.at, slow.at);
  }
}

/* What may be in a container that is skipped, in strings and outside of them;
 * one in eight has what may not. */
static size_t put_pieces(struct gcn__rng* rng, char* text, size_t size) {
  static const char* const outside[] = {"[",
                                        "{",
                                        "]",
                                        "}",
                                        "[{\"a\":[",
                                        "}]}",
                                        "Y_y\x7f|",
                                        "0.123456789, true, false, null",
                                        "[{}],",
                                        "{\"b\":[]}",
                                        ",,,,,,,,,,,,,",
                                        ",[{\"c\":1,\"d\":\"{[\"}],"};
  static const char* const inside[] = {"]}",
                                       "{[",
                                       "\\\"",
                                       "\\\\",
                                       "\xc3\xbc",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "a string, or part of one",
                                       "\xc3",
                                       "\x80",
                                       "\xed\xa0\x80",
                                       "\n"};
  bool good = gcn__rng_below(rng, 8) > 0;
  bool in_string = false;
  size_t used = 0;
  while (used + 80 < size) {
    bool quote = gcn__rng_below(rng, 6) == 0;
    const char* piece = outside[gcn__rng_below(rng, COUNT(outside))];
    if (in_string)
      piece = inside[gcn__rng_below(rng, COUNT(inside) - (good ? 4 : 0))];
    if (quote) piece = "\"";
    in_string ^= quote;
    memcpy(text + used, piece, strlen(piece));
    used += strlen(piece);
  }
  if (in_string) text[used++] = '"';
  memset(text + used, gcn__rng_below(rng, 2) == 0 ? ']' : '}', 32);
  return used + 32;
}

/* However far is looked ahead: where it ends, and what UTF-8 it is. */
static void test_skipping(void** state) {
  (void)state;
  enum { SIZE = 1400 };
  const struct gcn__scan_way* ways[SCAN_WAYS_MAX];
  size_t way_count = scan_ways(ways);
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 4);
  size_t long_count = 0;
  for (size_t round = 0; round < 60000; round++) {
    size_t lead = (size_t)gcn__rng_below(&rng, 80);
    size_t opens = 1 + (size_t)gcn__rng_below(&rng, 12);
    char bytes[SIZE];
    memset(bytes, ' ', lead);
    memset(bytes + lead, round % 2 == 0 ? '[' : '{', opens);
    size_t room = 80 + (size_t)gcn__rng_below(&rng, SIZE - 180);
    size_t used = put_pieces(&rng, bytes + lead + opens, room) + lead + opens;
    struct text text;
    scan_choose(ways[round % way_count]);
    open_text(&text, 0, gcn__span(bytes, used), 0);
    text.lex.at += lead;
    text.scan.window_size =
        (1 + gcn__rng_below(&rng, 4)) * GCN__SCAN_BLOCK_SIZE;
    struct gcn__lex slow = {text.lex.at, text.lex.end, NULL};
    unsigned depth_max = round % 3 == 0 ? 16 : 32;
    bool good = gcn__lex_take_value(&slow, depth_max, GCN__SCRUTINY_SHALLOW);
    bool found =
        gcn__lex_find_container(&text.lex, depth_max, GCN__SCRUTINY_SHALLOW);
    /* Between strings, a control character is none of its business. */
    if (found && !good) fail_msg("%zu: found", round);
    if (good && !found && text.scan.sound) fail_msg("%zu: not found", round);
    if (found) assert_ptr_equal(text.lex.at, slow.at);
    assert_int_equal(gcn__scan_utf8(&text.scan),
                     gcn__utf8_valid(gcn__span(bytes, used)));
    long_count += found && text.lex.at - text.data > 512;
    close_text(&text);
  }
  assert_true(long_count > 1000);
}

static void test_depth(void** state) {
  (void)state;
  enum { DEPTH_MAX = 5 };
  static const struct {
    const char* text;
    bool fits;
  } rows[] = {
      {"[[[[[]]]]]", true},
      {"[[[[[[]]]]]]", false},
      {"[[[[{\"a\":1}]]]]", true},
      {"[[[[[{}]]]]]", false},
      {"{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}", true},
      {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}", false},
  };
  for (size_t i = 0; i < COUNT(rows) * 2; i++) {
    struct text text;
    open_text(&text, 60, gcn__span_str(rows[i / 2].text), 1);
    enum gcn__scrutiny scrutiny =
        i % 2 == 0 ? GCN__SCRUTINY_STRICT : GCN__SCRUTINY_SHALLOW;
    assert_int_equal(gcn__lex_find_container(&text.lex, DEPTH_MAX, scrutiny),
                     rows[i / 2].fits);
    close_text(&text);
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
      cmocka_unit_test(test_every_lead),
      cmocka_unit_test(test_containers_are_found),
      cmocka_unit_test(test_strings_at_edges),
      cmocka_unit_test(test_faults_are_not_found),
      cmocka_unit_test(test_all_rows_of_tokens),
      cmocka_unit_test(test_rows_of_members),
      cmocka_unit_test(test_skipping),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_stray_backslash),
      cmocka_unit_test(test_utf8_of_the_rest),
  };
  return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
