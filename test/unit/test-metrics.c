/* SPDX-License-Identifier: MIT */
/*
 * client/metrics: both forms of the same numbers, each read by a strict reader
 * of its format; and what a real client says.
 */
#include "client/metrics.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "check.h"
#include "openmetrics.h"

enum { TEXT_SIZE = 1 << 16 };

static struct gcn__failure_counts failures;

/* Every field has a value of its own. */
static struct gcn__metrics_view example(void) {
  struct gcn__metrics_view view = {
      .state = GCN_STREAMING,
      .state_age_ms = 61234,
      .connection_count = 2,
      .connections = {{0, GCN_STREAMING, 61234}, {17, GCN_BACKING_OFF, 5}},
      .version = "0.1.0",
      .libuv_version = "1.44.2",
  };
  const struct gcn__metrics_row* row;
  for (size_t i = 0; (row = gcn__metrics_row(i)) != NULL; i++) {
    uint64_t value = 1000 + 7 * i;
    memcpy((char*)&view + row->offset, &value, sizeof value);
  }
  return view;
}

static char* text_of(const struct gcn__metrics_view* view) {
  static char text[TEXT_SIZE];
  int size = gcn__metrics_text(view, text, sizeof text);
  assert_true(size > 0 && size < TEXT_SIZE);
  assert_int_equal(strlen(text), size);
  return text;
}

static void assert_clean(const char* text) {
  size_t line;
  const char* problem = openmetrics_check(text, &line);
  if (problem != NULL) fail_msg("line %zu: %s", line, problem);
}

static void expect(const char* text, const char* series, const char* want) {
  char value[64];
  const char* found = openmetrics_value(text, series, value, sizeof value);
  if (want == NULL) {
    assert_null(found);
  } else {
    assert_non_null(found);
    assert_string_equal(found, want);
  }
}

static void the_text_is_openmetrics(void** state) {
  (void)state;
  struct gcn__metrics_view view = example();
  assert_clean(text_of(&view));
  view.failures_by = &failures;
  assert_clean(text_of(&view));
  view.connection_count = 0;
  assert_clean(text_of(&view));
  view.connection_count = GCN__METRICS_CONNECTION_COUNT_MAX;
  for (unsigned i = 0; i < view.connection_count; i++)
    view.connections[i].slot = i;
  assert_clean(text_of(&view));
}

static void every_number_is_in_the_text(void** state) {
  (void)state;
  struct gcn__metrics_view view = example();
  const char* text = text_of(&view);
  const struct gcn__metrics_row* row;
  for (size_t i = 0; (row = gcn__metrics_row(i)) != NULL; i++) {
    char series[256];
    char want[64];
    bool counts = row->kind == GCN__METRICS_COUNTER;
    snprintf(series, sizeof series, "%s%s", row->family,
             counts ? "_total" : "");
    if (row->label[0] != '\0') {
      snprintf(series + strlen(series), sizeof series - strlen(series),
               "{%s=\"%s\"}", row->label, row->value);
    }
    unsigned value = 1000 + 7 * (unsigned)i;
    if (row->unit == GCN__METRICS_MS) {
      snprintf(want, sizeof want, "%u.%03u", value / 1000, value % 1000);
    } else {
      snprintf(want, sizeof want, "%u", value);
    }
    expect(text, series, want);
  }
}

