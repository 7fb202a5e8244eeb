/* SPDX-License-Identifier: MIT */
/*
 * The batch scanner: what it finds in every form.
 *
 * What it refuses is in test-batch-refused.c, the comparison with jansson over
 * generated documents in test-batch-random.c.
 */
#include "batch-case.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

static void test_guide(void** state) {
  (void)state;
  static const char text[] =
      "{\"lastEventId\":\"e2\",\"timestamp\":\"T2\",\"events\":[\n"
      " {\"id\":\"e1\",\"event\":\"routing.queueEvents\",\"resourceId\":\"q\","
      "\"timestamp\":\"T1\",\"eventType\":\"QUEUE_ADD\",\"data\":{\"a\":[1]},"
      "\"version\":\"2\",\"metadata\":{\"x\":{},\"CorrelationId\":\"c1\"}} ,"
      "{\"id\":\"e2\",\"event\":\"telephony.callEvents\"}]}";
  struct batch_scanned scanned = batch_scan_strictly(text);
  assert_int_equal(scanned.error, 0);
  assert_int_equal(scanned.batch.kind, GCN__BATCH_EVENTS);
  assert_int_equal(scanned.batch.count, 2);
  assert_int_equal(scanned.batch.resumed, -1);
  assert_span(scanned.batch.last_event_id, "e2");
  assert_span(scanned.batch.timestamp, "T2");
  assert_span(scanned.batch.errors, NULL);
  assert_span(scanned.batch.error_message, NULL);
  assert_span(scanned.batch.error_code, NULL);
  const struct gcn__batch_event* event = &scanned.events[0];
  assert_span(event->id, "e1");
  assert_span(event->name, "routing.queueEvents");
  assert_span(event->resource_id, "q");
  assert_span(event->type, "QUEUE_ADD");
  assert_span(event->timestamp, "T1");
  assert_span(event->correlation_id, "c1");
  assert_span(event->version, "2");
  assert_span(event->body, "{\"a\":[1]}");
  assert_int_equal(event->text.data[0], '{');
  assert_int_equal(event->text.data[event->text.size - 1], '}');
  assert_ptr_equal(event->text.data, scanned.text + 49);
  assert_span(scanned.events[1].body,
              "{\"id\":\"e2\",\"event\":\"telephony.callEvents\"}");
  assert_span(scanned.events[1].text,
              "{\"id\":\"e2\",\"event\":\"telephony.callEvents\"}");
  assert_span(scanned.events[1].correlation_id, NULL);
  assert_memory_equal(scanned.text, text, scanned.size);
  free(scanned.text);
}

