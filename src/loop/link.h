/* SPDX-License-Identifier: MIT */
/*
 * One connection attempt and the connection it becomes: TCP, or a stream socket
 * of the caller's.
 *
 * A link has an owner, who listens, and a keeper, who waits for it to go.
 * gcn__link_drop, and the end of the link, take the owner away: from then on
 * the link is mute, whatever is still under way, and frees itself at its last
 * reference.  So no call-back can ever be stale.
 *
 * It knows no TLS, no HTTP and no policy.  It never raises SIGPIPE: bytes are
 * written with send(MSG_NOSIGNAL), never with uv_write.
 */
#ifndef GCN_LOOP_LINK_H
#define GCN_LOOP_LINK_H

#include "base/list.h"
#include "base/mem.h"
#include "base/span.h"
#include "engine/effect.h"
#include "loop/connector.h"
#include "loop/hosts.h"
#include "loop/permits.h"
#include "loop/socket.h"

struct gcn__link;

/* What a link tells its owner, but for `hurried` from libuv's call-backs,
 * gcn__link_woken and gcn__link_pull only.  After `ended` the link is gone for
 * its owner; no drop is needed. */
struct gcn__link_listener {
  void (*linked)(void* owner, struct gcn__link* link);
  /* Where the next bytes go; used until `received` returns.  Nothing (NULL, 0):
   * not now, and then `unread` comes instead. */
  void (*lend)(void* owner, uv_buf_t* buf);
  void (*received)(void* owner, struct gcn__link* link, struct gcn__span bytes);
  /* Something can be read, bytes or the end, and was not for want of a place.
   * Comes again with each poll while reading is on: gcn__link_pull. */
  void (*unread)(void* owner, struct gcn__link* link);
  void (*writable)(void* owner, struct gcn__link* link);
  /* `layer` is DNS or TCP.  `text` is valid until it returns. */
  void (*ended)(void* owner, struct gcn__link* link, int error,
                enum gcn__layer layer, const char* text);
  /* gcn__link_deadline may have become earlier.  Comes from anywhere on the
   * loop's thread, also while the owner is at work: a look-up, a permit or a
   * connector's answer is there, for which somebody else was the cause.  It may
   * arm a timer, or take a place in line, and no more. */
  void (*hurried)(void* owner, struct gcn__link* link);
};

struct gcn__link_options {
  uv_loop_t* loop;
  const struct gcn__mem* mem; /* outlives the link */
  /* For links without `hosts`. */
  const struct gcn__resolver_api* resolver;
  const struct gcn__link_listener* listener;
  void* owner;
  /* Called when the link's memory is gone; last use of `mem`. */
  void (*gone)(void* keeper);
  void* keeper;
  struct gcn__list* list;    /* the link is in this ring while it lives */
  enum gcn__wire_index wire; /* the owner's name for it */
  bool referenced;           /* handles keep the loop alive */
  const char* host;          /* a name or a literal */
  uint16_t port;

  /* All of these may be left out.  What they point to outlives the link's
   * interest in it: until it was dropped or has ended. */
  struct gcn__hosts* hosts;         /* NULL: a look-up of its own, no cache */
  struct gcn__permits* permits;     /* NULL: dials at once */
  bool patient;                     /* ... behind all who are not */
  struct gcn__connector* connector; /* NULL: resolves and dials itself */
  uint64_t dns_ms;     /* for the look-up; 0: no deadline of the link's own */
  uint64_t connect_ms; /* for the race, or the connector; 0 likewise */
  const struct gcn__socket_options* socket; /* NULL: gcn__socket_defaults */
};

/* Begins to resolve and dial, or to wait for a permit.  0 or GCN__ENOMEM; any
 * other failure comes as `ended`, later. */
int gcn__link_open(const struct gcn__link_options* options, uint64_t now_ms,
                   struct gcn__link** link);
/* Takes the owner away and closes, with a reset if `abort`. */
void gcn__link_drop(struct gcn__link* link, bool abort);

/* The owner is done with the handshakes for which permits are limited; legal at
 * any time, and the end of the link does it, too. */
void gcn__link_settled(struct gcn__link* link);

/* What the system took, 0 if it takes none now: then `writable` comes.  A
 * failure also counts as 0; it ends the link soon, once what the peer sent
 * before has been read. */
size_t gcn__link_write(struct gcn__link* link, struct gcn__span bytes);
/* Reading is off at first. */
void gcn__link_read(struct gcn__link* link, bool wanted);
/* Reads once, now, whether reading is on or not: for who had no place for it
 * when there was something.  True: the place was filled, there may be more. */
bool gcn__link_pull(struct gcn__link* link);

uint64_t gcn__link_deadline(const struct gcn__link* link);
void gcn__link_woken(struct gcn__link* link, uint64_t now_ms);
void gcn__link_ref(struct gcn__link* link, bool referenced);
enum gcn__wire_index gcn__link_wire(const struct gcn__link* link);
/* The owner has another name for it now. */
void gcn__link_rename(struct gcn__link* link, enum gcn__wire_index wire);
bool gcn__link_connected(const struct gcn__link* link);
/* How many socket options the system refused for the connection. */
unsigned gcn__link_refused_options(const struct gcn__link* link);

/* For a child after fork: closes descriptors and frees memory without touching
 * the loop. */
void gcn__link_abandon(struct gcn__link* link);
/* The link that a ring's entry belongs to. */
struct gcn__link* gcn__link_of(struct gcn__list* entry);

#endif
