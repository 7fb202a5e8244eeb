/* SPDX-License-Identifier: MIT */
/*
 * gcnotify: a Genesys Cloud notification stream that never silently stops, on
 * somebody else's libuv loop.
 *
 * CONVENTIONS
 *
 * Errors.   int, 0 or negative.  UV_* codes pass through; ours (GCN_E*) start
 *           at -20000, see gcnotify/errno.h.  A function that returns an error
 *           has changed nothing, and a callback given to it is never called.
 * Threads.  A client belongs to one loop and its thread.  gcn_client_post is
 *           the one function that any thread may call.
 * Calls.    Any function may be called from any callback, close included.  No
 *           function calls back before it returns.  Callbacks run from the loop
 *           only, one at a time per client, never nested.  A function that
 *           returned 0 and took a callback calls it exactly once, with
 *           UV_ECANCELED at the latest before the close callback.
 * Start,    The last of start and stop since the loop last ran wins.  Close
 * stop.     wins over both, for good.
 * Close.    The close callback is the last one.  By then every handle and
 *           request of the client has left the loop; the client is freed when
 *           it returns.  A DNS look-up that already runs cannot be cancelled
 *           and may delay it, by 10 s with glibc's usual settings.
 * Memory.   Pointers given to a callback are valid until it returns.  Strings
 *           given to a function are copied.  Spans are not NUL-terminated
 *           unless said so.
 * Time.     Milliseconds, unless a name says otherwise.
 * The loop. Never run, stopped, walked or closed by the library; loop->data is
 *           left alone; no signal handler, no global state, no thread beyond
 *           libuv's own pool, which serves look-ups.  Handles of a client: one
 *           uv_timer_t, one uv_async_t, one uv_tcp_t per open connection (at
 *           most three: login, API, stream; while addresses race, up to six
 *           more), one uv_poll_t per connection whose peer reads slowly.
 * SIGPIPE.  Never raised by the library, whatever its disposition.
 * Fork.     Create clients after fork.  In a child every function returns
 *           GCN_EFORKED but gcn_client_abandon, and a loop that had a client
 *           must not be used again there, not even to close it.
 * Secrets.  Client secrets, tokens, connectUri and channel ids never reach a
 *           log line, an error text or the statistics.
 * Growth.   Structs carry their size and only ever grow at the end; enums too.
 *           Tolerate values you do not know.
 *
 * PROMISES.  The simulation asserts them in these words.
 *
 * P1   STREAMING is never reported before the desired topics were confirmed on
 *      this very connection.
 * P2   CLOSED only if asked.
 * P3   A wanted client is never without an armed deadline or pending I/O.
 * P4   It never dials after stop, after close, or after a final refusal until
 *      told.
 * P5   Stop and close complete within the close deadline, in every state, and
 *      then nothing of ours is on the loop.
 * P6   No two attempts of one connection are ever alive together; no channel is
 *      created while a usable one is known.
 * P7   Every wait lies between the configured bounds and never below the
 *      server's Retry-After (itself clamped to retry_after_ms_max).
 * P8   Only a proven-stable stream clears the failure count.
 * P9   At most one token request in flight; no request uses a token known to be
 *      rejected or expired.
 * P10  Every event received while subscribed is delivered once to the user in
 *      order per connection, none is invented.
 * P11  Every event the service produced and we did not deliver lies inside a
 *      reported gap, and reported gap time exceeds true blind time by at most
 *      one heartbeat (and by the time for which the host itself, by a pause or
 *      a blocked loop, kept the stream from being read before it was lost).
 * P12  A planned rotation loses nothing or reports a gap.  (Today a rotation
 *      announced by the service reports a gap.)
 * P13  The acknowledged position never moves past an unacknowledged event.
 *      (Today events are acknowledged by the callback's return; there is no
 *      durable position yet.)
 * P14  Memory stays under the configured bound whatever the server sends or the
 *      consumer does.
 * P15  When the world behaves again, a wanted client streams within a bounded
 *      time.
 * P16  No secret appears in any log, error text, stats or panic output.
 */
#ifndef GCNOTIFY_H
#define GCNOTIFY_H

#include <stddef.h>
#include <stdint.h>

#include "gcnotify/errno.h"
#include "gcnotify/version.h"

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
 * it), and topics of a channel (documented by the service). */
#define GCN_TOPIC_SIZE_MAX 199
#define GCN_TOPIC_COUNT_MAX 1000

/* Bytes of gcn_failure_t.text with its NUL. */
#define GCN_FAILURE_TEXT_SIZE 256

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
  GCN_LAYER_CLIENT   /* our own deadlines and limits */
} gcn_layer_t;

