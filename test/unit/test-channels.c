/* SPDX-License-Identifier: MIT */
/*
 * The channels dialect: the exact bytes of its requests, and which hosts it
 * lets a service name.
 */
#include "dialect/channels.h"

#include "base/err.h"
#include "check.h"
#include "mem-spy.h"

#include <stdio.h>

#define SECRET "c2VjcmV0LXNlY3JldA"

enum { OUT_SIZE_MAX = 65536 };

static struct gcn__ask sample(void) {
  return (struct gcn__ask){
      .authority = "api.mypurecloud.de",
      .target = GCN__SPAN("/channels/streaming-3-abc"),
      .base_path = "",
      .user_agent = "gcnotify/0.1.0",
      .client_id = "id",
      .client_secret = "secret",
      .token = "TOKEN",
      .ws_key = "dGhlIHNhbXBsZSBub25jZQ==",
      .body = GCN__SPAN("[{\"id\":\"v2.x\"}]"),
  };
}

static void assert_request(enum gcn__op op, const struct gcn__ask* ask,
                           const char* want) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  assert_int_equal(gcn__channels_write(op, ask, &out), 0);
  assert_int_equal(gcn__buf_append(&out, "", 1), 0);
  assert_string_equal(gcn__buf_span(&out).data, want);
  gcn__buf_deinit(&out);
}

/* --- requests ------------------------------------------------------------- */

static void token_request(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  ask.authority = "login.mypurecloud.de";
  assert_request(GCN__OP_TOKEN, &ask,
                 "POST /oauth/token HTTP/1.1\r\n"
                 "Host: login.mypurecloud.de\r\n"
                 "User-Agent: gcnotify/0.1.0\r\n"
                 "Authorization: Basic aWQ6c2VjcmV0\r\n"
                 "Accept: application/json\r\n"
                 "Content-Type: application/x-www-form-urlencoded\r\n"
                 "Content-Length: 29\r\n"
                 "\r\n"
                 "grant_type=client_credentials");
}

static void assert_form(const struct gcn__ask* ask, const char* form) {
  char want[1024];
  snprintf(want, sizeof want,
           "POST /oauth/token HTTP/1.1\r\n"
           "Host: api.mypurecloud.de\r\n"
           "User-Agent: gcnotify/0.1.0\r\n"
           "Authorization: Basic aWQ6c2VjcmV0\r\n"
           "Accept: application/json\r\n"
           "Content-Type: application/x-www-form-urlencoded\r\n"
           "Content-Length: %u\r\n"
           "\r\n%s",
           (unsigned)strlen(form), form);
  assert_request(GCN__OP_TOKEN, ask, want);
}

/* PROTOCOL §1.3 */
static void tokens_by_other_grants(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  ask.grant = GCN__GRANT_REFRESH_TOKEN;
  ask.refresh_token = "a+b/c=&grant_type=x";
  assert_form(&ask, "grant_type=refresh_token"
                    "&refresh_token=a%2Bb%2Fc%3D%26grant_type%3Dx");
  ask.grant = GCN__GRANT_SAML2_BEARER;
  ask.assertion = "PHNhbWw+/w==";
  ask.org_name = "An Org";
  assert_form(&ask,
              "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
              "saml2-bearer&orgName=An%20Org&assertion=PHNhbWw%2B%2Fw%3D%3D");
  ask.grant = GCN__GRANT_JWT_BEARER;
  ask.assertion = "e30.e30.sig-_";
  assert_form(&ask, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
                    "jwt-bearer&assertion=e30.e30.sig-_");
}

static void token_request_below_a_path(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, 4096);
  ask.base_path = "/gateway";
  assert_int_equal(gcn__channels_write(GCN__OP_TOKEN, &ask, &out), 0);
  assert_true(gcn__span_starts(gcn__buf_span(&out),
                               "POST /gateway/oauth/token HTTP/1.1\r\n"));
  gcn__buf_deinit(&out);
}

