/* SPDX-License-Identifier: MIT */
/*
 * Options: read by size, completed, checked, and refused in words that name the
 * field and never a secret.
 */
#include "check.h"

#include "client/options.h"
#include "mem-probe.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static gcn_options_t good_options(void) {
  gcn_options_t options;
  gcn_options_init(&options);
  options.region = "eu-central-1";
  options.client_id = "id";
  options.client_secret = "s3cr3t-value";
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
  assert_null(strstr(why, "s3cr3t"));
}

/* --- size ----------------------------------------------------------------- */

static void test_init(void** state) {
  (void)state;
  gcn_options_t options;
  memset(&options, 0xff, sizeof options);
  gcn_options_init(&options);
  assert_int_equal(options.size, sizeof options);
  assert_int_equal(options.log_level, GCN_LOG_WARN);
  assert_null(options.client_id);
  assert_int_equal(options.seed, 0);
}

static void test_init_of_an_old_program(void** state) {
  (void)state;
  gcn_options_t options;
  size_t size = offsetof(gcn_options_t, attempt_ms);
  memset(&options, 0xff, sizeof options);
  gcn_options_init_sized(&options, size);
  assert_int_equal(options.size, size);
  assert_int_equal(options.log_level, GCN_LOG_WARN);
  assert_true(options.attempt_ms == UINT64_MAX); /* not its memory */
  options.region = "eu-central-1";
  options.client_id = "id";
  options.client_secret = "secret";
  struct gcn__config config = make(&options);
  assert_int_equal(config.settings.attempt_ms, 60000);
  assert_int_equal(config.options.seed, 0);
}

/* Programs of 0.1.0's first days end before `grant`; each later size is as
 * good, and what it does not cover has its default. */
static void test_init_of_every_size(void** state) {
  (void)state;
  const struct gcn__settings defaults = GCN__SETTINGS_DEFAULT;
  for (size_t size = offsetof(gcn_options_t, grant);
       size <= sizeof(gcn_options_t); size += sizeof(uint64_t)) {
    gcn_options_t options;
    memset(&options, 0xff, sizeof options);
    gcn_options_init_sized(&options, size);
    options.region = "eu-central-1";
    options.client_id = "id";
    options.client_secret = "secret";
    struct gcn__config config = make(&options);
    assert_memory_equal(&config.settings, &defaults, sizeof defaults);
    assert_int_equal(config.options.record_size, 0);
    const unsigned char* rest = (const unsigned char*)&options + size;
    if (size < sizeof options) assert_int_equal(*rest, 0xff);
  }
}

static void test_init_of_a_tiny_size(void** state) {
  (void)state;
  gcn_options_t options;
  memset(&options, 0xff, sizeof options);
  gcn_options_init_sized(&options, sizeof(size_t) - 1);
  assert_true(options.size == SIZE_MAX);
  gcn_options_init_sized(NULL, sizeof options);
}

struct newer_options {
  gcn_options_t known;
  uint64_t later[2];
};

static void test_options_of_a_newer_program(void** state) {
  (void)state;
  struct newer_options newer = {.known = good_options()};
  newer.known.size = sizeof newer;
  make(&newer.known);
  newer.later[1] = 1;
  expect_refusal(&newer.known, "newer library");
}

static void test_not_initialised(void** state) {
  (void)state;
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  gcn_options_t options = good_options();
  options.size = 0;
  assert_int_equal(gcn__config_make(&options, &config, why), UV_EINVAL);
  assert_non_null(strstr(why, "gcn_options_init"));
  assert_int_equal(gcn__config_make(NULL, &config, why), UV_EINVAL);
  assert_int_equal(gcn_options_check(NULL, NULL, 0), UV_EINVAL);
}

/* --- where ---------------------------------------------------------------- */

static void test_default_place(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.region = NULL;
  struct gcn__config config = make(&options);
  assert_string_equal(config.login_text, "https://login.mypurecloud.com");
  assert_string_equal(config.api_text, "https://api.mypurecloud.com");
  assert_string_equal(config.domain, "mypurecloud.com");
  assert_true(config.tls);
}

