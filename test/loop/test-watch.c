/* SPDX-License-Identifier: MIT */
/*
 * What a client says of itself: statistics as JSON and as OpenMetrics text, the
 * flight recorder; and what the user may say about waits.
 */
#include "service.h"

#include "base/mem.h"
#include "codec/json.h"
#include "core/record-reader.h"
#include "core/replay.h"
#include "unit/mem-probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- statistics ----------------------------------------------------------- */

static uint64_t number_of(const struct gcn__json* object, const char* key) {
  double value = -1;
  const struct gcn__json* member = gcn__json_get(object, key);
  assert_non_null(member);
  assert_true(gcn__json_number(member, &value));
  return (uint64_t)value;
}

static void stream_and_break(struct user* user, struct service* service) {
  service_stream(user, service);
  service_emit_many(service, 7);
  service_await_events(user, 7);
  user->streaming = false;
  service_do(service, "tcp.reset");
  harness_until(service->loop, &user->streaming);
}

static void test_json(void** state) {
  struct service service;
  struct user user = {.client = NULL};
  static char text[16384];
  service_open_plain(&service, *state);
  stream_and_break(&user, &service);
  int size = gcn_client_stats_json(user.client, text, sizeof text);
  assert_in_range(size, 1, (int)sizeof text - 1);
  assert_int_equal(strlen(text), size);
  assert_int_equal(gcn_client_stats_json(user.client, NULL, 0), size);
  assert_int_equal(gcn_client_stats_json(user.client, NULL, 1), UV_EINVAL);
  assert_int_equal(gcn_client_stats_json(NULL, text, 1), UV_EINVAL);
  assert_null(strstr(text, "s3cr3t"));
  assert_null(strstr(text, "127.0.0.1"));
  gcn_stats_t stats = service_stats(&user);
  struct gcn__json* root = gcn__json_parse(gcn__span(text, (size_t)size), NULL);
  assert_non_null(root);
  assert_int_equal(number_of(root, "events"), stats.events);
  assert_int_equal(number_of(root, "gaps"), 1);
  assert_int_equal(number_of(root, "reused"), 1);
  assert_int_equal(number_of(root, "streams"), 2);
  gcn__json_free(root, false);
  /* What does not fit is cut, and still a text. */
  char small[16];
  memset(small, 'x', sizeof small);
  assert_int_equal(gcn_client_stats_json(user.client, small, 8), size);
  assert_int_equal(strlen(small), 7);
  assert_int_equal(small[8], 'x');
  user_finish(&user);
  service_close(&service);
}

static void test_metrics(void** state) {
  struct service service;
  struct user user = {.client = NULL};
  static char text[65536];
  service_open_plain(&service, *state);
  stream_and_break(&user, &service);
  int size = gcn_client_metrics(user.client, text, sizeof text);
  assert_in_range(size, 1, (int)sizeof text - 1);
  assert_string_equal(text + size - 6, "# EOF\n");
  assert_non_null(strstr(text, "\ngcn_events_received_total 7\n"));
  assert_non_null(strstr(text, "\ngcn_gaps_total 1\n"));
  assert_non_null(
      strstr(text, "gcn_connection_state{slot=\"0\",state=\"streaming\"} 1"));
  assert_null(strstr(text, "slot=\"1\""));
  assert_null(strstr(text, "s3cr3t"));
  assert_int_equal(gcn_client_metrics(user.client, NULL, 1), UV_EINVAL);
  user_finish(&user);
  service_close(&service);
}

/* --- the flight recorder -------------------------------------------------- */

static char* dump_of(const gcn_client_t* client, int64_t* size) {
  *size = gcn_client_record(client, NULL, 0);
  assert_true(*size > 0);
  char* bytes = malloc((size_t)*size);
  assert_non_null(bytes);
  assert_int_equal(gcn_client_record(client, bytes, (size_t)*size), *size);
  return bytes;
}

static void test_record_replays(void** state) {
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, *state);
  stream_and_break(&user, &service);
  gcn_client_rotate(user.client);
  service_live(&service, 100);
  int64_t size;
  char* bytes = dump_of(user.client, &size);
  struct gcn__record_reader reader;
  struct gcn__span dump = {bytes, (size_t)size};
  const char* problem = gcn__record_reader_init(&reader, dump);
  if (problem != NULL) fail_msg("the dump %s", problem);
  assert_true(reader.unix_ms > 1500000000000);
  struct gcn__replay* replay = malloc(sizeof *replay);
  assert_non_null(replay);
  gcn__replay_init(replay, &reader.settings);
  struct gcn__record record;
  struct gcn__record now;
  unsigned count = 0;
  bool streamed = false;
  while (gcn__record_reader_next(&reader, &record)) {
    assert_int_equal(gcn__replay_step(replay, &record, &now), 0);
    streamed = streamed || record.to == GCN__STATE_STREAMING;
    count++;
  }
  assert_true(count > 10);
  assert_true(streamed);
  free(replay);
  free(bytes);
  user_finish(&user);
  service_close(&service);
}

