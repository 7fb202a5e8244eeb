/* SPDX-License-Identifier: MIT */
/*
 * JSON documents from any bytes.
 *
 * Oracles: a document that is accepted is written as one that is accepted and
 * written the same; its strings are UTF-8 without NUL and end with one; and
 * any bytes at all, written as a string, read back as themselves if they were
 * UTF-8.
 */
#include "codec/json.h"
#include "codec/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { TEXT_SIZE_MAX = 1 << 24 };

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "fuzz-json: %s\n", what);
  abort();
}

static void check_string(struct gcn__span text) {
  check(gcn__utf8_valid(text), "a string is not UTF-8");
  check(text.size == strlen(text.data), "a NUL in a string");
}

/* As deep as the document, and no deeper than the limit. */
static void check_value(const struct gcn__json* value, size_t depth) {
  struct gcn__span text = gcn__json_string(value);
  if (text.data != NULL) check_string(text);
  double number;
  if (gcn__json_number(value, &number))
    check(number - number < 1, "a number that is none");
  bool nested = gcn__json_is_array(value) || gcn__json_is_object(value);
  check(!nested || depth <= GCN__JSON_DEPTH_MAX, "nested too deep");
  for (size_t i = 0; i < gcn__json_count(value); i++)
    check_value(gcn__json_at(value, i), depth + 1);
  for (size_t i = 0; i < 64; i++) {
    const char* key = gcn__json_key(value, i);
    if (key == NULL) break;
    check_string(gcn__span_str(key));
    check(gcn__json_get(value, key) != NULL, "a key without a value");
    check_value(gcn__json_get(value, key), depth + 1);
  }
}

static void check_round_trip(const struct gcn__json* root) {
  struct gcn__buf first;
  struct gcn__buf second;
  gcn__buf_init(&first, &gcn__mem_libc, TEXT_SIZE_MAX);
  gcn__buf_init(&second, &gcn__mem_libc, TEXT_SIZE_MAX);
  check(gcn__json_write(&first, root) == 0, "cannot write");
  struct gcn__json* again = gcn__json_parse(gcn__buf_span(&first), NULL);
  check(again != NULL, "does not read what it wrote");
  check(gcn__json_write(&second, again) == 0, "cannot write again");
  check(gcn__span_equal(gcn__buf_span(&first), gcn__buf_span(&second)),
        "writes the same differently");
  const bool secret = true;
  gcn__json_free(again, secret);
  gcn__buf_deinit(&first);
  gcn__buf_deinit(&second);
}

static void check_write_string(struct gcn__span bytes) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, TEXT_SIZE_MAX);
  check(gcn__buf_append_str(&out, "[") == 0, "out of memory");
  check(gcn__json_write_string(&out, bytes) == 0, "cannot write a string");
  check(gcn__buf_append_str(&out, "]") == 0, "out of memory");
  struct gcn__json* root = gcn__json_parse(gcn__buf_span(&out), NULL);
  bool nul = bytes.size > 0 && memchr(bytes.data, '\0', bytes.size) != NULL;
  check((root != NULL) != nul, "a written string does not read back");
  struct gcn__span back = gcn__json_string(gcn__json_at(root, 0));
  if (root != NULL)
    check(gcn__span_equal(back, bytes) == gcn__utf8_valid(bytes),
          "a written string reads back as another");
  const bool secret = false;
  gcn__json_free(root, secret);
  gcn__buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct gcn__span bytes = gcn__span(data, size);
  const char* why = NULL;
  struct gcn__json* root = gcn__json_parse(bytes, &why);
  check(why != NULL && (root == NULL) == (why[0] != '\0'), "no reason");
  if (root != NULL) {
    check(gcn__utf8_valid(bytes), "accepts what is not UTF-8");
    check_value(root, 1);
    check_round_trip(root);
  }
  const bool secret = true;
  gcn__json_free(root, secret);
  check_write_string(bytes);
  return 0;
}
