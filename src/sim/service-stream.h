/* SPDX-License-Identifier: MIT */
/*
 * The stream dialect's part of the service (PROTOCOL §6), shared by the
 * service-stream-*.c files, and what the other files call of it.
 *
 * All variants are served at once, told apart by path and shape of a request.
 * A connection with a stream has no channel, and the reverse.
 */
#ifndef GCN_SIM_SERVICE_STREAM_H
#define GCN_SIM_SERVICE_STREAM_H

#include "sim/service-state.h"
#include "sim/stream-filter.h"
#include "sim/stream-history.h"

enum {
  GCN__SIM_UNSENT_MAX = 256 << 10, /* no batch is begun beyond it */
  GCN__SIM_BATCH_SIZE = 256 << 10, /* no event is added to a batch beyond it */
  GCN__SIM_BATCH_COUNT_MAX = 1000, /* what clients may ask for */
  GCN__SIM_STREAM_LATENCY_MS = 1000, /* if a client asks for none */
  GCN__SIM_CLOSE_EXPIRED = 4001,
  GCN__SIM_CLOSE_INVALID = 4400,
  GCN__SIM_CLOSE_LOST = 4410,
  GCN__SIM_CLOSE_LATER = 1013,
  GCN__SIM_CLOSE_BAD_REQUEST = 400, /* raw, as the guide has it */
};

#define GCN__SIM_BAD_PAYLOAD "Invalid subscription payload."
#define GCN__SIM_BAD_SUBSCRIPTION                                              \
  "Invalid subscription: resource not found or insufficient permissions"

/* One event name and resource that produces events once it is live. */
struct gcn__sim_source {
  struct gcn__sim_source* next; /* in its hash bucket */
  const struct gcn__sim_kind* kind;
  char* resource; /* in `event`; NULL: none */
  uint32_t hash;
  bool wanted;  /* somebody has subscribed to it */
  bool deleted; /* by a script */
  size_t index; /* in streams->sources */
  size_t size;  /* of the block */
  char event[];
};

/* What has been POSTed; good for one socket. */
struct gcn__sim_posted {
  struct gcn__list link;
  char id[GCN__SIM_ID_SIZE];
  char* name; /* NULL: none */
  size_t client;
  struct gcn__sim_interests interests; /* the stream's once there is one */
  struct gcn__sim_conn* conn;
  bool used;
  uint64_t until_ms; /* when it has gone; GCN__NEVER: it has not */
};

/* Good for upgrades with ?token=. */
struct gcn__sim_ticket {
  struct gcn__list link;
  char value[GCN__SIM_TOKEN_SIZE + 1];
  uint64_t serial;
  size_t client;
  uint64_t expires_ms;
};

/* What a script has taken away. */
enum gcn__sim_lack_of {
  GCN__SIM_LACK_ANY, /* only to take them away */
  GCN__SIM_LACK_RESOURCE,
  GCN__SIM_LACK_SCOPE,
  GCN__SIM_LACK_LICENCE,
};

struct gcn__sim_lack {
  struct gcn__list link;
  enum gcn__sim_lack_of of;
  const char* pattern; /* owned, once it is in the list */
  unsigned code;       /* RESOURCE: of the Close */
  bool by_http;        /* RESOURCE: refused before the 101 */
  bool masked;         /* SCOPE: the 403 is hidden in a 400 */
};

/* How the next batches are made wrong; in the order of
 * gcn__script_form_word. */
enum gcn__sim_form {
  GCN__SIM_FORM_EVENTS,
  GCN__SIM_FORM_BATCH,
  GCN__SIM_FORM_DATA,
  GCN__SIM_FORM_BARE,
  GCN__SIM_FORM_SINGLE,
};

/* One event of the batch being written. */
struct gcn__sim_entry {
  uint64_t position;
  size_t begin; /* in streams->text */
  size_t end;
  bool repeated;
};

/* A refused upgrade, to know it when it comes again. */
struct gcn__sim_refusal {
  size_t instance;
  uint32_t hash; /* of the subscription; 0: the entry is free */
};

enum { GCN__SIM_REFUSALS = 64 };