static void channel_request(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  assert_request(GCN__OP_CHANNEL, &ask,
                 "POST /api/v2/notifications/channels HTTP/1.1\r\n"
                 "Host: api.mypurecloud.de\r\n"
                 "User-Agent: gcnotify/0.1.0\r\n"
                 "Authorization: Bearer TOKEN\r\n"
                 "Accept: application/json\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: 0\r\n"
                 "\r\n");
}

static void topics_request(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  ask.base_path = "/gateway";
  ask.channel_id = GCN__SPAN("a/../b?c d");
  assert_request(GCN__OP_TOPICS, &ask,
                 "PUT /gateway/api/v2/notifications/channels/a%2F..%2Fb%3Fc%20d"
                 "/subscriptions?ignoreErrors=true HTTP/1.1\r\n"
                 "Host: api.mypurecloud.de\r\n"
                 "User-Agent: gcnotify/0.1.0\r\n"
                 "Authorization: Bearer TOKEN\r\n"
                 "Accept: application/json\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: 15\r\n"
                 "\r\n"
                 "[{\"id\":\"v2.x\"}]");
}

static void subscriptions_are_added_listed_and_taken_off(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  ask.channel_id = GCN__SPAN("c");
  assert_request(GCN__OP_ADD, &ask,
                 "POST /api/v2/notifications/channels/c"
                 "/subscriptions?ignoreErrors=true HTTP/1.1\r\n"
                 "Host: api.mypurecloud.de\r\n"
                 "User-Agent: gcnotify/0.1.0\r\n"
                 "Authorization: Bearer TOKEN\r\n"
                 "Accept: application/json\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: 15\r\n"
                 "\r\n"
                 "[{\"id\":\"v2.x\"}]");
  assert_request(GCN__OP_AUDIT, &ask,
                 "GET /api/v2/notifications/channels/c/subscriptions "
                 "HTTP/1.1\r\n"
                 "Host: api.mypurecloud.de\r\n"
                 "User-Agent: gcnotify/0.1.0\r\n"
                 "Authorization: Bearer TOKEN\r\n"
                 "Accept: application/json\r\n"
                 "\r\n");
  assert_request(GCN__OP_UNSUBSCRIBE, &ask,
                 "DELETE /api/v2/notifications/channels/c/subscriptions "
                 "HTTP/1.1\r\n"
                 "Host: api.mypurecloud.de\r\n"
                 "User-Agent: gcnotify/0.1.0\r\n"
                 "Authorization: Bearer TOKEN\r\n"
                 "Accept: application/json\r\n"
                 "\r\n");
}

static void upgrade_request_carries_no_token(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  ask.authority = "streaming.mypurecloud.de";
  assert_request(GCN__OP_UPGRADE, &ask,
                 "GET /channels/streaming-3-abc HTTP/1.1\r\n"
                 "Host: streaming.mypurecloud.de\r\n"
                 "User-Agent: gcnotify/0.1.0\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "\r\n");
}

static int write_once(enum gcn__op op, const struct gcn__ask* ask) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  int error = gcn__channels_write(op, ask, &out);
  gcn__buf_deinit(&out);
  return error;
}

/* FAULTS §9.3: nothing may end a header line or begin another. */
static void no_value_can_break_out_of_its_header(void** state) {
  (void)state;
  static const char* const bad[] = {"a\rb",  "a\nb",  "a\r\nX: y",
                                    "a\x7f", "a\x01", "a\x80",
                                    " a",    "a ",    "\xff"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct gcn__ask ask = sample();
    ask.token = bad[i];
    /* A leading space would only stand between "Bearer" and the token. */
    if (bad[i][0] != ' ') {
      assert_int_equal(write_once(GCN__OP_CHANNEL, &ask), GCN__EINVAL);
    }
    ask = sample();
    ask.user_agent = bad[i];
    assert_int_equal(write_once(GCN__OP_TOKEN, &ask), GCN__EINVAL);
    ask = sample();
    ask.authority = bad[i];
    assert_int_equal(write_once(GCN__OP_TOKEN, &ask), GCN__EINVAL);
    ask = sample();
    ask.ws_key = bad[i];
    assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), GCN__EINVAL);
    ask = sample();
    ask.target = gcn__span_str(bad[i]);
    assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), GCN__EINVAL);
    ask = sample();
    ask.base_path = bad[i];
    assert_int_equal(write_once(GCN__OP_CHANNEL, &ask), GCN__EINVAL);
    ask = sample();
    ask.channel_id = gcn__span_str(bad[i]); /* percent-encoded: harmless */
    assert_int_equal(write_once(GCN__OP_TOPICS, &ask), 0);
    ask = sample();
    ask.client_secret = bad[i]; /* base64: harmless */
    assert_int_equal(write_once(GCN__OP_TOKEN, &ask), 0);
  }
}

