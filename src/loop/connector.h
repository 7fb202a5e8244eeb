/* SPDX-License-Identifier: MIT */
/*
 * Connections that the caller makes: through a tunnel of his own, or to a
 * socketpair.
 *
 * A request is the caller's until he answers it, which may be long after we
 * lost interest; then the descriptor is closed, and nobody hears of it.  It
 * knows no links and has no deadline.  All of it is for the loop's thread only.
 */
#ifndef GCN_LOOP_CONNECTOR_H
#define GCN_LOOP_CONNECTOR_H

#include "base/list.h"
#include "base/mem.h"

#include <uv.h>

/* Not answered yet, those given up included.  Only a caller that keeps losing
 * requests gets there. */
enum { GCN__CONNECTOR_REQUESTS_MAX = 1024 };

struct gcn__connector;
struct gcn__connect;

struct gcn__connector_hook {
  /* 0, and then gcn__connect_done is called for `request` once, later or from
   * in here; or an error, and it is not.  `host` is valid until it returns. */
  int (*connect)(void* ctx, const char* host, uint16_t port,
                 struct gcn__connect* request);
  void* ctx;
};

/* Somebody who wants a connection.  All-zero but for the first two members to
 * begin with. */
struct gcn__connector_waiter {
  /* `done` became true.  Comes from inside of gcn__connect_done, so it may note
   * this and no more; never from inside of gcn__connector_ask. */
  void (*ready)(void* ctx);
  void* ctx;

  bool done;
  int error;       /* 0: `fd` is there to be taken */
  uv_os_sock_t fd; /* the taker sets it to -1 */

  struct gcn__connect* request; /* NULL: answered, or not asking */
  bool asking;
};

/* NULL: out of memory. */
struct gcn__connector*
gcn__connector_new(const struct gcn__mem* mem,
                   const struct gcn__connector_hook* hook);
/* Frees what is not answered; then nothing may be answered any more.  No waiter
 * asks by now.  Also for a child after fork. */
void gcn__connector_free(struct gcn__connector* connector);

/* The waiter is `done` at once or later.  Errors besides the hook's: UV_ENOMEM;
 * UV_EAGAIN if too many requests are unanswered. */
void gcn__connector_ask(struct gcn__connector* connector,
                        struct gcn__connector_waiter* waiter, const char* host,
                        uint16_t port);
/* Ends the asking and closes what was not taken, in any state. */
void gcn__connector_leave(struct gcn__connector_waiter* waiter);

/* The hook's answer: `status` 0 and a connected stream socket (TCP or AF_UNIX)
 * that is ours from now on, blocking or not, or an error; then `fd` is ignored.
 * A descriptor of which another handle of the loop makes use stays where it is;
 * the link then fails with UV_EEXIST. */
void gcn__connect_done(struct gcn__connect* request, int status,
                       uv_os_sock_t fd);

#endif
