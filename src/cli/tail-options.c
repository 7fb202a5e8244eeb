/* SPDX-License-Identifier: MIT */
/*
 * See tail-options.h.
 */
#include "cli/tail-options.h"

#include "cli/cli.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

enum { METRICS_MS = 15000, CONNECTIONS_MAX = GCN_CONNECTION_COUNT_MAX };

enum {
  ARG_TOPICS_FILE = 'T',
  ARG_OUTPUT = 'o',
  ARG_COUNT = 'n',
  ARG_UNBUFFERED = 'u',
  ARG_QUIET = 'q',
  ARG_VERBOSE = 'v',
  ARG_HELP = 'h',
  ARG_FOR = 256,
  ARG_UNTIL_IDLE,
  ARG_TIMEOUT_FIRST,
  ARG_MATCH,
  ARG_HEARTBEAT,
  ARG_META,
  ARG_ON_GAP,
  ARG_STRICT_TOPICS,
  ARG_RECONNECT,
  ARG_MAX_RETRIES,
  ARG_COLOR,
  ARG_STATUS,
  ARG_LOG_FORMAT,
  ARG_STATS_INTERVAL,
  ARG_METRICS,
  ARG_METRICS_INTERVAL,
  ARG_RECORD,
  ARG_CONNECTIONS,
  ARG_ROTATE_AFTER,
  ARG_ROTATE_SPREAD,
  ARG_PING,
  ARG_SPARE,
  ARG_SUBSCRIPTIONS,
  ARG_CHECKPOINT,
  ARG_ON_FULL,
};

static const struct gcn__arg table[] = {
    GCN__TARGET_ARGS,
    {'T', true, ARG_TOPICS_FILE, "topics-file"},
    {'o', true, ARG_OUTPUT, "output"},
    {'n', true, ARG_COUNT, "count"},
    {'u', false, ARG_UNBUFFERED, "unbuffered"},
    {'q', false, ARG_QUIET, "quiet"},
    {'v', false, ARG_VERBOSE, "verbose"},
    {'h', false, ARG_HELP, "help"},
    {0, true, ARG_FOR, "for"},
    {0, true, ARG_UNTIL_IDLE, "until-idle"},
    {0, true, ARG_TIMEOUT_FIRST, "timeout-first"},
    {0, true, ARG_MATCH, "match"},
    {0, false, ARG_HEARTBEAT, "heartbeat"},
    {0, false, ARG_META, "meta"},
    {0, true, ARG_ON_GAP, "on-gap"},
    {0, false, ARG_STRICT_TOPICS, "strict-topics"},
    {0, true, ARG_RECONNECT, "reconnect"},
    {0, true, ARG_MAX_RETRIES, "max-retries"},
    {0, true, ARG_COLOR, "color"},
    {0, true, ARG_STATUS, "status"},
    {0, true, ARG_LOG_FORMAT, "log-format"},
    {0, true, ARG_STATS_INTERVAL, "stats-interval"},
    {0, true, ARG_METRICS, "metrics"},
    {0, true, ARG_METRICS_INTERVAL, "metrics-interval"},
    {0, true, ARG_RECORD, "record"},
    {0, true, ARG_CONNECTIONS, "connections"},
    {0, true, ARG_ROTATE_AFTER, "rotate-after"},
    {0, true, ARG_ROTATE_SPREAD, "rotate-spread"},
    {0, true, ARG_PING, "ping"},
    {0, true, ARG_SPARE, "spare"},
    {0, true, ARG_SUBSCRIPTIONS, "subscriptions"},
    {0, true, ARG_CHECKPOINT, "checkpoint"},
    {0, true, ARG_ON_FULL, "on-full"},
    GCN__DIALECT_ARGS};

/* Each returns NULL, or what the option's value has to be. */

/* `words` are those of the values 0, 1, 2, with '|' between them. */
static const char* take_choice(const char* words, const char* value, int* out) {
  size_t size = strlen(value);
  int index = 0;
  for (const char* at = words;; index++) {
    size_t length = strcspn(at, "|");
    if (length == size && memcmp(at, value, size) == 0) break;
    at += length;
    if (*at++ == '\0') return words;
  }
  *out = index;
  return NULL;
}

static const char* take_time(const char* value, uint64_t* out) {
  bool good = gcn__text_duration(value, out) && *out > 0;
  return good ? NULL : "a duration like 250ms, 30s, 10m or 2h";
}

static const char* take_count(const char* value, uint64_t* out) {
  return gcn__text_number(value, out) ? NULL : "a number";
}