/* What was being done when it failed. */
typedef enum {
  GCN_OP_NONE,
  GCN_OP_TOKEN,   /* POST /oauth/token */
  GCN_OP_CHANNEL, /* POST /api/v2/notifications/channels */
  GCN_OP_TOPICS,  /* PUT .../subscriptions */
  GCN_OP_UPGRADE, /* the WebSocket handshake */
  GCN_OP_STREAM   /* the open WebSocket */
} gcn_op_t;

typedef enum {
  GCN_TOPIC_PENDING,
  GCN_TOPIC_PERMITTED,
  GCN_TOPIC_REJECTED,
  GCN_TOPIC_UNKNOWN /* the service's answer did not mention it */
} gcn_verdict_t;

typedef enum {
  GCN_LOG_ERROR,
  GCN_LOG_WARN,
  GCN_LOG_INFO,
  GCN_LOG_DEBUG
} gcn_log_level_t;

/* --- records -------------------------------------------------------------- */

typedef struct gcn_client_s gcn_client_t;

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
  uint64_t retry_in;            /* BACKING_OFF: how long, ms; else 0 */
} gcn_transition_t;

/* One event.  All spans view one buffer that is reused after the callback. */
typedef struct {
  gcn_span_t topic;          /* "topicName", decoded */
  gcn_span_t body;           /* "eventBody", raw JSON */
  gcn_span_t correlation_id; /* "metadata"."CorrelationId"; may be absent */
  gcn_span_t version;        /* topic schema version; may be absent */
  gcn_span_t message;        /* size and start of the whole message; spans above
                                may have been decoded inside it */
  uint64_t sequence;         /* 1, 2, 3, ... per client, over reconnects */
  uint32_t generation;       /* of the channel: grows with every new one */
  uint64_t connection;       /* of the stream: grows with every upgrade */
  int64_t received_unix_ms;  /* wall clock, when its bytes were read */
  uint64_t received_ms;      /* uv_now() of the same moment */
} gcn_event_t;

/* The service's word on one topic. */
typedef struct {
  gcn_span_t topic; /* as you named it; or one name out of a combined topic */
  gcn_verdict_t verdict;
  gcn_span_t reason;              /* the service's words; may be absent */
  gcn_span_t missing_permissions; /* comma-separated; may be absent */
} gcn_topic_result_t;

/* From when to when events may have been missed.  The service replays nothing:
 * read the state you need by REST for this interval. */
typedef struct {
  int64_t from_unix_ms; /* not before */
  int64_t to_unix_ms;   /* not after */
  uint64_t from_ms;     /* the same on the loop's clock */
  uint64_t to_ms;
  const char* cause;    /* what ended the stream, a short phrase */
} gcn_gap_t;

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
} gcn_stats_t;

/* --- callbacks ------------------------------------------------------------ */
/* `client` first, then data.  Your pointer: gcn_client_data(client). */

typedef void (*gcn_event_cb)(gcn_client_t* client, const gcn_event_t* event);
/* Not called for the change to CLOSED: that is the close callback. */
typedef void (*gcn_state_cb)(gcn_client_t* client,
                             const gcn_transition_t* transition);
/* Once per topic and whenever its verdict changes; for a combined topic also
 * for each single name in it that was rejected. */
typedef void (*gcn_topic_cb)(gcn_client_t* client,
                             const gcn_topic_result_t* result);
/* When a stream is confirmed again after a loss, before the change to
 * STREAMING. */
typedef void (*gcn_gap_cb)(gcn_client_t* client, const gcn_gap_t* gap);
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

/* --- options -------------------------------------------------------------- */

/* Zero means the default, unless said otherwise.  Fill with gcn_options_init.
 * Strings are copied by gcn_client_new. */