static void the_names_are_those_that_dashboards_use(void** state) {
  (void)state;
  struct gcn__metrics_view view = example();
  view.events = 12;
  view.gap_ms = 1005;
  view.token_requests = 3;
  view.last_event_age_ms = 0;
  view.dropped = 4;
  view.in_flight = 5;
  view.in_flight_size = 6;
  view.read_paused = 1;
  view.repeated = 7;
  view.saves = 8;
  view.saves_failed = 9;
  view.save_age_ms = 1010;
  view.spares = 11;
  view.spares_used = 10;
  view.spares_lost = 13;
  const char* text = text_of(&view);
  expect(text, "gcn_events_received_total", "12");
  expect(text, "gcn_gap_seconds_total", "1.005");
  expect(text, "gcn_http_requests_total{op=\"token\"}", "3");
  expect(text, "gcn_last_event_age_seconds", "0.000");
  expect(text, "gcn_events_dropped_total{reason=\"full\"}", "4");
  expect(text, "gcn_queue_events", "5");
  expect(text, "gcn_queue_bytes", "6");
  expect(text, "gcn_read_paused", "1");
  expect(text, "gcn_events_duplicate_total", "7");
  expect(text, "gcn_checkpoint_writes_total{result=\"ok\"}", "8");
  expect(text, "gcn_checkpoint_writes_total{result=\"failed\"}", "9");
  expect(text, "gcn_checkpoint_age_seconds", "1.010");
  expect(text, "gcn_spares_total{fate=\"made\"}", "11");
  expect(text, "gcn_spares_total{fate=\"used\"}", "10");
  expect(text, "gcn_spares_total{fate=\"lost\"}", "13");
  expect(text, "gcn_build_info{version=\"0.1.0\",libuv=\"1.44.2\"}", "1");
}

static void a_connection_is_in_one_state(void** state) {
  (void)state;
  struct gcn__metrics_view view = example();
  const char* text = text_of(&view);
  expect(text, "gcn_connection_state{slot=\"0\",state=\"streaming\"}", "1");
  expect(text, "gcn_connection_state{slot=\"0\",state=\"idle\"}", "0");
  expect(text, "gcn_connection_state{slot=\"17\",state=\"streaming\"}", "0");
  expect(text, "gcn_connection_state{slot=\"17\",state=\"backing off\"}", "1");
}

static void what_is_not_known_is_absent(void** state) {
  (void)state;
  struct gcn__metrics_view view = example();
  view.last_event_age_ms = GCN__METRICS_NONE;
  const char* text = text_of(&view);
  assert_clean(text);
  expect(text, "gcn_last_event_age_seconds", NULL);
  expect(text, "gcn_failures_total{layer=\"tls\",op=\"upgrade\"}", NULL);
}

static void failures_are_counted_by_class(void** state) {
  (void)state;
  struct gcn__failure_counts counts = {{{0}}};
  gcn_failure_t failure = {.layer = GCN_LAYER_TLS, .op = GCN_OP_UPGRADE};
  gcn__failure_counts_note(&counts, &failure);
  gcn__failure_counts_note(&counts, &failure);
  failure.layer = (gcn_layer_t)99; /* of a later version */
  gcn__failure_counts_note(&counts, &failure);
  failure = (gcn_failure_t){.op = (gcn_op_t)99};
  gcn__failure_counts_note(&counts, &failure);
  struct gcn__metrics_view view = example();
  view.failures_by = &counts;
  const char* text = text_of(&view);
  expect(text, "gcn_failures_total{layer=\"tls\",op=\"upgrade\"}", "2");
  expect(text, "gcn_failures_total{layer=\"tls\",op=\"token\"}", "0");
  expect(text, "gcn_failures_total{layer=\"dns\",op=\"unsubscribe\"}", "0");
  assert_null(strstr(text, "\"other\""));
}

static void label_values_are_escaped(void** state) {
  (void)state;
  struct gcn__metrics_view view = example();
  view.version = "a\\b\"c\nd\x01\xc3\xbc";
  const char* text = text_of(&view);
  assert_clean(text);
  assert_non_null(strstr(text, "version=\"a\\\\b\\\"c\\nd?\xc3\xbc\""));
  char json[TEXT_SIZE];
  gcn__metrics_json(&view, json, sizeof json);
  json_t* root = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(root);
  assert_string_equal(json_string_value(json_object_get(root, "version")),
                      "a\\b\"c\nd?\xc3\xbc");
  json_decref(root);
}

typedef int (*form)(const struct gcn__metrics_view* view, char* text,
                    size_t size);

/* For every size of memory: the beginning of the same text, with its NUL, and
 * never a byte behind the memory. */
