/* SPDX-License-Identifier: MIT */
/*
 * The options of delivery and of the checkpoint.
 *
 * Much of them holds only together with others; what would be without effect is
 * refused if somebody could rely on it.
 */
#include "base/err.h"
#include "client/options-parts.h"
#include "codec/checkpoint.h"

enum {
  KEY_COUNT_MIN = 8192,
  BATCH_COUNT = 64,
  BATCH_COUNT_MAX = 10000,
  BATCH_SIZE = 1024 * 1024,
  BATCH_SIZE_MIN = 1024,
  BATCH_SIZE_MAX = 16 * 1024 * 1024,
  WINDOW_COUNT = 8192,
  WINDOW_COUNT_MAX = 1000000,
  WINDOW_SIZE = 16 * 1024 * 1024,
  WINDOW_SIZE_MIN = 64 * 1024,
  WINDOW_SIZE_MAX = 1024 * 1024 * 1024,
  FULL_MS = 10000,
  CHECKPOINT_MS = 20,
};

/* What a number may be, and what 0 stands for. */
struct range {
  const char* name;
  uint64_t value;
  uint64_t usual;
  uint64_t value_min;
  uint64_t value_max;
};

static int take(const struct range* range, size_t* out, char* why) {
  uint64_t value = range->value == 0 ? range->usual : range->value;
  if (value < range->value_min || value > range->value_max) {
    return gcn__config_refuse(why, "%s is not between %llu and %llu",
                              range->name, (unsigned long long)range->value_min,
                              (unsigned long long)range->value_max);
  }
  *out = (size_t)value;
  return 0;
}

static int take_ranges(struct gcn__config* config, char* why) {
  const gcn_options_t* options = &config->options;
  const struct {
    struct range range;
    size_t* out;
  } rows[] = {
      {{"batch_count_max", options->batch_count_max, BATCH_COUNT, 1,
        BATCH_COUNT_MAX},
       &config->batch_count_max},
      {{"batch_size_max", options->batch_size_max, BATCH_SIZE, BATCH_SIZE_MIN,
        BATCH_SIZE_MAX},
       &config->batch_size_max},
      {{"window_count", options->window_count, WINDOW_COUNT, 1,
        WINDOW_COUNT_MAX},
       &config->window.count_max},
      {{"window_size", options->window_size, WINDOW_SIZE, WINDOW_SIZE_MIN,
        WINDOW_SIZE_MAX},
       &config->window.size_max},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int error = take(&rows[i].range, rows[i].out, why);
    if (error != 0) return error;
  }
  return 0;
}

static int take_waits(struct gcn__config* config, char* why) {
  const gcn_options_t* options = &config->options;
  const char* name = NULL;
  if (options->full_ms > GCN__DURATION_MAX_MS) name = "full_ms";
  if (options->checkpoint_ms > GCN__DURATION_MAX_MS) name = "checkpoint_ms";
  if (name != NULL) {
    return gcn__config_refuse(why, "%s is over a year; it is in milliseconds",
                              name);
  }
  config->full_ms = options->full_ms == 0 ? FULL_MS : options->full_ms;
  config->checkpoint_ms =
      options->checkpoint_ms == 0 ? CHECKPOINT_MS : options->checkpoint_ms;
  return 0;
}

static int take_store(struct gcn__config* config, char* why) {
  const gcn_store_t* store = config->options.store;
  if (store == NULL) return 0;
  if (store->size < sizeof store->size) {
    return gcn__config_refuse(
        why, "store: size is not set; it is sizeof(gcn_store_t)");
  }
  int error = gcn__config_take(&config->store, sizeof config->store, store,
                               "store", why);
  if (error != 0) return error;
  if (config->store.load != NULL && config->store.save != NULL) return 0;
  return gcn__config_refuse(
      why, "store: %s is missing; a store has to load and to save",
      config->store.load == NULL ? "load" : "save");
}

