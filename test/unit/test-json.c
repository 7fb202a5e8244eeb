/* SPDX-License-Identifier: MIT */
/*
 * JSON documents: what is accepted, what is read from them, what is written.
 *
 * jansson's allocation hooks, which are global and which the library must not
 * touch, are used here to see freed secrets and to fail allocations.
 */
#include "base/err.h"
#include "base/rng.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "mem-probe.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct gcn__json* parse(const char* text) {
  const char* why = NULL;
  struct gcn__json* root = gcn__json_parse(gcn__span_str(text), &why);
  if (root == NULL) print_error("%s: %s\n", text, why);
  assert_non_null(root);
  assert_string_equal(why, "");
  return root;
}

static void drop(struct gcn__json* root) {
  const bool secret = false;
  gcn__json_free(root, secret);
}

static void test_accepted(void** state) {
  (void)state;
  static const char* const texts[] = {
      "{}",
      " [ ] \n",
      "[1,2.5,-3e2,true,false,null,\"\",{},[]]",
      "{\"a\":{\"b\":[{\"c\":\"\\ud83d\\ude00\\u00e9\\n\"}]}}",
      "[9223372036854775807,-9223372036854775808,1e308,1e-400]",
      "{\"a\":1,\"A\":2,\"\":3}"};
  for (size_t i = 0; i < COUNT(texts); i++)
    drop(parse(texts[i]));
}

#define REFUSED(text, why)                                                     \
  { {text, sizeof(text) - 1}, why }

static void test_refused(void** state) {
  (void)state;
  static const struct {
    struct gcn__span text;
    const char* why;
  } rows[] = {
      REFUSED("", "empty"),
      REFUSED(" ", "cut off"),
      REFUSED("{", "cut off"),
      REFUSED("[1,", "cut off"),
      REFUSED("[\"abc", "cut off"),
      REFUSED("{}x", "bytes behind the end"),
      REFUSED("[][]", "bytes behind the end"),
      REFUSED("\"a\"", "not JSON"),
      REFUSED("12", "not JSON"),
      REFUSED("null", "not JSON"),
      REFUSED("{a:1}", "not JSON"),
      REFUSED("{'a':1}", "not JSON"),
      REFUSED("{\"a\":1,}", "not JSON"),
      REFUSED("[1,]", "not JSON"),
      REFUSED("[01]", "not JSON"),
      REFUSED("[NaN]", "not JSON"),
      REFUSED("[\"\n\"]", "not JSON"),
      REFUSED("[\"\\x\"]", "not JSON"),
      REFUSED("[\"\\ud800\"]", "not JSON"),
      REFUSED("[\"\\ud800\\u0041\"]", "not JSON"),
      REFUSED("[\"\\udc00\"]", "not JSON"),
      REFUSED("{\"a\":1,\"a\":1}", "a key occurs twice"),
      REFUSED("{\"a\":1,\"\\u0061\":2}", "a key occurs twice"),
      REFUSED("{\"x\":{\"a\":1,\"b\":2,\"a\":3}}", "a key occurs twice"),
      REFUSED("[\"a\\u0000b\"]", "a NUL in a string"),
      REFUSED("{\"a\\u0000b\":1}", "a NUL in a string"),
      REFUSED("[\"a\0b\"]", "a NUL byte"),
      REFUSED("[1\0]", "a NUL byte"),
      REFUSED("[1]\0", "a NUL byte"),
      REFUSED("[\"\xff\"]", "not UTF-8"),
      REFUSED("[\"\xc0\x80\"]", "not UTF-8"),
      REFUSED("[\"\xed\xa0\x80\"]", "not UTF-8"),
      REFUSED("\xef\xbb\xbf{}", "not JSON"),
      REFUSED("[1e999]", "a number out of range"),
      REFUSED("[9223372036854775808]", "a number out of range"),
      REFUSED("[-9223372036854775809]", "a number out of range"),
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    const char* why = NULL;
    assert_null(gcn__json_parse(rows[i].text, &why));
    if (strcmp(why, rows[i].why) != 0)
      print_error("row %zu, %s\n", i, rows[i].text.data);
    assert_string_equal(why, rows[i].why);
    assert_null(gcn__json_parse(rows[i].text, NULL));
  }
}

