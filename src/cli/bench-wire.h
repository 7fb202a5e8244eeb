/* SPDX-License-Identifier: MIT */
/*
 * The least a reader can do: decrypt, and count frames by their headers.
 *
 * What the library is measured against.  It knows no socket; it neither checks
 * nor unmasks nor validates anything, because the source is known.
 */
#ifndef GCN_CLI_BENCH_WIRE_H
#define GCN_CLI_BENCH_WIRE_H

#include "base/buf.h"
#include "cli/bench-measure.h"
#include "codec/http.h"
#include "sim/frame-walk.h"
#include "sim/tls.h"

enum { GCN__BENCH_READ_SIZE = 64 * 1024 };

struct gcn__bench_wire {
  const struct gcn__bench_plan* plan;
  struct gcn__bench_meter* meter;
  struct gcn__simtls* tls; /* NULL: plain */
  struct gcn__http* http;  /* until the upgrade is answered */
  struct gcn__buf out;
  struct gcn__frame_walk walk;
  bool asked; /* the upgrade */
  bool open;
  bool counting; /* the frame is an event's */
  bool failed;
};

/* For raw and libuv readers; NULL if the plan is plain.  NULL and `*good` false
 * if it can't be made. */
struct gcn__simtls_config*
gcn__bench_wire_config(const struct gcn__bench_plan* plan, bool* good);

/* `config` NULL: plain.  What is to be sent first is in `out`.  False: memory.
 */
bool gcn__bench_wire_init(struct gcn__bench_wire* wire,
                          const struct gcn__bench_plan* plan,
                          struct gcn__bench_meter* meter,
                          struct gcn__simtls_config* config);
void gcn__bench_wire_deinit(struct gcn__bench_wire* wire);
/* Takes what came; there may be more in `out` then. */
void gcn__bench_wire_take(struct gcn__bench_wire* wire, struct gcn__span bytes);

#endif
