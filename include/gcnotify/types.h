/* SPDX-License-Identifier: MIT */
/*
 * Limits, names, records and callbacks.  Include gcnotify.h, which has the
 * conventions that hold for all of them.
 */
#ifndef GCNOTIFY_TYPES_H
#define GCNOTIFY_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define GCN_EXTERN
#else
#define GCN_EXTERN __attribute__((visibility("default")))
#endif

/* uv.h is not needed to compile against this header, and may come before or
 * after it. */
typedef struct uv_loop_s uv_loop_t;

/* --- limits --------------------------------------------------------------- */

/* Bytes of a topic's name ("below 200", as the service's own web client has
 * it). */
#define GCN_TOPIC_SIZE_MAX 199

/* Names that one channel holds (documented by the service; topics that share a
 * prefix share a name), connections of a client (20 channels of a client id,
 * less one to rotate and one for somebody else), and topics of a client. */
#define GCN_CONNECTION_NAMES_MAX 1000
#define GCN_CONNECTION_COUNT_MAX 18
#define GCN_TOPIC_COUNT_MAX 200000

/* Bytes of a subscription of the stream dialect. */
#define GCN_SUBSCRIPTION_SIZE_MAX 1000

/* Credentials that may be offered at once: the present and the next. */
#define GCN_CREDENTIALS_COUNT_MAX 2

/* Bytes of gcn_failure_t.text with its NUL. */
#define GCN_FAILURE_TEXT_SIZE 512

/* --- names ---------------------------------------------------------------- */

/* X(name, value, spoken).  Legal successors are the table in src/DESIGN.md. */
#define GCN_STATE_MAP(X)              \
  X(IDLE, 0, "idle")                  \
  X(CONNECTING, 1, "connecting")      \
  X(AUTHENTICATING, 2, "authenticating") \
  X(SUBSCRIBING, 3, "subscribing")    \
  X(STREAMING, 4, "streaming")        \
  X(BACKING_OFF, 5, "backing off")    \
  X(REFUSED, 6, "refused")            \
  X(CLOSING, 7, "closing")            \
  X(CLOSED, 8, "closed")

typedef enum {
#define GCN_STATE_ENUM(name, value, spoken) GCN_##name = value,
  GCN_STATE_MAP(GCN_STATE_ENUM)
#undef GCN_STATE_ENUM
  GCN_STATE_COUNT
} gcn_state_t;

/* Which layer a failure comes from. */
typedef enum {
  GCN_LAYER_NONE,
  GCN_LAYER_DNS,
  GCN_LAYER_TCP,
  GCN_LAYER_TLS,
  GCN_LAYER_HTTP,
  GCN_LAYER_WS,
  GCN_LAYER_SERVICE, /* a well-formed answer that says no */
  GCN_LAYER_CLIENT,  /* our own deadlines and limits */
  GCN_LAYER_PROXY
} gcn_layer_t;

/* What was being done when it failed. */
typedef enum {
  GCN_OP_NONE,
  GCN_OP_TOKEN,      /* POST /oauth/token */
  GCN_OP_CHANNEL,    /* POST /api/v2/notifications/channels; stream dialect:
                        POST for a subscription token */
  GCN_OP_TOPICS,     /* PUT .../subscriptions; stream: POST of them */
  GCN_OP_UPGRADE,    /* the WebSocket handshake */
  GCN_OP_STREAM,     /* the open WebSocket */
  GCN_OP_AUDIT,      /* GET .../subscriptions: which topics has the channel?
                        stream: the pre-flight, which of them are valid? */
  GCN_OP_ADD,        /* POST .../subscriptions: more topics */
  GCN_OP_UNSUBSCRIBE, /* DELETE .../subscriptions: all topics off */
  GCN_OP_CHECKPOINT  /* loading or saving the checkpoint */
} gcn_op_t;

typedef enum {
  GCN_TOPIC_PENDING,
  GCN_TOPIC_PERMITTED,
  GCN_TOPIC_REJECTED,
  GCN_TOPIC_UNKNOWN /* the service's answer did not mention it */
} gcn_verdict_t;

