/* SPDX-License-Identifier: MIT */
/*
 * Events of the stream dialect as they happen, whoever listens.
 *
 * A source produces from its first subscription on, until a script deletes its
 * resource.  Who subscribes to an event without naming a resource hears of a
 * few that are made up.
 */
#include "base/err.h"
#include "sim/service-fault.h"
#include "sim/service-stream.h"

enum { BUCKETS_MIN = 64, SOURCES_MAX = 200000, MADE_UP = 4 };

static uint32_t hash_of(const char* event, const char* resource) {
  uint32_t hash = 2166136261u;
  for (; *event != '\0'; event++) {
    hash = (hash ^ (unsigned char)*event) * 16777619u;
  }
  for (; resource != NULL && *resource != '\0'; resource++) {
    hash = (hash ^ (unsigned char)*resource) * 16777619u;
  }
  return hash;
}

static bool is_source(const struct gcn__sim_source* source, const char* event,
                      const char* resource) {
  if (strcmp(source->event, event) != 0) return false;
  if (source->resource == NULL || resource == NULL) {
    return source->resource == resource;
  }
  return strcmp(source->resource, resource) == 0;
}

static struct gcn__sim_source* find(const struct gcn__sim_streams* streams,
                                    const char* event, const char* resource) {
  if (streams->bucket_count == 0) return NULL;
  uint32_t hash = hash_of(event, resource);
  struct gcn__sim_source* source =
      streams->buckets[hash & (streams->bucket_count - 1)];
  for (; source != NULL; source = source->next) {
    if (source->hash == hash && is_source(source, event, resource)) break;
  }
  return source;
}

static void put_in_bucket(struct gcn__sim_source** buckets, size_t count,
                          struct gcn__sim_source* source) {
  struct gcn__sim_source** bucket = &buckets[source->hash & (count - 1)];
  source->next = *bucket;
  *bucket = source;
}

static bool grow_buckets(struct gcn__sim* sim) {
  struct gcn__sim_streams* streams = sim->streams;
  if (streams->source_count < streams->bucket_count) return true;
  size_t count =
      streams->bucket_count == 0 ? BUCKETS_MIN : streams->bucket_count * 2;
  struct gcn__sim_source** buckets =
      gcn__alloc_zero(sim->mem, count * sizeof(struct gcn__sim_source*));
  if (buckets == NULL) return false;
  for (size_t i = 0; i < streams->source_count; i++) {
    put_in_bucket(buckets, count, streams->sources[i]);
  }
  gcn__free(sim->mem, streams->buckets,
            streams->bucket_count * sizeof(struct gcn__sim_source*));
  streams->buckets = buckets;
  streams->bucket_count = count;
  return true;
}

static bool grow_sources(struct gcn__sim* sim) {
  struct gcn__sim_streams* streams = sim->streams;
  if (streams->source_count < streams->source_capacity) return true;
  size_t capacity = streams->source_capacity == 0
                        ? BUCKETS_MIN
                        : streams->source_capacity * 2;
  void* sources =
      gcn__resize(sim->mem, streams->sources,
                  streams->source_capacity * sizeof(struct gcn__sim_source*),
                  capacity * sizeof(struct gcn__sim_source*));
  if (sources == NULL) return false;
  streams->sources = sources;
  streams->source_capacity = capacity;
  return true;
}

static struct gcn__sim_source* make(struct gcn__sim* sim, const char* event,
                                    const char* resource) {
  size_t event_size = strlen(event) + 1;
  size_t resource_size = resource == NULL ? 0 : strlen(resource) + 1;
  size_t size = sizeof(struct gcn__sim_source) + event_size + resource_size;
  struct gcn__sim_source* source = gcn__alloc_zero(sim->mem, size);
  if (source == NULL) return NULL;
  source->size = size;
  source->hash = hash_of(event, resource);
  memcpy(source->event, event, event_size);
  if (resource != NULL) {
    source->resource = source->event + event_size;
    memcpy(source->resource, resource, resource_size);
  }
  source->kind = gcn__sim_kind_of(event);
  if (source->kind == NULL) source->kind = gcn__sim_kind_other();
  return source;
}

