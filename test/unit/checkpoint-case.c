/* SPDX-License-Identifier: MIT */
/*
 * The doubles stand in for the engine's and the delivery's functions of the
 * same name; the program does not link those.
 */
#include "checkpoint-case.h"

#include "loop/filestore.h"
#include "loop/system.h"

#include <stdio.h>

int64_t case_wall_ms;
uint64_t case_cost_ns;
unsigned case_digest_count;

int64_t gcn__wall_now_ms(void) {
  return case_wall_ms;
}

/* --- the engine ----------------------------------------------------------- */

static struct gcn__span copy_text(char* to, struct gcn__span from) {
  if (from.data == NULL) return from;
  assert_true(from.size < 64);
  memcpy(to, from.data, from.size);
  to[from.size] = '\0';
  return gcn__span(to, from.size);
}

int gcn__engine_restore(struct gcn__engine* engine, const unsigned char* salt,
                        const struct gcn__restored* shards, size_t count,
                        uint64_t now_ms) {
  (void)now_ms;
  engine->restores++;
  if (engine->restore_error != 0) return engine->restore_error;
  memcpy(engine->salt, salt, sizeof engine->salt);
  for (size_t i = 0; i < count; i++) {
    unsigned shard = shards[i].shard;
    assert_in_range(shard, 0, GCN__SHARD_COUNT_MAX - 1);
    assert_false(engine->given[shard]);
    struct gcn__restored* to = &engine->restored[shard];
    engine->given[shard] = true;
    *to = shards[i];
    to->position = copy_text(engine->texts[shard][0], to->position);
    to->channel_id = copy_text(engine->texts[shard][1], to->channel_id);
    to->connect_uri = copy_text(engine->texts[shard][2], to->connect_uri);
  }
  return 0;
}

const unsigned char* gcn__engine_salt(const struct gcn__engine* engine) {
  return engine->salt;
}

struct gcn__standing gcn__engine_standing(const struct gcn__engine* engine,
                                          unsigned shard) {
  return engine->standings[shard];
}

void gcn__engine_topics_digest(const struct gcn__engine* engine, unsigned shard,
                               unsigned char digest[GCN__ENGINE_SALT_SIZE]) {
  case_digest_count++;
  memcpy(digest, engine->topics[shard], GCN__ENGINE_SALT_SIZE);
}

void gcn__engine_unreadable(struct gcn__engine* engine, int error,
                            const char* text, uint64_t now_ms) {
  (void)now_ms;
  engine->unreadable++;
  engine->error = error;
  snprintf(engine->text, sizeof engine->text, "%s", text);
}

void gcn__engine_command(struct gcn__engine* engine, unsigned commands,
                         uint64_t now_ms) {
  (void)now_ms;
  engine->commands |= commands;
}

enum gcn__state gcn__engine_state(const struct gcn__engine* engine) {
  return engine->state;
}

const struct gcn__session* gcn__engine_session(const struct gcn__engine* engine,
                                               unsigned shard) {
  return engine->standings[shard].used ? &engine->sessions[shard] : NULL;
}

/* --- the delivery --------------------------------------------------------- */

struct gcn__window* gcn__delivery_window(const struct gcn_client_s* client) {
  return &client->delivery->window;
}

void gcn__delivery_acks(const struct gcn_client_s* client,
                        const uint64_t** sequences, size_t* count) {
  *sequences = client->delivery->acks;
  *count = client->delivery->ack_count;
}

void gcn__delivery_taken(struct gcn_client_s* client, size_t count) {
  struct gcn__delivery* delivery = client->delivery;
  assert_true(count <= delivery->ack_count);
  delivery->ack_count -= count;
  memmove(delivery->acks, delivery->acks + count,
          delivery->ack_count * sizeof *delivery->acks);
}

struct gcn__delivery_counters
gcn__delivery_counters(const struct gcn_client_s* client) {
  const struct gcn__delivery* delivery = client->delivery;
  return (struct gcn__delivery_counters){.in_flight = delivery->window.count +
                                                      delivery->waiting};
}

