/* SPDX-License-Identifier: MIT */
/*
 * See match.h.
 */
#include "cli/match.h"

#include <regex.h>
#include <stddef.h>

#include "base/mem.h"
#include "cli/text.h"
#include "codec/json.h"

enum { VALUE_SIZE_MAX = 16 << 20, PATH_PART_SIZE = 256 };

#define OPERATOR_MAP(X)                                                        \
  X(EQUAL, "==")                                                               \
  X(UNEQUAL, "!=")                                                             \
  X(AT_MOST, "<=")                                                             \
  X(AT_LEAST, ">=")                                                            \
  X(BELOW, "<")                                                                \
  X(ABOVE, ">")                                                                \
  X(CONTAINS, "contains")                                                      \
  X(MATCH, "match")

enum match_operator {
#define OPERATOR_ENUM(name, word) DO_##name,
  OPERATOR_MAP(OPERATOR_ENUM)
#undef OPERATOR_ENUM
      OPERATORS
};

struct gcn__match {
  char* path;
  enum match_operator verb;
  char* value;
  bool numeric;
  double number; /* if numeric */
  bool compiled;
  regex_t regex; /* if compiled */
};

static const struct gcn__mem* const mem = &gcn__mem_libc;

static const char* skip_blanks(const char* text) {
  while (*text == ' ' || *text == '\t')
    text++;
  return text;
}

static bool find_operator(const char** text, enum match_operator* found) {
  static const char* const words[] = {
#define OPERATOR_WORD(name, word) word,
      OPERATOR_MAP(OPERATOR_WORD)
#undef OPERATOR_WORD
  };
  for (int i = 0; i < OPERATORS; i++) {
    size_t size = strlen(words[i]);
    if (strncmp(*text, words[i], size) != 0) continue;
    *text += size;
    *found = (enum match_operator)i;
    return true;
  }
  return false;
}

/* What is no part of the body, and where it is. */
static const struct {
  const char* name;
  size_t offset;
} roots[] = {
    {"topic", offsetof(gcn_event_t, topic)},
    {"correlationId", offsetof(gcn_event_t, correlation_id)},
    {"id", offsetof(gcn_event_t, id)},
    {"resourceId", offsetof(gcn_event_t, resource_id)},
    {"eventType", offsetof(gcn_event_t, type)},
    {"eventTime", offsetof(gcn_event_t, timestamp)},
};
enum { ROOT_COUNT = sizeof roots / sizeof roots[0] };

static bool is_root(struct gcn__span path) {
  for (size_t i = 0; i < ROOT_COUNT; i++) {
    if (gcn__span_is(path, roots[i].name)) return true;
  }
  return gcn__span_is(path, "body") || gcn__span_starts(path, "body.");
}

/* `text` as a JSON number.  The parser wants a document around it. */
static bool read_number(const char* text, double* number) {
  struct gcn__buf document;
  gcn__buf_init(&document, mem, VALUE_SIZE_MAX);
  struct gcn__json* json = NULL;
  if (gcn__buf_printf(&document, "[%s]", text) == 0) {
    json = gcn__json_parse(gcn__buf_span(&document), NULL);
  }
  const struct gcn__json* value = gcn__json_at(json, 0);
  bool good = gcn__json_count(json) == 1 &&
              gcn__json_string(value).data == NULL &&
              gcn__json_number(value, number);
  gcn__json_free(json, false);
  gcn__buf_deinit(&document);
  return good;
}

static const char* parse_value(struct gcn__match* match, const char* text) {
  struct gcn__span value = gcn__span_str(skip_blanks(text));
  while (value.size > 0 && value.data[value.size - 1] == ' ')
    value.size--;
  bool quoted = value.size >= 2 && value.data[0] == '"' &&
                value.data[value.size - 1] == '"';
  if (quoted) value = gcn__span(value.data + 1, value.size - 2);
  if (value.size == 0 && !quoted) return "a value is missing";
  match->value = gcn__str_copy_n(mem, value.data, value.size);
  if (match->value == NULL) return "out of memory";
  match->numeric = !quoted && read_number(match->value, &match->number);
  if (match->verb != DO_MATCH) return NULL;
  match->compiled =
      regcomp(&match->regex, match->value, REG_EXTENDED | REG_NOSUB) == 0;
  return match->compiled ? NULL : "the regular expression is not valid";
}

static const char* parse(struct gcn__match* match, const char* text) {
  text = skip_blanks(text);
  struct gcn__span path = gcn__span(text, strcspn(text, " \t=!<>"));
  if (!is_root(path)) {
    return "it must begin with topic, correlationId, body, id, resourceId, "
           "eventType or eventTime, as in 'body.id == 42'";
  }
  match->path = gcn__str_copy_n(mem, path.data, path.size);
  if (match->path == NULL) return "out of memory";
  text = skip_blanks(text + path.size);
  if (!find_operator(&text, &match->verb)) {
    return "the operator is not one of == != < <= > >= contains match";
  }
  return parse_value(match, text);
}

