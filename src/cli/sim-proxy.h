/* SPDX-License-Identifier: MIT */
/*
 * `gcn sim --proxy`: a fault proxy instead of the simulator.  Private to the
 * sim files.
 */
#ifndef GCN_CLI_SIM_PROXY_H
#define GCN_CLI_SIM_PROXY_H

#include "cli/console.h"
#include "cli/sim-options.h"

enum { GCN__CLI_SIM_COUNTS_SIZE = 192 };

struct gcn__faultproxy_counters;

void gcn__cli_sim_counts(const struct gcn__faultproxy_counters* counters,
                         char out[GCN__CLI_SIM_COUNTS_SIZE]);
/* Forwards until it is told to end; returns the exit code. */
int gcn__cli_sim_proxy_run(const struct gcn__cli_sim_options* options,
                           struct gcn__console* console);

#endif
