/* SPDX-License-Identifier: MIT */
/*
 * The engine's objects, shared by the files of this directory only; what they
 * are is said in src/DESIGN.md §2.
 */
#ifndef GCN_ENGINE_OBJECTS_H
#define GCN_ENGINE_OBJECTS_H

#include "base/log.h"
#include "codec/envelope.h"
#include "core/dedup.h"
#include "core/combine.h"
#include "core/gaps.h"
#include "core/pace.h"
#include "core/planner.h"
#include "core/seen.h"
#include "core/session.h"
#include "core/token.h"
#include "core/topics.h"
#include "dialect/channels.h"
#include "dialect/stream.h"
#include "engine/engine.h"
#include "engine/wire.h"

enum {
  /* One shard: what a step of its two connections leads to, which is taken out
   * before the next step, and what the user does meanwhile; 6 at most have been
   * seen.  More shards can be given up at once, with two changes of state to
   * tell of each, which may not fail: so there is room before they open. */
  GCN__EFFECT_RING_SIZE = 16,
  GCN__EFFECT_RING_SIZE_MAX = 64,
  GCN__INBOX_SIZE = 4,
  GCN__API_IDLE_MS = 10000, /* a kept-alive API connection without use */
  GCN__BODY_SIZE_MAX = 1024 * 1024,
  /* An answer lists each single name of combined topics, with reasons. */
  GCN__ANSWER_SIZE_MAX = 4 * 1024 * 1024,
  GCN__TOKEN_ANSWER_SIZE_MAX = 64 * 1024,
  /* A channel whose host fails this often is given up. */
  GCN__CHANNEL_FAILURES_MAX = 3,
  GCN__MESSAGE_KEPT_SIZE = 64 * 1024, /* assembly memory between messages */
  GCN__SEEN_COUNT = 8192, /* events that are known to have been delivered */
  GCN__POSITION_TEXT_MAX = 1024, /* bytes of a position */
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
  struct gcn__conn* conn; /* NULL: the login line, or the spare one */
  enum gcn__wire_index index;
  struct gcn__wire wire; /* what is read often comes first in it */
  struct gcn__call call;
  bool awaited;  /* CONNECTING waits for it */
  bool early;    /* opened by guess; nobody relies on it */
  bool spare;    /* it was kept warm: what dies over it is tried once more */
  bool flushing; /* dropped, last bytes still offered */
};

/* A connection that is kept for the next stream; nothing is sent over it. */
struct gcn__spare {
  struct gcn__line line;
  struct gcn__url url;     /* its host; without a target */
  struct gcn__proxy proxy; /* on the way there */
  bool rises;              /* it is linked, and not up yet */
  bool up;                 /* ... or is, ... */
  uint64_t up_ms;          /* ... since then */
  uint64_t due_ms;         /* when it has to be up, or to go */
  uint64_t next_ms;        /* the next one is not dialled before */
  unsigned misses;         /* in a row that did not last */
};

struct gcn__channel {
  bool known;
  uint32_t generation; /* grows with every channel of the client */
  uint64_t identity;   /* of the client id it was made with */
  uint64_t epoch;      /* of the credentials it was made with */
  uint64_t rotate_ms;  /* when it is due to be replaced */
  uint64_t token;      /* generation of the one it was made with */
  bool untold;       /* taken over from the last run: verdicts are not known */
  bool put;          /* topics were put on it, with whatever end */
  bool complete;     /* its topics were confirmed, ... */
  uint64_t revision; /* ... those of this revision */
  unsigned streams;  /* over it since its topics were confirmed last */
  unsigned misses;   /* attempts in a row that did not reach its host */
  unsigned failures; /* of its host in a row, while the API is well */
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
  bool granted;           /* without a body: what was asked for is permitted */
  bool changed;           /* what is asked for next is not what it was */
  bool combined;          /* the second pass: names that stand for several */
  bool last;              /* no further part of this sync follows */
  size_t index;           /* of the entry in hand */
  size_t topic;           /* in the search for those that were passed over */
};

/* Where the parts of a sync begin. */
struct gcn__parts {
  struct gcn__combine walk; /* the one in hand */
  struct gcn__combine rest; /* the next one */
};

/* A sync: what has been asked for, and what comes in the next part. */
struct gcn__sync {
  uint64_t serial;          /* of its answers */
  struct gcn__parts* parts; /* until it is over; NULL: memory was short */
  bool more;                /* there is a next one */
};

/* A connection of the stream dialect: what it has of its own. */
struct gcn__flow {
  struct gcn__buf text; /* the message in hand */
  struct gcn__batch batch;
  struct gcn__batch_event event; /* the last one taken out of it */
  bool roomy;                    /* the last batch was not full */
  bool reading;                  /* the message has not been told in full */
  uint64_t heard_ms;             /* when its bytes were read */
  bool doubts;          /* a subscription was found invalid: pre-flight first */
  bool checked;         /* this attempt has been through the pre-flight */
  bool posted;          /* the subscriptions, on this attempt */
  bool waits;           /* the stream is open, a sign of life confirms it */
  bool resumed;         /* it was asked to go on at a position */
  bool starved;         /* the last attempt had nothing to ask for */
  unsigned refusals;    /* of token or ticket, in this attempt */
  unsigned stale_tries; /* to end the stale subscription */
  uint64_t base_serial; /* of the position that it was asked for with */
  uint64_t asked_revision; /* of what the pre-flight was asked about */
  bool ping_open;          /* the last ping is not answered */
  char* ticket;            /* used in the token's place; secret; NULL: none */
  uint64_t ticket_ends_ms;
  char* stale_id; /* a subscription that has to be ended; NULL: none */
};

