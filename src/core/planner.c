/* SPDX-License-Identifier: MIT */
/*
 * Books of what is where: per shard two counts, and per prefix and shard the
 * sizes from which the number of combined names follows.
 */
#include "core/planner.h"

#include "base/assert.h"
#include "base/err.h"

enum { CAPACITY_MIN = 8 };

void gcn__planner_init(struct gcn__planner* planner, const struct gcn__mem* mem,
                       const struct gcn__planner_limits* limits) {
  GCN__ASSERT(limits->names_target > 0);
  GCN__ASSERT(limits->names_target <= limits->names_max);
  GCN__ASSERT(limits->shard_count_max > 0);
  GCN__ASSERT(limits->shard_count_max <= GCN__SHARD_COUNT_MAX);
  bool budget = limits->cost != NULL;
  GCN__ASSERT(!budget || limits->cost_target > 0);
  GCN__ASSERT(!budget || limits->cost_target <= limits->cost_max);
  *planner = (struct gcn__planner){.mem = mem, .limits = *limits};
  if (budget) planner->limits.combine = false;
}

void gcn__planner_deinit(struct gcn__planner* planner) {
  gcn__free(planner->mem, planner->groups,
            planner->capacity * sizeof *planner->groups);
  planner->groups = NULL;
  planner->capacity = 0;
  planner->group_count = 0;
}

bool gcn__planner_is_live(const struct gcn__planner* planner, unsigned shard) {
  return shard == 0 || planner->shards[shard].topic_count > 0;
}

unsigned gcn__planner_live_count(const struct gcn__planner* planner) {
  unsigned count = 0;
  for (unsigned i = 0; i < planner->limits.shard_count_max; i++) {
    if (gcn__planner_is_live(planner, i)) count++;
  }
  return count;
}

/* What shards are compared by. */
static size_t fullness(const struct gcn__planner* planner, unsigned shard) {
  const struct gcn__planner_shard* books = &planner->shards[shard];
  return planner->limits.cost == NULL ? books->name_count : books->cost_size;
}

/* FNV-1a over the prefix in lower case; the last step spreads it over the low
 * bits, which choose the slot. */
static uint64_t hash_of(const struct gcn__topic* topic) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < topic->prefix_size; i++) {
    hash ^= (unsigned char)gcn__ascii_lower(topic->name[i]);
    hash *= UINT64_C(0x100000001b3);
  }
  return hash ^ (hash >> 32);
}

static bool is_combinable(const struct gcn__planner* planner,
                          const struct gcn__topic* topic) {
  return planner->limits.combine && !topic->alone &&
         topic->prefix_size < topic->name_size;
}

static size_t slot_behind(const struct gcn__planner* planner, size_t slot) {
  return (slot + 1) & (planner->capacity - 1);
}

/* The slot of the group with that key, or the free one where it would go. */
static size_t find_slot(const struct gcn__planner* planner,
                        const struct gcn__planner_group* key) {
  size_t slot = (size_t)key->hash & (planner->capacity - 1);
  while (planner->groups[slot].count > 0) {
    const struct gcn__planner_group* group = &planner->groups[slot];
    bool same = group->hash == key->hash &&
                group->prefix_size == key->prefix_size &&
                group->shard == key->shard;
    if (same) break;
    slot = slot_behind(planner, slot);
  }
  return slot;
}

static struct gcn__planner_group key_of(const struct gcn__topic* topic,
                                        unsigned shard) {
  return (struct gcn__planner_group){
      .hash = hash_of(topic),
      .prefix_size = topic->prefix_size,
      .shard = (uint8_t)shard,
  };
}

static int grow(struct gcn__planner* planner) {
  if (planner->group_count < planner->capacity / 2) return 0;
  size_t size = sizeof *planner->groups;
  struct gcn__planner old = *planner;
  size_t capacity = old.capacity == 0 ? CAPACITY_MIN : old.capacity * 2;
  void* groups = gcn__alloc_zero(planner->mem, capacity * size);
  if (groups == NULL) return GCN__ENOMEM;
  planner->groups = groups;
  planner->capacity = capacity;
  for (size_t i = 0; i < old.capacity; i++) {
    const struct gcn__planner_group* group = &old.groups[i];
    if (group->count == 0) continue;
    planner->groups[find_slot(planner, group)] = *group;
  }
  gcn__free(old.mem, old.groups, old.capacity * size);
  return 0;
}

