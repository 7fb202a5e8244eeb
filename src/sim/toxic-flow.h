/* SPDX-License-Identifier: MIT */
/*
 * One direction of one connection under the rules of a fault proxy: bytes in,
 * bytes out, each when it may go.
 *
 * It knows neither sockets nor a clock: every call is told the time.  What it
 * holds is bounded; who feeds it reads no more than gcn__toxic_flow_room, which
 * is how a slow side holds up a fast one.  First bytes are changed, then the
 * direction ends, then it is paced, whatever the order of the rules.
 */
#ifndef GCN_SIM_TOXIC_FLOW_H
#define GCN_SIM_TOXIC_FLOW_H

#include "base/buf.h"
#include "base/rng.h"
#include "sim/toxic.h"

enum {
  GCN__TOXIC_WINDOW = 256 * 1024, /* read ahead */
  GCN__TOXIC_PACKETS_MAX = 128,
};

/* What comes behind the last byte. */
enum gcn__toxic_end {
  GCN__TOXIC_GOES_ON,
  GCN__TOXIC_ENDS_FIN,   /* this direction ends in order */
  GCN__TOXIC_ENDS_CUT,   /* so do both */
  GCN__TOXIC_ENDS_RESET, /* both sides get a RST */
  GCN__TOXIC_ENDS_HOLE,  /* nothing, but reading goes on */
  GCN__TOXIC_ENDS_LIMIT, /* nothing, and reading stops */
};

/* Bytes that become due together. */
struct gcn__toxic_packet {
  uint64_t end; /* position behind them, as they leave */
  uint64_t due_ms;
};

struct gcn__toxic_flow {
  const struct gcn__mem* mem;
  const struct gcn__toxics* toxics; /* may get more; none goes */
  size_t count;                     /* of those we know */
  uint32_t mine;                    /* rules for this one, one bit each */
  uint32_t fired;                   /* rules that have had an effect */
  uint32_t done;                    /* injections and copies made */
  bool up;
  uint64_t number;
  /* What the positions of a rule that was added later count from. */
  uint64_t base_in[GCN__TOXICS_MAX];
  uint64_t base_out[GCN__TOXICS_MAX];
  uint64_t base_ms[GCN__TOXICS_MAX];
  struct gcn__buf copies[GCN__TOXICS_MAX];
  struct gcn__buf queue;
  uint64_t in_total;
  uint64_t out_total;
  struct gcn__toxic_packet packets[GCN__TOXIC_PACKETS_MAX];
  size_t packet_begin;
  size_t packet_count;
  enum gcn__toxic_end end;
  uint64_t end_due_ms;
  bool broken; /* nobody takes what comes out */
  int error;   /* GCN__ENOMEM: it fell apart, and ends with a reset */
  /* Pacing. */
  struct gcn__rng rng;
  uint64_t band_us;  /* bandwidth: nothing before */
  uint64_t slice_ms; /* slice: nothing before */
  uint64_t slice_size;
  size_t slice_of; /* the rule that slice_size was drawn for, plus 1 */
};

/* `number` is the connection's, from 1.  Deinit in any case. */
void gcn__toxic_flow_init(struct gcn__toxic_flow* flow,
                          const struct gcn__mem* mem,
                          const struct gcn__toxics* toxics, bool up,
                          uint64_t number);
/* Of jitter and sizes; both directions may have the same.  Before begin. */
void gcn__toxic_flow_seed(struct gcn__toxic_flow* flow, uint64_t seed);
void gcn__toxic_flow_deinit(struct gcn__toxic_flow* flow);

/* The beginning, and whenever rules were added: what is to happen at once. */
void gcn__toxic_flow_begin(struct gcn__toxic_flow* flow, uint64_t now_ms);
/* How much may be read now; 0: stop reading. */
size_t gcn__toxic_flow_room(const struct gcn__toxic_flow* flow);
/* Up to so many bytes. */
void gcn__toxic_flow_take(struct gcn__toxic_flow* flow, struct gcn__span bytes,
                          uint64_t now_ms);
/* The sender ended in order, or by a reset. */
void gcn__toxic_flow_eof(struct gcn__toxic_flow* flow, bool reset,
                         uint64_t now_ms);
/* Nobody takes what comes out any more: drops it all. */
void gcn__toxic_flow_break(struct gcn__toxic_flow* flow);
/* What the time has brought. */
void gcn__toxic_flow_tick(struct gcn__toxic_flow* flow, uint64_t now_ms);

/* What may be written now, by one write; empty: nothing. */
struct gcn__span gcn__toxic_flow_output(struct gcn__toxic_flow* flow,
                                        uint64_t now_ms);
/* So much of it went. */
void gcn__toxic_flow_sent(struct gcn__toxic_flow* flow, size_t size,
                          uint64_t now_ms);
/* True while pieces have to go by writes of their own, one each turn. */
bool gcn__toxic_flow_slices(const struct gcn__toxic_flow* flow);
/* What is to be done now that all bytes have gone; GOES_ON as long as some
 * have not. */
enum gcn__toxic_end gcn__toxic_flow_verdict(const struct gcn__toxic_flow* flow,
                                            uint64_t now_ms);
/* When to tick and ask for output again; GCN__NEVER: bytes decide. */
uint64_t gcn__toxic_flow_deadline(const struct gcn__toxic_flow* flow,
                                  uint64_t now_ms);

#endif