typedef struct {
  size_t size; /* set by gcn_options_init */

  /* Who and where.  `region` is an AWS region ("eu-central-1",
   * "eu_central_1"), or any API domain ("mypurecloud.de").  The URLs override
   * the hosts that follow from it, e.g. for a gateway or the simulator; then
   * region may be NULL.  Default region: mypurecloud.com. */
  const char* region;
  const char* login_url; /* "https://login.DOMAIN" */
  const char* api_url;   /* "https://api.DOMAIN" */
  const char* client_id;
  const char* client_secret;
  const char* user_agent; /* default "gcnotify/VERSION" */

  /* TLS.  Trust anchors: a PEM text, else a file or directory, else the
   * system's store.  Verification cannot be switched off. */
  const char* ca_pem;
  const char* ca_path;

  /* 1: permit http:// in the URLs above and ws:// for the stream.  For
   * simulators on loopback; refused for any other address. */
  int allow_plaintext;

  gcn_event_cb event_cb;
  gcn_state_cb state_cb;
  gcn_topic_cb topic_cb;
  gcn_gap_cb gap_cb;
  gcn_heartbeat_cb heartbeat_cb;
  gcn_notice_cb notice_cb;
  gcn_log_cb log_cb;
  gcn_log_level_t log_level; /* lines above it are not made; ERROR is 0 */
  void* data;     /* gcn_client_data, and the log callback's data */
  gcn_alloc_cb alloc_cb;
  void* alloc_data;

  /* Deadlines, ms. */
  uint64_t attempt_ms;  /* 60000: one attempt, DNS to confirmed topics */
  uint64_t phase_ms;    /* 10000: one step of it */
  uint64_t close_ms;    /* 2000: the polite goodbye */
  uint64_t probe_ms;    /* 31000: silence before a text ping */
  uint64_t silence_ms;  /* 35000: silence before the stream is condemned; the
                           service's heartbeats come every 30 s */
  uint64_t stable_ms;   /* 30000: streaming this long forgives failures */

  /* Backoff, ms: min(cap, floor + U(0, base * 2^n)). */
  uint64_t retry_base_ms;      /* 1000 */
  uint64_t retry_floor_ms;     /* 250 */
  uint64_t retry_cap_ms;       /* 90000 */
  uint64_t retry_first_ms;     /* 1000: window after a proven stream broke */
  uint64_t retry_after_ms_max; /* 86400000: clamp on the server's wish */

  /* Topics, ms. */
  uint64_t sync_ms;  /* 100: changes within this time go out together */
  uint64_t audit_ms; /* 1800000: the set is put again this often, which also
                        extends the channel's 24 hours */

  /* Limits. */
  uint64_t message_size_max; /* 1048576 bytes, 16 MiB at most */
  uint64_t topic_count_max;  /* 1000, which is also the most */
  uint64_t token_margin_ms;  /* 60000: renew a token with less life left */
  uint64_t latency_ms_max;   /* 2000: one-way delay that gaps allow for */
  uint64_t seed;             /* of jitter; 0: from the system */
} gcn_options_t;

/* Zeroes the options, sets log_level to GCN_LOG_WARN, and notes the size your
 * program was compiled with. */
#define gcn_options_init(options) \
  gcn_options_init_sized((options), sizeof(*(options)))
GCN_EXTERN void gcn_options_init_sized(gcn_options_t* options, size_t size);

/* Checks everything gcn_client_new would refuse, without a loop.
 *
 * Returns: 0, GCN_ECONFIG or UV_EINVAL; `why` (may be NULL, of `why_size`
 *          bytes) then names the field, what is wrong with it, and the remedy.
 * Thread:  any. */
GCN_EXTERN int gcn_options_check(const gcn_options_t* options, char* why,
                                 size_t why_size);

/* --- client --------------------------------------------------------------- */

/* Makes a client on `loop`, stopped.  Loads the trust anchors, once (a few
 * milliseconds for a system's store).
 *
 * Ownership: the client is yours until its close callback returns.
 * Returns:   0; UV_EINVAL (NULL argument); GCN_ECONFIG (an option is not valid,
 *            the log callback is told which); GCN_EUVVERSION; UV_ENOMEM;
 *            UV_EMFILE and others from libuv.  On an error nothing stays on the
 *            loop, though a handle that began to close may need one more turn
 *            of it.
 * Thread:    the loop's. */
GCN_EXTERN int gcn_client_new(gcn_client_t** client, uv_loop_t* loop,
                              const gcn_options_t* options);

/* Wants the stream.  In REFUSED it tries again.  Harmless when already started.
 *
 * Returns: 0, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_start(gcn_client_t* client);

/* Wants no stream.  Leaves politely, within close_ms; the state callback tells
 * IDLE when done.  Topics and credentials are kept.
 *
 * Returns: 0, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_stop(gcn_client_t* client);

/* Leaves politely, within close_ms, and ends the client.  `close_cb` (may be
 * NULL) is its last callback; from the moment of this call no other one comes,
 * but those of pending gcn_client_post calls, with UV_ECANCELED.
 *
 * Returns: 0, GCN_ECLOSING (already closing: this `close_cb` is not called),
 *          GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_close(gcn_client_t* client, gcn_close_cb close_cb);

/* After fork, in the child: frees the client's memory and closes its
 * descriptors' copies without touching the loop, the sockets or TLS; the
 * parent's stream goes on.  In the process that made the client: UV_EINVAL. */
GCN_EXTERN int gcn_client_abandon(gcn_client_t* client);

