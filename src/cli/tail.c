/* SPDX-License-Identifier: MIT */
/*
 * `gcn tail`: begins and ends.  See tail.h.
 */
#include "cli/tail.h"

#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  WIDTH = 120,
  WHY_SIZE = 256,
  ROTATE_JITTER_PART = 20, /* a channel may go earlier by this part */
  /* For the goodbye and for whoever reads standard output. */
  DRAIN_MS = 3000,
};

const char* gcn__tail_env(const char* name) {
  return getenv(name);
}

static bool is_set(const char* name) {
  const char* value = getenv(name);
  return value != NULL && value[0] != '\0';
}

static void close_all(struct gcn__tail* tail) {
  for (int i = 0; i < GCN__TAIL_TIMERS; i++) {
    uv_close((uv_handle_t*)&tail->timers[i], NULL);
  }
  for (int i = 0; i < GCN__TAIL_SIGNALS; i++) {
    uv_close((uv_handle_t*)&tail->signals[i], NULL);
  }
  gcn__sink_close(&tail->sink);
}

void gcn__tail_end(struct gcn__tail* tail) {
  bool done = tail->finishing && tail->client == NULL &&
              gcn__sink_waiting(&tail->sink) == 0;
  if (!done || tail->ended) return;
  tail->ended = true;
  gcn__console_hide(&tail->console);
  close_all(tail);
}

static void on_close(gcn_client_t* client) {
  struct gcn__tail* tail = gcn_client_data(client);
  gcn__tail_write_record(tail); /* with the goodbye in it */
  gcn__tail_write_metrics(tail);
  tail->client = NULL;
  gcn__tail_end(tail);
}

void gcn__tail_close(struct gcn__tail* tail) {
  if (tail->closing || tail->client == NULL) return;
  tail->closing = true;
  /* The limit was for the output; checkpoint and goodbye have theirs. */
  if (tail->signal != 0) gcn__tail_drain(tail, DRAIN_MS);
  gcn_client_close(tail->client, on_close);
}

void gcn__tail_finish(struct gcn__tail* tail, int exit_code) {
  if (tail->finishing) return;
  tail->finishing = true;
  tail->exit_code = exit_code;
  for (int i = 0; i < GCN__TAIL_DRAIN; i++)
    uv_timer_stop(&tail->timers[i]);
  gcn__console_hide(&tail->console);
  tail->console.rewrites = false;
  gcn__sink_push(&tail->sink);
  /* Already now: a second signal leaves no time. */
  gcn__tail_write_record(tail);
  bool waits =
      tail->acks && tail->sink.error == 0 && gcn__sink_waiting(&tail->sink) > 0;
  if (waits) {
    gcn_client_pause(tail->client);
  } else {
    gcn__tail_close(tail);
  }
}

static bool choose_colors(const struct gcn__tail_options* options,
                          bool terminal) {
  if (options->color != GCN__CHOICE_AUTO) {
    return options->color == GCN__CHOICE_ON;
  }
  if (is_set("NO_COLOR")) return false;
  const char* force = getenv("CLICOLOR_FORCE");
  if (is_set("CLICOLOR_FORCE") && strcmp(force, "0") != 0) return true;
  const char* term = getenv("TERM");
  return terminal && term != NULL && strcmp(term, "dumb") != 0;
}

static void choose_console(struct gcn__tail* tail) {
  const struct gcn__tail_options* options = tail->options;
  enum gcn__console_level level = GCN__CONSOLE_NOTE;
  if (options->quiet) level = GCN__CONSOLE_ERROR;
  if (options->verbose == 1) level = GCN__CONSOLE_INFO;
  if (options->verbose > 1) level = GCN__CONSOLE_DEBUG;
  tail->console.level = level;
  bool wanted = options->status == GCN__CHOICE_ON ||
                (options->status == GCN__CHOICE_AUTO && !options->quiet);
  bool text = options->log_format == GCN__LOG_FORMAT_TEXT;
  tail->console.rewrites = wanted && text && isatty(STDERR_FILENO) == 1;
}

static void choose_output(struct gcn__tail* tail) {
  const struct gcn__tail_options* options = tail->options;
  bool terminal = isatty(STDOUT_FILENO) == 1;
  tail->shares = terminal && tail->console.rewrites;
  tail->output.form = options->form;
  if (!options->form_given) {
    tail->output.form = terminal ? GCN__OUTPUT_PRETTY : GCN__OUTPUT_JSON;
  }
  tail->output.stream = options->dialect.dialect == GCN_DIALECT_STREAM;
  tail->output.colors = choose_colors(options, terminal);
  tail->output.whole = options->verbose > 0;
  unsigned width = gcn__console_width(STDOUT_FILENO);
  tail->output.width = width == 0 ? WIDTH : width;
}

/* The first signal handle can fail; then nothing has been opened. */
static int open_handles(struct gcn__tail* tail) {
  for (int i = 0; i < GCN__TAIL_SIGNALS; i++) {
    int error = uv_signal_init(&tail->loop, &tail->signals[i]);
    if (error != 0) return error;
    tail->signals[i].data = tail;
  }
  for (int i = 0; i < GCN__TAIL_TIMERS; i++) {
    uv_timer_init(&tail->loop, &tail->timers[i]);
    tail->timers[i].data = tail;
  }
  struct stat status;
  bool file = fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode);
  gcn__sink_init(&tail->sink, &tail->loop, STDOUT_FILENO,
                 file && !tail->options->unbuffered);
  tail->sink.ctx = tail;
  tail->sink.progress = gcn__tail_progress;
  return 0;
}

