/* SPDX-License-Identifier: MIT */
/*
 * The channels dialect: the exact bytes of its requests, what it takes from
 * answers, how it names messages, and which hosts it lets a service name.
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

/* Every allocation of every request fails once: the documented error, no leak,
 * and no copy of a secret anywhere. */
static void failing_allocations_leak_no_secret(void** state) {
  (void)state;
  static const enum gcn__op ops[] = {GCN__OP_TOKEN, GCN__OP_CHANNEL,
                                     GCN__OP_TOPICS, GCN__OP_UPGRADE};
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
    int error = GCN__ENOMEM;
    for (size_t n = 1; error != 0; n++) {
      struct mem_spy spy = {.secret = SECRET, .probe = {.fail_at = n}};
      struct gcn__mem mem = mem_spy_mem(&spy);
      struct gcn__buf out;
      gcn__buf_init(&out, &mem, OUT_SIZE_MAX);
      out.secret = true;
      struct gcn__ask ask = sample();
      ask.token = SECRET;
      ask.client_secret = SECRET;
      ask.channel_id = GCN__SPAN(SECRET);
      error = gcn__channels_write(ops[i], &ask, &out);
      assert_true(error == 0 || error == GCN__ENOMEM);
      gcn__buf_deinit(&out);
      assert_int_equal(spy.probe.live_size, 0);
      assert_int_equal(spy.sighting_count, 0);
    }
  }
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

/* --- answers -------------------------------------------------------------- */

static struct gcn__json* parse(const char* text) {
  struct gcn__json* json = gcn__json_parse(gcn__span_str(text), NULL);
  if (json == NULL) fail_msg("no JSON: %s", text);
  return json;
}

static void assert_token(const char* text, int want, const char* token,
                         double life_s) {
  struct gcn__json* json = parse(text);
  struct gcn__token_answer answer;
  const char* why = NULL;
  assert_int_equal(gcn__channels_read_token(json, &answer, &why), want);
  if (want == 0) {
    assert_true(gcn__span_is(answer.token, token));
    assert_true(answer.life_s >= life_s && answer.life_s <= life_s);
  } else {
    assert_non_null(why);
  }
  gcn__json_free(json, true);
}

/* O03, O04 */
static void token_answers(void** state) {
  (void)state;
  assert_token("{\"access_token\":\"a\",\"token_type\":\"bearer\","
               "\"expires_in\":86399}",
               0, "a", 86399);
  assert_token("{\"access_token\":\"a\"}", 0, "a", 0);
  assert_token("{\"access_token\":\"a\",\"expires_in\":\"3600\"}", 0, "a",
               3600);
  assert_token("{\"access_token\":\"a\",\"expires_in\":3.6e3}", 0, "a", 3600);
  assert_token("{\"access_token\":\"a\",\"expires_in\":-1}", 0, "a", -1);
  assert_token("{\"access_token\":\"a\",\"expires_in\":1000000000000}", 0, "a",
               1e12);
  assert_token("{\"access_token\":\"a\",\"expires_in\":\"soon\"}", 0, "a", 0);
  assert_token("{\"access_token\":\"a\",\"expires_in\":null}", 0, "a", 0);
  assert_token("{\"access_token\":\"a\",\"token_type\":\"BEARER\"}", 0, "a", 0);
  assert_token("{\"access_token\":\"a\",\"token_type\":\"mac\"}", GCN_EPROTO,
               NULL, 0);
  assert_token("{\"access_token\":5}", GCN_EPROTO, NULL, 0);
  assert_token("{}", GCN_EPROTO, NULL, 0);
  assert_token("[]", GCN_EPROTO, NULL, 0);
}

static void assert_channel(const char* text, int want) {
  struct gcn__json* json = parse(text);
  struct gcn__channel_answer answer;
  const char* why = NULL;
  assert_int_equal(gcn__channels_read_channel(json, &answer, &why), want);
  if (want == 0) {
    assert_true(answer.id.size > 0);
    assert_true(gcn__span_is(answer.connect_uri, "wss://s/c"));
  } else {
    assert_non_null(why);
  }
  gcn__json_free(json, true);
}

