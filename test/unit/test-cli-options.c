/* SPDX-License-Identifier: MIT */
/*
 * cli/tail-options: what command lines of `gcn tail` come to.
 */
#include "cli/tail-options.h"

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

enum { WORDS_MAX = 16 };

/* The arguments are split at '|'.  Returns what parse returned. */
static bool parse(struct gcn__tail_options* options, const char* arguments,
                  int* exit_code) {
  static const struct gcn__console silent = {.name = "test"};
  struct gcn__console console = silent;
  char* copy = strdup(arguments);
  char* rest = copy;
  char name[] = "tail";
  char* argv[WORDS_MAX + 1] = {name};
  int argc = 1;
  assert_non_null(copy);
  while (rest != NULL && argc < WORDS_MAX)
    argv[argc++] = strsep(&rest, "|");
  bool good = gcn__tail_options_parse(options, argc, argv, &console, exit_code);
  /* The flags are views of the arguments. */
  if (options->target.client_id != NULL) {
    assert_string_equal(options->target.client_id, "ID");
  }
  free(copy);
  return good;
}

static void test_defaults(void** state) {
  (void)state;
  struct gcn__tail_options options;
  int exit_code = -1;
  assert_true(parse(&options, "v2.a", &exit_code));
  assert_int_equal(options.topic_count, 1);
  assert_string_equal(options.topics[0], "v2.a");
  assert_false(options.form_given);
  assert_int_equal(options.count, 0);
  assert_true(options.retries_max == UINT64_MAX);
  assert_int_equal(options.on_gap, GCN__ON_GAP_WARN);
  assert_int_equal(options.color, GCN__CHOICE_AUTO);
  assert_null(options.match);
  gcn__tail_options_deinit(&options);
}

static void test_everything(void** state) {
  (void)state;
  struct gcn__tail_options options;
  int exit_code = -1;
  assert_true(parse(&options,
                    "-ojson|-n5|--for|10m|--until-idle=30s|--timeout-first|1h|"
                    "--on-gap|fail|--max-retries=3|--color|always|--status|off|"
                    "-uqvv",
                    &exit_code) == false); /* no topic */
  assert_int_equal(exit_code, GCN__EXIT_USAGE);
  assert_int_equal(options.form, GCN__OUTPUT_JSON);
  assert_int_equal(options.count, 5);
  assert_int_equal(options.for_ms, 600000);
  assert_int_equal(options.until_idle_ms, 30000);
  assert_int_equal(options.timeout_first_ms, 3600000);
  assert_int_equal(options.on_gap, GCN__ON_GAP_FAIL);
  assert_int_equal(options.retries_max, 3);
  assert_int_equal(options.color, GCN__CHOICE_ON);
  assert_int_equal(options.status, GCN__CHOICE_OFF);
  assert_true(options.unbuffered && options.quiet);
  assert_int_equal(options.verbose, 2);
  gcn__tail_options_deinit(&options);

  assert_true(parse(&options,
                    "--meta|--heartbeat|--strict-topics|--reconnect=off|"
                    "--match|body.a == 1|--client-id|ID|v2.a",
                    &exit_code));
  assert_true(options.meta && options.heartbeat && options.strict_topics);
  assert_int_equal(options.retries_max, 0);
  assert_non_null(options.match);
  gcn__tail_options_deinit(&options);
}

static void test_refused(void** state) {
  (void)state;
  static const char* const lines[] = {
      "t|--nonsense",
      "t|-x",
      "t|-n|many",
      "t|-n|-1",
      "t|--for|soon",
      "t|--for|0s",
      "t|--until-idle|",
      "t|-o|xml",
      "t|--on-gap|panic",
      "t|--on-gap|war",
      "t|--on-gap|warn,fail",
      "t|--color|blue",
      "t|--status|maybe",
      "t|--reconnect|perhaps",
      "t|--max-retries|x",
      "t|--match|nonsense",
      "t|--client-secret|s",
      "t|--client-secret=s",
      "t|--clientsecret=s",
      "t|-T|/nonexistent/topics",
      "t|-o|body|--meta",
      "t|-o|raw|--heartbeat",
      "two words",
      "t|--meta=yes",
      "",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    struct gcn__tail_options options;
    int exit_code = -1;
    if (parse(&options, lines[i], &exit_code)) {
      fail_msg("accepted: %s", lines[i]);
    }
    assert_int_equal(exit_code, GCN__EXIT_USAGE);
    gcn__tail_options_deinit(&options);
  }
}

static void test_topics(void** state) {
  (void)state;
  struct gcn__tail_options options;
  int exit_code = -1;
  assert_true(parse(&options, "v2.a|v2.b|V2.A|v2.a", &exit_code));
  assert_int_equal(options.topic_count, 2);
  gcn__tail_options_deinit(&options);

  char longest[202] = "";
  memset(longest, 'x', 199);
  assert_true(parse(&options, longest, &exit_code));
  gcn__tail_options_deinit(&options);
  longest[199] = 'x';
  assert_false(parse(&options, longest, &exit_code));
  gcn__tail_options_deinit(&options);
}

static bool parse_file(struct gcn__tail_options* options, const char* text) {
  char path[] = "/tmp/gcn-topics-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  char arguments[64];
  snprintf(arguments, sizeof arguments, "-T|%s", path);
  int exit_code = -1;
  bool good = parse(options, arguments, &exit_code);
  unlink(path);
  return good;
}

static void test_topics_file(void** state) {
  (void)state;
  struct gcn__tail_options options;
  assert_true(parse_file(&options, "# mine\n\n v2.a \r\n\tv2.b\nv2.a\nv2.c"));
  assert_int_equal(options.topic_count, 3);
  assert_string_equal(options.topics[2], "v2.c");
  gcn__tail_options_deinit(&options);
  assert_false(parse_file(&options, "v2.a\nv2 b\n"));
  gcn__tail_options_deinit(&options);
  assert_false(parse_file(&options, "# nothing\n"));
  gcn__tail_options_deinit(&options);
}

static void test_too_many_topics(void** state) {
  (void)state;
  static char text[16 * 1001 + 1];
  size_t size = 0;
  for (int i = 0; i < 1000; i++) {
    size += (size_t)snprintf(text + size, sizeof text - size, "v2.t%d\n", i);
  }
  struct gcn__tail_options options;
  assert_true(parse_file(&options, text));
  assert_int_equal(options.topic_count, 1000);
  gcn__tail_options_deinit(&options);
  snprintf(text + size, sizeof text - size, "v2.more\n");
  assert_false(parse_file(&options, text));
  gcn__tail_options_deinit(&options);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_everything),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_topics),
      cmocka_unit_test(test_topics_file),
      cmocka_unit_test(test_too_many_topics),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
