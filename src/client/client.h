/* SPDX-License-Identifier: MIT */
/*
 * The client's inside, shared by the files of this directory only.
 *
 *   client.c    the public calls: check, note the wish, wake the loop
 *   lifetime.c  new, close, abandon
 *   mailbox.c   what was asked for and not done yet
 *   pump.c      the one place where facts go in and user code runs
 *   tell.c      the engine's records as the public ones
 *   options.c   options checked and made complete
 *   stats.c     counters
 *   names.c, strerror.c, logger.c
 */
#ifndef GCN_CLIENT_CLIENT_H
#define GCN_CLIENT_CLIENT_H

#include "base/list.h"
#include "client/logger.h"
#include "client/mailbox.h"
#include "loop/link.h"
#include "loop/timer.h"

#include <unistd.h>

struct gcn__callbacks {
  gcn_event_cb event;
  gcn_state_cb state;
  gcn_topic_cb topic;
  gcn_gap_cb gap;
  gcn_heartbeat_cb heartbeat;
  gcn_notice_cb notice;
};

/* One read of this size fills at most four TLS records. */
enum { GCN__READ_BUFFER_SIZE = 64 * 1024 };

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
  char* read_buffer;

  /* What is on the loop.  `hold_count` counts both handles and every link that
   * is not freed yet, orphans included; at 0 the client may go. */
  struct gcn__alarm alarm;
  uv_async_t async;
  struct gcn__list links;
  unsigned hold_count;
  struct gcn__link* wires[GCN__WIRE_COUNT]; /* those the engine knows */
  int open_errors[GCN__WIRE_COUNT];         /* to be told at the next wake */
  const struct gcn__resolver_api* resolver;

  bool referenced;
  bool closing; /* gcn_client_close was called: user code is over */
  bool leaving; /* the engine is done: handles are being closed */
  bool pumping; /* user code may be running right now */
  bool pause_wanted;
  bool paused;         /* what the engine knows */
  bool yielding;       /* reading rests until the next turn */
  bool stalled;        /* the loop was late; it reads once before it judges */
  unsigned calls_left; /* of this turn's budget */
  uint64_t time_left_ns;
  uint64_t excused_ms;

  /* What the user was told last, and counters of it. */
  gcn_state_t state;
  uint64_t state_since_ms;
  uint64_t failure_count;
  uint64_t read_ms; /* when the bytes in hand were read, on both clocks */
  int64_t read_unix_ms;
  uint64_t lost_ms; /* the same pair when the last stream was lost */
  int64_t lost_unix_ms;
};

/* lifetime.c: something of the client left the loop. */
void gcn__client_release(void* client);
/* The engine is CLOSED: everything goes. */
void gcn__client_leave(struct gcn_client_s* client);
void gcn__client_set_ref(struct gcn_client_s* client, bool referenced);

#endif
