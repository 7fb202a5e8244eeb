/* SPDX-License-Identifier: MIT */
/*
 * How a client comes and goes.
 *
 * Everything that can fail happens before anything is put on the loop, so a
 * failed gcn_client_new leaves nothing there.  The way out is one: the engine
 * reaches CLOSED, the handles are closed, and the last one to leave the loop
 * ends the client.
 */
#include "base/assert.h"
#include "base/err.h"
#include "client/checkpoint.h"
#include "client/delivery.h"
#include "client/options.h"
#include "client/pump.h"
#include "loop/system.h"

#include <stdio.h>

enum { DNS_MS = 5000 };

/* Newer than compiled against is fine within a major version. */
static bool uv_fits(unsigned version) {
  return version >> 16 == UV_VERSION_MAJOR && version >= UV_VERSION_HEX;
}

static void log_line(void* ctx, enum gcn__log_level level, const char* line) {
  struct gcn_client_s* client = ctx;
  if (client->closing) return;
  gcn__logger_write(&client->logger, client->data, (gcn_log_level_t)level, line,
                    uv_now(client->loop));
}

static uint64_t choose_wait(void* ctx, uint64_t failures, uint64_t delay_ms) {
  const struct gcn_client_s* client = ctx;
  if (client->closing) return delay_ms;
  return client->retry_cb(client->data, failures, delay_ms);
}

static size_t choose_id(void* ctx, const struct gcn__event* from, char* id,
                        size_t size) {
  struct gcn_client_s* client = ctx;
  const struct gcn__moment now = {uv_now(client->loop), gcn__wall_now_ms()};
  if (client->closing) return 0;
  const gcn_event_t event = gcn__delivery_view(client, from, &now);
  size_t written = client->id_cb(client->data, &event, id, size);
  return written <= size ? written : 0; /* a part of an id is not one */
}

_Static_assert((int)GCN_VALIDATE_STRICT == (int)GCN__SCRUTINY_STRICT &&
                   (int)GCN_VALIDATE_SHALLOW == (int)GCN__SCRUTINY_SHALLOW,
               "public and internal ways to look at messages agree");

static int make_engine(struct gcn_client_s* client,
                       const struct gcn__config* config) {
  struct gcn__engine_options options = {
      .mem = client->mem,
      .log = {.write = log_line,
              .ctx = client,
              .level = (enum gcn__log_level)config->options.log_level},
      .settings = config->settings,
      .tls = client->tls,
      .entropy = client->tls == NULL ? gcn__system_entropy()
                                     : gcn__tls_config_entropy(client->tls),
      .seed = config->options.seed,
      .login_url = config->login_url,
      .api_url = config->api_url,
      .domain = config->domain,
      .grant = (enum gcn__grant)config->options.grant,
      .client_id = config->options.client_id,
      .client_secret = config->options.client_secret,
      .refresh_token = config->options.refresh_token,
      .assertion = config->options.assertion,
      .org_name = config->options.org_name,
      .proxies = &client->proxies.env,
      .asks_credentials = config->options.credentials_cb != NULL,
      .asks_token = config->options.token_cb != NULL,
      .override = {client->retry_cb == NULL ? NULL : choose_wait, client},
      .pace = &client->hub->pace,
      .spares = &client->hub->spares,
      .recorder = client->recorder,
      .user_agent = config->user_agent,
      .plaintext = config->options.allow_plaintext != 0,
      .shape = config->stream ? &config->shape : NULL,
      .keys = config->checkpoints,
      .id_choice = {client->id_cb == NULL ? NULL : choose_id, client},
      .scrutiny = config->scrutiny,
  };
  const struct gcn__entropy* entropy = &options.entropy;
  if (options.seed == 0 &&
      entropy->fill(entropy->ctx, &options.seed, sizeof options.seed) != 0) {
    return GCN_EENTROPY;
  }
  return gcn__engine_new(&options, &client->engine);
}

static unsigned value_of(uint64_t option, unsigned usual) {
  if (option == 0) return usual;
  if (option == UINT64_MAX) return 0; /* off */
  return option > INT32_MAX ? INT32_MAX : (unsigned)option;
}

static void take_socket_options(struct gcn_client_s* client,
                                const gcn_options_t* options) {
  struct gcn__socket_options* socket = &client->socket;
  socket->user_timeout_ms =
      value_of(options->user_timeout_ms, socket->user_timeout_ms);
  socket->keepalive_idle_s =
      value_of(options->keepalive_s, socket->keepalive_idle_s);
  /* Linux looks again after a step, also when the last probe was answered: a
   * longer one than the idle time would make that time a lie. */
  if (socket->keepalive_step_s > socket->keepalive_idle_s) {
    socket->keepalive_step_s = socket->keepalive_idle_s;
  }
}

