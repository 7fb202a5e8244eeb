/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket rows of the fault catalogue that need time, a blocked network
 * or a count: floods of pings, messages that never end, and the limits of the
 * upgrade's answer.  The rest is in the conformance table and the transcripts.
 */
#include "conformance-stage.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

/* `count` pings in one read; each payload has `size` bytes and a number. */
static void feed_pings(struct conf_stage* stage, unsigned count, size_t size) {
  struct gcn__buf in;
  char payload[GCN__WS_CONTROL_SIZE_MAX] = {0};
  gcn__buf_init(&in, &gcn__mem_libc, CONF_SIZE_MAX);
  for (unsigned i = 1; i <= count; i++) {
    snprintf(payload, sizeof payload, "%08u", i);
    conf_put_frame(&in, 0x89, gcn__span(payload, size));
  }
  conf_stage_feed(stage, gcn__buf_span(&in));
  gcn__buf_deinit(&in);
}

static void assert_pong(struct conf_stage* stage, size_t size,
                        const char* text) {
  struct gcn__span sent = gcn__buf_span(&stage->sent);
  char payload[GCN__WS_CONTROL_SIZE_MAX] = {0};
  assert_int_equal(sent.size, 6 + size);
  snprintf(payload, sizeof payload, "%s", text);
  assert_true(conf_has_pong(sent, gcn__span(payload, size)));
  gcn__buf_clear(&stage->sent);
}

static void a_turn_answers_the_newest_ping(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  feed_pings(&stage, 1000, 8);
  assert_pong(&stage, 8, "00001000");
  feed_pings(&stage, 1, 125);
  assert_pong(&stage, 125, "00000001");
  conf_stage_deinit(&stage);
}

/* Nothing piles up while the network takes nothing: one pong is on its way, and
 * the newest ping is remembered. */
static void pings_pile_up_nowhere(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  stage.blocked = true;
  feed_pings(&stage, 1, 125);
  size_t live_size = stage.probe.live_size;
  for (int i = 0; i < 100; i++)
    feed_pings(&stage, 40, 125);
  struct gcn__span out = gcn__engine_output(stage.engine, stage.wire);
  assert_int_equal(out.size, 6 + 125);
  assert_int_equal(stage.probe.live_size, live_size);
  stage.blocked = false;
  feed_pings(&stage, 1, 125);
  struct gcn__span sent = gcn__buf_span(&stage.sent);
  assert_int_equal(sent.size, 2 * (6 + 125));
  char newest[GCN__WS_CONTROL_SIZE_MAX] = "00000001";
  assert_true(conf_has_pong(gcn__span_skip(sent, 131), gcn__span(newest, 125)));
  conf_stage_deinit(&stage);
}

/* A half-sent pong is not followed by a second one, and the network that opens
 * again gets the newest without another read. */
static void a_late_pong_is_the_newest(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  stage.blocked = true;
  feed_pings(&stage, 1, 8);
  feed_pings(&stage, 7, 8);
  gcn__engine_sent(stage.engine, stage.wire, 3);
  assert_int_equal(gcn__engine_output(stage.engine, stage.wire).size, 11);
  gcn__engine_sent(stage.engine, stage.wire, 11);
  struct gcn__span out = gcn__engine_output(stage.engine, stage.wire);
  assert_true(conf_has_pong(out, GCN__SPAN("00000007")));
  assert_int_equal(out.size, 14);
  gcn__engine_sent(stage.engine, stage.wire, 14);
  assert_int_equal(gcn__engine_output(stage.engine, stage.wire).size, 0);
  conf_stage_deinit(&stage);
}

static void flood(struct conf_stage* stage, unsigned per_second,
                  unsigned seconds) {
  for (unsigned i = 0; i < seconds && !stage->dropped; i++) {
    feed_pings(stage, per_second, 8);
    conf_stage_wait(stage, 1000);
  }
}

static void a_thousand_pings_a_second_are_borne(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  flood(&stage, 1000, 60);
  assert_false(stage.dropped);
  assert_int_equal(stage.engine->counters.garbage, 0);
  conf_stage_deinit(&stage);
}

static void one_more_for_five_seconds_is_a_flood(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  flood(&stage, 1001, 5);
  assert_false(stage.dropped);
  gcn__buf_clear(&stage.sent);
  feed_pings(&stage, 1, 8);
  assert_true(stage.dropped);
  const struct conf_row row = {.end = CONF_FAILS, .code = 1008};
  conf_assert_frames(&row, gcn__buf_span(&stage.sent), CONF_PONGS_SOME);
  assert_int_equal(conf_stage_failure(&stage)->error, GCN_EWS);
  assert_non_null(strstr(conf_stage_failure(&stage)->text, "1000 pings"));
  conf_stage_deinit(&stage);
}

/* Whoever has said goodbye does not complain any more: one Close frame, and no
 * pong behind it. */