/* NULL if at most one is named. */
static const char* second_store(const gcn_options_t* options) {
  if (options->checkpoint_path != NULL && options->checkpoint_sqlite != NULL) {
    return "checkpoint_sqlite is set beside checkpoint_path";
  }
  if (options->store == NULL) return NULL;
  if (options->checkpoint_path != NULL) {
    return "store is set beside checkpoint_path";
  }
  return options->checkpoint_sqlite == NULL
             ? NULL
             : "store is set beside checkpoint_sqlite";
}

static int take_checkpoint(struct gcn__config* config, char* why) {
  const gcn_options_t* options = &config->options;
  const char* path = options->checkpoint_path;
  const char* database = options->checkpoint_sqlite;
  const char* twice = second_store(options);
  if (twice != NULL) {
    return gcn__config_refuse(why, "%s; a client has one checkpoint", twice);
  }
  if (path != NULL && path[0] == '\0') {
    return gcn__config_refuse(why, "checkpoint_path is empty; name a file, or "
                                   "leave it NULL for none");
  }
  if (database != NULL && database[0] == '\0') {
    return gcn__config_refuse(why, "checkpoint_sqlite is empty; name a "
                                   "database, or leave it NULL for none");
  }
  if (options->effect_cb != NULL && database == NULL) {
    return gcn__config_refuse(why, "effect_cb is set without "
                                   "checkpoint_sqlite; it is called inside a "
                                   "transaction of that database");
  }
  config->checkpoints =
      path != NULL || database != NULL || options->store != NULL;
  return take_store(config, why);
}

static int check_choices(const gcn_options_t* options, char* why) {
  if ((unsigned)options->ack > GCN_ACK_MANUAL) {
    return gcn__config_refuse(why, "ack is not GCN_ACK_AUTO or GCN_ACK_MANUAL");
  }
  if ((unsigned)options->full > GCN_FULL_KEEP_LATEST) {
    return gcn__config_refuse(why, "full is not one of GCN_FULL_WAIT to "
                                   "GCN_FULL_KEEP_LATEST");
  }
  if (options->batch_cb == NULL || options->event_cb == NULL) return 0;
  return gcn__config_refuse(why, "batch_cb is set beside event_cb; events come "
                                 "by one of them, clear the other");
}

/* What is only for events in flight. */
static int check_window(const struct gcn__config* config, char* why) {
  const gcn_options_t* options = &config->options;
  const char* name = NULL;
  if (options->full != GCN_FULL_WAIT) name = "full";
  if (options->durable_cb != NULL) name = "durable_cb";
  if (!config->windowed && name != NULL) {
    return gcn__config_refuse(why,
                              "%s is set, but no event is ever in flight; name "
                              "a checkpoint, or set ack to GCN_ACK_MANUAL",
                              name);
  }
  if (!config->checkpoints ||
      config->window.count_max <= GCN__CHECKPOINT_HANDLED_COUNT_MAX) {
    return 0;
  }
  return gcn__config_refuse(why,
                            "window_count is above %d, which is as many as a "
                            "checkpoint can name",
                            GCN__CHECKPOINT_HANDLED_COUNT_MAX);
}

int gcn__config_delivery(struct gcn__config* config, char why[GCN__WHY_SIZE]) {
  const gcn_options_t* options = &config->options;
  int error = check_choices(options, why);
  if (error == 0) error = take_ranges(config, why);
  if (error == 0) error = take_waits(config, why);
  if (error == 0) error = take_checkpoint(config, why);
  if (error != 0) return error;
  config->windowed = config->checkpoints || options->ack == GCN_ACK_MANUAL;
  /* Positions come between batches only, however small the window is. */
  config->window.key_count_max = config->window.count_max < KEY_COUNT_MIN
                                     ? KEY_COUNT_MIN
                                     : config->window.count_max;
  config->full = options->full;
  return check_window(config, why);
}
