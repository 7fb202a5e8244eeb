/* SPDX-License-Identifier: MIT */
/*
 * The checkpointer's life, what it keeps back and whom it tells.
 *
 * Until the load has succeeded nothing is saved and nothing is dialled: what
 * could not be read must not be overwritten, and a stream that began at nothing
 * would look whole.
 */
#include "client/checkpoint-parts.h"

#include "base/err.h"
#include "client/delivery.h"
#include "client/options.h"
#include "client/store-adapter.h"
#include "codec/digest.h"
#include "loop/filestore.h"

enum { OWNER_TEXT_SIZE_MAX = 32 * 1024 };

/* Each of these would make the engine dial. */
enum {
  HELD = GCN__COMMAND_START | GCN__COMMAND_HURRY | GCN__COMMAND_CREDENTIALS,
};

static bool digest_of(struct gcn__span text,
                      unsigned char to[GCN__CHECKPOINT_DIGEST_SIZE]) {
  unsigned char digest[GCN__SHA256_SIZE];
  if (!gcn__sha256(text, digest)) return false;
  memcpy(to, digest, GCN__CHECKPOINT_DIGEST_SIZE);
  return true;
}

/* The API's path as the engine uses it. */
static struct gcn__span path_of(const struct gcn__url* url) {
  struct gcn__span path = url->target;
  while (path.size > 0 && path.data[path.size - 1] == '/')
    path.size--;
  return path;
}

/* Positions and channels of one org mean nothing to another one, nor those of
 * one dialect to the other. */
static int take_owner(struct gcn__checkpointer* checkpointer,
                      const struct gcn__config* config) {
  struct gcn__url url;
  struct gcn__buf text;
  char authority[GCN__AUTHORITY_SIZE_MAX];
  const char* id = config->options.client_id;
  if (id == NULL) id = "-";
  if (gcn__url_parse(&url, gcn__span_str(config->api_url)) != NULL) {
    return GCN_ECONFIG;
  }
  gcn__url_authority(&url, authority);
  struct gcn__span path = path_of(&url);
  gcn__buf_init(&text, &checkpointer->mem, OWNER_TEXT_SIZE_MAX);
  int error = gcn__buf_printf(
      &text, "%s\n%s\n", config->stream ? "stream" : "channels", authority);
  if (error == 0) error = gcn__buf_append(&text, path.data, path.size);
  if (error == 0) error = gcn__buf_printf(&text, "\n%s", id);
  bool digested = error == 0 &&
                  digest_of(gcn__buf_span(&text), checkpointer->owner) &&
                  digest_of(gcn__span_str(id), checkpointer->identity);
  gcn__buf_deinit(&text);
  return digested ? 0 : UV_ENOMEM;
}

static int make_store(struct gcn__checkpointer* checkpointer, uv_loop_t* loop,
                      const struct gcn__config* config) {
  const gcn_options_t* options = &config->options;
  const struct gcn__mem* mem = &checkpointer->mem;
  struct gcn__store* store = &checkpointer->store;
  if (options->checkpoint_path != NULL) {
    checkpointer->kind = GCN__STORE_FILE;
    return gcn__filestore_new(loop, mem, options->checkpoint_path, store);
  }
  if (options->checkpoint_sqlite != NULL) {
    struct gcn__sqlite_effect* effect = &checkpointer->effect;
    *effect = (struct gcn__sqlite_effect){options->effect_cb, options->data};
    checkpointer->kind = GCN__STORE_SQLITE;
    return gcn__sqlitestore_new(loop, mem, options->checkpoint_sqlite,
                                effect->apply == NULL ? NULL : effect, store);
  }
  checkpointer->kind = GCN__STORE_USER;
  return gcn__store_adapter_new(mem, &config->store, store);
}

static void release(struct gcn__checkpointer* checkpointer) {
  struct gcn__mem mem = checkpointer->mem;
  gcn__checkpoint_free(checkpointer->load.read);
  gcn__save_deinit(checkpointer);
  gcn__str_free(&mem, checkpointer->name);
  gcn__wipe(checkpointer, sizeof *checkpointer);
  gcn__free(&mem, checkpointer, sizeof *checkpointer);
}

