/* SPDX-License-Identifier: MIT */
/*
 * FAULTS T, A and W: streams that die without a word.
 */
#include "stage.h"

#include "base/time.h"

enum { SILENCE_MS = 1500 }; /* of guest_options */

/* No rule of TCP is broken, nothing passes. */
static void cut_road(void) {
  place_rule("in", "tcp sport %d counter drop", FAR_PORT);
  place_rule("out", "tcp dport %d drop", FAR_PORT);
}

/* Found dead within the bound, counted from the last byte, and not before. */
static void found_silent(struct stage* stage, uint64_t last_ms) {
  const struct told* told = guest_await(&stage->guest, GCN_BACKING_OFF);
  assert_told(told, GCN_ESILENT, GCN_LAYER_CLIENT);
  assert_int_equal(told->op, GCN_OP_STREAM);
  assert_soon(told->at_ms - last_ms, SILENCE_MS - 50, SILENCE_MS);
}

void silence_both_ways(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  stage_stream(&stage);
  guest_prove(&stage.guest, &stage.host);
  uint64_t last_ms = stage_now_ms(&stage);
  cut_road();
  host_emit(&stage.host, 2);
  found_silent(&stage, last_ms);
  place_clear();
  stage_recovered(&stage, 1);
  /* What was lost lies inside of the gap, which is not much longer. */
  assert_int_equal(stage.guest.skipped, 2);
  const gcn_gap_t* gap = &stage.guest.last_gap;
  assert_true(gap->from_ms <= last_ms);
  assert_true(gap->from_ms + 500 > last_ms);
  assert_true(gap->to_ms >= last_ms + SILENCE_MS - 50);
  stage_close(&stage);
}

/* The kernel gives up sooner than we do if it is told to. */
void silence_with_bytes_to_send(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.probe_ms = 300;
  options.silence_ms = 30000;
  options.user_timeout_ms = 1000;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  guest_prove(&stage.guest, &stage.host);
  uint64_t last_ms = stage_now_ms(&stage);
  cut_road();
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, UV_ETIMEDOUT, GCN_LAYER_TCP);
  assert_soon(told->at_ms - last_ms, 1000, 4000);
  place_clear();
  stage_recovered(&stage, 1);
  stage_close(&stage);
}

/* A firewall forgets connections that are idle for 2 s. */
static void forget_idle(void) {
  static const char directory[] = "/proc/sys/net/netfilter/";
  place_want("the kernel has no connection tracking",
             "nft 'add rule inet faults in ct state established,new accept;"
             " add rule inet faults out ct state established,new accept'");
  place_rule("in", "tcp sport %d counter drop", FAR_PORT);
  place_rule("out", "tcp dport %d counter drop", FAR_PORT);
  place_want("connection tracking has no settings of its own here",
             "echo 2 >%snf_conntrack_tcp_timeout_established &&"
             " echo 0 >%snf_conntrack_tcp_loose",
             directory, directory);
}

void silence_after_nat_expiry(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.probe_ms = 4000;
  options.silence_ms = 5000;
  forget_idle();
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  guest_prove(&stage.guest, &stage.host);
  uint64_t last_ms = stage_now_ms(&stage);
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, GCN_ESILENT, GCN_LAYER_CLIENT);
  assert_soon(told->at_ms - last_ms, 4950, 5000);
  assert_true(place_counted() > 0);
  stage_recovered(&stage, 1);
  /* With keep-alive the firewall remembers. */
  guest_end(&stage.guest);
  options = guest_options(&stage.guest, &stage.host);
  options.probe_ms = 4000;
  options.silence_ms = 6000;
  options.keepalive_s = 1;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  guest_live(&stage.guest, 4500);
  guest_prove(&stage.guest, &stage.host);
  assert_int_equal(stage.guest.breaks, 0);
  stage_close(&stage);
}

/* TCP is alive and acknowledges all we send; the service says nothing. */
void silence_of_the_service(void) {
  struct stage stage;
  stage_open_beating(&stage, FAR_IP, 200);
  stage_stream(&stage);
  guest_live(&stage.guest, 2500);
  assert_int_equal(stage.guest.breaks, 0); /* heartbeats keep it */
  assert_true(stage.guest.heartbeats >= 5);
  uint64_t sent = guest_stats(&stage.guest).sent_bytes;
  place_rule("in", "tcp sport %d meta length > 80 counter drop", FAR_PORT);
  uint64_t last_ms = stage_now_ms(&stage);
  guest_live(&stage.guest, 1250);
  /* After 1,000 ms it has asked. */
  assert_true(guest_stats(&stage.guest).sent_bytes > sent);
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, GCN_ESILENT, GCN_LAYER_CLIENT);
  assert_soon(told->at_ms - last_ms, SILENCE_MS - 250, SILENCE_MS);
  place_clear();
  stage_recovered(&stage, 1);
  stage_close(&stage);
}

