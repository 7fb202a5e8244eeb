/* SPDX-License-Identifier: MIT */
/*
 * Cases mostly wait, so many run at once.  A case dies with its time limit and
 * with this process, and its helpers with it.
 */
#include "runner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  AT_ONCE = 12,
  CASES_MAX = 64,
  LIMIT_S = 60,
  LONG_LIMIT_S = 150,
  LINES_MAX = 40
};

struct run {
  const struct net_case* net_case;
  pid_t pid;
  FILE* output;
  bool over;
  int status;
};

static void play(void** state) {
  const struct net_case* net_case = *state;
  net_case->run();
}

/* In the child; cmocka tells what failed on stderr. */
__attribute__((noreturn)) static void
run_case(const struct net_case* net_case) {
  const struct CMUnitTest tests[] = {
      {net_case->name, play, NULL, NULL, (void*)(uintptr_t)net_case},
  };
  int error = place_enter();
  if (error != 0) place_skip("no namespaces can be made here");
  cmocka_set_message_output(CM_OUTPUT_STDOUT);
  exit(cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1);
}

static void begin(struct run* run) {
  run->output = tmpfile();
  if (run->output == NULL) abort();
  fflush(NULL);
  run->pid = fork();
  if (run->pid < 0) abort();
  if (run->pid > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(fileno(run->output), STDOUT_FILENO);
  dup2(fileno(run->output), STDERR_FILENO);
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* the limit flushes nothing */
  alarm(getenv("GCN_NET_LONG") != NULL ? LONG_LIMIT_S : LIMIT_S);
  run_case(run->net_case);
}

static void note_end(struct run* runs, size_t count) {
  int status;
  pid_t pid = wait(&status);
  for (size_t i = 0; i < count; i++) {
    if (runs[i].pid != pid) continue;
    runs[i].over = true;
    runs[i].status = status;
  }
}

/* The first line that a skipped case has printed. */
static void tell_skipped(size_t number, const struct run* run) {
  char line[256] = "";
  while (fgets(line, sizeof line, run->output) != NULL &&
         strncmp(line, "SKIP ", 5) != 0)
    continue;
  line[strcspn(line, "\n")] = '\0';
  printf("ok %zu - %s # %s\n", number, run->net_case->name, line);
}

static size_t count_lines(FILE* file) {
  size_t count = 0;
  char line[512];
  while (fgets(line, sizeof line, file) != NULL)
    count++;
  rewind(file);
  return count;
}

/* With the last lines that it has printed. */
static void tell_failed(size_t number, const struct run* run) {
  char line[512];
  size_t left = count_lines(run->output);
  printf("not ok %zu - %s\n", number, run->net_case->name);
  if (WIFSIGNALED(run->status)) {
    printf("# ended by signal %d\n", WTERMSIG(run->status));
  }
  for (; fgets(line, sizeof line, run->output) != NULL; left--) {
    line[strcspn(line, "\n")] = '\0';
    if (left <= LINES_MAX) printf("# %s\n", line);
  }
}

/* True if it passed or was skipped. */
static bool tell(size_t number, const struct run* run) {
  bool exited = WIFEXITED(run->status);
  int code = exited ? WEXITSTATUS(run->status) : -1;
  rewind(run->output);
  if (code == PLACE_SKIPPED) {
    tell_skipped(number, run);
  } else if (code == 0) {
    printf("ok %zu - %s\n", number, run->net_case->name);
  } else {
    tell_failed(number, run);
  }
  fflush(stdout);
  fclose(run->output);
  return code == 0 || code == PLACE_SKIPPED;
}

static size_t choose(const struct net_case* cases, size_t count,
                     const char* only, struct run* runs) {
  size_t chosen = 0;
  if (count > CASES_MAX) abort();
  for (size_t i = 0; i < count; i++) {
    bool wanted =
        only == NULL || strncmp(cases[i].name, only, strlen(only)) == 0;
    if (wanted) runs[chosen++].net_case = &cases[i];
  }
  return chosen;
}

/* All of them, one by one, so that each is counted. */
static void skip_all(const struct run* runs, size_t count, const char* why) {
  printf("1..%zu\n", count);
  for (size_t i = 0; i < count; i++)
    printf("ok %zu - %s # SKIP %s\n", i + 1, runs[i].net_case->name, why);
}

int run_cases(const struct net_case* cases, size_t count, const char* only) {
  static struct run runs[CASES_MAX];
  char why[256];
  (void)setenv("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", 1);
  count = choose(cases, count, only, runs);
  if (!place_possible(why, sizeof why)) {
    skip_all(runs, count, why);
    return 0;
  }
  printf("1..%zu\n", count);
  size_t begun = 0;
  size_t told = 0;
  size_t failed = 0;
  for (size_t over = 0; over < count; over++) {
    while (begun < count && begun - over < AT_ONCE)
      begin(&runs[begun++]);
    note_end(runs, begun);
    for (; told < begun && runs[told].over; told++)
      failed += !tell(told + 1, &runs[told]);
  }
  return failed == 0 ? 0 : 1;
}