static int fill(struct gcn__checkpointer* checkpointer,
                const struct gcn_client_s* client,
                const struct gcn__config* config) {
  const gcn_options_t* options = &config->options;
  const char* name = options->checkpoint_path;
  if (name == NULL) name = options->checkpoint_sqlite;
  checkpointer->stream = config->stream;
  checkpointer->clock_ns = uv_hrtime;
  checkpointer->step_ms = config->checkpoint_ms;
  checkpointer->latency_ms = config->settings.latency_max_ms;
  if (config->stream) checkpointer->latency_ms += config->shape.latency_ms;
  gcn__save_init(checkpointer);
  checkpointer->name = gcn__str_copy(&checkpointer->mem, name);
  if (name != NULL && checkpointer->name == NULL) return UV_ENOMEM;
  int error = take_owner(checkpointer, config);
  return error != 0 ? error : make_store(checkpointer, client->loop, config);
}

int gcn__checkpointer_new(struct gcn_client_s* client,
                          const struct gcn__config* config) {
  client->checkpointer = NULL;
  if (!config->checkpoints) return 0;
  struct gcn__checkpointer* checkpointer =
      gcn__alloc_zero(&client->mem, sizeof *checkpointer);
  if (checkpointer == NULL) return UV_ENOMEM;
  checkpointer->mem = client->mem;
  int error = fill(checkpointer, client, config);
  if (error != 0) {
    release(checkpointer);
    return error;
  }
  client->checkpointer = checkpointer;
  return 0;
}

static void on_unused_ended(void* ctx) {
  release(ctx);
}

/* A store that was never used has nothing to wait for, but says so in its own
 * time.  The user's is not closed: nothing came of it. */
static void end_unused(struct gcn__checkpointer* checkpointer) {
  struct gcn__store* store = &checkpointer->store;
  if (checkpointer->kind == GCN__STORE_USER) {
    gcn__store_adapter_abandon(store);
    release(checkpointer);
  } else if (store->close == NULL) {
    release(checkpointer);
  } else {
    store->close(store->self, on_unused_ended, checkpointer);
  }
}

void gcn__checkpointer_free(struct gcn_client_s* client) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  client->checkpointer = NULL;
  if (checkpointer == NULL) return;
  if (checkpointer->ended) {
    release(checkpointer);
  } else {
    end_unused(checkpointer);
  }
}

void gcn__checkpointer_abandon(struct gcn_client_s* client) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  client->checkpointer = NULL;
  if (checkpointer == NULL) return;
  if (checkpointer->kind == GCN__STORE_USER && !checkpointer->ending) {
    gcn__store_adapter_abandon(&checkpointer->store);
  }
  release(checkpointer);
}

/* To digest thousands of names takes too long to do it for every save. */
static void note_topics(struct gcn__checkpointer* checkpointer) {
  checkpointer->save.changed = true;
  for (unsigned i = 0; i < GCN__LANE_COUNT_MAX; i++) {
    checkpointer->past[i].digested = false;
  }
}

unsigned gcn__checkpointer_filter(struct gcn_client_s* client,
                                  unsigned commands, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  const unsigned ends = GCN__COMMAND_STOP | GCN__COMMAND_CLOSE;
  if (checkpointer == NULL) return commands;
  struct gcn__load* load = &checkpointer->load;
  if (commands & GCN__COMMAND_START) load->wanted = true;
  if (commands & ends) load->wanted = false;
  if (commands & GCN__COMMAND_TOPICS) note_topics(checkpointer);
  if (load->phase == GCN__LOAD_DONE) return commands;
  load->held |= commands & HELD;
  if (!load->wanted) {
    load->held &= ~(unsigned)(GCN__COMMAND_START | GCN__COMMAND_HURRY);
  }
  const unsigned asks = GCN__COMMAND_START | GCN__COMMAND_HURRY;
  bool busy =
      load->phase == GCN__LOAD_ASKED || load->phase == GCN__LOAD_ANSWERED;
  if (commands & asks && load->wanted && !busy) gcn__load_begin(client);
  (void)now_ms;
  return commands & ~(unsigned)HELD;
}