static void too_little_memory_cuts_as_snprintf_does(void** state) {
  (void)state;
  static char whole[TEXT_SIZE];
  static char part[TEXT_SIZE + 1];
  static const form forms[] = {gcn__metrics_text, gcn__metrics_json};
  struct gcn__metrics_view view = example();
  for (size_t f = 0; f < 2; f++) {
    size_t needed = (size_t)forms[f](&view, whole, sizeof whole);
    assert_int_equal(forms[f](&view, NULL, 0), needed);
    for (size_t size = 1; size <= needed + 1; size += 1 + size / 7) {
      memset(part, '#', sizeof part);
      assert_int_equal(forms[f](&view, part, size), needed);
      assert_int_equal(part[size], '#');
      assert_int_equal(strlen(part), size - 1);
      assert_memory_equal(part, whole, size - 1);
    }
    assert_int_equal(forms[f](&view, part, needed + 1), needed);
    assert_string_equal(part, whole);
  }
}

static json_t* json_of(const struct gcn__metrics_view* view) {
  static char text[TEXT_SIZE];
  int size = gcn__metrics_json(view, text, sizeof text);
  assert_true(size > 0 && size < TEXT_SIZE);
  assert_null(strchr(text, '\n'));
  json_t* root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(root);
  return root;
}

static void every_number_is_in_the_json(void** state) {
  (void)state;
  static const char* const parts[] = {
#define PART(name, key) key,
      GCN__METRICS_GROUP_MAP(PART)
#undef PART
  };
  struct gcn__metrics_view view = example();
  json_t* root = json_of(&view);
  const struct gcn__metrics_row* row;
  size_t count = 0;
  for (; (row = gcn__metrics_row(count)) != NULL; count++) {
    const char* part = parts[row->group];
    json_t* object = part[0] == '\0' ? root : json_object_get(root, part);
    json_t* value = json_object_get(object, row->key);
    assert_true(json_is_integer(value));
    assert_int_equal(json_integer_value(value), 1000 + 7 * count);
  }
  assert_true(count > 20);
  assert_string_equal(json_string_value(json_object_get(root, "state")),
                      "streaming");
  assert_int_equal(json_integer_value(json_object_get(root, "stateage")),
                   61234);
  json_decref(root);
}

static void connections_and_failures_are_objects(void** state) {
  (void)state;
  struct gcn__failure_counts counts = {{{0}}};
  struct gcn__metrics_view view = example();
  view.last_event_age_ms = GCN__METRICS_NONE;
  json_t* root = json_of(&view);
  json_t* list = json_object_get(root, "connections");
  assert_int_equal(json_array_size(list), 2);
  json_t* second = json_array_get(list, 1);
  assert_int_equal(json_integer_value(json_object_get(second, "slot")), 17);
  assert_string_equal(json_string_value(json_object_get(second, "state")),
                      "backing off");
  assert_true(json_is_null(json_object_get(root, "last_event_age")));
  assert_null(json_object_get(root, "failures_by"));
  json_decref(root);
  view.failures_by = &counts;
  root = json_of(&view);
  assert_int_equal(json_array_size(json_object_get(root, "failures_by")), 0);
  json_decref(root);
  counts.counts[GCN_LAYER_DNS][GCN_OP_NONE] = 4;
  counts.counts[GCN_LAYER_SERVICE][GCN_OP_TOKEN] = 5;
  root = json_of(&view);
  list = json_object_get(root, "failures_by");
  assert_int_equal(json_array_size(list), 2);
  second = json_array_get(list, 1);
  assert_string_equal(json_string_value(json_object_get(second, "layer")),
                      "service");
  assert_string_equal(json_string_value(json_object_get(second, "op")),
                      "token");
  assert_int_equal(json_integer_value(json_object_get(second, "count")), 5);
  json_decref(root);
}

