/* SPDX-License-Identifier: MIT */
/*
 * The engine's inside, shared by the files of this directory only.
 *
 *   engine.c     facts in, the order of work, effects out
 *   line.c       a wire in its place: open, drop
 *   conn.c       one connection: inputs, timers, its end
 *   verbs.c      what each verb of the table does with bytes
 *   channel.c    the channel of a connection
 *   shard.c      who serves which topics: gaps, handover, duplicates
 *   keeper.c     the token that all connections share
 *   calls.c      REST calls and the upgrade: begin, send
 *   answer.c     what came back: judge, take what it carries
 *   verdict.c    topics asked for, and the verdicts on them
 *   audit.c      whether the channel still has its topics
 *   inbound.c    reading the wires
 *   failure.c    failure records and their texts
 *   wishes.c     what the user wants, and looking in
 *   wire.c       the bytes of one connection
 */
#ifndef GCN_ENGINE_INTERNAL_H
#define GCN_ENGINE_INTERNAL_H

#include "base/log.h"
#include "codec/envelope.h"
#include "core/dedup.h"
#include "core/combine.h"
#include "core/gaps.h"
#include "core/pace.h"
#include "core/planner.h"
#include "core/session.h"
#include "core/token.h"
#include "core/topics.h"
#include "dialect/channels.h"
#include "engine/engine.h"
#include "engine/wire.h"

enum {
  GCN__EFFECT_RING_SIZE = 64,
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
  bool retried;        /* once over a new connection, RFC 9110 §9.2.2 */
  bool background;     /* while streaming: its failure ends nothing */
  uint64_t generation; /* of the token it was sent with */
  bool paid;           /* CHANNEL: out of the budget */
  uint64_t due_ms;     /* not to be sent before, for pacing */
};

/* A wire with its place: whose it is, what the driver calls it, what it
 * carries. */
struct gcn__line {
  struct gcn__engine* engine;
  struct gcn__conn* conn; /* NULL: the login line */
  enum gcn__wire_index index;
  struct gcn__wire wire;
  struct gcn__call call;
  bool awaited;  /* CONNECTING waits for it */
  bool flushing; /* dropped, last bytes still offered */
};

struct gcn__channel {
  bool known;
  uint32_t generation; /* grows with every channel of the client */
  uint64_t identity;   /* of the client id it was made with */
  uint64_t epoch;      /* of the credentials it was made with */
  uint64_t rotate_ms;  /* when it is due to be replaced */
  uint64_t token;      /* generation of the one it was made with */
  bool complete;       /* its topics were confirmed, ... */
  uint64_t revision;   /* ... those of this revision */
  unsigned streams;    /* over it since its topics were confirmed last */
  unsigned misses;     /* attempts in a row that did not reach its host */
  unsigned failures;   /* of its host in a row, while the API is well */
  char id[GCN__CHANNEL_ID_SIZE_MAX + 1]; /* a capability: never logged */
  char* uri_text;
  struct gcn__url uri;     /* views uri_text */
  struct gcn__proxy proxy; /* on the way to its host */
};

/* What a channel was asked for with: its end is bound to it, whatever is held
 * by the time of the answer. */
struct gcn__backing {
  uint64_t token; /* its generation */
  uint64_t token_ends_ms;
  uint64_t token_life_ms;
  uint64_t identity;
  uint64_t epoch;
};

/* Verdicts still to be told, out of the last answer about topics. */
struct gcn__report {
  struct gcn__json* body; /* NULL: none */
  bool combined;          /* the second pass: names that stand for several */
  bool last;              /* no further part of this sync follows */
  size_t index;           /* of the entry in hand */
  size_t topic;           /* in the search for those that were passed over */
};

/* A sync: what has been asked for, and what comes in the next part. */
struct gcn__sync {
  uint64_t serial;          /* of its answers */
  struct gcn__combine walk; /* where the part in hand begins */
  struct gcn__combine rest; /* where the next one begins */
  bool more;                /* there is a next one */
};

/* One connection: a session of the table with its channel and its lines. */
struct gcn__conn {
  struct gcn__engine* engine;
  unsigned slot;
  unsigned shard;
  unsigned side; /* of an overlap, for the tally of duplicates */
  bool leaving;  /* retired: goes once it is closed */
  bool moves;    /* a successor that has to be replaced itself, ... */
  enum gcn__input move_cause; /* ... because of this */
  struct gcn__session session;
  struct gcn__channel channel;
  struct gcn__line api;
  struct gcn__line stream;
  struct gcn__failure failure; /* of the input in flight */

