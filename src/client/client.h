/* SPDX-License-Identifier: MIT */
/*
 * The client's inside, shared by the files of this directory only.
 *
 *   client.c    the public calls: check, note the wish, wake the loop
 *   ask.c       the user's answers to what the engine asks
 *   lifetime.c  new, close, abandon
 *   mailbox.c   what was asked for and not done yet
 *   pump.c      the one place where facts go in and user code runs
 *   wires.c     links, as the engine says
 *   tell.c      the engine's records as the public ones
 *   delivery.c  events to the user, and acknowledgements; with flight.c,
 *               give.c, collect.c, queue.c, drops.c and retain.c
 *   checkpoint.c  how far the user has come, on disk
 *   gap.c       gaps with their topics
 *   hub.c       what clients of one loop share
 *   proxies.c   the environment's and the user's words on proxies
 *   options.c   options checked and made complete
 *   stats.c     counters
 *   names.c, strerror.c, logger.c
 */
#ifndef GCN_CLIENT_CLIENT_H
#define GCN_CLIENT_CLIENT_H

#include "base/list.h"
#include "client/hub.h"
#include "client/logger.h"
#include "client/mailbox.h"
#include "client/metrics.h"
#include "client/proxies.h"
#include "loop/link.h"
#include "loop/timer.h"

#include <unistd.h>

struct gcn__callbacks {
  gcn_state_cb state;
  gcn_topic_cb topic;
  gcn_gap_cb gap;
  gcn_heartbeat_cb heartbeat;
  gcn_notice_cb notice;
  gcn_rotation_cb rotation;
  gcn_credentials_cb credentials;
  gcn_token_cb token;
  gcn_refresh_cb refresh;
  gcn_checkpoint_cb checkpoint;
  gcn_durable_cb durable;
  gcn_batch_cb batch; /* instead of event */
  gcn_event_cb event;
};

/* A moment on both clocks; all-zero: never. */
struct gcn__moment {
  uint64_t ms;
  int64_t unix_ms;
};

enum {
  GCN__CONNECT_MS = 5000, /* for the race, or the caller's connector */
  GCN__DUMP_SIZE_MAX = 32 * 1024 * 1024,
};

/* What is known of a wire and was not done yet. */
enum gcn__fact {
  GCN__FACT_HURRIED = 1 << 0, /* gcn__link_woken has something to do */
  GCN__FACT_LINKED = 1 << 1,
  GCN__FACT_UNREAD = 1 << 2,  /* there is something to read ... */
  GCN__FACT_AWAITED = 1 << 3, /* ... for which the alarm waits */
};

struct gcn__checkpointer;
struct gcn__delivery;

/* In the order of use, not of sense: a loop with thousands of clients finds
 * each of them cold, so what an ordinary wake-up looks at lies together.  From
 * the end of `mailbox` to the beginning of `alarm`, from the end of `call` to
 * the first of `wires`, and the first of `reads`. */
struct gcn_client_s {
  struct gcn__mem mem;
  uv_thread_t thread;
  pid_t pid;
  gcn_close_cb close_cb;
  struct gcn__logger logger;
  struct gcn__tls_config* tls;
  struct gcn__list links;
  uint64_t excused_ms;
  uint64_t sleep_count;
  struct gcn__mailbox mailbox; /* its commands last */

  uv_loop_t* loop;
  struct gcn__turns* turns; /* the hub's; never changes: any thread reads it */
  gcn_hub_t* hub;
  struct gcn__engine* engine;
  struct gcn__delivery* delivery;
  struct gcn__checkpointer* checkpointer; /* NULL: nothing is stored */
  uint64_t turn_number;
  uint64_t awake_ms;    /* when the loop called us last */
  uint64_t slept_count; /* of the hub's sleeps, those the engine was told of */
  uint64_t settled;     /* a bit for each wire: its handshakes are over */
  unsigned calls_left;  /* of this turn's budget */
  unsigned looks;       /* polls that the alarm in hand has waited for */
  unsigned first_wire;  /* of those to be read, when its turn comes */
  unsigned unopened;    /* how many `open_errors` there are */
  bool stream;          /* the dialect: topics are subscriptions */
  bool referenced;
  bool closing; /* gcn_client_close was called: user code is over */
  bool leaving; /* the engine is done: handles are being closed */
  bool parted;  /* `turns` is the client's no more */
  bool pumping; /* user code may be running right now */
  bool pause_wanted;
  bool paused;  /* what the engine knows */
  bool serving; /* its turn has come */
  bool woken;   /* there is something to do without a new fact */
  bool rung;    /* the alarm has come, and was not heard yet */
  bool held;    /* the engine judges no deadline */
  bool alone;   /* there is one connection, whose state is the client's */
  /* What is on the loop.  `hold_count` counts the timer, the place among the
   * clients of the hub, and every link that is not freed yet, orphans included;
   * at 0 the client may go. */
  struct gcn__alarm alarm; /* when it is due first */
  struct gcn__turn turn;
  unsigned hold_count;

  struct gcn__callbacks call; /* those for events last */
  void* data;
  struct gcn__link* wires[GCN__WIRE_COUNT];  /* those the engine knows */
  struct gcn__moment reads[GCN__WIRE_COUNT]; /* of the bytes in hand */
  int open_errors[GCN__WIRE_COUNT];          /* to be told at the next wake */
  unsigned char facts[GCN__WIRE_COUNT];      /* sets of gcn__fact */

  struct gcn__connector* connector; /* NULL: we dial ourselves */
  struct gcn__connector_hook connect_hook;
  gcn_connect_cb connect_cb;
  gcn_retry_cb retry_cb;
  gcn_id_cb id_cb;
  struct gcn__socket_options socket;
  uint64_t dns_ms;
  struct gcn__proxies proxies;
  struct gcn__recorder* recorder; /* NULL: off */
  uint64_t uncounted_ms; /* of the hub's sleeps, those the engine was told of */

  /* What the user was told last, and counters of it. */
  gcn_state_t state;
  gcn_state_t shard_states[GCN__SHARD_COUNT_MAX];
  uint64_t state_since_ms;
  uint64_t shard_since_ms[GCN__SHARD_COUNT_MAX];
  uint64_t failure_count;
  struct gcn__failure_counts failures_by;
  /* The last read of each stream that was lost. */
  struct gcn__moment losses[GCN__SHARD_COUNT_MAX];
};

_Static_assert((int)GCN__WIRE_COUNT <= 64, "a bit for each wire");

/* Of a set of wires. */
static inline uint64_t gcn__client_bit(unsigned wire) {
  return UINT64_C(1) << wire;
}

/* lifetime.c: something of the client left the loop. */
void gcn__client_release(void* client);
/* The engine is CLOSED: everything goes. */
void gcn__client_leave(struct gcn_client_s* client);
void gcn__client_set_ref(struct gcn_client_s* client, bool referenced);
/* pump.c: a turn of its own, soon; also for who asks from within one. */
void gcn__client_wake(struct gcn_client_s* client);

#endif
