/* SPDX-License-Identifier: MIT */
/*
 * The simulator's reading of the stream dialect's subscriptions, and which
 * events they cover.
 */
#include "sim/stream-filter.h"

#include "base/err.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define EVENT "\"event\":\"routing.queueEvents\""

static int read_text(struct gcn__sim_interests* interests, const char* text,
                     const char** why) {
  struct gcn__json* json = gcn__json_parse(gcn__span_str(text), NULL);
  assert_non_null(json);
  gcn__sim_interests_init(interests, &gcn__mem_libc);
  int error = gcn__sim_interests_read(interests, json, why);
  gcn__json_free(json, false);
  return error;
}

/* True if the event that `facts` describes is covered; `data` is JSON. */
static bool covers(const char* text, struct gcn__sim_facts facts,
                   const char* data) {
  struct gcn__sim_interests interests;
  const char* why = "";
  assert_int_equal(read_text(&interests, text, &why), 0);
  struct gcn__json* json = gcn__json_parse(gcn__span_str(data), NULL);
  facts.data = json;
  bool covered = gcn__sim_interests_cover(&interests, &facts);
  gcn__json_free(json, false);
  gcn__sim_interests_deinit(&interests);
  return covered;
}

static const struct gcn__sim_facts queue_add = {
    .event = "routing.queueEvents", .resource = "q", .type = "QUEUE_ADD"};

static void names_must_be_the_same(void** state) {
  (void)state;
  struct gcn__sim_facts none = queue_add;
  none.resource = NULL;
  assert_true(covers("{" EVENT "}", queue_add, "{}"));
  assert_true(covers("{" EVENT "}", none, "{}"));
  assert_true(covers("{" EVENT ",\"resourceId\":\"q\"}", queue_add, "{}"));
  assert_false(covers("{" EVENT ",\"resourceId\":\"Q\"}", queue_add, "{}"));
  assert_false(covers("{" EVENT ",\"resourceId\":\"q\"}", none, "{}"));
  assert_false(covers("{\"event\":\"routing.queueEvent\"}", queue_add, "{}"));
  assert_true(covers("[\"x@q\",\"routing.queueEvents@q\"]", queue_add, "{}"));
  assert_true(covers("[\"routing.queueEvents\"]", queue_add, "{}"));
  assert_false(covers("[\"routing.queueEvents@p\"]", queue_add, "{}"));
  assert_false(covers("[]", queue_add, "{}"));
}

static void filters_must_all_hold(void** state) {
  (void)state;
  static const struct {
    const char* filters;
    const char* data;
    bool covered;
  } cases[] = {
      {"{}", "{}", true},
      {"{\"eventType\":[\"QUEUE_ADD\"]}", "{}", true},
      {"{\"eventType\":[\"A\",\"QUEUE_ADD\"]}", "{}", true},
      {"{\"eventType\":\"QUEUE_ADD\"}", "{}", true},
      {"{\"eventType\":[\"QUEUE\"]}", "{}", false},
      {"{\"n\":[\"7\"]}", "{\"n\":7}", true},
      {"{\"n\":[\"7\"]}", "{\"n\":\"7\"}", true},
      {"{\"n\":[\"true\"]}", "{\"n\":true}", true},
      {"{\"n\":[\"7\"]}", "{\"m\":7}", false},
      {"{\"n\":[\"7\"],\"m\":[\"8\"]}", "{\"n\":7,\"m\":8}", true},
      {"{\"n\":[\"7\"],\"m\":[\"8\"]}", "{\"n\":7,\"m\":9}", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "{" EVENT ",\"filters\":%s}", cases[i].filters);
    assert_int_equal(covers(text, queue_add, cases[i].data), cases[i].covered);
    snprintf(text, sizeof text,
             "{\"topic\":\"routing.queueEvents\",\"filter\":%s}",
             cases[i].filters);
    assert_int_equal(covers(text, queue_add, cases[i].data), cases[i].covered);
  }
}