static void test_depth(void** state) {
  (void)state;
  enum { LARGE = 100000 };
  static char text[2 * LARGE];
  for (size_t depth = 30; depth <= 34; depth++) {
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    const char* why = NULL;
    struct gcn__json* root = gcn__json_parse(gcn__span(text, 2 * depth), &why);
    assert_int_equal(root != NULL, depth <= GCN__JSON_DEPTH_MAX);
    assert_string_equal(why, root != NULL ? "" : "nested too deep");
    drop(root);
  }
  memset(text, '[', sizeof text);
  assert_null(gcn__json_parse(gcn__span(text, sizeof text), NULL));
  for (size_t i = 0; i < LARGE; i++)
    memcpy(text + 2 * i, i % 2 == 0 ? "{\"" : "a\"", 2);
  assert_null(gcn__json_parse(gcn__span(text, sizeof text), NULL));
  /* Brackets in strings are no depth, nor are those closed again. */
  drop(parse("[\"[[[\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\\\"]"));
  drop(parse("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
             "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]"));
}

/* FAULTS H19: one string of a megabyte, in each of its forms. */
static void test_a_string_of_a_megabyte(void** state) {
  (void)state;
  enum { LARGE = 1024 * 1024 };
  static char text[LARGE + 5];
  memset(text, 'x', sizeof text);
  memcpy(text, "[\"", 2);
  memcpy(text + LARGE + 2, "\"]", 3);
  struct gcn__json* root = parse(text);
  assert_int_equal(gcn__json_string(gcn__json_at(root, 0)).size, LARGE);
  drop(root);
  for (size_t i = 0; i + 6 <= LARGE; i += 6)
    memcpy(text + 2 + i, "\\u00e9", 6);
  root = parse(text);
  struct gcn__span value = gcn__json_string(gcn__json_at(root, 0));
  assert_int_equal(value.size, LARGE / 6 * 2 + LARGE % 6);
  drop(root);
  text[LARGE] = '\xff';
  const char* why = NULL;
  assert_null(gcn__json_parse(gcn__span_str(text), &why));
  assert_string_equal(why, "not UTF-8");
}

static void test_members(void** state) {
  (void)state;
  struct gcn__json* root =
      parse("{\"s\":\"te\\u00e9xt\",\"n\":5,\"t\":true,\"f\":false,\"z\":null,"
            "\"a\":[\"x\",{\"y\":\"z\"}],\"o\":{\"k\":\"v\"},\"e\":\"\"}");
  assert_true(gcn__json_is_object(root));
  assert_false(gcn__json_is_array(root));
  assert_true(gcn__span_is(gcn__json_member(root, "s"), "te\xc3\xa9xt"));
  assert_int_equal(gcn__json_member(root, "s").data[6], '\0');
  assert_non_null(gcn__json_member(root, "e").data);
  assert_int_equal(gcn__json_member(root, "e").size, 0);
  assert_null(gcn__json_member(root, "n").data);
  assert_null(gcn__json_member(root, "o").data);
  assert_null(gcn__json_member(root, "none").data);
  assert_true(gcn__json_true(gcn__json_get(root, "t")));
  assert_false(gcn__json_true(gcn__json_get(root, "f")));
  assert_false(gcn__json_true(gcn__json_get(root, "z")));
  assert_false(gcn__json_true(gcn__json_get(root, "s")));
  const struct gcn__json* array = gcn__json_get(root, "a");
  assert_true(gcn__json_is_array(array));
  assert_int_equal(gcn__json_count(array), 2);
  assert_true(gcn__span_is(gcn__json_string(gcn__json_at(array, 0)), "x"));
  assert_true(gcn__span_is(gcn__json_member(gcn__json_at(array, 1), "y"), "z"));
  assert_null(gcn__json_at(array, 2));
  assert_null(gcn__json_at(root, 0));
  assert_null(gcn__json_get(array, "x"));
  assert_int_equal(gcn__json_count(root), 0);
  drop(root);
}

