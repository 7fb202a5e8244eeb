/* SPDX-License-Identifier: MIT */
/*
 * The profile file of the official command line, ~/.gc/config.toml.
 *
 *   [DEFAULT]
 *   environment = "mypurecloud.de"
 *   client_credentials = "..."
 *   client_secret = "..."
 *
 * Reads the part of TOML that such files use: tables, and keys with strings or
 * bare words.  Section names and keys are compared without regard to case, as
 * the official tool does.  It opens no file, and its complaints name lines,
 * never their text.
 */
#ifndef GCN_CLI_PROFILE_H
#define GCN_CLI_PROFILE_H

#include "base/buf.h"
#include "base/span.h"

enum gcn__profile_found {
  GCN__PROFILE_VALUE,
  GCN__PROFILE_NO_KEY,
  GCN__PROFILE_NO_SECTION,
  GCN__PROFILE_BROKEN, /* see `line` */
  GCN__PROFILE_NO_MEMORY,
};

/* Looks for `key` in `section` and appends its value to `value`.  `line` is
 * where reading stopped, from 1. */
enum gcn__profile_found gcn__profile_find(struct gcn__span text,
                                          const char* section, const char* key,
                                          struct gcn__buf* value,
                                          unsigned* line);

#endif
