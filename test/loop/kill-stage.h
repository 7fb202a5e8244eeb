/* SPDX-License-Identifier: MIT */
/*
 * A service that produces events all the time, and a consumer that is started
 * and killed, again and again, at random moments.
 *
 * Moments are drawn from a seed: GCN_KILL_SEED in the environment, else the
 * clock.  What the machine does in between is not drawn, so a seed makes the
 * same life likely and not sure.
 */
#ifndef GCN_TEST_LOOP_KILL_STAGE_H
#define GCN_TEST_LOOP_KILL_STAGE_H

#include "kill-consumer.h"
#include "kill-judge.h"
#include "service.h"

#include "base/rng.h"

struct kill_stage {
  uv_loop_t loop;
  enum kill_mode mode;
  uint64_t seed;
  struct gcn__rng rng;
  struct service service;
  struct judge* judge;
  char folder[64];
  char path[96];
  int64_t wall_base_ms;
  uint64_t begun_ms;

  /* The life under way. */
  uv_process_t process;
  uv_pipe_t pipe;
  uv_timer_t timer; /* its moment */
  uv_timer_t patience;
  unsigned open; /* handles of it */
  char bytes[65536];
  size_t pending; /* bytes that are not a whole record yet */
  uint64_t reports;
  uint64_t kill_after; /* so many reports; 0: not by them */
  bool kill_leaving;   /* in the middle of an orderly end */
  bool drains;         /* it is to take all there is, and to leave */
  bool asked;          /* it was told to */
  bool extra;          /* one more event was made for it */
  int64_t status;
  int signal;

  /* What became of the lives. */
  unsigned kills;
  unsigned kills_leaving;
  unsigned left;   /* lives that were over before the kill came */
  unsigned drafts; /* kills in the middle of a save */
};

/* Events a second. */
struct kill_stage* kill_stage_open(enum kill_mode mode, uint64_t rate);
/* Lives up to that many kills. */
void kill_stage_kill(struct kill_stage* stage, unsigned kills);
/* The events end; a last life takes what there is and ends in order.  Another
 * one must be told nothing but one new event.  Asserts what the judge found. */
void kill_stage_end(struct kill_stage* stage);
/* Also prints numbers. */
void kill_stage_close(struct kill_stage* stage);

#endif
