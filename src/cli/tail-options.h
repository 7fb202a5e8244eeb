/* SPDX-License-Identifier: MIT */
/*
 * What the command line of `gcn tail` says, checked.
 *
 * It reads topics files and asks no environment; see cli/target.h for that.
 */
#ifndef GCN_CLI_TAIL_OPTIONS_H
#define GCN_CLI_TAIL_OPTIONS_H

#include "cli/console.h"
#include "cli/dialect.h"
#include "cli/match.h"
#include "cli/output.h"
#include "cli/target.h"
#include "cli/topic-list.h"
#include "gcnotify.h"

enum gcn__choice { GCN__CHOICE_AUTO, GCN__CHOICE_ON, GCN__CHOICE_OFF };

enum gcn__on_gap { GCN__ON_GAP_WARN, GCN__ON_GAP_FAIL, GCN__ON_GAP_IGNORE };

struct gcn__tail_options {
  struct gcn__target_flags target;
  struct gcn__dialect dialect;
  struct gcn__topic_list topics;
  bool form_given;
  enum gcn__output_form form;
  uint64_t count; /* 0: no limit, as in those below */
  uint64_t for_ms;
  uint64_t until_idle_ms;
  uint64_t timeout_first_ms;
  struct gcn__match* match; /* NULL: everything */
  bool heartbeat;
  bool meta;
  bool strict_topics;
  bool unbuffered;
  bool quiet;
  unsigned verbose;
  enum gcn__on_gap on_gap;
  uint64_t retries_max; /* UINT64_MAX: no limit */
  enum gcn__choice color;
  enum gcn__choice status;
  enum gcn__log_format log_format;
  uint64_t stats_ms;
  const char* metrics_path; /* NULL: none, as in those below */
  uint64_t metrics_ms;
  const char* record_path;
  uint64_t connections; /* 0: the library's default, as in those below */
  uint64_t rotate_ms;
  uint64_t spread_ms;
  uint64_t ping_ms;
  uint64_t spare_ms;
  const char* checkpoint_path; /* NULL: none */
  bool full_given;
  gcn_full_t full;
};

/* tail-usage.c: parts of one text, NULL-terminated. */
extern const char* const gcn__tail_usage[];

/* False if tail is not to run: `*exit_code` is then set, and what had to be
 * said has been said.  Deinit in either case. */
bool gcn__tail_options_parse(struct gcn__tail_options* options, int argc,
                             char** argv, struct gcn__console* console,
                             int* exit_code);
void gcn__tail_options_deinit(struct gcn__tail_options* options);

#endif