/* How long the peer has been a nuisance. */
struct gcn__patience {
  uint64_t message_due_ms; /* the message in hand has to end; NEVER */
  uint64_t message_ms;     /* when its front was read; NEVER: there is none */
  uint64_t second_ms;      /* when the second in hand began */
  unsigned control_count;  /* pings and pongs in it */
  unsigned loud_seconds;   /* in a row, with too many of them */
  unsigned oversize_run;   /* streams in a row that ended by a limit */
};

/* One connection: a session of the table with its channel and its lines. */
struct gcn__conn {
  struct gcn__channel channel;

  /* What each event looks at, side by side: the end of the session, these, and
   * the front of the line. */
  struct gcn__session session;
  struct gcn__engine* engine;
  unsigned slot;
  unsigned shard;
  unsigned inbox_count;
  bool short_read;     /* the last read emptied the kernel buffer */
  uint64_t connection; /* number of the open stream */
  uint64_t garbage_run;
  struct gcn__patience patience;
  struct gcn__line stream;

  struct gcn__line api;
  unsigned side; /* of an overlap, for the tally of duplicates */
  bool leaving;  /* retired: goes once it is closed */
  bool moves;    /* it has to be replaced itself once it serves, ... */
  enum gcn__input move_cause;  /* ... because of this */
  struct gcn__failure failure; /* of the input in flight */

  bool waits_token; /* the keeper will tell */
  bool guessed;     /* no early connection before the next stream */
  bool fresh;       /* the channel was made in this attempt */
  bool confirmed;   /* topics were confirmed on the open stream's channel */
  bool resync;      /* a sync was asked for while one was under way */
  bool wants_audit; /* ... or an audit */
  bool stolen;      /* the service said that topics were taken away */
  bool losing;      /* those that are missing are told, not put again */
  uint64_t early_due_ms;       /* when an early connection has to be there, or
                                  the spare's answer to the upgrade */
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
  uint64_t ping_ms;      /* when the last text ping was sent */
  uint64_t answered_ms;  /* ... of those that were answered */
  uint64_t pings;        /* text pings on this stream, less their answers */
  unsigned pongs_missed; /* RFC 6455 pings unanswered in a row */
  uint32_t ping_number;  /* of the last one; an answer repeats it */
  uint64_t lost_ms;      /* when the last stream was lost */
  char ws_accept[GCN__WS_ACCEPT_SIZE + 1];
  struct gcn__envelope message; /* of the input in flight */
  struct gcn__span message_text;
  struct gcn__report report;
  struct gcn__flow flow;

  unsigned commands; /* a set of gcn__command, not acted on yet */
  enum gcn__input inbox[GCN__INBOX_SIZE];
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

  /* Stream dialect: everything up to the position was handed on. */
  char* position; /* NULL: none is known */
  bool position_is_time;
  const struct gcn__conn* front; /* whose positions count; NULL: nobody's */
  /* Since when the service may have had to wait for us; 0: it has not. */
  uint64_t lag_ms;
  uint64_t position_serial; /* grows with every change of it */
  uint64_t served_revision; /* the newest that a stream was confirmed with */
  uint64_t position_ms;     /* when it changed last */
  struct gcn__seen unnamed; /* events without an id, behind the position */
  /* A stream went on at a position; if the service says that it could not, this
   * was missed.  NULL: there is no doubt. */
  const struct gcn__conn* doubter;
  struct gcn__gap doubt;
};

