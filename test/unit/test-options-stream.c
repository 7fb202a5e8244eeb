/* SPDX-License-Identifier: MIT */
/*
 * Options of the dialect: the shape as the user has it, and the helpers that a
 * user makes it with.
 */
#include "check.h"

#include "client/options.h"
#include "mem-probe.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static gcn_options_t stream_options(void) {
  gcn_options_t options;
  gcn_options_init(&options);
  options.client_id = "id";
  options.client_secret = "s3cr3t-value";
  options.dialect = GCN_DIALECT_STREAM;
  return options;
}

static struct gcn__config make(const gcn_options_t* options) {
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  int error = gcn__config_make(options, &config, why);
  if (error != 0) fail_msg("refused: %s", why);
  return config;
}

static void expect_refusal(const gcn_options_t* options, const char* words) {
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  assert_int_equal(gcn__config_make(options, &config, why), GCN_ECONFIG);
  if (strstr(why, words) == NULL) fail_msg("\"%s\" lacks \"%s\"", why, words);
}

/* --- options -------------------------------------------------------------- */

static void test_dialect(void** state) {
  (void)state;
  gcn_stream_t stream;
  gcn_options_t options = stream_options();
  options.dialect = GCN_DIALECT_CHANNELS;
  struct gcn__config config = make(&options);
  assert_false(config.stream);
  assert_int_equal(config.settings.combine, 1);
  assert_int_equal(config.settings.ping_ms, 0);
  gcn_stream_init(&stream, GCN_PRESET_GUIDE);
  options.stream = &stream;
  expect_refusal(&options, "stream is set, but dialect is "
                           "GCN_DIALECT_CHANNELS");
  options.dialect = (gcn_dialect_t)2;
  expect_refusal(&options, "dialect is not GCN_DIALECT_CHANNELS or");
  options = stream_options();
  options.validate = (gcn_validate_t)2;
  expect_refusal(&options, "validate is not GCN_VALIDATE_STRICT or");
  options.validate = GCN_VALIDATE_SHALLOW;
  assert_int_equal(make(&options).scrutiny, GCN__SCRUTINY_SHALLOW);
}

/* Nothing said is the guide's way (PROTOCOL §6.1). */
static void test_defaults(void** state) {
  (void)state;
  gcn_options_t options = stream_options();
  struct gcn__config config = make(&options);
  assert_true(config.stream);
  assert_string_equal(config.shape.path, "/api/v2/notifications/stream");
  assert_string_equal(config.shape.token_param, "access_token");
  assert_string_equal(config.shape.resume_param, "lastEventId");
  assert_int_equal(config.shape.subs_in, GCN__SUBS_IN_QUERY);
  assert_int_equal(config.shape.batch_count_max, 100);
  assert_int_equal(config.settings.combine, 0);
  assert_int_equal(config.settings.ping_ms, 30000);
  assert_int_equal(config.settings.ping_answer_ms, 10000);
  assert_int_equal(config.settings.pings_missed_max, 3);
  options.ping_ms = 45000;
  options.pings_missed_max = 5;
  config = make(&options);
  assert_int_equal(config.settings.ping_ms, 45000);
  assert_int_equal(config.settings.pings_missed_max, 5);
}

/* Every preset passes the check and comes out as it went in. */
static void test_presets(void** state) {
  (void)state;
  for (int i = 0; i < GCN_PRESET_COUNT; i++) {
    gcn_stream_t stream;
    gcn_options_t options = stream_options();
    gcn_stream_init(&stream, (gcn_preset_t)i);
    assert_int_equal(stream.size, sizeof stream);
    options.stream = &stream;
    struct gcn__config config = make(&options);
    struct gcn__shape shape = gcn__shape_of((enum gcn__preset)i);
    assert_string_equal(config.shape.path, shape.path);
    assert_int_equal(config.shape.token_in, shape.token_in);
    assert_string_equal(config.shape.token_param, shape.token_param);
    assert_int_equal(config.shape.subs_in, shape.subs_in);
    assert_int_equal(config.shape.form, shape.form);
    assert_string_equal(config.shape.subs_param, shape.subs_param);
    assert_string_equal(config.shape.subs_path, shape.subs_path);
    assert_string_equal(config.shape.ticket_path, shape.ticket_path);
    assert_string_equal(config.shape.preflight_path, shape.preflight_path);
    assert_string_equal(config.shape.resume_param, shape.resume_param);
    assert_string_equal(config.shape.since_param, shape.since_param);
    assert_string_equal(config.shape.batch_param, shape.batch_param);
    assert_string_equal(config.shape.latency_param, shape.latency_param);
    assert_int_equal(config.shape.batch_count_max, shape.batch_count_max);
    assert_int_equal(config.shape.latency_ms, shape.latency_ms);
    assert_int_equal(config.shape.url_size_max, shape.url_size_max);
    assert_int_equal(config.shape.limit_is_4001, shape.limit_is_4001);
  }
}

