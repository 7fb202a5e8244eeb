/* SPDX-License-Identifier: MIT */
/*
 * `gcn bench source`: the source in a process of its own.
 *
 * It says where it listens in one line of JSON, obeys the words "go", "cut" and
 * "behind" on standard input, if that is a pipe, and ends with it, or on a
 * signal.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "cli/args.h"
#include "cli/bench-identity.h"
#include "cli/bench-measure.h"
#include "cli/bench-service.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "gcnotify.h"
#include "sim/listen-source.h"

enum {
  OPTION_HELP,
  OPTION_TLS,
  OPTION_PLAIN,
  OPTION_SIZE,
  OPTION_COUNT,
  OPTION_RATE,
  OPTION_CONNECTIONS,
  OPTION_PINGPONG,
  OPTION_BATCH,
  OPTION_TLS12,
  OPTION_RSA,
  OPTION_IDENTITY,
  OPTION_HOLD,
  OPTION_STAY,
  OPTION_SERVICE,
};

enum { SIGNALS = 2, WORD_SIZE = 64, LINE_SIZE = 512, BATCH_MAX = 1024 };

static const char usage[] =
    "Usage: gcn bench source [OPTION]...\n"
    "Events for the readers of a bench, on a port of loopback.  Prints one\n"
    "line of JSON: port, ca, url.  Ends with standard input, or by a signal.\n"
    "\n"
    "      --tls, --plain        [--plain]\n"
    "      --size N|mix          bytes of an event; 0.5 to 8 KB [1024]\n"
    "      --count N             events of each connection; 0: no end [0]\n"
    "      --rate R              events a second, over all [as fast as can "
    "be]\n"
    "      --connections-max N   begin when so many are open [1]\n"
    "      --pingpong            an event for each text message\n"
    "      --frames-per-write K  [TLS: 1 a record; plain: what fits]\n"
    "      --tls12               TLS 1.2, not 1.3\n"
    "      --rsa                 a chain of three RSA certificates\n"
    "      --identity DIR        certificates that are there already\n"
    "      --hold                begin at the line \"go\" on standard input\n"
    "      --stay                no Close after the last event\n"
    "      --service             the simulator, with --count numbered events\n"
    "                            at --rate from \"go\" on; after an eighth of\n"
    "                            them it announces that the stream will close\n"
    "  -h, --help\n"
    "\n"
    "The line \"cut\" on standard input resets all streams, \"behind "
    "HOST:PORT\"\n"
    "tells a service what stands in front of it.  Where that is no pipe, only "
    "a\n"
    "signal ends it.\n";

static const struct gcn__arg table[] = {
    {'h', false, OPTION_HELP, "help"},
    {0, false, OPTION_TLS, "tls"},
    {0, false, OPTION_PLAIN, "plain"},
    {0, true, OPTION_SIZE, "size"},
    {0, true, OPTION_COUNT, "count"},
    {0, true, OPTION_RATE, "rate"},
    {0, true, OPTION_CONNECTIONS, "connections-max"},
    {0, false, OPTION_PINGPONG, "pingpong"},
    {0, true, OPTION_BATCH, "frames-per-write"},
    {0, false, OPTION_TLS12, "tls12"},
    {0, false, OPTION_RSA, "rsa"},
    {0, true, OPTION_IDENTITY, "identity"},
    {0, false, OPTION_HOLD, "hold"},
    {0, false, OPTION_STAY, "stay"},
    {0, false, OPTION_SERVICE, "service"},
};

struct run {
  struct gcn__source_options options;
  bool secure;
  bool tls12;
  bool rsa;
  bool serves; /* as the simulator does */
  bool help;
  const char* identity_dir;
  struct gcn__bench_identity identity;
  struct gcn__console console;
  uv_loop_t loop;
  uv_signal_t signals[SIGNALS];
  uv_pipe_t input;
  struct gcn__source* source; /* NULL: closed, or a service */
  struct gcn__tls_config* service_tls;
  struct gcn__bench_service* service; /* NULL: closed, or a source */
  bool ending;
  char word[WORD_SIZE];
  size_t word_size;
  char bytes[WORD_SIZE];
};

static void end(struct run* run) {
  if (run->ending) return;
  run->ending = true;
  gcn__bench_hold_signals(true);
  for (int i = 0; i < SIGNALS; i++)
    uv_close((uv_handle_t*)&run->signals[i], NULL);
  uv_close((uv_handle_t*)&run->input, NULL);
  if (run->source != NULL) gcn__source_close(run->source, NULL, NULL);
  if (run->service != NULL) gcn__bench_service_close(run->service);
  run->source = NULL;
  run->service = NULL;
}