static const char* take_match(struct gcn__tail_options* options,
                              const char* value) {
  const char* why = NULL;
  gcn__match_free(options->match);
  options->match = gcn__match_new(value, &why);
  return why;
}

static const char* take_path(const char* value, const char** out) {
  *out = value;
  return value[0] == '\0' ? "a file's name" : NULL;
}

static const char* take_connections(const char* value, uint64_t* out) {
  bool good =
      gcn__text_number(value, out) && *out >= 1 && *out <= CONNECTIONS_MAX;
  return good ? NULL : "a number from 1 to 18";
}

/* Chance makes it up to a twentieth shorter, which has to be something. */
static const char* take_rotate(const char* value, uint64_t* out) {
  bool good = gcn__text_duration(value, out) && *out >= 1000;
  return good ? NULL : "a duration of a second or more, like 12h";
}

static const char* take_switch(struct gcn__tail_options* options, int id,
                               const char* value) {
  int choice = 0;
  const char* want = NULL;
  switch (id) {
  case ARG_ON_GAP:
    want = take_choice("warn|fail|ignore", value, &choice);
    options->on_gap = (enum gcn__on_gap)choice;
    return want;
  case ARG_RECONNECT:
    want = take_choice("on|off", value, &choice);
    options->retries_max = choice == 1 ? 0 : UINT64_MAX;
    return want;
  case ARG_COLOR:
    want = take_choice("auto|always|never", value, &choice);
    options->color = (enum gcn__choice)choice;
    return want;
  case ARG_STATUS:
    want = take_choice("auto|on|off", value, &choice);
    options->status = (enum gcn__choice)choice;
    return want;
  case ARG_LOG_FORMAT:
    want = take_choice("text|logfmt|json", value, &choice);
    options->log_format = (enum gcn__log_format)choice;
    return want;
  case ARG_ON_FULL:
    want = take_choice("wait|drop-oldest|keep-latest", value, &choice);
    options->full_given = true;
    options->full = (gcn_full_t)choice;
    return want;
  case ARG_OUTPUT:
    options->form_given = true;
    return gcn__output_form_of(value, &options->form) ? NULL
                                                      : "json|body|raw|pretty";
  default: return "known here";
  }
}

static const char* take_option(struct gcn__tail_options* options, int id,
                               const char* value) {
  switch (id) {
  case ARG_UNBUFFERED: options->unbuffered = true; return NULL;
  case ARG_QUIET: options->quiet = true; return NULL;
  case ARG_VERBOSE: options->verbose++; return NULL;
  case ARG_HEARTBEAT: options->heartbeat = true; return NULL;
  case ARG_META: options->meta = true; return NULL;
  case ARG_STRICT_TOPICS: options->strict_topics = true; return NULL;
  case ARG_COUNT: return take_count(value, &options->count);
  case ARG_MAX_RETRIES: return take_count(value, &options->retries_max);
  case ARG_FOR: return take_time(value, &options->for_ms);
  case ARG_UNTIL_IDLE: return take_time(value, &options->until_idle_ms);
  case ARG_TIMEOUT_FIRST: return take_time(value, &options->timeout_first_ms);
  case ARG_STATS_INTERVAL: return take_time(value, &options->stats_ms);
  case ARG_METRICS: return take_path(value, &options->metrics_path);
  case ARG_METRICS_INTERVAL: return take_time(value, &options->metrics_ms);
  case ARG_RECORD: return take_path(value, &options->record_path);
  case ARG_CONNECTIONS: return take_connections(value, &options->connections);
  case ARG_ROTATE_AFTER: return take_rotate(value, &options->rotate_ms);
  case ARG_ROTATE_SPREAD: return take_time(value, &options->spread_ms);
  case ARG_PING: return take_time(value, &options->ping_ms);
  case ARG_SPARE: return take_time(value, &options->spare_ms);
  case ARG_CHECKPOINT: return take_path(value, &options->checkpoint_path);
  default: return take_switch(options, id, value);
  }
}

static const char* name_of(int id) {
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].id == id) return table[i].name;
  }
  return "";
}

/* False: what is wrong has been said. */
static bool take_topics(struct gcn__tail_options* options, int id,
                        const char* value, struct gcn__console* console) {
  struct gcn__topic_list* list = &options->topics;
  if (id == ARG_TOPICS_FILE) {
    return gcn__topic_list_read(list, value, "--topics-file", console);
  }
  if (id == ARG_SUBSCRIPTIONS && list->stream) {
    return gcn__topic_list_read_json(list, value, "--subscriptions", console);
  }
  if (id == ARG_SUBSCRIPTIONS) {
    gcn__console_say(console, GCN__CONSOLE_ERROR,
                     "--subscriptions is of the stream dialect: add --dialect "
                     "stream");
    return false;
  }
  const char* why = gcn__topic_list_add(list, gcn__span_str(value));
  if (why == NULL) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "%s '%.60s': %s",
                   list->stream ? "subscription" : "topic", value, why);
  return false;
}

