/* SPDX-License-Identifier: MIT */
/*
 * Options of `gcn sim` that are about a fault proxy.  Private to the sim files.
 *
 * It opens nothing.
 */
#ifndef GCN_CLI_SIM_TOXICS_H
#define GCN_CLI_SIM_TOXICS_H

#include "cli/console.h"
#include "cli/sim-options.h"

/* "127.0.0.1:8443", "[::1]:8443".  NULL, or what the value has to be. */
const char* gcn__cli_sim_upstream_of(const char* value,
                                     char address[GCN__CLI_SIM_ADDRESS_SIZE],
                                     uint16_t* port);
/* One more rule.  False: it has been said what is wrong with it, and where. */
bool gcn__cli_sim_take_toxic(struct gcn__cli_sim_options* options,
                             const char* value, struct gcn__console* console);
/* What does not go together with a proxy; NULL: nothing.  `name` is of the
 * first option that is about the simulator only, NULL: there was none. */
const char* gcn__cli_sim_check_proxy(const struct gcn__cli_sim_options* options,
                                     const char* name);

#endif
