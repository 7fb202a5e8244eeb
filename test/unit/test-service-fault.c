/* SPDX-License-Identifier: MIT */
/*
 * What a fault script makes the simulated service do, byte by byte.
 */
#include "sim-peer.h"

#include "base/err.h"

#include "check.h"

#include <stdio.h>
#include <string.h>

#define CHANNELS "/api/v2/notifications/channels"
#define TOPIC    "v2.users.u.presence"

static struct sim_world world;
static struct sim_link rest;
static struct sim_link stream;
static char token[SIM_TEXT_SIZE];
static char id[SIM_TEXT_SIZE];

static int set_up(void** state) {
  (void)state;
  sim_world_init(&world);
  sim_world_open(&world, NULL);
  sim_link_open(&rest, &world);
  sim_link_open(&stream, &world);
  sim_token(&rest, token);
  sim_channel(&rest, token, id);
  assert_int_equal(sim_subscribe(&rest, token, id, TOPIC), 200);
  assert_int_equal(sim_upgrade(&stream, id), 101);
  stream.piece_count = 0;
  return 0;
}

static int tear_down(void** state) {
  (void)state;
  sim_link_close(&rest);
  sim_link_close(&stream);
  sim_world_close(&world);
  return 0;
}

static void inject(const char* rule) {
  char text[GCN__SCRIPT_TEXT_SIZE] = "";
  int error = gcn__sim_inject(world.sim, rule, world.now_ms, text);
  if (error != 0) fail_msg("%s: %s", rule, text);
  sim_world_pump(&world);
}

static void emit(unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    gcn__sim_emit(world.sim, TOPIC, GCN__SPAN("{\"a\":\"\xc3\xa9\"}"),
                  world.now_ms);
  }
  sim_world_pump(&world);
}

static unsigned list_channels(void) {
  return sim_call(&rest, "GET", CHANNELS, token, NULL);
}

static void answers_with_a_status(void** state) {
  (void)state;
  inject("http.status GET " CHANNELS " 429 retry-after=7 header=\"X-A: b\"");
  assert_int_equal(sim_call(&rest, "GET", "/api/v2/tokens/me", token, NULL),
                   200);
  assert_int_equal(list_channels(), 429);
  assert_true(
      gcn__span_is(gcn__http_header(rest.http, "Retry-After", NULL), "7"));
  assert_true(gcn__span_is(gcn__http_header(rest.http, "X-A", NULL), "b"));
  assert_true(sim_answer_has(&rest, "too.many.requests.retry.after"));
  assert_int_equal(list_channels(), 200);
  inject("http.status * /api/* 500 times=2 body=\"<html>\"");
  assert_int_equal(list_channels(), 500);
  assert_true(sim_answer_has(&rest, "<html>"));
  assert_int_equal(list_channels(), 500);
  assert_int_equal(list_channels(), 200);
}

/* The first request may come before the service has looked at its clock. */
static void holds_at_once(void** state) {
  (void)state;
  struct gcn__span request =
      GCN__SPAN("GET " CHANNELS " HTTP/1.1\r\nHost: host:1\r\n\r\n");
  sim_world_init(&world);
  sim_world_open(&world, "http.status GET " CHANNELS " 503\n");
  sim_link_open(&rest, &world);
  gcn__sim_receive(rest.conn, request, world.now_ms);
  struct gcn__span answer = gcn__sim_output(rest.conn, world.now_ms);
  assert_true(gcn__span_starts(answer, "HTTP/1.1 503 "));
  sim_link_close(&rest);
  sim_world_close(&world);
}

static void misbehaves_for_a_while(void** state) {
  (void)state;
  inject("at 1s for 5s http.status GET " CHANNELS " 503");
  assert_int_equal(list_channels(), 200);
  sim_world_advance(&world, 1000);
  assert_int_equal(list_channels(), 503);
  sim_world_advance(&world, 4999);
  assert_int_equal(list_channels(), 503);
  sim_world_advance(&world, 1);
  assert_int_equal(list_channels(), 200);
}

static void hangs(void** state) {
  (void)state;
  inject("http.hang GET " CHANNELS);
  assert_int_equal(list_channels(), 0);
  sim_world_advance(&world, 100000);
  assert_int_equal(gcn__buf_size(&rest.in), 0);
  assert_int_equal(list_channels(), 0);
  assert_int_equal(rest.verdict, GCN__SIM_OPEN);
}

