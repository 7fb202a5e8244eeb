/* SPDX-License-Identifier: MIT */
/*
 * What will happen, earliest first; what was put in first is first among
 * equals, so that one seed is one course of things.
 */
#ifndef GCN_TEST_FLEET_AGENDA_H
#define GCN_TEST_FLEET_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry {
  uint64_t at_ms;
  uint64_t order;
  uint32_t client;
  uint32_t kind;
  uint64_t generation;
};

struct agenda {
  struct entry* heap;
  size_t size;
  size_t count;
  uint64_t order;
};

/* All memory is taken here; it ends the process if there is none. */
void agenda_init(struct agenda* agenda, size_t size);
void agenda_deinit(struct agenda* agenda);
/* Ends the process if the agenda is full: the simulation is wrong then. */
void agenda_put(struct agenda* agenda, struct entry entry);
bool agenda_next(struct agenda* agenda, struct entry* entry);

#endif
