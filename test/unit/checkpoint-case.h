/* SPDX-License-Identifier: MIT */
/*
 * A checkpointer between a client that is all doubles and a shelf in memory:
 * the engine and the delivery say what the case wants them to have said, the
 * wall clock shows what the case sets, and the shelf answers when told.
 */
#ifndef GCN_TEST_CHECKPOINT_CASE_H
#define GCN_TEST_CHECKPOINT_CASE_H

#include "check.h"

#include "mem-spy.h"

#include "client/checkpoint-parts.h"
#include "client/delivery.h"
#include "client/options.h"

#define CASE_WALL_MS INT64_C(1800000000000)

enum {
  CASE_SAVES_MAX = 64,
  CASE_SEQUENCES_MAX = 64,
  CASE_TEXT_SIZE = 1024,
};

/* Keeps two generations, like any store. */
struct shelf {
  char* bytes[GCN__STORE_GENERATIONS];
  size_t sizes[GCN__STORE_GENERATIONS];
  int load_errors[GCN__STORE_GENERATIONS]; /* 0: what is there, or ENOENT */
  int save_error;
  int refusal;      /* load and save themselves return it */
  int afterthought; /* a load answers at once and returns it as well */
  bool lazy;        /* answers wait for shelf_answer */
  gcn_load_t* load;
  unsigned load_generation;
  gcn_save_t* save;
  const void* saved; /* what is to be stored when it answers, ... */
  char* copy;        /* ... and it must not change until then */
  size_t saved_size;
  unsigned loads;
  unsigned saves; /* that were asked for */
  unsigned closes;
  uint64_t sequences[CASE_SEQUENCES_MAX]; /* of the last save */
  size_t sequence_count;
};

struct gcn__engine {
  unsigned commands;
  enum gcn__state state;
  struct gcn__session sessions[GCN__SHARD_COUNT_MAX];
  struct gcn__standing standings[GCN__SHARD_COUNT_MAX];
  unsigned char topics[GCN__SHARD_COUNT_MAX][GCN__ENGINE_SALT_SIZE];
  unsigned char salt[GCN__ENGINE_SALT_SIZE];
  /* What it was restored with; texts are copies. */
  int restore_error;
  unsigned restores;
  struct gcn__restored restored[GCN__SHARD_COUNT_MAX]; /* by shard */
  bool given[GCN__SHARD_COUNT_MAX];
  char texts[GCN__SHARD_COUNT_MAX][3][64];
  unsigned unreadable; /* how often it was told so */
  int error;
  char text[GCN__FAILURE_TEXT_SIZE];
};

struct gcn__delivery {
  struct gcn__window window;
  uint64_t acks[CASE_SEQUENCES_MAX];
  size_t ack_count;
  uint64_t waiting; /* events without a number yet */
  unsigned flushes;
};

struct stage {
  uv_loop_t loop;
  struct mem_spy spy;
  struct gcn_client_s client;
  struct gcn__engine engine;
  struct gcn__delivery delivery;
  struct gcn__config config;
  struct shelf shelf;
  uint64_t now_ms;

  unsigned told; /* of failures */
  int told_error;
  char told_text[CASE_TEXT_SIZE];
  unsigned durables;
  uint64_t durable;
  char log[8 * CASE_TEXT_SIZE]; /* all lines */
  bool closes; /* the user closes from inside the next callback */
};

/* The wall clock. */
extern int64_t case_wall_ms;
/* What a snapshot takes. */
extern uint64_t case_cost_ns;
/* Digests of topics that were asked for. */
extern unsigned case_digest_count;

/* A channels client; then change stage->config and call case_open. */
void case_begin(struct stage* stage);
int case_open(struct stage* stage);
void case_open_well(struct stage* stage);
/* Frees everything and asserts that nothing is left. */
void case_end(struct stage* stage);

/* As the pump: commands through the filter, then a turn. */
void case_command(struct stage* stage, unsigned commands);
void case_turn(struct stage* stage);
/* Time passes, then a turn. */
void case_pass(struct stage* stage, uint64_t passed_ms);
/* START, and the shelf's answers; asserts that it went through. */
void case_start(struct stage* stage);
/* Turns of quit until it is true. */
void case_quit(struct stage* stage);

/* The answer that the shelf owes. */
void shelf_answer(struct stage* stage);
/* Puts bytes where a generation is kept. */
void shelf_put(struct shelf* shelf, unsigned generation, const void* bytes,
               size_t size);
/* What the shelf has must be a good one; free it. */
struct gcn__checkpoint_read* shelf_read(const struct shelf* shelf,
                                        unsigned generation);

/* A checkpoint of this stage's owner with the lanes given, as it would have
 * been saved at CASE_WALL_MS; of other owners etc.: change what is copied. */
struct gcn__checkpoint case_checkpoint(const struct stage* stage,
                                       const struct gcn__checkpoint_lane* lanes,
                                       size_t count);
void shelf_write(struct shelf* shelf, unsigned generation,
                 const struct gcn__checkpoint* checkpoint);

/* An event is given out in a lane, acknowledged, or a position is marked. */
uint64_t case_give(struct stage* stage, unsigned lane, uint64_t key);
void case_ack(struct stage* stage, uint64_t sequence);
void case_mark(struct stage* stage, unsigned lane, const char* position);

#endif