static void answers_late(void** state) {
  (void)state;
  inject("http.slow GET " CHANNELS " 3s");
  assert_int_equal(list_channels(), 0);
  sim_world_advance(&world, 2999);
  assert_int_equal(gcn__buf_size(&rest.in), 0);
  sim_world_advance(&world, 1);
  assert_true(gcn__span_starts(gcn__buf_span(&rest.in), "HTTP/1.1 200"));
  gcn__buf_clear(&rest.in);
}

static void trickles(void** state) {
  (void)state;
  inject("http.trickle GET " CHANNELS " 10ms");
  rest.piece_count = 0;
  assert_int_equal(list_channels(), 0);
  sim_world_advance(&world, 1000);
  assert_int_equal(rest.piece_count, 101);
  for (size_t i = 0; i < rest.piece_count; i++) {
    assert_int_equal(rest.pieces[i], 1);
  }
}

static void spoils_answers(void** state) {
  (void)state;
  inject("http.truncate GET " CHANNELS);
  assert_int_equal(list_channels(), 0);
  assert_int_equal(rest.verdict, GCN__SIM_CLOSE);
  assert_int_equal(gcn__http_eof(rest.http), GCN_EHTTP);
}

static void sends_huge_headers(void** state) {
  (void)state;
  inject("http.huge-header GET " CHANNELS " 100");
  assert_int_equal(list_channels(), 200);
  assert_int_equal(gcn__http_header(rest.http, "X-Filler", NULL).size, 100);
  inject("http.huge-header GET " CHANNELS);
  assert_int_equal(list_channels(), 0);
  assert_true(gcn__buf_size(&rest.in) > 0 ||
              gcn__http_error(rest.http)[0] != '\0');
}

static void sends_huge_bodies(void** state) {
  (void)state;
  inject("http.huge-body GET " CHANNELS " 3000000");
  assert_int_equal(list_channels(), 200);
  assert_int_equal(gcn__http_body(rest.http).size, 3000013);
}

static void loses_answers_after_acting(void** state) {
  (void)state;
  inject("http.lost POST " CHANNELS);
  uint64_t before = sim_world_counters(&world).channels;
  assert_int_equal(sim_call(&rest, "POST", CHANNELS, token, NULL), 0);
  assert_int_equal(rest.verdict, GCN__SIM_CLOSE);
  assert_int_equal(gcn__buf_size(&rest.in), 0);
  assert_int_equal(sim_world_counters(&world).channels, before + 1);
}