struct gcn__sim_streams {
  struct gcn__sim_history history;
  struct gcn__sim_source** buckets;
  size_t bucket_count;
  struct gcn__sim_source** sources; /* all; the live ones first */
  size_t source_count;
  size_t source_capacity;
  size_t live_count;
  struct gcn__list posted;
  size_t posted_count;
  struct gcn__list tickets;
  size_t ticket_count;
  uint64_t ticket_serial;
  struct gcn__list lacks;
  struct gcn__sim_interests* last; /* of each client's last stream */
  struct gcn__sim_refusal refusals[GCN__SIM_REFUSALS];
  size_t refusal_next;
  struct gcn__sim_text text; /* the batch being written */
  struct gcn__sim_entry* entries;
  size_t entry_count;
  size_t entry_capacity;
  struct gcn__sim_mode form; /* n: enum gcn__sim_form */
  struct gcn__sim_mode no_id;
  struct gcn__sim_mode repeat;
  uint64_t lost; /* resumes that are to fail */
  uint64_t ping_gap_ms;
  bool pings_stopped;
  uint64_t block_ms; /* upgrades are refused until then */
  bool block_resets; /* and connections are reset */
  uint64_t drain_ms; /* when the next socket is to go; GCN__NEVER */
  uint64_t drain_gap_ms;
};

/* Whether the first batch tells of the resume. */
enum gcn__sim_told { GCN__SIM_UNTOLD, GCN__SIM_RESUMED, GCN__SIM_NOT_RESUMED };

/* A connection's stream. */
struct gcn__sim_stream {
  struct gcn__sim_interests interests;
  bool ready; /* it has its subscriptions */
  size_t client;
  uint64_t token;                 /* serial; 0: it came with a ticket */
  uint64_t ticket;                /* serial; 0: it came with a token */
  struct gcn__sim_posted* posted; /* may be NULL */
  size_t batch_count_max;
  uint64_t latency_ms;
  bool beats;        /* it asked for batches when nothing happens */
  uint64_t cursor;   /* the first position not yet in a batch */
  uint64_t seen;     /* the first position not yet looked at */
  uint64_t fresh;    /* what lies before it is a repetition */
  size_t pending;    /* interesting events in between */
  uint64_t since_ms; /* the moment of the first of them */
  uint64_t ready_ms; /* since when it is served */
  uint64_t covered;  /* sequence number of the last event at all */
  uint64_t covered_ms;
  uint64_t batch_ms; /* the moment of the last batch */
  size_t copies;     /* a rule wants so many events again */
  enum gcn__sim_told told;
  uint64_t subscribe_by_ms; /* for the first message; GCN__NEVER */
  uint64_t ping_ms;         /* our next ping */
  uint64_t pong_ms;         /* when its answer is missed; GCN__NEVER */
  unsigned misses;
  uint64_t pinged_ms; /* the client's last ping; GCN__NEVER: none */
  uint64_t sent;      /* bytes that have left since the stream began */
  uint64_t mark;      /* bytes that must have left; 0: none is waiting */
  uint64_t mark_ms;   /* since when they wait */
  bool draining;
  /* Where it was asked to go on. */
  bool asks;
  bool asks_time;
  uint64_t asked; /* sequence number or moment; GCN__NEVER: not one of ours */
};

/* service-stream.c: life and pace of streams. */
int gcn__sim_streams_new(struct gcn__sim* sim);
void gcn__sim_streams_free(struct gcn__sim* sim);
void gcn__sim_streams_tick(struct gcn__sim* sim, uint64_t now_ms);
uint64_t gcn__sim_streams_deadline(const struct gcn__sim* sim);
/* Every connection looks at what is new. */
void gcn__sim_streams_pump(struct gcn__sim* sim, uint64_t now_ms);
/* NULL if memory is short. */
struct gcn__sim_stream* gcn__sim_stream_new(struct gcn__sim* sim,
                                            uint64_t now_ms);
/* NULL is fine. */
void gcn__sim_stream_free(struct gcn__sim* sim, struct gcn__sim_stream* stream,
                          uint64_t now_ms);
