/* SPDX-License-Identifier: MIT */
/*
 * The set itself: a sorted array, because it is read far more often than
 * changed.  Many names at once are sorted by themselves and merged in, so that
 * a first subscription to thousands does not move the array for each.
 */
#include "core/topics.h"

#include "base/err.h"

enum { CAPACITY_MIN = 4, PREFIX_DOTS_MIN = 2 };

void gcn__topics_init(struct gcn__topics* topics, const struct gcn__mem* mem,
                      size_t count_max) {
  *topics = (struct gcn__topics){.mem = mem, .count_max = count_max};
}

static void free_names(const struct gcn__mem* mem, struct gcn__topic* items,
                       size_t count) {
  for (size_t i = 0; i < count; i++) {
    gcn__str_free(mem, items[i].name);
  }
}

void gcn__topics_deinit(struct gcn__topics* topics) {
  free_names(topics->mem, topics->items, topics->count);
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

size_t gcn__topic_prefix_size(struct gcn__span name) {
  size_t at = name.size;
  while (at > 0 && name.data[at - 1] != '.') {
    char c = gcn__ascii_lower(name.data[at - 1]);
    if (c < 'a' || c > 'z') return name.size;
    at--;
  }
  if (at == 0 || at == name.size) return name.size;
  size_t dot_count = 0;
  for (size_t i = 0; i < at - 1; i++) {
    if (name.data[i] == '?') return name.size;
    if (name.data[i] == '.') dot_count++;
  }
  return dot_count >= PREFIX_DOTS_MIN ? at - 1 : name.size;
}

/* What items are ordered by. */
struct key {
  struct gcn__span prefix;
  struct gcn__span rest;
};

static struct key key_of(struct gcn__span name, size_t prefix_size) {
  return (struct key){gcn__span(name.data, prefix_size),
                      gcn__span_skip(name, prefix_size)};
}

static struct key item_key(const struct gcn__topic* topic) {
  return key_of(gcn__span(topic->name, topic->name_size), topic->prefix_size);
}

static int compare_texts(struct gcn__span a, struct gcn__span b) {
  size_t size = a.size < b.size ? a.size : b.size;
  for (size_t i = 0; i < size; i++) {
    int difference = gcn__ascii_lower(a.data[i]) - gcn__ascii_lower(b.data[i]);
    if (difference != 0) return difference;
  }
  return (a.size > b.size) - (a.size < b.size);
}

static int compare(struct key a, struct key b) {
  int order = compare_texts(a.prefix, b.prefix);
  return order != 0 ? order : compare_texts(a.rest, b.rest);
}

/* The first item that is not before `key`. */
static size_t lower_bound(const struct gcn__topics* topics, struct key key) {
  size_t low = 0;
  size_t high = topics->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare(key, item_key(&topics->items[middle])) > 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static int make_room(struct gcn__topics* topics, size_t count) {
  size_t capacity = topics->capacity == 0 ? CAPACITY_MIN : topics->capacity;
  while (capacity - topics->count < count)
    capacity *= 2;
  if (capacity == topics->capacity) return 0;
  size_t size = sizeof *topics->items;
  void* items = gcn__resize(topics->mem, topics->items, topics->capacity * size,
                            capacity * size);
  if (items == NULL) return GCN__ENOMEM;
  topics->items = items;
  topics->capacity = capacity;
  return 0;
}

_Static_assert(GCN__TOPIC_TEXT_SIZE_MAX <= UINT16_MAX,
               "sizes are 16 bits wide");

static bool is_sized(struct gcn__span name) {
  return name.size > 0 && name.size <= GCN__TOPIC_TEXT_SIZE_MAX;
}

static int make_item(const struct gcn__mem* mem, struct gcn__span name,
                     struct gcn__topic* topic) {
  char* copy = gcn__str_copy_n(mem, name.data, name.size);
  if (copy == NULL) return GCN__ENOMEM;
  *topic = (struct gcn__topic){
      .name = copy,
      .name_size = (uint16_t)name.size,
      .prefix_size = (uint16_t)gcn__topic_prefix_size(name),
      .shard = GCN__SHARD_NONE,
  };
  return 0;
}

int gcn__topics_add(struct gcn__topics* topics, struct gcn__span name) {
  if (!is_sized(name)) return GCN_ELIMIT;
  if (gcn__topics_find(topics, name) != NULL) return GCN__EEXIST;
  if (topics->count >= topics->count_max) return GCN_ELIMIT;
  int error = make_room(topics, 1);
  if (error != 0) return error;
  struct gcn__topic topic;
  error = make_item(topics->mem, name, &topic);
  if (error != 0) return error;
  size_t at = lower_bound(topics, item_key(&topic));
  memmove(&topics->items[at + 1], &topics->items[at],
          (topics->count - at) * sizeof *topics->items);
  topics->items[at] = topic;
  topics->count++;
  topics->revision++;
  return 0;
}

/* While items are new, `answered` holds their place among the names given. */
static bool is_before(const struct gcn__topic* a, const struct gcn__topic* b) {
  int order = compare(item_key(a), item_key(b));
  return order != 0 ? order < 0 : a->answered < b->answered;
}

static void sift_down(struct gcn__topic* items, size_t at, size_t count) {
  struct gcn__topic topic = items[at];
  for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
    bool right =
        child + 1 < count && is_before(&items[child], &items[child + 1]);
    if (right) child++;
    if (!is_before(&topic, &items[child])) break;
    items[at] = items[child];
    at = child;
  }
  items[at] = topic;
}

/* A heap sort: in place, and never worse than n log n.  The C library's may
 * allocate behind the allocator's back. */
static void sort(struct gcn__topic* items, size_t count) {
  for (size_t i = count / 2; i > 0; i--) {
    sift_down(items, i - 1, count);
  }
  for (size_t end = count; end > 1; end--) {
    struct gcn__topic largest = items[0];
    items[0] = items[end - 1];
    items[end - 1] = largest;
    sift_down(items, 0, end - 1);
  }
}

/* Copies the names that are new; `*made` tells how many, also on failure. */
static int make_items(const struct gcn__topics* topics,
                      const char* const* names, size_t count,
                      struct gcn__topic* items, size_t* made) {
  for (size_t i = 0; i < count; i++) {
    struct gcn__span name = gcn__span_str(names[i]);
    if (!is_sized(name)) return GCN_ELIMIT;
    if (gcn__topics_find(topics, name) != NULL) continue;
    if (make_item(topics->mem, name, &items[*made]) != 0) return GCN__ENOMEM;
    items[*made].answered = i;
    (*made)++;
  }
  return 0;
}

/* Of sorted items, keeps the first of each name. */
static size_t drop_repeated(const struct gcn__mem* mem,
                            struct gcn__topic* items, size_t count) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    bool repeated = kept > 0 && compare(item_key(&items[kept - 1]),
                                        item_key(&items[i])) == 0;
    if (repeated) {
      gcn__str_free(mem, items[i].name);
    } else {
      items[kept++] = items[i];
    }
  }
  return kept;
}