static void test_keys(void** state) {
  (void)state;
  struct gcn__json* root = parse("{\"z\":1,\"a\":{\"n\":0},\"m\":3,\"\":4}");
  static const char* const keys[] = {"z", "a", "m", ""};
  for (size_t i = 0; i < COUNT(keys); i++)
    assert_string_equal(gcn__json_key(root, i), keys[i]);
  assert_null(gcn__json_key(root, 4));
  assert_null(gcn__json_key(root, SIZE_MAX));
  assert_null(gcn__json_key(gcn__json_get(root, "z"), 0));
  drop(root);
}

static void test_absent_values(void** state) {
  (void)state;
  double number = 0;
  assert_false(gcn__json_is_object(NULL));
  assert_false(gcn__json_is_array(NULL));
  assert_null(gcn__json_get(NULL, "a"));
  assert_int_equal(gcn__json_count(NULL), 0);
  assert_null(gcn__json_at(NULL, 0));
  assert_null(gcn__json_string(NULL).data);
  assert_int_equal(gcn__json_string(NULL).size, 0);
  assert_null(gcn__json_member(NULL, "a").data);
  assert_false(gcn__json_number(NULL, &number));
  assert_false(gcn__json_true(NULL));
  assert_null(gcn__json_key(NULL, 0));
  const bool secret = true;
  gcn__json_free(NULL, secret);
  drop(NULL);
}

static void check_numbers(void) {
  static const struct {
    const char* text;
    bool found;
    double number;
  } rows[] = {
      {"86399", true, 86399},
      {"\"86399\"", true, 86399},
      {"-1", true, -1},
      {"\"-0.5\"", true, -0.5},
      {"3.25", true, 3.25},
      {"\"3.25\"", true, 3.25},
      {"1e3", true, 1000},
      {"\"1e3\"", true, 1000},
      {"\"\"", false, 0},
      {"\" 5\"", false, 0},
      {"\"5 \"", false, 0},
      {"\"5s\"", false, 0},
      {"\"0x10\"", false, 0},
      {"\"007\"", false, 0},
      {"\"+5\"", false, 0},
      {"\".5\"", false, 0},
      {"\"5.\"", false, 0},
      {"\"1,5\"", false, 0},
      {"\"nan\"", false, 0},
      {"\"inf\"", false, 0},
      {"\"1e999\"", false, 0},
      {"\"5\\n5\"", false, 0},
      {"true", false, 0},
      {"null", false, 0},
      {"[5]", false, 0},
      {"{\"a\":5}", false, 0},
      {"\"1 1\"", false, 0},
      {"\"[1]\"", false, 0},
      {"\"11111111111111111111111111111.50\"", true,
       11111111111111111111111111111.50},
      {"\"111111111111111111111111111111.50\"", false, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[64];
    snprintf(text, sizeof text, "[%s]", rows[i].text);
    struct gcn__json* root = parse(text);
    double number = 42;
    bool found = gcn__json_number(gcn__json_at(root, 0), &number);
    if (found != rows[i].found) fail_msg("%s", text);
    double wanted = rows[i].found ? rows[i].number : 42;
    assert_memory_equal(&number, &wanted, sizeof number);
    drop(root);
  }
}

/* The host's locale may have a decimal comma. */
static void test_numbers(void** state) {
  (void)state;
  check_numbers();
  static const char* const locales[] = {"de_DE.UTF-8", "fi_FI.UTF-8",
                                        "fr_FR.UTF-8", "C.UTF-8"};
  for (size_t i = 0; i < COUNT(locales); i++) {
    if (setlocale(LC_ALL, locales[i]) != NULL) check_numbers();
  }
  assert_non_null(setlocale(LC_ALL, "C"));
}

static void test_write_string(void** state) {
  (void)state;
  static const struct {
    struct gcn__span in;
    const char* out;
  } rows[] = {
      {{"", 0}, "\"\""},
      {{NULL, 0}, "\"\""},
      {{"plain", 5}, "\"plain\""},
      {{"a\"b\\c/d", 7}, "\"a\\\"b\\\\c/d\""},
      {{"\n\r\t\b\f", 5}, "\"\\n\\r\\t\\u0008\\u000c\""},
      {{"\0\x1f\x7f", 3}, "\"\\u0000\\u001f\x7f\""},
      {{"\xc3\xa9\xf0\x9f\x98\x80", 6}, "\"\xc3\xa9\xf0\x9f\x98\x80\""},
      {{"a\xff"
        "b",
        3},
       "\"a\xef\xbf\xbd"
       "b\""},
      {{"\xe2\x82", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
      {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
      {{"\xc3(", 2}, "\"\xef\xbf\xbd(\""},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 1 << 16);
    assert_int_equal(gcn__json_write_string(&out, rows[i].in), 0);
    if (!gcn__span_is(gcn__buf_span(&out), rows[i].out)) fail_msg("row %zu", i);
    gcn__buf_deinit(&out);
  }
}

/* Whatever bytes go in, valid JSON comes out; text that was sound comes back
 * as it was. */
static void test_write_any_bytes(void** state) {
  (void)state;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, 3);
  for (int i = 0; i < 5000; i++) {
    char bytes[32];
    size_t size = (size_t)gcn__rng_below(&rng, sizeof bytes + 1);
    bool ascii = gcn__rng_below(&rng, 2) == 0;
    for (size_t j = 0; j < size; j++)
      bytes[j] = (char)gcn__rng_between(&rng, 1, ascii ? 127 : 255);
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 1 << 16);
    assert_int_equal(gcn__buf_append_str(&out, "["), 0);
    struct gcn__span in = gcn__span(bytes, size);
    assert_int_equal(gcn__json_write_string(&out, in), 0);
    assert_int_equal(gcn__buf_append_str(&out, "]"), 0);
    struct gcn__json* root = gcn__json_parse(gcn__buf_span(&out), NULL);
    assert_non_null(root);
    struct gcn__span back = gcn__json_string(gcn__json_at(root, 0));
    assert_int_equal(gcn__span_equal(back, in), gcn__utf8_valid(in));
    drop(root);
    gcn__buf_deinit(&out);
  }
}

static void test_write_value(void** state) {
  (void)state;
  struct gcn__json* root = parse(" { \"z\" : [ 1 , 2.5 , true , null ] , \"a\" "
                                 ": { \"\\u00e9\" : \"\\n\" } "
                                 "} ");
  static const char wanted[] =
      "{\"z\":[1,2.5,true,null],\"a\":{\"\xc3\xa9\":\"\\n\"}}";
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 16);
  assert_int_equal(gcn__json_write(&out, root), 0);
  assert_true(gcn__span_is(gcn__buf_span(&out), wanted));
  gcn__buf_clear(&out);
  const struct gcn__json* array = gcn__json_get(root, "z");
  assert_int_equal(gcn__json_write(&out, gcn__json_at(array, 1)), 0);
  assert_true(gcn__span_is(gcn__buf_span(&out), "2.5"));
  assert_int_equal(gcn__json_write(&out, NULL), GCN__EINVAL);
  assert_true(gcn__span_is(gcn__buf_span(&out), "2.5"));
  gcn__buf_deinit(&out);
  drop(root);
}