/* Pings of RFC 6455 are on: three without an answer are enough. */
void silence_of_pongs(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.probe_ms = 20000;
  options.silence_ms = 30000;
  options.ping_ms = 300;
  options.ping_answer_ms = 200;
  options.pings_missed_max = 3;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  guest_live(&stage.guest, 1500);
  assert_int_equal(stage.guest.breaks, 0); /* answered ones are no reason */
  uint64_t last_ms = stage_now_ms(&stage);
  place_rule("in", "tcp sport %d meta length > 60 counter drop", FAR_PORT);
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, GCN_ESILENT, GCN_LAYER_CLIENT);
  assert_soon(told->at_ms - last_ms, 3 * 200, 300 + 3 * 300);
  place_clear();
  stage_recovered(&stage, 1);
  stage_close(&stage);
}

/* The peer lives and pings, but reads nothing: its window closes, and the pongs
 * can't be sent.  One of them waits, whatever was asked for, and the kernel's
 * time for sending ends it. */
void silence_of_a_reader(void) {
  struct stage stage;
  stage_open_small(&stage, FAR_IP);
  place_write("/proc/sys/net/ipv4/tcp_wmem", "4096 4096 4096");
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.silence_ms = 60000;
  options.probe_ms = 50000;
  options.user_timeout_ms = 2000;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  guest_prove(&stage.guest, &stage.host);
  size_t live_size = stage.guest.probe.live_size;
  host_do(&stage.host, "tcp.stall");
  uint64_t last_ms = stage_now_ms(&stage);
  while (stage.guest.state == GCN_STREAMING) {
    host_do(&stage.host, "ws.ping 50");
    guest_live(&stage.guest, 20);
    assert_true(stage.guest.probe.live_size <= live_size + 16384);
    assert_true(stage_now_ms(&stage) - last_ms < 20000);
  }
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, UV_ETIMEDOUT, GCN_LAYER_TCP);
  assert_soon(told->at_ms - last_ms, 2000, 8000);
  stage_recovered(&stage, 1);
  stage_close(&stage);
}

/* A Close frame that nobody answers, and no way to say goodbye to TCP. */
void silence_at_the_end(void) {
  struct stage stage;
  enum { CLOSE_MS = 500 };
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  stage_stream(&stage);
  cut_road();
  uint64_t begun_ms = stage_now_ms(&stage);
  guest_end(&stage.guest);
  assert_soon(stage_now_ms(&stage) - begun_ms, CLOSE_MS - 10, CLOSE_MS);
  stage_close(&stage);
}

/* The cable is out for longer than the bound. */
void silence_of_a_link(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.phase_ms = 1000;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  guest_prove(&stage.guest, &stage.host);
  uint64_t last_ms = stage_now_ms(&stage);
  place_run_far(&stage.place, "ip link set far down");
  found_silent(&stage, last_ms);
  guest_live(&stage.guest, stage_duration_ms(2500, 120000));
  assert_int_not_equal(stage.guest.state, GCN_STREAMING);
  place_run_far(&stage.place, "ip link set far up");
  uint64_t up_ms = stage_now_ms(&stage);
  stage_recovered(&stage, 1);
  /* An attempt that began in the dark ends by its deadline first. */
  assert_soon(stage_now_ms(&stage) - up_ms, 0, 1000 + 320 + 500);
  stage_close(&stage);
}

/* Our own address goes, as when a VPN ends, and comes back. */
void silence_without_an_address(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  stage_stream(&stage);
  guest_prove(&stage.guest, &stage.host);
  uint64_t last_ms = stage_now_ms(&stage);
  place_run("ip addr del " NEAR_IP "/24 dev near");
  found_silent(&stage, last_ms);
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, UV_ENETUNREACH, GCN_LAYER_TCP);
  place_run("ip addr add " NEAR_IP "/24 dev near");
  uint64_t up_ms = stage_now_ms(&stage);
  stage_recovered(&stage, 1);
  assert_soon(stage_now_ms(&stage) - up_ms, 0, 320 + 500);
  stage_close(&stage);
}