void gcn__delivery_flush(struct gcn_client_s* client) {
  client->delivery->flushes++;
}

uint64_t case_give(struct stage* stage, unsigned lane, uint64_t key) {
  struct gcn__window* window = &stage->delivery.window;
  uint64_t sequence = window->next;
  assert_int_equal(
      gcn__window_give(window, lane, 10, (struct gcn__key){{key, 1}}), 0);
  return sequence;
}

void case_ack(struct stage* stage, uint64_t sequence) {
  struct gcn__delivery* delivery = &stage->delivery;
  assert_int_equal(gcn__window_ack(&delivery->window, sequence), 0);
  delivery->acks[delivery->ack_count++] = sequence;
  gcn__checkpointer_note(&stage->client);
}

void case_mark(struct stage* stage, unsigned lane, const char* position) {
  const struct gcn__position mark = {gcn__span_str(position), false};
  assert_int_equal(gcn__window_mark(&stage->delivery.window, lane, &mark), 0);
  gcn__checkpointer_note(&stage->client);
}

/* --- the shelf ------------------------------------------------------------ */

void shelf_put(struct shelf* shelf, unsigned generation, const void* bytes,
               size_t size) {
  free(shelf->bytes[generation]);
  shelf->bytes[generation] = malloc(size + 1);
  shelf->sizes[generation] = size;
  assert_non_null(shelf->bytes[generation]);
  if (size > 0) memcpy(shelf->bytes[generation], bytes, size);
}

static void answer_load(struct shelf* shelf) {
  gcn_load_t* request = shelf->load;
  unsigned generation = shelf->load_generation;
  int error = shelf->load_errors[generation];
  shelf->load = NULL;
  if (error == 0 && shelf->bytes[generation] == NULL) error = UV_ENOENT;
  gcn_load_done(request, error, shelf->bytes[generation],
                shelf->sizes[generation]);
}

static void answer_save(struct shelf* shelf) {
  gcn_save_t* request = shelf->save;
  shelf->save = NULL;
  assert_memory_equal(shelf->copy, shelf->saved, shelf->saved_size);
  free(shelf->copy);
  if (shelf->save_error == 0) {
    free(shelf->bytes[1]);
    shelf->bytes[1] = shelf->bytes[0];
    shelf->sizes[1] = shelf->sizes[0];
    shelf->bytes[0] = NULL;
    shelf_put(shelf, 0, shelf->saved, shelf->saved_size);
  }
  gcn_save_done(request, shelf->save_error);
}

static int shelf_load(void* data, unsigned generation, gcn_load_t* request) {
  struct shelf* shelf = data;
  assert_null(shelf->load);
  shelf->loads++;
  if (shelf->refusal != 0) return shelf->refusal;
  shelf->load = request;
  shelf->load_generation = generation;
  if (!shelf->lazy) answer_load(shelf);
  return shelf->afterthought;
}

static int shelf_save(void* data, const void* bytes, size_t size,
                      const uint64_t* sequences, size_t count,
                      gcn_save_t* request) {
  struct shelf* shelf = data;
  assert_null(shelf->save); /* one at a time */
  assert_null(shelf->load);
  assert_int_equal(shelf->closes, 0);
  shelf->saves++;
  if (shelf->refusal != 0) return shelf->refusal;
  shelf->save = request;
  shelf->saved = bytes;
  shelf->saved_size = size;
  shelf->copy = malloc(size);
  assert_non_null(shelf->copy);
  memcpy(shelf->copy, bytes, size);
  assert_true(count <= CASE_SEQUENCES_MAX);
  if (count > 0) memcpy(shelf->sequences, sequences, count * sizeof *sequences);
  shelf->sequence_count = count;
  if (!shelf->lazy) answer_save(shelf);
  return 0;
}

static void shelf_close(void* data) {
  struct shelf* shelf = data;
  assert_null(shelf->load);
  assert_null(shelf->save);
  shelf->closes++;
}

