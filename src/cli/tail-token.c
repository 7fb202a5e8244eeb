/* SPDX-License-Identifier: MIT */
/*
 * What a token is asked for with: read again at each request if it comes from a
 * file, kept if the service replaces it.
 *
 * Someone who rotates a secret changes the file, and the next token request
 * knows it.  A file that cannot be read, or that a pipe stood in for, leaves
 * what was there before.
 */
#include "cli/tail.h"

#include "cli/cli.h"

#include <string.h>

static bool rereads(const char* path) {
  return path != NULL && gcn__file_lasts(path);
}

static bool is_same(const char* a, const char* b) {
  if (a == NULL || b == NULL) return a == b;
  return strcmp(a, b) == 0;
}

/* Takes what the files and variables say now.  False: it stays as it is, and
 * `why` says why; `changed` tells whether anything is new. */
static bool look_again(struct gcn__tail* tail, bool* changed,
                       char why[GCN__TARGET_TEXT_SIZE]) {
  struct gcn__target target;
  *changed = false;
  if (!gcn__target_load(&target, &tail->options->target, gcn__tail_env)) {
    memcpy(why, target.problem, GCN__TARGET_TEXT_SIZE);
    gcn__target_deinit(&target);
    return false;
  }
  *changed = !is_same(target.client_id, tail->target.client_id) ||
             !is_same(target.client_secret, tail->target.client_secret) ||
             !is_same(target.assertion, tail->target.assertion);
  gcn__target_deinit(&tail->target);
  tail->target = target;
  return true;
}

static void tell_kept(struct gcn__tail* tail, const char* why) {
  gcn__console_say(&tail->console, GCN__CONSOLE_WARN,
                   "the credentials stay as they are: %s", why);
}

void gcn__tail_read_again(struct gcn__tail* tail) {
  char why[GCN__TARGET_TEXT_SIZE];
  bool changed = false;
  if (!look_again(tail, &changed, why)) {
    tell_kept(tail, why);
    return;
  }
  gcn_credentials_t credentials = gcn__target_credentials(&tail->target);
  int error = gcn_client_set_grant(tail->client, &credentials);
  if (error != 0) {
    tell_kept(tail, gcn_strerror(error));
    return;
  }
  gcn__console_say(&tail->console, GCN__CONSOLE_NOTE,
                   "the credentials have been read again");
}

bool gcn__tail_has_new_secret(struct gcn__tail* tail) {
  char why[GCN__TARGET_TEXT_SIZE];
  bool changed = false;
  if (!tail->rereads) return false;
  return look_again(tail, &changed, why) && changed;
}

static void on_credentials(gcn_client_t* client, uint64_t ticket, int refused) {
  struct gcn__tail* tail = gcn_client_data(client);
  char why[GCN__TARGET_TEXT_SIZE];
  bool changed = false;
  (void)refused; /* what to do then is decided when the state tells it */
  if (tail->finishing) return;
  if (!look_again(tail, &changed, why)) tell_kept(tail, why);
  gcn_credentials_t credentials = gcn__target_credentials(&tail->target);
  /* The client has the newest one, which a file may have failed to take. */
  credentials.refresh_token = NULL;
  gcn_credentials_done(client, ticket, 0, &credentials, 1);
}

static void on_refresh(gcn_client_t* client, const char* refresh_token) {
  struct gcn__tail* tail = gcn_client_data(client);
  const struct gcn__target_flags* flags = &tail->options->target;
  int error = gcn__target_keep_refresh(flags, refresh_token);
  if (error == 0) {
    gcn__console_say(&tail->console, GCN__CONSOLE_INFO,
                     "the new refresh token is in %s", flags->refresh_path);
    return;
  }
  gcn__console_say(&tail->console, GCN__CONSOLE_ERROR,
                   "the service replaced the refresh token, and the new one "
                   "cannot be kept in %s: %s; the old one is of no more use",
                   flags->refresh_path,
                   error == UV_ENOENT ? "it is not a file that lasts"
                                      : gcn_strerror(error));
}

void gcn__tail_token_callbacks(struct gcn__tail* tail, gcn_options_t* options) {
  const struct gcn__target_flags* flags = &tail->options->target;
  tail->rereads = rereads(flags->secret_path) || rereads(flags->assertion_path);
  if (tail->rereads) options->credentials_cb = on_credentials;
  if (flags->refresh_path != NULL) options->refresh_cb = on_refresh;
}
