/* SPDX-License-Identifier: MIT */
/*
 * The race of addresses to one TCP connection (RFC 8305 §5).
 *
 * The next address is tried 250 ms after the last one, or at once when an
 * attempt fails; the first to connect wins and the others are closed.  Instead
 * of a race there may be one connection that somebody else made.  It knows no
 * names and has no deadline of its own.
 *
 * Each attempt owns its handle and is a block of its own, which goes when the
 * handle has left the loop; then `released` is called.  The one that won is
 * closed by whoever took it, through gcn__attempt_close; with
 * gcn__attempt_detach it needs the dial no more.
 */
#ifndef GCN_LOOP_DIAL_H
#define GCN_LOOP_DIAL_H

#include "base/mem.h"
#include "loop/resolver.h"
#include "loop/socket.h"

/* RFC 8305 §8 recommends 250 ms. */
enum { GCN__DIAL_STEP_MS = 250 };

struct gcn__dial;

struct gcn__attempt {
  void* owner; /* of whoever took it, for call-backs of the handle */
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe; /* an adopted AF_UNIX socket */
  };
  uv_connect_t request;
  struct gcn__dial* dial; /* NULL: detached */
  const struct gcn__mem* mem;
  void (*released)(void* ctx); /* if it is detached */
  void* ctx;
  size_t index;
  bool open;        /* the handle is initialised and not closed */
  unsigned refused; /* socket options that the system did not take */
};

struct gcn__dial {
  const struct gcn__mem* mem;
  uv_loop_t* loop;
  bool referenced; /* handles keep the loop alive */
  struct gcn__socket_options socket;
  /* Called from libuv or gcn__dial_woken, never from gcn__dial_start.  After
   * either of the first two the race is over. */
  void (*connected)(void* ctx, struct gcn__attempt* winner);
  void (*failed)(void* ctx, int error);
  void (*released)(void* ctx);
  void (*acquired)(void* ctx); /* a handle was put on the loop */
  void* ctx;

  struct gcn__addresses addresses;
  size_t next;       /* the address to try next; also attempts made */
  size_t open_count; /* attempts under way */
  uint64_t next_ms;  /* when to try it, or to tell the failure */
  int error;         /* the most telling one so far */
  bool over;
  struct gcn__attempt* attempts[GCN__ADDRESS_COUNT_MAX]; /* NULL: gone */
};

/* The members before `addresses` are set by the caller. */
void gcn__dial_start(struct gcn__dial* dial,
                     const struct gcn__addresses* addresses, uint64_t now_ms);
/* Instead of the start: a connected stream socket, TCP or AF_UNIX.  0 and the
 * attempt that owns it now, UV_ENOMEM, or an error of gcn__socket_check or
 * libuv; then it is closed, but for UV_EEXIST: another handle of the loop has
 * it.  Nothing but `acquired` and, later, `released` is called. */
int gcn__dial_adopt(struct gcn__dial* dial, uv_os_sock_t fd,
                    struct gcn__attempt** attempt);
/* GCN__NEVER if there is nothing to be woken for. */
uint64_t gcn__dial_deadline(const struct gcn__dial* dial);
void gcn__dial_woken(struct gcn__dial* dial, uint64_t now_ms);
/* Ends the race without a winner; nothing but `released` is called any more.
 * Legal on an all-zero dial and after the end. */
void gcn__dial_drop(struct gcn__dial* dial);
/* All-zero dials included. */
void gcn__dial_ref(struct gcn__dial* dial, bool referenced);

void gcn__attempt_close(struct gcn__attempt* attempt, bool abort);
/* Whether the race has left nothing behind but `winner`. */
bool gcn__dial_is_left_to(const struct gcn__dial* dial,
                          const struct gcn__attempt* winner);
/* Then: the dial is not used any more, and `released` is called in place of the
 * dial's. */
void gcn__attempt_detach(struct gcn__attempt* attempt,
                         void (*released)(void* ctx), void* ctx);
void gcn__attempt_ref(struct gcn__attempt* attempt, bool referenced);
/* For a child after fork, like gcn__dial_abandon. */
void gcn__attempt_abandon(struct gcn__attempt* attempt);
/* For a child after fork: closes descriptors and frees memory without touching
 * the loop. */
void gcn__dial_abandon(struct gcn__dial* dial);

/* Whether `error` says more about a host than `other` does. */
bool gcn__dial_error_tells_more(int error, int other);

#endif