/* At the limit and one byte below: an error leaves what was there. */
static void test_write_limits(void** state) {
  (void)state;
  struct gcn__json* root = parse("{\"a\":[\"b\",\"\\n\\u00e9\"]}");
  struct gcn__span text = gcn__span("a\n\xff", 3);
  static const size_t sizes[] = {18, 8};
  for (size_t kind = 0; kind < 2; kind++) {
    for (size_t room = 0; room <= 20; room++) {
      struct gcn__buf out;
      gcn__buf_init(&out, &gcn__mem_libc, 2 + room);
      assert_int_equal(gcn__buf_append_str(&out, "xy"), 0);
      int error = kind == 0 ? gcn__json_write(&out, root)
                            : gcn__json_write_string(&out, text);
      bool fits = room >= sizes[kind];
      assert_int_equal(error, fits ? 0 : GCN_ELIMIT);
      assert_int_equal(gcn__buf_size(&out), fits ? 2 + sizes[kind] : 2);
      assert_memory_equal(gcn__buf_span(&out).data, "xy", 2);
      gcn__buf_deinit(&out);
    }
  }
  drop(root);
}

static void test_write_without_memory(void** state) {
  (void)state;
  struct gcn__json* root = parse("{\"a\":\"b\"}");
  char large[600];
  memset(large, 'x', sizeof large);
  for (size_t fail_at = 1; fail_at <= 2; fail_at++) {
    struct mem_probe probe = {.fail_at = fail_at};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__buf out;
    gcn__buf_init(&out, &mem, 1 << 16);
    int error = gcn__json_write(&out, root);
    assert_int_equal(error, fail_at == 1 ? GCN__ENOMEM : 0);
    size_t size = gcn__buf_size(&out);
    error = gcn__json_write_string(&out, gcn__span(large, sizeof large));
    assert_int_equal(error, fail_at == 2 ? GCN__ENOMEM : 0);
    if (error != 0) assert_int_equal(gcn__buf_size(&out), size);
    gcn__buf_deinit(&out);
    assert_int_equal(probe.live_size, 0);
  }
  drop(root);
}