/* Declares interest in topics, until gcn_client_unsubscribe or close.  The wish
 * survives reconnects.  Changes go out together after sync_ms; verdicts come by
 * the topic callback.  Topics already wanted are passed over.  Names are
 * compared without regard to ASCII case; combined names ("v2.users.ID?presence&
 * routingStatus") count once.
 *
 * Limits:  GCN_TOPIC_SIZE_MAX bytes each, topic_count_max in all.
 * Returns: 0; UV_EINVAL (NULL, empty, or a byte that is not printable ASCII);
 *          GCN_ELIMIT; UV_ENOMEM; GCN_ECLOSING; GCN_EWRONGTHREAD; GCN_EFORKED.
 *          On an error the set is as before.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_subscribe(gcn_client_t* client,
                                    const char* const* topics, size_t count);

/* Ends interest.  Topics that are not wanted are passed over.  Events already
 * on their way may still come.
 *
 * Returns: as gcn_client_subscribe, without GCN_ELIMIT and UV_ENOMEM.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_unsubscribe(gcn_client_t* client,
                                      const char* const* topics, size_t count);

/* New credentials for the next token request.  In REFUSED it tries again.  The
 * old secret is wiped.
 *
 * Returns: 0, UV_EINVAL (NULL, empty, or a control byte), UV_ENOMEM,
 *          GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_set_credentials(gcn_client_t* client,
                                          const char* client_id,
                                          const char* client_secret);

/* Ends a wait in BACKING_OFF or REFUSED at once, for knowledge from outside
 * ("the VPN is up").  Without effect elsewhere.
 *
 * Returns: 0, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_reconnect_now(gcn_client_t* client);

/* Stops and resumes delivery: reading stops, TCP pushes back, nothing is
 * dropped by us.  While paused, silence is not held against the stream; the
 * service may end it.  Counts as one: a second pause needs no second resume.
 *
 * Returns: 0, GCN_ECLOSING, GCN_EWRONGTHREAD, GCN_EFORKED.
 * Thread:  the loop's. */
GCN_EXTERN int gcn_client_pause(gcn_client_t* client);
GCN_EXTERN int gcn_client_resume(gcn_client_t* client);

/* Runs `post_cb` on the loop's thread soon.  Calls run in the order they were
 * posted.
 *
 * Returns:  0, UV_EINVAL, UV_ENOMEM, GCN_ECLOSING, GCN_EFORKED.
 * Callback: exactly once if 0 was returned.
 * Thread:   any.  The caller makes sure that the close callback has not
 *           returned yet. */
GCN_EXTERN int gcn_client_post(gcn_client_t* client, gcn_post_cb post_cb,
                               void* arg);

/* Whether the client, with its present and future handles, keeps uv_run going.
 * It does by default.  A look-up or a connection attempt in progress does in
 * any case, and so does a client that is closing. */
GCN_EXTERN void gcn_client_ref(gcn_client_t* client);
GCN_EXTERN void gcn_client_unref(gcn_client_t* client);

/* Fills what stats->size covers.  Returns 0, UV_EINVAL or GCN_EFORKED. */
GCN_EXTERN int gcn_client_stats(const gcn_client_t* client, gcn_stats_t* stats);
GCN_EXTERN gcn_state_t gcn_client_state(const gcn_client_t* client);
GCN_EXTERN uv_loop_t* gcn_client_loop(const gcn_client_t* client);
GCN_EXTERN void* gcn_client_data(const gcn_client_t* client);
GCN_EXTERN void gcn_client_set_data(gcn_client_t* client, void* data);

/* --- helpers -------------------------------------------------------------- */

/* "mypurecloud.de" for "eu-central-1", "eu_central_1" or "mypurecloud.de";
 * NULL if the key is unknown.  `index` walks the table: NULL at its end. */
GCN_EXTERN const char* gcn_region_domain(const char* key);
GCN_EXTERN const char* gcn_region_key(size_t index);

/* Never NULL: "unknown" for values we do not know. */
GCN_EXTERN const char* gcn_state_name(gcn_state_t state);
GCN_EXTERN const char* gcn_verdict_name(gcn_verdict_t verdict);
/* "GCN_EAUTH", "ETIMEDOUT"; the sentence that belongs to it. */
GCN_EXTERN const char* gcn_err_name(int error);
GCN_EXTERN const char* gcn_strerror(int error);
/* Of the library in use: GCN_VERSION_HEX, "0.1.0". */
GCN_EXTERN unsigned gcn_version(void);
GCN_EXTERN const char* gcn_version_string(void);

#ifdef __cplusplus
}
#endif

#endif
