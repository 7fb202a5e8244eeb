/* SPDX-License-Identifier: MIT */
/*
 * What the engine wants its driver to do, one thing at a time.
 *
 * All views live until the next call of gcn__engine_next.
 */
#ifndef GCN_ENGINE_EFFECT_H
#define GCN_ENGINE_EFFECT_H

#include "base/key.h"
#include "base/span.h"
#include "codec/url.h"
#include "core/fsm.h"
#include "core/gaps.h"
#include "core/planner.h"
#include "core/topics.h"
#include "dialect/dialect.h"

enum {
  /* With the successor and the predecessor of the shard that rotates. */
  GCN__CONN_COUNT_MAX = GCN__SHARD_COUNT_MAX + 2,
};

/* What the driver calls the engine's wires: one to the login host, then two per
 * connection.  The named ones are those of the first connection. */
enum gcn__wire_index {
  GCN__WIRE_LOGIN,
  GCN__WIRE_API,
  GCN__WIRE_STREAM,
  GCN__WIRE_COUNT = 2 + 2 * GCN__CONN_COUNT_MAX
};

/* The last one, of the role STREAM: engine/spare.c. */
#define GCN__WIRE_SPARE ((enum gcn__wire_index)(GCN__WIRE_COUNT - 1))

/* LOGIN, API or STREAM. */
static inline enum gcn__wire_index gcn__wire_role(enum gcn__wire_index wire) {
  if (wire == GCN__WIRE_LOGIN) return GCN__WIRE_LOGIN;
  if (wire == GCN__WIRE_SPARE) return GCN__WIRE_STREAM;
  return wire % 2 == 1 ? GCN__WIRE_API : GCN__WIRE_STREAM;
}

/* In the order of gcn_layer_t. */
enum gcn__layer {
  GCN__LAYER_NONE,
  GCN__LAYER_DNS,
  GCN__LAYER_TCP,
  GCN__LAYER_TLS,
  GCN__LAYER_HTTP,
  GCN__LAYER_WS,
  GCN__LAYER_SERVICE,
  GCN__LAYER_CLIENT,
  GCN__LAYER_PROXY,
};

enum {
  GCN__FAILURE_TEXT_SIZE = 512,
  GCN__CORRELATION_SIZE = 64,
};

struct gcn__failure {
  int error; /* 0: nothing failed */
  enum gcn__layer layer;
  enum gcn__op op;
  int detail;
  int http_status;
  int close_code;
  int64_t retry_after_ms; /* -1: not asked for */
  char correlation_id[GCN__CORRELATION_SIZE];
  char text[GCN__FAILURE_TEXT_SIZE];
};

enum gcn__effect_kind {
  GCN__EFFECT_OPEN, /* open a TCP connection for `wire` to host, port */
  /* Detach the wire's link, if it has not ended meanwhile.  `abort`: reset it;
   * else first write what gcn__engine_output offers, as far as it goes. */
  GCN__EFFECT_DROP,
  GCN__EFFECT_STATE,     /* tell the change of state */
  GCN__EFFECT_EVENT,     /* tell the event */
  GCN__EFFECT_NOTICE,    /* tell the system message */
  GCN__EFFECT_HEARTBEAT, /* tell the sign of life */
  GCN__EFFECT_TOPIC,     /* tell the verdict */
  GCN__EFFECT_GAP,       /* tell the gap */
  GCN__EFFECT_ROTATION,  /* tell that a successor has taken over */
  /* Ask the user for credentials or for a token; answered by
   * gcn__engine_offer or gcn__engine_grant with the same ticket. */
  GCN__EFFECT_ASK,
  GCN__EFFECT_REFRESHED, /* tell the refresh token that replaces the last */
  GCN__EFFECT_MARK, /* the events of the shard so far lie before a position */
  /* The link of GCN__WIRE_SPARE is that of `wire` from now on, which has none.
   * It is given out at once: no fact comes in between. */
  GCN__EFFECT_MOVE,
};

enum gcn__ask_kind {
  GCN__ASK_CREDENTIALS,
  GCN__ASK_TOKEN,
};

struct gcn__event {
  struct gcn__span topic;
  struct gcn__span body;
  struct gcn__span correlation_id;
  struct gcn__span version;
  struct gcn__span message;
  uint64_t sequence;
  uint32_t generation; /* of the channel */
  uint64_t connection; /* of the stream */
  unsigned shard;
  struct gcn__key key; /* what it is known by; none unless keys are wanted */
  /* Stream dialect; else absent. */
  struct gcn__span id;
  struct gcn__span resource_id;
  struct gcn__span type;
  struct gcn__span timestamp;
};

/* Where the service can be asked to go on. */
struct gcn__mark {
  unsigned shard;
  struct gcn__span position;
  bool is_time; /* a moment, not an event's id */
};

struct gcn__transition {
  unsigned shard;
  enum gcn__state from;
  enum gcn__state to;
  enum gcn__input input;
  const struct gcn__failure* failure; /* NULL if nothing failed */
  uint64_t attempt;
  uint64_t failures;
  uint64_t retry_in_ms;
};

struct gcn__topic_result {
  struct gcn__span topic;
  enum gcn__verdict verdict;
  struct gcn__span reason;
  struct gcn__span missing;
};

/* One stream took over from another without an interruption, or nearly. */
struct gcn__rotation {
  unsigned shard;
  enum gcn__input cause;
  bool proven;         /* the handover certificate: nothing was missed */
  uint64_t overlap_ms; /* how long both streams were confirmed */
  uint64_t duplicates; /* events of the overlap that came twice */
};

struct gcn__effect {
  enum gcn__effect_kind kind;
  /* OPEN, DROP, MOVE: which; EVENT, NOTICE, STATE: the stream it is about. */
  enum gcn__wire_index wire;
  union {
    struct {
      const char* host; /* NUL-terminated; a name or an address literal */
      uint16_t port;
    } open;
    bool abort;
    struct gcn__transition transition;
    struct gcn__event event; /* EVENT and NOTICE */
    struct gcn__topic_result topic;
    struct gcn__gap gap;
    struct gcn__rotation rotation;
    struct {
      enum gcn__ask_kind kind;
      uint64_t ticket;
      bool refused; /* the last answer was refused by the login service */
    } ask;
    struct gcn__span refresh_token; /* secret */
    struct gcn__mark mark;
  };
};

#endif
