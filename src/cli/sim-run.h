/* SPDX-License-Identifier: MIT */
/*
 * `gcn sim` while it runs.  Private to the sim files.
 */
#ifndef GCN_CLI_SIM_RUN_H
#define GCN_CLI_SIM_RUN_H

#include "cli/console.h"
#include "cli/sim-options.h"
#include "codec/tls.h"

enum { GCN__CLI_SIM_PATH_SIZE = 4096 };

/* A server's certificate and the one to trust for it; all-zero without TLS. */
struct gcn__cli_sim_tls {
  struct gcn__tls_config* config;
  const char* ca_path;                    /* NULL: no TLS */
  char temporary[GCN__CLI_SIM_PATH_SIZE]; /* ours to remove; "": none */
};

/* sim-tls.c.  Makes what the options ask for and writes the CA's file.  False:
 * it has been said why.  Deinit in either case, which removes a temporary
 * file. */
bool gcn__cli_sim_tls_init(struct gcn__cli_sim_tls* tls,
                           const struct gcn__cli_sim_options* options,
                           struct gcn__console* console);
void gcn__cli_sim_tls_deinit(struct gcn__cli_sim_tls* tls);

/* sim-run.c.  Listens until it is told to end; returns the exit code. */
int gcn__cli_sim_run(const struct gcn__cli_sim_options* options,
                     const struct gcn__cli_sim_tls* tls,
                     struct gcn__console* console);

#endif
