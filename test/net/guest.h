/* SPDX-License-Identifier: MIT */
/*
 * A client of the library, and a record of what it was told and when.
 *
 * It checks what holds in every case: events come once and in order, no event
 * is invented, gaps are intervals, memory is given back.
 */
#ifndef GCN_TEST_NET_GUEST_H
#define GCN_TEST_NET_GUEST_H

#include "host.h"

#include "gcnotify.h"
#include "unit/mem-probe.h"

enum { GUEST_TOLD_MAX = 1024, GUEST_TEXT_SIZE = 160 };

/* How long after its deadline a thing may happen on a machine that is busy. */
enum { GUEST_LATE_MS = 1500 };

/* A change of state. */
struct told {
  uint64_t at_ms; /* of the loop */
  gcn_state_t from;
  gcn_state_t to;
  int error; /* 0 if nothing failed */
  gcn_layer_t layer;
  gcn_op_t op;
  int will_retry;
  uint64_t retry_in_ms;
  char text[GUEST_TEXT_SIZE];
};

struct guest {
  gcn_client_t* client;
  uv_loop_t* loop;
  struct mem_probe probe;
  struct told told[GUEST_TOLD_MAX];
  unsigned told_count;
  unsigned read_count; /* of these, by guest_await */
  gcn_state_t state;
  unsigned breaks; /* times it left STREAMING for anything but rest */
  unsigned events;
  unsigned last_event; /* its number */
  unsigned skipped;    /* events between those that came */
  unsigned heartbeats;
  unsigned gaps;
  gcn_gap_t last_gap; /* without topics */
  unsigned late;      /* call-backs after close */
  bool closed;
};

/* With short waits: silence is noticed after 1,500 ms. */
gcn_options_t guest_options(struct guest* guest, const struct host* host);
/* A started client that wants host_topic. */
void guest_begin(struct guest* guest, uv_loop_t* loop,
                 const gcn_options_t* options);
/* The next change to `state` that was not awaited yet. */
const struct told* guest_await(struct guest* guest, gcn_state_t state);
/* Lets so much time pass. */
void guest_live(struct guest* guest, uint64_t duration_ms);
/* All that the host has emitted has come. */
void guest_await_events(struct guest* guest, const struct host* host);
/* The stream works: an event that is made now comes. */
void guest_prove(struct guest* guest, struct host* host);
gcn_stats_t guest_stats(const struct guest* guest);
/* Returns when it is closed and all of its memory is given back. */
void guest_end(struct guest* guest);

/* Fails, saying what came instead. */
void assert_told(const struct told* told, int error, gcn_layer_t layer);
void assert_soon(uint64_t took_ms, uint64_t least_ms, uint64_t most_ms);

#endif
