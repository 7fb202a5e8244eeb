/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect: the exact bytes of its requests in each preset, and what
 * a value may hold.
 */
#include "dialect/stream.h"

#include "base/err.h"
#include "check.h"
#include "dialect/subscription.h"
#include "mem-spy.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define SECRET       "eyJzZWNyZXQtc2VjcmV0/+=="
#define ENCODED      "eyJzZWNyZXQtc2VjcmV0%2F%2B%3D%3D"

enum { OUT_SIZE_MAX = 1 << 20 };

static const char* const texts[] = {
    "routing.queueEvents@abc-123?eventType=QUEUE_ADD,QUEUE_REMOVE",
    "telephony.callEvents",
};

static void make_array(const struct gcn__shape* shape, struct gcn__buf* array) {
  gcn__buf_init(array, &gcn__mem_libc, OUT_SIZE_MAX);
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct gcn__span text = gcn__span_str(texts[i]);
    assert_null(gcn__subscription_check(text));
    assert_int_equal(gcn__stream_append(shape, text, i == 0, array), 0);
  }
  assert_int_equal(gcn__buf_append_str(array, "]"), 0);
}

static struct gcn__stream_ask sample(const struct gcn__shape* shape) {
  return (struct gcn__stream_ask){
      .shape = shape,
      .authority = "api.mypurecloud.de",
      .base_path = "",
      .user_agent = "gcnotify/0.1.0",
      .token = SECRET,
      .ws_key = "dGhlIHNhbXBsZSBub25jZQ==",
      .subscriptions = GCN__SPAN("[{\"event\":\"a\"}]"),
      .session = "gcn-1",
  };
}

static void assert_request(enum gcn__op op, const struct gcn__stream_ask* ask,
                           const char* want) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  assert_int_equal(gcn__stream_write(op, ask, &out), 0);
  assert_int_equal(gcn__buf_append(&out, "", 1), 0);
  assert_string_equal(gcn__buf_span(&out).data, want);
  gcn__buf_deinit(&out);
}

static int write_once(enum gcn__op op, const struct gcn__stream_ask* ask) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  int error = gcn__stream_write(op, ask, &out);
  gcn__buf_deinit(&out);
  return error;
}

#define COMMON                                                                 \
  "Host: api.mypurecloud.de\r\n"                                               \
  "User-Agent: gcnotify/0.1.0\r\n"
#define BEARER "Authorization: Bearer " SECRET "\r\n"
#define ACCEPT "Accept: application/json\r\n"
#define HANDSHAKE                                                              \
  "Upgrade: websocket\r\n"                                                     \
  "Connection: Upgrade\r\n"                                                    \
  "Sec-WebSocket-Version: 13\r\n"                                              \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                            \
  "\r\n"
#define PACE "maxBatchSize=100&maxLatency=5000"

/* --- the presets ---------------------------------------------------------- */

/* PROTOCOL §6.1 */
static void the_guide_has_everything_in_the_query(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  struct gcn__stream_ask ask = sample(&shape);
  struct gcn__buf array;
  make_array(&shape, &array);
  ask.subscriptions = gcn__buf_span(&array);
  ask.resume = GCN__SPAN("7/ab+c=");
  assert_request(
      GCN__OP_UPGRADE, &ask,
      "GET /api/v2/notifications/stream?access_token=" ENCODED
      "&subscriptions=%5B%7B%22event%22%3A%22routing.queueEvents%22%2C"
      "%22resourceId%22%3A%22abc-123%22%2C%22filters%22%3A%7B%22eventType%22"
      "%3A%5B%22QUEUE_ADD%22%2C%22QUEUE_REMOVE%22%5D%7D%7D%2C%7B%22event%22"
      "%3A%22telephony.callEvents%22%7D%5D"
      "&" PACE "&lastEventId=7%2Fab%2Bc%3D HTTP/1.1\r\n" COMMON HANDSHAKE);
  ask.subscriptions = GCN__SPAN("[{\"event\":\"a\"}]");
  ask.base_path = "/gateway";
  assert_request(GCN__OP_AUDIT, &ask,
                 "GET /gateway/api/v2/notifications/stream/subscriptions"
                 "?subscriptions=%5B%7B%22event%22%3A%22a%22%7D%5D "
                 "HTTP/1.1\r\n" COMMON BEARER ACCEPT "\r\n");
  assert_int_equal(write_once(GCN__OP_TOPICS, &ask), GCN__EINVAL);
  assert_int_equal(write_once(GCN__OP_CHANNEL, &ask), GCN__EINVAL);
  ask.subscription_id = GCN__SPAN("x");
  assert_int_equal(write_once(GCN__OP_UNSUBSCRIBE, &ask), GCN__EINVAL);
  gcn__buf_deinit(&array);
}