static void test_regions(void** state) {
  (void)state;
  static const char* const rows[][2] = {
      {"eu-central-1", "mypurecloud.de"},
      {"EU_Central_1", "mypurecloud.de"},
      {"mypurecloud.ie", "mypurecloud.ie"},
      {"New.Region.Pure.Cloud", "new.region.pure.cloud"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    gcn_options_t options = good_options();
    struct gcn__config config;
    char why[GCN__WHY_SIZE];
    char api[64];
    options.region = rows[i][0];
    assert_int_equal(gcn__config_make(&options, &config, why), 0);
    snprintf(api, sizeof api, "https://api.%s", rows[i][1]);
    assert_string_equal(config.api_url, api);
    assert_string_equal(config.domain, rows[i][1]);
  }
}

static void test_bad_regions(void** state) {
  (void)state;
  static const char* const bad[] = {
      "eu-central-9", "",          "a b.example",      "api..example",
      "x.example/",   "1.2.3.400", "h\xc3\xb6.example"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    gcn_options_t options = good_options();
    options.region = bad[i];
    expect_refusal(&options, "region: ");
  }
}

static void test_urls_override(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  options.login_url = "https://gateway.example/login";
  options.api_url = "https://gateway.example:8443/genesys/";
  assert_int_equal(gcn__config_make(&options, &config, why), 0);
  assert_string_equal(config.login_url, options.login_url);
  assert_string_equal(config.api_url, options.api_url);
  assert_string_equal(config.domain, "mypurecloud.de");
  options.region = NULL;
  assert_int_equal(gcn__config_make(&options, &config, why), 0);
  assert_null(config.domain);
  options.api_url = "https://api.usw2.pure.cloud";
  assert_int_equal(gcn__config_make(&options, &config, why), 0);
  assert_string_equal(config.domain, "usw2.pure.cloud");
  options.api_url = "https://api.example"; /* no domain of its own */
  assert_int_equal(gcn__config_make(&options, &config, why), 0);
  assert_null(config.domain);
}

static void test_bad_urls(void** state) {
  (void)state;
  static const char* const bad[][2] = {
      {"", "https://HOST"},
      {"login.mypurecloud.de", "https://HOST"},
      {"https://user@host.example", "https://HOST"},
      {"https://host.example/a?b=c", "has a query"},
      {"wss://host.example", "https://"},
      {"http://host.example", "is plaintext"},
      {"http://127.0.0.1:1", "allow_plaintext"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    gcn_options_t options = good_options();
    options.login_url = bad[i][0];
    expect_refusal(&options, "login_url");
    expect_refusal(&options, bad[i][1]);
    options.login_url = NULL;
    options.api_url = bad[i][0];
    expect_refusal(&options, "api_url");
  }
}

static void test_plaintext_is_for_this_machine(void** state) {
  (void)state;
  static const char* const here[] = {
      "http://127.0.0.1:8080", "http://127.8.9.10", "http://[::1]:80",
      "http://localhost:1/x", "http://[0:0:0:0:0:0:0:1]"};
  static const char* const elsewhere[] = {
      "http://128.0.0.1",          "http://[::2]",
      "http://localhost.example",  "http://127.0.0.1.example",
      "http://[::ffff:127.0.0.1]", "http://0.0.0.0"};
  gcn_options_t options = good_options();
  options.region = NULL;
  options.allow_plaintext = 1;
  for (size_t i = 0; i < sizeof here / sizeof here[0]; i++) {
    options.login_url = options.api_url = here[i];
    struct gcn__config config = make(&options);
    assert_false(config.tls);
    options.ca_pem = "anything";
    config = make(&options);
    assert_true(config.tls);
    options.ca_pem = NULL;
  }
  for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
    options.login_url = options.api_url = elsewhere[i];
    expect_refusal(&options, "login_url");
  }
}

/* --- texts and numbers ---------------------------------------------------- */

static void test_credentials(void** state) {
  (void)state;
  static char long_text[1100];
  const char* const bad[] = {NULL, "", "a\nb", "a\x7f", long_text};
  memset(long_text, 'x', sizeof long_text - 1);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    gcn_options_t options = good_options();
    options.client_id = bad[i];
    expect_refusal(&options, "client_id");
    options = good_options();
    options.client_secret = bad[i];
    expect_refusal(&options, "client_secret");
  }
  assert_null(gcn__credential_check("Gr\xc3\xbc\xc3\x9f gott: 100%"));
}

static void test_user_agent(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  assert_string_equal(make(&options).user_agent, "gcnotify/0.1.0");
  options.user_agent = "dashboard/2 (ops@example)";
  assert_string_equal(make(&options).user_agent, options.user_agent);
  options.user_agent = "x\r\nHost: y";
  expect_refusal(&options, "user_agent");
}

