/* SPDX-License-Identifier: MIT */
/*
 * The engine's inside, shared by the files of this directory only.
 *
 *   engine.c     facts in, the order of work, effects out
 *   verbs.c      what each verb of the table does with bytes
 *   calls.c      REST calls and the upgrade: begin, send, judge
 *   inbound.c    reading the wires
 *   failure.c    failure records and their texts
 *   wire.c       the bytes of one connection
 */
#ifndef GCN_ENGINE_INTERNAL_H
#define GCN_ENGINE_INTERNAL_H

#include "base/log.h"
#include "codec/envelope.h"
#include "core/budget.h"
#include "core/session.h"
#include "core/token.h"
#include "core/topics.h"
#include "dialect/channels.h"
#include "engine/engine.h"
#include "engine/wire.h"

enum {
  GCN__EFFECT_RING_SIZE = 16,
  GCN__INBOX_SIZE = 4,
  GCN__API_IDLE_MS = 10000, /* a kept-alive API connection without use */
  GCN__BODY_SIZE_MAX = 1024 * 1024,
  /* An answer lists each single name of combined topics, with reasons. */
  GCN__ANSWER_SIZE_MAX = 4 * 1024 * 1024,
  GCN__TOKEN_ANSWER_SIZE_MAX = 64 * 1024,
  /* A channel whose host fails this often is given up. */
  GCN__CHANNEL_FAILURES_MAX = 3,
  GCN__MESSAGE_KEPT_SIZE = 64 * 1024, /* assembly memory between messages */
};

/* The one request that a wire carries at a time. */
struct gcn__call {
  enum gcn__op op; /* NONE: no call */
  bool sent;
  bool retried;    /* once over a new connection, RFC 9110 §9.2.2 */
  bool background; /* while streaming: its failure ends nothing */
};

struct gcn__channel {
  bool known;
  bool dialled; /* the stream wire was aimed at it */
  uint32_t generation;
  unsigned failures; /* of its host in a row, while the API is well */
  char id[GCN__CHANNEL_ID_SIZE_MAX + 1]; /* a capability: never logged */
  char* uri_text;
  struct gcn__url uri; /* views uri_text */
};

struct gcn__engine {
  struct gcn__mem mem;
  struct gcn__log log;
  struct gcn__settings settings;
  struct gcn__entropy entropy;
  struct gcn__rng rng;
  struct gcn__tls_config* tls;
  char* login_text;
  char* api_text;
  struct gcn__url login;
  struct gcn__url api;
  char* login_path; /* of the login URL, without a trailing slash */
  char* api_path;   /* of the API URL, likewise */
  char* domain;
  char* client_id;
  char* client_secret;
  char* user_agent;
  bool plaintext;

  uint64_t now_ms;
  unsigned commands;
  bool paused;
  bool drained; /* nothing to do until the next fact */

  struct gcn__session session;
  struct gcn__token token;
  struct gcn__topics topics;
  struct gcn__budget channel_budget;
  struct gcn__channel channel;
  struct gcn__wire wires[GCN__WIRE_COUNT];
  struct gcn__call calls[GCN__WIRE_COUNT];
  unsigned awaited; /* CONNECTING: wires not READY yet, one bit each */
  char ws_accept[GCN__WS_ACCEPT_SIZE + 1];
  bool confirmed; /* topics were confirmed on the open stream */
  bool resync;    /* a sync was asked for while one was under way */
  uint64_t sent_revision;
  uint64_t api_idle_ms; /* when the kept-alive API link goes, or the call in
                           the background is given up */
  bool login_refused;   /* for good, until the user says otherwise */
  bool short_read;      /* the last read emptied the kernel buffer */
  uint64_t paused_ms;   /* since when, if paused */
  uint64_t ping_ms;     /* when the last text ping was sent */
  uint64_t pings;       /* sent on this stream, less their answers */
  uint64_t connection;  /* streams opened */
  uint64_t lost_ms;     /* when the last stream was lost */
  uint64_t garbage_run;

  struct gcn__envelope message; /* of the input in flight */
  struct gcn__span message_text;
  struct gcn__failure failure; /* of the input in flight */

