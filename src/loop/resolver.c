/* SPDX-License-Identifier: MIT */
/*
 * uv_getaddrinfo, or a hook, with a mute button.
 */
#include "loop/resolver.h"

#include "base/assert.h"

#include <string.h>

const struct gcn__resolver_api gcn__resolver_system = {uv_getaddrinfo,
                                                       uv_freeaddrinfo};

bool gcn__resolver_literal(const char* host, uint16_t port,
                           struct gcn__addresses* found) {
  memset(found, 0, sizeof *found);
  if (uv_ip4_addr(host, port, &found->items[0].v4) != 0 &&
      uv_ip6_addr(host, port, &found->items[0].v6) != 0) {
    return false;
  }
  found->count = 1;
  return true;
}

void gcn__addresses_set_port(struct gcn__addresses* addresses, uint16_t port) {
  for (size_t i = 0; i < addresses->count; i++) {
    union gcn__address* address = &addresses->items[i];
    if (address->any.sa_family == AF_INET) {
      address->v4.sin_port = htons(port);
    } else {
      address->v6.sin6_port = htons(port);
    }
  }
}

bool gcn__address_same(const union gcn__address* a,
                       const union gcn__address* b) {
  if (a->any.sa_family != b->any.sa_family) return false;
  if (a->any.sa_family == AF_INET) {
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
  }
  return a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
         memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) ==
             0;
}

static void add(struct gcn__addresses* set, const union gcn__address* address) {
  if (set->count == GCN__ADDRESS_COUNT_MAX) return;
  for (size_t i = 0; i < set->count; i++) {
    if (gcn__address_same(&set->items[i], address)) return;
  }
  set->items[set->count++] = *address;
}

/* Addresses by family, and which family came first. */
struct harvest {
  struct gcn__addresses v4;
  struct gcn__addresses v6;
  int first_family; /* AF_UNSPEC: none yet */
};

static void gather(struct harvest* harvest, const struct sockaddr* name) {
  union gcn__address address;
  memset(&address, 0, sizeof address);
  if (name == NULL) return;
  if (name->sa_family == AF_INET) {
    memcpy(&address.v4, name, sizeof address.v4);
    add(&harvest->v4, &address);
  } else if (name->sa_family == AF_INET6) {
    memcpy(&address.v6, name, sizeof address.v6);
    add(&harvest->v6, &address);
  } else {
    return;
  }
  if (harvest->first_family == AF_UNSPEC) {
    harvest->first_family = name->sa_family;
  }
}

static void add_nth(struct gcn__addresses* to,
                    const struct gcn__addresses* from, size_t index) {
  if (index < from->count) add(to, &from->items[index]);
}

static void interleave(const struct harvest* harvest, uint16_t port,
                       struct gcn__addresses* found) {
  bool v4_first = harvest->first_family == AF_INET;
  const struct gcn__addresses* first = v4_first ? &harvest->v4 : &harvest->v6;
  const struct gcn__addresses* second = v4_first ? &harvest->v6 : &harvest->v4;
  found->count = 0;
  for (size_t i = 0; i < GCN__ADDRESS_COUNT_MAX; i++) {
    add_nth(found, first, i);
    add_nth(found, second, i);
  }
  gcn__addresses_set_port(found, port);
}

static bool is_whole(const struct addrinfo* info) {
  size_t size = info->ai_family == AF_INET ? sizeof(struct sockaddr_in)
                                           : sizeof(struct sockaddr_in6);
  return info->ai_addr != NULL && info->ai_addrlen >= size &&
         info->ai_addr->sa_family == info->ai_family;
}

void gcn__resolver_sort(const struct addrinfo* list, uint16_t port,
                        struct gcn__addresses* found) {
  struct harvest harvest = {.first_family = AF_UNSPEC};
  for (; list != NULL; list = list->ai_next) {
    if (is_whole(list)) gather(&harvest, list->ai_addr);
  }
  interleave(&harvest, port, found);
}

static void finish(struct gcn__resolver* resolver) {
  int error = resolver->error;
  resolver->running = false;
  if (error == 0 && resolver->found.count == 0) error = UV_EAI_NODATA;
  if (!resolver->dropped) {
    resolver->resolved(resolver->ctx, error, &resolver->found);
  }
  resolver->released(resolver->ctx);
}

static void on_done(uv_getaddrinfo_t* request, int status,
                    struct addrinfo* list) {
  struct gcn__resolver* resolver = request->data;
  resolver->found.count = 0;
  resolver->error = status;
  if (status == 0) gcn__resolver_sort(list, resolver->port, &resolver->found);
  if (list != NULL) resolver->api->free(list);
  finish(resolver);
}

void gcn__resolver_answer(struct gcn__resolver* request, int status,
                          const struct sockaddr* const* addresses,
                          size_t count) {
  struct harvest harvest = {.first_family = AF_UNSPEC};
  if (!request->running) return; /* answered twice from inside of `ask` */
  /* The caller's mistake must not look like success. */
  request->error = status > 0 ? UV_EINVAL : status;
  for (size_t i = 0; status == 0 && i < count; i++)
    gather(&harvest, addresses[i]);
  interleave(&harvest, request->port, &request->found);
  request->running = false;
  if (!request->asking) finish(request);
}

static int ask_hook(struct gcn__resolver* resolver, const char* host) {
  resolver->running = true;
  resolver->asking = true;
  int error = resolver->hook.ask(resolver->hook.ctx, host, resolver);
  resolver->asking = false;
  if (!resolver->running) { /* answered: that counts, whatever it returned */
    finish(resolver);
    return 0;
  }
  resolver->running = error == 0;
  return error > 0 ? UV_EINVAL : error;
}

static int ask_system(struct gcn__resolver* resolver, uv_loop_t* loop,
                      const char* host) {
  /* No AI_ADDRCONFIG: it hides loopback-only machines' addresses, and the race
   * copes with families that have no route. */
  const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                 .ai_socktype = SOCK_STREAM};
  resolver->request.data = resolver;
  int error =
      resolver->api->get(loop, &resolver->request, on_done, host, NULL, &hints);
  if (error != 0) return error;
  resolver->running = true;
  return 0;
}

int gcn__resolver_start(struct gcn__resolver* resolver, uv_loop_t* loop,
                        const char* host) {
  GCN__ASSERT(!resolver->running);
  return resolver->hook.ask != NULL ? ask_hook(resolver, host)
                                    : ask_system(resolver, loop, host);
}

/* Works while the request waits for a thread; UV_EBUSY once it runs.  Either
 * way on_done comes, later. */
static bool cancel(struct gcn__resolver* resolver) {
  return resolver->running && resolver->hook.ask == NULL &&
         uv_cancel((uv_req_t*)&resolver->request) == 0;
}

void gcn__resolver_drop(struct gcn__resolver* resolver) {
  resolver->dropped = true;
  (void)cancel(resolver);
}

bool gcn__resolver_drop_queued(struct gcn__resolver* resolver) {
  if (!cancel(resolver)) return false;
  resolver->dropped = true;
  return true;
}
