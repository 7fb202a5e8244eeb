/* SPDX-License-Identifier: MIT */
/*
 * The objects of the simulated service, shared by the service-*.c files.
 *
 * Ownership is a tree: the service owns clients' tokens, channels, topics and
 * connections; a channel owns its subscriptions.  Between a channel and its
 * WebSocket's connection both pointers are set or neither is.
 */
#ifndef GCN_SIM_SERVICE_STATE_H
#define GCN_SIM_SERVICE_STATE_H

#include "base/list.h"
#include "base/rng.h"
#include "codec/http.h"
#include "codec/ws.h"
#include "sim/script.h"
#include "sim/service-out.h"
#include "sim/service.h"
#include "sim/text.h"
#include "sim/topics.h"

enum {
  GCN__SIM_TOKEN_SIZE = 86,
  GCN__SIM_CHANNEL_ID_SIZE = 48, /* with its NUL */
  GCN__SIM_TOKENS_MAX = 4096,    /* remembered; the oldest is forgotten */
  GCN__SIM_TOPICS_MAX = 200000,  /* known to the org */
  GCN__SIM_SCRATCH_SIZE_MAX = 8 << 20,
  GCN__SIM_CLOSE_WAIT_MS = 5000, /* for the peer's Close */
  GCN__SIM_LINE_SIZE = 256,
};

/* A client's secrets: the one in force, and its forerunner for a while. */
struct gcn__sim_login {
  char* secret;      /* NULL: the one of the options */
  char* former;      /* NULL: the one of the options */
  bool rotated;      /* there is a forerunner */
  uint64_t until_ms; /* it is accepted before then */
  uint64_t serial;   /* of the secret in force; counts rotations */
};

/* Good for one access token, unless refresh tokens are kept. */
struct gcn__sim_refresh {
  struct gcn__list link;
  char value[GCN__SIM_TOKEN_SIZE + 1];
  size_t client;
  bool spent;
  bool revoked;
};

struct gcn__sim_token {
  struct gcn__list link;
  char value[GCN__SIM_TOKEN_SIZE + 1];
  size_t client; /* index in the options */
  uint64_t serial;
  uint64_t secret; /* serial of the secret that bought it */
  uint64_t expires_ms;
  bool revoked;
  bool ended;         /* its channels have been told */
  uint64_t window_ms; /* start of the current minute of the rate limit */
  uint64_t window_count;
};

struct gcn__sim_topic {
  struct gcn__sim_topic* next;    /* in its hash bucket */
  struct gcn__list subscriptions; /* struct gcn__sim_subscription.in_topic */
  const struct gcn__sim_template* template; /* NULL: known from the corpus */
  size_t live_index; /* in sim->live; SIZE_MAX: produces no events */
  uint32_t hash;
  char name[]; /* NUL-terminated */
};

/* A channel gets the events of one individual topic. */
struct gcn__sim_subscription {
  struct gcn__list in_topic;
  struct gcn__list in_channel;
  struct gcn__sim_topic* topic;
  struct gcn__sim_channel* channel;
  uint64_t told; /* the last event's number */
};

struct gcn__sim_channel {
  struct gcn__list link;
  char id[GCN__SIM_CHANNEL_ID_SIZE];
  size_t client;
  uint64_t token; /* serial of the creating token */
  uint64_t created_ms;
  uint64_t expires_ms;
  uint64_t doomed_ms; /* it ends then whatever happens; GCN__NEVER */
  size_t instance;    /* of the client, in the ledger */
  uint64_t used;      /* sim->uses at its last use: orders the eviction */
  struct gcn__sim_conn* conn; /* NULL: no WebSocket */
  char** entries; /* subscription ids as asked for, combined ones too */
  size_t entry_count;
  size_t entry_capacity;
  struct gcn__list subscriptions;
  uint64_t subscribe_by_ms; /* an expectation's deadline; GCN__NEVER */
};

/* A way of sending that holds for the next `left` messages. */
struct gcn__sim_mode {
  uint64_t n;
  uint64_t left;
};

