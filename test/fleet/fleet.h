/* SPDX-License-Identifier: MIT */
/*
 * Ten thousand clients lose their streams at once; the service is down for two
 * minutes and then lets in so many a second.
 *
 * Every client is a struct gcn__session with its table, its timers and its
 * backoff; what the engine would do for it (dial, upgrade, put the topics) is
 * an entry in the agenda, and time is virtual.  One seed is one course of
 * things.
 */
#ifndef GCN_TEST_FLEET_FLEET_H
#define GCN_TEST_FLEET_FLEET_H

#include <stdbool.h>
#include <stdint.h>

enum {
  FLEET_CLIENT_COUNT = 10000,
  FLEET_STREAMS_PER_ID = 20, /* the service's quota of channels */
  FLEET_OUTAGE_MS = 120 * 1000,
  FLEET_ACCEPTS_PER_S = 1000,
  FLEET_RETRY_AFTER_MS = 5000, /* to those refused */
  FLEET_PATIENCE_MS = 3600 * 1000,
};

struct fleet_policy {
  const char* name;
  /* Ours if NULL.  Otherwise somebody calls reconnect_now this long after the
   * n-th failure in a row, whatever the service asked for. */
  uint64_t (*wait)(uint64_t failures);
  uint64_t streams_per_process; /* more than one share a pace */
  uint64_t first_ms;            /* retry_first_ms; 0: the default */
  uint64_t base_ms;             /* retry_base_ms; likewise */
  uint64_t cap_ms;              /* retry_cap_ms; likewise */
  bool equal_jitter;            /* of section 8.2 of FAULTS.md */
};

struct fleet_report {
  uint64_t stable_count;  /* streams proven before the outage */
  uint64_t attempt_count; /* from the outage on */
  uint64_t peak;          /* attempts in the worst second */
  uint64_t peak_after;    /* ... since the service is back */
  uint64_t refused_count; /* upgrades beyond the service's rate */
  /* Since the service is back, until so many stream again; GCN__NEVER. */
  uint64_t half_ms;
  uint64_t most_ms; /* 99 % */
  uint64_t all_ms;
};

struct fleet_report fleet_run(const struct fleet_policy* policy, uint64_t seed);

#endif