/* How a token is obtained from the login service (RFC 6749 §4.4 and §6,
 * RFC 7522, RFC 7523).  For any other way: token_cb. */
typedef enum {
  GCN_GRANT_CLIENT_CREDENTIALS,
  GCN_GRANT_REFRESH_TOKEN, /* refresh_token; a new one replaces it */
  GCN_GRANT_SAML2_BEARER,  /* assertion (base64), org_name */
  GCN_GRANT_JWT_BEARER     /* assertion */
} gcn_grant_t;

/* How a wait is drawn from its window; `core/backoff.h` has the formulas. */
typedef enum {
  GCN_JITTER_FULL,
  GCN_JITTER_NONE,
  GCN_JITTER_EQUAL,
  GCN_JITTER_DECORRELATED
} gcn_jitter_t;

/* Which of the service's two ways to stream (PROTOCOL §1 to §5, and §6). */
typedef enum {
  GCN_DIALECT_CHANNELS, /* the public API: channels, topics, no replay */
  GCN_DIALECT_STREAM    /* subscriptions in the upgrade, batches, resume */
} gcn_dialect_t;

/* The descriptions of the stream dialect, which do not agree. */
typedef enum {
  GCN_PRESET_GUIDE,   /* token and subscriptions in the query */
  GCN_PRESET_REST,    /* subscriptions POSTed before the upgrade */
  GCN_PRESET_SDK,     /* subscriptions by topic and filter query */
  GCN_PRESET_MESSAGE, /* Bearer header; subscriptions as the first message */
  GCN_PRESET_TICKET,  /* a subscription token, POSTed for, in the query */
  GCN_PRESET_COUNT
} gcn_preset_t;

typedef enum { GCN_TOKEN_IN_QUERY, GCN_TOKEN_IN_HEADER } gcn_token_in_t;

typedef enum {
  GCN_SUBSCRIPTIONS_IN_QUERY,
  GCN_SUBSCRIPTIONS_IN_MESSAGE,
  GCN_SUBSCRIPTIONS_IN_POST
} gcn_subscriptions_in_t;

/* A subscription in JSON. */
typedef enum {
  GCN_FORM_EVENT, /* {"event","resourceId","filters"} */
  GCN_FORM_TOPIC, /* {"topic","filter":{"query"}} */
  GCN_FORM_NAMED  /* {"name","eventTypes" or "topics","endpoint","scope"} */
} gcn_form_t;

/* When an event counts as handled. */
typedef enum {
  GCN_ACK_AUTO,  /* when its callback has returned */
  GCN_ACK_MANUAL /* by gcn_event_ack */
} gcn_ack_t;

/* What to do when the window has been full for full_ms.  Until then, and with
 * WAIT for ever, reading rests and TCP pushes back. */
typedef enum {
  GCN_FULL_WAIT,
  GCN_FULL_DROP_OLDEST, /* read on; of what waits the oldest goes, told as a
                           gap */
  GCN_FULL_KEEP_LATEST  /* read on; of each topic only the latest waits, told as
                           a gap */
} gcn_full_t;

/* How closely a message is looked at, besides its UTF-8. */
typedef enum {
  GCN_VALIDATE_STRICT, /* the whole message against the JSON grammar */
  GCN_VALIDATE_SHALLOW /* of bodies only strings, and how many brackets open
                          and close, which is where they end: a body that is
                          told need not be JSON */
} gcn_validate_t;

/* How sure it is that events could not come. */
typedef enum {
  GCN_CERTAINTY_BLIND,    /* no stream served the topics */
  GCN_CERTAINTY_POSSIBLE, /* one did, but its topics had changed meanwhile; or
                             it went on where it was asked to, and the service
                             did not say that it could */
  GCN_CERTAINTY_DROPPED   /* they came, and full_ms made us drop them */
} gcn_certainty_t;

typedef enum {
  GCN_LOG_ERROR,
  GCN_LOG_WARN,
  GCN_LOG_INFO,
  GCN_LOG_DEBUG
} gcn_log_level_t;