struct gcn__sim_conn {
  struct gcn__list link;
  struct gcn__list ready;
  struct gcn__sim* sim;
  void* user;
  uint64_t serial;
  struct gcn__http* http;
  struct gcn__ws* ws;
  struct gcn__sim_out out;
  struct gcn__sim_channel* channel;
  struct gcn__sim_stream* stream; /* of the stream dialect; then no channel */
  size_t instance;                /* of the client, in the ledger */
  bool labelled;                  /* the driver said which */
  enum gcn__sim_verdict verdict;
  bool ending;   /* the verdict is CLOSE once all is out */
  bool hung;     /* a fault: no answer, nothing is read any more */
  bool frozen;   /* a fault: neither sends nor reads */
  bool stalled;  /* a fault: does not read */
  bool stuck;    /* a fault: falls silent within the next message */
  bool tls_hung; /* a fault: for the driver, if it has TLS */
  uint64_t tls_gap_ms;
  bool failed;      /* memory or a limit: reset at the end of the call */
  uint64_t told_ms; /* output due until then is known to the driver */
  bool close_sent;
  bool peer_closed;      /* the client began or answered the close */
  uint64_t close_by_ms;  /* the end of our patience with a Close */
  uint64_t leave_ms;     /* socket_closing was sent: when we close */
  uint64_t heartbeat_ms; /* the next one */
  uint64_t pong_by_ms;   /* an expectation's deadline */
  struct gcn__sim_mode fragment;
  struct gcn__sim_mode split;
  struct gcn__sim_mode coalesce;
  struct gcn__sim_mode dawdle;  /* byte.delay: n is milliseconds */
  struct gcn__sim_mode trickle; /* ws.trickle: the same, between bytes */
};

struct gcn__sim_fault; /* sim/service-fault.h */
struct gcn__sim_ledger;
struct gcn__sim_stream; /* sim/service-stream.h */
struct gcn__sim_streams;

struct gcn__sim {
  struct gcn__sim_options options; /* as scripts have changed them */
  struct gcn__sim_options given;   /* as they were */
  const struct gcn__mem* mem;
  char authority[304];
  struct gcn__rng ids;    /* one generator each, so that a fault does not */
  struct gcn__rng events; /* change the names or the events that follow */
  struct gcn__rng chance;
  struct gcn__list conns;
  struct gcn__list ready;
  struct gcn__list tokens;
  struct gcn__list refreshes; /* the oldest first */
  size_t refresh_count;
  struct gcn__sim_login* logins; /* one for each client of the options */
  struct gcn__list channels;
  struct gcn__sim_topic** buckets;
  size_t bucket_count; /* a power of two, or 0 */
  size_t topic_count;
  struct gcn__sim_topic** live;
  size_t live_count;
  size_t live_capacity;
  struct gcn__sim_text scratch;  /* the answer or message being written */
  struct gcn__sim_text scratch2; /* the event body being written */
  struct gcn__sim_corpus* corpus;
  struct gcn__sim_counters counters;
  uint64_t uses;
  uint64_t conn_serial;
  uint64_t token_serial;
  uint64_t sequence;
  uint64_t flow_start_ms; /* events are counted from here */
  uint64_t flow_count;
  bool heartbeat_stopped;
  bool pong_stopped;
  bool events_stopped;
  bool channels_kept; /* channel.keep: they outlive their tokens */
  struct gcn__sim_fault* fault;
  struct gcn__sim_ledger* ledger;
  struct gcn__sim_streams* streams;
};

/* What a request is about. */
enum gcn__sim_resource {
  GCN__SIM_RESOURCE_OTHER,
  GCN__SIM_RESOURCE_TOKEN,
  GCN__SIM_RESOURCE_SOCKET,
  GCN__SIM_RESOURCE_CHANNELS,
  GCN__SIM_RESOURCE_CHANNEL,
  GCN__SIM_RESOURCE_SUBSCRIPTIONS,
};

/* One request while it is being answered. */
struct gcn__sim_call {
  struct gcn__sim* sim;
  struct gcn__sim_conn* conn;
  uint64_t now_ms;
  struct gcn__span method;
  struct gcn__span path;
  struct gcn__span query; /* absent: none */
  const char* route;      /* for logs and hooks */
  enum gcn__sim_resource resource;
  struct gcn__sim_token* token;
  bool login;      /* on the login host: its error shape */
  unsigned status; /* what was answered; 0: nothing yet */
  uint64_t retry_after_s;
  uint64_t wait_ms;  /* what that means exactly */
  const char* allow; /* for 405 */
  const char* client_id;
  const struct gcn__script_action* action; /* a fault for this request */
};

