/* SPDX-License-Identifier: MIT */
/*
 * A virtual world for the engine: clock, network, service, vault and a fickle
 * user.
 *
 * Everything follows from one seed.  The engine and the service are the real
 * ones; between them are queues of bytes with arrival times, which the world
 * cuts, delays, stalls, resets and swallows.  Time jumps from one moment of
 * interest to the next.
 */
#ifndef GCN_TEST_DST_WORLD_H
#define GCN_TEST_DST_WORLD_H

#include "engine/internal.h"
#include "sim/ledger.h"
#include "sim/script.h"
#include "sim/service.h"

#include "fate.h"
#include "rules.h"

#include <stdio.h>

enum {
  WORLD_TOPICS_KEPT = 6,    /* wanted from the first call to the end */
  WORLD_TOPICS_FICKLE = 10, /* come and go */
  WORLD_TOPICS = WORLD_TOPICS_KEPT + WORLD_TOPICS_FICKLE,
  WORLD_SHARDS = 4,
  WORLD_CLIENTS = 2, /* OAuth clients */
  WORLD_EVENTS_MAX = 400000,
  WORLD_GAPS_MAX = 40000,
  WORLD_LINKS_MAX = 128,
  WORLD_ASKS_MAX = 8,
  WORLD_STREAMS_MAX = 64,
  WORLD_ANSWER_SIZE = 1024,
  WORLD_SECRET_SIZE = 40,
  WORLD_SPARE_MS = 5000,
  WORLD_REST_MAX = 300, /* requests in a minute, of all tokens together */
};

/* Which kinds of trouble this seed knows (swarm testing). */
enum world_trouble {
  WORLD_REFUSALS = 1 << 0,  /* connects are refused */
  WORLD_HANGS = 1 << 1,     /* connects never finish */
  WORLD_RESETS = 1 << 2,    /* links are reset */
  WORLD_HOLES = 1 << 3,     /* links swallow bytes, one way or both */
  WORLD_STALLS = 1 << 4,    /* links deliver late */
  WORLD_FAULTS = 1 << 5,    /* the service's fault script */
  WORLD_FICKLE = 1 << 6,    /* the user stops, starts, changes topics */
  WORLD_PAUSES = 1 << 7,    /* the user pauses delivery */
  WORLD_SECRETS = 1 << 8,   /* credentials: wrong, right, rotated, replaced */
  WORLD_INJECTS = 1 << 9,   /* a peer input out of nowhere, in any state */
  WORLD_TOKENS = 1 << 10,   /* tokens are short-lived */
  WORLD_CHANNELS = 1 << 11, /* channels are short-lived */
  WORLD_YIELDS = 1 << 12,   /* the driver does a little at a time */
  WORLD_MOVES = 1 << 13,    /* the service announces that sockets close */
  WORLD_DRIFTS = 1 << 14,   /* topics go from channels, silently or not */
  WORLD_QUOTAS = 1 << 15,   /* few channels, few calls, small bodies */
  WORLD_PINGS = 1 << 16,    /* RFC 6455 pings are on */
  WORLD_CROWDS = 1 << 17,   /* more topics than one connection holds */
  WORLD_VAULT = 1 << 18,    /* who is asked for secrets is slow or wrong */
  WORLD_TROUBLE_COUNT = 19,
};

/* How a life is to be lived. */
struct world_plan {
  uint64_t days;  /* 0: minutes to hours; else that long, at a slower tempo */
  bool calm;      /* planned rotations only: nothing may be missed */
  bool drift;     /* topics vanish from channels, little else happens */
  bool resets;    /* streams are reset now and then, nothing else happens */
  bool manners;   /* one endpoint asks to wait, or a long outage; no more */
  bool stream;    /* the stream dialect; it knows the length and ... */
  bool expiry;    /* ... tokens of 30 s and resets: nothing may be missed */
  bool whole;     /* no bytes are cut */
  bool impatient; /* the life ends in the middle, and soon */
  bool spare;     /* a connection is kept warm */
  bool planted;   /* the world loses an event after a burst and a pause */
  struct fate_script* script; /* led by it; NULL: by the seed */
};