/* What a message is, and the ids of its events. */
static const struct {
  const char* text;
  enum gcn__batch_kind kind;
  const char* ids; /* each followed by ";", "-" for an absent one */
} forms[] = {
    {"{\"events\":[{\"id\":\"a\"},{\"id\":\"b\"}]}", GCN__BATCH_EVENTS, "a;b;"},
    {"{\"batch\":[{\"id\":\"a\"}]}", GCN__BATCH_EVENTS, "a;"},
    {"{\"data\":[{\"id\":\"a\"},{}]}", GCN__BATCH_EVENTS, "a;-;"},
    {" [ {\"id\":\"a\"} , {\"id\":\"b\"} ] ", GCN__BATCH_EVENTS, "a;b;"},
    {"[]", GCN__BATCH_EVENTS, ""},
    {"{\"events\":[]}", GCN__BATCH_EVENTS, ""},
    {"{\"events\":[ ],\"lastEventId\":\"x\"}", GCN__BATCH_EVENTS, ""},
    /* A single event. */
    {"{\"id\":\"a\",\"event\":\"e\"}", GCN__BATCH_EVENTS, "a;"},
    {"{\"id\":\"a\",\"topicName\":\"e\"}", GCN__BATCH_EVENTS, "a;"},
    {"{\"topic\":\"e\"}", GCN__BATCH_EVENTS, "-;"},
    {"{\"eventBody\":{}}", GCN__BATCH_EVENTS, "-;"},
    {"{\"id\":\"a\",\"data\":{}}", GCN__BATCH_EVENTS, "a;"},
    {"{\"data\":1,\"eventId\":2}", GCN__BATCH_EVENTS, "2;"},
    /* Whose "data" is it? */
    {"{\"id\":\"a\",\"data\":[{\"id\":\"b\"}]}", GCN__BATCH_EVENTS, "b;"},
    {"{\"data\":[{\"id\":\"b\"}],\"event\":\"e\"}", GCN__BATCH_EVENTS, "-;"},
    {"{\"data\":[1],\"id\":\"a\",\"event\":\"e\"}", GCN__BATCH_EVENTS, "a;"},
    {"{\"data\":[{\"id\":1,\"id\":1}],\"topic\":\"e\"}", GCN__BATCH_EVENTS,
     "-;"},
    {"{\"data\":[{\"id\":\"b\"}],\"event\":\"\"}", GCN__BATCH_EVENTS, "b;"},
    {"{\"data\":[{\"id\":\"b\"}],\"event\":null}", GCN__BATCH_EVENTS, "b;"},
    {"{\"data\":[{\"id\":\"b\"}],\"events\":[{\"id\":\"c\"}],"
     "\"batch\":[3]}",
     GCN__BATCH_EVENTS, "c;"},
    {"{\"data\":[1],\"events\":null,\"batch\":[{\"id\":\"d\"}]}",
     GCN__BATCH_EVENTS, "d;"},
    {"{\"event\":\"e\",\"id\":\"a\",\"events\":[{\"id\":\"b\"}]}",
     GCN__BATCH_EVENTS, "b;"},
    /* Signs of life. */
    {"{\"lastEventId\":\"x\"}", GCN__BATCH_EVENTS, ""},
    {"{\"timestamp\":1}", GCN__BATCH_EVENTS, ""},
    {"{\"resumed\":false}", GCN__BATCH_EVENTS, ""},
    /* Errors. */
    {"{\"errors\":[\"x\"]}", GCN__BATCH_ERROR, ""},
    {"{\"errors\":[\"x\"],\"events\":[],\"lastEventId\":\"x\"}",
     GCN__BATCH_ERROR, ""},
    {"{\"errors\":[\"x\"],\"events\":[{}]}", GCN__BATCH_EVENTS, "-;"},
    {"{\"errors\":[\"x\"],\"event\":\"e\"}", GCN__BATCH_EVENTS, "-;"},
    {"{\"message\":\"m\",\"code\":4}", GCN__BATCH_ERROR, ""},
    {"{\"message\":\"m\",\"status\":\"s\",\"timestamp\":1}", GCN__BATCH_ERROR,
     ""},
    {"{\"message\":\"m\",\"code\":1,\"errors\":[]}", GCN__BATCH_ERROR, ""},
    {"{\"message\":\"m\",\"code\":1,\"id\":\"x\"}", GCN__BATCH_ERROR, ""},
    {"{\"message\":\"m\",\"code\":1,\"events\":[]}", GCN__BATCH_EVENTS, ""},
    {"{\"message\":\"m\",\"code\":1,\"resourceId\":\"q\"}", GCN__BATCH_OTHER,
     ""},
    {"{\"message\":\"m\",\"code\":1,\"eventType\":\"q\"}", GCN__BATCH_OTHER,
     ""},
    {"{\"message\":\"m\",\"code\":1,\"data\":{}}", GCN__BATCH_OTHER, ""},
    {"{\"message\":\"m\"}", GCN__BATCH_OTHER, ""},
    {"{\"code\":1}", GCN__BATCH_OTHER, ""},
    {"{\"message\":1,\"code\":1}", GCN__BATCH_OTHER, ""},
    {"{\"message\":\"\",\"code\":1}", GCN__BATCH_OTHER, ""},
    {"{\"errors\":[ ]}", GCN__BATCH_OTHER, ""},
    {"{\"errors\":\"x\"}", GCN__BATCH_OTHER, ""},
    /* Nothing of ours, or nothing in it. */
    {"{}", GCN__BATCH_OTHER, ""},
    {"{\"hello\":1}", GCN__BATCH_OTHER, ""},
    {"{\"events\":{},\"lastEventId\":\"\"}", GCN__BATCH_OTHER, ""},
    {"{\"id\":\"a\"}", GCN__BATCH_OTHER, ""},
    {"{\"id\":\"a\",\"data\":null}", GCN__BATCH_OTHER, ""},
    {"{\"id\":\"\",\"data\":{}}", GCN__BATCH_OTHER, ""},
    {"{\"event\":1,\"topic\":null,\"eventBody\":null}", GCN__BATCH_OTHER, ""},
};

