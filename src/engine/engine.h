/* SPDX-License-Identifier: MIT */
/*
 * The engine: bytes, facts and time in; effects out.
 *
 * It owns everything of a client that is not a handle: the session, token,
 * topics, channel, TLS and protocol readers of each wire.  It performs no I/O,
 * reads no clock and calls nobody; its driver asks for one effect at a time.
 *
 * A driver's turn:
 *
 *   feed one fact     gcn__engine_command / linked / received / ended / woken
 *   drain             while (gcn__engine_next(...)) perform the effect
 *   settle            gcn__engine_settle: borrowed bytes are kept if needed
 *   write             for each wire: gcn__engine_output, gcn__engine_sent
 *   sleep             until gcn__engine_deadline
 */
#ifndef GCN_ENGINE_ENGINE_H
#define GCN_ENGINE_ENGINE_H

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/noproxy.h"
#include "codec/tls.h"
#include "core/recorder.h"
#include "core/session.h"
#include "dialect/stream.h"
#include "engine/effect.h"

/* What the engine is made from.  Everything is copied that is not said to
 * outlive it. */
struct gcn__engine_options {
  struct gcn__mem mem;
  struct gcn__log log;
  struct gcn__settings settings;
  struct gcn__tls_config* tls; /* held; NULL only if all URLs are plaintext */
  const struct gcn__proxy_env* proxies; /* outlives the engine; may be NULL */
  struct gcn__entropy entropy;          /* mask and handshake keys */
  uint64_t seed;                        /* of jitter */
  const char* login_url;
  const char* api_url;
  const char* domain; /* hosts below it may be named by the service; or NULL */
  enum gcn__grant grant;
  const char* client_id; /* NULL: the user is asked */
  const char* client_secret;
  const char* refresh_token; /* of GRANT_REFRESH_TOKEN */
  const char* assertion;     /* of the bearer grants */
  const char* org_name;
  const char* user_agent;
  bool plaintext; /* http:// and ws:// are allowed to the API's host */
  struct gcn__recorder* recorder; /* outlives the engine; NULL: none */
  struct gcn__override override;  /* of waits; `choose` may be NULL */
  struct gcn__pace* pace;         /* outlives the engine; NULL: its own */
  struct gcn__spares* spares;     /* outlives the engine; NULL: its own */
  bool asks_credentials;          /* by EFFECT_ASK, at every token request */
  bool asks_token; /* by EFFECT_ASK, instead of the login service */
  const struct gcn__shape* shape; /* the stream dialect's; NULL: channels */
  bool keys;                      /* every event is given one */
  /* The user's own idea of what an event is known by; `choose` may be NULL.
   * Writes up to `size` bytes; returns how many, 0 for none. */
  struct gcn__id_choice {
    size_t (*choose)(void* ctx, const struct gcn__event* event, char* id,
                     size_t size);
    void* ctx;
  } id_choice;
  enum gcn__scrutiny scrutiny;
};

/* What a stored checkpoint says of one shard.  All views are copied. */
struct gcn__restored {
  unsigned shard;
  struct gcn__span position; /* absent: none */
  bool is_time;
  const struct gcn__key* handled; /* not to be delivered again */
  size_t handled_count;
  /* How long ago the stream was known to be good; more than our clock shows is
   * fine; UINT64_MAX: not known.  With a position it is a gap only if the
   * service can't go on there, or if it must be told in any case. */
  uint64_t good_ago_ms;
  bool must_tell;
  struct gcn__span channel_id; /* absent: none to take up again */
  struct gcn__span connect_uri;
  uint64_t channel_left_ms;
};

/* What a checkpoint has to say of a shard.  Views live until the next call. */
struct gcn__standing {
  bool used;                   /* false: there is no such shard */
  struct gcn__span channel_id; /* absent: none that could be taken up again */
  struct gcn__span connect_uri;
  uint64_t channel_left_ms;
  uint64_t good_ms; /* until when the stream is known to be good; 0: never */
};

/* What a token is asked for with. */
struct gcn__offer {
  const char* client_id;
  const char* client_secret;
  const char* refresh_token; /* NULL: as before */
  const char* assertion;     /* likewise */
};
enum { GCN__OFFER_COUNT_MAX = 2, GCN__ENGINE_SALT_SIZE = 16 };

/* User calls, one bit each; the last of START and STOP is resolved by the
 * driver. */
enum gcn__command {
  GCN__COMMAND_START = 1 << 0,
  GCN__COMMAND_STOP = 1 << 1,
  GCN__COMMAND_CLOSE = 1 << 2,
  GCN__COMMAND_TOPICS = 1 << 3,
  GCN__COMMAND_CREDENTIALS = 1 << 4,
  GCN__COMMAND_HURRY = 1 << 5,
  GCN__COMMAND_ROTATE = 1 << 6,
};

