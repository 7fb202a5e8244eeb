/* SPDX-License-Identifier: MIT */
/*
 * The simulated service's WebSockets: opening, heartbeats, pings, closing, one
 * per channel; and the events that travel on them.
 */
#include "sim-peer.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define TOPIC   "v2.users.u.presence"
#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static struct sim_world world;
static struct sim_link rest;
static struct sim_link stream;
static char token[SIM_TEXT_SIZE];
static char id[SIM_TEXT_SIZE];

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  return 0;
}

static void begin(void) {
  sim_world_open(&world, NULL);
  sim_link_open(&rest, &world);
  sim_link_open(&stream, &world);
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  assert_int_equal(sim_subscribe(&rest, token, id, TOPIC), 200);
}

static int tear_down(void** state) {
  (void)state;
  sim_link_close(&rest);
  sim_link_close(&stream);
  sim_world_close(&world);
  return 0;
}

static void opens(void** state) {
  (void)state;
  world.cut = 1;
  begin();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_true(
      gcn__span_is(gcn__http_header(stream.http, "Sec-WebSocket-Accept", NULL),
                   "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  assert_int_equal(sim_world_counters(&world).sockets_open, 1);
}

static void refuses_upgrades(void** state) {
  (void)state;
  static const char* const headers[] = {
      "",
      UPGRADE,
      UPGRADE KEY,
      UPGRADE "Sec-WebSocket-Version: 13\r\n",
      UPGRADE KEY "Sec-WebSocket-Version: 8\r\n",
      UPGRADE KEY KEY "Sec-WebSocket-Version: 13\r\n",
      KEY "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n",
      UPGRADE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n",
  };
  char target[2 * SIM_TEXT_SIZE];
  begin();
  snprintf(target, sizeof target, "/channels/%s", id);
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    struct sim_link link;
    sim_link_open(&link, &world);
    assert_int_equal(sim_request(&link, "GET", target, headers[i], NULL), 400);
    sim_link_close(&link);
  }
  assert_int_equal(sim_upgrade(&stream, "unknown"), 404);
  assert_int_equal(sim_world_counters(&world).sockets, 0);
}

static void second_socket_ends_the_first(void** state) {
  (void)state;
  struct sim_link second;
  begin();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  sim_link_open(&second, &world);
  assert_int_equal(sim_upgrade(&second, id), 101);
  sim_world_pump(&world);
  assert_int_equal(sim_next_close(&stream), 1001);
  assert_int_equal(sim_world_counters(&world).sockets_open, 1);
  gcn__sim_emit(world.sim, TOPIC, GCN__SPAN("{}"), world.now_ms);
  sim_world_pump(&world);
  assert_true(sim_next_has(&second, TOPIC));
  sim_link_close(&second);
}

static void beats_every_thirty_seconds(void** state) {
  (void)state;
  begin();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  sim_world_advance(&world, 29999);
  assert_false(sim_next_has(&stream, "Heartbeat"));
  sim_world_advance(&world, 1);
  assert_true(sim_next_has(&stream,
                           "{\"topicName\":\"channel.metadata\",\"eventBody\":"
                           "{\"message\":\"WebSocket Heartbeat\"}}"));
  gcn__sim_emit(world.sim, TOPIC, GCN__SPAN("{}"), world.now_ms + 29000);
  sim_world_advance(&world, 30000);
  assert_true(sim_next_has(&stream, TOPIC));
  assert_true(sim_next_has(&stream, "Heartbeat"));
  assert_false(sim_next_has(&stream, ""));
  assert_int_equal(gcn__sim_deadline(world.sim), world.now_ms + 30000);
}

static void answers_pings_of_both_kinds(void** state) {
  (void)state;
  struct gcn__ws_message message;
  begin();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  sim_say(&stream, GCN__WS_TEXT, "{\"message\":\"ping\"}");
  assert_true(sim_next_has(&stream, "\"eventBody\":{\"message\":\"pong\"}"));
  sim_say(&stream, GCN__WS_PING, "abc");
  assert_true(sim_next(&stream, &message));
  assert_int_equal(message.opcode, GCN__WS_PONG);
  assert_int_equal(message.size, 3);
  assert_memory_equal(message.data, "abc", 3);
}

static void tolerates_what_it_does_not_know(void** state) {
  (void)state;
  static const char* const texts[] = {"",
                                      "12:34:56",
                                      "{",
                                      "[]",
                                      "{}",
                                      "{\"message\":1}",
                                      "{\"message\":\"healthcheck\"}"};
  begin();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    sim_say(&stream, GCN__WS_TEXT, texts[i]);
  }
  sim_say(&stream, GCN__WS_BINARY, "\x01\x02");
  sim_say(&stream, GCN__WS_PONG, "nobody asked");
  assert_false(sim_next_has(&stream, ""));
  assert_int_equal(sim_world_counters(&world).sockets_open, 1);
}