/* ---- under jansson's hooks ---- */

static const char canary[] = "canary-8f1e";
static size_t canary_count;

static void free_and_look(void* ptr) {
  if (ptr == NULL) return;
  size_t size = malloc_usable_size(ptr);
  if (memmem(ptr, size, canary, sizeof canary - 1) != NULL) canary_count++;
  free(ptr);
}

/* Freed as a secret, no string value is left in the memory that goes back. */
static void test_secret_is_wiped(void** state) {
  (void)state;
  static const char text[] =
      "{\"access_token\":\"canary-8f1e\",\"deep\":[[{\"t\":\"canary-8f1e\"}]]}";
  for (int secret = 0; secret < 2; secret++) {
    struct gcn__json* root = parse(text);
    canary_count = 0;
    json_set_alloc_funcs(malloc, free_and_look);
    gcn__json_free(root, secret);
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(canary_count, secret ? 0 : 2);
  }
}

static size_t live_count;
static size_t call_count;
static size_t call_to_fail;

static void* malloc_or_fail(size_t size) {
  if (++call_count == call_to_fail) return NULL;
  live_count++;
  return malloc(size);
}

static void free_counted(void* ptr) {
  if (ptr != NULL) live_count--;
  free(ptr);
}

/* Tokens stay below 16 bytes: when jansson 2.14 cannot grow its token buffer
 * beyond that, it drops a byte instead of failing; see codec/json.h. */
static void test_failing_allocator(void** state) {
  (void)state;
  static const char text[] = "{\"a\":[1,2.5,\"short\"],\"b\":{\"c\":null,"
                             "\"d\":{\"e\":[[\"f\"]]}},\"g\":\"\\u00e9\"}";
  static const char wanted[] = "{\"a\":[1,2.5,\"short\"],\"b\":{\"c\":null,"
                               "\"d\":{\"e\":[[\"f\"]]}},\"g\":\"\xc3\xa9\"}";
  json_set_alloc_funcs(malloc_or_fail, free_counted);
  size_t failures = 0;
  for (bool failed = true; failed;) {
    call_count = 0;
    call_to_fail = failures + 1;
    const char* why = NULL;
    struct gcn__json* root = gcn__json_parse(gcn__span_str(text), &why);
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 1 << 16);
    assert_non_null(why);
    if (root != NULL) {
      int error = gcn__json_write(&out, root);
      assert_true(error == 0 || error == GCN__ENOMEM);
      /* All of the document or nothing. */
      struct gcn__span text_out = gcn__buf_span(&out);
      assert_true(gcn__span_is(text_out, error == 0 ? wanted : ""));
    }
    failed = call_count >= call_to_fail;
    failures += failed;
    gcn__buf_deinit(&out);
    drop(root);
    assert_int_equal(live_count, 0);
  }
  json_set_alloc_funcs(malloc, free);
  assert_true(failures > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accepted),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_a_string_of_a_megabyte),
      cmocka_unit_test(test_members),
      cmocka_unit_test(test_keys),
      cmocka_unit_test(test_absent_values),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_write_string),
      cmocka_unit_test(test_write_any_bytes),
      cmocka_unit_test(test_write_value),
      cmocka_unit_test(test_write_limits),
      cmocka_unit_test(test_write_without_memory),
      cmocka_unit_test(test_secret_is_wiped),
      cmocka_unit_test(test_failing_allocator),
  };
  return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
