/* SPDX-License-Identifier: MIT */
/*
 * See topic-list.h.  The table of slots is at most half full.
 */
#include "cli/topic-list.h"

#include "cli/file.h"
#include "cli/subscriptions.h"

#include <uv.h>

enum {
  FILE_SIZE_MAX = 64 << 20,
  SLOTS_MIN = 64,
  ROOM_MIN = 32,
  LINE_SIZE = GCN_SUBSCRIPTION_SIZE_MAX + 1,
};

static const struct gcn__mem* const mem = &gcn__mem_libc;

void gcn__topic_list_deinit(struct gcn__topic_list* list) {
  for (size_t i = 0; i < list->count; i++)
    gcn__str_free(mem, list->names[i]);
  gcn__free(mem, list->names, list->room * sizeof list->names[0]);
  gcn__free(mem, list->slots, list->slot_count * sizeof list->slots[0]);
  *list = (struct gcn__topic_list){0};
}

/* The library says whether it is one by saying where it would be. */
static const char* check_subscription(const char* text) {
  gcn_options_t options;
  gcn_plan_entry_t entry;
  gcn_plan_t plan;
  gcn_options_init(&options);
  options.dialect = GCN_DIALECT_STREAM;
  if (gcn_plan(&options, &text, 1, &entry, &plan) != 0) return "out of memory";
  if (entry.error != UV_EINVAL) return NULL;
  return "it is not of the form EVENT[@RESOURCE][?FILTER=VALUE,...], where "
         "bytes that end a part are written as %XX";
}

static const char* check(const struct gcn__topic_list* list,
                         struct gcn__span topic) {
  size_t size_max =
      list->stream ? GCN_SUBSCRIPTION_SIZE_MAX : GCN_TOPIC_SIZE_MAX;
  if (topic.size == 0) return "it is empty";
  if (topic.size > size_max) {
    return list->stream ? "it is longer than 1000 bytes"
                        : "it is longer than 199 bytes";
  }
  for (size_t i = 0; i < topic.size; i++) {
    if (topic.data[i] <= ' ' || topic.data[i] > '~') {
      return "it has a byte that is not printable ASCII";
    }
  }
  return NULL;
}

/* FNV-1a. */
static size_t hash(struct gcn__span topic) {
  uint64_t value = 14695981039346656037u;
  for (size_t i = 0; i < topic.size; i++) {
    value ^= (unsigned char)gcn__ascii_lower(topic.data[i]);
    value *= 1099511628211u;
  }
  return (size_t)(value ^ value >> 32);
}

/* The slot that holds `topic`, or the empty one where it belongs. */
static size_t* find_slot(const struct gcn__topic_list* list,
                         struct gcn__span topic) {
  size_t mask = list->slot_count - 1;
  size_t at = hash(topic) & mask;
  while (list->slots[at] != 0 &&
         !gcn__span_iis(topic, list->names[list->slots[at] - 1])) {
    at = (at + 1) & mask;
  }
  return &list->slots[at];
}

static bool grow_slots(struct gcn__topic_list* list) {
  if (list->count * 2 < list->slot_count) return true;
  struct gcn__topic_list larger = *list;
  larger.slot_count = list->slot_count == 0 ? SLOTS_MIN : list->slot_count * 4;
  larger.slots = gcn__alloc_zero(mem, larger.slot_count * sizeof(size_t));
  if (larger.slots == NULL) return false;
  for (size_t i = 0; i < list->count; i++) {
    *find_slot(&larger, gcn__span_str(list->names[i])) = i + 1;
  }
  gcn__free(mem, list->slots, list->slot_count * sizeof(size_t));
  *list = larger;
  return true;
}

static bool grow_names(struct gcn__topic_list* list) {
  if (list->count < list->room) return true;
  size_t room = list->room == 0 ? ROOM_MIN : list->room * 2;
  char** names = gcn__resize(mem, list->names, list->room * sizeof names[0],
                             room * sizeof names[0]);
  if (names == NULL) return false;
  list->names = names;
  list->room = room;
  return true;
}

