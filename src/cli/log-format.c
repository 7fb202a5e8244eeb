/* SPDX-License-Identifier: MIT */
/*
 * See log-format.h.  The first error is kept and ends the line.
 */
#include "cli/log-format.h"

#include "cli/text.h"
#include "codec/json.h"

enum { VALUE_SIZE_MAX = 4096 };

struct line {
  struct gcn__buf* out;
  int error;
};

static void put(struct line* line, struct gcn__span text) {
  if (line->error == 0) {
    line->error = gcn__buf_append(line->out, text.data, text.size);
  }
}

static void put_str(struct line* line, const char* text) {
  put(line, gcn__span_str(text));
}

static void put_string(struct line* line, struct gcn__span text) {
  if (line->error == 0) {
    line->error = gcn__json_write_string(line->out, text);
  }
}

static bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

/* In quotes; bytes that are not printable ASCII become '?'. */
static void put_quoted(struct line* line, const char* text) {
  put_str(line, "\"");
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') put_str(line, "\\");
    put(line, is_printable(*text) ? gcn__span(text, 1) : GCN__SPAN("?"));
  }
  put_str(line, "\"");
}

/* The value at the front of `*at`, without its quotes and escapes.  NULL: it is
 * malformed or too long. */
static const char* take_value(const char** at, char value[VALUE_SIZE_MAX],
                              bool* quoted) {
  const char* c = *at;
  size_t size = 0;
  *quoted = *c == '"';
  if (*quoted) c++;
  while (*c != '\0' && *c != (*quoted ? '"' : ' ')) {
    if (*quoted && *c == '\\' && c[1] != '\0') c++;
    if (size + 1 == VALUE_SIZE_MAX) return NULL;
    value[size++] = *c++;
  }
  if (*quoted && *c++ != '"') return NULL;
  value[size] = '\0';
  *at = c;
  return value;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* JSON knows no leading zeros and no lone sign. */
static bool is_number(const char* text) {
  if (*text == '-') text++;
  if (!is_digit(*text)) return false;
  if (*text == '0') return text[1] == '\0';
  while (is_digit(*text))
    text++;
  return *text == '\0';
}

/* "key=value key=..." as members; what is no such thing ends them. */
static void put_members(struct line* line, const char* text) {
  char value[VALUE_SIZE_MAX];
  for (;;) {
    while (*text == ' ')
      text++;
    size_t size = strcspn(text, "= \"");
    if (size == 0 || text[size] != '=') return;
    struct gcn__span key = gcn__span(text, size);
    bool quoted = false;
    text += size + 1;
    if (take_value(&text, value, &quoted) == NULL) return;
    put_str(line, ",");
    put_string(line, key);
    put_str(line, ":");
    if (!quoted && is_number(value)) {
      put_str(line, value);
    } else {
      put_string(line, gcn__span_str(value));
    }
  }
}

static void put_json(struct line* line, const char* time, const char* level,
                     const char* text, bool event) {
  put_str(line, "{\"time\":\"");
  put_str(line, time);
  put_str(line, "\",\"level\":\"");
  put_str(line, level);
  put_str(line, "\"");
  if (event) {
    put_members(line, text);
  } else {
    put_str(line, ",\"msg\":");
    put_string(line, gcn__span_str(text));
  }
  put_str(line, "}\n");
}

static void put_logfmt(struct line* line, const char* time, const char* level,
                       const char* text, bool event) {
  put_str(line, "time=");
  put_str(line, time);
  put_str(line, " level=");
  put_str(line, level);
  put_str(line, event ? " " : " msg=");
  if (event) {
    put_str(line, text);
  } else {
    put_quoted(line, text);
  }
  put_str(line, "\n");
}

int gcn__log_format_line(struct gcn__buf* out, enum gcn__log_format format,
                         int64_t unix_ms, const char* level, const char* text) {
  struct line line = {.out = out};
  char time[GCN__TEXT_TIME_SIZE];
  bool event = strncmp(text, "event=", 6) == 0;
  gcn__text_time_utc(time, unix_ms);
  if (format == GCN__LOG_FORMAT_JSON) {
    put_json(&line, time, level, text, event);
  } else {
    put_logfmt(&line, time, level, text, event);
  }
  return line.error;
}