  bool waits_token; /* the keeper will tell */
  bool confirmed;   /* topics were confirmed on the open stream's channel */
  bool resync;      /* a sync was asked for while one was under way */
  bool wants_audit; /* ... or an audit */
  bool stolen;      /* the service said that topics were taken away */
  bool losing;      /* those that are missing are told, not put again */
  struct gcn__backing backing; /* of the last request for a channel */
  uint64_t used_token; /* generation of the one that was rejected last */
  uint64_t sent_revision;
  uint64_t sent_ms; /* when the last topics request was sent */
  uint64_t told;    /* the revision whose verdicts have all been told */
  struct gcn__sync sync;
  uint64_t known_ms;     /* when the channel was known to have its topics */
  uint64_t whole_ms;     /* when the answer came that confirmed them last */
  uint64_t drift_ms;     /* since when it may have lost some; NEVER */
  bool drift_all;        /* ... any of them, not those the audit missed only */
  uint64_t api_idle_ms;  /* when the kept-alive API link goes, or the call in
                            the background is given up */
  bool short_read;       /* the last read emptied the kernel buffer */
  uint64_t ping_ms;      /* when the last text ping was sent */
  uint64_t answered_ms;  /* ... of those that were answered */
  uint64_t pings;        /* text pings on this stream, less their answers */
  unsigned pongs_missed; /* RFC 6455 pings unanswered in a row */
  uint64_t connection;   /* number of the open stream */
  uint64_t lost_ms;      /* when the last stream was lost */
  uint64_t garbage_run;
  char ws_accept[GCN__WS_ACCEPT_SIZE + 1];
  struct gcn__envelope message; /* of the input in flight */
  struct gcn__span message_text;
  struct gcn__report report;

  unsigned commands; /* a set of gcn__command, not acted on yet */
  enum gcn__input inbox[GCN__INBOX_SIZE];
  unsigned inbox_count;
};

/* One set of topics and who serves it. */
struct gcn__shard {
  struct gcn__conn* primary;
  struct gcn__conn* successor; /* NULL: no rotation is under way */
  struct gcn__gaps gaps;
  uint64_t revision; /* of its topics; grows with every change */
  uint64_t start_ms; /* its first start is not before this */
  bool began;        /* its first channel, which costs no budget, was asked
                        for */
  bool rotate;       /* a rotation is wanted, since ... */
  enum gcn__input rotate_cause;
  uint64_t rotate_ms;      /* ... and not before this */
  uint64_t ask_ms;         /* when the overlap is to be proven, or given up */
  uint64_t overlap_end_ms; /* the predecessor goes then at the latest */
  uint64_t topics_due_ms;  /* when rejected topics are asked for again */
  struct gcn__dedup dedup;
  uint64_t dedup_end_ms;
  uint64_t duplicates; /* of the present overlap */
};

enum gcn__keeper_state {
  GCN__KEEPER_RESTING,
  GCN__KEEPER_ASKING,   /* the user, for credentials or a token */
  GCN__KEEPER_FETCHING, /* from the login service */
};

/* Our own copies; secret but for the id.  Members may be NULL. */
struct gcn__credentials {
  char* id;
  char* secret;
  char* refresh_token;
  char* assertion;
};

/* The token and who waits for it. */
struct gcn__keeper {
  struct gcn__token token;
  struct gcn__line line;
  struct gcn__failure failure;
  enum gcn__keeper_state state;
  uint64_t identity;    /* grows when the client id changes */
  uint64_t epoch;       /* grows with every change of credentials */
  uint64_t token_epoch; /* of those the token was issued for */
  bool superseded;      /* the token is of credentials that were replaced */
  bool refused;         /* for good, until the user says otherwise */
  bool background;      /* nobody waits for what is under way */
  uint64_t renew_ms;    /* when to renew in the background; NEVER */
  uint64_t renew_tries; /* that failed in a row */
  uint64_t give_up_ms;  /* when what is under way has taken too long */
  uint64_t floor_ms;    /* the login service asked not to be asked before */
  uint64_t revoked_ms;  /* when a token was announced to be revoked; 0: never */
  uint64_t ticket;      /* of the last question to the user */
  enum gcn__grant grant;
  char* org_name;
  struct gcn__credentials offers[GCN__OFFER_COUNT_MAX];
  size_t offer_count;
  size_t offer; /* in use */
};

