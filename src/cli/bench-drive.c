/* SPDX-License-Identifier: MIT */
/*
 * `gcn bench drive`: one reader, one line of JSON.
 *
 * The same arguments and the same line as every peer of bench/peers; options
 * in front of them are of "gcn bench" alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/args.h"
#include "cli/bench-measure.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/text.h"
#include "codec/url.h"
#include "gcnotify.h"

enum {
  OPTION_HELP,
  OPTION_READER,
  OPTION_FULL,
  OPTION_TLS12,
  OPTION_PLAIN_API,
  OPTION_HASTY,
  OPTION_RECORDERLESS,
  OPTION_SHALLOW,
  OPTION_SPARE,
  OPTION_TELL,
  OPTION_FOR,
};

enum {
  WORDS = 5,
  CA_SIZE_MAX = 1 << 20,
  LINE_SIZE_MAX = 4096,
  COUNT_MAX = 1000000000,
  CONNECTIONS_MAX = 100000,
  FOR_MS = 120000,
};

static const char usage[] =
    "Usage: gcn bench drive [OPTION]... URL CA COUNT CONNECTIONS MODE\n"
    "Reads from a source and prints one line of JSON.\n"
    "\n"
    "  URL             as the source prints it\n"
    "  CA              a PEM file; \"-\" for ws://\n"
    "  COUNT           events of each connection\n"
    "  MODE            count, json (the same), pingpong, idle, cold, cut,\n"
    "                  move\n"
    "\n"
    "      --reader NAME   library (the default), raw, uv\n"
    "      --full          no handshake is resumed\n"
    "      --tls12         raw and uv: TLS 1.2\n"
    "      --plain-api     library: only the stream is encrypted\n"
    "      --hasty         library: no wait before it comes back or moves\n"
    "      --no-recorder   library: without the flight recorder\n"
    "      --shallow       library: bodies are not checked\n"
    "      --spare         library: cut when a spare connection is up\n"
    "      --tell          a line when all are open\n"
    "      --for TIME      give up then [120s]\n"
    "  -h, --help\n";

static const struct gcn__arg table[] = {
    {'h', false, OPTION_HELP, "help"},
    {0, true, OPTION_READER, "reader"},
    {0, false, OPTION_FULL, "full"},
    {0, false, OPTION_TLS12, "tls12"},
    {0, false, OPTION_PLAIN_API, "plain-api"},
    {0, false, OPTION_HASTY, "hasty"},
    {0, false, OPTION_RECORDERLESS, "no-recorder"},
    {0, false, OPTION_SHALLOW, "shallow"},
    {0, false, OPTION_SPARE, "spare"},
    {0, false, OPTION_TELL, "tell"},
    {0, true, OPTION_FOR, "for"},
};

struct words {
  const char* text[WORDS];
  size_t count;
  bool help;
};

static bool read_reader(struct gcn__bench_plan* plan, const char* name) {
  for (int i = 0; i < GCN__BENCH_READERS; i++) {
    plan->reader = (enum gcn__bench_reader)i;
    if (strcmp(name, gcn__bench_reader_name(plan->reader)) == 0) return true;
  }
  return false;
}

static const char* read_option(struct gcn__bench_plan* plan, int id,
                               const char* value, struct words* words) {
  switch (id) {
  case OPTION_HELP: words->help = true; break;
  case OPTION_FULL: plan->full = true; break;
  case OPTION_TLS12: plan->tls12 = true; break;
  case OPTION_PLAIN_API: plan->plain_api = true; break;
  case OPTION_HASTY: plan->hasty = true; break;
  case OPTION_RECORDERLESS: plan->recorderless = true; break;
  case OPTION_SHALLOW: plan->shallow = true; break;
  case OPTION_SPARE: plan->spare = true; break;
  case OPTION_TELL: plan->tell = true; break;
  case OPTION_READER:
    if (!read_reader(plan, value)) return "--reader is library, raw or uv";
    break;
  case OPTION_FOR:
    if (!gcn__text_duration(value, &plan->for_ms)) return "--for is a time";
    break;
  default:
    if (words->count == WORDS) return "there are too many words";
    words->text[words->count++] = value;
  }
  return NULL;
}

static const char* read_mode(struct gcn__bench_plan* plan, const char* text) {
  static const struct {
    const char* name;
    enum gcn__bench_mode mode;
  } modes[] = {
      {"count", GCN__BENCH_COUNT}, {"json", GCN__BENCH_COUNT},
      {"idle", GCN__BENCH_IDLE},   {"pingpong", GCN__BENCH_PINGPONG},
      {"cold", GCN__BENCH_COLD},   {"cut", GCN__BENCH_CUT},
      {"move", GCN__BENCH_MOVE},
  };
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    plan->mode = modes[i].mode;
    if (strcmp(text, modes[i].name) == 0) return NULL;
  }
  return "MODE is not known";
}

static const char* read_url(struct gcn__bench_plan* plan, const char* text) {
  struct gcn__url url;
  if (gcn__url_parse(&url, gcn__span_str(text)) != NULL) return "URL is no URL";
  plan->secure = gcn__url_secure(&url);
  plan->port = url.port;
  plan->url = text;
  const char* host = strstr(text, "://");
  const char* path = host == NULL ? NULL : strchr(host + 3, '/');
  plan->path = path == NULL ? "/" : path;
  if (strcmp(url.host, "127.0.0.1") != 0) return "URL is not of 127.0.0.1";
  return NULL;
}

static const char* read_words(struct gcn__bench_plan* plan,
                              const struct words* words) {
  if (words->count != WORDS) return "URL CA COUNT CONNECTIONS MODE are needed";
  bool numbers = gcn__text_number(words->text[2], &plan->count) &&
                 gcn__text_number(words->text[3], &plan->connections);
  if (!numbers || plan->count > COUNT_MAX) return "COUNT is not in range";
  if (plan->connections == 0 || plan->connections > CONNECTIONS_MAX) {
    return "CONNECTIONS is not in range";
  }
  const char* problem = read_mode(plan, words->text[4]);
  if (problem == NULL) problem = read_url(plan, words->text[0]);
  if (problem != NULL) return problem;
  bool counts = plan->mode == GCN__BENCH_COUNT ||
                plan->mode == GCN__BENCH_PINGPONG ||
                plan->mode == GCN__BENCH_MOVE;
  if (plan->mode == GCN__BENCH_MOVE && plan->connections > 1) {
    return "CONNECTIONS is more than 1";
  }
  return counts && plan->count == 0 ? "COUNT is 0" : NULL;
}

static const char* parse(struct gcn__bench_plan* plan, struct words* words,
                         struct gcn__args* args) {
  for (;;) {
    int id = gcn__args_next(args);
    if (id == GCN__ARGS_BAD) return args->problem;
    if (id == GCN__ARGS_END) break;
    const char* problem = read_option(plan, id, args->value, words);
    if (problem != NULL) return problem;
  }
  return words->help ? NULL : read_words(plan, words);
}

static bool load_ca(struct gcn__bench_plan* plan, const char* path,
                    struct gcn__console* console) {
  struct gcn__buf text;
  if (!plan->secure) return true;
  gcn__buf_init(&text, &gcn__mem_libc, CA_SIZE_MAX);
  int error = gcn__file_read(path, &text, NULL);
  struct gcn__span span = gcn__buf_span(&text);
  if (error == 0) {
    plan->ca_pem = gcn__str_copy_n(&gcn__mem_libc, span.data, span.size);
  }
  gcn__buf_deinit(&text);
  if (plan->ca_pem != NULL) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "%s: %s", path,
                   gcn_strerror(error));
  return false;
}

static bool print_result(const struct gcn__bench_plan* plan,
                         const struct gcn__bench_result* result) {
  struct gcn__buf line;
  gcn__buf_init(&line, &gcn__mem_libc, LINE_SIZE_MAX);
  bool ours = plan->reader == GCN__BENCH_LIBRARY;
  int error =
      gcn__buf_printf(&line, "{\"peer\":\"%s\",\"version\":\"%s\"",
                      ours ? "gcnotify" : gcn__bench_reader_name(plan->reader),
                      gcn_version_string());
  for (int i = 0; i < GCN__BENCH_METRICS && error == 0; i++) {
    double value = result->values[i];
    if (isnan(value)) continue;
    error = gcn__buf_printf(&line, ",\"%s\":%.17g",
                            gcn__bench_metric_name((enum gcn__bench_metric)i),
                            value);
  }
  if (error == 0) error = gcn__buf_append(&line, "}\n", 3);
  bool good = error == 0 && gcn__bench_print(gcn__buf_span(&line).data);
  gcn__buf_deinit(&line);
  return good;
}

static int run(const struct gcn__bench_plan* plan,
               struct gcn__console* console) {
  struct gcn__bench_result result;
  if (!gcn__bench_files(plan->connections, console)) return GCN__EXIT_FAILURE;
  for (int i = 0; i < GCN__BENCH_METRICS; i++)
    result.values[i] = NAN;
  int code = GCN__EXIT_FAILURE;
  switch (plan->reader) {
  case GCN__BENCH_LIBRARY:
    code = gcn__bench_library(plan, console, &result);
    break;
  case GCN__BENCH_RAW: code = gcn__bench_raw(plan, console, &result); break;
  case GCN__BENCH_UV: code = gcn__bench_uv(plan, console, &result); break;
  case GCN__BENCH_READERS: break;
  }
  if (code == 0 && !print_result(plan, &result)) code = GCN__EXIT_FAILURE;
  return code;
}

int gcn__bench_drive(int argc, char** argv) {
  struct gcn__console console = {.name = "gcn bench drive",
                                 .level = GCN__CONSOLE_NOTE};
  struct gcn__bench_plan plan = {.for_ms = FOR_MS};
  struct words words = {.count = 0};
  struct gcn__args args;
  gcn__args_init(&args, argc, argv, table, sizeof table / sizeof table[0]);
  const char* problem = parse(&plan, &words, &args);
  if (problem != NULL) {
    gcn__console_say(&console, GCN__CONSOLE_ERROR,
                     "%s; try 'gcn bench drive --help'", problem);
    return GCN__EXIT_USAGE;
  }
  if (words.help) {
    return gcn__bench_print(usage) ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
  }
  if (!load_ca(&plan, words.text[1], &console)) return GCN__EXIT_USAGE;
  int code = run(&plan, &console);
  gcn__str_free(&gcn__mem_libc, plan.ca_pem);
  return code;
}
