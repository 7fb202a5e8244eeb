/* SPDX-License-Identifier: MIT */
/*
 * `gcn topics --plan`: how topics would be spread over connections.
 *
 * It needs no service, no credentials and no network.
 */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/dialect.h"
#include "cli/text.h"
#include "cli/topic-list.h"
#include "codec/json.h"
#include "gcnotify.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

enum {
  LINE_SIZE_MAX = 64 << 10,
  ARG_PLAN = 256,
  ARG_JSON,
  ARG_CONNECTIONS,
  ARG_SUBSCRIPTIONS,
  ARG_HELP = 'h',
};

static const char usage[] =
    "Usage: gcn topics --plan FILE [OPTION]...\n"
    "Shows how gcn tail would spread the topics of FILE over connections, and\n"
    "by which names they would be subscribed; topics of one prefix share a\n"
    "name, subscriptions of the stream dialect do not.  Asks no service.\n"
    "\n"
    "      --plan FILE             one topic per line; # begins a comment; -\n"
    "                              is standard input; may be repeated\n"
    "      --subscriptions FILE    with the stream dialect: the same in JSON, "
    "an\n"
    "                              array of objects or one per line\n"
    "      --dialect NAME          channels or stream, where subscriptions "
    "are\n"
    "                              spread by the length of the URL [channels]\n"
    "      --preset NAME           and the other options of gcn tail for the\n"
    "                              stream dialect\n"
    "      --connections N         at most N, 1 to 18 [18]\n"
    "      --json                  one object per topic, then the totals\n"
    "  -h, --help                  this text\n"
    "\n"
    "Exit codes: 0 all topics have a place, 1 the output could not be "
    "written,\n"
    "2 usage, 4 a topic has no place.\n";

static const struct gcn__arg table[] = {
    {0, true, ARG_SUBSCRIPTIONS, "subscriptions"},
    {0, true, ARG_PLAN, "plan"},
    {0, false, ARG_JSON, "json"},
    {0, true, ARG_CONNECTIONS, "connections"},
    {'h', false, ARG_HELP, "help"},
    GCN__DIALECT_ARGS};

struct run {
  struct gcn__console console;
  struct gcn__topic_list topics;
  struct gcn__dialect dialect;
  gcn_options_t options;
  bool planned; /* --plan was given */
  bool json;
  bool help;
};

static bool complain(struct run* run, const char* what) {
  gcn__console_say(&run->console, GCN__CONSOLE_ERROR,
                   "%s; try 'gcn topics --help'", what);
  return false;
}

static bool take_connections(struct run* run, const char* value) {
  uint64_t* count = &run->options.connection_count_max;
  bool good = gcn__text_number(value, count) && *count >= 1 &&
              *count <= GCN_CONNECTION_COUNT_MAX;
  return good || complain(run, "--connections has to be a number from 1 to 18");
}

static bool take(struct run* run, int id, const char* value) {
  if (id > GCN__DIALECT_ARG_FIRST) return true; /* has been looked for */
  switch (id) {
  case ARG_PLAN:
    run->planned = true;
    return gcn__topic_list_read(&run->topics, value, "--plan", &run->console);
  case ARG_SUBSCRIPTIONS:
    run->planned = true;
    if (run->topics.stream) {
      return gcn__topic_list_read_json(&run->topics, value, "--subscriptions",
                                       &run->console);
    }
    return complain(run, "--subscriptions is of the stream dialect: add "
                         "--dialect stream");
  case ARG_JSON: run->json = true; return true;
  case ARG_CONNECTIONS: return take_connections(run, value);
  case ARG_HELP: run->help = true; return true;
  default: return complain(run, "topics are read from a file: --plan FILE");
  }
}

static bool take_dialect(struct run* run, int argc, char** argv) {
  struct gcn__dialect_flags flags;
  char problem[GCN__DIALECT_TEXT_SIZE];
  gcn__dialect_scan(&flags, argc, argv, table, sizeof table / sizeof table[0]);
  if (!gcn__dialect_choose(&run->dialect, &flags, problem)) {
    return complain(run, problem);
  }
  gcn__dialect_apply(&run->dialect, &run->options);
  run->topics.stream = run->dialect.dialect == GCN_DIALECT_STREAM;
  return true;
}

static bool parse(struct run* run, int argc, char** argv) {
  struct gcn__args args;
  if (!take_dialect(run, argc, argv)) return false;
  gcn__args_init(&args, argc, argv, table, sizeof table / sizeof table[0]);
  for (;;) {
    int id = gcn__args_next(&args);
    if (id == GCN__ARGS_END) break;
    if (id == GCN__ARGS_BAD) return complain(run, args.problem);
    if (!take(run, id, args.value)) return false;
    if (run->help) return true;
  }
  if (!run->planned) return complain(run, "nothing is asked: --plan FILE");
  return run->topics.count > 0 || complain(run, "no topic is named");
}

/* NULL: it has a place. */
static const char* refusal_of(const gcn_plan_entry_t* entry) {
  if (entry->error == 0) return NULL;
  if (entry->error == GCN_ELIMIT) return "no room";
  return entry->error == UV_EEXIST ? "named before" : "no topic's name";
}