struct link {
  bool used;
  enum gcn__wire_index wire;
  bool connected;    /* the engine was told */
  bool gone;         /* the engine dropped it or was told of its end */
  uint64_t ready_ms; /* when the connect is answered; NEVER: hangs */
  bool refused;
  uint64_t reset_ms;   /* NEVER: lives */
  uint64_t hole_up_ms; /* from then on nothing passes to the service */
  uint64_t hole_down_ms;
  uint64_t latency_ms;
  uint64_t up_free_ms; /* earliest arrival of the next byte, keeps order */
  uint64_t down_free_ms;
  struct gcn__buf up; /* records: {u64 due, u32 size} bytes */
  struct gcn__buf down;
  bool eof_down; /* the service closed: EOF after `down` */
  bool reset_down;
  bool fin_up;       /* the engine closed in order */
  bool asked;        /* a request is on its way, and not answered */
  bool said_goodbye; /* a Close frame was sent */
  bool watched;      /* its silence has not been judged yet */
  struct gcn__sim_conn* conn;

  /* what went over it */
  uint64_t bearer;    /* hash of the last bearer token sent */
  uint64_t channel;   /* hash of the channel that the request names */
  bool subscribes;    /* the request is about its topics */
  uint64_t revision;  /* of the topics, when it was sent */
  size_t answer_size; /* of the answer's head so far */
  uint64_t body_left; /* of its body, once the head is whole */
  unsigned status;    /* of the head; 0: not whole yet */
  uint64_t retry_after_s;
  char answer[WORLD_ANSWER_SIZE];
};

/* What is known of a wire's latest connection, also after its end. */
struct wire_view {
  uint64_t channel;  /* hash of the one it was upgraded to; 0: none */
  uint64_t heard_ms; /* when bytes of it were last handed over */
  uint64_t bearer;   /* hash of the token that it was upgraded with; or 0 */
};

/* A channel whose topics the service confirmed. */
struct channel_view {
  uint64_t hash;
  uint64_t revision;
};

/* What the user has been told of one shard. */
struct shard_view {
  enum gcn__state state;
  bool stale;    /* it went and came again: older news may still come */
  bool refused;  /* told REFUSED, and not told to go on since */
  bool hurried;  /* may dial before its time */
  bool unsure;   /* the last stream was lost in doubt */
  bool streamed; /* since the world healed */
  uint64_t stream_since_ms;
  uint64_t failures;
  unsigned loops;       /* back to AUTHENTICATING within the attempt */
  uint64_t retry_at_ms; /* told by the last BACKING_OFF */
  uint64_t first_stream_ms;
  uint64_t left_ms;       /* when its last stream ended */
  uint64_t last_event_ms; /* when the service made the last delivered event */
};

/* The latest event of one stream. */
struct stream_view {
  uint64_t connection;
  uint64_t sequence;
};

struct sent_event {
  uint64_t sequence;
  uint64_t at_ms;
  uint8_t shard;
  bool kept;   /* on a topic that is wanted throughout */
  bool orphan; /* not for the channel of its shard, though that streamed */
  bool delivered;
};

/* A question to the vault that has not been answered yet. */
struct world_ask {
  uint64_t at_ms; /* NEVER: free */
  uint64_t ticket;
  enum gcn__ask_kind kind;
  bool again; /* it will be answered once more */
  bool fails;
  bool old; /* with secrets that may be out of date */
};

struct flow; /* stream-world.h */

struct world {
  uint64_t seed;
  struct world_plan plan;
  struct gcn__rng rng;
  struct fate fate;
  struct gcn__rng shears; /* where bytes are cut */
  unsigned planted; /* a bug of the world's own, for the test of shrinking */
  uint64_t now_ms;
  uint64_t tempo;    /* heartbeats and all that hangs on them, times this */
  uint64_t heal_ms;  /* from then on no new trouble */
  uint64_t final_ms; /* one event per topic is made: all must come */
  uint64_t end_ms;
  enum gcn__state last_state; /* the life ends when it is met; COUNT: never */
  unsigned trouble;
  bool healed;
  FILE* trace; /* NULL: quiet */
  uint64_t hash;

  struct gcn__engine* engine;
  struct gcn__sim* sim;
  struct flow* flow; /* what the stream dialect has besides; NULL: channels */
  struct link links[WORLD_LINKS_MAX];
  int link_end; /* links from here on were never used */
  size_t heap_now;
  size_t heap_peak;

