/* SPDX-License-Identifier: MIT */
/*
 * Runs cases side by side, each in a process and a place of its own, and
 * reports them as TAP in the order of their table.
 */
#ifndef GCN_TEST_NET_RUNNER_H
#define GCN_TEST_NET_RUNNER_H

#include "place.h"

struct net_case {
  const char* name;
  void (*run)(void);
};

/* `only` NULL: all; else those whose names begin with it.  The program's exit
 * status.  Where the machine cannot make namespaces each case is told as
 * skipped, with the reason. */
int run_cases(const struct net_case* cases, size_t count, const char* only);

#endif
