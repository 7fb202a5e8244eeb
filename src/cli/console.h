/* SPDX-License-Identifier: MIT */
/*
 * Standard error: messages for people, and one status line that is rewritten.
 *
 * What it prints has passed gcn__text_clean, so that nothing a server says can
 * act on a terminal.  A message that standard error has no room for is dropped
 * and counted rather than waited for; errors are waited for.
 */
#ifndef GCN_CLI_CONSOLE_H
#define GCN_CLI_CONSOLE_H

#include "cli/log-format.h"

#include <stdbool.h>
#include <stdint.h>

enum gcn__console_level {
  GCN__CONSOLE_ERROR,
  GCN__CONSOLE_WARN,
  GCN__CONSOLE_NOTE,  /* the default: what a waiting person wants to know */
  GCN__CONSOLE_INFO,  /* -v */
  GCN__CONSOLE_DEBUG, /* -vv */
};

struct gcn__console {
  const char* name; /* "gcn tail" */
  enum gcn__console_level level;
  enum gcn__log_format format; /* of messages; lines as they are stay so */
  bool rewrites;               /* a status line is rewritten in place */
  bool shown;                  /* one stands on the screen now */
  uint64_t dropped;
  char status[256];
};

/* False if `level` is not wanted, and the message need not be made. */
bool gcn__console_wants(const struct gcn__console* console,
                        enum gcn__console_level level);
void gcn__console_say(struct gcn__console* console,
                      enum gcn__console_level level, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
/* A line as it is. */
void gcn__console_print(struct gcn__console* console, const char* line);

/* Shows `text`, cut to the width of the terminal. */
void gcn__console_status(struct gcn__console* console, const char* text);
/* Around output that shares the terminal. */
void gcn__console_hide(struct gcn__console* console);
void gcn__console_show(struct gcn__console* console);

/* Columns of the terminal behind `fd`; 0 if there is none. */
unsigned gcn__console_width(int fd);

#endif
