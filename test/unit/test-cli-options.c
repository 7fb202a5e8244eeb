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

enum { WORDS_MAX = 24 };

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
  assert_int_equal(options.topics.count, 1);
  assert_string_equal(options.topics.names[0], "v2.a");
  assert_false(options.form_given);
  assert_int_equal(options.count, 0);
  assert_true(options.retries_max == UINT64_MAX);
  assert_int_equal(options.on_gap, GCN__ON_GAP_WARN);
  assert_int_equal(options.color, GCN__CHOICE_AUTO);
  assert_null(options.match);
  assert_null(options.record_path);
  assert_null(options.metrics_path);
  assert_int_equal(options.metrics_ms, 15000);
  assert_int_equal(options.connections, 0);
  assert_int_equal(options.log_format, GCN__LOG_FORMAT_TEXT);
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

  assert_true(parse(&options,
                    "--log-format|logfmt|--stats-interval|5s|--metrics=m|"
                    "--metrics-interval|1m|--record|r|--connections|18|"
                    "--rotate-after|12h|--rotate-spread=1s|--ping|30s|--spare|"
                    "5s|v2.a",
                    &exit_code));
  assert_int_equal(options.log_format, GCN__LOG_FORMAT_LOGFMT);
  assert_int_equal(options.stats_ms, 5000);
  assert_int_equal(options.metrics_ms, 60000);
  assert_int_equal(options.connections, 18);
  assert_int_equal(options.rotate_ms, 43200000);
  assert_int_equal(options.spread_ms, 1000);
  assert_int_equal(options.ping_ms, 30000);
  assert_int_equal(options.spare_ms, 5000);
  assert_true(options.metrics_path != NULL && options.record_path != NULL);
  gcn__tail_options_deinit(&options);
}

static void expect_refusal(const char* line) {
  struct gcn__tail_options options;
  int exit_code = -1;
  if (parse(&options, line, &exit_code)) fail_msg("accepted: %s", line);
  assert_int_equal(exit_code, GCN__EXIT_USAGE);
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
      "t|--log-format|xml",
      "t|--stats-interval|0s",
      "t|--metrics|",
      "t|--metrics-interval|1s", /* of what? */
      "t|--metrics|m|--metrics-interval|now",
      "t|--record|",
      "t|--connections|0",
      "t|--connections|19",
      "t|--connections|all",
      "t|--rotate-after|999ms",
      "t|--rotate-spread|x",
      "t|--ping|0",
      "t|--spare|0",
      "t|--proxy|http://u:p@h:1",
      "t|--checkpoint|",
      "t|--on-full|drop",
      "",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    expect_refusal(lines[i]);
  }
}

static void test_refused_of_the_stream(void** state) {
  (void)state;
  static const char* const lines[] = {
      "t|--dialect|both",
      "t|--preset|guides",
      "t|--preset|guide|--dialect|channels",
      "t|--batch-size|5",
      "t|--subscriptions|/nonexistent",
      "t|--preset|guide|--subscriptions|/nonexistent",
      "a?b|--dialect|stream", /* a filter without a value */
      "--dialect|stream",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    expect_refusal(lines[i]);
  }
}

static void test_topics(void** state) {
  (void)state;
  struct gcn__tail_options options;
  int exit_code = -1;
  assert_true(parse(&options, "v2.a|v2.b|V2.A|v2.a", &exit_code));
  assert_int_equal(options.topics.count, 2);
  gcn__tail_options_deinit(&options);

  char longest[202] = "";
  memset(longest, 'x', 199);
  assert_true(parse(&options, longest, &exit_code));
  gcn__tail_options_deinit(&options);
  longest[199] = 'x';
  assert_false(parse(&options, longest, &exit_code));
  gcn__tail_options_deinit(&options);
}

/* Wherever the dialect is named, it decides how topics are read. */
static void test_stream(void** state) {
  (void)state;
  struct gcn__tail_options options;
  int exit_code = -1;
  assert_true(parse(&options,
                    "routing.queueEvents@q-1?eventType=A,B|--checkpoint|c|"
                    "--on-full|keep-latest|--preset|thread-b|a.b@c",
                    &exit_code));
  assert_int_equal(options.dialect.dialect, GCN_DIALECT_STREAM);
  assert_int_equal(options.dialect.stream.form, GCN_FORM_TOPIC);
  assert_int_equal(options.topics.count, 2);
  assert_true(options.topics.stream);
  assert_int_equal(options.full, GCN_FULL_KEEP_LATEST);
  assert_true(options.full_given);
  assert_non_null(options.checkpoint_path);
  gcn__tail_options_deinit(&options);

  char longest[1002] = "";
  memset(longest, 'x', 1000);
  char line[1100];
  snprintf(line, sizeof line, "--dialect|stream|%s", longest);
  assert_true(parse(&options, line, &exit_code));
  gcn__tail_options_deinit(&options);
  longest[1000] = 'x';
  snprintf(line, sizeof line, "--dialect|stream|%s", longest);
  assert_false(parse(&options, line, &exit_code));
  gcn__tail_options_deinit(&options);
}

static bool parse_text(struct gcn__tail_options* options, const char* flags,
                       const char* text) {
  char path[] = "/tmp/gcn-topics-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  char arguments[96];
  snprintf(arguments, sizeof arguments, "%s|%s", flags, path);
  int exit_code = -1;
  bool good = parse(options, arguments, &exit_code);
  unlink(path);
  return good;
}

