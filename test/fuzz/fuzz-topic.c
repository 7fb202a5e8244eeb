/* SPDX-License-Identifier: MIT */
/*
 * Topics as a user may name them, and names as a service may answer.
 *
 * The input is lines: topics to subscribe to and then, behind an empty line,
 * names of an answer.  However they read, each topic is covered by exactly one
 * name of a request, which leads back to it, and what an answer leads to is a
 * topic of that shard.
 */
#include "core/combine.h"
#include "core/planner.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { TOPICS_MAX = 200 };

static void require(bool holds) {
  if (!holds) abort();
}

static struct gcn__span take_line(struct gcn__span* text) {
  size_t size = 0;
  while (size < text->size && text->data[size] != '\n')
    size++;
  struct gcn__span line = gcn__span(text->data, size);
  *text = gcn__span_skip(*text, size < text->size ? size + 1 : size);
  return line;
}

static void subscribe(struct gcn__planner* planner, struct gcn__topics* topics,
                      struct gcn__span* text) {
  char name[GCN__TOPIC_SIZE_MAX + 1];
  while (text->size > 0) {
    struct gcn__span line = take_line(text);
    if (line.size == 0) return;
    if (gcn__topic_check(line) != NULL) continue;
    memcpy(name, line.data, line.size);
    name[line.size] = '\0';
    (void)gcn__planner_add(planner, topics, &(const char*){name}, 1);
  }
}

static bool leads_to(const struct gcn__combine* walk,
                     const struct gcn__topic* wanted) {
  struct gcn__cover back;
  gcn__cover_init(&back, walk->topics, walk->shard, gcn__combine_name(walk));
  struct gcn__topic* topic = gcn__cover_next(&back);
  while (topic != NULL && topic != wanted)
    topic = gcn__cover_next(&back);
  return topic == wanted;
}

static size_t check_shard(const struct gcn__planner* planner,
                          struct gcn__topics* topics, unsigned shard) {
  struct gcn__combine walk;
  size_t name_count = 0;
  size_t topic_count = gcn__topics_ask(topics, shard, 0);
  require(topic_count == planner->shards[shard].topic_count);
  gcn__combine_init(&walk, topics, shard, planner->limits.combine);
  while (gcn__combine_next(&walk)) {
    require(gcn__topic_check(gcn__combine_name(&walk)) == NULL);
    name_count++;
    for (size_t i = walk.begin; i < walk.end; i++) {
      if (!gcn__combine_covers(&walk, i)) continue;
      require(leads_to(&walk, &topics->items[i]));
      require(topics->items[i].answered++ == 0);
      topic_count--;
    }
  }
  require(topic_count == 0);
  require(name_count <= planner->shards[shard].name_count);
  return name_count;
}

static void answer(const struct gcn__topics* topics, unsigned shard,
                   struct gcn__span text) {
  while (text.size > 0) {
    struct gcn__span name = take_line(&text);
    struct gcn__cover walk;
    gcn__cover_init(&walk, topics, shard, name);
    struct gcn__topic* topic = gcn__cover_next(&walk);
    for (; topic != NULL; topic = gcn__cover_next(&walk)) {
      require(topic->shard == shard);
      bool combined = gcn__cover_is_combined(name);
      if (!combined) require(gcn__span_iis(name, topic->name));
    }
  }
}

static void run(struct gcn__span text, bool combine) {
  struct gcn__topics topics;
  struct gcn__planner planner;
  const struct gcn__planner_limits limits = {.names_target = 20,
                                             .names_max = 25,
                                             .shard_count_max = 3,
                                             .combine = combine};
  gcn__topics_init(&topics, &gcn__mem_libc, TOPICS_MAX);
  gcn__planner_init(&planner, &gcn__mem_libc, &limits);
  subscribe(&planner, &topics, &text);
  size_t name_count = 0;
  for (unsigned shard = 0; shard < limits.shard_count_max; shard++) {
    name_count += check_shard(&planner, &topics, shard);
    answer(&topics, shard, text);
  }
  require(name_count <= topics.count);
  if (!combine) require(name_count == topics.count);
  gcn__planner_deinit(&planner);
  gcn__topics_deinit(&topics);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run(gcn__span(data, size), true);
  run(gcn__span(data, size), false);
  return 0;
}
