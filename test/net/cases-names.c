/* SPDX-License-Identifier: MIT */
/*
 * FAULTS D: what goes wrong with names, told by a real resolver.
 */
#include "stage.h"

#include "base/time.h"

#include <stdio.h>
#include <string.h>

static const char sound[] = FAR_IP " " FAR_NAME "\n";

/* A guest that was begun, and its first failure. */
static const struct told* first_failure(struct stage* stage) {
  gcn_options_t options = guest_options(&stage->guest, &stage->host);
  guest_begin(&stage->guest, &stage->loop, &options);
  return guest_await(&stage->guest, GCN_BACKING_OFF);
}

/* It tries again by itself, and streams when there is a good answer. */
static void heal(struct stage* stage) {
  place_resolve(&stage->place, sound, NULL);
  stage_recovered(stage, 0);
  stage_close(stage);
}

void names_no_such_host(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  place_resolve(&stage.place, "", NULL);
  for (int i = 0; i < 3; i++) {
    const struct told* told = i == 0
                                  ? first_failure(&stage)
                                  : guest_await(&stage.guest, GCN_BACKING_OFF);
    assert_told(told, UV_EAI_NONAME, GCN_LAYER_DNS);
    assert_true(told->will_retry);
  }
  place_rename(&stage.place, sound);
  stage_recovered(&stage, 0);
  stage_close(&stage);
}

void names_server_fails(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  place_resolve_badly(&stage.place, 2); /* SERVFAIL */
  const struct told* told = first_failure(&stage);
  assert_told(told, UV_EAI_AGAIN, GCN_LAYER_DNS);
  assert_true(told->will_retry);
  heal(&stage);
}

/* Nobody has port 53: the answer is an ICMP message, and there at once. */
void names_server_refuses(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  uint64_t begun_ms = stage_now_ms(&stage);
  const struct told* told = first_failure(&stage);
  assert_told(told, UV_EAI_AGAIN, GCN_LAYER_DNS);
  assert_true(told->will_retry);
  assert_soon(told->at_ms - begun_ms, 0, 500);
  heal(&stage);
}

/* The library has a deadline of its own; what comes later serves the next
 * attempt, or nobody. */
void names_black_hole(void) {
  struct stage stage;
  enum { DNS_MS = 300 };
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  place_resolve(&stage.place, sound, NULL);
  place_rule("in", "udp dport 53 drop");
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.dns_ms = DNS_MS;
  uint64_t begun_ms = stage_now_ms(&stage);
  guest_begin(&stage.guest, &stage.loop, &options);
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, UV_ETIMEDOUT, GCN_LAYER_DNS);
  assert_true(told->will_retry);
  uint64_t took_ms = told->at_ms - begun_ms;
  /* The C library would have needed a second. */
  assert_in_range(took_ms, DNS_MS, 950);
  place_clear();
  stage_recovered(&stage, 0);
  stage_close(&stage);
}

/* The look-up can't be cancelled: close waits for it, and for no longer. */
void names_black_hole_and_close(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  place_resolve(&stage.place, sound, NULL);
  place_rule("in", "udp dport 53 drop");
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  uint64_t begun_ms = stage_now_ms(&stage);
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_live(&stage.guest, 100); /* it runs */
  unsigned told_count = stage.guest.told_count;
  guest_end(&stage.guest);
  assert_soon(stage_now_ms(&stage) - begun_ms, 100, 1100);
  assert_int_equal(stage.guest.told_count, told_count);
  stage_close(&stage);
}

void names_empty_answer(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  place_resolve(&stage.place, "", "--txt-record=" FAR_NAME ",nothing else");
  const struct told* told = first_failure(&stage);
  bool empty = told->error == UV_EAI_NODATA || told->error == UV_EAI_NONAME;
  assert_told(told, empty ? told->error : UV_EAI_NODATA, GCN_LAYER_DNS);
  assert_true(told->will_retry);
  heal(&stage);
}

