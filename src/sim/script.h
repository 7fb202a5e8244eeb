/* SPDX-License-Identifier: MIT */
/*
 * Fault scripts: one rule per line, so that a bug report is a text file.
 *
 *   at 20s for 5s     http.status POST /api/v2/notifications/channels 429
 *   after event 1000  tcp.reset
 *   after subscribe   ws.fragment 3 then ws.coalesce 5 then ws.split 1
 *   on topic v2.bad.* reject 403 "missing permission routing:queue:view"
 *   every 50 events   dup 1
 *   random 0.1%       byte.delay 200ms
 *   at 10s for 540s   tcp.reset then accept.close    # nobody gets through
 *   at 60s            secret.rotate "next" 30s client=client-1
 *   after connect     tcp.mute              # the 101, and never a byte more
 *   every 10m         topic.drift 2 "v2.users.*"     # silently
 *   on connect        batch.form bare times=3   # the same as every 1 connect
 *   at 90s            subscription.delete "routing.queueEvents@q" as=close,http
 *   expect reconnect within 5s          # a failed one is exit code 8
 *   expect retry-after single           # see sim/ledger.h
 *   expect no more-than 0 foreign-evictions per 1d
 *
 * This file parses; sim/service-fault.c acts.  What a script says is data and
 * is never changed after parsing.
 */
#ifndef GCN_SIM_SCRIPT_H
#define GCN_SIM_SCRIPT_H

#include "base/mem.h"
#include "base/span.h"

enum {
  GCN__SCRIPT_TEXT_SIZE = 256,
  GCN__SCRIPT_ACTIONS_MAX = 16, /* in one `then` chain */
  GCN__SCRIPT_RULES_MAX = 1000,
  GCN__SCRIPT_SIZE_MAX = 1 << 20, /* bytes of a script */
};

enum gcn__script_when {
  GCN__WHEN_AT,       /* `at T`, or no trigger: at once */
  GCN__WHEN_AFTER,    /* `after COUNTER N`: once */
  GCN__WHEN_EVERY,    /* `every N COUNTER`s */
  GCN__WHEN_PERIOD,   /* `every T` */
  GCN__WHEN_RANDOM,   /* `random P%` of the events */
  GCN__WHEN_ON_TOPIC, /* `on topic PATTERN` */
  GCN__WHEN_EXPECT,   /* not a trigger: the rule is an expectation */
};

/* What rules count.  The name is what scripts say. */
#define GCN__SCRIPT_COUNTER_MAP(X)                                             \
  X(EVENT, "event")              /* events sent */                             \
  X(SUBSCRIBE, "subscribe")      /* successful subscription changes */         \
  X(CONNECT, "connect")          /* WebSockets opened */                       \
  X(TOKEN, "token")              /* requests for a token */                    \
  X(CHANNEL, "channel")          /* requests for a new channel */              \
  X(REST, "rest")                /* requests to /api/v2 */                     \
  X(REQUEST, "request")          /* requests of any kind */                    \
  X(TOPICS, "topics")            /* requests to change subscriptions */        \
  X(AUDIT, "audit")              /* requests that only look at a channel */    \
  X(UPGRADE, "upgrade")          /* requests for a WebSocket */                \
  X(ACCEPT, "accept")            /* TCP connections */                         \
  X(ATTEMPT, "attempt")          /* groups of them that came together */       \
  X(EVICTION, "eviction")        /* channels that the 20 rule took */          \
  X(FOREIGN, "foreign-eviction") /* those of another client instance */        \
  X(BATCH, "batch")              /* batches of the stream dialect */           \
  X(RESUME, "resume")            /* streams that went on where they were */    \
  X(RESUME_LOST, "resume-lost")  /* positions that were not there */           \
  X(PREFLIGHT, "preflight")      /* answered ones */                           \
  X(TICKET, "ticket")            /* subscription tokens given */               \
  X(INVALID_LOOP,                                                              \
    "invalid-loop")         /* upgrades refused once more for the same   \
                                   * subscription */     \
  X(FAST_PING, "fast-ping") /* pings of clients that came too soon */

enum gcn__script_counter {
#define GCN__SCRIPT_COUNTER_ENUM(name, word) GCN__COUNT_##name,
  GCN__SCRIPT_COUNTER_MAP(GCN__SCRIPT_COUNTER_ENUM)
#undef GCN__SCRIPT_COUNTER_ENUM
      GCN__COUNTERS
};

/* Verb, word, arguments; gcn-sim(1) says what each does.  Actions on requests
 * (http.*, ws.handshake) and on connections (accept.*, tls.*) wait for the next
 * one; all others act at once.  Arguments are letters: R method and path, then
 * n number, d duration, s quoted text or word; in brackets: optional. */
