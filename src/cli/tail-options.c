/* SPDX-License-Identifier: MIT */
/*
 * See tail-options.h.
 */
#include "cli/tail-options.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/text.h"

enum { TOPICS_SIZE_MAX = 1 << 20 };

static const struct gcn__mem* const mem = &gcn__mem_libc;

static const char usage[] =
    "Usage: gcn tail [OPTION]... TOPIC...\n"
    "Prints the events of Genesys Cloud notification topics, and keeps doing\n"
    "so over reconnects.  Standard output carries data only.\n"
    "\n"
    "Who and where (flag, then environment, then profile, then default):\n"
    "  -e, --environment NAME      AWS region or domain [GENESYSCLOUD_REGION,\n"
    "                              environment; mypurecloud.com]\n"
    "  -p, --profile NAME          section of ~/.gc/config.toml [DEFAULT]\n"
    "      --client-id ID          [GENESYSCLOUD_OAUTHCLIENT_ID,\n"
    "                              client_credentials]\n"
    "      --client-secret-file F  file whose first line is the secret\n"
    "                              [GENESYSCLOUD_OAUTHCLIENT_SECRET,\n"
    "                              client_secret]\n"
    "      --login-url URL         instead of https://login.DOMAIN\n"
    "      --api-url URL           instead of https://api.DOMAIN\n"
    "      --ca FILE               trust these certificates (PEM file or\n"
    "                              directory) instead of the system's\n"
    "                              [SSL_CERT_FILE]\n"
    "\n"
    "What:\n"
    "  -T, --topics-file FILE      one topic per line; # begins a comment\n"
    "      --match 'PATH OP VALUE' only events for which it is true, e.g.\n"
    "                              'body.presence.id == 42'; OP is one of\n"
    "                              == != < <= > >= contains match\n"
    "      --heartbeat             also heartbeats (json, pretty)\n"
    "      --meta                  also what happens to the stream (json,\n"
    "                              pretty)\n"
    "\n"
    "How:\n"
    "  -o, --output FORM           json: one envelope per line; body: only\n"
    "                              the event's body; raw: the message as it\n"
    "                              came; pretty: for eyes, with -v whole\n"
    "                              bodies [pretty on a terminal, else json]\n"
    "      --color WHEN            auto, always or never [auto: NO_COLOR,\n"
    "                              CLICOLOR_FORCE and the terminal decide]\n"
    "      --status WHEN           auto, on or off: a status line on standard\n"
    "                              error [auto: if it is a terminal]\n"
    "  -u, --unbuffered            write every line at once, also to a file\n"
    "  -q, --quiet                 errors only on standard error\n"
    "  -v, --verbose               more on standard error; -vv still more\n"
    "\n"
    "Until when:\n"
    "  -n, --count N               N events have been printed\n"
    "      --for TIME              TIME has passed (250ms, 30s, 10m, 2h, 1d)\n"
    "      --until-idle TIME       the open stream had no event for TIME\n"
    "      --timeout-first TIME    fail with 7 if there is no event by then\n"
    "      --on-gap WHAT           warn, fail (with 6) or ignore when events\n"
    "                              may have been missed [warn]\n"
    "      --strict-topics         fail with 4 if a topic is rejected\n"
    "      --reconnect WHEN        on, or off: fail with 5 at once [on]\n"
    "      --max-retries N         fail with 5 after N retries in a row\n"
    "\n"
    "  -h, --help                  this text\n"
    "\n"
    "Signals: INT and TERM end politely, a second one at once; HUP reads the\n"
    "credentials again; USR1 prints statistics to standard error.\n"
    "\n"
    "Exit codes: 0 by its own condition, 1 unexpected failure, 2 usage, 3\n"
    "credentials or permission refused, 4 topic rejected, 5 gave up, 6 gap,\n"
    "7 no event in time, 128+n ended by signal n, 141 reader gone.\n";

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
};

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

static const char* check_topic(struct gcn__span topic) {
  if (topic.size == 0) return "it is empty";
  if (topic.size > GCN_TOPIC_SIZE_MAX) return "it is longer than 199 bytes";
  for (size_t i = 0; i < topic.size; i++) {
    if (topic.data[i] <= ' ' || topic.data[i] > '~') {
      return "it has a byte that is not printable ASCII";
    }
  }
  return NULL;
}

static const char* take_topic(struct gcn__tail_options* options,
                              struct gcn__span topic) {
  const char* why = check_topic(topic);
  if (why != NULL) return why;
  for (size_t i = 0; i < options->topic_count; i++) {
    if (gcn__span_iis(topic, options->topics[i])) return NULL;
  }
  if (options->topic_count == GCN_TOPIC_COUNT_MAX) {
    return "a channel has room for 1000 topics";
  }
  char* copy = gcn__str_copy_n(mem, topic.data, topic.size);
  if (copy == NULL) return "out of memory";
  options->topics[options->topic_count++] = copy;
  return NULL;
}