static void take_options(struct gcn_client_s* client, uv_loop_t* loop,
                         const struct gcn__config* config) {
  const gcn_options_t* options = &config->options;
  client->mem = config->mem;
  client->loop = loop;
  client->thread = uv_thread_self();
  client->pid = getpid();
  client->data = options->data;
  client->call = (struct gcn__callbacks){
      .event = options->event_cb,
      .state = options->state_cb,
      .topic = options->topic_cb,
      .gap = options->gap_cb,
      .heartbeat = options->heartbeat_cb,
      .notice = options->notice_cb,
      .rotation = options->rotation_cb,
      .credentials = options->credentials_cb,
      .token = options->token_cb,
      .refresh = options->refresh_cb,
      .checkpoint = options->checkpoint_cb,
  };
  client->connect_cb = options->connect_cb;
  client->retry_cb = options->retry_cb;
  client->id_cb = options->id_cb;
  client->socket = gcn__socket_defaults;
  take_socket_options(client, options);
  client->dns_ms = options->dns_ms == 0 ? DNS_MS : options->dns_ms;
  client->logger.call = options->log_cb;
  client->logger.level = options->log_level;
  client->referenced = true;
  client->state = GCN_IDLE;
  client->state_since_ms = uv_now(loop);
  for (int i = 0; i < GCN__SHARD_COUNT_MAX; i++) {
    client->shard_since_ms[i] = client->state_since_ms;
  }
  gcn__list_init(&client->links);
}

/* Everything but the handles and the mailbox.  What was given to delivery may
 * view the engine's memory, so the engine goes after it. */
static void free_parts(struct gcn_client_s* client) {
  struct gcn__mem mem = client->mem;
  gcn__checkpointer_free(client);
  gcn__delivery_free(client);
  gcn__engine_free(client->engine);
  gcn__tls_config_release(client->tls);
  gcn__proxies_deinit(&client->proxies, &mem);
  if (client->connector != NULL) gcn__connector_free(client->connector);
  if (client->recorder != NULL) gcn__recorder_deinit(client->recorder);
  gcn__free(&mem, client->recorder, sizeof *client->recorder);
  gcn__free(&mem, client, sizeof *client);
}

static int connect_by_user(void* ctx, const char* host, uint16_t port,
                           struct gcn__connect* request) {
  const struct gcn_client_s* client = ctx;
  if (client->closing) return UV_ECANCELED;
  return client->connect_cb(client->data, host, port,
                            (gcn_connect_t*)(void*)request);
}

static int take_hub(struct gcn_client_s* client,
                    const struct gcn__config* config, char* why) {
  gcn_hub_t* hub = config->options.hub;
  if (hub == NULL) {
    return gcn__hub_new(&client->hub, client->loop, &client->mem,
                        &config->options, &config->settings);
  }
  if (hub->pid != client->pid) return GCN_EFORKED;
  if (hub->loop != client->loop) {
    snprintf(why, GCN__WHY_SIZE,
             "hub is of another loop; make one for each loop");
    return GCN_ECONFIG;
  }
  client->hub = gcn__hub_acquire(hub);
  return 0;
}

static int make_network(struct gcn_client_s* client,
                        const struct gcn__config* config, char* why) {
  int error = gcn__proxies_init(&client->proxies, &client->mem, config);
  if (error == 0) error = take_hub(client, config, why);
  if (error == 0) {
    error = gcn__config_load_tls(config, &client->hub->tls_pool, &client->mem,
                                 &client->tls, why);
  }
  if (error != 0) return error;
  if (client->connect_cb == NULL) return 0;
  client->connect_hook = (struct gcn__connector_hook){connect_by_user, client};
  client->connector = gcn__connector_new(&client->mem, &client->connect_hook);
  return client->connector == NULL ? UV_ENOMEM : 0;
}

static int make_recorder(struct gcn_client_s* client,
                         const struct gcn__config* config) {
  uint64_t size = config->options.record_size;
  if (size == UINT64_MAX) return 0;
  if (size == 0) size = GCN__RECORDER_SIZE;
  client->recorder = gcn__alloc_zero(&client->mem, sizeof *client->recorder);
  if (client->recorder == NULL) return UV_ENOMEM;
  gcn__recorder_init(client->recorder, &client->mem, (size_t)size,
                     &config->settings);
  return 0;
}

static int make_delivery(struct gcn_client_s* client,
                         const struct gcn__config* config, char* why) {
  int error = gcn__delivery_new(client, config);
  if (error != 0) return error;
  error = gcn__checkpointer_new(client, config);
  if (error == UV_ENOSYS) {
    snprintf(why, GCN__WHY_SIZE,
             "checkpoint_sqlite needs SQLite, which this library was built "
             "without; use checkpoint_path");
  } else if (error == UV_EINVAL) {
    snprintf(why, GCN__WHY_SIZE,
             "the checkpoint's path is empty, too long or ends in a slash");
  }
  bool told = error == UV_ENOSYS || error == UV_EINVAL;
  return told ? GCN_ECONFIG : error;
}

