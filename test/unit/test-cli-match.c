/* SPDX-License-Identifier: MIT */
/*
 * cli/match: expressions that are accepted, refused, true and false.
 */
#include "cli/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static gcn_span_t span(const char* text) {
  return (gcn_span_t){text, text == NULL ? 0 : strlen(text)};
}

static const char body[] =
    "{\"status\":\"IDLE\",\"count\":10,\"ratio\":2.5,\"on\":true,\"off\":null,"
    "\"list\":[{\"id\":\"x1\"},{\"id\":\"x2\"}],\"code\":\"10\"}";

static bool test(const char* expression) {
  const char* why = NULL;
  struct gcn__match* match = gcn__match_new(expression, &why);
  if (match == NULL) fail_msg("'%s' is refused: %s", expression, why);
  gcn_event_t event = {.topic = span("v2.users.u1.presence"),
                       .body = span(body),
                       .id = span("e-1"),
                       .type = span("ADD")};
  bool good = gcn__match_test(match, &event);
  gcn__match_free(match);
  return good;
}

static void test_true(void** state) {
  (void)state;
  static const char* const expressions[] = {
      "topic == v2.users.u1.presence",
      "topic match ^v2\\.users\\.[^.]+\\.presence$",
      "topic contains users",
      "topic!=other",
      "body.status==IDLE",
      "body.status == \"IDLE\"",
      "  body.status   ==   IDLE  ",
      "body.status < JOIN",
      "body.count == 10",
      "body.count == 10.0",
      "body.count > 9",
      "body.count >= 10",
      "body.count <= 1e1",
      "body.ratio < 2.6",
      "body.on == true",
      "body.off == null",
      "body.list.1.id == x2",
      "body.list contains x1",
      "body contains \"ratio\":2.5",
      "body.nowhere != 1",
      "body.list.2.id != x",
      "body.list.x != 1",
      "correlationId != c1", /* absent */
      "eventType == ADD",
      "id match ^e-[0-9]$",
      "resourceId != q-1",
      "eventTime != 2031", /* absent, like the one before */
      "body.code == 10",
      "body.code == \"10\"",
      "body.code < 9", /* text: the service said so */
  };
  for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
    if (!test(expressions[i])) fail_msg("false: %s", expressions[i]);
  }
}

static void test_false(void** state) {
  (void)state;
  static const char* const expressions[] = {
      "topic == v2.users.u1",    "topic match ^users",
      "body.status != IDLE",     "body.status == idle",
      "body.count < 9",          "body.count == \"ten\"",
      "body.nowhere == 1",       "body.nowhere contains a",
      "body.status.deeper == 1", "body.list.9.id == x1",
      "eventType == add",        "resourceId == q-1",
      "correlationId == c1",     "body.on == false",
      "body.count contains 2",   "body.list.-1.id == x2",
  };
  for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
    if (test(expressions[i])) fail_msg("true: %s", expressions[i]);
  }
}

static void test_refused(void** state) {
  (void)state;
  static const char* const expressions[] = {
      "",           "topic",         "topic ==",      "status == 1",
      "bodyx == 1", "body.a = 1",    "body.a ~ 1",    "== 1",
      "topic like", "topic match (", "topic match [",
  };
  for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
    const char* why = NULL;
    struct gcn__match* match = gcn__match_new(expressions[i], &why);
    if (match != NULL) fail_msg("accepted: %s", expressions[i]);
    assert_non_null(why);
  }
}

static void test_odd_events(void** state) {
  (void)state;
  const char* why = NULL;
  struct gcn__match* match = gcn__match_new("body.a == 1", &why);
  assert_non_null(match);
  gcn_event_t event = {.topic = span("t")};
  assert_false(gcn__match_test(match, &event)); /* no body */
  event.body = span("\"text\"");
  assert_false(gcn__match_test(match, &event));
  event.body = span("{\"a\":1,\"a\":1}"); /* jansson refuses it: no match */
  assert_false(gcn__match_test(match, &event));
  event.body = span("{\"a\":1}");
  assert_true(gcn__match_test(match, &event));
  assert_true(gcn__match_test(NULL, &event));
  gcn__match_free(match);
  gcn__match_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_true),
      cmocka_unit_test(test_false),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_odd_events),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