/* Frees a slot and closes the hole that a search would stop at. */
static void erase(struct gcn__planner* planner, size_t hole) {
  size_t mask = planner->capacity - 1;
  size_t slot = slot_behind(planner, hole);
  while (planner->groups[slot].count > 0) {
    size_t home = (size_t)planner->groups[slot].hash & mask;
    if (((slot - home) & mask) >= ((slot - hole) & mask)) {
      planner->groups[hole] = planner->groups[slot];
      hole = slot;
    }
    slot = slot_behind(planner, slot);
  }
  planner->groups[hole].count = 0;
  planner->group_count--;
}

/* Into how many names `count` last segments of together `size` bytes go at
 * most, if each name takes as many as fit: any two neighbours together are
 * larger than the room in one. */
static size_t names_for(size_t count, size_t size, size_t room) {
  if (count == 0) return 0;
  if (size <= room) return 1;
  size_t names = 2 * size / room + 1;
  return names < count ? names : count;
}

static size_t segment_size(const struct gcn__topic* topic) {
  return (size_t)topic->name_size - topic->prefix_size;
}

/* How many names more the shard has with the topic than without it, if `group`
 * are its siblings there without it. */
static size_t cost_of(const struct gcn__topic* topic,
                      const struct gcn__planner_group* group) {
  size_t room = (size_t)GCN__TOPIC_SIZE_MAX - topic->prefix_size;
  size_t size = group->size + segment_size(topic);
  return names_for(group->count + (size_t)1, size, room) -
         names_for(group->count, group->size, room);
}

/* The same for the siblings that are on the shard now. */
static size_t cost_on(const struct gcn__planner* planner,
                      const struct gcn__topic* topic, unsigned shard) {
  if (planner->capacity == 0 || !is_combinable(planner, topic)) return 1;
  struct gcn__planner_group key = key_of(topic, shard);
  return cost_of(topic, &planner->groups[find_slot(planner, &key)]);
}

/* How far a shard is filled. */
struct level {
  size_t names;
  size_t cost;
};

static struct level target_of(const struct gcn__planner* planner) {
  return (struct level){planner->limits.names_target,
                        planner->limits.cost_target};
}

static struct level limit_of(const struct gcn__planner* planner) {
  return (struct level){planner->limits.names_max, planner->limits.cost_max};
}

/* On an empty shard any topic fits that may be placed at all. */
static bool is_affordable(const struct gcn__planner* planner,
                          const struct gcn__topic* topic, unsigned shard,
                          size_t cost_max) {
  if (planner->limits.cost == NULL) return true;
  const struct gcn__planner_shard* books = &planner->shards[shard];
  if (books->topic_count == 0) return true;
  return books->cost_size <= cost_max &&
         topic->cost <= cost_max - books->cost_size;
}

static bool fits(const struct gcn__planner* planner,
                 const struct gcn__topic* topic, unsigned shard,
                 struct level level) {
  size_t names = planner->shards[shard].name_count;
  return is_affordable(planner, topic, shard, level.cost) &&
         names < level.names &&
         names + cost_on(planner, topic, shard) <= level.names;
}

/* The shard where most siblings live and the topic fits; where it needs no
 * further name it always does. */
static unsigned sibling_shard(const struct gcn__planner* planner,
                              const struct gcn__topic* topic,
                              unsigned avoided) {
  if (planner->capacity == 0) return GCN__SHARD_NONE;
  struct gcn__planner_group key = key_of(topic, GCN__SHARD_NONE);
  size_t slot = (size_t)key.hash & (planner->capacity - 1);
  const struct gcn__planner_group* best = NULL;
  for (; planner->groups[slot].count > 0; slot = slot_behind(planner, slot)) {
    const struct gcn__planner_group* group = &planner->groups[slot];
    if (group->hash != key.hash || group->shard == avoided) continue;
    if (group->prefix_size != key.prefix_size) continue;
    if (best != NULL && best->count >= group->count) continue;
    size_t cost = cost_of(topic, group);
    size_t names = planner->shards[group->shard].name_count + cost;
    if (cost == 0 || names <= planner->limits.names_target) best = group;
  }
  return best == NULL ? (unsigned)GCN__SHARD_NONE : best->shard;
}

/* The fullest shard where the topic fits below `level`. */
static unsigned fullest_shard(const struct gcn__planner* planner,
                              const struct gcn__topic* topic,
                              struct level level, unsigned avoided) {
  unsigned best = GCN__SHARD_NONE;
  for (unsigned i = 0; i < planner->limits.shard_count_max; i++) {
    if (i == avoided || !gcn__planner_is_live(planner, i)) continue;
    bool fuller = best == GCN__SHARD_NONE ||
                  fullness(planner, i) > fullness(planner, best);
    if (fuller && fits(planner, topic, i, level)) best = i;
  }
  return best;
}

static unsigned new_shard(const struct gcn__planner* planner) {
  unsigned shard = 0;
  while (shard < planner->limits.shard_count_max) {
    if (!gcn__planner_is_live(planner, shard)) return shard;
    shard++;
  }
  return GCN__SHARD_NONE;
}