static void only_calls_can_be_written(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  assert_int_equal(write_once(GCN__OP_NONE, &ask), GCN__EINVAL);
  assert_int_equal(write_once(GCN__OP_STREAM, &ask), GCN__EINVAL);
}

static void a_grant_needs_what_it_offers(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  ask.grant = GCN__GRANT_REFRESH_TOKEN;
  assert_int_equal(write_once(GCN__OP_TOKEN, &ask), GCN__EINVAL);
  ask.grant = GCN__GRANT_JWT_BEARER;
  assert_int_equal(write_once(GCN__OP_TOKEN, &ask), GCN__EINVAL);
  ask.grant = GCN__GRANT_SAML2_BEARER;
  ask.assertion = "x";
  assert_int_equal(write_once(GCN__OP_TOKEN, &ask), GCN__EINVAL);
  ask.assertion = NULL;
  ask.org_name = "x";
  assert_int_equal(write_once(GCN__OP_TOKEN, &ask), GCN__EINVAL);
  ask.assertion = "x";
  assert_int_equal(write_once(GCN__OP_TOKEN, &ask), 0);
  static char assertion[300000];
  memset(assertion, 'x', sizeof assertion - 1);
  ask.assertion = assertion;
  assert_int_equal(write_once(GCN__OP_TOKEN, &ask), GCN_ELIMIT);
}

static void topics_bodies_are_json(void** state) {
  (void)state;
  struct gcn__buf body;
  gcn__buf_init(&body, &gcn__mem_libc, OUT_SIZE_MAX);
  assert_int_equal(gcn__buf_append_str(&body, "["), 0);
  assert_int_equal(gcn__channels_topic(&body, GCN__SPAN("v2.a?b&c"), true), 0);
  assert_int_equal(gcn__channels_topic(&body, GCN__SPAN("q\"\\\n"), false), 0);
  assert_int_equal(gcn__buf_append_str(&body, "]"), 0);
  struct gcn__json* json = gcn__json_parse(gcn__buf_span(&body), NULL);
  assert_non_null(json);
  assert_int_equal(gcn__json_count(json), 2);
  struct gcn__span id = gcn__json_member(gcn__json_at(json, 0), "id");
  assert_true(gcn__span_is(id, "v2.a?b&c"));
  id = gcn__json_member(gcn__json_at(json, 1), "id");
  assert_true(gcn__span_is(id, "q\"\\\n"));
  gcn__json_free(json, false);
  gcn__buf_deinit(&body);
}

/* The request is written with the n-th allocation failing, for all n: the
 * documented error, no leak, and no copy of a secret anywhere. */
static void assert_frugal(enum gcn__op op, enum gcn__grant grant) {
  int error = GCN__ENOMEM;
  for (size_t n = 1; error != 0; n++) {
    struct mem_spy spy = {.secret = SECRET, .probe = {.fail_at = n}};
    struct gcn__mem mem = mem_spy_mem(&spy);
    struct gcn__buf out;
    gcn__buf_init(&out, &mem, OUT_SIZE_MAX);
    out.secret = true;
    struct gcn__ask ask = sample();
    ask.grant = grant;
    ask.token = SECRET;
    ask.client_secret = SECRET;
    ask.refresh_token = SECRET;
    ask.assertion = SECRET;
    ask.org_name = "org";
    ask.channel_id = GCN__SPAN(SECRET);
    error = gcn__channels_write(op, &ask, &out);
    assert_true(error == 0 || error == GCN__ENOMEM);
    gcn__buf_deinit(&out);
    assert_int_equal(spy.probe.live_size, 0);
    assert_int_equal(spy.sighting_count, 0);
  }
}

