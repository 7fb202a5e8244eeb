/* SPDX-License-Identifier: MIT */
/*
 * `gcn bench [CASE]...`: all that was asked for, one pair of processes after
 * the other.
 *
 * The readers of a row take turns, so that what else the machine does hits them
 * alike; what is told are medians, and medians of ratios within a turn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cli/args.h"
#include "cli/bench-identity.h"
#include "cli/bench-measure.h"
#include "cli/bench-print.h"
#include "cli/bench-sample.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "gcnotify.h"

enum {
  OPTION_HELP,
  OPTION_QUICK,
  OPTION_JSON,
  OPTION_LIST,
  OPTION_REPETITIONS,
  OPTION_CONNECTIONS,
};

enum {
  WORDS_MAX = 32,
  PATH_SIZE = 4096,
  CONNECTIONS_MAX = 100000,
  QUICK_FOR_MS = 20000,
  FOR_MS = 600000,
};

static const char usage[] =
    "Usage: gcn bench [OPTION]... [GROUP|CASE]...\n"
    "Measures the library against a source of its own on loopback, beside\n"
    "readers that do the least: system calls and Mbed TLS, and libuv.\n"
    "\n"
    "  GROUP  throughput, latency, wakeup, idle, fanout, handshake, storm,\n"
    "         reconnect [all of them, which takes some minutes]\n"
    "  CASE   only these of a group: gcn bench throughput tls-1k\n"
    "\n"
    "      --quick          few events, once: that everything works\n"
    "      --json           one JSON object per case and reader\n"
    "      --repetitions N  of each case [1 to 7, by case]\n"
    "      --connections N  of cases with many [50 to 10,000, by case]\n"
    "      --list           the cases\n"
    "  -h, --help\n"
    "\n"
    "  gcn bench source --help   the source alone\n"
    "  gcn bench drive --help    a reader alone\n";

static const struct gcn__arg table[] = {
    {'h', false, OPTION_HELP, "help"},
    {0, false, OPTION_QUICK, "quick"},
    {0, false, OPTION_JSON, "json"},
    {0, false, OPTION_LIST, "list"},
    {0, true, OPTION_REPETITIONS, "repetitions"},
    {0, true, OPTION_CONNECTIONS, "connections"},
};

struct run {
  bool help;
  bool quick;
  bool json;
  bool list;
  uint64_t repetitions; /* 0: by case */
  uint64_t connections; /* 0: by case */
  const char* words[WORDS_MAX];
  size_t word_count;
  const struct gcn__bench_row* titled; /* the last one with a title */
  struct gcn__bench_identity identity;
  char malloc_path[PATH_SIZE]; /* "": none */
  struct gcn__console console;
};

static bool names_group(const char* word) {
  const struct gcn__bench_row* row;
  for (size_t i = 0; (row = gcn__bench_row_at(i)) != NULL; i++) {
    if (strcmp(row->group, word) == 0) return true;
  }
  return false;
}

static bool names_case(const char* word) {
  const struct gcn__bench_row* row;
  for (size_t i = 0; (row = gcn__bench_row_at(i)) != NULL; i++) {
    if (strcmp(row->name, word) == 0) return true;
  }
  return false;
}

/* Groups narrow by groups, cases by cases; "reconnect cold" is both. */
static bool is_wanted(const struct run* run, const struct gcn__bench_row* row) {
  bool group_named = false;
  bool case_named = false;
  bool group_good = false;
  bool case_good = false;
  for (size_t i = 0; i < run->word_count; i++) {
    const char* word = run->words[i];
    bool group = names_group(word);
    group_named |= group;
    case_named |= !group;
    group_good |= strcmp(word, row->group) == 0;
    case_good |= !group && strcmp(word, row->name) == 0;
  }
  if (run->quick && row->thorough && !case_named) return false;
  return (group_good || !group_named) && (case_good || !case_named);
}

static const char* read_word(struct run* run, const char* word) {
  if (run->word_count == WORDS_MAX) return "there are too many words";
  if (!names_group(word) && !names_case(word)) {
    return "a word is neither a group nor a case; see --list";
  }
  run->words[run->word_count++] = word;
  return NULL;
}

static const char* read_number(struct run* run, int id, const char* value) {
  uint64_t number = 0;
  bool good = gcn__text_number(value, &number) && number > 0;
  if (id == OPTION_REPETITIONS) {
    run->repetitions = number;
    return good && number <= GCN__BENCH_REPETITIONS_MAX
               ? NULL
               : "--repetitions is between 1 and 25";
  }
  run->connections = number;
  return good && number <= CONNECTIONS_MAX
             ? NULL
             : "--connections is between 1 and 100000";
}

static const char* parse(struct run* run, struct gcn__args* args) {
  for (;;) {
    int id = gcn__args_next(args);
    const char* problem = NULL;
    switch (id) {
    case GCN__ARGS_END: return NULL;
    case GCN__ARGS_BAD: return args->problem;
    case OPTION_HELP: run->help = true; break;
    case OPTION_QUICK: run->quick = true; break;
    case OPTION_JSON: run->json = true; break;
    case OPTION_LIST: run->list = true; break;
    case OPTION_REPETITIONS:
    case OPTION_CONNECTIONS: problem = read_number(run, id, args->value); break;
    default: problem = read_word(run, args->value);
    }
    if (problem != NULL) return problem;
  }
}