/* --- records -------------------------------------------------------------- */

typedef struct gcn_client_s gcn_client_t;
typedef struct gcn_hub_s gcn_hub_t;
typedef struct gcn_resolve_s gcn_resolve_t;
typedef struct gcn_connect_s gcn_connect_t;
typedef struct gcn_load_s gcn_load_t;
typedef struct gcn_save_s gcn_save_t;
struct sockaddr;
struct sqlite3;

/* A view of bytes; data is NULL if the thing is absent. */
typedef struct {
  const char* data;
  size_t size;
} gcn_span_t;

/* Why something failed. */
typedef struct {
  int error;           /* 0, UV_E* or GCN_E* */
  gcn_layer_t layer;
  gcn_op_t op;
  int detail;          /* the layer's own number: Mbed TLS error, else 0 */
  int http_status;     /* 0 if there was no answer */
  int close_code;      /* raw WebSocket close code; 0 if there was none */
  int64_t retry_after; /* what the server asked for, ms; -1 if it did not */
  const char* correlation_id; /* ININ-Correlation-Id; "" if there was none */
  const char* text;    /* a sentence, never NULL, never secret */
} gcn_failure_t;

/* One change of state. */
typedef struct {
  gcn_state_t from;
  gcn_state_t to;
  const char* reason;           /* what made it change, a short phrase */
  const gcn_failure_t* failure; /* NULL if nothing failed */
  uint64_t attempt;             /* attempts begun since the client was made */
  uint64_t failures;            /* failed ones since the last proven stream */
  int will_retry;               /* 1: by itself; 0: only if told */
  uint64_t retry_in;            /* BACKING_OFF: how long at least, ms; else 0 */
  unsigned connection_index;    /* 0 but for clients with many topics */
} gcn_transition_t;

/* One event.  All spans view one buffer that is reused after the callback,
 * unless the event is retained. */
typedef struct {
  gcn_span_t topic;          /* "topicName", decoded; stream dialect: "event" */
  gcn_span_t body;           /* "eventBody", raw JSON; stream: "data" */
  gcn_span_t correlation_id; /* "metadata"."CorrelationId"; may be absent */
  gcn_span_t version;        /* topic schema version; may be absent */
  gcn_span_t message;        /* size and start of the whole message; spans above
                                may have been decoded inside it */
  uint64_t sequence;         /* 1, 2, 3, ... per client, over reconnects */
  uint32_t generation;       /* of the channel: grows with every new one */
  uint64_t connection;       /* of the stream: grows with every upgrade */
  int64_t received_unix_ms;  /* wall clock, when its bytes were read */
  uint64_t received_ms;      /* uv_now() of the same moment */
  /* Stream dialect; absent where the service does not say. */
  gcn_span_t id;             /* unique; the key to handle an event once */
  gcn_span_t resource_id;
  gcn_span_t type;           /* "eventType" */
  gcn_span_t timestamp;      /* the service's, ISO 8601 */
  unsigned connection_index; /* which of the client's connections */
  gcn_client_t* client;      /* NULL in a retained event of a closed client */
} gcn_event_t;

/* The service's word on one topic. */
typedef struct {
  gcn_span_t topic; /* as you named it; or one name out of a combined topic */
  gcn_verdict_t verdict;
  gcn_span_t reason;              /* the service's words; may be absent */
  gcn_span_t missing_permissions; /* comma-separated; may be absent */
} gcn_topic_result_t;

/* From when to when events may have been missed.  With the channels dialect the
 * service replays nothing: read the state you need by REST for this interval.
 * A gap since the last run of the program, known from a checkpoint, begins
 * before the loop did: then from_ms is 0. */
typedef struct {
  int64_t from_unix_ms; /* not before */
  int64_t to_unix_ms;   /* not after */
  uint64_t from_ms;     /* the same on the loop's clock */
  uint64_t to_ms;
  const char* cause;    /* what ended the stream, a short phrase */
  gcn_certainty_t certainty;
  unsigned connection_index;
  /* Which topics: those that had been permitted.  NULL with a count above 0 if
   * memory was short; then it concerns all of the client's. */
  const gcn_span_t* topics;
  size_t topic_count;
} gcn_gap_t;

