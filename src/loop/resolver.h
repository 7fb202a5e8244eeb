/* SPDX-License-Identifier: MIT */
/*
 * Host names to addresses: one look-up, by the system or by the caller.
 *
 * A look-up that already runs in libuv's pool cannot be cancelled, only
 * orphaned: after gcn__resolver_drop its answer is thrown away, but the memory
 * of the request is in use until `released` is called.  The same holds for a
 * caller's resolver, which may answer late.  There is no deadline and no cache
 * here; whoever asked has them.
 */
#ifndef GCN_LOOP_RESOLVER_H
#define GCN_LOOP_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* What a DNS answer over UDP holds is not lost; with a quarter of a second for
 * each, all of them are tried within the deadline of a step. */
enum { GCN__ADDRESS_COUNT_MAX = 16 };

union gcn__address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

struct gcn__addresses {
  union gcn__address items[GCN__ADDRESS_COUNT_MAX];
  size_t count;
};

/* uv_getaddrinfo and uv_freeaddrinfo, or a test's. */
struct gcn__resolver_api {
  int (*get)(uv_loop_t* loop, uv_getaddrinfo_t* request, uv_getaddrinfo_cb done,
             const char* node, const char* service,
             const struct addrinfo* hints);
  void (*free)(struct addrinfo* list);
};

extern const struct gcn__resolver_api gcn__resolver_system;

struct gcn__resolver;

/* A resolver of the caller's. */
struct gcn__resolver_hook {
  /* 0, and then gcn__resolver_answer is called for `request` once, later or
   * from in here; or an error, and it is not.  After a drop the answer may be
   * late, or never come.  `host` is valid until it returns. */
  int (*ask)(void* ctx, const char* host, struct gcn__resolver* request);
  void* ctx;
};

struct gcn__resolver {
  uv_getaddrinfo_t request;
  const struct gcn__resolver_api* api;
  struct gcn__resolver_hook hook; /* instead of `api` if `ask` is set */
  uint16_t port;
  bool running;
  bool dropped;
  /* An answer from inside of `ask` waits here until that has returned. */
  bool asking;
  int error;
  struct gcn__addresses found;
  /* `error` is 0 or a UV_EAI_* code; with 0 there is at least one address. */
  void (*resolved)(void* ctx, int error, const struct gcn__addresses* found);
  void (*released)(
      void* ctx); /* the last use of this memory, also if dropped */
  void* ctx;
};

/* True, and `found` holds the one address, if `host` is a literal. */
bool gcn__resolver_literal(const char* host, uint16_t port,
                           struct gcn__addresses* found);
/* The first addresses of `list`, families alternated as RFC 8305 §4 has it,
 * beginning with the family that the system put first; duplicates and other
 * families are left out. */
void gcn__resolver_sort(const struct addrinfo* list, uint16_t port,
                        struct gcn__addresses* found);

void gcn__addresses_set_port(struct gcn__addresses* addresses, uint16_t port);
/* Ports do not count. */
bool gcn__address_same(const union gcn__address* a,
                       const union gcn__address* b);

/* `api` or `hook`, `port` and the last three members are set by the caller.  0
 * or an error; then nothing is called.  With a hook that answers at once
 * `resolved` and `released` come before this returns 0. */
int gcn__resolver_start(struct gcn__resolver* resolver, uv_loop_t* loop,
                        const char* host);
void gcn__resolver_drop(struct gcn__resolver* resolver);
/* Like drop, but only if the look-up still waits for a thread; else it goes on
 * and this is false. */
bool gcn__resolver_drop_queued(struct gcn__resolver* resolver);
/* The answer of a hook, with the pointers' targets copied: `status` 0 and the
 * addresses, whose ports and families other than IP do not matter, or an
 * error. */
void gcn__resolver_answer(struct gcn__resolver* request, int status,
                          const struct sockaddr* const* addresses,
                          size_t count);

#endif
