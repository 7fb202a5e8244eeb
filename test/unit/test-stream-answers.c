/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: what of an answer a user is shown, what the pre-flight
 * says, tickets and ids.
 */
#include "dialect/stream.h"

#include "base/err.h"
#include "check.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct gcn__json* parse(const char* text) {
  struct gcn__json* json = gcn__json_parse(gcn__span_str(text), NULL);
  if (json == NULL) fail_msg("no JSON: %s", text);
  return json;
}

static void assert_errors(const char* body, const char* want) {
  char text[256];
  struct gcn__json* json = body == NULL ? NULL : parse(body);
  gcn__stream_errors(json, text, sizeof text);
  assert_string_equal(text, want);
  gcn__json_free(json, false);
}

/* PROTOCOL §6.2, thread A: "log errors[]" */
static void errors_are_shown(void** state) {
  (void)state;
  assert_errors("{\"code\":400,\"message\":\"Bad Request\",\"status\":"
                "\"Bad Request\",\"errors\":[\"Invalid subscription "
                "payload.\"]}",
                "Invalid subscription payload.");
  assert_errors("{\"errors\":[\"a b\",{\"message\":\"c\"},{\"code\":\"d\"},"
                "{},7,\"\",{\"reason\":\"e\"}]}",
                "a b; c; d; e");
  assert_errors("{\"errors\":[],\"message\":\"Bad  Request\"}", "Bad Request");
  assert_errors("{\"errors\":\"x\",\"message\":7}", "");
  assert_errors("{}", "");
  assert_errors("[]", "");
  assert_errors(NULL, "");
  assert_errors("{\"message\":\"a\\tb\\r\\nc\\u00e4\\u007f\"}", "a b c...");
}