/* A channel was replaced: a successor took over before the old stream ended. */
typedef struct {
  const char* cause;    /* a short phrase */
  int proven;           /* 1: nothing was missed; 0: a gap has been reported */
  uint64_t overlap;     /* ms in which both streams were confirmed */
  uint64_t duplicates;  /* events that came over both; delivered once */
  unsigned connection_index;
} gcn_rotation_t;

/* How the stream dialect is spoken.  Fill with gcn_stream_init, which sets
 * every member as the preset has it, then change what differs.  Strings are
 * copied by gcn_client_new; NULL means "not used". */
typedef struct {
  size_t size;               /* set by gcn_stream_init */
  const char* path;          /* of the upgrade, behind that of api_url */
  gcn_token_in_t token_in;
  const char* token_param;   /* TOKEN_IN_QUERY: its name, "access_token" */
  gcn_subscriptions_in_t subscriptions_in;
  gcn_form_t form;
  const char* subscriptions_param; /* "subscriptions"; also the member's name in
                                      a message or body */
  const char* subscriptions_path;  /* of POST, and with "/ID" of DELETE */
  const char* ticket_path;    /* POST for a subscription token first */
  const char* preflight_path; /* GET: which subscriptions are valid? */
  const char* resume_param;   /* "lastEventId" */
  const char* since_param;    /* "since", if only a time is known */
  const char* batch_param;    /* "maxBatchSize" */
  const char* latency_param;  /* "maxLatency" */
  uint64_t batch_count_max;   /* 100: events of one batch, asked for; 0: not */
  uint64_t latency_ms;        /* 5000: how long a batch may wait, and how often
                                 an idle one comes; 0: not asked for */
  uint64_t url_size_max;      /* 8000: bytes of path and query; subscriptions
                                 beyond it go to more connections */
  int limit_is_4001;          /* 1: close 4001 means a rate limit */
} gcn_stream_t;

/* Where checkpoints are kept, if not in a file of the library's.  All calls
 * come from the loop's thread, one request at a time. */
typedef struct {
  size_t size; /* sizeof(gcn_store_t) */
  void* data;
  /* `generation` 0: what was saved last, 1: what was saved before it.  Return 0
   * and call gcn_load_done once, at once or later; or an error. */
  int (*load)(void* data, unsigned generation, gcn_load_t* request);
  /* Store `bytes`, which hold capabilities: keep them from others.  Return 0
   * and call gcn_save_done once, when they would survive a power cut; or an
   * error.  `bytes` and `sequences` stay valid until then.  `sequences` are the
   * events that become acknowledged with it. */
  int (*save)(void* data, const void* bytes, size_t bytes_size,
              const uint64_t* sequences, size_t sequence_count,
              gcn_save_t* request);
  void (*close)(void* data); /* the last call; may be NULL */
} gcn_store_t;

/* What a token is asked for with.  NULL where it does not apply, or stays. */
typedef struct {
  const char* client_id;
  const char* client_secret;
  const char* refresh_token;
  const char* assertion;
} gcn_credentials_t;

/* What gcn_plan says of one topic. */
typedef struct {
  int error; /* 0, UV_EINVAL (no topic's name), UV_EEXIST (named before),
                GCN_ELIMIT (no room) */
  unsigned connection_index;
  char name[GCN_TOPIC_SIZE_MAX + 1]; /* that it is subscribed by */
} gcn_plan_entry_t;

typedef struct {
  unsigned connections;
  size_t topics; /* that have a place */
  size_t names;  /* that are subscribed, over all connections */
} gcn_plan_t;

/* Counters since the client was made, and present values.  Totals of one moment
 * need not agree with each other. */
