/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions of the stream dialect: which texts are good, what their parts
 * are, and the way from JSON.
 */
#include "dialect/subscription.h"

#include "base/err.h"
#include "check.h"
#include "mem-probe.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char* check(const char* text) {
  return gcn__subscription_check(gcn__span_str(text));
}

static void good_texts_are_accepted(void** state) {
  (void)state;
  static const char* const good[] = {
      "a",
      "routing.queueEvents",
      "routing.queueEvents@abc-123",
      "routing.queueEvents@abc-123?eventType=QUEUE_ADD,QUEUE_REMOVE",
      "routing.queueEvents?a=1&b=2,3",
      "/api/v2/analytics/events?query=event.type==\"queueEvent\"",
      "a@b@c?d=e?f=@",
      "a%40%3F%25?%3D%26=%2C%26",
      "a?x=%c3%A4",
      "a?%E2%82%AC=1",
  };
  for (size_t i = 0; i < COUNT(good); i++) {
    const char* wrong = check(good[i]);
    if (wrong != NULL) fail_msg("%s: %s", good[i], wrong);
  }
}

static void bad_texts_are_told_apart(void** state) {
  (void)state;
  static const struct {
    const char* text;
    const char* word; /* of the reason */
  } bad[] = {
      {"", "empty"},
      {"@b", "no event"},
      {"?a=1", "no event"},
      {"a@", "no resource"},
      {"a@?b=1", "resource"},
      {"a?", "no name"},
      {"a?=1", "no name"},
      {"a?b", "no \"=\""},
      {"a?b=", "empty value"},
      {"a?b=1,", "empty value"},
      {"a?b=,1", "empty value"},
      {"a?b=1,,2", "empty value"},
      {"a?b=1&", "no name"},
      {"a?&b=1", "no name"},
      {"a?b=1&b=2", "twice"},
      {"a?b=1&c=1&%62=2", "twice"},
      {"a b", "printable"},
      {"a\tb", "printable"},
      {"a\n", "printable"},
      {"\xc3\xa4", "printable"},
      {"a\x7f", "printable"},
      {"a%", "%25"},
      {"a%2", "%25"},
      {"a%zz", "%25"},
      {"a%2g", "%25"},
      {"a%00", "NUL"},
      {"a@b?c=%00", "NUL"},
      {"a%ff", "UTF-8"},
      {"a%c3", "UTF-8"},
      {"a%C3?b=%A4", "UTF-8"},
      {"a?b=%c3,%a4", "UTF-8"},
      {"a%ed%a0%80", "UTF-8"},
  };
  for (size_t i = 0; i < COUNT(bad); i++) {
    const char* wrong = check(bad[i].text);
    if (wrong == NULL) fail_msg("accepted: %s", bad[i].text);
    if (strstr(wrong, bad[i].word) == NULL)
      fail_msg("%s: %s", bad[i].text, wrong);
  }
  assert_non_null(gcn__subscription_check(gcn__span("a\0b", 3)));
}

static void texts_have_a_limit(void** state) {
  (void)state;
  char text[GCN__SUBSCRIPTION_SIZE_MAX + 1];
  memset(text, 'x', sizeof text);
  assert_null(
      gcn__subscription_check(gcn__span(text, GCN__SUBSCRIPTION_SIZE_MAX)));
  assert_non_null(
      gcn__subscription_check(gcn__span(text, GCN__SUBSCRIPTION_SIZE_MAX + 1)));
}

static void assert_span(struct gcn__span span, const char* want) {
  if (want == NULL) {
    assert_null(span.data);
  } else {
    assert_non_null(span.data);
    assert_true(gcn__span_is(span, want));
  }
}

