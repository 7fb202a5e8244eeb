/* SPDX-License-Identifier: MIT */
/*
 * The gap ledger: from when to when the client may have missed events.
 *
 * One ledger belongs to one set of topics (a shard), not to a stream: while a
 * channel is replaced two streams serve the same topics.  A gap opens at the
 * last proof of the stream that was lost, less the one-way delay it allows for,
 * and ends when the topics are confirmed on another stream, which may have
 * happened already.  Attempts in between belong to the same gap.
 */
#ifndef GCN_CORE_GAPS_H
#define GCN_CORE_GAPS_H

#include "core/fsm.h"

/* In the order of gcn_certainty_t. */
enum gcn__certainty {
  GCN__CERTAINTY_BLIND,    /* no stream served these topics */
  GCN__CERTAINTY_POSSIBLE, /* a stream did; its topics had changed meanwhile */
};

struct gcn__gap {
  uint64_t from_ms;
  uint64_t to_ms;
  uint64_t before_ms; /* it began so long before from_ms, on no clock of ours */
  enum gcn__input cause; /* what ended the stream */
  enum gcn__certainty certainty;
  unsigned shard; /* of which topics: the ledger's owner says */
  bool firm;      /* told even if the service goes on at a position */
  bool partial;   /* of those the audit missed only, not of all its topics */
};

struct gcn__gaps {
  bool open;
  struct gcn__gap current;
};

/* A stream was lost that is proven until `proof_ms`.  `covered_ms`: since when
 * another confirmed stream has served the same topics, GCN__NEVER if none does.
 * True, and `gap` is set, if a gap is known in full already; without another
 * stream it opens.  While a gap is open the first cause counts. */
bool gcn__gaps_lose(struct gcn__gaps* gaps, uint64_t proof_ms,
                    uint64_t latency_ms, uint64_t covered_ms,
                    enum gcn__input cause, struct gcn__gap* gap);
/* True, and `gap` is set, if one was open. */
bool gcn__gaps_end(struct gcn__gaps* gaps, uint64_t now_ms,
                   struct gcn__gap* gap);

#endif