  /* the user */
  enum gcn__desire desire;
  bool right_secret;
  bool asked_for; /* the engine asks the vault */
  unsigned client;
  unsigned rotations; /* of secrets */
  char secrets[WORLD_CLIENTS][WORLD_SECRET_SIZE];
  char former[WORLD_CLIENTS][WORLD_SECRET_SIZE];
  char initial[WORLD_CLIENTS][WORLD_SECRET_SIZE]; /* the service's */
  bool wanted[WORLD_TOPICS];
  char topics[WORLD_TOPICS][GCN__SIM_TOPIC_SIZE_MAX];
  uint64_t user_ms; /* next whim */
  uint64_t resume_ms;
  uint64_t paused_ms;   /* the last pause, ... */
  uint64_t resumed_ms;  /* ... and its end */
  uint64_t secret_ms;   /* the user learns of a rotated secret */
  uint64_t leave_by_ms; /* a stop must be over by then */
  struct world_ask asks[WORLD_ASKS_MAX];

  /* what was seen */
  struct shard_view shards[GCN__SHARD_COUNT_MAX];
  struct wire_view wires[GCN__WIRE_COUNT];
  struct channel_view channels[WORLD_STREAMS_MAX]; /* a ring */
  unsigned channel_count;
  struct stream_view streams[WORLD_STREAMS_MAX]; /* by connection number */
  uint64_t floors_ms[GCN__WIRE_STREAM];          /* login, API: asked to wait */
  uint64_t asked_until_ms; /* the latest moment that any answer asked for */
  uint64_t client_sequence;
  uint64_t told_count;   /* events that this client was told, ... */
  uint64_t copy_count;   /* ... and put on open streams meanwhile */
  uint64_t rejected[64]; /* hashes of rejected tokens, a ring */
  unsigned rejected_count;
  uint64_t accused; /* a 401 names it; 0: none */
  struct sent_event* sent;
  size_t sent_count;
  uint64_t final_sequence; /* events from here on must come */
  struct gcn__gap* gaps;
  size_t gap_count;
  uint64_t drift_gaps;
  uint64_t rotations_told;
  uint64_t calls; /* requests by REST and for tokens until the last reset */
  uint64_t reset_connection; /* streams after this one came later; 0: none */
  uint64_t resets;           /* that were survived without a call */
  uint64_t limit_ms;         /* manners: when the trouble begins */
  uint64_t turns;
  unsigned moments; /* since the clock moved */
  uint64_t healed_ms;
  uint64_t wakes;   /* for timers alone, while all is well */
  uint64_t idle_ms; /* since when they are counted; 0: not yet */
  uint64_t rest_ms[WORLD_REST_MAX]; /* when requests came, a ring */
  uint64_t rest_count;
  bool searches;   /* freed blocks are looked through for secrets */
  bool gone;       /* CLOSED has been told */
  bool stuck;      /* frames that do not end were sent: no signs of life */
  char fault[512]; /* the first broken promise; "" if none */
};

/* Cells met, over all worlds of the process. */
extern uint32_t world_cells[GCN__STATE_COUNT][GCN__INPUT_COUNT];
/* ... and how many streams went over a spare connection. */
extern uint64_t world_spares_used;
extern const struct world_plan world_plan_default;

/* Lives one life.  0, or -1 with world->fault set. */
int world_run(struct world* world, const struct world_plan* plan, uint64_t seed,
              FILE* trace);