static void test_changed(void** state) {
  (void)state;
  gcn_stream_t stream;
  gcn_options_t options = stream_options();
  options.stream = &stream;
  gcn_stream_init(&stream, GCN_PRESET_GUIDE);
  stream.path = "/gateway/stream";
  stream.resume_param = NULL;
  stream.url_size_max = 0;
  struct gcn__config config = make(&options);
  assert_string_equal(config.shape.path, "/gateway/stream");
  assert_string_equal(config.shape.resume_param, "");
  assert_int_equal(config.shape.url_size_max, 8000);
}

static void test_refused(void** state) {
  (void)state;
  gcn_stream_t stream;
  gcn_options_t options = stream_options();
  options.stream = &stream;
#define REFUSED(change, words)                                                 \
  gcn_stream_init(&stream, GCN_PRESET_GUIDE);                                  \
  change;                                                                      \
  expect_refusal(&options, words)
  REFUSED(stream.size = 0, "stream: size is not set; call gcn_stream_init");
  REFUSED(stream.token_in = (gcn_token_in_t)2, "stream: token_in is not");
  REFUSED(stream.subscriptions_in = (gcn_subscriptions_in_t)3,
          "stream: subscriptions_in is not one of");
  REFUSED(stream.form = (gcn_form_t)3, "stream: form is not one of");
  REFUSED(stream.latency_ms = UINT64_MAX, "stream: latency_ms is over a year");
  REFUSED(stream.path = NULL, "stream: path");
  REFUSED(stream.path = "x?y", "stream: ");
  REFUSED(stream.token_param = NULL, "token_param");
  REFUSED(stream.subscriptions_in = GCN_SUBSCRIPTIONS_IN_POST,
          "subscriptions_path");
#undef REFUSED
}

/* A program that was compiled when the struct ended earlier has set what it
 * knows; the rest is not used. */
static void test_sizes(void** state) {
  (void)state;
  gcn_options_t options = stream_options();
  for (size_t size = offsetof(gcn_stream_t, latency_ms);
       size <= sizeof(gcn_stream_t); size += sizeof(uint64_t)) {
    gcn_stream_t stream;
    memset(&stream, 0xff, sizeof stream);
    gcn_stream_init_sized(&stream, size, GCN_PRESET_MESSAGE);
    assert_int_equal(stream.size, size);
    options.stream = &stream;
    struct gcn__config config = make(&options);
    bool all = size == sizeof stream;
    assert_int_equal(config.shape.limit_is_4001, all);
    assert_int_equal(config.shape.url_size_max, 8000);
    const unsigned char* rest = (const unsigned char*)&stream + size;
    if (!all) assert_int_equal(*rest, 0xff); /* not its memory */
  }
  struct {
    gcn_stream_t known;
    uint64_t later;
  } newer = {.later = 1};
  gcn_stream_init_sized(&newer.known, sizeof newer, GCN_PRESET_GUIDE);
  assert_int_equal(newer.later, 0);
  options.stream = &newer.known;
  make(&options);
  newer.later = 1;
  expect_refusal(&options, "stream: a field is set that this library");
  gcn_stream_init_sized(NULL, sizeof newer, GCN_PRESET_GUIDE);
}

/* --- helpers -------------------------------------------------------------- */

static void test_preset_names(void** state) {
  (void)state;
  static const char* const names[] = {"guide", "rest", "sdk", "message",
                                      "ticket"};
  for (int i = 0; i < GCN_PRESET_COUNT; i++) {
    assert_string_equal(gcn_preset_name((gcn_preset_t)i), names[i]);
    assert_int_equal(gcn_preset_find(names[i]), i);
  }
  assert_null(gcn_preset_name(GCN_PRESET_COUNT));
  assert_int_equal(gcn_preset_find("thread-c"), GCN_PRESET_MESSAGE);
  assert_int_equal(gcn_preset_find("Guide "), GCN_PRESET_COUNT);
  assert_int_equal(gcn_preset_find(NULL), GCN_PRESET_COUNT);
}

static void test_subscription(void** state) {
  (void)state;
  static const char json[] =
      "{\"event\":\"routing.queueEvents\",\"resourceId\":\"abc-123\","
      "\"filters\":{\"eventType\":[\"QUEUE_ADD\",\"QUEUE_REMOVE\"]}}";
  static const char line[] =
      "routing.queueEvents@abc-123?eventType=QUEUE_ADD,QUEUE_REMOVE";
  char text[128];
  int size = (int)strlen(line);
  assert_int_equal(gcn_subscription(json, text, sizeof text), size);
  assert_string_equal(text, line);
  assert_int_equal(gcn_subscription(json, NULL, 0), size);
  assert_int_equal(gcn_subscription(json, text, 8), size);
  assert_string_equal(text, "routing");
  assert_null(gcn__client_topic_check(true, gcn__span_str(line)));
}

