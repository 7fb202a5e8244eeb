/* SPDX-License-Identifier: MIT */
/*
 * `gcn sim`: from options to exit code.
 */
#include "cli/cli.h"
#include "cli/sim-options.h"
#include "cli/sim-proxy.h"
#include "cli/sim-run.h"

static enum gcn__console_level
level_of(const struct gcn__cli_sim_options* options) {
  if (options->quiet) return GCN__CONSOLE_ERROR;
  return options->verbose > 0 ? GCN__CONSOLE_INFO : GCN__CONSOLE_NOTE;
}

static int sim_with(const struct gcn__cli_sim_options* options,
                    struct gcn__console* console) {
  struct gcn__cli_sim_tls tls;
  int exit_code = GCN__EXIT_FAILURE;
  console->level = level_of(options);
  if (options->proxied) return gcn__cli_sim_proxy_run(options, console);
  if (gcn__cli_sim_tls_init(&tls, options, console)) {
    exit_code = gcn__cli_sim_run(options, &tls, console);
  }
  gcn__cli_sim_tls_deinit(&tls);
  return exit_code;
}

int gcn__cli_sim(int argc, char** argv) {
  struct gcn__console console = {.name = "gcn sim", .level = GCN__CONSOLE_NOTE};
  struct gcn__cli_sim_options options;
  int exit_code = GCN__EXIT_USAGE;
  if (gcn__cli_sim_options_parse(&options, argc, argv, &console, &exit_code)) {
    exit_code = sim_with(&options, &console);
  }
  gcn__cli_sim_options_deinit(&options);
  return exit_code;
}
