/* SPDX-License-Identifier: MIT */
/*
 * JSON documents on jansson: strict reading and the accessors.
 *
 * It knows no dialect.  A `struct gcn__json` is jansson's json_t under a name
 * of ours, never anything else.  jansson allocates with the C library's
 * malloc: its hooks are global to the process, and a guest must not touch
 * those.
 */
#include "codec/json.h"

#include "base/mem.h"

#include <jansson.h>

static const json_t* look(const struct gcn__json* value) {
  return (const json_t*)(const void*)value;
}

/* Some of jansson's readers take a mutable value that they do not change. */
static json_t* touch(const struct gcn__json* value) {
  return (json_t*)(uintptr_t)value;
}

static struct gcn__json* wrap(json_t* value) {
  return (struct gcn__json*)(void*)value;
}

/* jansson recurses while it parses, so the depth is checked before: brackets
 * outside strings.  Whatever is not JSON is left for jansson to refuse. */
static bool is_shallow(struct gcn__span text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') i++;
    if (quoted) continue;
    if (c == '{' || c == '[') depth++;
    if ((c == '}' || c == ']') && depth > 0) depth--;
    if (depth > GCN__JSON_DEPTH_MAX) return false;
  }
  return true;
}

static const char* reason(const json_error_t* error) {
  switch (json_error_code(error)) {
  case json_error_out_of_memory: return "out of memory";
  case json_error_invalid_utf8: return "not UTF-8";
  case json_error_premature_end_of_input: return "cut off";
  case json_error_end_of_input_expected: return "bytes behind the end";
  case json_error_duplicate_key: return "a key occurs twice";
  case json_error_numeric_overflow: return "a number out of range";
  case json_error_null_character:
  case json_error_null_byte_in_key: return "a NUL in a string";
  default: return "not JSON";
  }
}

struct gcn__json* gcn__json_parse(struct gcn__span text, const char** why) {
  const char* unused;
  if (why == NULL) why = &unused;
  if (text.size == 0) {
    *why = "empty";
    return NULL;
  }
  /* jansson 2.14 overlooks a NUL byte behind a number. */
  if (memchr(text.data, '\0', text.size) != NULL) {
    *why = "a NUL byte";
    return NULL;
  }
  if (!is_shallow(text)) {
    *why = "nested too deep";
    return NULL;
  }
  json_error_t error;
  json_t* root =
      json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &error);
  *why = root == NULL ? reason(&error) : "";
  return wrap(root);
}

static void wipe_string(const json_t* value) {
  /* jansson lends its own buffer as const; this is its only copy. */
  const char* text = json_string_value(value);
  gcn__wipe((void*)(uintptr_t)text, json_string_length(value));
}

/* The recursion is as deep as the document, which the parser has bounded. */
static void wipe_strings(json_t* value) {
  size_t index;
  const char* key;
  json_t* member;
  if (json_is_string(value)) wipe_string(value);
  json_array_foreach(value, index, member) wipe_strings(member);
  json_object_foreach(value, key, member) wipe_strings(member);
}

void gcn__json_free(struct gcn__json* root, bool secret) {
  json_t* value = touch(root);
  if (secret && value != NULL) wipe_strings(value);
  json_decref(value);
}

bool gcn__json_is_object(const struct gcn__json* value) {
  return json_is_object(look(value));
}

bool gcn__json_is_array(const struct gcn__json* value) {
  return json_is_array(look(value));
}

const struct gcn__json* gcn__json_get(const struct gcn__json* object,
                                      const char* key) {
  return wrap(json_object_get(look(object), key));
}

size_t gcn__json_count(const struct gcn__json* array) {
  return json_array_size(look(array));
}

const struct gcn__json* gcn__json_at(const struct gcn__json* array,
                                     size_t index) {
  return wrap(json_array_get(look(array), index));
}

struct gcn__span gcn__json_string(const struct gcn__json* value) {
  return gcn__span(json_string_value(look(value)),
                   json_string_length(look(value)));
}

struct gcn__span gcn__json_member(const struct gcn__json* object,
                                  const char* key) {
  return gcn__json_string(gcn__json_get(object, key));
}

/* A number in quotes is read by the same grammar, which no locale can change;
 * but nothing may stand around it. */
static bool read_quoted(struct gcn__span text, double* number) {
  if (text.size == 0 || text.size > 32) return false;
  char first = text.data[0];
  char last = text.data[text.size - 1];
  if (first != '-' && (first < '0' || first > '9')) return false;
  if (last < '0' || last > '9') return false;
  json_t* value = json_loadb(text.data, text.size, JSON_DECODE_ANY, NULL);
  bool found = json_is_number(value);
  if (found) *number = json_number_value(value);
  json_decref(value);
  return found;
}

bool gcn__json_number(const struct gcn__json* value, double* number) {
  if (json_is_string(look(value))) {
    return read_quoted(gcn__json_string(value), number);
  }
  if (!json_is_number(look(value))) return false;
  *number = json_number_value(look(value));
  return true;
}

bool gcn__json_true(const struct gcn__json* value) {
  return json_is_true(look(value));
}

const char* gcn__json_key(const struct gcn__json* object, size_t index) {
  json_t* value = touch(object);
  void* iterator = json_object_iter(value);
  for (; index > 0 && iterator != NULL; index--) {
    iterator = json_object_iter_next(value, iterator);
  }
  return iterator == NULL ? NULL : json_object_iter_key(iterator);
}
