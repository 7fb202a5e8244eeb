/* SPDX-License-Identifier: MIT */
/*
 * The dry run fills a set and a planner of its own and throws them away.
 */
#include "core/plan.h"

#include "base/err.h"
#include "core/combine.h"

struct scratch {
  struct gcn__topics topics;
  struct gcn__planner planner;
  const char** good; /* the names that are names */
  size_t good_count;
};

static bool is_wrong(const struct scratch* scratch, const char* name) {
  if (scratch->planner.limits.cost != NULL) return name == NULL;
  return gcn__topic_check(gcn__span_str(name)) != NULL;
}

static void check_names(struct scratch* scratch, const char* const* names,
                        size_t count, struct gcn__plan_entry* entries) {
  for (size_t i = 0; i < count; i++) {
    bool wrong = is_wrong(scratch, names[i]);
    entries[i].error = wrong ? GCN__EINVAL : 0;
    entries[i].shard = 0;
    entries[i].name[0] = '\0';
    if (!wrong) scratch->good[scratch->good_count++] = names[i];
  }
}

/* Gives each topic a shard at its first mention.  Until then it is marked. */
static int place(struct scratch* scratch, const char* const* names,
                 size_t count, struct gcn__plan_entry* entries) {
  for (size_t i = 0; i < count; i++) {
    struct gcn__plan_entry* entry = &entries[i];
    if (entry->error != 0) continue;
    struct gcn__topic* topic =
        gcn__topics_find(&scratch->topics, gcn__span_str(names[i]));
    entry->error = GCN__EEXIST;
    if (!topic->marked) continue;
    topic->marked = false;
    entry->error = gcn__planner_place(&scratch->planner, topic);
    if (entry->error == GCN__ENOMEM) return GCN__ENOMEM;
    if (entry->error != 0) continue;
    entry->shard = topic->shard;
    topic->answered = i; /* nobody answers here: the way back to the entry */
    topic->asked = true;
  }
  return 0;
}

static void take_name(const struct gcn__combine* walk,
                      struct gcn__plan_entry* entries) {
  if (walk->size > GCN__TOPIC_SIZE_MAX) return;
  for (size_t i = walk->begin; i < walk->end; i++) {
    if (!gcn__combine_covers(walk, i)) continue;
    char* name = entries[walk->topics->items[i].answered].name;
    memcpy(name, walk->name, walk->size);
    name[walk->size] = '\0';
  }
}

static void name_all(const struct scratch* scratch,
                     struct gcn__plan_entry* entries, struct gcn__plan* plan) {
  const struct gcn__planner_limits* limits = &scratch->planner.limits;
  *plan = (struct gcn__plan){.shard_count = 0};
  for (unsigned shard = 0; shard < limits->shard_count_max; shard++) {
    size_t topic_count = scratch->planner.shards[shard].topic_count;
    if (topic_count == 0) continue;
    plan->shard_count++;
    plan->topic_count += topic_count;
    struct gcn__combine walk;
    gcn__combine_init(&walk, &scratch->topics, shard, limits->combine);
    while (gcn__combine_next(&walk)) {
      plan->name_count++;
      take_name(&walk, entries);
    }
  }
}

int gcn__plan_make(const struct gcn__mem* mem,
                   const struct gcn__planner_limits* limits,
                   const char* const* names, size_t count,
                   struct gcn__plan_entry* entries, struct gcn__plan* plan) {
  *plan = (struct gcn__plan){.shard_count = 0};
  if (count == 0) return 0;
  struct scratch scratch = {.good_count = 0};
  scratch.good = gcn__alloc(mem, count * sizeof *scratch.good);
  if (scratch.good == NULL) return GCN__ENOMEM;
  gcn__topics_init(&scratch.topics, mem, count);
  gcn__planner_init(&scratch.planner, mem, limits);
  check_names(&scratch, names, count, entries);
  int error =
      gcn__topics_add_many(&scratch.topics, scratch.good, scratch.good_count);
  if (error == 0) error = place(&scratch, names, count, entries);
  if (error == 0) name_all(&scratch, entries, plan);
  gcn__planner_deinit(&scratch.planner);
  gcn__topics_deinit(&scratch.topics);
  gcn__free(mem, scratch.good, count * sizeof *scratch.good);
  return error;
}