static void test_forms(void** state) {
  (void)state;
  for (size_t i = 0; i < COUNT(forms); i++) {
    for (int scrutiny = 0; scrutiny < 2; scrutiny++) {
      struct batch_scanned scanned = batch_scan(gcn__span_str(forms[i].text),
                                                (enum gcn__scrutiny)scrutiny);
      char ids[64] = "";
      for (size_t k = 0; k < scanned.batch.count; k++) {
        struct gcn__span id = scanned.events[k].id;
        size_t used = strlen(ids);
        snprintf(ids + used, sizeof ids - used, "%.*s;",
                 id.data == NULL ? 1 : (int)id.size,
                 id.data == NULL ? "-" : id.data);
      }
      if (scanned.error != 0 || scanned.batch.kind != forms[i].kind ||
          strcmp(ids, forms[i].ids) != 0)
        fail_msg("%s: %d at %zu, kind %d, %s", forms[i].text, scanned.error,
                 scanned.offset, (int)scanned.batch.kind, ids);
      free(scanned.text);
    }
  }
}

static void test_errors(void** state) {
  (void)state;
  struct batch_scanned scanned = batch_scan_strictly(
      "{\"code\":400,\"message\":\"Bad\\u0020Request\",\"status\":\"Bad\","
      "\"errors\": [\"Invalid \\n\"] ,\"lastEventId\":\"p\"}");
  assert_int_equal(scanned.batch.kind, GCN__BATCH_ERROR);
  assert_span(scanned.batch.error_message, "Bad Request");
  assert_span(scanned.batch.error_code, "400");
  assert_span(scanned.batch.errors, "[\"Invalid \\n\"]");
  assert_span(scanned.batch.last_event_id, "p");
  free(scanned.text);
  scanned = batch_scan_strictly(
      "{\"code\":null,\"message\":\"m\",\"status\":\"4\\u0032\"}");
  assert_int_equal(scanned.batch.kind, GCN__BATCH_ERROR);
  assert_span(scanned.batch.error_code, "42");
  free(scanned.text);
  /* Beside events, and in one. */
  scanned =
      batch_scan_strictly("{\"events\":[{}],\"errors\":[1],\"message\":\"m\"}");
  assert_int_equal(scanned.batch.kind, GCN__BATCH_EVENTS);
  assert_span(scanned.batch.errors, "[1]");
  assert_span(scanned.batch.error_message, "m");
  free(scanned.text);
  scanned = batch_scan_strictly(
      "{\"event\":\"e\",\"errors\":[1],\"message\":\"\\ud800\","
      "\"code\":1}");
  assert_int_equal(scanned.batch.kind, GCN__BATCH_EVENTS);
  assert_span(scanned.batch.errors, NULL);
  assert_span(scanned.batch.error_message, NULL);
  assert_span(scanned.batch.error_code, NULL);
  free(scanned.text);
}

static void test_resumed(void** state) {
  (void)state;
  static const struct {
    const char* value;
    int resumed;
  } rows[] = {{"true", 1},      {"false", 0}, {"null", -1},
              {"\"true\"", -1}, {"1", -1},    {"[]", -1}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[64];
    snprintf(text, sizeof text, "{\"events\":[],\"resumed\":%s}",
             rows[i].value);
    struct batch_scanned scanned = batch_scan_strictly(text);
    assert_int_equal(scanned.error, 0);
    assert_int_equal(scanned.batch.resumed, rows[i].resumed);
    free(scanned.text);
  }
}

