/* SPDX-License-Identifier: MIT */
/*
 * Secrets on their way from files and variables into options.
 *
 * Every copy on the way is wiped; no message holds one.
 */
#ifndef GCN_CLI_SECRET_H
#define GCN_CLI_SECRET_H

#include "base/buf.h"

enum gcn__secret_form {
  GCN__SECRET_LINE,     /* the first line, without what ends it */
  GCN__SECRET_DOCUMENT, /* all of it, without blanks and line breaks */
};

/* Reads a secret; free it with gcn__secret_free and the C library's memory.
 * `exposed` tells whether others than its owner may read or change the file.
 *
 * 0; a negated errno; GCN_ELIMIT; GCN__EINVAL: there is nothing in it;
 * GCN__ENOMEM. */
int gcn__secret_read(const char* path, enum gcn__secret_form form, char** out,
                     bool* exposed);

/* Whether "scheme://user:password@host" has a password, or anything else before
 * an '@' that may be one. */
bool gcn__secret_in_url(const char* url);

/* NULL: not given; `host` is. */
struct gcn__secret_proxy {
  const char* protocol; /* "http" */
  const char* host;
  const char* port;
  const char* user;
  const char* password;
};

/* Its URL, user and password percent-encoded; NULL if out of memory. */
char* gcn__secret_proxy_url(const struct gcn__secret_proxy* proxy);

#endif
