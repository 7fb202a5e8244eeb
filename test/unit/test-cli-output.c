/* SPDX-License-Identifier: MIT */
/*
 * cli/output: the lines, to the byte.
 */
#include "cli/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <uv.h>

#include "codec/json.h"
#include "mem-probe.h"

static gcn_span_t span(const char* text) {
  return (gcn_span_t){text, text == NULL ? 0 : strlen(text)};
}

static gcn_event_t event_of(const char* body) {
  return (gcn_event_t){
      .topic = span("v2.users.u1.presence"),
      .body = span(body),
      .correlation_id = span("c-1"),
      .message = span("{\"topicName\":\"t\",\n\"eventBody\":{}}"),
      .sequence = 17,
      .generation = 2,
      .connection = 3,
      .received_unix_ms = 1933056920114,
  };
}

typedef int (*write_fn)(const struct gcn__output* output, struct gcn__buf* out);

static void expect(enum gcn__output_form form, write_fn write,
                   const char* expected) {
  struct gcn__buf out;
  struct gcn__output output = {.form = form, .width = 80};
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  assert_int_equal(write(&output, &out), 0);
  assert_int_equal(gcn__buf_append(&out, "", 1), 0);
  assert_string_equal(gcn__buf_span(&out).data, expected);
  gcn__buf_deinit(&out);
}

static int write_event(const struct gcn__output* output, struct gcn__buf* out) {
  gcn_event_t event = event_of("{\"a\": 1.10,\r\n \"a\":\"\\u00e9\"}");
  return gcn__output_event(output, out, &event);
}

static int write_bare(const struct gcn__output* output, struct gcn__buf* out) {
  gcn_event_t event = {.topic = span("t\"\n"), .sequence = 1};
  return gcn__output_event(output, out, &event);
}

static void test_event(void** state) {
  (void)state;
  expect(GCN__OUTPUT_JSON, write_event,
         "{\"v\":1,\"type\":\"event\",\"time\":\"2031-04-04T08:15:20.114Z\","
         "\"seq\":17,\"topic\":\"v2.users.u1.presence\","
         "\"body\":{\"a\": 1.10,   \"a\":\"\\u00e9\"},"
         "\"correlationId\":\"c-1\",\"channel\":2,\"connection\":3}\n");
  expect(GCN__OUTPUT_JSON, write_bare,
         "{\"v\":1,\"type\":\"event\",\"time\":\"1970-01-01T00:00:00.000Z\","
         "\"seq\":1,\"topic\":\"t\\\"\\n\",\"body\":null,"
         "\"correlationId\":null,\"channel\":0,\"connection\":0}\n");
  expect(GCN__OUTPUT_BODY, write_event, "{\"a\": 1.10,   \"a\":\"\\u00e9\"}\n");
  expect(GCN__OUTPUT_RAW, write_event,
         "{\"topicName\":\"t\", \"eventBody\":{}}\n");
}

/* The scanner decodes escapes inside the message, which leaves the rest of the
 * old text behind the decoded one. */
static int write_decoded(const struct gcn__output* output,
                         struct gcn__buf* out) {
  static const char message[] =
      "{\"topicName\":\"v2/x/x\",\"eventBody\":[1],\"metadata\":{}}";
  gcn_event_t event = {
      .message = span(message),
      .topic = {message + 14, 4},
      .body = {strstr(message, "[1]"), 3},
      .correlation_id = span("c"),
  };
  return gcn__output_event(output, out, &event);
}

static void test_raw_decoded(void** state) {
  (void)state;
  expect(GCN__OUTPUT_RAW, write_decoded,
         "{\"topicName\":\"v2/x\",\"eventBody\":[1],"
         "\"metadata\":{\"CorrelationId\":\"c\"}}\n");
}

/* --- stream dialect ------------------------------------------------------- */

static void expect_stream(enum gcn__output_form form, const gcn_event_t* event,
                          const char* expected) {
  struct gcn__buf out;
  struct gcn__output output = {.form = form, .stream = true, .width = 80};
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  assert_int_equal(gcn__output_event(&output, &out, event), 0);
  assert_int_equal(gcn__buf_append(&out, "", 1), 0);
  assert_string_equal(gcn__buf_span(&out).data, expected);
  gcn__buf_deinit(&out);
}

/* The part of `message` that is `text`. */
static gcn_span_t part(gcn_span_t message, const char* text) {
  const char* at = strstr(message.data, text);
  assert_non_null(at);
  return (gcn_span_t){at, strlen(text)};
}