struct gcn__engine_counters {
  uint64_t heartbeats;
  uint64_t notices;
  uint64_t garbage;
  uint64_t sent_bytes;
  uint64_t attempts;
  uint64_t nevers; /* unwritten cells met */
  uint64_t streams;
  uint64_t reused;     /* of them: over a channel that had its topics */
  uint64_t rotations;  /* successors that took over, proven */
  uint64_t unproven;   /* ... or not */
  uint64_t duplicates; /* events of overlaps that came twice */
  uint64_t audits;
  uint64_t drifts;   /* audits that found other topics */
  uint64_t renewals; /* token requests in the background */
  uint64_t gaps;
  uint64_t gap_ms;
  uint64_t token_requests;
  uint64_t channel_requests;
  uint64_t topic_requests;
  uint64_t upgrades;
  uint64_t limited;
  uint64_t topics_rejected;
  uint64_t batches;
  uint64_t resumed;      /* streams that went on at a position */
  uint64_t resumes_lost; /* ... that the service no longer had */
  uint64_t preflights;
  uint64_t repeated;    /* events with a known key, dropped */
  uint64_t spares;      /* connections that were kept warm */
  uint64_t spares_used; /* ... of which attempts made use */
  uint64_t spares_lost; /* ... that ended, or did not come up */
  uint64_t last_outage_ms;
  /* What each event changes. */
  uint64_t last_event_ms; /* 0: none yet */
  uint64_t events;
  uint64_t event_bytes;
  uint64_t received_bytes;
};

struct gcn__engine;

/* 0, GCN__ENOMEM, GCN_ECONFIG (a URL that does not parse). */
int gcn__engine_new(const struct gcn__engine_options* options,
                    struct gcn__engine** engine);
/* Legal in every state; wipes secrets.  The driver drops its links itself. */
void gcn__engine_free(struct gcn__engine* engine);

/* A set of gcn__command. */
void gcn__engine_command(struct gcn__engine* engine, unsigned commands,
                         uint64_t now_ms);
/* The link asked for by EFFECT_OPEN is connected. */
void gcn__engine_linked(struct gcn__engine* engine, enum gcn__wire_index wire,
                        uint64_t now_ms);
/* Bytes arrived.  They are borrowed until gcn__engine_settle, and may be
 * changed meanwhile: strings in them are decoded where they are. */
void gcn__engine_received(struct gcn__engine* engine, enum gcn__wire_index wire,
                          struct gcn__span bytes, uint64_t now_ms);
/* The link ended by itself: GCN__EOF (the peer closed), or a negative code; it
 * is detached already, no DROP follows.  Bytes received before are read first.
 * `layer` is DNS or TCP; `text` names the cause ("connection refused"). */
void gcn__engine_ended(struct gcn__engine* engine, enum gcn__wire_index wire,
                       int error, enum gcn__layer layer, const char* text,
                       uint64_t now_ms);
/* The machine slept for `slept_ms`, which `now_ms` does not count: what was to
 * be at a moment is to be that much earlier. */
void gcn__engine_slept(struct gcn__engine* engine, uint64_t slept_ms,
                       uint64_t now_ms);
/* Time has come to look at the deadlines; harmless if none is due. */
void gcn__engine_woken(struct gcn__engine* engine, uint64_t now_ms);
/* While it is held no deadline is judged: what else has come lies unread.  Work
 * that is not late waits with them. */
void gcn__engine_hold(struct gcn__engine* engine, bool held);
/* The host's loop stalled or was paused: silence so far proves nothing. */
void gcn__engine_excuse(struct gcn__engine* engine, uint64_t now_ms);

/* The next effect; false when there is nothing to do until the next fact.
 * `effect` is valid until the next call of any engine function; but see
 * gcn__engine_keep. */
bool gcn__engine_next(struct gcn__engine* engine, struct gcn__effect* effect);
/* The events of these shards (a bit for each) are to be valid beyond the turn,
 * until the next call of gcn__engine_next: the driver may find no memory to
 * take them over.  Until it says otherwise; at first none are. */
void gcn__engine_keep(struct gcn__engine* engine, uint32_t shards);
/* Ends a turn: what is unread of the borrowed bytes is copied.  Call also when
 * the drain is cut short; then gcn__engine_busy is true. */
void gcn__engine_settle(struct gcn__engine* engine);
/* There is work without a new fact: call gcn__engine_next again soon.  False
 * while paused. */
bool gcn__engine_busy(const struct gcn__engine* engine);
/* The wire holds so many unread bytes that reading should stop for now. */
bool gcn__engine_full(const struct gcn__engine* engine,
                      enum gcn__wire_index wire);
