/* SPDX-License-Identifier: MIT */
/*
 * What a server does over real sockets that takes more than one answer: a flood
 * of pings, and a closing handshake that goes wrong.
 */
#include "conformance-peer.h"

#include "client/client.h"
#include "loop/system.h"

#include <stdio.h>

struct stage {
  struct conf_row row; /* before the peer plays it */
  struct conf_peer peer;
  struct conf_raw raw;
  struct user user;
  char url[64];
};

static void open_stage(struct stage* stage) {
  *stage = (struct stage){.row = {.end = CONF_STAYS}};
  gcn__buf_init(&stage->row.in, &gcn__mem_libc, CONF_SIZE_MAX);
  gcn__buf_init(&stage->row.pings, &gcn__mem_libc, CONF_SIZE_MAX);
}

/* Over TLS unless `secure` is NULL. */
static void start_over(struct stage* stage, uv_loop_t* loop,
                       const struct secure* secure) {
  conf_peer_open(&stage->peer, loop, &stage->row,
                 secure == NULL ? NULL : secure->tls);
  stage->peer.whole = true;
  conf_raw_init(&stage->raw);
  snprintf(stage->url, sizeof stage->url, "%s://127.0.0.1:%u",
           secure == NULL ? "http" : "https", (unsigned)stage->peer.port);
  gcn_options_t options = user_options(&stage->user, stage->url);
  options.retry_base_ms = options.retry_floor_ms = 20000;
  options.retry_first_ms = options.retry_cap_ms = 20000;
  if (secure != NULL) options.allow_plaintext = 0;
  if (secure != NULL) options.ca_pem = gcn__pki_ca(secure->pki);
  user_new(&stage->user, loop, &options);
  conf_raw_adopt(&stage->raw, stage->user.client->engine);
  gcn_client_start(stage->user.client);
}

static void start(struct stage* stage, uv_loop_t* loop) {
  start_over(stage, loop, NULL);
}

static void close_stage(struct stage* stage) {
  conf_peer_close(&stage->peer);
  user_finish(&stage->user);
  conf_raw_deinit(&stage->raw);
  gcn__buf_deinit(&stage->row.in);
  gcn__buf_deinit(&stage->row.pings);
}

static void on_turn(uv_prepare_t* turns) {
  ++*(unsigned*)turns->data;
}

static unsigned count_pongs(struct gcn__span frames) {
  unsigned count = 0;
  while (frames.size >= 6) {
    count++;
    frames = gcn__span_skip(frames, 6 + ((unsigned char)frames.data[1] & 0x7f));
  }
  return count;
}

/* However many pings lie in the socket's buffer, a turn takes some of them and
 * sends one pong, and the rest of the loop gets its turn. */
static void a_flood_of_pings_is_cut_into_turns(void** state) {
  enum { PINGS = 20000, PER_TURN = 64 };
  uv_loop_t* loop = *state;
  struct stage stage;
  unsigned turn_count = 0;
  uv_prepare_t turns;
  open_stage(&stage);
  for (unsigned i = 0; i < PINGS; i++) {
    char number[9];
    snprintf(number, sizeof number, "%08u", i);
    conf_put_frame(&stage.row.in, 0x89, gcn__span(number, 8));
  }
  gcn__buf_append(&stage.row.pings,
                  "\x08"
                  "00019999",
                  9); /* the last */
  start(&stage, loop);
  while (stage.peer.request_size == 0)
    uv_run(loop, UV_RUN_ONCE);
  uv_prepare_init(loop, &turns);
  turns.data = &turn_count;
  uv_prepare_start(&turns, on_turn);
  harness_until(loop, &stage.peer.done);
  assert_true(turn_count >= PINGS / PER_TURN);
  assert_true(count_pongs(conf_peer_frames(&stage.peer)) <= turn_count);
  harness_close((uv_handle_t*)&turns);
  close_stage(&stage);
}

static bool has_close(const struct stage* stage) {
  struct gcn__span frames = conf_peer_frames(&stage->peer);
  return frames.size > 0 && (unsigned char)frames.data[0] == 0x88;
}