static void on_signal(uv_signal_t* handle, int signal) {
  (void)signal;
  end(handle->data);
}

static void obey_service(struct run* run) {
  static const char behind[] = "behind ";
  if (strcmp(run->word, "go") == 0) gcn__bench_service_go(run->service);
  if (strncmp(run->word, behind, sizeof behind - 1) != 0) return;
  gcn__bench_service_behind(run->service, run->word + sizeof behind - 1);
}

static void obey(struct run* run) {
  run->word[run->word_size] = '\0';
  run->word_size = 0;
  if (run->serves) {
    obey_service(run);
    return;
  }
  if (strcmp(run->word, "go") == 0) gcn__source_go(run->source);
  if (strcmp(run->word, "cut") == 0) gcn__source_cut(run->source);
}

static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* buf) {
  struct run* run = handle->data;
  (void)size;
  *buf = uv_buf_init(run->bytes, sizeof run->bytes);
}

static void on_input(uv_stream_t* stream, ssize_t size, const uv_buf_t* buf) {
  struct run* run = stream->data;
  if (size < 0) end(run);
  for (ssize_t i = 0; i < size && !run->ending; i++) {
    char c = buf->base[i];
    if (c == '\n')
      obey(run);
    else if (run->word_size + 1 < WORD_SIZE)
      run->word[run->word_size++] = c;
  }
}

static const char* read_size(struct run* run, const char* value) {
  uint64_t size = 0;
  run->options.size = GCN__SOURCE_MIX;
  if (strcmp(value, "mix") == 0) return NULL;
  if (!gcn__text_number(value, &size) || size < GCN__SOURCE_SIZE_MIN ||
      size > GCN__SOURCE_SIZE_MAX) {
    return "--size is between 256 and 1048576, or mix";
  }
  run->options.size = (size_t)size;
  return NULL;
}

static const char* read_number(struct run* run, int id, const char* value) {
  uint64_t number = 0;
  if (!gcn__text_number(value, &number)) return "a number is expected";
  if (id == OPTION_COUNT) run->options.count = number;
  if (id == OPTION_RATE) run->options.rate = number;
  if (id == OPTION_CONNECTIONS) run->options.wanted = number;
  if (id != OPTION_BATCH) return NULL;
  if (number > BATCH_MAX) return "--frames-per-write is at most 1024";
  run->options.batch = (unsigned)number;
  return NULL;
}

static const char* read_option(struct run* run, int id, const char* value) {
  switch (id) {
  case OPTION_HELP: run->help = true; return NULL;
  case OPTION_TLS: run->secure = true; return NULL;
  case OPTION_PLAIN: run->secure = false; return NULL;
  case OPTION_SIZE: return read_size(run, value);
  case OPTION_PINGPONG: run->options.pingpong = true; return NULL;
  case OPTION_TLS12: run->tls12 = true; return NULL;
  case OPTION_RSA: run->rsa = true; return NULL;
  case OPTION_IDENTITY: run->identity_dir = value; return NULL;
  case OPTION_HOLD: run->options.hold = true; return NULL;
  case OPTION_STAY: run->options.stay = true; return NULL;
  case OPTION_SERVICE: run->serves = true; return NULL;
  case GCN__ARGS_WORD: return "no words are expected";
  default: return read_number(run, id, value);
  }
}

static const char* parse(struct run* run, struct gcn__args* args) {
  for (;;) {
    int id = gcn__args_next(args);
    if (id == GCN__ARGS_END) return NULL;
    if (id == GCN__ARGS_BAD) return args->problem;
    const char* problem = read_option(run, id, args->value);
    if (problem != NULL) return problem;
  }
}

static const char* check(const struct run* run) {
  bool paced = run->options.count > 0 && run->options.rate > 0;
  return run->serves && !paced ? "--service needs --count and --rate" : NULL;
}

static bool complain(struct run* run, const char* what, int error) {
  gcn__console_say(&run->console, GCN__CONSOLE_ERROR, "%s: %s", what,
                   gcn_strerror(error));
  return false;
}

static bool make_service_tls(struct run* run) {
  char text[GCN__TLS_TEXT_SIZE];
  int error = gcn__tls_config_server(
      &gcn__mem_libc, gcn__span_str(run->identity.chain),
      gcn__span_str(run->identity.key), &run->service_tls, text);
  return error == 0 || complain(run, "no TLS", error);
}

