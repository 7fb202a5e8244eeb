/* SPDX-License-Identifier: MIT */
/*
 * FAULTS T: connections that do not come about.
 */
#include "stage.h"

#include "base/time.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Its first failure while the road is as it is. */
static const struct told* fail_first(struct stage* stage, uint64_t phase_ms) {
  gcn_options_t options = guest_options(&stage->guest, &stage->host);
  options.phase_ms = phase_ms;
  guest_begin(&stage->guest, &stage->loop, &options);
  const struct told* told = guest_await(&stage->guest, GCN_BACKING_OFF);
  assert_true(told->will_retry);
  return told;
}

void connect_refused(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  place_rule("out", "tcp dport %d reject with tcp reset", FAR_PORT);
  assert_told(fail_first(&stage, 5000), UV_ECONNREFUSED, GCN_LAYER_TCP);
  place_clear();
  stage_recovered(&stage, 0);
  stage_close(&stage);
}

void connect_unanswered(void) {
  struct stage stage;
  enum { PHASE_MS = 600 };
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  place_rule("out", "tcp dport %d tcp flags syn counter drop", FAR_PORT);
  uint64_t begun_ms = stage_now_ms(&stage);
  const struct told* told = fail_first(&stage, PHASE_MS);
  assert_told(told, GCN_EPHASE, GCN_LAYER_TCP);
  assert_soon(told->at_ms - begun_ms, PHASE_MS, PHASE_MS);
  assert_true(place_counted() > 0);
  place_clear();
  stage_recovered(&stage, 0);
  stage_close(&stage);
}

struct obstacle {
  const char* rule;  /* NULL: a route */
  const char* route; /* its kind; NULL: there is none */
  int error;
};

static void block_way(const struct obstacle* obstacle) {
  if (obstacle->rule != NULL) {
    place_rule("out", "tcp dport %d %s", FAR_PORT, obstacle->rule);
  } else if (obstacle->route != NULL) {
    place_run("ip route add %s " FAR_IP "/32", obstacle->route);
  } else {
    place_run("ip route del 10.77.0.0/24 dev near");
  }
}

static void clear_way(const struct obstacle* obstacle) {
  if (obstacle->rule != NULL) {
    place_clear();
  } else if (obstacle->route != NULL) {
    place_run("ip route del %s " FAR_IP "/32", obstacle->route);
  } else {
    place_run("ip route add 10.77.0.0/24 dev near src " NEAR_IP);
  }
}

void connect_unreachable(void) {
  static const struct obstacle obstacles[] = {
      {"reject with icmp type host-unreachable", NULL, UV_EHOSTUNREACH},
      {"reject with icmp type admin-prohibited", NULL, UV_EHOSTUNREACH},
      {"reject with icmp type net-unreachable", NULL, UV_ENETUNREACH},
      {NULL, "unreachable", UV_EHOSTUNREACH},
      {NULL, "prohibit", UV_EACCES},
      {NULL, "blackhole", UV_EINVAL},
      {NULL, NULL, UV_ENETUNREACH},
  };
  for (size_t i = 0; i < sizeof obstacles / sizeof obstacles[0]; i++) {
    const struct obstacle* obstacle = &obstacles[i];
    struct stage stage;
    stage_open(&stage, PLACE_CABLE, FAR_IP);
    block_way(obstacle);
    assert_told(fail_first(&stage, 5000), obstacle->error, GCN_LAYER_TCP);
    clear_way(obstacle);
    stage_recovered(&stage, 0);
    stage_close(&stage);
  }
}

/* The handshake of TCP goes well; the first byte is answered by a reset. */
void connect_reset_at_once(void) {
  struct stage stage;
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  place_rule("out",
             "tcp dport %d tcp flags & psh == psh counter reject with"
             " tcp reset",
             FAR_PORT);
  const struct told* told = fail_first(&stage, 5000);
  assert_told(told, UV_ECONNRESET, GCN_LAYER_TCP);
  assert_true(place_counted() > 0);
  place_clear();
  stage_recovered(&stage, 0);
  stage_close(&stage);
}

/* All local ports but one are taken, and then that one, too. */
void connect_no_port_left(void) {
  struct stage stage;
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(40000)};
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  place_write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40001");
  int taken[2];
  for (int i = 0; i < 2; i++) {
    taken[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    name.sin_port = htons((uint16_t)(40000 + i));
    assert_int_equal(bind(taken[i], (const struct sockaddr*)&name, sizeof name),
                     0);
  }
  gcn_options_t options = guest_options(&stage.guest, &stage.host);
  options.retry_cap_ms = 0; /* the usual one */
  guest_begin(&stage.guest, &stage.loop, &options);
  const struct told* told = guest_await(&stage.guest, GCN_BACKING_OFF);
  assert_told(told, UV_EADDRNOTAVAIL, GCN_LAYER_TCP);
  assert_true(told->will_retry);
  /* This machine has to find a port first: no hurry. */
  assert_in_range(told->retry_in_ms, 5000, 6000);
  for (int i = 0; i < 2; i++)
    close(taken[i]);
  place_write("/proc/sys/net/ipv4/ip_local_port_range", "32768 60999");
  assert_int_equal(gcn_client_reconnect_now(stage.guest.client), 0);
  stage_recovered(&stage, 0);
  stage_close(&stage);
}

/* Path MTU discovery fails silently: the server's certificate never comes. */
void connect_large_packets_lost(void) {
  struct stage stage;
  enum { PHASE_MS = 800 };
  stage_open(&stage, PLACE_CABLE, FAR_IP);
  place_rule("in", "meta length > 600 counter drop");
  uint64_t begun_ms = stage_now_ms(&stage);
  const struct told* told = fail_first(&stage, PHASE_MS);
  assert_told(told, GCN_EPHASE, GCN_LAYER_TLS);
  assert_soon(told->at_ms - begun_ms, PHASE_MS, PHASE_MS + 200);
  assert_true(place_counted() > 0);
  place_clear();
  stage_recovered(&stage, 0);
  stage_close(&stage);
}