static void answers_a_close(void** state) {
  (void)state;
  begin();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  sim_say_close(&stream, 3456);
  assert_int_equal(sim_next_close(&stream), 3456);
  assert_int_equal(stream.verdict, GCN__SIM_CLOSE);
  assert_int_equal(sim_world_counters(&world).sockets_open, 0);
  /* The channel and its topics stay. */
  assert_int_equal(sim_world_counters(&world).channels_live, 1);
  struct sim_link again;
  sim_link_open(&again, &world);
  assert_int_equal(sim_upgrade(&again, id), 101);
  gcn__sim_emit(world.sim, TOPIC, GCN__SPAN("{}"), world.now_ms);
  sim_world_pump(&world);
  assert_true(sim_next_has(&again, TOPIC));
  sim_link_close(&again);
}

static void ends_who_breaks_the_protocol(void** state) {
  (void)state;
  begin();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  /* A text that is not masked. */
  sim_link_send(&stream, GCN__SPAN("\x81\x01x"));
  assert_int_equal(sim_next_close(&stream), 1002);
  assert_int_equal(stream.verdict, GCN__SIM_CLOSE);
}

static void reads_frames_behind_the_upgrade(void** state) {
  (void)state;
  char request[4 * SIM_TEXT_SIZE];
  begin();
  int size =
      snprintf(request, sizeof request,
               "GET /channels/%s HTTP/1.1\r\nHost: host:1\r\n" UPGRADE KEY
               "Sec-WebSocket-Version: 13\r\n\r\n"
               "\x89\x80zzzz",
               id);
  sim_link_send(&stream, gcn__span(request, (size_t)size));
  struct gcn__span in = gcn__buf_span(&stream.in);
  assert_true(gcn__span_starts(in, "HTTP/1.1 101 "));
  assert_memory_equal(in.data + in.size - 2, "\x8a\x00", 2);
}

struct history {
  uint64_t last;
  unsigned sent;
  unsigned unseen;
  unsigned orphans;
};

static void on_event(void* ctx, const struct gcn__sim_event* event) {
  struct history* history = ctx;
  assert_true(event->sequence == history->last ||
              event->sequence == history->last + 1);
  history->last = event->sequence;
  assert_true(gcn__span_is(event->topic, TOPIC));
  assert_non_null(memmem(event->message.data, event->message.size,
                         event->body.data, event->body.size));
  if (event->sent) {
    history->sent++;
  } else if (event->channel.data != NULL) {
    history->unseen++;
  } else {
    history->orphans++;
  }
}

