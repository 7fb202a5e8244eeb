/* SPDX-License-Identifier: MIT */
/*
 * Where log lines go.
 *
 * Lines are short, complete sentences.  They never hold a secret: callers pass
 * operation names, host names, numbers and short hashes; never a token, a
 * header, a connectUri, a channel id or a body.
 */
#ifndef GCN_BASE_LOG_H
#define GCN_BASE_LOG_H

enum gcn__log_level {
  GCN__LOG_ERROR,
  GCN__LOG_WARN,
  GCN__LOG_INFO,
  GCN__LOG_DEBUG,
};

enum { GCN__LOG_LINE_SIZE_MAX = 512 };

struct gcn__log {
  void (*write)(void* ctx, enum gcn__log_level level, const char* line);
  void* ctx;
  enum gcn__log_level level; /* lines above it are not formatted */
};

/* Longer lines are cut.  A log without a write function swallows them. */
void gcn__log(const struct gcn__log* log, enum gcn__log_level level,
              const char* format, ...) __attribute__((format(printf, 3, 4)));

#endif