/* service.c */
void gcn__sim_ready(struct gcn__sim_conn* conn);
void gcn__sim_log(struct gcn__sim* sim, uint64_t now_ms, const char* format,
                  ...) __attribute__((format(printf, 3, 4)));
uint64_t gcn__sim_wall(const struct gcn__sim* sim, uint64_t now_ms);
const char* gcn__sim_client_id(const struct gcn__sim* sim, size_t client);
/* Resets every connection that lost bytes to a limit or to lack of memory. */
void gcn__sim_settle(struct gcn__sim* sim);
/* Reset it; what it has not sent is lost. */
void gcn__sim_reset(struct gcn__sim_conn* conn);
/* Close it in order once all is sent. */
void gcn__sim_end(struct gcn__sim_conn* conn);

/* service-http.c: requests in, answers out. */
void gcn__sim_http_receive(struct gcn__sim_conn* conn, struct gcn__span* in,
                           uint64_t now_ms);
/* Looks for a fault that this request runs into; true if it leaves nothing for
 * the service to do. */
bool gcn__sim_spoil(struct gcn__sim_call* call);
/* When and in which pieces the answer leaves. */
struct gcn__sim_piece gcn__sim_form(const struct gcn__sim_call* call);
/* Answers with a JSON body (absent: none). */
void gcn__sim_reply(struct gcn__sim_call* call, unsigned status,
                    struct gcn__span body);
/* Answers in the REST API's error shape. */
void gcn__sim_reply_error(struct gcn__sim_call* call, unsigned status,
                          const char* code, const char* message);
/* The same with one entry in its list of errors. */
void gcn__sim_reply_listed(struct gcn__sim_call* call, unsigned status,
                           const char* code, const char* message,
                           const char* error);

/* The answer tells its client to wait. */
void gcn__sim_retry_after(struct gcn__sim_call* call, uint64_t delay_s);

/* service-oauth.c */
void gcn__sim_oauth(struct gcn__sim_call* call);
/* Answers in the login host's error shape. */
void gcn__sim_refuse_login(struct gcn__sim_call* call, unsigned status,
                           const char* error, const char* description);
/* A fresh access or refresh token's value. */
void gcn__sim_token_value(struct gcn__rng* rng,
                          char value[GCN__SIM_TOKEN_SIZE + 1]);
/* NULL if memory is short. */
struct gcn__sim_token* gcn__sim_token_issue(struct gcn__sim* sim, size_t client,
                                            uint64_t now_ms);
/* Sets call->token, or answers 401 or 429 and returns false. */
bool gcn__sim_authenticate(struct gcn__sim_call* call);
/* The same for a token that came another way, and without the rate limit. */
bool gcn__sim_admit(struct gcn__sim_call* call, struct gcn__span value);
/* The token of the Authorization header; absent if there is none. */
struct gcn__span gcn__sim_bearer(const struct gcn__sim_call* call);
bool gcn__sim_token_alive(const struct gcn__sim_token* token, uint64_t now_ms);
struct gcn__sim_token* gcn__sim_token_of(struct gcn__sim* sim, uint64_t serial);
void gcn__sim_token_revoke(struct gcn__sim* sim, struct gcn__sim_token* token,
                           uint64_t now_ms);
void gcn__sim_tokens_tick(struct gcn__sim* sim, uint64_t now_ms);
uint64_t gcn__sim_tokens_deadline(const struct gcn__sim* sim);
void gcn__sim_tokens_free(struct gcn__sim* sim);

/* service-grant.c: what a token is given for. */
/* Looks at the body and issues a token to the client, or refuses; `secret` is
 * the serial of the secret that the client has shown. */
void gcn__sim_grant(struct gcn__sim_call* call, size_t client, uint64_t secret);
/* The first refresh token of the options.  0 or GCN__ENOMEM. */
int gcn__sim_grants_new(struct gcn__sim* sim);
void gcn__sim_grants_revoke(struct gcn__sim* sim);
void gcn__sim_grants_free(struct gcn__sim* sim);