typedef struct {
  size_t size; /* set by the caller: sizeof(gcn_stats_t) */
  uint64_t events;
  uint64_t event_bytes; /* of whole messages */
  uint64_t heartbeats;
  uint64_t notices;     /* system messages */
  uint64_t garbage;     /* messages of no known form */
  uint64_t received_bytes; /* from the network, TLS included */
  uint64_t sent_bytes;
  uint64_t attempts;
  uint64_t streams;     /* attempts that reached STREAMING */
  uint64_t failures;    /* failed attempts and broken streams */
  uint64_t gaps;
  uint64_t gap_ms;
  uint64_t token_requests;
  uint64_t channel_requests;
  uint64_t topic_requests;
  uint64_t upgrades;
  uint64_t limited;     /* answers that asked to slow down */
  uint64_t nevers;      /* internal errors survived; report them */
  uint64_t topics;
  uint64_t topics_rejected;
  gcn_state_t state;
  uint64_t state_age;   /* ms since the last change of state */
  uint64_t last_event_age; /* ms since the last event; UINT64_MAX if none */
  uint64_t last_frame_age; /* ms since the last sign of life of the stream */
  uint64_t last_outage; /* ms from the last loss to the next confirmation */
  uint64_t connections; /* that serve topics */
  uint64_t reused;      /* streams over a channel that had its topics */
  uint64_t rotations;   /* successors that took over, proven */
  uint64_t rotations_unproven;
  uint64_t duplicates;  /* events of overlaps that came twice, dropped once */
  uint64_t audits;
  uint64_t drifts;      /* audits that found topics missing */
  uint64_t renewals;    /* of the token in the background */
  uint64_t token_life;  /* ms until the token ends; 0: none is held */
  uint64_t tls_full;    /* handshakes */
  uint64_t tls_resumed;
  uint64_t sleeps;      /* times that the machine was found to have slept */
  uint64_t batches;     /* messages with events, stream dialect */
  uint64_t resumed;     /* streams that went on at a position */
  uint64_t resumes_lost; /* ... that the service no longer had */
  uint64_t preflights;
  uint64_t repeated;    /* events that came again with a known id, dropped */
  uint64_t in_flight;   /* events given out, or waiting, not acknowledged */
  uint64_t in_flight_size; /* their bytes */
  uint64_t acked;       /* events acknowledged; with a checkpoint: on disk */
  uint64_t dropped;     /* events dropped by GCN_FULL_* */
  uint64_t full_age;    /* ms since the window became full; 0: it is not */
  uint64_t saves;       /* of the checkpoint */
  uint64_t saves_failed;
  uint64_t save_age;    /* ms since the last good one; UINT64_MAX: none */
  uint64_t spares;      /* connections kept warm, with spare_ms */
  uint64_t spares_used; /* ... that attempts made use of */
  uint64_t spares_lost; /* ... that ended, did not come up, or were dead */
} gcn_stats_t;

/* --- callbacks ------------------------------------------------------------ */
/* `client` first, then data.  Your pointer: gcn_client_data(client). */

typedef void (*gcn_event_cb)(gcn_client_t* client, const gcn_event_t* event);
/* Up to batch_count_max events and batch_size_max bytes (a single event may be
 * larger), in order, at the latest when the loop's turn ends and before any
 * other callback. */
typedef void (*gcn_batch_cb)(gcn_client_t* client, const gcn_event_t* events,
                             size_t count);
/* Every event numbered up to `sequence` is acknowledged, and with a checkpoint
 * that is on disk: a restart will not deliver them again. */
typedef void (*gcn_durable_cb)(gcn_client_t* client, uint64_t sequence);
/* What makes the event unique: write up to `size` bytes to `id` and return how
 * many; 0: the library's own way (the id, or topic, correlation id and body).
 * Must not call functions of this client. */
typedef size_t (*gcn_id_cb)(void* data, const gcn_event_t* event, char* id,
                            size_t size);
/* Called on a thread of libuv's pool, inside the transaction that makes the
 * events of `sequences` acknowledged: write what they mean through `db`, and do
 * not begin, commit or roll back.  Return 0, or anything else to roll back; it
 * is tried again with the same events, and maybe more.  Must not call functions
 * of the library. */
typedef int (*gcn_effect_cb)(void* data, struct sqlite3* db,
                             const uint64_t* sequences, size_t count);
