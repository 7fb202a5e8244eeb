/* SPDX-License-Identifier: MIT */
/*
 * uv_getaddrinfo with a mute button.
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

static bool same_address(const union gcn__address* a,
                         const union gcn__address* b) {
  if (a->any.sa_family != b->any.sa_family) return false;
  if (a->any.sa_family == AF_INET) {
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
  }
  return a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
         memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) ==
             0;
}

static bool contains(const struct gcn__addresses* set,
                     const union gcn__address* address) {
  for (size_t i = 0; i < set->count; i++) {
    if (same_address(&set->items[i], address)) return true;
  }
  return false;
}

static bool convert(const struct addrinfo* info, uint16_t port,
                    union gcn__address* address) {
  memset(address, 0, sizeof *address);
  if (info->ai_addr == NULL) return false;
  if (info->ai_family == AF_INET && info->ai_addrlen >= sizeof address->v4) {
    memcpy(&address->v4, info->ai_addr, sizeof address->v4);
    address->v4.sin_port = htons(port);
    return true;
  }
  if (info->ai_family == AF_INET6 && info->ai_addrlen >= sizeof address->v6) {
    memcpy(&address->v6, info->ai_addr, sizeof address->v6);
    address->v6.sin6_port = htons(port);
    return true;
  }
  return false;
}

static void collect(const struct addrinfo* list, int family, uint16_t port,
                    struct gcn__addresses* found) {
  found->count = 0;
  for (; list != NULL && found->count < GCN__ADDRESS_COUNT_MAX;
       list = list->ai_next) {
    union gcn__address address;
    if (list->ai_family != family || !convert(list, port, &address)) continue;
    if (!contains(found, &address)) found->items[found->count++] = address;
  }
}

static void add_if_room(struct gcn__addresses* to,
                        const struct gcn__addresses* from, size_t index) {
  if (index >= from->count || to->count == GCN__ADDRESS_COUNT_MAX) return;
  to->items[to->count++] = from->items[index];
}

void gcn__resolver_sort(const struct addrinfo* list, uint16_t port,
                        struct gcn__addresses* found) {
  struct gcn__addresses v4;
  struct gcn__addresses v6;
  collect(list, AF_INET, port, &v4);
  collect(list, AF_INET6, port, &v6);
  while (list != NULL && list->ai_family != AF_INET &&
         list->ai_family != AF_INET6) {
    list = list->ai_next;
  }
  bool v4_first = list != NULL && list->ai_family == AF_INET;
  const struct gcn__addresses* first = v4_first ? &v4 : &v6;
  const struct gcn__addresses* second = v4_first ? &v6 : &v4;
  found->count = 0;
  for (size_t i = 0; i < GCN__ADDRESS_COUNT_MAX; i++) {
    add_if_room(found, first, i);
    add_if_room(found, second, i);
  }
}

static void on_done(uv_getaddrinfo_t* request, int status,
                    struct addrinfo* list) {
  struct gcn__resolver* resolver = request->data;
  struct gcn__addresses found;
  found.count = 0;
  resolver->running = false;
  if (status == 0) gcn__resolver_sort(list, resolver->port, &found);
  if (list != NULL) resolver->api->free(list);
  if (status == 0 && found.count == 0) status = UV_EAI_NODATA;
  if (!resolver->dropped) resolver->resolved(resolver->ctx, status, &found);
  resolver->released(resolver->ctx);
}

int gcn__resolver_start(struct gcn__resolver* resolver, uv_loop_t* loop,
                        const char* host) {
  GCN__ASSERT(!resolver->running);
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

void gcn__resolver_drop(struct gcn__resolver* resolver) {
  resolver->dropped = true;
  if (!resolver->running) return;
  /* Works while the request waits for a thread; UV_EBUSY once it runs.  Either
   * way on_done comes, later. */
  (void)uv_cancel((uv_req_t*)&resolver->request);
}
