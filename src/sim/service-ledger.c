/* SPDX-License-Identifier: MIT */
/*
 * The ledger: arrivals, waits that answers asked for, and client instances.
 *
 * Losing a record to lack of memory is counted and changes no answer.  A wait
 * is forgotten once it can no longer be broken.
 */
#include "sim/ledger.h"
#include "sim/service-fault.h"
#include "sim/service-state.h"

#include <stdio.h>

enum { SECOND_MS = 1000, ROOM_MIN = 16 };

/* The latest arrivals, a ring once it is as large as it may be. */
struct track {
  struct gcn__sim_arrival* ring;
  size_t capacity;
  uint64_t written; /* in all; the last `capacity` of them are there */
  uint64_t second;  /* the first of the latest second */
  struct gcn__sim_visits visits;
};

/* Nobody of this instance may call the route before `until_ms`. */
struct wait {
  enum gcn__sim_endpoint endpoint;
  const char* route;
  size_t instance;
  uint64_t until_ms;
  uint64_t resumed_ms; /* GCN__NEVER: nobody has come since */
};

struct gcn__sim_ledger {
  const struct gcn__mem* mem;
  struct track tracks[GCN__SIM_ENDPOINTS];
  struct wait* waits;
  size_t wait_count;
  size_t wait_capacity;
  struct gcn__sim_instance* instances;
  size_t instance_count;
  size_t instance_capacity;
};

static const char* const words[GCN__SIM_ENDPOINTS] = {
#define WORD_ROW(name, word) [GCN__SIM_AT_##name] = word,
    GCN__SIM_ENDPOINT_MAP(WORD_ROW)
#undef WORD_ROW
};

const char* gcn__sim_endpoint_word(enum gcn__sim_endpoint endpoint) {
  return words[endpoint];
}

/* Makes room for one more in a growing array; false if memory is short. */
static bool make_room(const struct gcn__mem* mem, void** items, size_t size,
                      size_t count, size_t* capacity) {
  if (count < *capacity) return true;
  size_t wanted = *capacity == 0 ? ROOM_MIN : *capacity * 2;
  void* grown = gcn__resize(mem, *items, *capacity * size, wanted * size);
  if (grown == NULL) return false;
  *items = grown;
  *capacity = wanted;
  return true;
}

struct gcn__sim_ledger* gcn__sim_ledger_new(const struct gcn__mem* mem) {
  struct gcn__sim_ledger* ledger = gcn__alloc_zero(mem, sizeof(*ledger));
  if (ledger == NULL) return NULL;
  ledger->mem = mem;
  ledger->instances =
      gcn__alloc_zero(mem, ROOM_MIN * sizeof(*ledger->instances));
  if (ledger->instances == NULL) {
    gcn__free(mem, ledger, sizeof(*ledger));
    return NULL;
  }
  ledger->instance_capacity = ROOM_MIN;
  ledger->instance_count = 1; /* everybody without a name */
  return ledger;
}

void gcn__sim_ledger_free(struct gcn__sim_ledger* ledger) {
  if (ledger == NULL) return;
  const struct gcn__mem* mem = ledger->mem;
  for (size_t i = 0; i < GCN__SIM_ENDPOINTS; i++) {
    struct track* track = &ledger->tracks[i];
    gcn__free(mem, track->ring, track->capacity * sizeof(*track->ring));
  }
  gcn__free(mem, ledger->waits, ledger->wait_capacity * sizeof(*ledger->waits));
  gcn__free(mem, ledger->instances,
            ledger->instance_capacity * sizeof(*ledger->instances));
  gcn__free(mem, ledger, sizeof(*ledger));
}

/* A name with only visible ASCII bytes, cut to its size. */
static void clean_name(struct gcn__span name,
                       char out[GCN__SIM_INSTANCE_SIZE]) {
  size_t size = name.size;
  if (size >= GCN__SIM_INSTANCE_SIZE) size = GCN__SIM_INSTANCE_SIZE - 1;
  for (size_t i = 0; i < size; i++) {
    char c = name.data[i];
    out[i] = c >= ' ' && c <= '~' ? c : '?';
  }
  out[size] = '\0';
}

size_t gcn__sim_ledger_instance(struct gcn__sim* sim, struct gcn__span name) {
  struct gcn__sim_ledger* ledger = sim->ledger;
  char clean[GCN__SIM_INSTANCE_SIZE];
  clean_name(name, clean);
  for (size_t i = 0; i < ledger->instance_count; i++) {
    if (strcmp(ledger->instances[i].name, clean) == 0) return i;
  }
  if (ledger->instance_count == GCN__SIM_INSTANCES_MAX) return 0;
  void* instances = ledger->instances;
  bool roomy = make_room(ledger->mem, &instances, sizeof(*ledger->instances),
                         ledger->instance_count, &ledger->instance_capacity);
  ledger->instances = instances;
  if (!roomy) return 0;
  struct gcn__sim_instance* made = &ledger->instances[ledger->instance_count];
  *made = (struct gcn__sim_instance){.name = ""};
  memcpy(made->name, clean, sizeof(clean));
  return ledger->instance_count++;
}

