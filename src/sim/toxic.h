/* SPDX-License-Identifier: MIT */
/*
 * What a fault proxy does to the bytes of a connection, and the text that says
 * so.
 *
 * A rule is "DIRECTION KIND [NAME=VALUE]...", for example "down reset at=100".
 * Positions count the bytes of one direction of one connection from 0, as the
 * sender sent them; where pacing begins counts them as they leave.  This knows
 * neither sockets nor a clock; see sim/toxic-flow.h for what comes of rules.
 */
#ifndef GCN_SIM_TOXIC_H
#define GCN_SIM_TOXIC_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum gcn__toxic_kind {
  /* How fast. */
  GCN__TOXIC_LATENCY,    /* delay, jitter */
  GCN__TOXIC_BANDWIDTH,  /* rate: bytes a second */
  GCN__TOXIC_SLICE,      /* size, vary, delay, at: small writes */
  GCN__TOXIC_TRICKLE,    /* delay, at: single bytes */
  GCN__TOXIC_SLOW_CLOSE, /* delay: of the end of the sender's bytes */
  /* Which bytes. */
  GCN__TOXIC_CORRUPT,   /* at, mask: one byte is xored with it */
  GCN__TOXIC_DUPLICATE, /* at, size: these come twice */
  GCN__TOXIC_INJECT,    /* at, hex or text: comes before that byte */
  /* Where it ends.  At byte `at`, but not sooner than `after`. */
  GCN__TOXIC_LIMIT,      /* nobody reads on */
  GCN__TOXIC_BLACKHOLE,  /* read, but swallowed */
  GCN__TOXIC_HALF_CLOSE, /* this direction is shut, the other goes on */
  GCN__TOXIC_CUT,        /* both directions end in order */
  GCN__TOXIC_RESET,      /* both sides get a RST */
};

enum {
  GCN__TOXIC_KINDS = GCN__TOXIC_RESET + 1,
  GCN__TOXICS_MAX = 32,
  GCN__TOXIC_BYTES_MAX = 1024,      /* of one injection */
  GCN__TOXIC_COPY_SIZE_MAX = 65536, /* of one duplicate */
  GCN__TOXIC_RULE_SIZE = 96,
  GCN__TOXIC_MISTAKE_SIZE = 200,
};

struct gcn__toxic {
  enum gcn__toxic_kind kind;
  bool up;         /* from the client to the upstream */
  bool down;       /* from the upstream to the client */
  uint64_t number; /* of the connection, from 1; 0: all of them */
  uint64_t at;
  uint64_t after_ms;
  uint64_t delay_ms;
  uint64_t jitter_ms;
  uint64_t size;
  uint64_t vary;
  uint64_t rate;
  unsigned char mask;
  unsigned char bytes[GCN__TOXIC_BYTES_MAX];
  size_t byte_count;
  char rule[GCN__TOXIC_RULE_SIZE]; /* the text, shortened if need be */
};

struct gcn__toxics {
  struct gcn__toxic items[GCN__TOXICS_MAX];
  size_t count;
};

/* "column 6: ..." and what would be right. */
struct gcn__toxic_mistake {
  size_t column; /* from 1 */
  char text[GCN__TOXIC_MISTAKE_SIZE];
};

/* Reads a rule.  False: `mistake` says where and what; `out` is unspecified. */
bool gcn__toxic_parse(struct gcn__span rule, struct gcn__toxic* out,
                      struct gcn__toxic_mistake* mistake);
/* Reads one more rule into the list; too many are a mistake, too. */
bool gcn__toxics_add(struct gcn__toxics* toxics, struct gcn__span rule,
                     struct gcn__toxic_mistake* mistake);
/* "latency", "half-close" */
const char* gcn__toxic_kind_name(enum gcn__toxic_kind kind);

#endif