/* Sources that are beyond the limit only lack events of their own. */
static struct gcn__sim_source* intern(struct gcn__sim* sim, const char* event,
                                      const char* resource) {
  struct gcn__sim_streams* streams = sim->streams;
  struct gcn__sim_source* source = find(streams, event, resource);
  if (source != NULL || streams->source_count == SOURCES_MAX) return source;
  if (!grow_buckets(sim) || !grow_sources(sim)) return NULL;
  source = make(sim, event, resource);
  if (source == NULL) return NULL;
  source->index = streams->source_count;
  streams->sources[streams->source_count++] = source;
  put_in_bucket(streams->buckets, streams->bucket_count, source);
  return source;
}

void gcn__sim_sources_free(struct gcn__sim* sim) {
  struct gcn__sim_streams* streams = sim->streams;
  for (size_t i = 0; i < streams->source_count; i++) {
    gcn__free(sim->mem, streams->sources[i], streams->sources[i]->size);
  }
  gcn__free(sim->mem, streams->sources,
            streams->source_capacity * sizeof(struct gcn__sim_source*));
  gcn__free(sim->mem, streams->buckets,
            streams->bucket_count * sizeof(struct gcn__sim_source*));
}

static void exchange(struct gcn__sim_streams* streams, size_t a, size_t b) {
  struct gcn__sim_source* held = streams->sources[a];
  streams->sources[a] = streams->sources[b];
  streams->sources[b] = held;
  streams->sources[a]->index = a;
  streams->sources[b]->index = b;
}

static bool is_live(const struct gcn__sim_streams* streams,
                    const struct gcn__sim_source* source) {
  return source->index < streams->live_count;
}

static void settle_source(struct gcn__sim* sim, struct gcn__sim_source* source,
                          uint64_t now_ms) {
  struct gcn__sim_streams* streams = sim->streams;
  bool wanted = source->wanted && !source->deleted;
  if (wanted == is_live(streams, source)) return;
  if (!wanted) {
    exchange(streams, source->index, --streams->live_count);
    return;
  }
  if (sim->live_count + streams->live_count == 0) {
    gcn__sim_events_start(sim, now_ms);
  }
  exchange(streams, source->index, streams->live_count++);
}

static bool is_deleted(const struct gcn__sim* sim,
                       const struct gcn__sim_source* source) {
  struct gcn__list* at = sim->streams->lacks.next;
  for (; at != &sim->streams->lacks; at = at->next) {
    const struct gcn__sim_lack* lack =
        GCN__CONTAINER_OF(at, struct gcn__sim_lack, link);
    if (lack->of != GCN__SIM_LACK_RESOURCE) continue;
    if (gcn__sim_is_named(lack->pattern, source->event, source->resource)) {
      return true;
    }
  }
  return false;
}

void gcn__sim_sources_review(struct gcn__sim* sim, uint64_t now_ms) {
  struct gcn__sim_streams* streams = sim->streams;
  for (size_t i = 0; i < streams->source_count; i++) {
    streams->sources[i]->deleted = is_deleted(sim, streams->sources[i]);
  }
  /* Settling moves sources, so the list is gone through until it is still. */
  for (size_t i = 0; i < streams->source_count; i++) {
    size_t live_count = streams->live_count;
    settle_source(sim, streams->sources[i], now_ms);
    if (streams->live_count < live_count) i--;
  }
}

static bool wake(struct gcn__sim* sim, const char* event, const char* resource,
                 uint64_t now_ms) {
  struct gcn__sim_source* source = intern(sim, event, resource);
  if (source == NULL) return sim->streams->source_count == SOURCES_MAX;
  source->wanted = true;
  source->deleted = is_deleted(sim, source);
  settle_source(sim, source, now_ms);
  return true;
}