static void test_stream_event(void** state) {
  (void)state;
  gcn_span_t message = span("{\"id\":42,\"event\":\"a.b\",\n"
                            "\"resourceId\":\"q-1\",\"eventType\":\"ADD\","
                            "\"timestamp\":\"2031-01-01T00:00:00Z\","
                            "\"data\":{\"n\":1}}");
  gcn_event_t event = {
      .message = message,
      .id = part(message, "42"),
      .topic = part(message, "a.b"),
      .resource_id = part(message, "q-1"),
      .type = part(message, "ADD"),
      .timestamp = part(message, "2031-01-01T00:00:00Z"),
      .body = part(message, "{\"n\":1}"),
      .sequence = 17,
      .generation = 1,
      .connection = 3,
  };
  expect_stream(GCN__OUTPUT_JSON, &event,
                "{\"v\":1,\"type\":\"event\","
                "\"time\":\"1970-01-01T00:00:00.000Z\",\"seq\":17,"
                "\"id\":\"42\",\"topic\":\"a.b\",\"resourceId\":\"q-1\","
                "\"eventType\":\"ADD\","
                "\"eventTime\":\"2031-01-01T00:00:00Z\","
                "\"body\":{\"n\":1},\"correlationId\":null,\"channel\":1,"
                "\"connection\":3}\n");
  expect_stream(GCN__OUTPUT_BODY, &event, "{\"n\":1}\n");
  expect_stream(GCN__OUTPUT_RAW, &event,
                "{\"id\":42,\"event\":\"a.b\", "
                "\"resourceId\":\"q-1\",\"eventType\":\"ADD\","
                "\"timestamp\":\"2031-01-01T00:00:00Z\","
                "\"data\":{\"n\":1}}\n");
}

/* Keys do not come and go. */
static void test_stream_event_of_little(void** state) {
  (void)state;
  gcn_event_t event = {.topic = span("a"), .body = span("1")};
  expect_stream(GCN__OUTPUT_JSON, &event,
                "{\"v\":1,\"type\":\"event\","
                "\"time\":\"1970-01-01T00:00:00.000Z\",\"seq\":0,"
                "\"id\":null,\"topic\":\"a\",\"resourceId\":null,"
                "\"eventType\":null,\"eventTime\":null,\"body\":1,"
                "\"correlationId\":null,\"channel\":0,\"connection\":0}\n");
}

/* A string was decoded in place: what is left of it is not JSON any more. */
static void test_stream_decoded(void** state) {
  (void)state;
  gcn_span_t message = span("{\"id\":7,\"event\":\"a/b/b\",\"x\":\"y\"}");
  gcn_event_t event = {
      .message = message,
      .id = part(message, "7"),
      .topic = {strstr(message.data, "a/b/b"), 3},
      .body = message,
  };
  expect_stream(GCN__OUTPUT_RAW, &event, "{\"id\":7,\"event\":\"a/b\"}\n");
  expect_stream(GCN__OUTPUT_BODY, &event, "{\"id\":7,\"event\":\"a/b\"}\n");
  event.body = part(message, "\"y\"");
  expect_stream(GCN__OUTPUT_RAW, &event,
                "{\"id\":7,\"event\":\"a/b\",\"data\":\"y\"}\n");
  expect_stream(GCN__OUTPUT_BODY, &event, "\"y\"\n");
}

static void test_stream_pretty(void** state) {
  (void)state;
  gcn_event_t event = {.topic = span("a.b"),
                       .resource_id = span("q\033"),
                       .type = span("ADD"),
                       .body = span("{\"n\":1}")};
  struct gcn__buf out;
  struct gcn__output output = {
      .form = GCN__OUTPUT_PRETTY, .stream = true, .width = 80};
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  assert_int_equal(gcn__output_event(&output, &out, &event), 0);
  assert_int_equal(gcn__buf_append(&out, "", 1), 0);
  assert_non_null(
      strstr(gcn__buf_span(&out).data, "a.b@q\\u001b ADD  {\"n\":1}\n"));
  gcn__buf_deinit(&out);
}

static int write_checkpoint(const struct gcn__output* output,
                            struct gcn__buf* out) {
  const gcn_failure_t failure = {.error = GCN_ECHECKPOINT,
                                 .op = GCN_OP_CHECKPOINT,
                                 .correlation_id = "",
                                 .text = "no space"};
  return gcn__output_checkpoint(output, out, 0, &failure);
}