static void test_every_member(void** state) {
  (void)state;
  static const struct {
    const char* in;
    const char* out;
  } rows[] = {
      {"\"v\"", "v"},
      {"\"a string of more than sixteen bytes\"",
       "a string of more than sixteen bytes"},
      {"\"a\\/b\\u003d\\u00e9\\ud83d\\ude00\"", "a/b=\xc3\xa9\xf0\x9f\x98\x80"},
      {"\"\\\"\\\\\\b\\f\\n\\r\\t\"", "\"\\\b\f\n\r\t"},
      {"\"\\u0022,\\u007d]\"", "\",}]"},
  };
  for (size_t i = 0; i < BATCH_MEMBER_COUNT; i++) {
    for (size_t k = 0; k < COUNT(rows); k++) {
      struct batch_scanned scanned =
          batch_scan_framed(batch_members[i].frame, rows[k].in);
      assert_int_equal(scanned.error, 0);
      assert_span(batch_text(&scanned, batch_members[i].text), rows[k].out);
      free(scanned.text);
    }
  }
}

static void test_numbers(void** state) {
  (void)state;
  static const char* const numbers[] = {"0", "12345678901234567890", "-1.5e+3"};
  for (size_t i = 0; i < BATCH_MEMBER_COUNT; i++) {
    bool other = strstr(batch_members[i].frame, "\"x\"") != NULL;
    for (size_t k = 0; k < COUNT(numbers); k++) {
      struct batch_scanned scanned =
          batch_scan_framed(batch_members[i].frame, numbers[k]);
      assert_int_equal(scanned.error, 0);
      if (batch_members[i].numbers)
        assert_span(batch_text(&scanned, batch_members[i].text), numbers[k]);
      else if (!other)
        assert_span(batch_text(&scanned, batch_members[i].text), NULL);
      free(scanned.text);
    }
  }
}

/* Empty, null and of another type: absent, and then the other name counts. */
static void test_absent(void** state) {
  (void)state;
  static const char* const values[] = {"\"\"",    "null",       "true",
                                       "[\"a\"]", "{\"id\":1}", "false"};
  for (size_t i = 0; i < BATCH_MEMBER_COUNT; i++) {
    const char* frame = batch_members[i].frame;
    const char* wanted = strstr(frame, "\"y\"") != NULL   ? "y"
                         : strstr(frame, "\"x\"") != NULL ? "x"
                                                          : NULL;
    for (size_t k = 0; k < COUNT(values); k++) {
      struct batch_scanned scanned = batch_scan_framed(frame, values[k]);
      assert_int_equal(scanned.error, 0);
      assert_span(batch_text(&scanned, batch_members[i].text), wanted);
      free(scanned.text);
    }
  }
  struct batch_scanned scanned =
      batch_scan_strictly("[{\"metadata\":1,\"correlationId\":\"c\"}]");
  assert_span(scanned.events[0].correlation_id, "c");
  free(scanned.text);
}

static void test_bodies(void** state) {
  (void)state;
  static const struct {
    const char* event;
    const char* body; /* NULL: the whole event */
  } rows[] = {
      {"{\"data\": {\"a\":[]} }", "{\"a\":[]}"},
      {"{\"data\":[1, 2]}", "[1, 2]"},
      {"{\"data\":\"a\\n\"}", "\"a\\n\""},
      {"{\"data\":\"\"}", "\"\""},
      {"{\"data\":-1.5e3 }", "-1.5e3"},
      {"{\"data\":false}", "false"},
      {"{\"eventBody\":{\"b\":\"}\"}}", "{\"b\":\"}\"}"},
      {"{\"eventBody\":1,\"data\":2}", "2"},
      {"{\"eventBody\":1,\"data\":null}", "1"},
      {"{\"eventBody\":null,\"data\":null}", NULL},
      {"{}", NULL},
      {"{ \"id\":\"a\" }", NULL},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[128];
    snprintf(text, sizeof text, "{\"events\":[ %s ]}", rows[i].event);
    struct batch_scanned scanned = batch_scan_strictly(text);
    assert_int_equal(scanned.error, 0);
    assert_span(scanned.events[0].text, rows[i].event);
    assert_span(scanned.events[0].body,
                rows[i].body == NULL ? rows[i].event : rows[i].body);
    free(scanned.text);
  }
}