static gcn_log_level_t log_level(const struct gcn__tail* tail) {
  if (tail->console.level >= GCN__CONSOLE_DEBUG) return GCN_LOG_DEBUG;
  if (tail->console.level >= GCN__CONSOLE_INFO) return GCN_LOG_INFO;
  return GCN_LOG_ERROR;
}

static void fill_options(struct gcn__tail* tail, gcn_options_t* options) {
  const struct gcn__tail_options* from = tail->options;
  gcn_options_init(options);
  gcn__target_apply(&tail->target, options);
  gcn__dialect_apply(&from->dialect, options);
  gcn__tail_callbacks(options);
  gcn__tail_ack_callbacks(tail, options);
  gcn__tail_token_callbacks(tail, options);
  options->data = tail;
  options->log_level = log_level(tail);
  options->topic_count_max = GCN_TOPIC_COUNT_MAX;
  options->connection_count_max = from->connections;
  options->ping_ms = from->ping_ms;
  options->rotate_ms = from->rotate_ms;
  options->rotate_spread_ms = from->spread_ms;
  options->spare_ms = from->spare_ms;
  options->rotate_jitter_ms = from->rotate_ms / ROTATE_JITTER_PART;
}

/* False: what is wrong has been said. */
static bool subscribe(struct gcn__tail* tail) {
  const struct gcn__topic_list* topics = &tail->options->topics;
  int error = gcn_client_subscribe(
      tail->client, (const char* const*)topics->names, topics->count);
  if (error == 0) {
    gcn_stats_t stats = {.size = sizeof stats};
    gcn_client_stats(tail->client, &stats);
    tail->output.many = stats.connections > 1;
    return true;
  }
  bool full = error == GCN_ELIMIT;
  tail->exit_code = full ? GCN__EXIT_USAGE : GCN__EXIT_FAILURE;
  if (!full) {
    gcn__console_say(&tail->console, GCN__CONSOLE_ERROR, "%s",
                     gcn_strerror(error));
    return false;
  }
  gcn__console_say(&tail->console, GCN__CONSOLE_ERROR,
                   "%zu %ss are more than the connections hold; gcn topics "
                   "--plan shows which: name fewer%s",
                   topics->count, topics->stream ? "subscription" : "topic",
                   tail->options->connections == 0
                       ? ""
                       : ", or allow more with --connections");
  return false;
}

static bool start_client(struct gcn__tail* tail) {
  gcn_options_t options;
  fill_options(tail, &options);
  char why[WHY_SIZE] = "";
  int error = gcn_options_check(&options, why, sizeof why);
  if (error != 0) {
    char text[GCN__TARGET_TEXT_SIZE];
    gcn__target_explain(why, text);
    gcn__console_say(&tail->console, GCN__CONSOLE_ERROR, "%s", text);
    tail->exit_code = GCN__EXIT_USAGE;
    return false;
  }
  error = gcn_client_new(&tail->client, &tail->loop, &options);
  if (error == 0 && !subscribe(tail)) return false;
  if (error == 0) error = gcn_client_start(tail->client);
  if (error == 0) return true;
  gcn__console_say(&tail->console, GCN__CONSOLE_ERROR, "%s",
                   gcn_strerror(error));
  tail->exit_code = error == GCN_ECONFIG ? GCN__EXIT_USAGE : GCN__EXIT_FAILURE;
  return false;
}

static void begin(struct gcn__tail* tail) {
  int error = open_handles(tail);
  tail->ended = error != 0;
  if (error == 0) error = gcn__tail_signals_start(tail);
  if (error == 0) error = gcn__tail_timers_start(tail);
  if (error == 0 && start_client(tail)) return;
  if (error != 0) {
    gcn__console_say(&tail->console, GCN__CONSOLE_ERROR, "%s",
                     uv_strerror(error));
    tail->exit_code = GCN__EXIT_FAILURE;
  }
  tail->finishing = true;
  if (tail->client != NULL) {
    gcn__tail_close(tail);
  } else {
    gcn__tail_end(tail);
  }
}

static void run(struct gcn__tail* tail) {
  choose_console(tail);
  choose_output(tail);
  int error = uv_loop_init(&tail->loop);
  if (error != 0) {
    gcn__console_say(&tail->console, GCN__CONSOLE_ERROR, "%s",
                     uv_strerror(error));
    tail->exit_code = GCN__EXIT_FAILURE;
    return;
  }
  begin(tail);
  uv_run(&tail->loop, UV_RUN_DEFAULT);
  uv_loop_close(&tail->loop);
  gcn__sink_deinit(&tail->sink);
  gcn__acks_deinit(&tail->debts);
}

static int tail_with(const struct gcn__tail_options* options,
                     struct gcn__console* console) {
  struct gcn__tail tail = {.options = options, .console = *console};
  if (!gcn__target_load(&tail.target, &options->target, gcn__tail_env)) {
    tail.exit_code = GCN__EXIT_USAGE;
  }
  bool quiet = options->quiet;
  if (tail.target.warning[0] != '\0' && !quiet) {
    gcn__console_say(console, GCN__CONSOLE_WARN, "%s", tail.target.warning);
  }
  if (tail.exit_code == 0) {
    run(&tail);
  } else {
    gcn__console_say(console, GCN__CONSOLE_ERROR, "%s", tail.target.problem);
  }
  gcn__target_deinit(&tail.target);
  return tail.exit_code;
}

int gcn__cli_tail(int argc, char** argv) {
  struct gcn__console console = {.name = "gcn tail",
                                 .level = GCN__CONSOLE_NOTE};
  struct gcn__tail_options options;
  int exit_code = GCN__EXIT_USAGE;
  if (gcn__tail_options_parse(&options, argc, argv, &console, &exit_code)) {
    console.format = options.log_format;
    exit_code = tail_with(&options, &console);
  }
  gcn__tail_options_deinit(&options);
  return exit_code;
}