/* The source without a resource only shows that the event is wanted. */
static bool wake_some(struct gcn__sim* sim, const char* event,
                      uint64_t now_ms) {
  bool known = find(sim->streams, event, NULL) != NULL;
  if (known) return true;
  for (uint64_t i = 0; i < MADE_UP; i++) {
    char id[GCN__SIM_ID_SIZE];
    gcn__sim_uuid_of(sim->options.seed ^ hash_of(event, NULL) ^ (i << 32), id);
    if (!wake(sim, event, id, now_ms)) return false;
  }
  return intern(sim, event, NULL) != NULL ||
         sim->streams->source_count == SOURCES_MAX;
}

bool gcn__sim_sources_wake(struct gcn__sim* sim,
                           const struct gcn__sim_interests* interests,
                           uint64_t now_ms) {
  for (size_t i = 0; i < interests->count; i++) {
    const struct gcn__sim_interest* interest = &interests->all[i];
    bool woken = interest->resource == NULL
                     ? wake_some(sim, interest->event, now_ms)
                     : wake(sim, interest->event, interest->resource, now_ms);
    if (!woken) return false;
  }
  return true;
}

/* Only who wants to hear of events pays for their text. */
static void tell(struct gcn__sim* sim, const struct gcn__sim_record* record) {
  if (sim->options.hooks.event == NULL) return;
  struct gcn__sim_text* text = &sim->streams->text;
  gcn__sim_text_clear(text);
  gcn__sim_stream_write(sim, text, record);
  if (text->error != 0) return;
  gcn__sim_stream_tell(sim, record, gcn__buf_span(&text->buf), NULL);
}

static uint64_t produce(struct gcn__sim* sim, struct gcn__sim_record* record) {
  char name[GCN__SIM_INTEREST_SIZE];
  const struct gcn__sim_source* source = record->source;
  record->sequence = ++sim->sequence;
  sim->counters.events++;
  tell(sim, record);
  gcn__sim_interest_name(source->event, source->resource, name);
  bool dropped = gcn__sim_fault_drops(sim, gcn__span_str(name));
  if (dropped || !gcn__sim_history_add(&sim->streams->history, record)) {
    gcn__free(sim->mem, record->text, record->text_size);
  }
  return record->sequence;
}

static const char* pick_type(struct gcn__sim* sim,
                             const struct gcn__sim_kind* kind) {
  size_t count = 0;
  while (kind->types[count] != NULL)
    count++;
  return kind->types[gcn__rng_below(&sim->events, count)];
}

void gcn__sim_stream_happen(struct gcn__sim* sim, size_t index,
                            uint64_t now_ms) {
  const struct gcn__sim_source* source = sim->streams->sources[index];
  struct gcn__sim_record record = {.at_ms = now_ms, .source = source};
  record.type = pick_type(sim, source->kind);
  produce(sim, &record);
  gcn__sim_streams_pump(sim, now_ms);
}

/* Type and data that somebody gave. */
static bool keep_text(struct gcn__sim* sim, struct gcn__sim_record* record,
                      const char* type, struct gcn__span data) {
  if (type == NULL && data.size == 0) return true;
  size_t type_size = strlen(type == NULL ? "" : type) + 1;
  record->text_size = type_size + data.size;
  record->text = gcn__alloc(sim->mem, record->text_size);
  if (record->text == NULL) return false;
  memcpy(record->text, type == NULL ? "" : type, type_size);
  if (data.size > 0) memcpy(record->text + type_size, data.data, data.size);
  if (type != NULL) record->type = record->text;
  return true;
}

uint64_t gcn__sim_stream_emit(struct gcn__sim* sim, const char* event,
                              const char* resource, const char* type,
                              struct gcn__span data, uint64_t now_ms) {
  const struct gcn__sim_streams* streams = sim->streams;
  bool wanted = find(streams, event, resource) != NULL ||
                find(streams, event, NULL) != NULL;
  const struct gcn__sim_source* source =
      wanted ? intern(sim, event, resource) : NULL;
  if (source == NULL) return 0;
  struct gcn__sim_record record = {.at_ms = now_ms, .source = source};
  record.type = pick_type(sim, source->kind);
  if (!keep_text(sim, &record, type, data)) return 0;
  uint64_t sequence = produce(sim, &record);
  gcn__sim_streams_pump(sim, now_ms);
  gcn__sim_settle(sim);
  return sequence;
}
