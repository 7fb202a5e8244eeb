/* SPDX-License-Identifier: MIT */
/*
 * Words and numbers of fault scripts.  It knows no rule of the language.
 */
#include "sim/script-words.h"

#include "base/err.h"

#include <stdio.h>

enum { WORD_SHOWN_MAX = 40 };

#define NUMBER_MAX UINT64_C(1000000000000000)

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

static int fail_about(struct gcn__script_line* line, struct gcn__span word,
                      const char* expected) {
  if (word.data == NULL) {
    snprintf(line->error, GCN__SCRIPT_TEXT_SIZE,
             "%s:%u: expected %s before the end of the line", line->name,
             line->number, expected);
    return GCN__EINVAL;
  }
  int shown = word.size > WORD_SHOWN_MAX ? WORD_SHOWN_MAX : (int)word.size;
  snprintf(line->error, GCN__SCRIPT_TEXT_SIZE, "%s:%u: '%.*s': expected %s",
           line->name, line->number, shown, word.data, expected);
  return GCN__EINVAL;
}

/* The size of the word at the front; 0 if its quotes do not end. */
static size_t word_size(struct gcn__span text) {
  bool quoted = false;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (quoted && c == '\\') i++;
    if (c == '"') quoted = !quoted;
    if (!quoted && is_blank(c)) return i;
  }
  return quoted ? 0 : text.size;
}

int gcn__script_line_cut(struct gcn__script_line* line, struct gcn__span text) {
  line->count = 0;
  line->at = 0;
  while (text.size > 0) {
    if (is_blank(text.data[0])) {
      text = gcn__span_skip(text, 1);
      continue;
    }
    if (text.data[0] == '#') return 0;
    size_t size = word_size(text);
    if (size == 0) return fail_about(line, text, "a closing quote");
    struct gcn__span word = gcn__span(text.data, size);
    if (memchr(word.data, '\0', size) != NULL) {
      return fail_about(line, word, "no NUL byte");
    }
    if (line->count == GCN__SCRIPT_WORDS_MAX) {
      return fail_about(line, word, "fewer words");
    }
    line->words[line->count++] = word;
    text = gcn__span_skip(text, size);
  }
  return 0;
}

struct gcn__span gcn__script_line_peek(const struct gcn__script_line* line) {
  if (line->at == line->count) return (struct gcn__span){NULL, 0};
  return line->words[line->at];
}

struct gcn__span gcn__script_line_next(struct gcn__script_line* line) {
  struct gcn__span word = gcn__script_line_peek(line);
  if (word.data != NULL) line->at++;
  return word;
}

bool gcn__script_line_take(struct gcn__script_line* line, const char* word) {
  if (line->at == line->count) return false;
  if (!gcn__span_is(line->words[line->at], word)) return false;
  line->at++;
  return true;
}

int gcn__script_line_fail(struct gcn__script_line* line, const char* expected) {
  return fail_about(line, gcn__script_line_peek(line), expected);
}

int gcn__script_line_fail_back(struct gcn__script_line* line,
                               const char* expected) {
  if (line->at == 0) return gcn__script_line_fail(line, expected);
  return fail_about(line, line->words[line->at - 1], expected);
}

bool gcn__script_number(struct gcn__span text, uint64_t* number) {
  uint64_t value = 0;
  if (text.size == 0) return false;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c < '0' || c > '9') return false;
    value = value * 10 + (uint64_t)(c - '0');
    if (value > NUMBER_MAX) return false;
  }
  *number = value;
  return true;
}

bool gcn__script_percent(struct gcn__span text, uint64_t* ppm) {
  if (text.size < 2 || text.data[text.size - 1] != '%') return false;
  text.size--;
  const char* dot = memchr(text.data, '.', text.size);
  size_t whole_size = dot == NULL ? text.size : (size_t)(dot - text.data);
  uint64_t whole;
  if (!gcn__script_number(gcn__span(text.data, whole_size), &whole)) {
    return false;
  }
  uint64_t value = whole > 100 ? 101 * 10000 : whole * 10000;
  uint64_t unit = 1000;
  for (size_t i = whole_size + 1; i < text.size; i++) {
    char c = text.data[i];
    if (c < '0' || c > '9') return false;
    value += (uint64_t)(c - '0') * unit;
    unit /= 10;
  }
  *ppm = value;
  return value <= 1000000;
}

bool gcn__script_duration(struct gcn__span text, uint64_t* duration_ms) {
  static const struct {
    const char* unit;
    uint64_t ms;
  } units[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
  size_t digits = 0;
  while (digits < text.size && text.data[digits] >= '0' &&
         text.data[digits] <= '9') {
    digits++;
  }
  uint64_t number;
  if (!gcn__script_number(gcn__span(text.data, digits), &number)) return false;
  struct gcn__span unit = gcn__span_skip(text, digits);
  for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
    if (!gcn__span_is(unit, units[i].unit)) continue;
    if (number > NUMBER_MAX / units[i].ms) return false;
    *duration_ms = number * units[i].ms;
    return true;
  }
  return false;
}

char* gcn__script_text(const struct gcn__mem* mem, struct gcn__span word) {
  char* scratch = gcn__alloc(mem, word.size + 1);
  if (scratch == NULL) return NULL;
  size_t size = 0;
  bool quoted = false;
  for (size_t i = 0; i < word.size; i++) {
    char c = word.data[i];
    if (c == '"') {
      quoted = !quoted;
      continue;
    }
    if (quoted && c == '\\' && i + 1 < word.size) {
      c = word.data[++i];
      if (c == 'n') c = '\n';
    }
    scratch[size++] = c;
  }
  /* Of its own length, because strings are freed by their length. */
  char* text = gcn__str_copy_n(mem, scratch, size);
  gcn__free(mem, scratch, word.size + 1);
  return text;
}

bool gcn__script_match(const char* pattern, struct gcn__span text) {
  const char* star = NULL; /* after the last '*' seen */
  size_t star_at = 0;      /* what it has swallowed up to */
  size_t i = 0;
  while (i < text.size) {
    if (*pattern == '*') {
      star = ++pattern;
      star_at = i;
    } else if (*pattern != '\0' &&
               gcn__ascii_lower(*pattern) == gcn__ascii_lower(text.data[i])) {
      pattern++;
      i++;
    } else if (star != NULL) {
      pattern = star;
      i = ++star_at;
    } else {
      return false;
    }
  }
  while (*pattern == '*')
    pattern++;
  return *pattern == '\0';
}
