/* SPDX-License-Identifier: MIT */
/*
 * A road that is a program: every packet between two TUN devices passes through
 * a process which delays, repeats, reorders, loses and changes it.
 *
 * The kernel of a test machine need not have netem for it, and what a packet
 * meets follows from a seed.
 */
#ifndef GCN_TEST_NET_WIRE_H
#define GCN_TEST_NET_WIRE_H

#include "place.h"

#include <stdint.h>

/* What packets meet, both ways; may change at any time.  Chances are out of
 * 1,000. */
struct wire_terms {
  uint32_t delay_ms;
  uint32_t jitter_ms; /* more delay, up to this: who is lucky overtakes */
  uint32_t lost;
  uint32_t doubled;
  uint32_t damaged; /* a byte is changed; TCP's checksum tells */
  uint32_t forged;  /* a byte is changed, and the checksum made to fit */
};

struct wire {
  pid_t pid;
  volatile struct wire_terms* terms;
};

/* Lays it between the sides of a place that was opened for it.  Skips the case
 * where there are no TUN devices. */
void wire_open(struct wire* wire, const struct place* place);
void wire_close(struct wire* wire);

#endif