struct gcn__match* gcn__match_new(const char* expression, const char** why) {
  struct gcn__match* match = gcn__alloc_zero(mem, sizeof *match);
  *why = match == NULL ? "out of memory" : parse(match, expression);
  if (*why == NULL) return match;
  gcn__match_free(match);
  return NULL;
}

void gcn__match_free(struct gcn__match* match) {
  if (match == NULL) return;
  gcn__str_free(mem, match->path);
  gcn__str_free(mem, match->value);
  if (match->compiled) regfree(&match->regex);
  gcn__free(mem, match, sizeof *match);
}

static bool compare(const struct gcn__match* match, int order) {
  switch (match->verb) {
  case DO_EQUAL: return order == 0;
  case DO_UNEQUAL: return order != 0;
  case DO_AT_MOST: return order <= 0;
  case DO_AT_LEAST: return order >= 0;
  case DO_BELOW: return order < 0;
  case DO_ABOVE: return order > 0;
  case DO_CONTAINS:
  case DO_MATCH:
  case OPERATORS: break;
  }
  return false;
}

static bool test_text(const struct gcn__match* match, struct gcn__span text) {
  /* regexec and strstr want a string; a NUL inside ends it. */
  char* copy = gcn__str_copy_n(mem, text.data, text.size);
  if (copy == NULL) return false;
  bool good;
  if (match->verb == DO_CONTAINS) {
    good = strstr(copy, match->value) != NULL;
  } else if (match->verb == DO_MATCH) {
    good = regexec(&match->regex, copy, 0, NULL, 0) == 0;
  } else {
    good = compare(match, strcmp(copy, match->value));
  }
  gcn__free(mem, copy, text.size + 1);
  return good;
}

static bool test_number(const struct gcn__match* match, double number) {
  return compare(match, (number > match->number) - (number < match->number));
}

/* Whatever is no string is compared in its compact form. */
static bool test_value(const struct gcn__match* match,
                       const struct gcn__json* value) {
  struct gcn__span string = gcn__json_string(value);
  if (string.data != NULL) return test_text(match, string);
  double number;
  bool order = match->verb != DO_CONTAINS && match->verb != DO_MATCH;
  if (order && match->numeric && gcn__json_number(value, &number)) {
    return test_number(match, number);
  }
  struct gcn__buf text;
  gcn__buf_init(&text, mem, VALUE_SIZE_MAX);
  bool good = gcn__json_write(&text, value) == 0 &&
              test_text(match, gcn__buf_span(&text));
  gcn__buf_deinit(&text);
  return good;
}

static const struct gcn__json* step(const struct gcn__json* value,
                                    struct gcn__span part) {
  char name[PATH_PART_SIZE];
  if (part.size >= sizeof name) return NULL;
  memcpy(name, part.data, part.size);
  name[part.size] = '\0';
  if (gcn__json_is_object(value)) return gcn__json_get(value, name);
  uint64_t index;
  if (!gcn__text_number(name, &index)) return NULL;
  if (index >= gcn__json_count(value)) return NULL;
  return gcn__json_at(value, (size_t)index);
}

/* `path` is "" or ".a.b". */
static const struct gcn__json* walk(const struct gcn__json* value,
                                    const char* path) {
  while (value != NULL && *path == '.') {
    size_t size = strcspn(path + 1, ".");
    value = step(value, gcn__span(path + 1, size));
    path += 1 + size;
  }
  return value;
}

static bool test_body(const struct gcn__match* match,
                      const gcn_event_t* event) {
  struct gcn__json* body =
      gcn__json_parse(gcn__span(event->body.data, event->body.size), NULL);
  const struct gcn__json* value = walk(body, match->path + strlen("body"));
  bool good =
      value == NULL ? match->verb == DO_UNEQUAL : test_value(match, value);
  gcn__json_free(body, false);
  return good;
}

bool gcn__match_test(const struct gcn__match* match, const gcn_event_t* event) {
  if (match == NULL) return true;
  if (gcn__span_starts(gcn__span_str(match->path), "body")) {
    return test_body(match, event);
  }
  size_t root = 0;
  while (root + 1 < ROOT_COUNT && strcmp(match->path, roots[root].name) != 0)
    root++;
  gcn_span_t text;
  memcpy(&text, (const char*)event + roots[root].offset, sizeof text);
  if (text.data == NULL) return match->verb == DO_UNEQUAL;
  return test_text(match, gcn__span(text.data, text.size));
}
