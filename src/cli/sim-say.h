/* SPDX-License-Identifier: MIT */
/*
 * What `gcn sim` says at its start and at its end, as text.
 *
 * It writes to buffers only.
 */
#ifndef GCN_CLI_SIM_SAY_H
#define GCN_CLI_SIM_SAY_H

#include "cli/sim-options.h"

enum { GCN__CLI_SIM_SUMMARY_SIZE = 480 };

/* Where clients find the simulator: the authority that was asked for, else what
 * is listened on, or its loopback if that is every address. */
void gcn__cli_sim_public(const struct gcn__cli_sim_options* options,
                         uint16_t port, struct gcn__url* out);
/* Two lines: where it listens, and a command to paste into a shell.  `ca_path`
 * (NULL: none) is what clients have to trust.  0, GCN_ELIMIT, GCN__ENOMEM. */
int gcn__cli_sim_say_start(const struct gcn__cli_sim_options* options,
                           uint16_t port, const char* ca_path,
                           struct gcn__buf* out);
/* The names of the topics that were asked for, one a line. */
int gcn__cli_sim_say_topics(const struct gcn__cli_sim_options* options,
                            struct gcn__buf* out);
void gcn__cli_sim_summary(const struct gcn__sim_counters* counters,
                          char out[GCN__CLI_SIM_SUMMARY_SIZE]);

#endif