/* The connection's stream ends; harmless without one. */
void gcn__sim_stream_end(struct gcn__sim_conn* conn, uint64_t now_ms);
void gcn__sim_stream_tick(struct gcn__sim_conn* conn, uint64_t now_ms);
uint64_t gcn__sim_stream_deadline(const struct gcn__sim_conn* conn);
void gcn__sim_stream_pump(struct gcn__sim_conn* conn, uint64_t now_ms);
/* So many bytes have left. */
void gcn__sim_stream_sent(struct gcn__sim_conn* conn, size_t size,
                          uint64_t now_ms);
/* More has been put into the backlog. */
void gcn__sim_stream_queued(struct gcn__sim_conn* conn, uint64_t now_ms);
void gcn__sim_stream_close(struct gcn__sim_conn* conn, unsigned code,
                           const char* reason, uint64_t now_ms);
/* The client's messages. */
void gcn__sim_stream_said(struct gcn__sim_conn* conn, struct gcn__span text,
                          uint64_t now_ms);
/* False if the ping ends the stream. */
bool gcn__sim_stream_pinged(struct gcn__sim_conn* conn, uint64_t now_ms);
void gcn__sim_stream_ponged(struct gcn__sim_conn* conn);
/* The token of that serial ended. */
void gcn__sim_streams_expire(struct gcn__sim* sim,
                             const struct gcn__sim_token* token,
                             uint64_t now_ms);

/* service-stream-batch.c */
/* Writes and sends one batch of what has been looked at. */
void gcn__sim_stream_batch(struct gcn__sim_conn* conn, uint64_t now_ms);
/* The position of the `count`-th interesting event before `position`. */
uint64_t gcn__sim_stream_back(struct gcn__sim* sim,
                              const struct gcn__sim_stream* stream,
                              uint64_t position, uint64_t count);
bool gcn__sim_stream_wants(struct gcn__sim* sim,
                           const struct gcn__sim_stream* stream,
                           const struct gcn__sim_record* record);
/* Writes the event as one JSON object. */
void gcn__sim_stream_write(struct gcn__sim* sim, struct gcn__sim_text* text,
                           const struct gcn__sim_record* record);

/* To whom an event is sent, and when. */
struct gcn__sim_telling {
  const struct gcn__sim_conn* conn;
  uint64_t now_ms;
  bool repeated;
};
/* Tells the hook; `telling` NULL: it has happened. */
void gcn__sim_stream_tell(struct gcn__sim* sim,
                          const struct gcn__sim_record* record,
                          struct gcn__span message,
                          const struct gcn__sim_telling* telling);

/* service-stream-event.c: what happens, whoever listens. */
/* One event of the index-th live source. */
void gcn__sim_stream_happen(struct gcn__sim* sim, size_t index,
                            uint64_t now_ms);
/* What the interests name produces events from now on; false if memory is
 * short. */
bool gcn__sim_sources_wake(struct gcn__sim* sim,
                           const struct gcn__sim_interests* interests,
                           uint64_t now_ms);
/* Sources that a script deleted or restored stop or go on. */
void gcn__sim_sources_review(struct gcn__sim* sim, uint64_t now_ms);
void gcn__sim_sources_free(struct gcn__sim* sim);

/* service-stream-check.c: what a client may have. */
enum gcn__sim_finding {
  GCN__SIM_FINE,
  GCN__SIM_UNKNOWN,  /* 400 */
  GCN__SIM_UNSCOPED, /* 403 */
  GCN__SIM_UNLICENSED,
  GCN__SIM_FORBIDDEN,
  GCN__SIM_GONE, /* the resource was deleted */
};

struct gcn__sim_verdict_on {
  enum gcn__sim_finding finding;
  const struct gcn__sim_interest* interest; /* NULL: the request as a whole */
  const struct gcn__sim_lack* lack;         /* NULL: no script's doing */
  char why[GCN__SIM_LINE_SIZE];
};

/* The base scope; NULL: it is granted, else the verdict. */
bool gcn__sim_check_scope(struct gcn__sim* sim, const char* scope,
                          struct gcn__sim_verdict_on* verdict);
void gcn__sim_check_interest(struct gcn__sim* sim,
                             const struct gcn__sim_interest* interest,
                             struct gcn__sim_verdict_on* verdict);
