/* SPDX-License-Identifier: MIT */
/*
 * The way of a link to its connection.
 *
 * A literal or a look-up, then a permit, then the race of addresses; or a
 * permit and then the caller's connector.  Look-up, race and connector have a
 * deadline each.  The permit comes last so that nobody holds one who waits for
 * a name server.  It knows nothing of what the connection is for.
 *
 * Whatever it waits for only notes that it is there and hurries the owner; all
 * else happens in gcn__approach_woken and in libuv's call-backs.
 */
#ifndef GCN_LOOP_APPROACH_H
#define GCN_LOOP_APPROACH_H

#include "engine/effect.h"
#include "loop/connector.h"
#include "loop/dial.h"
#include "loop/hosts.h"
#include "loop/permits.h"

enum gcn__approach_phase {
  GCN__APPROACH_LOOK_UP,
  GCN__APPROACH_PERMIT,
  GCN__APPROACH_CONNECTOR,
  GCN__APPROACH_RACE,
  GCN__APPROACH_OVER,
};

struct gcn__approach {
  const struct gcn__mem* mem;
  uv_loop_t* loop;
  const struct gcn__resolver_api* api; /* for look-ups without `hosts` */
  struct gcn__hosts* hosts;            /* NULL: a look-up of its own */
  struct gcn__permits* permits;        /* NULL: none needed */
  struct gcn__connector* connector;    /* NULL: dials */
  uint64_t dns_ms;                     /* 0: no deadline */
  uint64_t connect_ms;                 /* 0: no deadline */
  uint16_t port;
  /* Called from libuv and gcn__approach_woken.  After either of the first two
   * it is over. */
  void (*connected)(void* ctx, struct gcn__attempt* attempt);
  void (*failed)(void* ctx, int error, enum gcn__layer layer, const char* text);
  /* The deadline is nearer now. */
  void (*hurried)(void* ctx);
  void (*acquired)(void* ctx); /* something was put on the loop */
  void (*released)(void* ctx); /* it has left, and uses no memory of ours */
  void* ctx;

  enum gcn__approach_phase phase;
  uint64_t due_ms;  /* of the phase */
  uint64_t race_ms; /* when the race began */
  int error;       /* to be told at the next wake */
  char* host;      /* while a connector waits for its permit */
  struct gcn__addresses found;
  struct gcn__resolver resolver;
  struct gcn__hosts_waiter waiter;
  struct gcn__permit permit;
  struct gcn__connector_waiter request;
  struct gcn__dial dial;
};

/* The members before `phase`, and `referenced` and `socket` of `dial`, are set
 * by the caller; the rest is zero.  0 or GCN__ENOMEM; then nothing is begun. */
int gcn__approach_begin(struct gcn__approach* approach, const char* host,
                        uint64_t now_ms);
uint64_t gcn__approach_deadline(const struct gcn__approach* approach);
void gcn__approach_woken(struct gcn__approach* approach, uint64_t now_ms);
/* The connection is made for good: returns the permit. */
void gcn__approach_settle(struct gcn__approach* approach);
/* Whether its connection needs it no more: the permit is back, and those who
 * lost the race are gone. */
bool gcn__approach_is_done(const struct gcn__approach* approach,
                           const struct gcn__attempt* winner);
/* Then: it is not used any more.  When the winner is gone, `released` is called
 * with its `ctx`. */
void gcn__approach_part(struct gcn__approach* approach,
                        struct gcn__attempt* winner,
                        void (*released)(void* ctx));
/* Ends it; also after the end.  Nothing but `released` is called any more. */
void gcn__approach_drop(struct gcn__approach* approach);
/* For a child after fork: closes descriptors without touching the loop. */
void gcn__approach_abandon(struct gcn__approach* approach);

#endif
