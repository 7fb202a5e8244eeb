/* SPDX-License-Identifier: MIT */
/*
 * The channels dialect: what it takes from answers and their headers, and how
 * it names messages.
 */
#include "dialect/channels.h"

#include "base/err.h"
#include "check.h"

#include <stdio.h>

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

/* PROTOCOL §6.2, thread D; the names of RFC 6749 go before. */
static void token_answers_in_camel_case(void** state) {
  (void)state;
  assert_token("{\"accessToken\":\"a\",\"tokenType\":\"Bearer\","
               "\"expiresIn\":86399}",
               0, "a", 86399);
  assert_token("{\"accessToken\":\"b\",\"access_token\":\"a\","
               "\"expiresIn\":1,\"expires_in\":2}",
               0, "a", 2);
  assert_token("{\"accessToken\":\"a\",\"tokenType\":\"mac\"}", GCN_EPROTO,
               NULL, 0);
  assert_token("{\"accessToken\":5}", GCN_EPROTO, NULL, 0);
}

/* The new refresh token takes the old one's place. */
static void refresh_tokens_are_taken(void** state) {
  (void)state;
  static const struct {
    const char* text;
    const char* refresh_token; /* NULL: absent */
  } cases[] = {
      {"{\"access_token\":\"a\",\"refresh_token\":\"r2\"}", "r2"},
      {"{\"accessToken\":\"a\",\"refreshToken\":\"r2\"}", "r2"},
      {"{\"access_token\":\"a\",\"refresh_token\":null}", NULL},
      {"{\"access_token\":\"a\",\"refresh_token\":7}", NULL},
      {"{\"access_token\":\"a\"}", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct gcn__json* json = parse(cases[i].text);
    struct gcn__token_answer answer;
    const char* why = NULL;
    assert_int_equal(gcn__channels_read_token(json, &answer, &why), 0);
    bool absent = answer.refresh_token.data == NULL;
    assert_int_equal(absent, cases[i].refresh_token == NULL);
    if (!absent) {
      assert_true(gcn__span_is(answer.refresh_token, cases[i].refresh_token));
    }
    gcn__json_free(json, true);
  }
}

/* Reads an answer with the given headers; false if they say no pace. */
static bool read_pace(const char* headers, struct gcn__ratelimit* limit) {
  char text[1024];
  snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n",
           headers);
  struct gcn__http* http = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                                         &gcn__http_limits_default);
  assert_non_null(http);
  struct gcn__span in = gcn__span_str(text);
  assert_int_equal(gcn__http_read(http, &in), GCN__HTTP_DONE);
  bool read = gcn__channels_read_ratelimit(http, limit);
  gcn__http_free(http);
  return read;
}

#define PACE(count, allowed, reset)                                            \
  "inin-ratelimit-count: " count "\r\n"                                        \
  "inin-ratelimit-allowed: " allowed "\r\n"                                    \
  "inin-ratelimit-reset: " reset "\r\n"

/* PROTOCOL §5 */
static void the_pace_is_read(void** state) {
  (void)state;
  struct gcn__ratelimit limit;
  assert_true(read_pace(PACE("17", "300", "61"), &limit));
  assert_int_equal(limit.count, 17);
  assert_int_equal(limit.allowed, 300);
  assert_int_equal(limit.reset_s, 61);
  assert_true(read_pace("ININ-RateLimit-Reset: 0\r\n"
                        "ININ-RateLimit-Allowed: 999999999\r\n"
                        "ININ-RateLimit-Count: 000000301\r\n",
                        &limit));
  assert_int_equal(limit.count, 301);
  assert_int_equal(limit.allowed, 999999999);
  assert_int_equal(limit.reset_s, 0);
}

