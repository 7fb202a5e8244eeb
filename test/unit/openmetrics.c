/* SPDX-License-Identifier: MIT */
/*
 * See openmetrics.h.  One line at a time; what a family has said so far is
 * remembered until the next one begins.
 */
#include "openmetrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 128, FAMILIES_MAX = 128, LINES_MAX = 2048 };

struct reader {
  char families[FAMILIES_MAX][NAME_SIZE];
  size_t family_count;
  char type[NAME_SIZE];
  bool helped;
  bool sampled;
  const char* lines[LINES_MAX]; /* of samples, to find one that comes twice */
  size_t sizes[LINES_MAX];      /* of their series */
  size_t sample_count;
};

static bool is_name_char(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return true;
  return !first && c >= '0' && c <= '9';
}

/* The size of the name at `text`. */
static size_t name_size(const char* text) {
  size_t size = 0;
  while (is_name_char(text[size], size == 0))
    size++;
  return size;
}

static bool is_one_of(const char* word, const char* const* words) {
  while (*words != NULL && strcmp(*words, word) != 0)
    words++;
  return *words != NULL;
}

static bool ends_in(const char* text, const char* end) {
  size_t size = strlen(text);
  size_t end_size = strlen(end);
  return size > end_size && strcmp(text + size - end_size, end) == 0;
}

static const char* begin_family(struct reader* reader, const char* family,
                                const char* type) {
  static const char* const types[] = {"counter", "gauge", "info", NULL};
  static const char* const reserved[] = {
      "_total", "_created", "_bucket", "_count", "_sum", "_info", NULL};
  if (!is_one_of(type, types)) return "an unknown type";
  for (size_t i = 0; i < reader->family_count; i++) {
    if (strcmp(reader->families[i], family) == 0) return "a family twice";
  }
  for (size_t i = 0; reserved[i] != NULL; i++) {
    if (ends_in(family, reserved[i])) return "a family with a suffix";
  }
  if (reader->family_count == FAMILIES_MAX) return "too many families";
  strcpy(reader->families[reader->family_count++], family);
  strcpy(reader->type, type);
  reader->helped = false;
  reader->sampled = false;
  return NULL;
}

static const char* check_help(const char* text) {
  if (*text == '\0') return "an empty help";
  for (; *text != '\0'; text++) {
    if (*text == '"') return "a quote in a help without its backslash";
    if (*text == '\\' && strchr("\\n\"", *++text) == NULL) {
      return "an unknown escape";
    }
  }
  return NULL;
}

static const char* check_meta(struct reader* reader, const char* line) {
  char word[NAME_SIZE];
  char family[NAME_SIZE];
  int at = 0;
  if (sscanf(line, "# %127[A-Z] %127[A-Za-z0-9_] %n", word, family, &at) != 2 ||
      at == 0) {
    return "a comment of no known form";
  }
  char again[2 * NAME_SIZE + 8];
  snprintf(again, sizeof again, "# %s %s ", word, family);
  if (strncmp(line, again, strlen(again)) != 0) return "not one space";
  const char* rest = line + strlen(again);
  if (strlen(rest) >= NAME_SIZE) return "a long line";
  if (strcmp(word, "TYPE") == 0) return begin_family(reader, family, rest);
  if (reader->family_count == 0 ||
      strcmp(reader->families[reader->family_count - 1], family) != 0) {
    return "a comment outside its family";
  }
  if (reader->sampled) return "a comment behind a sample";
  if (strcmp(word, "UNIT") == 0) {
    char end[NAME_SIZE + 1];
    snprintf(end, sizeof end, "_%s", rest);
    return ends_in(family, end) ? NULL : "a unit that the name lacks";
  }
  if (strcmp(word, "HELP") != 0) return "an unknown word";
  if (reader->helped) return "a second help";
  reader->helped = true;
  return check_help(rest);
}

/* Moves behind "name=\"value\"". */
static const char* check_label(const char** text) {
  size_t size = name_size(*text);
  const char* at = *text + size;
  if (size == 0) return "a label without a name";
  if (at[0] != '=' || at[1] != '"') return "a label without a value";
  for (at += 2; *at != '"'; at++) {
    if (*at == '\0' || *at == '\n') return "a value without its end";
    if (*at == '\\' && strchr("\\n\"", *++at) == NULL) {
      return "an unknown escape";
    }
  }
  *text = at + 1;
  return NULL;
}

static const char* check_labels(const char** text) {
  if (**text != '{') return NULL;
  do {
    ++*text;
    const char* problem = check_label(text);
    if (problem != NULL) return problem;
  } while (**text == ',');
  if (**text != '}') return "labels without their end";
  ++*text;
  return NULL;
}

static const char* check_number(const char* text) {
  size_t digits = strspn(text, "0123456789");
  const char* rest = text + digits;
  if (digits == 0) return "no number";
  if (*rest == '.') {
    digits = strspn(++rest, "0123456789");
    if (digits == 0) return "no digit behind the point";
    rest += digits;
  }
  return *rest == '\0' ? NULL : "more than a number";
}

static const char* suffix_of(const struct reader* reader) {
  if (strcmp(reader->type, "counter") == 0) return "_total";
  return strcmp(reader->type, "info") == 0 ? "_info" : "";
}

static const char* check_sample(struct reader* reader, const char* line,
                                const char* source) {
  if (reader->family_count == 0) return "a sample without a family";
  const char* family = reader->families[reader->family_count - 1];
  char want[2 * NAME_SIZE];
  snprintf(want, sizeof want, "%s%s", family, suffix_of(reader));
  size_t size = name_size(line);
  if (size != strlen(want) || strncmp(line, want, size) != 0) {
    return "a sample outside its family, or without its suffix";
  }
  const char* at = line + size;
  const char* problem = check_labels(&at);
  if (problem != NULL) return problem;
  if (*at != ' ') return "no space before the value";
  size = (size_t)(at - line);
  for (size_t i = 0; i < reader->sample_count; i++) {
    if (reader->sizes[i] == size &&
        strncmp(reader->lines[i], line, size) == 0) {
      return "a series twice";
    }
  }
  if (reader->sample_count == LINES_MAX) return "too many samples";
  reader->lines[reader->sample_count] = source;
  reader->sizes[reader->sample_count++] = size;
  reader->sampled = true;
  if (!reader->helped) return "a family without help";
  return check_number(at + 1);
}

const char* openmetrics_check(const char* text, size_t* line) {
  static struct reader reader;
  memset(&reader, 0, sizeof reader);
  *line = 0;
  for (;;) {
    char copy[512];
    const char* end = strchr(text, '\n');
    ++*line;
    if (end == NULL) return "no end";
    size_t size = (size_t)(end - text);
    if (size == 0) return "an empty line";
    if (size >= sizeof copy) return "a long line";
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (strcmp(copy, "# EOF") == 0) {
      return end[1] == '\0' ? NULL : "something behind the end";
    }
    const char* problem = copy[0] == '#' ? check_meta(&reader, copy)
                                         : check_sample(&reader, copy, text);
    if (problem != NULL) return problem;
    text = end + 1;
  }
}

const char* openmetrics_value(const char* text, const char* series, char* value,
                              size_t size) {
  size_t series_size = strlen(series);
  for (const char* line = text; line != NULL && *line != '\0';) {
    const char* end = strchr(line, '\n');
    if (strncmp(line, series, series_size) == 0 && line[series_size] == ' ') {
      const char* at = line + series_size + 1;
      snprintf(value, size, "%.*s", (int)(end - at), at);
      return value;
    }
    line = end == NULL ? NULL : end + 1;
  }
  return NULL;
}
