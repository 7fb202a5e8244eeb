/* SPDX-License-Identifier: MIT */
/*
 * The events of one call of the batch callback, copied side by side.
 *
 * Its memory is used again: it grows with the first batches, up to the limits,
 * and takes none after that.
 */
#ifndef GCN_CLIENT_COLLECT_H
#define GCN_CLIENT_COLLECT_H

#include "client/retain.h"

struct gcn__collect {
  size_t count;
  size_t count_max;
  size_t size_max;
  gcn_event_t* events;
  const struct gcn__mem* mem;
  size_t capacity; /* of `events` */
  char* bytes;
  size_t used;          /* of `bytes` */
  size_t byte_capacity; /* of `bytes` */
};

void gcn__collect_init(struct gcn__collect* collect, const struct gcn__mem* mem,
                       size_t count_max, size_t size_max);
void gcn__collect_deinit(struct gcn__collect* collect);
/* An event of this size could be added, if memory allows. */
bool gcn__collect_fits(const struct gcn__collect* collect, size_t size);
/* What fits.  0, or UV_ENOMEM, which changed nothing. */
int gcn__collect_add(struct gcn__collect* collect, const gcn_event_t* event);
/* Keeps the memory. */
void gcn__collect_clear(struct gcn__collect* collect);
/* Gives it back; it is empty. */
void gcn__collect_trim(struct gcn__collect* collect);

#endif