static void a_flood_behind_our_close_is_nothing(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  flood(&stage, 1001, 5);
  gcn__buf_clear(&stage.sent);
  gcn__engine_command(stage.engine, GCN__COMMAND_STOP, stage.now_ms);
  feed_pings(&stage, 1, 8);
  assert_int_equal(gcn__engine_state(stage.engine), GCN__STATE_CLOSING);
  feed_pings(&stage, 1, 8);
  const struct conf_row row = {.end = CONF_FAILS, .code = 1000};
  conf_assert_frames(&row, gcn__buf_span(&stage.sent), 0);
  assert_int_equal(gcn__buf_size(&stage.sent), 6 + 2);
  conf_stage_deinit(&stage);
}

/* Neither does one that gets a message over the limit then. */
static void a_breach_behind_our_close_is_nothing(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  gcn__engine_command(stage.engine, GCN__COMMAND_STOP, stage.now_ms);
  for (int i = 0; i < 2; i++)
    conf_stage_frame(&stage, 0xf1, GCN__SPAN("x"));
  assert_int_equal(gcn__buf_size(&stage.sent), 6 + 2);
  conf_stage_deinit(&stage);
}

/* Five loud seconds are a flood only in a row. */
static void bursts_are_borne(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  for (int i = 0; i < 5; i++) {
    flood(&stage, 1500, 4);
    flood(&stage, 500, 1);
    flood(&stage, 5000, 1);
    conf_stage_wait(&stage, 5000);
  }
  assert_false(stage.dropped);
  conf_stage_deinit(&stage);
}

/* Unasked pongs count like pings. */
static void pongs_are_a_flood_too(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  struct gcn__buf in;
  gcn__buf_init(&in, &gcn__mem_libc, CONF_SIZE_MAX);
  for (int i = 0; i < 1001; i++)
    conf_put_frame(&in, 0x8a, GCN__SPAN("x"));
  for (int i = 0; i < 5; i++) {
    conf_stage_feed(&stage, gcn__buf_span(&in));
    conf_stage_wait(&stage, 1000);
    gcn__buf_clear(&stage.raw.handed);
  }
  assert_false(stage.dropped);
  conf_stage_feed(&stage, gcn__buf_span(&in));
  assert_true(stage.dropped);
  gcn__buf_deinit(&in);
  conf_stage_deinit(&stage);
}

/* Fragments without a byte, one a second: neither size nor number is reached,
 * so time ends it. */
static void endless_fragments_end(void** state) {
  (void)state;
  struct conf_stage stage;
  conf_stage_init(&stage);
  conf_stage_open(&stage);
  conf_stage_frame(&stage, 0x02, GCN__SPAN(""));
  size_t live_size = stage.probe.live_size;
  for (int i = 0; i < 29; i++) {
    conf_stage_wait(&stage, 1000);
    conf_stage_frame(&stage, 0x00, GCN__SPAN(""));
  }
  assert_int_equal(stage.probe.live_size, live_size);
  conf_stage_wait(&stage, 999);
  assert_false(stage.dropped);
  conf_stage_wait(&stage, 1);
  assert_true(stage.dropped);
  const struct conf_row row = {.end = CONF_FAILS, .code = 1008};
  conf_assert_frames(&row, gcn__buf_span(&stage.sent), CONF_PONGS_SOME);
  conf_stage_deinit(&stage);
}

/* The loop stood still, or the machine slept: what is missing may lie unread.
 * The half minute begins anew. */
static void a_rest_of_ours_is_excused(void** state) {
  (void)state;
  for (int kind = 0; kind < 3; kind++) {
    struct conf_stage stage;
    conf_stage_init(&stage);
    conf_stage_open(&stage);
    conf_stage_frame(&stage, 0x01, GCN__SPAN("half"));
    conf_stage_wait(&stage, 29000);
    if (kind == 0) gcn__engine_excuse(stage.engine, stage.now_ms);
    if (kind == 1) gcn__engine_slept(stage.engine, 5000, stage.now_ms);
    if (kind == 2) gcn__engine_pause(stage.engine, true, stage.now_ms);
    if (kind == 2) conf_stage_wait(&stage, 100000);
    if (kind == 2) gcn__engine_pause(stage.engine, false, stage.now_ms);
    conf_stage_wait(&stage, 29999);
    assert_false(stage.dropped);
    conf_stage_wait(&stage, 1);
    assert_true(stage.dropped);
    conf_stage_deinit(&stage);
  }
}

/* --- limits of the answer to the upgrade ---------------------------------- */

/* The usual answer with `count` more headers of `size` bytes each; true if it
 * opens the stream. */
