/* SPDX-License-Identifier: MIT */
/*
 * See sim-inputs.h.
 */
#include "cli/sim-inputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/file.h"
#include "gcnotify.h"

enum {
  SECRET_SIZE_MAX = 4096,
  MIB = 1 << 20,
};

/* So that a made-up pair has nothing to do with the events of its seed. */
#define SEED_LOGIN UINT64_C(0x6c6f67696e000004)

static const struct gcn__mem* const mem = &gcn__mem_libc;

static bool refuse(struct gcn__console* console, const char* option,
                   const char* value, const char* why) {
  gcn__console_say(console, GCN__CONSOLE_ERROR, "%s '%.60s': %s", option, value,
                   why);
  return false;
}

static bool read_file(const char* option, const char* path,
                      struct gcn__buf* out, struct gcn__console* console) {
  bool input = strcmp(path, "-") == 0;
  int error = gcn__file_read(input ? "/dev/stdin" : path, out, NULL);
  if (error == 0) return true;
  char why[64];
  snprintf(why, sizeof why, "it is larger than %zu MiB", out->size_max / MIB);
  if (error == GCN_ELIMIT && out->size_max < MIB) {
    snprintf(why, sizeof why, "it is larger than %zu bytes", out->size_max);
  }
  return refuse(console, option, path,
                error == GCN_ELIMIT ? why : gcn_strerror(error));
}

/* A client was named and its secret has not come yet. */
static bool is_waiting(const struct gcn__cli_sim_options* options) {
  size_t count = options->client_count;
  return count < GCN__CLI_SIM_CLIENTS_MAX && options->clients[count].id != NULL;
}

static bool check_waiting(const struct gcn__cli_sim_options* options,
                          struct gcn__console* console) {
  if (!is_waiting(options)) return true;
  return refuse(console, "--client-id",
                options->clients[options->client_count].id,
                "its secret is missing; follow it with --client-secret or "
                "--client-secret-file");
}

/* What a form and a Basic header can carry without a change. */
static bool is_plain_word(const char* text) {
  const char* at = text;
  while (*at > ' ' && *at <= '~' && *at != ':')
    at++;
  return at != text && *at == '\0';
}

bool gcn__cli_sim_take_id(struct gcn__cli_sim_options* options,
                          const char* value, struct gcn__console* console) {
  if (!check_waiting(options, console)) return false;
  size_t count = options->client_count;
  if (count == GCN__CLI_SIM_CLIENTS_MAX) {
    return refuse(console, "--client-id", value, "at most 32 clients");
  }
  if (!is_plain_word(value)) {
    return refuse(console, "--client-id", value,
                  "an id is made of visible ASCII without ':'");
  }
  for (size_t i = 0; i < count; i++) {
    if (strcmp(options->clients[i].id, value) != 0) continue;
    return refuse(console, "--client-id", value, "it is given twice");
  }
  options->clients[count].id = value;
  return true;
}

static bool add_secret(struct gcn__cli_sim_options* options, const char* option,
                       struct gcn__span secret, const char* path,
                       struct gcn__console* console) {
  const char* why = NULL;
  if (!is_waiting(options)) why = "no --client-id stands before it";
  if (secret.size == 0) why = "the secret is empty";
  struct gcn__cli_sim_login login = {.path = path};
  if (why == NULL) {
    login.secret = gcn__str_copy_n(mem, secret.data, secret.size);
    if (login.secret == NULL) why = "out of memory";
  }
  if (why != NULL) {
    gcn__console_say(console, GCN__CONSOLE_ERROR, "%s: %s", option, why);
    return false;
  }
  size_t count = options->client_count++;
  options->logins[count] = login;
  options->clients[count].secret = login.secret;
  return true;
}

bool gcn__cli_sim_take_secret(struct gcn__cli_sim_options* options,
                              const char* value, struct gcn__console* console) {
  return add_secret(options, "--client-secret", gcn__span_str(value), NULL,
                    console);
}