static void test_durations(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  struct gcn__config config = make(&options);
  const struct gcn__settings defaults = GCN__SETTINGS_DEFAULT;
  assert_memory_equal(&config.settings, &defaults, sizeof defaults);
  options.attempt_ms = 1;
  options.phase_ms = 2;
  options.close_ms = 3;
  options.probe_ms = 4;
  options.silence_ms = 5;
  options.stable_ms = 6;
  options.retry_base_ms = 7;
  options.retry_floor_ms = 8;
  options.retry_cap_ms = 9;
  options.retry_first_ms = 10;
  options.retry_after_ms_max = 11;
  options.sync_ms = 12;
  options.audit_ms = 13;
  options.token_margin_ms = 14;
  options.latency_ms_max = 15;
  options.degraded_ms = 16;
  options.proof_ms = 17;
  options.ping_ms = 18;
  options.ping_answer_ms = 19;
  options.rotate_jitter_ms = 20;
  options.rotate_ms = 21;
  options.rotate_spread_ms = 22;
  options.overlap_ms = 23;
  options.topic_retry_ms = 24;
  options.topic_retry_ms_max = 25;
  options.stagger_ms = 26;
  options.spare_ms = 27;
  config = make(&options);
  const struct gcn__settings* got = &config.settings;
  const uint64_t list[] = {
      got->attempt_ms,         got->phase_ms,           got->close_ms,
      got->probe_ms,           got->silence_ms,         got->stable_ms,
      got->retry_base_ms,      got->retry_floor_ms,     got->retry_cap_ms,
      got->retry_first_ms,     got->retry_after_max_ms, got->sync_ms,
      got->audit_ms,           got->token_margin_ms,    got->latency_max_ms,
      got->degraded_ms,        got->proof_ms,           got->ping_ms,
      got->ping_answer_ms,     got->rotate_jitter_ms,   got->rotate_ms,
      got->rotate_spread_ms,   got->overlap_ms,         got->topic_retry_ms,
      got->topic_retry_max_ms, got->stagger_ms,         got->spare_ms};
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
    assert_int_equal(list[i], i + 1);
  }
}

static void test_bad_durations(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.audit_ms = UINT64_MAX;
  expect_refusal(&options, "audit_ms is over a year");
  options = good_options();
  options.probe_ms = 35000; /* the default of silence_ms */
  expect_refusal(&options, "probe_ms");
  options.silence_ms = 35001;
  make(&options);
  options.retry_cap_ms = 100; /* below the default floor */
  expect_refusal(&options, "retry_floor_ms");
  options.retry_floor_ms = 100;
  make(&options);
}

/* Every duration is refused in its own name. */
static void test_durations_beyond_a_year(void** state) {
  (void)state;
#define LONG(field)                                                            \
  { #field, offsetof(gcn_options_t, field) }
  static const struct {
    const char* name;
    size_t offset;
  } rows[] = {
      LONG(attempt_ms),       LONG(phase_ms),       LONG(close_ms),
      LONG(probe_ms),         LONG(silence_ms),     LONG(stable_ms),
      LONG(retry_base_ms),    LONG(retry_floor_ms), LONG(retry_cap_ms),
      LONG(retry_first_ms),   LONG(sync_ms),        LONG(retry_after_ms_max),
      LONG(audit_ms),         LONG(latency_ms_max), LONG(token_margin_ms),
      LONG(degraded_ms),      LONG(proof_ms),       LONG(ping_ms),
      LONG(ping_answer_ms),   LONG(rotate_ms),      LONG(rotate_jitter_ms),
      LONG(rotate_spread_ms), LONG(overlap_ms),     LONG(topic_retry_ms),
      LONG(stagger_ms),       LONG(dns_ms),         LONG(topic_retry_ms_max),
      LONG(spare_ms),
  };
#undef LONG
  const uint64_t year_ms = UINT64_C(366) * 24 * 3600 * 1000;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    gcn_options_t options = good_options();
    char words[64];
    uint64_t value = year_ms + 1;
    snprintf(words, sizeof words, "%s is ", rows[i].name);
    memcpy((char*)&options + rows[i].offset, &value, sizeof value);
    expect_refusal(&options, words);
    value = UINT64_MAX;
    memcpy((char*)&options + rows[i].offset, &value, sizeof value);
    expect_refusal(&options, words);
  }
}