/* The checkpoint can't be read or written; `failure` says why.  After a load
 * the client is REFUSED: a stream that began at nothing would look whole.
 * After a save it is tried again, and nothing becomes durable meanwhile. */
typedef void (*gcn_checkpoint_cb)(gcn_client_t* client,
                                  const gcn_failure_t* failure);
/* Not called for the change to CLOSED: that is the close callback. */
typedef void (*gcn_state_cb)(gcn_client_t* client,
                             const gcn_transition_t* transition);
/* Once per topic and whenever its verdict changes; for a combined topic also
 * for each single name in it that was rejected. */
typedef void (*gcn_topic_cb)(gcn_client_t* client,
                             const gcn_topic_result_t* result);
/* When topics are confirmed again after a loss, before the change to STREAMING;
 * or when an audit has put topics again that the channel had lost.  It is the
 * hook for a back-fill: read the state you need by REST for exactly this
 * interval and these topics. */
typedef void (*gcn_gap_cb)(gcn_client_t* client, const gcn_gap_t* gap);
typedef void (*gcn_rotation_cb)(gcn_client_t* client,
                                const gcn_rotation_t* rotation);
/* Credentials are needed for a token request, every time: answer with
 * gcn_credentials_done and this ticket, at once or later, from the loop's
 * thread.  Without an answer the request fails after phase_ms.  `refused`: the
 * login service refused what was given last; it is asked again, slowly. */
typedef void (*gcn_credentials_cb)(gcn_client_t* client, uint64_t ticket,
                                   int refused);
/* A token is needed; gcn_token_done, likewise.  The login service is never
 * asked. */
typedef void (*gcn_token_cb)(gcn_client_t* client, uint64_t ticket,
                             int refused);
/* The login service replaced the refresh token: store it, the last one is of no
 * use any more.  NUL-terminated, secret. */
typedef void (*gcn_refresh_cb)(gcn_client_t* client,
                               const char* refresh_token);
/* Your own choice of a wait after the `failures`-th failure in a row; `delay`
 * is ours.  Never below retry_floor_ms or what the service asked for, nor above
 * retry_after_ms_max.  Must not call functions of this client. */
typedef uint64_t (*gcn_retry_cb)(void* data, uint64_t failures,
                                 uint64_t delay);
/* Resolve `host` to addresses: return 0 and call gcn_resolve_done for `request`
 * once, at once or later, from the loop's thread; or return an error.  After
 * dns_ms nobody waits any more; a late answer is harmless until the client
 * was closed.  Must not call functions of this client. */
typedef int (*gcn_resolve_cb)(void* data, const char* host,
                              gcn_resolve_t* request);
/* Connect to `host` yourself, e.g. through a tunnel of your own: return 0 and
 * call gcn_connect_done likewise; or return an error. */
typedef int (*gcn_connect_cb)(void* data, const char* host, uint16_t port,
                              gcn_connect_t* request);
/* A heartbeat or any other sign of life that is not an event. */
typedef void (*gcn_heartbeat_cb)(gcn_client_t* client);
/* A system message of the service (v2.system.*), also those acted upon. */
typedef void (*gcn_notice_cb)(gcn_client_t* client, const gcn_event_t* notice);
/* One line without a newline.  Called at most about ten times a second per
 * client, then counted.  Must not call functions of this client. */
typedef void (*gcn_log_cb)(void* data, gcn_log_level_t level, const char* line);
typedef void (*gcn_close_cb)(gcn_client_t* client);
/* status: 0, or UV_ECANCELED if the client was closed first. */
typedef void (*gcn_post_cb)(gcn_client_t* client, int status, void* arg);

/* malloc, realloc and free in one; `old_size` is exact.  new_size 0 frees and
 * returns NULL.  Covers the library's own memory; Mbed TLS, wslay, llhttp,
 * jansson and libuv use the process's allocator. */
typedef void* (*gcn_alloc_cb)(void* data, void* ptr, size_t old_size,
                              size_t new_size);

#ifdef __cplusplus
}
#endif

#endif