static void a_time_has_a_parameter_of_its_own(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  struct gcn__stream_ask ask = sample(&shape);
  shape.batch_count_max = 0;
  shape.latency_ms = UINT64_MAX;
  ask.resume = GCN__SPAN("2031-04-03T08:15:20.114+02:00");
  ask.resume_is_time = true;
  ask.subscriptions = GCN__SPAN("");
  assert_request(GCN__OP_UPGRADE, &ask,
                 "GET /api/v2/notifications/stream?access_token=" ENCODED
                 "&maxLatency=18446744073709551615"
                 "&since=2031-04-03T08%3A15%3A20.114%2B02%3A00 "
                 "HTTP/1.1\r\n" COMMON HANDSHAKE);
  shape.since_param = "";
  shape.latency_param = "";
  assert_request(GCN__OP_UPGRADE, &ask,
                 "GET /api/v2/notifications/stream?access_token=" ENCODED
                 " HTTP/1.1\r\n" COMMON HANDSHAKE);
}

/* PROTOCOL §6.2, thread A */
static void rest_posts_the_subscriptions(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_REST);
  struct gcn__stream_ask ask = sample(&shape);
  assert_request(
      GCN__OP_TOPICS, &ask,
      "POST /api/v2/notifications/subscriptions HTTP/1.1\r\n" COMMON BEARER
          ACCEPT "Content-Type: application/json\r\n"
      "Content-Length: 112\r\n"
      "\r\n"
      "{\"name\":\"gcn-1\",\"subscriptions\":[{\"event\":\"a\"}],"
      "\"endpoint\":\"/api/v2/notifications\","
      "\"scope\":\"notification:write\"}");
  assert_request(GCN__OP_UPGRADE, &ask,
                 "GET /api/v2/notifications?" PACE
                 " HTTP/1.1\r\n" COMMON BEARER HANDSHAKE);
  ask.subscription_id = GCN__SPAN("a/../b?c d");
  ask.resume = GCN__SPAN("9");
  assert_request(GCN__OP_UPGRADE, &ask,
                 "GET /api/v2/notifications?subscriptionId=a%2F..%2Fb%3Fc%20d"
                 "&" PACE
                 "&lastEventId=9 HTTP/1.1\r\n" COMMON BEARER HANDSHAKE);
  assert_request(GCN__OP_UNSUBSCRIBE, &ask,
                 "DELETE /api/v2/notifications/subscriptions/"
                 "a%2F..%2Fb%3Fc%20d HTTP/1.1\r\n" COMMON BEARER ACCEPT "\r\n");
  ask.subscription_id = GCN__SPAN("");
  assert_int_equal(write_once(GCN__OP_UNSUBSCRIBE, &ask), GCN__EINVAL);
  assert_int_equal(write_once(GCN__OP_AUDIT, &ask), GCN__EINVAL);
  ask.session = NULL;
  assert_int_equal(write_once(GCN__OP_TOPICS, &ask), GCN__EINVAL);
  ask.session = "a\"b";
  assert_int_equal(write_once(GCN__OP_TOPICS, &ask), GCN__EINVAL);
}

static void assert_item(const struct gcn__shape* shape, const char* text,
                        const char* want) {
  struct gcn__buf array;
  gcn__buf_init(&array, &gcn__mem_libc, OUT_SIZE_MAX);
  struct gcn__span span = gcn__span_str(text);
  assert_int_equal(gcn__stream_append(shape, span, true, &array), 0);
  assert_int_equal(gcn__buf_append(&array, "", 1), 0);
  assert_string_equal(gcn__buf_span(&array).data, want);
  gcn__buf_deinit(&array);
}

