/* SPDX-License-Identifier: MIT */
/*
 * The client's inside, shared by the files of this directory only.
 *
 *   client.c    the public calls: check, note the wish, wake the loop
 *   ask.c       the user's answers to what the engine asks
 *   lifetime.c  new, close, abandon
 *   mailbox.c   what was asked for and not done yet
 *   pump.c      the one place where facts go in and user code runs
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
#include "loop/suspend.h"
#include "loop/timer.h"

#include <unistd.h>

struct gcn__callbacks {
  gcn_event_cb event;
  gcn_state_cb state;
  gcn_topic_cb topic;
  gcn_gap_cb gap;
  gcn_heartbeat_cb heartbeat;
  gcn_notice_cb notice;
  gcn_rotation_cb rotation;
  gcn_credentials_cb credentials;
  gcn_token_cb token;
  gcn_refresh_cb refresh;
  gcn_batch_cb batch; /* instead of event */
  gcn_durable_cb durable;
  gcn_checkpoint_cb checkpoint;
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

struct gcn__checkpointer;
struct gcn__delivery;

struct gcn_client_s {
  struct gcn__mem mem;
  uv_loop_t* loop;
  uv_thread_t thread;
  pid_t pid;
  void* data;
  struct gcn__callbacks call;
  gcn_close_cb close_cb;
  struct gcn__logger logger;
  struct gcn__tls_config* tls;
  struct gcn__engine* engine;
  struct gcn__mailbox mailbox;
  char* read_buffer; /* the hub's */
  struct gcn__delivery* delivery;
  struct gcn__checkpointer* checkpointer; /* NULL: nothing is stored */

  /* What is on the loop.  `hold_count` counts both handles and every link that
   * is not freed yet, orphans included; at 0 the client may go. */
  struct gcn__alarm alarm;
  uv_async_t async;
  struct gcn__list links;
  unsigned hold_count;
  struct gcn__link* wires[GCN__WIRE_COUNT]; /* those the engine knows */
  int open_errors[GCN__WIRE_COUNT];         /* to be told at the next wake */
  bool settled[GCN__WIRE_COUNT];            /* their handshakes are over */
  gcn_hub_t* hub;
  struct gcn__connector* connector; /* NULL: we dial ourselves */
  struct gcn__connector_hook connect_hook;
  gcn_connect_cb connect_cb;
  gcn_retry_cb retry_cb;
  gcn_id_cb id_cb;
  struct gcn__socket_options socket;
  uint64_t dns_ms;
  struct gcn__proxies proxies;
  struct gcn__recorder* recorder; /* NULL: off */
  struct gcn__suspend suspend;
  uint64_t suspend_awake_ms; /* the awake clock then */
  uint64_t suspend_seen_ms;  /* when it was looked at last */
  uint64_t sleep_count;

  bool stream; /* the dialect: topics are subscriptions */
  bool referenced;
  bool closing; /* gcn_client_close was called: user code is over */
  bool leaving; /* the engine is done: handles are being closed */
  bool pumping; /* user code may be running right now */
  bool pause_wanted;
  bool paused;         /* what the engine knows */
  bool yielding;       /* reading rests until the next turn */
  unsigned looks;      /* polls that the alarm in hand has waited for */
  unsigned calls_left; /* of this turn's budget */
  uint64_t time_left_ns;
  uint64_t awake_ms; /* when the loop called us last */
  uint64_t excused_ms;

  /* What the user was told last, and counters of it. */
  gcn_state_t state;
  gcn_state_t shard_states[GCN__SHARD_COUNT_MAX];
  uint64_t state_since_ms;
  uint64_t shard_since_ms[GCN__SHARD_COUNT_MAX];
  uint64_t failure_count;
  struct gcn__failure_counts failures_by;
  struct gcn__moment reads[GCN__WIRE_COUNT]; /* of the bytes in hand */
  /* The last read of each stream that was lost. */
  struct gcn__moment losses[GCN__SHARD_COUNT_MAX];
};

/* lifetime.c: something of the client left the loop. */
void gcn__client_release(void* client);
/* The engine is CLOSED: everything goes. */
void gcn__client_leave(struct gcn_client_s* client);
void gcn__client_set_ref(struct gcn_client_s* client, bool referenced);

#endif
