/* SPDX-License-Identifier: MIT */
/*
 * A local Genesys Cloud Notification API, without sockets and without a clock.
 *
 * One object is the whole service: login host (/oauth/token), REST API
 * (/api/v2/...) and streaming host (/channels/{id}), all on every connection,
 * so that a driver may put them behind one port or many.  PROTOCOL §1-§5 is
 * what it plays; a fault script (sim/script.h) says where it misbehaves.
 *
 * The same options, the same bytes at the same times give the same bytes back:
 * there is no other input.  It knows nothing of the client's code, so it cannot
 * share the client's mistakes.
 */
#ifndef GCN_SIM_SERVICE_H
#define GCN_SIM_SERVICE_H

#include "base/mem.h"
#include "base/span.h"
#include "base/time.h"

struct gcn__script;
struct gcn__sim;
struct gcn__sim_conn;

/* Made-up credentials of one OAuth client of the simulated org. */
struct gcn__sim_client {
  const char* id;
  const char* secret;
};

/* Topics that match `pattern` ('*' stands for any bytes) need a permission
 * that nobody here has. */
struct gcn__sim_forbidden {
  const char* pattern;
  const char* permission;
};

/* One event, told once per channel that is subscribed to its topic, or once
 * with an absent channel if the topic is wanted but no channel is left that
 * subscribes to it.
 *
 * Events of the stream dialect are told once when they happen (`sent` false,
 * connection 0), and once more for each batch that they are put in (`sent`
 * true).  All views end with the call. */
struct gcn__sim_event {
  uint64_t sequence; /* from 1; the same on every channel */
  uint64_t at_ms;
  struct gcn__span channel;
  struct gcn__span topic;
  struct gcn__span body;    /* raw JSON */
  struct gcn__span message; /* the whole envelope */
  bool sent; /* put on an open WebSocket, where a fault may still hold it back;
              * else nobody sees it */
  bool duplicate; /* a repetition that a fault rule asked for, or of a stream
                   * that was asked to go on behind it */
  /* Of the stream dialect, whose channel is absent, topic "EVENT@RESOURCE",
   * body the data, and message the event as it stands in a batch. */
  bool stream;
  struct gcn__span id;
  uint64_t connection; /* serial number */
};

/* One answered request; a WebSocket upgrade counts as one. */
struct gcn__sim_request {
  uint64_t at_ms;
  uint64_t connection; /* serial number of the TCP connection, from 1 */
  struct gcn__span method;
  const char* route;      /* "/oauth/token", "/channels/{id}": ids left out */
  unsigned status;        /* 0: no answer was given, on purpose */
  const char* client_id;  /* NULL if not known */
  uint64_t retry_after_s; /* 0: none was sent */
};

struct gcn__sim_hooks {
  void* ctx;
  /* Each may be NULL.  None may call the service. */
  void (*event)(void* ctx, const struct gcn__sim_event* event);
  void (*request)(void* ctx, const struct gcn__sim_request* request);
  /* One line per request, socket and fault; never a token, a secret or a
   * channel id. */
  void (*log)(void* ctx, uint64_t now_ms, const char* line);
};

/* Zero means the default everywhere.  What pointers point to must outlive the
 * service. */
struct gcn__sim_options {
  const struct gcn__mem* mem; /* the C library's */
  uint64_t seed;
  uint64_t start_ms; /* the moment of creation; script times count from it */
  uint64_t wall_base_ms; /* wall clock, ms since 1970, at moment 0 */

  const struct gcn__sim_client* clients; /* none: every token call is refused */
  size_t client_count;
  uint64_t token_life_s; /* 86,400; what expires_in says plus one */
  /* A refresh token that any client may use once, at most 86 bytes; NULL: none
   * is accepted. */
  const char* refresh_token;
  bool refresh_kept;     /* refresh tokens are good for ever: no rotation */
  const char* assertion; /* SAML2 and JWT bearer; NULL: any well-formed one */
  const char* org_name;  /* SAML2's orgName; NULL: any */
  uint64_t rest_per_min_max; /* 300 per token; GCN__NEVER: no limit */

  const char* authority;   /* "host:port" for connectUri; may be set later */
  bool insecure;           /* connectUri says ws:// */
  uint64_t heartbeat_ms;   /* 30 s; GCN__NEVER: none */
  uint64_t channel_ttl_ms; /* 24 h */
  size_t channels_max;     /* 20 per client */
  size_t topics_max;       /* 1,000 per channel */
  bool channel_outlives_token; /* else a channel ends with its token */
  uint64_t body_size_max;      /* of topics; more is a 413; 0: no limit */
  /* For the ledger (sim/ledger.h). */
  uint64_t attempt_ms; /* 250: connections within it are one attempt */
  uint64_t crowd_ms;   /* 50: requests within it did not wait for each other */

