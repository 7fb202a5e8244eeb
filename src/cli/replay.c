/* SPDX-License-Identifier: MIT */
/*
 * `gcn replay`: what a flight record says, and whether this version would have
 * done the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/file.h"
#include "cli/replay-print.h"
#include "core/replay.h"
#include "gcnotify.h"

enum {
  DUMP_SIZE_MAX = 16 * 1024 * 1024,
  LINE_SIZE_MAX = 16 * 1024,
  EXIT_READER_GONE = 128 + SIGPIPE,
};

static const char usage[] =
    "Usage: gcn replay [OPTION]... FILE\n"
    "Prints a flight record, and takes it through the state table of this\n"
    "version: what it would have done differently is marked.  To get one, run\n"
    "gcn tail --record FILE.\n"
    "\n"
    "      --json                  one JSON object per record\n"
    "      --check                 only the verdict\n"
    "  -h, --help                  this text\n"
    "\n"
    "Exit codes: 0 this version does the same, 1 it does not, 2 usage, or\n"
    "the file is no flight record or is damaged, 141 reader gone.\n";

enum { ARG_JSON, ARG_CHECK, ARG_HELP };

static const struct gcn__arg table[] = {
    {0, false, ARG_JSON, "json"},
    {0, false, ARG_CHECK, "check"},
    {'h', false, ARG_HELP, "help"},
};

struct options {
  bool json;
  bool check;
  bool help;
  const char* path;
};

struct run {
  struct options options;
  struct gcn__console console;
  struct gcn__buf dump;
  struct gcn__record_reader reader;
  struct gcn__replay replay;
  uint64_t record_count;
  uint64_t different_count;
};

static const char* take_option(struct options* options, int id,
                               const struct gcn__args* args) {
  switch (id) {
  case GCN__ARGS_BAD: return args->problem;
  case GCN__ARGS_WORD:
    if (options->path != NULL) return "more than one file is named";
    options->path = args->value;
    return NULL;
  case ARG_JSON: options->json = true; return NULL;
  case ARG_CHECK: options->check = true; return NULL;
  case ARG_HELP: options->help = true; return NULL;
  default: return NULL;
  }
}

static const char* parse(struct options* options, int argc, char** argv,
                         struct gcn__args* args) {
  gcn__args_init(args, argc, argv, table, sizeof table / sizeof table[0]);
  int id;
  while ((id = gcn__args_next(args)) != GCN__ARGS_END) {
    const char* problem = take_option(options, id, args);
    if (problem != NULL) return problem;
  }
  if (options->help) return NULL;
  if (options->path == NULL) return "no file is named";
  if (options->json && options->check) {
    return "--json and --check exclude each other";
  }
  return NULL;
}

/* Reads the file and checks it; false after having said what is wrong. */
static bool load(struct run* run) {
  const char* path = run->options.path;
  int error = gcn__file_read(path, &run->dump, NULL);
  if (error != 0) {
    gcn__console_say(&run->console, GCN__CONSOLE_ERROR, "%s: %s", path,
                     error == GCN_ELIMIT ? "it is larger than 16 MiB"
                                         : gcn_strerror(error));
    return false;
  }
  const char* problem =
      gcn__record_reader_init(&run->reader, gcn__buf_span(&run->dump));
  if (problem == NULL) return true;
  gcn__console_say(&run->console, GCN__CONSOLE_ERROR, "%s: it %s", path,
                   problem);
  return false;
}

static bool print(const struct run* run, const struct gcn__replay_line* line) {
  struct gcn__buf out;
  gcn__buf_init(&out, &gcn__mem_libc, LINE_SIZE_MAX);
  int error = run->options.json ? gcn__replay_print_json(&out, line)
                                : gcn__replay_print_text(&out, line);
  struct gcn__span text = gcn__buf_span(&out);
  bool good =
      error == 0 && fwrite(text.data, 1, text.size, stdout) == text.size;
  gcn__buf_deinit(&out);
  return good;
}

/* False if the output failed. */
static bool walk(struct run* run) {
  struct gcn__record record;
  while (gcn__record_reader_next(&run->reader, &record)) {
    struct gcn__record now;
    unsigned differences = gcn__replay_step(&run->replay, &record, &now);
    run->record_count++;
    if (differences != 0) run->different_count++;
    if (run->options.check) continue;
    struct gcn__replay_line line = {&run->reader, &record, &now, differences};
    if (!print(run, &line)) return false;
  }
  return true;
}

static void print_verdict(const struct run* run) {
  if (run->options.json) return; /* the exit code says it */
  if (run->reader.overwritten > 0) {
    printf("%" PRIu64 " earlier inputs were overwritten\n",
           run->reader.overwritten);
  }
  if (run->different_count == 0) {
    printf("%" PRIu64 " records: this version does the same\n",
           run->record_count);
  } else {
    printf("%" PRIu64 " records: this version differs in %" PRIu64 "\n",
           run->record_count, run->different_count);
  }
}

static int replay(struct run* run) {
  if (!load(run)) return GCN__EXIT_USAGE;
  gcn__replay_init(&run->replay, &run->reader.settings);
  bool good = walk(run);
  if (good) print_verdict(run);
  if (fflush(stdout) != 0 || !good) {
    if (errno == EPIPE) return EXIT_READER_GONE;
    gcn__console_say(&run->console, GCN__CONSOLE_ERROR,
                     "standard output cannot be written");
    return GCN__EXIT_FAILURE;
  }
  return run->different_count == 0 ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
}

static int print_usage(void) {
  bool good = fputs(usage, stdout) >= 0 && fflush(stdout) == 0;
  return good ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
}

int gcn__cli_replay(int argc, char** argv) {
  struct run run = {
      .console = {.name = "gcn replay", .level = GCN__CONSOLE_NOTE},
  };
  struct gcn__args args;
  const char* problem = parse(&run.options, argc, argv, &args);
  if (problem != NULL) {
    gcn__console_say(&run.console, GCN__CONSOLE_ERROR,
                     "%s; try 'gcn replay --help'", problem);
    return GCN__EXIT_USAGE;
  }
  if (run.options.help) return print_usage();
  gcn__buf_init(&run.dump, &gcn__mem_libc, DUMP_SIZE_MAX);
  int code = replay(&run);
  gcn__buf_deinit(&run.dump);
  return code;
}