struct gcn__engine {
  struct gcn__mem mem;
  struct gcn__log log;
  struct gcn__settings settings;
  struct gcn__entropy entropy;
  struct gcn__rng rng;
  struct gcn__tls_config* tls;
  const struct gcn__proxy_env* proxies; /* NULL: none */
  char* login_text;
  char* api_text;
  struct gcn__url login;
  struct gcn__url api;
  struct gcn__proxy login_proxy;
  struct gcn__proxy api_proxy;
  char* login_path; /* of the login URL, without a trailing slash */
  char* api_path;   /* of the API URL, likewise */
  char* domain;
  char* user_agent;
  bool plaintext;
  bool asks_credentials;
  bool asks_token;

  uint64_t now_ms;
  enum gcn__desire desire;
  bool paused;
  uint64_t paused_ms;             /* since when, if paused */
  bool drained;                   /* nothing to do until the next fact */
  struct gcn__watch watch;        /* given to every session */
  struct gcn__recorder* recorder; /* NULL: none */
  struct gcn__override override;

  struct gcn__keeper keeper;
  struct gcn__line* login_line; /* the keeper's */
  struct gcn__topics topics;
  struct gcn__planner planner;
  struct gcn__pace* pace; /* shared with other clients, or our own */
  struct gcn__pace own_pace;
  uint64_t pace_key;     /* of the API's host and the client id */
  uint64_t api_floor_ms; /* the API asked not to be asked before */
  uint32_t channel_count;
  uint64_t answer_serial;
  uint64_t connection_count;
  unsigned char salt[16]; /* of the digests that tell duplicates */

  struct gcn__shard shards[GCN__SHARD_COUNT_MAX];
  unsigned shard_end;     /* shards from here on have never been used */
  uint64_t last_start_ms; /* of a shard, for staggering */
  uint64_t replan_ms;     /* a shard could not be opened; NEVER */
  struct gcn__conn* conns[GCN__CONN_COUNT_MAX]; /* NULL: free */
  unsigned conn_end; /* slots from here on are free */

  struct gcn__buf missing; /* joined permissions of the verdict in flight */
  struct gcn__buf scratch; /* requests and frames on their way; secret */
  struct gcn__effect ring[GCN__EFFECT_RING_SIZE];
  unsigned ring_begin;
  unsigned ring_count;

  struct gcn__engine_counters counters;
};

/* engine.c */
struct gcn__effect* gcn__engine_emit(struct gcn__engine* engine,
                                     enum gcn__effect_kind kind);
/* Which proxy, if any, is on the way to a URL: 0, GCN_ECONFIG, GCN__ENOMEM. */
int gcn__engine_choose_proxy(struct gcn__engine* engine,
                             const struct gcn__url* url,
                             struct gcn__proxy* proxy);
/* NULL if no connection has this wire. */
struct gcn__line* gcn__engine_line(const struct gcn__engine* engine,
                                   enum gcn__wire_index index);
/* The next connection from slot `*slot` on, which moves behind it; NULL at the
 * end. */
struct gcn__conn* gcn__engine_conn(const struct gcn__engine* engine,
                                   unsigned* slot);

/* line.c */
void gcn__line_init(struct gcn__line* line, struct gcn__engine* engine,
                    struct gcn__conn* conn, enum gcn__wire_index index);
/* To the host that the line is for. */
void gcn__line_open(struct gcn__line* line);
/* The driver was not asked after all, because the user did not want it for a
 * moment: asks again. */
void gcn__line_reopen(struct gcn__line* line);
const struct gcn__url* gcn__line_url(const struct gcn__line* line);
void gcn__line_drop(struct gcn__line* line, bool abort);
/* The failure record of its owner. */
struct gcn__failure* gcn__line_failure(const struct gcn__line* line);
const char* gcn__line_spoken(const struct gcn__line* line); /* "login host" */