/* The first that is not fine; the worst of them are found first. */
void gcn__sim_check_all(struct gcn__sim* sim,
                        const struct gcn__sim_interests* interests,
                        struct gcn__sim_verdict_on* verdict);
/* Answers what is not fine and not GONE. */
void gcn__sim_refuse_stream(struct gcn__sim_call* call,
                            const struct gcn__sim_verdict_on* verdict);
/* 0 or GCN__ENOMEM. */
int gcn__sim_lack_add(struct gcn__sim* sim, const struct gcn__sim_lack* lack);
/* Takes those of a kind away that were added with this pattern; NULL: all. */
void gcn__sim_lack_drop(struct gcn__sim* sim, enum gcn__sim_lack_of of,
                        const char* pattern);
/* True if the pattern of a script means this subscription. */
bool gcn__sim_is_named(const char* pattern, const char* event,
                       const char* resource);
/* An upgrade was refused for this subscription, or accepted (NULL). */
void gcn__sim_count_refusal(struct gcn__sim_call* call,
                            const struct gcn__sim_interest* interest);

/* service-stream-open.c: upgrades. */
/* True if the request is the stream dialect's; then it has been answered. */
bool gcn__sim_stream_call(struct gcn__sim_call* call);
/* The next name and value of a query, still encoded. */
bool gcn__sim_query_next(struct gcn__span* query, struct gcn__span* name,
                         struct gcn__span* value);
/* Adds the subscriptions of one encoded parameter.  0, GCN__EINVAL with `why`,
 * GCN__ENOMEM. */
int gcn__sim_query_interests(struct gcn__sim_interests* interests,
                             struct gcn__span value, const char** why);

/* service-stream-resume.c */
/* Where the stream is to go on: an event's id, or a moment. */
void gcn__sim_stream_ask(struct gcn__sim* sim, struct gcn__sim_stream* stream,
                         struct gcn__span position, bool is_time);
/* The stream has got its subscriptions: wakes what they name, finds the
 * position, and sends what waits there. */
void gcn__sim_stream_begin(struct gcn__sim_conn* conn, uint64_t now_ms);

/* service-stream-rest.c: what is asked for besides. */
/* True if it was one of these requests. */
bool gcn__sim_stream_rest(struct gcn__sim_call* call);
/* Keeps the names of what the stream subscribes to for the client's pre-flight;
 * false if memory is short. */
bool gcn__sim_stream_remember(struct gcn__sim* sim,
                              const struct gcn__sim_stream* stream);
/* NULL: there is none of this id (absent: any) that may be used. */
struct gcn__sim_posted*
gcn__sim_posted_take(struct gcn__sim* sim, size_t client, struct gcn__span id);
/* Its socket has gone; NULL is fine. */
void gcn__sim_posted_leave(struct gcn__sim_posted* posted, uint64_t now_ms);
struct gcn__sim_ticket* gcn__sim_ticket_find(struct gcn__sim* sim,
                                             struct gcn__span value,
                                             uint64_t now_ms);
/* Ends tickets, all or those whose time is over, and their sockets. */
void gcn__sim_tickets_end(struct gcn__sim* sim, bool all, uint64_t now_ms);
uint64_t gcn__sim_tickets_deadline(const struct gcn__sim* sim);
void gcn__sim_stream_rest_free(struct gcn__sim* sim);
/* The REST API's answer of thread A. */
void gcn__sim_reply_payload(struct gcn__sim_call* call, const char* why);

/* service-stream-act.c: actions of scripts. */
/* True if it was one of these. */
bool gcn__sim_stream_act(struct gcn__sim* sim,
                         const struct gcn__script_action* action,
                         struct gcn__sim_conn* conn, uint64_t times,
                         uint64_t now_ms);
bool gcn__sim_stream_undo(struct gcn__sim* sim,
                          const struct gcn__script_action* action,
                          uint64_t now_ms);
void gcn__sim_stream_calm(struct gcn__sim* sim);
/* True while a block resets new connections. */
bool gcn__sim_stream_blocks(const struct gcn__sim* sim, uint64_t now_ms);

#endif