static void test_checkpoint(void** state) {
  (void)state;
  expect(GCN__OUTPUT_JSON, write_checkpoint,
         "{\"v\":1,\"type\":\"checkpoint\","
         "\"time\":\"1970-01-01T00:00:00.000Z\","
         "\"error\":\"GCN_ECHECKPOINT\",\"text\":\"no space\"}\n");
  expect(GCN__OUTPUT_RAW, write_checkpoint, "");
}

static int write_dropped(const struct gcn__output* output,
                         struct gcn__buf* out) {
  const gcn_gap_t gap = {.from_unix_ms = 1000,
                         .to_unix_ms = 4000,
                         .to_ms = 999999,
                         .cause = "full",
                         .certainty = GCN_CERTAINTY_DROPPED};
  return gcn__output_gap(output, out, 0, &gap);
}

/* One that began before the loop did. */
static void test_dropped(void** state) {
  (void)state;
  expect(GCN__OUTPUT_JSON, write_dropped,
         "{\"v\":1,\"type\":\"gap\",\"time\":\"1970-01-01T00:00:00.000Z\","
         "\"from\":\"1970-01-01T00:00:01.000Z\","
         "\"to\":\"1970-01-01T00:00:04.000Z\",\"ms\":3000,"
         "\"cause\":\"full\",\"certainty\":\"dropped\","
         "\"connectionIndex\":0,\"topicCount\":0,\"topics\":[]}\n");
}

static int write_lost(const struct gcn__output* output, struct gcn__buf* out) {
  const gcn_failure_t failure = {.error = GCN_EPEERCLOSE,
                                 .layer = GCN_LAYER_WS,
                                 .op = GCN_OP_STREAM,
                                 .close_code = 1001,
                                 .correlation_id = "",
                                 .text = "the server\033 closed"};
  const gcn_transition_t transition = {.from = GCN_STREAMING,
                                       .to = GCN_BACKING_OFF,
                                       .reason = "r",
                                       .failure = &failure,
                                       .failures = 1,
                                       .retry_in = 1500,
                                       .connection_index = 4};
  return gcn__output_state(output, out, 0, &transition, UINT64_MAX);
}

static void test_lost(void** state) {
  (void)state;
  expect(GCN__OUTPUT_JSON, write_lost,
         "{\"v\":1,\"type\":\"state\",\"time\":\"1970-01-01T00:00:00.000Z\","
         "\"from\":\"streaming\",\"to\":\"backing off\",\"reason\":\"r\","
         "\"connectionIndex\":4}\n"
         "{\"v\":1,\"type\":\"reconnecting\","
         "\"time\":\"1970-01-01T00:00:00.000Z\",\"retryInMs\":1500,"
         "\"failures\":1,\"error\":\"GCN_EPEERCLOSE\",\"layer\":\"WebSocket\","
         "\"operation\":\"stream\",\"httpStatus\":null,\"closeCode\":1001,"
         "\"correlationId\":null,\"text\":\"the server\\u001b closed\","
         "\"connectionIndex\":4}\n");
  expect(GCN__OUTPUT_PRETTY, write_lost,
         "00:00:00.000  LOST  the server\\u001b closed; next attempt in 1.5 "
         "s\n");
  expect(GCN__OUTPUT_BODY, write_lost, "");
  expect(GCN__OUTPUT_RAW, write_lost, "");
}

static int write_open(const struct gcn__output* output, struct gcn__buf* out) {
  const gcn_transition_t transition = {
      .from = GCN_SUBSCRIBING, .to = GCN_STREAMING, .attempt = 2};
  return gcn__output_state(output, out, 0, &transition, 2340);
}

static int write_unfailed(const struct gcn__output* output,
                          struct gcn__buf* out) {
  const gcn_transition_t transition = {.from = GCN_STREAMING,
                                       .to = GCN_BACKING_OFF};
  return gcn__output_state(output, out, 0, &transition, UINT64_MAX);
}

static void test_open(void** state) {
  (void)state;
  expect(GCN__OUTPUT_JSON, write_open,
         "{\"v\":1,\"type\":\"state\",\"time\":\"1970-01-01T00:00:00.000Z\","
         "\"from\":\"subscribing\",\"to\":\"streaming\",\"reason\":null,"
         "\"connectionIndex\":0}\n"
         "{\"v\":1,\"type\":\"open\",\"time\":\"1970-01-01T00:00:00.000Z\","
         "\"attempt\":2,\"outageMs\":2340,\"connectionIndex\":0}\n");
  expect(GCN__OUTPUT_PRETTY, write_open,
         "00:00:00.000  STREAMING  again, after 2.3 s without a stream "
         "(attempt 2)\n");
  expect(GCN__OUTPUT_PRETTY, write_unfailed,
         "00:00:00.000  LOST  ; next attempt in 0 ms\n");
}