void names_unusable_family(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  place_resolve(&stage.place, FAR_IP6 " " FAR_NAME "\n", NULL);
  const struct told* told = first_failure(&stage);
  bool no_way =
      told->error == UV_ENETUNREACH || told->error == UV_EADDRNOTAVAIL;
  assert_told(told, no_way ? told->error : UV_ENETUNREACH, GCN_LAYER_TCP);
  assert_true(told->will_retry);
  gcn_client_stop(stage.guest.client); /* whatever wait it was given */
  guest_await(&stage.guest, GCN_IDLE);
  gcn_client_start(stage.guest.client);
  heal(&stage);
}

/* Both families, IPv6 in front, which does not get through. */
static void try_two_families(const char* verdict, uint64_t most_ms) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  place_run("ip addr add fd77::2/64 dev near nodad");
  place_run_far(&stage.place, "ip addr add " FAR_IP6 "/64 dev far nodad");
  place_resolve(&stage.place,
                FAR_IP6 " " FAR_NAME "\n" FAR_IP " " FAR_NAME "\n", NULL);
  place_rule("out", "meta nfproto ipv6 tcp dport %d counter %s", FAR_PORT,
             verdict);
  uint64_t begun_ms = stage_now_ms(&stage);
  stage_stream(&stage);
  assert_soon(stage_now_ms(&stage) - begun_ms, 0, most_ms);
  assert_true(place_counted() > 0); /* IPv6 did come first */
  guest_prove(&stage.guest, &stage.host);
  for (unsigned i = 0; i < stage.guest.told_count; i++)
    assert_int_equal(stage.guest.told[i].error, 0);
  stage_close(&stage);
}

void names_refused_family_first(void) {
  try_two_families("reject with icmpv6 type no-route", 200);
}

/* 250 ms once; after that the address is known to be slow. */
void names_silent_family_first(void) {
  try_two_families("drop", 700);
}

/* The last of 16 addresses is the one that lives: one attempt finds it. */
void names_fifteen_of_sixteen_dead(void) {
  struct stage stage;
  char hosts[1024] = FAR_IP_2 " " FAR_NAME "\n";
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  for (unsigned i = 0; i < 15; i++) {
    size_t size = strlen(hosts);
    snprintf(hosts + size, sizeof hosts - size, "10.77.0.%u " FAR_NAME "\n",
             16 + i);
  }
  place_resolve(&stage.place, hosts, NULL);
  place_rule("out", "ip daddr 10.77.0.16/28 counter drop");
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.phase_ms = 10000;
  uint64_t begun_ms = stage_now_ms(&stage);
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  assert_true(place_counted() >= 15);
  assert_soon(stage_now_ms(&stage) - begun_ms, 15 * 250, 15 * 250 + 500);
  for (unsigned i = 0; i < stage.guest.told_count; i++)
    assert_int_equal(stage.guest.told[i].error, 0);
  stage_close(&stage);
}

/* The host moves while it is connected; its old address falls silent. */
void names_address_changes(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_NAME);
  place_resolve(&stage.place, sound, NULL);
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.dns_cache_ms = UINT64_MAX;
  guest_begin(&stage.guest, &stage.loop, &options);
  guest_await(&stage.guest, GCN_STREAMING);
  place_rename(&stage.place, FAR_IP_2 " " FAR_NAME "\n");
  /* Its other address stays, which the kernel sees as a part of this one. */
  place_run_far(&stage.place,
                "echo 1 >/proc/sys/net/ipv4/conf/far/promote_secondaries &&"
                " ip addr del " FAR_IP "/24 dev far");
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, GCN_ESILENT, GCN_LAYER_CLIENT);
  /* The very next attempt asks again and finds it. */
  stage_recovered(&stage, 1);
  unsigned failed = 0;
  for (unsigned i = 0; i < stage.guest.told_count; i++)
    failed += stage.guest.told[i].error != 0;
  assert_int_equal(failed, 1);
  stage_close(&stage);
}
