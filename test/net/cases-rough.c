/* SPDX-License-Identifier: MIT */
/*
 * FAULTS T: roads that are bad, but roads.  Whatever TCP can hide, nobody is
 * told of: no break, no gap, every event once.
 */
#include "stage.h"

#include "base/time.h"

/* Events all the time; all of them come, in one stream. */
static void live_whole(struct stage* stage, uint64_t for_ms) {
  uint64_t begun_ms = stage_now_ms(stage);
  while (stage_now_ms(stage) - begun_ms < for_ms) {
    host_emit(&stage->host, 5);
    guest_live(&stage->guest, 50);
  }
  guest_await_events(&stage->guest, &stage->host);
  assert_int_equal(stage->guest.events, stage->host.emitted);
  assert_int_equal(stage->guest.skipped, 0);
  assert_int_equal(stage->guest.gaps, 0);
  assert_int_equal(stage->guest.breaks, 0);
  for (unsigned i = 0; i < stage->guest.told_count; i++)
    assert_int_equal(stage->guest.told[i].error, 0);
}

static void lose(const char* which) {
  place_clear();
  place_rule("in", "%s == 0 counter drop", which);
  place_rule("out", "%s == 0 counter drop", which);
}

/* Each tenth packet: the second copy always comes through, so what is waited
 * for has a bound.  At length they are drawn once the stream stands; a SYN that
 * is lost three times in a row is not what this is about. */
void rough_loss(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.phase_ms = 10000;
  options.probe_ms = stage_is_long() ? 30000 : 5000;
  options.silence_ms = 2 * options.probe_ms;
  lose("numgen inc mod 10");
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  if (stage_is_long()) lose("numgen random mod 10");
  live_whole(&stage, stage_duration_ms(5000, 60000));
  assert_true(place_counted() > 5);
  stage_close(&stage);
}

/* 2 s there and back, with the deadlines that users have. */
void rough_distance(void) {
  struct stage stage;
  stage_open(&stage, PLACE_WIRE, FAR_IP);
  stage.wire.terms->delay_ms = 1000;
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.phase_ms = options.attempt_ms = 0;
  options.probe_ms = 2500;
  options.silence_ms = 6500; /* a ping's way and what was lost of it */
  options.ping_ms = 1000;
  options.ping_answer_ms = 0;
  uint64_t begun_ms = stage_now_ms(&stage);
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  /* It was as far as that. */
  assert_soon(stage_now_ms(&stage) - begun_ms, 8000, 26000);
  live_whole(&stage, stage_duration_ms(5000, 60000));
  stage_close(&stage);
}

/* 64 kbit/s each way, and more events than pass: the service has to wait. */
void rough_narrow(void) {
  struct stage stage;
  static const char shape[] = "tc qdisc add dev %s root tbf rate 64kbit"
                              " burst 1600 latency 2000ms";
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  place_want("the kernel has no tbf", shape, "near");
  place_run_far(&stage.place, shape, "far");
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.phase_ms = 10000;
  options.probe_ms = 6000;
  options.silence_ms = 10000;
  options.ping_ms = 1000;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  size_t live_size = stage.guest.probe.live_size;
  stage.guest.probe.peak_size = live_size;
  uint64_t begun_ms = stage_now_ms(&stage);
  host_emit(&stage.host, 200); /* some 40 kB */
  live_whole(&stage, 0);
  assert_soon(stage_now_ms(&stage) - begun_ms, 2500, 12000);
  assert_true(stage.guest.probe.peak_size <= live_size + 65536);
  stage_close(&stage);
}

/* Packets overtake each other, come twice, or damaged. */
void rough_order(void) {
  struct stage stage;
  stage_open(&stage, PLACE_WIRE, FAR_IP);
  volatile struct wire_terms* terms = stage.wire.terms;
  terms->delay_ms = 5;
  terms->jitter_ms = 30;
  terms->doubled = 100;
  terms->damaged = 50;
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.phase_ms = 10000;
  options.probe_ms = 5000;
  options.silence_ms = 10000;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  live_whole(&stage, stage_duration_ms(4000, 60000));
  stage_close(&stage);
}

/* The cable is out for 2 s, less than the bound: TCP gets over it. */
void rough_short_break(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.probe_ms = 6000;
  options.silence_ms = 10000;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  guest_prove(&stage.guest, &stage.host);
  place_run_far(&stage.place, "ip link set far down");
  host_emit(&stage.host, 3);
  guest_live(&stage.guest, 2000);
  assert_int_equal(stage.guest.events, 1);
  place_run_far(&stage.place, "ip link set far up");
  uint64_t up_ms = stage_now_ms(&stage);
  live_whole(&stage, 0);
  assert_soon(stage_now_ms(&stage) - up_ms, 0, 3000);
  stage_close(&stage);
}
