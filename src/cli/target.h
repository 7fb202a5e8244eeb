/* SPDX-License-Identifier: MIT */
/*
 * Who and where: flags, environment, profile and defaults become one
 * configuration, in this order of precedence, each value for itself.
 *
 * It asks the process's environment only through the function it is given, and
 * never prints.  Secrets are wiped when it goes.
 */
#ifndef GCN_CLI_TARGET_H
#define GCN_CLI_TARGET_H

#include <stdbool.h>

#include "cli/args.h"
#include "gcnotify.h"

enum { GCN__TARGET_TEXT_SIZE = 512 };

/* The options that every connecting subcommand has. */
#define GCN__TARGET_ARG_MAP(X)                                                 \
  X(ENVIRONMENT, environment, 'e', "environment")                              \
  X(PROFILE, profile, 'p', "profile")                                          \
  X(CLIENT_ID, client_id, 0, "client-id")                                      \
  X(SECRET_FILE, secret_path, 0, "client-secret-file")                         \
  X(LOGIN_URL, login_url, 0, "login-url")                                      \
  X(API_URL, api_url, 0, "api-url")                                            \
  X(CA, ca_path, 0, "ca")

/* What the flags said; NULL: not given. */
struct gcn__target_flags {
#define GCN__TARGET_FIELD(id, field, letter, name) const char* field;
  GCN__TARGET_ARG_MAP(GCN__TARGET_FIELD)
#undef GCN__TARGET_FIELD
};

enum {
  GCN__TARGET_ARG_FIRST = 1000,
#define GCN__TARGET_ID(id, field, letter, name) GCN__TARGET_ARG_##id,
  GCN__TARGET_ARG_MAP(GCN__TARGET_ID)
#undef GCN__TARGET_ID
  /* Known only to be refused: arguments are public to the whole machine. */
  GCN__TARGET_ARG_SECRET,
};

/* Rows for a table of options. */
#define GCN__TARGET_ROW(id, field, letter, name)                               \
  {letter, true, GCN__TARGET_ARG_##id, name},
#define GCN__TARGET_ARGS                                                       \
  GCN__TARGET_ARG_MAP(GCN__TARGET_ROW){0, true, GCN__TARGET_ARG_SECRET,        \
                                       "client-secret"},                       \
  {                                                                            \
    0, true, GCN__TARGET_ARG_SECRET, "clientsecret"                            \
  }

/* Takes an option of the table above.  NULL, or why it is refused. */
const char* gcn__target_flag(struct gcn__target_flags* flags, int id,
                             const char* value);

/* Strings are NULL where nothing was said. */
struct gcn__target {
  char* region;
  char* login_url;
  char* api_url;
  char* client_id;
  char* client_secret;
  char* ca_path;
  bool plaintext;                      /* a URL says http:// */
  char warning[GCN__TARGET_TEXT_SIZE]; /* "" if all is well */
  char problem[GCN__TARGET_TEXT_SIZE];
};

typedef const char* (*gcn__target_env_fn)(const char* name);

/* False if something is missing or wrong: `problem` is then a sentence that
 * names the remedy.  Deinit in either case. */
bool gcn__target_load(struct gcn__target* target,
                      const struct gcn__target_flags* flags,
                      gcn__target_env_fn env);
void gcn__target_deinit(struct gcn__target* target);
/* Fills the options that it decides; the strings stay its. */
void gcn__target_apply(const struct gcn__target* target,
                       gcn_options_t* options);

#endif
