/* SPDX-License-Identifier: MIT */
/*
 * cli/sim-toxics: what command lines of `gcn sim --proxy` come to.
 */
#include "cli/sim-options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"

enum { WORDS_MAX = 80, TEXT_SIZE = 4096 };

/* A command line and what came of it. */
struct line {
  struct gcn__cli_sim_options options;
  char* text; /* the options keep views of it */
  int exit_code;
  bool good;
};

/* The arguments are split at '|'. */
static void parse(struct line* line, const char* arguments) {
  struct gcn__console console = {.name = "test"};
  char name[] = "sim";
  char* argv[WORDS_MAX + 1] = {name};
  int argc = 1;
  line->text = strdup(arguments);
  assert_non_null(line->text);
  char* rest = arguments[0] == '\0' ? NULL : line->text;
  while (rest != NULL && argc < WORDS_MAX)
    argv[argc++] = strsep(&rest, "|");
  line->exit_code = -1;
  line->good = gcn__cli_sim_options_parse(&line->options, argc, argv, &console,
                                          &line->exit_code);
}

static void drop(struct line* line) {
  gcn__cli_sim_options_deinit(&line->options);
  free(line->text);
}

/* Runs `parse` with standard error in a file; `said` is what stood there. */
static void parse_and_listen(struct line* line, const char* arguments,
                             char said[TEXT_SIZE]) {
  FILE* file = tmpfile();
  assert_non_null(file);
  int kept = dup(STDERR_FILENO);
  assert_true(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
  parse(line, arguments);
  dup2(kept, STDERR_FILENO);
  close(kept);
  rewind(file);
  said[fread(said, 1, TEXT_SIZE - 1, file)] = '\0';
  fclose(file);
}

static void test_proxy(void** state) {
  (void)state;
  struct line line;
  parse(&line, "--proxy|[::1]:8443|--toxic|down reset at=3|--seed|5|--toxic|"
               "both latency delay=1s|--listen|127.0.0.1:9|--for|1s|-q");
  assert_true(line.good);
  const struct gcn__cli_sim_options* options = &line.options;
  assert_true(options->proxied);
  assert_string_equal(options->upstream, "::1");
  assert_int_equal(options->upstream_port, 8443);
  assert_int_equal(options->toxics.count, 2);
  assert_int_equal(options->toxics.items[0].kind, GCN__TOXIC_RESET);
  assert_int_equal(options->toxics.items[1].kind, GCN__TOXIC_LATENCY);
  assert_int_equal(options->service.seed, 5);
  assert_int_equal(options->port, 9);
  drop(&line);
}

static void test_proxy_mistakes(void** state) {
  (void)state;
  static const struct {
    const char* arguments;
    const char* says;
  } cases[] = {
      {"--toxic|up reset", "--toxic needs --proxy"},
      {"--proxy|127.0.0.1", "has to be an IPv4 or IPv6 address with a port"},
      {"--proxy|localhost:80", "has to be an IPv4 or IPv6 address with a port"},
      {"--proxy|127.0.0.1:1|--toxic|up", "column 3: '' is not one of latency"},
      {"--proxy|127.0.0.1:1|--tls|--rate|5", "--tls is about the simulator"},
      {"--corpus-once|--proxy|127.0.0.1:1", "--corpus-once is about the"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct line line;
    char said[TEXT_SIZE];
    parse_and_listen(&line, cases[i].arguments, said);
    assert_false(line.good);
    assert_int_equal(line.exit_code, GCN__EXIT_USAGE);
    if (strstr(said, cases[i].says) == NULL) {
      fail_msg("%s: %s", cases[i].arguments, said);
    }
    drop(&line);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_proxy),
      cmocka_unit_test(test_proxy_mistakes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
