/* SPDX-License-Identifier: MIT */
/*
 * See sim-toxics.h.
 */
#include "cli/sim-toxics.h"

const char* gcn__cli_sim_upstream_of(const char* value,
                                     char address[GCN__CLI_SIM_ADDRESS_SIZE],
                                     uint16_t* port) {
  static const char want[] =
      "an IPv4 or IPv6 address with a port, like 127.0.0.1:8443 or [::1]:8443";
  *port = 0;
  bool good = gcn__cli_sim_listen_of(value, address, port) == NULL;
  return good && *port != 0 ? NULL : want;
}

bool gcn__cli_sim_take_toxic(struct gcn__cli_sim_options* options,
                             const char* value, struct gcn__console* console) {
  struct gcn__toxic_mistake mistake;
  if (gcn__toxics_add(&options->toxics, gcn__span_str(value), &mistake)) {
    return true;
  }
  gcn__console_say(console, GCN__CONSOLE_ERROR, "--toxic '%.80s', %s", value,
                   mistake.text);
  return false;
}

const char* gcn__cli_sim_check_proxy(const struct gcn__cli_sim_options* options,
                                     const char* name) {
  if (!options->proxied) {
    return options->toxics.count == 0
               ? NULL
               : "--toxic needs --proxy: whom to forward to";
  }
  return name == NULL ? NULL
                      : "is about the simulator; with --proxy there is none, "
                        "and these go: --listen, --port-file, --toxic, --seed, "
                        "--for, -q, -v";
}
