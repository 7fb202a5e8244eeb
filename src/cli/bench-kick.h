/* SPDX-License-Identifier: MIT */
/*
 * Blocking connections to the source, and the one that asks for events: a byte
 * of it is an event.  The library sends no messages of the user's, so that the
 * question of a ping-pong takes this way, for every reader the same.
 */
#ifndef GCN_CLI_BENCH_KICK_H
#define GCN_CLI_BENCH_KICK_H

#include <stdbool.h>
#include <stdint.h>

/* The descriptor, or a negated errno. */
int gcn__bench_dial(uint16_t port);
bool gcn__bench_kick(int fd);

#endif
