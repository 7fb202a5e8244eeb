/* SPDX-License-Identifier: MIT */
/*
 * An engine in memory, with the dialect of conformance-raw.h and a server that
 * is the test itself.
 */
#ifndef GCN_TEST_CONFORMANCE_STAGE_H
#define GCN_TEST_CONFORMANCE_STAGE_H

#include "conformance-raw.h"

#include "mem-probe.h"

struct conf_stage {
  struct gcn__engine* engine;
  struct mem_probe probe; /* of the engine's memory */
  struct gcn__mem mem;
  struct conf_raw raw;
  struct gcn__rng rng;
  struct gcn__settings settings; /* may be changed before the start */
  struct gcn__buf sent;          /* by the client, what was not taken yet */
  uint64_t now_ms;
  enum gcn__wire_index wire;
  bool opened;
  bool dropped;
  bool blocked; /* the network takes nothing */
};

void conf_stage_init(struct conf_stage* stage);
/* Up to the client's request, which is in `sent`. */
void conf_stage_start(struct conf_stage* stage);
/* Both, and answers it: the stream is open, `sent` is empty. */
void conf_stage_open(struct conf_stage* stage);
/* One read of the client; nothing if it has gone. */
void conf_stage_feed(struct conf_stage* stage, struct gcn__span bytes);
void conf_stage_frame(struct conf_stage* stage, unsigned char first,
                      struct gcn__span payload);
/* Lets time pass and the client do what is due. */
void conf_stage_wait(struct conf_stage* stage, uint64_t delay_ms);
/* The server's end of the connection is gone. */
void conf_stage_cut(struct conf_stage* stage);
const struct gcn__failure* conf_stage_failure(const struct conf_stage* stage);
/* Asserts that what was allocated is free again. */
void conf_stage_deinit(struct conf_stage* stage);

#endif