bool gcn__cli_sim_take_secret_file(struct gcn__cli_sim_options* options,
                                   const char* path,
                                   struct gcn__console* console) {
  static const char option[] = "--client-secret-file";
  struct gcn__buf text;
  gcn__buf_init(&text, mem, SECRET_SIZE_MAX);
  text.secret = true;
  bool good = read_file(option, path, &text, console);
  struct gcn__span line = gcn__buf_span(&text);
  for (size_t i = 0; i < line.size; i++) {
    if (line.data[i] == '\n' || line.data[i] == '\r') line.size = i;
  }
  good = good && add_secret(options, option, line, path, console);
  gcn__buf_deinit(&text);
  return good;
}

/* Made up from the seed, so that a run can be repeated with the same ones. */
static bool make_client(struct gcn__cli_sim_options* options) {
  struct gcn__rng rng;
  gcn__rng_seed(&rng, options->service.seed ^ SEED_LOGIN);
  gcn__sim_uuid(&rng, options->own_id);
  uint64_t high = gcn__rng_next(&rng);
  uint64_t low = gcn__rng_next(&rng);
  char secret[GCN__CLI_SIM_SECRET_SIZE];
  snprintf(secret, sizeof secret, "%016" PRIx64 "%016" PRIx64, high, low);
  options->logins[0].secret = gcn__str_copy(mem, secret);
  options->clients[0].id = options->own_id;
  options->clients[0].secret = options->logins[0].secret;
  options->client_count = 1;
  return options->logins[0].secret != NULL;
}

bool gcn__cli_sim_take_forbid(struct gcn__cli_sim_options* options,
                              const char* value, struct gcn__console* console) {
  const char* sign = strchr(value, '=');
  if (sign == NULL || sign == value || sign[1] == '\0') {
    return refuse(console, "--forbid", value,
                  "it has to be PATTERN=permission, like "
                  "'v2.routing.queues.*=routing:queue:view'");
  }
  size_t count = options->forbidden_count;
  if (count == GCN__CLI_SIM_FORBIDDEN_MAX) {
    return refuse(console, "--forbid", value, "at most 64 of them");
  }
  char* pattern = gcn__str_copy_n(mem, value, (size_t)(sign - value));
  if (pattern == NULL) {
    return refuse(console, "--forbid", value, "out of memory");
  }
  options->patterns[count] = pattern;
  options->forbidden[count] =
      (struct gcn__sim_forbidden){.pattern = pattern, .permission = sign + 1};
  options->forbidden_count++;
  return true;
}

/* A script is checked by itself, so that what is wrong has the right name. */
static bool check_script(struct gcn__span text, const char* name,
                         struct gcn__console* console) {
  char why[GCN__SCRIPT_TEXT_SIZE];
  struct gcn__script* script = NULL;
  int error = gcn__script_parse(mem, text, name, &script, why);
  gcn__script_free(script);
  if (error == 0) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "%s",
                   why[0] == '\0' ? gcn_strerror(error) : why);
  return false;
}

bool gcn__cli_sim_take_fault(struct gcn__cli_sim_options* options,
                             const char* path, struct gcn__console* console) {
  if (options->fault_path != NULL) {
    return refuse(console, "--fault", path,
                  "one file is enough; --fault-line adds single rules");
  }
  options->fault_path = path;
  return read_file("--fault", path, &options->fault_file, console) &&
         check_script(gcn__buf_span(&options->fault_file), path, console);
}

bool gcn__cli_sim_take_fault_line(struct gcn__cli_sim_options* options,
                                  const char* value,
                                  struct gcn__console* console) {
  if (strpbrk(value, "\r\n") != NULL) {
    return refuse(console, "--fault-line", value, "a rule is one line");
  }
  if (!check_script(gcn__span_str(value), "--fault-line", console)) {
    return false;
  }
  if (gcn__buf_printf(&options->fault_lines, "%s\n", value) == 0) return true;
  return refuse(console, "--fault-line", value, "there are too many rules");
}

