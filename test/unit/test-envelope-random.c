/* SPDX-License-Identifier: MIT */
/*
 * The envelope scanner against jansson over generated documents: sound ones
 * with our keys in any place, and the same with bytes changed, cut out and cut
 * off.  The seed is fixed; the fuzzer looks further.
 */
#include "base/buf.h"
#include "base/rng.h"
#include "codec/utf8.h"
#include "envelope-oracle.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct writer {
  struct gcn__rng rng;
  struct gcn__buf out;
};

static size_t below(struct writer* writer, size_t bound) {
  return (size_t)gcn__rng_below(&writer->rng, bound);
}

static void put(struct writer* writer, const char* text) {
  assert_int_equal(gcn__buf_append_str(&writer->out, text), 0);
}

static void put_one_of(struct writer* writer, const char* const* texts,
                       size_t count) {
  put(writer, texts[below(writer, count)]);
}

static void put_space(struct writer* writer) {
  static const char* const spaces[] = {"", "", "", "", "", " ", "\n", "\t\r "};
  put_one_of(writer, spaces, COUNT(spaces));
}

static void put_string(struct writer* writer) {
  static const char* const pieces[] = {"a",
                                       "Z9",
                                       "longer than eight",
                                       "\\n",
                                       "\\\"",
                                       "\\\\",
                                       "\\u0041",
                                       "\\ud83d\\ude00",
                                       "\\/",
                                       "\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "{[,:]}",
                                       "\\u00e9",
                                       "\x7f"};
  put(writer, "\"");
  for (size_t i = below(writer, 5); i > 0; i--)
    put_one_of(writer, pieces, COUNT(pieces));
  put(writer, "\"");
}

static void put_scalar(struct writer* writer) {
  static const char* const scalars[] = {
      "0",    "-0",   "1",     "12345678901", "0.25", "1e3", "-2.5E-3",
      "true", "null", "false", "\"\"",        "[]",   "{}"};
  if (below(writer, 2) == 0)
    put_string(writer);
  else
    put_one_of(writer, scalars, COUNT(scalars));
}

static void put_key(struct writer* writer, size_t depth) {
  static const char* const keys[] = {
      "\"topicName\"",     "\"eventBody\"",     "\"version\"",
      "\"metadata\"",      "\"result\"",        "\"message\"",
      "\"CorrelationId\"", "\"m\\u0065ssage\"", "\"topic\\u004eame\""};
  if (below(writer, depth < 3 ? 5 : 2) > 0)
    put_one_of(writer, keys, COUNT(keys));
  else
    put_string(writer);
}

static void put_value(struct writer* writer, size_t depth) {
  size_t kind = below(writer, 3);
  if (depth > 0 && (kind == 0 || depth > 4)) {
    put_scalar(writer);
    return;
  }
  bool object = depth == 0 || kind == 1;
  put(writer, object ? "{" : "[");
  for (size_t i = below(writer, depth == 0 ? 7 : 4); i > 0; i--) {
    put_space(writer);
    if (object) {
      put_key(writer, depth + 1);
      put_space(writer);
      put(writer, ":");
      put_space(writer);
    }
    put_value(writer, depth + 1);
    put_space(writer);
    if (i > 1) put(writer, ",");
  }
  put_space(writer);
  put(writer, object ? "}" : "]");
}

static void check(struct gcn__span text, unsigned seed) {
  const char* found = envelope_disagreement(text.data, text.size);
  if (found == NULL) return;
  fail_msg("document %u: %s: %.*s", seed, found, (int)text.size, text.data);
}

/* One fault: a byte replaced, a range removed, the rest cut off, or a token
 * put in. */
static void spoil(struct writer* writer) {
  static const char* const tokens[] = {
      "\"",  ",",       ":",   "{",        "}",  "[",     "]",
      "\\",  "\\u0000", "\n",  "\t",       "01", "1e999", "\\ud800",
      "tru", " ",       "\\u", "\"a\":1,", "-"};
  struct gcn__buf* out = &writer->out;
  size_t size = gcn__buf_size(out);
  size_t at = below(writer, size);
  char tail[65536];
  size_t skipped = 0;
  size_t kind = below(writer, 4);
  if (kind == 0) skipped = 1 + below(writer, 3);
  if (kind == 1) skipped = size;
  if (skipped > size - at) skipped = size - at;
  size_t tail_size = size - at - skipped;
  if (tail_size > sizeof tail) return;
  memcpy(tail, out->data + out->begin + at + skipped, tail_size);
  out->end = out->begin + at;
  if (kind == 2) put_one_of(writer, tokens, COUNT(tokens));
  if (kind == 3) {
    char byte = (char)gcn__rng_next(&writer->rng);
    assert_int_equal(gcn__buf_append(out, &byte, 1), 0);
  }
  assert_int_equal(gcn__buf_append(out, tail, tail_size), 0);
}

static void test_documents(void** state) {
  (void)state;
  for (unsigned seed = 0; seed < 30000; seed++) {
    struct writer writer;
    gcn__rng_seed(&writer.rng, seed);
    gcn__buf_init(&writer.out, &gcn__mem_libc, 1 << 20);
    put_space(&writer);
    put_value(&writer, 0);
    put_space(&writer);
    check(gcn__buf_span(&writer.out), seed);
    for (size_t faults = below(&writer, 3); faults > 0; faults--) {
      if (gcn__buf_size(&writer.out) == 0) break;
      spoil(&writer);
      check(gcn__buf_span(&writer.out), seed);
    }
    gcn__buf_deinit(&writer.out);
  }
}

/* The oracle itself: it sees both kinds of texts it is meant for. */
static void test_oracle(void** state) {
  (void)state;
  static const char* const texts[] = {
      "{\"topicName\":\"t\",\"eventBody\":{\"message\":\"m\"}}",
      "{\"a\":1,\"a\":2}",
      "[{\"topicName\":\"t\"}]",
      "{\"a\":\"\\ud800\"}",
      "{\"a\":1e999}",
      "{\"a\":",
      "",
  };
  for (size_t i = 0; i < COUNT(texts); i++)
    check(gcn__span_str(texts[i]), (unsigned)i);
}

/* A body of a megabyte, mostly one string, ends at its last byte. */
static void test_large_string(void** state) {
  (void)state;
  struct writer writer;
  gcn__rng_seed(&writer.rng, 1);
  gcn__buf_init(&writer.out, &gcn__mem_libc, 2 << 20);
  put(&writer, "{\"topicName\":\"t\",\"eventBody\":{\"message\":\"");
  for (int i = 0; i < 100000; i++)
    put(&writer, "long\\ntext\xc3\xa9");
  put(&writer, "\"}}");
  check(gcn__buf_span(&writer.out), 0);
  gcn__buf_deinit(&writer.out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_documents),
      cmocka_unit_test(test_oracle),
      cmocka_unit_test(test_large_string),
  };
  return cmocka_run_group_tests_name("envelope-random", tests, NULL, NULL);
}
