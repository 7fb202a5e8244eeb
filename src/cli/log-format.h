/* SPDX-License-Identifier: MIT */
/*
 * Lines of standard error for programs: logfmt or JSON, one object a line.
 *
 * It reads no clock.  What it writes is printable ASCII or, in JSON, what the
 * text was, so that no terminal acts on it.
 */
#ifndef GCN_CLI_LOG_FORMAT_H
#define GCN_CLI_LOG_FORMAT_H

#include "base/buf.h"

enum gcn__log_format {
  GCN__LOG_FORMAT_TEXT, /* for people; not written here */
  GCN__LOG_FORMAT_LOGFMT,
  GCN__LOG_FORMAT_JSON,
};

/* One line, with its line feed.  A `text` that begins with "event=" is logfmt
 * itself, and its values become values of the line; any other one becomes
 * "msg".  `level` is a word.  0, GCN_ELIMIT, GCN__ENOMEM; after an error a part
 * may have been written. */
int gcn__log_format_line(struct gcn__buf* out, enum gcn__log_format format,
                         int64_t unix_ms, const char* level, const char* text);

#endif
