/* SPDX-License-Identifier: MIT */
/*
 * What the command line of `gcn sim` says, checked.
 *
 * It reads the files that options name, so that nothing is started if one of
 * them is no good: fault scripts, recorded events, secrets.
 */
#ifndef GCN_CLI_SIM_OPTIONS_H
#define GCN_CLI_SIM_OPTIONS_H

#include "base/buf.h"
#include "cli/console.h"
#include "cli/sim-values.h"
#include "sim/script.h"
#include "sim/text.h"
#include "sim/toxic.h"

enum {
  GCN__CLI_SIM_CLIENTS_MAX = 32,
  GCN__CLI_SIM_FORBIDDEN_MAX = 64,
  GCN__CLI_SIM_TOPICS_MAX = 100000,
  GCN__CLI_SIM_SECRET_SIZE = 33,
};

/* Credentials, and where they came from. */
struct gcn__cli_sim_login {
  char* secret;     /* owned */
  const char* path; /* the file it was read from; NULL: another source */
};

/* It points into itself: not to be copied. */
struct gcn__cli_sim_options {
  /* Complete but for moments, authority and hooks. */
  struct gcn__sim_options service;
  char address[GCN__CLI_SIM_ADDRESS_SIZE];
  uint16_t port;
  bool plain; /* no TLS */
  enum gcn__pki_flaw flaw;
  struct gcn__cli_sim_authority authority;
  /* Files to write; NULL: none. */
  const char* port_path;
  const char* ca_path;
  const char* topics_path;
  const char* record_path;
  const char* report_path;
  size_t topic_count;
  char topic[GCN__SIM_TOPIC_SIZE_MAX]; /* one that has events */
  uint64_t for_ms;                     /* 0: until a signal */
  bool quiet;
  unsigned verbose;
  /* What `service` points to. */
  struct gcn__sim_client clients[GCN__CLI_SIM_CLIENTS_MAX];
  struct gcn__cli_sim_login logins[GCN__CLI_SIM_CLIENTS_MAX];
  size_t client_count;
  char own_id[GCN__SIM_ID_SIZE]; /* if no client was given */
  struct gcn__sim_forbidden forbidden[GCN__CLI_SIM_FORBIDDEN_MAX];
  char* patterns[GCN__CLI_SIM_FORBIDDEN_MAX]; /* owned */
  size_t forbidden_count;
  struct gcn__buf corpus;
  struct gcn__script* script;
  /* A fault proxy instead of the simulator. */
  bool proxied;
  char upstream[GCN__CLI_SIM_ADDRESS_SIZE];
  uint16_t upstream_port;
  struct gcn__toxics toxics;
  /* While parsing. */
  const char* own_name; /* an option of the simulator's; NULL: none yet */
  const char* corpus_path;
  const char* fault_path;
  struct gcn__buf fault_file;
  struct gcn__buf fault_lines;
};

/* False if the simulator is not to run: `*exit_code` is then set, and what had
 * to be said has been said.  Views of the arguments are kept.  Deinit in either
 * case. */
bool gcn__cli_sim_options_parse(struct gcn__cli_sim_options* options, int argc,
                                char** argv, struct gcn__console* console,
                                int* exit_code);
void gcn__cli_sim_options_deinit(struct gcn__cli_sim_options* options);

#endif