static void ends_connections_instead(void** state) {
  (void)state;
  static const struct {
    const char* rule;
    enum gcn__sim_verdict verdict;
    bool bytes;
  } cases[] = {{"http.close * *", GCN__SIM_CLOSE, false},
               {"http.reset * *", GCN__SIM_RESET, false},
               {"http.garbage * *", GCN__SIM_CLOSE, true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct sim_link link;
    sim_link_open(&link, &world);
    inject(cases[i].rule);
    assert_int_equal(sim_call(&link, "GET", "/oauth/token", NULL, NULL), 0);
    assert_int_equal(link.verdict, cases[i].verdict);
    assert_true((link.piece_count > 0) == cases[i].bytes);
    sim_link_close(&link);
  }
}

static void flaws_the_handshake(void** state) {
  (void)state;
  static const char* const flaws[] = {
      "bad-accept",    "no-accept", "two-accepts", "no-upgrade",
      "no-connection", "extension", "subprotocol"};
  for (size_t i = 0; i < sizeof flaws / sizeof flaws[0]; i++) {
    char rule[64];
    size_t accepts = 0;
    struct sim_link link;
    sim_link_open(&link, &world);
    snprintf(rule, sizeof rule, "ws.handshake %s", flaws[i]);
    inject(rule);
    unsigned status = sim_upgrade(&link, id);
    struct gcn__span accept =
        gcn__http_header(link.http, "Sec-WebSocket-Accept", &accepts);
    bool right = gcn__span_is(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    bool plain =
        status == 101 && right && accepts == 1 &&
        gcn__http_has_token(link.http, "Upgrade", "websocket") &&
        gcn__http_has_token(link.http, "Connection", "upgrade") &&
        gcn__http_header(link.http, "Sec-WebSocket-Extensions", NULL).data ==
            NULL &&
        gcn__http_header(link.http, "Sec-WebSocket-Protocol", NULL).data ==
            NULL;
    assert_false(plain);
    sim_link_close(&link);
  }
}

static void refuses_upgrades_by_rule(void** state) {
  (void)state;
  struct sim_link link;
  sim_link_open(&link, &world);
  inject("http.status GET /channels/* 503 retry-after=3");
  assert_int_equal(sim_upgrade(&link, id), 503);
  assert_int_equal(sim_upgrade(&link, id), 101);
  sim_link_close(&link);
}

static void closes_with_any_code(void** state) {
  (void)state;
  inject("ws.close 4001 \"token expired\"");
  struct gcn__ws_message message;
  assert_true(sim_next(&stream, &message));
  assert_int_equal(message.opcode, GCN__WS_CLOSE);
  assert_int_equal(message.code, 4001);
  assert_memory_equal(message.data, "token expired", 13);
  assert_int_equal(stream.verdict, GCN__SIM_OPEN);
  sim_say_close(&stream, 4001);
  assert_int_equal(stream.verdict, GCN__SIM_CLOSE);
}

static void closes_without_a_code(void** state) {
  (void)state;
  inject("ws.close");
  assert_int_equal(sim_next_close(&stream), GCN__WS_CLOSE_NO_STATUS);
}

static void fragments_then_coalesces_then_splits(void** state) {
  (void)state;
  inject("ws.fragment 3 then ws.coalesce 2 then ws.split 1");
  emit(1);
  assert_int_equal(stream.piece_count, 1);
  struct gcn__span in = gcn__buf_span(&stream.in);
  assert_int_equal((unsigned char)in.data[0], 0x01); /* text, not final */
  assert_true(sim_next_has(&stream, TOPIC));
  stream.piece_count = 0;
  emit(1);
  assert_int_equal(stream.piece_count, 0);
  emit(1);
  assert_int_equal(stream.piece_count, 1);
  assert_true(sim_next_has(&stream, TOPIC));
  assert_true(sim_next_has(&stream, TOPIC));
  stream.piece_count = 0;
  emit(1);
  assert_true(stream.piece_count > 100);
  assert_int_equal(stream.pieces[0], 1);
  assert_true(sim_next_has(&stream, TOPIC));
  stream.piece_count = 0;
  emit(1);
  assert_int_equal(stream.piece_count, 1);
}

static void holds_a_way_of_sending(void** state) {
  (void)state;
  inject("at 0s for 10s ws.split 7");
  for (int i = 0; i < 5; i++)
    emit(1);
  assert_int_equal(stream.pieces[0], 7);
  sim_world_advance(&world, 10000);
  gcn__buf_clear(&stream.in);
  stream.piece_count = 0;
  emit(1);
  assert_int_equal(stream.piece_count, 1);
}

static void delays_bytes(void** state) {
  (void)state;
  inject("byte.delay 200ms");
  emit(2);
  assert_int_equal(stream.piece_count, 1);
  assert_false(sim_next_has(&stream, ""));
  sim_world_advance(&world, 199);
  assert_int_equal(stream.piece_count, 1);
  sim_world_advance(&world, 1);
  assert_true(sim_next_has(&stream, TOPIC));
  assert_true(sim_next_has(&stream, TOPIC));
}

struct speech {
  const char* rule;
  const char* bytes;
  size_t size;
};

#define SPEECH(rule, bytes)                                                    \
  { rule, bytes, sizeof(bytes) - 1 }

static void says_what_it_is_told(void** state) {
  (void)state;
  static const struct speech speeches[] = {
      SPEECH("ws.send \"not json\"", "\x81\x08not json"),
      SPEECH("ws.raw f18400", "\xf1\x84\x00"),
      SPEECH("ws.binary 3", "\x82\x03xxx"),
      SPEECH("ws.masked", "\x81\x82\x01\x02\x03\x04z\x7f"),
      SPEECH("ws.invalid-utf8", "\x81\x02\xc3\x28"),
      SPEECH("ws.ping 2", "\x89\x0d"
                          "are you there\x89\x0d"
                          "are you there"),
      SPEECH("ws.oversize 3", "\x81\x03xxx"),
      SPEECH("ws.oversize 5000000",
             "\x81\x7f\x00\x00\x00\x00\x00\x4c\x4b\x40x"),
  };
  for (size_t i = 0; i < sizeof speeches / sizeof speeches[0]; i++) {
    gcn__buf_clear(&stream.in);
    inject(speeches[i].rule);
    struct gcn__span in = gcn__buf_span(&stream.in);
    assert_int_equal(in.size, speeches[i].size);
    assert_memory_equal(in.data, speeches[i].bytes, in.size);
  }
}

static void announces_its_leave(void** state) {
  (void)state;
  inject("ws.closing 10s");
  assert_true(sim_next_has(&stream, "{\"topicName\":\"v2.system.socket_closing"
                                    "\",\"version\":\"2\",\"eventBody\":{"
                                    "\"message\":\"Websocket closing soon\"}"));
  emit(1);
  assert_true(sim_next_has(&stream, TOPIC));
  sim_world_advance(&world, 10000);
  assert_int_equal(sim_next_close(&stream), 1001);
}

static void drops_the_connection(void** state) {
  (void)state;
  inject("after event 2 tcp.reset");
  emit(1);
  assert_int_equal(stream.verdict, GCN__SIM_OPEN);
  emit(1);
  assert_int_equal(stream.verdict, GCN__SIM_RESET);
  assert_int_equal(rest.verdict, GCN__SIM_OPEN);
}

static void ends_the_connection(void** state) {
  (void)state;
  inject("tcp.close");
  assert_int_equal(stream.verdict, GCN__SIM_CLOSE);
  assert_int_equal(gcn__buf_size(&stream.in), 0);
}

static void freezes_and_thaws(void** state) {
  (void)state;
  inject("at 0s for 40s tcp.freeze");
  assert_false(gcn__sim_reading(stream.conn));
  assert_true(gcn__sim_reading(rest.conn));
  emit(1);
  sim_world_advance(&world, 39999);
  assert_int_equal(gcn__buf_size(&stream.in), 0);
  sim_world_advance(&world, 1);
  assert_true(gcn__sim_reading(stream.conn));
  assert_true(sim_next_has(&stream, TOPIC));
  assert_true(sim_next_has(&stream, "Heartbeat"));
}

static void stalls(void** state) {
  (void)state;
  inject("tcp.stall");
  assert_false(gcn__sim_reading(stream.conn));
  emit(1);
  assert_true(sim_next_has(&stream, TOPIC));
}

static void falls_silent(void** state) {
  (void)state;
  inject("heartbeat.stop then pong.stop");
  sim_say(&stream, GCN__WS_TEXT, "{\"message\":\"ping\"}");
  sim_say(&stream, GCN__WS_PING, "");
  sim_world_advance(&world, 100000);
  assert_int_equal(gcn__buf_size(&stream.in), 0);
  inject("heartbeat.start then pong.start");
  sim_say(&stream, GCN__WS_TEXT, "{\"message\":\"ping\"}");
  assert_true(sim_next_has(&stream, "pong"));
  sim_world_advance(&world, 30000);
  assert_true(sim_next_has(&stream, "Heartbeat"));
}

static void repeats_and_drops_events(void** state) {
  (void)state;
  inject("every 3 events dup 2");
  emit(3);
  for (int i = 0; i < 5; i++)
    assert_true(sim_next_has(&stream, TOPIC));
  assert_false(sim_next_has(&stream, TOPIC));
  inject("event.drop 2");
  emit(3);
  assert_true(sim_next_has(&stream, TOPIC));
  inject("on topic v2.users.* event.drop");
  emit(5);
  gcn__buf_clear(&stream.in);
  emit(1);
  assert_int_equal(gcn__buf_size(&stream.in), 0);
}

static void bursts(void** state) {
  (void)state;
  inject("event.burst 500");
  assert_int_equal(sim_world_counters(&world).events, 500);
  /* A rule that feeds itself does so one round per tick. */
  inject("every 1 events event.burst 1");
  emit(1);
  sim_world_pump(&world);
  assert_in_range(sim_world_counters(&world).events, 501, 503);
}

static void chance_is_as_asked(void** state) {
  (void)state;
  inject("random 10% dup 1");
  for (int i = 0; i < 100; i++) {
    emit(100);
    gcn__buf_clear(&stream.in);
  }
  assert_in_range(sim_world_counters(&world).events_sent, 10850, 11150);
}

static void acts_on_topics(void** state) {
  (void)state;
  inject("on topic v2.users.u.* dup 1");
  emit(1);
  assert_true(sim_next_has(&stream, TOPIC));
  assert_true(sim_next_has(&stream, TOPIC));
  assert_false(sim_next_has(&stream, TOPIC));
}

static void waits_in_a_chain(void** state) {
  (void)state;
  inject("ws.send \"one\" then wait 5s then ws.send \"two\"");
  assert_true(sim_next_has(&stream, "one"));
  sim_world_advance(&world, 4999);
  assert_false(sim_next_has(&stream, ""));
  sim_world_advance(&world, 1);
  assert_true(sim_next_has(&stream, "two"));
}

static void repeats_by_the_clock(void** state) {
  (void)state;
  inject("every 4s ws.ping");
  gcn__buf_clear(&stream.in);
  sim_world_advance(&world, 12000);
  assert_int_equal(gcn__buf_size(&stream.in), 3 * 15);
}

static void expires_token_and_channel(void** state) {
  (void)state;
  inject("channel.keep");
  inject("token.expire");
  assert_int_equal(list_channels(), 401);
  assert_true(sim_answer_has(&rest, "credentials.expired"));
  assert_int_equal(sim_world_counters(&world).channels_live, 1);
  sim_token(&rest, token);
  inject("channel.expire");
  assert_int_equal(sim_next_close(&stream), 1001);
  assert_int_equal(sim_subscribe(&rest, token, id, TOPIC), 404);
}

static void evicts(void** state) {
  (void)state;
  inject("channel.evict");
  assert_int_equal(sim_next_close(&stream), 1001);
  assert_int_equal(sim_world_counters(&world).channels_evicted, 1);
}

static void calms_down(void** state) {
  (void)state;
  inject("tcp.freeze");
  inject("heartbeat.stop");
  inject("http.status * * 500 times=1000");
  emit(1);
  gcn__sim_calm(world.sim);
  sim_world_pump(&world);
  assert_int_equal(list_channels(), 200);
  assert_true(sim_next_has(&stream, TOPIC));
  sim_world_advance(&world, 30000);
  assert_true(sim_next_has(&stream, "Heartbeat"));
}

static void refuses_bad_rules(void** state) {
  (void)state;
  char text[GCN__SCRIPT_TEXT_SIZE];
  assert_int_equal(gcn__sim_inject(world.sim, "nonsense", 0, text),
                   GCN__EINVAL);
  assert_non_null(strstr(text, "'nonsense'"));
  assert_int_equal(gcn__sim_inject(world.sim, "", 0, text), GCN__EINVAL);
  assert_int_equal(gcn__sim_inject(world.sim, "tcp.reset\ntcp.reset", 0, NULL),
                   GCN__EINVAL);
}

static void forgets_finished_rules(void** state) {
  (void)state;
  for (int i = 0; i < 20000; i++)
    inject("ws.ping");
  assert_int_equal(sim_world_counters(&world).faults, 20000);
}

static void script_outlives_connections(void** state) {
  (void)state;
  struct sim_link link;
  inject("after connect 1 ws.fragment 2 then ws.send \"late\"");
  sim_link_open(&link, &world);
  assert_int_equal(sim_upgrade(&link, id), 101);
  sim_link_close(&link);
  sim_link_open(&link, &world);
  assert_int_equal(sim_upgrade(&link, id), 101);
  emit(1);
  assert_true(sim_next_has(&link, TOPIC));
  assert_false(sim_next_has(&link, "late"));
  sim_link_close(&link);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(answers_with_a_status),
      cmocka_unit_test(holds_at_once),
      CASE(misbehaves_for_a_while),
      CASE(hangs),
      CASE(answers_late),
      CASE(trickles),
      CASE(spoils_answers),
      CASE(sends_huge_headers),
      CASE(sends_huge_bodies),
      CASE(loses_answers_after_acting),
      CASE(ends_connections_instead),
      CASE(flaws_the_handshake),
      CASE(refuses_upgrades_by_rule),
      CASE(closes_with_any_code),
      CASE(closes_without_a_code),
      CASE(fragments_then_coalesces_then_splits),
      CASE(holds_a_way_of_sending),
      CASE(delays_bytes),
      CASE(says_what_it_is_told),
      CASE(announces_its_leave),
      CASE(drops_the_connection),
      CASE(ends_the_connection),
      CASE(freezes_and_thaws),
      CASE(stalls),
      CASE(falls_silent),
      CASE(repeats_and_drops_events),
      CASE(bursts),
      CASE(chance_is_as_asked),
      CASE(acts_on_topics),
      CASE(waits_in_a_chain),
      CASE(repeats_by_the_clock),
      CASE(expires_token_and_channel),
      CASE(evicts),
      CASE(calms_down),
      CASE(refuses_bad_rules),
      CASE(forgets_finished_rules),
      CASE(script_outlives_connections),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