/* Merges from the back, where the room is. */
static void merge(struct gcn__topics* topics, const struct gcn__topic* items,
                  size_t count) {
  size_t old = topics->count;
  topics->count += count;
  for (size_t to = topics->count; count > 0; to--) {
    struct gcn__topic* place = &topics->items[to - 1];
    if (old > 0 && is_before(&items[count - 1], &topics->items[old - 1])) {
      *place = topics->items[--old];
      continue;
    }
    *place = items[--count];
    place->answered = 0;
    place->marked = true;
  }
  topics->revision++;
}

int gcn__topics_add_many(struct gcn__topics* topics, const char* const* names,
                         size_t count) {
  if (count == 0) return 0;
  if (count > SIZE_MAX / sizeof(struct gcn__topic)) return GCN__ENOMEM;
  size_t size = count * sizeof(struct gcn__topic);
  struct gcn__topic* items = gcn__alloc(topics->mem, size);
  if (items == NULL) return GCN__ENOMEM;
  size_t made = 0;
  int error = make_items(topics, names, count, items, &made);
  sort(items, made);
  made = drop_repeated(topics->mem, items, made);
  if (error == 0 && made > topics->count_max - topics->count) {
    error = GCN_ELIMIT;
  }
  if (error == 0) error = make_room(topics, made);
  if (error != 0) {
    free_names(topics->mem, items, made);
  } else if (made > 0) {
    merge(topics, items, made);
  }
  gcn__free(topics->mem, items, size);
  return error;
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

size_t gcn__topics_sweep(struct gcn__topics* topics) {
  size_t kept = 0;
  for (size_t i = 0; i < topics->count; i++) {
    if (topics->items[i].marked) {
      gcn__str_free(topics->mem, topics->items[i].name);
    } else {
      topics->items[kept++] = topics->items[i];
    }
  }
  size_t swept = topics->count - kept;
  topics->count = kept;
  if (swept > 0) topics->revision++;
  return swept;
}

struct gcn__topic* gcn__topics_find(const struct gcn__topics* topics,
                                    struct gcn__span name) {
  struct key key = key_of(name, gcn__topic_prefix_size(name));
  size_t at = lower_bound(topics, key);
  if (at == topics->count) return NULL;
  struct gcn__topic* topic = &topics->items[at];
  return compare(key, item_key(topic)) == 0 ? topic : NULL;
}

size_t gcn__topics_behind(const struct gcn__topics* topics,
                          struct gcn__span name) {
  struct key key = key_of(name, gcn__topic_prefix_size(name));
  size_t at = lower_bound(topics, key);
  if (at == topics->count) return at;
  return compare(key, item_key(&topics->items[at])) == 0 ? at + 1 : at;
}