/* PROTOCOL §6.2, thread B */
static void the_sdk_has_topics_and_queries(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_SDK);
  assert_item(&shape,
              "/api/v2/analytics/events?query=event.type==\"queueEvent\"",
              "[{\"topic\":\"/api/v2/analytics/events\",\"filter\":{\"query\":"
              "\"event.type==\\\"queueEvent\\\"\"}}");
  assert_item(&shape, "a", "[{\"topic\":\"a\"}");
  assert_item(&shape, "a@b?query=x,y&c=1",
              "[{\"topic\":\"a\",\"resourceId\":\"b\",\"filter\":{\"query\":"
              "[\"x\",\"y\"],\"c\":[\"1\"]}}");
  struct gcn__shape guide = gcn__shape_of(GCN__PRESET_GUIDE);
  assert_item(&guide, "a%40b@%C3%A4%22?query=x%2Cy",
              "[{\"event\":\"a@b\",\"resourceId\":\"\xc3\xa4\\\"\","
              "\"filters\":{\"query\":[\"x,y\"]}}");
  struct gcn__stream_ask ask = sample(&shape);
  ask.subscriptions = GCN__SPAN("[{\"topic\":\"a\"}]");
  assert_request(GCN__OP_UPGRADE, &ask,
                 "GET /api/v2/notifications/stream?access_token=" ENCODED
                 "&subscriptions=%5B%7B%22topic%22%3A%22a%22%7D%5D"
                 "&" PACE " HTTP/1.1\r\n" COMMON HANDSHAKE);
}

/* PROTOCOL §6.2, thread C */
static void messages_follow_the_upgrade(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_MESSAGE);
  struct gcn__stream_ask ask = sample(&shape);
  ask.resume = GCN__SPAN("9");
  assert_request(GCN__OP_UPGRADE, &ask,
                 "GET /api/v2/notification/events?" PACE "&lastEventId=9 "
                 "HTTP/1.1\r\n" COMMON BEARER HANDSHAKE);
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  assert_int_equal(gcn__stream_message(&ask, &out), 0);
  assert_true(gcn__span_is(gcn__buf_span(&out),
                           "{\"subscriptions\":[{\"event\":\"a\"}]}"));
  gcn__buf_clear(&out);
  ask.subscriptions = GCN__SPAN("");
  assert_int_equal(gcn__stream_message(&ask, &out), 0);
  assert_true(gcn__span_is(gcn__buf_span(&out), "{\"subscriptions\":[]}"));
  gcn__buf_deinit(&out);
}

/* PROTOCOL §6.2, thread D */
static void a_ticket_takes_the_tokens_place(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_TICKET);
  struct gcn__stream_ask ask = sample(&shape);
  assert_request(
      GCN__OP_CHANNEL, &ask,
      "POST /api/v2/notifications/subscription HTTP/1.1\r\n" COMMON BEARER
          ACCEPT "Content-Type: application/json\r\n"
      "Content-Length: 0\r\n"
      "\r\n");
  ask.ticket = "a b";
  assert_request(GCN__OP_UPGRADE, &ask,
                 "GET /api/v2/notifications?token=a%20b&subscriptions="
                 "%5B%7B%22event%22%3A%22a%22%7D%5D&" PACE
                 " HTTP/1.1\r\n" COMMON HANDSHAKE);
  shape.token_in = GCN__TOKEN_IN_HEADER;
  ask.ticket = "ab";
  assert_request(GCN__OP_UPGRADE, &ask,
                 "GET /api/v2/notifications?subscriptions="
                 "%5B%7B%22event%22%3A%22a%22%7D%5D&" PACE
                 " HTTP/1.1\r\n" COMMON
                 "Authorization: Bearer ab\r\n" HANDSHAKE);
}