/* A shard that lives and stays below the target. */
static unsigned choose_live(const struct gcn__planner* planner,
                            const struct gcn__topic* topic, unsigned avoided) {
  unsigned shard = GCN__SHARD_NONE;
  if (is_combinable(planner, topic)) {
    shard = sibling_shard(planner, topic, avoided);
  }
  if (shard != GCN__SHARD_NONE) return shard;
  return fullest_shard(planner, topic, target_of(planner), avoided);
}

static unsigned choose(const struct gcn__planner* planner,
                       const struct gcn__topic* topic) {
  unsigned shard = choose_live(planner, topic, GCN__SHARD_NONE);
  if (shard == GCN__SHARD_NONE) shard = new_shard(planner);
  if (shard != GCN__SHARD_NONE) return shard;
  return fullest_shard(planner, topic, limit_of(planner), GCN__SHARD_NONE);
}

/* The group's slot, made if there is none yet; NULL if out of memory, which can
 * only be if it is one group more than ever before. */
static struct gcn__planner_group* open_group(struct gcn__planner* planner,
                                             const struct gcn__topic* topic,
                                             unsigned shard) {
  struct gcn__planner_group key = key_of(topic, shard);
  if (planner->capacity > 0) {
    size_t slot = find_slot(planner, &key);
    if (planner->groups[slot].count > 0) return &planner->groups[slot];
  }
  if (grow(planner) != 0) return NULL;
  struct gcn__planner_group* group = &planner->groups[find_slot(planner, &key)];
  *group = key;
  planner->group_count++;
  return group;
}

static int book(struct gcn__planner* planner, struct gcn__topic* topic,
                unsigned shard) {
  size_t cost = 1;
  if (is_combinable(planner, topic)) {
    struct gcn__planner_group* group = open_group(planner, topic, shard);
    if (group == NULL) return GCN__ENOMEM;
    cost = cost_of(topic, group);
    group->count++;
    group->size += segment_size(topic);
  }
  planner->shards[shard].topic_count++;
  planner->shards[shard].name_count += cost;
  planner->shards[shard].cost_size += topic->cost;
  topic->shard = (uint8_t)shard;
  return 0;
}

/* Books a topic where it was a moment ago: that needs no memory. */
static void rebook(struct gcn__planner* planner, struct gcn__topic* topic,
                   unsigned shard) {
  int error = book(planner, topic, shard);
  GCN__ASSERT(error == 0);
  (void)error;
}

static void learn_cost(const struct gcn__planner* planner,
                       struct gcn__topic* topic) {
  const struct gcn__planner_limits* limits = &planner->limits;
  if (limits->cost == NULL || topic->cost > 0) return;
  struct gcn__span name = gcn__span(topic->name, topic->name_size);
  topic->cost = limits->cost(limits->ctx, name);
}

static bool is_placeable(const struct gcn__planner* planner,
                         struct gcn__topic* topic) {
  learn_cost(planner, topic);
  if (topic->cost > planner->limits.cost_max) return false;
  return !planner->limits.combine || topic->name_size <= GCN__TOPIC_SIZE_MAX;
}

int gcn__planner_place(struct gcn__planner* planner, struct gcn__topic* topic) {
  GCN__ASSERT(topic->shard == GCN__SHARD_NONE);
  if (!is_placeable(planner, topic)) return GCN_ELIMIT;
  unsigned shard = choose(planner, topic);
  return shard == GCN__SHARD_NONE ? GCN_ELIMIT : book(planner, topic, shard);
}

void gcn__planner_unplace(struct gcn__planner* planner,
                          struct gcn__topic* topic) {
  if (topic->shard == GCN__SHARD_NONE) return;
  size_t cost = 1;
  if (is_combinable(planner, topic)) {
    struct gcn__planner_group key = key_of(topic, topic->shard);
    size_t slot = find_slot(planner, &key);
    struct gcn__planner_group* group = &planner->groups[slot];
    GCN__ASSERT(group->count > 0);
    group->count--;
    group->size -= segment_size(topic);
    cost = cost_of(topic, group);
    if (group->count == 0) erase(planner, slot);
  }
  planner->shards[topic->shard].topic_count--;
  planner->shards[topic->shard].name_count -= cost;
  planner->shards[topic->shard].cost_size -= topic->cost;
  topic->shard = GCN__SHARD_NONE;
}

