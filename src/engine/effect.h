/* SPDX-License-Identifier: MIT */
/*
 * What the engine wants its driver to do, one thing at a time.
 *
 * All views live until the next call of gcn__engine_next.
 */
#ifndef GCN_ENGINE_EFFECT_H
#define GCN_ENGINE_EFFECT_H

#include "base/span.h"
#include "codec/url.h"
#include "core/fsm.h"
#include "core/gaps.h"
#include "core/topics.h"
#include "dialect/dialect.h"

/* The connections a client may have, each with one role. */
enum gcn__wire_index {
  GCN__WIRE_LOGIN,
  GCN__WIRE_API,
  GCN__WIRE_STREAM,
  GCN__WIRE_COUNT
};

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
};

enum {
  GCN__FAILURE_TEXT_SIZE = 256,
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
};

struct gcn__transition {
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

struct gcn__effect {
  enum gcn__effect_kind kind;
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
  };
};

#endif