static int write_topic(const struct gcn__output* output, struct gcn__buf* out) {
  const gcn_topic_result_t result = {.topic = span("v2.x"),
                                     .verdict = GCN_TOPIC_REJECTED,
                                     .reason = span("no"),
                                     .missing_permissions = span("a:b:c")};
  return gcn__output_topic(output, out, 0, &result);
}

static int write_gap(const struct gcn__output* output, struct gcn__buf* out) {
  const gcn_span_t topics[] = {{"v2.a", 4}, {"v2.b\"", 5}};
  const gcn_gap_t gap = {.from_unix_ms = 1000,
                         .to_unix_ms = 3500,
                         .from_ms = 7,
                         .to_ms = 2507,
                         .cause = "reset",
                         .topics = topics,
                         .topic_count = 2};
  return gcn__output_gap(output, out, 4000, &gap);
}

/* Memory was short: how many topics is known, and not which. */
static int write_unsure(const struct gcn__output* output,
                        struct gcn__buf* out) {
  struct gcn__output many = *output;
  many.many = true;
  const gcn_gap_t gap = {.to_ms = 10,
                         .cause = "audit",
                         .certainty = GCN_CERTAINTY_POSSIBLE,
                         .connection_index = 3,
                         .topic_count = 1};
  return gcn__output_gap(&many, out, 4000, &gap);
}

static int write_rotation(const struct gcn__output* output,
                          struct gcn__buf* out) {
  const gcn_rotation_t rotation = {
      .cause = "due", .proven = 1, .overlap = 2100, .duplicates = 3};
  return gcn__output_rotation(output, out, 4000, &rotation);
}

static int write_unproven(const struct gcn__output* output,
                          struct gcn__buf* out) {
  struct gcn__output many = *output;
  many.many = true;
  const gcn_rotation_t rotation = {
      .cause = "due", .overlap = 10, .duplicates = 1, .connection_index = 2};
  return gcn__output_rotation(&many, out, 4000, &rotation);
}

static void test_rotation(void** state) {
  (void)state;
  expect(GCN__OUTPUT_JSON, write_rotation,
         "{\"v\":1,\"type\":\"rotated\",\"time\":\"1970-01-01T00:00:04.000Z\","
         "\"cause\":\"due\",\"proven\":true,\"overlapMs\":2100,"
         "\"duplicates\":3,\"connectionIndex\":0}\n");
  expect(GCN__OUTPUT_PRETTY, write_rotation,
         "00:00:04.000  ROTATED  due, nothing missed, 3 duplicates dropped, "
         "overlap 2.1 s\n");
  expect(GCN__OUTPUT_JSON, write_unproven,
         "{\"v\":1,\"type\":\"rotated\",\"time\":\"1970-01-01T00:00:04.000Z\","
         "\"cause\":\"due\",\"proven\":false,\"overlapMs\":10,"
         "\"duplicates\":1,\"connectionIndex\":2}\n");
  expect(GCN__OUTPUT_PRETTY, write_unproven,
         "00:00:04.000  ROTATED  due, not proven: see the gap, 1 duplicate "
         "dropped, overlap 10 ms [connection 2]\n");
  expect(GCN__OUTPUT_BODY, write_rotation, "");
  expect(GCN__OUTPUT_RAW, write_rotation, "");
}

static int write_heartbeat(const struct gcn__output* output,
                           struct gcn__buf* out) {
  return gcn__output_heartbeat(output, out, 0);
}

static int write_notice(const struct gcn__output* output,
                        struct gcn__buf* out) {
  gcn_event_t event = event_of("{}");
  return gcn__output_notice(output, out, &event);
}

