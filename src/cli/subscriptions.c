/* SPDX-License-Identifier: MIT */
/*
 * See subscriptions.h.
 */
#include "cli/subscriptions.h"

void gcn__subscriptions_init(struct gcn__subscriptions* reader,
                             struct gcn__span text) {
  *reader = (struct gcn__subscriptions){.rest = text, .line = 1};
}

static bool fail(struct gcn__subscriptions* reader, const char* why) {
  reader->why = why;
  return false;
}

/* Moves past white space and counts its lines; then whether more is left. */
static bool skip_space(struct gcn__subscriptions* reader) {
  struct gcn__span* rest = &reader->rest;
  reader->line += reader->behind;
  reader->behind = 0;
  while (rest->size > 0 && strchr(" \t\r\n", rest->data[0]) != NULL &&
         rest->data[0] != '\0') {
    if (rest->data[0] == '\n') reader->line++;
    *rest = gcn__span_skip(*rest, 1);
  }
  return rest->size > 0;
}

static bool take(struct gcn__subscriptions* reader, char c) {
  struct gcn__span* rest = &reader->rest;
  if (rest->size == 0 || rest->data[0] != c) return false;
  *rest = gcn__span_skip(*rest, 1);
  return true;
}

/* The size of the object at the start of `text`, by its brackets; 0 if it has
 * no end. */
static size_t object_size(struct gcn__span text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') i++;
    if (quoted) continue;
    if (c == '{' || c == '[') depth++;
    if (c != '}' && c != ']') continue;
    if (--depth == 0) return i + 1;
  }
  return 0;
}

static bool take_object(struct gcn__subscriptions* reader,
                        struct gcn__span* object) {
  struct gcn__span* rest = &reader->rest;
  if (rest->size == 0) return fail(reader, "the array has no end");
  if (rest->data[0] != '{') {
    return fail(reader, "a subscription is a JSON object, as in "
                        "{\"event\":\"routing.queueEvents\"}");
  }
  size_t size = object_size(*rest);
  if (size == 0) return fail(reader, "the object that begins here has no end");
  *object = gcn__span(rest->data, size);
  for (size_t i = 0; i < size; i++) {
    if (rest->data[i] == '\n') reader->behind++;
  }
  *rest = gcn__span_skip(*rest, size);
  reader->begun = true;
  return true;
}

/* Between the objects of an array. */
static bool next_in_array(struct gcn__subscriptions* reader,
                          struct gcn__span* object) {
  if (take(reader, ']')) {
    reader->array = false;
    return skip_space(reader) ? fail(reader, "something follows the array")
                              : false;
  }
  if (reader->begun && !take(reader, ',')) {
    return fail(reader, "a comma or the end of the array is missing");
  }
  skip_space(reader);
  return take_object(reader, object);
}

bool gcn__subscriptions_next(struct gcn__subscriptions* reader,
                             struct gcn__span* object) {
  if (reader->why != NULL) return false;
  if (!skip_space(reader)) {
    return reader->array ? fail(reader, "the array has no end") : false;
  }
  bool first = !reader->array && !reader->begun;
  if (first && take(reader, '[')) {
    reader->array = true;
    skip_space(reader);
  }
  return reader->array ? next_in_array(reader, object)
                       : take_object(reader, object);
}
