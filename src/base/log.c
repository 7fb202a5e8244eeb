/* SPDX-License-Identifier: MIT */
/*
 * Formats a line on the stack and hands it on; allocates nothing.
 */
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_wanted(const struct gcn__log* log, enum gcn__log_level level) {
  return log != NULL && log->write != NULL && level <= log->level;
}

void gcn__log(const struct gcn__log* log, enum gcn__log_level level,
              const char* format, ...) {
  if (!is_wanted(log, level)) return;
  char line[GCN__LOG_LINE_SIZE_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  log->write(log->ctx, level, line);
}

/* Said when a value had no room; kept free until the end. */
static const char cut[] = " cut=1";

struct line {
  char text[GCN__LOG_LINE_SIZE_MAX];
  size_t size;
  bool full;
};

static void put(struct line* line, char c) {
  if (line->size < sizeof line->text - sizeof cut) {
    line->text[line->size++] = c;
  } else {
    line->full = true;
  }
}

static void put_plain(struct line* line, const char* text) {
  while (*text != '\0')
    put(line, *text++);
}

static bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

static bool needs_quotes(const char* text) {
  if (*text == '\0') return true;
  for (; *text != '\0'; text++) {
    if (*text == ' ' || *text == '=' || *text == '"' || *text == '\\' ||
        !is_printable(*text)) {
      return true;
    }
  }
  return false;
}

static void put_quoted(struct line* line, const char* text) {
  put(line, '"');
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') put(line, '\\');
    put(line, is_printable(*text) ? *text : '?');
  }
  put(line, '"');
}

static void put_field(struct line* line, const struct gcn__log_field* field) {
  put(line, ' ');
  put_plain(line, field->key);
  put(line, '=');
  if (field->text == NULL) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, field->number);
    put_plain(line, digits);
  } else if (needs_quotes(field->text)) {
    put_quoted(line, field->text);
  } else {
    put_plain(line, field->text);
  }
}

void gcn__log_event(const struct gcn__log* log, enum gcn__log_level level,
                    const char* event, const struct gcn__log_field* fields,
                    size_t count) {
  if (!is_wanted(log, level)) return;
  struct line line = {.size = 0};
  put_plain(&line, "event=");
  put_plain(&line, event);
  size_t size = line.size;
  for (size_t i = 0; i < count && !line.full; i++) {
    put_field(&line, &fields[i]);
    if (!line.full) size = line.size;
  }
  line.text[size] = '\0';
  if (line.full) memcpy(line.text + size, cut, sizeof cut);
  log->write(log->ctx, level, line.text);
}
