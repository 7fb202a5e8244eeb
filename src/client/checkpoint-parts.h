/* SPDX-License-Identifier: MIT */
/*
 * The checkpointer's inside, shared by the checkpoint files only.
 *
 *   checkpoint.c          new, end, what is held back, who is told
 *   checkpoint-load.c     asks the store and judges what it answers
 *   checkpoint-restore.c  which stored lane goes to which shard
 *   checkpoint-save.c     when one is saved
 *   checkpoint-snapshot.c what goes in
 *
 * A store's answer only leaves a note and wakes the client; the note is acted
 * upon in the client's next turn, so that no store runs user code.
 */
#ifndef GCN_CLIENT_CHECKPOINT_PARTS_H
#define GCN_CLIENT_CHECKPOINT_PARTS_H

#include "client/checkpoint.h"
#include "client/client.h"
#include "codec/checkpoint.h"
#include "loop/sqlitestore.h"

enum gcn__load_phase {
  GCN__LOAD_UNTRIED,
  GCN__LOAD_ASKED,    /* the store is reading */
  GCN__LOAD_ANSWERED, /* ... and has answered, which is not judged yet */
  GCN__LOAD_SHORT,    /* memory was short: all over again at again_ms */
  GCN__LOAD_UNREADABLE,
  GCN__LOAD_DONE,
};

enum gcn__store_kind {
  GCN__STORE_FILE,
  GCN__STORE_SQLITE,
  GCN__STORE_USER,
};

/* What came of one generation. */
struct gcn__finding {
  unsigned generation;
  int status; /* of the store; 0: look at `fault` */
  enum gcn__checkpoint_fault fault;
  bool foreign; /* it is good, and somebody else's */
};

struct gcn__load {
  enum gcn__load_phase phase;
  bool wanted;   /* a start that was not taken back */
  unsigned held; /* commands that wait for the end of the load */
  struct gcn__store_request request;
  struct gcn__finding finding; /* of the generation in hand */
  struct gcn__finding first;   /* of generation 0 */
  struct gcn__checkpoint_read* read;
  uint64_t again_ms;
};

struct gcn__save {
  struct gcn__store_request request;
  bool active;   /* the store writes */
  bool answered; /* ... and has answered, which is not acted upon yet */
  bool last;     /* the client's end is in it */
  int status;

  /* What the store writes.  Memory is kept from one save to the next. */
  struct gcn__buf text;     /* secret */
  struct gcn__buf channels; /* secret: copies of ids and URIs */
  struct gcn__checkpoint_lane lanes[GCN__LANE_COUNT_MAX];
  struct gcn__key* keys;
  size_t key_capacity;
  uint64_t* sequences;
  size_t sequence_capacity;
  struct gcn__store_acks acks;

  /* The moment at which it was taken. */
  size_t sequence_count;
  uint64_t done; /* everything up to here is acknowledged in it */
  uint64_t revision;
  uint64_t print;

  /* What is stored. */
  uint64_t stored_revision;
  uint64_t stored_print;
  uint64_t serial;
  uint64_t durable; /* the user was told */

  bool changed;       /* since the last one was begun */
  uint64_t print_now; /* at the last turn */
  uint64_t begun_ms;
  uint64_t ended_ms;      /* the last one, well or not */
  uint64_t rest_ms;       /* until the next one: by what a snapshot costs */
  uint64_t not_before_ms; /* after failures */
  unsigned failures;      /* in a row */
};

/* What is remembered of a lane besides its window. */
struct gcn__past {
  /* The stream was known to be good until then, and everything that came until
   * then is handled; 0: not known. */
  int64_t good_unix_ms;
  int64_t hoped_unix_ms; /* ... if all before `hoped_next` are handled */
  bool streamed;         /* in this run; before, the engine has no say */
  bool digested;         /* else `topics` may be those of before a change */
  unsigned char topics[GCN__CHECKPOINT_DIGEST_SIZE];
};

struct gcn__checkpointer {
  struct gcn__mem mem; /* its own: stores view it */
  enum gcn__store_kind kind;
  struct gcn__store store;
  struct gcn__sqlite_effect effect; /* the store views it */
  char* name;                       /* what the user calls the store */
  bool stream;
  unsigned char owner[GCN__CHECKPOINT_DIGEST_SIZE];
  unsigned char identity[GCN__CHECKPOINT_DIGEST_SIZE];
  uint64_t (*clock_ns)(void); /* for costs; only differences count */
  uint64_t step_ms;
  uint64_t latency_ms; /* how long an event may have been on its way */
  bool ending;         /* the store was told to end */
  bool ended;
  struct gcn__load load;
  struct gcn__save save;
  struct gcn__past past[GCN__LANE_COUNT_MAX];
  uint64_t hoped_next; /* 0: nothing is hoped yet */
  uint64_t idle_ms;    /* the last turn at which nothing was in hand */
  struct gcn__checkpoint_counters counters;
};

/* checkpoint.c */
/* Both are mute from the moment that the client is being closed. */
void gcn__checkpointer_log(struct gcn_client_s* client,
                           enum gcn__log_level level, const char* event,
                           const char* text);
/* Calls the user. */
void gcn__checkpointer_tell(struct gcn_client_s* client, int error,
                            const char* text);

/* checkpoint-load.c */
void gcn__load_begin(struct gcn_client_s* client);
/* Acts upon the answer of the store. */
void gcn__load_turn(struct gcn_client_s* client, uint64_t now_ms);
/* "checkpoint file /x: it ends too soon; ..." */
void gcn__finding_explain(const struct gcn__checkpointer* checkpointer,
                          const struct gcn__finding* finding, char* text,
                          size_t size);

/* checkpoint-restore.c */
/* The window and the engine take what was stored.  0, GCN_ELIMIT (a member that
 * can't be), GCN__ENOMEM: it can be tried again. */
int gcn__checkpoint_restore(struct gcn_client_s* client,
                            const struct gcn__checkpoint* stored,
                            uint64_t now_ms, int64_t unix_ms);

/* checkpoint-save.c */
/* Acts upon the answer of the store; begins the next save if it is due. */
void gcn__save_turn(struct gcn_client_s* client, uint64_t now_ms);
/* When the next one is to be begun. */
uint64_t gcn__save_due(const struct gcn_client_s* client);
/* Begins one; the answer may be there already. */
void gcn__save_begin(struct gcn_client_s* client, bool last, uint64_t now_ms);

/* checkpoint-snapshot.c */
void gcn__save_init(struct gcn__checkpointer* checkpointer);
void gcn__save_deinit(struct gcn__checkpointer* checkpointer);
/* Fills in what is to be written and the moment at which it was taken.  0,
 * GCN__ENOMEM, GCN_ELIMIT. */
int gcn__save_snapshot(struct gcn_client_s* client, bool last, uint64_t now_ms);
bool gcn__save_streams(const struct gcn__engine* engine, unsigned shard);
/* Of what changes without a word: who streams, and over which channel.  Not a
 * secret. */
uint64_t gcn__save_print(const struct gcn__engine* engine);

#endif
