/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of the gcn program.
 *
 * argv[0] is the subcommand's name.  Each returns the process's exit code.
 */
#ifndef GCN_CLI_CLI_H
#define GCN_CLI_CLI_H

enum gcn__cli_exit {
  GCN__EXIT_OK = 0,
  GCN__EXIT_FAILURE = 1,
  GCN__EXIT_USAGE = 2,
  GCN__EXIT_AUTH = 3,
  GCN__EXIT_TOPIC = 4,
  GCN__EXIT_RECONNECT = 5,
  GCN__EXIT_GAP = 6,
  GCN__EXIT_TIMEOUT = 7,
  GCN__EXIT_EXPECT = 8,
};

int gcn__cli_bench(int argc, char** argv);
int gcn__cli_tail(int argc, char** argv);
int gcn__cli_doctor(int argc, char** argv);
int gcn__cli_sim(int argc, char** argv);
int gcn__cli_replay(int argc, char** argv);
int gcn__cli_topics(int argc, char** argv);

#endif
