/* SPDX-License-Identifier: MIT */
/*
 * Where log lines go.
 *
 * A line is a short, complete sentence (gcn__log) or an event with values
 * (gcn__log_event).  Neither ever holds a secret: callers pass operation names,
 * host names, numbers and short hashes; never a token, a header, a connectUri,
 * a channel id or a body.
 */
#ifndef GCN_BASE_LOG_H
#define GCN_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

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

/* One value of an event: a text, or a number. */
struct gcn__log_field {
  const char* key;  /* letters, digits and '_' */
  const char* text; /* NULL: it is the number */
  int64_t number;
};

/* NULL is told as "". */
static inline struct gcn__log_field gcn__log_text(const char* key,
                                                  const char* text) {
  return (struct gcn__log_field){key, text == NULL ? "" : text, 0};
}

static inline struct gcn__log_field gcn__log_number(const char* key,
                                                    int64_t number) {
  return (struct gcn__log_field){key, NULL, number};
}

/* Longer lines are cut.  A log without a write function swallows them. */
void gcn__log(const struct gcn__log* log, enum gcn__log_level level,
              const char* format, ...) __attribute__((format(printf, 3, 4)));

/* Writes "event=NAME key=value key=\"two words\" ..." (logfmt).  `event` is a
 * word of letters, digits and '-' that never changes its meaning.  Text stands
 * in quotes where a reader would need them; bytes that are not printable ASCII
 * become '?'.  A value without room is left out whole, with all after it, and
 * the line ends with "cut=1". */
void gcn__log_event(const struct gcn__log* log, enum gcn__log_level level,
                    const char* event, const struct gcn__log_field* fields,
                    size_t count);

/* GCN__LOG_EVENT(log, level, "backoff", gcn__log_number("delay_ms", 250)) */
#define GCN__LOG_EVENT(log, level, event, ...)                                 \
  gcn__log_event((log), (level), (event),                                      \
                 (const struct gcn__log_field[]){__VA_ARGS__},                 \
                 sizeof((const struct gcn__log_field[]){__VA_ARGS__}) /        \
                     sizeof(struct gcn__log_field))

#endif