static void one_object_may_be_in_the_query(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  struct gcn__stream_ask ask = sample(&shape);
  struct gcn__buf out;
  shape.form = GCN__FORM_NAMED;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  assert_int_equal(gcn__stream_target(&ask, &out), 0);
  assert_int_equal(gcn__buf_append(&out, "", 1), 0);
  assert_string_equal(
      gcn__buf_span(&out).data,
      "/api/v2/notifications/stream?access_token=" ENCODED
      "&subscriptions=%7B%22name%22%3A%22gcn-1%22%2C%22subscriptions%22%3A%5B"
      "%7B%22event%22%3A%22a%22%7D%5D%2C%22endpoint%22%3A%22%2Fapi%2Fv2%2F"
      "notifications%2Fstream%22%2C%22scope%22%3A%22notification%3Awrite%22"
      "%7D&" PACE);
  gcn__buf_deinit(&out);
}

/* --- what may be written -------------------------------------------------- */

/* FAULTS §9.3; an unencoded token is "the trap" of PROTOCOL §6.1. */
static void no_value_can_break_out_of_its_place(void** state) {
  (void)state;
  static const char* const bad[] = {"a\rb",  "a\nb",  "a\r\nX: y", "a\x7f",
                                    "a\x01", "a\x80", "a "};
  struct gcn__shape guide = gcn__shape_of(GCN__PRESET_GUIDE);
  struct gcn__shape rest = gcn__shape_of(GCN__PRESET_REST);
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct gcn__stream_ask ask = sample(&guide);
    ask.token = bad[i]; /* in the query: encoded, harmless */
    ask.resume = gcn__span_str(bad[i]);
    assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), 0);
    assert_int_equal(write_once(GCN__OP_AUDIT, &ask), GCN__EINVAL);
    ask = sample(&rest);
    ask.subscription_id = gcn__span_str(bad[i]);
    assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), 0);
    assert_int_equal(write_once(GCN__OP_UNSUBSCRIBE, &ask), 0);
    ask.token = bad[i];
    assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), GCN__EINVAL);
    assert_int_equal(write_once(GCN__OP_TOPICS, &ask), GCN__EINVAL);
    ask = sample(&guide);
    ask.user_agent = bad[i];
    assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), GCN__EINVAL);
    ask = sample(&guide);
    ask.authority = bad[i];
    assert_int_equal(write_once(GCN__OP_AUDIT, &ask), GCN__EINVAL);
    ask = sample(&guide);
    ask.ws_key = bad[i];
    assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), GCN__EINVAL);
    ask = sample(&guide);
    ask.base_path = bad[i];
    assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), GCN__EINVAL);
  }
}

static void without_a_token_nothing_is_written(void** state) {
  (void)state;
  static const char* const none[] = {NULL, ""};
  for (size_t i = 0; i < COUNT(none); i++) {
    for (unsigned p = 0; p < GCN__PRESET_COUNT; p++) {
      struct gcn__shape shape = gcn__shape_of((enum gcn__preset)p);
      struct gcn__stream_ask ask = sample(&shape);
      ask.token = none[i];
      ask.subscription_id = GCN__SPAN("x");
      for (int op = GCN__OP_NONE; op <= GCN__OP_CHECKPOINT; op++)
        assert_int_equal(write_once((enum gcn__op)op, &ask), GCN__EINVAL);
    }
  }
}

static void only_calls_can_be_written(void** state) {
  (void)state;
  static const enum gcn__op ops[] = {GCN__OP_NONE, GCN__OP_TOKEN,
                                     GCN__OP_STREAM, GCN__OP_ADD,
                                     GCN__OP_CHECKPOINT};
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_REST);
  struct gcn__stream_ask ask = sample(&shape);
  for (size_t i = 0; i < COUNT(ops); i++)
    assert_int_equal(write_once(ops[i], &ask), GCN__EINVAL);
}

/* --- sizes ---------------------------------------------------------------- */

static void the_target_has_a_limit(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  struct gcn__stream_ask ask = sample(&shape);
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, OUT_SIZE_MAX);
  assert_int_equal(gcn__stream_target(&ask, &out), 0);
  size_t size = gcn__buf_size(&out);
  shape.url_size_max = size;
  gcn__buf_clear(&out);
  assert_int_equal(gcn__stream_target(&ask, &out), 0);
  assert_int_equal(gcn__buf_size(&out), size);
  assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), 0);
  shape.url_size_max = size - 1;
  gcn__buf_clear(&out);
  assert_int_equal(gcn__stream_target(&ask, &out), GCN_ELIMIT);
  assert_int_equal(gcn__buf_size(&out), 0);
  assert_int_equal(write_once(GCN__OP_UPGRADE, &ask), GCN_ELIMIT);
  gcn__buf_deinit(&out);
}