/* Where the value cannot be a secret it may be repeated. */
static bool take(struct gcn__tail_options* options, int id, const char* value,
                 struct gcn__console* console) {
  const char* why = NULL;
  if (id > GCN__DIALECT_ARG_FIRST) return true; /* has been looked for */
  if (id > GCN__TARGET_ARG_FIRST) {
    why = gcn__target_flag(&options->target, id, value);
    if (why == NULL) return true;
    gcn__console_say(console, GCN__CONSOLE_ERROR, "--%s: %s", name_of(id), why);
    return false;
  }
  if (id == ARG_TOPICS_FILE || id == ARG_SUBSCRIPTIONS ||
      id == GCN__ARGS_WORD) {
    return take_topics(options, id, value, console);
  }
  if (id == ARG_MATCH) {
    why = take_match(options, value);
    if (why == NULL) return true;
    gcn__console_say(console, GCN__CONSOLE_ERROR, "--match '%.80s': %s", value,
                     why);
    return false;
  }
  why = take_option(options, id, value);
  if (why == NULL) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "--%s '%.40s' has to be %s",
                   name_of(id), value, why);
  return false;
}

static const char* check(const struct gcn__tail_options* options) {
  bool bare = options->form_given && (options->form == GCN__OUTPUT_BODY ||
                                      options->form == GCN__OUTPUT_RAW);
  if (options->topics.count == 0 && options->topics.stream) {
    return "no subscription is named; give at least one, for example "
           "routing.queueEvents@QUEUE_ID, or --subscriptions FILE";
  }
  if (options->topics.count == 0) {
    return "no topic is named; give at least one, for example "
           "v2.users.USER_ID.presence";
  }
  if (bare && (options->meta || options->heartbeat)) {
    return "--meta and --heartbeat need -o json or -o pretty: the other forms "
           "have no lines for them";
  }
  if (options->metrics_ms != 0 && options->metrics_path == NULL) {
    return "--metrics-interval needs --metrics FILE";
  }
  return NULL;
}

static bool refuse(struct gcn__console* console, const char* why) {
  if (why != NULL) gcn__console_say(console, GCN__CONSOLE_ERROR, "%s", why);
  gcn__console_print(console, "Try 'gcn tail --help'.");
  return false;
}

static bool print_usage(void) {
  bool good = true;
  for (size_t i = 0; gcn__tail_usage[i] != NULL; i++) {
    good = good && fputs(gcn__tail_usage[i], stdout) >= 0;
  }
  return fflush(stdout) == 0 && good;
}

/* What has to be known before topics are read. */
static bool take_dialect(struct gcn__tail_options* options, int argc,
                         char** argv, struct gcn__console* console) {
  struct gcn__dialect_flags flags;
  char problem[GCN__DIALECT_TEXT_SIZE];
  gcn__dialect_scan(&flags, argc, argv, table, sizeof table / sizeof table[0]);
  if (!gcn__dialect_choose(&options->dialect, &flags, problem)) {
    return refuse(console, problem);
  }
  options->topics.stream = options->dialect.dialect == GCN_DIALECT_STREAM;
  return true;
}

bool gcn__tail_options_parse(struct gcn__tail_options* options, int argc,
                             char** argv, struct gcn__console* console,
                             int* exit_code) {
  *options = (struct gcn__tail_options){.retries_max = UINT64_MAX};
  *exit_code = GCN__EXIT_USAGE;
  if (!take_dialect(options, argc, argv, console)) return false;
  struct gcn__args args;
  gcn__args_init(&args, argc, argv, table, sizeof table / sizeof table[0]);
  for (;;) {
    int id = gcn__args_next(&args);
    if (id == GCN__ARGS_END) break;
    if (id == GCN__ARGS_BAD) return refuse(console, args.problem);
    if (id == ARG_HELP) {
      *exit_code = print_usage() ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
      return false;
    }
    if (!take(options, id, args.value, console)) return refuse(console, NULL);
  }
  const char* why = check(options);
  if (options->metrics_ms == 0) options->metrics_ms = METRICS_MS;
  return why == NULL || refuse(console, why);
}

void gcn__tail_options_deinit(struct gcn__tail_options* options) {
  gcn__topic_list_deinit(&options->topics);
  gcn__match_free(options->match);
  options->match = NULL;
}