static bool opens_with(unsigned count, size_t size) {
  struct conf_stage stage;
  struct gcn__buf head;
  struct gcn__buf answer;
  gcn__buf_init(&head, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_init(&answer, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_append_str(&head, "HTTP/1.1 101 \r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: %s\r\n");
  for (unsigned i = 0; i < count; i++) {
    assert_int_equal(gcn__buf_append_str(&head, "X: "), 0);
    for (size_t j = 3; j < size; j++)
      gcn__buf_append_str(&head, "x");
    gcn__buf_append_str(&head, "\r\n");
  }
  gcn__buf_append(&head, "\r\n", 3);
  const struct conf_row row = {.head = gcn__buf_span(&head).data};
  conf_stage_init(&stage);
  conf_stage_start(&stage);
  conf_stream(&row, gcn__buf_span(&stage.sent), &answer);
  conf_stage_feed(&stage, gcn__buf_span(&answer));
  bool open = gcn__engine_state(stage.engine) == GCN__STATE_STREAMING;
  if (!open) {
    int error = conf_stage_failure(&stage)->error;
    assert_true(error == GCN_EMSGSIZE || error == GCN_EHTTP);
  }
  conf_stage_deinit(&stage);
  gcn__buf_deinit(&head);
  gcn__buf_deinit(&answer);
  return open;
}

static void the_upgrade_has_a_hundred_headers(void** state) {
  (void)state;
  assert_true(opens_with(97, 3)); /* and three of its own */
  assert_false(opens_with(98, 3));
}

static void a_header_of_the_upgrade_has_8_kib(void** state) {
  (void)state;
  assert_true(opens_with(1, 8 * 1024));
  assert_false(opens_with(1, 8 * 1024 + 1));
}

/* The largest header that fits is found, and is where the limit says. */
static void the_head_of_the_upgrade_has_32_kib(void** state) {
  (void)state;
  const size_t own = sizeof "HTTP/1.1 101 \r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: \r\n\r\n" -
                     1 + GCN__WS_ACCEPT_SIZE;
  size_t each = (32 * 1024 - own) / 4 - 2;
  size_t rest = 32 * 1024 - own - 4 * (each + 2);
  assert_true(rest < 4);
  assert_true(opens_with(4, each));
  assert_false(opens_with(4, each + 1));
}

static bool opens_behind(unsigned interims) {
  struct conf_stage stage;
  struct gcn__buf answer;
  gcn__buf_init(&answer, &gcn__mem_libc, CONF_SIZE_MAX);
  conf_stage_init(&stage);
  conf_stage_start(&stage);
  for (unsigned i = 0; i < interims; i++)
    gcn__buf_append_str(&answer, "HTTP/1.1 102 \r\n\r\n");
  const struct conf_row row = {.end = CONF_STAYS};
  conf_stream(&row, gcn__buf_span(&stage.sent), &answer);
  conf_stage_feed(&stage, gcn__buf_span(&answer));
  bool open = gcn__engine_state(stage.engine) == GCN__STATE_STREAMING;
  conf_stage_deinit(&stage);
  gcn__buf_deinit(&answer);
  return open;
}

static void eight_interim_answers_come_before_it(void** state) {
  (void)state;
  assert_true(opens_behind(8));
  assert_false(opens_behind(9));
}

/* A message of so many fragments is read, with a limit of 2 MiB. */
static bool bears_fragments(unsigned count) {
  struct conf_stage stage;
  conf_stage_init(&stage);
  stage.settings.message_size_max = 2 << 20;
  conf_stage_open(&stage);
  conf_stage_frame(&stage, 0x02, GCN__SPAN("x"));
  for (unsigned i = 2; i < count; i++)
    conf_stage_frame(&stage, 0x00, GCN__SPAN("x"));
  assert_false(stage.dropped);
  conf_stage_frame(&stage, 0x80, GCN__SPAN("x"));
  bool borne = stage.engine->counters.garbage == 1;
  assert_int_equal(stage.dropped, !borne);
  conf_stage_deinit(&stage);
  return borne;
}

/* A larger limit on messages brings more fragments: 1 KiB each on average. */
static void fragments_grow_with_the_message(void** state) {
  (void)state;
  assert_true(bears_fragments(2048));
  assert_false(bears_fragments(2049));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_turn_answers_the_newest_ping),
      cmocka_unit_test(pings_pile_up_nowhere),
      cmocka_unit_test(a_late_pong_is_the_newest),
      cmocka_unit_test(a_thousand_pings_a_second_are_borne),
      cmocka_unit_test(one_more_for_five_seconds_is_a_flood),
      cmocka_unit_test(a_flood_behind_our_close_is_nothing),
      cmocka_unit_test(a_breach_behind_our_close_is_nothing),
      cmocka_unit_test(bursts_are_borne),
      cmocka_unit_test(pongs_are_a_flood_too),
      cmocka_unit_test(endless_fragments_end),
      cmocka_unit_test(a_rest_of_ours_is_excused),
      cmocka_unit_test(the_upgrade_has_a_hundred_headers),
      cmocka_unit_test(a_header_of_the_upgrade_has_8_kib),
      cmocka_unit_test(the_head_of_the_upgrade_has_32_kib),
      cmocka_unit_test(eight_interim_answers_come_before_it),
      cmocka_unit_test(fragments_grow_with_the_message),
  };
  return cmocka_run_group_tests_name("ws-faults", tests, NULL, NULL);
}
