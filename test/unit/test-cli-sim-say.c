/* SPDX-License-Identifier: MIT */
/*
 * cli/sim-say, -file: what `gcn sim` says at its start and end, and the files
 * that scripts wait for.
 */
#include "cli/sim-say.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/sim-file.h"
#include "gcnotify/errno.h"

enum { WORDS_MAX = 16, TEXT_SIZE = 4096, PATH_SIZE = 64 };

/* A command line and what came of it. */
struct line {
  struct gcn__cli_sim_options options;
  char* text; /* the options keep views of it */
};

/* The arguments are split at '|'. */
static void parse(struct line* line, const char* arguments) {
  struct gcn__console console = {.name = "test"};
  char name[] = "sim";
  char* argv[WORDS_MAX + 1] = {name};
  int argc = 1;
  int exit_code = -1;
  line->text = strdup(arguments);
  assert_non_null(line->text);
  char* rest = line->text;
  while (rest != NULL && argc < WORDS_MAX)
    argv[argc++] = strsep(&rest, "|");
  assert_true(gcn__cli_sim_options_parse(&line->options, argc, argv, &console,
                                         &exit_code));
}

static void drop(struct line* line) {
  gcn__cli_sim_options_deinit(&line->options);
  free(line->text);
}

static void make_file(char path[PATH_SIZE], const char* text) {
  snprintf(path, PATH_SIZE, "/tmp/gcn-test-sim-XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
}

/* --- what it says -------------------------------------------------------- */

static void start_text(const char* arguments, const char* ca_path,
                       char out[TEXT_SIZE]) {
  struct line line;
  struct gcn__buf text;
  parse(&line, arguments);
  gcn__buf_init(&text, &gcn__mem_libc, TEXT_SIZE - 1);
  assert_int_equal(gcn__cli_sim_say_start(&line.options, 4711, ca_path, &text),
                   0);
  struct gcn__span span = gcn__buf_span(&text);
  snprintf(out, TEXT_SIZE, "%.*s", (int)span.size, span.data);
  gcn__buf_deinit(&text);
  drop(&line);
}

#define PAIR "--client-id|me|--client-secret|"

static void test_start(void** state) {
  (void)state;
  char text[TEXT_SIZE];
  start_text(PAIR "it's", "/tmp/a b.pem", text);
  assert_non_null(strstr(text, "listening on https://127.0.0.1:4711, "
                               "certificates by /tmp/a b.pem\n"));
  assert_non_null(strstr(text,
                         "GENESYSCLOUD_OAUTHCLIENT_SECRET='it'\\''s' gcn tail "
                         "--login-url https://127.0.0.1:4711 "
                         "--api-url https://127.0.0.1:4711 --ca '/tmp/a b.pem' "
                         "--client-id me v2."));
  start_text("--no-tls|--listen|[::]:0|" PAIR "s", NULL, text);
  assert_non_null(strstr(text, "listening on http://[::]:4711, clients use "
                               "http://[::1]:4711\n"));
  assert_null(strstr(text, "--ca"));
  /* TLS in front of us: its certificate is not ours. */
  start_text("--no-tls|--authority|wss://a.example|" PAIR "s", NULL, text);
  assert_non_null(strstr(text, "listening on http://127.0.0.1:4711, clients "
                               "use https://a.example\n"));
  assert_null(strstr(text, "--ca"));
  start_text("--authority|localhost|" PAIR "s", "ca.pem", text);
  assert_non_null(strstr(text, "--login-url https://localhost:4711 "));
  assert_non_null(strstr(text, "--ca ca.pem "));
}

/* A secret that came from a file stays there. */
static void test_start_with_secret_file(void** state) {
  (void)state;
  char path[PATH_SIZE];
  char arguments[256];
  char text[TEXT_SIZE];
  make_file(path, "canary\n");
  snprintf(arguments, sizeof arguments,
           "--client-id|me|--client-secret-file|%s", path);
  start_text(arguments, "ca.pem", text);
  unlink(path);
  assert_null(strstr(text, "canary"));
  assert_null(strstr(text, "GENESYSCLOUD_OAUTHCLIENT_SECRET"));
  assert_non_null(strstr(text, "--client-secret-file /tmp/gcn-test-sim-"));
}

static void test_topics(void** state) {
  (void)state;
  struct line line;
  struct gcn__buf text;
  parse(&line, "--topics|3");
  gcn__buf_init(&text, &gcn__mem_libc, TEXT_SIZE);
  assert_int_equal(gcn__cli_sim_say_topics(&line.options, &text), 0);
  struct gcn__span span = gcn__buf_span(&text);
  size_t lines = 0;
  for (size_t i = 0; i < span.size; i++)
    lines += span.data[i] == '\n';
  assert_int_equal(lines, 3);
  assert_true(gcn__span_starts(span, line.options.topic));
  gcn__buf_deinit(&text);
  gcn__buf_init(&text, &gcn__mem_libc, 20);
  assert_int_equal(gcn__cli_sim_say_topics(&line.options, &text), GCN_ELIMIT);
  gcn__buf_deinit(&text);
  drop(&line);
}

static void test_summary(void** state) {
  (void)state;
  struct gcn__sim_counters counters = {.requests = 12,
                                       .sockets = 2,
                                       .events = 300,
                                       .faults = 4,
                                       .expects_failed = 1};
  char text[GCN__CLI_SIM_SUMMARY_SIZE];
  gcn__cli_sim_summary(&counters, text);
  assert_non_null(strstr(text, "requests: 12,"));
  assert_non_null(strstr(text, "sockets: 2,"));
  assert_non_null(strstr(text, "events: 300 (sent: 0)"));
  assert_non_null(strstr(text, "faults: 4,"));
  assert_non_null(strstr(text, "expectations not met: 1"));
  assert_null(strstr(text, "streams"));
  counters.streams = 3;
  counters.streams_resumed = 2;
  gcn__cli_sim_summary(&counters, text);
  assert_non_null(strstr(text, "streams: 3 (resumed: 2, lost: 0), batches: 0"));
  assert_non_null(strstr(text, "expectations not met: 1"));
}

/* --- files --------------------------------------------------------------- */

static void expect_file(const char* path, const char* wanted) {
  char text[64];
  FILE* file = fopen(path, "r");
  assert_non_null(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  assert_string_equal(text, wanted);
}

static void test_replace(void** state) {
  (void)state;
  char folder[] = "/tmp/gcn-test-sim-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/port", folder);
  assert_int_equal(gcn__cli_sim_file_replace(path, GCN__SPAN("4711\n")), 0);
  expect_file(path, "4711\n");
  struct stat before;
  struct stat after;
  assert_int_equal(stat(path, &before), 0);
  assert_int_equal(before.st_mode & 0777, 0644);
  FILE* reader = fopen(path, "r"); /* keeps the old file's number taken */
  assert_non_null(reader);
  assert_int_equal(gcn__cli_sim_file_replace(path, GCN__SPAN("1\n")), 0);
  assert_int_equal(stat(path, &after), 0);
  fclose(reader);
  expect_file(path, "1\n");
  assert_true(before.st_ino != after.st_ino);
  gcn__cli_sim_file_retire(path);
  assert_int_equal(access(path, F_OK), -1);
  gcn__cli_sim_file_retire(path);     /* nothing there: fine */
  assert_int_equal(rmdir(folder), 0); /* nothing else was left */
  assert_int_equal(gcn__cli_sim_file_replace(path, GCN__SPAN("1\n")), -ENOENT);
}

/* What is no regular file is written to and stays what it is. */
static void test_replace_pipe(void** state) {
  (void)state;
  char folder[] = "/tmp/gcn-test-sim-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/pipe", folder);
  assert_int_equal(mkfifo(path, 0600), 0);
  int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  assert_true(fd >= 0);
  gcn__cli_sim_file_retire(path);
  assert_int_equal(gcn__cli_sim_file_replace(path, GCN__SPAN("4711\n")), 0);
  char text[16];
  assert_int_equal(read(fd, text, sizeof text), 5);
  assert_memory_equal(text, "4711\n", 5);
  close(fd);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(folder), 0);
}

static void test_temporary(void** state) {
  (void)state;
  char path[256];
  char small[8];
  assert_int_equal(
      gcn__cli_sim_file_temporary(GCN__SPAN("pem\n"), path, sizeof path), 0);
  expect_file(path, "pem\n");
  assert_int_equal(unlink(path), 0);
  assert_int_equal(
      gcn__cli_sim_file_temporary(GCN__SPAN(""), small, sizeof small),
      -ENAMETOOLONG);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_start),
      cmocka_unit_test(test_start_with_secret_file),
      cmocka_unit_test(test_topics),
      cmocka_unit_test(test_summary),
      cmocka_unit_test(test_replace),
      cmocka_unit_test(test_replace_pipe),
      cmocka_unit_test(test_temporary),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