  /* Events per 1,000 s over all topics together; 0: none but what
   * gcn__sim_emit asks for. */
  uint64_t events_per_ks;
  size_t payload_size;     /* bodies are padded to it; 0: natural sizes */
  struct gcn__span corpus; /* JSON lines to replay instead of generating */
  bool corpus_once;        /* else it starts again at its end */
  bool any_topic;          /* accept topics the catalogue does not know */
  const struct gcn__sim_forbidden* forbidden;
  size_t forbidden_count;

  /* The stream dialect (PROTOCOL §6). */
  uint64_t stream_retention_ms; /* 10 min; older events cannot be resumed at */
  size_t stream_history_max;    /* 200,000 events are kept at most */
  bool stream_lost_goes_on;     /* a lost position: from now on, else 4410 */
  bool stream_tells_resumed;    /* the first batch has "resumed":true */
  size_t stream_repeat;         /* events that a resume sends again */
  uint64_t stream_ping_ms;      /* 30 s; GCN__NEVER: none */
  uint64_t stream_ping_gap_ms;  /* clients may not ping more often; 0: they may
                                 * at will */
  uint64_t stream_slow_ms; /* how far behind they may be; 0: as they like */
  uint64_t stream_ticket_life_s; /* 86,400 */
  unsigned stream_expiry_code;   /* 4001 */
  const char* stream_scopes;     /* granted, with commas between; NULL: all */
  const char* stream_licences;   /* the same: "CX 1,CX 2" */

  size_t backlog_size_max;          /* 16 MiB unsent: the connection is reset */
  const struct gcn__script* script; /* NULL: no faults */
  struct gcn__sim_hooks hooks;
};

struct gcn__sim_counters {
  uint64_t requests;     /* every answered or swallowed HTTP request */
  uint64_t token_calls;  /* on /oauth/token, whatever the answer */
  uint64_t tokens;       /* issued */
  uint64_t rest_calls;   /* on /api/v2 */
  uint64_t rate_limited; /* answered 429 by the limit, not by a fault */
  uint64_t channels;     /* created */
  uint64_t channels_evicted;
  uint64_t channels_live; /* now */
  uint64_t channels_live_max;
  uint64_t subscribes;   /* successful PUT, POST and in-socket subscribes */
  uint64_t sockets;      /* WebSockets opened */
  uint64_t sockets_open; /* now */
  uint64_t events;       /* produced */
  uint64_t events_sent;  /* put on a socket, copies counted */
  uint64_t faults;       /* actions of the script that were taken */
  uint64_t expects_failed;
  uint64_t accepts;          /* TCP connections */
  uint64_t attempts;         /* groups of them */
  uint64_t upgrades;         /* requests for a WebSocket, whatever the answer */
  uint64_t sockets_replaced; /* by another one on their channel */
  uint64_t channels_evicted_foreign; /* for the sake of another instance */
  uint64_t channels_evicted_open;    /* with a WebSocket */
  uint64_t channels_expired;
  uint64_t subscriptions_drifted; /* that topic.drift took */
  uint64_t refreshes;             /* tokens for a refresh token */
  uint64_t refresh_reused;        /* refusals of a spent one */
  uint64_t secrets_refused;       /* wrong or superseded ones */
  /* The stream dialect; its WebSockets and events are counted above too. */
  uint64_t streams;          /* opened */
  uint64_t streams_resumed;  /* at the position asked for */
  uint64_t resumes_lost;     /* the position was not there */
  uint64_t streams_expired;  /* closed with their token or ticket */
  uint64_t streams_slow;     /* closed because of a slow consumer */
  uint64_t batches;          /* sent, empty ones too */
  uint64_t batches_empty;    /* heartbeats */
  uint64_t events_repeated;  /* sent again on purpose */
  uint64_t preflights;       /* answered */
  uint64_t tickets;          /* issued */
  uint64_t upgrades_blocked; /* refused by ip.block */
  uint64_t invalid_loops;    /* upgrades refused for the same subscription
                                * as the one before */
  uint64_t pings_too_fast;
  uint64_t unsent_max; /* the largest backlog of a stream, in bytes */
};

/* NULL if memory is short. */
struct gcn__sim* gcn__sim_new(const struct gcn__sim_options* options);
/* Frees its connections too.  NULL is fine. */
void gcn__sim_free(struct gcn__sim* sim);
/* Copied; at most 300 bytes, longer ones are cut. */
void gcn__sim_set_authority(struct gcn__sim* sim, const char* authority);
/* The number of the corpus's first unusable line, from 1; 0 if all are good. */
size_t gcn__sim_corpus_error(const struct gcn__sim* sim);
void gcn__sim_counters(const struct gcn__sim* sim,
                       struct gcn__sim_counters* counters);

/* When tick wants to be called at the latest; GCN__NEVER if time changes
 * nothing. */
uint64_t gcn__sim_deadline(const struct gcn__sim* sim);
/* Does all that is due.  Early and repeated calls are harmless. */
void gcn__sim_tick(struct gcn__sim* sim, uint64_t now_ms);

/* A TCP connection came.  `user` is for the driver.  NULL if memory is short.
 */