/* How long a goodbye may take from now on; one that is under way, too, from
 * when it began.  Legal at any time, also between two calls of
 * gcn__engine_next. */
void gcn__engine_limit_close(struct gcn__engine* engine, uint64_t close_ms,
                             uint64_t now_ms);
/* Paused: the stream's messages stay where they are. */
void gcn__engine_pause(struct gcn__engine* engine, bool paused,
                       uint64_t now_ms);

/* Bytes to write; empty if none.  `sent` removes what was written. */
struct gcn__span gcn__engine_output(const struct gcn__engine* engine,
                                    enum gcn__wire_index wire);
void gcn__engine_sent(struct gcn__engine* engine, enum gcn__wire_index wire,
                      size_t size);

/* When to call woken at the latest; GCN__NEVER if nothing is armed. */
uint64_t gcn__engine_deadline(const struct gcn__engine* engine);

/* These only change what is wanted; follow with the command. */

/* Names have been checked.  Legal at any time, also between two calls of
 * gcn__engine_next.  As gcn__planner_add and gcn__planner_remove. */
int gcn__engine_topics_add(struct gcn__engine* engine, const char* const* names,
                           size_t count);
size_t gcn__engine_topics_remove(struct gcn__engine* engine,
                                 const char* const* names, size_t count);
size_t gcn__engine_topic_count(const struct gcn__engine* engine);
const struct gcn__topics* gcn__engine_topics(const struct gcn__engine* engine);
/* 0 or GCN__ENOMEM; an error has changed nothing. */
int gcn__engine_credentials(struct gcn__engine* engine,
                            const struct gcn__offer* offer);

/* Before the first start: where the last run stopped.  `salt` is that of its
 * keys.  0 or GCN__ENOMEM, after which the engine is as it was. */
int gcn__engine_restore(struct gcn__engine* engine, const unsigned char* salt,
                        const struct gcn__restored* shards, size_t count,
                        uint64_t now_ms);
/* Of GCN__ENGINE_SALT_SIZE bytes. */
const unsigned char* gcn__engine_salt(const struct gcn__engine* engine);
struct gcn__standing gcn__engine_standing(const struct gcn__engine* engine,
                                          unsigned shard);
/* Digest of the topics that a shard serves, whatever their order. */
void gcn__engine_topics_digest(const struct gcn__engine* engine, unsigned shard,
                               unsigned char digest[GCN__ENGINE_SALT_SIZE]);
/* The start has to be given up: why is the caller's to say.  As an input to all
 * connections, which are then REFUSED until told. */
void gcn__engine_unreadable(struct gcn__engine* engine, int error,
                            const char* text, uint64_t now_ms);

/* The answers to EFFECT_ASK.  One to an earlier ticket is passed over. */

/* `status` 0 and up to GCN__OFFER_COUNT_MAX pairs, tried in their order; or an
 * error: no credentials can be had now. */
/* False: nobody waits for this ticket any more. */
bool gcn__engine_offer(struct gcn__engine* engine, uint64_t ticket, int status,
                       const struct gcn__offer* offers, size_t count,
                       uint64_t now_ms);
/* `status` 0 and a token with `life_s` (0: unknown) left; or an error. */
bool gcn__engine_grant(struct gcn__engine* engine, uint64_t ticket, int status,
                       struct gcn__span token, double life_s, uint64_t now_ms);

/* Of all connections together: what is furthest from streaming counts. */
enum gcn__state gcn__engine_state(const struct gcn__engine* engine);
/* Started, and neither stopped nor closed. */
bool gcn__engine_wanted(const struct gcn__engine* engine);
/* Above 0 if `a` is further from streaming than `b`. */
int gcn__engine_compare(enum gcn__state a, enum gcn__state b);
size_t gcn__engine_shard_count(const struct gcn__engine* engine);
/* The session that serves the topics of one shard; that of a successor on its
 * way is not shown. */
const struct gcn__session* gcn__engine_session(const struct gcn__engine* engine,
                                               unsigned shard);
/* Told of every input of every connection. */
void gcn__engine_watch(struct gcn__engine* engine, struct gcn__watch watch);
/* No wire has this index or a higher one. */
unsigned gcn__engine_wire_count(const struct gcn__engine* engine);
const struct gcn__engine_counters*
gcn__engine_counters(const struct gcn__engine* engine);
/* The wire is through with its handshakes. */
bool gcn__engine_settled(const struct gcn__engine* engine,
                         enum gcn__wire_index wire);
/* The token's generation (0: none) and when it ends. */
uint64_t gcn__engine_token(const struct gcn__engine* engine,
                           uint64_t* expires_ms);
/* True while the wire has, or waits for, a link. */
bool gcn__engine_wired(const struct gcn__engine* engine,
                       enum gcn__wire_index wire);

#endif