static void parts_are_views(void** state) {
  (void)state;
  static const struct {
    const char* text;
    const char* event;
    const char* resource;
    const char* filters;
  } cases[] = {
      {"a", "a", NULL, NULL},
      {"a@b", "a", "b", NULL},
      {"a?c=1", "a", NULL, "c=1"},
      {"a@b?c=1", "a", "b", "c=1"},
      {"a@b@c?d=e?f=@", "a", "b@c", "d=e?f=@"},
      {"a?b=x@y", "a", NULL, "b=x@y"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct gcn__subscription parts =
        gcn__subscription_parse(gcn__span_str(cases[i].text));
    assert_span(parts.event, cases[i].event);
    assert_span(parts.resource, cases[i].resource);
    assert_span(parts.filters, cases[i].filters);
  }
}

static void filters_come_one_by_one(void** state) {
  (void)state;
  struct gcn__subscription parts =
      gcn__subscription_parse(GCN__SPAN("e?a=1,2&b==x&c=%2C"));
  struct gcn__span name;
  struct gcn__span values;
  struct gcn__span value;
  assert_true(gcn__subscription_filter(&parts.filters, &name, &values));
  assert_span(name, "a");
  assert_span(values, "1,2");
  assert_true(gcn__subscription_value(&values, &value));
  assert_span(value, "1");
  assert_true(gcn__subscription_value(&values, &value));
  assert_span(value, "2");
  assert_false(gcn__subscription_value(&values, &value));
  assert_true(gcn__subscription_filter(&parts.filters, &name, &values));
  assert_span(name, "b");
  assert_span(values, "=x");
  assert_true(gcn__subscription_filter(&parts.filters, &name, &values));
  assert_span(name, "c");
  assert_true(gcn__subscription_part_is(values, GCN__SPAN(",")));
  assert_false(gcn__subscription_filter(&parts.filters, &name, &values));
  parts = gcn__subscription_parse(GCN__SPAN("e"));
  assert_false(gcn__subscription_filter(&parts.filters, &name, &values));
}

static void parts_are_compared_decoded(void** state) {
  (void)state;
  static const struct {
    const char* part;
    const char* plain;
    bool same;
  } cases[] = {
      {"a", "a", true},
      {"a%40b", "a@b", true},
      {"%41", "A", true},
      {"A", "a", false},
      {"a", "ab", false},
      {"ab", "a", false},
      {"%c3%a4", "\xc3\xa4", true},
      {"", "", true},
      {"a", "", false},
      {"", "a", false},
      {"%25", "%25", false},
      {"%25", "%", true},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    bool same = gcn__subscription_part_is(gcn__span_str(cases[i].part),
                                          gcn__span_str(cases[i].plain));
    if (same != cases[i].same)
      fail_msg("%s, %s", cases[i].part, cases[i].plain);
  }
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 5);
  assert_int_equal(gcn__subscription_decode(&out, GCN__SPAN("a%3F+%20")), 0);
  assert_true(gcn__span_is(gcn__buf_span(&out), "a?+ "));
  assert_int_equal(gcn__subscription_decode(&out, GCN__SPAN("%41b")),
                   GCN_ELIMIT);
  gcn__buf_deinit(&out);
}

static struct gcn__json* parse(const char* text) {
  struct gcn__json* json = gcn__json_parse(gcn__span_str(text), NULL);
  if (json == NULL) fail_msg("no JSON: %s", text);
  return json;
}

static void json_becomes_text(void** state) {
  (void)state;
  static const struct {
    const char* json;
    const char* text;
  } cases[] = {
      {"{\"event\":\"routing.queueEvents\",\"resourceId\":\"abc-123\","
       "\"filters\":{\"eventType\":[\"QUEUE_ADD\",\"QUEUE_REMOVE\"]}}",
       "routing.queueEvents@abc-123?eventType=QUEUE_ADD,QUEUE_REMOVE"},
      {"{\"event\":\"a\"}", "a"},
      {"{\"filters\":{\"b\":\"1\",\"c\":[\"2\"]},\"event\":\"a\"}",
       "a?b=1&c=2"},
      {"{\"event\":\"a\",\"resourceId\":null,\"filters\":null}", "a"},
      {"{\"event\":\"a\",\"filters\":{}}", "a"},
      {"{\"event\":\"a@b?c%d\",\"resourceId\":\"a@?\","
       "\"filters\":{\"=&,\":[\"=&,\"]}}",
       "a%40b%3Fc%25d@a@%3F?%3D%26,==%26%2C"},
      {"{\"event\":\"\\u00e4 \\u20ac\\u007f\\u0001\"}",
       "%C3%A4%20%E2%82%AC%7F%01"},
      {"{\"topic\":\"/api/v2/analytics/events\","
       "\"filter\":{\"query\":\"event.type==\\\"queueEvent\\\"\"}}",
       "/api/v2/analytics/events?query=event.type==\"queueEvent\""},
      {"{\"topic\":\"a\"}", "a"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct gcn__json* json = parse(cases[i].json);
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 4096);
    const char* why = NULL;
    assert_int_equal(gcn__buf_append_str(&out, ">"), 0);
    assert_int_equal(gcn__subscription_from_json(json, &out, &why), 0);
    struct gcn__span text = gcn__span_skip(gcn__buf_span(&out), 1);
    if (!gcn__span_is(text, cases[i].text))
      fail_msg("%s: %.*s", cases[i].json, (int)text.size, text.data);
    assert_null(gcn__subscription_check(text));
    gcn__buf_deinit(&out);
    gcn__json_free(json, false);
  }
}