/* service-login.c: the clients' secrets. */
enum { GCN__SIM_NO_CLIENT = -1, GCN__SIM_WRONG_SECRET = -2 };

int gcn__sim_logins_new(struct gcn__sim* sim);
void gcn__sim_logins_free(struct gcn__sim* sim);
/* The client that the Basic header names, or one of the above; `serial`
 * becomes that of the secret. */
int gcn__sim_identify(struct gcn__sim_call* call, uint64_t* serial);
/* Tokens that superseded secrets have bought are revoked. */
void gcn__sim_logins_revoke_old(struct gcn__sim* sim, uint64_t now_ms);

/* service-ledger.c */
struct gcn__sim_ledger* gcn__sim_ledger_new(const struct gcn__mem* mem);
void gcn__sim_ledger_free(struct gcn__sim_ledger* ledger);
/* The index of the client instance of that name; 0 if there are too many. */
size_t gcn__sim_ledger_instance(struct gcn__sim* sim, struct gcn__span name);
/* True if the connection begins an attempt. */
bool gcn__sim_ledger_accept(struct gcn__sim_conn* conn, uint64_t now_ms);
void gcn__sim_ledger_request(struct gcn__sim_call* call);
/* An answer told its client to wait before it calls again. */
void gcn__sim_ledger_retry_after(const struct gcn__sim_call* call);
void gcn__sim_ledger_channel(struct gcn__sim* sim, size_t instance);
/* `owner` lost a channel to make room for `taker`. */
void gcn__sim_ledger_evicted(struct gcn__sim* sim, size_t owner, size_t taker);

/* service-rest.c: routing of /api/v2. */
void gcn__sim_rest(struct gcn__sim_call* call);

/* service-channel.c */
struct gcn__sim_channel* gcn__sim_channel_find(struct gcn__sim* sim,
                                               struct gcn__span id);
void gcn__sim_channels_create(struct gcn__sim_call* call);
void gcn__sim_channels_list(struct gcn__sim_call* call);
void gcn__sim_channel_use(struct gcn__sim* sim,
                          struct gcn__sim_channel* channel);
/* Its 24 hours start again. */
void gcn__sim_channel_extend(struct gcn__sim* sim,
                             struct gcn__sim_channel* channel, uint64_t now_ms);
/* Ends the channel: its socket is closed with `reason`, then it is unknown. */
void gcn__sim_channel_end(struct gcn__sim* sim,
                          struct gcn__sim_channel* channel, const char* reason,
                          uint64_t now_ms);
/* Ends the one that the 20 rule would take, for the sake of `taker` (NULL: of
 * nobody); false if there is none. */
bool gcn__sim_channel_evict(struct gcn__sim* sim, size_t client,
                            const struct gcn__sim_conn* taker, uint64_t now_ms);
void gcn__sim_channels_tick(struct gcn__sim* sim, uint64_t now_ms);
uint64_t gcn__sim_channels_deadline(const struct gcn__sim* sim);

/* service-topic.c: who gets the events of which topic. */
/* NULL if memory is short or there are too many. */
struct gcn__sim_topic* gcn__sim_topic_intern(struct gcn__sim* sim,
                                             struct gcn__span name);
struct gcn__sim_topic* gcn__sim_topic_lookup(const struct gcn__sim* sim,
                                             struct gcn__span name);
/* Makes the subscriptions equal to the entries.  Topics that lose their last
 * subscription this way produce no more events; false if memory is short. */
bool gcn__sim_topics_relink(struct gcn__sim* sim,
                            struct gcn__sim_channel* channel, uint64_t now_ms);
/* Takes off what no entry names any more; it goes on happening. */
void gcn__sim_topics_prune(struct gcn__sim_channel* channel,
                           const struct gcn__mem* mem);
/* The channel dies; what it listened to goes on happening. */
void gcn__sim_topics_unlink(struct gcn__sim_channel* channel,
                            const struct gcn__mem* mem);
void gcn__sim_topics_free(struct gcn__sim* sim);

/* service-subs.c: the subscriptions resource. */
void gcn__sim_subs_call(struct gcn__sim_call* call,
                        struct gcn__sim_channel* channel);