/* A stop, or a close for good. */
static void leave_and_await_the_close(struct stage* stage, uv_loop_t* loop,
                                      bool for_good) {
  harness_until(loop, &stage->peer.done);
  gcn__buf_clear(&stage->peer.heard);
  stage->peer.request_size = 0;
  stage->peer.marked = false;
  stage->peer.playing = false;
  if (for_good) {
    assert_int_equal(user_close(&stage->user), 0);
  } else {
    assert_int_equal(gcn_client_stop(stage->user.client), 0);
  }
  while (!has_close(stage))
    uv_run(loop, UV_RUN_ONCE);
}

static void stop_and_await_the_close(struct stage* stage, uv_loop_t* loop) {
  leave_and_await_the_close(stage, loop, false);
}

/* Frames that were on their way when we said goodbye: told to nobody, and the
 * server's answer ends it. */
static void frames_while_we_are_closing(void** state) {
  uv_loop_t* loop = *state;
  struct stage stage;
  open_stage(&stage);
  start(&stage, loop);
  stop_and_await_the_close(&stage, loop);
  unsigned told = stage.user.told;
  conf_peer_say(&stage.peer, GCN__SPAN("\x81\x02hi\x82\x01x\x01\x01h"));
  harness_settle(loop);
  assert_false(stage.user.idle);
  conf_peer_say(&stage.peer, GCN__SPAN("\x88\x02\x03\xe8\x81\x01!"));
  harness_until(loop, &stage.user.idle);
  harness_until(loop, &stage.peer.ended);
  assert_int_equal(stage.user.told, told + 1); /* that it is idle */
  assert_int_equal(stage.user.counts[USER_EVENT], 0);
  close_stage(&stage);
}

/* The server half-closes in place of an answer: that is one as well. */
static void the_server_ends_while_we_are_closing(void** state) {
  uv_loop_t* loop = *state;
  struct stage stage;
  open_stage(&stage);
  start(&stage, loop);
  stop_and_await_the_close(&stage, loop);
  conf_peer_shut(&stage.peer);
  harness_until(loop, &stage.user.idle);
  harness_until(loop, &stage.peer.ended);
  close_stage(&stage);
}

/* No answer to our close: the deadline ends it, here 200 ms. */
static void a_close_that_is_not_answered(void** state) {
  uv_loop_t* loop = *state;
  struct stage stage;
  open_stage(&stage);
  start(&stage, loop);
  stop_and_await_the_close(&stage, loop);
  uint64_t begun_ms = gcn__loop_now_ms(loop);
  harness_until(loop, &stage.user.idle);
  assert_in_range(gcn__loop_now_ms(loop) - begun_ms, 150, 5000);
  harness_until(loop, &stage.peer.ended);
  close_stage(&stage);
}

/* CVE-2026-77358 is of a client that freed its TLS before its Close went out by
 * it.  The peer can read ours, and once it has answered it is told that the TLS
 * connection is over, before TCP says so. */
static void our_close_over_tls(void** state) {
  uv_loop_t* loop = *state;
  for (int for_good = 0; for_good < 2; for_good++) {
    struct stage stage;
    struct secure secure;
    secure_open(&secure);
    open_stage(&stage);
    start_over(&stage, loop, &secure);
    leave_and_await_the_close(&stage, loop, for_good != 0);
    struct gcn__span frames = conf_peer_frames(&stage.peer);
    assert_int_equal(frames.size, 8); /* masked, with a code */
    assert_int_equal((unsigned char)frames.data[1], 0x82);
    assert_int_equal(gcn__tls_state(stage.peer.tls), GCN__TLS_OPEN);
    assert_false(stage.peer.ended);
    conf_peer_say(&stage.peer, GCN__SPAN("\x88\x02\x03\xe8"));
    harness_until(loop, for_good ? &stage.user.closed : &stage.user.idle);
    harness_until(loop, &stage.peer.ended);
    assert_int_equal(gcn__tls_state(stage.peer.tls), GCN__TLS_CLOSED);
    assert_int_equal(conf_peer_frames(&stage.peer).size, 8);
    close_stage(&stage);
    secure_close(&secure);
  }
}

#define ROW(text, test)                                                        \
  { text, test, harness_setup, harness_teardown, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(a_flood_of_pings_is_cut_into_turns),
      LOOP_TEST(frames_while_we_are_closing),
      LOOP_TEST(the_server_ends_while_we_are_closing),
      LOOP_TEST(a_close_that_is_not_answered),
      ROW("S7-11 our own Close over TLS, and close_notify behind it",
          our_close_over_tls),
  };
  return cmocka_run_group_tests_name("ws-end", tests, NULL, NULL);
}