static void a_full_buffer_is_told(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  struct gcn__stream_ask ask = sample(&shape);
  for (size_t limit = 0; limit < 200; limit += 7) {
    struct gcn__buf out;
    gcn__buf_init(&out, &gcn__mem_libc, limit);
    assert_int_equal(gcn__stream_write(GCN__OP_UPGRADE, &ask, &out),
                     GCN_ELIMIT);
    gcn__buf_deinit(&out);
  }
}

/* --- memory --------------------------------------------------------------- */

/* The request is written with the n-th allocation failing, for all n: the
 * documented error, no leak, and no copy of a secret anywhere. */
static void assert_frugal(enum gcn__op op, enum gcn__preset preset) {
  int error = GCN__ENOMEM;
  for (size_t n = 1; error != 0; n++) {
    struct mem_spy spy = {.secret = "c2VjcmV0", .probe = {.fail_at = n}};
    struct gcn__mem mem = mem_spy_mem(&spy);
    struct gcn__shape shape = gcn__shape_of(preset);
    struct gcn__stream_ask ask = sample(&shape);
    ask.ticket = op == GCN__OP_UPGRADE ? SECRET : NULL;
    ask.subscription_id = GCN__SPAN("abc");
    struct gcn__buf out;
    gcn__buf_init(&out, &mem, OUT_SIZE_MAX);
    out.secret = true;
    error = gcn__stream_write(op, &ask, &out);
    assert_true(error == 0 || error == GCN__ENOMEM);
    gcn__buf_deinit(&out);
    assert_int_equal(spy.probe.live_size, 0);
    assert_int_equal(spy.sighting_count, 0);
  }
}

static void failing_allocations_leak_no_secret(void** state) {
  (void)state;
  for (unsigned i = 0; i < GCN__PRESET_COUNT; i++)
    assert_frugal(GCN__OP_UPGRADE, (enum gcn__preset)i);
  assert_frugal(GCN__OP_AUDIT, GCN__PRESET_GUIDE);
  assert_frugal(GCN__OP_TOPICS, GCN__PRESET_REST);
  assert_frugal(GCN__OP_UNSUBSCRIBE, GCN__PRESET_REST);
  assert_frugal(GCN__OP_CHANNEL, GCN__PRESET_TICKET);
}

static void failing_allocations_fail_an_append(void** state) {
  (void)state;
  struct gcn__shape shape = gcn__shape_of(GCN__PRESET_GUIDE);
  int error = GCN__ENOMEM;
  size_t n = 1;
  for (; error != 0; n++) {
    struct mem_probe probe = {.fail_at = n};
    struct gcn__mem mem = mem_probe_mem(&probe);
    struct gcn__buf array;
    gcn__buf_init(&array, &mem, OUT_SIZE_MAX);
    error = gcn__stream_append(&shape, gcn__span_str(texts[0]), true, &array);
    assert_true(error == 0 || error == GCN__ENOMEM);
    gcn__buf_deinit(&array);
    assert_int_equal(probe.live_size, 0);
  }
  assert_true(n > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_guide_has_everything_in_the_query),
      cmocka_unit_test(a_time_has_a_parameter_of_its_own),
      cmocka_unit_test(rest_posts_the_subscriptions),
      cmocka_unit_test(the_sdk_has_topics_and_queries),
      cmocka_unit_test(messages_follow_the_upgrade),
      cmocka_unit_test(a_ticket_takes_the_tokens_place),
      cmocka_unit_test(one_object_may_be_in_the_query),
      cmocka_unit_test(no_value_can_break_out_of_its_place),
      cmocka_unit_test(without_a_token_nothing_is_written),
      cmocka_unit_test(only_calls_can_be_written),
      cmocka_unit_test(the_target_has_a_limit),
      cmocka_unit_test(a_full_buffer_is_told),
      cmocka_unit_test(failing_allocations_leak_no_secret),
      cmocka_unit_test(failing_allocations_fail_an_append),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