/* Why an individual topic is refused: 0 (it is not), 403 with the missing
 * permission, or 400 (no such topic). */
unsigned gcn__sim_topic_refusal(struct gcn__sim* sim, const char* topic,
                                const char** permission);
/* The in-socket forms, PROTOCOL §3.5: 200 or an error status. */
unsigned gcn__sim_subs_add(struct gcn__sim* sim,
                           struct gcn__sim_channel* channel,
                           const struct gcn__span* ids, size_t count,
                           uint64_t now_ms);
unsigned gcn__sim_subs_remove(struct gcn__sim* sim,
                              struct gcn__sim_channel* channel,
                              const struct gcn__span* ids, size_t count,
                              uint64_t now_ms);
/* Takes up to `count` subscriptions that match off the channel, and says
 * nothing; how many there were. */
size_t gcn__sim_subs_drift(struct gcn__sim* sim,
                           struct gcn__sim_channel* channel, uint64_t count,
                           const char* pattern);
void gcn__sim_entries_free(struct gcn__sim* sim,
                           struct gcn__sim_channel* channel);

/* service-ws.c */
void gcn__sim_ws_upgrade(struct gcn__sim_call* call, struct gcn__span id);
/* Why the request does not open a WebSocket; NULL if it does. */
const char* gcn__sim_ws_check(const struct gcn__sim_call* call);
/* Answers 101 unless a fault loses the answer or memory is short: then
 * false. */
bool gcn__sim_ws_accept(struct gcn__sim_call* call);
/* True if it is an open WebSocket, of either dialect. */
bool gcn__sim_ws_is_open(const struct gcn__sim_conn* conn);
bool gcn__sim_ws_can_send(const struct gcn__sim_conn* conn);
void gcn__sim_ws_receive(struct gcn__sim_conn* conn, struct gcn__span* in,
                         uint64_t now_ms);
void gcn__sim_ws_send(struct gcn__sim_conn* conn, enum gcn__ws_opcode opcode,
                      struct gcn__span payload, uint64_t now_ms);
/* Bytes that need not be frames. */
void gcn__sim_ws_send_raw(struct gcn__sim_conn* conn, struct gcn__span bytes,
                          uint64_t now_ms);
void gcn__sim_ws_close(struct gcn__sim_conn* conn, unsigned code,
                       const char* reason, uint64_t now_ms);
/* v2.system.<type>[.<channel>]; `reason` NULL: the short form. */
void gcn__sim_ws_system(struct gcn__sim_conn* conn, const char* type,
                        const char* reason, uint64_t now_ms);
void gcn__sim_ws_tick(struct gcn__sim_conn* conn, uint64_t now_ms);
uint64_t gcn__sim_ws_deadline(const struct gcn__sim_conn* conn);
/* The connection and its channel part. */
void gcn__sim_ws_gone(struct gcn__sim_conn* conn, uint64_t now_ms);

/* service-event.c */
void gcn__sim_events_tick(struct gcn__sim* sim, uint64_t now_ms);
uint64_t gcn__sim_events_deadline(const struct gcn__sim* sim);
/* Restarts the count; called when the first topic begins to produce. */
void gcn__sim_events_start(struct gcn__sim* sim, uint64_t now_ms);
uint64_t gcn__sim_event_produce(struct gcn__sim* sim,
                                struct gcn__sim_topic* topic,
                                struct gcn__span body, uint64_t now_ms);
void gcn__sim_events_burst(struct gcn__sim* sim, uint64_t count,
                           uint64_t now_ms);

/* service-corpus.c */
int gcn__sim_corpus_load(struct gcn__sim* sim);
void gcn__sim_corpus_free(struct gcn__sim* sim);
bool gcn__sim_corpus_knows(const struct gcn__sim* sim, struct gcn__span topic);
/* The next recorded event whose topic is live; false if there is none. */
bool gcn__sim_corpus_next(struct gcn__sim* sim, struct gcn__sim_topic** topic,
                          struct gcn__span* body);

/* generators.c */
void gcn__sim_generate(struct gcn__sim_text* out,
                       const struct gcn__sim_template* template,
                       struct gcn__span topic, struct gcn__rng* rng,
                       uint64_t wall_ms);

#endif