void shelf_answer(struct stage* stage) {
  struct shelf* shelf = &stage->shelf;
  assert_true(shelf->load != NULL || shelf->save != NULL);
  if (shelf->load != NULL) {
    answer_load(shelf);
  } else {
    answer_save(shelf);
  }
  case_turn(stage);
}

struct gcn__checkpoint_read* shelf_read(const struct shelf* shelf,
                                        unsigned generation) {
  struct gcn__checkpoint_read* read = NULL;
  struct gcn__span text =
      gcn__span(shelf->bytes[generation], shelf->sizes[generation]);
  assert_non_null(text.data);
  assert_int_equal(gcn__checkpoint_read(text, &gcn__mem_libc, &read),
                   GCN__CHECKPOINT_GOOD);
  return read;
}

void shelf_write(struct shelf* shelf, unsigned generation,
                 const struct gcn__checkpoint* checkpoint) {
  struct gcn__buf text;
  gcn__buf_init(&text, &gcn__mem_libc, GCN__CHECKPOINT_SIZE_MAX);
  assert_int_equal(gcn__checkpoint_write(checkpoint, &text), 0);
  struct gcn__span bytes = gcn__buf_span(&text);
  shelf_put(shelf, generation, bytes.data, bytes.size);
  gcn__buf_deinit(&text);
}

struct gcn__checkpoint case_checkpoint(const struct stage* stage,
                                       const struct gcn__checkpoint_lane* lanes,
                                       size_t count) {
  struct gcn__checkpoint checkpoint = {
      .serial = 7,
      .saved_unix_ms = CASE_WALL_MS,
      .lanes = lanes,
      .lane_count = count,
  };
  memcpy(checkpoint.owner, stage->client.checkpointer->owner,
         sizeof checkpoint.owner);
  memset(checkpoint.salt, 0x5a, sizeof checkpoint.salt);
  return checkpoint;
}

/* --- the stores that need a loop ------------------------------------------ */

int gcn__filestore_new(uv_loop_t* loop, const struct gcn__mem* mem,
                       const char* path, struct gcn__store* store) {
  (void)loop;
  (void)mem;
  (void)path;
  *store = (struct gcn__store){.self = NULL};
  return 0;
}

int gcn__sqlitestore_new(uv_loop_t* loop, const struct gcn__mem* mem,
                         const char* path,
                         const struct gcn__sqlite_effect* effect,
                         struct gcn__store* store) {
  (void)effect;
  (void)gcn__filestore_new(loop, mem, path, store);
  return UV_ENOSYS;
}

/* --- the stage ------------------------------------------------------------ */

void gcn__client_wake(struct gcn_client_s* client) {
  assert_false(client->leaving);
}

static struct stage* enter(gcn_client_t* client) {
  struct stage* stage = gcn_client_data(client);
  assert_true(client->pumping); /* the user is called from the pump only */
  assert_false(client->closing);
  if (stage->closes) client->closing = true;
  return stage;
}

void* gcn_client_data(const gcn_client_t* client) {
  return client->data;
}

static void on_checkpoint(gcn_client_t* client, const gcn_failure_t* failure) {
  struct stage* stage = enter(client);
  stage->told++;
  stage->told_error = failure->error;
  assert_int_equal(failure->layer, GCN_LAYER_CLIENT);
  assert_int_equal(failure->op, GCN_OP_CHECKPOINT);
  assert_string_equal(failure->correlation_id, "");
  snprintf(stage->told_text, sizeof stage->told_text, "%s", failure->text);
}

static void on_durable(gcn_client_t* client, uint64_t sequence) {
  struct stage* stage = enter(client);
  stage->durables++;
  assert_true(sequence > stage->durable);
  stage->durable = sequence;
}

static void on_log(void* data, gcn_log_level_t level, const char* line) {
  struct stage* stage = data;
  size_t size = strlen(stage->log);
  assert_false(stage->client.closing);
  snprintf(stage->log + size, sizeof stage->log - size, "%d %s\n", (int)level,
           line);
}