/* The steps that may fail; the last one may put the hub on the loop. */
static int make_parts(struct gcn_client_s* client,
                      const struct gcn__config* config,
                      char why[GCN__WHY_SIZE]) {
  int error = gcn__config_check_proxies(config, why);
  if (error == 0) error = make_network(client, config, why);
  if (error == 0) error = make_recorder(client, config);
  if (error != 0) return error;
  error = make_engine(client, config);
  if (error == 0) error = make_delivery(client, config, why);
  if (error != 0) return error;
  error = gcn__mailbox_init(&client->mailbox);
  if (error != 0) return error;
  client->turn = (struct gcn__turn){.serve = gcn__pump_serve, .ctx = client};
  error = gcn__hub_join(client->hub, &client->turn);
  if (error != 0) gcn__mailbox_deinit(&client->mailbox);
  return error;
}

static void complain(const struct gcn__config* config, int error,
                     const char* why) {
  const gcn_options_t* options = &config->options;
  bool known = error == GCN_ECONFIG && why[0] != '\0';
  if (known && options->log_cb != NULL) {
    options->log_cb(options->data, GCN_LOG_ERROR, why);
  }
}

int gcn_client_new(gcn_client_t** out, uv_loop_t* loop,
                   const gcn_options_t* options) {
  struct gcn__config config;
  char why[GCN__WHY_SIZE];
  if (out == NULL || loop == NULL || options == NULL) return UV_EINVAL;
  if (!uv_fits(uv_version())) return GCN_EUVVERSION;
  int error = gcn__config_make(options, &config, why);
  if (error != 0) {
    complain(&config, error, why);
    return error;
  }
  gcn_client_t* client = gcn__alloc_zero(&config.mem, sizeof *client);
  if (client == NULL) return UV_ENOMEM;
  take_options(client, loop, &config);
  error = make_parts(client, &config, why);
  if (error != 0) {
    gcn_hub_t* hub = client->hub;
    free_parts(client);
    gcn__hub_release(hub);
    complain(&config, error, why);
    return error;
  }
  client->turns = client->hub->turns;
  client->slept_count = client->hub->sleeps.count;
  client->uncounted_ms = client->hub->sleeps.uncounted_ms;
  gcn__alarm_init(&client->alarm, loop, gcn__pump_alarm, client);
  client->hold_count = 2;
  *out = client;
  return 0;
}

static void cancel_posts(struct gcn_client_s* client) {
  struct gcn__post* post = gcn__mailbox_take_posts(&client->mailbox);
  while (post != NULL) {
    struct gcn__post* next = post->next;
    post->call(client, UV_ECANCELED, post->arg);
    gcn__post_free(post);
    post = next;
  }
}

static void end_client(void* ctx) {
  struct gcn_client_s* client = ctx;
  cancel_posts(client);
  client->state = GCN_CLOSED;
  if (client->close_cb != NULL) client->close_cb(client);
  gcn__mailbox_deinit(&client->mailbox);
  gcn_hub_t* hub = client->hub;
  free_parts(client);
  gcn__hub_release(hub);
}

void gcn__client_release(void* ctx) {
  struct gcn_client_s* client = ctx;
  GCN__ASSERT(client->hold_count > 0);
  if (--client->hold_count > 0) return;
  GCN__ASSERT(client->leaving && gcn__list_empty(&client->links));
  /* A look-up of our own hub may still run. */
  if (gcn__hub_quit(client->hub, end_client, client)) end_client(client);
}

static void on_turns_gone(void* ctx) {
  struct gcn_client_s* client = ctx;
  client->parted = true;
  gcn__client_release(client);
}

static void on_alarm_closed(uv_handle_t* handle) {
  const struct gcn__alarm* alarm = handle->data;
  gcn__client_release(alarm->ctx);
}

void gcn__client_leave(struct gcn_client_s* client) {
  GCN__ASSERT(client->closing && !client->leaving);
  client->leaving = true;
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    struct gcn__link* link = client->wires[i];
    client->wires[i] = NULL;
    if (link != NULL) gcn__link_drop(link, false);
  }
  uv_close((uv_handle_t*)&client->alarm.handle, on_alarm_closed);
  if (gcn__hub_part(client->hub, &client->turn, on_turns_gone, client)) {
    on_turns_gone(client); /* the timer still holds the client */
  }
}

void gcn__client_set_ref(struct gcn_client_s* client, bool referenced) {
  client->referenced = referenced;
  uv_handle_t* timer = (uv_handle_t*)&client->alarm.handle;
  gcn__turns_ref(client->turns, &client->turn, referenced);
  if (referenced) {
    uv_ref(timer);
  } else {
    uv_unref(timer);
  }
  for (int i = 0; i < GCN__WIRE_COUNT; i++) {
    if (client->wires[i] == NULL) continue;
    gcn__link_ref(client->wires[i], referenced);
  }
}

int gcn_client_abandon(gcn_client_t* client) {
  if (client == NULL || client->pid == getpid()) return UV_EINVAL;
  while (!gcn__list_empty(&client->links)) {
    gcn__link_abandon(gcn__link_of(client->links.next));
  }
  gcn__mailbox_abandon(&client->mailbox);
  gcn__checkpointer_abandon(client);
  gcn_hub_t* hub = client->hub;
  if (!client->parted) gcn__turns_abandon(client->turns);
  free_parts(client);
  gcn__hub_abandon(hub);
  return 0;
}
