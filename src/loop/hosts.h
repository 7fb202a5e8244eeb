/* SPDX-License-Identifier: MIT */
/*
 * The look-ups of one loop, shared by links and clients.
 *
 * At most one look-up per name is awaited by all who ask.  Nobody waits for it
 * longer than he likes: who gives up leaves, and the look-up goes on for the
 * sake of the cache.  Answers are used for a while (`fresh_ms`), and for much
 * longer (`stale_ms`) when a new look-up fails or is not done in time.
 * Addresses that did not work are put behind the others.
 *
 * It knows no port, has no timer and calls nobody but `ready`.  All of it is
 * for the loop's thread only.
 */
#ifndef GCN_LOOP_HOSTS_H
#define GCN_LOOP_HOSTS_H

#include "base/list.h"
#include "base/mem.h"
#include "loop/resolver.h"

enum {
  GCN__HOSTS_KEPT_MAX = 64, /* names that nobody asks for just now */
  /* Under way, those given up included.  Only a hook that keeps losing its
   * requests gets there, by one in 30 s. */
  GCN__HOSTS_LOOKUPS_MAX = 1024,
  GCN__HOSTS_FRESH_MS = 30000, /* getaddrinfo tells no time to live */
  GCN__HOSTS_STALE_MS = 3600000,
  GCN__HOSTS_FAILED_MS = 1000, /* for so long a failure is not tried again */
  /* A look-up this old is not joined any more; a new one is begun.  The C
   * library gives up after 5 s twice for each of three servers. */
  GCN__HOSTS_OLD_MS = 30000,
};

struct gcn__hosts;
struct gcn__hosts_entry;

struct gcn__hosts_options {
  uv_loop_t* loop;
  struct gcn__mem mem; /* its context outlives the service */
  const struct gcn__resolver_api* api;
  struct gcn__resolver_hook hook; /* instead of `api` if `ask` is set */
  /* Both 0: nothing is remembered, look-ups under way are still shared. */
  uint64_t fresh_ms;
  uint64_t stale_ms;
};

/* Somebody who asks.  All-zero but for the first two members to begin with. */
struct gcn__hosts_waiter {
  /* `done` became true.  Comes from libuv, or from inside of
   * gcn__resolver_answer, so it may note this and no more; never from inside of
   * gcn__hosts_ask. */
  void (*ready)(void* ctx);
  void* ctx;

  bool done;
  int error;                   /* a UV_ code; 0: found */
  struct gcn__addresses found; /* without a port */

  struct gcn__hosts* hosts;       /* NULL: not asking */
  struct gcn__hosts_entry* entry; /* NULL: out of memory */
  struct gcn__list link;          /* in the entry's ring until `done` */
  bool asking;
};

/* NULL: out of memory. */
struct gcn__hosts* gcn__hosts_new(const struct gcn__hosts_options* options);
/* One more user; returns it. */
struct gcn__hosts* gcn__hosts_acquire(struct gcn__hosts* hosts);
/* One user less; all of its waiters have left.  True: that is all.  False: it
 * was the last one and look-ups still run; `gone` comes when they have ended
 * and the memory is free.  Unanswered requests of a hook are freed at once. */
bool gcn__hosts_release(struct gcn__hosts* hosts, void (*gone)(void* keeper),
                        void* keeper);
/* For a child after fork: like release, without touching the loop. */
void gcn__hosts_abandon(struct gcn__hosts* hosts);
/* Forgets all answers, as after the machine slept or changed its network. */
void gcn__hosts_flush(struct gcn__hosts* hosts);

/* Asks for `name`; the waiter is `done` at once or later.  Errors besides those
 * of the resolver: UV_ENOMEM; UV_EAI_AGAIN if too many look-ups run. */
void gcn__hosts_ask(struct gcn__hosts* hosts, struct gcn__hosts_waiter* waiter,
                    const char* name, uint64_t now_ms);
/* Waits no longer: `done`, with an old answer or else UV_ETIMEDOUT. */
void gcn__hosts_give_up(struct gcn__hosts_waiter* waiter, uint64_t now_ms);
/* Ends the asking, in any state; legal for who does not ask.  A look-up that
 * nobody else waits for is cancelled if it has not begun. */
void gcn__hosts_leave(struct gcn__hosts_waiter* waiter);
/* For a child after fork. */
void gcn__hosts_leave_abandoned(struct gcn__hosts_waiter* waiter);

/* What became of an answer; for who has one and has not left. */
void gcn__hosts_failed(struct gcn__hosts_waiter* waiter,
                       const union gcn__address* address);
void gcn__hosts_worked(struct gcn__hosts_waiter* waiter,
                       const union gcn__address* address);
/* It led nowhere: whoever asks next, has it looked up again. */
void gcn__hosts_doubt(struct gcn__hosts_waiter* waiter);

#endif