static bool holds(const char* bytes, int64_t size, const char* text) {
  for (int64_t i = 0; i + (int64_t)strlen(text) <= size; i++) {
    if (memcmp(bytes + i, text, strlen(text)) == 0) return true;
  }
  return false;
}

static void test_record_has_no_secret(void** state) {
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, *state);
  stream_and_break(&user, &service);
  int64_t size;
  char* bytes = dump_of(user.client, &size);
  assert_false(holds(bytes, size, "s3cr3t"));
  assert_false(holds(bytes, size, "127.0.0.1"));
  assert_false(holds(bytes, size, "v2.users"));
  assert_true(holds(bytes, size, "STREAMING") ||
              holds(bytes, size, "streaming"));
  free(bytes);
  assert_int_equal(gcn_client_record(NULL, NULL, 0), UV_EINVAL);
  assert_int_equal(gcn_client_record(user.client, NULL, 1), UV_EINVAL);
  user_finish(&user);
  service_close(&service);
}

static void test_record_can_be_off_or_small(void** state) {
  struct service service;
  struct user user = {.client = NULL};
  service_open_plain(&service, *state);
  gcn_options_t options = user_options(&user, service.url);
  options.record_size = UINT64_MAX;
  service_stream_with(&user, &service, &options);
  assert_int_equal(gcn_client_record(user.client, NULL, 0), 0);
  user_finish(&user);
  struct user other = {.client = NULL};
  options = user_options(&other, service.url);
  options.record_size = 1024;
  service_stream_with(&other, &service, &options);
  for (int i = 0; i < 60; i++) {
    if (i < 8) service_do(&service, "tcp.reset");
    other.streaming = false;
    if (i < 8) harness_until(*state, &other.streaming);
    if (i >= 8) gcn_client_reconnect_now(other.client); /* notes that come */
    harness_settle(*state);
    if (i >= 8) gcn_client_set_credentials(other.client, "id", "s3cr3t");
    harness_settle(*state);
  }
  int64_t size;
  char* bytes = dump_of(other.client, &size);
  struct gcn__record_reader reader;
  struct gcn__span dump = {bytes, (size_t)size};
  assert_null(gcn__record_reader_init(&reader, dump));
  assert_true(reader.overwritten > 0);
  free(bytes);
  user_finish(&other);
  service_close(&service);
}

/* --- waits of the user's -------------------------------------------------- */

struct choosy {
  struct user user;
  uint64_t choice;
  unsigned asked;
  uint64_t failures; /* of the last question */
};

static uint64_t choose(void* data, uint64_t failures, uint64_t delay) {
  struct choosy* choosy = data;
  assert_in_range(delay, 1, 100000);
  choosy->asked++;
  choosy->failures = failures;
  return choosy->choice;
}

static void test_retry_callback(void** state) {
  uv_loop_t* loop = *state;
  struct choosy choosy = {.choice = 40};
  struct user* user = &choosy.user;
  gcn_options_t options = user_options(user, "http://127.0.0.1:1");
  options.retry_cb = choose;
  options.retry_floor_ms = 10;
  options.retry_cap_ms = 60;
  options.retry_after_ms_max = 60; /* no wait may be longer */
  user_new(user, loop, &options);
  gcn_client_start(user->client);
  harness_until(loop, &user->backing_off);
  assert_int_equal(choosy.asked, 1);
  assert_int_equal(choosy.failures, 1);
  assert_int_equal(user->retry_in, 40);
  choosy.choice = 1000000; /* clamped by the cap */
  user->backing_off = false;
  harness_until(loop, &user->backing_off);
  assert_int_equal(choosy.failures, 2);
  assert_int_equal(user->retry_in, 60);
  choosy.choice = 0; /* and by the floor */
  user->backing_off = false;
  harness_until(loop, &user->backing_off);
  assert_int_equal(user->retry_in, 10);
  user_finish(user);
}