static struct gcn__span trim(struct gcn__span line) {
  while (line.size > 0 && strchr(" \t\r", line.data[line.size - 1]) != NULL) {
    line.size--;
  }
  while (line.size > 0 && strchr(" \t", line.data[0]) != NULL) {
    line = gcn__span_skip(line, 1);
  }
  return line;
}

static bool take_lines(struct gcn__tail_options* options, const char* path,
                       struct gcn__span text, struct gcn__console* console) {
  for (unsigned number = 1; text.size > 0; number++) {
    const char* end = memchr(text.data, '\n', text.size);
    size_t size = end == NULL ? text.size : (size_t)(end - text.data);
    struct gcn__span line = trim(gcn__span(text.data, size));
    text = gcn__span_skip(text, end == NULL ? size : size + 1);
    if (line.size == 0 || line.data[0] == '#') continue;
    const char* why = take_topic(options, line);
    if (why == NULL) continue;
    gcn__console_say(console, GCN__CONSOLE_ERROR, "%s:%u: '%.*s': %s", path,
                     number, (int)(line.size > 60 ? 60 : line.size), line.data,
                     why);
    return false;
  }
  return true;
}

static bool read_topics(struct gcn__tail_options* options, const char* path,
                        struct gcn__console* console) {
  struct gcn__buf text;
  gcn__buf_init(&text, mem, TOPICS_SIZE_MAX);
  bool input = strcmp(path, "-") == 0;
  int error = gcn__file_read(input ? "/dev/stdin" : path, &text, NULL);
  bool good = error == 0;
  if (good) {
    good = take_lines(options, path, gcn__buf_span(&text), console);
  } else {
    gcn__console_say(console, GCN__CONSOLE_ERROR, "--topics-file %s: %s", path,
                     error == GCN_ELIMIT ? "it is larger than 1 MiB"
                                         : gcn_strerror(error));
  }
  gcn__buf_deinit(&text);
  return good;
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
  default: return take_switch(options, id, value);
  }
}

static const char* name_of(int id) {
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].id == id) return table[i].name;
  }
  return "";
}

/* Where the value cannot be a secret it may be repeated. */
static bool take(struct gcn__tail_options* options, int id, const char* value,
                 struct gcn__console* console) {
  const char* why = NULL;
  if (id > GCN__TARGET_ARG_FIRST) {
    why = gcn__target_flag(&options->target, id, value);
    if (why == NULL) return true;
    gcn__console_say(console, GCN__CONSOLE_ERROR, "--%s: %s", name_of(id), why);
    return false;
  }
  if (id == ARG_TOPICS_FILE) return read_topics(options, value, console);
  if (id == GCN__ARGS_WORD) {
    why = take_topic(options, gcn__span_str(value));
    if (why == NULL) return true;
    gcn__console_say(console, GCN__CONSOLE_ERROR, "topic '%.60s': %s", value,
                     why);
    return false;
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
  if (options->topic_count == 0) {
    return "no topic is named; give at least one, for example "
           "v2.users.USER_ID.presence";
  }
  if (bare && (options->meta || options->heartbeat)) {
    return "--meta and --heartbeat need -o json or -o pretty: the other forms "
           "have no lines for them";
  }
  return NULL;
}

static bool refuse(struct gcn__console* console, const char* why) {
  if (why != NULL) gcn__console_say(console, GCN__CONSOLE_ERROR, "%s", why);
  gcn__console_print(console, "Try 'gcn tail --help'.");
  return false;
}

bool gcn__tail_options_parse(struct gcn__tail_options* options, int argc,
                             char** argv, struct gcn__console* console,
                             int* exit_code) {
  *options = (struct gcn__tail_options){.retries_max = UINT64_MAX};
  *exit_code = GCN__EXIT_USAGE;
  struct gcn__args args;
  gcn__args_init(&args, argc, argv, table, sizeof table / sizeof table[0]);
  for (;;) {
    int id = gcn__args_next(&args);
    if (id == GCN__ARGS_END) break;
    if (id == GCN__ARGS_BAD) return refuse(console, args.problem);
    if (id == ARG_HELP) {
      bool good = fputs(usage, stdout) >= 0 && fflush(stdout) == 0;
      *exit_code = good ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
      return false;
    }
    if (!take(options, id, args.value, console)) return refuse(console, NULL);
  }
  const char* why = check(options);
  return why == NULL || refuse(console, why);
}

void gcn__tail_options_deinit(struct gcn__tail_options* options) {
  for (size_t i = 0; i < options->topic_count; i++) {
    gcn__str_free(mem, options->topics[i]);
  }
  options->topic_count = 0;
  gcn__match_free(options->match);
  options->match = NULL;
}