static void channel_answers(void** state) {
  (void)state;
  assert_channel("{\"id\":\"c\",\"connectUri\":\"wss://s/c\"}", 0);
  assert_channel("{\"connectUri\":\"wss://s/c\",\"id\":\"c\","
                 "\"expires\":\"2031-04-03T08:15:20.114Z\"}",
                 0);
  assert_channel("{\"id\":\"\",\"connectUri\":\"wss://s/c\"}", GCN_EPROTO);
  assert_channel("{\"id\":7,\"connectUri\":\"wss://s/c\"}", GCN_EPROTO);
  assert_channel("{\"id\":\"c\",\"connectUri\":\"\"}", GCN_EPROTO);
  assert_channel("{\"id\":\"c\"}", GCN_EPROTO);
  assert_channel("[]", GCN_EPROTO);
  for (int size = GCN__CHANNEL_ID_SIZE_MAX; size < 258; size++) {
    char text[400];
    snprintf(text, sizeof text,
             "{\"id\":\"%0*d\",\"connectUri\":\"wss://s/c\"}", size, 7);
    bool fits = size <= GCN__CHANNEL_ID_SIZE_MAX;
    assert_channel(text, fits ? 0 : GCN_EPROTO);
  }
}

static void topic_answers(void** state) {
  (void)state;
  struct gcn__json* json = parse(
      "{\"entities\":[{\"id\":\"v2.a\",\"state\":\"Permitted\"},"
      "{\"id\":\"v2.b\",\"state\":\"Rejected\",\"rejectionReason\":\"no\","
      "\"missingPermissions\":[\"p:q:r\"]},"
      "{\"id\":\"v2.c\"},{\"state\":\"Permitted\"},7,"
      "{\"id\":\"v2.d\",\"state\":\"rejected\",\"missingPermissions\":\"x\"}]"
      "}");
  assert_int_equal(gcn__channels_topic_count(json), 6);
  struct gcn__topic_answer answer;
  assert_true(gcn__channels_read_topic(json, 0, &answer));
  assert_true(gcn__span_is(answer.id, "v2.a") && answer.permitted);
  assert_null(answer.reason.data);
  assert_null(answer.missing);
  assert_true(gcn__channels_read_topic(json, 1, &answer));
  assert_true(gcn__span_is(answer.id, "v2.b") && !answer.permitted);
  assert_true(gcn__span_is(answer.reason, "no"));
  assert_int_equal(gcn__json_count(answer.missing), 1);
  assert_true(gcn__channels_read_topic(json, 2, &answer) && answer.permitted);
  assert_false(gcn__channels_read_topic(json, 3, &answer));
  assert_false(gcn__channels_read_topic(json, 4, &answer));
  assert_true(gcn__channels_read_topic(json, 5, &answer) && !answer.permitted);
  assert_null(answer.missing);
  assert_false(gcn__channels_read_topic(json, 6, &answer));
  gcn__json_free(json, false);
}

static void answers_without_a_list_are_no_answers(void** state) {
  (void)state;
  static const char* const bad[] = {"{}", "[]", "{\"entities\":{}}",
                                    "{\"entities\":null}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct gcn__json* json = parse(bad[i]);
    assert_true(gcn__channels_topic_count(json) == GCN_EPROTO);
    gcn__json_free(json, false);
  }
  assert_true(gcn__channels_topic_count(NULL) == GCN_EPROTO);
  struct gcn__json* json = parse("{\"entities\":[]}");
  assert_int_equal(gcn__channels_topic_count(json), 0);
  gcn__json_free(json, false);
}

/* --- messages ------------------------------------------------------------- */

static enum gcn__message_kind kind_of(const char* literal) {
  char text[512];
  snprintf(text, sizeof text, "%s", literal);
  struct gcn__envelope envelope;
  assert_int_equal(gcn__envelope_scan(text, strlen(text), &envelope, NULL), 0);
  return gcn__channels_name(&envelope);
}