struct gcn__sim_conn* gcn__sim_accept(struct gcn__sim* sim, void* user,
                                      uint64_t now_ms);
/* Which client instance it is of; else its User-Agent says.  Copied. */
void gcn__sim_label(struct gcn__sim_conn* conn, const char* name);
/* Plain bytes from the peer; all are taken. */
void gcn__sim_receive(struct gcn__sim_conn* conn, struct gcn__span bytes,
                      uint64_t now_ms);
/* The peer will send no more. */
void gcn__sim_eof(struct gcn__sim_conn* conn, uint64_t now_ms);
/* The driver's connection is gone, for whatever reason; frees `conn`. */
void gcn__sim_drop(struct gcn__sim_conn* conn, uint64_t now_ms);

enum gcn__sim_verdict {
  GCN__SIM_OPEN,
  GCN__SIM_CLOSE, /* all output is out: close the connection in order */
  GCN__SIM_RESET, /* reset it now, whatever is unsent */
};

/* A connection with something for the driver to do since it was last
 * returned; NULL when there is none.  Call until NULL after each accept,
 * receive, sent, eof, tick, emit and inject: what one connection does may
 * concern others. */
struct gcn__sim_conn* gcn__sim_next_ready(struct gcn__sim* sim);
/* The next piece, to be sent as one write; empty if none is due.  Call again
 * after gcn__sim_sent until empty.  Valid until the next call for `conn`. */
struct gcn__span gcn__sim_output(struct gcn__sim_conn* conn, uint64_t now_ms);
/* `size` bytes of the piece have gone; fewer than all is fine. */
void gcn__sim_sent(struct gcn__sim_conn* conn, size_t size, uint64_t now_ms);
enum gcn__sim_verdict gcn__sim_verdict(const struct gcn__sim_conn* conn);
/* False while a fault wants the peer's sends to pile up: do not read. */
bool gcn__sim_reading(const struct gcn__sim_conn* conn);
/* For a driver with TLS: true if a fault wants the handshake unanswered; the
 * pause between its bytes, 0 if they may go at once. */
bool gcn__sim_tls_hung(const struct gcn__sim_conn* conn);
uint64_t gcn__sim_tls_gap_ms(const struct gcn__sim_conn* conn);
void* gcn__sim_user(const struct gcn__sim_conn* conn);
uint64_t gcn__sim_serial(const struct gcn__sim_conn* conn);

/* Produces one event on `topic` (an individual name) now.  `body` absent: a
 * generated one.  Its sequence number, or 0 if nobody ever subscribed to the
 * topic. */
uint64_t gcn__sim_emit(struct gcn__sim* sim, const char* topic,
                       struct gcn__span body, uint64_t now_ms);
/* The same for the stream dialect: `resource` NULL: none; `type` NULL and
 * `data` absent: generated ones; else `data` is one JSON object. */
uint64_t gcn__sim_stream_emit(struct gcn__sim* sim, const char* event,
                              const char* resource, const char* type,
                              struct gcn__span data, uint64_t now_ms);
/* From now on the client's secret is `secret`; the former one is accepted too,
 * for `overlap_ms`.  Copied.  0, GCN__EINVAL (no such client), GCN__ENOMEM. */
int gcn__sim_rotate_secret(struct gcn__sim* sim, const char* client_id,
                           const char* secret, uint64_t overlap_ms,
                           uint64_t now_ms);
/* Takes one rule of the script language now; a rule without a trigger is an
 * action at once, times count from now.  0, GCN__EINVAL (`text`, of
 * GCN__SCRIPT_TEXT_SIZE bytes or NULL, says why), GCN__ENOMEM. */
int gcn__sim_inject(struct gcn__sim* sim, const char* rule, uint64_t now_ms,
                    char* text);
/* Ends every fault that is under way or waits for its moment or request: from
 * now on the service behaves.  Rules with a trigger stay. */
void gcn__sim_calm(struct gcn__sim* sim);
/* The first expectation that was not met, as one sentence; NULL if none
 * failed. */
const char* gcn__sim_failure(const struct gcn__sim* sim);

enum { GCN__SIM_UUID_SIZE = 36, GCN__SIM_TOPIC_SIZE_MAX = 200 };

/* Every generated event's CorrelationId holds its sequence number.  False if
 * the id is not one of ours. */
bool gcn__sim_sequence(struct gcn__span correlation_id, uint64_t* sequence);
/* The same of an event of the stream dialect: its id, and "sequence" in its
 * data if that was generated. */
bool gcn__sim_stream_sequence(struct gcn__span id, uint64_t* sequence);
/* The inverse; NUL-terminated. */
void gcn__sim_correlation_id(uint64_t sequence,
                             char out[GCN__SIM_UUID_SIZE + 1]);
/* The index-th made-up topic of a seed, all families in turn;
 * NUL-terminated. */
void gcn__sim_topic(uint64_t seed, size_t index,
                    char out[GCN__SIM_TOPIC_SIZE_MAX]);

#endif
