/* SPDX-License-Identifier: MIT */
/*
 * Everything here asserts; there is nothing to check for callers.
 */
#include "stage.h"

#include "base/time.h"
#include "loop/system.h"

#include <stdlib.h>
#include <string.h>

static void open_road(struct stage* stage, enum place_road road) {
  memset(stage, 0, sizeof *stage);
  place_open(&stage->place, road);
  stage->wired = road == PLACE_WIRE;
  if (stage->wired) wire_open(&stage->wire, &stage->place);
}

static void open_house(struct stage* stage, const char* name,
                       uint64_t heartbeat_ms) {
  if (strcmp(name, FAR_NAME) == 0) place_names();
  assert_int_equal(uv_loop_init(&stage->loop), 0);
  host_open(&stage->host, &stage->place, &stage->loop, name, heartbeat_ms);
}

void stage_open(struct stage* stage, enum place_road road, const char* name) {
  open_road(stage, road);
  open_house(stage, name, GCN__NEVER);
}

void stage_open_beating(struct stage* stage, const char* name,
                        uint64_t heartbeat_ms) {
  open_road(stage, PLACE_CABLE);
  open_house(stage, name, heartbeat_ms);
}

void stage_open_small(struct stage* stage, const char* name) {
  open_road(stage, PLACE_CABLE);
  place_run_far(&stage->place,
                "echo 4096 4096 4096 >/proc/sys/net/ipv4/tcp_rmem");
  open_house(stage, name, GCN__NEVER);
}

void stage_stream(struct stage* stage) {
  gcn_options_t options = guest_options(&stage->guest, &stage->host);
  guest_begin(&stage->guest, &stage->loop, &options);
  guest_await(&stage->guest, GCN_STREAMING);
}

uint64_t stage_now_ms(struct stage* stage) {
  return gcn__loop_now_ms(&stage->loop);
}

bool stage_is_long(void) {
  return getenv("GCN_NET_LONG") != NULL;
}

uint64_t stage_duration_ms(uint64_t usual_ms, uint64_t long_ms) {
  return stage_is_long() ? long_ms : usual_ms;
}

void stage_close(struct stage* stage) {
  if (!stage->guest.closed) guest_end(&stage->guest);
  host_close(&stage->host);
  uv_run(&stage->loop, UV_RUN_NOWAIT);
  assert_int_equal(uv_loop_close(&stage->loop), 0);
  if (stage->wired) wire_close(&stage->wire);
  place_close(&stage->place);
}

void stage_recovered(struct stage* stage, unsigned gaps) {
  struct guest* guest = &stage->guest;
  guest_await(guest, GCN_STREAMING);
  guest_prove(guest, &stage->host);
  assert_int_equal(guest->gaps, gaps);
  assert_int_equal(guest->breaks, gaps);
  if (gaps > 0) assert_true(guest->last_gap.to_ms <= stage_now_ms(stage));
}