/* Not below what the service asked for. */
static void test_retry_callback_and_the_service(void** state) {
  struct service service;
  struct choosy choosy = {.choice = 1};
  struct user* user = &choosy.user;
  service_open_plain(&service, *state);
  service_do(&service, "http.status POST /oauth/token 429 retry-after=1");
  gcn_options_t options = user_options(user, service.url);
  options.retry_cb = choose;
  service_stream_with(user, &service, &options);
  struct gcn__sim_visits visits = service_visits(&service, GCN__SIM_AT_TOKEN);
  assert_int_equal(visits.limited, 1);
  assert_int_equal(visits.early, 0);
  user_finish(user);
  service_close(&service);
}

/* --- memory --------------------------------------------------------------- */

static int ask_nobody(void* data, const char* host, uint16_t port,
                      gcn_connect_t* request) {
  (void)data;
  (void)host;
  (void)port;
  (void)request;
  return UV_ECANCELED;
}

static gcn_options_t rich_options(struct user* user) {
  gcn_options_t options = user_options(user, "http://127.0.0.1:1");
  options.grant = GCN_GRANT_SAML2_BEARER;
  options.assertion = "s3cr3t-assertion";
  options.refresh_token = "s3cr3t-refresh";
  options.org_name = "acme";
  options.credentials_cb = user_on_ask;
  options.connect_cb = ask_nobody;
  options.retry_cb = choose;
  options.proxy = "http://user:s3cr3t@127.0.0.1:3128";
  options.no_proxy = "other.example";
  options.record_size = 2048;
  options.user_agent = "memory/1";
  return options;
}

/* The n-th allocation fails, for all n: UV_ENOMEM, and nothing is left. */
static void test_new_without_memory(void** state) {
  uv_loop_t* loop = *state;
  for (int fail_on = 0; fail_on < 2; fail_on++) {
    bool made = false;
    for (size_t n = 1; !made; n++) {
      struct mem_probe probe = {.fail_at = n, .fail_on = fail_on};
      struct user user = {.loop = loop};
      gcn_options_t options = rich_options(&user);
      options.alloc_cb = mem_probe_resize;
      options.alloc_data = &probe;
      int error = gcn_client_new(&user.client, loop, &options);
      made = error == 0;
      if (!made) assert_int_equal(error, UV_ENOMEM);
      if (made) user_finish(&user);
      assert_int_equal(probe.live_size, 0);
      assert_true(n < 1000);
      if (made) assert_true(n > 10);
    }
  }
  assert_int_equal(harness_handles(loop), 0);
}

static void test_hub_and_plan_without_memory(void** state) {
  uv_loop_t* loop = *state;
  const char* const topics[] = {"v2.users.1.presence", "v2.users.2.presence"};
  gcn_options_t options;
  gcn_options_init(&options);
  bool made = false;
  for (size_t n = 1; !made; n++) {
    struct mem_probe probe = {.fail_at = n};
    gcn_hub_t* hub = NULL;
    options.alloc_cb = mem_probe_resize;
    options.alloc_data = &probe;
    int error = gcn_hub_new(&hub, loop, &options);
    made = error == 0;
    if (!made) assert_int_equal(error, UV_ENOMEM);
    if (made) gcn_hub_release(hub);
    assert_int_equal(probe.live_size, 0);
  }
  made = false;
  for (size_t n = 1; !made; n++) {
    struct mem_probe probe = {.fail_at = n};
    gcn_plan_entry_t entries[2];
    gcn_plan_t plan;
    options.alloc_data = &probe;
    int error = gcn_plan(&options, topics, 2, entries, &plan);
    made = error == 0;
    if (!made) assert_int_equal(error, UV_ENOMEM);
    if (made) assert_int_equal(plan.topics, 2);
    assert_int_equal(probe.live_size, 0);
  }
}

static void test_record_without_memory(void** state) {
  struct service service;
  struct user user = {.client = NULL};
  struct mem_probe probe = {.fail_at = 0};
  service_open_plain(&service, *state);
  gcn_options_t options = user_options(&user, service.url);
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &probe;
  service_stream_with(&user, &service, &options);
  probe.fail_at = probe.count + 1;
  assert_int_equal(gcn_client_record(user.client, NULL, 0), UV_ENOMEM);
  assert_true(gcn_client_record(user.client, NULL, 0) > 0);
  user_finish(&user);
  assert_int_equal(probe.live_size, 0);
  service_close(&service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(test_json),
      LOOP_TEST(test_metrics),
      LOOP_TEST(test_record_replays),
      LOOP_TEST(test_record_has_no_secret),
      LOOP_TEST(test_record_can_be_off_or_small),
      LOOP_TEST(test_retry_callback),
      LOOP_TEST(test_retry_callback_and_the_service),
      LOOP_TEST(test_new_without_memory),
      LOOP_TEST(test_hub_and_plan_without_memory),
      LOOP_TEST(test_record_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