/* The file first: its rules keep their line numbers. */
static bool join_scripts(struct gcn__cli_sim_options* options,
                         struct gcn__console* console) {
  struct gcn__buf* text = &options->fault_file;
  struct gcn__span lines = gcn__buf_span(&options->fault_lines);
  const char* name = options->fault_path;
  char why[GCN__SCRIPT_TEXT_SIZE] = "";
  int error = 0;
  text->size_max = 2 * GCN__SCRIPT_SIZE_MAX + 1; /* the parser has its own */
  struct gcn__span file = gcn__buf_span(text);
  if (file.size > 0 && file.data[file.size - 1] != '\n') {
    error = gcn__buf_append(text, "\n", 1);
  }
  if (error == 0) error = gcn__buf_append(text, lines.data, lines.size);
  if (error == 0 && gcn__buf_size(text) > 0) {
    error = gcn__script_parse(mem, gcn__buf_span(text),
                              name == NULL ? "--fault-line" : name,
                              &options->script, why);
  }
  options->service.script = options->script;
  if (error == 0) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "%s",
                   why[0] == '\0' ? gcn_strerror(error) : why);
  return false;
}

/* A service that is thrown away looks at every line. */
static bool check_corpus(const struct gcn__cli_sim_options* options,
                         struct gcn__console* console) {
  struct gcn__sim_options probe = {.corpus = options->service.corpus};
  struct gcn__sim* sim = gcn__sim_new(&probe);
  if (sim == NULL) {
    return refuse(console, "--corpus", options->corpus_path, "out of memory");
  }
  size_t line = gcn__sim_corpus_error(sim);
  gcn__sim_free(sim);
  if (line == 0) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR,
                   "%s:%zu: not an event; a line is a JSON object with "
                   "topicName and eventBody, or with topic and body",
                   options->corpus_path, line);
  return false;
}

bool gcn__cli_sim_take_corpus(struct gcn__cli_sim_options* options,
                              const char* path, struct gcn__console* console) {
  if (options->corpus_path != NULL) {
    return refuse(console, "--corpus", path, "one file is enough");
  }
  options->corpus_path = path;
  if (!read_file("--corpus", path, &options->corpus, console)) return false;
  options->service.corpus = gcn__buf_span(&options->corpus);
  if (!check_corpus(options, console)) return false;
  if (gcn__cli_sim_first_topic(options->service.corpus, options->topic)) {
    return true;
  }
  return refuse(console, "--corpus", path, "there is no event in it");
}

bool gcn__cli_sim_finish_inputs(struct gcn__cli_sim_options* options,
                                struct gcn__console* console) {
  if (!check_waiting(options, console)) return false;
  if (!join_scripts(options, console)) return false;
  if (options->client_count == 0 && !make_client(options)) {
    gcn__console_say(console, GCN__CONSOLE_ERROR, "out of memory");
    return false;
  }
  struct gcn__sim_options* service = &options->service;
  service->clients = options->clients;
  service->client_count = options->client_count;
  service->forbidden = options->forbidden;
  service->forbidden_count = options->forbidden_count;
  if (options->topic[0] == '\0') {
    gcn__sim_topic(service->seed, 0, options->topic);
  }
  return true;
}

void gcn__cli_sim_inputs_deinit(struct gcn__cli_sim_options* options) {
  for (size_t i = 0; i < options->client_count; i++) {
    gcn__secret_free(mem, options->logins[i].secret);
  }
  for (size_t i = 0; i < options->forbidden_count; i++) {
    gcn__str_free(mem, options->patterns[i]);
  }
  gcn__script_free(options->script);
  gcn__buf_deinit(&options->fault_file);
  gcn__buf_deinit(&options->fault_lines);
  gcn__buf_deinit(&options->corpus);
  options->client_count = 0;
  options->forbidden_count = 0;
  options->script = NULL;
}