static void test_others(void** state) {
  (void)state;
  expect(GCN__OUTPUT_JSON, write_topic,
         "{\"v\":1,\"type\":\"subscribed\","
         "\"time\":\"1970-01-01T00:00:00.000Z\",\"topic\":\"v2.x\","
         "\"verdict\":\"rejected\",\"reason\":\"no\","
         "\"missingPermissions\":\"a:b:c\"}\n");
  expect(GCN__OUTPUT_PRETTY, write_topic,
         "00:00:00.000  rejected  v2.x: no (needs a:b:c)\n");
  expect(GCN__OUTPUT_JSON, write_gap,
         "{\"v\":1,\"type\":\"gap\",\"time\":\"1970-01-01T00:00:04.000Z\","
         "\"from\":\"1970-01-01T00:00:01.000Z\","
         "\"to\":\"1970-01-01T00:00:03.500Z\",\"ms\":2500,"
         "\"cause\":\"reset\",\"certainty\":\"blind\",\"connectionIndex\":0,"
         "\"topicCount\":2,\"topics\":[\"v2.a\",\"v2.b\\\"\"]}\n");
  expect(GCN__OUTPUT_PRETTY, write_gap,
         "00:00:04.000  GAP  events between 00:00:01.000 and 00:00:03.500 may "
         "be missing (2.5 s, 2 topics): reset\n");
  expect(GCN__OUTPUT_JSON, write_unsure,
         "{\"v\":1,\"type\":\"gap\",\"time\":\"1970-01-01T00:00:04.000Z\","
         "\"from\":\"1970-01-01T00:00:00.000Z\","
         "\"to\":\"1970-01-01T00:00:00.000Z\",\"ms\":10,"
         "\"cause\":\"audit\",\"certainty\":\"possible\","
         "\"connectionIndex\":3,\"topicCount\":1,\"topics\":null}\n");
  expect(GCN__OUTPUT_PRETTY, write_unsure,
         "00:00:04.000  GAP  events between 00:00:00.000 and 00:00:00.000 are "
         "possibly missing (10 ms, 1 topic): audit [connection 3]\n");
  expect(GCN__OUTPUT_JSON, write_heartbeat,
         "{\"v\":1,\"type\":\"heartbeat\","
         "\"time\":\"1970-01-01T00:00:00.000Z\"}\n");
  expect(GCN__OUTPUT_PRETTY, write_heartbeat, "00:00:00.000  heartbeat\n");
  expect(GCN__OUTPUT_BODY, write_notice, "");
  expect(GCN__OUTPUT_PRETTY, write_notice,
         "08:15:20.114  notice  v2.users.u1.presence  {}\n");
}

/* --- pretty bodies ------------------------------------------------------- */

static void expect_body(const struct gcn__output* output, const char* body,
                        const char* expected) {
  struct gcn__buf out;
  gcn_event_t event = {.topic = span("t"), .body = span(body)};
  gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
  assert_int_equal(gcn__output_event(output, &out, &event), 0);
  assert_int_equal(gcn__buf_append(&out, "", 1), 0);
  assert_string_equal(gcn__buf_span(&out).data, expected);
  gcn__buf_deinit(&out);
}

static void test_cut(void** state) {
  (void)state;
  struct gcn__output output = {.form = GCN__OUTPUT_PRETTY, .width = 30};
  expect_body(&output, "{\"a\":1}", "00:00:00.000  t  {\"a\":1}\n");
  expect_body(&output, "\"123456789012345678\"",
              "00:00:00.000  t  \"123456789012345678\"\n");
  expect_body(&output, "\"1234567890123456789\"",
              "00:00:00.000  t  \"123456789012345678…\n");
  expect_body(&output, "\"éééééééééééééééééééé\"",
              "00:00:00.000  t  \"éééééééééééééééééé…\n");
  expect_body(&output, "[\033,\n1]", "00:00:00.000  t  [\\u001b,\\u000a1]\n");
}

static void test_whole(void** state) {
  (void)state;
  struct gcn__output output = {.form = GCN__OUTPUT_PRETTY, .whole = true};
  expect_body(&output, "{\"a\" : [1,{}, [ ]],\n\"b\":\"x:,]\\\"\",\"c\":null}",
              "00:00:00.000  t  \n  {\n    \"a\": [\n      1,\n      {},\n"
              "      []\n    ],\n    \"b\": \"x:,]\\\"\",\n    \"c\": null\n"
              "  }\n");
  expect_body(&output, "-1.5e3", "00:00:00.000  t  \n  -1.5e3\n");
  output.colors = true;
  expect_body(&output, "{\"k\":\"v\"}",
              "\033[2m00:00:00.000\033[0m  \033[36mt\033[0m  \n  {\n    "
              "\033[36m\"k\"\033[0m: \033[32m\"v\"\033[0m\n  }\n");
}

