/* SPDX-License-Identifier: MIT */
/*
 * `gcn doctor` while it runs.  Private to the doctor files.
 */
#ifndef GCN_CLI_DOCTOR_H
#define GCN_CLI_DOCTOR_H

#include <uv.h>

#include "cli/console.h"
#include "cli/dialect.h"
#include "cli/target.h"
#include "cli/topic-list.h"
#include "gcnotify.h"

struct gcn__doctor {
  struct gcn__console console; /* for what is wrong with the question */
  struct gcn__target_flags flags;
  struct gcn__target target;
  struct gcn__dialect dialect;
  uv_loop_t loop;
  struct gcn__topic_list topics;
  bool stuck; /* a look-up was given up and still runs */
  int exit_code;
};

/* One line: "ok    NAME  TEXT (N ms)". */
void gcn__doctor_passed(const char* name, const char* text, uint64_t took_ns);
/* "FAIL  NAME  TEXT", and the remedy, if not "", on a second line. */
void gcn__doctor_failed(const char* name, const char* text, const char* remedy);

/* doctor-client.c: token, channel, socket, topics, answer.  Sets the exit
 * code. */
void gcn__doctor_client(struct gcn__doctor* doctor);

#endif
