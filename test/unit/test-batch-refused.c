/* SPDX-License-Identifier: MIT */
/*
 * The batch scanner: what it refuses, and where; the text is then unchanged.
 */
#include "base/err.h"
#include "batch-case.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One of our keys twice in one object; the offset is that of the second. */
static void test_duplicates(void** state) {
  (void)state;
  static const char* const event_keys[] = {
      "id",        "eventId",    "event",         "topicName",
      "topic",     "resourceId", "eventType",     "timestamp",
      "eventTime", "metadata",   "correlationId", "version",
      "data",      "eventBody"};
  static const char* const message_keys[] = {"lastEventId", "events",  "batch",
                                             "errors",      "message", "code",
                                             "status",      "resumed"};
  char text[256];
  for (size_t i = 0; i < COUNT(event_keys) + COUNT(message_keys); i++) {
    bool event = i < COUNT(event_keys);
    const char* key =
        event ? event_keys[i] : message_keys[i - COUNT(event_keys)];
    snprintf(text, sizeof text, "{\"%s\":1,\"%s\":2}", key, key);
    struct batch_scanned scanned = batch_scan_strictly(text);
    assert_int_equal(scanned.error, GCN_EPROTO);
    assert_int_equal(scanned.offset, strlen(key) + 6);
    free(scanned.text);
    snprintf(text, sizeof text, "[{\"%s\":null,\"%s\":2}]", key, key);
    scanned = batch_scan_strictly(text);
    assert_int_equal(scanned.error, event ? GCN_EPROTO : 0);
    if (event) assert_int_equal(scanned.offset, strlen(key) + 10);
    free(scanned.text);
  }
}

