/* SPDX-License-Identifier: MIT */
/*
 * What the loop tests share: a loop with a watchdog, and raw TCP peers that
 * live in the same loop and behave as badly as they are told.
 */
#ifndef GCN_TEST_LOOP_HARNESS_H
#define GCN_TEST_LOOP_HARNESS_H

#include "check.h"

#include <stdbool.h>
#include <sys/resource.h>
#include <uv.h>

/* cmocka's fixtures: *state becomes the loop.  The end of a test runs the loop
 * dry and asserts that nothing is left on it. */
int harness_setup(void** state);
int harness_teardown(void** state);
#define LOOP_TEST(name)                                                        \
  cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

/* How many times longer than usual things may take: GCN_TEST_SLOWNESS, which
 * is set where valgrind or the thread sanitizer looks on; else 1. */
unsigned harness_slowness(void);

/* No descriptor is left for anybody, from take to return. */
struct no_descriptors {
  struct rlimit before;
  int fillers[512];
  unsigned filler_count;
};
void harness_take_descriptors(struct no_descriptors* none);
void harness_return_descriptors(struct no_descriptors* none);

/* Runs the loop until `*flag`; ends the program after 30 s. */
void harness_until(uv_loop_t* loop, const bool* flag);
/* Runs the loop until it is empty; ends the program after 30 s. */
void harness_drain(uv_loop_t* loop);
/* Lets every event that is pending now happen. */
void harness_settle(uv_loop_t* loop);
/* Closes a handle and returns when it has left the loop; its `data` is lost. */
void harness_close(uv_handle_t* handle);
/* How long the loop stood still beyond its turns: for whatever reason, nobody
 * on it could be told of a deadline meanwhile. */
struct beat {
  uv_timer_t timer;
  uint64_t last_ms;
  uint64_t stood_ms;
  uint64_t longest_ms; /* at a stretch */
};
void beat_begin(struct beat* beat, uv_loop_t* loop);
/* Returns `stood_ms`. */
uint64_t beat_end(struct beat* beat);
/* Handles on the loop, those of the harness not counted. */
unsigned harness_handles(uv_loop_t* loop);

enum peer_mood {
  PEER_ECHOES,
  PEER_LISTENS, /* reads and counts */
  PEER_DEAF,    /* never reads until peer_hear */
};

enum { PEER_CONNECTIONS_MAX = 8 };

struct peer_connection {
  uv_tcp_t tcp;
  struct peer* peer;
  bool open;
};

struct peer {
  uv_tcp_t listener;
  enum peer_mood mood;
  uint16_t port;
  struct peer_connection connections[PEER_CONNECTIONS_MAX];
  unsigned accepted;
  unsigned handle_count;
  bool connected; /* at least one connection came */
  bool ended;     /* a connection ended, by end_error */
  int end_error;
  uint64_t received;
  uint64_t sum; /* of the bytes received, to compare */
  char buffer[65536];
};

/* Listens on `address`; port 0 takes any. */
void peer_listen(struct peer* peer, uv_loop_t* loop, const char* address,
                 uint16_t port, enum peer_mood mood);
void peer_send(struct peer* peer, const char* bytes, size_t size);
void peer_hear(struct peer* peer); /* a deaf one begins to read */
void peer_hang_up(struct peer* peer);
void peer_reset(struct peer* peer);
void peer_close(struct peer* peer); /* returns when all of it is gone */

/* A port that accepts no more connections: they hang.  Linux only. */
struct black_hole {
  int fds[3];
};
void black_hole_open(struct black_hole* hole, const char* address,
                     uint16_t port);
void black_hole_close(struct black_hole* hole);

#endif