static void tells_whose_events_were_lost(void** state) {
  (void)state;
  struct history history = {.last = 0};
  world.options.hooks =
      (struct gcn__sim_hooks){.ctx = &history, .event = on_event};
  world.options.events_per_ks = 1000;
  world.options.channel_ttl_ms = 30000;
  begin();
  sim_world_advance(&world, 10000);
  assert_int_equal(history.unseen, 10);
  assert_int_equal(sim_upgrade(&stream, id), 101);
  sim_world_advance(&world, 10000);
  assert_int_equal(history.sent, 10);
  /* The channel dies at 30 s; what it listened to goes on happening. */
  sim_world_advance(&world, 20000);
  assert_int_equal(history.sent, 19);
  assert_int_equal(history.orphans, 11);
  assert_int_equal(sim_world_counters(&world).events, 40);
}

static void sends_one_event_to_every_channel(void** state) {
  (void)state;
  struct sim_link other;
  char second[SIM_TEXT_SIZE];
  begin();
  sim_link_open(&other, &world);
  sim_channel(&rest, token, second);
  assert_int_equal(sim_subscribe(&rest, token, second, TOPIC), 200);
  assert_int_equal(sim_upgrade(&stream, id), 101);
  assert_int_equal(sim_upgrade(&other, second), 101);
  uint64_t sequence =
      gcn__sim_emit(world.sim, TOPIC, GCN__SPAN("{\"a\":1}"), world.now_ms);
  sim_world_pump(&world);
  char trace[GCN__SIM_UUID_SIZE + 1];
  gcn__sim_correlation_id(sequence, trace);
  assert_true(sim_next_has(&stream, trace));
  assert_true(sim_next_has(&other, trace));
  assert_int_equal(sim_world_counters(&world).events, 1);
  assert_int_equal(sim_world_counters(&world).events_sent, 2);
  sim_link_close(&other);
}

static void resets_who_does_not_read(void** state) {
  (void)state;
  world.options.backlog_size_max = 4096;
  begin();
  assert_int_equal(sim_upgrade(&stream, id), 101);
  for (int i = 0; i < 100; i++) {
    gcn__sim_emit(world.sim, TOPIC, GCN__SPAN("{\"message\":\"0123456789\"}"),
                  world.now_ms);
  }
  assert_int_equal(gcn__sim_verdict(stream.conn), GCN__SIM_RESET);
}

static void emits_only_what_somebody_wanted(void** state) {
  (void)state;
  begin();
  assert_int_equal(gcn__sim_emit(world.sim, "v2.users.x.presence",
                                 GCN__SPAN("{}"), world.now_ms),
                   0);
  assert_int_equal(
      gcn__sim_emit(world.sim, TOPIC, GCN__SPAN("{}"), world.now_ms), 1);
}

static void sequence_survives_the_id(void** state) {
  (void)state;
  static const uint64_t numbers[] = {0, 1, 2, 1000000, (UINT64_C(1) << 48) - 1};
  char trace[GCN__SIM_UUID_SIZE + 1];
  uint64_t sequence = 0;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    gcn__sim_correlation_id(numbers[i], trace);
    assert_true(gcn__sim_sequence(gcn__span_str(trace), &sequence));
    assert_true(sequence == numbers[i]);
    trace[0] = trace[0] == 'a' ? 'b' : 'a';
    assert_false(gcn__sim_sequence(gcn__span_str(trace), &sequence));
  }
  assert_false(gcn__sim_sequence(GCN__SPAN(""), &sequence));
  assert_false(gcn__sim_sequence(
      GCN__SPAN("zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"), &sequence));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(opens),
      CASE(refuses_upgrades),
      CASE(second_socket_ends_the_first),
      CASE(beats_every_thirty_seconds),
      CASE(answers_pings_of_both_kinds),
      CASE(tolerates_what_it_does_not_know),
      CASE(answers_a_close),
      CASE(ends_who_breaks_the_protocol),
      CASE(reads_frames_behind_the_upgrade),
      CASE(tells_whose_events_were_lost),
      CASE(sends_one_event_to_every_channel),
      CASE(resets_who_does_not_read),
      CASE(emits_only_what_somebody_wanted),
      cmocka_unit_test(sequence_survives_the_id),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
