/* SPDX-License-Identifier: MIT */
/*
 * Options of `gcn sim` that bring text along: clients and their secrets,
 * permissions, fault scripts, recorded events.  Private to the option files.
 *
 * Each returns true, or says what is wrong and returns false.  What it says
 * never holds a secret.
 */
#ifndef GCN_CLI_SIM_INPUTS_H
#define GCN_CLI_SIM_INPUTS_H

#include "cli/sim-options.h"

bool gcn__cli_sim_take_id(struct gcn__cli_sim_options* options,
                          const char* value, struct gcn__console* console);
bool gcn__cli_sim_take_secret(struct gcn__cli_sim_options* options,
                              const char* value, struct gcn__console* console);
bool gcn__cli_sim_take_secret_file(struct gcn__cli_sim_options* options,
                                   const char* path,
                                   struct gcn__console* console);
/* "PATTERN=permission" */
bool gcn__cli_sim_take_forbid(struct gcn__cli_sim_options* options,
                              const char* value, struct gcn__console* console);
bool gcn__cli_sim_take_fault(struct gcn__cli_sim_options* options,
                             const char* path, struct gcn__console* console);
bool gcn__cli_sim_take_fault_line(struct gcn__cli_sim_options* options,
                                  const char* value,
                                  struct gcn__console* console);
bool gcn__cli_sim_take_corpus(struct gcn__cli_sim_options* options,
                              const char* path, struct gcn__console* console);

/* At the end of the command line: completes what the options above began, in
 * options->service too.  The seed is known by then. */
bool gcn__cli_sim_finish_inputs(struct gcn__cli_sim_options* options,
                                struct gcn__console* console);
void gcn__cli_sim_inputs_deinit(struct gcn__cli_sim_options* options);

#endif