static void messages_are_named(void** state) {
  (void)state;
#define MESSAGE(topic) "{\"topicName\":\"" topic "\",\"eventBody\":{}}"
  static const struct {
    const char* text;
    enum gcn__message_kind kind;
  } cases[] = {
      {"{\"topicName\":\"channel.metadata\",\"eventBody\":{\"message\":"
       "\"WebSocket Heartbeat\"}}",
       GCN__MESSAGE_HEARTBEAT},
      {"{\"topicName\":\"channel.metadata\",\"eventBody\":{\"message\":"
       "\"pong\"}}",
       GCN__MESSAGE_HEARTBEAT},
      {MESSAGE("Channel.Metadata"), GCN__MESSAGE_HEARTBEAT},
      {MESSAGE("v2.system.socket_closing"), GCN__MESSAGE_MOVING},
      {MESSAGE("v2.system.token_revoked.streaming-3-x"), GCN__MESSAGE_REVOKED},
      {MESSAGE("V2.System.Token_Revoked.x"), GCN__MESSAGE_REVOKED},
      {MESSAGE("v2.system.no_longer_subscribed.c"), GCN__MESSAGE_NOTICE},
      {MESSAGE("v2.system.a.b"), GCN__MESSAGE_NOTICE},
      {MESSAGE("v2.subscription.updated"), GCN__MESSAGE_NOTICE},
      {MESSAGE("v2.users.u.presence"), GCN__MESSAGE_EVENT},
      {MESSAGE("v2.systems"), GCN__MESSAGE_EVENT},
      {MESSAGE("never heard of it"), GCN__MESSAGE_EVENT},
      {MESSAGE(""), GCN__MESSAGE_EVENT},
      {"{\"topicName\":\"v2.a\",\"eventBody\":null}", GCN__MESSAGE_EVENT},
      {"{\"topicName\":\"v2.a\",\"eventBody\":[1]}", GCN__MESSAGE_EVENT},
      {"{\"topicName\":\"v2.a\"}", GCN__MESSAGE_GARBAGE},
      {"{\"topicName\":5,\"eventBody\":{}}", GCN__MESSAGE_GARBAGE},
      {"{\"eventBody\":{}}", GCN__MESSAGE_GARBAGE},
      {"{}", GCN__MESSAGE_GARBAGE},
      {"{\"result\":\"200\",\"status\":\"subscribed\"}",
       GCN__MESSAGE_HEARTBEAT},
      {"{\"result\":404,\"message\":\"x\"}", GCN__MESSAGE_HEARTBEAT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (kind_of(cases[i].text) == cases[i].kind) continue;
    fail_msg("%s is %d", cases[i].text, (int)kind_of(cases[i].text));
  }
  assert_true(gcn__span_is(gcn__channels_ping(), "{\"message\":\"ping\"}"));
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
      cmocka_unit_test(token_request_below_a_path),
      cmocka_unit_test(channel_request),
      cmocka_unit_test(topics_request),
      cmocka_unit_test(upgrade_request_carries_no_token),
      cmocka_unit_test(no_value_can_break_out_of_its_header),
      cmocka_unit_test(only_calls_can_be_written),
      cmocka_unit_test(topics_bodies_are_json),
      cmocka_unit_test(failing_allocations_leak_no_secret),
      cmocka_unit_test(a_full_buffer_is_told),
      cmocka_unit_test(token_answers),
      cmocka_unit_test(channel_answers),
      cmocka_unit_test(topic_answers),
      cmocka_unit_test(answers_without_a_list_are_no_answers),
      cmocka_unit_test(messages_are_named),
      cmocka_unit_test(streams_stay_within_the_domain),
      cmocka_unit_test(without_a_domain_only_the_apis_host_will_do),
      cmocka_unit_test(plaintext_goes_to_the_apis_host_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
