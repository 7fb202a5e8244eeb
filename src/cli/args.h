/* SPDX-License-Identifier: MIT */
/*
 * Command-line arguments: long and short options from a table, words between
 * them.
 *
 * It keeps its place in the caller's object, not in globals as getopt does, and
 * accepts option names in full only, so that a script keeps its meaning when
 * options are added.  What it says about a mistake never repeats a value, which
 * may be a secret.
 */
#ifndef GCN_CLI_ARGS_H
#define GCN_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

enum { GCN__ARGS_PROBLEM_SIZE = 128 };

/* What gcn__args_next returns besides the options' own ids. */
enum {
  GCN__ARGS_END = -1,
  GCN__ARGS_BAD = -2,  /* `problem` says what */
  GCN__ARGS_WORD = -3, /* `value` is not an option */
};

struct gcn__arg {
  char letter;      /* 0: has no short form */
  bool valued;      /* a value must follow */
  int id;           /* 0 or positive */
  const char* name; /* without the dashes */
};

struct gcn__args {
  int argc;
  char** argv;
  const struct gcn__arg* table;
  size_t count;
  int index;           /* of the next argument */
  const char* cluster; /* rest of "-abc"; NULL: none */
  bool words_only;     /* "--" has been seen */
  const char* value;   /* of what was returned last */
  char problem[GCN__ARGS_PROBLEM_SIZE];
};

/* argv[0] is passed over. */
void gcn__args_init(struct gcn__args* args, int argc, char** argv,
                    const struct gcn__arg* table, size_t count);
int gcn__args_next(struct gcn__args* args);

#endif
