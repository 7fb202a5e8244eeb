/* SPDX-License-Identifier: MIT */
/*
 * A virtual world for the engine: clock, network, service and a fickle user.
 *
 * Everything follows from one seed.  The engine and the service are the real
 * ones; between them are queues of bytes with arrival times, which the world
 * cuts, delays, stalls, resets and swallows.  Time jumps from one moment of
 * interest to the next.
 */
#ifndef GCN_TEST_DST_WORLD_H
#define GCN_TEST_DST_WORLD_H

#include "engine/internal.h"
#include "sim/script.h"
#include "sim/service.h"

#include <stdio.h>

enum {
  WORLD_TOPICS_KEPT = 3,   /* wanted from the first call to the end */
  WORLD_TOPICS_FICKLE = 4, /* come and go */
  WORLD_EVENTS_MAX = 200000,
  WORLD_GAPS_MAX = 20000,
  WORLD_LINKS_MAX = 16,
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
  WORLD_SECRETS = 1 << 8,   /* the user gives wrong and right credentials */
  WORLD_INJECTS = 1 << 9,   /* a peer input out of nowhere, in any state */
  WORLD_TOKENS = 1 << 10,   /* tokens are short-lived */
  WORLD_CHANNELS = 1 << 11, /* channels are short-lived */
  WORLD_YIELDS = 1 << 12,   /* the driver does a little at a time */
  WORLD_TROUBLE_COUNT = 13,
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
  bool fin_up; /* the engine closed in order */
  struct gcn__sim_conn* conn;
  uint64_t bearer; /* hash of the last bearer token sent over it */
};

struct sent_event {
  uint64_t sequence;
  uint64_t at_ms;
  bool kept; /* on a topic that is wanted throughout */
  bool delivered;
};

struct world {
  uint64_t seed;
  struct gcn__rng rng;
  uint64_t now_ms;
  uint64_t heal_ms; /* from then on no new trouble */
  uint64_t end_ms;
  enum gcn__state last_state; /* the life ends when it is met; COUNT: never */
  unsigned trouble;
  bool healed;
  bool streamed; /* since then */
  FILE* trace;   /* NULL: quiet */
  uint64_t hash;

  struct gcn__engine* engine;
  struct gcn__sim* sim;
  struct gcn__script* script;
  struct link links[WORLD_LINKS_MAX];
  size_t heap_now;
  size_t heap_peak;

  /* the user */
  enum gcn__desire desire;
  bool refused; /* told REFUSED, and not told to go on since */
  bool hurried; /* may dial before its time */
  bool right_secret;
  bool fickle_wanted[WORLD_TOPICS_FICKLE];
  char topics[WORLD_TOPICS_KEPT + WORLD_TOPICS_FICKLE][GCN__SIM_TOPIC_SIZE_MAX];
  uint64_t user_ms; /* next whim */
  uint64_t resume_ms;
  uint64_t leave_by_ms; /* a stop must be over by then */

  /* what was seen */
  enum gcn__state state;
  uint64_t stream_since_ms;
  uint64_t frame_since_ms; /* first sign of life of this stream; NEVER */
  uint64_t failures;
  uint64_t put_ms;         /* last good PUT the service answered */
  uint64_t upgrade_ms;     /* last 101 the service answered */
  uint64_t quiet_until_ms; /* the service asked for it on the attempt's path */
  uint64_t retry_at_ms;    /* told by the last BACKING_OFF */
  uint64_t first_stream_ms;
  bool unsure;            /* the last stream was lost in doubt */
  uint64_t last_event_ms; /* when the service made the last delivered event */
  uint64_t last_sequence; /* delivered, by the service's count */
  uint64_t client_sequence;
  uint64_t rejected[64]; /* hashes of rejected tokens, a ring */
  unsigned rejected_count;
  uint64_t accused; /* a 401 names it; 0: none */
  struct sent_event* sent;
  size_t sent_count;
  struct gcn__gap* gaps;
  size_t gap_count;
  uint64_t turns;
  char fault[512]; /* the first broken promise; "" if none */
};

/* Cells met, over all worlds of the process. */
extern uint32_t world_cells[GCN__STATE_COUNT][GCN__INPUT_COUNT];

/* Lives one life.  0, or -1 with world->fault set. */
int world_run(struct world* world, uint64_t seed, FILE* trace);

/* Notes a broken promise; the first one counts. */
void world_break(struct world* world, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
void world_say(struct world* world, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

/* check.c: the promises, each where it can be seen. */
void check_state(struct world* world, const struct gcn__transition* change);
void check_open(struct world* world, enum gcn__wire_index wire);
void check_event(struct world* world, const struct gcn__event* event);
void check_gap(struct world* world, const struct gcn__gap* gap);
void check_turn(struct world* world);
void check_text(struct world* world, const char* text);
void check_upload(struct world* world, struct link* link,
                  struct gcn__span bytes);
void check_download(struct world* world, struct link* link,
                    struct gcn__span bytes);
void check_end(struct world* world);

/* network.c */
void network_open(struct world* world, enum gcn__wire_index wire);
void network_drop(struct world* world, enum gcn__wire_index wire, bool abort);
void network_upload(struct world* world, enum gcn__wire_index wire,
                    struct gcn__span bytes);
struct link* network_link(struct world* world, enum gcn__wire_index wire);
/* Moves the service's output into the queues. */
void network_collect(struct world* world);
/* Does one thing that is due now; false if there is none. */
bool network_step(struct world* world);
uint64_t network_deadline(const struct world* world);
void network_heal(struct world* world);
void network_free(struct world* world);
/* world.c: the engine's turn after a fact. */
void world_turn(struct world* world);

#endif
