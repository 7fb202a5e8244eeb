/* SPDX-License-Identifier: MIT */
/*
 * gcn: picks the subcommand.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cli/cli.h"
#include "gcnotify.h"

static const char usage[] =
    "Usage: gcn COMMAND [OPTION]...\n"
    "Genesys Cloud notifications on the command line.\n"
    "\n"
    "  gcn tail TOPIC...   print events, and keep doing so over reconnects\n"
    "  gcn topics          show how topics are spread over connections\n"
    "  gcn doctor          check the way to the service, step by step\n"
    "  gcn sim             a local simulator of the Notification API\n"
    "  gcn replay FILE     print a flight record, and compare this version\n"
    "  gcn bench           how fast it is here, and what it costs\n"
    "\n"
    "  gcn COMMAND --help  the options of a command\n"
    "  gcn --version       versions of gcn and what it runs with\n";

struct command {
  const char* name;
  int (*run)(int argc, char** argv);
};

static const struct command commands[] = {
    {"tail", gcn__cli_tail},     {"topics", gcn__cli_topics},
    {"doctor", gcn__cli_doctor}, {"sim", gcn__cli_sim},
    {"replay", gcn__cli_replay}, {"bench", gcn__cli_bench},
};

static int print(const char* text) {
  bool good = fputs(text, stdout) >= 0 && fflush(stdout) == 0;
  return good ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
}

static int print_version(void) {
  char text[128];
  snprintf(text, sizeof text, "gcn %s (libgcnotify %s, libuv %s)\n",
           GCN_VERSION_STRING, gcn_version_string(), uv_version_string());
  return print(text);
}

/* A closed standard descriptor would be given to the first socket, and output
 * would go there.  What takes its place refuses to be written. */
static void fill_descriptors(void) {
  int fd;
  do {
    fd = open("/dev/null", O_RDONLY);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

int main(int argc, char** argv) {
  fill_descriptors();
  /* A reader that goes away is told by the write, and answered in order. */
  signal(SIGPIPE, SIG_IGN);
  if (argc < 2) {
    fputs(usage, stderr);
    return GCN__EXIT_USAGE;
  }
  const char* name = argv[1];
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strcmp(name, commands[i].name) != 0) continue;
    return commands[i].run(argc - 1, argv + 1);
  }
  bool help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
              strcmp(name, "help") == 0;
  if (help) return print(usage);
  bool version = strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0;
  if (version) return print_version();
  fprintf(stderr,
          "gcn: unknown command '%.40s': it is one of tail, topics, doctor, "
          "sim, replay, bench\n"
          "Try 'gcn --help'.\n",
          name);
  return GCN__EXIT_USAGE;
}
