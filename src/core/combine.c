/* SPDX-License-Identifier: MIT */
/*
 * Siblings stand side by side in the set, so a name is a run over it; runs are
 * filled one after another, each as far as it goes.
 */
#include "core/combine.h"

#include "base/assert.h"

static struct gcn__span name_of(const struct gcn__topic* topic) {
  return gcn__span(topic->name, topic->name_size);
}

/* The last segment, without its dot. */
static struct gcn__span segment_of(const struct gcn__topic* topic) {
  return gcn__span_skip(name_of(topic), (size_t)topic->prefix_size + 1);
}

static bool is_combinable(const struct gcn__topic* topic) {
  return topic->prefix_size < topic->name_size && !topic->alone;
}

/* Of a combinable topic. */
static bool is_sibling(const struct gcn__topic* topic,
                       const struct gcn__topic* other) {
  return other->prefix_size < other->name_size &&
         gcn__span_iequal(gcn__span(topic->name, topic->prefix_size),
                          gcn__span(other->name, other->prefix_size));
}

static void append(struct gcn__combine* walk, char separator,
                   struct gcn__span text) {
  GCN__ASSERT(walk->size + 1 + text.size <= GCN__TOPIC_SIZE_MAX);
  walk->name[walk->size++] = separator;
  memcpy(walk->name + walk->size, text.data, text.size);
  walk->size += text.size;
}

void gcn__combine_init(struct gcn__combine* walk,
                       const struct gcn__topics* topics, unsigned shard,
                       bool combine) {
  *walk = (struct gcn__combine){
      .topics = topics,
      .shard = shard,
      .combine = combine,
      .revision = topics->revision,
  };
}

/* True if the topic belongs to the part of the walk that is under way. */
static bool is_wanted(const struct gcn__combine* walk,
                      const struct gcn__topic* topic) {
  return topic->asked && topic->shard == walk->shard &&
         topic->alone == walk->alone;
}

static size_t find_wanted(const struct gcn__combine* walk, size_t at) {
  const struct gcn__topics* topics = walk->topics;
  while (at < topics->count && !is_wanted(walk, &topics->items[at]))
    at++;
  return at;
}

/* Adds the siblings that fit; the name is the first one's so far. */
static void add_siblings(struct gcn__combine* walk) {
  const struct gcn__topic* items = walk->topics->items;
  const struct gcn__topic* first = &items[walk->begin];
  size_t at = walk->begin + 1;
  for (; at < walk->topics->count; at++) {
    const struct gcn__topic* topic = &items[at];
    if (!is_sibling(first, topic)) break;
    if (!is_wanted(walk, topic)) continue;
    struct gcn__span segment = segment_of(topic);
    if (walk->size + 1 + segment.size > GCN__TOPIC_SIZE_MAX) break;
    walk->name[first->prefix_size] = '?';
    append(walk, '&', segment);
    walk->end = at + 1;
  }
}

/* The set may have changed since the last name. */
static void find_place_again(struct gcn__combine* walk) {
  if (walk->revision == walk->topics->revision) return;
  walk->revision = walk->topics->revision;
  if (walk->last_size == 0) return;
  walk->next =
      gcn__topics_behind(walk->topics, gcn__span(walk->last, walk->last_size));
}

bool gcn__combine_next(struct gcn__combine* walk) {
  find_place_again(walk);
  const struct gcn__topics* topics = walk->topics;
  walk->begin = find_wanted(walk, walk->next);
  if (walk->begin == topics->count && !walk->alone) {
    walk->alone = true;
    walk->begin = find_wanted(walk, 0);
  }
  if (walk->begin == topics->count) {
    walk->next = walk->end = walk->begin;
    return false;
  }
  const struct gcn__topic* first = &topics->items[walk->begin];
  GCN__ASSERT(first->name_size <= sizeof walk->name);
  memcpy(walk->name, first->name, first->name_size);
  walk->size = first->name_size;
  walk->end = walk->begin + 1;
  if (walk->combine && is_combinable(first)) add_siblings(walk);
  const struct gcn__topic* last = &topics->items[walk->end - 1];
  memcpy(walk->last, last->name, last->name_size);
  walk->last_size = last->name_size;
  walk->next = walk->end;
  return true;
}

bool gcn__combine_covers(const struct gcn__combine* walk, size_t index) {
  return index >= walk->begin && index < walk->end &&
         is_wanted(walk, &walk->topics->items[index]);
}

static size_t find_byte(struct gcn__span text, char byte) {
  size_t at = 0;
  while (at < text.size && text.data[at] != byte)
    at++;
  return at;
}

bool gcn__cover_is_combined(struct gcn__span name) {
  return find_byte(name, '?') < name.size;
}

static struct gcn__topic* find_on_shard(const struct gcn__cover* walk,
                                        struct gcn__span name) {
  struct gcn__topic* topic = gcn__topics_find(walk->topics, name);
  return topic != NULL && topic->shard == walk->shard ? topic : NULL;
}

void gcn__cover_init(struct gcn__cover* walk, const struct gcn__topics* topics,
                     unsigned shard, struct gcn__span name) {
  *walk = (struct gcn__cover){.topics = topics, .shard = shard};
  if (name.size == 0) return;
  walk->exact = find_on_shard(walk, name);
  size_t at = find_byte(name, '?');
  if (at == name.size) return;
  walk->prefix = gcn__span(name.data, at);
  walk->rest = gcn__span_skip(name, at + 1);
}

/* The topic of one part, or NULL. */
static struct gcn__topic* find_part(const struct gcn__cover* walk,
                                    struct gcn__span part) {
  char name[GCN__TOPIC_SIZE_MAX];
  size_t size = walk->prefix.size + 1 + part.size;
  if (part.size == 0 || size > sizeof name) return NULL;
  memcpy(name, walk->prefix.data, walk->prefix.size);
  name[walk->prefix.size] = '.';
  memcpy(name + walk->prefix.size + 1, part.data, part.size);
  return find_on_shard(walk, gcn__span(name, size));
}

struct gcn__topic* gcn__cover_next(struct gcn__cover* walk) {
  struct gcn__topic* topic = walk->exact;
  walk->exact = NULL;
  while (topic == NULL && walk->rest.size > 0) {
    size_t size = find_byte(walk->rest, '&');
    topic = find_part(walk, gcn__span(walk->rest.data, size));
    if (size < walk->rest.size) size++;
    walk->rest = gcn__span_skip(walk->rest, size);
  }
  return topic;
}
