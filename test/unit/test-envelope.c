/* SPDX-License-Identifier: MIT */
/*
 * The envelope scanner: what it finds, what it refuses, and where.
 *
 * Every text lies in a block of exactly its size.  The comparison with jansson
 * over generated documents is in test-envelope-random.c.
 */
#include "base/err.h"
#include "codec/envelope.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A text and what was found in it; `text` is the block that was scanned. */
struct scanned {
  char* text;
  size_t size;
  int error;
  size_t offset;
  struct gcn__envelope envelope;
};

static struct scanned scan_with(struct gcn__span text,
                                enum gcn__scrutiny scrutiny) {
  struct scanned scanned = {.size = text.size, .offset = SIZE_MAX};
  scanned.text = malloc(text.size > 0 ? text.size : 1);
  assert_non_null(scanned.text);
  if (text.size > 0) memcpy(scanned.text, text.data, text.size);
  scanned.error = gcn__envelope_scan(scanned.text, text.size, scrutiny,
                                     &scanned.envelope, &scanned.offset);
  if (scanned.error != 0 && text.size > 0)
    assert_memory_equal(scanned.text, text.data, text.size);
  return scanned;
}

static struct scanned scan_span(struct gcn__span text) {
  return scan_with(text, GCN__SCRUTINY_STRICT);
}

static struct scanned scan(const char* text) {
  return scan_span(gcn__span_str(text));
}

/* NULL stands for an absent span. */
static void assert_span(struct gcn__span span, const char* wanted) {
  if (wanted == NULL) {
    assert_null(span.data);
    assert_int_equal(span.size, 0);
    return;
  }
  assert_non_null(span.data);
  if (!gcn__span_is(span, wanted))
    print_error("%.*s instead of %s\n", (int)span.size, span.data, wanted);
  assert_true(gcn__span_is(span, wanted));
}

static void test_samples(void** state) {
  (void)state;
  struct scanned event =
      scan("{\"topicName\":\"v2.users.U.presence\",\"version\":\"2\","
           "\"eventBody\":{\"source\":\"PURECLOUD\",\"message\":\"\"},"
           "\"metadata\":{\"CorrelationId\":\"aB3\"}}");
  assert_int_equal(event.error, 0);
  assert_span(event.envelope.topic, "v2.users.U.presence");
  assert_span(event.envelope.version, "2");
  assert_span(event.envelope.body,
              "{\"source\":\"PURECLOUD\",\"message\":\"\"}");
  assert_span(gcn__envelope_message(event.envelope.body), "");
  assert_span(event.envelope.correlation_id, "aB3");
  assert_span(event.envelope.result, NULL);
  free(event.text);

  struct scanned beat =
      scan("{\"topicName\":\"channel.metadata\","
           "\"eventBody\":{\"message\":\"WebSocket Heartbeat\"}}");
  assert_int_equal(beat.error, 0);
  assert_span(beat.envelope.topic, "channel.metadata");
  assert_span(gcn__envelope_message(beat.envelope.body), "WebSocket Heartbeat");
  assert_span(beat.envelope.version, NULL);
  assert_span(beat.envelope.correlation_id, NULL);
  free(beat.text);

  struct scanned answer =
      scan("{\"result\":\"404\",\"message\":\"channel expired\"}");
  assert_int_equal(answer.error, 0);
  assert_span(answer.envelope.result, "404");
  assert_span(answer.envelope.topic, NULL);
  assert_span(answer.envelope.body, NULL);
  assert_span(gcn__envelope_message(answer.envelope.body), NULL);
  free(answer.text);
}

static const char* const members[] = {
    "\"topicName\" : \"t\\u002e1\"",
    "\"version\":3",
    "\"eventBody\":\t{\"message\":\"m\\u002e\"}\n",
    "\"metadata\":{\"x\":[1],\"CorrelationId\":\"c\\/d\"}",
    "\"unknown\":[{\"topicName\":1,\"eventBody\":2,\"CorrelationId\":3}]",
};