/* Notes a broken promise; the first one counts. */
void world_break(struct world* world, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
void world_say(struct world* world, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
bool world_has(const struct world* world, unsigned trouble);
uint64_t world_below(struct world* world, uint64_t bound);
uint64_t world_between(struct world* world, uint64_t low, uint64_t high);
uint64_t world_hash(struct gcn__span bytes);
/* The engine's turn after a fact. */
void world_turn(struct world* world);
/* The connection of a wire; NULL for the login wire, or if there is none. */
struct gcn__conn* world_conn(const struct world* world,
                             enum gcn__wire_index wire);

/* birth.c */
int world_birth(struct world* world, const struct world_plan* plan,
                uint64_t seed, FILE* trace);
void world_death(struct world* world);
/* What engines of both dialects are made from. */
void world_engine_options(struct world* world,
                          struct gcn__engine_options* options);
/* Cells that the engine meets are counted. */
void world_watch(struct world* world);

/* user.c */
void user_command(struct world* world, unsigned bits);
void user_overrides(struct world* world);
bool user_resets(struct world* world);
void user_start(struct world* world);
void user_credentials(struct world* world, bool right);
void user_whim(struct world* world);
void user_whim_in_callback(struct world* world);
/* Inputs out of nowhere. */
void user_injects(struct world* world);
void user_acts(struct world* world);
/* The vault is asked; it answers when it is due. */
void user_asked(struct world* world, const struct gcn__effect* effect);
bool user_answers(struct world* world);
uint64_t user_deadline(const struct world* world);
/* Does what is due. */
void user_tick(struct world* world);

/* service.c */
/* These draw a fault. */
void service_trouble(struct world* world);
void service_move(struct world* world, bool calm);
/* The numbers of the service's rules in the tally; the stream dialect's begin
 * there, too. */
enum { SERVICE_RULES = FATE_KINDS };
void service_rotate_secret(struct world* world);
void service_inject(struct world* world, const char* rule);
void service_event(void* ctx, const struct gcn__sim_event* event);
void service_request(void* ctx, const struct gcn__sim_request* request);
/* Requests by REST and for tokens, of all the life. */
uint64_t service_calls(const struct world* world);
/* One event on each topic that is served. */
void service_final(struct world* world);
/* A token for one who has logged in by himself; false if there is none. */
bool service_login(struct world* world, char* token, size_t size,
                   double* life_s);

/* check.c: the promises, each where it can be seen. */
void check_state(struct world* world, const struct gcn__effect* effect);
void check_event(struct world* world, const struct gcn__event* event);
void check_gap(struct world* world, const struct gcn__gap* gap);
void check_rotation(struct world* world, const struct gcn__rotation* rotation);
void check_turn(struct world* world);
void check_text(struct world* world, const char* text);
void check_end(struct world* world);
/* NULL: the service has not made it. */
struct sent_event* check_find(const struct world* world, uint64_t sequence);
/* Shards may have gone. */
void check_shards(struct world* world);

/* check-wire.c */
void check_open(struct world* world, enum gcn__wire_index wire);
void check_upload(struct world* world, struct link* link,
                  struct gcn__span bytes);
void check_download(struct world* world, struct link* link,
                    struct gcn__span bytes);
void check_request(struct world* world, struct link* link, unsigned status);
void check_streaming(struct world* world, unsigned shard);
void check_token(struct world* world);
/* P9: this token goes out over the link. */
void check_bearer_hash(struct world* world, struct link* link, uint64_t hash);

/* rules.c: the invariants of FAULTS.md that are no promise of gcnotify.h. */
void rules_change(struct world* world, const struct gcn__effect* effect);
void rules_turn(struct world* world);
void rules_request(struct world* world, struct link* link);
void rules_call(struct world* world);
void rules_upgraded(struct world* world, const struct link* link);
void rules_frames(struct world* world, struct link* link,
                  struct gcn__span bytes);
void rules_wakes(struct world* world);
void rules_healed(struct world* world, unsigned shard);
void rules_freed(struct world* world, const void* block, size_t size);
void rules_end(struct world* world);

/* manners.c: the script of such a life, and the service's judgement. */
void manners_begin(struct world* world);
void manners_settings(const struct world* world,
                      struct gcn__settings* settings);
void manners_end(struct world* world);

/* network.c */
void network_open(struct world* world, enum gcn__wire_index wire);
/* The link of the one wire is that of the other from now on. */
void network_move(struct world* world, enum gcn__wire_index from,
                  enum gcn__wire_index to);
void network_drop(struct world* world, enum gcn__wire_index wire, bool abort);
void network_upload(struct world* world, enum gcn__wire_index wire,
                    struct gcn__span bytes);
struct link* network_link(struct world* world, enum gcn__wire_index wire);
struct link* network_serial(struct world* world, uint64_t serial);
/* Moves the service's output into the queues. */
void network_collect(struct world* world);
/* Does one thing that is due now; false if there is none. */
bool network_step(struct world* world);
uint64_t network_deadline(const struct world* world);
void network_heal(struct world* world);
/* All streams are reset now. */
void network_reset(struct world* world);
void network_free(struct world* world);

#endif