/* The reader of this test is worth its name: it refuses what is wrong. */
static void the_reader_is_strict(void** state) {
  (void)state;
  static const char* const wrong[] = {
      "",
      "# TYPE a gauge\n# HELP a x\na 1\n",
      "# TYPE a gauge\n# HELP a x\na 1\n# EOF",
      "# TYPE a gauge\n# HELP a x\na 1\n# EOF\n\n",
      "# TYPE a gauge\n# HELP a x\n\na 1\n# EOF\n",
      "a 1\n# EOF\n",
      "# TYPE a counter\n# HELP a x\na 1\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na_total 1\n# EOF\n",
      "# TYPE a_total counter\n# HELP a_total x\na_total_total 1\n# EOF\n",
      "# TYPE a thing\n# HELP a x\na 1\n# EOF\n",
      "# TYPE a gauge\na 1\n# EOF\n",
      "# TYPE a gauge\n# UNIT a seconds\n# HELP a x\na 1\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na 1\na 2\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na 1\n# TYPE a gauge\n# EOF\n",
      "# TYPE a gauge\n# HELP b x\na 1\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na{b=\"c} 1\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na{b=\"\\c\"} 1\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na{b=c} 1\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na{} 1\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na  1\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na 1,5\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na 1.\n# EOF\n",
      "# TYPE a gauge\n# HELP a x\na 1 \n# EOF\n",
      "#TYPE a gauge\n# HELP a x\na 1\n# EOF\n",
  };
  size_t line;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    if (openmetrics_check(wrong[i], &line) == NULL) {
      fail_msg("accepted: %s", wrong[i]);
    }
  }
  assert_null(openmetrics_check("# TYPE a_bytes counter\n# UNIT a_bytes bytes\n"
                                "# HELP a_bytes x\na_bytes_total{b=\"c\\\"\","
                                "d=\"\"} 1.5\n# EOF\n",
                                &line));
}

static void a_client_tells_both(void** state) {
  (void)state;
  static char text[TEXT_SIZE];
  uv_loop_t loop;
  gcn_client_t* client = NULL;
  gcn_options_t options;
  gcn_options_init(&options);
  options.region = "mypurecloud.de";
  options.client_id = "the-client-id";
  options.client_secret = "the-client-secret";
  assert_int_equal(uv_loop_init(&loop), 0);
  assert_int_equal(gcn_client_new(&client, &loop, &options), 0);
  int size = gcn_client_metrics(client, text, sizeof text);
  assert_int_equal(strlen(text), size);
  assert_clean(text);
  expect(text, "gcn_connection_state{slot=\"0\",state=\"idle\"}", "1");
  expect(text, "gcn_events_received_total", "0");
  expect(text, "gcn_last_event_age_seconds", NULL);
  assert_null(strstr(text, "the-client"));
  assert_int_equal(gcn_client_metrics(client, NULL, 0), size);
  assert_int_equal(gcn_client_metrics(client, NULL, 1), UV_EINVAL);
  assert_int_equal(gcn_client_metrics(NULL, text, 1), UV_EINVAL);
  size = gcn_client_stats_json(client, text, sizeof text);
  assert_int_equal(strlen(text), size);
  assert_null(strstr(text, "the-client"));
  json_t* root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  assert_string_equal(json_string_value(json_object_get(root, "version")),
                      gcn_version_string());
  json_decref(root);
  assert_int_equal(gcn_client_stats_json(client, NULL, 0), size);
  assert_int_equal(gcn_client_stats_json(client, NULL, 1), UV_EINVAL);
  assert_int_equal(gcn_client_stats_json(NULL, text, 1), UV_EINVAL);
  assert_int_equal(gcn_client_close(client, NULL), 0);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_text_is_openmetrics),
      cmocka_unit_test(every_number_is_in_the_text),
      cmocka_unit_test(the_names_are_those_that_dashboards_use),
      cmocka_unit_test(a_connection_is_in_one_state),
      cmocka_unit_test(what_is_not_known_is_absent),
      cmocka_unit_test(failures_are_counted_by_class),
      cmocka_unit_test(label_values_are_escaped),
      cmocka_unit_test(too_little_memory_cuts_as_snprintf_does),
      cmocka_unit_test(every_number_is_in_the_json),
      cmocka_unit_test(connections_and_failures_are_objects),
      cmocka_unit_test(the_reader_is_strict),
      cmocka_unit_test(a_client_tells_both),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
