/* SPDX-License-Identifier: MIT */
/*
 * A flood of log lines must not cost the host more than a trickle does.
 */
#include "client/logger.h"

#include <inttypes.h>
#include <stdio.h>

static void open_window(struct gcn__logger* logger, void* data,
                        uint64_t now_ms) {
  char line[64];
  uint64_t left_out = logger->left_out;
  logger->since_ms = now_ms;
  logger->line_count = 0;
  logger->left_out = 0;
  if (left_out == 0) return;
  snprintf(line, sizeof line, "%" PRIu64 " log lines were left out", left_out);
  logger->line_count++;
  logger->call(data, GCN_LOG_WARN, line);
}

void gcn__logger_write(struct gcn__logger* logger, void* data,
                       gcn_log_level_t level, const char* line,
                       uint64_t now_ms) {
  if (logger->call == NULL || level > logger->level) return;
  if (now_ms - logger->since_ms >= GCN__LOGGER_WINDOW_MS) {
    open_window(logger, data, now_ms);
  }
  if (logger->line_count == GCN__LOGGER_LINES_MAX) {
    logger->left_out++;
    return;
  }
  logger->line_count++;
  logger->call(data, level, line);
}