/* Whatever stands in a body, even if it is no JSON, ends within its bytes. */
static void test_whole_garbage(void** state) {
  (void)state;
  static const char* const bodies[] = {"\"", "\"\\",    "{",      "[[[", "]]]",
                                       ":,", "\"a\\\"", "{\"a\"", "nul", "\n"};
  struct gcn__output output = {.form = GCN__OUTPUT_PRETTY, .whole = true};
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    size_t size = strlen(bodies[i]);
    char* exact = malloc(size); /* so that a sanitizer sees the end */
    assert_non_null(exact);
    memcpy(exact, bodies[i], size);
    gcn_event_t event = {.topic = span("t"), .body = {exact, size}};
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, 1 << 20);
    assert_int_equal(gcn__output_event(&output, &out, &event), 0);
    struct gcn__span line = gcn__buf_span(&out);
    assert_int_equal(line.data[line.size - 1], '\n');
    gcn__buf_deinit(&out);
    free(exact);
  }
}

/* --- the rest ------------------------------------------------------------ */

static int write_stats(const struct gcn__output* output, struct gcn__buf* out) {
  (void)output;
  const gcn_stats_t stats = {.state = GCN_STREAMING,
                             .events = 5,
                             .last_event_age = UINT64_MAX,
                             .last_frame_age = 12};
  return gcn__output_stats(out, 0, &stats);
}

static void test_stats(void** state) {
  (void)state;
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 4096);
  assert_int_equal(write_stats(NULL, &out), 0);
  struct gcn__json* root = gcn__json_parse(gcn__buf_span(&out), NULL);
  double number = 0;
  assert_non_null(root);
  const struct gcn__json* never = gcn__json_get(root, "lastEventAgeMs");
  const struct gcn__json* recent = gcn__json_get(root, "lastFrameAgeMs");
  assert_true(gcn__json_number(gcn__json_get(root, "events"), &number));
  assert_true(number > 4.5 && number < 5.5);
  assert_false(gcn__json_number(never, &number));
  assert_true(gcn__json_number(recent, &number));
  assert_true(gcn__span_is(gcn__json_member(root, "state"), "streaming"));
  gcn__json_free(root, false);
  gcn__buf_deinit(&out);
}

static void test_forms(void** state) {
  (void)state;
  enum gcn__output_form form;
  assert_true(gcn__output_form_of("raw", &form));
  assert_int_equal(form, GCN__OUTPUT_RAW);
  assert_true(gcn__output_form_of("pretty", &form));
  assert_int_equal(form, GCN__OUTPUT_PRETTY);
  assert_false(gcn__output_form_of("JSON", &form));
  assert_false(gcn__output_form_of("", &form));
}

/* With no memory, or too small a buffer, at any point: an error, no more. */
static void test_failing_memory(void** state) {
  (void)state;
  static const write_fn writers[] = {
      write_event, write_decoded, write_lost,   write_open,    write_topic,
      write_gap,   write_stats,   write_notice, write_rotation};
  for (int form = GCN__OUTPUT_JSON; form <= GCN__OUTPUT_PRETTY; form++) {
    struct gcn__output output = {.form = (enum gcn__output_form)form};
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
      for (size_t limit = 0;; limit++) {
        struct mem_probe probe = {.fail_at = limit < 3 ? limit : 0};
        struct gcn__mem mem = mem_probe_mem(&probe);
        struct gcn__buf out;
        gcn__buf_init(&out, &mem, limit < 3 ? 4096 : limit);
        int error = writers[i](&output, &out);
        gcn__buf_deinit(&out);
        assert_int_equal(probe.live_size, 0);
        if (limit >= 3 && error == 0) break;
        bool known = error == 0 || error == UV_ENOMEM || error == GCN_ELIMIT;
        assert_true(known);
        assert_true(limit < 4096);
      }
    }
  }
}

static int set_up(void** state) {
  (void)state;
  setenv("TZ", "UTC", 1);
  tzset();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_event),
      cmocka_unit_test(test_raw_decoded),
      cmocka_unit_test(test_stream_event),
      cmocka_unit_test(test_stream_event_of_little),
      cmocka_unit_test(test_stream_decoded),
      cmocka_unit_test(test_stream_pretty),
      cmocka_unit_test(test_checkpoint),
      cmocka_unit_test(test_dropped),
      cmocka_unit_test(test_lost),
      cmocka_unit_test(test_open),
      cmocka_unit_test(test_others),
      cmocka_unit_test(test_rotation),
      cmocka_unit_test(test_cut),
      cmocka_unit_test(test_whole),
      cmocka_unit_test(test_whole_garbage),
      cmocka_unit_test(test_stats),
      cmocka_unit_test(test_forms),
      cmocka_unit_test(test_failing_memory),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}
