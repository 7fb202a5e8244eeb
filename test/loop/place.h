/* SPDX-License-Identifier: MIT */
/*
 * A directory of a test's own with a store in it, and calls that wait for the
 * store's answer.
 */
#ifndef GCN_TEST_LOOP_PLACE_H
#define GCN_TEST_LOOP_PLACE_H

#include "harness.h"

#include "../unit/mem-spy.h"
#include "loop/store.h"

#include <sys/types.h>

struct place {
  uv_loop_t* loop;
  char directory[64];
  char path[100]; /* of what is stored; nothing is there yet */
  struct mem_spy spy;
  struct gcn__mem mem;
  struct gcn__store store; /* for the test to open */
};

/* What `done` was told. */
struct answer {
  struct gcn__store_request request;
  bool done;
  int status;
  bool any; /* bytes came */
  size_t size;
  char text[64]; /* the first of them */
};

void place_begin(struct place* place, uv_loop_t* loop);
void place_close(struct place* place);
/* Only what the store is for may be left in the directory: `path` with one of
 * `endings`, the last of which is NULL. */
void place_remove(struct place* place, const char* const* endings);

/* The store's error or that of the answer. */
int place_load_answer(struct place* place, unsigned generation,
                      struct answer* answer);
int place_load(struct place* place, unsigned generation);
void place_assert_load(struct place* place, unsigned generation,
                       const char* want);
int place_save_acks(struct place* place, struct gcn__span bytes,
                    const struct gcn__store_acks* acks);
int place_save(struct place* place, const char* text);
/* Saves `size` bytes, loads them again and compares them. */
void place_pass_through(struct place* place, size_t size);

void place_put(const char* path, const char* text, mode_t mode);
unsigned place_mode(const char* path);
/* Root may do anything, so it is somebody else from then on, and the directory
 * is theirs. */
void place_leave_root(struct place* place);
void place_be_root_again(void);

#endif