static void test_durations_that_do_not_fit(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.rotate_ms = 3600000;
  options.rotate_jitter_ms = 3600000;
  expect_refusal(&options, "rotate_jitter_ms is not below rotate_ms");
  options.rotate_jitter_ms = 3599999;
  make(&options);
  options.rotate_jitter_ms = 0; /* the default gives way */
  options.rotate_ms = 60000;
  assert_int_equal(make(&options).settings.rotate_ms, 60000);
  options = good_options();
  options.overlap_ms = 2000; /* the default of latency_ms_max */
  expect_refusal(&options, "overlap_ms is not above latency_ms_max");
  options.overlap_ms = 2001;
  make(&options);
  options = good_options();
  options.topic_retry_ms_max = 4999;
  expect_refusal(&options, "topic_retry_ms is above topic_retry_ms_max");
  options.topic_retry_ms = 4999;
  make(&options);
}

static void test_connections(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.connection_count_max = GCN_CONNECTION_COUNT_MAX;
  options.connection_names_max = GCN_CONNECTION_NAMES_MAX;
  options.pings_missed_max = 7;
  options.retry_jitter = GCN_JITTER_DECORRELATED;
  options.keep_channel = 1;
  options.no_combining = 1;
  options.body_size_max = 4096;
  options.handshakes_max = 1024;
  struct gcn__settings got = make(&options).settings;
  assert_int_equal(got.shard_count_max, 18);
  assert_int_equal(got.shard_names_max, 1000);
  assert_int_equal(got.shard_names_target, 950);
  assert_int_equal(got.pings_missed_max, 7);
  assert_int_equal(got.retry_jitter, GCN_JITTER_DECORRELATED);
  assert_int_equal(got.channel_keeps, 1);
  assert_int_equal(got.combine, 0);
  assert_int_equal(got.body_size_max, 4096);
  options.connection_names_max = 19; /* 5 % of it are less than one */
  assert_int_equal(make(&options).settings.shard_names_target, 19);
  options.connection_names_max = 20;
  assert_int_equal(make(&options).settings.shard_names_target, 19);
  options.connection_count_max = 19;
  expect_refusal(&options, "connection_count_max is above 18");
  options.connection_count_max = 1;
  options.connection_names_max = 1001;
  expect_refusal(&options, "connection_names_max is above 1000");
  options.connection_names_max = 1;
  options.retry_jitter = (gcn_jitter_t)4;
  expect_refusal(&options, "retry_jitter is not one of");
  options.retry_jitter = (gcn_jitter_t)-1;
  expect_refusal(&options, "retry_jitter is not one of");
  options.retry_jitter = GCN_JITTER_NONE;
  options.handshakes_max = 1025;
  expect_refusal(&options, "handshakes_max is above 1024");
}

static int resolve_nothing(void* data, const char* host,
                           gcn_resolve_t* request) {
  (void)data;
  (void)host;
  (void)request;
  return UV_EAI_NONAME;
}

static void test_network(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.keepalive_s = 32767;
  options.user_timeout_ms = INT32_MAX;
  make(&options);
  options.dns_cache_ms = UINT64_MAX;
  options.keepalive_s = UINT64_MAX;
  options.user_timeout_ms = UINT64_MAX;
  make(&options);
  options.keepalive_s = 32768;
  expect_refusal(&options, "keepalive_s is above 32767; UINT64_MAX");
  options.keepalive_s = 0;
  options.user_timeout_ms = (uint64_t)INT32_MAX + 1;
  expect_refusal(&options, "user_timeout_ms is above 2147483647; UINT64_MAX");
  options.user_timeout_ms = 0;
  options.dns_cache_ms = UINT64_MAX - 1;
  expect_refusal(&options, "dns_cache_ms is above");
  options.dns_cache_ms = 0;
  options.resolve_cb = resolve_nothing;
  make(&options);
  options.hub = (gcn_hub_t*)(void*)&options; /* never looked into */
  expect_refusal(&options, "give it to gcn_hub_new");
  options.resolve_cb = NULL;
  make(&options);
}

static void test_record_size(void** state) {
  (void)state;
  static const uint64_t good[] = {0, 1024, 16 * 1024 * 1024, UINT64_MAX};
  static const uint64_t bad[] = {1, 1023, 16 * 1024 * 1024 + 1, UINT64_MAX - 1};
  gcn_options_t options = good_options();
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    options.record_size = good[i];
    make(&options);
    options.record_size = bad[i];
    expect_refusal(&options, "record_size is not between 1024 and 16777216");
    expect_refusal(&options, "UINT64_MAX switches");
  }
}