static void check_order(const size_t order[COUNT(members)]) {
  char text[512] = " {";
  for (size_t i = 0; i < COUNT(members); i++) {
    if (i > 0) strncat(text, " , ", sizeof text - strlen(text) - 1);
    strncat(text, members[order[i]], sizeof text - strlen(text) - 1);
  }
  strncat(text, "} ", sizeof text - strlen(text) - 1);
  struct scanned scanned = scan(text);
  assert_int_equal(scanned.error, 0);
  assert_span(scanned.envelope.topic, "t.1");
  assert_span(scanned.envelope.version, "3");
  assert_span(scanned.envelope.body, "{\"message\":\"m\\u002e\"}");
  assert_span(gcn__envelope_message(scanned.envelope.body), "m\\u002e");
  assert_span(scanned.envelope.correlation_id, "c/d");
  free(scanned.text);
}

static void test_every_key_order(void** state) {
  (void)state;
  size_t order_count = 0;
  for (size_t code = 0; code < 3125; code++) {
    size_t order[COUNT(members)];
    unsigned used = 0;
    for (size_t i = 0, rest = code; i < COUNT(members); i++, rest /= 5) {
      order[i] = rest % 5;
      used |= 1u << order[i];
    }
    if (used != 31) continue;
    check_order(order);
    order_count++;
  }
  assert_int_equal(order_count, 120);
}