/* A subscription stands for itself, and may be too long for the entry. */
static const char* name_of(const struct run* run, size_t index,
                           const gcn_plan_entry_t* entry) {
  return run->topics.stream ? run->topics.names[index] : entry->name;
}

static int put_member(struct gcn__buf* out, const char* key, const char* text) {
  int error = gcn__buf_append_str(out, key);
  if (error != 0) return error;
  if (text == NULL) return gcn__buf_append_str(out, "null");
  return gcn__json_write_string(out, gcn__span_str(text));
}

static int put_json(struct gcn__buf* out, const char* topic, const char* name,
                    const gcn_plan_entry_t* entry) {
  const char* why = refusal_of(entry);
  int error = put_member(out, "{\"topic\":", topic);
  if (error == 0) error = gcn__buf_append_str(out, ",\"connection\":");
  if (error == 0) {
    error = why != NULL ? gcn__buf_append_str(out, "null")
                        : gcn__buf_printf(out, "%u", entry->connection_index);
  }
  if (error == 0) {
    error = put_member(out, ",\"name\":", why == NULL ? name : NULL);
  }
  if (error == 0) error = put_member(out, ",\"refused\":", why);
  return error != 0 ? error : gcn__buf_append_str(out, "}\n");
}

static int put_row(struct gcn__buf* out, const char* topic, const char* name,
                   const gcn_plan_entry_t* entry) {
  const char* why = refusal_of(entry);
  if (why != NULL) return gcn__buf_printf(out, " -  %s: %s\n", topic, why);
  bool shared = strcmp(topic, name) != 0;
  return gcn__buf_printf(out, "%2u  %s%s%s\n", entry->connection_index, topic,
                         shared ? "  as " : "", shared ? name : "");
}

static int put_totals(const struct run* run, struct gcn__buf* out,
                      const gcn_plan_t* plan) {
  size_t refused = run->topics.count - plan->topics;
  if (run->json) {
    return gcn__buf_printf(out,
                           "{\"connections\":%u,\"topics\":%zu,\"names\":%zu,"
                           "\"refused\":%zu}\n",
                           plan->connections, plan->topics, plan->names,
                           refused);
  }
  return gcn__buf_printf(out,
                         "%zu topic%s by %zu name%s on %u connection%s, %zu "
                         "refused\n",
                         plan->topics, plan->topics == 1 ? "" : "s",
                         plan->names, plan->names == 1 ? "" : "s",
                         plan->connections, plan->connections == 1 ? "" : "s",
                         refused);
}

static bool write_out(struct gcn__buf* out, int error) {
  struct gcn__span text = gcn__buf_span(out);
  bool good =
      error == 0 && fwrite(text.data, 1, text.size, stdout) == text.size;
  gcn__buf_clear(out);
  return good;
}

static int print(const struct run* run, const gcn_plan_entry_t* entries,
                 const gcn_plan_t* plan) {
  struct gcn__buf line;
  bool good = true;
  gcn__buf_init(&line, &gcn__mem_libc, LINE_SIZE_MAX);
  for (size_t i = 0; good && i < run->topics.count; i++) {
    const char* topic = run->topics.names[i];
    const char* name = name_of(run, i, &entries[i]);
    int error = run->json ? put_json(&line, topic, name, &entries[i])
                          : put_row(&line, topic, name, &entries[i]);
    good = write_out(&line, error);
  }
  good = good && write_out(&line, put_totals(run, &line, plan));
  gcn__buf_deinit(&line);
  if (!good || fflush(stdout) != 0) return GCN__EXIT_FAILURE;
  return plan->topics == run->topics.count ? GCN__EXIT_OK : GCN__EXIT_TOPIC;
}

static int make_plan(struct run* run) {
  gcn_plan_t plan;
  size_t count = run->topics.count;
  gcn_plan_entry_t* entries = calloc(count, sizeof *entries);
  int error = entries == NULL ? UV_ENOMEM : 0;
  if (error == 0) {
    error = gcn_plan(&run->options, (const char* const*)run->topics.names,
                     count, entries, &plan);
  }
  int exit_code = GCN__EXIT_FAILURE;
  if (error == 0) {
    exit_code = print(run, entries, &plan);
  } else {
    gcn__console_say(&run->console, GCN__CONSOLE_ERROR, "%s",
                     gcn_strerror(error));
    if (error == UV_EINVAL) exit_code = GCN__EXIT_USAGE;
  }
  free(entries);
  return exit_code;
}

int gcn__cli_topics(int argc, char** argv) {
  struct run run = {
      .console = {.name = "gcn topics", .level = GCN__CONSOLE_NOTE},
  };
  int exit_code = GCN__EXIT_USAGE;
  gcn_options_init(&run.options);
  bool good = parse(&run, argc, argv);
  if (good && run.help) {
    good = fputs(usage, stdout) >= 0 && fflush(stdout) == 0;
    exit_code = good ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
  } else if (good) {
    exit_code = make_plan(&run);
  }
  gcn__topic_list_deinit(&run.topics);
  return exit_code;
}