void gcn__checkpointer_note(struct gcn_client_s* client) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  if (checkpointer == NULL || checkpointer->save.changed) return;
  checkpointer->save.changed = true;
  if (!client->pumping) gcn__client_wake(client);
}

void gcn__checkpointer_identify(struct gcn_client_s* client,
                                const char* client_id) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  if (checkpointer == NULL || client_id == NULL) return;
  unsigned char* identity = checkpointer->identity;
  /* Without memory for the digest: nobody's, so that no channel is reused. */
  if (!digest_of(gcn__span_str(client_id), identity)) {
    memset(identity, 0, sizeof checkpointer->identity);
  }
}

void gcn__checkpointer_turn(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  if (checkpointer == NULL) return;
  gcn__load_turn(client, now_ms);
  if (checkpointer->load.phase == GCN__LOAD_DONE) {
    gcn__save_turn(client, now_ms);
  }
}

uint64_t gcn__checkpointer_deadline(const struct gcn_client_s* client) {
  const struct gcn__checkpointer* checkpointer = client->checkpointer;
  if (checkpointer == NULL || client->closing) return GCN__NEVER;
  const struct gcn__load* load = &checkpointer->load;
  if (load->phase == GCN__LOAD_SHORT) return load->again_ms;
  return load->phase == GCN__LOAD_DONE ? gcn__save_due(client) : GCN__NEVER;
}

static void on_ended(void* ctx) {
  struct gcn_client_s* client = ctx;
  client->checkpointer->ended = true;
  gcn__client_wake(client);
}

static void end_store(struct gcn_client_s* client) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  const struct gcn__store* store = &checkpointer->store;
  checkpointer->ending = true;
  if (store->close == NULL) {
    checkpointer->ended = true;
  } else {
    store->close(store->self, on_ended, client);
  }
}

bool gcn__checkpointer_quit(struct gcn_client_s* client, uint64_t now_ms) {
  struct gcn__checkpointer* checkpointer = client->checkpointer;
  if (checkpointer == NULL) return true;
  struct gcn__save* save = &checkpointer->save;
  gcn__checkpointer_turn(client, now_ms);
  bool busy = checkpointer->load.phase == GCN__LOAD_ASKED || save->active;
  if (busy) return false;
  if (checkpointer->load.phase == GCN__LOAD_DONE && !save->last) {
    gcn__save_begin(client, true, now_ms);
    gcn__checkpointer_turn(client, now_ms); /* it may be answered already */
    if (save->active) return false;
  }
  if (!checkpointer->ending) end_store(client);
  return checkpointer->ended;
}

struct gcn__checkpoint_counters
gcn__checkpointer_counters(const struct gcn_client_s* client) {
  if (client->checkpointer == NULL) {
    return (struct gcn__checkpoint_counters){0, 0, 0};
  }
  return client->checkpointer->counters;
}

static void write_line(void* ctx, enum gcn__log_level level, const char* line) {
  struct gcn_client_s* client = ctx;
  gcn__logger_write(&client->logger, client->data, (gcn_log_level_t)level, line,
                    uv_now(client->loop));
}

void gcn__checkpointer_log(struct gcn_client_s* client,
                           enum gcn__log_level level, const char* event,
                           const char* text) {
  static const char own[] = "own";
  const char* name = client->checkpointer->name;
  if (client->closing) return;
  const struct gcn__log log = {.write = write_line,
                               .ctx = client,
                               .level =
                                   (enum gcn__log_level)client->logger.level};
  GCN__LOG_EVENT(&log, level, event,
                 gcn__log_text("store", name == NULL ? own : name),
                 gcn__log_text("text", text));
}

void gcn__checkpointer_tell(struct gcn_client_s* client, int error,
                            const char* text) {
  if (client->closing || client->call.checkpoint == NULL) return;
  const gcn_failure_t failure = {
      .error = error,
      .layer = GCN_LAYER_CLIENT,
      .op = GCN_OP_CHECKPOINT,
      .retry_after = -1,
      .correlation_id = "",
      .text = text,
  };
  gcn__delivery_flush(client); /* no callback overtakes an event */
  if (client->closing) return; /* by that callback */
  client->call.checkpoint(client, &failure);
}
