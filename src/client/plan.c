/* SPDX-License-Identifier: MIT */
/*
 * gcn_plan: the planner's dry run with public records.
 */
#include "core/plan.h"

#include "base/err.h"
#include "client/options-parts.h"
#include "gcnotify.h"

#include <string.h>
#include <uv.h>

static int take_options(const gcn_options_t* from, gcn_options_t* options) {
  gcn_options_init(options);
  if (from == NULL) return 0;
  if (from->size < sizeof from->size) return UV_EINVAL;
  size_t size = from->size < sizeof *options ? from->size : sizeof *options;
  memcpy(options, from, size);
  bool good = options->connection_count_max <= GCN_CONNECTION_COUNT_MAX &&
              options->connection_names_max <= GCN_CONNECTION_NAMES_MAX &&
              (unsigned)options->dialect <= GCN_DIALECT_STREAM;
  return good ? 0 : UV_EINVAL;
}

static size_t cost_of(void* ctx, struct gcn__span name) {
  return gcn__stream_cost(ctx, name);
}

/* `shape` NULL: the channels dialect. */
static struct gcn__planner_limits limits_of(const gcn_options_t* options,
                                            struct gcn__shape* shape) {
  struct gcn__planner_limits limits = GCN__PLANNER_LIMITS_DEFAULT;
  uint64_t names = options->connection_names_max;
  if (options->connection_count_max != 0) {
    limits.shard_count_max = (unsigned)options->connection_count_max;
  }
  if (names != 0) {
    limits.names_max = (size_t)names;
    limits.names_target = (size_t)(names < 20 ? names : names - names / 20);
  }
  limits.combine = options->no_combining == 0 && shape == NULL;
  if (shape == NULL) return limits;
  limits.cost = cost_of;
  limits.ctx = shape;
  limits.cost_max = gcn__stream_room(shape);
  limits.cost_target = limits.cost_max;
  return limits;
}

static int public_error(int error) {
  if (error == GCN__EINVAL) return UV_EINVAL;
  return error == GCN__EEXIST ? UV_EEXIST : error;
}

static void tell(const struct gcn__plan_entry* from, gcn_plan_entry_t* to,
                 size_t count) {
  for (size_t i = 0; i < count; i++) {
    to[i].error = public_error(from[i].error);
    to[i].connection_index = from[i].error == 0 ? from[i].shard : 0;
    memcpy(to[i].name, from[i].name, sizeof to[i].name);
  }
}

/* Subscriptions are checked here: the core knows topics of channels only. */
static int make_stream(const struct gcn__mem* mem,
                       const struct gcn__planner_limits* limits,
                       const char* const* topics, size_t count,
                       struct gcn__plan_entry* entries,
                       struct gcn__plan* plan) {
  size_t size = (count + 1) * sizeof topics[0];
  const char** good = gcn__alloc_zero(mem, size);
  if (good == NULL) return GCN__ENOMEM;
  for (size_t i = 0; i < count; i++) {
    struct gcn__span name = gcn__span_str(topics[i]);
    if (gcn__client_topic_check(true, name) == NULL) good[i] = topics[i];
  }
  int error = gcn__plan_make(mem, limits, good, count, entries, plan);
  gcn__free(mem, good, size);
  return error;
}

static int make(const gcn_options_t* options, const struct gcn__mem* mem,
                const char* const* topics, size_t count,
                struct gcn__plan_entry* plans, struct gcn__plan* plan) {
  char why[GCN__WHY_SIZE];
  struct gcn__shape shape;
  bool stream = options->dialect == GCN_DIALECT_STREAM;
  if (stream && gcn__config_take_stream(options->stream, &shape, why) != 0) {
    return GCN__EINVAL;
  }
  const struct gcn__planner_limits limits =
      limits_of(options, stream ? &shape : NULL);
  return stream ? make_stream(mem, &limits, topics, count, plans, plan)
                : gcn__plan_make(mem, &limits, topics, count, plans, plan);
}

int gcn_plan(const gcn_options_t* from, const char* const* topics, size_t count,
             gcn_plan_entry_t* entries, gcn_plan_t* out) {
  gcn_options_t options;
  struct gcn__mem mem = gcn__mem_libc;
  struct gcn__plan plan;
  if (out == NULL || (topics == NULL && count > 0)) return UV_EINVAL;
  int error = take_options(from, &options);
  if (error != 0) return error;
  if (count > GCN_TOPIC_COUNT_MAX) return UV_EINVAL;
  if (options.alloc_cb != NULL) {
    mem = (struct gcn__mem){.resize = options.alloc_cb,
                            .ctx = options.alloc_data};
  }
  size_t size = (count + 1) * sizeof(struct gcn__plan_entry);
  struct gcn__plan_entry* plans = gcn__alloc_zero(&mem, size);
  if (plans == NULL) return UV_ENOMEM;
  error = make(&options, &mem, topics, count, plans, &plan);
  if (error == 0 && entries != NULL) tell(plans, entries, count);
  if (error == 0) {
    *out = (gcn_plan_t){.connections = plan.shard_count,
                        .topics = plan.topic_count,
                        .names = plan.name_count};
  }
  gcn__free(&mem, plans, size);
  if (error == 0) return 0;
  return error == GCN__EINVAL ? UV_EINVAL : UV_ENOMEM;
}