void case_begin(struct stage* stage) {
  memset(stage, 0, sizeof *stage);
  case_wall_ms = CASE_WALL_MS;
  case_cost_ns = 0;
  stage->now_ms = 1000000;
  assert_int_equal(uv_loop_init(&stage->loop), 0);
  struct gcn_client_s* client = &stage->client;
  client->mem = mem_spy_mem(&stage->spy);
  client->loop = &stage->loop;
  client->data = stage;
  client->engine = &stage->engine;
  client->delivery = &stage->delivery;
  client->call.checkpoint = on_checkpoint;
  client->call.durable = on_durable;
  client->logger = (struct gcn__logger){.call = on_log, .level = GCN_LOG_DEBUG};
  const struct gcn__window_limits limits = {64, 1024 * 1024, 0};
  assert_int_equal(
      gcn__window_init(&stage->delivery.window, &gcn__mem_libc, &limits, 1), 0);
  stage->engine.standings[0].used = true;
  memset(stage->engine.topics[0], 1, GCN__ENGINE_SALT_SIZE);
  memset(stage->engine.salt, 0x33, GCN__ENGINE_SALT_SIZE);
  struct gcn__config* config = &stage->config;
  config->settings.latency_max_ms = 2000;
  config->api_url = "https://api.example.test/v";
  config->options.client_id = "id";
  config->checkpoints = true;
  config->checkpoint_ms = 20;
  config->store = (gcn_store_t){.size = sizeof(gcn_store_t),
                                .data = &stage->shelf,
                                .load = shelf_load,
                                .save = shelf_save,
                                .close = shelf_close};
  config->options.store = &config->store;
}

/* It is asked before a snapshot and after it. */
static uint64_t clock_ns(void) {
  static uint64_t at_ns;
  at_ns += case_cost_ns;
  return at_ns;
}

int case_open(struct stage* stage) {
  int error = gcn__checkpointer_new(&stage->client, &stage->config);
  struct gcn__checkpointer* checkpointer = stage->client.checkpointer;
  if (checkpointer != NULL) checkpointer->clock_ns = clock_ns;
  return error;
}

void case_open_well(struct stage* stage) {
  assert_int_equal(case_open(stage), 0);
}

void case_end(struct stage* stage) {
  gcn__checkpointer_free(&stage->client);
  assert_null(stage->client.checkpointer);
  assert_int_equal(stage->spy.probe.live_size, 0);
  assert_int_equal(stage->spy.sighting_count, 0);
  gcn__window_deinit(&stage->delivery.window);
  for (int i = 0; i < GCN__STORE_GENERATIONS; i++)
    free(stage->shelf.bytes[i]);
  assert_int_equal(uv_loop_close(&stage->loop), 0);
}

void case_command(struct stage* stage, unsigned commands) {
  struct gcn_client_s* client = &stage->client;
  client->pumping = true;
  stage->engine.commands |=
      gcn__checkpointer_filter(client, commands, stage->now_ms);
  gcn__checkpointer_turn(client, stage->now_ms);
  client->pumping = false;
}

void case_turn(struct stage* stage) {
  case_command(stage, 0);
}

void case_pass(struct stage* stage, uint64_t passed_ms) {
  stage->now_ms += passed_ms;
  case_wall_ms += (int64_t)passed_ms;
  case_turn(stage);
}

void case_start(struct stage* stage) {
  case_command(stage, GCN__COMMAND_START);
  assert_true(stage->engine.commands & GCN__COMMAND_START);
  assert_int_equal(stage->engine.unreadable, 0);
}

void case_quit(struct stage* stage) {
  struct gcn_client_s* client = &stage->client;
  client->closing = true;
  client->pumping = true;
  for (int i = 0; i < 10; i++) {
    if (gcn__checkpointer_quit(client, stage->now_ms)) break;
    client->pumping = false;
    if (stage->shelf.load != NULL || stage->shelf.save != NULL) {
      shelf_answer(stage);
    }
    client->pumping = true;
  }
  assert_true(gcn__checkpointer_quit(client, stage->now_ms));
  client->pumping = false;
}