/* P16 */
static void what_could_be_a_secret_is_left_out(void** state) {
  (void)state;
  static const struct {
    const char* said;
    const char* shown;
  } cases[] = {
      {"see https://h/p?access_token=abc now", "see ... now"},
      {"access_token=abc", "..."},
      {"%3Faccess_token%3Dabc", "..."},
      {"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9eyJzdWI", "..."},
      {"Authorization: Bearer abc bad", "Authorization: ... ... bad"},
      {"bearer abc bad", "bearer ... bad"},
      {"token: abc is bad", "token: ... is bad"},
      {"{\\\"access_token\\\":\\\"abc\\\"}", "..."},
      {"token expired", "token expired"},
      {"resource 123e4567-e89b-12d3-a456-426614174000 not found",
       "resource 123e4567-e89b-12d3-a456-426614174000 not found"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char body[256];
    snprintf(body, sizeof body, "{\"errors\":[\"%s\"]}", cases[i].said);
    assert_errors(body, cases[i].shown);
    snprintf(body, sizeof body, "{\"message\":\"%s\"}", cases[i].said);
    assert_errors(body, cases[i].shown);
  }
  char word[42];
  char body[64];
  memset(word, 'x', sizeof word - 1);
  word[41] = '\0';
  snprintf(body, sizeof body, "{\"message\":\"%s\"}", word);
  assert_errors(body, "...");
  word[40] = '\0';
  snprintf(body, sizeof body, "{\"message\":\"%s\"}", word);
  assert_errors(body, word);
}

static void a_text_is_cut_at_its_size(void** state) {
  (void)state;
  struct gcn__json* json = parse("{\"errors\":[\"abc def\",\"ghi\"]}");
  static const char whole[] = "abc def; ghi";
  for (size_t size = 1; size <= sizeof whole + 2; size++) {
    char text[20];
    memset(text, '#', sizeof text);
    gcn__stream_errors(json, text, size);
    size_t length = size - 1 < sizeof whole - 1 ? size - 1 : sizeof whole - 1;
    assert_int_equal(strlen(text), length);
    assert_memory_equal(text, whole, length);
    assert_int_equal(text[length + 1], '#');
  }
  char untouched = '#';
  gcn__stream_errors(json, &untouched, 0);
  assert_int_equal(untouched, '#');
  gcn__json_free(json, false);
}

static void messages_have_errors_too(void** state) {
  (void)state;
  char text[64];
  struct gcn__batch batch = {.kind = GCN__BATCH_ERROR};
  gcn__stream_message_errors(&batch, text, sizeof text);
  assert_string_equal(text, "");
  batch.error_message = GCN__SPAN("Bad Request");
  gcn__stream_message_errors(&batch, text, sizeof text);
  assert_string_equal(text, "Bad Request");
  batch.errors = GCN__SPAN("[\"a\",{\"message\":\"b x=y\"}]");
  gcn__stream_message_errors(&batch, text, sizeof text);
  assert_string_equal(text, "a; b ...");
  batch.errors = GCN__SPAN("[]");
  gcn__stream_message_errors(&batch, text, sizeof text);
  assert_string_equal(text, "Bad Request");
}

/* PROTOCOL §6.3 */
static void the_preflight_is_read(void** state) {
  (void)state;
  struct gcn__json* json =
      parse("{\"subscriptions\":["
            "{\"event\":\"a\",\"resourceId\":\"b\",\"status\":\"active\"},"
            "{\"event\":\"a\",\"resourceId\":\"c\",\"status\":\"invalid\","
            "\"reason\":\"not found\"},"
            "{\"topic\":\"a\",\"resourceId\":\"\",\"state\":\"Permitted\"},"
            "{\"event\":\"a\",\"reason\":\"gone\"},{\"event\":\"d\"},{},7,"
            "{\"event\":\"\"}]}");
  struct gcn__preflight_entry entry;
  assert_int_equal(gcn__preflight_count(json), 8);
  assert_true(gcn__preflight_read(json, 0, &entry));
  assert_true(gcn__span_is(entry.event, "a") && entry.active);
  assert_true(gcn__span_is(entry.resource, "b"));
  assert_null(entry.reason.data);
  assert_true(gcn__preflight_read(json, 1, &entry) && !entry.active);
  assert_true(gcn__span_is(entry.reason, "not found"));
  assert_true(gcn__preflight_read(json, 2, &entry) && entry.active);
  assert_true(gcn__span_is(entry.event, "a"));
  assert_null(entry.resource.data);
  assert_true(gcn__preflight_read(json, 3, &entry) && !entry.active);
  assert_true(gcn__preflight_read(json, 4, &entry) && entry.active);
  for (size_t i = 5; i < 10; i++)
    assert_false(gcn__preflight_read(json, i, &entry));
  gcn__json_free(json, false);
}

static void lists_have_several_places(void** state) {
  (void)state;
  static const struct {
    const char* body;
    int count;
  } cases[] = {
      {"[{\"event\":\"a\"}]", 1},
      {"{\"entities\":[{}]}", 1},
      {"{\"subscriptions\":[]}", 0},
      {"[]", 0},
      {"{}", GCN_EPROTO},
      {"{\"entities\":{}}", GCN_EPROTO},
      {"{\"subscriptions\":7,\"entities\":[]}", GCN_EPROTO},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct gcn__json* json = parse(cases[i].body);
    assert_int_equal(gcn__preflight_count(json), cases[i].count);
    gcn__json_free(json, false);
  }
  assert_int_equal(gcn__preflight_count(NULL), GCN_EPROTO);
}

static void an_entry_is_about_its_subscription(void** state) {
  (void)state;
  static const struct {
    const char* event;
    const char* resource; /* NULL: none */
    const char* text;
    bool covers;
  } cases[] = {
      {"a", "b", "a@b", true},     {"a", "b", "a@b?c=1", true},
      {"a", NULL, "a", true},      {"a", NULL, "a?c=1", true},
      {"a", NULL, "a@b", false},   {"a", "b", "a", false},
      {"a", "b", "a@c", false},    {"a", "b", "c@b", false},
      {"a", "b?", "a@b%3f", true}, {"a@", "b", "a%40@b", true},
      {"a", "b", "a@B", false},    {"", NULL, "a", false},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct gcn__preflight_entry entry = {
        .event = gcn__span_str(cases[i].event),
        .resource = gcn__span_str(cases[i].resource),
    };
    bool covers = gcn__preflight_covers(&entry, gcn__span_str(cases[i].text));
    if (covers != cases[i].covers) fail_msg("%s", cases[i].text);
  }
}

/* PROTOCOL §6.2, thread D */
static void tickets_are_read(void** state) {
  (void)state;
  static const struct {
    const char* body;
    const char* ticket; /* NULL: refused */
    double life_s;
  } cases[] = {
      {"{\"accessToken\":\"a\",\"expiresIn\":86400}", "a", 86400},
      {"{\"access_token\":\"a\",\"expires_in\":\"60\"}", "a", 60},
      {"{\"token\":\"a\",\"expiresIn\":\"soon\"}", "a", 0},
      {"{\"token\":\"a\"}", "a", 0},
      {"{\"token\":\"\"}", NULL, 0},
      {"{\"accessToken\":5}", NULL, 0},
      {"[]", NULL, 0},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct gcn__json* json = parse(cases[i].body);
    struct gcn__span ticket;
    double life_s = 1;
    const char* why = NULL;
    int error = gcn__stream_read_ticket(json, &ticket, &life_s, &why);
    assert_int_equal(error, cases[i].ticket == NULL ? GCN_EPROTO : 0);
    assert_int_equal(why == NULL, error == 0);
    if (error == 0) assert_true(gcn__span_is(ticket, cases[i].ticket));
    assert_true(life_s >= cases[i].life_s && life_s <= cases[i].life_s);
    gcn__json_free(json, true);
  }
}

static void ids_are_read(void** state) {
  (void)state;
  static const struct {
    const char* body;
    const char* id; /* NULL: absent */
  } cases[] = {
      {"{\"subscriptionId\":\"a\",\"id\":\"b\"}", "a"},
      {"{\"subscriptionId\":\"\",\"id\":\"b\"}", "b"},
      {"{\"id\":\"b\"}", "b"},
      {"{\"id\":7}", NULL},
      {"{\"id\":\"\"}", NULL},
      {"[]", NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct gcn__json* json = parse(cases[i].body);
    struct gcn__span id = gcn__stream_read_subscription(json);
    assert_int_equal(id.data == NULL, cases[i].id == NULL);
    if (id.data != NULL) assert_true(gcn__span_is(id, cases[i].id));
    gcn__json_free(json, false);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(errors_are_shown),
      cmocka_unit_test(what_could_be_a_secret_is_left_out),
      cmocka_unit_test(a_text_is_cut_at_its_size),
      cmocka_unit_test(messages_have_errors_too),
      cmocka_unit_test(the_preflight_is_read),
      cmocka_unit_test(lists_have_several_places),
      cmocka_unit_test(an_entry_is_about_its_subscription),
      cmocka_unit_test(tickets_are_read),
      cmocka_unit_test(ids_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