const char* gcn__topic_list_add(struct gcn__topic_list* list,
                                struct gcn__span topic) {
  const char* why = check(list, topic);
  if (why != NULL) return why;
  if (!grow_slots(list) || !grow_names(list)) return "out of memory";
  size_t* slot = find_slot(list, topic);
  if (*slot != 0) return NULL;
  if (list->count == GCN_TOPIC_COUNT_MAX) {
    return "a client has room for 200000 topics";
  }
  char* copy = gcn__str_copy_n(mem, topic.data, topic.size);
  if (copy == NULL) return "out of memory";
  why = list->stream ? check_subscription(copy) : NULL;
  if (why != NULL) {
    gcn__str_free(mem, copy);
    return why;
  }
  list->names[list->count++] = copy;
  *slot = list->count;
  return NULL;
}

static struct gcn__span trim(struct gcn__span line) {
  while (line.size > 0 && strchr(" \t\r", line.data[line.size - 1]) != NULL) {
    line.size--;
  }
  while (line.size > 0 && strchr(" \t", line.data[0]) != NULL) {
    line = gcn__span_skip(line, 1);
  }
  return line;
}

static bool take_lines(struct gcn__topic_list* list, const char* path,
                       struct gcn__span text, struct gcn__console* console) {
  for (unsigned number = 1; text.size > 0; number++) {
    const char* end = memchr(text.data, '\n', text.size);
    size_t size = end == NULL ? text.size : (size_t)(end - text.data);
    struct gcn__span line = trim(gcn__span(text.data, size));
    text = gcn__span_skip(text, end == NULL ? size : size + 1);
    if (line.size == 0 || line.data[0] == '#') continue;
    const char* why = gcn__topic_list_add(list, line);
    if (why == NULL) continue;
    gcn__console_say(console, GCN__CONSOLE_ERROR, "%s:%u: '%.*s': %s", path,
                     number, (int)(line.size > 60 ? 60 : line.size), line.data,
                     why);
    return false;
  }
  return true;
}

/* An object that stands for a subscription. */
static const char* take_object(struct gcn__topic_list* list,
                               struct gcn__span text, char* line) {
  char* json = gcn__str_copy_n(mem, text.data, text.size);
  if (json == NULL) return "out of memory";
  int size = gcn_subscription(json, line, LINE_SIZE);
  gcn__str_free(mem, json);
  if (size < 0) return line;
  return gcn__topic_list_add(list, gcn__span(line, (size_t)size));
}

static bool take_objects(struct gcn__topic_list* list, const char* path,
                         struct gcn__span text, struct gcn__console* console) {
  char line[LINE_SIZE];
  struct gcn__subscriptions reader;
  struct gcn__span object;
  gcn__subscriptions_init(&reader, text);
  while (gcn__subscriptions_next(&reader, &object)) {
    const char* why = take_object(list, object, line);
    if (why == NULL) continue;
    gcn__console_say(console, GCN__CONSOLE_ERROR, "%s:%u: '%.*s': %s", path,
                     reader.line, (int)(object.size > 60 ? 60 : object.size),
                     object.data, why);
    return false;
  }
  if (reader.why == NULL) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "%s:%u: %s", path, reader.line,
                   reader.why);
  return false;
}

static bool read_file(struct gcn__buf* text, const char* path, const char* flag,
                      struct gcn__console* console) {
  bool input = strcmp(path, "-") == 0;
  int error = gcn__file_read(input ? "/dev/stdin" : path, text, NULL);
  if (error == 0) return true;
  gcn__console_say(console, GCN__CONSOLE_ERROR, "%s %s: %s", flag, path,
                   error == GCN_ELIMIT ? "it is larger than 64 MiB"
                                       : gcn_strerror(error));
  return false;
}

bool gcn__topic_list_read(struct gcn__topic_list* list, const char* path,
                          const char* flag, struct gcn__console* console) {
  struct gcn__buf text;
  gcn__buf_init(&text, mem, FILE_SIZE_MAX);
  bool good = read_file(&text, path, flag, console) &&
              take_lines(list, path, gcn__buf_span(&text), console);
  gcn__buf_deinit(&text);
  return good;
}

bool gcn__topic_list_read_json(struct gcn__topic_list* list, const char* path,
                               const char* flag, struct gcn__console* console) {
  struct gcn__buf text;
  gcn__buf_init(&text, mem, FILE_SIZE_MAX);
  bool good = read_file(&text, path, flag, console) &&
              take_objects(list, path, gcn__buf_span(&text), console);
  gcn__buf_deinit(&text);
  return good;
}
