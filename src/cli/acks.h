/* SPDX-License-Identifier: MIT */
/*
 * Which events are acknowledged when how much of the output has been taken.
 *
 * An event is handled when the last byte of its line is out of our hands, not
 * when the line was made: what waits in a buffer dies with the process.  It
 * knows neither the client nor the output, only numbers of both.
 */
#ifndef GCN_CLI_ACKS_H
#define GCN_CLI_ACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gcn__ack {
  uint64_t end; /* of its line, in bytes since the beginning */
  uint64_t sequence;
};

/* All zeros is empty. */
struct gcn__acks {
  struct gcn__ack* ring;
  size_t capacity; /* 0 or a power of two */
  size_t first;
  size_t count;
};

void gcn__acks_deinit(struct gcn__acks* acks);
/* Ends never go back.  0 or GCN__ENOMEM. */
int gcn__acks_push(struct gcn__acks* acks, uint64_t end, uint64_t sequence);
/* The next event whose line ends within the first `taken` bytes; false if there
 * is none. */
bool gcn__acks_pop(struct gcn__acks* acks, uint64_t taken, uint64_t* sequence);

#endif