#define GCN__SCRIPT_VERB_MAP(X)                                                \
  X(HTTP_STATUS, "http.status", "Rn")                                          \
  X(HTTP_HANG, "http.hang", "R")                                               \
  X(HTTP_SLOW, "http.slow", "Rd")                                              \
  X(HTTP_TRICKLE, "http.trickle", "Rd")                                        \
  X(HTTP_HUGE_HEADER, "http.huge-header", "R[n]")                              \
  X(HTTP_HUGE_BODY, "http.huge-body", "R[n]")                                  \
  X(HTTP_GARBAGE, "http.garbage", "R")                                         \
  X(HTTP_TRUNCATE, "http.truncate", "R")                                       \
  X(HTTP_LOST, "http.lost", "R")                                               \
  X(HTTP_CLOSE, "http.close", "R")                                             \
  X(HTTP_RESET, "http.reset", "R")                                             \
  X(WS_HANDSHAKE, "ws.handshake", "s")                                         \
  X(WS_CLOSE, "ws.close", "[ns]")                                              \
  X(WS_SPLIT, "ws.split", "n")                                                 \
  X(WS_FRAGMENT, "ws.fragment", "n")                                           \
  X(WS_COALESCE, "ws.coalesce", "n")                                           \
  X(WS_SEND, "ws.send", "s")                                                   \
  X(WS_RAW, "ws.raw", "s")                                                     \
  X(WS_BINARY, "ws.binary", "[n]")                                             \
  X(WS_MASKED, "ws.masked", "")                                                \
  X(WS_OVERSIZE, "ws.oversize", "n")                                           \
  X(WS_INVALID_UTF8, "ws.invalid-utf8", "")                                    \
  X(WS_PING, "ws.ping", "[n]")                                                 \
  X(WS_CLOSING, "ws.closing", "[d]")                                           \
  X(WS_STUCK, "ws.stuck", "")                                                  \
  X(WS_TRICKLE, "ws.trickle", "d")                                             \
  X(ACCEPT_CLOSE, "accept.close", "")                                          \
  X(ACCEPT_RESET, "accept.reset", "")                                          \
  X(ACCEPT_HANG, "accept.hang", "")                                            \
  X(TLS_HANG, "tls.hang", "")                                                  \
  X(TLS_TRICKLE, "tls.trickle", "d")                                           \
  X(TCP_RESET, "tcp.reset", "")                                                \
  X(TCP_CLOSE, "tcp.close", "")                                                \
  X(TCP_FREEZE, "tcp.freeze", "")                                              \
  X(TCP_STALL, "tcp.stall", "")                                                \
  X(TCP_MUTE, "tcp.mute", "")                                                  \
  X(HEARTBEAT_STOP, "heartbeat.stop", "")                                      \
  X(HEARTBEAT_START, "heartbeat.start", "")                                    \
  X(PONG_STOP, "pong.stop", "")                                                \
  X(PONG_START, "pong.start", "")                                              \
  X(EVENT_STOP, "event.stop", "")                                              \
  X(EVENT_START, "event.start", "")                                            \
  X(EVENT_BURST, "event.burst", "n")                                           \
  X(EVENT_DROP, "event.drop", "[n]")                                           \
  X(TOKEN_EXPIRE, "token.expire", "")                                          \
  X(TOKEN_REVOKE, "token.revoke", "")                                          \
  X(TOKEN_REVOKE_OLD, "token.revoke-old", "")                                  \
  X(TOKEN_LIFE, "token.life", "d")                                             \
  X(SECRET_ROTATE, "secret.rotate", "s[d]")                                    \
  X(REFRESH_REVOKE, "refresh.revoke", "")                                      \
  X(CHANNEL_EXPIRE, "channel.expire", "")                                      \
  X(CHANNEL_EVICT, "channel.evict", "")                                        \
  X(CHANNEL_KEEP, "channel.keep", "")                                          \
  X(CHANNEL_CLOSING, "channel.closing", "[d]")                                 \
  X(CHANNEL_LIFE, "channel.life", "d")                                         \
  X(LIMIT_REST, "limit.rest", "n")                                             \
  X(LIMIT_BODY, "limit.body", "n")                                             \
  X(LIMIT_CHANNELS, "limit.channels", "n")                                     \
  X(LIMIT_TOPICS, "limit.topics", "n")                                         \
  X(TOPIC_REJECT, "reject", "ns")                                              \
  X(TOPIC_LOSE, "topic.lose", "s")                                             \
  X(TOPIC_DRIFT, "topic.drift", "n[s]")                                        \
  X(DUP, "dup", "n")                                                           \
  X(BYTE_DELAY, "byte.delay", "d")                                             \
  X(STREAM_CLOSE, "stream.close", "n[s]")                                      \
  X(SUBSCRIPTION_DELETE, "subscription.delete", "s")                           \
  X(SUBSCRIPTION_RESTORE, "subscription.restore", "s")                         \
  X(IP_BLOCK, "ip.block", "d")                                                 \
  X(RATE_LIMIT, "rate.limit", "n")                                             \
  X(SCOPE_MISSING, "scope.missing", "s")                                       \
  X(LICENCE_MISSING, "licence.missing", "s")                                   \
  X(RESUME_LOST, "resume.lost", "")                                            \
  X(BATCH_FORM, "batch.form", "s")                                             \
  X(BATCH_NO_ID, "batch.no-id", "")                                            \
  X(BATCH_REPEAT, "batch.repeat", "n")                                         \
  X(PING_STOP, "ping.stop", "")                                                \
  X(PING_START, "ping.start", "")                                              \
  X(PING_TOO_FAST, "ping.too-fast", "d")                                       \
  X(DRAIN, "drain", "[d]")                                                     \
  X(ERROR_MESSAGE, "error.message", "s")                                       \
  X(WAIT, "wait", "d")