static void test_duplicates_elsewhere(void** state) {
  (void)state;
  static const struct {
    const char* text;
    int error;
  } rows[] = {
      {"[{\"id\":1,\"i\\u0064\":2}]", GCN_EPROTO},
      {"[{\"metadata\":{\"CorrelationId\":1,\"CorrelationId\":2}}]",
       GCN_EPROTO},
      {"{\"metadata\":{\"CorrelationId\":1,\"CorrelationId\":2}}", GCN_EPROTO},
      {"{\"events\":[],\"events\":[]}", GCN_EPROTO},
      {"[{\"id\":1},{\"id\":1}]", 0},
      {"{\"id\":1,\"events\":[{\"id\":1}]}", 0},
      {"[{\"id\":1,\"eventId\":1,\"event\":1,\"topic\":1}]", 0},
      {"[{\"x\":1,\"x\":2,\"CorrelationId\":1,\"CorrelationId\":2}]", 0},
      {"[{\"data\":{\"id\":1,\"id\":2,\"data\":1,\"data\":1}}]", 0},
      {"[{\"metadata\":{\"id\":1,\"id\":2}}]", 0},
      {"{\"x\":{\"events\":1,\"events\":2},\"events\":[]}", 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct batch_scanned scanned = batch_scan_strictly(rows[i].text);
    if (scanned.error != rows[i].error)
      fail_msg("%s: %d", rows[i].text, scanned.error);
    free(scanned.text);
  }
}

/* What cannot be decoded is refused where we decode, and only there. */
static void test_undecodable(void** state) {
  (void)state;
  static const char* const bad[] = {"\"\\u0000\"", "\"a\\u0000b\"",
                                    "\"\\ud800\"", "\"\\udc00x\"",
                                    "\"\\ud800\\u0041\""};
  static const char* const fine[] = {"[{\"data\":%s}]",
                                     "[{\"x\":%s}]",
                                     "[{\"id\":\"a\",\"eventId\":%s}]",
                                     "{\"events\":[],\"x\":%s}",
                                     "{\"events\":[],\"id\":%s}",
                                     "{\"events\":[],\"data\":[{\"id\":%s}]}",
                                     "{\"data\":[{\"id\":%s}],\"event\":\"e\"}",
                                     "{\"message\":%s,\"event\":\"e\"}",
                                     "{\"errors\":[%s]}"};
  for (size_t k = 0; k < COUNT(bad); k++) {
    for (size_t i = 0; i < BATCH_MEMBER_COUNT; i++) {
      struct batch_scanned scanned =
          batch_scan_framed(batch_members[i].frame, bad[k]);
      assert_int_equal(scanned.error, GCN_EPROTO);
      const char* hole = strstr(batch_members[i].frame, "%s");
      assert_int_equal(scanned.offset, hole - batch_members[i].frame);
      free(scanned.text);
    }
    for (size_t i = 0; i < COUNT(fine); i++) {
      struct batch_scanned scanned = batch_scan_framed(fine[i], bad[k]);
      assert_int_equal(scanned.error, 0);
      free(scanned.text);
    }
  }
}

/* `before`, `depth` arrays in one another, `after`. */
static struct batch_scanned scan_nested(const char* before, size_t depth,
                                        const char* after,
                                        enum gcn__scrutiny scrutiny) {
  char text[256];
  size_t lead = strlen(before);
  memcpy(text, before, lead);
  memset(text + lead, '[', depth);
  memset(text + lead + depth, ']', depth);
  memcpy(text + lead + 2 * depth, after, strlen(after));
  size_t size = lead + 2 * depth + strlen(after);
  return batch_scan(gcn__span(text, size), scrutiny);
}

static void test_depth(void** state) {
  (void)state;
  static const struct {
    const char* before;
    const char* after;
    size_t outside;
  } rows[] = {
      {"{\"events\":[{\"data\":", "}]}", 3},
      {"{\"events\":[{\"x\":", "}]}", 3},
      {"{\"events\":[{\"metadata\":{\"x\":", "}}]}", 4},
      {"[{\"eventBody\":", "}]", 2},
      {"{\"event\":\"e\",\"data\":", "}", 1},
      {"{\"data\":", ",\"event\":\"e\"}", 1},
      {"{\"x\":", "}", 1},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    for (int scrutiny = 0; scrutiny < 2; scrutiny++) {
      size_t most = GCN__BATCH_DEPTH_MAX - rows[i].outside;
      struct batch_scanned scanned = scan_nested(
          rows[i].before, most, rows[i].after, (enum gcn__scrutiny)scrutiny);
      assert_int_equal(scanned.error, 0);
      free(scanned.text);
      scanned = scan_nested(rows[i].before, most + 1, rows[i].after,
                            (enum gcn__scrutiny)scrutiny);
      assert_int_equal(scanned.error, GCN_EPROTO);
      assert_int_equal(scanned.offset, strlen(rows[i].before) + most);
      free(scanned.text);
    }
  }
}

static void test_truncated_at_every_byte(void** state) {
  (void)state;
  static const char* const texts[] = {
      " {\"lastEventId\":\"a\\u00e9\",\"events\": [{\"id\":\"\\u0061\","
      "\"metadata\":{\"CorrelationId\":1.5e7},\"data\":{\"a\":[true,\"x\"]}} , "
      "{\"event\":\"e\",\"eventBody\":null}],\"resumed\":false,\"x\":[{}]}",
      "[{\"id\":\"\\u0061\"},{},{\"data\":[[],{}]}]",
      "{\"data\":[1,2],\"event\":\"\\u0061\",\"id\":-2}",
  };
  for (size_t i = 0; i < COUNT(texts); i++) {
    size_t size = strlen(texts[i]);
    for (size_t cut = 0; cut <= size; cut++) {
      for (int scrutiny = 0; scrutiny < 2; scrutiny++) {
        struct batch_scanned scanned =
            batch_scan(gcn__span(texts[i], cut), (enum gcn__scrutiny)scrutiny);
        assert_int_equal(scanned.error, cut < size ? GCN_EPROTO : 0);
        if (cut < size) assert_int_equal(scanned.offset, cut);
        free(scanned.text);
      }
    }
  }
}

/* The text, and the byte that does not fit, strictly and shallowly. */
static void test_refused(void** state) {
  (void)state;
  static const struct {
    const char* text;
    size_t strict;
    size_t shallow; /* SIZE_MAX: accepted */
  } rows[] = {
      {"", 0, 0},
      {" ", 1, 1},
      {"1", 0, 0},
      {"\"a\"", 0, 0},
      {"null", 0, 0},
      {"\xef\xbb\xbf{}", 0, 0},
      {"{}x", 2, 2},
      {"[] []", 3, 3},
      {"[{}]]", 4, 4},
      {"{,}", 1, 1},
      {"{\"a\":1,}", 7, 7},
      {"{\"a\" 1}", 5, 5},
      {"[{},]", 4, 4},
      {"[{} {}]", 4, 4},
      {"[{}}", 3, 3},
      {"[1]", 1, 1},
      {"[{},null]", 4, 4},
      {"[[]]", 1, 1},
      {"{\"events\":[\"a\"]}", 11, 11},
      {"{\"events\":[{},1],\"event\":\"e\"}", 14, 14},
      {"{\"batch\":[1]}", 10, 10},
      {"{\"data\":[1]}", 9, 9},
      {"{\"data\":[1],\"id\":\"a\"}", 9, 9},
      {"{\"x\":[tru]}", 9, 9},
      {"[{\"x\":{b}}]", 7, 7},
      {"[{\"metadata\":{\"x\":[01]}}]", 20, 20},
      {"[{\"data\":tru}]", 12, 12},
      {"[{\"data\":\"\\x\"}]", 11, 11},
      {"[{\"data\":[\"\\x\"]}]", 12, 12},
      {"[{\"data\":[}}]", 10, 10},
      {"[{\"data\":{]}]", 10, 10},
      {"[{\"data\":[tru]}]", 13, SIZE_MAX},
      {"[{\"data\":{\"a\"}}]", 13, SIZE_MAX},
      {"[{\"eventBody\":[1 2,,]}]", 17, SIZE_MAX},
      {"{\"data\":[tru,{}],\"event\":\"e\"}", 12, SIZE_MAX},
      {"{\"event\":\"e\",\"data\":[{\"x\":tru}]}", 29, SIZE_MAX},
      {"{\"data\":[{\"x\":tru}]}", 17, 17},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct gcn__span text = gcn__span_str(rows[i].text);
    struct batch_scanned strict = batch_scan(text, GCN__SCRUTINY_STRICT);
    struct batch_scanned shallow = batch_scan(text, GCN__SCRUTINY_SHALLOW);
    if (strict.error != GCN_EPROTO || strict.offset != rows[i].strict)
      fail_msg("%s: %d at %zu", rows[i].text, strict.error, strict.offset);
    if (shallow.offset != rows[i].shallow)
      fail_msg("%s: %d at %zu", rows[i].text, shallow.error, shallow.offset);
    free(strict.text);
    free(shallow.text);
  }
}

static void test_nul_bytes(void** state) {
  (void)state;
  static const struct gcn__span texts[] = {
      {"[{\"id\":\"\0\"}]", 12}, {"{\0}", 3}, {"[]\0", 3}, {"\0[]", 3}};
  struct gcn__batch batch;
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct batch_scanned scanned = batch_scan(texts[i], GCN__SCRUTINY_SHALLOW);
    assert_int_equal(scanned.error, GCN_EPROTO);
    free(scanned.text);
  }
  char text[] = "{";
  int error = gcn__batch_scan(text, 1, GCN__SCRUTINY_STRICT, &batch, NULL);
  assert_int_equal(error, GCN_EPROTO);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_duplicates),
      cmocka_unit_test(test_duplicates_elsewhere),
      cmocka_unit_test(test_undecodable),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_truncated_at_every_byte),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_nul_bytes),
  };
  return cmocka_run_group_tests_name("batch-refused", tests, NULL, NULL);
}
