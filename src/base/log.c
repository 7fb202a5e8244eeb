/* SPDX-License-Identifier: MIT */
/*
 * Formats a line on the stack and hands it on; allocates nothing.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void gcn__log(const struct gcn__log* log, enum gcn__log_level level,
              const char* format, ...) {
  if (log == NULL || log->write == NULL || level > log->level) return;
  char line[GCN__LOG_LINE_SIZE_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  log->write(log->ctx, level, line);
}