enum gcn__script_verb {
#define GCN__SCRIPT_VERB_ENUM(name, word, args) GCN__DO_##name,
  GCN__SCRIPT_VERB_MAP(GCN__SCRIPT_VERB_ENUM)
#undef GCN__SCRIPT_VERB_ENUM
      GCN__VERBS
};

enum gcn__script_expect {
  GCN__EXPECT_RECONNECT,   /* a lost WebSocket is replaced within D */
  GCN__EXPECT_CONNECT,     /* the first WebSocket within D of the start */
  GCN__EXPECT_SUBSCRIBE,   /* each new channel gets topics within D */
  GCN__EXPECT_PONG,        /* each ping of ours is answered within D */
  GCN__EXPECT_NO_MORE,     /* at most N calls of a kind in any D */
  GCN__EXPECT_RETRY_AFTER, /* nobody calls before a Retry-After has passed */
  GCN__EXPECT_SINGLE,      /* and then only one does */
};

/* Strings are NUL-terminated and belong to the script; NULL where the line
 * says nothing. */
struct gcn__script_action {
  enum gcn__script_verb verb;
  const char* method; /* "*" matches all */
  const char* path;   /* a pattern */
  const char* text;
  const char* header; /* "Name: value" */
  const char* body;
  const char* client; /* an OAuth client's id */
  const char* as;     /* a variant of the verb: words, commas between */
  uint64_t number;
  bool numbered; /* the optional number was given */
  uint64_t delay_ms;
  bool delayed;           /* the optional duration was given */
  uint64_t retry_after_s; /* 0: none */
  bool retry_after_date;  /* it is told as a moment, not as a number */
  uint64_t times;         /* 0: not given */
};

struct gcn__script_rule {
  unsigned line;
  enum gcn__script_when when;
  uint64_t at_ms;  /* AT: since the start; PERIOD: its length */
  uint64_t for_ms; /* 0: not given */
  enum gcn__script_counter counter;
  uint64_t count;
  uint64_t ppm;        /* RANDOM: parts per million */
  const char* pattern; /* ON_TOPIC */
  enum gcn__script_expect expect;
  uint64_t within_ms;
  size_t action_count; /* 0 for an expectation */
  struct gcn__script_action actions[GCN__SCRIPT_ACTIONS_MAX];
};

struct gcn__script;

/* `name` is what error texts call the script, as in "NAME:3: ...".
 * 0, GCN__EINVAL (text says where and why, naming the offending word),
 * GCN__ENOMEM. */
int gcn__script_parse(const struct gcn__mem* mem, struct gcn__span text,
                      const char* name, struct gcn__script** script,
                      char error[GCN__SCRIPT_TEXT_SIZE]);
void gcn__script_free(struct gcn__script* script);          /* NULL is fine */
size_t gcn__script_count(const struct gcn__script* script); /* NULL: 0 */
const struct gcn__script_rule*
gcn__script_rule(const struct gcn__script* script, size_t index);
/* The words of the language, as scripts say them. */
const char* gcn__script_verb_word(enum gcn__script_verb verb);
const char* gcn__script_counter_word(enum gcn__script_counter counter);
/* The forms of batches, as batch.form names them; NULL behind the last. */
const char* gcn__script_form_word(unsigned index);
/* Decimal digits, at most 10^15. */
bool gcn__script_number(struct gcn__span text, uint64_t* number);

/* "250ms", "30s", "10m", "24h", "2d"; false if it is not one.  Also used for
 * command-line flags. */
bool gcn__script_duration(struct gcn__span text, uint64_t* duration_ms);
/* True if `text` matches `pattern`, where '*' stands for any bytes; ASCII case
 * is ignored, as the service ignores it in topics. */
bool gcn__script_match(const char* pattern, struct gcn__span text);

#endif
