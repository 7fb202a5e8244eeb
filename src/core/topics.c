/* SPDX-License-Identifier: MIT */
/*
 * A sorted array: the set is small (at most some thousand topics) and read far
 * more often than changed.
 */
#include "core/topics.h"

#include "base/assert.h"
#include "base/err.h"

enum { CAPACITY_MIN = 16 };

void gcn__topics_init(struct gcn__topics* topics, const struct gcn__mem* mem,
                      size_t count_max) {
  *topics = (struct gcn__topics){.mem = mem, .count_max = count_max};
}

void gcn__topics_deinit(struct gcn__topics* topics) {
  for (size_t i = 0; i < topics->count; i++) {
    gcn__str_free(topics->mem, topics->items[i].name);
  }
  gcn__free(topics->mem, topics->items,
            topics->capacity * sizeof *topics->items);
  topics->items = NULL;
  topics->count = 0;
  topics->capacity = 0;
}

const char* gcn__topic_check(struct gcn__span name) {
  if (name.size == 0) return "is empty";
  if (name.size > GCN__TOPIC_SIZE_MAX) return "is longer than 199 bytes";
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    if (c <= 0x20 || c >= 0x7f) return "has a byte that is not printable ASCII";
    if (c == '"' || c == '\\') return "has a quote or a backslash";
  }
  return NULL;
}

static int compare(struct gcn__span a, const char* b) {
  for (size_t i = 0; i < a.size; i++) {
    int difference = gcn__ascii_lower(a.data[i]) - gcn__ascii_lower(b[i]);
    if (difference != 0) return difference; /* also at the end of b */
  }
  return b[a.size] == '\0' ? 0 : -1;
}

/* The first item that is not before `name`. */
static size_t lower_bound(const struct gcn__topics* topics,
                          struct gcn__span name) {
  size_t low = 0;
  size_t high = topics->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare(name, topics->items[middle].name) > 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static int make_room(struct gcn__topics* topics) {
  if (topics->count < topics->capacity) return 0;
  size_t size = sizeof *topics->items;
  size_t capacity = topics->capacity == 0 ? CAPACITY_MIN : topics->capacity * 2;
  void* items = gcn__resize(topics->mem, topics->items, topics->capacity * size,
                            capacity * size);
  if (items == NULL) return GCN__ENOMEM;
  topics->items = items;
  topics->capacity = capacity;
  return 0;
}

int gcn__topics_add(struct gcn__topics* topics, struct gcn__span name) {
  GCN__ASSERT(gcn__topic_check(name) == NULL);
  if (gcn__topics_find(topics, name) != NULL) return GCN__EEXIST;
  if (topics->count >= topics->count_max) return GCN_ELIMIT;
  int error = make_room(topics);
  if (error != 0) return error;
  char* copy = gcn__str_copy_n(topics->mem, name.data, name.size);
  if (copy == NULL) return GCN__ENOMEM;
  size_t at = lower_bound(topics, name);
  memmove(&topics->items[at + 1], &topics->items[at],
          (topics->count - at) * sizeof *topics->items);
  topics->items[at] = (struct gcn__topic){.name = copy};
  topics->count++;
  topics->revision++;
  return 0;
}

int gcn__topics_remove(struct gcn__topics* topics, struct gcn__span name) {
  struct gcn__topic* topic = gcn__topics_find(topics, name);
  if (topic == NULL) return GCN__ENOENT;
  gcn__str_free(topics->mem, topic->name);
  size_t at = (size_t)(topic - topics->items);
  topics->count--;
  memmove(topic, topic + 1, (topics->count - at) * sizeof *topic);
  topics->revision++;
  return 0;
}

struct gcn__topic* gcn__topics_find(const struct gcn__topics* topics,
                                    struct gcn__span name) {
  size_t at = lower_bound(topics, name);
  if (at == topics->count) return NULL;
  struct gcn__topic* topic = &topics->items[at];
  return compare(name, topic->name) == 0 ? topic : NULL;
}