/* conn.c */
/* NULL if there is no memory or no slot. */
struct gcn__conn* gcn__conn_new(struct gcn__engine* engine, unsigned shard);
void gcn__conn_free(struct gcn__conn* conn);
void gcn__conn_post(struct gcn__conn* conn, enum gcn__input input);
/* Feeds the input and does what the table says. */
void gcn__conn_act(struct gcn__conn* conn, enum gcn__input input);
/* Does one thing that waits in it; false if there is none. */
bool gcn__conn_work(struct gcn__conn* conn);
bool gcn__conn_expire(struct gcn__conn* conn);
uint64_t gcn__conn_deadline(const struct gcn__conn* conn);
void gcn__conn_pause(struct gcn__conn* conn, uint64_t rest_ms);
bool gcn__conn_streams(const struct gcn__conn* conn);

/* channel.c */
void gcn__channel_forget(struct gcn__conn* conn);
/* Its host was not reached. */
void gcn__channel_missed(struct gcn__conn* conn);
/* The request for one goes out. */
void gcn__channel_asked(struct gcn__conn* conn);
/* The service made one. */
void gcn__channel_take(struct gcn__conn* conn, const struct gcn__json* body);

/* shard.c */
/* The next shard in use from `*index` on, which moves behind it; NULL at the
 * end. */
struct gcn__shard* gcn__shard_next(const struct gcn__engine* engine,
                                   unsigned* index);
/* After a change of the topics: opens and gives up shards. */
void gcn__shard_replan(struct gcn__engine* engine);
/* Its first attempt may begin when its turn comes. */
void gcn__shard_start(struct gcn__engine* engine, struct gcn__shard* shard);
/* The streams are not wanted any more: nobody takes over from anybody. */
void gcn__shard_stop(struct gcn__engine* engine);
void gcn__shard_init(struct gcn__engine* engine, unsigned index);
void gcn__shard_deinit(struct gcn__shard* shard);
struct gcn__shard* gcn__shard_of(const struct gcn__conn* conn);
/* Whether what this connection does is the shard's own story. */
bool gcn__shard_leads(const struct gcn__conn* conn);
void gcn__shard_rotate(struct gcn__conn* conn, enum gcn__input cause);
/* The stream counts; a gap ends. */
void gcn__shard_confirmed(struct gcn__conn* conn);
/* The stream is lost, with verb LOSE.  A successor that streams takes over. */
void gcn__shard_lost(struct gcn__conn* conn, enum gcn__input cause);
/* After a connection's step was told: a successor on its way takes over from
 * one that is broken, or is given up. */
void gcn__shard_stepped(struct gcn__conn* conn);
/* The stream is about to be opened.  0 or GCN__ENOMEM. */
int gcn__shard_opens(struct gcn__conn* conn);
/* False: the event has been delivered by the other stream. */
bool gcn__shard_first(struct gcn__conn* conn);
/* The attempt begins: whether the channel has to be a new one. */
bool gcn__shard_renews(struct gcn__conn* conn);
/* How long until the next attempt, as far as the user is concerned. */
uint64_t gcn__shard_retry_in(const struct gcn__conn* conn);
void gcn__shard_tell_gap(struct gcn__conn* conn, const struct gcn__gap* gap);
void gcn__shard_resumed(struct gcn__engine* engine);
/* One thing to do about rotations and starts; false if there is none. */
bool gcn__shard_work(struct gcn__engine* engine);
uint64_t gcn__shard_deadline(const struct gcn__engine* engine);

/* keeper.c */
void gcn__keeper_init(struct gcn__engine* engine);
void gcn__keeper_deinit(struct gcn__keeper* keeper);
bool gcn__keeper_usable(const struct gcn__engine* engine);
/* A connection needs a token: told by gcn__conn_token or a failure. */
void gcn__keeper_want(struct gcn__conn* conn);
/* Gets a token by the present credentials, unless the one held is theirs. */
void gcn__keeper_renew(struct gcn__engine* engine);
/* Nothing is wanted any more. */
void gcn__keeper_rest(struct gcn__engine* engine);
void gcn__keeper_answered(struct gcn__engine* engine, struct gcn__json* body);
/* The failure record is filled. */
void gcn__keeper_failed(struct gcn__engine* engine, enum gcn__input input);
bool gcn__keeper_work(struct gcn__engine* engine);
uint64_t gcn__keeper_deadline(const struct gcn__engine* engine);
/* After a change of the client id: budgets belong to it. */
void gcn__engine_repace(struct gcn__engine* engine);
int gcn__keeper_credentials(struct gcn__engine* engine,
                            const struct gcn__offer* offer);