static void queries_are_understood(void** state) {
  (void)state;
  static const struct {
    const char* query;
    bool covered;
  } cases[] = {
      {"event.type=='QUEUE_ADD'", true},
      {"event.eventType == 'QUEUE_ADD'", true},
      {"event.type=='QUEUE_ADD' && event.n=='7'", true},
      {" event.type!='QUEUE_ADD'", false},
      {"event.type!='X'&&event.resourceId=='q'&&event.n!='8' ", true},
      {"event.n=='8'", false},
      {"event.absent=='8'", false},
      {"event.absent!='8'", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    snprintf(text, sizeof text,
             "{\"topic\":\"routing.queueEvents\",\"filter\":{\"query\":\"%s\"}"
             "}",
             cases[i].query);
    assert_int_equal(covers(text, queue_add, "{\"n\":7}"), cases[i].covered);
  }
}

static void what_is_not_understood_is_refused(void** state) {
  (void)state;
  static const struct {
    const char* text;
    const char* why;
  } cases[] = {
      {"{}", "an object with an event"},
      {"[[]]", "an object with an event"},
      {"[null]", "an object with an event"},
      {"{\"event\":7}", "an object with an event"},
      {"{\"event\":\"\"}", "1 to 199"},
      {"{\"event\":\"\\u00e4\"}", "1 to 199"},
      {"[\"@q\"]", "1 to 199"},
      {"[\"a@\"]", "1 to 199"},
      {"{" EVENT ",\"resourceId\":\"\"}", "1 to 199"},
      {"{" EVENT ",\"resourceId\":{}}", "1 to 199"},
      {"{" EVENT ",\"filters\":[]}", "a filter must"},
      {"{" EVENT ",\"filters\":{\"a\":[7]}}", "a filter must"},
      {"{\"topic\":\"t\",\"filter\":{\"query\":7}}", "query"},
      {"{\"topic\":\"t\",\"filter\":{\"query\":\"\"}}", "query"},
      {"{\"topic\":\"t\",\"filter\":{\"query\":\"a=='b'\"}}", "query"},
      {"{\"topic\":\"t\",\"filter\":{\"query\":\"event.=='b'\"}}", "query"},
      {"{\"topic\":\"t\",\"filter\":{\"query\":\"event.a='b'\"}}", "query"},
      {"{\"topic\":\"t\",\"filter\":{\"query\":\"event.a==b\"}}", "query"},
      {"{\"topic\":\"t\",\"filter\":{\"query\":\"event.a=='b\"}}", "query"},
      {"{\"topic\":\"t\",\"filter\":{\"query\":\"event.a=='b' &&\"}}", "query"},
      {"{\"topic\":\"t\",\"filter\":{\"query\":\"event.a=='b'||\"}}", "query"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct gcn__sim_interests interests;
    const char* why = "";
    if (read_text(&interests, cases[i].text, &why) != GCN__EINVAL ||
        strstr(why, cases[i].why) == NULL) {
      fail_msg("%s: %s", cases[i].text, why);
    }
    gcn__sim_interests_deinit(&interests);
  }
}

static void only_what_must_be_read_is_read(void** state) {
  (void)state;
  struct gcn__sim_interests interests;
  const char* why = "";
  assert_int_equal(read_text(&interests,
                             "{" EVENT ",\"filters\":{\"eventType\":\"A\"}}",
                             &why),
                   0);
  assert_false(interests.reads_data);
  gcn__sim_interests_deinit(&interests);
  assert_int_equal(
      read_text(&interests, "{" EVENT ",\"filters\":{\"n\":\"A\"}}", &why), 0);
  assert_true(interests.reads_data);
  struct gcn__sim_interests names;
  gcn__sim_interests_init(&names, &gcn__mem_libc);
  assert_int_equal(gcn__sim_interests_names(&names, &interests), 0);
  assert_int_equal(names.count, 1);
  assert_int_equal(names.all[0].clause_count, 0);
  assert_string_equal(names.all[0].event, "routing.queueEvents");
  gcn__sim_interests_deinit(&names);
  gcn__sim_interests_deinit(&interests);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_must_be_the_same),
      cmocka_unit_test(filters_must_all_hold),
      cmocka_unit_test(queries_are_understood),
      cmocka_unit_test(what_is_not_understood_is_refused),
      cmocka_unit_test(only_what_must_be_read_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