static void test_limits(void** state) {
  (void)state;
  gcn_options_t options = good_options();
  options.message_size_max = 16 * 1024 * 1024;
  options.topic_count_max = 1000;
  struct gcn__config config = make(&options);
  assert_int_equal(config.settings.message_size_max, 16 * 1024 * 1024);
  assert_int_equal(config.settings.topic_count_max, 1000);
  options.message_size_max++;
  expect_refusal(&options, "message_size_max");
  options.message_size_max = 1023;
  expect_refusal(&options, "message_size_max");
  options.message_size_max = 0;
  options.topic_count_max = GCN_TOPIC_COUNT_MAX;
  make(&options);
  options.topic_count_max++;
  expect_refusal(&options, "topic_count_max");
  options.topic_count_max = 0;
  options.log_level = (gcn_log_level_t)4;
  expect_refusal(&options, "log_level");
}

/* --- trust anchors, and the public check ---------------------------------- */

static void test_bad_anchors(void** state) {
  (void)state;
  char why[GCN__WHY_SIZE];
  gcn_options_t options = good_options();
  options.ca_pem = "no PEM";
  assert_int_equal(gcn_options_check(&options, why, sizeof why), GCN_ECONFIG);
  assert_true(strncmp(why, "ca_pem", 6) == 0);
  options.ca_pem = NULL;
  options.ca_path = "/nonexistent/ca.pem";
  assert_int_equal(gcn_options_check(&options, why, sizeof why), GCN_ECONFIG);
  assert_non_null(strstr(why, "ca_path"));
  assert_non_null(strstr(why, "/nonexistent/ca.pem"));
}

static void test_check_cuts_its_text(void** state) {
  (void)state;
  char why[8];
  gcn_options_t options = good_options();
  options.client_id = NULL;
  memset(why, 'x', sizeof why);
  assert_int_equal(gcn_options_check(&options, why, 4), GCN_ECONFIG);
  assert_string_equal(why, "cli");
  assert_int_equal(why[4], 'x');
  assert_int_equal(gcn_options_check(&options, NULL, 0), GCN_ECONFIG);
}

static void test_good_check(void** state) {
  (void)state;
  char why[GCN__WHY_SIZE] = "x";
  gcn_options_t options = good_options();
  options.login_url = options.api_url = "http://127.0.0.1:1";
  options.allow_plaintext = 1;
  assert_int_equal(gcn_options_check(&options, why, sizeof why), 0);
  assert_string_equal(why, "");
}

static void test_allocator(void** state) {
  (void)state;
  struct mem_probe probe = {.fail_at = 0};
  gcn_options_t options = good_options();
  options.alloc_cb = mem_probe_resize;
  options.alloc_data = &probe;
  options.ca_path = "/nonexistent/ca.pem";
  assert_int_equal(gcn_options_check(&options, NULL, 0), GCN_ECONFIG);
  assert_true(probe.count > 0);
  assert_int_equal(probe.live_size, 0);
  for (size_t n = 1; n <= 3; n++) {
    probe = (struct mem_probe){.fail_at = n};
    int error = gcn_options_check(&options, NULL, 0);
    assert_true(error == GCN_ECONFIG || error == UV_ENOMEM);
    assert_int_equal(probe.live_size, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_init),
      cmocka_unit_test(test_init_of_an_old_program),
      cmocka_unit_test(test_init_of_every_size),
      cmocka_unit_test(test_init_of_a_tiny_size),
      cmocka_unit_test(test_options_of_a_newer_program),
      cmocka_unit_test(test_not_initialised),
      cmocka_unit_test(test_default_place),
      cmocka_unit_test(test_regions),
      cmocka_unit_test(test_bad_regions),
      cmocka_unit_test(test_urls_override),
      cmocka_unit_test(test_bad_urls),
      cmocka_unit_test(test_plaintext_is_for_this_machine),
      cmocka_unit_test(test_credentials),
      cmocka_unit_test(test_user_agent),
      cmocka_unit_test(test_durations),
      cmocka_unit_test(test_bad_durations),
      cmocka_unit_test(test_durations_beyond_a_year),
      cmocka_unit_test(test_durations_that_do_not_fit),
      cmocka_unit_test(test_connections),
      cmocka_unit_test(test_network),
      cmocka_unit_test(test_record_size),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_bad_anchors),
      cmocka_unit_test(test_check_cuts_its_text),
      cmocka_unit_test(test_good_check),
      cmocka_unit_test(test_allocator),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
