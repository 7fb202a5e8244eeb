/* SPDX-License-Identifier: MIT */
/*
 * The shared look-ups before a system that does as it is told, on invented
 * time: each moment is the loop's clock plus what the case wants to have
 * passed.
 */
#ifndef GCN_TEST_LOOP_WORLD_H
#define GCN_TEST_LOOP_WORLD_H

#include "harness.h"

#include "unit/mem-probe.h"

#include "loop/hosts.h"

enum { WORLD_LOOKUPS_MAX = 8, WORLD_NAMES_MAX = 4 };

/* The system; there is one. */
struct fake {
  struct {
    uv_getaddrinfo_t* request;
    uv_getaddrinfo_cb done;
    char name[64];
  } lookups[WORLD_LOOKUPS_MAX];
  int count; /* of look-ups begun */
  int start_error;
  struct addrinfo items[WORLD_NAMES_MAX];
  struct sockaddr_in names[WORLD_NAMES_MAX];
};

extern struct fake fake;
extern const struct gcn__resolver_api fake_api;

/* Ends the look-up begun as number `at`, counted from 0. */
void fake_fail(int at, int error);
/* The same, with 127.0.0.x for each digit x. */
void fake_answer(int at, const char* digits);

struct world {
  uv_loop_t* loop;
  struct mem_probe probe;
  struct gcn__hosts* hosts;
  uint64_t now_ms;
  bool gone;
};

struct gcn__hosts_options world_options(struct world* world);
void world_begin(struct world* world, uv_loop_t* loop);
void world_begin_with(struct world* world, uv_loop_t* loop,
                      const struct gcn__hosts_options* options);
/* For gcn__hosts_release. */
void world_on_gone(void* keeper);
/* Asserts that nothing runs, and that nothing is left. */
void world_end(struct world* world);

struct asker {
  struct gcn__hosts_waiter waiter;
  unsigned ready_count;
};

void ask(struct world* world, struct asker* asker, const char* name,
         uint64_t later_ms);
void assert_found(const struct asker* asker, const char* digits);
void leave(struct asker* asker);
/* Asks, has the system answer, and leaves. */
void learn(struct world* world, const char* name, const char* digits);
/* Asks for a.test, which is known, and leaves. */
void assert_order(struct world* world, const char* digits);

#endif