static bool parse_file(struct gcn__tail_options* options, const char* text) {
  return parse_text(options, "-T", text);
}

static void test_subscriptions_file(void** state) {
  (void)state;
  static const char flags[] = "--dialect|stream|--subscriptions";
  struct gcn__tail_options options;
  assert_true(parse_text(&options, flags,
                         "[{\"event\":\"a.b\",\"resourceId\":\"r\"},\n"
                         " {\"event\":\"c\",\"filters\":{\"t\":[\"x\","
                         "\"y\"]}}, {\"event\":\"c\"}]"));
  assert_int_equal(options.topics.count, 3);
  assert_string_equal(options.topics.names[0], "a.b@r");
  assert_string_equal(options.topics.names[1], "c?t=x,y");
  gcn__tail_options_deinit(&options);
  assert_true(parse_text(&options, flags,
                         "{\"event\":\"a\"}\n{\"event\":\"a\"}\n"
                         "{\"event\":\"b\"}\n"));
  assert_int_equal(options.topics.count, 2); /* one of them twice */
  gcn__tail_options_deinit(&options);
  assert_false(parse_text(&options, flags, "[{\"event\":\"a\"},{}]"));
  gcn__tail_options_deinit(&options);
  assert_false(parse_text(&options, flags, "[{\"event\":\"a\"}"));
  gcn__tail_options_deinit(&options);
  assert_false(parse_text(&options, flags, "[]"));
  gcn__tail_options_deinit(&options);
}

static void test_topics_file(void** state) {
  (void)state;
  struct gcn__tail_options options;
  assert_true(parse_file(&options, "# mine\n\n v2.a \r\n\tv2.b\nv2.a\nv2.c"));
  assert_int_equal(options.topics.count, 3);
  assert_string_equal(options.topics.names[2], "v2.c");
  gcn__tail_options_deinit(&options);
  assert_false(parse_file(&options, "v2.a\nv2 b\n"));
  gcn__tail_options_deinit(&options);
  assert_false(parse_file(&options, "# nothing\n"));
  gcn__tail_options_deinit(&options);
}

/* Thousands, also named twice and in another case. */
static void test_many_topics(void** state) {
  (void)state;
  enum { COUNT = 5000, LINE_SIZE = 16 };
  static char text[2 * COUNT * LINE_SIZE + 1];
  size_t size = 0;
  for (int i = 0; i < 2 * COUNT; i++) {
    size += (size_t)snprintf(text + size, sizeof text - size, "%s.t%d\n",
                             i < COUNT ? "v2" : "V2", i % COUNT);
  }
  struct gcn__tail_options options;
  assert_true(parse_file(&options, text));
  assert_int_equal(options.topics.count, COUNT);
  assert_string_equal(options.topics.names[COUNT - 1], "v2.t4999");
  gcn__tail_options_deinit(&options);
}

static void test_too_many_topics(void** state) {
  (void)state;
  struct gcn__topic_list list = {0};
  char topic[32];
  for (int i = 0; i < GCN_TOPIC_COUNT_MAX; i++) {
    snprintf(topic, sizeof topic, "v2.t%d", i);
    assert_null(gcn__topic_list_add(&list, gcn__span_str(topic)));
  }
  assert_null(gcn__topic_list_add(&list, GCN__SPAN("v2.t7"))); /* is there */
  assert_non_null(gcn__topic_list_add(&list, GCN__SPAN("v2.more")));
  assert_int_equal(list.count, GCN_TOPIC_COUNT_MAX);
  gcn__topic_list_deinit(&list);
}

/* Every option of the table has a line in the help text. */
static void test_help_names_every_option(void** state) {
  (void)state;
  static const char* const names[] = {
      "--proxy URL",
      "--no-proxy LIST",
      "--client-cert FILE",
      "--client-key FILE",
      "--client-key-password-file",
      "--grant NAME",
      "--refresh-token-file",
      "--assertion-file",
      "--org-name NAME",
      "--log-format",
      "--stats-interval",
      "--metrics FILE",
      "--metrics-interval",
      "--record FILE",
      "--connections N",
      "--rotate-after",
      "--rotate-spread",
      "--ping TIME",
      "--spare TIME",
      "--dialect NAME",
      "--preset NAME",
      "--token-in",
      "--subscriptions-in",
      "--stream-path",
      "--batch-size",
      "--max-latency",
      "--subscriptions FILE",
      "--checkpoint FILE",
      "--on-full WHAT",
      "USR1",
      "USR2",
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    bool found = false;
    for (size_t part = 0; gcn__tail_usage[part] != NULL; part++) {
      found = found || strstr(gcn__tail_usage[part], names[i]) != NULL;
    }
    if (!found) fail_msg("not in the help text: %s", names[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_everything),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_refused_of_the_stream),
      cmocka_unit_test(test_topics),
      cmocka_unit_test(test_topics_file),
      cmocka_unit_test(test_stream),
      cmocka_unit_test(test_subscriptions_file),
      cmocka_unit_test(test_many_topics),
      cmocka_unit_test(test_too_many_topics),
      cmocka_unit_test(test_help_names_every_option),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