/* What the dialects do differently. */
struct gcn__dialect {
  /* An attempt begins: opens the lines that it needs, and asks for a token; or
   * fills the failure record. */
  void (*dial)(struct gcn__conn* conn);
  /* The next step of SUBSCRIBING. */
  void (*subscribe)(struct gcn__conn* conn);
  /* Verb FORGET. */
  void (*forget)(struct gcn__conn* conn);
  /* Verbs SYNC and AUDIT; `background` goes on when the token is there. */
  void (*sync)(struct gcn__conn* conn);
  void (*audit)(struct gcn__conn* conn);
  void (*background)(struct gcn__conn* conn);
  /* Asks the peer for an answer on the open stream; not urgent: unless it was
   * asked of late. */
  void (*probe)(struct gcn__conn* conn, bool urgent);
  /* Appends the request of the line's call to engine->scratch. */
  int (*write)(struct gcn__line* line, const char* authority, const char* key,
               struct gcn__buf* body);
  struct gcn__judgement (*judge)(const struct gcn__line* line, enum gcn__op op,
                                 unsigned status, const struct gcn__json* body);
  struct gcn__judgement (*judge_close)(struct gcn__conn* conn,
                                       const struct gcn__ws_message* message,
                                       uint64_t* wait_ms);
  /* Takes a good answer's document, NULL if it had none, over. */
  void (*answered)(struct gcn__conn* conn, enum gcn__op op,
                   struct gcn__json* body);
  /* A text message came; then, what is left of it: false if nothing is. */
  void (*text)(struct gcn__conn* conn, const struct gcn__ws_message* message);
  bool (*more)(struct gcn__conn* conn);
  void (*pong)(struct gcn__conn* conn, const struct gcn__ws_message* message);
  void (*ping)(struct gcn__conn* conn);
  /* The next verdict worth telling. */
  bool (*verdict)(struct gcn__conn* conn, struct gcn__effect* effect);
  /* The event in hand. */
  struct gcn__event (*event)(const struct gcn__conn* conn);
  /* False: it has been delivered. */
  bool (*first)(struct gcn__conn* conn, const struct gcn__event* event);
  /* The upgrade has been written: what may go beside it goes now.  NULL:
   * nothing may. */
  void (*along)(struct gcn__conn* conn);
  bool upgrade_needs_token;
};

extern const struct gcn__dialect gcn__dialect_channels;
extern const struct gcn__dialect gcn__dialect_stream;

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
  uint64_t asked_epoch; /* of those that are under way, unless it rests */
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
  /* What each wake-up of a stream looks at, side by side: the end of the
   * counters, these, and the front of the settings. */
  struct gcn__engine_counters counters;
  /* The only connection, if all but its stream has been asked since the last
   * fact and had nothing to do; NULL: not known. */
  struct gcn__conn* calm;
  /* It was so when the last turn ended, of a stream that is known to go the
   * short way: until `calm_due_ms`, or what its silence is due for, nothing but
   * its bytes can change it (calm.c). */
  bool rested;
  bool plain;   /* events of the calm one are told without a look around */
  bool drained; /* nothing to do until the next fact */
  bool held;    /* no deadline is judged */
  bool paused;
  bool keys; /* every event is given one */
  enum gcn__scrutiny scrutiny;
  uint32_t kept_shards; /* whose next message is copied; a bit for each */
  unsigned ring_count;
  uint64_t now_ms;
  uint64_t calm_due_ms;      /* of all but the calm one's silence */
  uint64_t trim_ms;          /* when to look for buffers that are not in use */
  struct gcn__record* tally; /* of the events of the calm one; NULL: none */
  /* The caller's, for an event that goes there without a wait in the ring;
   * NULL: it is not to, or has. */
  struct gcn__effect* given;
  struct gcn__settings settings;

  struct gcn__mem mem;
  struct gcn__log log;
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
  struct gcn__id_choice id_choice;
  const struct gcn__dialect* dialect;
  struct gcn__shape shape; /* stream dialect; its texts are ours */

  enum gcn__desire desire;
  uint64_t paused_ms;             /* since when, if paused */
  uint64_t resumed_ms;            /* when the last pause ended */
  struct gcn__watch watch;        /* given to every session */
  struct gcn__recorder* recorder; /* NULL: none */
  struct gcn__override override;

  struct gcn__keeper keeper;
  struct gcn__line* login_line; /* the keeper's */
  struct gcn__spare* spare;     /* NULL: none is wanted */
  struct gcn__topics topics;
  struct gcn__planner planner;
  struct gcn__pace* pace;     /* shared with other clients, or our own */
  struct gcn__pace* own_pace; /* NULL: none */
  struct gcn__spares* spares; /* likewise, or our own */
  struct gcn__spares own_spares;
  uint64_t pace_key;        /* of the API's host and the client id */
  uint64_t api_floor_ms;    /* the API asked not to be asked before */
  uint64_t stream_floor_ms; /* stream dialect: nor the upgrade */
  struct gcn__url guess;    /* the streaming host; port 0: none was made */
  unsigned guess_misses;    /* in a row */
  uint32_t channel_count;
  uint64_t answer_serial;
  uint64_t connection_count;
  unsigned char salt[GCN__ENGINE_SALT_SIZE]; /* of what events are known by */
  struct gcn__seen seen;  /* events that were delivered, by what they are */
  uint64_t seen_until_ms; /* channels: the last run's are passed over */

  /* NULL: never used.  The first one is always there. */
  struct gcn__shard* shards[GCN__SHARD_COUNT_MAX];
  struct gcn__shard first_shard;
  unsigned shard_end;     /* shards from here on have never been used */
  uint64_t last_start_ms; /* of a shard, for staggering */
  uint64_t replan_ms;     /* a shard could not be opened; NEVER */
  struct gcn__conn* conns[GCN__CONN_COUNT_MAX]; /* NULL: free */
  unsigned conn_end; /* slots from here on are free */

  struct gcn__buf missing; /* joined permissions of the verdict in flight */
  struct gcn__buf scratch; /* requests and frames on their way; secret */
  struct gcn__effect* ring;
  unsigned ring_size;
  unsigned ring_begin;
};

#endif
