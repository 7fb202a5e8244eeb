/* SPDX-License-Identifier: MIT */
/*
 * An intrusive doubly linked ring.  A link that is in no list points to
 * itself; removing it twice is harmless.
 */
#ifndef GCN_BASE_LIST_H
#define GCN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct gcn__list {
  struct gcn__list* next;
  struct gcn__list* prev;
};

#define GCN__CONTAINER_OF(ptr, type, member)                                   \
  ((type*)(void*)((char*)(ptr)-offsetof(type, member)))

static inline void gcn__list_init(struct gcn__list* list) {
  list->next = list;
  list->prev = list;
}

static inline bool gcn__list_empty(const struct gcn__list* list) {
  return list->next == list;
}

static inline void gcn__list_append(struct gcn__list* list,
                                    struct gcn__list* link) {
  link->next = list;
  link->prev = list->prev;
  list->prev->next = link;
  list->prev = link;
}

static inline void gcn__list_remove(struct gcn__list* link) {
  link->prev->next = link->next;
  link->next->prev = link->prev;
  gcn__list_init(link);
}

#endif