/* Decoding leaves the event the same JSON, and what is around it alone. */
static void test_decoded_in_place(void** state) {
  (void)state;
  struct batch_scanned scanned = batch_scan_strictly(
      "{\"lastEventId\":\"\\u0041\",\"events\":[{\"id\":\"a\\/b\","
      "\"x\":\"\\u0041\",\"data\":\"\\u0041\"},{\"event\":\"\\u0042\"}]}");
  assert_int_equal(scanned.error, 0);
  assert_span(gcn__span(scanned.text, scanned.size),
              "{\"lastEventId\":\"A\"     ,\"events\":[{\"id\":\"a/b\" ,"
              "\"x\":\"\\u0041\",\"data\":\"\\u0041\"},{\"event\":\"B\"     }"
              "]}");
  free(scanned.text);
}

static const char* const ordered[] = {
    "\"lastEventId\" : \"p\\u002e1\"",
    "\"timestamp\":3",
    "\"events\":\t[{\"id\":\"a\"},{\"id\":\"b\"}]\n",
    "\"resumed\":true",
    "\"unknown\":[{\"id\":1,\"id\":2,\"events\":2,\"topic\":\"\\ud800\"}]",
};

static void check_order(const size_t order[COUNT(ordered)]) {
  char text[512] = " {";
  for (size_t i = 0; i < COUNT(ordered); i++) {
    if (i > 0) strncat(text, " , ", sizeof text - strlen(text) - 1);
    strncat(text, ordered[order[i]], sizeof text - strlen(text) - 1);
  }
  strncat(text, "} ", sizeof text - strlen(text) - 1);
  struct batch_scanned scanned = batch_scan_strictly(text);
  assert_int_equal(scanned.error, 0);
  assert_int_equal(scanned.batch.count, 2);
  assert_int_equal(scanned.batch.resumed, 1);
  assert_span(scanned.batch.last_event_id, "p.1");
  assert_span(scanned.batch.timestamp, "3");
  assert_span(scanned.events[1].id, "b");
  free(scanned.text);
}

static void test_every_key_order(void** state) {
  (void)state;
  size_t order_count = 0;
  for (size_t code = 0; code < 3125; code++) {
    size_t order[COUNT(ordered)];
    unsigned used = 0;
    for (size_t i = 0, rest = code; i < COUNT(ordered); i++, rest /= 5) {
      order[i] = rest % 5;
      used |= 1u << order[i];
    }
    if (used != 31) continue;
    check_order(order);
    order_count++;
  }
  assert_int_equal(order_count, 120);
}

static void test_escaped_keys(void** state) {
  (void)state;
  struct batch_scanned scanned = batch_scan_strictly(
      "{\"\\u0065vents\":[{\"i\\u0064\":\"a\",\"metad\\u0061ta\":"
      "{\"\\u0043orrelationId\":\"c\"},\"id\\u0000\":1,\"ID\":2,"
      "\"d\\u0061ta\":3}],\"lastEv\\u0065ntId\":\"p\"}");
  assert_int_equal(scanned.error, 0);
  assert_span(scanned.batch.last_event_id, "p");
  assert_span(scanned.events[0].id, "a");
  assert_span(scanned.events[0].correlation_id, "c");
  assert_span(scanned.events[0].body, "3");
  free(scanned.text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_guide),
      cmocka_unit_test(test_forms),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_resumed),
      cmocka_unit_test(test_every_member),
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_absent),
      cmocka_unit_test(test_bodies),
      cmocka_unit_test(test_decoded_in_place),
      cmocka_unit_test(test_every_key_order),
      cmocka_unit_test(test_escaped_keys),
  };
  return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
