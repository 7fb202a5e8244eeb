/* SPDX-License-Identifier: MIT */
/*
 * cli/args: forms of options, and what is said about wrong ones.
 */
#include "cli/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ALPHA = 1, BETA, GAMMA };

static const struct gcn__arg table[] = {
    {'a', false, ALPHA, "alpha"},
    {'b', true, BETA, "beta"},
    {0, true, GAMMA, "gamma-ray"},
};

struct walk {
  struct gcn__args args;
  char* argv[12];
};

/* `line` is split at blanks; it must live as long as the walk. */
static void begin(struct walk* walk, char* line) {
  int argc = 0;
  walk->argv[argc++] = line; /* the program's name, passed over */
  while (line != NULL) {
    char* word = strsep(&line, " ");
    walk->argv[argc++] = word;
  }
  gcn__args_init(&walk->args, argc, walk->argv, table, 3);
}

static void expect(struct walk* walk, int id, const char* value) {
  assert_int_equal(gcn__args_next(&walk->args), id);
  if (value == NULL) {
    assert_null(walk->args.value);
  } else {
    assert_string_equal(walk->args.value, value);
  }
}

static void test_forms(void** state) {
  (void)state;
  char line[] = "-a -b 1 -b2 -ab3 --alpha --beta 4 --beta=5 --gamma-ray=";
  struct walk walk;
  begin(&walk, line);
  expect(&walk, ALPHA, NULL);
  expect(&walk, BETA, "1");
  expect(&walk, BETA, "2");
  expect(&walk, ALPHA, NULL);
  expect(&walk, BETA, "3");
  expect(&walk, ALPHA, NULL);
  expect(&walk, BETA, "4");
  expect(&walk, BETA, "5");
  expect(&walk, GAMMA, "");
  expect(&walk, GCN__ARGS_END, NULL);
  expect(&walk, GCN__ARGS_END, NULL);
}

static void test_words(void** state) {
  (void)state;
  char line[] = "one -a two - -b -a -- -a --alpha --";
  struct walk walk;
  begin(&walk, line);
  expect(&walk, GCN__ARGS_WORD, "one");
  expect(&walk, ALPHA, NULL);
  expect(&walk, GCN__ARGS_WORD, "two");
  expect(&walk, GCN__ARGS_WORD, "-");
  expect(&walk, BETA, "-a");
  expect(&walk, GCN__ARGS_WORD, "-a");
  expect(&walk, GCN__ARGS_WORD, "--alpha");
  expect(&walk, GCN__ARGS_WORD, "--");
  expect(&walk, GCN__ARGS_END, NULL);
}

static void expect_bad(const char* text, const char* problem) {
  char line[200];
  snprintf(line, sizeof line, "%s", text);
  struct walk walk;
  begin(&walk, line);
  assert_int_equal(gcn__args_next(&walk.args), GCN__ARGS_BAD);
  assert_string_equal(walk.args.problem, problem);
}

static void test_mistakes(void** state) {
  (void)state;
  expect_bad("--delta", "unknown option '--delta'");
  expect_bad("--alph", "unknown option '--alph'"); /* no abbreviations */
  expect_bad("--alphabet", "unknown option '--alphabet'");
  expect_bad("-x", "unknown option '-x'");
  expect_bad("--alpha=1", "no value is allowed for option '--alpha'");
  expect_bad("--beta", "a value is missing after option '--beta'");
  expect_bad("-b", "a value is missing after option '-b'");
  expect_bad("--\033[2J", "unknown option '--?[2J'");
}

static void test_no_value_is_repeated(void** state) {
  (void)state;
  static const char* const lines[] = {"--delta=hunter2", "-xhunter2",
                                      "--alpha=hunter2"};
  for (size_t i = 0; i < 3; i++) {
    char line[64];
    snprintf(line, sizeof line, "%s", lines[i]);
    struct walk walk;
    begin(&walk, line);
    assert_int_equal(gcn__args_next(&walk.args), GCN__ARGS_BAD);
    assert_null(strstr(walk.args.problem, "hunter2"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forms),
      cmocka_unit_test(test_words),
      cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_no_value_is_repeated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
