/* SPDX-License-Identifier: MIT */
/*
 * Bytes that are lent to the engine for one turn: however a turn ends, and
 * wherever a read cuts a frame, each event is told once, in order and with the
 * content it was sent with, and nothing looks at the bytes after the turn.
 *
 * They are overwritten and freed when the turn is over.
 */
#include "engine-stage.h"

#include "base/rng.h"
#include "check.h"
#include "engine/internal.h"
#include "ws-case.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE_MAX = 1 << 20, SEEDS = 300, EVENT_COUNT = 40 };

static void begin(struct player* player) {
  player_init(player, CUT_WHOLE);
  stage_stream(player);
}

static void put_event(struct gcn__buf* stream, unsigned number) {
  char text[600];
  char pad[301];
  size_t size = number * 37 % 300;
  memset(pad, 'p', size);
  pad[size] = '\0';
  /* The topic and the id are decoded where they are. */
  int length = snprintf(text, sizeof text,
                        "{\"topicName\":\"v2\\u002ea\",\"eventBody\":{\"n\":%u,"
                        "\"t\":\"\xc3\xa4\\n%s\"},\"metadata\":"
                        "{\"CorrelationId\":\"c\\u002d%u\"}}",
                        number, pad, number);
  ws_put_frame(stream, 0x81, gcn__span(text, (size_t)length), NULL);
}

static void put_stream(struct gcn__buf* stream) {
  gcn__buf_init(stream, &gcn__mem_libc, TEXT_SIZE_MAX);
  for (unsigned i = 0; i < EVENT_COUNT; i++) {
    put_event(stream, i);
    if (i % 5 == 0) ws_put_frame(stream, 0x89, GCN__SPAN("ping"), NULL);
    if (i % 7 == 0)
      ws_put_frame(stream, 0x81,
                   GCN__SPAN("{\"topicName\":\"v2.system.other\\u002e\","
                             "\"eventBody\":{\"message\":\"hello\"}}"),
                   NULL);
    if (i % 11 != 0) continue;
    ws_put_frame(stream, 0x01,
                 GCN__SPAN("{\"topicName\":\"v2.a\",\"eventBody\""), NULL);
    ws_put_frame(stream, 0x80, GCN__SPAN(":[\"in two parts\"]}"), NULL);
  }
}

static void note(struct gcn__buf* told, const struct gcn__effect* effect) {
  bool event = effect->kind == GCN__EFFECT_EVENT;
  if (!event && effect->kind != GCN__EFFECT_NOTICE) return;
  const struct gcn__event* from = &effect->event;
  const struct gcn__span parts[] = {from->topic, from->body,
                                    from->correlation_id, from->message};
  assert_int_equal(gcn__buf_append_str(told, event ? "\nevent" : "\nnotice"),
                   0);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    assert_int_equal(gcn__buf_append(told, " ", 1), 0);
    assert_int_equal(gcn__buf_append(told, parts[i].data, parts[i].size), 0);
  }
}

/* Up to `most` effects of a turn; false: that was all. */
static bool take(struct player* player, unsigned most, struct gcn__buf* told) {
  struct gcn__effect effect;
  for (unsigned i = 0; i < most; i++) {
    if (!gcn__engine_next(player->engine, &effect)) return false;
    note(told, &effect);
  }
  return true;
}

static bool turn(struct player* player, struct gcn__span bytes, unsigned most,
                 struct gcn__buf* told) {
  char* lent = malloc(bytes.size + 1);
  assert_non_null(lent);
  memcpy(lent, bytes.data, bytes.size);
  if (bytes.size > 0)
    gcn__engine_received(player->engine, GCN__WIRE_STREAM,
                         gcn__span(lent, bytes.size), player->now_ms);
  bool more = take(player, most, told);
  gcn__engine_settle(player->engine);
  memset(lent, '#', bytes.size);
  free(lent);
  return more;
}

static void finish(struct player* player, struct gcn__buf* told) {
  const unsigned all = 1000;
  assert_false(turn(player, GCN__SPAN(""), all, told));
  assert_false(gcn__engine_busy(player->engine));
  player_deinit(player);
}