static void test_wrong_subscription(void** state) {
  (void)state;
  static const char* const wrong[] = {
      "", "x", "[]", "{}", "{\"event\":1}", "{\"event\":\"a\"} {"};
  char text[128];
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    text[0] = '\0';
    assert_int_equal(gcn_subscription(wrong[i], text, sizeof text), UV_EINVAL);
    if (text[0] == '\0') fail_msg("%s: why not?", wrong[i]);
    assert_int_equal(gcn_subscription(wrong[i], NULL, 0), UV_EINVAL);
  }
  assert_int_equal(gcn_subscription(NULL, text, sizeof text), UV_EINVAL);
  assert_int_equal(gcn_subscription("{}", NULL, 1), UV_EINVAL);
  char longer[1200] = "{\"event\":\"";
  memset(longer + 10, 'e', 1001);
  memcpy(longer + 1011, "\"}", 3);
  assert_int_equal(gcn_subscription(longer, text, sizeof text), UV_EINVAL);
  assert_non_null(strstr(text, "1000 bytes"));
}

static void test_topic_check(void** state) {
  (void)state;
  assert_null(gcn__client_topic_check(false, GCN__SPAN("v2.users.u.presence")));
  assert_non_null(gcn__client_topic_check(false, GCN__SPAN("")));
  assert_non_null(gcn__client_topic_check(true, GCN__SPAN("")));
  assert_null(gcn__client_topic_check(true, GCN__SPAN("a.b@c?d=%22")));
  assert_non_null(gcn__client_topic_check(true, GCN__SPAN("a.b@c?d=%2")));
}

/* --- plan ----------------------------------------------------------------- */

static void test_plan(void** state) {
  (void)state;
  char longest[1002];
  memset(longest, 'x', 1001);
  longest[1000] = '\0';
  const char* const subscriptions[] = {"routing.queueEvents@q-1?eventType=A,B",
                                       "routing.queueEvents@q-1",
                                       "a b",
                                       longest,
                                       "ROUTING.queueEvents@q-1",
                                       NULL};
  gcn_options_t options = stream_options();
  gcn_plan_entry_t entries[6];
  gcn_plan_t plan;
  assert_int_equal(gcn_plan(&options, subscriptions, 6, entries, &plan), 0);
  assert_int_equal(plan.connections, 1);
  assert_int_equal(plan.topics, 3);
  assert_int_equal(plan.names, 3);
  assert_int_equal(entries[0].error, 0);
  assert_string_equal(entries[0].name, subscriptions[0]);
  assert_int_equal(entries[2].error, UV_EINVAL);
  assert_int_equal(entries[3].error, 0);
  assert_string_equal(entries[3].name, ""); /* there is no room for it */
  assert_int_equal(entries[4].error, UV_EEXIST);
  assert_int_equal(entries[5].error, UV_EINVAL);
}

/* What the URL does not hold goes to another connection. */
static void test_plan_by_length(void** state) {
  (void)state;
  enum { COUNT = 60 };
  char names[COUNT][64];
  const char* subscriptions[COUNT];
  for (int i = 0; i < COUNT; i++) {
    snprintf(names[i], sizeof names[i], "routing.queueEvents@%036d", i);
    subscriptions[i] = names[i];
  }
  gcn_stream_t stream;
  gcn_stream_init(&stream, GCN_PRESET_GUIDE);
  gcn_options_t options = stream_options();
  options.stream = &stream;
  gcn_plan_entry_t entries[COUNT];
  gcn_plan_t plan;
  assert_int_equal(gcn_plan(&options, subscriptions, COUNT, entries, &plan), 0);
  assert_in_range(plan.connections, 2, 6);
  assert_int_equal(plan.topics, COUNT);
  assert_int_equal(entries[0].connection_index, 0);
  assert_true(entries[COUNT - 1].connection_index > 0);
  stream.subscriptions_in = (gcn_subscriptions_in_t)9;
  assert_int_equal(gcn_plan(&options, subscriptions, COUNT, entries, &plan),
                   UV_EINVAL);
}

static void test_plan_without_memory(void** state) {
  (void)state;
  const char* const subscriptions[] = {"a.b@c", "a.b@d?e=f", "?"};
  struct mem_probe probe = {.fail_at = 0};
  gcn_options_t options = stream_options();
  gcn_plan_t plan;
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &probe;
  assert_int_equal(gcn_plan(&options, subscriptions, 3, NULL, &plan), 0);
  assert_int_equal(probe.live_size, 0);
  size_t count = probe.count;
  for (size_t n = 1; n <= count; n++) {
    probe = (struct mem_probe){.fail_at = n};
    assert_int_equal(gcn_plan(&options, subscriptions, 3, NULL, &plan),
                     UV_ENOMEM);
    assert_int_equal(probe.live_size, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dialect),
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_presets),
      cmocka_unit_test(test_changed),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_preset_names),
      cmocka_unit_test(test_subscription),
      cmocka_unit_test(test_wrong_subscription),
      cmocka_unit_test(test_topic_check),
      cmocka_unit_test(test_plan),
      cmocka_unit_test(test_plan_by_length),
      cmocka_unit_test(test_plan_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