static void bad_json_is_told(void** state) {
  (void)state;
  static const struct {
    const char* json;
    const char* word;
  } bad[] = {
      {"[]", "not an object"},
      {"{}", "missing"},
      {"{\"event\":7}", "not a string"},
      {"{\"event\":null}", "missing"},
      {"{\"event\":\"\"}", "empty"},
      {"{\"event\":\"a\",\"topic\":\"b\"}", "both"},
      {"{\"event\":\"a\",\"filter\":{},\"filters\":{}}", "both"},
      {"{\"event\":\"a\",\"resourceId\":5}", "resourceId"},
      {"{\"event\":\"a\",\"resourceId\":\"\"}", "no resource"},
      {"{\"event\":\"a\",\"resource\":\"b\"}", "member other"},
      {"{\"event\":\"a\",\"filters\":[]}", "not an object"},
      {"{\"event\":\"a\",\"filters\":\"x\"}", "not an object"},
      {"{\"event\":\"a\",\"filters\":{\"b\":[]}}", "neither"},
      {"{\"event\":\"a\",\"filters\":{\"b\":{}}}", "neither"},
      {"{\"event\":\"a\",\"filters\":{\"b\":1}}", "neither"},
      {"{\"event\":\"a\",\"filters\":{\"b\":[1]}}", "not a string"},
      {"{\"event\":\"a\",\"filters\":{\"b\":\"\"}}", "empty value"},
      {"{\"event\":\"a\",\"filters\":{\"b\":[\"x\",\"\"]}}", "empty value"},
      {"{\"event\":\"a\",\"filters\":{\"\":\"x\"}}", "no name"},
  };
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct gcn__json* json = parse(bad[i].json);
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 4096);
    const char* why = NULL;
    int error = gcn__subscription_from_json(json, &out, &why);
    if (error != GCN__EINVAL) fail_msg("%d: %s", error, bad[i].json);
    if (strstr(why, bad[i].word) == NULL) fail_msg("%s: %s", bad[i].json, why);
    assert_int_equal(gcn__buf_size(&out), 0);
    gcn__buf_deinit(&out);
    gcn__json_free(json, false);
  }
}

static void json_has_the_same_limit(void** state) {
  (void)state;
  for (int size = GCN__SUBSCRIPTION_SIZE_MAX - 1; size < 1003; size++) {
    char text[1100];
    snprintf(text, sizeof text, "{\"event\":\"%0*d\"}", size, 7);
    struct gcn__json* json = parse(text);
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 4096);
    const char* why = NULL;
    bool fits = size <= GCN__SUBSCRIPTION_SIZE_MAX;
    assert_int_equal(gcn__subscription_from_json(json, &out, &why),
                     fits ? 0 : GCN_ELIMIT);
    assert_int_equal(gcn__buf_size(&out), fits ? (size_t)size : 0);
    gcn__buf_deinit(&out);
    gcn__buf_init(&out, &gcn__mem_libc, (size_t)size - 1);
    assert_int_equal(gcn__subscription_from_json(json, &out, &why), GCN_ELIMIT);
    assert_int_equal(gcn__buf_size(&out), 0);
    gcn__buf_deinit(&out);
    gcn__json_free(json, false);
  }
}

static void failing_allocations_change_nothing(void** state) {
  (void)state;
  struct gcn__json* json = parse(
      "{\"event\":\"a\",\"resourceId\":\"b\",\"filters\":{\"c\":[\"d\"]}}");
  int error = GCN__ENOMEM;
  size_t n = 1;
  for (; error != 0; n++) {
    struct mem_probe probe = {.fail_at = n};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__buf out;
    gcn__buf_init(&out, &mem, 4096);
    const char* why = NULL;
    error = gcn__subscription_from_json(json, &out, &why);
    assert_true(error == 0 || error == GCN__ENOMEM);
    assert_int_equal(gcn__buf_size(&out), error == 0 ? 7 : 0);
    gcn__buf_deinit(&out);
    assert_int_equal(probe.live_size, 0);
  }
  assert_true(n > 2);
  gcn__json_free(json, false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_texts_are_accepted),
      cmocka_unit_test(bad_texts_are_told_apart),
      cmocka_unit_test(texts_have_a_limit),
      cmocka_unit_test(parts_are_views),
      cmocka_unit_test(filters_come_one_by_one),
      cmocka_unit_test(parts_are_compared_decoded),
      cmocka_unit_test(json_becomes_text),
      cmocka_unit_test(bad_json_is_told),
      cmocka_unit_test(json_has_the_same_limit),
      cmocka_unit_test(failing_allocations_change_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