static void run_cut(struct gcn__span stream, unsigned seed,
                    struct gcn__buf* told) {
  struct player player;
  struct gcn__rng rng;
  gcn__rng_seed(&rng, seed);
  begin(&player);
  while (stream.size > 0) {
    uint64_t most = seed % 3 == 0 ? 10 : seed % 3 == 1 ? 900 : 9000;
    size_t size = (size_t)gcn__rng_between(&rng, 1, most);
    if (size > stream.size) size = stream.size;
    unsigned effects = (unsigned)gcn__rng_below(&rng, 4);
    if (seed % 2 == 0) effects = 1000;
    turn(&player, gcn__span(stream.data, size), effects, told);
    stream = gcn__span_skip(stream, size);
    while (gcn__engine_full(player.engine, GCN__WIRE_STREAM))
      turn(&player, GCN__SPAN(""), 1, told);
  }
  finish(&player, told);
}

static void a_turn_may_end_anywhere(void** state) {
  (void)state;
  struct gcn__buf stream;
  struct gcn__buf wanted;
  put_stream(&stream);
  gcn__buf_init(&wanted, &gcn__mem_libc, TEXT_SIZE_MAX);
  struct player player;
  begin(&player);
  turn(&player, gcn__buf_span(&stream), 1000, &wanted);
  finish(&player, &wanted);
  static const char part[] = "event v2.a {\"n\":2,\"t\":\"\xc3\xa4\\n";
  assert_non_null(
      memmem(wanted.data, gcn__buf_size(&wanted), part, sizeof part - 1));
  for (unsigned seed = 1; seed <= SEEDS; seed++) {
    struct gcn__buf told;
    gcn__buf_init(&told, &gcn__mem_libc, TEXT_SIZE_MAX);
    run_cut(gcn__buf_span(&stream), seed, &told);
    assert_int_equal(gcn__buf_size(&told), gcn__buf_size(&wanted));
    assert_memory_equal(told.data, wanted.data, gcn__buf_size(&wanted));
    gcn__buf_deinit(&told);
  }
  gcn__buf_deinit(&wanted);
  gcn__buf_deinit(&stream);
}

/* With something else to be told first, the turn may end before the event is:
 * it is copied then. */
static void what_waits_is_copied(void** state) {
  (void)state;
  struct player player;
  struct gcn__buf frame;
  struct gcn__buf told;
  begin(&player);
  gcn__buf_init(&frame, &gcn__mem_libc, TEXT_SIZE_MAX);
  gcn__buf_init(&told, &gcn__mem_libc, TEXT_SIZE_MAX);
  put_event(&frame, 0);
  size_t size = gcn__buf_size(&frame);
  gcn__engine_emit(player.engine, GCN__EFFECT_HEARTBEAT);
  gcn__engine_received(player.engine, GCN__WIRE_STREAM,
                       gcn__span(frame.data, size), player.now_ms);
  assert_true(gcn__inbound_read(&player.engine->conns[0]->stream));
  assert_true(take(&player, 1, &told));
  assert_int_equal(gcn__buf_size(&told), 0);
  gcn__engine_settle(player.engine);
  memset(frame.data, '#', size);
  gcn__buf_deinit(&frame);
  assert_true(take(&player, 1, &told));
  static const char start[] = "\nevent v2.a {\"n\":0,\"t\":";
  assert_true(gcn__buf_size(&told) > sizeof start);
  assert_memory_equal(told.data, start, sizeof start - 1);
  finish(&player, &told);
  gcn__buf_deinit(&told);
}

/* The connection fails as if the reader had found it, and the garbage behind it
 * is not looked at. */
static void text_that_is_no_utf8(void** state) {
  static const struct {
    const char* text;
    const char* why;
  } cases[] = {
      {"{\"topicName\":\"v2.a\",\"eventBody\":\"\xff\"}", "text is not UTF-8"},
      {"not JSON, either \xc0", "text is not UTF-8"},
      {"{\"topicName\":\"v2.a\",\"eventBody\":1}\xe2\x82",
       "text ends inside a character"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct player player;
    begin(&player);
    const struct gcn__conn* conn = player.engine->conns[0];
    stage_forget(&player);
    stage_say(&player, "stream", cases[i].text);
    stage_expect_part(&player, cases[i].why);
    assert_int_equal(player.engine->counters.garbage, 0);
    assert_int_equal(player.engine->counters.events, 0);
    assert_int_equal(conn->session.state, GCN__STATE_BACKING_OFF);
    player_deinit(&player);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_turn_may_end_anywhere),
      cmocka_unit_test(what_waits_is_copied),
      cmocka_unit_test(text_that_is_no_utf8),
  };
  return cmocka_run_group_tests_name("engine-lent", tests, NULL, NULL);
}