static void half_a_pace_is_none(void** state) {
  (void)state;
  static const char* const bad[] = {
      "",
      "inin-ratelimit-count: 17\r\ninin-ratelimit-allowed: 300\r\n",
      "inin-ratelimit-count: 17\r\ninin-ratelimit-reset: 61\r\n",
      "inin-ratelimit-allowed: 300\r\ninin-ratelimit-reset: 61\r\n",
      PACE("17", "300", "61") "inin-ratelimit-count: 18\r\n",
      PACE("17", "0", "61"),
      PACE("-1", "300", "61"),
      PACE("17", "300", "61.5"),
      PACE("17", "+300", "61"),
      PACE("17", "3 00", "61"),
      PACE("", "300", "61"),
      PACE("17", "1000000000", "61"),
      PACE("17", "300", "soon"),
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct gcn__ratelimit limit = {1, 2, 3};
    if (read_pace(bad[i], &limit)) fail_msg("read: %s", bad[i]);
    assert_true(limit.count == 1 && limit.allowed == 2 && limit.reset_s == 3);
  }
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
  assert_int_equal(gcn__envelope_scan(text, strlen(text), GCN__SCRUTINY_STRICT,
                                      &envelope, NULL),
                   0);
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
      {MESSAGE("v2.system.no_longer_subscribed.c"), GCN__MESSAGE_UNSUBSCRIBED},
      {MESSAGE("V2.System.No_Longer_Subscribed.c"), GCN__MESSAGE_UNSUBSCRIBED},
      {MESSAGE("v2.system.no_longer"), GCN__MESSAGE_NOTICE},
      {MESSAGE("v2.system.a.b"), GCN__MESSAGE_NOTICE},
      {MESSAGE("v2.subscription.updated"), GCN__MESSAGE_NOTICE},
      {MESSAGE("v2.users.u.presence"), GCN__MESSAGE_EVENT},
      {MESSAGE("v2.systems"), GCN__MESSAGE_EVENT},
      {MESSAGE("v2.stations.s"), GCN__MESSAGE_EVENT},
      {MESSAGE("channels"), GCN__MESSAGE_EVENT},
      {MESSAGE("v2."), GCN__MESSAGE_EVENT},
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

static void assert_absent_or(struct gcn__span span, const char* want) {
  if (want == NULL) assert_int_equal(span.size, 0);
  if (want != NULL) assert_true(gcn__span_is(span, want));
}

/* PROTOCOL §4.4 and §9 */
static void system_messages_name_a_channel(void** state) {
  (void)state;
  static const struct {
    const char* name;
    const char* body; /* NULL: no object */
    const char* channel_id;
    const char* topic;
    const char* reason;
  } cases[] = {
      {"v2.system.no_longer_subscribed.c1",
       "{\"channelId\":\"c2\",\"systemTopicType\":\"no_longer_subscribed\","
       "\"correlationId\":\"X\",\"reason\":\"another_channel_subscribed\"}",
       "c2", NULL, "another_channel_subscribed"},
      {"v2.system.no_longer_subscribed.c1",
       "{\"data\":{\"topicName\":\"v2.users.U.presence\"}}", "c1",
       "v2.users.U.presence", NULL},
      {"v2.system.no_longer_subscribed.c1",
       "{\"data\":{\"topic\":\"v2.a\",\"topicName\":\"\"}}", "c1", "v2.a",
       NULL},
      {"v2.system.token_revoked.c.1", "{\"reason\":\"user_tokens_revoked\"}",
       "c.1", NULL, "user_tokens_revoked"},
      {"v2.system.token_revoked.c1", NULL, "c1", NULL, NULL},
      {"v2.system.token_revoked.", "{\"channelId\":7,\"data\":[1]}", NULL, NULL,
       NULL},
      {"v2.system.token_revoked", "{\"data\":\"x\"}", NULL, NULL, NULL},
      {"", "{}", NULL, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct gcn__json* json = NULL;
    if (cases[i].body != NULL) json = parse(cases[i].body);
    struct gcn__system_message message;
    gcn__channels_read_system(gcn__span_str(cases[i].name), json, &message);
    assert_absent_or(message.channel_id, cases[i].channel_id);
    assert_absent_or(message.topic, cases[i].topic);
    assert_absent_or(message.reason, cases[i].reason);
    gcn__json_free(json, false);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(token_answers),
      cmocka_unit_test(token_answers_in_camel_case),
      cmocka_unit_test(refresh_tokens_are_taken),
      cmocka_unit_test(the_pace_is_read),
      cmocka_unit_test(half_a_pace_is_none),
      cmocka_unit_test(channel_answers),
      cmocka_unit_test(topic_answers),
      cmocka_unit_test(answers_without_a_list_are_no_answers),
      cmocka_unit_test(messages_are_named),
      cmocka_unit_test(system_messages_name_a_channel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
