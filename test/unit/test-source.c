/* SPDX-License-Identifier: MIT */
/*
 * sim/source: events of every size, frames in pieces, answers that a client can
 * live on.
 */
#include "check.h"

#include "sim/source.h"

#include "base/err.h"
#include "codec/json.h"
#include "codec/ws.h"

#include <stdio.h>

static struct gcn__buf make_buf(void) {
  struct gcn__buf buf;
  gcn__buf_init(&buf, &gcn__mem_libc, 1 << 21);
  return buf;
}

static void check_event(size_t size) {
  struct gcn__buf buf = make_buf();
  assert_int_equal(gcn__source_event(&buf, size), 0);
  assert_int_equal(gcn__buf_size(&buf), size);
  struct gcn__json* json = gcn__json_parse(gcn__buf_span(&buf), NULL);
  assert_non_null(json);
  assert_true(
      gcn__span_is(gcn__json_member(json, "topicName"), gcn__source_topic));
  assert_true(gcn__json_is_object(gcn__json_get(json, "eventBody")));
  gcn__json_free(json, false);
  gcn__buf_deinit(&buf);
}

static void test_every_size_is_met(void** state) {
  (void)state;
  for (size_t size = GCN__SOURCE_SIZE_MIN; size < 3000; size++)
    check_event(size);
  check_event(65536);
  check_event(GCN__SOURCE_SIZE_MAX);
  struct gcn__buf buf = make_buf();
  assert_int_equal(gcn__source_event(&buf, 100), GCN__EINVAL);
  gcn__buf_deinit(&buf);
}

static void test_a_mix_has_its_sizes(void** state) {
  (void)state;
  size_t low = SIZE_MAX;
  size_t high = 0;
  for (uint64_t i = 0; i < 70; i++) {
    size_t size = gcn__source_size(GCN__SOURCE_MIX, i);
    assert_int_equal(size, gcn__source_size(GCN__SOURCE_MIX, i + 7));
    if (size < low) low = size;
    if (size > high) high = size;
  }
  assert_int_equal(low, 512);
  assert_int_equal(high, 8192);
  assert_int_equal(gcn__source_size(1024, 5), 1024);
}

/* Takes `count` events from `index` on, piece by piece, and reads them. */
static void read_frames(const struct gcn__source_frames* frames, size_t size,
                        uint64_t index, uint64_t count) {
  struct gcn__ws* ws = gcn__ws_new(&gcn__mem_libc, GCN__WS_CLIENT, NULL, NULL);
  uint64_t end = index + count;
  while (index < end) {
    uint64_t part = end - index;
    struct gcn__span bytes = gcn__source_frames_at(frames, index, &part);
    assert_true(part > 0 && part <= end - index);
    for (uint64_t i = 0; i < part; i++) {
      struct gcn__ws_message message;
      assert_int_equal(gcn__ws_read(ws, &bytes, &message), GCN__WS_MESSAGE);
      assert_int_equal(message.opcode, GCN__WS_TEXT);
      assert_int_equal(message.size, gcn__source_size(size, index + i));
    }
    assert_int_equal(bytes.size, 0);
    index += part;
  }
  gcn__ws_free(ws);
}

static void test_frames_go_round(void** state) {
  (void)state;
  static const size_t sizes[] = {256, 1024, 65536, GCN__SOURCE_MIX};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct gcn__source_frames frames = {.count = 0};
    assert_int_equal(gcn__source_frames_make(&frames, sizes[i], 10), 0);
    assert_int_equal(frames.count, 14);
    read_frames(&frames, sizes[i], 0, 50);
    for (uint64_t index = 0; index < 30; index++)
      read_frames(&frames, sizes[i], index, 1 + index % 5);
    gcn__source_frames_free(&frames);
  }
}

/* What the source answers to `request`, parsed. */
static struct gcn__json* ask(const char* request,
                             struct gcn__source_reply* reply) {
  struct gcn__span bytes = gcn__span_str(request);
  struct gcn__buf out = make_buf();
  struct gcn__http* server = gcn__http_new(&gcn__mem_libc, GCN__HTTP_REQUESTS,
                                           &gcn__http_limits_default);
  assert_int_equal(gcn__http_read(server, &bytes), GCN__HTTP_DONE);
  assert_int_equal(gcn__source_answer(server, reply, &out), 0);
  gcn__http_free(server);
  struct gcn__http* client = gcn__http_new(&gcn__mem_libc, GCN__HTTP_RESPONSES,
                                           &gcn__http_limits_default);
  bytes = gcn__buf_span(&out);
  gcn__http_next(client, false, true);
  assert_int_equal(gcn__http_read(client, &bytes), GCN__HTTP_DONE);
  assert_int_equal(bytes.size, 0);
  struct gcn__json* json = gcn__json_parse(gcn__http_body(client), NULL);
  gcn__http_free(client);
  gcn__buf_deinit(&out);
  return json;
}

static void test_a_channel_leads_back(void** state) {
  (void)state;
  struct gcn__source_reply reply = {.channel_id = 41, .secure = true};
  struct gcn__json* json =
      ask("POST /api/v2/notifications/channels HTTP/1.1\r\n"
          "Host: 127.0.0.1:99\r\nContent-Length: 0\r\n\r\n",
          &reply);
  assert_true(gcn__span_is(gcn__json_member(json, "id"), "41"));
  assert_true(gcn__span_is(gcn__json_member(json, "connectUri"),
                           "wss://127.0.0.1:99/channels/41"));
  assert_int_equal(reply.did, GCN__SOURCE_ANSWERED);
  assert_int_equal(reply.channel_id, 42);
  gcn__json_free(json, false);
  reply.secure = false;
  json = ask("POST /api/v2/notifications/channels HTTP/1.1\r\n"
             "Host: 127.0.0.1:99\r\nContent-Length: 0\r\n\r\n",
             &reply);
  assert_true(gcn__span_is(gcn__json_member(json, "connectUri"),
                           "ws://127.0.0.1:99/channels/42"));
  gcn__json_free(json, false);
}

static void test_topics_are_permitted(void** state) {
  (void)state;
  struct gcn__source_reply reply = {.channel_id = 1};
  struct gcn__json* json =
      ask("PUT /api/v2/notifications/channels/41/subscriptions HTTP/1.1\r\n"
          "Host: a\r\nContent-Length: 2\r\n\r\n[]",
          &reply);
  assert_int_equal(reply.did, GCN__SOURCE_SUBSCRIBED);
  assert_int_equal(reply.channel, 41);
  const struct gcn__json* list = gcn__json_get(json, "entities");
  assert_int_equal(gcn__json_count(list), 1);
  assert_true(gcn__span_is(gcn__json_member(gcn__json_at(list, 0), "id"),
                           gcn__source_topic));
  gcn__json_free(json, false);
}

static void test_upgrades(void** state) {
  (void)state;
  static const struct {
    const char* target;
    uint64_t channel;
  } cases[] = {{"/channels/7", 7},
               {"/bench/stream", 0},
               {"/", 0},
               {"/channels/999999999", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char request[256];
    struct gcn__source_reply reply = {.channel_id = 1};
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
             cases[i].target);
    assert_null(ask(request, &reply));
    assert_int_equal(reply.did, GCN__SOURCE_UPGRADED);
    assert_int_equal(reply.channel, cases[i].channel);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_size_is_met),
      cmocka_unit_test(test_a_mix_has_its_sizes),
      cmocka_unit_test(test_frames_go_round),
      cmocka_unit_test(test_a_channel_leads_back),
      cmocka_unit_test(test_topics_are_permitted),
      cmocka_unit_test(test_upgrades),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