static bool make_tls(struct run* run) {
  if (!run->secure) return true;
  int error = run->identity_dir != NULL
                  ? gcn__bench_identity_load(&run->identity, run->identity_dir)
                  : gcn__bench_identity_make(&run->identity, run->rsa);
  if (error != 0) return complain(run, "no certificate", error);
  if (run->serves) return make_service_tls(run);
  const struct gcn__simtls_options tls = {
      .tls12 = run->tls12,
      .resume = true,
      .certificate_pem = run->identity.chain,
      .key_pem = run->identity.key,
  };
  run->options.tls = gcn__simtls_config_new(&tls);
  return run->options.tls != NULL || complain(run, "no TLS", GCN_ETLS);
}

/* Only what can be waited for, and is nobody else's terminal. */
static int open_input(struct run* run) {
  uv_handle_type type = uv_guess_handle(STDIN_FILENO);
  if (type != UV_NAMED_PIPE && type != UV_TCP) return 0;
  int error = uv_pipe_open(&run->input, STDIN_FILENO);
  if (error != 0) return error;
  return uv_read_start((uv_stream_t*)&run->input, on_alloc, on_input);
}

static int open_source(struct run* run) {
  if (!run->serves) {
    return gcn__source_new(&run->loop, &run->options, &run->source);
  }
  const struct gcn__bench_service_options options = {
      .tls = run->service_tls,
      .count = run->options.count,
      .rate = run->options.rate,
  };
  return gcn__bench_service_new(&run->loop, &options, &run->service);
}

static bool open_handles(struct run* run) {
  static const int numbers[SIGNALS] = {SIGINT, SIGTERM};
  int error = 0;
  for (int i = 0; i < SIGNALS && error == 0; i++) {
    error = uv_signal_init(&run->loop, &run->signals[i]);
    run->signals[i].data = run;
  }
  if (error != 0) return complain(run, "signals", error);
  uv_pipe_init(&run->loop, &run->input, 0);
  run->input.data = run;
  for (int i = 0; i < SIGNALS; i++)
    uv_signal_start(&run->signals[i], on_signal, numbers[i]);
  gcn__bench_hold_signals(false);
  error = open_source(run);
  if (error == 0) error = open_input(run);
  if (error == 0) return true;
  end(run);
  return complain(run, "the source", error);
}

static bool announce(const struct run* run) {
  char line[LINE_SIZE];
  unsigned port = run->serves ? gcn__bench_service_port(run->service)
                              : gcn__source_port(run->source);
  snprintf(line, sizeof line,
           "{\"port\":%u,\"ca\":\"%s\","
           "\"url\":\"%s://127.0.0.1:%u/bench/stream\"}\n",
           port, run->secure ? run->identity.ca_path : "-",
           run->secure ? "wss" : "ws", port);
  return gcn__bench_print(line);
}

static int serve(struct run* run) {
  if (uv_loop_init(&run->loop) != 0) return GCN__EXIT_FAILURE;
  bool good = open_handles(run);
  if (good && !announce(run)) {
    good = false;
    end(run);
  }
  uv_run(&run->loop, UV_RUN_DEFAULT);
  uv_loop_close(&run->loop);
  return good ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
}

int gcn__bench_source(int argc, char** argv) {
  struct run run = {
      .options = {.size = 1024, .wanted = 1},
      .console = {.name = "gcn bench source", .level = GCN__CONSOLE_NOTE},
  };
  struct gcn__args args;
  gcn__args_init(&args, argc, argv, table, sizeof table / sizeof table[0]);
  const char* problem = parse(&run, &args);
  if (problem == NULL && !run.help) problem = check(&run);
  if (problem != NULL) {
    gcn__console_say(&run.console, GCN__CONSOLE_ERROR,
                     "%s; try 'gcn bench source --help'", problem);
    return GCN__EXIT_USAGE;
  }
  if (run.help) {
    return gcn__bench_print(usage) ? GCN__EXIT_OK : GCN__EXIT_FAILURE;
  }
  gcn__bench_hold_signals(true);
  bool good =
      gcn__bench_files(run.options.wanted, &run.console) && make_tls(&run);
  int code = good ? serve(&run) : GCN__EXIT_FAILURE;
  gcn__simtls_config_free(run.options.tls);
  gcn__tls_config_release(run.service_tls);
  gcn__bench_identity_drop(&run.identity);
  gcn__bench_hold_signals(false);
  return code;
}
