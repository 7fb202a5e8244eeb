/* SPDX-License-Identifier: MIT */
/*
 * The envelope scanner against jansson over generated documents: sound ones
 * with our keys in any place, and the same with bytes changed, cut out and cut
 * off.  The seed is fixed; the fuzzer looks further.
 */
#include "envelope-oracle.h"
#include "json-random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void put_key(struct writer* writer, size_t depth) {
  static const char* const keys[] = {
      "\"topicName\"",     "\"eventBody\"",     "\"version\"",
      "\"metadata\"",      "\"result\"",        "\"message\"",
      "\"CorrelationId\"", "\"m\\u0065ssage\"", "\"topic\\u004eame\""};
  if (writer_below(writer, depth < 3 ? 5 : 2) > 0)
    writer_put_one_of(writer, keys, COUNT(keys));
  else
    writer_put_string(writer);
}

static void put_value(struct writer* writer, size_t depth) {
  size_t kind = writer_below(writer, 3);
  if (depth > 0 && (kind == 0 || depth > 4)) {
    writer_put_scalar(writer);
    return;
  }
  bool object = depth == 0 || kind == 1;
  writer_put(writer, object ? "{" : "[");
  for (size_t i = writer_below(writer, depth == 0 ? 7 : 4); i > 0; i--) {
    writer_put_space(writer);
    if (object) {
      put_key(writer, depth + 1);
      writer_put_space(writer);
      writer_put(writer, ":");
      writer_put_space(writer);
    }
    put_value(writer, depth + 1);
    writer_put_space(writer);
    if (i > 1) writer_put(writer, ",");
  }
  writer_put_space(writer);
  writer_put(writer, object ? "}" : "]");
}

static void check(struct gcn__span text, unsigned seed) {
  const char* found = envelope_disagreement(text.data, text.size);
  if (found == NULL) return;
  fail_msg("document %u: %s: %.*s", seed, found, (int)text.size, text.data);
}

static void test_documents(void** state) {
  (void)state;
  for (unsigned seed = 0; seed < 30000; seed++) {
    struct writer writer;
    gcn__rng_seed(&writer.rng, seed);
    gcn__buf_init(&writer.out, &gcn__mem_libc, 1 << 20);
    writer_put_space(&writer);
    put_value(&writer, 0);
    writer_put_space(&writer);
    check(gcn__buf_span(&writer.out), seed);
    for (size_t faults = writer_below(&writer, 3); faults > 0; faults--) {
      if (gcn__buf_size(&writer.out) == 0) break;
      writer_spoil(&writer);
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
  writer_put(&writer, "{\"topicName\":\"t\",\"eventBody\":{\"message\":\"");
  for (int i = 0; i < 100000; i++)
    writer_put(&writer, "long\\ntext\xc3\xa9");
  writer_put(&writer, "\"}}");
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