int gcn__planner_single_out(struct gcn__planner* planner,
                            struct gcn__topic* topic) {
  if (!is_combinable(planner, topic)) return 0;
  unsigned shard = topic->shard;
  gcn__planner_unplace(planner, topic);
  topic->alone = true;
  if (shard == GCN__SHARD_NONE) return 0;
  bool room = planner->shards[shard].name_count < planner->limits.names_target;
  int error =
      room ? book(planner, topic, shard) : gcn__planner_place(planner, topic);
  if (error != 0) {
    topic->alone = false;
    rebook(planner, topic, shard);
  }
  if (topic->shard != shard) topic->asked = false;
  return error;
}

static struct gcn__topic* find(const struct gcn__topics* topics,
                               const char* name) {
  return gcn__topics_find(topics, gcn__span_str(name));
}

/* Gives a shard to what is marked, as far as it goes. */
static int place_marked(struct gcn__planner* planner,
                        struct gcn__topics* topics, const char* const* names,
                        size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct gcn__topic* topic = find(topics, names[i]);
    if (!topic->marked || topic->shard != GCN__SHARD_NONE) continue;
    int error = gcn__planner_place(planner, topic);
    if (error != 0) return error;
  }
  return 0;
}

static int add_one(struct gcn__planner* planner, struct gcn__topics* topics,
                   struct gcn__span name) {
  int error = gcn__topics_add(topics, name);
  if (error == GCN__EEXIST) return 0;
  if (error != 0) return error;
  error = gcn__planner_place(planner, gcn__topics_find(topics, name));
  if (error != 0) (void)gcn__topics_remove(topics, name);
  return error;
}

int gcn__planner_add(struct gcn__planner* planner, struct gcn__topics* topics,
                     const char* const* names, size_t count) {
  if (count == 1) return add_one(planner, topics, gcn__span_str(names[0]));
  int error = gcn__topics_add_many(topics, names, count);
  if (error != 0) return error;
  error = place_marked(planner, topics, names, count);
  for (size_t i = 0; i < count; i++) {
    struct gcn__topic* topic = find(topics, names[i]);
    if (!topic->marked) continue;
    if (error == 0) topic->marked = false;
    if (error != 0) gcn__planner_unplace(planner, topic);
  }
  if (error != 0) (void)gcn__topics_sweep(topics);
  return error;
}

size_t gcn__planner_remove(struct gcn__planner* planner,
                           struct gcn__topics* topics, const char* const* names,
                           size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct gcn__topic* topic = find(topics, names[i]);
    if (topic == NULL) continue;
    gcn__planner_unplace(planner, topic);
    if (count == 1) {
      (void)gcn__topics_remove(topics, gcn__span_str(names[i]));
      return 1;
    }
    topic->marked = true;
  }
  return count == 1 ? 0 : gcn__topics_sweep(topics);
}

/* The live shard, but 0, that is cheapest to give up. */
static unsigned emptiest_shard(const struct gcn__planner* planner) {
  unsigned best = GCN__SHARD_NONE;
  for (unsigned i = 1; i < planner->limits.shard_count_max; i++) {
    if (!gcn__planner_is_live(planner, i)) continue;
    bool emptier = best == GCN__SHARD_NONE ||
                   fullness(planner, i) < fullness(planner, best);
    if (emptier) best = i;
  }
  return best;
}

static bool move_away(struct gcn__planner* planner, struct gcn__topic* topic,
                      struct gcn__planner_move* move) {
  move->from = topic->shard;
  move->to = choose_live(planner, topic, move->from);
  if (move->to == GCN__SHARD_NONE) return false;
  gcn__planner_unplace(planner, topic);
  if (book(planner, topic, move->to) == 0) return true;
  rebook(planner, topic, move->from);
  return false;
}

static void take_back(struct gcn__planner* planner, struct gcn__topics* topics,
                      const struct gcn__planner_move* moves, size_t count) {
  for (size_t i = count; i > 0; i--) {
    struct gcn__topic* topic = &topics->items[moves[i - 1].index];
    gcn__planner_unplace(planner, topic);
    rebook(planner, topic, moves[i - 1].from);
  }
}

size_t gcn__planner_compact(struct gcn__planner* planner,
                            struct gcn__topics* topics,
                            struct gcn__planner_move* moves, size_t move_max) {
  unsigned shard = emptiest_shard(planner);
  if (shard == GCN__SHARD_NONE) return 0;
  if (planner->shards[shard].topic_count > move_max) return 0;
  size_t count = 0;
  for (size_t i = 0; i < topics->count; i++) {
    if (topics->items[i].shard != shard) continue;
    moves[count].index = i;
    if (!move_away(planner, &topics->items[i], &moves[count])) {
      take_back(planner, topics, moves, count);
      return 0;
    }
    count++;
  }
  for (size_t i = 0; i < count; i++) {
    topics->items[moves[i].index].asked = false;
  }
  return count;
}