static void failing_allocations_leak_no_secret(void** state) {
  (void)state;
  static const enum gcn__op ops[] = {
      GCN__OP_TOKEN, GCN__OP_CHANNEL, GCN__OP_TOPICS,     GCN__OP_UPGRADE,
      GCN__OP_AUDIT, GCN__OP_ADD,     GCN__OP_UNSUBSCRIBE};
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
    assert_frugal(ops[i], GCN__GRANT_CLIENT_CREDENTIALS);
  for (int grant = 0; grant <= GCN__GRANT_JWT_BEARER; grant++)
    assert_frugal(GCN__OP_TOKEN, (enum gcn__grant)grant);
}

static void a_full_buffer_is_told(void** state) {
  (void)state;
  struct gcn__ask ask = sample();
  for (size_t limit = 0; limit < 200; limit += 7) {
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, limit);
    assert_int_equal(gcn__channels_write(GCN__OP_TOKEN, &ask, &out),
                     GCN_ELIMIT);
    gcn__buf_deinit(&out);
  }
}

/* --- which hosts a service may name --------------------------------------- */

/* NULL if accepted by parser and policy. */
static const char* refusal(const char* text,
                           const struct gcn__host_policy* policy) {
  struct gcn__url url;
  const char* wrong = gcn__url_parse(&url, gcn__span_str(text));
  return wrong != NULL ? wrong : gcn__channels_uri_check(&url, policy);
}

static void assert_refused(const char* const* texts, size_t count,
                           const struct gcn__host_policy* policy) {
  for (size_t i = 0; i < count; i++) {
    if (refusal(texts[i], policy) == NULL) fail_msg("accepted: %s", texts[i]);
  }
}