void gcn__sim_ledger_channel(struct gcn__sim* sim, size_t instance) {
  sim->ledger->instances[instance].channels++;
}

void gcn__sim_ledger_evicted(struct gcn__sim* sim, size_t owner, size_t taker) {
  sim->ledger->instances[owner].evicted++;
  sim->ledger->instances[taker].evictions++;
}

static uint64_t oldest_of(const struct track* track) {
  uint64_t kept = track->capacity;
  return track->written > kept ? track->written - kept : 0;
}

static struct gcn__sim_arrival* slot_of(const struct track* track, uint64_t i) {
  return &track->ring[i % track->capacity];
}

/* The ring grows only while it has not wrapped, so that its order holds. */
static bool make_slot(struct gcn__sim_ledger* ledger, struct track* track) {
  if (track->capacity == GCN__SIM_ARRIVALS_MAX) return true;
  void* ring = track->ring;
  bool roomy = make_room(ledger->mem, &ring, sizeof(*track->ring),
                         (size_t)track->written, &track->capacity);
  track->ring = ring;
  return roomy;
}

static void count_second(struct track* track, uint64_t now_ms) {
  uint64_t oldest = oldest_of(track);
  if (track->second < oldest) track->second = oldest;
  while (slot_of(track, track->second)->at_ms + SECOND_MS <= now_ms)
    track->second++;
  uint64_t count = track->written - track->second;
  if (count > track->visits.per_s_max) track->visits.per_s_max = count;
}

static void count_gap(struct gcn__sim_visits* visits, uint64_t now_ms) {
  if (visits->count++ == 0) {
    visits->first_ms = now_ms;
  } else {
    uint64_t gap_ms = now_ms - visits->last_ms;
    bool first = visits->count == 2;
    if (first || gap_ms < visits->gap_min_ms) visits->gap_min_ms = gap_ms;
    if (gap_ms > visits->gap_max_ms) visits->gap_max_ms = gap_ms;
  }
  visits->last_ms = now_ms;
}

static void arrive(struct gcn__sim* sim, enum gcn__sim_endpoint endpoint,
                   const struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct track* track = &sim->ledger->tracks[endpoint];
  count_gap(&track->visits, now_ms);
  if (!make_slot(sim->ledger, track)) {
    track->visits.forgotten++;
    return;
  }
  if (track->written >= track->capacity) track->visits.forgotten++;
  *slot_of(track, track->written++) = (struct gcn__sim_arrival){
      .at_ms = now_ms, .connection = conn->serial, .instance = conn->instance};
  count_second(track, now_ms);
}

/* Several hosts are dialled for one attempt, at the same time or nearly. */
bool gcn__sim_ledger_accept(struct gcn__sim_conn* conn, uint64_t now_ms) {
  struct gcn__sim* sim = conn->sim;
  arrive(sim, GCN__SIM_AT_ACCEPT, conn, now_ms);
  struct track* attempts = &sim->ledger->tracks[GCN__SIM_AT_ATTEMPT];
  uint64_t ends_ms =
      gcn__time_add(attempts->visits.last_ms, sim->options.attempt_ms);
  if (attempts->visits.count > 0 && now_ms < ends_ms) return false;
  arrive(sim, GCN__SIM_AT_ATTEMPT, conn, now_ms);
  return true;
}

static enum gcn__sim_endpoint endpoint_of(const struct gcn__sim_call* call) {
  bool looks =
      gcn__span_is(call->method, "GET") || gcn__span_is(call->method, "HEAD");
  switch (call->resource) {
  case GCN__SIM_RESOURCE_TOKEN: return GCN__SIM_AT_TOKEN;
  case GCN__SIM_RESOURCE_SOCKET: return GCN__SIM_AT_UPGRADE;
  case GCN__SIM_RESOURCE_CHANNELS:
    return looks ? GCN__SIM_AT_AUDIT : GCN__SIM_AT_CHANNEL;
  case GCN__SIM_RESOURCE_CHANNEL: return GCN__SIM_AT_AUDIT;
  case GCN__SIM_RESOURCE_SUBSCRIPTIONS:
    return looks ? GCN__SIM_AT_AUDIT : GCN__SIM_AT_TOPICS;
  case GCN__SIM_RESOURCE_OTHER: break;
  }
  return GCN__SIM_AT_OTHER;
}

static struct wait* find_wait(struct gcn__sim_ledger* ledger,
                              const struct gcn__sim_call* call,
                              enum gcn__sim_endpoint endpoint) {
  for (size_t i = 0; i < ledger->wait_count; i++) {
    struct wait* wait = &ledger->waits[i];
    if (wait->endpoint != endpoint) continue;
    if (wait->instance != call->conn->instance) continue;
    if (strcmp(wait->route, call->route) == 0) return wait;
  }
  return NULL;
}