static int list(const struct run* run) {
  const struct gcn__bench_row* row;
  char line[64];
  for (size_t i = 0; (row = gcn__bench_row_at(i)) != NULL; i++) {
    snprintf(line, sizeof line, "%s %s\n", row->group, row->name);
    if (is_wanted(run, row) && !gcn__bench_print(line)) {
      return GCN__EXIT_FAILURE;
    }
  }
  return GCN__EXIT_OK;
}

/* The counting malloc lies in the build directory, below this program. */
static void find_malloc(struct run* run) {
  static const char name[] = "src/cli/gcn-bench-malloc.so";
  char path[PATH_SIZE];
  size_t size = sizeof path;
  if (uv_exepath(path, &size) != 0) return;
  char* slash = strrchr(path, '/');
  if (slash == NULL) return;
  *slash = '\0';
  int full_size =
      snprintf(run->malloc_path, sizeof run->malloc_path, "%s/%s", path, name);
  bool good = full_size < (int)sizeof run->malloc_path &&
              access(run->malloc_path, R_OK) == 0;
  if (!good) run->malloc_path[0] = '\0';
}

static unsigned repetitions_of(const struct run* run,
                               const struct gcn__bench_row* row) {
  if (run->repetitions > 0) return (unsigned)run->repetitions;
  return run->quick ? 1 : row->repetitions;
}

/* Every reader once. */
static int take_turns(struct run* run, struct gcn__bench_tally* tally,
                      unsigned turn) {
  const struct gcn__bench_row* row = tally->row;
  for (int i = 0; i < GCN__ARMS; i++) {
    if ((row->arms & (1u << i)) == 0) continue;
    const struct gcn__bench_job job = {
        .row = row,
        .arm = (enum gcn__bench_arm)i,
        .quick = run->quick,
        .connections = run->connections,
        .identity_dir = run->identity.dir,
        .malloc_path = run->malloc_path[0] == '\0' ? NULL : run->malloc_path,
        .for_ms = run->quick ? QUICK_FOR_MS : FOR_MS,
    };
    struct gcn__bench_result result;
    int code = gcn__bench_sample(&job, &run->console, &result);
    if (code != 0) return code;
    for (int j = 0; j < GCN__QUANTITIES; j++) {
      tally->values[turn][i][j] =
          gcn__quantity_of((enum gcn__quantity)j, row, &result);
    }
  }
  return 0;
}

static bool print(struct run* run, const struct gcn__bench_tally* tally) {
  if (run->json) return gcn__bench_print_json(tally);
  const struct gcn__bench_row* row = tally->row;
  bool alike = run->titled != NULL &&
               strcmp(run->titled->group, row->group) == 0 &&
               memcmp(run->titled->view, row->view, sizeof row->view) == 0;
  if (!alike && !gcn__bench_print_title(row)) return false;
  run->titled = row;
  return gcn__bench_print_row(tally);
}

static int measure(struct run* run, const struct gcn__bench_row* row) {
  struct gcn__bench_tally tally = {.row = row};
  unsigned turns = repetitions_of(run, row);
  for (unsigned i = 0; i < turns; i++) {
    int code = take_turns(run, &tally, i);
    if (code != 0) return code;
    tally.repetitions++;
  }
  return print(run, &tally) ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
}

static int measure_all(struct run* run) {
  const struct gcn__bench_row* row;
  gcn__bench_hold_signals(true);
  int error = gcn__bench_identity_make(&run->identity, true);
  if (error != 0) {
    gcn__console_say(&run->console, GCN__CONSOLE_ERROR, "no certificate: %s",
                     gcn_strerror(error));
    return GCN__EXIT_FAILURE;
  }
  int code = GCN__EXIT_OK;
  for (size_t i = 0; (row = gcn__bench_row_at(i)) != NULL && code == 0; i++) {
    if (is_wanted(run, row)) code = measure(run, row);
  }
  gcn__bench_identity_drop(&run->identity);
  gcn__bench_hold_signals(false);
  return code;
}

int gcn__bench_run(int argc, char** argv) {
  struct run run = {
      .console = {.name = "gcn bench", .level = GCN__CONSOLE_NOTE},
  };
  struct gcn__args args;
  gcn__args_init(&args, argc, argv, table, sizeof table / sizeof table[0]);
  const char* problem = parse(&run, &args);
  if (problem != NULL) {
    gcn__console_say(&run.console, GCN__CONSOLE_ERROR,
                     "%s; try 'gcn bench --help'", problem);
    return GCN__EXIT_USAGE;
  }
  if (run.help) {
    return gcn__bench_print(usage) ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
  }
  if (run.list) return list(&run);
  find_malloc(&run);
  return measure_all(&run);
}
