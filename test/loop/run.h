/* SPDX-License-Identifier: MIT */
/*
 * Runs of a program that keeps a checkpoint: a user with what it is told of it,
 * and the folder that its file is in.
 */
#ifndef GCN_TEST_LOOP_RUN_H
#define GCN_TEST_LOOP_RUN_H

#include "service.h"

#include "codec/checkpoint.h"

struct run {
  struct user user; /* first: it is what callbacks are given */
  gcn_options_t options;
  unsigned told; /* of failures */
  int error;
  char text[GCN_FAILURE_TEXT_SIZE];
  uint64_t durable;
  bool any_durable;
};

/* Names in a folder of the test's own; made by run_setup. */
extern char run_folder[64];
extern char run_path[96];
extern char run_before_path[112]; /* of the generation before */

/* As harness_setup and harness_teardown, with the folder. */
int run_setup(void** state);
int run_teardown(void** state);
#define RUN_TEST(name)                                                         \
  cmocka_unit_test_setup_teardown(name, run_setup, run_teardown)

/* Options with a checkpoint in the folder. */
void run_prepare(struct run* run, const struct service* service);
/* Up to STREAMING. */
void run_stream(struct run* run, struct service* service);
void run_await_durable(struct run* run, uint64_t sequence);
/* A run that handles some events, each saved, and ends in order. */
void run_once(struct service* service, unsigned events);
/* The last checkpoint must be a good one; free it. */
struct gcn__checkpoint_read* run_read(void);

struct run_file {
  char* bytes; /* free it; NULL: there is none */
  size_t size;
};

struct run_file run_load(const char* name);
void run_write(const char* name, const char* bytes, size_t size);

#endif