/* The machine slept. */
void gcn__keeper_slept(struct gcn__engine* engine, uint64_t slept_ms);
void gcn__shard_slept(struct gcn__engine* engine, uint64_t slept_ms);
void gcn__conn_slept(struct gcn__conn* conn, uint64_t slept_ms);

/* doubt.c */
/* Bytes come from a read of `size` bytes after a rest that began at
 * `rest_ms` (0: there was none). */
void gcn__doubt_read(struct gcn__conn* conn, size_t size, uint64_t rest_ms);
/* Everything has been read and acted on. */
void gcn__doubt_drained(struct gcn__conn* conn);
/* What is produced from now on is proven by an answer to a ping. */
void gcn__doubt_begin(struct gcn__conn* conn);

/* verbs.c */
void gcn__conn_perform(struct gcn__conn* conn, enum gcn__input input,
                       const struct gcn__step* step);
/* What the channel has lost is known, up to a few seconds. */
bool gcn__conn_sure(const struct gcn__conn* conn);
/* Sends a text ping on the open stream. */
void gcn__conn_probe(struct gcn__conn* conn);
/* CONNECTING: posts LINKED when every awaited line is ready. */
void gcn__conn_ready(struct gcn__conn* conn);
/* The token that was waited for is held. */
void gcn__conn_token(struct gcn__conn* conn);
/* The token that was waited for can't be had; `conn->failure` says why. */
void gcn__conn_no_token(struct gcn__conn* conn, enum gcn__input input);

/* calls.c */
void gcn__call_begin(struct gcn__line* line, enum gcn__op op);
/* The line is READY: sends what waits, if it is due. */
void gcn__call_ready(struct gcn__line* line);
/* The wire broke; the failure record is filled. */
void gcn__call_failed(struct gcn__line* line, enum gcn__input input);
/* The call is over, and its owner learns how. */
void gcn__call_settle(struct gcn__line* line, struct gcn__call call,
                      enum gcn__input input);

/* answer.c */
/* The reader holds a whole answer. */
void gcn__call_answered(struct gcn__line* line);
/* A floor under the next requests to the host. */
void gcn__answer_ask(struct gcn__line* line, uint64_t floor_ms);
/* What the answer carries is not usable. */
void gcn__answer_malformed(struct gcn__conn* conn, int error, enum gcn__op op,
                           const char* why, enum gcn__input input);

/* verdict.c */
/* A sync begins: decides which topics are asked for. */
void gcn__verdict_begin(struct gcn__conn* conn);
/* The body of the sync's part in hand. */
int gcn__verdict_write(struct gcn__conn* conn, struct gcn__buf* body);
/* Takes the document over. */
void gcn__verdict_take(struct gcn__conn* conn, enum gcn__op op,
                       struct gcn__json* body);
/* The next verdict worth telling. */
bool gcn__verdict_next(struct gcn__conn* conn, struct gcn__effect* effect);

/* audit.c */
/* Compares what the service holds with what it should. */
void gcn__audit_take(struct gcn__conn* conn, const struct gcn__json* body);
/* The next topic worth telling that the service took away. */
bool gcn__audit_next(struct gcn__conn* conn, struct gcn__effect* effect);
/* The topics are whole again: a gap may have been. */
void gcn__audit_repaired(struct gcn__conn* conn);

/* inbound.c.  True if something happened: look at inbox and ring again. */
bool gcn__inbound_read(struct gcn__line* line);

/* failure.c */
void gcn__failure_clear(struct gcn__failure* failure);
void gcn__failure_set(struct gcn__failure* failure, int error,
                      enum gcn__layer layer, enum gcn__op op,
                      const char* format, ...)
    __attribute__((format(printf, 5, 6)));
/* What the line was doing took longer than `limit_ms`. */
void gcn__failure_of_timeout(struct gcn__failure* failure,
                             const struct gcn__line* line, uint64_t limit_ms);
/* A timer ended what was being done; says what that was. */
void gcn__failure_of_timer(struct gcn__conn* conn, enum gcn__input input);
/* A wire broke: an error of gcn__wire_peek or gcn__wire_shake. */
void gcn__failure_of_wire(struct gcn__line* line, int error);
/* As an event for the log. */
void gcn__failure_log(const struct gcn__log* log, const char* event,
                      const struct gcn__failure* failure);
const char* gcn__op_spoken(enum gcn__op op);

#endif
