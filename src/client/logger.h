/* SPDX-License-Identifier: MIT */
/*
 * Log lines on their way to the user: at most ten a second, the rest counted.
 */
#ifndef GCN_CLIENT_LOGGER_H
#define GCN_CLIENT_LOGGER_H

#include "base/log.h"
#include "gcnotify.h"

#include <stdbool.h>

enum { GCN__LOGGER_LINES_MAX = 10, GCN__LOGGER_WINDOW_MS = 1000 };

struct gcn__logger {
  gcn_log_cb call; /* NULL: nobody listens */
  gcn_log_level_t level;
  uint64_t since_ms; /* when the present window began */
  unsigned line_count;
  uint64_t left_out;
};

void gcn__logger_write(struct gcn__logger* logger, void* data,
                       gcn_log_level_t level, const char* line,
                       uint64_t now_ms);

#endif
