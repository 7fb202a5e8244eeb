/* SPDX-License-Identifier: MIT */
/*
 * Who, how and where: flags, environment, profile and defaults become one
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
  X(CA, ca_path, 0, "ca")                                                      \
  X(CERT, cert_path, 0, "client-cert")                                         \
  X(KEY, key_path, 0, "client-key")                                            \
  X(KEY_PASSWORD, key_password_path, 0, "client-key-password-file")            \
  X(PROXY, proxy, 0, "proxy")                                                  \
  X(NO_PROXY, no_proxy, 0, "no-proxy")                                         \
  X(GRANT, grant, 0, "grant")                                                  \
  X(REFRESH, refresh_path, 0, "refresh-token-file")                            \
  X(ASSERTION, assertion_path, 0, "assertion-file")                            \
  X(ORG, org_name, 0, "org-name")

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

/* Strings are NULL where nothing was said.  Paths that a running command has to
 * go back to are the flags' own. */
struct gcn__target {
  char* region;
  char* login_url;
  char* api_url;
  char* client_id;
  char* client_secret;
  char* ca_path;
  char* cert_path;
  char* key_path;
  char* key_password;
  char* proxy; /* may hold a password */
  char* no_proxy;
  gcn_grant_t grant;
  char* refresh_token;
  char* assertion;
  char* org_name;
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
/* Writes what gcn_options_check said, by the name of the option that a user
 * would know it by. */
void gcn__target_explain(const char* why, char out[GCN__TARGET_TEXT_SIZE]);
/* The same for what a token is asked for with. */
gcn_credentials_t gcn__target_credentials(const struct gcn__target* target);
/* Puts a refresh token that the service gave in place of the one that the flags
 * name a file for.  0 or a negated errno; -ENOENT if they name none that can be
 * written. */
int gcn__target_keep_refresh(const struct gcn__target_flags* flags,
                             const char* refresh_token);

#endif
