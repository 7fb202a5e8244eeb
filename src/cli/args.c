/* SPDX-License-Identifier: MIT */
/*
 * See args.h.
 */
#include "cli/args.h"

#include <stdio.h>
#include <string.h>

void gcn__args_init(struct gcn__args* args, int argc, char** argv,
                    const struct gcn__arg* table, size_t count) {
  *args = (struct gcn__args){
      .argc = argc,
      .argv = argv,
      .table = table,
      .count = count,
      .index = 1,
  };
}

static const struct gcn__arg* find_name(const struct gcn__args* args,
                                        const char* name, size_t size) {
  for (size_t i = 0; i < args->count; i++) {
    const char* known = args->table[i].name;
    if (strlen(known) == size && memcmp(known, name, size) == 0) {
      return &args->table[i];
    }
  }
  return NULL;
}

static const struct gcn__arg* find_letter(const struct gcn__args* args,
                                          char letter) {
  for (size_t i = 0; i < args->count; i++) {
    if (args->table[i].letter == letter) return &args->table[i];
  }
  return NULL;
}

static int complain(struct gcn__args* args, const char* what,
                    const char* dashes, const char* name, size_t size) {
  int shown = size > 40 ? 40 : (int)size;
  snprintf(args->problem, sizeof args->problem, "%s '%s%.*s'", what, dashes,
           shown, name);
  for (char* c = args->problem; *c != '\0'; c++) {
    if (*c < ' ' || *c > '~') *c = '?';
  }
  return GCN__ARGS_BAD;
}

/* Takes the value from the next argument.  False if there is none. */
static bool take_value(struct gcn__args* args) {
  if (args->index >= args->argc) return false;
  args->value = args->argv[args->index++];
  return true;
}

static int parse_long(struct gcn__args* args, const char* text) {
  size_t size = strcspn(text, "=");
  const struct gcn__arg* arg = find_name(args, text, size);
  if (arg == NULL) return complain(args, "unknown option", "--", text, size);
  bool attached = text[size] == '=';
  if (!arg->valued) {
    if (!attached) return arg->id;
    return complain(args, "no value is allowed for option", "--", text, size);
  }
  args->value = text + size + 1;
  if (attached || take_value(args)) return arg->id;
  return complain(args, "a value is missing after option", "--", text, size);
}

static int parse_letter(struct gcn__args* args) {
  const char* letter = args->cluster++;
  if (*args->cluster == '\0') args->cluster = NULL;
  const struct gcn__arg* arg = find_letter(args, *letter);
  if (arg == NULL) return complain(args, "unknown option", "-", letter, 1);
  if (!arg->valued) return arg->id;
  args->value = args->cluster;
  args->cluster = NULL;
  if (args->value != NULL || take_value(args)) return arg->id;
  return complain(args, "a value is missing after option", "-", letter, 1);
}

int gcn__args_next(struct gcn__args* args) {
  args->value = NULL;
  if (args->cluster != NULL) return parse_letter(args);
  if (args->index >= args->argc) return GCN__ARGS_END;
  const char* text = args->argv[args->index++];
  if (!args->words_only && strcmp(text, "--") == 0) {
    args->words_only = true;
    return gcn__args_next(args);
  }
  if (args->words_only || text[0] != '-' || text[1] == '\0') {
    args->value = text;
    return GCN__ARGS_WORD;
  }
  if (text[1] == '-') return parse_long(args, text + 2);
  args->cluster = text + 1;
  return parse_letter(args);
}