static void forget_wait(struct gcn__sim_ledger* ledger, struct wait* wait) {
  *wait = ledger->waits[--ledger->wait_count];
}

static void judge_early(struct gcn__sim_call* call, const struct wait* wait,
                        struct gcn__sim_visits* visits) {
  uint64_t early_ms = wait->until_ms - call->now_ms;
  visits->early++;
  if (early_ms > visits->early_max_ms) visits->early_max_ms = early_ms;
  gcn__sim_judge_early(call, early_ms);
}

/* Somebody comes after a wait: the first is welcome, who comes right behind
 * has not waited for the first one's answer. */
static void judge_resumed(struct gcn__sim_call* call, struct wait* wait,
                          struct gcn__sim_visits* visits) {
  struct gcn__sim* sim = call->sim;
  if (wait->resumed_ms == GCN__NEVER) {
    uint64_t late_ms = call->now_ms - wait->until_ms;
    wait->resumed_ms = call->now_ms;
    visits->resumed++;
    if (late_ms > visits->resume_max_ms) visits->resume_max_ms = late_ms;
    return;
  }
  uint64_t ends_ms = gcn__time_add(wait->resumed_ms, sim->options.crowd_ms);
  if (call->now_ms >= ends_ms) {
    forget_wait(sim->ledger, wait);
    return;
  }
  visits->crowded++;
  gcn__sim_judge_crowded(call);
}

static void count_kind(struct gcn__sim_call* call,
                       enum gcn__sim_endpoint endpoint) {
  struct gcn__sim* sim = call->sim;
  switch (endpoint) {
  case GCN__SIM_AT_TOPICS:
    gcn__sim_fault_count(sim, GCN__COUNT_TOPICS, NULL, call->now_ms);
    return;
  case GCN__SIM_AT_AUDIT:
    gcn__sim_fault_count(sim, GCN__COUNT_AUDIT, NULL, call->now_ms);
    return;
  case GCN__SIM_AT_UPGRADE:
    gcn__sim_fault_count(sim, GCN__COUNT_UPGRADE, NULL, call->now_ms);
    return;
  default: return;
  }
}

void gcn__sim_ledger_request(struct gcn__sim_call* call) {
  struct gcn__sim_ledger* ledger = call->sim->ledger;
  enum gcn__sim_endpoint endpoint = endpoint_of(call);
  struct gcn__sim_visits* visits = &ledger->tracks[endpoint].visits;
  ledger->instances[call->conn->instance].requests++;
  arrive(call->sim, endpoint, call->conn, call->now_ms);
  struct wait* wait = find_wait(ledger, call, endpoint);
  if (wait != NULL && call->now_ms < wait->until_ms) {
    judge_early(call, wait, visits);
  } else if (wait != NULL) {
    judge_resumed(call, wait, visits);
  }
  count_kind(call, endpoint);
}

void gcn__sim_ledger_retry_after(const struct gcn__sim_call* call) {
  struct gcn__sim_ledger* ledger = call->sim->ledger;
  enum gcn__sim_endpoint endpoint = endpoint_of(call);
  ledger->tracks[endpoint].visits.limited++;
  struct wait* wait = find_wait(ledger, call, endpoint);
  if (wait == NULL) {
    void* waits = ledger->waits;
    bool roomy = make_room(ledger->mem, &waits, sizeof(*ledger->waits),
                           ledger->wait_count, &ledger->wait_capacity);
    ledger->waits = waits;
    if (!roomy) return;
    wait = &ledger->waits[ledger->wait_count++];
  }
  *wait = (struct wait){
      .endpoint = endpoint,
      .route = call->route,
      .instance = call->conn->instance,
      .until_ms = gcn__time_add(call->now_ms, call->wait_ms),
      .resumed_ms = GCN__NEVER,
  };
}

void gcn__sim_visits(const struct gcn__sim* sim,
                     enum gcn__sim_endpoint endpoint,
                     struct gcn__sim_visits* visits) {
  *visits = sim->ledger->tracks[endpoint].visits;
}

size_t gcn__sim_arrivals(const struct gcn__sim* sim,
                         enum gcn__sim_endpoint endpoint,
                         struct gcn__sim_arrival* arrivals, size_t count) {
  const struct track* track = &sim->ledger->tracks[endpoint];
  uint64_t from = oldest_of(track);
  if (track->written - from > count) from = track->written - count;
  size_t copied = 0;
  for (uint64_t i = from; i < track->written; i++) {
    arrivals[copied++] = *slot_of(track, i);
  }
  return copied;
}

size_t gcn__sim_instances(const struct gcn__sim* sim) {
  return sim->ledger->instance_count;
}

void gcn__sim_instance(const struct gcn__sim* sim, size_t index,
                       struct gcn__sim_instance* instance) {
  *instance = sim->ledger->instances[index];
}
