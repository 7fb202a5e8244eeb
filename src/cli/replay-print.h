/* SPDX-License-Identifier: MIT */
/*
 * What `gcn replay` prints about one record: a line for people, or a JSON
 * object for programs.
 */
#ifndef GCN_CLI_REPLAY_PRINT_H
#define GCN_CLI_REPLAY_PRINT_H

#include "base/buf.h"
#include "core/record-reader.h"

/* A record, and what this version makes of it. */
struct gcn__replay_line {
  const struct gcn__record_reader* dump; /* whose clock it is */
  const struct gcn__record* record;
  const struct gcn__record* now;
  unsigned differences; /* a set of GCN__REPLAY_* */
};

/* Both append whole lines.  0, GCN_ELIMIT, GCN__ENOMEM. */
int gcn__replay_print_text(struct gcn__buf* out,
                           const struct gcn__replay_line* line);
int gcn__replay_print_json(struct gcn__buf* out,
                           const struct gcn__replay_line* line);

#endif
