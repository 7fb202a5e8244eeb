/* SPDX-License-Identifier: MIT */
/*
 * FAULTS T: streams that end at a stroke.
 */
#include "stage.h"

#include "base/time.h"

/* Half of a message has come when the connection is killed from outside. */
void break_reset_in_a_message(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  stage_stream(&stage);
  host_do(&stage.host, "ws.trickle 50ms");
  host_emit(&stage.host, 1);
  guest_live(&stage.guest, 300);
  place_go_far(&stage.place);
  place_want("the kernel can't end connections (INET_DIAG_DESTROY)",
             "ss -K state established dst " NEAR_IP " | grep -q " NEAR_IP);
  place_come_back(&stage.place);
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, UV_ECONNRESET, GCN_LAYER_TCP);
  assert_int_equal(stage.guest.events, 0);
  stage_recovered(&stage, 1);
  assert_int_equal(stage.guest.events, 1);
  assert_int_equal(stage.guest.skipped, 1); /* it lies inside of the gap */
  stage_close(&stage);
}

/* The end of the connection is all there is: no Close frame, no close_notify.
 */
void break_without_goodbye(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  stage_stream(&stage);
  guest_prove(&stage.guest, &stage.host);
  uint64_t before_ms = stage_now_ms(&stage);
  host_do(&stage.host, "tcp.close");
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, UV_EOF, GCN_LAYER_TCP);
  stage_recovered(&stage, 1);
  assert_true(stage.guest.last_gap.to_ms >= before_ms);
  assert_int_equal(stage.guest.skipped, 0);
  stage_close(&stage);
}

/* Nobody there knows of the connection any more: what we send next, a ping
 * after a second of silence, is answered by a reset. */
void break_host_restarted(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.probe_ms = 500;
  options.silence_ms = 20000;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  guest_prove(&stage.guest, &stage.host);
  uint64_t begun_ms = stage_now_ms(&stage);
  place_rule("out", "tcp dport %d tcp flags & syn == 0 reject with tcp reset",
             FAR_PORT);
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, UV_ECONNRESET, GCN_LAYER_TCP);
  assert_soon(told->at_ms - begun_ms, 0, 500);
  place_clear();
  stage_recovered(&stage, 1);
  stage_close(&stage);
}

/* Bytes are changed so that TCP does not notice: TLS does. */
void break_forged_bytes(void) {
  struct stage stage;
  stage_open(&stage, PLACE_WIRE, FAR_IP);
  stage_stream(&stage);
  guest_prove(&stage.guest, &stage.host);
  stage.wire.terms->forged = 1000;
  host_emit(&stage.host, 1);
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, GCN_ETLS, GCN_LAYER_TLS);
  stage.wire.terms->forged = 0;
  stage_recovered(&stage, 1);
  assert_int_equal(stage.guest.skipped, 1);
  stage_close(&stage);
}