static void test_escapes(void** state) {
  (void)state;
  static const struct {
    const char* in;
    const char* out;
  } rows[] = {
      {"", ""},
      {"plain text of more than eight bytes", "plain text of more than eight "
                                              "bytes"},
      {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
      {"\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac"},
      {"\\u0001\\u007f\\u0080\\u07ff\\u0800\\uffff",
       "\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
      {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
      {"\\uD800\\uDC00\\uDBFF\\uDFFF", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
      {"\\ud7ff\\ue000", "\xed\x9f\xbf\xee\x80\x80"},
      {"\xc3\xa9\\n\xf0\x9f\x98\x80", "\xc3\xa9\n\xf0\x9f\x98\x80"},
      {"1234567\\t90", "1234567\t90"},
      {"12345678\\t0", "12345678\t0"},
  };
  static const char* const frames[] = {
      "{\"topicName\":\"%s\"}", "{\"version\":\"%s\"}", "{\"result\":\"%s\"}",
      "{\"metadata\":{\"CorrelationId\":\"%s\"}}"};
  for (size_t i = 0; i < COUNT(rows) * COUNT(frames); i++) {
    char text[256];
    const char* frame = frames[i % 4];
    int before = (int)(strchr(frame, '%') - frame);
    snprintf(text, sizeof text, "%.*s%s%s", before, frame, rows[i / 4].in,
             frame + before + 2);
    struct scanned scanned = scan(text);
    assert_int_equal(scanned.error, 0);
    const struct gcn__envelope* envelope = &scanned.envelope;
    const struct gcn__span spans[] = {envelope->topic, envelope->version,
                                      envelope->result,
                                      envelope->correlation_id};
    assert_span(spans[i % 4], rows[i / 4].out);
    free(scanned.text);
  }
}

/* What cannot be decoded is refused where we decode, and only there. */
static void test_undecodable(void** state) {
  (void)state;
  static const char* const bad[] = {
      "\\u0000",        "a\\u0000b",     "\\ud800",        "\\udc00",
      "\\ud800x",       "\\ud800\\n",    "\\ud800\\u0041", "\\ud800\\ud800",
      "\\udc00\\ud800", "\\ud83d\\ude0", "\\ud800\\udbff", "\\ud800\\ue000",
      "\\udfff"};
  for (size_t i = 0; i < COUNT(bad); i++) {
    bool broken = strcmp(bad[i], "\\ud83d\\ude0") == 0;
    char text[128];
    snprintf(text, sizeof text, "{\"topicName\":\"%s\"}", bad[i]);
    struct scanned scanned = scan(text);
    assert_int_equal(scanned.error, GCN_EPROTO);
    if (!broken) assert_int_equal(scanned.offset, 13);
    free(scanned.text);
    snprintf(text, sizeof text, "{\"eventBody\":{\"message\":\"%s\"}}", bad[i]);
    scanned = scan(text);
    assert_int_equal(scanned.error, broken ? GCN_EPROTO : 0);
    if (!broken)
      assert_span(gcn__envelope_message(scanned.envelope.body), bad[i]);
    free(scanned.text);
    snprintf(text, sizeof text, "{\"%s\":1,\"topicName\":\"t\"}", bad[i]);
    scanned = scan(text);
    assert_int_equal(scanned.error, broken ? GCN_EPROTO : 0);
    free(scanned.text);
  }
}

static void test_escaped_keys(void** state) {
  (void)state;
  struct scanned scanned =
      scan("{\"topic\\u004eame\":\"t\",\"\\u0065ventBody\":{\"m\\u0065ssage\":"
           "\"m\"},\"metadata\":{\"Correlation\\u0049\\u0064\":\"c\"},"
           "\"topicNam\\u0065\\u0000\":1,\"topicNam\":2,\"topicNam\\ud800\":3,"
           "\"\\u0000\":4,\"versio\\u006e\":\"2\",\"versio\\u00e9\":5}");
  assert_int_equal(scanned.error, 0);
  assert_span(scanned.envelope.topic, "t");
  assert_span(scanned.envelope.body, "{\"m\\u0065ssage\":\"m\"}");
  assert_span(gcn__envelope_message(scanned.envelope.body), "m");
  assert_span(scanned.envelope.correlation_id, "c");
  assert_span(scanned.envelope.version, "2");
  free(scanned.text);
}

static void test_wrong_types(void** state) {
  (void)state;
  static const char* const values[] = {"null", "true", "false", "[\"a\"]",
                                       "{\"a\":\"b\"}"};
  for (size_t i = 0; i < COUNT(values); i++) {
    char text[256];
    snprintf(text, sizeof text,
             "{\"topicName\":%s,\"version\":%s,\"result\":%s,"
             "\"metadata\":{\"CorrelationId\":%s},"
             "\"eventBody\":{\"message\":%s}}",
             values[i], values[i], values[i], values[i], values[i]);
    struct scanned scanned = scan(text);
    assert_int_equal(scanned.error, 0);
    assert_span(scanned.envelope.topic, NULL);
    assert_span(scanned.envelope.version, NULL);
    assert_span(scanned.envelope.result, NULL);
    assert_span(scanned.envelope.correlation_id, NULL);
    assert_span(gcn__envelope_message(scanned.envelope.body), NULL);
    assert_non_null(scanned.envelope.body.data);
    free(scanned.text);
    snprintf(text, sizeof text, "{\"eventBody\":%s ,\"metadata\":%s}",
             values[i], values[i]);
    scanned = scan(text);
    assert_int_equal(scanned.error, 0);
    assert_span(scanned.envelope.body, values[i]);
    assert_span(gcn__envelope_message(scanned.envelope.body), NULL);
    free(scanned.text);
  }
}

static void test_numbers(void** state) {
  (void)state;
  struct scanned scanned =
      scan("{\"topicName\":5,\"version\":-1.5e+3 ,\"result\":200,"
           "\"metadata\":{\"CorrelationId\":7},\"eventBody\":1e999}");
  assert_int_equal(scanned.error, 0);
  assert_span(scanned.envelope.topic, NULL);
  assert_span(scanned.envelope.version, "-1.5e+3");
  assert_span(scanned.envelope.result, "200");
  assert_span(scanned.envelope.correlation_id, NULL);
  assert_span(scanned.envelope.body, "1e999");
  free(scanned.text);
}

/* Members of ours count only where they belong. */
static void test_places(void** state) {
  (void)state;
  struct scanned scanned = scan(
      "{\"a\":{\"topicName\":\"x\",\"message\":\"x\",\"CorrelationId\":\"x\"},"
      "\"eventBody\":[{\"message\":\"x\"},[\"message\"],\"y\"],"
      "\"metadata\":{\"message\":\"x\",\"deep\":{\"CorrelationId\":\"x\"}},"
      "\"message\":\"x\",\"CorrelationId\":\"x\"}");
  assert_int_equal(scanned.error, 0);
  assert_span(scanned.envelope.topic, NULL);
  assert_span(gcn__envelope_message(scanned.envelope.body), NULL);
  assert_span(scanned.envelope.correlation_id, NULL);
  assert_span(scanned.envelope.body,
              "[{\"message\":\"x\"},[\"message\"],\"y\"]");
  free(scanned.text);
  scanned = scan("{\"eventBody\":{\"CorrelationId\":\"x\",\"a\":{\"message\":"
                 "\"x\"},\"b\":[\"z\"]}}");
  assert_int_equal(scanned.error, 0);
  assert_span(gcn__envelope_message(scanned.envelope.body), NULL);
  assert_span(scanned.envelope.correlation_id, NULL);
  free(scanned.text);
}

static void test_duplicates(void** state) {
  (void)state;
  static const struct {
    const char* text;
    size_t offset; /* 0: accepted */
  } rows[] = {
      {"{\"topicName\":\"a\",\"topicName\":\"a\"}", 17},
      {"{\"topicName\":null,\"topicName\":\"a\"}", 18},
      {"{\"topicName\":\"a\",\"topic\\u004eame\":\"a\"}", 17},
      {"{\"version\":1,\"version\":1}", 13},
      {"{\"eventBody\":1,\"eventBody\":1}", 15},
      {"{\"metadata\":1,\"metadata\":1}", 14},
      {"{\"result\":1,\"result\":1}", 12},
      {"{\"metadata\":{\"CorrelationId\":1,\"CorrelationId\":1}}", 31},
      {"{\"eventBody\":{\"message\":1,\"message\":1}}", 0},
      {"{\"x\":1,\"x\":1,\"message\":1,\"message\":1}", 0},
      {"{\"eventBody\":{\"x\":1,\"x\":1,\"topicName\":1},\"topicName\":1}", 0},
      {"{\"eventBody\":{\"a\":{\"message\":1,\"message\":1}}}", 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct scanned scanned = scan(rows[i].text);
    assert_int_equal(scanned.error, rows[i].offset == 0 ? 0 : GCN_EPROTO);
    if (rows[i].offset != 0) assert_int_equal(scanned.offset, rows[i].offset);
    free(scanned.text);
  }
}

/* `depth` containers in all, the first an object. */
static struct scanned scan_nested(size_t depth, bool arrays, bool closed) {
  char* text = malloc(depth * 8 + 1);
  assert_non_null(text);
  size_t size = 0;
  for (size_t i = 0; i < depth; i++) {
    bool array = arrays && i > 0;
    size += (size_t)sprintf(text + size, array ? "[" : "{");
    if (!array && i + 1 < depth) size += (size_t)sprintf(text + size, "\"a\":");
  }
  for (size_t i = depth; closed && i > 0; i--)
    text[size++] = arrays && i > 1 ? ']' : '}';
  struct scanned scanned = scan_span(gcn__span(text, size));
  free(text);
  return scanned;
}

static void test_depth(void** state) {
  (void)state;
  for (int arrays = 0; arrays < 2; arrays++) {
    for (size_t depth = 1; depth <= 40; depth++) {
      struct scanned scanned = scan_nested(depth, arrays, true);
      assert_int_equal(scanned.error, depth <= 32 ? 0 : GCN_EPROTO);
      free(scanned.text);
    }
    struct scanned abyss = scan_nested(10000, arrays, false);
    assert_int_equal(abyss.error, GCN_EPROTO);
    assert_int_equal(abyss.offset, arrays ? 5 + 31 : 32 * 5);
    free(abyss.text);
  }
  /* Levels that are closed again do not add up. */
  struct scanned wide = scan("{\"a\":[[[]],{},[[{}]]],\"b\":{\"c\":{}}}");
  assert_int_equal(wide.error, 0);
  free(wide.text);
}

static void test_truncated_at_every_byte(void** state) {
  (void)state;
  static const char text[] =
      " {\"topicName\":\"a\\u00e9\\ud83d\\ude00\", \"version\" : 1.5e-7, "
      "\"eventBody\":{\"a\":[true,false,null,-0,{}],\"message\":\"m\\n\"}, "
      "\"metadata\":{\"CorrelationId\":\"c\"},\"result\":\"200\"}";
  size_t size = sizeof text - 1;
  for (size_t cut = 0; cut < size; cut++) {
    struct scanned scanned = scan_span(gcn__span(text, cut));
    assert_int_equal(scanned.error, GCN_EPROTO);
    assert_int_equal(scanned.offset, cut);
    assert_null(scanned.envelope.topic.data);
    assert_null(scanned.envelope.body.data);
    free(scanned.text);
  }
  struct scanned whole = scan_span(gcn__span(text, size));
  assert_int_equal(whole.error, 0);
  assert_span(whole.envelope.topic, "a\xc3\xa9\xf0\x9f\x98\x80");
  free(whole.text);
}

static const char* const good_texts[] = {
    "{}",
    " \t\r\n{ } \n",
    "{\"\":\"\"}",
    "{\"a\":0}",
    "{\"a\":-0}",
    "{\"a\":10}",
    "{\"a\":0.5}",
    "{\"a\":1e5}",
    "{\"a\":1E+05}",
    "{\"a\":-1e-0}",
    "{\"a\":0e0}",
    "{\"a\":[]}",
    "{\"a\":[ ]}",
    "{\"a\":[1 , 2]}",
    "{\"a\":[[],{}]}",
    "{\"a\":true}",
    "{\"a\":\"\x7f\"}",
    "{\"a\":\"\xc3\xa9\"}",
    "{\"a\":99999999999999999999999999}",
    "{\"\\u0061\":1,\"b\":2}",
};

/* The text, and the byte that does not fit. */
static const struct {
  const char* text;
  size_t offset;
} bad_texts[] = {
    {"", 0},
    {" ", 1},
    {"[]", 0},
    {"\"a\"", 0},
    {"1", 0},
    {"null", 0},
    {"\xef\xbb\xbf{}", 0},
    {"{}x", 2},
    {"{}{}", 2},
    {"{} ]", 3},
    {"}", 0},
    {"{]", 1},
    {"{,}", 1},
    {"{1:2}", 1},
    {"{a:1}", 1},
    {"{'a':1}", 1},
    {"{\"a\"}", 4},
    {"{\"a\":}", 5},
    {"{\"a\" 1}", 5},
    {"{\"a\":1,}", 7},
    {"{\"a\":1 \"b\":2}", 7},
    {"{\"a\":1]", 6},
    {"{\"a\":[}", 6},
    {"{\"a\":[1,]}", 8},
    {"{\"a\":[,1]}", 6},
    {"{\"a\":[1 2]}", 8},
    {"{\"a\":[1:2]}", 7},
    {"{\"a\":01}", 6},
    {"{\"a\":-}", 6},
    {"{\"a\":+1}", 5},
    {"{\"a\":.5}", 5},
    {"{\"a\":1.}", 7},
    {"{\"a\":1.e5}", 7},
    {"{\"a\":1e}", 7},
    {"{\"a\":1e+}", 8},
    {"{\"a\":0x1}", 6},
    {"{\"a\":-01}", 7},
    {"{\"a\":NaN}", 5},
    {"{\"a\":Infinity}", 5},
    {"{\"a\":True}", 5},
    {"{\"a\":tru}", 8},
    {"{\"a\":truey}", 9},
    {"{\"a\":nul}", 8},
    {"{\"a\":\"\\x\"}", 7},
    {"{\"a\":\"\\u12\"}", 10},
    {"{\"a\":\"\\u123g\"}", 11},
    {"{\"a\":\"\\'\"}", 7},
    {"{\"a\":\"\x1f\"}", 6},
    {"{\"a\":\"12345678\n\"}", 14},
    {"{\"a\":\"1234567\t9\"}", 13},
    {"{\"a\":/**/1}", 5},
    {"{\"a\":1}//", 7},
    {"{\"a\":\xc2\xa0"
     "1}",
     5},
    {"{\"a\":\v1}", 5},
};

static void test_accepted(void** state) {
  (void)state;
  for (size_t i = 0; i < COUNT(good_texts); i++) {
    struct scanned scanned = scan(good_texts[i]);
    if (scanned.error != 0)
      fail_msg("%s at %zu", good_texts[i], scanned.offset);
    free(scanned.text);
  }
}

static void test_refused(void** state) {
  (void)state;
  for (size_t i = 0; i < COUNT(bad_texts); i++) {
    struct scanned scanned = scan(bad_texts[i].text);
    if (scanned.error != GCN_EPROTO || scanned.offset != bad_texts[i].offset)
      fail_msg("%s: %d at %zu", bad_texts[i].text, scanned.error,
               scanned.offset);
    free(scanned.text);
  }
}

/* NUL bytes are no string ends to the scanner. */
static void test_nul_bytes(void** state) {
  (void)state;
  static const struct {
    struct gcn__span text;
    size_t offset;
  } rows[] = {
      {{"{\"a\":\"\0\"}", 9}, 6}, {{"{\"a\":\"\\\0\"}", 10}, 7},
      {{"{\0}", 3}, 1},           {{"{}\0", 3}, 2},
      {{"\0{}", 3}, 0},           {{"{\"a\":1\0}", 8}, 6},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct scanned scanned = scan_span(rows[i].text);
    assert_int_equal(scanned.error, GCN_EPROTO);
    assert_int_equal(scanned.offset, rows[i].offset);
    free(scanned.text);
  }
  struct gcn__envelope envelope;
  char text[] = "{";
  assert_int_equal(
      gcn__envelope_scan(text, 1, GCN__SCRUTINY_STRICT, &envelope, NULL),
      GCN_EPROTO);
}

/* What both refuse, and what shallow scrutiny lets pass inside a body. */
static void test_shallow(void** state) {
  (void)state;
  static const struct {
    const char* text;
    int strict;
    int shallow;
  } rows[] = {
      {"{\"eventBody\":{\"a\":[1 2,,x]},\"version\":1}", GCN_EPROTO, 0},
      {"{\"eventBody\":{\"a\":{b}},\"version\":1}", GCN_EPROTO, 0},
      {"{\"eventBody\":[tru],\"version\":1}", GCN_EPROTO, 0},
      {"{\"eventBody\":{\"a\":[\"]\"]},\"version\":1}", 0, 0},
      {"{\"eventBody\":{\"a\":[}]},\"version\":1}", GCN_EPROTO, GCN_EPROTO},
      {"{\"eventBody\":{\"a\":[\"\\x\"]}}", GCN_EPROTO, GCN_EPROTO},
      {"{\"eventBody\":tru,\"version\":1}", GCN_EPROTO, GCN_EPROTO},
      {"{\"eventBody\":{\"a\" 1},\"version\":1}", GCN_EPROTO, 0},
      {"{\"eventBody\":{\"a\":[}},\"version\":1}", GCN_EPROTO, 0},
      {"{\"eventBody\":[{\"a\":1]],\"version\":1}", GCN_EPROTO, 0},
      {"{\"eventBody\":{\"a\":1],\"version\":1}", GCN_EPROTO, GCN_EPROTO},
      {"{\"eventBody\":[},\"version\":1}", GCN_EPROTO, GCN_EPROTO},
      {"{\"metadata\":{\"a\":[tru]},\"version\":1}", GCN_EPROTO, GCN_EPROTO},
      {"{\"other\":{\"a\":[tru]},\"version\":1}", GCN_EPROTO, GCN_EPROTO},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct gcn__span text = gcn__span_str(rows[i].text);
    struct scanned strict = scan_with(text, GCN__SCRUTINY_STRICT);
    struct scanned shallow = scan_with(text, GCN__SCRUTINY_SHALLOW);
    if (strict.error != rows[i].strict || shallow.error != rows[i].shallow)
      fail_msg("%s: %d and %d", rows[i].text, strict.error, shallow.error);
    if (shallow.error == 0) assert_span(shallow.envelope.version, "1");
    free(strict.text);
    free(shallow.text);
  }
  struct scanned found = scan_with(
      GCN__SPAN("{\"eventBody\":{\"a\":[ \"{\" x] ,\"message\":\"m\"} }"),
      GCN__SCRUTINY_SHALLOW);
  assert_int_equal(found.error, 0);
  assert_span(found.envelope.body, "{\"a\":[ \"{\" x] ,\"message\":\"m\"}");
  assert_span(gcn__envelope_message(found.envelope.body), "m");
  free(found.text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_samples),
      cmocka_unit_test(test_every_key_order),
      cmocka_unit_test(test_escapes),
      cmocka_unit_test(test_undecodable),
      cmocka_unit_test(test_escaped_keys),
      cmocka_unit_test(test_wrong_types),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_places),
      cmocka_unit_test(test_duplicates),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_truncated_at_every_byte),
      cmocka_unit_test(test_accepted),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_nul_bytes),
      cmocka_unit_test(test_shallow),
  };
  return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