  /* Verdicts still to be told, out of the last answer to a topics call. */
  struct gcn__json* answer;
  size_t answer_index;
  size_t answer_topic;
  uint64_t answer_serial;
  uint64_t told;           /* the revision whose verdicts have all been told */
  struct gcn__buf missing; /* joined permissions of the verdict in flight */

  struct gcn__buf scratch; /* requests and frames on their way; secret */

  enum gcn__input inbox[GCN__INBOX_SIZE];
  unsigned inbox_count;
  struct gcn__effect ring[GCN__EFFECT_RING_SIZE];
  unsigned ring_begin;
  unsigned ring_count;
  bool flushing[GCN__WIRE_COUNT]; /* dropped, last bytes still offered */

  struct gcn__engine_counters counters;
};

/* engine.c */
void gcn__engine_post(struct gcn__engine* engine, enum gcn__input input);
struct gcn__effect* gcn__engine_emit(struct gcn__engine* engine,
                                     enum gcn__effect_kind kind);
void gcn__engine_open(struct gcn__engine* engine, enum gcn__wire_index index,
                      const struct gcn__url* url);
void gcn__engine_drop(struct gcn__engine* engine, enum gcn__wire_index index,
                      bool abort);

/* doubt.c */
/* Bytes come from a read of `size` bytes after a rest that began at
 * `rest_ms` (0: there was none). */
void gcn__doubt_read(struct gcn__engine* engine, size_t size, uint64_t rest_ms);
/* Everything has been read and acted on. */
void gcn__doubt_drained(struct gcn__engine* engine);
/* What is produced from now on is proven by an answer to a ping. */
void gcn__doubt_begin(struct gcn__engine* engine);

/* verbs.c */
void gcn__engine_perform(struct gcn__engine* engine, enum gcn__input input,
                         const struct gcn__step* step);
/* Sends a text ping on the open stream. */
void gcn__engine_probe(struct gcn__engine* engine);
/* CONNECTING: posts LINKED when every awaited wire is ready. */
void gcn__engine_ready(struct gcn__engine* engine, enum gcn__wire_index index);

/* calls.c */
void gcn__call_begin(struct gcn__engine* engine, enum gcn__op op);
/* The wire became READY: sends what waits. */
void gcn__call_ready(struct gcn__engine* engine, enum gcn__wire_index index);
/* The reader holds a whole answer. */
void gcn__call_answered(struct gcn__engine* engine, enum gcn__wire_index index);
/* The wire broke; the failure record is filled. */
void gcn__call_failed(struct gcn__engine* engine, enum gcn__wire_index index,
                      enum gcn__input input);

/* inbound.c.  True if something happened: look at inbox and ring again. */
bool gcn__inbound_read(struct gcn__engine* engine, enum gcn__wire_index index);

/* answer.c */
void gcn__answer_token(struct gcn__engine* engine,
                       const struct gcn__json* body);
void gcn__answer_channel(struct gcn__engine* engine,
                         const struct gcn__json* body);
/* Takes the document over. */
void gcn__answer_topics(struct gcn__engine* engine, struct gcn__json* body);
/* The next verdict worth telling. */
bool gcn__answer_next(struct gcn__engine* engine, struct gcn__effect* effect);
void gcn__channel_forget(struct gcn__engine* engine);

/* failure.c */
void gcn__failure_clear(struct gcn__engine* engine);
void gcn__failure_set(struct gcn__engine* engine, int error,
                      enum gcn__layer layer, enum gcn__op op,
                      const char* format, ...)
    __attribute__((format(printf, 5, 6)));
/* What was being done took longer than `limit_ms`; says what that was. */
void gcn__failure_of_timeout(struct gcn__engine* engine, uint64_t limit_ms);
/* A timer ended what was being done; says what that was. */
void gcn__failure_of_timer(struct gcn__engine* engine, enum gcn__input input);
/* A wire broke: an error of gcn__wire_peek or gcn__wire_shake. */
void gcn__failure_of_wire(struct gcn__engine* engine,
                          enum gcn__wire_index index, int error);
const char* gcn__wire_spoken(enum gcn__wire_index index); /* "login host" */
const char* gcn__op_spoken(enum gcn__op op);

#endif