static void assert_accepted(const char* const* texts, size_t count,
                            const struct gcn__host_policy* policy) {
  for (size_t i = 0; i < count; i++) {
    const char* wrong = refusal(texts[i], policy);
    if (wrong != NULL) fail_msg("%s: %s", texts[i], wrong);
  }
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What a hostile answer may name: FAULTS §9.4. */
static const char* const outside[] = {
    "ws://streaming.mypurecloud.de/c",
    "http://streaming.mypurecloud.de/c",
    "https://streaming.mypurecloud.de/c",
    "wss:/streaming.mypurecloud.de",
    "wss:///c",
    "//streaming.mypurecloud.de/c",
    "wss://evil.com/c",
    "wss://notmypurecloud.de/c",
    "wss://mypurecloud.de.evil.com/c",
    "wss://user@streaming.mypurecloud.de/c",
    "wss://user:pw@streaming.mypurecloud.de/c",
    "wss://streaming.mypurecloud.de@evil.com/c",
    "wss://evil.com#.mypurecloud.de",
    "wss://evil.com?.mypurecloud.de",
    "wss://evil.com/.mypurecloud.de",
    "wss://evil.com\\.mypurecloud.de/c",
    "wss://streaming.mypurecloud.de:22/c",
    "wss://streaming.mypurecloud.de:0/c",
    "wss://streaming.mypurecloud.de:65536/c",
    "wss://streaming.mypurecloud.de:0443/c",
    "wss://streaming.mypurecloud.de:/c",
    "wss://streaming.mypurecloud.de:443x/c",
    "wss://127.0.0.1/c",
    "wss://[::1]/c",
    "wss://[::ffff:127.0.0.1]/c",
    "wss://2130706433/c",
    "wss://0x7f.1/c",
    "wss://127.1/c",
    "wss://streaming.mypurecloud.de./c",
    "wss://streaming.mypurecloud.de/c#f",
    "wss://streaming%2emypurecloud.de/c",
    "wss://streaming.mypurecloud.de/c\r\nX: y",
    " wss://streaming.mypurecloud.de/c",
    "wss://streaming.mypurecloud.de/c ",
    "wss://str\teaming.mypurecloud.de/c",
    "wss://str\xc3\xa9.mypurecloud.de/c",
    "wss://.mypurecloud.de/c",
    "",
};

/* H20 and FAULTS §9.4. */
static void streams_stay_within_the_domain(void** state) {
  (void)state;
  struct gcn__url api;
  assert_null(gcn__url_parse(&api, GCN__SPAN("https://api.mypurecloud.de")));
  const struct gcn__host_policy policy = {"mypurecloud.de", &api, false};
  static const char* const good[] = {
      "wss://streaming.mypurecloud.de/channels/c",
      "wss://mypurecloud.de/c",
      "WSS://Streaming.MyPureCloud.DE/c",
      "wss://a.b.c.mypurecloud.de:443/c",
      "wss://api.mypurecloud.de/c?x=%0d",
  };
  assert_accepted(good, COUNT(good), &policy);
  assert_refused(outside, COUNT(outside), &policy);
  char long_text[GCN__URL_SIZE_MAX + 2];
  memset(long_text, 'x', sizeof long_text);
  memcpy(long_text, "wss://a.mypurecloud.de/", 23);
  long_text[GCN__URL_SIZE_MAX + 1] = '\0';
  assert_non_null(refusal(long_text, &policy));
  long_text[GCN__URL_SIZE_MAX] = '\0';
  assert_null(refusal(long_text, &policy));
}

/* Without a known domain, only the API's own host may be named. */
static void without_a_domain_only_the_apis_host_will_do(void** state) {
  (void)state;
  struct gcn__url api;
  assert_null(gcn__url_parse(&api, GCN__SPAN("https://gateway.corp:8443/gc")));
  const struct gcn__host_policy policy = {NULL, &api, false};
  static const char* const good[] = {"wss://gateway.corp:8443/c",
                                     "wss://GATEWAY.corp:8443"};
  static const char* const bad[] = {
      "wss://gateway.corp/c",     "wss://gateway.corp:8444/c",
      "wss://x.gateway.corp/c",   "wss://streaming.mypurecloud.de/c",
      "ws://gateway.corp:8443/c", "wss://corp:8443/c",
  };
  assert_accepted(good, COUNT(good), &policy);
  assert_refused(bad, COUNT(bad), &policy);
}

/* For simulators: plaintext to the very host and port of the API, only. */
static void plaintext_goes_to_the_apis_host_only(void** state) {
  (void)state;
  struct gcn__url api;
  assert_null(gcn__url_parse(&api, GCN__SPAN("http://127.0.0.1:9000")));
  struct gcn__host_policy policy = {"mypurecloud.de", &api, true};
  static const char* const good[] = {
      "ws://127.0.0.1:9000/c", "wss://127.0.0.1:9000/c",
      "ws://127.0.0.2:9000/c", "ws://localhost:9000/c",
      "ws://[::1]:9000/c",     "wss://streaming.mypurecloud.de/c"};
  static const char* const bad[] = {
      "ws://127.0.0.1:9001/c",           "ws://127.0.0.1/c",
      "ws://localhost:9001/c",           "ws://127.0.0.1.example:9000/c",
      "ws://streaming.mypurecloud.de/c", "http://127.0.0.1:9000/c",
  };
  assert_accepted(good, COUNT(good), &policy);
  assert_refused(bad, COUNT(bad), &policy);
  policy.plaintext = false;
  assert_refused(good, 1, &policy);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(token_request),
      cmocka_unit_test(tokens_by_other_grants),
      cmocka_unit_test(token_request_below_a_path),
      cmocka_unit_test(channel_request),
      cmocka_unit_test(topics_request),
      cmocka_unit_test(subscriptions_are_added_listed_and_taken_off),
      cmocka_unit_test(upgrade_request_carries_no_token),
      cmocka_unit_test(no_value_can_break_out_of_its_header),
      cmocka_unit_test(only_calls_can_be_written),
      cmocka_unit_test(a_grant_needs_what_it_offers),
      cmocka_unit_test(topics_bodies_are_json),
      cmocka_unit_test(failing_allocations_leak_no_secret),
      cmocka_unit_test(a_full_buffer_is_told),
      cmocka_unit_test(streams_stay_within_the_domain),
      cmocka_unit_test(without_a_domain_only_the_apis_host_will_do),
      cmocka_unit_test(plaintext_goes_to_the_apis_host_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
